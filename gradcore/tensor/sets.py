"""Vectors as sets: distinct elements, and which are among others.

How many there are is known when it runs.  Elements come in ascending order, with the derivatives of
those that they are.
"""

from __future__ import annotations

import math
from typing import Any

from gradcore.errors import UnsupportedError
from gradcore.graph import Variable, as_variable, here, upcast
from gradcore.graph.nodes import extents_of
from gradcore.graph.types import FLOATS
from gradcore.language import word
from gradcore.ops import scalars
from gradcore.tensor.creation import arange, zeros_like
from gradcore.tensor.cumulative import cumsum, diff
from gradcore.tensor.elementwise import cast
from gradcore.tensor.indexing import argsort, flatnonzero, set_subtensor, sort
from gradcore.tensor.reductions import any as any_
from gradcore.tensor.searching import searchsorted
from gradcore.tensor.shapes import (
    concatenate,
    expand_dims,
    flatten,
    moveaxis,
    normalized_axis,
    reshape,
)

FEW = 16
"""Up to so many elements are compared one by one with what is looked for, not searched."""


def _starts(ordered: Variable, equal_nan: bool) -> Variable:
    """Return where a sorted vector has an element that differs from the one before it."""
    differs = scalars.neq(ordered[1:], ordered[:-1])
    if equal_nan and ordered.type.dtype in FLOATS:
        differs = differs & scalars.invert(scalars.isnan(ordered[:-1]))
    first = scalars.fill(ordered[:1], True)
    return concatenate([first, differs])


@word
def unique(
    x: Any,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    equal_nan: bool = True,
) -> Any:
    """Return the distinct elements of ``x`` in ascending order, a vector; more as a tuple.

    return_index : the index in the flat form of the first of each, too, int64.
    return_inverse : where each element of ``x`` is among them, too, int64, in the shape of ``x``.
    return_counts : how often each comes, too, int64.
    equal_nan : whether all NaN are one.
    axis : along which to take distinct parts, such as the rows of a matrix for 0, in lexicographic
        order, which must have a known number of elements; None: elements of all of ``x``.  The
        inverse is a vector then.

    Raises UnsupportedError: parts along ``axis`` whose extents are not known.

    >>> import gradcore.tensor as T
    >>> values, counts = T.unique([3, 1, 3], return_counts=True)
    >>> values.eval().tolist(), counts.eval().tolist()
    ([1, 3], [1, 2])
    """
    variable = as_variable(x)
    if axis is not None and not (variable.ndim == 1 and axis in (0, -1)):
        return _unique_parts(
            variable, axis, (return_index, return_inverse, return_counts), equal_nan
        )
    flat = flatten(variable)
    order = argsort(flat)
    ordered = flat[order] if return_index or return_inverse else sort(flat)
    starts = _starts(ordered, equal_nan)
    places = flatnonzero(starts)
    found = [ordered[places]]
    if return_index:
        found.append(order[places])
    if return_inverse:
        numbers = cumsum(cast(starts, "int64")) - 1
        inverse = set_subtensor(zeros_like(order)[order], numbers)
        found.append(reshape(inverse, extents_of(variable)) if variable.ndim != 1 else inverse)
    if return_counts:
        end = reshape(cast(extents_of(flat)[0], "int64"), (1,))
        found.append(diff(concatenate([places, end])))
    return found[0] if len(found) == 1 else tuple(found)


def _unique_parts(x: Variable, axis: int, wanted: tuple[bool, ...], equal_nan: bool) -> Any:
    """Return the distinct parts along an axis, and what else is wanted."""
    parts = moveaxis(x, normalized_axis(axis, x.ndim), 0)
    extents = parts.type.shape[1:]
    if None in extents:
        raise UnsupportedError(
            f"unique of {x} along axis {axis}: the extents of its parts, {extents}, must be known",
            here(),
            "say them with the variable, shape=, or by T.specify_shape",
        )
    known = tuple(n for n in extents if n is not None)
    columns = math.prod(known)
    rows = reshape(parts, (extents_of(parts)[0], columns))
    order = arange(extents_of(parts)[0])
    for k in reversed(range(columns)):
        order = order[argsort(rows[order, k])]
    ordered = rows[order]
    # each row differs from the one before it where a column does
    starts = scalars.lt(arange(extents_of(parts)[0]), 1)
    for k in range(columns):
        starts = starts | _starts(ordered[:, k], equal_nan)
    places = flatnonzero(starts)
    distinct = reshape(ordered[places], (extents_of(places)[0], *known))
    found = [moveaxis(distinct, 0, normalized_axis(axis, x.ndim))]
    if wanted[0]:
        found.append(order[places])
    if wanted[1]:
        numbers = cumsum(cast(starts, "int64")) - 1
        found.append(set_subtensor(zeros_like(order)[order], numbers))
    if wanted[2]:
        end = reshape(cast(extents_of(order)[0], "int64"), (1,))
        found.append(diff(concatenate([places, end])))
    return found[0] if len(found) == 1 else tuple(found)


