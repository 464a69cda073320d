"""Polynomials by their coefficients, the highest power first, as those of `numpy.polyval`."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcore.errors import GraphTypeError, GraphValueError
from gradcore.graph import Variable, as_variable, here, upcast
from gradcore.graph.nodes import extents_of
from gradcore.language import is_several
from gradcore.ops import scalars
from gradcore.ops.elementwise import floating
from gradcore.tensor.creation import arange, zeros
from gradcore.tensor.elementwise import cast
from gradcore.tensor.linalg import lstsq
from gradcore.tensor.reductions import sum as sum_
from gradcore.tensor.shapes import concatenate, expand_dims, reshape
from gradcore.tensor.signals import convolve


def _coefficients(p: Any, name: str) -> Variable:
    variable = as_variable(p)
    if variable.ndim != 1:
        raise GraphTypeError(
            f"{name} takes a vector of coefficients, not {variable} ({variable.type})", here()
        )
    return variable


def polyval(p: Any, x: Any) -> Variable:
    """Return the values at ``x`` of the polynomial with the coefficients ``p``.

    p : a vector, the coefficient of the highest power first.

    By Horner's rule, where its length is known; else as a sum of powers.

    >>> import gradcore.tensor as T
    >>> T.polyval([1, 0, 2], [3, 4]).eval().tolist()
    [11, 18]
    """
    coefficients, variable = _coefficients(p, "polyval"), as_variable(x)
    n = coefficients.type.shape[0]
    dtype = upcast(coefficients.type.dtype, variable.type.dtype)
    if n is None:
        powers = extents_of(coefficients)[0] - 1 - arange(extents_of(coefficients)[0])
        variable, powers = cast(variable, dtype), cast(powers, dtype)
        return cast(sum_(coefficients * expand_dims(variable, -1) ** powers, -1), dtype)
    found = scalars.fill(variable, cast(0, dtype))
    for i in range(n):
        found = found * variable + coefficients[i]
    return found


def vander(x: Any, N: Any = None, increasing: bool = False) -> Variable:  # noqa: N803 - NumPy's name
    """Return the Vandermonde matrix of a vector: its powers as columns, the highest first.

    N : how many columns there are; by default as many as rows.
    increasing : the lowest power first.

    >>> import gradcore.tensor as T
    >>> T.vander([2, 3], 3).eval().tolist()
    [[4, 2, 1], [9, 3, 1]]
    """
    vector = as_variable(x)
    if vector.ndim != 1:
        raise GraphTypeError(f"vander takes a vector, not {vector} ({vector.type})", here())
    count = extents_of(vector)[0] if N is None else N
    powers = arange(count)
    return vector.dimshuffle(0, "x") ** (powers if increasing else count - 1 - powers)


def polyfit(x: Any, y: Any, deg: int, rcond: float | None = None, w: Any = None) -> Variable:
    """Return the coefficients of the polynomial of degree ``deg`` that fits points best.

    x : a vector of n places.
    y : their values, a vector of n, or a matrix with n rows, of which each column is fitted.
    rcond : the share of the largest singular value below which one counts as 0; by default n times
        the precision of the dtype, or where n is not known, that of `lstsq`.
    w : what the distance of each point is multiplied by.

    Best by least squares.  The result has ``deg + 1`` rows; it has derivatives in all operands.

    Raises GraphTypeError: of another rank; GraphValueError: a negative degree.

    >>> import gradcore.tensor as T
    >>> T.polyfit([0, 1, 2], [1, 3, 5], 1).eval().round(12).tolist()
    [2.0, 1.0]
    """
    places, values = as_variable(x), as_variable(y)
    if places.ndim != 1 or values.ndim not in (1, 2):
        raise GraphTypeError(
            f"polyfit takes a vector, and a vector or matrix of values, not {places.type} and "
            f"{values.type}",
            here(),
        )
    if deg < 0:
        raise GraphValueError(f"polyfit: the degree {deg} is negative", here())
    dtype = floating(places.type.dtype, values.type.dtype)
    places, values = cast(places, dtype), cast(values, dtype)
    powers = vander(places, deg + 1)
    if w is not None:
        weights = cast(w, dtype)
        powers = powers * weights.dimshuffle(0, "x")
        values = values * (weights if values.ndim == 1 else weights.dimshuffle(0, "x"))
    scale = scalars.sqrt(sum_(scalars.sqr(powers), 0))
    n = places.type.shape[0]
    if rcond is None and n is not None:
        rcond = n * float(np.finfo(dtype).eps)
    found = lstsq(powers / scale, values, rcond)
    return found / (scale if values.ndim == 1 else scale.dimshuffle(0, "x"))


# arithmetic -------------------------------------------------------------------------------------
def _aligned(p: Any, q: Any) -> tuple[Variable, Variable]:
    """Return the coefficients of two polynomials, zeros in front of those of lower degree."""
    a, b = _coefficients(p, "a polynomial"), _coefficients(q, "a polynomial")
    m, n = extents_of(a)[0], extents_of(b)[0]
    return _longer(a, n, m), _longer(b, m, n)


def _longer(p: Variable, wanted: Any, length: Any) -> Variable:
    if isinstance(wanted, int) and isinstance(length, int):
        missing: Any = max(wanted - length, 0)
        return concatenate([zeros((missing,), p.type.dtype), p]) if missing else p
    return concatenate([zeros((scalars.maximum(wanted - length, 0),), p.type.dtype), p])


def polyadd(p: Any, q: Any) -> Variable:
    """Return the coefficients of the sum of two polynomials.

    >>> import gradcore.tensor as T
    >>> T.polyadd([1, 0, 2], [3, 4]).eval().tolist()
    [1, 3, 6]
    """
    a, b = _aligned(p, q)
    return a + b


def polysub(p: Any, q: Any) -> Variable:
    """Return the coefficients of the difference of two polynomials.

    >>> import gradcore.tensor as T
    >>> T.polysub([1, 0, 2], [3, 4]).eval().tolist()
    [1, -3, -2]
    """
    a, b = _aligned(p, q)
    return a - b


def polymul(p: Any, q: Any) -> Variable:
    """Return the coefficients of the product of two polynomials; no leading zero is dropped.

    >>> import gradcore.tensor as T
    >>> T.polymul([1, 1], [1, -1]).eval().tolist()
    [1, 0, -1]
    """
    return convolve(_coefficients(p, "polymul"), _coefficients(q, "polymul"))


def polyder(p: Any, m: int = 1) -> Variable:
    """Return the coefficients of the ``m``-th derivative of a polynomial.

    >>> import gradcore.tensor as T
    >>> T.polyder([1, 0, 2, 5]).eval().tolist()
    [3, 0, 2]
    """
    found = _coefficients(p, "polyder")
    if m < 0:
        raise GraphValueError(f"polyder: the order {m} is negative", here())
    for _ in range(m):
        n = extents_of(found)[0]
        found = found[:-1] * (n - 1 - arange(n))[:-1]
    return found


def polyint(p: Any, m: int = 1, k: Any = 0) -> Variable:
    """Return the coefficients of the ``m``-th antiderivative of a polynomial.

    k : the constants of integration, those of the first integration first; one for all, or m.

    >>> import gradcore.tensor as T
    >>> T.polyint([3.0, 0.0, 2.0], k=7).eval().tolist()
    [1.0, 0.0, 2.0, 7.0]
    """
    found = _coefficients(p, "polyint")
    if m < 0:
        raise GraphValueError(f"polyint: the order {m} is negative", here())
    dtype = floating(found.type.dtype)
    given = list(k) if is_several(k) else [k] * m
    if len(given) != m:
        raise GraphValueError(f"polyint: {len(given)} constants for {m} integrations", here())
    found = cast(found, dtype)
    for constant in given:
        n = extents_of(found)[0]
        last = reshape(cast(as_variable(constant, (dtype,)), dtype), (1,))
        found = concatenate([found / cast(n - arange(n), dtype), last])
    return found
