"""Patterns: what a tensor is indexed by, and what follows for shapes, elements and bounds.

A pattern has an entry for each axis indexed: an int, a `Slice`, None (a new axis), or a `Slot`,
which an input of the node fills.  Reading and writing (``index``), rewriting, printing and the
backends ask the same functions: what shape ``x[pattern]`` has, which element of ``x`` one of its
elements is, and which indices are in bounds.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from gradcore.errors import GraphIndexError, GraphTypeError
from gradcore.graph import Extent, Operand, Requirement, Shape, Variable, here
from gradcore.graph.extents import MOST, broadcast, choose, in_int64, larger, smaller
from gradcore.graph.op import Arg
from gradcore.graph.requirements import AGREE, NOT_ZERO, WITHIN


class Slot(enum.Enum):
    """A place in a pattern that an input of the node fills.

    >>> import gradcore.tensor as T
    >>> x, i, rows = T.dmatrix("x"), T.lscalar("i"), T.lvector("rows")
    >>> x[rows, i].owner.op.pattern
    (array, scalar)
    """

    SCALAR = enum.auto()
    ARRAY = enum.auto()

    def __repr__(self) -> str:
        """Return its name."""
        return self.name.lower()


Bound: TypeAlias = int | Slot | None


@dataclass(frozen=True)
class Slice:
    """A slice whose bounds are ints, None, or scalars of the graph.

    >>> import gradcore.tensor as T
    >>> x, n = T.dvector("x"), T.lscalar("n")
    >>> x[1:n].owner.op.pattern
    (Slice(start=1, stop=scalar, step=None),)
    """

    start: Bound = None
    stop: Bound = None
    step: Bound = None

    @property
    def bounds(self) -> tuple[Bound, Bound, Bound]:
        """Start, stop and step."""
        return self.start, self.stop, self.step

    @property
    def is_full(self) -> bool:
        """Whether it takes everything, in order."""
        return self.start is None and self.stop is None and self.step in (None, 1)


Entry: TypeAlias = int | Slot | Slice | None
Pattern: TypeAlias = tuple[Entry, ...]


def is_advanced(pattern: Pattern) -> bool:
    """Return whether an array is among the indices (then the result is no view)."""
    return Slot.ARRAY in pattern


def slots(pattern: Pattern) -> Iterator[Slot]:
    """Yield the slots of ``pattern`` in the order in which indices fill them."""
    for entry in pattern:
        for bound in entry.bounds if isinstance(entry, Slice) else (entry,):
            if isinstance(bound, Slot):
                yield bound


def signed(index: Any) -> Any:
    """Return an index in int64: NumPy would wrap what is beyond, which is out of bounds."""
    if index.dtype != "uint64":
        return index
    return np.minimum(index, np.uint64(2**63 - 1)).astype("int64")


def filled(pattern: Pattern, indices: Iterable[Any]) -> tuple[Any, ...]:
    """Return ``pattern`` as a NumPy key, its slots filled with ``indices`` in order.

    >>> filled((Slot.SCALAR, None, Slice(1, Slot.SCALAR)), [3, 5])
    (3, None, slice(1, 5, None))
    """
    rest = iter(indices)
    return tuple(
        slice(*(next(rest) if b is Slot.SCALAR else b for b in entry.bounds))
        if isinstance(entry, Slice)
        else next(rest) if isinstance(entry, Slot)
        else entry
        for entry in pattern
    )  # fmt: skip


def cut_off(entry: slice, n: int) -> slice:
    """Return the slice that takes the same of ``n`` elements, with no number in it beyond n.

    Libraries other than NumPy compute with bounds and steps as they are given, and overflow.

    >>> cut_off(slice(None, None, 2**62), 3), cut_off(slice(5, None, -2), 3)
    (slice(0, 1, 1), slice(2, None, -2))
    """
    taken = range(n)[entry]
    if len(taken) < 2:
        return slice(taken[0], taken[0] + 1, 1) if taken else slice(0, 0, 1)
    stop = taken[-1] + (1 if taken.step > 0 else -1)
    return slice(taken[0], None if stop < 0 else stop, taken.step)


# shapes -----------------------------------------------------------------------------------------
def slice_extent(n: Extent, start: Extent, stop: Extent, step: Extent) -> Extent:
    """Return how many of ``n`` elements a slice takes; bounds may be None."""
    step = 1 if step is None else _limited(step)
    if isinstance(step, int) and step == 0:
        return 0  # of what is an error when it runs
    if all(b is None or isinstance(b, int) for b in (start, stop)) and isinstance(step, int):
        if isinstance(n, int):
            return len(range(*slice(start, stop, step).indices(max(n, 0))))
        if start in (None, 0) and stop is None and step > 0:
            return n if step == 1 else (n + (step - 1)) // step
        if step == 1 and start is not None and start >= 0 and stop is None:
            return larger(n - start, 0)
        if step == -1 and start is None and stop is None:
            return n
    forward = _ascending(n, start, stop, step)
    if isinstance(step, int):
        return forward if step > 0 else _descending(n, start, stop, step)
    return choose(step > 0, forward, _descending(n, start, stop, step))


def _ascending(n: Extent, start: Extent, stop: Extent, step: Extent) -> Extent:
    first = 0 if start is None else _within(start, n, 0, n)
    last = n if stop is None else _within(stop, n, 0, n)
    length = last if isinstance(first, int) and first == 0 else last - first
    if isinstance(step, int) and step == 1:
        return length if isinstance(first, int) and first == 0 else larger(length, 0)
    return larger((length + step - 1) // step, 0)


def _descending(n: Extent, start: Extent, stop: Extent, step: Extent) -> Extent:
    first = n - 1 if start is None else _within(start, n, -1, n - 1)
    last = -1 if stop is None else _within(stop, n, -1, n - 1)
    return larger((first - last - step - 1) // (0 - step), 0)


def _within(index: Extent, n: Extent, low: Extent, high: Extent) -> Extent:
    """Return ``index`` counted from the front, limited to ``low ... high``."""
    if isinstance(index, int):
        index = _limited(index)
        return larger(n + index, low) if index < 0 else smaller(index, high)
    return choose(index < 0, larger(n + index, low), smaller(index, high))


def _limited(number: Extent) -> Extent:
    """Return a bound or a step that takes the same elements, and with which no sum overflows."""
    return larger(smaller(number, MOST), -MOST)


def indexed_shape(pattern: Pattern, x: Operand, indices: Sequence[Operand]) -> Shape:
    """Return the shape of ``x[pattern]``, where arrays stand as NumPy places them.

    The axes that arrays (and ints beside them) index become the axes of their broadcast: in place
    if they stand together, in front if not.
    """
    rest = iter(indices)
    advanced = is_advanced(pattern)
    shape: list[Extent] = []
    arrays: list[Shape] = []
    places: list[tuple[int, int]] = []
    axis = 0
    for position, entry in enumerate(pattern):
        if entry is None:
            shape.append(1)
            continue
        if isinstance(entry, Slice):
            bounds = (next(rest).extent if b is Slot.SCALAR else b for b in entry.bounds)
            shape.append(slice_extent(x.shape[axis], *bounds))
        else:
            index = next(rest).shape if isinstance(entry, Slot) else ()
            if advanced:
                arrays.append(index)
                places.append((position, len(shape)))
        axis += 1
    shape.extend(x.shape[axis:])
    if advanced:
        positions = [position for position, _ in places]
        together = positions == list(range(positions[0], positions[-1] + 1))
        at = places[0][1] if together else 0
        shape[at:at] = broadcast(*arrays)
    return tuple(shape)


# element forms ----------------------------------------------------------------------------------
def indexed_element(pattern: Pattern, x: Any, at: Sequence[Any], indices: Sequence[Any]) -> Any:
    """Return where in ``x`` the element of ``x[pattern]`` at ``at`` is, as an index of ``x``.

    ``x`` and ``indices`` are operands of an element form.  Indices are in bounds.
    """
    rest = iter(indices)
    advanced = is_advanced(pattern)
    arrays = [i for i, e in zip(indices, slots(pattern), strict=True) if e is Slot.ARRAY]
    rank = max((i.ndim for i in arrays), default=0)
    positions = [p for p, e in enumerate(pattern) if not isinstance(e, Slice) and e is not None]
    together = positions == list(range(positions[0], positions[-1] + 1)) if positions else False
    front = advanced and not together
    place = rank if front else 0
    start = 0
    found: list[Any] = []
    seen = False
    for entry in pattern:
        axis = len(found)
        if entry is None:
            place += 1
        elif isinstance(entry, Slice):
            first, last, step = (
                in_int64(next(rest)()) if b is Slot.SCALAR else b for b in entry.bounds
            )
            found.append(_slice_element(x.extent(axis), first, last, step, at[place]))
            place += 1
        else:
            if advanced and not seen and not front:
                start, place = place, place + rank
            seen = True
            index = entry
            if isinstance(entry, Slot):
                array = next(rest)
                index = in_int64(array.stretched(at[start : start + rank][rank - array.ndim :]))
            found.append(from_front(index, x.extent(axis)))
    return (*found, *at[place:])


def from_front(index: Any, n: Any) -> Any:
    """Return an index in bounds, counted from the front."""
    if isinstance(index, int):
        return index if index >= 0 else n + index
    return choose(index < 0, n + index, index)


def _slice_element(n: Any, start: Any, stop: Any, step: Any, k: Any) -> Any:
    """Return where element ``k`` of a slice is."""
    step = 1 if step is None else step
    if isinstance(step, int):
        step = _limited(step)
    up = 0 if start is None else _within(start, n, 0, n)
    if isinstance(step, int):
        if step > 0:
            return k * step + up
        down = n - 1 if start is None else _within(start, n, -1, n - 1)
        return down + k * step
    down = n - 1 if start is None else _within(start, n, -1, n - 1)
    return choose(step > 0, up, down) + k * step


# checks -----------------------------------------------------------------------------------------
def check_pattern(pattern: Pattern, x: Variable, indices: Sequence[Variable]) -> None:
    """Raise GraphTypeError or GraphIndexError if ``x[pattern]`` cannot be."""
    for index in indices:
        if not index.type.is_discrete:
            raise GraphTypeError(
                f"an index must be an integer, not {index} ({index.type})",
                here(),
                "cast it: index.astype('int64')",
            )
    axes = [entry for entry in pattern if entry is not None]
    if len(axes) > x.ndim:
        raise GraphIndexError(f"{len(axes)} indices for {x}, which has {x.ndim} axes", here())
    for axis, (entry, n) in enumerate(zip(axes, x.type.shape, strict=False)):
        limit = 2**63 if n is None else n
        if isinstance(entry, int) and not -limit <= entry < limit:
            extent = "whatever its extent" if n is None else f"of extent {n}"
            raise GraphIndexError(
                f"index {entry} is out of bounds for axis {axis} of {x}, {extent}", here()
            )
        if isinstance(entry, Slice) and entry.step == 0:
            raise GraphIndexError("the step of a slice cannot be 0", here())


def bounds_required(
    pattern: Pattern,
    given: Variable,
    x: Operand,
    inputs: Sequence[Variable],
    indices: Sequence[Operand],
) -> list[Requirement]:
    """Return what ``x[pattern]`` requires of indices.

    given, inputs : the variables that ``x`` and ``indices`` are known of.
    """
    rest = iter(zip(inputs, indices, strict=True))
    found: list[Requirement] = []
    arrays: list[tuple[Variable, Operand]] = []
    for axis, entry in enumerate(entry for entry in pattern if entry is not None):
        if isinstance(entry, Slice):
            slots = [(b, *next(rest)) for b in entry.bounds if b is Slot.SCALAR]
            if entry.step is Slot.SCALAR:
                step = slots[-1][2].value
                found.append(Requirement(NOT_ZERO, (step,), "a slice step is zero", ValueError))
            continue
        index: Any = entry
        if isinstance(entry, Slot):
            index, operand = next(rest)
            arrays += [(index, operand)] if entry is Slot.ARRAY else []
        message = f"an index is out of bounds for axis {axis} of {given}"
        numbered = partial(out_of_bounds, axis)
        found.append(
            Requirement(WITHIN, (index, x.shape[axis]), message, IndexError, numbered=numbered)
        )
    for axis in range(-max((a.ndim for _, a in arrays), default=0), 0):
        met = [a.shape[axis] for v, a in arrays if a.ndim >= -axis and v.type.shape[axis] != 1]
        message = f"the arrays that index {given} do not broadcast"
        found += [
            Requirement(AGREE, (met[0], n), message, IndexError, numbered=unlike_arrays)
            for n in met[1:]
        ]
    return found


def out_of_bounds(axis: int, index: int, extent: int) -> str:
    """Return what an error says of an index."""
    return f"index {index} is out of bounds for axis {axis} with size {extent}"


def unlike_arrays(*extents: int) -> str:
    """Return what an error says of index arrays that do not broadcast."""
    return f"shape mismatch: indices of extents {', '.join(map(str, extents))} cannot broadcast"


def check_bounds(key: Sequence[Any], shape: Sequence[int]) -> None:
    """Raise IndexError if an int or an array of a key of NumPy's is out of bounds, as NumPy does.

    It looks at the ints first.
    """
    axes = enumerate(zip((entry for entry in key if entry is not None), shape, strict=False))
    indices = [(axis, np.asarray(e), n) for axis, (e, n) in axes if not isinstance(e, slice)]
    for axis, index, n in sorted(indices, key=lambda given: given[1].ndim > 0):
        outside = index[(index < -n) | (index >= n)]
        if outside.size:
            raise IndexError(out_of_bounds(axis, outside.flat[0], n))


def index_check(
    pattern: Pattern, indices: Sequence[Variable], first: int
) -> Callable[..., None] | None:
    """Return a check that arrays of indices agree where they are not known to stretch, if any.

    first : how many operands come before the indices.
    """
    places = [k for k, slot in enumerate(slots(pattern)) if slot is Slot.ARRAY]
    rank = max((indices[k].ndim for k in places), default=0)
    groups = [
        (axis, [k for k in places if -axis <= indices[k].ndim and indices[k].type.shape[axis] != 1])
        for axis in range(-rank, 0)
    ]
    if all(len(met) < 2 for _, met in groups):
        return None

    def check(*arrays: Any) -> None:
        for axis, met in groups:
            extents = [arrays[first + k].shape[axis] for k in met]
            if len(set(extents)) > 1:
                raise IndexError(unlike_arrays(*extents))

    return check


# samples ----------------------------------------------------------------------------------------
def sampled_patterns() -> list[tuple[Pattern, Arg, tuple[Arg, ...]]]:
    """Return patterns of every kind, with what they index and what fills their slots."""
    x = Arg((4, 3, 2))
    i, j = Arg(value=1), Arg(value=-2)
    rows, more = Arg(value=np.array([0, 2, 2])), Arg(value=np.array([[1], [-1]]))
    scalar, array = Slot.SCALAR, Slot.ARRAY
    k = np.array([1, 0])
    return [
        ((1,), x, ()),
        ((-1, Slice(), 0), x, ()),
        ((Slice(1, 3), None, Slice(None, None, -1)), x, ()),
        ((Slice(-3, None, 2), Slice(5, 0, -2)), x, ()),
        ((Slice(None, None, 2**62), Slice(None, None, -(2**62))), x, ()),
        ((scalar, Slice(scalar, None)), x, (i, j)),
        ((Slice(None, None, scalar),), x, (j,)),
        ((array,), x, (rows,)),
        ((Slice(), array, Slice(1, None)), x, (rows,)),
        ((array, array), x, (rows, more)),
        ((array, Slice(), array), x, (rows, Arg(value=np.array([0, 1, 1])))),
        ((scalar, None, array), x, (i, more)),
        # Counted from the end of an axis that their dtype cannot hold the extent of.
        ((scalar,), Arg((200,)), (Arg(value=np.int8(-1)),)),
        ((array, array), Arg((200, 2)), (Arg(value=np.array([3, -100], "int8")), Arg(value=k))),
        ((array,), Arg((200,)), (Arg(value=np.array([150, 3], "uint8")),)),
    ]
