"""Extents as symbols: shape rules read without building a graph.

Equal expressions are one object, so that two readings of shape rules, such as those of a graph
before and after it is rewritten, can be compared by identity.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from math import prod
from typing import Any, TypeAlias

import numpy as np

from gradcore.language import Operators
from gradcore.ops.elementwise import Elementwise
from gradcore.ops.scalars import add, ge, int_div, lt, maximum, minimum, mul, sub, switch


class Symbol(Operators):
    """An extent, or the value of an integer scalar.

    place : in which order it was made.
    formula : the row and the operands that it is computed by, if it is.
    least : what it is known not to be less than, if anything.
    varies : whether it may differ from step to step of a loop.
    of_arrays : whether it is computed from extents of arrays alone.
    """

    __slots__ = ("formula", "least", "of_arrays", "place", "table", "varies")

    def __init__(
        self,
        table: Symbols,
        formula: tuple[Any, ...],
        least: int | None,
        varies: bool,
        of_arrays: bool,
    ) -> None:
        self.table = table
        self.place = len(table)
        self.formula = formula
        self.least = least
        self.varies = varies
        self.of_arrays = of_arrays

    def apply(self, op: Any, arguments: tuple[Any, ...]) -> Number:
        """Return the one symbol for this expression, or what it is by a law of arithmetic."""
        return self.table.computed(op, arguments)


Number: TypeAlias = int | Symbol


def least(n: Number) -> int | None:
    """Return what a number is known not to be less than, if anything."""
    return n.least if isinstance(n, Symbol) else n


def exceeds(n: Number, bound: int) -> bool:
    """Return whether a number is known to be ``bound`` or more."""
    known = least(n)
    return known is not None and known >= bound


def not_negative(n: Number) -> bool:
    """Return whether an extent is known not to be negative."""
    return exceeds(n, 0)


def lower_bound(n: Symbol, bound: int) -> tuple[Any, int]:
    """Return the simplest number, and what it must reach for ``n`` to reach ``bound``.

    >>> n = Symbols().scalar("n", False, False)
    >>> lower_bound(n + 2, 5) == (n, 3)
    True
    """
    m: Any = n
    while isinstance(m, Symbol) and m.formula and not exceeds(m, bound):
        op: Any = m.formula[0]
        known, *others = _in_order(m.formula[1])
        if op is minimum:
            others = [x for x in m.formula[1] if not exceeds(x, bound)]
        elif isinstance(known, Symbol) or op not in (add, maximum):
            break
        if len(others) != 1:
            break
        m, bound = others[0], bound - known if op is add else bound
    return m, bound


def of_arrays(n: Any) -> bool:
    """Return whether a number is no more than extents of arrays are computed to."""
    return n.of_arrays if isinstance(n, Symbol) else n <= 2**31


def varies(n: Any) -> bool:
    """Return whether a number may differ from step to step of a loop."""
    return isinstance(n, (Symbol, ValueNumber)) and n.varies


@dataclass(frozen=True, eq=False)
class ValueNumber:
    """The value of a variable, whatever it is: variables that are computed alike have one.

    varies : whether it may differ from step to step of a loop.
    below : what its elements, none of them negative, are less than, if that is known.
    """

    varies: bool
    below: Any = None


class Symbols:
    """The symbols and the value numbers that there are."""

    def __init__(self) -> None:
        self._known: dict[Hashable, Symbol] = {}
        self._values: dict[Hashable, ValueNumber] = {}

    def value(self, key: Hashable, varies: bool, below: Any = None) -> ValueNumber:
        """Return the value number of what ``key`` says how to compute."""
        found = self._values.get(key)
        if found is None:
            found = self._values[key] = ValueNumber(varies, below)
        return found

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._known)

    def extent(self, number: ValueNumber, axis: int) -> Symbol:
        """Return the extent of an array at ``axis``."""
        key = (number, axis)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = Symbol(self, (), 0, number.varies, True)
        return found

    def scalar(self, key: Hashable, not_negative: bool, varies: bool) -> Symbol:
        """Return the value of a scalar that is not computed from others."""
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = Symbol(self, (), 0 if not_negative else None, varies, False)
        return found

    def computed(self, op: Any, arguments: tuple[Any, ...]) -> Number:
        """Return ``op(*arguments)``."""
        if not isinstance(op, Elementwise):
            raise TypeError(f"a shape rule is arithmetic on extents: {op} is not")
        if op is sub and not isinstance(arguments[1], Symbol):
            op, arguments = add, (arguments[0], -arguments[1])
        simple = _simplified(op, arguments)
        if simple is not None:
            return simple
        if op in (add, mul):
            arguments = tuple(_in_order(_flat(op, arguments)))
        key = (op, arguments)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = Symbol(
                self,
                key,
                _least(op, arguments),
                any(map(varies, arguments)),
                all(map(of_arrays, arguments)),
            )
        return found


def _least(op: Elementwise, arguments: tuple[Any, ...]) -> int | None:
    """Return what ``op(*arguments)`` is known not to be less than, if anything."""
    bounds = [least(n) for n in (arguments[1:] if op is switch else arguments)]
    known = [n for n in bounds if n is not None]
    if op is maximum:
        return max(known, default=None)
    if len(known) < len(bounds):
        return None
    if op in (minimum, switch):
        return min(known)
    if op not in (add, mul, int_div) or min(known) < 0:
        return None
    return 0 if op is int_div else sum(known) if op is add else prod(known)


MOST_ORDERED_OPERANDS = 16
"""Up to how many operands a sum or product is seen as one, whatever its order."""


def _flat(op: Elementwise, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the operands of a sum or product, those of its operands of the same kind in place."""
    found: list[Any] = []
    for x in arguments:
        formula = x.formula if isinstance(x, Symbol) else ()
        found += formula[1] if formula and formula[0] is op else [x]
    return tuple(found) if len(found) <= MOST_ORDERED_OPERANDS else arguments


