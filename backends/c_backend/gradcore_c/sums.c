/* What sums in blocks do between blocks (see gradcore/kernel/sums.py), with rows of totals: a row of
 * float64, `wide`, takes over what they have so far; of a cumulative sum, also a rounded one.
 *
 * Generated code calls these: seldom, so that it is not worth the compiler's time to have them in
 * each function.  They return 0.
 */
#include <stdint.h>
#include <string.h>

#include "products.h"

#define CLEAR(dtype, type)                                                                         \
    static int32_t clear_##dtype(int64_t n, type *into)                                            \
    {                                                                                              \
        memset(into, 0, (size_t)n * sizeof(type));                                                 \
        return 0;                                                                                  \
    }

CLEAR(float64, double)
CLEAR(float32, float)

static int32_t carry_rounded_float32(int64_t n, int64_t first, int64_t wide_first, float *total,
                               double *wide, float *rounded)
{
    float *restrict from = total + first;
    double *restrict into = wide + wide_first;
    float *restrict shown = rounded + wide_first;
    _Pragma("omp simd")
    for (int64_t k = 0; k < n; k++) {
        into[k] += (double)from[k];
        shown[k] = (float)into[k];
        from[k] = 0;
    }
    return 0;
}

#define OF(dtype, type)                                                                            \
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
    }                                                                                              \
    static int32_t settle_##dtype(int64_t n, int64_t first, int64_t wide_first, type *total,       \
                                  const double *wide)                                              \
    {                                                                                              \
        type *restrict into = total + first;                                                       \
        const double *restrict from = wide + wide_first;                                           \
        _Pragma("omp simd")                                                                        \
        for (int64_t k = 0; k < n; k++) into[k] = (type)(from[k] + (double)into[k]);               \
        return 0;                                                                                  \
    }

#define ROWS_OF(dtype) {"carry_" #dtype, (void *)carry_##dtype}, {"settle_" #dtype, (void *)settle_##dtype}

OF(float32, float)
#ifdef GRADCORE_FLOAT16
OF(float16, _Float16)
#endif

const gc_export gc_sums[] = {
    {"clear_float64", (void *)clear_float64},
    {"clear_float32", (void *)clear_float32},
    {"carry_rounded_float32", (void *)carry_rounded_float32},
    ROWS_OF(float32),
#ifdef GRADCORE_FLOAT16
    ROWS_OF(float16),
#endif
    {0, 0},
};
