/* Calls of generated code from Python.
 *
 * An `Executable` is a function of arrays; a `Bound` is the same with shared variables filled in,
 * for calls that need no conversion, and says NotImplemented to any other.  Everything that one
 * call needs besides its outputs is a `Run`, which the function keeps for the next call: so a call
 * allocates nothing but what it returns, calls in several threads share nothing, and a callback may
 * call the function that called it.
 */
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

#define SMALL 4096              /* bytes of an output that is copied into an array of NumPy's own */
#define WORTH_THREADS (1 << 20) /* bytes of an input that several threads pack */
#define MOST_VALUES 16          /* that tell why a check failed */
#define SCALAR 16               /* bytes of the largest element */
#define LARGEST_USUAL (INT64_C(1) << 48) /* more elements than memory holds */
#define OFTEN 50000000          /* nanoseconds between looks for signals */
#define MOST_CALLS 65536        /* of `poll` before the clock is read again */
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
    operand *inputs, *outputs;
    callback *callbacks;
    void **library;
    run *idle;
    int64_t peak, expected;
} Executable;

typedef struct {
    char *data;
    int64_t held; /* 0: small, and not to be given back */
    npy_intp shape[NPY_MAXDIMS];
} result;

struct run {
    gc_call call; /* the first: generated code sees nothing else */
    Executable *function;
    run *next;
    PyThreadState *thread;
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

/* -- buffers: what an array made of a block has as its base --------------------------------- */

typedef struct {
    PyObject_HEAD
    void *block;
    int64_t held;
} Buffer;

static void buffer_free(Buffer *self)
{
    gc_give(self->block, self->held);
    PyObject_Free(self);
}

static PyTypeObject BufferType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "gradcore_c.Buffer",
    .tp_doc = "Memory of an array, used again when the array is gone.",
    .tp_basicsize = sizeof(Buffer),
    .tp_dealloc = (destructor)buffer_free,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
};

/* An array on `block`, which it takes over whatever happens. */
static PyObject *array_on(void *block, int64_t held, PyArray_Descr *dtype, int rank,
                          const npy_intp *shape)
{
    Buffer *buffer = PyObject_New(Buffer, &BufferType);
    if (!buffer) {
        gc_give(block, held);
        return NULL;
    }
    buffer->block = block;
    buffer->held = held;
    Py_INCREF(dtype);
    PyObject *array = PyArray_NewFromDescr(&PyArray_Type, dtype, rank, shape, NULL, block,
                                           NPY_ARRAY_CARRAY, NULL);
    if (!array) {
        Py_DECREF(buffer);
        return NULL;
    }
    if (PyArray_SetBaseObject((PyArrayObject *)array, (PyObject *)buffer) < 0) {
        Py_DECREF(array);
        return NULL;
    }
    return array;
}

/* Bytes of an array in C order, or -1 if there cannot be so many. */
static int64_t bytes_of(int32_t rank, const int64_t *shape, int32_t size)
{
    int64_t n = size;
    for (int32_t k = 0; k < rank; k++)
        if (shape[k] < 0)
            return -1;
        else if (shape[k] == 0)
            return 0;
    for (int32_t k = 0; k < rank; k++)
        if (__builtin_mul_overflow(n, shape[k], &n))
            return -1;
    return n;
}

/* Whether an array has extents that arrays in memory have.  An empty one may have any, and generated
 * code takes it for granted that products of those in a shape do not overflow. */
static inline int usual(int32_t rank, const int64_t *shape)
{
    int64_t n = 1;
    for (int32_t k = 0; k < rank; k++)
        if (shape[k] && (__builtin_mul_overflow(n, shape[k], &n) || n > LARGEST_USUAL))
            return 0;
    return 1;
}

static int refuse(const char *what, int32_t k)
{
    PyErr_Format(PyExc_MemoryError,
                 "%s %d has a shape that no array in memory has: it is empty, and the product of its "
                 "other extents is more than 2**48",
                 what, (int)k);
    return -1;
}

static void c_strides(int64_t *strides, int32_t rank, const int64_t *shape, int32_t size)
{
    int64_t step = size;
    for (int32_t k = rank - 1; k >= 0; k--) {
        strides[k] = step;
        step *= shape[k];
    }
}

/* -- what generated code asks for ----------------------------------------------------------- */

static void *call_allocate(gc_call *call, int64_t bytes)
{
    run *r = (run *)call;
    void *found = gc_workspace_allocate(&r->space, bytes, r->function->expected);
    if (!found)
        r->lacking = bytes > 0 ? bytes : 1;
    return found;
}

static int64_t call_mark(gc_call *call)
{
    return gc_workspace_mark(&((run *)call)->space);
}

static void call_release(gc_call *call, int64_t mark)
{
    gc_workspace_release(&((run *)call)->space, mark);
}

static void *call_output(gc_call *call, int32_t k, const int64_t *shape)
{
    run *r = (run *)call;
    const Executable *f = r->function;
    const operand *o = &f->outputs[k];
    result *out = &r->results[k];
    const int64_t bytes = bytes_of(o->rank, shape, o->size);
    if (out->held) {
        gc_give(out->data, out->held);
        out->held = 0;
    }
    out->data = NULL;
    for (int32_t axis = 0; axis < o->rank; axis++)
        out->shape[axis] = shape[axis];
    if (bytes >= 0 && bytes <= SMALL) {
        if (!r->small)
            r->small = aligned_alloc(64, (size_t)f->n_out * SMALL);
        if (r->small)
            out->data = r->small + (size_t)k * SMALL;
    } else if (bytes > 0) {
        out->data = gc_take(bytes, &out->held);
        if (!out->data)
            out->held = 0;
    }
    if (!out->data)
        r->lacking = bytes > 0 ? bytes : 1;
    return out->data;
}

static pthread_mutex_t failure = PTHREAD_MUTEX_INITIALIZER;

/* Parts of a loop may fail at once: the first one's reason is told, as it would be in order. */
static int32_t call_fail(gc_call *call, int32_t check, int32_t n, const int64_t *values)
{
    run *r = (run *)call;
    const int32_t part = gc_part();
    pthread_mutex_lock(&failure);
    if (r->check < 0 || part < r->part) {
        r->check = check;
        r->part = part;
        r->n_values = n < MOST_VALUES ? n : MOST_VALUES;
        for (int32_t k = 0; k < r->n_values; k++)
            r->values[k] = values[k];
    }
    pthread_mutex_unlock(&failure);
    return FAILED;
}

