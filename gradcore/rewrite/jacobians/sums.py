"""Sums over unit vectors, as gradients of products with a Jacobian are: one term is all of them.

The gradient of ``u @ J @ v`` goes back through the loop over unit vectors that ``J`` is, each with
its row of the cotangent of ``J``, which is ``outer(u, v)``::

    sum over i of term(unit vector i, u[i] * v)  =  term(u, v)

where the term is linear in either.  What the loop over rows has stacked for it, such as the unit
vectors themselves, is a matrix of a linear map, and is read as the map.
"""

from __future__ import annotations

from collections.abc import Sequence

from gradcore.graph import (
    Apply,
    FunctionGraph,
    TensorType,
    Variable,
    ancestors,
    on_behalf_of,
    substitute,
)
from gradcore.graph.nodes import extents_of
from gradcore.ops.index import Subtensor
from gradcore.ops.index_patterns import Slice
from gradcore.ops.scalars import add, sub
from gradcore.ops.scan import Scan
from gradcore.rewrite.canonical.stage import same_extent
from gradcore.rewrite.engine import fitting
from gradcore.rewrite.jacobians.linear_maps import LinearRows, are_steps, is_linear, linear_rows
from gradcore.rewrite.jacobians.outer_products import outer_products
from gradcore.rewrite.loops.parts import LoopParts, State

BACKWARDS = (Slice(None, None, -1),)


def sums_over_units(graph: FunctionGraph) -> dict[Variable, Variable]:
    """Return what loops that add up terms of unit vectors are instead."""
    replaced: dict[Variable, Variable] = {}
    for node in graph.nodes:
        if isinstance(node.op, Scan):
            with on_behalf_of(node.where):
                found = _sums(node)
            new = (
                fitting(x, v, node, "jacobians") for x, v in zip(found, node.outputs, strict=False)
            )
            replaced.update(zip(node.outputs, new, strict=False))
    return replaced


def _sums(node: Apply) -> list[Variable]:
    """Return what the states of a loop are at its end; none, if they are no such sums."""
    loop = LoopParts.of(node)
    sums = all(state.is_sum for state in loop.states)
    if not loop.states or not sums or loop.stacks or loop.condition is not None:
        return []
    sequences = [_in_order(each.outer) for each in loop.sequences]
    maps: dict[Variable, LinearRows] = {}
    products: list[tuple[Variable, Sequence[tuple[Variable, Variable]]]] = []
    for each, (sequence, _) in zip(loop.sequences, sequences, strict=True):
        rows = linear_rows(sequence)
        if rows is not None and are_steps(loop.steps, rows.steps):
            maps[each.inner] = rows
        else:
            products.append((each.inner, outer_products(sequence)))
    ways = {way for _, way in sequences}
    if not maps or len(products) != 1 or len(ways) > 1:
        return []
    ((element, pairs),) = products
    terms = [(_taken(a, loop.steps, True in ways), b) for a, b in pairs]
    found = [_sum(loop, state, maps, element, terms) for state in loop.states] if terms else []
    return [v for v in found if v is not None] if None not in found else []


def _in_order(v: Variable) -> tuple[Variable, bool]:
    """Return what a sequence is the elements of, and whether from the last to the first."""
    node = v.owner
    if node is not None and isinstance(node.op, Subtensor) and node.op.pattern == BACKWARDS:
        return node.inputs[0], True
    return v, False


def _taken(v: Variable, steps: Variable, backwards: bool) -> Variable:
    """Return as many elements of a vector as there are steps, the last ones or the first ones."""
    (n,) = extents_of(v)
    if same_extent(steps, n):
        return v
    return v[n - steps :] if backwards else v[:steps]


def _sum(
    loop: LoopParts,
    state: State,
    maps: dict[Variable, LinearRows],
    element: Variable,
    terms: Sequence[tuple[Variable, Variable]],
) -> Variable | None:
    """Return what a state is at the end; None: its terms are not linear in what they read."""
    made = state.new.owner
    if made is None or made.op not in (add, sub) or len(made.inputs) != 2:
        return None
    before, term = made.inputs
    if made.op is add and term is state.inner:
        before, term = term, before
    if before is not state.inner:
        return None
    if not {s.inner for s in loop.states}.isdisjoint(ancestors([term])):
        return None
    first = next(iter(maps.values()))
    unit = Variable(TensorType(first.unit.dtype, (None,)))
    given = {each.inner: each.outer for each in loop.constants}
    for inner, rows in maps.items():
        row = rows.from_left(unit)
        if row is None:
            return None
        given[inner] = row
    (whole,) = substitute([term], given)
    if not (is_linear(whole, unit, {}) and is_linear(whole, element, {})):
        return None
    total = state.initial
    for a, b in terms:
        (value,) = substitute([whole], {unit: a, element: b})
        total = made.op(total, value)
    return total
