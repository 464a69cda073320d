"""Products with a matrix in compressed sparse rows, whose parts are tensors of the graph.

A matrix is three vectors: ``data``, the elements that are stored, row by row, and a pattern
(`gradcore.ops.sparse_patterns`).  What is stored twice is added.

`SparseDot` is a product with dense columns, `SparseTransposedDot` that of the transposed matrix,
and `SampledDot` has of a product of dense matrices the elements that are stored.  Each is linear in
its data and in its dense operands, and the transposes are these three ops again: so derivatives of
any order and in both modes are made of them, and a pattern is never made anew.

The decision: three ops beside gathers and scatters, of which the products could be written, and are
where a backend has no kernel (the expansions).  Generated code runs them as loops over rows, with
an inner loop from where a row starts to where it ends: data are computed as they are read, no
gathered operand is stored, sums stay in registers and rows run on all threads.  NumPy's backend has
SciPy's loops.  Rejected: an op for a whole sparse matrix as one value, whose rules, derivatives and
kernels every backend would need once more; gathers and scatters alone, three times as slow in C.

The derivatives are those of P. Nobel, "Differentiation through sparse matrices" (2020), and as old
as the chain rule: of y = A x, dA is an outer product, of which only the pattern of A is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from scipy import sparse as scipy_sparse  # pyright: ignore[reportMissingTypeStubs] - it ships none

from gradcore.derive import Multilinear
from gradcore.dtypes import computed
from gradcore.errors import GraphTypeError, ShapeError
from gradcore.graph import (
    Apply,
    Array,
    Constant,
    Extent,
    Op,
    Operand,
    Requirement,
    Shape,
    Variable,
    here,
    upcast,
)
from gradcore.graph.extents import product
from gradcore.graph.nodes import extents_of
from gradcore.graph.op import Arg, Sample
from gradcore.graph.reads import Local, Pairs, Reads, numbers
from gradcore.graph.requirements import REACHES, all_equal
from gradcore.language import LANGUAGE
from gradcore.ops.shape import Alloc
from gradcore.ops.sparse_patterns import (
    COLUMNS,
    NNZ,
    NOTHING,
    PATTERN,
    ROWS,
    Compressed,
    RowNumbers,
    check_pattern,
    row_of,
)

_sparse: Any = scipy_sparse


# products ---------------------------------------------------------------------------------------
def _dot_by_data(op: Op, ct: Variable, *given: Variable) -> Variable:
    _, indices, starts, x = given
    return SampledDot()(ct, indices, starts, x)


def _dot_by_dense(op: Op, ct: Variable, *given: Variable) -> Variable:
    data, indices, starts, x = given
    return SparseTransposedDot()(data, indices, starts, ct, extents_of(x)[0])


def _transposed_by_data(op: Op, ct: Variable, *given: Variable) -> Variable:
    _, indices, starts, x, _ = given
    return SampledDot()(x, indices, starts, ct)


def _transposed_by_dense(op: Op, ct: Variable, *given: Variable) -> Variable:
    data, indices, starts = given[:3]
    return SparseDot()(data, indices, starts, ct)


def _sampled_by_left(op: Op, ct: Variable, *given: Variable) -> Variable:
    _, indices, starts, y = given
    return SparseDot()(ct, indices, starts, y)


def _sampled_by_right(op: Op, ct: Variable, *given: Variable) -> Variable:
    x, indices, starts, y = given
    return SparseTransposedDot()(ct, indices, starts, x, extents_of(y)[0])


def _column(v: Variable, like: Variable) -> Variable:
    """Return a vector that multiplies the rows of ``like``."""
    return v if like.ndim == 1 else v.dimshuffle(0, "x")


def _scattered(shape: Sequence[Extent], places: Variable, values: Variable) -> Variable:
    """Return zeros, with values added at places along the first axis."""
    zeros = Alloc()(Constant(0, values.type.dtype), *shape)
    return LANGUAGE["inc_subtensor"](zeros[places], values)


class CompressedProduct(Compressed):
    """A product of a sparse matrix with dense columns (abstract)."""

    ulp = 8
    accumulates = True

    def check(self, *inputs: Variable) -> None:
        """Take a vector of data, a pattern, and dense vectors or matrices."""
        super().check(*inputs)
        if inputs[0].ndim != 1:
            raise GraphTypeError(
                f"{self}: the elements of a sparse matrix are a vector, not {inputs[0]} "
                f"({inputs[0].type})",
                here(),
            )
        self.check_dense(inputs[3])

    def dtype(self, *dtypes: str) -> str:
        """Return that which holds the elements and the dense operand."""
        return upcast(dtypes[0], dtypes[3])

    def operations_of(self, operands: Sequence[Operand], shapes: Sequence[Shape]) -> Extent:
        """Return two for each element that is stored and each column."""
        return 2 * operands[0].shape[0] * product(operands[3].shape[1:])

    def read_in_place(self, i: int) -> float:
        """Elements of the matrix are read once, for a vector; a matrix may have a few columns."""
        return READ_IN_PLACE if i == 0 else 0

    def stored_required(self, node: Apply, operands: Sequence[Operand]) -> list[Requirement]:
        """Return that there is an index for each element."""
        data, indices = operands[:2]
        message = f"{node.op}: {node.inputs[0]} and {node.inputs[1]} have other extents"
        return all_equal([data.shape[0], indices.shape[0]], message)


READ_IN_PLACE = 8
"""As many operations may an element of a matrix take for it not to be stored before a product."""


@final
@dataclass(frozen=True, repr=False)
class SparseDot(CompressedProduct):
    """``SparseDot()(data, indices, starts, x)``: the matrix times a vector, or a matrix of columns.

    >>> import gradcore.tensor as T
    >>> from gradcore.ops.sparse import SparseDot
    >>> SparseDot()(T.as_tensor([5.0, 6.0]), [1, 0], [0, 1, 1, 2], T.as_tensor([1.0, 2.0])).eval()
    array([10.,  0.,  6.])
    """

    derivative = Multilinear((_dot_by_data, None, None, _dot_by_dense))

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return products with a vector, with columns, and of a matrix without elements."""
        return [
            Sample(cls(), (Arg((NNZ,)), *PATTERN, Arg((COLUMNS,)))),
            Sample(cls(), (Arg((NNZ,)), *PATTERN, Arg((COLUMNS, 2)))),
            Sample(cls(), (Arg((0,)), *NOTHING, Arg((COLUMNS,)))),
        ]

    def shape(self, *operands: Operand) -> Shape:
        """Return the rows, and the columns of the dense operand."""
        return (operands[2].shape[0] - 1, *operands[3].shape[1:])

    def requires(self, node: Apply, operands: Sequence[Operand]) -> Sequence[Requirement]:
        """It is a pattern, with as many columns as the dense operand has rows."""
        columns = operands[3].shape[0]
        return [
            *self.stored_required(node, operands),
            *self.pattern_required(node, operands, columns),
        ]

    def batch(
        self, node: Apply, inputs: Sequence[Variable], stacked: Sequence[bool]
    ) -> Variable | None:
        """Let dense operands stand side by side, where the matrix is one for all."""
        if any(stacked[:3]):
            return None
        data, indices, starts, x = inputs
        found = SparseDot()(data, indices, starts, _side_by_side(x))
        return _stacked_again(found, x)

    def reads(self, local: Local, wanted: Sequence[int]) -> Reads | None:
        """Each element reads a row of the matrix, and what that meets."""
        return _read(local, wanted, transposed=False)

    def expanded(self, node: Apply) -> Sequence[Any]:
        """Return products with what is gathered, added up in their rows."""
        data, indices, starts, x = node.inputs
        terms = _column(data, x) * x[indices]
        shape = (extents_of(starts)[0] - 1, *extents_of(x)[1:])
        return [_scattered(shape, RowNumbers()(indices, starts), terms)]

    def reference(self, *arrays: Any) -> Any:
        """Return SciPy's product."""
        data, indices, starts, x = arrays
        return _multiplied(data, indices, starts, x.shape[0], x, transposed=False)


