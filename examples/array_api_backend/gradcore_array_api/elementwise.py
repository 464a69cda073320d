"""The rows: which function of the standard each one is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import array_api_strict as xp

from gradcore import tensor as T
from gradcore.ops.elementwise import entry

Kernel = Callable[..., Any]

DTYPES = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
          "float32", "float64")  # fmt: skip

ANY = {
    T.eq: xp.equal, T.neq: xp.not_equal, T.invert: xp.bitwise_invert, T.xor: xp.bitwise_xor,
    T.and_: xp.bitwise_and, T.or_: xp.bitwise_or, T.left_shift: xp.bitwise_left_shift,
    T.right_shift: xp.bitwise_right_shift, entry("identity"): lambda x: x,
}  # fmt: skip
"""Rows whose function takes whatever they take."""

NUMBERS = {
    T.add: xp.add, T.sub: xp.subtract, T.mul: xp.multiply, T.true_div: xp.divide,
    T.int_div: xp.floor_divide, T.mod: xp.remainder, T.pow: xp.pow, T.neg: xp.negative,
    T.reciprocal: xp.reciprocal, T.sqr: xp.square, T.sqrt: xp.sqrt, T.abs: xp.abs,
    entry("sign"): xp.sign, T.exp: xp.exp, T.expm1: xp.expm1, T.log: xp.log, T.log2: xp.log2,
    T.log10: xp.log10, T.log1p: xp.log1p, T.logaddexp: xp.logaddexp, T.sin: xp.sin, T.cos: xp.cos,
    T.tan: xp.tan, T.arcsin: xp.asin, T.arccos: xp.acos, T.arctan: xp.atan, T.arctan2: xp.atan2,
    T.sinh: xp.sinh, T.cosh: xp.cosh, T.tanh: xp.tanh, T.arcsinh: xp.asinh, T.arccosh: xp.acosh,
    T.arctanh: xp.atanh, T.floor: xp.floor, T.ceil: xp.ceil, T.trunc: xp.trunc,
    entry("round_half_to_even"): xp.round, T.maximum: xp.maximum, T.minimum: xp.minimum,
    T.isnan: xp.isnan, T.isinf: xp.isinf, T.isfinite: xp.isfinite,
    T.lt: xp.less, T.le: xp.less_equal, T.gt: xp.greater, T.ge: xp.greater_equal,
}  # fmt: skip
"""Rows whose function takes numbers, and no booleans."""


def is_bool(x: Any) -> bool:
    """Return whether an array is boolean."""
    return x.dtype == xp.bool


def as_number(x: Any) -> Any:
    """Return an array, a boolean one as numbers."""
    return xp.astype(x, xp.uint8) if is_bool(x) else x


def of_numbers(function: Kernel) -> Kernel:
    """Return a function of numbers that takes booleans too."""
    return lambda *arrays: function(*map(as_number, arrays))


def truth(x: Any) -> Any:
    """Return which elements are not 0."""
    return x if is_bool(x) else xp.not_equal(x, xp.asarray(0, dtype=x.dtype))


def switch(condition: Any, x: Any, y: Any) -> Any:
    """Return x where the condition holds, else y."""
    return xp.where(truth(condition), x, y)


def fill(x: Any, value: Any) -> Any:
    """Return a value in the shape that it and x broadcast to."""
    return xp.broadcast_to(value, xp.broadcast_shapes(x.shape, value.shape))


def clip(x: Any, low: Any, high: Any) -> Any:
    """Return x between arrays of bounds; the upper one wins."""
    return xp.minimum(xp.maximum(x, low), high)


def sigmoid(x: Any) -> Any:
    """Return 1 / (1 + exp(-x)), without overflow."""
    small = xp.exp(-xp.abs(x))
    one = xp.ones_like(x)
    return xp.where(x < 0, small, one) / (one + small)


def softplus(x: Any) -> Any:
    """Return log(1 + exp(x)), without overflow."""
    return xp.logaddexp(x, xp.zeros_like(x))


def strong_zero_mul(x: Any, y: Any) -> Any:
    """Return x * y, and 0 where x is 0 whatever y is."""
    return xp.where(x == 0, xp.zeros_like(x), x * y)


def cast_to(dtype: str) -> Kernel:
    """Return what casts to a dtype."""
    return lambda x: xp.astype(x, getattr(xp, dtype))


ROWS: Mapping[Any, Kernel] = {
    **ANY,
    **{op: of_numbers(function) for op, function in NUMBERS.items()},
    **{entry(f"cast_{dtype}"): cast_to(dtype) for dtype in DTYPES},
    entry("fill"): fill,
    entry("switch"): switch,
    entry("clip"): of_numbers(clip),
    entry("sigmoid"): sigmoid,
    entry("strong_zero_mul"): of_numbers(strong_zero_mul),
    entry("softplus"): softplus,
}
"""The table of rows; the standard has no exp2, erf, gamma, ..., and these are lacking."""
