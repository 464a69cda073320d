"""Loops whose steps threads share, and the steps that are one's own."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from gradcore.kernel.device.grid import LANES, THREADS, Level
from gradcore.kernel.ir import (
    ZERO,
    Buffer,
    Change,
    Expr,
    Inner,
    Load,
    Show,
    Statement,
    Symbol,
    Waits,
)

Turn: TypeAlias = "Iterable[tuple[Symbol, int]]"
"""The indices of loops at a step of theirs."""


@dataclass(frozen=True, eq=False)
class Vectors:
    """How a worker takes several neighbouring steps at a time.

    width : how many.
    count : how many times that goes before single steps follow.
    loads : the elements that lie next to each other then, and whether a step reads them first.
    """

    width: int
    count: Symbol
    loads: tuple[tuple[Load, bool], ...]


@dataclass(eq=False, slots=True)
class Distributed(Statement):
    """Loops that run as one, whose steps the workers of a level take in turn.

    indices, extents : of the loops, from the outermost.
    first : the number of the first step.
    vectors : how several steps are taken at a time.
    """

    level: Level
    indices: tuple[Symbol, ...]
    extents: tuple[Expr, ...]
    body: list[Statement]
    first: Expr = ZERO
    vectors: Vectors | None = None

    def blocks(self) -> tuple[list[Statement], ...]:
        """Return the blocks of statements in it: the body."""
        return (self.body,)

    def expressions(self) -> Iterable[Expr]:
        """Return the expressions that it evaluates: how far the loops go, and from where."""
        return (*self.extents, self.first)

    def declares(self) -> Iterable[Symbol | Buffer]:
        """Return what it declares: the indices."""
        return self.indices

    def rebuilt(self, expr: Change, block: Inner) -> Distributed:
        """Return a copy with other extents and another body."""
        return Distributed(
            self.level, self.indices, tuple(map(expr, self.extents)), block(self.body),
            expr(self.first), self.vectors,
        )  # fmt: skip

    def run(self, machine: Any) -> Waits:
        """Run the steps that are this thread's."""
        return machine.steps(self.body, self._own(machine), self.level in (LANES, THREADS))

    def _own(self, machine: Any) -> Iterator[Turn]:
        extents = [int(machine.integer(n)) for n in self.extents]
        for number in self._numbers(machine, math.prod(extents)):
            yield zip(self.indices, map(int, np.unravel_index(number, extents)), strict=True)

    def _numbers(self, machine: Any, total: int) -> Iterator[int]:
        own, count = machine.integer(self.level.own), machine.integer(self.level.count)
        first = machine.integer(self.first)
        if self.vectors is not None:
            width = self.vectors.width
            for start in range(own * width, total // width * width, count * width):
                yield from range(start, start + width)
            first = total // width * width
        yield from range(first + own, total, count)

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return its text: a line, or one before each of its blocks."""
        ends = ", ".join(
            f"{show(i)} < {show(n)}" for i, n in zip(self.indices, self.extents, strict=True)
        )
        first = "" if self.first == ZERO else f" from {show(self.first)}"
        wide = "" if self.vectors is None else f", {self.vectors.width} at a time"
        return (f"for {ends}{first} over {show(self.level.count)}{wide}:",)


@dataclass(eq=False, slots=True)
class Rounds(Statement):
    """A loop that the lanes of a group take part in all together, as many steps at a time.

    In the last round, ``index`` may be ``last`` or more for some.

    extent : how many steps there are, to tell which lane takes which.
    """

    index: Symbol
    extent: Expr
    first: Expr
    last: Expr
    body: list[Statement]

    def blocks(self) -> tuple[list[Statement], ...]:
        """Return the blocks of statements in it: the body."""
        return (self.body,)

    def expressions(self) -> Iterable[Expr]:
        """Return the expressions that it evaluates: from where to where it goes."""
        return (self.first, self.last)

    def declares(self) -> Iterable[Symbol | Buffer]:
        """Return what it declares: the index."""
        return (self.index,)

    def rebuilt(self, expr: Change, block: Inner) -> Rounds:
        """Return a copy with other ends and another body."""
        return Rounds(self.index, self.extent, expr(self.first), expr(self.last), block(self.body))

    def run(self, machine: Any) -> Waits:
        """Run as many rounds as the lanes take together."""
        own, lanes = machine.integer(LANES.own), machine.team.lanes
        starts = range(machine.integer(self.first), machine.integer(self.last), lanes)
        return machine.steps(self.body, ([(self.index, i + own)] for i in starts), True)

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return its text: a line, or one before each of its blocks."""
        return (f"for {show(self.first)} <= {show(self.index)} < {show(self.last)} in rounds:",)


@dataclass(eq=False, slots=True)
class Unrolled(Statement):
    """A short loop of ``index`` from 0 to ``count``, a number."""

    index: Symbol
    count: int
    body: list[Statement]

    def blocks(self) -> tuple[list[Statement], ...]:
        """Return the blocks of statements in it: the body."""
        return (self.body,)

    def declares(self) -> Iterable[Symbol | Buffer]:
        """Return what it declares: the index."""
        return (self.index,)

    def rebuilt(self, expr: Change, block: Inner) -> Unrolled:
        """Return a copy with another body."""
        return Unrolled(self.index, self.count, block(self.body))

    def run(self, machine: Any) -> Waits:
        """Run all steps in order."""
        return machine.steps(self.body, ([(self.index, i)] for i in range(self.count)))

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return its text: a line, or one before each of its blocks."""
        return (f"for {show(self.index)} < {self.count} unrolled:",)


@dataclass(eq=False, slots=True)
class Delinearize(Statement):
    """Let ``indices`` be those of element ``number`` of an array of ``extents``, in C order.

    None stands for an index that nobody uses.
    """

    indices: tuple[Symbol | None, ...]
    extents: tuple[Expr, ...]
    number: Expr

    def expressions(self) -> Iterable[Expr]:
        """Return the expressions that it evaluates: the number and the extents."""
        return (self.number, *self.extents)

    def declares(self) -> Iterable[Symbol | Buffer]:
        """Return what it declares: the indices."""
        return (i for i in self.indices if i is not None)

    def rebuilt(self, expr: Change, block: Inner) -> Delinearize:
        """Return a copy with another number and other extents."""
        return Delinearize(self.indices, tuple(map(expr, self.extents)), expr(self.number))

    def run(self, machine: Any) -> None:
        """Declare the indices."""
        extents = [int(machine.integer(n)) for n in self.extents]
        number = int(machine.integer(self.number))
        # An index alone may be beyond its extent, in the last of `Rounds`.
        places = (number,) if len(extents) == 1 else np.unravel_index(number, extents)
        for symbol, i in zip(self.indices, places, strict=True):
            if symbol is not None:
                machine.declare(symbol, np.int64(i))

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return its text: a line, or one before each of its blocks."""
        names = ", ".join("_" if i is None else show(i) for i in self.indices)
        return (f"{names} = indices of {show(self.number)} in {show(self.extents)}",)


@dataclass(eq=False, slots=True)
class Chunk(Statement):
    """Let the steps from ``first`` to ``last`` be this group's part of ``extent`` steps."""

    first: Symbol
    last: Symbol
    extent: Expr

    def expressions(self) -> Iterable[Expr]:
        """Return the expressions that it evaluates: how many steps there are."""
        return (self.extent,)

    def declares(self) -> Iterable[Symbol | Buffer]:
        """Return what it declares: both ends."""
        return (self.first, self.last)

    def rebuilt(self, expr: Change, block: Inner) -> Chunk:
        """Return a copy for another number of steps."""
        return Chunk(self.first, self.last, expr(self.extent))

    def run(self, machine: Any) -> None:
        """Declare the ends: chunks are whole rounds of a group's lanes."""
        n, team = machine.integer(self.extent), machine.team
        steps = math.ceil(math.ceil(n / team.workers) / team.lanes) * team.lanes
        for symbol, k in ((self.first, machine.group), (self.last, machine.group + 1)):
            machine.declare(symbol, np.int64(min(k * steps, n)))

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return its text: a line, or one before each of its blocks."""
        ends = f"{show(self.first)}, {show(self.last)}"
        return (f"{ends} = chunk of {show(self.extent)}",)
