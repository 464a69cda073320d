/* Products with one row or one column, which read each number once: included by product_of.h. */

/* -- one row or one column ------------------------------------------------------------------ */

static inline P_R P(total)(P(vector) v)
{
    P_R half[P_LANES] __attribute__((aligned(64)));
    P_PUT(half, v);
    GC_UNROLL(8)
    for (int count = P_LANES / 2; count; count /= 2)
        for (int i = 0; i < count; i++)
            half[i] += half[i + count];
    return half[0];
}

static P_R P(dot)(int64_t k, const P_R *x, int64_t x0, const P_R *y, int64_t y0)
{
    int64_t l = 0;
    if (x0 == 1 && y0 == 1) {
        P(vector) sum[8] = {0};
        for (; l + 8 * P_LANES <= k; l += 8 * P_LANES) {
            GC_UNROLL(8)
            for (int q = 0; q < 8; q++)
                sum[q] += P_AT(x + l + q * P_LANES) * P_AT(y + l + q * P_LANES);
        }
        for (; l + P_LANES <= k; l += P_LANES)
            sum[0] += P_AT(x + l) * P_AT(y + l);
        if (l < k)
            sum[1] += P(load_part)(x + l, k - l) * P(load_part)(y + l, k - l);
        return P(total)(((sum[0] + sum[1]) + (sum[2] + sum[3])) +
                        ((sum[4] + sum[5]) + (sum[6] + sum[7])));
    }
    P_R sum[4] = {0};
    for (; l + 4 <= k; l += 4)
        for (int q = 0; q < 4; q++)
            sum[q] += x[(l + q) * x0] * y[(l + q) * y0];
    for (; l < k; l++)
        sum[0] += x[l * x0] * y[l * y0];
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/* sum[i] += a[i] . x for `rows` rows of a, each of k numbers side by side. */
static inline __attribute__((always_inline)) void P(rows_times)(const int rows, int64_t k,
                                                                const P_R *a, int64_t a0,
                                                                const P_R *x, P_R *sums)
{
    P(vector) sum[4][2];
    GC_UNROLL(4)
    for (int i = 0; i < rows; i++)
        sum[i][0] = sum[i][1] = (P(vector)){0};
    int64_t l = 0;
    for (; l + 2 * P_LANES <= k; l += 2 * P_LANES) {
        GC_UNROLL(4)
        for (int i = 0; i < rows; i++) {
            sum[i][0] += P_AT(a + i * a0 + l) * P_AT(x + l);
            sum[i][1] += P_AT(a + i * a0 + l + P_LANES) * P_AT(x + l + P_LANES);
        }
    }
    for (; l + P_LANES <= k; l += P_LANES) {
        GC_UNROLL(4)
        for (int i = 0; i < rows; i++)
            sum[i][0] += P_AT(a + i * a0 + l) * P_AT(x + l);
    }
    if (l < k) {
        GC_UNROLL(4)
        for (int i = 0; i < rows; i++)
            sum[i][1] += P(load_part)(a + i * a0 + l, k - l) * P(load_part)(x + l, k - l);
    }
    GC_UNROLL(4)
    for (int i = 0; i < rows; i++)
        sums[i] += P(total)(sum[i][0] + sum[i][1]);
}

/* sum[i] += sum over l of a[l, i] * x[l], for n columns side by side. */
static void P(columns_times)(int64_t n, int64_t k, const P_R *a, int64_t a0, const P_R *x,
                             int64_t x0, P_R *sum)
{
    int64_t l = 0;
    for (; l + 8 <= k; l += 8, a += 8 * a0) {
        P_R by[8];
        for (int q = 0; q < 8; q++)
            by[q] = x[(l + q) * x0];
        int64_t i = 0;
        for (; i + P_LANES <= n; i += P_LANES) {
            P(vector) even = P_AT(sum + i), odd = {0};
            GC_UNROLL(4)
            for (int q = 0; q < 8; q += 2) {
                even += by[q] * P_AT(a + q * a0 + i);
                odd += by[q + 1] * P_AT(a + (q + 1) * a0 + i);
            }
            P_PUT(sum + i, even + odd);
        }
        for (; i < n; i++)
            for (int q = 0; q < 8; q++)
                sum[i] += by[q] * a[q * a0 + i];
    }
    for (; l < k; l++, a += a0) {
        const P_R by = x[l * x0];
        for (int64_t i = 0; i < n; i++)
            sum[i] += by * a[i];
    }
}

/* y = beta * y + a @ x, where the rows or the columns of a lie side by side. */
static void P(vector_product)(int64_t m, int64_t k, const P_R *a, int64_t a0, int64_t a1,
                              const P_R *x, int64_t x0, P_R beta, P_R *y, int64_t y0)
{
    enum { CHUNK = GC_NEAR / 2 / sizeof(P_R) };
    P_R near[CHUNK] __attribute__((aligned(64)));

    if (a1 == 1) {
        for (int64_t begin = 0; begin < k; begin += CHUNK) {
            const int64_t depth = k - begin < CHUNK ? k - begin : CHUNK;
            const P_R scale = begin == 0 ? beta : 1;
            const P_R *from = x + begin;
            if (x0 != 1) {
                for (int64_t l = 0; l < depth; l++)
                    near[l] = x[(begin + l) * x0];
                from = near;
            }
            for (int64_t i = 0; i < m;) {
                P_R sums[4] = {0};
                const P_R *rows = a + i * a0 + begin;
                int64_t count = 1;
                if (i + 4 <= m) {
                    P(rows_times)(4, depth, rows, a0, from, sums);
                    count = 4;
                } else {
                    P(rows_times)(1, depth, rows, a0, from, sums);
                }
                for (int64_t q = 0; q < count; q++, i++)
                    y[i * y0] = scale == 0 ? sums[q] : sums[q] + scale * y[i * y0];
            }
        }
        return;
    }
    for (int64_t i = 0; i < m; i += CHUNK) {
        const int64_t rows = m - i < CHUNK ? m - i : CHUNK;
        memset(near, 0, (size_t)rows * sizeof(P_R));
        P(columns_times)(rows, k, a + i, a1, x, x0, near);
        for (int64_t q = 0; q < rows; q++) {
            P_R *to = y + (i + q) * y0;
            *to = beta == 0 ? near[q] : near[q] + beta * *to;
        }
    }
}

/* c = beta * c */
static void P(scale)(int64_t m, int64_t n, P_R beta, P_R *c, int64_t c0, int64_t c1)
{
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            P_R *to = c + i * c0 + j * c1;
            *to = beta == 0 ? 0 : beta * *to;
        }
}
