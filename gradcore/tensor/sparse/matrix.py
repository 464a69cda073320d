"""A sparse matrix in a graph: the tensors that it is, and its operators and methods.

The decision: a sparse matrix is a `Composite`, a thin wrapper of a vector of elements and two
vectors of integers.  All that is computed with it is tensors: products are the ops of
`gradcore.ops.sparse`, the rest is gathers, scatters and elementwise arithmetic on the elements.  So
there is no sparse op that a backend, a derivative or a rule has to know.  A transposed matrix has
the same parts in the other compressed format, and costs nothing.

Elements may come in any order within a row, and one place may have several, which add up: so it is
for products, sums and `toarray`.  What is done to each element (`exp`, a power) is done to each one
that is stored, as Theano's ``structured_`` functions do it.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, TypeAlias

import numpy as np
from scipy import sparse as scipy_sparse  # pyright: ignore[reportMissingTypeStubs] - it ships none

from gradcore.errors import GraphTypeError, ShapeError
from gradcore.gradient.sparse import SparseMatrix
from gradcore.graph import Constant, Variable, here
from gradcore.graph.composite import Composite
from gradcore.graph.nodes import as_variable, extents_of
from gradcore.language import LANGUAGE, word
from gradcore.ops.shape_values import SpecifyShape
from gradcore.ops.sparse_patterns import RowNumbers
from gradcore.tensor.creation import zeros
from gradcore.tensor.indexing import inc_subtensor

scipy: Any = scipy_sparse

FORMATS = ("csr", "csc", "coo")

Extent: TypeAlias = "int | Variable"


def is_sparse(value: Any) -> bool:
    """Return whether a value is a sparse matrix of a graph, or of SciPy.

    >>> import gradcore.tensor as T
    >>> T.sparse.is_sparse(T.sparse.csr_matrix("a")), T.sparse.is_sparse(T.dmatrix("x"))
    (True, False)
    """
    return isinstance(value, SparseVariable) or scipy.issparse(value)


class SparseVariable(Composite):
    """A sparse matrix in a graph.

    format : "csr" (compressed rows), "csc" (compressed columns) or "coo" (coordinates).
    data : its elements, a vector.
    pattern : where they are: of "csr" their columns, and where each row begins among them and the
        last one ends; of "csc" their rows, and where columns do; of "coo" rows and columns.
    shape : how many rows and columns it has: ints where known, else integer scalars of the graph.
    name : what to call it in messages and as a keyword, or None.

    It is made by `gradcore.tensor.sparse.csr_matrix` and its kin, or computed by operators:
    ``A @ x``, ``x @ A``, ``A @ B``, ``A + B``, ``A - B``, ``-A``, ``A * 2``, ``A * B``,
    ``A * dense`` (element by element, as in Theano), ``A / dense``, ``A ** 2``, ``A.T``,
    ``A[rows]``, ``abs(A)``.

    >>> import gradcore.tensor as T
    >>> A = T.sparse.csr_matrix("A")
    >>> A, A.T, (A @ T.dvector("x")).type
    (A, SparseVariable(csc, float64), TensorType(float64, vector))
    """

    __slots__ = ("data", "format", "name", "pattern", "shape", "tag")

    __array_priority__ = 2000
    __pandas_priority__ = 6000
    __array_ufunc__: Any = None

    def __init__(
        self,
        format: str,
        data: Variable,
        pattern: tuple[Variable, Variable],
        shape: tuple[Extent, Extent],
        name: str | None = None,
    ) -> None:
        self.format = format
        self.data = data
        self.pattern = pattern
        self.shape = shape
        self.name = name
        self.tag = SimpleNamespace()

    def __str__(self) -> str:
        """Return the name, or what it is."""
        return self.name or f"SparseVariable({self.format}, {self.dtype})"

    __repr__ = __str__

    def __reduce__(self) -> Any:
        """Pickle what it is made of, not what was compiled for it."""
        return type(self), (self.format, self.data, self.pattern, self.shape, self.name)

    # what it is ---------------------------------------------------------------------------------
    @property
    def dtype(self) -> str:
        """The dtype of the elements."""
        return self.data.type.dtype

    @property
    def ndim(self) -> int:
        """Two."""
        return 2

    @property
    def nnz(self) -> Extent:
        """How many elements are stored."""
        return extents_of(self.data)[0]

    @property
    def indices(self) -> Variable:
        """Of a compressed matrix, the column of each element ("csr") or its row ("csc")."""
        self._compressed("indices")
        return self.pattern[0]

    @property
    def indptr(self) -> Variable:
        """Of a compressed matrix, where each row (or column) begins, and the last one ends."""
        self._compressed("indptr")
        return self.pattern[1]

    def _compressed(self, what: str) -> None:
        if self.format == "coo":
            raise GraphTypeError(
                f"{self} is in coordinates, and has no {what}", here(), "it has row and col"
            )

    @property
    def _numbers(self) -> Variable:
        """Of a compressed matrix, the row (or column) of each element."""
        return RowNumbers()(*self.pattern)

    @property
    def row(self) -> Variable:
        """The row of each element."""
        if self.format == "csr":
            return self._numbers
        return self.pattern[0]

    @property
    def col(self) -> Variable:
        """The column of each element."""
        if self.format == "csc":
            return self._numbers
        return self.pattern[0 if self.format == "csr" else 1]

    def with_data(self, data: Any) -> SparseVariable:
        """Return a matrix with other elements in the same places.

        >>> import gradcore.tensor as T
        >>> A = T.sparse.as_sparse([[0.0, 2.0], [3.0, 0.0]])
        >>> A.with_data(T.exp(A.data) * [0, 1]).eval().toarray().round(2).tolist()
        [[0.0, 0.0], [20.09, 0.0]]
        """
        found = as_variable(data)
        if found.ndim != 1:
            raise GraphTypeError(
                f"the elements of the sparse matrix {self} are a vector, not {found.type}",
                here(),
                f"for derivatives of a tensor with axes take {self}.data: jacobian(y, A.data)",
            )
        return SparseVariable(self.format, found, self.pattern, self.shape)

    # a composite --------------------------------------------------------------------------------
    @property
    def parts(self) -> tuple[Variable, ...]:
        """The elements, the pattern, and the extents that these do not tell."""
        compressed = {"csr": 0, "csc": 1}.get(self.format)
        rest = (n for axis, n in enumerate(self.shape) if axis != compressed)
        return (self.data, *self.pattern, *(n for n in rest if isinstance(n, Variable)))

    @property
    def moving(self) -> Variable:
        """The elements."""
        return self.data

    def with_moving(self, moving: Variable) -> SparseVariable:
        """Return a matrix with other elements."""
        return self.with_data(moving)

    def split(self, value: Any) -> Sequence[Any]:
        """Return elements, pattern and extents of a sparse matrix of SciPy.

        Raises TypeError: it is none, or of another format, shape or kind of indices.
        """
        if not scipy.issparse(value):
            kind = type(value).__name__
            raise TypeError(
                f"must be a sparse matrix of SciPy, got {kind}: "
                f"scipy.sparse.{self.format}_array(value) makes one"
            )
        if value.format != self.format:
            raise TypeError(
                f"must be in the format {self.format}, got {value.format}: "
                f"value.to{self.format}() converts it"
            )
        if len(value.shape) != 2:
            raise TypeError(f"must have 2 axes, got shape {value.shape}")
        for axis, (n, m) in enumerate(zip(value.shape, self.shape, strict=True)):
            if isinstance(m, int) and n != m:
                raise TypeError(f"must have extent {m} at axis {axis}, got shape {value.shape}")
        if self.format == "coo":
            pattern = value.coords
        else:
            pattern = (value.indices, value.indptr)
        extents = [np.asarray(n, "int64") for n in value.shape]
        compressed = {"csr": 0, "csc": 1}.get(self.format)
        rest = [
            n
            for axis, n in enumerate(extents)
            if axis != compressed and isinstance(self.shape[axis], Variable)
        ]
        wanted = zip(pattern, self.pattern, strict=True)
        return [value.data, *(_integers(a, v.type.dtype) for a, v in wanted), *rest]

    def joined(self, values: Sequence[Any]) -> Any:
        """Return the sparse array of SciPy that has these parts."""
        data, first, second, *extents = map(np.asarray, values)
        rest = iter(extents)
        compressed = {"csr": 0, "csc": 1}.get(self.format)
        shape: list[int] = []
        for axis, n in enumerate(self.shape):
            if axis == compressed:
                shape.append(second.size - 1)
            else:
                shape.append(n if isinstance(n, int) else int(next(rest)))
        if self.format == "coo":
            return scipy.coo_array((data, (first, second)), shape=tuple(shape))
        kind = scipy.csr_array if self.format == "csr" else scipy.csc_array
        return kind((data, first, second), shape=tuple(shape))

    def fitting(self, value: Any, what: str) -> SparseVariable:
        """Return ``value``, a sparse matrix of a graph or of SciPy, as one of this format.

        Raises GraphTypeError: it has another format, or fewer indices hold what it has.
        """
        found = LANGUAGE["as_sparse"](value)
        if found.format != self.format:
            raise GraphTypeError(
                f"{what} {self} is in the format {self.format}, its new value {found} in "
                f"{found.format}",
                here(),
                f"convert it: .to{self.format}()",
            )
        pattern = tuple(
            LANGUAGE["cast"](new, old.type.dtype)
            for new, old in zip(found.pattern, self.pattern, strict=True)
        )
        shape = (_same(found.shape[0], self.shape[0]), _same(found.shape[1], self.shape[1]))
        return SparseVariable(self.format, found.data, pattern, shape)

    # operators ----------------------------------------------------------------------------------
    # fmt: off
    def __neg__(self) -> SparseVariable: return self.with_data(-self.data)
    def __pos__(self) -> SparseVariable: return self
    def __abs__(self) -> SparseVariable: return self.with_data(abs(self.data))
    def __pow__(self, n: Any) -> SparseVariable: return LANGUAGE["sparse_power"](self, n)
    def __add__(self, other: Any) -> Any: return LANGUAGE["sparse_add"](self, other)
    def __radd__(self, other: Any) -> Any: return LANGUAGE["sparse_add"](other, self)
    def __sub__(self, other: Any) -> Any: return LANGUAGE["sparse_sub"](self, other)
    def __rsub__(self, other: Any) -> Any: return LANGUAGE["sparse_sub"](other, self)
    def __mul__(self, other: Any) -> Any: return LANGUAGE["sparse_mul"](self, other)
    def __rmul__(self, other: Any) -> Any: return LANGUAGE["sparse_mul"](other, self)
    def __truediv__(self, other: Any) -> Any: return LANGUAGE["sparse_true_div"](self, other)
    def __rtruediv__(self, other: Any) -> Any: return LANGUAGE["sparse_true_div"](other, self)
    def __matmul__(self, other: Any) -> Any: return LANGUAGE["sparse_matmul"](self, other)
    def __rmatmul__(self, other: Any) -> Any: return LANGUAGE["sparse_matmul"](other, self)
    def __getitem__(self, key: Any) -> Any: return LANGUAGE["sparse_part"](self, key)
    # fmt: on

    def __bool__(self) -> bool:
        """Raise: a symbolic value is not known while the graph is built."""
        raise TypeError("a sparse matrix of a graph has no truth value while the graph is built")

    def __iter__(self) -> Any:
        """Raise: rows are not taken one by one."""
        raise TypeError(f"cannot iterate over the sparse matrix {self}; {self}[i : i + 1] is a row")

    @property
    def T(self) -> SparseVariable:  # noqa: N802 - NumPy's name
        """The transposed matrix: of "csr" a "csc" with the same parts, and the other way round."""
        other = {"csr": "csc", "csc": "csr", "coo": "coo"}[self.format]
        pattern = self.pattern if other != "coo" else (self.pattern[1], self.pattern[0])
        return SparseVariable(other, self.data, pattern, (self.shape[1], self.shape[0]))

    def transpose(self) -> SparseVariable:
        """Return the transposed matrix, as ``A.T``."""
        return self.T

    def dot(self, other: Any) -> Any:
        """Return the product with a vector, a matrix, or a sparse matrix, as ``A @ other``."""
        return self @ other

    def multiply(self, other: Any) -> SparseVariable:
        """Return the product element by element, as ``A * other``."""
        return self * other

    def power(self, n: Any) -> SparseVariable:
        """Return a positive power of each element that is stored, as ``A ** n``."""
        return self**n

    def astype(self, dtype: str) -> SparseVariable:
        """Return the matrix with elements of another dtype."""
        return self.with_data(LANGUAGE["cast"](self.data, dtype))

    def conj(self) -> SparseVariable:
        """Return the matrix with the conjugate of each element."""
        return self.with_data(self.data.conj())

    # reductions and conversions -----------------------------------------------------------------
    def sum(self, axis: int | None = None) -> Variable:
        """Return the sum of all elements, or a vector of those of each column (0) or row (1)."""
        return LANGUAGE["sparse_sum"](self, axis)

    def mean(self, axis: int | None = None) -> Variable:
        """Return the mean over all places, stored or not, or those of a column (0) or row (1)."""
        total = self.sum(axis)
        m, n = self.shape
        count = {None: m * n, 0: m, 1: n}[axis if axis is None else axis % 2]
        return total / count

    def diagonal(self) -> Variable:
        """Return the main diagonal, a vector."""
        return LANGUAGE["sparse_diagonal"](self)

    def trace(self) -> Variable:
        """Return the sum of the main diagonal."""
        return self.diagonal().sum()

    def toarray(self) -> Variable:
        """Return the dense matrix.

        >>> import gradcore.tensor as T
        >>> T.sparse.as_sparse([[0.0, 2.0], [3.0, 0.0]]).toarray().eval().tolist()
        [[0.0, 2.0], [3.0, 0.0]]
        """
        return inc_subtensor(zeros(self.shape, self.dtype)[self.row, self.col], self.data)

    todense = toarray

    def tocsr(self) -> SparseVariable:
        """Return the matrix in compressed rows; elements are sorted, those of one place added.

        One that is in them is returned as it is.
        """
        return LANGUAGE["sparse_compressed"](self, "csr")

    def tocsc(self) -> SparseVariable:
        """Return the matrix in compressed columns, as `tocsr` does in rows."""
        return LANGUAGE["sparse_compressed"](self, "csc")

    def tocoo(self) -> SparseVariable:
        """Return the matrix in coordinates, with the same elements."""
        return SparseVariable("coo", self.data, (self.row, self.col), self.shape)

    def eval(self, inputs: Any = None, mode: Any = None) -> Any:
        """Return the value, a sparse array of SciPy, given those of what it depends on."""
        return LANGUAGE["eval"](self, inputs, mode)


def _integers(array: Any, dtype: str) -> Any:
    """Return indices in the dtype that is declared for them; raise TypeError if it is too small."""
    if array.dtype == dtype:
        return array
    limit = np.iinfo(dtype).max
    if array.size and int(array.max()) > limit:
        raise TypeError(f"has an index of {int(array.max())}, which {dtype} does not hold")
    return array.astype(dtype)


def _same(new: Extent, old: Extent) -> Extent:
    """Return an extent of what takes the place of something: raise if it is known to be another."""
    if isinstance(new, int) and isinstance(old, int) and new != old:
        raise ShapeError(f"an extent of {new} cannot take the place of {old}", here())
    return old if isinstance(old, int) else LANGUAGE["cast"](as_variable(new), "int64")


# what computations are written with -------------------------------------------------------------
def fitted(x: Variable, axis: int, n: Extent, what: str) -> Variable:
    """Return ``x``, whose extent at ``axis`` is, or is checked to be, ``n``.

    what : a sentence that says where they meet.

    Raises ShapeError: they are known to differ.
    """
    extents = extents_of(x)
    if isinstance(extents[axis], int) and isinstance(n, int):
        if extents[axis] != n:
            raise ShapeError(f"{what}: extents {extents[axis]} and {n} differ", here())
        return x
    if extents[axis] is n:
        return x
    return SpecifyShape(what)(x, *extents[:axis], n, *extents[axis + 1 :])


def scattered(shape: Sequence[Extent], places: Variable, values: Variable) -> Variable:
    """Return zeros with values added at places along the first axis."""
    return inc_subtensor(zeros(tuple(shape), values.type.dtype)[places], values)


@word
def as_sparse(value: Any, name: str | None = None) -> SparseVariable:
    """Return ``value`` as a sparse matrix of a graph.

    value : such a matrix, which is returned as it is; one of SciPy, which becomes constants (one
        that is not in csr, csc or coo is converted to csr); a `gradcore.SparseMatrix`; or a dense
        array or nested list, of which the elements that are not zero are stored, in csr.
    name : what to call it.

    Raises GraphTypeError: it is none of these, such as a dense variable, whose pattern is not known
    (`csr_from_dense` computes it).

    >>> import gradcore.tensor as T
    >>> as_sparse([[0.0, 2.0], [3.0, 0.0]]).indices.data.tolist()
    [1, 0]
    """
    if isinstance(value, SparseVariable):
        return value
    if isinstance(value, Variable):
        raise GraphTypeError(
            f"the pattern of {value}, a dense {value.type}, is not known",
            here(),
            "compute it by T.sparse.csr_from_dense, or give it: A.sampled(dense)",
        )
    if isinstance(value, SparseMatrix):
        data, indices, starts = value.tensors
        return SparseVariable("csr", data, (indices, starts), value.shape, name)
    found = value
    if not scipy.issparse(value):
        try:
            found = scipy.csr_array(np.asarray(value))
        except (TypeError, ValueError) as error:
            raise GraphTypeError(
                f"cannot make a sparse matrix of {type(value).__name__}: {error}", here()
            ) from None
    if len(found.shape) != 2:
        raise GraphTypeError(f"a sparse matrix has 2 axes, not shape {found.shape}", here())
    if found.format not in FORMATS:
        found = found.tocsr()
    pattern = found.coords if found.format == "coo" else (found.indices, found.indptr)
    shape = (int(found.shape[0]), int(found.shape[1]))
    first, second = (Constant(part) for part in pattern)
    return SparseVariable(found.format, Constant(found.data), (first, second), shape, name)
