"""Products with a Jacobian run as `Lop` and `Rop` do: the Jacobian is not built."""

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.errors import ShapeError
from gradcore.graph import Constant
from gradcore.ops.create import Arange
from gradcore.ops.linalg import Dot
from gradcore.ops.scan import Scan
from gradcore.rewrite.canonical.stage import is_made_by

X, U, V = T.dvectors("X", "U", "V")
W, D = T.dmatrices("W", "D")
ROWS, COLUMNS = 4, 3
PLAIN = gradcore.Mode("numpy", optimizer=False)


def rows_by_hand(y, x):
    """The tutorial's scan."""
    found, _ = gradcore.scan(
        lambda i, y, x: T.grad(y[i], x), sequences=T.arange(y.shape[0]), non_sequences=[y, x]
    )
    return found


def recurrent(x):
    """States of a loop."""
    states, _ = gradcore.scan(lambda h, x: T.tanh(T.dot(W, x) * h + 1), None, T.dot(W, x), x, 3)
    return states[-1] + states[0]


FUNCTIONS = {
    "elementwise": lambda x: T.exp(x) * x,
    "layer": lambda x: T.tanh(T.dot(W, x)),
    "two layers": lambda x: T.dot(T.tanh(T.dot(W, x)), W) ** 2,
    "slices": lambda x: T.concatenate([x[1:] * x[:-1], x[::-1], T.sin(x[:1])]),
    "choice": lambda x: T.switch(x > 0, x**3, T.dot(x, W.T @ W)),
    "branch": lambda x: T.ifelse(x.sum() > 0, T.dot(W, x), -T.sinh(T.dot(W, x))),
    "sums": lambda x: T.outer(x, x).sum(0) + T.cumsum(x) / x.sum(),
    "one element": lambda x: T.stack([x[2] * x[0], x.prod(), (x**2).sum()]),
    "loop": recurrent,
    "solution": lambda x: T.linalg.solve(W.T @ W + 3 * T.eye(x.shape[0]), T.cumprod(x)),
    "power": lambda x: (W * x).flatten()[::2],
}
"""Functions of a vector of three elements; ``W`` is of four rows."""

