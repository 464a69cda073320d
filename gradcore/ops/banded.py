"""Matrices of which the bands are stored, equations with them and their factors.

They take as many operations as a matrix has rows, times the square of how many bands it has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, final

import numpy as np

from gradcore.derive import Forward, Reverse
from gradcore.errors import ShapeError
from gradcore.graph import Apply, Array, Operand, Requirement, Shape, Variable, as_variable
from gradcore.graph.complexes import conjugated
from gradcore.graph.extents import Extent, product
from gradcore.graph.externs import Extern
from gradcore.graph.nodes import extents_of
from gradcore.graph.op import Arg, Sample
from gradcore.graph.requirements import REACHES, all_equal
from gradcore.language import LANGUAGE
from gradcore.ops.create import Arange
from gradcore.ops.factors import Cholesky, OfEquations, Solve
from gradcore.ops.matrices import (
    NOT_POSITIVE,
    TAKEN,
    Attempt,
    OfStacks,
    library,
    real_part,
    refuse_others,
    transposed,
)
from gradcore.ops.shape_values import SpecifyShape


def _transposed_back(
    op: SolveBanded, ct: Variable, ab: Variable, b: Variable, x: Variable
) -> Variable:
    """The transpose of the inverse."""
    return op.transpose()(ab, ct)


def _bands_back(op: SolveBanded, ct: Variable, ab: Variable, b: Variable, x: Variable) -> Variable:
    """d(inv(A) b) = -inv(A) dA x, of which only the bands move."""
    back = op.transpose()(ab, ct)
    rows, columns = (x, back) if op.transposed else (back, x)
    n = extents_of(ab)[-1]
    j = Arange()(n)
    bands: list[Variable] = []
    for shift in range(-op.upper, op.lower + 1):
        i = j + shift
        there = LANGUAGE["ge"](i, 0) & LANGUAGE["lt"](i, n)
        moved = LANGUAGE["take"](rows, LANGUAGE["switch"](there, i, 0), rows.ndim - 2)
        bands.append(LANGUAGE["switch"](there, -LANGUAGE["sum"](moved * columns, -1), 0))
    return LANGUAGE["stack"](bands, ab.ndim - 2)


def _workspace(n: Any, m: Any, lower: int, upper: int) -> Any:
    """Return the elements of the bands with those that elimination adds, of orders, of columns."""
    return n * (2 * lower + upper + 2 + m)


def _dominated(upper: int, a: Array) -> Array:
    """Return bands of which the diagonal outweighs the others."""
    found = a / 2
    found[..., upper : upper + 1, :] += 4
    return np.asarray(found, a.dtype)


@final
@dataclass(frozen=True, repr=False)
class SolveBanded(OfEquations):
    """``SolveBanded(l, u)(ab, b)``: x of ``A @ x = b``, for ``A[i, j] = ab[u + i - j, j]``.

    lower, upper : how many bands A has below and above its diagonal; elsewhere it is zero, and of
        ``ab`` what stands for no element of A is not read.
    transposed : whether it is x of ``A.T @ x = b``.
    raises : whether a singular A is LinAlgError; else its solution is NaN.
    """

    lower: int
    upper: int
    transposed: bool = False
    raises: bool = field(default=True, repr=False)
    derivative = Reverse((_bands_back, _transposed_back), linear=((1,),))

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return several numbers of bands, both directions, and a stack."""
        return [
            Sample(
                cls(lower, upper, transposed),
                (
                    Arg((*stack, lower + upper + 1, 4), made=partial(_dominated, upper)),
                    Arg((*stack, 4, 2)),
                ),
            )
            for lower, upper, transposed, stack in (
                (1, 1, False, ()),
                (2, 0, True, ()),
                (1, 2, False, (2,)),
            )
        ]

    def transpose(self) -> SolveBanded:
        """Return the op for the transposed equations."""
        return SolveBanded(self.lower, self.upper, not self.transposed, self.raises)

    @property
    def extern(self) -> Extern:  # pyright: ignore[reportIncompatibleVariableOverride] - by bands
        """Elimination among bands: LAPACK calls it gbsv."""
        name = "solve_banded_transposed" if self.transposed else "solve_banded"
        numbers = (self.lower, self.upper)
        return Extern(name, TAKEN, 2, _workspace, self.failure, self.raises, numbers)

    def requires(self, node: Apply, operands: Sequence[Operand]) -> Sequence[Requirement]:
        """There are as many bands as the op says, as long as right sides, and in as many stacks."""
        ab, b = operands
        message = f"{node.op}: {node.inputs[0]} has another number of bands than {self._bands}"
        found = all_equal([ab.shape[-2], self._bands], message)
        message = f"{node.op}: the extents of {node.inputs[0]} and {node.inputs[1]} differ"
        pairs = zip((*ab.shape[:-2], ab.shape[-1]), b.shape[:-1], strict=True)
        return [*found, *(r for n in pairs for r in all_equal(list(n), message))]

    @property
    def _bands(self) -> int:
        return self.lower + self.upper + 1

    def operations_of(self, operands: Sequence[Operand], shapes: Sequence[Shape]) -> Extent:
        """Return twice the bands for each row and band below, and for each element."""
        rows = product(operands[1].shape[:-1])
        return 2 * self._bands * (rows * (self.lower + 1) + product(shapes[0]))

    def expanded(self, node: Apply) -> Sequence[Any]:
        """Return the output by elimination in a dense matrix."""
        ab, b = node.inputs
        *stack, n, _ = extents_of(b)
        ab = SpecifyShape("the bands must fit")(ab, *stack, self._bands, n)
        i = Arange()(n)
        below = i.dimshuffle(0, "x") - i.dimshuffle("x", 0)
        there = LANGUAGE["ge"](below, -self.upper) & LANGUAGE["le"](below, self.lower)
        row = LANGUAGE["switch"](there, below + self.upper, 0)
        row = row.dimshuffle(*["x"] * (ab.ndim - 2), 0, 1)
        dense = LANGUAGE["switch"](there, LANGUAGE["take_along_axis"](ab, row, -2), 0)
        return [Solve(self.raises)(transposed(dense) if self.transposed else dense, b)]

    def attempted(self, *arrays: Any) -> tuple[Any, ...]:
        """Return SciPy's solution, in the dtype of the operands."""
        ab, b = arrays
        if ab.shape[-2] != self._bands or (*ab.shape[:-2], ab.shape[-1]) != b.shape[:-1]:
            raise ShapeError(f"the shapes {ab.shape} and {b.shape} do not fit {self}")
        x = np.full_like(b, np.nan)
        failed = np.zeros(b.shape[:-2], dtype=bool)
        for k in np.ndindex(failed.shape) if ab.shape[-1] else ():
            bands, counts = ab[k], (self.lower, self.upper)
            if self.transposed:
                bands, counts = transposed_bands(bands, *counts), counts[::-1]
            try:
                x[k] = library.linalg.solve_banded(counts, bands, b[k], check_finite=False)
            except np.linalg.LinAlgError:
                failed[k] = True
        return x, failed


