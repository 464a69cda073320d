"""The products of the C backend, compiled alone: every dtype, shape and layout against NumPy."""

import ctypes
import functools
import itertools
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg.cython_blas
from hypothesis import given
from hypothesis import strategies as st

from gradcore_c import runtime

SOURCES = Path(__file__).parents[1] / "backends" / "c_backend" / "gradcore_c"
COMPILER = next(filter(shutil.which, (os.environ.get("CC", "cc"), "gcc", "clang")), None)
FLAGS = ("-std=gnu11", "-O2", "-march=native", "-fopenmp-simd", "-fno-math-errno")
FAR = 1e300
SOURCE = f"""
double bound = {FAR}, part = {FAR};
#define GC_BOUND bound
#define GC_PART part
#include "{SOURCES / "products.c"}"
"""

pytestmark = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler")

NAMES = {
    **{f"{kind}{8 * size}": f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)},
    "f16": "f2",
    "f32": "f4",
    "f64": "f8",
    "b1": "?",
}
FACTORS = {
    "f64": ctypes.c_double,
    "f32": ctypes.c_float,
    "f16": ctypes.c_float,
    "b1": ctypes.c_uint8,
    **{f"i{bits}": getattr(ctypes, f"c_int{bits}") for bits in (8, 16, 32, 64)},
    **{f"u{bits}": getattr(ctypes, f"c_uint{bits}") for bits in (8, 16, 32, 64)},
}
EXTENTS = (0, 1, 2, 3, 7, 8, 9, 16, 17, 33, 64, 130, 300)
INT, POINTER = ctypes.c_int64, ctypes.c_void_p
BODY = ctypes.CFUNCTYPE(ctypes.c_int32, POINTER, POINTER, INT, INT, ctypes.c_int32)


class Export(ctypes.Structure):
    _fields_ = (("name", ctypes.c_char_p), ("address", ctypes.c_void_p))


@ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_char_p)
def blas(name):
    capsule = scipy.linalg.cython_blas.__pyx_capi__.get(name.decode())
    if capsule is None:
        return None
    name_of = ctypes.pythonapi.PyCapsule_GetName
    name_of.restype, name_of.argtypes = ctypes.c_char_p, [ctypes.py_object]
    address = ctypes.pythonapi.PyCapsule_GetPointer
    address.restype, address.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return address(capsule, name_of(capsule))


