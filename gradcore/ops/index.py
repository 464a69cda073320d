"""Indexing: reading and writing parts of a tensor, and the orders of its elements.

One op reads (`Subtensor`) and one writes (`IncSubtensor`), for all of NumPy's index language.
What is indexed by is a *pattern*: ints, slices and new axes stand in it as they are; a scalar or
an array of the graph is a slot, filled by an input of the node.  Boolean masks become
``mask.nonzero()``.  Rejected: one op each for basic, integer-array and boolean indexing, which
triples every rule about them.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, final

import numpy as np

from gradcore.derive import Flat, Forward, Linear, Part, sum_to
from gradcore.errors import GraphIndexError, GraphTypeError, ShapeError
from gradcore.graph import (
    UNKNOWN,
    Apply,
    Constant,
    Extent,
    Kernel,
    Op,
    Operand,
    Requirement,
    Shape,
    TensorType,
    Variable,
    here,
    upcast,
)
from gradcore.graph.extents import MOST, broadcast, choose, larger, smaller
from gradcore.graph.nodes import as_variable, constant_extent, extents_of, static_operand
from gradcore.graph.op import Arg, Sample
from gradcore.graph.requirements import NOT_ZERO, WITHIN, all_equal
from gradcore.graph.types import StaticShape, whole_number
from gradcore.language import LANGUAGE, is_several
from gradcore.ops.broadcasting import with_check
from gradcore.ops.shape import SpecifyShape


class Slot(enum.Enum):
    """A place in a pattern that an input of the node fills."""

    SCALAR = enum.auto()
    ARRAY = enum.auto()

    def __repr__(self) -> str:
        """Return its name."""
        return self.name.lower()


Bound: TypeAlias = int | Slot | None


@dataclass(frozen=True)
class Slice:
    """A slice whose bounds are ints, None, or scalars of the graph."""

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


def _signed(index: Any) -> Any:
    """Return an index in int64: NumPy would wrap what is beyond, which is out of bounds."""
    if index.dtype != "uint64":
        return index
    return np.minimum(index, np.uint64(2**63 - 1)).astype("int64")


def filled(pattern: Pattern, indices: Iterable[Any]) -> tuple[Any, ...]:
    """Return ``pattern`` as a NumPy key, its slots filled with ``indices`` in order."""
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
    arrays = [i for i, e in zip(indices, _slots(pattern), strict=True) if e is Slot.ARRAY]
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
            first, last, step = (next(rest)() if b is Slot.SCALAR else b for b in entry.bounds)
            found.append(_slice_element(x.extent(axis), first, last, step, at[place]))
            place += 1
        else:
            if advanced and not seen and not front:
                start, place = place, place + rank
            seen = True
            index = entry
            if isinstance(entry, Slot):
                array = next(rest)
                index = array.stretched(at[start : start + rank][rank - array.ndim :])
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


# reading ----------------------------------------------------------------------------------------
def _scatter(op: Subtensor, ct: Variable, x: Variable, *indices: Variable) -> Part:
    return Part(lambda whole: IncSubtensor(op.pattern, False)(whole, ct, *indices))


@final
@dataclass(frozen=True, repr=False)
class Subtensor(Op):
    """``Subtensor(pattern)(x, *indices)``: ``x[pattern]``, the slots filled in order.

    pattern : an entry for each axis from the first on: an int, a `Slice`, None (a new axis), or a
        `Slot`: ``SCALAR`` for an integer scalar, ``ARRAY`` for an array of integers.  The bounds of
        a `Slice` may be scalar slots, too.  `filled` puts the indices into the slots: a key as
        NumPy has it, with NumPy's rules for arrays among indices.

    Negative indices count from the end.  An index out of bounds is an IndexError, for elements of
    index arrays too; slices are cut off at the ends.
    """

    pattern: Pattern
    view = True
    derivative = Linear((_scatter,))

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return samples."""
        return [Sample(cls(pattern), (x, *indices)) for pattern, x, indices in _sampled_patterns()]

    def check(self, *inputs: Variable) -> None:
        """Check the pattern against the rank and the known extents."""
        check_pattern(self.pattern, inputs[0], inputs[1:])

    def dtype(self, *dtypes: str) -> str:
        """Return the dtype of the tensor."""
        return dtypes[0]

    def shape(self, *operands: Operand) -> Shape:
        """Return the shape of the part."""
        return indexed_shape(self.pattern, operands[0], operands[1:])

    def value(self, node: Apply, operands: Sequence[Operand]) -> Any:
        """Return the element, of a vector of known ones."""
        elements: Any = operands[0].value
        if not is_several(elements) or len(self.pattern) != 1 or len(operands) > 1:
            return UNKNOWN
        (key,) = filled(self.pattern, ())
        return elements[key] if key is not None else UNKNOWN

    def requires(self, node: Apply, operands: Sequence[Operand]) -> Sequence[Requirement]:
        """Indices are in bounds."""
        x, *indices = operands
        return _bounds_required(self.pattern, node.inputs[0], x, node.inputs[1:], indices)

    def batch(
        self, node: Apply, inputs: Sequence[Variable], stacked: Sequence[bool]
    ) -> Variable | None:
        """Take all of the first axis, where the indices are the same for all."""
        if not stacked[0] or any(stacked[1:]) or is_advanced(self.pattern):
            return None
        return Subtensor((Slice(), *self.pattern))(*inputs)

    def read_in_place(self, i: int) -> float:
        """What is not read need not be computed."""
        return math.inf

    def element(self, node: Apply, at: Sequence[Any], *operands: Any) -> Any:
        """Read where the pattern says."""
        x, *indices = operands
        return x(*indexed_element(self.pattern, x, at, indices))

    def reference(self, *arrays: Any) -> Any:
        """Return the part."""
        x, *indices = arrays
        return x[filled(self.pattern, map(_signed, indices))]

    def kernel(self, node: Apply) -> Kernel:
        """Return the reference, its key made once if no slot is in it."""
        if len(node.inputs) > 1:
            return with_check(index_check(self.pattern, node.inputs[1:], 1), self.reference)
        key = filled(self.pattern, ())

        def part(x: Any) -> Any:
            return x[key]

        return part


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


