"""Which threads run statements, and where they leave them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import ClassVar

from gradcore.kernel.device.grid import Level
from gradcore.kernel.ir import (
    Buffer,
    Change,
    Expr,
    Inner,
    Show,
    Statement,
    Symbol,
)


@dataclass(eq=False, slots=True)
class Single(Statement):
    """Statements that the first of a group's `LANES`, or of a block's `THREADS`, runs."""

    level: Level
    body: list[Statement]

    def blocks(self) -> tuple[list[Statement], ...]:
        """Return the blocks of statements in it: the body."""
        return (self.body,)

    def rebuilt(self, expr: Change, block: Inner) -> Single:
        """Return a copy with other statements."""
        return Single(self.level, block(self.body))

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return its text: a line, or one before each of its blocks."""
        return (f"if {show(self.level.own)} == 0:",)


@dataclass(eq=False, slots=True)
class Owned(Statement):
    """Statements that one group runs: which, depends on ``number`` alone."""

    number: Expr
    body: list[Statement]

    def blocks(self) -> tuple[list[Statement], ...]:
        """Return the blocks of statements in it: the body."""
        return (self.body,)

    def expressions(self) -> Iterable[Expr]:
        """Return the expressions that it evaluates: the number."""
        return (self.number,)

    def rebuilt(self, expr: Change, block: Inner) -> Owned:
        """Return a copy with another number and other statements."""
        return Owned(expr(self.number), block(self.body))

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return its text: a line, or one before each of its blocks."""
        return (f"if {show(self.number)} is this group's:",)


@dataclass(eq=False, slots=True)
class LastBlock(Statement):
    """Ends all threads but those of the block that comes here last, which sees all others' stores.

    counter : counts blocks; it is 0 before the launch and after it.
    """

    jumps: ClassVar[bool] = True

    counter: Buffer

    def buffers(self) -> Iterable[Buffer]:
        """Return the buffers that it names: the counter."""
        return (self.counter,)

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return its text: a line, or one before each of its blocks."""
        return (f"end unless the last block by {show(self.counter)}",)


@dataclass(eq=False, slots=True)
class Ends(Statement):
    """Ends all threads but those of the first group of a block, or but its first thread."""

    jumps: ClassVar[bool] = True

    level: Level

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return its text: a line, or one before each of its blocks."""
        return (f"end unless in the first {show(self.level.own)}",)


@dataclass(eq=False, slots=True)
class Region(Statement):
    """Statements that a `LabeledBreak` may leave."""

    body: list[Statement]
    label: Symbol = field(default_factory=lambda: Symbol("next"))

    def blocks(self) -> tuple[list[Statement], ...]:
        """Return the blocks of statements in it: the body."""
        return (self.body,)

    def rebuilt(self, expr: Change, block: Inner) -> Region:
        """Return a copy with other statements."""
        return Region(block(self.body), self.label)

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return its text: a line, or one before each of its blocks."""
        return (f"region {show(self.label)}:",)


@dataclass(eq=False, slots=True)
class LabeledBreak(Statement):
    """Leave the `Region` of this label: go on behind it."""

    jumps: ClassVar[bool] = True

    label: Symbol

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return its text: a line, or one before each of its blocks."""
        return (f"break {show(self.label)}",)


@dataclass(eq=False, slots=True)
class Fail(Statement):
    """Note in ``status`` that check ``number`` has failed, if none has; ``values`` tell why."""

    status: Buffer
    number: int
    values: tuple[Expr, ...]

    def expressions(self) -> Iterable[Expr]:
        """Return the expressions that it evaluates: the values for its message."""
        return self.values

    def buffers(self) -> Iterable[Buffer]:
        """Return the buffers that it names: the status."""
        return (self.status,)

    def rebuilt(self, expr: Change, block: Inner) -> Fail:
        """Return a copy with other values."""
        return Fail(self.status, self.number, tuple(map(expr, self.values)))

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return its text: a line, or one before each of its blocks."""
        return (f"fail {self.number}{show(self.values)}",)


@dataclass(eq=False, slots=True)
class Stop(Statement):
    """End the launch if a check failed in one before; or let ``stopped`` be whether one did."""

    jumps: ClassVar[bool] = True

    status: Buffer
    stopped: Symbol | None = None

    def buffers(self) -> Iterable[Buffer]:
        """Return the buffers that it names: the status."""
        return (self.status,)

    def declares(self) -> Iterable[Symbol | Buffer]:
        """Return what it declares: the register."""
        return () if self.stopped is None else (self.stopped,)

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return its text: a line, or one before each of its blocks."""
        stopped = "stop" if self.stopped is None else f"{show(self.stopped)} ="
        return (f"{stopped} if {show(self.status)}",)
