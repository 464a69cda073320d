"""Windows of the last axes, and their transpose: what convolutions and pooling are made of.

`Windows` reads: a view of overlapping parts.  `OverlapAdd` adds such parts up where they overlap.
Each is the derivative of the other, so that a convolution, a product of matrices with windows, is
differentiable as often as one likes.

The decision: the axes within a window stand before those of the windows.  With ``windows`` of an
image as a matrix of a column for each place, a convolution is one product of matrices for each
image, whose result lies as it is wanted, and rows of an image are copied as rows (K. Chellapilla et
al., "High performance convolutional neural networks for document processing", 2006).  Rejected:
index arrays (`Subtensor`), which are checked, gathered from and added to one by one.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from gradcore.derive import Linear
from gradcore.errors import GraphTypeError, ShapeError
from gradcore.graph import Apply, Extent, Op, Operand, Requirement, Shape, Variable, here
from gradcore.graph.extents import check_size, larger, product
from gradcore.graph.nodes import extents_of, static_operand, symbolic_operand
from gradcore.graph.op import Arg, Sample
from gradcore.graph.reads import Local, Pairs, Reads, numbers
from gradcore.graph.requirements import AGREE, REACHES, possible
from gradcore.language import LANGUAGE
from gradcore.ops.create import Arange
from gradcore.ops.shape_values import SpecifyShape, check_extents


class Sliding(Op):
    """What both ops have: parameters, and how many windows there are (abstract).

    strides : for each of the last axes, how far one window is from the next.
    dilations : how far elements of a window are from each other.
    """

    strides: tuple[int, ...]
    dilations: tuple[int, ...]

    @property
    def rank(self) -> int:
        """How many axes the windows slide along."""
        return len(self.strides)

    def span(self, axis: int, size: Extent) -> Extent:
        """Return how many places a window of ``size`` elements reaches over."""
        return (size - 1) * self.dilations[axis] + 1

    def count(self, axis: int, n: Extent, size: Extent) -> Extent:
        """Return how many windows of ``size`` elements there are in ``n`` places."""
        return (n - self.span(axis, size)) // self.strides[axis] + 1

    def dtype(self, *dtypes: str) -> str:
        """Return the dtype of the tensor."""
        return dtypes[0]

    def check(self, *inputs: Variable) -> None:
        """Check the ranks, and what is known of the extents."""
        x, *extents = inputs
        check_extents(self, tuple(extents))
        if len(extents) != self.rank or x.ndim < self.own_rank:
            raise GraphTypeError(
                f"{self} takes a tensor of {self.own_rank} axes at least and {self.rank} extents, "
                f"not {x} ({x.type}) and {len(extents)}",
                here(),
            )
        if min((*self.strides, *self.dilations), default=1) < 1:
            raise GraphTypeError(f"strides and dilations are positive, not those of {self}", here())
        for axis, (n, size, count) in enumerate(self.slid(*map(static_operand, inputs))):
            if isinstance(n, int) and isinstance(size, int):
                self.check_fit(axis, n, size, count if isinstance(count, int) else None, x)

    @property
    def own_rank(self) -> int:
        """How many axes of the operand the op is about."""
        raise NotImplementedError

    def slid(self, x: Operand, *extents: Operand) -> list[tuple[Extent, Extent, Extent]]:
        """Return for each axis its places, the elements of a window, and the windows."""
        raise NotImplementedError

    def check_fit(self, axis: int, n: int, size: int, count: int | None, x: object) -> None:
        """Raise ShapeError if windows do not fit, or are not as many as there are."""
        if size < 1 or n < self.span(axis, size):
            raise ShapeError(
                f"windows of {size} elements do not fit into extent {n} of {x}, at axis {axis} of "
                f"those they slide along",
                here(),
            )
        if count is not None and count != self.count(axis, n, size):
            raise ShapeError(
                f"there are {self.count(axis, n, size)} windows of {size} elements in extent {n}, "
                f"not {count}",
                here(),
            )

    def requires(self, node: Apply, operands: Sequence[Operand]) -> Sequence[Requirement]:
        """Windows have elements, and fit."""
        x = node.inputs[0]
        found: list[Requirement] = []
        for axis, (n, size, count) in enumerate(self.slid(*operands)):
            message = f"windows do not fit into {x}"
            found.append(Requirement(REACHES, (size, 1), message))
            found.append(Requirement(REACHES, (n, self.span(axis, size)), message))
            if count is not None:
                agree = (count, self.count(axis, n, size))
                found.append(Requirement(AGREE, agree, f"{x} has another number of windows"))
        return [*found, possible(self.shape(*operands))]


def _windows_back(op: Windows, ct: Variable, x: Variable, *sizes: Variable) -> Variable:
    return OverlapAdd(op.strides, op.dilations)(ct, *extents_of(x)[x.ndim - op.rank :])


@final
@dataclass(frozen=True, repr=False)
class Windows(Sliding):
    """``Windows(strides, dilations)(x, *sizes)``: the parts of ``x`` that windows show.

    ``out[..., p, q, i, j] = x[..., i * strides[0] + p * dilations[0], ...]``: the axes within a
    window, of extents ``sizes``, then those of the windows, as many as fit.

    Raises ShapeError: a window does not fit.
    """

    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    cheap = True
    view = True
    derivative = Linear((_windows_back,))

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return samples along one axis and along two, which overlap, skip, or are one."""
        return [
            Sample(cls((1,), (1,)), (Arg((2, 6)), Arg(value=3))),
            Sample(cls((2, 1), (1, 2)), (Arg((6, 5)), Arg(value=3), Arg(value=2))),
        ]

    @property
    def own_rank(self) -> int:
        """The axes that the windows slide along."""
        return self.rank

    def slid(self, x: Operand, *extents: Operand) -> list[tuple[Extent, Extent, Extent]]:
        """Return the last extents, and the sizes."""
        last = x.shape[x.ndim - self.rank :]
        return [(n, size.extent, None) for n, size in zip(last, extents, strict=True)]

    def shape(self, *operands: Operand) -> Shape:
        """Return the leading extents, the sizes, and how many windows fit."""
        x, *_ = operands
        slid = self.slid(*operands)
        counts = (self.count(axis, n, size) for axis, (n, size, _) in enumerate(slid))
        return (*x.shape[: x.ndim - self.rank], *(size for _, size, _ in slid), *counts)

    def batch(
        self, node: Apply, inputs: Sequence[Variable], stacked: Sequence[bool]
    ) -> Variable | None:
        """Slide along the same last axes, where the sizes are the same for all."""
        return None if any(stacked[1:]) else self(*inputs)

    def element(self, node: Apply, at: Sequence[Any], *operands: Any) -> Any:
        """Read at the place of the window and of the element in it."""
        x, k = operands[0], self.rank
        lead = len(at) - 2 * k
        within, which = at[lead : lead + k], at[lead + k :]
        places = (
            _times(i, stride) + _times(p, dilation)
            for i, p, stride, dilation in zip(
                which, within, self.strides, self.dilations, strict=True
            )
        )
        return x(*at[:lead], *places)

    def reference(self, *arrays: Any) -> Any:
        """Return a view."""
        x, *sizes = arrays
        lead = x.ndim - self.rank
        for axis, size in enumerate(sizes):
            self.check_fit(axis, x.shape[lead + axis], int(size), None, "the tensor")
        shape = self.shape(Operand(x.shape), *(Operand((), int(size)) for size in sizes))
        check_size(shape)
        own = x.strides[lead:]
        steps = (
            *x.strides[:lead],
            *(step * dilation for step, dilation in zip(own, self.dilations, strict=True)),
            *(step * stride for step, stride in zip(own, self.strides, strict=True)),
        )
        return np.lib.stride_tricks.as_strided(x, shape, steps, writeable=False)


