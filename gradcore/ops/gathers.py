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

from gradcore.graph import UNKNOWN, Apply, Constant, Extent, Op, Shape, Variable
from gradcore.graph.extents import product
from gradcore.graph.nodes import extents_of
from gradcore.language import LANGUAGE
from gradcore.ops.create import Arange
from gradcore.ops.shape import DimShuffle, Join


class Gathered:
    """An operand of an element form: a call with indices, arrays that broadcast, gathers there."""

    def __init__(self, variable: Variable) -> None:
        self.variable = variable
        self.shape = extents_of(variable)

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
        if not index:
            return self.variable
        position: Any = 0
        inside: Any = True
        for i, n in zip(index, self.shape, strict=True):
            position = position * n + i
            inside = inside & (i >= 0) & (i < n)
        padding = Constant(np.zeros(1, self.dtype))
        elements = Join(0)(LANGUAGE["flatten"](self.variable), padding)
        at = LANGUAGE["switch"](inside, position, product(self.shape))
        return elements[at]

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
