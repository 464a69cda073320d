def run(d, inputs, shapes, numbers):
    """cumsum(exp(M), axis=1), cumsum(v, axis=0), cumprod(v, axis=0)"""
    M = inputs[0]
    M_n0 = shapes[0][0]
    M_n1 = shapes[0][1]
    v = inputs[1]
    v_n0 = shapes[1][0]
    words = d.allocate(16)
    cumsum = d.result(0, 0, "float64", (M_n0, M_n1))
    if M_n1 >= (M_n0 * 16384):
        for i0 in range(M_n0):
            mark_2 = d.mark()
            grid = d.grid((M_n1 + 4095) // 4096, min(M_n1, 4096))
            state_chunks = d.allocate(((grid.blocks * grid.groups) + 1) * 8)
            if (grid.blocks * grid.groups) > 1:
                d.launch("cumsum_totals", grid, 0, max(M_n1, M_n0 * M_n1, (grid.blocks * grid.groups) + 1), M_n1, M, i0, state_chunks, d.zeros(4))
            d.launch("cumsum_kernel", grid, 0, max(M_n1, (grid.blocks * grid.groups) + 1, min(M_n1, 4096), M_n0 * M_n1), M_n1, state_chunks, M, i0, cumsum)
            d.release(mark_2)
    else:
        d.launch("cumsum_kernel_2", d.grid(M_n0, M_n1), 0, max(M_n0, M_n1, M_n0 * M_n1), M_n0, M_n1, M, cumsum)
    cumsum_2 = d.result(1, 1, "float64", (v_n0,))
    cumprod = d.result(2, 2, "float64", (v_n0,))
    mark_3 = d.mark()
    grid = d.grid((v_n0 + 4095) // 4096, min(v_n0, 4096))
    state_chunks_2 = d.allocate(((grid.blocks * grid.groups) + 1) * 8)
    state_chunks_3 = d.allocate(((grid.blocks * grid.groups) + 1) * 8)
    if (grid.blocks * grid.groups) > 1:
        d.launch("cumprod_totals", grid, 0, max(v_n0, (grid.blocks * grid.groups) + 1), v_n0, v, state_chunks_2, state_chunks_3, d.zeros(4))
    d.launch("cumprod_kernel", grid, 0, max(v_n0, (grid.blocks * grid.groups) + 1, min(v_n0, 4096)), v_n0, state_chunks_2, state_chunks_3, v, cumsum_2, cumprod, words, words + 8)
    d.release(mark_3)
    return [Array(cumsum, "float64", (M_n0, M_n1)), Array(cumsum_2, "float64", (v_n0,)), Array(cumprod, "float64", (v_n0,))]

GC_KERNEL cumsum_totals(gc_index M_n1, const double *__restrict__ M, int64_t i0, double *state_chunks, unsigned *counter) {
    const gc_index start = gc_chunk(M_n1, blockIdx.x * blockDim.y + threadIdx.y);
    const gc_index last = gc_chunk(M_n1, blockIdx.x * blockDim.y + threadIdx.y + 1);
    double state = 0.0;
    for (gc_index i1 = start + threadIdx.x; i1 < last; i1 += blockDim.x) {
        double v_exp = exp(M[((gc_index)i0 * M_n1) + i1]);
        state = state + v_exp;
    }
    state = gc_group_add_f64(state);
    if (threadIdx.x == 0) {
        state_chunks[(blockIdx.x * blockDim.y + threadIdx.y) + 1] = state;
    }
    if (!gc_last(counter)) return;
    if (threadIdx.y != 0) return;
    double state_before = 0.0;
    if (threadIdx.x == 0) {
        state_chunks[0] = state_before;
    }
    gc_barrier();
    for (gc_index first = 0; first < (gridDim.x * blockDim.y); first += blockDim.x) {
        const gc_index j = first + threadIdx.x;
        state = 0.0;
        if (j < (gridDim.x * blockDim.y)) {
            state = state_chunks[j + 1];
        }
        double total;
        state = gc_prefix_add_f64(state, &total);
        if (j < (gridDim.x * blockDim.y)) {
            state_chunks[j + 1] = state_before + state;
        }
        state_before = state_before + total;
    }
}

GC_KERNEL cumsum_kernel(gc_index M_n1, double *state_chunks, const double *__restrict__ M, int64_t i0, double *__restrict__ cumsum) {
    const gc_index start_2 = gc_chunk(M_n1, blockIdx.x * blockDim.y + threadIdx.y);
    const gc_index last_2 = gc_chunk(M_n1, blockIdx.x * blockDim.y + threadIdx.y + 1);
    double state = 0.0;
    if ((gridDim.x * blockDim.y) > 1) {
        state = state_chunks[(blockIdx.x * blockDim.y + threadIdx.y)];
    }
    double state_before_2 = state;
    for (gc_index first_2 = start_2; first_2 < last_2; first_2 += blockDim.x) {
        const gc_index i1 = first_2 + threadIdx.x;
        double v_exp;
        state = 0.0;
        if (i1 < last_2) {
            v_exp = exp(M[((gc_index)i0 * M_n1) + i1]);
            state = v_exp;
        }
        double total_2;
        state = gc_prefix_add_f64(state, &total_2);
        state = state_before_2 + state;
        state_before_2 = state_before_2 + total_2;
        if (i1 < last_2) {
            cumsum[((gc_index)i0 * M_n1) + i1] = state;
        }
    }
    state = state_before_2;
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
            double total_3;
            state = gc_prefix_add_f64(state, &total_3);
            state = state_before_3 + state;
            state_before_3 = state_before_3 + total_3;
            if (i1 < M_n1) {
                cumsum[(i0 * M_n1) + i1] = state;
            }
        }
        state = state_before_3;
    }
}

