"""Factors of matrices and equations with them: functions of LAPACK and BLAS, on stacks."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np

from gradcore.derive import Reverse
from gradcore.errors import ShapeError
from gradcore.graph import Apply, Array, Op, Operand, Requirement, Shape, Variable
from gradcore.graph.extents import Extent, product
from gradcore.graph.externs import Extern
from gradcore.graph.nodes import extents_of
from gradcore.graph.op import Arg, Sample
from gradcore.graph.requirements import all_equal
from gradcore.language import LANGUAGE
from gradcore.ops.linalg import Dot, MatMul
from gradcore.ops.matrices import (
    NOT_POSITIVE,
    STACK,
    TAKEN,
    Attempt,
    OfSquares,
    adjoint,
    below,
    check_square,
    dominated,
    is_complex,
    refuse_others,
    singular,
    square,
    transposed,
    with_infinity,
    with_nan,
)
from gradcore.ops.scalars import add, neg
from gradcore.ops.triangles import ABOVE, VANISHING, is_diagonal, lower_part


# equations --------------------------------------------------------------------------------------
def _equations(node: Apply, operands: Sequence[Operand]) -> list[Requirement]:
    m, b = operands
    message = f"{node.op}: the extents of {node.inputs[0]} and {node.inputs[1]} differ"
    pairs = zip(m.shape[:-1], b.shape[:-1], strict=True)
    return [*square(node, operands), *(r for n in pairs for r in all_equal(list(n), message))]


def check_equations(m: Any, b: Any) -> None:
    """Raise ShapeError for arrays of any library that are not the two sides of equations."""
    check_square(m)
    if m.shape[:-1] != b.shape[:-1]:
        raise ShapeError(f"the shapes {tuple(m.shape)} and {tuple(b.shape)} do not fit")


class OfEquations(Attempt):
    """An op of a stack of matrices and one of right sides (abstract)."""

    ulp = 16
    by_norm = compounds = True
    exact_pattern = False  # columns are solved each by itself

    def check(self, *inputs: Variable) -> None:
        """Take matrices, of which as many on both sides."""
        refuse_others(self, *inputs)

    def shape(self, *operands: Operand) -> Shape:
        """Return the shape of the right side."""
        return operands[1].shape

    def requires(self, node: Apply, operands: Sequence[Operand]) -> Sequence[Requirement]:
        """The matrices are square, as many as right sides, and as long."""
        return _equations(node, operands)

    def batch(
        self, node: Apply, inputs: Sequence[Variable], stacked: Sequence[bool]
    ) -> Variable | None:
        """Put the columns of many right sides of one matrix side by side: it has factors once."""
        matrix, right = inputs
        if stacked[0]:
            return super().batch(node, inputs, stacked)
        order = (*range(1, right.ndim - 1), 0, right.ndim - 1)
        *outer, many, columns = extents_of(right.dimshuffle(*order))
        joined = LANGUAGE["reshape"](right.dimshuffle(*order), (*outer, many * columns))
        found = LANGUAGE["reshape"](self(matrix, joined), (*outer, many, columns))
        back = (right.ndim - 2, *range(right.ndim - 2), right.ndim - 1)
        return found.dimshuffle(*back)


def _solve_back(op: SolveLower, ct: Variable, m: Variable, b: Variable, x: Variable) -> Variable:
    """The transpose of the inverse."""
    return SolveLower(not op.transposed, op.raises)(m, ct)


def _factor_back(op: SolveLower, ct: Variable, m: Variable, b: Variable, x: Variable) -> Variable:
    """d(inv(L) b) = -inv(L) dL x."""
    back = SolveLower(not op.transposed, op.raises)(m, ct)
    left, right = (x, back) if op.transposed else (back, x)
    return below(-LANGUAGE["matmul"](left, transposed(right)), 1)


@final
@dataclass(frozen=True, repr=False)
class SolveLower(OfEquations):
    """``SolveLower()(L, b)``: x of ``L @ x = b``, for lower triangles L; what is above is not read.

    transposed : whether it is x of ``L.T @ x = b``.
    raises : whether a zero on the diagonal is LinAlgError; else it gives infinities and NaN.
    """

    transposed: bool = False
    raises: bool = field(default=True, repr=False)
    derivative = Reverse((_factor_back, _solve_back), linear=((1,),))

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return both directions, matrices and a stack."""
        return [
            Sample(cls(transposed), (Arg((*stack, 3, 3), made=dominated), Arg((*stack, 3, 2))))
            for transposed in (False, True)
            for stack in ((), (2,))
        ]

    @classmethod
    def edges(cls) -> Sequence[Sample]:
        """Return triangles with a zero on the diagonal, and with a NaN, among others."""
        made = with_nan(singular(dominated))
        return [
            Sample(cls(transposed, raises=False), (Arg(STACK, made=made), Arg((3, 3, 2))))
            for transposed in (False, True)
        ]

    @property
    def extern(self) -> Extern:  # pyright: ignore[reportIncompatibleVariableOverride] - by direction
        """A product with the inverse of a triangle: BLAS calls it trsm."""
        name = "solve_lower_transposed" if self.transposed else "solve_lower"
        return Extern(name, TAKEN, failure=self.failure, raises=self.raises)

    def operations_of(self, operands: Sequence[Operand], shapes: Sequence[Shape]) -> Extent:
        """Return one for each element of a triangle and column."""
        return super().operations_of(operands, shapes) * operands[0].shape[-1]

    def attempted(self, *arrays: Any) -> tuple[Any, ...]:
        """Return the solution by substitution, in the dtype of the operands."""
        m, b = arrays
        check_equations(m, b)
        return substituted(np, m, b, self.transposed), no_pivots(np, m)


