/* Equations with square matrices: "solve_float64(stack, n, m, matrix, b, out, found, workspace)",
 * and the same for float32, complex128 and complex64; a matrix that has a pivot of zero gets NaN, and found is how many come
 * before the first such.
 *
 * Up to SMALL rows are eliminated here, as a call of LAPACK costs more than that: without branches,
 * as the places of pivots cannot be predicted.  LAPACK sees arrays in C order as their transposes,
 * so it solves with the transpose of what it has factors of, on columns that are copied.  gc_needs holds its functions, in the order in which Python names them.
 */
#include <stdint.h>
#include <string.h>

#include "numbers.h"
#include "small.h"

/* exchange two numbers on a condition, without a branch */
#define CHOOSE(type, condition, x, y)                                                              \
    do {                                                                                           \
        type first = x;                                                                            \
        x = (condition) ? y : first, y = (condition) ? first : y;                                  \
    } while (0)

void *gc_needs[8];

typedef void (*gc_getrf)(int *m, int *n, void *a, int *lda, int *pivots, int *info);
typedef void (*gc_getrs)(const char *trans, int *n, int *columns, const void *a, int *lda,
                         const int *pivots, void *b, int *ldb, int *info);

#define GC_SOLVE(name, type, place)                                                                \
    INLINED int eliminate_##name(int n, int64_t m, const type *restrict matrix, type *restrict x)  \
    {                                                                                              \
        type a[SMALL][SMALL], y[SMALL];                                                            \
        int order[SMALL], singular = 0;                                                            \
        UNROLLED for (int i = 0; i < n; i++) {                                                     \
            order[i] = i;                                                                          \
            UNROLLED for (int j = 0; j < n; j++) a[i][j] = matrix[i * n + j];                      \
        }                                                                                          \
        UNROLLED for (int k = 0; k < n; k++) {                                                     \
            UNROLLED for (int i = k + 1; i < n; i++) {                                             \
                int larger = !(GC_PIVOT_##name(a[i][k]) <= GC_PIVOT_##name(a[k][k])) &             \
                             !isnan(GC_PIVOT_##name(a[k][k]));                                     \
                CHOOSE(int, larger, order[k], order[i]);                                           \
                UNROLLED for (int j = 0; j < n; j++) CHOOSE(type, larger, a[k][j], a[i][j]);       \
            }                                                                                      \
            singular |= a[k][k] == 0;                                                              \
            UNROLLED for (int i = k + 1; i < n; i++) {                                             \
                a[i][k] /= a[k][k];                                                                \
                UNROLLED for (int j = k + 1; j < n; j++) a[i][j] -= a[i][k] * a[k][j];             \
            }                                                                                      \
        }                                                                                          \
        for (int64_t c = 0; c < m; c++) {                                                          \
            UNROLLED for (int i = 0; i < n; i++) {                                                 \
                y[i] = x[order[i] * m + c];                                                        \
                UNROLLED for (int k = 0; k < i; k++) y[i] -= a[i][k] * y[k];                       \
            }                                                                                      \
            UNROLLED for (int i = n - 1; i >= 0; i--) {                                            \
                UNROLLED for (int k = i + 1; k < n; k++) y[i] -= a[i][k] * y[k];                   \
                y[i] /= a[i][i];                                                                   \
            }                                                                                      \
            UNROLLED for (int i = 0; i < n; i++) x[i * m + c] = y[i];                              \
        }                                                                                          \
        return singular;                                                                           \
    }                                                                                              \
    static int factorize_##name(int n, int m, const type *matrix, type *x, type *work)             \
    {                                                                                              \
        type *columns = work + (int64_t)n * n;                                                     \
        int *pivots = (int *)(columns + (int64_t)n * m), info;                                     \
        memcpy(work, matrix, sizeof(type) * n * n);                                                \
        ((gc_getrf)gc_needs[place])(&n, &n, work, &n, pivots, &info);                              \
        if (info) return 1;                                                                        \
        for (int64_t i = 0; i < n; i++)                                                            \
            for (int64_t j = 0; j < m; j++) columns[j * n + i] = x[i * m + j];                     \
        ((gc_getrs)gc_needs[4 + place])("T", &n, &m, work, &n, pivots, columns, &n, &info);        \
        for (int64_t i = 0; i < n; i++)                                                            \
            for (int64_t j = 0; j < m; j++) x[i * m + j] = columns[j * n + i];                     \
        return info;                                                                               \
    }                                                                                              \
    int32_t solve_##name(int64_t stack, int64_t n, int64_t m, const void *matrix, const void *b,   \
                         void *out, int64_t *found, void *workspace)                               \
    {                                                                                              \
        if ((int)n != n || (int)m != m) return -1;                                                 \
        *found = stack;                                                                            \
        memcpy(out, b, stack * n * m * sizeof(type));                                              \
        for (int64_t s = 0; n && s < stack; s++) {                                                 \
            const type *from = (const type *)matrix + s * n * n;                                   \
            type *to = (type *)out + s * n * m;                                                    \
            int failed;                                                                            \
            if (n > SMALL) failed = factorize_##name(n, m, from, to, workspace);                   \
            else GC_EACH_SMALL(n, failed = eliminate_##name(N, m, from, to))                       \
            if (failed) {                                                                          \
                for (int64_t i = 0; i < n * m; i++) to[i] = NAN;                                   \
                if (*found > s) *found = s;                                                        \
            }                                                                                      \
        }                                                                                          \
        return 0;                                                                                  \
    }

GC_SOLVE(float64, double, 0)
GC_SOLVE(float32, float, 1)
GC_SOLVE(complex128, double complex, 2)
GC_SOLVE(complex64, float complex, 3)
