"""Runs a graph node by node, given a kernel for each node.

The graph is printed as one straight Python function, a line a node, and values are dropped after
their last use.  That is the fastest a Python interpreter can walk a graph, a tracing library can
trace it like any function, and the number of a line that raises says which node failed.
Rejected: a loop over a list of nodes, which costs as much again as a small kernel.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeAlias

from gradcore.errors import GradcoreError
from gradcore.graph import Apply, Constant, FunctionGraph, Kernel, Variable

Runner: TypeAlias = Callable[..., tuple[Any, ...]]
"""A function of the values of a graph's inputs that returns those of its outputs."""

FIRST_LINE = 3


def straight_line(
    graph: FunctionGraph,
    kernel: Callable[[Apply], Kernel],
    constant: Callable[[Constant], Any] = lambda c: c.data,
) -> Runner:
    """Return a function that runs ``graph``.

    kernel : what computes a node.
    constant : the value of a constant, in the arrays that the kernels take.

    An exception of a kernel leaves with a note that tells the node, its operands, and the user's
    line that built it.
    """
    names = {v: f"i{k}" for k, v in enumerate(graph.inputs)}
    space: dict[str, Any] = {}

    def name(variable: Variable) -> str:
        if variable not in names:
            assert isinstance(variable, Constant)
            names[variable] = f"c{len(space)}"
            space[names[variable]] = constant(variable)
        return names[variable]

    last_read = {v: k for k, node in enumerate(graph.nodes) for v in node.inputs}
    kept = {*graph.inputs, *graph.outputs}
    lines = [f"def run({', '.join(names.values())}):", " try:"]
    for k, node in enumerate(graph.nodes):
        arguments = ", ".join(map(name, node.inputs))
        results: list[str] = []
        for o, output in enumerate(node.outputs):
            names[output] = f"v{k}_{o}"
            results.append(names[output])
        space[f"k{k}"] = kernel(node)
        dead = [
            names[v]
            for v in dict.fromkeys((*node.inputs, *node.outputs))
            if last_read.get(v, k) == k and v not in kept and not isinstance(v, Constant)
        ]
        line = f"  {', '.join(results)} = k{k}({arguments})"
        lines.append(f"{line}; del {', '.join(dead)}" if dead else line)
    values = "".join(f"{name(v)}, " for v in graph.outputs)
    lines += [f"  return ({values})", " except BaseException as error: explain(error); raise"]
    space["explain"] = _explainer(graph, names)
    exec(compile("\n".join(lines), "<graph>", "exec"), space)
    return space["run"]


def _explainer(graph: FunctionGraph, names: dict[Variable, str]) -> Callable[[BaseException], None]:
    """Return a function that tells an exception which node raised it."""

    def explain(error: BaseException) -> None:
        trace = error.__traceback__
        if not isinstance(trace, TracebackType):
            return
        k = trace.tb_lineno - FIRST_LINE
        if not 0 <= k < len(graph.nodes):
            return
        node = graph.nodes[k]
        if isinstance(error, GradcoreError):
            error.where = error.where or node.where
            return
        values = {**trace.tb_frame.f_globals, **trace.tb_frame.f_locals}
        operands = ", ".join(f"{v} {_told(values.get(names[v]))}" for v in node.inputs)
        error.add_note(f"gradcore was computing {node.op} of {operands}")
        if node.where is not None:
            error.add_note(f"  built at {node.where}")

    return explain


def _told(value: Any) -> str:
    dtype, shape = getattr(value, "dtype", None), getattr(value, "shape", None)
    return f"({dtype}, shape {shape})" if dtype is not None else f"({type(value).__name__})"
