"""Decompositions of matrices, on stacks: LU, QR, eigenvectors, singular vectors.

Eigenvectors, singular vectors and Q have signs that mathematics leaves open.  Here R has no
negative number on its diagonal, and of each eigenvector and left singular vector the first element
that is larger than a thousandth of the largest is positive, so that all backends agree.  (The
largest itself would not do: in ``[1, -1]`` there are two, and rounding chooses.)

A matrix that is not finite has no eigenvectors and singular vectors, nor has one for which LAPACK's
iterations do not converge: it is `LinAlgError`, or NaN, as `gradcore.ops.matrices` says.

Vectors of equal eigenvalues are any basis of a space, and move in no certain way: derivatives take
it that they do not turn into each other, and so are never NaN because two eigenvalues are equal.
They are right for eigenvalues, and for what does not depend on the basis of such a space; a
function of a matrix that is made of its eigenvectors (``V @ diag(f(w)) @ V.T``) lacks what turns
within the space.  The same goes for singular values.

Formulas of derivatives: M. Giles, "Collected matrix derivative results for forward and reverse
mode algorithmic differentiation" (2008), for eigenvectors; J. Townsend, "Differentiating the
singular value decomposition" (2016); S. Walter and L. Lehmann, arXiv:1001.1654, for QR and LU.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np

from gradcore.derive import Tangents
from gradcore.errors import ShapeError
from gradcore.graph import (
    ZERO,
    Apply,
    Array,
    Op,
    Operand,
    Requirement,
    Shape,
    Variable,
)
from gradcore.graph.extents import Extent, product, smaller
from gradcore.graph.externs import Extern
from gradcore.graph.nodes import extents_of
from gradcore.graph.op import Arg, Sample
from gradcore.graph.requirements import REACHES
from gradcore.language import LANGUAGE
from gradcore.ops.create import Arange
from gradcore.ops.factors import SolveLower, lu_factors, well_conditioned
from gradcore.ops.matrices import (
    STACK,
    TAKEN,
    Attempt,
    OfStacks,
    below,
    check_square,
    failure,
    refuse_others,
    singular,
    square,
    transposed,
    with_nan,
)


class Decomposition(OfStacks):
    """An op of a stack of matrices, with several outputs (abstract)."""

    by_norm = compounds = True
    exact_pattern = False

    def check(self, *inputs: Variable) -> None:
        """Take matrices."""
        refuse_others(self, *inputs)


# LU ---------------------------------------------------------------------------------------------
def identity(x: Variable) -> Variable:
    """Return the identity matrix of the extent and dtype of square matrices."""
    i = Arange()(extents_of(x)[-1])
    equal = LANGUAGE["eq"](i.dimshuffle(0, "x"), i.dimshuffle("x", 0))
    return LANGUAGE["cast"](equal, x.type.dtype)


def upper(x: Variable) -> Variable:
    """Return the upper triangle of square matrices, with the diagonal."""
    return transposed(below(transposed(x), 1))


def _lu_tangents(op: Op, t: Variable, x: Variable, lu: Variable, order: Variable) -> list[Any]:
    """inv(L) P dA inv(U) = inv(L) dL + dU inv(U), of which one is a lower triangle without a
    diagonal, the other an upper one.
    """  # noqa: D205 - an equation
    low, high = below(lu, 0) + identity(lu), upper(lu)
    moved = LANGUAGE["take_along_axis"](t, along_columns(order), -2)
    solved = SolveLower(raises=False)(low, moved)
    inner = transposed(SolveLower(raises=False)(transposed(high), transposed(solved)))
    left = LANGUAGE["matmul"](low, below(inner, 0))
    return [left + LANGUAGE["matmul"](upper(inner), high), ZERO]


def _lu_workspace(n: Any, m: Any) -> Any:
    """Return the elements of a transpose, and of exchanges of rows."""
    return n * n + n


@final
@dataclass(frozen=True, repr=False)
class LU(Decomposition):
    """Triangles of square matrices, ``A[order] = L @ U``: of L what is below its ones, and U.

    The two are one matrix; ``order`` is int64.  A singular matrix has a U with a zero on its
    diagonal, and derivatives that are not finite.
    """

    extern = Extern("lu", TAKEN, workspace=_lu_workspace)
    derivative = Tangents(_lu_tangents)
    ulp = 16

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return matrices whose rows must change places, and a stack."""
        return [
            Sample(cls(), (Arg((*stack, n, n), made=well_conditioned),))
            for stack, n in (((), 3), ((2,), 2))
        ]

    @classmethod
    def edges(cls) -> Sequence[Sample]:
        """Return matrices of which one is singular."""
        return [Sample(cls(), (Arg(STACK, made=singular(well_conditioned)),))]

    def dtypes(self, *dtypes: str) -> Sequence[str]:
        """Return the dtype of the matrix, and int64."""
        return (*dtypes, "int64")

    def shapes(self, *operands: Operand) -> Sequence[Shape]:
        """Return the shape of the matrix, and that of a row."""
        shape = operands[0].shape
        return shape, shape[:-1]

    def requires(self, node: Apply, operands: Sequence[Operand]) -> Sequence[Requirement]:
        """The matrices are square."""
        return square(node, operands)

    def operations_of(self, operands: Sequence[Operand], shapes: Sequence[Shape]) -> Extent:
        """Return two thirds of the cube."""
        return 2 * product(operands[0].shape) * operands[0].shape[-1] // 3

    def reference(self, *arrays: Any) -> Any:
        """Return the factors by elimination, in the dtype of the matrix."""
        (x,) = arrays
        check_square(x)
        with np.errstate(all="ignore"):
            return lu_factors(np, x)


