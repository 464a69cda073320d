/* Equations with banded matrices: "solve_banded_float64(stack, n, m, lower, upper, ab, b, out,
 * found, workspace)", and "solve_banded_transposed_float64", and the same for float32, complex128 and
 * complex64; a matrix that has a pivot of zero gets NaN, and found is how many come before the first such.
 *
 * Bands are in the rows of ab; LAPACK has them in the rows of a matrix by columns, under as many
 * rows as there are bands below the diagonal, which elimination fills.  gc_needs holds its
 * functions, in the order in which Python names them.
 */
#include <stdint.h>
#include <string.h>

#include "numbers.h"

void *gc_needs[8];

typedef void (*gc_gbtrf)(int *m, int *n, int *kl, int *ku, void *ab, int *ldab, int *pivots,
                         int *info);
typedef void (*gc_gbtrs)(const char *trans, int *n, int *kl, int *ku, int *columns, const void *ab,
                         int *ldab, const int *pivots, void *b, int *ldb, int *info);

#define GC_BANDED(name, type, place)                                                               \
    static int banded_##name(const char *trans, int n, int m, int lower, int upper,                \
                             const type *ab, type *x, type *bands)                                 \
    {                                                                                              \
        int rows = 2 * lower + upper + 1, info;                                                    \
        type *columns = bands + (int64_t)rows * n;                                                 \
        int *pivots = (int *)(columns + (int64_t)n * m);                                           \
        for (int64_t j = 0; j < n; j++)                                                            \
            for (int64_t k = 0; k <= lower + upper; k++) {                                         \
                int64_t i = j + k - upper;                                                         \
                bands[j * rows + lower + k] = i < 0 || i >= n ? 0 : ab[k * n + j];                 \
            }                                                                                      \
        ((gc_gbtrf)gc_needs[place])(&n, &n, &lower, &upper, bands, &rows, pivots, &info);          \
        if (info) return 1;                                                                        \
        for (int64_t i = 0; i < n; i++)                                                            \
            for (int64_t j = 0; j < m; j++) columns[j * n + i] = x[i * m + j];                     \
        ((gc_gbtrs)gc_needs[4 + place])(trans, &n, &lower, &upper, &m, bands, &rows, pivots,       \
                                        columns, &n, &info);                                       \
        for (int64_t i = 0; i < n; i++)                                                            \
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
