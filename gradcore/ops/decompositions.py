"""Decompositions of matrices by elimination and by reflections, on stacks: LU, QR.

Signs of Q are left open by mathematics.  Here R has no negative number on its diagonal, and of
complex matrices no number that is not real, so that all backends agree; derivatives are those of
such factors.  Decompositions by eigenvalues and singular values are in `gradcore.ops.spectra`.

Formulas of derivatives: S. Walter and L. Lehmann, arXiv:1001.1654.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from gradcore.derive import Tangents
from gradcore.errors import ShapeError
from gradcore.graph import (
    ZERO,
    Apply,
    Op,
    Operand,
    Requirement,
    Shape,
    Variable,
)
from gradcore.graph.extents import Extent, product
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
    OfStacks,
    adjoint,
    below,
    check_square,
    is_complex,
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
    """dA inv(R) = dQ + Q dR inv(R), where Q.T dQ is antisymmetric and dR inv(R) a triangle.

    Of complex matrices Q.T dQ, of the conjugate, is antihermitian, and the diagonal of R is real.
    """
    right = transposed(SolveLower(raises=False)(transposed(r), transposed(t)))
    inner = LANGUAGE["matmul"](adjoint(q), right)
    low = below(inner, 0.5 if x.type.is_complex else 0)
    triangle = inner - low + adjoint(low)
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
    if is_complex(x):
        pivots = xp.einsum("...ii->...i", r)
        turns = directions(xp, pivots)
        on = xp.triu(xp.tril(xp.ones_like(r))) != 0
        turned = r * xp.conj(turns)[..., None]
        return q * turns[..., None, :], xp.where(on, xp.abs(pivots)[..., None], turned)
    negative = xp.einsum("...ii->...i", r) < 0
    return xp.where(negative[..., None, :], -q, q), xp.where(negative[..., None], -r, r)


def directions(xp: Any, z: Any) -> Any:
    """Return complex numbers over their magnitudes, 1 for 0 and NaN."""
    size = xp.abs(z)
    return xp.where(size > 0, z, 1) / xp.where(size > 0, size, 1)


# what others share -------------------------------------------------------------------------------
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
