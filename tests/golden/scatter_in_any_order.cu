def run(d, inputs, shapes, numbers):
    """inc_subtensor(alloc(0.0, extent(v, axis=0))[at], ([2.] * v[at]))"""
    v = inputs[0]
    v_n0 = shapes[0][0]
    at = inputs[1]
    at_n0 = shapes[1][0]
    words = d.allocate(16)
    mul = d.temporary(2, at_n0 * 8)
    mark_2 = d.mark()
    grid = d.grid((at_n0 + 1) // 2, 1)
    lowest_partials = d.allocate(grid.blocks * 8)
    highest_partials = d.allocate(grid.blocks * 8)
    d.launch("highest_kernel", grid, 0, max(at_n0, grid.blocks), at_n0, at, lowest_partials, highest_partials, d.zeros(4), v_n0, d.status, words, words + 8)
    d.release(mark_2)
    d.launch("mul_kernel", d.grid((at_n0 + 1) // 2, 1), 0, max(at_n0, v_n0), d.status, at_n0, at, mul, v, v_n0)
    inc_subtensor = d.result(3, 0, "float64", (v_n0,))
    d.launch("inc_subtensor_kernel", d.grid((v_n0 + 1) // 2, 1), 0, v_n0, d.status, v_n0, inc_subtensor)
    d.launch("inc_subtensor_kernel_2", d.grid(at_n0, 1), 0, max(at_n0, v_n0), d.status, at_n0, at, v_n0, mul, inc_subtensor)
    return [Array(inc_subtensor, "float64", (v_n0,))]

GC_KERNEL highest_kernel(gc_index at_n0, const int64_t *__restrict__ at, int64_t *lowest_partials, int64_t *highest_partials, unsigned *counter, gc_index v_n0, gc_status *status, int64_t *lowest_at, int64_t *highest_at) {
    const gc_index vectors = ((size_t)at) % 16 ? 0 : at_n0 / 2;
    {
        int64_t lowest = 9223372036854775807;
        int64_t highest = INT64_MIN;
        for (gc_index vector = blockIdx.x * blockDim.y + threadIdx.y; vector < vectors; vector += gridDim.x * blockDim.y) {
            const gc_i64x2 at_2 = ((const gc_i64x2 *)at)[vector];
            #pragma unroll
            for (int e = 0; e < 2; e++) {
                lowest = gc_min_i64(lowest, at_2.x[e]);
                highest = gc_max_i64(highest, at_2.x[e]);
            }
        }
        for (gc_index i0 = vectors * 2 + blockIdx.x * blockDim.y + threadIdx.y; i0 < at_n0; i0 += gridDim.x * blockDim.y) {
            lowest = gc_min_i64(lowest, at[i0]);
            highest = gc_max_i64(highest, at[i0]);
        }
        lowest = gc_block_minimum_i64(lowest);
        highest = gc_block_maximum_i64(highest);
        if (gridDim.x > 1) {
            if (gc_thread() == 0) {
                lowest_partials[blockIdx.x] = lowest;
                highest_partials[blockIdx.x] = highest;
            }
            if (!gc_last(counter)) return;
            lowest = 9223372036854775807;
            for (gc_index j = gc_thread(); j < gridDim.x; j += gc_threads()) {
                int64_t partial = lowest_partials[j];
                lowest = gc_min_i64(lowest, partial);
            }
            lowest = gc_block_minimum_i64(lowest);
            highest = INT64_MIN;
            for (gc_index j_2 = gc_thread(); j_2 < gridDim.x; j_2 += gc_threads()) {
                int64_t partial_2 = highest_partials[j_2];
                highest = gc_max_i64(highest, partial_2);
            }
            highest = gc_block_maximum_i64(highest);
        }
        if (gc_thread() == 0) {
            int64_t lowest_before = 0;
            lowest = gc_min_i64(lowest_before, lowest);
            int64_t highest_before = -1;
            highest = gc_max_i64(highest_before, highest);
            if (!(lowest >= ((int64_t)(0 - (uint64_t)(int64_t)v_n0)))) {
                const int64_t values[] = {(int64_t)lowest, (int64_t)(int64_t)v_n0};
                gc_fail(status, 0, 2, values);
                goto v_end;
            }
            if (!(highest < (int64_t)v_n0)) {
                const int64_t values_2[] = {(int64_t)highest, (int64_t)(int64_t)v_n0};
                gc_fail(status, 1, 2, values_2);
                goto v_end;
            }
            *lowest_at = lowest;
            *highest_at = highest;
        }
    }
    v_end:;
}

GC_KERNEL mul_kernel(gc_status *status, gc_index at_n0, const int64_t *__restrict__ at, double *__restrict__ mul, const double *__restrict__ v, gc_index v_n0) {
    if (gc_stopped(status)) return;
    const gc_index vectors_2 = ((size_t)at | (size_t)mul) % 16 ? 0 : at_n0 / 2;
    for (gc_index vector_2 = blockIdx.x * blockDim.y + threadIdx.y; vector_2 < vectors_2; vector_2 += gridDim.x * blockDim.y) {
        const gc_i64x2 at_2_2 = ((const gc_i64x2 *)at)[vector_2];
        gc_f64x2 mul_2;
        #pragma unroll
        for (int e_2 = 0; e_2 < 2; e_2++) {
            double subtensor = v[(gc_index)((int64_t)((at_2_2.x[e_2] < 0) ? ((int64_t)v_n0 + at_2_2.x[e_2]) : at_2_2.x[e_2]))];
            mul_2.x[e_2] = 2.0 * subtensor;
        }
        ((gc_f64x2 *)mul)[vector_2] = mul_2;
    }
    for (gc_index i0_2 = vectors_2 * 2 + blockIdx.x * blockDim.y + threadIdx.y; i0_2 < at_n0; i0_2 += gridDim.x * blockDim.y) {
        double subtensor = v[(gc_index)((int64_t)((at[i0_2] < 0) ? ((int64_t)v_n0 + at[i0_2]) : at[i0_2]))];
        mul[i0_2] = 2.0 * subtensor;
    }
}

GC_KERNEL inc_subtensor_kernel(gc_status *status, gc_index v_n0, double *__restrict__ inc_subtensor) {
    if (gc_stopped(status)) return;
    const gc_index vectors_3 = ((size_t)inc_subtensor) % 16 ? 0 : v_n0 / 2;
    for (gc_index vector_3 = blockIdx.x * blockDim.y + threadIdx.y; vector_3 < vectors_3; vector_3 += gridDim.x * blockDim.y) {
        gc_f64x2 inc_subtensor_2;
        #pragma unroll
        for (int e_3 = 0; e_3 < 2; e_3++) {
            inc_subtensor_2.x[e_3] = 0.0;
        }
        ((gc_f64x2 *)inc_subtensor)[vector_3] = inc_subtensor_2;
    }
    for (gc_index i0_3 = vectors_3 * 2 + blockIdx.x * blockDim.y + threadIdx.y; i0_3 < v_n0; i0_3 += gridDim.x * blockDim.y) {
        inc_subtensor[i0_3] = 0.0;
    }
}

GC_KERNEL inc_subtensor_kernel_2(gc_status *status, gc_index at_n0, const int64_t *__restrict__ at, gc_index v_n0, double *__restrict__ mul, double *__restrict__ inc_subtensor) {
    if (gc_stopped(status)) return;
    for (gc_index i0_4 = blockIdx.x * blockDim.y + threadIdx.y; i0_4 < at_n0; i0_4 += gridDim.x * blockDim.y) {
        atomicAdd(&inc_subtensor[(gc_index)((int64_t)((at[i0_4] < 0) ? ((int64_t)v_n0 + at[i0_4]) : at[i0_4]))], mul[i0_4]);
    }
}
