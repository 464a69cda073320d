/* Strided arrays copied into C order. */
#ifndef GRADCORE_PACKING
#define GRADCORE_PACKING 1
#include <stdint.h>

/* Copy `rank` axes of elements of `size` bytes (1, 2, 4, 8 or 16, aligned) into `to`, in C order. */
void gc_pack(void *to, const void *from, int32_t rank, const int64_t *shape,
             const int64_t *strides, int32_t size);

#endif
