"""Matrices that few numbers say, by SciPy's names: each element is one of them."""

from __future__ import annotations

import math
from typing import Any

from gradcore.errors import GraphTypeError, GraphValueError
from gradcore.graph import Variable, as_variable, here
from gradcore.graph.extents import smaller
from gradcore.graph.nodes import extents_of
from gradcore.ops.complexes import complex as complex_of
from gradcore.ops.scalars import abs as abs_
from gradcore.ops.scalars import cos, eq, round_half_to_even, sin, sqrt, switch
from gradcore.ops.special_gamma import beta
from gradcore.tensor.creation import arange, eye, zeros
from gradcore.tensor.products import matmul
from gradcore.tensor.repeats import flip
from gradcore.tensor.shapes import concatenate, expand_dims


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


def fiedler(a: Any) -> Variable:
    """Return the symmetric matrix of the distances ``abs(a[i] - a[j])`` of numbers.

    >>> import gradcore.tensor as T
    >>> T.linalg.fiedler([1, 4, 6]).eval().tolist()
    [[0, 3, 5], [3, 0, 2], [5, 2, 0]]
    """
    numbers = _vector(a, "fiedler")
    return abs_(expand_dims(numbers, 1) - expand_dims(numbers, 0))


def leslie(f: Any, s: Any) -> Variable:
    """Return the matrix that takes a population by age to that of the next step.

    f : the fecundity of each age.
    s : the rates of survival of all ages but the last.

    >>> import gradcore.tensor as T
    >>> T.linalg.leslie([0.1, 2.0, 1.0], [0.5, 0.25]).eval().tolist()
    [[0.1, 2.0, 1.0], [0.5, 0.0, 0.0], [0.0, 0.25, 0.0]]
    """
    births, rates = _vector(f, "leslie"), _vector(s, "leslie")
    (n,) = extents_of(rates)
    survivors = expand_dims(rates, 1) * eye(n, extents_of(births)[0], dtype=rates.dtype)
    return concatenate([expand_dims(births, 0), survivors])


