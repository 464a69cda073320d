/* Memory of calls.
 *
 * Pages fresh from the system cost as much as the arithmetic that fills them, so big blocks are
 * retained when they are given back: outputs whose arrays are gone and the workspaces of functions
 * that are not running share one pool, the oldest is dropped first, and the pool has no more than a
 * sixteenth of the machine's memory (at least 64 MiB, at most 1 GiB).  Below 128 KiB malloc does
 * the same by itself.
 */
#include "memory.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Sizes in bytes. */
#define ALIGNMENT 64                       /* of every block: a line of the cache */
#define POOLED (INT64_C(1) << 17)          /* the smallest block that the pool takes */
#define HUGE_PAGE (INT64_C(1) << 21)       /* from here on blocks are pages of this size */
#define SMALL_PAGE 4096                    /* at most as much as any page */
#define LEAST (INT64_C(1) << 26)           /* the pool's limit on a small machine */
#define MOST (INT64_C(1) << 30)            /* and on a large one */
#define SMALL_WORKSPACE (INT64_C(1) << 17) /* what a function retains for its next call */
#define LARGEST (INT64_C(1) << 46)         /* no machine has as much */
enum { SLOTS = 64 };                       /* blocks in the pool */

/* -- the pool of blocks -------------------------------------------------------------------- */

typedef struct {
    void *block;
    int64_t capacity;
} slot;

