"""Registers and memory of threads and groups."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from gradcore.kernel.device.exchange import Meeting
from gradcore.kernel.device.grid import LANES
from gradcore.kernel.ir import (
    Buffer,
    Change,
    Expr,
    Index,
    Inner,
    Literal,
    Load,
    Place,
    Show,
    Statement,
    Symbol,
    Waiting,
)


@dataclass(eq=False, slots=True)
class Declare(Statement):
    """A register that is set later."""

    symbol: Symbol

    def declares(self) -> Iterable[Symbol | Buffer]:
        """Return what it declares: the register."""
        return (self.symbol,)

    def run(self, machine: Any) -> None:
        """Declare the register."""
        machine.declare(self.symbol)

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return its text: a line, or one before each of its blocks."""
        return (f"{show(self.symbol)}: {self.symbol.dtype}",)


@dataclass(eq=False, slots=True)
class Shared(Statement):
    """Memory of a group: shared memory, or where the host found that too small, a row of another.

    spilled : an array of rows, one for each group; None: the extents are numbers that always fit,
        and there is one for a block.
    """

    buffer: Buffer
    spilled: Buffer | None = None

    def expressions(self) -> Iterable[Expr]:
        """Return the expressions that it evaluates: the extents."""
        return self.buffer.shape

    def buffers(self) -> Iterable[Buffer]:
        """Return the buffers that it names: where it may be."""
        return () if self.spilled is None else (self.spilled,)

    def declares(self) -> Iterable[Symbol | Buffer]:
        """Return what it declares: the buffer."""
        return (self.buffer,)

    def run(self, machine: Any) -> None:
        """Make the memory, if no thread of the group, or block, has."""
        team, size = machine.team, machine.made(self.buffer)
        if self.spilled is None:
            memory = team.memory(self.buffer, machine.block_number, size)
        elif team.size.fits:
            memory = team.memory(self.buffer, machine.group, size)
        else:
            memory = team.row(self.buffer, self.spilled, machine.group, size)
        machine.place(self.buffer, memory)

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return its text: a line, or one before each of its blocks."""
        or_else = "" if self.spilled is None else f", or a row of {show(self.spilled)}"
        kind = f"{self.buffer.dtype}{show(self.buffer.shape)}"
        return (f"shared {show(self.buffer)}: {kind}{or_else}",)


@dataclass(eq=False, slots=True)
class Private(Statement):
    """Memory of a thread: its own, of extents that are numbers, or a row of another.

    rows : an array of rows, one for each thread of the grid.
    """

    buffer: Buffer
    rows: Buffer | None = None

    def expressions(self) -> Iterable[Expr]:
        """Return the expressions that it evaluates: the extents."""
        return self.buffer.shape

    def buffers(self) -> Iterable[Buffer]:
        """Return the buffers that it names: where it is."""
        return () if self.rows is None else (self.rows,)

    def declares(self) -> Iterable[Symbol | Buffer]:
        """Return what it declares: the buffer."""
        return (self.buffer,)

    def run(self, machine: Any) -> None:
        """Make the memory."""
        machine.place(self.buffer, machine.own_memory(self.buffer))

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return its text: a line, or one before each of its blocks."""
        where = "" if self.rows is None else f", a row of {show(self.rows)}"
        kind = f"{self.buffer.dtype}{show(self.buffer.shape)}"
        return (f"private {show(self.buffer)}: {kind}{where}",)


@dataclass(eq=False, slots=True)
class Partial(Meeting):
    """Statements in which ``buffer`` is each group's own, to contribute to, and is saved then.

    rows : where it is saved: an array of rows, one for each group.
    start : what all of it is before.
    """

    buffer: Buffer
    rows: Buffer
    start: Literal
    body: list[Statement]

    def blocks(self) -> tuple[list[Statement], ...]:
        """Return the blocks of statements in it: the body."""
        return (self.body,)

    def buffers(self) -> Iterable[Buffer]:
        """Return the buffers that it names: where it is saved."""
        return (self.rows,)

    def declares(self) -> Iterable[Symbol | Buffer]:
        """Return what it declares: the buffer."""
        return (self.buffer,)

    def rebuilt(self, expr: Change, block: Inner) -> Partial:
        """Return a copy with other statements."""
        return replace(self, body=block(self.body))

    def run(self, machine: Any) -> Waiting:
        """Run the statements on the group's own array, and save that when all lanes have."""
        size = machine.made(self.buffer)
        memory = machine.team.memory(self.buffer, machine.group, size)
        if not memory.written.all():
            memory.data[...], memory.written[...] = machine.value(self.start), True
        with machine.block():
            machine.place(self.buffer, memory)
            yield from machine.body(self.body)
        yield self, machine.of(LANES), None
        if machine.number == machine.of(LANES)[0]:
            rows, start = machine.team.known[self.rows.root].value
            row = slice(start + machine.group * size, start + (machine.group + 1) * size)
            rows.data[row], rows.written[row] = memory.data, True

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return its text: a line, or one before each of its blocks."""
        saved = f"saved in {show(self.rows)}"
        return (f"partial {show(self.buffer)} from {show(self.start)}, {saved}:",)


@dataclass(eq=False, slots=True)
class Fits(Statement):
    """Statements to run where the memory of groups is shared memory."""

    body: list[Statement]

    def blocks(self) -> tuple[list[Statement], ...]:
        """Return the blocks of statements in it: the body."""
        return (self.body,)

    def rebuilt(self, expr: Change, block: Inner) -> Fits:
        """Return a copy with other statements."""
        return Fits(block(self.body))

    def run(self, machine: Any) -> Waiting:
        """Run the statements, if the memory of groups fits."""
        if machine.team.size.fits:
            yield from machine.inner(self.body)

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return its text: a line, or one before each of its blocks."""
        return ("if memory of groups is shared:",)


