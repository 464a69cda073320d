"""The steps of a loop are taken once, where its gradient takes them by segments, too."""

from __future__ import annotations

from gradcore.graph import FunctionGraph, Op, Variable
from gradcore.graph.nodes import symbolic_operand
from gradcore.ops.loop_segments import Segments
from gradcore.ops.scan import Scan
from gradcore.rewrite.engine import Pass
from gradcore.rewrite.loops import examples


def _share_segments(graph: FunctionGraph) -> FunctionGraph:
    bodies = {_step_of(node.op) for node in graph.nodes if _is_replayed(node.op)}
    replaced: dict[Variable, Variable] = {}
    for node in graph.nodes if bodies else ():
        op = node.op
        if not isinstance(op, Scan) or op.checkpoint is None or op.until or op.truncate >= 0:
            continue
        if op.body in bodies:
            steps, *given = node.inputs
            found = Segments(op, op.parts(given), 0, symbolic_operand(steps).extent).outputs()
            replaced.update(zip(node.outputs, found, strict=True))
    return graph.with_replaced(replaced)


def _is_replayed(op: Op) -> bool:
    return isinstance(op, Scan) and op.replayed


def _step_of(op: Op) -> FunctionGraph:
    """Return what a single step of a loop over segments computes."""
    (body,) = op.graphs
    while len(body.nodes) == 1 and isinstance(body.nodes[0].op, Scan):
        op = body.nodes[0].op
        (body,) = op.graphs
        if not _is_replayed(op):
            break
    return body


share_segments = Pass("share_segments", _share_segments, examples=(examples.segments,))
"""Whether nothing but a gradient reads segments is not known where the gradient is taken."""
