"""Functions that run along an axis: cumulative sums and products, extremes so far, differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradcore.errors import GraphValueError
from gradcore.graph import Variable, as_variable, here
from gradcore.graph.nodes import extents_of
from gradcore.language import LANGUAGE, word
from gradcore.ops import scalars
from gradcore.ops.reduce import Cumulative
from gradcore.tensor.elementwise import cast
from gradcore.tensor.reductions import multiplied
from gradcore.tensor.shapes import broadcast_to, concatenate, flatten, moveaxis, normalized_axis


@word
def cumsum(x: Any, axis: int | None = None) -> Variable:
    """Return the cumulative sum along ``axis`` (of the flat form, for None).

    >>> import gradcore.tensor as T
    >>> T.cumsum([[1, 2], [3, 4]], axis=1).eval().tolist()
    [[1, 3], [3, 7]]
    """
    variable = flatten(x) if axis is None else as_variable(x)
    return Cumulative("sum", normalized_axis(axis or 0, variable.ndim))(variable)


@word
def cumprod(x: Any, axis: int | None = None) -> Variable:
    """Return the cumulative product along ``axis``; its derivatives are exact at zeros.

    >>> import gradcore.tensor as T
    >>> T.cumprod([1, 2, 3]).eval().tolist()
    [1, 2, 6]
    """
    variable = flatten(x) if axis is None else as_variable(x)
    along = normalized_axis(axis or 0, variable.ndim)
    if not variable.type.is_complex:
        return Cumulative("prod", along)(variable)
    rows = moveaxis(variable, along, 0)
    one = LANGUAGE["alloc"](cast(1, variable.type.dtype), *extents_of(rows)[1:])
    found, _ = LANGUAGE["scan"](multiplied, rows, one)
    return moveaxis(found, 0, along)


def cumulative_sum(
    x: Any, axis: int | None = None, dtype: str | None = None, include_initial: bool = False
) -> Variable:
    """Return the cumulative sum along ``axis``: the array API's form of `cumsum`.

    axis : it may be omitted for a vector only.
    include_initial : start with 0, one element more.

    Raises GraphValueError: no ``axis`` for more axes than one.

    >>> import gradcore.tensor as T
    >>> T.cumulative_sum([2, 3], include_initial=True).eval().tolist()
    [0, 2, 5]
    """
    return _with_initial(cumsum, 0, x, axis, dtype, include_initial)


def cumulative_prod(
    x: Any, axis: int | None = None, dtype: str | None = None, include_initial: bool = False
) -> Variable:
    """Return the cumulative product along ``axis``, as `cumulative_sum` does.

    >>> import gradcore.tensor as T
    >>> T.cumulative_prod([2, 3], include_initial=True).eval().tolist()
    [1, 2, 6]
    """
    return _with_initial(cumprod, 1, x, axis, dtype, include_initial)


def _with_initial(
    function: Callable[..., Variable],
    initial: int,
    x: Any,
    axis: int | None,
    dtype: str | None,
    include_initial: bool,
) -> Variable:
    variable = as_variable(x) if dtype is None else cast(x, dtype)
    if axis is None and variable.ndim != 1:
        raise GraphValueError(f"give axis= for {variable}, which has {variable.ndim} axes", here())
    a = normalized_axis(axis or 0, variable.ndim)
    found = function(variable, a)
    found = found if dtype is None else cast(found, dtype)
    if not include_initial:
        return found
    first = _end_of(cast(initial, found.type.dtype), found, a)
    return concatenate([first, found], a)


@word
def cummax(x: Any, axis: int | None = None) -> Variable:
    """Return the largest element so far along ``axis`` (of the flat form, for None); NaN stays.

    NumPy's ``maximum.accumulate``; the derivative is that of the first such element.

    >>> import gradcore.tensor as T
    >>> T.cummax([1, 3, 2, 5]).eval().tolist()
    [1, 3, 3, 5]
    """
    variable = flatten(x) if axis is None else as_variable(x)
    return Cumulative("max", normalized_axis(axis or 0, variable.ndim))(variable)


@word
def cummin(x: Any, axis: int | None = None) -> Variable:
    """Return the smallest element so far along ``axis`` (of the flat form, for None); NaN stays.

    NumPy's ``minimum.accumulate``; the derivative is that of the first such element.

    >>> import gradcore.tensor as T
    >>> T.cummin([3, 1, 2]).eval().tolist()
    [3, 1, 1]
    """
    variable = flatten(x) if axis is None else as_variable(x)
    return Cumulative("min", normalized_axis(axis or 0, variable.ndim))(variable)


def diff(x: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Variable:
    """Return the ``n``-th differences of neighbours along ``axis``; of bools, where they differ.

    prepend, append : what is put before and behind the elements first; a scalar counts as one.

    Raises GraphValueError: ``n`` is negative.

    >>> import gradcore.tensor as T
    >>> T.diff([1, 4, 9], prepend=0).eval().tolist()
    [1, 3, 5]
    """
    variable = as_variable(x)
    if n < 0:
        raise GraphValueError(f"diff: the order {n} is negative", here())
    a = normalized_axis(axis, variable.ndim)
    before = (slice(None),) * a
    parts = [_end_of(prepend, variable, a), variable, _end_of(append, variable, a)]
    if n and len(parts := [part for part in parts if part is not None]) > 1:
        variable = concatenate(parts, a)
    for _ in range(n):
        after, earlier = variable[(*before, slice(1, None))], variable[(*before, slice(None, -1))]
        differs = variable.type.dtype == "bool"
        variable = scalars.neq(after, earlier) if differs else after - earlier
    return variable


def _end_of(given: Any, x: Variable, axis: int) -> Variable | None:
    """Return what is put at an end of ``x``: a scalar stretched to a slice of extent 1."""
    if given is None:
        return None
    end = as_variable(given, (x.type.dtype,))
    if end.ndim:
        return end
    shape = [1 if a == axis else n for a, n in enumerate(extents_of(x))]
    return broadcast_to(end, shape)
