"""Reductions that pass NaN over.

Integers have no NaN: of them these are the plain reductions.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from gradcore.dtypes import computed
from gradcore.errors import GraphValueError
from gradcore.graph import Variable, as_variable
from gradcore.graph.types import FLOATS
from gradcore.ops import scalars
from gradcore.ops.control import Assert
from gradcore.tensor import reductions
from gradcore.tensor.cumulative import cumprod, cumsum
from gradcore.tensor.elementwise import cast
from gradcore.tensor.reductions import Axis


def _replaced(x: Any, value: float) -> Variable:
    variable = as_variable(x)
    if variable.type.dtype not in FLOATS:
        return variable
    return scalars.switch(scalars.isnan(variable), value, variable)


def _is_number(x: Any) -> Variable:
    return scalars.invert(scalars.isnan(as_variable(x)))


def nansum(x: Any, axis: Axis = None, dtype: str | None = None, keepdims: bool = False) -> Variable:
    """Return the `sum` over ``axis``, NaN counting as 0.

    >>> import gradcore.tensor as T
    >>> float(T.nansum([1.0, float("nan"), 2.0]).eval())
    3.0
    """
    return reductions.sum(_replaced(x, 0), axis, dtype, keepdims)


def nanprod(
    x: Any, axis: Axis = None, dtype: str | None = None, keepdims: bool = False
) -> Variable:
    """Return the `prod` over ``axis``, NaN counting as 1.

    >>> import gradcore.tensor as T
    >>> T.nanprod([2.0, T.nan, 3.0]).eval()
    array(6.)
    """
    return reductions.prod(_replaced(x, 1), axis, dtype, keepdims)


def nancumsum(x: Any, axis: int | None = None) -> Variable:
    """Return the `cumsum` along ``axis``, NaN counting as 0.

    >>> import gradcore.tensor as T
    >>> T.nancumsum([2.0, T.nan, 3.0]).eval().tolist()
    [2.0, 2.0, 5.0]
    """
    return cumsum(_replaced(x, 0), axis)


def nancumprod(x: Any, axis: int | None = None) -> Variable:
    """Return the `cumprod` along ``axis``, NaN counting as 1.

    >>> import gradcore.tensor as T
    >>> T.nancumprod([2.0, T.nan, 3.0]).eval().tolist()
    [2.0, 2.0, 6.0]
    """
    return cumprod(_replaced(x, 1), axis)


# extremes ---------------------------------------------------------------------------------------
def _extreme(
    reduce: Callable[..., Variable], worst: float, x: Any, axis: Axis, keepdims: bool
) -> Variable:
    variable = as_variable(x)
    found = reduce(_replaced(variable, worst), axis, keepdims=keepdims)
    if variable.type.dtype not in FLOATS:
        return found
    some = reductions.any(_is_number(variable), axis, keepdims)
    return scalars.switch(some, found, math.nan)


def nanmax(x: Any, axis: Axis = None, keepdims: bool = False) -> Variable:
    """Return the largest number over ``axis``; NaN where there is none.

    Raises ValueError, when it runs: of nothing.

    >>> import gradcore.tensor as T
    >>> T.nanmax([[1.0, T.nan], [3.0, 2.0]], axis=1).eval().tolist()
    [1.0, 3.0]
    """
    return _extreme(reductions.max, -math.inf, x, axis, keepdims)


def nanmin(x: Any, axis: Axis = None, keepdims: bool = False) -> Variable:
    """Return the smallest number over ``axis``; NaN where there is none.

    Raises ValueError, when it runs: of nothing.

    >>> import gradcore.tensor as T
    >>> T.nanmin([[1.0, T.nan], [3.0, 2.0]], axis=1).eval().tolist()
    [1.0, 2.0]
    """
    return _extreme(reductions.min, math.inf, x, axis, keepdims)


def _place(
    reduce: Callable[..., Variable], worst: float, x: Any, axis: int | None, keepdims: bool
) -> Variable:
    variable = as_variable(x)
    found = reduce(_replaced(variable, worst), axis, keepdims)
    if variable.type.dtype not in FLOATS:
        return found
    some = reductions.any(_is_number(variable), axis).all()
    return Assert("all numbers of a row are NaN", GraphValueError)(found, some)


def nanargmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Variable:
    """Return the index of the first largest number over ``axis`` (of the flat form, for None).

    Raises GraphValueError, when it runs: there is none somewhere.

    >>> import gradcore.tensor as T
    >>> T.nanargmax([1.0, T.nan, 3.0]).eval()
    array(2)
    """
    return _place(reductions.argmax, -math.inf, x, axis, keepdims)


def nanargmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Variable:
    """Return the index of the first smallest number over ``axis`` (of the flat form, for None).

    Raises GraphValueError, when it runs: there is none somewhere.

    >>> import gradcore.tensor as T
    >>> T.nanargmin([T.nan, 4.0, 3.0]).eval()
    array(2)
    """
    return _place(reductions.argmin, math.inf, x, axis, keepdims)


# moments ----------------------------------------------------------------------------------------
def _count(x: Variable, axis: Axis, keepdims: bool, dtype: str) -> Variable:
    return reductions.sum(_is_number(x), axis, dtype, keepdims)


def nanmean(
    x: Any, axis: Axis = None, dtype: str | None = None, keepdims: bool = False
) -> Variable:
    """Return the mean of the numbers over ``axis``; NaN where there is none.

    dtype : as that of `mean`.

    >>> import gradcore.tensor as T
    >>> T.nanmean([1.0, T.nan, 3.0]).eval()
    array(2.)
    """
    variable = as_variable(x)
    if variable.type.dtype not in FLOATS:
        return reductions.mean(variable, axis, dtype, keepdims)
    wanted = dtype or variable.type.dtype
    wide = computed(wanted)
    total = nansum(cast(variable, wide), axis, keepdims=keepdims)
    return cast(total / _count(variable, axis, keepdims, wide), wanted)


def nanvar(
    x: Any, axis: Axis = None, ddof: int = 0, keepdims: bool = False, dtype: str | None = None
) -> Variable:
    """Return the variance of the numbers over ``axis``; NaN where there are no more than ``ddof``.

    It is the sum of squared deviations over ``count - ddof``.

    >>> import gradcore.tensor as T
    >>> T.nanvar([1.0, T.nan, 3.0], ddof=1).eval()
    array(2.)
    """
    variable = as_variable(x)
    if variable.type.dtype not in FLOATS:
        return reductions.var(variable, axis, ddof, keepdims, dtype)
    wanted = dtype or variable.type.dtype
    wide = computed(wanted)
    deviations = cast(variable, wide) - nanmean(variable, axis, wide, keepdims=True)
    squares = nansum(scalars.sqr(deviations), axis, keepdims=keepdims)
    count = _count(variable, axis, keepdims, wide)
    found = scalars.switch(scalars.gt(count, ddof), squares / (count - ddof), math.nan)
    return cast(found, wanted)


def nanstd(
    x: Any, axis: Axis = None, ddof: int = 0, keepdims: bool = False, dtype: str | None = None
) -> Variable:
    """Return the square root of `nanvar`; its slope is 0 where it is 0.

    >>> import gradcore.tensor as T
    >>> T.nanstd([1.0, T.nan, 3.0]).eval()
    array(1.)
    """
    found = nanvar(x, axis, ddof, keepdims, dtype)
    return scalars.switch(scalars.eq(found, 0), 0, scalars.sqrt(found))


def count_nonzero(x: Any, axis: Axis = None, keepdims: bool = False) -> Variable:
    """Return how many elements over ``axis`` are not 0, int64.

    >>> import gradcore.tensor as T
    >>> T.count_nonzero([[0, 3], [4, 5]], axis=1).eval().tolist()
    [1, 2]
    """
    return reductions.sum(scalars.neq(as_variable(x), 0), axis, "int64", keepdims)
