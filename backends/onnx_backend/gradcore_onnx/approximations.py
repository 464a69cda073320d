"""Functions that ONNX, or onnxruntime in float64, lacks: polynomials of functions of SciPy.

A polynomial is the beginning of a Chebyshev series, which is nearly the best one of its degree; the
degrees are such that what is left is below the rounding of float64.  Everything is computed in
float64, from which float32 is rounded once.

The scaled complementary error function is interpolated in (x - k) / (x + k), which takes all
positive numbers to -1 ... 1 (M. M. Shepherd, J. G. Laframboise, "Chebyshev approximation of
(1 + 2x) exp(x^2) erfc(x) in 0 <= x < inf", 1981).
"""

from __future__ import annotations

import functools
import importlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gradcore_onnx.tensors import Tensor, cast, constant, emit, equal, where

# Loaded by name, of any type: they have none of their own.
chebyshev: Any = importlib.import_module("numpy.polynomial.chebyshev")
special: Any = importlib.import_module("scipy.special")

SQUARES = math.tan(math.pi / 8) ** 2
"""Up to where the square of an argument of the arc tangent goes, once it is reduced."""

MIDDLE = 3.75
"""The number that is taken to 0 where the scaled complementary error function is interpolated."""

POINTS = 128
"""At how many points a function is asked."""

FAR = 40.0
"""Beyond that number, exp(-x ** 2 / 2) is zero."""


def _atan_by_squares(u: Any) -> Any:
    root = np.sqrt(u)
    return np.where(u == 0, 1, np.arctan(root) / np.where(u == 0, 1, root))


def _asin_by_squares(u: Any) -> Any:
    root = np.sqrt(u)
    return np.where(u == 0, 1, np.arcsin(root) / np.where(u == 0, 1, root))


def _erf_by_squares(u: Any) -> Any:
    root = np.sqrt(u)
    slope = 2 / math.sqrt(math.pi)
    return np.where(u == 0, slope, special.erf(root) / np.where(u == 0, 1, root))


def _erfinv_by_logarithm(w: Any) -> Any:
    """Return erfinv(x) / x for w = -log(1 - x ** 2)."""
    rest = np.exp(-w)
    x = np.sqrt(-np.expm1(-w))
    slope = math.sqrt(math.pi) / 2
    return np.where(w == 0, slope, special.erfcinv(rest / (1 + x)) / np.where(w == 0, 1, x))


def _erfinv_by_root(root: Any) -> Any:
    return _erfinv_by_logarithm(root * root)


def _erfcx_by_fraction(t: Any) -> Any:
    x = MIDDLE * (1 + t) / np.maximum(1 - t, 1e-300)
    limit = 2 / math.sqrt(math.pi)
    return np.where(t < 1, (1 + 2 * x) * special.erfcx(x), limit)


@functools.cache
def _coefficients(
    function: Callable[[Any], Any], terms: int, low: float, high: float
) -> tuple[float, ...]:
    """Return those of a polynomial in -1 ... 1 for low ... high, that of the highest power first.

    Of a Chebyshev series by a cosine transform, of so many points that their rounding averages out.
    """
    # In more digits: what pi is rounded by would be in each coefficient, with one sign.
    turn = 2 * np.arccos(np.longdouble(-1))
    multiples = np.outer(np.arange(terms), 2 * np.arange(POINTS) + 1) % (4 * POINTS)
    cosines = np.cos(multiples * turn / (4 * POINTS))
    points = (low + high) / 2 + (high - low) / 2 * cosines[1].astype("float64")
    series = cosines @ function(points) * (np.longdouble(2) / POINTS)
    series[0] /= 2
    return tuple(map(float, reversed(chebyshev.cheb2poly(series))))


def _polynomial(
    x: Tensor, function: Callable[[Any], Any], terms: int, low: float, high: float
) -> Tensor:
    """Return the polynomial of a function at ``x``, by W. G. Horner's scheme."""
    if (low, high) != (-1, 1):
        x = (x - (low + high) / 2) * (2 / (high - low))
    first, *others = _coefficients(function, terms, low, high)
    found = constant(first, x.dtype)
    for c in others:
        found = found * x + c
    return found


