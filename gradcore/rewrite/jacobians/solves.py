"""Equations with a Jacobian that has bands: solved along them, not by a factor.

Of a diagonal, a solution is a quotient; of a triangle of bands, each row of it is what a step of a
loop makes of those before, as many as a band is below the diagonal::

    x[i] = (b[i] - sum over shifts s of L[i, i - s] * x[i - s]) / L[i, i]

The decision: a matrix with bands on both sides of its diagonal is left to elimination, which
changes the places of rows; without that it would not be stable.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradcore.errors import LinAlgError
from gradcore.graph import Extent, Variable
from gradcore.graph.nodes import extents_of
from gradcore.language import LANGUAGE
from gradcore.ops.control import Assert
from gradcore.ops.factors import Solve, SolveLower
from gradcore.rewrite.jacobians.bands import matrices_of
from gradcore.rewrite.jacobians.linear_maps import LinearRows
from gradcore.scan import scan


def solved_lower(op: SolveLower, rows: LinearRows, b: Variable) -> Variable | None:
    """Return what ``op`` makes of a matrix and of ``b``, which is one, too.

    None: the matrix is not known to have bands only.
    """
    bands = _bands(rows)
    if bands is None:
        return None
    below = [(s, first, values) for s, first, values in bands if s >= 0]
    aligned = _aligned(below, b, op.transposed)
    found = _substituted(aligned, b, op.transposed)
    return found if found is None or not op.raises else _checked(found, aligned[0])


def solved(op: Solve, rows: LinearRows, b: Variable) -> Variable | None:
    """Return what ``op`` makes of a matrix and of ``b``, which is one, too.

    None: the matrix is not known to have bands only, on one side of the diagonal.
    """
    bands = _bands(rows)
    if bands is None:
        return None
    upper = any(s < 0 for s, _, _ in bands)
    if upper:
        bands = [(-s, first + s, values) for s, first, values in bands]
    if any(s < 0 for s, _, _ in bands):
        return None
    aligned = _aligned(bands, b, upper)
    found = _substituted(aligned, b, upper)
    if found is None:
        return None
    if op.raises:
        return _checked(found, aligned[0])
    singular = LANGUAGE["eq"](aligned[0], 0).any()
    return LANGUAGE["switch"](singular, LANGUAGE["cast"](np.nan, b.dtype), found)


def _checked(found: Variable, diagonal: Variable) -> Variable:
    """Return a solution, if no number on a diagonal is 0; else it raises."""
    return Assert("Singular matrix", LinAlgError)(found, LANGUAGE["neq"](diagonal, 0))


def _bands(rows: LinearRows) -> list[tuple[int, int, Variable]] | None:
    """Return by how much each band is below the diagonal, its first column, and its values."""
    matrices = matrices_of(rows)
    matrix = None if matrices is None else matrices[rows.row]
    if matrix is None or matrix.entries or matrix.dense is not None:
        return None
    bands = matrix.bands.items()
    return [(place.shift, place.front, rows.outside(values)) for place, values in bands]


def _aligned(
    bands: Sequence[tuple[int, int, Variable]], b: Variable, transposed: bool
) -> dict[int, Variable]:
    """Return for each band below the diagonal what of it each row, or column, has."""
    found: dict[int, Variable] = {}
    for shift, first, values in bands:
        whole = _from(values, first if transposed else first + shift, extents_of(b)[0])
        found[shift] = found[shift] + whole if shift in found else whole
    return found


def _from(values: Variable, start: int, n: Extent) -> Variable:
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
