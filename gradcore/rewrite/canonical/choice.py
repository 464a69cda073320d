"""Choices, logic, comparisons, assertions."""

from __future__ import annotations

from typing import Any

from gradcore.graph import Apply, Constant, Variable
from gradcore.language import LANGUAGE
from gradcore.ops.control import Assert, IfElse
from gradcore.ops.create import Arange
from gradcore.ops.scalars import (
    and_,
    eq,
    ge,
    gt,
    invert,
    le,
    lt,
    neg,
    neq,
    or_,
    switch,
)
from gradcore.ops.shape_values import Extent
from gradcore.rewrite.canonical.stage import (
    canonicalize,
    inputs_of,
    is_made_by,
)
from gradcore.rewrite.changes import Changes
from gradcore.rewrite.pattern import is_constant

rule = canonicalize.rule


@rule(
    op=(switch, IfElse),
    examples=[lambda x, y: switch(True, x, y), lambda x, y: LANGUAGE["ifelse"](False, x, y)],
)
def known_condition(node: Apply) -> Any:
    """switch(True, x, y) = x"""
    condition, *branches = node.inputs
    if not isinstance(condition, Constant) or not condition.data.size:
        return None
    n = len(branches) // 2
    if condition.data.all():
        return branches[:n]
    return None if condition.data.any() else branches[n:]


@rule(lambda c, x: switch(c, x, x))
def no_choice(c: Variable, x: Variable) -> Variable:
    """switch(c, x, x) = x"""
    return x


@rule(
    lambda c, x, y: switch(c, x, 0) + switch(c, 0, y),
    changes=Changes(nonfinite=True, signed_zeros=True),
)
def joined_choices(c: Variable, x: Variable, y: Variable) -> Variable:
    """switch(c, x, 0) + switch(c, 0, y) = switch(c, x, y)"""
    return switch(c, x, y)


@rule(lambda c, x, y, z: switch(c, switch(c, x, y), z))
def same_choice_within(c: Variable, x: Variable, y: Variable, z: Variable) -> Variable:
    """switch(c, switch(c, x, y), z) = switch(c, x, z)"""
    return switch(c, x, z)


@rule(lambda c, x, y, z: switch(c, x, switch(c, y, z)))
def other_choice_within(c: Variable, x: Variable, y: Variable, z: Variable) -> Variable:
    """switch(c, x, switch(c, y, z)) = switch(c, x, z)"""
    return switch(c, x, z)


@rule(lambda c, x, y: switch(invert(c), x, y))
def choice_inverted(c: Variable, x: Variable, y: Variable) -> Variable | None:
    """switch(~c, x, y) = switch(c, y, x), for booleans"""
    return switch(c, y, x) if c.type.dtype == "bool" else None


@rule(lambda x: neq(x, 0))
def truth_of_boolean(x: Variable) -> Variable | None:
    """(x != 0) = x, for booleans"""
    return x if x.type.dtype == "bool" else None


@rule(lambda x: invert(invert(x)))
def not_not(x: Variable) -> Variable:
    """~~x = x"""
    return x


@rule(op=(and_, or_), examples=[lambda x: and_(x > 0, True), lambda x: or_(x > 0, True)])
def known_logic(node: Apply) -> Variable | None:
    """x & True = x; x & False = False; x | False = x; x | True = True"""
    if node.outputs[0].type.dtype != "bool":
        return None
    for known, other in (node.inputs, node.inputs[::-1]):
        for truth in (True, False):
            if is_constant(known, truth):
                return other if truth == (node.op is and_) else Constant(truth)
    return None


@rule(
    op=(eq, le, ge, neq, lt, gt),
    examples=[lambda k: eq(k, k), lambda k: lt(k, k)],
)
def compared_with_itself(node: Apply) -> Variable | None:
    """(x == x) = True, for integers"""
    x, y = node.inputs
    if x is y and x.type.is_discrete:
        return Constant(node.op in (eq, le, ge))
    return None


@rule(
    op=(lt, ge),
    examples=[
        lambda x: lt(LANGUAGE["arange"](x.shape[0]), x.shape[0]),
        lambda x: ge(LANGUAGE["arange"](x.shape[0]), -x.shape[0]),
    ],
)
def counted_within(node: Apply) -> Variable | None:
    """(arange(n) < n) = True, and (arange(n) >= -m) = True for an extent m"""
    counted, bound = node.inputs
    if not is_made_by(counted, Arange):
        return None
    if node.op is lt:
        return Constant(True) if bound is inputs_of(counted)[0] else None
    negated = bound.owner is not None and bound.owner.op is neg
    return Constant(True) if negated and is_made_by(inputs_of(bound)[0], Extent) else None


@rule(op=Assert, examples=[lambda x: Assert("")(x, True)])
def known_assertion(node: Apply) -> Variable | None:
    """assert(x, True) = x"""
    x, *conditions = node.inputs
    rest = [c for c in conditions if not (isinstance(c, Constant) and c.data.all())]
    if len(rest) == len(conditions):
        return None
    return node.op(x, *rest) if rest else x
