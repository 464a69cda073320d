"""Which nodes run only if a branch of an ``ifelse`` is taken.

A node is *guarded* by a branch if all that needs it reads it through that branch of some ``ifelse``
on one condition.  There may be several of them: one that the user wrote, and those that a
derivative makes on its condition::

    y = ifelse(c, f(h(x)), g(x))            h(x) is guarded by (c, true): two choices read it,
    dx = ifelse(c, dy * f'(h(x)), ...)      both in that branch

What a loop reads in such a branch of its body alone is guarded, too, if the condition is the same
at each step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from gradcore.graph import Apply, FunctionGraph, Variable
from gradcore.ops.control import Conditional, IfElse
from gradcore.ops.loop import Loop

Guard: TypeAlias = tuple[Variable, bool]
"""The condition of a choice, and which of its branches: the one for a true condition?"""

Guards: TypeAlias = dict[Guard, None]
"""Guards, in order."""


def lazy_nodes(graph: FunctionGraph) -> set[Apply]:
    """Return the nodes that only a branch of an ``ifelse`` needs: they may never run, nor raise."""
    return {node for node, guards in guards_of_nodes(graph).items() if guards}


def guards_of_nodes(graph: FunctionGraph) -> dict[Apply, Guards]:
    """Return the guards of each node.

    A node that computes a condition is not guarded by it: the choice reads it outside of branches.
    Neither is a `Conditional` on it, which computes nothing in the other branch as it is, unless
    another condition guards it, too: that one may be known in the branch alone.
    """
    if not _chooses(graph):
        return {node: {} for node in graph.nodes}
    found = _guards_of_variables(graph)
    return {node: _guards_of(node, found) for node in graph.nodes}


def _guards_of_variables(graph: FunctionGraph) -> dict[Variable, Guards]:
    """Return the guards of all variables that are read, inputs among them."""
    found: dict[Variable, Guards] = {v: {} for v in graph.outputs}
    for node in reversed(graph.nodes):
        guards = _guards_of(node, found)
        inner = dict(_reading(node))
        for i, v in enumerate(node.inputs):
            read = {**guards, **inner[i]} if i in inner else guards
            found[v] = _common([found[v], read]) if v in found else read
    return found


def _guards_of(node: Apply, found: dict[Variable, Guards]) -> Guards:
    guards = _common([found[v] for v in node.outputs if v in found])
    own = isinstance(node.op, Conditional) and all(c is node.inputs[0] for c, _ in guards)
    return {} if own else guards


def _common(several: Sequence[Guards]) -> Guards:
    first, *others = several
    return {guard: None for guard in first if all(guard in other for other in others)}


def _reading(node: Apply) -> Iterator[tuple[int, Guards]]:
    """Yield the operands that a node reads in branches alone, by number, and in which."""
    op = node.op
    if isinstance(op, IfElse):
        for i in range(1, len(node.inputs)):
            yield i, {(node.inputs[0], i <= op.outputs): None}
    elif isinstance(op, Conditional):
        for i, pair in enumerate(zip(op.then.inputs, op.orelse.inputs, strict=True), 1):
            then, orelse = map(_is_read, op.graphs, pair)
            if then != orelse:
                yield i, {(node.inputs[0], then): None}
    elif isinstance(op, Loop) and any(map(_chooses, op.graphs)):
        inside = _guards_of_variables(op.body)
        constants = op.parts(op.body.inputs).constants
        outer = dict(zip(op.body.inputs, node.inputs[1:], strict=True))
        for i, v in enumerate(op.body.inputs, 1):
            guards = {(outer[c], side): None for c, side in inside.get(v, ()) if c in constants}
            if v in constants and guards:
                yield i, guards


def _is_read(graph: FunctionGraph, v: Variable) -> bool:
    return v in graph.readers or v in graph.outputs


def _chooses(graph: FunctionGraph) -> bool:
    """Return whether a graph, or one inside of it, has a choice."""
    return any(
        isinstance(node.op, (IfElse, Conditional)) or any(map(_chooses, node.op.graphs))
        for node in graph.nodes
    )
