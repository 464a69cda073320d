"""Graphs through torch.compile.

A graph becomes an ``fx.GraphModule``, whose code is flat: a line for each node.  So torch.compile
can stop at a node that it cannot trace (a loop, a choice, a message, Python of a user's own) and
go on after it.  Rejected: tracing the closures that run a graph node by node, which all share one
code object, of which torch keeps eight versions.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import getitem
from typing import Any

from gradcore.backend import performs
from gradcore.execute import Runner
from gradcore.graph import Apply, Constant, FunctionGraph, Kernel, Variable
from gradcore.ops.control import Assert, Conditional, IfElse, Print
from gradcore.ops.index import IncSubtensor, Nonzero, Subtensor
from gradcore.ops.index_patterns import is_advanced
from gradcore.ops.matrices import Attempt
from gradcore.ops.reduce import Recurrence
from gradcore.ops.scan import Scan
from gradcore.ops.shape import Repeat
from gradcore_torch.library import torch

UNTRACED = (Assert, Conditional, IfElse, Nonzero, Print, Recurrence, Repeat, Scan)
"""Ops that look at values, print, or loop: torch.compile stops before them, as before `Attempt`."""


def compiled(
    graph: FunctionGraph,
    kernel: Callable[[Apply], Kernel],
    constant: Callable[[Constant], Any],
    untraced: Callable[[Apply], bool],
) -> Runner:
    """Return a function that runs ``graph``, compiled by torch when it is first called.

    kernel, constant : as for `straight_line`.
    untraced : whether torch is to leave the kernel of a node alone, for other reasons than its op.
    """
    flat = torch.fx.Graph()
    values: dict[Variable, Any] = {v: flat.placeholder(f"x{k}") for k, v in enumerate(graph.inputs)}
    module = torch.nn.Module()
    for k, v in enumerate(graph.variables):
        if isinstance(v, Constant) and v not in values:
            module.register_buffer(f"c{k}", constant(v))
            values[v] = flat.get_attr(f"c{k}")
    for node in graph.nodes:
        function = kernel(node)
        if _is_opaque(node) or untraced(node):
            function = torch.compiler.disable(function)
        found = flat.call_function(_named(function, node), tuple(values[v] for v in node.inputs))
        if len(node.outputs) == 1:
            values[node.out] = found
        else:
            parts = [(v, (found, k)) for k, v in enumerate(node.outputs)]
            values.update({v: flat.call_function(getitem, part) for v, part in parts})
    flat.output(tuple(values[v] for v in graph.outputs))
    return torch.compile(torch.fx.GraphModule(module, flat).forward)


def _is_opaque(node: Apply) -> bool:
    """Return whether the op of ``node`` is nothing that torch.compile can trace."""
    op = node.op
    if isinstance(op, Subtensor | IncSubtensor):  # out of bounds is no IndexError in compiled code
        return is_advanced(op.pattern)
    return isinstance(op, UNTRACED) or performs(op) or (isinstance(op, Attempt) and op.raises)


def _named(function: Kernel, node: Apply) -> Kernel:
    """Return ``function`` under a name that can stand in code."""

    def run(*arrays: Any) -> Any:
        return function(*arrays)

    label = node.op.label()
    run.__name__ = label if label.isidentifier() else "run"
    return run
