"""Expressions of matrices that Jacobians are in, and products of them with vectors.

A product goes to the Jacobian through the expression that it is with::

    (A + B) @ v             A @ v + B @ v
    A.T @ v                 v @ A
    (A @ B) @ v             A @ (B @ v)
    (s * A) @ v             s * (A @ v), for a scalar
    (d[:, None] * A) @ v    d * (A @ v)
    (A * d) @ v             A @ (d * v)
    A[a:b] @ v              (A @ v)[a:b]
    concatenate([A, B]) @ v     A @ v and B @ v, one after the other
    A.reshape(shape) @ v    A @ v, in another shape
    A.sum(axis) @ v         (A @ v).sum(axis)

A Jacobian of tensors is a matrix as well: its first axes, those of what is differentiated, are its
*rows*, the others, those of what it is differentiated by, its *columns*.  A vector then is a tensor
of the shape of the rows, or of the columns.  Where an operation leaves no axis of the one or the
other, it is a product itself: ``A[i]`` is one with a unit vector, ``A.sum(0)`` one with ones.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from gradcore.graph import (
    Apply,
    Extent,
    FunctionGraph,
    Operand,
    Shape,
    TensorType,
    Variable,
    as_variable,
    free_inputs,
)
from gradcore.graph.extents import product
from gradcore.graph.nodes import constant_extent, extents_of, symbolic_operand
from gradcore.language import LANGUAGE
from gradcore.ops.create import Arange
from gradcore.ops.elementwise import Elementwise
from gradcore.ops.index import IncSubtensor, Subtensor
from gradcore.ops.index_patterns import Pattern, Slice, Slot, slots
from gradcore.ops.linalg import Dot
from gradcore.ops.reduce import Reduce
from gradcore.ops.scalars import eq, maximum, mul
from gradcore.ops.shape import DimShuffle, Join, Reshape
from gradcore.rewrite.canonical.stage import canonicalize, inputs_of, is_made_by, is_zero
from gradcore.rewrite.jacobians.linear_maps import LinearRows, in_normal_form

WHOLE = Slice(None, None, None)
DOT = Dot()


class Whole(Exception):  # noqa: N818 - it is control flow, and no fault
    """An expression is needed as a whole."""


class Map(Protocol):
    """A matrix that is known by its products."""

    def from_left(self, v: Variable) -> Variable | None:
        """Return ``v @ matrix``."""
        ...

    def from_right(self, v: Variable) -> Variable | None:
        """Return ``matrix @ v``."""
        ...

    def shape(self) -> Shape:
        """Return its extents, as nothing that is made of it says them."""
        ...


@dataclass(frozen=True)
class Diagonal:
    """A square matrix with zeros beside its diagonal: an identity, or ``diag(vector)``.

    side : how many rows it has.
    vector : the elements of the diagonal; None: ones.
    """

    side: Extent
    vector: Variable | None

    def from_left(self, v: Variable) -> Variable:
        """Return the product, in which the side does not matter."""
        return v if self.vector is None else v * self.vector

    def from_right(self, v: Variable) -> Variable:
        """Return the product, in which the side does not matter."""
        return self.from_left(v)

    def shape(self) -> Shape:
        """Return its extents."""
        return self.side, self.side


def diagonal_matrix(v: Variable) -> Diagonal | None:
    """Return ``v`` as a diagonal matrix, if it is one that `eye` or `diag` makes."""
    node = v.owner
    if node is None or v.ndim != 2 or v.type.is_discrete:
        return None
    op = node.op
    if isinstance(op, IncSubtensor) and op.pattern == (Slot.ARRAY, Slot.ARRAY):
        zeros, vector, row, column = node.inputs
        on_all = is_made_by(row, Arange) and vector.ndim == 1 and vector.dtype == v.dtype
        if row is not column or not on_all or not is_zero(zeros):
            return None
        own = *extents_of(zeros), extents_of(vector)[0], inputs_of(row)[0]
        n, m, places, count = in_normal_form(*own)
        return Diagonal(n, vector) if n is m is places is count else None
    inner = node.inputs[0].owner
    if not (isinstance(op, Elementwise) and op.name.startswith("cast_") and inner):
        return None
    side = _side_of_identity(inner)
    return None if side is None else Diagonal(side, None)


def _side_of_identity(node: Apply) -> Variable | None:
    """Return the number of rows, if a node compares their numbers with those of as many columns."""
    if node.op is not eq or node.out.ndim != 2:
        return None
    found: list[tuple[int, Variable]] = []
    for given in node.inputs:
        made, axis, v = given.owner, 1, given
        if made is not None and isinstance(made.op, DimShuffle) and made.op.order in AXES:
            axis, (v,) = AXES[made.op.order], made.inputs
        if not is_made_by(v, Arange) or v.ndim != 1:
            return None
        found.append((axis, inputs_of(v)[0]))
    (i, n), (j, m) = found
    return n if i != j and n is m else None


AXES: dict[tuple[int | str, ...], int] = {(0, "x"): 0, ("x", 0): 1}
"""The axis of a matrix that a vector is along, by how it has been made one."""


# what is an expression --------------------------------------------------------------------------
def rows_of(node: Apply, known: Mapping[Variable, int]) -> int | None:
    """Return how many axes of the output of ``node`` are rows of a matrix; None: it is none.

    known : the expressions of matrices so far, and how many of their axes are rows.
    """
    if len(node.outputs) != 1:
        return None
    op = node.op
    own = [v for v in node.inputs if v in known]
    if isinstance(op, Elementwise):
        return None if linear_form(node, known) is None else known[own[0]]
    if isinstance(op, (Dot, Join)):
        return _rows_of_several(node, known)
    x, *others = node.inputs
    if own != [x] or x.type.dtype != node.out.type.dtype or not known.keys().isdisjoint(others):
        return None
    r = known[x]
    if isinstance(op, DimShuffle):
        return _rows_of_order(op, x.ndim, r)
    if isinstance(op, Reshape):
        return _rows_of_shape(node, r)
    if isinstance(op, Reduce) and op.kind == "sum":
        return r - sum(axis < r for axis in op.axes)
    if isinstance(op, Subtensor):
        parts = [isinstance(entry, Slice) for entry in op.pattern]
        if all(s or _is_number(entry) for s, entry in zip(parts, op.pattern, strict=True)):
            return r - sum(not s for s in parts[:r])
    return None


def _is_number(entry: object) -> bool:
    return isinstance(entry, int) or entry is Slot.SCALAR


def _rows_of_several(node: Apply, known: Mapping[Variable, int]) -> int | None:
    """Return the number of rows' axes of a product of matrices, or of what is joined."""
    if any(v.type.dtype != node.out.type.dtype for v in node.inputs):
        return None  # in another dtype, products are rounded otherwise
    found = {known[v] for v in node.inputs if v in known}
    if len(found) > 1 or found == {node.inputs[0].ndim}:
        return None
    (r,) = found
    matrices = r == 1 and all(v.ndim == 2 for v in node.inputs)
    return r if isinstance(node.op, Join) or matrices else None


