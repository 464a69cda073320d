"""From a graph and its history to the data that a page shows."""

from __future__ import annotations

import linecache
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradcore.backend import Profile
from gradcore.compile import Function
from gradcore.errors import Location
from gradcore.graph import Apply, Constant, FunctionGraph, Variable
from gradcore.printing import outputs_of, pp
from gradcore.rewrite import STAGES, Stage
from gradcore.rewrite.stages import Group
from gradcore.shared import SharedVariable
from gradcore.viewing.description import (
    Body,
    Change,
    Code,
    Description,
    Node,
    Place,
    Profiled,
    Roots,
    Timed,
    Value,
)
from gradcore.viewing.description import Step as Shown
from gradcore.viewing.history import History
from gradcore.viewing.kinds import kind_of
from gradcore.viewing.lines import code_of
from gradcore.viewing.recording import NOWHERE, history_of_function, history_of_variables

AROUND = 2
"""How many lines of a program are shown before and after one that built a node."""

LONGEST = 200
"""How many characters of a name, a parameter or a title are shown."""

ELEMENTS = 60
"""How many elements of a constant are shown at most."""

STEPS = {
    "equal nodes become one": "What was written several times is computed once.",
    "marks dropped": "What derivatives alone see goes: they have been taken.",
    "lifted": "Checks of shapes are made on the arguments, where they can be.",
    "closed": "Shared variables become inputs.",
    "equations known": "Equations of complex matrices that are cheaper in another way.",
    "in real numbers": "Complex arithmetic is written with real numbers.",
    "still required": "Errors that rewriting lost come back as assertions.",
    "branches enclosed": "What only one branch needs runs if that is taken.",
    "legal": "Ops that the backend lacks are written with ops that it has.",
    "as compiled": "The graph of the function itself.",
}
"""What the steps of compilation do that are no stages of rewriting."""


