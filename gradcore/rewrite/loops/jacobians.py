"""Products with a Jacobian are what its linear map does to a vector: the Jacobian is not built.

===================================  ===============================================
as written                           as it runs
===================================  ===============================================
``v @ J``, ``J.T @ v``               the map of v, as `Lop`
``J @ v``, ``v @ J.T``               the transposed map of v, as `Rop`
``J[i]``, ``J[:, j]``                the map, or the transposed one, of a unit vector
``J.sum(0)``, ``J.sum(1)``           the map, or the transposed one, of ones
``(A @ J) @ v``, ``v @ (J @ A)``     ``A @ (J @ v)``, ``(v @ J) @ A``, and so on
===================================  ===============================================

``J`` is a matrix that `gradcore.rewrite.loops.one_hot` finds: that of `gradcore.gradient.jacobian`
or `hessian`, or a scan of the user's.  Where it is read otherwise, too, it is built once, and all
that reads it reads that.

The decision: a pass, since all that reads a Jacobian decides whether it is needed as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from gradcore.gradient import jacobian
from gradcore.graph import (
    Apply,
    Constant,
    Extent,
    FunctionGraph,
    Variable,
    as_variable,
    free_inputs,
    on_behalf_of,
)
from gradcore.language import LANGUAGE
from gradcore.ops.control import IfElse
from gradcore.ops.create import Arange
from gradcore.ops.index import Subtensor
from gradcore.ops.index_patterns import Slice, Slot
from gradcore.ops.linalg import Dot
from gradcore.ops.reduce import Reduce
from gradcore.ops.scan import Scan
from gradcore.ops.shape import Alloc, DimShuffle
from gradcore.rewrite.canonical.stage import canonicalize, is_made_by, is_zero
from gradcore.rewrite.changes import Changes
from gradcore.rewrite.engine import Pass, fitting
from gradcore.rewrite.loops.diagonals import banded
from gradcore.rewrite.loops.one_hot import LinearRows, linear_rows
from gradcore.rewrite.loops.parts import LoopParts, with_replaced

TRANSPOSE = DimShuffle((1, 0))
WHOLE = Slice(None, None, None)
DOT = Dot()


def _rewrite(graph: FunctionGraph) -> FunctionGraph:
    graph = with_replaced(graph, _within_loops(graph))
    while replaced := _products_replaced(graph):
        graph = with_replaced(graph, replaced)
    return with_replaced(graph, _built(graph))


def _within_loops(graph: FunctionGraph) -> dict[Variable, Variable]:
    """Return what loops of loops are, rewritten with what makes the unit vectors in them again.

    It does not change in the outer loop, and has been hoisted out of it.
    """
    replaced: dict[Variable, Variable] = {}
    for node in graph.nodes:
        if not isinstance(node.op, Scan) or not _has_loop(node.op.body):
            continue
        loop = LoopParts.of(node)
        made = {each.inner: each.outer.owner for each in loop.constants if _is_of_units(each.outer)}
        again = {
            v: maker.op(*(x if isinstance(x, Constant) else loop.captured(x) for x in maker.inputs))
            for v, maker in made.items()
            if maker is not None
        }
        if not again:
            continue
        loop.substitute(again)
        body = loop.body()
        found = _rewrite(body)
        if found is not body:
            loop.let_return(found.outputs)
            replaced.update(zip(node.outputs, loop.build().all, strict=True))
    return replaced


def _has_loop(body: FunctionGraph) -> bool:
    return any(isinstance(node.op, Scan) for node in body.nodes)


def _is_of_units(v: Variable) -> bool:
    """Return whether ``v`` is what unit vectors are made of: counts, or zeros."""
    return is_made_by(v, Arange) or (is_made_by(v, Alloc) and is_zero(v))


def _products_replaced(graph: FunctionGraph) -> dict[Variable, Variable]:
    """Return what the products with a Jacobian are instead, of one that only products read."""
    replaced: dict[Variable, Variable] = {}
    for stack in (v for node in graph.nodes if isinstance(node.op, Scan) for v in node.outputs):
        found = dict(_products(graph, stack))
        for node, new in found.items():
            replaced[node.out] = fitting(new, node.out, node, jacobian_products.name)
        if found:
            break
    return replaced


# matrices that are needed as a whole ------------------------------------------------------------
def _built(graph: FunctionGraph) -> dict[Variable, Variable]:
    """Return matrices as they are computed best, in place of loops over their rows."""
    replaced: dict[Variable, Variable] = {}
    for node in graph.nodes:
        for stack in node.outputs if isinstance(node.op, Scan) else ():
            rows = linear_rows(stack)
            if rows is None or _is_branch(graph, stack):
                continue
            with on_behalf_of(node.where):
                found = _whole(stack, rows)
            if found not in (None, stack):
                replaced[stack] = fitting(found, stack, node, jacobian_products.name)
    return replaced


def _is_branch(graph: FunctionGraph, v: Variable) -> bool:
    """Return whether ``v`` is what a choice takes: it has been decided upon."""
    return any(isinstance(node.op, IfElse) for node in graph.readers.get(v, ()))


def _whole(stack: Variable, rows: LinearRows) -> Variable | None:
    """Return a matrix by its structure, or by whichever are fewer, its rows or its columns.

    None: by its rows, as it is.
    """
    by_rows = banded(rows)
    if not rows.is_matrix or (by_rows is not None and by_rows.is_cheap):
        return by_rows and by_rows.tensor
    columns = rows.by_columns()
    if columns is None:
        return by_rows and by_rows.tensor
    by_columns = banded(columns)
    m, n = _in_normal_form(*map(as_variable, rows.shape()))
    if m is n:
        found = by_rows or by_columns
        return found and found.tensor
    few_columns = by_columns.tensor if by_columns else columns.looped()
    few_rows = by_rows.tensor if by_rows else stack
    if isinstance(m, Constant) and isinstance(n, Constant):
        return few_columns if m.data > n.data else few_rows
    return LANGUAGE["ifelse"](LANGUAGE["gt"](m, n), few_columns, few_rows)


def _in_normal_form(*extents: Variable) -> tuple[Variable, ...]:
    return canonicalize.run(FunctionGraph(tuple(free_inputs(extents)), extents), []).outputs


def _products(graph: FunctionGraph, stack: Variable) -> list[tuple[Apply, Variable]]:
    """Return the products that read ``stack`` and what they are instead; none, if all is read."""
    readers = list(_readers(graph, stack))
    rows = linear_rows(stack) if readers and stack not in graph.outputs else None
    if rows is None:
        return []
    found: list[tuple[Apply, Variable]] = []
    for node, matrix in readers:
        with on_behalf_of(node.where):
            new = _instead(graph, node, matrix, rows if matrix is stack else rows.T)
        if new is None:
            return []
        found.append(new)
    return found


def _readers(graph: FunctionGraph, stack: Variable) -> Iterator[tuple[Apply, Variable]]:
    """Yield what reads ``stack`` or its transpose, and which of them."""
    for node in graph.readers.get(stack, ()):
        transpose = node.outputs[0]
        if node.op == TRANSPOSE and transpose not in graph.outputs:
            yield from ((reader, transpose) for reader in graph.readers[transpose])
        else:
            yield node, stack


def _instead(
    graph: FunctionGraph, node: Apply, matrix: Variable, rows: LinearRows
) -> tuple[Apply, Variable] | None:
    """Return a product, ``node`` or one that it is a factor of, and what it is instead."""
    op = node.op
    if isinstance(op, Dot) and all(v.ndim == 2 for v in node.inputs):
        return _associated(graph, node)
    new: Variable | None = None
    if isinstance(op, Dot):
        new = _times(node, matrix, rows)
    elif isinstance(op, Subtensor):
        new = _part(node, rows)
    elif isinstance(op, Reduce) and op.kind == "sum":
        new = _sum(op.axes, rows)
    return None if new is None else (node, new)


def _times(node: Apply, matrix: Variable, rows: LinearRows) -> Variable | None:
    """Return the product of the matrix, or vector, and a vector."""
    left, right = node.inputs
    if left.type.dtype != right.type.dtype:
        return None
    v, from_left = (left, True) if right is matrix else (right, False)
    if v.ndim != 1 or v is matrix:
        return None
    return rows.from_left(v) if from_left or not rows.is_matrix else rows.from_right(v)


def _part(node: Apply, rows: LinearRows) -> Variable | None:
    """Return a row, or a column, of the matrix, or a part of it."""
    op = node.op
    assert isinstance(op, Subtensor)
    first, *others = op.pattern
    indices = list(node.inputs[1:])
    if first == WHOLE and len(others) == 1 and rows.is_matrix:
        (first, *others), rows = others, rows.T
    if not (isinstance(first, int) or first is Slot.SCALAR):
        return None
    index = first if isinstance(first, int) else indices.pop(0)
    unit = LANGUAGE["set_subtensor"](_filled(0, rows.shape()[0], rows)[index], 1)
    row = rows.from_left(unit)
    return row if row is None or not others else Subtensor(tuple(others))(row, *indices)


def _sum(axes: Sequence[int], rows: LinearRows) -> Variable | None:
    """Return the sum of the matrix over axes."""
    if 0 in axes:
        total = rows.from_left(_filled(1, rows.shape()[0], rows))
        others = tuple(axis - 1 for axis in axes if axis)
        return total if total is None or not others else Reduce("sum", others)(total)
    if axes == (1,) and rows.is_matrix:
        return rows.from_right(_filled(1, rows.shape()[1], rows))
    return None


def _filled(value: int, n: Extent, rows: LinearRows) -> Variable:
    """Return a vector of ``n`` equal numbers, in the dtype of the matrix."""
    return LANGUAGE["alloc"](np.asarray(value, rows.unit.dtype), n)


# products of several matrices -------------------------------------------------------------------
def _associated(graph: FunctionGraph, node: Apply) -> tuple[Apply, Variable] | None:
    """Return a product with a vector that a product of matrices goes into, associated from there.

    None: the product of the matrices is needed as a whole.
    """
    product = node.outputs[0]
    readers = graph.readers.get(product, ())
    if product in graph.outputs or not all(isinstance(each.op, Dot) for each in readers):
        return None
    found: tuple[Apply, Variable] | None = None
    dtypes = {v.type.dtype for each in (node, *readers) for v in each.inputs}
    if len(dtypes) > 1:
        return None  # what a sum is rounded to, and where it wraps, is in the dtype of the product
    for reader in readers:
        left, right = reader.inputs
        if left.ndim == right.ndim:
            found = _associated(graph, reader)
        elif right.ndim == 1:
            found = reader, DOT(node.inputs[0], DOT(node.inputs[1], right))
        else:
            found = reader, DOT(DOT(left, node.inputs[0]), node.inputs[1])
        if found is None:
            return None
    return found


# the pass ---------------------------------------------------------------------------------------
def _jacobian_times_vector(x: Variable) -> Variable:
    """Return a Jacobian, times a vector from the right."""
    v = x[0]
    return DOT(jacobian(LANGUAGE["sin"](v) * v[::-1], v), v)


def _vector_times_jacobian(x: Variable) -> Variable:
    """Return a Jacobian, times a vector from the left, and one of its rows."""
    v = x[0]
    matrix = jacobian(LANGUAGE["sin"](v) * v[::-1], v)
    return DOT(v, matrix) + matrix.sum(1) + matrix[:, 0]


jacobian_products = Pass(
    "jacobian_products",
    _rewrite,
    changes=Changes(rounding=64, of="terms", derivatives=True, nonfinite=True),
    examples=(_jacobian_times_vector, _vector_times_jacobian),
)
