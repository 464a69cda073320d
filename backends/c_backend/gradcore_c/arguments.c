/* Arguments of a call: taken as they are, converted, or brought into C order. */
#include "runtime.h"

#define WORTH_THREADS (1 << 20) /* bytes of an input that several threads pack */

/* -- what needs no conversion: numbers and arrays as they are ------------------------------ */

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
        else if (o->size == 4 && isinf((float)x) && !isinf(x))
            return 0; /* converted by NumPy, which reports the overflow */
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

/* -- any array of the right dtype: what a call without a Bound takes ----------------------- */

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

/* -- packing: what must be in C order ------------------------------------------------------ */

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
