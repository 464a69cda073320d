/* scan(extent(M, axis=0), M, v, N).1 */
...
typedef struct {
    const double *M;
    int64_t M_n0;
    int64_t M_n1;
    const double *v;
    int64_t v_n0;
    const double *N;
    int64_t N_n0;
    int64_t N_n1;
    int64_t taken;
    double *v_t_1;
    double *scan;
    double *scan_2;
    double sum;
} frame;

static int32_t nest(gc_call *call, void *context, int64_t begin, int64_t end, int32_t part) {
    frame *f = context;
    (void)call, (void)begin, (void)end, (void)part;
    const int64_t M_n0 = f->M_n0;
    const int64_t N_n1 = f->N_n1;
    const int64_t v_n0 = f->v_n0;
    const int64_t N_n0 = f->N_n0;
    const int64_t M_n1 = f->M_n1;
    int64_t taken = f->taken;
    double *v_t_1 = f->v_t_1;
    const double *restrict N = f->N;
    const double *restrict M = f->M;
    double *restrict scan = f->scan;
    for (int64_t t = 0; t < M_n0; t++) {
        if (call->poll(call)) return 2;
        const int64_t mark = call->mark(call);
        double *dot = call->allocate(call, N_n1 * (int64_t)sizeof(double));
        if (!dot) return call->lacks(call, 5);
        #pragma omp simd
        for (int64_t i0 = 0; i0 < N_n1; i0++) {
            dot[i0] = 0.0;
        }
        for (int64_t i1 = 0; i1 < v_n0; i1++) {
            #pragma omp simd
            for (int64_t i0_2 = 0; i0_2 < N_n1; i0_2++) {
                const double mul = (v_t_1[i1] * N[(i1 * N_n1) + i0_2]);
                dot[i0_2] = dot[i0_2] + mul;
            }
        }
        double sum = 0.0;
        #pragma omp simd reduction(+:sum)
        for (int64_t i0_3 = 0; i0_3 < M_n1; i0_3++) {
            double add = M[(t * M_n1) + i0_3] + dot[i0_3];
            double tanh = gc_tanh_f64(add);
            sum = sum + tanh;
            scan[(t * M_n1) + i0_3] = tanh;
        }
        double sum_2 = sum;
        uint8_t gt = sum_2 > (double)5;
        v_t_1 = scan + t * M_n1;
        if (gt) {
            taken = t + 1;
            break;
        }
        call->release(call, mark);
    }
    f->v_t_1 = v_t_1;
    f->taken = taken;
    return 0;
}

static __attribute__((noinline, hot)) int32_t nest_2(gc_call *call, void *context, int64_t begin, int64_t end, int32_t part) {
    frame *f = context;
    (void)call, (void)begin, (void)end, (void)part;
    const int64_t taken = f->taken;
    const int64_t M_n1 = f->M_n1;
    const int64_t M_n0 = f->M_n0;
    double *restrict scan = f->scan;
    double *restrict scan_2 = f->scan_2;
    #pragma omp simd
    for (int64_t i1_2 = begin; i1_2 < end; i1_2++) {
        scan_2[i1_2] = scan[i1_2];
    }
    return 0;
}

int32_t gc_entry(gc_call *call, const gc_array *in) {
    frame own, *f = &own;
    (void)in;
    f->M = (const double *)in[0].data;
    f->M_n0 = in[0].shape[0];
    f->M_n1 = in[0].shape[1];
    f->v = (const double *)in[1].data;
    f->v_n0 = in[1].shape[0];
    f->N = (const double *)in[2].data;
    f->N_n0 = in[2].shape[0];
    f->N_n1 = in[2].shape[1];
    if (!(f->v_n0 == f->N_n0))
        return call->fail(call, 0, 2, (int64_t[]){(int64_t)f->v_n0, (int64_t)f->N_n0});
    if (!(f->M_n1 == f->N_n1))
        return call->fail(call, 1, 2, (int64_t[]){(int64_t)f->M_n1, (int64_t)f->N_n1});
    if (!(f->v_n0 == f->M_n1))
        return call->fail(call, 2, 2, (int64_t[]){(int64_t)f->v_n0, (int64_t)f->M_n1});
    f->v_t_1 = f->v + 0;
    f->taken = f->M_n0;
    f->scan = call->allocate(call, (f->M_n0 * f->M_n1) * (int64_t)sizeof(double));
    if (!f->scan) return call->lacks(call, 3);
    const int32_t failed = nest(call, f, 0, 0, 0);
    if (failed) return failed;
    f->scan_2 = call->output(call, 0, (int64_t[]){f->taken, f->M_n1});
    if (!f->scan_2) return call->lacks(call, 4);
    {
        const int32_t parts = gc_parts(call, (f->taken * f->M_n1), 1);
        const int32_t failed = parts > 1 ? call->parallel(call, nest_2, f, (f->taken * f->M_n1), parts)
                                         : nest_2(call, f, 0, (f->taken * f->M_n1), 0);
        if (failed) return failed;
    }
    return 0;
}