def _rows_of_order(op: DimShuffle, ndim: int, r: int) -> int | None:
    """Return the number of rows' axes of a transposition that keeps rows and columns together."""
    axes = [axis for axis in op.order if isinstance(axis, int)]
    if len(axes) < ndim or r in (0, ndim):
        return None
    first = r if axes[0] < r else ndim - r
    if len({axis < r for axis in axes[:first]}) > 1:
        return None
    return op.order.index(axes[first])


def _rows_of_shape(node: Apply, r: int) -> int | None:
    """Return the number of rows' axes after a reshape, if it mixes no rows with columns."""
    x = node.inputs[0]
    before, after = extents_of(x), node.shapes[0]
    if r == len(before):
        return len(after)
    for k in range(1, len(after)):
        if _same_product(before[:r], after[:k]) or _same_product(before[r:], after[k:]):
            return k
    return None


def _same_product(left: Sequence[Extent], right: Sequence[Extent]) -> bool:
    """Return whether products of extents are known to be the same."""
    found = in_normal_form(*left, *right)
    return _factors_of(found[: len(left)]) == _factors_of(found[len(left) :])


def _factors_of(extents: Sequence[Variable]) -> tuple[int, list[int]]:
    """Return a number, and variables by identity, whose product is that of extents."""
    pending = list(extents)
    number, found = 1, list[int]()
    while pending:
        n = pending.pop()
        made = n.owner
        value = constant_extent(n)
        if value is not None:
            number *= value
        elif made is not None and made.op is mul:
            pending += made.inputs
        elif made is not None and made.op is maximum and any(map(is_zero, made.inputs)):
            pending += [v for v in made.inputs if not is_zero(v)]
        else:
            found.append(id(n))
    return number, sorted(found)


