/* The parts of the runtime: their types, and what each gives the others.
 *
 * They are one unit (native.c), so what they share is static, and the compiler inlines it: a call
 * of a small function costs 0.1 to 0.2 microseconds in all.
 */
#ifndef GRADCORE_RUNTIME
#define GRADCORE_RUNTIME 1
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#define NPY_NO_DEPRECATED_API NPY_2_0_API_VERSION
#define NPY_TARGET_VERSION NPY_2_0_API_VERSION
#include <numpy/arrayobject.h>
#include <structmember.h>

#include "abi.h"
#include "memory.h"
#include "packing.h"
#include "threads.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MOST_VALUES 16 /* that tell why a check failed */
#define SCALAR 16      /* bytes of the largest element */
#define SMALL 4096     /* bytes of an output that is copied into an array of NumPy's own */
enum { FAILED = 1, RAISED = 2, NO_MEMORY = 3 };

_Static_assert(sizeof(npy_intp) == sizeof(int64_t), "extents have 64 bits");

typedef int32_t (*entry_point)(gc_call *call, const gc_array *inputs);

/* What an input or output is. */
typedef struct {
    PyArray_Descr *dtype;
    PyTypeObject *scalar; /* NumPy's type of one element */
    int32_t rank, size;
    char kind;
    char contiguous;
    int64_t *shape; /* the known extents; -1: unknown */
} operand;

typedef struct {
    PyObject *function;
    int32_t n_in, n_out;
    operand *inputs, *outputs;
} callback;

typedef struct run run;

typedef struct {
    PyObject_HEAD
    vectorcallfunc vectorcall;
    entry_point entry;
    PyObject *keep, *failed;
    PyObject *source; /* text, or NULL */
    int32_t n_in, n_out, n_callbacks, threads, n_library;
    int32_t brief; /* whether it takes less time than to give the GIL to others would */
    char flushes;  /* whether subnormal numbers are taken for zero */
    operand *inputs, *outputs;
    callback *callbacks;
    void **library;
    run *idle;
    int64_t peak, expected;
} Executable;

typedef struct {
    char *data;
    int64_t capacity; /* 0: small, and not to be given back */
    npy_intp shape[NPY_MAXDIMS];
} result;

struct run {
    gc_call call; /* the first: generated code sees nothing else */
    Executable *function;
    run *next;
    PyThreadState *thread;
    PyObject *locks; /* to hold before others may call; NULL: none */
    int32_t held;    /* whether it holds them */
    gc_workspace space;
    gc_array *inputs;
    PyArrayObject **arrays; /* the arguments, one reference each; NULL: a number */
    char *numbers;
    int64_t *packed; /* for each input, whether to pack it */
    result *results;
    char *small; /* room for small outputs */
    int64_t lacking; /* how many bytes could not be had, or 0 */
    int32_t unusual; /* an argument that has a shape that none in memory has, or -1 */
    int32_t check, part, n_values;
    int64_t values[MOST_VALUES];
    pthread_t caller;
    volatile int32_t stopped; /* by a signal whose handler has raised */
    int64_t looked, every, until; /* when for signals; calls of `poll` between, and still to come */
};

/* arrays.c: arrays of NumPy on blocks of memory, and their sizes */
static PyTypeObject BufferType;
static PyObject *array_on(void *block, int64_t capacity, PyArray_Descr *dtype, int rank,
                          const npy_intp *shape);
static int64_t bytes_of(int32_t rank, const int64_t *shape, int32_t size);
static void c_strides(int64_t *strides, int32_t rank, const int64_t *shape, int32_t size);
static inline int usual(int32_t rank, const int64_t *shape);
static int refuse(const char *what, int32_t k);

/* services.c: what generated code asks for; each function is one of `gc_call` */
static void *call_allocate(gc_call *call, int64_t bytes);
static int64_t call_mark(gc_call *call);
static void call_release(gc_call *call, int64_t mark);
static void *call_output(gc_call *call, int32_t k, const int64_t *shape);
static int32_t call_fail(gc_call *call, int32_t check, int32_t n, const int64_t *values);
static int32_t call_lacks(gc_call *call, int32_t check);
static int32_t call_callback(gc_call *call, int32_t which, int32_t n_in, const gc_array *in,
                             int32_t n_out, gc_array *out);
static int32_t call_poll(gc_call *call);
static void lock_failure(void);
static void unlock_failure(void);

/* arguments.c: what a call takes as its arguments */
static inline int use(run *r, int32_t k, PyObject *argument);
static int accept(run *r, int32_t k, PyObject *argument);
static int32_t pack_inputs(run *r);

/* calls.c: a call from its beginning to its end */
static run *run_begin(Executable *f);
static void run_end(run *r);
static void release_runs(Executable *f);
static int compute(run *r);
static PyObject *output_array(run *r, int32_t k);
static PyObject *output_list(run *r, int32_t first, int32_t end);

/* bound.c: an Executable with its shared variables */
static PyTypeObject BoundType;
static int lock(run *r);
static PyObject *executable_bound(Executable *self, PyObject *args, PyObject *names);

/* executable.c: generated code as a function of arrays */
static PyTypeObject ExecutableType;
static PyObject *runtime_make(PyObject *module, PyObject *args);
#endif