static int32_t call_lacks(gc_call *call, int32_t check)
{
    return call_fail(call, check, 1, &((run *)call)->lacking);
}

static void lock_failure(void)
{
    pthread_mutex_lock(&failure);
}

static void unlock_failure(void)
{
    pthread_mutex_unlock(&failure);
}

/* The argument in whose memory `array` lies, or NULL. */
static PyObject *owner(const run *r, const gc_array *array)
{
    for (int32_t k = 0; k < r->function->n_in; k++) {
        PyArrayObject *argument = r->arrays[k];
        if (!argument || r->packed[k])
            continue;
        const char *low = PyArray_BYTES(argument), *high = low;
        int empty = 0;
        for (int axis = 0; axis < PyArray_NDIM(argument); axis++) {
            const npy_intp extent = PyArray_DIM(argument, axis);
            const npy_intp reach = (extent - 1) * PyArray_STRIDE(argument, axis);
            empty |= extent == 0;
            *(reach < 0 ? &low : &high) += reach;
        }
        if (!empty && (const char *)array->data >= low && (const char *)array->data <= high)
            return (PyObject *)argument;
    }
    return NULL;
}

/* A read-only array for a callback, which may keep it: a view of an argument of the function, or
 * a copy of what will be overwritten.  Without strides it is in C order. */
static PyObject *lent(run *r, const operand *o, const gc_array *given)
{
    int64_t strides[NPY_MAXDIMS];
    gc_array copy = *given, *array = &copy;
    if (!copy.strides) {
        c_strides(strides, o->rank, copy.shape, o->size);
        copy.strides = strides;
    }
    PyObject *base = owner(r, array);
    PyObject *made;
    if (base) {
        Py_INCREF(o->dtype);
        made = PyArray_NewFromDescr(&PyArray_Type, o->dtype, o->rank, (const npy_intp *)array->shape,
                                    (const npy_intp *)array->strides, array->data,
                                    NPY_ARRAY_ALIGNED, NULL);
        if (made && PyArray_SetBaseObject((PyArrayObject *)made, Py_NewRef(base)) < 0)
            Py_CLEAR(made);
        return made;
    }
    const int64_t bytes = bytes_of(o->rank, array->shape, o->size);
    if (bytes <= SMALL) {
        Py_INCREF(o->dtype);
        made = PyArray_NewFromDescr(&PyArray_Type, o->dtype, o->rank, (const npy_intp *)array->shape,
                                    NULL, NULL, 0, NULL);
    } else {
        int64_t held;
        void *block = gc_take(bytes, &held);
        if (!block)
            return PyErr_NoMemory();
        made = array_on(block, held, o->dtype, o->rank, (const npy_intp *)array->shape);
    }
    if (!made)
        return NULL;
    gc_pack(PyArray_DATA((PyArrayObject *)made), array->data, o->rank, array->shape,
            array->strides, o->size);
    PyArray_CLEARFLAGS((PyArrayObject *)made, NPY_ARRAY_WRITEABLE);
    return made;
}

/* Copy what a callback returned into the workspace. */
static int taken(run *r, const callback *c, int32_t k, PyObject *item, gc_array *out)
{
    const operand *o = &c->outputs[k];
    Py_INCREF(o->dtype);
    PyArrayObject *array = (PyArrayObject *)PyArray_FromAny(
        item, o->dtype, 0, 0, NPY_ARRAY_CARRAY_RO | NPY_ARRAY_FORCECAST | NPY_ARRAY_NOTSWAPPED, NULL);
    if (!array)
        return -1;
    if (PyArray_NDIM(array) != o->rank) {
        PyErr_Format(PyExc_ValueError, "%R returned output %d with %d axes, it must have %d",
                     c->function, (int)k, PyArray_NDIM(array), (int)o->rank);
        Py_DECREF(array);
        return -1;
    }
    if (!usual(o->rank, (const int64_t *)PyArray_DIMS(array))) {
        Py_DECREF(array);
        return refuse("output", k);
    }
    const int64_t bytes = (int64_t)PyArray_NBYTES(array);
    const int64_t head = (int64_t)(2 * sizeof(int64_t)) * o->rank;
    int64_t *extents = call_allocate(&r->call, head);
    void *data = extents ? call_allocate(&r->call, bytes) : NULL;
    if (!data) {
        Py_DECREF(array);
        PyErr_NoMemory();
        return -1;
    }
    for (int32_t axis = 0; axis < o->rank; axis++)
        extents[axis] = PyArray_DIM(array, axis);
    c_strides(extents + o->rank, o->rank, extents, o->size);
    memcpy(data, PyArray_DATA(array), (size_t)bytes);
    Py_DECREF(array);
    *out = (gc_array){data, extents, extents + o->rank};
    return 0;
}

static int call_python(run *r, const callback *c, const gc_array *in, gc_array *out)
{
    PyObject *arguments = PyTuple_New(c->n_in);
    if (!arguments)
        return -1;
    for (int32_t k = 0; k < c->n_in; k++) {
        PyObject *argument = lent(r, &c->inputs[k], &in[k]);
        if (!argument) {
            Py_DECREF(arguments);
            return -1;
        }
        PyTuple_SET_ITEM(arguments, k, argument);
    }
    PyObject *returned = PyObject_CallObject(c->function, arguments);
    Py_DECREF(arguments);
    if (!returned)
        return -1;
    int status = -1;
    if (!PyTuple_Check(returned) && !PyList_Check(returned))
        PyErr_Format(PyExc_TypeError, "%R must return a tuple of arrays, not %s", c->function,
                     Py_TYPE(returned)->tp_name);
    else if (PySequence_Fast_GET_SIZE(returned) != c->n_out)
        PyErr_Format(PyExc_ValueError, "%R returned %zd arrays, it must return %d", c->function,
                     PySequence_Fast_GET_SIZE(returned), (int)c->n_out);
    else {
        status = 0;
        for (int32_t k = 0; k < c->n_out && !status; k++)
            status = taken(r, c, k, PySequence_Fast_GET_ITEM(returned, k), &out[k]);
    }
    Py_DECREF(returned);
    return status;
}

