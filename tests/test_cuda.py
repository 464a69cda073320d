"""Kernels for CUDA: their text, and what they compute when a CPU runs it.

Golden files show the kernels of a few functions; where a change of the printer is meant, they are
written anew by ``GRADCORE_REWRITE_GOLDEN=1 pytest tests/test_cuda.py``, and read before they are
kept.
"""

import contextlib
import itertools
import re
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import golden_files
import long_sums
import numpy as np
import pytest
from golden_files import M, N, at, compare, n, rnn_until, softmax_rows, v, x

import gradcore
import gradcore.tensor as T
from gradcore import Mode, function
from gradcore.errors import CompileError, ModeError
from gradcore.ops.elementwise import ROWS
from gradcore.ops.reduce import Recurrence
from gradcore_c import compiler
from gradcore_cuda import checking, host
from gradcore_cuda.passes import schedule
from gradcore_cuda.target import GPU

pytestmark = pytest.mark.skipif(
    compiler.unavailable() is not None, reason=str(compiler.unavailable())
)

HOST = Mode("cuda", runtime="host")

w = T.dvector("w")


# the text ---------------------------------------------------------------------------------------
def full_sum():
    return [M], T.sqrt(T.sum(M**2))


def layer_norm_gradient():
    centred = M - M.mean(axis=1, keepdims=True)
    normal = centred / T.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)
    return [M, v], T.grad(T.sum(T.tanh(normal * v)), [M, v])


def running_sums():
    return [M], [T.cumsum(M, axis=0), T.cumsum(M, axis=1)]


def running_rows():
    return [M, v], [T.cumsum(T.exp(M), axis=1), T.cumsum(v), T.cumprod(v)]


def running_loss():
    total = T.sum(T.cumsum(T.exp(v)) ** 2)
    return [v], [total, T.grad(total, v)]


def transposed():
    return [M, v], M.T * v[:, None]


def elements_through_time():
    decayed, last = gradcore.scan(
        lambda m, a, b: [T.tanh(m + 0.5 * a * v), b + a],
        sequences=M.dimshuffle(0, "x", 1),
        outputs_info=[N, N],
    )[0]
    return [M, N, v], [decayed, last[-1]]


def scatter_in_any_order():
    return golden_files.gather_and_scatter()


PROGRAMS = [
    *golden_files.PROGRAMS, full_sum, layer_norm_gradient, running_sums, running_rows, running_loss,
    transposed, elements_through_time, scatter_in_any_order,
]  # fmt: skip


def host_mode(program, **options):
    if program is scatter_in_any_order:
        options["deterministic"] = False
    return Mode("cuda", runtime="host", **options)


def own(source):
    """Return the host program and the kernels, without what comes before all kernels."""
    program, _, kernels = source.partition("/* ")
    where = re.search(r"^GC_KERNEL ", kernels, re.MULTILINE)
    return f"{program.strip()}\n\n{kernels[where.start() :]}"


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_golden(program):
    found = own(function(*program(), mode=host_mode(program)).source)
    compare(found, f"{program.__name__}.cu")


@pytest.mark.skipif(not checking.compilers(), reason="there is neither NVRTC nor nvcc")
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_kernels_are_cuda(program):
    text = function(*program(), mode=host_mode(program)).source
    kernels = text[text.index("/* ") :]
    checking.check(kernels)
    checking.check(f"#define GC_WIDE\n{kernels}")


@pytest.mark.skipif(not checking.compilers(), reason="there is neither NVRTC nor nvcc")
@pytest.mark.parametrize("dtype", ["float64", "float32", "int64"])
def test_functions_of_all_rows_are_cuda(dtype):
    """What rows call, in one unit."""
    operands = [T.vector(name, dtype) for name in "abc"]
    outputs = []
    for op in ROWS.values():
        with contextlib.suppress(TypeError):  # a row that takes no such operands
            outputs.append(op(*operands[: op.operands]))
    text = function(operands, outputs, mode=HOST).source
    checking.check(text[text.index("/* ") :])


@pytest.mark.skipif(not checking.compilers(), reason="there is neither NVRTC nor nvcc")
def test_what_does_not_compile_is_told():
    with pytest.raises(CompileError, match="undefined"):
        checking.check("__global__ void k(double *x) { *x = y; }")


