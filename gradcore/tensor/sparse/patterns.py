"""Patterns that are computed: of sums and products of sparse matrices, of parts, of conversions.

A place in a matrix is numbered row by row, in int64; to sort these numbers and to leave out the
second of equal ones makes the pattern of what is put together.  Elements follow by a scatter or a
gather, and so do derivatives.

How many elements there are is found when a function runs.  Where two matrices have one pattern, the
same variables, nothing is computed but elements.
"""

from __future__ import annotations

from typing import Any

from gradcore.errors import GraphTypeError, ShapeError
from gradcore.graph import Variable, here
from gradcore.graph.nodes import extents_of
from gradcore.graph.types import upcast
from gradcore.language import define
from gradcore.ops import scalars
from gradcore.ops.control import Assert
from gradcore.tensor.creation import arange, zeros
from gradcore.tensor.cumulative import cumsum
from gradcore.tensor.elementwise import cast
from gradcore.tensor.indexing import flatnonzero
from gradcore.tensor.repeats import repeat
from gradcore.tensor.searching import searchsorted
from gradcore.tensor.sets import unique
from gradcore.tensor.shapes import concatenate
from gradcore.tensor.sparse.matrix import (
    Extent,
    SparseVariable,
    as_sparse,
    fitted,
    scattered,
)

NO_STEP = "rows of a sparse matrix are taken by a slice, or a vector of numbers or booleans"


# places -----------------------------------------------------------------------------------------
def places(a: SparseVariable) -> Variable:
    """Return the number of the place of each element, row by row."""
    return cast(a.row, "int64") * a.shape[1] + cast(a.col, "int64")


def _of_places(
    numbers: Variable, data: Variable, shape: tuple[Extent, Extent], dtype: str
) -> SparseVariable:
    """Return a matrix in compressed rows, of distinct places in ascending order.

    dtype : of its indices.
    """
    width = scalars.maximum(shape[1], 1)
    row = numbers // width
    starts = searchsorted(row, arange(shape[0] + 1))
    pattern = cast(numbers - row * width, dtype), cast(starts, dtype)
    return SparseVariable("csr", data, pattern, shape)


def _dtype(*matrices: SparseVariable) -> str:
    """Return the dtype that holds the indices of matrices."""
    return upcast(*(v.type.dtype for a in matrices for v in a.pattern))


def compressed(a: SparseVariable, format: str) -> SparseVariable:
    """Return a matrix in compressed rows or columns: sorted, with one element a place."""
    if a.format == format:
        return a
    if format == "csc":
        return compressed(a.T, "csr").T
    numbers, which = unique(places(a), return_inverse=True)
    data = scattered(extents_of(numbers), which, a.data)
    return _of_places(numbers, data, a.shape, _dtype(a))


def canonical(a: SparseVariable) -> SparseVariable:
    """Return a matrix with elements sorted by place, and those of one place added.

    It is in the same format, but for coordinates: these become compressed rows.

    >>> import scipy.sparse
    >>> twice = scipy.sparse.coo_array(([1.0, 2.0], ([0, 0], [1, 1])), shape=(1, 2))
    >>> canonical(as_sparse(twice)).data.eval().tolist()
    [3.0]
    """
    if a.format == "csc":
        return canonical(a.T).T
    return compressed(a.tocoo(), "csr")


def sorted_indices(a: SparseVariable) -> SparseVariable:
    """Return a compressed matrix with elements in the order of their places.

    >>> import gradcore.tensor as T
    >>> a = T.sparse.CSR([1.0, 2.0], [1, 0], [0, 2], (1, 2))
    >>> T.sparse.sorted_indices(a).indices.eval().tolist()
    [0, 1]
    """
    if a.format == "csc":
        return sorted_indices(a.T).T
    order = places(a).argsort()
    return SparseVariable("csr", a.data[order], (a.indices[order], a.indptr), a.shape)


def without_zeros(a: SparseVariable) -> SparseVariable:
    """Return a matrix without the elements that are stored though they are zero.

    >>> import gradcore.tensor as T
    >>> a = T.sparse.CSR([0.0, 2.0], [0, 1], [0, 2], (1, 2))
    >>> T.sparse.without_zeros(a).data.eval().tolist()
    [2.0]
    """
    if a.format == "csc":
        return without_zeros(a.T).T
    retained = flatnonzero(scalars.neq(a.data, 0))
    coo = SparseVariable("coo", a.data[retained], (a.row[retained], a.col[retained]), a.shape)
    return coo if a.format == "coo" else compressed(coo, "csr")


