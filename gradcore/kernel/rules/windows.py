"""Windows that are added up: a loop over the elements of a window around those over windows."""

from __future__ import annotations

from gradcore.graph import Apply
from gradcore.kernel.ir import Expr, Literal, Load, Store, call, integer
from gradcore.kernel.lowering import Lowering, check_required, named
from gradcore.kernel.nests import Kind, Nest
from gradcore.kernel.values import stored_value
from gradcore.ops.elementwise import entry
from gradcore.ops.windows import OverlapAdd


def overlap_add(low: Lowering, node: Apply) -> None:
    """Store zeros, then add an element of all windows after the other.

    No two windows have an element at one place: the loops over windows, which are the inner ones,
    may run in any order, and along rows.
    """
    op, (output,) = node.op, node.outputs
    assert isinstance(op, OverlapAdd)
    check_required(low, node)
    x = low.value(node.inputs[0])
    (shape,) = low.shapes(node)
    zero = Literal(0.0 if output.type.is_float else 0, output.dtype)
    result = low.new(named(output), output.dtype, shape)
    low.fill(result, lambda index: zero)
    low.values[output] = stored_value(result)
    loops, index = low.ranges(x.shape)
    lead = len(index) - 2 * op.rank
    within, which = index[lead : lead + op.rank], index[lead + op.rank :]
    at = (*index[:lead], *map(_place, which, op.strides, within, op.dilations))
    for loop in loops:
        loop.kind = Kind.ORDERED if loop.symbol in within else Kind.MAP
    total = call(entry("add"), (Load(result, at), x.read(tuple(index))), output.dtype)
    low.place(Nest(loops, [Store(result, at, total)]))


def _place(i: Expr, stride: int, p: Expr, dilation: int) -> Expr:
    """Return where element ``p`` of window ``i`` lies."""
    first = i if stride == 1 else i * integer(stride)
    return first + (p if dilation == 1 else p * integer(dilation))
