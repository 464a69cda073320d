"""One loop for several that take the same steps."""

from __future__ import annotations

from functools import reduce
from typing import TypeAlias

from gradcore.graph import (
    Apply,
    FunctionGraph,
    Variable,
    ancestors,
    substitute,
)
from gradcore.ops.control import IfElse
from gradcore.ops.scan import Scan
from gradcore.rewrite.engine import Pass
from gradcore.rewrite.loops import examples
from gradcore.rewrite.loops.parts import Input, LoopParts, State

Branches: TypeAlias = "frozenset[tuple[Variable, bool]]"
"""Branches of choices: their conditions, and whether these hold."""


def _merge_scans(graph: FunctionGraph) -> FunctionGraph:
    while True:
        pair = _mergeable(graph)
        if pair is None:
            return graph
        graph = _merged(graph, *pair)


def _mergeable(graph: FunctionGraph) -> tuple[Apply, Apply] | None:
    """Return two scans that can run as one: as many steps, neither needing the other.

    Both are needed by the same branches of choices: else one would run that is not.
    """
    needed = _needed_by(graph)
    above: dict[Apply, frozenset[Apply]] = {}
    scans: list[Apply] = []
    for node in graph.nodes:
        owners = {v.owner for v in node.inputs if v.owner is not None and v.owner in above}
        mine = frozenset(owner for owner in owners if isinstance(owner.op, Scan))
        above[node] = mine.union(*(above[owner] for owner in owners))
        if isinstance(node.op, Scan):
            for other in scans:
                alike = other not in above[node] and needed[other] == needed[node]
                if alike and _fit(other, node):
                    return other, node
            scans.append(node)
    return None


def _needed_by(graph: FunctionGraph) -> dict[Apply, Branches]:
    """Return the branches of choices without which a loop is not needed."""
    found: dict[Variable, Branches] = dict.fromkeys(graph.outputs, frozenset())
    loops: dict[Apply, Branches] = {}
    for node in reversed(graph.nodes):
        own = reduce(lambda a, b: a & b, (found[v] for v in node.outputs if v in found))
        if isinstance(node.op, Scan):
            loops[node] = own
        for i, v in enumerate(node.inputs):
            branch = own
            if isinstance(node.op, IfElse) and i:
                branch = own | {(node.inputs[0], i <= node.op.outputs)}
            found[v] = found[v] & branch if v in found else branch
    return loops


def _fit(a: Apply, b: Apply) -> bool:
    """Return whether two scans take the same steps over something they share."""
    left, right = LoopParts.of(a), LoopParts.of(b)
    if left.steps is not right.steps or left.op.replayed != right.op.replayed:
        return False
    if left.op.seeds != right.op.seeds:
        return False
    if left.condition is None and right.condition is None:
        return bool(set(a.inputs[1:]) & set(b.inputs[1:]))
    if left.condition is None or right.condition is None:
        return False
    return _stopping(left, left.condition) == _stopping(right, right.condition)


def _stopping(loop: LoopParts, condition: Variable) -> tuple[FunctionGraph, list[Variable]]:
    """Return what decides when a loop stops, and what that reads outside.

    Equal graphs are walked in the same order, so loops that decide alike read alike.
    """
    inputs = {each.inner: each for each in (*loop.sequences, *loop.constants)}
    states = {state.inner: state for state in loop.states}
    outputs = [condition]
    found: dict[Variable, Variable] = {}
    for output in outputs:
        for v in ancestors([output]):
            if v in states and v not in found:
                found[v] = states[v].initial
                outputs.append(states[v].new)
            elif v in inputs:
                found[v] = inputs[v].outer
    return FunctionGraph(tuple(found), tuple(outputs)), list(found.values())


def _merged(graph: FunctionGraph, a: Apply, b: Apply) -> FunctionGraph:
    left, right = LoopParts.of(a), LoopParts.of(b)
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


merge_scans = Pass("merge_scans", _merge_scans, examples=(examples.two_loops,))
