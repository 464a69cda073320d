/* Executable: generated code as a function of arrays, made of what Python says about it. */
#include "runtime.h"

/* -- a call and lifetime ------------------------------------------------------------------- */

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

/* -- methods and attributes ---------------------------------------------------------------- */

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
    {"flushes", T_BOOL, offsetof(Executable, flushes), 0,
     "Whether subnormal numbers are taken for zero."},
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

/* -- made of what Python says: operands, callbacks, functions of libraries ----------------- */

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
    if (!status && (rank < 0 || rank > NPY_MAXDIMS || !strchr("biufc", o->dtype->kind) ||
                    PyDataType_ELSIZE(o->dtype) > (o->dtype->kind == 'c' ? 16 : 8) ||
                    !PyArray_ISNBO(o->dtype->byteorder))) {
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
    int threads, brief;
    long long expected;
    if (!PyArg_ParseTuple(args, "OOOOOOOipL", &address, &keep, &inputs, &outputs, &callbacks, &failed,
                          &library, &threads, &brief, &expected))
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
    f->brief = brief;
    f->expected = expected;
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