# QR ---------------------------------------------------------------------------------------------
def _qr_tangents(op: Op, t: Variable, x: Variable, q: Variable, r: Variable) -> list[Variable]:
    """dA inv(R) = dQ + Q dR inv(R), where Q.T dQ is antisymmetric and dR inv(R) a triangle."""
    right = transposed(SolveLower(raises=False)(transposed(r), transposed(t)))
    inner = LANGUAGE["matmul"](transposed(q), right)
    low = below(inner, 0)
    triangle = inner - low + transposed(low)
    return [right - LANGUAGE["matmul"](q, triangle), LANGUAGE["matmul"](triangle, r)]


def _qr_workspace(m: Any, n: Any) -> Any:
    """Return the elements of a transpose, of scales and signs, and those that LAPACK asks for."""
    return m * n + 66 * n


@final
@dataclass(frozen=True, repr=False)
class QR(Decomposition):
    """Q with orthonormal columns and the upper triangle R of ``A = Q @ R``.

    A has at least as many rows as columns; R has no negative number on its diagonal.  Derivatives
    are not finite where columns of A depend on each other.
    """

    extern = Extern("qr", TAKEN, workspace=_qr_workspace)
    derivative = Tangents(_qr_tangents)
    ulp = 32

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return a square matrix, and a stack of higher ones."""
        return [Sample(cls(), (Arg(n, made=well_conditioned),)) for n in ((3, 3), (2, 3, 2))]

    @classmethod
    def edges(cls) -> Sequence[Sample]:
        """Return matrices of which one has a NaN."""
        return [Sample(cls(), (Arg(STACK, made=with_nan(well_conditioned)),))]

    def dtypes(self, *dtypes: str) -> Sequence[str]:
        """Return that of the matrix, twice."""
        return dtypes * 2

    def shapes(self, *operands: Operand) -> Sequence[Shape]:
        """Return the shape of the matrix, and that of a square one with as many columns."""
        *stack, m, n = operands[0].shape
        return (*stack, m, n), (*stack, n, n)

    def requires(self, node: Apply, operands: Sequence[Operand]) -> Sequence[Requirement]:
        """The matrices have at least as many rows as columns."""
        message = f"{node.op}: {node.inputs[0]} has fewer rows than columns"
        return [Requirement(REACHES, tuple(operands[0].shape[-2:]), message)]

    def operations_of(self, operands: Sequence[Operand], shapes: Sequence[Shape]) -> Extent:
        """Return four for each element and column: half for R, half for Q."""
        return 4 * product(operands[0].shape) * operands[0].shape[-1]

    def reference(self, *arrays: Any) -> Any:
        """Return what NumPy returns, with other signs."""
        return orthonormal_factors(np, *arrays)


def orthonormal_factors(xp: Any, x: Any) -> tuple[Any, Any]:
    """Return the factors of `QR`.

    xp : the module that the array is of: NumPy, or one like it.
    """
    if x.shape[-2] < x.shape[-1]:
        raise ShapeError(f"got shape {tuple(x.shape)}, with fewer rows than columns")
    q, r = xp.linalg.qr(x)
    negative = xp.einsum("...ii->...i", r) < 0
    return xp.where(negative[..., None, :], -q, q), xp.where(negative[..., None], -r, r)


# eigenvectors -----------------------------------------------------------------------------------
def reciprocal(x: Variable) -> Variable:
    """Return 1 / x, and 0 where x is 0, with all derivatives."""
    zero = LANGUAGE["eq"](x, 0)
    return LANGUAGE["switch"](zero, 0, 1 / LANGUAGE["switch"](zero, 1, x))


def along_rows(x: Variable) -> Variable:
    """Return vectors as matrices of one row."""
    return x.dimshuffle(*range(x.ndim - 1), "x", x.ndim - 1)


def along_columns(x: Variable) -> Variable:
    """Return vectors as matrices of one column."""
    return x.dimshuffle(*range(x.ndim), "x")


def diagonal(x: Variable) -> Variable:
    """Return the diagonals of matrices."""
    return LANGUAGE["diagonal"](x, 0, -2, -1)


def _eigh_tangents(op: Op, t: Variable, x: Variable, w: Variable, v: Variable) -> list[Variable]:
    """dw = diag(V.T dA V), dV = V ((V.T dA V) / (w_j - w_i))."""
    whole = below(t, 1) + transposed(below(t, 0))
    inner = LANGUAGE["matmul"](transposed(v), LANGUAGE["matmul"](whole, v))
    turning = inner * reciprocal(along_rows(w) - along_columns(w))
    return [diagonal(inner), LANGUAGE["matmul"](v, turning)]


def of_gaps(a: Array) -> Array:
    """Return matrices whose singular values and, if square, eigenvalues lie far from each other."""
    m, n = a.shape[-2:]
    return np.asarray(a / max(m, n, 1) + np.eye(m, n) * np.full(n, 4.0).cumsum(), a.dtype)


def _eigh_workspace(n: Any, m: Any) -> Any:
    """Return the elements that LAPACK asks for, and those of its integers."""
    return 2 * n * n + 11 * n + 4


@final
@dataclass(frozen=True, repr=False)
class Eigh(Attempt, Decomposition):
    """Eigenvalues of symmetric matrices, in ascending order, and eigenvectors, as columns.

    raises : whether it is LinAlgError if there are none; else they are NaN.

    What is above the diagonal is not read.
    """

    raises: bool = field(default=True, repr=False)
    failure = staticmethod(failure("Eigenvalues did not converge"))
    derivative = Tangents(_eigh_tangents)
    ulp = 256  # vectors of neighbours among n even values are off by more than n roundings

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return a matrix and a stack whose eigenvalues lie far from each other."""
        return [Sample(cls(), (Arg(shape, made=of_gaps),)) for shape in ((3, 3), (2, 2, 2))]

    @classmethod
    def edges(cls) -> Sequence[Sample]:
        """Return matrices of which one has an eigenvalue of 0, and one a NaN."""
        made = with_nan(singular(of_gaps))
        return [Sample(cls(raises=False), (Arg(STACK, made=made),))]

    def dtypes(self, *dtypes: str) -> Sequence[str]:
        """Return that of the matrix, twice."""
        return dtypes * 2

    def shapes(self, *operands: Operand) -> Sequence[Shape]:
        """Return the shape of a row, and that of the matrix."""
        shape = operands[0].shape
        return shape[:-1], shape

    def requires(self, node: Apply, operands: Sequence[Operand]) -> Sequence[Requirement]:
        """The matrices are square."""
        return square(node, operands)

    @property
    def extern(self) -> Extern:  # pyright: ignore[reportIncompatibleVariableOverride] - by raises
        """Divide and conquer: LAPACK calls it syevd."""
        return Extern("eigh", TAKEN, 2, _eigh_workspace, self.failure, self.raises)

    def operations_of(self, operands: Sequence[Operand], shapes: Sequence[Shape]) -> Extent:
        """Return nine times the cube."""
        return 9 * product(operands[0].shape) * operands[0].shape[-1]

    def attempted(self, *arrays: Any) -> tuple[Any, ...]:
        """Return what NumPy returns, with other signs."""
        return eigenvectors(np, *arrays)


