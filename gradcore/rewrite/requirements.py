"""What the plain graph requires is still checked when it has been rewritten.

Rules replace nodes by others that compute the same; what the nodes *required* (`Op.requires`:
extents that agree, indices in bounds, assertions) would go with them.  So both graphs are read
once, before and after: what the first requires and the second does not imply becomes a condition,
and an `Assert` around an output raises the error that the node would have raised, with its line.

The decision: no rule has to think of errors, a plugin's neither, and nothing is checked twice.
Extents are compared as symbols, which costs little; only what is left then is built as a
condition, brought to the normal form by the stages themselves, and compared once more.
Rejected: a check beside every rule, which each new rule would forget; retaining dead nodes, which
computes what nobody reads.

`claims` says what a requirement is in symbols, `facts` what is known to be true, and `claim_reader`
reads a graph; here the two readings are compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gradcore.graph import Constant, FunctionGraph, Variable, on_behalf_of
from gradcore.ops.control import Assert
from gradcore.rewrite.branches import enclose_branches
from gradcore.rewrite.claim_reader import ClaimReader
from gradcore.rewrite.claims import Claim
from gradcore.rewrite.engine import Pass, Stage
from gradcore.rewrite.loops import fuse_loops
from gradcore.rewrite.rules import Trace
from gradcore.rewrite.stages import Group, run_all

MERGE = Stage("requirements")
"""No rules: equal nodes become one."""


def keep_requirements(
    plain: FunctionGraph, graph: FunctionGraph, stages: Sequence[Stage | Pass | Group]
) -> FunctionGraph:
    """Return ``graph``, which ``stages`` made of ``plain``, raising whatever that raises."""
    if graph is plain or not graph.outputs:
        return graph
    lost = not_required(graph, plain, stages)
    return _asserting(graph, lost) if lost else graph


def not_required(
    graph: FunctionGraph, other: FunctionGraph, stages: Sequence[Stage | Pass | Group]
) -> dict[Variable, Claim]:
    """Return what ``other`` requires, ``graph`` does not imply, by its conditions.

    Both graphs have the same inputs; ``stages`` bring the conditions to a normal form.
    """
    reader = ClaimReader()
    implied, lost = (reader.read(enclose_branches.run(each, [])) for each in (graph, other))
    if not lost:
        return {}
    predicates = {claim.what[0] for claim in lost}
    known = [claim.condition() for claim in implied if claim.what[0] in predicates]
    conditions = _normal([*known, *(c.condition() for c in lost)], graph, stages)
    implied_conditions = set(conditions[: len(known)])
    found: dict[Variable, Claim] = {}
    for claim, condition in zip(lost, conditions[len(known) :], strict=True):
        true = isinstance(condition, Constant) and condition.data.all()
        if not true and condition not in implied_conditions:
            found.setdefault(condition, claim)
    return found


def _normal(
    conditions: Sequence[Variable], graph: FunctionGraph, stages: Sequence[Stage | Pass | Group]
) -> tuple[Variable, ...]:
    """Return conditions rewritten by the stages, equal ones being one variable."""
    found = FunctionGraph(graph.inputs, tuple(conditions))
    trace: Trace = []
    return run_all((*stages, MERGE), found, trace).outputs


def _asserting(graph: FunctionGraph, lost: Mapping[Variable, Claim]) -> FunctionGraph:
    """Return ``graph`` with an assertion around the output of the lowest rank.

    A loop that computes a condition is merged with the one that computes results.
    """
    joint = FunctionGraph(graph.inputs, (*graph.outputs, *lost))
    merged = fuse_loops.run(MERGE.run(joint, []), []).outputs
    outputs = list(merged[: len(graph.outputs)])
    place = min(range(len(outputs)), key=lambda k: outputs[k].ndim)
    for claim, condition in zip(lost.values(), merged[len(outputs) :], strict=True):
        required = claim.requirement()
        with on_behalf_of(claim.node.where):
            check = Assert(required.message, required.error)
            outputs[place] = check(outputs[place], condition)
    return FunctionGraph(graph.inputs, tuple(outputs))
