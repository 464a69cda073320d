"""Tensors with parts changed, taken out or put in: what NumPy does in place, as expressions."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcore.errors import GraphIndexError, GraphTypeError, UnsupportedError
from gradcore.graph import Constant, Variable, as_variable, here
from gradcore.graph.extents import larger, product, smaller
from gradcore.graph.nodes import extents_of
from gradcore.language import listed
from gradcore.ops import scalars
from gradcore.ops.control import Assert
from gradcore.tensor.creation import arange, diag, ones
from gradcore.tensor.elementwise import cast
from gradcore.tensor.indexing import argsort, flatnonzero, set_subtensor
from gradcore.tensor.shapes import (
    atleast_nd,
    broadcast_to,
    concatenate,
    flatten,
    moveaxis,
    normalized_axis,
    reshape,
)


def fill_diagonal(x: Any, val: Any, wrap: bool = False) -> Variable:
    """Return ``x`` with ``val`` on its main diagonal.

    x : a tensor of two or more axes; of more than two they must be equal.
    val : a scalar, or a vector that is read again and again.
    wrap : in a matrix with more rows than columns, go on from the top again after a row.

    NumPy's changes its array in place; this one, as Theano's, returns another tensor.

    Raises GraphTypeError: fewer axes.

    >>> import gradcore.tensor as T
    >>> T.fill_diagonal(T.zeros((2, 2)), 5).eval().tolist()
    [[5.0, 0.0], [0.0, 5.0]]
    """
    variable = as_variable(x)
    if variable.ndim < 2:
        raise GraphTypeError(f"fill_diagonal takes two or more axes, not {variable}", here())
    extents = extents_of(variable)
    if variable.ndim == 2 and wrap:
        part = flatten(variable)[:: extents[1] + 1]
        written = set_subtensor(part, _cycled(val, part))
        return reshape(written, extents)
    count: Any = extents[0]
    for n in extents[1:]:
        count = smaller(count, n)
    places = arange(count)
    part = variable[(places,) * variable.ndim]
    return set_subtensor(part, _cycled(val, part))


def _cycled(val: Any, part: Variable) -> Variable:
    """Return values for a vector: a scalar, or a vector read again and again."""
    values = as_variable(val, (part.type.dtype,))
    if values.ndim:
        values = flatten(values)
        values = values[arange(extents_of(part)[0]) % extents_of(values)[0]]
    return cast(values, part.type.dtype)


def fill_diagonal_offset(x: Any, val: Any, offset: Any) -> Variable:
    """Return a matrix with ``val`` on its diagonal number ``offset``: Theano's function.

    offset : how far to the right of the main diagonal; may be a scalar of the graph.

    >>> import gradcore.tensor as T
    >>> T.fill_diagonal_offset(T.zeros((3, 3)), 1, 1).eval().tolist()
    [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]
    """
    matrix = as_variable(x)
    if matrix.ndim != 2:
        raise GraphTypeError(f"fill_diagonal_offset takes a matrix, not {matrix.type}", here())
    rows, columns = extents_of(matrix)
    down, right = larger(-offset, 0), larger(offset, 0)
    places = arange(larger(smaller(rows - down, columns - right), 0))
    part = matrix[places + down, places + right]
    return set_subtensor(part, cast(as_variable(val, (matrix.type.dtype,)), matrix.type.dtype))


# taking out and putting in ----------------------------------------------------------------------
def delete(x: Any, obj: Any, axis: int | None = None) -> Variable:
    """Return ``x`` without the parts along ``axis`` that ``obj`` names; of the flat form, for None.

    obj : an int, a slice, integers, or a mask as long as the axis.

    How many remain is known where the extent and ``obj`` are.  Raises IndexError: out of bounds.

    >>> import gradcore.tensor as T
    >>> T.delete([1, 2, 3], [0, 2]).eval().tolist()
    [2]
    """
    variable = flatten(x) if axis is None else as_variable(x)
    a = normalized_axis(axis or 0, variable.ndim)
    before, n = (slice(None),) * a, extents_of(variable)[a]
    if isinstance(n, int) and (known := _known_key(obj)) is not None:
        mask = np.ones(n, "bool")
        mask[known] = False
        return variable[(*before, np.flatnonzero(mask))]
    remains = set_subtensor(ones((n,), "bool")[obj], False)
    return variable[(*before, flatnonzero(remains))]


def _known_key(obj: Any) -> Any:
    """Return what an index says while the graph is built, or None."""
    if isinstance(obj, slice):
        return None if _is_symbolic(obj) else obj  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] - of any bounds
    index = as_variable(obj)
    if not isinstance(index, Constant):
        return None
    return index.data if index.data.size else index.data.astype("int64")


def _is_symbolic(key: slice) -> bool:
    return any(isinstance(bound, Variable) for bound in (key.start, key.stop, key.step))


def insert(x: Any, obj: Any, values: Any, axis: int | None = None) -> Variable:
    """Return ``x`` with ``values`` put in before the places ``obj``; into the flat form, for None.

    obj : an int, or a vector of integers, one for each of the values along ``axis``.
    values : they broadcast to what is put in, and are taken in the dtype of ``x``.

    Raises UnsupportedError: a slice or a mask; GraphIndexError, when it runs: out of bounds.

    >>> import gradcore.tensor as T
    >>> T.insert([1, 2, 3], [1, 3], [9, 8]).eval().tolist()
    [1, 9, 2, 3, 8]
    """
    variable = flatten(x) if axis is None else as_variable(x)
    a = normalized_axis(axis or 0, variable.ndim)
    if isinstance(obj, slice) or as_variable(obj).type.dtype == "bool":
        raise UnsupportedError(f"insert takes integers, not {obj}", here())
    places = as_variable(obj)
    n = extents_of(variable)[a]
    given = cast(as_variable(values, (variable.type.dtype,)), variable.type.dtype)
    if not places.ndim:
        if given.ndim == variable.ndim and axis is not None:
            given = moveaxis(given, 0, a)
        given = atleast_nd(given, variable.ndim)
        places = broadcast_to(places, (extents_of(given)[a],))
    shape = list(extents_of(variable))
    shape[a] = extents_of(places)[0]
    both = concatenate([broadcast_to(given, shape), variable], a)
    places = cast(places, "int64")
    places = scalars.switch(scalars.lt(places, 0), places + n, places)
    inside = (scalars.ge(places, 0) & scalars.le(places, n)).all()
    places = Assert("insert: a place is out of bounds", GraphIndexError)(places, inside)
    order = argsort(concatenate([places, arange(n)]))
    return both[(*(slice(None),) * a, order)]


def resize(x: Any, new_shape: Any) -> Variable:
    """Return as many elements of ``x``, again and again in C order, as fill ``new_shape``.

    new_shape : one extent or several, ints or scalars of the graph.

    Raises IndexError, when it runs: there are no elements, and some are wanted.

    >>> import gradcore.tensor as T
    >>> T.resize([1, 2, 3], (2, 2)).eval().tolist()
    [[1, 2], [3, 1]]
    """
    flat, shape = flatten(x), listed(new_shape)
    places = arange(product(tuple(shape))) % larger(extents_of(flat)[0], 1)
    return reshape(flat[places], shape)


def diagflat(v: Any, k: int = 0) -> Variable:
    """Return a matrix with the elements of the flat ``v`` on its ``k``-th diagonal.

    >>> import gradcore.tensor as T
    >>> T.diagflat([1, 2]).eval().tolist()
    [[1, 0], [0, 2]]
    """
    return diag(flatten(v), k)
