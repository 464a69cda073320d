"""Shapes as values of the graph: ops that read, make and check them.

A shape is read by two ops, `ShapeOf` (all extents, what a user writes) and `Extent` (one of them,
what rewrites reason with).  `MakeVector` makes one of scalars, and `SpecifyShape` checks one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, final

import numpy as np

from gradcore.derive import Disconnected, Linear, LinearInEach
from gradcore.errors import GradcoreError, GraphTypeError, ShapeError
from gradcore.graph import Apply, Op, Operand, Requirement, Shape, Variable, here
from gradcore.graph.extents import agreed
from gradcore.graph.nodes import extents_of, static_operand
from gradcore.graph.op import Arg, Sample
from gradcore.graph.requirements import AGREE
from gradcore.language import LANGUAGE, define
from gradcore.ops.stacks import all_stacked


# reading ----------------------------------------------------------------------------------------
@final
@dataclass(frozen=True, repr=False)
class ShapeOf(Op):
    """The extents of a tensor, as a vector."""

    cheap = True
    derivative = Disconnected()

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return samples of a matrix and of a scalar."""
        return [Sample(cls(), (Arg((2, 3)),)), Sample(cls(), (Arg(),))]

    def label(self) -> str:
        """Return what it is called in print: shape."""
        return "shape"

    def dtype(self, *dtypes: str) -> str:
        """Return int64."""
        return "int64"

    def shape(self, *operands: Operand) -> Shape:
        """Return one extent: the rank of the tensor."""
        return (operands[0].ndim,)

    def value(self, node: Apply, operands: Sequence[Operand]) -> Any:
        """Return the extents of the tensor, as far as they are known."""
        return operands[0].shape

    def element(self, node: Apply, at: Sequence[Any], *operands: Any) -> Any:
        """Choose among the extents."""
        (x,) = operands
        return _chosen(at[0], [x.extent(axis) for axis in range(x.ndim)])

    def reference(self, *arrays: Any) -> Any:
        """Return the shape of the array, as a vector of int64."""
        return np.array(arrays[0].shape, "int64")


@final
@dataclass(frozen=True, repr=False)
class Extent(Op):
    """The extent of a tensor at ``axis``, as a scalar."""

    axis: int
    cheap = True
    derivative = Disconnected()

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return samples of both axes of a matrix."""
        return [Sample(cls(axis), (Arg((2, 3)),)) for axis in (0, 1)]

    def check(self, *inputs: Variable) -> None:
        """Refuse an axis that the operand does not have."""
        (x,) = inputs
        if not -x.ndim <= self.axis < x.ndim:
            raise GraphTypeError(f"{x} of rank {x.ndim} has no axis {self.axis}", here())

    def dtype(self, *dtypes: str) -> str:
        """Return int64."""
        return "int64"

    def shape(self, *operands: Operand) -> Shape:
        """Return the shape of a scalar."""
        return ()

    def value(self, node: Apply, operands: Sequence[Operand]) -> Any:
        """Return the extent at the axis, if it is known."""
        return operands[0].shape[self.axis]

    def element(self, node: Apply, at: Sequence[Any], *operands: Any) -> Any:
        """Return the extent of the operand at the axis."""
        return operands[0].extent(self.axis)

    def reference(self, *arrays: Any) -> Any:
        """Return the extent of the array at the axis, as an int64."""
        return np.int64(arrays[0].shape[self.axis])


def _chosen(k: Any, elements: Sequence[Any]) -> Any:
    """Return element ``k`` of some: the element form of a vector of known elements."""
    if not elements:
        return 0  # nobody reads it
    found = elements[-1]
    for i, element in reversed(list(enumerate(elements[:-1]))):
        found = LANGUAGE["switch"](LANGUAGE["eq"](k, i), element, found)
    return found


def extent(x: Variable, axis: int) -> Variable:
    """Return the extent of ``x`` at ``axis``."""
    return Extent(axis)(x)


define("extent", extent)


# making -----------------------------------------------------------------------------------------
def _unstack(op: Op, i: int, ct: Variable, *inputs: Variable) -> Variable:
    return ct[i]


@final
@dataclass(frozen=True, repr=False)
class MakeVector(Op):
    """A vector of scalars."""

    cheap = True
    derivative = LinearInEach(transpose=_unstack)

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return samples of some scalars and of none."""
        return [Sample(cls(), (Arg(), Arg(), Arg())), Sample(cls(), ())]

    def label(self) -> str:
        """Return what it is called in print: vector."""
        return "vector"

    def check(self, *inputs: Variable) -> None:
        """Take scalars."""
        for x in inputs:
            if x.ndim:
                raise GraphTypeError(f"a vector is made of scalars, not of {x} ({x.type})", here())

    def dtype(self, *dtypes: str) -> str:
        """Return the dtype that holds all elements (int64 for none)."""
        return super().dtype(*dtypes) if dtypes else "int64"

    def shape(self, *operands: Operand) -> Shape:
        """Return the number of elements."""
        return (len(operands),)

    def value(self, node: Apply, operands: Sequence[Operand]) -> Any:
        """Return the values of the scalars, as far as they are known."""
        return tuple(operand.value for operand in operands)

    def batch(
        self, node: Apply, inputs: Sequence[Variable], stacked: Sequence[bool]
    ) -> Variable | None:
        """Return a matrix whose columns are the stacks of the scalars."""
        return LANGUAGE["stack"](all_stacked(inputs, stacked), axis=1)

    def element(self, node: Apply, at: Sequence[Any], *operands: Any) -> Any:
        """Choose among the scalars."""
        return _chosen(at[0], [x() for x in operands])

    def reference(self, *arrays: Any) -> Any:
        """Return the scalars as a vector; of none, one of int64."""
        return np.array(arrays, np.result_type(*arrays) if arrays else "int64")


