/* What generated code and the runtime say to each other.
 *
 * A function is one C file with one entry point, `gc_entry`.  It knows neither Python nor NumPy:
 * it reads arrays, asks the runtime for memory, and returns 0, or what `fail` or `callback`
 * returned.  It runs without the GIL, in many threads at once, or if it is said to be brief, with it:
 * then it never calls back, asks `poll` or shares out a loop.
 */
#ifndef GRADCORE_ABI
#define GRADCORE_ABI 1
#include <stdint.h>

typedef struct {
    void *data;
    const int64_t *shape;
    const int64_t *strides; /* in bytes; what a callback is given may have none: in C order */
} gc_array;

typedef struct gc_call gc_call;

/* The part [begin, end) of a parallel loop; `part` counts from 0. */
typedef int32_t (*gc_body)(gc_call *call, void *context, int64_t begin, int64_t end, int32_t part);

struct gc_call {
    /* Memory, 64-byte aligned, until `release` of an older mark or the end of the call; NULL if
     * there is none.  Only the thread that called `gc_entry` may ask. */
    void *(*allocate)(gc_call *call, int64_t bytes);
    /* Where the workspace ends now; what is allocated later goes with `release`. */
    int64_t (*mark)(gc_call *call);
    void (*release)(gc_call *call, int64_t mark);
    /* Memory for output `k` in C order, of the rank and dtype that were declared. */
    void *(*output)(gc_call *call, int32_t k, const int64_t *shape);
    /* Note that check number `check` failed and the values that tell why (`n` <= 16 of them);
     * returns what `gc_entry` is to return. */
    int32_t (*fail)(gc_call *call, int32_t check, int32_t n, const int64_t *values);
    /* Run Python function number `which`; it fills `out` with arrays in C order that live as long as
     * memory of `allocate` does.  Not 0: it raised, and `gc_entry` is to return that.  Only the
     * thread that called `gc_entry` may ask. */
    int32_t (*callback)(gc_call *call, int32_t which, int32_t n_in, const gc_array *in,
                        int32_t n_out, gc_array *out);
    /* Run `body` on `parts` threads, part p on [n * p / parts, n * (p + 1) / parts); returns the
     * first result that is not 0. */
    int32_t (*parallel)(gc_call *call, gc_body body, void *context, int64_t n, int32_t parts);
    /* Functions of libraries, in the order in which they were asked for by name. */
    void *const *library;
    /* How many threads may be used. */
    int32_t threads;
    /* To be called now and then in long loops, by any thread.  Not 0: the user has interrupted the
     * call, and `gc_entry` is to return that. */
    int32_t (*poll)(gc_call *call);
    /* Note that `allocate` or `output` has returned NULL, and that check number `check` tells it;
     * returns what `gc_entry` is to return. */
    int32_t (*lacks)(gc_call *call, int32_t check);
};

#endif
