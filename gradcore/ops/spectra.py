"""Eigenvectors of symmetric and Hermitian matrices, and singular vectors, on stacks.

Both have signs that mathematics leaves open.  Here of each eigenvector and left singular vector the
first element that is larger than a thousandth of the largest is positive, so that all backends
agree.  (The largest itself would not do: in ``[1, -1]`` there are two, and rounding chooses.)  Of
complex matrices phases are left open: the first element that is larger than 0.55 of the largest is
real and positive, as of `gradcore.ops.eigenvalues`.  Derivatives are those of vectors with such
phases.

A matrix that is not finite has no eigenvectors and singular vectors, nor has one for which LAPACK's
iterations do not converge: it is `LinAlgError`, or NaN, as `gradcore.ops.matrices` says.

Vectors of equal eigenvalues are any basis of a space, and move in no certain way: derivatives take
it that they do not turn into each other, and so are never NaN because two eigenvalues are equal.
They are right for eigenvalues, and for what does not depend on the basis of such a space; a
function of a matrix that is made of its eigenvectors (``V @ diag(f(w)) @ V.T``) lacks what turns
within the space.  The same goes for singular values.

Formulas of derivatives: M. Giles, "Collected matrix derivative results for forward and reverse
mode algorithmic differentiation" (2008), for eigenvectors; J. Townsend, "Differentiating the
singular value decomposition" (2016).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np

from gradcore.derive import Tangents
from gradcore.graph import Apply, Array, Op, Operand, Requirement, Shape, Variable
from gradcore.graph.extents import Extent, product, smaller
from gradcore.graph.externs import Extern
from gradcore.graph.nodes import extents_of
from gradcore.graph.op import Arg, Sample
from gradcore.language import LANGUAGE
from gradcore.ops.complexes import complex as complex_of
from gradcore.ops.decompositions import (
    Decomposition,
    along_columns,
    along_rows,
    diagonal,
    directions,
    reciprocal,
)
from gradcore.ops.matrices import (
    STACK,
    TAKEN,
    Attempt,
    adjoint,
    below,
    check_square,
    failure,
    is_complex,
    part_of,
    real_part,
    singular,
    square,
    transposed,
    with_nan,
)


# eigenvectors -----------------------------------------------------------------------------------
def _eigh_tangents(op: Op, t: Variable, x: Variable, w: Variable, v: Variable) -> list[Variable]:
    """dw = diag(V.T dA V), dV = V ((V.T dA V) / (w_j - w_i)).

    Of complex matrices V.T is that of the conjugate, and settled elements stay real.
    """
    if x.type.is_complex:
        half = below(t, 0.5)
        whole = half + adjoint(half)
    else:
        whole = below(t, 1) + transposed(below(t, 0))
    inner = LANGUAGE["matmul"](adjoint(v), LANGUAGE["matmul"](whole, v))
    turning = inner * reciprocal(along_rows(w) - along_columns(w))
    moved = LANGUAGE["matmul"](v, turning)
    if x.type.is_complex:
        moved = moved - v * complex_of(0, turns_of(v, moved))
    return [real_part(diagonal(inner)), moved]


CONSIDERABLE = 0.55
"""How large the element whose phase is settled is at least, by the largest of its vector.