def _bounds_required(
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
        told = f"an index is out of bounds for axis {axis} of {given}"
        found.append(Requirement(WITHIN, (index, x.shape[axis]), told, IndexError))
    for axis in range(-max((a.ndim for _, a in arrays), default=0), 0):
        met = [a.shape[axis] for v, a in arrays if a.ndim >= -axis and v.type.shape[axis] != 1]
        told = f"the arrays that index {given} do not broadcast"
        found += all_equal(met, told, IndexError) if met else []
    return found


def index_check(
    pattern: Pattern, indices: Sequence[Variable], first: int
) -> Callable[..., None] | None:
    """Return a check that arrays of indices agree where they are not known to stretch, if any.

    first : how many operands come before the indices.
    """
    places = [k for k, slot in enumerate(_slots(pattern)) if slot is Slot.ARRAY]
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
                raise IndexError(f"shape mismatch: indices of extents {extents} cannot broadcast")

    return check


def _sampled_patterns() -> list[tuple[Pattern, Arg, tuple[Arg, ...]]]:
    """Return patterns of every kind, with what they index and what fills their slots."""
    x = Arg((4, 3, 2))
    i, j = Arg(value=1), Arg(value=-2)
    rows, more = Arg(value=np.array([0, 2, 2])), Arg(value=np.array([[1], [-1]]))
    scalar, array = Slot.SCALAR, Slot.ARRAY
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
    ]


# writing ----------------------------------------------------------------------------------------
def _clear(
    op: IncSubtensor, ct: Variable, x: Variable, y: Variable, *indices: Variable
) -> Variable:
    return op(ct, 0, *indices) if op.overwrite else ct


def _gather(
    op: IncSubtensor, ct: Variable, x: Variable, y: Variable, *indices: Variable
) -> Variable:
    part = Subtensor(op.pattern)(ct, *indices)
    if op.overwrite and _may_repeat(op.pattern, indices):
        part = LANGUAGE["switch"](_last_writer(op, x, part, indices), part, 0)
    return sum_to(part, y)


