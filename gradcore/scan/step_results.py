"""What a step function returns: outputs, updates of shared variables, a condition to stop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gradcore.errors import ScanError
from gradcore.graph import Variable, as_variable, here
from gradcore.language import is_several, listed
from gradcore.shared import SharedVariable


@dataclass(frozen=True)
class until:  # noqa: N801 - Theano's name
    """What a step function returns last, to stop the loop after the step if ``condition`` holds.

    >>> import gradcore, gradcore.tensor as T
    >>> found, _ = gradcore.scan(
    ...     lambda x: (2 * x, until(x > 10)), outputs_info=T.constant(1.0), n_steps=100)
    >>> found.eval()
    array([ 2.,  4.,  8., 16., 32.])
    """

    condition: Any


Updates = dict[Variable, Variable]
"""New values of shared variables, to hand to ``function(..., updates=)``."""


@dataclass(frozen=True)
class StepResults:
    """What a step function returns, sorted."""

    outputs: list[Variable]
    updates: Updates
    condition: Variable | None


def step_results(result: Any) -> StepResults:
    """Return the outputs, updates and condition that a step function returned."""
    items = [result] if _are_updates(result) else listed(result)
    condition: Variable | None = None
    if items and isinstance(items[-1], until):
        condition = as_variable(items.pop().condition)
        if condition.ndim:
            raise ScanError(f"until takes a scalar condition, not {condition.type}", here())
    updates: Updates = {}
    for k, item in enumerate(items):
        if _are_updates(item):
            updates = {v: as_variable(value) for v, value in dict(item).items()}
            del items[k]
            break
    if len(items) == 1:
        items = listed(items[0])
    return StepResults([as_variable(item) for item in items], updates, condition)


def _are_updates(item: Any) -> bool:
    """Return whether ``item`` is a dict, or a list of pairs of shared variables and new values."""
    if isinstance(item, Mapping):
        return True
    return (
        is_several(item)
        and bool(item)
        and all(
            is_several(pair) and len(pair) == 2 and isinstance(pair[0], SharedVariable)
            for pair in item
        )
    )
