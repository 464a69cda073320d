"""Arithmetic, functions and their inverses, casts."""

from __future__ import annotations

from gradcore.dtypes import DTYPES
from gradcore.graph import Apply, Constant, Variable
from gradcore.graph.types import FLOATS, UNSIGNED, holds
from gradcore.language import LANGUAGE
from gradcore.ops.control import GradientMark
from gradcore.ops.elementwise import Elementwise, Trait
from gradcore.ops.implicit import ImplicitSolution
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
from gradcore.rewrite.algebra import Product, Sum, is_normal, scalar_value
from gradcore.rewrite.canonical.stage import canonicalize
from gradcore.rewrite.changes import REASSOCIATES, Changes
from gradcore.rewrite.signs import never_negative_zero, without_negative_zero

rule = canonicalize.rule


@rule(lambda x: x + 0, changes=Changes(signed_zeros=True))
def plus_zero(x: Variable) -> Variable:
    """x + 0 = x"""
    return x


@rule(lambda x: x - 0)
def minus_zero(x: Variable) -> Variable:
    """x - 0 = x"""
    return x


@rule(lambda x: 0 - x, changes=Changes(signed_zeros=True))
def zero_minus(x: Variable) -> Variable | None:
    """0 - x = -x"""
    return -x


@rule(lambda x: x * 1)
def times_one(x: Variable) -> Variable:
    """x * 1 = x"""
    return x


@rule(lambda x: x * 0, changes=Changes(nonfinite=True, signed_zeros=True))
def times_zero(x: Variable) -> Variable:
    """x * 0 = 0"""
    return Constant(0, x.type.dtype)


@rule(lambda x: x * -1)
def times_minus_one(x: Variable) -> Variable | None:
    """x * -1 = -x"""
    return -x if x.type.is_float else None


@rule(lambda x: x / -1)
def over_minus_one(x: Variable) -> Variable | None:
    """x / -1 = -x"""
    return -x if x.type.is_float else None


@rule(lambda x: x / 1)
def over_one(x: Variable) -> Variable:
    """x / 1 = x"""
    return x


@rule(lambda x: 0 / x, changes=REASSOCIATES)
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


@rule(lambda x: x + x)
def doubled(x: Variable) -> Variable | None:
    """x + x = 2 * x"""
    return Constant(2, x.type.dtype) * x if x.type.is_float else None


@rule(lambda x: x - x, changes=Changes(nonfinite=True))
def minus_itself(x: Variable) -> Variable:
    """x - x = 0"""
    return Constant(0, x.type.dtype)


@rule(lambda x: neg(neg(x)))
def minus_minus(x: Variable) -> Variable:
    """-(-x) = x"""
    return x


@rule(lambda x, y: -(x - y), changes=Changes(signed_zeros=True))
def minus_difference(x: Variable, y: Variable) -> Variable:
    """-(x - y) = y - x"""
    return y - x


@rule(lambda x, y: x + (-y))
def plus_minus(x: Variable, y: Variable) -> Variable:
    """x + (-y) = x - y"""
    return x - y


@rule(lambda x, y: x + (0 - y))
def plus_difference_from_zero(x: Variable, y: Variable) -> Variable | None:
    """x + (0 - y) = x - y"""
    return x - y if y.type.is_float and never_negative_zero(x) else None


@rule(lambda x, y: x - (-y))
def minus_negative(x: Variable, y: Variable) -> Variable:
    """x - (-y) = x + y"""
    return x + y


@rule(
    op=(mul, true_div, neg),
    examples=[
        lambda x, y: (-x) * y,
        lambda x, y: x / (-y),
        lambda x, y: (-x) / y,
        lambda x: -(3.0 * x),
        lambda x: -(Constant(3, "uint8") * x),
        lambda x: -(Constant(-128, "int8") * x),
        lambda x: 3.0 * (-x),
        lambda x: 3.0 / (-x),
    ],
)
def sign_in_front(node: Apply) -> Variable | None:
    """(-x) * y = -(x * y); x / (-y) = -(x / y); -(c * x) = (-c) * x"""
    if node.out.type.dtype not in FLOATS:
        return None
    if node.op is neg:
        return _negated_product(node.inputs[0])
    for k, v in enumerate(node.inputs):
        if v.owner is not None and v.owner.op is neg and v.type.dtype == node.out.type.dtype:
            operands = list(node.inputs)
            operands[k] = v.owner.inputs[0]
            return -node.op(*operands)
    return None


def _negated_product(product: Variable) -> Variable | None:
    """Return ``-product`` if it is one with a constant in front, which takes the sign.

    It takes it as a float, if no integer of its dtype is the negative of this one.
    """
    node = product.owner
    value = None if node is None or node.op is not mul else scalar_value(node.inputs[0])
    if node is None or value is None:
        return None
    c, x = node.inputs
    low, high = DTYPES[c.type.dtype].limits if c.type.is_discrete else (-value, -value)
    return (-c if low <= -value <= high else -c.astype(product.type.dtype)) * x


