"""Products, sums and elementwise arithmetic of sparse matrices, with dense tensors and others."""

from __future__ import annotations

from typing import Any

from gradcore.errors import GraphTypeError
from gradcore.graph import Variable, here
from gradcore.graph.nodes import as_variable, extents_of
from gradcore.graph.types import upcast
from gradcore.language import define
from gradcore.ops import scalars
from gradcore.ops.sparse import SampledDot, SparseDot, SparseTransposedDot
from gradcore.ops.sparse_solve import SparseSolve
from gradcore.tensor.elementwise import cast
from gradcore.tensor.sparse import patterns
from gradcore.tensor.sparse.matrix import SparseVariable, as_sparse, fitted, is_sparse, scattered


# products ---------------------------------------------------------------------------------------
def dot(x: Any, y: Any) -> Any:
    """Return the matrix product of two operands, of which one is sparse.

    With a dense vector or matrix it is dense; of two sparse matrices it is sparse, in compressed
    rows.  A product with "csr" or "csc" goes through the elements once; the sums of a row come in
    the order of its elements, as in SciPy.

    Raises GraphTypeError: a dense operand is neither a vector nor a matrix; ShapeError: the inner
    extents differ, here or when it runs; GraphIndexError: the pattern is none, when it runs.

    >>> import gradcore.tensor as T
    >>> A = T.sparse.as_sparse([[0.0, 2.0], [3.0, 0.0]])
    >>> dot(A, [1.0, 10.0]).eval().tolist(), dot([1.0, 10.0], A).eval().tolist()
    ([20.0, 3.0], [30.0, 2.0])
    >>> dot(A, A).eval().toarray().tolist()
    [[6.0, 0.0], [0.0, 6.0]]
    """
    if is_sparse(x) and is_sparse(y):
        return patterns.product(as_sparse(x), as_sparse(y))
    if is_sparse(x):
        return _times(as_sparse(x), as_variable(y), f"{x} @ {y}")
    if not is_sparse(y):
        raise GraphTypeError(
            f"sparse.dot of {x} and {y}: neither is sparse", here(), "for dense ones: T.dot"
        )
    matrix, dense = as_sparse(y).T, as_variable(x)
    return _times(matrix, dense.T, f"{x} @ {y}").T


def _times(a: SparseVariable, x: Variable, what: str) -> Variable:
    """Return a sparse matrix times a vector or a matrix."""
    if x.ndim not in (1, 2):
        raise GraphTypeError(
            f"{what}: a sparse matrix is multiplied with a vector or a matrix, not {x.type}",
            here(),
            "for a number use *",
        )
    x = fitted(x, 0, a.shape[1], f"the inner extents of {what} must be equal")
    if a.format == "csr":
        return SparseDot()(a.data, *a.pattern, x)
    if a.format == "csc":
        return SparseTransposedDot()(a.data, *a.pattern, x, a.shape[0])
    data = a.data if x.ndim == 1 else a.data.dimshuffle(0, "x")
    return scattered((a.shape[0], *extents_of(x)[1:]), a.row, data * x[a.col])


def sampling_dot(x: Any, y: Any, p: Any) -> SparseVariable:
    """Return ``p * (x @ y.T)``, of which only the elements that p stores are computed.

    x, y : dense vectors or matrices, with a row for each row, and for each column, of p.

    >>> import gradcore.tensor as T
    >>> p = T.sparse.as_sparse([[0.0, 1.0], [2.0, 0.0]])
    >>> sampling_dot([1.0, 2.0], [3.0, 4.0], p).eval().toarray().tolist()
    [[0.0, 4.0], [12.0, 0.0]]
    """
    a, left, right = as_sparse(p), as_variable(x), as_variable(y)
    if a.format == "csc":
        return sampling_dot(right, left, a.T).T
    left = fitted(left, 0, a.shape[0], f"{left} must have a row for each of {a}")
    right = fitted(right, 0, a.shape[1], f"{right} must have a row for each column of {a}")
    if a.format == "csr":
        return a.with_data(a.data * SampledDot()(left, *a.pattern, right))
    terms = left[a.row] * right[a.col]
    return a.with_data(a.data * (terms if terms.ndim == 1 else terms.sum(1)))


