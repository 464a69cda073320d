"""Elementwise rows: a nest over the result, with operands that broadcast."""

from __future__ import annotations

from collections.abc import Sequence

from gradcore.errors import ShapeError
from gradcore.graph import Apply
from gradcore.kernel.ir import Expr, Index, call
from gradcore.kernel.lowering import Failure, Lowering, rule
from gradcore.kernel.values import Value
from gradcore.ops.elementwise import Elementwise, row

FILL, IDENTITY = row("fill"), row("identity")


def check_extents(low: Lowering, node: Apply, operands: Sequence[Value], core: int = 0) -> None:
    """Check that extents agree wherever ``node`` cannot tell statically.

    core : how many last axes of each operand do not take part.
    """
    rank = node.out.ndim
    for axis in range(-rank, -core):
        meeting = [
            value
            for value, v in zip(operands, node.inputs, strict=True)
            if -axis <= v.ndim and v.type.shape[axis] != 1
        ]
        extents = list(dict.fromkeys(low.layout.extents.best(v.shape[axis]) for v in meeting))
        if len(extents) > 1:
            low.equal(extents, _disagree(node, axis))


def _disagree(node: Apply, axis: int) -> Failure:
    def failure(extents: Sequence[int]) -> Exception:
        hint = (
            "an extent of 1 stretches only if it is known to be 1 when the graph is "
            "built: declare it (T.row, T.col, T.tensor(dtype, shape=(1, None)))"
        )
        return ShapeError(
            f"{node.op}: extents {list(extents)} at axis {axis} must be equal",
            node.where,
            hint if 1 in extents else None,
        )

    return failure


@rule(Elementwise)
def elementwise(low: Lowering, node: Apply) -> None:
    """Store the row of the operands; ``fill`` and ``identity`` store nothing."""
    op, (output,) = node.op, node.outputs
    assert isinstance(op, Elementwise)
    operands = [low.value(v) for v in node.inputs]
    check_extents(low, node, operands)
    (shape,) = low.shapes(node)
    if op in (FILL, IDENTITY):
        last = operands[-1]
        low.viewed(output, shape, last.stretched, [last])
        return

    def element(index: Index) -> Expr:
        read = [value.stretched(index) for value in operands]
        return call(op, read, output.dtype)

    early = discrete(node) and all(low.known_at_entry(x.read(())) for x in operands if not shape)
    if low.read_in_place(output) or (not shape and early):
        low.viewed(output, shape, element, operands)
    else:
        low.computed(output, shape, element)


def discrete(node: Apply) -> bool:
    """Return whether a node is arithmetic on integers, such as a shape is made of."""
    return all(v.type.is_discrete for v in (*node.inputs, *node.outputs))