PRODUCTS = {
    "J @ v": lambda J, u, v, M: T.dot(J, v),
    "v @ J": lambda J, u, v, M: T.dot(u, J),
    "J.T @ u": lambda J, u, v, M: T.dot(J.T, u),
    "v @ J.T": lambda J, u, v, M: T.dot(v, J.T),
    "J.T @ J @ v": lambda J, u, v, M: T.dot(T.dot(J.T, J), v),
    "J.T @ D @ J @ v": lambda J, u, v, M: J.T @ M @ J @ v,
    "v @ J.T @ D": lambda J, u, v, M: v @ J.T @ M,
    "u @ (J @ J.T)": lambda J, u, v, M: u @ (J @ J.T),
    "J[i]": lambda J, u, v, M: J[1] + J[-1],
    "J[i, j]": lambda J, u, v, M: J[2, 1],
    "J[i, a:b]": lambda J, u, v, M: J[2, 1:],
    "J[:, j]": lambda J, u, v, M: J[:, 1],
    "J.T[j]": lambda J, u, v, M: J.T[-1],
    "J.sum()": lambda J, u, v, M: J.sum(),
    "J.sum(0)": lambda J, u, v, M: J.sum(0),
    "J.sum(1)": lambda J, u, v, M: J.sum(1),
    "one of another": lambda J, u, v, M: T.dot(J, T.dot(T.dot(J, v), J)) + T.dot(J, v) + J[:, 0],
    "several": lambda J, u, v, M: T.dot(J, v).sum() * T.dot(u, J) + J[0],
    "J @ M": lambda J, u, v, M: J @ T.outer(v, v[:2]),
    "M @ J": lambda J, u, v, M: T.outer(u[:2], u) @ J,
    "J @ column": lambda J, u, v, M: J @ v[:, None],
    "(a J + J) @ v": lambda J, u, v, M: (u[0] * J - J / v[1] + (-J)) @ v,
    "u @ (a J + M)": lambda J, u, v, M: u @ (u[0] * J + T.outer(u, v)),
    "(d J) @ v": lambda J, u, v, M: (u[:, None] * J / v) @ v,
    "u @ (d J)": lambda J, u, v, M: u @ (J * v / u[:, None]),
    "(J * v).sum(1)": lambda J, u, v, M: (J * v).sum(1) + (u[:, None] * J).sum(),
    "J[a:b] @ v": lambda J, u, v, M: J[1:3] @ v,
    "u @ J[a:b, c:]": lambda J, u, v, M: u[1:3] @ J[1:3, 1:],
    "J[:, c:] @ v": lambda J, u, v, M: J[:, 1:] @ v[1:],
    "J[a:][i]": lambda J, u, v, M: J[1:][0] + J[:, 1:].T[0].sum(),
    "joined @ v": lambda J, u, v, M: T.concatenate([J, T.outer(u, v), 2 * J]) @ v,
    "u @ joined": lambda J, u, v, M: u @ T.concatenate([J, T.outer(u, v), 2 * J], axis=1),
    "Gauss-Newton @ v": lambda J, u, v, M: (J.T @ (u[:, None] * J) + T.eye(v.shape[0])) @ v,
    "tensordot": lambda J, u, v, M: T.tensordot(J, v, 1) + T.tensordot(u, J, 1).sum(),
    "J[indices] @ v": lambda J, u, v, M: J[[2, 0, -1]] @ v,
    "u @ J[indices]": lambda J, u, v, M: u[:2] @ J[[2, 2]] + J[[1, 0]].sum(0),
    "J[:, indices] @ v": lambda J, u, v, M: J[:, [2, 0]] @ v[:2] + J[:, [1, 1]].sum(1),
    "J @ outer": lambda J, u, v, M: J @ T.outer(v, u) + (T.outer(u, v) @ J.T),
    "trace with outer": lambda J, u, v, M: (
        T.trace(J.T @ T.outer(u, v)) + T.trace(T.outer(u, v) @ J.T) + T.trace(J @ (v[:, None] * u))
    ),
    "tensordot with outer": lambda J, u, v, M: T.tensordot(J, 2 * T.outer(u, v), 2),
    "einsum of three": lambda J, u, v, M: (
        T.einsum("ij,ik,k->j", J, J, v) + T.einsum("ij,i,j->", J, u, v)
    ),
    "ifelse": lambda J, u, v, M: T.ifelse(u[0] > 0, J, 2 * J) @ v,
    "ifelse, left": lambda J, u, v, M: u @ T.ifelse(u[0] > 0, T.outer(u, v), J),
    "switch": lambda J, u, v, M: T.switch(u[0] > 0, J, T.outer(u, v)) @ v,
    "switch, left": lambda J, u, v, M: u @ T.where(v[0] > 0, 0.0, J),
    "rows of either": lambda J, u, v, M: T.switch(u[:, None] > 0, J, T.outer(u, v)) @ v,
    "rows of either, left": lambda J, u, v, M: u @ T.switch(u[:, None] > 0, J, -J),
    "columns or zeros": lambda J, u, v, M: T.switch(v > 0, 0.0, J) @ v + u[0],
    "columns or zeros, left": lambda J, u, v, M: u @ T.switch(v > 0, J, 0.0),
    "of a shape": lambda J, u, v, M: T.specify_shape(J, (u.shape[0], v.shape[0])) @ v,
    "einsum": lambda J, u, v, M: T.einsum("ij,j->i", J, v) + T.einsum("i,ij->j", u, J).sum(),
}


def loops_over_rows(f):
    """Return the loops over the unit vectors: those that make a Jacobian."""
    return [
        node
        for node in f.maker.fgraph.apply_nodes
        if isinstance(node.op, Scan)
        and any(isinstance(x, Constant) or is_made_by(x, Arange) for x in sequences_of(node))
    ]


def sequences_of(node):
    return node.op.parts(node.inputs[1:]).sequences


def given(y, rng):
    """Operands for a function, by what its value is."""
    x, w = rng.uniform(0.5, 1.5, COLUMNS), rng.normal(size=(ROWS, COLUMNS))
    n = gradcore.function([X, W], y.shape[0], mode=PLAIN, on_unused_input="ignore")(x, w)
    return x, w, rng.normal(size=n), rng.normal(size=COLUMNS), rng.normal(size=(n, n))


WAYS = [
    *((T.jacobian, product) for product in PRODUCTS),
    *((rows_by_hand, product) for product in ("J @ v", "v @ J", "J[i]", "J.T @ D @ J @ v")),
]


@pytest.mark.parametrize(("jacobian", "product"), WAYS)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_products_are_those_of_the_jacobian(function, product, jacobian, rng, rows_as_loops):
    y = FUNCTIONS[function](X)
    z = PRODUCTS[product](jacobian(y, X), U, V, D)
    inputs = [X, W, U, V, D]
    values = given(y, rng)
    wanted = gradcore.function(inputs, z, mode=PLAIN, on_unused_input="ignore")(*values)
    for mode in (rows_as_loops, None) if function == "layer" else (rows_as_loops,):
        f = gradcore.function(inputs, z, mode=mode, on_unused_input="ignore")
        assert np.allclose(f(*values), wanted, rtol=1e-12, atol=1e-13)
        assert not loops_over_rows(f)


