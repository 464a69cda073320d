"""The second stage: the same function with less error.

Every rule here must reduce the error somewhere and increase it nowhere, which the tests check.
"""

from __future__ import annotations

import functools

from gradcore.graph import Apply, Variable
from gradcore.graph.types import FLOATS
from gradcore.language import LANGUAGE
from gradcore.ops.reduce import Reduce
from gradcore.ops.scalars import (
    erf,
    erfc,
    exp,
    expm1,
    log,
    log1p,
    logaddexp,
    mul,
    neg,
    sigmoid,
    softplus,
    sub,
    true_div,
)
from gradcore.ops.shape import DimShuffle
from gradcore.rewrite.changes import Changes
from gradcore.rewrite.engine import Stage
from gradcore.rewrite.pattern import is_constant, matches, pattern_of

stabilize = Stage("stabilize")
rule = functools.partial(stabilize.rule, changes=Changes(rounding=4, more_exact=True))

AT_INFINITIES = Changes(rounding=4, more_exact=True, nonfinite=True)
"""What a rule changes that has a limit at an infinity where the graph as written has NaN or 0."""


@rule(lambda x: log(1 + x))
def log1p_of(x: Variable) -> Variable:
    """log(1 + x) = log1p(x)"""
    return log1p(x)


@rule(lambda x: log(1 - x))
def log1p_of_minus(x: Variable) -> Variable:
    """log(1 - x) = log1p(-x)"""
    return log1p(-x)


@rule(lambda x: log1p(exp(x)))
def softplus_of(x: Variable) -> Variable:
    """log1p(exp(x)) = softplus(x)"""
    return softplus(x)


@rule(lambda x: log(sigmoid(x)), changes=AT_INFINITIES)
def log_of_sigmoid(x: Variable) -> Variable:
    """log(sigmoid(x)) = -softplus(-x)"""
    return -softplus(-x)


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
    return expm1(x)


@rule(lambda x: 1 - exp(x))
def minus_expm1_of(x: Variable) -> Variable:
    """1 - exp(x) = -expm1(x)"""
    return -expm1(x)


@rule(lambda x: -1 + exp(x))
def expm1_of_sum(x: Variable) -> Variable:
    """-1 + exp(x) = expm1(x)"""
    return expm1(x)


@rule(lambda x: 1 - erf(x))
def erfc_of(x: Variable) -> Variable:
    """1 - erf(x) = erfc(x)"""
    return erfc(x)


@rule(lambda x: 1 - erfc(x))
def erf_of(x: Variable) -> Variable:
    """1 - erfc(x) = erf(x)"""
    return erf(x)


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
    """Return whether ``x`` is ``-y``, as far as can be seen."""
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
def _sum_of_exp(v: Variable) -> tuple[Variable, tuple[int, ...]] | None:
    """Return x and the axes if ``v`` is ``sum(exp(x), axes)``."""
    node = v.owner
    if node is None or not isinstance(node.op, Reduce) or node.op.kind != "sum":
        return None
    power = node.inputs[0]
    if power.owner is None or power.owner.op is not exp or _shifted(_argument(power)):
        return None
    return _argument(power), node.op.axes


def _shifted(x: Variable) -> bool:
    """Return whether a maximum has been taken out of ``x`` already."""
    if x.owner is None or x.owner.op is not sub:
        return False
    top = x.owner.inputs[1]
    seen = [top]
    while seen:
        v = seen.pop()
        if v.owner is None:
            continue
        if isinstance(v.owner.op, Reduce):
            return v.owner.op.kind == "max"
        if len(seen) < 8:
            seen.extend(v.owner.inputs)
    return False


@rule(
    op=log,
    examples=[
        lambda x: log(LANGUAGE["sum"](exp(x), 1)),
        lambda x: log(LANGUAGE["sum"](exp(x), 0, keepdims=True)),
    ],
    changes=AT_INFINITIES,
)
def logsumexp_of(node: Apply) -> Variable | None:
    """log(sum(exp(x))) = logsumexp(x)"""
    (v,) = node.inputs
    inner = _undropped(v)
    found = _sum_of_exp(inner)
    if found is None:
        return None
    x, axes = found
    result = LANGUAGE["logsumexp"](LANGUAGE["cast"](x, v.type.dtype), axes)
    return result if inner is v else v.owner.op(result) if v.owner is not None else None


def _undropped(v: Variable) -> Variable:
    """Return what is reduced, where ``v`` only has its axes put back."""
    if v.owner is not None and isinstance(v.owner.op, DimShuffle):
        return v.owner.inputs[0]
    return v


@rule(
    op=true_div,
    examples=[lambda x: exp(x) / LANGUAGE["sum"](exp(x), 1, keepdims=True)],
    changes=AT_INFINITIES,
)
def softmax_of(node: Apply) -> Variable | None:
    """exp(x) / sum(exp(x)) = softmax(x)"""
    power, below = node.inputs
    if power.owner is None or power.owner.op is not exp:
        return None
    found = _sum_of_exp(_undropped(below))
    if found is None or found[0] is not _argument(power) or not _restores(below, found):
        return None
    x, axes = found
    return LANGUAGE["softmax"](LANGUAGE["cast"](x, node.outputs[0].type.dtype), axes)


def _restores(v: Variable, found: tuple[Variable, tuple[int, ...]]) -> bool:
    """Return whether ``v`` puts the axes of a sum back where they were."""
    x, axes = found
    if len(axes) == x.ndim:
        return True
    op = v.owner.op if v.owner is not None else None
    kept = iter(range(x.ndim))
    return isinstance(op, DimShuffle) and op.order == tuple(
        "x" if a in axes else next(kept) for a in range(x.ndim)
    )