def transposed_bands(ab: Array, lower: int, upper: int) -> Array:
    """Return the bands of the transpose of a matrix."""
    n = ab.shape[-1]
    found = np.zeros_like(ab)
    for shift in range(-upper, lower + 1):
        first, end = max(0, -shift), min(n, n - shift)
        if first < end:
            found[lower - shift, first + shift : end + shift] = ab[upper + shift, first:end]
    return found


# Cholesky's factor ------------------------------------------------------------------------------
def _rows_below(ab: Variable) -> tuple[Variable, Variable]:
    """Return of which rows the elements of bands below the diagonal are, and which of them exist.

    Both are matrices.
    """
    rows, n = extents_of(ab)[-2:]
    row = Arange()(rows).dimshuffle(0, "x") + Arange()(n).dimshuffle("x", 0)
    return row, LANGUAGE["lt"](row, n)


def half_bands_of_adjoint(ab: Variable, lower: bool) -> Variable:
    """Return the bands on one side of the diagonal from those on the other, of conjugate
    transposes: ``above[u - k, j + k] = below[k, j].conj()``.

    lower : whether the given ones are those below it.  What stands for no element is 0.
    """  # noqa: D205 - an equation
    rows, n = extents_of(ab)[-2:]
    given = ab if lower else ab[..., ::-1, :]
    k, j = Arange()(rows).dimshuffle(0, "x"), Arange()(n).dimshuffle("x", 0)
    place = j - k if lower else j + k
    there = LANGUAGE["ge"](place, 0) & LANGUAGE["lt"](place, n)
    place = LANGUAGE["switch"](there, place, 0).dimshuffle(*["x"] * (ab.ndim - 2), 0, 1)
    moved = LANGUAGE["take_along_axis"](given, place, -1)
    found = conjugated(LANGUAGE["switch"](there, moved, 0))
    return found[..., ::-1, :] if lower else found


