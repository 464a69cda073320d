/* The engine: runs the blocks of a launch one after the other, the threads of each as fibers.
 *
 * A fiber runs until it ends or waits for others; which one goes on then is up to `order`, so that a
 * barrier that is missing shows in results that depend on it.  A launch whose threads wait for each
 * other without end returns 1; one that the user interrupts raises.
 */
#include "shim.h"

#include <stdlib.h>
#include <ucontext.h>

#define STACK (128 * 1024)
#define MOST 1024
#define OFTEN (1 << 22)

int PyErr_CheckSignals(void);
void *PyEval_SaveThread(void);
void PyEval_RestoreThread(void *state);

typedef void (*gc_kernel)(void **arguments);

typedef struct {
    ucontext_t context;
    gc_dim place;
    int first, last; /* the threads that it waits for */
    int waits, ended;
} fiber;

static gc_engine engine;
static uint64_t slots[MOST];
static fiber *fibers;
static unsigned char *stacks;
static ucontext_t outside;
static int count, now, order;
static uint32_t drawn;
static gc_kernel kernel;
static void **given;
static void *python;
static int stopped;

static void enter(int k) {
    now = k;
    engine.thread = fibers[k].place;
}

/* A thread that can go on, or -1. */
static int chosen(void) {
    drawn = drawn * 1664525u + 1013904223u;
    const int start = order == 2 ? (int)(drawn >> 8) % count : 0;
    for (int j = 0; j < count; j++) {
        const int k = order == 1 ? count - 1 - j : (start + j) % count;
        if (!fibers[k].ended && !fibers[k].waits) return k;
    }
    return -1;
}

static void leave(void) {
    const int next = chosen(), from = now;
    if (next == from) return;
    if (next < 0) {
        if (fibers[from].ended) setcontext(&outside);
        swapcontext(&fibers[from].context, &outside);
        return;
    }
    enter(next);
    if (fibers[from].ended) setcontext(&fibers[next].context);
    swapcontext(&fibers[from].context, &fibers[next].context);
}

/* Lets those go on that wait for threads that all wait for them, or have ended. */
static void open_gates(int first, int last) {
    for (int k = first; k < last; k++) {
        const fiber *f = &fibers[k];
        if (!f->ended && !(f->waits && f->first == first && f->last == last)) return;
    }
    for (int k = first; k < last; k++) fibers[k].waits = 0;
}

static void meet(int first, int last) {
    fiber *f = &fibers[now];
    if (last > count) last = count;
    f->first = first;
    f->last = last;
    f->waits = 1;
    open_gates(first, last);
    leave();
}

static void poll(void) {
    engine.left = OFTEN;
    PyEval_RestoreThread(python);
    stopped = PyErr_CheckSignals();
    python = PyEval_SaveThread();
    if (stopped) setcontext(&outside);
}

static void body(void) {
    kernel(given);
    fibers[now].ended = 1;
    for (int k = 0; k < count; k++)
        if (fibers[k].waits) open_gates(fibers[k].first, fibers[k].last);
    leave();
}

static int run_block(void) {
    for (int k = 0; k < count; k++) {
        fiber *f = &fibers[k];
        f->waits = f->ended = 0;
        f->place = (gc_dim){k % engine.threads.x, k / engine.threads.x, 0};
        getcontext(&f->context);
        f->context.uc_stack.ss_sp = stacks + (size_t)k * STACK;
        f->context.uc_stack.ss_size = STACK;
        f->context.uc_link = &outside;
        makecontext(&f->context, body, 0);
    }
    const int start = chosen();
    enter(start);
    swapcontext(&outside, &fibers[start].context);
    for (int k = 0; k < count && !stopped; k++)
        if (!fibers[k].ended) return 1;
    return stopped;
}

void *gc_shim_engine(void);
void *gc_shim_engine(void) { return &engine; }

int gc_shim_launch(gc_kernel called, void **arguments, int blocks, int groups, int lanes,
                   int64_t shared, int order_of_threads);
int gc_shim_launch(gc_kernel called, void **arguments, int blocks, int groups, int lanes,
                   int64_t shared, int order_of_threads) {
    if (!fibers) {
        fibers = calloc(MOST, sizeof(fiber));
        stacks = malloc((size_t)MOST * STACK);
    }
    unsigned char *memory = malloc(shared + 16);
    int failed = 0;
    engine.threads = (gc_dim){lanes, groups, 1};
    engine.blocks = (gc_dim){blocks, 1, 1};
    engine.shared = memory;
    engine.meet = meet;
    engine.slots = slots;
    engine.left = OFTEN;
    engine.poll = poll;
    stopped = 0;
    python = PyEval_SaveThread();
    count = lanes * groups;
    kernel = called;
    given = arguments;
    order = order_of_threads;
    for (int j = 0; j < blocks && !failed; j++) {
        const int b = order == 1 ? blocks - 1 - j : j;
        engine.block = (gc_dim){b, 0, 0};
        memset(memory, 0xff, shared);
        failed = run_block();
    }
    PyEval_RestoreThread(python);
    free(memory);
    return failed;
}
