"""Reductions: loops that contribute to a target, in the order in which the operand lies."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from gradcore.dtypes import DTYPES, NARROW_FLOATS, computed
from gradcore.errors import GraphValueError, ShapeError
from gradcore.graph import Apply
from gradcore.graph.types import FLOATS
from gradcore.kernel.ir import (
    Buffer,
    Expr,
    Index,
    Literal,
    Load,
    Reduction,
    Statement,
    Store,
    Symbol,
    call,
    cast,
    identity_of,
    loads,
)
from gradcore.kernel.lowering import Lowering, named
from gradcore.kernel.nests import Kind, Nest, Range
from gradcore.kernel.values import Value, stored_value
from gradcore.ops.elementwise import Elementwise, entry
from gradcore.ops.reduce import ArgReduce, Cumulative, Recurrence, Reduce

COMBINING = {
    "sum": "add", "prod": "mul", "max": "maximum", "min": "minimum", "any": "or_", "all": "and_",
}  # fmt: skip
"""The elementwise op that combines two results of a reduction."""

GT, LT, GE, EQ, NEQ, AND, OR, INVERT, ISNAN, SWITCH = map(
    entry, ("gt", "lt", "ge", "eq", "neq", "and_", "or_", "invert", "isnan", "switch")
)


def identity(kind: str, dtype: str) -> Literal:
    """Return the number that a reduction over no elements gives, in its dtype."""
    return identity_of(entry(COMBINING[kind]), dtype)


def in_memory_order(loops: Sequence[Range], elements: Sequence[Expr]) -> list[Range]:
    """Return loops in the order in which what is read with the most of their indices lies."""
    symbols = [loop.symbol for loop in loops]
    best: list[Symbol] = []
    for element in elements:
        for load in loads(element):
            found = [x for x in load.index if isinstance(x, Symbol) and x in symbols]
            if len(found) > len(best):
                best = found
    order = [*best, *(s for s in symbols if s not in best)]
    return sorted(loops, key=lambda loop: order.index(loop.symbol))


def reducing(
    loops: Sequence[Range],
    target: Buffer,
    index: Index,
    combined: Expr,
    combining: Elementwise | None,
    start: Expr,
) -> Nest:
    """Return the nest that stores ``combined`` into the target, again and again.

    The loops whose indices are not in ``index`` are those that contribute; there may be none.
    """
    for loop in loops:
        loop.kind = Kind.MAP if loop.symbol in index else Kind.REDUCE
    body: list[Statement] = [Store(target, index, combined)]
    if all(loop.kind is Kind.MAP for loop in loops):
        return Nest(list(loops), [Store(target, index, start), *body])
    return Nest(
        in_memory_order(loops, [combined]),
        body,
        [Store(target, index, start)],
        [Reduction(target, combining)],
    )


def reduced(
    low: Lowering, name: str, kind: str, x: Value, axes: Sequence[int], dtype: str
) -> Buffer:
    """Return a buffer of the reduction of ``x`` over ``axes``, in ``dtype``."""
    loops, index = low.ranges(x.shape)
    remaining = tuple(i for axis, i in enumerate(index) if axis not in axes)
    shape = [n for axis, n in enumerate(x.shape) if axis not in axes]
    return combined(
        low, loops, name, remaining, shape, kind, _counted(kind, x.read(tuple(index)), dtype)
    )


def combined(
    low: Lowering,
    loops: Sequence[Range],
    name: str,
    index: Index,
    shape: Sequence[Expr],
    kind: str,
    element: Expr,
) -> Buffer:
    """Return a buffer of what ``element`` is reduced to, over the loops not in ``index``.

    What an innermost loop contributes to is a register, and so the result is a copy of that.
    """
    dtype = element.dtype
    if all(loop.symbol in index for loop in loops):
        target = low.new(name, dtype, shape)
        low.place(Nest(list(loops), [Store(target, index, element)]))
        return target
    combining = entry(COMBINING[kind])
    inner = in_memory_order(loops, [element])[-1].symbol not in index
    wide = _accumulated(low, kind, dtype)
    target = low.new(name, wide, shape)
    value = call(combining, (Load(target, index), cast(element, wide)), wide)
    low.place(reducing(loops, target, index, value, combining, identity(kind, wide)))
    if not inner and wide == dtype:
        return target
    result = low.new(name, dtype, shape)
    low.fill(result, stored_value(target).read)
    return result


def _accumulated(low: Lowering, kind: str, dtype: str) -> str:
    """Return the dtype in which many numbers of ``dtype`` are combined."""
    if kind == "prod" or (kind == "sum" and low.target.wide_sums):
        return DTYPES[dtype].multiplied
    return computed(dtype)


def _counted(kind: str, x: Expr, dtype: str) -> Expr:
    if kind in ("any", "all") and x.dtype != "bool":
        return call(NEQ, (x, Literal(0, x.dtype)), "bool")
    return cast(x, dtype)


def reduce(low: Lowering, node: Apply) -> None:
    """Contribute each element to the element of the result that it goes into."""
    op, (output,) = node.op, node.outputs
    assert isinstance(op, Reduce)
    x = low.value(node.inputs[0])
    if not op.takes_nothing:
        _refuse_nothing(low, node, x, op.axes, op.kind)
    if op.kind == "sum" and op.axes == (x.ndim - 1,) and x.row_sums is not None:
        low.computed(output, x.row_sums.shape, stored_value(x.row_sums).read)
        return
    wide = computed(output.dtype)
    target = reduced(low, named(output), op.kind, x, op.axes, wide)
    low.values[output] = stored_value(target)
    if wide != output.dtype:
        value = stored_value(target)
        low.computed(output, target.shape, lambda i: cast(value.read(i), output.dtype))


def _refuse_nothing(low: Lowering, node: Apply, x: Value, axes: Sequence[int], what: str) -> None:
    for axis in axes:
        n = x.shape[axis]
        low.check(
            call(GT, (n, Literal(0, "int64")), "bool"),
            [n],
            lambda ns: GraphValueError(f"{what} of nothing: an axis is empty", node.where),
        )


def arg_reduce(low: Lowering, node: Apply) -> None:
    """Keep the best element so far, and where it was; NaN is better than all."""
    op, (output,) = node.op, node.outputs
    assert isinstance(op, ArgReduce)
    x = low.value(node.inputs[0])
    _refuse_nothing(low, node, x, [op.axis], f"arg{op.kind}")
    loops, index = low.ranges(x.shape)
    remaining = tuple(i for axis, i in enumerate(index) if axis != op.axis)
    shape = [n for axis, n in enumerate(x.shape) if axis != op.axis]
    best = low.new("best", x.dtype, shape)
    place = low.new(named(output), "int64", shape)
    low.values[output] = stored_value(place)
    k = index[op.axis]
    if k not in [loop.symbol for loop in loops]:
        low.place(Nest(loops, [Store(place, remaining, Literal(0, "int64"))]))
        return
    element, champion = x.read(tuple(index)), Load(best, remaining)
    better = call(GT if op.kind == "max" else LT, (element, champion), "bool")
    if x.dtype in FLOATS:
        nan = call(ISNAN, (element,), "bool")
        number = call(INVERT, (call(ISNAN, (champion,), "bool"),), "bool")
        better = call(OR, (better, call(AND, (nan, number), "bool")), "bool")
    better = call(OR, (better, call(EQ, (k, Literal(0, "int64")), "bool")), "bool")
    body: list[Statement] = [
        Store(place, remaining, call(SWITCH, (better, k, Load(place, remaining)), "int64")),
        Store(best, remaining, call(SWITCH, (better, element, champion), x.dtype)),
    ]
    for loop in loops:
        loop.kind = Kind.REDUCE if loop.symbol is k else Kind.MAP
    zero = Literal(np.dtype(x.dtype).type(0).item(), x.dtype)
    low.place(
        Nest(
            in_memory_order(loops, [element]),
            body,
            [Store(best, remaining, zero), Store(place, remaining, Literal(0, "int64"))],
            [Reduction(best, None), Reduction(place, None)],
        )
    )


def cumulative(low: Lowering, node: Apply) -> None:
    """Lower a cumulative reduction: a loop along the axis that carries the result so far."""
    op, (output,) = node.op, node.outputs
    assert isinstance(op, Cumulative)
    x = low.value(node.inputs[0])
    wide = _accumulated(low, op.kind, output.dtype)
    combining = entry(COMBINING[op.kind])

    def step(state: Expr, index: Index) -> Expr:
        return call(combining, (state, cast(x.read(index), wide)), wide)

    # The sums of float64 come in order, as an overflow depends on it.
    combines = combining if op.kind == "sum" and output.dtype in NARROW_FLOATS else None
    _carried(low, node, op.axis, x.shape, step, identity(op.kind, wide), combines)


def recurrence(low: Lowering, node: Apply) -> None:
    """Lower a linear recurrence: a loop along the axis that carries the last result."""
    op, (output,) = node.op, node.outputs
    assert isinstance(op, Recurrence)
    a, b = (low.value(v) for v in node.inputs)
    for n, m in zip(a.shape, b.shape, strict=True):
        low.equal([n, m], lambda ns: ShapeError(f"a recurrence of extents {ns[0]} and {ns[1]}"))
    dtype = output.dtype

    def step(state: Expr, index: Index) -> Expr:
        product = call(entry("mul"), (cast(a.read(index), dtype), state), dtype)
        return call(entry("add"), (product, cast(b.read(index), dtype)), dtype)

    _carried(low, node, op.axis, b.shape, step, Literal(0, dtype))


def _carried(
    low: Lowering,
    node: Apply,
    axis: int,
    shape: Sequence[Expr],
    step: Callable[[Expr, Index], Expr],
    start: Literal,
    combines: Elementwise | None = None,
) -> None:
    """Store the states that ``step`` takes along ``axis``, one after the other.

    combines : the op that combines what steps contribute, if they may come in any order.
    """
    (output,) = node.outputs
    loops, index = low.ranges(shape)
    remaining = tuple(i for a, i in enumerate(index) if a != axis)
    result = low.new(named(output), output.dtype, shape)
    low.values[output] = stored_value(result)
    if index[axis] not in [loop.symbol for loop in loops]:
        first = cast(step(start, tuple(index)), output.dtype)
        low.place(Nest(loops, [Store(result, tuple(index), first)]))
        return
    state = low.new("state", start.dtype, [n for a, n in enumerate(shape) if a != axis])
    body: list[Statement] = [
        Store(state, remaining, step(Load(state, remaining), tuple(index))),
        Store(result, tuple(index), cast(Load(state, remaining), output.dtype)),
    ]
    for loop in loops:
        loop.kind = Kind.REDUCE if loop.symbol is index[axis] else Kind.MAP
    low.place(
        Nest(
            loops,
            body,
            [Store(state, remaining, start)],
            [Reduction(state, combines, cumulative=True)],
        )
    )
