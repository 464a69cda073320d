"""Inverses and determinants of matrices, on stacks.

Each is written with equations or decompositions, and is an op for the sake of its derivative, which
is simpler, or more, than that of what it is written with: a determinant has one where the matrix is
singular, a pseudoinverse where singular values are equal.

A singular matrix has no inverse: it is `LinAlgError`, or NaN, as `gradcore.ops.matrices` says.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np

from gradcore.derive import Forward, Maker, Reverse, form
from gradcore.graph import Apply, Array, Op, Operand, Shape, Variable
from gradcore.graph.complexes import conjugated
from gradcore.graph.extents import Extent, larger, product
from gradcore.graph.nodes import extents_of
from gradcore.graph.op import Arg, Sample
from gradcore.graph.reads import Local, Pairs, Reads, numbers
from gradcore.language import LANGUAGE
from gradcore.ops.complexes import complex as complex_of
from gradcore.ops.create import Arange
from gradcore.ops.decompositions import (
    LU,
    along_columns,
    along_rows,
    diagonal,
    identity,
    reciprocal,
)
from gradcore.ops.factors import Solve, eliminated, lu_factors, well_conditioned
from gradcore.ops.matrices import (
    STACK,
    Attempt,
    OfSquares,
    OfStacks,
    adjoint,
    check_square,
    part_of,
    refuse_others,
    singular,
    transposed,
    with_nan,
)
from gradcore.ops.scalars import abs as abs_
from gradcore.ops.scalars import log
from gradcore.ops.spectra import SVD, of_gaps


class OfElimination(OfSquares):
    """An op of square matrices that elimination computes (abstract)."""

    by_norm = compounds = True
    ulp = 32

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return a stack of matrices whose rows must change places, an odd number of times."""
        return [Sample(cls(), (Arg((3, 2, 2), made=well_conditioned),))]

    @classmethod
    def edges(cls) -> Sequence[Sample]:
        """Return matrices of which one is singular, and one has a NaN; and very large ones."""
        mades = (with_nan(singular(well_conditioned)), _large)
        return [Sample(cls(), (Arg(STACK, made=made),)) for made in mades]

    def reads(self, local: Local, wanted: Sequence[int]) -> Reads:
        """Each element reads the matrix at its own place in the stack."""
        (shape,) = local.shapes
        count = math.prod(shape[:-2])
        rows = numbers(local.result).reshape(count, math.prod(local.result[len(shape) - 2 :]), 1)
        columns = numbers(shape).reshape(count, 1, math.prod(shape[-2:]))
        return {0: Pairs(*np.broadcast_arrays(columns, rows))}


def _large(a: Array) -> Array:
    """Return matrices whose determinants overflow."""
    return well_conditioned(a) * np.sqrt(np.finfo(a.dtype).max)


def _matrices(x: Variable) -> Variable:
    """Return numbers for matrices as factors of these."""
    return x.dimshuffle(*range(x.ndim), "x", "x")


# inverses ---------------------------------------------------------------------------------------
def _inverse_back(op: Op, ct: Variable, x: Variable, inverse: Variable) -> Variable:
    """d inv(A) = -inv(A) dA inv(A)."""
    back = transposed(inverse)
    return -LANGUAGE["matmul"](back, LANGUAGE["matmul"](ct, back))


@final
@dataclass(frozen=True, repr=False)
class Inverse(Attempt, OfElimination):
    """The inverses of square matrices.

    raises : whether a singular one is LinAlgError; else its inverse is NaN.
    """

    raises: bool = field(default=True, repr=False)
    derivative = Reverse((_inverse_back,))

    def operations_of(self, operands: Sequence[Operand], shapes: Sequence[Shape]) -> Extent:
        """Return twice the cube."""
        return 2 * product(operands[0].shape) * operands[0].shape[-1]

    @classmethod
    def edges(cls) -> Sequence[Sample]:
        """Return those of all square matrices, with NaN where one is singular."""
        return [Sample(cls(raises=False), edge.operands) for edge in super().edges()]

    def expanded(self, node: Apply) -> Sequence[Any]:
        """Return the output as the solution for an identity."""
        (x,) = node.inputs
        return [Solve(self.raises)(x, LANGUAGE["alloc"](identity(x), *extents_of(x)))]

    def attempted(self, *arrays: Any) -> tuple[Any, ...]:
        """Return the inverse by elimination, in the dtype of the matrix."""
        (x,) = arrays
        check_square(x)
        return eliminated(np, x, np.broadcast_to(np.eye(x.shape[-1], dtype=x.dtype), x.shape))


# determinants -----------------------------------------------------------------------------------
def parity(order: Variable) -> Variable:
    """Return 1 for orders of an even number of exchanges, -1 for those of an odd one, as int64."""
    i = Arange()(extents_of(order)[-1])
    exchanged = LANGUAGE["and_"](
        LANGUAGE["gt"](along_columns(order), along_rows(order)),
        LANGUAGE["lt"](i.dimshuffle(0, "x"), i.dimshuffle("x", 0)),
    )
    return 1 - 2 * (LANGUAGE["sum"](exchanged, (-2, -1)) % 2)


