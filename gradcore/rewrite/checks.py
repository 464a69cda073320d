"""Checks of evaluation points: retained only where they cost nothing.

``Rop(y, W, V)`` ties the shape of V to that of W.  If both are inputs of a function, the check is
made on its arguments, before anything runs, and removed from the graph; if W is not at hand, there
is nothing to check against.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from gradcore.graph import Variable, free_inputs, substitute, toposort
from gradcore.ops.shape_values import Extent, SpecifyShape


@dataclass(frozen=True)
class SameShape:
    """That two inputs must have one shape, and why."""

    x: Variable
    like: Variable
    why: str


def lift_checks(
    outputs: Sequence[Variable], inputs: Collection[Variable]
) -> tuple[list[Variable], list[SameShape]]:
    """Return ``outputs`` without checks that ``inputs`` cannot make or can make on themselves."""
    lifted: list[SameShape] = []
    dropped: dict[Variable, Variable] = {}
    for node in toposort(outputs, inputs):
        if not isinstance(node.op, SpecifyShape) or not node.op.optional:
            continue
        x, *extents = node.inputs
        like = _whose(extents)
        if x in inputs and like is not None and like in inputs:
            lifted.append(SameShape(x, like, node.op.why))
            dropped[node.out] = x
        elif any(v not in inputs for v in free_inputs(extents)):
            dropped[node.out] = x
    return _without(outputs, dropped), lifted


def _without(outputs: Sequence[Variable], dropped: dict[Variable, Variable]) -> list[Variable]:
    """Return ``outputs`` with each key replaced by its value, also where a value needs a key."""
    replacements: dict[Variable, Variable] = {}
    for key, value in dropped.items():
        (replacements[key],) = substitute([value], replacements)
    return substitute(outputs, replacements)


def _whose(extents: Sequence[Variable]) -> Variable | None:
    """Return the variable whose extents these are, if they are all of one."""
    owners = [v.owner for v in extents]
    found = {node.inputs[0] for node in owners if node is not None and isinstance(node.op, Extent)}
    axes = [node.op.axis for node in owners if node is not None and isinstance(node.op, Extent)]
    return found.pop() if len(found) == 1 and axes == list(range(len(extents))) else None
