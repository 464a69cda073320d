"""Products of vectors and matrices; everything larger is reshaped into these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from gradcore.derive import Multilinear, sum_to
from gradcore.errors import GraphTypeError, ShapeError
from gradcore.graph import Apply, Extent, Kernel, Op, Operand, Requirement, Shape, Variable, here
from gradcore.graph.extents import broadcast, clash, product
from gradcore.graph.nodes import extents_of, static_operand
from gradcore.graph.op import Arg, Sample
from gradcore.graph.reads import Local, Pairs, Reads, numbers
from gradcore.graph.requirements import all_equal
from gradcore.language import LANGUAGE
from gradcore.ops.broadcasting import aligned, extent_check, with_check
from gradcore.ops.stacks import raised


class Product(Op):
    """A product of vectors or matrices, by a sum over an axis of each (abstract)."""

    ulp = 8
    accumulates = True

    def operations_of(self, operands: Sequence[Operand], shapes: Sequence[Shape]) -> Extent:
        """Return two for each term of each sum."""
        return product(shapes[0]) * operands[0].shape[-1] * 2

    def batch(
        self, node: Apply, inputs: Sequence[Variable], stacked: Sequence[bool]
    ) -> Variable | None:
        """Return one product of matrices where that is enough, or products of a stack of them."""
        (x, y), (a, b) = inputs, node.inputs
        if not stacked[1] and a.ndim <= 2 and b.ndim <= 2:
            if a.ndim == 1:
                return Dot()(x, y)
            n, m, k = extents_of(x)
            rows = LANGUAGE["reshape"](x, (product((n, m)), k))
            return LANGUAGE["reshape"](Dot()(rows, y), (n, m, *extents_of(y)[1:]))
        if not stacked[0] and a.ndim <= 2 and b.ndim == 1:
            return Dot()(y, x.T)
        if a.ndim == b.ndim == 1:
            return LANGUAGE["sum"](x * y, 1)
        return self._of_stacks(inputs, stacked, (a.ndim, b.ndim))

    def _of_stacks(
        self, inputs: Sequence[Variable], stacked: Sequence[bool], ranks: tuple[int, int]
    ) -> Variable:
        """Return products of a stack of matrices; a vector is a row, or a column."""
        m, n = ranks
        x, y = inputs
        x = x.dimshuffle(*range(x.ndim - 1), "x", x.ndim - 1) if m == 1 else x
        y = y.dimshuffle(*range(y.ndim), "x") if n == 1 else y
        rank = max(m, n, 2)
        found = MatMul()(raised(x, rank, stacked[0]), raised(y, rank, stacked[1]))
        axes = [*range(found.ndim - 2), *([found.ndim - 2] if m > 1 else [])]
        axes += [found.ndim - 1] if n > 1 else []
        return found if len(axes) == found.ndim else found.dimshuffle(*axes)

    def reads(self, local: Local, wanted: Sequence[int]) -> Reads:
        """Each element reads a row of the first and a column of the second.

        Where an operand is known, its zeros read nothing of the other.
        """
        x, y = map(numbers, local.shapes)
        vectors = x.ndim == 1, y.ndim == 1
        x = x[None] if vectors[0] else x
        y = y[:, None] if vectors[1] else y
        stack = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
        m, k, n = x.shape[-2], x.shape[-1], y.shape[-1]
        whole = (*stack, m, k, n)
        rows = np.broadcast_to(numbers((*stack, m, 1, n)), whole)
        at = np.broadcast_to(x[..., None], whole), np.broadcast_to(y[..., None, :, :], whole)
        found: dict[int, Pairs] = {}
        for i in wanted:
            other, columns = local.values[1 - i], at[i]
            if other is not None:
                columns = np.where(np.reshape(other, -1)[at[1 - i]] != 0, columns, -1)
            found[i] = Pairs(columns, rows)
        return found


def _outer(x: Variable, y: Variable) -> Variable:
    return x.dimshuffle(0, "x") * y.dimshuffle("x", 0)


def _dot_by_left(op: Op, ct: Variable, x: Variable, y: Variable) -> Variable:
    if x.ndim == 2:
        return _outer(ct, y) if y.ndim == 1 else op(ct, y.T)
    return ct * y if y.ndim == 1 else op(y, ct)


def _dot_by_right(op: Op, ct: Variable, x: Variable, y: Variable) -> Variable:
    if x.ndim == 2:
        return op(x.T, ct)
    return ct * x if y.ndim == 1 else _outer(x, ct)


def _inner(node: Apply, m: Extent, n: Extent) -> list[Requirement]:
    x, y = node.inputs
    return all_equal([m, n], f"{node.op} of {x} and {y}: the inner extents differ")


@final
@dataclass(frozen=True, repr=False)
class Dot(Product):
    """The product of two vectors or matrices: sum over the last axis of x and the first of y."""

    derivative = Multilinear((_dot_by_left, _dot_by_right))

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return samples of vectors and matrices with vectors and matrices."""
        vector, matrix = Arg((3,)), Arg((3, 4))
        return [
            Sample(cls(), (vector, vector)),
            Sample(cls(), (vector, matrix)),
            Sample(cls(), (Arg((2, 3)), vector)),
            Sample(cls(), (Arg((2, 3)), matrix)),
        ]

    def check(self, *inputs: Variable) -> None:
        """Take vectors and matrices that fit."""
        x, y = inputs
        if x.ndim not in (1, 2) or y.ndim not in (1, 2):
            raise GraphTypeError(f"dot takes vectors and matrices, not {x.type}, {y.type}", here())
        m, n = x.type.shape[-1], y.type.shape[0]
        if m is not None and n is not None and m != n:
            raise ShapeError(
                f"dot of {x} ({x.type}) and {y} ({y.type}): extents {m} and {n} differ", here()
            )

    def shape(self, *operands: Operand) -> Shape:
        """Return the outer extents."""
        x, y = operands
        return (*x.shape[:-1], *y.shape[1:])

    def requires(self, node: Apply, operands: Sequence[Operand]) -> Sequence[Requirement]:
        """The inner extents are equal."""
        return _inner(node, operands[0].shape[-1], operands[1].shape[0])

    def reference(self, *arrays: Any) -> Any:
        """Return ``np.dot`` of the operands."""
        x, y = arrays
        if x.shape[-1] != y.shape[0]:
            raise ShapeError(f"dot of shapes {x.shape} and {y.shape}: the inner extents differ")
        return np.dot(x, y)


