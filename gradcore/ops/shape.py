"""Ops that copy elements into other shapes: broadcast, joined, repeated.

Broadcasting to a shape is `Alloc`; flips, splits and rolls are slices.  What reads a shape is in
``shape_values``, what sets other axes over the same elements in ``axes``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from gradcore.derive import Linear, LinearInEach
from gradcore.errors import GraphTypeError, ShapeError
from gradcore.graph import Apply, Kernel, Op, Operand, Requirement, Shape, Variable, here
from gradcore.graph import Extent as ExtentValue
from gradcore.graph.extents import UNKNOWN, agreed, check_size
from gradcore.graph.nodes import constant_extent, extents_of, static_operand
from gradcore.graph.op import Arg, Sample
from gradcore.graph.reads import Local, Reads, moved
from gradcore.graph.requirements import NONE_NEGATIVE, REACHES, all_equal, possible
from gradcore.language import LANGUAGE
from gradcore.ops.axes import DimShuffle as DimShuffle  # plugins may import these six from here
from gradcore.ops.axes import Reshape as Reshape
from gradcore.ops.shape_values import Extent as Extent
from gradcore.ops.shape_values import MakeVector as MakeVector
from gradcore.ops.shape_values import ShapeOf as ShapeOf
from gradcore.ops.shape_values import SpecifyShape as SpecifyShape
from gradcore.ops.shape_values import check_extents
from gradcore.ops.stacks import AlongAxis, raised


def _alloc_back(op: Op, ct: Variable, value: Variable, *extents: Variable) -> Variable:
    lead = ct.ndim - value.ndim
    stretched = tuple(
        axis
        for axis in range(value.ndim)
        if value.type.shape[axis] == 1 and not _is_one(extents[lead + axis])
    )
    ct = LANGUAGE["sum"](ct, (*range(lead), *(lead + axis for axis in stretched)))
    rest = iter(range(ct.ndim))
    return DimShuffle(tuple("x" if a in stretched else next(rest) for a in range(value.ndim)))(ct)


def _is_one(extent: Variable) -> bool:
    return constant_extent(extent) == 1


@final
@dataclass(frozen=True, repr=False)
class Alloc(Op):
    """``Alloc()(value, *extents)``: ``value`` broadcast to a shape."""

    cheap = True
    foldable = False  # a stretched number says more than an array of equal numbers
    derivative = Linear((_alloc_back,))

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return samples of a scalar, of a row, and of a matrix that is repeated."""
        return [
            Sample(cls(), (Arg(), Arg(value=2), Arg(value=3))),
            Sample(cls(), (Arg((1, 3)), Arg(value=2), Arg(value=3))),
            Sample(cls(), (Arg((2, 3)), Arg(value=4), Arg(value=2), Arg(value=3))),
        ]

    def check(self, *inputs: Variable) -> None:
        """Check the extents against what is known of the value."""
        value, *extents = inputs
        check_extents(self, tuple(extents))
        if value.ndim > len(extents):
            raise ShapeError(
                f"cannot broadcast {value} ({value.type}) to {len(extents)} axes", here()
            )
        wanted = [static_operand(n).value for n in extents][len(extents) - value.ndim :]
        for have, want in zip(value.type.shape, wanted, strict=True):
            if have not in (1, None) and isinstance(want, int) and have != want:
                raise ShapeError(f"cannot broadcast extent {have} of {value} to {want}", here())

    def dtype(self, *dtypes: str) -> str:
        """Return the dtype of the value."""
        return dtypes[0]

    def shape(self, *operands: Operand) -> Shape:
        """Return the extents, or what the value knows of them."""
        value, *extents = operands
        wanted = [n.extent for n in extents]
        lead = len(wanted) - value.ndim
        return tuple(
            n
            if axis < lead or value.shape[axis - lead] == 1
            else agreed([n, value.shape[axis - lead]])
            for axis, n in enumerate(wanted)
        )

    def requires(self, node: Apply, operands: Sequence[Operand]) -> Sequence[Requirement]:
        """Extents are not negative, and are those of the value, which stretches where it is 1."""
        value, *extents = operands
        given = node.inputs[0]
        lead = len(extents) - value.ndim
        message = f"cannot broadcast {given} to a negative extent"
        found = [Requirement(REACHES, (n.extent, 0), message) for n in extents]
        found.append(possible(tuple(n.extent for n in extents)))
        for axis, n in enumerate(given.type.shape):
            if n != 1:
                met = [value.shape[axis], extents[lead + axis].extent]
                found += all_equal(met, f"cannot broadcast {given} at axis {axis}: extents differ")
        return found

    def batch(
        self, node: Apply, inputs: Sequence[Variable], stacked: Sequence[bool]
    ) -> Variable | None:
        """Broadcast behind the first axis, where the shape is one for all."""
        value, *extents = inputs
        if any(stacked[1:]):
            return None
        return Alloc()(raised(value, len(extents), True), extents_of(value)[0], *extents)

    def element(self, node: Apply, at: Sequence[Any], *operands: Any) -> Any:
        """Read at 0 along the axes that stretch."""
        value = operands[0]
        given = node.inputs[0].type.shape
        last = at[len(at) - len(given) :]
        return value(*(0 if n == 1 else i for n, i in zip(given, last, strict=True)))

    def reference(self, *arrays: Any) -> Any:
        """Return a view of the value, in which what is repeated has stride 0."""
        value, *extents = arrays
        shape = tuple(map(int, extents))
        if min(shape, default=0) < 0:
            raise ShapeError(f"cannot broadcast to a negative extent: {shape}")
        check_size(shape)
        try:
            return np.broadcast_to(value, shape)
        except ValueError:
            raise ShapeError(f"cannot broadcast shape {np.shape(value)} to {shape}") from None

    def kernel(self, node: Apply) -> Kernel:
        """Return the reference, with a check that only extents known to be 1 stretch."""
        value, *extents = node.inputs
        lead = len(extents) - value.ndim
        strict = [axis for axis, n in enumerate(value.type.shape) if n is None]

        def checked(array: Any, *wanted: Any) -> Any:
            for axis in strict:
                if array.shape[axis] != wanted[lead + axis]:
                    shape = tuple(map(int, wanted))
                    raise ShapeError(f"cannot broadcast {value} of shape {array.shape} to {shape}")
            return self.reference(array, *wanted)

        return checked if strict else self.reference