def spsolve(a: Any, b: Any) -> Variable:
    """Return x of ``a @ x = b``, for a square sparse matrix and a dense vector or matrix.

    SuperLU, as SciPy brings it, computes it on the CPU, on any backend.  In coordinates, elements
    are compressed before.

    Raises LinAlgError, when it runs: the matrix is singular; ShapeError: extents do not fit.

    >>> import gradcore.tensor as T
    >>> A = T.sparse.as_sparse([[0.0, 2.0], [4.0, 0.0]])
    >>> b = T.dvector("b")
    >>> spsolve(A, b).eval({b: [2.0, 4.0]}).tolist()
    [1.0, 1.0]
    """
    if is_sparse(b):
        raise GraphTypeError(f"spsolve takes a dense right side, not {b}", here(), "b.toarray()")
    matrix, right = as_sparse(a), as_variable(b)
    if matrix.format == "coo":
        matrix = patterns.compressed(matrix, "csr")
    dtype = upcast(matrix.dtype, right.type.dtype)
    if dtype not in ("complex64", "complex128"):
        dtype = upcast(dtype, "float32")
    m, n = matrix.shape
    if isinstance(m, Variable) or isinstance(n, Variable) or m != n:
        right = fitted(right, 0, m, f"spsolve of {matrix}: the right side must have a row for each")
        right = fitted(right, 0, n, f"spsolve takes a square matrix: {matrix} is none")
    solve = SparseSolve(transposed=matrix.format == "csc")
    return solve(cast(matrix.data, dtype), *matrix.pattern, cast(right, dtype))


# sums -------------------------------------------------------------------------------------------
def sp_sum(x: Any, axis: int | None = None) -> Variable:
    """Return the sum of all elements, or a vector of the sums of each column (0) or row (1).

    >>> import gradcore.tensor as T
    >>> A = T.sparse.as_sparse([[0.0, 2.0], [3.0, 0.0]])
    >>> A.sum().eval().tolist(), A.sum(0).eval().tolist(), A.sum(1).eval().tolist()
    (5.0, [3.0, 2.0], [2.0, 3.0])
    """
    a = as_sparse(x)
    if axis is None:
        return a.data.sum()
    if axis not in (0, 1, -1, -2):
        raise GraphTypeError(f"a sparse matrix has axes 0 and 1, not {axis}", here())
    along_rows = axis in (1, -1)
    values = cast(a.data, a.data.sum().type.dtype)
    return scattered((a.shape[0 if along_rows else 1],), a.row if along_rows else a.col, values)


def diag(x: Any) -> Variable:
    """Return the main diagonal of a sparse matrix, a vector.

    >>> import gradcore.tensor as T
    >>> a = T.sparse.csr_from_dense([[1.0, 2.0], [3.0, 0.0]])
    >>> T.sparse.diag(a).eval().tolist()
    [1.0, 0.0]
    """
    a = as_sparse(x)
    row, col = a.row, a.col
    values = scalars.switch(scalars.eq(row, col), a.data, 0)
    m, n = a.shape
    whole = scattered((m,), row, cast(values, a.dtype))
    return whole[: m if m is n else scalars.minimum(m, n)]


# element by element -----------------------------------------------------------------------------
def _at(dense: Variable, a: SparseVariable) -> Variable:
    """Return the elements of what broadcasts to a matrix, where this stores some."""
    if dense.ndim > 2:
        raise GraphTypeError(f"{dense} ({dense.type}) has more axes than the matrix {a}", here())
    index: list[Any] = []
    places = (a.row, a.col)[2 - dense.ndim :]
    for axis, (n, place) in enumerate(zip(a.shape[2 - dense.ndim :], places, strict=True)):
        if dense.type.shape[axis] == 1:
            index.append(0)
            continue
        dense = fitted(dense, axis, n, f"{dense} must have the extents of {a}")
        index.append(place)
    return dense[tuple(index)] if index else dense


def add(x: Any, y: Any) -> Any:
    """Return a sum: sparse, of two sparse matrices; dense, of one with a dense tensor.

    A number is refused: the sum would be dense.

    >>> import gradcore.tensor as T
    >>> A, B = T.sparse.as_sparse([[0.0, 2.0]]), T.sparse.as_sparse([[1.0, 1.0]])
    >>> add(A, B).eval().toarray().tolist()
    [[1.0, 3.0]]
    """
    if is_sparse(x) and is_sparse(y):
        return patterns.added(as_sparse(x), as_sparse(y))
    a, other = (x, y) if is_sparse(x) else (y, x)
    a, dense = as_sparse(a), as_variable(other)
    if not dense.ndim:
        raise GraphTypeError(
            f"{a} + {dense}: a number added to all places makes a dense matrix",
            here(),
            "A.toarray() + number; or add to what is stored: T.sparse.structured_add(A, number)",
        )
    return a.toarray() + dense


def sub(x: Any, y: Any) -> Any:
    """Return a difference, as `add` returns a sum.

    >>> import gradcore.tensor as T
    >>> sub(T.sparse.as_sparse([[0.0, 2.0]]), [[1.0, 1.0]]).eval().tolist()
    [[-1.0, 1.0]]
    """
    return add(x, -as_sparse(y)) if is_sparse(y) else add(x, -as_variable(y))


