"""Products: loops that fuse where a vector takes part, a library's function for matrices."""

from __future__ import annotations

import math

from gradcore.dtypes import computed
from gradcore.errors import ShapeError
from gradcore.graph import Apply
from gradcore.kernel.ir import (
    Expr,
    Literal,
    Matmul,
    Strided,
    call,
    cast,
)
from gradcore.kernel.lowering import Lowering, named
from gradcore.kernel.nests import Nest
from gradcore.kernel.rules.elementwise import check_extents
from gradcore.kernel.rules.reduce import combined
from gradcore.kernel.values import Value, stored_value, strided
from gradcore.ops.elementwise import entry

MUL, AND = map(entry, ("mul", "and_"))


def dot(low: Lowering, node: Apply) -> None:
    """Sum products in loops if there is a vector, else call the library."""
    x, y = (low.value(v) for v in node.inputs)
    low.equal(
        [x.shape[-1], y.shape[0]],
        lambda ns: ShapeError(
            f"dot of {node.inputs[0]} and {node.inputs[1]}: "
            f"the inner extents {ns[0]} and {ns[1]} differ",
            node.where,
        ),
    )
    sizes = [n.value for n in (*x.shape, *y.shape[1:]) if isinstance(n, Literal)]
    small = len(sizes) == 3 and math.prod(sizes) <= low.target.loop_product
    if x.ndim == y.ndim == 2 and not small:
        _matmul(low, node, x, y)
    else:
        _loops(low, node, x, y)


def _loops(low: Lowering, node: Apply, x: Value, y: Value) -> None:
    (output,) = node.outputs
    dtype = computed(output.dtype)
    shape = (*x.shape[:-1], *y.shape[1:])
    loops, index = low.ranges((*shape, x.shape[-1]))
    *outer, k = index
    rows = outer[: x.ndim - 1]
    columns = outer[x.ndim - 1 :]
    times = AND if dtype == "bool" else MUL
    product = call(
        times,
        (cast(x.read((*rows, k)), dtype), cast(y.read((k, *columns)), dtype)),
        dtype,
    )
    kind = "any" if dtype == "bool" else "sum"
    target = combined(low, loops, named(output), tuple(outer), shape, kind, product)
    low.values[output] = stored_value(target)
    if dtype != output.dtype:
        value = stored_value(target)
        low.computed(output, shape, lambda i: cast(value.read(i), output.dtype))


def matmul(low: Lowering, node: Apply) -> None:
    """Call the library, for each matrix of the stack."""
    x, y = (low.value(v) for v in node.inputs)
    low.equal(
        [x.shape[-1], y.shape[-2]],
        lambda ns: ShapeError(f"matmul: the inner extents {ns[0]} and {ns[1]} differ", node.where),
    )
    check_extents(low, node, [x.shape, y.shape], core=2)
    _matmul(low, node, x, y)


def _matmul(low: Lowering, node: Apply, x: Value, y: Value) -> None:
    (output,) = node.outputs
    (shape,) = low.shapes(node)
    wanted = low.wanted.pop(output, None)
    value = (
        stored_value(low.new(named(output), output.dtype, shape))
        if wanted is None
        else wanted(shape)
    )
    parts = stored_part(value), _part(low, x, output.dtype), _part(low, y, output.dtype)
    loops, lead = low.ranges(shape[:-2], "b")
    out, left, right = (_matrix(part, lead) for part in parts)
    low.place(Nest(loops, [Matmul(out, left, right)]))
    low.values[output] = value


def stored_part(value: Value) -> Strided:
    """Return the strided part of a buffer that a value is, as `strided` must have found."""
    found = strided(value)
    assert found is not None
    return found


def _part(low: Lowering, value: Value, dtype: str) -> Strided:
    """Return an operand in ``dtype`` as a part of a buffer; it is stored if it must be."""
    found = strided(value) if value.dtype == dtype else None
    if found is None:
        if value.dtype == dtype:
            return stored_part(stored_value(low.whole(value)))
        converted = low.new("converted", dtype, value.shape)
        low.fill(converted, value.read)
        return stored_part(stored_value(converted))
    return found


def _matrix(part: Strided, lead: list[Expr]) -> Strided:
    """Return the matrix of a stack at the index ``lead``, which broadcasts."""
    rank = len(part.shape) - 2
    first = list(part.first)
    for n, steps, i in zip(part.shape[:rank], part.steps, lead[len(lead) - rank :], strict=False):
        if n == Literal(1, "int64"):
            continue
        first = [at + i * step for at, step in zip(first, steps, strict=True)]
    return Strided(part.buffer, tuple(first), part.shape[rank:], part.steps[rank:])
