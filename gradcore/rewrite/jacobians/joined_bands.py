"""Bands of maps that cut and join vectors where it is computed how long they are.

The Jacobian of ``concatenate([x[:1], x[1:-1] + x[2:], x[-1:]])`` has bands as that of its parts
has, but where each begins depends on the number of elements, and that they meet holds only of
enough of them (`distances`).  So what is made of these bands is chosen when a function runs.

The decision: elementwise operations, slices, and what is added to slices and joined, no more:
equations of what else has no bands that meet, or is solved whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from gradcore.graph import Apply, Extent, Variable, toposort
from gradcore.graph.nodes import extents_of
from gradcore.language import LANGUAGE
from gradcore.ops.elementwise import Elementwise
from gradcore.ops.index import IncSubtensor, Subtensor
from gradcore.ops.index_patterns import Slice, Slot
from gradcore.ops.shape import Join
from gradcore.ops.shape_values import SpecifyShape
from gradcore.rewrite.jacobians.distances import Distance, Distances
from gradcore.rewrite.jacobians.entries import Unstructured, linear
from gradcore.rewrite.jacobians.linear_maps import LinearRows


@dataclass(frozen=True)
class Stretch:
    """Where a band is: at (element + shift, element), for the elements from front to -back.

    Rows are the elements of the unit vector, columns those of the value.
    """

    front: Distance = 0
    back: Distance = 0
    shift: Distance = 0


Stretches: TypeAlias = dict[Stretch, Variable]
"""The values along each band."""


@dataclass(frozen=True)
class JoinedBands:
    """The bands of a square matrix, right where a condition holds.

    bands : by how much each is below the diagonal, its first column, and its values.
    condition : a scalar.
    """

    bands: list[tuple[int, Extent, Variable]]
    condition: Variable


def joined_bands(rows: LinearRows) -> JoinedBands | None:
    """Return the bands of a matrix whose extents are computed; None: no rule here says them."""
    distances = Distances(rows.outside)
    walk = _Walk(distances)
    steps = distances.of(rows.steps)
    ones = LANGUAGE["alloc"](LANGUAGE["cast"](1, rows.unit.dtype), rows.steps)
    walk.found[rows.unit], walk.lengths[rows.unit] = {Stretch(): ones}, steps
    try:
        for node in toposort([rows.row], {rows.unit}):
            if not walk.found.keys().isdisjoint(node.inputs):
                walk.take(node)
    except Unstructured:
        return None
    found: list[tuple[int, Extent, Variable]] = []
    for at, values in walk.found[rows.row].items():
        if not isinstance(at.shift, int):
            return None
        found.append((at.shift, distances.expression(at.front), rows.outside(values)))
    condition = distances.hold() if walk.lengths[rows.row] == steps else None
    return None if condition is None else JoinedBands(found, condition)


class _Walk:
    """The bands of variables of a loop that are linear in the unit vector, so far.

    lengths : how many elements these have.
    """

    def __init__(self, distances: Distances) -> None:
        self.distances = distances
        self.found: dict[Variable, Stretches] = {}
        self.lengths: dict[Variable, Distance] = {}

    def take(self, node: Apply) -> None:
        """Find the bands of the output of a node.  Raises Unstructured."""
        if node.outputs[0].ndim != 1 or len(node.outputs) > 1:
            raise Unstructured
        match node.op:
            case Elementwise():
                bands = self._scaled(node)
            case SpecifyShape():
                bands = self.found[node.inputs[0]]
                self.lengths[node.out] = self._length(node.inputs[0])
            case Subtensor():
                bands = self._cut(node)
            case IncSubtensor():
                bands = self._written(node)
            case Join():
                bands = self._joined(node)
            case _:
                raise Unstructured
        self.found[node.out] = bands

    def _length(self, v: Variable) -> Distance:
        if v not in self.lengths:
            self.lengths[v] = self.distances.of(extents_of(v)[0])
        return self.lengths[v]

    def _part(self, v: Variable, at: Stretch) -> Variable:
        """Return ``v`` without its first and last elements."""
        bounds = self.distances.expression(at.front), self.distances.expression(at.back)
        return _without(v, *bounds)

    def _scaled(self, node: Apply) -> Stretches:
        """An elementwise op: that of the values, and of what other operands have there."""
        found: Stretches = {}
        out = node.out
        for i, x in enumerate(node.inputs):
            for at, values in self.found.get(x, {}).items():
                if x.broadcastable != out.broadcastable:
                    raise Unstructured
                self.lengths[out] = self.lengths[x]
                parts = [
                    v if v.broadcastable != out.broadcastable else self._part(v, at)
                    for v in node.inputs
                ]
                _add(found, at, linear(lambda inputs: node.op(*inputs), parts, i, values))
        return found

    def _cut(self, node: Apply) -> Stretches:
        """A slice: what it takes of each band."""
        x = node.inputs[0]
        front, back = self._slice(node)
        self.lengths[node.out] = left = self._length(x) - front - back
        larger = self.distances.larger
        found: Stretches = {}
        for at, values in self.found[x].items():
            first, last = larger(at.front - front, 0), larger(at.back - back, 0)
            if not self.distances.reaches(left - first - last, 1):
                continue
            dropped = Stretch(larger(front - at.front, 0), larger(back - at.back, 0))
            _add(found, Stretch(first, last, at.shift + front), self._part(values, dropped))
        return found

    def _written(self, node: Apply) -> Stretches:
        """Adding to a slice: the bands, where they are written; and those written into."""
        op, (x, y) = node.op, node.inputs[:2]
        assert isinstance(op, IncSubtensor)
        front, back = self._slice(node)
        if op.overwrite or not self.found.keys().isdisjoint(node.inputs[2:]):
            raise Unstructured
        found, n = dict(self.found.get(x, {})), self._length(x)
        self.lengths[node.out] = n
        bands = self.found.get(y, {})
        if bands and self._length(y) != n - front - back:
            raise Unstructured
        for at, values in bands.items():
            _add(found, Stretch(at.front + front, at.back + back, at.shift - front), values)
        return found

    def _joined(self, node: Apply) -> Stretches:
        """Vectors one after the other."""
        found: Stretches = {}
        lengths = [self._length(v) for v in node.inputs]
        whole: Distance = 0
        for n in lengths:
            whole = whole + n
        start: Distance = 0
        for v, n in zip(node.inputs, lengths, strict=True):
            for at, values in self.found.get(v, {}).items():
                into = Stretch(at.front + start, at.back + whole - n - start, at.shift - start)
                _add(found, into, values)
            start = start + n
        self.lengths[node.out] = whole
        return found

    def _slice(self, node: Apply) -> tuple[Distance, Distance]:
        """Return how many elements the slice of a node omits in front and at the back."""
        op = node.op
        assert isinstance(op, (Subtensor, IncSubtensor))
        x, *others = node.inputs
        if x.ndim != 1 or len(op.pattern) != 1 or not isinstance(op.pattern[0], Slice):
            raise Unstructured
        given = iter(others[isinstance(op, IncSubtensor) :])
        start, stop, step = (next(given) if b is Slot.SCALAR else b for b in op.pattern[0].bounds)
        if step not in (None, 1):
            raise Unstructured
        return self.distances.cut(self._length(x), start, stop)


def _add(found: Stretches, at: Stretch, values: Variable) -> None:
    known = found.get(at)
    found[at] = values if known is None else known + values


def _without(v: Variable, front: Extent, back: Extent) -> Variable:
    """Return ``v`` without its first and last elements."""
    if isinstance(back, int):
        stop = -back if back else None
        return v if stop is None and isinstance(front, int) and not front else v[front:stop]
    return v[front : extents_of(v)[0] - back]