def _in_order(numbers: tuple[Any, ...]) -> list[Any]:
    """Return ints, then symbols in the order in which they were made."""
    return sorted(numbers, key=_place)


def _place(n: Any) -> tuple[bool, int]:
    return (True, n.place) if isinstance(n, Symbol) else (False, int(n))


def _saturated(n: int) -> np.int64:
    """Return an integer, or the nearest one of 64 bits: no extent is as large."""
    return np.int64(max(min(n, 2**63 - 1), -(2**63)))


def _simplified(op: Elementwise, arguments: tuple[Any, ...]) -> Number | None:
    """Return what ``op(*arguments)`` is, where that is known or an argument."""
    if not any(isinstance(n, Symbol) for n in arguments):
        with np.errstate(all="ignore"):
            return op.numpy(*map(_saturated, arguments)).item()
    if op is switch:
        condition, *branches = arguments
        if not isinstance(condition, Symbol):
            return branches[0 if condition else 1]
        return branches[0] if branches[0] is branches[1] else None
    if op in (lt, ge) and arguments[1] == 0 and not_negative(arguments[0]):
        return op is ge
    if op in (minimum, maximum):
        for n, m in (arguments, arguments[::-1]):
            if n is m or (isinstance(n, Symbol) and n.formula[:1] == (op,) and m in n.formula[1]):
                return n
    if op is sub and arguments[0] is arguments[1]:
        return 0
    for k, n in enumerate(arguments):
        if isinstance(n, Symbol):
            continue
        other = arguments[1 - k]
        if n == 0 and op is add:
            return other
        if n == 1 and (op is mul or (op is int_div and k)):
            return other
        if n == 0 and op is mul:
            return 0
        if n <= 0 and op in (maximum, minimum) and not_negative(other):
            return other if op is maximum else n
    return None
