"""Decompositions of which nothing reads the vectors, which are for the values alone then.

It is a pass, as it takes all readers: where a derivative reads vectors, values and vectors are of
one call, in one order.  Rejected: functions for values alone in the language, whose derivative
would find vectors by another algorithm, which rounds otherwise, and so may order them otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gradcore.graph import FunctionGraph, Op, Variable, on_behalf_of
from gradcore.ops.eigenvalues import Eig, EigVals
from gradcore.ops.spectra import SVD, Eigh, EigValsH, SVDVals
from gradcore.rewrite.changes import Changes
from gradcore.rewrite.engine import Pass

ALONE: Mapping[type[Op], tuple[Callable[[bool], Op], tuple[int, ...]]] = {
    Eig: (EigVals, (0, 1)),
    Eigh: (EigValsH, (0,)),
    SVD: (SVDVals, (1,)),
}
"""For each decomposition, the op for its values alone, and which outputs these are."""


def _alone(graph: FunctionGraph) -> FunctionGraph:
    replaced: dict[Variable, Variable] = {}
    for node in graph.nodes:
        known = ALONE.get(type(node.op))
        if known is not None and not _read(graph, node.outputs, known[1]):
            op: Any = node.op
            with on_behalf_of(node.where):
                found = known[0](op.raises).make_node(*node.inputs)
            replaced.update(zip((node.outputs[i] for i in known[1]), found.outputs, strict=True))
    return graph.with_replaced(replaced)


def _read(graph: FunctionGraph, outputs: Any, values: tuple[int, ...]) -> bool:
    """Return whether anything reads an output that is no value."""
    vectors = [v for i, v in enumerate(outputs) if i not in values]
    return any(v in graph.outputs or graph.readers.get(v) for v in vectors)


def _of_any(x: Variable) -> Variable:
    return Eig(raises=False)(x)[0]


def _of_symmetric(x: Variable) -> Variable:
    return Eigh(raises=False)(x)[0]


def _singular(x: Variable) -> Variable:
    return SVD(raises=False)(x)[1]


values_alone = Pass(
    "values_alone",
    _alone,
    Changes(rounding=2048, of="terms", nonfinite=True),
    examples=(_of_any, _of_symmetric, _singular),
)
