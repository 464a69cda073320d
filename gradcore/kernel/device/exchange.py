"""How threads wait for each other, and combine what they have."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gradcore.kernel.device.grid import Level
from gradcore.kernel.ir import (
    Buffer,
    Expr,
    Load,
    Show,
    Statement,
    Store,
    Symbol,
)
from gradcore.ops.elementwise import Elementwise


@dataclass(eq=False, slots=True)
class Barrier(Statement):
    """Wait for the lanes of the group, which then see what any of them stored."""

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return its text: a line, or one before each of its blocks."""
        return ("barrier",)


@dataclass(eq=False, slots=True)
class Combine(Statement):
    """Let a register be what those of all `LANES` of a group, or `THREADS` of a block, combine to.

    It orders no access to memory.
    """

    level: Level
    symbol: Symbol
    op: Elementwise

    def expressions(self) -> Iterable[Expr]:
        """Return the expressions that it evaluates: the register."""
        return (self.symbol,)

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return its text: a line, or one before each of its blocks."""
        return (f"{show(self.symbol)} = {self.op.name} over {show(self.level.count)}",)


@dataclass(eq=False, slots=True)
class Prefix(Statement):
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
