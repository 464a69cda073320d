def run(d, inputs, shapes, numbers):
    """conditional((x > 0), M)"""
    x = inputs[0]
    M = inputs[1]
    M_n0 = shapes[1][0]
    M_n1 = shapes[1][1]
    words = d.allocate(8)
    d.launch("gt_kernel", d.grid(1, 1, 1), 0, 1, x, words)
    gt = d.read(words, "bool")
    conditional_n0 = 0
    conditional_n1 = 0
    if gt:
        sin_2 = d.temporary(1, (M_n0 * M_n1) * 8)
        d.launch("sin_kernel", d.grid(((M_n0 * M_n1) + 1) // 2, 1), 0, M_n0 * M_n1, M_n1, M_n0, M, sin_2)
        conditional_n0 = M_n0
        conditional_n1 = M_n1
        conditional = sin_2
    else:
        mul = d.temporary(2, (M_n0 * M_n1) * 8)
        d.launch("mul_kernel", d.grid(((M_n0 * M_n1) + 1) // 2, 1), 0, M_n0 * M_n1, M_n1, M_n0, M, mul)
        conditional_n0 = M_n0
        conditional_n1 = M_n1
        conditional = mul
    conditional_2 = d.result(0, 0, "float64", (conditional_n0, conditional_n1))
    d.launch("conditional_kernel", d.grid(((conditional_n0 * conditional_n1) + 1) // 2, 1), 0, conditional_n0 * conditional_n1, conditional_n1, conditional_n0, conditional, conditional_2)
    return [Array(conditional_2, "float64", (conditional_n0, conditional_n1))]

GC_KERNEL gt_kernel(const double *__restrict__ x, uint8_t *gt_at) {
    uint8_t gt = *gt_at;
    if (gc_thread() != 0) return;
    gt = x[0] > (double)0;
    *gt_at = gt;
}

GC_KERNEL sin_kernel(gc_index M_n1, gc_index M_n0, const double *__restrict__ M, double *sin_2) {
    const gc_index vectors = ((size_t)M | (size_t)sin_2) % 16 ? 0 : (M_n0 * M_n1) / 2;
    for (gc_index vector = blockIdx.x * blockDim.y + threadIdx.y; vector < vectors; vector += gridDim.x * blockDim.y) {
        const gc_f64x2 M_2 = ((const gc_f64x2 *)M)[vector];
        gc_f64x2 sin_2_2;
        #pragma unroll
        for (int e = 0; e < 2; e++) {
            sin_2_2.x[e] = sin(M_2.x[e]);
        }
        ((gc_f64x2 *)sin_2)[vector] = sin_2_2;
    }
    for (gc_index at = vectors * 2 + blockIdx.x * blockDim.y + threadIdx.y; at < M_n0 * M_n1; at += gridDim.x * blockDim.y) {
        sin_2[at] = sin(M[at]);
    }
}

GC_KERNEL mul_kernel(gc_index M_n1, gc_index M_n0, const double *__restrict__ M, double *mul) {
    const gc_index vectors_2 = ((size_t)M | (size_t)mul) % 16 ? 0 : (M_n0 * M_n1) / 2;
    for (gc_index vector_2 = blockIdx.x * blockDim.y + threadIdx.y; vector_2 < vectors_2; vector_2 += gridDim.x * blockDim.y) {
        const gc_f64x2 M_2_2 = ((const gc_f64x2 *)M)[vector_2];
        gc_f64x2 mul_2;
        #pragma unroll
        for (int e_2 = 0; e_2 < 2; e_2++) {
            mul_2.x[e_2] = (double)2 * M_2_2.x[e_2];
        }
        ((gc_f64x2 *)mul)[vector_2] = mul_2;
    }
    for (gc_index at_2 = vectors_2 * 2 + blockIdx.x * blockDim.y + threadIdx.y; at_2 < M_n0 * M_n1; at_2 += gridDim.x * blockDim.y) {
        mul[at_2] = (double)2 * M[at_2];
    }
}

GC_KERNEL conditional_kernel(int64_t conditional_n1, int64_t conditional_n0, double *conditional, double *__restrict__ conditional_2) {
    const gc_index vectors_3 = ((size_t)conditional | (size_t)conditional_2) % 16 ? 0 : ((gc_index)conditional_n0 * (gc_index)conditional_n1) / 2;
    for (gc_index vector_3 = blockIdx.x * blockDim.y + threadIdx.y; vector_3 < vectors_3; vector_3 += gridDim.x * blockDim.y) {
        const gc_f64x2 conditional_2_2 = ((const gc_f64x2 *)conditional)[vector_3];
        gc_f64x2 conditional_2_3;
        #pragma unroll
        for (int e_3 = 0; e_3 < 2; e_3++) {
            conditional_2_3.x[e_3] = conditional_2_2.x[e_3];
        }
        ((gc_f64x2 *)conditional_2)[vector_3] = conditional_2_3;
    }
    for (gc_index at_3 = vectors_3 * 2 + blockIdx.x * blockDim.y + threadIdx.y; at_3 < (gc_index)conditional_n0 * (gc_index)conditional_n1; at_3 += gridDim.x * blockDim.y) {
        conditional_2[at_3] = conditional[at_3];
    }
}
