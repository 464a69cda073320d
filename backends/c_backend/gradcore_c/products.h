/* Dense products, one function for every dtype: see products.c. */
#ifndef GRADCORE_PRODUCTS
#define GRADCORE_PRODUCTS 1
#include "abi.h"

typedef struct {
    const char *name;
    void *address;
} gc_export;

/* "matmul_f64", "matmul_batched_f64" and so on; a row without a name ends it. */
extern const gc_export gc_products[];

/* Look for BLAS functions by their Fortran names ("dgemm"); their integers have 32 bits.  `blas`
 * returns NULL for what is missing, and may be NULL itself.  Returns how many were found. */
int gc_products_start(void *(*blas)(const char *name));

#endif
