/* What sums in blocks do between blocks (see gradcore/kernel/sums.py), with rows of totals: a row of
 * float64, `wide`, takes over what they have so far; of a cumulative sum, also a rounded one.
 *
 * Generated code calls these: seldom, so that it is not worth the compiler's time to have them in
 * each function.  They return 0.
 */
#include <stdint.h>
#include <string.h>
#include <time.h>

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

/* What a profile is made of (see gradcore/kernel/clocks.py): when the clock was looked at last, and
 * for each nest the nanoseconds, the runs and the bytes, of which generated code notes the last. */
static int64_t clock_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int32_t clock_start(int64_t n, int64_t *times)
{
    memset(times, 0, (size_t)n * sizeof(int64_t));
    times[0] = clock_now();
    return 0;
}

static int32_t clock_look(int64_t nest, int64_t *times)
{
    int64_t *of = times + 1 + 3 * nest;
    of[0] += clock_now() - times[0];
    of[1]++;
    times[0] = clock_now();
    return 0;
}

const gc_export gc_sums[] = {
    {"clock_start", (void *)clock_start},
    {"clock_look", (void *)clock_look},
    {"clear_float64", (void *)clear_float64},
    {"clear_float32", (void *)clear_float32},
    {"carry_rounded_float32", (void *)carry_rounded_float32},
    ROWS_OF(float32),
#ifdef GRADCORE_FLOAT16
    ROWS_OF(float16),
#endif
    {0, 0},
};