/* An exception stays with the thread until the call has ended. */
static int32_t call_callback(gc_call *call, int32_t which, int32_t n_in, const gc_array *in,
                             int32_t n_out, gc_array *out)
{
    run *r = (run *)call;
    const callback *c = &r->function->callbacks[which];
    PyEval_RestoreThread(r->thread);
    if (!PyErr_Occurred()) {
        if (which < 0 || which >= r->function->n_callbacks || n_in != c->n_in || n_out != c->n_out)
            PyErr_Format(PyExc_SystemError, "generated code called function %d with %d operands",
                         (int)which, (int)n_in);
        else
            call_python(r, c, in, out);
    }
    const int32_t status = PyErr_Occurred() ? RAISED : 0;
    r->thread = PyEval_SaveThread();
    return status;
}

/* Let Python handle signals, now and then, on the thread that called; others see that it stopped.
 * The clock is read after so many calls as are likely to take a while. */
static int32_t call_poll(gc_call *call)
{
    run *r = (run *)call;
    if (r->stopped)
        return RAISED;
    if (!pthread_equal(r->caller, pthread_self()) || --r->until > 0)
        return 0;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const int64_t time = now.tv_sec * 1000000000LL + now.tv_nsec;
    const int late = time - r->looked > OFTEN;
    if (!late && r->every < MOST_CALLS)
        r->every *= 2;
    else if (late && r->every > 1)
        r->every /= 2;
    r->until = r->every;
    if (!late)
        return 0;
    r->looked = time;
    PyEval_RestoreThread(r->thread);
    if (!PyErr_Occurred())
        PyErr_CheckSignals();
    r->stopped = PyErr_Occurred() != NULL;
    r->thread = PyEval_SaveThread();
    return r->stopped ? RAISED : 0;
}

/* -- runs ----------------------------------------------------------------------------------- */

static void run_free(run *r)
{
    gc_workspace_free(&r->space);
    free(r->small);
    free(r);
}

static run *run_new(Executable *f)
{
    const size_t n = (size_t)f->n_in;
    size_t axes = 0;
    for (size_t k = 0; k < n; k++)
        axes += (size_t)f->inputs[k].rank;
    const size_t head = (sizeof(run) + 63) / 64 * 64;
    const size_t bytes = head + n * (SCALAR + sizeof(gc_array) + sizeof(void *) + sizeof(int64_t)) +
                         (size_t)f->n_out * sizeof(result) + axes * sizeof(int64_t);
    char *block = calloc(1, bytes);
    if (!block)
        return NULL;
    run *r = (run *)block;
    block += head;
    r->numbers = block;
    block += n * SCALAR;
    r->inputs = (gc_array *)block;
    block += n * sizeof(gc_array);
    r->arrays = (PyArrayObject **)block;
    block += n * sizeof(void *);
    r->packed = (int64_t *)block;
    block += n * sizeof(int64_t);
    r->results = (result *)block;
    r->function = f;
    r->call = (gc_call){call_allocate, call_mark,     call_release, call_output,
                        call_fail,     call_callback, gc_parallel,  f->library,
                        f->threads,    call_poll,     call_lacks};
    r->every = r->until = 1;
    return r;
}

/* A run for one call; at its end it goes to `run_end`. */
static run *run_begin(Executable *f)
{
    run *r = f->idle;
    if (r) {
        f->idle = r->next;
    } else {
        r = run_new(f);
        if (!r) {
            PyErr_NoMemory();
            return NULL;
        }
    }
    r->check = -1;
    r->lacking = 0;
    r->unusual = -1;
    r->stopped = 0;
    r->call.threads = f->threads;
    return r;
}

static void run_end(run *r)
{
    Executable *f = r->function;
    for (int32_t k = 0; k < f->n_in; k++)
        Py_CLEAR(r->arrays[k]);
    for (int32_t k = 0; k < f->n_out; k++) {
        if (r->results[k].held)
            gc_give(r->results[k].data, r->results[k].held);
        r->results[k].data = NULL;
        r->results[k].held = 0;
    }
    if (r->space.count) {
        if (r->space.peak > f->peak)
            f->peak = r->space.peak;
        if (r->space.peak > f->expected)
            f->expected = r->space.peak;
        gc_workspace_reset(&r->space);
    }
    r->next = f->idle;
    f->idle = r;
}

static void release_runs(Executable *f)
{
    while (f->idle) {
        run *r = f->idle;
        f->idle = r->next;
        run_free(r);
    }
}

/* -- arguments ------------------------------------------------------------------------------ */

/* Whether an array has elements of this kind, in the machine's byte order. */
static inline int same_dtype(const operand *o, PyArrayObject *array)
{
    const PyArray_Descr *d = PyArray_DESCR(array);
    return d == o->dtype || (d->kind == o->kind && PyDataType_ELSIZE(d) == o->size &&
                             PyArray_ISNBO(d->byteorder));
}

/* Make `array` argument `k` and say whether it can be: right rank and known extents. */
static inline int use_array(run *r, int32_t k, const operand *o, PyArrayObject *array)
{
    if (PyArray_NDIM(array) != o->rank)
        return 0;
    const npy_intp *shape = PyArray_DIMS(array);
    if (o->shape)
        for (int32_t axis = 0; axis < o->rank; axis++)
            if (o->shape[axis] >= 0 && o->shape[axis] != shape[axis])
                return 0;
    const int need = NPY_ARRAY_ALIGNED | (o->contiguous ? NPY_ARRAY_C_CONTIGUOUS : 0);
    r->packed[k] = (PyArray_FLAGS(array) & need) != need;
    r->inputs[k] = (gc_array){PyArray_DATA(array), (const int64_t *)shape,
                              (const int64_t *)PyArray_STRIDES(array)};
    if (o->rank > 1 && !usual(o->rank, (const int64_t *)shape))
        r->unusual = k;
    Py_INCREF(array);
    r->arrays[k] = array;
    return 1;
}

#define STORE(type, value) (*(type *)to = (type)(value))

static int store_int(const operand *o, char *to, PyObject *number)
{
    int overflow;
    const long long n = PyLong_AsLongLongAndOverflow(number, &overflow);
    if (overflow)
        return 0;
    const int bits = 8 * o->size;
    switch (o->kind) {
    case 'f':
        if (o->size == 8)
            STORE(double, n);
        else if (o->size == 4)
            STORE(float, n);
        else
            return 0;
        return 1;
    case 'i':
        if (bits < 64 && (n < -(1LL << (bits - 1)) || n >= 1LL << (bits - 1)))
            return 0;
        break;
    case 'u':
        if (n < 0 || (bits < 64 && n >= 1LL << bits))
            return 0;
        break;
    default:
        return 0;
    }
    switch (o->size) {
    case 1: STORE(uint8_t, n); break;
    case 2: STORE(uint16_t, n); break;
    case 4: STORE(uint32_t, n); break;
    default: STORE(uint64_t, n); break;
    }
    return 1;
}

