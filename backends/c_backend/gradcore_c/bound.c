/* Bound: an Executable with its shared variables, for calls that need no conversion, and with what
 * makes the others. */
#include "runtime.h"

/* -- the type ------------------------------------------------------------------------------ */

typedef struct {
    PyObject_HEAD
    vectorcallfunc vectorcall;
    Executable *function;
    PyObject *cells, *updated; /* tuples of lists of one element */
    PyObject *locks;           /* a tuple of those to hold while it runs, in this order */
    PyObject *otherwise;       /* what makes the other calls; NULL or None: they are NotImplemented */
    char form;                 /* s, l or n */
} Bound;

/* -- locks and cells of shared variables --------------------------------------------------- */

/* Whether another thread of Python may call while this one runs: signals aside, see `call_poll`. */
static int others_may_call(const Bound *self)
{
    if (self->function->n_callbacks)
        return 1;
    PyThreadState *first = PyInterpreterState_ThreadHead(PyInterpreterState_Get());
    return PyThreadState_Next(first) != NULL;
}

/* Give back the first `n` locks; an exception stays. */
static void unlock(PyObject *locks, Py_ssize_t n)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    while (n--) {
        PyObject *done = PyObject_CallMethod(PyTuple_GET_ITEM(locks, n), "release", NULL);
        if (!done)
            PyErr_WriteUnraisable(PyTuple_GET_ITEM(locks, n));
        Py_XDECREF(done);
    }
    PyErr_Restore(type, value, traceback);
}

/* Take the locks of a run, unless it has them; -1: an exception is set, and it has none. */
static int lock(run *r)
{
    const Py_ssize_t n = r->locks && !r->held ? PyTuple_GET_SIZE(r->locks) : 0;
    for (Py_ssize_t k = 0; k < n; k++) {
        PyObject *done = PyObject_CallMethod(PyTuple_GET_ITEM(r->locks, k), "acquire", NULL);
        if (!done) {
            unlock(r->locks, k);
            return -1;
        }
        Py_DECREF(done);
    }
    r->held |= n > 0;
    return 0;
}

/* Store the last outputs in their cells, after all of them have been made.  The old values go when
 * all new ones are there: the finalizer of one may call a function that reads the others. */
