/* Dense products: c = beta * c + a @ b, for every dtype and any strides.
 *
 * C is cut into tiles of a few rows and vectors, whose sums stay in registers while the depth goes
 * by.  Numbers of a are read one at a time from wherever they lie; rows of b are read as vectors,
 * and are copied into a panel first if they do not lie side by side, if they end within a vector,
 * or if many tiles read them.  Of the product and its transpose that with the least to copy is
 * taken: so all layouts are about equally fast.  For larger ones the depth goes by in pieces, and
 * blocks of a are copied to be near.  product_of.h is this for one type of numbers; compilers make it of
 * their vector extensions, and what they make was read.
 *
 * The decision: the products are our own, on the threads of the call.  BLAS pays 20% more for
 * middling sizes, has no integers, and above all brings threads that are not ours: they wait by
 * looking (OpenBLAS: 20 ms), and on a busy machine a product of 0.1 ms took 10 ms.  It stays for
 * large products, where its blocking for many caches pays.  Rejected as well: kernels written in
 * intrinsics, of which there would be one for each machine.
 *
 * Sums are the same from run to run at the same number of threads.  Nothing is skipped, so 0 * inf
 * is nan.
 */
#include "products.h"

#include <stdlib.h>
#include <string.h>
#ifdef __AVX512F__
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
#define GC_VECTOR 64
#define GC_TILE_ROWS 8
#elif defined(__AVX__)
#define GC_VECTOR 32
#define GC_TILE_ROWS 4
#elif defined(__ARM_NEON)
#define GC_VECTOR 16
#define GC_TILE_ROWS 8
#else
#define GC_VECTOR 16
#define GC_TILE_ROWS 4
#endif
/* Which types to compile, a second of the compiler's for each: GC_F32 has f16 and b1 as well. */
#define GC_F64 1
#define GC_F32 2
#define GC_64 4
#define GC_32 8
#define GC_16 16
#define GC_8 32
#ifndef GC_ONLY
#define GC_ONLY 63
#endif

/* Rows of a panel; of the panels of tiny products; bytes that stay in the first, second and third
 * cache; bytes of a from which it is worth copying. */
#define GC_DEPTH 256
#define GC_SHALLOW 32
#define GC_NEAR 32768
#define GC_FAR 524288
#define GC_FARTHEST 4194304
#define GC_A_BYTES 65536

/* The depth of what is summed in its own type, by us and by BLAS, which sums pieces of its own. */
#define GC_PIECE 2048
#define GC_BLAS_PIECE 16384

/* Cycles of work for which waking a thread pays: if it sleeps, that costs the caller up to 25 us
 * on a virtual machine. */
#ifndef GC_PART
#define GC_PART 30000
#endif
/* Multiplications from which BLAS is faster.  With vectors of 64 bytes ours are as fast as those of
 * OpenBLAS of that kind, and twice as fast as the narrower ones that it takes on machines that it
 * does not know. */
#ifndef GC_BOUND
#ifdef __AVX512F__
#define GC_BOUND 3e10
#elif defined(__AVX2__)
#define GC_BOUND 5e8
#else
#define GC_BOUND 1e6
#endif
#endif

#define GC_PRAGMA(text) _Pragma(#text)
#ifdef __clang__
#define GC_UNROLL(n) GC_PRAGMA(clang loop unroll(full))
#else
#define GC_UNROLL(n) GC_PRAGMA(GCC unroll n)
#endif
#if defined(__clang__) || __GNUC__ >= 12
#define GC_SHUFFLE(bits, v, w, ...) __builtin_shufflevector(v, w, __VA_ARGS__)
#else
typedef int64_t gc_places_64 __attribute__((vector_size(GC_VECTOR)));
typedef int32_t gc_places_32 __attribute__((vector_size(GC_VECTOR)));
#define GC_SHUFFLE_AS(bits, v, w, ...) __builtin_shuffle(v, w, (gc_places_##bits){__VA_ARGS__})
#define GC_SHUFFLE(bits, v, w, ...) GC_SHUFFLE_AS(bits, v, w, __VA_ARGS__)
#endif
#define GC_SWAP(type, x, y)                                                                       \
    do {                                                                                          \
        type other = x;                                                                           \
        x = y;                                                                                    \
        y = other;                                                                                \
    } while (0)

/* dgemm and sgemm, or NULL */
static void *gemm[2];

#if GC_ONLY & GC_F64
#define P_NAME f64
#define P_R double
#define P_BITS 64
#define P_ROWS GC_TILE_ROWS
#define P_VECTORS 3
#define P_GEMM 0
#include "product_of.h"
#endif

#if GC_ONLY & GC_F32
#define P_NAME f32
#define P_R float
#define P_WIDE double
#define P_BITS 32
#define P_ROWS GC_TILE_ROWS
#define P_VECTORS 3
#define P_GEMM 1
#include "product_of.h"
#endif

