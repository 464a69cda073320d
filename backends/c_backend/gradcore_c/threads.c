/* A parallel loop on threads of our own.
 *
 * The parts of a loop are taken in turn, by the caller too: nobody waits for a thread that has not
 * woken up yet, and a busy machine makes a loop slower but never stalls it.  A thread that finds
 * nothing to do looks again for about 50 microseconds and then sleeps: products in the steps of a
 * scan come that close together, and to wake a thread takes half as long.  Which thread runs a part changes
 * from run to run; what the part is does not.
 *
 * OpenMP was rejected: its threads do not survive a fork, they spin for as long as the library of
 * the day likes, and two of its libraries in one process fight.
 */
#include "threads.h"

#include "floating.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#define SPIN 5000
#define WAIT_SPIN 2000
#define CLOSED UINT32_MAX
enum { MOST_WORKERS = 255 };

/* What is to be done.  `ticket` is the number of the loop and of its next part; no part can be
 * taken while it is CLOSED, so whoever takes one has read the job that it belongs to. */
static struct {
    _Atomic uint64_t ticket;
    _Atomic(gc_body) body;
    _Atomic(gc_call *) call;
    _Atomic(void *) context;
    _Atomic int64_t n;
    _Atomic uint64_t control; /* of floating-point numbers, on the thread that asks */
    _Atomic uint32_t parts, finished;
    _Atomic uint64_t result; /* of the first part that failed: part << 32 | result */
    _Atomic int32_t sleeping;
    int32_t waiting, workers;
    pthread_mutex_t busy; /* held by the caller of the loop that is running */
    pthread_mutex_t lock; /* of the two conditions */
    pthread_cond_t work, done;
} job = {
    .ticket = CLOSED,
    .busy = PTHREAD_MUTEX_INITIALIZER,
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .work = PTHREAD_COND_INITIALIZER,
    .done = PTHREAD_COND_INITIALIZER,
};

static __thread int32_t current_part = -1;

int32_t gc_part(void)
{
    return current_part;
}

int32_t gc_workers(void)
{
    return job.workers;
}

