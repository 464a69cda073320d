"""Sparse matrices of a graph, made: inputs, constants, shared variables, and of their parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcore.config import config
from gradcore.errors import ArgumentError, GraphTypeError
from gradcore.graph import Constant, TensorType, Variable, here
from gradcore.graph.nodes import as_variable, extents_of
from gradcore.language import define
from gradcore.shared import SharedVariable
from gradcore.tensor.creation import arange
from gradcore.tensor.elementwise import cast
from gradcore.tensor.indexing import nonzero
from gradcore.tensor.searching import searchsorted
from gradcore.tensor.sparse.matrix import FORMATS, Extent, SparseVariable, as_sparse, scipy

INDICES = ("int32", "int64")
"""What indices may be; SciPy takes int32 wherever that holds them."""


# inputs -----------------------------------------------------------------------------------------
@dataclass(frozen=True)
class SparseConstructor:
    """Makes sparse matrices that are inputs of functions: ``csr_matrix("A")``.

    format : of all that it makes.

    >>> import gradcore, gradcore.tensor as T, scipy.sparse
    >>> a, v = T.sparse.csr_matrix("a"), T.dvector("v")
    >>> f = gradcore.function([a, v], a @ v)
    >>> f(scipy.sparse.csr_array([[0.0, 2.0], [3.0, 0.0]]), [1.0, 10.0])
    array([20.,  3.])
    """

    format: str

    def __call__(
        self,
        name: str | None = None,
        dtype: str | None = None,
        shape: Sequence[int | None] = (None, None),
        index_dtype: str = "int32",
    ) -> SparseVariable:
        """Return a new sparse matrix.

        name : what to call it; its parts are ``A.data`` and so on.
        dtype : of its elements, by default ``config.floatX``.
        shape : how many rows and columns it has, as far as that is known.
        index_dtype : of its indices: "int32" as SciPy has them, or "int64" for a matrix of more
            than 2**31 - 1 elements, rows or columns.

        A function takes for it a matrix of SciPy in this very format, of a dtype that the elements
        hold; dense arrays and other formats are ArgumentError.  Elements may be in any order and
        places may have several.
        """
        if index_dtype not in INDICES:
            raise GraphTypeError(f"index_dtype is int32 or int64, not {index_dtype!r}", here())
        if len(shape) != 2:
            raise GraphTypeError(f"a sparse matrix has 2 axes, not shape {tuple(shape)}", here())
        elements = TensorType(dtype or config.floatX, (None,))
        of = _called(name)
        data = elements(of("data"))
        extents = [
            n if n is not None else TensorType("int64", ())(of(what))
            for n, what in zip(shape, ("rows", "columns"), strict=True)
        ]
        if self.format == "coo":
            index = TensorType(index_dtype, (None,))
            pattern = index(of("row")), index(of("col"))
            return SparseVariable("coo", data, pattern, (extents[0], extents[1]), name)
        axis = 0 if self.format == "csr" else 1
        n = shape[axis]
        indices = TensorType(index_dtype, (None,))(of("indices"))
        starts = TensorType(index_dtype, (None if n is None else n + 1,))(of("indptr"))
        extents[axis] = extents_of(starts)[0] - 1 if n is None else n
        return SparseVariable(self.format, data, (indices, starts), (extents[0], extents[1]), name)


def _called(name: str | None) -> Callable[[str], str | None]:
    return lambda part: name and f"{name}.{part}"


csr_matrix, csc_matrix, coo_matrix = map(SparseConstructor, FORMATS)


def matrix(
    format: str,
    name: str | None = None,
    dtype: str | None = None,
    shape: Sequence[int | None] = (None, None),
) -> SparseVariable:
    """Return a new sparse matrix of a format, "csr", "csc" or "coo", as Theano's ``matrix`` does.

    Raises GraphTypeError: there is no such format.

    >>> import gradcore.tensor as T
    >>> T.sparse.matrix("csc", "a", "float32", (3, None)).format
    'csc'
    """
    if format not in FORMATS:
        raise GraphTypeError(f"a format is one of {', '.join(FORMATS)}, not {format!r}", here())
    return SparseConstructor(format)(name, dtype, shape)


# values -----------------------------------------------------------------------------------------
class SharedSparse(SparseVariable):
    """A sparse matrix whose elements and pattern persist between calls, and may be updated.

    ``gradcore.shared(scipy_matrix)`` makes one.  Its parts are shared variables.

    >>> import scipy.sparse
    >>> import gradcore, gradcore.tensor as T
    >>> import scipy.sparse as sp
    >>> a, v = gradcore.shared(sp.csr_array([[0.0, 2.0]]), "a"), T.dvector("v")
    >>> f = gradcore.function([v], a @ v, updates={a: 10 * a})
    >>> f([0.0, 1.0]), f([0.0, 1.0])
    (array([2.]), array([20.]))
    """

    __slots__ = ()

    def get_value(self, borrow: bool = False) -> Any:
        """Return the value, a sparse array of SciPy; with ``borrow``, of the arrays themselves."""
        return self.joined([v.get_value(borrow) for v in self._stored])

    def set_value(self, value: Any, borrow: bool = False) -> None:
        """Set the value to a sparse matrix of SciPy, of the same format and with any pattern.

        Raises ArgumentError: it does not fit.  The old one stays.
        """
        try:
            arrays = self.split(value)
        except TypeError as error:
            raise ArgumentError(f"the shared sparse matrix {self} {error}", here()) from None
        stored = self._stored
        fitting = [v.fitting(a, borrow) for v, a in zip(stored, arrays, strict=True)]
        for v, array in zip(stored, fitting, strict=True):
            v.set_value(array, borrow=True)

    @property
    def _stored(self) -> list[SharedVariable]:
        return [v for v in self.parts if isinstance(v, SharedVariable)]


def shared(value: Any, name: str | None = None, borrow: bool = False) -> SharedSparse:
    """Return a shared sparse matrix that starts with ``value``, one of SciPy.

    borrow : whether to store its arrays themselves instead of copies.

    >>> import scipy.sparse, gradcore
    >>> A = gradcore.shared(scipy.sparse.csr_array([[0.0, 2.0]]), "A")
    >>> f = gradcore.function([], A.sum(), updates={A: A * 2})
    >>> f(), A.get_value().toarray().tolist()
    (array(2.), [[0.0, 4.0]])
    """
    if not scipy.issparse(value):
        raise ArgumentError(f"shared({name or ''}) is no sparse matrix but {type(value)}", here())
    found = value if value.format in FORMATS else value.tocsr()
    coo = found.format == "coo"
    of = _called(name)
    names = ("row", "col") if coo else ("indices", "indptr")
    pattern = found.coords if coo else (found.indices, found.indptr)

    def stored(array: Any, what: str) -> SharedVariable:
        stored_array = np.array(array, copy=None if borrow else True)
        return SharedVariable(
            TensorType(stored_array.dtype.name, (None,) * stored_array.ndim), stored_array, of(what)
        )

    first, second = (stored(a, what) for a, what in zip(pattern, names, strict=True))
    known = {"csr": 0, "csc": 1}.get(found.format)
    extents: list[Extent] = [
        extents_of(second)[0] - 1 if axis == known else stored(np.int64(n), what)
        for axis, (n, what) in enumerate(zip(found.shape, ("rows", "columns"), strict=True))
    ]
    data = stored(found.data, "data")
    return SharedSparse(found.format, data, (first, second), (extents[0], extents[1]), name)


def constant(value: Any, name: str | None = None) -> SparseVariable:
    """Return a sparse matrix of SciPy as a constant, as `as_sparse` does.

    >>> import scipy.sparse
    >>> import gradcore.tensor as T
    >>> T.sparse.constant(scipy.sparse.eye_array(2, format="csr")).toarray().eval()
    array([[1., 0.],
           [0., 1.]])
    """
    return as_sparse(value, name)


# parts ------------------------------------------------------------------------------------------
def from_parts(
    format: str, data: Any, first: Any, second: Any, shape: Sequence[Any]
) -> SparseVariable:
    """Return a sparse matrix of its parts.

    format : "csr", with columns and where rows begin; "csc", with rows and where columns begin;
        "coo", with rows and columns.
    data, first, second : vectors: elements and pattern.
    shape : two extents: numbers, or integer scalars of the graph.

    Raises GraphTypeError: parts are no vectors, of numbers and of integers.  A pattern that is none
    is GraphIndexError when it is used.

    >>> import gradcore.tensor as T
    >>> from_parts("coo", T.as_tensor([1.0, 2.0]), [0, 0], [1, 1], (1, 2)).toarray().eval().tolist()
    [[0.0, 3.0]]
    """
    if format not in FORMATS:
        raise GraphTypeError(f"a format is one of {', '.join(FORMATS)}, not {format!r}", here())
    elements, *pattern = (as_variable(v) for v in (data, first, second))
    for v in (elements, *pattern):
        if v.ndim != 1:
            raise GraphTypeError(f"a sparse matrix is made of vectors, not {v} ({v.type})", here())
    for v in pattern:
        if not v.type.is_discrete or v.type.dtype == "bool":
            raise GraphTypeError(f"indices are integers, not {v} ({v.type})", here())
    extents = [n if isinstance(n, Variable) else int(n) for n in shape]
    known = [int(n.data) if isinstance(n, Constant) else n for n in extents]
    if len(known) != 2:
        raise GraphTypeError(f"a sparse matrix has 2 axes, not {len(known)}", here())
    return SparseVariable(format, elements, (pattern[0], pattern[1]), (known[0], known[1]))


def _shape(shape: Any) -> Any:
    """Return a shape that may be a vector of the graph as two extents."""
    return [shape[0], shape[1]]


def CSR(data: Any, indices: Any, indptr: Any, shape: Any) -> SparseVariable:  # noqa: N802 - Theano's name
    """Return a matrix in compressed rows of its parts, as `from_parts` does.

    >>> import gradcore.tensor as T
    >>> CSR(T.as_tensor([5.0, 6.0]), [1, 0], [0, 1, 2], (2, 2)).toarray().eval().tolist()
    [[0.0, 5.0], [6.0, 0.0]]
    """
    return from_parts("csr", data, indices, indptr, _shape(shape))


def CSC(data: Any, indices: Any, indptr: Any, shape: Any) -> SparseVariable:  # noqa: N802 - Theano's name
    """Return a matrix in compressed columns of its parts, as `from_parts` does.

    >>> import gradcore.tensor as T
    >>> T.sparse.CSC([1.0, 2.0], [1, 0], [0, 1, 2], (2, 2)).toarray().eval()
    array([[0., 2.],
           [1., 0.]])
    """
    return from_parts("csc", data, indices, indptr, _shape(shape))


def COO(data: Any, row: Any, col: Any, shape: Any) -> SparseVariable:  # noqa: N802 - like its kin
    """Return a matrix in coordinates of its parts, as `from_parts` does.

    >>> import gradcore.tensor as T
    >>> T.sparse.COO([1.0, 2.0], [0, 1], [1, 0], (2, 2)).toarray().eval()
    array([[0., 1.],
           [2., 0.]])
    """
    return from_parts("coo", data, row, col, _shape(shape))


def csm_properties(x: Any) -> tuple[Variable, Variable, Variable, Variable]:
    """Return data, indices, indptr and shape of a compressed sparse matrix, as Theano does.

    >>> import gradcore.tensor as T
    >>> a = T.sparse.csr_from_dense([[0.0, 2.0], [3.0, 0.0]])
    >>> [part.eval().tolist() for part in T.sparse.csm_properties(a)]
    [[2.0, 3.0], [1, 0], [0, 1, 2], [2, 2]]
    """
    a = as_sparse(x)
    return a.data, a.indices, a.indptr, csm_shape(a)


def csm_data(x: Any) -> Variable:
    """Return the elements of a compressed sparse matrix.

    >>> import gradcore.tensor as T
    >>> a = T.sparse.csr_from_dense([[0.0, 2.0], [3.0, 0.0]])
    >>> T.sparse.csm_data(a).eval().tolist()
    [2.0, 3.0]
    """
    return csm_properties(x)[0]


def csm_indices(x: Any) -> Variable:
    """Return the indices of a compressed sparse matrix.

    >>> import gradcore.tensor as T
    >>> a = T.sparse.csr_from_dense([[0.0, 2.0], [3.0, 0.0]])
    >>> T.sparse.csm_indices(a).eval().tolist()
    [1, 0]
    """
    return csm_properties(x)[1]


def csm_indptr(x: Any) -> Variable:
    """Return where the rows, or columns, of a compressed sparse matrix begin.

    >>> import gradcore.tensor as T
    >>> a = T.sparse.csr_from_dense([[0.0, 2.0], [3.0, 0.0]])
    >>> T.sparse.csm_indptr(a).eval().tolist()
    [0, 1, 2]
    """
    return csm_properties(x)[2]


def csm_shape(x: Any) -> Variable:
    """Return the shape of a sparse matrix, a vector of int64.

    >>> import gradcore.tensor as T
    >>> a = T.sparse.csr_from_dense([[0.0, 2.0], [3.0, 0.0]])
    >>> T.sparse.csm_shape(a).eval().tolist()
    [2, 2]
    """
    return as_variable([cast(as_variable(n), "int64") for n in as_sparse(x).shape])


# of dense matrices ------------------------------------------------------------------------------
def csr_from_dense(x: Any) -> SparseVariable:
    """Return the elements of a dense matrix that are not zero, in compressed rows.

    Which these are is found when it runs; derivatives are those of these elements.

    >>> import gradcore.tensor as T
    >>> x = T.dmatrix("x")
    >>> csr_from_dense(x).eval({x: [[0.0, 2.0], [0.0, 0.0]]}).indices.tolist()
    [1]
    """
    dense = as_variable(x)
    if dense.ndim != 2:
        raise GraphTypeError(f"{dense} is no matrix but {dense.type}", here())
    row, column = nonzero(dense)
    m, n = extents_of(dense)
    starts = searchsorted(row, arange(m + 1))
    return SparseVariable("csr", dense[row, column], (column, starts), (m, n))


def csc_from_dense(x: Any) -> SparseVariable:
    """Return the elements of a dense matrix that are not zero, in compressed columns.

    >>> import gradcore.tensor as T
    >>> T.sparse.csc_from_dense([[0.0, 2.0], [3.0, 0.0]]).data.eval()
    array([3., 2.])
    """
    return csr_from_dense(as_variable(x).T).T


def dense_from_sparse(x: Any) -> Variable:
    """Return a sparse matrix as a dense one.

    >>> import scipy.sparse
    >>> import gradcore.tensor as T
    >>> a = T.sparse.csr_matrix("a")
    >>> T.sparse.dense_from_sparse(a).eval({a: scipy.sparse.eye_array(2, format="csr")})
    array([[1., 0.],
           [0., 1.]])
    """
    return as_sparse(x).toarray()


def square_diagonal(diagonal: Any) -> SparseVariable:
    """Return a square matrix with a vector on its diagonal, in compressed columns.

    >>> square_diagonal([1.0, 2.0]).toarray().eval().tolist()
    [[1.0, 0.0], [0.0, 2.0]]
    """
    vector = as_variable(diagonal)
    if vector.ndim != 1:
        raise GraphTypeError(f"a diagonal is a vector, not {vector} ({vector.type})", here())
    n = extents_of(vector)[0]
    return SparseVariable("csc", vector, (arange(n), arange(n + 1)), (n, n))


define("sparse_shared", shared)
