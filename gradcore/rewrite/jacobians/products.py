"""Products with Jacobians, and with what the algebra of matrices makes of them.

A product goes to the Jacobian through the expression that it is with::

    (A + B) @ v             A @ v + B @ v
    A.T @ v                 v @ A
    (A @ B) @ v             A @ (B @ v)
    (s * A) @ v             s * (A @ v), for a scalar
    (d[:, None] * A) @ v    d * (A @ v)
    (A * d) @ v             A @ (d * v)
    A[a:b] @ v              (A @ v)[a:b]
    concatenate([A, B]) @ v     A @ v and B @ v, one after the other

and so do rows, which are products with unit vectors, and sums, which are products with ones.

The decision: products go inwards only where all that reads a Jacobian ends in products; else it is
needed as a whole, and is built once.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Container, Sequence
from dataclasses import dataclass

import numpy as np

from gradcore.graph import Apply, Extent, FunctionGraph, Variable, on_behalf_of
from gradcore.graph.nodes import extents_of
from gradcore.language import LANGUAGE
from gradcore.ops.elementwise import Elementwise
from gradcore.ops.index import IncSubtensor, Subtensor
from gradcore.ops.index_patterns import Pattern, Slice, Slot
from gradcore.ops.linalg import Dot
from gradcore.ops.reduce import Reduce
from gradcore.ops.scan import Scan
from gradcore.ops.shape import DimShuffle, Join
from gradcore.rewrite.engine import fitting
from gradcore.rewrite.jacobians.bands import diagonal
from gradcore.rewrite.jacobians.linear_maps import LinearRows, linear_rows
from gradcore.scan import scan

TRANSPOSE = DimShuffle((1, 0))
WHOLE = Slice(None, None, None)
DOT = Dot()

DEEPEST = 100
"""How many operations an expression may have between a Jacobian and a product."""


def products_replaced(graph: FunctionGraph) -> dict[Variable, Variable]:
    """Return what the products with a Jacobian are instead, of one that only products read."""
    for node in graph.nodes:
        if not isinstance(node.op, Scan):
            continue
        for stack in node.outputs:
            found = _products(graph, stack)
            if found:
                return {
                    product.out: fitting(new, product.out, product, "jacobians")
                    for product, new in found.items()
                }
    return {}


def _products(graph: FunctionGraph, stack: Variable) -> dict[Apply, Variable]:
    """Return the products that read ``stack`` and what they are instead; none, if all is read."""
    rows = linear_rows(stack) if stack in graph.readers and stack not in graph.outputs else None
    if rows is None:
        return {}
    expressions, products = _readers(graph, stack)
    of = Expression(stack, rows, expressions)
    found: dict[Apply, Variable] = {}
    try:
        for node in products:
            with on_behalf_of(node.where):
                found[node] = of.product(node)
    except Whole:
        return {}
    return found


def _readers(graph: FunctionGraph, stack: Variable) -> tuple[set[Variable], list[Apply]]:
    """Return the expressions of matrices that ``stack`` is in, and what else reads those."""
    depths = {stack: 0}
    for node in graph.nodes:
        depth = max((depths[v] for v in node.inputs if v in depths), default=DEEPEST)
        if depth < DEEPEST and len(node.outputs) == 1 and _is_algebra(node, depths):
            depths[node.out] = depth + 1
    outputs = set(graph.outputs)
    inner = {stack}
    products: list[Apply] = []
    for v in reversed(depths):
        if v is not stack and v not in outputs and _all_multiply(graph.readers[v], inner):
            inner.add(v)
    for v in depths:
        if v in inner:
            products += (node for node in graph.readers[v] if inner.isdisjoint(node.outputs))
    return inner, list(dict.fromkeys(products))


def _all_multiply(readers: Sequence[Apply], inner: set[Variable]) -> bool:
    """Return whether all readers of an expression are products, or such expressions themselves."""
    return all(not inner.isdisjoint(node.outputs) or _is_product(node) for node in readers)


def _is_product(node: Apply) -> bool:
    """Return whether what a node reads may be multiplied instead of built."""
    op = node.op
    if isinstance(op, Subtensor):
        return _row_of(op) is not None or _is_diagonal(node)
    return isinstance(op, Dot) or (isinstance(op, Reduce) and op.kind == "sum")


def _is_algebra(node: Apply, expressions: Container[Variable]) -> bool:
    """Return whether a product with the output of ``node`` goes on to its operands."""
    op = node.op
    if node.out.ndim != 2:
        return False
    if isinstance(op, Elementwise):
        return _linear(node, expressions) is not None
    if isinstance(op, Dot):
        return all(v.ndim == 2 for v in node.inputs) and _is_of_one_dtype(node, node.inputs)
    if isinstance(op, Join):
        return _is_of_one_dtype(node, node.inputs)
    return op == TRANSPOSE or _is_slice(op)


def _is_of_one_dtype(node: Apply, operands: Sequence[Variable]) -> bool:
    """Return whether a result has the dtype of operands; in another, products are rounded."""
    return all(v.type.dtype == node.out.type.dtype for v in operands)


def _is_slice(op: object) -> bool:
    return isinstance(op, Subtensor) and all(isinstance(entry, Slice) for entry in op.pattern)


def _linear(node: Apply, expressions: Container[Variable]) -> bool | None:
    """Return whether an elementwise op is linear in all its operands, which are matrices.

    False: in one that is; the others scale it.  None: neither.
    """
    if not _is_of_one_dtype(node, [v for v in node.inputs if v.ndim == 2]):
        return None
    own = {i for i, v in enumerate(node.inputs) if v in expressions}
    whole = {i for i, v in enumerate(node.inputs) if v.broadcastable == node.out.broadcastable}
    for together in node.op.derivative.linear_in(node):
        if own <= whole and own <= set(together):
            if len(together) == len(node.inputs) == len(whole):
                return True
            if len(together) == 1 and len(whole) == 1 and len(node.inputs) == 2:
                return False
    return None


class Expression:
    """What products with a Jacobian, and with expressions of matrices that it is in, are.

    stack, rows : the Jacobian, and its map.
    inner : those expressions, itself among them.
    """

    def __init__(self, stack: Variable, rows: LinearRows, inner: set[Variable]) -> None:
        self.stack = stack
        self.rows = rows
        self.inner = inner

    # what reads one -------------------------------------------------------------------------
    def product(self, node: Apply) -> Variable:
        """Return what a node that reads an expression is instead.

        Raises Whole: it needs the expression as a whole.
        """
        op = node.op
        if isinstance(op, Dot):
            return self._dot(node)
        matrix, *indices = node.inputs
        if isinstance(op, Reduce):
            return self._sum(op.axes, matrix)
        if not isinstance(op, Subtensor) or not self.inner.isdisjoint(indices):
            raise Whole
        return self._diagonal(matrix, indices[0]) if _is_diagonal(node) else self._row(node)

    def _dot(self, node: Apply) -> Variable:
        """Return the product of an expression with a vector, or with a matrix, by its vectors."""
        left, right = node.inputs
        if left.type.dtype != right.type.dtype or {left, right} <= self.inner:
            raise Whole
        from_left = right in self.inner
        matrix, factor = (right, left) if from_left else (left, right)
        if factor.ndim == 1:
            return self._times(matrix, factor, from_left or matrix.ndim == 1)
        if matrix.ndim != 2 or _is_larger(factor, matrix, 0 if from_left else 1):
            raise Whole

        def of_one(vector: Variable) -> Variable:
            return self._times(matrix, vector, from_left)

        vectors = factor if from_left else factor.T
        if vectors.broadcastable[0]:
            stack = of_one(vectors[0]).dimshuffle("x", 0)
        else:
            stack, _ = scan(of_one, vectors)
        return stack if from_left else stack.T

    def _row(self, node: Apply) -> Variable:
        """Return a row, or a column, or a part of one."""
        matrix, *indices = node.inputs
        assert isinstance(node.op, Subtensor)
        found = _row_of(node.op)
        if found is None or (found.is_column and matrix.ndim != 2):
            raise Whole
        index = indices.pop(0) if found.index is Slot.SCALAR else found.index
        n = extents_of(matrix)[1 if found.is_column else 0]
        unit = LANGUAGE["set_subtensor"](self._filled(0, n)[index], 1)
        row = self._times(matrix, unit, not found.is_column)
        return Subtensor(found.part)(row, *indices) if found.part else row

    def _sum(self, axes: Sequence[int], matrix: Variable) -> Variable:
        """Return the sum over axes."""
        if 0 in axes:
            total = self._times(matrix, self._filled(1, extents_of(matrix)[0]), True)
            others = tuple(axis - 1 for axis in axes if axis)
            return Reduce("sum", others)(total) if others else total
        if axes != (1,) or matrix.ndim != 2:
            raise Whole
        return self._times(matrix, self._filled(1, extents_of(matrix)[1]), False)

    def _diagonal(self, matrix: Variable, places: Variable) -> Variable:
        """Return elements of the diagonal."""
        found = diagonal(self.rows) if matrix is self.stack else None
        if found is None:
            raise Whole
        return Subtensor((Slot.ARRAY,))(found, places)

    def _filled(self, value: int, n: Extent) -> Variable:
        """Return a vector of ``n`` equal numbers, in the dtype of the matrix."""
        return LANGUAGE["alloc"](np.asarray(value, self.rows.unit.dtype), n)

    # products with vectors ------------------------------------------------------------------
    def _times(self, matrix: Variable, v: Variable, from_left: bool) -> Variable:
        """Return ``v @ matrix``, or ``matrix @ v``.  Raises Whole: that cannot be written."""
        if matrix is self.stack:
            return self._times_jacobian(v, from_left)
        if matrix not in self.inner:
            return DOT(v, matrix) if from_left else DOT(matrix, v)
        node = matrix.owner
        assert node is not None
        op = node.op
        if op == TRANSPOSE:
            return self._times(node.inputs[0], v, not from_left)
        if isinstance(op, Dot):
            for x in node.inputs if from_left else node.inputs[::-1]:
                v = self._times(x, v, from_left)
            return v
        if isinstance(op, Subtensor):
            return self._times_part(node, v, from_left)
        if isinstance(op, Join):
            return self._times_joined(node, v, from_left)
        return self._times_elementwise(node, v, from_left)

    def _times_jacobian(self, v: Variable, from_left: bool) -> Variable:
        """Return what the map, or the transposed one, makes of a vector."""
        if from_left:
            found = self.rows.from_left(v)
        else:
            found = self.rows.from_right(v) if self.rows.is_matrix else None
        if found is None:
            raise Whole
        return found

    def _times_elementwise(self, node: Apply, v: Variable, from_left: bool) -> Variable:
        """Sums and differences are those of the products; what scales goes to either side."""
        if _linear(node, self.inner):
            return node.op(*(self._times(x, v, from_left) for x in node.inputs))
        i = next(i for i, x in enumerate(node.inputs) if x in self.inner)
        (scale,) = node.inputs[:i] + node.inputs[i + 1 :]
        of_rows, scale = _scale(scale)

        def scaled(x: Variable) -> Variable:
            return node.op(scale, x) if i else node.op(x, scale)

        if of_rows is from_left:
            return self._times(node.inputs[i], scaled(v), from_left)
        return scaled(self._times(node.inputs[i], v, from_left))

    def _times_part(self, node: Apply, v: Variable, from_left: bool) -> Variable:
        """Rows and columns that slices take: those of the product, or zeros beside the vector."""
        matrix, *indices = node.inputs
        assert isinstance(node.op, Subtensor)
        slices = [entry for entry in node.op.pattern if isinstance(entry, Slice)]
        slices = [*slices, WHOLE][:2]
        given = iter(indices)
        bounds = [[next(given) for b in s.bounds if isinstance(b, Slot)] for s in slices]
        before, after = (0, 1) if from_left else (1, 0)
        if slices[before] != WHOLE:
            zeros = self._filled(0, extents_of(matrix)[before])
            v = IncSubtensor((slices[before],), False)(zeros, v, *bounds[before])
        found = self._times(matrix, v, from_left)
        return (
            found if slices[after] == WHOLE else Subtensor((slices[after],))(found, *bounds[after])
        )

    def _times_joined(self, node: Apply, v: Variable, from_left: bool) -> Variable:
        """Matrices beside one another: products one after the other, or the sum of them."""
        assert isinstance(node.op, Join)
        if (node.op.axis == 0) != from_left:
            return Join(0)(*(self._times(x, v, from_left) for x in node.inputs))
        found: list[Variable] = []
        start: Extent = 0
        for x in node.inputs:
            stop = start + extents_of(x)[node.op.axis]
            found.append(self._times(x, v[start:stop], from_left))
            start = stop
        return functools.reduce(operator.add, found)


class Whole(Exception):  # noqa: N818 - it is control flow, and no fault
    """An expression is needed as a whole."""


def _is_larger(factor: Variable, matrix: Variable, axis: int) -> bool:
    """Return whether ``factor`` has more vectors than there are rows, or columns, to build."""
    count, (m, n) = factor.type.shape[axis], matrix.type.shape
    return count is not None and m is not None and n is not None and count > min(m, n)


def _scale(x: Variable) -> tuple[bool | None, Variable]:
    """Return whether ``x``, which broadcasts to a matrix, scales its rows, and the vector of it.

    None: it scales all of it, and is a scalar.
    """
    varying = [axis for axis, one in enumerate(x.broadcastable) if not one]
    if not varying:
        return None, DimShuffle(())(x)
    (axis,) = varying
    return axis < x.ndim - 1, DimShuffle((axis,))(x)


# parts ------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Row:
    """What an index takes: a row, or a column, and what part of it."""

    index: int | Slot
    is_column: bool
    part: Pattern


def _row_of(op: Subtensor) -> _Row | None:
    """Return which row, or column, an index takes; None: more than one."""
    first, *others = op.pattern
    is_column = first == WHOLE and len(others) == 1
    if is_column:
        first, *others = others
    if not (isinstance(first, int) or first is Slot.SCALAR):
        return None
    return _Row(first, is_column, tuple(others))


def _is_diagonal(node: Apply) -> bool:
    """Return whether a node takes elements whose row and column are the same."""
    op = node.op
    if not isinstance(op, Subtensor) or op.pattern != (Slot.ARRAY, Slot.ARRAY):
        return False
    _, row, column = node.inputs
    return row is column and row.ndim == 1
