"""The last stage: cheaper ways to say the same, for the machine rather than for other rules."""

from __future__ import annotations

import math

from gradcore.graph import Apply, Constant, Variable
from gradcore.graph.types import FLOATS
from gradcore.ops.assumptions import Assume
from gradcore.ops.matrices import transposed
from gradcore.ops.scalars import mul, pow, reciprocal, sqr, sqrt, true_div
from gradcore.rewrite.algebra import is_normal, scalar_value
from gradcore.rewrite.changes import Changes
from gradcore.rewrite.engine import Stage
from gradcore.rewrite.signs import without_negative_zero

specialize = Stage("specialize")
rule = specialize.rule


@rule(lambda x: x * x)
def square(x: Variable) -> Variable:
    """x * x = sqr(x)"""
    return sqr(x)


@rule(
    op=pow,
    changes=Changes(rounding=9, nonfinite=True),
    examples=[lambda x: x**2, lambda x: x**3, lambda x: x**-2, lambda x: x**0.5, lambda x: x**-0.5],
)
def small_power(node: Apply) -> Variable | None:
    """x ** 2 = sqr(x), and other powers that need no logarithm"""
    x, y = node.inputs
    out = node.outputs[0]
    value = scalar_value(y)
    if value is None or y.ndim > x.ndim or x.type.dtype != out.type.dtype:
        return None
    if abs(value) == 0.5:
        root = sqrt(without_negative_zero(x))  # (-0) ** 0.5 is 0, and (-0) ** -0.5 inf
        return root if value > 0 else reciprocal(root)
    if not 2 <= abs(value) <= 8 or value != int(value):
        return reciprocal(x) if value == -1 and out.type.dtype in FLOATS else None
    if value < 0 and out.type.dtype not in FLOATS:
        return None
    # A power that overflows may have a reciprocal that does not underflow: first the reciprocal.
    return _whole_power(x if value > 0 else reciprocal(x), abs(int(value)))


def _whole_power(x: Variable, n: int) -> Variable:
    """Return ``x ** n`` by squaring."""
    if n == 1:
        return x
    half = sqr(_whole_power(x, n // 2)) if n > 1 else x
    return half * x if n % 2 else half


@rule(lambda x: 1 / x)
def reciprocal_of(x: Variable) -> Variable:
    """1 / x = reciprocal(x)"""
    return reciprocal(x)


@rule(op=true_div, examples=[lambda x: x / 4.0])
def division_by_power_of_two(node: Apply) -> Variable | None:
    """x / 4 = 0.25 * x: exact for powers of two whose reciprocal is a normal number"""
    x, y = node.inputs
    value = scalar_value(y)
    if value is None or not value or not math.isfinite(value) or y.ndim > x.ndim:
        return None
    dtype = node.out.type.dtype
    if abs(math.frexp(value)[0]) != 0.5 or x.type.dtype != dtype or not is_normal(1 / value, dtype):
        return None
    return mul(Constant(1 / value, dtype), x)


@rule(op=Assume, examples=[lambda x: Assume("symmetric")(x + transposed(x))])
def claim_is_done(node: Apply) -> Variable:
    """assume(x, claim) = x: no more rules ask for it"""
    return node.inputs[0]
