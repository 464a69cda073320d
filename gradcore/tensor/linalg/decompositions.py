"""Decompositions of matrices; what they leave open, and how they move, is said by their ops."""

from __future__ import annotations

from typing import Any

from gradcore.errors import GraphValueError, UnsupportedError
from gradcore.graph import Variable, here
from gradcore.graph.extents import smaller
from gradcore.graph.nodes import extents_of
from gradcore.graph.types import upcast
from gradcore.ops.complements import Complement
from gradcore.ops.complexes import complex as complex_of
from gradcore.ops.decompositions import LU, QR, along_columns, along_rows, identity
from gradcore.ops.eigenvalues import Eig
from gradcore.ops.factors import Cholesky, below
from gradcore.ops.matrices import adjoint, part_of
from gradcore.ops.scalars import eq
from gradcore.ops.schur_forms import Schur
from gradcore.ops.spectra import SVD, Eigh
from gradcore.ops.symmetric import LDL
from gradcore.tensor.creation import arange, triu, zeros
from gradcore.tensor.elementwise import cast
from gradcore.tensor.indexing import argsort, take_along_axis
from gradcore.tensor.linalg.operands import matrices, raises
from gradcore.tensor.products import matmul
from gradcore.tensor.shapes import concatenate


def cholesky(x: Any, *, upper: bool = False, on_error: str = "raise") -> Variable:
    """Return the lower triangle L of ``x = L @ L.T``, for a symmetric matrix or a stack of them.

    Of complex numbers, x is Hermitian, and L.T the conjugate transpose.

    upper : whether to return the upper triangle U of ``x = U.T @ U``, and read the upper one of x.
    on_error : "raise": LinAlgError if ``x`` is not positive definite; "nan": L is NaN then.

    Else only the lower triangle of ``x`` is read.

    >>> import gradcore.tensor as T
    >>> T.linalg.cholesky([[4.0, 0.0], [2.0, 5.0]]).eval().tolist()
    [[2.0, 0.0], [1.0, 2.0]]
    """
    (matrix,), dtype = matrices("cholesky", x)
    if upper:
        return adjoint(cholesky(adjoint(matrix), on_error=on_error)).astype(dtype)
    return cast(Cholesky(raises("cholesky", on_error))(matrix), dtype)


def cho_factor(a: Any) -> tuple[Variable, bool]:
    """Return ``(cholesky(a), True)``, for `cho_solve`: the factor is a lower triangle.

    >>> import gradcore.tensor as T
    >>> factor, lower = T.linalg.cho_factor([[4.0, 0.0], [2.0, 5.0]])
    >>> factor.eval().tolist(), lower
    ([[2.0, 0.0], [1.0, 2.0]], True)
    """
    return cholesky(a), True


def lu_factor(a: Any) -> tuple[Variable, Variable]:
    """Return both triangles of ``a[order] = L @ U`` in one matrix, and the order of the rows.

    Of L, which has ones on its diagonal, the part below it is in the matrix.  The order is that of
    all rows, in int64, as JAX's; SciPy's are the exchanges that make it.

    >>> import gradcore.tensor as T
    >>> factors, order = T.linalg.lu_factor([[2.0, 3.0], [4.0, 4.0]])
    >>> factors.eval().tolist(), order.eval().tolist()
    ([[4.0, 4.0], [0.5, 1.0]], [1, 0])
    """
    (matrix,), dtype = matrices("lu_factor", a)
    factors, order = LU()(matrix)
    return cast(factors, dtype), order


