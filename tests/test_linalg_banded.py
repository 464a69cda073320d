"""Equations with banded matrices and their factors, against SciPy."""

import numpy as np
import pytest
import scipy.linalg

import gradcore
import gradcore.tensor as T
from gradcore.errors import GraphTypeError, GraphValueError, LinAlgError, ShapeError

L = T.linalg


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("bands", [(0, 0), (1, 1), (0, 2), (3, 1)])
def test_solutions(everywhere, bands, dtype, rng):
    """Of a matrix, a vector and a stack; of fewer rows than bands, too, and of none."""
    ab, b, v = T.matrix("ab", dtype), T.matrix("b", dtype), T.vector("v", dtype)
    stack, sides = T.tensor3("stack", dtype), T.tensor3("sides", dtype)
    pairs = ((ab, b), (ab, v), (stack, sides))
    f = gradcore.function(
        [ab, b, v, stack, sides], [L.solve_banded(bands, *pair) for pair in pairs], mode=everywhere
    )
    for n, columns in ((7, 3), (1, 0), (2, 1), (0, 2)):
        given = rng.normal(size=(2, sum(bands) + 1, n)).astype(dtype)
        given[:, bands[1]] += 4
        right = rng.normal(size=(2, n, columns)).astype(dtype)
        vector = rng.normal(size=n).astype(dtype)
        found = f(given[0], right[0], vector, given, right)
        near = 1e3 * np.finfo(dtype).eps
        assert [x.shape for x in found] == [(n, columns), (n,), (2, n, columns)]
        assert {x.dtype.name for x in found} == {dtype}
        if n:
            expected = scipy.linalg.solve_banded(bands, given[0].astype(float), vector)
            np.testing.assert_allclose(found[1], expected, near, near)
            for x, ab_of_x, side in zip(found[2], given, right, strict=True):
                expected = scipy.linalg.solve_banded(bands, ab_of_x.astype(float), side)
                np.testing.assert_allclose(x, expected, near, near)


@pytest.mark.parametrize("lower", [False, True])
def test_symmetric_bands(lower, rng):
    ab, b = T.tensor("ab", "float64", (3, None)), T.dmatrix("b")
    f = gradcore.function([ab, b], L.solveh_banded(ab, b, lower), mode="c")
    for n in (1, 2, 6):
        given, right = rng.normal(size=(3, n)), rng.normal(size=(n, 2))
        given[0 if lower else 2] += 8
        expected = scipy.linalg.solveh_banded(given, right, lower=lower)
        np.testing.assert_allclose(f(given, right), expected, 1e-12, 1e-14)


def test_many_rows_take_no_square_of_memory(rng):
    ab, b = T.dmatrix("ab"), T.dvector("b")
    x = L.solve_banded((1, 1), ab, b)
    f = gradcore.function([ab, b], [x, *T.grad((x**2).sum(), [ab, b])], mode="c")
    n = 100_000
    given, right = rng.normal(size=(3, n)), rng.normal(size=n)
    given[1] += 8
    found, by_bands, by_right = f(given, right)
    np.testing.assert_allclose(found, scipy.linalg.solve_banded((1, 1), given, right), 1e-12, 1e-14)
    turned = np.stack([np.roll(given[2], 1), given[1], np.roll(given[0], -1)])
    expected = scipy.linalg.solve_banded((1, 1), turned, 2 * found)
    np.testing.assert_allclose(by_right, expected, 1e-12, 1e-14)
    np.testing.assert_allclose(by_bands[1], -expected * found, 1e-12, 1e-14)
    np.testing.assert_allclose(by_bands[0, 1:], -expected[:-1] * found[1:], 1e-12, 1e-14)
    assert by_bands[0, 0] == by_bands[2, -1] == 0


def definite(rng, lower, shape, dtype="float64"):
    """Return the bands on a side of positive definite matrices, with NaN where no element is."""
    given = rng.normal(size=shape).astype(dtype) / (2 * shape[-2])
    given[..., 0 if lower else -1, :] += 3
    given[..., ~exist(lower, shape)] = np.nan
    return given


def exist(lower, shape):
    """Return which places of bands are those of elements."""
    rows, n = shape[-2:]
    k, j = np.indices((rows, n))
    return k + j < n if lower else rows - 1 - k <= j


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("lower", [False, True])
def test_factors(everywhere, lower, dtype, rng):
    """Of one matrix and a stack, also with more bands than rows, and with the diagonal alone."""
    ab, stack = T.matrix("ab", dtype), T.tensor3("stack", dtype)
    factors = [L.cholesky_banded(v, lower=lower) for v in (ab, stack)]
    f = gradcore.function([ab, stack], factors, mode=everywhere)
    near = 1e2 * np.finfo(dtype).eps
    for shape in ((3, 6), (1, 4), (5, 3), (2, 40), (34, 40)):
        given = definite(rng, lower, (2, *shape), dtype)
        one, found = f(given[0], given)
        assert one.dtype == found.dtype == dtype
        there = exist(lower, shape)
        for each, a in zip((one, *found), given[[0, 0, 1]], strict=True):
            expected = scipy.linalg.cholesky_banded(
                np.where(there, a, 0), lower=lower, check_finite=False
            )
            np.testing.assert_allclose(each[there], expected[there], near, near)
            assert not each[~there].any()
    assert [v.shape for v in f(np.ones((2, 0), dtype), np.ones((0, 2, 3), dtype))] == [
        (2, 0),
        (0, 2, 3),
    ]


