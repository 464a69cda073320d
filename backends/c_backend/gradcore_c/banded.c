/* Equations with banded matrices: "solve_banded_float64(stack, n, m, lower, upper, ab, b, out,
 * found, workspace)", and "solve_banded_transposed_float64", and the same for float32, complex128
 * and complex64; a matrix that has a pivot of zero gets NaN, and found is how many come before the
 * first such.
 *
 * Bands are in the rows of ab; LAPACK has them in the rows of a matrix by columns, under as many
 * rows as there are bands below the diagonal, which elimination fills; triangles need none.
 * gc_needs holds its functions, in the order in which Python names them.
 *
 * "cholesky_banded_float64(stack, rows, n, lower, ab, out, found, workspace)", and the same for the
 * other dtypes, makes factors, of the bands on one side of the diagonal; found is how many matrices
 * come before the first that is not positive definite.
 */
#include <stdint.h>
#include <string.h>

#include "numbers.h"

void *gc_needs[16];

typedef void (*gc_gbtrf)(int *m, int *n, int *kl, int *ku, void *ab, int *ldab, int *pivots,
                         int *info);
typedef void (*gc_gbtrs)(const char *trans, int *n, int *kl, int *ku, int *columns, const void *ab,
                         int *ldab, const int *pivots, void *b, int *ldb, int *info);
typedef void (*gc_tbtrs)(const char *uplo, const char *trans, const char *diag, int *n, int *kd,
                         int *columns, const void *ab, int *ldab, void *b, int *ldb, int *info);
typedef void (*gc_pbtrf)(const char *uplo, int *n, int *kd, void *ab, int *ldab, int *info);

#define GC_BANDED(name, type, place)                                                               \
    static int banded_##name(const char *trans, int n, int m, int lower, int upper,                \
                             const type *ab, type *x, type *bands)                                 \
    {                                                                                              \
        int triangle = !lower || !upper, above = triangle ? 0 : lower;                             \
        int width = lower + upper, rows = above + width + 1, info = 0;                             \
        type *columns = m == 1 ? x : bands + (int64_t)rows * n;                                    \
        int *pivots = (int *)(bands + (int64_t)(rows + m) * n);                                    \
        for (int64_t first = 0; first < n; first += 64)                                            \
            for (int64_t k = 0; k <= width; k++) {                                                 \
                int64_t last = first + 64 < n ? first + 64 : n, shift = upper - k;                 \
                int64_t from = shift > first ? shift : first;                                      \
                int64_t to = n + shift < last ? n + shift : last;                                  \
                type *at = bands + above + k;                                                      \
                const type *band = ab + k * n;                                                     \
                for (int64_t j = first; j < from && j < last; j++) at[j * rows] = 0;               \
                for (int64_t j = from; j < to; j++) at[j * rows] = band[j];                        \
                for (int64_t j = to > first ? to : first; j < last; j++) at[j * rows] = 0;         \
            }                                                                                      \
        if (!triangle)                                                                             \
            ((gc_gbtrf)gc_needs[place])(&n, &n, &lower, &upper, bands, &rows, pivots, &info);      \
        if (info) return 1;                                                                        \
        for (int64_t i = 0; m > 1 && i < n; i++)                                                   \
            for (int64_t j = 0; j < m; j++) columns[j * n + i] = x[i * m + j];                     \
        if (triangle)                                                                              \
            ((gc_tbtrs)gc_needs[8 + place])(lower ? "L" : "U", trans, "N", &n, &width, &m, bands,  \
                                            &rows, columns, &n, &info);                            \
        else                                                                                       \
            ((gc_gbtrs)gc_needs[4 + place])(trans, &n, &lower, &upper, &m, bands, &rows, pivots,   \
                                            columns, &n, &info);                                   \
        for (int64_t i = 0; m > 1 && i < n; i++)                                                   \
            for (int64_t j = 0; j < m; j++) x[i * m + j] = columns[j * n + i];                     \
        return info;                                                                               \
    }                                                                                              \
    static int32_t all_banded_##name(const char *trans, int64_t stack, int64_t n, int64_t m,       \
                                     int64_t lower, int64_t upper, const type *ab, const type *b,  \
                                     type *out, int64_t *found, type *workspace)                   \
    {                                                                                              \
        int64_t rows = lower + upper + 1;                                                          \
        if ((int)n != n || (int)m != m || (int)(rows + lower) != rows + lower) return -1;          \
        *found = stack;                                                                            \
        memcpy(out, b, stack * n * m * sizeof(type));                                              \
        for (int64_t s = 0; n && s < stack; s++) {                                                 \
            type *x = out + s * n * m;                                                             \
            if (banded_##name(trans, n, m, lower, upper, ab + s * rows * n, x, workspace)) {       \
                for (int64_t i = 0; i < n * m; i++) x[i] = NAN;                                    \
                if (*found > s) *found = s;                                                        \
            }                                                                                      \
        }                                                                                          \
        return 0;                                                                                  \
    }                                                                                              \
    int32_t solve_banded_##name(int64_t stack, int64_t n, int64_t m, int64_t lower, int64_t upper, \
                                const void *ab, const void *b, void *out, int64_t *found,          \
                                void *workspace)                                                   \
    {                                                                                              \
        return all_banded_##name("N", stack, n, m, lower, upper, ab, b, out, found, workspace);    \
    }                                                                                              \
    int32_t solve_banded_transposed_##name(int64_t stack, int64_t n, int64_t m, int64_t lower,     \
                                           int64_t upper, const void *ab, const void *b,           \
                                           void *out, int64_t *found, void *workspace)             \
    {                                                                                              \
        return all_banded_##name("T", stack, n, m, lower, upper, ab, b, out, found, workspace);    \
    }

