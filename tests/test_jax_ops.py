"""The kernels of the JAX backend: every op, special values, indices."""

import subprocess
import sys
from collections import defaultdict

import numpy as np
import pytest
from against_numpy import both

import gradcore
import gradcore.tensor as T
from gradcore import Mode
from gradcore.conformance.samples import all_samples, operands, sample_id
from gradcore.graph import Constant
from gradcore.ops.elementwise import Elementwise

pytest.importorskip("jax")


# every op ---------------------------------------------------------------------------------------
def batches(dtype):
    """Return samples in batches: all rows on operands of one shape are one program."""
    found = defaultdict(list)
    for sample in all_samples():
        if isinstance(sample.op, Elementwise):
            found[",".join("x".join(map(str, a.shape)) for a in sample.operands)].append(sample)
        elif dtype == "float64" or any(a.dtype == "float" for a in sample.operands):
            found[sample_id(sample)].append(sample)
    return found


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_op(dtype):
    for name, samples in batches(dtype).items():
        nodes, inputs, values, expected, scales = [], [], [], [], []
        for sample in samples:
            rng = np.random.default_rng(1234)  # of its own: what others draw changes nothing
            variables, arrays = operands(sample, rng, dtype)
            nodes.append(sample.op.make_node(*variables))
            given = [k for k, v in enumerate(variables) if not isinstance(v, Constant)]
            inputs += [variables[k] for k in given]
            values += [arrays[k] for k in given]
            with np.errstate(all="ignore"):
                results = nodes[-1].op.kernel(nodes[-1])(*arrays)
            results = results if isinstance(results, tuple) else (results,)
            expected += results
            magnitude = sum(np.abs(a).sum() for a in arrays if a.dtype.kind == "f")
            elementwise = isinstance(sample.op, Elementwise)
            scales += [np.abs(a) if elementwise else magnitude for a in results]
        outputs = [v for node in nodes for v in node.outputs]
        ulps = [node.op.ulp for node in nodes for _ in node.outputs]
        f = gradcore.function(inputs, outputs, mode=Mode("jax", optimizer=False))
        found = zip(outputs, f(*values), map(np.asarray, expected), ulps, scales, strict=True)
        for v, a, b, ulp, scale in found:
            what = f"{v.owner.op} of {name}"
            assert a.dtype == b.dtype and a.shape == b.shape, what
            if b.dtype.kind != "f":
                assert np.array_equal(a, b), what
            elif b.size:
                assert (np.abs(a - b) <= max(ulp, 8) * np.finfo(dtype).eps * scale).all(), what


INTS = np.array([0, 1, 2, 3, 7, 100, -1, -2, -7, -128, 127], "int8")
FLOATS = np.array([0, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, np.inf, -np.inf, np.nan, 30, -30, 1e-8])
BINARY = ("int_div", "mod", "maximum", "minimum", "left_shift", "right_shift", "eq", "lt", "and_")
UNARY = ("round", "round_half_away_from_zero", "floor", "trunc", "sgn", "sqr", "exp2", "sinh")


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int64", "float64", "bool"])
def test_special_values_in_pairs(name, dtype):
    values = FLOATS if dtype == "float64" else INTS.astype(dtype)
    a, b = (x.ravel() for x in np.meshgrid(values, values))
    x, y = T.vector("x", dtype), T.vector("y", dtype)
    try:
        z = getattr(T, name)(x, y)
    except gradcore.errors.GraphTypeError:
        return
    both([x, y], [z], a, b)


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("dtype", ["int8", "int64", "float64"])
def test_special_values(name, dtype):
    x = T.vector("x", dtype)
    both([x], [getattr(T, name)(x)], FLOATS if dtype == "float64" else INTS.astype(dtype))


def test_powers_of_integers_wrap_around():
    x, n = T.lvector("x"), T.lvector("n")
    a, b = (v.ravel() for v in np.meshgrid([0, 1, -1, 2, 3, 10], [0, 1, 2, 31, 63, 64, 100]))
    both([x, n], [x**n, x**2, x**64], a, b)


