"""Order statistics, weighted means and covariances.

Quantiles are read off sorted elements, whose derivatives are those of the elements that stand
there; so they have derivatives in the elements and in the probabilities, of any order.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from gradcore.errors import GraphTypeError, GraphValueError, ShapeError, choices
from gradcore.graph import Constant, Variable, as_variable, here, upcast
from gradcore.graph.extents import product
from gradcore.graph.nodes import extents_of
from gradcore.graph.types import FLOATS
from gradcore.ops import complexes, scalars
from gradcore.ops.control import Assert
from gradcore.ops.elementwise import floating
from gradcore.ops.reduce import normalized_axes
from gradcore.tensor import reductions
from gradcore.tensor.complexes import conj, real
from gradcore.tensor.creation import diagonal
from gradcore.tensor.cumulative import cumsum
from gradcore.tensor.elementwise import cast
from gradcore.tensor.indexing import argsort, sort, take_along_axis
from gradcore.tensor.products import dot
from gradcore.tensor.reductions import Axis
from gradcore.tensor.shapes import (
    atleast_nd,
    broadcast_to,
    concatenate,
    expand_dims,
    flatten,
    moveaxis,
    normalized_axis,
    reshape,
)


# quantiles --------------------------------------------------------------------------------------
def _weibull_like(alpha: float, beta: float) -> Callable[[Any, Any], Any]:
    """Return a place between n sorted numbers, of the family with two parameters.

    R. Hyndman and Y. Fan, "Sample quantiles in statistical packages", The American Statistician
    50 (1996).
    """
    return lambda n, q: n * q + (alpha + q * (1 - alpha - beta)) - 1


def _observation(n: Any, q: Any) -> Any:
    """Return the closest one; of two, that with the even number, counted from 1."""
    place = n * q - 1.5
    below = scalars.floor(place)
    down = scalars.eq(place, below) & scalars.eq(scalars.mod(below, 2), 1)
    return scalars.switch(down, below, below + 1)


def _averaged(n: Any, q: Any) -> Any:
    place = n * q - 1
    below = scalars.floor(place)
    return scalars.switch(scalars.eq(place, below), below + 0.5, below + 1)


METHODS: dict[str, Callable[[Any, Any], Any]] = {
    "linear": lambda n, q: (n - 1) * q,
    "lower": lambda n, q: scalars.floor((n - 1) * q),
    "higher": lambda n, q: scalars.ceil((n - 1) * q),
    "nearest": lambda n, q: scalars.round_half_to_even((n - 1) * q),
    "midpoint": lambda n, q: (scalars.floor((n - 1) * q) + scalars.ceil((n - 1) * q)) / 2,
    "inverted_cdf": lambda n, q: scalars.ceil(n * q) - 1,
    "averaged_inverted_cdf": _averaged,
    "closest_observation": _observation,
    "interpolated_inverted_cdf": _weibull_like(0, 1),
    "hazen": _weibull_like(0.5, 0.5),
    "weibull": _weibull_like(0, 0),
    "median_unbiased": _weibull_like(1 / 3, 1 / 3),
    "normal_unbiased": _weibull_like(3 / 8, 3 / 8),
}
"""Where a quantile lies among n sorted numbers, by NumPy's names: a float from 0 to n - 1."""

DISCRETE = {"lower", "higher", "nearest", "inverted_cdf", "closest_observation"}
"""The methods by which it is an element, of the dtype of these."""


def _rows(x: Variable, axis: Axis) -> tuple[Variable, tuple[int, ...]]:
    """Return ``x`` with the elements over ``axis`` as its last axis, and the axes that went."""
    axes = normalized_axes(axis if axis is None or isinstance(axis, int) else tuple(axis), x.ndim)
    moved = x.dimshuffle(*(a for a in range(x.ndim) if a not in axes), *axes)
    if len(axes) == 1:
        return moved, axes
    rank = x.ndim - len(axes)
    extents = extents_of(moved)
    return reshape(moved, (*extents[:rank], product(extents[rank:]))), axes


