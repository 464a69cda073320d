/* A product on one thread and on several, and a batch of them: included by product_of.h. */

/* -- one thread ------------------------------------------------------------------------------ */

static int P(at_once)(int64_t m, int64_t n, int64_t k, const P_R *a, int64_t a0, int64_t a1,
                      const P_R *b, int64_t b0, int64_t b1, P_R beta, P_R *c, int64_t c0,
                      int64_t c1)
{
    if (k <= 0)
        P(scale)(m, n, beta, c, c0, c1);
    else if (m == 1 && n == 1) {
        const P_R sum = P(dot)(k, a, a1, b, b0);
        *c = beta == 0 ? sum : sum + beta * *c;
    } else if (n == 1 && (a0 == 1 || a1 == 1))
        P(vector_product)(m, k, a, a0, a1, b, b0, beta, c, c0);
    else if (m == 1 && (b0 == 1 || b1 == 1))
        P(vector_product)(n, k, b, b1, b0, a, a1, beta, c, c1);
    else
        P(own)(m, n, k, a, a0, a1, b, b0, b1, beta, c, c0, c1);
    return 1;
}

#ifdef P_WIDE
typedef int (*P(way))(int64_t, int64_t, int64_t, const P_R *, int64_t, int64_t, const P_R *,
                      int64_t, int64_t, P_R, P_R *, int64_t, int64_t);

/* The product, a piece of the depth at a time by `way`; a wider type adds these up, so that
 * rounding does not lose more the deeper it is.  0 if it cannot be had. */
static int P(in_pieces)(P(way) way, int64_t piece, int64_t m, int64_t n, int64_t k, const P_R *a,
                        int64_t a0, int64_t a1, const P_R *b, int64_t b0, int64_t b1, P_R beta,
                        P_R *c, int64_t c0, int64_t c1)
{
    const size_t size = (size_t)m * (size_t)n;
    P_WIDE *sums = calloc(size, sizeof(P_WIDE));
    P_R *sum = malloc(size * sizeof(P_R));
    int done = sums && sum;
    for (int64_t l = 0; done && l < k; l += piece) {
        const int64_t depth = k - l < piece ? k - l : piece;
        done = way(m, n, depth, a + l * a1, a0, a1, b + l * b0, b0, b1, 0, sum, n, 1);
        for (size_t i = 0; done && i < size; i++)
            sums[i] += sum[i];
    }
    for (int64_t i = 0; done && i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            P_R *to = c + i * c0 + j * c1;
            const P_WIDE all = sums[i * n + j];
            *to = (P_R)(beta == 0 ? all : all + beta * (P_WIDE)*to);
        }
    free(sum);
    free(sums);
    return done;
}
#endif

static void P(alone)(int64_t m, int64_t n, int64_t k, const P_R *a, int64_t a0, int64_t a1,
                     const P_R *b, int64_t b0, int64_t b1, P_R beta, P_R *c, int64_t c0,
                     int64_t c1)
{
    if (m <= 0 || n <= 0)
        return;
#ifdef P_WIDE
    if (k > 2 * GC_PIECE &&
        P(in_pieces)(P(at_once), GC_PIECE, m, n, k, a, a0, a1, b, b0, b1, beta, c, c0, c1))
        return;
#endif
    P(at_once)(m, n, k, a, a0, a1, b, b0, b1, beta, c, c0, c1);
}

/* -- several threads ------------------------------------------------------------------------- */

/* About how many cycles a product takes: arithmetic, or reading or writing what is not near. */
static double P(cycles)(int64_t m, int64_t n, int64_t k)
{
    const double numbers = (double)m * (double)n * (double)k;
    if (m == 1 || n == 1)
        return numbers * sizeof(P_R) / 20;
    const double write = (double)m * (double)n * sizeof(P_R) / 10;
    return numbers / P_LANES > write ? numbers / P_LANES : write;
}

enum { P(ROWS), P(COLUMNS), P(DEPTH), P(BATCH) };

typedef struct {
    int64_t batch, m, n, k;
    const P_R *a;
    int64_t a_, a0, a1;
    const P_R *b;
    int64_t b_, b0, b1;
    P_R beta, *c;
    int64_t c_, c0, c1;
    P_R *sums; /* where the depth is divided: those of the parts after the first */
    int axis;
} P(job);

static int32_t P(part)(gc_call *call, void *context, int64_t begin, int64_t end, int32_t part)
{
    (void)call;
    const P(job) *q = context;
    const int64_t count = end - begin;
    if (q->axis == P(ROWS))
        P(alone)(count, q->n, q->k, q->a + begin * q->a0, q->a0, q->a1, q->b, q->b0, q->b1,
                 q->beta, q->c + begin * q->c0, q->c0, q->c1);
    else if (q->axis == P(COLUMNS))
        P(alone)(q->m, count, q->k, q->a, q->a0, q->a1, q->b + begin * q->b1, q->b0, q->b1,
                 q->beta, q->c + begin * q->c1, q->c0, q->c1);
    else if (q->axis == P(DEPTH) && part)
        P(alone)(q->m, q->n, count, q->a + begin * q->a1, q->a0, q->a1, q->b + begin * q->b0,
                 q->b0, q->b1, 0, q->sums + (part - 1) * q->m * q->n, q->n, 1);
    else if (q->axis == P(DEPTH))
        P(alone)(q->m, q->n, count, q->a, q->a0, q->a1, q->b, q->b0, q->b1, q->beta, q->c, q->c0,
                 q->c1);
    else
        for (int64_t i = begin; i < end; i++)
            P(alone)(q->m, q->n, q->k, q->a + i * q->a_, q->a0, q->a1, q->b + i * q->b_, q->b0,
                     q->b1, q->beta, q->c + i * q->c_, q->c0, q->c1);
    return 0;
}

