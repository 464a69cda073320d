"""Between which numbers integer expressions lie, and which shapes are known to fit memory.

Whatever is made of the extents of arrays that exist (parts, paddings, joined arrays) is known not
to overflow, and needs no check when a program runs; what is made of numbers that a caller gives,
or of extents of several arrays (an outer product), is not.

The decision: intervals for sums and choices, and sets of extents whose product is known, for a
product of intervals would know nothing of a matrix: it has few rows or few columns.  Rejected:
saturating arithmetic everywhere, which costs at run time and tells no line.
"""

from __future__ import annotations

import math
from collections import ChainMap, Counter
from collections.abc import Callable, Collection, MutableMapping, Sequence
from typing import TypeAlias

from gradcore.dtypes import DTYPES, SIGNED, UNSIGNED
from gradcore.graph.extents import MOST
from gradcore.graph.types import FLOATS
from gradcore.kernel.ir import Call, Expr, Literal, integer

Interval: TypeAlias = tuple[int, int]
"""The least and the largest number, both included."""

Product: TypeAlias = tuple[Counter[Expr], int]
"""Factors, and what they are together at most."""

MOST_ELEMENTS = 2**48
"""More elements than an array can have that is in memory: addresses have 47 bits."""

MOST_FACTORS = 64
"""Factors that a product is decomposed into before nothing is known of it."""


