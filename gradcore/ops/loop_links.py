"""Which outputs of a loop move with which of its inputs, after any number of steps."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from gradcore.derive import moving_with
from gradcore.ops.loop import Loop


@functools.lru_cache(maxsize=256)
def links(op: Loop) -> Mapping[int, frozenset[int]]:
    """Return, for each input of the body, which outputs of the loop move with it (any steps on)."""
    body = op.body
    step: dict[int, set[int]] = {}
    for i, v in enumerate(body.inputs):
        moving = moving_with(body.nodes, [v])
        step[i] = {o for o, output in enumerate(body.outputs) if output in moving}
    onward = {o: step[op.sequences + o] | {o} for o in range(op.states)}

    def further(reach: set[int]) -> set[int]:
        """Return where what moves with ``reach`` gets to by one more round of ``onward``."""
        return {q for p in reach for q in onward.get(p, {p})}

    while True:
        wider = {o: further(reach) for o, reach in onward.items()}
        if wider == onward:
            break
        onward = wider
    # Without steps, a state is its own last value.
    for o in range(op.states):
        step[op.sequences + o].add(o)
    return {i: frozenset(further(reach)) for i, reach in step.items()}
