"""Factors of matrices that are symmetric or Hermitian, and need not be definite, on stacks.

Pivots are those of J. Bunch and L. Kaufman, "Some stable methods for calculating inertia and
solving symmetric linear systems" (1977), which LAPACK chooses: on JAX, torch and CUDA SciPy calls
it, on the CPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np

from gradcore.derive import Tangents
from gradcore.graph import ZERO, Apply, Array, Operand, Requirement, Shape, Variable
from gradcore.graph.extents import Extent, product
from gradcore.graph.externs import Extern
from gradcore.graph.nodes import extents_of
from gradcore.graph.op import Arg, Sample
from gradcore.language import LANGUAGE
from gradcore.ops.create import Arange
from gradcore.ops.decompositions import (
    Decomposition,
    along_columns,
    along_rows,
    diagonal,
    identity,
)
from gradcore.ops.factors import SolveLower
from gradcore.ops.matrices import (
    STACK,
    TAKEN,
    Attempt,
    adjoint,
    below,
    check_square,
    failure,
    is_complex,
    library,
    singular,
    square,
    transposed,
    with_nan,
)


# derivatives ------------------------------------------------------------------------------------
def _ldl_tangents(
    op: LDL, t: Variable, x: Variable, factor: Variable, blocks: Variable, order: Variable
) -> list[Any]:
    """With M = inv(L) P dA P.T inv(L).T: dD are the blocks of M, and dL = L K, where K D is what
    of M is on the side of L, beside the blocks.
    """  # noqa: D205 - equations
    turned = adjoint if op.hermitian else transposed
    if op.hermitian and x.type.is_complex:
        half = below(t if op.lower else turned(t), 0.5)
        whole = half + turned(half)
    else:
        half = t if op.lower else turned(t)
        whole = below(half, 1) + turned(below(half, 0))
    take, switch = LANGUAGE["take_along_axis"], LANGUAGE["switch"]
    inner = take(take(whole, along_columns(order), -2), along_rows(order), -1)
    solve = SolveLower(transposed=not op.lower, raises=False)
    triangle = factor if op.lower else transposed(factor)
    inner = turned(solve(triangle, turned(solve(triangle, inner))))
    on = LANGUAGE["neq"](blocks, 0) | LANGUAGE["eq"](identity(x), 1)
    i = Arange()(extents_of(x)[-1])
    compare = LANGUAGE["gt"] if op.lower else LANGUAGE["lt"]
    side = compare(i.dimshuffle(0, "x"), i.dimshuffle("x", 0))
    moved = LANGUAGE["matmul"](factor, _over_blocks(switch(~on & side, inner, 0), blocks))
    return [switch(side, moved, 0), switch(on, inner, 0), ZERO]


def _over_blocks(x: Variable, blocks: Variable) -> Variable:
    """Return ``x @ inv(D)``, for D with blocks of one row and of two on its diagonal."""
    switch, total = LANGUAGE["switch"], LANGUAGE["sum"]
    beside = switch(LANGUAGE["eq"](identity(blocks), 1), 0, blocks)
    i = Arange()(extents_of(blocks)[-1])
    in_column, in_row = total(beside, -2), total(beside, -1)
    paired = LANGUAGE["neq"](in_column, 0)
    partner = total(switch(LANGUAGE["neq"](beside, 0), along_columns(i), 0), -2)
    partner = switch(paired, partner, i)
    pivots = diagonal(blocks)
    others = LANGUAGE["take_along_axis"](pivots, partner, -1)
    determinant = switch(paired, pivots * others - in_column * in_row, pivots)
    own = switch(paired, others, 1) / determinant
    columns = LANGUAGE["take_along_axis"](x, along_rows(partner), -1)
    return x * along_rows(own) - columns * along_rows(in_column / determinant)


# the op -----------------------------------------------------------------------------------------
def _of_pairs(a: Array) -> Array:
    """Return triangles of indefinite matrices, with blocks of two rows and with rows alone."""
    large = np.zeros(a.shape[-2:])
    alone = np.arange(min(large.shape)) % 3 == 2
    large[np.diag_indices(len(alone))] = np.where(alone, -3, 0)
    for k in range(0, len(alone) - 1, 3):
        large[k, k + 1] = large[k + 1, k] = 4
    return np.asarray(a / (2 * max(len(alone), 1)) + large, a.dtype)


def _workspace(n: Any, m: Any) -> Any:
    """Return the elements of a transpose, of exchanges of rows, and those that LAPACK asks for."""
    return n * n + 65 * n + 1


@final
@dataclass(frozen=True, repr=False)
class LDL(Attempt, Decomposition):
    """L, D and an order of rows of ``A[order][:, order] = L @ D @ L.T``, of symmetric matrices.

    lower : whether L is a lower triangle, and that of A is read; else they are upper ones.
    hermitian : whether complex matrices are Hermitian, and L.T that of the conjugate.  Imaginary
        parts on the diagonal are not read then.
    raises : whether it is LinAlgError if A is not finite; else L and D are NaN.

    L has ones on its diagonal; D is diagonal, but for blocks of two rows, in which L is the
    identity; ``order`` is int64.  Of a singular matrix there is a zero in D, and derivatives are
    not finite.
    """

    lower: bool = True
    hermitian: bool = True
    raises: bool = field(default=True, repr=False)
    failure = staticmethod(failure("Matrix is not finite"))
    derivative = Tangents(_ldl_tangents)
    ulp = 32

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return both triangles, matrices whose rows change places, and a stack."""
        return [
            Sample(cls(lower, hermitian), (Arg(shape, made=_of_pairs),))
            for lower, hermitian, shape in (
                (True, True, (4, 4)),
                (False, True, (2, 3, 3)),
                (True, False, (3, 3)),
                (False, False, (4, 4)),
            )
        ]

    @classmethod
    def edges(cls) -> Sequence[Sample]:
        """Return matrices of which one is singular, and one has a NaN."""
        made = with_nan(singular(_of_pairs))
        sides = (cls(lower, raises=False) for lower in (True, False))
        return [Sample(op, (Arg(STACK, made=made),)) for op in sides]

    def dtypes(self, *dtypes: str) -> Sequence[str]:
        """Return that of the matrix, twice, and int64."""
        return (*dtypes, *dtypes, "int64")

    def shapes(self, *operands: Operand) -> Sequence[Shape]:
        """Return the shape of the matrix, twice, and that of a row."""
        shape = operands[0].shape
        return shape, shape, shape[:-1]

    def requires(self, node: Apply, operands: Sequence[Operand]) -> Sequence[Requirement]:
        """The matrices are square."""
        return square(node, operands)

    @property
    def extern(self) -> Extern:  # pyright: ignore[reportIncompatibleVariableOverride] - by fields
        """Diagonal pivoting: LAPACK calls it sytrf, or hetrf."""
        name = f"ldl{'' if self.lower else '_upper'}{'' if self.hermitian else '_symmetric'}"
        return Extern(name, TAKEN, 2, _workspace, self.failure, self.raises)

    def operations_of(self, operands: Sequence[Operand], shapes: Sequence[Shape]) -> Extent:
        """Return a third of the cube."""
        return product(operands[0].shape) * operands[0].shape[-1] // 3

    def attempted(self, *arrays: Any) -> tuple[Any, ...]:
        """Return what SciPy returns, the rows of its L in their order."""
        (x,) = arrays
        return ldl_factors(x, self.lower, self.hermitian)


def ldl_factors(x: Array, lower: bool, hermitian: bool) -> tuple[Array, ...]:
    """Return the outputs of `LDL`, and which matrices are not finite."""
    check_square(x)
    n: int = x.shape[-1]
    triangle = np.tril(x) if lower else np.triu(x)
    if hermitian and is_complex(x):
        i = np.arange(n)
        triangle[..., i, i] = triangle[..., i, i].real
    finite = np.asarray(np.isfinite(triangle).all((-1, -2)))
    factor, blocks = np.full_like(x, np.nan), np.full_like(x, np.nan)
    order = np.zeros(x.shape[:-1], "int64") + np.arange(n)
    for s in np.ndindex(finite.shape) if n else ():
        if finite[s]:
            found, blocks[s], order[s] = library.linalg.ldl(
                triangle[s], lower=lower, hermitian=hermitian, check_finite=False
            )
            factor[s] = found[order[s]]
    return factor, blocks, order, ~finite