/* Write a number into argument `k`, or say that it takes a closer look. */
static int use_number(run *r, int32_t k, const operand *o, PyObject *number)
{
    char *to = r->numbers + (size_t)k * SCALAR;
    if (o->rank)
        return 0;
    if (PyFloat_CheckExact(number)) {
        if (o->kind != 'f')
            return 0;
        const double x = PyFloat_AS_DOUBLE(number);
        if (o->size == 8)
            STORE(double, x);
        else if (o->size == 4)
            STORE(float, x);
        else if (PyArray_Pack(o->dtype, to, number) < 0) {
            PyErr_Clear();
            return 0;
        }
    } else if (PyLong_CheckExact(number)) {
        if (!store_int(o, to, number))
            return 0;
    } else if (PyBool_Check(number)) {
        if (o->kind != 'b')
            return 0;
        *to = number == Py_True;
    } else if (Py_TYPE(number) == o->scalar) {
        PyArray_ScalarAsCtype(number, to);
    } else {
        return 0;
    }
    r->packed[k] = 0;
    r->inputs[k] = (gc_array){to, NULL, NULL};
    return 1;
}

static inline int use(run *r, int32_t k, PyObject *argument)
{
    const operand *o = &r->function->inputs[k];
    if (PyArray_CheckExact(argument)) {
        PyArrayObject *array = (PyArrayObject *)argument;
        return same_dtype(o, array) && PyArray_ISALIGNED(array) && use_array(r, k, o, array);
    }
    return use_number(r, k, o, argument);
}

typedef struct {
    char *to;
    const char *from;
    int64_t line, row;
    const int64_t *shape, *strides;
    int32_t rank, size;
} packing;

static int32_t pack_part(gc_call *call, void *context, int64_t begin, int64_t end, int32_t part)
{
    (void)call;
    (void)part;
    const packing *p = context;
    int64_t shape[NPY_MAXDIMS];
    memcpy(shape, p->shape, (size_t)p->rank * sizeof(int64_t));
    shape[0] = end - begin;
    gc_pack(p->to + begin * p->line, p->from + begin * p->row, p->rank, shape, p->strides, p->size);
    return 0;
}

/* Bring the arguments that must be so into C order. */
static int32_t pack_inputs(run *r)
{
    const Executable *f = r->function;
    for (int32_t k = 0; k < f->n_in; k++) {
        if (!r->packed[k])
            continue;
        const operand *o = &f->inputs[k];
        gc_array *in = &r->inputs[k];
        const int64_t bytes = bytes_of(o->rank, in->shape, o->size);
        int64_t *strides = call_allocate(&r->call, (int64_t)sizeof(int64_t) * o->rank);
        char *data = bytes < 0 || !strides ? NULL : call_allocate(&r->call, bytes);
        if (!data)
            return NO_MEMORY;
        c_strides(strides, o->rank, in->shape, o->size);
        if (bytes >= WORTH_THREADS && in->shape[0] >= f->threads) {
            packing p = {data,      in->data,    strides[0], in->strides[0],
                         in->shape, in->strides, o->rank,    o->size};
            gc_parallel(&r->call, pack_part, &p, in->shape[0], f->threads);
        } else {
            gc_pack(data, in->data, o->rank, in->shape, in->strides, o->size);
        }
        in->data = data;
        in->strides = strides;
    }
    return 0;
}

/* -- calls ---------------------------------------------------------------------------------- */

/* Set the exception that tells why generated code returned `status`. */
static void explain(run *r, int32_t status)
{
    if (PyErr_Occurred())
        return;
    if (r->check < 0) {
        if (r->lacking)
            PyErr_Format(PyExc_MemoryError, "a function needs %lld bytes in one piece",
                         (long long)r->lacking);
        else
            PyErr_Format(PyExc_SystemError, "generated code returned %d without a reason",
                         (int)status);
        return;
    }
    PyObject *values = PyTuple_New(r->n_values);
    for (int32_t k = 0; values && k < r->n_values; k++) {
        PyObject *value = PyLong_FromLongLong(r->values[k]);
        if (!value) {
            Py_CLEAR(values);
            break;
        }
        PyTuple_SET_ITEM(values, k, value);
    }
    if (!values)
        return;
    PyObject *error = PyObject_CallFunction(r->function->failed, "iN", (int)r->check, values);
    if (!error)
        return;
    if (PyExceptionInstance_Check(error))
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
    else
        PyErr_Format(PyExc_SystemError, "%R is not an exception", error);
    Py_DECREF(error);
}

/* Run generated code without the GIL; -1: an exception is set. */
static int compute(run *r)
{
    const Executable *f = r->function;
    if (r->unusual >= 0)
        return refuse("argument", r->unusual);
    r->caller = pthread_self();
    r->thread = PyEval_SaveThread();
    int32_t status = pack_inputs(r);
    if (!status)
        status = f->entry(&r->call, r->inputs);
    PyEval_RestoreThread(r->thread);
    if (!status && !PyErr_Occurred())
        return 0;
    explain(r, status);
    return -1;
}

/* Output `k` as an array of the caller's own. */
static PyObject *output_array(run *r, int32_t k)
{
    const operand *o = &r->function->outputs[k];
    result *out = &r->results[k];
    if (!out->data)
        return PyErr_Format(PyExc_SystemError, "generated code made no output %d", (int)k);
    if (out->held) {
        const int64_t held = out->held;
        out->held = 0;
        return array_on(out->data, held, o->dtype, o->rank, out->shape);
    }
    Py_INCREF(o->dtype);
    PyObject *array =
        PyArray_NewFromDescr(&PyArray_Type, o->dtype, o->rank, out->shape, NULL, NULL, 0, NULL);
    if (array) {
        if (!o->rank)
            memcpy(PyArray_DATA((PyArrayObject *)array), out->data, (size_t)o->size);
        else
            memcpy(PyArray_DATA((PyArrayObject *)array), out->data,
                   (size_t)bytes_of(o->rank, out->shape, o->size));
    }
    return array;
}

