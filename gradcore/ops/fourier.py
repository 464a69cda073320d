"""Discrete Fourier transforms, as ops that take and return complex numbers.

No transform is scaled here, in either direction, and none changes an extent but as halves of a
spectrum do: so each is a linear map whose transpose is another (or the same) of them, and
derivatives of any order, in both modes, are transforms again.  What `gradcore.tensor.fft` offers is
made of these by slices, zeros and factors.

The decision: NumPy's backend calls SciPy's pocketfft, C a function of its own, with whatever
extents, and CUDA's CuPy, and so cuFFT; JAX and torch have theirs.  Until C had one, it called SciPy
back, for there is no well-kept library of transforms that C can call on any machine: that took 1.2
to 1.7 times as long as SciPy alone, needed Python's lock, and passed every operand through memory
of Python's.  Rejected: NumPy's, the same library as SciPy's without vectors, which
takes 2 to 3 times as long for single precision.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import scipy  # pyright: ignore[reportMissingTypeStubs] - it ships none

from gradcore.derive import Linear
from gradcore.dtypes import COMPLEX, DTYPES
from gradcore.errors import GraphTypeError, ShapeError
from gradcore.graph import Apply, Extent, Op, Operand, Requirement, Shape, Variable, here, upcast
from gradcore.graph.extents import product
from gradcore.graph.externs import ALL_AXES, Extern
from gradcore.graph.op import Arg, Sample
from gradcore.graph.requirements import REACHES, all_equal
from gradcore.language import LANGUAGE
from gradcore.ops.create import Arange

TAKEN = ("float32", "float64")
"""The dtypes of the parts that transforms take."""


MOST_AXES = 3
"""How many axes a transform in C is of, at most."""


def _lines(axes: Sequence[int], shape: Shape) -> list[Extent]:
    """Return the extents of axes, each after how many elements are before it since the last."""
    found: list[Extent] = []
    start = 0
    for axis in axes:
        found += [product(shape[start:axis]), shape[axis]]
        start = axis + 1
    return [*found, product(shape[start:])]


class Transform(Op):
    """A Fourier transform (abstract)."""

    of_complex = "whole"
    by_norm = True
    ulp = 32
    exact_pattern = False

    def operations_of(self, operands: Sequence[Operand], shapes: Sequence[Shape]) -> Extent:
        """Return fifty for each element: five times the logarithm of its extent, about."""
        return 50 * product(operands[0].shape)


def _refuse(op: Op, x: Variable, taken: Sequence[str]) -> None:
    if x.type.dtype not in taken:
        raise GraphTypeError(f"{op} takes {' or '.join(taken)}, not {x} ({x.type})", here())


def _something(node: Apply, n: Extent) -> Requirement:
    message = f"{node.op} of nothing: {node.inputs[0]} is empty along an axis"
    return Requirement(REACHES, (n, 1), message, ValueError)


@final
@dataclass(frozen=True, repr=False)
class Fft(Transform):
    """Sum of ``z * exp(-2 pi i j k / n)`` along each of ``axes``, with ``+`` if ``inverse``.

    axes : counted from the front.

    It is not scaled: both directions, one after the other, multiply by n.
    """

    axes: tuple[int, ...]
    inverse: bool = False
    derivative = Linear((lambda op, ct, z: op(ct),))

    @property
    def extern(self) -> Extern | None:  # pyright: ignore[reportIncompatibleVariableOverride] - by axes
        """A function that takes the extents of three axes and of what is around them."""
        if len(self.axes) > MOST_AXES:
            return None

        def extents(operands: Sequence[Shape], _: Sequence[Shape]) -> Sequence[Extent]:
            known = _lines(sorted(self.axes), operands[0])
            return [*known, *(1 for _ in range(2 * MOST_AXES + 1 - len(known))), int(self.inverse)]

        return Extern("fft", COMPLEX, ALL_AXES, extents=extents)

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return transforms of one axis and of two, in both directions."""
        vector, cube = Arg((6,), "complex128"), Arg((2, 5, 3), "complex128")
        return [
            Sample(cls((0,)), (vector,)),
            Sample(cls((1,), inverse=True), (cube,)),
            Sample(cls((0, 2)), (cube,)),
            Sample(cls((0,), inverse=True), (Arg((7,), "complex64"),)),
        ]

    def label(self) -> str:
        """Return fft or ifft."""
        return "ifft" if self.inverse else "fft"

    def parameters(self) -> dict[str, Any]:
        """Return the axes."""
        return {"axes": self.axes}

    def check(self, *inputs: Variable) -> None:
        """Take complex numbers."""
        _refuse(self, inputs[0], COMPLEX)

    def shape(self, *operands: Operand) -> Shape:
        """Return that of the operand."""
        return operands[0].shape

    def requires(self, node: Apply, operands: Sequence[Operand]) -> Sequence[Requirement]:
        """There is an element along each axis."""
        return [_something(node, operands[0].shape[axis]) for axis in self.axes]

    def batch(
        self, node: Apply, inputs: Sequence[Variable], stacked: Sequence[bool]
    ) -> Variable | None:
        """Transform the axes behind the first."""
        return dataclasses.replace(self, axes=tuple(a + 1 for a in self.axes))(inputs[0])

    def reference(self, *arrays: Any) -> Any:
        """Return the sums."""
        (z,) = arrays
        dtype = np.result_type(z.dtype, np.complex64)
        norm = "forward" if self.inverse else "backward"
        if len(self.axes) == 1:  # half of the way to the function of several axes is spared
            along = scipy.fft.ifft if self.inverse else scipy.fft.fft
            return along(z, axis=self.axes[0], norm=norm).astype(dtype, copy=False)
        transform = scipy.fft.ifftn if self.inverse else scipy.fft.fftn
        return transform(z, axes=self.axes, norm=norm).astype(dtype, copy=False)


