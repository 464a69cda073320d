def run(d, inputs, shapes, numbers):
    """cumsum(M, axis=0), cumsum(M, axis=1)"""
    M = inputs[0]
    M_n0 = shapes[0][0]
    M_n1 = shapes[0][1]
    state = d.temporary(0, M_n1 * 8)
    cumsum = d.result(1, 0, "float64", (M_n0, M_n1))
    cumsum_2 = d.result(2, 1, "float64", (M_n0, M_n1))
    d.launch("state_kernel", d.grid((M_n1 + 1) // 2, 1), 0, M_n1, M_n1, state)
    d.launch("cumsum_kernel", d.grid(1, M_n1, 1), 0, max(M_n0, M_n1, M_n0 * M_n1), M_n0, M_n1, M, state, cumsum, cumsum_2)
    return [Array(cumsum, "float64", (M_n0, M_n1)), Array(cumsum_2, "float64", (M_n0, M_n1))]

GC_KERNEL state_kernel(gc_index M_n1, double *__restrict__ state) {
    const gc_index vectors = ((size_t)state) % 16 ? 0 : M_n1 / 2;
    for (gc_index vector = blockIdx.x * blockDim.y + threadIdx.y; vector < vectors; vector += gridDim.x * blockDim.y) {
        gc_f64x2 state_2;
        #pragma unroll
        for (int e = 0; e < 2; e++) {
            state_2.x[e] = 0.0;
        }
        ((gc_f64x2 *)state)[vector] = state_2;
    }
    for (gc_index i1 = vectors * 2 + blockIdx.x * blockDim.y + threadIdx.y; i1 < M_n1; i1 += gridDim.x * blockDim.y) {
        state[i1] = 0.0;
    }
}

GC_KERNEL cumsum_kernel(gc_index M_n0, gc_index M_n1, const double *__restrict__ M, double *__restrict__ state, double *__restrict__ cumsum, double *__restrict__ cumsum_2) {
    for (gc_index i0 = 0; i0 < M_n0; i0++) {
        double state_3 = 0.0;
        double state_before = state_3;
        for (gc_index first = 0; first < M_n1; first += blockDim.x) {
            const gc_index i1_2 = first + threadIdx.x;
            state_3 = 0.0;
            if (i1_2 < M_n1) {
                state[i1_2] = state[i1_2] + M[(i0 * M_n1) + i1_2];
                cumsum[(i0 * M_n1) + i1_2] = state[i1_2];
                state_3 = M[(i0 * M_n1) + i1_2];
            }
            double total;
            state_3 = gc_prefix_add_f64(state_3, &total);
            state_3 = state_before + state_3;
            state_before = state_before + total;
            if (i1_2 < M_n1) {
                cumsum_2[(i0 * M_n1) + i1_2] = state_3;
            }
        }
        state_3 = state_before;
    }
}
