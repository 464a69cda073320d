"""Padding, and windows: what convolutions and pooling have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from gradcore.errors import GraphTypeError, GraphValueError
from gradcore.graph import Extent, Variable, as_variable, here
from gradcore.graph.extents import larger
from gradcore.graph.nodes import constant_extent, extents_of
from gradcore.graph.types import whole_number
from gradcore.language import is_several
from gradcore.ops.windows import Windows
from gradcore.tensor.creation import full
from gradcore.tensor.indexing import set_subtensor

PADDINGS = ("valid", "same", "half", "full")
"""The words for paddings; each is described in `gradcore.tensor.nn.convolution`."""


class Slide(NamedTuple):
    """How windows slide along the spatial axes: a number, or a pair of them, for each."""

    sizes: tuple[Extent, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]

    @property
    def spans(self) -> tuple[Extent, ...]:
        """How many places a window reaches over."""
        pairs = zip(self.sizes, self.dilations, strict=True)
        return tuple((size - 1) * dilation + 1 for size, dilation in pairs)


def spatial(x: Variable, name: str, rank: int | None = None) -> int:
    """Return how many axes stand behind those of examples and channels: ``rank``, if it is given.

    Raises GraphTypeError: ``x`` has others.
    """
    found = x.ndim - 2
    if found < 1 or rank not in (None, found):
        wanted = "at least 3" if rank is None else rank + 2
        raise GraphTypeError(
            f"{name} takes {wanted} axes (examples, channels, places), not {x} ({x.type})", here()
        )
    return found


def steps(given: Any, rank: int, what: str) -> tuple[int, ...]:
    """Return a positive int for each axis; one stands for all.

    Raises GraphValueError: it is none, or there are others than ``rank``.
    """
    listed = list(given) if is_several(given) else [given] * rank
    found = [whole_number(n) for n in listed]
    if len(found) != rank or any(n is None or n < 1 for n in found):
        raise GraphValueError(
            f"{what} is a positive int, or one for each of {rank} axes, not {given!r}", here()
        )
    return tuple(n for n in found if n is not None)


def paddings(
    given: Any, extents: Sequence[Extent] | None, slide: Slide
) -> list[tuple[Extent, Extent]]:
    """Return how many places are added before and behind, for each axis.

    given : a word of `PADDINGS`; a number; or for each axis a number, or a pair of numbers.
    extents : of what is padded; None: it is the result, which has no "same" padding.
    """
    rank = len(slide.sizes)
    if isinstance(given, str):
        if given not in PADDINGS or (given == "same" and extents is None):
            allowed = [word for word in PADDINGS if extents is not None or word != "same"]
            raise GraphValueError(
                f"padding is one of {', '.join(allowed)}, or numbers, not {given!r}", here()
            )
        return [_named(given, axis, extents, slide) for axis in range(rank)]
    listed = list(given) if is_several(given) else [given] * rank
    if len(listed) != rank:
        raise GraphValueError(f"padding {given!r} is not for {rank} axes", here())
    pairs = [tuple(map(_places, n if is_several(n) else (n, n))) for n in listed]
    for pair in pairs:
        if len(pair) != 2 or any(isinstance(n, int) and n < 0 for n in pair):
            raise GraphValueError(f"padding {given!r} is negative, or no pair", here())
    return [(low, high) for low, high in pairs]


def _places(given: Any) -> Extent:
    """Return a padding: an int, where it is known, or an integer scalar of the graph."""
    n = as_variable(given)
    known = constant_extent(n)
    if known is None and (n.ndim or not n.type.is_discrete):
        raise GraphTypeError(f"padding is a number of places, not {n} ({n.type})", here())
    return n if known is None else known


def _named(
    word: str, axis: int, extents: Sequence[Extent] | None, slide: Slide
) -> tuple[Extent, Extent]:
    span = slide.spans[axis]
    if word == "valid":
        return 0, 0
    if word == "full":
        return span - 1, span - 1
    if word == "half":
        return span // 2, span // 2
    assert extents is not None
    n, stride = extents[axis], slide.strides[axis]
    total = larger(((n + stride - 1) // stride - 1) * stride + span - n, 0)
    return total // 2, total - total // 2


def padded(x: Variable, pads: Sequence[tuple[Extent, Extent]], value: Any = 0) -> Variable:
    """Return ``x`` with places of ``value`` before and behind along its last axes."""
    if all(isinstance(n, int) and n == 0 for pair in pads for n in pair):
        return x
    own = extents_of(x)
    lead = x.ndim - len(pads)
    last = list(zip(own[lead:], pads, strict=True))
    shape = (*own[:lead], *(low + n + high for n, (low, high) in last))
    inside = (..., *(slice(low, low + n) for n, (low, _) in last))
    return set_subtensor(full(shape, value, x.dtype)[inside], x)


def windows(x: Variable, slide: Slide) -> Variable:
    """Return the windows of ``x``: its leading axes, those within a window, those of windows."""
    return Windows(slide.strides, slide.dilations)(x, *slide.sizes)
