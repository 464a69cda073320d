"""What kernels read and write on CUDA's shim: vectors, tiles, and targets of scatters."""

import re

import numpy as np
import pytest
from cuda_programs import HOST, PROGRAMS, host_mode, own_text, scatter_in_any_order
from golden_files import M, N, at, v

import gradcore.tensor as T
from gradcore import Mode, function
from gradcore.ops.reduce import Recurrence
from gradcore_c import compiler
from gradcore_cuda import host

pytestmark = pytest.mark.skipif(
    compiler.unavailable() is not None, reason=str(compiler.unavailable())
)


w = T.dvector("w")


def rows_of(x, y, gain, at):
    """Return what is computed along the rows of ``x``: each element is read more than once."""
    centred = x - x.mean(axis=1, keepdims=True)
    normal = centred / T.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-3) * gain + y
    entropy = T.mean(T.logsumexp(x, axis=1) - x[T.arange(x.shape[0]), at])
    return [
        T.softmax(x), T.log_softmax(y), T.logsumexp(x, axis=1), normal,
        *T.grad(T.sum(T.tanh(normal)), [x, y, gain]), entropy, T.grad(entropy, x),
        T.cumsum(T.softmax(y), axis=1),
    ]  # fmt: skip


def odd(array):
    """Return a copy whose first element is at no multiple of more than its size."""
    memory = np.empty(array.size + 1, array.dtype)
    memory[1:] = array.ravel()
    return memory[1:].reshape(array.shape)


@pytest.mark.parametrize("threads", [1, 7, 32, 128])
@pytest.mark.parametrize("order", host.ORDERS)
@pytest.mark.parametrize("dtypes", [("float64",) * 2, ("float32",) * 2, ("float32", "float64")])
def test_rows_several_elements_at_a_time(threads, order, dtypes):
    """Rows of whole vectors and others, aligned and not, in shared memory and beyond."""
    x, y = (T.matrix(name, dtype) for name, dtype in zip("xy", dtypes, strict=True))
    inputs = [x, y, T.vector("gain", dtypes[0]), T.lvector("at")]
    outputs = rows_of(*inputs)
    f = function(inputs, outputs, mode=Mode("cuda", runtime="host", threads=threads, order=order))
    g = function(inputs, outputs, mode="numpy")
    sizes = {dtype: np.dtype(dtype).itemsize for dtype in dtypes}
    assert f"gc_f{8 * sizes[dtypes[0]]}x{16 // max(sizes.values())}" in f.source
    drawn = np.random.default_rng(0)
    for length in (1, 2, 4, 7, 30, 64, 128, 300):
        given = [
            drawn.normal(size=(5, length)).astype(dtypes[0]),
            drawn.normal(size=(5, length)).astype(dtypes[1]),
            drawn.normal(size=length).astype(dtypes[0]),
            drawn.integers(-length, length, 5),
        ]
        expected = g(*given)
        moved = [odd(given[0]), *given[1:]]
        for found in (f(*given), f(*moved)):
            for a, b in zip(found, expected, strict=True):
                assert a.dtype == b.dtype
                np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5)


def test_a_cumulative_sum_waits_for_rows_of_vectors():
    """It gives a thread each element in turn: not those that the thread has stored before."""
    source = own_text(function([M], T.cumsum(T.softmax(M), axis=1), mode=HOST).source)
    assert re.search(r"gc_barrier\(\);\n +for \(gc_index first", source)


SMALL = ["bool", "int8", "uint8", "float16", "int32", "float32", "int64"]