GC_KERNEL cumprod_totals(gc_index v_n0, const double *__restrict__ v, double *state_chunks_2, double *state_chunks_3, unsigned *counter_2) {
    const gc_index start_3 = gc_chunk(v_n0, blockIdx.x * blockDim.y + threadIdx.y);
    const gc_index last_3 = gc_chunk(v_n0, blockIdx.x * blockDim.y + threadIdx.y + 1);
    double state_2 = 0.0;
    double state_3 = 1.0;
    for (gc_index i0_2 = start_3 + threadIdx.x; i0_2 < last_3; i0_2 += blockDim.x) {
        state_2 = state_2 + v[i0_2];
        state_3 = state_3 * v[i0_2];
    }
    state_2 = gc_group_add_f64(state_2);
    if (threadIdx.x == 0) {
        state_chunks_2[(blockIdx.x * blockDim.y + threadIdx.y) + 1] = state_2;
    }
    state_3 = gc_group_mul_f64(state_3);
    if (threadIdx.x == 0) {
        state_chunks_3[(blockIdx.x * blockDim.y + threadIdx.y) + 1] = state_3;
    }
    if (!gc_last(counter_2)) return;
    if (threadIdx.y != 0) return;
    double state_before_4 = 0.0;
    if (threadIdx.x == 0) {
        state_chunks_2[0] = state_before_4;
    }
    gc_barrier();
    for (gc_index first_4 = 0; first_4 < (gridDim.x * blockDim.y); first_4 += blockDim.x) {
        const gc_index j_2 = first_4 + threadIdx.x;
        state_2 = 0.0;
        if (j_2 < (gridDim.x * blockDim.y)) {
            state_2 = state_chunks_2[j_2 + 1];
        }
        double total_4;
        state_2 = gc_prefix_add_f64(state_2, &total_4);
        if (j_2 < (gridDim.x * blockDim.y)) {
            state_chunks_2[j_2 + 1] = state_before_4 + state_2;
        }
        state_before_4 = state_before_4 + total_4;
    }
    double state_before_5 = 1.0;
    if (threadIdx.x == 0) {
        state_chunks_3[0] = state_before_5;
    }
    gc_barrier();
    for (gc_index first_5 = 0; first_5 < (gridDim.x * blockDim.y); first_5 += blockDim.x) {
        const gc_index j_3 = first_5 + threadIdx.x;
        state_3 = 1.0;
        if (j_3 < (gridDim.x * blockDim.y)) {
            state_3 = state_chunks_3[j_3 + 1];
        }
        double total_5;
        state_3 = gc_prefix_mul_f64(state_3, &total_5);
        if (j_3 < (gridDim.x * blockDim.y)) {
            state_chunks_3[j_3 + 1] = state_before_5 * state_3;
        }
        state_before_5 = state_before_5 * total_5;
    }
}

GC_KERNEL cumprod_kernel(gc_index v_n0, double *state_chunks_2, double *state_chunks_3, const double *__restrict__ v, double *__restrict__ cumsum_2, double *__restrict__ cumprod, double *state_2_at, double *state_3_at) {
    const gc_index start_4 = gc_chunk(v_n0, blockIdx.x * blockDim.y + threadIdx.y);
    const gc_index last_4 = gc_chunk(v_n0, blockIdx.x * blockDim.y + threadIdx.y + 1);
    double state_2 = 0.0;
    if ((gridDim.x * blockDim.y) > 1) {
        state_2 = state_chunks_2[(blockIdx.x * blockDim.y + threadIdx.y)];
    }
    double state_3 = 1.0;
    if ((gridDim.x * blockDim.y) > 1) {
        state_3 = state_chunks_3[(blockIdx.x * blockDim.y + threadIdx.y)];
    }
    double state_before_6 = state_2;
    double state_before_7 = state_3;
    for (gc_index first_6 = start_4; first_6 < last_4; first_6 += blockDim.x) {
        const gc_index i0_2 = first_6 + threadIdx.x;
        state_2 = 0.0;
        if (i0_2 < last_4) {
            state_2 = v[i0_2];
        }
        double total_6;
        state_2 = gc_prefix_add_f64(state_2, &total_6);
        state_2 = state_before_6 + state_2;
        state_before_6 = state_before_6 + total_6;
        state_3 = 1.0;
        if (i0_2 < last_4) {
            cumsum_2[i0_2] = state_2;
            state_3 = v[i0_2];
        }
        double total_7;
        state_3 = gc_prefix_mul_f64(state_3, &total_7);
        state_3 = state_before_7 * state_3;
        state_before_7 = state_before_7 * total_7;
        if (i0_2 < last_4) {
            cumprod[i0_2] = state_3;
        }
    }
    state_2 = state_before_6;
    state_3 = state_before_7;
    if ((int64_t)(blockIdx.x * blockDim.y + threadIdx.y) == ((int64_t)(gridDim.x * blockDim.y) + -1)) {
        if (threadIdx.x == 0) {
            *state_2_at = state_2;
            *state_3_at = state_3;
        }
    }
}
