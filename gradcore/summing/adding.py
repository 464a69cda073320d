"""Parts of chunks made one: in pairs, so that rounding grows with the logarithm of their number.

The parts of chunks 0 and 1 are added, those of 2 and 3, then these sums, and so on: the tree of
NumPy's pairwise sums.  Parts in float32 and float16 are added in float64, which costs nothing, as
there are few, and rounded once at the end: as gradcore's sums of an array are.  The tree depends on
the number of chunks alone, so results do too, wherever and in whichever order chunks are computed.

The decision: pairs, whose error is at most log2(chunks) roundings of the sum of magnitudes.
Rejected: compensated sums, which cost more traffic and state, for digits that the sums within
chunks do not have; one sum after the other, whose error grows with the number of chunks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from gradcore.errors import ArgumentError
from gradcore.graph import Array

Operation: TypeAlias = Callable[[Array, Array], Array]
"""How two parts become one."""

FAN_IN = 8
"""How many parts a task of a tree takes: a power of two, so that the tree is that of pairs."""


def _same(left: Array, right: Array) -> Array:
    """Return what all chunks must have in common."""
    if not np.array_equal(left, right):
        raise ArgumentError(f"chunks differ in what must be the same: {left} and {right}")
    return left


OPERATIONS: Mapping[str, Operation] = {
    "sum": np.add,
    "prod": np.multiply,
    "max": np.maximum,
    "min": np.minimum,
    "any": np.logical_or,
    "all": np.logical_and,
    "same": _same,
}
"""How parts become one, by the kinds of `gradcore.summing.parts`."""


def wide(parts: Sequence[Any], kinds: Sequence[str | Operation]) -> list[Array]:
    """Return parts in the dtype that they are added in: of floats that of the widest."""
    arrays = list(map(np.asarray, parts))
    return [
        a.astype(np.result_type(a, np.float64), copy=False)
        if kind in ("sum", "prod") and a.dtype.kind in "fc"
        else a
        for a, kind in zip(arrays, kinds, strict=True)
    ]


def combined(
    left: Sequence[Array], right: Sequence[Array], kinds: Sequence[str | Operation]
) -> list[Array]:
    """Return the parts of two chunks as those of one.

    Integers wrap, and infinities make NaN, as in any sum, without a warning.
    """
    with np.errstate(all="ignore"):
        return [
            np.asarray((OPERATIONS[kind] if isinstance(kind, str) else kind)(a, b))
            for a, b, kind in zip(left, right, kinds, strict=True)
        ]


def in_pairs(
    parts: Iterable[Sequence[Array]], kinds: Sequence[str | Operation]
) -> list[Array] | None:
    """Return the parts of all chunks as those of one; None: there is no chunk.

    At most a part for each level of the tree is alive at a time.

    >>> [int(x) for x in in_pairs(([np.array(k), np.array(k)] for k in range(5)), ("sum", "max"))]
    [10, 4]
    """
    heights: list[tuple[int, list[Array]]] = []
    for part in parts:
        height, found = 0, list(part)
        while heights and heights[-1][0] == height:
            found = combined(heights.pop()[1], found, kinds)
            height += 1
        heights.append((height, found))
    if not heights:
        return None
    _, found = heights.pop()
    while heights:
        found = combined(heights.pop()[1], found, kinds)
    return found
