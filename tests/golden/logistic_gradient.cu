def run(d, inputs, shapes, numbers):
    """(sigmoid(M) * sigmoid((-M)))"""
    M = inputs[0]
    M_n0 = shapes[0][0]
    M_n1 = shapes[0][1]
    mul = d.output(0, "float64", (M_n0, M_n1))
    d.launch("mul_kernel", d.grid(M_n0 * M_n1, 1), 0, max(M_n0 * M_n1, M_n0, M_n1), M_n0, M_n1, M, mul)
    return [Array(mul, "float64", (M_n0, M_n1))]

GC_KERNEL mul_kernel(gc_index M_n0, gc_index M_n1, const double *__restrict__ M, double *__restrict__ mul) {
    for (gc_index at = blockIdx.x * blockDim.y + threadIdx.y; at < M_n0 * M_n1; at += gridDim.x * blockDim.y) {
        double sigmoid = gc_sigmoid_f64(M[at]);
        double neg = -M[at];
        double sigmoid_2 = gc_sigmoid_f64(neg);
        mul[at] = sigmoid * sigmoid_2;
    }
}
