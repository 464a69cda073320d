"""Gradients of products with Jacobians take products, too: no loop over unit vectors is left."""

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.ops.scan import Scan

X, V, U, C = T.dvectors("X", "V", "U", "C")
W = T.dmatrix("W")
INPUTS = [X, V, U, C, W]
PLAIN = gradcore.Mode("numpy", optimizer=False)
Y = T.tanh(T.dot(W, X)) * X.sum()
JACOBIAN = T.jacobian(Y, X)
COST = (T.tanh(T.dot(W, X)) ** 2).sum() + (X**3).sum() * X.sum()
HESSIAN = T.hessian(COST, X)
BY_HAND, _ = gradcore.scan(
    lambda i, y, x: T.grad(y[i], x), sequences=T.arange(Y.shape[0]), non_sequences=[Y, X]
)
LAYERS = T.jacobian(T.sin(T.dot(W.T, T.tanh(T.dot(W, X)))) ** 2, X)

SEEN = {
    "J @ v": ((JACOBIAN @ V) ** 2).sum(),
    "u @ J @ v": U @ JACOBIAN @ V,
    "v @ J": ((U @ JACOBIAN) ** 3).sum(),
    "J.T @ J @ v": V @ (JACOBIAN.T @ (JACOBIAN @ V)),
    "several": (T.exp(JACOBIAN @ V) * (JACOBIAN @ X)).sum() + (U @ JACOBIAN).sum(),
    "H @ v": ((HESSIAN @ V) ** 2).sum(),
    "v @ H @ v": V @ HESSIAN @ V,
    "by hand": ((BY_HAND @ V) ** 2).sum(),
    "layers": ((LAYERS @ V) ** 2).sum(),
}
"""Scalars whose gradient needs no Jacobian."""

WEIGHTED, _ = gradcore.scan(
    lambda i, c, y, x: c * T.grad(y[i], x),
    sequences=[T.arange(Y.shape[0]), C],
    non_sequences=[Y, X],
)
SQUARED, _ = gradcore.scan(
    lambda i, y, x: T.grad(y[i], x) ** 2, sequences=T.arange(Y.shape[0]), non_sequences=[Y, X]
)
SOME, _ = gradcore.scan(
    lambda i, y, x: T.grad(y[i], x), sequences=T.arange(2), non_sequences=[Y, X]
)
LAST_FIRST, _ = gradcore.scan(
    lambda i, y, x: T.grad(y[i], x),
    sequences=T.arange(Y.shape[0]),
    non_sequences=[Y, X],
    go_backwards=True,
)
MORE, _ = gradcore.scan(
    lambda i, r, y, x: (T.grad(y[i], x) * r).sum(),
    sequences=[T.arange(Y.shape[0]), T.outer(C, V)],
    non_sequences=[Y, X],
)
OTHERS = {
    "of some of the vectors": MORE.sum(),
    "any weights": (JACOBIAN * T.sin(W)).sum(),
    "squares": (JACOBIAN**2).sum(),
    "rows, weighted": (WEIGHTED @ V).sum(),
    "rows, squared": (SQUARED @ V).sum(),
    "some rows": (SOME @ V).sum(),
    "backwards": ((LAST_FIRST @ V) * U).sum(),
    "rows, each by others": (JACOBIAN * T.outer(U, V) + JACOBIAN * W).sum(),
    "sum": T.exp(JACOBIAN.sum(1)).sum() + T.exp(JACOBIAN.sum(0)).sum(),
    "diagonal": T.diag(T.jacobian(T.sin(X) * X.sum(), X)).prod(),
    "a row": (JACOBIAN[1] ** 2).sum(),
}
"""Scalars whose gradient may need loops."""


def values(rng):
    return [*(rng.uniform(0.5, 1.5, n) for n in (3, 3, 4, 6)), rng.normal(size=(4, 3))]


def compiled(cost, mode):
    gradients = T.grad(cost, [X, W, V], disconnected_inputs="ignore")
    return gradcore.function(INPUTS, [cost, *gradients], mode, on_unused_input="ignore")


def assert_close(found, wanted):
    for a, b in zip(found, wanted, strict=True):
        assert a.shape == b.shape and np.allclose(a, b, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("name", [*SEEN, *OTHERS])
def test_gradients_are_those_of_the_loop(name, rng, rows_as_loops):
    cost, given = (SEEN | OTHERS)[name], values(rng)
    f = compiled(cost, rows_as_loops)
    assert_close(f(*given), compiled(cost, PLAIN)(*given))
    if name in SEEN:
        assert not any(isinstance(node.op, Scan) for node in f.maker.fgraph.nodes)


def test_everywhere(everywhere, rng):
    cost, given = SEEN["several"] + SEEN["v @ H @ v"], values(rng)
    assert_close(compiled(cost, everywhere)(*given), compiled(cost, PLAIN)(*given))


def test_second_gradients(rng):
    cost, given = U @ JACOBIAN @ V, values(rng)
    again = (T.grad(cost, X) ** 2).sum()
    assert_close(compiled(again, "numpy")(*given), compiled(again, PLAIN)(*given))
