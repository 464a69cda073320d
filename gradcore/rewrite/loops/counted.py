"""Steps that one loop has counted and another one takes again (`gradcore.scan.builder`)."""

from __future__ import annotations

from gradcore.graph import Apply, FunctionGraph, Variable
from gradcore.ops.scan import Scan
from gradcore.rewrite.engine import Pass
from gradcore.rewrite.loops import examples


def _states_counted(graph: FunctionGraph) -> FunctionGraph:
    read = {*graph.readers, *graph.outputs}
    replaced: dict[Variable, Variable] = {}
    for node in graph.nodes:
        if isinstance(node.op, Scan) and any(v in read for v in node.outputs[: node.op.states]):
            first = _counting(node, node.op)
            if first is not None:
                replaced.update(zip(node.outputs[: node.op.states], first.outputs, strict=False))
    return graph.with_replaced(replaced)


def _counting(node: Apply, op: Scan) -> Apply | None:
    """Return the loop that has counted the steps of ``node`` by taking the same, if any."""
    first = node.inputs[0].owner
    if first is None or not isinstance(first.op, Scan) or not first.op.until or op.until:
        return None
    if node.inputs[0] is not first.outputs[-1] or node.inputs[1:] != first.inputs[1:]:
        return None
    if (first.op.sequences, first.op.states) != (op.sequences, op.states):
        return None
    one, other = (FunctionGraph(o.body.inputs, o.body.outputs[: o.states]) for o in (op, first.op))
    return first if one == other else None


states_counted = Pass("states_counted", _states_counted, examples=(examples.endless,))
"""The last states are those of the loop that has counted: the other runs for what it stacks."""