def substituted(xp: Any, m: Any, b: Any, transposed: bool = False) -> Any:
    """Return x of ``m @ x = b`` for lower triangles, column by column, or of ``m.T @ x = b``.

    xp : the module that the arrays are of: NumPy, or one like it.
    """
    m = m.swapaxes(-1, -2) if transposed else m
    n = m.shape[-1]
    x = xp.zeros_like(b)
    for k in reversed(range(n)) if transposed else range(n):
        known = slice(k + 1, None) if transposed else slice(0, k)
        rest = b[..., k, :] - (m[..., k, None, known] @ x[..., known, :])[..., 0, :]
        x[..., k, :] = rest / m[..., k, k, None]
    return x


def no_pivots(xp: Any, m: Any) -> Any:
    """Return which matrices have a zero on their diagonal."""
    return (xp.einsum("...ii->...i", m) == 0).any(-1)


def _general_factor_back(
    op: Solve, ct: Variable, m: Variable, b: Variable, x: Variable
) -> Variable:
    """d(inv(M) b) = -inv(M) dM x."""
    return -LANGUAGE["matmul"](Solve(op.raises)(transposed(m), ct), transposed(x))


def _general_solve_back(op: Solve, ct: Variable, m: Variable, b: Variable, x: Variable) -> Variable:
    """The transpose of the inverse."""
    return Solve(op.raises)(transposed(m), ct)


def well_conditioned(a: Array) -> Array:
    """Return matrices with a large element in each row, beside the diagonal.

    The order in which their rows are eliminated is not its own inverse.
    """
    large = np.roll(np.eye(*a.shape[-2:]), 1, axis=1)
    return np.asarray(a / max(a.shape[-1], 1) + 4 * large, a.dtype)


def _elimination_workspace(n: Any, m: Any) -> Any:
    """Return the elements of factors, of the order of rows, and of right sides."""
    return n * n + n + n * m


