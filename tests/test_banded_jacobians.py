"""Jacobians that are needed as a whole and have structure are computed at once, by diagonals."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import gradcore
import gradcore.tensor as T
from gradcore.errors import GraphIndexError, GraphTypeError
from gradcore.graph import substitute
from gradcore.ops.diagonals import IncDiagonals
from gradcore.ops.scan import Scan

X = T.dvector("X")
A, B = T.dmatrices("A", "B")
PLAIN = gradcore.Mode("numpy", optimizer=False)


def has_loop(f):
    return any(isinstance(node.op, Scan) for node in f.maker.fgraph.apply_nodes)


def rosenbrock(x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


MAPS = {
    "elementwise": lambda x: T.jacobian(T.exp(x) * x, x),
    "constant": lambda x: T.jacobian(3 * x, x),
    "differences": lambda x: T.jacobian(x[1:] - x[:-1], x),
    "inner": lambda x: T.jacobian(x[2:] * x[1:-1] * x[:-2], x),
    "padded": lambda x: T.jacobian(T.inc_subtensor(x[1:-1], x[2:] ** 2), x),
    "choice": lambda x: T.jacobian(T.switch(x > 0, x**3, -x), x),
    "rosenbrock": lambda x: T.hessian(rosenbrock(x), x),
    "tridiagonal": lambda x: T.hessian(((x[1:] * x[:-1]) ** 2).sum() + (x**4).sum(), x),
    "five points": lambda x: T.hessian(T.sin(x[2:] - 2 * x[1:-1] + x[:-2]).sum(), x),
    "nine diagonals of thirty parts": lambda x: T.hessian(
        sum(T.sin(x[k:] - 2 * x[:-k]).sum() for k in range(1, 5)), x
    ),
    "linear": lambda x: T.hessian(x.sum(), x),
    "layer": lambda x: T.jacobian(T.tanh(T.dot(A, x)), x),
    "layer from the right": lambda x: T.jacobian(T.tanh(T.dot(x, A.T)) ** 2, x),
    "two layers": lambda x: T.jacobian(T.tanh(T.dot(A.T, T.tanh(T.dot(A, x)))), x),
    "layer of a part": lambda x: T.jacobian(T.dot(A[:, 1:], x[1:]), x),
    "energy": lambda x: T.hessian(T.dot(x, T.dot(B, x)) + T.exp(x).sum(), x),
    "layers of costs": lambda x: T.hessian((T.tanh(T.dot(A, x)) ** 2).sum(), x),
    "matrix": lambda x: T.jacobian(T.tanh(A) * A + x, A),
    "matrix of constants": lambda x: T.jacobian(A.T, A),
    "part of a sum": lambda x: T.jacobian(x[:-1] * T.sin(x).sum(), x),
}


@pytest.mark.parametrize("mode", ["numpy", None])
@pytest.mark.parametrize("name", MAPS)
def test_structure_is_that_of_the_rows(name, mode, rng):
    """Extents are unknown; the loop over rows is the judge."""
    J = MAPS[name](X)
    plain = gradcore.function([X, A, B], J, PLAIN, on_unused_input="ignore")
    f = gradcore.function([X, A, B], J, mode, on_unused_input="ignore")
    for n in (0, 1, 2, 3, 6):
        given = rng.normal(size=n), rng.normal(size=(4, n)), rng.normal(size=(n, n))
        wanted, found = plain(*given), f(*given)
        assert found.shape == wanted.shape and np.allclose(found, wanted, rtol=1e-12, atol=1e-14)


def test_no_loop_is_left():
    for name, build in MAPS.items():
        f = gradcore.function([X, A, B], build(X), "numpy", on_unused_input="ignore")
        assert not has_loop(f), name


def test_extents_that_are_known():
    """Slices count from either end then."""
    x = T.TensorType("float64", (6,))("x")
    value = np.linspace(1, 2, 6)
    for y in (
        x[-4:] * x[:4] + x[2:-1].sum(),
        T.concatenate([x[-4:] * x[:4], x[2:5]]),
        x[3:2] * x[:0],
    ):
        J = T.jacobian(y, x)
        wanted = gradcore.function([x], J, PLAIN)(value)
        assert np.allclose(gradcore.function([x], J)(value), wanted)
        assert not has_loop(gradcore.function([x], J, "numpy"))


def test_everywhere(everywhere, rng):
    value, a, b = rng.normal(size=5), rng.normal(size=(4, 5)), rng.normal(size=(5, 5))
    outputs = [MAPS[name](X) for name in ("rosenbrock", "two layers", "energy")]
    wanted = gradcore.function([X, A, B], outputs, PLAIN)(value, a, b)
    found = gradcore.function([X, A, B], outputs, everywhere)(value, a, b)
    for z, w in zip(found, wanted, strict=True):
        assert np.allclose(z, w, rtol=1e-11)


def test_float32_stays_so(everywhere):
    x = T.fvector("x")
    J = T.hessian(rosenbrock(x), x)
    value = np.linspace(0.5, 1, 4, dtype="float32")
    found = gradcore.function([x], J, everywhere)(value)
    assert found.dtype == np.float32
    assert np.allclose(found, gradcore.function([x], J, PLAIN)(value), rtol=1e-5)


def test_derivatives_of_structure(everywhere):
    """A Jacobian of a Jacobian, and the gradient of what is made of one."""
    J = T.hessian(rosenbrock(X), X)
    z = [T.grad((J**2).sum(), X), T.jacobian(J, X), T.Rop(J, X, T.cos(X))]
    value = np.linspace(0.5, 1, 4)
    wanted = gradcore.function([X], z, PLAIN)(value)
    for a, b in zip(gradcore.function([X], z, everywhere)(value), wanted, strict=True):
        assert np.allclose(a, b, rtol=1e-11)


# random maps ------------------------------------------------------------------------------------
STEPS = [
    lambda v, k: T.sin(v) * (k + 1),
    lambda v, k: v[k:] * 2,
    lambda v, k: v[: -k or None] ** 2,
    lambda v, k: v[k:] * v[: -k or None],
    lambda v, k: T.inc_subtensor(T.zeros_like(v)[k:], T.exp(v)[: -k or None]) + v,
    lambda v, k: v + T.inc_subtensor(v[: -k or None], v[k:] * v[k:]),
    lambda v, k: v * T.sqrt(1 + (v**2).sum()),
    lambda v, k: T.dot(T.outer(T.arange(3.0), T.ones_like(v)) + k, v),
    lambda v, k: T.switch(v > k - 1, v, -2 * v),
    lambda v, k: v - v[::-1] * k,
]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(range(len(STEPS))), st.integers(0, 2)), max_size=4),
    st.integers(0, 5),
    st.booleans(),
)
def test_random_maps(steps, n, second):
    v = X
    for which, k in steps:
        v = STEPS[which](v, k)
    J = T.hessian((v**2).sum(), X) if second else T.jacobian(v, X)
    value = np.linspace(-0.7, 0.9, n)
    wanted = gradcore.function([X], J, PLAIN)(value)
    assume(np.isfinite(wanted).all())  # zeros times infinities are in the loop over rows alone
    found = gradcore.function([X], J, "numpy")(value)
    scale = np.abs(wanted).max(initial=1.0)
    assert np.allclose(found / scale, wanted / scale, rtol=1e-10, atol=1e-11)


# the op -----------------------------------------------------------------------------------------
def test_vectors_that_are_too_long(everywhere):
    m = T.dmatrix("m")
    f = gradcore.function([m, X], IncDiagonals(((1, 0),))(m, X), everywhere)
    zeros = np.zeros((3, 3))
    assert np.array_equal(f(zeros, [1.0, 2.0]), np.diag([1.0, 2.0], -1))
    assert np.array_equal(f(np.zeros((0, 0)), []), np.zeros((0, 0)))
    with pytest.raises(IndexError, match="diagonal|out of bounds"):
        f(zeros, [1.0, 2.0, 3.0])


def test_what_is_no_matrix():
    with pytest.raises(GraphTypeError, match="a matrix and vectors"):
        IncDiagonals(((0, 0),))(X, X)
    with pytest.raises(GraphTypeError, match="2 diagonals, 1 vectors"):
        IncDiagonals(((0, 0), (1, 0)))(A, X)
    with pytest.raises(GraphTypeError, match="astype"):
        IncDiagonals(((0, 0),))(A, T.fvector("v"))
    assert issubclass(GraphIndexError, IndexError)


# by columns -------------------------------------------------------------------------------------
def recurrent(x):
    states, _ = gradcore.scan(lambda h: T.tanh(T.dot(B, h)) + h[::-1], None, x, n_steps=3)
    return states[-1]


TALL = {
    "loop": lambda x: T.dot(A, recurrent(x)),
    "layers": lambda x: T.dot(A, T.tanh(T.dot(B, T.sin(T.dot(B, T.tanh(T.dot(B, x))))))),
    "reversed": lambda x: T.dot(A, x * x[::-1]),
}


@pytest.mark.parametrize("shape", [(7, 2), (2, 7), (3, 3)])
@pytest.mark.parametrize("name", TALL)
@pytest.mark.parametrize("static", [False, True])
def test_tall_and_wide(name, shape, static, rng):
    """By columns or by rows, whichever are fewer, chosen when it is compiled or when it runs."""
    m, n = shape
    x, a, b = rng.normal(size=n), rng.normal(size=(m, n)), rng.normal(size=(n, n))
    J = T.jacobian(TALL[name](X), X)
    inputs = [X, A, B]
    if static:
        inputs = [T.TensorType("float64", value.shape)() for value in (x, a, b)]
        (J,) = substitute([J], dict(zip([X, A, B], inputs, strict=True)))
    wanted = gradcore.function(inputs, J, PLAIN, on_unused_input="ignore")(x, a, b)
    for mode in ("numpy", None):
        f = gradcore.function(inputs, J, mode, on_unused_input="ignore")
        assert np.allclose(f(x, a, b), wanted, rtol=1e-11)
        if static and name == "loop":
            steps = {
                int(node.inputs[0].data)
                for node in f.maker.fgraph.apply_nodes
                if isinstance(node.op, Scan)
            }
            assert max(m, n) not in steps - {3}


def test_the_jacobian_of_rows_in_a_loop(everywhere, rng):
    """Structured inside of a loop, too, whatever has been hoisted out of it."""
    J, _ = gradcore.scan(lambda row: T.jacobian(T.tanh(T.dot(A, row)) * 2, row), A)
    H, _ = gradcore.scan(lambda row: T.hessian(rosenbrock(row) * X[0], row), A)
    a = rng.normal(size=(4, 4))
    wanted = gradcore.function([A, X], [J, H], PLAIN)(a, [2.0])
    f = gradcore.function([A, X], [J, H], everywhere)
    for z, w in zip(f(a, [2.0]), wanted, strict=True):
        assert np.allclose(z, w, rtol=1e-11)
    if everywhere.optimizer:
        assert sum(isinstance(node.op, Scan) for node in f.maker.fgraph.apply_nodes) <= 1


@pytest.mark.parametrize("known", [True, False])
def test_diagonals_of_known_extents(known, everywhere):
    """Constants count from 0, are diagonal, and may be bands of one element."""
    n = 5
    x, b = (T.tensor(dtype="float64", shape=(n if known else None,)) for _ in range(2))
    eye = 0.5 * T.eye(n if known else x.shape[0])
    y = T.concatenate([x[:1], x[1:] ** 2 * x[:-1]])
    J, K = T.jacobian(y, x), T.jacobian(x**3 + x[::-1].sum(), x)
    L = T.jacobian(x**3 + x, x)
    outputs = [T.diag(J), T.trace(L), T.einsum("ii->i", J), T.linalg.solve(J + eye, b)]
    outputs += [(J.T @ T.diag(b) @ J + eye) @ b, T.linalg.solve(L + eye, b)]
    outputs.append((J * T.constant(np.eye(n))).sum())
    operands = np.linspace(0.5, 1.5, n), np.arange(1.0, n + 1)
    wanted = gradcore.function([x, b], [*outputs, J, K], mode=PLAIN)(*operands)
    found = gradcore.function([x, b], [*outputs, J, K], mode=everywhere)(*operands)
    assert all(map(np.allclose, found, wanted))
    of_few = [outputs[k] for k in (0, 1, 2, 4, 5, 6)]
    f = gradcore.function([x, b], of_few, mode="numpy")
    assert not any(
        n.out.ndim == 2 and n.out.type.shape in ((5, 5), (None, None)) for n in f.maker.fgraph.nodes
    )
