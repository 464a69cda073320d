"""Equations with banded matrices, against SciPy."""

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
    with pytest.raises(GraphTypeError, match="of a known number"):
        L.solveh_banded(ab, b)
    f = gradcore.function([ab, b], L.solve_banded((1, 1), ab, b), mode="c")
    for shape in ((2, 4), (3, 5)):
        with pytest.raises(ShapeError):
            f(np.ones(shape), np.ones((4, 1)))