def refuse_nothing(op: Op, extents: Sequence[int]) -> None:
    """Raise ValueError, as NumPy does, if an axis that is transformed is empty."""
    if 0 in extents:
        raise ValueError(f"{op} of nothing: an axis is empty")


def _half(n: Extent) -> Extent:
    """Return how many numbers of the spectrum of n real ones are not conjugates of others."""
    return n // 2 + 1


def _multiplicity(k: Variable, n: Variable, dtype: str) -> Variable:
    """Return how often each number of half a spectrum is in the whole: once or twice."""
    own = LANGUAGE["or_"](LANGUAGE["eq"](k, 0), LANGUAGE["eq"](2 * k, n))
    return LANGUAGE["cast"](LANGUAGE["switch"](own, 1, 2), dtype)


def _spread(multiplicity: Variable, axis: int, ndim: int) -> Variable:
    return multiplicity.dimshuffle(*(0 if a == axis else "x" for a in range(ndim)))


def _half_back(op: HalfFft, ct: Variable, x: Variable) -> Variable:
    """Return the real part of the sum of half a spectrum."""
    n, size = (LANGUAGE["extent"](v, op.axis) for v in (x, ct))
    times = _spread(_multiplicity(Arange()(size), n, x.dtype), op.axis, x.ndim)
    return FromHalf(op.axis)(LANGUAGE["conj"](ct) / times, n)


def _from_half_back(op: FromHalf, ct: Variable, z: Variable, n: Variable) -> Variable:
    """Return half the spectrum, of each number as often as it is in the whole."""
    size = LANGUAGE["extent"](z, op.axis)
    times = _spread(_multiplicity(Arange()(size), n, ct.dtype), op.axis, z.ndim)
    return LANGUAGE["conj"](HalfFft(op.axis)(ct)) * times