About a half, but no quotient of such numbers as stand in examples, which rounding would decide.
"""


def turns_of(v: Variable, moved: Variable) -> Variable:
    """Return by which angles columns turn whose settled elements are to stay real, as one row."""
    size = LANGUAGE["abs"](v)
    largest = LANGUAGE["max"](size, -2, keepdims=True)
    first = LANGUAGE["argmax"](LANGUAGE["gt"](size, CONSIDERABLE * largest), -2, keepdims=True)
    of_first = LANGUAGE["take_along_axis"]
    return of_first(LANGUAGE["imag"](moved), first, -2) / of_first(LANGUAGE["real"](v), first, -2)


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

    Complex matrices are Hermitian, and their eigenvalues real.

    raises : whether it is LinAlgError if there are none; else they are NaN.

    What is above the diagonal is not read, nor are imaginary parts on it.
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
        """Return that of the matrix, for values that of its parts."""
        return part_of(dtypes[0]), dtypes[0]

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


def settled(xp: Any, v: Any) -> tuple[Any, Any]:
    """Return complex columns in phases such that their first considerable element is positive.

    Returns also, as a row for each matrix, what they are multiplied by.
    """
    size = xp.abs(v)
    considerable = size > CONSIDERABLE * xp.amax(size, axis=-2, keepdims=True)
    first = considerable & (xp.cumsum(considerable, axis=-2) == 1)
    turns = xp.conj(directions(xp, xp.where(first, v, 0).sum(-2)))[..., None, :]
    return xp.where(first, size, v * turns), turns


def point_down(xp: Any, v: Any) -> Any:
    """Return which columns have a negative first element, of those that are not negligible."""
    size = xp.abs(v)
    considerable = size > 1e-3 * xp.amax(size, axis=-2, keepdims=True)
    first = considerable & (xp.cumsum(considerable, axis=-2) == 1)
    return (first & (v < 0)).any(-2)[..., None, :]


def _both_sides(xp: Any, x: Any) -> Any:
    """Return symmetric matrices, or Hermitian ones, of the lower triangles of others."""
    if is_complex(x):
        low = (xp.tril(x) + xp.tril(x, -1)) / 2
        return low + xp.conj(low.swapaxes(-1, -2))
    return xp.tril(x) + xp.tril(x, -1).swapaxes(-1, -2)


def eigenvectors(xp: Any, x: Any) -> tuple[Any, Any, Any]:
    """Return the eigenvalues and eigenvectors of `Eigh`, and which matrices have none.

    xp : the module that the array is of: NumPy, or one like it.
    """
    check_square(x)
    if x.shape[-1] == 0:
        return xp.real(x.reshape(x.shape[:-1])), x, xp.zeros(x.shape[:-2], dtype=bool)
    finite, whole = finite_or_zero(xp, _both_sides(xp, x))
    w, v = xp.linalg.eigh(whole)
    v = settled(xp, v)[0] if is_complex(x) else xp.where(point_down(xp, v), -v, v)
    values = xp.where(finite[..., None], w, xp.nan)
    return values, xp.where(finite[..., None, None], v, xp.nan), ~finite


class Values(Attempt, Decomposition):
    """The values alone of a decomposition, where nothing reads its vectors (abstract).

    `gradcore.rewrite.values_alone` puts it in the place of one with vectors.
    """

    def dtypes(self, *dtypes: str) -> Sequence[str]:
        """Return that of the matrix, or of its parts."""
        return (part_of(dtypes[0]),)


def _eigvalsh_tangents(op: Op, t: Variable, x: Variable, w: Variable) -> list[Variable]:
    """Return how the values move, by vectors."""
    return _eigh_tangents(op, t, x, *Eigh(raises=False)(x))[:1]


@final
@dataclass(frozen=True, repr=False)
class EigValsH(Values):
    """Eigenvalues of symmetric matrices, or Hermitian ones, in ascending order: those of `Eigh`.

    raises : whether it is LinAlgError if there are none; else they are NaN.
    """

    raises: bool = field(default=True, repr=False)
    failure = staticmethod(failure("Eigenvalues did not converge"))
    derivative = Tangents(_eigvalsh_tangents)
    ulp = 256

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return those of `Eigh`."""
        return [Sample(cls(), sample.operands) for sample in Eigh.samples()]

    @classmethod
    def edges(cls) -> Sequence[Sample]:
        """Return those of `Eigh`."""
        return [Sample(cls(raises=False), edge.operands) for edge in Eigh.edges()]

    def shape(self, *operands: Operand) -> Shape:
        """Return the shape of a row."""
        return operands[0].shape[:-1]

    def requires(self, node: Apply, operands: Sequence[Operand]) -> Sequence[Requirement]:
        """The matrices are square."""
        return square(node, operands)

    @property
    def extern(self) -> Extern:  # pyright: ignore[reportIncompatibleVariableOverride] - by raises
        """The QR algorithm: LAPACK calls it syevd, without vectors."""
        return Extern("eigvalsh", TAKEN, 2, _eigvalsh_workspace, self.failure, self.raises)

    def operations_of(self, operands: Sequence[Operand], shapes: Sequence[Shape]) -> Extent:
        """Return four thirds of the cube."""
        return 4 * product(operands[0].shape) * operands[0].shape[-1] // 3

    def attempted(self, *arrays: Any) -> tuple[Any, ...]:
        """Return what NumPy returns."""
        return symmetric_eigenvalues(np, *arrays)


def _eigvalsh_workspace(n: Any, m: Any) -> Any:
    """Return the elements of a copy, and those of `_eigh_workspace`."""
    return n * n + _eigh_workspace(n, m)


def symmetric_eigenvalues(xp: Any, x: Any) -> tuple[Any, Any]:
    """Return the eigenvalues of `EigValsH`, and which matrices have none.

    xp : the module that the array is of: NumPy, or one like it.
    """
    check_square(x)
    if x.shape[-1] == 0:
        return xp.real(x.reshape(x.shape[:-1])), xp.zeros(x.shape[:-2], dtype=bool)
    finite, whole = finite_or_zero(xp, _both_sides(xp, x))
    return xp.where(finite[..., None], xp.linalg.eigvalsh(whole), xp.nan), ~finite


