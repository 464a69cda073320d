def run(d, inputs, shapes, numbers):
    """sum(sqr(cumsum(exp(v), axis=0)), axis=(0,)), (cumsum(([2.] * cumsum(exp(v), axis=0))[::-1], axis=0)[::-1] * exp(v))"""
    v = inputs[0]
    v_n0 = shapes[0][0]
    words = d.allocate(32)
    v_exp = d.temporary(0, v_n0 * 8)
    cumsum = d.temporary(1, v_n0 * 8)
    mark_2 = d.mark()
    grid = d.grid((v_n0 + 4095) // 4096, min(v_n0, 4096))
    sum_partials = d.allocate(grid.blocks * 8)
    state_chunks = d.allocate(((grid.blocks * grid.groups) + 1) * 8)
    if (grid.blocks * grid.groups) > 1:
        d.launch("sum_totals", grid, 0, max(v_n0, (grid.blocks * grid.groups) + 1), v_n0, v, state_chunks, d.zeros(4))
    d.launch("sum_kernel", grid, 0, max(v_n0, (grid.blocks * grid.groups) + 1, min(v_n0, 4096), grid.blocks), v_n0, state_chunks, v, v_exp, cumsum, sum_partials, d.zeros(4), words, words + 8)
    d.release(mark_2)
    cumsum_2 = d.temporary(2, v_n0 * 8)
    d.launch("sum_kernel_2", d.grid(1, 1, 1), 0, 1, words + 8, words + 16)
    mark_3 = d.mark()
    grid = d.grid((v_n0 + 4095) // 4096, min(v_n0, 4096))
    state_chunks_2 = d.allocate(((grid.blocks * grid.groups) + 1) * 8)
    if (grid.blocks * grid.groups) > 1:
        d.launch("cumsum_totals", grid, 0, max(v_n0, (grid.blocks * grid.groups) + 1), v_n0, cumsum, state_chunks_2, d.zeros(4))
    d.launch("cumsum_kernel", grid, 0, max(v_n0, (grid.blocks * grid.groups) + 1, min(v_n0, 4096)), v_n0, state_chunks_2, cumsum, cumsum_2, words + 24)
    d.release(mark_3)
    mul_2 = d.result(3, 1, "float64", (v_n0,))
    d.launch("mul_kernel", d.grid((v_n0 + 1) // 2, 1), 0, v_n0, v_n0, v_exp, mul_2, cumsum_2)
    sum_3 = d.result(4, 0, "float64", ())
    d.launch("sum_kernel_3", d.grid(1, 1, 1), 0, 1, sum_3, words + 16)
    return [Array(sum_3, "float64", ()), Array(mul_2, "float64", (v_n0,))]

GC_KERNEL sum_totals(gc_index v_n0, const double *__restrict__ v, double *state_chunks, unsigned *counter) {
    const gc_index start = gc_chunk(v_n0, blockIdx.x * blockDim.y + threadIdx.y);
    const gc_index last = gc_chunk(v_n0, blockIdx.x * blockDim.y + threadIdx.y + 1);
    double state = 0.0;
    for (gc_index i0 = start + threadIdx.x; i0 < last; i0 += blockDim.x) {
        double v_exp_2 = exp(v[i0]);
        state = state + v_exp_2;
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

GC_KERNEL sum_kernel(gc_index v_n0, double *state_chunks, const double *__restrict__ v, double *__restrict__ v_exp, double *__restrict__ cumsum, double *sum_partials, unsigned *counter_2, double *state_at, double *sum_at) {
    const gc_index start_2 = gc_chunk(v_n0, blockIdx.x * blockDim.y + threadIdx.y);
    const gc_index last_2 = gc_chunk(v_n0, blockIdx.x * blockDim.y + threadIdx.y + 1);
    double state = 0.0;
    if ((gridDim.x * blockDim.y) > 1) {
        state = state_chunks[(blockIdx.x * blockDim.y + threadIdx.y)];
    }
    double sum = 0.0;
    double state_before_2 = state;
    for (gc_index first_2 = start_2; first_2 < last_2; first_2 += blockDim.x) {
        const gc_index i0 = first_2 + threadIdx.x;
        double sqr;
        state = 0.0;
        if (i0 < last_2) {
            v_exp[i0] = exp(v[i0]);
            state = v_exp[i0];
        }
        double total_2;
        state = gc_prefix_add_f64(state, &total_2);
        state = state_before_2 + state;
        state_before_2 = state_before_2 + total_2;
        if (i0 < last_2) {
            cumsum[i0] = state;
            sqr = cumsum[i0] * cumsum[i0];
            sum = sum + sqr;
        }
    }
    state = state_before_2;
    if ((int64_t)(blockIdx.x * blockDim.y + threadIdx.y) == ((int64_t)(gridDim.x * blockDim.y) + -1)) {
        if (threadIdx.x == 0) {
            *state_at = state;
        }
    }
    sum = gc_block_add_f64(sum);
    if (gridDim.x > 1) {
        if (gc_thread() == 0) {
            sum_partials[blockIdx.x] = sum;
        }
        if (!gc_last(counter_2)) return;
        sum = 0.0;
        for (gc_index j_2 = gc_thread(); j_2 < gridDim.x; j_2 += gc_threads()) {
            double partial = sum_partials[j_2];
            sum = sum + partial;
        }
        sum = gc_block_add_f64(sum);
    }
    if (gc_thread() == 0) {
        *sum_at = sum;
    }
}

GC_KERNEL sum_kernel_2(double *sum_at, double *sum_2_at) {
    double sum = *sum_at;
    double sum_2 = *sum_2_at;
    if (gc_thread() != 0) return;
    sum_2 = sum;
    *sum_2_at = sum_2;
}

GC_KERNEL cumsum_totals(gc_index v_n0, double *__restrict__ cumsum, double *state_chunks_2, unsigned *counter_3) {
    const gc_index start_3 = gc_chunk(v_n0, blockIdx.x * blockDim.y + threadIdx.y);
    const gc_index last_3 = gc_chunk(v_n0, blockIdx.x * blockDim.y + threadIdx.y + 1);
    double state_2 = 0.0;
    for (gc_index i0_2 = start_3 + threadIdx.x; i0_2 < last_3; i0_2 += blockDim.x) {
        const double mul = (2.0 * cumsum[(v_n0 + -1) + (i0_2 * -1)]);
        state_2 = state_2 + mul;
    }
    state_2 = gc_group_add_f64(state_2);
    if (threadIdx.x == 0) {
        state_chunks_2[(blockIdx.x * blockDim.y + threadIdx.y) + 1] = state_2;
    }
    if (!gc_last(counter_3)) return;
    if (threadIdx.y != 0) return;
    double state_before_3 = 0.0;
    if (threadIdx.x == 0) {
        state_chunks_2[0] = state_before_3;
    }
    gc_barrier();
    for (gc_index first_3 = 0; first_3 < (gridDim.x * blockDim.y); first_3 += blockDim.x) {
        const gc_index j_3 = first_3 + threadIdx.x;
        state_2 = 0.0;
        if (j_3 < (gridDim.x * blockDim.y)) {
            state_2 = state_chunks_2[j_3 + 1];
        }
        double total_3;
        state_2 = gc_prefix_add_f64(state_2, &total_3);
        if (j_3 < (gridDim.x * blockDim.y)) {
            state_chunks_2[j_3 + 1] = state_before_3 + state_2;
        }
        state_before_3 = state_before_3 + total_3;
    }
}

GC_KERNEL cumsum_kernel(gc_index v_n0, double *state_chunks_2, double *__restrict__ cumsum, double *__restrict__ cumsum_2, double *state_2_at) {
    const gc_index start_4 = gc_chunk(v_n0, blockIdx.x * blockDim.y + threadIdx.y);
    const gc_index last_4 = gc_chunk(v_n0, blockIdx.x * blockDim.y + threadIdx.y + 1);
    double state_2 = 0.0;
    if ((gridDim.x * blockDim.y) > 1) {
        state_2 = state_chunks_2[(blockIdx.x * blockDim.y + threadIdx.y)];
    }
    double state_before_4 = state_2;
    for (gc_index first_4 = start_4; first_4 < last_4; first_4 += blockDim.x) {
        const gc_index i0_2 = first_4 + threadIdx.x;
        state_2 = 0.0;
        if (i0_2 < last_4) {
            state_2 = 2.0 * cumsum[(v_n0 + -1) + (i0_2 * -1)];
        }
        double total_4;
        state_2 = gc_prefix_add_f64(state_2, &total_4);
        state_2 = state_before_4 + state_2;
        state_before_4 = state_before_4 + total_4;
        if (i0_2 < last_4) {
            cumsum_2[i0_2] = state_2;
        }
    }
    state_2 = state_before_4;
    if ((int64_t)(blockIdx.x * blockDim.y + threadIdx.y) == ((int64_t)(gridDim.x * blockDim.y) + -1)) {
        if (threadIdx.x == 0) {
            *state_2_at = state_2;
        }
    }
}

GC_KERNEL mul_kernel(gc_index v_n0, double *__restrict__ v_exp, double *__restrict__ mul_2, double *__restrict__ cumsum_2) {
    const gc_index vectors = ((size_t)v_exp | (size_t)mul_2) % 16 ? 0 : v_n0 / 2;
    for (gc_index vector = blockIdx.x * blockDim.y + threadIdx.y; vector < vectors; vector += gridDim.x * blockDim.y) {
        const gc_f64x2 exp_2 = ((const gc_f64x2 *)v_exp)[vector];
        gc_f64x2 mul_2_2;
        #pragma unroll
        for (int e = 0; e < 2; e++) {
            const gc_index i0_3 = (vector * 2) + e;
            mul_2_2.x[e] = cumsum_2[(v_n0 + -1) + (i0_3 * -1)] * exp_2.x[e];
        }
        ((gc_f64x2 *)mul_2)[vector] = mul_2_2;
    }
    for (gc_index i0_3 = vectors * 2 + blockIdx.x * blockDim.y + threadIdx.y; i0_3 < v_n0; i0_3 += gridDim.x * blockDim.y) {
        mul_2[i0_3] = cumsum_2[(v_n0 + -1) + (i0_3 * -1)] * v_exp[i0_3];
    }
}

GC_KERNEL sum_kernel_3(double *__restrict__ sum_3, double *sum_2_at) {
    double sum_2 = *sum_2_at;
    if (gc_thread() != 0) return;
    sum_3[0] = sum_2;
}
