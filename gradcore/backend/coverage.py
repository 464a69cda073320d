"""What a backend lacks for a graph: everything at once, each with the user's line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gradcore.backend.contract import Backend
from gradcore.errors import UnsupportedError
from gradcore.graph import Apply, FunctionGraph, inner_graphs


@dataclass(frozen=True)
class Lacking:
    """A node that a backend cannot run.

    node : the node.
    reason : why, as the backend says it.
    """

    node: Apply
    reason: str

    def __str__(self) -> str:
        """Return the node, the reason and the user's line, in a line."""
        operands = ", ".join(str(v.type) for v in self.node.inputs)
        where = f", built at {self.node.where}" if self.node.where else ""
        return f"{self.node.op} of {operands}: {self.reason}{where}"


def lacking(backend: Backend, graph: FunctionGraph) -> list[Lacking]:
    """Return the nodes of ``graph``, and of the graphs inside its ops, that ``backend`` lacks."""
    asked = ((node, backend.missing(node)) for node in _all_nodes(graph))
    return [Lacking(node, reason) for node, reason in asked if reason is not None]


def _all_nodes(graph: FunctionGraph) -> Iterator[Apply]:
    for node in graph.nodes:
        yield node
        for inner in inner_graphs(node.op):
            yield from _all_nodes(inner)


def refuse(backend: Backend, lacks: Sequence[Lacking]) -> None:
    """Raise UnsupportedError with all that is missing, and what to do about it."""
    count = "a node" if len(lacks) == 1 else f"{len(lacks)} nodes"
    listing = "".join(f"\n    {lack}" for lack in lacks)
    raise UnsupportedError(
        f"the backend {backend.name!r} cannot run {count} of this graph:{listing}",
        fix=f"use another mode, {backend.remedy}, or let the reference run them: "
        f"Mode({backend.name!r}, fallback='numpy')",
        reasons=(lack.reason for lack in lacks),
    )
