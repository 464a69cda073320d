"""What only one branch of an ``ifelse`` needs goes into a graph of its own, run if it is taken.

This is the one pass that always runs: it is what makes ``ifelse`` lazy, on every backend.

Several choices may read what one of their branches needs (see `gradcore.ops.guards`)::

    y = ifelse(c, f(h(x)), g(x))
    dx = ifelse(c, dy * f'(h(x)), ...)      dy depends on y

The first one computes h(x), and returns it for the second one: a residual, in JAX's term.  What its
other branch returns there is not read.  A residual that is read only in further branches of others
is computed only if these are taken, too.

What is needed in several cases, of which none has a guard of all others, is guarded by a condition
of its own, that any of them holds::

    y = ifelse(c, h(x), x) * ifelse(d, h(x), x)        h(x) is computed if c | d

Rejected: h(x) computed by each choice that reads it, which needs no such output, and costs a
derivative as much again as the branch.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from gradcore.derive.cases import Cases, Guard, Guards, any_case, common
from gradcore.graph import (
    Apply,
    Constant,
    FunctionGraph,
    Variable,
    on_behalf_of,
    substitute,
    toposort,
)
from gradcore.language import LANGUAGE
from gradcore.ops.control import Conditional, IfElse
from gradcore.ops.guards import cases_of_node, cases_of_variables, chooses, guards_of_nodes
from gradcore.rewrite.engine import Pass

Nodes: TypeAlias = dict[Apply, None]
"""Nodes, in order."""


# the pass ---------------------------------------------------------------------------------------
def _enclose(graph: FunctionGraph) -> FunctionGraph:
    if not chooses(graph):
        return graph
    graph = _merge(_decided(graph))
    enclosing = _Enclosing(graph)
    if not any(enclosing.guards.values()):
        return graph
    for node in enclosing.graph.nodes:
        if not enclosing.guards[node]:
            enclosing.add(node)
    outputs = tuple(map(enclosing.known, graph.outputs))
    same = all(a is b for a, b in zip(outputs, graph.outputs, strict=True))
    return graph if same else FunctionGraph(graph.inputs, outputs)


class _Enclosing:
    """A graph, while what its branches alone need is put into graphs of their own.

    graph : with the conditions of what is needed in several cases among its outputs.
    guards : of its nodes.
    new : for variables of it, what stands for them outside of the branches.
    """

    def __init__(self, graph: FunctionGraph) -> None:
        self.graph, self.guards = _guarded_by_one(graph)
        self.new: dict[Variable, Variable] = {v: v for v in graph.inputs}

    def add(self, node: Apply) -> None:
        """Add a node that always runs, those it needs being added."""
        if isinstance(node.op, IfElse):
            n = node.op.outputs
            branches = node.inputs[1 : n + 1], node.inputs[n + 1 :]
            inside = self._inside(node.inputs[0], *branches)
            if any(inside):
                self._choose(node, node.inputs[0], inside, branches)
                return
        inputs = list(map(self.known, node.inputs))
        same = all(a is b for a, b in zip(inputs, node.inputs, strict=True))
        outputs = node.outputs if same else node.with_inputs(inputs).outputs
        self.new.update(zip(node.outputs, outputs, strict=True))

    def known(self, v: Variable) -> Variable:
        """Return what stands for ``v`` outside of the branches.

        If ``v`` is guarded all the same, the choices that read it are inside of branches of others:
        it becomes an output of a choice of its own.
        """
        if isinstance(v, Constant):
            return v
        if v not in self.new and not self._guarded(v):
            for node in toposort([v], self.new):
                if not self.guards[node]:
                    self.add(node)
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
        known = [self.known(v) for v in (condition, *operands)]
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


def _unread(v: Variable, other: Variable | None = None) -> Variable:
    """Return an array of the type of ``v``, the smallest: extents that are not known are 0.

    other : what it is chosen against.  No more is known of the choice than before: an extent is 1
        if that of ``other`` is known to be 0.
    """
    known = v.type.shape if other is None else other.type.shape
    extents = (
        int(other is not None and m == 0) if n is None else n
        for n, m in zip(v.type.shape, known, strict=True)
    )
    return LANGUAGE["alloc"](np.zeros((), v.dtype), *extents)


# what is needed in several cases ----------------------------------------------------------------
def _guarded_by_one(graph: FunctionGraph) -> tuple[FunctionGraph, dict[Apply, Guards]]:
    """Return the guards of nodes, and the graph with those conditions that are not in it.

    What is needed in several cases gets a guard on a condition that holds in any of them.  If it
    takes it itself, by whatever way, to know that condition, it is needed wherever the guards hold
    that its cases have in common.
    """
    always: list[Variable] = []
    joined: set[Apply] = set()
    while True:
        found = cases_of_variables(graph, always, joined)
        cases = {node: cases_of_node(node, found, joined) for node in graph.nodes}
        several = {node: those for node, those in cases.items() if len(those) > 1}
        cyclic = _cyclic(graph, several)
        if cyclic:
            joined.update(cyclic)
            continue
        extended, guards = graph, {node: common(those) for node, those in cases.items()}
        if several:
            extended, guards = _with_conditions(graph, several, always, joined)
        stuck = _stuck(guards)
        if not stuck:
            return extended, guards
        always += [node.outputs[0] for node in stuck]


def _with_conditions(
    graph: FunctionGraph,
    several: Mapping[Apply, Cases],
    always: Sequence[Variable],
    joined: Collection[Apply],
) -> tuple[FunctionGraph, dict[Apply, Guards]]:
    """Return the graph with a condition for each set of cases, and the guards of its nodes."""
    made: dict[Hashable, Variable] = {}
    keys = {node: frozenset(map(frozenset, those)) for node, those in several.items()}
    for node, key in keys.items():
        if key not in made:
            with on_behalf_of(node.where):
                made[key] = any_case(several[node])
    extended = FunctionGraph(graph.inputs, (*graph.outputs, *made.values()))
    guards = guards_of_nodes(extended, always, joined)
    for node, key in keys.items():
        guards[node][made[key], True] = None
    return extended, guards


def _stuck(guards: Mapping[Apply, Guards]) -> list[Apply]:
    """Return nodes that have guards, on conditions that are guarded all: cases were left out."""
    return [
        node
        for node, those in guards.items()
        if those and all(c.owner is not None and guards[c.owner] for c, _ in those)
    ]


def _cyclic(graph: FunctionGraph, several: Mapping[Apply, Cases]) -> list[Apply]:
    """Return nodes that the conditions of their own cases depend on."""
    conditions = {node: [c for case in those for c, _ in case] for node, those in several.items()}
    known: set[Variable] = {v for node in graph.nodes for v in node.inputs if v.owner is None}
    waiting = graph.nodes
    while waiting:
        left: list[Apply] = []
        for node in waiting:
            if known.issuperset((*node.inputs, *conditions.get(node, ()))):
                known.update(node.outputs)
            else:
                left.append(node)
        if len(left) == len(waiting):
            return [node for node in left if known.issuperset(node.inputs)]
        waiting = left
    return []


# choices inside of branches on their condition ---------------------------------------------------
def _decided(graph: FunctionGraph) -> FunctionGraph:
    """Read nothing in branches that are inside of the other branch on their condition."""
    new: dict[Variable, Variable] = {}
    for node, guards in guards_of_nodes(graph).items():
        inputs = [new.get(v, v) for v in node.inputs]
        sides = [side for c, side in guards if isinstance(node.op, IfElse) and c is node.inputs[0]]
        if sides:
            n = len(node.outputs)
            taken, idle = (slice(1, n + 1), slice(n + 1, None))[:: 1 if sides[0] else -1]
            inputs[idle] = map(_unread, inputs[idle], inputs[taken])
        if any(a is not b for a, b in zip(inputs, node.inputs, strict=True)):
            fresh = node.with_inputs(inputs)
            new.update(zip(node.outputs, fresh.outputs, strict=True))
    outputs = tuple(new.get(v, v) for v in graph.outputs)
    return FunctionGraph(graph.inputs, outputs) if new else graph


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
    """Return choices on one condition that run together and of which none needs another, if any.

    Those of a truth stay alone: what is computed for it should not wait for what it guards.
    """
    choices = [node for node in graph.nodes if isinstance(node.op, IfElse) and not _is_truth(node)]
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


def _is_truth(node: Apply) -> bool:
    return all(v.type.dtype == "bool" and not v.ndim for v in node.outputs)


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
