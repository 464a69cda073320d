"""Elements that are sorted where the indices that sort them are known: these select them.

The derivative of a sort needs the indices (`gradcore.ops.sorting`).  It is a pass, as it looks for
another reader of what is sorted.  Rejected: one op with both outputs, of which most programs read
one, and whose elements cost more when they are carried with their indices.
"""

from __future__ import annotations

from gradcore.graph import FunctionGraph, Variable
from gradcore.language import LANGUAGE
from gradcore.ops.sorting import ArgSort, Sort
from gradcore.rewrite.engine import Pass


def _selected(graph: FunctionGraph) -> FunctionGraph:
    orders = {
        (node.inputs[0], node.op.axis): node.outputs[0]
        for node in graph.nodes
        if isinstance(node.op, ArgSort)
    }
    replaced: dict[Variable, Variable] = {}
    for node in graph.nodes:
        if isinstance(node.op, Sort) and (node.inputs[0], node.op.axis) in orders:
            x, axis = node.inputs[0], node.op.axis
            replaced[node.outputs[0]] = LANGUAGE["take_along_axis"](x, orders[x, axis], axis)
    return graph.with_replaced(replaced)


def _both(x: Variable) -> Variable:
    axis = x.ndim - 1
    return LANGUAGE["take_along_axis"](Sort(axis)(x), ArgSort(axis)(x), axis)


sorted_once = Pass("sorted_once", _selected, examples=(_both,))
