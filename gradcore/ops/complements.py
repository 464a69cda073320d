"""Bases of what the columns of a matrix leave: the further columns of full factors.

Any basis will do for mathematics, and none is preferred, but where it has one column: its sign, or
phase, is settled as that of `gradcore.ops.spectra`.  Derivatives take it that columns do not turn
into each other: so they are right for what does not depend on the basis, such as the projection
``N @ N.T``, as those of vectors of equal eigenvalues are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from gradcore.derive import Tangents
from gradcore.errors import ShapeError
from gradcore.graph import Apply, Array, Op, Operand, Requirement, Shape, Variable
from gradcore.graph.extents import Extent, product
from gradcore.graph.externs import Extern
from gradcore.graph.op import Arg, Sample
from gradcore.graph.requirements import REACHES
from gradcore.language import LANGUAGE
from gradcore.ops.complexes import complex as complex_of
from gradcore.ops.decompositions import Decomposition
from gradcore.ops.factors import Solve
from gradcore.ops.matrices import TAKEN, adjoint, is_complex
from gradcore.ops.spectra import point_down, settled, turns_of


def _tangents(op: Op, t: Variable, x: Variable, basis: Variable) -> list[Variable]:
    """dN = -A inv(A.T A) dA.T N, as A.T N = 0; of complex ones A.T is that of the conjugate."""
    matmul = LANGUAGE["matmul"]
    inner = Solve(raises=False)(matmul(adjoint(x), x), matmul(adjoint(t), basis))
    moved = -matmul(x, inner)
    if x.type.is_complex:
        moved = moved - basis * complex_of(0, turns_of(basis, moved))
    return [moved]


def _orthonormal(a: Array) -> Array:
    """Return matrices with orthonormal columns."""
    wide = a.astype("complex128" if is_complex(a) else "float64")
    return np.asarray(np.linalg.qr(wide)[0], a.dtype)


def _workspace(m: Any, n: Any) -> Any:
    """Return the elements of a square matrix, of scales, and those that LAPACK asks for."""
    return m * m + 66 * m


@final
@dataclass(frozen=True, repr=False)
class Complement(Decomposition):
    """Orthonormal columns, orthogonal to those of matrices: as many as these lack to be square.

    Matrices have at least as many rows as columns, which do not depend on each other.
    """

    extern = Extern("complement", TAKEN, workspace=_workspace)
    derivative = Tangents(_tangents)
    ulp = 32

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return matrices that lack one column, and a stack."""
        shapes = ((3, 2), (2, 4, 3))
        return [Sample(cls(), (Arg(shape, made=_orthonormal),)) for shape in shapes]

    def shape(self, *operands: Operand) -> Shape:
        """Return as many rows, and the columns that are lacking."""
        *stack, m, n = operands[0].shape
        return (*stack, m, m - n)

    def requires(self, node: Apply, operands: Sequence[Operand]) -> Sequence[Requirement]:
        """The matrices have at least as many rows as columns."""
        message = f"{node.op}: {node.inputs[0]} has fewer rows than columns"
        return [Requirement(REACHES, tuple(operands[0].shape[-2:]), message)]

    def operations_of(self, operands: Sequence[Operand], shapes: Sequence[Shape]) -> Extent:
        """Return four for each element and row."""
        return 4 * product(operands[0].shape) * operands[0].shape[-2]

    def reference(self, *arrays: Any) -> Any:
        """Return the last columns of Q of NumPy's, with other signs."""
        return complements(np, *arrays)


def complements(xp: Any, x: Any) -> Any:
    """Return the columns of `Complement`.

    xp : the module that the array is of: NumPy, or one like it.
    """
    m, n = x.shape[-2:]
    if m < n:
        raise ShapeError(f"got shape {tuple(x.shape)}, with fewer rows than columns")
    if m == n:
        return x[..., :0]
    q, _ = xp.linalg.qr(x, mode="complete")
    basis = q[..., n:]
    if is_complex(x):
        return settled(xp, basis)[0]
    return xp.where(point_down(xp, basis), -basis, basis)
