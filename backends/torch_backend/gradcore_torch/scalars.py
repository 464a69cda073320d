"""The scalar functions: a row for each that torch calls by another name, or means otherwise.

The decision: NumPy's meaning wins, bit for bit where it is exact: a remainder of zero has the sign
of the divisor, an integer over zero is zero, the sign of NaN is NaN.  All operands of a function
have one dtype, unless the row of the op takes them otherwise, so torch's rules of promotion (in
which a scalar counts less than an array) never apply.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradcore.errors import GraphValueError
from gradcore.ops import (
    complexes,
    scalars,
    special,
    special_bessel,
    special_gamma,
    special_normal,
    special_other,
)
from gradcore.ops.elementwise import Elementwise
from gradcore.ops.threefry import PARITY, WORD, groups
from gradcore_torch.library import DTYPES, torch


# arithmetic -------------------------------------------------------------------------------------
def _safe_divisor(y: Any) -> Any:
    """Return integers with 1 in place of 0 and -1, by which a processor cannot divide all."""
    return torch.where((y == 0) | (y == -1) if y.dtype.is_signed else y == 0, 1, y)


def _floor_divide(x: Any, y: Any) -> Any:
    if y.dtype.is_floating_point:
        return torch.floor_divide(x, y)
    # The quotient by the divisor in the place of 0 and -1 is x: times 0 or -1 it is NumPy's.
    sign = y.clamp(-1, 1) if y.dtype.is_signed else y.clamp(0, 1)
    replaced = (sign == y) & (y != 1)
    return torch.floor_divide(x, _safe_divisor(y)) * torch.where(replaced, sign, 1)


def _remainder(x: Any, y: Any) -> Any:
    if y.dtype.is_floating_point:
        return torch.copysign(torch.remainder(x, y), y)
    return torch.remainder(x, _safe_divisor(y))


def _power(x: Any, y: Any) -> Any:
    if y.dtype.is_signed and not y.dtype.is_floating_point and bool((y < 0).any()):
        raise GraphValueError("Integers to negative integer powers are not allowed.")
    return torch.pow(x, y)


def _absolute(x: Any) -> Any:
    return x.clone() if x.dtype == torch.bool else torch.abs(x)


def _sign(x: Any) -> Any:
    return torch.where(torch.isnan(x), x, torch.sign(x))


def _same(x: Any) -> Any:
    return x


def _filled(x: Any, y: Any) -> Any:
    return torch.broadcast_tensors(x, y)[1]


# choices and rounding ---------------------------------------------------------------------------
def _clip(x: Any, low: Any, high: Any) -> Any:
    return torch.minimum(torch.maximum(x, low), high)


def _switch(c: Any, x: Any, y: Any) -> Any:
    return torch.where(c if c.dtype == torch.bool else c != 0, x, y)


def _round_half_away(x: Any) -> Any:
    if not x.dtype.is_floating_point:
        return x.clone()
    whole = torch.trunc(x)
    return whole + (torch.abs(x - whole) >= 0.5) * torch.sign(x)


# special functions ------------------------------------------------------------------------------
def _in_single(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``function`` computed in float32 on float16, for which torch has none."""

    @functools.wraps(function)
    def computed(*arrays: Any) -> Any:
        if all(a.dtype != torch.float16 for a in arrays):
            return function(*arrays)
        return function(*(a.float() for a in arrays)).half()

    return computed


def _strong_zero_mul(x: Any, y: Any) -> Any:
    return torch.where(x == 0, torch.zeros_like(x), x * y)


def _softplus(x: Any) -> Any:
    return torch.logaddexp(torch.zeros_like(x), x)


def _erfcinv(x: Any) -> Any:
    # As SciPy does: exact near 0, where 1 - x has lost all digits; half of x must not vanish.
    return (-torch.special.ndtri(0.5 * x.double()) * math.sqrt(0.5)).to(x.dtype)


