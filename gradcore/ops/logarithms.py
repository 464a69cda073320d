"""Logarithms of what is made of exponentials, in forms that neither overflow nor underflow.

``log(exp(x) / sum(exp(x)))`` is written in many ways: its quotient the other way up, its power a
logarithm of its own, a weight in front, squared.  They are all products of powers of exponentials,
so one reading finds the factors, and the logarithm is the sum of those of the factors.  It is 0,
not -0, where that of 1 is: 0 is added where a -0 may come in.

A factor that is 0 or 1 chooses: the logarithm is -inf where it is 0.  So ``log(sum(p * one_hot))``
is that of the element chosen, although ``p`` underflows.  Only what is seen to be made of booleans
counts as such a factor; an input of floats may hold any weights.

As in `gradcore.ops.exponentials`, both sweeps of a derivative and the stage ``stabilize``
read this.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeAlias, TypeGuard

from gradcore.derive import Maker, form
from gradcore.graph import Apply, Constant, Op, Variable
from gradcore.language import LANGUAGE
from gradcore.ops.exponentials import (
    Total,
    exponents,
    is_steady,
    raised,
    scaled,
    signed_terms,
    spread_log_total,
    spread_total,
    steady,
    total_of,
)
from gradcore.ops.readings import (
    DEEPEST,
    VIEWS,
    inputs_of,
    is_one,
    laid_out,
    same,
    spread_back,
    sum_of_dot,
)
from gradcore.ops.reduce import Reduce
from gradcore.ops.scalars import (
    abs,
    add,
    exp,
    gt,
    log,
    log1p,
    log2,
    log10,
    logaddexp,
    maximum,
    mul,
    neg,
    pow,
    reciprocal,
    sign,
    softplus,
    sqr,
    sqrt,
    switch,
    true_div,
)
from gradcore.ops.shape import Join
from gradcore.ops.unit_interval import (
    affine_in_tanh,
    holds,
    log1p_of_tanh,
    logistic,
    minus,
    one_minus,
)

BASES: dict[Op, float] = {log: 1.0, log2: math.log(2), log10: math.log(10)}
"""The natural logarithm of the base of each logarithm."""

FACTORS: dict[Op, tuple[int, ...]] = {mul: (1, 1), true_div: (1, -1), reciprocal: (-1,)}
"""The powers of the operands of each op."""


def in_base(op: Op, found: Variable | None) -> Variable | None:
    """Return a natural logarithm as that of the base of ``op``."""
    return found if found is None or op is log else found / BASES[op]


# positive numbers -------------------------------------------------------------------------------
def log_of(v: Variable, made: Maker, depth: int = DEEPEST) -> Variable | None:
    """Return log(v), if ``v`` is positive by being made of exponentials."""
    if not depth:
        return None
    summed = sum_of_dot(v, made)
    v = v if summed is None else summed
    found = (read(v, made, depth - 1) for read in READINGS)
    return next((each for each in found if each is not None), None)


def _of_exp(v: Variable, made: Maker, depth: int) -> Variable | None:
    x, scale = raised(v, made) or (None, 1.0)
    return None if x is None else scaled(LANGUAGE["cast"](x, v.type.dtype), scale)


def _of_total(v: Variable, made: Maker, depth: int) -> Variable | None:
    total = total_of(v, made)
    if total is None:
        return None
    return log(v) if is_steady(total, made) else LANGUAGE["logsumexp"](exponents(total), total.axes)


def _of_sum_along(v: Variable, made: Maker, depth: int) -> Variable | None:
    """Return log(sum(p)) as logsumexp(log(p)), where log(p) is known."""
    node = made(v)
    if node is None or not isinstance(node.op, Reduce) or node.op.kind != "sum":
        return None
    p = node.inputs[0]
    found = log_of(p, made, depth) if p.type.dtype == v.type.dtype else None
    return None if found is None else LANGUAGE["logsumexp"](found, node.op.axes)


def _of_choice(v: Variable, made: Maker, depth: int) -> Variable | None:
    """Return the logarithm of what is chosen, where 0 or a positive number may stand for one."""
    choice = inputs_of(v, switch, made)
    if choice is None or v.type.is_discrete:
        return None
    if all(isinstance(branch, Constant) for branch in choice[1:]):
        return None
    condition, *branches = choice
    x, y = (_of_branch(branch, v.type.dtype, made, depth) for branch in branches)
    return None if x is None or y is None else switch(condition, x, y)


def _of_branch(v: Variable, dtype: str, made: Maker, depth: int) -> Variable | None:
    if _is_zero(v):
        return Constant(-math.inf, dtype)
    if is_positive_constant(v):
        return _log_of_number(v, dtype)
    found = log_of(v, made, depth)
    return None if found is None else _unsigned(found, v, made)


def _of_logistic(v: Variable, made: Maker, depth: int) -> Variable | None:
    x = logistic(v, made)
    if x is not None:
        return 0 - softplus(-x)
    complement = one_minus(v, made)
    x = None if complement is None else logistic(complement, made)
    return None if x is None else 0 - softplus(x)


def _of_tanh(v: Variable, made: Maker, depth: int) -> Variable | None:
    """Return log(a + a * tanh(x)) and log(a - a * tanh(x))."""
    found = affine_in_tanh(v, made)
    if found is None or found.shift != math.fabs(found.scale) or not found.shift > 0:
        return None
    x = found.x if found.scale > 0 else -found.x
    return log1p_of_tanh(x) + Constant(math.log(found.shift), v.type.dtype)


def _of_sum(v: Variable, made: Maker, depth: int) -> Variable | None:
    """Return log(exp(x) + exp(y)), where sums and positive numbers may stand for one of them."""
    terms = inputs_of(v, add, made)
    if terms is None:
        return None
    for zero, other in (terms, terms[::-1]):
        if _is_zero(zero):
            return log_of(other, made, depth)
    if not any(_may_overflow(term, made) for term in terms):
        return None
    for one, other in (terms, terms[::-1]):
        if is_one(one, made):
            found = log_of(other, made, depth)
            return None if found is None else softplus(found)
    x, y = (
        _log_of_number(term, v.type.dtype)
        if is_positive_constant(term)
        else log_of(term, made, depth)
        for term in terms
    )
    return None if x is None or y is None else logaddexp(x, y)


def _is_zero(v: Variable) -> bool:
    return isinstance(v, Constant) and v.data.size == 1 and not v.data.any()


def _may_overflow(v: Variable, made: Maker, depth: int = DEEPEST) -> bool:
    """Return whether ``v`` is made of exponentials, or sums of them, with no maximum taken out.

    Of parts of them and products, too, but for the products that are probabilities.
    """
    node = made(v)
    if node is None or not depth:
        return False
    if isinstance(node.op, VIEWS):
        return _may_overflow(node.inputs[0], made, depth - 1)
    if node.op in FACTORS:
        factors = (_may_overflow(x, made, depth - 1) for x in node.inputs)
        return softmax_total(v, made) is None and logistic(v, made) is None and any(factors)
    total = total_of(v, made)
    return raised(v, made) is not None if total is None else not is_steady(total, made)


def _of_view(v: Variable, made: Maker, depth: int) -> Variable | None:
    node = made(v)
    if node is None or not isinstance(node.op, VIEWS):
        return None
    inner = log_of(node.inputs[0], made, depth)
    if inner is None:
        return None
    return node.op(_unsigned(inner, node.inputs[0], made), *node.inputs[1:])


def _of_joined(v: Variable, made: Maker, depth: int) -> Variable | None:
    """Return the logarithms of parts that are joined, or stacked."""
    node = made(v)
    if node is None or not isinstance(node.op, Join):
        return None
    found = [log_of(part, made, depth) for part in node.inputs]
    parts = [
        _unsigned(each, part, made)
        for each, part in zip(found, node.inputs, strict=True)
        if each is not None
    ]
    return node.op(*parts) if len(parts) == len(found) else None


def _unsigned(found: Variable, v: Variable, made: Maker) -> Variable:
    """Return the logarithm of ``v`` with 0 where it is -0, as an exponent may be."""
    return found if raised(v, made) is None else 0 + found


def _of_power(v: Variable, made: Maker, depth: int) -> Variable | None:
    base, power = next(iter(inputs_of(v, sqr, made) or ()), None), 2.0
    if base is None:
        base, power = next(iter(inputs_of(v, sqrt, made) or ()), None), 0.5
    raised = inputs_of(v, pow, made)
    if raised is not None and isinstance(raised[1], Constant) and raised[1].data.size == 1:
        base, power = raised[0], float(raised[1].data.item())
    found = None if base is None else log_of(base, made, depth)
    return None if found is None else 0 + power * found


def _of_product(v: Variable, made: Maker, depth: int) -> Variable | None:
    """Return the logarithm of a product of what is known to be positive, and of masks."""
    found = factored(v, made, depth)
    if found is None:
        return None
    value = sum_of(found.logs)
    for power, factor in found.rest:
        mask = holds(factor, made) if power == 1 else None
        if mask is None:
            return None
        value = switch(mask, value, -math.inf)
    return value


def _of_complement(v: Variable, made: Maker, depth: int) -> Variable | None:
    p = one_minus(v, made)
    return None if p is None else log_of_one_minus_softmax(p, made)


Reading: TypeAlias = Callable[[Variable, Maker, int], Variable | None]

READINGS: tuple[Reading, ...] = (
    _of_exp,
    _of_total,
    _of_sum_along,
    _of_choice,
    _of_logistic,
    _of_complement,
    _of_tanh,
    _of_sum,
    _of_view,
    _of_joined,
    _of_power,
    _of_product,
)
"""What is known to be positive, or 0 by a mask, and its logarithm, to a depth."""


# products ---------------------------------------------------------------------------------------
Signed: TypeAlias = tuple[int, Variable]


def is_positive_constant(v: Variable) -> TypeGuard[Constant]:
    """Return whether ``v`` is one positive number."""
    return isinstance(v, Constant) and v.data.size == 1 and bool(0 < v.data.item() < math.inf)


class Factored(NamedTuple):
    """A product of powers 1 and -1: the logarithms of those that are known, and the rest."""

    logs: list[Signed]
    rest: list[Signed]


def factored(v: Variable, made: Maker, depth: int = DEEPEST) -> Factored | None:
    """Return the factors of ``v``, if it has several and the logarithm of any of them is known."""
    factors = signed_terms(v, made, DEEPEST, FACTORS)
    if len(factors) == 1 and factors[0][0] == 1:
        return None
    logs, left = _softmaxes(factors, made)
    rest: list[Signed] = []
    for power, factor in left:
        found = log_of(factor, made, depth)
        if found is not None:
            logs.append((power, _unsigned(found, factor, made)))
        elif is_positive_constant(factor):
            rest.append((power, factor))
        else:
            rest.append((power, LANGUAGE["cast"](factor, v.type.dtype)))
    if not logs:
        return None
    for power, factor in rest:
        if is_positive_constant(factor) and not is_one(factor, made):
            logs.append((power, _log_of_number(factor, v.type.dtype)))
    return Factored(logs, [part for part in rest if not is_positive_constant(part[1])])


def _log_of_number(number: Constant, dtype: str) -> Variable:
    """Return the logarithm of one positive number, in ``dtype``."""
    return Constant(math.log(number.data.item()), dtype)


def _softmaxes(factors: Sequence[Signed], made: Maker) -> tuple[list[Signed], list[Signed]]:
    """Return the logarithms of each power over its total, and the other factors."""
    left, logs = list(factors), list[Signed]()
    for power, factor in factors:
        total = spread_total(factor, made)
        if total is None:
            continue
        pair = next((f for f in left if f[0] == -power and same(f[1], total.power, made)), None)
        if pair is not None:
            left.remove(pair)
            left.remove((power, factor))
            logs.append((-power, log_softmax_of_total(total, made)))
    return logs, left


def log_softmax_of_total(total: Total, made: Maker) -> Variable:
    """Return the exponents minus the logarithm of the sum of their exponentials."""
    u = steady(total, made)
    return u - log(LANGUAGE["sum"](exp(u), total.axes, keepdims=True))


def sum_of(terms: Iterable[Signed]) -> Variable:
    """Return a sum of terms with signs."""
    (first_sign, first), *others = sorted(terms, key=lambda term: -term[0])
    found = first if first_sign == 1 else 0 - first
    for one, term in others:
        found = found + term if one == 1 else found - term
    return found


def log_of_rest(rest: Sequence[Signed]) -> list[Signed]:
    """Return the terms of the logarithm of factors of which nothing is known, signs neither."""
    if len(rest) < 2:
        return [(power, log(v)) for power, v in rest]
    signs = functools.reduce(operator.mul, [sign(v) for _, v in rest])
    return [*((power, log(abs(v))) for power, v in rest), (1, log(signs))]


def log_of_multiple(v: Variable, made: Maker) -> Variable | None:
    """Return log(v), if ``v`` is a product of what `log_of` knows and of other factors."""
    inner, _ = laid_out(v, made)
    total = total_of(inner, made)
    if total is not None and is_steady(total, made):
        return None
    found = log_of(v, made)
    parts = None if found is not None else factored(v, made)
    return found if parts is None else sum_of([*parts.logs, *log_of_rest(parts.rest)])


@form(log, log2, log10)
def log_of_exponentials(node: Apply, made: Maker) -> Variable | None:
    """log(exp(x) / sum(exp(x))) = x - logsumexp(x), of a part or a multiple of it, in any base"""
    return in_base(node.op, log_of_multiple(node.inputs[0], made))


def log_of_scaled_sum(v: Variable, made: Maker) -> Variable | None:
    """Return log(sum(exp(x)) / n) with the maximum taken out: to rounding what is written."""
    parts = inputs_of(v, true_div, made)
    if parts is None or parts[1].ndim:
        return None
    summed, count = parts
    node = made(summed)
    if node is not None and isinstance(node.op, VIEWS):
        inner = log_of_scaled_sum(node.inputs[0] / count, made)
        return None if inner is None else node.op(inner, *node.inputs[1:])
    total = total_of(summed, made)
    if total is None or is_steady(total, made):
        return None
    u = exponents(total)
    top = LANGUAGE["finite_max"](u, total.axes)
    rest = LANGUAGE["sum"](exp(u - top), total.axes)
    return log(rest / count) + LANGUAGE["sum"](top, total.axes)


# one minus a softmax ----------------------------------------------------------------------------
def _from_zero(x: Variable) -> Variable:
    return 0 - x


Subtracted: TypeAlias = Callable[[Variable], Variable]


def log_of_one_minus_softmax(
    p: Variable, made: Maker, subtracted: Subtracted = _from_zero, depth: int = DEEPEST
) -> Variable | None:
    """Return log(1 - p), if ``p`` is a softmax or a part of one.

    Where p is above a half it is the softmax of the largest element, and 1 - p the sum of the
    exponentials of the others over that of all.

    subtracted : takes what is small from 1: by `neg`, or from 0, for the sign of a zero.
    """
    inside = inputs_of(p, exp, made)
    node = made(p) if inside is None else made(inside[0])
    if node is not None and depth and isinstance(node.op, VIEWS):
        viewed = node.inputs[0] if inside is None else exp(node.inputs[0])
        inner = log_of_one_minus_softmax(viewed, made, subtracted, depth - 1)
        return None if inner is None else node.op(inner, *node.inputs[1:])
    total = softmax_total(p, made)
    if total is None:
        return None
    u, axes = LANGUAGE["cast"](steady(total, made), p.type.dtype), total.axes
    p = LANGUAGE["softmax"](u, axes)
    is_largest = gt(p, Constant(0.5, p.type.dtype))
    others = LANGUAGE["logsumexp"](switch(is_largest, -math.inf, u), axes, keepdims=True)
    small = switch(is_largest, Constant(0, p.type.dtype), p)
    every = log(LANGUAGE["sum"](exp(u), axes, keepdims=True))
    return switch(is_largest, others - every, log1p(subtracted(small)))


def softmax_total(v: Variable, made: Maker) -> Total | None:
    """Return the total below the line, if ``v`` is exp(x) / sum(exp(x)) or exp(log_softmax(x))."""
    inside = inputs_of(v, exp, made)
    if inside is not None:
        return log_softmax_total(inside[0], made)
    factors = signed_terms(v, made, DEEPEST, FACTORS)
    if sorted(power for power, _ in factors) != [-1, 1]:
        return None
    (_, power), (_, below) = sorted(factors, key=lambda factor: -factor[0])
    total = spread_total(below, made)
    return total if total is not None and same(power, total.power, made) else None


def log_softmax_total(v: Variable, made: Maker) -> Total | None:
    """Return the total in the logarithm, if ``v`` is x - log(sum(exp(x)))."""
    terms = signed_terms(v, made, DEEPEST)
    for one, term in terms:
        found = spread_log_total(term, made) if one == -1 else None
        if found is None or not spread_back(found[1], found[0].axes, v.ndim):
            continue
        (u,) = inputs_of(found[0].power, exp, made) or (v,)
        # x - (m + log(sum(exp(x - m)))): what is left are the terms of the exponents
        left = [other for other in terms if other[1] is not term]
        for own_sign, own in signed_terms(u, made, DEEPEST):
            pair = next((t for t in left if t[0] == own_sign and same(t[1], own, made)), None)
            if pair is None:
                break
            left.remove(pair)
        else:
            return found[0] if not left else None
    return None


# one plus what is small -------------------------------------------------------------------------
def log1p_of(v: Variable, made: Maker) -> Variable | None:
    """Return log(1 + v), if ``v`` is a sum of exponentials or takes a probability away."""
    if _may_overflow(v, made):
        found = log_of(v, made)
        return None if found is None else softplus(found)
    curve = affine_in_tanh(v, made)
    if curve is not None and not curve.shift and math.fabs(curve.scale) == 1:
        limited = inputs_of(curve.x, maximum, made) is not None  # by `log1p_of_tanh`
        return None if limited else log1p_of_tanh(curve.x if curve.scale > 0 else -curve.x)
    p = minus(v, made)
    if p is None:
        return None
    x = logistic(p, made)
    subtracted = neg if inputs_of(v, neg, made) is not None else _from_zero
    return -softplus(x) if x is not None else log_of_one_minus_softmax(p, made, subtracted)


@form(log1p)
def log1p_of_exponentials(node: Apply, made: Maker) -> Variable | None:
    """log1p(exp(x)) = softplus(x); log1p(-sigmoid(x)) = -softplus(x); log1p(-softmax(x))"""
    return log1p_of(node.inputs[0], made)