static PyObject *output_list(run *r, int32_t first, int32_t end)
{
    PyObject *list = PyList_New(end - first);
    for (int32_t k = first; list && k < end; k++) {
        PyObject *array = output_array(r, k);
        if (!array) {
            Py_CLEAR(list);
            break;
        }
        PyList_SET_ITEM(list, k - first, array);
    }
    return list;
}

/* -- Executable ----------------------------------------------------------------------------- */

static int is_dtype(const operand *o, PyArrayObject *array)
{
    const PyArray_Descr *d = PyArray_DESCR(array);
    return d->kind == o->kind && PyDataType_ELSIZE(d) == o->size;
}

/* Make any array of the right dtype, rank and extents argument `k`. */
static int accept(run *r, int32_t k, PyObject *argument)
{
    const operand *o = &r->function->inputs[k];
    if (PyArray_Check(argument) && is_dtype(o, (PyArrayObject *)argument)) {
        PyArrayObject *array = (PyArrayObject *)argument;
        if (PyArray_ISNOTSWAPPED(array) && PyArray_ISALIGNED(array)) {
            if (use_array(r, k, o, array))
                return 0;
        } else {
            Py_INCREF(o->dtype);
            PyObject *plain = PyArray_FromArray(
                array, o->dtype, NPY_ARRAY_CARRAY_RO | NPY_ARRAY_NOTSWAPPED | NPY_ARRAY_ENSUREARRAY);
            if (!plain)
                return -1;
            const int used = use_array(r, k, o, (PyArrayObject *)plain);
            Py_DECREF(plain);
            if (used)
                return 0;
        }
    }
    PyObject *dtype = NULL, *shape = NULL;
    if (PyArray_Check(argument)) {
        dtype = (PyObject *)PyArray_DESCR((PyArrayObject *)argument);
        shape = PyObject_GetAttrString(argument, "shape");
    }
    if (shape)
        PyErr_Format(PyExc_TypeError,
                     "input %d must be an array of %S with %d axes and the extents that are known,"
                     " not of %S with shape %S",
                     (int)k, o->dtype, (int)o->rank, dtype, shape);
    else if (!PyErr_Occurred())
        PyErr_Format(PyExc_TypeError, "input %d must be an array, not %s", (int)k,
                     Py_TYPE(argument)->tp_name);
    Py_XDECREF(shape);
    return -1;
}

static PyObject *executable_call(PyObject *self, PyObject *const *args, size_t nargsf,
                                 PyObject *names)
{
    Executable *f = (Executable *)self;
    const Py_ssize_t n = PyVectorcall_NARGS(nargsf);
    if (n != f->n_in || (names && PyTuple_GET_SIZE(names)))
        return PyErr_Format(PyExc_TypeError, "this function takes %d arrays by position, got %zd",
                            (int)f->n_in, n);
    run *r = run_begin(f);
    if (!r)
        return NULL;
    PyObject *found = NULL;
    int32_t k = 0;
    while (k < f->n_in && !accept(r, k, args[k]))
        k++;
    if (k == f->n_in && !compute(r))
        found = output_list(r, 0, f->n_out);
    run_end(r);
    return found;
}

static void operands_free(operand *operands, int32_t n)
{
    for (int32_t k = 0; operands && k < n; k++) {
        Py_XDECREF(operands[k].dtype);
        PyMem_Free(operands[k].shape);
    }
    PyMem_Free(operands);
}

static int executable_clear(Executable *self)
{
    Py_CLEAR(self->failed);
    for (int32_t k = 0; k < self->n_callbacks; k++)
        Py_CLEAR(self->callbacks[k].function);
    return 0;
}

static int executable_traverse(Executable *self, visitproc visit, void *arg)
{
    Py_VISIT(self->failed);
    Py_VISIT(self->keep);
    Py_VISIT(self->source);
    for (int32_t k = 0; k < self->n_callbacks; k++)
        Py_VISIT(self->callbacks[k].function);
    return 0;
}

static void executable_free(Executable *self)
{
    PyObject_GC_UnTrack(self);
    release_runs(self);
    executable_clear(self);
    Py_CLEAR(self->keep);
    Py_CLEAR(self->source);
    operands_free(self->inputs, self->n_in);
    operands_free(self->outputs, self->n_out);
    for (int32_t k = 0; k < self->n_callbacks; k++) {
        operands_free(self->callbacks[k].inputs, self->callbacks[k].n_in);
        operands_free(self->callbacks[k].outputs, self->callbacks[k].n_out);
    }
    PyMem_Free(self->callbacks);
    PyMem_Free(self->library);
    PyObject_GC_Del(self);
}

/* -- Bound ---------------------------------------------------------------------------------- */

typedef struct {
    PyObject_HEAD
    vectorcallfunc vectorcall;
    Executable *function;
    PyObject *cells, *updated; /* tuples of lists of one element */
    PyObject *locks;           /* a tuple of those to hold while it runs, in this order */
    char form;                 /* s, l or n */
} Bound;

/* Whether another thread of Python may call while this one runs. */
static int others_may_call(const Bound *self)
{
    if (self->function->n_callbacks)
        return 1;
    PyThreadState *first = PyInterpreterState_ThreadHead(PyInterpreterState_Get());
    return PyThreadState_Next(first) != NULL;
}

/* Give back the first `n` locks; an exception stays. */
static void unlock(const Bound *self, Py_ssize_t n)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    while (n--) {
        PyObject *done = PyObject_CallMethod(PyTuple_GET_ITEM(self->locks, n), "release", NULL);
        if (!done)
            PyErr_WriteUnraisable(PyTuple_GET_ITEM(self->locks, n));
        Py_XDECREF(done);
    }
    PyErr_Restore(type, value, traceback);
}

/* Take the locks; returns how many are held, or -1: an exception is set. */
static Py_ssize_t lock(const Bound *self)
{
    const Py_ssize_t n = PyTuple_GET_SIZE(self->locks);
    if (!others_may_call(self))
        return 0;
    for (Py_ssize_t k = 0; k < n; k++) {
        PyObject *done = PyObject_CallMethod(PyTuple_GET_ITEM(self->locks, k), "acquire", NULL);
        if (!done) {
            unlock(self, k);
            return -1;
        }
        Py_DECREF(done);
    }
    return n;
}