def _restored(found: Variable, axes: tuple[int, ...], extra: int) -> Variable:
    """Return a reduced tensor, behind ``extra`` axes of its own, with ``axes`` of extent 1."""
    return expand_dims(found, tuple(a + extra for a in axes)) if axes else found


def _between(low: Variable, high: Variable, t: Variable) -> Variable:
    """Return the number between two, exact at both ends, which may be one infinity."""
    gap = high - low
    near = scalars.switch(scalars.ge(t, 0.5), high - gap * (1 - t), low + gap * t)
    return scalars.switch(scalars.eq(low, high), low, near)


def quantile(
    x: Any,
    q: Any,
    axis: Axis = None,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: Any = None,
) -> Variable:
    """Return the ``q``-quantiles of the elements over ``axis`` (of all, for None).

    q : probabilities from 0 to 1, of any shape; their axes come first in the result.
    method : one of NumPy's thirteen: how a quantile lies between elements.  Where it is one of
        them ("lower", "higher", "nearest", "inverted_cdf", "closest_observation"), the result has
        their dtype; else it is a float.
    weights : how much each element counts, not negative: in the shape of ``x``, or a vector along
        ``axis``, which is one axis or None; for the method "inverted_cdf", as in NumPy.

    NaN among the elements makes it NaN.  The derivative is that of the elements between which it
    lies; in ``q`` it is their difference, times how many there are.

    Raises GraphValueError: another ``method``, or one that takes no weights, or a constant ``q``
    beyond 0 to 1; ShapeError: weights of another rank; GraphValueError, when it runs: such a
    ``q``; IndexError: of nothing.

    >>> import gradcore.tensor as T
    >>> T.quantile([3.0, 1.0, 2.0], [0.5, 1.0]).eval().tolist()
    [2.0, 3.0]
    """
    if weights is not None:
        return _weighted_quantile(x, q, axis, method, keepdims, weights)
    return _quantile(x, q, axis, method, keepdims, ignoring_nan=False)


def percentile(
    x: Any,
    q: Any,
    axis: Axis = None,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: Any = None,
) -> Variable:
    """Return ``quantile(x, q / 100)``.

    >>> import gradcore.tensor as T
    >>> T.percentile([1.0, 2.0, 4.0], [0, 75]).eval().tolist()
    [1.0, 3.0]
    """
    if weights is not None:
        return _weighted_quantile(x, _of_hundred(x, q), axis, method, keepdims, weights)
    return _quantile(x, _of_hundred(x, q), axis, method, keepdims, ignoring_nan=False)


def median(x: Any, axis: Axis = None, keepdims: bool = False) -> Variable:
    """Return the median of the elements over ``axis``, a float; NaN if there is NaN among them.

    Of an even number it is the mean of the two in the middle.  Raises IndexError: of nothing.

    >>> import gradcore.tensor as T
    >>> float(T.median([3.0, 1.0, 2.0, 10.0]).eval())
    2.5
    """
    return _median(x, axis, keepdims, ignoring_nan=False)


def nanquantile(
    x: Any, q: Any, axis: Axis = None, method: str = "linear", keepdims: bool = False
) -> Variable:
    """Return the `quantile` of the numbers over ``axis``, NaN passed over; NaN where is none.

    >>> import gradcore.tensor as T
    >>> T.nanquantile([1.0, T.nan, 3.0], [0.0, 0.5]).eval().tolist()
    [1.0, 2.0]
    """
    return _quantile(x, q, axis, method, keepdims, ignoring_nan=True)


def nanpercentile(
    x: Any, q: Any, axis: Axis = None, method: str = "linear", keepdims: bool = False
) -> Variable:
    """Return ``nanquantile(x, q / 100)``.

    >>> import gradcore.tensor as T
    >>> T.nanpercentile([1.0, T.nan, 3.0], 50).eval()
    array(2.)
    """
    return _quantile(x, _of_hundred(x, q), axis, method, keepdims, ignoring_nan=True)


