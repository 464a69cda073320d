/* Factors of symmetric matrices that need not be definite: "ldl_float64(stack, n, m, matrix,
 * factor, blocks, order, found, workspace)", "ldl_upper_float64", "ldl_symmetric_float64" and
 * "ldl_upper_symmetric_float64", and the same for float32, complex128 and complex64, of which those
 * without "symmetric" are Hermitian.  A matrix that is not finite gets NaN; found is how many come
 * before the first such.
 *
 * LAPACK sees arrays in C order as their transposes, so it is given one that is transposed.  It
 * leaves columns of the factor as they were when their pivots were found: exchanges of rows that
 * come later are made here.  gc_needs holds its functions, in the order in which Python names them.
 */
#include <stdint.h>

#include "numbers.h"

void *gc_needs[6];

typedef void (*gc_sytrf)(const char *uplo, int *n, void *a, int *lda, int *pivots, void *work,
                         int *lwork, int *info);

#define GC_LDL(name, type, of_hermitian, of_symmetric)                                             \
    static int finite_##name(int64_t n, int lower, int hermitian, const type *a, type *work)       \
    {                                                                                              \
        int finite = 1;                                                                            \
        for (int64_t i = 0; i < n; i++)                                                            \
            for (int64_t j = lower ? 0 : i; j < (lower ? i + 1 : n); j++) {                        \
                type x = i == j && hermitian ? GC_RE_##name(a[i * n + j]) : a[i * n + j];          \
                finite &= GC_FINITE_##name(x);                                                     \
                work[j * n + i] = x;                                                               \
            }                                                                                      \
        return finite;                                                                             \
    }                                                                                              \
    /* rows k and p, among columns from first up to end, and in the order */                       \
    static void exchange_##name(int64_t n, int64_t k, int64_t p, int64_t first, int64_t end,       \
                                type *factor, int64_t *order)                                      \
    {                                                                                              \
        int64_t at = order[k];                                                                     \
        order[k] = order[p], order[p] = at;                                                        \
        for (int64_t j = first; j < end; j++) {                                                    \
            type moved = factor[k * n + j];                                                        \
            factor[k * n + j] = factor[p * n + j], factor[p * n + j] = moved;                      \
        }                                                                                          \
    }                                                                                              \
    static void ldl_of_##name(int n, int lower, int hermitian, type *work, type *factor,           \
                              type *blocks, int64_t *order)                                        \
    {                                                                                              \
        int *pivots = (int *)(work + (int64_t)n * n), size = 64 * n, info;                         \
        type *more = work + (int64_t)n * n + n;                                                    \
        gc_sytrf factorize = gc_needs[hermitian ? of_hermitian : of_symmetric];                    \
        factorize(lower ? "L" : "U", &n, work, &n, pivots, more, &size, &info);                    \
        for (int64_t i = 0; i < n; i++)                                                            \
            for (int64_t j = 0; j < n; j++) {                                                      \
                int inside = lower ? j < i : j > i;                                                \
                factor[i * n + j] = inside ? work[j * (int64_t)n + i] : i == j;                    \
                blocks[i * n + j] = i == j ? work[j * (int64_t)n + i] : 0;                         \
            }                                                                                      \
        for (int64_t step = 0; step < n; step++) {                                                 \
            int64_t k = lower ? step : n - 1 - step, next = lower ? k + 1 : k - 1, p = pivots[k];  \
            int64_t first = lower ? 0 : k + 1, end = lower ? k : n;                                \
            if (p > 0) {                                                                           \
                exchange_##name(n, k, p - 1, first, end, factor, order);                           \
                continue;                                                                          \
            }                                                                                      \
            type beside = work[k * n + next];                                                      \
            factor[next * n + k] = 0;                                                              \
            blocks[next * n + k] = beside;                                                         \
            blocks[k * n + next] = hermitian ? GC_CONJ_##name(beside) : beside;                    \
            exchange_##name(n, next, -p - 1, first, end, factor, order);                           \
            step++;                                                                                \
        }                                                                                          \
    }                                                                                              \
    static int32_t all_##name(int64_t stack, int64_t n, int lower, int hermitian,                  \
                              const type *matrix, type *factor, type *blocks, int64_t *order,      \
                              int64_t *found, type *work)                                          \
    {                                                                                              \
        if ((int)(64 * n) != 64 * n) return -1;                                                    \
        *found = stack;                                                                            \
        for (int64_t s = 0; n && s < stack; s++, factor += n * n, blocks += n * n, order += n) {   \
            for (int64_t i = 0; i < n; i++) order[i] = i;                                          \
            if (finite_##name(n, lower, hermitian, matrix + s * n * n, work)) {                    \
                ldl_of_##name(n, lower, hermitian, work, factor, blocks, order);                   \
                continue;                                                                          \
            }                                                                                      \
            for (int64_t i = 0; i < n * n; i++) factor[i] = blocks[i] = NAN;                       \
            if (*found > s) *found = s;                                                            \
        }                                                                                          \
        return 0;                                                                                  \
    }                                                                                              \
    GC_LDL_OF(ldl, name, type, 1, 1)                                                               \
    GC_LDL_OF(ldl_upper, name, type, 0, 1)                                                         \
    GC_LDL_OF(ldl_symmetric, name, type, 1, 0)                                                     \
    GC_LDL_OF(ldl_upper_symmetric, name, type, 0, 0)

#define GC_LDL_OF(function, name, type, lower, hermitian)                                          \
    int32_t function##_##name(int64_t stack, int64_t n, int64_t m, const void *matrix,             \
                              void *factor, void *blocks, int64_t *order, int64_t *found,          \
                              void *workspace)                                                     \
    {                                                                                              \
        return all_##name(stack, n, lower, hermitian, matrix, factor, blocks, order, found,        \
                          workspace);                                                              \
    }

GC_LDL(float64, double, 0, 0)
GC_LDL(float32, float, 1, 1)
GC_LDL(complex128, double complex, 2, 4)
GC_LDL(complex64, float complex, 3, 5)
