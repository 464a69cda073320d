"""Cotangents that come through a branch, and count only where it was taken.

Where it was not taken they must not meet the infinities of that branch: zero times infinity is
NaN.  So the mask is carried separately, the rules of elementwise ops see the bare value, and the
mask is applied last, by construction and not by a rewrite that may or may not happen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from gradcore.derive.directions import Direction, sum_to, total, zeros
from gradcore.graph import Undefined, Variable
from gradcore.language import LANGUAGE


@dataclass(frozen=True)
class Masked:
    """A cotangent that counts only where a condition holds, and is garbage elsewhere.

    condition : what it depends on; None: the cotangent is zero where it does not count, and rules
        are applied by products that keep these zeros (strong zeros).
    where : the truth of ``condition`` where it counts.
    lazy : whether ``condition`` is a scalar that decides for the whole cotangent.
    """

    condition: Variable | None
    where: bool
    value: Variable
    lazy: bool = False

    def applied(self, x: Variable) -> Variable:
        """Return the cotangent, that of ``x``, with zeros where it does not count."""
        if self.condition is None:
            return self.value
        # The value of a branch that is not taken need not have the shape of x.
        zero = zeros(x) if self.lazy else 0
        branches = (self.value, zero) if self.where else (zero, self.value)
        return LANGUAGE["ifelse" if self.lazy else "switch"](self.condition, *branches)

    def but(self, value: Variable) -> Masked:
        """Return another cotangent that counts where this does."""
        return Masked(self.condition, self.where, value, self.lazy)

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


@dataclass(frozen=True)
class Part:
    """A cotangent that is zero but for a part of its tensor.

    onto : returns a tensor with it added to its part.
    masked : whether it counts only somewhere, and is zero elsewhere, as `Masked` without condition.
    """

    onto: Callable[[Variable], Variable]
    masked: bool = False

    def applied(self, x: Variable) -> Variable:
        """Return the cotangent, that of ``x``, with its zeros."""
        return self.onto(zeros(x))


Contribution: TypeAlias = Direction | Masked | Part


def combined(x: Variable, contributions: Sequence[Contribution]) -> Contribution:
    """Return the sum of all cotangents of ``x``.

    Parts are added to one tensor, one after the other: a tensor for each of a hundred elements
    that are read would be a hundred times the work.
    """
    parts = [c for c in contributions if isinstance(c, Part)]
    rest = _whole(x, [c for c in contributions if not isinstance(c, Part)])
    if not parts or isinstance(rest, Undefined):
        return rest
    masked = all(part.masked for part in parts) and not isinstance(rest, Variable)
    found = applied(x, rest)
    whole = added_to(found if isinstance(found, Variable) else zeros(x), parts)
    return Masked(None, True, whole) if masked else whole


def added_to(whole: Variable, parts: Sequence[Part]) -> Variable:
    """Return a tensor with parts added to it."""
    for part in parts:
        whole = part.onto(whole)
    return whole


def accumulated(x: Variable, total: Variable, contributions: Sequence[Contribution]) -> Variable:
    """Return ``total`` with cotangents of ``x`` added."""
    whole = applied(x, _whole(x, [c for c in contributions if not isinstance(c, Part)]))
    if isinstance(whole, Variable):
        total = total + whole
    return added_to(total, [c for c in contributions if isinstance(c, Part)])


def _whole(x: Variable, contributions: Sequence[Direction | Masked]) -> Direction | Masked:
    """Return the sum of cotangents that are no parts."""
    masked = [c for c in contributions if isinstance(c, Masked)]
    plain = total([c for c in contributions if not isinstance(c, Masked)])
    if not masked or isinstance(plain, Undefined):
        return plain
    if isinstance(plain, Variable):
        return total([plain, *(m.applied(x) for m in masked)])
    sides: dict[tuple[Variable | None, bool, bool], list[Variable]] = {}
    for m in masked:
        sides.setdefault((m.condition, m.where, m.lazy), []).append(m.value)
    sums = {side: total(values) for side, values in sides.items()}
    (condition, where, lazy), value = next(iter(sums.items()))
    if len(sums) == 1:
        assert isinstance(value, Variable)
        return Masked(condition, where, value, lazy)
    if len(sums) == 2 and (condition, not where, lazy) in sums:
        branches = sums[condition, True, lazy], sums[condition, False, lazy]
        return LANGUAGE["ifelse" if lazy else "switch"](condition, *branches)
    added = total([m.applied(x) for m in masked])
    assert isinstance(added, Variable)
    return Masked(None, True, added)


def applied(x: Variable, contribution: Contribution) -> Direction:
    """Return a cotangent of ``x`` with its mask, if any, applied, or in its place among zeros."""
    return contribution.applied(x) if isinstance(contribution, Masked | Part) else contribution
