/* assert(scan(n, scan(n, 1.0, x).1[::-1], 1.0, 0.0, x).1, ((-1 >= (-n)) & (-1 < n))) */
...
typedef struct {
    double x;
    int64_t n;
    uint8_t and;
    double sum_x;
    double state0_t_1;
    double g_state0_t_1;
    double *scan;
    double *assert;
} frame;

static int32_t nest(gc_call *call, void *context, int64_t begin, int64_t end, int32_t part) {
    frame *f = context;
    (void)call, (void)begin, (void)end, (void)part;
    double state0_t_1 = f->state0_t_1;
    const int64_t n = f->n;
    const double x = f->x;
    double *restrict scan = f->scan;
    for (int64_t first = 0; first < n; first += 4096) {
        if (first && call->poll(call)) return 2;
        const int64_t last = n - first < 4096 ? n : first + 4096;
        for (int64_t t = first; t < last; t++) {
            double mul = state0_t_1 * x;
            scan[t] = state0_t_1;
            double new = mul;
            state0_t_1 = new;
        }
    }
    f->state0_t_1 = state0_t_1;
    return 0;
}

static int32_t nest_2(gc_call *call, void *context, int64_t begin, int64_t end, int32_t part) {
    frame *f = context;
    (void)call, (void)begin, (void)end, (void)part;
    double g_state0_t_1 = f->g_state0_t_1;
    double sum_x = f->sum_x;
    const int64_t n = f->n;
    const double x = f->x;
    double *restrict scan = f->scan;
    for (int64_t first_2 = 0; first_2 < n; first_2 += 4096) {
        if (first_2 && call->poll(call)) return 2;
        const int64_t last_2 = n - first_2 < 4096 ? n : first_2 + 4096;
        for (int64_t t_2 = first_2; t_2 < last_2; t_2++) {
            double mul_2 = g_state0_t_1 * x;
            double mul_3 = g_state0_t_1 * scan[(n + -1) + (t_2 * -1)];
            double add = sum_x + mul_3;
            double new_2 = mul_2;
            double new_3 = add;
            g_state0_t_1 = new_2;
            sum_x = new_3;
        }
    }
    f->g_state0_t_1 = g_state0_t_1;
    f->sum_x = sum_x;
    return 0;
}

int32_t gc_entry(gc_call *call, const gc_array *in) {
    frame own, *f = &own;
    (void)in;
    f->x = *(const double *)in[0].data;
    f->n = *(const int64_t *)in[1].data;
    if (!(f->n >= 0))
        return call->fail(call, 0, 1, (int64_t[]){(int64_t)f->n});
    f->state0_t_1 = 1.0;
    if (!(f->n <= 1152921504606846975))
        return call->fail(call, 1, 1, (int64_t[]){(int64_t)f->n});
    f->g_state0_t_1 = 1.0;
    f->sum_x = 0.0;
    f->and = ((-1) >= ((int64_t)(0 - (uint64_t)f->n))) & ((-1) < f->n);
    if (!(f->and))
        return call->fail(call, 2, 0, (int64_t[]){0});
    f->scan = call->allocate(call, f->n * (int64_t)sizeof(double));
    if (!f->scan) return call->lacks(call, 3);
    const int32_t failed = nest(call, f, 0, 0, 0);
    if (failed) return failed;
    const int32_t failed_2 = nest_2(call, f, 0, 0, 0);
    if (failed_2) return failed_2;
    f->assert = call->output(call, 0, (int64_t[]){0});
    if (!f->assert) return call->lacks(call, 4);
    f->assert[0] = f->sum_x;
    return 0;
}
