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

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from gradcore.derive import pushforward
from gradcore.graph import Apply, Constant, Extent, Variable, substitute, toposort
from gradcore.graph.extents import product, smaller
from gradcore.graph.nodes import extents_of
from gradcore.language import LANGUAGE
from gradcore.ops.diagonals import inc_diagonals
from gradcore.ops.elementwise import Elementwise
from gradcore.ops.gathers import batched
from gradcore.ops.index import IncSubtensor, Subtensor
from gradcore.ops.index_patterns import Slice, Slot
from gradcore.ops.linalg import Dot
from gradcore.ops.reduce import Reduce
from gradcore.ops.shape import Reshape
from gradcore.ops.shape_values import SpecifyShape
from gradcore.rewrite.jacobians.linear_maps import LinearRows

MOST_BANDS = 16
"""How many bands are worth their own code; a map with more of them runs row by row."""

FEW_STEPS = 2
"""As many steps on what is dense as cost no more than what they make: one product, scaled."""


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

    bands : those of a vector; of another tensor only the one of all its elements, in C order.
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


def _matrices(rows: LinearRows) -> dict[Variable, LinearInUnit] | None:
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
        self.given = [matrices.get(v) for v in node.inputs]
        self.rows = rows
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
        if len(self.found.bands) > MOST_BANDS:
            raise Unstructured
        return self.found

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
        node = self.node
        stacked = [j == i for j in range(len(node.inputs))]

        def step(inputs: Sequence[Variable]) -> Variable | None:
            return batched(node, inputs, stacked)

        self.found.add_dense(_linear(step, node.inputs, i, dense))

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
            raise Unstructured
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
        self.found.add(place, _linear(lambda inputs: node.op(*inputs), parts, i, values))

    def _cut(self, place: Place, values: Variable) -> None:
        """A slice: what it takes of the band."""
        front, back = _slice_of(self.node)
        taken = Place(max(place.front - front, 0), max(place.back - back, 0), place.shift + front)
        dropped = max(front - place.front, 0), max(back - place.back, 0)
        self.found.add(taken, _part(values, *dropped))

    def _written(self, i: int, place: Place, values: Variable) -> None:
        """Adding to a slice: the band, where it is written; and what of it was written into."""
        if i == 0:
            self.found.add(place, values)
            return
        front, back = _slice_of(self.node)
        if self.node.inputs[1].broadcastable != self.node.inputs[0].broadcastable:
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


def _linear(
    step: Callable[[Sequence[Variable]], Variable | None],
    inputs: Sequence[Variable],
    i: int,
    values: Variable,
) -> Variable:
    """Return what a step makes of ``values`` in place of input ``i``, in which it is linear.

    Other inputs in which it is linear, too, count as zero.  The step is taken with variables that
    nothing has made, so that all that is walked is the step itself.
    """
    alone = [v if isinstance(v, Constant) else Variable(v.type) for v in inputs]
    alone[i], tangent = Variable(values.type), Variable(values.type)
    out = step(alone)
    (found,) = [None] if out is None else pushforward([out], [alone[i]], [tangent])
    if not isinstance(found, Variable):
        raise Unstructured
    # The tangent of what is linear mentions the input by its shape alone.
    given = {**dict(zip(alone, inputs, strict=True)), alone[i]: values, tangent: values}
    (result,) = substitute([found], given)
    return result


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
@dataclass(frozen=True)
class Banded:
    """A matrix that no loop over its rows computes.

    dense_steps : how many steps of the map are taken for all unit vectors.
    """

    tensor: Variable
    dense_steps: int

    @property
    def is_cheap(self) -> bool:
        """Whether no other way takes much less."""
        return self.dense_steps <= FEW_STEPS


def banded(rows: LinearRows) -> Banded | None:
    """Return a matrix as a tensor that no loop over its rows computes; None: it takes one."""
    matrices = _matrices(rows)
    if matrices is None:
        return None
    matrix = matrices[rows.row]
    m, *shape = rows.shape()
    found = matrix.dense
    if found is None:
        found = LANGUAGE["alloc"](LANGUAGE["cast"](0, rows.row.dtype), m, product(tuple(shape)))
    if matrix.bands:
        starts = [(place.front + place.shift, place.front) for place in matrix.bands]
        vectors = [LANGUAGE["flatten"](values) for values in matrix.bands.values()]
        flat = found if found.ndim == 2 else LANGUAGE["reshape"](found, (m, product(tuple(shape))))
        found = inc_diagonals(flat, starts, vectors)
    if found.ndim != len(shape) + 1:
        found = LANGUAGE["reshape"](found, (m, *shape))
    dense = sum(each.dense is not None for each in matrices.values())
    return Banded(rows.outside(found), dense)


def diagonal(rows: LinearRows) -> Variable | None:
    """Return the main diagonal of a matrix that has bands only; None: it is not known to have."""
    matrices = _matrices(rows)
    if matrices is None or matrices[rows.row].dense is not None:
        return None
    m, n = rows.shape()
    found = LANGUAGE["alloc"](LANGUAGE["cast"](0, rows.row.dtype), smaller(m, n))
    for place, values in matrices[rows.row].bands.items():
        if not place.shift:
            into = found[place.front : extents_of(values)[0] + place.front]
            found = LANGUAGE["inc_subtensor"](into, values)
    return rows.outside(found)
