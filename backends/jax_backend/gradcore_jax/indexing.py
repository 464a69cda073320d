"""Reading and writing parts of an array, by NumPy's index language.

JAX clamps or drops an index out of bounds, and leaves open which of several writes to an element
lasts.  So indices that are concrete are checked before, and of several writes each writes the last
value.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from gradcore.errors import ShapeError
from gradcore.graph import Apply, Kernel, Operand
from gradcore.ops.broadcasting import with_check
from gradcore.ops.index import IncSubtensor, Subtensor
from gradcore.ops.index_patterns import (
    Pattern,
    Slice,
    Slot,
    check_bounds,
    cut_off,
    filled,
    index_check,
    indexed_shape,
    is_advanced,
)
from gradcore_jax.tracing import concrete, is_traced, jnp, lax, strong


# keys -------------------------------------------------------------------------------------------
def _key(node: Apply, pattern: Pattern, x: Any, indices: Sequence[Any]) -> tuple[Any, ...]:
    """Return the key of an indexing: bounds of slices are ints, indices are of int64.

    Raises IndexError: an index that is concrete is out of bounds.  UntraceableError: a bound
    is not.
    """
    rest = iter(indices)
    found: list[Any] = []
    for entry in pattern:
        if isinstance(entry, Slice):
            slots = sum(bound is Slot.SCALAR for bound in entry.bounds)
            found += [int(concrete(next(rest), node.op)) for _ in range(slots)]
        elif isinstance(entry, Slot):
            found.append(_index(next(rest)))
    extents = iter(x.shape)
    key = tuple(
        entry if entry is None else _of_axis(entry, next(extents))
        for entry in filled(pattern, found)
    )
    check_bounds([slice(None) if is_traced(entry) else entry for entry in key], x.shape)
    return key


def _of_axis(entry: Any, n: int) -> Any:
    given: Any = entry
    return cut_off(given, n) if isinstance(entry, slice) else entry


def _index(index: Any) -> Any:
    """Return an index in int64: in a smaller dtype, an extent may not fit."""
    return np.asarray(index, "int64") if not is_traced(index) else strong(index, "int64")


# reading ----------------------------------------------------------------------------------------
def subtensor(node: Apply) -> Kernel:
    """Read a part.  A traced index out of bounds cannot raise: it reads NaN (or the least int)."""
    op = node.op
    assert isinstance(op, Subtensor)
    pattern = op.pattern

    def run(x: Any, *indices: Any) -> Any:
        key = _key(node, pattern, x, indices)
        if any(map(is_traced, key)):
            return jnp.asarray(x).at[key].get(mode="fill")
        return x[key]

    return with_check(index_check(pattern, node.inputs[1:], 1), run)


# writing ----------------------------------------------------------------------------------------
def inc_subtensor(node: Apply) -> Kernel:
    """Write a part.  A traced index out of bounds cannot raise: it writes nothing."""
    op = node.op
    assert isinstance(op, IncSubtensor)
    y_type = node.inputs[1].type

    def run(x: Any, y: Any, *indices: Any) -> Any:
        key = _key(node, op.pattern, x, indices)
        part = _part_shape(op.pattern, x, key)
        for axis in range(-y.ndim, 0):
            if y.shape[axis] != part[axis] and y_type.shape[axis] != 1:
                raise ShapeError(f"cannot write shape {y.shape} into a part of shape {part}")
        x, y = jnp.asarray(x), strong(y, node.out.dtype)
        window = _window(key, x.shape)
        if window is not None:
            return _write_window(x, jnp.broadcast_to(y, part), window, op.overwrite)
        if op.overwrite:
            return x.at[key].set(_of_last_writer(op.pattern, x, y, key, part), mode="drop")
        if node.out.dtype == "bool":
            return x.at[key].max(y, mode="drop")
        return x.at[key].add(y, mode="drop")

    return with_check(index_check(op.pattern, node.inputs[2:], 2), run)


def _window(key: Sequence[Any], shape: tuple[int, ...]) -> list[range] | None:
    """Return where in each axis ``key`` takes elements that follow each other, if it does."""
    axes = [entry for entry in key if entry is not None]
    axes += [slice(None)] * (len(shape) - len(axes))
    found: list[range] = []
    for entry, n in zip(axes, shape, strict=True):
        if isinstance(entry, slice):
            found.append(range(n)[entry])
        elif is_traced(entry) or np.ndim(entry):
            return None
        else:
            found.append(range(n)[int(entry) :][:1])
    return found if all(abs(taken.step) == 1 for taken in found) else None


def _write_window(x: Any, y: Any, window: Sequence[range], overwrite: bool) -> Any:
    """Write ``y`` into a window of ``x``.

    As an update of a slice: it is done in place, and a scatter that writes everything makes XLA's
    simplifier crash where it meets a reversed axis.
    """
    backward = [axis for axis, taken in enumerate(window) if taken.step < 0]
    y = lax.rev(y.reshape([len(taken) for taken in window]), backward)
    start = [min(taken, default=0) for taken in window]
    if not overwrite:
        y = jnp.add(lax.dynamic_slice(x, start, y.shape), y)
    return lax.dynamic_update_slice(x, y, start)


def _part_shape(pattern: Pattern, x: Any, key: Sequence[Any]) -> tuple[int, ...]:
    """Return the shape of ``x[key]``."""
    plain = tuple(map(_as_entry, key, pattern))
    filling = [entry for entry, slot in zip(key, plain, strict=True) if isinstance(slot, Slot)]
    return indexed_shape(plain, Operand(x.shape), [Operand(entry.shape) for entry in filling])


def _as_entry(entry: Any, slot: Any) -> Any:
    """Return an entry of a key as that of a pattern without scalars."""
    return Slice(entry.start, entry.stop, entry.step) if isinstance(slot, Slice) else slot


def _of_last_writer(
    pattern: Pattern, x: Any, y: Any, key: tuple[Any, ...], part: tuple[int, ...]
) -> Any:
    """Return what to write: where an element is written twice, both times the last value.

    XLA does not say which of two writes lasts.
    """
    if not is_advanced(pattern) or not y.ndim:
        return y
    numbers = jnp.arange(math.prod(part)).reshape(part)
    last = jnp.full(x.shape, -1).at[key].max(numbers, mode="drop")[key]
    return jnp.broadcast_to(y, part).reshape(-1)[last]
