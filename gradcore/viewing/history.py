"""The states that a graph goes through while it is compiled, as changes from one to the next.

A rule builds nodes that look like those of the graph and are others: an optimizer that rewrites
bottom up makes each node anew on inputs in normal form.  What is shown needs one node for all of
these, or nothing would stay where it is.  So nodes are interned by what they say: an op, and the
values that its operands are *now*.  When a value takes the place of another, the nodes that read it
say something else, and those that say the same then become one, as in a congruence closure; no
other node is touched.

Firings are seen one by one (`gradcore.rewrite.rules.watching`).  Whenever a stage or a step of the
pipeline has ended, the graph that it has made is compared with what is shown (`History.stands`),
and what differs becomes a change of its own: so the last state is the graph that runs, whatever was
or was not seen on the way.

The decision: a graph is compiled again when somebody looks, with a watcher that exists already for
the debugging mode, so that nothing is noted otherwise.  Rejected: to note nodes in the trace of
each function, which would hold on to all graphs in between.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from gradcore.errors import Location
from gradcore.graph import Apply, Constant, FunctionGraph, Op, Variable, toposort
from gradcore.rewrite.rules import Replaced

Known: TypeAlias = dict[Variable, int]
"""The values that variables are."""

SMALL = 1024
"""Up to how many bytes constants of equal values are one value."""


@dataclass(eq=False)
class Drawn:
    """A node that is shown: its op, as it was seen last, and values by their numbers."""

    op: Op
    inputs: tuple[int, ...]
    where: Location | None
    bodies: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]
    outputs: tuple[int, ...] = ()
    key: Hashable = None


@dataclass(eq=False)
class Origin:
    """Where a value comes from: its variable, as it was seen last, the node and its output.

    name : what the user called it, which rewriting may lose.
    """

    variable: Variable
    node: int | None
    index: int
    name: str


@dataclass
class Event:
    """Something that changed the graph, as `gradcore.viewing.description.Step` says it."""

    stage: str
    rule: str = ""
    op: str = ""
    where: Location | None = None


@dataclass
class History:
    """What is known of a graph and its states, while it is compiled.

    nodes, values : all so far.
    events : what changed the graph, in turn.
    changes : the step (from 1 on), which value, and what took its place.
    roots : from which step on the outputs are which values.
    known : the values of the variables of the graph as it is now.
    """

    nodes: list[Drawn] = field(default_factory=list[Drawn])
    values: list[Origin] = field(default_factory=list[Origin])
    events: list[Event] = field(default_factory=list[Event])
    changes: list[tuple[int, int, int]] = field(default_factory=list["tuple[int, int, int]"])
    roots: list[tuple[int, list[int]]] = field(default_factory=list["tuple[int, list[int]]"])
    known: Known = field(default_factory=dict[Variable, int])
    _leaves: dict[Hashable, int] = field(default_factory=dict[Hashable, int])
    _by_key: dict[Hashable, int] = field(default_factory=dict[Hashable, int])
    _loops: dict[Hashable, list[int]] = field(default_factory=dict[Hashable, "list[int]"])
    _readers: dict[int, dict[int, None]] = field(default_factory=dict[int, "dict[int, None]"])
    _now: dict[int, int] = field(default_factory=dict[int, int])
    _since: dict[int, int] = field(default_factory=dict[int, int])
    _epoch: int = 0

    # what is seen -------------------------------------------------------------------------------
    def starts(self, outputs: Sequence[Variable]) -> None:
        """Take the graph as it was written, in which equal nodes are several."""
        found = self._drawn(outputs, {}, merge=False)
        self.known = found
        self.roots.append((0, [found[v] for v in outputs]))
        event = Event("equal nodes become one")
        for number, node in enumerate(list(self.nodes)):
            if node.key is not None and self.is_now(node):
                self._seat(number, node, event)

    def fired(self, change: Replaced) -> None:
        """Take what a rule, or a pass, has replaced."""
        pairs = [(a, b) for a, b in zip(change.before, change.after, strict=True) if b is not None]
        event = Event(change.stage, change.rule, "the graph", change.where)
        if change.stage == "passes":
            event.where = None  # it is of no line
            self._becomes([a for a, _ in pairs], [b for _, b in pairs], event)
            return
        (before, *_) = change.before
        event.op = before.owner.op.label() if before.owner is not None else str(before)
        step = self._note(event)
        old = self._drawn([a for a, _ in pairs], self.known, merge=True)
        new = self._drawn([b for _, b in pairs], self.known, merge=True)
        for a, b in pairs:
            self._replace(self.now(old[a]), self.now(new[b]), step)

    def stands(self, outputs: Sequence[Variable], name: str) -> None:
        """Compare what is shown with what the graph is; what differs is a change by ``name``."""
        event = Event(name)
        found = self._drawn(outputs, {}, merge=True)
        roots = [self.now(v) for v in self.roots[-1][1]]
        wanted = [self.now(found[v]) for v in outputs]
        self._differ(roots, wanted, found, event)
        if [self.now(v) for v in roots] != [self.now(v) for v in wanted]:
            self.roots.append((self._note(event), wanted))
        self.known = {v: self.now(n) for v, n in found.items()}
        self._epoch = len(self.events)

    def _becomes(self, old: list[Variable], new: list[Variable], event: Event) -> None:
        """Take what a pass has made of a graph, or of one inside of an op."""
        self._note(event)
        before = self._drawn(old, self.known, merge=True)
        shown = [self.now(before[v]) for v in old]
        found = self._drawn(new, {}, merge=True)
        self._differ(shown, [self.now(found[v]) for v in new], found, event)
        self.known |= found

    def _note(self, event: Event) -> int:
        """Return the number of the step of an event."""
        if not self.events or self.events[-1] is not event:
            self.events.append(event)
        return len(self.events)

    # values -------------------------------------------------------------------------------------
    def now(self, value: int) -> int:
        """Return what is in the place of a value."""
        top = value
        while top in self._now:
            top = self._now[top]
        while value != top:
            after = self._now[value]
            self._now[value] = top
            value = after
        return top

    def is_now(self, node: Drawn) -> bool:
        """Return whether nothing has taken the place of a node."""
        return all(v not in self._now for v in node.outputs)

    def _value(self, variable: Variable, node: int | None) -> int:
        index = variable.index if node is not None else 0
        self.values.append(Origin(variable, node, index, variable.name or ""))
        return len(self.values) - 1

    def _leaf(self, v: Variable) -> int:
        """Return the value of a variable that nothing computes; equal constants are one."""
        key: Hashable = v
        if isinstance(v, Constant) and v.data.nbytes <= SMALL:
            key = (v.data.dtype, v.data.shape, v.data.tobytes())
        elif isinstance(v, Constant):
            key = ("data", id(v.data), v.data.dtype, v.data.shape)
        if key not in self._leaves:
            self._leaves[key] = self._value(v, None)
        return self._leaves[key]

    # nodes --------------------------------------------------------------------------------------
    def _drawn(self, outputs: Iterable[Variable], known: Known, merge: bool) -> Known:
        """Return the values of variables, and add to ``known`` all that they are computed of.

        merge : whether a node that says what another one says is that one.
        """
        wanted = list(outputs)
        for node in toposort(wanted, known.keys()):
            inputs = tuple([self.now(self._of(v, known)) for v in node.inputs])
            bodies = tuple(
                (
                    tuple([self._of(v, known) for v in graph.inputs]),
                    self._values_of(graph, known, merge),
                )
                for graph in node.op.graphs
            )
            drawn = Drawn(node.op, inputs, node.where, bodies)
            drawn.key = self._key(drawn)
            number = self._known_node(drawn) if merge else None
            if number is None:
                number = self._add(drawn, node)
                if merge:
                    self._by_key[drawn.key] = number
            self._meets(node, number)
            known.update(zip(node.outputs, self.nodes[number].outputs, strict=True))
        for v in wanted:
            self._of(v, known)
        return known

    def _meets(self, node: Apply, number: int) -> None:
        """Note what is known of a node by now: the graphs inside, the line, shapes, names."""
        drawn = self.nodes[number]
        drawn.op, drawn.where = node.op, node.where
        for v, value in zip(node.outputs, drawn.outputs, strict=True):
            origin = self.values[value]
            origin.variable = v
            origin.name = origin.name or v.name or ""

    def _of(self, v: Variable, known: Known) -> int:
        if v not in known:
            known[v] = self._leaf(v)
        return known[v]

    def _values_of(self, graph: FunctionGraph, known: Known, merge: bool) -> tuple[int, ...]:
        found = self._drawn(graph.outputs, known, merge)
        return tuple([self.now(found[v]) for v in graph.outputs])

    def _key(self, node: Drawn) -> Hashable:
        """Return what a node says: its op, and what its operands and its graphs are now."""
        inputs = tuple(map(self.now, node.inputs))
        bodies = tuple((given, tuple(map(self.now, made))) for given, made in node.bodies)
        return shell(node.op), inputs, bodies

    def _known_node(self, drawn: Drawn) -> int | None:
        """Return a node of the graph that says the same, or None."""
        number = self._by_key.get(drawn.key)
        if number is not None and self._counts(self.nodes[number]):
            return number
        if not drawn.bodies:
            return None
        for number in self._loops.get((shell(drawn.op), drawn.inputs), ()):
            node = self.nodes[number]
            if self.is_now(node) and node.op == drawn.op:
                return number
        return None

    def _counts(self, node: Drawn) -> bool:
        """Return whether a node is of the graph, or was when the stage began that runs."""
        return all(v not in self._now or self._since[v] > self._epoch for v in node.outputs)

    def _add(self, drawn: Drawn, node: Apply) -> int:
        number = len(self.nodes)
        drawn.outputs = tuple([self._value(v, number) for v in node.outputs])
        self.nodes.append(drawn)
        for v in (*drawn.inputs, *(v for _, made in drawn.bodies for v in made)):
            self._readers.setdefault(v, {})[number] = None
        if drawn.bodies:
            self._loops.setdefault((shell(drawn.op), drawn.inputs), []).append(number)
        return number

    # changes ------------------------------------------------------------------------------------
    def _replace(self, old: int, new: int, step: int) -> None:
        """Let ``new`` be in the place of ``old`` from a step on, and merge what says the same."""
        waiting = [(old, new)]
        while waiting:
            a, b = (self.now(v) for v in waiting.pop())
            if a == b:
                continue
            self._now[a] = b
            self._since[a] = step
            self.changes.append((step, a, b))
            readers = self._readers.pop(a, {})
            self._readers.setdefault(b, {}).update(readers)
            for number in readers:
                node = self.nodes[number]
                if self.is_now(node):
                    waiting += self._said_anew(number, node)

    def _said_anew(self, number: int, node: Drawn) -> Iterator[tuple[int, int]]:
        """Note what a node says now; yield what becomes one by that, the newer value first."""
        if self._by_key.get(node.key) == number:
            del self._by_key[node.key]
        node.key = self._key(node)
        if node.bodies:
            inputs = tuple(map(self.now, node.inputs))
            self._loops.setdefault((shell(node.op), inputs), []).append(number)
        other = self._by_key.setdefault(node.key, number)
        if other != number and self.is_now(self.nodes[other]):
            first, second = sorted((number, other))
            self._by_key[node.key] = first
            yield from zip(self.nodes[second].outputs, self.nodes[first].outputs, strict=True)
        else:
            self._by_key[node.key] = number

    def _seat(self, number: int, node: Drawn, event: Event) -> None:
        """Enter a node of the graph as it was written; one that says the same is the first one."""
        other = self._by_key.setdefault(node.key, number)
        if other != number:
            first = self.nodes[other].outputs
            for a, b in zip(node.outputs, first, strict=True):
                self._replace(a, b, self._note(event))

    def _differ(
        self, shown: Sequence[int], wanted: Sequence[int], found: Known, event: Event
    ) -> None:
        """Let what is shown become what is wanted, by as few changes as can be.

        Where two nodes differ in what they read alone, that is what changes, and they become one.
        What is still part of the graph is in no other's place.
        """
        present = {self.now(v) for v in found.values()}
        waiting = list(zip(shown, wanted, strict=True))
        while waiting:
            a, b = (self.now(v) for v in waiting.pop())
            if a == b or a in present:
                continue
            pairs = self._parts(a, b, present)
            if pairs is None:
                done = len(self.changes)
                self._replace(a, b, self._note(event))
                present |= {new for _, old, new in self.changes[done:] if old in present}
            else:
                # Once they read the same, they say the same; if not, one replaces the other.
                waiting.append((a, b))
                waiting += pairs

    def _parts(self, a: int, b: int, present: set[int]) -> list[tuple[int, int]] | None:
        """Return what two nodes of one op read that differs; None: they differ in more than that.

        What differs and cannot be replaced is more.
        """
        first, second = (self.values[v] for v in (a, b))
        if first.node is None or second.node is None or first.index != second.index:
            return None
        one, two = (self.nodes[v.node] for v in (first, second) if v.node is not None)
        if shell(one.op) != shell(two.op) or len(one.inputs) != len(two.inputs):
            return None
        pairs = list(zip(one.inputs, two.inputs, strict=True))
        for (given, made), (other_given, other_made) in zip(one.bodies, two.bodies, strict=True):
            if given != other_given or len(made) != len(other_made):
                return None
            pairs += zip(made, other_made, strict=True)
        differing = [(x, y) for x, y in ((self.now(x), self.now(y)) for x, y in pairs) if x != y]
        if not differing or any(x in present for x, _ in differing):
            return None
        return differing

    # inside of ops ------------------------------------------------------------------------------
    def match(self, outputs: Sequence[Variable]) -> dict[Apply, int]:
        """Return the node of each node of a graph, and of those inside of ops."""
        found: dict[Apply, int] = {}
        values = [self.now(v) for v in self.roots[-1][1]]
        waiting: list[tuple[Variable, int]] = list(zip(outputs, values, strict=True))
        while waiting:
            v, value = waiting.pop()
            node, number = v.owner, self.values[self.now(value)].node
            if node is None or number is None or node in found:
                continue
            found[node] = number
            drawn = self.nodes[number]
            waiting += zip(node.inputs, drawn.inputs, strict=False)
            for graph, (_, made) in zip(node.op.graphs, drawn.bodies, strict=False):
                waiting += zip(graph.outputs, made, strict=False)
        return found


def shell(op: Op) -> Hashable:
    """Return what an op is without the graphs inside of it."""
    if not op.graphs or not dataclasses.is_dataclass(op):
        return op
    return type(op), tuple(
        (f.name, value)
        for f in dataclasses.fields(op)
        if f.compare and not _has_graphs(value := getattr(op, f.name))
    )


def _has_graphs(value: object) -> bool:
    if isinstance(value, tuple):
        return any(map(_has_graphs, value))  # pyright: ignore[reportUnknownArgumentType] - of any kind
    return isinstance(value, FunctionGraph)