def lu(a: Any, permute_l: bool = False, *, p_indices: bool = False) -> tuple[Variable, ...]:
    """Return P, L and U of ``a = P @ L @ U``: a permutation, a lower triangle, an upper triangle.

    permute_l : whether to return ``P @ L`` and U.
    p_indices : whether P is the order of rows p of ``a = L[p] @ U``.

    L has ones on its diagonal.  Matrices are square.

    >>> import gradcore.tensor as T
    >>> p, low, high = T.linalg.lu([[2.0, 3.0], [4.0, 4.0]], p_indices=True)
    >>> p.eval().tolist(), low.eval().tolist(), high.eval().tolist()
    ([1, 0], [[1.0, 0.0], [0.5, 1.0]], [[4.0, 4.0], [0.0, 1.0]])
    """
    factors, order = lu_factor(a)
    low, high = below(factors, 0) + identity(factors), triu(factors)
    place = argsort(order, -1)
    if permute_l:
        return take_along_axis(low, along_columns(place), -2), high
    if p_indices:
        return place, low, high
    places = arange(extents_of(order)[-1])
    permutation = cast(eq(along_rows(order), along_columns(places)), part_of(factors.type.dtype))
    return permutation, low, high


def ldl(a: Any, lower: bool = True, hermitian: bool = True) -> tuple[Variable, ...]:
    """Return the factors of a symmetric matrix that need not be definite, or of a stack of them.

    lower : which triangle of ``a`` is read, and whether the factor is a lower triangle.
    hermitian : whether a complex matrix is Hermitian, and transposes are those of conjugates.

    Returns, as SciPy, L, D and an order of rows, of ``a = L @ D @ L.T``: ``L[order]`` is a triangle
    with ones on its diagonal; D is diagonal but for blocks of two rows; the order is int64.  They
    are those of Bunch and Kaufman's pivots.  Derivatives take it that the order and the blocks
    stay; they are not finite where ``a`` is singular.

    Raises LinAlgError when it runs: the matrix is not finite.

    >>> import gradcore.tensor as T
    >>> low, blocks, order = T.linalg.ldl([[4.0, 0.0], [2.0, 3.0]])
    >>> low.eval().tolist(), blocks.eval().tolist(), order.eval().tolist()
    ([[1.0, 0.0], [0.5, 1.0]], [[4.0, 0.0], [0.0, 2.0]], [0, 1])
    """
    (matrix,), dtype = matrices("ldl", a)
    factor, blocks, order = LDL(bool(lower), bool(hermitian))(matrix)
    rows = take_along_axis(factor, along_columns(argsort(order, -1)), -2)
    return cast(rows, dtype), cast(blocks, dtype), order


def qr(a: Any, mode: str = "reduced") -> Any:
    """Return Q with orthonormal columns and the upper triangle R of ``a = Q @ R``.

    mode : "reduced": as many columns of Q as the shorter side is long; "complete": as many as it
        has rows, of which the further ones are any basis of what is left, and rows of zeros in R;
        "r": R alone.

    R has no negative number on its diagonal.  Derivatives are not finite where the first columns
    of ``a``, as many as there are of Q, depend on each other; those of further columns are right
    for what does not depend on the basis, see `gradcore.ops.complements`.

    Raises UnsupportedError: another mode.

    >>> import gradcore.tensor as T
    >>> [x.eval().round(12).tolist() for x in T.linalg.qr([[3.0, 1.0], [4.0, 3.0]])]
    [[[0.6, -0.8], [0.8, 0.6]], [[5.0, 3.0], [0.0, 1.0]]]
    """
    if mode not in ("reduced", "complete", "r"):
        raise UnsupportedError(
            f"qr has no mode {mode!r}", here(), 'take "reduced", as is usual, "complete" or "r"'
        )
    (matrix,), dtype = matrices("qr", a)
    m, n = extents_of(matrix)[-2:]
    if isinstance(m, int) and isinstance(n, int) and m >= n:
        q, r = QR()(matrix)
    else:
        k = smaller(m, n)
        q, r = QR()(matrix[..., :k])
        r = concatenate([r, matmul(adjoint(q), matrix[..., k:])], -1)
    if mode == "complete":
        *stack, _, k = extents_of(q)
        below_r = zeros((*stack, m - k, n), matrix.type.dtype)
        q, r = concatenate([q, Complement()(q)], -1), concatenate([r, below_r], -2)
    return cast(r, dtype) if mode == "r" else (cast(q, dtype), cast(r, dtype))


