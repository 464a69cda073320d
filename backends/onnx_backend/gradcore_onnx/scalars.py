"""The scalar functions, written with ONNX's operators.

The decision: NumPy's meaning wins, as on every backend, where ONNX has another one (an integer over
zero, remainders of floats) or leaves one open (shifts, casts).  A function that ONNX lacks
(`expm1`, `log1p`) is written with others, to a few units in the last place; so is one that
onnxruntime has no kernel of float64 for (`FORMULAS`), in that dtype.  What is written with more
than a few operators, such as the gamma function, is lacking.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gradcore.backend import Kernels
from gradcore.dtypes import DISCRETE, FLOATS, computed
from gradcore.ops import scalars, special, special_normal
from gradcore.ops.elementwise import Elementwise
from gradcore_onnx import approximations
from gradcore_onnx.tensors import (
    Tensor,
    any_of,
    cast,
    checked,
    constant,
    emit,
    equal,
    expand,
    is_nan,
    shape_of,
    where,
)


# arithmetic -------------------------------------------------------------------------------------
def _operator(name: str, **given: Any) -> Callable[..., Tensor]:
    """Return what emits an operator."""

    def emitted(*operands: Tensor) -> Tensor:
        return emit(name, *operands, **given)

    return emitted


def _either(booleans: str, numbers: str) -> Callable[..., Tensor]:
    """Return what emits one operator for booleans, another for numbers."""

    def emitted(*operands: Tensor) -> Tensor:
        return emit(booleans if operands[-1].dtype == "bool" else numbers, *operands)

    return emitted


larger, smaller = _either("Or", "Max"), _either("And", "Min")
both = _either("And", "Mul")
"""The maximum, the minimum and the product of two; of booleans, too."""


def same(x: Tensor) -> Tensor:
    """Return ``x``: what marks and `identity` compute."""
    return x


def floats_alone(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Return ``function``, leaving integers as they are."""

    def applied(x: Tensor) -> Tensor:
        return function(x) if x.kind == "f" else x

    return applied


def _fill(x: Tensor, y: Tensor) -> Tensor:
    return expand(y, shape_of(x), max(x.ndim, y.ndim))


