"""Equations, inverses and determinants of matrices that are known to be special."""

import numpy as np
import pytest
from counted_ops import counted, has_general

import gradcore
import gradcore.tensor as T
from gradcore.errors import GradcoreError, GraphTypeError, GraphValueError
from gradcore.ops.assumptions import PROPERTIES, Assume
from gradcore.ops.factors import Cholesky, Solve
from gradcore.rewrite import equations

L = T.linalg
X, D, B = T.dmatrix("x"), T.dvector("d"), T.dmatrix("b")

SPECIAL = {
    "identity": lambda x: T.eye(x.shape[0]),
    "diagonal": lambda x: T.diag(T.diagonal(x)),
    "scaled identity": lambda x: -3 * T.eye(x.shape[0]),
    "lower": T.tril,
    "upper": T.triu,
    "transpose of lower": lambda x: T.tril(x).T,
    "factor": lambda x: L.cholesky(x @ x.T),
    **{claim: lambda x, claim=claim: assumed(x, claim) for claim in PROPERTIES},
}
"""Matrices made of one; symmetric ones are not special enough."""


def assumed(x, claim):
    """Return a matrix of which a claim is true, though nothing else shows it."""
    places = T.arange(x.shape[0]) * 1.0
    below, on = (f(places.dimshuffle(0, "x"), places) for f in (T.gt, T.eq))
    made = {
        "symmetric": x + x.T,
        "positive_definite": (x + x.T) / 9 + 4 * T.eye(x.shape[0]),
        "diagonal": T.switch(on, x, 0),
        "lower_triangular": T.switch(on | below, x, 0),
        "upper_triangular": T.switch(below, 0, x),
    }
    return T.assume(made[claim], claim)


def results(matrix):
    """Return what is computed of a special matrix: the way depends on what is known."""
    det = L.det(matrix)
    return [L.solve(matrix, B), L.inv(matrix), L.slogdet(matrix)[1], T.log(abs(det))]


def test_special_matrices(everywhere, rng):
    """As NumPy has it of any matrix."""
    outputs = [v for make in SPECIAL.values() for v in (make(X), *results(make(X)))]
    x, b = rng.normal(size=(3, 3)) + 2 * np.eye(3), rng.normal(size=(3, 2))
    found = iter(gradcore.function([X, B], outputs, mode=everywhere)(x, b))
    for value, solution, inverse, *logs in zip(*[found] * 5, strict=True):
        np.testing.assert_allclose(solution, np.linalg.solve(value, b), 1e-9, 1e-9)
        np.testing.assert_allclose(inverse, np.linalg.inv(value), 1e-9, 1e-9)
        np.testing.assert_allclose(logs, [np.linalg.slogdet(value)[1]] * 2, 1e-9, 1e-9)


@pytest.mark.parametrize("name", SPECIAL)
def test_special_matrices_need_no_elimination(name):
    assert has_general(counted([X, B], results(SPECIAL[name](X)))) == (name == "symmetric")


def test_in_the_steps_of_a_loop():
    """The rules look at steps, which this one cannot leave."""
    claimed, _ = gradcore.scan(
        lambda x: L.solve(T.assume(x @ x.T + T.eye(3), "positive_definite"), x), [], X, n_steps=3
    )
    counts = counted([X], claimed)
    assert counts[Cholesky] == 1 and not has_general(counts)


def test_determinants_of_products_of_factors(everywhere, rng):
    factor = L.cholesky(X)
    outputs = [L.det(factor @ factor.T), L.det(T.triu(X)), L.det(T.assume(X, "positive_definite"))]
    root = rng.normal(size=(3, 3))
    given = root @ root.T + np.eye(3)
    f = gradcore.function([X], outputs, mode=everywhere)
    det = np.linalg.det(given)
    np.testing.assert_allclose(f(given), [det, np.prod(np.diag(given)), det], 1e-10)
    counts = counted([X], outputs)
    assert counts[Cholesky] == 1 and not has_general(counts)


@pytest.mark.parametrize("shape", [(3, 2), (2, 3)])
def test_products_with_triangles_that_are_not_square(shape, rng):
    """Of more rows than columns they are singular, though nothing on a diagonal is 0."""
    low = T.tril(X)
    f = gradcore.function([X], [L.det(low @ low.T), L.slogdet(low @ low.T)[1]], mode="numpy")
    x = np.tril(rng.normal(size=shape))
    det = np.linalg.det(x @ x.T) if shape == (2, 3) else 0
    np.testing.assert_allclose(f(x)[0], det, 1e-9, 1e-12)