/* The blocks nobody uses, the oldest first. */
static struct {
    pthread_mutex_t lock;
    int32_t count;
    int64_t idle, limit;
    slot slots[SLOTS];
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int64_t round_up(int64_t n, int64_t step)
{
    return (n + step - 1) / step * step;
}

/* Sizes differ by an eighth at most, so that a block fits a call that needs a little more. */
static int64_t block_size(int64_t bytes)
{
    if (bytes < POOLED)
        return round_up(bytes ? bytes : 1, ALIGNMENT);
    int64_t step = POOLED / 8;
    while (step * 16 <= bytes)
        step *= 2;
    bytes = round_up(bytes, step);
    return bytes < HUGE_PAGE ? bytes : round_up(bytes, HUGE_PAGE);
}

static void *from_system(int64_t capacity)
{
    if (capacity < HUGE_PAGE)
        return aligned_alloc(ALIGNMENT, (size_t)capacity);
    char *whole = mmap(NULL, (size_t)(capacity + HUGE_PAGE), PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (whole == MAP_FAILED)
        return NULL;
    char *block = (char *)(uintptr_t)round_up((int64_t)(uintptr_t)whole, HUGE_PAGE);
    int64_t head = block - whole;
    if (head)
        munmap(whole, (size_t)head);
    munmap(block + capacity, (size_t)(HUGE_PAGE - head));
#ifdef MADV_HUGEPAGE
    madvise(block, (size_t)capacity, MADV_HUGEPAGE);
#endif
    return block;
}

static void to_system(void *block, int64_t capacity)
{
    if (capacity < HUGE_PAGE)
        free(block);
    else
        munmap(block, (size_t)capacity);
}

static int64_t pool_limit(void)
{
    if (!pool.limit) {
        int64_t share = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE) / 16;
        pool.limit = share < LEAST ? LEAST : share > MOST ? MOST : share;
    }
    return pool.limit;
}

/* A block of the pool for so many bytes, or NULL. */
static void *from_pool(int64_t bytes, int64_t *capacity)
{
    const int64_t need = block_size(bytes);
    if (need < POOLED)
        return NULL;
    void *found = NULL;
    pthread_mutex_lock(&pool.lock);
    for (int32_t i = pool.count - 1; i >= 0; i--) {
        const slot s = pool.slots[i];
        if (s.capacity < need || s.capacity > need + need / 4)
            continue;
        pool.count--;
        pool.idle -= s.capacity;
        memmove(pool.slots + i, pool.slots + i + 1, (size_t)(pool.count - i) * sizeof(slot));
        *capacity = s.capacity;
        found = s.block;
        break;
    }
    pthread_mutex_unlock(&pool.lock);
    return found;
}

void *gc_take(int64_t bytes, int64_t *capacity)
{
    if (bytes < 0 || bytes > LARGEST)
        return NULL;
    void *found = from_pool(bytes, capacity);
    if (found)
        return found;
    const int64_t need = block_size(bytes);
    *capacity = need;
    void *block = from_system(need);
    if (!block && gc_trim())
        block = from_system(need);
    return block;
}

void gc_give(void *block, int64_t capacity)
{
    if (!block)
        return;
    if (capacity < POOLED) {
        to_system(block, capacity);
        return;
    }
    slot dropped[SLOTS];
    int32_t n = 0;
    pthread_mutex_lock(&pool.lock);
    const int64_t most = pool_limit();
    if (capacity > most) {
        pthread_mutex_unlock(&pool.lock);
        to_system(block, capacity);
        return;
    }
    while (pool.count > n && (pool.count - n == SLOTS || pool.idle + capacity > most)) {
        pool.idle -= pool.slots[n].capacity;
        dropped[n] = pool.slots[n];
        n++;
    }
    pool.count -= n;
    memmove(pool.slots, pool.slots + n, (size_t)pool.count * sizeof(slot));
    pool.slots[pool.count++] = (slot){block, capacity};
    pool.idle += capacity;
    pthread_mutex_unlock(&pool.lock);
    while (n--)
        to_system(dropped[n].block, dropped[n].capacity);
}

void gc_prepare(int32_t n, const int64_t *bytes)
{
    slot taken[SLOTS];
    n = n < SLOTS ? n : SLOTS;
    for (int32_t i = 0; i < n; i++) {
        taken[i].block = gc_take(bytes[i], &taken[i].capacity);
        volatile char *page = taken[i].block;
        for (int64_t k = 0; page && k < taken[i].capacity; k += SMALL_PAGE)
            page[k] = 0;
    }
    while (n--)
        gc_give(taken[n].block, taken[n].capacity);
}

int64_t gc_idle(void)
{
    pthread_mutex_lock(&pool.lock);
    const int64_t idle = pool.idle;
    pthread_mutex_unlock(&pool.lock);
    return idle;
}

int64_t gc_trim(void)
{
    slot dropped[SLOTS];
    pthread_mutex_lock(&pool.lock);
    const int64_t freed = pool.idle;
    int32_t n = pool.count;
    memcpy(dropped, pool.slots, sizeof dropped);
    pool.count = 0;
    pool.idle = 0;
    pthread_mutex_unlock(&pool.lock);
    while (n--)
        to_system(dropped[n].block, dropped[n].capacity);
    return freed;
}

static void lock_pool(void)
{
    pthread_mutex_lock(&pool.lock);
}

static void unlock_pool(void)
{
    pthread_mutex_unlock(&pool.lock);
}

/* A fork while another thread holds the lock would leave it locked in the child for good. */
__attribute__((constructor)) static void survive_fork_memory(void)
{
    pthread_atfork(lock_pool, unlock_pool, unlock_pool);
}

/* -- a workspace: a stack of blocks -------------------------------------------------------- */

static gc_block *next_block(gc_workspace *space, int64_t need, int64_t expected)
{
    const int32_t next = space->count ? space->top + 1 : 0;
    gc_block *last = next ? &space->blocks[next - 1] : NULL;
    if (next == space->count || space->blocks[next].capacity < need) {
        while (space->count > next) {
            space->count--;
            gc_give(space->blocks[space->count].data, space->blocks[space->count].capacity);
        }
        if (next == space->room) {
            const int32_t room = next ? 2 * next : 2;
            gc_block *grown = realloc(space->blocks, (size_t)room * sizeof *grown);
            if (!grown)
                return NULL;
            space->blocks = grown;
            space->room = room;
            last = next ? &grown[next - 1] : NULL;
        }
        int64_t wanted = last ? 2 * last->capacity : expected;
        if (last && wanted > last->capacity + MOST / 4)
            wanted = last->capacity + MOST / 4;
        gc_block *made = &space->blocks[next];
        wanted = wanted > need ? wanted : need;
        made->data = from_pool(wanted, &made->capacity);
        if (!made->data) /* pages that were there before cost nothing */
            made->data = from_pool(need, &made->capacity);
        if (!made->data)
            made->data = gc_take(wanted, &made->capacity);
        if (!made->data && wanted > need)
            made->data = gc_take(need, &made->capacity);
        if (!made->data)
            return NULL;
        space->count++;
    }
    gc_block *block = &space->blocks[next];
    block->used = 0;
    block->start = last ? last->start + last->capacity : 0;
    block->before = last ? last->before + last->used : 0;
    space->top = next;
    return block;
}

void *gc_workspace_allocate(gc_workspace *space, int64_t bytes, int64_t expected)
{
    if (bytes < 0 || bytes > LARGEST)
        return NULL;
    const int64_t need = round_up(bytes ? bytes : 1, ALIGNMENT);
    gc_block *block = space->count ? &space->blocks[space->top] : NULL;
    if (!block || block->capacity - block->used < need) {
        block = next_block(space, need, expected);
        if (!block)
            return NULL;
    }
    void *found = block->data + block->used;
    block->used += need;
    if (block->before + block->used > space->peak)
        space->peak = block->before + block->used;
    return found;
}

int64_t gc_workspace_mark(const gc_workspace *space)
{
    if (!space->count)
        return 0;
    const gc_block *block = &space->blocks[space->top];
    return block->start + block->used;
}

void gc_workspace_release(gc_workspace *space, int64_t mark)
{
    if (!space->count)
        return;
    while (space->top && mark < space->blocks[space->top].start)
        space->top--;
    gc_block *block = &space->blocks[space->top];
    if (mark - block->start < block->used)
        block->used = mark - block->start;
}

void gc_workspace_reset(gc_workspace *space)
{
    const int32_t retained = space->count == 1 && space->blocks[0].capacity <= SMALL_WORKSPACE;
    while (space->count > retained) {
        space->count--;
        gc_give(space->blocks[space->count].data, space->blocks[space->count].capacity);
    }
    space->top = 0;
    space->peak = 0;
    if (retained)
        space->blocks[0].used = 0;
}

void gc_workspace_free(gc_workspace *space)
{
    while (space->count) {
        space->count--;
        gc_give(space->blocks[space->count].data, space->blocks[space->count].capacity);
    }
    free(space->blocks);
    memset(space, 0, sizeof *space);
}