Register: TypeAlias = "Symbol | Buffer"
"""A register, or the pointer that a buffer is."""


@dataclass(eq=False, slots=True)
class Reload(Statement):
    """Let a register be what that register of the device was when it was last spilled.

    of : the register of the device; ``what`` itself, if None.
    """

    what: Register
    of: Register | None = None

    @property
    def source(self) -> Register:
        """The register of the device."""
        return self.what if self.of is None else self.of

    def declares(self) -> Iterable[Symbol | Buffer]:
        """Return what it declares: the register."""
        return (self.what,)

    def run(self, machine: Any) -> None:
        """Declare the register, or set the one that the host has already."""
        machine.reload(self.what, self.source)

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return its text: a line, or one before each of its blocks."""
        return (f"reload {show(self.what)} from {show(self.source)}",)


@dataclass(eq=False, slots=True)
class Spill(Statement):
    """Save a register of the device for later launches, and for the host."""

    what: Register

    def run(self, machine: Any) -> None:
        """Save the register."""
        machine.spill(self.what)

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return its text: a line, or one before each of its blocks."""
        return (f"spill {show(self.what)}",)


@dataclass(eq=False, slots=True)
class CountVectors(Statement):
    """Let ``count`` be how many vectors are in ``total`` elements: 0 unless all starts at one.

    buffers : what has vectors.
    rows : how long the parts of them are that each have to start at a vector.
    """

    count: Symbol
    width: int
    total: Expr
    memories: tuple[Buffer, ...]
    rows: tuple[Expr, ...]

    def expressions(self) -> Iterable[Expr]:
        """Return the expressions that it evaluates: how many elements there are, and in a row."""
        return (self.total, *self.rows)

    def buffers(self) -> Iterable[Buffer]:
        """Return the buffers that it names: what has vectors."""
        return self.memories

    def declares(self) -> Iterable[Symbol | Buffer]:
        """Return what it declares: the count."""
        return (self.count,)

    def rebuilt(self, expr: Change, block: Inner) -> CountVectors:
        """Return a copy with other extents."""
        rows = tuple(map(expr, self.rows))
        return replace(self, total=expr(self.total), rows=rows)

    def run(self, machine: Any) -> None:
        """Declare the count."""
        fit = all(machine.integer(n) % self.width == 0 for n in self.rows)
        count = machine.integer(self.total) // self.width
        machine.declare(self.count, np.int64(count if fit and machine.team.size.aligned else 0))

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return its text: a line, or one before each of its blocks."""
        vectors = f"vectors of {self.width} in {show(self.total)}"
        return (f"{show(self.count)} = {vectors} of {', '.join(map(show, self.memories))}",)


@dataclass(eq=False, slots=True)
class LoadVector(Statement):
    """Let ``vector`` be a vector of a buffer: number ``number`` of those from ``index`` on.

    vector : a buffer of a thread; its extent is the width.
    filled : whether it is; else it is only made.
    stored : whether it is, later.
    """

    vector: Buffer
    buffer: Buffer
    index: Index
    number: Expr
    filled: bool = True
    stored: bool = False

    def expressions(self) -> Iterable[Expr]:
        """Return the expressions that it evaluates: where it is."""
        return (*self.index, self.number) if self.filled else ()

    def buffers(self) -> Iterable[Buffer]:
        """Return the buffers that it names: the buffer."""
        return (self.buffer,) if self.filled else ()

    def declares(self) -> Iterable[Symbol | Buffer]:
        """Return what it declares: the vector."""
        return (self.vector,)

    def rebuilt(self, expr: Change, block: Inner) -> LoadVector:
        """Return a copy with another place."""
        return replace(self, index=tuple(map(expr, self.index)), number=expr(self.number))

    def with_elements(self, change: Place) -> LoadVector:
        """Return it for the vectors that start at another element."""
        buffer, index = change(self.buffer, self.index)
        return replace(self, buffer=buffer, index=index)

    def run(self, machine: Any) -> None:
        """Make the vector, and fill it."""
        machine.place(self.vector, machine.own_memory(self.vector))
        if self.filled:
            machine.move(self.vector, self.buffer, self.index, self.number, writing=False)

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return its text: a line, or one before each of its blocks."""
        if not self.filled:
            return (f"{show(self.vector)}: vector",)
        place = f"{show(Load(self.buffer, self.index))} + {show(self.number)}"
        return (f"{show(self.vector)} = vector {place}",)


@dataclass(eq=False, slots=True)
class StoreVector(Statement):
    """Store a vector as number ``number`` of those of a buffer from ``index`` on."""

    vector: Buffer
    buffer: Buffer
    index: Index
    number: Expr

    def expressions(self) -> Iterable[Expr]:
        """Return the expressions that it evaluates: where it goes."""
        return (*self.index, self.number)

    def buffers(self) -> Iterable[Buffer]:
        """Return the buffers that it names: the buffer and the vector."""
        return (self.buffer, self.vector)

    def rebuilt(self, expr: Change, block: Inner) -> StoreVector:
        """Return a copy with another place."""
        return replace(self, index=tuple(map(expr, self.index)), number=expr(self.number))

    def with_elements(self, change: Place) -> StoreVector:
        """Return it for the vectors that start at another element."""
        buffer, index = change(self.buffer, self.index)
        return replace(self, buffer=buffer, index=index)

    def run(self, machine: Any) -> None:
        """Write the elements."""
        machine.move(self.vector, self.buffer, self.index, self.number, writing=True)

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return its text: a line, or one before each of its blocks."""
        place = f"{show(Load(self.buffer, self.index))} + {show(self.number)}"
        return (f"vector {place} = {show(self.vector)}",)