# what it computes -------------------------------------------------------------------------------
def draws(program):
    drawn = np.random.default_rng(3)
    known = {
        "x": 1.1, "M": drawn.normal(size=(37, 45)), "v": drawn.normal(size=45), "n": 9,
        "N": drawn.normal(size=(45, 45)), "at": drawn.integers(-45, 45, 70),
    }  # fmt: skip
    return [known[variable.name] for variable in program()[0]]


def listed(results):
    """Return the results of a function, one or several, as a list."""
    return results if isinstance(results, list) else [results]


@pytest.mark.parametrize("threads", [1, 7, 32, 128])
@pytest.mark.parametrize("order", host.ORDERS)
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_any_number_of_threads_in_any_order(program, threads, order):
    mode = host_mode(program, threads=threads, order=order)
    given = draws(program)
    found = listed(function(*program(), mode=mode)(*given))
    expected = listed(function(*program(), mode="numpy")(*given))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12)


def test_indices_of_64_bits(monkeypatch):
    for program in PROGRAMS:
        narrow = function(*program(), mode=host_mode(program))
        wide = function(*program(), mode=host_mode(program))
        found = narrow(*draws(program))
        monkeypatch.setattr(host, "MOST_INDEX32_ELEMENTS", 2)
        again = wide(*draws(program))
        monkeypatch.undo()
        np.testing.assert_equal(found, again)


def test_a_barrier_that_is_missing_shows(monkeypatch):
    """A step reads what other threads stored in the step before."""
    states, _ = gradcore.scan(lambda drive, h: T.tanh(drive + h[::-1]), M, v)
    given = draws(rnn_until)[:2]

    def found():
        modes = [Mode("cuda", runtime="host", threads=64, order=order) for order in host.ORDERS]
        return [function([M, v], states, mode=mode)(*given) for mode in modes]

    text = host.HostFunction.text
    right = found()
    assert np.array_equal(right[0], right[1]) and np.array_equal(right[0], right[2])
    monkeypatch.setattr(
        host.HostFunction,
        "text",
        lambda self: re.sub(r"^    +gc_barrier\(\);\n", "", text(self), flags=re.MULTILINE),
    )
    wrong = found()
    assert not np.array_equal(wrong[0], wrong[1])
    assert not all(np.allclose(a, right[0]) for a in wrong)


def test_threads_that_wait_for_each_other(monkeypatch):
    text = host.HostFunction.text

    def divergent(self):
        return text(self).replace(
            "for (gc_index vector = threadIdx.x", "if (threadIdx.x == 0) __syncthreads();\n"
            "        for (gc_index vector = threadIdx.x",
        )  # fmt: skip

    monkeypatch.setattr(host.HostFunction, "text", divergent)
    f = function(*softmax_rows(), mode=Mode("cuda", runtime="host", threads=64))
    with pytest.raises(host.DeadlockError, match="true_div_kernel"):
        f(np.ones((3, 200)))


def test_a_check_on_the_device_stops_what_comes_after():
    f = function([v, at], T.exp(v[at]) * 2, mode=HOST)
    np.testing.assert_allclose(f([0.0, 1.0], [1, -2]), [2 * np.e, 2])
    with pytest.raises(IndexError, match="3"):
        f([0.0, 1.0], [0, 3])
    np.testing.assert_allclose(f([0.0, 1.0], [0]), [2])


@pytest.mark.parametrize("threads", [1, 7, 64])
def test_a_check_in_a_step_that_threads_share(threads):
    """Each step gathers what its row of indices says, and checks these."""
    indices = T.lmatrix("indices")
    sums, _ = gradcore.scan(
        lambda row, index, total: total + T.exp(row[index]), [M, indices], T.zeros((3,))
    )
    f = function([M, indices], sums, mode=Mode("cuda", runtime="host", threads=threads))
    given, places = np.log(np.arange(1.0, 13).reshape(4, 3)), np.zeros((4, 3), int)
    np.testing.assert_allclose(f(given, places)[-1], [22, 22, 22])
    places[2, 1] = 7
    with pytest.raises(IndexError, match="index 7"):
        f(given, places)


