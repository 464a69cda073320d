def run(d, inputs, shapes, numbers):
    """sum(M, axis=(0,))"""
    M = inputs[0]
    M_n0 = shapes[0][0]
    M_n1 = shapes[0][1]
    sum = d.result(0, 0, "float64", (M_n1,))
    if (M_n1 >= 8192) | (M_n0 <= 16):
        d.launch("sum_kernel", d.grid(M_n1, 1), 0, max(M_n1, M_n0, M_n0 * M_n1), M_n1, M_n0, M, sum)
    else:
        mark_2 = d.mark()
        grid = d.grid(M_n0, (M_n1 + 1) // 2, max((min(512, (16777216 // (max(M_n1, 1))))), 1))
        sum_partials = d.allocate(((grid.blocks * grid.groups) * M_n1) * 8)
        own = (M_n1 * 8 + 15) // 16 * 16
        shared = own * grid.groups
        if shared > d.shared:
            own = shared = 0
        d.launch("sum_kernel_2", grid, shared, max(M_n1, M_n0, M_n0 * M_n1, (grid.blocks * grid.groups) * M_n1), own, M_n1, sum_partials, M, M_n0)
        d.launch("sum_combined", d.grid(M_n1, grid.blocks * grid.groups), 0, max(M_n1, grid.blocks * grid.groups, (grid.blocks * grid.groups) * M_n1), M_n1, grid.blocks * grid.groups, sum_partials, sum)
        d.release(mark_2)
    return [Array(sum, "float64", (M_n1,))]

GC_KERNEL sum_kernel(gc_index M_n1, gc_index M_n0, const double *__restrict__ M, double *__restrict__ sum) {
    for (gc_index i1 = blockIdx.x * blockDim.y + threadIdx.y; i1 < M_n1; i1 += gridDim.x * blockDim.y) {
        double sum_2 = 0.0;
        for (gc_index i0 = 0; i0 < M_n0; i0++) {
            sum_2 = sum_2 + M[(i0 * M_n1) + i1];
        }
        sum[i1] = sum_2;
    }
}

GC_KERNEL sum_kernel_2(int32_t own_bytes, gc_index M_n1, double *sum_partials, const double *__restrict__ M, gc_index M_n0) {
    GC_SHARED(gc_shared);
    unsigned char *own = gc_shared + threadIdx.y * own_bytes;
    double *const sum = own_bytes ? (double *)own : sum_partials + (int64_t)(blockIdx.x * blockDim.y + threadIdx.y) * M_n1;
    own += GC_ROUNDED(M_n1 * sizeof(double));
    const gc_index vectors = ((size_t)sum | (size_t)M) % 16 | M_n1 % 2 ? 0 : M_n1 / 2;
    for (gc_index j = threadIdx.x; j < M_n1; j += blockDim.x) {
        sum[j] = 0.0;
    }
    gc_barrier();
    for (gc_index i0 = blockIdx.x * blockDim.y + threadIdx.y; i0 < M_n0; i0 += gridDim.x * blockDim.y) {
        for (gc_index vector = threadIdx.x; vector < vectors; vector += blockDim.x) {
            gc_f64x2 sum_2_2 = ((gc_f64x2 *)sum)[vector];
            const gc_f64x2 M_2 = ((const gc_f64x2 *)(M + i0 * M_n1))[vector];
            #pragma unroll
            for (int e = 0; e < 2; e++) {
                sum_2_2.x[e] = sum_2_2.x[e] + M_2.x[e];
            }
            ((gc_f64x2 *)sum)[vector] = sum_2_2;
        }
        for (gc_index i1 = vectors * 2 + threadIdx.x; i1 < M_n1; i1 += blockDim.x) {
            sum[i1] = sum[i1] + M[(i0 * M_n1) + i1];
        }
    }
    if (own_bytes) {
        gc_barrier();
        for (gc_index j = threadIdx.x; j < M_n1; j += blockDim.x) {
            sum_partials[((blockIdx.x * blockDim.y + threadIdx.y) * M_n1) + j] = sum[j];
        }
    }
}

GC_KERNEL sum_combined(gc_index M_n1, gc_index n, double *sum_partials, double *__restrict__ sum) {
    for (gc_index j_2 = blockIdx.x * blockDim.y + threadIdx.y; j_2 < M_n1; j_2 += gridDim.x * blockDim.y) {
        double sum_all = 0.0;
        for (gc_index number = threadIdx.x; number < n; number += blockDim.x) {
            double partial = sum_partials[(number * M_n1) + j_2];
            sum_all = sum_all + partial;
        }
        sum_all = gc_group_add_f64(sum_all);
        if (threadIdx.x == 0) {
            sum[j_2] = 0.0 + sum_all;
        }
    }
}
