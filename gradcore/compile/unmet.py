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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gradcore.errors import UNFIT, GradcoreError
from gradcore.execute import NODE, explain, straight_line
from gradcore.graph import Array, FunctionGraph, Requirement, Variable
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
        node = _node_of(failure)
        for claim in ClaimReader().read(self.graph):
            if claim.error is type(failure):
                try:
                    found = _false(claim, self.graph, values)
                except Exception:  # noqa: BLE001 - it cannot be computed: the failure stands as it is
                    return failure
                if found is not None:
                    same = (claim.node.op, claim.node.where) == (node.op, node.where)
                    return failure if same else found
        return failure

    def hides(self, failure: Exception) -> bool:
        """Return whether it may be of a node that is not the user's, whose operands do not fit.

        One that looks like a node inside of a loop may be that, moved out, or a new one.
        """
        node = _node_of(failure)
        if node is None or type(failure) not in (*UNFIT, IndexError):
            return False
        return all((node.op, node.where) != (n.op, n.where) for n in self.graph.nodes)


def _node_of(failure: Exception) -> Any:
    return failure.node if isinstance(failure, GradcoreError) else getattr(failure, NODE, None)


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
    said = _said(required, numbers) if numbers else required.message
    if not issubclass(required.error, GradcoreError):
        error = required.error(said)
    else:
        known_one = required.predicate is AGREE and 1 in map(int, numbers)
        fix = required.fix if known_one else None
        error = required.error(said, claim.node.where, fix)
    explain(error, claim.node, ())
    return error


def _said(required: Requirement, numbers: Sequence[Array]) -> str:
    """Return the message of what does not hold of numbers."""
    if required.predicate is WITHIN:
        index, n = numbers[0], int(numbers[1])
        numbers = [next(k for k in index.flat if not -n <= int(k) < n), numbers[1]]
    if required.numbered is not None:
        return required.numbered(*map(int, numbers))
    return f"{required.message}: {_NUMBERED[required.predicate].format(*map(int, numbers))}"


_NUMBERED: Mapping[Predicate, str] = {
    AGREE: "they are {} and {}",
    REACHES: "it is {}",
    WITHIN: "it is {}, and the extent is {}",
}
"""What is said of the numbers that a requirement is about, if it is one about numbers."""


def _extents(claim: Claim, required: Requirement) -> tuple[Variable, ...]:
    """Return the numbers that a requirement is about, where the whole graph knows them."""
    if claim.scope is not None or required.predicate not in _NUMBERED:
        return ()
    numbers = required.operands[:1] if required.predicate is REACHES else required.operands
    return tuple(map(as_variable, numbers))
