"""The pattern of a matrix in compressed sparse rows: which of its elements are stored.

It is two vectors of integers: ``indices``, the columns of the elements, row by row; and ``starts``,
where each row begins among them, and where the last one ends.  Columns may come in any order within
a row, and several times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from gradcore.derive import Flat
from gradcore.errors import GraphIndexError, GraphTypeError, ShapeError
from gradcore.graph import Apply, Array, Extent, Op, Operand, Requirement, Shape, Variable, here
from gradcore.graph.declaration import Predicate
from gradcore.graph.op import Arg, Sample
from gradcore.graph.requirements import REACHES
from gradcore.language import LANGUAGE
from gradcore.ops.create import Arange


def ill_formed(stored: int, first: int, last: int, least: int) -> str:
    """Return what is said of starts that are none, where so many elements are stored.

    first, last : of the starts.
    least : how long the shortest row is.
    """
    if least < 0:
        return "where rows of a sparse matrix start must not descend"
    return f"the rows of a sparse matrix start at {first} and end at {last}, not at 0 and {stored}"


def out_of_columns(index: int, columns: int) -> str:
    """Return what is said of a column that a sparse matrix does not have."""
    return f"a column of a sparse matrix is out of bounds: {index} of {columns}"


def check_pattern(indices: Array, starts: Array, columns: int | None) -> None:
    """Raise GraphIndexError for arrays that are no pattern of a matrix in compressed rows.

    columns : how many the matrix has; None: any number.

    >>> check_pattern(np.array([0, 2]), np.array([0, 1, 2]), 2)
    Traceback (most recent call last):
        ...
    gradcore.errors.GraphIndexError: a column of a sparse matrix is out of bounds: 2 of 2
    """
    if not starts.size:
        raise ShapeError("where rows of a sparse matrix start must have an element")
    least = int(np.diff(starts).min(initial=0))
    if least < 0 or starts[0] or starts[-1] != indices.size:
        first, last = int(starts[0]), int(starts[-1])
        raise GraphIndexError(ill_formed(indices.size, first, last, least))
    if columns is not None and indices.size:
        for worst in (int(indices.min()), int(indices.max())):
            if not 0 <= worst < columns:
                raise GraphIndexError(out_of_columns(worst, columns))


def _is_pattern(indices: Any, starts: Any, columns: Any) -> Any:
    whole = LANGUAGE["eq"](starts[0], 0) & LANGUAGE["eq"](starts[-1], indices.shape[0])
    whole = whole & LANGUAGE["all"](LANGUAGE["ge"](starts[1:], starts[:-1]))
    if columns is None:
        return whole
    return whole & LANGUAGE["all"]((indices >= 0) & LANGUAGE["lt"](indices, columns))


IS_PATTERN = Predicate("a sparse pattern", _is_pattern)
"""Of the variables of indices and starts, and a number of columns, or None for any."""


class Compressed(Op):
    """An op with ``indices`` and ``starts`` behind the elements, as operands 1 and 2 (abstract)."""

    pattern_at: ClassVar[int] = 1
    """Which operand the indices are; the starts follow."""

    def pattern_of(self, operands: Sequence[Any]) -> Sequence[Any]:
        """Return indices and starts among operands, or what is known of operands."""
        return operands[self.pattern_at : self.pattern_at + 2]

    def check(self, *inputs: Variable) -> None:
        """Take vectors of integers for the pattern."""
        for v in self.pattern_of(inputs):
            if v.ndim != 1 or not v.type.is_discrete or v.type.dtype == "bool":
                raise GraphTypeError(
                    f"{self}: the pattern of a sparse matrix is vectors of integers, not {v} "
                    f"({v.type})",
                    here(),
                )

    def check_dense(self, *dense: Variable) -> None:
        """Take vectors or matrices, all of one rank."""
        for v in dense:
            if v.ndim not in (1, 2) or v.ndim != dense[0].ndim:
                raise GraphTypeError(
                    f"{self} takes a vector or a matrix, not {v} ({v.type})", here()
                )

    def pattern_required(
        self, node: Apply, operands: Sequence[Operand], columns: Extent | None
    ) -> list[Requirement]:
        """Return that the pattern is one, of a matrix with so many columns."""
        indices, starts = self.pattern_of(node.inputs)
        extent = self.pattern_of(operands)[1].shape[0]
        message = f"{node.op}: {indices} and {starts} are no pattern of a sparse matrix"
        return [
            Requirement(REACHES, (extent, 1), message),
            Requirement(IS_PATTERN, (indices, starts, columns), message, GraphIndexError),
        ]


# which row --------------------------------------------------------------------------------------
@final
@dataclass(frozen=True, repr=False)
class RowNumbers(Compressed):
    """``RowNumbers()(indices, starts)``: the row of each element, in the dtype of the starts.

    >>> from gradcore.ops.sparse_patterns import RowNumbers
    >>> RowNumbers()([1, 0, 1], [0, 2, 2, 3]).eval().tolist()
    [0, 0, 2]
    """

    derivative = Flat()
    pattern_at = 0

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return that of a pattern."""
        return [Sample(cls(), PATTERN)]

    def dtype(self, *dtypes: str) -> str:
        """Return that of the starts."""
        return dtypes[1]

    def shape(self, *operands: Operand) -> Shape:
        """Return the extent of the indices."""
        return operands[0].shape

    def requires(self, node: Apply, operands: Sequence[Operand]) -> Sequence[Requirement]:
        """It is a pattern."""
        return self.pattern_required(node, operands, None)

    def expanded(self, node: Apply) -> Sequence[Any]:
        """Return how many rows end before each element."""
        indices, starts = node.inputs
        places = Arange()(LANGUAGE["extent"](indices, 0))
        ended = LANGUAGE["searchsorted"](starts[1:], places, side="right")
        return [LANGUAGE["cast"](ended, node.out.type.dtype)]

    def reference(self, *arrays: Any) -> Any:
        """Return each row as often as it has elements."""
        indices, starts = arrays
        check_pattern(indices, starts, None)
        return row_of(starts)


def row_of(starts: Array) -> Array:
    """Return the row of each element, for arrays, in the dtype of the starts."""
    return np.repeat(np.arange(starts.size - 1, dtype=starts.dtype), np.diff(starts))


# samples ----------------------------------------------------------------------------------------
ROWS, COLUMNS, NNZ = 3, 4, 5
PATTERN = Arg(value=np.array([2, 0, 3, 3, 1])), Arg(value=np.array([0, 3, 3, 5]))
"""Of a sample: indices in no order, and an empty row."""

NOTHING = (
    Arg(value=np.zeros(0, "int64")),
    Arg(value=np.zeros(ROWS + 1, "int64")),
)
"""The pattern of a matrix of zeros."""
