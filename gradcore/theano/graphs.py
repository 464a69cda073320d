"""Walks over graphs under the names of ``theano.gof.graph``, and what Theano had for Python 2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradcore import graph
from gradcore.errors import MissingInputError
from gradcore.graph import Apply, Constant, Variable
from gradcore.language import listed
from gradcore.shared import SharedVariable


def inputs(variables: Sequence[Variable], blockers: Any = None) -> list[Variable]:
    """Return the variables that nothing computes and that ``variables`` need."""
    return list(graph.graph_inputs(variables, blockers or ()))


def explicit_inputs(variables: Variable | Sequence[Variable]) -> list[Variable]:
    """Return what a function of ``variables`` has to be given: no constants, nothing shared."""
    found = inputs(listed(variables))
    return [v for v in found if not isinstance(v, Constant | SharedVariable)]


def ancestors(variables: Sequence[Variable], blockers: Any = None) -> list[Variable]:
    """Return ``variables`` and all that they are computed from."""
    return list(graph.ancestors(variables, blockers or ()))


def clone(
    inputs: Sequence[Variable], outputs: Sequence[Variable], copy_inputs: bool = True
) -> tuple[list[Variable], list[Variable]]:
    """Return a copy of the graph between inputs and outputs: its inputs and its outputs."""
    new = {v: v.clone() if copy_inputs else v for v in inputs}
    found = graph.clone(list(outputs), new)
    return list(new.values()), list(listed(found))


def clone_get_equiv(
    inputs: Sequence[Variable],
    outputs: Sequence[Variable],
    copy_inputs: bool = True,
    **options: Any,
) -> dict[Variable, Variable]:
    """Return for each variable of a graph its copy."""
    new = {v: v.clone() if copy_inputs else v for v in inputs}
    found = variables(inputs, outputs)
    return {**dict(zip(found, listed(graph.clone(found, new)), strict=True)), **new}


def io_toposort(inputs: Sequence[Variable], outputs: Sequence[Variable]) -> list[Apply]:
    """Return the nodes between inputs and outputs, each after those it needs."""
    return graph.toposort(outputs, frozenset(inputs))


def variables(inputs: Sequence[Variable], outputs: Sequence[Variable]) -> list[Variable]:
    """Return the variables between inputs and outputs."""
    return list(graph.ancestors(outputs, inputs))


def orphans(inputs: Sequence[Variable], outputs: Sequence[Variable]) -> list[Variable]:
    """Return what nothing computes, between inputs and outputs, and is no input."""
    return [v for v in variables(inputs, outputs) if v.owner is None and v not in set(inputs)]


def format_as(use_list: bool, use_tuple: bool, outputs: Any) -> Any:
    """Return ``outputs`` as a list, as a tuple, or, if it is one alone, by itself."""
    if use_list or use_tuple:
        return (list if use_list else tuple)(listed(outputs))
    (alone,) = listed(outputs)
    return alone


def equal_computations(
    xs: Sequence[Any], ys: Sequence[Any], in_xs: Any = None, in_ys: Any = None
) -> bool:
    """Return whether graphs compute the same of the same inputs, or of ``in_xs`` and ``in_ys``."""
    first, second = (list(map(graph.as_variable, some)) for some in (xs, ys))
    known = list(graph.graph_inputs(first)) if in_xs is None else list(in_xs)
    other = known if in_ys is None else list(in_ys)
    given = [v for v in known if not isinstance(v, Constant)]
    if len(first) != len(second) or len(known) != len(other):
        return False
    inner = [v for v in other if not isinstance(v, Constant)]
    try:
        graphs = [
            graph.FunctionGraph(tuple(inputs), tuple(outputs))
            for inputs, outputs in ((given, first), (inner, second))
        ]
    except MissingInputError:
        return False
    return graphs[0] == graphs[1]


def as_it_is(var: Variable) -> Variable:
    """Return a variable: what its gradient is made of is decided when a graph is compiled."""
    return var


def no_gpu(*given: Any, **options: Any) -> bool:
    """Return False: no device of Theano's is there."""
    return False


def cmp(a: Any, b: Any) -> int:
    """Return -1, 0 or 1, as Python 2 compared."""
    return int(a > b) - int(a < b)