@pytest.mark.parametrize("threads, order", [(1, "forward"), (7, "backward"), (64, "mixed")])
def test_rows_of_several_dtypes(threads, order):
    """Integers show it exactly: what a vector holds is as wide as the largest element allows."""
    mode = Mode("cuda", runtime="host", threads=threads, order=order)
    drawn = np.random.default_rng(1)
    for dtypes in [*((a,) for a in SMALL), ("bool", "uint8"), ("int8", "float32"), tuple(SMALL)]:
        inputs = [T.matrix(dtype, dtype) for dtype in dtypes]
        total = sum(T.cast(x, "int8") for x in inputs)
        sums = total.sum(axis=1, keepdims=True, dtype="int8")
        outputs = [sums, *(T.eq(T.cast(x, "int8") % 3, sums % 3) for x in inputs), total - sums]
        f, g = (function(inputs, outputs, mode=m) for m in (mode, "numpy"))
        width = 16 // max(np.dtype(dtype).itemsize for dtype in dtypes)
        assert f"gc_i8x{width}" in f.source
        for length in (0, 1, 3, 16, 21, 32, 100):
            given = [drawn.integers(0, 5, (6, length)).astype(dtype) for dtype in dtypes]
            for arrays in (given, list(map(odd, given))):
                for a, b in zip(f(*arrays), g(*given), strict=True):
                    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("threads", [1, 7, 32])
def test_rows_that_lie_otherwise(threads):
    """What is gathered, reversed or in steps is read element by element, beside what is not."""
    mode = Mode("cuda", runtime="host", threads=threads, order="mixed")
    Q, k = T.dtensor3("Q"), T.lvector("k")
    total = Q.sum(axis=(1, 2), keepdims=True)
    tables = M[at] / M[at].sum(axis=1, keepdims=True)
    several = [
        (M[:, ::-1] + M) / M.sum(axis=1, keepdims=True),
        M[:, k] / M[:, k].sum(axis=1, keepdims=True) + N[:, : k.shape[0]],
        M / T.maximum(N.T, M).sum(axis=1, keepdims=True),
        tables,
        (Q * 2 + Q.max(axis=2, keepdims=True)) / total,
        T.softmax(T.where(N[0] < M, M, -np.inf)),
        T.softmax(T.concatenate([M, 2 * N], axis=1)),
        T.softmax(T.concatenate([M, 2 * N], axis=0)),
        T.set_subtensor(M[1:, 1:], T.softmax(N[1:, 1:])),
        T.inc_subtensor(M[at], T.softmax(M[at])),
    ]
    f, g = (function([M, N, Q, at, k], several, mode=m) for m in (mode, "numpy"))
    drawn = np.random.default_rng(2)
    for m in (2, 5, 16, 33, 64):
        given = [
            drawn.uniform(1, 2, (m, m)), drawn.uniform(0, 1.01, (m, m)),
            drawn.uniform(1, 2, (3, m, 4)), drawn.integers(-m, m, 5), drawn.integers(-m, m, m),
        ]  # fmt: skip
        for a, b in zip(f(*given), g(*given), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)
    assert "gc_f64x2" in function([M, at], tables, mode=mode).source


def test_what_carries_more_stays_in_order():
    """A step that multiplies what it carries, and adds to that, is none that threads combine."""
    f = function([v, w], Recurrence(0)(v, w), mode=HOST)
    assert "gc_prefix" not in f.source
    np.testing.assert_allclose(f([9.0, 2.0, 3.0], [1.0, 1.0, 2.0]), [1, 3, 11])


@pytest.mark.parametrize("threads, order", [(1, "forward"), (7, "backward"), (128, "mixed")])
def test_transposed_in_tiles(threads, order):
    """Tiles that end within the array, several arrays of one, and axes beyond the two."""
    Q = T.itensor3("Q")
    mode = Mode("cuda", runtime="host", threads=threads, order=order)
    f = function([M, N], [M.T + N, T.where(M.T > 0, M.T, N)], mode=mode)
    g = function([Q], Q.transpose(0, 2, 1) + 1, mode=mode)
    h = function([Q], Q.transpose(2, 1, 0) * 2, mode=mode)
    joined = function([M, N], T.concatenate([M.T, 2 * N.T], axis=1), mode=mode)
    assert all("_tile[" in x.source for x in (f, g, h))
    drawn = np.random.default_rng(0)
    for a, b in [(37, 45), (16, 16), (3, 50), (64, 64), (0, 40), (33, 100)]:
        x, y = drawn.normal(size=(a, b)), drawn.normal(size=(b, a))
        np.testing.assert_array_equal(f(x, y), [x.T + y, np.where(x.T > 0, x.T, y)])
        np.testing.assert_array_equal(joined(x, 3 * x), np.concatenate([x.T, 6 * x.T], axis=1))
        q = drawn.integers(0, 99, (a, 3, b)).astype("int32")
        np.testing.assert_array_equal(g(q), q.transpose(0, 2, 1) + 1)
        np.testing.assert_array_equal(h(q), q.transpose(2, 1, 0) * 2)


