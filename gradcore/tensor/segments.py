"""Reductions of the elements that belong to one segment, and writing at places.

What segments need beyond a scatter is a sort: the largest element is the last one of its segment,
and a product is a linear recurrence that starts anew in each.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradcore.errors import GraphIndexError, GraphTypeError
from gradcore.graph import Variable, as_variable, here
from gradcore.graph.nodes import extents_of
from gradcore.ops import scalars
from gradcore.ops.control import Assert
from gradcore.ops.reduce import Recurrence
from gradcore.tensor.creation import arange, full, zeros
from gradcore.tensor.cumulative import cumsum
from gradcore.tensor.elementwise import cast
from gradcore.tensor.histograms import bincount, natural, one_more
from gradcore.tensor.indexing import argsort, inc_subtensor, take_along_axis
from gradcore.tensor.shapes import concatenate


def _segments(data: Any, segment_ids: Any, num_segments: Any) -> tuple[Variable, Variable, Any]:
    """Return data, the numbers of segments, checked, and how many segments there are."""
    variable, ids = as_variable(data), natural(as_variable(segment_ids), "segments")
    if ids.ndim != 1 or not variable.ndim:
        raise GraphTypeError(
            f"segments are numbered by a vector, along the first axis of data: {variable.type} and "
            f"{ids.type}",
            here(),
        )
    if num_segments is None:
        return variable, ids, one_more(ids, 0)
    inside = scalars.lt(ids, num_segments).all()
    message = "segments: a number is out of bounds"
    return variable, Assert(message, GraphIndexError)(ids, inside), num_segments


def segment_sum(data: Any, segment_ids: Any, num_segments: Any = None) -> Variable:
    """Return the sums of the elements along the first axis that belong to one segment.

    segment_ids : the number of the segment of each, from 0 on, in any order.
    num_segments : how many segments there are; by default as many as the largest number says.

    Segments without elements have 0.

    Raises GraphValueError, when it runs: a number is negative; GraphIndexError: it is too large.

    >>> import gradcore.tensor as T
    >>> T.segment_sum([1.0, 2.0, 4.0], [0, 2, 0]).eval().tolist()
    [5.0, 0.0, 2.0]
    """
    variable, ids, n = _segments(data, segment_ids, num_segments)
    start = zeros((n, *extents_of(variable)[1:]), variable.type.dtype)
    return inc_subtensor(start[ids], variable)


def _with_one_each(x: Variable, ids: Variable, n: Any, value: Any) -> tuple[Variable, Variable]:
    """Return data and numbers with an element more for each segment, in front: ``value``."""
    first = full((n, *extents_of(x)[1:]), value, x.type.dtype)
    return concatenate([first, x]), concatenate([arange(n), ids])


def _starts(ids: Variable, n: Any) -> tuple[Variable, Variable]:
    """Return where each of n segments starts and ends among sorted elements."""
    counts = bincount(ids, minlength=n)
    ends = cumsum(counts)
    return ends - counts, ends - 1


def segment_prod(data: Any, segment_ids: Any, num_segments: Any = None) -> Variable:
    """Return the products of the elements along the first axis that belong to one segment.

    Segments without elements have 1; derivatives are exact where elements are 0.  Arguments and
    errors as those of `segment_sum`.

    >>> import gradcore.tensor as T
    >>> T.segment_prod([1, 5, 2, 3], [0, 0, 1, 1]).eval().tolist()
    [5, 6]
    """
    variable, ids, n = _segments(data, segment_ids, num_segments)
    if variable.type.dtype == "bool":
        raise GraphTypeError(f"segment_prod takes numbers, not {variable} (bool)", here())
    x, numbers = _with_one_each(variable, ids, n, 1)
    order = argsort(numbers)
    starts, ends = _starts(numbers, n)
    ordered = x[order]
    goes_on = inc_subtensor(scalars.fill(numbers, 1)[starts], 0, set_instead_of_inc=True)
    goes_on = goes_on.dimshuffle(0, *["x"] * (x.ndim - 1))
    nothing = cast(0, ordered.type.dtype)
    factors = scalars.switch(goes_on, ordered, nothing)
    firsts = scalars.switch(goes_on, nothing, ordered)
    return Recurrence(0)(factors, firsts)[ends]


def segment_max(data: Any, segment_ids: Any, num_segments: Any = None) -> Variable:
    """Return the largest of the elements along the first axis that belong to one segment.

    NaN wins.  Segments without elements have -inf, or the least integer.  Arguments and errors as
    those of `segment_sum`.  Of equal elements one has the derivative.

    >>> import gradcore.tensor as T
    >>> T.segment_max([1, 5, 2, 3], [0, 0, 1, 1]).eval().tolist()
    [5, 3]
    """
    variable, ids, n = _segments(data, segment_ids, num_segments)
    return _of_sorted(variable, ids, n, last=True)


def segment_min(data: Any, segment_ids: Any, num_segments: Any = None) -> Variable:
    """Return the smallest of the elements along the first axis that belong to one segment.

    NaN wins.  Segments without elements have inf, or the largest integer.  Arguments and errors as
    those of `segment_sum`.  Of equal elements one has the derivative.

    >>> import gradcore.tensor as T
    >>> T.segment_min([1, 5, 2, 3], [0, 0, 1, 1]).eval().tolist()
    [1, 2]
    """
    variable, ids, n = _segments(data, segment_ids, num_segments)
    if variable.type.is_float:  # NaN is sorted to the end
        return -_of_sorted(-variable, ids, n, last=True)
    return _of_sorted(variable, ids, n, last=False)


def _of_sorted(data: Variable, ids: Variable, n: Any, last: bool) -> Variable:
    """Return the first or the last element of each segment, the elements of each being sorted."""
    x, numbers = _with_one_each(data, ids, n, _farthest(data, -1 if last else 1))
    by_value = argsort(x, 0)
    by_segment = argsort(numbers[by_value], 0)
    order = take_along_axis(by_value, by_segment, 0)
    starts, ends = _starts(numbers, n)
    return take_along_axis(x, order[ends if last else starts], 0)


def _farthest(x: Variable, sign: int) -> Any:
    """Return the largest number of a dtype, or the least one."""
    if x.type.is_float:
        return sign * math.inf
    if x.type.dtype == "bool":
        return sign > 0
    limits = np.iinfo(x.type.dtype)
    return int(limits.max if sign > 0 else limits.min)


# writing at places ------------------------------------------------------------------------------
def put_along_axis(x: Any, indices: Any, values: Any, axis: int = -1) -> Variable:
    """Return ``x`` with ``values`` in the places along ``axis`` that ``indices`` name.

    It undoes `take_along_axis`, and is torch's ``scatter``.  NumPy's changes its array in place;
    this one returns another tensor.  Of several values for one place the last one stays.

    >>> import gradcore.tensor as T
    >>> T.put_along_axis(T.zeros((2, 2)), [[1], [0]], 5, axis=1).eval().tolist()
    [[0.0, 5.0], [5.0, 0.0]]
    """
    return inc_subtensor(_places(x, indices, axis), values, set_instead_of_inc=True)


def scatter_add(x: Any, indices: Any, values: Any, axis: int = -1) -> Variable:
    """Return ``x`` with ``values`` added in the places along ``axis`` that ``indices`` name.

    What comes several times is added as often; torch's ``scatter_add``.

    >>> import gradcore.tensor as T
    >>> T.scatter_add([0, 0, 0], [2, 0, 2], [1, 10, 100]).eval().tolist()
    [10, 0, 101]
    """
    return inc_subtensor(_places(x, indices, axis), values)


def _places(x: Any, indices: Any, axis: int) -> Variable:
    return take_along_axis(as_variable(x), indices, axis)