def _matmul_by_left(op: Op, ct: Variable, x: Variable, y: Variable) -> Variable:
    return sum_to(op(ct, y.swapaxes(-1, -2)), x)


def _matmul_by_right(op: Op, ct: Variable, x: Variable, y: Variable) -> Variable:
    return sum_to(op(x.swapaxes(-1, -2), ct), y)


@final
@dataclass(frozen=True, repr=False)
class MatMul(Product):
    """Products of stacks of matrices; the axes before the last two broadcast."""

    derivative = Multilinear((_matmul_by_left, _matmul_by_right))

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return samples of stacks of one shape, of stacks that broadcast, and of a matrix."""
        return [
            Sample(cls(), (Arg((2, 3, 4)), Arg((2, 4, 2)))),
            Sample(cls(), (Arg((2, 1, 3, 4)), Arg((5, 4, 2)))),
            Sample(cls(), (Arg((3, 4)), Arg((2, 4, 2)))),
        ]

    def check(self, *inputs: Variable) -> None:
        """Take stacks of matrices that fit."""
        x, y = inputs
        if x.ndim < 2 or y.ndim < 2:
            raise GraphTypeError(f"matmul takes matrices, not {x.type}, {y.type}", here())
        m, n = x.type.shape[-1], y.type.shape[-2]
        if m is not None and n is not None and m != n:
            raise ShapeError(
                f"matmul of {x} ({x.type}) and {y} ({y.type}): extents {m} and {n} differ", here()
            )
        found = clash(static_operand(x).shape[:-2], static_operand(y).shape[:-2])
        if found is not None:
            raise ShapeError(
                f"matmul of {x} ({x.type}) and {y} ({y.type}): cannot align {found[1]}", here()
            )

    def shape(self, *operands: Operand) -> Shape:
        """Return the aligned stack and the outer extents."""
        x, y = operands
        return (*broadcast(x.shape[:-2], y.shape[:-2]), x.shape[-2], y.shape[-1])

    def requires(self, node: Apply, operands: Sequence[Operand]) -> Sequence[Requirement]:
        """The stacks align, and the inner extents are equal."""
        x, y = operands
        return [*aligned(node, operands, core=2), *_inner(node, x.shape[-1], y.shape[-2])]

    def batch(
        self, node: Apply, inputs: Sequence[Variable], stacked: Sequence[bool]
    ) -> Variable | None:
        """Return products of stacks with one axis more, which broadcasts too."""
        rank = max(v.ndim for v in node.inputs)
        return self(
            *(
                x.dimshuffle(0, *["x"] * (rank + 1 - x.ndim), *range(1, x.ndim)) if s else x
                for x, s in zip(inputs, stacked, strict=True)
            )
        )

    def reference(self, *arrays: Any) -> Any:
        """Return ``np.matmul`` of the operands."""
        x, y = arrays
        try:
            return np.matmul(x, y)
        except ValueError:
            raise ShapeError(f"matmul of shapes {x.shape} and {y.shape}") from None

    def kernel(self, node: Apply) -> Kernel:
        """Return the reference, with a check that only extents known to be 1 stretch."""
        return with_check(extent_check(node, core=2), self.reference)