@final
@dataclass(frozen=True, repr=False)
class SparseTransposedDot(CompressedProduct):
    """``SparseTransposedDot()(data, indices, starts, x, columns)``: the transposed matrix times x.

    columns : how many the matrix has, and so how many rows the product has.

    >>> import gradcore.tensor as T
    >>> from gradcore.ops.sparse import SparseTransposedDot
    >>> pattern = [1, 0], [0, 1, 1, 2]
    >>> SparseTransposedDot()(T.as_tensor([5.0, 6.0]), *pattern, T.as_tensor([1.0, 2, 3]), 2).eval()
    array([18.,  5.])
    """

    derivative = Multilinear((_transposed_by_data, None, None, _transposed_by_dense))

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return products with a vector, with columns, and of a matrix without elements."""
        columns = Arg(value=COLUMNS)
        return [
            Sample(cls(), (Arg((NNZ,)), *PATTERN, Arg((ROWS,)), columns)),
            Sample(cls(), (Arg((NNZ,)), *PATTERN, Arg((ROWS, 2)), columns)),
            Sample(cls(), (Arg((0,)), *NOTHING, Arg((ROWS,)), columns)),
        ]

    def check(self, *inputs: Variable) -> None:
        """Take an integer for the columns, too."""
        super().check(*inputs)
        columns = inputs[4]
        if columns.ndim or not columns.type.is_discrete:
            raise GraphTypeError(
                f"{self}: an extent is an integer, not {columns} ({columns.type})", here()
            )

    def shape(self, *operands: Operand) -> Shape:
        """Return the columns of the matrix, and those of the dense operand."""
        return (operands[4].extent, *operands[3].shape[1:])

    def requires(self, node: Apply, operands: Sequence[Operand]) -> Sequence[Requirement]:
        """It is a pattern, with as many rows as the dense operand has."""
        columns = operands[4].extent
        message = f"{node.op}: {node.inputs[3]} has another number of rows than the matrix"
        return [
            *self.stored_required(node, operands),
            *all_equal([operands[3].shape[0], operands[2].shape[0] - 1], message),
            Requirement(REACHES, (columns, 0), f"{node.op}: a negative number of columns"),
            *self.pattern_required(node, operands, columns),
        ]

    def batch(
        self, node: Apply, inputs: Sequence[Variable], stacked: Sequence[bool]
    ) -> Variable | None:
        """Let dense operands stand side by side, where the matrix is one for all."""
        if any((*stacked[:3], stacked[4])):
            return None
        data, indices, starts, x, columns = inputs
        found = SparseTransposedDot()(data, indices, starts, _side_by_side(x), columns)
        return _stacked_again(found, x)

    def reads(self, local: Local, wanted: Sequence[int]) -> Reads | None:
        """Each element reads a column of the matrix, and what that meets."""
        return _read(local, wanted, transposed=True)

    def expanded(self, node: Apply) -> Sequence[Any]:
        """Return products with what stands in their row, added up in their columns."""
        data, indices, starts, x, columns = node.inputs
        terms = _column(data, x) * x[RowNumbers()(indices, starts)]
        return [_scattered((columns, *extents_of(x)[1:]), indices, terms)]

    def reference(self, *arrays: Any) -> Any:
        """Return SciPy's product."""
        data, indices, starts, x, columns = arrays
        return _multiplied(data, indices, starts, int(columns), x, transposed=True)