# checking ---------------------------------------------------------------------------------------
def check_extents(op: Op, extents: tuple[Variable, ...]) -> None:
    """Raise GraphTypeError if an operand of ``op`` that is an extent is no integer scalar."""
    for n in extents:
        if n.ndim or not n.type.is_discrete:
            raise GraphTypeError(
                f"{op} takes extents that are integer scalars, not {n} ({n.type})", here()
            )


def _same(op: Op, ct: Variable, x: Variable, *extents: Variable) -> Variable:
    return ct


@final
@dataclass(frozen=True, repr=False)
class SpecifyShape(Op):
    """``SpecifyShape()(x, *extents)``: ``x``, known (or at run time checked) to have these extents.

    why : what the message says where they differ.
    optional : whether to check only if the extents are known without computing anything else.
    error : what is raised where they differ.
    """

    why: str = ""
    optional: bool = False
    error: type[GradcoreError] = ShapeError
    cheap = True
    derivative = Linear((_same,))

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return a sample of a matrix that has the extents."""
        return [Sample(cls("it must"), (Arg((2, 3)), Arg(value=2), Arg(value=3)))]

    def parameters(self) -> dict[str, Any]:
        """Return nothing: the reason is not shown."""
        return {}

    def label(self) -> str:
        """Return what it is called in print: specify_shape."""
        return "specify_shape"

    def check(self, *inputs: Variable) -> None:
        """Check what is known."""
        x, *extents = inputs
        check_extents(self, tuple(extents))
        wanted = [static_operand(n).value for n in extents]
        for have, want in zip(x.type.shape, wanted, strict=True):
            if have is not None and isinstance(want, int) and have != want:
                raise self.error(
                    f"{x} is {x.type}, not of shape {tuple(wanted)}: {self.why}", here()
                )

    def dtype(self, *dtypes: str) -> str:
        """Return the dtype of the tensor."""
        return dtypes[0]

    def shape(self, *operands: Operand) -> Shape:
        """Return what is known of either."""
        x, *extents = operands
        return tuple(agreed([n.extent, m]) for n, m in zip(extents, x.shape, strict=True))

    def requires(self, node: Apply, operands: Sequence[Operand]) -> Sequence[Requirement]:
        """The extents are as given."""
        x, *extents = operands
        return [
            Requirement(
                AGREE,
                (m, n.extent),
                f"the extent of {node.inputs[0]} at axis {axis} is not as it must be: {self.why}",
                self.error,
                numbered=partial(self.differs, axis),
            )
            for axis, (m, n) in enumerate(zip(x.shape, extents, strict=True))
            if not self.optional
        ]

    def batch(
        self, node: Apply, inputs: Sequence[Variable], stacked: Sequence[bool]
    ) -> Variable | None:
        """Check the axes behind the first, where the extents are the same for all."""
        x, *extents = inputs
        return None if any(stacked[1:]) else self(x, extents_of(x)[0], *extents)

    def element(self, node: Apply, at: Sequence[Any], *operands: Any) -> Any:
        """Return the element of the tensor at the same place."""
        return operands[0](*at)

    def reference(self, *arrays: Any) -> Any:
        """Return the tensor, or raise the error."""
        x, *extents = arrays
        self.compare(x.shape, tuple(map(int, extents)))
        return x

    def compare(self, have: tuple[int, ...], wanted: tuple[int, ...]) -> None:
        """Raise the error if a concrete shape is not as it must be."""
        for axis, (m, n) in enumerate(zip(have, wanted, strict=True)):
            if m != n:
                raise self.error(self.differs(axis, m, n))

    def differs(self, axis: int, have: int, wanted: int) -> str:
        """Return what the error says of an extent."""
        return f"got extent {have} at axis {axis} where it must be {wanted}: {self.why}"


def shaped_as(x: Variable, like: Variable, why: str) -> Variable:
    """Return ``x``, known (or at run time checked) to have the shape of ``like``.

    why : what the message says where they differ.
    """
    return SpecifyShape(why)(x, *extents_of(like))


define("shaped_as", shaped_as)