@final
@dataclass(frozen=True, repr=False)
class Solve(OfEquations):
    """``Solve()(M, b)``: x of ``M @ x = b``, for square matrices.

    raises : whether a singular one is LinAlgError; else its solution is NaN.
    """

    raises: bool = field(default=True, repr=False)
    derivative = Reverse((_general_factor_back, _general_solve_back), linear=((1,),))

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return equations whose rows must change places, and a stack."""
        return [
            Sample(cls(), (Arg((*stack, n, n), made=well_conditioned), Arg((*stack, n, 2))))
            for stack, n in (((), 3), ((), 1), ((2,), 3))
        ]

    @classmethod
    def edges(cls) -> Sequence[Sample]:
        """Return equations of which one is singular, and one has a NaN."""
        made = with_nan(singular(well_conditioned))
        return [Sample(cls(raises=False), (Arg(STACK, made=made), Arg((3, 3, 2))))]

    @property
    def extern(self) -> Extern:  # pyright: ignore[reportIncompatibleVariableOverride] - by raises
        """Elimination: LAPACK calls it gesv."""
        return Extern("solve", TAKEN, 2, _elimination_workspace, self.failure, self.raises)

    def operations_of(self, operands: Sequence[Operand], shapes: Sequence[Shape]) -> Extent:
        """Return two thirds of the cube for the factors, and their products with the columns."""
        m, b = (operand.shape for operand in operands)
        stack = product(m[:-2])
        return stack * m[-1] * m[-1] * (2 * m[-1] // 3 + 2 * b[-1])

    def attempted(self, *arrays: Any) -> tuple[Any, ...]:
        """Return the solution by elimination, in the dtype of the operands."""
        m, b = arrays
        check_equations(m, b)
        return eliminated(np, m, b)


def lu_factors(xp: Any, x: Any) -> tuple[Any, Any]:
    """Return the factors and the order of rows of `LU`.

    xp : the module that the array is of: NumPy, or one like it.
    """
    n = x.shape[-1]
    stack = math.prod(x.shape[:-2])
    rows = xp.array(x).reshape(stack, n, n)
    order = xp.zeros((stack, n), "int64") + xp.arange(n)
    each = xp.arange(stack)
    for k in range(n):
        rows[:, k:, k] -= (rows[:, k:, :k] @ rows[:, :k, k : k + 1])[..., 0]
        largest = k + sizes_of_pivots(xp, rows[:, k:, k]).argmax(-1)
        for moved in (rows, order):
            pivot = moved[each, largest]
            moved[each, largest] = moved[:, k]
            moved[:, k] = pivot
        rows[:, k, k + 1 :] -= (rows[:, k : k + 1, :k] @ rows[:, :k, k + 1 :])[:, 0]
        pivot = rows[:, k : k + 1, k]
        rows[:, k + 1 :, k] /= xp.where(pivot == 0, 1, pivot)
    return rows.reshape(x.shape), order.reshape(x.shape[:-1])


def sizes_of_pivots(xp: Any, x: Any) -> Any:
    """Return by what LAPACK compares pivots: the sum of the magnitudes of both parts."""
    return xp.abs(xp.real(x)) + xp.abs(xp.imag(x)) if is_complex(x) else xp.abs(x)


def eliminated(xp: Any, m: Any, b: Any) -> tuple[Any, Any]:
    """Return x of ``m @ x = b`` by elimination, rows changing places, and which are singular.

    xp : the module that the arrays are of: NumPy, or one like it.
    """
    factors, order = lu_factors(xp, m)
    lower = xp.tril(factors, -1) + xp.eye(m.shape[-1], dtype=factors.dtype)
    inner = substituted(xp, lower, xp.take_along_axis(b, order[..., None], -2))
    x = substituted(xp, factors.swapaxes(-1, -2), inner, transposed=True)
    singular = no_pivots(xp, factors)
    return xp.where(singular[..., None, None], xp.nan, x).astype(b.dtype), singular


# Cholesky's factor ------------------------------------------------------------------------------
def _from_left(factor: Variable, ct: Variable) -> Variable:
    """Return what has the lower part of ``factor.T @ ct``; of ``ct`` the lower part counts."""
    found: list[Variable] = []
    rest: list[Variable] = []
    for term, negative in _addends(ct):
        part = _without_product(factor, term)
        which, v = (rest, term) if part is None else (found, part)
        which.append(-v if negative else v)
    if rest:
        found.append(LANGUAGE["matmul"](transposed(factor), functools.reduce(add, rest)))
    return functools.reduce(add, found)


def _without_product(factor: Variable, term: Variable) -> Variable | None:
    """Return the lower part of ``factor.T @ term`` if that needs no product, or one of few columns.

    ``factor.T @ inv(factor.T) @ b @ y = b @ y``, as derivatives of equations with the factor are.
    """
    if is_diagonal(term):
        return factor * term
    if term.owner is None or not isinstance(term.owner.op, (Dot, MatMul)):
        return None
    solution, right = term.owner.inputs
    node = solution.owner
    if node is None or not isinstance(node.op, SolveLower) or node.inputs[0] is not factor:
        return None
    if not node.op.transposed:
        return None
    return LANGUAGE["matmul"](node.inputs[1], right)


def _addends(ct: Variable) -> Iterator[tuple[Variable, bool]]:
    """Yield what has the lower part of ``ct`` as its sum, and whether it is to be subtracted."""
    stack = [(ct, False)]
    while stack:
        v, negative = stack.pop()
        v = lower_part(v)
        node = v.owner
        if node is not None and node.op is neg:
            stack.append((node.inputs[0], not negative))
        elif node is not None and node.op is add and all(x.type == v.type for x in node.inputs):
            stack += [(x, negative) for x in reversed(node.inputs)]
        else:
            yield v, negative


def _symmetric_back(op: Op, ct: Variable, x: Variable, factor: Variable) -> Variable:
    """Cotangent of the lower triangle of x: Murray, arXiv:1602.07527, equation 9.

    An element below the diagonal stands for that above it, too, which is its conjugate.
    """
    inner = below(_from_left(factor, ct), 0.5)
    solve = SolveLower(transposed=True, raises=False)  # a factor has no zero on its diagonal
    both = adjoint(solve(factor, adjoint(solve(factor, inner))))
    return below(both + adjoint(both), 0.5)


@final
@dataclass(frozen=True, repr=False)
class Cholesky(Attempt, OfSquares):
    """The lower triangle L of ``x = L @ L.T``, for symmetric x: of x, what is above is not read.

    Of complex numbers it is that of ``x = L @ L.conj().T``, for Hermitian x; imaginary parts on the
    diagonal are not read.

    raises : whether it is LinAlgError if x is not positive definite; else L is NaN from the
        diagonal down, and 0 above.  So it is in either case if x is not finite.
    """

    raises: bool = field(default=True, repr=False)
    failure = staticmethod(NOT_POSITIVE)
    derivative = Reverse((_symmetric_back,))
    ulp = 16
    by_norm = compounds = True
    exact_pattern = False  # a factor is a triangle

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return matrices and a stack that have factors."""
        shapes = ((3, 3), (1, 1), (2, 3, 3))
        return [Sample(cls(), (Arg(shape, made=dominated),)) for shape in shapes]

    @classmethod
    def edges(cls) -> Sequence[Sample]:
        """Return matrices that are not positive definite, have a NaN, or an infinity."""
        mades = (with_nan(singular(dominated)), with_infinity, np.negative)
        return [Sample(cls(raises=False), (Arg(STACK, made=made),)) for made in mades]

    @property
    def extern(self) -> Extern:  # pyright: ignore[reportIncompatibleVariableOverride] - by raises
        """A factor by columns: LAPACK calls it potrf."""
        return Extern("cholesky", TAKEN, failure=self.failure, raises=self.raises)

    def operations_of(self, operands: Sequence[Operand], shapes: Sequence[Shape]) -> Extent:
        """Return a third of the cube."""
        return super().operations_of(operands, shapes) * operands[0].shape[-1] // 3

    def attempted(self, *arrays: Any) -> tuple[Any, ...]:
        """Return the factor, column by column, in the dtype of the matrix."""
        (x,) = arrays
        check_square(x)
        return cholesky_factor(np, x)


