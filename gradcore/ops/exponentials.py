"""Sums and quotients of exponentials, in forms that neither overflow nor underflow.

The mathematics of ``softmax(x)``, ``log(sum(exp(x)))`` and their kin is harmless; what is written
is not.  Each function here knows one such expression and returns it in another form.  They are
read twice: by both sweeps of a derivative (`gradcore.derive.forms`), where the quotients of what
is written would be of zeros, and by the stage ``stabilize``, for the values.  Their logarithms
are in `gradcore.ops.logarithms`.

Where a maximum is taken out of the exponents by hand, the result does not depend on it: it counts
as constant.  That is what makes ``x - m - log(sum(exp(x - m)))`` cost what `log_softmax` does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

from gradcore.derive import Maker, form
from gradcore.graph import Apply, Constant, Op, Variable
from gradcore.language import LANGUAGE
from gradcore.ops.control import DisconnectedGrad, GradientMark, ZeroGrad
from gradcore.ops.create import Arange
from gradcore.ops.index import Subtensor
from gradcore.ops.index_patterns import Slot
from gradcore.ops.readings import (
    DEEPEST,
    VIEWS,
    Axis,
    constant_along,
    inputs_of,
    is_one,
    laid_out,
    meets,
    same,
    spread_back,
    sum_of_dot,
)
from gradcore.ops.reduce import Reduce
from gradcore.ops.scalars import (
    add,
    exp,
    exp2,
    isfinite,
    log,
    mul,
    neg,
    pow,
    reciprocal,
    sqr,
    sqrt,
    sub,
    switch,
    true_div,
)


class Total(NamedTuple):
    """``sum(exp(x - top), axes)``, or that of ``exp(x)``, where ``top`` is None.

    scale : the logarithm of the base of the powers, as of 2 in ``sum(2 ** (x - top))``.
    """

    power: Variable
    x: Variable
    top: Variable | None
    axes: tuple[int, ...]
    scale: float


# reading ----------------------------------------------------------------------------------------
def raised(v: Variable, made: Maker) -> tuple[Variable, float] | None:
    """Return x and log(c), if ``v`` is exp(x), exp2(x) or c ** x, of a constant c."""
    for op, scale in ((exp, 1.0), (exp2, math.log(2))):
        inside = inputs_of(v, op, made)
        if inside is not None:
            return inside[0], scale
    operands = inputs_of(v, pow, made)
    if operands is None or operands[1].type != v.type or not v.type.is_float:
        return None
    base, x = operands
    if not isinstance(base, Constant) or base.data.size != 1:
        return None
    number = base.data.item()
    return (x, math.log(number)) if 0 < number < math.inf and number != 1 else None


def scaled(x: Variable, scale: float) -> Variable:
    """Return ``x`` times a number, which may be 1."""
    return x if scale == 1 else x * scale


def total_of(v: Variable, made: Maker) -> Total | None:
    """Return what ``v`` is, if it is a sum of exponentials."""
    summed = sum_of_dot(v, made)
    v = v if summed is None else summed
    node = made(v)
    if node is None or not isinstance(node.op, Reduce) or node.op.kind != "sum":
        return None
    power, axes = node.inputs[0], node.op.axes
    inside = raised(power, made)
    if inside is None or power.type.dtype != v.type.dtype:
        return None
    u, scale = inside
    shifted = inputs_of(u, sub, made)
    if shifted is not None and u.type.is_float and u.type.dtype == shifted[0].type.dtype:
        x, top = shifted
        if x.type.shape == u.type.shape and constant_along(top, axes, u.ndim):
            return Total(power, x, top, axes, scale)
    return Total(power, LANGUAGE["cast"](u, v.type.dtype), None, axes, scale)


def spread_total(v: Variable, made: Maker) -> Total | None:
    """Return what ``v`` is, if it is a sum of exponentials that meets them again."""
    inner, order = laid_out(v, made, stretched=True)
    total = total_of(inner, made)
    if total is None or not spread_back(order, total.axes, total.power.ndim):
        return None
    return total if meets(v, order, total.power) else None


def exponents(total: Total) -> Variable:
    """Return what the exponentials are taken of."""
    return scaled(total.x if total.top is None else total.x - total.top, total.scale)


def without_top(total: Total, made: Maker) -> Variable:
    """Return the exponents, what is taken out of them as a constant."""
    return scaled(_still_exponents(total, made), total.scale)


def _still_exponents(total: Total, made: Maker) -> Variable:
    """Return the exponents of the base, what is taken out of them as a constant."""
    if total.top is None:
        return total.x
    top = total.top if is_still(total.top, made) else ZeroGrad()(total.top)
    return total.x - top


def is_steady(total: Total, made: Maker) -> bool:
    """Return whether what is taken out of the exponents is seen to be that of the largest power."""
    if total.top is None:
        return False
    largest, order = laid_out(total.top, made)
    while (marked := inputs_of(largest, GradientMark, made)) is not None:
        largest, inside = laid_out(marked[0], made)
        order = tuple(a if isinstance(a, str) else inside[a] for a in order)
    choice = inputs_of(largest, switch, made)
    if choice is not None and inputs_of(choice[0], isfinite, made) == (choice[1],):
        largest, inside = laid_out(choice[1], made)
        order = tuple(a if isinstance(a, str) else inside[a] for a in order)
    node = made(largest)
    return (
        node is not None
        and isinstance(node.op, Reduce)
        and (node.op.kind, node.op.axes) == ("max" if total.scale > 0 else "min", total.axes)
        and spread_back(order, total.axes, total.x.ndim)
        and same(node.inputs[0], total.x, made)
    )


def steady(total: Total, made: Maker) -> Variable:
    """Return the exponents with their maximum taken out, as a constant."""
    u = without_top(total, made)
    return u if is_steady(total, made) else u - LANGUAGE["finite_max"](u, total.axes)


def softmax_of_total(total: Total, made: Maker) -> Variable:
    """Return each power over its total: those of other bases by powers of these, as precisely."""
    if total.scale == 1:
        return LANGUAGE["softmax"](without_top(total, made), total.axes)
    u = _still_exponents(total, made)
    if not is_steady(total, made):
        extreme = LANGUAGE["finite_max"] if total.scale > 0 else LANGUAGE["finite_min"]
        u = u - extreme(u, total.axes)
    node = made(total.power)
    assert node is not None
    power = node.op(*node.inputs[:-1], u)
    return power / LANGUAGE["sum"](power, total.axes, keepdims=True)


def is_still(v: Variable, made: Maker) -> bool:
    """Return whether no derivative goes through ``v``."""
    inner, _ = laid_out(v, made)
    node = made(inner)
    return node is not None and isinstance(node.op, (ZeroGrad, DisconnectedGrad))


def softmax_parts(v: Variable, made: Maker) -> tuple[Total, Variable] | None:
    """Return the sum below the line and how it is laid out, if ``v`` is exp(x) / sum(exp(x))."""
    parts = inputs_of(v, true_div, made)
    total = None if parts is None else spread_total(parts[1], made)
    if parts is None or total is None or not same(parts[0], total.power, made):
        return None
    return total, parts[1]


# powers -----------------------------------------------------------------------------------------
def exponent(v: Variable, made: Maker, depth: int = DEEPEST) -> Variable | None:
    """Return x if ``v`` is exp(x): of parts, squares, roots, reciprocals and quotients, too.

    And of one product, as a sum of three terms may lose what they cancel to.
    """
    node = made(v)
    if node is None or not depth:
        return None
    if node.op is exp:
        return LANGUAGE["cast"](node.inputs[0], v.type.dtype)
    if isinstance(node.op, VIEWS):
        inner = exponent(node.inputs[0], made, depth - 1)
        return None if inner is None else node.op(inner, *node.inputs[1:])
    if node.op is true_div and is_one(node.inputs[0], made):
        return _negated(exponent(node.inputs[1], made, depth - 1))
    if node.op not in (sqr, sqrt, reciprocal, mul, true_div) or v.type.is_discrete:
        return None
    found = [_single_exponent(x, v.type.dtype, made) for x in node.inputs]
    (x, *_), y = found, found[-1]
    if x is None or y is None:
        return None
    if node.op is reciprocal:
        return _negated(x)
    if node.op in (sqr, sqrt):
        return x * (2 if node.op is sqr else 0.5)
    return x + y if node.op is mul else x - y


def _single_exponent(v: Variable, dtype: str, made: Maker) -> Variable | None:
    node = made(v)
    if node is None or v.type.dtype != dtype or node.op in (mul, true_div):
        return None
    return exponent(v, made, 2)


def _negated(x: Variable | None) -> Variable | None:
    return None if x is None else neg(x)


@form(reciprocal)
def power_of(node: Apply, made: Maker) -> Variable | None:
    """1 / exp(x) = exp(-x); exp(x) / exp(y) = exp(x - y)"""
    found = exponent(node.out, made)
    return None if found is None else exp(found)


# sums -------------------------------------------------------------------------------------------
@form(true_div)
def softmax_of(node: Apply, made: Maker) -> Variable | None:
    """exp(x) / sum(exp(x)) = softmax(x)"""
    found = softmax_parts(node.out, made)
    if found is None:
        return power_of(node, made)
    total, _ = found
    if not is_steady(total, made):
        return softmax_of_total(total, made)
    if total.top is None or is_still(total.top, made):
        return None
    raises = made(total.power)
    assert raises is not None
    power = raises.op(*raises.inputs[:-1], _still_exponents(total, made))
    return power / LANGUAGE["sum"](power, total.axes, keepdims=True)


Walked: TypeAlias = tuple[Axis, ...]
"""For each axis of a variable, the axis of a sum of exponentials that it is, or "x"."""


@form(sub, add)
def shifted_logarithm(node: Apply, made: Maker) -> Variable | None:
    """x - m - log(sum(exp(x - m))), picks of it, and m + log(sum(exp(x - m))) do not depend on m"""
    terms = _once(signed_terms(node.out, made))
    for sign, v in terms:
        found = spread_log_total(v, made)
        if found is None or found[0].top is None or is_still(found[0].top, made):
            continue
        if found[0].scale != 1:
            continue  # what is taken out does not cancel, but for natural logarithms
        total, order = found
        still = without_top(total, made)
        for other_sign, other in terms:
            new = None
            if other_sign == sign:
                new = _top_again(other, total, order, made)
            elif other is not v:
                new = _shifted_again(other, v, total, order, still, made)
            if new is not None:
                logarithm = log(LANGUAGE["sum"](exp(still), total.axes)).dimshuffle(*order)
                return _with_terms(node.out, {v: logarithm, other: new}, made)
    return None


TERMS = 2
"""How deep the terms of a sum are looked for."""

SIGNS: dict[Op, tuple[int, ...]] = {add: (1, 1), sub: (1, -1), neg: (-1,)}
"""The signs of the terms of each op."""


def signed_terms(
    v: Variable, made: Maker, depth: int = TERMS, signs: Mapping[Op, tuple[int, ...]] = SIGNS
) -> list[tuple[int, Variable]]:
    """Return the terms of sums, differences and negations, with their signs.

    signs : those of the operands of each op; of powers, in the place of signs, for products.
    """
    node = made(v)
    if node is None or not depth or node.op not in signs:
        return [(1, v)]
    return [
        (sign * inner, term)
        for sign, x in zip(signs[node.op], node.inputs, strict=True)
        for inner, term in signed_terms(x, made, depth - 1, signs)
    ]


def _once(terms: list[tuple[int, Variable]]) -> list[tuple[int, Variable]]:
    """Return those of which there is one: another one would go with another sum."""
    every = [v for _, v in terms]
    return [(sign, v) for sign, v in terms if every.count(v) == 1]


def _with_terms(
    v: Variable, new: dict[Variable, Variable], made: Maker, depth: int = TERMS
) -> Variable:
    """Return the same sum of other terms."""
    node = made(v)
    if v in new or node is None or not depth or node.op not in SIGNS:
        return new.get(v, v)
    return node.op(*(_with_terms(x, new, made, depth - 1) for x in node.inputs))


def _top_again(v: Variable, total: Total, order: Walked, made: Maker) -> Variable | None:
    """Return ``v`` as a constant, if it is what was taken out of the exponents."""
    assert total.top is not None
    (own, outer), (inner, spread) = laid_out(v, made), laid_out(total.top, made)
    meets = outer == order and spread_back(spread, total.axes, total.x.ndim)
    return ZeroGrad()(v) if meets and same(own, inner, made) else None


def _shifted_again(
    v: Variable, logarithm: Variable, total: Total, order: Walked, still: Variable, made: Maker
) -> Variable | None:
    """Return ``v`` as a part of ``still``, if it is that part of the exponents of a sum.

    Either all of them, or elements picked by arrays of indices, of which those of the axes that
    are not summed over count up along the axes where the logarithm stands.
    """
    exponents = inputs_of(total.power, exp, made)
    if exponents is None:
        return None
    if spread_back(order, total.axes, v.ndim) and same(v, exponents[0], made):
        return still
    part, places = laid_out(v, made)
    node = made(part)
    if node is None or not isinstance(node.op, Subtensor):
        return None
    x, *indices = node.inputs
    if any(entry is not Slot.ARRAY for entry in node.op.pattern) or len(indices) != x.ndim:
        return None
    left = [_counted_axis(i, part.ndim, made) for a, i in enumerate(indices) if a not in total.axes]
    walked = tuple(left.index(a) if a in left else "x" for a in places)
    stretched = v.broadcastable != logarithm.broadcastable
    if stretched or walked != order or len(set(walked) - {"x"}) != len(left):
        return None
    if not same(x, exponents[0], made):
        return None
    return node.op(still, *indices).dimshuffle(*places)


def _counted_axis(index: Variable, ndim: int, made: Maker) -> int | None:
    """Return along which of ``ndim`` axes an index counts 0, 1, 2, ..., if it does."""
    inner, order = laid_out(index, made)
    along = [k for k, a in enumerate(order) if a != "x"]
    counts = len(along) == 1 and inputs_of(inner, Arange, made) is not None
    return ndim - index.ndim + along[0] if counts else None


def spread_log_total(v: Variable, made: Maker) -> tuple[Total, tuple[Axis, ...]] | None:
    """Return the sum whose logarithm ``v`` is, and how its axes are laid out in ``v``."""
    inner, outside = laid_out(v, made, stretched=True)
    logarithm = inputs_of(inner, log, made)
    if logarithm is None:
        return None
    summed, order = laid_out(logarithm[0], made, stretched=True)
    total = total_of(summed, made)
    laid = tuple(a if isinstance(a, str) else order[a] for a in outside)
    return (total, laid) if total is not None and meets(v, laid, total.power) else None
