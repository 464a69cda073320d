"""What does not exist: the inverse of a singular matrix, a factor, singular vectors."""

import re

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.errors import GraphTypeError, GraphValueError, LinAlgError

L = T.linalg
ONES = np.ones((2, 2))
NAN = np.full((3, 3), np.nan)


@pytest.fixture
def raising(everywhere):
    """Each backend that works here and can raise."""
    if everywhere.backend == "jax":
        pytest.skip("JAX has NaN where others raise")
    return everywhere


RAISING = {
    "Singular matrix": [
        (L.inv, ONES),
        (lambda x: L.solve(x, x), ONES),
        (lambda x: L.solve(x, x, "sym"), ONES),
        (lambda x: L.solve(x, x[0], "diagonal"), ONES * 0),
        (lambda x: L.solve(x, x, "upper triangular"), ONES * 0),
        (lambda x: L.solve_triangular(x, x), np.eye(12, k=1)),
        (lambda x: L.solve_triangular(x, x, lower=True, trans=True), np.eye(3, k=1)),
        (lambda x: L.solve(x, x), np.eye(12, k=1)),
        (lambda x: L.cho_solve((x, True), x), ONES * 0),
        (lambda x: L.lu_solve(L.lu_factor(x), x), ONES),
        (lambda x: L.solve_sylvester(x, -x, x), np.eye(2)),
        (lambda x: L.solve_lyapunov(x, x), ONES * 0),
        (L.tensorinv, np.zeros((2, 2, 2, 2))),
        (lambda x: L.tensorsolve(x, x[0]), ONES),
        (lambda x: L.matrix_power(x, -2), ONES),
    ],
    "Matrix is not positive definite": [
        (L.cholesky, ONES),
        (L.cholesky, -np.eye(12)),
        (lambda x: L.solve(x, x, "pos"), -np.eye(2)),
        (L.cholesky_banded, -ONES),
    ],
    "Matrix has no real square root": [(L.sqrtm, -np.eye(2)), (L.sqrtm, np.eye(2, k=1))],
    "Matrix has no logarithm of its dtype": [
        (L.logm, -np.eye(2)),
        (L.logm, np.zeros((2, 2))),
        (L.logm, ONES),
    ],
    "Matrix is not finite": [(lambda x: L.ldl(x)[0], NAN)],
    "Schur form did not converge": [(lambda x: L.schur(x)[0], NAN)],
    "Eigenvalues did not converge": [
        (L.eigvalsh, NAN),
        (lambda x: L.eigh(x)[1], NAN),
        (lambda x: T.real(L.eigvals(x)), NAN),
        (lambda x: L.eig(x)[1], NAN),
    ],
    "SVD did not converge": [
        (L.svdvals, NAN),
        (lambda x: L.svd(x)[0], NAN / ONES[0, 0]),
        (L.pinv, NAN),
        (lambda x: L.lstsq(x, x), NAN),
        (lambda x: L.norm(x, 2), NAN),
    ],
}  # fmt: skip


@pytest.mark.parametrize("backend", ["numpy", "c"])
def test_what_does_not_exist_raises(backend):
    for message, cases in RAISING.items():
        for function, given in cases:
            x = T.tensor("x", "float64", (None,) * given.ndim)
            f = gradcore.function([x], function(x), mode=backend)
            with pytest.raises(np.linalg.LinAlgError, match=message) as caught:
                f(given)
            assert isinstance(caught.value, LinAlgError)
            assert "test_linalg_errors.py" in str(caught.value)


def test_what_exists_does_not(everywhere):
    """NaN is no zero, as for NumPy; nor do empty matrices raise, or determinants."""
    x = T.dtensor3("x")
    right = T.ones_like(x)
    outputs = [L.det(x), L.inv(x), L.cholesky(x), L.solve(x, right), L.solve(x, right, "diagonal")]
    outputs += [*L.lu_factor(x), *L.qr(x)]
    f = gradcore.function([x], [*outputs, L.eigvalsh(x), L.svdvals(x), *L.eig(x)], mode=everywhere)
    for shape in ((2, 0, 0), (0, 3, 3)):
        assert all(found.size == 0 or found.shape == (2,) for found in f(np.ones(shape)))
    g = gradcore.function([x], outputs, mode=everywhere)
    for n in (2, 12):
        found = g(np.stack([np.full((n, n), np.nan), np.eye(n)]))
        assert all(np.isnan(each[0]).any() for each in found[:5])
        assert all(np.isfinite(each[1]).all() for each in found)
    singular = np.ones((1, 3, 3))
    h = gradcore.function([x], [L.det(x), *L.slogdet(x), L.lu_factor(x)[0]], mode=everywhere)
    assert [float(found[0]) for found in h(singular)[:3]] == [0, 0, -np.inf]


def test_which_of_a_stack(raising):
    x = T.dtensor4("x")
    f = gradcore.function([x], L.inv(x), mode=raising)
    given = np.broadcast_to(np.eye(3), (2, 3, 3, 3)).copy()
    f(given)
    given[1, 1] = given[1, 2] = 0
    with pytest.raises(LinAlgError, match="Singular matrix: at 4 in a stack of 6"):
        f(given)


def test_nothing_is_stored(raising):
    x = T.dmatrix("x")
    count, total = gradcore.shared(0.0), gradcore.shared(np.eye(2))
    updates = {count: count + 1, total: total + L.inv(x)}
    f = gradcore.function([x], total.sum(), updates=updates, mode=raising)
    f(np.eye(2))
    with pytest.raises(LinAlgError):
        f(ONES)
    assert count.get_value() == 1
    np.testing.assert_array_equal(total.get_value(), 2 * np.eye(2))


