"""Parts of products of matrices: products of parts, of which nothing else is computed.

::

    (A @ B)[a:b, c:d]       A[a:b] @ B[:, c:d]
    (A @ B)[i]              A[i] @ B, one row of the product
    (A @ B)[[2, 0]]         A[[2, 0]] @ B, if these are no more rows than there are
    tanh(A @ B)[i]          tanh(A[i] @ B): elementwise ops on the way take parts, too

An index is out of bounds in the factor where it is in the product, and the axes that are summed
over are as long as before, so errors stay as they are.  An op on the way keeps its part where its
operands are not known to be as long as each other: that would no longer be checked.

The decision: a pass, since a product that something else reads, too, is computed anyway.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gradcore.graph import Apply, FunctionGraph, Variable, on_behalf_of
from gradcore.graph.extents import product
from gradcore.graph.nodes import constant_extent, extents_of
from gradcore.language import LANGUAGE
from gradcore.ops.control import IfElse
from gradcore.ops.elementwise import Elementwise
from gradcore.ops.index import Subtensor
from gradcore.ops.index_patterns import Entry, Slice, Slot, slots
from gradcore.ops.linalg import Dot, MatMul
from gradcore.rewrite.changes import Changes
from gradcore.rewrite.engine import Pass, fitting
from gradcore.rewrite.jacobians.linear_maps import in_normal_form

ALL = Slice(None, None, None)

DEEPEST = 4
"""How many elementwise ops may be between a part and a product."""

MOST_ROUNDS = 8
"""How often parts of parts are looked at again."""


@dataclass(frozen=True)
class _Taken:
    """What is taken along an axis: an entry of a pattern, and what fills its slots."""

    entry: Entry = ALL
    indices: tuple[Variable, ...] = ()

    @property
    def is_all(self) -> bool:
        return isinstance(self.entry, Slice) and self.entry.is_full

    @property
    def is_array(self) -> bool:
        return self.entry is Slot.ARRAY


def _rewrite(graph: FunctionGraph) -> FunctionGraph:
    for _ in range(MOST_ROUNDS):
        replaced: dict[Variable, Variable] = {}
        for node in graph.nodes:
            if isinstance(node.op, Subtensor) and _is_alone(graph, node.inputs[0]):
                with on_behalf_of(node.where):
                    found = _part(graph, node)
                if found is not None:
                    replaced[node.out] = fitting(found, node.out, node, "parts_of_products")
        if not replaced:
            break
        graph = graph.with_replaced(replaced)
    return graph


def _is_alone(graph: FunctionGraph, v: Variable) -> bool:
    """Return whether one node reads ``v``, once, and it is no output."""
    return v not in graph.outputs and len(graph.readers.get(v, ())) == 1


def _part(graph: FunctionGraph, node: Apply) -> Variable | None:
    """Return a part as the product of parts; None: it is of no product, or takes no less."""
    x = node.inputs[0]
    taken = _by_axis(node)
    if taken is None or not _reaches(graph, x, taken):
        return None
    found = _taken_of(graph, x, taken)
    more = _takes_more(x, taken)
    if isinstance(more, bool):
        return None if more else found
    if any(_is_branch(graph, v) for v in node.outputs):
        return None  # it has been chosen
    return LANGUAGE["ifelse"](more, node.out, found)


def _is_branch(graph: FunctionGraph, v: Variable) -> bool:
    return any(isinstance(n.op, IfElse) for n in graph.readers.get(v, ()))


def _by_axis(node: Apply) -> list[_Taken] | None:
    """Return what is taken along each axis; None: there are other axes, or places of elements."""
    x, *indices = node.inputs
    op = node.op
    assert isinstance(op, Subtensor)
    arrays = op.pattern.count(Slot.ARRAY)
    numbers = any(isinstance(e, int) or e is Slot.SCALAR for e in op.pattern)
    if None in op.pattern or arrays > 1 or (arrays and numbers):
        return None
    given = iter(indices)
    found = [_Taken(entry, tuple(next(given) for _ in slots((entry,)))) for entry in op.pattern]
    return [*found, *(_Taken() for _ in range(x.ndim - len(found)))]


def _reaches(
    graph: FunctionGraph, x: Variable, taken: Sequence[_Taken], depth: int = DEEPEST
) -> bool:
    """Return whether a part of ``x`` is one of a product that nothing else reads."""
    node = x.owner
    if node is None or not depth or len(node.outputs) > 1 or not _is_alone(graph, x):
        return False
    if isinstance(node.op, (Dot, MatMul)):
        return _is_of_factors(node, taken)
    if not isinstance(node.op, Elementwise):
        return False
    found = any(_reaches(graph, v, _aligned(node, v, taken), depth - 1) for v in node.inputs)
    return found and _are_as_long(node, taken)


def _is_of_factors(node: Apply, taken: Sequence[_Taken]) -> bool:
    """Return whether a part of a product takes less: views of the factors, or fewer rows of these.

    A product with a vector reads the matrix once: a copy of a part of that takes as long.
    """
    batch = taken[: max(node.out.ndim - 2, 0)] if isinstance(node.op, MatMul) else ()
    if not all(t.is_all for t in batch):
        return False
    by_vector = any(v.ndim == 1 for v in node.inputs)
    for t in taken:
        if isinstance(t.entry, Slice):
            step = t.entry.step
            if step not in (None, 1) and (by_vector or not isinstance(step, int) or step < 0):
                return False
        elif t.is_array and (by_vector or t.indices[0].ndim != 1):
            return False
    return True


def _are_as_long(node: Apply, taken: Sequence[_Taken]) -> bool:
    """Return whether operands are known to be as long as each other where not all is taken."""
    for axis, t in enumerate(taken):
        lead = [axis - node.out.ndim + v.ndim for v in node.inputs]
        extents = [
            extents_of(v)[k]
            for v, k in zip(node.inputs, lead, strict=True)
            if k >= 0 and not v.broadcastable[k]
        ]
        if t.is_all or len(extents) < 2:
            continue
        found = in_normal_form(*extents)
        known = {constant_extent(n) for n in found}
        if len(set(found)) > 1 and (None in known or len(known) > 1):
            return False
    return True


def _aligned(node: Apply, v: Variable, taken: Sequence[_Taken]) -> list[_Taken]:
    """Return what is taken of an operand of an elementwise op, of which ``taken`` is."""
    found: list[_Taken] = []
    for axis, t in list(enumerate(taken))[node.out.ndim - v.ndim :]:
        stretched = v.broadcastable[axis - node.out.ndim + v.ndim]
        if stretched and not node.out.broadcastable[axis]:
            number = isinstance(t.entry, int) or t.entry is Slot.SCALAR
            found.append(_Taken(0) if number else _Taken())
        else:
            found.append(t)
    return found


def _taken_of(
    graph: FunctionGraph, x: Variable, taken: Sequence[_Taken], depth: int = DEEPEST
) -> Variable:
    """Return a part of ``x``."""
    node = x.owner
    if node is None or not _reaches(graph, x, taken, depth):
        return _subtensor(x, taken)
    if isinstance(node.op, Elementwise):
        own = [(v, _aligned(node, v, taken)) for v in node.inputs]
        return node.op(*(_taken_of(graph, v, t, depth - 1) for v, t in own))
    left, right = node.inputs
    own = list(taken)
    columns = own.pop() if right.ndim > 1 else None
    rows = own.pop() if left.ndim > 1 else None
    if rows is not None:
        left = _subtensor(left, [*(_Taken() for _ in range(left.ndim - 2)), rows])
    if columns is not None:
        right = _subtensor(right, [*(_Taken() for _ in range(right.ndim - 1)), columns])
    return node.op(left, right) if isinstance(node.op, Dot) else _matrices(node, left, right)


def _matrices(node: Apply, left: Variable, right: Variable) -> Variable:
    """Return a product of stacks of matrices, of which some may have become stacks of vectors."""
    is_row, is_column = (
        x.ndim < whole.ndim for x, whole in zip((left, right), node.inputs, strict=True)
    )
    if is_row:
        left = left.dimshuffle(*range(left.ndim - 1), "x", left.ndim - 1)
    if is_column:
        right = right.dimshuffle(*range(right.ndim), "x")
    found = node.op(left, right)
    left_out = {found.ndim - 2: is_row, found.ndim - 1: is_column}
    return found.dimshuffle(*(axis for axis in range(found.ndim) if not left_out.get(axis)))


def _subtensor(x: Variable, taken: Sequence[_Taken]) -> Variable:
    if all(t.is_all for t in taken):
        return x
    return Subtensor(tuple(t.entry for t in taken))(x, *(v for t in taken for v in t.indices))


def _takes_more(x: Variable, taken: Sequence[_Taken]) -> bool | Variable:
    """Return whether indices take more than there is; a variable: that is known when it runs."""
    for n, t in zip(extents_of(x), taken, strict=True):
        if t.is_array:
            count, there = in_normal_form(product(extents_of(t.indices[0])), n)
            known, size = constant_extent(count), constant_extent(there)
            if known is not None:
                return size is not None and known > size
            return LANGUAGE["gt"](count, there)
    return False


def _row_of_product(x: Variable) -> Variable:
    """Return a row of a function of a product."""
    return LANGUAGE["tanh"](Dot()(x, x.T))[0]


def _block_of_product(x: Variable) -> Variable:
    """Return a block of a product, and some of its rows."""
    return Dot()(x, x.T)[:2, 1:].sum() + Dot()(x + 1, x.T)[[0, 0]]


parts_of_products = Pass(
    "parts_of_products",
    _rewrite,
    changes=Changes(rounding=16, of="terms"),
    examples=(_row_of_product, _block_of_product),
)
"""(A @ B)[a:b, c:d] = A[a:b] @ B[:, c:d], where nothing else reads the product."""
