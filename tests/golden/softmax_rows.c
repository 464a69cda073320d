/* (exp((M - dimshuffle(max(M, axis=(1,)), order=(0, 'x')))) / dimshuffle(sum(exp((M - dimshuffle(max(M, axis=(1,)), order=(0, 'x')))), axis=(1,)), order=(0, 'x'))) */
...
typedef struct {
    const double *M;
    int64_t M_n0;
    int64_t M_n1;
    double *true_div;
    double max;
    double sum;
} frame;

static __attribute__((noinline, hot)) int32_t steps(gc_call *call, void *context, int64_t begin, int64_t end, int32_t part) {
    frame *f = context;
    (void)call, (void)begin, (void)end, (void)part;
    const int64_t M_n0 = f->M_n0;
    const int64_t M_n1 = f->M_n1;
    const double *restrict M = f->M;
    double *restrict true_div = f->true_div;
    for (int64_t i0 = begin; i0 < end; i0++) {
        double max = (double)-INFINITY;
        #pragma omp simd reduction(gc_maximum:max)
        for (int64_t i1 = 0; i1 < M_n1; i1++) {
            max = gc_larger_f64(max, M[(i0 * M_n1) + i1]);
        }
        double max_2 = max;
        double sum = 0.0;
        #pragma omp simd reduction(+:sum)
        for (int64_t i1_2 = 0; i1_2 < M_n1; i1_2++) {
            double sub = M[(i0 * M_n1) + i1_2] - max_2;
            true_div[(i0 * M_n1) + i1_2] = gc_exp_f64(sub);
            sum = sum + true_div[(i0 * M_n1) + i1_2];
        }
        double sum_2 = sum;
        #pragma omp simd
        for (int64_t i1_3 = 0; i1_3 < M_n1; i1_3++) {
            true_div[(i0 * M_n1) + i1_3] = true_div[(i0 * M_n1) + i1_3] / sum_2;
        }
    }
    return 0;
}

static GC_BRIEF __attribute__((noinline)) int32_t nest(gc_call *call, void *context, int64_t begin, int64_t end, int32_t part) {
    frame *f = context;
    (void)call, (void)begin, (void)end, (void)part;
    const int64_t M_n0 = f->M_n0;
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

int32_t gc_entry(gc_call *call, const gc_array *in) {
    frame own, *f = &own;
    (void)in;
    f->M = (const double *)in[0].data;
    f->M_n0 = in[0].shape[0];
    f->M_n1 = in[0].shape[1];
    f->true_div = call->output(call, 0, (int64_t[]){f->M_n0, f->M_n1});
    if (!f->true_div) return call->lacks(call, 0);
    {
        const int32_t parts = gc_parts(call, f->M_n0, (((((1 + f->M_n1) + 2) + (f->M_n1 * 3)) + 1) + f->M_n1));
        const int32_t failed = parts > 1 ? call->parallel(call, nest, f, f->M_n0, parts)
                                         : nest(call, f, 0, f->M_n0, 0);
        if (failed) return failed;
    }
    return 0;
}
