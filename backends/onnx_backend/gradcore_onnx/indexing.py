"""Reading and writing parts of a tensor, by NumPy's index language.

Slices are ``Slice``, an int or a single array of indices is ``Gather``, and several arrays are
``GatherND`` of the axes that they index, moved to the front.  What is out of bounds is an error
when the model runs, as ONNX says it.

The decision: a part is written where it would be read: positions are numbered, the numbers of the
part are read by the same function, and ``ScatterElements`` writes there.  So each pattern is said
once.  Rows of a matrix, which gradients of embeddings add to, are written by ``ScatterND``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from gradcore.graph import Apply, Kernel
from gradcore.graph.extents import MOST
from gradcore.ops.index import IncSubtensor, Subtensor
from gradcore.ops.index_patterns import Bound, Pattern, Slice, Slot, is_advanced
from gradcore_onnx.tensors import (
    Tensor,
    arange,
    cast,
    concatenate,
    constant,
    emit,
    expand,
    flat,
    gather,
    integer,
    integers,
    reshape,
    shape_of,
    transpose,
    unsqueeze,
    vector,
    where,
)


def _whole(index: Tensor) -> Tensor:
    """Return an index in int64; what is beyond is out of bounds."""
    if index.dtype == "uint64":
        index = where(index > MOST, MOST, index)
    return cast(index, "int64")


def _bound(bound: Bound, slots: Iterator[Tensor]) -> Tensor | None:
    """Return a bound of a slice: a number with which no sum overflows, or None."""
    if bound is None:
        return None
    if not isinstance(bound, Slot):
        return integer(max(-MOST, min(bound, MOST)))
    return emit("Max", emit("Min", _whole(next(slots)), integer(MOST)), integer(-MOST))


def _sliced(x: Tensor, slices: Mapping[int, Sequence[Tensor | None]]) -> Tensor:
    """Return the slices along axes."""
    if not slices:
        return x
    starts: list[Tensor] = []
    stops: list[Tensor] = []
    steps: list[Tensor] = []
    for start, stop, given in slices.values():
        step = integer(1) if given is None else given
        starts.append(start or _by_sign(step, integer(MOST), integer(0)))
        stops.append(stop or _by_sign(step, integer(-MOST), integer(MOST)))
        steps.append(step)
    return emit("Slice", x, vector(starts), vector(stops), integers(*slices), vector(steps))


def _by_sign(step: Tensor, negative: Tensor, positive: Tensor) -> Tensor:
    """Return what is open in a slice of such a step."""
    if step.data is None:
        return where(step < 0, negative, positive)
    return negative if step.data < 0 else positive


def part(pattern: Pattern, x: Tensor, indices: Sequence[Tensor]) -> Tensor:
    """Return ``x[pattern]``, its slots filled with ``indices``."""
    slots = iter(indices)
    slices: dict[int, Sequence[Tensor | None]] = {}
    numbers: dict[int, Tensor] = {}
    for axis, entry in enumerate(entry for entry in pattern if entry is not None):
        if not isinstance(entry, Slice):
            numbers[axis] = _whole(next(slots)) if isinstance(entry, Slot) else integer(entry)
        elif not entry.is_full:
            slices[axis] = [_bound(bound, slots) for bound in entry.bounds]
    x = _sliced(x, slices)
    if is_advanced(pattern):
        return _by_arrays(pattern, x, numbers)
    for axis in sorted(numbers, reverse=True):
        x = gather(x, numbers[axis], axis)
    return unsqueeze(x, *_new_axes(pattern, 0, 0))


def _by_arrays(pattern: Pattern, x: Tensor, numbers: dict[int, Tensor]) -> Tensor:
    """Return elements at arrays of indices; slices have been taken."""
    axes = sorted(numbers)
    rank = max(index.ndim for index in numbers.values())
    positions = [p for p, e in enumerate(pattern) if not isinstance(e, Slice) and e is not None]
    together = positions == list(range(positions[0], positions[-1] + 1))
    before = sum(isinstance(e, Slice) for e in pattern[: positions[0]]) if together else 0
    if len(axes) == 1:
        found = gather(x, numbers[axes[0]], axes[0])
        lead = axes[0]
    else:
        others = [a for a in range(x.ndim) if a not in numbers]
        common = shape_of(_common([numbers[a] for a in axes]))
        at = concatenate([unsqueeze(expand(numbers[a], common, rank), rank) for a in axes], rank)
        found = emit("GatherND", transpose(x, [*axes, *others]), at, ndim=rank + len(others))
        lead = 0
    if lead != before:
        order = [a for a in range(found.ndim) if not lead <= a < lead + rank]
        order[before:before] = range(lead, lead + rank)
        found = transpose(found, order)
    return unsqueeze(found, *_new_axes(pattern, rank, 0 if not together else positions[0]))


def _common(indices: Sequence[Tensor]) -> Tensor:
    """Return a tensor of the shape that indices broadcast to."""
    found = indices[0]
    for index in indices[1:]:
        found = found + index
    return found


def _new_axes(pattern: Pattern, rank: int, first: int) -> list[int]:
    """Return where new axes are in the result.

    rank : of what arrays of indices broadcast to; 0: there are none.
    first : at which entry these axes stand.
    """
    found: list[int] = []
    place = 0
    placed = not is_advanced(pattern)
    for position, entry in enumerate(pattern):
        if not placed and position == first:
            place += rank
            placed = True
        if entry is None:
            found.append(place)
            place += 1
        elif isinstance(entry, Slice):
            place += 1
    return found


def subtensor(node: Apply) -> Kernel:
    """Return what reads a part."""
    op = node.op
    assert isinstance(op, Subtensor)

    def run(x: Tensor, *indices: Tensor) -> Tensor:
        return part(op.pattern, x, indices)

    return run


def inc_subtensor(node: Apply) -> Kernel:
    """Return what writes a part."""
    op = node.op
    assert isinstance(op, IncSubtensor)
    pattern = op.pattern
    rows = pattern and pattern[0] is Slot.ARRAY and all(
        isinstance(e, Slice) and e.is_full for e in pattern[1:]
    )  # fmt: skip

    def run(x: Tensor, y: Tensor, *indices: Tensor) -> Tensor:
        y = cast(y, x.dtype)
        if rows and not op.overwrite and x.dtype != "bool":
            (at,) = indices
            at = unsqueeze(_whole(at), at.ndim)
            shape = shape_of(gather(x, _whole(indices[0])))
            y = expand(y, shape, x.ndim - 1 + indices[0].ndim)
            return emit("ScatterND", x, at, y, ndim=x.ndim, reduction="add")
        numbered = reshape(arange(emit("Size", x, dtype="int64", ndim=0)), shape_of(x), x.ndim)
        places = part(pattern, numbered, indices)
        y = flat(expand(y, shape_of(places), places.ndim))
        if op.overwrite and is_advanced(pattern):
            y = _of_last_writer(x, y, flat(places))
        reduction = "none" if op.overwrite else "max" if x.dtype == "bool" else "add"
        written = emit(
            "ScatterElements", flat(x), flat(places), y, ndim=1, axis=0, reduction=reduction
        )
        return reshape(written, shape_of(x), x.ndim)

    return run


def _of_last_writer(x: Tensor, y: Tensor, places: Tensor) -> Tensor:
    """Return what to write: where an element is written twice, both times the last value.

    ONNX does not say which of two writes lasts.
    """
    numbers = arange(emit("Size", places, dtype="int64", ndim=0))
    none = expand(constant(np.int64(-1)), shape_of(flat(x)), 1)
    last = emit("ScatterElements", none, places, numbers, ndim=1, axis=0, reduction="max")
    return gather(y, gather(last, places))