VANISHING[Cholesky] = lambda node, side: side == ABOVE


def cholesky_factor(xp: Any, x: Any) -> tuple[Any, Any]:
    """Return the factor of `Cholesky`, column by column, and which matrices have none.

    xp : the module that the array is of: NumPy, or one like it.
    """
    factor = xp.zeros_like(x)
    failed = xp.zeros(x.shape[:-2], bool)
    for k in range(x.shape[-1]):
        row = factor[..., k, :k, None].conj()
        rest = x[..., k:, k] - (factor[..., k:, :k] @ row)[..., 0]
        pivot = rest[..., 0].real
        failed |= pivot <= 0
        factor[..., k, k] = xp.sqrt(pivot)
        factor[..., k + 1 :, k] = rest[..., 1:] / factor[..., k, k, None]
    return nan_unless_positive(xp, factor).astype(x.dtype), failed


def nan_unless_positive(xp: Any, factor: Any) -> Any:
    """Return factors of `Cholesky`, of NaN where a diagonal is not positive and finite.

    factor : lower triangles; what is above is not read.
    """
    diagonal = xp.real(xp.einsum("...ii->...i", factor))
    failed = ~((diagonal > 0) & (diagonal < xp.inf)).all(-1)
    return xp.tril(xp.where(failed[..., None, None], xp.nan, factor))
