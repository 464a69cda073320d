"""Ops after which an array has the same elements, in other axes: `DimShuffle` and `Reshape`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from gradcore.derive import Linear
from gradcore.errors import GraphValueError, ShapeError
from gradcore.graph import Apply, Kernel, Op, Operand, Requirement, Shape, Variable, here
from gradcore.graph import Extent as ExtentValue
from gradcore.graph.extents import MOST, product
from gradcore.graph.nodes import constant_extent, extents_of, static_operand, symbolic_operand
from gradcore.graph.op import Arg, Sample
from gradcore.graph.reads import Local, Reads, moved
from gradcore.graph.requirements import AGREE, HAS_SIZE
from gradcore.language import LANGUAGE
from gradcore.ops.shape_values import check_extents


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

    def split(self, ndim: int) -> tuple[list[int], list[int], list[int]]:
        """Return which axes of an operand remain, in their new order, and which are dropped.

        Last come the places of the axes that are inserted.
        """
        remaining = [a for a in self.order if isinstance(a, int)]
        dropped = [a for a in range(ndim) if a not in remaining]
        return remaining, dropped, [i for i, a in enumerate(self.order) if a == "x"]

    def reference(self, *arrays: Any) -> Any:
        """Return a view with the axes in that order."""
        x = np.asarray(arrays[0])
        remaining, dropped, inserted = self.split(x.ndim)
        for axis in dropped:
            if x.shape[axis] != 1:
                raise ShapeError(f"cannot drop axis {axis}: its extent is {x.shape[axis]}, not 1")
        view = x.transpose(*remaining, *dropped).reshape([x.shape[a] for a in remaining])
        return np.expand_dims(view, tuple(inserted))


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
