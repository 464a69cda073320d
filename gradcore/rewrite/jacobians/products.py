"""Products with Jacobians, and with the expressions that they are in.

The decision: products go inwards (`expressions`) only where all that reads a Jacobian ends in
products; else it is needed as a whole, and is built once.
"""

from __future__ import annotations

import operator
from collections.abc import Container, Mapping, Sequence
from functools import reduce
from typing import TypeAlias

from gradcore.graph import Apply, Constant, FunctionGraph, Variable, ancestors, on_behalf_of
from gradcore.language import LANGUAGE
from gradcore.ops.control import IfElse
from gradcore.ops.factors import Solve, SolveLower
from gradcore.ops.index import Subtensor
from gradcore.ops.index_patterns import Slot
from gradcore.ops.linalg import Dot, MatMul
from gradcore.ops.reduce import Reduce
from gradcore.ops.scalars import mul
from gradcore.ops.scan import Scan
from gradcore.ops.shape import DimShuffle, Reshape
from gradcore.ops.shape_values import Extent
from gradcore.rewrite.canonical.stage import inputs_of, is_made_by
from gradcore.rewrite.engine import fitting
from gradcore.rewrite.jacobians.batches import OnDiagonal, blocks_on_diagonal, on_diagonal
from gradcore.rewrite.jacobians.diagonals import Diagonal, diagonal_matrix
from gradcore.rewrite.jacobians.elements import (
    Elements,
    elements_taken,
    of_part,
    of_row_or_column,
    of_sparse,
)
from gradcore.rewrite.jacobians.expression_rows import rows_of
from gradcore.rewrite.jacobians.expressions import Expressions, Whole
from gradcore.rewrite.jacobians.linear_maps import LinearRows, linear_rows
from gradcore.rewrite.jacobians.outer_products import outer, outer_products
from gradcore.rewrite.jacobians.smaller import (
    contracted_in_part,
    contraction,
    is_alone,
    is_smaller,
    smaller,
    takes_more,
)
from gradcore.rewrite.jacobians.solves import solved, solved_lower
from gradcore.rewrite.jacobians.sparsity import contracted, diagonal, structured
from gradcore.scan import scan

DEEPEST = 100
"""How many operations an expression may have between a Jacobian and a product."""

Rows: TypeAlias = dict[Variable, int]
"""Expressions, and how many of their axes are rows."""


def products_replaced(graph: FunctionGraph) -> dict[Variable, Variable]:
    """Return what the products with a Jacobian are instead, of one that only products read."""
    stacks = stacked_rows(graph)
    if not stacks:
        return {}
    diagonals = diagonal_matrices(graph)
    matrices = {v: rows for v, rows in stacks.items() if rows.is_matrix}
    of_all = Expressions({**diagonals, **matrices}, expressions(graph, {*matrices, *diagonals}))
    for stack, rows in stacks.items():
        if stack in graph.outputs or stack not in graph.readers:
            continue
        found = _products(graph, stack, rows, diagonals, of_all)
        if found:
            return {
                product.out: fitting(new, product.out, product, "jacobians")
                for product, new in found.items()
            }
    return {}


def stacked_rows(graph: FunctionGraph) -> dict[Variable, LinearRows]:
    """Return the Jacobians of a graph, and their maps."""
    loops = (node for node in graph.nodes if isinstance(node.op, Scan))
    made = {v: linear_rows(v) for node in loops for v in node.outputs}
    return {v: rows for v, rows in made.items() if rows is not None}


def diagonal_matrices(graph: FunctionGraph) -> dict[Variable, Diagonal]:
    """Return the matrices of a graph that are made of a diagonal."""
    made = {v: diagonal_matrix(v) for v in graph.variables}
    return {v: matrix for v, matrix in made.items() if matrix is not None}


def _products(
    graph: FunctionGraph,
    stack: Variable,
    rows: LinearRows,
    diagonals: Mapping[Variable, Diagonal],
    of_all: Expressions,
) -> dict[Apply, Variable]:
    """Return the products that read ``stack`` and what they are instead; none, if all is read."""
    known, products = _readers(graph, stack, expressions(graph, {stack, *diagonals}))
    parts = [node for node in products if is_smaller(node, known) or elements_taken(node, known)]
    others = [node for node in products if contraction(node, known) is not None]
    if len({*parts, *others}) > 1 or any(is_decided(graph, node.out) for node in parts):
        return {}
    of = Products(stack, rows, Expressions({**diagonals, stack: rows}, known), of_all)
    found: dict[Apply, Variable] = {}
    try:
        for node in products:
            with on_behalf_of(node.where):
                found[node] = of.product(node)
    except Whole:
        return {}
    return found