class Bounds:
    """What is known of integer expressions.

    known : intervals of registers and of what was checked.
    best : returns the expression that stands for all that are known to be equal to one.
    products : for an extent, products that it is in and that are known to be no larger than that.
    meanings : what registers were set to.
    decomposed : the products that are being decomposed, from the outermost on.
    """

    def __init__(
        self,
        known: MutableMapping[Expr, Interval] | None = None,
        best: Callable[[Expr], Expr] = lambda x: x,
        products: dict[Expr, list[Product]] | None = None,
        meanings: dict[Expr, Expr] | None = None,
        decomposed: list[Call] | None = None,
    ) -> None:
        self.known: MutableMapping[Expr, Interval] = {} if known is None else known
        self.best = best
        self.products: dict[Expr, list[Product]] = {} if products is None else products
        self.meanings: dict[Expr, Expr] = {} if meanings is None else meanings
        self.decomposed: list[Call] = [] if decomposed is None else decomposed
        self._fitting: set[tuple[Expr, ...]] = set()

    def copy(self) -> Bounds:
        """Return the same knowledge, to which more is added that holds in a part of a program."""
        products = {x: list(some) for x, some in self.products.items()}
        found = Bounds(dict(self.known), self.best, products, self.meanings)
        found._fitting |= self._fitting
        return found

    # what is known -------------------------------------------------------------------------------
    def define(self, register: Expr, x: Expr) -> None:
        """Note that a register was set to an expression: it has the range of that from here on."""
        self.meanings[register] = x
        self.known[register] = self.of(x)

    def fit(self, shape: Collection[Expr], most: int = MOST) -> None:
        """Note that an array of this shape exists, or may, which has ``most`` elements at most."""
        most //= math.prod(max(n.value, 1) for n in shape if isinstance(n, Literal))
        factors = Counter(n for n in map(self.best, shape) if not isinstance(n, Literal))
        for n in factors:
            low, high = self.of(n)
            self.known[n] = max(low, 0), min(high, most)
            products = self.products.setdefault(n, [])
            if (factors, most) not in products:
                products.append((factors, most))

    # what is known ------------------------------------------------------------------------------
    def of(self, x: Expr) -> Interval:
        """Return between which numbers an expression lies, which wraps as its dtype does."""
        if isinstance(x, Literal):
            return int(x.value), int(x.value)
        limits = _limits(x.dtype)
        found = self.known.get(x)
        meaning = self.meanings.get(x, x)
        if found is None and isinstance(meaning, Call):
            found = self.called(meaning)
            if found is not None and meaning is not x:
                self.known[x] = found
        if found is None or not limits[0] <= found[0] <= found[1] <= limits[1]:
            return limits
        return found

    def wraps(self, x: Call) -> bool:
        """Return whether a sum, difference or product may overflow its dtype."""
        found = self.called(x)
        low, high = _limits(x.dtype)
        return found is None or not low <= found[0] <= found[1] <= high

    def called(self, x: Call) -> Interval | None:
        """Return between which numbers a call on integers lies, if nothing wraps."""
        if any(o.dtype in FLOATS for o in x.operands):
            return None
        given = [bounds.of(y) for y, bounds in zip(x.operands, self.inside(x), strict=True)]
        rule = INTERVALS.get(x.op.name)
        found = rule(*given) if rule is not None else None
        if found is not None and x.op.name == "mul" and found[0] >= 0 and found[1] > MOST:
            return found[0], self._largest(x, found[1])
        return found

    def _largest(self, x: Call, most: int) -> int:
        """Return what a product is at most, decomposed unless that is what asks: else ``most``."""
        if x in self.decomposed:
            return most
        self.decomposed.append(x)
        found = _Product(self).by_terms(x, (), self)
        self.decomposed.pop()
        return most if found is None else int(found)

    def inside(self, x: Call) -> tuple[Bounds, ...]:
        """Return what is known where each operand of ``x`` is evaluated."""
        if x.op.name != "switch":
            return (self,) * len(x.operands)
        return self, self.where(x.operands[0], True), self.where(x.operands[0], False)

    def where(self, condition: Expr, holds: bool) -> Bounds:
        """Return what is known where a comparison with a number holds, or does not."""
        if not isinstance(condition, Call) or condition.op.name not in COMPARED:
            return self
        x, y = condition.operands
        if not isinstance(y, Literal) or isinstance(x, Literal):
            return self
        (low, high), (least, most) = self.of(x), COMPARED[condition.op.name](int(y.value), holds)
        low, high = max(low, least), min(high, most)
        if low > high:
            return self
        known = ChainMap({x: (low, high)}, self.known)
        return Bounds(known, self.best, self.products, self.meanings, self.decomposed)

    def fits(self, shape: Sequence[Expr]) -> bool:
        """Return whether arrays of this shape are known to have at most `MOST` elements.

        An extent of 0 counts as 1, as in NumPy: so its parts fit, too.
        """
        key = tuple(map(self.best, shape))
        if key in self._fitting:
            return True
        found = _Product(self).largest(key) <= MOST
        if found:
            self._fitting.add(key)
        return found

    def product(self, factors: Counter[Expr]) -> int:
        """Return what a product of expressions is at most, by what is known of products."""
        found = math.prod(max(self.of(x)[1], 1) ** k for x, k in factors.items())
        for x in factors:
            for known, most in self.products.get(x, ()):
                if found <= MOST_ELEMENTS:
                    return found
                rest = (factors - Counter(map(self.best, known.elements()))).items()
                found = min(found, most * math.prod(max(self.of(y)[1], 1) ** k for y, k in rest))
        return found


class _Product:
    """How large a product of extents can be, found by decomposing it.

    left : how many terms may still be tried.
    """

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.left = MOST_FACTORS

    def largest(self, factors: Sequence[Expr], bounds: Bounds | None = None) -> float:
        """Return what the product is at most; an extent of 0 counts as 1."""
        bounds = bounds or self.bounds
        self.left -= 1
        if self.left < 0:
            return math.inf
        for k, x in enumerate(factors):
            meaning = bounds.meanings.get(x, x)
            if isinstance(meaning, Call):
                found = self.by_terms(meaning, (*factors[:k], *factors[k + 1 :]), bounds)
                if found is not None and (found <= MOST or meaning is x):
                    return found
        known = math.prod(max(int(x.value), 1) for x in factors if isinstance(x, Literal))
        rest = Counter(x for x in factors if not isinstance(x, Literal))
        return known * bounds.product(rest)

    def by_terms(self, x: Call, rest: tuple[Expr, ...], bounds: Bounds) -> float | None:
        """Return what ``x`` times the rest is at most, from the operands of ``x``."""

        def times(*some: Expr) -> float:
            return self.largest((*map(bounds.best, some), *rest), bounds)

        match x.op.name, x.operands:
            case "mul", (a, b) if bounds.of(a)[0] >= 0 and bounds.of(b)[0] >= 0:
                found = times(a, b)
                return found if found <= MOST else None
            case "add", (a, b) if not bounds.wraps(x):
                (low, high), (least, most) = bounds.of(a), bounds.of(b)
                if most <= 0 or high <= 0:
                    return times(a if most <= 0 else b)
                return times(a) + times(b) if low >= 0 and least >= 0 else None
            case "sub", (a, b) if bounds.of(b)[0] >= 0 and not bounds.wraps(x):
                return times(a)
            case "int_div", (a, Literal() as b) if b.value > 0:
                return times(_rounded_up(a, int(b.value)))
            case "maximum", (a, b):
                return max(times(a), times(b))
            case "minimum", (a, b):
                return min(times(a), times(b))
            case "switch", (_, a, b):
                _, then, orelse = bounds.inside(x)
                return max(self.largest((a, *rest), then), self.largest((b, *rest), orelse))
            case _:
                return None


