"""How long the segments of a loop are whose gradient takes steps again.

Of ``n`` steps, the last ones are stored as a whole; the others are taken again in segments, in
levels: a gradient stores the states at the start of each segment, then takes the steps of a segment
again, storing the starts of its own segments, and so on down to segments of single steps::

    n = 14    |. . .|. . .||. . .|. . .|. .        segments of 2 * 3, of 3, of single steps
              parts: 2 segments of (2 of (3 steps)), 0 of (3 steps), 2 steps

With ``b`` bytes for the start of a segment and ``c`` for a step, ``l`` levels store least where
each takes the same, ``x = (n * b**(l - 1) * c)**(1 / l)``, and that is ``l * x`` in all: Griewank
and Walther, *Evaluating Derivatives*, 2nd edition, chapter 12 (nested uniform checkpoints).  Each
level costs one more pass over the steps, so there are as few as the budget allows.

The decision: lengths are arithmetic on extents, so they are found at run time where the number of
steps is; and a number of levels that is not needed then has no segments.  Rejected: binomial
checkpoints, which store less for the same passes, by a schedule that depends on all of ``n``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gradcore.graph.extents import Extent, choose, larger, product
from gradcore.language import LANGUAGE

SEGMENT_LEVELS = 3
"""Levels where the number of steps, or a shape, is not known: 64 MiB are enough for 10**8 steps of
states of 1000 doubles."""

MOST_LEVELS = 8
"""Levels where all is known, at most."""


@dataclass(frozen=True)
class Part:
    """Consecutive steps of a loop: ``lengths[0]`` segments of ``lengths[1]`` segments of ... steps.

    With one length, these are steps, of which a gradient stores all that it reads.
    """

    lengths: tuple[Extent, ...]

    @property
    def is_plain(self) -> bool:
        """Whether it is made of single steps."""
        return len(self.lengths) == 1

    @property
    def is_empty(self) -> bool:
        """Whether it is known to have no steps."""
        return isinstance(self.lengths[0], int) and self.lengths[0] == 0


def of_length(n: Extent, length: int) -> list[Part]:
    """Return segments of ``length`` steps, and the steps that are left."""
    whole = n // length
    return _not_empty([Part((whole, length)), Part((n - whole * length,))])


def within(n: Extent, budget: int, start: Extent, step: Extent) -> list[Part]:
    """Return parts of ``n`` steps for which a gradient stores at most ``budget`` bytes.

    start, step : the bytes of the states at a step, and of all that is stored of it.

    One half of the budget is for the steps that are stored as a whole, one for the segments.  What
    cannot be within it takes as little as the levels allow.

    >>> [part.lengths for part in within(5, 80, 8, 8)]
    [(5,)]
    >>> [part.lengths for part in within(100, 800, 8, 8)]
    [(5, 10), (50,)]
    >>> [part.lengths for part in within(100, 240, 8, 8)]
    [(5, 4, 4), (2, 4), (12,)]
    """
    half = budget // 2
    start, step = larger(start, 1), larger(step, 1)
    known = all(isinstance(m, int) for m in (n, start, step))
    levels = MOST_LEVELS if known else SEGMENT_LEVELS
    least, depth = _least(n, start, step, levels), levels
    for level in reversed(range(2, levels)):
        found = _least(n, start, step, level)
        fits = _at_most(found * level, half)
        least, depth = choose(fits, found, least), choose(fits, level, depth)
    size = larger(least // step, 1)
    stored = larger(half // step, size)
    rest = larger(n - stored, 0)
    fan = larger(least // start, 2)
    parts: list[Part] = []
    left = n
    for level in reversed(range(2, levels + 1)):
        inner = (fan,) * (level - 2)
        steps = size * product(inner) if inner else size
        segments = (rest + size - 1) // size if level == 2 else rest // steps
        if level > 2:
            segments = choose(_at_most(level, depth), segments, 0)
        parts.append(Part((segments, *inner, size)))
        rest, left = rest - segments * steps, left - segments * steps
    parts.append(Part((left,)))
    return _not_empty(parts)


def _not_empty(parts: Sequence[Part]) -> list[Part]:
    """Return the parts that may have steps: one at least."""
    return [part for part in parts if not part.is_empty] or list(parts[-1:])


def _least(n: Extent, start: Extent, step: Extent, levels: int) -> Extent:
    """Return the bytes of each level where they store least."""
    if isinstance(n, int) and isinstance(start, int) and isinstance(step, int):
        return int((float(n) * float(start) ** (levels - 1) * float(step)) ** (1 / levels))
    number = LANGUAGE["cast_float64"]
    found = (number(n) * number(start) ** (levels - 1) * number(step)) ** (1 / levels)
    return LANGUAGE["cast_int64"](found)


def _at_most(a: Extent, b: Extent) -> Extent:
    if isinstance(a, int) and isinstance(b, int):
        return a <= b
    return LANGUAGE["le"](a, b)
