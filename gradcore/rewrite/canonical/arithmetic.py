"""Arithmetic, functions and their inverses, casts."""

from __future__ import annotations

import math

import numpy as np

from gradcore.graph import Apply, Constant, Variable
from gradcore.graph.types import FLOATS, upcast
from gradcore.language import LANGUAGE
from gradcore.ops.control import GradientMark
from gradcore.ops.elementwise import Elementwise, Trait
from gradcore.ops.scalars import (
    CAST_DTYPES,
    CASTS,
    abs,
    add,
    cos,
    exp,
    identity,
    log,
    maximum,
    mul,
    neg,
    sqr,
    sqrt,
    sub,
    true_div,
)
from gradcore.rewrite.algebra import Product, Sum, scalar_value
from gradcore.rewrite.canonical.stage import (
    canonicalize,
)

rule = canonicalize.rule


@rule(lambda x: x + 0)
def plus_zero(x: Variable) -> Variable:
    """x + 0 = x"""
    return x


@rule(lambda x: x - 0)
def minus_zero(x: Variable) -> Variable:
    """x - 0 = x"""
    return x


@rule(lambda x: 0 - x)
def zero_minus(x: Variable) -> Variable | None:
    """0 - x = -x"""
    return -x


@rule(lambda x: x * 1)
def times_one(x: Variable) -> Variable:
    """x * 1 = x"""
    return x


@rule(lambda x: x * 0)
def times_zero(x: Variable) -> Variable:
    """x * 0 = 0"""
    return Constant(0, x.type.dtype)


@rule(lambda x: x / 1)
def over_one(x: Variable) -> Variable:
    """x / 1 = x"""
    return x


@rule(lambda x: 0 / x)
def zero_over(x: Variable) -> Variable:
    """0 / x = 0"""
    return Constant(0, x.type.dtype)


@rule(lambda x: x**1)
def to_the_first(x: Variable) -> Variable:
    """x ** 1 = x"""
    return x


@rule(lambda x: x**0)
def to_the_zeroth(x: Variable) -> Variable:
    """x ** 0 = 1"""
    return Constant(1, x.type.dtype)


@rule(lambda x: neg(neg(x)))
def minus_minus(x: Variable) -> Variable:
    """-(-x) = x"""
    return x


@rule(lambda x, y: -(x - y))
def minus_difference(x: Variable, y: Variable) -> Variable:
    """-(x - y) = y - x"""
    return y - x


@rule(lambda x, y: x + (-y))
def plus_minus(x: Variable, y: Variable) -> Variable:
    """x + (-y) = x - y"""
    return x - y


@rule(lambda x, y: x - (-y))
def minus_negative(x: Variable, y: Variable) -> Variable:
    """x - (-y) = x + y"""
    return x + y


@rule(
    op=(mul, true_div, neg),
    examples=[
        lambda x: 2.0 * (3.0 * x),
        lambda x, y: x * (3.0 * y),
        lambda x, y: (3.0 * x) / y,
        lambda x, y: x / (4.0 * y),
        lambda x: (3.0 * x) / 4.0,
        lambda x: 3.0 / (4.0 * x),
        lambda x: -(3.0 * x),
        lambda x: 3.0 * (-x),
        lambda x, y: (-x) * y,
        lambda x, y: x / (-y),
    ],
)
def factor_in_front(node: Apply) -> Variable | None:
    """x * (c * y) = c * (x * y); (c * x) / (d * y) = (c / d) * (x / y); (-x) * y = -(x * y)"""
    out = node.outputs[0]
    if out.type.dtype not in FLOATS:
        return None
    below = node.op is true_div
    factors = [_split(v, out.type.dtype) for v in node.inputs]
    values = [value for value, _ in factors if value is not None]
    if not any(
        v.owner is not None and value is not None
        for v, (value, _) in zip(node.inputs, factors, strict=True)
    ):
        return None
    factor = -1.0 if node.op is neg else 1.0
    rest: list[Variable | None] = []
    for k, (value, v) in enumerate(factors):
        rest.append(v)
        if value is not None:
            factor = factor / value if below and k else factor * value
    if not values or not math.isfinite(factor):
        return None
    return _scaled(factor, _rejoined(rest, below), out.type.dtype)


def _split(v: Variable, dtype: str) -> tuple[float | None, Variable | None]:
    """Return the constant factor of ``v`` (None for none) and what it multiplies (None for 1)."""
    value = scalar_value(v)
    if value is not None:
        return value, None
    if v.owner is not None and v.type.dtype == dtype:
        if v.owner.op is neg:
            return -1.0, v.owner.inputs[0]
        if v.owner.op is mul:
            value = scalar_value(v.owner.inputs[0])
            if value is not None:
                return value, v.owner.inputs[1]
    return None, v


