/* Our own functions that generated code asks for by name: those of sums in blocks, and the clock. */
#include <time.h>

#include "carry.h"
#include "products.h"

GC_CLEAR(float64, double)
GC_CLEAR(float32, float)
GC_CARRY_ROUNDED(float32, float)
GC_CARRY(float32, float)
GC_SETTLE(float32, float)
#ifdef GRADCORE_FLOAT16
GC_CARRY(float16, _Float16)
GC_SETTLE(float16, _Float16)
#endif

#define ROWS_OF(dtype) {"carry_" #dtype, (void *)carry_##dtype}, {"settle_" #dtype, (void *)settle_##dtype}

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
