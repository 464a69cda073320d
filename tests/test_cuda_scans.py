"""Prefix scans and scans on CUDA's shim: shared by blocks, or each element by itself."""

import itertools
import re
from dataclasses import replace

import numpy as np
import pytest
from cuda_programs import HOST, listed
from golden_files import M, v

import gradcore
import gradcore.tensor as T
from gradcore import Mode, function
from gradcore_c import compiler
from gradcore_cuda import host
from gradcore_cuda.target import GPU

pytestmark = pytest.mark.skipif(
    compiler.unavailable() is not None, reason=str(compiler.unavailable())
)


w = T.dvector("w")


@pytest.mark.parametrize("threads", [1, 2, 7, 32, 33, 100, 128])
@pytest.mark.parametrize("length", [0, 1, 5, 31, 32, 33, 300])
def test_cumulative_sums_of_any_length(threads, length):
    """Integers show it exactly; a cumulative sum of another needs the first one's result."""
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
    assert threads == 1 or "gc_prefix_add_i64" in f.source
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
def test_many_blocks_share_long_cumulative_sums(name):
    """Chunks of few steps, of which some are empty where there are fewer than groups."""
    target = replace(GPU, prefix_steps=4, long_row_steps=8)
    dtype, made, count = LONG_SUMS[name]
    y = T.vector("y", dtype)
    outputs = made(y)
    expected = function([y], outputs, mode="numpy")
    for threads, order in itertools.product([1, 7, 32, 128], host.ORDERS):
        mode = Mode("cuda", runtime="host", threads=threads, order=order, target=target)
        f = function([y], outputs, mode=mode)
        assert len(re.findall(r"^GC_KERNEL \w+_totals", f.source, re.MULTILINE)) == count
        for length in [0, 1, 2, 4, 5, 9, 12, 13, 33, 64, 100, 300]:
            drawn = np.random.default_rng(length)
            given = (3 * drawn.normal(size=length)).astype(dtype)
            for a, b in zip(listed(f(given)), listed(expected(given)), strict=True):
                assert a.dtype == b.dtype
                tolerance = {"int64": 0, "float32": 1e-5, "float64": 1e-10}[dtype]
                np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def test_long_cumulative_sums_in_kernels_of_real_size():
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