def _banded_tangents(op: CholeskyBanded, t: Variable, ab: Variable, factor: Variable) -> Variable:
    """Column by column, of dA = dL L.T + L dL.T, what columns before have of it subtracted.

    The bands on the diagonal and below are columns; ``rest`` is what those before a column add to
    the elements of it and of the next ones.
    """
    if op.lower:
        t = LANGUAGE["switch"](_rows_below(t)[1], t, 0)
    else:
        t, factor = (half_bands_of_adjoint(x, lower=False) for x in (t, factor))
    *stack, rows, _ = extents_of(t)
    front = range(t.ndim - 2)
    zero, join = as_variable(np.zeros((), t.dtype)), LANGUAGE["concatenate"]
    first = LANGUAGE["eq"](Arange()(rows), 0)

    def outer(x: Variable, y: Variable) -> Variable:
        below = (conjugated(y)[..., 1:]).dimshuffle(*front, "x", len(front))
        return x[..., 1:].dimshuffle(*front, len(front), "x") * below

    def step(moved: Variable, column: Variable, rest: Variable) -> list[Variable]:
        left = moved - rest[..., 0]
        if t.type.is_complex:
            left = LANGUAGE["switch"](first, real_part(left), left)
        pivot, moved_pivot = (real_part(x[..., 0]).dimshuffle(*front, "x") for x in (column, left))
        tangent = (left - column * (moved_pivot / (2 * pivot))) / pivot
        later = rest[..., 1:, 1:] + outer(tangent, column) + outer(column, tangent)
        later = join([later, LANGUAGE["alloc"](zero, *stack, rows - 1, 1)], -1)
        return [tangent, join([later, LANGUAGE["alloc"](zero, *stack, 1, rows)], -2)]

    columns = (x.dimshuffle(t.ndim - 1, *front, t.ndim - 2) for x in (t, factor))
    start = LANGUAGE["alloc"](zero, *stack, rows, rows)
    (found, _), _ = LANGUAGE["scan"](step, list(columns), [None, start])
    found = found.dimshuffle(*(axis + 1 for axis in front), t.ndim - 1, 0)
    return found if op.lower else half_bands_of_adjoint(found, lower=True)


def _of_half(lower: bool, a: Array) -> Array:
    """Return the bands on a side of matrices that are positive definite."""
    found = a / (4 * max(a.shape[-2], 1))
    diagonal = slice(1) if lower else slice(-1, None)
    found[..., diagonal, :] += 4
    return np.asarray(found, a.dtype)


def _without(lower: bool, a: Array) -> Array:
    """Return the same, but of a stack the first is not positive definite, the last has a NaN."""
    found = _of_half(lower, a)
    diagonal = slice(1) if lower else slice(-1, None)
    found[:1, diagonal, -1:] = -1
    found[-1:, diagonal, 1:2] = np.nan
    return found


def _half_workspace(rows: Any, n: Any, lower: int) -> Any:
    """Return the elements of the bands."""
    return rows * n