def test_what_is_needed_is_built_once():
    J = T.jacobian(FUNCTIONS["layer"](X), X)
    f = gradcore.function([X, W, V, U], [J, T.dot(J, V), T.dot(U, J)])
    x, w = np.ones(COLUMNS), np.ones((ROWS, COLUMNS))
    whole, right, left = f(x, w, np.arange(3.0), np.arange(4.0))
    assert np.allclose(right, whole @ np.arange(3.0)) and np.allclose(left, np.arange(4.0) @ whole)
    nodes = [node for node in f.maker.fgraph.apply_nodes if isinstance(node.op, Dot)]
    assert len(nodes) <= 4


AFFINE = {
    "plus a constant": lambda i, y, x: T.grad(y[i], x) + 1,
    "plus what depends on the step": lambda i, y, x: T.grad(y[i], x) + i,
    "squared": lambda i, y, x: T.grad(y[i], x) ** 2,
    "times itself": lambda i, y, x: T.grad(y[i], x) * T.grad(y[i] * 2, x),
    "maximum": lambda i, y, x: T.maximum(T.grad(y[i], x), 0),
    "twice the step": lambda i, y, x: T.grad(y[i], x) * i,
    "another element": lambda i, y, x: T.grad(y[i] * y[-1 - i], x),
}


@pytest.mark.parametrize("name", AFFINE)
def test_what_is_not_linear_is_no_jacobian(name, everywhere):
    y = FUNCTIONS["two layers"](X)
    rows, _ = gradcore.scan(AFFINE[name], T.arange(y.shape[0]), non_sequences=[y, X])
    values = given(y, np.random.default_rng(1))[:4]
    z = [T.dot(rows, V), T.dot(U, rows), rows[1]]
    wanted = gradcore.function([X, W, U, V], z, mode=PLAIN)(*values)
    found = gradcore.function([X, W, U, V], z, mode=everywhere)(*values)
    assert all(map(np.allclose, found, wanted))


@pytest.mark.parametrize("wrong", ["v", "u", "i"])
def test_errors_are_those_of_the_product(wrong, everywhere):
    if wrong == "i" and everywhere.backend == "jax":
        pytest.skip("JAX does not check indices in compiled code")
    y, i = FUNCTIONS["layer"](X), T.lscalar("i")
    J = T.jacobian(y, X)
    z = {"v": T.dot(J, V), "u": T.dot(U, J), "i": J[i]}[wrong]
    f = gradcore.function([X, W, U, V, i], z, mode=everywhere, on_unused_input="ignore")
    x, w = np.ones(COLUMNS), np.ones((ROWS, COLUMNS))
    with pytest.raises((ValueError, IndexError)):
        f(x, w, np.ones(5), np.ones(5), 7)
    f(x, w, np.ones(ROWS), np.ones(COLUMNS), -1)


def test_hessian(everywhere):
    """A Hessian times a vector from both sides, and inside of a loop."""
    cost = T.exp(T.dot(W, X)).sum() + (X**3).sum()
    H = T.hessian(cost, X)
    steps, _ = gradcore.scan(lambda v: T.dot(H, v) / T.sqrt(T.dot(v, v)), None, V, n_steps=3)
    z = [T.dot(H, V), V @ H @ V, T.dot(V, H), H[0], H.sum(0), steps]
    x, w, _, v, _ = given(X, np.random.default_rng(2))
    wanted = gradcore.function([X, W, V], z, mode=PLAIN)(x, w, v)
    found = gradcore.function([X, W, V], z, mode=everywhere)(x, w, v)
    for a, b in zip(found, wanted, strict=True):
        assert np.allclose(a, b, rtol=1e-11)


def test_products_of_float32_stay_so(everywhere):
    """A float64 vector is not multiplied in float32."""
    x = T.fvector("x")
    J = T.jacobian(T.exp(x) * x[::-1], x)
    for v in (T.fvector("v"), T.dvector("v")):
        f = gradcore.function([x, v], [T.dot(J, v), T.dot(v, J), J[0]], mode=everywhere)
        given = [np.arange(3, dtype=x.dtype), np.full(3, 1 / 3, v.dtype)]
        wanted = gradcore.function([x, v], [T.dot(J, v), T.dot(v, J), J[0]], mode=PLAIN)(*given)
        for a, b in zip(f(*given), wanted, strict=True):
            assert a.dtype == b.dtype and np.allclose(a, b, rtol=1e-6)


