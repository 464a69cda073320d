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

    >>> import gradcore.tensor as T
    >>> print(Lacking(T.exp(T.dvector("x")).owner, "toy has no exponentials"))
    exp of TensorType(float64, vector): toy has no exponentials, built at ...
    """

    node: Apply
    reason: str

    def __str__(self) -> str:
        """Return the node, the reason and the user's line, in a line."""
        operands = ", ".join(str(v.type) for v in self.node.inputs)
        where = f", built at {self.node.where}" if self.node.where else ""
        return f"{self.node.op} of {operands}: {self.reason}{where}"


def lacking(backend: Backend, graph: FunctionGraph) -> list[Lacking]:
    """Return the nodes of ``graph``, and of the graphs inside its ops, that ``backend`` lacks.

    >>> import gradcore.tensor as T
    >>> class Toy(Backend):
    ...     name, compile = "toy", None
    ...     def missing(self, node):
    ...         return None if node.op is T.add else "toy has sums alone"
    >>> x = T.dvector("x")
    >>> [str(lack.node.op) for lack in lacking(Toy(), FunctionGraph((x,), (T.exp(x + x),)))]
    ['exp']
    """
    asked = ((node, backend.missing(node)) for node in _all_nodes(graph))
    return [Lacking(node, reason) for node, reason in asked if reason is not None]


def _all_nodes(graph: FunctionGraph) -> Iterator[Apply]:
    for node in graph.nodes:
        yield node
        for inner in inner_graphs(node.op):
            yield from _all_nodes(inner)


def refuse(backend: Backend, lacks: Sequence[Lacking]) -> None:
    """Raise UnsupportedError with all that is missing, and what to do about it.

    >>> import gradcore.tensor as T
    >>> from gradcore.backend import Unavailable
    >>> lack = Lacking(T.exp(T.dvector("x")).owner, "toy has no exponentials")
    >>> refuse(Unavailable("toy", "it is an example"), [lack])
    Traceback (most recent call last):
    gradcore.errors.UnsupportedError: the backend 'toy' cannot run a node of this graph:
        exp of TensorType(float64, vector): toy has no exponentials, built at ...
      use another mode, write them with other ops, or let the reference run them: ...
    """
    count = "a node" if len(lacks) == 1 else f"{len(lacks)} nodes"
    listing = "".join(f"\n    {lack}" for lack in lacks)
    raise UnsupportedError(
        f"the backend {backend.name!r} cannot run {count} of this graph:{listing}",
        fix=f"use another mode, {backend.remedy}, or let the reference run them: "
        f"Mode({backend.name!r}, fallback='numpy')",
        reasons=(lack.reason for lack in lacks),
    )