@pytest.mark.parametrize("make", [T.tril, T.triu, lambda x: x * T.eye(3)])
def test_singular_ones_are_as_elimination_has_them(make):
    """NaN, but for the others of a stack; or an error."""
    s = T.dtensor3("s")
    outputs = [
        L.solve(make(X), B, on_error="nan"), L.inv(make(X), on_error="nan"),
        L.solve(T.tril(s), s, on_error="nan"),
    ]  # fmt: skip
    modes = [gradcore.Mode("numpy", optimizer=optimizer) for optimizer in (True, False)]
    x = np.arange(9.0).reshape(3, 3)
    given = x, x[:, :2] + 1, np.stack([x + 1, x, x - 9])
    quick, plain = (gradcore.function([X, B, s], outputs, mode=mode)(*given) for mode in modes)
    for found, expected in zip(quick, plain, strict=True):
        np.testing.assert_allclose(found, expected, 1e-12)
    assert np.isnan(quick[0]).all() and not np.isnan(quick[2][0]).any()


@pytest.mark.parametrize("backend", ["numpy", "c"])
@pytest.mark.parametrize("make", [T.tril, T.triu, lambda x: x * T.eye(3)])
def test_singular_ones_raise(make, backend):
    """With the user's line, as elimination does."""
    for outputs in (L.solve(make(X), X), L.inv(make(X))):
        f = gradcore.function([X], outputs, mode=backend)
        assert not has_general(counted([X], outputs))
        with pytest.raises(np.linalg.LinAlgError, match=r"Singular matrix[^$]*test_equations.py"):
            f(np.arange(9.0).reshape(3, 3))
        assert np.isfinite(f(np.arange(9.0).reshape(3, 3) + 1)).all()


# one factor for all -----------------------------------------------------------------------------
def test_value_gradient_and_hessian_share_one_factor(rng):
    """Of a Gaussian as it is written down, with a claim."""
    y, s = T.dvector("y"), T.dvector("s")
    distances = (D.dimshuffle(0, "x") - D) ** 2
    noisy = T.exp(-distances * T.exp(s[0])) + T.exp(s[1]) * T.eye(D.shape[0])
    costs = [
        y @ L.solve(matrix, y) / 2 + T.log(L.det(matrix)) / 2
        for matrix in (T.assume(noisy, "positive_definite"), noisy)
    ]
    inputs, given = [D, y, s], (rng.normal(size=4), rng.normal(size=4), np.zeros(2))
    results = []
    for cost in costs:
        outputs = [cost, T.grad(cost, s), T.hessian(cost, s)]
        f = gradcore.function(inputs, outputs, mode="numpy")
        results.append((f(*given), counted(inputs, outputs)))
    (found, counts), (expected, _) = results
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, 1e-9, 1e-9)
    assert counts[Cholesky] == 1 and not has_general(counts)


def test_in_loops_and_batches(everywhere, rng):
    s, b = T.dtensor3("s"), T.dtensor3("b")

    def one(matrix, right):
        return L.solve(T.assume(matrix, "positive_definite"), right)

    outputs = [one(s, b), gradcore.map(one, [s, b])[0]]
    f = gradcore.function([s, b], outputs, mode=everywhere)
    root, right = rng.normal(size=(4, 3, 3)), rng.normal(size=(4, 3, 2))
    given = root @ root.swapaxes(1, 2) + np.eye(3)
    for found in f(given, right):
        np.testing.assert_allclose(found, np.linalg.solve(given, right), 1e-9, 1e-9)
    counts = counted([s, b], outputs)
    assert counts[Cholesky] == 2 and not has_general(counts)


# what is true of real numbers -------------------------------------------------------------------
def part_of_diagonal(a, d):
    places = T.arange(2)
    return T.set_subtensor(T.zeros_like(a)[places, places], d[:2])


GRAMS = {
    "plus a number": lambda a, d: a.T @ a + 0.1 * T.eye(a.shape[1]),
    "plus a parameter": lambda a, d: T.exp(d[0]) * T.eye(a.shape[0]) + a @ a.T,
    "plus a diagonal": lambda a, d: a.T @ a + T.diag(d**2 + 0.5) + a.T @ a,
}
NO_GRAMS = {
    "minus": lambda a, d: a.T @ a - 0.1 * T.eye(a.shape[1]),
    "of any sign": lambda a, d: a.T @ a + d[0] * T.eye(a.shape[1]),
    "semidefinite": lambda a, d: a.T @ a + T.diag(d**2),
    "another product": lambda a, d: a @ a + T.eye(a.shape[1]),
    "plus a part of a diagonal": lambda a, d: a.T @ a + part_of_diagonal(a, T.exp(d)),
    "times a matrix": lambda a, d: T.exp(a) * (a.T @ a) + T.eye(3),
    "a difference": lambda a, d: T.eye(a.shape[1]) - a.T @ a,
}


@pytest.mark.parametrize("name", GRAMS | NO_GRAMS)
def test_regularized_products_by_choice(name, rng):
    matrix = (GRAMS | NO_GRAMS)[name](X, D)
    given = rng.normal(size=(3, 3)), np.array([1.0, -2, 3]), rng.normal(size=(3, 2))
    found = []
    for chosen in (False, True):
        mode = gradcore.Mode("numpy", reassociate=chosen)
        solution = L.solve(matrix, B)
        f = gradcore.function([X, D, B], solution, mode=mode, on_unused_input="ignore")
        found.append(f(*given))
        counts = counted([X, D, B], solution, mode)
        assert counts[Cholesky] == (chosen and name in GRAMS)
    np.testing.assert_allclose(*found, 1e-9, 1e-9)


