"""How graphs are pickled (and deep-copied): flat, so that no depth of a graph is too deep.

A variable is written as the list of all nodes it needs, in order, and each node refers to earlier
ones by identity, which pickle keeps.  So variables that are pickled together stay connected.
"""

from __future__ import annotations

import copyreg
from collections.abc import Sequence
from typing import Any, TypeAlias

from gradcore.errors import Location
from gradcore.graph.fgraph import FunctionGraph
from gradcore.graph.nodes import Apply, Constant, Op, TensorType, Variable
from gradcore.graph.traverse import toposort

Reference: TypeAlias = Variable | tuple[Apply, int]
"""An input, or an output of an earlier node."""


def _refer(variable: Variable) -> Reference:
    return variable if variable.owner is None else (variable.owner, variable.index)


def _resolve(reference: Reference) -> Variable:
    if isinstance(reference, Variable):
        return reference
    node, index = reference
    return node.outputs[index]


def _rebuild_node(
    op: Op,
    inputs: Sequence[Reference],
    outputs: Sequence[tuple[TensorType, str | None]],
    where: Location | None,
) -> Apply:
    return Apply(op, list(map(_resolve, inputs)), [Variable(t, name) for t, name in outputs], where)


def _rebuild_output(_nodes: Sequence[Apply], reference: Reference) -> Variable:
    return _resolve(reference)


def _rebuild_graph(
    inputs: tuple[Variable, ...], _nodes: Sequence[Apply], outputs: Sequence[Reference]
) -> FunctionGraph:
    return FunctionGraph(inputs, tuple(map(_resolve, outputs)))


def _reduce_variable(variable: Variable) -> tuple[Any, ...]:
    if variable.owner is None:
        return Variable, (variable.type, variable.name)
    return _rebuild_output, (toposort([variable]), _refer(variable))


def _reduce_constant(constant: Constant) -> tuple[Any, ...]:
    return Constant, (constant.data, None, constant.name, constant.bare)


def _reduce_node(node: Apply) -> tuple[Any, ...]:
    outputs = [(output.type, output.name) for output in node.outputs]
    return _rebuild_node, (node.op, list(map(_refer, node.inputs)), outputs, node.where)


def _reduce_graph(graph: FunctionGraph) -> tuple[Any, ...]:
    return _rebuild_graph, (graph.inputs, list(graph.nodes), list(map(_refer, graph.outputs)))


copyreg.pickle(Variable, _reduce_variable)
copyreg.pickle(Constant, _reduce_constant)
copyreg.pickle(Apply, _reduce_node)
copyreg.pickle(FunctionGraph, _reduce_graph)
