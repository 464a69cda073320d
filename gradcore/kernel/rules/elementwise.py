"""Elementwise rows: a nest over the result, with operands that broadcast."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradcore.errors import GraphValueError, ShapeError
from gradcore.graph import Apply, Op, Operand, Variable
from gradcore.graph.extents import UNKNOWN, Shape
from gradcore.kernel.failures import Failure
from gradcore.kernel.ir import ZERO, Expr, Index, Load, as_expr, call, cast
from gradcore.kernel.lowering import Lowering
from gradcore.kernel.rules.reduce import reducing
from gradcore.kernel.values import Value
from gradcore.language import is_several
from gradcore.ops.broadcasting import STRETCHES
from gradcore.ops.elementwise import Elementwise, entry

FILL, IDENTITY = entry("fill"), entry("identity")


def extents_compared(low: Lowering) -> None:
    """Check what extents of inputs must be equal, before the nodes of the graph are lowered.

    Loops over equal extents fuse, and which are known to be must not depend on the order of nodes.
    """
    operands: dict[Variable, Operand] = {}
    for node in low.graph.nodes:
        given = [operands.get(v) or low.value(v).operand for v in node.inputs]
        if isinstance(node.op, Elementwise):
            with low.of(node):
                check_extents(low, node, [x.shape for x in given], early=True)
        value = UNKNOWN
        shapes: Sequence[Shape] = [(UNKNOWN,) * v.ndim for v in node.outputs]
        kind = type(node.op)
        if (kind.symbolic_shapes, kind.infer_shape) == (Op.symbolic_shapes, Op.infer_shape):
            shapes, value = node.op.symbolic_shapes(node, given), node.op.value(node, given)
        for output, shape in zip(node.outputs, shapes, strict=True):
            pairs = zip(shape, output.type.shape, strict=True)
            extents = tuple(low.number_at_entry(n) if m is None else m for n, m in pairs)
            operands[output] = Operand(extents, _value_at_entry(low, value))


def _value_at_entry(low: Lowering, value: Any) -> Any:
    """Return the value of an operand, of integers that are known before anything is computed."""
    if is_several(value):
        return tuple(map(low.number_at_entry, value))
    return low.number_at_entry(value)


def check_extents(
    low: Lowering, node: Apply, shapes: Sequence[Shape], core: int = 0, early: bool = False
) -> None:
    """Check that extents agree wherever ``node`` cannot tell statically.

    shapes : those of the operands.
    core : how many last axes of each operand do not take part.
    early : whether to check only what can be checked before anything is computed.
    """
    operands = [
        (shape, v.type.shape) for shape, v in zip(shapes, node.inputs, strict=True) if shape
    ]
    if len(operands) < 2:
        return
    for axis in range(-node.out.ndim, -core):
        meeting = [
            as_expr(shape[axis])
            for shape, known in operands
            if -axis <= len(known) and known[axis] != 1 and shape[axis] is not UNKNOWN
        ]
        if len(meeting) < 2:
            continue
        extents = list(dict.fromkeys(map(low.layout.extents.best, meeting)))
        if early:
            extents = [n for n in extents if low.known_at_entry(n)]
        if len(extents) > 1:
            low.equal(extents, _disagree(node, axis))


def _disagree(node: Apply, axis: int) -> Failure:
    def failure(extents: Sequence[int]) -> Exception:
        return ShapeError(
            f"{node.op}: extents {list(extents)} at axis {axis} must be equal",
            node.where,
            STRETCHES if 1 in extents else None,
        )

    return failure


def elementwise(low: Lowering, node: Apply) -> None:
    """Store the row of the operands; ``fill`` and ``identity`` store nothing."""
    op, (output,) = node.op, node.outputs
    assert isinstance(op, Elementwise)
    operands = [low.value(v) for v in node.inputs]
    check_extents(low, node, [x.shape for x in operands])
    refused = op.refused(node)
    if refused is not None:
        i, message = refused
        _refuse_negative(low, node, operands[i], message)
    (shape,) = low.shapes(node)
    if op in (FILL, IDENTITY):
        last = operands[-1]
        low.viewed(output, shape, last.stretched, [last])
        return

    def element(index: Index) -> Expr:
        read = [value.stretched(index) for value in operands]
        return call(op, read, output.dtype)

    if not shape and discrete(node) and all(low.known_at_entry(x.read(())) for x in operands):
        low.named(output, element(()))
    elif low.read_in_place(op, output):
        low.viewed(output, shape, element, operands)
    else:
        low.computed(output, shape, element)


def _refuse_negative(low: Lowering, node: Apply, x: Value, message: str) -> None:
    """Check that no element of integers is negative."""
    lowest: Expr = cast(x.read(()), "int64") if not x.ndim else _lowest(low, x)
    low.check(
        call(entry("ge"), (lowest, ZERO), "bool"),
        [],
        lambda ns: GraphValueError(message, node.where),
    )


def _lowest(low: Lowering, x: Value) -> Expr:
    """Return the smallest of 0 and all elements of integers."""
    target = low.new("lowest", "int64", ())
    loops, at = low.ranges(x.shape)
    smaller = call(entry("minimum"), (Load(target, ()), cast(x.read(tuple(at)), "int64")), "int64")
    low.place(reducing(loops, target, (), smaller, entry("minimum"), ZERO))
    return Load(target, ())


def discrete(node: Apply) -> bool:
    """Return whether a node is arithmetic on integers, such as a shape is made of."""
    return all(v.type.is_discrete for v in (*node.inputs, *node.outputs))
