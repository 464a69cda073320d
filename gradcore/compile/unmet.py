"""Errors in the user's words: what a call does not meet is named by the graph as written.

Rewriting replaces nodes, and those that remain say what the replaced ones required: an error of a
`switch` that a rule has made of a product names an op that nobody wrote, at the line of another.
So when a call raises for operands that do not fit, and the node that raises is none of the graph as
written, that graph's requirements (`gradcore.rewrite.claims`) are computed for the arguments, in
the order in which its nodes run, and the first that does not hold is the error.  Extents are
computed from extents, so this costs little; nothing is done before a call fails.

Rejected: rules that hand on the node they replace, since one node often says what several required;
the whole graph run again as written, which may take minutes where the check took none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gradcore.errors import UNFIT, GradcoreError
from gradcore.execute import NODE, explain, straight_line
from gradcore.graph import Array, FunctionGraph, Requirement, Variable, inner_graphs
from gradcore.graph.declaration import Predicate
from gradcore.graph.nodes import as_variable
from gradcore.graph.requirements import AGREE, REACHES, WITHIN
from gradcore.rewrite import STAGES
from gradcore.rewrite.claim_reader import ClaimReader
from gradcore.rewrite.claims import Claim


@dataclass(frozen=True)
class Unmet:
    """The requirements of a graph.

    graph : the graph as it was written.
    """

    graph: FunctionGraph

    def named(self, failure: Exception, values: Sequence[Array]) -> Exception:
        """Return the error that names what the user wrote: ``failure`` itself, if it does.

        values : of the inputs of the graph, as NumPy arrays.
        """
        if not self.hides(failure):
            return failure
        for claim in ClaimReader().read(self.graph):
            if claim.error is type(failure):
                try:
                    found = _false(claim, self.graph, values)
                except Exception:  # noqa: BLE001 - it cannot be computed: the failure stands as it is
                    return failure
                if found is not None:
                    return found
        return failure

    def hides(self, failure: Exception) -> bool:
        """Return whether it is of a node that the user did not write, whose operands do not fit."""
        ours = isinstance(failure, GradcoreError)
        node = failure.node if ours else getattr(failure, NODE, None)
        if node is None or type(failure) not in (*UNFIT, IndexError):
            return False
        return all((node.op, node.where) != (n.op, n.where) for n in _nodes(self.graph))


def _nodes(graph: FunctionGraph) -> Iterator[Any]:
    for node in graph.nodes:
        yield node
        for inner in inner_graphs(node.op):
            yield from _nodes(inner)


def _false(claim: Claim, graph: FunctionGraph, values: Sequence[Array]) -> Exception | None:
    """Return the error of a claim, or None if it is true of these values."""
    required = claim.requirement()
    extents = _extents(claim, required)
    found = FunctionGraph(graph.inputs, (claim.condition(), *extents))
    for stage in STAGES:
        found = stage.run(found, [])
    holds, *numbers = straight_line(found, lambda node: node.op.kernel(node))(*values)
    if holds.all():
        return None
    said = f"{required.message}: {_NUMBERED[required.predicate](*numbers)}" if numbers else None
    if not issubclass(required.error, GradcoreError):
        error = required.error(said or required.message)
    else:
        known_one = required.predicate is AGREE and 1 in map(int, numbers)
        fix = required.fix if known_one else None
        error = required.error(said or required.message, claim.node.where, fix)
    explain(error, claim.node, ())
    return error


def _outside(index: Array, extent: Array) -> str:
    n = int(extent)
    first = next(k for k in map(int, index.flat) if not -n <= k < n)
    return f"it is {first}, and the extent is {n}"


_NUMBERED: Mapping[Predicate, Callable[..., str]] = {
    AGREE: "they are {} and {}".format,
    REACHES: "it is {}".format,
    WITHIN: _outside,
}
"""What is said of the numbers that a requirement is about, if it is one about numbers."""


def _extents(claim: Claim, required: Requirement) -> tuple[Variable, ...]:
    """Return the numbers that a requirement is about, where the whole graph knows them."""
    if claim.scope is not None or required.predicate not in _NUMBERED:
        return ()
    numbers = required.operands[:1] if required.predicate is REACHES else required.operands
    return tuple(map(as_variable, numbers))
