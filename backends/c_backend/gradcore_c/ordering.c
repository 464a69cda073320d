/* The orders of elements: "sort_float64(rows, n, keys, out, workspace)" and "argsort_float64", for
 * each dtype.  They return 0.
 */
#include <stdint.h>
#include <string.h>

#include "products.h"

/* Of shorter rows, an insertion sort makes runs of so many, and merging sorts them. */
#define RUN 12
#define MERGED 192

static inline int gc_width(uint64_t bits) { return bits ? 64 - __builtin_clzll(bits) : 0; }
static inline int gc_least(int a, int b) { return a < b ? a : b; }
static inline int gc_most(int a, int b) { return a > b ? a : b; }

#define TYPE uint8_t
#define CODE bool
#define KEY uint8_t
#define UNSIGNED
#include "order_of.h"
#define TYPE int8_t
#define CODE int8
#define KEY uint8_t
#define SIGNED
#include "order_of.h"
#define TYPE int16_t
#define CODE int16
#define KEY uint16_t
#define SIGNED
#include "order_of.h"
#define TYPE int32_t
#define CODE int32
#define KEY uint32_t
#define SIGNED
#include "order_of.h"
#define TYPE int64_t
#define CODE int64
#define KEY uint64_t
#define SIGNED
#include "order_of.h"
#define TYPE uint8_t
#define CODE uint8
#define KEY uint8_t
#define UNSIGNED
#include "order_of.h"
#define TYPE uint16_t
#define CODE uint16
#define KEY uint16_t
#define UNSIGNED
#include "order_of.h"
#define TYPE uint32_t
#define CODE uint32
#define KEY uint32_t
#define UNSIGNED
#include "order_of.h"
#define TYPE uint64_t
#define CODE uint64
#define KEY uint64_t
#define UNSIGNED
#include "order_of.h"
#define TYPE float
#define CODE float32
#define KEY uint32_t
#define FLOATING
#include "order_of.h"
#define TYPE double
#define CODE float64
#define KEY uint64_t
#define FLOATING
#include "order_of.h"
#ifdef GRADCORE_FLOAT16
#define TYPE _Float16
#define CODE float16
#define KEY uint16_t
#define FLOATING
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
