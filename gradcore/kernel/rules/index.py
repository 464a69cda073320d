"""Indexing: views for slices, loops for arrays of indices, orders of elements."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from gradcore.errors import ShapeError
from gradcore.graph import Apply, Array, Op, Variable
from gradcore.kernel.failures import Failure
from gradcore.kernel.ir import (
    ZERO,
    Expr,
    If,
    Index,
    Library,
    Literal,
    Load,
    Statement,
    Store,
    Symbol,
    as_expr,
    as_index,
    call,
    cast,
    integer,
    product,
)
from gradcore.kernel.lowering import Lowering, named
from gradcore.kernel.nests import Kind, Nest, Range
from gradcore.kernel.rules.reduce import reduced, reducing
from gradcore.kernel.values import Value, stored_value
from gradcore.ops.diagonals import IncDiagonals
from gradcore.ops.elementwise import entry
from gradcore.ops.index import IncSubtensor, Subtensor
from gradcore.ops.index_patterns import (
    Pattern,
    Slice,
    Slot,
    from_front,
    indexed_element,
    indexed_shape,
    is_advanced,
    out_of_bounds,
    unlike_arrays,
)
from gradcore.ops.sorting import ArgSort, Sort

AND, OR, LT, GE, NEQ, INVERT = map(entry, ("and_", "or_", "lt", "ge", "neq", "invert"))


def _wide(value: Value) -> Value:
    """Return an integer operand as an int64 index, in which no arithmetic on indices wraps."""
    if value.dtype == "int64":
        return value
    return Value("int64", value.shape, lambda i: as_index(value.read(i)))


def _indices(low: Lowering, pattern: Pattern, x: Value, given: Sequence[Value]) -> list[Value]:
    """Return the indices that fill a pattern, after checking that they are in bounds."""
    indices = [_wide(value) for value in given]
    rest = iter(indices)
    arrays: list[Value] = []
    axis = 0
    for item in pattern:
        if item is None:
            continue
        n = x.shape[axis]
        if isinstance(item, Slice):
            for which, bound in zip(("start", "stop", "step"), item.bounds, strict=True):
                if bound is Slot.SCALAR and which == "step":
                    step = next(rest).read(())
                    low.check(
                        call(NEQ, (step, ZERO), "bool"),
                        [],
                        lambda ns: ValueError("slice step cannot be zero"),
                    )
                elif bound is Slot.SCALAR:
                    next(rest)
        elif item is Slot.ARRAY:
            index = next(rest)
            arrays.append(index)
            _check_array(low, index, n, axis)
        else:
            k = next(rest).read(()) if isinstance(item, Slot) else integer(item)
            low.check(call(INVERT, (_outside(k, n),), "bool"), [k, n], _out_of_bounds(axis))
        axis += 1
    rank = max((a.ndim for a in arrays), default=0)
    for place in range(-rank, 0):
        met = [a.shape[place] for a in arrays if a.ndim >= -place]
        low.equal(
            [n for n in met if n != Literal(1, "int64")],
            lambda ns: IndexError(unlike_arrays(*ns)),
        )
    return indices


def _outside(k: Expr, n: Expr) -> Expr:
    return call(OR, (call(LT, (k, -n), "bool"), call(GE, (k, n), "bool")), "bool")


def _out_of_bounds(axis: int) -> Failure:
    return lambda ns: IndexError(out_of_bounds(axis, *ns))


def _check_array(low: Lowering, index: Value, n: Expr, axis: int) -> None:
    loops, at = low.ranges(index.shape)
    k = index.read(tuple(at))
    if isinstance(k, Symbol):
        m = index.shape[at.index(k)]
        low.check(call(GE, (n, m), "bool"), [n, n], _out_of_bounds(axis))
        return
    if not low.once(("in bounds", index.buffer or index, n)):
        return
    with low.early([k, n]):
        lowest, highest = low.new("lowest", "int64", ()), low.new("highest", "int64", ())
        for target, name, start in ((lowest, "minimum", ZERO), (highest, "maximum", integer(-1))):
            loops, at = low.ranges(index.shape)
            combined = call(entry(name), (Load(target, ()), index.read(tuple(at))), "int64")
            low.place(reducing(loops, target, (), combined, entry(name), start))
        for target in (lowest, highest):
            k = Load(target, ())
            good = call(GE, (k, -n), "bool") if target is lowest else call(LT, (k, n), "bool")
            low.check(good, [k, n], _out_of_bounds(axis))


def subtensor(low: Lowering, node: Apply) -> None:
    """Read where the pattern says: in place, unless arrays say it."""
    op, (output,) = node.op, node.outputs
    assert isinstance(op, Subtensor)
    x, *given = (low.value(v) for v in node.inputs)
    indices = _indices(low, op.pattern, x, given)
    (shape,) = low.shapes(node)

    def element(index: Index) -> Expr:
        return x(*map(as_expr, indexed_element(op.pattern, x, index, indices)))

    if is_advanced(op.pattern):
        low.computed(output, shape, element)
        return
    if not shape and x.elements is not None and isinstance(op.pattern[0], int):
        low.named(output, cast(x.elements[op.pattern[0]], output.dtype))
    elif not shape and output.type.is_discrete:
        low.named(output, element(()))
    else:
        low.viewed(output, shape, element, [x])


def inc_subtensor(low: Lowering, node: Apply) -> None:
    """Lower `IncSubtensor`: store the tensor, then write the part to it, or add it."""
    op, (output,) = node.op, node.outputs
    assert isinstance(op, IncSubtensor)
    x, y, *given = (low.value(v) for v in node.inputs)
    indices = _indices(low, op.pattern, x, given)
    part = [
        low.extent(n) for n in indexed_shape(op.pattern, x.operand, [i.operand for i in indices])
    ]
    y_type = node.inputs[1].type
    for axis in range(-y.ndim, 0):
        if y_type.shape[axis] != 1:
            low.equal(
                [y.shape[axis], part[axis]],
                lambda ns: ShapeError(
                    f"cannot write an extent of {ns[0]} into a part of extent {ns[1]}", node.where
                ),
            )
    if _one_a_row(low, node, x, y, indices):
        return
    result = low.values[output] = _base(low, node, x)
    loops, index = low.ranges(part)
    at = tuple(as_expr(i) for i in indexed_element(op.pattern, result, tuple(index), indices))
    value = cast(y.stretched(tuple(index)), output.dtype)
    if not op.overwrite:
        plus = entry("or_" if output.dtype == "bool" else "add")
        value = call(plus, (result.read(at), value), output.dtype)
    for loop in loops:
        own = any(i is loop.symbol for i in at)
        loop.kind = Kind.MAP if own or not is_advanced(op.pattern) else Kind.ORDERED
    low.place(Nest(loops, [result.store(at, value)]))


def _base(low: Lowering, node: Apply, x: Value) -> Value:
    """Return the memory to which a node writes parts, with the elements of its first input, ``x``.

    It is that of ``x``, if nobody else reads it, or the place where the result is wanted, or new.
    """
    memory = x.buffer or x.within
    if (
        memory is not None
        and memory.role == "work"
        and memory.alias is None
        and low.made_in.get(memory) is low.block
        and low.read_once(node.inputs[0]) is not None
    ):
        return x
    wanted = low.wanted.pop(_last_written(low, node.out), None)
    if wanted is None:
        place = stored_value(low.new(named(node.out), node.out.dtype, x.shape))
    else:
        place = wanted(x.shape)
    low.fill_place(place, x.read)
    return place


def _last_written(low: Lowering, variable: Variable) -> Variable:
    """Return what is in the memory of ``variable`` once all that take it over have written."""
    reader = low.read_once(variable)
    while reader is not None and reader.inputs[0] is variable and _takes_over(low, reader):
        variable = reader.out
        reader = low.read_once(variable)
    return variable


def _takes_over(low: Lowering, node: Apply) -> bool:
    """Return whether a node writes to the memory of its first input, if nobody else reads that."""
    if isinstance(node.op, IncSubtensor):
        return node.op.pattern != ONE_A_ROW and node not in low.fallback
    return isinstance(node.op, IncDiagonals) and node not in low.fallback


ONE_A_ROW: Pattern = (Slot.ARRAY, Slot.ARRAY)
"""The pattern of what may be read in place."""


def _one_a_row(low: Lowering, node: Apply, x: Value, y: Value, indices: Sequence[Value]) -> bool:
    """Let ``x[arange(m), columns] += y`` be read in place, where each row is written once.

    That is how the gradient of a cross-entropy comes: rows of zeros, with one element each.  What
    is added to is read at one place, so that the text of a chain of them is as long as the chain.
    """
    op, (output,) = node.op, node.outputs
    assert isinstance(op, IncSubtensor)
    if op.pattern != ONE_A_ROW or x.ndim != 2 or indices[1].ndim != 1:
        return False
    rows, columns = indices
    i, m, n = Symbol("i"), rows.shape[0], x.shape[0]
    if rows.ndim != 1 or rows.read((i,)) is not i:
        return False
    at = low.new("column", "int64", (n,))
    value = low.new("value", output.dtype, (n,))
    column = as_expr(from_front(columns.read((i,)), x.shape[1]))
    written = [
        Store(at, (i,), column),
        Store(value, (i,), cast(y.stretched((i,)), output.dtype)),
    ]
    zero = Literal(np.dtype(output.dtype).type(0).item(), output.dtype)
    other: list[Statement] = [Store(at, (i,), integer(-1)), Store(value, (i,), zero)]
    nothing = Literal(-0.0, output.dtype) if output.type.is_float else zero
    whole = low.layout.extents.equal(m, n)
    body = written if whole else [If(call(LT, (i, m), "bool"), [*written], other)]
    low.place(Nest([Range(i, n)], [*body]))

    def element(index: Index) -> Expr:
        row_, column_ = index
        new, old = Load(value, (row_,)), x.read(index)
        hit = call(entry("eq"), (column_, Load(at, (row_,))), "bool")

        def chosen(new: Expr, old: Expr) -> Expr:
            return call(entry("switch"), (hit, new, old), output.dtype)

        if op.overwrite:
            return chosen(new, old)
        plus = entry("or_" if output.dtype == "bool" else "add")
        if isinstance(old, Literal):
            return chosen(call(plus, (old, new), output.dtype), old)
        return call(plus, (old, chosen(new, nothing)), output.dtype)

    low.viewed(output, x.shape, element, [x])
    if x.read((i, i)) == Literal(0, x.dtype) or x.read((i, i)) == Literal(0.0, x.dtype):
        low.values[output].row_sums = value
    return True


def inc_diagonals(low: Lowering, node: Apply) -> None:
    """Store the matrix, then add each vector to its diagonal."""
    op, (output,) = node.op, node.outputs
    assert isinstance(op, IncDiagonals)
    matrix, *vectors = (low.value(v) for v in node.inputs)
    for start, v in zip(op.starts, vectors, strict=True):
        for axis, first in enumerate(start):
            n, length = matrix.shape[axis], v.shape[0]
            end = length
            if first:  # a vector of no elements may start anywhere
                some = call(entry("gt"), (length, ZERO), "bool")
                end = call(entry("switch"), (some, length + integer(first), ZERO), "int64")
            low.check(
                call(GE, (n, end), "bool"),
                [end, n],
                lambda ns, axis=axis: IndexError(
                    f"a diagonal would end at {ns[0]}, beyond {ns[1]} at axis {axis}"
                ),
            )
    result = low.values[output] = _base(low, node, matrix)
    for start, v in zip(op.starts, vectors, strict=True):
        loops, (k,) = low.ranges(v.shape)
        at = tuple(k + integer(first) for first in start)
        total = call(entry("add"), (result.read(at), v.read((k,))), output.dtype)
        low.place(Nest(loops, [result.store(at, total)]))


def nonzero(low: Lowering, node: Apply) -> None:
    """Count the elements that are not zero, then write where each is."""
    x = low.value(node.inputs[0])

    def is_set(index: Index) -> Expr:
        element = x.read(index)
        zero = Literal(False if x.dtype == "bool" else 0, x.dtype)
        return element if x.dtype == "bool" else call(NEQ, (element, zero), "bool")

    flags = Value("bool", x.shape, is_set)
    total = reduced(low, "total", "sum", flags, range(x.ndim), "int64")
    count = Load(total, ())
    low.bounds.fit([count])
    outputs = [low.new(f"{named(v)}{k}", "int64", (count,)) for k, v in enumerate(node.outputs)]
    place = low.new("place", "int64", ())
    here = Load(place, ())
    low.place(Nest([], [Store(place, (), ZERO)]))
    loops, index = low.ranges(x.shape)
    for loop in loops:
        loop.kind = Kind.ORDERED
    found: list[Statement] = [Store(out, (here,), i) for out, i in zip(outputs, index, strict=True)]
    low.place(Nest(loops, [If(is_set(tuple(index)), [*found, Store(place, (), here + 1)])]))
    for v, out in zip(node.outputs, outputs, strict=True):
        low.values[v] = stored_value(out)


SORTED: dict[type[Op], Callable[[Array], tuple[Array]]] = {
    Sort: lambda rows: (np.sort(rows, axis=-1, kind="stable"),),
    ArgSort: lambda rows: (np.argsort(rows, axis=-1, kind="stable"),),
}
"""What the library makes of rows."""


def sort(low: Lowering, node: Apply) -> None:
    """Call the library on rows: the axis is moved to the end and back."""
    op, (output,) = node.op, node.outputs
    assert isinstance(op, (Sort, ArgSort))
    x = low.value(node.inputs[0])
    axis, last = op.axis, x.ndim - 1
    shape = [*(n for a, n in enumerate(x.shape) if a != axis), x.shape[axis]]

    def moved(index: Index) -> Expr:
        return x.read((*index[:axis], index[last], *index[axis:last]))

    rows = low.new("rows", x.dtype, shape)
    low.fill(rows, moved)
    ordered = low.new(named(output), output.dtype, shape)
    room = shape[-1] if isinstance(op, Sort) else low.extent(shape[-1] * 4)
    work = low.new("workspace", output.dtype, [room])
    low.put(
        Library(
            f"{op.label()}_{x.dtype}",
            (product(shape[:-1]), shape[-1]),
            (rows,),
            (ordered, work),
            SORTED[type(op)],
        )
    )
    result = stored_value(ordered)
    low.values[output] = (
        result
        if axis == last
        else Value(
            output.dtype,
            x.shape,
            lambda i: result.read((*i[:axis], *i[axis + 1 :], i[axis])),
        )
    )
