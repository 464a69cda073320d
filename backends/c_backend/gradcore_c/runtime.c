/* Calls of generated code from Python.
 *
 * An `Executable` is a function of arrays; a `Bound` is the same with shared variables filled in,
 * for calls that need no conversion, and leaves any other to Python.  Everything that one call
 * needs besides its outputs is a `Run`, which the function keeps for the next call: so a call
 * allocates nothing but what it returns, calls in several threads share nothing, and a callback may
 * call the function that called it.
 *
 * The parts are included, not linked: parsing Python's headers is most of what compiling the runtime
 * costs, and every file on its own would pay for it again.
 */
#include "runtime.h" /* the types, and what the parts give each other */

#include "arrays.c"     /* arrays of NumPy on blocks of memory */
#include "services.c"   /* what generated code asks for: memory, outputs, checks, callbacks, signals */
#include "arguments.c"  /* what a call takes as its arguments */
#include "calls.c"      /* a call from its beginning to its end */
#include "bound.c"      /* Bound: an Executable with its shared variables */
#include "executable.c" /* Executable: made, called, released */

/* -- libraries ----------------------------------------------------------------------------- */

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

/* -- memory and threads -------------------------------------------------------------------- */

static PyObject *runtime_prepare(PyObject *module, PyObject *args)
{
    (void)module;
    int64_t sizes[16];
    const Py_ssize_t given = PyTuple_GET_SIZE(args);
    const int32_t n = given < 16 ? (int32_t)given : 16;
    for (int32_t i = 0; i < n; i++) {
        sizes[i] = PyLong_AsLongLong(PyTuple_GET_ITEM(args, i));
        if (sizes[i] == -1 && PyErr_Occurred())
            return NULL;
    }
    Py_BEGIN_ALLOW_THREADS gc_prepare(n, sizes);
    Py_END_ALLOW_THREADS return Py_NewRef(Py_None);
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

/* -- the module ---------------------------------------------------------------------------- */

static PyMethodDef runtime_methods[] = {
    {"make", runtime_make, METH_VARARGS, "Make an Executable."},
    {"open", runtime_open, METH_VARARGS, "Open a library: (address of a name, what keeps it)."},
    {"pointer", runtime_pointer, METH_O, "Return the address in a capsule."},
    {"exports", runtime_exports, METH_O, "Return the table at an address as a dict."},
    {"start", runtime_start, METH_VARARGS, "Call the function at an address with a dict's capsules."},
    {"prepare", runtime_prepare, METH_VARARGS, "Have memory ready for blocks of these sizes."},
    {"idle", runtime_idle, METH_NOARGS, "Return how many bytes are retained for coming calls."},
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
