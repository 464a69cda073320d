"""Which nodes run only if a branch of an ``ifelse`` is taken.

A node is *guarded* by a branch if all that needs it reads it through that branch of some ``ifelse``
on one condition.  There may be several of them: one that the user wrote, and those that a
derivative makes on its condition::

    y = ifelse(c, f(h(x)), g(x))            h(x) is guarded by (c, true): two choices read it,
    dx = ifelse(c, dy * f'(h(x)), ...)      both in that branch

It may also be needed in several *cases*, each of which is some guards that hold together::

    y = ifelse(c, h(x), x) * ifelse(d, h(x), x)        h(x) is needed if c, or if d

What a loop reads in such a branch of its body alone is guarded, too, if the condition is the same
at each step.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from gradcore.derive.cases import Cases, Guards, any_of, both, common
from gradcore.graph import Apply, FunctionGraph, Variable
from gradcore.ops.control import Conditional, IfElse
from gradcore.ops.loop import Loop


def lazy_nodes(graph: FunctionGraph) -> set[Apply]:
    """Return the nodes that only branches of ``ifelse`` need: they may never run, nor raise."""
    if not chooses(graph):
        return set()
    found = cases_of_variables(graph)
    return {node for node in graph.nodes if all(cases_of_node(node, found))}


def guards_of_nodes(
    graph: FunctionGraph, always: Sequence[Variable] = (), joined: Collection[Apply] = ()
) -> dict[Apply, Guards]:
    """Return the guards of each node, which all of its cases have in common.

    always, joined : as those of `cases_of_variables`.
    """
    if not chooses(graph):
        return {node: {} for node in graph.nodes}
    found = cases_of_variables(graph, always, joined)
    return {node: common(cases_of_node(node, found)) for node in graph.nodes}


def cases_of_variables(
    graph: FunctionGraph, always: Sequence[Variable] = (), joined: Collection[Apply] = ()
) -> dict[Variable, Cases]:
    """Return the cases in which each variable that is read is needed, inputs among them.

    always : what is needed always, as outputs are.
    joined : nodes that are needed wherever the guards hold that their cases have in common.
    """
    found: dict[Variable, Cases] = {v: [{}] for v in (*graph.outputs, *always)}
    for node in reversed(graph.nodes):
        cases = cases_of_node(node, found, joined)
        inner = dict(_reading(node))
        for i, v in enumerate(node.inputs):
            read = both(cases, inner[i]) if i in inner else cases
            found[v] = any_of([*found[v], *read]) if v in found else read
    return found


def cases_of_node(
    node: Apply, found: dict[Variable, Cases], joined: Collection[Apply] = ()
) -> Cases:
    """Return the cases in which a node is needed, given those of its outputs.

    A node that computes a condition is not guarded by it: the choice reads it outside of branches.
    Neither is a `Conditional` on it, which computes nothing in the other branch as it is, unless
    another condition guards it, too: that one may be known in the branch alone.
    """
    cases = any_of([case for v in node.outputs for case in found.get(v, ())])
    own = isinstance(node.op, Conditional) and all(
        c is node.inputs[0] for case in cases for c, _ in case
    )
    return [{}] if own else [common(cases)] if node in joined else cases


# what nodes read --------------------------------------------------------------------------------
def _reading(node: Apply) -> Iterator[tuple[int, Cases]]:
    """Yield the operands that a node reads in branches alone, by number, and in which."""
    op = node.op
    if isinstance(op, IfElse):
        for i in range(1, len(node.inputs)):
            yield i, [{(node.inputs[0], i <= op.outputs): None}]
    elif isinstance(op, Conditional):
        for i, pair in enumerate(zip(op.then.inputs, op.orelse.inputs, strict=True), 1):
            then, orelse = map(_is_read, op.graphs, pair)
            if then != orelse:
                yield i, [{(node.inputs[0], then): None}]
    elif isinstance(op, Loop) and any(map(chooses, op.graphs)):
        inside = cases_of_variables(op.body)
        constants = op.parts(op.body.inputs).constants
        outer = dict(zip(op.body.inputs, node.inputs[1:], strict=True))
        for i, v in enumerate(op.body.inputs, 1):
            if v in constants and v in inside:
                yield i, any_of([
                    {(outer[c], side): None for c, side in case if c in constants}
                    for case in inside[v]
                ])  # fmt: skip


def _is_read(graph: FunctionGraph, v: Variable) -> bool:
    return v in graph.readers or v in graph.outputs


def chooses(graph: FunctionGraph) -> bool:
    """Return whether a graph, or one inside of it, has a choice."""
    for node in graph.nodes:
        op = node.op
        if isinstance(op, (IfElse, Conditional)) or any(map(chooses, op.graphs)):
            return True
    return False