def finite_or_zero(xp: Any, x: Any) -> tuple[Any, Any]:
    """Return which matrices of a stack are finite, and a stack of these, with zeros for others."""
    finite = xp.isfinite(x).all(-1).all(-1)
    return finite, xp.where(finite[..., None, None], x, 0)


def point_down(xp: Any, v: Any) -> Any:
    """Return which columns have a negative first element, of those that are not negligible."""
    size = xp.abs(v)
    considerable = size > 1e-3 * xp.amax(size, axis=-2, keepdims=True)
    first = considerable & (xp.cumsum(considerable, axis=-2) == 1)
    return (first & (v < 0)).any(-2)[..., None, :]


def eigenvectors(xp: Any, x: Any) -> tuple[Any, Any, Any]:
    """Return the eigenvalues and eigenvectors of `Eigh`, and which matrices have none.

    xp : the module that the array is of: NumPy, or one like it.
    """
    check_square(x)
    if x.shape[-1] == 0:
        return x.reshape(x.shape[:-1]), x, xp.zeros(x.shape[:-2], dtype=bool)
    low = xp.tril(x)
    finite, whole = finite_or_zero(xp, low + xp.tril(x, -1).swapaxes(-1, -2))
    w, v = xp.linalg.eigh(whole)
    v = xp.where(point_down(xp, v), -v, v)
    values = xp.where(finite[..., None], w, xp.nan)
    return values, xp.where(finite[..., None, None], v, xp.nan), ~finite


