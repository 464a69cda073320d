def run(d, inputs, shapes, numbers):
    """sum(M, axis=(0,))"""
    M = inputs[0]
    M_n0 = shapes[0][0]
    M_n1 = shapes[0][1]
    sum = d.output(0, "float64", (M_n1,))
    if (M_n1 >= 8192) | (M_n0 <= 16):
        d.launch("sum_kernel", d.grid(M_n1, 1), 0, max(M_n0 * M_n1, M_n1, M_n0), M_n1, M_n0, M, sum)
    else:
        grid = d.grid(M_n0, (M_n1 + 1) // 2, max(min(512, 16777216 // max(M_n1, 1)), 1))
        mark_2 = d.mark()
        sum_parts = d.allocate(grid.blocks * grid.groups * M_n1 * 8)
        own = (M_n1 * 8 + 15) // 16 * 16
        shared = own * grid.groups
        if shared > d.shared:
            own = shared = 0
        d.launch("sum_kernel_2", grid, shared, max(M_n1, M_n0 * M_n1, M_n0), sum_parts, own, M_n1, M_n0, M)
        d.launch("sum_combined", d.grid(M_n1, grid.blocks * grid.groups), 0, M_n1, M_n1, sum, sum_parts, grid.blocks * grid.groups)
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

GC_KERNEL sum_kernel_2(double *sum_parts, int32_t own_bytes, gc_index M_n1, gc_index M_n0, const double *__restrict__ M) {
    GC_SHARED(gc_shared);
    unsigned char *own = gc_shared + threadIdx.y * own_bytes;
    double *const sum_part = sum_parts + (int64_t)(blockIdx.x * blockDim.y + threadIdx.y) * M_n1;
    double *const sum = own_bytes ? (double *)own : sum_part;
    own += GC_ROUNDED(M_n1 * sizeof(double));
    const gc_index vectors_2 = ((size_t)sum | (size_t)M) % 16 | M_n1 % 2 ? 0 : M_n1 / 2;
    for (gc_index k = threadIdx.x; k < M_n1; k += blockDim.x) sum[k] = 0.0;
    gc_barrier();
    for (gc_index i0 = blockIdx.x * blockDim.y + threadIdx.y; i0 < M_n0; i0 += gridDim.x * blockDim.y) {
        for (gc_index vector = threadIdx.x; vector < vectors_2; vector += blockDim.x) {
            gc_f64x2 sum_2_2 = ((gc_f64x2 *)sum)[vector];
            const gc_f64x2 M_2 = ((const gc_f64x2 *)(M + i0 * M_n1))[vector];
            #pragma unroll
            for (int e = 0; e < 2; e++) {
                sum_2_2.x[e] = sum_2_2.x[e] + M_2.x[e];
            }
            ((gc_f64x2 *)sum)[vector] = sum_2_2;
        }
        for (gc_index i1 = vectors_2 * 2 + threadIdx.x; i1 < M_n1; i1 += blockDim.x) {
            sum[i1] = sum[i1] + M[(i0 * M_n1) + i1];
        }
    }
    gc_barrier();
    if (own_bytes) {
        for (gc_index k = threadIdx.x; k < M_n1; k += blockDim.x) sum_part[k] = sum[k];
    }
}

GC_KERNEL sum_combined(gc_index M_n1, double *__restrict__ sum, const double *sum_parts, int32_t groups) {
    for (gc_index k = blockIdx.x * blockDim.y + threadIdx.y; k < M_n1; k += gridDim.x * blockDim.y) {
        double sum_all = 0.0;
        for (int32_t p = threadIdx.x; p < groups; p += blockDim.x) {
            const double sum_part = sum_parts[(int64_t)p * M_n1 + k];
            sum_all = sum_all + sum_part;
        }
        sum_all = gc_group_add_f64(sum_all);
        if (threadIdx.x == 0) {
            const double sum_before = 0.0;
            sum[k] = sum_before + sum_all;
        }
    }
}
