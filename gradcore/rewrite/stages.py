"""Stages in turn: groups of them, and the driver that takes a graph through all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gradcore import progress
from gradcore.graph import FunctionGraph, Op
from gradcore.rewrite.engine import Drivers, Pass, Stage
from gradcore.rewrite.rules import Trace


@dataclass(frozen=True)
class Group:
    """Stages that are run together, and only on a graph that has an op of a certain kind.

    >>> import gradcore.tensor as T
    >>> from gradcore.ops.reduce import Reduce
    >>> halved = Pass("halved", lambda graph: FunctionGraph(graph.inputs, graph.outputs[:1]))
    >>> x = T.dvector("x")
    >>> of_sums, graph = Group("of sums", Reduce, (halved,)), FunctionGraph((x,), (x, x + 1))
    >>> of_sums.run(graph, []) is graph
    True
    """

    name: str
    needs: type[Op]
    stages: tuple[Stage | Pass | Group, ...]

    def run(
        self,
        graph: FunctionGraph,
        trace: Trace,
        reassociate: bool = False,
        drivers: Drivers | None = None,
    ) -> FunctionGraph:
        """Return the graph rewritten by each stage in turn."""
        for _, found in self.in_turn(graph, trace, reassociate, drivers):
            graph = found
        return graph

    def in_turn(
        self, graph: FunctionGraph, trace: Trace, reassociate: bool, drivers: Drivers | None
    ) -> Iterator[tuple[Stage | Pass, FunctionGraph]]:
        """Yield each stage, after it has run, with what it has made of the graph."""
        if _has(graph, self.needs):
            yield from stages_in_turn(self.stages, graph, trace, reassociate, drivers)

    def __repr__(self) -> str:
        """Return the name."""
        return self.name


def run_all(
    stages: Sequence[Stage | Pass | Group],
    graph: FunctionGraph,
    trace: Trace,
    reassociate: bool = False,
) -> FunctionGraph:
    """Return ``graph`` rewritten by stages in turn; a stage that comes again looks at what is new.

    What had its normal form then still has: a rule looks at a node and what that is computed of.
    """
    for _, found in stages_in_turn(stages, graph, trace, reassociate, {}):
        graph = found
    return graph


def stages_in_turn(
    stages: Sequence[Stage | Pass | Group],
    graph: FunctionGraph,
    trace: Trace,
    reassociate: bool = False,
    drivers: Drivers | None = None,
) -> Iterator[tuple[Stage | Pass, FunctionGraph]]:
    """Yield each stage, after it has run, with what it has made of the graph; see `run_all`."""
    for stage in stages:
        if isinstance(stage, Group):
            for inner, found in stage.in_turn(graph, trace, reassociate, drivers):
                graph = found
                yield inner, graph
        else:
            progress.stage(stage.name, graph.nodes)
            graph = stage.run(graph, trace, reassociate, drivers)
            yield stage, graph


def _has(graph: FunctionGraph, kind: type[Op]) -> bool:
    for node in graph.nodes:
        op = node.op
        if isinstance(op, kind) or any(_has(inner, kind) for inner in op.graphs):
            return True
    return False
