"""Deoptimization: what a loop would skip runs as it was written if the rewritten graph fails.

The optimizer moves work out of the bodies of loops: products of all steps become one product, what
does not change is computed once.  That is speculation: such work runs, and raises for operands
that do not fit, where the loop takes no step, too, or takes another branch in each of them, and the
graph as written would do nothing.  So when a call raises, and a loop takes no step with these
arguments or chooses between branches, the graph as written runs on the reference, and what it
returns or raises is what the call does.

Rejected: a guard around what is hoisted, which prevents its fusion with its surroundings and
doubles it where it is read elsewhere; a second, unoptimized program compiled beside each.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from gradcore.backend import Backend, Executable
from gradcore.compile.unmet import Unmet
from gradcore.execute import Runner, by_reference
from gradcore.graph import Constant, FunctionGraph, Variable, inner_graphs
from gradcore.mode import REFERENCE, Mode
from gradcore.ops.control import Conditional, IfElse
from gradcore.ops.scan import Scan


class WrittenGraph:
    """The graph of a function as it was written, for the calls that the rewritten one fails.

    graph : the graph.
    backend : what the function runs on, whose arrays may be among the arguments.
    """

    def __init__(self, graph: FunctionGraph, backend: Backend) -> None:
        self.graph = graph
        self.backend = backend
        self._steps = _numbers_of_steps(graph)
        inner = [g for node in graph.nodes for g in inner_graphs(node.op)]
        self._nested = any(map(_may_skip, inner))
        self._unmet = Unmet(graph)

    @property
    def speculates(self) -> bool:
        """Whether there is a loop that may take no step, or a branch in one."""
        return self._nested or bool(self._steps)

    def skips(self, values: Sequence[Any]) -> bool:
        """Return whether a loop takes no step; what is inside of another may be skipped.

        values : of the inputs, as the backend takes them.

        Raises what the graph raises before it comes to the loops.
        """
        return self._nested or not all(self._counted(*self._on_reference(values)))

    def ranks(self, failure: Exception) -> bool:
        """Return whether `named` may say a failure in other words, or another one before it."""
        return self._unmet.ranks(failure)

    def named(self, failure: Exception, values: Sequence[Any]) -> Exception:
        """Return the failure of the rewritten graph that the graph as written comes to first."""
        return self._unmet.named(failure, self._on_reference(values))

    def __call__(self, *values: Any) -> Sequence[Any]:
        """Run the graph on the reference."""
        return self._executable(*self._on_reference(values))

    @cached_property
    def _executable(self) -> Executable:
        return Mode(REFERENCE).resolved_backend().compile(self.graph)

    @cached_property
    def _counted(self) -> Runner:
        counted = FunctionGraph(self.graph.inputs, tuple(self._steps))
        return by_reference(counted)

    def _on_reference(self, values: Sequence[Any]) -> list[Any]:
        as_numpy = self.backend.numpy
        return [v if type(v) is np.ndarray else np.asarray(as_numpy(v)) for v in values]


def _numbers_of_steps(graph: FunctionGraph) -> list[Variable]:
    """Return the numbers of steps of the loops of a graph, but those that are known not to be 0."""
    steps = [node.inputs[0] for node in graph.nodes if isinstance(node.op, Scan)]
    return [n for n in steps if not (isinstance(n, Constant) and n.data)]


def _may_skip(graph: FunctionGraph) -> bool:
    """Return whether a graph has a choice, or it or one inside a loop that may take no step."""
    chooses = any(isinstance(node.op, (IfElse, Conditional)) for node in graph.nodes)
    inner = (g for node in graph.nodes for g in inner_graphs(node.op))
    return chooses or bool(_numbers_of_steps(graph)) or any(map(_may_skip, inner))
