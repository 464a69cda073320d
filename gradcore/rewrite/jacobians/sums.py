"""Sums over unit vectors, as gradients of products with a Jacobian are: one term is all of them.

The gradient of ``u @ J @ v`` goes back through the loop over unit vectors that ``J`` is, each with
its row of the cotangent of ``J``, which is ``outer(u, v)``::

    sum over i of term(unit vector i, u[i] * v)  =  term(u, v)

where the term is linear in either.  Where ``J`` is multiplied in the steps of a loop, its cotangent
is a sum over these steps, ``sum over t of outer(u[t], v[t])``, and so are the terms, if that takes
less than those of all unit vectors (`costs`)::

    sum over i of term(unit vector i, sum over t of u[t, i] * v[t])
        = sum over t of term(u[t], v[t])

What the loop over rows has stacked for it, such as the unit
vectors themselves, is a matrix of a linear map, and is read as the map.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

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
from gradcore.graph.traverse import infer_shapes
from gradcore.language import LANGUAGE
from gradcore.ops.control import IfElse
from gradcore.ops.elementwise import Elementwise
from gradcore.ops.index import Subtensor
from gradcore.ops.index_patterns import Slice
from gradcore.ops.scalars import add, mul, neg, sub
from gradcore.ops.scan import Scan
from gradcore.ops.shape import DimShuffle
from gradcore.rewrite.canonical.stage import is_made_by, is_zero, same_extent
from gradcore.rewrite.engine import fitting
from gradcore.rewrite.jacobians.costs import takes_less
from gradcore.rewrite.jacobians.linear_maps import LinearRows, are_steps, is_linear, linear_rows
from gradcore.rewrite.jacobians.outer_products import outer_products
from gradcore.rewrite.loops.parts import LoopParts, State
from gradcore.scan.builder import LoopBuilder

BACKWARDS = (Slice(None, None, -1),)

Terms: TypeAlias = Callable[[Variable, Variable], list[Variable]]
"""Returns the terms of the outer product of two vectors."""


def sums_over_units(graph: FunctionGraph) -> dict[Variable, Variable]:
    """Return what loops that add up terms of unit vectors are instead."""
    replaced: dict[Variable, Variable] = {}
    for node in graph.nodes:
        if isinstance(node.op, Scan):
            with on_behalf_of(node.where):
                found = _sums(node, graph.outputs)
            new = (
                fitting(x, v, node, "jacobians") for x, v in zip(found, node.outputs, strict=False)
            )
            replaced.update(zip(node.outputs, new, strict=False))
    return replaced


def _sums(node: Apply, outputs: Sequence[Variable]) -> list[Variable]:
    """Return what the states of a loop are at its end; none, if they are no such sums.

    outputs : those of the graph.
    """
    loop = LoopParts.of(node)
    sums = all(state.is_sum for state in loop.states)
    if not loop.states or not sums or loop.stacks or loop.condition is not None:
        return []
    sequences = [_in_order(each.outer) for each in loop.sequences]
    maps: dict[Variable, LinearRows] = {}
    products: list[tuple[Variable, Variable]] = []
    for each, (sequence, _) in zip(loop.sequences, sequences, strict=True):
        rows = linear_rows(sequence)
        if rows is not None and are_steps(loop.steps, rows.steps):
            maps[each.inner] = rows
        else:
            products.append((each.inner, sequence))
    ways = {way for _, way in sequences}
    if not maps or len(products) != 1 or len(ways) > 1:
        return []
    ((element, matrix),) = products
    unit = Variable(TensorType(next(iter(maps.values())).unit.dtype, (None,)))
    terms = [_term(loop, state, maps, unit, element) for state in loop.states]
    own = [term for term in terms if term is not None]
    if len(own) < len(terms):
        return []

    def at(a: Variable, b: Variable) -> list[Variable]:
        """Return the terms of an outer product."""
        taken = {unit: _taken(a, loop.steps, True in ways), element: b}
        return substitute([term for _, term in own], taken)

    ops = [op for op, _ in own]
    totals: list[Variable] = [state.initial for state in loop.states]
    loops: dict[Apply, list[tuple[Variable | None, int]]] = {}
    for number, part in _summands(matrix):
        pairs = outer_products(part)
        for a, b in pairs:
            values = at(a if number is None else number * a, b)
            totals = [op(v, z) for op, v, z in zip(ops, totals, values, strict=True)]
        if not pairs:
            if part.owner is None or _sum_of_loop(part) is None:
                return []
            loops.setdefault(part.owner, []).append((number, part.index))
    for each, states in loops.items():
        totals = _over_steps(each, states, ops, totals, at)
        if not totals:
            return []
    if not loops:
        return totals
    stacks = {v for v, _ in sequences for v in (v.owner.outputs if v.owner else ())}
    built = not stacks.isdisjoint(outputs)
    return _chosen(totals, list(node.outputs), () if built else stacks - {matrix})


def _summands(matrix: Variable) -> list[tuple[Variable | None, Variable]]:
    """Return what a matrix is the sum of, and by what number each is multiplied, if by any.

    These are what is added, and what loops add up from zeros.
    """
    found: list[tuple[Variable | None, Variable]] = []
    pending: list[tuple[Variable | None, Variable]] = [(None, matrix)]
    while pending:
        number, v = pending.pop()
        made = v.owner
        op = None if made is None or outer_products(v) else made.op
        if made is not None and op is add:
            pending += [(number, x) for x in made.inputs]
            continue
        if made is not None and op is mul:
            own, x = sorted(made.inputs, key=lambda v: not all(v.broadcastable))
            if all(own.broadcastable) and x.type == v.type:
                own = DimShuffle(())(own)
                pending.append((own if number is None else own * number, x))
                continue
        if not is_zero(v):
            found.append((number, v))
            state = _sum_of_loop(v)
            pending += [] if state is None else [(number, state[1].initial)]
    return found


def _sum_of_loop(v: Variable) -> tuple[LoopParts, State] | None:
    """Return the loop that adds terms up to ``v``, and the state that it is at the end."""
    loop = LoopParts.of(v.owner) if v.owner is not None and is_made_by(v, Scan) else None
    if loop is None or v.index >= len(loop.states) or not loop.states[v.index].is_sum:
        return None
    return loop, loop.states[v.index]


def _over_steps(
    node: Apply,
    sums: Sequence[tuple[Variable | None, int]],
    ops: Sequence[Elementwise],
    initial: Sequence[Variable],
    at: Terms,
) -> list[Variable]:
    """Return sums of the terms of matrices that a loop adds up from outer products.

    None, if they are no such.

    sums : which states of the loop they are, and by what number each is multiplied.
    ops : whether terms are added, or subtracted.
    at : returns the terms of an outer product.
    """
    loop, n = LoopParts.of(node), len(initial)
    before, numbers = len(loop.stacks), list[Variable | None]()
    for number, k in sums:
        added = _added(loop.states[k])
        pairs = [] if added is None else outer_products(added[1])
        if added is None or not pairs:
            return []
        numbers += [number] * len(pairs)
        for a, b in pairs:
            loop.stacks += [neg(a) if added[0] is sub else a, b]

    def step(*given: Variable) -> list[Variable]:
        vectors, totals = given[:-n], list(given[-n:])
        for number, a, b in zip(numbers, vectors[::2], vectors[1::2], strict=True):
            own = at(a if number is None else number * a, b)
            totals = [op(v, z) for op, v, z in zip(ops, totals, own, strict=True)]
        return totals

    stacks = loop.build().stacks[before:]
    over = LoopBuilder(step, stacks, list(initial), None, None, False, False, None)
    return over.build(-1)[:n]


def _chosen(
    new: list[Variable], old: list[Variable], unbuilt: Iterable[Variable]
) -> list[Variable]:
    """Return the variables of either list, those that take less; none, if these are the old.

    unbuilt : what a loop over unit vectors stacks, which the new variables do not need, as they
        only multiply a Jacobian.
    """
    own = list(unbuilt)
    free = (
        LANGUAGE["alloc"](LANGUAGE["cast"](0, v.dtype), *shape)
        for v, shape in zip(own, infer_shapes(own), strict=True)
    )
    counted = substitute(new, dict(zip(own, free, strict=True)))
    less = takes_less(
        *(functools.reduce(add, map(LANGUAGE["sum"], each)) for each in (counted, old))
    )
    if isinstance(less, bool):
        return new if less else []
    found = IfElse(len(new))(less, *new, *old)
    return [found] if len(new) == 1 else list(found)


def _added(state: State) -> tuple[Elementwise, Variable] | None:
    """Return what a step adds to a state, or subtracts; None: it does neither."""
    made = state.new.owner
    op = next((op for op in (add, sub) if made is not None and made.op is op), None)
    if made is None or op is None or len(made.inputs) != 2:
        return None
    before, term = made.inputs
    if op is add and term is state.inner:
        before, term = term, before
    return None if before is not state.inner else (op, term)


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


def _term(
    loop: LoopParts,
    state: State,
    maps: Mapping[Variable, LinearRows],
    unit: Variable,
    element: Variable,
) -> tuple[Elementwise, Variable] | None:
    """Return what is added to a state, or subtracted, for any vector in place of a unit vector.

    None: it is not linear in it, and in an element of the other sequence.
    """
    added = _added(state)
    if added is None or not {s.inner for s in loop.states}.isdisjoint(ancestors([added[1]])):
        return None
    given = {each.inner: each.outer for each in loop.constants}
    for inner, rows in maps.items():
        row = rows.from_left(unit)
        if row is None:
            return None
        given[inner] = row
    (whole,) = substitute([added[1]], given)
    linear = is_linear(whole, unit, {}) and is_linear(whole, element, {})
    return (added[0], whole) if linear else None
