"""Sparse Jacobians and Hessians: patterns, colourings, and values against the dense ones."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from test_derivatives import PLAIN, SAMPLES, moving, outputs_of

import gradcore
import gradcore.tensor as T
from gradcore.conformance.samples import operands, sample_id
from gradcore.derive import Branch
from gradcore.errors import (
    DisconnectedInputError,
    GraphTypeError,
    GraphValueError,
    NotScalarError,
    ShapeError,
)
from gradcore.gradient import colouring, patterns
from gradcore.gradient.local_patterns import moved
from gradcore.graph import Constant
from gradcore.ops.control import GradClip

MODES = ["numpy", "c", "jax", "torch"]


def available(mode):
    if mode in ("jax", "torch"):
        pytest.importorskip(mode)
    return mode


def vector(n, name="x"):
    return T.tensor(name, "float64", (n,))


# every op ---------------------------------------------------------------------------------------
DRAWS = 60
"""Points at which a Jacobian is looked at: each element is the largest at one of them."""


def is_exact(op):
    """Return whether the samples of an op reach all of its pattern."""
    chooses = isinstance(op.derivative, Branch) and not op.derivative.lazy  # by constants
    return patterns.is_exact(op) and not chooses


def nonzeros(sample, output, v, variables, inputs, rng, pattern=None):
    """Return where the dense Jacobian of a sample is not zero at some point.

    It is looked at no further, after three points, once it is the ``pattern``, if there is one.
    """
    dense = gradcore.jacobian(output, v)
    found = False
    f = gradcore.function(inputs, dense, mode=PLAIN, on_unused_input="ignore")
    for k in range(DRAWS):
        if k > 2 and pattern is not None and np.array_equal(found, pattern):
            break
        _, values = operands(sample, rng, static=True)
        point = [a for w, a in zip(variables, values, strict=True) if not isinstance(w, Constant)]
        jacobian = f(*point)
        found = found | (jacobian.reshape(-1, int(np.prod(v.type.shape))) != 0)
    return found


@pytest.mark.parametrize("sample", SAMPLES, ids=sample_id)
def test_patterns_of_all_ops_are_exact(sample, rng):
    variables, _ = operands(sample, rng, static=True)
    inputs = [v for v in variables if not isinstance(v, Constant)]
    for output in outputs_of(sample, variables):
        if None in output.type.shape and sample.op.label() == "scan" and sample.op.until:
            with pytest.raises(ShapeError, match="known extents"):
                gradcore.sparse_jacobian(output, inputs)
            continue
        for v in moving(sample, variables, output):
            (pattern,) = patterns.jacobian_pattern(output, [v])
            expected = pattern.toarray()
            found = nonzeros(sample, output, v, variables, inputs, rng, expected)
            assert not (found & ~expected).any()
            if is_exact(sample.op):
                np.testing.assert_array_equal(expected, found)


# graphs -----------------------------------------------------------------------------------------
INDEX = np.array([0, 2, 2, 5])
MATRIX = np.array([[1.0, 0, 2, 0, 0, 0], [0, 0, 0, 3, 0, 0], [0, 4, 0, 0, 5, 0]])
BANDED = T.tri(6, 6, 1) * (1 - T.tri(6, 6, -2))


def looped(x):
    states, _ = gradcore.scan(
        lambda a, s: T.concatenate([s[1:], a[None] * s[:1]]), sequences=x, outputs_info=x[:3]
    )
    return states


CASES = {
    "square": (lambda x: x**2, 6, 1),
    "products of neighbours": (lambda x: x[1:] * x[:-1], 10, 2),
    "constant matrix": (lambda x: T.dot(MATRIX, x), 5, None),
    "masked": (lambda x: (BANDED * x).sum(1) * x[0], 20, None),
    "gather": (lambda x: T.sin(x[INDEX]) * x[:4], 6, 2),
    "cumulative": (T.cumsum, 21, 6),
    "set": (lambda x: T.set_subtensor(x[2:4], x[:2] * 2), 6, 1),
    "scatter": (lambda x: T.inc_subtensor(x[INDEX], x[:4] ** 2), 8, 2),
    "outer": (lambda x: T.outer(x, x), 66, 6),
    "switch by a constant": (lambda x: T.switch(np.arange(6) > 2, x, 0.0) * x[::-1], 9, 2),
    "lower triangle": (lambda x: T.tril(T.outer(x[:3], x[3:])), 12, 2),
    "loop": (looped, None, None),
    "map": (lambda x: gradcore.map(lambda a, b: a * b**2, [x[1:], x[:-1]])[0], 10, 2),
    "choice": (lambda x: T.ifelse(x[0] > 0, x, x[::-1]), 12, 2),
    "arrow": (lambda x: T.concatenate([x.sum()[None] ** 2, x * x[0]]), 17, 3),
    "scalar": (lambda x: (x[:4] ** 2).sum(), 4, 1),
    "linear": (lambda x: 3 * x, 6, 1),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", CASES)
def test_values_are_those_of_the_dense_ones(name, mode, rng):
    build, nnz, products = CASES[name]
    x = vector(6)
    y = build(x)
    value = {x: rng.uniform(0.5, 2, 6)}
    dense = T.jacobian(y, x).eval(value, available(mode)).reshape(-1, 6)
    for way in ("auto", "forward", "reverse"):
        matrix = T.sparse_jacobian(y, x, mode=way)
        found = matrix.eval(value, mode)
        assert found.shape == dense.shape and found.has_sorted_indices
        np.testing.assert_allclose(found.toarray(), dense, rtol=1e-10, atol=1e-12)
        assert way == "auto" or not matrix.products[way == "forward"]
        assert nnz in (None, matrix.nnz)
    assert products in (None, sum(T.sparse_jacobian(y, x).products))
    cost = (y**3).sum()
    hessian = T.hessian(cost, x).eval(value, mode)
    found = T.sparse_hessian(cost, x).eval(value, mode)
    np.testing.assert_allclose(found.toarray(), hessian, rtol=1e-8, atol=1e-10)


def test_few_products():
    x = vector(50)
    rosenbrock = (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()
    hessian = T.sparse_hessian(rosenbrock, x)
    assert hessian.products == (3, 0) and hessian.nnz == 148
    assert T.sparse_hessian((x * x[0]).sum() + (x**3).sum(), x).products == (2, 0)
    arrow = T.concatenate([T.stack([(x**2).sum()]), x**2 * x[0]])
    assert T.sparse_jacobian(arrow, x).products == (2, 1)
    assert T.sparse_jacobian(x.sum(), x).products == (0, 1)
    assert T.sparse_hessian(x.sum(), x).nnz == 0


def test_many_products_are_a_loop(rng):
    x = vector(12)
    y = T.dot(Constant(rng.normal(size=(15, 12))), T.tanh(x)) ** 2
    value = {x: rng.normal(size=12)}
    matrix = T.sparse_jacobian(y, x)
    assert matrix.products == (12, 0)
    dense = T.jacobian(y, x).eval(value)
    np.testing.assert_allclose(matrix.eval(value).toarray(), dense, rtol=1e-12)


def test_several_variables_and_axes(rng):
    x, w = T.tensor("x", "float64", (2, 3)), T.tensor("w", "float64", (3,))
    y = (x * w) ** 2
    values = {x: rng.normal(size=(2, 3)), w: rng.normal(size=3)}
    pair = T.sparse_jacobian(y, (x, w))
    assert isinstance(pair, tuple) and [m.shape for m in pair] == [(6, 6), (6, 3)]
    for matrix, dense in zip(pair, T.jacobian(y, [x, w]), strict=True):
        expected = dense.eval(values).reshape(matrix.shape)
        np.testing.assert_allclose(matrix.eval(values).toarray(), expected, rtol=1e-12)
    fixed = T.sparse_jacobian(y, w, consider_constant=[w])
    assert fixed.nnz == 0
    inner = x**2
    (by_inner,) = T.sparse_jacobian(inner[0] * inner[1], [inner])
    assert by_inner.nnz == 6


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_extents_that_follow_from_constants(mode):
    """The type of the result does not know them."""
    x = vector(3)
    y = T.repeat(x**2, np.array([2, 0, 1]))
    assert y.type.shape == (None,)
    J = gradcore.sparse_jacobian(y, x, mode=mode)
    found = J.eval({x: [1, 2, 3]}).toarray()
    np.testing.assert_array_equal(found, [[2, 0, 0], [2, 0, 0], [0, 0, 6]])


def test_the_pattern_does_not_change():
    x = vector(4)
    matrix = T.sparse_jacobian(x[1:] * x[:-1], x)
    f = gradcore.function([x], matrix.data)
    a, b = (matrix.toscipy(f(value)) for value in (np.zeros(4), np.arange(4.0)))
    assert a.nnz == b.nnz == 6
    assert np.shares_memory(a.indices, b.indices) and np.shares_memory(a.indptr, b.indptr)
    with pytest.raises(ValueError, match="read-only"):
        a.indices[0] = 1
    data, indices, indptr = gradcore.function([x], list(matrix.tensors))(np.arange(4.0))
    again = sparse.csr_array((data, indices, indptr), shape=matrix.shape)
    np.testing.assert_array_equal(again.toarray(), b.toarray())


def test_data_are_differentiable(rng):
    x, v = vector(5), rng.normal(size=5)
    y = T.sin(x[1:] * x[:-1])
    cost = (T.sparse_jacobian(y, x).data ** 2).sum()
    expected = T.grad((T.jacobian(y, x) ** 2).sum(), x).eval({x: v})
    np.testing.assert_allclose(T.grad(cost, x).eval({x: v}), expected, rtol=1e-10)


def test_float32_stays_float32():
    x = T.tensor("x", "float32", (3,))
    assert T.sparse_jacobian(x**2, x).data.dtype == "float32"
    assert T.sparse_hessian((x**3).sum(), x).data.dtype == "float32"


# what cannot be ---------------------------------------------------------------------------------
def test_extents_are_needed():
    x = T.dvector("x")
    with pytest.raises(ShapeError, match=r"(?s)those of x are not.*extents=\{x"):
        T.sparse_jacobian(x**2, x)
    matrix = T.sparse_jacobian(x[1:] * x[:-1], x, extents={x: (4,)})
    assert matrix.nnz == 6
    assert matrix.eval({x: np.ones(4)}).sum() == 6
    with pytest.raises(ShapeError, match="extents="):
        matrix.eval({x: np.ones(5)})
    other = T.dvector("other")
    sizes = {x: (3,), other: (2,)}
    found = T.sparse_jacobian(T.concatenate([x, other]) ** 2 * other.sum(), x, extents=sizes)
    assert found.shape == (5, 3) and found.nnz == 3
    assert found.eval({x: np.ones(3), other: np.ones(2)}).sum() == 12
    assert T.sparse_hessian(T.sum(x**3) * other.sum(), x, extents=sizes).nnz == 3
    known = vector(4)
    with pytest.raises(ShapeError, match="has 1 axes"):
        T.sparse_jacobian(x, x, extents={x: (4, 1)})
    with pytest.raises(ShapeError, match="known extents"):
        T.sparse_jacobian(known[: T.lscalar("n")], known)


def test_errors():
    x, z = vector(3), vector(3, "z")
    with pytest.raises(DisconnectedInputError, match="does not depend on z"):
        T.sparse_jacobian(x**2, z)
    assert T.sparse_jacobian(x**2, z, disconnected_inputs="ignore").nnz == 0
    with pytest.raises(DisconnectedInputError):
        T.sparse_hessian((x**2).sum(), z)
    with pytest.raises(NotScalarError, match="sparse_jacobian"):
        T.sparse_hessian(x, x)
    with pytest.raises(GraphValueError, match="auto, forward or reverse"):
        T.sparse_jacobian(x, x, mode="backward")


def test_by_argument(rng):
    x, z = vector(5), vector(2, "z")
    y = T.concatenate([x[1:] * x[:-1], z])
    for found, wanted in [
        (T.jacobian(y, x, sparse=True), T.sparse_jacobian(y, x)),
        (T.jacobian(y, x, mode="reverse", sparse=True), T.sparse_jacobian(y, x, mode="reverse")),
        (T.jacobian(y, [x, z], sparse=True)[1], T.sparse_jacobian(y, [x, z])[1]),
        (T.hessian((y**3).sum(), x, sparse=True), T.sparse_hessian((y**3).sum(), x)),
        (T.hessian((y**3).sum(), (x, z), sparse=True)[1], T.sparse_hessian((y**3).sum(), z)),
    ]:
        assert found.products == wanted.products
        given = {x: rng.normal(size=5), z: rng.normal(size=2)}
        assert (found.eval(given) != wanted.eval(given)).nnz == 0
    constant = T.jacobian(x * x, x, [x], "ignore", sparse=True)
    assert constant.nnz == 0
    for way in ({"chunk_size": 2}, {"vectorize": False}, {"mode": "sideways"}):
        with pytest.raises(GraphValueError):
            T.jacobian(y, x, sparse=True, **way)
    for way in ({"chunk_size": 2}, {"vectorize": False}, {"mode": "forward"}, {"blocks": True}):
        with pytest.raises(GraphValueError):
            T.hessian(y.sum(), x, sparse=True, **way)
    v = T.dvector("v")
    with pytest.raises(ShapeError, match="declare the shapes"):
        T.jacobian(v**2, v, sparse=True)
    with pytest.raises(NotScalarError):
        T.hessian(y, x, sparse=True)


def test_indices_that_are_not_known_are_dense():
    x, i = vector(5), T.tensor("i", "int64", (2,))
    assert T.sparse_jacobian(x[i], x).nnz == 10


def test_marks_are_seen():
    x = vector(4)
    assert T.sparse_jacobian(x * T.zero_grad(x[::-1]), x).nnz == 4
    assert T.sparse_jacobian(GradClip(-1.0, 1.0)(x) ** 2, x).nnz == 4


def test_until_is_not_known_before():
    x = vector(4)
    stacked, _ = gradcore.scan(
        lambda a, s: (s * a, gradcore.until(s > 9)), sequences=x, outputs_info=T.ones(())
    )
    with pytest.raises(ShapeError, match="known extents"):
        T.sparse_jacobian(stacked, x)


# random graphs ----------------------------------------------------------------------------------
N = 4
PERMUTED = np.array([2, 0, 3, 3])
STEPS = {
    "sin": lambda x, y: T.sin(x),
    "mul": lambda x, y: x * y,
    "add": lambda x, y: x + y,
    "reversed": lambda x, y: x[::-1],
    "shifted": lambda x, y: T.concatenate([y[1:], x[:1]]),
    "gathered": lambda x, y: x[PERMUTED] * y,
    "masked": lambda x, y: T.switch(np.arange(N) % 2 == 0, x, y),
    "constant": lambda x, y: x * np.array([0.0, 1, 2, 0]),
    "written": lambda x, y: T.set_subtensor(x[PERMUTED], y),
    "added": lambda x, y: T.inc_subtensor(x[PERMUTED], y),
    "summed": lambda x, y: x * y.sum(),
    "rolled": lambda x, y: T.roll(x, 1),
    "diagonal": lambda x, y: T.diagonal(T.outer(x, y)),
    "rows": lambda x, y: T.reshape(x, (2, 2)).sum(1)[np.array([0, 0, 1, 1])] * y,
    "cumsum": lambda x, y: T.cumsum(x),
    "cumprod": lambda x, y: T.cumprod(x),
    "dot": lambda x, y: T.dot(np.eye(N, k=1) + np.eye(N), x),
    "max": lambda x, y: T.maximum(x, y),
    "loop": lambda x, y: gradcore.scan(
        lambda a, b, s: T.tanh(s * a) + b, sequences=[x, y], outputs_info=T.zeros(())
    )[0],
    "ifelse": lambda x, y: T.ifelse(x[0] > y[1], x, y[::-1]),
}  # fmt: skip
PROGRAMS = st.lists(
    st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 9), st.integers(0, 9)),
    min_size=1,
    max_size=5,
)


def built(program):
    x = vector(N)
    made = [x]
    for name, i, j in program:
        made.append(STEPS[name](made[i % len(made)], made[j % len(made)]))
    return x, made[-1]


def compared(program, seed, mode="numpy"):
    """Compare sparse and dense results of a program."""
    x, y = built(program)
    value = {x: np.random.default_rng(seed).uniform(-1.5, 1.5, N)}
    pairs = [
        (T.sparse_jacobian(y, x, disconnected_inputs="ignore"),
         T.jacobian(y, x, disconnected_inputs="ignore")),
        (T.sparse_hessian((y**2).sum(), x, disconnected_inputs="ignore"),
         T.hessian((y**2).sum(), x, disconnected_inputs="ignore")),
    ]  # fmt: skip
    for matrix, dense in pairs:
        expected = dense.eval(value, mode)
        found = matrix.eval(value, mode).toarray()
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(PROGRAMS, st.integers(0, 99))
def test_random_graphs(program, seed):
    compared(program, seed)


@pytest.mark.parametrize("mode", ["c", "jax", "torch"])
def test_random_graphs_on_other_backends(mode, rng):
    available(mode)
    for seed in range(3):
        drawn = np.random.default_rng(seed)
        steps = drawn.choice(sorted(STEPS), 4)
        compared([(s, *drawn.integers(0, 9, 2).tolist()) for s in steps.tolist()], seed, mode)


# colourings -------------------------------------------------------------------------------------
def random_pattern(seed, symmetric):
    rng = np.random.default_rng(seed)
    m, n = rng.integers(1, 12, 2)
    found = rng.random((n, n) if symmetric else (m, n)) < rng.uniform(0, 0.6)
    found = found | found.T if symmetric else found
    if rng.random() < 0.4:
        found[:1] = True
        found[:, :1] = found[:, :1] | symmetric
    return sparse.csr_array(found)


@given(st.integers(0, 10**6))
def test_colourings_of_jacobians_show_each_element(seed):
    pattern = random_pattern(seed, symmetric=False)
    dense = pattern.toarray()
    rows = np.repeat(np.arange(dense.shape[0]), np.diff(pattern.indptr))
    fewest = []
    for mode in ("forward", "reverse", "auto"):
        found = colouring.jacobian_colouring(pattern, mode)
        fewest.append(found.products)
        for i, j, by_row in zip(rows, pattern.indices, found.by_rows, strict=True):
            if by_row:
                assert (dense[:, j] & (found.rows == found.rows[i])).sum() == 1
                assert found.rows[i] >= 0
            else:
                assert (dense[i] & (found.columns == found.columns[j])).sum() == 1
                assert found.columns[j] >= 0
    assert fewest[2] <= min(fewest)


@given(st.integers(0, 10**6))
def test_colourings_of_hessians_show_each_element(seed):
    pattern = random_pattern(seed, symmetric=True)
    dense = pattern.toarray()
    found = colouring.hessian_colouring(pattern)
    rows = np.repeat(np.arange(dense.shape[0]), np.diff(pattern.indptr))
    for i, j, turned in zip(rows, pattern.indices, found.by_rows, strict=True):
        row, column = (j, i) if turned else (i, j)
        assert (dense[row] & (found.columns == found.columns[column])).sum() == 1
    separate = colouring.jacobian_colouring(pattern, "forward")
    assert found.products <= max(separate.products, 2 * dense.sum(1).max(initial=0))


@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0)])
@pytest.mark.parametrize("axis", [0, -1])
def test_patterns_along_axes_of_nothing(shape, axis):
    x = T.tensor("x", "float64", shape)
    for y in (T.cumsum(x, axis), T.sort(x, axis), T.concatenate([x, x], axis), x.sum(axis)):
        assert gradcore.sparse_jacobian(y, x).nnz == 0


def test_a_pattern_of_nothing():
    assert moved(np.array([], int), 3).shape == (0, 3)


def test_functions_return_it_as_a_matrix_of_scipy(everywhere):
    """Beside other outputs, in any form; its pattern is the same memory in each call."""
    x = T.tensor("x", "float64", (4,))
    y = x[1:] ** 2 * x[:-1]
    J, H = T.jacobian(y, x, sparse=True), T.hessian((y**2).sum(), x, sparse=True)
    dense = gradcore.function([x], [T.jacobian(y, x), T.hessian((y**2).sum(), x)], everywhere)
    f = gradcore.function([x], {"y": y, "J": J, "H": H}, everywhere)
    at, other = f([1.0, 2.0, 3.0, 4.0]), f(np.ones(4))
    for name, wanted in zip("JH", dense([1.0, 2.0, 3.0, 4.0]), strict=True):
        assert at[name].format == "csr"
        np.testing.assert_allclose(at[name].toarray(), wanted)
        assert np.shares_memory(at[name].indices, other[name].indices)
    only = gradcore.function([x], J, everywhere)
    np.testing.assert_allclose(only(np.ones(4)).toarray(), other["J"].toarray())
    with pytest.raises(GraphTypeError, match="computed"):
        gradcore.function([J], y)
    with pytest.raises(GraphTypeError, match="no other matrix takes its place"):
        gradcore.function([x], J, givens={J: J})