GC_BANDED(float64, double, 0)
GC_BANDED(float32, float, 1)
GC_BANDED(complex128, double complex, 2)
GC_BANDED(complex64, float complex, 3)

/* elements of no matrix, which are in the corners, are 0 */
#define GC_CHOLESKY_BANDED(name, type, real, place)                                                \
    static int factor_##name(int rows, int n, int lower, const type *ab, type *out, type *bands)   \
    {                                                                                              \
        int above = rows - 1, info, failed, diagonal = lower ? 0 : above;                          \
        for (int64_t j = 0; j < n; j++)                                                            \
            for (int64_t k = 0; k < rows; k++) bands[j * rows + k] = ab[k * n + j];                \
        for (int64_t j = 0; j < n; j++)                                                            \
            bands[j * rows + diagonal] = GC_RE_##name(bands[j * rows + diagonal]);                 \
        ((gc_pbtrf)gc_needs[12 + place])(lower ? "L" : "U", &n, &above, bands, &rows, &info);      \
        failed = info > 0 && !isnan(GC_RE_##name(bands[(int64_t)(info - 1) * rows + diagonal]));   \
        int good = 1;                                                                              \
        for (int64_t j = 0; j < n; j++) {                                                          \
            real pivot = GC_RE_##name(bands[j * rows + diagonal]);                                 \
            good &= !failed && pivot > 0 && isfinite(pivot);                                       \
        }                                                                                          \
        for (int64_t k = 0; k < rows; k++)                                                         \
            for (int64_t j = 0; j < n; j++) {                                                      \
                int there = lower ? k + j < n : above - k <= j;                                    \
                out[k * n + j] = !there ? 0 : good ? bands[j * rows + k] : NAN;                    \
            }                                                                                      \
        return failed;                                                                             \
    }                                                                                              \
    int32_t cholesky_banded_##name(int64_t stack, int64_t rows, int64_t n, int64_t lower,          \
                                   const type *ab, type *out, int64_t *found, type *workspace)     \
    {                                                                                              \
        if ((int)n != n || (int)rows != rows) return -1;                                           \
        *found = stack;                                                                            \
        for (int64_t s = 0; n && s < stack; s++) {                                                 \
            int64_t at = s * rows * n;                                                             \
            if (factor_##name(rows, n, lower, ab + at, out + at, workspace) && *found > s)         \
                *found = s;                                                                        \
        }                                                                                          \
        return 0;                                                                                  \
    }

GC_CHOLESKY_BANDED(float64, double, double, 0)
GC_CHOLESKY_BANDED(float32, float, float, 1)
GC_CHOLESKY_BANDED(complex128, double complex, double, 2)
GC_CHOLESKY_BANDED(complex64, float complex, float, 3)
