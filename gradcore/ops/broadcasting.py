"""The run-time side of broadcasting: extents that are not known to be 1 must be equal.

An extent that happens to be 1 when a function runs must not stretch: a derivative sums over the
axes that stretch, and is built before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gradcore.errors import ShapeError
from gradcore.graph import Apply, Kernel, Operand, Requirement
from gradcore.graph.requirements import all_equal

STRETCHES = (
    "an extent of 1 stretches only if it is known to be 1 when the graph is "
    "built: declare it (T.row, T.col, T.tensor(dtype, shape=(1, None)))"
)
"""What to do where an extent that happens to be 1 meets another."""


def extent_check(node: Apply, core: int = 0) -> Callable[..., None] | None:
    """Return a check that extents agree wherever ``node`` cannot tell statically, if any.

    core : how many last axes of each operand do not take part.
    """
    rank = node.out.ndim
    groups: list[tuple[int, list[int]]] = []
    for axis in range(-rank, -core):
        meeting = [
            i for i, v in enumerate(node.inputs) if -axis <= v.ndim and v.type.shape[axis] != 1
        ]
        met = {node.inputs[i] for i in meeting}
        if len(met) > 1 and any(v.type.shape[axis] is None for v in met):
            groups.append((axis, meeting))
    if not groups:
        return None
    whole = len(groups) == rank and all(len(meeting) == len(node.inputs) for _, meeting in groups)

    def check(*arrays: Any) -> None:
        if whole:
            shape = arrays[0].shape
            if all(a.shape == shape for a in arrays[1:]):
                return
        for axis, meeting in groups:
            extents = [arrays[i].shape[axis] for i in meeting]
            if any(n != extents[0] for n in extents):
                shapes = ", ".join(
                    f"{v} {a.shape}" for v, a in zip(node.inputs, arrays, strict=True)
                )
                raise ShapeError(
                    f"{node.op}: extents {extents} at axis {axis} must be equal, got {shapes}",
                    fix=STRETCHES if 1 in extents else None,
                )

    return check


def aligned(node: Apply, operands: Sequence[Operand], core: int = 0) -> list[Requirement]:
    """Return the requirements that extents agree wherever ``node`` cannot tell statically.

    core : how many last axes of each operand do not take part.
    """
    found: list[Requirement] = []
    shapes = [
        (x.shape, v.type.shape) for x, v in zip(operands, node.inputs, strict=True) if v.type.shape
    ]
    if len(shapes) < 2:
        return found
    for axis in range(-node.out.ndim, -core):
        meeting = [
            shape[axis] for shape, known in shapes if -axis <= len(known) and known[axis] != 1
        ]
        if len(meeting) > 1:
            given = ", ".join(map(str, node.inputs))
            message = f"{node.op}: the extents of {given} at axis {axis} must be equal"
            found += all_equal(meeting, message, fix=STRETCHES)
    return found


def with_check(check: Callable[..., None] | None, kernel: Kernel) -> Kernel:
    """Return ``kernel``, calling ``check`` first if there is one."""
    if check is None:
        return kernel

    def checked(*arrays: Any) -> Any:
        check(*arrays)
        return kernel(*arrays)

    return checked