def unique_values(x: Any) -> Variable:
    """Return the distinct elements in ascending order, each NaN for itself.

    >>> import gradcore.tensor as T
    >>> T.unique_values([3, 1, 3]).eval().tolist()
    [1, 3]
    """
    return unique(x, equal_nan=False)


def unique_counts(x: Any) -> tuple[Variable, Variable]:
    """Return the distinct elements in ascending order, and how often each comes.

    >>> import gradcore.tensor as T
    >>> [found.eval().tolist() for found in T.unique_counts([3, 1, 3])]
    [[1, 3], [1, 2]]
    """
    return unique(x, return_counts=True, equal_nan=False)


def unique_inverse(x: Any) -> tuple[Variable, Variable]:
    """Return the distinct elements in ascending order, and where each of ``x`` is among them.

    >>> import gradcore.tensor as T
    >>> [found.eval().tolist() for found in T.unique_inverse([3, 1, 3])]
    [[1, 3], [1, 0, 1]]
    """
    return unique(x, return_inverse=True, equal_nan=False)


def unique_all(x: Any) -> tuple[Variable, Variable, Variable, Variable]:
    """Return the distinct elements, the first index of each, the inverse, and the counts.

    >>> import gradcore.tensor as T
    >>> [found.eval().tolist() for found in T.unique_all([3, 1, 3])]
    [[1, 3], [1, 0], [1, 0, 1], [1, 2]]
    """
    return unique(x, True, True, True, equal_nan=False)


# membership -------------------------------------------------------------------------------------
@word
def isin(x: Any, test: Any, assume_unique: bool = False, invert: bool = False) -> Variable:
    """Return where elements of ``x`` are among those of ``test``, a bool in the shape of ``x``.

    assume_unique : ignored.
    invert : return where they are not.

    NaN is among nothing.

    >>> import gradcore.tensor as T
    >>> T.isin([1, 2, 5], [5, 1]).eval().tolist()
    [True, False, True]
    """
    variable, others = as_variable(x), flatten(test)
    n = others.type.shape[0]
    if n is not None and n <= FEW:
        found = any_(scalars.eq(expand_dims(variable, -1), others), -1)
    else:
        ordered = sort(cast(others, upcast(variable.type.dtype, others.type.dtype)))
        found = scalars.lt(
            searchsorted(ordered, variable, "left"), searchsorted(ordered, variable, "right")
        )
        if variable.type.dtype in FLOATS:
            found = found & scalars.invert(scalars.isnan(variable))
    return scalars.invert(found) if invert else found


def union1d(x: Any, y: Any) -> Variable:
    """Return the distinct elements of both, in ascending order.

    >>> import gradcore.tensor as T
    >>> T.union1d([3, 1, 2], [2, 3, 5]).eval().tolist()
    [1, 2, 3, 5]
    """
    return unique(concatenate([flatten(x), flatten(y)]))


def intersect1d(x: Any, y: Any, assume_unique: bool = False) -> Variable:
    """Return the distinct elements that are in both, in ascending order.

    assume_unique : none comes twice in one of them.

    >>> import gradcore.tensor as T
    >>> T.intersect1d([3, 1, 2], [2, 3, 5]).eval().tolist()
    [2, 3]
    """
    a, b = (flatten(v) if assume_unique else unique(v) for v in (x, y))
    both = sort(concatenate([a, b]))
    return both[1:][scalars.eq(both[1:], both[:-1])]


def setdiff1d(x: Any, y: Any, assume_unique: bool = False) -> Variable:
    """Return the distinct elements of ``x`` that are not in ``y``, in ascending order.

    assume_unique : take the elements of ``x`` as they are.

    >>> import gradcore.tensor as T
    >>> T.setdiff1d([3, 1, 2], [2, 3, 5]).eval().tolist()
    [1]
    """
    a = flatten(x) if assume_unique else unique(x)
    return a[isin(a, y, invert=True)]


def setxor1d(x: Any, y: Any, assume_unique: bool = False) -> Variable:
    """Return the distinct elements that are in just one of both, in ascending order.

    assume_unique : none comes twice in one of them.

    >>> import gradcore.tensor as T
    >>> T.setxor1d([3, 1, 2], [2, 3, 5]).eval().tolist()
    [1, 5]
    """
    a, b = (flatten(v) if assume_unique else unique(v) for v in (x, y))
    both = sort(concatenate([a, b]))
    alone = _starts(both, equal_nan=False)
    ends = concatenate([alone[1:], scalars.fill(both[:1], True)])
    return both[alone & ends]
