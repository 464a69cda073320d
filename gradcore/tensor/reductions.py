"""Functions that reduce over axes, or run along one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from gradcore.dtypes import computed
from gradcore.errors import GraphValueError
from gradcore.graph import Variable, as_variable, here
from gradcore.graph.extents import product
from gradcore.graph.nodes import extents_of
from gradcore.graph.types import FLOATS
from gradcore.language import LANGUAGE, word
from gradcore.ops import complexes, scalars
from gradcore.ops.control import DisconnectedGrad
from gradcore.ops.elementwise import floating
from gradcore.ops.reduce import ArgReduce, Cumulative, Reduce, normalized_axes, restored
from gradcore.tensor.elementwise import cast
from gradcore.tensor.shapes import (
    broadcast_to,
    concatenate,
    flatten,
    moveaxis,
    normalized_axis,
    reshape,
)

Axis: TypeAlias = int | Sequence[int] | None


def _reduced(kind: str, x: Any, axis: Axis, keepdims: bool) -> Variable:
    variable = as_variable(x)
    axes = _axes(axis, variable.ndim)
    found = Reduce(kind, axes)(variable)
    return restored(found, axes, variable.ndim) if keepdims else found


def _axes(axis: Axis, ndim: int) -> tuple[int, ...]:
    return normalized_axes(axis, ndim)


@word
def sum(
    x: Any,
    axis: Axis = None,
    dtype: str | None = None,
    keepdims: bool = False,
    acc_dtype: str | None = None,
) -> Variable:
    """Return the sum over ``axis`` (all axes, for None).

    dtype : that of the result; by default small integers give 64 bits, as in NumPy.
    acc_dtype : the dtype to add in.

    >>> import gradcore.tensor as T
    >>> T.sum([[1, 2], [3, 4]], axis=0).eval().tolist()
    [4, 6]
    """
    return _accumulated("sum", x, axis, dtype, keepdims, acc_dtype)


@word
def prod(
    x: Any,
    axis: Axis = None,
    dtype: str | None = None,
    keepdims: bool = False,
    acc_dtype: str | None = None,
) -> Variable:
    """Return the product over ``axis``; its derivatives are exact where factors are zero."""
    return _accumulated("prod", x, axis, dtype, keepdims, acc_dtype)


def _accumulated(
    kind: str, x: Any, axis: Axis, dtype: str | None, keepdims: bool, acc_dtype: str | None
) -> Variable:
    variable = as_variable(x)
    wanted = acc_dtype or dtype
    variable = variable if wanted is None else cast(variable, wanted)
    if not _axes(axis, variable.ndim) and wanted is None and variable.type.dtype in FLOATS:
        return variable
    if kind == "prod" and variable.type.is_complex:
        found = _complex_product(variable, axis, keepdims)
    else:
        found = _reduced(kind, variable, axis, keepdims)
    if dtype is None and acc_dtype is not None:
        dtype = Reduce(kind, ()).dtype(as_variable(x).type.dtype)
    return found if dtype is None else cast(found, dtype)


@word
def max(x: Any, axis: Axis = None, keepdims: bool = False) -> Variable:
    """Return the largest element over ``axis``; NaN wins, and ties share the derivative."""
    return _reduced("max", x, axis, keepdims)


@word
def min(x: Any, axis: Axis = None, keepdims: bool = False) -> Variable:
    """Return the smallest element over ``axis``; NaN wins, and ties share the derivative."""
    return _reduced("min", x, axis, keepdims)


@word
def any(x: Any, axis: Axis = None, keepdims: bool = False) -> Variable:
    """Return whether some element over ``axis`` is true."""
    return _reduced("any", _truth(x), axis, keepdims)


@word
def all(x: Any, axis: Axis = None, keepdims: bool = False) -> Variable:
    """Return whether all elements over ``axis`` are true."""
    return _reduced("all", _truth(x), axis, keepdims)


def _truth(x: Any) -> Variable:
    """Return a variable, of complex numbers whether they are not 0."""
    variable = as_variable(x)
    return scalars.neq(variable, 0) if variable.type.is_complex else variable


@word
def ptp(x: Any, axis: Axis = None, keepdims: bool = False) -> Variable:
    """Return the largest minus the smallest element over ``axis``."""
    return max(x, axis, keepdims) - min(x, axis, keepdims)


# where the extreme is ---------------------------------------------------------------------------
def _argreduced(kind: str, x: Any, axis: int | None, keepdims: bool) -> Variable:
    variable = as_variable(x)
    if axis is None:
        found = ArgReduce(kind, 0)(flatten(variable))
        return restored(found, tuple(range(variable.ndim)), variable.ndim) if keepdims else found
    a = normalized_axis(axis, variable.ndim)
    found = ArgReduce(kind, a)(variable)
    return restored(found, (a,), variable.ndim) if keepdims else found


@word
def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Variable:
    """Return the index of the first largest element over ``axis`` (of the flat form, for None)."""
    return _argreduced("max", x, axis, keepdims)


@word
def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Variable:
    """Return the index of the first smallest element over ``axis`` (of the flat form, for None)."""
    return _argreduced("min", x, axis, keepdims)


def max_and_argmax(
    x: Any, axis: int | None = None, keepdims: bool = False
) -> tuple[Variable, Variable]:
    """Return ``max`` and ``argmax``."""
    return max(x, axis, keepdims), argmax(x, axis, keepdims)


# moments ----------------------------------------------------------------------------------------
def _floats(x: Any) -> Variable:
    """Return ``x`` in the float dtype of its functions: differences of integers would wrap."""
    variable = as_variable(x)
    return cast(variable, floating(variable.type.dtype))


@word
def mean(
    x: Any,
    axis: Axis = None,
    dtype: str | None = None,
    keepdims: bool = False,
    acc_dtype: str | None = None,
) -> Variable:
    """Return the mean over ``axis``, of ``config.floatX`` at least for integers.

    acc_dtype : the dtype to add and divide in.
    """
    variable = as_variable(x)
    axes = _axes(axis, variable.ndim)
    wanted = dtype or floating(variable.type.dtype)
    # float16 cannot count to 70,000.
    wide = computed(acc_dtype or wanted)
    count = as_variable(product(tuple(extents_of(variable)[a] for a in axes)))
    return cast(sum(cast(variable, wide), axis, keepdims=keepdims) / cast(count, wide), wanted)


@word
def var(
    x: Any, axis: Axis = None, ddof: int = 0, keepdims: bool = False, dtype: str | None = None
) -> Variable:
    """Return the variance over ``axis``: the sum of squared deviations over ``count - ddof``."""
    variable = as_variable(x)
    deviations = _squares(variable - mean(variable, axis, dtype, keepdims=True))
    found = mean(deviations, axis, dtype, keepdims)
    if not ddof:
        return found
    axes = _axes(axis, variable.ndim)
    count = as_variable(product(tuple(extents_of(variable)[a] for a in axes)))
    kind = found.type.dtype
    return found * (cast(count, kind) / cast(count - ddof, kind))


@word
def std(
    x: Any, axis: Axis = None, ddof: int = 0, keepdims: bool = False, dtype: str | None = None
) -> Variable:
    """Return the standard deviation over ``axis``; its slope is 0 where it is 0."""
    return _root(var(x, axis, ddof, keepdims, dtype))


def _squares(x: Variable) -> Variable:
    """Return the squares, of complex numbers those of their absolute values."""
    if not x.type.is_complex:
        return scalars.sqr(x)
    return scalars.sqr(complexes.real(x)) + scalars.sqr(complexes.imag(x))


def _root(x: Variable) -> Variable:
    """Return the square root with slope 0 at 0."""
    return scalars.switch(scalars.eq(x, 0), 0, scalars.sqrt(x))


def _flat_at_0(x: Variable) -> Variable:
    """Return ``x`` with slope 0 where it is 0."""
    return scalars.switch(scalars.eq(x, 0), 0, x)


@word
def norm(x: Any, ord: Any = 2, axis: Axis = None, keepdims: bool = False) -> Variable:
    """Return the norm of order ``ord`` of the elements over ``axis`` (of all, for None), a float.

    ord : a number; 0 counts, inf and -inf are the largest and the smallest magnitude; None or
        "fro" means 2.

    The slope of a norm is 0 where it is 0, and so is every derivative of what is computed from it:
    ``norm(x) ** 2`` has no Hessian there, ``sum(x ** 2)`` has.
    """
    variable = _floats(x)
    if ord in (None, 2, "fro"):
        return _root(sum(_squares(variable), axis, keepdims=keepdims))
    magnitudes = scalars.abs(variable)
    if ord == 1:
        return sum(magnitudes, axis, keepdims=keepdims)
    if ord == 0:
        return sum(scalars.neq(variable, 0), axis, variable.type.dtype, keepdims)
    if ord in (math.inf, -math.inf):
        return (max if ord > 0 else min)(magnitudes, axis, keepdims)
    if isinstance(ord, str):
        raise GraphValueError(f"there is no norm {ord!r} here", here(), "give a number")
    return _flat_at_0(sum(magnitudes**ord, axis, keepdims=keepdims) ** (1.0 / ord))


# exponentials -----------------------------------------------------------------------------------
def logmeanexp(x: Any, axis: Axis = None, keepdims: bool = False) -> Variable:
    """Return ``log(mean(exp(x)))`` over ``axis``, without overflow.

    >>> import gradcore.tensor as T
    >>> T.logmeanexp([1000.0, 1000.0]).eval().tolist()
    1000.0
    """
    found = logsumexp(x, axis, keepdims)
    ones = _floats(x).ones_like()
    return found - scalars.log(sum(ones, axis, keepdims=keepdims))


@word
def logsumexp(x: Any, axis: Axis = None, keepdims: bool = False) -> Variable:
    """Return ``log(sum(exp(x)))`` over ``axis``, without overflow."""
    variable = _floats(x)
    axes = _axes(axis, variable.ndim)
    top = finite_max(variable, axes)
    found = scalars.log(sum(scalars.exp(variable - top), axes, keepdims=True)) + top
    return found if keepdims else _dropped(found, axes)


@word
def finite_max(x: Variable, axes: tuple[int, ...]) -> Variable:
    """Return the largest elements where finite, else 0: what can be taken out of an exponent.

    Its derivative counts as zero.  The axes stay, of extent 1.
    """
    top = _largest(x, axes)
    return DisconnectedGrad()(scalars.switch(scalars.isfinite(top), top, 0))


@word
def finite_min(x: Variable, axes: tuple[int, ...]) -> Variable:
    """Return the least elements where finite, else 0; see `finite_max`."""
    least = restored(Reduce("min", axes, unbounded=True)(x), axes, x.ndim)
    return DisconnectedGrad()(scalars.switch(scalars.isfinite(least), least, 0))


def _largest(x: Variable, axes: tuple[int, ...]) -> Variable:
    """Return the largest elements, -inf of nothing; the axes stay, of extent 1."""
    return restored(Reduce("max", axes, unbounded=True)(x), axes, x.ndim)


def _dropped(x: Variable, axes: tuple[int, ...]) -> Variable:
    return x.dimshuffle([a for a in range(x.ndim) if a not in axes])


@word
def softmax(x: Any, axis: Axis = -1) -> Variable:
    """Return ``exp(x) / sum(exp(x))`` over ``axis``, without overflow."""
    variable = _floats(x)
    axes = _axes(axis, variable.ndim)
    powers = scalars.exp(variable - DisconnectedGrad()(_largest(variable, axes)))
    return powers / sum(powers, axes, keepdims=True)


@word
def log_softmax(x: Any, axis: Axis = -1) -> Variable:
    """Return ``log(softmax(x))``, without overflow."""
    variable = _floats(x)
    return variable - logsumexp(variable, axis, keepdims=True)


# cumulative reductions --------------------------------------------------------------------------
@word
def cumsum(x: Any, axis: int | None = None) -> Variable:
    """Return the cumulative sum along ``axis`` (of the flat form, for None)."""
    variable = flatten(x) if axis is None else as_variable(x)
    return Cumulative("sum", normalized_axis(axis or 0, variable.ndim))(variable)


@word
def cumprod(x: Any, axis: int | None = None) -> Variable:
    """Return the cumulative product along ``axis``; its derivatives are exact at zeros."""
    variable = flatten(x) if axis is None else as_variable(x)
    along = normalized_axis(axis or 0, variable.ndim)
    if not variable.type.is_complex:
        return Cumulative("prod", along)(variable)
    rows = moveaxis(variable, along, 0)
    one = LANGUAGE["alloc"](cast(1, variable.type.dtype), *extents_of(rows)[1:])
    found, _ = LANGUAGE["scan"](_times, rows, one)
    return moveaxis(found, 0, along)


def _times(factor: Variable, found: Variable) -> Variable:
    return found * factor


def _complex_product(x: Variable, axis: Axis, keepdims: bool) -> Variable:
    """Return the product over axes, factor by factor."""
    axes = _axes(axis, x.ndim)
    others = [a for a in range(x.ndim) if a not in axes]
    extents = [extents_of(x)[a] for a in others]
    count = product(tuple(extents_of(x)[a] for a in axes))
    rows = reshape(x.dimshuffle(*axes, *others), (count, *extents))
    one = LANGUAGE["alloc"](cast(1, x.type.dtype), *extents)
    found, _ = LANGUAGE["foldl"](_times, rows, one)
    return restored(found, axes, x.ndim) if keepdims else found


def cumulative_sum(
    x: Any, axis: int | None = None, dtype: str | None = None, include_initial: bool = False
) -> Variable:
    """Return the cumulative sum along ``axis``: the array API's form of `cumsum`.

    axis : it may be omitted for a vector only.
    include_initial : start with 0, one element more.

    Raises GraphValueError: no ``axis`` for more axes than one.
    """
    return _with_initial(cumsum, 0, x, axis, dtype, include_initial)


def cumulative_prod(
    x: Any, axis: int | None = None, dtype: str | None = None, include_initial: bool = False
) -> Variable:
    """Return the cumulative product along ``axis``, as `cumulative_sum` does."""
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
