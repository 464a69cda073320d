def run(d, inputs, shapes, numbers):
    """cumsum(exp(M), axis=1), cumsum(v, axis=0), cumprod(v, axis=0)"""
    M = inputs[0]
    M_n0 = shapes[0][0]
    M_n1 = shapes[0][1]
    v = inputs[1]
    v_n0 = shapes[1][0]
    words = d.allocate(16)
    cumsum = d.output(0, "float64", (M_n0, M_n1))
    if M_n1 >= (M_n0 * 16384):
        for i0 in range(M_n0):
            mark_2 = d.mark()
            grid = d.grid((M_n1 + 4095) // 4096, min(M_n1, 4096))
            mark_3 = d.mark()
            state_chunks = d.allocate((grid.blocks * grid.groups + 1) * 8)
            if grid.blocks * grid.groups > 1:
                d.launch("cumsum_totals", grid, 0, max(M_n0 * M_n1, M_n1), M_n1, state_chunks, M, i0, d.zeros(4))
            d.launch("cumsum_kernel", grid, 0, max(M_n0 * M_n1, M_n1), M_n1, state_chunks, M, i0, cumsum)
            d.release(mark_3)
            d.release(mark_2)
    else:
        d.launch("cumsum_kernel_2", d.grid(M_n0, M_n1), 0, max(M_n0 * M_n1, M_n0, M_n1), M_n0, M_n1, M, cumsum)
    cumsum_2 = d.output(1, "float64", (v_n0,))
    cumprod = d.output(2, "float64", (v_n0,))
    grid = d.grid((v_n0 + 4095) // 4096, min(v_n0, 4096))
    mark_4 = d.mark()
    state_2_chunks = d.allocate((grid.blocks * grid.groups + 1) * 8)
    state_3_chunks = d.allocate((grid.blocks * grid.groups + 1) * 8)
    if grid.blocks * grid.groups > 1:
        d.launch("cumprod_totals", grid, 0, v_n0, v_n0, state_2_chunks, state_3_chunks, v, d.zeros(4))
    d.launch("cumprod_kernel", grid, 0, v_n0, v_n0, state_2_chunks, words, state_3_chunks, words + 8, v, cumsum_2, cumprod)
    d.release(mark_4)
    return [Array(cumsum, "float64", (M_n0, M_n1)), Array(cumsum_2, "float64", (v_n0,)), Array(cumprod, "float64", (v_n0,))]

GC_KERNEL cumsum_totals(gc_index M_n1, double *state_chunks, const double *__restrict__ M, int64_t i0, unsigned *counter) {
    const gc_index group = blockIdx.x * blockDim.y + threadIdx.y;
    const gc_index groups = gridDim.x * blockDim.y;
    const gc_index start_2 = gc_chunk(M_n1, group), last_2 = gc_chunk(M_n1, group + 1);
    double state = 0.0;
    for (gc_index i1 = start_2 + threadIdx.x; i1 < last_2; i1 += blockDim.x) {
        double v_exp = exp(M[((gc_index)i0 * M_n1) + i1]);
        state = state + v_exp;
    }
    state = gc_group_add_f64(state);
    if (threadIdx.x == 0) state_chunks[group + 1] = state;
    if (!gc_last(counter) || threadIdx.y != 0) return;
    double state_before_2 = 0.0;
    if (threadIdx.x == 0) state_chunks[0] = state_before_2;
    for (gc_index first_2 = 0; first_2 < groups; first_2 += blockDim.x) {
        const gc_index k = first_2 + threadIdx.x;
        state = k < groups ? state_chunks[k + 1] : 0.0;
        double all_2;
        state = gc_running_add_f64(state, &all_2);
        if (k < groups) state_chunks[k + 1] = state_before_2 + state;
        state_before_2 = state_before_2 + all_2;
    }
}

GC_KERNEL cumsum_kernel(gc_index M_n1, double *state_chunks, const double *__restrict__ M, int64_t i0, double *__restrict__ cumsum) {
    const gc_index group = blockIdx.x * blockDim.y + threadIdx.y;
    const gc_index groups = gridDim.x * blockDim.y;
    const gc_index start = gc_chunk(M_n1, group), last = gc_chunk(M_n1, group + 1);
    double state = groups > 1 ? state_chunks[group] : 0.0;
    double state_before = state;
    for (gc_index first = start; first < last; first += blockDim.x) {
        const gc_index i1 = first + threadIdx.x;
        double v_exp;
        state = 0.0;
        if (i1 < last) {
            v_exp = exp(M[((gc_index)i0 * M_n1) + i1]);
            state = v_exp;
        }
        double all;
        state = gc_running_add_f64(state, &all);
        state = state_before + state;
        state_before = state_before + all;
        if (i1 < last) {
            cumsum[((gc_index)i0 * M_n1) + i1] = state;
        }
    }
    state = state_before;
}

GC_KERNEL cumsum_kernel_2(gc_index M_n0, gc_index M_n1, const double *__restrict__ M, double *__restrict__ cumsum) {
    for (gc_index i0 = blockIdx.x * blockDim.y + threadIdx.y; i0 < M_n0; i0 += gridDim.x * blockDim.y) {
        double state = 0.0;
        double state_before_3 = state;
        for (gc_index first_3 = 0; first_3 < M_n1; first_3 += blockDim.x) {
            const gc_index i1 = first_3 + threadIdx.x;
            double v_exp;
            state = 0.0;
            if (i1 < M_n1) {
                v_exp = exp(M[(i0 * M_n1) + i1]);
                state = v_exp;
            }
            double all_3;
            state = gc_running_add_f64(state, &all_3);
            state = state_before_3 + state;
            state_before_3 = state_before_3 + all_3;
            if (i1 < M_n1) {
                cumsum[(i0 * M_n1) + i1] = state;
            }
        }
        state = state_before_3;
    }
}

GC_KERNEL cumprod_totals(gc_index v_n0, double *state_2_chunks, double *state_3_chunks, const double *__restrict__ v, unsigned *counter) {
    const gc_index group = blockIdx.x * blockDim.y + threadIdx.y;
    const gc_index groups = gridDim.x * blockDim.y;
    const gc_index start_4 = gc_chunk(v_n0, group), last_4 = gc_chunk(v_n0, group + 1);
    double state_2 = 0.0;
    double state_3 = 1.0;
    for (gc_index i0_2 = start_4 + threadIdx.x; i0_2 < last_4; i0_2 += blockDim.x) {
        state_2 = state_2 + v[i0_2];
        state_3 = state_3 * v[i0_2];
    }
    state_2 = gc_group_add_f64(state_2);
    if (threadIdx.x == 0) state_2_chunks[group + 1] = state_2;
    state_3 = gc_group_mul_f64(state_3);
    if (threadIdx.x == 0) state_3_chunks[group + 1] = state_3;
    if (!gc_last(counter) || threadIdx.y != 0) return;
    double state_2_before_2 = 0.0;
    if (threadIdx.x == 0) state_2_chunks[0] = state_2_before_2;
    for (gc_index first_5 = 0; first_5 < groups; first_5 += blockDim.x) {
        const gc_index k = first_5 + threadIdx.x;
        state_2 = k < groups ? state_2_chunks[k + 1] : 0.0;
        double all_6;
        state_2 = gc_running_add_f64(state_2, &all_6);
        if (k < groups) state_2_chunks[k + 1] = state_2_before_2 + state_2;
        state_2_before_2 = state_2_before_2 + all_6;
    }
    double state_3_before_2 = 1.0;
    if (threadIdx.x == 0) state_3_chunks[0] = state_3_before_2;
    for (gc_index first_6 = 0; first_6 < groups; first_6 += blockDim.x) {
        const gc_index k = first_6 + threadIdx.x;
        state_3 = k < groups ? state_3_chunks[k + 1] : 1.0;
        double all_7;
        state_3 = gc_running_mul_f64(state_3, &all_7);
        if (k < groups) state_3_chunks[k + 1] = state_3_before_2 * state_3;
        state_3_before_2 = state_3_before_2 * all_7;
    }
}

GC_KERNEL cumprod_kernel(gc_index v_n0, double *state_2_chunks, double *state_2_at, double *state_3_chunks, double *state_3_at, const double *__restrict__ v, double *__restrict__ cumsum_2, double *__restrict__ cumprod) {
    const gc_index group = blockIdx.x * blockDim.y + threadIdx.y;
    const gc_index groups = gridDim.x * blockDim.y;
    const gc_index start_3 = gc_chunk(v_n0, group), last_3 = gc_chunk(v_n0, group + 1);
    double state_2 = groups > 1 ? state_2_chunks[group] : 0.0;
    double state_3 = groups > 1 ? state_3_chunks[group] : 1.0;
    double state_2_before = state_2;
    double state_3_before = state_3;
    for (gc_index first_4 = start_3; first_4 < last_3; first_4 += blockDim.x) {
        const gc_index i0_2 = first_4 + threadIdx.x;
        state_2 = 0.0;
        if (i0_2 < last_3) {
            state_2 = v[i0_2];
        }
        double all_4;
        state_2 = gc_running_add_f64(state_2, &all_4);
        state_2 = state_2_before + state_2;
        state_2_before = state_2_before + all_4;
        state_3 = 1.0;
        if (i0_2 < last_3) {
            cumsum_2[i0_2] = state_2;
            state_3 = v[i0_2];
        }
        double all_5;
        state_3 = gc_running_mul_f64(state_3, &all_5);
        state_3 = state_3_before * state_3;
        state_3_before = state_3_before * all_5;
        if (i0_2 < last_3) {
            cumprod[i0_2] = state_3;
        }
    }
    state_2 = state_2_before;
    state_3 = state_3_before;
    gc_barrier();
    if (group == groups - 1 && threadIdx.x == 0) {
        *state_2_at = state_2;
        *state_3_at = state_3;
    }
}
