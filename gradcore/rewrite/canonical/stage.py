"""The stage itself, and what its rules ask of variables."""

from __future__ import annotations

from typing import Any

from gradcore.graph import Op, Variable
from gradcore.graph.nodes import constant_extent
from gradcore.ops.shape import Alloc
from gradcore.rewrite.engine import Stage, normalized
from gradcore.rewrite.pattern import is_constant

canonicalize = Stage("canonicalize")


def covers(v: Variable, out: Variable) -> bool:
    """Return whether ``v``, an operand of an elementwise node, has the whole shape of ``out``."""
    return v.broadcastable == out.broadcastable


def is_zero(v: Variable) -> bool:
    """Return whether ``v`` is known to be zero everywhere."""
    return is_constant(v, 0) or (is_made_by(v, Alloc) and is_constant(inputs_of(v)[0], 0))


def is_made_by(v: Variable, op: type[Op]) -> bool:
    """Return whether an op of this class computes ``v``."""
    return v.owner is not None and isinstance(v.owner.op, op)


def inputs_of(v: Variable) -> tuple[Variable, ...]:
    """Return what ``v`` is computed from."""
    assert v.owner is not None
    return v.owner.inputs


def same_extent(given: Variable, own: Any) -> bool:
    """Return whether a variable in normal form is the extent ``own``, an int or a variable."""
    if isinstance(own, int):
        return constant_extent(given) == own
    return given is own or given is normalized(own)
