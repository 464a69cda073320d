"""Which threads run statements, and where they leave them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from gradcore.kernel.device.exchange import Meeting
from gradcore.kernel.device.grid import THREADS, Level
from gradcore.kernel.ir import (
    Buffer,
    Change,
    Expr,
    Inner,
    Show,
    Statement,
    Symbol,
    Waiting,
    Waits,
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

    def run(self, machine: Any) -> Waiting:
        """Run the statements, if this is the first of the threads."""
        if machine.number == machine.of(self.level)[0]:
            yield from machine.alone(self.body)

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

    def run(self, machine: Any) -> Waiting:
        """Run the statements, if it is the turn of this thread's group."""
        if machine.integer(self.number) % machine.team.workers == machine.group:
            yield from machine.inner(self.body)

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return its text: a line, or one before each of its blocks."""
        return (f"if {show(self.number)} is this group's:",)


@dataclass(eq=False, slots=True)
class LastBlock(Meeting):
    """Ends all threads but those of the block that comes here last, which sees all others' stores.

    counter : counts blocks; it is 0 before the launch and after it.
    """

    jumps: ClassVar[bool] = True

    counter: Buffer

    def buffers(self) -> Iterable[Buffer]:
        """Return the buffers that it names: the counter."""
        return (self.counter,)

    def run(self, machine: Any) -> Waiting:
        """End the thread, unless its block is the last that comes here."""
        last = yield self, machine.of(THREADS), None
        if not last:
            machine.end()

    def met(self, team: Any, present: Sequence[int], brought: Sequence[Any]) -> list[Any]:
        """Return for each thread of a block whether it is the last one: that sees all stores."""
        return [team.is_last(present)] * len(present)

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return its text: a line, or one before each of its blocks."""
        return (f"end unless the last block by {show(self.counter)}",)


@dataclass(eq=False, slots=True)
class Ends(Statement):
    """Ends all threads but those of the first group of a block, or but its first thread."""

    jumps: ClassVar[bool] = True

    level: Level

    def run(self, machine: Any) -> None:
        """End the thread, unless it is one of those that go on."""
        if machine.thread >= (1 if self.level is THREADS else machine.team.lanes):
            machine.end()

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return its text: a line, or one before each of its blocks."""
        return (f"end unless in the first {show(self.level.own)}",)


@dataclass(eq=False, slots=True)
class LabeledBlock(Statement):
    """Statements that a `LabeledBreak` may leave."""

    body: list[Statement]
    label: Symbol = field(default_factory=lambda: Symbol("next"))

    def blocks(self) -> tuple[list[Statement], ...]:
        """Return the blocks of statements in it: the body."""
        return (self.body,)

    def rebuilt(self, expr: Change, block: Inner) -> LabeledBlock:
        """Return a copy with other statements."""
        return LabeledBlock(block(self.body), self.label)

    def run(self, machine: Any) -> Waits:
        """Run the statements up to where one leaves them."""
        return machine.region(self.body, self.label)

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return its text: a line, or one before each of its blocks."""
        return (f"region {show(self.label)}:",)


@dataclass(eq=False, slots=True)
class LabeledBreak(Statement):
    """Leave the `LabeledBlock` of this label: go on behind it."""

    jumps: ClassVar[bool] = True

    label: Symbol

    def run(self, machine: Any) -> None:
        """Leave the region."""
        machine.leave_region(self.label)

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

    def run(self, machine: Any) -> None:
        """Note the number and the values, unless another check has failed."""
        machine.team.fail(self.number, tuple(int(machine.value(x)) for x in self.values))

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

    def run(self, machine: Any) -> None:
        """Declare the register: a launch is not simulated after one in which a check failed."""
        if self.stopped is not None:
            machine.declare(self.stopped, np.bool_(False))

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return its text: a line, or one before each of its blocks."""
        stopped = "stop" if self.stopped is None else f"{show(self.stopped)} ="
        return (f"{stopped} if {show(self.status)}",)
