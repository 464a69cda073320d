"""Logarithms and quotients of exponentials, in forms that neither overflow nor underflow.

The mathematics of ``log(softmax(x))``, ``log(sum(exp(x)))`` and their kin is harmless; what is
written is not.  Each function here knows one such expression and returns it in another form.  They
are read twice: by both sweeps of a derivative (`gradcore.derive.forms`), where the quotients of
what is written would be of zeros, and by the stage ``stabilize``, for the values.

Where a maximum is taken out of the exponents by hand, the result does not depend on it: it counts
as constant.  That is what makes ``x - m - log(sum(exp(x - m)))`` cost what `log_softmax` does.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from gradcore.derive import Maker, form
from gradcore.graph import Apply, Constant, Op, Variable
from gradcore.language import LANGUAGE
from gradcore.ops.control import DisconnectedGrad, ZeroGrad
from gradcore.ops.create import Arange
from gradcore.ops.index import Slice, Slot, Subtensor
from gradcore.ops.reduce import Reduce
from gradcore.ops.scalars import (
    add,
    exp,
    log,
    log1p,
    log2,
    log10,
    logaddexp,
    mul,
    neg,
    reciprocal,
    sigmoid,
    softplus,
    sub,
    true_div,
)
from gradcore.ops.shape import DimShuffle, Reshape

Axis: TypeAlias = int | str

DEEPEST = 6
"""How deep expressions are compared: equal nodes are merged later than derivatives are taken."""


class Total(NamedTuple):
    """``sum(exp(x - top), axes)``, or that of ``exp(x)``, where ``top`` is None."""

    power: Variable
    x: Variable
    top: Variable | None
    axes: tuple[int, ...]


# reading ----------------------------------------------------------------------------------------
def inputs_of(v: Variable, op: Op | type[Op], made: Maker) -> tuple[Variable, ...] | None:
    """Return what ``v`` is computed from, if that is by ``op``."""
    node = made(v)
    if node is None or not (isinstance(node.op, op) if isinstance(op, type) else node.op is op):
        return None
    return node.inputs


def same(a: Variable, b: Variable, made: Maker, depth: int = DEEPEST) -> bool:
    """Return whether two expressions are seen to be the same."""
    if a is b:
        return True
    if isinstance(a, Constant) and isinstance(b, Constant):
        return a.type == b.type and a.data.size == 1 and bool(a.data.item() == b.data.item())
    first, second = made(a), made(b)
    return (
        first is not None
        and second is not None
        and depth > 0
        and a.index == b.index
        and first.op == second.op
        and all(
            same(x, y, made, depth - 1) for x, y in zip(first.inputs, second.inputs, strict=True)
        )
    )


def laid_out(v: Variable, made: Maker) -> tuple[Variable, tuple[Axis, ...]]:
    """Return what ``v`` is a view of, if only axes are moved, dropped and inserted.

    Returns that variable and, for each axis of ``v``, the axis of it, or "x" for an inserted one.
    """
    node = made(v)
    if node is not None and isinstance(node.op, DimShuffle):
        inner, order = laid_out(node.inputs[0], made)
        return inner, tuple(a if isinstance(a, str) else order[a] for a in node.op.order)
    if node is not None and isinstance(node.op, Subtensor) and len(node.inputs) == 1:
        inner, order = laid_out(node.inputs[0], made)
        places = iter(zip(order, node.inputs[0].broadcastable, strict=True))
        found: list[Axis] = []
        for entry in node.op.pattern:
            if entry is None:
                found.append("x")
            elif isinstance(entry, Slice) and entry.is_full:
                found.append(next(places)[0])
            elif entry not in (0, -1) or not next(places)[1]:
                return v, tuple(range(v.ndim))
        return inner, (*found, *(place for place, _ in places))
    return v, tuple(range(v.ndim))


def spread_back(order: tuple[Axis, ...], axes: tuple[int, ...], ndim: int) -> bool:
    """Return whether a reduction over ``axes`` of ``ndim``, laid out so, meets what it reduced."""
    kept = [a for a in range(ndim) if a not in axes]
    wanted = ["x" if a in axes else kept.index(a) for a in range(ndim)]
    lead = ndim - len(order)
    return tuple(wanted[lead:]) == order and all(a == "x" for a in wanted[:lead])


def constant_along(v: Variable, axes: tuple[int, ...], ndim: int) -> bool:
    """Return whether ``v`` is known to be stretched along ``axes`` of a tensor of rank ``ndim``."""
    lead = ndim - v.ndim
    return lead >= 0 and all(a < lead or v.type.shape[a - lead] == 1 for a in axes)


def total_of(v: Variable, made: Maker) -> Total | None:
    """Return what ``v`` is, if it is a sum of exponentials."""
    node = made(v)
    if node is None or not isinstance(node.op, Reduce) or node.op.kind != "sum":
        return None
    power, axes = node.inputs[0], node.op.axes
    inside = inputs_of(power, exp, made)
    if inside is None or power.type.dtype != v.type.dtype:
        return None
    (u,) = inside
    shifted = inputs_of(u, sub, made)
    if shifted is not None and u.type.is_float and u.type.dtype == shifted[0].type.dtype:
        x, top = shifted
        if x.type.shape == u.type.shape and constant_along(top, axes, u.ndim):
            return Total(power, x, top, axes)
    return Total(power, LANGUAGE["cast"](u, v.type.dtype), None, axes)


def spread_total(v: Variable, made: Maker) -> Total | None:
    """Return what ``v`` is, if it is a sum of exponentials that meets them again."""
    inner, order = laid_out(v, made)
    total = total_of(inner, made)
    if total is None or not spread_back(order, total.axes, total.power.ndim):
        return None
    return total


def without_top(total: Total) -> Variable:
    """Return the exponents, their maximum as a constant."""
    assert total.top is not None
    return total.x - ZeroGrad()(total.top)


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


# sums -------------------------------------------------------------------------------------------
@form(true_div)
def softmax_of(node: Apply, made: Maker) -> Variable | None:
    """exp(x) / sum(exp(x)) = softmax(x)"""
    found = softmax_parts(node.out, made)
    if found is None:
        return None
    total, _ = found
    if total.top is None:
        return LANGUAGE["softmax"](total.x, total.axes)
    if is_still(total.top, made):
        return None
    power = exp(without_top(total))
    return power / LANGUAGE["sum"](power, total.axes, keepdims=True)


def log_softmax_of_total(total: Total) -> Variable:
    """Return the exponents minus the logarithm of the sum of their exponentials."""
    top = total.top
    u = total.x - LANGUAGE["finite_max"](total.x, total.axes) if top is None else without_top(total)
    return u - log(LANGUAGE["sum"](exp(u), total.axes, keepdims=True))


BASES: dict[Op, float] = {log: 1.0, log2: math.log(2), log10: math.log(10)}
"""The natural logarithm of the base of each logarithm."""


def in_base(op: Op, found: Variable | None) -> Variable | None:
    """Return a natural logarithm as that of the base of ``op``."""
    return found if found is None or op is log else found / BASES[op]


def of_views(
    v: Variable, made: Maker, known: Callable[[Variable], Variable | None], depth: int = DEEPEST
) -> Variable | None:
    """Return what ``known`` makes of ``v``, or of what it is a part or another layout of."""
    found = known(v)
    node = made(v)
    if found is not None or node is None or not depth:
        return found
    if not isinstance(node.op, (DimShuffle, Reshape, Subtensor)):
        return None
    inner = of_views(node.inputs[0], made, known, depth - 1)
    return None if inner is None else node.op(inner, *node.inputs[1:])


def log_of(v: Variable, made: Maker) -> Variable | None:
    """Return the logarithm of a softmax or of a sum of exponentials, or of a part of one."""

    def known(part: Variable) -> Variable | None:
        parts = softmax_parts(part, made)
        if parts is not None:
            return log_softmax_of_total(parts[0])
        total = total_of(part, made)
        if total is None or total.top is not None:
            return None
        return LANGUAGE["logsumexp"](total.x, total.axes)

    return of_views(v, made, known)


def log_of_scaled_sum(v: Variable, made: Maker) -> Variable | None:
    """Return log(sum(exp(x)) / n) with the maximum taken out: to rounding what is written."""
    parts = inputs_of(v, true_div, made)
    if parts is None or parts[1].ndim:
        return None
    summed, count = parts

    def known(part: Variable) -> Variable | None:
        total = total_of(part, made)
        if total is None or total.top is not None:
            return None
        top = LANGUAGE["finite_max"](total.x, total.axes)
        rest = LANGUAGE["sum"](exp(total.x - top), total.axes)
        return log(rest / count) + LANGUAGE["sum"](top, total.axes)

    return of_views(summed, made, known)


def log_of_multiple(v: Variable, made: Maker, depth: int = DEEPEST) -> Variable | None:
    """Return the logarithm of a multiple of what `log_of` knows: the sum of two logarithms."""
    found = log_of(v, made)
    if found is not None or not depth:
        return found
    product, quotient = inputs_of(v, mul, made), inputs_of(v, true_div, made)
    for one, other in (product, product[::-1]) if product is not None else ():
        found = log_of_multiple(one, made, depth - 1)
        if found is not None:
            return found + log(other)
    found = None if quotient is None else log_of_multiple(quotient[0], made, depth - 1)
    return None if found is None or quotient is None else found - log(quotient[1])


@form(log, log2, log10)
def log_of_exponentials(node: Apply, made: Maker) -> Variable | None:
    """log(exp(x) / sum(exp(x))) = x - logsumexp(x), of a part or a multiple of it, in any base"""
    return in_base(node.op, log_of_multiple(node.inputs[0], made))


Walked: TypeAlias = tuple[Axis, ...]
"""For each axis of a variable, the axis of a sum of exponentials that it is, or "x"."""


@form(sub, add)
def shifted_logarithm(node: Apply, made: Maker) -> Variable | None:
    """x - m - log(sum(exp(x - m))), picks of it, and m + log(sum(exp(x - m))) do not depend on m"""
    terms = _once(signed_terms(node.out, made))
    for sign, v in terms:
        found = _spread_log_total(v, made)
        if found is None or found[0].top is None or is_still(found[0].top, made):
            continue
        total, order = found
        still = without_top(total)
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


def signed_terms(v: Variable, made: Maker, depth: int = TERMS) -> list[tuple[int, Variable]]:
    """Return the terms of sums, differences and negations, with their signs."""
    node = made(v)
    if node is None or not depth or node.op not in SIGNS:
        return [(1, v)]
    return [
        (sign * inner, term)
        for sign, x in zip(SIGNS[node.op], node.inputs, strict=True)
        for inner, term in signed_terms(x, made, depth - 1)
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
    kept = [_counted_axis(i, part.ndim, made) for a, i in enumerate(indices) if a not in total.axes]
    walked = tuple(kept.index(a) if a in kept else "x" for a in places)
    stretched = v.broadcastable != logarithm.broadcastable
    if stretched or walked != order or len(set(walked) - {"x"}) != len(kept):
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


def _spread_log_total(v: Variable, made: Maker) -> tuple[Total, tuple[Axis, ...]] | None:
    """Return the sum whose logarithm ``v`` is, and how its axes are laid out in ``v``."""
    inner, outside = laid_out(v, made)
    logarithm = inputs_of(inner, log, made)
    if logarithm is None:
        return None
    summed, order = laid_out(logarithm[0], made)
    total = total_of(summed, made)
    laid = tuple(a if isinstance(a, str) else order[a] for a in outside)
    return None if total is None else (total, laid)


# logistic functions -----------------------------------------------------------------------------
def _is_one(v: Variable) -> bool:
    return isinstance(v, Constant) and v.data.size == 1 and bool(v.data.item() == 1)


def one_plus_exp(v: Variable, made: Maker) -> Variable | None:
    """Return x if ``v`` is 1 + exp(x)."""
    terms = inputs_of(v, add, made)
    for one, power in (terms, terms[::-1]) if terms is not None else ():
        inside = inputs_of(power, exp, made)
        if _is_one(one) and inside is not None:
            return inside[0]
    return None


def logistic(v: Variable, made: Maker) -> Variable | None:
    """Return x if ``v`` is 1 / (1 + exp(-x)), however it is written."""
    inside = inputs_of(v, sigmoid, made)
    if inside is not None:
        return inside[0]
    inverse, parts = inputs_of(v, reciprocal, made), inputs_of(v, true_div, made)
    below = inverse[0] if inverse is not None else parts[1] if parts is not None else None
    x = None if below is None else one_plus_exp(below, made)
    if x is None:
        return None
    if parts is None or _is_one(parts[0]):
        negated = inputs_of(x, neg, made)
        return -x if negated is None else negated[0]
    power = inputs_of(parts[0], exp, made)
    return x if power is not None and same(x, power[0], made) else None


@form(log)
def log_of_logistic(node: Apply, made: Maker) -> Variable | None:
    """log(sigmoid(x)) = -softplus(-x); log(1 - sigmoid(x)) = -softplus(x); log(1 + exp(x))"""
    (v,) = node.inputs
    x, y = logistic(v, made), one_plus_exp(v, made)
    if x is not None or y is not None:
        return -softplus(-x) if x is not None else softplus(y)
    difference = inputs_of(v, sub, made)
    x = logistic(difference[1], made) if difference and _is_one(difference[0]) else None
    return None if x is None else -softplus(x)


@form(log1p)
def log1p_of_logistic(node: Apply, made: Maker) -> Variable | None:
    """log1p(exp(x)) = softplus(x); log1p(-sigmoid(x)) = -softplus(x)"""
    power, negated = inputs_of(node.inputs[0], exp, made), inputs_of(node.inputs[0], neg, made)
    if power is not None:
        return softplus(power[0])
    x = None if negated is None else logistic(negated[0], made)
    return None if x is None else -softplus(x)


@form(log)
def log_of_two_powers(node: Apply, made: Maker) -> Variable | None:
    """log(exp(x) + exp(y)) = logaddexp(x, y)"""
    terms = inputs_of(node.inputs[0], add, made)
    powers = [inputs_of(v, exp, made) for v in terms or ()]
    if not powers or powers[0] is None or powers[1] is None:
        return None
    return logaddexp(powers[0][0], powers[1][0])