def _may_repeat(pattern: Pattern, indices: Sequence[Variable]) -> bool:
    """Return whether an element may be written twice: not by a mask, nor without arrays."""
    arrays = [i for i, e in zip(indices, _slots(pattern), strict=True) if e is Slot.ARRAY]
    if not arrays or all(isinstance(a.owner and a.owner.op, Nonzero) for a in arrays):
        return False
    if len(arrays) == 1 and isinstance(arrays[0], Constant):
        return np.unique(arrays[0].data).size < arrays[0].data.size
    return True


def _slots(pattern: Pattern) -> Iterator[Slot]:
    for entry in pattern:
        for bound in entry.bounds if isinstance(entry, Slice) else (entry,):
            if isinstance(bound, Slot):
                yield bound


def _last_writer(
    op: IncSubtensor, x: Variable, part: Variable, indices: Sequence[Variable]
) -> Variable:
    """Return which writes lasted: write numbers instead of values, and read them back."""
    numbers = LANGUAGE["reshape"](LANGUAGE["arange"](part.size), part.shape, ndim=part.ndim)
    written = op(LANGUAGE["zeros_like"](x, "int64"), numbers, *indices)
    return LANGUAGE["eq"](Subtensor(op.pattern)(written, *indices), numbers)


@final
@dataclass(frozen=True, repr=False)
class IncSubtensor(Op):
    """``IncSubtensor(pattern, overwrite)(x, y, *indices)``: ``x`` with ``y`` added to (or written
    over) ``x[pattern]``.

    pattern : as that of `Subtensor`.
    overwrite : whether elements are written over rather than added to.

    ``y`` broadcasts to ``x[pattern]``, and is cast to the dtype of ``x``, which is that of the
    result.  Where an element is indexed twice, both are added; the last one written wins.
    """  # noqa: D205 - the sentence is long

    pattern: Pattern
    overwrite: bool
    derivative = Linear((_clear, _gather))
    ulp = 4

    @property
    def accumulates(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride] - of its kind
        """Increments do."""
        return not self.overwrite

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return samples."""
        found: list[Sample] = []
        for pattern, x, indices in _sampled_patterns():
            part = np.empty(x.shape)[filled(pattern, [index.value for index in indices])].shape
            for overwrite in (True, False):
                found.append(Sample(cls(pattern, overwrite), (x, Arg(part), *indices)))
                found.append(Sample(cls(pattern, overwrite), (x, Arg(), *indices)))
        return found

    def label(self) -> str:
        """Return the name of the function."""
        return "set_subtensor" if self.overwrite else "inc_subtensor"

    def parameters(self) -> dict[str, Any]:
        """Return the pattern."""
        return {"pattern": self.pattern}

    def check(self, *inputs: Variable) -> None:
        """Check the pattern, and that ``y`` fits into the part."""
        x, y, *indices = inputs
        check_pattern(self.pattern, x, indices)
        if upcast(x.type.dtype, y.type.dtype) != x.type.dtype:
            raise GraphTypeError(
                f"cannot write {y} ({y.type.dtype}) into {x} ({x.type.dtype}) without loss",
                here(),
                f"cast it: astype({x.type.dtype!r})",
            )
        part = indexed_shape(self.pattern, static_operand(x), list(map(static_operand, indices)))
        if y.ndim > len(part):
            raise ShapeError(f"cannot write {y} ({y.type}) into a part of {len(part)} axes", here())
        for have, want in zip(y.type.shape, part[len(part) - y.ndim :], strict=True):
            if have not in (None, 1) and isinstance(want, int) and want != have:
                raise ShapeError(f"cannot write {y} ({y.type}) into a part of shape {part}", here())

    def dtype(self, *dtypes: str) -> str:
        """Return the dtype of the tensor."""
        return dtypes[0]

    def shape(self, *operands: Operand) -> Shape:
        """Return the shape of the tensor."""
        return operands[0].shape

    def requires(self, node: Apply, operands: Sequence[Operand]) -> Sequence[Requirement]:
        """Indices are in bounds, and what is written fits into the part."""
        x, y, *indices = operands
        given, written = node.inputs[:2]
        found = _bounds_required(self.pattern, given, x, node.inputs[2:], indices)
        part = indexed_shape(self.pattern, x, indices)
        for axis in range(-y.ndim, 0):
            if written.type.shape[axis] != 1:
                told = (
                    f"cannot write {written} into a part of {given}: extents at axis {axis} differ"
                )
                found += all_equal([y.shape[axis], part[axis]], told)
        return found

    def reference(self, *arrays: Any) -> Any:
        """Return a changed copy."""
        x, y, *indices = arrays
        key = filled(self.pattern, map(_signed, indices))
        out = np.array(x)
        if self.overwrite:
            out[key] = y
        elif is_advanced(self.pattern):
            # In its shape and dtype: NumPy 2.4 reads past values that it must stretch.
            np.add.at(out, key, np.array(np.broadcast_to(y, out[key].shape), out.dtype))
        else:
            out[key] += y
        return out

    def kernel(self, node: Apply) -> Kernel:
        """Return the reference, with a check that only extents known to be 1 stretch."""
        given = node.inputs[1].type.shape

        def checked(x: Any, y: Any, *indices: Any) -> Any:
            if any(n == 1 and known is None for n, known in zip(y.shape, given, strict=True)):
                self._fit(x, y, indices, given)
            try:
                return self.reference(x, y, *indices)
            except ValueError:
                self._fit(x, y, indices, given)
                raise

        return with_check(index_check(self.pattern, node.inputs[2:], 2), checked)

    def _fit(self, x: Any, y: Any, indices: Sequence[Any], given: StaticShape) -> None:
        """Raise ShapeError if ``y`` would stretch, or does not fit."""
        part = x[filled(self.pattern, map(_signed, indices))].shape
        for have, want, known in zip(y.shape, part[len(part) - y.ndim :], given, strict=True):
            if have != want and known != 1:
                raise ShapeError(f"cannot write shape {y.shape} into a part of shape {part}")


# from Python's index language -------------------------------------------------------------------
def pattern_of(x: Variable, key: Any) -> tuple[Pattern, list[Variable]]:
    """Return ``key`` as a pattern for ``x`` and the indices that fill its slots."""
    keys: list[Any] = _expanded(x, key if isinstance(key, tuple) else (key,))  # pyright: ignore[reportUnknownArgumentType] - of any kind
    pattern: list[Entry] = []
    indices: list[Variable] = []

    def scalar(bound: Any) -> Bound:
        if bound is None:
            return None
        known = _constant_index(bound)
        if known is not None:  # beyond 64 bits it says no more than at their end
            return max(1 - 2**63, min(known, 2**63 - 1))
        variable = as_variable(bound)
        if variable.ndim or variable.type.dtype == "bool":
            raise GraphTypeError(f"a bound of a slice must be an integer, not {bound}", here())
        indices.append(variable)
        return Slot.SCALAR

    for item in keys:
        if item is None:
            pattern.append(None)
        elif isinstance(item, slice):
            start, stop, step = _bounds(item)  # pyright: ignore[reportUnknownArgumentType] - of any bounds
            pattern.append(Slice(scalar(start), scalar(stop), scalar(step)))
        elif (known := _constant_index(item)) is not None:
            pattern.append(known)
        else:
            index = _as_index(item)
            pattern.append(Slot.ARRAY if index.ndim else Slot.SCALAR)
            indices.append(index)
    return tuple(pattern), indices


def _bounds(key: slice) -> tuple[Any, Any, Any]:
    return key.start, key.stop, key.step


def _constant_index(item: Any) -> int | None:
    if isinstance(item, Variable) and item.type.dtype != "bool":
        return constant_extent(item)
    return whole_number(item)


def _as_index(item: Any) -> Variable:
    if isinstance(item, (float, np.floating)):
        raise GraphTypeError(f"an index must be an integer, not {item}", here())
    if is_several(item) and not item:
        return Constant(item, "int64")
    return as_variable(item)


def _expanded(x: Variable, keys: tuple[Any, ...]) -> list[Any]:
    """Return ``keys`` with the ellipsis spelled out and masks turned into integers."""
    keys = tuple(
        as_variable(k) if (is_several(k) and k) or isinstance(k, np.ndarray) else k for k in keys
    )
    found: list[Any] = []
    used = sum(_axes_used(k) for k in keys)
    axis = 0
    for k in keys:
        if k is Ellipsis:
            found.extend([slice(None)] * (x.ndim - used))
            axis += x.ndim - used
            continue
        if isinstance(k, Variable) and k.type.dtype == "bool":
            found.extend(LANGUAGE["nonzero"](_fitting_mask(k, x, axis)))
        else:
            found.append(k)
        axis += _axes_used(k)
    if sum(k is Ellipsis for k in keys) > 1:
        raise GraphIndexError("an index can only have a single ellipsis ('...')", here())
    return found


def _fitting_mask(mask: Variable, x: Variable, axis: int) -> Variable:
    """Return ``mask``, checked to have the extents of ``x`` from ``axis`` on.

    Raises GraphIndexError, here or when it runs: it has others.
    """
    if axis + mask.ndim > x.ndim:
        raise GraphIndexError(
            f"a mask of {mask.ndim} axes from axis {axis} on for {x}, which has {x.ndim}", here()
        )
    known = x.type.shape[axis : axis + mask.ndim]
    if mask.type.shape == known and None not in known:
        return mask
    check = SpecifyShape(f"a mask must fit what it indexes, {x}", error=GraphIndexError)
    return check(mask, *extents_of(x)[axis : axis + mask.ndim])


def _axes_used(k: Any) -> int:
    if k is None or k is Ellipsis:
        return 0
    if isinstance(k, (bool, np.bool_)) or (
        isinstance(k, Variable) and k.type.dtype == "bool" and not k.ndim
    ):
        raise GraphTypeError(
            f"cannot index by the single boolean {k}", here(), "use ifelse or switch to choose"
        )
    return k.ndim if isinstance(k, Variable) and k.type.dtype == "bool" else 1


# orders -----------------------------------------------------------------------------------------
@final
@dataclass(frozen=True, repr=False)
class Nonzero(Op):
    """The indices of the elements that are not zero: a vector of int64 for each axis."""

    derivative = Flat()

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return samples."""
        return [
            Sample(cls(), (Arg((3, 4), "bool", 0, 1),)),
            Sample(cls(), (Arg((5,), "int64", 0, 1),)),
        ]

    def check(self, *inputs: Variable) -> None:
        """Refuse scalars."""
        if not inputs[0].ndim:
            raise GraphTypeError("nonzero takes a tensor with axes, not a scalar", here())

    def make_node(self, *inputs: Any) -> Apply:
        """Return a node with an output for each axis."""
        x = as_variable(inputs[0])
        self.check(x)
        outputs = [Variable(TensorType("int64", (None,))) for _ in range(x.ndim)]
        return Apply(self, [x], outputs)

    def shapes(self, *operands: Operand) -> Sequence[Shape]:
        """How many there are is not known."""
        return [(UNKNOWN,)] * operands[0].ndim

    def symbolic_shapes(self, node: Apply, operands: Sequence[Operand]) -> Sequence[Shape]:
        """How many there are is not known."""
        return [(UNKNOWN,)] * len(node.outputs)

    def reference(self, *arrays: Any) -> Any:
        """Return the indices."""
        first, *others = np.nonzero(arrays[0])
        return (first, *others) if others else first


