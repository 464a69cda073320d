def run(d, inputs, shapes, numbers):
    """cumsum(exp(M), axis=1), cumsum(v, axis=0), cumprod(v, axis=0)"""
    M = inputs[0]
    M_n0 = shapes[0][0]
    M_n1 = shapes[0][1]
    v = inputs[1]
    v_n0 = shapes[1][0]
    words = d.allocate(16)
    cumsum = d.output(0, "float64", (M_n0, M_n1))
    d.launch("cumsum_kernel", d.grid(M_n0, M_n1), 0, max(M_n0 * M_n1, M_n0, M_n1), M_n0, M_n1, M, cumsum)
    cumsum_2 = d.output(1, "float64", (v_n0,))
    cumprod = d.output(2, "float64", (v_n0,))
    d.launch("cumprod_kernel", d.grid(1, v_n0, 1), 0, v_n0, words, words + 8, v_n0, v, cumsum_2, cumprod)
    return [Array(cumsum, "float64", (M_n0, M_n1)), Array(cumsum_2, "float64", (v_n0,)), Array(cumprod, "float64", (v_n0,))]

GC_KERNEL cumsum_kernel(gc_index M_n0, gc_index M_n1, const double *__restrict__ M, double *__restrict__ cumsum) {
    for (gc_index i0 = blockIdx.x * blockDim.y + threadIdx.y; i0 < M_n0; i0 += gridDim.x * blockDim.y) {
        double state = 0.0;
        double state_before = state;
        for (gc_index first = 0; first < M_n1; first += blockDim.x) {
            const gc_index i1 = first + threadIdx.x;
            double v_exp;
            state = 0.0;
            if (i1 < M_n1) {
                v_exp = exp(M[(i0 * M_n1) + i1]);
                state = v_exp;
            }
            double all;
            state = gc_running_add_f64(state, &all);
            state = state_before + state;
            state_before = state_before + all;
            if (i1 < M_n1) {
                cumsum[(i0 * M_n1) + i1] = state;
            }
        }
        state = state_before;
    }
}

GC_KERNEL cumprod_kernel(double *state_2_at, double *state_3_at, gc_index v_n0, const double *__restrict__ v, double *__restrict__ cumsum_2, double *__restrict__ cumprod) {
    double state_2 = *state_2_at;
    double state_3 = *state_3_at;
    state_2 = 0.0;
    state_3 = 1.0;
    double state_2_before = state_2;
    double state_3_before = state_3;
    for (gc_index first_2 = 0; first_2 < v_n0; first_2 += blockDim.x) {
        const gc_index i0_2 = first_2 + threadIdx.x;
        state_2 = 0.0;
        if (i0_2 < v_n0) {
            state_2 = v[i0_2];
        }
        double all_2;
        state_2 = gc_running_add_f64(state_2, &all_2);
        state_2 = state_2_before + state_2;
        state_2_before = state_2_before + all_2;
        state_3 = 1.0;
        if (i0_2 < v_n0) {
            cumsum_2[i0_2] = state_2;
            state_3 = v[i0_2];
        }
        double all_3;
        state_3 = gc_running_mul_f64(state_3, &all_3);
        state_3 = state_3_before * state_3;
        state_3_before = state_3_before * all_3;
        if (i0_2 < v_n0) {
            cumprod[i0_2] = state_3;
        }
    }
    state_2 = state_2_before;
    state_3 = state_3_before;
    gc_barrier();
    if (threadIdx.x == 0) {
        *state_2_at = state_2;
        *state_3_at = state_3;
    }
}
