"""Eigenvalues and eigenvectors of matrices that need not be symmetric, on stacks.

The op returns real and imaginary parts, each as an output, of real matrices and of complex ones: so
LAPACK's geev is called as the other decompositions are, derivatives are real arithmetic, and only
`gradcore.tensor.linalg.eig` makes complex numbers.  Rejected: complex outputs, real where all
eigenvalues are, as NumPy's: a dtype must be known before there are values.

What mathematics leaves open is settled, so that all backends agree: eigenvalues are in ascending
order of their real parts, equal ones by their imaginary parts, as Julia's; a vector has norm 1, and
of its elements the first that is larger than 0.55 of the largest is real and positive.  (The
largest itself would not do: vectors of rotations have elements of one size, and rounding chooses.
Nor would the first that is not negligible, as for signs: all elements turn with it, by its error
over its size.)

Derivatives are those of vectors so normalized: M. Giles, "Collected matrix derivative results for
forward and reverse mode algorithmic differentiation" (2008), for what turns vectors into each
other; what keeps their norms and phases follows C. Boeddeker et al., "On the computation of complex
valued gradients with application to statistically optimum beamforming", arXiv:1701.00392, but for
another choice of the phase.  Vectors of equal eigenvalues do not turn into each other, as those of
`gradcore.ops.spectra.Eigh`.  Of a matrix without a basis of eigenvectors the equations for
derivatives are singular: they are large, infinite or NaN, as mathematics has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np

from gradcore.derive import Tangents
from gradcore.graph import Apply, Array, Op, Operand, Requirement, Shape, Variable
from gradcore.graph.extents import Extent, product
from gradcore.graph.externs import Extern
from gradcore.graph.nodes import extents_of
from gradcore.graph.op import Arg, Sample
from gradcore.language import LANGUAGE
from gradcore.ops import parts
from gradcore.ops.decompositions import Decomposition, along_columns, along_rows, diagonal
from gradcore.ops.factors import Solve
from gradcore.ops.matrices import (
    STACK,
    TAKEN,
    Attempt,
    check_square,
    failure,
    part_of,
    singular,
    square,
    with_nan,
)
from gradcore.ops.parts import ComplexParts
from gradcore.ops.spectra import CONSIDERABLE, finite_or_zero, of_gaps


# derivatives ------------------------------------------------------------------------------------
def _matmul(a: ComplexParts, b: ComplexParts) -> ComplexParts:
    """Return the product of complex matrices."""
    dot = LANGUAGE["matmul"]
    return ComplexParts(
        dot(a.real, b.real) - dot(a.imag, b.imag), dot(a.real, b.imag) + dot(a.imag, b.real)
    )


def _solved(a: ComplexParts, b: ComplexParts) -> ComplexParts:
    """Return ``inv(a) @ b`` of complex square matrices, by real equations of twice the extent."""
    join, n = LANGUAGE["concatenate"], extents_of(a.real)[-1]
    whole = join([join([a.real, -a.imag], -1), join([a.imag, a.real], -1)], -2)
    found = Solve(raises=False)(whole, join([b.real, b.imag], -2))
    return ComplexParts(found[..., :n, :], found[..., n:, :])


def _over_gaps(inner: ComplexParts, w: ComplexParts) -> ComplexParts:
    """Return elements over the differences ``w_j - w_i``, and 0 where these are 0."""
    gap = ComplexParts(*(along_rows(x) - along_columns(x) for x in w))
    none = LANGUAGE["and_"](LANGUAGE["eq"](gap.real, 0), LANGUAGE["eq"](gap.imag, 0))
    usable = ComplexParts(LANGUAGE["switch"](none, 1, gap.real), gap.imag)
    return ComplexParts(*(LANGUAGE["switch"](none, 0, x) for x in parts.quotient(inner, usable)))


def _settled(v: ComplexParts, moved: ComplexParts) -> ComplexParts:
    """Return how vectors move whose norms stay, and of which the same element stays real."""
    along = LANGUAGE["sum"](v.real * moved.real + v.imag * moved.imag, -2, keepdims=True)
    size = LANGUAGE["hypot"](v.real, v.imag)
    largest = LANGUAGE["max"](size, -2, keepdims=True)
    first = LANGUAGE["argmax"](LANGUAGE["gt"](size, CONSIDERABLE * largest), -2, keepdims=True)
    of_first = LANGUAGE["take_along_axis"]
    turn = of_first(moved.imag, first, -2) / of_first(v.real, first, -2)
    back = parts.product(v, ComplexParts(along, turn))
    return ComplexParts(moved.real - back.real, moved.imag - back.imag)


def _eig_tangents(op: Op, t: Variable, x: Variable, *outputs: Variable) -> list[Variable]:
    """With K = inv(V) dA V: dw = diag(K), dV = V (K / (w_j - w_i) + D), where the diagonal D keeps
    norms and phases.
    """  # noqa: D205 - an equation
    w, v = ComplexParts(*outputs[:2]), ComplexParts(*outputs[2:])
    if t.type.is_complex:
        by_v = _matmul(ComplexParts(LANGUAGE["real"](t), LANGUAGE["imag"](t)), v)
    else:
        by_v = ComplexParts(*(LANGUAGE["matmul"](t, part) for part in v))
    inner = _solved(v, by_v)
    moved = _settled(v, _matmul(v, _over_gaps(inner, w)))
    return [*map(diagonal, inner), *moved]


# the op -----------------------------------------------------------------------------------------
def of_turns(a: Array) -> Array:
    """Return matrices of which eigenvalues, far from each other, come in complex pairs."""
    m, n = a.shape[-2:]
    row, column = np.mgrid[:m, :n]
    turns = np.where(row // 2 == column // 2, 3.0 * np.sign(row - column), 0)
    scaled = np.eye(m, n) * (8.0 * (column // 2) + 4)
    return np.asarray(a / max(m, n, 1) + scaled + turns, a.dtype)


def _workspace(n: Any, m: Any) -> Any:
    """Return the elements of a copy, of vectors, values and an order, and those of LAPACK."""
    return 2 * n * n + 69 * n


@dataclass(frozen=True, repr=False)
class GeneralDecomposition(Attempt, Decomposition):
    """A decomposition by the QR algorithm of square matrices, symmetric or not (abstract).

    raises : whether it is LinAlgError if there is none; else it is NaN.
    """

    raises: bool = field(default=True, repr=False)
    ulp = 2048  # of vectors: the largest value over a gap (40 among 65), by some 20 of the QR steps

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return matrices with complex eigenvalues, and a stack with real ones."""
        made = (((3, 3), of_turns), ((2, 2, 2), of_gaps))
        return [Sample(cls(), (Arg(shape, made=of),)) for shape, of in made]

    @classmethod
    def edges(cls) -> Sequence[Sample]:
        """Return matrices of which one has an eigenvalue of 0, and one a NaN."""
        made = with_nan(singular(of_turns))
        return [Sample(cls(raises=False), (Arg(STACK, made=made),))]

    def requires(self, node: Apply, operands: Sequence[Operand]) -> Sequence[Requirement]:
        """The matrices are square."""
        return square(node, operands)

    def operations_of(self, operands: Sequence[Operand], shapes: Sequence[Shape]) -> Extent:
        """Return 25 times the cube."""
        return 25 * product(operands[0].shape) * operands[0].shape[-1]


