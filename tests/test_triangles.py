"""Where matrices are known to be zero, and what derivatives of their factors make of it."""

import functools
import operator
from collections import Counter

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.graph import inner_graphs
from gradcore.ops.factors import Cholesky, SolveLower, below
from gradcore.ops.linalg import Dot, MatMul
from gradcore.ops.triangles import ABOVE, BELOW, ON, is_diagonal, lower_part, vanishes
from gradcore.rewrite.canonical import canonicalize

X, D, S, N = T.dmatrix("x"), T.dvector("d"), T.dtensor3("s"), T.lscalar("n")
LIKE = T.eye(D.shape[0])

MATRICES = {
    "a matrix": X,
    "lower": T.tril(X),
    "strictly lower": T.tril(X, -1),
    "lower, and a diagonal more": T.tril(X, 1),
    "upper": T.triu(X),
    "far above": T.triu(X, 2),
    "of a stack": T.tril(S),
    "a transpose": T.tril(S).swapaxes(-1, -2),
    "a permutation of a stack": T.tril(S).dimshuffle(1, 0, 2),
    "eye": T.eye(N),
    "eye, shifted": T.eye(N, k=1),
    "diagonal": T.diag(D),
    "beside the diagonal": T.diag(D, 1),
    "sums": 2 * T.diag(D) - LIKE.T,
    "a sum with a vector": LIKE + D,
    "a product with a vector": LIKE * D,
    "triangles, one of each": T.tril(X) * T.triu(X + 1),
    "Cholesky": T.linalg.cholesky(S),
    "halved": below(X, 0.5),
    "a constant": T.constant(np.arange(9.0).reshape(3, 3) * np.tri(3)),
    "squares": abs(T.tril(X) ** 2 + 0) * 1,
    "exponentials": T.exp(T.tril(X)),
    "a matrix of one row": T.eye(1) * X[:1],
}
GIVEN = {X: 1 + np.arange(9.0).reshape(3, 3), D: np.array([1.0, 2, 3]), N: 3}
GIVEN[S] = np.stack([GIVEN[X] + 9 * np.eye(3)] * 3)
GIVEN[S] = GIVEN[S] @ GIVEN[S].swapaxes(1, 2) + np.eye(3)
SEEN = {
    "lower": [ABOVE], "strictly lower": [ON, ABOVE], "upper": [BELOW], "far above": [BELOW, ON],
    "of a stack": [ABOVE], "a transpose": [BELOW], "eye": [BELOW, ABOVE],
    "diagonal": [BELOW, ABOVE], "sums": [BELOW, ABOVE], "a product with a vector": [BELOW, ABOVE],
    "triangles, one of each": [BELOW, ABOVE], "Cholesky": [ABOVE], "halved": [ABOVE],
    "a constant": [ABOVE],
}  # fmt: skip


@pytest.mark.parametrize("name", MATRICES)
def test_zeros_that_are_known_are_there(name):
    """As written, and in normal form; of those that are there, these are known."""
    matrix = MATRICES[name]
    mode = gradcore.Mode("numpy", optimizer=(canonicalize,))
    f = gradcore.function(list(GIVEN), matrix, mode=mode, on_unused_input="ignore")
    value = f(*GIVEN.values())
    places = np.subtract.outer(np.arange(value.shape[-2]), np.arange(value.shape[-1]))
    for form in (matrix, f.maker.fgraph.outputs[0]):
        found = [side for side in (BELOW, ON, ABOVE) if vanishes(form, side)]
        assert all(not value[..., np.sign(places) == side].any() for side in found)
        assert set(found) >= set(SEEN.get(name, ()))
        assert is_diagonal(form) == ({BELOW, ABOVE} <= set(found))


def test_the_lower_part_of_masks_is_that_of_what_is_masked():
    for masked in (T.tril(X), below(X, 1), T.tril(below(X, 1)) * 1, T.tril(X, 3)):
        assert lower_part(masked) is X
    for other in (T.tril(X, -1), below(X, 0.5), T.triu(X), 2 * X):
        assert lower_part(other) is other


