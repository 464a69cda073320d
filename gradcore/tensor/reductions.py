"""Functions that reduce over axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
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
from gradcore.ops.reduce import ArgReduce, Reduce, normalized_axes, restored
from gradcore.tensor.elementwise import cast
from gradcore.tensor.shapes import (
    flatten,
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
    """Return the product over ``axis``; its derivatives are exact where factors are zero.

    >>> import gradcore.tensor as T
    >>> x = T.dvector("x")
    >>> T.grad(T.prod(x), x).eval({x: [2.0, 0.0, 3.0]})
    array([0., 6., 0.])
    """
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
    """Return the largest element over ``axis``; NaN wins, and ties share the derivative.

    >>> import gradcore.tensor as T
    >>> T.max([[1, 3], [4, 2]], axis=0).eval().tolist()
    [4, 3]
    """
    return _reduced("max", x, axis, keepdims)


@word
def min(x: Any, axis: Axis = None, keepdims: bool = False) -> Variable:
    """Return the smallest element over ``axis``; NaN wins, and ties share the derivative.

    >>> import gradcore.tensor as T
    >>> T.min([[1, 3], [4, 2]], axis=0, keepdims=True).eval().tolist()
    [[1, 2]]
    """
    return _reduced("min", x, axis, keepdims)


@word
def any(x: Any, axis: Axis = None, keepdims: bool = False) -> Variable:
    """Return whether some element over ``axis`` is true.

    >>> import gradcore.tensor as T
    >>> T.any([[1, 0], [0, 0]], axis=1).eval().tolist()
    [True, False]
    """
    return _reduced("any", _truth(x), axis, keepdims)


@word
def all(x: Any, axis: Axis = None, keepdims: bool = False) -> Variable:
    """Return whether all elements over ``axis`` are true.

    >>> import gradcore.tensor as T
    >>> T.all([[1, 0], [1, 1]], axis=1).eval().tolist()
    [False, True]
    """
    return _reduced("all", _truth(x), axis, keepdims)


def _truth(x: Any) -> Variable:
    """Return a variable, of complex numbers whether they are not 0."""
    variable = as_variable(x)
    return scalars.neq(variable, 0) if variable.type.is_complex else variable


@word
def ptp(x: Any, axis: Axis = None, keepdims: bool = False) -> Variable:
    """Return the largest minus the smallest element over ``axis``.

    >>> import gradcore.tensor as T
    >>> T.ptp([[1, 3], [4, 2]], axis=1).eval().tolist()
    [2, 2]
    """
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
    """Return the index of the first largest element over ``axis`` (of the flat form, for None).

    >>> import gradcore.tensor as T
    >>> T.argmax([[1, 3], [4, 2]], axis=1).eval().tolist()
    [1, 0]
    """
    return _argreduced("max", x, axis, keepdims)


@word
def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Variable:
    """Return the index of the first smallest element over ``axis`` (of the flat form, for None).

    >>> import gradcore.tensor as T
    >>> T.argmin([[1, 3], [4, 2]], axis=1).eval().tolist()
    [0, 1]
    """
    return _argreduced("min", x, axis, keepdims)


def max_and_argmax(
    x: Any, axis: int | None = None, keepdims: bool = False
) -> tuple[Variable, Variable]:
    """Return ``max`` and ``argmax``.

    >>> import gradcore.tensor as T
    >>> [found.eval().tolist() for found in T.max_and_argmax([[1, 3], [4, 2]], axis=1)]
    [[3, 4], [1, 0]]
    """
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

    >>> import gradcore.tensor as T
    >>> T.mean([[1, 3], [4, 2]], axis=0).eval().tolist()
    [2.5, 2.5]
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
    """Return the variance over ``axis``: the sum of squared deviations over ``count - ddof``.

    >>> import gradcore.tensor as T
    >>> T.var([1.0, 3.0], ddof=1).eval()
    array(2.)
    """
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
    """Return the standard deviation over ``axis``; its slope is 0 where it is 0.

    >>> import gradcore.tensor as T
    >>> T.std([1.0, 3.0]).eval()
    array(1.)
    """
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

    >>> import gradcore.tensor as T
    >>> T.norm([[3.0, 4.0], [6.0, 8.0]], axis=1).eval().tolist()
    [5.0, 10.0]
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
    """Return ``log(sum(exp(x)))`` over ``axis``, without overflow.

    >>> import gradcore.tensor as T
    >>> T.logsumexp([[1000.0, 1000.0]], axis=1).eval().round(4).tolist()
    [1000.6931]
    """
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
    """Return ``exp(x) / sum(exp(x))`` over ``axis``, without overflow.

    >>> import gradcore.tensor as T
    >>> T.softmax([[1000.0, 1000.0]]).eval().tolist()
    [[0.5, 0.5]]
    """
    variable = _floats(x)
    axes = _axes(axis, variable.ndim)
    powers = scalars.exp(variable - DisconnectedGrad()(_largest(variable, axes)))
    return powers / sum(powers, axes, keepdims=True)


@word
def log_softmax(x: Any, axis: Axis = -1) -> Variable:
    """Return ``log(softmax(x))``, without overflow.

    >>> import gradcore.tensor as T
    >>> T.log_softmax([1000.0, 0.0]).eval().tolist()
    [0.0, -1000.0]
    """
    variable = _floats(x)
    return variable - logsumexp(variable, axis, keepdims=True)


# products of complex numbers ---------------------------------------------------------------------
def multiplied(factor: Variable, found: Variable) -> Variable:
    """Return a product and one more factor: a step of a loop."""
    return found * factor


def _complex_product(x: Variable, axis: Axis, keepdims: bool) -> Variable:
    """Return the product over axes, factor by factor."""
    axes = _axes(axis, x.ndim)
    others = [a for a in range(x.ndim) if a not in axes]
    extents = [extents_of(x)[a] for a in others]
    count = product(tuple(extents_of(x)[a] for a in axes))
    rows = reshape(x.dimshuffle(*axes, *others), (count, *extents))
    one = LANGUAGE["alloc"](cast(1, x.type.dtype), *extents)
    found, _ = LANGUAGE["foldl"](multiplied, rows, one)
    return restored(found, axes, x.ndim) if keepdims else found
