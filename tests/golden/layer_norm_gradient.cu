def run(d, inputs, shapes, numbers):
    """add, sum"""
    M = inputs[0]
    M_n0 = shapes[0][0]
    M_n1 = shapes[0][1]
    v = inputs[1]
    v_n0 = shapes[1][0]
    if not (M_n1 == v_n0):
        raise d.failed(0, (M_n1, v_n0))
    add = d.result(1, 0, "float64", (M_n0, M_n1))
    sum = d.result(2, 1, "float64", (M_n1,))
    mark_2 = d.mark()
    grid = d.grid(M_n0, (M_n1 + 1) // 2, max((min(512, (16777216 // (max(M_n1, 1))))), 1))
    sum_partials = d.allocate(((grid.blocks * grid.groups) * M_n1) * 8)
    own = (M_n1 * 8 + 15) // 16 * 16 + (M_n1 * 8 + 15) // 16 * 16 + (M_n1 * 8 + 15) // 16 * 16 + (M_n1 * 8 + 15) // 16 * 16
    shared = own * grid.groups
    if shared > d.shared:
        own = shared = 0
    sub_all = DeviceMemory(0) if own else d.allocate(((grid.blocks * grid.groups) * M_n1) * 8)
    true_div_all = DeviceMemory(0) if own else d.allocate(((grid.blocks * grid.groups) * M_n1) * 8)
    add_all = DeviceMemory(0) if own else d.allocate(((grid.blocks * grid.groups) * M_n1) * 8)
    d.launch("add_kernel", grid, shared, max(M_n1, M_n0, M_n0 * M_n1, v_n0, (grid.blocks * grid.groups) * M_n1), own, M_n1, sum_partials, sub_all, true_div_all, add_all, M, v, add, M_n0)
    d.launch("sum_combined", d.grid(M_n1, grid.blocks * grid.groups), 0, max(M_n1, grid.blocks * grid.groups, (grid.blocks * grid.groups) * M_n1), M_n1, grid.blocks * grid.groups, sum_partials, sum)
    d.release(mark_2)
    return [Array(add, "float64", (M_n0, M_n1)), Array(sum, "float64", (M_n1,))]

GC_KERNEL add_kernel(int32_t own_bytes, gc_index M_n1, double *sum_partials, double *sub_all, double *true_div_all, double *add_all, const double *__restrict__ M, const double *__restrict__ v, double *__restrict__ add, gc_index M_n0) {
    GC_SHARED(gc_shared);
    unsigned char *own = gc_shared + threadIdx.y * own_bytes;
    double *const sum = own_bytes ? (double *)own : sum_partials + (int64_t)(blockIdx.x * blockDim.y + threadIdx.y) * M_n1;
    own += GC_ROUNDED(M_n1 * sizeof(double));
    double *const sub = own_bytes ? (double *)own : sub_all + (int64_t)(blockIdx.x * blockDim.y + threadIdx.y) * M_n1;
    own += GC_ROUNDED(M_n1 * sizeof(double));
    double *const true_div = own_bytes ? (double *)own : true_div_all + (int64_t)(blockIdx.x * blockDim.y + threadIdx.y) * M_n1;
    own += GC_ROUNDED(M_n1 * sizeof(double));
    double *const add_2 = own_bytes ? (double *)own : add_all + (int64_t)(blockIdx.x * blockDim.y + threadIdx.y) * M_n1;
    own += GC_ROUNDED(M_n1 * sizeof(double));
    double cast_float64 = (double)((int64_t)M_n1);
    const gc_index vectors = ((size_t)M | (size_t)sub | (size_t)v | (size_t)true_div | (size_t)sum | (size_t)add_2 | (size_t)add) % 16 | M_n1 % 2 ? 0 : M_n1 / 2;
    for (gc_index j = threadIdx.x; j < M_n1; j += blockDim.x) {
        sum[j] = 0.0;
    }
    gc_barrier();
    for (gc_index i0 = blockIdx.x * blockDim.y + threadIdx.y; i0 < M_n0; i0 += gridDim.x * blockDim.y) {
        double sum_2 = 0.0;
        for (gc_index vector = threadIdx.x; vector < vectors; vector += blockDim.x) {
            const gc_f64x2 M_2 = ((const gc_f64x2 *)(M + i0 * M_n1))[vector];
            #pragma unroll
            for (int e = 0; e < 2; e++) {
                sum_2 = sum_2 + M_2.x[e];
            }
        }
        for (gc_index i1 = vectors * 2 + threadIdx.x; i1 < M_n1; i1 += blockDim.x) {
            sum_2 = sum_2 + M[(i0 * M_n1) + i1];
        }
        sum_2 = gc_group_add_f64(sum_2);
        double sum_3 = sum_2;
        double true_div_2 = sum_3 / cast_float64;
        double sum_4 = 0.0;
        for (gc_index vector_2 = threadIdx.x; vector_2 < vectors; vector_2 += blockDim.x) {
            const gc_f64x2 M_2_2 = ((const gc_f64x2 *)(M + i0 * M_n1))[vector_2];
            gc_f64x2 sub_2;
            #pragma unroll
            for (int e_2 = 0; e_2 < 2; e_2++) {
                sub_2.x[e_2] = M_2_2.x[e_2] - true_div_2;
                double sqr = sub_2.x[e_2] * sub_2.x[e_2];
                sum_4 = sum_4 + sqr;
            }
            ((gc_f64x2 *)sub)[vector_2] = sub_2;
        }
        for (gc_index i1_2 = vectors * 2 + threadIdx.x; i1_2 < M_n1; i1_2 += blockDim.x) {
            sub[i1_2] = M[(i0 * M_n1) + i1_2] - true_div_2;
            double sqr = sub[i1_2] * sub[i1_2];
            sum_4 = sum_4 + sqr;
        }
        sum_4 = gc_group_add_f64(sum_4);
        double sum_5 = sum_4;
        double true_div_3 = sum_5 / cast_float64;
        double add_3 = 1e-05 + true_div_3;
        double v_sqrt = sqrt(add_3);
        double sum_6 = 0.0;
        double sum_before = sum_6;
        sum_6 = 0.0;
        for (gc_index vector_3 = threadIdx.x; vector_3 < vectors; vector_3 += blockDim.x) {
            const gc_f64x2 sub_2_2 = ((const gc_f64x2 *)sub)[vector_3];
            const gc_f64x2 v_2 = ((const gc_f64x2 *)v)[vector_3];
            gc_f64x2 true_div_2_2;
            gc_f64x2 sum_2_2 = ((gc_f64x2 *)sum)[vector_3];
            #pragma unroll
            for (int e_3 = 0; e_3 < 2; e_3++) {
                double true_div_4 = sub_2_2.x[e_3] / v_sqrt;
                double mul = true_div_4 * v_2.x[e_3];
                double tanh_2 = tanh(mul);
                double sqr_2 = tanh_2 * tanh_2;
                double sub_3 = (double)1 - sqr_2;
                double mul_2 = sub_3 * v_2.x[e_3];
                double mul_3 = mul_2 * true_div_4;
                double true_div_5 = mul_3 / v_sqrt;
                sum_6 = sum_6 + true_div_5;
                true_div_2_2.x[e_3] = mul_2 / v_sqrt;
                double mul_4 = sub_3 * true_div_4;
                sum_2_2.x[e_3] = sum_2_2.x[e_3] + mul_4;
            }
            ((gc_f64x2 *)true_div)[vector_3] = true_div_2_2;
            ((gc_f64x2 *)sum)[vector_3] = sum_2_2;
        }
        for (gc_index i1_3 = vectors * 2 + threadIdx.x; i1_3 < M_n1; i1_3 += blockDim.x) {
            double true_div_4 = sub[i1_3] / v_sqrt;
            double mul = true_div_4 * v[i1_3];
            double tanh_2 = tanh(mul);
            double sqr_2 = tanh_2 * tanh_2;
            double sub_3 = (double)1 - sqr_2;
            double mul_2 = sub_3 * v[i1_3];
            double mul_3 = mul_2 * true_div_4;
            double true_div_5 = mul_3 / v_sqrt;
            sum_6 = sum_6 + true_div_5;
            true_div[i1_3] = mul_2 / v_sqrt;
            double mul_4 = sub_3 * true_div_4;
            sum[i1_3] = sum[i1_3] + mul_4;
        }
        sum_6 = gc_group_add_f64(sum_6);
        sum_6 = sum_before + sum_6;
        double sum_7 = sum_6;
        double sub_4 = 0.0 - sum_7;
        double mul_5 = (double)2 * v_sqrt;
        double true_div_6 = sub_4 / mul_5;
        double true_div_7 = true_div_6 / cast_float64;
        double add_4 = 0.0 + true_div_7;
        double mul_6 = (double)2 * add_4;
        double sum_8 = 0.0;
        for (gc_index vector_4 = threadIdx.x; vector_4 < vectors; vector_4 += blockDim.x) {
            const gc_f64x2 sub_2_3 = ((const gc_f64x2 *)sub)[vector_4];
            const gc_f64x2 true_div_2_3 = ((const gc_f64x2 *)true_div)[vector_4];
            gc_f64x2 add_2_2;
            #pragma unroll
            for (int e_4 = 0; e_4 < 2; e_4++) {
                double mul_7 = mul_6 * sub_2_3.x[e_4];
                add_2_2.x[e_4] = true_div_2_3.x[e_4] + mul_7;
                sum_8 = sum_8 + add_2_2.x[e_4];
            }
            ((gc_f64x2 *)add_2)[vector_4] = add_2_2;
        }
        for (gc_index i1_4 = vectors * 2 + threadIdx.x; i1_4 < M_n1; i1_4 += blockDim.x) {
            double mul_7 = mul_6 * sub[i1_4];
            add_2[i1_4] = true_div[i1_4] + mul_7;
            sum_8 = sum_8 + add_2[i1_4];
        }
        sum_8 = gc_group_add_f64(sum_8);
        double sum_9 = sum_8;
        double sub_5 = 0.0 - sum_9;
        double true_div_8 = sub_5 / cast_float64;
        double add_5 = 0.0 + true_div_8;
        for (gc_index vector_5 = threadIdx.x; vector_5 < vectors; vector_5 += blockDim.x) {
            const gc_f64x2 add_2_3 = ((const gc_f64x2 *)add_2)[vector_5];
            gc_f64x2 add_2_4;
            #pragma unroll
            for (int e_5 = 0; e_5 < 2; e_5++) {
                add_2_4.x[e_5] = add_2_3.x[e_5] + add_5;
            }
            ((gc_f64x2 *)(add + i0 * M_n1))[vector_5] = add_2_4;
        }
        for (gc_index i1_5 = vectors * 2 + threadIdx.x; i1_5 < M_n1; i1_5 += blockDim.x) {
            add[(i0 * M_n1) + i1_5] = add_2[i1_5] + add_5;
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