def test_only_what_runs_raises(raising):
    """Not the branch that is not taken, nor a loop without steps."""
    x, n, c = T.dmatrix("x"), T.lscalar("n"), T.bscalar("c")
    chosen = T.ifelse(c, L.inv(x), x)
    looped, _ = gradcore.scan(lambda s: s + L.inv(s), None, x, n_steps=n)
    f = gradcore.function([x, n, c], [chosen, looped], mode=raising)
    f(ONES, 0, 0)
    f(2 * np.eye(2), 2, 1)
    for steps, taken in ((1, 0), (0, 1)):
        with pytest.raises(LinAlgError):
            f(ONES, steps, taken)


def test_what_nobody_reads_does_not_raise(optimized):
    x = T.dmatrix("x")
    assert gradcore.function([x], L.inv(x).shape[0], mode=optimized)(ONES) == 2


@pytest.mark.parametrize("backend", ["numpy", "c"])
def test_rewriting_raises_the_same(backend):
    """An inverse times a matrix is a solution; with a Jacobian of bands, a quotient or a loop."""
    a, b, v = T.dmatrix("a"), T.dmatrix("b"), T.dvector("v")
    jacobians = [T.jacobian(v**2, v), T.jacobian(v**2 + T.concatenate([v[:1], v[:-1]]), v)]
    raising = [L.inv(a) @ b, *(L.solve(j, b) for j in jacobians)]
    raising += [L.solve_triangular(jacobians[1], b, lower=True)]
    quiet = [L.inv(a, on_error="nan") @ b]
    quiet += [L.solve(j, b, on_error="nan") for j in jacobians]
    mode = gradcore.Mode(backend, reassociate=True)
    regular, singular = (2 * np.eye(2), [3.0, 2]), (ONES, [1.0, 0])
    for k, output in enumerate((*raising, *quiet)):
        f = gradcore.function([a, b, v], output, mode=mode, on_unused_input="ignore")
        assert np.isfinite(f(regular[0], ONES, regular[1])).all()
        if k < len(raising):
            with pytest.raises(LinAlgError, match="Singular matrix"):
                f(singular[0], ONES, singular[1])
        else:
            assert np.isnan(f(singular[0], ONES, singular[1])).all()


def test_derivatives_raise_where_the_value_does(everywhere):
    a, b = T.dmatrix("a"), T.dvector("b")
    quiet = L.solve(a, b, on_error="nan").sum()
    f = gradcore.function([a, b], T.grad(quiet, a), mode=everywhere)
    assert np.isnan(f(ONES, ONES[0])).all()
    slope = T.grad((L.solve(a, b) ** 2).sum(), b)
    g = gradcore.function([a, b], slope, mode="c")
    with pytest.raises(LinAlgError):
        g(ONES, ONES[0])


def test_what_is_neither_raise_nor_nan_is_refused():
    x = T.dmatrix("x")
    for function in (L.cholesky, L.inv, lambda x, **given: L.solve(x, x, **given)):
        with pytest.raises(GraphValueError, match='on_error="raise" or'):
            function(x, on_error="warn")


REFUSED = {
    "matrix_power takes an integer, not 0.5": lambda x: L.matrix_power(x, 0.5),
    "matrix_power takes an integer, not n": lambda x: L.matrix_power(x, T.lscalar("n")),
    "takes a finite number, not t": lambda x: L.fractional_matrix_power(x, T.dscalar("t")),
    "takes a finite number, not nan": lambda x: L.fractional_matrix_power(x, np.nan),
    'side="left" or "right", not \'up\'': lambda x: L.polar(x, "up"),
}


@pytest.mark.parametrize("message", REFUSED)
def test_powers_and_sides_that_are_none_are_refused(message):
    with pytest.raises((GraphTypeError, GraphValueError), match=re.escape(message)) as error:
        REFUSED[message](np.eye(2))
    assert "test_linalg_errors.py" in str(error.value)
    assert L.matrix_power(ONES, np.int64(3)).eval().tolist() == [[4, 4], [4, 4]]


def test_singular_matrices_are_infinitely_ill_conditioned():
    x = T.dtensor3("x")
    at = np.array([np.zeros((2, 2)), [[1.0, 1.0], [1.0, 1.0]], [[1.0, 0.0], [0.0, 2.0]]])
    for p in (None, 1, "fro"):
        found, wanted = T.linalg.cond(x, p).eval({x: at}), np.linalg.cond(at, p)
        large = wanted > 1e15  # by singular values, what is left of a zero is rounding
        assert large.tolist() == (found > 1e15).tolist() == [True, True, False]
        np.testing.assert_allclose(found[2], wanted[2], rtol=1e-12)
    assert np.isnan(T.linalg.cond(x, 1).eval({x: at[:1] * np.nan}))


@pytest.mark.parametrize("name", ["rq", "qz", "hessenberg", "eigh_tridiagonal", "solve_toeplitz"])
def test_what_is_not_there_says_what_to_take(name):
    with pytest.raises(AttributeError, match=f"no attribute '{name}': take (.*)") as error:
        getattr(T.linalg, name)
    words = re.findall(r"(\w+)\(|take (\w+)", str(error.value))
    taken = {word for pair in words for word in pair if word}
    assert taken and all(hasattr(T.linalg, word) for word in taken), taken