def _erfinv(x: Any) -> Any:
    return torch.erfinv(x) + 0.0  # 0 at -0, as SciPy's


_NUMERATOR = (
    1.60119522476751861407e-4, 1.19135147006586384913e-3, 1.04213797561761569935e-2,
    4.76367800457137231464e-2, 2.07448227648435975150e-1, 4.94214826801497100753e-1, 1.0,
)  # fmt: skip
_DENOMINATOR = (
    -2.31581873324120129819e-5, 5.39605580493303397842e-4, -4.45641913851797240494e-3,
    1.18139785222060435552e-2, 3.58236398605498653373e-2, -2.34591795718243348568e-1,
    7.14304917030273074085e-2, 1.0,
)  # fmt: skip
_STIRLING = (
    -3617 / 122400,
    1 / 156,
    -691 / 360360,
    1 / 1188,
    -1 / 1680,
    1 / 1260,
    -1 / 360,
    1 / 12,
)
_LARGE = 10
"""From here on these terms of Stirling's series are exact to the last place."""

_LARGEST = 171.7
"""From here on gamma overflows."""

_SMALL = 2.0**-60
"""Below, gamma(x) is 1 / x to the last place."""


def _polynomial(coefficients: Sequence[float], x: Any) -> Any:
    """Return a polynomial in ``x``, coefficients of high powers first."""
    value = torch.full_like(x, coefficients[0])
    for c in coefficients[1:]:
        value = value * x + c
    return value


def _gamma_below(x: Any) -> Any:
    """Return gamma in 0 ... _LARGE: between 2 and 3 by Cephes' fit, then by gamma(x + 1) / x."""
    whole = torch.floor(x)
    rest = x - whole
    value = _polynomial(_NUMERATOR, rest) / _polynomial(_DENOMINATOR, rest)
    for k in range(2, _LARGE):
        value = torch.where(whole > k, value * (rest + k), value)
    return value / torch.where(whole == 0, x * (x + 1), torch.where(whole == 1, x, 1))


def _gamma_above(x: Any) -> Any:
    """Return gamma from _LARGE on, its power by halves: it must not overflow before the result."""
    half = torch.pow(x, 0.5 * x - 0.25)
    series = torch.exp(_polynomial(_STIRLING, 1 / (x * x)) / x)
    return math.sqrt(2 * math.pi) * (half * torch.exp(-x)) * half * series


def _gamma(x: Any) -> Any:
    """Return gamma, of which torch has only the logarithm: its exponential is far off.

    In float64, since Stirling's formula overflows in parts before its result does.
    """
    given, x = x.dtype, x.double()
    size = torch.abs(x)
    above = _gamma_above(torch.clamp(size, min=_LARGE))
    value = torch.where(size < _LARGE, _gamma_below(torch.clamp(size, max=_LARGE)), above)
    # Below zero by reflection; the sine of the way to the next integer has all its digits.
    near = torch.round(size)
    sine = torch.sin(math.pi * (size - near)) * (1 - 2 * torch.remainder(near, 2))
    below = torch.where(size == near, math.nan, -math.pi / (size * value * sine))
    value = torch.where(x < 0, below, value)
    value = torch.where(x > _LARGEST, math.inf, value)
    return torch.where(size < _SMALL, 1 / x, value).to(given)


def _polygamma(n: Any, x: Any) -> Any:
    # As SciPy does; torch's own takes one order for all elements.
    order = n.to(x.dtype)
    sign = 2 * torch.remainder(order, 2) - 1
    zeta = torch.where(x == math.inf, 0, torch.special.zeta(order + 1, x))  # NaN there
    found = sign * _gamma(order + 1) * zeta
    return torch.where(order == 0, torch.special.digamma(x), found)