def test_derivatives_of_products(everywhere):
    y = FUNCTIONS["two layers"](X)
    z = T.dot(U, T.dot(T.jacobian(y, X), V)) + T.jacobian(y, X)[0].sum()
    x, w, u, v, _ = given(y, np.random.default_rng(3))
    inputs = [X, W, U, V]
    for output in (T.grad(z, X), T.grad(z, V), T.Rop(z, X, V)):
        wanted = gradcore.function(inputs, output, mode=PLAIN, on_unused_input="ignore")(x, w, u, v)
        found = gradcore.function(inputs, output, everywhere, on_unused_input="ignore")(x, w, u, v)
        assert np.allclose(found, wanted, rtol=1e-10)


@pytest.mark.parametrize("static", [(None, None), (1, None), (None, 1), (1, 1), (3, None), (3, 3)])
def test_extents_that_only_one_knows(static, everywhere):
    """Of the function, and of the vectors; a vector of one element is not stretched."""
    of_x, of_v = static
    x, v = (gradcore.graph.TensorType("float64", (n,))() for n in static)
    y = gradcore.scan(lambda h, x: T.tanh(h * x), None, x, x, 3)[0][-1]
    J = T.jacobian(y, x)
    f = gradcore.function([x, v], [T.dot(J, v), T.dot(v, J), T.dot(J.T, v)], mode=everywhere)
    n = of_x or of_v or 3
    given = np.linspace(0.5, 1, n)
    slope = gradcore.function([x], J, mode=PLAIN)(given)
    found = f(given, given)
    assert np.allclose(found, [slope @ given, given @ slope, given @ slope])
    if of_x is None:
        with pytest.raises(ShapeError):
            f(np.ones(n + 1), given)


def test_jacobians_by_a_scalar(everywhere):
    """They are vectors: products with a vector from either side are one."""
    s = T.dscalar("s")
    J = T.jacobian(T.sin(U * s), s)
    z = [T.dot(J, V), T.dot(V, J), T.dot(J, J), T.dot(J, D), T.dot(D, J), J[1], J.sum()]
    given = np.arange(3.0), 0.5, np.ones(3), np.arange(9.0).reshape(3, 3)
    inputs = [U, s, V, D]
    wanted = gradcore.function(inputs, z, mode=PLAIN)(*given)
    assert all(map(np.allclose, gradcore.function(inputs, z, mode=everywhere)(*given), wanted))
    f = gradcore.function(inputs, z[:2], mode="numpy", on_unused_input="ignore")
    assert not loops_over_rows(f)


@pytest.mark.parametrize("unit", ["bool", "int8", "float32"])
@pytest.mark.parametrize("factor", ["int8", "float32"])
def test_sums_are_in_the_dtype_of_the_matrix(unit, factor, everywhere):
    """Sums of int8 wrap, or are in 64 bits; a product of matrices is one of the dtype of both."""
    w, v = T.TensorType(factor, (None,))("w"), V
    one = np.ones((), unit)
    J, _ = gradcore.scan(
        lambda i: T.cumsum(T.inc_subtensor(T.zeros(w.shape, unit)[i], one) * w).astype(factor),
        T.arange(w.shape[0]),
    )
    z = [J[1], J[:, 1], J.sum(0), J.sum(1), T.dot(J, v), T.dot(v, J), T.dot(J, w), J @ J.T @ v]
    given = np.array([100, 50, 70], factor), np.array([1.1, 2.3, 0.3])
    wanted = gradcore.function([w, v], z, mode=PLAIN)(*given)
    found = gradcore.function([w, v], z, mode=everywhere)(*given)
    for a, b in zip(found, wanted, strict=True):
        assert a.dtype == b.dtype and np.allclose(a, b, rtol=1e-6)


def test_steps_that_exceed_the_unit_vector_raise(everywhere):
    if everywhere.backend == "jax":
        pytest.skip("JAX does not check indices in compiled code")
    steps = T.maximum(X.shape[0], 6)
    J, _ = gradcore.scan(
        lambda i: T.inc_subtensor(T.zeros_like(X)[i], 1.0) * X, T.arange(8), n_steps=steps
    )
    f = gradcore.function([X], J[0], mode=everywhere)
    assert np.allclose(f(np.full(6, 2.0)), [2, 0, 0, 0, 0, 0])
    with pytest.raises(IndexError):
        f(np.ones(4))


def in_a_row(J, v, k):
    for _ in range(k):
        v = T.dot(J, v)
    return v


@pytest.mark.parametrize("build", [
    lambda J, v, k: sum(T.dot(J, v * (i + 1)) for i in range(k)), in_a_row,
])  # fmt: skip
def test_many_products_are_linear(build):
    """Of one Jacobian, side by side and one of the other."""
    y = T.tanh(T.dot(W, X)) * X
    sizes = [
        len(gradcore.function([X, W], build(T.jacobian(y, X), X, k), "numpy").maker.fgraph.nodes)
        for k in (4, 8, 16)
    ]
    assert sizes[2] - sizes[1] <= 2 * (sizes[1] - sizes[0])
