"""What only one branch of an ``ifelse`` needs goes into a graph of its own, run if it is taken.

This is the one pass that always runs: it is what makes ``ifelse`` lazy, on every backend.

Several choices may read what one of their branches needs (see `gradcore.ops.guards`)::

    y = ifelse(c, f(h(x)), g(x))
    dx = ifelse(c, dy * f'(h(x)), ...)      dy depends on y

The first one computes h(x), and returns it for the second one: a residual, in JAX's term.  What its
other branch returns there is not read.  A residual that is read only in further branches of others
is computed only if these are taken, too.

Rejected: h(x) computed by each choice that reads it, which needs no such output, and costs a
derivative as much again as the branch.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from typing import TypeAlias

import numpy as np

from gradcore.graph import Apply, Constant, FunctionGraph, Variable, on_behalf_of, substitute
from gradcore.language import LANGUAGE
from gradcore.ops.control import Conditional, IfElse
from gradcore.ops.guards import Guard, guards_of_nodes
from gradcore.rewrite.engine import Pass

Nodes: TypeAlias = dict[Apply, None]
"""Nodes, in order."""


# the pass ---------------------------------------------------------------------------------------
def _enclose(graph: FunctionGraph) -> FunctionGraph:
    enclosing = _Enclosing(_merge(graph))
    if not any(enclosing.guards.values()):
        return enclosing.graph
    for node in enclosing.graph.nodes:
        if not enclosing.guards[node]:
            enclosing.add(node)
    return enclosing.enclosed()


class _Enclosing:
    """A graph, while what its branches alone need is put into graphs of their own.

    guards : of its nodes.
    new : for variables of it, what stands for them outside of the branches.
    """

    def __init__(self, graph: FunctionGraph) -> None:
        self.graph = graph
        self.guards = guards_of_nodes(graph)
        self.new: dict[Variable, Variable] = {v: v for v in graph.inputs}

    def enclosed(self) -> FunctionGraph:
        """Return the graph with conditionals in place of its choices."""
        outputs = tuple(map(self._known, self.graph.outputs))
        same = all(a is b for a, b in zip(outputs, self.graph.outputs, strict=True))
        return self.graph if same else FunctionGraph(self.graph.inputs, outputs)

    def add(self, node: Apply) -> None:
        """Add a node that always runs, those it needs being added."""
        if isinstance(node.op, IfElse):
            n = node.op.outputs
            branches = node.inputs[1 : n + 1], node.inputs[n + 1 :]
            inside = self._inside(node.inputs[0], *branches)
            if any(inside):
                self._choose(node, node.inputs[0], inside, branches)
                return
        inputs = list(map(self._known, node.inputs))
        same = all(a is b for a, b in zip(inputs, node.inputs, strict=True))
        outputs = node.outputs if same else node.with_inputs(inputs).outputs
        self.new.update(zip(node.outputs, outputs, strict=True))

    def _known(self, v: Variable) -> Variable:
        """Return what stands for ``v`` outside of the branches.

        If ``v`` is guarded all the same, the choices that read it are inside of branches of others:
        it becomes an output of a choice of its own.
        """
        if isinstance(v, Constant):
            return v
        if v not in self.new:
            assert v.owner is not None
            guards = self.guards[v.owner]
            condition, first = next(guard for guard in guards if not self._guarded(guard[0]))
            inside = self._inside(condition, [v] if first else [], [] if first else [v])
            self._choose(v.owner, condition, inside)
        return self.new[v]

    def _guarded(self, v: Variable) -> bool:
        return v.owner is not None and bool(self.guards[v.owner])

    def _inside(
        self, condition: Variable, then: Sequence[Variable], orelse: Sequence[Variable]
    ) -> tuple[Nodes, Nodes]:
        """Return the nodes that go into the graphs of branches that need these variables."""
        return self._within((condition, True), then), self._within((condition, False), orelse)

    def _within(self, guard: Guard, needed: Sequence[Variable]) -> Nodes:
        found: Nodes = {}
        stack = list(needed)
        while stack:
            v = stack.pop()
            node = v.owner
            if node is not None and v not in self.new and guard in self.guards[node]:
                if node not in found:
                    found[node] = None
                    stack.extend(node.inputs)
        return found

    def _choose(
        self,
        node: Apply,
        condition: Variable,
        inside: tuple[Nodes, Nodes],
        branches: tuple[Sequence[Variable], Sequence[Variable]] = ((), ()),
    ) -> None:
        """Add a conditional for ``node``, of these nodes, and of what ``node`` reads of them."""
        outputs = node.outputs if branches[0] else ()
        then, orelse = (self._shared(nodes, node) for nodes in inside)
        then_read, orelse_read = (
            [self._where_read(v, condition) for v in s] for s in (then, orelse)
        )
        conditions = [c for v in (*then, *orelse) for c, _ in self._further(v, condition)]
        operands = _operands(inside, (*branches[0], *branches[1], *conditions))
        known = [self._known(v) for v in (condition, *operands)]
        with on_behalf_of(node.where):
            op = Conditional(
                _enclose(_closed(operands, [*branches[0], *then_read, *map(_unread, orelse)])),
                _enclose(_closed(operands, [*branches[1], *map(_unread, then), *orelse_read])),
                (len(then), len(orelse)),
            )
            found = op.make_node(*known).outputs
        self.new.update(zip((*outputs, *then, *orelse), found, strict=True))

    def _further(self, v: Variable, condition: Variable) -> list[Guard]:
        """Return the guards of ``v`` but those on ``condition``; the outer ones are first."""
        assert v.owner is not None
        return [(c, side) for c, side in self.guards[v.owner] if c is not condition]

    def _where_read(self, v: Variable, condition: Variable) -> Variable:
        """Return ``v`` where its guards hold, as that on ``condition`` does; else any array."""
        found = v
        for c, side in reversed(self._further(v, condition)):
            branches = (found, _unread(v)) if side else (_unread(v), found)
            found = LANGUAGE["ifelse"](c, *branches)
        return found

    def _shared(self, nodes: Nodes, choice: Apply) -> list[Variable]:
        """Return what of ``nodes`` others read than themselves and ``choice``."""
        readers = self.graph.readers
        return [
            v
            for node in nodes
            for v in node.outputs
            if any(r is not choice and r not in nodes for r in readers.get(v, ()))
        ]


def _operands(inside: tuple[Nodes, Nodes], returned: Sequence[Variable]) -> list[Variable]:
    """Return what the nodes inside of branches, and what else these return, read from outside."""
    nodes = {**inside[0], **inside[1]}
    read = dict.fromkeys([*returned, *(v for node in nodes for v in node.inputs)])
    return [v for v in read if not isinstance(v, Constant) and v.owner not in nodes]


def _closed(operands: Sequence[Variable], outputs: Sequence[Variable]) -> FunctionGraph:
    """Return ``outputs`` as a graph of its own in terms of ``operands``."""
    inner = {v: Variable(v.type, v.name) for v in operands}
    return FunctionGraph(tuple(inner.values()), tuple(substitute(outputs, inner)))


def _unread(v: Variable) -> Variable:
    """Return an array of the type of ``v``, the smallest: extents that are not known are 0."""
    return LANGUAGE["alloc"](np.zeros((), v.dtype), *(n or 0 for n in v.type.shape))


# choices on one condition -----------------------------------------------------------------------
def _merge(graph: FunctionGraph) -> FunctionGraph:
    """Make one choice of those that have one condition and do not need each other."""
    while (choices := _mergeable(graph)) is not None:
        joint = IfElse(sum(len(node.outputs) for node in choices)).make_node(
            choices[0].inputs[0],
            *(v for node in choices for v in node.inputs[1 : len(node.outputs) + 1]),
            *(v for node in choices for v in node.inputs[len(node.outputs) + 1 :]),
        )
        merged = [v for node in choices for v in node.outputs]
        replaced = dict(zip(merged, joint.outputs, strict=True))
        graph = FunctionGraph(graph.inputs, tuple(substitute(graph.outputs, replaced)))
    return graph


def _mergeable(graph: FunctionGraph) -> list[Apply] | None:
    """Return choices on one condition that run together and of which none needs another, if any."""
    choices = [node for node in graph.nodes if isinstance(node.op, IfElse)]
    conditions = Counter(node.inputs[0] for node in choices)
    several = [condition for condition, count in conditions.items() if count > 1]
    guards = guards_of_nodes(graph) if several else {}
    for condition in several:
        length = _chain_lengths(graph, condition)
        alike: dict[Hashable, list[Apply]] = defaultdict(list)
        for node in choices:
            if node.inputs[0] is condition:
                alike[length[node], frozenset(guards[node])].append(node)
        for together in alike.values():
            if len(together) > 1:
                return together
    return None


def _chain_lengths(graph: FunctionGraph, condition: Variable) -> dict[Apply, int]:
    """Return for each node how many choices on a condition the longest chain to it has.

    Of two choices with the same number, none needs the other.
    """
    found: dict[Apply, int] = {}
    for node in graph.nodes:
        before = {v.owner for v in node.inputs if v.owner is not None}
        found[node] = max(
            (
                found[n] + (isinstance(n.op, IfElse) and n.inputs[0] is condition)
                for n in before
                if n in found
            ),
            default=0,
        )
    return found


def _example(x: Variable) -> Variable:
    """Return what one of two branches computes."""
    return LANGUAGE["ifelse"](LANGUAGE["all"](x > 1), LANGUAGE["exp"](x), x * 2.0)


enclose_branches = Pass("enclose_branches", _enclose, examples=(_example,))
