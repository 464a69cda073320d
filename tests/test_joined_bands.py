"""Equations with Jacobians of joined functions: along bands, where extents are long enough."""

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.errors import GradcoreError
from gradcore.ops.factors import Solve, SolveLower
from gradcore.rewrite.jacobians import joined_bands
from gradcore.rewrite.jacobians.distances import Affine, Distances
from gradcore.rewrite.jacobians.entries import Unstructured

X, B = T.dvectors("X", "B")
K, I32 = T.lscalar("K"), T.iscalar("I32")
D = T.dmatrix("D")
PLAIN = gradcore.Mode("numpy", optimizer=False)
INPUTS = [X, B, K, I32, D]
ERRORS = np.linalg.LinAlgError, IndexError, ValueError


def boundaries(x):
    """A stencil, and other equations at both ends."""
    inner = x[2:] * x[1:-1] - 3 * x[1:-1] ** 2 + x[:-2]
    return T.concatenate([x[:1] ** 3 + x[1:2], inner, x[-1:] ** 3 - x[-2:-1]])


def jacobian(y):
    return T.jacobian(y, X)


STEPS = T.concatenate([X[:1], X[1:] ** 2 - X[:-1]])
TWO = jacobian(T.concatenate([X[:K] ** 2, 3 * X[K:] ** 3]))
solve, triangle = T.linalg.solve, T.linalg.solve_triangular

ALONG_BANDS = {
    "bands on both sides": solve(jacobian(boundaries(X)), B),
    "transposed": solve(jacobian(boundaries(X)).T, D),
    "below": solve(jacobian(STEPS), B),
    "below, a triangle": triangle(jacobian(STEPS), D, lower=True),
    "above": triangle(jacobian(STEPS).T, B),
    "diagonal, in two parts": solve(TWO, D),
    "a negative bound": solve(jacobian(T.concatenate([X[:-K] ** 2, 3 * X[-K:] ** 3])), B),
    "a bound of another dtype": solve(
        jacobian(T.concatenate([X[: 2 * I32] ** 2, T.sin(X[2 * I32 :])])), B
    ),
    "Jacobians joined": solve(
        T.concatenate([jacobian(X[:-1] ** 2 * X[1:]), jacobian(X[-1:] ** 2)]), B
    ),
    "Jacobians joined by columns": solve(
        T.concatenate([jacobian(X[:-1] ** 2 * X[1:]).T, jacobian(X[-1:] ** 2).T], 1), D
    ),
    "joined, and joined again": solve(
        jacobian(T.exp(T.concatenate([STEPS[:2], STEPS[2:-1] * STEPS[3:], STEPS[-1:]]))), B
    ),
    "with a diagonal": solve(jacobian(boundaries(X)) + X.sum() * T.eye(X.shape[0]), B),
    "specified": solve(jacobian(T.specify_shape(boundaries(X), (X.shape[0],))), B),
}
"""Solutions of joined functions, with bands that are known to meet of enough elements."""

WHOLE = {
    "at a distance that is unknown": solve(
        jacobian(T.concatenate([X[:K] * 3, X[K:] + X[: X.shape[0] - K]])), B
    ),
    "in steps of two": solve(jacobian(T.concatenate([X[::2], X[1::2]]) ** 2), B),
    "gathered": solve(jacobian(T.concatenate([X[[1, 0]], X[2:] ** 2])), B),
    "a layer beside": solve(jacobian(T.concatenate([X[:1], T.tanh(D @ X / 9)[1:]])), B),
    "overwritten": solve(jacobian(T.set_subtensor((X**2)[K:], X[K:] * 2 + X[: X.shape[0] - K])), B),
}
"""Equations that have no bands, or none that are seen."""


def values(n, k=2):
    rng = np.random.default_rng(n)
    right = rng.normal(size=(n, n)) + 3 * np.eye(n)
    return rng.uniform(0.5, 1.5, n), rng.normal(size=n), k, min(k, 3), right


def result(f, operands):
    """Return what a function returns, or the kind of error that it raises."""
    try:
        return f(*operands)
    except ERRORS as error:
        return next(kind for kind in ERRORS if isinstance(error, kind))


def compiled(output, mode="numpy"):
    return gradcore.function(INPUTS, output, mode, on_unused_input="ignore")


