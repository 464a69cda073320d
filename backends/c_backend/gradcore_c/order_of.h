/* Sorting the rows of a matrix of TYPE: included by ordering.c once for each type, with KEY, the
 * unsigned integer of its size, and one of UNSIGNED, SIGNED and FLOATING defined.
 *
 * A key orders as its element: of a signed integer the bits with the sign inverted, of a negative
 * float all bits inverted; zeros have one key, and so has NaN, the largest.  The workspace has room
 * for the elements of a row, or, to sort places, for 4 int64 for each.
 */
#define GC_JOIN_(a, b) a##b
#define GC_JOIN(a, b) GC_JOIN_(a, b)
#define NAMED(name) GC_JOIN(name, CODE)
#define SIGN ((KEY)((KEY)1 << (8 * sizeof(KEY) - 1)))

static inline KEY NAMED(key_)(TYPE x) {
#ifdef FLOATING
    if (x != x) return (KEY)~(KEY)0;
    KEY bits;
    x += 0; /* of both zeros the positive one */
    memcpy(&bits, &x, sizeof bits);
    return (KEY)(bits & SIGN ? ~bits : bits | SIGN);
#elif defined SIGNED
    return (KEY)((KEY)x ^ SIGN);
#else
    return x;
#endif
}

typedef struct {
    KEY key;
    int64_t place;
} NAMED(placed_);

#define ENTRY TYPE
#define SORTED NAMED(sorted_)
#define KEY_OF NAMED(key_)
#include "sorted_of.h"

#define ENTRY NAMED(placed_)
#define SORTED NAMED(ordered_)
#define KEY_OF(entry) ((entry).key)
#include "sorted_of.h"

static inline int32_t NAMED(argsort_)(int64_t rows, int64_t n, const TYPE *keys, int64_t *out,
                                      void *workspace) {
    NAMED(placed_) *entries = workspace;
    for (int64_t row = 0; row < rows; row++) {
        for (int64_t k = 0; k < n; k++)
            entries[k] = (NAMED(placed_)){NAMED(key_)(keys[row * n + k]), k};
        const NAMED(placed_) *found = NAMED(ordered_)(n, entries, entries + n);
        for (int64_t k = 0; k < n; k++) out[row * n + k] = found[k].place;
    }
    return 0;
}

static inline int32_t NAMED(sort_)(int64_t rows, int64_t n, const TYPE *keys, TYPE *out,
                                   void *workspace) {
    TYPE *scratch = workspace;
    for (int64_t row = 0; row < rows; row++) {
        TYPE *place = out + row * n;
        memcpy(place, keys + row * n, (size_t)n * sizeof *place);
        const TYPE *found = NAMED(sorted_)(n, place, scratch);
        if (found != place) memcpy(place, found, (size_t)n * sizeof *place);
    }
    return 0;
}

#undef SIGN
#undef NAMED
#undef GC_JOIN
#undef GC_JOIN_
#undef TYPE
#undef CODE
#undef KEY
#undef UNSIGNED
#undef SIGNED
#undef FLOATING