@pytest.mark.parametrize("lower", [False, True])
def test_equations_with_factors(everywhere, lower, rng):
    ab, stack = (T.tensor("ab", "float64", (*front, 3, None)) for front in ((), (None,)))
    v, b, sides = T.dvector("v"), T.dmatrix("b"), T.dtensor3("sides")
    pairs = ((ab, v), (ab, b), (stack, sides))
    found = [L.cho_solve_banded((L.cholesky_banded(a, lower), lower), right) for a, right in pairs]
    f = gradcore.function([ab, stack, v, b, sides], found, mode=everywhere)
    given = np.nan_to_num(definite(rng, lower, (2, 3, 6)))
    right = rng.normal(size=(2, 6, 3))
    for x, a, side in zip(
        (*f(given[0], given, right[0, :, 0], right[0], right)[:2],
         *f(given[0], given, right[0, :, 0], right[0], right)[2]),
        given[[0, 0, 0, 1]], (right[0, :, 0], right[0], *right), strict=True,
    ):  # fmt: skip
        wanted = scipy.linalg.solveh_banded(a, side, lower=lower)
        np.testing.assert_allclose(x, wanted, 1e-11, 1e-12)


@pytest.mark.parametrize("lower", [False, True])
def test_factors_move_as_their_matrices_do(lower, rng):
    """Gradients and tangents against differences, and twice; not by what is no element."""
    given = np.nan_to_num(definite(rng, lower, (2, 3, 5)))
    T.verify_grad(lambda ab: L.cholesky_banded(ab, lower), [given], rng=rng, mode="numpy")
    ab = T.dtensor3("ab")
    slopes = T.grad((L.cholesky_banded(ab, lower) ** 3).sum(), ab)
    T.verify_grad(lambda x: gradcore.clone(slopes, {ab: x}), [given], rng=rng, mode="c")
    found = gradcore.function([ab], slopes, mode="c")(given)
    assert not found[:, ~exist(lower, given.shape)].any() and np.isfinite(found).all()


def test_derivatives_of_factors_take_no_square_of_memory(rng):
    """The logarithm of a determinant, of 100,000 rows."""
    ab = T.dmatrix("ab")
    logdet = 2 * T.log(L.cholesky_banded(ab, lower=True)[0]).sum()
    f = gradcore.function([ab], [logdet, T.grad(logdet, ab)], mode="c")
    given = np.repeat([[2.5], [1.0]], 100_000, 1)  # of (2, 0.5) and (0.5, 2): 2 * 2 + 0.5 * 0.5
    found, slopes = f(given)
    np.testing.assert_allclose(found, 100_000 * np.log(2) + np.log(4 / 3), 1e-12)
    middle = slopes[:, 50_000]
    np.testing.assert_allclose(middle, [1 / 1.5, -2 * 0.5 / 1.5], 1e-9)


@pytest.mark.parametrize("backend", ["numpy", "c"])
@pytest.mark.parametrize("lower", [False, True])
def test_what_has_no_factor(backend, lower):
    ab = T.dtensor3("ab")
    given = np.ones((4, 2, 3))
    given[:, 0 if lower else 1] = 5
    given[1, 0 if lower else 1, 1] = np.nan
    given[2] = -1
    f = gradcore.function([ab], L.cholesky_banded(ab, lower), mode=backend)
    with pytest.raises(LinAlgError, match="not positive definite: at 2 in a stack of 4"):
        f(given)
    assert np.isfinite(f(given[::3])).all()
    quiet = gradcore.function([ab], L.cholesky_banded(ab, lower, on_error="nan"), mode=backend)
    found = quiet(given)[:, exist(lower, (2, 3))]
    assert np.isnan(found).all(1).tolist() == [False, True, True, False]
    zeros = np.zeros((2, 3))
    g = gradcore.function([], L.cho_solve_banded((zeros, lower), np.ones(3)), mode=backend)
    with pytest.raises(LinAlgError, match="Singular matrix"):
        g()


@pytest.mark.parametrize("backend", ["numpy", "c"])
def test_what_is_singular(backend):
    ab, b = T.dtensor3("ab"), T.dtensor3("b")
    given = np.ones((3, 3, 4))
    given[:, 1] = 5
    given[2] = 0
    right = np.ones((3, 4, 1))
    raising = gradcore.function([ab, b], L.solve_banded((1, 1), ab, b), mode=backend)
    with pytest.raises(LinAlgError, match="Singular matrix: at 2 in a stack of 3"):
        raising(given, right)
    quiet = L.solve_banded((1, 1), ab, b, on_error="nan")
    found = gradcore.function([ab, b], quiet, mode=backend)(given, right)
    assert np.isfinite(found[:2]).all() and np.isnan(found[2]).all()


def test_what_is_refused():
    ab, b = T.dmatrix("ab"), T.dmatrix("b")
    with pytest.raises(GraphValueError, match="numbers of bands"):
        L.solve_banded((1, -1), ab, b)
    with pytest.raises(ShapeError, match="takes 3 rows of bands"):
        L.solve_banded((1, 1), np.ones((2, 4)), b)
    for function in (L.solveh_banded, lambda ab, b: L.cho_solve_banded((ab, True), b)):
        with pytest.raises(GraphTypeError, match="of a known number"):
            function(ab, b)
    with pytest.raises(GraphTypeError, match="takes matrices"):
        L.cholesky_banded(T.dvector())
    with pytest.raises(ShapeError, match="has no bands"):
        gradcore.function([ab], L.cholesky_banded(ab), mode="c")(np.ones((0, 3)))
    f = gradcore.function([ab, b], L.solve_banded((1, 1), ab, b), mode="c")
    for shape in ((2, 4), (3, 5)):
        with pytest.raises(ShapeError):
            f(np.ones(shape), np.ones((4, 1)))
