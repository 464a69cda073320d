"""Parts of many tensors at once: the pattern that takes the same of each element of a stack.

A stack is indexed along its own first axis, too: by all of it where the indices are the same for
all, else by an array that counts it, beside which the other indices are arrays with that axis in
front::

    x[k, i:j]       of a stack x                stack[:, k, i:j]
    x[k, i:j]       of stacks x and k           stack[arange(size), k, i:j]
    x[i:j, k]       of a stack k                x[i:j, k], its last axis brought to the front

NumPy puts the axes of arrays in front where a slice is between two of them, and in their place
where none is; so what is taken is transposed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from gradcore.graph import Extent, Variable
from gradcore.ops.create import Arange
from gradcore.ops.index_patterns import Entry, Pattern, Slice, Slot
from gradcore.ops.shape import DimShuffle

Index: TypeAlias = tuple[Variable, bool]
"""What fills a slot, and whether it is a stack."""


@dataclass(frozen=True)
class StackedPattern:
    """What indexes a stack, and how what that takes is transposed.

    axes : for each axis that is wanted, that of the stack first, where it stands in what is taken.
    """

    pattern: Pattern
    indices: tuple[Variable, ...]
    axes: tuple[int, ...]

    def part(self, taken: Variable) -> Variable:
        """Return what is taken with the axis of the stack in front."""
        return _transposed(taken, self.axes)

    def placed(self, y: Variable, is_stacked: bool) -> Variable:
        """Return ``y``, which is written into the part, with its axes where those of it are."""
        first = int(is_stacked)
        missing = len(self.axes) - 1 + first - y.ndim
        wanted = [0 if is_stacked else "x", *["x"] * missing, *range(first, y.ndim)]
        return _transposed(y, [wanted[self.axes.index(k)] for k in range(len(self.axes))])


def stacked_pattern(
    pattern: Pattern, ndim: int, indices: Sequence[Variable], stacked: Sequence[bool], size: Extent
) -> StackedPattern | None:
    """Return what takes of each of ``size`` tensors of ``ndim`` axes what ``pattern`` takes of one.

    stacked : whether there is a stack of tensors; then, of each of the indices, whether it is one.

    None: the bounds of a slice differ, and what is taken has no one shape.
    """
    entries = list(_with_indices(pattern, zip(indices, stacked[1:], strict=True)))
    if any(s for entry, given in entries if isinstance(entry, Slice) for _, s in given):
        return None
    arrays = [index for entry, given in entries if entry is Slot.ARRAY for index in given]
    rank = max((index.ndim - s for index, s in arrays), default=0)
    used = sum(entry is not None for entry in pattern)
    others = ndim - used + sum(entry is None or isinstance(entry, Slice) for entry in pattern)
    block = [("array", k) for k in range(rank)]
    rest = [("other", k) for k in range(others)]
    place = _place(pattern)
    wanted = [("stack", 0), *rest[:place], *block, *rest[place:]]
    if any(stacked[1:]):
        places = Arange()(size).dimshuffle(0, *["x"] * rank)
        counted: list[tuple[Entry, list[Variable]]] = [(Slot.ARRAY, [places])] if stacked[0] else []
        counted += [_beside(entry, given, rank) for entry, given in entries]
        pattern = tuple(entry for entry, _ in counted)
        indices = [index for _, given in counted for index in given]
        block = [("stack", 0), *block]
    else:
        pattern = (Slice(), *pattern)
        rest = [("stack", 0), *rest]
    place = _place(pattern)
    taken = [*rest[:place], *block, *rest[place:]]
    return StackedPattern(pattern, tuple(indices), tuple(map(taken.index, wanted)))


def _with_indices(
    pattern: Pattern, indices: Iterator[Index]
) -> Iterator[tuple[Entry, list[Index]]]:
    """Yield the entries of a pattern, with what fills the slots of each."""
    for entry in pattern:
        bounds = entry.bounds if isinstance(entry, Slice) else (entry,)
        yield entry, [next(indices) for bound in bounds if isinstance(bound, Slot)]


def _beside(entry: Entry, given: Sequence[Index], rank: int) -> tuple[Entry, list[Variable]]:
    """Return an entry beside arrays with the axis of the stack and ``rank`` more."""
    if not any(s for _, s in given):
        return entry, [index for index, _ in given]
    ((index, _),) = given
    missing = rank + 1 - index.ndim
    return Slot.ARRAY, [index.dimshuffle(0, *["x"] * missing, *range(1, index.ndim))]


def _place(pattern: Pattern) -> int:
    """Return how many axes stand before those of arrays: NumPy's rule."""
    positions = [p for p, e in enumerate(pattern) if e is not None and not isinstance(e, Slice)]
    together = positions == list(range(positions[0], positions[-1] + 1)) if positions else False
    return positions[0] if together else 0


def _transposed(x: Variable, axes: Sequence[int | str]) -> Variable:
    return x if list(axes) == list(range(x.ndim)) else DimShuffle(tuple(axes))(x)