def factored(output, operands):
    """Return whether a matrix is factored, when a function runs."""
    ran = []
    mode = gradcore.MonitorMode(post_func=lambda i, node, fn: ran.append(type(node.op)))
    compiled(output, mode)(*operands)
    return not {Solve, SolveLower}.isdisjoint(ran)


@pytest.mark.parametrize("name", [*ALONG_BANDS, *WHOLE])
def test_solutions_are_those_of_the_matrix(name):
    """Of few elements, too, where slices take less than they say, and matrices are not square."""
    output = (ALONG_BANDS | WHOLE)[name]
    f, plain = compiled(output), compiled(output, PLAIN)
    for n in (0, 1, 2, 3, 4, 7):
        for k in (2, 0, -1, 9):
            found, wanted = (result(g, values(n, k)) for g in (f, plain))
            if isinstance(found, type) or isinstance(wanted, type):
                assert found is wanted
            else:
                assert found.shape == wanted.shape and np.allclose(found, wanted, rtol=1e-9)


@pytest.mark.parametrize("name", [*ALONG_BANDS, *WHOLE])
def test_no_matrix_is_factored_where_there_are_enough_elements(name):
    operands = values(8, 4 if name in WHOLE else 3)
    assert factored((ALONG_BANDS | WHOLE)[name], operands) is (name in WHOLE)


def test_the_matrix_is_factored_where_there_are_too_few():
    assert factored(ALONG_BANDS["diagonal, in two parts"], values(3, 9))


def test_everywhere(everywhere):
    outputs = [ALONG_BANDS[k] for k in ("bands on both sides", "below, a triangle", "above")]
    f, plain = compiled(outputs, everywhere), compiled(outputs, PLAIN)
    for found, wanted in zip(f(*values(6)), plain(*values(6)), strict=True):
        assert np.allclose(found, wanted, rtol=1e-9)


# distances --------------------------------------------------------------------------------------
def test_what_is_taken_for_granted():
    """Extents are larger than other scalars; what has been taken for granted holds on."""
    distances = Distances(lambda v: v)
    n, k = distances.of(X.shape[0]), distances.of(K)
    assert distances.larger(n - 2, 0) == n - 2 and distances.larger(k, n) == n
    assert distances.larger(k - n, 0) == 0 and distances.larger(3, 5) == 5
    assert distances.of(X[2:-1].shape[0]) == n - 3
    condition = gradcore.function([X, K], distances.hold())
    assert [condition(np.zeros(m), 2) for m in (1, 2, 3, 4)] == [False, False, True, True]
    assert not condition(np.zeros(4), 5)
    assert distances.of(X.shape[0]) == n and distances.of(B.shape[0]) != n
    with pytest.raises(Unstructured):
        distances.require(-1)


def test_nothing_is_taken_for_granted_of_extents_alone():
    distances = Distances(lambda v: v)
    assert isinstance(distances.of((X.shape[0] + 2) * 3 - 1), Affine)
    assert distances.larger(distances.of(X.shape[0]), 0) and distances.hold() is None


@pytest.mark.parametrize(
    ("where", "what", "lie"),
    [
        (Distances, "hold", lambda self: T.constant(True)),
        (joined_bands._Walk, "_slice", lambda self, node: (0, 0)),
        (Distances, "larger", lambda self, a, b: a),
    ],
)
def test_lies_are_found(where, what, lie, monkeypatch):
    """A condition that always holds, slices that take all, and a number that is not larger."""
    monkeypatch.setattr(where, what, lie)
    operands = [values(n, k) for n in (2, 6) for k in (2, -1)]
    wrong = []
    for name in ("bands on both sides", "diagonal, in two parts"):
        plain = compiled(ALONG_BANDS[name], PLAIN)
        try:
            f = compiled(ALONG_BANDS[name])
        except GradcoreError:
            wrong.append(name)
            continue
        for given in operands:
            found, wanted = (result(g, given) for g in (f, plain))
            same = type(found) is type(wanted) and np.shape(found) == np.shape(wanted)
            same = same and (found is wanted or np.allclose(found, wanted))
            wrong += [] if same else [name]
    assert wrong or factored(ALONG_BANDS["bands on both sides"], values(8, 3))