def _threefry(key: Any, counter: Any) -> Any:
    """Return random bits, in integers of 32 bits with a sign, which wrap as those without do."""
    first, second = (key >> 32).int(), key.int()
    keys = (first, second, first ^ second ^ PARITY)
    x, y = (counter >> 32).int() + first, counter.int() + second
    for k, rotations in groups():
        for r in rotations:
            x += y
            left = y << r
            y >>= 32 - r
            y &= (1 << r) - 1  # the sign moves along
            y |= left
            y ^= x
        x += keys[k % 3]
        y += keys[(k + 1) % 3] + k
    return x.long() << 32 | y.long() & WORD


def _on_host(op: Elementwise) -> Callable[..., Any]:
    """Return the reference of a row that torch lacks, which computes on the CPU, by SciPy."""

    @torch.compiler.disable
    def computed(*arrays: Any) -> Any:
        with np.errstate(all="ignore"):
            found = op.numpy(*(a.cpu().numpy() for a in arrays))
        return torch.as_tensor(np.asarray(found), device=arrays[-1].device)

    return computed


# casts ------------------------------------------------------------------------------------------
def _cast(dtype: str) -> Callable[..., Any]:
    wanted = DTYPES[dtype]

    def converted(x: Any) -> Any:
        return x.to(wanted)

    return converted


LACKING = (
    *(getattr(special_bessel, name) for name in special_bessel.__all__),
    special_gamma.beta,
    special_gamma.betainc,
    special_gamma.betainc_slope_a,
    special_gamma.betainc_slope_b,
    special_gamma.betaincinv,
    special_gamma.betaln,
    special_gamma.gammainc,
    special_gamma.gammaincc,
    special_gamma.gammainc_slope,
    special_gamma.gammaincinv,
    special_gamma.gammainccinv,
    special_normal.dawsn,
    special_normal.log_ndtr,
    special_normal.ndtr,
    special_other.hyp1f1,
    special_other.hyp2f1,
    special_other.lambertw,
    special_other.owens_t,
)
"""Rows that torch has no function for, nor a short expression, or one that loses digits.

Its Bessel functions are off by many units at moderate numbers, and do not take float16.
"""

ENTRIES: dict[Elementwise, Callable[..., Any]] = {
    scalars.strong_zero_mul: _strong_zero_mul,
    scalars.int_div: _floor_divide,
    scalars.mod: _remainder,
    scalars.pow: _power,
    scalars.neg: torch.neg,
    scalars.abs: _absolute,
    scalars.sign: _sign,
    scalars.identity: _same,
    scalars.fill: _filled,
    scalars.softplus: _softplus,
    scalars.erfcinv: _erfcinv,
    scalars.erfinv: _erfinv,
    scalars.gamma: _gamma,
    scalars.polygamma: _in_single(_polygamma),
    scalars.round_half_to_even: torch.round,
    scalars.round_half_away_from_zero: _round_half_away,
    scalars.clip: _clip,
    scalars.switch: _switch,
    scalars.eq: torch.eq,
    scalars.invert: torch.bitwise_not,
    scalars.left_shift: torch.bitwise_left_shift,
    scalars.right_shift: torch.bitwise_right_shift,
    scalars.threefry: _threefry,
    special_normal.erfcx: _in_single(torch.special.erfcx),
    special_normal.ndtri: _in_single(torch.special.ndtri),
    special_other.zeta: _in_single(torch.special.zeta),
    **{op: _on_host(op) for op in LACKING},
    **{op: _cast(dtype) for dtype, op in scalars.CASTS.items()},
}
"""The functions of tensors that are not found in torch under the name of the row."""

EXPANDED = (special.logit, special.sinc, special.xlogy, special.xlog1py, special.entr)
"""Rows of which torch's functions lose digits."""

NAMESPACES = (torch, torch.special)
"""Where the others are found by name."""

SHARING = frozenset(
    {scalars.identity, scalars.fill, complexes.real, complexes.imag, *scalars.CASTS.values()}
)
"""Rows whose result may share memory with an operand."""
