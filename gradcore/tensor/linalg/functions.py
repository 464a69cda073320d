"""Functions of matrices: inverses, determinants, powers, the exponential, norms."""

from __future__ import annotations

import math
from typing import Any

from gradcore.errors import GraphTypeError, GraphValueError
from gradcore.graph import Variable, as_variable, here
from gradcore.graph.extents import product
from gradcore.graph.nodes import extents_of
from gradcore.graph.types import whole_number
from gradcore.language import LANGUAGE, listed
from gradcore.ops.decompositions import identity
from gradcore.ops.factors import Solve
from gradcore.ops.inverses import (
    Determinant,
    Inverse,
    LogAbsDeterminant,
    PseudoInverse,
    sign_of_determinant,
)
from gradcore.ops.matrices import part_of
from gradcore.ops.scalars import abs as abs_
from gradcore.ops.scalars import ceil, eq, isfinite, log2, lt, maximum, switch
from gradcore.ops.schur import Logarithm, SquareRoot
from gradcore.tensor import creation, reductions
from gradcore.tensor.creation import arange
from gradcore.tensor.elementwise import cast
from gradcore.tensor.linalg.decompositions import svdvals
from gradcore.tensor.linalg.operands import matrices, raises
from gradcore.tensor.products import matmul
from gradcore.tensor.shapes import alloc, concatenate, moveaxis, reshape


# inverses and determinants ----------------------------------------------------------------------
def inv(a: Any, *, on_error: str = "raise") -> Variable:
    """Return the inverse of a square matrix, or of a stack of them.

    on_error : "raise": LinAlgError for a singular matrix; "nan": it has an inverse of NaN.

    ``solve(a, b)`` takes fewer operations than ``inv(a) @ b``, with less error.

    >>> import gradcore.tensor as T
    >>> T.linalg.inv([[0.0, 2.0], [4.0, 0.0]]).eval().tolist()
    [[0.0, 0.25], [0.5, 0.0]]
    """
    (matrix,), dtype = matrices("inv", a)
    return cast(Inverse(raises("inv", on_error))(matrix), dtype)


def det(a: Any) -> Variable:
    """Return the determinant of a square matrix, or those of a stack.

    It has a derivative where the matrix is singular, too; its second derivative there is right if
    singular values differ.  ``log(det(a))`` and its derivative do not overflow where the
    determinant does.

    >>> import gradcore.tensor as T
    >>> x = T.dmatrix("x")
    >>> T.grad(T.linalg.det(x), x).eval({x: [[0.0, 0.0], [0.0, 3.0]]}).round(12).tolist()
    [[3.0, 0.0], [0.0, 0.0]]
    """
    (matrix,), dtype = matrices("det", a)
    return cast(Determinant()(matrix), dtype)


def slogdet(a: Any) -> tuple[Variable, Variable]:
    """Return the sign of the determinant, and the logarithm of its magnitude.

    The sign of a complex number is the number over its magnitude.  Neither result overflows or
    underflows; of a singular matrix they are 0 and -inf.

    >>> import gradcore.tensor as T
    >>> [x.eval().tolist() for x in T.linalg.slogdet([[0.0, 1.0], [1.0, 0.0]])]
    [-1.0, 0.0]
    """
    (matrix,), dtype = matrices("slogdet", a)
    logarithm = LogAbsDeterminant()(matrix)
    return cast(sign_of_determinant(matrix), dtype), cast(logarithm, part_of(dtype))


def pinv(a: Any, rcond: float | None = None) -> Variable:
    """Return the pseudoinverse, by Moore and Penrose, of a matrix or of a stack of them.

    rcond : singular values of at most this part of the largest count as 0; by default the larger
        extent times the distance from 1 to the next number of the dtype.

    Derivatives take it that the values that count as 0 are 0, and stay 0: they are right where the
    rank is full, and where it is not for what does not change it.

    Raises LinAlgError when it runs: the matrix is not finite.

    >>> import gradcore.tensor as T
    >>> T.linalg.pinv([[2.0, 0.0], [0.0, 0.0]]).eval().tolist()
    [[0.5, 0.0], [0.0, 0.0]]
    """
    (matrix,), dtype = matrices("pinv", a)
    return cast(PseudoInverse(rcond)(matrix), dtype)


