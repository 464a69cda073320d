"""What is known to be between 0 and 1, in any spelling: complements, logistic functions, masks.

Rules that keep logarithms of such numbers accurate read them here (`gradcore.ops.logarithms`).
"""

from __future__ import annotations

import math
from typing import NamedTuple

from gradcore.derive import Maker, form
from gradcore.graph import Apply, Constant, Variable
from gradcore.graph.types import FLOATS
from gradcore.language import LANGUAGE
from gradcore.ops.exponentials import raised, scaled, signed_terms
from gradcore.ops.readings import DEEPEST, VIEWS, inputs_of, is_one, same
from gradcore.ops.scalars import (
    CAST_DTYPES,
    abs,
    add,
    exp,
    exp2,
    expm1,
    gt,
    log1p,
    maximum,
    minimum,
    mul,
    neg,
    pow,
    reciprocal,
    sigmoid,
    softplus,
    sub,
    switch,
    tanh,
    true_div,
)


def minus(v: Variable, made: Maker) -> Variable | None:
    """Return x if ``v`` is -x, or 0 - x."""
    negated, difference = inputs_of(v, neg, made), inputs_of(v, sub, made)
    if difference is not None and isinstance(difference[0], Constant):
        return difference[1] if not difference[0].data.any() else None
    return None if negated is None else negated[0]


def one_minus(v: Variable, made: Maker) -> Variable | None:
    """Return x if ``v`` is 1 - x; of 1 - exp(y), also where it is written as -expm1(y)."""
    negated = minus(v, made)
    inside = None if negated is None else inputs_of(negated, expm1, made)
    if inside is not None:
        return exp(inside[0])
    terms = signed_terms(v, made)
    ones = [term for sign, term in terms if sign == 1 and is_one(term, made)]
    others = [term for sign, term in terms if sign == -1]
    return others[0] if len(terms) == 2 and ones and others else None


def one_plus_exp(v: Variable, made: Maker) -> Variable | None:
    """Return x if ``v`` is 1 + exp(x), or log(c) * x of 1 + c ** x."""
    terms = inputs_of(v, add, made)
    for one, power in (terms, terms[::-1]) if terms is not None else ():
        inside = raised(power, made)
        if is_one(one, made) and inside is not None:
            return scaled(*inside)
    return None


class AffineInTanh(NamedTuple):
    """``shift + scale * tanh(x)``."""

    shift: float
    scale: float
    x: Variable


def affine_in_tanh(v: Variable, made: Maker, depth: int = DEEPEST) -> AffineInTanh | None:
    """Return what ``v`` is, if it is tanh(x) that constants are added to, or multiply it."""
    node = made(v)
    if node is None or not depth or v.type.dtype not in FLOATS:
        return None
    if node.op is tanh:
        return AffineInTanh(0.0, 1.0, LANGUAGE["cast"](node.inputs[0], v.type.dtype))
    if node.op not in (add, sub, mul, true_div, neg):
        return None
    number, inner = 0.0, affine_in_tanh(node.inputs[0], made, depth - 1)
    turned = inner is None
    if node.op is not neg:
        constant = node.inputs[0 if turned else 1]
        if not isinstance(constant, Constant) or constant.data.size != 1:
            return None
        number = float(constant.data.item())
        inner = affine_in_tanh(node.inputs[1], made, depth - 1) if turned else inner
    if inner is None or (turned and node.op is true_div):
        return None
    if node.op in (add, sub):
        sign, moved = (-1 if turned else 1, 1 if turned else -1) if node.op is sub else (1, 1)
        return AffineInTanh(sign * inner.shift + moved * number, sign * inner.scale, inner.x)
    factor = -1 if node.op is neg else number if node.op is mul else 1 / number if number else 0
    return AffineInTanh(factor * inner.shift, factor * inner.scale, inner.x)


def log1p_of_tanh(x: Variable) -> Variable:
    """Return log(1 + tanh(x)): where it is not small by a softplus, which 1 is not added to."""
    near = log1p(tanh(maximum(minimum(x, SMALL), -SMALL)))
    far = Constant(math.log(2), x.type.dtype) - softplus(-2 * x)
    return switch(gt(SMALL, abs(x)), near, far)


SMALL = 0.5
"""Where log(1 + tanh(x)) is small enough for a difference from log(2) to lose digits."""


def logistic(v: Variable, made: Maker) -> Variable | None:
    """Return x if ``v`` is 1 / (1 + exp(-x)), however it is written."""
    inside = inputs_of(v, sigmoid, made)
    if inside is not None:
        return inside[0]
    curve = affine_in_tanh(v, made)
    if curve is not None and curve.shift == 0.5 and math.fabs(curve.scale) == 0.5:
        return curve.x * math.copysign(2, curve.scale)
    inverse, parts = inputs_of(v, reciprocal, made), inputs_of(v, true_div, made)
    below = inverse[0] if inverse is not None else parts[1] if parts is not None else None
    x = None if below is None else one_plus_exp(below, made)
    if x is None:
        return None
    if parts is None or is_one(parts[0], made):
        negated = inputs_of(x, neg, made)
        return -x if negated is None else negated[0]
    power = raised(parts[0], made)
    return x if power is not None and same(x, scaled(*power), made) else None


@form(true_div, reciprocal)
def logistic_of(node: Apply, made: Maker) -> Variable | None:
    """1 / (1 + c ** -x) = sigmoid(log(c) * x)"""
    terms = inputs_of(node.inputs[-1], add, made) or ()
    if not any(inputs_of(v, op, made) for v in terms for op in (pow, exp2)):
        return None
    x = logistic(node.out, made)
    return None if x is None else sigmoid(x)


def holds(v: Variable, made: Maker, depth: int = DEEPEST) -> Variable | None:
    """Return where ``v`` is 1, as booleans, if each of its elements is known to be 0 or 1."""
    if v.type.dtype == "bool":
        return v
    if isinstance(v, Constant):
        return Constant(v.data == 1, "bool") if ((v.data == 0) | (v.data == 1)).all() else None
    node = made(v)
    if node is None or not depth:
        return None
    if node.op is mul:
        both = [holds(x, made, depth - 1) for x in node.inputs]
        return None if both[0] is None or both[1] is None else both[0] & both[1]
    if node.op in CAST_DTYPES:
        return holds(node.inputs[0], made, depth - 1)
    if isinstance(node.op, VIEWS):
        inner = holds(node.inputs[0], made, depth - 1)
        return None if inner is None else node.op(inner, *node.inputs[1:])
    complement = one_minus(v, made)
    inner = None if complement is None else holds(complement, made, depth - 1)
    return None if inner is None else ~inner
