"""Matrices of linear maps that are sparse by arrays of indices: elements, and where they are.

Each entry is an element of the matrix: the number of a unit vector, an element of the value, and
what it is.  As long as each element of the value reads one unit vector, an op that moves elements
moves the entries: a gather, a reversal or a transposition is applied to them as it is.  Where
elements are added up, by a scatter or a sum, entries note which element they are added to.

Of what is added up, a slice takes the entries that are added to its elements.  Another op that does
not go on adding, such as a gather, is none for entries: it takes all unit vectors at once, as what
is dense does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gradcore.derive import pushforward
from gradcore.graph import Apply, Constant, Extent, Variable, substitute
from gradcore.graph.extents import product
from gradcore.graph.nodes import extents_of
from gradcore.language import LANGUAGE
from gradcore.ops.elementwise import Elementwise
from gradcore.ops.index import IncSubtensor, Subtensor
from gradcore.ops.index_patterns import Slot, is_advanced
from gradcore.ops.reduce import Reduce
from gradcore.ops.shape import Alloc, DimShuffle, Join, Repeat, Reshape
from gradcore.ops.shape_values import SpecifyShape

MOVES = (Subtensor, DimShuffle, Reshape, Alloc, Repeat, SpecifyShape)
"""Ops of which each element of the result is one of the first operand."""


class Unstructured(Exception):  # noqa: N818 - it is control flow, and no fault
    """The map does what has no rule here."""


@dataclass(frozen=True)
class Entries:
    """Elements of a matrix, in arrays of one shape.

    units : the number of the unit vector of each.
    values : what it is.
    elements : the element of the value that it is added to, in C order; None: the arrays are of the
        shape of the value, and each is for the element where it stands.
    of_part : whether some are zeros, in place of those that a part of the value does not have.
    """

    units: Variable
    values: Variable
    elements: Variable | None = None
    of_part: bool = False

    def where(self) -> Variable:
        """Return which element of the value each entry is added to."""
        return positions(extents_of(self.values)) if self.elements is None else self.elements


def stacked(
    parts: Sequence[Entries], count: Extent, shape: Sequence[Extent], dense: Variable | None = None
) -> Variable:
    """Return what entries, and what is dense, are for unit vectors, stacked along a first axis.

    count : for how many; where there are more, for those of each row, whose numbers go on.
    shape : that of the value.
    """
    size = product(tuple(shape))
    if dense is None:
        flat = LANGUAGE["alloc"](LANGUAGE["cast"](0, parts[0].values.dtype), count * size)
    else:
        flat = LANGUAGE["flatten"](dense)
    for each in parts:
        at = LANGUAGE["flatten"](each.units % count * size + each.where())
        flat = IncSubtensor((Slot.ARRAY,), False)(flat, LANGUAGE["flatten"](each.values), at)
    return LANGUAGE["reshape"](flat, (count, *shape))


def joined(parts: Sequence[Entries]) -> Entries:
    """Return all entries of several as one."""
    of_each = [(each.units, each.values, each.where()) for each in parts]
    flat = ([LANGUAGE["flatten"](v) for v in several] for several in zip(*of_each, strict=True))
    of_part = any(each.of_part for each in parts)
    return Entries(*map(LANGUAGE["concatenate"], flat), of_part=of_part)


def positions(shape: Sequence[Extent]) -> Variable:
    """Return a tensor of its elements' places in C order."""
    places = LANGUAGE["arange"](product(tuple(shape)))
    return places if len(shape) == 1 else LANGUAGE["reshape"](places, tuple(shape))


def moved(node: Apply, i: int, entries: Entries) -> Entries:
    """Return the entries of the output of ``node`` that come from those of its operand ``i``.

    Raises Unstructured: that is not known, or cannot be said with entries.
    """
    op = node.op
    if isinstance(op, Elementwise):
        return _scaled(node, i, entries)
    if isinstance(op, Reduce) and op.kind == "sum":
        if entries.elements is None and all(node.inputs[0].broadcastable[a] for a in op.axes):
            return Entries(op(entries.units), op(entries.values))
        return _added(entries, _sums(node, op.axes))
    if isinstance(op, Join):
        return _added(entries, _joined(node, op, i))
    if isinstance(op, IncSubtensor) and i < 2:
        return _written(node, op, i, entries)
    if not isinstance(op, MOVES) or i:
        raise Unstructured
    if entries.elements is None:
        others = node.inputs[1:]
        return Entries(op(entries.units, *others), op(entries.values, *others))
    if isinstance(op, (Reshape, SpecifyShape)):
        return entries
    if isinstance(op, DimShuffle):
        return _added(entries, _undone(node, op))
    if isinstance(op, Subtensor) and not is_advanced(op.pattern):
        return _taken(node, op, entries)
    raise Unstructured