# derivatives of factors -------------------------------------------------------------------------
def evidence(matrix, y):
    factor = T.linalg.cholesky(matrix)
    white = T.linalg.solve_triangular(factor, y, lower=True)
    return (white**2).sum() / 2 + T.log(T.diagonal(factor)).sum()


def counted(f):
    """Return how many factors, equations and products of matrices a function computes."""
    counts = _counts(f.maker.fgraph)
    return counts[Cholesky], counts[SolveLower], counts[Dot] + counts[MatMul]


def _counts(graph):
    """Return how many nodes there are of each class; of branches, those of one that has most."""
    counts = Counter(type(node.op) for node in graph.nodes)
    for node in graph.nodes:
        counts += functools.reduce(operator.or_, map(_counts, inner_graphs(node.op)), Counter())
    return counts


def test_a_gaussian_has_one_factor_and_as_few_equations_as_by_hand(rng):
    """Value and gradient: inv(L) y, inv(L.T) of that, and inv(L.T) @ ... @ inv(L)."""
    y, s = T.dvector("y"), T.dvector("s")
    cost = evidence(T.exp(s[0]) * X + T.exp(s[1]) * T.eye(X.shape[0]), y)
    slope = T.grad(cost, s)
    inputs, given = [X, y, s], (np.eye(4), rng.normal(size=4), np.zeros(2))
    for outputs, expected in (
        ([cost], (1, 1, 0)),
        ([cost, slope], (1, 3, 1)),
        ([cost, slope, T.hessian(cost, s)], (1, 7, 7)),
    ):
        f = gradcore.function(inputs, outputs, mode="numpy")
        assert counted(f) == expected
        np.testing.assert_allclose(f(*given)[0], given[1] @ given[1] / 4 + 2 * np.log(2))


@pytest.mark.parametrize("stack", [(), (2,)])
def test_gradients_of_factors_agree_with_those_of_inverses(everywhere, stack, rng):
    """d log det(A) = inv(A), d (b.T inv(A) b) = -inv(A) b b.T inv(A), of which half is above."""
    a, b = T.tensor("a", "float64", (None,) * (len(stack) + 2)), T.dtensor3("b")
    b = b if stack else T.dmatrix("b")
    factor = T.linalg.cholesky(a)
    logs = 2 * T.log(T.diagonal(factor, 0, -2, -1)).sum()
    forms = (b * T.linalg.cho_solve((factor, True), b)).sum()
    f = gradcore.function([a, b], [T.grad(logs, a), T.grad(forms, a)], mode=everywhere)
    root, right = rng.normal(size=(*stack, 3, 3)), rng.normal(size=(*stack, 3, 2))
    given = root @ root.swapaxes(-1, -2) + np.eye(3)
    inverse = np.linalg.inv(given)
    both = inverse @ right @ right.swapaxes(-1, -2) @ inverse
    for found, expected in zip(f(given, right), (inverse, -both), strict=True):
        lower = np.tril(expected) + np.tril(expected, -1)
        np.testing.assert_allclose(found, lower, 1e-10, 1e-10)


def test_derivatives_that_need_the_product_have_it(rng):
    """Of what is neither on the diagonal nor made by equations; and of both at once."""
    weights = rng.normal(size=(3, 3))
    factor = T.linalg.cholesky(X)
    cost = (factor * weights).sum() + 3 * evidence(X, D) + T.tril(T.sin(factor)).sum()
    root = rng.normal(size=(3, 3))
    given = [root @ root.T + np.eye(3), rng.normal(size=3)]
    f = gradcore.function([X, D], [cost, T.grad(cost, X)], mode="numpy")
    found = f(*given)[1]
    moved = np.zeros((3, 3))
    for i, j in zip(*np.tril_indices(3), strict=True):
        step = np.zeros((3, 3))
        step[i, j] = 1e-6
        moved[i, j] = (
            np.diff([f(given[0] + sign * step, given[1])[0] for sign in (-1, 1)])[0] / 2e-6
        )
    np.testing.assert_allclose(found, moved, 1e-6, 1e-8)
    assert counted(f)[2] == 2