def tensorinv(a: Any, ind: int = 2) -> Variable:
    """Return the inverse of ``tensordot`` over the first ``ind`` axes, as NumPy's ``tensorinv``.

    a : its first ``ind`` axes have as many elements together as the others.

    >>> import gradcore.tensor as T
    >>> T.linalg.tensorinv(T.reshape(2.0 * T.eye(2), (2, 1, 2))).eval().tolist()
    [[[0.5], [0.0]], [[0.0], [0.5]]]
    """
    tensor = as_variable(a)
    if not 0 < ind < tensor.ndim:
        raise GraphValueError(f"tensorinv of {tensor} ({tensor.type}): ind is {ind}", here())
    first, last = extents_of(tensor)[:ind], extents_of(tensor)[ind:]
    matrix = reshape(tensor, (product(first), product(last)))
    return reshape(inv(matrix), (*last, *first))


# powers -----------------------------------------------------------------------------------------
def matrix_power(a: Any, n: int) -> Variable:
    """Return the ``n``-th power of a square matrix, or of a stack of them; n may be negative.

    Raises GraphTypeError: n is no integer, or the matrix is none.  LinAlgError when it runs: n is
    negative, and the matrix singular.

    >>> import gradcore.tensor as T
    >>> T.linalg.matrix_power([[1, 1], [0, 1]], 5).eval().tolist()
    [[1, 5], [0, 1]]
    """
    matrix = as_variable(a)
    if matrix.ndim < 2:
        raise GraphTypeError(f"matrix_power takes matrices, not {matrix} ({matrix.type})", here())
    left = whole_number(n)
    if left is None:
        message = f"matrix_power takes an integer, not {n!r}"
        raise GraphTypeError(message, here(), "for others there is fractional_matrix_power")
    if left < 0:
        return matrix_power(inv(matrix), -left)
    found: Variable | None = None
    while left:
        if left % 2:
            found = matrix if found is None else matmul(found, matrix)
        left //= 2
        matrix = matmul(matrix, matrix) if left else matrix
    return alloc(identity(matrix), *extents_of(matrix)) if found is None else found


PADE = (
    *(64764752532480000.0, 32382376266240000.0, 7771770303897600.0, 1187353796428800.0),
    *(129060195264000.0, 10559470521600.0, 670442572800.0, 33522128640.0, 1323241920.0),
    *(40840800.0, 960960.0, 16380.0, 182.0, 1.0),
)
"""The coefficients of the approximation of degree 13, from that of the identity on."""

PADE_NORM = 5.371920351148152
"""The norm up to which it is exact to float64."""


def expm(a: Any) -> Variable:
    """Return the exponential of a square matrix, or of a stack of them.

    By N. Higham, "The scaling and squaring method for the matrix exponential revisited" (2005),
    with the approximation of degree 13 for all.

    >>> import gradcore.tensor as T
    >>> T.linalg.expm([[0.0, 1.0], [0.0, 0.0]]).eval().tolist()
    [[1.0, 1.0], [0.0, 1.0]]
    """
    (matrix,), dtype = matrices("expm", a)
    size = reductions.max(abs_(matrix).sum(-2), -1, keepdims=True).dimshuffle(
        *range(matrix.ndim - 1), "x"
    )
    needed = ceil(log2(maximum(size / PADE_NORM, 1)))
    halvings = cast(switch(isfinite(needed), needed, 0), "int64")
    part = part_of(matrix.type.dtype)
    scaled = matrix * cast(2, part) ** cast(-halvings, part)
    most = reductions.max(concatenate([as_variable([0]), halvings.ravel()]))

    def squared(k: Variable, x: Variable) -> Variable:
        return switch(lt(k, halvings), matmul(x, x), x)

    found, _ = LANGUAGE["foldl"](squared, arange(most), _approximated(scaled))
    return cast(found, dtype)


def _approximated(x: Variable) -> Variable:
    """Return the exponentials of matrices of a small norm."""
    b = [cast(c, part_of(x.type.dtype)) for c in PADE]
    one = identity(x)
    x2 = matmul(x, x)
    x4 = matmul(x2, x2)
    x6 = matmul(x4, x2)
    odd = matmul(x6, b[13] * x6 + b[11] * x4 + b[9] * x2) + b[7] * x6 + b[5] * x4 + b[3] * x2
    even = matmul(x6, b[12] * x6 + b[10] * x4 + b[8] * x2) + b[6] * x6 + b[4] * x4 + b[2] * x2
    u, v = matmul(x, odd + b[1] * one), even + b[0] * one
    return Solve(raises=False)(v - u, v + u)


