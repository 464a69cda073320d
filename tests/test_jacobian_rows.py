"""Jacobians of which a scan of the user's has some rows, or as many as something else has."""

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.errors import ShapeError
from gradcore.ops.scan import Scan

X, U, V = T.dvectors("X", "U", "V")
W = T.dmatrix("W")
K = T.lscalar("K")
INPUTS = [X, U, V, W, K]
PLAIN = gradcore.Mode("numpy", optimizer=False)
ROWS, COLUMNS = 5, 4


def looped(y, count):
    """The tutorial's scan, over so many rows."""
    row = lambda i, y, x: T.grad(y[i], x)
    return gradcore.scan(row, T.arange(count), non_sequences=[y, X])[0]


FUNCTIONS = {
    "layer": T.tanh(T.dot(W, X)),
    "gradient": T.grad((T.tanh(T.dot(W, X)) ** 2).sum() * X.sum(), X),
    "gradient, affine": T.grad((T.dot(W, X) ** 2).sum() + T.dot(X, V), X),
    "neighbours": T.concatenate([X[1:] * X[:-1], T.exp(X[:1])]) * X,
    "a loop": gradcore.scan(lambda w, s: T.tanh(s * T.dot(w, X)), W, X.sum())[0],
}
"""Functions of X, of 4 or 5 elements."""


def by_rows_of_identity(y):
    return gradcore.scan(lambda e: T.Lop(y, X, e), T.eye(y.shape[0]))[0]


def by_units(unit):
    """A scan over unit vectors that are written as ``unit`` does."""
    return lambda y: gradcore.scan(
        lambda i: T.Lop(y, X, unit(i, y.shape[0])), T.arange(y.shape[0])
    )[0]


MADE = {
    "rows of an identity": by_rows_of_identity,
    "a row of an identity": by_units(lambda i, n: T.eye(n)[i]),
    "a comparison": by_units(lambda i, n: T.cast(T.eq(T.arange(n), i), "float64")),
    "as many as a variable has": lambda y: looped(y, X.shape[0]),
    "the first three": lambda y: looped(y, 3),
    "the first, when it runs": lambda y: looped(y, K),
}
"""How many rows there are."""


def reads(J):
    """Return products."""
    u = U[: J.shape[0]]
    return [J @ V, u @ J, J.T @ (u[:, None] * J) @ V, (J * V).sum(1), J[1], J[:, 1]]


def compiled(outputs, mode):
    return gradcore.function(INPUTS, outputs, mode, on_unused_input="ignore")


def values(rng, k=2):
    shapes = (COLUMNS,), (ROWS,), (COLUMNS,), (ROWS, COLUMNS)
    return [*(rng.uniform(0.5, 1.5, shape) for shape in shapes), k]


def assert_as_plain(outputs, mode, given):
    f = compiled(outputs, mode)
    for found, wanted in zip(f(*given), compiled(outputs, PLAIN)(*given), strict=True):
        assert found.shape == wanted.shape and np.allclose(found, wanted, rtol=1e-11, atol=1e-13)
    return f


@pytest.mark.parametrize("made", MADE)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_products_build_no_rows(function, made, rng):
    J = MADE[made](FUNCTIONS[function])
    f = assert_as_plain(reads(J), "numpy", values(rng))
    assert function == "a loop" or not any(isinstance(n.op, Scan) for n in f.maker.fgraph.nodes)
    others = [J, J.sum(0), T.grad(((J @ V) ** 2).sum(), X)]
    assert_as_plain(others, "numpy", values(rng))


def test_everywhere(everywhere, rng):
    outputs = [looped(FUNCTIONS["gradient"], X.shape[0]) @ V]
    outputs += [J @ V for J in (looped(FUNCTIONS["layer"], 3), looped(X**2, K))]
    assert_as_plain(outputs, everywhere, values(rng))


def test_the_first_rows_are_as_many_as_there_are_steps(rng):
    J = looped(FUNCTIONS["layer"], K)
    for k in (0, 1, ROWS):
        assert_as_plain([J @ V, J], "numpy", values(rng, k))
    for mode in (PLAIN, "numpy"):
        with pytest.raises((IndexError, ShapeError)):
            compiled([J @ V], mode)(*values(rng, ROWS + 1))