# two matrices -----------------------------------------------------------------------------------
def _of_one_shape(a: SparseVariable, b: SparseVariable, what: str) -> SparseVariable:
    """Return ``b``, which has the shape of ``a``, or is checked to have it.

    Raises ShapeError: it is known to have another.
    """
    message = f"{what} of {a} and {b}: their extents differ"
    conditions: list[Variable] = []
    for m, n in zip(a.shape, b.shape, strict=True):
        if isinstance(m, int) and isinstance(n, int):
            if m != n:
                raise ShapeError(f"{message}: {m} and {n}", here())
        elif m is not n:
            conditions.append(scalars.eq(m, n))
    return b.with_data(Assert(message, ShapeError)(b.data, *conditions)) if conditions else b


def same_pattern(a: SparseVariable, b: SparseVariable) -> bool:
    """Return whether two matrices are known to have one pattern: the same variables."""
    same = zip(a.pattern, b.pattern, strict=True)
    return a.format == b.format and all(x is y for x, y in same)


def _together(a: SparseVariable, b: SparseVariable) -> tuple[Variable, Variable, Variable]:
    """Return the distinct places of two matrices, and which are those of the elements of each."""
    first = places(a)
    numbers, which = unique(concatenate([first, places(b)]), return_inverse=True)
    n = extents_of(first)[0]
    return numbers, which[:n], which[n:]


def added(a: SparseVariable, b: SparseVariable) -> SparseVariable:
    """Return the sum of two sparse matrices."""
    b = _of_one_shape(a, b, "the sum")
    if same_pattern(a, b):
        return a.with_data(a.data + b.data)
    if a.format == b.format == "csc":
        return added(a.T, b.T).T
    numbers, left, right = _together(a, b)
    extent = extents_of(numbers)
    data = scattered(extent, left, a.data) + scattered(extent, right, b.data)
    return _of_places(numbers, data, a.shape, _dtype(a, b))


def met(a: SparseVariable, b: SparseVariable) -> SparseVariable:
    """Return the product of two sparse matrices, element by element."""
    b = _of_one_shape(a, b, "the product")
    if a.format == b.format == "csc":
        return met(a.T, b.T).T
    numbers, left, right = _together(a, b)
    extent = extents_of(numbers)
    stored = [scattered(extent, w, scalars.fill(w, True)) for w in (left, right)]
    both = flatnonzero(stored[0] & stored[1])
    data = scattered(extent, left, a.data)[both] * scattered(extent, right, b.data)[both]
    return _of_places(numbers[both], data, a.shape, _dtype(a, b))


def product(a: SparseVariable, b: SparseVariable) -> SparseVariable:
    """Return the matrix product of two sparse matrices, in compressed rows.

    Each element of a meets the row of b that its column names; what comes to one place is added.
    """
    b = compressed(b, "csr")
    m, n = a.shape[1], b.shape[0]
    if isinstance(m, int) and isinstance(n, int) and m != n:
        raise ShapeError(f"{a} @ {b}: extents {m} and {n} differ", here())
    starts = fitted(b.indptr, 0, m + 1, f"the inner extents of {a} @ {b} must be equal")
    begins = cast(starts[:-1], "int64")[a.col]
    counts = cast(starts[1:], "int64")[a.col] - begins
    left, right = _runs(begins, counts)
    numbers = cast(a.row, "int64")[left] * b.shape[1] + cast(b.indices, "int64")[right]
    numbers, which = unique(numbers, return_inverse=True)
    data = scattered(extents_of(numbers), which, a.data[left] * b.data[right])
    return _of_places(numbers, data, (a.shape[0], b.shape[1]), _dtype(a, b))


def _runs(begins: Variable, counts: Variable) -> tuple[Variable, Variable]:
    """Return the places in runs, and which run each is in."""
    which = repeat(arange(extents_of(counts)[0]), counts)
    before = cumsum(counts) - counts
    return which, arange(extents_of(which)[0]) + (begins - before)[which]


# parts ------------------------------------------------------------------------------------------
def part(a: SparseVariable, key: Any) -> Any:
    """Return rows of a matrix, columns of one in compressed columns, or one element.

    key : a slice, or a vector of numbers or booleans; ``:`` and such a key for columns; or two
        integers, of which the element is a scalar.

    Raises GraphTypeError: another key.

    >>> A = as_sparse([[0.0, 2.0], [3.0, 0.0], [0.0, 4.0]])
    >>> A[1:].toarray().eval().tolist(), A[[2, 0]].data.eval().tolist(), A[1, 0].eval().tolist()
    ([[3.0, 0.0], [0.0, 4.0]], [4.0, 2.0], 3.0)
    """
    rows: Any = key
    columns: Any = slice(None)
    if isinstance(key, tuple):
        keys: list[Any] = [*key]
        rows, columns = keys if len(keys) == 2 else (rows, columns)
    if _is_scalar(rows) and _is_scalar(columns):
        return _element(a, rows, columns)
    if _is_all(columns) and not _is_scalar(rows):
        return _rows(compressed(a, "csr"), rows)
    if _is_all(rows) and not _is_scalar(columns):
        return _rows(compressed(a.T, "csr"), columns).T
    raise GraphTypeError(
        f"{a}[{key}]: {NO_STEP}",
        here(),
        "A[i : i + 1] is a row, A[:, i : i + 1] a column, A[i, j] an element; A[rows][:, columns]",
    )