# linear elementwise operations ------------------------------------------------------------------
@dataclass(frozen=True)
class LinearForm:
    """How an elementwise op is linear in matrices.

    scaled : the operand that the others scale; None: it is linear in all of them together.
    scales : by what, and whether that scales the rows; None: it scales all.
    """

    scaled: int | None = None
    scales: Sequence[tuple[bool | None, Variable]] = ()


def linear_form(node: Apply, known: Mapping[Variable, int]) -> LinearForm | None:
    """Return how an elementwise op is linear in the expressions that it reads; None: it is not."""
    out = node.out
    own = {i for i, v in enumerate(node.inputs) if v in known}
    whole = {i for i, v in enumerate(node.inputs) if v.broadcastable == out.broadcastable}
    rows = {known[node.inputs[i]] for i in own}
    if not own <= whole or len(rows) != 1:
        return None
    same = {i for i, v in enumerate(node.inputs) if v.type.dtype == out.type.dtype}
    for together in node.op.derivative.linear_in(node):
        if not own <= set(together) or not own <= same:
            continue
        if len(together) == len(node.inputs) == len(whole) == len(same):
            return LinearForm()
        if len(together) == 1 and len(node.inputs) == 2:
            (i,) = own
            scales = _scales(node.inputs[1 - i], out, rows.pop())
            return None if scales is None else LinearForm(i, scales)
    return None


def _scales(x: Variable, out: Variable, r: int) -> Sequence[tuple[bool | None, Variable]] | None:
    """Return ``x`` as factors, each of which scales rows, columns, or all; None: it is none.

    Only a factor that is written as a product is one of several: ``u[:, None] * v``.
    """
    lead = out.ndim - x.ndim
    varying = [lead + axis for axis, one in enumerate(x.broadcastable) if not one]
    if not varying:
        return [(None, DimShuffle(())(x))]
    for of_rows, axes in ((True, range(r)), (False, range(r, out.ndim))):
        if all(axis in axes for axis in varying):
            order = ("x" if axis < lead else axis - lead for axis in axes)
            return [(of_rows, DimShuffle(tuple(order))(x))]
    made = x.owner
    if made is None or made.op is not mul or any(v.dtype != out.dtype for v in made.inputs):
        return None
    found: list[tuple[bool | None, Variable]] = []
    for v in made.inputs:
        scales = _scales(v, out, r)
        if scales is None:
            return None
        found += scales
    return found


