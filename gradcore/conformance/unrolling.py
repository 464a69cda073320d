"""Loops written out: what ``scan`` means, said without a scan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradcore.tensor as T
from gradcore.graph import Variable
from gradcore.language import listed


def _options(given: Any, key: str) -> dict[str, Any]:
    return given if isinstance(given, dict) else {key: given}  # pyright: ignore[reportUnknownVariableType] - a user's own


def unrolled(
    fn: Callable[..., Any],
    sequences: Any = None,
    outputs_info: Any = None,
    non_sequences: Any = None,
    steps: int = 0,
    go_backwards: bool = False,
    truncate: int = -1,
) -> list[Variable]:
    """Return the stacked outputs of ``steps`` applications of ``fn``, a list.

    With ``truncate``, the steps before the last ``truncate`` are constants to derivatives.
    """
    looped: list[tuple[Variable, list[int]]] = []
    for sequence in listed(sequences):
        given = _options(sequence, "input")
        looped.append((T.as_tensor_variable(given["input"]), given.get("taps", [0])))
    states: list[Any] = []
    for info in listed(outputs_info):
        given = _options(info, "initial")
        initial = given.get("initial")
        taps = given.get("taps", [-1])
        if initial is None:
            states.append(None)
            continue
        initial = T.as_tensor_variable(initial)
        past = [initial] if taps == [-1] else [initial[k] for k in range(-min(taps))]
        states.append((past, taps))
    constants = listed(non_sequences)
    stacks: list[list[Variable]] = []
    for t in range(steps):
        elements: list[Variable] = []
        for x, taps in looped:
            first, last = min(0, *taps), max(0, *taps)
            for tap in taps:
                length = x.shape[0] - (last - first)
                place = t + tap - first if not go_backwards else length - 1 - t + tap - first
                elements.append(x[place])
        seen = [state[0][tap] for state in states if state is not None for tap in state[1]]
        outputs = listed(fn(*elements, *seen, *constants))
        if 0 <= truncate < steps - t:
            outputs = [T.zero_grad(y) for y in outputs]
        if not states:
            states = [None] * len(outputs)
        for state, y in zip(states, outputs, strict=True):
            if state is not None:
                state[0].append(y)
        stacks = stacks or [[] for _ in outputs]
        for stack, y in zip(stacks, outputs, strict=True):
            stack.append(y)
    return [T.stack(stack) for stack in stacks]
