"""Cotangents that come through a branch, and count only where it was taken.

Where it was not taken they must not meet the infinities of that branch: zero times infinity is
NaN.  So the mask is carried separately, the rules of elementwise ops see the bare value, and the
mask is applied last, by construction and not by a rewrite that may or may not happen.

A branch of an ``ifelse`` may not even run where it is not taken: all that is computed from its
cotangent stays in that branch, however deep it is in branches of others, and so is lazy, too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TypeAlias

from gradcore.derive.cases import alternatives, any_case, in_atoms
from gradcore.derive.directions import Direction, sum_to, total, zeros
from gradcore.graph import Undefined, Variable
from gradcore.language import LANGUAGE


@dataclass(frozen=True)
class Masked:
    """A cotangent that counts only where a condition holds, and is garbage elsewhere.

    condition : what it depends on; None: the cotangent is zero where it does not count, and rules
        are applied by products that keep these zeros (strong zeros).
    where : the truth of ``condition`` where it counts.
    """

    condition: Variable | None
    where: bool
    value: Variable

    def applied(self, x: Variable) -> Variable:
        """Return the cotangent, that of ``x``, with zeros where it does not count."""
        if self.condition is None:
            return self.value
        branches = (self.value, 0) if self.where else (0, self.value)
        return LANGUAGE["switch"](self.condition, *branches)

    def but(self, value: Variable) -> Masked:
        """Return another cotangent that counts where this does."""
        return Masked(self.condition, self.where, value)

    def truth(self) -> Variable:
        """Return where it counts, as a boolean."""
        assert self.condition is not None
        truth = LANGUAGE["neq"](self.condition, 0)
        return truth if self.where else LANGUAGE["invert"](truth)

    def summed_to(self, x: Variable, output: Variable) -> Masked:
        """Return this for an operand ``x`` that may have been stretched to ``output``."""
        if x.broadcastable == output.broadcastable:
            return self
        return Masked(None, True, sum_to(self.applied(output), x))


Guards: TypeAlias = tuple[tuple[Variable, bool], ...]
"""Branches, each inside of the one before: the scalar condition, and which branch of its choice."""


@dataclass(frozen=True)
class Guarded:
    """A cotangent that counts only in branches that are taken as a whole, and is garbage elsewhere.

    guards : the branches: all of them must be taken.  A condition may be known only in the branches
        before it; in another order, it is the same cotangent.
    """

    guards: Guards
    value: Variable | Masked

    def applied(self, x: Variable) -> Variable:
        """Return the cotangent, that of ``x``, with zeros where it does not count."""
        value = self.value if isinstance(self.value, Variable) else self.value.applied(x)
        for condition, where in reversed(self.guards):
            # The value of a branch that is not taken need not have the shape of x.
            branches = (value, zeros(x)) if where else (zeros(x), value)
            value = LANGUAGE["ifelse"](condition, *branches)
        return value

    def inside(self, guards: Guards) -> Guarded | Variable | Masked:
        """Return this inside of some of its branches."""
        rest = tuple(guard for guard in self.guards if guard not in guards)
        return Guarded(rest, self.value) if rest else self.value


def guarded(guards: Guards, x: Variable, ct: Contribution) -> Direction | Masked | Guarded:
    """Return a cotangent of ``x`` that is computed inside of branches."""
    if isinstance(ct, Guarded):
        return Guarded(_inner_guards(guards, ct.guards), ct.value)
    if isinstance(ct, PartialCotangent):
        whole = ct.applied(x)
        return Guarded(guards, Masked(None, True, whole) if ct.masked else whole)
    return Guarded(guards, ct) if isinstance(ct, Variable | Masked) else ct


def _inner_guards(outer: Guards, inner: Guards) -> Guards:
    """Return guards inside of others, without what is known then."""
    cases = in_atoms([dict.fromkeys((*outer, *inner))])
    return tuple(cases[0]) if len(cases) == 1 and cases[0] else (*outer, *inner)


def common_guards(several: Iterable[Guards]) -> Guards:
    """Return branches that all of these are inside of, in an order in which one of them has them.

    So each condition is known in the branches before it.
    """
    found = list(several)
    shared = set(found[0]).intersection(*found[1:])
    return max((tuple(takewhile(shared.__contains__, guards)) for guards in found), key=len)


@dataclass(frozen=True)
class PartialCotangent:
    """A cotangent that is zero but for a part of its tensor.

    onto : returns a tensor with it added to its part.
    masked : whether it counts only somewhere, and is zero elsewhere, as `Masked` without condition.
    """

    onto: Callable[[Variable], Variable]
    masked: bool = False

    def applied(self, x: Variable) -> Variable:
        """Return the cotangent, that of ``x``, with its zeros."""
        return self.onto(zeros(x))


Contribution: TypeAlias = Direction | Masked | Guarded | PartialCotangent


def combined(x: Variable, contributions: Sequence[Contribution]) -> Contribution:
    """Return the sum of all cotangents of ``x``.

    Parts are added to one tensor, one after the other: a tensor for each of a hundred elements
    that are read would be a hundred times the work.
    """
    parts = [c for c in contributions if isinstance(c, PartialCotangent)]
    rest = _whole(x, [c for c in contributions if not isinstance(c, PartialCotangent)])
    if not parts or isinstance(rest, Undefined):
        return rest
    masked = all(part.masked for part in parts) and not isinstance(rest, Variable)
    found = applied(x, rest)
    whole = added_to(found if isinstance(found, Variable) else zeros(x), parts)
    return Masked(None, True, whole) if masked else whole


def added_to(whole: Variable, parts: Sequence[PartialCotangent]) -> Variable:
    """Return a tensor with parts added to it."""
    for part in parts:
        whole = part.onto(whole)
    return whole


def accumulated(x: Variable, total: Variable, contributions: Sequence[Contribution]) -> Variable:
    """Return ``total`` with cotangents of ``x`` added."""
    whole = applied(x, _whole(x, [c for c in contributions if not isinstance(c, PartialCotangent)]))
    if isinstance(whole, Variable):
        total = total + whole
    return added_to(total, [c for c in contributions if isinstance(c, PartialCotangent)])


def _whole(
    x: Variable, contributions: Sequence[Direction | Masked | Guarded]
) -> Direction | Masked | Guarded:
    """Return the sum of cotangents that are no parts."""
    lazy = _joined(x, [c for c in contributions if isinstance(c, Guarded)])
    everywhere = [c for c in contributions if not isinstance(c, Guarded)]
    rest = _eager(x, [*everywhere, lazy.pop((), None)])
    if not lazy or isinstance(rest, Undefined):
        return rest
    if isinstance(rest, Variable | Masked):
        added = total([applied(x, rest), *(Guarded(g, v).applied(x) for g, v in lazy.items())])
        return Masked(None, True, _known(added)) if isinstance(rest, Masked) else added
    guards = common_guards(lazy)
    inside = [Guarded(g, v).inside(guards) for g, v in lazy.items()]
    if guards:
        return guarded(guards, x, _whole(x, inside))
    summed = Masked(None, True, _known(total([applied(x, c) for c in inside])))
    guards = _any_guards(list(lazy))
    return Guarded(guards, summed) if guards else summed


def _any_guards(several: Sequence[Guards]) -> Guards:
    """Return guards that hold wherever those of one of ``several`` do; none, if always."""
    cases = in_atoms([dict.fromkeys(guards) for guards in several])
    if not all(cases):
        return ()
    if len(cases) == 1:
        return tuple(cases[0])
    key = frozenset(map(frozenset, cases))
    for guards in several:
        if len(guards) == 1 and key == frozenset(map(frozenset, alternatives(*guards[0]))):
            return guards
    return ((any_case(cases), True),)


def _joined(x: Variable, several: Sequence[Guarded]) -> dict[Guards, Variable | Masked]:
    """Return the sums of cotangents in the same branches, those in both of a choice as a choice.

    What else they have in common stays in front: a choice is inside of it.
    """
    orders: dict[frozenset[tuple[Variable, bool]], Guards] = {}
    values: dict[Guards, list[Variable | Masked]] = {}
    for ct in several:
        guards = orders.setdefault(frozenset(ct.guards), ct.guards)
        values.setdefault(guards, []).append(ct.value)
    found = {guards: _sum(x, some) for guards, some in values.items()}
    while (place := _choice_among(found)) is not None:
        before, condition, after = place
        pair = [found.pop((*before, (condition, where), *after)) for where in (True, False)]
        chosen: Variable | Masked = LANGUAGE["ifelse"](condition, *(applied(x, v) for v in pair))
        if any(isinstance(v, Masked) for v in pair):
            chosen = Masked(None, True, _known(chosen))
        rest = (*before, *after)
        found[rest] = _sum(x, [found[rest], chosen]) if rest in found else chosen
    return found


def _choice_among(several: Collection[Guards]) -> tuple[Guards, Variable, Guards] | None:
    """Return a condition of which both branches occur, and what is before and after it."""
    for guards in several:
        for k, (condition, where) in enumerate(guards):
            before, after = guards[:k], guards[k + 1 :]
            if (*before, (condition, not where), *after) in several:
                return before, condition, after
    return None


def _sum(x: Variable, several: Sequence[Variable | Masked]) -> Variable | Masked:
    found = _eager(x, several)
    assert isinstance(found, Variable | Masked)
    return found


def _known(direction: Direction | Masked) -> Variable:
    assert isinstance(direction, Variable)
    return direction


def _eager(x: Variable, contributions: Sequence[Direction | Masked]) -> Direction | Masked:
    """Return the sum of cotangents that are no parts and in no branches."""
    masked = [c for c in contributions if isinstance(c, Masked)]
    plain = total([c for c in contributions if not isinstance(c, Masked)])
    if not masked or isinstance(plain, Undefined):
        return plain
    if isinstance(plain, Variable):
        return total([plain, *(m.applied(x) for m in masked)])
    sides: dict[tuple[Variable | None, bool], list[Variable]] = {}
    for m in masked:
        sides.setdefault((m.condition, m.where), []).append(m.value)
    sums = {side: total(values) for side, values in sides.items()}
    (condition, where), value = next(iter(sums.items()))
    if len(sums) == 1:
        return Masked(condition, where, _known(value))
    if len(sums) == 2 and (condition, not where) in sums:
        return LANGUAGE["switch"](condition, sums[condition, True], sums[condition, False])
    return Masked(None, True, _known(total([m.applied(x) for m in masked])))


def applied(x: Variable, contribution: Contribution) -> Direction:
    """Return a cotangent of ``x`` with its mask, if any, applied, or in its place among zeros."""
    masked = isinstance(contribution, Masked | Guarded | PartialCotangent)
    return contribution.applied(x) if masked else contribution
