/* conditional((x > 0), M) */
...
typedef struct {
    double x;
    const double *M;
    int64_t M_n0;
    int64_t M_n1;
    int64_t conditional_n0;
    int64_t conditional_n1;
    uint8_t gt;
    int64_t i1;
    int64_t i1_2;
    double *conditional;
    double *sin;
    double *mul;
    double *conditional_2;
} frame;

static int32_t nest(gc_call *call, void *context, int64_t begin, int64_t end, int32_t part) {
    frame *f = context;
    (void)call, (void)begin, (void)end, (void)part;
    const int64_t M_n0 = f->M_n0;
    const int64_t M_n1 = f->M_n1;
    const double *restrict M = f->M;
    double *restrict sin = f->sin;
    for (int64_t first = 0; first < (M_n0 * M_n1); first += 4096) {
        if (first && call->poll(call)) return 2;
        const int64_t last = (M_n0 * M_n1) - first < 4096 ? (M_n0 * M_n1) : first + 4096;
        #pragma omp simd
        for (int64_t i1 = first; i1 < last; i1++) {
            sin[i1] = gc_sin_f64(M[i1]);
        }
    }
    return 0;
}

static int32_t nest_2(gc_call *call, void *context, int64_t begin, int64_t end, int32_t part) {
    frame *f = context;
    (void)call, (void)begin, (void)end, (void)part;
    const int64_t M_n0 = f->M_n0;
    const int64_t M_n1 = f->M_n1;
    const double *restrict M = f->M;
    double *restrict mul = f->mul;
    #pragma omp simd
    for (int64_t i1_2 = 0; i1_2 < M_n0 * M_n1; i1_2++) {
        mul[i1_2] = (double)2 * M[i1_2];
    }
    return 0;
}

static __attribute__((noinline, hot)) int32_t nest_3(gc_call *call, void *context, int64_t begin, int64_t end, int32_t part) {
    frame *f = context;
    (void)call, (void)begin, (void)end, (void)part;
    const int64_t conditional_n0 = f->conditional_n0;
    const int64_t conditional_n1 = f->conditional_n1;
    double *conditional = f->conditional;
    double *restrict conditional_2 = f->conditional_2;
    #pragma omp simd
    for (int64_t i1_3 = begin; i1_3 < end; i1_3++) {
        conditional_2[i1_3] = conditional[i1_3];
    }
    return 0;
}

int32_t gc_entry(gc_call *call, const gc_array *in) {
    frame own, *f = &own;
    (void)in;
    f->x = *(const double *)in[0].data;
    f->M = (const double *)in[1].data;
    f->M_n0 = in[1].shape[0];
    f->M_n1 = in[1].shape[1];
    f->gt = f->x > (double)0;
    f->conditional_n0 = 0;
    f->conditional_n1 = 0;
    if (f->gt) {
        f->sin = call->allocate(call, (f->M_n0 * f->M_n1) * (int64_t)sizeof(double));
        if (!f->sin) return call->lacks(call, 1);
        const int32_t failed = nest(call, f, 0, 0, 0);
        if (failed) return failed;
        f->conditional_n0 = f->M_n0;
        f->conditional_n1 = f->M_n1;
        f->conditional = f->sin + 0;
    } else {
        f->mul = call->allocate(call, (f->M_n0 * f->M_n1) * (int64_t)sizeof(double));
        if (!f->mul) return call->lacks(call, 2);
        const int32_t failed_2 = nest_2(call, f, 0, 0, 0);
        if (failed_2) return failed_2;
        f->conditional_n0 = f->M_n0;
        f->conditional_n1 = f->M_n1;
        f->conditional = f->mul + 0;
    }
    f->conditional_2 = call->output(call, 0, (int64_t[]){f->conditional_n0, f->conditional_n1});
    if (!f->conditional_2) return call->lacks(call, 0);
    {
        const int32_t parts = gc_parts(call, (f->conditional_n0 * f->conditional_n1), 1);
        const int32_t failed = parts > 1 ? call->parallel(call, nest_3, f, (f->conditional_n0 * f->conditional_n1), parts)
                                         : nest_3(call, f, 0, (f->conditional_n0 * f->conditional_n1), 0);
        if (failed) return failed;
    }
    return 0;
}
