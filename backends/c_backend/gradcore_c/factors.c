/* Factors of matrices: "cholesky_float64(stack, n, m, x, out, found)" and
 * "solve_lower_float64(stack, n, m, l, b, out, found)", and the same for float32, complex128
 * and complex64.  Found is how many
 * matrices come before the first that is not positive definite, or has a zero on its diagonal.
 *
 * Up to SMALL rows are computed here, as a call of a library costs more than that, in loops of
 * known length that the compiler unrolls.  BLAS and LAPACK see arrays in C order as their
 * transposes: their upper triangle is ours below the diagonal.  gc_needs holds their functions, in
 * the order in which Python names them.
 */
#include <stdint.h>
#include <string.h>

#include "numbers.h"
#include "small.h"

#define TOGETHER 4

void *gc_needs[8];

typedef void (*gc_potrf)(const char *uplo, int *n, void *a, int *lda, int *info);
typedef void (*gc_trsm)(const char *side, const char *uplo, const char *transa, const char *diag,
                        int *m, int *n, const void *alpha, const void *a, int *lda, void *b,
                        int *ldb);

#define GC_CHOLESKY(name, type, real, root, place)                                                 \
    INLINED int small_cholesky_##name(int n, const type *restrict x, type *restrict l)             \
    {                                                                                              \
        int failed = 0;                                                                            \
        for (int j = 0; j < n; j++) {                                                              \
            real pivot = GC_RE_##name(x[j * n + j]);                                               \
            for (int k = 0; k < j; k++)                                                            \
                pivot -= GC_RE_##name(l[j * n + k] * GC_CONJ_##name(l[j * n + k]));                \
            failed |= pivot <= 0;                                                                  \
            l[j * n + j] = root(pivot);                                                            \
            for (int i = j + 1; i < n; i++) {                                                      \
                type rest = x[i * n + j];                                                          \
                for (int k = 0; k < j; k++) rest -= l[i * n + k] * GC_CONJ_##name(l[j * n + k]);   \
                l[i * n + j] = rest / l[j * n + j];                                                \
                l[j * n + i] = 0;                                                                  \
            }                                                                                      \
        }                                                                                          \
        return failed;                                                                             \
    }                                                                                              \
    static int large_cholesky_##name(int n, const type *restrict x, type *restrict l)              \
    {                                                                                              \
        int info = 0;                                                                              \
        for (int64_t i = 0; i < n; i++)                                                            \
            for (int64_t j = 0; j < n; j++)                                                        \
                l[i * n + j] = j < i ? x[i * n + j] : j > i ? 0 : GC_RE_##name(x[i * n + j]);      \
        ((gc_potrf)gc_needs[place])("U", &n, l, &n, &info);                                        \
        return info > 0 && !isnan(GC_RE_##name(l[(info - 1) * (int64_t)(n + 1)]));                 \
    }                                                                                              \
    int32_t cholesky_##name(int64_t stack, int64_t n, int64_t m, const void *matrix, void *factor, \
                            int64_t *found)                                                        \
    {                                                                                              \
        if ((int)n != n || m != n) return -1;                                                      \
        *found = stack;                                                                            \
        for (int64_t s = 0; n && s < stack; s++) {                                                 \
            const type *x = (const type *)matrix + s * n * n;                                      \
            type *l = (type *)factor + s * n * n;                                                  \
            int failed;                                                                            \
            if (n > SMALL) failed = large_cholesky_##name(n, x, l);                                \
            else GC_EACH_SMALL(n, failed = small_cholesky_##name(N, x, l))                         \
            if (failed && *found > s) *found = s;                                                  \
            for (int64_t i = 0; i < n; i++) {                                                      \
                real pivot = GC_RE_##name(l[i * n + i]);                                           \
                failed |= !(pivot > 0 && isfinite(pivot));                                         \
            }                                                                                      \
            for (int64_t i = 0; failed && i < n; i++)                                              \
                for (int64_t j = 0; j <= i; j++) l[i * n + j] = NAN;                               \
        }                                                                                          \
        return 0;                                                                                  \
    }

/* x holds the right sides, of which some columns are solved; transposed: from the last row on */
#define GC_SOLVE_LOWER(name, type, place)                                                          \
    INLINED void columns_##name(int transposed, int n, int columns, int64_t m,                     \
                                const type *restrict l, type *restrict x)                          \
    {                                                                                              \
        for (int step = 0; step < n; step++) {                                                     \
            int i = transposed ? n - 1 - step : step;                                              \
            type rest[TOGETHER];                                                                   \
            for (int c = 0; c < columns; c++) rest[c] = x[i * m + c];                              \
            for (int k = 0; k < step; k++) {                                                       \
                int j = transposed ? n - 1 - k : k;                                                \
                type factor = transposed ? l[j * n + i] : l[i * n + j];                            \
                for (int c = 0; c < columns; c++) rest[c] -= factor * x[j * m + c];                \
            }                                                                                      \
            for (int c = 0; c < columns; c++) x[i * m + c] = rest[c] / l[i * n + i];               \
        }                                                                                          \
    }                                                                                              \
    INLINED void small_##name(int transposed, int n, int64_t m, const type *l, type *x)            \
    {                                                                                              \
        int64_t c = 0;                                                                             \
        for (; c + TOGETHER <= m; c += TOGETHER)                                                   \
            columns_##name(transposed, n, TOGETHER, m, l, x + c);                                  \
        for (; c < m; c++) columns_##name(transposed, n, 1, m, l, x + c);                          \
    }                                                                                              \
    INLINED int32_t solve_triangle_##name(int transposed, int64_t stack, int64_t n, int64_t m,     \
                                 const void *triangle, const void *b, void *out, int64_t *found)   \
    {                                                                                              \
        int order = (int)n, columns = (int)m;                                                      \
        const type one = 1, *diagonal = triangle;                                                  \
        if (order != n || columns != m) return -1;                                                 \
        *found = stack;                                                                            \
        for (int64_t s = 0; *found == stack && s < stack; s++, diagonal += n * n)                  \
            for (int64_t i = 0; i < n; i++)                                                        \
                if (diagonal[i * (n + 1)] == 0) *found = s;                                        \
        memcpy(out, b, stack * n * m * sizeof(type));                                              \
        for (int64_t s = 0; n && m && s < stack; s++) {                                            \
            const type *l = (const type *)triangle + s * n * n;                                    \
            type *x = (type *)out + s * n * m;                                                     \
            if (n > SMALL)                                                                         \
                ((gc_trsm)gc_needs[place])("R", "U", transposed ? "T" : "N", "N", &columns,        \
                                           &order, &one, l, &order, x, &columns);                  \
            else GC_EACH_SMALL(n, small_##name(transposed, N, m, l, x))                            \
        }                                                                                          \
        return 0;                                                                                  \
    }                                                                                              \
    int32_t solve_lower_##name(int64_t stack, int64_t n, int64_t m, const void *l, const void *b,  \
                               void *out, int64_t *found)                                          \
    {                                                                                              \
        return solve_triangle_##name(0, stack, n, m, l, b, out, found);                            \
    }                                                                                              \
    int32_t solve_lower_transposed_##name(int64_t stack, int64_t n, int64_t m, const void *l,      \
                                          const void *b, void *out, int64_t *found)                \
    {                                                                                              \
        return solve_triangle_##name(1, stack, n, m, l, b, out, found);                            \
    }

GC_CHOLESKY(float64, double, double, sqrt, 0)
GC_CHOLESKY(float32, float, float, sqrtf, 1)
GC_CHOLESKY(complex128, double complex, double, sqrt, 2)
GC_CHOLESKY(complex64, float complex, float, sqrtf, 3)
GC_SOLVE_LOWER(float64, double, 4)
GC_SOLVE_LOWER(float32, float, 5)
GC_SOLVE_LOWER(complex128, double complex, 6)
GC_SOLVE_LOWER(complex64, float complex, 7)