def _split_back(op: Join, i: int, ct: Variable, *tensors: Variable) -> Variable:
    start: Any = 0
    for x in tensors[:i]:
        start = start + extents_of(x)[op.axis]
    stop = start + extents_of(tensors[i])[op.axis]
    return ct[(*(slice(None),) * op.axis, slice(start, stop))]


@final
@dataclass(frozen=True, repr=False)
class Join(AlongAxis):
    """Tensors one after the other along ``axis``."""

    axis: int
    derivative = LinearInEach(transpose=_split_back)

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return samples along both axes of matrices."""
        return [
            Sample(cls(0), (Arg((2, 3)), Arg((1, 3)), Arg((3, 3)))),
            Sample(cls(1), (Arg((2, 3)), Arg((2, 2)))),
        ]

    def check(self, *inputs: Variable) -> None:
        """All tensors have one rank, and agree in the other extents."""
        ranks = {x.ndim for x in inputs}
        if len(ranks) != 1 or not 0 <= self.axis < ranks.pop():
            given = ", ".join(f"{x} {x.type}" for x in inputs)
            raise GraphTypeError(f"cannot join tensors along axis {self.axis}: {given}", here())
        for axis in range(inputs[0].ndim):
            known = {x.type.shape[axis] for x in inputs} - {None}
            if axis != self.axis and len(known) > 1:
                given = ", ".join(f"{x} {x.type}" for x in inputs)
                raise ShapeError(
                    f"extents differ at axis {axis} of joined tensors: {given}", here()
                )

    def shape(self, *operands: Operand) -> Shape:
        """Return the sum of the extents along the axis."""
        first = operands[0]
        joined: ExtentValue = 0
        for x in operands:
            n = x.shape[self.axis]
            joined = n if isinstance(joined, int) and joined == 0 else joined + n
        return tuple(
            joined if axis == self.axis else agreed([x.shape[axis] for x in operands])
            for axis in range(first.ndim)
        )

    def requires(self, node: Apply, operands: Sequence[Operand]) -> Sequence[Requirement]:
        """The other extents are equal."""
        given = ", ".join(map(str, node.inputs))
        found: list[Requirement] = []
        for axis in range(node.out.ndim):
            if axis != self.axis:
                message = (
                    f"cannot join {given} along axis {self.axis}: extents at axis {axis} differ"
                )
                found += all_equal([x.shape[axis] for x in operands], message)
        return found

    def reads(self, local: Local, wanted: Sequence[int]) -> Reads | None:
        """Elements are moved."""
        return moved(local, wanted, len(local.shapes))

    def reference(self, *arrays: Any) -> Any:
        """Return the joined array."""
        try:
            return np.concatenate(arrays, axis=self.axis)
        except ValueError:
            if len({(*a.shape[: self.axis], *a.shape[self.axis + 1 :]) for a in arrays}) == 1:
                check_size(self.shape(*(Operand(a.shape) for a in arrays)))
            shapes = ", ".join(str(a.shape) for a in arrays)
            raise ShapeError(f"cannot join shapes {shapes} along axis {self.axis}") from None


@final
@dataclass(frozen=True, repr=False)
class Repeat(Op):
    """``Repeat(axis)(x, counts)``: the elements along ``axis``, each as often as it counts."""

    axis: int
    derivative = Linear((lambda op, ct, x, counts: _gather_back(op, ct, x, counts),))

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return samples along both axes of a matrix, with a count of zero."""
        counts = Arg(value=np.array([2, 0, 1]))
        return [Sample(cls(0), (Arg((3, 2)), counts)), Sample(cls(1), (Arg((2, 3)), counts))]

    def check(self, *inputs: Variable) -> None:
        """Counts are a vector of integers."""
        _, counts = inputs
        if counts.ndim != 1 or not counts.type.is_discrete:
            raise GraphTypeError(f"repeat takes a vector of integers, not {counts.type}", here())

    def dtype(self, *dtypes: str) -> str:
        """Return the dtype of the tensor."""
        return dtypes[0]

    def shape(self, *operands: Operand) -> Shape:
        """The extent along the axis depends on the counts."""
        x, _ = operands
        return tuple(UNKNOWN if axis == self.axis else n for axis, n in enumerate(x.shape))

    def requires(self, node: Apply, operands: Sequence[Operand]) -> Sequence[Requirement]:
        """There is a count for each element, and none is negative."""
        x, counts = operands
        message = f"cannot repeat {node.inputs[0]}: there must be a count for each element"
        return [
            *all_equal([x.shape[self.axis], counts.shape[0]], message),
            Requirement(
                NONE_NEGATIVE,
                (node.inputs[1],),
                f"cannot repeat an element of {node.inputs[0]} a negative number of times",
                ValueError,
            ),
        ]

    def batch(
        self, node: Apply, inputs: Sequence[Variable], stacked: Sequence[bool]
    ) -> Variable | None:
        """Go along the axis behind, where the counts are the same for all."""
        return None if stacked[1] else Repeat(self.axis + 1)(*inputs)

    def check_size(self, shape: Sequence[int], counts: Any) -> None:
        """Raise ArraySizeError if there would be too many elements.

        shape : that of the operand.
        counts : a vector of NumPy, or of a library like it.
        """
        check_size((*shape[: self.axis], sum(counts.tolist()), *shape[self.axis + 1 :]))

    def reads(self, local: Local, wanted: Sequence[int]) -> Reads | None:
        """Elements are moved."""
        return moved(local, wanted, 1)

    def reference(self, *arrays: Any) -> Any:
        """Return the repeated elements."""
        x, counts = arrays
        if x.shape[self.axis] != len(counts):
            raise ShapeError(f"cannot repeat {x.shape[self.axis]} elements {len(counts)} counts")
        self.check_size(x.shape, counts)
        return np.repeat(x, counts.astype("int64"), axis=self.axis)


def _gather_back(op: Repeat, ct: Variable, x: Variable, counts: Variable) -> Variable:
    """Each element gets the sum of the cotangents of its copies."""
    source = Repeat(0)(LANGUAGE["arange"](extents_of(x)[op.axis]), counts)
    key = (*(slice(None),) * op.axis, source)
    return LANGUAGE["inc_subtensor"](LANGUAGE["zeros_like"](x, ct.dtype)[key], ct)
