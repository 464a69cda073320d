/* sum(M, axis=(0,)) */
...
typedef struct {
    const double *M;
    int64_t M_n0;
    int64_t M_n1;
    double *sum;
    double *sum_2;
    int64_t size;
    double *sum_parts;
    double *sum_2_parts;
} frame;

static int32_t nest(gc_call *call, void *context, int64_t begin, int64_t end, int32_t part) {
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

static int32_t nest_2(gc_call *call, void *context, int64_t begin, int64_t end, int32_t part) {
    frame *f = context;
    (void)call, (void)begin, (void)end, (void)part;
    const int64_t M_n0 = f->M_n0;
    const int64_t M_n1 = f->M_n1;
    double *restrict sum_2 = f->sum_2;
    #pragma omp simd
    for (int64_t i1_2 = 0; i1_2 < (int64_t)((M_n0 > 512) ? M_n1 : 0); i1_2++) {
        sum_2[i1_2] = 0.0;
    }
    return 0;
}

static int32_t nest_3(gc_call *call, void *context, int64_t begin, int64_t end, int32_t part) {
    frame *f = context;
    (void)call, (void)begin, (void)end, (void)part;
    const int64_t M_n0 = f->M_n0;
    const int64_t size = f->size;
    const int64_t M_n1 = f->M_n1;
    double *restrict sum = f->sum;
    const double *restrict M = f->M;
    double *restrict sum_2 = f->sum_2;
    if (part) {
        sum = f->sum_parts + (part - 1) * M_n1;
        for (int64_t k = 0; k < M_n1; k++) sum[k] = 0.0;
    }
    if (part) {
        sum_2 = f->sum_2_parts + (part - 1) * ((int64_t)((M_n0 > 512) ? M_n1 : 0));
        for (int64_t k = 0; k < ((int64_t)((M_n0 > 512) ? M_n1 : 0)); k++) sum_2[k] = 0.0;
    }
    for (int64_t block = begin; block < end; block++) {
        if (call->poll(call)) return 2;
        for (int64_t i0 = 0; i0 < (int64_t)(size < (M_n0 - (block * size)) ? size : (M_n0 - (block * size))); i0++) {
            int64_t i0_2 = (block * size) + i0;
            #pragma omp simd
            for (int64_t i1_3 = 0; i1_3 < M_n1; i1_3++) {
                sum[i1_3] = sum[i1_3] + M[(i0_2 * M_n1) + i1_3];
            }
        }
        #pragma omp simd
        for (int64_t i1_4 = 0; i1_4 < (int64_t)((M_n0 > 512) ? M_n1 : 0); i1_4++) {
            sum_2[i1_4] = sum_2[i1_4] + sum[i1_4];
            sum[i1_4] = 0.0;
        }
    }
    return 0;
}

static int32_t nest_4(gc_call *call, void *context, int64_t begin, int64_t end, int32_t part) {
    frame *f = context;
    (void)call, (void)begin, (void)end, (void)part;
    const int64_t M_n0 = f->M_n0;
    const int64_t M_n1 = f->M_n1;
    double *restrict sum_2 = f->sum_2;
    double *restrict sum = f->sum;
    #pragma omp simd
    for (int64_t i1_5 = 0; i1_5 < (int64_t)((M_n0 > 512) ? M_n1 : 0); i1_5++) {
        sum[i1_5] = sum_2[i1_5];
    }
    return 0;
}

int32_t gc_entry(gc_call *call, const gc_array *in) {
    frame own, *f = &own;
    (void)in;
    f->M = (const double *)in[0].data;
    f->M_n0 = in[0].shape[0];
    f->M_n1 = in[0].shape[1];
    f->sum = call->output(call, 0, (int64_t[]){f->M_n1});
    if (!f->sum) return -1;
    {
        const int32_t parts = gc_parts(call, f->M_n1, 1);
        const int32_t failed = parts > 1 ? call->parallel(call, nest, f, f->M_n1, parts)
                                         : nest(call, f, 0, f->M_n1, 0);
        if (failed) return failed;
    }
    f->sum_2 = call->allocate(call, ((int64_t)((f->M_n0 > 512) ? f->M_n1 : 0)) * (int64_t)sizeof(double));
    if (!f->sum_2) return -1;
    const int32_t failed = nest_2(call, f, 0, 0, 0);
    if (failed) return failed;
    f->size = (int64_t)((f->M_n0 > 512) ? 64 : 1);
    {
        const int32_t parts = gc_parts(call, ((int64_t)(gc_int_div_i64((f->M_n0 + (f->size + -1)), f->size))), ((f->size * f->M_n1) + (((int64_t)((f->M_n0 > 512) ? f->M_n1 : 0)) * 2)));
        f->sum_parts = call->allocate(call, (parts - 1) * f->M_n1 * (int64_t)sizeof(double));
        if (!f->sum_parts) return -1;
        f->sum_2_parts = call->allocate(call, (parts - 1) * ((int64_t)((f->M_n0 > 512) ? f->M_n1 : 0)) * (int64_t)sizeof(double));
        if (!f->sum_2_parts) return -1;
        const int32_t failed = parts > 1 ? call->parallel(call, nest_3, f, ((int64_t)(gc_int_div_i64((f->M_n0 + (f->size + -1)), f->size))), parts)
                                         : nest_3(call, f, 0, ((int64_t)(gc_int_div_i64((f->M_n0 + (f->size + -1)), f->size))), 0);
        if (failed) return failed;
        for (int32_t p = 0; p < parts - 1; p++)
            for (int64_t k = 0; k < f->M_n1; k++)
                f->sum[k] = f->sum[k] + f->sum_parts[p * f->M_n1 + k];
        for (int32_t p = 0; p < parts - 1; p++)
            for (int64_t k = 0; k < ((int64_t)((f->M_n0 > 512) ? f->M_n1 : 0)); k++)
                f->sum_2[k] = f->sum_2[k] + f->sum_2_parts[p * ((int64_t)((f->M_n0 > 512) ? f->M_n1 : 0)) + k];
    }
    const int32_t failed_2 = nest_4(call, f, 0, 0, 0);
    if (failed_2) return failed_2;
    return 0;
}
