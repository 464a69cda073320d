def run(d, inputs, shapes, numbers):
    """inc_subtensor(alloc(0.0, extent(v, axis=0))[at], ([2.] * v[at]))"""
    v = inputs[0]
    v_n0 = shapes[0][0]
    at = inputs[1]
    at_n0 = shapes[1][0]
    words = d.allocate(16)
    mul = d.allocate(at_n0 * 8)
    grid = d.grid(at_n0, 1)
    mark_2 = d.mark()
    d.launch("highest_kernel", grid, 0, at_n0, at_n0, at, words, d.allocate(grid.blocks * 8), words + 8, d.allocate(grid.blocks * 8), d.zeros(4), d.status, v_n0)
    d.release(mark_2)
    d.launch("mul_kernel", d.grid(at_n0, 1), 0, max(v_n0, at_n0), at_n0, v, at, v_n0, mul, d.status)
    inc_subtensor = d.output(0, "float64", (v_n0,))
    d.launch("inc_subtensor_kernel", d.grid(v_n0, 1), 0, v_n0, v_n0, inc_subtensor, d.status)
    d.launch("inc_subtensor_kernel_2", d.grid(1, 1, 1), 0, max(v_n0, at_n0), at_n0, inc_subtensor, at, v_n0, mul, d.status)
    return [Array(inc_subtensor, "float64", (v_n0,))]

GC_KERNEL highest_kernel(gc_index at_n0, const int64_t *__restrict__ at, int64_t *lowest_at, int64_t *lowest_parts, int64_t *highest_at, int64_t *highest_parts, unsigned *counter, gc_status *status, gc_index v_n0) {
    {
        int64_t lowest = 9223372036854775807;
        int64_t highest = INT64_MIN;
        for (gc_index i0 = blockIdx.x * blockDim.y + threadIdx.y; i0 < at_n0; i0 += gridDim.x * blockDim.y) {
            lowest = (int64_t)(lowest < at[i0] ? lowest : at[i0]);
            highest = (int64_t)(highest > at[i0] ? highest : at[i0]);
        }
        lowest = gc_block_minimum_i64(lowest);
        highest = gc_block_maximum_i64(highest);
        if (gridDim.x > 1) {
            if (gc_thread() == 0) {
                lowest_parts[blockIdx.x] = lowest;
                highest_parts[blockIdx.x] = highest;
            }
            if (!gc_last(counter)) return;
            lowest = 9223372036854775807;
            for (int k = gc_thread(); k < gridDim.x; k += gc_threads()) {
                const int64_t part = lowest_parts[k];
                lowest = (int64_t)(lowest < part ? lowest : part);
            }
            lowest = gc_block_minimum_i64(lowest);
            highest = INT64_MIN;
            for (int k = gc_thread(); k < gridDim.x; k += gc_threads()) {
                const int64_t part = highest_parts[k];
                highest = (int64_t)(highest > part ? highest : part);
            }
            highest = gc_block_maximum_i64(highest);
        }
        if (gc_thread() == 0) {
            const int64_t lowest_before = 0;
            lowest = (int64_t)(lowest_before < lowest ? lowest_before : lowest);
            const int64_t highest_before = -1;
            highest = (int64_t)(highest_before > highest ? highest_before : highest);
            if (!(lowest >= ((int64_t)(0 - (uint64_t)(int64_t)v_n0)))) {
                const int64_t told[] = {(int64_t)lowest, (int64_t)(int64_t)v_n0};
                gc_fail(status, 0, 2, told);
                goto v_end;
            }
            if (!(highest < (int64_t)v_n0)) {
                const int64_t told_2[] = {(int64_t)highest, (int64_t)(int64_t)v_n0};
                gc_fail(status, 1, 2, told_2);
                goto v_end;
            }
            *lowest_at = lowest;
            *highest_at = highest;
        }
    }
    v_end:;
}

GC_KERNEL mul_kernel(gc_index at_n0, const double *__restrict__ v, const int64_t *__restrict__ at, gc_index v_n0, double *__restrict__ mul, gc_status *status) {
    if (gc_stopped(status)) return;
    for (gc_index i0_2 = blockIdx.x * blockDim.y + threadIdx.y; i0_2 < at_n0; i0_2 += gridDim.x * blockDim.y) {
        double subtensor = v[(gc_index)((int64_t)((at[i0_2] < 0) ? ((int64_t)v_n0 + at[i0_2]) : at[i0_2]))];
        mul[i0_2] = 2.0 * subtensor;
    }
}

GC_KERNEL inc_subtensor_kernel(gc_index v_n0, double *__restrict__ inc_subtensor, gc_status *status) {
    if (gc_stopped(status)) return;
    for (gc_index i0_3 = blockIdx.x * blockDim.y + threadIdx.y; i0_3 < v_n0; i0_3 += gridDim.x * blockDim.y) {
        inc_subtensor[i0_3] = 0.0;
    }
}

GC_KERNEL inc_subtensor_kernel_2(gc_index at_n0, double *__restrict__ inc_subtensor, const int64_t *__restrict__ at, gc_index v_n0, double *__restrict__ mul, gc_status *status) {
    if (gc_stopped(status)) return;
    for (gc_index i0_4 = 0; i0_4 < at_n0; i0_4++) {
        if (threadIdx.x == 0) {
            inc_subtensor[(gc_index)((int64_t)((at[i0_4] < 0) ? ((int64_t)v_n0 + at[i0_4]) : at[i0_4]))] = inc_subtensor[(gc_index)((int64_t)((at[i0_4] < 0) ? ((int64_t)v_n0 + at[i0_4]) : at[i0_4]))] + mul[i0_4];
        }
    }
}
