def run(d, inputs, shapes, numbers):
    """sqrt(sum(sqr(M), axis=(0, 1)))"""
    M = inputs[0]
    M_n0 = shapes[0][0]
    M_n1 = shapes[0][1]
    words = d.allocate(24)
    v_sqrt = d.result(0, 0, "float64", ())
    mark_2 = d.mark()
    grid = d.grid(((M_n0 * M_n1) + 1) // 2, 1)
    sum_partials = d.allocate(grid.blocks * 8)
    d.launch("sum_kernel", grid, 0, max(M_n0 * M_n1, grid.blocks), M_n1, M_n0, M, sum_partials, d.zeros(4), v_sqrt, words, words + 8, words + 16)
    d.release(mark_2)
    return [Array(v_sqrt, "float64", ())]

GC_KERNEL sum_kernel(gc_index M_n1, gc_index M_n0, const double *__restrict__ M, double *sum_partials, unsigned *counter, double *__restrict__ v_sqrt, double *sum_at, double *v_sqrt_2_at, double *sum_2_at) {
    double sum = *sum_at;
    double v_sqrt_2 = *v_sqrt_2_at;
    double sum_2 = 0.0;
    const gc_index vectors = ((size_t)M) % 16 ? 0 : (M_n0 * M_n1) / 2;
    for (gc_index vector = blockIdx.x * blockDim.y + threadIdx.y; vector < vectors; vector += gridDim.x * blockDim.y) {
        const gc_f64x2 M_2 = ((const gc_f64x2 *)M)[vector];
        #pragma unroll
        for (int e = 0; e < 2; e++) {
            double sqr = M_2.x[e] * M_2.x[e];
            sum_2 = sum_2 + sqr;
        }
    }
    for (gc_index at = vectors * 2 + blockIdx.x * blockDim.y + threadIdx.y; at < M_n0 * M_n1; at += gridDim.x * blockDim.y) {
        double sqr = M[at] * M[at];
        sum_2 = sum_2 + sqr;
    }
    sum_2 = gc_block_add_f64(sum_2);
    if (gridDim.x > 1) {
        if (gc_thread() == 0) {
            sum_partials[blockIdx.x] = sum_2;
        }
        if (!gc_last(counter)) return;
        sum_2 = 0.0;
        for (gc_index j = gc_thread(); j < gridDim.x; j += gc_threads()) {
            double partial = sum_partials[j];
            sum_2 = sum_2 + partial;
        }
        sum_2 = gc_block_add_f64(sum_2);
    }
    if (gc_thread() == 0) {
        sum = sum_2;
        v_sqrt_2 = sqrt(sum);
        v_sqrt[0] = v_sqrt_2;
        *sum_2_at = sum_2;
        *sum_at = sum;
        *v_sqrt_2_at = v_sqrt_2;
    }
}