# singular vectors -------------------------------------------------------------------------------
def _svd_tangents(
    op: Op, t: Variable, x: Variable, u: Variable, s: Variable, vh: Variable
) -> list[Variable]:
    """With K = U.T dA V and F_ij = 1 / (s_j^2 - s_i^2): ds = diag(K), dU = U (F (K S + S K.T)) +
    (1 - U U.T) dA V inv(S), and dV likewise, with K.T in place of K.
    """  # noqa: D205 - equations
    matmul = LANGUAGE["matmul"]
    m, n = extents_of(x)[-2:]
    v = transposed(vh)
    by_v, by_u = matmul(t, v), matmul(transposed(t), u)
    inner = matmul(transposed(u), by_v)
    row, column = along_rows(s), along_columns(s)
    gaps = reciprocal(row - column) * reciprocal(row + column)
    inverse = reciprocal(row)

    def moved(a: Variable, k: Variable, by: Variable, longer: Any) -> Variable:
        """Return how one side moves: within the space of its columns, and, if that is not all
        there is, out of it.
        """  # noqa: D205 - the sentence is long
        within = matmul(a, gaps * (k * row + transposed(k) * column))
        outside = (by - matmul(a, k)) * LANGUAGE["switch"](longer, inverse, 0)
        return within + outside

    du = moved(u, inner, by_v, LANGUAGE["gt"](m, n))
    dv = moved(v, transposed(inner), by_u, LANGUAGE["gt"](n, m))
    return [du, diagonal(inner), transposed(dv)]


def _svd_workspace(m: Any, n: Any) -> Any:
    """Return the elements of a copy, and at least those that LAPACK asks for, with its integers."""
    return 5 * m * n + 79 * (m + n)


@final
@dataclass(frozen=True, repr=False)
class SVD(Attempt, Decomposition):
    """U, s and Vh of ``A = U @ diag(s) @ Vh``: as many singular values as the shorter side is long.

    raises : whether it is LinAlgError if there are none; else they are NaN.

    s is in descending order; the columns of U and the rows of Vh are orthonormal.
    """

    raises: bool = field(default=True, repr=False)
    failure = staticmethod(failure("SVD did not converge"))
    derivative = Tangents(_svd_tangents)
    ulp = 64  # of vectors: a rounding of the largest value, by how far off the next value is

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return a square matrix, a higher one, and a stack of wider ones."""
        shapes = ((3, 3), (3, 2), (2, 2, 3))
        return [Sample(cls(), (Arg(shape, made=of_gaps),)) for shape in shapes]

    @classmethod
    def edges(cls) -> Sequence[Sample]:
        """Return matrices of which one has a NaN."""
        return [Sample(cls(raises=False), (Arg(STACK, made=with_nan(of_gaps)),))]

    def dtypes(self, *dtypes: str) -> Sequence[str]:
        """Return that of the matrix, three times."""
        return dtypes * 3

    def shapes(self, *operands: Operand) -> Sequence[Shape]:
        """Return the shapes of U, s and Vh."""
        *stack, m, n = operands[0].shape
        k = smaller(m, n)
        return (*stack, m, k), (*stack, k), (*stack, k, n)

    @property
    def extern(self) -> Extern:  # pyright: ignore[reportIncompatibleVariableOverride] - by raises
        """Divide and conquer: LAPACK calls it gesdd."""
        return Extern("svd", TAKEN, 2, _svd_workspace, self.failure, self.raises)

    def operations_of(self, operands: Sequence[Operand], shapes: Sequence[Shape]) -> Extent:
        """Return twenty for each element and singular value."""
        return 20 * product(operands[0].shape) * shapes[1][-1]

    def attempted(self, *arrays: Any) -> tuple[Any, ...]:
        """Return what NumPy returns, with other signs."""
        return singular_vectors(np, *arrays)


def singular_vectors(xp: Any, x: Any) -> tuple[Any, ...]:
    """Return U, s and Vh of `SVD`, and which matrices have none.

    xp : the module that the array is of: NumPy, or one like it.
    """
    *stack, m, n = x.shape
    if 0 in (m, n):
        empty = x.reshape(*stack, m, 0), x.reshape(*stack, 0), x.reshape(*stack, 0, n)
        return (*empty, xp.zeros(x.shape[:-2], dtype=bool))
    finite, given = finite_or_zero(xp, x)
    u, s, vh = xp.linalg.svd(given, full_matrices=False)
    down = point_down(xp, u)
    u = xp.where(down, -u, u)
    vh = xp.where(down.swapaxes(-1, -2), -vh, vh)
    matrix, row = finite[..., None, None], finite[..., None]
    found = (xp.where(f, a, xp.nan) for f, a in ((matrix, u), (row, s), (matrix, vh)))
    return (*found, ~finite)