@final
@dataclass(frozen=True, repr=False)
class Sort(Op):
    """The elements in ascending order along ``axis``; NaN comes last."""

    axis: int
    derivative = Forward(
        (lambda op, t, x, z: LANGUAGE["take_along_axis"](t, ArgSort(op.axis)(x), op.axis),)
    )

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return samples."""
        return [Sample(cls(axis), (Arg((4, 3)),)) for axis in (0, 1)]

    def shape(self, *operands: Operand) -> Shape:
        """Return the shape of the tensor."""
        return operands[0].shape

    def reference(self, *arrays: Any) -> Any:
        """Return the sorted elements."""
        return np.sort(arrays[0], axis=self.axis, kind="stable")


@final
@dataclass(frozen=True, repr=False)
class ArgSort(Op):
    """The indices that sort the elements along ``axis``, equal ones in their order."""

    axis: int
    derivative = Flat()

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return samples."""
        return [Sample(cls(axis), (Arg((4, 3)),)) for axis in (0, 1)]

    def dtype(self, *dtypes: str) -> str:
        """Return int64."""
        return "int64"

    def shape(self, *operands: Operand) -> Shape:
        """Return the shape of the tensor."""
        return operands[0].shape

    def reference(self, *arrays: Any) -> Any:
        """Return the indices."""
        return np.argsort(arrays[0], axis=self.axis, kind="stable")