def _rejoined(rest: list[Variable | None], below: bool) -> tuple[Variable | None, Variable | None]:
    """Return what is left above and below the line."""
    if not below:
        present = [v for v in rest if v is not None]
        return (None if not present else present[0] if len(present) == 1 else mul(*present)), None
    above, under = rest
    return (above / under, None) if above is not None and under is not None else (above, under)


def _scaled(factor: float, rest: tuple[Variable | None, Variable | None], dtype: str) -> Variable:
    """Return ``factor * above / under``."""
    above, under = rest
    number = Constant(np.asarray(factor, dtype))
    if under is not None:
        return number / under
    if above is None or factor == 1:
        return number if above is None else above
    return -above if factor == -1 else number * above


@rule(
    op=(true_div, mul),
    examples=[
        lambda x, y: (x * y) / x,
        lambda x: x / x,
        lambda x, y: (x * y) / (y * x),
        lambda x, y: x * (y / x),
    ],
)
def cancelled_factors(node: Apply) -> Variable | None:
    """(x * y) / x = y"""
    out = node.outputs[0]
    if out.type.dtype not in FLOATS:
        return None
    if node.op is mul and not any(
        v.owner is not None and v.owner.op is true_div for v in node.inputs
    ):
        return None
    found = Product.of(out)
    return found.build(out) if found.cancel() else None


@rule(
    op=(add, sub),
    examples=[
        lambda x, y: x + x,
        lambda x, y: (x + y) - x,
        lambda x, y: 2 * x + y + 3 * x,
        lambda x, y: (1 + x) + (2 + y),
    ],
)
def simpler_sum(node: Apply) -> Variable | None:
    """c * x + y + d * x = (c + d) * x + y"""
    out = node.outputs[0]
    if out.type.dtype not in FLOATS:
        return None
    found = Sum.of(out)
    return found.build(out) if found.merged else None


@rule(op=(add, mul), examples=[lambda x: x * 2, lambda x: x + 2])
def constant_first(node: Apply) -> Variable | None:
    """x * c = c * x"""
    x, y = node.inputs
    if isinstance(y, Constant) and not isinstance(x, Constant):
        return node.op(y, x)
    return None


@rule(op=Elementwise, examples=[lambda x: maximum(x, x)])
def idempotent(node: Apply) -> Variable | None:
    """f(x, x) = x"""
    op = node.op
    assert isinstance(op, Elementwise)
    if op.has(Trait.IDEMPOTENT) and node.inputs[0] is node.inputs[1]:
        return node.inputs[0]
    return None


# functions and their inverses -------------------------------------------------------------------
@rule(lambda x: log(exp(x)))
def log_of_exp(x: Variable) -> Variable:
    """log(exp(x)) = x"""
    return x


@rule(lambda x: sqrt(sqr(x)))
def root_of_square(x: Variable) -> Variable:
    """sqrt(sqr(x)) = abs(x)"""
    return abs(x)


@rule(lambda x: sqrt(x**2))
def root_of_second_power(x: Variable) -> Variable:
    """sqrt(x ** 2) = abs(x)"""
    return abs(x)


@rule(lambda x: abs(abs(x)))
def abs_of_abs(x: Variable) -> Variable:
    """abs(abs(x)) = abs(x)"""
    return abs(x)


@rule(op=(abs, sqr, cos), examples=[lambda x: abs(-x), lambda x: sqr(-x), lambda x: cos(-x)])
def even_function(node: Apply) -> Variable | None:
    """f(-x) = f(x), for an even function"""
    (x,) = node.inputs
    if x.owner is not None and x.owner.op is neg:
        return node.op(x.owner.inputs[0])
    return None


@rule(op=identity, examples=[lambda x: identity(x)])
def no_identity(node: Apply) -> Variable:
    """identity(x) = x"""
    return node.inputs[0]


@rule(op=GradientMark, examples=[lambda x: LANGUAGE["logsumexp"](x)])
def no_mark(node: Apply) -> Variable:
    """zero_grad(x) = x: derivatives have been taken"""
    return node.inputs[0]


@rule(
    op=tuple(CASTS.values()),
    examples=[lambda x: x.astype("float32").astype("float64").astype("float32")],
)
def simpler_cast(node: Apply) -> Variable | None:
    """cast(x) = x, if x has that dtype; cast(cast(x)) = cast(x), if nothing is lost between"""
    (x,) = node.inputs
    dtype = node.outputs[0].type.dtype
    if x.type.dtype == dtype:
        return x
    if x.owner is not None and x.owner.op in CAST_DTYPES:
        (source,) = x.owner.inputs
        if upcast(source.type.dtype, x.type.dtype) == x.type.dtype:
            return LANGUAGE["cast"](source, dtype)
    return None
