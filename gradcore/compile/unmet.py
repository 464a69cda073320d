"""Errors in the user's words and order: what a call does not meet is named by the graph as written.

Rewriting replaces nodes, and those that remain say what the replaced ones required: an error of a
`switch` that a rule has made of a product names an op that nobody wrote, at the line of another.
And where several things are wrong, a rewritten graph may come to another one first, as what it has
kept of a node that is gone is checked last.

The decision: *the error of a call is that of the first requirement that is not met, in the order
in which the nodes of the graph as written run*, and for one node in the order in which it declares
them (`Op.requires`), on every backend.  So when a call raises, the requirements of that graph
(`gradcore.rewrite.claims`) are computed for the arguments one by one, up to those of the node that
raised, if it is one of that graph.  Extents are computed from extents, so this costs little;
nothing is done before a call fails.

An index that is out of bounds is said anew where the requirement knows it: the indices of a node
that remains, as of a row of a Jacobian that is never built, may be others than the user's.  In a
step of a loop, and within a sparse matrix, only the failure itself says which index it was.

What no op declares (a singular matrix, an exception of a user's op) is raised if nothing before it
is unmet; lack of memory is raised as it comes.

Rejected: rules that hand on the node they replace, since one node often says what several required;
the whole graph run again as written, which may take minutes where the check took none; checks in
the order of the graph as written in the rewritten one, which would have to wait for one another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcore.compile.assertions import false_condition
from gradcore.errors import UNFIT, AssertionFailedError, GradcoreError
from gradcore.execute import NODE, by_reference, explain
from gradcore.graph import Apply, Array, FunctionGraph, Requirement, Variable
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
        """Return the error of the first requirement that is not met: ``failure``, if it is that.

        values : of the inputs of the graph, as NumPy arrays.
        """
        node = _node_of(failure)
        if node is None or not self.ranks(failure):
            return failure
        for claim in self._up_to(node):
            try:
                found = _false(claim, self.graph, values)
            except Exception:  # noqa: BLE001 - it cannot be computed: the failure stands as it is
                return failure
            if isinstance(found, AssertionFailedError):
                return found
            if found is not None:
                index = isinstance(found, IndexError) and isinstance(failure, IndexError)
                alike = not _extents(claim) if index else type(found) is type(failure)
                return failure if alike and _same(claim.node, node) else found
        return failure

    def ranks(self, failure: Exception) -> bool:
        """Return whether something that is required before may not be met, either.

        One that looks like a node inside of a loop may be that, moved out, or a new one.
        """
        node = _node_of(failure)
        if node is None or not isinstance(failure, (*REQUIRED, np.linalg.LinAlgError)):
            return False
        return isinstance(failure, REQUIRED) or bool(self._places(node))

    def _up_to(self, node: Apply) -> list[Claim]:
        """Return what is required before ``node`` runs, and by it; all, if it is a new one."""
        claims, places = ClaimReader().read(self.graph), self._places(node)
        if not places:
            return claims
        before = set(self.graph.nodes[: places[-1] + 1])
        return [claim for claim in claims if _outermost(claim) in before]

    def _places(self, node: Apply) -> list[int]:
        return [k for k, n in enumerate(self.graph.nodes) if _same(n, node)]


REQUIRED = (*UNFIT, IndexError, AssertionError)
"""What is raised where a requirement is not met."""


def _same(a: Apply, b: Apply) -> bool:
    return (a.op, a.where) == (b.op, b.where)


def _outermost(claim: Claim) -> Apply:
    """Return the node of the whole graph that a claim is of, or of a node inside."""
    node, scope = claim.node, claim.scope
    while scope is not None:
        node, scope = scope.node, scope.outer
    return node


def _node_of(failure: Exception) -> Any:
    return failure.node if isinstance(failure, GradcoreError) else getattr(failure, NODE, None)


def _false(claim: Claim, graph: FunctionGraph, values: Sequence[Array]) -> Exception | None:
    """Return the error of a claim, or None if it is true of these values."""
    required = claim.requirement()
    extents = _extents(claim)
    found = FunctionGraph(graph.inputs, (claim.condition(), *extents))
    for stage in STAGES:
        found = stage.run(found, [])
    holds, *numbers = by_reference(found)(*values)
    if holds.all():
        return None
    said = _said(required, numbers) if numbers else required.message
    if claim.scope is None:
        said = false_condition(required, graph, values) or said
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


def _extents(claim: Claim) -> tuple[Variable, ...]:
    """Return the numbers that a requirement is about, where the whole graph knows them."""
    required = claim.requirement()
    if claim.scope is not None or required.predicate not in _NUMBERED:
        return ()
    numbers = required.operands[:1] if required.predicate is REACHES else required.operands
    return tuple(map(as_variable, numbers))