@final
@dataclass(frozen=True, repr=False)
class SampledDot(Compressed):
    """``SampledDot()(x, indices, starts, y)``: the elements of ``x @ y.T`` that a pattern has.

    Of two vectors it is their outer product that has them.

    >>> import gradcore.tensor as T
    >>> from gradcore.ops.sparse import SampledDot
    >>> x, y = T.as_tensor([1.0, 2.0, 3.0]), T.as_tensor([10.0, 20.0])
    >>> SampledDot()(x, [1, 0], [0, 1, 1, 2], y).eval()
    array([20., 30.])
    """

    derivative = Multilinear((_sampled_by_left, None, None, _sampled_by_right))
    ulp = 8
    accumulates = True

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return samples of vectors, of matrices, and of no elements."""
        return [
            Sample(cls(), (Arg((ROWS,)), *PATTERN, Arg((COLUMNS,)))),
            Sample(cls(), (Arg((ROWS, 2)), *PATTERN, Arg((COLUMNS, 2)))),
            Sample(cls(), (Arg((ROWS,)), *NOTHING, Arg((COLUMNS,)))),
        ]

    def check(self, *inputs: Variable) -> None:
        """Take two vectors or two matrices."""
        super().check(*inputs)
        self.check_dense(inputs[0], inputs[3])

    def dtype(self, *dtypes: str) -> str:
        """Return that which holds both."""
        return upcast(dtypes[0], dtypes[3])

    def shape(self, *operands: Operand) -> Shape:
        """Return the extent of the indices."""
        return operands[1].shape

    def operations_of(self, operands: Sequence[Operand], shapes: Sequence[Shape]) -> Extent:
        """Return two for each element and each column."""
        return 2 * operands[1].shape[0] * product(operands[3].shape[1:])

    def requires(self, node: Apply, operands: Sequence[Operand]) -> Sequence[Requirement]:
        """It is a pattern, with as many rows and columns as the operands have rows."""
        x, _, starts, y = operands
        rows = f"{node.op}: {node.inputs[0]} has another number of rows than the matrix"
        inner = f"{node.op} of {node.inputs[0]} and {node.inputs[3]}: the inner extents differ"
        return [
            *all_equal([x.shape[0], starts.shape[0] - 1], rows),
            *(all_equal([x.shape[1], y.shape[1]], inner) if x.ndim > 1 else ()),
            *self.pattern_required(node, operands, y.shape[0]),
        ]

    def reads(self, local: Local, wanted: Sequence[int]) -> Reads | None:
        """Each element reads a row of both."""
        indices, starts = local.values[1:3]
        if indices is None or starts is None:
            return None
        at = {0: row_of(starts), 3: indices}
        found: dict[int, Pairs] = {}
        for i in wanted:
            whole = numbers(local.shapes[i])[at[i]]
            rows = numbers((indices.size,)).reshape(-1, *[1] * (whole.ndim - 1))
            found[i] = Pairs(whole, np.broadcast_to(rows, whole.shape))
        return found

    def expanded(self, node: Apply) -> Sequence[Any]:
        """Return products of what is gathered."""
        x, indices, starts, y = node.inputs
        terms = x[RowNumbers()(indices, starts)] * y[indices]
        return [terms if x.ndim == 1 else LANGUAGE["cast"](terms.sum(1), node.out.type.dtype)]

    def reference(self, *arrays: Any) -> Any:
        """Return products of what is gathered, by NumPy."""
        x, indices, starts, y = arrays
        check_sampled(x.shape, starts.shape, y.shape)
        check_pattern(indices, starts, y.shape[0])
        dtype = upcast(x.dtype.name, y.dtype.name)
        left, right = x[row_of(starts)], y[indices]
        if x.ndim == 1:
            return np.asarray(left * right, dtype)
        found = np.einsum("ij,ij->i", left.astype(computed(dtype)), right.astype(computed(dtype)))
        return np.asarray(found, dtype)


# what they share --------------------------------------------------------------------------------
def _side_by_side(x: Variable) -> Variable:
    """Return a stack of vectors, or of matrices, as the columns of one matrix."""
    if x.ndim == 2:
        return x.T
    n, m, k = extents_of(x)
    return LANGUAGE["reshape"](x.dimshuffle(1, 0, 2), (m, product((n, k))))


def _stacked_again(found: Variable, x: Variable) -> Variable:
    """Return columns as the stack that ``x`` was."""
    if x.ndim == 2:
        return found.T
    n, _, k = extents_of(x)
    return LANGUAGE["reshape"](found, (extents_of(found)[0], n, k)).dimshuffle(1, 0, 2)


def _read(local: Local, wanted: Sequence[int], transposed: bool) -> Reads | None:
    """Return what a product reads of the data (operand 0) and of the dense operand (3)."""
    indices, starts = local.values[1:3]
    if indices is None or starts is None:
        return None
    into, of = (indices, row_of(starts)) if transposed else (row_of(starts), indices)
    into = numbers(local.result)[into]
    dense = numbers(local.shapes[3])[of]
    stored = numbers((indices.size,)).reshape(-1, *[1] * (dense.ndim - 1))
    data = local.values[0]
    if data is not None:
        known = np.reshape(data, stored.shape) != 0
        dense = np.where(known, dense, -1)
    found = {0: Pairs(np.broadcast_to(stored, into.shape), into), 3: Pairs(dense, into)}
    return {i: found[i] for i in wanted}


def check_product(
    data: Sequence[int],
    indices: Sequence[int],
    starts: Sequence[int],
    columns: int,
    x: Sequence[int],
    transposed: bool,
) -> None:
    """Raise ShapeError for shapes of operands that a product does not take.

    columns : how many the matrix has.
    """
    rows = starts[0] - 1
    fits = x[0] == (rows if transposed else columns) and indices[0] == data[0]
    if not fits or rows < 0 or columns < 0:
        raise ShapeError(
            f"{data[0]} elements, {indices[0]} indices, {rows} rows and {columns} columns of a "
            f"sparse matrix do not fit an operand of {x[0]} rows"
        )


def check_sampled(x: Sequence[int], starts: Sequence[int], y: Sequence[int]) -> None:
    """Raise ShapeError for shapes of operands that `SampledDot` does not take."""
    if x[0] != starts[0] - 1 or tuple(x[1:]) != tuple(y[1:]):
        raise ShapeError(
            f"shapes {tuple(x)} and {tuple(y)} do not fit {starts[0] - 1} rows of a matrix"
        )


def _multiplied(
    data: Array, indices: Array, starts: Array, columns: int, x: Array, transposed: bool
) -> Array:
    """Return a product by SciPy, which does not check a pattern."""
    check_product(data.shape, indices.shape, starts.shape, columns, x.shape, transposed)
    check_pattern(indices, starts, columns)
    rows = starts.size - 1
    dtype = upcast(data.dtype.name, x.dtype.name)
    wide = computed(dtype)
    matrix = _sparse.csr_array((data.astype(wide), indices, starts), shape=(rows, columns))
    return np.asarray((matrix.T if transposed else matrix) @ x.astype(wide), dtype)
