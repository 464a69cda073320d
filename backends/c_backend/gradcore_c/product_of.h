/* The products of one type of numbers: products.c includes this file once for each.
 *
 * P_NAME  how the type is called in names: f64
 * P_R     the type
 * P_BITS  its size
 * P_ROWS, P_VECTORS  how much of C is summed in registers: rows, and vectors in each
 * P_WIDE  in which type pieces of a deep product are added up, if not in P_R
 * P_GEMM  which BLAS function does the same (an index into `gemm`); not defined: none
 *
 * Each part uses those before it.  They are templates, not units: P(name) is the name for a type.
 */
#define P_GLUE2(a, b) gc_##a##_##b
#define P_GLUE(a, b) P_GLUE2(a, b)
#define P(name) P_GLUE(name, P_NAME)
#define P_LANES (GC_VECTOR * 8 / P_BITS)
#define P_WIDTH (P_LANES * P_VECTORS)
#define P_DEPTH GC_DEPTH

typedef P_R P(vector) __attribute__((vector_size(GC_VECTOR)));
/* A vector wherever numbers may be: it need not be aligned. */
typedef P_R P(vector_at) __attribute__((vector_size(GC_VECTOR), aligned(P_BITS / 8), may_alias));

#define P_AT(p) ((P(vector)) * (const P(vector_at) *)(p))
#define P_PUT(p, v) (*(P(vector_at) *)(p) = (v))

#include "product_tiles.h"   /* a tile in registers, and what brings operands there */
#include "product_blocks.h"  /* the loops around the tiles */
#include "product_vectors.h" /* one row or one column */
#include "product_blas.h"    /* large products by BLAS */
#include "product_threads.h" /* one thread, several threads, a batch */

#undef P_AT
#undef P_PUT
#undef P_SQUARE
#undef P_GLUE2
#undef P_GLUE
#undef P
#undef P_LANES
#undef P_WIDTH
#undef P_DEPTH
#undef P_NAME
#undef P_R
#undef P_BITS
#undef P_ROWS
#undef P_VECTORS
#undef P_GEMM
#undef P_WIDE
