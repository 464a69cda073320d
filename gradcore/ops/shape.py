"""Ops that permute, set or join shapes; none of them computes on elements.

Broadcasting to a shape is `Alloc`; flips, splits and rolls are slices.  What reads a shape is in
``shape_values``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from gradcore.derive import Linear, LinearInEach
from gradcore.errors import GraphTypeError, GraphValueError, ShapeError
from gradcore.graph import Apply, Kernel, Op, Operand, Requirement, Shape, Variable, here
from gradcore.graph import Extent as ExtentValue
from gradcore.graph.extents import MOST, UNKNOWN, agreed, check_size, product
from gradcore.graph.nodes import constant_extent, extents_of, static_operand, symbolic_operand
from gradcore.graph.op import Arg, Sample
from gradcore.graph.reads import Local, Reads, moved
from gradcore.graph.requirements import AGREE, HAS_SIZE, NONE_NEGATIVE, REACHES, all_equal, possible
from gradcore.language import LANGUAGE
from gradcore.ops.shape_values import Extent as Extent  # plugins may import these four from here
from gradcore.ops.shape_values import MakeVector as MakeVector
from gradcore.ops.shape_values import ShapeOf as ShapeOf
from gradcore.ops.shape_values import SpecifyShape as SpecifyShape
from gradcore.ops.shape_values import check_extents
from gradcore.ops.stacks import AlongAxis, raised


# axes and extents of the same elements ----------------------------------------------------------
def _dimshuffle_back(op: DimShuffle, ct: Variable, x: Variable) -> Variable:
    inserted = tuple(i for i, axis in enumerate(op.order) if axis == "x")
    ct = LANGUAGE["sum"](ct, inserted) if inserted else ct
    left = [axis for axis in op.order if axis != "x"]
    return DimShuffle(tuple(left.index(a) if a in left else "x" for a in range(x.ndim)))(ct)


@final
@dataclass(frozen=True, repr=False)
class DimShuffle(Op):
    """The axes in another ``order``; ``'x'`` inserts an axis; axes omitted must have extent 1.

    order : for each axis of the result, the axis of the operand, or ``'x'``, of extent 1.
    """

    order: tuple[int | str, ...]
    cheap = True
    view = True
    derivative = Linear((_dimshuffle_back,))

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return samples that permute, insert and drop axes."""
        return [
            Sample(cls((1, 0)), (Arg((2, 3)),)),
            Sample(cls(("x", 1, "x", 0)), (Arg((2, 3)),)),
            Sample(cls((1,)), (Arg((1, 3)),)),
            Sample(cls(()), (Arg((1, 1)),)),
            Sample(cls(("x",)), (Arg(),)),
        ]

    def check(self, *inputs: Variable) -> None:
        """Check the order against the rank."""
        (x,) = inputs
        axes = [axis for axis in self.order if axis != "x"]
        if len(set(axes)) < len(axes) or not all(
            isinstance(a, int) and 0 <= a < x.ndim for a in axes
        ):
            raise GraphValueError(
                f"{self.order} is no order of the axes of {x}, which has {x.ndim}", here()
            )
        for axis, n in enumerate(x.type.shape):
            if axis not in axes and n not in (1, None):
                raise ShapeError(
                    f"cannot drop axis {axis} of {x}: its extent is {n}, not 1", here()
                )

    def shape(self, *operands: Operand) -> Shape:
        """Return the extents in the new order."""
        (x,) = operands
        return tuple(x.shape[a] if isinstance(a, int) else 1 for a in self.order)

    def requires(self, node: Apply, operands: Sequence[Operand]) -> Sequence[Requirement]:
        """Axes omitted have extent 1."""
        (x,) = operands
        message = f"cannot drop an axis of {node.inputs[0]} whose extent is not 1"
        return [
            Requirement(AGREE, (n, 1), f"{message}: axis {axis}")
            for axis, n in enumerate(x.shape)
            if axis not in self.order
        ]

    def batch(self, node: Apply, inputs: Sequence[Variable], stacked: Sequence[bool]) -> Variable:
        """Leave the first axis in its place."""
        return DimShuffle((0, *("x" if a == "x" else int(a) + 1 for a in self.order)))(inputs[0])

    def element(self, node: Apply, at: Sequence[Any], *operands: Any) -> Any:
        """Read at the axes in the order of the operand."""
        (x,) = operands
        return x(*(at[self.order.index(a)] if a in self.order else 0 for a in range(x.ndim)))

    def reference(self, *arrays: Any) -> Any:
        """Return a view with the axes in that order."""
        x = np.asarray(arrays[0])
        remaining = [a for a in self.order if isinstance(a, int)]
        dropped = tuple(a for a in range(x.ndim) if a not in remaining)
        for axis in dropped:
            if x.shape[axis] != 1:
                raise ShapeError(f"cannot drop axis {axis}: its extent is {x.shape[axis]}, not 1")
        view = x.transpose(*remaining, *dropped).reshape([x.shape[a] for a in remaining])
        inserted = tuple(i for i, a in enumerate(self.order) if a == "x")
        return np.expand_dims(view, inserted)


