"""Prefix scans: which registers a loop carries from step to step, and how groups share it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gradcore.kernel.ir import (
    Call,
    Expr,
    For,
    Let,
    Load,
    Reduction,
    Statement,
    Symbol,
    parts,
)
from gradcore.kernel.uses import declared, expressions, inside, registers_set, stored
from gradcore.ops.elementwise import Elementwise
from gradcore_cuda.analyses.dependence import Dependence
from gradcore_cuda.loops import on_elements, replaced, tiny
from gradcore_cuda.target import GpuTarget

ASSOCIATIVE = frozenset(("add", "mul", "minimum", "maximum", "and_", "or_"))
"""The elementwise ops of which threads may combine neighbours before what comes first is known."""


@dataclass(eq=False)
class CarriedRegister:
    """``symbol = op(symbol, brought)``, once in each step of a loop.

    before : the statements since the last such one.
    """

    before: list[Statement]
    symbol: Symbol
    op: Elementwise
    brought: Expr

    def combined(self) -> Let:
        """Return the update of the register as a statement."""
        value = Call(self.op, (self.symbol, self.brought), self.symbol.dtype)
        return Let(self.symbol, value, fresh=False)


@dataclass(eq=False)
class ChunkedLoop:
    """How groups share a loop that carries registers along, each going through a part of it.

    carried, rest : what a step carries that steps read, and the statements after that.
    ends : what is only read after the loop.
    totals : a step that combines what is carried, and stores nothing.
    """

    carried: list[CarriedRegister]
    rest: list[Statement]
    ends: list[Reduction]
    totals: list[Statement]


class PrefixScans:
    """What the steps of loops carry along.

    dependence : what else they have to do with one another.
    target : which loops are worth sharing.
    """

    def __init__(self, dependence: Dependence, target: GpuTarget) -> None:
        self.dependence = dependence
        self.target = target

    def along_rows(self, s: For) -> tuple[list[CarriedRegister], list[Statement]] | None:
        """Return what the steps of a loop along the last axis carry, and the statements after that.

        None: they carry more than registers that elementwise ops combine, or neighbours are in
        other loops, whose threads take turns better.
        """
        stores = list(stored(s.body))
        if not stores or any(not x.index or x.index[-1] != s.index.final for x in stores):
            return None
        return self.carried(s)

    def carried(self, s: For) -> tuple[list[CarriedRegister], list[Statement]] | None:
        """Return what the steps of a loop carry, and the statements after that.

        None: a step needs more of the one before than registers that elementwise ops combine.
        """
        if not s.ordered or tiny(s, self.target):
            return None
        body = list(inside(s.body))
        made = declared(s.body)
        waiting = {x.symbol.final for x in s.body if isinstance(x, Let) and not x.fresh} - made
        changed = [y for x in body for y in registers_set([x])]
        found: list[CarriedRegister] = []
        rest: list[Statement] = []
        for x in s.body:
            if isinstance(x, Let) and x.symbol.final in waiting:
                made_of = carried_by(x)
                if made_of is None or changed.count(x.symbol.final) > 1:
                    return None
                waiting.discard(x.symbol.final)
                made.add(x.symbol.final)
                found.append(CarriedRegister(rest, x.symbol.final, *made_of))
                needed, rest = [made_of[1]], []
            else:
                needed = [e for y in inside([x]) for e in expressions(y)]
                rest.append(x)
            if any(y.final in waiting for e in needed for y in parts(e) if isinstance(y, Symbol)):
                return None
        if not found or not all(on_elements(x) for x in body) or not made.issuperset(changed):
            return None
        return (found, rest) if self.dependence.separate([s.index.final], s.body) else None

    def chunks(self, s: For) -> ChunkedLoop | None:
        """Return how groups share a loop that carries registers along; None: they cannot."""
        found = self.carried(s)
        if found is None:
            return None
        carried, rest, ends = without_ends(*found)
        places = self.dependence.places(s)
        changed = set(stored(s.body))
        step = totals(carried, places) if changed == set(places) else None
        return ChunkedLoop(carried, rest, ends, step) if carried and step is not None else None


def carried_by(s: Let) -> tuple[Elementwise, Expr] | None:
    """Return the op that combines a register with another expression, and that expression."""
    match s.value:
        case Call(operands=(x, y)) as value if (
            value.op.name in ASSOCIATIVE and value.dtype == x.dtype == y.dtype == s.symbol.dtype
        ):
            brought = [z for z in (x, y) if s.symbol.final not in parts(z)]
            own = [z for z in (x, y) if isinstance(z, Symbol) and z.final is s.symbol.final]
            return (value.op, brought[0]) if len(brought) == len(own) == 1 else None
        case _:
            return None


def without_ends(
    carried: Sequence[CarriedRegister], rest: Sequence[Statement]
) -> tuple[list[CarriedRegister], list[Statement], list[Reduction]]:
    """Return what a step carries that steps read, the statements after that, and what none reads.

    A register that no step reads is combined like any other statement's.
    """
    own = [s for c in carried for s in c.before] + list(rest)
    read = [e for s in inside(own) for e in expressions(s)] + [c.brought for c in carried]
    symbols = {y.final for x in read for y in parts(x) if isinstance(y, Symbol)}
    found: list[CarriedRegister] = []
    waiting: list[Statement] = []
    for c in carried:
        waiting += c.before
        if c.symbol in symbols:
            found.append(CarriedRegister(waiting, c.symbol, c.op, c.brought))
            waiting = []
        else:
            waiting.append(c.combined())
    ends = [Reduction(c.symbol, c.op) for c in carried if c.symbol not in symbols]
    return found, [*waiting, *rest], ends


def totals(
    carried: Sequence[CarriedRegister], places: Mapping[Load, Symbol]
) -> list[Statement] | None:
    """Return a step of a loop that combines what registers are brought, and stores nothing.

    places : registers for the elements that a step stores.

    None: what one register is brought depends on another.
    """
    needed: set[Symbol] = set()
    found: list[Statement] = []
    for c in reversed(carried):
        if c.symbol in needed:
            return None
        for s in reversed([*c.before, c.combined()]):
            x = replaced(s, places)
            made = {y.symbol.final for y in inside([x]) if isinstance(y, Let)}
            if not needed.isdisjoint(made) or s not in c.before:
                if isinstance(x, Let):
                    needed -= made
                needed |= {
                    z.final
                    for y in inside([x])
                    for e in expressions(y)
                    for z in parts(e)
                    if isinstance(z, Symbol) and z.final is not c.symbol
                }
                found.append(x)
    found += [Let(symbol, x) for x, symbol in places.items() if symbol in needed]
    known = {c.symbol for c in carried}
    body: list[Statement] = []
    for s in reversed(found):
        if isinstance(s, Let):
            body.append(Let(s.symbol, s.value, s.symbol.final not in known))
            known.add(s.symbol.final)
        else:
            body.append(s)
    return body