def eig(a: Any) -> tuple[Variable, Variable]:
    """Return the eigenvalues of a square matrix, or of a stack of them, and its eigenvectors.

    Both are complex, as JAX's, also where all imaginary parts are 0 (NumPy's are real then): a
    dtype is known before there are values.  float16 and float32 make complex64.

    Raises LinAlgError when it runs: the matrix is not finite.

    Eigenvalues are in ascending order of their real parts, and equal ones of their imaginary parts.
    Eigenvectors are columns of norm 1; of each, the first element that is larger than 0.55 of the
    largest is real and positive.  Derivatives are of vectors so normalized, and need a basis of
    eigenvectors; those of equal eigenvalues are any basis, see `gradcore.ops.eigenvalues`.  Of a
    symmetric matrix, take `eigh`.

    >>> import gradcore.tensor as T
    >>> w, v = T.linalg.eig([[0.0, -2.0], [2.0, 0.0]])
    >>> w.eval().round(12).tolist(), (v * 2**0.5).eval().round(12).tolist()
    ([-2j, 2j], [[(1+0j), (1+0j)], [1j, -1j]])
    """
    (matrix,), _ = matrices("eig", a)
    values_re, values_im, re, im = Eig()(matrix)
    return complex_of(values_re, values_im), complex_of(re, im)


def eigvals(a: Any) -> Variable:
    """Return the eigenvalues of a square matrix, or of a stack of them, complex; see `eig`.

    >>> import gradcore.tensor as T
    >>> T.linalg.eigvals([[1.0, 5.0], [0.0, -3.0]]).eval().tolist()
    [(-3+0j), (1+0j)]
    """
    return eig(a)[0]


def eigh(a: Any, UPLO: str = "L") -> tuple[Variable, Variable]:  # noqa: N803 - NumPy's name
    """Return the eigenvalues of a symmetric matrix, in ascending order, and its eigenvectors.

    Complex matrices are Hermitian, and their eigenvalues real.

    UPLO : which triangle is read: "L", the lower one, or "U".

    Raises LinAlgError when it runs: the matrix is not finite.

    Eigenvectors are columns.  Of each, the first element that is larger than a thousandth of the
    largest is positive; of complex ones it is that which is larger than 0.55 of it, and real.
    Those of equal eigenvalues are any basis; derivatives are right for what does not depend on it,
    see `gradcore.ops.spectra`.

    >>> import gradcore.tensor as T
    >>> w, v = T.linalg.eigh([[2.0, 1.0], [1.0, 2.0]])
    >>> w.eval().round(12).tolist(), (v * v).eval().round(12).tolist()
    ([1.0, 3.0], [[0.5, 0.5], [0.5, 0.5]])
    """
    if UPLO not in ("L", "U"):
        raise GraphValueError(f'eigh takes UPLO="L" or "U", not {UPLO!r}', here())
    (matrix,), dtype = matrices("eigh", a)
    w, v = Eigh()(matrix if UPLO == "L" else adjoint(matrix))
    return cast(w, part_of(dtype)), cast(v, dtype)


def eigvalsh(a: Any, UPLO: str = "L") -> Variable:  # noqa: N803 - NumPy's name
    """Return the eigenvalues of a symmetric matrix, in ascending order; see `eigh`.

    >>> import gradcore.tensor as T
    >>> T.linalg.eigvalsh([[2.0, 1.0], [1.0, 2.0]]).eval().round(6).tolist()
    [1.0, 3.0]
    """
    return eigh(a, UPLO)[0]


