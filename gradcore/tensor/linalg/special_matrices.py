"""Matrices that few numbers say, by SciPy's names: each element is one of them."""

from __future__ import annotations

from typing import Any

from gradcore.errors import GraphTypeError
from gradcore.graph import Variable, as_variable, here
from gradcore.graph.nodes import extents_of
from gradcore.tensor.creation import arange, eye
from gradcore.tensor.shapes import concatenate, expand_dims, flip


def _vector(x: Any, what: str) -> Variable:
    found = as_variable(x)
    if found.ndim != 1:
        raise GraphTypeError(f"{what} takes vectors, not {found} ({found.type})", here())
    return found


def _outer_sum(rows: Any, columns: Any) -> Variable:
    return expand_dims(arange(rows), 1) + expand_dims(arange(columns), 0)


def toeplitz(c: Any, r: Any = None) -> Variable:
    """Return the matrix whose diagonals are constant, of first column ``c`` and first row ``r``.

    r : a vector, of which the first element is not read; None: the conjugate of ``c``.

    >>> import gradcore.tensor as T
    >>> T.linalg.toeplitz([1, 2, 3], [1, 4]).eval().tolist()
    [[1, 4], [2, 1], [3, 2]]
    """
    column = _vector(c, "toeplitz")
    row = column.conj() if r is None else _vector(r, "toeplitz")
    (m,), (n,) = extents_of(column), extents_of(row)
    whole = concatenate([flip(row[1:]), column])
    return whole[n - 1 + expand_dims(arange(m), 1) - expand_dims(arange(n), 0)]


def hankel(c: Any, r: Any = None) -> Variable:
    """Return the matrix whose antidiagonals are constant, of first column ``c`` and last row ``r``.

    r : a vector, of which the first element is not read; None: zeros.

    >>> import gradcore.tensor as T
    >>> T.linalg.hankel([1, 2, 3]).eval().tolist()
    [[1, 2, 3], [2, 3, 0], [3, 0, 0]]
    """
    column = _vector(c, "hankel")
    row = column.zeros_like() if r is None else _vector(r, "hankel")
    whole = concatenate([column, row[1:]])
    return whole[_outer_sum(extents_of(column)[0], extents_of(row)[0])]


def circulant(c: Any) -> Variable:
    """Return the square matrix whose columns are ``c``, each turned by one more place.

    >>> import gradcore.tensor as T
    >>> T.linalg.circulant([1, 2, 3]).eval().tolist()
    [[1, 3, 2], [2, 1, 3], [3, 2, 1]]
    """
    column = _vector(c, "circulant")
    (n,) = extents_of(column)
    return column[(expand_dims(arange(n), 1) - expand_dims(arange(n), 0)) % n]


def companion(a: Any) -> Variable:
    """Return the matrix whose eigenvalues are the roots of a polynomial, highest power first.

    a : its coefficients, two at least; the first one is not 0.

    >>> import gradcore.tensor as T
    >>> T.linalg.eigvals(T.linalg.companion([1.0, -3.0, 2.0])).eval().real.tolist()
    [1.0, 2.0]
    """
    coefficients = _vector(a, "companion")
    (n,) = extents_of(coefficients)
    first = -coefficients[1:] / coefficients[0]
    below = eye(n - 2, n - 1, dtype=first.dtype)
    return concatenate([expand_dims(first, 0), below])


def hilbert(n: Any) -> Variable:
    """Return the ``n`` by ``n`` matrix of ``1 / (i + j + 1)``.

    >>> import gradcore.tensor as T
    >>> T.linalg.hilbert(2).eval().round(4).tolist()
    [[1.0, 0.5], [0.5, 0.3333]]
    """
    return 1.0 / (_outer_sum(n, n) + 1)
