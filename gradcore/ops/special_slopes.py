"""Derivatives of the incomplete gamma and beta functions in their parameters, on arrays.

They are the reference of rows; SciPy has none of them.  Both sum until no element changes, in
float64.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy  # pyright: ignore[reportMissingTypeStubs] - it ships none

from gradcore.ops.functions import where

MOST_STEPS = 20000
"""How many terms of a series, or of a continued fraction, are taken at most."""


def in_double(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``function`` of floats, computed in float64 on operands that broadcast."""

    def computed(*arrays: Any) -> Any:
        result = arrays[-1].dtype
        found = function(*(np.asarray(a, np.float64) for a in np.broadcast_arrays(*arrays)))
        return found.astype(result)

    computed.__name__ = function.__name__
    computed.__doc__ = function.__doc__
    return computed


def _lower(a: Any, x: Any) -> Any:
    """Return the derivative of gammainc in ``a`` over its weight: that of DLMF 8.11.4 by terms."""
    term, total = 1 / a, np.zeros_like(a)
    gap = np.log(x) - scipy.special.digamma(a + 1)
    for n in range(1, MOST_STEPS):
        total = total + term * gap
        if (np.abs(term * gap) <= 1e-17 * np.abs(total)).all():
            break
        gap = gap - 1 / (a + n)
        term = term * x / (a + n)
    return total


def _upper(a: Any, x: Any) -> Any:
    """Return the same by Legendre's continued fraction (DLMF 8.9.2), differentiated along."""
    b = x + 1 - a
    c, d, dc, dd = np.full_like(a, 1e300), 1 / b, np.zeros_like(a), 1 / b**2
    h, dh = d, dd
    for n in range(1, MOST_STEPS):
        an = n * (a - n)
        b = b + 2
        dd, d = n * d + an * dd - 1, an * d + b
        dc, c = (n - an * dc / c) / c - 1, b + an / c
        d, dd = 1 / d, -dd / d**2
        step, moved = c * d, dc * d + c * dd
        dh, h = dh * step + h * moved, h * step
        if (np.abs(step - 1) < 1e-15).all() and (np.abs(h * moved) <= 1e-15 * np.abs(dh)).all():
            break
    return -(dh + h * (np.log(x) - scipy.special.digamma(a)))


@in_double
def gammainc_slope(a: Any, x: Any) -> Any:
    """Return the derivative of gammainc in ``a``."""
    inside = (a > 0) & (x > 0) & np.isfinite(a) & np.isfinite(x)
    low = inside & ((x <= 1) | (x <= a + 1))
    b, y = where(inside, a, 1), where(inside, x, 1)
    weight = np.exp(b * np.log(y) - y - scipy.special.gammaln(b))
    below = _lower(b, where(low, y, b))
    above = _upper(b, where(low, b + 2, y))
    found = weight * where(low, below, above)
    outside = where((a > 0) & np.isfinite(a) & ((x == 0) | (x == np.inf)), 0, np.nan)
    return where(inside, found, outside)


def _numerator(a: Any, b: Any, x: Any, n: int) -> tuple[Any, Any, Any]:
    """Return the n-th numerator of DLMF 8.17.22, and its derivatives in ``a`` and ``b``."""
    m = n // 2
    if n % 2:
        value = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        rate = m / ((a + m) * (a + 2 * m)) + 1 / (a + b + m) - 1 / (a + 2 * m + 1)
        return value, value * rate, value / (a + b + m)
    by_b = m * x / ((a + 2 * m - 1) * (a + 2 * m))
    value = by_b * (b - m)
    return value, -value * (1 / (a + 2 * m - 1) + 1 / (a + 2 * m)), by_b


def _moved(a: Any, b: Any, x: Any, y: Any, by_b: Any) -> Any:
    """Return the derivative of betainc in ``a``, or in ``b``, where its fraction converges."""
    h, dh = np.ones(a.shape), np.zeros(a.shape)
    flat: list[Any] = [v.reshape(-1) for v in (a, b, x, by_b)]
    ones, zeros = np.ones(a.size), np.zeros(a.size)
    left = np.flatnonzero(ones)  # elements that still change
    state: list[Any] = [ones, zeros, ones, zeros, zeros, zeros]
    for n in range(1, MOST_STEPS):
        state, done = _step([v[left] for v in flat], state, n)
        h.reshape(-1)[left], dh.reshape(-1)[left] = state[2], state[5]
        if n > 1 and done.any():
            left, state = left[~done], [v[~done] for v in state]
        if not left.size:
            break
    psi = scipy.special.digamma
    log = where(by_b, np.log(y), np.log(x)) + psi(a + b) - where(by_b, psi(b), psi(a + 1))
    weight = np.exp(scipy.special.xlogy(a, x) + scipy.special.xlogy(b, y)
                    - scipy.special.betaln(a, b))  # fmt: skip
    return weight / a * (log - dh / h) / h


def _step(operands: list[Any], state: list[Any], n: int) -> tuple[list[Any], Any]:
    """Return c, d, h and their derivatives after the n-th step, and where that changed nothing."""
    a, b, x, by_b = operands
    c, d, h, dc, dd, dh = state
    an, by_first, by_second = _numerator(a, b, x, n)
    rate = where(by_b, by_second, by_first)
    dd, d = rate * d + an * dd, 1 + an * d
    dc, c = rate / c - an * dc / c**2, 1 + an / c
    d, dd = 1 / d, -dd / d**2
    step, moved = c * d, dc * d + c * dd
    dh, h = dh * step + h * moved, h * step
    done = (np.abs(step - 1) < 1e-15) & (np.abs(h * moved) <= 1e-15 * np.abs(dh))
    return [c, d, h, dc, dd, dh], done


def _betainc_slope(a: Any, b: Any, x: Any, by_b: bool) -> Any:
    defined = (a > 0) & (b > 0) & np.isfinite(a) & np.isfinite(b) & (x >= 0) & (x <= 1)
    inside = defined & (x > 0) & (x < 1)
    p, q, z = where(inside, a, 1), where(inside, b, 1), where(inside, x, 0.5)
    swapped = z > (p + 1) / (p + q + 2)
    first, second = where(swapped, q, p), where(swapped, p, q)
    near, far = where(swapped, 1 - z, z), where(swapped, z, 1 - z)
    found = _moved(first, second, near, far, swapped != by_b)
    return where(inside, where(swapped, -found, found), where(defined, 0, np.nan))


@in_double
def betainc_slope_a(a: Any, b: Any, x: Any) -> Any:
    """Return the derivative of betainc in ``a``."""
    return _betainc_slope(a, b, x, False)


@in_double
def betainc_slope_b(a: Any, b: Any, x: Any) -> Any:
    """Return the derivative of betainc in ``b``."""
    return _betainc_slope(a, b, x, True)