class Call(ctypes.Structure):
    """A `gc_call` whose threads take turns, the last part first."""

    _fields_ = (
        ("allocate", POINTER),
        ("mark", POINTER),
        ("release", POINTER),
        ("output", POINTER),
        ("fail", POINTER),
        ("callback", POINTER),
        ("parallel", POINTER),
        ("library", POINTER),
        ("threads", ctypes.c_int32),
    )

    def __init__(self, threads):
        super().__init__(threads=threads)
        self.memory, self.runs = [], 0
        self.functions = {
            "allocate": ctypes.CFUNCTYPE(POINTER, POINTER, INT)(self.give),
            "mark": ctypes.CFUNCTYPE(INT, POINTER)(lambda call: len(self.memory)),
            "release": ctypes.CFUNCTYPE(None, POINTER, INT)(self.take),
            "parallel": ctypes.CFUNCTYPE(
                ctypes.c_int32, POINTER, BODY, POINTER, INT, ctypes.c_int32
            )(self.turns),
        }
        for name, function in self.functions.items():
            setattr(self, name, ctypes.cast(function, POINTER))

    def give(self, call, size):
        self.memory.append(np.empty(size, np.uint8))
        return self.memory[-1].ctypes.data

    def take(self, call, mark):
        del self.memory[mark:]

    def turns(self, call, body, context, n, parts):
        self.runs += 1
        assert 1 < parts <= self.threads
        for part in reversed(range(parts)):
            assert not body(call, context, n * part // parts, n * (part + 1) // parts, part)
        return 0


class Products:
    """The functions; those that take a call, if there is one.

    build : returns the library of a type of numbers.
    blas : finds functions of BLAS, or none.
    bound : from how many multiplications on BLAS is called.
    part : how many cycles of work are worth a thread.
    """

    def __init__(self, build, blas, call=None, bound=FAR, part=FAR):
        self.build, self.blas, self.call = build, blas, call
        self.limits = {"bound": bound, "part": part}

    def started(self, name):
        """Return the library of a type, as it is to be, and how much of BLAS it has found."""
        library = self.build(runtime.KINDS[name.replace("u", "i")])
        for limit, value in self.limits.items():
            ctypes.c_double.in_dll(library, limit).value = value
        return library, library.gc_products_start(self.blas)

    def __call__(self, name, a, b, beta, c):
        """c[...] = beta * c + a @ b; with three axes, for each along the first."""
        sides = [
            value
            for x in (a, b, c)
            for value in (x.ctypes.data, *(stride // x.itemsize for stride in x.strides))
        ]
        strides = [POINTER, *[INT] * a.ndim]
        types = [*[INT] * (a.ndim + 1), *strides, *strides, FACTORS[name], *strides]
        side = 2 * len(strides)
        values = [*c.shape, a.shape[-1], *sides[:side], beta, *sides[side:]]
        row = "matmul_batched_" if a.ndim == 3 else "matmul_"
        if self.call is not None:
            row += "parallel_"
            types.insert(0, POINTER)
            values.insert(0, ctypes.addressof(self.call))
        library, _ = self.started(name)
        ctypes.CFUNCTYPE(None, *types)(exported(library)[row + name])(*values)


@functools.cache
def exported(library):
    """Return the addresses of functions by name."""
    rows = itertools.takewhile(lambda row: row.name, (Export * 100).in_dll(library, "gc_products"))
    return {row.name.decode(): row.address for row in rows}


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """Return what compiles a type when it is first needed: what differs below are variables."""
    folder = tmp_path_factory.mktemp("products")

    @functools.cache
    def built(kind):
        library = folder / f"{kind}.so"
        command = [COMPILER, *FLAGS, f"-DGC_ONLY={kind}", "-Wall", "-Wextra", "-Werror"]
        command += ["-shared", "-fPIC", "-x", "c", "-", "-o", library]
        subprocess.run(command, input=SOURCE, text=True, check=True)
        return ctypes.CDLL(str(library))

    return built


@ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_char_p)
def nothing(name):
    return None


@pytest.fixture(scope="module")
def own(build):
    """No BLAS at all."""
    return Products(build, nothing)


@pytest.fixture(scope="module")
def by_blas(build):
    """Everything that BLAS can do."""
    return Products(build, blas, bound=0)


@pytest.fixture(scope="module")
def threaded(build):
    """Three threads, however little there is to do."""
    return Products(build, nothing, Call(3), part=1)


@pytest.fixture(params=["own", "by_blas", "threaded"])
def products(request):
    return request.getfixturevalue(request.param)


def numbers(rng, dtype, shape):
    if dtype.kind == "f":
        return rng.standard_normal(shape).astype(dtype)
    if dtype.kind == "b":
        return rng.random(shape) < 0.1
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, shape, dtype=dtype, endpoint=True)


def contiguous(x):
    return x.copy()


def fortran(x):
    return x.copy(order="F")


def padded(x):
    return spaced(x, (slice(None), slice(2, 2 + x.shape[1])), (x.shape[0], x.shape[1] + 5))


def strided(x):
    return spaced(
        x, (slice(None, 2 * x.shape[0], 2), slice(1, None, 3)), [3 * n + 1 for n in x.shape]
    )


def reversed_rows(x):
    return spaced(x, (slice(None, None, -1), slice(None)), x.shape)


def reversed_columns(x):
    return spaced(x, (slice(None), slice(None, None, -1)), x.shape)


def spaced(x, where, shape):
    around = np.full(shape, 1, x.dtype)
    around[where][: x.shape[0], : x.shape[1]] = x
    return around[where][: x.shape[0], : x.shape[1]]


def same_rows(x):
    return np.broadcast_to(x[:1] if len(x) else x, x.shape)


def same_columns(x):
    return np.broadcast_to(x[:, :1] if x.shape[1] else x, x.shape)


LAYOUTS = (contiguous, fortran, padded, strided, reversed_rows, reversed_columns)
OPERANDS = (*LAYOUTS, same_rows, same_columns)


def exactly(a, b, beta, c):
    """Return what is to come out, and by how much it may be missed."""
    if c.dtype.kind == "b":
        return (a @ b) | (c if beta else False), 0
    if c.dtype.kind != "f":
        return a @ b + c.dtype.type(beta) * c, 0
    a, b, old = (x.astype(np.float64) for x in (a, b, c))
    if beta == 0:
        old = np.zeros_like(old)
    value = a @ b + beta * old
    sums = np.finfo(np.float32 if c.dtype == np.float16 else c.dtype).eps
    both = sums + np.finfo(np.float64).eps  # NumPy rounds too
    bound = (np.abs(a) @ np.abs(b) + beta * np.abs(old)) * both * (a.shape[1] + 2)
    if c.dtype == np.float16:
        bound = bound + np.abs(value) * np.finfo(c.dtype).eps / 2
    return value, bound + np.finfo(c.dtype).smallest_subnormal


def check(products, name, a, b, beta, c):
    value, bound = exactly(a, b, beta, c)
    if beta == 0 and c.dtype.kind == "f":
        c[...] = np.nan
    everything = [x if x.base is None else x.base for x in (a, b, c)]
    before, old = [x.copy() for x in everything], c.copy()
    products(name, a, b, beta, c)
    if c.dtype.kind == "f":
        assert np.all(np.abs(c - value) <= bound)
    else:
        np.testing.assert_array_equal(c, value)
    c[...] = old
    for now, then in zip(everything, before, strict=True):
        np.testing.assert_array_equal(now, then)


def case(rng, name, extents, layouts, beta):
    m, n, k = extents
    dtype = np.dtype(NAMES[name])
    a, b, c = (
        lay(numbers(rng, dtype, shape))
        for lay, shape in zip(layouts, ((m, k), (k, n), (m, n)), strict=True)
    )
    return a, b, beta, c


@pytest.mark.parametrize("name", NAMES)
@given(
    extents=st.tuples(*[st.sampled_from(EXTENTS)] * 3),
    layouts=st.tuples(*[st.sampled_from(OPERANDS)] * 2, st.sampled_from(LAYOUTS)),
    beta=st.sampled_from((0, 1)),
    seed=st.integers(0, 1000),
)
def test_products_of_every_shape_and_layout(
    own, by_blas, threaded, name, extents, layouts, beta, seed
):
    rng = np.random.default_rng(seed)
    arguments = case(rng, name, extents, layouts, beta)
    *operands, c = arguments
    for products in (own, by_blas, threaded):
        again = layouts[2](np.array(c))
        check(products, name, *operands, again)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("m", [1, 2, 5, 8, 11])
@pytest.mark.parametrize("n", [1, 3, 8, 24, 41])
def test_every_tile(own, rng, name, m, n):
    for k in (1, 2, 40, 257):
        for layouts in ((contiguous,) * 3, (fortran, contiguous, contiguous), (fortran,) * 3):
            check(own, name, *case(rng, name, (m, n, k), layouts, 1))


@pytest.mark.parametrize("name", ["f64", "f32", "i64"])
@pytest.mark.parametrize(
    "extents", [(600, 130, 300), (130, 600, 700), (37, 9, 5000), (3, 70000, 2)]
)
def test_blocks(products, rng, name, extents):
    for layouts in (
        (contiguous,) * 3,
        (fortran, contiguous, contiguous),
        (contiguous, fortran, fortran),
        (strided, reversed_columns, padded),
    ):
        check(products, name, *case(rng, name, extents, layouts, 1))


@pytest.mark.parametrize("name", NAMES)
def test_without_depth(products, rng, name):
    dtype = np.dtype(NAMES[name])
    a, b = np.empty((3, 0), dtype), np.empty((0, 5), dtype)
    c = numbers(rng, dtype, (3, 5))
    saved = c.copy()
    products(name, a, b, 1, c)
    np.testing.assert_array_equal(c, saved)
    products(name, a, b, 0, c)
    assert not c.any()


@pytest.mark.parametrize("name", ["f64", "f32", "f16"])
@pytest.mark.parametrize("extents", [(1, 1, 40), (1, 40, 3), (40, 1, 3), (2, 2, 2), (30, 50, 40)])
def test_what_is_not_a_number_spreads(own, rng, name, extents):
    m, _, k = extents
    a, b, _, c = case(rng, name, extents, (contiguous,) * 3, 0)
    a[0, k - 1], b[k - 1, :] = 0, np.inf
    a[m - 1, 0] = np.nan if m > 1 else a[m - 1, 0]
    own(name, a, b, 0, c)
    assert np.isnan(c[0]).all() and np.isnan(c[m - 1]).all()
    assert not np.isnan(c[1 : m - 1]).any()
    a[0, :] = 1
    own(name, a, b, 0, c)
    assert np.all(c[0] == np.inf) or m == 1
    c[...] = np.nan
    own(name, np.zeros_like(a), np.zeros_like(b), 1, c)
    assert np.isnan(c).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("extents", [(2, 2, 2), (1, 5, 3), (4, 1, 4), (9, 17, 8)])
def test_batches(products, rng, name, extents):
    m, n, k = extents
    dtype = np.dtype(NAMES[name])
    a = numbers(rng, dtype, (7, m, k))
    b = numbers(rng, dtype, (7, n, k)).swapaxes(1, 2)
    shared = np.broadcast_to(b[:1], b.shape)
    same = np.broadcast_to(a[:1], a.shape)
    beside = np.ascontiguousarray(b.transpose(1, 0, 2)).transpose(1, 0, 2)
    for x, y in ((a, b), (a, shared), (same, beside), (a[::-1], b), (a[:0], b[:0])):
        c = numbers(rng, dtype, (len(x), m, n))
        for beta in (0, 1):
            expected = [exactly(p, q, beta, old) for p, q, old in zip(x, y, c, strict=True)]
            products(name, x, y, beta, c)
            for found, (value, bound) in zip(c, expected, strict=True):
                if dtype.kind == "f":
                    assert np.all(np.abs(found - value) <= bound)
                else:
                    np.testing.assert_array_equal(found, value)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("extents", [(2, 2, 2), (9, 17, 1), (1, 1, 4)])
def test_a_sum_of_products(products, rng, name, extents):
    m, n, k = extents
    dtype = np.dtype(NAMES[name])
    a, b = numbers(rng, dtype, (m, 7, k)), numbers(rng, dtype, (7, k, n))
    old = numbers(rng, dtype, (m, n))
    c = np.lib.stride_tricks.as_strided(old.copy(), (7, m, n), (0, *old.strides))
    value, bound = exactly(a.reshape(m, 7 * k), b.reshape(7 * k, n), 1, old)
    products(name, a.transpose(1, 0, 2), b, 1, c)
    assert np.all(np.abs(c[0] - value) <= bound) if dtype.kind == "f" else np.all(c[0] == value)


@pytest.mark.parametrize("name", ["f64", "f32"])
@pytest.mark.parametrize(
    "extents", [(1, 1, 900), (2, 3, 900), (40, 2, 70), (2, 90, 70), (1, 90, 3)]
)
def test_threads_divide_every_axis(threaded, rng, name, extents):
    before = threaded.call.runs
    check(threaded, name, *case(rng, name, extents, (contiguous,) * 3, 1))
    assert threaded.call.runs == before + 1
    assert not threaded.call.memory


@pytest.mark.parametrize("name", ["f64", "f32"])
def test_the_same_every_time(own, rng, name):
    a, b, beta, c = case(rng, name, (130, 70, 600), (contiguous, fortran, contiguous), 0)
    results = set()
    for _ in range(3):
        own(name, a, b, beta, c)
        results.add(c.tobytes())
    assert len(results) == 1


def test_truth_is_any_of_all(own):
    a = np.array([[2, 0], [0, 0]], np.uint8).view("?")
    b = np.array([[1, 0], [4, 0]], np.uint8).view("?")
    c = np.array([[False, True], [False, True]])
    own("b1", a, b, 1, c)
    np.testing.assert_array_equal(c.view(np.uint8), [[1, 1], [0, 1]])
    own("b1", a, b, 0, c)
    np.testing.assert_array_equal(c.view(np.uint8), [[1, 0], [0, 0]])


def test_blas_is_counted(own, by_blas):
    assert own.started("f64")[1] == 0
    assert by_blas.started("f64")[1] == 2
