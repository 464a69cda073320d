"""Special functions that are short expressions, a row each (`gradcore.ops.scalars` says how).

Their expansions keep all digits where the plain formulas cancel or overflow, and every backend runs
them.  At kinks and poles: `hypot` has slope 0 at the origin; ``xlogy(x, y)`` and ``xlog1py(x, y)``
have slope 0 in ``y`` where ``x`` is 0, and in ``x`` where both are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from gradcore.graph import Variable
from gradcore.ops import scalars
from gradcore.ops import special_values as values
from gradcore.ops.control import ZeroGrad
from gradcore.ops.elementwise import Elementwise, Trait, elementwise
from gradcore.ops.scalars import (
    POSITIVE,
    abs,
    and_,
    cos,
    eq,
    exp,
    expm1,
    floor,
    gt,
    isinf,
    le,
    log,
    log1p,
    lt,
    maximum,
    minimum,
    neq,
    reciprocal,
    round_half_to_even,
    sign,
    sin,
    switch,
)

LOG_2 = math.log(2)


def polynomial(x: Any, coefficients: Sequence[float]) -> Any:
    """Return a polynomial in ``x``, coefficients of high powers first, by Horner's rule."""
    value = coefficients[0]
    for c in coefficients[1:]:
        value = value * x + c
    return value


# fmt: off
# logarithms -------------------------------------------------------------------------------------
logit = elementwise("logit", values.logit, "log(x / (1 - x)), the inverse of the logistic function",
    lambda t, x, z: t / (x * (1 - x)),
    domain=((0.05, 0.95),), ulp=16,
    expansion=lambda x: switch(le(abs(x - 0.5), 0.25),
                               log1p((2 * x - 1) / (1 - x)), log(x / (1 - x))),
    code="@logit({0})")

log1mexp = elementwise("log1mexp", values.log1mexp, "log(1 - exp(x)), for x below 0",
    lambda t, x, z: -t / expm1(-x),
    domain=((-4.0, -0.1),), ulp=16,
    expansion=lambda x: switch(gt(x, -LOG_2), log(-expm1(x)), log1p(-exp(x))))

xlogy = elementwise("xlogy", values.xlogy, "x * log(y), and 0 where x is 0",
    lambda t, x, y, z: t * switch(and_(eq(x, 0), le(y, 0)), 0, log(y)),
    lambda t, x, y, z: t * switch(eq(x, 0), 0, x / y),
    operands=2, linear=((0,),), domain=((-3, 3), POSITIVE),
    expansion=lambda x, y: switch(eq(x, 0), switch(neq(y, y), y, 0), x * log(y)))

xlog1py = elementwise("xlog1py", values.xlog1py, "x * log1p(y), and 0 where x is 0",
    lambda t, x, y, z: t * switch(and_(eq(x, 0), le(y, -1)), 0, log1p(y)),
    lambda t, x, y, z: t * switch(eq(x, 0), 0, x / (1 + y)),
    operands=2, linear=((0,),), domain=((-3, 3), (-0.9, 4.0)),
    expansion=lambda x, y: switch(eq(x, 0), switch(neq(y, y), y, 0), x * log1p(y)))

entr = elementwise("entr", values.entr, "-x * log(x), 0 at 0 and -inf below: an entropy's term",
    lambda t, x, z: switch(lt(x, 0), 0, t * (-log(x) - 1)),
    domain=(POSITIVE,),
    expansion=lambda x: switch(lt(x, 0), -math.inf, switch(eq(x, 0), 0, -x * log(x))))


# exact quotients --------------------------------------------------------------------------------
def _exprel_slope(x: Variable, z: Variable) -> Variable:
    """Return ((x - 1) * exp(x) + 1) / x ** 2: near 0 by its series, above by z = exprel(x)."""
    near = polynomial(x, [1 / (math.factorial(k) * (k + 2)) for k in range(18, -1, -1)])
    below = (1 + exp(x) * (maximum(x, -1e4) - 1)) / x / x
    return switch(lt(x, -1), below, switch(gt(x, 1), z * (1 - 1 / x) + 1 / x, near))


