/* c = beta * c + a @ b, for matrices whose numbers lie anywhere, at the given strides.
 *
 * Eight sums at a time stay in registers while the depth goes by: those of a row of c, or of a
 * column where rows are short.  Floats are summed in double.  For each type: the name, the numbers,
 * what they are summed in, how a pair is added to a sum, and what is tried before.
 */
#define GC_TOGETHER 8

#define GC_TIMES(sum, x, y) ((sum) += (x) * (y))
#define GC_BOTH(sum, x, y) ((sum) |= (x) & (y))

#define GC_PRODUCT(name, type, wide, ADD, cblas)                                                   \
    static void matmul_##name(gc_call *call, int64_t m, int64_t n, int64_t k, const type *a,       \
                              int64_t a0, int64_t a1, const type *b, int64_t b0, int64_t b1,       \
                              type beta, type *c, int64_t c0, int64_t c1) {                        \
        (void)call;                                                                                \
        cblas                                                                                      \
        if (n < m && n < GC_TOGETHER) {                                                            \
            const type *left = a;                                                                  \
            const int64_t rows = m, l0 = a0, l1 = a1, s0 = c0;                                     \
            a = b, a0 = b1, a1 = b0, b = left, b0 = l1, b1 = l0;                                   \
            m = n, n = rows, c0 = c1, c1 = s0;                                                     \
        }                                                                                          \
        for (int64_t i = 0; i < m; i++)                                                            \
            for (int64_t j = 0; j < n; j += GC_TOGETHER) {                                         \
                const int64_t count = n - j < GC_TOGETHER ? n - j : GC_TOGETHER;                   \
                const type *x = a + i * a0, *y = b + j * b1;                                       \
                wide sums[GC_TOGETHER] = {0};                                                      \
                if (count == GC_TOGETHER && b1 == 1)                                               \
                    for (int64_t l = 0; l < k; l++, x += a1, y += b0)                              \
                        for (int q = 0; q < GC_TOGETHER; q++) ADD(sums[q], (wide)*x, (wide)y[q]);  \
                else if (count == GC_TOGETHER)                                                     \
                    for (int64_t l = 0; l < k; l++, x += a1, y += b0)                              \
                        for (int q = 0; q < GC_TOGETHER; q++)                                      \
                            ADD(sums[q], (wide)*x, (wide)y[q * b1]);                               \
                else                                                                               \
                    for (int64_t l = 0; l < k; l++, x += a1, y += b0)                              \
                        for (int64_t q = 0; q < count; q++)                                        \
                            ADD(sums[q], (wide)*x, (wide)y[q * b1]);                               \
                for (int64_t q = 0; q < count; q++) {                                              \
                    type *to = c + i * c0 + (j + q) * c1;                                          \
                    if (beta) ADD(sums[q], (wide)*to, (wide)beta);                                 \
                    *to = (type)sums[q];                                                           \
                }                                                                                  \
            }                                                                                      \
    }

/* cblas takes matrices whose rows or columns have no gaps. */
#ifdef FUNCTION_CBLAS
#include <cblas.h>

#define GC_ALONG(s0, s1, rows, columns)                                                            \
    ((s1) == 1 && (s0) >= (columns) && (s0) <= INT32_MAX   ? CblasNoTrans                          \
     : (s0) == 1 && (s1) >= (rows) && (s1) <= INT32_MAX ? CblasTrans                               \
                                                        : CblasConjTrans)
#define GC_CBLAS(gemm)                                                                             \
    const CBLAS_TRANSPOSE of_a = GC_ALONG(a0, a1, m, k), of_b = GC_ALONG(b0, b1, k, n);            \
    if ((double)m * (double)n * (double)k >= 8192 && m <= INT32_MAX && n <= INT32_MAX &&           \
        k <= INT32_MAX && of_a != CblasConjTrans && of_b != CblasConjTrans && c1 == 1 &&           \
        c0 >= n && c0 <= INT32_MAX) {                                                              \
        gemm(CblasRowMajor, of_a, of_b, (int)m, (int)n, (int)k, 1, a,                              \
             (int)(of_a == CblasNoTrans ? a0 : a1), b, (int)(of_b == CblasNoTrans ? b0 : b1),      \
             beta, c, (int)c0);                                                                    \
        return;                                                                                    \
    }
#else
#define GC_CBLAS(gemm)
#endif
