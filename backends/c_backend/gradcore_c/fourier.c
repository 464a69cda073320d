/* Discrete Fourier transforms: "fft_complex128(before, n, between, m, amid, k, behind, inverse, z,
 * out)" and "rfft_float64(before, n, behind, x, out)", "irfft_complex128(before, n, behind, z,
 * the same n, out)", and the same in single precision.  None is scaled.
 *
 * Lines along an axis are transformed LANES at a time: number j of each lies beside number j of the
 * others, real parts apart from imaginary ones, so that every pass is one loop over contiguous
 * memory.  Passes are Stockham's, of radix 8, 4, 2, 3, 5 and odd ones up to GC_LARGEST_RADIX; an
 * extent with a larger prime becomes a convolution (L. Bluestein, 1970).  A single long line is a
 * matrix whose columns, then rows, are such lines.
 *
 * Plans (factors of extents and roots of unity) stay for later calls, GC_MOST_PLANS of them.
 */
#include <math.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define GC_LARGEST_RADIX 13
#define GC_SHORT_ROW 256    /* a shorter line is not made a matrix */
#define GC_LONG_ROW 8192    /* longer ones are, also if there are many */
#define GC_MOST_PLANS 256

enum { GC_COMPLEX, GC_TO_HALF, GC_FROM_HALF };

/* exp(-2 pi i k / n), for 0 <= k < n: of angles up to pi / 4. */
static void gc_root(int64_t k, int64_t n, double *re, double *im) {
    const double pi = 3.141592653589793238462643383279502884;
    int64_t u = 2 * k;
    const int below = u > n;
    if (below) u = 2 * n - u;
    const int left = 2 * u > n;
    if (left) u = n - u;
    const int steep = 4 * u > n;
    const double turn = steep ? (double)(n - 2 * u) / (double)(2 * n) : (double)u / (double)n;
    const double angle = pi * turn;
    const double c = steep ? sin(angle) : cos(angle), s = steep ? cos(angle) : sin(angle);
    *re = left ? -c : c, *im = below ? s : -s;
}

/* The least number from n that has no prime factor above 5. */
static int64_t gc_smooth(int64_t n) {
    for (;; n++) {
        int64_t rest = n;
        while (rest % 2 == 0) rest /= 2;
        while (rest % 3 == 0) rest /= 3;
        while (rest % 5 == 0) rest /= 5;
        if (rest == 1) return n;
    }
}

/* Memory for a call.  What calls give back waits for others in a few places, unless it is large.
 * What a call gets is aligned, and has before it where its block is. */
typedef struct {
    size_t size;
} gc_block;

#define GC_PLACES 16
#define GC_LARGE ((size_t)1 << 24)
static gc_block *_Atomic gc_waiting[GC_PLACES];

static void *gc_start(gc_block *block) {
    char *const start = (char *)(((uintptr_t)(block + 1) + sizeof block + 63) & ~(uintptr_t)63);
    memcpy(start - sizeof block, &block, sizeof block);
    return start;
}

static void *gc_borrow(size_t size) {
    for (int k = 0; k < GC_PLACES; k++) {
        gc_block *const found = atomic_exchange(&gc_waiting[k], NULL);
        if (found && found->size >= size) return gc_start(found);
        free(found);
    }
    gc_block *const made = size < SIZE_MAX / 2 ? malloc(size + sizeof(gc_block) + 128) : NULL;
    if (!made) return NULL;
    made->size = size;
    return gc_start(made);
}

static void gc_give_back(void *start) {
    gc_block *block;
    if (!start) return;
    memcpy(&block, (char *)start - sizeof block, sizeof block);
    for (int k = 0; block->size <= GC_LARGE && k < GC_PLACES; k++) {
        gc_block *none = NULL;
        if (atomic_compare_exchange_strong(&gc_waiting[k], &none, block)) return;
    }
    free(block);
}

/* Numbers of two vectors, by their places in both. */
#if defined(__clang__) || __GNUC__ >= 12
#define GC_SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define GC_SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (NAME(mask)){__VA_ARGS__})
#endif

#define REAL double
#define INDEX int64_t
#define LANES 8
#define NAME(x) x##_f64
#define PLAN plan_f64
#define GC_LOW(a, b) GC_SHUFFLE(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define GC_HIGH(a, b) GC_SHUFFLE(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#define GC_EVEN(a, b) GC_SHUFFLE(a, b, 0, 2, 4, 6, 8, 10, 12, 14)
#define GC_ODD(a, b) GC_SHUFFLE(a, b, 1, 3, 5, 7, 9, 11, 13, 15)
#include "fourier_of.h"
#include "fourier_lines.h"

#define REAL float
#define INDEX int32_t
#define LANES 16
#define NAME(x) x##_f32
#define PLAN plan_f32
#define GC_LOW(a, b)                                                                               \
    GC_SHUFFLE(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define GC_HIGH(a, b)                                                                              \
    GC_SHUFFLE(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#define GC_EVEN(a, b)                                                                              \
    GC_SHUFFLE(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30)
#define GC_ODD(a, b)                                                                               \
    GC_SHUFFLE(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31)
#include "fourier_of.h"
#include "fourier_lines.h"

#define GC_FOURIER(real, complex, type, axis)                                                      \
    int32_t fft_##complex(int64_t before, int64_t n, int64_t between, int64_t m, int64_t amid,     \
                          int64_t k, int64_t behind, int64_t inverse, const type *z, type *out) {  \
        const int64_t outer[] = {before, before * n * between, before * n * between * m * amid};   \
        const int64_t extents[] = {n, m, k};                                                       \
        const int64_t inner[] = {between * m * amid * k * behind, amid * k * behind, behind};      \
        for (int a = 2; a >= 0; a--) {                                                             \
            if (extents[a] == 1 && (a || z == out)) continue;                                      \
            if (!axis(GC_COMPLEX, outer[a], extents[a], inner[a], inverse != 0, z, out))           \
                return -1;                                                                         \
            z = out;                                                                               \
        }                                                                                          \
        return 0;                                                                                  \
    }                                                                                              \
    int32_t rfft_##real(int64_t before, int64_t n, int64_t behind, const type *x, type *out) {     \
        return axis(GC_TO_HALF, before, n, behind, 0, x, out) ? 0 : -1;                            \
    }                                                                                              \
    int32_t irfft_##complex(int64_t before, int64_t n, int64_t behind, const type *z,              \
                            const void *extent, type *out) {                                       \
        (void)extent;                                                                              \
        return axis(GC_FROM_HALF, before, n, behind, 1, z, out) ? 0 : -1;                          \
    }

GC_FOURIER(float64, complex128, double, axis_f64)
GC_FOURIER(float32, complex64, float, axis_f32)