/* Store the last outputs in their cells, after all of them have been made. */
static int update_cells(run *r, PyObject *updated)
{
    const int32_t n = (int32_t)PyTuple_GET_SIZE(updated);
    PyObject *fresh = output_list(r, r->function->n_out - n, r->function->n_out);
    if (!fresh)
        return -1;
    int status = 0;
    for (int32_t k = 0; k < n && !status; k++) {
        PyObject *array = PyList_GET_ITEM(fresh, k);
        Py_INCREF(array);
        status = PyList_SetItem(PyTuple_GET_ITEM(updated, k), 0, array);
    }
    Py_DECREF(fresh);
    return status;
}

static PyObject *bound_result(const Bound *self, run *r)
{
    const int32_t n = r->function->n_out - (int32_t)PyTuple_GET_SIZE(self->updated);
    PyObject *found;
    if (self->form == 's')
        found = output_array(r, 0);
    else if (self->form == 'l')
        found = output_list(r, 0, n);
    else
        found = Py_NewRef(Py_None);
    if (found && PyTuple_GET_SIZE(self->updated) && update_cells(r, self->updated) < 0)
        Py_CLEAR(found);
    return found;
}

static PyObject *bound_call(PyObject *object, PyObject *const *args, size_t nargsf,
                            PyObject *names)
{
    Bound *self = (Bound *)object;
    Executable *f = self->function;
    const int32_t n = (int32_t)PyVectorcall_NARGS(nargsf);
    const int32_t shared = (int32_t)PyTuple_GET_SIZE(self->cells);
    if (n + shared != f->n_in || (names && PyTuple_GET_SIZE(names)))
        Py_RETURN_NOTIMPLEMENTED;
    const Py_ssize_t held = PyTuple_GET_SIZE(self->locks) ? lock(self) : 0;
    run *r = held < 0 ? NULL : run_begin(f);
    if (!r) {
        if (held > 0)
            unlock(self, held);
        return NULL;
    }
    int32_t k = 0;
    while (k < n && use(r, k, args[k]))
        k++;
    if (k == n)
        for (; k < f->n_in; k++) {
            PyObject *cell = PyTuple_GET_ITEM(self->cells, k - n);
            if (PyList_GET_SIZE(cell) < 1 || !use(r, k, PyList_GET_ITEM(cell, 0)))
                break;
        }
    PyObject *found = NULL;
    if (k < f->n_in)
        found = Py_NewRef(Py_NotImplemented);
    else if (!compute(r))
        found = bound_result(self, r);
    run_end(r);
    if (held)
        unlock(self, held);
    return found;
}

static int bound_traverse(Bound *self, visitproc visit, void *arg)
{
    Py_VISIT(self->function);
    Py_VISIT(self->cells);
    Py_VISIT(self->updated);
    Py_VISIT(self->locks);
    return 0;
}

static void bound_free(Bound *self)
{
    PyObject_GC_UnTrack(self);
    Py_DECREF(self->function);
    Py_DECREF(self->cells);
    Py_DECREF(self->updated);
    Py_DECREF(self->locks);
    PyObject_GC_Del(self);
}

static PyTypeObject BoundType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "gradcore_c.Bound",
    .tp_doc = "A function with its shared variables; NotImplemented: the call needs conversion.",
    .tp_basicsize = sizeof(Bound),
    .tp_dealloc = (destructor)bound_free,
    .tp_vectorcall_offset = offsetof(Bound, vectorcall),
    .tp_call = PyVectorcall_Call,
    .tp_traverse = (traverseproc)bound_traverse,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_HAVE_GC |
                Py_TPFLAGS_DISALLOW_INSTANTIATION,
};

/* A tuple of the lists in `cells`. */
static PyObject *cell_tuple(PyObject *cells)
{
    PyObject *tuple = PySequence_Tuple(cells);
    for (Py_ssize_t k = 0; tuple && k < PyTuple_GET_SIZE(tuple); k++)
        if (!PyList_Check(PyTuple_GET_ITEM(tuple, k)) ||
            PyList_GET_SIZE(PyTuple_GET_ITEM(tuple, k)) != 1) {
            PyErr_SetString(PyExc_TypeError, "a cell is a list of one element");
            Py_CLEAR(tuple);
        }
    return tuple;
}

static PyObject *executable_bound(Executable *self, PyObject *args, PyObject *names)
{
    static char *keywords[] = {"cells", "form", "updated", "locks", NULL};
    PyObject *cells, *updated = NULL, *locks = NULL;
    const char *form;
    if (!PyArg_ParseTupleAndKeywords(args, names, "Os|OO", keywords, &cells, &form, &updated,
                                     &locks))
        return NULL;
    PyObject *read = cell_tuple(cells);
    PyObject *written = !read ? NULL : updated ? cell_tuple(updated) : PyTuple_New(0);
    PyObject *held = !written ? NULL : locks ? PySequence_Tuple(locks) : PyTuple_New(0);
    if (!held) {
        Py_XDECREF(read);
        Py_XDECREF(written);
        return NULL;
    }
    const Py_ssize_t rest = self->n_out - PyTuple_GET_SIZE(written);
    const int known = !strcmp(form, "single") ? rest == 1
                                              : !strcmp(form, "list") || !strcmp(form, "none");
    Bound *made = NULL;
    if (!known || rest < 0 || PyTuple_GET_SIZE(read) > self->n_in)
        PyErr_Format(PyExc_ValueError, "%d inputs and %d outputs do not take the form %s with so"
                     " many cells", (int)self->n_in, (int)self->n_out, form);
    else
        made = PyObject_GC_New(Bound, &BoundType);
    if (!made) {
        Py_DECREF(read);
        Py_DECREF(written);
        Py_DECREF(held);
        return NULL;
    }
    made->locks = held;
    made->vectorcall = bound_call;
    made->function = (Executable *)Py_NewRef((PyObject *)self);
    made->cells = read;
    made->updated = written;
    made->form = form[0];
    PyObject_GC_Track((PyObject *)made);
    return (PyObject *)made;
}

static PyObject *executable_release(Executable *self, PyObject *unused)
{
    (void)unused;
    release_runs(self);
    self->expected = 0;
    Py_RETURN_NONE;
}

static PyObject *executable_peak(Executable *self, void *unused)
{
    (void)unused;
    return PyLong_FromLongLong(self->peak);
}

