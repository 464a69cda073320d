"""How threads wait for each other, and combine what they have."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from gradcore.kernel.device.grid import LANES, Level
from gradcore.kernel.ir import (
    Buffer,
    Expr,
    Load,
    Show,
    Statement,
    Store,
    Symbol,
    Waiting,
)
from gradcore.kernel.state import typed
from gradcore.ops.elementwise import Elementwise


class Meeting(Statement):
    """A statement at which threads wait for each other (abstract).

    A thread stops there, and goes on when all that are alive of those it waits for have come.
    """

    __slots__ = ()

    def met(self, team: Any, present: Sequence[int], brought: Sequence[Any]) -> list[Any]:
        """Return what each thread is sent that has come: by default nothing, but they are ordered.

        team : a `gradcore.kernel.team.Team`.
        present : the numbers of the threads.
        brought : what each of them has brought.
        """
        team.order(present)
        return [None] * len(present)


@dataclass(eq=False, slots=True)
class Barrier(Meeting):
    """Wait for the lanes of the group, which then see what any of them stored."""

    def run(self, machine: Any) -> Waiting:
        """Wait for the lanes of the group."""
        yield self, machine.of(LANES), None

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return its text: a line, or one before each of its blocks."""
        return ("barrier",)


@dataclass(eq=False, slots=True)
class Combine(Meeting):
    """Let a register be what those of all `LANES` of a group, or `THREADS` of a block, combine to.

    It orders no access to memory.
    """

    level: Level
    symbol: Symbol
    op: Elementwise

    def expressions(self) -> Iterable[Expr]:
        """Return the expressions that it evaluates: the register."""
        return (self.symbol,)

    def run(self, machine: Any) -> Waiting:
        """Set the register to what those of all threads of the level combine to."""
        result = yield self, machine.of(self.level), machine.value(self.symbol)
        machine.set(self.symbol, result)

    def met(self, team: Any, present: Sequence[int], brought: Sequence[Any]) -> list[Any]:
        """Return what all have brought, combined, for each of them."""
        return [_accumulated(self, brought)[-1]] * len(present)

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return its text: a line, or one before each of its blocks."""
        return (f"{show(self.symbol)} = {self.op.name} over {show(self.level.count)}",)


@dataclass(eq=False, slots=True)
class Prefix(Meeting):
    """Let a register be what those of the lanes up to this one combine to; ``total``: of all."""

    symbol: Symbol
    total: Symbol
    op: Elementwise

    def expressions(self) -> Iterable[Expr]:
        """Return the expressions that it evaluates: the register."""
        return (self.symbol,)

    def declares(self) -> Iterable[Symbol | Buffer]:
        """Return what it declares: the register for what all combine to."""
        return (self.total,)

    def run(self, machine: Any) -> Waiting:
        """Set the register to what those up to this one combine to, and declare the total."""
        result, total = yield self, machine.of(LANES), machine.value(self.symbol)
        machine.set(self.symbol, result)
        machine.declare(self.total, total)

    def met(self, team: Any, present: Sequence[int], brought: Sequence[Any]) -> list[Any]:
        """Return for each what was brought up to it, combined, and what all have."""
        found = _accumulated(self, brought)
        return [(x, found[-1]) for x in found]

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return its text: a line, or one before each of its blocks."""
        made = f"{show(self.symbol)}, {show(self.total)}"
        return (f"{made} = prefix {self.op.name} over lanes",)


@dataclass(eq=False, slots=True)
class AtomicAdd(Store):
    """``buffer[index] += value``, while other steps may add to the same element."""

    def run(self, machine: Any) -> None:
        """Add to the element."""
        machine.add(self)

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return its text: a line, or one before each of its blocks."""
        return (f"{show(Load(self.buffer, self.index))} += {show(self.value)} atomically",)


def _accumulated(s: Combine | Prefix, brought: Sequence[Any]) -> list[Any]:
    """Return what the first numbers combine to, for each number of them from one to all."""
    dtype = s.symbol.dtype
    return list(itertools.accumulate(brought, typed(s.op, (dtype, dtype), dtype)))
