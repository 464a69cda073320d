"""The normal distribution, and error functions that are scaled, a row each."""

from __future__ import annotations

import math
from typing import Any

from gradcore.graph import Variable
from gradcore.ops import special_values as values
from gradcore.ops.elementwise import elementwise
from gradcore.ops.functions import Special
from gradcore.ops.scalars import abs, exp, gt, switch

ROOT_PI = math.sqrt(math.pi)
ROOT_2 = math.sqrt(2)

FAR = 9.0
"""From here on asymptotic series have all digits."""

TERMS = 24
"""How many terms of the series there are taken."""


def _far(x: Variable, sign: int) -> Variable:
    """Return the sum over k > 0 of (2 k - 1)!! * (sign / (2 * x ** 2)) ** k.

    Each term is the one before times an odd number: no coefficient overflows a short dtype.
    """
    r = sign / (2 * x) / x
    value: Any = 1.0
    for k in range(TERMS - 1, 0, -1):
        value = 1 + (2 * k + 1) * r * value
    return r * value


def _dawsn_slope(x: Variable, z: Variable) -> Variable:
    """Return 1 - 2 * x * z, far out by its series."""
    far = gt(abs(x), FAR)
    return switch(far, -_far(switch(far, x, FAR), 1), 1 - 2 * x * z)


def _erfcx_slope(x: Variable, z: Variable) -> Variable:
    """Return 2 * x * z - 2 / sqrt(pi), far out by its series."""
    far = gt(x, FAR)
    return switch(far, 2 / ROOT_PI * _far(switch(far, x, FAR), -1), 2 * x * z - 2 / ROOT_PI)


# fmt: off
erfcx = elementwise("erfcx", values.erfcx, "exp(x ** 2) * erfc(x), without under- or overflow",
    lambda t, x, z: t * _erfcx_slope(x, z),
    ulp=16,
    code="@erfcx({0})")

dawsn = elementwise("dawsn", Special("dawsn"),
    "Dawson's integral: exp(-x ** 2) times the integral of exp(t ** 2) from 0 to x",
    lambda t, x, z: t * _dawsn_slope(x, z),
    ulp=64,  # the reference, SciPy's, is off by 40
    code="@dawsn({0})")

ndtr = elementwise("ndtr", values.ndtr, "the standard normal distribution function",
    lambda t, x, z: t * exp(-x * x / 2) / math.sqrt(2 * math.pi),
    ulp=16,
    code="@ndtr({0})")

log_ndtr = elementwise("log_ndtr", values.log_ndtr, "log(ndtr(x)), without underflow",
    lambda t, x, z: t * math.sqrt(2 / math.pi) / erfcx(-x / ROOT_2),
    ulp=16,
    code="@log_ndtr({0})")

ndtri = elementwise("ndtri", values.ndtri, "the inverse of ndtr: the normal quantile function",
    lambda t, p, z: t * math.sqrt(2 * math.pi) * exp(z * z / 2),
    domain=((0.05, 0.95),), ulp=16,
    code="@ndtri({0})")
# fmt: on

__all__ = ["dawsn", "erfcx", "log_ndtr", "ndtr", "ndtri"]
