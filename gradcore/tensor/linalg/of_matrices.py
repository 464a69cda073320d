"""Functions of matrices that are short expressions of others, by SciPy's and NumPy's names.

Each takes a matrix, or a stack of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcore.errors import GraphTypeError, GraphValueError
from gradcore.graph import Variable, here
from gradcore.ops.matrices import adjoint
from gradcore.ops.scalars import arccos, arcsin, clip, isnan, switch
from gradcore.tensor.elementwise import cast
from gradcore.tensor.linalg.decompositions import qr, svd, svdvals
from gradcore.tensor.linalg.equations import solve
from gradcore.tensor.linalg.functions import expm, inv, logm, matrix_power, norm, pinv, sqrtm
from gradcore.tensor.linalg.operands import matrices
from gradcore.tensor.products import matmul
from gradcore.tensor.reductions import any, max, sum
from gradcore.tensor.reductions import norm as norm_of_elements
from gradcore.tensor.repeats import flip
from gradcore.tensor.shapes import concatenate


# hyperbolic and trigonometric functions ---------------------------------------------------------
def coshm(a: Any) -> Variable:
    """Return the hyperbolic cosine of square matrices.

    >>> import gradcore.tensor as T
    >>> T.linalg.coshm([[0.0, 1.0], [0.0, 0.0]]).eval().tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    (x,), _ = matrices("coshm", a)
    return (expm(x) + expm(-x)) / 2


def sinhm(a: Any) -> Variable:
    """Return the hyperbolic sine of square matrices.

    >>> import gradcore.tensor as T
    >>> T.linalg.sinhm([[0.0, 1.0], [1.0, 0.0]]).eval().round(4).tolist()
    [[0.0, 1.1752], [1.1752, 0.0]]
    """
    (x,), _ = matrices("sinhm", a)
    return (expm(x) - expm(-x)) / 2


def tanhm(a: Any) -> Variable:
    """Return the hyperbolic tangent of square matrices.

    >>> import gradcore.tensor as T
    >>> T.linalg.tanhm([[0.0, 1.0], [1.0, 0.0]]).eval().round(4).tolist()
    [[0.0, 0.7616], [0.7616, 0.0]]
    """
    return solve(coshm(a), sinhm(a))


def _turned(name: str, a: Any) -> tuple[Variable, Variable]:
    """Return the cosine and the sine of square matrices: of real ones the parts of exp(i a)."""
    (x,), _ = matrices(name, a)
    if x.type.is_complex:
        there, back = expm(x * 1j), expm(x * -1j)
        return (there + back) / 2, (there - back) * -0.5j
    zero = x.zeros_like()
    rows = concatenate([zero, -x], -1), concatenate([x, zero], -1)
    whole, n = expm(concatenate(rows, -2)), x.shape[-1]
    return whole[..., :n, :n], whole[..., n:, :n]