def _is_all(key: Any) -> bool:
    return isinstance(key, slice) and key == slice(None)


def _is_scalar(key: Any) -> bool:
    if isinstance(key, Variable):
        return key.ndim == 0
    return key is None or key is Ellipsis or (not isinstance(key, slice) and not _has_len(key))


def _has_len(key: Any) -> bool:
    return hasattr(key, "__len__") and getattr(key, "ndim", 1) > 0


def _element(a: SparseVariable, i: Any, j: Any) -> Variable:
    """Return one element; indices are checked, and counted from the end, by what they index."""
    if any(key is None or key is Ellipsis for key in (i, j)):
        raise GraphTypeError(f"{a}[{i}, {j}]: {NO_STEP}", here())
    row, column = (arange(n)[key] for n, key in zip(a.shape, (i, j), strict=True))
    here_ = scalars.eq(a.row, row) & scalars.eq(a.col, column)
    return cast(scalars.switch(here_, a.data, 0).sum(), a.dtype)


def _rows(a: SparseVariable, key: Any) -> SparseVariable:
    """Return rows of a matrix in compressed rows, in the order in which they are named."""
    dtype = a.indptr.type.dtype
    begins, ends = (cast(v, "int64")[key] for v in (a.indptr[:-1], a.indptr[1:]))
    if begins.ndim != 1:
        raise GraphTypeError(f"{a}[{key}]: {NO_STEP}", here())
    counts = ends - begins
    starts = concatenate([zeros(1, "int64"), cumsum(counts)])
    _, retained = _runs(begins, counts)
    pattern = a.indices[retained], cast(starts, dtype)
    return SparseVariable("csr", a.data[retained], pattern, (extents_of(begins)[0], a.shape[1]))


# stacks -----------------------------------------------------------------------------------------
def hstack(blocks: Any, format: str | None = None) -> SparseVariable:
    """Return sparse matrices side by side: in the format given, by default compressed rows.

    >>> A = as_sparse([[1.0], [2.0]])
    >>> hstack([A, A * 10]).toarray().eval().tolist()
    [[1.0, 10.0], [2.0, 20.0]]
    """
    return _joined([as_sparse(block).tocoo() for block in blocks], 1, format or "csr")


def vstack(blocks: Any, format: str | None = None) -> SparseVariable:
    """Return sparse matrices one above the other, as `hstack` does side by side.

    >>> import gradcore.tensor as T
    >>> a = T.sparse.csr_from_dense([[0.0, 2.0]])
    >>> T.sparse.vstack([a, a]).toarray().eval()
    array([[0., 2.],
           [0., 2.]])
    """
    return _joined([as_sparse(block).tocoo() for block in blocks], 0, format or "csr")


def _joined(blocks: list[SparseVariable], axis: int, format: str) -> SparseVariable:
    if not blocks:
        raise GraphTypeError("there is no sparse matrix to join", here())
    first, offset = blocks[0], 0
    pattern: list[tuple[Variable, Variable]] = []
    elements: list[Variable] = []
    for block in blocks:
        block = _of_one_shape(_resized(first, axis, block.shape[axis]), block, "the join")  # noqa: PLW2901 - checked
        moved = [cast(v, "int64") for v in block.pattern]
        moved[axis] = moved[axis] + offset
        pattern.append((moved[0], moved[1]))
        elements.append(block.data)
        offset = offset + block.shape[axis]
    dtype = _dtype(*blocks)
    both = [cast(concatenate([p[k] for p in pattern]), dtype) for k in (0, 1)]
    data = concatenate(elements)
    shape = (offset, first.shape[1]) if axis == 0 else (first.shape[0], offset)
    found = SparseVariable("coo", data, (both[0], both[1]), shape)
    return found if format == "coo" else compressed(found, format)


def _resized(a: SparseVariable, axis: int, n: Extent) -> SparseVariable:
    shape = (n, a.shape[1]) if axis == 0 else (a.shape[0], n)
    return SparseVariable(a.format, a.data, a.pattern, shape)


define("sparse_compressed", compressed)
define("sparse_part", part)