def _safe(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return integers by which others can be divided, and where these were."""
    unsafe = equal(y, 0) if y.kind == "u" else equal(y, 0) | equal(y, -1)
    return where(unsafe, 1, y), unsafe


def _int_div(x: Tensor, y: Tensor) -> Tensor:
    if x.kind == "f":
        return _floor_divided(x, y)
    divisor, unsafe = _safe(x, y)
    found = x / divisor
    if x.kind == "u":
        return where(unsafe, 0, found)
    inexact = ~equal(found * divisor, x)
    found = where(inexact & ((x < 0) ^ (divisor < 0)), found - 1, found)
    return where(unsafe, where(equal(y, 0), constant(0, x.dtype), 0 - x), found)


def _floor_divided(x: Tensor, y: Tensor) -> Tensor:
    """Divide floats as NumPy does: by the remainder, which is exact."""
    rest = emit("Mod", x, y, fmod=1)
    quotient = (x - rest) / y
    quotient = where(~equal(rest, 0) & ((y < 0) ^ (rest < 0)), quotient - 1, quotient)
    whole = emit("Floor", quotient)
    whole = where(quotient - whole > 0.5, whole + 1, whole)
    whole = where(equal(quotient, 0), 0 * (x / y), whole)
    return where(equal(y, 0), x / y, whole)


def _mod(x: Tensor, y: Tensor) -> Tensor:
    if x.kind != "f":
        divisor, unsafe = _safe(x, y)
        return where(unsafe, 0, emit("Mod", x, divisor))
    rest = emit("Mod", x, y, fmod=1)
    zero = where(y < 0, constant(-0.0, x.dtype), constant(0.0, x.dtype))
    return where(equal(rest, 0), zero, where((y < 0) ^ (rest < 0), rest + y, rest))


def _strong_zero_mul(x: Tensor, y: Tensor) -> Tensor:
    return both(x, y) if x.dtype == "bool" else where(equal(x, 0), 0, x * y)


def _power(x: Tensor, y: Tensor) -> Tensor:
    """Raise to a power; that of integers by squaring, as onnxruntime rounds one to a float."""
    if x.kind == "f":
        return emit("Pow", x, y)
    bits = np.iinfo(y.dtype).bits
    if y.kind == "i":
        y, bits = checked(y, ~any_of(y < 0, range(y.ndim))), bits - 1
    if y.data is not None:
        bits = int(y.data.max(initial=0)).bit_length()
    found, base = constant(1, x.dtype), x
    for bit in range(bits):
        found = where(~equal(y & (1 << bit), 0), found * base, found)
        base = base * base
    return expand(found, shape_of(y), max(x.ndim, y.ndim)) if not bits else found


def _clip(x: Tensor, low: Tensor, high: Tensor) -> Tensor:
    return smaller(larger(x, low), high)


def _square(x: Tensor) -> Tensor:
    return x * x


def _abs(x: Tensor) -> Tensor:
    return x if x.dtype == "bool" else emit("Abs", x)


def _unequal(x: Tensor, y: Tensor) -> Tensor:
    return ~equal(x, y)


def _sign(x: Tensor) -> Tensor:
    return where(is_nan(x), x, emit("Sign", x)) if x.kind == "f" else emit("Sign", x)


# exponentials and logarithms --------------------------------------------------------------------
def _exp2(x: Tensor) -> Tensor:
    return emit("Pow", constant(2, x.dtype), x)


def _expm1(x: Tensor) -> Tensor:
    """Return exp(x) - 1: W. Kahan's form, in which the errors of exp and log cancel."""
    u = emit("Exp", x)
    less = u - 1
    found = where(equal(u, 1), x, where(equal(less, -1), less, less * (x / emit("Log", u))))
    return where(equal(u, math.inf), u, found)


def _log1p(x: Tensor) -> Tensor:
    """Return log(1 + x): W. Kahan's form, of the sum as it is rounded."""
    u = 1 + x
    found = emit("Log", u) * (x / (u - 1))
    return where(equal(u, 1), x, where(equal(u, math.inf) | equal(u, 0), emit("Log", u), found))


def _logaddexp(x: Tensor, y: Tensor) -> Tensor:
    least = emit("Abs", x - y)
    return where(equal(x, y), x + math.log(2), larger(x, y) + _log1p(emit("Exp", -least)))


def _softplus(x: Tensor) -> Tensor:
    return larger(x, constant(0, x.dtype)) + _log1p(emit("Exp", -emit("Abs", x)))


def _sigmoid(x: Tensor) -> Tensor:
    return 1 / (1 + emit("Exp", -x))


def _scaled_log(base: float) -> Callable[[Tensor], Tensor]:
    def scaled(x: Tensor) -> Tensor:
        return emit("Log", x) / math.log(base)

    return scaled


# trigonometry -----------------------------------------------------------------------------------
def _tan(x: Tensor) -> Tensor:
    return emit("Sin", x) / emit("Cos", x)


def _arctan(x: Tensor) -> Tensor:
    return emit("Atan", x) if x.dtype != "float64" else approximations.arctan(x)


def _arctan2(y: Tensor, x: Tensor) -> Tensor:
    """Return the angle of a point: of the quotient of the smaller by the larger coordinate."""
    height, width = emit("Abs", y), emit("Abs", x)
    steep = height > width
    quotient = where(steep, width / height, height / width)
    quotient = where(equal(height, width), where(equal(height, 0), height, width / width), quotient)
    quotient = where(equal(height, math.inf) & equal(width, math.inf), 1, quotient)
    angle = _arctan(quotient)
    angle = where(steep, math.pi / 2 - angle, angle)
    angle = where(_negative(x), math.pi - angle, angle)
    return where(is_nan(x) | is_nan(y), x + y, where(_negative(y), -angle, angle))


def _negative(x: Tensor) -> Tensor:
    """Return where a float has the sign bit, that of a zero too."""
    return (x < 0) | (equal(x, 0) & (1 / x < 0))


def _halved_exp(size: Tensor) -> Tensor:
    """Return exp(size) / 2, which overflows later than exp(size)."""
    root = emit("Exp", size / 2)
    return where(size < 80, emit("Exp", size) / 2, root / 2 * root)


def _sinh(x: Tensor) -> Tensor:
    size = emit("Abs", x)
    half, e = _halved_exp(size), _expm1(where(size > 1, 0, size))
    found = where(size > 1, half - 0.25 / half, (e + e / (e + 1)) / 2)
    return where(x < 0, -found, found)


def _cosh(x: Tensor) -> Tensor:
    half = _halved_exp(emit("Abs", x))
    return half + 0.25 / half


def _arcsinh(x: Tensor) -> Tensor:
    size = emit("Abs", x)
    square = size * size
    found = _log1p(size + square / (1 + emit("Sqrt", square + 1)))
    found = where(size > 1e8, emit("Log", size) + math.log(2), found)
    return where(_negative(x), -found, found)


def _arccosh(x: Tensor) -> Tensor:
    over = x - 1
    found = _log1p(over + emit("Sqrt", over) * emit("Sqrt", x + 1))
    return where(x > 1e8, emit("Log", x) + math.log(2), found)


def _arctanh(x: Tensor) -> Tensor:
    size = emit("Abs", x)
    found = _log1p(2 * size / (1 - size)) / 2
    return where(_negative(x), -found, found)


# rounding and choices ---------------------------------------------------------------------------
def _trunc(x: Tensor) -> Tensor:
    return where(x < 0, emit("Ceil", x), emit("Floor", x))


def _round_half_away(x: Tensor) -> Tensor:
    whole = _trunc(x)
    return whole + where(emit("Abs", x - whole) >= 0.5, emit("Sign", x), 0)


def _switch(condition: Tensor, x: Tensor, y: Tensor) -> Tensor:
    return where(truth(condition), x, y)


def truth(x: Tensor) -> Tensor:
    """Return where a number is not zero."""
    return x if x.dtype == "bool" else ~equal(x, 0)


def _is_infinite(x: Tensor) -> Tensor:
    return emit("IsInf", x, dtype="bool") if x.kind == "f" else ~equal(x, x)


def _is_not_a_number(x: Tensor) -> Tensor:
    return is_nan(x) if x.kind == "f" else ~equal(x, x)


def _is_finite(x: Tensor) -> Tensor:
    return emit("Abs", x) < math.inf if x.kind == "f" else equal(x, x)


# bits -------------------------------------------------------------------------------------------
def _shifted(direction: str) -> Callable[[Tensor, Tensor], Tensor]:
    """Return a shift of bits, which ONNX has for unsigned integers by fewer places than bits."""

    def shift(x: Tensor, y: Tensor) -> Tensor:
        bits, unsigned = np.iinfo(x.dtype).bits, x.dtype.lstrip("u").join(("u", ""))
        inside = (y >= 0) & (y < bits) if y.kind == "i" else y < bits
        places = cast(where(inside, y, 0), unsigned)
        flipped = x < 0 if x.kind == "i" and direction == "RIGHT" else None
        given = x if flipped is None else where(flipped, ~x, x)
        found = cast(emit("BitShift", cast(given, unsigned), places, direction=direction), x.dtype)
        found = where(inside, found, 0)
        return found if flipped is None else where(flipped, ~found, found)

    return shift


# casts ------------------------------------------------------------------------------------------
def converted(dtype: str) -> Callable[[Tensor], Tensor]:
    """Return the cast to ``dtype``; a float that fits into no integer of it wraps around."""

    def convert(x: Tensor) -> Tensor:
        if dtype == "bool":
            return truth(x)
        if x.kind == "f" and dtype in DISCRETE and dtype != "int64":
            whole = cast(cast(x, "int64"), dtype)
            return where(x < 2.0**63, whole, cast(x, dtype)) if dtype == "uint64" else whole
        return cast(x, dtype)

    return convert


# other functions --------------------------------------------------------------------------------
def _cbrt(x: Tensor) -> Tensor:
    """Return the cube root: a power, and a step of Newton's method for its last digits."""
    size = emit("Abs", x)
    root = emit("Pow", size, constant(1 / 3, x.dtype))
    better = root - (root - size / (root * root)) / 3
    found = where((size > 0) & (size < math.inf), better, size)
    return where(_negative(x), -found, found)


def _hypot(x: Tensor, y: Tensor) -> Tensor:
    x, y = emit("Abs", x), emit("Abs", y)
    large, small = larger(x, y), smaller(x, y)
    quotient = where(equal(large, 0), large, small / large)
    found = large * emit("Sqrt", 1 + quotient * quotient)
    return where(equal(x, math.inf) | equal(y, math.inf), math.inf, found)


# the table --------------------------------------------------------------------------------------
def in_wide(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return ``function``, of half precision computed in float32: where it cancels, too."""

    def wide(*operands: Tensor) -> Tensor:
        dtype = operands[-1].dtype
        if computed(dtype) == dtype:
            return function(*operands)
        return cast(function(*(cast(x, computed(x.dtype)) for x in operands)), dtype)

    return wide


NATIVE = {
    scalars.tan: "Tan",
    scalars.arcsin: "Asin",
    scalars.arccos: "Acos",
    scalars.arctan: "Atan",
    scalars.sinh: "Sinh",
    scalars.cosh: "Cosh",
    scalars.arcsinh: "Asinh",
    scalars.arccosh: "Acosh",
    scalars.arctanh: "Atanh",
    scalars.erf: "Erf",
}
"""The operators that onnxruntime has for float32, and not for float64."""

FORMULAS: Kernels = {
    scalars.tan: _tan,
    scalars.arcsin: approximations.arcsin,
    scalars.arccos: approximations.arccos,
    scalars.arctan: approximations.arctan,
    scalars.sinh: _sinh,
    scalars.cosh: _cosh,
    scalars.arcsinh: _arcsinh,
    scalars.arccosh: _arccosh,
    scalars.arctanh: _arctanh,
    scalars.erf: approximations.erf,
}
"""What they are in float64."""


def _native(op: Elementwise) -> Callable[[Tensor], Tensor]:
    """Return the operator, or in float64 its formula."""

    def computed(x: Tensor) -> Tensor:
        return FORMULAS[op](x) if x.dtype == "float64" else emit(NATIVE[op], x)

    return computed


ENTRIES: Kernels = {
    scalars.add: _either("Or", "Add"),
    scalars.sub: _operator("Sub"),
    scalars.mul: both,
    scalars.true_div: _operator("Div"),
    scalars.int_div: _int_div,
    scalars.mod: _mod,
    scalars.strong_zero_mul: _strong_zero_mul,
    scalars.pow: _power,
    scalars.neg: Tensor.__neg__,
    scalars.reciprocal: _operator("Reciprocal"),
    scalars.sqr: _square,
    scalars.sqrt: _operator("Sqrt"),
    scalars.abs: _abs,
    scalars.sign: _sign,
    scalars.identity: same,
    scalars.fill: _fill,
    scalars.exp: _operator("Exp"),
    scalars.exp2: _exp2,
    scalars.expm1: in_wide(_expm1),
    scalars.log: _operator("Log"),
    scalars.log2: in_wide(_scaled_log(2)),
    scalars.log10: in_wide(_scaled_log(10)),
    scalars.log1p: in_wide(_log1p),
    scalars.logaddexp: in_wide(_logaddexp),
    scalars.sigmoid: in_wide(_sigmoid),
    scalars.softplus: in_wide(_softplus),
    scalars.sin: _operator("Sin"),
    scalars.cos: _operator("Cos"),
    **{op: in_wide(_native(op)) for op in NATIVE},
    scalars.arctan2: in_wide(_arctan2),
    scalars.tanh: _operator("Tanh"),
    scalars.floor: floats_alone(_operator("Floor")),
    scalars.ceil: floats_alone(_operator("Ceil")),
    scalars.trunc: floats_alone(_trunc),
    scalars.round_half_to_even: floats_alone(_operator("Round")),
    scalars.round_half_away_from_zero: floats_alone(_round_half_away),
    scalars.maximum: larger,
    scalars.minimum: smaller,
    scalars.clip: _clip,
    scalars.switch: _switch,
    scalars.eq: equal,
    scalars.neq: _unequal,
    scalars.lt: Tensor.__lt__,
    scalars.le: Tensor.__le__,
    scalars.gt: Tensor.__gt__,
    scalars.ge: Tensor.__ge__,
    scalars.and_: Tensor.__and__,
    scalars.or_: Tensor.__or__,
    scalars.xor: Tensor.__xor__,
    scalars.invert: Tensor.__invert__,
    scalars.left_shift: _shifted("LEFT"),
    scalars.right_shift: _shifted("RIGHT"),
    scalars.isnan: _is_not_a_number,
    scalars.isinf: _is_infinite,
    scalars.isfinite: _is_finite,
    **{scalars.CASTS[dtype]: converted(dtype) for dtype in (*DISCRETE, *FLOATS)},
    special.cbrt: in_wide(_cbrt),
    special.hypot: in_wide(_hypot),
    scalars.erfc: approximations.erfc,
    scalars.erfinv: approximations.erfinv,
    special_normal.erfcx: approximations.erfcx,
    special_normal.ndtr: approximations.ndtr,
}
"""What each elementwise op is."""