def cosm(a: Any) -> Variable:
    """Return the cosine of square matrices.

    >>> import gradcore.tensor as T
    >>> T.linalg.cosm([[0.0, 1.0], [0.0, 0.0]]).eval().tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    return _turned("cosm", a)[0]


def sinm(a: Any) -> Variable:
    """Return the sine of square matrices.

    >>> import gradcore.tensor as T
    >>> T.linalg.sinm([[0.0, 1.0], [1.0, 0.0]]).eval().round(4).tolist()
    [[0.0, 0.8415], [0.8415, 0.0]]
    """
    return _turned("sinm", a)[1]


def tanm(a: Any) -> Variable:
    """Return the tangent of square matrices.

    >>> import gradcore.tensor as T
    >>> T.linalg.tanm([[0.0, 1.0], [1.0, 0.0]]).eval().round(4).tolist()
    [[0.0, 1.5574], [1.5574, 0.0]]
    """
    cosine, sine = _turned("tanm", a)
    return solve(cosine, sine)


def fractional_matrix_power(a: Any, t: float) -> Variable:
    """Return the principal power ``t`` of square matrices: of a fraction, ``expm(t * logm(a))``.

    t : a finite number, which is known while the graph is built: whole ones are powers of any
        matrix.

    Raises GraphTypeError: t is no such number.  LinAlgError when it runs, for a fraction: there is
    no `logm`.

    >>> import gradcore.tensor as T
    >>> T.linalg.fractional_matrix_power([[4.0, 1.0], [0.0, 4.0]], 0.5).eval().round(12).tolist()
    [[2.0, 0.25], [0.0, 2.0]]
    """
    if isinstance(t, Variable) or not np.isfinite(t):
        message = f"fractional_matrix_power takes a finite number, not {t}"
        raise GraphTypeError(message, here(), "expm(t * logm(a)) takes variables")
    if t == int(t):
        return matrix_power(a, int(t))
    (x,), dtype = matrices("fractional_matrix_power", a)
    return cast(expm(t * logm(x)), dtype)


def signm(a: Any) -> Variable:
    """Return the sign of square matrices: ``a @ inv(sqrtm(a @ a))``.

    Its eigenvalues are those of ``a`` with 1 for positive real parts and -1 for negative ones.

    N. Higham, "Functions of Matrices" (2008), chapter 5.

    >>> import gradcore.tensor as T
    >>> T.linalg.signm([[2.0, 5.0], [0.0, -3.0]]).eval().round(12).tolist()
    [[1.0, 2.0], [0.0, -1.0]]
    """
    (x,), dtype = matrices("signm", a)
    return cast(solve(sqrtm(matmul(x, x)), x), dtype)


# by singular values -----------------------------------------------------------------------------
def polar(a: Any, side: str = "right") -> tuple[Variable, Variable]:
    """Return U and P of ``a = U @ P`` (``side="left"``: ``a = P @ U``), P symmetric, semidefinite.

    Of complex matrices, P is Hermitian.

    U has orthonormal columns, or rows, where ``a`` is wider than high.

    Raises GraphValueError: another side.

    >>> import gradcore.tensor as T
    >>> u, p = T.linalg.polar([[0.0, -2.0], [3.0, 0.0]])
    >>> u.eval().round(12).tolist(), p.eval().round(12).tolist()
    ([[0.0, -1.0], [1.0, 0.0]], [[3.0, 0.0], [0.0, 2.0]])
    """
    if side not in ("left", "right"):
        raise GraphValueError(f'polar takes side="left" or "right", not {side!r}', here())
    u, s, vh = svd(a)
    half = adjoint(vh) if side == "right" else u
    stretched = matmul(half * s[..., None, :], adjoint(half))
    return matmul(u, vh), stretched


def orthogonal_procrustes(a: Any, b: Any) -> tuple[Variable, Variable]:
    """Return the orthogonal R that makes ``norm(a @ R - b)`` least, and the sum of singular values.

    These are those of ``a.T @ b``; of complex matrices a.T is that of the conjugate, R unitary.

    >>> import gradcore.tensor as T
    >>> a, b = [[1.0, 0.0], [0.0, 2.0]], [[0.0, 1.0], [2.0, 0.0]]
    >>> r, scale = T.linalg.orthogonal_procrustes(a, b)
    >>> r.eval().round(12).tolist(), scale.eval().round(12).tolist()
    ([[0.0, 1.0], [1.0, 0.0]], 5.0)
    """
    (x, y), _ = matrices("orthogonal_procrustes", a, b)
    u, s, vh = svd(matmul(adjoint(x), y))
    return matmul(u, vh), sum(s, -1)


def pinvh(a: Any) -> Variable:
    """Return the pseudoinverse of symmetric matrices: `pinv`, by its name for these.

    >>> import gradcore.tensor as T
    >>> T.linalg.pinvh([[2.0, 0.0], [0.0, 0.0]]).eval().tolist()
    [[0.5, 0.0], [0.0, 0.0]]
    """
    return pinv(a)


def matrix_rank(a: Any, rtol: float | None = None) -> Variable:
    """Return the number of singular values above ``rtol`` times the largest, int64.

    rtol : by default the larger extent times the distance from 1 to the next number of the dtype.

    >>> import gradcore.tensor as T
    >>> T.linalg.matrix_rank([[1.0, 2.0], [2.0, 4.0]]).eval().tolist()
    1
    """
    (x,), _ = matrices("matrix_rank", a)
    values = svdvals(x)
    part = max(x.shape[-2:]) * float(np.finfo(x.dtype).eps) if rtol is None else rtol
    least = cast(part * max(values, -1, keepdims=True), values.dtype)
    return sum(cast(values > least, "int64"), -1)


def _of_one(name: str, a: Any, rcond: float | None) -> tuple[Variable, Variable]:
    """Return a matrix and the number of its singular values above ``rcond`` times the largest."""
    (x,), _ = matrices(name, a)
    if x.ndim != 2:
        raise GraphTypeError(f"{name} takes one matrix, not {x} ({x.type})", here())
    return x, matrix_rank(x, rcond)


def orth(a: Any, rcond: float | None = None) -> Variable:
    """Return an orthonormal basis of what the columns of one matrix span, as many as its rank.

    rcond : which singular values count as 0, see `matrix_rank`.

    Derivatives are right for what does not depend on the basis, see `svd`.

    >>> import gradcore.tensor as T
    >>> T.linalg.orth([[3.0, 3.0], [4.0, 4.0]]).eval().round(12).tolist()
    [[0.6], [0.8]]
    """
    x, rank = _of_one("orth", a, rcond)
    return svd(x)[0][:, :rank]


def null_space(a: Any, rcond: float | None = None) -> Variable:
    """Return an orthonormal basis of the vectors that one matrix takes to 0.

    rcond : which singular values count as 0, see `matrix_rank`.

    Derivatives are right for what does not depend on the basis, see `svd`.

    >>> import gradcore.tensor as T
    >>> abs(T.linalg.null_space([[1.0, -1.0]]) * 2**0.5).eval().round(12).tolist()
    [[1.0], [1.0]]
    """
    x, rank = _of_one("null_space", a, rcond)
    return adjoint(svd(x, full_matrices=True)[2][rank:])


def subspace_angles(a: Any, b: Any) -> Variable:
    """Return the angles between what the columns of two matrices span, in descending order.

    a, b : matrices of as many rows, at least as many as columns, which do not depend on each other.

    A. Knyazev and M. Argentati, "Principal angles between subspaces in an A-based scalar product"
    (2002): small ones are found by their sines.

    >>> import gradcore.tensor as T
    >>> T.linalg.subspace_angles([[1.0], [0.0]], [[1.0], [1e-9]]).eval().tolist()
    [1e-09]
    """
    (x, y), _ = matrices("subspace_angles", a, b)
    p, q = qr(x)[0], qr(y)[0]
    shared = matmul(adjoint(p), q)
    cosines = flip(svdvals(shared), -1)
    n = cosines.shape[-1]
    sines = svdvals(q - matmul(p, shared))
    sines = sines[..., sines.shape[-1] - n :]  # before are ones, if b has more columns
    small = cosines**2 >= 0.5
    return switch(small, arcsin(clip(sines, 0, 1)), arccos(clip(switch(small, 0, cosines), 0, 1)))


# norms ------------------------------------------------------------------------------------------
def matrix_norm(x: Any, ord: Any = "fro", keepdims: bool = False) -> Variable:
    """Return the norm of matrices, in the last two axes: `norm`, by the array API's name.

    >>> import gradcore.tensor as T
    >>> T.linalg.matrix_norm([[[3.0, 0.0], [0.0, 4.0]]], "nuc").eval().tolist()
    [7.0]
    """
    (variable,), _ = matrices("matrix_norm", x)
    return norm(variable, ord, (-2, -1), keepdims)


def vector_norm(x: Any, ord: Any = 2, axis: Any = None, keepdims: bool = False) -> Variable:
    """Return the norm of the elements over one axis or several, by the array API's name.

    >>> import gradcore.tensor as T
    >>> T.linalg.vector_norm([[3.0, 0.0], [0.0, 4.0]]).eval().tolist()
    5.0
    """
    return norm_of_elements(x, ord, axis, keepdims)


def cond(x: Any, p: Any = None) -> Variable:
    """Return the condition numbers of matrices, as NumPy's ``linalg.cond``.

    p : None or 2: the largest singular value by the smallest; -2: the smallest by the largest; of
        square matrices any other ``ord`` of `matrix_norm`: the norm times that of the inverse.

    That of a singular matrix is infinite, or, by singular values, as large as rounding makes it.

    >>> import gradcore.tensor as T
    >>> T.linalg.cond([[4.0, 0.0], [0.0, 2.0]]).eval().tolist()
    2.0
    >>> T.linalg.cond([[1.0, 1.0], [1.0, 1.0]], "fro").eval().tolist()
    inf
    """
    (variable,), _ = matrices("cond", x)
    if p in (None, 2, -2):
        values = svdvals(variable)
        found = values[..., 0] / values[..., -1] if p != -2 else values[..., -1] / values[..., 0]
    else:
        found = matrix_norm(variable, p) * matrix_norm(inv(variable, on_error="nan"), p)
    singular = isnan(found) & ~any(isnan(variable), (-2, -1))
    return switch(singular, np.inf, found)
