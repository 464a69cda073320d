"""Legalization: what a backend has nothing of its own for is written with what it has.

A node that a backend lacks is replaced by the expansion that its op declares, else by its element
form, read over whole arrays.  What is left is lacking: an error, or the reference's by choice.  So
an op is declared once and runs everywhere, and a kernel for it makes it faster.

The decision: it is asked *of each node* whether all of a replacement runs, before anything is
replaced: what is lacking is reported, or falls back, as the user wrote it, never in pieces.  What
the replaced nodes require (`Op.requires`) is retained by the pass that does so for the optimizer.
Rejected: expansions in each kind of backend, which the next kind forgets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from gradcore.backend import Backend, Lacking
from gradcore.compile.parts import in_parts
from gradcore.compile.promises import lacked
from gradcore.graph import (
    Apply,
    Constant,
    FunctionGraph,
    Op,
    Variable,
    inner_graphs,
    on_behalf_of,
    toposort,
)
from gradcore.graph.nodes import as_variable
from gradcore.ops.gathers import gathered
from gradcore.rewrite import Group, Pass, Stage
from gradcore.rewrite.engine import Rewriter, fitting
from gradcore.rewrite.requirements import keep_requirements
from gradcore.rewrite.rules import Rule, Trace

NAME = "legalize"
"""What the trace calls it."""


class Legalizer:
    """What stands in for the nodes that a backend lacks.

    backend : the backend.
    """

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self._found: dict[Apply, Sequence[Variable] | None] = {}
        self._open: set[str] = set()

    def runs(self, node: Apply) -> bool:
        """Return whether the backend can run ``node``, as it is or written with others."""
        inner = all(self.runs(each) for graph in inner_graphs(node.op) for each in graph.nodes)
        return inner and (self.backend.missing(node) is None or self.replacement(node) is not None)

    def replacement(self, node: Apply) -> Sequence[Variable] | None:
        """Return what stands in for a node that the backend lacks; None: it has it, or must."""
        if self.backend.missing(node) is None or node.op.label() in self._open:
            return None
        if node not in self._found:
            self._open.add(node.op.label())
            with on_behalf_of(node.where):
                self._found[node] = next(self._legal(node), None)
            self._open.remove(node.op.label())
        return self._found[node]

    def _legal(self, node: Apply) -> Iterator[Sequence[Variable]]:
        """Yield what says the same as ``node`` and runs."""
        for reading in _readings(node):
            pairs = zip(reading, node.outputs, strict=True)
            found = [fitting(as_variable(new), old, node, NAME) for new, old in pairs]
            found = _in_parts(node, found)
            if all(map(self.runs, toposort(found, node.inputs))):
                yield found


def _in_parts(node: Apply, found: Sequence[Variable]) -> Sequence[Variable]:
    """Return outputs with complex arithmetic written with real one, as in the graph around."""
    if not any(v.type.is_complex for v in node.inputs):
        return found
    given = tuple(dict.fromkeys(v for v in node.inputs if not isinstance(v, Constant)))
    return in_parts(FunctionGraph(given, tuple(found))).outputs


def _readings(node: Apply) -> Iterator[Sequence[Any]]:
    """Yield the outputs of a node as its op declares that others compute them."""
    expanded = node.op.expanded(node)
    if expanded is not None:
        yield expanded
    output = gathered(node)
    if output is not None:
        yield [output]


def legalized(
    graph: FunctionGraph, backend: Backend, stages: Sequence[Stage | Pass | Group], trace: Trace
) -> tuple[FunctionGraph, list[Lacking]]:
    """Return ``graph`` in ops that ``backend`` has, and the nodes that it lacks all the same.

    stages : what brings conditions to a normal form.
    """
    lacks = lacked(backend, graph)
    replacement = Legalizer(backend).replacement
    if not any(replacement(lack.node) for lack in lacks):
        return graph, lacks
    rule = Rule(NAME, "What a backend lacks is written with others", (Op,), replacement)
    stage = Stage(NAME, [rule])
    found = Rewriter(stage, trace).run(graph)
    # What is required of values is written with others too, before and after it is brought to form.
    found = keep_requirements(graph, found, (stage, *stages, stage))
    return found, lacked(backend, found)
