"""What a picture of a graph says, as plain data: the schema of the JSON in a page.

A *value* is a tensor of the graph, a *node* computes values from values; both are named by their
places in lists.  Nothing is said twice for the states that a graph goes through while it is
rewritten: all nodes that are ever part of it are in one list, and `Change` says which value took
the place of which, at which step.  The graph after step ``k`` is what is reached from `roots` when
each value is replaced by what took its place at a step up to ``k``.

The decision: a change is one pair of numbers, so that ten thousand firings are ten thousand pairs.
Rejected: a graph a step, whose size is the product of both.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

FORMAT = 1
"""The version of the schema."""


@dataclass(frozen=True)
class Value:
    """A tensor of a graph.

    kind : "input", "shared", "constant", or "computed".
    dtype : by its NumPy name.
    shape : an extent an axis; None: not known.
    name : what the user calls it.
    node, index : the place of the node that computes it, and which output of that it is.
    text : of a constant, the value in short.
    data : of a constant, more of the value, where the short one does not say all.
    """

    kind: str
    dtype: str
    shape: Sequence[int | None]
    name: str = ""
    node: int | None = None
    index: int = 0
    text: str = ""
    data: str = ""


@dataclass(frozen=True)
class Body:
    """A graph that a node runs itself: the body of a loop, a branch, the function of a Jacobian.

    inputs, outputs : values, by their places.
    """

    inputs: Sequence[int]
    outputs: Sequence[int]


@dataclass(frozen=True)
class Node:
    """A node: an op applied to values.

    op : the label of the op.
    kind : the family of the op, of `gradcore.viewing.kinds.KINDS`.
    inputs, outputs : values, by their places.
    parameters : those of the op, as text.
    place : the user's line, by its place in `Description.places`.
    bodies : the graphs inside of it.
    """

    op: str
    kind: str
    inputs: Sequence[int]
    outputs: Sequence[int]
    parameters: Mapping[str, str] = field(default_factory=dict[str, str])
    place: int | None = None
    bodies: Sequence[Body] = ()


@dataclass(frozen=True)
class Place:
    """A line of the user's program.

    derivative : of which ops what was built there belongs to the derivative, the inner one first.
    """

    file: str
    line: int
    function: str
    derivative: Sequence[str] = ()


@dataclass(frozen=True)
class Step:
    """What changed a graph: a rule that fired, a pass, or a step of compilation.

    stage, rule : which; a step of compilation has no rule.
    op : on which op.
    says : the equation of the rule, or what the step does.
    place : the user's line, by its place in `Description.places`.
    """

    stage: str
    rule: str = ""
    op: str = ""
    says: str = ""
    place: int | None = None


@dataclass(frozen=True)
class Change:
    """That from step ``step`` on, counted from 1, the value ``new`` is in the place of ``old``."""

    step: int
    old: int
    new: int


@dataclass(frozen=True)
class Roots:
    """The values of the outputs, from step ``step`` on."""

    step: int
    values: Sequence[int]


@dataclass(frozen=True)
class Code:
    """The text that was generated for a function.

    language : "c" or "cuda".
    text : all of it.
    lines : for each node that lines compute, the numbers of these, from 1 on.
    """

    language: str
    text: str
    lines: Mapping[int, Sequence[int]]


@dataclass(frozen=True)
class Timed:
    """What was timed as one: a node, a nest of loops in which nodes are fused, or a kernel.

    nodes : by their places.
    seconds : all together.
    bytes : what was read and written, all together.
    runs : how often.
    """

    nodes: Sequence[int]
    seconds: float
    bytes: int
    runs: int


@dataclass(frozen=True)
class Profiled:
    """Where the time of a function went: how many calls took how many seconds, and which parts."""

    calls: int
    seconds: float
    peak_bytes: int | None
    parts: Sequence[Timed]


@dataclass(frozen=True)
class Description:
    """A graph as it was written and as it runs, and all that is known of it.

    title : what it is of.
    mode : the backend that it is compiled for.
    values, nodes : all that are part of it at any step, and what these are computed of.
    inputs : values, by their places.
    roots : the outputs; the first entry is of the graph as it was written.
    outputs : what to call the outputs.
    steps : what changed it, in turn.
    changes : what took the place of what, in the order of steps.
    places : lines of the user's program.
    texts : for each file of these, the text of lines by their numbers.
    code, profile : None: there is none.
    """

    title: str
    mode: str
    values: Sequence[Value]
    nodes: Sequence[Node]
    inputs: Sequence[int]
    roots: Sequence[Roots]
    outputs: Sequence[str]
    steps: Sequence[Step]
    changes: Sequence[Change]
    places: Sequence[Place]
    texts: Mapping[str, Mapping[int, str]]
    code: Code | None = None
    profile: Profiled | None = None
    format: int = FORMAT

    def state(self, step: int | None = None) -> tuple[list[int], list[int]]:
        """Return the nodes and the outputs of the graph after a step (None: the last one).

        Nodes inside of others are among them; each comes after those that it needs itself.  A page
        finds the same in the browser.

        >>> import gradcore, gradcore.tensor as T
        >>> x = T.dvector("x")
        >>> of = gradcore.view(T.log(1 + T.exp(x))).description
        >>> [[of.nodes[n].op for n in of.state(k)[0]] for k in (0, None)]
        [['exp', 'add', 'log'], ['softplus']]
        """
        last = len(self.steps) if step is None else step
        replaced = {change.old: change.new for change in self.changes if change.step <= last}

        def now(value: int) -> int:
            while value in replaced:
                value = replaced[value]
            return value

        (outputs,) = [r.values for r in self.roots if r.step <= last][-1:]
        found = [now(value) for value in outputs]
        done: dict[int, None] = {}
        entered: set[int] = set()
        stack = [n for value in reversed(found) if (n := self.values[value].node) is not None]
        while stack:
            number = stack[-1]
            if number in entered:
                done.setdefault(stack.pop())
                continue
            entered.add(number)
            node = self.nodes[number]
            needed = [*node.inputs, *(v for body in node.bodies for v in body.outputs)]
            for value in reversed(needed):
                owner = self.values[now(value)].node
                if owner is not None and owner not in entered:
                    stack.append(owner)
        return list(done), found

    def to_dict(self) -> dict[str, Any]:
        """Return it as dicts, lists, strings and numbers; what says nothing is left out."""
        return _plain(self)

    def to_json(self) -> str:
        """Return it as JSON, in ASCII."""
        return json.dumps(self.to_dict(), separators=(",", ":"), allow_nan=False)


PLAIN = frozenset((str, int, float, bool, type(None)))
"""What JSON has itself."""


def _plain(it: Any) -> Any:
    """Return data as JSON takes it, without the fields that have their defaults."""
    kind: type[object] = it.__class__
    if kind in PLAIN:
        return it
    fields = _defaults(kind)
    if fields:
        return {
            name: _plain(value)
            for name, default in fields
            if (value := getattr(it, name)) != default
        }
    if isinstance(it, Mapping):
        return {str(key): _plain(value) for key, value in it.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - of any kind
    return [value if type(value) in PLAIN else _plain(value) for value in it]


@functools.cache
def _defaults(kind: type[object]) -> tuple[tuple[str, Any], ...]:
    """Return the fields of a class with their defaults; a reader looks for the format."""
    return tuple(
        (f.name, None if f.name == "format" else {} if callable(f.default_factory) else f.default)
        for f in (dataclasses.fields(kind) if dataclasses.is_dataclass(kind) else ())
    )