#if GC_ONLY & GC_64
#define P_NAME u64
#define P_R uint64_t
#define P_BITS 64
#define P_ROWS 4
#define P_VECTORS 2
#include "product_of.h"
#endif

#if GC_ONLY & GC_32
#define P_NAME u32
#define P_R uint32_t
#define P_BITS 32
#define P_ROWS 4
#define P_VECTORS 2
#include "product_of.h"
#endif

#if GC_ONLY & GC_16
#define P_NAME u16
#define P_R uint16_t
#define P_BITS 16
#define P_ROWS 4
#define P_VECTORS 2
#include "product_of.h"
#endif

#if GC_ONLY & GC_8
#define P_NAME u8
#define P_R uint8_t
#define P_BITS 8
#define P_ROWS 4
#define P_VECTORS 2
#include "product_of.h"
#endif

#if GC_ONLY & GC_F32
/* -- halves and truth values: by way of float ------------------------------------------------
 * Halves are to be summed as floats anyway.  Of truth values, the sum is not zero where one of the
 * products is not: floats stop counting at 2^24, but they do not come back to zero. */

#define GC_COPY (GC_NEAR / (int64_t)sizeof(float) / 2)

#define GC_BY_FLOAT(name, type, beta_type, READ, SUM)                                              \
    static void gc_floats_##name(int64_t m, int64_t n, const type *x, int64_t x0, int64_t x1,      \
                                 float *to)                                                        \
    {                                                                                              \
        for (int64_t i = 0; i < m; i++, x += x0, to += n)                                          \
            if (x1 == 1)                                                                           \
                for (int64_t j = 0; j < n; j++)                                                    \
                    to[j] = READ(x[j]);                                                            \
            else                                                                                   \
                for (int64_t j = 0; j < n; j++)                                                    \
                    to[j] = READ(x[j * x1]);                                                       \
    }                                                                                              \
                                                                                                   \
    /* without memory for copies */                                                                \
    static void gc_plain_##name(int64_t m, int64_t n, int64_t k, const type *a, int64_t a0,        \
                                int64_t a1, const type *b, int64_t b0, int64_t b1,                 \
                                beta_type beta, type *c, int64_t c0, int64_t c1)                   \
    {                                                                                              \
        for (int64_t i = 0; i < m; i++)                                                            \
            for (int64_t j = 0; j < n; j++) {                                                      \
                float sum = 0;                                                                     \
                for (int64_t l = 0; l < k; l++)                                                    \
                    sum += READ(a[i * a0 + l * a1]) * READ(b[l * b0 + j * b1]);                    \
                type *to = c + i * c0 + j * c1;                                                    \
                *to = SUM(sum, beta, *to);                                                         \
            }                                                                                      \
    }                                                                                              \
                                                                                                   \
    static void gc_product_##name(gc_call *call, int64_t m, int64_t n, int64_t k, const type *a,   \
                                  int64_t a0, int64_t a1, const type *b, int64_t b0, int64_t b1,   \
                                  beta_type beta, type *c, int64_t c0, int64_t c1)                 \
    {                                                                                              \
        if (m <= 0 || n <= 0)                                                                      \
            return;                                                                                \
        k = k < 0 ? 0 : k;                                                                         \
        float near[GC_COPY] __attribute__((aligned(64)));                                          \
        const int64_t count = m * k + k * n + m * n;                                               \
        float *copies = count <= GC_COPY ? near : malloc((size_t)count * sizeof(float));           \
        if (!copies) {                                                                             \
            gc_plain_##name(m, n, k, a, a0, a1, b, b0, b1, beta, c, c0, c1);                       \
            return;                                                                                \
        }                                                                                          \
        float *left = copies, *right = left + m * k, *sums = right + k * n;                        \
        gc_floats_##name(m, k, a, a0, a1, left);                                                   \
        gc_floats_##name(k, n, b, b0, b1, right);                                                  \
        gc_product_f32(call, m, n, k, left, k, 1, right, n, 1, 0, sums, n, 1);                     \
        for (int64_t i = 0; i < m; i++)                                                            \
            for (int64_t j = 0; j < n; j++) {                                                      \
                type *to = c + i * c0 + j * c1;                                                    \
                *to = SUM(sums[i * n + j], beta, *to);                                             \
            }                                                                                      \
        if (copies != near)                                                                        \
            free(copies);                                                                          \
    }                                                                                              \
                                                                                                   \
    static void gc_products_##name(                                                                \
        gc_call *call, int64_t batch, int64_t m, int64_t n, int64_t k, const type *a, int64_t a_,  \
        int64_t a0, int64_t a1, const type *b, int64_t b_, int64_t b0, int64_t b1,                 \
        beta_type beta, type *c, int64_t c_, int64_t c0, int64_t c1)                               \
    {                                                                                              \
        if (batch > 1 && c_ == 0 && beta == 1 && (k == 1 || (a_ == k * a1 && b_ == k * b0))) {     \
            gc_product_##name(call, m, n, batch * k, a, a0, k == 1 ? a_ : a1, b,                   \
                              k == 1 ? b_ : b0, b1, 1, c, c0, c1);                                 \
            return;                                                                                \
        }                                                                                          \
        for (int64_t i = 0; i < batch; i++)                                                        \
            gc_product_##name(call, m, n, k, a + i * a_, a0, a1, b + i * b_, b0, b1, beta,         \
                              c + i * c_, c0, c1);                                                 \
    }