static int update_cells(run *r, PyObject *updated)
{
    const int32_t n = (int32_t)PyTuple_GET_SIZE(updated);
    PyObject *values = output_list(r, r->function->n_out - n, r->function->n_out);
    if (!values)
        return -1;
    int status = 0;
    for (int32_t k = 0; k < n && !status; k++) {
        PyObject *cell = PyTuple_GET_ITEM(updated, k);
        if (PyList_GET_SIZE(cell)) {
            PyObject *old = PyList_GET_ITEM(cell, 0);
            PyList_SET_ITEM(cell, 0, PyList_GET_ITEM(values, k));
            PyList_SET_ITEM(values, k, old);
        } else {
            PyErr_SetString(PyExc_IndexError, "a cell is a list of one element");
            status = -1;
        }
    }
    Py_DECREF(values);
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

/* -- a call -------------------------------------------------------------------------------- */

static PyObject *bound_quick(const Bound *self, PyObject *const *args, size_t nargsf,
                             PyObject *names)
{
    Executable *f = self->function;
    const int32_t n = (int32_t)PyVectorcall_NARGS(nargsf);
    const int32_t shared = (int32_t)PyTuple_GET_SIZE(self->cells);
    if (n + shared != f->n_in || (names && PyTuple_GET_SIZE(names)))
        Py_RETURN_NOTIMPLEMENTED;
    run *r = run_begin(f);
    if (!r)
        return NULL;
    if (PyTuple_GET_SIZE(self->locks)) {
        r->locks = self->locks;
        if (others_may_call(self) && lock(r) < 0) {
            run_end(r);
            return NULL;
        }
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
    const int32_t held = r->held;
    run_end(r);
    if (held)
        unlock(self->locks, PyTuple_GET_SIZE(self->locks));
    return found;
}

/* The exception that is set, with its traceback, and none is set any more; NULL: there is none, or
 * it is none that a program handles (KeyboardInterrupt, SystemExit) and stays set. */
static PyObject *caught(void)
{
    if (!PyErr_ExceptionMatches(PyExc_Exception))
        return NULL;
    PyObject *type, *error, *traceback;
    PyErr_Fetch(&type, &error, &traceback);
    PyErr_NormalizeException(&type, &error, &traceback);
    if (traceback)
        PyException_SetTraceback(error, traceback);
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    return error;
}

/* Call `otherwise(error, *args, **names)`; `error` is given up. */
__attribute__((noinline, cold)) static PyObject *bound_otherwise(const Bound *self,
    PyObject *error, PyObject *const *args, size_t nargsf, PyObject *names)
{
    const Py_ssize_t n = PyVectorcall_NARGS(nargsf);
    const Py_ssize_t all = n + (names ? PyTuple_GET_SIZE(names) : 0);
    PyObject **given = PyMem_Malloc((size_t)(all + 1) * sizeof(PyObject *)), *found = NULL;
    if (given) {
        given[0] = error;
        memcpy(given + 1, args, (size_t)all * sizeof(PyObject *));
        PyObject *otherwise = Py_NewRef(self->otherwise); /* which may be set while it runs */
        found = PyObject_Vectorcall(otherwise, given, (size_t)n + 1, names);
        Py_DECREF(otherwise);
    } else {
        PyErr_NoMemory();
    }
    PyMem_Free(given);
    Py_DECREF(error);
    return found;
}

static PyObject *bound_call(PyObject *object, PyObject *const *args, size_t nargsf,
                            PyObject *names)
{
    const Bound *self = (Bound *)object;
    PyObject *found = bound_quick(self, args, nargsf, names);
    if (found && found != Py_NotImplemented)
        return found;
    if (!self->otherwise || self->otherwise == Py_None)
        return found;
    PyObject *error = found ? Py_NewRef(Py_None) : caught();
    Py_XDECREF(found);
    return error ? bound_otherwise(self, error, args, nargsf, names) : NULL;
}

/* -- lifetime ------------------------------------------------------------------------------ */

static int bound_traverse(Bound *self, visitproc visit, void *arg)
{
    Py_VISIT(self->function);
    Py_VISIT(self->cells);
    Py_VISIT(self->updated);
    Py_VISIT(self->locks);
    Py_VISIT(self->otherwise);
    return 0;
}

static void bound_free(Bound *self)
{
    PyObject_GC_UnTrack(self);
    Py_DECREF(self->function);
    Py_DECREF(self->cells);
    Py_DECREF(self->updated);
    Py_DECREF(self->locks);
    Py_XDECREF(self->otherwise);
    PyObject_GC_Del(self);
}

static PyMemberDef bound_members[] = {
    {"otherwise", T_OBJECT, offsetof(Bound, otherwise), 0,
     "otherwise(error, *args, **names) is called where the call needs conversion (error: None), or "
     "raises; None: nothing is."},
    {0},
};

static PyTypeObject BoundType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "gradcore_c.Bound",
    .tp_doc = "A function with its shared variables; NotImplemented: the call needs conversion.",
    .tp_basicsize = sizeof(Bound),
    .tp_dealloc = (destructor)bound_free,
    .tp_vectorcall_offset = offsetof(Bound, vectorcall),
    .tp_call = PyVectorcall_Call,
    .tp_traverse = (traverseproc)bound_traverse,
    .tp_members = bound_members,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_HAVE_GC |
                Py_TPFLAGS_DISALLOW_INSTANTIATION,
};

/* -- making one ---------------------------------------------------------------------------- */

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
    made->otherwise = NULL;
    made->vectorcall = bound_call;
    made->function = (Executable *)Py_NewRef((PyObject *)self);
    made->cells = read;
    made->updated = written;
    made->form = form[0];
    PyObject_GC_Track((PyObject *)made);
    return (PyObject *)made;
}
