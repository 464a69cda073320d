def run(d, inputs, shapes, numbers):
    """(dimshuffle(M, order=(1, 0)) * dimshuffle(v, order=(0, 'x')))"""
    M = inputs[0]
    M_n0 = shapes[0][0]
    M_n1 = shapes[0][1]
    v = inputs[1]
    v_n0 = shapes[1][0]
    if not (M_n1 == v_n0):
        raise d.failed(0, (M_n1, v_n0))
    mul = d.result(1, 0, "float64", (M_n1, M_n0))
    if (min(M_n1, M_n0)) >= 16:
        d.launch("mul_kernel", d.grid(((M_n1 + 31) // 32) * ((M_n0 + 31) // 32), 1024), 0, max(((M_n1 + 31) // 32) * ((M_n0 + 31) // 32), M_n0 * M_n1, M_n1 * M_n0, v_n0, 1056), (M_n0 + 31) // 32, (M_n1 + 31) // 32, M_n0, M_n1, M, v, mul)
    else:
        d.launch("mul_kernel_2", d.grid(((M_n1 * M_n0) + 1) // 2, 1), 0, max(M_n1 * M_n0, M_n0 * M_n1, v_n0), M_n0, M_n1, mul, v, M)
    return [Array(mul, "float64", (M_n1, M_n0))]

GC_KERNEL mul_kernel(gc_index n, gc_index n_2, gc_index M_n0, gc_index M_n1, const double *__restrict__ M, const double *__restrict__ v, double *__restrict__ mul) {
    __shared__ double M_tile[1056];
    for (gc_index tile = blockIdx.x; tile < n_2 * n; tile += gridDim.x) {
        const gc_index i1_tile = tile % n;
        const gc_index i0_tile = tile / n;
        gc_barrier();
        for (gc_index j = threadIdx.x; j < 1024; j += blockDim.x) {
            const gc_index b = j % 32;
            const gc_index a = j / 32;
            const gc_index i1 = (i1_tile * 32) + a;
            const gc_index i0 = (i0_tile * 32) + b;
            if ((i1 < M_n0) & (i0 < M_n1)) {
                M_tile[(a * 33) + b] = M[(i1 * M_n1) + i0];
            }
        }
        gc_barrier();
        for (gc_index j_2 = threadIdx.x; j_2 < 1024; j_2 += blockDim.x) {
            const gc_index b_2 = j_2 % 32;
            const gc_index a_2 = j_2 / 32;
            const gc_index i0 = (i0_tile * 32) + a_2;
            const gc_index i1 = (i1_tile * 32) + b_2;
            if ((i0 < M_n1) & (i1 < M_n0)) {
                mul[(i0 * M_n0) + i1] = M_tile[(b_2 * 33) + a_2] * v[i0];
            }
        }
    }
}

GC_KERNEL mul_kernel_2(gc_index M_n0, gc_index M_n1, double *__restrict__ mul, const double *__restrict__ v, const double *__restrict__ M) {
    const gc_index vectors = ((size_t)mul) % 16 ? 0 : (M_n1 * M_n0) / 2;
    for (gc_index vector = blockIdx.x * blockDim.y + threadIdx.y; vector < vectors; vector += gridDim.x * blockDim.y) {
        gc_f64x2 mul_2;
        #pragma unroll
        for (int e = 0; e < 2; e++) {
            const gc_index at = (vector * 2) + e;
            const gc_index i1 = at % M_n0;
            const gc_index i0 = at / M_n0;
            mul_2.x[e] = M[(i1 * M_n1) + i0] * v[i0];
        }
        ((gc_f64x2 *)mul)[vector] = mul_2;
    }
    for (gc_index at_2 = vectors * 2 + blockIdx.x * blockDim.y + threadIdx.y; at_2 < M_n1 * M_n0; at_2 += gridDim.x * blockDim.y) {
        const gc_index i1 = at_2 % M_n0;
        const gc_index i0 = at_2 / M_n0;
        mul[at_2] = M[(i1 * M_n1) + i0] * v[i0];
    }
}