#define GC_NUMBER(x) ((float)(x))
#define GC_TRUTH(x) ((float)((x) != 0))
#define GC_SUM(sum, beta, c) ((_Float16)((beta) == 0 ? (sum) : (sum) + (beta) * (float)(c)))
#define GC_ANY(sum, beta, c) ((uint8_t)((sum) != 0 || ((beta) && (c))))

#ifdef __FLT16_MAX__
GC_BY_FLOAT(f16, _Float16, float, GC_NUMBER, GC_SUM)
#endif
GC_BY_FLOAT(b1, uint8_t, uint8_t, GC_TRUTH, GC_ANY)
#endif

/* -- what is exported ------------------------------------------------------------------------ */

#define GC_EXPORTED(name, type, beta_type)                                                         \
    static void gc_matmul_##name(int64_t m, int64_t n, int64_t k, const type *a, int64_t a0,       \
                                 int64_t a1, const type *b, int64_t b0, int64_t b1,                \
                                 beta_type beta, type *c, int64_t c0, int64_t c1)                  \
    {                                                                                              \
        gc_product_##name(0, m, n, k, a, a0, a1, b, b0, b1, beta, c, c0, c1);                      \
    }                                                                                              \
    static void gc_matmul_batched_##name(                                                          \
        int64_t batch, int64_t m, int64_t n, int64_t k, const type *a, int64_t a_, int64_t a0,     \
        int64_t a1, const type *b, int64_t b_, int64_t b0, int64_t b1, beta_type beta, type *c,    \
        int64_t c_, int64_t c0, int64_t c1)                                                        \
    {                                                                                              \
        gc_products_##name(0, batch, m, n, k, a, a_, a0, a1, b, b_, b0, b1, beta, c, c_, c0, c1);  \
    }
#if GC_ONLY & GC_F64
GC_EXPORTED(f64, double, double)
#endif
#if GC_ONLY & GC_F32
GC_EXPORTED(f32, float, float)
GC_EXPORTED(b1, uint8_t, uint8_t)
#ifdef __FLT16_MAX__
GC_EXPORTED(f16, _Float16, float)
#endif
#endif
#if GC_ONLY & GC_64
GC_EXPORTED(u64, uint64_t, uint64_t)
#endif
#if GC_ONLY & GC_32
GC_EXPORTED(u32, uint32_t, uint32_t)
#endif
#if GC_ONLY & GC_16
GC_EXPORTED(u16, uint16_t, uint16_t)
#endif
#if GC_ONLY & GC_8
GC_EXPORTED(u8, uint8_t, uint8_t)
#endif

int gc_products_start(void *(*blas)(const char *name))
{
    gemm[0] = blas ? blas("dgemm") : 0;
    gemm[1] = blas ? blas("sgemm") : 0;
    return !!gemm[0] + !!gemm[1];
}

const gc_export gc_products[] = {
#define GC_ROW(name, type)                                                                         \
    {"matmul_" #name, (void *)gc_matmul_##type},                                                   \
        {"matmul_batched_" #name, (void *)gc_matmul_batched_##type},                               \
        {"matmul_parallel_" #name, (void *)gc_product_##type},                                     \
        {"matmul_batched_parallel_" #name, (void *)gc_products_##type},
#if GC_ONLY & GC_F64
    GC_ROW(f64, f64)
#endif
#if GC_ONLY & GC_F32
    GC_ROW(f32, f32) GC_ROW(b1, b1)
#ifdef __FLT16_MAX__
    GC_ROW(f16, f16)
#endif
#endif
#if GC_ONLY & GC_64
    GC_ROW(i64, u64) GC_ROW(u64, u64)
#endif
#if GC_ONLY & GC_32
    GC_ROW(i32, u32) GC_ROW(u32, u32)
#endif
#if GC_ONLY & GC_16
    GC_ROW(i16, u16) GC_ROW(u16, u16)
#endif
#if GC_ONLY & GC_8
    GC_ROW(i8, u8) GC_ROW(u8, u8)
#endif
    {0, 0},
};
