/* Dense products, one function for every dtype: see products.c. */
#ifndef GRADCORE_PRODUCTS
#define GRADCORE_PRODUCTS 1
#include "abi.h"

typedef struct {
    const char *name;
    void *address;
} gc_export;

/* For each dtype (f16 where the compiler knows it, f32, f64, i8 ... i64, u8 ... u64, b1; see
 * GC_ONLY in products.c) the rows "matmul_f64", "matmul_batched_f64", "matmul_parallel_f64" and
 * "matmul_batched_parallel_f64"; a row without a name is the end.
 *
 *   void matmul(int64_t m, int64_t n, int64_t k, const T *a, int64_t a0, int64_t a1,
 *               const T *b, int64_t b0, int64_t b1, F beta, T *c, int64_t c0, int64_t c1);
 *
 * is c = beta * c + a @ b, a being m x k, b k x n, and c m x n, which does not overlap them.
 * Strides count numbers, not bytes, and may be 0 or negative (those of c not 0).  F is T, but float
 * for f16.  Where beta is 0, c is only written.  Integers wrap around; b1 is bytes, any that is not
 * 0 true.
 *
 *   void matmul_batched(int64_t batch, int64_t m, int64_t n, int64_t k,
 *                       const T *a, int64_t a_, int64_t a0, int64_t a1,
 *                       const T *b, int64_t b_, int64_t b0, int64_t b1,
 *                       F beta, T *c, int64_t c_, int64_t c0, int64_t c1);
 *
 * does it for a + i * a_ and so on, i < batch, one after the other: where c_ is 0 and beta 1, the
 * products are summed.  The "parallel" ones have a first argument more, `gc_call *call`, and use
 * its threads where that pays; the others use one (BLAS, for large products, its own). */
extern const gc_export gc_products[];

/* Look for BLAS functions by their Fortran names ("dgemm"); their integers have 32 bits.  `blas`
 * returns NULL for what is missing, and may be NULL itself.  Returns how many were found. */
int gc_products_start(void *(*blas)(const char *name));

#endif
