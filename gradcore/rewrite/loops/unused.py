"""Outputs and states of loops that nobody reads."""

from __future__ import annotations

from gradcore.graph import (
    Apply,
    FunctionGraph,
    Variable,
    ancestors,
)
from gradcore.ops.scan import Scan
from gradcore.rewrite.engine import Pass
from gradcore.rewrite.loops import examples
from gradcore.rewrite.loops.parts import LoopParts


def _drop_unused(graph: FunctionGraph) -> FunctionGraph:
    replaced: dict[Variable, Variable] = {}
    read = {*graph.readers, *graph.outputs}
    for node in graph.nodes:
        if isinstance(node.op, Scan):
            replaced.update(_trimmed(node, read))
    return graph.with_replaced(replaced)


def _trimmed(node: Apply, read: set[Variable]) -> dict[Variable, Variable]:
    """Return what stands for the outputs of a scan, if some of them are not read."""
    loop = LoopParts.of(node)
    op = loop.op
    results = op.results(node.outputs)
    states = {k for k, v in enumerate(results.states) if v in read}
    stacks = [k for k, v in enumerate(results.stacks) if v in read]
    condition = [] if loop.condition is None else [loop.condition]
    while True:
        read = set(
            ancestors(
                [
                    *(loop.states[k].new for k in states),
                    *(loop.stacks[k] for k in stacks),
                    *condition,
                ]
            )
        )
        more = states | {k for k, s in enumerate(loop.states) if s.inner in read}
        if more == states:
            break
        states = more
    order = sorted(states)
    if len(order) == len(loop.states) and len(stacks) == len(loop.stacks):
        return {}
    loop.states = [loop.states[k] for k in order]
    loop.stacks = [loop.stacks[k] for k in stacks]
    built = loop.build()
    replaced = dict(zip((results.states[k] for k in order), built.states, strict=True))
    replaced.update(zip((results.stacks[k] for k in stacks), built.stacks, strict=True))
    if results.condition is not None and built.taken is not None:
        replaced[results.condition] = built.taken
    return replaced


drop_unused = Pass("drop_unused", _drop_unused, examples=(examples.unread,))
