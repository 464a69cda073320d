"""What is made of the structure of a matrix: the tensor, its diagonal, its product with another."""

from __future__ import annotations

import functools
import operator
from dataclasses import dataclass

from gradcore.graph import Variable
from gradcore.graph.extents import product, smaller
from gradcore.graph.nodes import extents_of
from gradcore.language import LANGUAGE
from gradcore.ops.diagonals import ELEMENTS, inc_diagonals
from gradcore.ops.index import IncSubtensor, Subtensor
from gradcore.ops.index_patterns import Slot
from gradcore.ops.linalg import Dot
from gradcore.rewrite.jacobians.bands import Blocks, of_all_rows
from gradcore.rewrite.jacobians.compressed import matrix_and_steps, matrix_of
from gradcore.rewrite.jacobians.entries import Entries, positions, stacked
from gradcore.rewrite.jacobians.linear_maps import LinearRows

FEW_STEPS = 2
"""As many steps on what is dense as cost no more than what they make: one product, scaled."""


@dataclass(frozen=True)
class Structured:
    """A matrix that no loop over its rows computes.

    dense_steps : how many steps of the map are taken for all unit vectors.
    """

    tensor: Variable
    dense_steps: int

    @property
    def is_cheap(self) -> bool:
        """Whether no other way takes much less."""
        return self.dense_steps <= FEW_STEPS


def structured(rows: LinearRows) -> Structured | None:
    """Return a matrix as a tensor that no loop over its rows computes; None: it takes one."""
    found = matrix_and_steps(rows)
    if found is None:
        return None
    matrix, dense = found
    m, *shape = rows.shape()
    if matrix.blocks is not None and matrix.dense is not None:
        matrix.dense = LANGUAGE["reshape"](of_all_rows(matrix.dense, matrix.blocks), (m, *shape))
    found = matrix.dense
    if found is None:
        found = LANGUAGE["alloc"](LANGUAGE["cast"](0, rows.row.dtype), m, product(tuple(shape)))
    if matrix.bands or matrix.entries:
        flat = found if found.ndim == 2 else LANGUAGE["reshape"](found, (m, product(tuple(shape))))
        for entries in matrix.entries:
            given = (entries.values, entries.units, entries.where())
            flat = IncSubtensor(ELEMENTS, False)(flat, *map(LANGUAGE["flatten"], given))
        starts = [(place.front + place.shift, place.front) for place in matrix.bands]
        vectors = [LANGUAGE["flatten"](values) for values in matrix.bands.values()]
        found = inc_diagonals(flat, starts, vectors) if vectors else flat
    if found.ndim != len(shape) + 1:
        found = LANGUAGE["reshape"](found, (m, *shape))
    return Structured(rows.outside(found), dense)


def contracted(rows: LinearRows, other: Variable) -> Variable | None:
    """Return the sum of the products of the elements of a sparse matrix with those of another.

    None: it is not known to be sparse.
    """
    matrix = matrix_of(rows)
    if matrix is None or matrix.dense is not None:
        return None
    terms: list[Variable] = []
    for place, values in matrix.bands.items():
        at = LANGUAGE["arange"](extents_of(values)[0])
        start = place.front + place.shift
        along = Subtensor(ELEMENTS)(other, at + start if start else at, at + place.front)
        terms.append(Dot()(values, along))
    for entries in matrix.entries:
        values, *at = map(LANGUAGE["flatten"], (entries.values, entries.units, entries.where()))
        terms.append(Dot()(values, Subtensor(ELEMENTS)(other, *at)))
    zero = LANGUAGE["cast"](0, other.dtype)
    return rows.outside(functools.reduce(operator.add, terms) if terms else zero)


def blocks_of_rows(rows: LinearRows) -> tuple[Blocks, Variable] | None:
    """Return the matrix for the unit vectors of one row, for all rows of the value at once.

    None: rows are not known to depend on unit vectors of their own alone.
    """
    matrix = matrix_of(rows)
    if matrix is None or matrix.blocks is None:
        return None
    _, *shape = rows.shape()
    bands = [Entries(positions(shape), values) for values in matrix.bands.values()]
    parts, found = [*bands, *matrix.entries], matrix.dense
    if parts:
        found = stacked(parts, matrix.blocks.each, shape, found)
    return None if found is None else (matrix.blocks, rows.outside(found))


def diagonal(rows: LinearRows) -> Variable | None:
    """Return the main diagonal of a matrix that is sparse; None: it is not known to be."""
    matrix = matrix_of(rows)
    if matrix is None or matrix.dense is not None:
        return None
    m, n = rows.shape()
    found = LANGUAGE["alloc"](LANGUAGE["cast"](0, rows.row.dtype), smaller(m, n))
    for place, values in matrix.bands.items():
        if not place.shift:
            into = found[place.front : extents_of(values)[0] + place.front]
            found = LANGUAGE["inc_subtensor"](into, values)
    for entries in matrix.entries:
        on = LANGUAGE["eq"](entries.units, entries.where())
        values = LANGUAGE["switch"](on, entries.values, LANGUAGE["zeros_like"](entries.values))
        at = LANGUAGE["switch"](on, entries.units, 0)
        found = IncSubtensor((Slot.ARRAY,), False)(found, *map(LANGUAGE["flatten"], (values, at)))
    return rows.outside(found)
