/* The orders of elements: "sort_float64(rows, n, keys, out)" and "argsort_float64", for each dtype.
 *
 * They return 0, or -1 where there is no memory.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "products.h"

#define RUN 12

#define TYPE uint8_t
#define CODE bool
#include "order_of.h"
#define TYPE int8_t
#define CODE int8
#include "order_of.h"
#define TYPE int16_t
#define CODE int16
#include "order_of.h"
#define TYPE int32_t
#define CODE int32
#include "order_of.h"
#define TYPE int64_t
#define CODE int64
#include "order_of.h"
#define TYPE uint8_t
#define CODE uint8
#include "order_of.h"
#define TYPE uint16_t
#define CODE uint16
#include "order_of.h"
#define TYPE uint32_t
#define CODE uint32
#include "order_of.h"
#define TYPE uint64_t
#define CODE uint64
#include "order_of.h"
#define TYPE float
#define CODE float32
#include "order_of.h"
#define TYPE double
#define CODE float64
#include "order_of.h"
#ifdef GRADCORE_FLOAT16
#define TYPE _Float16
#define CODE float16
#include "order_of.h"
#endif

#define ROW(dtype) {"sort_" #dtype, (void *)sort_##dtype}, {"argsort_" #dtype, (void *)argsort_##dtype}

const gc_export gc_ordering[] = {
    {"sort_bool", (void *)sort_bool}, {"argsort_bool", (void *)argsort_bool},
    ROW(int8), ROW(int16), ROW(int32), ROW(int64), ROW(uint8), ROW(uint16), ROW(uint32), ROW(uint64),
    ROW(float32), ROW(float64),
#ifdef GRADCORE_FLOAT16
    ROW(float16),
#endif
    {0, 0},
};
