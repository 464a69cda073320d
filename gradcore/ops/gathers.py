"""An element form read over whole arrays: its indices are arrays, and what it reads is gathered.

`Op.element` says which scalar stands at an index.  Lowering reads it on scalars, inside of a loop;
here it is read on all indices at once, so that a library of arrays, or a rewrite, has an op whose
class says nothing else of how it is computed.

The decision: an operand is read at a position in its flattened elements, behind which a zero
stands for all that is out of bounds: a choice evaluates both of its sides here, and the side that
is not taken may point anywhere, at an operand without elements too.  Rejected: clipped indices an
axis, which an operand without elements still refuses.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradcore.graph import UNKNOWN, Apply, Constant, Extent, Op, Operand, Shape, Variable
from gradcore.graph.extents import product
from gradcore.graph.nodes import as_variable, extents_of, symbolic_operand
from gradcore.language import LANGUAGE, listed
from gradcore.ops.create import Arange
from gradcore.ops.shape import DimShuffle, Join
from gradcore.ops.stacks import repeated, size_of


class Gathered:
    """An operand of an element form: a call with indices, arrays that broadcast, gathers there.

    first : the indices at its first axes, in bounds, which the element form does not know of.
    """

    def __init__(self, variable: Variable, first: Sequence[Variable] = ()) -> None:
        self.variable = variable
        self.first = tuple(first)
        self.whole = extents_of(variable)
        self.shape = self.whole[len(first) :]

    @property
    def ndim(self) -> int:
        """The rank."""
        return len(self.shape)

    @property
    def dtype(self) -> str:
        """The dtype."""
        return self.variable.dtype

    def extent(self, axis: int) -> Extent:
        """Return the extent at ``axis``."""
        return self.shape[axis]

    def __call__(self, *index: Any) -> Variable:
        """Return the elements at ``index``; what is out of bounds is 0."""
        if not self.first and not index:
            return self.variable
        position: Any = 0
        inside: Any = True
        for i, n in zip(index, self.shape, strict=True):
            position = position * n + i
            inside = inside & (i >= 0) & (i < n)
        padding = Constant(np.zeros(1, self.dtype))
        size = product(self.shape)
        if self._are_alike(position):
            (n,) = self.whole[:1]
            rows = LANGUAGE["reshape"](self.variable, (n, size), ndim=2)
            rows = Join(1)(rows, LANGUAGE["alloc"](padding, n, 1))
            at = LANGUAGE["switch"](inside, position, size)
            return rows[:, DimShuffle(tuple(range(1, at.ndim)))(at)]
        start: Any = 0
        for i, n in zip(self.first, self.whole, strict=False):
            start = start * n + i
        elements = Join(0)(LANGUAGE["flatten"](self.variable), padding)
        at = LANGUAGE["switch"](inside, start * size + position, product(self.whole))
        return elements[at]

    def _are_alike(self, position: Any) -> bool:
        """Return whether the same elements are read of each element of a stack."""
        alike = isinstance(position, Variable) and position.ndim > 0 and position.broadcastable[0]
        return alike and len(self.first) == 1

    def stretched(self, index: Sequence[Any]) -> Variable:
        """Return the elements for an index into what it broadcasts to."""
        last = index[len(index) - self.ndim :]
        pairs = zip(self.shape, last, strict=True)
        return self(*(0 if isinstance(n, int) and n == 1 else i for n, i in pairs))


def indices(shape: Shape) -> list[Variable]:
    """Return for each axis its indices, as an array that broadcasts to ``shape``."""
    return [
        DimShuffle((*["x"] * axis, 0, *["x"] * (len(shape) - axis - 1)))(Arange()(n))
        for axis, n in enumerate(shape)
    ]


def has_element(kind: type[Op]) -> bool:
    """Return whether a class of ops declares an element form."""
    return kind.element is not Op.element


def batched(node: Apply, inputs: Sequence[Variable], stacked: Sequence[bool]) -> Variable | None:
    """Return the output of ``node`` for many operands at once, stacked along a first axis.

    As the op says it, else by its element form with an index in front.

    inputs : in place of those of ``node``; ``stacked`` tells which have that axis, one at least.

    None: neither is declared, or the shapes within the stack differ.
    """
    declared = node.op.batch(node, inputs, stacked)
    if declared is None:
        return batched_elements(node, inputs, stacked)
    (found,) = listed(declared)
    return found if found.ndim > node.out.ndim else repeated(found, size_of(inputs, stacked))


def batched_elements(
    node: Apply, inputs: Sequence[Variable], stacked: Sequence[bool]
) -> Variable | None:
    """Return the same by the element form; None: there is none, or the shapes differ."""
    if not has_element(type(node.op)):
        return None
    each = operands_within(inputs, stacked)
    (shape,) = node.op.symbolic_shapes(node, each)
    if UNKNOWN in shape:
        return None
    size = size_of(inputs, stacked)
    first, *at = indices((size, *shape))
    operands = [Gathered(x, (first,) if s else ()) for x, s in zip(inputs, stacked, strict=True)]
    found = as_variable(node.op.element(node, at, *operands))
    return LANGUAGE["alloc"](LANGUAGE["cast"](found, node.out.dtype), size, *shape)


def operands_within(inputs: Sequence[Variable], stacked: Sequence[bool]) -> list[Operand]:
    """Return what is known of each operand: of an element of a stack, its shape alone."""
    return [
        Operand(extents_of(x)[1:]) if s else symbolic_operand(x)
        for x, s in zip(inputs, stacked, strict=True)
    ]


def gathered(node: Apply) -> Any:
    """Return the output of ``node`` by its element form; it broadcasts to its shape.

    None: it declares no element form, or its shape is not known without computing it.
    """
    if not has_element(type(node.op)):
        return None
    (shape,) = node.shapes
    if UNKNOWN in shape:
        return None
    operands = [Gathered(v) for v in node.inputs]
    return node.op.element(node, indices(shape), *operands)