@final
@dataclass(frozen=True, repr=False)
class HalfFft(Transform):
    """The first half of the spectrum of real numbers along ``axis``: the rest is its conjugate.

    axis : counted from the front; of n numbers it returns ``n // 2 + 1``.
    """

    axis: int
    derivative = Linear((_half_back,))

    @property
    def extern(self) -> Extern:  # pyright: ignore[reportIncompatibleVariableOverride] - by axes
        """A function that takes the extent of the real numbers, and of what is around them."""
        return Extern(
            "rfft", TAKEN, ALL_AXES,
            extents=lambda operands, outputs: _lines([self.axis], operands[0]),
        )  # fmt: skip

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return transforms of even and odd extents."""
        return [Sample(cls(axis), (Arg(s),)) for axis, s in ((0, (6,)), (1, (2, 5)), (0, (4, 3)))]

    def label(self) -> str:
        """Return rfft."""
        return "rfft"

    def check(self, *inputs: Variable) -> None:
        """Take float32 or float64."""
        _refuse(self, inputs[0], TAKEN)

    def dtype(self, *dtypes: str) -> str:
        """Return the complex dtype of such parts."""
        return upcast(*dtypes, "complex64")

    def shape(self, *operands: Operand) -> Shape:
        """Return the shape with half an axis."""
        shape = operands[0].shape
        return (*shape[: self.axis], _half(shape[self.axis]), *shape[self.axis + 1 :])

    def requires(self, node: Apply, operands: Sequence[Operand]) -> Sequence[Requirement]:
        """There is an element along the axis."""
        return [_something(node, operands[0].shape[self.axis])]

    def batch(
        self, node: Apply, inputs: Sequence[Variable], stacked: Sequence[bool]
    ) -> Variable | None:
        """Transform the axis behind the first."""
        return HalfFft(self.axis + 1)(inputs[0])

    def reference(self, *arrays: Any) -> Any:
        """Return the sums."""
        (x,) = arrays
        found = scipy.fft.rfft(x, axis=self.axis)
        return found.astype(np.result_type(x.dtype, np.complex64), copy=False)


@final
@dataclass(frozen=True, repr=False)
class FromHalf(Transform):
    """``FromHalf(axis)(z, n)``: the n real numbers, times n, of which ``z`` is half the spectrum.

    axis : counted from the front; the extent of z there is ``n // 2 + 1``.

    Imaginary parts where a real number must be are not read.
    """

    axis: int
    derivative = Linear((_from_half_back, None))

    @property
    def extern(self) -> Extern:  # pyright: ignore[reportIncompatibleVariableOverride] - by axes
        """A function that takes the extent of the real numbers, and of what is around them."""
        return Extern(
            "irfft", COMPLEX, ALL_AXES,
            extents=lambda operands, outputs: _lines([self.axis], outputs[0]),
        )  # fmt: skip

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return transforms to even and odd extents."""
        return [
            Sample(cls(axis), (Arg(shape, "complex128"), Arg(value=np.int64(n))))
            for axis, shape, n in ((0, (4,), 6), (1, (2, 3), 5), (0, (1, 2), 1))
        ]

    def label(self) -> str:
        """Return irfft."""
        return "irfft"

    def check(self, *inputs: Variable) -> None:
        """Take complex numbers, and an integer."""
        z, n = inputs
        _refuse(self, z, COMPLEX)
        if n.ndim or not DTYPES[n.type.dtype].is_whole:
            raise GraphTypeError(f"{self} takes an integer for the extent, not {n}", here())

    def dtype(self, *dtypes: str) -> str:
        """Return that of the parts."""
        return DTYPES[dtypes[0]].part

    def shape(self, *operands: Operand) -> Shape:
        """Return the shape with the whole axis."""
        z, n = operands
        return (*z.shape[: self.axis], n.value, *z.shape[self.axis + 1 :])

    def requires(self, node: Apply, operands: Sequence[Operand]) -> Sequence[Requirement]:
        """There is half a spectrum of that many."""
        z, n = operands
        message = f"{node.op}: the extent of {node.inputs[0]} is not that of half a spectrum"
        return [
            Requirement(REACHES, (n.value, 1), f"{node.op} of nothing", ValueError),
            *all_equal([z.shape[self.axis], _half(n.value)], message),
        ]

    def batch(
        self, node: Apply, inputs: Sequence[Variable], stacked: Sequence[bool]
    ) -> Variable | None:
        """Transform the axis behind the first, if the extent is one for all."""
        return None if stacked[1] else FromHalf(self.axis + 1)(*inputs)

    def refuse(self, shape: Sequence[int], n: int) -> None:
        """Raise ValueError where there are no numbers, ShapeError for another spectrum's half."""
        if n < 1:
            raise ValueError(f"{self} of nothing")
        if shape[self.axis] != n // 2 + 1:
            raise ShapeError(f"half a spectrum of {n} numbers has {n // 2 + 1}, not {tuple(shape)}")

    def reference(self, *arrays: Any) -> Any:
        """Return the sums."""
        z, n = arrays
        self.refuse(z.shape, int(n))
        found = scipy.fft.irfft(z, int(n), axis=self.axis, norm="forward")
        return found.astype(z.real.dtype, copy=False)