/* On how many threads it pays, and never more than the call may use. */
static int32_t P(parts)(const gc_call *call, double cycles)
{
    if (!call || call->threads <= 1)
        return 1;
    const double most = cycles / GC_PART;
    return most < 2 ? 1 : most < call->threads ? (int32_t)most : call->threads;
}

/* How evenly `units` fall into parts. */
static double P(evenness)(int64_t units, int64_t parts)
{
    return (double)units / (double)((units + parts - 1) / parts * parts);
}

/* The product on several threads; 0 if it is better done by one. */
static int P(divided)(gc_call *call, P(job) *q)
{
    const int32_t parts = P(parts)(call, P(cycles)(q->m, q->n, q->k));
    if (parts == 1)
        return 0;
    const double rows = P(evenness)((q->m + 3) / 4, parts);
    const double columns = P(evenness)((q->n + P_LANES - 1) / P_LANES, parts);
    if (rows < 0.7 && columns < 0.7 && q->k >= 64 * parts) {
        const int64_t mark = call->mark(call), size = q->m * q->n;
        q->sums = call->allocate(call, (parts - 1) * size * (int64_t)sizeof(P_R));
        if (!q->sums)
            return 0;
        q->axis = P(DEPTH);
        call->parallel(call, P(part), q, q->k, parts);
        for (int64_t i = 0; i < q->m; i++)
            for (int64_t j = 0; j < q->n; j++) {
                P_R sum = q->c[i * q->c0 + j * q->c1];
                for (int32_t part = 0; part < parts - 1; part++)
                    sum += q->sums[part * size + i * q->n + j];
                q->c[i * q->c0 + j * q->c1] = sum;
            }
        call->release(call, mark);
        return 1;
    }
    /* whoever shares rows of b copies them once more */
    q->axis = columns > 0.95 * rows ? P(COLUMNS) : P(ROWS);
    call->parallel(call, P(part), q, q->axis == P(ROWS) ? q->m : q->n, parts);
    return 1;
}

static void P(product)(gc_call *call, int64_t m, int64_t n, int64_t k, const P_R *a, int64_t a0,
                       int64_t a1, const P_R *b, int64_t b0, int64_t b1, P_R beta, P_R *c,
                       int64_t c0, int64_t c1)
{
#ifdef P_GEMM
    if ((!call || call->threads > 1) && m > 1 && n > 1 &&
        (double)m * (double)n * (double)k > GC_BOUND && k > 0) {
#ifdef P_WIDE
        if (k > 2 * GC_BLAS_PIECE && P(in_pieces)(P(by_blas), GC_BLAS_PIECE, m, n, k, a, a0, a1, b,
                                                  b0, b1, beta, c, c0, c1))
            return;
#endif
        if (P(by_blas)(m, n, k, a, a0, a1, b, b0, b1, beta, c, c0, c1))
            return;
    }
#endif
    if (call && call->threads > 1 && m > 0 && n > 0 && k > 0) {
        P(job) job = {1, m, n, k, a, 0, a0, a1, b, 0, b0, b1, beta, c, 0, c0, c1, 0, 0};
        if (P(divided)(call, &job))
            return;
    }
    P(alone)(m, n, k, a, a0, a1, b, b0, b1, beta, c, c0, c1);
}

static void P(products)(gc_call *call, int64_t batch, int64_t m, int64_t n, int64_t k,
                        const P_R *a, int64_t a_, int64_t a0, int64_t a1, const P_R *b, int64_t b_,
                        int64_t b0, int64_t b1, P_R beta, P_R *c, int64_t c_, int64_t c0,
                        int64_t c1)
{
    if (batch > 1 && b_ == 0 && (m == 1 || (a_ == m * a0 && c_ == m * c0))) {
        /* one matrix for all: the others are one under the other */
        P(product)(call, batch * m, n, k, a, m == 1 ? a_ : a0, a1, b, b0, b1, beta, c,
                   m == 1 ? c_ : c0, c1);
        return;
    }
    if (batch > 1 && a_ == 0 && (n == 1 || (b_ == n * b1 && c_ == n * c1))) {
        P(product)(call, m, batch * n, k, a, a0, a1, b, b0, n == 1 ? b_ : b1, beta, c, c0,
                   n == 1 ? c_ : c1);
        return;
    }
    if (batch > 1 && c_ == 0 && beta == 1 && (k == 1 || (a_ == k * a1 && b_ == k * b0))) {
        /* a sum of products: the matrices are one behind the other */
        P(product)(call, m, n, batch * k, a, a0, k == 1 ? a_ : a1, b, k == 1 ? b_ : b0, b1, 1, c,
                   c0, c1);
        return;
    }
    const int32_t parts = P(parts)(call, (P(cycles)(m, n, k) + 50) * (double)batch);
    if (parts > 1 && batch >= 4 * parts && c_ != 0) {
        P(job) job = {batch, m, n, k, a, a_, a0, a1, b, b_, b0, b1, beta, c, c_, c0, c1, 0,
                      P(BATCH)};
        call->parallel(call, P(part), &job, batch, parts);
        return;
    }
    for (int64_t i = 0; i < batch; i++)
        P(product)(call, m, n, k, a + i * a_, a0, a1, b + i * b_, b0, b1, beta, c + i * c_, c0,
                   c1);
}
