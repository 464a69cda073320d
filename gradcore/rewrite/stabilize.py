"""The second stage: the same function with less error.

Every rule here must reduce the error somewhere and increase it nowhere, which the tests check.
The sign of a zero counts: ``exp(x) - 1`` is 0 at -0, which ``expm1(x)`` is not.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np

from gradcore.graph import Apply, Constant, Variable
from gradcore.graph.types import FLOATS
from gradcore.language import LANGUAGE
from gradcore.ops import differences, exponentials, logarithms
from gradcore.ops.readings import inputs_of
from gradcore.ops.scalars import (
    add,
    eq,
    erf,
    erfc,
    exp,
    expm1,
    log,
    log1p,
    log2,
    log10,
    logaddexp,
    maximum,
    minimum,
    mul,
    neg,
    sigmoid,
    softplus,
    sqr,
    sqrt,
    sub,
    switch,
    tanh,
    true_div,
)
from gradcore.ops.unit_interval import minus
from gradcore.rewrite.changes import Changes
from gradcore.rewrite.engine import Stage
from gradcore.rewrite.pattern import is_constant, matches, pattern_of
from gradcore.rewrite.signs import without_negative_zero

stabilize = Stage("stabilize")
rule = functools.partial(stabilize.rule, changes=Changes(rounding=4, more_exact=True))

AT_INFINITIES = Changes(rounding=4, more_exact=True, nonfinite=True)
"""What a rule changes that has a limit at an infinity where the graph as written has NaN or 0."""


@rule(lambda x: log(1 + x))
def log1p_of(x: Variable) -> Variable:
    """log(1 + x) = log1p(x)"""
    return log1p(without_negative_zero(x))


@rule(lambda x: log(1 - x))
def log1p_of_minus(x: Variable) -> Variable:
    """log(1 - x) = log1p(0 - x)"""
    return log1p(0 - x)


@rule(lambda x: log1p(exp(x)))
def softplus_of(x: Variable) -> Variable:
    """log1p(exp(x)) = softplus(x)"""
    return softplus(x)


@rule(lambda x: log(sigmoid(x)), changes=AT_INFINITIES)
def log_of_sigmoid(x: Variable) -> Variable:
    """log(sigmoid(x)) = 0 - softplus(-x)"""
    return 0 - softplus(-x)


@rule(lambda x: log1p(0 - sigmoid(x)))
def log_of_difference_from_sigmoid(x: Variable) -> Variable:
    """log1p(0 - sigmoid(x)) = 0 - softplus(x)"""
    return 0 - softplus(x)


@rule(lambda x: log1p(-sigmoid(x)))
def log_of_one_minus_sigmoid(x: Variable) -> Variable:
    """log1p(-sigmoid(x)) = -softplus(x)"""
    return -softplus(x)


@rule(lambda x: 1 - sigmoid(x))
def one_minus_sigmoid(x: Variable) -> Variable:
    """1 - sigmoid(x) = sigmoid(-x)"""
    return sigmoid(-x)


@rule(lambda x: exp(x) - 1)
def expm1_of(x: Variable) -> Variable:
    """exp(x) - 1 = expm1(x)"""
    return expm1(without_negative_zero(x))


@rule(lambda x: 1 - exp(x))
def minus_expm1_of(x: Variable) -> Variable:
    """1 - exp(x) = 0 - expm1(x)"""
    return 0 - expm1(x)


@rule(
    op=(sub, add),
    examples=[
        lambda x: 1 - sqr(exp(x)),
        lambda x: 1 - exp(x)[::-1],
        lambda x, y: 1 - exp(x) * exp(y),
        lambda x: 1 / exp(x) - 1,
        lambda x: -1 + sqrt(exp(x)),
    ],
    changes=AT_INFINITIES,
)
def expm1_of_power(node: Apply) -> Variable | None:
    """1 - exp(x) * exp(y) = 0 - expm1(x + y); of parts, squares, roots and reciprocals, too"""
    terms = exponentials.signed_terms(node.out, made_by, 1)
    numbers = [(sign, v) for sign, v in terms if isinstance(v, Constant)]
    (sign, power), *others = [term for term in terms if term not in numbers] or terms
    if others or len(numbers) != 1 or node.out.type.is_discrete:
        return None
    found = exponentials.exponent(power, made_by)
    if found is None or not is_constant(numbers[0][1], -sign * numbers[0][0]):
        return None
    x = LANGUAGE["cast"](found, node.out.type.dtype)
    return 0 - expm1(x) if sign == -1 else expm1(without_negative_zero(x))


@rule(lambda x: -1 + exp(x))
def expm1_of_sum(x: Variable) -> Variable:
    """-1 + exp(x) = expm1(x)"""
    return expm1(without_negative_zero(x))


@rule(lambda x: 1 - erf(x))
def erfc_of(x: Variable) -> Variable:
    """1 - erf(x) = erfc(x)"""
    return erfc(x)


@rule(lambda x: 1 - erfc(x))
def erf_of(x: Variable) -> Variable:
    """1 - erfc(x) = erf(x)"""
    return erf(without_negative_zero(x))


@rule(lambda x, y: log(exp(x) + exp(y)), changes=AT_INFINITIES)
def logaddexp_of(x: Variable, y: Variable) -> Variable:
    """log(exp(x) + exp(y)) = logaddexp(x, y)"""
    return logaddexp(x, y)


# products ---------------------------------------------------------------------------------------
_one_plus_exp, _ = pattern_of(lambda x: 1 + exp(x))


@rule(
    op=true_div,
    examples=[
        lambda x: 1 / (1 + exp(-x)),
        lambda x, y: y / (1 + exp(x)),
        lambda x, y: y / ((1 + exp(-x)) * (1 + exp(-x))),
    ],
    changes=AT_INFINITIES,
)
def over_one_plus_exp(node: Apply) -> Variable | None:
    """y / (1 + exp(-x)) = y * sigmoid(x), for each factor below the line"""
    above, below = node.inputs
    dtype = node.out.type.dtype
    made = below.owner
    factors = [below] if made is None or made.op is not mul else made.inputs
    results: list[Variable] = []
    for factor in factors:
        bound = next(matches(_one_plus_exp, factor, {}), None)
        if bound is None or factor.type.dtype not in FLOATS:
            return None  # what is below may be small: dividing by it last would overflow
        results.append(sigmoid(negative(LANGUAGE["cast"](bound["x"], dtype))))
    if is_constant(above, 1):
        above, *results = results
    return functools.reduce(mul, results, above)


@rule(
    op=mul,
    examples=[
        lambda x: exp(-x) * sigmoid(x),
        lambda x: sigmoid(x - 1) * exp(1 - x),
        lambda x, y: (y * sigmoid(x)) * exp(-x),
        lambda x, y: (exp(x) * y) * sigmoid(-x),
    ],
    changes=AT_INFINITIES,
)
def exp_times_sigmoid(node: Apply) -> Variable | None:
    """exp(-x) * sigmoid(x) = sigmoid(-x), also where one of them is in a product"""
    dtype = node.out.type.dtype
    for one, product in (node.inputs, node.inputs[::-1]):
        found = _joined(one, product, dtype)
        if found is not None:
            return found
        made = product.owner
        if made is None or made.op is not mul or product.type.dtype != dtype:
            continue
        for other, rest in (made.inputs, made.inputs[::-1]):
            found = _joined(one, other, dtype)
            if found is not None:
                return rest * found
    return None


def _joined(one: Variable, other: Variable, dtype: str) -> Variable | None:
    """Return the product of an exponential and a sigmoid of opposite arguments, in ``dtype``."""
    if one.owner is None or other.owner is None or one.type != other.type:
        return None
    if one.owner.op is sigmoid and other.owner.op is exp:
        return _joined(other, one, dtype)
    if one.owner.op is not exp or other.owner.op is not sigmoid:
        return None
    x = _argument(one)
    if not are_opposite(x, _argument(other)):
        return None
    return sigmoid(LANGUAGE["cast"](x, dtype))


def _argument(v: Variable) -> Variable:
    assert v.owner is not None
    return v.owner.inputs[0]


def negative(x: Variable) -> Variable:
    """Return ``-x``, without a double sign."""
    return _argument(x) if x.owner is not None and x.owner.op is neg else -x


def are_opposite(x: Variable, y: Variable) -> bool:
    """Return whether ``x`` is ``-y``, as far as can be seen; integers wrap, and are not."""
    if not (x.type.is_float and y.type.is_float):
        return False
    for a, b in ((x, y), (y, x)):
        node = a.owner
        if node is None:
            continue
        if node.op is neg and node.inputs[0] is b:
            return True
        if (
            node.op is sub
            and b.owner is not None
            and b.owner.op is sub
            and node.inputs == b.owner.inputs[::-1]
        ):
            return True
    return False


# sums of exponentials ---------------------------------------------------------------------------
OF_TERMS = Changes(rounding=4, of="terms", more_exact=True, nonfinite=True)
"""As x - log(sum(exp(x))) is near 0 where one element is nearly all."""

LOGARITHMS = tuple(logarithms.BASES)


def made_by(v: Variable) -> Apply | None:
    """Return the node that computes ``v``."""
    return v.owner


@rule(op=LOGARITHMS, examples=[lambda x: log(LANGUAGE["mean"](exp(x), 1))])
def log_of_mean(node: Apply) -> Variable | None:
    """log(sum(exp(x)) / n) = log(sum(exp(x - m)) / n) + m, with the maximum m"""
    found = logarithms.log_of_scaled_sum(node.inputs[0], made_by)
    return logarithms.in_base(node.op, found)


@rule(
    op=LOGARITHMS,
    examples=[
        lambda x: log(LANGUAGE["sum"](exp(x), 1)),
        lambda x: log(LANGUAGE["sum"](exp(x), 0, keepdims=True)),
        lambda x: log(LANGUAGE["softmax"](x, 1)),
        lambda x: log(LANGUAGE["softmax"](x, 0)[:1]),
        lambda x: log((exp(x) / LANGUAGE["sum"](exp(x), 1, keepdims=True)).T),
        lambda x: log(LANGUAGE["sum"](exp(x), 1, keepdims=True) / exp(x)),
        lambda x: log(1 / LANGUAGE["softmax"](x, 1)),
        lambda x: log(sqr(exp(x))),
        lambda x: log(2.0 + LANGUAGE["sum"](exp(x), 1)),
        lambda x: log(0.5 * LANGUAGE["softmax"](x, 1)),
        lambda x: log(LANGUAGE["softmax"](x, 1)[0] / 3.0),
        lambda x, y: log(y * LANGUAGE["softmax"](x, 1)),
        lambda x, y: log(exp(x) * y * y),
        lambda x: log((1 + tanh(x)) / 2),
        lambda x: log(3.0 - 3.0 * tanh(x)),
        lambda x: log(LANGUAGE["sum"](2.0**x, 1)),
    ],
    changes=OF_TERMS,
)
def log_of_exponentials(node: Apply) -> Variable | None:
    """log(sum(exp(x))) = logsumexp(x); log(softmax(x)) = x - logsumexp(x); of products"""
    return logarithms.in_base(node.op, logarithms.log_of_multiple(node.inputs[0], made_by))


@rule(
    op=log1p,
    examples=[
        lambda x: log1p(LANGUAGE["sum"](exp(x), 1)),
        lambda x: log1p(-LANGUAGE["softmax"](x, 1)),
        lambda x: log1p(0 - LANGUAGE["softmax"](x, 1)),
        lambda x: log1p(tanh(x)),
        lambda x: log1p(-tanh(x)),
    ],
    changes=OF_TERMS,
)
def log1p_of_exponentials(node: Apply) -> Variable | None:
    """log1p(sum(exp(x))) = softplus(logsumexp(x)); log1p(-softmax(x)) by the others; of tanh(x)"""
    return logarithms.log1p_of(node.inputs[0], made_by)


@rule(
    op=true_div,
    examples=[
        lambda x: exp(x) / LANGUAGE["sum"](exp(x), 1, keepdims=True),
        lambda x: 0.5**x / LANGUAGE["sum"](0.5**x, 1, keepdims=True),
    ],
    changes=AT_INFINITIES,
)
def softmax_of(node: Apply) -> Variable | None:
    """exp(x) / sum(exp(x)) = softmax(x); of powers of other constants, too"""
    found = exponentials.softmax_parts(node.out, made_by)
    if found is None or exponentials.is_steady(found[0], made_by):
        return None
    return exponentials.softmax_of_total(found[0], made_by)


# one minus an exponential -----------------------------------------------------------------------
LN_HALF = -math.log(2)
"""Where 1 - exp(x) is a half: above, expm1 is exact; below, log1p is."""


def _is_limited(x: Variable) -> bool:
    """Return whether ``x`` is limited already to the side of `LN_HALF` where it is exact."""
    node = x.owner
    if node is None or node.op not in (maximum, minimum):
        return False
    return any(is_constant(v, _ln_half(v)) for v in node.inputs)


def _ln_half(like: Variable) -> float:
    return float(np.asarray(LN_HALF, like.type.dtype))


def log_of_one_minus_exp(x: Variable, minus: Callable[[Variable], Variable]) -> Variable | None:
    """Return log(1 - exp(x)), exact on both sides.

    minus : takes a power from 1 where it is small: by `neg`, or from 0, for the sign of a zero.
    Source: M. Maechler, "Accurately computing log(1 - exp(-|a|))", 2012.
    """
    if _is_limited(x):
        return None
    near, far = maximum(x, LN_HALF), minimum(x, LN_HALF)
    return switch(x > LN_HALF, log(0 - expm1(near)), log1p(minus(exp(far))))


def _from_zero(x: Variable) -> Variable:
    return 0 - x


@rule(lambda x: log1p(-exp(x)), changes=AT_INFINITIES)
def log1p_of_minus_exp(x: Variable) -> Variable | None:
    """log1p(-exp(x)) = log(0 - expm1(x)) where x > -log(2)"""
    return log_of_one_minus_exp(x, neg)


@rule(lambda x: log1p(0 - exp(x)), changes=AT_INFINITIES)
def log1p_of_difference_from_exp(x: Variable) -> Variable | None:
    """log1p(0 - exp(x)) = log(0 - expm1(x)) where x > -log(2)"""
    return log_of_one_minus_exp(x, _from_zero)


@rule(lambda x: log(-expm1(x)), changes=AT_INFINITIES)
def log_of_minus_expm1(x: Variable) -> Variable | None:
    """log(-expm1(x)) = log1p(0 - exp(x)) where x <= -log(2)"""
    return log_of_one_minus_exp(x, _from_zero)


@rule(lambda x: log(0 - expm1(x)), changes=AT_INFINITIES)
def log_of_difference_from_expm1(x: Variable) -> Variable | None:
    """log(0 - expm1(x)) = log1p(0 - exp(x)) where x <= -log(2)"""
    return log_of_one_minus_exp(x, _from_zero)


@rule(
    op=(log2, log10),
    examples=[lambda x: log2(1 - exp(x)), lambda x: log10(-expm1(x))],
    changes=AT_INFINITIES,
)
def log_of_one_minus_exp_in_base(node: Apply) -> Variable | None:
    """log2(-expm1(x)) = log(-expm1(x)) / log(2)"""
    complement = minus(node.inputs[0], made_by)
    inside = None if complement is None else inputs_of(complement, expm1, made_by)
    found = None if inside is None else log_of_one_minus_exp(inside[0], _from_zero)
    return logarithms.in_base(node.op, found)


# differences of exponentials --------------------------------------------------------------------
@rule(
    op=LOGARITHMS,
    examples=[lambda x: log(exp(x) - 1), lambda x: log10(expm1(x))],
    changes=AT_INFINITIES,
)
def log_of_exp_minus_one(node: Apply) -> Variable | None:
    """log(expm1(x)) = x + log1p(-exp(-x)) where x > 1"""
    found = differences.log_of_exp_minus_one(node.inputs[0], made_by)
    return logarithms.in_base(node.op, found)


@rule(op=LOGARITHMS, examples=[lambda x, y: log(exp(x) - exp(y))], changes=OF_TERMS)
def log_of_difference(node: Apply) -> Variable | None:
    """log(exp(x) - exp(y)) = x + log(1 - exp(y - x))"""
    powers = differences.exponents_of_difference(node.inputs[0], made_by)
    if powers is None:
        return None
    x, y = powers
    difference = switch(eq(x, y), Constant(0, node.out.type.dtype), y - x)  # -inf - -inf is NaN
    found = log_of_one_minus_exp(difference, neg)
    return None if found is None else logarithms.in_base(node.op, without_negative_zero(x) + found)
