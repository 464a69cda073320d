"""Factors of symmetric matrices that are not definite, against SciPy."""

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcore
import gradcore.tensor as T
from gradcore.errors import LinAlgError, ShapeError

L = T.linalg


def symmetric(rng, n, dtype, hermitian=True):
    """Return a matrix of whole numbers, of which many pivots are equal, or zero."""
    a = rng.integers(-3, 4, (n, n)).astype(dtype)
    if np.iscomplexobj(a):
        a += 1j * rng.integers(-3, 4, (n, n))
    return a + (a.conj().T if hermitian else a.T)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("hermitian", [True, False])
@pytest.mark.parametrize("lower", [True, False])
def test_factors(everywhere, lower, hermitian, dtype, rng):
    """As SciPy's, of large matrices, too; the other triangle is not read."""
    x = T.matrix("x", dtype)
    f = gradcore.function([x], L.ldl(x, lower, hermitian), mode=everywhere)
    near = 1e3 * np.finfo(dtype).eps
    for n in (0, 1, 2, 5, 9, 140):
        a = rng.normal(size=(n, n)) if n > 100 else symmetric(rng, n, dtype, hermitian)
        a = (a + (a.conj().T if hermitian else a.T)).astype(dtype)
        found = f(np.tril(a) if lower else np.triu(a))
        assert [v.dtype.name for v in found] == [dtype, dtype, "int64"]
        for mine, wanted in zip(found, scipy.linalg.ldl(a, lower, hermitian), strict=True):
            np.testing.assert_allclose(mine, wanted, n * near, n * near)


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(1, 8), seed=st.integers(0, 2**20), lower=st.booleans(), symmetric_=st.booleans()
)
def test_they_make_the_matrix(n, seed, lower, symmetric_):
    """Of any matrix, singular ones too; L is a triangle in the order that is returned."""
    a = symmetric(np.random.default_rng(seed), n, "complex128", not symmetric_)
    low, blocks, order = FACTORS[lower, symmetric_](a)
    np.testing.assert_allclose(low @ blocks @ (low.T if symmetric_ else low.conj().T), a, 0, 1e-9)
    triangle = low[order] - np.eye(n)
    assert not (np.triu(triangle) if lower else np.tril(triangle)).any()
    assert not np.triu(blocks, 2).any() and not np.tril(blocks, -2).any()


Z = T.zmatrix("z")
FACTORS = {
    (lower, symmetric_): gradcore.function([Z], L.ldl(Z, lower, not symmetric_), mode="c")
    for lower in (True, False)
    for symmetric_ in (True, False)
}


@pytest.mark.parametrize("lower", [True, False])
def test_derivatives(lower, rng):
    """Of a stack, with blocks of two rows and rows alone, against differences, and twice."""
    a = rng.normal(size=(2, 5, 5))
    a = a + a.swapaxes(-1, -2)
    x = T.dtensor3("x")
    blocks = gradcore.function([x], L.ldl(x, lower)[1], mode="numpy")(a)
    assert np.count_nonzero(blocks, (1, 2)).max() > 5, "there is no block"
    for which in (0, 1):
        T.verify_grad(lambda x, k=which: L.ldl(x, lower)[k], [a], rng=rng, mode="numpy")
    slopes = T.grad((L.ldl(x, lower)[0] ** 2).sum(), x)
    T.verify_grad(lambda y: gradcore.clone(slopes, {x: y}), [a], rng=rng, mode="c")


@pytest.mark.parametrize("hermitian", [True, False])
@pytest.mark.parametrize("lower", [True, False])
def test_derivatives_of_complex_factors(lower, hermitian, rng):
    """By real and imaginary parts, of which one on the diagonal does not count if Hermitian."""
    re, im = rng.normal(size=(2, 4, 4))
    re[:2, :2] = [[0.1, 3], [3, 0.2]]
    parts = [T.dmatrix("re"), T.dmatrix("im")]
    for k in (0, 1):
        found = L.ldl(T.complex(*parts), lower, hermitian)[k]
        both = T.stack([T.real(found), T.imag(found)])
        T.verify_grad(
            lambda *x, both=both: gradcore.clone(both, dict(zip(parts, x, strict=True))),
            [re, im], rng=rng, mode="numpy",
        )  # fmt: skip


def test_the_determinant_and_the_inertia(everywhere, rng):
    """Of the blocks: what they are computed for."""
    x = T.dmatrix("x")
    blocks = L.ldl(x)[1]
    logdet = L.slogdet(blocks)[1]
    negative = T.lt(L.eigvalsh(blocks), 0).sum()
    f = gradcore.function([x], [logdet, negative, T.grad(logdet, x)], mode=everywhere)
    a = symmetric(rng, 6, "float64") + np.diag(np.arange(6.0)) / 7
    found, count, slope = f(a)
    np.testing.assert_allclose(found, np.linalg.slogdet(a)[1], 1e-12)
    assert count == (np.linalg.eigvalsh(a) < 0).sum()
    inverse = np.linalg.inv(a)
    whole = np.tril(inverse) + np.tril(inverse, -1)
    np.testing.assert_allclose(slope, whole, 1e-9, 1e-9)


@pytest.mark.parametrize("backend", ["numpy", "c"])
def test_what_is_not_finite_and_what_is_refused(backend):
    x = T.dtensor3("x")
    f = gradcore.function([x], L.ldl(x)[1], mode=backend)
    a = np.stack([np.eye(2)] * 3)
    a[1, 1, 0] = np.inf
    with pytest.raises(LinAlgError, match="Matrix is not finite: at 1 in a stack of 3"):
        f(a)
    assert not f(0 * np.eye(2)[None]).any()
    with pytest.raises(ShapeError):
        f(np.ones((1, 2, 3)))