def described(graph: Any) -> Description:
    """Return what there is to show of a variable, a list of them, or a compiled function.

    Raises TypeError: it is none of these.
    """
    if isinstance(graph, Function):
        return _of_function(graph)
    outputs = outputs_of(graph)
    history, last, backend = history_of_variables(outputs)
    title = ", ".join(pp(v, LONGEST // 2) for v in outputs[:2])
    made = code_of(backend, last)
    return _Describer(history, last).described(
        title, backend.name, output_names(outputs), made, None
    )


def _of_function(f: Function) -> Description:
    maker = f.maker
    history = history_of_function(f)
    stored = [entry.variable for entry in maker.inputs if entry.update is not None]
    names = [*output_names(maker.outputs), *(f"update of {v}" for v in (*maker.updates, *stored))]
    fallback = [lack.node for lack in maker.fallback]
    made = code_of(maker.backend, maker.fgraph, fallback)
    of = _Describer(history, maker.fgraph)
    return of.described(repr(f)[1:-1], maker.backend.name, names, made, f.profile)


@dataclass
class _Describer:
    """What turns a history into data: the numbers that values and nodes have there."""

    history: History
    graph: FunctionGraph
    values: dict[int, int] = field(default_factory=dict[int, int])
    nodes: dict[int, int] = field(default_factory=dict[int, int])
    places: dict[Location, int] = field(default_factory=dict[Location, int])

    def __post_init__(self) -> None:
        """Number what is part of the graph at any step."""
        of = self.history
        news: dict[int, list[int]] = {}
        for _, old, new in of.changes:
            news.setdefault(old, []).append(new)
        self.inputs = [of.known[v] for v in self.graph.inputs if v in of.known]
        waiting = [*self.inputs, *(v for _, values in of.roots for v in values)]
        while waiting:
            value = waiting.pop()
            if value in self.values:
                continue
            self.values[value] = len(self.values)
            waiting += news.get(value, ())
            number = of.values[value].node
            if number is not None and number not in self.nodes:
                self.nodes[number] = len(self.nodes)
                node = of.nodes[number]
                waiting += [*node.outputs, *node.inputs]
                waiting += [v for body in node.bodies for part in body for v in part]

    def described(
        self,
        title: str,
        mode: str,
        outputs: Sequence[str],
        made: tuple[str, Mapping[Apply, Sequence[int]]] | None,
        profile: Profile | None,
    ) -> Description:
        """Return all of it."""
        of = self.history
        shown = of.match(self.graph.outputs)
        numbers = {node: self.nodes[n] for node, n in shown.items() if n in self.nodes}
        steps = [self._step(k) for k in range(len(of.events))]
        nodes = [self._node(n) for n in self.nodes]
        return Description(
            title=title[:LONGEST],
            mode=mode,
            values=[self._value(v) for v in self.values],
            nodes=nodes,
            inputs=[self.values[v] for v in self.inputs],
            roots=[Roots(step, self._numbers(values)) for step, values in of.roots],
            outputs=[name[:LONGEST] for name in outputs],
            steps=steps,
            changes=[
                Change(step, self.values[old], self.values[new])
                for step, old, new in of.changes
                if old in self.values
            ],
            places=[Place(w.file, w.line, w.function, w.derivative) for w in self.places],
            texts=texts_of(self.places),
            code=None if made is None else _code(mode, *made, numbers),
            profile=None if profile is None else profiled(profile, numbers),
        )

    def _numbers(self, values: Iterable[int]) -> list[int]:
        return [self.values[v] for v in values]

    def _place(self, where: Location | None) -> int | None:
        if where is None or where == NOWHERE:
            return None
        return self.places.setdefault(where, len(self.places))

    def _step(self, k: int) -> Shown:
        event = self.history.events[k]
        says = STEPS.get(event.stage, "") if not event.rule else equations().get(event.rule, "")
        return Shown(event.stage, event.rule, event.op, says, self._place(event.where))

    def _node(self, number: int) -> Node:
        node = self.history.nodes[number]
        parameters = {name: shortened(str(value)) for name, value in node.op.parameters().items()}
        return Node(
            shortened(node.op.label()),
            kind_of(node.op),
            self._numbers(node.inputs),
            self._numbers(node.outputs),
            parameters,
            self._place(node.where),
            [Body(self._numbers(given), self._numbers(made)) for given, made in node.bodies],
        )

    def _value(self, number: int) -> Value:
        origin = self.history.values[number]
        v = origin.variable
        node = None if origin.node is None else self.nodes[origin.node]
        text, data = "", ""
        if isinstance(v, Constant):
            text = v.text()
            more = np.array2string(v.data, threshold=ELEMENTS, edgeitems=3)
            data = "" if " ".join(more.split()) == text else more
        name = shortened(origin.name)
        kind = "computed" if node is not None else leaf_kind(v)
        return Value(kind, v.dtype, v.type.shape, name, node, origin.index, text, data)


def output_names(outputs: Sequence[Variable]) -> list[str]:
    """Return what to call outputs: their names, or their numbers where there are several."""
    plain = "output {}" if len(outputs) > 1 else "output"
    return [v.name or plain.format(k) for k, v in enumerate(outputs)]


def leaf_kind(v: Variable) -> str:
    """Return the kind of a value that nothing computes."""
    if isinstance(v, Constant):
        return "constant"
    return "shared" if isinstance(v, SharedVariable) else "input"


def shortened(text: str) -> str:
    """Return a text that is not too long to be shown."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def equations() -> dict[str, str]:
    """Return what rules say of themselves, by their names."""
    found: dict[str, str] = {"fold": "What is computed from constants is a constant."}
    waiting: list[Any] = list(STAGES)
    while waiting:
        stage = waiting.pop()
        if isinstance(stage, Group):
            waiting += stage.stages
        elif isinstance(stage, Stage):
            found.update((rule.name, rule.doc) for rule in stage.rules)
        else:
            found[stage.name] = (stage.rewrite.__doc__ or "").strip()
    return found


def texts_of(places: Iterable[Location]) -> dict[str, dict[int, str]]:
    """Return the lines of files that built nodes, and those around them."""
    texts: dict[str, dict[int, str]] = {}
    for where in places:
        lines = linecache.getlines(where.file)
        text = texts.setdefault(where.file, {})
        for number in range(max(where.line - AROUND, 1), min(where.line + AROUND, len(lines)) + 1):
            text[number] = shortened(lines[number - 1].rstrip("\n"))
    return {file: dict(sorted(text.items())) for file, text in texts.items()}


def _code(
    mode: str, text: str, lines: Mapping[Apply, Sequence[int]], numbers: Mapping[Apply, int]
) -> Code:
    known = {numbers[node]: found for node, found in lines.items() if node in numbers}
    return Code("cuda" if mode == "cuda" else "c", text, known)


def profiled(profile: Profile, numbers: Mapping[Apply, int]) -> Profiled:
    """Return what was timed, with the numbers of nodes."""
    parts = [
        Timed([numbers[node]], time.own, time.moved, time.runs)
        for node, time in profile.nodes.items()
        if node in numbers
    ]
    parts += [
        Timed([numbers[n] for n in nest.nodes if n in numbers], nest.seconds, nest.moved, nest.runs)
        for nest in (*profile.nests, *profile.kernels.values())
    ]
    return Profiled(profile.calls, profile.seconds, profile.peak_bytes, parts)
