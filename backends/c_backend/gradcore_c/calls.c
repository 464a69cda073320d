/* A call from its beginning to its end: the run that it uses, the computation, its outputs. */
#include "floating.h"
#include "runtime.h"

/* -- runs: what a call needs besides its outputs ------------------------------------------- */

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
    r->locks = NULL;
    r->held = 0;
    r->call.threads = f->threads;
    return r;
}

static void run_end(run *r)
{
    Executable *f = r->function;
    for (int32_t k = 0; k < f->n_in; k++)
        Py_CLEAR(r->arrays[k]);
    for (int32_t k = 0; k < f->n_out; k++) {
        if (r->results[k].capacity)
            gc_give(r->results[k].data, r->results[k].capacity);
        r->results[k].data = NULL;
        r->results[k].capacity = 0;
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

/* -- the computation and its outputs ------------------------------------------------------- */

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

/* Run generated code, without the GIL if that may take a while; -1: an exception is set. */
static int compute(run *r)
{
    const Executable *f = r->function;
    if (r->unusual >= 0)
        return refuse("argument", r->unusual);
    r->caller = pthread_self();
    r->thread = f->brief ? NULL : PyEval_SaveThread();
    int32_t status = pack_inputs(r);
    if (!status && !f->flushes) {
        status = f->entry(&r->call, r->inputs);
    } else if (!status) {
        const uint64_t before = gc_control();
        gc_set_control(before | GC_FLUSH);
        status = f->entry(&r->call, r->inputs);
        gc_set_control(before);
    }
    if (r->thread)
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
    if (out->capacity) {
        const int64_t capacity = out->capacity;
        out->capacity = 0;
        return array_on(out->data, capacity, o->dtype, o->rank, out->shape);
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