@rule(
    op=(mul, true_div),
    examples=[
        lambda x: 2.0 * (3.0 * x),
        lambda x: (3.0 * x) / 4.0,
        lambda x: 3.0 / (4.0 * x),
    ],
    changes=Changes(rounding=3, more_exact=True),
)
def merged_constants(node: Apply) -> Variable | None:
    """c * (d * x) = (c * d) * x; (c * x) / d = (c / d) * x, if c * d, c / d are normal numbers"""
    dtype = node.out.type.dtype
    if dtype not in FLOATS:
        return None
    (c, x), (d, y) = (_split(v, dtype) for v in node.inputs)
    if c is None or d is None or not d or (x is None) == (y is None):
        return None
    factor = c / d if node.op is true_div else c * d
    rest = x if x is not None else y
    if rest is None or not is_normal(factor, dtype):
        return None
    if node.op is true_div and rest is y:
        return Constant(factor, dtype) / rest
    return rest if factor == 1 else Constant(factor, dtype) * rest


@rule(
    op=(mul, true_div),
    examples=[
        lambda x, y: x * (3.0 * y),
        lambda x, y: (3.0 * x) / y,
        lambda x, y: x / (4.0 * y),
    ],
    changes=REASSOCIATES,
)
def factor_in_front(node: Apply) -> Variable | None:
    """x * (c * y) = c * (x * y); (c * x) / (d * y) = (c / d) * (x / y)"""
    dtype = node.out.type.dtype
    if dtype not in FLOATS or any(isinstance(v, Constant) for v in node.inputs):
        return None
    (c, x), (d, y) = (_split(v, dtype) for v in node.inputs)
    if (c is None and d is None) or x is None or y is None:
        return None
    left, right = (1.0 if value is None else value for value in (c, d))
    if node.op is true_div and not right:
        return None
    factor = left / right if node.op is true_div else left * right
    return Constant(factor, dtype) * node.op(x, y) if is_normal(factor, dtype) else None


def _split(v: Variable, dtype: str) -> tuple[float | None, Variable | None]:
    """Return the constant factor of ``v`` (None for none) and what it multiplies (None for 1)."""
    value = scalar_value(v)
    if value is not None:
        return value, None
    if v.owner is not None and v.owner.op is mul and v.type.dtype == dtype:
        value = scalar_value(v.owner.inputs[0])
        if value is not None:
            return value, v.owner.inputs[1]
    return None, v


@rule(
    op=(true_div, mul),
    examples=[
        lambda x, y: (x * y) / x,
        lambda x: x / x,
        lambda x, y: (x * y) / (y * x),
        lambda x, y: x * (y / x),
    ],
    changes=REASSOCIATES,
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
        lambda x, y: (x + y) - x,
        lambda x, y: 2 * x + y + 3 * x,
        lambda x, y: (1 + x) + (2 + y),
    ],
    changes=REASSOCIATES,
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
@rule(lambda x: log(exp(x)), changes=Changes(more_exact=True))
def log_of_exp(x: Variable) -> Variable:
    """log(exp(x)) = x"""
    return without_negative_zero(x)


@rule(lambda x: sqrt(sqr(x)), changes=Changes(more_exact=True))
def root_of_square(x: Variable) -> Variable:
    """sqrt(sqr(x)) = abs(x)"""
    return abs(x)


@rule(lambda x: sqrt(x**2), changes=Changes(more_exact=True))
def root_of_second_power(x: Variable) -> Variable:
    """sqrt(x ** 2) = abs(x)"""
    return abs(x)


@rule(lambda x: abs(abs(x)))
def abs_of_abs(x: Variable) -> Variable:
    """abs(abs(x)) = abs(x)"""
    return abs(x)


@rule(op=(abs, sqr, cos), examples=[lambda x: abs(-x), lambda x: sqr(-x), lambda x: cos(-x)])
def even_function(node: Apply) -> Variable | None:
    """f(-x) = f(x), for an even function of what has a sign"""
    (x,) = node.inputs
    if x.owner is not None and x.owner.op is neg and x.type.dtype not in UNSIGNED:
        return node.op(x.owner.inputs[0])
    return None


@rule(op=identity, examples=[lambda x: identity(x)])
def no_identity(node: Apply) -> Variable:
    """identity(x) = x"""
    return node.inputs[0]


@rule(op=(GradientMark, ImplicitSolution), examples=[lambda x: LANGUAGE["logsumexp"](x)])
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
        if holds(x.type.dtype, source.type.dtype):
            return LANGUAGE["cast"](source, dtype)
    return None