def sqrtm(a: Any, *, on_error: str = "raise") -> Variable:
    """Return the principal square root of a square matrix: x of ``x @ x = a``, real if ``a`` is.

    on_error : "raise": LinAlgError if there is no such one, as of ``[[-1.0]]``; "nan": it is NaN.

    SciPy's is complex then: take ``sqrtm(a + 0j)``.  The derivative is not finite where eigenvalues
    of x add up to zero, as those of a singular matrix do.  On JAX and torch a singular matrix has
    no root.

    A. Bjoerck and S. Hammarling, "A Schur method for the square root of a matrix" (1983).

    >>> import gradcore.tensor as T
    >>> T.linalg.sqrtm([[4.0, 1.0], [0.0, 4.0]]).eval().round(12).tolist()
    [[2.0, 0.25], [0.0, 2.0]]
    """
    (matrix,), dtype = matrices("sqrtm", a)
    return cast(SquareRoot(raises("sqrtm", on_error))(matrix), dtype)


def logm(a: Any, *, on_error: str = "raise") -> Variable:
    """Return the principal logarithm of a square matrix: x of ``expm(x) = a``, real if ``a`` is.

    on_error : "raise": LinAlgError if there is no such one, as of a singular matrix, or of
        ``[[-1.0]]``; "nan": it is NaN.

    SciPy's is complex where a real matrix has a negative eigenvalue: take ``logm(a + 0j)``.

    N. Higham, "Functions of Matrices" (2008), algorithm 11.9.

    >>> import gradcore.tensor as T
    >>> T.linalg.logm([[1.0, 3.0], [0.0, 1.0]]).eval().round(12).tolist()
    [[0.0, 3.0], [0.0, 0.0]]
    """
    (matrix,), dtype = matrices("logm", a)
    return cast(Logarithm(raises("logm", on_error))(matrix), dtype)


# norms ------------------------------------------------------------------------------------------
def trace(a: Any, offset: int = 0) -> Variable:
    """Return the sums of the ``offset``-th diagonals of the last two axes.

    >>> import gradcore.tensor as T
    >>> T.linalg.trace([[1.0, 2.0], [3.0, 4.0]]).eval().tolist()
    5.0
    """
    return creation.diagonal(a, offset, -2, -1).sum(-1)


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Variable:
    """Return a norm of vectors or matrices, as NumPy's ``linalg.norm``.

    ord : of vectors, a number or inf; of matrices "fro", "nuc" (the sum of singular values), 2 and
        -2 (the largest and the smallest), 1 and -1 (the largest and smallest sum of a column), inf
        and -inf (of a row).  None: the root of the sum of squares.
    axis : one axis, for vectors, or two, for matrices; None: those that there are, or without an
        ``ord`` all elements.

    The slope of a norm is 0 where it is 0.

    >>> import gradcore.tensor as T
    >>> T.linalg.norm([[3.0, 0.0], [0.0, 4.0]], "nuc").eval().tolist()
    7.0
    """
    variable = as_variable(x)
    if axis is None and ord is not None and variable.ndim > 2:
        raise GraphTypeError(
            f"norm of {variable} ({variable.type}): which axes are those of vectors or matrices?",
            here(),
            "say axis=-1, or axis=(-2, -1)",
        )
    axes: list[int] = list(range(variable.ndim)) if axis is None else listed(axis)
    if len(axes) != 2 or ord in (None, "fro"):
        return reductions.norm(variable, 2 if ord is None else ord, axis, keepdims)
    found = _of_matrices(moveaxis(variable, axes, [-2, -1]), ord)
    if not keepdims:
        return found
    ones = {a % variable.ndim for a in axes}
    left = iter(range(found.ndim))
    return found.dimshuffle(*("x" if a in ones else next(left) for a in range(variable.ndim)))


def _of_matrices(x: Variable, ord: Any) -> Variable:
    largest = reductions.max if ord not in (-1, -2, -math.inf) else reductions.min
    if ord in (2, -2, "nuc"):
        is_zero = reductions.all(eq(x, 0), (-2, -1), keepdims=True)
        values = svdvals(switch(is_zero, 0, x))  # their slopes at 0 are those of some direction
        return values.sum(-1) if ord == "nuc" else largest(values, -1)
    if ord in (1, -1, math.inf, -math.inf):
        return largest(abs_(x).sum(-2 if ord in (1, -1) else -1), -1)
    raise GraphValueError(f"there is no norm {ord!r} of matrices", here())