static PyObject *executable_threads(Executable *self, void *unused)
{
    (void)unused;
    return PyLong_FromLong(self->threads);
}

static int executable_set_threads(Executable *self, PyObject *value, void *unused)
{
    (void)unused;
    const long n = value ? PyLong_AsLong(value) : 0;
    if (n == -1 && PyErr_Occurred())
        return -1;
    if (n < 1 || n > 4096) {
        PyErr_SetString(PyExc_ValueError, "threads must be from 1 to 4096");
        return -1;
    }
    self->threads = (int32_t)n;
    return 0;
}

static PyMethodDef executable_methods[] = {
    {"bound", (PyCFunction)(void (*)(void))executable_bound, METH_VARARGS | METH_KEYWORDS,
     "bound(cells, form, updated=(), locks=())\n--\n\nReturn it with the values of cells appended."},
    {"release", (PyCFunction)executable_release, METH_NOARGS,
     "release()\n--\n\nFree the memory that it keeps for the next call."},
    {0},
};

static PyMemberDef executable_members[] = {
    {"source", T_OBJECT, offsetof(Executable, source), 0, "The text that it was compiled from."},
    {0},
};

static PyGetSetDef executable_values[] = {
    {"peak", (getter)executable_peak, NULL, "The most bytes of workspace that a call has used.", NULL},
    {"threads", (getter)executable_threads, (setter)executable_set_threads,
     "How many threads a call may use.", NULL},
    {0},
};

static PyTypeObject ExecutableType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "gradcore_c.Executable",
    .tp_doc = "Generated code as a function of arrays, which returns a list of fresh ones.",
    .tp_basicsize = sizeof(Executable),
    .tp_dealloc = (destructor)executable_free,
    .tp_vectorcall_offset = offsetof(Executable, vectorcall),
    .tp_call = PyVectorcall_Call,
    .tp_traverse = (traverseproc)executable_traverse,
    .tp_clear = (inquiry)executable_clear,
    .tp_methods = executable_methods,
    .tp_members = executable_members,
    .tp_getset = executable_values,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_HAVE_GC |
                Py_TPFLAGS_DISALLOW_INSTANTIATION,
};

/* -- making executables --------------------------------------------------------------------- */

static int read_shape(operand *o, PyObject *shape)
{
    PyObject *extents = PySequence_Tuple(shape);
    if (!extents)
        return -1;
    int status = 0;
    if (PyTuple_GET_SIZE(extents) != o->rank) {
        PyErr_SetString(PyExc_ValueError, "a static shape has an extent for each axis");
        status = -1;
    }
    int known = 0;
    if (!status && o->rank) {
        o->shape = PyMem_Calloc((size_t)o->rank, sizeof(int64_t));
        status = o->shape ? 0 : -1;
        for (int32_t k = 0; k < o->rank && !status; k++) {
            o->shape[k] = PyLong_AsLongLong(PyTuple_GET_ITEM(extents, k));
            known |= o->shape[k] >= 0;
            if (o->shape[k] == -1 && PyErr_Occurred())
                status = -1;
        }
        if (!status && !known) {
            PyMem_Free(o->shape);
            o->shape = NULL;
        }
    }
    Py_DECREF(extents);
    return status;
}

/* Read (dtype, rank) or, `full`, (dtype, rank, static shape, contiguous). */
static int read_operand(operand *o, PyObject *row, int full)
{
    PyObject *tuple = PySequence_Tuple(row), *shape = NULL;
    if (!tuple)
        return -1;
    int rank, contiguous = 1;
    int read = full ? PyArg_ParseTuple(tuple, "O&iOp", PyArray_DescrConverter, &o->dtype, &rank,
                                       &shape, &contiguous)
                    : PyArg_ParseTuple(tuple, "O&i", PyArray_DescrConverter, &o->dtype, &rank);
    int status = read ? 0 : -1;
    if (!status && (rank < 0 || rank > NPY_MAXDIMS || !strchr("biuf", o->dtype->kind) ||
                    PyDataType_ELSIZE(o->dtype) > 8 || !PyArray_ISNBO(o->dtype->byteorder))) {
        PyErr_Format(PyExc_ValueError, "no operand is of %S with %d axes", o->dtype, rank);
        status = -1;
    }
    if (!status) {
        o->scalar = o->dtype->typeobj;
        o->size = (int32_t)PyDataType_ELSIZE(o->dtype);
        o->kind = o->dtype->kind;
        o->rank = rank;
        o->contiguous = (char)contiguous;
        if (full)
            status = read_shape(o, shape);
    }
    Py_DECREF(tuple);
    return status;
}

static int read_operands(operand **operands, int32_t *n, PyObject *rows, int full)
{
    PyObject *tuple = PySequence_Tuple(rows);
    if (!tuple)
        return -1;
    *operands = PyMem_Calloc((size_t)PyTuple_GET_SIZE(tuple) + 1, sizeof(operand));
    int status = *operands ? 0 : -1;
    if (status)
        PyErr_NoMemory();
    else
        *n = (int32_t)PyTuple_GET_SIZE(tuple);
    for (int32_t k = 0; !status && k < *n; k++)
        status = read_operand(&(*operands)[k], PyTuple_GET_ITEM(tuple, k), full);
    Py_DECREF(tuple);
    return status;
}

static int read_callbacks(Executable *f, PyObject *rows)
{
    PyObject *tuple = PySequence_Tuple(rows);
    if (!tuple)
        return -1;
    f->callbacks = PyMem_Calloc((size_t)PyTuple_GET_SIZE(tuple) + 1, sizeof(callback));
    int status = f->callbacks ? 0 : -1;
    if (status)
        PyErr_NoMemory();
    else
        f->n_callbacks = (int32_t)PyTuple_GET_SIZE(tuple);
    for (int32_t k = 0; !status && k < f->n_callbacks; k++) {
        PyObject *function, *inputs, *outputs;
        callback *c = &f->callbacks[k];
        status = -1;
        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(tuple, k), "OOO", &function, &inputs, &outputs))
            break;
        c->function = Py_NewRef(function);
        status = read_operands(&c->inputs, &c->n_in, inputs, 0);
        if (!status)
            status = read_operands(&c->outputs, &c->n_out, outputs, 0);
    }
    Py_DECREF(tuple);
    return status;
}