def sign_of_determinant(x: Variable) -> Variable:
    """Return the signs of determinants, which do not underflow: 0 for a singular matrix.

    That of a complex number is the number over its magnitude.
    """
    factors, order = LU()(x)
    sign = LANGUAGE["cast"](parity(order), part_of(x.type.dtype))
    pivots = diagonal(factors)
    if not x.type.is_complex:
        return LANGUAGE["prod"](LANGUAGE["sign"](pivots), -1) * sign
    some = LANGUAGE["all"](LANGUAGE["neq"](pivots, 0), -1)
    size = LANGUAGE["switch"](some, sign, 0)
    angles = LANGUAGE["arctan2"](LANGUAGE["imag"](pivots), LANGUAGE["real"](pivots))
    angle = LANGUAGE["sum"](angles, -1)
    return complex_of(size * LANGUAGE["cos"](angle), size * LANGUAGE["sin"](angle))


def _determinant(x: Variable) -> Variable:
    factors, order = LU()(x)
    sign = LANGUAGE["cast"](parity(order), part_of(x.type.dtype))
    pivots = diagonal(factors)
    if not x.type.is_complex:
        return LANGUAGE["prod"](pivots, -1) * sign
    rows = pivots.dimshuffle(pivots.ndim - 1, *range(pivots.ndim - 1))
    found, _ = LANGUAGE["foldl"](_times, rows, complex_of(sign, 0))
    return found


def _times(pivot: Variable, found: Variable) -> Variable:
    return found * pivot


def _cofactors(x: Variable, determinant: Variable) -> Variable:
    """Return the derivatives of determinants: by inverses, unless a matrix is singular.

    Of U diag(s) V.T they are det(U V.T) U diag(products of all s but one) V.T, of complex ones with
    the conjugates of U and V.T.
    """
    regular = _matrices(determinant) * transposed(Inverse(raises=False)(x))
    u, s, vh = SVD(raises=False)(x)
    others = LANGUAGE["switch"](LANGUAGE["eq"](identity(s), 1), 1, along_rows(s))
    sign = Determinant()(LANGUAGE["matmul"](u, vh))
    sign = sign if x.type.is_complex else LANGUAGE["sign"](sign)
    scales = LANGUAGE["prod"](others, -1) * along_columns(sign)
    singular = LANGUAGE["matmul"](conjugated(u) * along_rows(scales), conjugated(vh))
    return LANGUAGE["ifelse"](LANGUAGE["all"](LANGUAGE["neq"](determinant, 0)), regular, singular)


def _determinant_back(op: Op, ct: Variable, x: Variable, determinant: Variable) -> Variable:
    return _matrices(ct) * _cofactors(x, determinant)


class OfDeterminants(OfElimination):
    """An op of the determinants of square matrices (abstract)."""

    def shape(self, *operands: Operand) -> Shape:
        """Return that of the stack."""
        return operands[0].shape[:-2]

    def operations_of(self, operands: Sequence[Operand], shapes: Sequence[Shape]) -> Extent:
        """Return two thirds of the cube."""
        return 2 * product(operands[0].shape) * operands[0].shape[-1] // 3


@final
@dataclass(frozen=True, repr=False)
class Determinant(OfDeterminants):
    """The determinants of square matrices."""

    derivative = Reverse((_determinant_back,))
    expansion = staticmethod(_determinant)

    def label(self) -> str:
        """Return det."""
        return "det"

    def reference(self, *arrays: Any) -> Any:
        """Return the product of the diagonal of factors, in the dtype of the matrix."""
        check_square(*arrays)
        with np.errstate(all="ignore"):
            return determinants(np, *arrays)


def determinants(xp: Any, x: Any) -> Any:
    """Return the determinants of square matrices, as products of the diagonals of factors.

    xp : the module that the array is of: NumPy, or one like it.
    """
    factors, order = lu_factors(xp, x)
    i = xp.arange(order.shape[-1])
    exchanged = (order[..., :, None] > order[..., None, :]) & (i[:, None] < i)
    found = xp.einsum("...ii->...i", factors).prod(-1, dtype=factors.dtype)
    return xp.where(exchanged.sum((-2, -1)) % 2 == 1, -found, found)


def _log_determinant(x: Variable) -> Variable:
    factors, _ = LU()(x)
    return LANGUAGE["sum"](log(abs_(diagonal(factors))), -1)


def _log_determinant_back(op: Op, ct: Variable, x: Variable, found: Variable) -> Variable:
    return _matrices(ct) * transposed(Inverse(raises=False)(x))


