"""Vectors added to the diagonals of a matrix: what the matrix of a banded map is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from gradcore.derive import LinearInEach
from gradcore.errors import GraphIndexError, GraphTypeError
from gradcore.graph import Apply, Extent, Op, Operand, Requirement, Shape, Variable, here
from gradcore.graph.extents import choose
from gradcore.graph.nodes import extents_of
from gradcore.graph.op import Arg, Sample
from gradcore.graph.requirements import REACHES
from gradcore.language import LANGUAGE
from gradcore.ops.create import Arange
from gradcore.ops.index import IncSubtensor, Subtensor
from gradcore.ops.index_patterns import Slot

ELEMENTS = (Slot.ARRAY, Slot.ARRAY)
"""The pattern of single elements of a matrix."""


def _along(start: tuple[int, int], v: Variable) -> list[Variable]:
    """Return the rows and the columns along a diagonal, as many as ``v`` has elements."""
    places = Arange()(extents_of(v)[0])
    return [places + first if first else places for first in start]


def _back(op: IncDiagonals, i: int, ct: Variable, matrix: Variable, *vectors: Variable) -> Variable:
    """The matrix gets the cotangent, a vector the diagonal of it that it was added to."""
    if i == 0:
        return ct
    return Subtensor(ELEMENTS)(ct, *_along(op.starts[i - 1], vectors[i - 1]))


def _end(length: Extent, first: int) -> Extent:
    """Return how many rows or columns there must be; a vector of no elements may start anywhere."""
    return choose(length > 0, length + first, 0) if first else length


@final
@dataclass(frozen=True, repr=False)
class IncDiagonals(Op):
    """``IncDiagonals(starts)(x, *vectors)``: ``x[row + k, column + k] += vector[k]``, for each.

    starts : the row and the column, not negative, where each vector starts.

    Vectors are of the dtype of the matrix, which is that of the result.
    """

    starts: tuple[tuple[int, int], ...]
    derivative = LinearInEach(transpose=_back)

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return a tridiagonal matrix, a wide one, and vectors that meet, with one of none."""
        return [
            Sample(cls(((0, 0), (0, 1), (1, 0))), (Arg((4, 4)), Arg((4,)), Arg((3,)), Arg((3,)))),
            Sample(cls(((1, 2),)), (Arg((3, 5)), Arg((2,)))),
            Sample(cls(((0, 0), (1, 1), (9, 0))), (Arg((4, 3)), Arg((2,)), Arg((2,)), Arg((0,)))),
        ]

    def check(self, *inputs: Variable) -> None:
        """Take a matrix, and vectors of its dtype, one for each diagonal."""
        matrix, *vectors = inputs
        if matrix.ndim != 2 or any(v.ndim != 1 for v in vectors):
            given = ", ".join(f"{v} ({v.type})" for v in inputs)
            raise GraphTypeError(f"inc_diagonals takes a matrix and vectors, not {given}", here())
        if len(vectors) != len(self.starts):
            raise GraphTypeError(f"{len(self.starts)} diagonals, {len(vectors)} vectors", here())
        for v in vectors:
            if v.type.dtype != matrix.type.dtype:
                raise GraphTypeError(
                    f"cannot add {v} ({v.type}) to diagonals of {matrix.type.dtype}",
                    here(),
                    f"cast it: astype({matrix.type.dtype!r})",
                )

    def dtype(self, *dtypes: str) -> str:
        """Return the dtype of the matrix."""
        return dtypes[0]

    def shape(self, *operands: Operand) -> Shape:
        """Return the shape of the matrix."""
        return operands[0].shape

    def requires(self, node: Apply, operands: Sequence[Operand]) -> Sequence[Requirement]:
        """Vectors end within the matrix."""
        matrix, *vectors = operands
        return [
            Requirement(
                REACHES,
                (n, _end(v.shape[0], first)),
                f"{node.inputs[1 + k]} is longer than the diagonal of {node.inputs[0]}",
                GraphIndexError,
            )
            for k, (start, v) in enumerate(zip(self.starts, vectors, strict=True))
            for n, first in zip(matrix.shape, start, strict=True)
        ]

    def expanded(self, node: Apply) -> Sequence[Any]:
        """Return the output as additions to elements, one vector after the other."""
        found, *vectors = node.inputs
        for start, v in zip(self.starts, vectors, strict=True):
            found = IncSubtensor(ELEMENTS, overwrite=False)(found, v, *_along(start, v))
        return [found]

    def reference(self, *arrays: Any) -> Any:
        """Return a changed copy."""
        matrix, *vectors = arrays
        found = np.array(matrix)
        for (row, column), v in zip(self.starts, vectors, strict=True):
            if len(v) and (len(v) + row > len(matrix) or len(v) + column > matrix.shape[1]):
                raise IndexError(f"{len(v)} elements exceed a diagonal of {matrix.shape}")
            k = np.arange(len(v))
            found[k + row, k + column] += v
        return found


def inc_diagonals(
    matrix: Variable, starts: Sequence[tuple[int, int]], vectors: Sequence[Variable]
) -> Variable:
    """Return ``matrix`` with vectors added, each along the diagonal that starts at a place."""
    same = [LANGUAGE["cast"](v, matrix.type.dtype) for v in vectors]
    return IncDiagonals(tuple(starts))(matrix, *same)
