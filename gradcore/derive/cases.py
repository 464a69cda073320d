"""Cases: the branches that must be taken for something to be needed, and conditions made of them.

A *guard* is the condition of a choice and which of its branches is taken; guards that hold together
are a *case*, and what several branches need is needed in any of several cases.

A condition may itself be made of others, by a user or by a derivative, as `c | d` is: then it is
known in which cases it holds (`alternatives`).  What it implies and what implies it counts, else
the cases of a second derivative, whose conditions are made of those of the first, would multiply:

>>> import gradcore.tensor as T
>>> c, d = T.bscalars("c", "d")
>>> e = c | d
>>> [[str(v) for v, _ in case] for case in any_of([{(e, True): None}, {(c, True): None}])]
[['or_.0']]
>>> any_of([{(e, True): None}, {(c, False): None}])
[{}]
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TypeAlias
from weakref import WeakKeyDictionary

from gradcore.graph import Constant, Variable
from gradcore.language import LANGUAGE

Guard: TypeAlias = tuple[Variable, bool]
"""The condition of a choice, and which of its branches: the one for a true condition?"""

Guards: TypeAlias = dict[Guard, None]
"""Guards that hold together, in order: those of outer choices are first."""

Cases: TypeAlias = list[Guards]
"""Guards in any of which something is needed.  Always, if some of them are none."""

MOST_CASES = 32
"""Of more cases, the guards that all of them have in common are taken: it is needed more often."""

FEW_CASES = 8
"""Of more cases, what conditions are made of is not looked at."""

DEEPEST = 12
"""How deep it is looked what a condition is made of."""


def common(cases: Cases) -> Guards:
    """Return the guards that hold in all cases."""
    first, *others = cases
    holding = _Holding(cases)
    return {guard: None for guard in first if all(guard in holding(case) for case in others)}


def both(one: Cases, other: Cases) -> Cases:
    """Return the cases in which one of ``one`` holds, and one of ``other``."""
    return any_of([{**a, **b} for a in one for b in other])


def any_of(cases: Sequence[Guards]) -> Cases:
    """Return cases without those, and without the guards, that others make needless."""
    if len(cases) < 2 or not all(cases):
        return list(cases) if all(cases) else [{}]
    holding = _Holding(cases)
    found = _without_needless(cases, holding)
    if len(found) > 1 and holding.made and in_atoms(found) == [{}]:
        return [{}]
    return found if len(found) <= MOST_CASES else [common(found)]


def in_atoms(cases: Sequence[Guards]) -> Cases:
    """Return the same cases by conditions that are not made of others, if they are not too many."""
    found: Cases = []
    for case in cases:
        inner: Cases = [{}]
        for guard in case:
            inner = _each_in_each(inner, alternatives(*guard))
            if len(found) + len(inner) > MOST_CASES:
                return list(cases)
        found += inner
    if not all(found):
        return [{}]
    return _without_needless(found, dict) if len(found) > 1 else found


def _each_in_each(one: Cases, other: Cases) -> Cases:
    """Return the cases in which one of both holds, but what contradicts itself."""
    found = ({**a, **b} for a in one for b in other)
    return [case for case in found if not _contradicts(case)]


def _contradicts(case: Guards) -> bool:
    return any((c, not side) in case for c, side in case)


def _without_needless(
    cases: Sequence[Guards], holding: Callable[[Guards], Collection[Guard]]
) -> Cases:
    """Return cases that none of the others covers.

    holding : returns the guards that hold in a case.
    """
    found: Cases = []
    todo = [case for case in cases if not _contradicts(case)]
    todo = todo or [common(list(cases))]
    while todo:
        case = todo.pop()
        known = holding(case)
        if any(all(guard in known for guard in other) for other in found):
            continue
        shorter = next((s for s in (_shorter(case, o) for o in found) if s is not None), None)
        if shorter is not None:
            todo.append(shorter)
            continue
        left: Cases = [case]
        for other in found:
            shorter = _shorter(other, case)
            if shorter is not None:
                todo.append(shorter)
            elif not (case.keys() <= set(holding(other))):
                left.append(other)
        found = left
    return found


class _Holding:
    """Returns what holds in a case: its guards, and those of ``cases`` that they imply."""

    def __init__(self, cases: Sequence[Guards]) -> None:
        every = {guard: None for case in cases for guard in case}
        few = len(cases) <= FEW_CASES
        self.made = [guard for guard in every if is_made(guard[0])] if few else []
        self._known: dict[frozenset[Guard], Collection[Guard]] = {}

    def __call__(self, case: Guards) -> Collection[Guard]:
        if not self.made:
            return case
        key = frozenset(case)
        if key not in self._known:
            self._known[key] = self._implied(case)
        return self._known[key]

    def _implied(self, case: Guards) -> Collection[Guard]:
        known = set(case)
        several: list[Cases] = []
        for condition, side in case:
            inner = alternatives(condition, side)
            known.update(*inner[:1]) if len(inner) == 1 else several.append(inner)
        for guard in self.made:
            wanted = alternatives(*guard)
            if _hold(wanted, known) or any(
                all(_hold(wanted, known.union(some)) for some in inner) for inner in several
            ):
                known.add(guard)
        return known


def _hold(wanted: Cases, known: set[Guard]) -> bool:
    """Return whether one of ``wanted`` holds."""
    return any(known.issuperset(some) for some in wanted)


def _shorter(case: Guards, other: Guards) -> Guards | None:
    """Return a case without a guard that need not hold, since ``other`` is where it does not.

    Only the last one: it takes the others to know the conditions of those behind it.  Any, if
    ``other`` has all of them.
    """
    opposite = [(c, side) for c, side in case if (c, not side) in other]
    if len(opposite) != 1 or len(other.keys() - case.keys()) != 1:
        return None
    if len(case) != len(other) and opposite[0] != next(reversed(case)):
        return None
    return {guard: None for guard in case if guard != opposite[0]}


# conditions -------------------------------------------------------------------------------------
def any_case(cases: Iterable[Iterable[Guard]]) -> Variable:
    """Return whether branches are taken: all that are in one of ``cases``, each in that before."""
    found: list[Variable] = []
    for case in cases:
        *before, (condition, where) = case
        holds = condition if condition.type.dtype == "bool" else LANGUAGE["neq"](condition, 0)
        holds = holds if where else LANGUAGE["invert"](holds)
        for condition, where in reversed(before):
            branches = (holds, False) if where else (False, holds)
            holds = LANGUAGE["ifelse"](condition, *branches)
        found.append(holds)
    while len(found) > 1:  # a tree, so that no condition is deep
        pairs = [found[k : k + 2] for k in range(0, len(found), 2)]
        found = [LANGUAGE["or_"](*pair) if len(pair) > 1 else pair[0] for pair in pairs]
    return found[0]


def alternatives(condition: Variable, where: bool, depth: int = DEEPEST) -> Cases:
    """Return the cases in which a condition has a truth, by conditions that it is made of.

    In each case, a condition is known in the guards before it.
    """
    return _made(condition, depth)[where] or [{(condition, where): None}]


def is_made(condition: Variable) -> bool:
    """Return whether a condition is made of others."""
    return _made(condition, DEEPEST) != (None, None)


def _made(condition: Variable, depth: int) -> tuple[Cases | None, ...]:
    known = _made_of.get(condition)
    if known is None:
        parts = _parts(condition) if depth else None
        known = (None, None) if parts is None else tuple(_joint(p, depth - 1) for p in parts)
        _made_of[condition] = known
    return known


_made_of: WeakKeyDictionary[Variable, tuple[Cases | None, ...]] = WeakKeyDictionary()
"""For conditions, the cases in which they are false and true; None: they are made of no others."""


def _joint(parts: Sequence[Sequence[Guard]], depth: int) -> Cases | None:
    """Return the cases in which one of ``parts`` holds; None: they are none or too many."""
    found: Cases = []
    for case in parts:
        inner: Cases = [{}]
        for v, side in case:
            inner = _each_in_each(inner, alternatives(v, side, depth))
            if len(found) + len(inner) > MOST_CASES:
                return None
        found += inner
    found = _without_needless(found, dict) if len(found) > 1 else found
    return found if found and all(found) else None


def _parts(condition: Variable) -> tuple[list[list[Guard]], list[list[Guard]]] | None:
    """Return in which cases of its operands a condition is false, and in which it is true."""
    node = condition.owner
    if node is None:
        return None
    op, operands = node.op, node.inputs
    truths = condition.type.dtype == "bool"
    if op is LANGUAGE["or_"] or (op is LANGUAGE["and_"] and truths):
        a, b = operands
        least = op is LANGUAGE["or_"]  # of its operands, one has this truth for it to have it
        several: list[list[Guard]] = [[(a, least)], [(b, least)]]
        every: list[list[Guard]] = [[(a, not least), (b, not least)]]
        return (every, several) if least else (several, every)
    if op is LANGUAGE["invert"] and truths:
        return [[(operands[0], True)]], [[(operands[0], False)]]
    if op is LANGUAGE["neq"] and _truth(operands[1]) is False:
        return [[(operands[0], False)]], [[(operands[0], True)]]
    if op.chooses and truths and len(node.outputs) == 1:
        return _of_choice(*operands)
    return None


def _of_choice(
    chosen: Variable, then: Variable, orelse: Variable
) -> tuple[list[list[Guard]], list[list[Guard]]]:
    found: tuple[list[list[Guard]], list[list[Guard]]] = ([], [])
    for side, v in ((True, then), (False, orelse)):
        known = _truth(v)
        for truth in (False, True):
            if known is None:
                found[truth].append([(chosen, side), (v, truth)])
            elif known is truth:
                found[truth].append([(chosen, side)])
    return found


def _truth(v: Variable) -> bool | None:
    """Return the truth of a constant."""
    return bool(v.data.all()) if isinstance(v, Constant) and v.data.size == 1 else None
