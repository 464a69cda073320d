"""Shapes: views, which are read in place, and what must be joined, repeated or seen anew."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gradcore.errors import ShapeError
from gradcore.graph import Apply
from gradcore.graph.extents import MOST
from gradcore.kernel.ir import (
    ONE,
    ZERO,
    Buffer,
    Call,
    Expr,
    Index,
    Literal,
    Load,
    Store,
    Symbol,
    as_index,
    call,
    cast,
    integer,
    product,
)
from gradcore.kernel.lowering import Lowering, element_form, named
from gradcore.kernel.nests import Kind, Nest, Range
from gradcore.kernel.rules.reduce import reducing
from gradcore.kernel.values import Value, stored_value
from gradcore.ops.elementwise import entry
from gradcore.ops.shape import DimShuffle, Join, Repeat
from gradcore.ops.shape_values import SpecifyShape

EQ, GE, AND, MIN, MAX = map(entry, ("eq", "ge", "and_", "minimum", "maximum"))


def shape_of(low: Lowering, node: Apply) -> None:
    """Lower ``shape``: a vector of the extents, each of which is read by itself."""
    x = low.value(node.inputs[0])
    _vector(low, node, x.shape)


def make_vector(low: Lowering, node: Apply) -> None:
    """Lower a vector of scalars, each of which is read by itself where that is used."""
    dtype = node.out.dtype
    _vector(low, node, [cast(low.value(v).read(()), dtype) for v in node.inputs])


def _vector(low: Lowering, node: Apply, elements: Sequence[Expr]) -> None:
    """Store a vector; an element that is asked for by number is read without it."""
    (output,) = node.outputs
    if not elements:
        nothing = Literal(np.dtype(output.dtype).type(0).item(), output.dtype)
        low.values[output] = Value(output.dtype, (ZERO,), lambda index: nothing, elements=())
        return
    buffer = low.new(named(output), output.dtype, (integer(len(elements)),))
    stores = [
        Store(buffer, (integer(k),), cast(element, output.dtype))
        for k, element in enumerate(elements)
    ]
    low.place(Nest([], [*stores]))

    def read(index: Index) -> Expr:
        (k,) = index
        if isinstance(k, Literal):
            return elements[int(k.value)]
        return Load(buffer, index)

    discrete = output.type.is_discrete
    low.values[output] = Value(
        output.dtype, buffer.shape, read, buffer, tuple(elements) if discrete else None
    )


def dimshuffle(low: Lowering, node: Apply) -> None:
    """Check that axes left out have extent 1; the rest is a view."""
    x, op = low.value(node.inputs[0]), node.op
    assert isinstance(op, DimShuffle)
    for axis in range(x.ndim):
        if axis not in op.order:
            low.equal(
                [x.shape[axis], ONE],
                lambda ns, axis=axis: ShapeError(
                    f"cannot drop axis {axis}: its extent is {ns[0]}, not 1"
                ),
            )
    element_form(low, node)


def alloc(low: Lowering, node: Apply) -> None:
    """Check the extents; the rest is a view."""
    value = low.value(node.inputs[0])
    extents = [as_index(low.value(v).read(())) for v in node.inputs[1:]]
    given = node.inputs[0]
    for n in extents:
        low.check(
            call(GE, (n, ZERO), "bool"),
            [n],
            lambda ns: ShapeError(f"cannot broadcast to a negative extent: {ns[0]}"),
        )
    lead = len(extents) - value.ndim
    for axis, n in enumerate(given.type.shape):
        if n != 1:
            low.equal(
                [value.shape[axis], extents[lead + axis]],
                lambda ns, axis=axis: ShapeError(
                    f"cannot broadcast {given}: its extent {ns[0]} at axis {axis} is not {ns[1]}"
                ),
            )
    element_form(low, node)


def specify_shape(low: Lowering, node: Apply) -> None:
    """Check the extents; the rest is a view, or what is stored where nothing writes to it."""
    op, x = node.op, low.value(node.inputs[0])
    assert isinstance(op, SpecifyShape)
    for axis, extent in enumerate(node.inputs[1:]):
        n = as_index(low.value(extent).read(()))
        low.equal(
            [x.shape[axis], n],
            lambda ns, axis=axis: op.error(op.differs(axis, *ns)),
        )
    if x.buffer is not None and x.buffer.role in ("input", "constant"):
        low.values[node.out] = x
    else:
        element_form(low, node)


def reshape(low: Lowering, node: Apply) -> None:
    """See the memory in another shape, or only move axes of extent 1."""
    (output,) = node.outputs
    x = low.value(node.inputs[0])
    wanted = [as_index(low.value(v).read(())) for v in node.inputs[1:]]
    (shape,) = low.shapes(node)
    minus = [n for n in wanted if isinstance(n, Literal) and n.value == -1]
    size = product(x.shape)
    good = call(EQ, (size, product(shape)), "bool")
    known = [n for n in wanted if n not in minus]
    if not low.bounds.fits(known):
        good = call(AND, (good, low.addressable(known)), "bool")
    for n in known:
        good = call(AND, (good, call(GE, (n, ZERO), "bool")), "bool")
    if minus:
        good = call(AND, (good, call(GE, (product(known), ONE), "bool")), "bool")
    low.check(
        good,
        [*x.shape, *wanted],
        lambda ns: ShapeError(f"cannot reshape shape {ns[: x.ndim]} to {ns[x.ndim :]}", node.where),
    )
    low.bounds.fit(known)
    low.sized(shape)
    remaining = [n for n in x.shape if n != ONE]
    if [n for n in shape if n != ONE] == remaining:
        places = [axis for axis, n in enumerate(shape) if n != ONE]
        own = [axis for axis, n in enumerate(x.shape) if n != ONE]

        def read(index: Index) -> Expr:
            at: list[Expr] = [ZERO] * x.ndim
            for place, axis in zip(places, own, strict=True):
                at[axis] = index[place]
            return x.read(tuple(at))

        low.viewed(output, shape, read, [x])
        return
    if node.inputs[0].ndim == 0:
        low.viewed(output, shape, lambda index: x.read(()), [x])
        return
    memory = low.whole(x)
    low.values[output] = stored_value(
        Buffer(named(output), output.dtype, shape, memory.role, memory.position, alias=memory)
    )


def join(low: Lowering, node: Apply) -> None:
    """Lower a join: each tensor is stored behind the one before, along the axis."""
    op, (output,) = node.op, node.outputs
    assert isinstance(op, Join)
    operands = [low.value(v) for v in node.inputs]
    for axis in range(output.ndim):
        if axis != op.axis:
            low.equal(
                [x.shape[axis] for x in operands],
                lambda ns, axis=axis: ShapeError(
                    f"cannot join along axis {op.axis}: extents {ns} at axis {axis} differ",
                    node.where,
                ),
            )
    (shape,) = low.shapes(node)
    start: Expr = ZERO
    for x in operands:
        joined = start + x.shape[op.axis]
        if isinstance(joined, Call) and low.bounds.wraps(joined):
            low.sized([start])
        start = joined
    buffer = low.new(named(output), output.dtype, shape)
    start = ZERO
    for x in operands:
        loops, index = low.ranges(x.shape)
        at = list(index)
        at[op.axis] = at[op.axis] + start
        value = cast(x.read(tuple(index)), output.dtype)
        low.place(Nest(loops, [Store(buffer, tuple(at), value)]))
        start = start + x.shape[op.axis]
    low.values[output] = stored_value(buffer)


def repeat(low: Lowering, node: Apply) -> None:
    """Find out where each copy comes from, then read there."""
    op, (output,) = node.op, node.outputs
    assert isinstance(op, Repeat)
    x, counts = (low.value(v) for v in node.inputs)
    low.equal(
        [x.shape[op.axis], counts.shape[0]],
        lambda ns: ShapeError(f"cannot repeat {ns[0]} elements {ns[1]} counts", node.where),
    )
    total = low.new("total", "int64", ())
    fewest = low.new("fewest", "int64", ())
    loops, (k,) = low.ranges(counts.shape, "k")
    count = as_index(counts.read((k,)))
    fewer = call(MIN, (Load(fewest, ()), count), "int64")
    low.place(reducing(loops, fewest, (), fewer, MIN, ZERO))
    counted = call(MAX, (call(MIN, (count, integer(MOST)), "int64"), ZERO), "int64")
    more = Load(total, ()) + counted
    enough = call(entry("gt"), (Load(total, ()), integer(MOST)), "bool")
    summed = call(entry("switch"), (enough, Load(total, ()), more), "int64")
    low.place(reducing(loops, total, (), summed, None, ZERO))
    low.check(
        call(GE, (Load(fewest, ()), ZERO), "bool"),
        [Load(fewest, ())],
        lambda ns: ValueError(f"cannot repeat an element {ns[0]} times"),
    )
    source = low.new("source", "int64", (Load(total, ()),))
    place = low.new("place", "int64", ())
    low.place(Nest([], [Store(place, (), ZERO)]))
    steps = [Range(k, n.extent, Kind.ORDERED) for k, n in _renewed(loops)]
    k = steps[0].symbol if steps else ZERO
    copies = Range(Symbol("copy"), as_index(counts.read((k,))), Kind.ORDERED)
    here = Load(place, ())
    low.place(Nest([*steps, copies], [Store(source, (here,), k), Store(place, (), here + 1)]))
    shape = list(x.shape)
    shape[op.axis] = Load(total, ())

    def element_at(index: Index) -> Expr:
        at = list(index)
        at[op.axis] = Load(source, (index[op.axis],))
        return x.read(tuple(at))

    low.computed(output, shape, element_at)


def _renewed(loops: Sequence[Range]) -> list[tuple[Symbol, Range]]:
    return [(Symbol(loop.symbol.name), loop) for loop in loops]
