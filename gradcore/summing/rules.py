"""The rules: what ops make of parts of a batch, by the op's kind.

A rule is a function of a node and of what its operands are (`Part`), at least one of them rows, or
an extent of rows; it returns what each output is.  What is linear by its declaration
(`Derivative.linear_in`) needs none: a linear map of sums is the sum of the maps.  An op that has
no rule is refused where it meets rows: so a new one is refused until somebody says what it does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from gradcore.graph import Apply, Constant, Op, Operand, Variable
from gradcore.graph.traverse import infer_shapes
from gradcore.ops.axes import DimShuffle, Reshape
from gradcore.ops.control import Assert, IfElse, OptimizationBarrier, Print
from gradcore.ops.create import Arange
from gradcore.ops.cumulative import Cumulative, Recurrence
from gradcore.ops.elementwise import Elementwise
from gradcore.ops.factors import Cholesky, Solve, SolveLower
from gradcore.ops.index import IncSubtensor, Subtensor
from gradcore.ops.index_patterns import Slice, Slot, indexed_shape
from gradcore.ops.inverses import Determinant, Inverse, LogAbsDeterminant
from gradcore.ops.linalg import Dot, MatMul
from gradcore.ops.reduce import ArgReduce, Reduce
from gradcore.ops.search import SearchSorted
from gradcore.ops.shape import Alloc, Join
from gradcore.ops.shape_values import Extent, SpecifyShape
from gradcore.ops.sorting import ArgSort, Sort
from gradcore.ops.windows import OverlapAdd, Windows
from gradcore.summing.parts import (
    FREE,
    NeedsTotalsError,
    NotByChunksError,
    Part,
    from_right,
    level_of,
)

Rule: TypeAlias = Callable[[Any, list[Part]], Sequence[Part]]
"""A function of a node and of what its operands are."""

MARK = 7919
"""An extent that stands for the rows where an op is asked for a shape: nothing else has it."""


def _all_free(parts: Sequence[Part]) -> bool:
    return all(p.is_free for p in parts)


def _refuse_rows(parts: Sequence[Part], what: str) -> None:
    if any(p.is_rows for p in parts):
        raise NotByChunksError(what)


# elements -----------------------------------------------------------------------------------------
def elementwise(node: Apply, parts: list[Part]) -> Sequence[Part]:
    """Each element of its own: rows of rows."""
    if any(p.kind == "numbers" for p in parts):
        raise NotByChunksError("it computes with the numbers of rows, which start anew in a chunk")
    sums = [i for i, p in enumerate(parts) if not (p.is_rows or p.is_free)]
    if sums:
        raise NeedsTotalsError(*sums)
    return [from_right(node, parts, range(len(parts)), node.out)]


def reduction(node: Apply, parts: list[Part]) -> Sequence[Part]:
    """Over the rows: a reduction of chunks; over others: rows."""
    (x,), op = parts, node.op
    assert isinstance(op, Reduce)
    if x.kind == "numbers":
        return elementwise(node, parts)
    if x.axis not in op.axes:
        return [x.along(x.axis - sum(a < x.axis for a in op.axes))]
    return [Part(op.kind, x.level)]  # pyright: ignore[reportArgumentType] - the kinds are the same


def along_an_axis(node: Apply, parts: list[Part]) -> Sequence[Part]:
    """Each line along an axis of its own."""
    op: Any = node.op
    if any(p.is_rows and p.axis == op.axis for p in parts) or not all(p.is_rows for p in parts):
        raise NotByChunksError(f"{op.label()} goes along the rows of the batch")
    found = from_right(node, parts, range(len(parts)), node.inputs[0])
    return [
        found.along(found.axis - (op.axis < found.axis)) if isinstance(op, ArgReduce) else found
    ]


# axes ---------------------------------------------------------------------------------------------
def dimshuffle(node: Apply, parts: list[Part]) -> Sequence[Part]:
    """The rows lie along another axis."""
    (x,), op = parts, node.op
    assert isinstance(op, DimShuffle)
    if x.axis not in op.order:
        raise NotByChunksError("it drops the axis of the rows")
    return [x.along(op.order.index(x.axis))]


def reshape(node: Apply, parts: list[Part]) -> Sequence[Part]:
    """In C order, the rows stay where what comes behind them is as much as before.

    In front of all, that is so whatever comes behind, and rows may become several.
    """
    x, *extents = parts
    given = node.inputs[1:]
    if x.kind == "rows" and not x.axis and extents and _all_free(extents[1:]):
        first = extents[0]
        if first.counts or (isinstance(given[0], Constant) and given[0].data == -1):
            return [Part("rows", level_of([x, *extents[1:]]), 0, x.whole and first.whole)]
    counts = [k for k, n in enumerate(extents) if not n.is_free]
    if x.kind == "rows" and x.whole and len(counts) == 1 and extents[counts[0]].whole:
        (place,) = counts
        (shape,) = infer_shapes([node.inputs[0]])
        behind, new = shape[x.axis + 1 :], given[place + 1 :]
        if len(behind) == len(new) and all(map(_same_extent, behind, new)):
            return [Part("rows", level_of([x, *(n for n in extents if n.is_free)]), place, True)]
    raise NotByChunksError(
        "it mixes the axis of the rows with others",
        "move that axis to the front first, and leave it there: reshape((-1, ...))",
    )


def _same_extent(n: Any, m: Variable) -> bool:
    """Return whether two extents are the same, as far as one sees from how they are computed."""
    if isinstance(n, int) or isinstance(m, Constant):
        return isinstance(n, int) and isinstance(m, Constant) and int(m.data) == n
    if n is m or n.owner is None or m.owner is None:
        return n is m
    return n.owner.op == m.owner.op and n.owner.inputs == m.owner.inputs


def alloc(node: Apply, parts: list[Part]) -> Sequence[Part]:
    """Stretched along the rows."""
    x, *extents = parts
    places = [k for k, n in enumerate(extents) if not n.is_free]
    if len(places) != 1 or not all(n.is_extent for n in extents):
        raise NotByChunksError("it has more axes than one that grow with the batch")
    if not (x.is_free or x.kind == "rows"):
        raise NeedsTotalsError(0)
    (place,), value = places, node.inputs[0]
    at = place - (len(extents) - value.ndim)
    if x.is_rows and x.axis != at:
        raise NotByChunksError("it pairs rows of the batch with each other")
    if x.is_free and at >= 0 and value.type.shape[at] != 1:
        raise NotByChunksError(f"{value} goes along the rows of the batch, and is not in chunks")
    whole = extents[place].whole and (x.is_free or x.whole)
    return [Part("rows", level_of(parts), place, whole)]


def arange(node: Apply, parts: list[Part]) -> Sequence[Part]:
    """The numbers of the rows."""
    (n,) = parts
    if not n.whole:
        raise NeedsTotalsError(0)
    return [Part("numbers", n.level, 0, whole=True)]


def extent(node: Apply, parts: list[Part]) -> Sequence[Part]:
    """The number of rows, or what is the same for all chunks."""
    (x,), op = parts, node.op
    assert isinstance(op, Extent)
    axis = op.axis % node.inputs[0].ndim
    if not x.is_rows or axis != x.axis:
        return [Part(level=x.level, of_data=True)]
    return [Part("sum", x.level, whole=x.whole, counts=True)]


def specify_shape(node: Apply, parts: list[Part]) -> Sequence[Part]:
    """The first operand, which has these extents."""
    x, *extents = parts
    sums = [k for k, n in enumerate(extents, 1) if not n.is_extent]
    if sums:
        raise NeedsTotalsError(*sums)
    elsewhere = [k for k, n in enumerate(extents) if n.counts and (not x.is_rows or k != x.axis)]
    if elsewhere:
        raise NeedsTotalsError(*(k + 1 for k in elsewhere))
    if x.is_rows and not extents[x.axis].counts:
        raise NotByChunksError("it declares how many rows there are")
    return [x.along(x.axis, level_of(parts))]


def join(node: Apply, parts: list[Part]) -> Sequence[Part]:
    """Rows beside each other."""
    op: Any = node.op
    if any(p.kind != "rows" or p.axis == op.axis for p in parts):
        raise NotByChunksError("it joins rows of the batch with something else")
    return [from_right(node, parts, range(len(parts)), node.out)]


# products -----------------------------------------------------------------------------------------
def _contracted(x: Part, y: Part) -> Sequence[Part]:
    if not (x.is_rows and y.is_rows):
        raise NotByChunksError(
            "it sums over the rows of the batch what is in chunks, times what is not",
            "pass both in chunks",
        )
    return [Part("sum", max(x.level, y.level))]


def dot(node: Apply, parts: list[Part]) -> Sequence[Part]:
    """Over the rows: a sum; else rows, of a product with what is free."""
    (x, y), last = parts, node.inputs[0].ndim - 1
    _only_rows(parts)
    if (x.is_rows and x.axis == last) or (y.is_rows and y.axis == 0):
        if x.is_rows and y.is_rows and (x.axis != last or y.axis != 0):
            raise NotByChunksError("it pairs rows of the batch with each other")
        return _contracted(x, y)
    if x.is_rows and y.is_rows:
        raise NotByChunksError("it pairs rows of the batch with each other")
    level = level_of(parts)
    return [x.along(0, level) if x.is_rows else y.along(node.out.ndim - 1, level)]


def matmul(node: Apply, parts: list[Part]) -> Sequence[Part]:
    """The same for stacks: rows may also be among the axes that broadcast."""
    _only_rows(parts)
    places = [
        v.ndim - p.axis if p.is_rows else None for p, v in zip(parts, node.inputs, strict=True)
    ]
    left, right = places
    if left == 1 or right == 2:
        if left not in (1, None) or right not in (2, None):
            raise NotByChunksError("it pairs rows of the batch with each other")
        return _contracted(*parts)
    if (left == 2 or right == 1) and None not in places:
        raise NotByChunksError("it pairs rows of the batch with each other")
    whole = all(p.whole for p in parts if p.is_rows)
    if left == 2 or right == 1:
        return [Part("rows", level_of(parts), node.out.ndim - (2 if left == 2 else 1), whole)]
    return [from_right(node, parts, range(2), node.out)]


def _only_rows(parts: Sequence[Part]) -> None:
    if any(p.kind == "numbers" for p in parts):
        raise NotByChunksError("it computes with the numbers of rows, which start anew in a chunk")
    sums = [i for i, p in enumerate(parts) if not (p.is_rows or p.is_free)]
    if sums:
        raise NeedsTotalsError(*sums)


# matrices -----------------------------------------------------------------------------------------
def of_matrices(node: Apply, parts: list[Part]) -> Sequence[Part]:
    """Each matrix of a stack of its own."""
    _only_rows(parts)
    (x,) = parts
    if x.axis >= node.inputs[0].ndim - 2:
        raise NotByChunksError(f"{node.op.label()} takes matrices of which the batch is an axis")
    return [x for _ in node.outputs]


def equations(node: Apply, parts: list[Part]) -> Sequence[Part]:
    """Each right side of its own: a column, or one of a stack."""
    _only_rows(parts)
    (m, b), ndim = parts, node.inputs[1].ndim
    if m.is_free and ndim == 2 and b.axis == 1:
        return [b.along(1, level_of(parts))]
    if any(p.is_rows and p.axis >= node.inputs[0].ndim - 2 for p in parts):
        raise NotByChunksError(f"{node.op.label()} takes matrices of which the batch is an axis")
    return [from_right(node, parts, range(2), node.out)]


def windows(node: Apply, parts: list[Part]) -> Sequence[Part]:
    """Windows of the last axes: the others stay."""
    x, *sizes = parts
    op: Any = node.op
    if not _all_free(sizes) or x.kind != "rows" or x.axis >= node.inputs[0].ndim - op.own_rank:
        raise NotByChunksError("its windows go along the rows of the batch")
    return [x.along(x.axis, level_of(parts))]


def search(node: Apply, parts: list[Part]) -> Sequence[Part]:
    """Each element that is searched for of its own."""
    _only_rows(parts)
    if not parts[0].is_free:
        raise NotByChunksError("it searches in the rows of the batch")
    return [parts[1].along(parts[1].axis, level_of(parts))]


# indices ------------------------------------------------------------------------------------------
def _pattern(node: Apply) -> tuple[Any, ...]:
    op = node.op
    assert isinstance(op, (Subtensor, IncSubtensor))
    return op.pattern


def _place_of_rows(node: Apply, x: Part, indices: list[Part], first: int) -> int | None:
    """Return the axis of the rows in ``x[pattern]``; None: it has none.

    Raises NotByChunksError: a part of the rows is taken, or rows are paired.
    """
    pattern = _pattern(node)
    entries = [entry for entry in pattern if entry is not None]
    if x.is_rows and x.axis < len(entries):
        entry = entries[x.axis]
        if not (isinstance(entry, Slice) and entry.is_full):
            return _of_own_row(node, x, indices, first)
    if any(p.is_rows for p in indices):
        if x.is_rows:
            raise NotByChunksError("it pairs rows of the batch with each other")
        _aligned([(node.inputs[first + k], p) for k, p in enumerate(indices)])
    elif not x.is_rows:
        return None
    operands = [_marked(v, p) for v, p in zip(node.inputs[first:], indices, strict=True)]
    shape = indexed_shape(pattern, _marked(node.inputs[0], x), operands)
    return shape.index(MARK)


def _aligned(indices: Sequence[tuple[Variable, Part]]) -> None:
    """Refuse index arrays whose rows do not lie along one axis of their broadcast."""
    arrays = [(v, p) for v, p in indices if v.ndim]
    places = {v.ndim - p.axis for v, p in arrays if p.is_rows}
    if len(places) > 1:
        raise NotByChunksError("it pairs rows of the batch with each other")
    (place,) = places
    if any(
        not p.is_rows and v.ndim >= place and v.type.shape[v.ndim - place] != 1 for v, p in arrays
    ):
        raise NotByChunksError("an index goes along the rows of the batch, and is not in chunks")


def _of_own_row(node: Apply, x: Part, indices: list[Part], first: int) -> int:
    """Return the axis of the rows where each is asked for something by its own number."""
    pattern = _pattern(node)
    filling = iter(zip(node.inputs[first:], indices, strict=True))
    arrays: list[tuple[Variable, Part]] = []
    own, axis = False, 0
    for entry in pattern:
        bounds = entry.bounds if isinstance(entry, Slice) else (entry,)
        for _ in (b for b in bounds if isinstance(b, Slot)):
            v, p = next(filling)
            if entry is Slot.ARRAY:
                arrays.append((v, p))
                own = own or (axis == x.axis and p.kind == "numbers" and x.whole)
        axis += entry is not None
    if not own:
        raise NotByChunksError(
            "it takes some of the rows of the batch",
            "select by a factor that is 0 for the others, or select before",
        )
    _aligned(arrays)
    operands = [_marked(v, p) for v, p in zip(node.inputs[first:], indices, strict=True)]
    return indexed_shape(pattern, _marked(node.inputs[0], FREE), operands).index(MARK)


def _marked(v: Variable, p: Part) -> Operand:
    return Operand(tuple(MARK if p.is_rows and k == p.axis else 1 for k in range(v.ndim)))


def _refuse_numbers_elsewhere(x: Part, indices: Sequence[Part]) -> None:
    """Numbers of rows in a chunk are those of the rows of the chunk alone."""
    if x.kind == "numbers" or (any(p.kind == "numbers" for p in indices) and not x.is_rows):
        raise NotByChunksError("it computes with the numbers of rows, which start anew in a chunk")


def subtensor(node: Apply, parts: list[Part]) -> Sequence[Part]:
    """Parts of each row, or of something free, a part for each row."""
    x, *indices = parts
    _refuse_numbers_elsewhere(x, indices)
    sums = [i for i, p in enumerate(parts) if not (p.is_rows or p.is_free)]
    if sums:
        raise NeedsTotalsError(*sums)
    place = _place_of_rows(node, x, indices, 1)
    assert place is not None
    whole = all(p.whole for p in parts if p.is_rows)
    return [Part("rows", level_of(parts), place, whole)]


def inc_subtensor(node: Apply, parts: list[Part]) -> Sequence[Part]:
    """Into each row; or rows added into zeros, a sum."""
    x, y, *indices = parts
    _refuse_numbers_elsewhere(x, [y, *indices])
    sums = [i for i, p in enumerate(parts) if not (p.is_rows or p.is_free)]
    if sums:
        raise NeedsTotalsError(*sums)
    place = _place_of_rows(node, x, indices, 2)
    if place is None:
        raise NotByChunksError("it writes rows of the batch into one place")
    pattern = _pattern(node)
    operands = [_marked(v, p) for v, p in zip(node.inputs[2:], indices, strict=True)]
    rank = len(indexed_shape(pattern, _marked(node.inputs[0], x), operands))
    written, from_end = node.inputs[1], rank - place
    if y.is_rows and written.ndim - y.axis != from_end:
        raise NotByChunksError("it pairs rows of the batch with each other")
    if not y.is_rows and written.ndim >= from_end and written.type.shape[-from_end] != 1:
        raise NotByChunksError(f"{written} goes along the rows of the batch, and is not in chunks")
    if x.is_rows:
        return [x.along(x.axis, level_of(parts))]
    assert isinstance(node.op, IncSubtensor)
    if node.op.overwrite or not x.zero:
        raise NotByChunksError(
            "it writes rows of the batch into what is no sum over them",
            "add them into zeros, and the rest to the result",
        )
    return [Part("sum", level_of(parts))]


# control ------------------------------------------------------------------------------------------
def first_operand(node: Apply, parts: list[Part]) -> Sequence[Part]:
    """The first operand: the others are looked at."""
    _only_rows(parts[:1])
    return [parts[0].along(parts[0].axis, level_of(parts))]


def asserted(node: Apply, parts: list[Part]) -> Sequence[Part]:
    """The first operand; what must hold of all chunks is looked at in each."""
    x, *conditions = parts
    late = [
        k
        for k, c in enumerate(conditions, 1)
        if not (c.is_free or c.kind in ("all", "rows")) or c.level > x.level
    ]
    _refuse_rows([conditions[k - 1] for k in late], "its condition is known after another pass")
    if any(not conditions[k - 1].is_free for k in late):
        raise NeedsTotalsError(*(k for k in late if not conditions[k - 1].is_free))
    return [x]


def chosen(node: Apply, parts: list[Part]) -> Sequence[Part]:
    """One of two that are alike."""
    condition, *rest = parts
    count = len(node.outputs)
    found: list[Part] = []
    for one, other in zip(rest[:count], rest[count:], strict=True):
        same = one.along(one.axis, 0) == other.along(other.axis, 0)
        if not condition.is_free or not same:
            raise NotByChunksError("it chooses between what is in chunks and what is not")
        found.append(one.along(one.axis, max(one.level, other.level, condition.level)))
    return found


RULES: Mapping[type[Op], Rule] = {
    Elementwise: elementwise,
    Reduce: reduction,
    **dict.fromkeys((ArgReduce, Cumulative, Recurrence, Sort, ArgSort), along_an_axis),
    DimShuffle: dimshuffle,
    Reshape: reshape,
    Alloc: alloc,
    Arange: arange,
    Extent: extent,
    SpecifyShape: specify_shape,
    Join: join,
    Dot: dot,
    MatMul: matmul,
    **dict.fromkeys((Cholesky, Inverse, Determinant, LogAbsDeterminant), of_matrices),
    **dict.fromkeys((Solve, SolveLower), equations),
    **dict.fromkeys((Windows, OverlapAdd), windows),
    SearchSorted: search,
    Subtensor: subtensor,
    IncSubtensor: inc_subtensor,
    **dict.fromkeys((Print, OptimizationBarrier), first_operand),
    Assert: asserted,
    IfElse: chosen,
}
"""What is known of ops by their classes; `gradcore.summing.reading` has loops."""

BY_EXTENTS = (Alloc, Arange, Reshape, SpecifyShape)
"""Ops whose rules are asked where an extent of the rows is among the operands, too."""