def mul(x: Any, y: Any) -> SparseVariable:
    """Return the product element by element: of two sparse matrices, or with a dense tensor.

    A dense one broadcasts: a number, a vector of a factor for each column, a column of those of
    rows.  The result has the pattern of the sparse operand, or what two have in common.

    >>> import gradcore.tensor as T
    >>> A = T.sparse.as_sparse([[0.0, 2.0], [3.0, 4.0]])
    >>> (A * [10.0, 1.0]).eval().toarray().tolist()
    [[0.0, 2.0], [30.0, 4.0]]
    """
    if is_sparse(x) and is_sparse(y):
        return patterns.met(as_sparse(x), as_sparse(y))
    a, other = (x, y) if is_sparse(x) else (y, x)
    a = as_sparse(a)
    return a.with_data(a.data * _at(as_variable(other, (a.dtype,)), a))


def divide(x: Any, y: Any) -> SparseVariable:
    """Return a sparse matrix divided by a dense tensor, element by element where it has some.

    What is not stored stays zero, also where the other is zero.

    >>> import gradcore.tensor as T
    >>> a = T.sparse.csr_from_dense([[1.0, 2.0], [3.0, 0.0]])
    >>> T.sparse.divide(a, 2).toarray().eval()
    array([[0.5, 1. ],
           [1.5, 0. ]])
    """
    if is_sparse(y):
        raise GraphTypeError(
            f"{x} / {y}: where the divisor has no element, a quotient is no number",
            here(),
            "divide by a dense matrix: y.toarray()",
        )
    a = as_sparse(x)
    return a.with_data(a.data / _at(as_variable(y, (a.dtype,)), a))


def power(x: Any, n: Any) -> SparseVariable:
    """Return a power of each element that is stored; the exponent is a positive number.

    >>> import gradcore.tensor as T
    >>> a = T.sparse.csr_from_dense([[1.0, 2.0], [3.0, 0.0]])
    >>> T.sparse.power(a, 2).toarray().eval()
    array([[1., 4.],
           [9., 0.]])
    """
    a, exponent = as_sparse(x), as_variable(n, (as_sparse(x).dtype,))
    known = getattr(exponent, "data", None)
    if exponent.ndim or (known is not None and not known > 0):
        raise GraphTypeError(
            f"{a} ** {n}: an exponent that is no positive number makes a dense matrix", here()
        )
    return a.with_data(a.data**exponent)


def row_scale(x: Any, s: Any) -> SparseVariable:
    """Return a sparse matrix with each row times an element of a vector.

    >>> import gradcore.tensor as T
    >>> row_scale(T.sparse.as_sparse([[1.0, 2.0], [3.0, 0.0]]), [1.0, 10.0]).eval().toarray()
    array([[ 1.,  2.],
           [30.,  0.]])
    """
    return _scaled(x, s, 0)


def col_scale(x: Any, s: Any) -> SparseVariable:
    """Return a sparse matrix with each column times an element of a vector.

    >>> import gradcore.tensor as T
    >>> a = T.sparse.csr_from_dense([[1.0, 2.0], [3.0, 0.0]])
    >>> T.sparse.col_scale(a, [10.0, 100.0]).toarray().eval()
    array([[ 10., 200.],
           [ 30.,   0.]])
    """
    return _scaled(x, s, 1)


def _scaled(x: Any, s: Any, axis: int) -> SparseVariable:
    a, factors = as_sparse(x), as_variable(s)
    if factors.ndim != 1:
        raise GraphTypeError(f"factors are a vector, not {factors} ({factors.type})", here())
    factors = fitted(factors, 0, a.shape[axis], f"{factors} must have a factor for each of {a}")
    return a.with_data(a.data * factors[(a.row, a.col)[axis]])


def sampled(x: Any, like: Any) -> SparseVariable:
    """Return the elements of a dense matrix where a sparse one stores some, in its pattern.

    >>> import gradcore.tensor as T
    >>> like = T.sparse.as_sparse([[0.0, 1.0], [1.0, 0.0]])
    >>> sampled([[1.0, 2.0], [3.0, 4.0]], like).eval().toarray().tolist()
    [[0.0, 2.0], [3.0, 0.0]]
    """
    a, dense = as_sparse(like), as_variable(x)
    if dense.ndim != 2:
        raise GraphTypeError(f"{dense} is no matrix but {dense.type}", here())
    return a.with_data(_at(dense, a))


for _name, _meaning in {
    "sparse_matmul": dot,
    "sparse_add": add,
    "sparse_sub": sub,
    "sparse_mul": mul,
    "sparse_true_div": divide,
    "sparse_power": power,
    "sparse_sum": sp_sum,
    "sparse_diagonal": diag,
}.items():
    define(_name, _meaning)
