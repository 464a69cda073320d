def run(d, inputs, shapes, numbers):
    """assert(scan(n, scan(n, 1.0, x).1[::-1], 1.0, 0.0, x).1, ((-1 >= (-n)) & (-1 < n)))"""
    x = inputs[0]
    n_2 = inputs[1]
    words = d.allocate(24)
    if not (numbers[1] >= 0):
        raise d.failed(0, (numbers[1],))
    if not (numbers[1] <= 1152921504606846975):
        raise d.failed(1, (numbers[1],))
    and_2 = (-1 >= (-numbers[1])) & (-1 < numbers[1])
    if not and_2:
        raise d.failed(2, ())
    scan = d.temporary(3, numbers[1] * 8)
    assert_2 = d.result(4, 0, "float64", ())
    d.launch("assert_kernel", d.grid(1, 1, 1), 0, numbers[1], numbers[1], x, scan, assert_2, words, words + 8, words + 16)
    return [Array(assert_2, "float64", ())]

GC_KERNEL assert_kernel(gc_index n, const double *__restrict__ x, double *__restrict__ scan, double *__restrict__ assert_2, double *state0_t_1_at, double *g_state0_t_1_at, double *sum_x_at) {
    double state0_t_1 = *state0_t_1_at;
    double g_state0_t_1 = *g_state0_t_1_at;
    double sum_x = *sum_x_at;
    if (gc_thread() != 0) return;
    state0_t_1 = 1.0;
    g_state0_t_1 = 1.0;
    sum_x = 0.0;
    for (gc_index t = 0; t < n; t++) {
        double mul = state0_t_1 * x[0];
        scan[t] = state0_t_1;
        double new_2 = mul;
        state0_t_1 = new_2;
    }
    for (gc_index t_2 = 0; t_2 < n; t_2++) {
        double mul_2 = g_state0_t_1 * x[0];
        double mul_3 = g_state0_t_1 * scan[(n + -1) + (t_2 * -1)];
        double add = sum_x + mul_3;
        double new_3 = mul_2;
        double new_4 = add;
        g_state0_t_1 = new_3;
        sum_x = new_4;
    }
    assert_2[0] = sum_x;
    *state0_t_1_at = state0_t_1;
    *g_state0_t_1_at = g_state0_t_1;
    *sum_x_at = sum_x;
}
