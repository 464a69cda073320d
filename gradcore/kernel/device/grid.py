"""Grids of threads, and what a host launches on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gradcore.kernel.ir import (
    Buffer,
    Change,
    Expr,
    Inner,
    Show,
    Statement,
    Symbol,
)


@dataclass(frozen=True, eq=False)
class Level:
    """What steps of loops are shared out among.

    own : in a thread, the number of the one that it belongs to.
    count : how many there are.
    """

    own: Symbol
    count: Symbol


GROUPS = Level(Symbol("group"), Symbol("groups"))
"""The level whose workers are the groups of a grid, each a step at a time."""


BLOCKS = Level(Symbol("block"), Symbol("blocks"))
"""The level whose workers are the blocks of a grid, each of several groups."""


LANES = Level(Symbol("lane"), Symbol("lanes"))
"""The level whose workers are the threads of a group, which share its step."""


THREADS = Level(Symbol("thread"), Symbol("threads"))
"""The level whose workers are the threads of a block, of all its groups."""


LEVELS = (GROUPS, BLOCKS, LANES, THREADS)


class Count(Symbol):
    """How many blocks, or groups a block, there are in a grid; the host knows, which chose it."""

    __slots__ = ()


@dataclass(eq=False, slots=True)
class Grid(Statement):
    """Let the host choose how many threads there are, by the work for them.

    steps : how many steps groups have to share.
    widths : how many lanes could share each of the loops in a step.
    limit : how many blocks there are at most; None: as many as the device likes.
    block_count, group_count, lane_count : how many there are then: blocks, groups in each, and
        lanes in each of these.
    """

    steps: Expr
    widths: tuple[Expr, ...] = ()
    limit: Expr | None = None
    block_count: Count = field(default_factory=lambda: Count("blocks"))
    group_count: Count = field(default_factory=lambda: Count("groups"))
    lane_count: Count = field(default_factory=lambda: Count("lanes"))

    @property
    def workers(self) -> Expr:
        """How many groups there are in all."""
        return self.block_count * self.group_count

    @property
    def threads(self) -> Expr:
        """How many threads there are in all."""
        return self.workers * self.lane_count

    def expressions(self) -> Iterator[Expr]:
        """Return the expressions that it evaluates: how much work there is, and the limit."""
        yield from (self.steps, *self.widths)
        if self.limit is not None:
            yield self.limit

    def declares(self) -> Iterable[Symbol | Buffer]:
        """Return what it declares: how many threads there are."""
        return (self.block_count, self.group_count, self.lane_count)

    def run(self, machine: Any) -> None:
        """Let the host choose, and declare the counts."""
        for count, n in zip(self.declares(), machine.chosen(self), strict=True):
            machine.declare(count, np.int64(n))

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return its text: a line, or one before each of its blocks."""
        widths = "".join(f" x {show(n)}" for n in self.widths)
        limit = "" if self.limit is None else f", at most {show(self.limit)} blocks"
        names = ", ".join(map(show, (self.block_count, self.group_count, self.lane_count)))
        return (f"{names} = grid {show(self.steps)}{widths}{limit}",)


@dataclass(eq=False, slots=True)
class Fit(Statement):
    """Let the host find whether memory for each group of a grid fits into shared memory.

    memories : what each group has one of.
    """

    grid: Grid
    memories: tuple[Buffer, ...]

    def expressions(self) -> Iterator[Expr]:
        """Return the expressions that it evaluates: the extents."""
        for buffer in self.memories:
            yield from buffer.shape

    def run(self, machine: Any) -> None:
        """Do nothing: a simulation is given whether memory fits."""

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return its text: a line, or one before each of its blocks."""
        return (f"fit {', '.join(map(show, self.memories))} into shared memory",)


@dataclass(eq=False, slots=True)
class Launch(Statement):
    """Have the threads of a grid run statements.

    name : what to call the kernel.
    together : whether the lanes of a group run statements together; else each group is a thread.
    fit : what was found about its memory of groups; None: there is none.
    lockstep : whether the lanes of a group wait for each other after each statement that they run
        together; else they do at a `Barrier`.
    """

    grid: Grid
    body: list[Statement]
    name: str = "kernel"
    together: bool = False
    fit: Fit | None = None
    lockstep: bool = True

    def blocks(self) -> tuple[list[Statement], ...]:
        """Return the blocks of statements in it: the body."""
        return (self.body,)

    def rebuilt(self, expr: Change, block: Inner) -> Launch:
        """Return a copy with another body."""
        return replace(self, body=block(self.body))

    def run(self, machine: Any) -> None:
        """Run the threads to their ends."""
        machine.launch(self)

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return its text: a line, or one before each of its blocks."""
        return (f"launch {self.name}:",)
