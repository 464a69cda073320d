def run(d, inputs, shapes, numbers):
    """scan(n, scan(n, 1.0, x).1[::-1], inc_subtensor(alloc(0.0, n)[-1], 1.0)[::-1], 0.0, 0.0, x).1"""
    x = inputs[0]
    n_4 = inputs[1]
    words = d.allocate(24)
    if not (numbers[1] >= 0):
        raise d.failed(0, (numbers[1],))
    if not (numbers[1] <= 1152921504606846975):
        raise d.failed(1, (numbers[1],))
    if not (not ((-1 < (-numbers[1])) | (-1 >= numbers[1]))):
        raise d.failed(2, (-1, numbers[1]))
    scan = d.temporary(3, numbers[1] * 8)
    inc_subtensor = d.temporary(4, numbers[1] * 8)
    d.launch("state0_t_1_kernel", d.grid(1, 1, 1), 0, numbers[1], numbers[1], x, scan, words, words + 8, words + 16)
    d.launch("inc_subtensor_kernel", d.grid((numbers[1] + 1) // 2, 1), 0, numbers[1], numbers[1], inc_subtensor)
    scan_2 = d.result(5, 0, "float64", ())
    d.launch("scan_kernel", d.grid(1, 1, 1), 0, numbers[1], numbers[1], inc_subtensor, x, scan, scan_2, words + 8, words + 16)
    return [Array(scan_2, "float64", ())]

GC_KERNEL state0_t_1_kernel(gc_index n, const double *__restrict__ x, double *__restrict__ scan, double *state0_t_1_at, double *g_state0_t_1_at, double *sum_x_at) {
    double state0_t_1 = *state0_t_1_at;
    double g_state0_t_1 = *g_state0_t_1_at;
    double sum_x = *sum_x_at;
    if (gc_thread() != 0) return;
    state0_t_1 = 1.0;
    g_state0_t_1 = 0.0;
    sum_x = 0.0;
    for (gc_index t = 0; t < n; t++) {
        double mul = state0_t_1 * x[0];
        scan[t] = state0_t_1;
        double new_2 = mul;
        state0_t_1 = new_2;
    }
    *state0_t_1_at = state0_t_1;
    *g_state0_t_1_at = g_state0_t_1;
    *sum_x_at = sum_x;
}

GC_KERNEL inc_subtensor_kernel(gc_index n_2, double *__restrict__ inc_subtensor) {
    const gc_index vectors = ((size_t)inc_subtensor) % 16 ? 0 : n_2 / 2;
    for (gc_index vector = blockIdx.x * blockDim.y + threadIdx.y; vector < vectors; vector += gridDim.x * blockDim.y) {
        gc_f64x2 inc_subtensor_2;
        #pragma unroll
        for (int e = 0; e < 2; e++) {
            inc_subtensor_2.x[e] = 0.0;
        }
        ((gc_f64x2 *)inc_subtensor)[vector] = inc_subtensor_2;
    }
    for (gc_index i0 = vectors * 2 + blockIdx.x * blockDim.y + threadIdx.y; i0 < n_2; i0 += gridDim.x * blockDim.y) {
        inc_subtensor[i0] = 0.0;
    }
}

GC_KERNEL scan_kernel(gc_index n_3, double *__restrict__ inc_subtensor, const double *__restrict__ x, double *__restrict__ scan, double *__restrict__ scan_2, double *g_state0_t_1_at, double *sum_x_at) {
    double g_state0_t_1 = *g_state0_t_1_at;
    double sum_x = *sum_x_at;
    if (gc_thread() != 0) return;
    inc_subtensor[n_3 + -1] = inc_subtensor[n_3 + -1] + 1.0;
    for (gc_index t_2 = 0; t_2 < n_3; t_2++) {
        double add = g_state0_t_1 + inc_subtensor[(n_3 + -1) + (t_2 * -1)];
        double mul_2 = add * x[0];
        double mul_3 = add * scan[(n_3 + -1) + (t_2 * -1)];
        double add_2 = sum_x + mul_3;
        double new_3 = mul_2;
        double new_4 = add_2;
        g_state0_t_1 = new_3;
        sum_x = new_4;
    }
    scan_2[0] = sum_x;
    *g_state0_t_1_at = g_state0_t_1;
    *sum_x_at = sum_x;
}