# logarithms of determinants ---------------------------------------------------------------------
def test_an_identity_of_one_element_that_is_stretched_is_none():
    A, b = T.dmatrix("A"), T.dvector("b")
    mode = gradcore.Mode("numpy", reassociate=True)
    for eye, fires in ((T.eye(A.shape[1]), True), (T.eye(1), False)):
        f = gradcore.function([A, b], T.linalg.solve(A.T @ A + eye, b), mode)
        assert ("solve_with_gram" in {firing.rule for firing in f.maker.trace}) == fires
    np.testing.assert_allclose(f(np.eye(2, 3), [2.0, 2.0, 1.0]), [1.0, 1.0, -1.0])


def test_logarithms_of_determinants_neither_overflow_nor_underflow(everywhere):
    s = T.dtensor3("s")
    det = L.det(s)
    f = gradcore.function([s], [T.log(det), T.log(abs(det)), T.log10(det)], mode=everywhere)
    digits = 200 if everywhere.optimizer else 100
    large, swapped = 10.0**digits * np.eye(3), np.eye(3)[[1, 0, 2]]
    small, singular = np.diag(1 / np.diag(large)), np.ones((3, 3))
    given = np.stack([large, small, swapped @ large, singular, 2 * swapped])
    with np.errstate(all="ignore"):
        logs, magnitudes, decimal = f(given)
    sizes = np.array([3 * digits, -3 * digits, 3 * digits, -np.inf, 3 * np.log10(2)])
    signed = np.where(np.array([1, 1, 0, 1, 0], bool), sizes, np.nan)
    np.testing.assert_allclose(logs, signed * np.log(10), 1e-12)
    np.testing.assert_allclose(decimal, signed, 1e-12)
    np.testing.assert_allclose(magnitudes, sizes * np.log(10), 1e-12)


# claims -----------------------------------------------------------------------------------------
def test_claims_are_no_part_of_what_runs(everywhere):
    """Nothing is computed of them, derivatives pass, and transposes of symmetric ones are gone."""
    claimed = T.assume(X, "symmetric")
    outputs = [claimed.T + 1, T.grad((claimed**2).sum(), X), gradcore.Rop(claimed * D, X, B)]
    f = gradcore.function([X, D, B], outputs, mode=everywhere)
    x = np.array([[1.0, 2], [2, 5]])
    for found, expected in zip(f(x, x[0], x), (x + 1, 2 * x, x * x[0]), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert not counted([X, D, B], outputs)[Assume]


@pytest.mark.parametrize("claim", PROPERTIES)
def test_claims_are_not_of_tangents(everywhere, claim, rng):
    """Both modes differentiate with respect to every element, as if there were no claim."""
    made, direction = PROPERTIES[claim](rng.standard_normal((2, 2)) + 3), np.ones((2, 2)).cumsum()

    def cost(x):
        return (x.T * T.constant([[1.0, 2], [3, 4]])).sum() + (L.solve(x, T.eye(2)) ** 2).sum()

    claimed, plain = cost(T.assume(X, claim)), cost(X)
    modes = ("forward", "reverse")
    outputs = [gradcore.Rop(c, X, B) for c in (claimed, plain)]
    outputs += [gradcore.jacobian(claimed, X, mode=mode) for mode in modes] + [T.grad(plain, X)]
    f = gradcore.function([X, B], outputs, mode=everywhere)
    along, expected, forward, reverse, gradient = f(made, direction.reshape(2, 2))
    np.testing.assert_allclose(along, expected, 1e-12)
    np.testing.assert_allclose(forward, gradient, 1e-12)
    np.testing.assert_allclose(reverse, gradient, 1e-12)


def test_wrong_claims_are_found_when_debugged():
    f = gradcore.function(
        [X, B], L.solve(T.assume(X, "diagonal"), B), mode=gradcore.Mode("numpy", debug=True)
    )
    assert f(2 * np.eye(2), np.ones((2, 1))).tolist() == [[0.5], [0.5]]
    with pytest.raises(GradcoreError, match="solve"):
        f(np.ones((2, 2)) + np.eye(2), np.ones((2, 1)))


def test_claims_that_cannot_be():
    with pytest.raises(GraphTypeError, match="matrices"):
        T.assume(D, "symmetric")
    with pytest.raises(GraphValueError, match=r"did you mean 'positive_definite'"):
        T.assume(X, "positive definite")


def test_every_claim_is_of_use():
    """A rule reads it: of symmetric matrices, transposes; of others, equations."""
    a = T.dmatrix("a")
    for claim in PROPERTIES:
        claimed = T.assume(a, claim)
        trace = []
        for v in (claimed.T, Solve()(claimed, B)):
            equations.run(gradcore.graph.FunctionGraph((a, B), (v,)), trace)
        assert trace, claim
