"""What entries of `gradcore.ops.special` are on arrays, where NumPy and SciPy lose digits.

Each works in the dtype of its operands, long double too; float16 is computed in float32.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy  # pyright: ignore[reportMissingTypeStubs] - it ships none

from gradcore.ops.functions import where

LOG_2 = math.log(2)


def in_single(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``function`` of floats, computed in float32 where its operands are float16."""

    @functools.wraps(function)
    def computed(*arrays: Any) -> Any:
        if arrays[-1].dtype != np.float16:
            return function(*arrays)
        return function(*(a.astype(np.float32) for a in arrays)).astype(np.float16)

    return computed


def pi_of(x: Any) -> Any:
    """Return pi in the dtype of ``x``: its double, and what that lacks."""
    return x.dtype.type(math.pi) + x.dtype.type(1.2246467991473532e-16)


@in_single
def logit(x: Any) -> Any:
    """Return log(x / (1 - x)), with all digits near 1/2."""
    near = np.abs(x - 0.5) <= 0.25
    middle = np.log1p((2 * x - 1) / where(near, 1 - x, 1))
    return where(near, middle, np.log(x / (1 - x))).astype(x.dtype)


@in_single
def log1mexp(x: Any) -> Any:
    """Return log(1 - exp(x))."""
    near = x > -LOG_2
    return where(near, np.log(-np.expm1(x)), np.log1p(-np.exp(x))).astype(x.dtype)


@in_single
def xlogy(x: Any, y: Any) -> Any:
    """Return x * log(y), and 0 where x is 0 and y a number."""
    return where((x == 0) & ~np.isnan(y), 0, x * np.log(y)).astype(x.dtype)


@in_single
def xlog1py(x: Any, y: Any) -> Any:
    """Return x * log1p(y), and 0 where x is 0 and y a number."""
    return where((x == 0) & ~np.isnan(y), 0, x * np.log1p(y)).astype(x.dtype)


@in_single
def entr(x: Any) -> Any:
    """Return -x * log(x), 0 at 0 and -inf below."""
    return where(x < 0, -np.inf, where(x == 0, 0, -x * np.log(x))).astype(x.dtype)


def _alternating(x: Any) -> Any:
    """Return 1 for even numbers, -1 for odd ones."""
    return 1 - 2 * np.abs(x - 2 * np.trunc(x / 2))


@in_single
def sinpi(x: Any) -> Any:
    """Return sin(pi * x), 0 at every integer."""
    whole = np.rint(x)
    return (np.sin(pi_of(x) * (x - whole)) * _alternating(whole)).astype(x.dtype)


@in_single
def cospi(x: Any) -> Any:
    """Return cos(pi * x), 0 between integers."""
    whole = np.rint(x)
    rest = np.abs(x - whole)
    found = where(rest > 0.25, np.sin(pi_of(x) * (0.5 - rest)), np.cos(pi_of(x) * rest))
    return (found * _alternating(whole)).astype(x.dtype)


@in_single
def sinc(x: Any) -> Any:
    """Return sin(pi * x) / (pi * x), 1 at 0, and 0 at every other integer."""
    divisor = where(x == 0, 1, pi_of(x) * x)
    return where(x == 0, 1, sinpi(x) / divisor).astype(x.dtype)


@in_single
def rgamma(x: Any) -> Any:
    """Return 1 / gamma(x): next to 0 it is x, where SciPy's may be 0; it has no limit at -inf."""
    found = where(abs(x) < np.finfo(x.dtype).tiny, x, scipy.special.rgamma(x))
    return where(x == -np.inf, np.nan, found).astype(x.dtype)


@in_single
def exprel(x: Any) -> Any:
    """Return (exp(x) - 1) / x, 1 at 0."""
    half = np.exp(np.minimum(x, 3e4) / 2)
    large = half * (half / where(x > 80, np.minimum(x, 3e4), 1))
    found = where(x > 80, large, np.expm1(x) / where(x == 0, 1, x))
    return where(x == 0, 1, found).astype(x.dtype)


def _exp_of_square(x: Any, factor: float) -> Any:
    """Return exp(factor * x ** 2): the square is taken of a short number, and of the rest."""
    short = np.rint(x * 16) / 16
    return np.exp(factor * short * short) * np.exp(factor * (x - short) * (x + short))


@in_single
def erfcx(x: Any) -> Any:
    """Return exp(x ** 2) * erfc(x), with all digits below 0."""
    above = scipy.special.erfcx(np.abs(x))
    below = 2 * _exp_of_square(np.maximum(np.minimum(x, 0), -40), 1) - above
    return where(x < 0, below, above).astype(x.dtype)


def _tail(a: Any) -> Any:
    """Return ndtr(-a) for a >= 0."""
    b = np.minimum(a, 40)
    return _exp_of_square(b, -0.5) * scipy.special.erfcx(b * math.sqrt(0.5)) / 2


@in_single
def ndtr(x: Any) -> Any:
    """Return the normal distribution function, with all digits in its lower tail."""
    tail = _tail(np.abs(x))
    return where(x < 0, tail, 1 - tail).astype(x.dtype)


@in_single
def log_ndtr(x: Any) -> Any:
    """Return log(ndtr(x)), without underflow, and with all digits in its upper tail."""
    far = np.log(scipy.special.erfcx(-x * math.sqrt(0.5)) / 2) - x * x / 2
    below = where(x < -1, far, np.log(ndtr(x)))
    return where(x < 0, below, np.log1p(-_tail(np.abs(x)))).astype(x.dtype)


