"""Logarithms of differences of exponentials, in forms that neither overflow nor cancel.

``log(exp(x) - 1)`` is the inverse of ``log(1 + exp(x))``: close to x where x is large, where what
is written overflows.  So is ``log(exp(x) - exp(y))``, which is ``x + log(1 - exp(y - x))``.

As in `gradcore.ops.exponentials`, both sweeps of a derivative and the stage ``stabilize``
read this.
"""

from __future__ import annotations

from gradcore.derive import Maker, form
from gradcore.graph import Apply, Constant, Variable
from gradcore.ops.exponentials import signed_terms
from gradcore.ops.logarithms import in_base
from gradcore.ops.readings import inputs_of, is_one
from gradcore.ops.scalars import exp, expm1, gt, log, log1p, log2, log10, neg, switch

LARGE = 1.0
"""From where on exp(x) - 1 is taken apart: log(exp(1) - 1) is not near 0, where terms cancel."""


def exp_minus_one(v: Variable, made: Maker) -> Variable | None:
    """Return x if ``v`` is exp(x) - 1, or expm1(x)."""
    inside = inputs_of(v, expm1, made)
    if inside is not None:
        return inside[0]
    terms = signed_terms(v, made, 1)
    for (_, one), (sign, power) in (terms, terms[::-1]) if len(terms) == 2 else ():
        inside = inputs_of(power, exp, made) if sign == 1 else None
        is_taken = is_one(one, made) if (-1, one) in terms else _is_minus_one(one)
        if inside is not None and is_taken:
            return inside[0]
    return None


def _is_minus_one(v: Variable) -> bool:
    return isinstance(v, Constant) and v.data.size == 1 and bool(v.data.item() == -1)


def log_of_exp_minus_one(v: Variable, made: Maker) -> Variable | None:
    """Return log(exp(x) - 1), as x + log(1 - exp(-x)) where x is large."""
    x = exp_minus_one(v, made)
    if x is None or x.type.dtype != v.type.dtype or _is_small(x, made):
        return None
    large = Constant(LARGE, x.type.dtype)
    is_large = gt(x, large)
    far, near = switch(is_large, x, large), switch(is_large, large, x)
    return switch(is_large, far + log1p(neg(exp(neg(far)))), log(expm1(near)))


def _is_small(x: Variable, made: Maker) -> bool:
    """Return whether ``x`` is limited already to where exp(x) - 1 is as good."""
    choice = inputs_of(x, switch, made)
    large = None if choice is None else choice[1]
    return isinstance(large, Constant) and large.data.size == 1 and large.data.item() == LARGE


def exponents_of_difference(v: Variable, made: Maker) -> tuple[Variable, Variable] | None:
    """Return x and y if ``v`` is exp(x) - exp(y)."""
    terms = signed_terms(v, made, 1)
    if sorted(sign for sign, _ in terms) != [-1, 1]:
        return None
    (_, below), (_, above) = sorted(terms, key=lambda term: term[0])
    x, y = inputs_of(above, exp, made), inputs_of(below, exp, made)
    if x is None or y is None or {a.type.dtype for a in (*x, *y)} != {v.type.dtype}:
        return None
    return x[0], y[0]


@form(log, log2, log10)
def log_of_differences(node: Apply, made: Maker) -> Variable | None:
    """log(exp(x) - 1) and log(exp(x) - exp(y)), which are x where y is far below"""
    v = node.inputs[0]
    found, powers = log_of_exp_minus_one(v, made), exponents_of_difference(v, made)
    if powers is not None:
        x, y = powers
        found = x + log1p(neg(exp(y - x)))
    return in_base(node.op, found)
