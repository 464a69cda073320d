def run(d, inputs, shapes, numbers):
    """sum(sqr(M), axis=(0, 1)), (sum(M, axis=(0,))[1] - sum(M, axis=(0,))[0])"""
    M = inputs[0]
    M_n0 = shapes[0][0]
    M_n1 = shapes[0][1]
    words = d.allocate(24)
    if not (not ((1 < (-M_n1)) | (1 >= M_n1))):
        raise d.failed(0, (1, M_n1))
    if not (not ((0 < (-M_n1)) | (0 >= M_n1))):
        raise d.failed(1, (0, M_n1))
    sum = d.temporary(2, M_n1 * 8)
    sum_2 = d.result(3, 0, "float64", ())
    sub = d.result(4, 1, "float64", ())
    mark_2 = d.mark()
    grid = d.grid(M_n0, (M_n1 + 1) // 2, max((min(512, (16777216 // (max(M_n1, 1))))), 1))
    sum_partials = d.allocate(grid.blocks * 8)
    sum_partials_2 = d.allocate(((grid.blocks * grid.groups) * M_n1) * 8)
    own = (M_n1 * 8 + 15) // 16 * 16
    shared = own * grid.groups
    if shared > d.shared:
        own = shared = 0
    d.launch("sum_kernel", grid, shared, max(M_n1, M_n0, M_n0 * M_n1, (grid.blocks * grid.groups) * M_n1, grid.blocks), own, M_n1, sum_partials_2, M, M_n0, sum_partials, d.zeros(4), words, words + 8)
    d.launch("sum_combined", d.grid(M_n1, grid.blocks * grid.groups), 0, max(M_n1, grid.blocks * grid.groups, (grid.blocks * grid.groups) * M_n1), M_n1, grid.blocks * grid.groups, sum_partials_2, sum)
    d.release(mark_2)
    d.launch("sub_kernel", d.grid(1, 1, 1), 0, M_n1, sum, sum_2, sub, words + 16, words)
    return [Array(sum_2, "float64", ()), Array(sub, "float64", ())]

GC_KERNEL sum_kernel(int32_t own_bytes, gc_index M_n1, double *sum_partials_2, const double *__restrict__ M, gc_index M_n0, double *sum_partials, unsigned *counter, double *sum_3_at, double *sum_4_at) {
    GC_SHARED(gc_shared);
    unsigned char *own = gc_shared + threadIdx.y * own_bytes;
    double *const sum = own_bytes ? (double *)own : sum_partials_2 + (int64_t)(blockIdx.x * blockDim.y + threadIdx.y) * M_n1;
    own += GC_ROUNDED(M_n1 * sizeof(double));
    double sum_3 = *sum_3_at;
    double sum_4 = 0.0;
    const gc_index vectors = ((size_t)M | (size_t)sum) % 16 | M_n1 % 2 ? 0 : M_n1 / 2;
    for (gc_index j = threadIdx.x; j < M_n1; j += blockDim.x) {
        sum[j] = 0.0;
    }
    gc_barrier();
    for (gc_index i0 = blockIdx.x * blockDim.y + threadIdx.y; i0 < M_n0; i0 += gridDim.x * blockDim.y) {
        double sum_before = sum_4;
        sum_4 = 0.0;
        for (gc_index vector = threadIdx.x; vector < vectors; vector += blockDim.x) {
            const gc_f64x2 M_2 = ((const gc_f64x2 *)(M + i0 * M_n1))[vector];
            gc_f64x2 sum_2_2 = ((gc_f64x2 *)sum)[vector];
            #pragma unroll
            for (int e = 0; e < 2; e++) {
                double sqr = M_2.x[e] * M_2.x[e];
                sum_4 = sum_4 + sqr;
                sum_2_2.x[e] = sum_2_2.x[e] + M_2.x[e];
            }
            ((gc_f64x2 *)sum)[vector] = sum_2_2;
        }
        for (gc_index i1 = vectors * 2 + threadIdx.x; i1 < M_n1; i1 += blockDim.x) {
            double sqr = M[(i0 * M_n1) + i1] * M[(i0 * M_n1) + i1];
            sum_4 = sum_4 + sqr;
            sum[i1] = sum[i1] + M[(i0 * M_n1) + i1];
        }
        sum_4 = gc_group_add_f64(sum_4);
        sum_4 = sum_before + sum_4;
    }
    if (own_bytes) {
        gc_barrier();
        for (gc_index j = threadIdx.x; j < M_n1; j += blockDim.x) {
            sum_partials_2[((blockIdx.x * blockDim.y + threadIdx.y) * M_n1) + j] = sum[j];
        }
    }
    if (threadIdx.x != 0) {
        sum_4 = 0.0;
    }
    sum_4 = gc_block_add_f64(sum_4);
    if (gridDim.x > 1) {
        if (gc_thread() == 0) {
            sum_partials[blockIdx.x] = sum_4;
        }
        if (!gc_last(counter)) return;
        sum_4 = 0.0;
        for (gc_index j_2 = gc_thread(); j_2 < gridDim.x; j_2 += gc_threads()) {
            double partial = sum_partials[j_2];
            sum_4 = sum_4 + partial;
        }
        sum_4 = gc_block_add_f64(sum_4);
    }
    if (gc_thread() == 0) {
        sum_3 = sum_4;
        *sum_4_at = sum_4;
        *sum_3_at = sum_3;
    }
}

GC_KERNEL sum_combined(gc_index M_n1, gc_index n, double *sum_partials_2, double *__restrict__ sum) {
    for (gc_index j_3 = blockIdx.x * blockDim.y + threadIdx.y; j_3 < M_n1; j_3 += gridDim.x * blockDim.y) {
        double sum_all = 0.0;
        for (gc_index number = threadIdx.x; number < n; number += blockDim.x) {
            double partial_2 = sum_partials_2[(number * M_n1) + j_3];
            sum_all = sum_all + partial_2;
        }
        sum_all = gc_group_add_f64(sum_all);
        if (threadIdx.x == 0) {
            sum[j_3] = 0.0 + sum_all;
        }
    }
}

GC_KERNEL sub_kernel(double *__restrict__ sum, double *__restrict__ sum_2, double *__restrict__ sub, double *sub_2_at, double *sum_3_at) {
    double sub_2 = *sub_2_at;
    double sum_3 = *sum_3_at;
    if (gc_thread() != 0) return;
    sub_2 = sum[1] - sum[0];
    sum_2[0] = sum_3;
    sub[0] = sub_2;
    *sub_2_at = sub_2;
}