def _added(entries: Entries, places: Variable) -> Entries:
    """Return entries that are added to what ``places`` says for the elements before."""
    if entries.elements is None:
        return replace(entries, elements=places)
    return replace(entries, elements=LANGUAGE["flatten"](places)[entries.elements])


def _sums(node: Apply, axes: Sequence[int]) -> Variable:
    """Return for each element that is summed where it is added to."""
    (x,) = node.inputs
    shape = extents_of(x)
    left = positions([n for axis, n in enumerate(shape) if axis not in axes])
    order = iter(range(left.ndim))
    aligned = DimShuffle(tuple("x" if a in axes else next(order) for a in range(x.ndim)))
    return LANGUAGE["alloc"](aligned(left), *shape)


def _joined(node: Apply, op: Join, i: int) -> Variable:
    """Return for each element of operand ``i`` where it comes to stand."""
    start: Extent = 0
    for x in node.inputs[:i]:
        start = start + extents_of(x)[op.axis]
    part = slice(start, start + extents_of(node.inputs[i])[op.axis])
    return positions(extents_of(node.out))[(*(slice(None),) * op.axis, part)]


def _undone(node: Apply, op: DimShuffle) -> Variable:
    """Return for each element of what is transposed where it comes to stand."""
    back = tuple(op.order.index(a) if a in op.order else "x" for a in range(node.inputs[0].ndim))
    return DimShuffle(back)(positions(extents_of(node.out)))


def _written(node: Apply, op: IncSubtensor, i: int, entries: Entries) -> Entries:
    """Entries of what is written into, which stay, or of what is written."""
    x, _, *indices = node.inputs
    if i == 0:
        if not op.overwrite:
            return entries
        if entries.elements is not None:
            raise Unstructured
        zero = LANGUAGE["cast"](0, entries.values.dtype)
        return replace(entries, values=op(entries.values, zero, *indices))
    if op.overwrite and is_advanced(op.pattern):
        raise Unstructured  # of several that are written to one element, one remains
    into = Subtensor(op.pattern)(positions(extents_of(x)), *indices)
    if entries.elements is None:
        shape = extents_of(into)
        entries = Entries(*(LANGUAGE["alloc"](v, *shape) for v in (entries.units, entries.values)))
    elif node.inputs[1].broadcastable != into.broadcastable:
        raise Unstructured
    return _added(entries, into)


def _taken(node: Apply, op: Subtensor, entries: Entries) -> Entries:
    """Entries of a part, which has each element once at most: those of others become zeros.

    A part without elements has no entries: there is nothing that a zero could be added to.  Of a
    part of what parts were added up to, each would have the zeros of all: that is none for entries.
    """
    if entries.of_part:
        raise Unstructured
    x, *indices = node.inputs
    taken = LANGUAGE["flatten"](op(positions(extents_of(x)), *indices))
    nowhere = LANGUAGE["alloc"](np.int64(-1), product(extents_of(x)))
    (size,) = extents_of(taken)
    places = LANGUAGE["set_subtensor"](nowhere[taken], LANGUAGE["arange"](size))
    at = places[entries.elements]
    own = LANGUAGE["ge"](at, 0)
    zero = LANGUAGE["cast"](0, entries.values.dtype)
    values = LANGUAGE["switch"](own, entries.values, zero)
    found = entries.units, values, LANGUAGE["maximum"](at, 0)
    if isinstance(size, int) and size:
        return Entries(*found, of_part=True)
    units, *others = map(LANGUAGE["flatten"], found)
    count = extents_of(units)[0] * LANGUAGE["minimum"](size, 1)
    return Entries(*(v[:count] for v in (units, *others)), of_part=True)


def _scaled(node: Apply, i: int, entries: Entries) -> Entries:
    """An elementwise op: that of the values, and of what other operands have there."""
    out, x = node.out, node.inputs[i]
    if entries.elements is None:
        values = linear(lambda inputs: node.op(*inputs), node.inputs, i, entries.values)
        if x.broadcastable == out.broadcastable:
            return replace(entries, values=values)
        return Entries(LANGUAGE["alloc"](entries.units, *extents_of(values)), values)
    if x.broadcastable != out.broadcastable:
        raise Unstructured
    shape, at = extents_of(x), entries.elements
    parts = [v if k == i else _at(v, shape, at) for k, v in enumerate(node.inputs)]
    values = linear(lambda inputs: node.op(*inputs), parts, i, entries.values)
    return replace(entries, values=values)


def _at(v: Variable, shape: Sequence[Extent], places: Variable) -> Variable:
    """Return the elements of ``v``, broadcast to a shape, at places."""
    if all(v.broadcastable):
        return DimShuffle(())(v)
    return LANGUAGE["flatten"](LANGUAGE["alloc"](v, *shape))[places]


def linear(
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
    given: Mapping[Variable, Variable] = {
        **dict(zip(alone, inputs, strict=True)),
        alone[i]: values,
        tangent: values,
    }
    (result,) = substitute([found], given)
    return result
