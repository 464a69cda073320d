"""What a backend declares to fail of the conformance suite, carried over to random graphs.

A graph is excused where one of its ops meets, on the way, what the declared cases are made of:
subnormal numbers, special ones, operands that must raise.  Nothing is declared for the fuzzer
alone, so an outside backend's `KnownFailure` counts as any other.
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from gradcore.graph import FunctionGraph, inner_graphs
from gradcore.plugins import KnownFailure, registry

GROUPS = {"subnormal": ("subnormal", "special"), "nonfinite": ("special", "zeros")}
"""The groups of cases that have such numbers, or results; infinities show the signs of zeros."""


def applications(graph: FunctionGraph) -> Iterator[tuple[str, str]]:
    """Yield the label of each op, inside of others too, with each dtype that it is applied to."""
    for node in graph.nodes:
        yield from ((node.op.label(), v.dtype) for v in (*node.inputs, *node.outputs))
        for inner in inner_graphs(node.op):
            yield from applications(inner)


def cannot_raise(backend: str | None) -> bool:
    """Return whether ``backend`` declares that some errors are beyond it.

    What cannot raise where an index is wrong ends the process where memory is lacking.
    """
    return any(known.check == "error" for known in registry().known_failures.get(backend or "", ()))


def is_known(backend: str | None, graph: FunctionGraph, met: frozenset[str], fails: bool) -> bool:
    """Return whether ``backend`` is known to fail what ``graph`` meets.

    met : which of `GROUPS` occur on the way.
    fails : whether the graph should raise.
    """
    declared = registry().known_failures.get(backend or "", ())
    found = [known for known in declared if _concerns(known, met, fails)]
    return bool(found) and any(
        fnmatchcase(label, known.op) and fnmatchcase(dtype, known.case.partition("-")[0])
        for label, dtype in set(applications(graph))
        for known in found
    )


def _concerns(known: KnownFailure, met: frozenset[str], fails: bool) -> bool:
    if fails or known.check == "error":
        return fails and known.check == "error"
    named = {group for groups in GROUPS.values() for group in groups if group in known.case}
    if not named:
        return known.check in ("value", "called", "long")
    return any(named.intersection(GROUPS[numbers]) for numbers in met)
