"""Matrices of linear maps that are sparse by diagonals: computed as such, not row by row.

Row c of the matrix is what a map makes of unit vector c.  The map is a graph, and each variable on
the way is linear in the unit vector; its own matrix is kept as a sum of *bands* and of what is
dense::

    unit vector            the identity: one band, of ones
    a * u                  each band times a
    u[1:], u[:-1]          each band, shifted and cut
    zeros[1:] += u         each band, shifted
    u + v                  the bands of both; those in the same place are added
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
from dataclasses import dataclass, field
from typing import TypeAlias

from gradcore.derive import pushforward
from gradcore.graph import Apply, Extent, TensorType, Variable, substitute, toposort
from gradcore.graph.nodes import extents_of
from gradcore.language import LANGUAGE
from gradcore.ops.diagonals import inc_diagonals
from gradcore.ops.elementwise import Elementwise
from gradcore.ops.gathers import batched
from gradcore.ops.index import IncSubtensor, Subtensor
from gradcore.ops.index_patterns import Slice, Slot
from gradcore.ops.linalg import Dot
from gradcore.ops.reduce import Reduce
from gradcore.ops.shape import Alloc
from gradcore.ops.shape_values import SpecifyShape
from gradcore.rewrite.canonical.stage import inputs_of, is_made_by, same_extent
from gradcore.rewrite.loops.one_hot import LinearRows

MOST_BANDS = 16
"""How many bands are worth their own code; a map with more of them runs row by row."""


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


@dataclass
class LinearInUnit:
    """The matrix of a variable that is linear in the unit vector: the sum of its parts.

    bands : those of a vector.
    dense : the variable for each unit vector, stacked along a first axis; or None.
    as_long : whether the value is known to have as many elements as the unit vector.
    """

    bands: Bands = field(default_factory=dict[Place, Variable])
    dense: Variable | None = None
    as_long: bool = False

    def add(self, place: Place, values: Variable) -> None:
        """Add a band."""
        known = self.bands.get(place)
        self.bands[place] = values if known is None else known + values

    def add_dense(self, dense: Variable) -> None:
        """Add what is dense."""
        self.dense = dense if self.dense is None else self.dense + dense


class Unstructured(Exception):  # noqa: N818 - it is control flow, and no fault
    """The map does what has no rule here."""


def matrix_of(row: Variable, unit: Variable, steps: Variable) -> LinearInUnit | None:
    """Return the matrix of the map from ``unit``, of ``steps`` elements, to ``row``.

    None: no rule here says it.
    """
    found = {unit: _identity(unit, steps)}
    order = toposort([row], {unit})
    moving = _moving(order, unit)
    try:
        for node in order:
            if moving.isdisjoint(node.inputs):
                continue
            if len(node.outputs) > 1:
                raise Unstructured
            result = _Step(node, found, steps).result()
            if len(result.bands) > MOST_BANDS:
                raise Unstructured
            found[node.out] = result
    except Unstructured:
        return None
    return found.get(row)


def _identity(unit: Variable, steps: Variable) -> LinearInUnit:
    ones = LANGUAGE["alloc"](LANGUAGE["cast"](1, unit.type.dtype), steps)
    return LinearInUnit({Place(): ones}, as_long=True)


def _moving(order: Sequence[Apply], unit: Variable) -> set[Variable]:
    """Return the variables of ``order`` that depend on the elements of ``unit``."""
    moving = {unit}
    for node in order:
        if not moving.isdisjoint(node.inputs):
            moving.update(node.outputs)
    return moving


class _Step:
    """The matrix of the output of a node, from those of its operands that are linear.

    matrices : those of the variables so far.
    steps : how many elements the unit vector has.
    """

    def __init__(
        self, node: Apply, matrices: Mapping[Variable, LinearInUnit], steps: Variable
    ) -> None:
        self.node = node
        self.given = [matrices.get(v) for v in node.inputs]
        self.steps = steps
        self.found = LinearInUnit(as_long=self._as_long())

    def result(self) -> LinearInUnit:
        """Return the matrix."""
        for i, matrix in enumerate(self.given):
            if matrix is None:
                continue
            for place, values in matrix.bands.items():
                self._band(i, place, values)
            if matrix.dense is not None:
                self._dense(i, matrix.dense)
        return self.found

    def _as_long(self) -> bool:
        node, out = self.node, self.node.out
        if out.ndim != 1:
            return False
        if isinstance(node.op, Elementwise):
            return any(
                m is not None and m.as_long and v.broadcastable == out.broadcastable
                for v, m in zip(node.inputs, self.given, strict=True)
            )
        if isinstance(node.op, IncSubtensor):
            base, known = node.inputs[0], self.given[0]
            if known is not None:
                return known.as_long
            return is_made_by(base, Alloc) and same_extent(self.steps, inputs_of(base)[1])
        return isinstance(node.op, SpecifyShape) and all(m and m.as_long for m in self.given[:1])

    # what is dense --------------------------------------------------------------------------
    def _dense(self, i: int, dense: Variable) -> None:
        """Add what operand ``i`` contributes by what of it is dense."""
        node = self.node
        place = Variable(TensorType(dense.dtype, (None, *node.inputs[i].type.shape)))
        inputs = [place if j == i else v for j, v in enumerate(node.inputs)]
        out = batched(node, inputs, [j == i for j in range(len(inputs))])
        if out is None:
            raise Unstructured
        self.found.add_dense(_linear_in(place, out, dense))

    # bands ----------------------------------------------------------------------------------
    def _band(self, i: int, place: Place, values: Variable) -> None:
        """Add what operand ``i`` contributes by a band."""
        op = self.node.op
        if isinstance(op, Elementwise):
            self._scaled(i, place, values)
        elif isinstance(op, Subtensor) and i == 0:
            self._cut(place, values)
        elif isinstance(op, IncSubtensor) and i < 2 and not op.overwrite:
            self._written(i, place, values)
        elif isinstance(op, SpecifyShape) and i == 0:
            self.found.add(place, values)
        elif isinstance(op, Dot):
            self._multiplied(i, place, values)
        elif isinstance(op, Reduce) and op.kind == "sum":
            self._place_dense(place, values, ())
        else:
            raise Unstructured

    def _scaled(self, i: int, place: Place, values: Variable) -> None:
        """An elementwise op: that of the values, and of what other operands have there."""
        node = self.node
        x, out = node.inputs[i], node.out
        if out.ndim != 1 or x.broadcastable != out.broadcastable:
            raise Unstructured
        stand_in = Variable(values.type)
        inputs = [
            stand_in if j == i
            else v if v.broadcastable != out.broadcastable
            else _part(v, place.front, place.back)
            for j, v in enumerate(node.inputs)
        ]  # fmt: skip
        self.found.add(place, _linear_in(stand_in, node.op(*inputs), values))

    def _cut(self, place: Place, values: Variable) -> None:
        """A slice: what it takes of the band."""
        front, back = _slice_of(self.node)
        kept = Place(
            max(place.front - front, 0), max(place.back - back, 0), place.shift + front
        )
        dropped = max(front - place.front, 0), max(back - place.back, 0)
        self.found.add(kept, _part(values, *dropped))

    def _written(self, i: int, place: Place, values: Variable) -> None:
        """Adding to a slice: the band, where it is written; and what of it was written into."""
        if i == 0:
            self.found.add(place, values)
            return
        front, back = _slice_of(self.node)
        if self.node.inputs[1].broadcastable != self.node.inputs[0].broadcastable:
            raise Unstructured
        self.found.add(
            Place(place.front + front, place.back + back, place.shift - front), values
        )

    def _multiplied(self, i: int, place: Place, values: Variable) -> None:
        """A product with a vector or a matrix: its elements or rows, times those of the band."""
        other = self.node.inputs[1 - i]
        rows = other.T if i == 1 else other
        rows = _part(rows, place.front, place.back)
        if rows.ndim == 1:
            self._place_dense(place, values * rows, ())
        else:
            scaled = values.dimshuffle(0, "x") * rows
            self._place_dense(place, scaled, extents_of(rows)[1:])

    def _place_dense(self, place: Place, rows: Variable, shape: Sequence[Extent]) -> None:
        """Add ``rows``, dense ones of ``shape``, for the unit vectors of a band."""
        given = next(m for m in self.given if m is not None)
        first = place.front + place.shift
        if given.as_long and place == Place():
            self.found.add_dense(rows)
            return
        if self.found.dense is None:
            zero = LANGUAGE["cast"](0, rows.type.dtype)
            self.found.dense = LANGUAGE["alloc"](zero, self.steps, *shape)
        into = self.found.dense[first : first + extents_of(rows)[0]]
        self.found.dense = LANGUAGE["inc_subtensor"](into, rows)


def _linear_in(stand_in: Variable, out: Variable, values: Variable) -> Variable:
    """Return ``out``, which is linear in ``stand_in`` and other operands, of ``values`` alone."""
    (found,) = pushforward([out], [stand_in], [values])
    if not isinstance(found, Variable):
        raise Unstructured
    # A tangent of what is linear mentions the variable by its shape alone.
    (of_values,) = substitute([found], {stand_in: values})
    return of_values


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


# as a tensor ------------------------------------------------------------------------------------
def banded(rows: LinearRows) -> Variable | None:
    """Return a matrix as a tensor that no loop over its rows computes; None: it takes one."""
    row = rows.outside()
    matrix = matrix_of(row, rows.unit, rows.steps)
    if matrix is None:
        return None
    found = matrix.dense
    if found is None:
        found = LANGUAGE["alloc"](LANGUAGE["cast"](0, row.type.dtype), *rows.shape())
    if matrix.bands:
        starts = [(place.front + place.shift, place.front) for place in matrix.bands]
        found = inc_diagonals(found, starts, list(matrix.bands.values()))
    return rows.without_unit(found)
