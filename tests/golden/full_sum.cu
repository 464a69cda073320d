def run(d, inputs, shapes, numbers):
    """sqrt(sum(sqr(M), axis=(0, 1)))"""
    M = inputs[0]
    M_n0 = shapes[0][0]
    M_n1 = shapes[0][1]
    words = d.allocate(24)
    v_sqrt = d.output(0, "float64", ())
    grid = d.grid(((M_n0 * M_n1) + 1) // 2, 1)
    mark_2 = d.mark()
    d.launch("sum_kernel", grid, 0, max(M_n0 * M_n1, M_n0, M_n1), M_n0, M_n1, M, words, d.allocate(grid.blocks * 8), d.zeros(4), words + 8, words + 16, v_sqrt)
    d.release(mark_2)
    return [Array(v_sqrt, "float64", ())]

GC_KERNEL sum_kernel(gc_index M_n0, gc_index M_n1, const double *__restrict__ M, double *sum_at, double *sum_parts, unsigned *counter, double *sum_2_at, double *v_sqrt_2_at, double *__restrict__ v_sqrt) {
    double sum_2 = *sum_2_at;
    double v_sqrt_2 = *v_sqrt_2_at;
    double sum = 0.0;
    const gc_index vectors = ((size_t)M) % 16 ? 0 : (M_n0 * M_n1) / 2;
    for (gc_index vector = blockIdx.x * blockDim.y + threadIdx.y; vector < vectors; vector += gridDim.x * blockDim.y) {
        const gc_f64x2 M_2 = ((const gc_f64x2 *)M)[vector];
        #pragma unroll
        for (int e = 0; e < 2; e++) {
            double sqr = M_2.x[e] * M_2.x[e];
            sum = sum + sqr;
        }
    }
    for (gc_index at_2 = vectors * 2 + blockIdx.x * blockDim.y + threadIdx.y; at_2 < M_n0 * M_n1; at_2 += gridDim.x * blockDim.y) {
        double sqr = M[at_2] * M[at_2];
        sum = sum + sqr;
    }
    sum = gc_block_add_f64(sum);
    if (gridDim.x > 1) {
        if (gc_thread() == 0) {
            sum_parts[blockIdx.x] = sum;
        }
        if (!gc_last(counter)) return;
        sum = 0.0;
        for (int k = gc_thread(); k < gridDim.x; k += gc_threads()) {
            const double part = sum_parts[k];
            sum = sum + part;
        }
        sum = gc_block_add_f64(sum);
    }
    if (gc_thread() == 0) {
        sum_2 = sum;
        v_sqrt_2 = sqrt(sum_2);
        v_sqrt[0] = v_sqrt_2;
        *sum_at = sum;
        *sum_2_at = sum_2;
        *v_sqrt_2_at = v_sqrt_2;
    }
}