static int read_library(Executable *f, PyObject *addresses)
{
    PyObject *tuple = PySequence_Tuple(addresses);
    if (!tuple)
        return -1;
    f->n_library = (int32_t)PyTuple_GET_SIZE(tuple);
    f->library = PyMem_Calloc((size_t)f->n_library + 1, sizeof(void *));
    int status = f->library ? 0 : -1;
    if (status)
        PyErr_NoMemory();
    for (int32_t k = 0; !status && k < f->n_library; k++) {
        f->library[k] = PyLong_AsVoidPtr(PyTuple_GET_ITEM(tuple, k));
        if (!f->library[k]) {
            if (!PyErr_Occurred())
                PyErr_Format(PyExc_ValueError, "library function %d has no address", (int)k);
            status = -1;
        }
    }
    Py_DECREF(tuple);
    return status;
}

static PyObject *runtime_make(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *address, *keep, *inputs, *outputs, *callbacks, *failed, *library;
    int threads;
    if (!PyArg_ParseTuple(args, "OOOOOOOi", &address, &keep, &inputs, &outputs, &callbacks, &failed,
                          &library, &threads))
        return NULL;
    void *entry = PyLong_AsVoidPtr(address);
    if (!entry) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "an entry point is not at address 0");
        return NULL;
    }
    Executable *f = PyObject_GC_New(Executable, &ExecutableType);
    if (!f)
        return NULL;
    memset((char *)f + sizeof(PyObject), 0, sizeof *f - sizeof(PyObject));
    f->vectorcall = executable_call;
    memcpy(&f->entry, &entry, sizeof entry);
    f->keep = Py_NewRef(keep);
    f->failed = Py_NewRef(failed);
    f->threads = threads > 0 ? threads : 1;
    const int status = read_operands(&f->inputs, &f->n_in, inputs, 1) ||
                       read_operands(&f->outputs, &f->n_out, outputs, 0) ||
                       read_callbacks(f, callbacks) || read_library(f, library);
    PyObject_GC_Track((PyObject *)f);
    if (status) {
        Py_DECREF(f);
        return NULL;
    }
    return (PyObject *)f;
}

/* -- the rest of the module ----------------------------------------------------------------- */

static void library_close(PyObject *capsule)
{
    dlclose(PyCapsule_GetPointer(capsule, "gradcore_c.library"));
}

static PyObject *runtime_open(PyObject *module, PyObject *args)
{
    (void)module;
    const char *path, *name;
    if (!PyArg_ParseTuple(args, "ss", &path, &name))
        return NULL;
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return PyErr_Format(PyExc_OSError, "%s", dlerror());
    void *address = dlsym(library, name);
    if (!address) {
        PyErr_Format(PyExc_OSError, "%s", dlerror());
        dlclose(library);
        return NULL;
    }
    PyObject *capsule = PyCapsule_New(library, "gradcore_c.library", library_close);
    if (!capsule) {
        dlclose(library);
        return NULL;
    }
    return Py_BuildValue("NN", PyLong_FromVoidPtr(address), capsule);
}

static PyObject *runtime_pointer(PyObject *module, PyObject *capsule)
{
    (void)module;
    void *address = PyCapsule_GetPointer(capsule, PyCapsule_GetName(capsule));
    return address ? PyLong_FromVoidPtr(address) : NULL;
}

/* A table of functions: see products.h. */
typedef struct {
    const char *name;
    void *address;
} export_row;

static PyObject *runtime_exports(PyObject *module, PyObject *table)
{
    (void)module;
    const export_row *rows = PyLong_AsVoidPtr(table);
    if (!rows)
        return PyErr_Occurred() ? NULL : PyDict_New();
    PyObject *found = PyDict_New();
    for (; found && rows->name; rows++) {
        PyObject *address = PyLong_FromVoidPtr(rows->address);
        if (!address || PyDict_SetItemString(found, rows->name, address) < 0)
            Py_CLEAR(found);
        Py_XDECREF(address);
    }
    return found;
}

static PyObject *looked_up; /* a dict of capsules, while `start` runs */

static void *capsule_pointer(const char *name)
{
    PyObject *capsule = PyDict_GetItemString(looked_up, name);
    return capsule ? PyCapsule_GetPointer(capsule, PyCapsule_GetName(capsule)) : NULL;
}

static PyObject *runtime_start(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *address, *capsules;
    if (!PyArg_ParseTuple(args, "OO!", &address, &PyDict_Type, &capsules))
        return NULL;
    void *pointer = PyLong_AsVoidPtr(address);
    if (!pointer)
        return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
    int (*start)(void *(*)(const char *));
    memcpy(&start, &pointer, sizeof pointer);
    looked_up = capsules;
    const int found = start(capsule_pointer);
    looked_up = NULL;
    return PyErr_Occurred() ? NULL : PyLong_FromLong(found);
}

static PyObject *runtime_idle(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    return PyLong_FromLongLong(gc_idle());
}

static PyObject *runtime_trim(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    return PyLong_FromLongLong(gc_trim());
}

static PyObject *runtime_workers(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    return PyLong_FromLong(gc_workers());
}

static PyMethodDef runtime_methods[] = {
    {"make", runtime_make, METH_VARARGS, "Make an Executable."},
    {"open", runtime_open, METH_VARARGS, "Open a library: (address of a name, what keeps it)."},
    {"pointer", runtime_pointer, METH_O, "Return the address in a capsule."},
    {"exports", runtime_exports, METH_O, "Return the table at an address as a dict."},
    {"start", runtime_start, METH_VARARGS, "Call the function at an address with a dict's capsules."},
    {"idle", runtime_idle, METH_NOARGS, "Return how many bytes are kept for the next call."},
    {"trim", runtime_trim, METH_NOARGS, "Free them; return how many there were."},
    {"workers", runtime_workers, METH_NOARGS, "Return how many threads there are."},
    {0},
};

static struct PyModuleDef native_module = {
    PyModuleDef_HEAD_INIT, .m_name = "native", .m_size = -1, .m_methods = runtime_methods};

PyMODINIT_FUNC PyInit_native(void)
{
    import_array();
    static int started;
    if (!started) {
        started = 1;
        pthread_atfork(lock_failure, unlock_failure, unlock_failure);
    }
    if (PyType_Ready(&BufferType) < 0 || PyType_Ready(&ExecutableType) < 0 ||
        PyType_Ready(&BoundType) < 0)
        return NULL;
    return PyModule_Create(&native_module);
}
