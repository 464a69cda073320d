"""Facts: the claims that are known to be true, and what they imply.

The decision: equal extents are one number (the simplest of them), lower bounds are one int a
number, and anything else is looked up as it is; all by dictionaries, one for each tuple of guards.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations
from typing import Any

from gradcore.graph.extents import product
from gradcore.graph.requirements import AGREE, FITS, HAS_SIZE, REACHES, WITHIN
from gradcore.ops.scalars import minimum
from gradcore.rewrite.claims import Claim, Guards
from gradcore.rewrite.symbols import (
    Number,
    Symbol,
    ValueNumber,
    exceeds,
    lower_bound,
    not_negative,
    of_arrays,
)


@lru_cache(maxsize=4096)
def _among(guards: Guards) -> tuple[Guards, ...]:
    """Return all selections of guards, the fewest first: what is true under fewer is true here."""
    return tuple(chosen for size in range(len(guards) + 1) for chosen in combinations(guards, size))


class Facts:
    """What is known to be true, and under which guards."""

    def __init__(self) -> None:
        self._same: dict[Guards, dict[Number, Number]] = {}
        self._least: dict[Guards, dict[tuple[Symbol, type[Exception]], int]] = {}
        self._known: dict[Guards, set[tuple[Any, ...]]] = {}

    def best(self, n: Any, guards: Guards) -> Any:
        """Return the number that stands for all that are equal to ``n``."""
        if not self._same:
            return n
        tables = [same for g in _among(guards) if (same := self._same.get(g)) is not None]
        found = n
        while isinstance(found, Symbol):
            following = next((same[found] for same in tables if found in same), None)
            if following is None:
                break
            found = following
        return found

    def implies(self, claim: Claim) -> bool:
        """Return whether a claim is known to be true."""
        predicate, *numbers = self._resolved(claim)
        if _holds(predicate, numbers):
            return True
        if predicate is REACHES and isinstance(numbers[1], int):
            return any(
                least.get((numbers[0], claim.error), numbers[1] - 1) >= numbers[1]
                for g in _among(claim.guards)
                if (least := self._least.get(g)) is not None
            )
        return any(
            (predicate, claim.error, *numbers) in known
            for g in _among(claim.guards)
            if (known := self._known.get(g)) is not None
        )

    def note(self, claim: Claim) -> None:
        """Assume a claim from here on."""
        predicate, *numbers = self._resolved(claim)
        if predicate is REACHES and isinstance(numbers[1], int):
            self._least.setdefault(claim.guards, {})[numbers[0], claim.error] = numbers[1]
        elif predicate is AGREE:
            old, new = sorted(numbers, key=_simplicity, reverse=True)
            if old is not new and isinstance(old, Symbol):
                self._same.setdefault(claim.guards, {})[old] = new
        else:
            self._known.setdefault(claim.guards, set()).add((predicate, claim.error, *numbers))

    def _resolved(self, claim: Claim) -> tuple[Any, ...]:
        """Return a claim with the best numbers; a lower bound as that of the simplest number."""
        predicate, *operands = claim.what
        numbers = [self.best(n, claim.guards) for n in operands]
        if predicate is WITHIN and isinstance(numbers[0], int):
            k, n = numbers
            predicate, numbers = REACHES, [n, -k if k < 0 else k + 1]
        if predicate is REACHES and isinstance(numbers[0], Symbol) and isinstance(numbers[1], int):
            numbers = list(lower_bound(*numbers))
        return predicate, *numbers


def _simplicity(n: Any) -> tuple[int, int]:
    """Return what orders numbers: ints before symbols, those that were made first before others."""
    if isinstance(n, Symbol):
        return 1 + bool(n.formula), n.place
    return 0, int(n)


def _holds(predicate: Any, operands: Sequence[Any]) -> bool:
    """Return whether a predicate is known to be true of numbers."""
    if predicate is WITHIN:
        k, n = operands
        return isinstance(k, ValueNumber) and k.below is not None and _reaches(n, k.below)
    if predicate is HAS_SIZE:
        size, *extents = operands
        return all(map(not_negative, extents)) and product(tuple(extents)) == size
    if predicate is AGREE:
        m, n = operands
        return bool(m == n)
    if predicate is FITS:
        return all(map(of_arrays, operands))
    return predicate is REACHES and _reaches(*operands)


def _reaches(m: Any, n: Any) -> bool:
    """Return whether ``m >= n`` is known."""
    if m is n:
        return True
    if isinstance(n, int):
        return exceeds(m, n)
    return bool(n.formula) and n.formula[0] is minimum and any(m is x for x in n.formula[1])