# singular vectors -------------------------------------------------------------------------------
def _svd_tangents(
    op: Op, t: Variable, x: Variable, u: Variable, s: Variable, vh: Variable
) -> list[Variable]:
    """With K = U.T dA V and F_ij = 1 / (s_j^2 - s_i^2): ds = diag(K), dU = U (F (K S + S K.T)) +
    (1 - U U.T) dA V inv(S), and dV likewise, with K.T in place of K.

    Of complex matrices transposes are those of conjugates, and U turns by the imaginary part of
    diag(K) / s against V, and both together so that settled elements of U stay real.
    """  # noqa: D205 - equations
    matmul = LANGUAGE["matmul"]
    m, n = extents_of(x)[-2:]
    v = adjoint(vh)
    by_v, by_u = matmul(t, v), matmul(adjoint(t), u)
    inner = matmul(adjoint(u), by_v)
    row, column = along_rows(s), along_columns(s)
    gaps = reciprocal(row - column) * reciprocal(row + column)
    inverse = reciprocal(row)

    def moved(a: Variable, k: Variable, by: Variable, longer: Any) -> Variable:
        """Return how one side moves: within the space of its columns, and, if that is not all
        there is, out of it.
        """  # noqa: D205 - the sentence is long
        within = matmul(a, gaps * (k * row + adjoint(k) * column))
        outside = (by - matmul(a, k)) * LANGUAGE["switch"](longer, inverse, 0)
        return within + outside

    du = moved(u, inner, by_v, LANGUAGE["gt"](m, n))
    dv = moved(v, adjoint(inner), by_u, LANGUAGE["gt"](n, m))
    if x.type.is_complex:
        against = along_rows(LANGUAGE["imag"](diagonal(inner))) * inverse
        du = du + u * complex_of(0, against)
        turns = complex_of(0, turns_of(u, du))
        du, dv = du - u * turns, dv - v * turns
    return [du, real_part(diagonal(inner)), adjoint(dv)]


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
        """Return that of the matrix, for values that of its parts."""
        return dtypes[0], part_of(dtypes[0]), dtypes[0]

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
        empty = x.reshape(*stack, m, 0), xp.real(x.reshape(*stack, 0)), x.reshape(*stack, 0, n)
        return (*empty, xp.zeros(x.shape[:-2], dtype=bool))
    finite, given = finite_or_zero(xp, x)
    u, s, vh = xp.linalg.svd(given, full_matrices=False)
    if is_complex(x):
        u, turns = settled(xp, u)
        vh = vh * xp.conj(turns).swapaxes(-1, -2)
    else:
        down = point_down(xp, u)
        u = xp.where(down, -u, u)
        vh = xp.where(down.swapaxes(-1, -2), -vh, vh)
    matrix, row = finite[..., None, None], finite[..., None]
    found = (xp.where(f, a, xp.nan) for f, a in ((matrix, u), (row, s), (matrix, vh)))
    return (*found, ~finite)


def _svdvals_tangents(op: Op, t: Variable, x: Variable, s: Variable) -> list[Variable]:
    """Return how the values move, by vectors."""
    return _svd_tangents(op, t, x, *SVD(raises=False)(x))[1:2]


@final
@dataclass(frozen=True, repr=False)
class SVDVals(Values):
    """Singular values, in descending order: those of `SVD`.

    raises : whether it is LinAlgError if there are none; else they are NaN.
    """

    raises: bool = field(default=True, repr=False)
    failure = staticmethod(failure("SVD did not converge"))
    derivative = Tangents(_svdvals_tangents)
    ulp = 64

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return those of `SVD`."""
        return [Sample(cls(), sample.operands) for sample in SVD.samples()]

    @classmethod
    def edges(cls) -> Sequence[Sample]:
        """Return those of `SVD`."""
        return [Sample(cls(raises=False), edge.operands) for edge in SVD.edges()]

    def shape(self, *operands: Operand) -> Shape:
        """Return as many as the shorter side is long."""
        *stack, m, n = operands[0].shape
        return (*stack, smaller(m, n))

    @property
    def extern(self) -> Extern:  # pyright: ignore[reportIncompatibleVariableOverride] - by raises
        """The QR algorithm: LAPACK calls it gesdd, without vectors."""
        return Extern("svdvals", TAKEN, 2, _svd_workspace, self.failure, self.raises)

    def operations_of(self, operands: Sequence[Operand], shapes: Sequence[Shape]) -> Extent:
        """Return four for each element and singular value."""
        return 4 * product(operands[0].shape) * shapes[0][-1]

    def attempted(self, *arrays: Any) -> tuple[Any, ...]:
        """Return what NumPy returns."""
        return singular_values(np, *arrays)


def singular_values(xp: Any, x: Any) -> tuple[Any, Any]:
    """Return the singular values of `SVDVals`, and which matrices have none.

    xp : the module that the array is of: NumPy, or one like it.
    """
    *stack, m, n = x.shape
    if 0 in (m, n):
        return xp.real(x.reshape(*stack, 0)), xp.zeros(x.shape[:-2], dtype=bool)
    finite, given = finite_or_zero(xp, x)
    if hasattr(xp.linalg, "svdvals"):
        s = xp.linalg.svdvals(given)
    else:
        s = xp.linalg.svd(given, compute_uv=False)
    return xp.where(finite[..., None], s, xp.nan), ~finite
