"""One loop for several that take the same steps."""

from __future__ import annotations

from gradcore.graph import (
    Apply,
    FunctionGraph,
    substitute,
)
from gradcore.ops.scan import Scan
from gradcore.rewrite.engine import Pass
from gradcore.rewrite.loops.parts import Input, Loop, State


def _merge_scans(graph: FunctionGraph) -> FunctionGraph:
    while True:
        pair = _mergeable(graph)
        if pair is None:
            return graph
        graph = _merged(graph, *pair)


def _mergeable(graph: FunctionGraph) -> tuple[Apply, Apply] | None:
    """Return two scans that can run as one: as many steps, neither needing the other."""
    above: dict[Apply, frozenset[Apply]] = {}
    scans: list[Apply] = []
    for node in graph.nodes:
        owners = {v.owner for v in node.inputs if v.owner is not None and v.owner in above}
        mine = frozenset(owner for owner in owners if isinstance(owner.op, Scan))
        above[node] = mine.union(*(above[owner] for owner in owners))
        if isinstance(node.op, Scan):
            for other in scans:
                if other not in above[node] and _fit(other, node):
                    return other, node
            scans.append(node)
    return None


def _fit(a: Apply, b: Apply) -> bool:
    """Return whether two scans take the same steps over something they share."""
    left, right = Loop.of(a), Loop.of(b)
    if left.steps is not right.steps:
        return False
    if left.condition is None and right.condition is None:
        return bool(set(a.inputs[1:]) & set(b.inputs[1:]))
    # Loops that stop by themselves are one only if all but their stacks is the same.
    if left.condition is None or right.condition is None or a.inputs != b.inputs:
        return False
    return _without_stacks(left) == _without_stacks(right)


def _without_stacks(loop: Loop) -> FunctionGraph:
    inputs = (each.inner for each in (*loop.sequences, *loop.states, *loop.constants))
    assert loop.condition is not None
    return FunctionGraph(tuple(inputs), (*(s.new for s in loop.states), loop.condition))


def _merged(graph: FunctionGraph, a: Apply, b: Apply) -> FunctionGraph:
    left, right = Loop.of(a), Loop.of(b)
    fresh = {
        each.inner: each.inner.clone()
        for each in (*right.sequences, *right.states, *right.constants)
    }
    right.substitute(fresh)
    m, n = len(left.states), len(left.stacks)
    left.sequences += [Input(fresh[each.inner], each.outer) for each in right.sequences]
    left.constants += [Input(fresh[each.inner], each.outer) for each in right.constants]
    left.states += [State(fresh[s.inner], s.initial, s.new, s.is_sum) for s in right.states]
    left.stacks += right.stacks
    built = left.build()
    op_a, op_b = a.op, b.op
    assert isinstance(op_a, Scan) and isinstance(op_b, Scan)
    of_a, of_b = op_a.results(a.outputs), op_b.results(b.outputs)
    replaced = dict(zip((*of_a.states, *of_b.states), built.states, strict=True))
    replaced.update(zip((*of_a.stacks, *of_b.stacks), built.stacks, strict=True))
    for taken in (of_a.condition, of_b.condition):
        if taken is not None and built.taken is not None:
            replaced[taken] = built.taken
    assert (m, n) == (len(of_a.states), len(of_a.stacks))
    return FunctionGraph(graph.inputs, tuple(substitute(graph.outputs, replaced)))


merge_scans = Pass("merge_scans", _merge_scans)