DTYPES = ["float64", "float32", "int64", "int32", "uint64", "uint32", "float16", "int8"]


@pytest.mark.parametrize("threads, order", [(1, "forward"), (7, "backward"), (64, "mixed")])
@pytest.mark.parametrize("dtype", DTYPES)
def test_scatters_in_any_order(dtype, threads, order):
    """Many threads add where there is an atomic; where there is none, the order stays."""
    base, values = T.matrix("base", dtype), T.matrix("values", dtype)
    rows, columns = T.lvector("rows"), T.lvector("columns")
    added = [
        T.inc_subtensor(base[rows], values),
        T.inc_subtensor(base[rows, columns], values[:, 0]),
        T.inc_subtensor(base[:, rows], values.max()),
    ]
    mode = Mode("cuda", runtime="host", deterministic=False, threads=threads, order=order)
    inputs, drawn = [base, values, rows, columns], np.random.default_rng(1)
    f = function(inputs, added, mode=mode)
    assert f.source.count(" atomicAdd(&") + f.source.count(" atomicAdd((") == (
        0 if dtype in ("float16", "int8") else 3
    )
    given = [
        drawn.integers(0, 3, (9, 40)).astype(dtype),
        drawn.integers(0, 3, (50, 40)).astype(dtype),
        drawn.integers(-9, 9, 50),
        drawn.integers(0, 40, 50),
    ]
    expected = function(inputs, added, mode="numpy")(*given)
    for a, b in zip(f(*given), expected, strict=True):
        assert a.dtype == dtype
        np.testing.assert_array_equal(a, b)


def test_what_scatters_read_stays_in_order():
    """A sum that reads what it adds to, or stores it elsewhere, does not go to many threads."""
    last = T.set_subtensor(v[at], w)
    mode = Mode("cuda", runtime="host", deterministic=False)
    assert " atomicAdd(&" not in own_text(function([v, w, at], last, mode=mode).source)
    for program in PROGRAMS:
        source = own_text(function(*program(), mode=host_mode(program)).source)
        assert (" atomicAdd(&" in source) == (program is scatter_in_any_order)


@pytest.mark.parametrize("threads", [1, 7, 64])
def test_scatters_keep_the_order(threads):
    """Of several values for a place the last one stays, and sums are the same each time."""
    mode = Mode("cuda", runtime="host", threads=threads)
    drawn = np.random.default_rng(1)
    places, values = drawn.integers(0, 9, 50), drawn.normal(size=(50, 40))
    base = np.zeros((9, 40))
    inputs, outputs = [M, N, at], [T.set_subtensor(M[at], N), T.inc_subtensor(M[at], N)]
    found = function(inputs, outputs, mode=mode)(base, values, places)
    expected, last = np.zeros((9, 40)), np.zeros((9, 40))
    for place, value in zip(places, values, strict=True):
        expected[place] += value
        last[place] = value
    np.testing.assert_array_equal(found[0], last)
    np.testing.assert_array_equal(found[1], expected)


@pytest.mark.parametrize("axis", [0, 1])
def test_products_of_slices_whose_step_no_array_has(axis):
    """Along one element nothing moves, be the step one that no number of bytes fits."""
    step = slice(None, None, 2**62)
    part = M[step] if axis == 0 else M[:, step]
    drawn = np.random.default_rng(2).normal(size=(3, 3))
    found = function([M, N], [T.dot(part, N[: part.shape[1]]), T.dot(N[:, : part.shape[0]], part)],
                     mode=HOST)(drawn, drawn)  # fmt: skip
    few = drawn[:1] if axis == 0 else drawn[:, :1]
    np.testing.assert_allclose(found[0], few @ drawn[: few.shape[1]], 1e-12)
    np.testing.assert_allclose(found[1], drawn[:, : few.shape[0]] @ few, 1e-12)
