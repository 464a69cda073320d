"""What is said of a condition of ``assert_op`` that is false: where first, and of what values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gradcore.errors import AssertionFailedError
from gradcore.execute import by_reference
from gradcore.graph import Array, Constant, FunctionGraph, Requirement, Variable
from gradcore.ops.elementwise import Elementwise
from gradcore.ops.reduce import Reduce
from gradcore.printing import pp

LONGEST = 200
"""After how many characters a condition is cut."""


def false_condition(
    required: Requirement, graph: FunctionGraph, values: Sequence[Array]
) -> str | None:
    """Return what to say of a requirement that is false; None: it is no condition of a user's.

    graph : a graph in which the condition is.
    values : of its inputs.
    """
    if not issubclass(required.error, AssertionFailedError):
        return None
    condition = _elements(required.operands[0])
    owner = condition.owner
    operands: list[Variable] = []
    if owner is not None and isinstance(owner.op, Elementwise):
        operands = [v for v in dict.fromkeys(owner.inputs) if not isinstance(v, Constant)]
    run = by_reference(FunctionGraph(graph.inputs, (condition, *operands)))
    with np.errstate(all="ignore"):
        found, *numbers = map(np.asarray, run(*values))
    wrong = np.argwhere(found == 0)
    at = tuple(map(int, wrong[0])) if len(wrong) else ()
    place = f" at {at}" if at else ""
    here = [
        f"{pp(v, LONGEST)} is {np.broadcast_to(x, found.shape)[at]}"
        for v, x in zip(operands, numbers, strict=True)
    ]
    where = f", where {', '.join(here)}" if here else ""
    return f"{required.message}: {pp(condition, LONGEST)} is false{place}{where}"


def _elements(condition: Variable) -> Variable:
    """Return the condition of each element, of which all are to be true."""
    owner = condition.owner
    while owner is not None and isinstance(owner.op, Reduce) and owner.op.kind == "all":
        condition = owner.inputs[0]
        owner = condition.owner
    return condition