def is_decided(graph: FunctionGraph, v: Variable) -> bool:
    """Return whether ``v`` is what a choice takes by extents, or by a number of steps.

    Such a choice has been made between two ways to compute the same.
    """
    return any(_is_of_extents(node.inputs[0]) for node in choices_of(graph, v))


def choices_of(graph: FunctionGraph, v: Variable) -> Sequence[Apply]:
    """Return the choices that take ``v`` or something else."""
    readers = graph.readers.get(v, ())
    return [n for n in readers if isinstance(n.op, IfElse) and v in n.inputs[1:]]


def _is_of_extents(condition: Variable) -> bool:
    found = list(ancestors([condition]))
    of_extents = [v for v in found if is_made_by(v, Extent)]
    leaves = (v for v in ancestors([condition], of_extents) if v.owner is None)
    return all((not v.ndim and v.type.is_discrete) or isinstance(v, Constant) for v in leaves)


def expressions(graph: FunctionGraph, matrices: Container[Variable]) -> Rows:
    """Return some matrices of a graph, and what is an expression of matrices with them."""
    rows: Rows = {v: 1 for v in graph.variables if isinstance(v, Constant) and v in matrices}
    depths = dict.fromkeys(rows, 0)
    for node in graph.nodes:
        for v in node.outputs:
            if v in matrices:
                rows[v], depths[v] = 1, 0
        depth = max((depths[v] for v in node.inputs if v in depths), default=DEEPEST)
        if depth >= DEEPEST or node.outputs[0] in rows:
            continue
        r = rows_of(node, rows)
        if r is not None and 0 < r < node.out.ndim:
            rows[node.out], depths[node.out] = r, depth + 1
    return rows


def _readers(graph: FunctionGraph, stack: Variable, known: Rows) -> tuple[Rows, list[Apply]]:
    """Return the expressions through which products with ``stack`` go, and those products.

    Expressions of other matrices, without it, are among the former: whatever else reads them.
    """
    of_stack = {stack}
    for v in known:
        if v.owner is not None and not of_stack.isdisjoint(v.owner.inputs):
            of_stack.add(v)
    inner = {v for v in known if v not in of_stack} | {stack}
    outputs = set(graph.outputs)
    for v in reversed(known):
        if v in of_stack and v not in outputs and _all_multiply(graph, v, inner, known):
            inner.add(v)
    products: list[Apply] = []
    for v in known:
        if v in of_stack and v in inner:
            for node in graph.readers[v]:
                if inner.isdisjoint(node.outputs):
                    products += _ends(graph, node, known) or [node]
    return {v: r for v, r in known.items() if v in inner}, list(dict.fromkeys(products))


def _all_multiply(graph: FunctionGraph, v: Variable, inner: set[Variable], known: Rows) -> bool:
    """Return whether all readers of an expression are products, or such expressions themselves."""
    return all(
        not inner.isdisjoint(node.outputs) or _is_product(node, known) or _ends(graph, node, known)
        for node in graph.readers[v]
    )


def _ends(graph: FunctionGraph, node: Apply, known: Rows) -> Sequence[Apply]:
    """Return what reads ``node``, which is no expression, if all of it are products.

    These are sums over an expression times a matrix, and diagonals and contractions of a tensor's
    axes in another order, or joined.
    """
    out = node.outputs[0]
    readers = graph.readers.get(out, ())
    if out in graph.outputs or not readers:
        return ()
    if isinstance(node.op, (DimShuffle, Reshape)):
        return _of_other_axes(graph, readers, known)
    whole = all(v.type.dtype == out.type.dtype for v in node.inputs)
    whole = whole and all(v.broadcastable == out.broadcastable for v in node.inputs)
    if node.op is not mul or out.ndim != 2 or not whole:
        return ()
    sums = all(isinstance(r.op, Reduce) and r.op.kind == "sum" and not r.out.ndim for r in readers)
    return readers if sums and sum(_varies(v, known) for v in node.inputs) == 1 else ()


