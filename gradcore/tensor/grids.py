"""Grids: coordinates along axes, and the indices of parts of a matrix.

Their extents may be scalars of the graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradcore.errors import GraphTypeError, GraphValueError
from gradcore.graph import Constant, Variable, as_variable, here, upcast
from gradcore.graph.nodes import extents_of
from gradcore.graph.types import whole_number
from gradcore.language import is_several
from gradcore.ops.control import Assert
from gradcore.ops.scalars import clip, eq, exp, ge, gt, invert, log, log10, lt, switch
from gradcore.tensor.creation import arange, linspace, tri
from gradcore.tensor.elementwise import cast
from gradcore.tensor.indexing import nonzero
from gradcore.tensor.shapes import broadcast_to, expand_dims, flatten, stack


# coordinates ------------------------------------------------------------------------------------
def meshgrid(*xi: Any, indexing: str = "xy", sparse: bool = False) -> tuple[Variable, ...]:
    """Return the coordinates of the points of a grid, a tensor for each vector.

    xi : vectors or scalars of n_1, ..., n_k coordinates along the axes.
    indexing : "ij": results have the shape (n_1, ..., n_k); "xy": the first two are exchanged.
    sparse : extents are 1 along all axes but a result's own.

    Raises GraphValueError: another ``indexing``.

    >>> import gradcore.tensor as T
    >>> [x.eval().tolist() for x in T.meshgrid([1, 2], [3, 4])]
    [[[1, 2], [1, 2]], [[3, 3], [4, 4]]]
    """
    if indexing not in ("xy", "ij"):
        raise GraphValueError(f"indexing is 'xy' or 'ij', not {indexing!r}", here())
    vectors = [flatten(x) for x in xi]
    order = list(range(len(vectors)))
    if indexing == "xy" and len(order) > 1:
        order[:2] = 1, 0
    return tuple(_grid(vectors, order, sparse))


def _grid(vectors: Sequence[Variable], places: Sequence[int], sparse: bool) -> list[Variable]:
    """Return each vector along the axis at its place, stretched along the others if not sparse."""
    rank = len(vectors)
    lines = [
        expand_dims(v, tuple(a for a in range(rank) if a != place))
        for v, place in zip(vectors, places, strict=True)
    ]
    if sparse:
        return lines
    shape: list[Any] = [1] * rank
    for v, place in zip(vectors, places, strict=True):
        shape[place] = extents_of(v)[0]
    return [broadcast_to(line, shape) for line in lines]


def indices(dimensions: Sequence[Any], dtype: str = "int64", sparse: bool = False) -> Any:
    """Return the indices of a tensor of the extents ``dimensions``, stacked along a first axis.

    sparse : a tuple of them instead, each of extent 1 along all axes but its own.

    >>> import gradcore.tensor as T
    >>> T.indices((2, 2)).eval().tolist()
    [[[0, 0], [1, 1]], [[0, 1], [0, 1]]]
    """
    vectors = [cast(arange(n), dtype) for n in dimensions]
    found = _grid(vectors, range(len(vectors)), sparse)
    if sparse:
        return tuple(found)
    return stack(found) if found else Constant(np.zeros((0,), dtype))


class _Grid:
    """What ``T.mgrid`` and ``T.ogrid`` are: slices in, grids out; `ogrid` has axes of extent 1.

    >>> import gradcore.tensor as T
    >>> T.mgrid[0:2, 0:3].eval().tolist()
    [[[0, 0, 0], [1, 1, 1]], [[0, 1, 2], [0, 1, 2]]]
    >>> [line.type.shape for line in T.ogrid[0:2, 0:1:5j]]
    [(2, 1), (1, 5)]
    """

    def __init__(self, sparse: bool) -> None:
        self.sparse = sparse

    def __getitem__(self, key: Any) -> Any:
        """Return the grid of slices; a step of ``5j`` means five points, the last one included."""
        if not isinstance(key, tuple):
            return _line(key)
        lines = [_line(item) for item in key]  # pyright: ignore[reportUnknownVariableType] - of any bounds
        dtype = upcast(*(v.dtype for v in lines))
        found = _grid([cast(v, dtype) for v in lines], range(len(lines)), self.sparse)
        return tuple(found) if self.sparse else stack(found)


def _line(key: Any) -> Variable:
    """Return the coordinates that a slice names."""
    if not isinstance(key, slice):
        raise GraphTypeError(f"a grid takes slices, not {key}", here())
    start, stop, step = _bounds(key)  # pyright: ignore[reportUnknownArgumentType] - of any bounds
    first = 0 if start is None else start
    if isinstance(step, complex):
        return linspace(first, stop, int(abs(step)))
    return arange(first, stop, 1 if step is None else step)


def _bounds(key: slice) -> tuple[Any, Any, Any]:
    return key.start, key.stop, key.step


mgrid = _Grid(sparse=False)
"""``T.mgrid[0:2, 0:3]``: the coordinates of all points, stacked along a first axis."""

ogrid = _Grid(sparse=True)
"""``T.ogrid[0:2, 0:3]``: the coordinates along each axis, which broadcast to a grid."""


def ix_(*sequences: Any) -> tuple[Variable, ...]:
    """Return vectors as indices of a sub-grid: ``x[T.ix_(rows, columns)]``.

    A mask stands for the places where it is true.  Raises GraphTypeError: no vector.

    >>> import gradcore.tensor as T
    >>> x = T.constant([[1, 2, 3], [4, 5, 6]])
    >>> x[T.ix_([0, 1], [0, 2])].eval().tolist()
    [[1, 3], [4, 6]]
    """
    vectors: list[Variable] = []
    for given in sequences:
        v = as_variable(given)
        if v.ndim != 1:
            raise GraphTypeError(f"ix_ takes vectors, not {v} ({v.type})", here())
        if v.type.dtype == "bool":
            v = nonzero(v)[0]
        vectors.append(cast(v, "int64") if v.type.is_float else v)
    return tuple(_grid(vectors, range(len(vectors)), sparse=True))


def logspace(
    start: Any,
    stop: Any,
    num: Any = 50,
    endpoint: bool = True,
    base: Any = 10.0,
    dtype: str | None = None,
) -> Variable:
    """Return ``base ** linspace(start, stop, num, endpoint)``.

    >>> import gradcore.tensor as T
    >>> T.logspace(0, 2, 3).eval().round(6).tolist()
    [1.0, 10.0, 100.0]
    """
    powers = as_variable(base) ** linspace(start, stop, num, endpoint)
    return powers if dtype is None else cast(powers, dtype)


def geomspace(
    start: Any, stop: Any, num: Any = 50, endpoint: bool = True, dtype: str | None = None
) -> Variable:
    """Return ``num`` numbers in geometric progression from ``start`` to ``stop``.

    Both are not 0, and, if they are real, of one sign; else the result is NaN.  The first is
    ``start`` itself, the last one ``stop``, if it is included (``endpoint``).  Complex ones lie on
    a spiral, which turns by less than half a circle.

    >>> import gradcore.tensor as T
    >>> T.geomspace(1, 8, 4).eval().round(12).tolist()
    [1.0, 2.0, 4.0, 8.0]
    """
    first, last = as_variable(start), as_variable(stop)
    steps, quotient = linspace(0.0, 1.0, num, endpoint), last / first
    if quotient.type.is_complex:
        found = first * exp(steps * log(quotient))
    else:
        same_sign = switch(gt(first / last, 0), first, np.nan)
        found = same_sign * 10.0 ** (steps * log10(abs(quotient)))
    places = arange(num)
    if endpoint:
        found = switch(eq(places, as_variable(num) - 1) & gt(places, 0), last, found)
    return found if dtype is None else cast(found, dtype)


# indices of parts -------------------------------------------------------------------------------
def tril_indices(n: Any, k: Any = 0, m: Any = None) -> tuple[Variable, ...]:
    """Return the indices of the elements on and below the ``k``-th diagonal, n by m, row by row.

    Two vectors of int64, whose length is known where ``n``, ``k`` and ``m`` are ints.

    >>> import gradcore.tensor as T
    >>> [i.eval().tolist() for i in T.tril_indices(2)]
    [[0, 1, 1], [0, 0, 1]]
    """
    if known := _whole(n, k, n if m is None else m):
        return tuple(Constant(i, "int64") for i in np.tril_indices(*known))
    return tuple(nonzero(tri(n, m, k, "bool")))


def triu_indices(n: Any, k: Any = 0, m: Any = None) -> tuple[Variable, ...]:
    """Return the indices of the elements on and above the ``k``-th diagonal, as `tril_indices`.

    >>> import gradcore.tensor as T
    >>> [index.eval().tolist() for index in T.triu_indices(3, 1)]
    [[0, 0, 1], [1, 2, 2]]
    """
    if known := _whole(n, k, n if m is None else m):
        return tuple(Constant(i, "int64") for i in np.triu_indices(*known))
    return tuple(nonzero(invert(tri(n, m, k - 1, "bool"))))


def _whole(*numbers: Any) -> list[int] | None:
    """Return numbers as ints, or None if one of them is not known while the graph is built."""
    known = [whole_number(i) for i in numbers]
    return None if any(i is None for i in known) else [i for i in known if i is not None]


def tril_indices_from(x: Any, k: Any = 0) -> tuple[Variable, ...]:
    """Return the `tril_indices` of a matrix.

    >>> import gradcore.tensor as T
    >>> x = T.constant([[1, 2], [3, 4]])
    >>> x[T.tril_indices_from(x)].eval().tolist()
    [1, 3, 4]
    """
    rows, columns = _sides(x, "tril_indices_from")
    return tril_indices(rows, k, columns)


def triu_indices_from(x: Any, k: Any = 0) -> tuple[Variable, ...]:
    """Return the `triu_indices` of a matrix.

    >>> import gradcore.tensor as T
    >>> x = T.constant([[1, 2], [3, 4]])
    >>> x[T.triu_indices_from(x)].eval().tolist()
    [1, 2, 4]
    """
    rows, columns = _sides(x, "triu_indices_from")
    return triu_indices(rows, k, columns)


def _sides(x: Any, name: str) -> tuple[Any, ...]:
    matrix = as_variable(x)
    if matrix.ndim != 2:
        raise GraphTypeError(f"{name} takes a matrix, not {matrix} ({matrix.type})", here())
    return extents_of(matrix)


def diag_indices(n: Any, ndim: int = 2) -> tuple[Variable, ...]:
    """Return the indices of the main diagonal of a tensor of ``ndim`` axes of extent ``n``.

    >>> import gradcore.tensor as T
    >>> [index.eval().tolist() for index in T.diag_indices(3)]
    [[0, 1, 2], [0, 1, 2]]
    """
    return (arange(n),) * ndim


def diag_indices_from(x: Any) -> tuple[Variable, ...]:
    """Return the `diag_indices` of a tensor of two or more equal extents.

    >>> import gradcore.tensor as T
    >>> x = T.zeros((2, 2))
    >>> T.set_subtensor(x[T.diag_indices_from(x)], 5).eval().tolist()
    [[5.0, 0.0], [0.0, 5.0]]
    """
    variable = as_variable(x)
    if variable.ndim < 2:
        raise GraphTypeError(f"diag_indices_from takes two or more axes, not {variable}", here())
    return diag_indices(extents_of(variable)[0], variable.ndim)


# flat indices -----------------------------------------------------------------------------------
def _strides(dims: Sequence[Any], order: str) -> list[Any]:
    """Return by how much a flat index grows along each axis."""
    if order not in ("C", "F"):
        raise GraphValueError(f"order is 'C' or 'F', not {order!r}", here())
    strides: list[Any] = []
    step: Any = 1
    for n in reversed(dims) if order == "C" else dims:
        strides.append(step)
        step = step * n
    return strides[::-1] if order == "C" else strides


def _in_bounds(index: Variable, n: Any, name: str) -> Variable:
    inside = (ge(index, 0) & lt(index, n)).all()
    return Assert(f"{name}: an index is out of bounds", GraphValueError)(index, inside)


def ravel_multi_index(
    multi_index: Sequence[Any], dims: Any, mode: str | Sequence[str] = "raise", order: str = "C"
) -> Variable:
    """Return the flat indices of elements, given their indices along each axis; int64.

    dims : the extents of the tensor.
    mode : "raise", "wrap" or "clip": of an index out of bounds; or one for each axis.
    order : "C", or "F": the first axis goes fastest.

    Raises GraphValueError, when it runs: an index is out of bounds (negative ones are).

    >>> import gradcore.tensor as T
    >>> T.ravel_multi_index(([1, 2], [0, 1]), (3, 4)).eval().tolist()
    [4, 9]
    """
    extents = list(dims) if is_several(dims) else [dims]
    modes = [mode] * len(extents) if isinstance(mode, str) else list(mode)
    flat: Any = 0
    strides = _strides(extents, order)
    for given, n, how, step in zip(multi_index, extents, modes, strides, strict=True):
        flat = flat + _fitted(cast(given, "int64"), n, how, "ravel_multi_index") * step
    return flat


def _fitted(index: Variable, n: Any, mode: str, name: str) -> Variable:
    """Return indices that fit an extent, by NumPy's modes."""
    if mode == "raise":
        return _in_bounds(index, n, name)
    if mode == "wrap":
        return index % n
    if mode == "clip":
        return clip(index, 0, n - 1)
    raise GraphValueError(f"mode is raise, clip or wrap, not {mode!r}", here())


def unravel_index(indices: Any, shape: Any, order: str = "C") -> tuple[Variable, ...]:
    """Return the indices along each axis of elements, given their flat indices; int64.

    shape : the extents of the tensor.
    order : "C", or "F": the first axis goes fastest.

    Raises GraphValueError, when it runs: an index is out of bounds (negative ones are).

    >>> import gradcore.tensor as T
    >>> [i.eval().tolist() for i in T.unravel_index([4, 9], (3, 4))]
    [[1, 2], [0, 1]]
    """
    extents = list(shape) if is_several(shape) else [shape]
    size: Any = 1
    for n in extents:
        size = size * n
    flat = _in_bounds(cast(indices, "int64"), size, "unravel_index")
    steps = zip(_strides(extents, order), extents, strict=True)
    return tuple((flat // step) % n for step, n in steps)
