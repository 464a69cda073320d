"""Equations with banded matrices, of which the bands are stored: as many operations as elements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, final

import numpy as np

from gradcore.derive import Reverse
from gradcore.errors import ShapeError
from gradcore.graph import Apply, Array, Operand, Requirement, Shape, Variable
from gradcore.graph.extents import Extent, product
from gradcore.graph.externs import Extern
from gradcore.graph.nodes import extents_of
from gradcore.graph.op import Arg, Sample
from gradcore.graph.requirements import all_equal
from gradcore.language import LANGUAGE
from gradcore.ops.create import Arange
from gradcore.ops.factors import OfEquations, Solve
from gradcore.ops.matrices import TAKEN, library, transposed
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