static inline void pause_a_moment(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static int32_t run_part(gc_body body, gc_call *call, void *context, int64_t n, int64_t parts,
                        int64_t part)
{
    return body(call, context, n * part / parts, n * (part + 1) / parts, (int32_t)part);
}

static int has_work(void)
{
    return (uint32_t)atomic_load(&job.ticket) <
           atomic_load_explicit(&job.parts, memory_order_relaxed);
}

/* Run parts until there are none to take. */
static void take_parts(void)
{
    for (;;) {
        uint64_t ticket = atomic_load(&job.ticket);
        const uint32_t part = (uint32_t)ticket;
        const uint32_t parts = atomic_load_explicit(&job.parts, memory_order_relaxed);
        gc_body body = atomic_load_explicit(&job.body, memory_order_relaxed);
        gc_call *call = atomic_load_explicit(&job.call, memory_order_relaxed);
        void *context = atomic_load_explicit(&job.context, memory_order_relaxed);
        const int64_t n = atomic_load_explicit(&job.n, memory_order_relaxed);
        const uint64_t control = atomic_load_explicit(&job.control, memory_order_relaxed);
        if (part >= parts)
            return;
        if (!atomic_compare_exchange_weak(&job.ticket, &ticket, ticket + 1))
            continue;
        current_part = (int32_t)part;
        /* Once a part has failed, only earlier ones still matter. */
        if (part < atomic_load(&job.result) >> 32) {
            if (gc_control() != control)
                gc_set_control(control);
            const int32_t result = run_part(body, call, context, n, parts, part);
            if (result) {
                const uint64_t mine = (uint64_t)part << 32 | (uint32_t)result;
                uint64_t first = atomic_load(&job.result);
                while (mine < first && !atomic_compare_exchange_weak(&job.result, &first, mine))
                    ;
            }
        }
        current_part = -1;
        if (atomic_fetch_add(&job.finished, 1) + 1 == parts) {
            pthread_mutex_lock(&job.lock);
            if (job.waiting)
                pthread_cond_signal(&job.done);
            pthread_mutex_unlock(&job.lock);
        }
    }
}

static void *work(void *unused)
{
    (void)unused;
    for (;;) {
        take_parts();
        int32_t looked = 0;
        while (looked < SPIN && !has_work()) {
            pause_a_moment();
            looked++;
        }
        if (looked < SPIN)
            continue;
        pthread_mutex_lock(&job.lock);
        atomic_fetch_add(&job.sleeping, 1);
        while (!has_work())
            pthread_cond_wait(&job.work, &job.lock);
        atomic_fetch_sub(&job.sleeping, 1);
        pthread_mutex_unlock(&job.lock);
    }
    return NULL;
}

/* Threads that take no signals: these are for the program's own. */
static void start_workers(int32_t wanted)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    while (job.workers < wanted && job.workers < MOST_WORKERS) {
        pthread_t thread;
        if (pthread_create(&thread, &attributes, work, NULL))
            break;
        job.workers++;
    }
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void wake(int32_t wanted)
{
    const int32_t sleeping = atomic_load(&job.sleeping);
    if (!sleeping)
        return;
    pthread_mutex_lock(&job.lock);
    if (wanted >= sleeping)
        pthread_cond_broadcast(&job.work);
    else
        while (wanted--)
            pthread_cond_signal(&job.work);
    pthread_mutex_unlock(&job.lock);
}

static void wait_for_parts(uint32_t parts)
{
    for (int32_t looked = 0; looked < WAIT_SPIN; looked++) {
        if (atomic_load(&job.finished) == parts)
            return;
        pause_a_moment();
    }
    pthread_mutex_lock(&job.lock);
    job.waiting = 1;
    while (atomic_load(&job.finished) != parts)
        pthread_cond_wait(&job.done, &job.lock);
    job.waiting = 0;
    pthread_mutex_unlock(&job.lock);
}

static int32_t on_this_thread(gc_call *call, gc_body body, void *context, int64_t n,
                              int32_t parts)
{
    for (int32_t part = 0; part < parts; part++) {
        const int32_t result = run_part(body, call, context, n, parts, part);
        if (result)
            return result;
    }
    return 0;
}

int32_t gc_parallel(gc_call *call, gc_body body, void *context, int64_t n, int32_t parts)
{
    if (parts < 2 || call->threads < 2 || current_part >= 0 || pthread_mutex_trylock(&job.busy))
        return on_this_thread(call, body, context, n, parts);
    const int32_t helpers = (parts < call->threads ? parts : call->threads) - 1;
    if (job.workers < helpers)
        start_workers(helpers);
    const uint64_t next = (atomic_load(&job.ticket) >> 32) + 1;
    atomic_store(&job.ticket, next << 32 | CLOSED);
    atomic_thread_fence(memory_order_seq_cst);
    atomic_store_explicit(&job.body, body, memory_order_relaxed);
    atomic_store_explicit(&job.call, call, memory_order_relaxed);
    atomic_store_explicit(&job.context, context, memory_order_relaxed);
    atomic_store_explicit(&job.n, n, memory_order_relaxed);
    atomic_store_explicit(&job.control, gc_control(), memory_order_relaxed);
    atomic_store_explicit(&job.parts, (uint32_t)parts, memory_order_relaxed);
    atomic_store_explicit(&job.finished, 0, memory_order_relaxed);
    atomic_store_explicit(&job.result, UINT64_MAX, memory_order_relaxed);
    atomic_store(&job.ticket, next << 32);
    wake(helpers);
    take_parts();
    wait_for_parts((uint32_t)parts);
    const uint64_t result = atomic_load(&job.result);
    pthread_mutex_unlock(&job.busy);
    return result == UINT64_MAX ? 0 : (int32_t)(uint32_t)result;
}

/* Threads do not live on in the child of a fork: it starts its own. */
static void start_again(void)
{
    pthread_mutex_init(&job.busy, NULL);
    pthread_mutex_init(&job.lock, NULL);
    pthread_cond_init(&job.work, NULL);
    pthread_cond_init(&job.done, NULL);
    job.ticket = CLOSED;
    job.sleeping = 0;
    job.waiting = 0;
    job.workers = 0;
    current_part = -1;
}

__attribute__((constructor)) static void survive_fork_threads(void)
{
    pthread_atfork(NULL, NULL, start_again);
}
