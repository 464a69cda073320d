"""Reading and writing parts of arrays, within the bounds that the standard sets to keys."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import array_api_strict as xp
import numpy as np

from gradcore.graph import Apply
from gradcore.ops.index import Slice, Slot, filled

Kernel = Callable[..., Any]


def _leading_arrays(pattern: Sequence[Any]) -> int:
    """Return how many arrays a pattern starts with, if it is made of nothing else; else 0."""
    entries = list(pattern)
    while entries and isinstance(entries[-1], Slice) and entries[-1].is_full:
        entries.pop()
    return len(entries) if all(entry is Slot.ARRAY for entry in entries) else 0


def unreadable(node: Apply) -> str | None:
    """Return why a part of an array cannot be read, or None."""
    pattern = node.op.pattern
    if Slot.ARRAY in pattern and not _leading_arrays(pattern):
        return "the standard does not index by arrays beside slices, integers and new axes"
    return None


def unwritable(node: Apply) -> str | None:
    """Return why a part of an array cannot be written, or None."""
    if Slot.ARRAY in node.op.pattern:
        return "the standard does not write, or add, at arrays of indices"
    if None in node.op.pattern:
        return "the standard does not write through new axes"
    return None


def check_stretch(node: Apply, place: int, array: Any, shape: Sequence[int]) -> None:
    """Raise ValueError where operand ``place`` would stretch, to ``shape``, what may be longer.

    An extent stretches if the type of the operand says that it is 1.  The backend then asks the
    reference which error that is.
    """
    known = node.inputs[place].type.shape
    for extent, n, wanted in zip(known[::-1], array.shape[::-1], shape[::-1], strict=False):
        if n != wanted and extent != 1:
            raise ValueError(f"extent {n} does not stretch to {wanted}: it is not known to be 1")


def _within(index: int, extent: int, axis: int) -> int:
    if not -extent <= index < extent:
        raise IndexError(f"index {index} is out of bounds for axis {axis} of extent {extent}")
    return index


def _clipped(key: slice, extent: int) -> slice:
    """Return a slice that takes the same elements and stays within the array."""
    taken = range(*key.indices(extent))
    if not taken:
        return slice(0, 0, 1)
    if taken.step > 0:
        return slice(taken[0], taken[-1] + 1, taken.step)
    return slice(taken[0], taken[-1] - 1 if taken[-1] else None, taken.step)


def _key(node: Apply, shape: Sequence[int], indices: Sequence[Any]) -> tuple[Any, ...]:
    """Return a key without arrays, as the standard has it."""
    found: list[Any] = []
    axis = 0
    for entry in filled(node.op.pattern, list(map(int, indices))):
        if entry is None:
            found.append(None)
            continue
        extent = shape[axis]
        if isinstance(entry, slice):
            found.append(_clipped(entry, extent))
        else:
            found.append(_within(entry, extent, axis))
        axis += 1
    return (*found, ...)


def subtensor(node: Apply) -> Kernel:
    """Return what reads a part of an array."""
    count = _leading_arrays(node.op.pattern)

    def basic(x: Any, *indices: Any) -> Any:
        return x[_key(node, x.shape, indices)]

    def gathered(x: Any, *indices: Any) -> Any:
        lead, rest = x.shape[:count], x.shape[count:]
        place = xp.asarray(0, dtype=xp.int64)
        for k, index in enumerate(indices, 1):
            check_stretch(node, k, index, np.broadcast_shapes(*(i.shape for i in indices)))
        for axis, (index, extent) in enumerate(zip(indices, lead, strict=True)):
            at = np.asarray(index)
            for bad in at[(at < -extent) | (at >= extent)]:
                _within(int(bad), extent, axis)
            at = xp.astype(index, xp.int64)
            place = place * extent + xp.where(at < 0, at + extent, at)
        rows = xp.reshape(x, (math.prod(lead), *rest))
        found = xp.take(rows, xp.reshape(place, (-1,)), axis=0)
        return xp.reshape(found, (*place.shape, *rest))

    return gathered if count else basic


def inc_subtensor(node: Apply) -> Kernel:
    """Return what writes a part of an array, or adds to it."""

    def run(x: Any, y: Any, *indices: Any) -> Any:
        out = xp.asarray(x, copy=True)
        key = _key(node, x.shape, indices)
        part = out[key]
        check_stretch(node, 1, y, part.shape)
        value = xp.broadcast_to(xp.astype(y, x.dtype), part.shape)
        if node.op.overwrite:
            out[key] = value
        elif x.dtype == xp.bool:
            out[key] = part | value
        else:
            out[key] = part + value
        return out

    return run
