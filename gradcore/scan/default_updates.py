"""Default updates: those of the shared variables that a function reads, or a step of a loop.

A function applies the default update of each shared variable that it reads, once.  A step of a loop
applies that of each shared variable that the step itself reads, in each step: the variable is a
state of the loop, whose last value is then the update.  What a step takes from outside, such as a
draw that was made before the loop, stays as it is.

The decision: what a step itself reads is what nodes read that were built while the step was traced.
Rejected: all that its results depend on, as in Theano, where one draw is two as soon as a loop
reads it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from gradcore.graph import Apply, Variable, substitute, toposort
from gradcore.ops.loop import Loop
from gradcore.shared import SharedVariable, fitting


def add_default_updates(
    results: Sequence[Variable],
    updates: dict[SharedVariable, Variable],
    refused: Collection[Variable] = (),
    replaced: Mapping[Variable, Variable] | None = None,
    since: int = 0,
) -> None:
    """Add the default updates of what ``results`` and ``updates`` read to the latter.

    refused : shared variables whose own updates are omitted.
    replaced : what stands in the place of variables, in the updates too.
    since : the `serial` of the first node that counts, in ``results``; what updates read counts.

    Raises GraphTypeError: a default update is not of the type of its variable.
    """
    pending = [*results, *updates.values()]
    while pending:
        nodes = toposort(pending)
        last = dict(_after_loops(nodes))
        fresh: list[Variable] = []
        for v in _read(pending, nodes, since):
            if v.default_update is None or v in updates or v in refused:
                continue
            new = fitting(last.get(v, v.default_update), v, "the shared variable")
            (updates[v],) = substitute([new], replaced or {})
            fresh.append(updates[v])
        pending, since = fresh, 0


def _read(
    results: Sequence[Variable], nodes: Sequence[Apply], since: int
) -> Iterator[SharedVariable]:
    """Yield the shared variables among results, and those that nodes from a serial on read."""
    inputs = (v for node in nodes if node.serial >= since for v in node.inputs)
    for v in dict.fromkeys((*results, *inputs)):
        if isinstance(v, SharedVariable):
            yield v


def _after_loops(nodes: Sequence[Apply]) -> Iterator[tuple[Variable, Variable]]:
    """Yield the shared variables that loops update step by step, and their values after that.

    The first of several loops counts: others are that loop in a derivative.
    """
    for node in reversed(nodes):
        if isinstance(node.op, Loop) and node.op.by_default:
            starts = node.op.parts(node.inputs[1:]).states
            yield from ((starts[k], node.outputs[k]) for k in node.op.by_default)
