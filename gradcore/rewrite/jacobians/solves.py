"""Equations with a Jacobian that has bands, or undoes step by step: not solved by a factor.

Of a diagonal, a solution is a quotient; of a triangle of bands, each row of it is what a step of a
loop makes of those before, as many as a band is below the diagonal::

    x[i] = (b[i] - sum over shifts s of L[i, i - s] * x[i - s]) / L[i, i]

With bands on both sides, rows change their places: step j of elimination sees the rows j to j + l,
l being the bands below the diagonal, takes that with the largest element in column j, and the
others less multiples of it; then x is substituted from the end, along as many bands as there are
(G. Golub, C. Van Loan, "Matrix Computations", 4th ed. (2013), section 4.3).

A map of one operation after the other, each with an inverse, is undone in their order: scalings,
reversals, sums of all elements before (``cumsum``), and linear recurrences.  Its matrix, a dense
triangle, is forward substitution in as many operations as the map itself takes.

The decision: loops of steps as all others, on every backend; of n rows, they take n times the
product of the numbers of bands below the diagonal, and of all.  Rejected: elimination of bands on
both sides without other places for rows, which would not be stable.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from gradcore.graph import Extent, Op, Variable, ancestors, toposort
from gradcore.graph.nodes import extents_of
from gradcore.language import LANGUAGE
from gradcore.ops.cumulative import Cumulative, Recurrence, shifted
from gradcore.ops.elementwise import Elementwise
from gradcore.ops.factors import Solve, SolveLower
from gradcore.ops.index import IncSubtensor, Subtensor
from gradcore.ops.index_patterns import Slice
from gradcore.ops.linalg import Dot
from gradcore.ops.matrices import unless_singular
from gradcore.rewrite.canonical.stage import is_zero
from gradcore.rewrite.jacobians.compressed import matrix_of
from gradcore.rewrite.jacobians.joined_bands import joined_bands
from gradcore.rewrite.jacobians.linear_maps import LinearRows
from gradcore.rewrite.jacobians.sparsity import structured
from gradcore.scan import scan

Band: TypeAlias = tuple[int, Extent, Variable]
"""By how much a band is below the diagonal, its first column, and its values."""

BACKWARDS = Subtensor((Slice(None, None, -1),))


def solved_lower(op: SolveLower, rows: LinearRows, b: Variable) -> Variable | None:
    """Return what ``op`` makes of a matrix and of ``b``, which is one, too.

    None: the matrix is not known to have bands only.
    """
    bands = _bands(rows)
    if bands is None:
        return _of_joined(op, rows, b, functools.partial(_along_triangle, op))
    return _along_triangle(op, bands, b)


def solved(op: Solve, rows: LinearRows, b: Variable) -> Variable | None:
    """Return what ``op`` makes of a matrix and of ``b``, which is one, too.

    None: the matrix is not known to have bands only, or to be of operations that can be undone.
    """
    bands = _bands(rows)
    if bands is not None:
        return _along_bands(op, bands, b)
    found = _of_joined(op, rows, b, functools.partial(_along_bands, op))
    return _undone(op, rows, b) if found is None else found


def _of_joined(
    op: Solve | SolveLower,
    rows: LinearRows,
    b: Variable,
    along: Callable[[Sequence[Band], Variable], Variable | None],
) -> Variable | None:
    """Return the solution along bands where there are as many elements as they are known for.

    Else by the matrix.  None: it is not known to have bands.
    """
    matrix = joined_bands(rows)
    found = None if matrix is None else along(matrix.bands, b)
    whole = None if found is None else structured(rows)
    if matrix is None or whole is None or whole.dense_steps:
        return None
    return LANGUAGE["ifelse"](matrix.condition, found, op(whole.tensor, b))


def _along_triangle(op: SolveLower, bands: Sequence[Band], b: Variable) -> Variable | None:
    """Return the solution of the lower triangle that bands are."""
    below = [(s, first, values) for s, first, values in bands if s >= 0]
    aligned = _aligned(below, b, op.transposed)
    found = _substituted(aligned, b, op.transposed)
    return found if found is None or not op.raises else unless_singular(found, aligned[0])


def _along_bands(op: Solve, bands: Sequence[Band], b: Variable) -> Variable | None:
    """Return the solution of bands on one side, or on both."""
    shifts = [s for s, _, _ in bands]
    upper = any(s < 0 for s in shifts)
    if upper and any(s > 0 for s in shifts):
        return _eliminated(op, bands, b)
    if upper:
        bands = [(-s, first + s, values) for s, first, values in bands]
    aligned = _aligned(bands, b, upper)
    found = _substituted(aligned, b, upper)
    return None if found is None else unless_singular(found, aligned[0], op.raises)


def _bands(rows: LinearRows) -> list[Band] | None:
    """Return by how much each band is below the diagonal, its first column, and its values."""
    matrix = matrix_of(rows)
    if matrix is None or matrix.entries or matrix.dense is not None:
        return None
    bands = matrix.bands.items()
    return [(place.shift, place.front, rows.outside(values)) for place, values in bands]


def _aligned(bands: Sequence[Band], b: Variable, transposed: bool) -> dict[int, Variable]:
    """Return for each band below the diagonal what of it each row, or column, has."""
    found: dict[int, Variable] = {}
    for shift, first, values in bands:
        whole = _from(values, first if transposed else first + shift, extents_of(b)[0])
        found[shift] = found[shift] + whole if shift in found else whole
    return found


def _from(values: Variable, start: Extent, n: Extent) -> Variable:
    """Return a vector of ``n`` elements: zeros but for ``values``, from ``start`` on."""
    zeros = LANGUAGE["alloc"](np.zeros((), values.dtype), n)
    return LANGUAGE["inc_subtensor"](zeros[start : extents_of(values)[0] + start], values)


def _substituted(bands: dict[int, Variable], b: Variable, transposed: bool) -> Variable | None:
    """Return the solution, row by row from the first, or from the last if it is transposed."""
    diagonal, shifts = bands.get(0), sorted(s for s in bands if s)
    if diagonal is None:
        return None
    if not shifts:
        return b / diagonal.dimshuffle(0, "x")
    sequences = [b, diagonal, *(bands[s] for s in shifts)]
    if transposed:
        sequences = [v[::-1] for v in sequences]

    def step(row: Variable, pivot: Variable, *given: Any) -> Variable:
        factors, before = given[: len(shifts)], given[len(shifts) :]
        for factor, x in zip(factors, before, strict=True):
            row = row - factor * x
        return row / pivot

    columns, last = extents_of(b)[1], shifts[-1]
    zero = np.zeros((), b.dtype)
    if last == 1:
        initial: Any = LANGUAGE["alloc"](zero, columns)
    else:
        rows = LANGUAGE["alloc"](zero, last, columns)
        initial = {"initial": rows, "taps": [-s for s in shifts]}
    found, _ = scan(step, sequences, initial)
    return found[::-1] if transposed else found


# eliminated -------------------------------------------------------------------------------------
def _eliminated(op: Solve, bands: Sequence[Band], b: Variable) -> Variable | None:
    """Return the solution of equations with bands on both sides, by elimination along them.

    None: it is known that there are too few rows for the bands: that takes less as a whole.
    """
    aligned = _aligned(bands, b, False)
    below, above = max(aligned), -min(aligned)
    width, (n, columns) = below + above + 1, extents_of(b)
    if isinstance(n, int) and n < 2 * width:
        return None
    zero = LANGUAGE["cast"](0, b.dtype)
    none = LANGUAGE["alloc"](zero, n)
    rows = LANGUAGE["stack"]([aligned.get(s, none) for s in range(below, -above - 1, -1)], 1)
    rows = LANGUAGE["concatenate"]([rows, LANGUAGE["alloc"](zero, below, width)])
    right = LANGUAGE["concatenate"]([b, LANGUAGE["alloc"](zero, below, columns)])
    shifted_first = [
        LANGUAGE["concatenate"]([rows[i, below - i :], LANGUAGE["alloc"](zero, below - i)])
        for i in range(below)
    ]
    others = LANGUAGE["arange"](1, below + 1).dimshuffle(0, "x")

    def eliminate(row: Variable, known: Variable, left: Variable, sides: Variable) -> Any:
        left = LANGUAGE["concatenate"]([left, row.dimshuffle("x", 0)])
        sides = LANGUAGE["concatenate"]([sides, known.dimshuffle("x", 0)])
        at = LANGUAGE["argmax"](abs(left[:, 0]))
        pivot, side = left[at], sides[at]
        left = LANGUAGE["switch"](LANGUAGE["eq"](others, at), left[0], left[1:])
        sides = LANGUAGE["switch"](LANGUAGE["eq"](others, at), sides[0], sides[1:])
        factors = left[:, :1] / pivot[0]
        left = LANGUAGE["concatenate"](
            [left[:, 1:] - factors * pivot[1:], LANGUAGE["alloc"](zero, below, 1)], 1
        )
        return left, sides - factors * side, pivot, side

    initial = [LANGUAGE["stack"](shifted_first), right[:below], None, None]
    (_, _, pivots, sides), _ = scan(eliminate, [rows[below:], right[below:]], initial)

    def substitute(pivot: Variable, side: Variable, after: Variable) -> Variable:
        x = (side - Dot()(pivot[1:], after)) / pivot[0]
        return LANGUAGE["concatenate"]([x.dimshuffle("x", 0), after[:-1]])

    start = LANGUAGE["alloc"](zero, width - 1, columns)
    found, _ = scan(substitute, [pivots[::-1], sides[::-1]], start)
    return unless_singular(found[::-1, 0], pivots[:, 0], op.raises)


# undone, one operation after the other ----------------------------------------------------------
def _undone(op: Solve, rows: LinearRows, b: Variable) -> Variable | None:
    """Return x of ``matrix @ x = b``, given the map of vectors from the left, ``v @ matrix``.

    So the matrix is the transposes of the map's operations, the first of them outermost, and is
    undone by their inverses, the first one first.
    """
    scales: list[Variable] = []
    found, at = b, rows.unit
    for node in toposort([rows.row], {rows.unit}):
        if rows.unit not in ancestors(node.outputs, {rows.unit}):
            continue
        if node.inputs.count(at) != 1:
            return None
        i = node.inputs.index(at)
        if isinstance(node.op, Elementwise):
            if at.broadcastable != node.out.broadcastable:
                return None
            one = LANGUAGE["cast"](1, at.dtype)
            scale = rows.outside(node.op(*(one if v is at else v for v in node.inputs)))
            scale = scale if scale.ndim else scale.dimshuffle("x")
            step: Variable | None = found / scale.dimshuffle(0, "x")
            scales.append(scale)
        else:
            others = [rows.outside(v) for v in node.inputs if v is not at]
            step = _inverse_of_transpose(node.op, i, others, found)
        if step is None:
            return None
        found, at = step, node.out
    if at is not rows.row:
        return None
    for scale in scales:
        found = unless_singular(found, scale, op.raises)
    return found


def _inverse_of_transpose(
    op: Op, i: int, others: Sequence[Variable], x: Variable
) -> Variable | None:
    """Return what the inverse of the transpose of an op, linear in operand ``i``, makes of ``x``.

    None: none is known.
    """
    written = isinstance(op, IncSubtensor) and op.pattern == BACKWARDS.pattern
    if op == BACKWARDS or (written and i == 1 and is_zero(others[0])):
        return x[::-1]
    if op == Cumulative("sum", 0):
        return x - _following(x)
    if op == Recurrence(0) and i == 1:
        return x - _following(others[0].dimshuffle(0, "x") * x)
    return None


def _following(x: Variable) -> Variable:
    """Return for each row the next one, and zeros for the last."""
    return shifted(x[::-1], 0, 0)[::-1]
