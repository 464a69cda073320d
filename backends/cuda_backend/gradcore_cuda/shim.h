/* What makes the text of kernels C: threads are fibers that the engine (shim.c) switches between,
 * at barriers and exchanges.
 */
#ifndef GC_SHIM
#define GC_SHIM 1
#include <math.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    int x, y, z;
} gc_dim;

/* Where the thread that runs now is, and what the engine does for it. */
typedef struct {
    gc_dim thread, block, threads, blocks;
    unsigned char *shared;
    /* Waits for the threads from `first` to before `last` of the block. */
    void (*meet)(int first, int last);
    /* A place for a value that others read, one for each thread. */
    uint64_t *slots;
    /* After how many more steps of loops it is asked whether the user has interrupted the call. */
    int64_t left;
    /* Asks; ends the launch if that is so. */
    void (*poll)(void);
} gc_engine;

#ifdef GC_HOST
static gc_engine *gc_now;
void gc_bind(gc_engine *engine);
void gc_bind(gc_engine *engine) { gc_now = engine; }

#define threadIdx (gc_now->thread)
#define blockIdx (gc_now->block)
#define blockDim (gc_now->threads)
#define gridDim (gc_now->blocks)
#define __shared__ static
#define __device__
#define __restrict__ restrict
#define __forceinline__ inline
#define GC_KERNEL void
#define GC_ALIGNED(bytes) __attribute__((aligned(bytes)))
#define GC_SHARED(name) unsigned char *const name = gc_now->shared

static inline int gc_polled(void) {
    if (--gc_now->left < 0) gc_now->poll();
    return 1;
}
/* Loops ask here alone: on a device, a step costs no more than what it computes. */
#define for(...) for (__VA_ARGS__) if (gc_polled())

static inline int gc_here(void) { return threadIdx.y * blockDim.x + threadIdx.x; }

static inline void __syncthreads(void) { gc_now->meet(0, blockDim.x * blockDim.y); }

/* The threads of a mask are neighbours. */
static inline void __syncwarp(unsigned mask) {
    const int warp = gc_here() / 32 * 32;
    int first = 0, last = 32;
    while (!(mask >> first & 1)) first++;
    while (!(mask >> (last - 1) & 1)) last--;
    gc_now->meet(warp + first, warp + last);
}

static inline void __threadfence(void) {}

#define GC_ATOMIC_ADD(type, code) \
    static inline type gc_atomic_add_##code(type *at, type x) { \
        const type old = *at; \
        *at = old + x; \
        return old; \
    }
GC_ATOMIC_ADD(int, i32)
GC_ATOMIC_ADD(unsigned, u32)
GC_ATOMIC_ADD(unsigned long long, u64)
GC_ATOMIC_ADD(float, f32)
GC_ATOMIC_ADD(double, f64)
#define atomicAdd(at, x) \
    _Generic((at), int *: gc_atomic_add_i32, unsigned *: gc_atomic_add_u32, \
        unsigned long long *: gc_atomic_add_u64, float *: gc_atomic_add_f32, \
        double *: gc_atomic_add_f64)(at, x)

static inline int atomicCAS(int *at, int expected, int x) {
    const int old = *at;
    if (old == expected) *at = x;
    return old;
}

#define GC_EXCHANGE(type, code) \
    static inline type gc_read_##code(unsigned mask, type x, int from) { \
        const int here = gc_here(), warp = here / 32 * 32; \
        type found = x; \
        memcpy(&gc_now->slots[here], &x, sizeof x); \
        __syncwarp(mask); \
        if (from < 32 && mask >> from & 1) memcpy(&found, &gc_now->slots[warp + from], sizeof x); \
        __syncwarp(mask); \
        return found; \
    } \
    static inline type gc_shift_##code(unsigned mask, type x, int places) { \
        return gc_read_##code(mask, x, gc_here() % 32 + places); \
    } \
    static inline type gc_pick_##code(unsigned mask, type x, int from) { \
        return gc_read_##code(mask, x, from); \
    }
GC_EXCHANGE(int32_t, i32)
GC_EXCHANGE(int64_t, i64)
GC_EXCHANGE(float, f32)
GC_EXCHANGE(double, f64)
#endif
#endif