def _varies(v: Variable, known: Mapping[Variable, int]) -> bool:
    """Return whether ``v`` is an expression, and no constant, which multiplies one as any does."""
    return v in known and not isinstance(v, Constant)


def _of_other_axes(graph: FunctionGraph, readers: Sequence[Apply], known: Rows) -> Sequence[Apply]:
    """Return the products that read a tensor whose axes are others; none, if it is read else."""
    found: list[Apply] = []
    for reader in readers:
        if on_diagonal(reader) or contraction(reader, known):
            found.append(reader)
            continue
        joined = _ends(graph, reader, known) if isinstance(reader.op, Reshape) else ()
        if not joined:
            return ()
        found += joined
    return found


def _is_product(node: Apply, known: Rows) -> bool:
    """Return whether what a node reads may be multiplied instead of built."""
    if isinstance(node.op, (Dot, MatMul, Solve, SolveLower)) or on_diagonal(node):
        return True
    if is_smaller(node, known) or elements_taken(node, known) or of_row_or_column(node, known):
        return True
    return _rows_of_value(node, known) is not None


def _rows_of_value(node: Apply, known: Mapping[Variable, int]) -> int | None:
    """Return 0 if a node leaves no rows of an expression, its rank if no columns; None: neither."""
    r = rows_of(node, known)
    return r if r is not None and r in (0, node.out.ndim) else None


