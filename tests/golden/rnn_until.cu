def run(d, inputs, shapes, numbers):
    """scan(extent(M, axis=0), M, v, N).1"""
    M = inputs[0]
    M_n0 = shapes[0][0]
    M_n1 = shapes[0][1]
    v = inputs[1]
    v_n0 = shapes[1][0]
    N = inputs[2]
    N_n0 = shapes[2][0]
    N_n1 = shapes[2][1]
    words = d.allocate(16)
    if not (v_n0 == N_n0):
        raise d.failed(0, (v_n0, N_n0))
    if not (M_n1 == N_n1):
        raise d.failed(1, (M_n1, N_n1))
    if not (v_n0 == M_n1):
        raise d.failed(2, (v_n0, M_n1))
    d.launch("taken_kernel", d.grid(1, 1, 1), 0, 1, v, M_n0, words, words + 8)
    taken = M_n0
    scan = d.temporary(3, (M_n0 * M_n1) * 8)
    mark_2 = d.mark()
    grid = d.grid(1, max((N_n1 + 1) // 2, (M_n1 + 1) // 2), 1)
    own = (N_n1 * 8 + 15) // 16 * 16
    shared = own * grid.groups
    if shared > d.shared:
        own = shared = 0
    dot_all = DeviceMemory(0) if own else d.allocate(((grid.blocks * grid.groups) * N_n1) * 8)
    d.launch("taken_kernel_2", grid, shared, max(M_n0, N_n1, v_n0, N_n0 * N_n1, M_n0 * M_n1, M_n1), own, N_n1, dot_all, N, M_n1, M, scan, M_n0, v_n0, words, words + 8)
    d.release(mark_2)
    taken = d.read(words + 8, "int64")
    scan_3 = d.result(4, 0, "float64", (taken, M_n1))
    d.launch("scan_kernel", d.grid(((taken * M_n1) + 1) // 2, 1), 0, max(M_n0 * M_n1, taken * M_n1), M_n1, taken, scan, scan_3)
    return [Array(scan_3, "float64", (taken, M_n1))]

GC_KERNEL taken_kernel(const double *v, gc_index M_n0, double **v_t_1_at, int64_t *taken_at) {
    double *v_t_1 = *v_t_1_at;
    int64_t taken = *taken_at;
    if (gc_thread() != 0) return;
    v_t_1 = (double *)(v + 0);
    taken = (int64_t)M_n0;
    *v_t_1_at = v_t_1;
    *taken_at = taken;
}

GC_KERNEL taken_kernel_2(int32_t own_bytes, gc_index N_n1, double *dot_all, const double *__restrict__ N, gc_index M_n1, const double *__restrict__ M, double *scan, gc_index M_n0, gc_index v_n0, double **v_t_1_at, int64_t *taken_at) {
    GC_SHARED(gc_shared);
    unsigned char *own = gc_shared + threadIdx.y * own_bytes;
    double *const dot = own_bytes ? (double *)own : dot_all + (int64_t)(blockIdx.x * blockDim.y + threadIdx.y) * N_n1;
    own += GC_ROUNDED(N_n1 * sizeof(double));
    double *v_t_1 = *v_t_1_at;
    int64_t taken = *taken_at;
    const gc_index vectors = ((size_t)dot | (size_t)N) % 16 | N_n1 % 2 ? 0 : N_n1 / 2;
    const gc_index vectors_2 = ((size_t)M | (size_t)dot | (size_t)scan) % 16 | M_n1 % 2 ? 0 : M_n1 / 2;
    for (gc_index t = 0; t < M_n0; t++) {
        gc_barrier();
        for (gc_index vector = threadIdx.x; vector < vectors; vector += blockDim.x) {
            gc_f64x2 dot_2;
            #pragma unroll
            for (int e = 0; e < 2; e++) {
                dot_2.x[e] = 0.0;
            }
            ((gc_f64x2 *)dot)[vector] = dot_2;
        }
        for (gc_index i0 = vectors * 2 + threadIdx.x; i0 < N_n1; i0 += blockDim.x) {
            dot[i0] = 0.0;
        }
        for (gc_index i1 = 0; i1 < v_n0; i1++) {
            for (gc_index vector_2 = threadIdx.x; vector_2 < vectors; vector_2 += blockDim.x) {
                gc_f64x2 dot_2_2 = ((gc_f64x2 *)dot)[vector_2];
                const gc_f64x2 N_2 = ((const gc_f64x2 *)(N + i1 * N_n1))[vector_2];
                #pragma unroll
                for (int e_2 = 0; e_2 < 2; e_2++) {
                    const double mul = (v_t_1[i1] * N_2.x[e_2]);
                    dot_2_2.x[e_2] = dot_2_2.x[e_2] + mul;
                }
                ((gc_f64x2 *)dot)[vector_2] = dot_2_2;
            }
            for (gc_index i0_2 = vectors * 2 + threadIdx.x; i0_2 < N_n1; i0_2 += blockDim.x) {
                const double mul_2 = (v_t_1[i1] * N[(i1 * N_n1) + i0_2]);
                dot[i0_2] = dot[i0_2] + mul_2;
            }
        }
        double sum = 0.0;
        gc_barrier();
        for (gc_index vector_3 = threadIdx.x; vector_3 < vectors_2; vector_3 += blockDim.x) {
            const gc_f64x2 M_2 = ((const gc_f64x2 *)(M + t * M_n1))[vector_3];
            const gc_f64x2 dot_2_3 = ((const gc_f64x2 *)dot)[vector_3];
            gc_f64x2 scan_2;
            #pragma unroll
            for (int e_3 = 0; e_3 < 2; e_3++) {
                double add = M_2.x[e_3] + dot_2_3.x[e_3];
                double tanh_2 = tanh(add);
                sum = sum + tanh_2;
                scan_2.x[e_3] = tanh_2;
            }
            ((gc_f64x2 *)(scan + t * M_n1))[vector_3] = scan_2;
        }
        for (gc_index i0_3 = vectors_2 * 2 + threadIdx.x; i0_3 < M_n1; i0_3 += blockDim.x) {
            double add = M[(t * M_n1) + i0_3] + dot[i0_3];
            double tanh_2 = tanh(add);
            sum = sum + tanh_2;
            scan[(t * M_n1) + i0_3] = tanh_2;
        }
        sum = gc_group_add_f64(sum);
        double sum_2 = sum;
        uint8_t gt = sum_2 > (double)5;
        v_t_1 = (double *)(scan + t * M_n1);
        if (gt) {
            taken = (int64_t)t + 1;
            break;
        }
    }
    gc_barrier();
    if (threadIdx.x == 0) {
        *v_t_1_at = v_t_1;
        *taken_at = taken;
    }
}

GC_KERNEL scan_kernel(gc_index M_n1, int64_t taken, double *scan, double *__restrict__ scan_3) {
    const gc_index vectors_3 = ((size_t)scan | (size_t)scan_3) % 16 ? 0 : ((gc_index)taken * M_n1) / 2;
    for (gc_index vector_4 = blockIdx.x * blockDim.y + threadIdx.y; vector_4 < vectors_3; vector_4 += gridDim.x * blockDim.y) {
        const gc_f64x2 scan_2_2 = ((const gc_f64x2 *)scan)[vector_4];
        gc_f64x2 scan_2_3;
        #pragma unroll
        for (int e_4 = 0; e_4 < 2; e_4++) {
            scan_2_3.x[e_4] = scan_2_2.x[e_4];
        }
        ((gc_f64x2 *)scan_3)[vector_4] = scan_2_3;
    }
    for (gc_index at = vectors_3 * 2 + blockIdx.x * blockDim.y + threadIdx.y; at < (gc_index)taken * M_n1; at += gridDim.x * blockDim.y) {
        const gc_index i1_2 = at % M_n1;
        const gc_index i0_4 = at / M_n1;
        scan_3[at] = scan[(i0_4 * M_n1) + i1_2];
    }
}
