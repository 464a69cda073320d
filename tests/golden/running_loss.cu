def run(d, inputs, shapes, numbers):
    """sum(sqr(cumsum(exp(v), axis=0)), axis=(0,)), (cumsum(([2.] * cumsum(exp(v), axis=0))[::-1], axis=0)[::-1] * exp(v))"""
    v = inputs[0]
    v_n0 = shapes[0][0]
    words = d.allocate(32)
    v_exp = d.allocate(v_n0 * 8)
    cumsum = d.allocate(v_n0 * 8)
    grid = d.grid((v_n0 + 4095) // 4096, min(v_n0, 4096))
    mark_2 = d.mark()
    state_chunks = d.allocate((grid.blocks * grid.groups + 1) * 8)
    if grid.blocks * grid.groups > 1:
        d.launch("sum_totals", grid, 0, v_n0, v_n0, state_chunks, v, d.zeros(4))
    d.launch("sum_kernel", grid, 0, v_n0, v_n0, state_chunks, words, v, v_exp, cumsum, words + 8, d.allocate(grid.blocks * 8), d.zeros(4))
    d.release(mark_2)
    cumsum_2 = d.allocate(v_n0 * 8)
    d.launch("sum_kernel_2", d.grid(1, 1, 1), 0, 1, words + 8, words + 16)
    grid = d.grid((v_n0 + 4095) // 4096, min(v_n0, 4096))
    mark_3 = d.mark()
    state_2_chunks = d.allocate((grid.blocks * grid.groups + 1) * 8)
    if grid.blocks * grid.groups > 1:
        d.launch("cumsum_totals", grid, 0, v_n0, v_n0, state_2_chunks, cumsum, d.zeros(4))
    d.launch("cumsum_kernel", grid, 0, v_n0, v_n0, state_2_chunks, words + 24, cumsum, cumsum_2)
    d.release(mark_3)
    mul_2 = d.output(1, "float64", (v_n0,))
    d.launch("mul_kernel", d.grid((v_n0 + 1) // 2, 1), 0, v_n0, v_n0, v_exp, mul_2, cumsum_2)
    sum_3 = d.output(0, "float64", ())
    d.launch("sum_kernel_3", d.grid(1, 1, 1), 0, 1, words + 16, sum_3)
    return [Array(sum_3, "float64", ()), Array(mul_2, "float64", (v_n0,))]

GC_KERNEL sum_totals(gc_index v_n0, double *state_chunks, const double *__restrict__ v, unsigned *counter) {
    const gc_index group = blockIdx.x * blockDim.y + threadIdx.y;
    const gc_index groups = gridDim.x * blockDim.y;
    const gc_index start_2 = gc_chunk(v_n0, group), last_2 = gc_chunk(v_n0, group + 1);
    double state = 0.0;
    for (gc_index i0 = start_2 + threadIdx.x; i0 < last_2; i0 += blockDim.x) {
        double v_exp_2 = exp(v[i0]);
        state = state + v_exp_2;
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

GC_KERNEL sum_kernel(gc_index v_n0, double *state_chunks, double *state_at, const double *__restrict__ v, double *__restrict__ v_exp, double *__restrict__ cumsum, double *sum_at, double *sum_parts, unsigned *counter) {
    const gc_index group = blockIdx.x * blockDim.y + threadIdx.y;
    const gc_index groups = gridDim.x * blockDim.y;
    const gc_index start = gc_chunk(v_n0, group), last = gc_chunk(v_n0, group + 1);
    double state = groups > 1 ? state_chunks[group] : 0.0;
    double sum = 0.0;
    double state_before = state;
    for (gc_index first = start; first < last; first += blockDim.x) {
        const gc_index i0 = first + threadIdx.x;
        double sqr;
        state = 0.0;
        if (i0 < last) {
            v_exp[i0] = exp(v[i0]);
            state = v_exp[i0];
        }
        double all;
        state = gc_running_add_f64(state, &all);
        state = state_before + state;
        state_before = state_before + all;
        if (i0 < last) {
            cumsum[i0] = state;
            sqr = cumsum[i0] * cumsum[i0];
            sum = sum + sqr;
        }
    }
    state = state_before;
    gc_barrier();
    if (group == groups - 1 && threadIdx.x == 0) {
        *state_at = state;
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
        *sum_at = sum;
    }
}

GC_KERNEL sum_kernel_2(double *sum_at, double *sum_2_at) {
    if (gc_thread() != 0) return;
    double sum = *sum_at;
    double sum_2 = *sum_2_at;
    sum_2 = sum;
    *sum_2_at = sum_2;
}

GC_KERNEL cumsum_totals(gc_index v_n0, double *state_2_chunks, double *__restrict__ cumsum, unsigned *counter) {
    const gc_index group = blockIdx.x * blockDim.y + threadIdx.y;
    const gc_index groups = gridDim.x * blockDim.y;
    const gc_index start_4 = gc_chunk(v_n0, group), last_4 = gc_chunk(v_n0, group + 1);
    double state_2 = 0.0;
    for (gc_index i0_2 = start_4 + threadIdx.x; i0_2 < last_4; i0_2 += blockDim.x) {
        const double mul = (2.0 * cumsum[(v_n0 + -1) + (i0_2 * -1)]);
        state_2 = state_2 + mul;
    }
    state_2 = gc_group_add_f64(state_2);
    if (threadIdx.x == 0) state_2_chunks[group + 1] = state_2;
    if (!gc_last(counter) || threadIdx.y != 0) return;
    double state_2_before_2 = 0.0;
    if (threadIdx.x == 0) state_2_chunks[0] = state_2_before_2;
    for (gc_index first_4 = 0; first_4 < groups; first_4 += blockDim.x) {
        const gc_index k = first_4 + threadIdx.x;
        state_2 = k < groups ? state_2_chunks[k + 1] : 0.0;
        double all_4;
        state_2 = gc_running_add_f64(state_2, &all_4);
        if (k < groups) state_2_chunks[k + 1] = state_2_before_2 + state_2;
        state_2_before_2 = state_2_before_2 + all_4;
    }
}

GC_KERNEL cumsum_kernel(gc_index v_n0, double *state_2_chunks, double *state_2_at, double *__restrict__ cumsum, double *__restrict__ cumsum_2) {
    const gc_index group = blockIdx.x * blockDim.y + threadIdx.y;
    const gc_index groups = gridDim.x * blockDim.y;
    const gc_index start_3 = gc_chunk(v_n0, group), last_3 = gc_chunk(v_n0, group + 1);
    double state_2 = groups > 1 ? state_2_chunks[group] : 0.0;
    double state_2_before = state_2;
    for (gc_index first_3 = start_3; first_3 < last_3; first_3 += blockDim.x) {
        const gc_index i0_2 = first_3 + threadIdx.x;
        state_2 = 0.0;
        if (i0_2 < last_3) {
            state_2 = 2.0 * cumsum[(v_n0 + -1) + (i0_2 * -1)];
        }
        double all_3;
        state_2 = gc_running_add_f64(state_2, &all_3);
        state_2 = state_2_before + state_2;
        state_2_before = state_2_before + all_3;
        if (i0_2 < last_3) {
            cumsum_2[i0_2] = state_2;
        }
    }
    state_2 = state_2_before;
    gc_barrier();
    if (group == groups - 1 && threadIdx.x == 0) {
        *state_2_at = state_2;
    }
}

GC_KERNEL mul_kernel(gc_index v_n0, double *__restrict__ v_exp, double *__restrict__ mul_2, double *__restrict__ cumsum_2) {
    const gc_index vectors = ((size_t)v_exp | (size_t)mul_2) % 16 ? 0 : v_n0 / 2;
    for (gc_index vector = blockIdx.x * blockDim.y + threadIdx.y; vector < vectors; vector += gridDim.x * blockDim.y) {
        const gc_f64x2 v_exp_2_2 = ((const gc_f64x2 *)v_exp)[vector];
        gc_f64x2 mul_2_2;
        #pragma unroll
        for (int e = 0; e < 2; e++) {
            const gc_index i0_3 = vector * 2 + e;
            mul_2_2.x[e] = cumsum_2[(v_n0 + -1) + (i0_3 * -1)] * v_exp_2_2.x[e];
        }
        ((gc_f64x2 *)mul_2)[vector] = mul_2_2;
    }
    for (gc_index i0_3 = vectors * 2 + blockIdx.x * blockDim.y + threadIdx.y; i0_3 < v_n0; i0_3 += gridDim.x * blockDim.y) {
        mul_2[i0_3] = cumsum_2[(v_n0 + -1) + (i0_3 * -1)] * v_exp[i0_3];
    }
}

GC_KERNEL sum_kernel_3(double *sum_2_at, double *__restrict__ sum_3) {
    if (gc_thread() != 0) return;
    double sum_2 = *sum_2_at;
    sum_3[0] = sum_2;
}
