"""Bessel functions, a row each (`gradcore.ops.scalars` says how).

Derivatives are those of DLMF 10.6.2 and 10.29.3, and of real order of 10.6.1 and 10.29.1; where
``z / x`` is 0 / 0, at 0, they are limits.  An order has no derivative here, as in SciPy and JAX.
"""

from __future__ import annotations

import math
from typing import cast

from gradcore.graph import Undefined, Variable
from gradcore.ops import special_values as values
from gradcore.ops.elementwise import elementwise
from gradcore.ops.functions import Special
from gradcore.ops.scalars import abs, and_, eq, gt, isinf, maximum, sign, sqrt, switch
from gradcore.ops.special import polynomial

FAR = 40.0
"""From here on asymptotic series have all digits."""

NORMAL = (1e-307, math.inf)
"""Where SciPy's k0 is not infinite."""

ORDER = (0.2, 5.0)
ORDERS = (0.0, 50.0)
"""Of which special values are compared: SciPy has edges of its own below."""

GAPS = [
    second - first
    for first, second in zip(values.hankel_terms(0, 13), values.hankel_terms(1, 13), strict=True)
]
"""Differences of the coefficients of orders 1 and 0: DLMF 10.40.1."""


def _quotient(z: Variable, x: Variable) -> Variable:
    """Return z / x, and 1/2 at 0: of functions of order 1."""
    return switch(eq(x, 0), 0.5, z / switch(eq(x, 0), 1, x))


def _far_gap(x: Variable, alternating: int) -> Variable:
    """Return the series of the differences of order 1 and 0 over its factor."""
    signed = [c * alternating**k for k, c in enumerate(GAPS)]
    return polynomial(1 / x, signed[::-1])


def _i_gap(x: Variable, z0: Variable, z1: Variable) -> Variable:
    """Return abs(i1e(x)) - i0e(x)."""
    size = abs(x)
    far = gt(size, FAR)
    large = switch(far, size, FAR)
    series = _far_gap(large, -1) * 0.3989422804014327 / sqrt(large)
    return switch(far, series, abs(z1) - z0)


def _k_gap(x: Variable, z0: Variable, z1: Variable) -> Variable:
    """Return k1e(x) - k0e(x); at 0, where both are infinite, k1e is of another order."""
    far = gt(x, FAR)
    large = switch(far, x, FAR)
    return switch(far, _far_gap(large, 1) * 1.2533141373155003 / sqrt(large), _less(z1, z0))


def _less(larger: Variable, other: Variable) -> Variable:
    """Return ``larger - other``, and ``larger`` where it is infinite: the other may be, too."""
    return switch(isinf(larger), larger, larger - other)


def _half_difference(v: Variable, below: Variable, above: Variable) -> Variable:
    """Return (below - above) / 2 of the orders v - 1 and v + 1; of infinite ones the order further
    from 0 outweighs the other.
    """  # noqa: D205 - one sentence
    outweighing = switch(gt(v, 0), -above, below)
    return switch(and_(isinf(below), isinf(above)), outweighing, (below - above) / 2)


def _no_order(name: str) -> Undefined:
    """Return what is declared of the order."""
    return Undefined(f"{name} has no derivative in its order here: only in its last operand")


def _weighted_series(v: Variable, x: Variable, alternating: int) -> Variable:
    """Return the sum of k * a_k(v) / x ** k of DLMF 10.17.1, which slopes far out are made of."""
    square, total = 4 * v * v, 0.0
    for k in range(14, 0, -1):
        factor = alternating * (square - (2 * k - 1) ** 2) / (8 * k * x)
        total = factor * (k * 1.0 + total)
    return cast("Variable", total)


def _far_order(v: Variable, x: Variable) -> tuple[Variable, Variable]:
    """Return where x is so large that its series serves, and x there; above 0."""
    far = gt(x, maximum(FAR, 2 * v * v))
    return far, switch(far, x, 2 * v * v + FAR)


def _ive_slope(v: Variable, x: Variable, z: Variable) -> Variable:
    """Return the derivative of ive; far out without a difference of nearly equal numbers."""
    far, large = _far_order(v, x)
    series = -z / 2 - _weighted_series(v, large, -1) * 0.3989422804014327 / sqrt(large)
    return switch(far, series / large, _less((ive(v - 1, x) + ive(v + 1, x)) / 2, sign(x) * z))


def _kve_slope(v: Variable, x: Variable, z: Variable) -> Variable:
    """Return the derivative of kve; far out without a difference of nearly equal numbers."""
    far, large = _far_order(v, x)
    series = -z / 2 - _weighted_series(v, large, 1) * 1.2533141373155003 / sqrt(large)
    return switch(far, series / large, -_less((kve(v - 1, x) + kve(v + 1, x)) / 2, z))


# fmt: off
# Bessel functions -------------------------------------------------------------------------------
j0 = elementwise("j0", values.j0, "the Bessel function of the first kind of order 0",
    lambda t, x, z: -t * j1(x),
    domain=((0.1, 2.0),), ulp=64,
    code="@j0({0})")

j1 = elementwise("j1", values.j1, "the Bessel function of the first kind of order 1",
    lambda t, x, z: t * (j0(x) - _quotient(z, x)),
    domain=((0.1, 3.0),), ulp=64,
    code="@j1({0})")

