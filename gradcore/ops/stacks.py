"""Stacks of operands: what `Op.batch` is declared with.

A stacked operand has a first axis more than the operand of the op: an element of it for each of
many applications.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from gradcore.graph import Apply, Extent, Op, Variable
from gradcore.graph.nodes import extents_of
from gradcore.language import LANGUAGE


def size_of(inputs: Sequence[Variable], stacked: Sequence[bool]) -> Extent:
    """Return how many operands are stacked: the extent of the first axis of a stacked one."""
    sizes = [extents_of(x)[0] for x, s in zip(inputs, stacked, strict=True) if s]
    return next((n for n in sizes if isinstance(n, int)), sizes[0])


def repeated(x: Variable, size: Extent) -> Variable:
    """Return a stack of ``x`` alone, ``size`` times; it takes no memory of its own."""
    return LANGUAGE["alloc"](x, size, *extents_of(x))


def all_stacked(inputs: Sequence[Variable], stacked: Sequence[bool]) -> list[Variable]:
    """Return all inputs stacked: those that are not, repeated."""
    size = size_of(inputs, stacked)
    return [x if s else repeated(x, size) for x, s in zip(inputs, stacked, strict=True)]


def raised(x: Variable, rank: int, is_stacked: bool) -> Variable:
    """Return an operand with axes of extent 1 in front until it has ``rank`` of its own."""
    first = int(is_stacked)
    missing = rank + first - x.ndim
    if not missing:
        return x
    return x.dimshuffle(*range(first), *["x"] * missing, *range(first, x.ndim))


class AlongAxis(Op):
    """An op along one axis of its operands (abstract)."""

    if TYPE_CHECKING:
        axis: int

    def batch(
        self, node: Apply, inputs: Sequence[Variable], stacked: Sequence[bool]
    ) -> Variable | None:
        """Go along the axis behind."""
        behind = replace(cast("Any", self), axis=self.axis + 1)
        return behind(*all_stacked(inputs, stacked))