def test_extents_that_only_data_tell():
    f = function([v], v.nonzero()[0], mode=HOST)
    np.testing.assert_array_equal(f([0.0, 2.0, 0.0, 3.0]), [1, 3])
    g = function([x, n], gradcore.scan(lambda s: s * 2, outputs_info=x, n_steps=n)[0], mode=HOST)
    np.testing.assert_array_equal(g(1.0, 3), [2, 4, 8])
    assert g(1.0, 0).shape == (0,)


def test_updates_happen_all_or_none():
    total = gradcore.shared(np.zeros(2), "total")
    f = function([v, at], v[at].sum(), updates=[(total, total + 1)], mode=HOST)
    with pytest.raises(IndexError):
        f([1.0], [5])
    np.testing.assert_array_equal(total.get_value(), [0, 0])
    f([1.0], [0])
    np.testing.assert_array_equal(total.get_value(), [1, 1])


def test_many_threads_may_call():
    f = function(*softmax_rows(), mode=HOST)
    given = np.random.default_rng(0).normal(size=(6, 50))
    expected, found = f(given), []

    def call():
        found.append(f(given))

    workers = [threading.Thread(target=call) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(found) == 8 and all(np.array_equal(expected, a) for a in found)


def test_dtypes_of_one_type_of_c():
    """Bools and bytes, each with vectors and sums of its own."""
    small, truths = T.vector("small", "uint8"), T.vector("truths", "bool")
    outputs = [small > 1, T.max(small), T.any(truths), T.cumsum(truths), T.max(truths)]
    f = function([small, truths], outputs, mode=HOST)
    found = f(np.array([0, 3, 2], "uint8"), np.array([True, False, True]))
    expected = [[False, True, True], 3, True, [1, 1, 2], True]
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_options():
    with pytest.raises(ModeError, match="sideways"):
        function([x], x * 2, mode=Mode("cuda", runtime="host", order="sideways"))
    with pytest.raises(ModeError, match="'slow'"):
        function([x], x * 2, mode=Mode("cuda", runtime="slow"))


@pytest.mark.parametrize("threads", [1, 2, 7, 32, 33, 100, 128])
@pytest.mark.parametrize("length", [0, 1, 5, 31, 32, 33, 300])
def test_running_sums_of_any_length(threads, length):
    """Integers show it exactly; a running sum of a running sum needs the first one's result."""
    rows, x = T.lmatrix("rows"), T.fmatrix("x")
    outputs = [
        T.cumsum(rows, axis=1),
        T.cumsum(T.cumprod(rows, axis=1), axis=1) + rows[:, ::-1],
        T.cumsum(rows.flatten()),
        T.cumsum(x, axis=1) / T.sum(x, axis=1, keepdims=True),
        T.grad(T.sum(T.cumsum(T.exp(x), axis=1) ** 2), x),
    ]
    mode = Mode("cuda", runtime="host", threads=threads, order="mixed")
    drawn = np.random.default_rng(length)
    given = [
        drawn.integers(-3, 4, (5, length)),
        drawn.uniform(0.5, 1.5, (5, length)).astype("float32"),
    ]
    f = function([rows, x], outputs, mode=mode)
    assert threads == 1 or "gc_running_add_i64" in f.source
    expected = function([rows, x], outputs, mode="numpy")(*given)
    for a, b in zip(f(*given), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5 if a.dtype.kind == "f" else 0)


LONG_SUMS = {
    "sum": ("float64", lambda x: T.cumsum(x), 1),
    "product": ("float64", lambda x: T.cumprod(1 + x / 9), 1),
    "expression": ("float64", lambda x: [T.cumsum(T.exp(x)) * 2 + x, T.exp(x)], 1),
    "gradient": ("float64", lambda x: T.grad(T.sum(T.cumsum(T.exp(x)) ** 2), x), 2),
    "several": ("float64", lambda x: [T.cumsum(x), T.cumprod(1 + x / 9), T.cumsum(x**2)], 1),
    "shares": ("float32", lambda x: T.cumsum(x**2) / (1 + T.sum(x**2)), 1),
    "conditions": ("int64", lambda x: T.cumsum(x > 0), 1),
    "small integers": ("int64", lambda x: T.cumprod(x.astype("int8")), 1),
    "reversed": ("int64", lambda x: T.cumsum(x[::-1])[::-1] * 2, 1),
    "the last": ("int64", lambda x: T.cumsum(x)[-1:], 1),
    "total": ("float64", lambda x: T.sum(T.cumsum(x) ** 2), 1),
    "total and gradient": ("float64", lambda x: [y := T.sum(T.cumsum(x) ** 3), T.grad(y, x)], 2),
    "of itself": ("int64", lambda x: T.cumsum(T.cumsum(x)), 0),
    "rows": ("int64", lambda x: T.cumsum(T.stack([x, 2 * x, x * x]), axis=1) + 1, 1),
    "matrices": ("int64", lambda x: T.cumsum(T.stack([x, -x]).reshape((2, 1, -1)), axis=2), 1),
}
"""Running sums of a vector, each with how many of its loops many blocks share."""


@pytest.mark.parametrize("name", LONG_SUMS)
def test_many_blocks_share_long_running_sums(name, monkeypatch):
    """Chunks of few steps, of which some are empty where there are fewer than groups."""
    monkeypatch.setattr(schedule, "GPU", replace(GPU, prefix_steps=4, long_row_steps=8))
    dtype, made, count = LONG_SUMS[name]
    y = T.vector("y", dtype)
    outputs = made(y)
    expected = function([y], outputs, mode="numpy")
    for threads, order in itertools.product([1, 7, 32, 128], host.ORDERS):
        mode = Mode("cuda", runtime="host", threads=threads, order=order)
        f = function([y], outputs, mode=mode)
        assert len(re.findall(r"^GC_KERNEL \w+_totals", f.source, re.MULTILINE)) == count
        for length in [0, 1, 2, 4, 5, 9, 12, 13, 33, 64, 100, 300]:
            drawn = np.random.default_rng(length)
            given = (3 * drawn.normal(size=length)).astype(dtype)
            for a, b in zip(listed(f(given)), listed(expected(given)), strict=True):
                assert a.dtype == b.dtype
                tolerance = {"int64": 0, "float32": 1e-5, "float64": 1e-10}[dtype]
                np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def test_long_running_sums_in_kernels_of_real_size():
    """Chunks as long as on a device, and the same result each time."""
    drawn = np.random.default_rng(0).normal(size=20_000)
    f = function([v, M], [T.cumsum(v), T.cumsum(M, axis=1)], mode=HOST)
    found = f(drawn, drawn[None])
    np.testing.assert_allclose(found[0], np.cumsum(drawn), rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(found[0], found[1][0])
    np.testing.assert_array_equal(found[0], f(drawn, drawn[None])[0])


A, B, C = T.dmatrices("A", "B", "C")
K = T.tensor3("K", dtype="float64")
h, n_steps = T.dscalar("h"), T.lscalar("n_steps")


def leapfrog():
    """Two states, each of which needs the other; extents that only a step makes equal."""

    def step(x, v, w, h):
        v = v - h * w * x
        return [x + h * v, v]

    x, v = gradcore.scan(step, outputs_info=[A, B], non_sequences=[C, h], n_steps=n_steps)[0]
    return [A, B, C, h, n_steps], [x[-1], v]


def two_steps_back():
    """A state that is the one before of another, and the gradient, which goes backwards."""
    states = gradcore.scan(
        lambda x, a, b: 0.5 * a - 0.3 * b + x,
        sequences=K,
        outputs_info={"initial": T.stack([A, B]), "taps": [-2, -1]},
    )[0]
    return [K, A, B], [states, *T.grad(T.sum(states**2), [K, A, B])]


def columns_of_one():
    """An axis of extent 1 is in no index."""
    x = T.tensor("x", dtype="float64", shape=(None, 1, None))
    rows = T.tensor("rows", dtype="float64", shape=(None, 1, None))
    states = gradcore.scan(lambda t, s: T.sin(s) + t, sequences=rows, outputs_info=x[0])[0]
    return [rows, x], states


def ends_alone():
    """Only the last state is wanted; nothing is stored on the way."""
    state = gradcore.scan(lambda s, k: T.cos(s * k), outputs_info=A, non_sequences=B, n_steps=6)[0]
    return [A, B], [state[-1], T.grad(T.sum(state[-1]), A)]


def within_another():
    """A scan of elements in each step of another that multiplies matrices."""

    def step(x, s):
        inner = gradcore.scan(
            lambda a, b: T.tanh(a + b), outputs_info=s, non_sequences=x, n_steps=3
        )
        return T.dot(inner[0][-1], A)

    return [K, A], gradcore.scan(step, sequences=K, outputs_info=A)[0]


SCANS = {leapfrog: 1, two_steps_back: 2, columns_of_one: 1, ends_alone: 2, within_another: 1}
"""Scans of elements, with how many loops over steps there are in their kernels."""


@pytest.mark.parametrize("steps", [0, 1, 5])
@pytest.mark.parametrize("threads", [1, 7, 32])
@pytest.mark.parametrize("program", SCANS, ids=lambda p: p.__name__)
def test_elements_go_through_scans_alone(program, threads, steps):
    inputs, outputs = program()
    f = function(inputs, outputs, mode=Mode("cuda", runtime="host", threads=threads, order="mixed"))
    source = f.source
    kernels = source[source.index("GC_KERNEL ") :]
    loops = re.findall(r"for \((?:gc_index|int64_t) t\w* = 0;", kernels)
    assert len(loops) == SCANS[program], kernels
    drawn = np.random.default_rng(steps)
    known = {"K": (steps, 6, 6), "rows": (steps, 1, 6), "x": (2, 1, 6), "h": ()}
    given = [
        np.int64(steps) if v is n_steps else drawn.normal(size=known.get(v.name, (6, 6)))
        for v in inputs
    ]
    wanted = function(inputs, outputs, mode="numpy")
    try:
        expected = wanted(*given)
    except IndexError:  # there is no last state
        with pytest.raises(IndexError):
            f(*given)
        return
    for a, b in zip(listed(f(*given)), listed(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


def test_no_step_no_extents():
    """With no step to take, extents that only a step makes equal may differ."""
    inputs, outputs = leapfrog()
    given = [np.ones((2, 3)), np.ones((4, 5)), np.ones((7, 1)), 0.1, 0]
    found = function(inputs, outputs[1], mode=HOST, on_unused_input="ignore")(*given)
    assert found.shape == (0, 4, 5)


def test_elements_that_meet_stay_in_step():
    """A step that sums, looks at a neighbour or may stop is taken by all elements together."""
    state = gradcore.scan(lambda s: s / T.sum(s), outputs_info=v, n_steps=3)[0]
    turned = gradcore.scan(lambda s: s[::-1] * 0.5, outputs_info=v, n_steps=3)[0]
    for output in (state, turned):
        f = function([v], output, mode=Mode("cuda", runtime="host", threads=7, order="backward"))
        given = np.arange(1.0, 40.0)
        np.testing.assert_allclose(f(given), function([v], output, mode="numpy")(given), rtol=1e-12)


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


@pytest.mark.parametrize("name", long_sums.PROGRAMS)
def test_long_sums_are_accurate(name):
    """What rounding loses does not grow with the number of terms."""
    long_sums.check(name, Mode("cuda", runtime="host"))


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


def test_a_running_sum_waits_for_rows_of_vectors():
    """It gives a thread each element in turn: not those that the thread has stored before."""
    source = own(function([M], T.cumsum(T.softmax(M), axis=1), mode=HOST).source)
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
    assert "gc_running" not in f.source
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
    assert " atomicAdd(&" not in own(function([v, w, at], last, mode=mode).source)
    for program in PROGRAMS:
        source = own(function(*program(), mode=host_mode(program)).source)
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


TUTORIAL = """
import sys, gradcore, pytest
gradcore.config.mode = gradcore.Mode("cuda", runtime="host", threads=7)
quiet = ["-q", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
sys.exit(pytest.main([*quiet, *sys.argv[1:]]))
"""


def test_the_tutorial():
    """Every example, with all functions on the host shim."""
    told = subprocess.run(
        [sys.executable, "-c", TUTORIAL, str(Path(__file__).with_name("test_tutorial.py"))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