y0 = elementwise("y0", values.y0, "the Bessel function of the second kind of order 0",
    lambda t, x, z: -t * y1(x),
    domain=((1.2, 3.4),), ulp=64,
    code="@y0({0})")

y1 = elementwise("y1", values.y1, "the Bessel function of the second kind of order 1",
    lambda t, x, z: -t * _less(z / x, y0(x)),
    domain=((0.1, 1.8),), ulp=64,
    code="@y1({0})")

# modified Bessel functions ----------------------------------------------------------------------
i0 = elementwise("i0", values.i0, "the modified Bessel function of the first kind of order 0",
    lambda t, x, z: t * i1(x),
    ulp=16,
    code="@i0({0})")

i1 = elementwise("i1", values.i1, "the modified Bessel function of the first kind of order 1",
    lambda t, x, z: t * _less(i0(x), _quotient(z, x)),
    ulp=16,
    code="@i1({0})")

i0e = elementwise("i0e", Special("i0e"), "exp(-abs(x)) * i0(x), without overflow",
    lambda t, x, z: t * sign(x) * _i_gap(x, z, i1e(x)),
    domain=((0.2, 3.0),), ulp=16,
    code="@i0e({0})")

i1e = elementwise("i1e", values.i1e, "exp(-abs(x)) * i1(x), without overflow",
    lambda t, x, z: t * (-_i_gap(x, i0e(x), z) - _quotient(z, x)),
    domain=((0.2, 3.0),), ulp=16,
    code="@i1e({0})")

k0 = elementwise("k0", Special("k0"), "the modified Bessel function of the second kind of order 0",
    lambda t, x, z: -t * k1(x),
    domain=((0.1, 4.0),), ulp=16, compared=(NORMAL,),
    code="@k0({0})")

k1 = elementwise("k1", Special("k1"), "the modified Bessel function of the second kind of order 1",
    lambda t, x, z: -t * (k0(x) + z / x),
    domain=((0.1, 4.0),), ulp=16, compared=(NORMAL,),
    code="@k1({0})")

k0e = elementwise("k0e", Special("k0e"), "exp(x) * k0(x), without underflow",
    lambda t, x, z: -t * _k_gap(x, z, k1e(x)),
    domain=((0.1, 4.0),), ulp=16, compared=(NORMAL,),
    code="@k0e({0})")

k1e = elementwise("k1e", Special("k1e"), "exp(x) * k1(x), without underflow",
    lambda t, x, z: -t * _less(z / x, _k_gap(x, k0e(x), z)),
    domain=((0.1, 4.0),), ulp=16, compared=(NORMAL,),
    code="@k1e({0})")

# of real order: SciPy has 12 digits of kv near x = 2 ----------------------------------------------
jv = elementwise("jv", values.jv, "the Bessel function of the first kind of real order v",
    _no_order("jv"),
    lambda t, v, x, z: t * _half_difference(v, jv(v - 1, x), jv(v + 1, x)),
    operands=2, domain=(ORDER, (0.1, 2.2)), ulp=512, compared=(ORDERS, (1e-3, 1e5)),
    code="@jv({0}, {1})")

yv = elementwise("yv", values.yv, "the Bessel function of the second kind of real order v",
    _no_order("yv"),
    lambda t, v, x, z: t * _half_difference(v, yv(v - 1, x), yv(v + 1, x)),
    operands=2, domain=((1.0, 5.0), (0.1, 1.8)), ulp=512, compared=(ORDERS, (1e-3, 1e5)),
    code="@yv({0}, {1})")

iv = elementwise("iv", values.iv, "the modified Bessel function of the first kind of real order v",
    _no_order("iv"),
    lambda t, v, x, z: t * (iv(v - 1, x) + iv(v + 1, x)) / 2,
    operands=2, domain=(ORDER, (0.1, 4.0)), ulp=512, compared=(ORDERS, (1e-3, 1e5)),
    code="@iv({0}, {1})")

kv = elementwise("kv", values.kv, "the modified Bessel function of the second kind of real order v",
    _no_order("kv"),
    lambda t, v, x, z: -t * (kv(v - 1, x) + kv(v + 1, x)) / 2,
    operands=2, domain=(ORDER, (0.1, 4.0)), ulp=4096, compared=(ORDERS, (1e-3, 1e5)),
    code="@kv({0}, {1})")

ive = elementwise("ive", values.ive, "exp(-abs(x)) * iv(v, x), without overflow",
    _no_order("ive"),
    lambda t, v, x, z: t * _ive_slope(v, x, z),
    operands=2, domain=(ORDER, (0.1, 4.0)), ulp=512, compared=(ORDERS, (1e-3, 1e5)),
    code="@ive({0}, {1})")

kve = elementwise("kve", values.kve, "exp(x) * kv(v, x), without underflow",
    _no_order("kve"),
    lambda t, v, x, z: t * _kve_slope(v, x, z),
    operands=2, domain=(ORDER, (0.1, 4.0)), ulp=4096, compared=(ORDERS, (1e-3, 1e5)),
    code="@kve({0}, {1})")
# fmt: on

__all__ = [
    "i0", "i0e", "i1", "i1e", "iv", "ive", "j0", "j1", "jv", "k0", "k0e", "k1", "k1e", "kv", "kve",
    "y0", "y1", "yv",
]  # fmt: skip