def _rounded_up(x: Expr, step: int) -> Expr:
    """Return ``a`` if ``x`` is ``a + (step - 1)``: over ``step``, that is no more than ``a``."""
    if isinstance(x, Call) and x.op.name == "add" and x.operands[1] == integer(step - 1):
        return x.operands[0]
    return x


# rows on intervals ------------------------------------------------------------------------------
def _limits(dtype: str) -> Interval:
    return DTYPES[dtype].limits


def _corners(function: Callable[[int, int], int]) -> Callable[[Interval, Interval], Interval]:
    """Return a function that is monotone in each operand, of intervals."""

    def of(x: Interval, y: Interval) -> Interval:
        found = [function(a, b) for a in x for b in y]
        return min(found), max(found)

    return of


def _quotient(x: Interval, y: Interval) -> Interval | None:
    """Return the range of the quotients of two ranges of integers; division by 0 gives 0."""
    if y[0] < 0:
        return None
    found = [a // b for a in x for b in (max(y[0], 1), max(y[1], 1))]
    return min(0, *found) if y[0] == 0 else min(found), max(0, *found) if y[0] == 0 else max(found)


def _remainder(x: Interval, y: Interval) -> Interval | None:
    return (0, max(y[1] - 1, 0)) if y[0] >= 0 else None


def _either(condition: Interval, x: Interval, y: Interval) -> Interval:
    return min(x[0], y[0]), max(x[1], y[1])


def _opposite(x: Interval) -> Interval:
    return -x[1], -x[0]


def _magnitude(x: Interval) -> Interval:
    low, high = sorted(map(abs, x))
    return (low if x[0] > 0 or x[1] < 0 else 0), high


def _square(x: Interval) -> Interval:
    low, high = _magnitude(x)
    return low * low, high * high


def _same(x: Interval) -> Interval:
    return x


INTERVALS: dict[str, Callable[..., Interval | None]] = {
    "add": _corners(lambda x, y: x + y),
    "sub": _corners(lambda x, y: x - y),
    "mul": _corners(lambda x, y: x * y),
    "minimum": _corners(min),
    "maximum": _corners(max),
    "switch": _either,
    "neg": _opposite,
    "abs": _magnitude,
    "sqr": _square,
    "int_div": _quotient,
    "mod": _remainder,
    "identity": _same,
    **{f"cast_{dtype}": _same for dtype in (*SIGNED, *UNSIGNED)},
}
"""Rows of integers on intervals, of numbers without limits; None: nothing is known."""

BELOW, ABOVE = -(2**64), 2**64

COMPARED: dict[str, Callable[[int, bool], Interval]] = {
    "lt": lambda y, holds: (BELOW, y - 1) if holds else (y, ABOVE),
    "le": lambda y, holds: (BELOW, y) if holds else (y + 1, ABOVE),
    "gt": lambda y, holds: (y + 1, ABOVE) if holds else (BELOW, y),
    "ge": lambda y, holds: (y, ABOVE) if holds else (BELOW, y - 1),
}
"""Where ``x`` lies if a comparison with ``y`` holds, or does not."""