@final
@dataclass(frozen=True, repr=False)
class LogAbsDeterminant(OfDeterminants):
    """The logarithms of the magnitudes of determinants of square matrices; -inf for a singular one.

    It does not overflow where the determinant does.
    """

    derivative = Reverse((_log_determinant_back,))
    expansion = staticmethod(_log_determinant)

    def dtype(self, *dtypes: str) -> str:
        """Return that of the matrix, or of its parts."""
        return part_of(dtypes[0])

    def reference(self, *arrays: Any) -> Any:
        """Return the sum of the logarithms of the diagonal of factors."""
        check_square(*arrays)
        with np.errstate(all="ignore"):
            factors, _ = lu_factors(np, *arrays)
            return np.asarray(np.log(np.abs(np.einsum("...ii->...i", factors))).sum(-1))


@form(log)
def log_of_determinant(node: Apply, made: Maker) -> Variable | None:
    """log(det(A)) and log(abs(det(A))) move as the logarithm that does not overflow"""
    inner = made(node.inputs[0])
    if inner is not None and inner.op is abs_:
        inner = made(inner.inputs[0])
    if inner is None or not isinstance(inner.op, Determinant) or node.out.type.is_complex:
        return None
    return LogAbsDeterminant()(*inner.inputs)


# pseudoinverses ---------------------------------------------------------------------------------
def _pseudoinverse_moved(op: Op, t: Variable, x: Variable, p: Variable) -> Variable:
    """dP = -P dA P + P P.T dA.T (1 - A P) + (1 - P A) dA.T P.T P, for a rank that stays.

    G. Golub and V. Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares
    problems whose variables separate" (1973).
    """
    matmul = LANGUAGE["matmul"]
    back, p_back = adjoint(t), adjoint(p)
    right = matmul(matmul(p, p_back), back - matmul(matmul(back, x), p))
    left = matmul(back - matmul(p, matmul(x, back)), matmul(p_back, p))
    return right + left - matmul(p, matmul(t, p))


def _of_rank_one(a: Array) -> Array:
    """Return the products of first columns and rows, of integers: float64 finds one rank, too."""
    large = 4 + np.rint(a)
    return large[..., :, :1] * large[..., :1, :]


@final
@dataclass(frozen=True, repr=False)
class PseudoInverse(OfStacks):
    """The pseudoinverses of matrices, by Moore and Penrose.

    cutoff : singular values of at most this part of the largest count as 0; None: the larger extent
        times the distance from 1 to the next number of the dtype.

    Derivatives take it that what counts as 0 is 0, and stays 0.
    """

    cutoff: float | None = None
    derivative = Forward((_pseudoinverse_moved,))
    by_norm = compounds = True
    ulp = 32
    exact_pattern = False

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return a higher matrix, and a stack of wider ones."""
        return [
            Sample(cls(), (Arg((3, 2), made=of_gaps),)),
            Sample(cls(1e-6), (Arg((2, 2, 3), made=of_gaps),)),
        ]

    @classmethod
    def edges(cls) -> Sequence[Sample]:
        """Return matrices of rank one, or nearly."""
        return [
            Sample(cls(), (Arg((3, 4, 3), made=_of_rank_one),)),
            Sample(cls(1e-2), (Arg((4, 3), made=lambda a: _of_rank_one(a) + a / 10_000),)),
        ]

    def check(self, *inputs: Variable) -> None:
        """Take matrices."""
        refuse_others(self, *inputs)

    def shape(self, *operands: Operand) -> Shape:
        """Return that of the transpose."""
        *stack, m, n = operands[0].shape
        return (*stack, n, m)

    def operations_of(self, operands: Sequence[Operand], shapes: Sequence[Shape]) -> Extent:
        """Return twenty-two for each element and singular value."""
        m, n = operands[0].shape[-2:]
        return 22 * product(operands[0].shape) * larger(m, n)

    def expanded(self, node: Apply) -> Sequence[Any]:
        """Return the output by singular vectors."""
        (x,) = node.inputs
        u, s, vh = SVD()(x)
        dtype = x.type.dtype
        cutoff = self.cutoff
        if cutoff is None:
            longer = LANGUAGE["cast"](larger(*extents_of(x)[-2:]), part_of(dtype))
            cutoff = longer * float(np.finfo(dtype).eps)
        first = LANGUAGE["eq"](Arange()(extents_of(s)[-1]), 0)
        largest = LANGUAGE["sum"](LANGUAGE["switch"](first, s, 0), -1, keepdims=True)
        large = LANGUAGE["gt"](s, cutoff * largest)
        inverse = reciprocal(LANGUAGE["switch"](large, s, 0))
        return [LANGUAGE["matmul"](adjoint(vh) * along_rows(inverse), adjoint(u))]

    def reference(self, *arrays: Any) -> Any:
        """Return the pseudoinverse by singular vectors."""
        (x,) = arrays
        cutoff = self.cutoff
        if cutoff is None:
            cutoff = max(x.shape[-2:]) * float(np.finfo(x.dtype).eps)
        u, s, vh = SVD().reference(x)
        large = s > cutoff * s[..., :1]
        inverse = np.divide(1, s, out=np.zeros_like(s), where=large)
        left = vh.conj().swapaxes(-1, -2) * inverse[..., None, :]
        return left @ u.conj().swapaxes(-1, -2)
