/* What all kernels start with: types, barriers of a group, and exchanges within a warp.
 *
 * A group of threads works on one step of a loop at a time.  It is a block, or, where blocks have
 * several groups (blockDim.y > 1), part of a warp: a power of two of threads.  With GC_HOST defined
 * the text is C (see shim.h); with GC_WIDE defined indices have 64 bits.
 */
#ifndef GC_HOST
#ifdef __CUDACC_RTC__
typedef signed char int8_t;
typedef short int16_t;
typedef int int32_t;
typedef long long int64_t;
typedef unsigned char uint8_t;
typedef unsigned short uint16_t;
typedef unsigned int uint32_t;
typedef unsigned long long uint64_t;
#define INT8_MIN (-128)
#define INT16_MIN (-32768)
#define INT32_MIN (-2147483647 - 1)
#define INT64_MIN (-9223372036854775807LL - 1)
#ifndef NAN
#define NAN __int_as_float(0x7fffffff)
#endif
#ifndef INFINITY
#define INFINITY __int_as_float(0x7f800000)
#endif
#else
#include <math.h>
#include <stdint.h>
#include <string.h>
#endif
#define GC_KERNEL extern "C" __global__ void
#define GC_ALIGNED(bytes) __align__(bytes)
#define GC_SHARED(name) extern __shared__ __align__(16) unsigned char name[]
#ifndef __FP_FAST_FMA
#define __FP_FAST_FMA 1
#endif
#ifndef __FP_FAST_FMAF
#define __FP_FAST_FMAF 1
#endif
#define __builtin_fma fma
#define __builtin_fmaf fmaf

/* Half a float: memory holds it, arithmetic is done in float. */
struct gc_half {
    unsigned short bits;
    gc_half() = default;
    __device__ gc_half(float x) { asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(x)); }
    __device__ gc_half(double x) { asm("cvt.rn.f16.f64 %0, %1;" : "=h"(bits) : "d"(x)); }
    __device__ gc_half(int x) : gc_half((float)x) {}
    __device__ operator float() const {
        float x;
        asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(bits));
        return x;
    }
};
#define _Float16 gc_half

#define GC_EXCHANGE(type, code) \
    static __device__ __forceinline__ type gc_shift_##code(unsigned mask, type x, int places) { \
        return __shfl_down_sync(mask, x, places); \
    } \
    static __device__ __forceinline__ type gc_pick_##code(unsigned mask, type x, int from) { \
        return __shfl_sync(mask, x, from); \
    }
GC_EXCHANGE(int, i32)
GC_EXCHANGE(long long, i64)
GC_EXCHANGE(float, f32)
GC_EXCHANGE(double, f64)
#endif

#ifdef GC_WIDE
typedef int64_t gc_index;
#else
typedef int32_t gc_index;
#endif

/* Complex numbers. */
typedef struct { float re, im; } gc_c64;
typedef struct { double re, im; } gc_c128;

/* How much of shared memory so many bytes take: what comes after is aligned for any type. */
#define GC_ROUNDED(bytes) (((bytes) + 15) / 16 * 16)

/* Which check failed first (its number plus one; 0: none did), and the values of its message. */
typedef struct {
    int32_t failed, count;
    int64_t values[16];
} gc_status;

static __device__ inline void gc_fail(gc_status *status, int number, int n, const int64_t *given) {
    if (atomicCAS(&status->failed, 0, number + 1) != 0) return;
    status->count = n;
    for (int k = 0; k < n; k++) status->values[k] = given[k];
}

/* The number of a thread in its block, and how many there are. */
static __device__ inline int gc_thread(void) { return threadIdx.y * blockDim.x + threadIdx.x; }
static __device__ inline int gc_threads(void) { return blockDim.x * blockDim.y; }

/* Whether a check has failed in an earlier kernel; the same for all threads of a block. */
static __device__ inline int gc_stopped(const gc_status *status) {
    __shared__ int stopped;
    if (gc_thread() == 0) stopped = status->failed != 0;
    __syncthreads();
    return stopped;
}

/* The lanes of a warp that are the `lanes` threads around the one whose number is `lane`. */
static __device__ inline unsigned gc_mask(int lane, int lanes) {
    const int here = gc_thread() % 32;
    if (lanes >= 32) {
        const int rest = lanes - (lane - here);
        return rest >= 32 ? 0xffffffffu : (1u << rest) - 1;
    }
    return ((1u << lanes) - 1) << (here - lane);
}

/* Waits for all threads of the group, which then see what any of them wrote. */
static __device__ inline void gc_barrier(void) {
    if (blockDim.y == 1) {
        __syncthreads();
    } else {
        __syncwarp(gc_mask(threadIdx.x, blockDim.x));
    }
}

/* Where the chunk of group `number` begins, if all groups share so many steps in order: chunks are as
 * long as each other but for the last ones, and whole rounds of a group's threads. */
static __device__ inline gc_index gc_chunk(gc_index steps, gc_index number) {
    const gc_index groups = gridDim.x * blockDim.y, lanes = blockDim.x;
    const gc_index rounds = ((steps + groups - 1) / groups + lanes - 1) / lanes;
    const gc_index start = number * rounds * lanes;
    return start < steps ? start : steps;
}

/* Whether this is the last block to come here: it sees what the others wrote before. */
static __device__ inline int gc_last(unsigned *counter) {
    __shared__ int last;
    __threadfence();
    __syncthreads();
    if (gc_thread() == 0) {
        last = atomicAdd(counter, 1u) == gridDim.x - 1;
        if (last) *counter = 0;
    }
    __syncthreads();
    if (last) __threadfence();
    return last;
}