@final
@dataclass(frozen=True, repr=False)
class Eig(GeneralDecomposition):
    """Eigenvalues and eigenvectors of square matrices: real parts of values, imaginary parts of
    values, real parts of vectors, imaginary parts of vectors.

    Vectors are columns.  Their order, norms and phases are those that the module says.
    """  # noqa: D205 - a list of outputs

    failure = staticmethod(failure("Eigenvalues did not converge"))
    derivative = Tangents(_eig_tangents)

    def dtypes(self, *dtypes: str) -> Sequence[str]:
        """Return that of the matrix, or of its parts, four times."""
        return (part_of(dtypes[0]),) * 4

    def shapes(self, *operands: Operand) -> Sequence[Shape]:
        """Return the shape of a row, and that of the matrix, each twice."""
        shape = operands[0].shape
        return shape[:-1], shape[:-1], shape, shape

    @property
    def extern(self) -> Extern:  # pyright: ignore[reportIncompatibleVariableOverride] - by raises
        """The QR algorithm: LAPACK calls it geev."""
        return Extern("eig", TAKEN, 2, _workspace, self.failure, self.raises)

    def attempted(self, *arrays: Any) -> tuple[Any, ...]:
        """Return what NumPy returns, in its order, with its phases."""
        return general_eigenvectors(np, *arrays)


def _eigvals_tangents(op: Op, t: Variable, x: Variable, *values: Variable) -> list[Variable]:
    """Return how the values move, by vectors."""
    return _eig_tangents(op, t, x, *Eig(raises=False)(x))[:2]


def _values_workspace(n: Any, m: Any) -> Any:
    """Return the elements of a copy, values and an order, and those of LAPACK."""
    return n * n + 70 * n


