"""Extents, and the two readings of an op's shape rule.

An op says once, in `Op.shapes`, what shapes its outputs have, as arithmetic on extents.  The rule
is read twice: *statically*, when a node is made (extents are ints, or `UNKNOWN`, which absorbs
all arithmetic), and *symbolically*, when a graph is rewritten (extents are ints or int64 scalars
of the graph).  Rejected: a static rule in ``make_node`` beside an ``infer_shape``, which
diverge.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

from gradcore.errors import ArraySizeError
from gradcore.language import LANGUAGE, Operators


class Unknown(Operators):
    """An extent that is not known statically: whatever is computed from it is unknown too."""

    __slots__ = ()

    def apply(self, op: Any, arguments: tuple[Any, ...]) -> Unknown:
        """Absorb ``op``."""
        return self

    def __repr__(self) -> str:
        """Return a question mark."""
        return "?"


UNKNOWN = Unknown()

Extent: TypeAlias = Any
"""An int, `UNKNOWN`, or (read symbolically) an int64 scalar variable."""

Shape: TypeAlias = tuple[Extent, ...]


MOST = 2**60 - 1
"""How many elements an array may have, an extent of 0 counting as 1: as NumPy bounds 8 bytes each.

All that ops compute of the extents and indices of such an array fits 64 bits.
"""


def check_size(shape: Sequence[int], most: int = MOST) -> None:
    """Raise ArraySizeError if an array of this shape has, or an empty one is made of, too many."""
    if math.prod(max(n, 1) for n in shape) > most:
        raise ArraySizeError(f"an array of shape {tuple(shape)} is larger than any memory")


def addressable(shape: Shape) -> Any:
    """Return the condition that an array of this shape has at most `MOST` elements.

    It divides, so that nothing in it overflows.

    >>> addressable((2**30, 2**30)), addressable((2**30, 2**29)), addressable((0, 2**60))
    (False, True, False)
    """
    known = math.prod(max(n, 1) for n in shape if isinstance(n, int))
    extents = [n for n in shape if not isinstance(n, int)]
    limit: Any = MOST // known
    if not extents or not limit:
        return limit >= 1
    first, *others = extents
    for n in others:
        limit = limit // larger(n, 1)
    return LANGUAGE["le"](larger(first, 1) if others else first, limit)


class Operand:
    """What a shape rule may know of an input.

    shape : its extents.
    value : its value, where it is an integer scalar, or a tuple of extents, where it is a vector
        of known ones; else `UNKNOWN`.
    """

    __slots__ = ("shape", "value")

    def __init__(self, shape: Shape, value: Extent | tuple[Extent, ...] = UNKNOWN) -> None:
        self.shape = shape
        self.value = value

    @property
    def ndim(self) -> int:
        """The rank."""
        return len(self.shape)

    @property
    def extent(self) -> Extent:
        """The value of an integer scalar as an extent; see `in_int64`."""
        return in_int64(self.value)


def in_int64(number: Any) -> Any:
    """Return integers as extents or indices, with which arithmetic is in int64.

    What is beyond int64 is its largest number, which is no extent and no index either.
    """
    dtype = getattr(number, "dtype", "int64")
    if dtype == "uint64":
        number = LANGUAGE["minimum"](number, 2**63 - 1)
    return number if dtype == "int64" else LANGUAGE["cast_int64"](number)


def smaller(a: Extent, b: Extent) -> Extent:
    """Return the smaller of two extents."""
    if isinstance(a, int) and isinstance(b, int):
        return min(a, b)
    return LANGUAGE["minimum"](a, b)


def larger(a: Extent, b: Extent) -> Extent:
    """Return the larger of two extents."""
    if isinstance(a, int) and isinstance(b, int):
        return max(a, b)
    return LANGUAGE["maximum"](a, b)


def choose(condition: Any, a: Extent, b: Extent) -> Extent:
    """Return ``a`` where ``condition`` holds, else ``b``."""
    if isinstance(condition, bool):
        return a if condition else b
    return LANGUAGE["switch"](condition, a, b)


def product(extents: Shape) -> Extent:
    """Return the product of extents (1 for none)."""
    result: Extent = 1
    for extent in extents:
        result = extent if isinstance(result, int) and result == 1 else result * extent
    return result


def agreed(extents: list[Extent]) -> Extent:
    """Return the extent that several equal ones stand for: the best known of them."""
    for extent in extents:
        if isinstance(extent, int):
            return extent
    for extent in extents:
        if extent is not UNKNOWN:
            return extent
    return UNKNOWN


def broadcast(*shapes: Shape) -> Shape:
    """Return the shape of an elementwise result: aligned at the last axis, 1 stretching.

    Only an extent that is statically 1 stretches; all others at an axis must be equal.
    """
    rank = max(map(len, shapes), default=0)
    result: list[Extent] = []
    for axis in range(-rank, 0):
        extents = [shape[axis] for shape in shapes if -axis <= len(shape)]
        stretched = [n for n in extents if not (isinstance(n, int) and n == 1)]
        result.append(agreed(stretched) if stretched else 1)
    return tuple(result)


def clash(*shapes: Shape) -> tuple[int, list[int]] | None:
    """Return an axis (from the end) and the known extents that cannot broadcast there, if any."""
    for axis in range(-max(map(len, shapes), default=0), 0):
        known = {
            shape[axis] for shape in shapes if -axis <= len(shape) and isinstance(shape[axis], int)
        } - {1}
        if len(known) > 1:
            return axis, sorted(known)
    return None
