/* A parallel loop on threads of our own. */
#ifndef GRADCORE_THREADS
#define GRADCORE_THREADS 1
#include "abi.h"

/* What `gc_call.parallel` does.  A loop inside another, and one that starts while another caller's
 * is running, runs on the thread that asks. */
int32_t gc_parallel(gc_call *call, gc_body body, void *context, int64_t n, int32_t parts);

/* The part of a parallel loop that this thread is running, or -1. */
int32_t gc_part(void);

/* How many threads there are now, besides those of the program. */
int32_t gc_workers(void);

#endif