@final
@dataclass(frozen=True, repr=False)
class CholeskyBanded(Attempt, OfStacks):
    """The bands of the factor of a positive definite matrix: they are as many as its own.

    lower : whether they are those of L of ``A = L @ L.T``, ``ab[i - j, j] = A[i, j]``; else those
        of U of ``A = U.T @ U``, ``ab[u + i - j, j] = A[i, j]``.  Of complex numbers transposes are
        those of conjugates, and imaginary parts on the diagonal are not read.
    raises : whether it is LinAlgError if A is not positive definite; else the bands are NaN, also
        if A is not finite.

    What stands for no element of A is not read, and 0 in the result.
    """

    lower: bool
    raises: bool = field(default=True, repr=False)
    failure = staticmethod(NOT_POSITIVE)
    derivative = Forward((_banded_tangents,))
    ulp = 16
    by_norm = compounds = True
    exact_pattern = False

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return both sides, several numbers of bands, a stack, and one that may raise.

        In reverse order, as they are compared, too, only the bands of a diagonal have a factor.
        """
        shapes = ((True, (2, 4)), (False, (3, 4)), (False, (2, 2, 3)), (True, (1, 2)))
        return [
            Sample(cls(lower, raises=shape == (1, 2)), (Arg(shape, made=partial(_of_half, lower)),))
            for lower, shape in shapes
        ]

    @classmethod
    def edges(cls) -> Sequence[Sample]:
        """Return matrices that are not positive definite, and that have a NaN."""
        return [
            Sample(cls(lower, raises=False), (Arg((3, 2, 3), made=partial(_without, lower)),))
            for lower in (False, True)
        ]

    def check(self, *inputs: Variable) -> None:
        """Take bands as matrices."""
        refuse_others(self, *inputs)

    def shape(self, *operands: Operand) -> Shape:
        """Return that of the bands."""
        return operands[0].shape

    def requires(self, node: Apply, operands: Sequence[Operand]) -> Sequence[Requirement]:
        """There is a diagonal."""
        message = f"{node.op}: {node.inputs[0]} has no bands"
        return [Requirement(REACHES, (operands[0].shape[-2], 1), message)]

    @property
    def extern(self) -> Extern:  # pyright: ignore[reportIncompatibleVariableOverride] - by raises
        """A factor among bands: LAPACK calls it pbtrf."""
        numbers = (int(self.lower),)
        return Extern(
            "cholesky_banded", TAKEN, 2, _half_workspace, self.failure, self.raises, numbers
        )

    def operations_of(self, operands: Sequence[Operand], shapes: Sequence[Shape]) -> Extent:
        """Return one for each element and band."""
        return product(operands[0].shape) * operands[0].shape[-2]

    def expanded(self, node: Apply) -> Sequence[Any]:
        """Return the bands of the factor of a dense matrix."""
        (ab,) = node.inputs
        below = ab if self.lower else half_bands_of_adjoint(ab, lower=False)
        rows, n = extents_of(ab)[-2:]
        i = Arange()(n)
        band = i.dimshuffle(0, "x") - i.dimshuffle("x", 0)
        there = LANGUAGE["ge"](band, 0) & LANGUAGE["lt"](band, rows)
        band = LANGUAGE["switch"](there, band, 0).dimshuffle(*["x"] * (ab.ndim - 2), 0, 1)
        dense = LANGUAGE["take_along_axis"](below, band, -2)
        factor = Cholesky(self.raises)(LANGUAGE["switch"](there, dense, 0))
        row, within = _rows_below(ab)
        row = LANGUAGE["switch"](within, row, 0).dimshuffle(*["x"] * (ab.ndim - 2), 0, 1)
        found = LANGUAGE["take_along_axis"](factor, row, -2)
        found = LANGUAGE["switch"](within, found, 0)
        return [found if self.lower else half_bands_of_adjoint(found, lower=True)]

    def attempted(self, *arrays: Any) -> tuple[Any, ...]:
        """Return SciPy's bands, in the dtype of the operand."""
        ab: Array = arrays[0]
        rows, n = ab.shape[-2:]
        if not rows:
            raise ShapeError(f"got shape {ab.shape}, without bands")
        k, j = np.indices((rows, n))
        there: Array = k + j < n if self.lower else rows - 1 - k <= j
        given = np.where(there, ab, 0)
        c = np.full_like(ab, np.nan)
        failed = np.zeros(ab.shape[:-2], dtype=bool)
        (factor,) = library.linalg.get_lapack_funcs(("pbtrf",), (ab,))
        diagonal = 0 if self.lower else rows - 1
        for s in np.ndindex(failed.shape) if n else ():
            c[s], info = factor(given[s], lower=self.lower)
            failed[s] = info > 0 and not np.isnan(c[s][diagonal, info - 1])
        pivots = c[..., diagonal, :].real
        good = np.asarray(((pivots > 0) & (pivots < np.inf)).all(-1))
        found = np.where(good[..., None, None], c, np.nan)
        return np.where(there, found, 0).astype(ab.dtype), failed