@final
@dataclass(frozen=True, repr=False)
class EigVals(GeneralDecomposition):
    """Eigenvalues of square matrices, real and imaginary parts: those of `Eig`.

    `gradcore.rewrite.values_alone` puts it in the place of `Eig`.
    """

    failure = staticmethod(failure("Eigenvalues did not converge"))
    derivative = Tangents(_eigvals_tangents)

    def dtypes(self, *dtypes: str) -> Sequence[str]:
        """Return that of the matrix, or of its parts, twice."""
        return (part_of(dtypes[0]),) * 2

    def shapes(self, *operands: Operand) -> Sequence[Shape]:
        """Return the shape of a row, twice."""
        return (operands[0].shape[:-1],) * 2

    @property
    def extern(self) -> Extern:  # pyright: ignore[reportIncompatibleVariableOverride] - by raises
        """The QR algorithm: LAPACK calls it geev, without vectors."""
        return Extern("eigvals", TAKEN, 2, _values_workspace, self.failure, self.raises)

    def operations_of(self, operands: Sequence[Operand], shapes: Sequence[Shape]) -> Extent:
        """Return ten times the cube."""
        return 10 * product(operands[0].shape) * operands[0].shape[-1]

    def attempted(self, *arrays: Any) -> tuple[Any, ...]:
        """Return what NumPy returns, in ascending order."""
        return general_eigenvalues(np, *arrays)


# values -----------------------------------------------------------------------------------------
def general_eigenvalues(xp: Any, x: Any) -> tuple[Any, ...]:
    """Return the outputs of `EigVals`, and which matrices have none.

    xp : the module that the array is of: NumPy, or one like it.
    """
    check_square(x)
    if x.shape[-1] == 0:
        row = xp.real(x.reshape(x.shape[:-1]))
        return row, row + 0, xp.zeros(x.shape[:-2], dtype=bool)
    finite, given = finite_or_zero(xp, x)
    w = xp.linalg.eigvals(given) + 0j
    values = xp.real(w), xp.imag(w)
    order = _ascending(xp, *values)
    found = (xp.where(finite[..., None], _taken(xp, a, order), xp.nan) for a in values)
    return (*found, ~finite)


def general_eigenvectors(xp: Any, x: Any) -> tuple[Any, ...]:
    """Return the outputs of `Eig`, and which matrices have none.

    xp : the module that the array is of: NumPy, or one like it.
    """
    check_square(x)
    if x.shape[-1] == 0:
        x = xp.real(x)
        row = x.reshape(x.shape[:-1])
        return row, row + 0, x, x + 0, xp.zeros(x.shape[:-2], dtype=bool)
    finite, given = finite_or_zero(xp, x)
    w, v = xp.linalg.eig(given)
    values, vectors = ((xp.real(a), xp.imag(a)) for a in (w, v.swapaxes(-1, -2)))
    order = _ascending(xp, *values)
    re, im = (_taken(xp, a, order) for a in vectors)
    vectors = (a.swapaxes(-1, -2) for a in _turned(xp, re, im))
    row, matrix = finite[..., None], finite[..., None, None]
    return (
        *(xp.where(row, _taken(xp, a, order), xp.nan) for a in values),
        *(xp.where(matrix, a, xp.nan) for a in vectors),
        ~finite,
    )


def _taken(xp: Any, a: Any, order: Any) -> Any:
    """Return elements along an axis, or rows, of each of a stack, in its order."""
    core = a.shape[order.ndim - 1 :]
    flat, places = a.reshape(-1, *core), order.reshape(-1, order.shape[-1])
    return flat[xp.arange(flat.shape[0])[:, None], places].reshape(a.shape)


def _ascending(xp: Any, re: Any, im: Any) -> Any:
    """Return the order by real parts, and by imaginary ones of equal real parts."""
    by_im = xp.argsort(im, stable=True)
    return _taken(xp, by_im, xp.argsort(_taken(xp, re, by_im), stable=True))


def _turned(xp: Any, re: Any, im: Any) -> tuple[Any, Any]:
    """Return rows of which the first element that is considerable is real and positive."""
    size = xp.hypot(re, im)
    considerable = size > CONSIDERABLE * xp.amax(size, axis=-1, keepdims=True)
    first = considerable & (xp.cumsum(considerable, axis=-1) == 1)
    cos, sin = (xp.where(first, a, 0).sum(-1)[..., None] for a in (re, im))
    length = xp.hypot(cos, sin)
    turned = (re * cos + im * sin) / length, (im * cos - re * sin) / length
    return turned[0], xp.where(first, 0, turned[1])
