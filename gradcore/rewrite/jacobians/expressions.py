"""Expressions of matrices that Jacobians are in, and products of them with vectors.

A product goes to the Jacobian through the expression that it is with::

    (A + B) @ v             A @ v + B @ v
    A.T @ v                 v @ A
    (A @ B) @ v             A @ (B @ v)
    (s * A) @ v             s * (A @ v), for a scalar
    (d[:, None] * A) @ v    d * (A @ v)
    (A * d) @ v             A @ (d * v)
    A[a:b] @ v              (A @ v)[a:b], and so of indices
    switch(c, A, B) @ v     switch(c, A @ v, B @ v), for a scalar, or a number for each row
    v @ switch(c[:, None], A, B)    switch(c, v, 0) @ A + switch(c, 0, v) @ B
    ifelse(c, A, B) @ v     ifelse(c, A @ v, B @ v)
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
from gradcore.graph.nodes import extents_of, symbolic_operand
from gradcore.language import LANGUAGE
from gradcore.ops.control import IfElse
from gradcore.ops.index import IncSubtensor, Subtensor
from gradcore.ops.index_patterns import Pattern, Slice, slots
from gradcore.ops.linalg import Dot
from gradcore.ops.reduce import Reduce
from gradcore.ops.shape import DimShuffle, Join, Reshape
from gradcore.ops.shape_values import SpecifyShape
from gradcore.rewrite.canonical.stage import canonicalize, is_zero
from gradcore.rewrite.jacobians.expression_rows import linear_form
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
            elif isinstance(node.op, IfElse):
                found = self._shape_of_choice(node)
            else:
                operands = [
                    Operand(self.shape(v)) if v in self.rows else symbolic_operand(v)
                    for v in node.inputs
                ]
                (found,) = node.op.symbolic_shapes(node, operands)
            pairs = zip(x.type.shape, found, strict=True)
            self._shapes[x] = tuple(n if known is None else known for known, n in pairs)
        return self._shapes[x]

    def _shape_of_choice(self, node: Apply) -> Shape:
        """Return the extents that are known to be those of both matrices.  Raises Whole."""
        first, second = (self.shape(v) for v in node.inputs[1:])
        both = in_normal_form(*first, *second)
        if any(a is not b for a, b in zip(both[: len(first)], both[len(first) :], strict=True)):
            raise Whole
        return first

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
            case IfElse():
                condition, *branches = node.inputs
                return node.op(condition, *(self.times(b, v, from_left, r) for b in branches))
            case SpecifyShape():
                return self._times_specified(node, v, from_left)
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
        if form.chooses is not None:
            return self._times_chosen(node, v, from_left, *form.chooses)
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

    def _times_chosen(
        self, node: Apply, v: Variable, from_left: bool, of_rows: bool | None, condition: Variable
    ) -> Variable:
        """One product or the other; or both, of what of the vector each is chosen for."""
        branches, r = node.inputs[1:], self.rows[node.out]
        zero, side = LANGUAGE["cast"](0, v.type.dtype), self._sides(node.out)[from_left]
        masked = of_rows is from_left
        parts: list[Variable] = []
        for taken, x in zip((True, False), branches, strict=True):
            if is_zero(x):
                if not masked:
                    parts.append(LANGUAGE["alloc"](zero, *side))
                continue
            own = node.op(condition, *((v, zero) if taken else (zero, v))) if masked else v
            parts.append(self.times(x, own, from_left, r))
        return functools.reduce(operator.add, parts) if masked else node.op(condition, *parts)

    def _times_specified(self, node: Apply, v: Variable, from_left: bool) -> Variable:
        """The vector and the product have the extents."""
        x, *extents = node.inputs
        r = self.rows[x]
        given, other = (extents[:r], extents[r:]) if from_left else (extents[r:], extents[:r])
        return node.op(self.times(x, node.op(v, *given), from_left), *other)

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
        v = reshaped(v, self._sides(x)[side])
        return reshaped(self.times(x, v, from_left), self._sides(node.out)[1 - side])

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
        first = self.rows[node.out]
        wanted = node.out.type.shape[:first] if from_left else node.out.type.shape[first:]
        if any(have == 1 != n for have, n in zip(v.type.shape, wanted, strict=True)):
            raise Whole  # it would be stretched
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


def reshaped(v: Variable, shape: Sequence[Extent]) -> Variable:
    """Return ``v`` in another shape."""
    return LANGUAGE["reshape"](v, tuple(shape), ndim=len(shape))


def _times_any(x: Variable, v: Variable, from_left: bool, r: int) -> Variable:
    """Return the product with a matrix that nothing is known of."""
    if x.ndim == 2 and r == 1:
        return DOT(v, x) if from_left else DOT(x, v)
    extents = extents_of(x)
    rows, columns = extents[:r], extents[r:]
    matrix, vector = reshaped(x, (product(rows), product(columns))), LANGUAGE["flatten"](v)
    if from_left:
        return reshaped(DOT(vector, matrix), columns)
    return reshaped(DOT(matrix, vector), rows)
