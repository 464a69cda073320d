"""Schur's form of square matrices, on stacks: a triangle, or almost, in an orthonormal basis.

The order of eigenvalues is LAPACK's, which every backend calls: on C, CUDA, torch and JAX in
Python, and of float32 in float64, so that rounding does not change it.  What mathematics leaves
open beside it is settled as that of `gradcore.ops.spectra`: of each column of the basis the first
considerable element is positive.  LAPACK makes the diagonal of a block of two rows one number,
twice.

Derivatives are those of such forms.  With K = Z.T dZ, which is antisymmetric, and M = Z.T dA Z, dT
is M - K T + T K: that it has no elements below the diagonal, and none that part the numbers on the
diagonal of a block, says what K is; of complex matrices Z.T is that of the conjugate.  These are
equations in all elements of K, ``n ** 6`` operations.  They are singular, and derivatives not
finite, where eigenvalues are equal, or the elements beside the diagonal of a block are opposite.
For perturbations, they are those of M. Konstantinov, P. Petkov and N. Christov, "Nonlocal
perturbation analysis of the Schur system of a matrix" (1994).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from gradcore.derive import Tangents
from gradcore.graph import Op, Operand, Shape, Variable
from gradcore.graph.nodes import extents_of
from gradcore.language import LANGUAGE
from gradcore.ops.complexes import complex as complex_of
from gradcore.ops.create import Arange
from gradcore.ops.decompositions import (
    along_columns,
    along_rows,
    diagonal,
    identity,
    upper,
)
from gradcore.ops.eigenvalues import GeneralDecomposition
from gradcore.ops.factors import Solve
from gradcore.ops.matrices import (
    adjoint,
    below,
    check_square,
    failure,
    library,
)
from gradcore.ops.spectra import point_down, settled, turns_of


# derivatives ------------------------------------------------------------------------------------
def _turning(form: Variable, inner: Variable) -> Variable:
    """Return K, as the module says, of T and M; of complex matrices without its diagonal."""
    front, r, c = range(form.ndim - 2), form.ndim - 2, form.ndim - 1
    one, choose, is_real = identity(form), LANGUAGE["switch"], not form.type.is_complex
    *stack, n, _ = extents_of(form)
    i = Arange()(n)
    low = LANGUAGE["gt"](i.dimshuffle(0, "x"), i.dimshuffle("x", 0))

    def delta(*order: Any) -> Variable:
        return one.dimshuffle(*["x"] * len(front), *order)

    # Elements i, j, k, l are how often K_kl is in the equation of row i and column j.
    transpose = form.dimshuffle(*front, "x", c, "x", r)
    moved = delta(0, "x", 1, "x") * transpose
    moved = moved - delta("x", 0, "x", 1) * form.dimshuffle(*front, r, "x", c, "x")
    known = delta(0, "x", 1, "x") * delta("x", 0, "x", 1)
    if is_real:
        known = known + delta(0, "x", "x", 1) * delta("x", 0, 1, "x")  # K_ij + K_ji
        block = LANGUAGE["neq"](form, 0)
        on = LANGUAGE["diagonal"](moved, 0, r, r + 1)  # of axes k, l and i
        of_column, of_row = ("x", r + 2, r, r + 1), (r + 2, "x", r, r + 1)
        parted = on.dimshuffle(*front, *of_column) - on.dimshuffle(*front, *of_row)
        moved = choose(block.dimshuffle(*front, r, c, "x", "x"), parted, moved)
        numbers = diagonal(inner)
        inner = choose(block, along_rows(numbers) - along_columns(numbers), inner)
    equations = choose(low.dimshuffle(*["x"] * len(front), 0, 1, "x", "x"), moved, known)
    equations = LANGUAGE["reshape"](equations, (*stack, n * n, n * n))
    right = LANGUAGE["reshape"](choose(low, inner, 0), (*stack, n * n, 1))
    found = LANGUAGE["reshape"](Solve(raises=False)(equations, right), (*stack, n, n))
    return found if is_real else found - adjoint(found)


def _schur_tangents(op: Op, t: Variable, x: Variable, form: Variable, z: Variable) -> list[Any]:
    """dT = M - K T + T K, dZ = Z K."""
    matmul = LANGUAGE["matmul"]
    inner = matmul(adjoint(z), matmul(t, z))
    turning = _turning(form, inner)
    if x.type.is_complex:
        turns = along_rows(turns_of(z, matmul(z, turning))[..., 0, :])
        turning = turning - identity(z) * complex_of(0, turns)
    moved = inner - matmul(turning, form) + matmul(form, turning)
    if x.type.is_complex:
        return [upper(moved), matmul(z, turning)]
    blocks = LANGUAGE["neq"](below(form, 0), 0)
    return [LANGUAGE["switch"](blocks, moved, upper(moved)), matmul(z, turning)]


# the op -----------------------------------------------------------------------------------------
@final
@dataclass(frozen=True, repr=False)
class Schur(GeneralDecomposition):
    """T and Z of ``A = Z @ T @ Z.T``, of square matrices: T has eigenvalues on its diagonal.

    Z is orthogonal, and T a triangle, of real matrices but for blocks of two rows on its diagonal,
    one for each pair of eigenvalues that are not real.  Of complex matrices Z is unitary, and its
    transpose that of the conjugate.
    """

    failure = staticmethod(failure("Schur form did not converge"))
    derivative = Tangents(_schur_tangents)

    def dtypes(self, *dtypes: str) -> Sequence[str]:
        """Return that of the matrix, twice."""
        return dtypes * 2

    def shapes(self, *operands: Operand) -> Sequence[Shape]:
        """Return the shape of the matrix, twice."""
        return (operands[0].shape,) * 2

    def attempted(self, *arrays: Any) -> tuple[Any, ...]:
        """Return what SciPy returns, with other signs or phases."""
        (x,) = arrays
        check_square(x)
        wide = x.astype("complex128" if x.dtype.kind == "c" else "float64")
        form, z = np.full_like(wide, np.nan), np.full_like(wide, np.nan)
        failed = np.zeros(x.shape[:-2], dtype=bool)
        for k in np.ndindex(failed.shape) if x.shape[-1] else ():
            try:
                form[k], z[k] = library.linalg.schur(wide[k])
            except (np.linalg.LinAlgError, ValueError):  # not found; not finite
                failed[k] = True
        if x.shape[-1] and x.dtype.kind == "c":
            z, turns = settled(np, z)
            form = form * turns * turns.conj().swapaxes(-1, -2)
        elif x.shape[-1]:
            signs = np.where(point_down(np, z), -1, 1)
            form, z = form * signs * signs.swapaxes(-1, -2), z * signs
        return form.astype(x.dtype), z.astype(x.dtype), failed
