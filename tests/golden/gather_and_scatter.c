/* inc_subtensor(alloc(0.0, extent(v, axis=0))[at], ([2.] * v[at])) */
...
typedef struct {
    const double *v;
    int64_t v_n0;
    const int64_t *at;
    int64_t at_n0;
    int64_t lowest;
    int64_t highest;
    double *mul;
    double *inc_subtensor;
    int64_t lowest_parts[64];
    int64_t highest_parts[64];
} frame;

static __attribute__((noinline, hot)) int32_t nest(gc_call *call, void *context, int64_t begin, int64_t end, int32_t part) {
    frame *f = context;
    (void)call, (void)begin, (void)end, (void)part;
    const int64_t at_n0 = f->at_n0;
    int64_t lowest = f->lowest;
    int64_t highest = f->highest;
    const int64_t *restrict at = f->at;
    for (int64_t first = begin; first < end; first += 4096) {
        if (first && call->poll(call)) return 2;
        const int64_t last = end - first < 4096 ? end : first + 4096;
        #pragma omp simd reduction(gc_minimum:lowest) reduction(gc_maximum:highest)
        for (int64_t i0 = first; i0 < last; i0++) {
            lowest = gc_min_i64(lowest, at[i0]);
            highest = gc_max_i64(highest, at[i0]);
        }
    }
    f->lowest_parts[part] = lowest;
    f->highest_parts[part] = highest;
    return 0;
}

static GC_BRIEF __attribute__((noinline)) void combine(frame *f, int32_t parts) {
    for (int32_t p = 0; p < parts; p++)
        f->lowest = gc_min_i64(f->lowest, f->lowest_parts[p]);
    for (int32_t p = 0; p < parts; p++)
        f->highest = gc_max_i64(f->highest, f->highest_parts[p]);
}

static __attribute__((noinline, hot)) int32_t nest_2(gc_call *call, void *context, int64_t begin, int64_t end, int32_t part) {
    frame *f = context;
    (void)call, (void)begin, (void)end, (void)part;
    const int64_t at_n0 = f->at_n0;
    const int64_t v_n0 = f->v_n0;
    const double *restrict v = f->v;
    const int64_t *restrict at = f->at;
    double *restrict mul = f->mul;
    #pragma omp simd
    for (int64_t i0_2 = begin; i0_2 < end; i0_2++) {
        double subtensor = v[(int64_t)((at[i0_2] < 0) ? (v_n0 + at[i0_2]) : at[i0_2])];
        mul[i0_2] = 2.0 * subtensor;
    }
    return 0;
}

static __attribute__((noinline, hot)) int32_t nest_3(gc_call *call, void *context, int64_t begin, int64_t end, int32_t part) {
    frame *f = context;
    (void)call, (void)begin, (void)end, (void)part;
    const int64_t v_n0 = f->v_n0;
    double *restrict inc_subtensor = f->inc_subtensor;
    #pragma omp simd
    for (int64_t i0_3 = begin; i0_3 < end; i0_3++) {
        inc_subtensor[i0_3] = 0.0;
    }
    return 0;
}

static int32_t nest_4(gc_call *call, void *context, int64_t begin, int64_t end, int32_t part) {
    frame *f = context;
    (void)call, (void)begin, (void)end, (void)part;
    const int64_t at_n0 = f->at_n0;
    const int64_t v_n0 = f->v_n0;
    const int64_t *restrict at = f->at;
    double *restrict inc_subtensor = f->inc_subtensor;
    double *restrict mul = f->mul;
    for (int64_t first_2 = 0; first_2 < at_n0; first_2 += 4096) {
        if (first_2 && call->poll(call)) return 2;
        const int64_t last_2 = at_n0 - first_2 < 4096 ? at_n0 : first_2 + 4096;
        for (int64_t i0_4 = first_2; i0_4 < last_2; i0_4++) {
            inc_subtensor[(int64_t)((at[i0_4] < 0) ? (v_n0 + at[i0_4]) : at[i0_4])] = inc_subtensor[(int64_t)((at[i0_4] < 0) ? (v_n0 + at[i0_4]) : at[i0_4])] + mul[i0_4];
        }
    }
    return 0;
}

int32_t gc_entry(gc_call *call, const gc_array *in) {
    frame own, *f = &own;
    (void)in;
    f->v = (const double *)in[0].data;
    f->v_n0 = in[0].shape[0];
    f->at = (const int64_t *)in[1].data;
    f->at_n0 = in[1].shape[0];
    f->lowest = 0;
    f->highest = -1;
    {
        const int32_t parts = gc_parts(call, f->at_n0, 2);
        const int32_t failed = parts > 1 ? call->parallel(call, nest, f, f->at_n0, parts)
                                         : nest(call, f, 0, f->at_n0, 0);
        if (failed) return failed;
        combine(f, parts);
    }
    if (!(f->lowest >= ((int64_t)(0 - (uint64_t)f->v_n0))))
        return call->fail(call, 0, 2, (int64_t[]){(int64_t)f->lowest, (int64_t)f->v_n0});
    if (!(f->highest < f->v_n0))
        return call->fail(call, 1, 2, (int64_t[]){(int64_t)f->highest, (int64_t)f->v_n0});
    f->mul = call->allocate(call, f->at_n0 * (int64_t)sizeof(double));
    if (!f->mul) return call->lacks(call, 2);
    {
        const int32_t parts = gc_parts(call, f->at_n0, 2);
        const int32_t failed = parts > 1 ? call->parallel(call, nest_2, f, f->at_n0, parts)
                                         : nest_2(call, f, 0, f->at_n0, 0);
        if (failed) return failed;
    }
    f->inc_subtensor = call->output(call, 0, (int64_t[]){f->v_n0});
    if (!f->inc_subtensor) return call->lacks(call, 3);
    {
        const int32_t parts = gc_parts(call, f->v_n0, 1);
        const int32_t failed = parts > 1 ? call->parallel(call, nest_3, f, f->v_n0, parts)
                                         : nest_3(call, f, 0, f->v_n0, 0);
        if (failed) return failed;
    }
    const int32_t failed = nest_4(call, f, 0, 0, 0);
    if (failed) return failed;
    return 0;
}
