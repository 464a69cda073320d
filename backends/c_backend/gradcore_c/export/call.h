/* One call: its memory, its outputs, and what it says when it fails.
 *
 * Included after the header of the function, whose name stands here as FUNCTION, and after abi.h.
 */
#include <string.h>
#ifndef FUNCTION_NO_MALLOC
#include <stdlib.h>
#endif

#define GC_ALIGNED 64 /* bytes of which a piece of the workspace is a multiple */

/* Where an output goes: to the caller, or, as a new value of a state, to the workspace. */
typedef struct {
    const char *name;
    void *data;           /* NULL: the workspace, or an array without elements */
    int64_t room;         /* for how many elements there is room */
    int64_t *shape;       /* where to note the extents, or NULL */
    const int64_t *fixed; /* of a state: the extents that it must have; else NULL */
    int32_t rank, size;   /* axes, and bytes of an element */
} gc_result;

typedef struct gc_block gc_block;

struct gc_block {
    gc_block *before;
    int64_t bytes;
};

typedef struct {
    gc_call call; /* the first: generated code sees nothing else */
    FUNCTION_context *context;
    char *space; /* the workspace, aligned; NULL: memory is from malloc */
    int64_t size, used;
    gc_block *blocks;
    gc_result *results;
    int32_t status;
} gc_run;

/* -- messages ------------------------------------------------------------------------------- */

/* Note the first failure: in `text`, "%a" stands for the first value, "%b" for the second ... */
static inline int32_t gc_say(gc_run *r, int32_t status, const char *text, int32_t n,
                             const int64_t *values) {
    if (r->status) return r->status;
    r->status = status;
    char *to = r->context->message, *const end = to + sizeof r->context->message - 1;
    for (; *text && to < end; text++) {
        if (*text != '%' || text[1] < 'a' || text[1] >= 'a' + n) {
            *to++ = *text;
            continue;
        }
        const int64_t value = values[*++text - 'a'];
        uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
        char digits[20];
        int32_t count = 0;
        do digits[count++] = (char)('0' + rest % 10);
        while (rest /= 10);
        if (value < 0 && to < end) *to++ = '-';
        while (count && to < end) *to++ = digits[--count];
    }
    *to = 0;
    return status;
}

/* Note that something is wrong with what is called `name`, which "%n" stands for. */
static inline int32_t gc_say_of(gc_run *r, int32_t status, const char *name, const char *text,
                                int64_t have, int64_t need) {
    char sentence[160];
    size_t k = 0;
    for (; *text && k < sizeof sentence - 1; text++) {
        if (text[0] != '%' || text[1] != 'n') {
            sentence[k++] = *text;
            continue;
        }
        for (const char *c = name; *c && k < sizeof sentence - 1; c++) sentence[k++] = *c;
        text++;
    }
    sentence[k] = 0;
    return gc_say(r, status, sentence, 2, (const int64_t[]){have, need});
}

/* -- memory --------------------------------------------------------------------------------- */

static inline int64_t gc_rounded(int64_t bytes) {
    return (bytes + GC_ALIGNED - 1) / GC_ALIGNED * GC_ALIGNED;
}

static inline void *gc_allocate_bytes(gc_call *call, int64_t bytes) {
    gc_run *r = (gc_run *)call;
    if (bytes < 0 || bytes > INT64_MAX / 4 - r->used) {
        gc_say(r, FUNCTION_NO_MEMORY, "an array is larger than any memory", 0, 0);
        return 0;
    }
    const int64_t need = gc_rounded(bytes ? bytes : 1);
    char *found = 0;
    if (r->space) {
        if (r->size - r->used < need)
            gc_say(r, FUNCTION_NO_MEMORY, "the workspace has %a bytes, and %b or more are needed",
                   2, (const int64_t[]){r->context->size, r->used + need + GC_ALIGNED});
        else
            found = r->space + r->used;
    } else {
#ifdef FUNCTION_NO_MALLOC
        gc_say(r, FUNCTION_NO_MEMORY, "no workspace was passed", 0, 0);
#else
        gc_block *block = 0;
        if ((uint64_t)need < SIZE_MAX - 2 * GC_ALIGNED)
            block = (gc_block *)malloc((size_t)need + 2 * GC_ALIGNED);
        if (!block) {
            gc_say(r, FUNCTION_NO_MEMORY, "there is no memory for %a bytes", 1,
                   (const int64_t[]){need});
        } else {
            block->before = r->blocks;
            block->bytes = need;
            r->blocks = block;
            const uintptr_t behind = (uintptr_t)(block + 1);
            found = (char *)((behind + GC_ALIGNED - 1) / GC_ALIGNED * GC_ALIGNED);
        }
#endif
    }
    if (!found) return 0;
    r->used += need;
    if (r->used > r->context->used) r->context->used = r->used;
    return found;
}

