def run(d, inputs, shapes, numbers):
    """(exp((M - dimshuffle(max(M, axis=(1,)), order=(0, 'x')))) / dimshuffle(sum(exp((M - dimshuffle(max(M, axis=(1,)), order=(0, 'x')))), axis=(1,)), order=(0, 'x')))"""
    M = inputs[0]
    M_n0 = shapes[0][0]
    M_n1 = shapes[0][1]
    true_div = d.result(0, 0, "float64", (M_n0, M_n1))
    mark_2 = d.mark()
    grid = d.grid(M_n0, (M_n1 + 1) // 2)
    own = (M_n1 * 8 + 15) // 16 * 16
    shared = own * grid.groups
    if shared > d.shared:
        own = shared = 0
    exp_all = DeviceMemory(0) if own else d.allocate(((grid.blocks * grid.groups) * M_n1) * 8)
    d.launch("true_div_kernel", grid, shared, max(M_n0, M_n0 * M_n1, M_n1), own, M_n1, exp_all, M, true_div, M_n0)
    d.release(mark_2)
    return [Array(true_div, "float64", (M_n0, M_n1))]

GC_KERNEL true_div_kernel(int32_t own_bytes, gc_index M_n1, double *exp_all, const double *__restrict__ M, double *__restrict__ true_div, gc_index M_n0) {
    GC_SHARED(gc_shared);
    unsigned char *own = gc_shared + threadIdx.y * own_bytes;
    double *const v_exp = own_bytes ? (double *)own : exp_all + (int64_t)(blockIdx.x * blockDim.y + threadIdx.y) * M_n1;
    own += GC_ROUNDED(M_n1 * sizeof(double));
    const gc_index vectors = ((size_t)M | (size_t)v_exp | (size_t)true_div) % 16 | M_n1 % 2 ? 0 : M_n1 / 2;
    for (gc_index i0 = blockIdx.x * blockDim.y + threadIdx.y; i0 < M_n0; i0 += gridDim.x * blockDim.y) {
        double max_2 = (double)-INFINITY;
        for (gc_index vector = threadIdx.x; vector < vectors; vector += blockDim.x) {
            const gc_f64x2 M_2 = ((const gc_f64x2 *)(M + i0 * M_n1))[vector];
            #pragma unroll
            for (int e = 0; e < 2; e++) {
                max_2 = gc_larger_f64(max_2, M_2.x[e]);
            }
        }
        for (gc_index i1 = vectors * 2 + threadIdx.x; i1 < M_n1; i1 += blockDim.x) {
            max_2 = gc_larger_f64(max_2, M[(i0 * M_n1) + i1]);
        }
        max_2 = gc_group_maximum_f64(max_2);
        double max_3 = max_2;
        double sum = 0.0;
        for (gc_index vector_2 = threadIdx.x; vector_2 < vectors; vector_2 += blockDim.x) {
            const gc_f64x2 M_2_2 = ((const gc_f64x2 *)(M + i0 * M_n1))[vector_2];
            gc_f64x2 exp_2;
            #pragma unroll
            for (int e_2 = 0; e_2 < 2; e_2++) {
                double sub = M_2_2.x[e_2] - max_3;
                exp_2.x[e_2] = exp(sub);
                sum = sum + exp_2.x[e_2];
            }
            ((gc_f64x2 *)v_exp)[vector_2] = exp_2;
        }
        for (gc_index i1_2 = vectors * 2 + threadIdx.x; i1_2 < M_n1; i1_2 += blockDim.x) {
            double sub = M[(i0 * M_n1) + i1_2] - max_3;
            v_exp[i1_2] = exp(sub);
            sum = sum + v_exp[i1_2];
        }
        sum = gc_group_add_f64(sum);
        double sum_2 = sum;
        for (gc_index vector_3 = threadIdx.x; vector_3 < vectors; vector_3 += blockDim.x) {
            const gc_f64x2 exp_2_2 = ((const gc_f64x2 *)v_exp)[vector_3];
            gc_f64x2 true_div_2;
            #pragma unroll
            for (int e_3 = 0; e_3 < 2; e_3++) {
                true_div_2.x[e_3] = exp_2_2.x[e_3] / sum_2;
            }
            ((gc_f64x2 *)(true_div + i0 * M_n1))[vector_3] = true_div_2;
        }
        for (gc_index i1_3 = vectors * 2 + threadIdx.x; i1_3 < M_n1; i1_3 += blockDim.x) {
            true_div[(i0 * M_n1) + i1_3] = v_exp[i1_3] / sum_2;
        }
    }
}