def nanmedian(x: Any, axis: Axis = None, keepdims: bool = False) -> Variable:
    """Return the `median` of the numbers over ``axis``, NaN passed over; NaN where is none.

    >>> import gradcore.tensor as T
    >>> T.nanmedian([1.0, T.nan, 3.0]).eval()
    array(2.)
    """
    return _median(x, axis, keepdims, ignoring_nan=True)


def _floats(x: Any) -> Variable:
    variable = as_variable(x)
    return cast(variable, floating(variable.type.dtype))


def _of_hundred(x: Any, q: Any) -> Variable:
    if isinstance(q, (int, float)):
        q = float(q)
    return as_variable(q, (_floats(x).type.dtype,)) / 100.0


def _sorted(
    x: Any, axis: Axis, ignoring_nan: bool
) -> tuple[Variable, Any, Variable, tuple[int, ...]]:
    """Return sorted rows, how many elements each has that count, and where it is NaN.

    Then the axes that went.
    """
    variable = _floats(x)
    rows, axes = _rows(variable, axis)
    rows = sort(rows, -1)
    if not ignoring_nan:
        return rows, extents_of(rows)[-1], scalars.isnan(rows[..., -1]), axes
    count = reductions.sum(scalars.invert(scalars.isnan(rows)), -1, "int64")
    return rows, count, scalars.eq(count, 0), axes


def _at(rows: Variable, place: Variable) -> Variable:
    """Return the elements of rows at places, one a row, or the same for all."""
    if place.ndim == 0:
        return rows[..., place]
    return take_along_axis(rows, expand_dims(place, -1), -1)[..., 0]