def _in_double(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Return ``function``, computed in float64."""

    @functools.wraps(function)
    def computed(x: Tensor) -> Tensor:
        return cast(function(cast(x, "float64")), x.dtype)

    return computed


def _abs(x: Tensor) -> Tensor:
    return emit("Abs", x)


def _least(x: Tensor, most: float) -> Tensor:
    return where(x > most, most, x)


def _exp_of_square(x: Tensor, factor: float) -> Tensor:
    """Return exp(factor * x ** 2): the square is taken of two parts, that of the first exactly."""
    high = cast(cast(x, "float32"), "float64")
    rest = emit("Exp", (x - high) * (x + high) * factor)
    return emit("Exp", high * high * factor) * rest


def _erfcx_of_positive(x: Tensor) -> Tensor:
    near = _least(x, 1e150)
    t = (near - MIDDLE) / (near + MIDDLE)
    return _polynomial(t, _erfcx_by_fraction, 28, -1, 1) / 2 / (0.5 + x)


@_in_double
def arctan(x: Tensor) -> Tensor:
    """Return the arc tangent: reduced by the angles of a quarter and of an eighth of a turn."""
    size = _abs(x)
    inverted = size > 1
    u = where(inverted, 1 / size, size)
    turned = u > math.sqrt(SQUARES)
    u = where(turned, (u - 1) / (u + 1), u)
    found = u * _polynomial(u * u, _atan_by_squares, 13, 0, SQUARES)
    found = where(turned, found + math.pi / 4, found)
    found = where(inverted, math.pi / 2 - found, found)
    return where(equal(x, 0), x, where(x < 0, -found, found))


def _asin_of_half(x: Tensor) -> Tensor:
    """Return the arc sine of what is at most sqrt(0.4)."""
    return x * _polynomial(x * x, _asin_by_squares, 17, 0, 0.4)


def _asin_above(x: Tensor) -> Tensor:
    """Return half of the arc cosine of what is at least 0.2."""
    return _asin_of_half(emit("Sqrt", (1 - x) / 2))


@_in_double
def arcsin(x: Tensor) -> Tensor:
    """Return the arc sine."""
    size = _abs(x)
    found = math.pi / 2 - 2 * _asin_above(size)
    found = where(size > 0.625, found, _asin_of_half(size))
    return where(equal(x, 0), x, where(x < 0, -found, found))


@_in_double
def arccos(x: Tensor) -> Tensor:
    """Return the arc cosine."""
    above = 2 * _asin_above(_abs(x))
    found = where(x < 0, math.pi - above, above)
    return where(_abs(x) > 0.5, found, math.pi / 2 - _asin_of_half(x))


@_in_double
def erf(x: Tensor) -> Tensor:
    """Return the error function."""
    size = _abs(x)
    near = _least(size, 1)
    small = near * _polynomial(near * near, _erf_by_squares, 13, 0, 1)
    found = where(size > 1, 1 - _erfc_of_positive(size), small)
    return where(equal(x, 0), x, where(x < 0, -found, found))


@_in_double
def erfinv(x: Tensor) -> Tensor:
    """Return the inverse of the error function: its quotient by x is smooth in log(1 - x ** 2).

    M. Giles, "Approximating the erfinv function", 2011, which has the three intervals.
    """
    w = -emit("Log", (1 - x) * (1 + x))
    root = emit("Sqrt", w)
    near = _polynomial(_least(w, 6.25), _erfinv_by_logarithm, 24, 0, 6.25)
    far = _polynomial(_least(root, 4), _erfinv_by_root, 20, 2.5, 4)
    farthest = _polynomial(_least(root, 6.5), _erfinv_by_root, 20, 4, 6.5)
    found = x * where(w < 6.25, near, where(w < 16, far, farthest))
    return where(equal(_abs(x), 1), x * math.inf, where(equal(x, 0), 0, found))


def _erfc_of_positive(x: Tensor) -> Tensor:
    return _exp_of_square(_least(x, FAR), -1) * _erfcx_of_positive(x)


@_in_double
def erfc(x: Tensor) -> Tensor:
    """Return 1 - erf(x)."""
    found = _erfc_of_positive(_abs(x))
    return where(x < 0, 2 - found, found)


@_in_double
def erfcx(x: Tensor) -> Tensor:
    """Return exp(x ** 2) * erfc(x)."""
    above = _erfcx_of_positive(_abs(x))
    below = 2 * _exp_of_square(_least(_abs(x), FAR), 1) - above
    return where(x < 0, below, above)


@_in_double
def ndtr(x: Tensor) -> Tensor:
    """Return the normal distribution function."""
    size = _least(_abs(x), FAR)
    tail = _exp_of_square(size, -0.5) * _erfcx_of_positive(size * math.sqrt(0.5)) / 2
    return where(x < 0, tail, 1 - tail)
