"""Elements of a Jacobian at indices along both of its axes, where the Jacobian is not built.

=====================================  ===================================================
as written                             as it runs
=====================================  ===================================================
``J[i, k]``, ``J`` with bands          what each band has there
``J[i, k]``, ``J`` with entries        the sums of the entries there
``J[i, k]``, ``J`` dense               the diagonal of ``J[i][:, k]``
``J[i[:, None], k]``, ``J[ix_(...)]``  ``J[i][:, k]``, as many rows, or columns, as are taken
``J[i, 2]``, ``J[2, k]``               elements of a column, or of a row
=====================================  ===================================================
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping
from dataclasses import dataclass

from gradcore.graph import Apply, Extent, Variable, as_variable
from gradcore.graph.extents import in_int64, product, smaller
from gradcore.graph.nodes import constant_extent, extents_of
from gradcore.language import LANGUAGE
from gradcore.ops.diagonals import ELEMENTS
from gradcore.ops.index import Subtensor
from gradcore.ops.index_patterns import Slot
from gradcore.ops.loop import Seeds
from gradcore.rewrite.jacobians.compressed import matrix_of
from gradcore.rewrite.jacobians.expressions import WHOLE, Expressions, reshaped
from gradcore.rewrite.jacobians.linear_maps import LinearRows, in_normal_form
from gradcore.rewrite.jacobians.smaller import smaller as smaller_part

AT_INDICES = Subtensor((Slot.ARRAY,))
COLUMNS = Subtensor((WHOLE, Slot.ARRAY))


@dataclass(frozen=True)
class Elements:
    """What is taken of a matrix by arrays of indices.

    matrix : the matrix.
    rows, columns : the indices, which broadcast.
    shape : that of the result.
    """

    matrix: Variable
    rows: Variable
    columns: Variable
    shape: tuple[Extent, ...]

    def axes(self) -> tuple[list[int], list[int]]:
        """Return along which axes of the result the row, and the column, may differ."""
        rank = len(self.shape)

        def of(v: Variable) -> list[int]:
            return [rank - v.ndim + axis for axis, one in enumerate(v.broadcastable) if not one]

        return of(self.rows), of(self.columns)

    def is_grid(self) -> bool:
        """Return whether elements are those of each row and each column that is taken."""
        rows, columns = self.axes()
        return not rows or not columns or rows[-1] < columns[0] or columns[-1] < rows[0]


def elements_taken(node: Apply, known: Mapping[Variable, int]) -> Elements | None:
    """Return what a node takes of a matrix by indices along both axes; None: it takes other parts.

    known : expressions, and how many of their axes are rows.
    """
    if not isinstance(node.op, Subtensor) or node.op.pattern != ELEMENTS:
        return None
    matrix, rows, columns = node.inputs
    if known.get(matrix) != 1 or matrix.ndim != 2 or rows in known or columns in known:
        return None
    return Elements(matrix, rows, columns, tuple(node.shapes[0]))


def of_sparse(taken: Elements, rows: LinearRows) -> tuple[Variable, bool | Variable] | None:
    """Return elements of a sparse matrix, and whether they take more than all of it.

    None: it is not known to be sparse.
    """
    matrix = matrix_of(rows)
    if matrix is None or matrix.dense is not None:
        return None
    (m, n), count = rows.shape(), product(taken.shape)
    i, k = (in_int64(v) for v in (taken.rows, taken.columns))
    i, k = (LANGUAGE["switch"](LANGUAGE["lt"](v, 0), v + e, v) for v, e in ((i, m), (k, n)))
    zero = LANGUAGE["cast"](0, rows.row.dtype)
    terms: list[Variable] = []
    for place, values in matrix.bands.items():
        size, at = extents_of(values)[0], k - place.front if place.front else k
        there = LANGUAGE["and_"](LANGUAGE["ge"](at, 0), LANGUAGE["lt"](at, size))
        on = LANGUAGE["and_"](LANGUAGE["eq"](i - k, place.shift), there)
        padded = LANGUAGE["concatenate"]([values, LANGUAGE["alloc"](zero, 1)])
        terms.append(AT_INDICES(padded, LANGUAGE["switch"](on, at, size)))
    reads: list[Extent] = []
    for entries in matrix.entries:
        units, values, elements = (
            LANGUAGE["flatten"](v) for v in (entries.units, entries.values, entries.where())
        )
        of_each = (v.dimshuffle(*range(v.ndim), "x") for v in (i, k))
        same = map(LANGUAGE["eq"], of_each, (units, elements))
        at = LANGUAGE["switch"](functools.reduce(LANGUAGE["and_"], same), values, zero)
        terms.append(at.sum(-1))
        reads.append(extents_of(units)[0])
    found = functools.reduce(operator.add, terms) if terms else zero
    found = LANGUAGE["alloc"](rows.outside(found), *taken.shape)
    return found, exceeds(rows.outside(as_variable(count * sum(reads, 1))), m * n)


def of_part(
    taken: Elements, of: Expressions, seeds: Seeds | None
) -> tuple[Variable, bool | Variable]:
    """Return elements of a matrix of fewer rows or columns, and whether it has no less of them.

    seeds : how its loop may be computed.

    Raises Whole.
    """
    i, k = taken.rows, taken.columns
    if not taken.is_grid():
        i, k = (LANGUAGE["alloc"](v, *taken.shape) for v in (i, k))
    i, k = map(LANGUAGE["flatten"], (i, k))
    rows = AT_INDICES(taken.matrix, i)
    part = COLUMNS(rows, k)
    known = {**of.rows, rows: 1}
    assert part.owner is not None
    found = smaller_part(part.owner, Expressions(of.maps, known), seeds)
    fewest = smaller(*(product(extents_of(v)) for v in (i, k)))
    more = exceeds(fewest, smaller(*of.shape(taken.matrix)))
    if not taken.is_grid():
        each = LANGUAGE["arange"](extents_of(i)[0])
        found = Subtensor(ELEMENTS)(found, each, each)
    else:
        own, others = taken.axes()
        found = found.T if own and others and others[0] < own[0] else found
    return reshaped(found, taken.shape), more


def exceeds(number: Extent, other: Extent) -> bool | Variable:
    """Return whether a number is larger than another one, if that is known when it is compiled.

    A number that is written counts as less than one that is not.
    """
    a, b = in_normal_form(number, other)
    known, bound = constant_extent(a), constant_extent(b)
    if known is not None:
        return bound is not None and known > bound
    return LANGUAGE["gt"](a, b)


def of_row_or_column(node: Apply, known: Mapping[Variable, int]) -> tuple[Apply, Variable] | None:
    """Return what takes a row, or a column, of a matrix, and the indices of its elements.

    None: that is not what the node takes.
    """
    op, matrix = node.op, node.inputs[0]
    if not isinstance(op, Subtensor) or len(op.pattern) != 2 or known.get(matrix) != 1:
        return None
    arrays = [entry is Slot.ARRAY for entry in op.pattern]
    numbers = [isinstance(entry, int) or entry is Slot.SCALAR for entry in op.pattern]
    if matrix.ndim != 2 or sum(arrays) != 1 or sum(numbers) != 1:
        return None
    pattern = tuple(WHOLE if entry is Slot.ARRAY else entry for entry in op.pattern)
    own = [v for v in node.inputs[1:] if not v.ndim]
    (indices,) = (v for v in node.inputs[1:] if v.ndim)
    vector = Subtensor(pattern)(matrix, *own).owner
    assert vector is not None
    return vector, indices
