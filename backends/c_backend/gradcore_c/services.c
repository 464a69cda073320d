/* What generated code asks for while it runs: the functions of `gc_call` (abi.h). */
#include "runtime.h"

#define OFTEN 50000000   /* nanoseconds between looks for signals */
#define MOST_CALLS 65536 /* of `poll` before the clock is read again */

/* -- memory: the workspace and the outputs ------------------------------------------------- */

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
    if (out->capacity) {
        gc_give(out->data, out->capacity);
        out->capacity = 0;
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
        out->data = gc_take(bytes, &out->capacity);
        if (!out->data)
            out->capacity = 0;
    }
    if (!out->data)
        r->lacking = bytes > 0 ? bytes : 1;
    return out->data;
}

/* -- failed checks ------------------------------------------------------------------------- */

static pthread_mutex_t failure = PTHREAD_MUTEX_INITIALIZER;

/* Parts of a loop may fail at once: the first one's reason is reported, as it would be in order. */
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

/* -- callbacks: functions of Python -------------------------------------------------------- */

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
        int64_t capacity;
        void *block = gc_take(bytes, &capacity);
        if (!block)
            return PyErr_NoMemory();
        made = array_on(block, capacity, o->dtype, o->rank, (const npy_intp *)array->shape);
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

/* -- signals ------------------------------------------------------------------------------- */

/* Let Python handle signals, now and then, on the thread that called; others see that it stopped.
 * A handler may start a thread, which waits for the locks: the old values have been read already.
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
    if (!PyErr_Occurred() && !lock(r))
        PyErr_CheckSignals();
    r->stopped = PyErr_Occurred() != NULL;
    r->thread = PyEval_SaveThread();
    return r->stopped ? RAISED : 0;
}
