"""Reading and writing parts of a tensor, by NumPy's index language.

torch has no slice backwards, takes bytes for masks, places the axes of arrays otherwise beside a
number, and leaves open which of several writes to an element lasts.  So an index is taken in two
steps: slices and numbers first, forwards and then flipped; then arrays, with the axes that they
index moved to the front.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcore.errors import ShapeError
from gradcore.graph import Apply, Variable
from gradcore.ops.broadcasting import with_check
from gradcore.ops.index import IncSubtensor, Nonzero, Subtensor
from gradcore.ops.index_patterns import (
    Pattern,
    Slice,
    check_bounds,
    cut_off,
    filled,
    index_check,
    is_advanced,
    out_of_bounds,
)
from gradcore_torch.extents import Extent
from gradcore_torch.library import torch


@dataclass(frozen=True)
class Place:
    """Where a part of a tensor is.

    key : the slices forwards, the numbers and the new axes.
    flipped : axes of ``x[key]`` that are then read backwards.
    indexed : axes of ``x[key]`` that arrays index.
    arrays : these arrays, of int64 and of one shape.
    at : where in the part the axes of the arrays stand.
    """

    key: tuple[Any, ...]
    flipped: tuple[int, ...] = ()
    indexed: tuple[int, ...] = ()
    arrays: tuple[Any, ...] = ()
    at: int = 0

    def cut(self, x: Any) -> Any:
        """Return ``x`` after the first step; a view of it, unless something is flipped."""
        found = x[self.key] if self.key else x
        return found.flip(self.flipped) if self.flipped else found

    def fronted(self, x: Any) -> Any:
        """Return a view of ``x`` with the indexed axes in front."""
        return x.movedim(self.indexed, tuple(range(len(self.indexed))))

    def spread(self) -> tuple[int, ...]:
        """Return the axes of the part that come from the arrays."""
        return tuple(range(self.at, self.at + self.arrays[0].ndim))

    def read(self, x: Any) -> Any:
        """Return the part of ``x``."""
        found = self.cut(x)
        if not self.arrays:
            return found
        found = self.fronted(found)[self.arrays]
        axes = self.spread()
        return found.movedim(tuple(range(len(axes))), axes) if self.at else found


def _forwards(entry: slice) -> slice:
    """Return a slice forwards of the elements that ``entry``, which goes backwards, takes."""
    first = 0 if entry.stop is None else entry.stop + 1
    count = (entry.start - first) // -entry.step
    return slice(entry.start + count * entry.step, entry.start + 1, -entry.step)


def placing(pattern: Pattern, indices: Sequence[Variable]) -> Callable[..., Place]:
    """Return a function of a tensor and the indices that fill ``pattern`` to the place it says."""
    extents = [Extent(v) if not v.ndim else None for v in indices]
    advanced = is_advanced(pattern)
    numbers = [k for k, e in enumerate(pattern) if not (e is None or isinstance(e, Slice))]
    together = advanced and numbers == list(range(numbers[0], numbers[-1] + 1))

    def placed(x: Any, *values: Any) -> Place:
        known = [read(v) if read else v for read, v in zip(extents, values, strict=True)]
        key: list[Any] = []
        flipped: list[int] = []
        arrays: dict[int, Any] = {}
        axes: dict[int, int] = {}
        axis = out = 0
        for given in filled(pattern, known):
            entry: Any = given
            is_slice = isinstance(given, slice)
            if is_slice:
                entry = cut_off(entry, x.shape[axis])
                if entry.step < 0:
                    flipped.append(out)
                    entry = _forwards(entry)
            elif advanced and not is_slice and entry is not None:
                arrays[out] = _as_array(entry, x)
                axes[out] = axis
                entry = slice(None)
            key.append(entry)
            axis += entry is not None
            out += is_slice or advanced or entry is None
        at = next(iter(arrays)) if together else 0
        if arrays and not _is_looked_at(x[tuple(key)], arrays.values()):
            _check_bounds(x, {axes[k]: index for k, index in arrays.items()})
        return Place(tuple(key), tuple(flipped), tuple(arrays), _aligned(arrays.values()), at)

    if indices or not all(map(_is_plain, pattern)):
        return placed
    fixed = Place(filled(pattern, ()))

    def known_place(x: Any) -> Place:
        return fixed

    return known_place


def _is_plain(entry: Any) -> bool:
    """Return whether torch takes an entry of a pattern as it is; beyond int64 it warns."""
    if not isinstance(entry, Slice):
        return True
    small = all(b is None or (isinstance(b, int) and abs(b) < 2**62) for b in entry.bounds)
    return small and entry.step in (None, 1)


def _as_array(index: Any, x: Any) -> Any:
    """Return indices into an axis of ``x`` as int64."""
    return (torch.tensor(index, device=x.device) if isinstance(index, int) else index).long()


def _is_looked_at(x: Any, arrays: Collection[Any]) -> bool:
    """Return whether reading ``x`` at ``arrays`` looks at the bounds.

    Where no element is read none is looked at; elsewhere than on a CPU an index out of bounds
    would end the whole process's use of the device.
    """
    return x.device.type == "cpu" and bool(x.numel()) and all(a.numel() for a in arrays)


def _check_bounds(x: Any, arrays: Mapping[int, Any]) -> None:
    """Raise IndexError if one of ``arrays``, by the axis that they index, is out of bounds."""
    for axis, index in arrays.items():
        n = x.shape[axis]
        outside = (index < -n) | (index >= n)
        if bool(outside.any()):
            raise IndexError(out_of_bounds(axis, int(index[outside].flatten()[0]), n))


def _worded(pattern: Pattern, first: int, run: Callable[..., Any]) -> Callable[..., Any]:
    """Return a kernel of which an IndexError names the axis that the user indexed.

    first : how many operands come before the indices.
    """

    def worded(*operands: Any) -> Any:
        try:
            return run(*operands)
        except IndexError:
            with suppress(RuntimeError):  # under vmap no index can be read
                key = filled(pattern, [np.asarray(v) for v in operands[first:]])
                check_bounds(key, operands[0].shape)
            raise

    return worded


def _aligned(arrays: Collection[Any]) -> tuple[Any, ...]:
    """Return index arrays in the shape that they broadcast to, or raise IndexError."""
    return tuple(torch.broadcast_tensors(*arrays)) if arrays else ()


def make_subtensor(node: Apply) -> Callable[..., Any]:
    """Return the kernel of a `Subtensor`."""
    op = node.op
    assert isinstance(op, Subtensor)
    place = placing(op.pattern, node.inputs[1:])

    def part(x: Any, *indices: Any) -> Any:
        return place(x, *indices).read(x)

    return with_check(index_check(op.pattern, node.inputs[1:], 1), _worded(op.pattern, 1, part))


def make_inc_subtensor(node: Apply) -> Callable[..., Any]:
    """Return the kernel of an `IncSubtensor`."""
    op = node.op
    assert isinstance(op, IncSubtensor)
    place = placing(op.pattern, node.inputs[2:])
    stretching = node.inputs[1].type.shape
    arrays = [v for v in node.inputs[2:] if v.ndim]
    distinct = all(v.owner is not None and isinstance(v.owner.op, Nonzero) for v in arrays)

    def changed(x: Any, y: Any, *indices: Any) -> Any:
        where = place(x, *indices)
        out = _copy(x, y)
        cut = where.cut(out)
        if where.arrays:
            _write_at_arrays(where, cut, y, stretching, op.overwrite, distinct)
        else:
            values = _stretched(y, cut.shape, stretching).to(x.dtype)
            _ = cut.copy_(values) if op.overwrite else cut.add_(values)
        if where.flipped:
            out[where.key] = cut.flip(where.flipped)
        return out

    return with_check(index_check(op.pattern, node.inputs[2:], 2), _worded(op.pattern, 2, changed))


def _copy(x: Any, y: Any) -> Any:
    """Return a copy of ``x`` that ``y`` can be written into.

    Under vmap a tensor must be a stack to take one, so it is made one of both: minus a zero of
    the stack of ``y``, which leaves every number alone, -0 and NaN too.
    """
    return x - y.new_zeros((), dtype=x.dtype) if x.dtype.is_floating_point else x.clone()


def _write_at_arrays(
    where: Place,
    cut: Any,
    y: Any,
    stretching: Sequence[int | None],
    overwrite: bool,
    distinct: bool,
) -> None:
    """Write ``y`` into ``cut`` where arrays index it."""
    target = where.fronted(cut)
    stack = where.arrays[0]
    axes = where.spread()
    rest = target.shape[len(where.arrays) :]
    shape = (*rest[: where.at], *stack.shape, *rest[where.at :])
    values = _stretched(y, shape, stretching).to(cut.dtype)
    values = values.movedim(axes, tuple(range(len(axes)))).reshape(stack.numel(), *rest)
    flat = tuple(a.reshape(-1) for a in where.arrays)
    if overwrite and not distinct and stack.numel() > 1:
        values = values[_last_writers(flat, target.shape)]
    target.index_put_(flat, values, accumulate=not overwrite)


def _last_writers(arrays: Sequence[Any], shape: Sequence[int]) -> Any:
    """Return, for each write, which write to the same element comes last.

    All of them then write the same, in whatever order they run.
    """
    element = torch.zeros_like(arrays[0])
    for index, n in zip(arrays, shape, strict=False):
        element = element * n + torch.where(index < 0, index + n, index)
    _, group = torch.unique(element, return_inverse=True)
    order = torch.arange(len(group), device=group.device)
    return torch.zeros_like(order).scatter_reduce(0, group, order, "amax")[group]


def _stretched(y: Any, shape: Sequence[int], stretching: Sequence[int | None]) -> Any:
    """Return ``y`` in ``shape``; only extents that are known to be 1 stretch."""
    for axis in range(-y.ndim, 0):
        if y.shape[axis] != shape[axis] and stretching[axis] != 1:
            raise ShapeError(
                f"cannot write shape {tuple(y.shape)} into a part of shape {tuple(shape)}"
            )
    return y.expand(tuple(shape))