def _times(i: Any, step: int) -> Any:
    return i if step == 1 else i * step


def _overlap_back(op: OverlapAdd, ct: Variable, x: Variable, *extents: Variable) -> Variable:
    first = x.ndim - 2 * op.rank
    return Windows(op.strides, op.dilations)(ct, *extents_of(x)[first : first + op.rank])


@final
@dataclass(frozen=True, repr=False)
class OverlapAdd(Sliding):
    """``OverlapAdd(strides, dilations)(x, *extents)``: windows added up where they overlap.

    The transpose of `Windows`: ``x`` is of the shape that it gives, the result of that which it
    takes, with ``extents`` as its last.

    Raises ShapeError: ``x`` has other windows than a tensor of these extents.
    """

    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    ulp = 8
    accumulates = True
    derivative = Linear((_overlap_back,))

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return the transposes of the samples of `Windows`."""
        return [
            Sample(cls((1,), (1,)), (Arg((2, 3, 4)), Arg(value=6))),
            Sample(cls((2, 1), (1, 2)), (Arg((3, 2, 2, 3)), Arg(value=6), Arg(value=5))),
        ]

    @classmethod
    def edges(cls) -> Sequence[Sample]:
        """Return many windows: all extents must be as they are, so that none can be made longer."""
        return [
            Sample(cls((1,), (1,)), (Arg((3, 1025)), Arg(value=1027))),
            Sample(cls((3,), (2,)), (Arg((65, 33)), Arg(value=225))),
        ]

    @property
    def own_rank(self) -> int:
        """The axes within windows and those of windows."""
        return 2 * self.rank

    def slid(self, x: Operand, *extents: Operand) -> list[tuple[Extent, Extent, Extent]]:
        """Return the extents, the sizes of windows, and how many there are."""
        k, lead = self.rank, x.ndim - 2 * self.rank
        sizes, counts = x.shape[lead : lead + k], x.shape[lead + k :]
        return [
            (n.extent, size, count)
            for n, size, count in zip(extents, sizes, counts, strict=True)
        ]  # fmt: skip

    def check(self, *inputs: Variable) -> None:
        """Take numbers."""
        super().check(*inputs)
        if inputs[0].type.dtype == "bool":
            raise GraphTypeError(f"{self} adds numbers, not {inputs[0]} (bool)", here())

    def shape(self, *operands: Operand) -> Shape:
        """Return the leading extents, and those that are given."""
        x, *extents = operands
        return (*x.shape[: x.ndim - 2 * self.rank], *(n.extent for n in extents))

    def operations_of(self, operands: Sequence[Operand], shapes: Sequence[Shape]) -> Extent:
        """Return one for each element of a window."""
        return product(operands[0].shape)

    def batch(
        self, node: Apply, inputs: Sequence[Variable], stacked: Sequence[bool]
    ) -> Variable | None:
        """Add up along the same last axes, where the extents are the same for all."""
        return None if any(stacked[1:]) else self(*inputs)

    def reads(self, local: Local, wanted: Sequence[int]) -> Reads | None:
        """Each place reads the elements of windows that lie over it."""
        shape = local.shapes[0]
        k, lead = self.rank, len(shape) - 2 * self.rank
        over = Windows(self.strides, self.dilations).reference(
            numbers(local.result), *shape[lead : lead + k]
        )
        return {0: Pairs(numbers(shape).reshape(-1), over.reshape(-1))} if 0 in wanted else {}

    def expanded(self, node: Apply) -> Sequence[Any]:
        """Return the output as additions to elements of zeros, of as many windows as there are."""
        x, *extents = node.inputs
        k, lead = self.rank, x.ndim - 2 * self.rank
        slid = self.slid(*map(symbolic_operand, node.inputs))
        sizes = (larger(size, 1) for _, size, _ in slid)
        counts = (larger(self.count(axis, n, size), 1) for axis, (n, size, _) in enumerate(slid))
        x = SpecifyShape("windows must fit")(x, *extents_of(x)[:lead], *sizes, *counts)
        shape = extents_of(x)
        key: list[Any] = [slice(None)] * lead
        for axis in range(k):
            within = ["x"] * axis + [0] + ["x"] * (2 * k - axis - 1)
            which = ["x"] * (k + axis) + [0] + ["x"] * (k - axis - 1)
            p = LANGUAGE["dimshuffle"](Arange()(shape[lead + axis]), *within)
            i = LANGUAGE["dimshuffle"](Arange()(shape[lead + k + axis]), *which)
            key.append(_times(i, self.strides[axis]) + _times(p, self.dilations[axis]))
        nothing = LANGUAGE["alloc"](np.zeros((), x.dtype), *shape[:lead], *extents)
        return [LANGUAGE["inc_subtensor"](nothing[tuple(key)], x)]

    def check_arrays(self, shape: Sequence[int], extents: Sequence[int]) -> None:
        """Raise ShapeError unless an array of ``shape`` is windows of a tensor of ``extents``."""
        k, lead = self.rank, len(shape) - 2 * self.rank
        for axis, n in enumerate(extents):
            self.check_fit(axis, n, shape[lead + axis], shape[lead + k + axis], "the result")

    def parts(self, shape: Sequence[int]) -> Iterator[tuple[tuple[int, ...], tuple[slice, ...]]]:
        """Yield each place within the windows of an array of ``shape``, and where it lies.

        The latter are slices along the last axes of the result.
        """
        k, lead = self.rank, len(shape) - 2 * self.rank
        for within in itertools.product(*map(range, shape[lead : lead + k])):
            yield (
                within,
                tuple(
                    slice(p * dilation, p * dilation + (count - 1) * stride + 1, stride)
                    for p, dilation, count, stride in zip(
                        within, self.dilations, shape[lead + k :], self.strides, strict=True
                    )
                ),
            )

    def reference(self, *arrays: Any) -> Any:
        """Return the sums, an element of all windows after the other."""
        x, *extents = arrays
        last = tuple(map(int, extents))
        self.check_arrays(x.shape, last)
        shape = (*x.shape[: x.ndim - 2 * self.rank], *last)
        check_size(shape)
        out = np.zeros(shape, x.dtype)
        for within, places in self.parts(x.shape):
            out[(..., *places)] += x[(..., *within, *[slice(None)] * self.rank)]
        return out
