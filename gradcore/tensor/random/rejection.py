"""Draws that are proposed until they are accepted: a loop that ends when all elements are.

Each round proposes for all elements with keys of its own, so what an element is does not depend on
the others.  Derivatives do not pass through the loop: what moves is declared behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gradcore.graph import Variable
from gradcore.graph.extents import Extent
from gradcore.ops.control import DisconnectedGrad
from gradcore.ops.create import Arange
from gradcore.ops.scalars import switch
from gradcore.scan import last_states, until
from gradcore.tensor.creation import full
from gradcore.tensor.random.keys import fold_in
from gradcore.tensor.reductions import any as any_of

ROUNDS = 128
"""How many proposals there are at most; of those that are accepted half of the time, one element in
10**38 needs more, and gets the last."""

Proposal = Callable[[Variable], tuple[Variable, Variable]]


def first_accepted(
    key: Variable, shape: Sequence[Extent], dtype: str, propose: Proposal, start: Any = False
) -> Variable:
    """Return the first proposal that is accepted, element by element.

    propose : returns values and where they are accepted, of a key.
    start : where nothing is waited for; there the result is 0.
    """

    def again(k: Variable, value: Variable, waiting: Variable) -> Any:
        new, accepted = propose(fold_in(key, k))
        still = waiting & ~accepted
        return [switch(waiting, new, value), still], until(~any_of(still))

    waiting = ~(full(shape, False, "bool") | start)
    return last_states(again, [full(shape, 0, dtype), waiting], Arange()(ROUNDS))[0]


def fixed(*parameters: Variable) -> list[Variable]:
    """Return parameters as derivatives do not see them."""
    return [DisconnectedGrad()(x) for x in parameters]
