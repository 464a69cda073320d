"""Functions of matrices that are short expressions of others, by SciPy's and NumPy's names.

Each takes a matrix, or a stack of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcore.graph import Variable
from gradcore.ops.matrices import adjoint
from gradcore.tensor.elementwise import cast
from gradcore.tensor.linalg.decompositions import svd, svdvals
from gradcore.tensor.linalg.equations import solve
from gradcore.tensor.linalg.functions import expm, norm, pinv
from gradcore.tensor.linalg.operands import matrices
from gradcore.tensor.products import matmul
from gradcore.tensor.reductions import max, sum
from gradcore.tensor.reductions import norm as norm_of_elements
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
    """Return the hyperbolic sine of square matrices."""
    (x,), _ = matrices("sinhm", a)
    return (expm(x) - expm(-x)) / 2


def tanhm(a: Any) -> Variable:
    """Return the hyperbolic tangent of square matrices."""
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
    """Return the sine of square matrices."""
    return _turned("sinm", a)[1]


def tanm(a: Any) -> Variable:
    """Return the tangent of square matrices."""
    cosine, sine = _turned("tanm", a)
    return solve(cosine, sine)


# by singular values -----------------------------------------------------------------------------
def polar(a: Any, side: str = "right") -> tuple[Variable, Variable]:
    """Return U and P of ``a = U @ P`` (``side="left"``: ``a = P @ U``), P symmetric, semidefinite.

    Of complex matrices, P is Hermitian.

    U has orthonormal columns, or rows, where ``a`` is wider than high.

    >>> import gradcore.tensor as T
    >>> u, p = T.linalg.polar([[0.0, -2.0], [3.0, 0.0]])
    >>> u.eval().round(12).tolist(), p.eval().round(12).tolist()
    ([[0.0, -1.0], [1.0, 0.0]], [[3.0, 0.0], [0.0, 2.0]])
    """
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
    """Return the pseudoinverse of symmetric matrices: `pinv`, by its name for these."""
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
