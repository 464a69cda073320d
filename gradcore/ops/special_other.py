"""Zeta, Owen's T, Lambert's W and hypergeometric functions, a row each."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy  # pyright: ignore[reportMissingTypeStubs] - it ships none

from gradcore.graph import Undefined, Variable
from gradcore.ops.elementwise import elementwise
from gradcore.ops.functions import Special, where
from gradcore.ops.scalars import erf, exp
from gradcore.ops.special_values import in_single

NO_PARAMETER = "{} has no derivative in its parameters here: only in its last operand"


def real_lambertw(x: Any) -> Any:
    """Return the principal branch of Lambert's W for real numbers, NaN below -1 / e."""
    found = scipy.special.lambertw(x.astype(np.float64))
    return where((found.imag == 0) & (x >= -0.36787944117144233), found.real, np.nan).astype(
        x.dtype
    )


def _kummer_limit(a: Any, b: Any, x: Any) -> tuple[Any, Any]:
    """Return what hyp1f1 is where it needs no sum, and where that is.

    It overflows where a, b and x are above 0 and the mean of exp(x t) does, t between 0 and 1 with
    mean a / b, and for x far above squares of a and b, with the sign of gamma(b) / gamma(a): DLMF
    13.7.1.  For huge a and tiny x it is a function of their product, hyp0f1 (DLMF 16.8.10); for
    infinite b its series is 1.
    """
    gamma = scipy.special.gammasgn(a) * scipy.special.gammasgn(b)
    below = (b <= 0) & (b == np.rint(b))
    whole = below | ((a <= 0) & (a == np.rint(a)))
    above = (a > 0) & (b > 0) & (x * np.minimum(a / where(b > 0, b, 1), 1) > 710)
    beyond = ~whole & (x > 1e5) & (np.sqrt(np.abs(x)) / 2 > np.abs(a) + np.abs(b))
    product = where(np.abs(x) < 1, a * x, np.inf)
    tiny = ~below & (np.abs(a) > 1e20) & (np.abs(product) < 1e4)
    size = scipy.special.hyp0f1(where(tiny, b, 1), where(tiny, product, 0))
    ends = where(np.isfinite(a) & np.isfinite(x), 1, np.nan)
    found = where(tiny, size, where(above, np.inf, gamma * np.inf))
    endless = np.isinf(b)
    return where(endless, ends, found), tiny | above | beyond | endless


@in_single
def kummer(a: Any, b: Any, x: Any) -> Any:
    """Return hyp1f1 by its series, of terms of one sign (DLMF 13.2.39); SciPy has 12 digits there.

    Where numbers are large, or ``b`` is not above 0, it is SciPy's, whose sums take for ever where
    the result overflows and where ``a`` is huge: `_kummer_limit` says what it is there.
    """
    first, size = where(x < 0, b - a, a), np.minimum(np.abs(x), 30)
    usable = (b > 0) & (np.abs(x) <= 30)
    divisor = where(usable, b, 1)
    term = total = np.ones_like(first * divisor * size)
    for k in range(150):
        term = term * ((first + k) / (divisor + k)) * (size / (k + 1))
        total = total + term
    found = where(x < 0, np.exp(np.minimum(x, 0)) * total, total)
    limit, known = _kummer_limit(a, b, x)
    left = ~(usable | known)
    others = where(known, limit, scipy.special.hyp1f1(a, b, where(left, x, 0)))
    return where(usable, found, others).astype(x.dtype)


def _owens_t_by_h(t: Variable, h: Variable, a: Variable, z: Variable) -> Variable:
    density = exp(-h * h / 2) / math.sqrt(2 * math.pi)
    return -t * density * erf(a * h / math.sqrt(2)) / 2


def _owens_t_by_a(t: Variable, h: Variable, a: Variable, z: Variable) -> Variable:
    return t * exp(-(h * h + (h * a) * (h * a)) / 2) / (2 * math.pi * (1 + a * a))


# fmt: off
zeta = elementwise("zeta", Special("zeta"),
    "the Hurwitz zeta function: the sum of (q + k) ** -x over k >= 0",
    Undefined("zeta has no derivative in its exponent here: only in q"),
    lambda t, x, q, z: -t * x * zeta(x + 1, q),
    operands=2, domain=((1.5, 9.0), (0.1, 9.0)), ulp=64, compared=((1.0, 30.0), (1e-3, 1e6)),
    code="@zeta({0}, {1})")

owens_t = elementwise("owens_t", Special("owens_t"),
    "Owen's T: of two normal numbers, that one is above h and the other up to a times it",
    _owens_t_by_h,
    _owens_t_by_a,
    operands=2, domain=((0.1, 3.0), (0.1, 3.0)), ulp=512, compared=((-5.0, 5.0), (-1e3, 1e3)),
    code="@owens_t({0}, {1})")

lambertw = elementwise("lambertw", real_lambertw,
    "Lambert's W, the principal branch: where w * exp(w) is x, a real number",
    lambda t, x, z: t * exp(-z) / (1 + z),
    domain=((-0.2, 9.0),), ulp=32, compared=((-0.3, 1e300),),
    code="@lambertw({0})")

hyp1f1 = elementwise("hyp1f1", kummer,
    "Kummer's confluent hypergeometric function M(a, b, x)",
    Undefined(NO_PARAMETER.format("hyp1f1")),
    Undefined(NO_PARAMETER.format("hyp1f1")),
    lambda t, a, b, x, z: t * (a / b) * hyp1f1(a + 1, b + 1, x),
    operands=3, domain=((0.5, 3.0), (3.5, 9.0), (-3.0, 3.0)), ulp=4096,
    compared=((0.5, 3.0), (3.5, 9.0), (-20.0, 20.0)),
    code="@hyp1f1({0}, {1}, {2})")

hyp2f1 = elementwise("hyp2f1", Special("hyp2f1"),
    "Gauss's hypergeometric function F(a, b; c; x), for x below 1",
    Undefined(NO_PARAMETER.format("hyp2f1")),
    Undefined(NO_PARAMETER.format("hyp2f1")),
    Undefined(NO_PARAMETER.format("hyp2f1")),
    lambda t, a, b, c, x, z: t * (a * b / c) * hyp2f1(a + 1, b + 1, c + 1, x),
    operands=4, domain=((0.5, 3.0), (0.5, 3.0), (4.5, 9.0), (-2.0, 0.8)), ulp=4096,
    compared=((0.5, 3.0), (0.5, 3.0), (4.5, 9.0), (-5.0, 0.9)),
    code="@hyp2f1({0}, {1}, {2}, {3})")
# fmt: on

__all__ = ["hyp1f1", "hyp2f1", "lambertw", "owens_t", "zeta"]
