"""Choices, checks, and what runs in Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gradcore.errors import ShapeError
from gradcore.graph import Apply, Variable
from gradcore.graph.extents import UNKNOWN
from gradcore.kernel.bounds import MOST_ELEMENTS
from gradcore.kernel.failures import Failure
from gradcore.kernel.fusion import Choice, Region
from gradcore.kernel.ir import (
    ZERO,
    Buffer,
    Callback,
    Expr,
    Let,
    Literal,
    Load,
    Point,
    Symbol,
    as_expr,
    call,
)
from gradcore.kernel.lowering import Lowering, named
from gradcore.kernel.rules.reduce import reduced
from gradcore.kernel.values import Value, stored_value
from gradcore.ops.control import Assert, Conditional
from gradcore.ops.elementwise import entry


def check(low: Lowering, node: Apply) -> None:
    """Lower ``Assert``: checks fail unless all conditions hold, and the value is passed through."""
    op = node.op
    assert isinstance(op, Assert)
    for condition in node.inputs[1:]:
        value = low.value(condition)
        if value.ndim:
            holds = Load(reduced(low, "holds", "all", value, range(value.ndim), "bool"), ())
        else:
            holds = truth(value)
        low.check(holds, [], lambda ns: op.error(op.message))
    x = low.value(node.inputs[0])
    if low.read_once(node.inputs[0]) is node:
        low.values[node.out] = x
    else:
        low.viewed(node.out, x.shape, x.read, [x])


def truth(scalar: Value) -> Expr:
    """Return the condition that a scalar is not zero."""
    read = scalar.read(())
    if read.dtype == "bool":
        return read
    return call(entry("neq"), (read, Literal(0, read.dtype)), "bool")


def in_python(low: Lowering, node: Apply) -> None:
    """Lower an op without a rule: Python computes it, from whole arrays."""
    reads = [low.whole(low.value(v), named(v)) for v in node.inputs]
    writes: list[Buffer] = []
    extents: list[tuple[Symbol, ...]] = []
    known_shapes = low.known_shapes(node)
    known: list[tuple[Expr, Expr, int]] = []
    for output, shape in zip(node.outputs, known_shapes, strict=True):
        symbols = tuple(Symbol(f"{named(output)}_n{axis}") for axis in range(output.ndim))
        low.bounds.fit(symbols, MOST_ELEMENTS)
        found: list[Expr] = []
        for axis, (n, static) in enumerate(zip(shape, output.type.shape, strict=True)):
            if n is UNKNOWN and static is None:
                found.append(symbols[axis])
                continue
            found.append(low.extent(n if static is None else static))
            known.append((found[axis], symbols[axis], axis))
        pointer = Buffer(named(output), output.dtype, found, "pointer")
        extents.append(symbols)
        writes.append(pointer)
        low.values[output] = stored_value(pointer)
    low.put(Callback(len(low.callbacks), tuple(reads), tuple(writes), tuple(extents)), defines=True)
    low.callbacks.append(node)
    for n, symbol, axis in known:
        low.equal([n, symbol], _reshaped(node, axis))


def _reshaped(node: Apply, axis: int) -> Failure:
    def failure(extents: Sequence[int]) -> Exception:
        want, have = extents
        return ShapeError(
            f"{node.op} returned an extent of {have} at axis {axis}, which is to be {want}",
            node.where,
        )

    return failure


def conditional(low: Lowering, node: Apply) -> None:
    """Lower a conditional: one of its graphs becomes a region that runs."""
    op = node.op
    assert isinstance(op, Conditional)
    operands = [low.value(v) for v in node.inputs[1:]]

    def branch(position: int) -> Callable[[], list[Value]]:
        graph = op.graphs[position]

        def lowered() -> list[Value]:
            low.values.update(zip(graph.inputs, operands, strict=True))
            low.lower(graph)
            return [low.value(v) for v in graph.outputs]

        return lowered

    _choose(low, node, branch(0), branch(1))


def if_else(low: Lowering, node: Apply) -> None:
    """Take the values of one branch; both are computed."""
    branches = [low.value(v) for v in node.inputs[1:]]
    n = len(node.outputs)
    _choose(low, node, lambda: branches[:n], lambda: branches[n:])


def _choose(
    low: Lowering,
    node: Apply,
    then: Callable[[], Sequence[Value]],
    orelse: Callable[[], Sequence[Value]],
) -> None:
    """Let the outputs of ``node`` point to what one of two regions computes."""
    condition = truth(low.value(node.inputs[0]))
    outputs = [_chosen(low, v) for v in node.outputs]
    regions = [Region(low.block.path) for _ in range(2)]
    for region, compute in zip(regions, (then, orelse), strict=True):
        with low.inside(region.block):
            for value, (extents, pointer) in zip(compute(), outputs, strict=True):
                if not value.shape:
                    low.fill(pointer, value.read)
                    continue
                for symbol, n in zip(extents, value.shape, strict=True):
                    low.put(Let(symbol, n, fresh=False))
                low.put(Point(pointer, low.whole(value), (ZERO,) * value.ndim))
    low.put(Choice(condition, *regions))
    for v, (extents, pointer) in zip(node.outputs, outputs, strict=True):
        low.bounds.fit(extents)
        low.values[v] = stored_value(pointer)


def _chosen(low: Lowering, variable: Variable) -> tuple[list[Symbol], Buffer]:
    """Return what an output of a choice is: registers for its extents, and a pointer."""
    name = named(variable)
    if not variable.ndim:
        return [], low.new(name, variable.dtype, ())
    symbols = [Symbol(f"{name}_n{axis}") for axis in range(variable.ndim)]
    for symbol in symbols:
        low.put(Let(symbol, ZERO), defines=True)
    shape: list[Expr] = [
        as_expr(n) if n is not None else symbol
        for n, symbol in zip(variable.type.shape, symbols, strict=True)
    ]
    return symbols, Buffer(name, variable.dtype, shape, "pointer")
