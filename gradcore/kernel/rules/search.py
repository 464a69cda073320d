"""Bisection: a loop of halving steps around each element that is searched for."""

from __future__ import annotations

from gradcore.graph import Apply
from gradcore.kernel.ir import (
    ONE,
    ZERO,
    Buffer,
    Expr,
    Literal,
    Load,
    Reduction,
    Store,
    Symbol,
    call,
    cast,
    integer,
)
from gradcore.kernel.lowering import Lowering, named
from gradcore.kernel.nests import Kind, Nest, Range
from gradcore.kernel.values import stored_value
from gradcore.ops.elementwise import entry
from gradcore.ops.search import SearchSorted

AND, OR, EQ, GT, LE, LT, ISNAN, LOG2, MINIMUM, SHIFT, SWITCH = map(
    entry,
    ("and_", "or_", "eq", "gt", "le", "lt", "isnan", "log2", "minimum", "left_shift", "switch"),
)


def search_sorted(low: Lowering, node: Apply) -> None:
    """Find the place of each element bit by bit, the highest first.

    A bit is set if as many elements as that makes belong before.  No step depends on the one before
    by a branch, and all elements take as many.
    """
    op, (output,) = node.op, node.outputs
    assert isinstance(op, SearchSorted)
    a, v = (low.value(x) for x in node.inputs)
    ordered = low.whole(a, "ordered")
    n = ordered.shape[0]
    result = low.new(named(output), "int64", v.shape)
    low.values[output] = stored_value(result)
    bits = _bits(low, n)
    if bits == ZERO:
        low.fill(result, lambda index: ZERO)
        return
    loops, at = low.ranges(v.shape)
    index, k = tuple(at), Symbol("k")
    more = Load(result, index) + call(SHIFT, (ONE, bits - ONE - k), "int64")
    before = _before(op.side, ordered, call(MINIMUM, (more, n), "int64") - ONE, v.read(index))
    taken = call(AND, (call(LE, (more, n), "bool"), before), "bool")
    step = call(SWITCH, (taken, more, Load(result, index)), "int64")
    for loop in loops:
        loop.kind = Kind.MAP
    halving = Range(k, bits)
    halving.kind = Kind.REDUCE
    low.place(
        Nest(
            [*loops, halving],
            [Store(result, index, step)],
            [Store(result, index, ZERO)],
            [Reduction(result, None)],
        )
    )


def _bits(low: Lowering, n: Expr) -> Expr:
    """Return as many bits as ``n`` has, or one more: a rounded logarithm tells no better."""
    if isinstance(n, Literal):
        return integer(int(n.value).bit_length())
    log = cast(call(LOG2, (cast(n, "float64"),), "float64"), "int64")
    some = call(GT, (n, ZERO), "bool")
    return low.number(call(SWITCH, (some, log + integer(2), ZERO), "int64"), "bits")


def _before(side: str, ordered: Buffer, at: Expr, v: Expr) -> Expr:
    """Return whether an element belongs before a place for ``v``; NaN is the last one."""
    x = Load(ordered, (at,))
    found = call(LT if side == "left" else LE, (x, v), "bool")
    if not ordered.dtype.startswith("float"):
        return found
    last = call(ISNAN, (v,), "bool")
    if side == "left":
        last = call(AND, (last, call(EQ, (x, x), "bool")), "bool")
    return call(OR, (found, last), "bool")