def schur(a: Any, output: str = "real") -> tuple[Variable, Variable]:
    """Return T and Z of ``a = Z @ T @ Z.T``, Schur's form of a square matrix or of a stack of them.

    output : "real": of a real matrix T and Z are real, and T a triangle but for blocks of two rows,
        one for each pair of eigenvalues that are not real; "complex": T is a triangle, with the
        eigenvalues on its diagonal, and both are complex, as always of a complex matrix.  Z.T is
        then that of the conjugate.

    Z is orthogonal, or unitary; of each column the first considerable element is positive, as of
    `eigh`.  Eigenvalues are in LAPACK's order.  Derivatives take ``n ** 6`` operations, and are not
    finite where eigenvalues are equal, see `gradcore.ops.schur_forms`.

    Raises LinAlgError when it runs: the matrix is not finite.

    >>> import gradcore.tensor as T
    >>> form, basis = T.linalg.schur([[0.0, 2.0], [-2.0, 0.0]], "complex")
    >>> T.linalg.diagonal(form).eval().imag.round(12).tolist()
    [2.0, -2.0]
    """
    if output not in ("real", "complex"):
        raise GraphValueError(f'schur takes output="real" or "complex", not {output!r}', here())
    (matrix,), dtype = matrices("schur", a)
    if output == "complex" and not matrix.type.is_complex:
        dtype = upcast(matrix.type.dtype, "complex64")
        matrix = cast(matrix, dtype)
    form, basis = Schur()(matrix)
    return cast(form, dtype), cast(basis, dtype)


def rsf2csf(T: Any, Z: Any) -> tuple[Variable, Variable]:  # noqa: N803 - SciPy's names
    """Return Schur's complex form of a matrix of which ``T`` and ``Z`` are the real one.

    >>> import gradcore.tensor as T
    >>> form, basis = T.linalg.rsf2csf(*T.linalg.schur([[0.0, 2.0], [-2.0, 0.0]]))
    >>> T.linalg.diagonal(form).eval().imag.round(12).tolist()
    [2.0, -2.0]
    """
    form, turned = schur(T, "complex")
    return form, matmul(Z, turned)


def svd(a: Any, full_matrices: bool = False, compute_uv: bool = True) -> Any:
    """Return U, s and Vh of ``a = U @ diag(s) @ Vh``; without ``compute_uv`` s alone.

    There are as many singular values as the shorter side is long, in descending order.  The
    columns of U and the rows of Vh are orthonormal; of each column of U, the first element that is
    larger than a thousandth of the largest is positive; of complex ones that which is larger than
    0.55 of it, and real.  Vectors of equal values are any basis;
    derivatives are right for what does not depend on it, see `gradcore.ops.spectra`.

    full_matrices : whether U and Vh are square: further columns of U and rows of Vh are any basis
        of what is left, and their derivatives right for what does not depend on it, see
        `gradcore.ops.complements`.

    Raises LinAlgError when it runs: the matrix is not finite.

    >>> import gradcore.tensor as T
    >>> u, s, vh = T.linalg.svd([[0.0, 3.0], [4.0, 0.0], [0.0, 0.0]])
    >>> u.type.shape, s.eval().tolist(), ((u * s) @ vh).eval().round(12).tolist()
    ((3, 2), [4.0, 3.0], [[0.0, 3.0], [4.0, 0.0], [0.0, 0.0]])
    """
    (matrix,), dtype = matrices("svd", a)
    u, s, vh = SVD()(matrix)
    if full_matrices and compute_uv:
        u = concatenate([u, Complement()(u)], -1)
        vh = concatenate([vh, adjoint(Complement()(adjoint(vh)))], -2)
    u, s, vh = cast(u, dtype), cast(s, part_of(dtype)), cast(vh, dtype)
    return (u, s, vh) if compute_uv else s


def svdvals(a: Any) -> Variable:
    """Return the singular values, in descending order.

    >>> import gradcore.tensor as T
    >>> T.linalg.svdvals([[3.0, 0.0], [0.0, -4.0]]).eval().round(6).tolist()
    [4.0, 3.0]
    """
    return svd(a, compute_uv=False)