@in_single
def ndtri(p: Any) -> Any:
    """Return the normal quantile of ``p``."""
    return (-math.sqrt(2) * scipy.special.erfcinv(2 * p)).astype(p.dtype)


# beta functions ---------------------------------------------------------------------------------
def _stirling_rest(x: Any) -> Any:
    """Return log(gamma(x)) less Stirling's formula, for x >= 10: DLMF 5.11.1."""
    terms = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156)
    r = 1 / (x * x)
    return sum(c * r**k for k, c in enumerate(terms)) / x


def betaln(a: Any, b: Any) -> Any:
    """Return log(beta(a, b)) for positive operands; of large ones by Stirling's formula."""
    given = b.dtype
    a, b = np.minimum(a, b).astype(np.float64), np.maximum(a, b).astype(np.float64)
    large, both = where(b < 10, 10, b), where(a < 10, 10, a)
    total = large + a
    rest = _stirling_rest(large) - _stirling_rest(total)
    small = scipy.special.gammaln(a) + (
        a - a * np.log(total) + (0.5 - large) * np.log1p(a / large) + rest
    )
    far = (0.5 - both) * np.log1p(large / both) - large * np.log1p(both / large)
    far = far - np.log(large) / 2 + math.log(2 * math.pi) / 2 + rest + _stirling_rest(both)
    near = scipy.special.betaln(a, b)
    return where(b < 10, near, where(a < 10, small, far)).astype(given)


# Bessel functions -------------------------------------------------------------------------------
FAR = 25
"""From here on sixteen terms of DLMF 10.17.3 have all digits."""


def hankel_terms(order: int, count: int) -> list[float]:
    """Return a_k of DLMF 10.17.1 for ``order`` and k < ``count``."""
    found = [1.0]
    for k in range(1, count):
        found.append(found[-1] * (4 * order**2 - (2 * k - 1) ** 2) / (8 * k))
    return found


def _wave(order: int, x: Any, second: bool) -> Any:
    """Return jv of an order, or yv, for x >= FAR."""
    terms = hankel_terms(order, 17)
    r = 1 / (x * x)
    p = sum(c * (-r) ** k for k, c in enumerate(terms[::2]))
    q = sum(c * (-r) ** k for k, c in enumerate(terms[1::2])) / x
    sine, cosine = np.sin(x), np.cos(x)
    even, odd = (sine + cosine, sine - cosine)
    cos_phase, sin_phase = (even, odd) if order == 0 else (odd, -even)
    found = p * sin_phase + q * cos_phase if second else p * cos_phase - q * sin_phase
    return where(np.isinf(x), 0, found / np.sqrt(math.pi) / np.sqrt(x))


def _bessel(name: str) -> Callable[[Any], Any]:
    """Return a Bessel function by SciPy's name, exact for huge numbers too."""
    order, second = int(name[1]), name[0] == "y"

    @in_single
    def function(x: Any) -> Any:
        size = x if second else np.abs(x)
        far = size >= FAR
        near = getattr(scipy.special, name)(where(far, 1, x))
        found = where(far, _wave(order, where(far, size, FAR).astype(np.float64), second), near)
        if name == "j1":
            found = where(far & (x < 0), -found, where(size < 1e-10, x / 2, found))
        return found.astype(x.dtype)

    function.__name__ = name
    return function


j0, j1, y0, y1 = map(_bessel, ("j0", "j1", "y0", "y1"))


@in_single
def i0(x: Any) -> Any:
    """Return i0; SciPy's is NaN at infinity."""
    return where(np.isinf(x), np.inf, scipy.special.i0(x)).astype(x.dtype)


@in_single
def i1(x: Any) -> Any:
    """Return i1; SciPy's is NaN at infinity, and has no negative zero."""
    return where(np.isinf(x) | (x == 0), x, scipy.special.i1(x)).astype(x.dtype)


@in_single
def i1e(x: Any) -> Any:
    """Return i1e; SciPy's has no negative zero."""
    return where(x == 0, x, scipy.special.i1e(x)).astype(x.dtype)


def _of_order(name: str, at_infinity: float) -> Callable[[Any, Any], Any]:
    """Return a Bessel function of real order by SciPy's name.

    SciPy's is NaN at infinity, for subnormal orders, and, if it is scaled, of large numbers, of
    which two terms of DLMF 10.40.1 and 10.40.2 have all digits.
    """

    @in_single
    def function(v: Any, x: Any) -> Any:
        found = getattr(scipy.special, name)(where(np.abs(v) < 1e-30, 0, v), x)
        if name in ("ive", "kve"):
            large = (x > 1e8) & (x < np.inf) & (np.abs(v) < 1e4)
            size = where(large, x, 1)
            first = (4 * np.square(v) - 1) / (8 * size)
            series = (
                (1 - first) / np.sqrt(2 * math.pi)
                if name == "ive"
                else (1 + first) * math.sqrt(math.pi / 2)
            )
            found = where(large, series / np.sqrt(size), found)
        below = (x == -np.inf) & (v == np.rint(v)) & (name in ("jv", "iv", "ive"))
        infinite = ((x == np.inf) | below) & np.isfinite(v)
        ends = where(below & (np.mod(v, 2) == 1), -at_infinity, at_infinity)
        return where(infinite, ends, found).astype(x.dtype)

    function.__name__ = name
    return function


jv, yv, ive, kve = (_of_order(name, 0) for name in ("jv", "yv", "ive", "kve"))
kv = _of_order("kv", 0)
iv = _of_order("iv", math.inf)
