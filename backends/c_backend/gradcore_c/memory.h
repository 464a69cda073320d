/* Memory of calls: blocks that are used again and again, and workspaces made of them. */
#ifndef GRADCORE_MEMORY
#define GRADCORE_MEMORY 1
#include <stdint.h>

/* At least `bytes` bytes, 64-byte aligned, or NULL; `capacity` becomes the size to give back.  Needs
 * no GIL, as nothing here does. */
void *gc_take(int64_t bytes, int64_t *capacity);
void gc_give(void *block, int64_t capacity);

/* Have pages for blocks of these sizes in the pool before they are taken: the first pages that a
 * virtual machine asks its host for may take longer than the arithmetic that fills them. */
void gc_prepare(int32_t n, const int64_t *bytes);

/* How many bytes are retained for coming calls; hand them back to the system. */
int64_t gc_idle(void);
int64_t gc_trim(void);

/* -- a workspace ---------------------------------------------------------------------------- */

typedef struct {
    char *data;
    int64_t capacity;
    int64_t used;
    int64_t start;  /* of this block, where the blocks follow one another without a gap */
    int64_t before; /* used in the blocks before it */
} gc_block;

/* All zeros is an empty one. */
typedef struct {
    gc_block *blocks;
    int32_t count, room;
    int32_t top; /* the block that is being filled */
    int64_t peak;
} gc_workspace;

/* `expected`: how much a first block is to hold. */
void *gc_workspace_allocate(gc_workspace *space, int64_t bytes, int64_t expected);
int64_t gc_workspace_mark(const gc_workspace *space);
void gc_workspace_release(gc_workspace *space, int64_t mark);

/* Make it empty; a block that is not small goes to whoever needs one next. */
void gc_workspace_reset(gc_workspace *space);
void gc_workspace_free(gc_workspace *space);

#endif
