/* Arrays of NumPy on blocks of memory (memory.h), and their sizes. */
#include "runtime.h"

#define LARGEST_USUAL (INT64_C(1) << 48) /* more elements than memory holds */

/* -- buffers: what an array made of a block has as its base -------------------------------- */

typedef struct {
    PyObject_HEAD
    void *block;
    int64_t capacity;
} Buffer;

static void buffer_free(Buffer *self)
{
    gc_give(self->block, self->capacity);
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
static PyObject *array_on(void *block, int64_t capacity, PyArray_Descr *dtype, int rank,
                          const npy_intp *shape)
{
    Buffer *buffer = PyObject_New(Buffer, &BufferType);
    if (!buffer) {
        gc_give(block, capacity);
        return NULL;
    }
    buffer->block = block;
    buffer->capacity = capacity;
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

/* -- sizes and strides --------------------------------------------------------------------- */

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