class Products:
    """What products with a Jacobian, and with the expressions that it is in, are.

    stack, rows : the Jacobian, and its map.
    expressions : those expressions, of diagonal matrices among them.
    of_all : the same of all Jacobians: what is read for its structure may be of several.
    """

    def __init__(
        self, stack: Variable, rows: LinearRows, expressions: Expressions, of_all: Expressions
    ) -> None:
        self.stack = stack
        self.rows = rows
        self.expressions = expressions
        self.known = expressions.rows
        self.all = of_all
        assert stack.owner is not None
        assert isinstance(stack.owner.op, Scan)
        self.seeds = stack.owner.op.seeds

    def product(self, node: Apply) -> Variable:
        """Return what a node that reads an expression is instead.

        Raises Whole: it needs the expression as a whole.
        """
        part = contraction(node, self.known)
        if part is not None:
            self._require_few_rows(part.tensor)
            return contracted_in_part(part, self.expressions, self.seeds)
        if is_smaller(node, self.known):
            self._require_few_rows(node.inputs[0])
            return self._smaller(node)
        if isinstance(node.op, Dot):
            return self._dot(node)
        if isinstance(node.op, MatMul):
            return self._matmul(node)
        if isinstance(node.op, (Solve, SolveLower)):
            return self._solution(node, node.op)
        on = on_diagonal(node)
        if on is not None:
            return self._diagonal(node, on)
        at = elements_taken(node, self.known)
        if at is not None:
            return self._elements(node, at)
        vector = of_row_or_column(node, self.known)
        if vector is not None:
            r = _rows_of_value(vector[0], self.known)
            assert r is not None
            return Subtensor((Slot.ARRAY,))(self.expressions.value(vector[0], r), vector[1])
        r = _rows_of_value(node, self.known)
        if r is not None:
            return self.expressions.value(node, r)
        if isinstance(node.op, Reduce):
            return self._contraction(node)
        raise Whole

    def _smaller(self, node: Apply) -> Variable:
        """Return a part of an expression, unless indices take more of it than there is."""
        found = smaller(node, self.expressions, self.seeds)
        more = takes_more(node, self.expressions)
        if more is True:
            raise Whole
        return found if more is False else LANGUAGE["ifelse"](more, node.out, found)

    def _elements(self, node: Apply, taken: Elements) -> Variable:
        """Return elements of an expression, unless indices take more of it than there is."""
        of_entries = of_sparse(taken, self.all.as_rows(taken.matrix))
        if of_entries is None:
            self._require_few_rows(taken.matrix)
        found, more = of_entries or of_part(taken, self.expressions, self.seeds)
        if more is True:
            raise Whole
        return found if more is False else LANGUAGE["ifelse"](more, node.out, found)

    def _require_few_rows(self, x: Variable) -> None:
        """Raise Whole unless a part of an expression takes less than the Jacobian that it is of."""
        says = self.seeds is not None and self.seeds.in_order
        if says or not is_alone(x, self.stack, self.known):
            raise Whole
        found = structured(self.rows)
        if found is not None and found.is_cheap:
            raise Whole

    def _dot(self, node: Apply) -> Variable:
        """Return the product of an expression with a vector, or with a matrix, by its vectors."""
        left, right = node.inputs
        if left.type.dtype != right.type.dtype or (left in self.known and right in self.known):
            raise Whole
        from_left = right in self.known
        matrix, factor = (right, left) if from_left else (left, right)
        if factor.ndim == 1:
            return self.expressions.times(matrix, factor, from_left or matrix.ndim == 1)
        pairs = self._outer_products(node.out)
        if pairs:
            return reduce(operator.add, (outer(u, v) for u, v in pairs))
        if matrix.ndim != 2 or _is_larger(factor, matrix, 0 if from_left else 1):
            raise Whole
        found = self._times_each(matrix, factor if from_left else factor.T, from_left)
        return found if from_left else found.T

    def _outer_products(self, matrix: Variable) -> list[tuple[Variable, Variable]]:
        """Return the vectors of what is a product of an expression with outer products."""
        if not is_made_by(matrix, Dot):
            return []
        left, right = inputs_of(matrix)
        times = self.expressions.times
        if left in self.known and right.ndim == 2:
            return [(times(left, u, False), v) for u, v in outer_products(right)]
        if right in self.known and left.ndim == 2:
            return [(u, times(right, v, True)) for u, v in outer_products(left)]
        return []

    def _matmul(self, node: Apply) -> Variable:
        """Return the product of a Jacobian by a vector with a matrix, by its columns."""
        matrix, factor = node.inputs
        same = factor.type.dtype == matrix.type.dtype
        if factor.ndim != 2 or not same or self.known.get(matrix) != matrix.ndim - 1:
            raise Whole
        if factor in self.known:
            raise Whole
        found = self._times_each(matrix, factor.T, False)
        return DimShuffle((*range(1, found.ndim), 0))(found)

    def _times_each(self, matrix: Variable, vectors: Variable, from_left: bool) -> Variable:
        """Return the products with the rows of ``vectors``."""

        def of_one(vector: Variable) -> Variable:
            return self.expressions.times(matrix, vector, from_left)

        if vectors.broadcastable[0]:
            found = of_one(vectors[0])
            return DimShuffle(("x", *range(found.ndim)))(found)
        found, _ = scan(of_one, vectors)
        return found

    def _solution(self, node: Apply, op: Solve | SolveLower) -> Variable:
        """Return the solution of equations with an expression that has bands."""
        matrix, b = node.inputs
        if matrix not in self.known or matrix.ndim != 2 or b in self.known:
            raise Whole
        rows = self.all.as_rows(matrix)
        found = solved(op, rows, b) if isinstance(op, Solve) else solved_lower(op, rows, b)
        if found is None:
            raise Whole
        return found

    def _contraction(self, node: Apply) -> Variable:
        """Return the sum of the elements of an expression, each times one of another matrix."""
        made = node.inputs[0].owner
        if made is None or made.op is not mul:
            raise Whole
        x, other = sorted(made.inputs, key=lambda v: not _varies(v, self.known))
        found = contracted(self.all.as_rows(x), other) if x in self.known else None
        if found is None:
            raise Whole
        return found

    def _diagonal(self, node: Apply, taken: OnDiagonal) -> Variable:
        """Return elements of the diagonal, or the blocks there."""
        matrix = node.inputs[0]
        if matrix in self.known and matrix.ndim == 2:
            take = Subtensor((Slot.ARRAY,))
            pairs, (_, *at) = self._outer_products(matrix), node.inputs
            if pairs:
                return reduce(operator.add, (take(u, at[0]) * take(v, at[1]) for u, v in pairs))
            found = diagonal(self.all.as_rows(matrix))
            found = None if found is None else take(found, at[0])
        else:
            r = self.known.get(taken.tensor)
            found = None if r is None else blocks_on_diagonal(taken, self.stack, self.rows, r)
        if not isinstance(found, Variable):
            raise Whole
        return found


def _is_larger(factor: Variable, matrix: Variable, axis: int) -> bool:
    """Return whether ``factor`` has more vectors than there are rows, or columns, to build."""
    count, (m, n) = factor.type.shape[axis], matrix.type.shape
    return count is not None and m is not None and n is not None and count > min(m, n)
