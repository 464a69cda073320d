"""What only one branch of an ``ifelse`` needs goes into a graph of its own, run if it is taken.

This is the one pass that always runs: it is what makes ``ifelse`` lazy, on every backend.
"""

from __future__ import annotations

from collections.abc import Sequence

from gradcore.graph import Apply, Constant, FunctionGraph, Variable, substitute, toposort
from gradcore.language import LANGUAGE
from gradcore.ops.control import Conditional, IfElse
from gradcore.rewrite.engine import Pass


def _enclose(graph: FunctionGraph) -> FunctionGraph:
    graph = _merge(graph)
    while True:
        node = next(
            (
                n
                for n in reversed(graph.nodes)
                if isinstance(n.op, IfElse) and any(_exclusive(graph, n))
            ),
            None,
        )
        if node is None:
            return graph
        then, orelse = _exclusive(graph, node)
        n = len(node.outputs)
        operands = _operands(node.inputs[1:], then | orelse)
        inner = {v: Variable(v.type, v.name) for v in operands}
        graphs = [
            FunctionGraph(tuple(inner.values()), tuple(substitute(branch, inner)))
            for branch in (node.inputs[1 : n + 1], node.inputs[n + 1 :])
        ]
        conditional = Conditional(*map(_enclose, graphs)).make_node(node.inputs[0], *operands)
        replaced = dict(zip(node.outputs, conditional.outputs, strict=True))
        graph = FunctionGraph(graph.inputs, tuple(substitute(graph.outputs, replaced)))


def lazy_nodes(graph: FunctionGraph) -> set[Apply]:
    """Return the nodes that only a branch of an ``ifelse`` needs: they may never run, nor raise."""
    choices = [node for node in graph.nodes if isinstance(node.op, IfElse)]
    return set[Apply]().union(*(nodes for n in choices for nodes in _exclusive(graph, n)))


def _exclusive(graph: FunctionGraph, node: Apply) -> tuple[set[Apply], set[Apply]]:
    """Return the nodes that only the first, and that only the second branch of ``node`` needs."""
    n = len(node.outputs)
    found: list[set[Apply]] = []
    for mine, other in (
        (slice(1, n + 1), slice(n + 1, None)),
        (slice(n + 1, None), slice(1, n + 1)),
    ):
        elsewhere = {node.inputs[0], *node.inputs[other], *graph.outputs}
        nodes: set[Apply] = set()
        for candidate in reversed(toposort(node.inputs[mine], graph.inputs)):
            readers = [r for v in candidate.outputs for r in graph.readers.get(v, ())]
            alone = all(r is node or r in nodes for r in readers)
            if alone and not elsewhere.intersection(candidate.outputs):
                nodes.add(candidate)
        found.append(nodes)
    return found[0], found[1]


def _operands(branches: Sequence[Variable], inside: set[Apply]) -> list[Variable]:
    """Return what the branches read from outside."""
    found: dict[Variable, None] = {}
    stack = list(branches)
    seen: set[Variable] = set()
    while stack:
        v = stack.pop()
        if v in seen or isinstance(v, Constant):
            continue
        seen.add(v)
        if v.owner is not None and v.owner in inside:
            stack.extend(v.owner.inputs)
        else:
            found[v] = None
    return list(found)


def _merge(graph: FunctionGraph) -> FunctionGraph:
    """Make one ``ifelse`` of two that have one condition, where neither needs the other."""
    while True:
        pair = _mergeable(graph)
        if pair is None:
            return graph
        a, b = pair
        m, n = len(a.outputs), len(b.outputs)
        joint = IfElse(m + n).make_node(
            a.inputs[0],
            *a.inputs[1 : m + 1],
            *b.inputs[1 : n + 1],
            *a.inputs[m + 1 :],
            *b.inputs[n + 1 :],
        )
        replaced = dict(zip((*a.outputs, *b.outputs), joint.outputs, strict=True))
        graph = FunctionGraph(graph.inputs, tuple(substitute(graph.outputs, replaced)))


def _mergeable(graph: FunctionGraph) -> tuple[Apply, Apply] | None:
    choices = [node for node in graph.nodes if isinstance(node.op, IfElse)]
    for k, a in enumerate(choices):
        for b in choices[k + 1 :]:
            if a.inputs[0] is b.inputs[0] and a not in toposort(b.inputs, graph.inputs):
                return a, b
    return None


def _example(x: Variable) -> Variable:
    """Return what one of two branches computes."""
    return LANGUAGE["ifelse"](LANGUAGE["all"](x > 1), LANGUAGE["exp"](x), x * 2.0)


enclose_branches = Pass("enclose_branches", _enclose, examples=(_example,))
