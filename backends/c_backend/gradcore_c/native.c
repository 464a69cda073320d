/* The runtime as one unit: parsing Python's headers is most of what compiling it costs. */
#include "runtime.c"

#include "memory.c"
#include "packing.c"
#include "sums.c"
#include "threads.c"
