"""Gradients that are stacked one by one are a Jacobian."""

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.ops.scan import Scan
from gradcore.ops.shape import Join
from gradcore.rewrite.jacobians import stacked

X, U, V = T.dvectors("X", "U", "V")
W = T.dmatrix("W")
Q = T.tensor("Q", "float64", (4,))
S = T.dscalar("S")
INPUTS = [X, U, V, W, Q, S]
PLAIN = gradcore.Mode("numpy", optimizer=False)


def values():
    shapes = (4,), (3,), (4,), (3, 4), (4,), ()
    return [np.cos(np.arange(np.prod(s)) + k).reshape(s) for k, s in enumerate(shapes)]


def gradients(y, x, places=range(3)):
    return [T.grad(y[i], x) for i in places]


LAYER = T.tanh(T.dot(W, X)) * X.sum()
POWERS = T.outer(Q, T.exp(Q))
COST = T.grad((T.sin(Q) * Q[::-1] ** 2).sum(), Q)
STACKS = {
    "all": T.stack(gradients(LAYER, X)),
    "a list": T.as_tensor_variable(gradients(LAYER, X)),
    "of known extents": T.stack(gradients(T.tanh(T.dot(W, Q)), Q)),
    "some": T.stack(gradients(LAYER, X, (2, 0))),
    "from the end": T.stack(gradients(LAYER, X, (-1, 1))),
    "Lop of constants": T.stack([T.Lop(LAYER, X, np.eye(3)[i]) for i in (2, 0, 1)]),
    "twice the same": T.stack(gradients(LAYER, X, (1, 2, 1))),
    "columns": T.stack(gradients(LAYER, X), axis=1).T,
    "of a tensor": T.stack([T.grad(POWERS[i, 3 - i], Q) for i in range(4)]),
    "Hessian": T.stack(gradients(COST, Q, range(4))),
    "neighbours": T.stack(gradients(Q[1:] * Q[:-1], Q)),
}


def products(J):
    u = U[:2] if J is STACKS["some"] or J is STACKS["from the end"] else U
    u = T.concatenate([u, u[:1]]) if J is STACKS["of a tensor"] or J is STACKS["Hessian"] else u
    return [J @ V, u @ J, J.T @ (J @ V), (J * V).sum(1), T.dot(J.sum(0), V)]


def assert_as_plain(outputs, mode):
    f, plain = (
        gradcore.function(INPUTS, outputs, m, on_unused_input="ignore") for m in (mode, PLAIN)
    )
    for found, wanted in zip(f(*values()), plain(*values()), strict=True):
        assert found.shape == wanted.shape and np.allclose(found, wanted, rtol=1e-12, atol=1e-14)
    return f


@pytest.mark.parametrize("name", STACKS)
def test_products_stack_nothing(name):
    f = assert_as_plain(products(STACKS[name]), "numpy")
    ops = [type(node.op) for node in f.maker.fgraph.apply_nodes]
    if name == "twice the same":  # so the gradient is read twice
        assert "stacked_gradients" not in {firing.rule for firing in f.maker.trace}
        return
    assert Scan not in ops and (Join not in ops or name in ("of a tensor", "Hessian"))
    assert_as_plain([STACKS[name]], "numpy")


def test_everywhere(everywhere):
    read = ("some", "of a tensor", "columns")
    assert_as_plain([STACKS[name] @ V for name in read] + [STACKS["neighbours"]], everywhere)


def test_matrices_and_scalars():
    by_matrix = T.stack([T.grad(LAYER[i], W) for i in range(3)])
    by_scalar = T.stack([T.grad((U * T.exp(S))[i], S) for i in range(3)])
    f = assert_as_plain([T.tensordot(by_matrix, W, 2), T.dot(by_scalar, U), by_matrix], "numpy")
    assert "stacked_gradients" in {firing.rule for firing in f.maker.trace}


def test_in_a_loop():
    def step(q):
        y = T.tanh(T.dot(W, q))
        return T.stack([T.grad(y[i], q) for i in range(3)]) @ V

    found, _ = gradcore.scan(step, T.outer(U, Q))
    assert_as_plain([found], "numpy")


def test_what_is_not_one_map_stays():
    several = [T.grad(LAYER[0], X), T.grad(T.exp(X)[1], X), T.grad(LAYER[2], X)]
    affine = [T.grad(LAYER[i], X) + 1 for i in range(3)]
    scaled = [T.grad(LAYER[i], X) * (i + 1) for i in range(3)]
    nonlinear = [T.grad(LAYER[i], X) ** 2 for i in range(3)]
    read = gradients(LAYER, X)
    for rows in (several, affine, scaled, nonlinear):
        f = assert_as_plain([T.stack(rows) @ V], "numpy")
        assert "stacked_gradients" not in {firing.rule for firing in f.maker.trace}
    f = assert_as_plain([T.stack(read) @ V, read[1]], "numpy")
    assert "stacked_gradients" not in {firing.rule for firing in f.maker.trace}


@pytest.mark.parametrize("mode", ["numpy", "c", PLAIN])
def test_a_gradient_of_an_element_that_is_not_there(mode):
    f = gradcore.function([X, W, V], T.stack(gradients(T.tanh(T.dot(W, X)), X)) @ V, mode=mode)
    with pytest.raises(IndexError, match="index 2 is out of bounds for axis 0 with size 2"):
        f(np.ones(4), np.ones((2, 4)), np.ones(4))


def test_mutants(monkeypatch):
    """Rows whose places are forgotten, and rows that differ otherwise, are caught."""
    placed = stacked._placed
    monkeypatch.setattr(
        stacked, "_placed", lambda unit, zeros, places: placed(unit, zeros, sorted(places))
    )
    with pytest.raises(AssertionError):
        assert_as_plain([STACKS["some"] @ V], "numpy")
