"""The axes in front of what an input of a graph has: how those of several inputs broadcast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gradcore.errors import ShapeError
from gradcore.graph import Extent, Shape, Variable, here
from gradcore.graph.nodes import extents_of
from gradcore.ops.shape import DimShuffle, SpecifyShape


@dataclass(frozen=True)
class Stacked:
    """An input with axes in front.

    variable : without those, known to be of extent 1, that stretch to another extent.
    levels : for each axis in front that is left, which it is of all, counted from the last.
    rank : how many axes are in front, those that stretch included.
    """

    variable: Variable
    levels: tuple[int, ...]
    rank: int


@dataclass(frozen=True)
class LeadingAxes:
    """The axes in front of several inputs, broadcast as NumPy's are."""

    shape: Shape
    inputs: tuple[Stacked, ...]

    @classmethod
    def of(cls, variables: Sequence[Variable], ranks: Sequence[int]) -> LeadingAxes:
        """Return the axes in front of the last ``ranks`` ones.

        Extents that meet are equal, or one of them is known to be 1 and stretches.

        Raises ShapeError, here or when it runs: they are not.
        """
        fronts = [v.ndim - rank for v, rank in zip(variables, ranks, strict=True)]
        shape = tuple(
            _common(variables, fronts, level) for level in range(max(fronts, default=0), 0, -1)
        )
        inputs = [_fitted(v, n, shape) for v, n in zip(variables, fronts, strict=True)]
        return cls(shape, tuple(inputs))


def _common(variables: Sequence[Variable], fronts: Sequence[int], level: int) -> Extent:
    """Return the extent that the axes at ``level`` have, or stretch to."""
    met = [(v, n - level) for v, n in zip(variables, fronts, strict=True) if n >= level]
    known = {v.type.shape[axis] for v, axis in met} - {1, None}
    if len(known) > 1:
        given = ", ".join(f"{v} ({v.type})" for v, _ in met)
        raise ShapeError(
            f"the axes in front do not broadcast, {level} before the last ones: {given}",
            here(),
            "give them equal extents there, or 1",
        )
    if known:
        return known.pop()
    unknown = [extents_of(v)[axis] for v, axis in met if v.type.shape[axis] is None]
    return unknown[0] if unknown else 1


def _fitted(v: Variable, front: int, shape: Shape) -> Stacked:
    """Return an input with ``front`` axes in front, which are known to be as in ``shape``."""
    own = shape[len(shape) - front :]
    stretch = [axis for axis, n in enumerate(own) if v.type.shape[axis] == 1 and not _is_one(n)]
    extents = extents_of(v)
    wanted = [n if m is None else m for m, n in zip(v.type.shape, own, strict=False)]
    if any(m is not n for m, n in zip(extents, wanted, strict=False)):
        why = "the axes in front of what is vectorized have equal extents"
        v = SpecifyShape(why)(v, *wanted, *extents[front:])
    if stretch:
        v = DimShuffle(tuple(axis for axis in range(v.ndim) if axis not in stretch))(v)
    levels = tuple(front - axis for axis in range(front) if axis not in stretch)
    return Stacked(v, levels, front)


def _is_one(n: Extent) -> bool:
    return isinstance(n, int) and n == 1
