"""Elements that are found: places in sorted vectors, the largest ones, parts by conditions."""

from __future__ import annotations

from typing import Any

from gradcore.errors import GraphTypeError, GraphValueError
from gradcore.graph import Variable, as_variable, here
from gradcore.graph.nodes import constant_extent, extents_of
from gradcore.language import listed, word
from gradcore.ops import scalars
from gradcore.ops.search import SearchSorted
from gradcore.tensor.indexing import argsort, flatnonzero, nonzero, sort, take, take_along_axis
from gradcore.tensor.repeats import flip
from gradcore.tensor.shapes import flatten, normalized_axis, stack


@word
def searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Variable:
    """Return where each element of ``v`` is to be inserted to keep ``a`` sorted, int64.

    a : a vector in ascending order, NaN last.
    side : of several such places the first ("left") or the last ("right").
    sorter : indices that sort ``a``, if it is not sorted.

    It is found by bisection.  Raises GraphTypeError: ``a`` is no vector; GraphValueError: another
    ``side``.

    >>> import gradcore.tensor as T
    >>> T.searchsorted([1, 3, 5], [0, 3, 9]).eval().tolist()
    [0, 1, 3]
    """
    vector = as_variable(a)
    return SearchSorted(side)(vector if sorter is None else vector[sorter], v)


def digitize(x: Any, bins: Any, right: bool = False) -> Variable:
    """Return the number of the bin that each element of ``x`` belongs to, int64.

    bins : a vector in ascending or descending order.
    right : whether a bin includes its right end instead of its left one.

    It is 0 before all bins, and their length behind the last one.

    >>> import gradcore.tensor as T
    >>> T.digitize([0.5, 1.0, 9.0], [0, 1, 2]).eval().tolist()
    [1, 2, 3]
    """
    edges = as_variable(bins)
    if edges.ndim != 1:
        raise GraphTypeError(f"bins are a vector, not {edges} ({edges.type})", here())
    falls = scalars.gt(edges[:1], edges[-1:]).any()
    upwards = scalars.switch(falls, flip(edges), edges)
    found = searchsorted(upwards, x, "left" if right else "right")
    return scalars.switch(falls, extents_of(edges)[0] - found, found)


# orders -----------------------------------------------------------------------------------------
@word
def partition(x: Any, kth: Any, axis: int | None = -1) -> Variable:
    """Return ``x`` with the element number ``kth`` along ``axis`` where sorting would put it.

    What is before it is not larger, what is behind it not smaller.  Here all are sorted.

    >>> import gradcore.tensor as T
    >>> T.partition([9, 1, 8, 2], 1)[1].eval()
    array(2)
    """
    return sort(_with_places(x, kth, axis), axis)


@word
def argpartition(x: Any, kth: Any, axis: int | None = -1) -> Variable:
    """Return the indices that make a `partition`, int64.

    >>> import gradcore.tensor as T
    >>> x = T.constant([9, 1, 8, 2])
    >>> x[T.argpartition(x, 1)[:2]].sum().eval()
    array(3)
    """
    return argsort(_with_places(x, kth, axis), axis)


def _with_places(x: Any, kth: Any, axis: int | None) -> Variable:
    """Return ``x``, of which ``kth`` must be places where that is known."""
    variable = as_variable(x)
    n = (
        flatten(variable).type.shape[0]
        if axis is None
        else variable.type.shape[normalized_axis(axis, variable.ndim)]
    )
    for k in listed(kth):
        place = constant_extent(as_variable(k))
        if place is not None and n is not None and not -n <= place < n:
            raise GraphValueError(f"kth={place} is out of bounds: there are {n} elements", here())
    return variable


def lexsort(keys: Any, axis: int = -1) -> Variable:
    """Return the indices that sort along ``axis`` by several keys, the last of them first; int64.

    keys : tensors of one shape, or a tensor of known first extent.

    >>> import gradcore.tensor as T
    >>> T.lexsort([[1, 0, 2], [1, 1, 0]]).eval().tolist()
    [2, 1, 0]
    """
    given = [as_variable(key) for key in keys]
    if not given:
        raise GraphValueError("lexsort: there are no keys", here())
    a = normalized_axis(axis, given[0].ndim)
    order = argsort(given[0], a)
    for key in given[1:]:
        order = take_along_axis(order, argsort(take_along_axis(key, order, a), a), a)
    return order


def top_k(x: Any, k: Any, axis: int = -1) -> tuple[Variable, Variable]:
    """Return the ``k`` largest elements along ``axis``, the largest first, and their indices.

    Of equal ones the first comes first; NaN counts as largest, as in JAX and torch.  Indices are
    int64.  If there are fewer than ``k`` elements, these are all.

    >>> import gradcore.tensor as T
    >>> values, places = T.top_k([1.0, 7.0, 3.0], 2)
    >>> values.eval().tolist(), places.eval().tolist()
    ([7.0, 3.0], [1, 2])
    """
    variable = as_variable(x)
    a = normalized_axis(axis, variable.ndim)
    count = k if (known := constant_extent(as_variable(k))) is None else known
    if isinstance(count, int) and count < 0:
        raise GraphValueError(f"top_k: k={count} is negative", here())
    n = extents_of(variable)[a]
    before = (slice(None),) * a
    # the last of equal ones, seen from the end, is the first of them
    places = n - 1 - flip(argsort(flip(variable, a), a), a)
    found = places[(*before, slice(None, count))]
    return take_along_axis(variable, found, a), found


# parts ------------------------------------------------------------------------------------------
def argwhere(x: Any) -> Variable:
    """Return the indices of the elements that are not 0, a row for each, int64.

    >>> import gradcore.tensor as T
    >>> T.argwhere([[0, 3], [4, 0]]).eval().tolist()
    [[0, 1], [1, 0]]
    """
    return stack(nonzero(x), 1)


@word
def compress(condition: Any, x: Any, axis: int | None = None) -> Variable:
    """Return the parts of ``x`` along ``axis`` where a vector is true; of the flat form, for None.

    condition : it may be shorter than the axis, not longer.

    Raises IndexError, when it runs: it is true beyond the end.

    >>> import gradcore.tensor as T
    >>> T.compress([True, False, True], [1, 2, 3]).eval().tolist()
    [1, 3]
    """
    mask = as_variable(condition)
    if mask.ndim != 1:
        raise GraphTypeError(f"compress takes a vector, not {mask} ({mask.type})", here())
    return take(x, flatnonzero(mask), axis)


def extract(condition: Any, x: Any) -> Variable:
    """Return the elements of the flat ``x`` where the flat ``condition`` is true, a vector.

    >>> import gradcore.tensor as T
    >>> T.extract([True, False, True], [1, 2, 3]).eval().tolist()
    [1, 3]
    """
    return compress(flatten(condition), x)
