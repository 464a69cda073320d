/* sum(M, axis=(0,)) */
...
typedef struct {
    const double *M;
    int64_t M_n0;
    int64_t M_n1;
    double *sum;
    double *sum_parts;
} frame;

static __attribute__((noinline, hot)) int32_t nest(gc_call *call, void *context, int64_t begin, int64_t end, int32_t part) {
    frame *f = context;
    (void)call, (void)begin, (void)end, (void)part;
    const int64_t M_n1 = f->M_n1;
    double *restrict sum = f->sum;
    #pragma omp simd
    for (int64_t i1 = begin; i1 < end; i1++) {
        sum[i1] = 0.0;
    }
    return 0;
}

static __attribute__((noinline, hot)) int32_t steps(gc_call *call, void *context, int64_t begin, int64_t end, int32_t part) {
    frame *f = context;
    (void)call, (void)begin, (void)end, (void)part;
    const int64_t M_n0 = f->M_n0;
    const int64_t M_n1 = f->M_n1;
    double *restrict sum = f->sum;
    const double *restrict M = f->M;
    if (part) {
        sum = f->sum_parts + (part - 1) * GC_APART(M_n1);
    }
    for (int64_t i0 = begin; i0 < end; i0++) {
        #pragma omp simd
        for (int64_t i1_2 = 0; i1_2 < M_n1; i1_2++) {
            sum[i1_2] = sum[i1_2] + M[(i0 * M_n1) + i1_2];
        }
    }
    return 0;
}

static GC_BRIEF __attribute__((noinline)) int32_t nest_2(gc_call *call, void *context, int64_t begin, int64_t end, int32_t part) {
    frame *f = context;
    (void)call, (void)begin, (void)end, (void)part;
    const int64_t M_n0 = f->M_n0;
    const int64_t M_n1 = f->M_n1;
    double *restrict sum = f->sum;
    if (part) {
        sum = f->sum_parts + (part - 1) * GC_APART(M_n1);
        for (int64_t k = 0; k < M_n1; k++) sum[k] = 0.0;
    }
    for (int64_t first = begin, last = end - begin > 256 ? begin + 256 : end;;) {
        const int32_t failed = steps(call, f, first, last, part);
        if (failed) return failed;
        if (__builtin_expect(last == end, 1)) break;
        if (call->poll(call)) return 2;
        first = last;
        last = end - last > 256 ? last + 256 : end;
    }
    return 0;
}

static __attribute__((noinline)) void combine(frame *f, int32_t parts) {
    for (int32_t p = 0; p < parts - 1; p++) {
        const int64_t n = f->M_n1;
        double *restrict into = f->sum;
        const double *restrict from = f->sum_parts + p * GC_APART(n);
        for (int64_t k = 0; k < n; k++) into[k] = into[k] + from[k];
    }
}

int32_t gc_entry(gc_call *call, const gc_array *in) {
    frame own, *f = &own;
    (void)in;
    f->M = (const double *)in[0].data;
    f->M_n0 = in[0].shape[0];
    f->M_n1 = in[0].shape[1];
    f->sum = call->output(call, 0, (int64_t[]){f->M_n1});
    if (!f->sum) return call->lacks(call, 0);
    {
        const int32_t parts = gc_parts(call, f->M_n1, 1);
        const int32_t failed = parts > 1 ? call->parallel(call, nest, f, f->M_n1, parts)
                                         : nest(call, f, 0, f->M_n1, 0);
        if (failed) return failed;
    }
    {
        const int32_t parts = gc_parts(call, f->M_n0, f->M_n1);
        f->sum_parts = call->allocate(call, (parts - 1) * GC_APART(f->M_n1) * (int64_t)sizeof(double));
        if (!f->sum_parts) return call->lacks(call, 0);
        const int32_t failed = parts > 1 ? call->parallel(call, nest_2, f, f->M_n0, parts)
                                         : nest_2(call, f, 0, f->M_n0, 0);
        if (failed) return failed;
        combine(f, parts);
    }
    return 0;
}
