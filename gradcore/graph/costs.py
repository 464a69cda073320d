"""What an op costs: a reading of its declaration by extents, as its shape rule is one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gradcore.dtypes import DTYPES
from gradcore.graph.extents import Extent, Shape, product


@dataclass(frozen=True)
class Cost:
    """What a node takes, as ints or scalars of the graph; unknown extents make it unknown.

    operations : how many operations of arithmetic, about.
    traffic : how many bytes its operands and outputs have.
    """

    operations: Extent
    traffic: Extent


def total(extents: Iterable[Extent]) -> Extent:
    """Return the sum of extents (0 for none)."""
    found: Extent = 0
    for n in extents:
        found = n if isinstance(found, int) and found == 0 else found + n
    return found


def size_in_bytes(dtype: str, shape: Shape) -> Extent:
    """Return how many bytes an array has."""
    return product(shape) * (DTYPES[dtype].bits // 8)