def test_reductions_of_special_values():
    x = T.dmatrix("x")
    a = np.array([[1, np.nan, 3], [np.nan, np.nan, 2], [4, 4, -np.inf]])
    words = (T.max, T.min, T.argmax, T.argmin, T.sort, T.argsort, T.sum, T.any)
    both([x], [word(x, axis=axis) for word in words for axis in (0, 1)], a)
    both([x], [T.sum(x, axis=0), T.prod(x), T.all(x, axis=1)], np.zeros((0, 3)))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_sorting_tells_subnormal_numbers_separate(dtype):
    """XLA compares them as zeros."""
    x = T.vector("x", dtype)
    limits = np.finfo(dtype)
    tiny = np.array([3, -1, 0, -0.0, -2, 1], dtype) * limits.smallest_subnormal
    others = [np.nan, -np.inf, np.inf, -np.nan, limits.max, -1, 1, limits.min]
    both([x], [T.sort(x), T.argsort(x)], np.array([*others, *tiny], dtype))


def test_sums_of_small_integers_are_retained_in_64_bits():
    x, b = T.bvector("x"), T.vector("b", "bool")
    found = both(
        [x, b],
        [x.sum(), x.prod(), b.sum(), T.cumsum(x)],
        np.full(9, 100, "int8"),
        np.ones(9, "bool"),
    )
    assert [a.dtype.name for a in found] == ["int64"] * 4


def test_mixed_dtypes_promote_as_in_numpy():
    i, x = T.lvector("i"), T.fvector("x")
    results = [T.concatenate([i, x]), T.dot(i, x), T.set_subtensor(T.cast(i, "float64")[:2], x[:2])]
    both([i, x], results, np.array([1, 2**40, 3]), np.array([0.5, 1, 2], "float32"))


# indexing ---------------------------------------------------------------------------------------
def test_elements_written_twice():
    x, y, i = T.dvector("x"), T.dvector("y"), T.lvector("i")
    index = np.array([3, 0, 3, -1, 0, 3])
    written = [T.set_subtensor(x[i], y), T.inc_subtensor(x[i], y), T.set_subtensor(x[i], 7.0)]
    both([x, y, i], written, np.zeros(5), np.arange(1.0, 7), index)
    many = np.random.default_rng(0).integers(0, 50, 20000)
    both([x, y, i], written, np.zeros(50), np.arange(20000.0), many)


def test_parts_that_follow_each_other():
    x, y = T.dtensor3("x"), T.dscalar("y")
    keys = [np.s_[1], np.s_[:, ::-1], np.s_[2:0:-1, None, :, 1], np.s_[::-1, ::-1, ::-1], np.s_[5:]]
    results = [
        word(x[key], y * x[key]) for key in keys for word in (T.set_subtensor, T.inc_subtensor)
    ]
    both([x, y], results, np.arange(24.0).reshape(4, 3, 2), 3.0)


def test_indices_out_of_bounds():
    x, i = T.dvector("x"), T.lvector("i")
    f = gradcore.function([x, i], [x[i], T.inc_subtensor(x[i], 1.0)], mode="jax")
    read, written = f([1, 2, 3], [0, 3, -4, -1])
    assert np.array_equal(read, [1, np.nan, np.nan, 3], equal_nan=True)
    assert written.tolist() == [2, 2, 4]
    with pytest.raises(IndexError, match="index 5 is out of bounds for axis 0 with size 3"):
        gradcore.function([x], x[np.array([0, 5])], mode="jax")([1, 2, 3])


def test_small_integers_as_indices_of_a_large_axis():
    x, i = T.dvector("x"), T.bvector("i")
    both([x, i], [x[i]], np.arange(300.0), np.array([-1, 5], "int8"))


@pytest.mark.parametrize("function", ["schur(x)[0]", "inv(x)", "svdvals(x)"])
def test_programs_in_many_threads_do_not_wait_for_each_other(function):
    """XLA copies for a callback, and shares out a stack, in the threads that run programs."""
    script = f"""
import os
from concurrent.futures import ThreadPoolExecutor
import numpy as np
import gradcore
import gradcore.tensor as T
x = T.dtensor3("x")
f = gradcore.function([x], T.linalg.{function}, mode="jax")
a = np.random.default_rng(0).normal(size=(8, 60, 60))
expected = f(a)
threads = 2 * (os.cpu_count() or 1)
with ThreadPoolExecutor(threads) as pool:
    for found in pool.map(lambda _: f(a), range(10 * threads)):
        np.testing.assert_array_equal(found, expected)
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=300)
