"""What is known of extents: which are equal, because a check has passed, and which is larger.

Extents are compared as *sums*, of terms that are no sums themselves, with whole factors: that the
first ``b`` of ``b + b`` elements are ``b`` is seen from the difference, all of whose terms are
extents with factors that are not negative.

The decision: two extents are compared only if all of their terms are known not to be negative, as
extents are: only such sums do not wrap.  Rejected: a solver for integer inequalities, which would
prove more, in a time that nobody can tell beforehand.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, TypeAlias

from gradcore.kernel.ir import (
    ONE,
    ZERO,
    Buffer,
    Call,
    Expr,
    Literal,
    Load,
    Symbol,
    call,
    integer,
    never_negative,
    operations,
    parts,
)

Sum: TypeAlias = dict[Expr, int]
"""The factor of each term that is not 0; `ONE` stands for what is added to them."""

ORDER: dict[str, tuple[int, int]] = {
    "ge": (1, 0), "gt": (1, 1), "le": (-1, 0), "lt": (-1, 1),
}  # fmt: skip
"""For each comparison of x and y: which of x - y and y - x is at least which number."""

MOST_TERMS = 16
"""How many terms a sum has at most: what is longer is a term itself."""

MOST_ADDED = 2**62
"""Numbers beyond it are not added to other terms: in int64 their sum may wrap."""

OPPOSITE = {"ge": "lt", "gt": "le", "le": "gt", "lt": "ge"}


def _complexity(extent: Expr) -> int:
    kinds = (Literal, Symbol, Load)
    return next((rank for rank, kind in enumerate(kinds) if isinstance(extent, kind)), len(kinds))


def _plus(a: Sum, b: Sum, factor: int = 1) -> Sum:
    """Return ``a + factor * b``."""
    total = dict(a)
    for term, k in b.items():
        total[term] = total.get(term, 0) + factor * k
    return {term: k for term, k in total.items() if k}


class Extents:
    """What is known of extents, at a place in a program."""

    def __init__(self) -> None:
        self._same: dict[Expr, Expr] = {}
        self._means: dict[Expr, Sum] = {}
        self._log: list[tuple[dict[Expr, Any], Expr]] = []
        self._depth = 0
        self._made: dict[Symbol | Buffer, int] = {}

    def note(self, *made: Symbol | Buffer, depth: int | None = None) -> None:
        """Note what is made here, or further out: outside of that it tells nothing."""
        within = self._depth if depth is None else depth
        if within:
            self._made.update(dict.fromkeys(made, within))

    def _rank(self, extent: Expr) -> tuple[int, int, int]:
        """Return how far inside an extent is known first, and how complex it is."""
        used = (x.buffer.root if isinstance(x, Load) else x for x in parts(extent))
        depths = (self._made.get(x, 0) for x in used if isinstance(x, (Symbol, Buffer)))
        return max(depths, default=0), _complexity(extent), operations(extent)

    def best(self, extent: Expr) -> Expr:
        """Return the expression that stands for all that are equal to ``extent``."""
        found = extent
        while found in self._same:
            found = self._same[found]
        return found

    def equal(self, a: Expr, b: Expr) -> bool:
        """Return whether two extents are known to be equal."""
        return a is b or self.best(a) == self.best(b) or self._sum(a) == self._sum(b)

    def unite(self, a: Expr, b: Expr) -> None:
        """Note that two extents are equal; the one known in more places, or simpler, stays."""
        a, b = self.best(a), self.best(b)
        if a == b:
            return
        old, new = (a, b) if self._rank(b)[:2] < self._rank(a)[:2] else (b, a)
        self.define(new, old)
        if not self._needs(new, old):
            self._note(self._same, old, new)

    def define(self, name: Expr, extent: Expr) -> None:
        """Note that ``name``, a register or a number, is equal to ``extent``."""
        meaning = self._sum(extent)
        if meaning == {extent: 1}:
            if not self._needs(name, extent):
                self._note(self._same, extent, name)
        elif isinstance(name, (Symbol, Load)) and not self._needs(extent, name):
            self._note(self._means, name, meaning)

    def _needs(self, x: Expr, other: Expr) -> bool:
        """Return whether ``other`` is in ``x``, or in what anything in it is known to be."""
        stack, seen = [x], set[Expr]()
        while stack:
            part = stack.pop()
            if part in seen:
                continue
            seen.add(part)
            stack += [*parts(part), self._same.get(part, part), *self._means.get(part, ())]
        return other in seen

    def _note(self, known: dict[Expr, Any], what: Expr, meaning: Any) -> None:
        if what not in known:
            known[what] = meaning
            self._log.append((known, what))

    @contextmanager
    def within(self) -> Generator[None]:
        """Enter a block: what is noted in it is forgotten at its end."""
        start = len(self._log)
        self._depth += 1
        yield
        self._depth -= 1
        while len(self._log) > start:
            known, what = self._log.pop()
            del known[what]

    # proofs -------------------------------------------------------------------------------------
    def simplest(self, x: Expr) -> Expr:
        """Return an integer or a condition as simply as what is known allows."""
        if not isinstance(x, Call) or x.dtype not in ("int64", "bool"):
            return self.best(x)
        operands = tuple(map(self.simplest, x.operands))
        if any(a is not b for a, b in zip(operands, x.operands, strict=True)):
            made = call(x.op, operands, x.dtype)
            if not isinstance(made, Call):
                return self.best(made)
            x = made
        if len(x.operands) == 2 and all(o.dtype == "int64" for o in x.operands):
            return self.best(self._proved(x, *x.operands))
        return self.best(x)

    def _proved(self, call_: Call, x: Expr, y: Expr) -> Expr:
        """Return what a call on two integers is known to be."""
        name = call_.op.name
        if name in ("add", "sub"):
            return min((call_, _written(self._sum(call_))), key=self._rank)
        if name in ("minimum", "maximum"):
            for small, large in ((x, y), (y, x)):
                if self._differ_by(large, small, 0):
                    return small if name == "minimum" else large
        if name in ORDER:
            for row_name, holds in ((name, True), (OPPOSITE[name], False)):
                sign, least = ORDER[row_name]
                if self._differ_by(*((x, y) if sign > 0 else (y, x)), least):
                    return Literal(holds, "bool")
        if name == "eq" and self.equal(x, y):
            return Literal(True, "bool")
        return call_

    def _differ_by(self, x: Expr, y: Expr, least: int) -> bool:
        """Return whether ``x`` is known to be larger than ``y`` by ``least``, or more."""
        large, small = self._sum(x), self._sum(y)
        if not all(map(never_negative, (*large, *small))):
            return False
        rest = _plus(large, small, -1)
        return rest.pop(ONE, 0) >= least and all(k > 0 for k in rest.values())

    def _sum(self, x: Expr) -> Sum:
        """Return an integer as a sum of terms of which nothing else is known."""
        if isinstance(x, Literal):
            return {ONE: x.value} if x.value else {}
        known = self.best(x)
        if known is not x:
            return self._sum(known)
        found: Sum | None = {}
        if x in self._means:
            for term, k in self._means[x].items():
                found = _plus(found, {ONE: 1} if term == ONE else self._sum(term), k)
        else:
            found = self._called(x) if isinstance(x, Call) and x.dtype == "int64" else None
        if found is None or len(found) > MOST_TERMS or abs(found.get(ONE, 0)) > MOST_ADDED:
            return {x: 1}
        return found

    def _called(self, x: Call) -> Sum | None:
        """Return what adds or multiplies sums as one, if it is one."""
        if x.op.name not in ("add", "sub", "neg", "mul"):
            return None
        if any(o.dtype != "int64" for o in x.operands):
            return None
        a, *others = map(self._sum, x.operands)
        for b in others:
            if x.op.name != "mul":
                return _plus(a, b, 1 if x.op.name == "add" else -1)
            for factor, terms in ((a, b), (b, a)):
                if factor.keys() <= {ONE}:
                    return _plus({}, terms, factor.get(ONE, 0))
            return None
        return _plus({}, a, -1)


def _written(terms: Sum) -> Expr:
    """Return a sum of terms with factors as an expression, what is subtracted last."""
    found: Expr = ZERO
    for term, k in sorted(terms.items(), key=lambda pair: pair[0] == ONE or pair[1] < 0):
        if term == ONE:
            found = found + integer(k)
        elif k > 0:
            found = found + term * integer(k)
        else:
            found = found - term * integer(-k)
    return found