def _reshape_back(op: Op, ct: Variable, x: Variable, *extents: Variable) -> Variable:
    return LANGUAGE["reshape"](ct, x.shape, ndim=x.ndim)


@final
@dataclass(frozen=True, repr=False)
class Reshape(Op):
    """``Reshape()(x, *extents)``: the same elements, in C order, in another shape.

    One of the extents may be the constant -1: what is left.
    """

    cheap = True
    derivative = Linear((_reshape_back,))

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return samples with extents that are given, and with one that is left to find."""
        return [
            Sample(cls(), (Arg((2, 6)), Arg(value=3), Arg(value=4))),
            Sample(cls(), (Arg((2, 6)), Arg(value=-1))),
            Sample(cls(), (Arg((2, 3)), Arg(value=3), Arg(value=-1), Arg(value=1))),
            Sample(cls(), (Arg((1, 1)),)),
        ]

    def check(self, *inputs: Variable) -> None:
        """Check that the extents are integer scalars, and the size that is known."""
        x, *extents = inputs
        check_extents(self, tuple(extents))
        shape = Reshape().shape(*map(static_operand, inputs))
        known = product(shape)
        size = product(static_operand(x).shape)
        if isinstance(known, int) and isinstance(size, int) and known != size:
            raise ShapeError(
                f"cannot reshape {x} ({x.type}) to ({', '.join(map(str, extents))})", here()
            )

    def dtype(self, *dtypes: str) -> str:
        """Return the dtype of the operand."""
        return dtypes[0]

    def shape(self, *operands: Operand) -> Shape:
        """Return the extents, with -1 replaced by what is left."""
        x, *extents = operands
        values = [n.extent for n in extents]
        if -1 not in [n for n in values if isinstance(n, int)]:
            return tuple(values)
        rest = product(tuple(n for n in values if not (isinstance(n, int) and n == -1)))
        left = _quotient(x.shape, rest)
        return tuple(left if isinstance(n, int) and n == -1 else n for n in values)

    def requires(self, node: Apply, operands: Sequence[Operand]) -> Sequence[Requirement]:
        """The number of elements stays."""
        x, *extents = operands
        message = f"cannot reshape {node.inputs[0]}: the numbers of elements differ"
        wanted = (n.extent for n in extents)
        return [Requirement(HAS_SIZE, (product(x.shape), *wanted), message)]

    def batch(
        self, node: Apply, inputs: Sequence[Variable], stacked: Sequence[bool]
    ) -> Variable | None:
        """Leave the first axis in its place, where the extents are the same for all."""
        x, *extents = inputs
        if any(stacked[1:]):
            return None
        count, *own = extents_of(x)
        return self(x, count, *self.shape(Operand(tuple(own)), *map(symbolic_operand, extents)))

    def reads(self, local: Local, wanted: Sequence[int]) -> Reads | None:
        """Elements stay in order."""
        return moved(local, wanted, 1)

    def reference(self, *arrays: Any) -> Any:
        """Return a view, or a copy."""
        x, *extents = arrays
        shape = tuple(map(int, extents))
        if sum(n < 0 for n in shape) > 1 or any(n < -1 for n in shape):
            raise ShapeError(f"cannot reshape shape {x.shape} to {shape}: negative extents")
        try:
            return np.reshape(x, shape)
        except (ValueError, OverflowError):
            raise ShapeError(f"cannot reshape shape {x.shape} to {shape}") from None

    def kernel(self, node: Apply) -> Kernel:
        """Return the reference, with a check that only a constant -1 stands for what is left."""
        given = [k for k, n in enumerate(node.inputs[1:]) if constant_extent(n) is None]
        if not given:
            return self.reference

        def checked(x: Any, *extents: Any) -> Any:
            if any(extents[k] < 0 for k in given):
                shape = tuple(map(int, extents))
                raise ShapeError(f"cannot reshape shape {x.shape} to {shape}: negative extents")
            return self.reference(x, *extents)

        return checked


def _quotient(shape: Shape, rest: ExtentValue) -> ExtentValue:
    """Return the size of ``shape`` over ``rest``; extents that occur in both need no division."""
    size = product(shape)
    if isinstance(rest, int):
        if rest == 1:
            return size
        if rest > MOST:
            return 0  # a size is at most that
        if isinstance(size, int):
            return size // rest if rest else 0
    return size // rest


# copies: broadcast, joined, repeated ------------------------------------------------------------
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