static inline int64_t gc_marked(gc_call *call) {
    return ((gc_run *)call)->used;
}

static inline void gc_released(gc_call *call, int64_t mark) {
    gc_run *r = (gc_run *)call;
#ifndef FUNCTION_NO_MALLOC
    for (int64_t used = r->used; r->blocks && used > mark;) {
        gc_block *block = r->blocks;
        r->blocks = block->before;
        used -= block->bytes;
        free(block);
    }
#endif
    r->used = mark;
}

/* -- arguments and outputs ------------------------------------------------------------------- */

/* How many elements there are; -1: more than any memory has. */
static inline int64_t gc_elements(int32_t rank, const int64_t *shape) {
    int64_t count = 1;
    for (int32_t axis = 0; axis < rank; axis++)
        if (shape[axis] == 0) return 0;
    for (int32_t axis = 0; axis < rank; axis++) {
        if (shape[axis] < 0 || shape[axis] > (INT64_MAX >> 4) / count) return -1;
        count *= shape[axis];
    }
    return count;
}

/* Refuse an argument whose extents none can have, or that is nowhere. */
static inline int32_t gc_argument(gc_run *r, const char *name, const void *data, int32_t rank,
                                  const int64_t *shape) {
    for (int32_t axis = 0; axis < rank; axis++)
        if (shape[axis] < 0)
            return gc_say_of(r, FUNCTION_ARGUMENT, name, "%n has %a elements along axis %b",
                             shape[axis], axis);
    const int64_t count = gc_elements(rank, shape);
    if (count < 0)
        return gc_say_of(r, FUNCTION_ARGUMENT, name, "%n is larger than any memory", 0, 0);
    if (count && !data)
        return gc_say_of(r, FUNCTION_ARGUMENT, name, "%n is NULL, and has %a elements", count, 0);
    return 0;
}

static inline void *gc_output(gc_call *call, int32_t k, const int64_t *shape) {
    static char nothing;
    gc_run *r = (gc_run *)call;
    gc_result *out = &r->results[k];
    const int64_t count = gc_elements(out->rank, shape);
    if (count < 0) {
        gc_say_of(r, FUNCTION_NO_MEMORY, out->name, "%n is larger than any memory", 0, 0);
        return 0;
    }
    for (int32_t axis = 0; axis < out->rank; axis++) {
        if (out->shape) out->shape[axis] = shape[axis];
        if (out->fixed && out->fixed[axis] != shape[axis]) {
            gc_say_of(r, FUNCTION_FAILED, out->name, "the new value of %n has %a elements, not %b",
                      shape[axis], out->fixed[axis]);
            return 0;
        }
    }
    if (out->fixed) {
        out->data = gc_allocate_bytes(call, count * out->size);
        return out->data;
    }
    if (count > out->room) {
        gc_say_of(r, FUNCTION_ROOM, out->name, "%n has room for %a elements, and %b are needed",
                  out->room, count);
        return 0;
    }
    if (count && !out->data) {
        gc_say_of(r, FUNCTION_ARGUMENT, out->name, "%n is NULL, and has %a elements", count, 0);
        return 0;
    }
    return count ? out->data : &nothing;
}

/* -- failures -------------------------------------------------------------------------------- */

static inline int32_t gc_failed(gc_call *call, int32_t check, int32_t n, const int64_t *values) {
    return gc_say((gc_run *)call, FUNCTION_FAILED, gc_messages[check], n, values);
}

/* Memory was lacking, which has been noted. */
static inline int32_t gc_lacking(gc_call *call, int32_t check) {
    (void)check;
    return ((gc_run *)call)->status;
}

/* -- a call from its beginning to its end ---------------------------------------------------- */

static inline void gc_begin(gc_run *r, FUNCTION_context *context, gc_result *results) {
    memset(r, 0, sizeof *r);
    r->call.allocate = gc_allocate_bytes;
    r->call.mark = gc_marked;
    r->call.release = gc_released;
    r->call.output = gc_output;
    r->call.fail = gc_failed;
    r->call.lacks = gc_lacking;
    r->call.threads = 1;
    r->context = context;
    r->results = results;
    context->used = 0;
    context->message[0] = 0;
    if (context->workspace) {
        const uintptr_t start = (uintptr_t)context->workspace;
        const uintptr_t first = (start + GC_ALIGNED - 1) / GC_ALIGNED * GC_ALIGNED;
        r->space = (char *)context->workspace + (first - start);
        r->size = context->size - (int64_t)(first - start);
    }
}

static inline int32_t gc_end(gc_run *r, int32_t status) {
    if (status && !r->status)
        gc_say(r, FUNCTION_NO_MEMORY, "a function of a library has failed", 0, 0);
    gc_released(&r->call, 0);
    if (r->context->used) r->context->used += GC_ALIGNED; /* so that any start is aligned */
    return r->status;
}