exprel = elementwise("exprel", values.exprel, "(exp(x) - 1) / x, and 1 at 0",
    lambda t, x, z: t * _exprel_slope(x, z),
    ulp=8,
    expansion=lambda x: switch(eq(x, 0), 1, switch(gt(x, 80), _of_halves(minimum(x, 3e4)),
                                                   expm1(x) / x)))


def _of_halves(x: Any) -> Any:
    """Return exp(x) / x, which does not overflow before its result does."""
    half = exp(x / 2)
    return half * (half / x)


def _alternating(x: Any) -> Any:
    """Return 1 for even numbers, -1 for odd ones."""
    return 1 - 2 * (x - 2 * floor(x / 2))


sinpi = elementwise("sinpi", values.sinpi, "sin(pi * x), 0 at every integer",
    lambda t, x, z: t * math.pi * cospi(x),
    expansion=lambda x: (sin(math.pi * (x - round_half_to_even(x)))
                         * _alternating(round_half_to_even(x))))


def _cospi(x: Any) -> Any:
    whole = round_half_to_even(x)
    rest = abs(x - whole)
    found = switch(gt(rest, 0.25), sin(math.pi * (0.5 - rest)), cos(math.pi * rest))
    return found * _alternating(whole)


cospi = elementwise("cospi", values.cospi, "cos(pi * x), 0 midway between integers",
    lambda t, x, z: -t * math.pi * sinpi(x),
    expansion=_cospi)


def _sinc_slope(x: Variable, z: Variable) -> Variable:
    """Return the derivative of sinc, near 0 by its series."""
    terms = [(-1) ** k * 2 * k * math.pi ** (2 * k) / math.factorial(2 * k + 1)
             for k in range(13, 0, -1)]
    near = le(abs(x), 0.5)
    return switch(near, x * polynomial(x * x, terms), (cospi(x) - z) / x)


sinc = elementwise("sinc", values.sinc, "sin(pi * x) / (pi * x), and 1 at 0",
    lambda t, x, z: t * _sinc_slope(x, z),
    ulp=8,
    expansion=lambda x: switch(eq(x, 0), 1, sinpi(x) / (math.pi * x)))


# roots ------------------------------------------------------------------------------------------
cbrt = elementwise("cbrt", np.cbrt, "the cube root",
    lambda t, x, z: t / (3 * z * z),
    domain=(POSITIVE,),
    code="@cbrt({0})")


def _share_of_size(t: Variable, x: Variable, y: Variable) -> Variable:
    """Return t * x / hypot(x, y), 0 at the origin.

    The larger of both is divided out first, so that no sum of squares over- or underflows.  The
    result does not depend on it: it counts as constant.
    """
    size = ZeroGrad()(maximum(abs(x), abs(y)))
    usable = and_(gt(size, 0), lt(size, math.inf))
    u = switch(isinf(size), switch(isinf(x), sign(x), 0), x / size)
    v = switch(isinf(size), switch(isinf(y), sign(y), 0), y / size)
    slope = u * reciprocal(hypot(u, v))
    return switch(usable, t * slope, switch(eq(size, 0), 0, t * ZeroGrad()(slope)))


hypot = elementwise("hypot", np.hypot, "the root of x ** 2 + y ** 2, without overflow",
    lambda t, x, y, z: _share_of_size(t, x, y),
    lambda t, x, y, z: _share_of_size(t, y, x),
    operands=2, traits={Trait.COMMUTATIVE}, domain=(POSITIVE, POSITIVE),
    code="@hypot({0}, {1})")
# fmt: on

__all__ = [  # pyright: ignore[reportUnsupportedDunderAll] - entries are found, not listed
    name
    for name, value in globals().items()
    if isinstance(value, Elementwise) and value not in vars(scalars).values()
]