def _median(x: Any, axis: Axis, keepdims: bool, ignoring_nan: bool) -> Variable:
    rows, n, is_nan, axes = _sorted(x, axis, ignoring_nan)
    count = as_variable(n)
    count = scalars.maximum(count, 1) if ignoring_nan else count
    low, high = _at(rows, (count - 1) // 2), _at(rows, count // 2)
    found = scalars.switch(scalars.eq(low, high), low, (low + high) / 2)
    found = cast(scalars.switch(is_nan, math.nan, found), rows.type.dtype)
    return _restored(found, axes, 0) if keepdims else found


def _quantile(
    x: Any, q: Any, axis: Axis, method: str, keepdims: bool, ignoring_nan: bool
) -> Variable:
    if method not in METHODS:
        raise GraphValueError(
            f"quantile knows no method {method!r}", here(), choices(method, METHODS, "methods")
        )
    given = as_variable(x)
    rows, n, is_nan, axes = _sorted(given, axis, ignoring_nan)
    chance = _checked(as_variable(q, (rows.type.dtype,)))
    dtype = upcast(rows.type.dtype, chance.type.dtype)
    found = _many(rows, n, is_nan, flatten(chance), method, dtype)
    if not chance.ndim:
        found = found[0]
    elif chance.ndim > 1:
        found = reshape(found, (*extents_of(chance), *extents_of(found)[1:]))
    if method in DISCRETE:
        found = cast(found, given.type.dtype)
    return _restored(found, axes, chance.ndim) if keepdims else found


def _weighted_quantile(
    x: Any, q: Any, axis: Axis, method: str, keepdims: bool, weights: Any
) -> Variable:
    """Return elements at which the sum of weights reaches a part of them all."""
    if method != "inverted_cdf":
        raise GraphValueError(
            f"quantile with weights has no method {method!r}", here(), "take inverted_cdf, as NumPy"
        )
    given, w = as_variable(x), as_variable(weights)
    if w.ndim == 1 < given.ndim and isinstance(axis, int):
        lead = normalized_axis(axis, given.ndim)
        w = w.dimshuffle(*["x"] * lead, 0, *["x"] * (given.ndim - lead - 1))
        w = broadcast_to(w, extents_of(given))
    if w.ndim != given.ndim:
        raise ShapeError(f"weights {w} ({w.type}) are not those of {given} ({given.type})", here())
    (rows, axes), (counts, _) = _rows(given, axis), _rows(cast(w, "float64"), axis)
    order = argsort(rows, -1)
    rows, counts = (take_along_axis(v, order, -1) for v in (rows, counts))
    part = cumsum(counts, -1)
    part = part / expand_dims(part[..., -1], -1)
    part = scalars.switch(scalars.eq(part, 0), -1.0, part)  # what weighs nothing is no quantile
    chance = cast(_checked(as_variable(q, ("float64",))), "float64")
    below = scalars.lt(expand_dims(part, -2), expand_dims(flatten(chance), -1))
    place = reductions.sum(below, -1, "int64")
    place = scalars.minimum(place, extents_of(rows)[-1] - 1)
    found = moveaxis(take_along_axis(rows, place, -1), -1, 0)
    if given.type.dtype in FLOATS:
        is_nan = scalars.isnan(rows[..., -1])
        found = cast(scalars.switch(is_nan, math.nan, found), given.type.dtype)
    found = reshape(found, (*extents_of(chance), *extents_of(found)[1:]))
    return _restored(found, axes, chance.ndim) if keepdims else found


def _checked(q: Variable) -> Variable:
    """Return probabilities, a float, that are from 0 to 1, or it raises."""
    q = cast(q, floating(q.type.dtype))
    if isinstance(q, Constant):
        if not ((q.data >= 0) & (q.data <= 1)).all():
            raise GraphValueError(f"quantiles are in the range [0, 1], not {q.data}", here())
        return q
    inside = (scalars.ge(q, 0) & scalars.le(q, 1)).all()
    return Assert("quantiles are in the range [0, 1]", GraphValueError)(q, inside)


def _many(
    rows: Variable, n: Any, is_nan: Variable, q: Variable, method: str, dtype: str
) -> Variable:
    """Return quantiles of each row, those of one probability along the first axis."""
    count = as_variable(n)
    last = scalars.maximum(count - 1, 0)
    chances = q if not count.ndim else q.dimshuffle(0, *["x"] * count.ndim)
    place = METHODS[method](cast(count, q.type.dtype), chances)
    place = scalars.clip(place, 0, cast(last, place.type.dtype))
    below = scalars.floor(place)
    low = cast(below, "int64")
    first = _elements(rows, low)
    if method in DISCRETE:
        return scalars.switch(is_nan, cast(math.nan, first.type.dtype), first)
    second = _elements(rows, scalars.minimum(low + 1, last))
    t = place - below
    if not count.ndim:
        t = t.dimshuffle(0, *["x"] * (rows.ndim - 1))
    found = _between(cast(first, dtype), cast(second, dtype), cast(t, dtype))
    return cast(scalars.switch(is_nan, math.nan, found), dtype)


def _elements(rows: Variable, places: Variable) -> Variable:
    """Return elements of rows, along the first axis: at one place in all, or one in each."""
    if places.ndim == 1:
        return moveaxis(rows[..., places], -1, 0)
    return moveaxis(take_along_axis(rows, moveaxis(places, 0, -1), -1), -1, 0)


# means and covariances --------------------------------------------------------------------------
def average(
    x: Any, axis: Axis = None, weights: Any = None, returned: bool = False, keepdims: bool = False
) -> Any:
    """Return the mean over ``axis``, each element times its weight, over the sum of weights.

    weights : of the shape of ``x``, or a vector along ``axis``, one axis then; None: all alike.
    returned : return the sums of the weights, too, in the shape of the result.

    Raises GraphTypeError: weights of another rank.

    >>> import gradcore.tensor as T
    >>> float(T.average([1.0, 5.0], weights=[3, 1]).eval())
    2.0
    """
    variable = as_variable(x)
    if weights is None:
        found = reductions.mean(variable, axis, keepdims=keepdims)
        if not returned:
            return found
        axes = normalized_axes(
            axis if axis is None or isinstance(axis, int) else tuple(axis), variable.ndim
        )
        count = product(tuple(extents_of(variable)[a] for a in axes))
        return found, scalars.fill(found, cast(count, found.type.dtype))
    given = as_variable(weights)
    dtype = floating(variable.type.dtype, given.type.dtype)
    given = cast(given, dtype)
    if given.ndim != variable.ndim:
        if given.ndim != 1 or not isinstance(axis, int):
            raise GraphTypeError(
                f"average: weights of {given.ndim} axes for {variable.ndim}",
                here(),
                "give weights of the same shape, or a vector and axis=",
            )
        (a,) = normalized_axes(axis, variable.ndim)
        given = given.dimshuffle(*(0 if i == a else "x" for i in range(variable.ndim)))
        given = scalars.fill(cast(variable, dtype), given)
    total = reductions.sum(given, axis, keepdims=keepdims)
    found = reductions.sum(cast(variable, dtype) * given, axis, keepdims=keepdims) / total
    return (found, total) if returned else found


def cov(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: Any = None,
    aweights: Any = None,
    dtype: str | None = None,
) -> Variable:
    """Return the covariances of variables, a matrix; of one variable a scalar, as NumPy has it.

    The dtype is the float dtype of the operands, or ``dtype``; NumPy's is float64 at least.

    m : observations of variables, which are its rows (its columns, if not ``rowvar``).
    y : further variables.
    bias : divide by the number n of observations instead of n - 1.
    ddof : divide by n - ddof.
    fweights : how often each observation is counted, integers.
    aweights : the weight of each observation.

    Raises GraphTypeError: more than two axes.

    >>> import gradcore.tensor as T
    >>> T.cov([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]).eval().tolist()
    [[1.0, -1.0], [-1.0, 1.0]]
    """
    rows = _variables(m, rowvar)
    if y is not None:
        rows = concatenate([rows, _variables(y, rowvar)], 0)
    wanted = dtype or floating(rows.type.dtype)
    rows = cast(rows, wanted)
    kind = real(rows).type.dtype
    weights = _weights(fweights, aweights, kind)
    n = cast(as_variable(extents_of(rows)[1]), kind)
    lost = (0 if bias else 1) if ddof is None else ddof
    if weights is None:
        mean, total, scale = reductions.mean(rows, 1, keepdims=True), n, n - lost
    else:
        total = reductions.sum(weights)
        mean = reductions.sum(rows * weights, 1, keepdims=True) / total
        scale = total - lost
        if aweights is not None and lost:
            scale = total - lost * reductions.sum(weights * cast(aweights, kind)) / total
    deviations = rows - mean
    other = conj(deviations) if deviations.type.is_complex else deviations
    found = dot(deviations if weights is None else deviations * weights, other.T)
    # as NumPy does: with too few observations it is infinite or NaN, not negative
    found = found / scalars.maximum(scale, 0)
    return found[0, 0] if rows.type.shape[0] == 1 else found


def _variables(m: Any, rowvar: bool) -> Variable:
    """Return observations as a matrix, a variable a row."""
    given = as_variable(m)
    if given.ndim > 2:
        raise GraphTypeError(f"cov takes a matrix or a vector, not {given} ({given.type})", here())
    rows = atleast_nd(given, 2)
    return rows if rowvar or given.ndim < 2 else rows.T


def _weights(fweights: Any, aweights: Any, dtype: str) -> Variable | None:
    """Return what each observation is multiplied by, or None."""
    given = [cast(w, dtype) for w in (fweights, aweights) if w is not None]
    return given[0] * given[1] if len(given) > 1 else given[0] if given else None


def corrcoef(m: Any, y: Any = None, rowvar: bool = True, dtype: str | None = None) -> Variable:
    """Return the correlation coefficients of variables, from -1 to 1; arguments as of `cov`.

    A variable that does not vary has NaN.

    >>> import gradcore.tensor as T
    >>> T.corrcoef([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]]).eval().round(6).tolist()
    [[1.0, -1.0], [-1.0, 1.0]]
    """
    found = cov(m, y, rowvar, dtype=dtype)
    if not found.ndim:
        return found / found
    spread = scalars.sqrt(diagonal(found))
    scaled = found / spread.dimshuffle(0, "x") / spread.dimshuffle("x", 0)
    if not scaled.type.is_complex:
        return scalars.clip(scaled, -1, 1)
    parts = complexes.real(scaled), complexes.imag(scaled)
    return complexes.complex(*(scalars.clip(part, -1, 1) for part in parts))
