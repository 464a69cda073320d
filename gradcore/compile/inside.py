"""Place inside of loops and branches, as the reference computes them, for those who compare."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from gradcore.compile.guard import computed
from gradcore.graph import Apply, FunctionGraph, Variable
from gradcore.ops.control import Conditional
from gradcore.ops.scan import Scan

MOST_STEPS = 50
"""How many steps of a loop are looked into, the first ones."""


class Place(NamedTuple):
    """What the variables of a graph are.

    known : the values.
    when : at which step of which loop, in words; "": it is the whole graph.
    """

    known: dict[Variable, Any]
    when: str


def within(graph: FunctionGraph, values: Sequence[Any]) -> Iterator[Place]:
    """Yield the values of a graph, and those of each step and branch in it that runs.

    values : of its inputs.
    """
    waiting = [(graph, Place(computed(graph, values), ""))]
    while waiting:
        here, found = waiting.pop(0)
        yield found
        for node in here.nodes:
            waiting += inner(node, found)


def inner(node: Apply, outer: Place) -> list[tuple[FunctionGraph, Place]]:
    """Return what runs inside of a node, and the values there."""
    op = node.op
    operands = [outer.known[v] for v in node.inputs] if op.graphs else []
    if isinstance(op, Conditional):
        condition, *rest = operands
        graph = op.then if condition else op.orelse
        return [(graph, Place(computed(graph, rest), f"{outer.when} in a branch"))]
    if not isinstance(op, Scan):
        return []
    body, steps = op.body, list[tuple[FunctionGraph, Place]]()

    def step(*given: Any) -> tuple[Any, ...]:
        known = computed(body, given)
        if len(steps) < MOST_STEPS:
            when = f"{outer.when} at step {len(steps)} of {op.label()}"
            steps.append((body, Place(known, when)))
        return tuple(known[v] for v in body.outputs)

    op.loop(step)(*operands)
    return steps
