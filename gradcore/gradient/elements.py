"""An element form read for what it reads: which elements of its operands make each of the result.

`Op.element` says which scalar stands at an index.  Lowering reads it inside of a loop, and
`gradcore.ops.gathers` on indices of a graph; here it is read once, with NumPy arrays of all indices
of the result, and what is returned is where it read: the pattern of the op's Jacobian, which no op
declares a second time.

The decision: a value carries what it is, where that is known (indices, extents, constants), beside
what was read for it, so that a choice by a known condition has read only the side that it takes.
Rejected: running an op on element numbers in the place of values, which sees only forms that move
elements and do not combine them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradcore.graph import Apply
from gradcore.language import Operators
from gradcore.ops.elementwise import Elementwise

Positions = NDArray[np.int64]
"""For each index a position in the flattened elements of an operand; -1: none is read."""


class UnknownIndexError(Exception):
    """What an element form reads depends on values that are not known."""


class Element(Operators):
    """The scalars that stand at all indices at once.

    value : their values, an array that broadcasts, or None if these are not known.
    reads : pairs of an operand's number and the positions that were read of it.
    """

    __slots__ = ("reads", "value")

    def __init__(self, value: Any, reads: Sequence[tuple[int, Positions]] = ()) -> None:
        self.value = value
        self.reads = tuple(reads)

    @property
    def dtype(self) -> str:
        """The dtype, of values that are known."""
        if self.value is None:
            raise UnknownIndexError
        return np.asarray(self.value).dtype.name

    def apply(self, op: Any, arguments: tuple[Any, ...]) -> Element:
        """Return what an elementwise op makes of elements."""
        if not isinstance(op, Elementwise):
            raise UnknownIndexError
        given = [a if isinstance(a, Element) else Element(np.asarray(a)) for a in arguments]
        if op.name == "switch" and given[0].value is not None:
            return _chosen(*given)
        reads = [read for element in given for read in element.reads]
        if any(element.value is None for element in given):
            return Element(None, reads)
        return Element(op.reference(*(element.value for element in given)), reads)


def _chosen(condition: Element, a: Element, b: Element) -> Element:
    """Return ``a`` where a known condition holds, else ``b``."""
    taken = np.asarray(condition.value, bool)
    reads = [(k, np.where(taken, p, -1)) for k, p in a.reads]
    reads += [(k, np.where(taken, -1, p)) for k, p in b.reads]
    known = a.value is not None and b.value is not None
    return Element(np.where(taken, a.value, b.value) if known else None, reads)


class Operand:
    """An operand of an element form, whose call notes what is read.

    number : which operand of the node it is.
    value : its elements, or None if they are not known.
    """

    def __init__(self, number: int, shape: tuple[int, ...], dtype: str, value: Any) -> None:
        self.number = number
        self.shape = shape
        self.dtype = dtype
        self.value = value

    @property
    def ndim(self) -> int:
        """The rank."""
        return len(self.shape)

    def extent(self, axis: int) -> int:
        """Return the extent at ``axis``."""
        return self.shape[axis]

    def __call__(self, *index: Any) -> Element:
        """Return the elements at ``index``; out of bounds, where no choice takes it, is none."""
        position = np.zeros((), np.int64)
        inside = np.ones((), bool)
        for i, n in zip(index, self.shape, strict=True):
            at = i.value if isinstance(i, Element) else i
            if at is None:
                raise UnknownIndexError
            position = position * n + np.asarray(at, np.int64)
            inside = inside & (np.asarray(at) >= 0) & (np.asarray(at) < n)
        reads = np.where(inside, position, -1)
        value = None
        if self.value is not None:
            value = np.append(np.reshape(self.value, -1), np.zeros(1, self.dtype))[reads]
        return Element(value, [(self.number, reads)])

    def stretched(self, index: Sequence[Any]) -> Element:
        """Return the elements for an index into what it broadcasts to."""
        last = index[len(index) - self.ndim :]
        return self(*(0 if n == 1 else i for n, i in zip(self.shape, last, strict=True)))


def elements_read(
    node: Apply, operands: Sequence[Operand], shape: tuple[int, ...]
) -> list[tuple[int, Positions]]:
    """Return what the element form of ``node`` reads for the elements of its result, in C order.

    Pairs of an operand's number and, for each element of the result, the position that is read.

    Raises UnknownIndexError: it depends on values that are not known.
    """
    rank = len(shape)
    at = [
        Element(np.arange(n).reshape([-1 if a == axis else 1 for a in range(rank)]))
        for axis, n in enumerate(shape)
    ]
    found = node.op.element(node, at, *operands)
    if not isinstance(found, Element):
        return []
    return [(k, np.broadcast_to(positions, shape).reshape(-1)) for k, positions in found.reads]
