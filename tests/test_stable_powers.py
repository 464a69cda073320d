"""Stable forms of powers of constants, and of totals that are repeated: values and derivatives."""

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T

STRETCHED = {
    "repeated": lambda total, n: T.repeat(total, n, axis=1),
    "a vector, repeated": lambda total, n: T.repeat(total[:, 0], n).reshape((total.shape[0], n)),
    "tiled": lambda total, n: T.tile(total, (1, n)),
    "rows tiled": lambda total, n: T.tile(total[:, 0], (n, 1)).T,
    "stretched": lambda total, n: T.broadcast_to(total, (total.shape[0], n)),
    "times ones": lambda total, n: total * T.ones((1, n)),
    "an outer product": lambda total, n: T.outer(total[:, 0], T.ones(n)),
}
"""Ways to repeat totals of rows ``n`` times."""


@pytest.mark.parametrize("name", STRETCHED)
def test_a_softmax_over_a_repeated_total_is_stable(name, everywhere):
    """Its derivatives, and with the optimizer its value."""
    x, w = T.dmatrix("x"), T.dmatrix("w")
    e = T.exp(x)
    p = e / STRETCHED[name](e.sum(axis=1, keepdims=True), x.shape[1])
    slope = T.grad((p * w).sum(), x)
    outputs = [slope, T.grad((slope * w).sum(), x), p][: 3 if everywhere.optimizer else 2]
    softmax = T.softmax(x, axis=1)
    expected = T.grad((softmax * w).sum(), x)
    expected = [expected, T.grad((expected * w).sum(), x), softmax]
    values = [np.array([[800.0, 799.0], [-900.0, -900.5]]), np.array([[1.0, 0.5], [2.0, -1.0]])]
    with np.errstate(all="ignore"):
        found = gradcore.function([x, w], outputs, mode=everywhere)(*values)
        wanted = gradcore.function([x, w], expected, mode="numpy")(*values)
    for ours, theirs in zip(found, wanted, strict=False):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", STRETCHED)
def test_totals_repeated_for_another_length_are_errors(name, everywhere):
    """In the logarithm of the quotient, in the quotient and in its derivative."""
    x, n = T.dmatrix("x"), T.lscalar("n")
    e = T.exp(x)
    p = e / STRETCHED[name](e.sum(axis=1, keepdims=True), n)
    for y in (T.log(p), p, T.grad(T.sqr(p).sum(), x), T.grad(T.log(p)[0, 0], x)):
        f = gradcore.function([x, n], y, mode=everywhere)
        assert f(np.ones((2, 3)), 3).shape == (2, 3)
        with pytest.raises(gradcore.errors.ShapeError):
            f(np.ones((2, 3)), 4)


def _first(x):
    return x[:, 0][:, None]


BASES = {
    "2": (lambda x: 2**x, np.log(2)),
    "e": (lambda x: np.e**x, 1.0),
    "10": (lambda x: T.pow(10.0, x), np.log(10)),
    "a half": (lambda x: 0.5**x, np.log(0.5)),
    "exp2": (T.exp2, np.log(2)),
}
"""Powers of constants, and the logarithms of these."""

OF_POWERS = {
    "a softmax": (
        lambda x, p: p(x) / p(x).sum(1, keepdims=True),
        lambda u: T.softmax(u, axis=1),
    ),
    "a softmax, shifted": (
        lambda x, p: p(x - _first(x)) / p(x - _first(x)).sum(1, keepdims=True),
        lambda u: T.softmax(u, axis=1),
    ),
    "its logarithm": (
        lambda x, p: T.log(p(x) / p(x).sum(1, keepdims=True)),
        lambda u: T.log_softmax(u, axis=1),
    ),
    "the logarithm of a total": (
        lambda x, p: T.log(p(x).sum(1, keepdims=True)),
        lambda u: T.logsumexp(u, axis=1, keepdims=True),
    ),
    "a total, shifted": (
        lambda x, p: _first(x) + T.log(p(x - _first(x)).sum(1, keepdims=True)),
        None,
    ),
    "in bits": (
        lambda x, p: T.log2(p(x).sum(1, keepdims=True)),
        lambda u: T.logsumexp(u, axis=1, keepdims=True) / np.log(2),
    ),
    "a softplus": (lambda x, p: T.log(1 + p(x)), T.softplus),
    "a logistic function": (lambda x, p: 1 / (1 + p(-x)), T.sigmoid),
    "a complement": (lambda x, p: T.log(1 - p(x) / (1 + p(x))), lambda u: -T.softplus(u)),
}
"""Functions of powers, and the same of exponents of e."""


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("name", OF_POWERS)
def test_functions_of_powers_of_constants_are_stable(name, base, everywhere):
    """As those of exponentials: with the optimizer their values; their derivatives on any graph."""
    (power, scale), (written, stable) = BASES[base], OF_POWERS[name]
    x, w = T.dmatrix("x"), T.dmatrix("w")

    def outputs(y):
        slope = T.grad((y * w).sum(), x)
        found = [slope, T.grad((slope * w).sum(), x), T.Rop(y, x, w)]
        return [*found, y] if everywhere.optimizer else found

    far = np.array([[3000.0, 2999.0, -1000.0], [-4000.0, -4000.5, -4001.0], [1.0, 2.0, 3.0]])
    if stable is None:
        far = far - far[:, :1] / scale
        expected = _first(x) + T.logsumexp((x - _first(x)) * scale, axis=1, keepdims=True)
    else:
        expected = stable(x * scale)
    at = [far, np.random.default_rng(2).normal(size=far.shape)]
    with np.errstate(all="ignore"):
        found = gradcore.function([x, w], outputs(written(x, power)), mode=everywhere)(*at)
        wanted = gradcore.function([x, w], outputs(expected), mode="numpy")(*at)
    for ours, theirs in zip(found, wanted, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-11)


def test_a_base_that_is_no_positive_number_is_none():
    """Powers of 1, of variables and of integers are what they are."""
    x, n, c = T.dmatrix("x"), T.lmatrix("n"), T.dscalar("c")
    totals = [1.0**x, 2**n, c**x, 0.0 ** abs(x), 2.0**n]
    f = gradcore.function([x, n, c], [T.log(p.sum(1)) for p in totals])
    at = np.array([[1.0, 2.0, 5.0]])
    n_at = at.astype(int)
    wanted = [1.0**at, 2**n_at, 3.0**at, 0.0**at, 2.0**n_at]
    with np.errstate(divide="ignore"):
        for ours, p in zip(f(at, n_at, 3.0), wanted, strict=True):
            np.testing.assert_allclose(ours, np.log(p.sum(1)), rtol=1e-14)