def convolution_matrix(a: Any, n: Any, mode: str = "full") -> Variable:
    """Return the matrix whose product with a vector of ``n`` elements is its convolution with a.

    mode : "full", "same" or "valid", as of ``T.convolve``.

    Raises GraphValueError: another mode.

    >>> import gradcore.tensor as T
    >>> T.linalg.convolution_matrix([1, 2], 2).eval().tolist()
    [[1, 0], [2, 1], [0, 2]]
    """
    if mode not in ("full", "same", "valid"):
        raise GraphValueError(f"convolution_matrix has no mode {mode!r}", here())
    given = _vector(a, "convolution_matrix")
    (m,) = extents_of(given)
    below = zeros(n - 1, given.dtype)
    whole = toeplitz(concatenate([given, below]), concatenate([given[:1], below]))
    if mode == "full":
        return whole
    surplus = smaller(m, n) - 1
    first, last = (surplus, surplus) if mode == "valid" else (surplus // 2, surplus - surplus // 2)
    return whole[first : m + n - 1 - last]


def dft(n: Any, scale: str | None = None) -> Variable:
    """Return the ``n`` by ``n`` matrix of the discrete Fourier transform, complex128.

    scale : None; "sqrtn": over the root of n, so that it is unitary; "n": over n.

    Raises GraphValueError: another scale.

    >>> import gradcore.tensor as T
    >>> T.linalg.dft(2).eval().round(12).real.tolist()
    [[1.0, 1.0], [1.0, -1.0]]
    """
    if scale not in (None, "sqrtn", "n"):
        raise GraphValueError(f"dft has no scale {scale!r}", here())
    turns = expand_dims(arange(n), 1) * expand_dims(arange(n), 0) % n
    by = {None: 1.0, "sqrtn": sqrt(n), "n": n}[scale]
    angles = -2 * math.pi / n * turns
    return complex_of(cos(angles) / by, sin(angles) / by)


def hadamard(n: int) -> Variable:
    """Return the ``n`` by ``n`` matrix of 1 and -1 whose rows are orthogonal, int64, by Sylvester.

    n : a power of two.

    Raises GraphValueError: it is none.

    >>> import gradcore.tensor as T
    >>> T.linalg.hadamard(2).eval().tolist()
    [[1, 1], [1, -1]]
    """
    if n < 1 or n & (n - 1):
        raise GraphValueError(f"hadamard takes a power of two, not {n}", here())
    both = expand_dims(arange(n), 1) & expand_dims(arange(n), 0)
    odd = both.zeros_like()
    for place in range(n.bit_length()):
        odd += (both >> place) & 1
    return 1 - 2 * (odd & 1)


def helmert(n: Any, full: bool = False) -> Variable:
    """Return the orthogonal matrix of contrasts: each row is one number less those before it.

    full : whether it has its first row, whose numbers are equal.

    >>> import gradcore.tensor as T
    >>> T.linalg.helmert(3).eval().round(3).tolist()
    [[0.707, -0.707, 0.0], [0.408, 0.408, -0.816]]
    """
    i = arange(n)
    row, column = expand_dims(i, 1), expand_dims(i, 0)
    contrasts = switch(column < row, 1.0, switch(eq(column, row), -1.0 * row, 0.0))
    whole = switch(eq(row, 0), 1.0, contrasts) / sqrt(switch(eq(row, 0), n, row * (row + 1)))
    return whole if full else whole[1:]


def hilbert(n: Any) -> Variable:
    """Return the ``n`` by ``n`` matrix of ``1 / (i + j + 1)``.

    >>> import gradcore.tensor as T
    >>> T.linalg.hilbert(2).eval().round(4).tolist()
    [[1.0, 0.5], [0.5, 0.3333]]
    """
    return 1.0 / (_outer_sum(n, n) + 1)


def invhilbert(n: Any) -> Variable:
    """Return the inverse of `hilbert`, whole numbers as float64.

    >>> import gradcore.tensor as T
    >>> T.linalg.invhilbert(2).eval().tolist()
    [[4.0, -6.0], [-6.0, 12.0]]
    """
    row, column = expand_dims(arange(n), 1), expand_dims(arange(n), 0)
    products = _binomials(n + row, n - column - 1) * _binomials(n + column, n - row - 1)
    return _signs(n) * (row + column + 1) * products * _binomials(row + column, row) ** 2


def pascal(n: Any, kind: str = "symmetric") -> Variable:
    """Return the matrix of the numbers of Pascal's triangle, as float64.

    kind : "symmetric", "lower" or "upper".

    Raises GraphValueError: another kind.

    >>> import gradcore.tensor as T
    >>> T.linalg.pascal(3).eval().tolist()
    [[1.0, 1.0, 1.0], [1.0, 2.0, 3.0], [1.0, 3.0, 6.0]]
    """
    row, column = expand_dims(arange(n), 1), expand_dims(arange(n), 0)
    if kind == "symmetric":
        return _binomials(row + column, row)
    if kind not in ("lower", "upper"):
        raise GraphValueError(f"there is no matrix of Pascal of kind {kind!r}", here())
    low = switch(column > row, 0, _binomials(row, switch(column > row, 0, column)))
    return low if kind == "lower" else low.T


def invpascal(n: Any, kind: str = "symmetric") -> Variable:
    """Return the inverse of `pascal`.

    >>> import gradcore.tensor as T
    >>> T.linalg.invpascal(2).eval().tolist()
    [[2.0, -1.0], [-1.0, 1.0]]
    """
    if kind != "symmetric":
        return _signs(n) * pascal(n, kind)
    return matmul(invpascal(n, "upper"), invpascal(n, "lower"))


def _binomials(n: Any, k: Any) -> Variable:
    """Return how many ways there are to choose k of n, where k is in 0 ... n, as float64."""
    return round_half_to_even(1 / ((n + 1) * beta(n - k + 1.0, k + 1.0)))


def _signs(n: Any) -> Variable:
    """Return the matrix of ``(-1) ** (i + j)``."""
    return 1 - 2 * (_outer_sum(n, n) % 2)
