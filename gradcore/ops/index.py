"""Indexing: reading and writing parts of a tensor.

One op reads (`Subtensor`) and one writes (`IncSubtensor`), for all of NumPy's index language.
What is indexed by is a *pattern* (``index_patterns``): ints, slices and new axes stand in it as
they are; a scalar or an array of the graph is a slot, filled by an input of the node.  Boolean
masks become ``mask.nonzero()`` (``index_keys``).  Rejected: one op each for basic, integer-array
and boolean indexing, which triples every rule about them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from gradcore.derive import Flat, Linear, PartialCotangent, sum_to
from gradcore.errors import GraphTypeError, ShapeError
from gradcore.graph import (
    UNKNOWN,
    Apply,
    Constant,
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
from gradcore.graph.complexes import refuse_complex
from gradcore.graph.nodes import as_variable, static_operand
from gradcore.graph.op import Arg, Sample
from gradcore.graph.reads import Local, Pairs, Reads, numbers
from gradcore.graph.requirements import all_equal
from gradcore.graph.types import StaticShape
from gradcore.language import LANGUAGE, is_several
from gradcore.ops.broadcasting import with_check
from gradcore.ops.index_patterns import (
    Pattern,
    Slot,
    bounds_required,
    check_pattern,
    filled,
    index_check,
    indexed_element,
    indexed_shape,
    is_advanced,
    sampled_patterns,
    signed,
    slots,
)
from gradcore.ops.index_patterns import Slice as Slice  # plugins may import it from here
from gradcore.ops.index_stacks import stacked_pattern
from gradcore.ops.sorting import ArgSort as ArgSort  # plugins may import the orders from here
from gradcore.ops.sorting import Sort as Sort
from gradcore.ops.stacks import repeated, size_of


# reading ----------------------------------------------------------------------------------------
def _scatter(op: Subtensor, ct: Variable, x: Variable, *indices: Variable) -> PartialCotangent:
    return PartialCotangent(lambda whole: IncSubtensor(op.pattern, False)(whole, ct, *indices))


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
        """Return a sample of every kind of pattern: numbers, slices, new axes, arrays."""
        return [Sample(cls(pattern), (x, *indices)) for pattern, x, indices in sampled_patterns()]

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
        return bounds_required(self.pattern, node.inputs[0], x, node.inputs[1:], indices)

    def batch(
        self, node: Apply, inputs: Sequence[Variable], stacked: Sequence[bool]
    ) -> Variable | None:
        """Take the part of each, where it has one shape for all."""
        x, *indices = inputs
        ndim, size = node.inputs[0].ndim, size_of(inputs, stacked)
        of = stacked_pattern(self.pattern, ndim, indices, stacked, size)
        return of and of.part(Subtensor(of.pattern)(x, *of.indices))

    def read_in_place(self, i: int) -> float:
        """What is not read need not be computed."""
        return math.inf

    def element(self, node: Apply, at: Sequence[Any], *operands: Any) -> Any:
        """Read where the pattern says."""
        x, *indices = operands
        return x(*indexed_element(self.pattern, x, at, indices))

    def reference(self, *arrays: Any) -> Any:
        """Return ``x[pattern]``, a view where there are no arrays."""
        x, *indices = arrays
        return x[filled(self.pattern, map(signed, indices))]

    def kernel(self, node: Apply) -> Kernel:
        """Return the reference, its key made once if no slot is in it."""
        if len(node.inputs) > 1:
            return with_check(index_check(self.pattern, node.inputs[1:], 1), self.reference)
        key = filled(self.pattern, ())

        def part(x: Any) -> Any:
            return x[key]

        return part


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
    arrays = [i for i, e in zip(indices, slots(pattern), strict=True) if e is Slot.ARRAY]
    if not arrays or all(isinstance(a.owner and a.owner.op, Nonzero) for a in arrays):
        return False
    if len(arrays) == 1 and isinstance(arrays[0], Constant):
        return np.unique(arrays[0].data).size < arrays[0].data.size
    return True


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
        """Return samples of every kind of pattern, of a part and of a scalar written into each."""
        found: list[Sample] = []
        for pattern, x, indices in sampled_patterns():
            part = np.empty(x.shape)[filled(pattern, [index.value for index in indices])].shape
            for overwrite in (True, False):
                found.append(Sample(cls(pattern, overwrite), (x, Arg(part), *indices)))
                found.append(Sample(cls(pattern, overwrite), (x, Arg(), *indices)))
        return found

    def label(self) -> str:
        """Return the name of the function."""
        return "set_subtensor" if self.overwrite else "inc_subtensor"

    def parameters(self) -> dict[str, Any]:
        """Return what is printed: the pattern (the label says whether it overwrites)."""
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
        found = bounds_required(self.pattern, given, x, node.inputs[2:], indices)
        part = indexed_shape(self.pattern, x, indices)
        for axis in range(-y.ndim, 0):
            if written.type.shape[axis] != 1:
                message = (
                    f"cannot write {written} into a part of {given}: extents at axis {axis} differ"
                )
                found += all_equal([y.shape[axis], part[axis]], message)
        return found

    def batch(
        self, node: Apply, inputs: Sequence[Variable], stacked: Sequence[bool]
    ) -> Variable | None:
        """Write into the part of each, where it has one shape for all."""
        x, y, *indices = inputs
        ndim, size = node.inputs[0].ndim, size_of(inputs, stacked)
        of = stacked_pattern(self.pattern, ndim, indices, (True, *stacked[2:]), size)
        if of is None:
            return None
        x = x if stacked[0] else repeated(x, size)
        written = of.placed(y, stacked[1]) if y.ndim else y
        return IncSubtensor(of.pattern, self.overwrite)(x, written, *of.indices)

    def reads(self, local: Local, wanted: Sequence[int]) -> Reads | None:
        """What is written reads the part; the rest, and what is added to, reads the tensor."""
        x, y = map(numbers, local.shapes[:2])
        indices = local.values[2:]
        if any(value is None for value in indices):
            return None
        if self.overwrite:
            at = self.reference(x, y + x.size, *indices)
            found = (
                Pairs(np.where(at < x.size, at, -1)),
                Pairs(np.where(at < x.size, -1, at - x.size)),
            )
        else:
            there = Subtensor(self.pattern).reference(x, *indices)
            found = (Pairs(x), Pairs(np.broadcast_to(y, np.shape(there)), there))
        return {i: found[i] for i in wanted}

    def reference(self, *arrays: Any) -> Any:
        """Return a changed copy."""
        x, y, *indices = arrays
        key = filled(self.pattern, map(signed, indices))
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
        part = x[filled(self.pattern, map(signed, indices))].shape
        for have, want, known in zip(y.shape, part[len(part) - y.ndim :], given, strict=True):
            if have != want and known != 1:
                raise ShapeError(f"cannot write shape {y.shape} into a part of shape {part}")


# masks ------------------------------------------------------------------------------------------
@final
@dataclass(frozen=True, repr=False)
class Nonzero(Op):
    """The indices of the elements that are not zero: a vector of int64 for each axis."""

    derivative = Flat()

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return samples of zeros among other numbers, for a matrix and a vector."""
        return [Sample(cls(), (Arg(shape, low=-0.5, high=1),)) for shape in ((3, 4), (5,))]

    def check(self, *inputs: Variable) -> None:
        """Refuse scalars."""
        if not inputs[0].ndim:
            raise GraphTypeError("nonzero takes a tensor with axes, not a scalar", here())

    def make_node(self, *inputs: Any) -> Apply:
        """Return a node with an output for each axis."""
        x = as_variable(inputs[0])
        self.check(x)
        outputs = [Variable(TensorType("int64", (None,))) for _ in range(x.ndim)]
        node = Apply(self, [x], outputs)
        refuse_complex(node)
        return node

    def shapes(self, *operands: Operand) -> Sequence[Shape]:
        """How many there are is not known."""
        return [(UNKNOWN,)] * operands[0].ndim

    def symbolic_shapes(self, node: Apply, operands: Sequence[Operand]) -> Sequence[Shape]:
        """How many there are is not known."""
        return [(UNKNOWN,)] * len(node.outputs)

    def reference(self, *arrays: Any) -> Any:
        """Return the indices along each axis, in C order of the elements."""
        first, *others = np.nonzero(arrays[0])
        return (first, *others) if others else first
