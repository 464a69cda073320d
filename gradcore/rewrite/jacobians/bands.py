"""Matrices of linear maps that are sparse by diagonals: computed as such, not row by row.

Row c of the matrix is what a map makes of unit vector c.  The map is a graph, and each variable on
the way is linear in the unit vector; its own matrix is a sum of *bands* and of what is dense::

    unit vector            the identity: one band, of ones
    a * u                  each band times a
    u[1:], u[:-1]          each band, shifted and cut
    zeros[1:] += u         each band, shifted
    u + v                  the bands of both; those in the same place are added
    u.reshape(shape)       the identity, and what it has been scaled to, in another shape
    u @ A, A @ u           dense: the rows or columns of A times the values of a band
    u.sum()                dense
    any op on what is dense, for all rows at once

An elementwise map costs a pass over its elements so, a three-point stencil three, and a layer
``tanh(A @ x)`` what writing its Jacobian costs.  Extents may be unknown: how much a band is
shifted and cut is known from the slices.

The decision: values are carried along, and not only the places where they are, so that no seeds
need to be chosen, and a product with one dense factor is formed from the factor itself.
Rejected: an index analysis with as many products of the map as a band is wide; it takes a map
three times for a three-point stencil, and multiplies a dense factor by an identity.

See A. Griewank and A. Walther, "Evaluating Derivatives", 2nd ed. (2008), chapters 7 and 8.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from gradcore.graph import Apply, Extent, Variable, toposort
from gradcore.graph.extents import product
from gradcore.graph.nodes import extents_of
from gradcore.language import LANGUAGE
from gradcore.ops.elementwise import Elementwise
from gradcore.ops.gathers import batched
from gradcore.ops.index import IncSubtensor, Subtensor
from gradcore.ops.index_patterns import Slice, Slot, is_advanced
from gradcore.ops.linalg import Dot, MatMul
from gradcore.ops.reduce import Reduce
from gradcore.ops.shape import Alloc, DimShuffle, Join, Reshape
from gradcore.ops.shape_values import SpecifyShape
from gradcore.rewrite.jacobians.entries import (
    Entries,
    Unstructured,
    joined,
    linear,
    moved,
    positions,
    stacked,
)
from gradcore.rewrite.jacobians.linear_maps import LinearRows, in_normal_form

MOST_BANDS = 16
"""How many bands, or arrays of entries, have code of their own; more of them are joined."""


@dataclass(frozen=True)
class Place:
    """Where a band is: at (element + shift, element), for the elements from front to -back.

    Rows are the elements of the unit vector, columns those of the value.
    """

    front: int = 0
    back: int = 0
    shift: int = 0


Bands: TypeAlias = dict[Place, Variable]
"""The values along each band; as many as the value has elements, less front and back."""


@dataclass(frozen=True, eq=False)
class Blocks:
    """How unit vectors belong to the rows of tensors: as many to each, one after the other.

    rows : how many rows there are.
    each : how many unit vectors a row has.
    """

    rows: Extent
    each: Extent


@dataclass
class LinearInUnit:
    """The matrix of a variable that is linear in the unit vector: the sum of its parts.

    bands : those of a vector; of another tensor only the one of all its elements, in C order.
    entries : elements by arrays of indices.
    dense : the variable for each unit vector, stacked along a first axis; or None.
    blocks : set where each row of the value is known to depend on the unit vectors of that row
        alone; what is dense then is stacked for those of one row, for all rows at once.
    as_long : whether the value is known to have as many elements as the unit vector.
    at_once : all of it as what is dense, once something has needed that.
    """

    bands: Bands = field(default_factory=dict[Place, Variable])
    entries: list[Entries] = field(default_factory=list[Entries])
    dense: Variable | None = None
    blocks: Blocks | None = None
    as_long: bool = False
    at_once: Variable | None = None

    def add(self, place: Place, values: Variable) -> None:
        """Add a band."""
        known = self.bands.get(place)
        self.bands[place] = values if known is None else known + values

    def add_dense(self, dense: Variable) -> None:
        """Add what is dense."""
        self.dense = dense if self.dense is None else self.dense + dense

    def without_blocks(self) -> LinearInUnit:
        """Return the same with what is dense stacked for all unit vectors."""
        if self.blocks is None:
            return self
        dense = None if self.dense is None else of_all_rows(self.dense, self.blocks)
        return replace(self, dense=dense, blocks=None, at_once=None)


def of_all_rows(stack: Variable, blocks: Blocks) -> Variable:
    """Return what is stacked for the unit vectors of a row, for all of them, with zeros."""
    b, m = blocks.rows, blocks.each
    each, shape = stack.dimshuffle(1, 0, *range(2, stack.ndim)), extents_of(stack)[2:]
    zeros = LANGUAGE["alloc"](LANGUAGE["cast"](0, stack.dtype), b, m, b, *shape)
    own = LANGUAGE["arange"](b)
    pattern = (Slot.ARRAY, Slice(None, None, None), Slot.ARRAY)
    found = IncSubtensor(pattern, False)(zeros, each, own, own)
    return LANGUAGE["reshape"](found, (b * m, b, *shape))


def matrices_of(rows: LinearRows) -> dict[Variable, LinearInUnit] | None:
    """Return the matrices of all variables of a loop that are linear in the unit vector.

    None: no rule here says one.
    """
    found = {rows.unit: _identity(rows)}
    try:
        for node in toposort([rows.row], {rows.unit}):
            if not found.keys().isdisjoint(node.inputs):
                found.update(zip(node.outputs, [_Step(node, found, rows).result()], strict=True))
    except Unstructured:
        return None
    return found


def _identity(rows: LinearRows) -> LinearInUnit:
    ones = LANGUAGE["alloc"](LANGUAGE["cast"](1, rows.unit.dtype), rows.steps)
    return LinearInUnit({Place(): ones}, as_long=True)


class _Step:
    """The matrix of the output of a node, from those of its operands that are linear.

    matrices : those of the variables so far.
    rows : the map.
    """

    def __init__(
        self, node: Apply, matrices: Mapping[Variable, LinearInUnit], rows: LinearRows
    ) -> None:
        if len(node.outputs) > 1:
            raise Unstructured
        self.node = node
        self.given: list[LinearInUnit | None] = [matrices.get(v) for v in node.inputs]
        self.rows = rows
        self.found = LinearInUnit(as_long=self._as_long())

    def result(self) -> LinearInUnit:
        """Return the matrix."""
        blocks = self._blocks()
        if blocks is None and not self._is_sum_of_rows():
            self.given = [None if m is None else m.without_blocks() for m in self.given]
        self.found.blocks = blocks
        for i, matrix in enumerate(self.given):
            if matrix is None:
                continue
            before = replace(
                self.found, bands=dict(self.found.bands), entries=list(self.found.entries)
            )
            try:
                self._in_parts(i, matrix)
            except Unstructured:
                self.found = before
                self._dense(i, self._at_once(i, matrix))
        if len(self.found.bands) + len(self.found.entries) > MOST_BANDS:
            self.found.bands = self._by_shift(self.found.bands)
        if len(self.found.bands) + len(self.found.entries) > MOST_BANDS:
            bands = [self._as_entries(*band) for band in self.found.bands.items()]
            self.found.entries = [joined([*bands, *self.found.entries])]
            self.found.bands = {}
        return self.found

    def _by_shift(self, bands: Bands) -> Bands:
        """Return bands of which each shift has one, as long as all of that shift together."""
        found: Bands = {}
        for shift in dict.fromkeys(place.shift for place in bands):
            own = {place: values for place, values in bands.items() if place.shift == shift}
            front, back = (
                min(ends) for ends in zip(*((p.front, p.back) for p in own), strict=True)
            )
            place = Place(front, back, shift)
            if len(own) > 1:
                size = LANGUAGE["maximum"](extents_of(self.node.out)[0] - front - back, 0)
                whole = LANGUAGE["alloc"](LANGUAGE["cast"](0, self.node.out.dtype), size)
                for p, values in own.items():
                    part = Slice(p.front - front or None, back - p.back or None, None)
                    whole = IncSubtensor((part,), False)(whole, values)
                own = {place: whole}
            found[place] = own[place]
        return found

    def _blocks(self) -> Blocks | None:
        """Return how rows of the output depend on the unit vectors of their own alone, if so."""
        node = self.node
        if isinstance(node.op, Reshape) and node.out.ndim > 1 and self._is_one_band():
            n, *others = extents_of(node.out)
            return Blocks(n, product(tuple(others)))
        if isinstance(node.op, DimShuffle) and self._is_one_band() and node.inputs[0].ndim == 1:
            return Blocks(extents_of(node.inputs[0])[0], 1) if node.op.order[:1] == (0,) else None
        given = [(i, m) for i, m in enumerate(self.given) if m is not None]
        (found, *others) = {m.blocks for _, m in given}
        separate = all(_is_by_rows(node, i) for i, _ in given)
        return found if separate and not others else None

    def _is_one_band(self) -> bool:
        """Return whether the first operand is the unit vector, scaled, in some shape."""
        given = self.given[0]
        return (
            given is not None
            and given.as_long
            and given.bands.keys() == {Place()}
            and not given.entries
            and given.dense is None
        )

    def _is_sum_of_rows(self) -> bool:
        """Return whether the node adds up all rows, each of which has unit vectors of its own."""
        op = self.node.op
        return isinstance(op, Reduce) and op.kind == "sum" and 0 in op.axes

    def _as_long(self) -> bool:
        node, out = self.node, self.node.out
        if isinstance(node.op, Elementwise):
            return any(
                m is not None and m.as_long and v.broadcastable == out.broadcastable
                for v, m in zip(node.inputs, self.given, strict=True)
            )
        if isinstance(node.op, IncSubtensor):
            base, known = node.inputs[0], self.given[0]
            if known is not None:
                return known.as_long
            return self.rows.as_long_as_unit(base)
        same = isinstance(node.op, (Reshape, SpecifyShape))
        return same and all(m is not None and m.as_long for m in self.given[:1])

    # what is dense --------------------------------------------------------------------------
    def _dense(self, i: int, dense: Variable) -> None:
        """Add what operand ``i`` contributes by what of it is dense."""
        node, given = self.node, self.given[i]
        blocks = given and given.blocks
        if blocks and not self.found.blocks:
            op = node.op
            assert isinstance(op, Reduce)
            rows = dense.dimshuffle(1, 0, *range(2, dense.ndim))
            rows = LANGUAGE["reshape"](
                rows, (blocks.rows * blocks.each, *extents_of(dense)[2:]), ndim=dense.ndim - 1
            )
            others = tuple(axis for axis in op.axes if axis)
            self.found.add_dense(Reduce("sum", others)(rows) if others else rows)
            return
        stacked = [j == i for j in range(len(node.inputs))]

        def step(inputs: Sequence[Variable]) -> Variable | None:
            return batched(node, inputs, stacked)

        self.found.add_dense(linear(step, node.inputs, i, dense))

    # entries --------------------------------------------------------------------------------
    def _in_parts(self, i: int, matrix: LinearInUnit) -> None:
        """Add what operand ``i`` contributes by each part of it."""
        for place, values in matrix.bands.items():
            try:
                self._band(i, place, values)
            except Unstructured:
                entries = self._as_entries(place, values)
                self.found.entries.append(moved(self.node, i, entries))
        self.found.entries += [moved(self.node, i, entries) for entries in matrix.entries]
        if matrix.dense is not None:
            self._dense(i, matrix.dense)

    def _at_once(self, i: int, matrix: LinearInUnit) -> Variable:
        """Return all of operand ``i`` as what is dense; whatever else reads it reads the same."""
        if matrix.at_once is not None:
            return matrix.at_once
        bands = [self._as_entries(*band) for band in matrix.bands.items()]
        count = self.rows.steps if matrix.blocks is None else matrix.blocks.each
        found, shape = matrix.dense, extents_of(self.node.inputs[i])
        if bands or matrix.entries:
            found = stacked([*bands, *matrix.entries], count, shape, found)
        if found is None:
            found = LANGUAGE["alloc"](LANGUAGE["cast"](0, self.rows.unit.dtype), count, *shape)
        matrix.at_once = found
        return found

    def _as_entries(self, place: Place, values: Variable) -> Entries:
        """Return a band as entries."""
        units = positions(extents_of(values))
        elements = units + place.front if place.front else units
        units = elements + place.shift if place.shift else elements
        return Entries(units, values, elements if place.front or place.back else None)

    # bands ----------------------------------------------------------------------------------
    def _band(self, i: int, place: Place, values: Variable) -> None:
        """Add what operand ``i`` contributes by a band."""
        op = self.node.op
        if isinstance(op, Elementwise):
            self._scaled(i, place, values)
        elif isinstance(op, SpecifyShape) and i == 0:
            self.found.add(place, values)
        elif isinstance(op, Reshape) and i == 0 and self._is_identity(i, place):
            self.found.add(place, op(values, *self.node.inputs[1:]))
        elif self.node.inputs[i].ndim != 1:
            self._of_rows(i, values)
        elif isinstance(op, Subtensor) and i == 0:
            self._cut(place, values)
        elif isinstance(op, IncSubtensor) and i < 2 and not op.overwrite:
            self._written(i, place, values)
        elif isinstance(op, Dot):
            self._multiplied(i, place, values)
        elif isinstance(op, Reduce) and op.kind == "sum":
            self._spread(i, place, values, ())
        else:
            raise Unstructured

    def _of_rows(self, i: int, values: Variable) -> None:
        """Add what the rows of a matrix, each by unit vectors of its own, are multiplied to."""
        op = self.node.op
        if self.found.blocks is None or values.ndim != 2 or i:
            raise Unstructured
        if isinstance(op, Reduce) and op.kind == "sum":
            self.found.add_dense(values.T)
        elif isinstance(op, Dot):
            other = self.node.inputs[1]
            factor = other.dimshuffle(0, "x", *range(1, other.ndim))
            each = values.T if other.ndim == 1 else values.T.dimshuffle(0, 1, "x")
            self.found.add_dense(each * factor)
        else:
            raise Unstructured

    def _is_identity(self, i: int, place: Place) -> bool:
        """Return whether a band is all that operand ``i`` has, an element for each unit vector."""
        given = self.given[i]
        return given is not None and given.as_long and place == Place()

    def _scaled(self, i: int, place: Place, values: Variable) -> None:
        """An elementwise op: that of the values, and of what other operands have there."""
        node = self.node
        x, out = node.inputs[i], node.out
        if x.broadcastable != out.broadcastable:
            raise Unstructured
        parts = [
            v if v.broadcastable != out.broadcastable else _part(v, place.front, place.back)
            for v in node.inputs
        ]
        self.found.add(place, linear(lambda inputs: node.op(*inputs), parts, i, values))

    def _cut(self, place: Place, values: Variable) -> None:
        """A slice: what it takes of the band."""
        front, back = _slice_of(self.node)
        taken = Place(max(place.front - front, 0), max(place.back - back, 0), place.shift + front)
        (left,) = self.node.out.type.shape
        if left is not None and taken.front + taken.back >= left:
            return
        dropped = max(front - place.front, 0), max(back - place.back, 0)
        self.found.add(taken, _part(values, *dropped))

    def _written(self, i: int, place: Place, values: Variable) -> None:
        """Adding to a slice: the band, where it is written; and what of it was written into."""
        if i == 0:
            self.found.add(place, values)
            return
        front, back = _slice_of(self.node)
        (n,), (size,) = (v.type.shape for v in self.node.inputs[:2])
        if size == 1 != (n if n is None else n - front - back):
            raise Unstructured
        self.found.add(Place(place.front + front, place.back + back, place.shift - front), values)

    def _multiplied(self, i: int, place: Place, values: Variable) -> None:
        """A product with a vector or a matrix: its elements or rows, times those of the band."""
        other = self.node.inputs[1 - i]
        rows = other.T if i == 1 else other
        rows = _part(rows, place.front, place.back)
        if rows.ndim == 1:
            self._spread(i, place, values * rows, ())
        else:
            scaled = values.dimshuffle(0, "x") * rows
            self._spread(i, place, scaled, extents_of(rows)[1:])

    def _spread(self, i: int, place: Place, rows: Variable, shape: Sequence[Extent]) -> None:
        """Add what a band of operand ``i`` becomes: ``rows``, dense ones of ``shape``."""
        first = place.front + place.shift
        if self._is_identity(i, place):
            self.found.add_dense(rows)
            return
        dense = self.found.dense
        if dense is None:
            zero = LANGUAGE["cast"](0, rows.type.dtype)
            dense = LANGUAGE["alloc"](zero, self.rows.steps, *shape)
        into = dense[first : first + extents_of(rows)[0]]
        self.found.dense = LANGUAGE["inc_subtensor"](into, rows)


def _is_by_rows(node: Apply, i: int) -> bool:
    """Return whether a row of the output reads of operand ``i`` that row alone."""
    op, x, out = node.op, node.inputs[i], node.out
    if not x.ndim or not out.ndim or x.broadcastable[0] != out.broadcastable[0]:
        return False
    if isinstance(op, Elementwise):
        return x.ndim == out.ndim
    if isinstance(op, MatMul):
        return x.ndim == out.ndim and (x.ndim > 2 or i == 0)
    if isinstance(op, Reduce):
        return 0 not in op.axes
    if isinstance(op, Join):
        return op.axis > 0
    if isinstance(op, (Subtensor, IncSubtensor)):
        whole = op.pattern[:1] == (Slice(None, None, None),) and not is_advanced(op.pattern)
        return whole and (i == 0 or (i == 1 and x.ndim == out.ndim and _are_slices(op.pattern)))
    if i:
        return False
    if isinstance(op, Dot):
        return x.ndim == 2
    if isinstance(op, DimShuffle):
        return op.order[0] == 0
    if isinstance(op, Alloc):
        return x.ndim == out.ndim
    if isinstance(op, Reshape):
        m, n = in_normal_form(*(extents_of(v)[0] for v in (x, out)))
        return m is n
    return isinstance(op, SpecifyShape)


def _are_slices(entries: Sequence[object]) -> bool:
    return all(isinstance(entry, Slice) for entry in entries)


def _part(v: Variable, front: int, back: int) -> Variable:
    """Return ``v`` without its first and last elements or rows."""
    if not (front or back):
        return v
    return Subtensor((Slice(front or None, -back if back else None, None),))(v)


def _slice_of(node: Apply) -> tuple[int, int]:
    """Return how many elements the slice of a node omits in front and at the back."""
    op = node.op
    assert isinstance(op, (Subtensor, IncSubtensor))
    if node.inputs[0].ndim != 1 or len(op.pattern) != 1 or not isinstance(op.pattern[0], Slice):
        raise Unstructured
    start, stop, step = op.pattern[0].bounds
    (n,) = node.inputs[0].type.shape
    if step not in (None, 1) or isinstance(start, Slot) or isinstance(stop, Slot):
        raise Unstructured
    if n is not None:
        taken = range(n)[start:stop]
        return (taken.start, n - taken.stop) if taken else (n, 0)
    if (start or 0) < 0 or (stop is not None and stop >= 0):
        raise Unstructured
    return start or 0, -(stop or 0)