# products ---------------------------------------------------------------------------------------
class Expressions:
    """Matrices that are known by their products, and the expressions that they are in.

    maps : those matrices.
    rows : all expressions, those matrices among them, and how many of their axes are rows.
    """

    def __init__(self, maps: Mapping[Variable, Map], rows: Mapping[Variable, int]) -> None:
        self.maps = maps
        self.rows = rows
        self._shapes: dict[Variable, Shape] = {}

    def shape(self, x: Variable) -> Shape:
        """Return the extents of an expression, which do not need it itself."""
        node = x.owner
        if x not in self.rows or node is None:
            return extents_of(x)
        if x not in self._shapes:
            if x in self.maps:
                found = self.maps[x].shape()
            else:
                operands = [
                    Operand(self.shape(v)) if v in self.rows else symbolic_operand(v)
                    for v in node.inputs
                ]
                (found,) = node.op.symbolic_shapes(node, operands)
            pairs = zip(x.type.shape, found, strict=True)
            self._shapes[x] = tuple(n if known is None else known for known, n in pairs)
        return self._shapes[x]

    def as_rows(self, matrix: Variable) -> LinearRows:
        """Return an expression as a linear map of a vector."""
        (m, _), like = self.shape(matrix), matrix.type
        unit = Variable(TensorType(like.dtype, like.shape[:1]))
        row = self.times(matrix, unit, True)
        simpler = canonicalize.run(FunctionGraph(tuple(free_inputs([row])), (row,)), [])
        return LinearRows(unit, as_variable(m), simpler.outputs[0], {})

    def value(self, node: Apply, r: int) -> Variable:
        """Return an expression without rows, ``r`` being 0, or without columns.  Raises Whole."""
        one = as_variable(np.ones((), node.out.type.dtype))
        return Expressions(self.maps, {**self.rows, node.out: r}).times(node.out, one, r == 0)

    def times(self, x: Variable, v: Variable, from_left: bool, r: int = 1) -> Variable:
        """Return ``v @ x``, or ``x @ v``.  Raises Whole: that cannot be written.

        v : a tensor of the shape of the rows of ``x``, or of its columns.
        r : how many axes of ``x`` are rows, if it is any matrix.
        """
        known = self.maps.get(x)
        if known is not None:
            found = known.from_left(v) if from_left else known.from_right(v)
            if found is None:
                raise Whole
            return found
        node = x.owner
        if x not in self.rows or node is None:
            return _times_any(x, v, from_left, r)
        match node.op:
            case Dot():
                return self._times_product(node, v, from_left)
            case DimShuffle():
                return self._times_transposed(node, v, from_left)
            case Reshape():
                return self._times_reshaped(node, v, from_left)
            case Reduce():
                return self._times_sum(node, v, from_left)
            case Subtensor():
                return self._times_part(node, v, from_left)
            case Join():
                return self._times_joined(node, v, from_left)
            case _:
                return self._times_elementwise(node, v, from_left)

    def _sides(self, x: Variable) -> tuple[tuple[Extent, ...], tuple[Extent, ...]]:
        """Return the extents of the rows and of the columns."""
        extents, r = self.shape(x), self.rows[x]
        return extents[:r], extents[r:]

    def _times_elementwise(self, node: Apply, v: Variable, from_left: bool) -> Variable:
        """Sums and differences are those of the products; what scales goes to either side."""
        form = linear_form(node, self.rows)
        assert form is not None
        r = self.rows[node.out]
        i = form.scaled
        if i is None:
            return node.op(*(self.times(x, v, from_left, r) for x in node.inputs))

        def scaled(x: Variable, by: Variable) -> Variable:
            return node.op(by, x) if i else node.op(x, by)

        for of_rows, by in form.scales:
            v = scaled(v, by) if of_rows is from_left else v
        found = self.times(node.inputs[i], v, from_left)
        for of_rows, by in form.scales:
            found = found if of_rows is from_left else scaled(found, by)
        return found

    def _times_product(self, node: Apply, v: Variable, from_left: bool) -> Variable:
        """One factor after the other."""
        for x in node.inputs if from_left else node.inputs[::-1]:
            v = self.times(x, v, from_left)
        return v

    def _times_transposed(self, node: Apply, v: Variable, from_left: bool) -> Variable:
        """Axes of rows, and of columns, change their places, or rows and columns do."""
        (x,) = node.inputs
        op = node.op
        assert isinstance(op, DimShuffle)
        r, first = self.rows[x], self.rows[node.out]
        sides = (op.order[:first], op.order[first:])
        given, other = sides if from_left else sides[::-1]
        of_rows = any(isinstance(axis, int) and axis < r for axis in given)
        own = range(r) if of_rows else range(r, x.ndim)
        v = DimShuffle(tuple(given.index(axis) for axis in own))(v)
        start = r if of_rows else 0
        order = tuple("x" if axis == "x" else int(axis) - start for axis in other)
        return DimShuffle(order)(self.times(x, v, of_rows))

    def _times_reshaped(self, node: Apply, v: Variable, from_left: bool) -> Variable:
        """The vector in the shape before, the product in that after."""
        x = node.inputs[0]
        side = 0 if from_left else 1
        v = _reshaped(v, self._sides(x)[side])
        return _reshaped(self.times(x, v, from_left), self._sides(node.out)[1 - side])

    def _times_sum(self, node: Apply, v: Variable, from_left: bool) -> Variable:
        """The vector repeated along what is summed over; or the sum of the product."""
        (x,) = node.inputs
        op = node.op
        assert isinstance(op, Reduce)
        r = self.rows[x]
        given = [axis for axis in op.axes if (axis < r) is from_left]
        others = [axis for axis in op.axes if (axis < r) is not from_left]
        if given:
            own = range(r) if from_left else range(r, x.ndim)
            remaining = iter(range(v.ndim))
            order = tuple("x" if axis in given else next(remaining) for axis in own)
            extents = self._sides(x)[0 if from_left else 1]
            v = LANGUAGE["alloc"](DimShuffle(order)(v), *extents)
        found = self.times(x, v, from_left)
        start = r if from_left else 0
        return Reduce("sum", tuple(axis - start for axis in others))(found) if others else found

    def _times_part(self, node: Apply, v: Variable, from_left: bool) -> Variable:
        """Rows and columns that an index takes: of the product, or zeros beside the vector."""
        x, *indices = node.inputs
        assert isinstance(node.op, Subtensor)
        pattern = node.op.pattern + (WHOLE,) * (x.ndim - len(node.op.pattern))
        r = self.rows[x]
        count = len(list(slots(pattern[:r])))
        parts = [(pattern[:r], indices[:count]), (pattern[r:], indices[count:])]
        (given, at), (other, to) = parts if from_left else parts[::-1]
        if not _is_all(given):
            extents = self._sides(x)[0 if from_left else 1]
            zeros = LANGUAGE["alloc"](np.zeros((), v.type.dtype), *extents)
            v = IncSubtensor(given, False)(zeros, v, *at)
        found = self.times(x, v, from_left)
        return found if _is_all(other) else Subtensor(other)(found, *to)

    def _times_joined(self, node: Apply, v: Variable, from_left: bool) -> Variable:
        """Matrices beside one another: products one after the other, or the sum of them."""
        op, r = node.op, self.rows[node.out]
        assert isinstance(op, Join)
        axis = op.axis if op.axis < r else op.axis - r
        if (op.axis < r) is not from_left:
            return Join(axis)(*(self.times(x, v, from_left, r) for x in node.inputs))
        found: list[Variable] = []
        start: Extent = 0
        for x in node.inputs:
            stop = start + self.shape(x)[op.axis]
            part = v[(*(slice(None),) * axis, slice(start, stop))]
            found.append(self.times(x, part, from_left, r))
            start = stop
        return functools.reduce(operator.add, found)


def _is_all(pattern: Pattern) -> bool:
    return all(entry == WHOLE for entry in pattern)


def _reshaped(v: Variable, shape: tuple[Extent, ...]) -> Variable:
    return LANGUAGE["reshape"](v, shape, ndim=len(shape))


def _times_any(x: Variable, v: Variable, from_left: bool, r: int) -> Variable:
    """Return the product with a matrix that nothing is known of."""
    if x.ndim == 2 and r == 1:
        return DOT(v, x) if from_left else DOT(x, v)
    extents = extents_of(x)
    rows, columns = extents[:r], extents[r:]
    matrix, vector = _reshaped(x, (product(rows), product(columns))), LANGUAGE["flatten"](v)
    if from_left:
        return _reshaped(DOT(vector, matrix), columns)
    return _reshaped(DOT(matrix, vector), rows)
