"""Matrices with many bands, by as many products of the map as there are places for bands.

Where each element of a value reads unit vectors at distances from ``low`` to ``high`` alone, one
product is of every ``high - low + 1``-th unit vector at once, as no element reads two of these::

    seeds       1 0 0 1 0 0 1       one of each row of seeds is read by each element
                0 1 0 0 1 0 0
                0 0 1 0 0 1 0

The map of all seeds at once is as long as the map, while of k layers of neighbours the bands of
each layer are up to 2 k + 1, so that code for each band grows with the square of k (A. Curtis,
M. Powell, J. Reid, "On the Estimation of Sparse Jacobian Matrices", 1974).

The decision: for maps of many bands only; of few, one operation a band takes less.
"""

from __future__ import annotations

from collections.abc import Mapping

from gradcore.graph import Apply, Variable, as_variable, toposort
from gradcore.graph.nodes import extents_of
from gradcore.language import LANGUAGE
from gradcore.ops.diagonals import ELEMENTS
from gradcore.ops.elementwise import Elementwise
from gradcore.ops.index import IncSubtensor, Subtensor
from gradcore.ops.index_patterns import Slice
from gradcore.ops.shape_values import SpecifyShape
from gradcore.rewrite.jacobians.bands import LinearInUnit, Place, matrices_of
from gradcore.rewrite.jacobians.distances import Distances
from gradcore.rewrite.jacobians.linear_maps import LinearRows
from gradcore.scan import scan

FEW_BANDS = 7
"""How many bands the variables of a map have on average, at most, for an operation for each."""

MOST_SHIFTS = 200
"""How many bands are read off a map."""

MOST_SEEDS = 3
"""How many times as many operations on seeds as on bands take no longer: they are longer loops."""


def matrix_of(rows: LinearRows) -> LinearInUnit | None:
    """Return a matrix by its structure; None: no rule here says one."""
    found = matrix_and_steps(rows)
    return None if found is None else found[0]


def matrix_and_steps(rows: LinearRows) -> tuple[LinearInUnit, int] | None:
    """Return a matrix by its structure, and how many steps are taken for all unit vectors.

    None: no rule here says one.
    """
    found = _compressed(rows)
    if found is not None:
        return found, 0
    matrices = matrices_of(rows)
    if matrices is None:
        return None
    dense = sum(each.dense is not None and not each.blocks for each in matrices.values())
    return matrices[rows.row], dense


def _compressed(rows: LinearRows) -> LinearInUnit | None:
    """Return the bands of a matrix by products with seeds; None: it has few, or others."""
    shifts = _shifts(rows)
    if shifts is None:
        return None
    own, distances = sorted(shifts), Distances(rows.outside)
    n = extents_of(rows.row)[0]
    longer = distances.of(n) - distances.of(rows.steps)
    if not isinstance(longer, int):
        return None
    count, n = own[-1] - own[0] + 1, rows.outside(as_variable(n))
    places = LANGUAGE["arange"](rows.steps) % count
    seeds = LANGUAGE["eq"](LANGUAGE["arange"](count).dimshuffle(0, "x"), places)
    products, _ = scan(rows.from_left, LANGUAGE["cast"](seeds, rows.unit.dtype))
    found = LinearInUnit()
    for shift in own:
        front, back = max(0, -shift), max(0, longer + shift)
        size = LANGUAGE["maximum"](n - (front + back), 0)
        at = LANGUAGE["arange"](size) + front
        found.bands[Place(front, back, shift)] = Subtensor(ELEMENTS)(
            products, (at + shift) % count, at
        )
    return found


def _shifts(rows: LinearRows) -> frozenset[int] | None:
    """Return by how much bands are below the diagonal, if products with seeds take less."""
    if not rows.is_matrix:
        return None
    found = {rows.unit: frozenset({0})}
    of_bands = steps = 0
    for node in toposort([rows.row], {rows.unit}):
        if found.keys().isdisjoint(node.inputs):
            continue
        shifts = _of_output(node, found)
        if shifts is None or len(shifts) > MOST_SHIFTS:
            return None
        found[node.outputs[0]] = shifts
        of_bands += len(shifts)
        steps += 1
    own = found[rows.row]
    of_seeds = (max(own) - min(own) + 1) * steps if own else 0
    many = of_bands > FEW_BANDS * steps and of_seeds <= MOST_SEEDS * of_bands
    return own if many else None


def _of_output(node: Apply, found: Mapping[Variable, frozenset[int]]) -> frozenset[int] | None:
    """Return the shifts of an output, at least those that it has; None: it has no such."""
    op, x = node.op, node.inputs[0]
    if len(node.outputs) > 1 or node.out.ndim != 1:
        return None
    none = frozenset[int]()
    if isinstance(op, Elementwise):
        own = [v for v in node.inputs if v in found]
        same = all(v.broadcastable == node.out.broadcastable for v in own)
        return none.union(*(found[v] for v in own)) if same else None
    if isinstance(op, SpecifyShape):
        return found.get(x)
    if not isinstance(op, (Subtensor, IncSubtensor)):
        return None
    first = _first(node)
    if first is None:
        return None
    if isinstance(op, Subtensor):
        return frozenset(shift + first for shift in found[x])
    y = node.inputs[1]
    stretched = y in found and y.broadcastable[0] and not x.broadcastable[0]
    written = frozenset(shift - first for shift in found.get(y, none))
    return None if stretched else found.get(x, none) | written


def _first(node: Apply) -> int | None:
    """Return the first element of a slice that steps by one; None: it is not known, or none."""
    op = node.op
    assert isinstance(op, (Subtensor, IncSubtensor))
    if node.inputs[0].ndim != 1 or len(op.pattern) != 1 or not isinstance(op.pattern[0], Slice):
        return None
    start, _, step = op.pattern[0].bounds
    (n,) = node.inputs[0].type.shape
    if step not in (None, 1) or not isinstance(start, (int, type(None))):
        return None
    if start is not None and start < 0:
        return None if n is None else max(n + start, 0)
    return start or 0
