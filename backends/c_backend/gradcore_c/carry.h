/* What sums in blocks do between blocks (see gradcore/kernel/sums.py), with rows of totals: a row of
 * float64, `wide`, takes over what they have so far; of a cumulative sum, also a rounded one.
 *
 * Each macro defines a function for a dtype and its type.  Generated code calls these: seldom, so
 * that it is not worth the compiler's time to have them in each function.  They return 0.
 */
#include <stdint.h>
#include <string.h>

#define GC_CLEAR(dtype, type)                                                                      \
    static int32_t clear_##dtype(int64_t n, type *into)                                            \
    {                                                                                              \
        memset(into, 0, (size_t)n * sizeof(type));                                                 \
        return 0;                                                                                  \
    }

#define GC_CARRY_ROUNDED(dtype, type)                                                              \
    static int32_t carry_rounded_##dtype(int64_t n, int64_t first, int64_t wide_first,             \
                                         type *total, double *wide, type *rounded)                 \
    {                                                                                              \
        type *restrict from = total + first;                                                       \
        double *restrict into = wide + wide_first;                                                 \
        type *restrict shown = rounded + wide_first;                                               \
        _Pragma("omp simd")                                                                        \
        for (int64_t k = 0; k < n; k++) {                                                          \
            into[k] += (double)from[k];                                                            \
            shown[k] = (type)into[k];                                                              \
            from[k] = 0;                                                                           \
        }                                                                                          \
        return 0;                                                                                  \
    }

#define GC_CARRY(dtype, type)                                                                      \
    static int32_t carry_##dtype(int64_t n, int64_t first, int64_t wide_first, type *total,        \
                                 double *wide)                                                     \
    {                                                                                              \
        type *restrict from = total + first;                                                       \
        double *restrict into = wide + wide_first;                                                 \
        _Pragma("omp simd")                                                                        \
        for (int64_t k = 0; k < n; k++) {                                                          \
            into[k] += (double)from[k];                                                            \
            from[k] = 0;                                                                           \
        }                                                                                          \
        return 0;                                                                                  \
    }

#define GC_SETTLE(dtype, type)                                                                     \
    static int32_t settle_##dtype(int64_t n, int64_t first, int64_t wide_first, type *total,       \
                                  const double *wide)                                              \
    {                                                                                              \
        type *restrict into = total + first;                                                       \
        const double *restrict from = wide + wide_first;                                           \
        _Pragma("omp simd")                                                                        \
        for (int64_t k = 0; k < n; k++) into[k] = (type)(from[k] + (double)into[k]);               \
        return 0;                                                                                  \
    }
