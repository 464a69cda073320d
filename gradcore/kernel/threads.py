"""What a thread of a launch does, while it is simulated: the meaning of the device's statements."""

from __future__ import annotations

import math
from collections import ChainMap
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from typing import Any, TypeAlias

import numpy as np

from gradcore.kernel.device import (
    BLOCKS,
    GROUPS,
    LANES,
    THREADS,
    Barrier,
    Chunk,
    Combine,
    CountVectors,
    Declare,
    Delinearize,
    Distributed,
    Ends,
    Fail,
    Fits,
    LabeledBreak,
    LastBlock,
    LoadVector,
    Owned,
    Partial,
    Prefix,
    Private,
    Region,
    Reload,
    Rounds,
    Shared,
    Single,
    Spill,
    Stop,
    StoreVector,
    Unrolled,
)
from gradcore.kernel.interpret import Left, Run
from gradcore.kernel.ir import (
    Allocate,
    Buffer,
    Expr,
    For,
    If,
    Index,
    Program,
    Scope,
    Statement,
    Symbol,
)
from gradcore.kernel.state import Cell, Memory
from gradcore.kernel.state import Register as StateRegister
from gradcore.kernel.team import Team


class Ended(Exception):  # noqa: N818 - it is no error
    """A thread has ended before the others."""


class Broken(Exception):  # noqa: N818 - it is no error
    """A thread leaves the region of a label."""

    def __init__(self, label: Symbol) -> None:
        super().__init__()
        self.label = label


Wait: TypeAlias = "tuple[Statement, range, Any]"
"""What a thread waits at, for which threads, and what it brings."""

Steps: TypeAlias = Generator[Wait, Any, None]


class Thread(Run):
    """Runs what a thread of a launch does.

    number : which thread of the grid it is.
    shared : whether it is in statements that lanes do not run together.
    """

    def __init__(self, program: Program, team: Team, number: int) -> None:
        super().__init__(program)
        self.team = team
        self.number = number
        self.shared = not team.launch.together
        self.own: dict[Symbol | Buffer, StateRegister] = {}
        self.known = ChainMap(self.own, team.known)
        rest, lane = divmod(number, team.lanes)
        self.block_number, in_block = divmod(rest, team.groups)
        self.group, self.thread = rest, in_block * team.lanes + lane
        in_all = team.groups * team.blocks
        for level, own, count in (
            (GROUPS, rest, in_all),
            (BLOCKS, self.block_number, team.blocks),
            (LANES, lane, team.lanes),
            (THREADS, self.thread, team.groups * team.lanes),
        ):
            self.declare(level.own, np.int64(own))
            self.declare(level.count, np.int64(count))

    def all(self) -> Steps:
        """Run the statements of the launch, up to where this thread ends."""
        with suppress(Ended):
            yield from self.body(self.team.launch.body)

    # registers and memory -----------------------------------------------------------------------
    def declare(self, what: Symbol | Buffer, value: Any = None) -> None:
        """Declare a register or buffer of this thread."""
        assert what not in self.own, f"{what} is declared twice"
        self.own[what] = StateRegister(what.name, value)
        self.declared[-1].append(what)

    def touch(self, cell: Cell, writing: bool) -> None:
        """Note that this thread uses a memory or register, and see who else does."""
        target = cell[0]
        if isinstance(target, Memory):
            self.team.touch(self.number, cell, writing, self.adding)
        elif writing:
            assert any(target is x for x in self.own.values()), f"{target.name} is the host's"

    def of(self, level: object) -> range:
        """Return the threads of the group, or the block, that this one is in."""
        in_block = self.team.groups * self.team.lanes
        size = self.team.lanes if level is LANES else in_block
        start = self.number // size * size
        return range(start, start + size)

    def made(self, buffer: Buffer) -> int:
        """Return how many elements a buffer has."""
        return math.prod(self.shape(buffer))

    def place(self, buffer: Buffer, memory: Memory) -> None:
        """Let a buffer be a memory of its size."""
        self.declare(buffer.root, (memory, 0))

    # statements ---------------------------------------------------------------------------------
    def body(self, given: Sequence[Statement]) -> Steps:
        """Run statements one after the other; in lockstep, wait after each."""
        for s in given:
            yield from self.step(s)
            if self.team.launch.lockstep and not self.shared:
                yield self.team.after.setdefault(id(s), Barrier()), self.of(LANES), None

    def inner(self, given: Sequence[Statement]) -> Steps:
        """Run statements as a block: what they declare is forgotten after them."""
        with self.block():
            yield from self.body(given)

    def step(self, s: Statement) -> Steps:
        """Run a statement, and wait where threads meet in it."""
        match s:
            case If(condition, then, orelse):
                yield from self.inner(then if self.value(condition) else orelse)
            case Scope(body):
                yield from self.inner(body)
            case For() | Unrolled() | Distributed() | Rounds():
                yield from self.steps(s)
            case Single(level, body):
                if self.number == self.of(level)[0]:
                    yield from self.alone(body)
            case Owned(number, body):
                turn = self.integer(number) % (self.team.blocks * self.team.groups)
                if turn == self.group:
                    yield from self.inner(body)
            case Fits(body):
                if self.team.size.fits:
                    yield from self.inner(body)
            case Region(body, label):
                try:
                    yield from self.inner(body)
                except Broken as left:
                    if left.label is not label:
                        raise
            case Barrier():
                yield s, self.of(LANES), None
            case Combine(level, symbol):
                result = yield s, self.of(level), self.value(symbol)
                self.set(symbol, result)
            case Prefix(symbol, total):
                result, everything = yield s, self.of(LANES), self.value(symbol)
                self.set(symbol, result)
                self.declare(total, everything)
            case LastBlock():
                last = yield s, self.of(THREADS), None
                if not last:
                    raise Ended
            case Partial():
                yield from self.partial(s)
            case _:
                self.statement(s)

    def alone(self, given: Sequence[Statement]) -> Steps:
        """Run statements that other lanes do not run."""
        outer, self.shared = self.shared, True
        try:
            yield from self.inner(given)
        finally:
            self.shared = outer

    def steps(self, s: For | Unrolled | Distributed | Rounds) -> Steps:
        """Run those steps of a loop that are this thread's."""
        outer, self.shared = self.shared, self.shared or _of_lanes(s)
        try:
            for indices in self.indices(s):
                with self.block():
                    for symbol, i in indices:
                        self.declare(symbol.final, np.int64(i))
                    yield from self.body(s.body)
        except Left:
            assert isinstance(s, For), s
        finally:
            self.shared = outer

    def indices(
        self, s: For | Unrolled | Distributed | Rounds
    ) -> Iterator[Sequence[tuple[Symbol, int]]]:
        """Return the indices of each step that is this thread's."""
        match s:
            case For(index, extent):
                yield from ([(index, i)] for i in range(self.integer(extent)))
            case Unrolled(index, count):
                yield from ([(index, i)] for i in range(count))
            case Rounds(index, _, first, last):
                for start in range(self.integer(first), self.integer(last), self.team.lanes):
                    yield [(index, start + int(self.value(LANES.own)))]
            case Distributed():
                extents = tuple(map(self.integer, s.extents))
                for number in self.numbers(s, math.prod(extents)):
                    places = np.unravel_index(number, extents)
                    yield list(zip(s.indices, map(int, places), strict=True))

    def numbers(self, s: Distributed, total: int) -> Iterator[int]:
        """Return the numbers of the steps of loops that are this thread's."""
        own, count = self.integer(s.level.own), self.integer(s.level.count)
        first = self.integer(s.first)
        if s.vectors is not None:
            width = s.vectors.width
            for start in range(own * width, total // width * width, count * width):
                yield from range(start, start + width)
            first = total // width * width
        yield from range(first + own, total, count)

    def partial(self, s: Partial) -> Steps:
        """Run statements that contribute to an array of each group."""
        size = self.made(s.buffer)
        memory = self.team.memory(s.buffer, self.group, size)
        if not memory.written.all():
            memory.data[...] = self.value(s.start)
            memory.written[...] = True
        with self.block():
            self.place(s.buffer, memory)
            yield from self.body(s.body)
        yield s, self.of(LANES), None
        if self.number == self.of(LANES)[0]:
            rows, start = self.team.known[s.rows.root].value
            places = np.arange(size) + start + self.group * size
            rows.data[places] = memory.data
            rows.written[places] = True

    def statement(self, s: Statement) -> None:
        """Run a statement at which no thread waits."""
        match s:
            case LabeledBreak(label):
                raise Broken(label)
            case Ends(level):
                if (level is THREADS and self.thread) or self.thread >= self.team.lanes:
                    raise Ended
            case Fail(_, number, values):
                if self.team.failed is None:
                    numbers = tuple(int(self.value(x)) for x in values)
                    self.team.failed = number, numbers
            case Stop():
                if s.stopped is not None:
                    self.declare(s.stopped, np.bool_(False))
            case Declare(symbol):
                self.declare(symbol)
            case Reload(what):
                self.touch((self.team.word(s.source), 0), writing=False)
                self.declare(what, self.team.saved.get(s.source))
            case Spill(what):
                self.touch((self.team.word(what), 0), writing=True)
                self.team.saved[what] = self.known[what].value
            case Delinearize():
                extents = tuple(map(self.integer, s.extents))
                number = self.integer(s.number)
                places = (number,) if len(extents) == 1 else np.unravel_index(number, extents)
                for symbol, i in zip(s.indices, places, strict=True):
                    if symbol is not None:
                        self.declare(symbol, np.int64(i))
            case Chunk():
                self.chunk(s)
            case Allocate() | Shared() | Private():
                self.make(s)
            case CountVectors() | LoadVector() | StoreVector():
                self.vectors(s)
            case _:
                super().statement(s)

    def chunk(self, s: Chunk) -> None:
        """Let this group's part of steps be known: parts are whole rounds of its lanes."""
        n, groups = self.integer(s.extent), self.team.blocks * self.team.groups
        rounds = math.ceil(math.ceil(n / groups) / self.team.lanes)
        for symbol, k in ((s.first, self.group), (s.last, self.group + 1)):
            self.declare(symbol, np.int64(min(k * rounds * self.team.lanes, n)))

    def make(self, s: Allocate | Shared | Private) -> None:
        """Make memory of a group, or of this thread."""
        team, buffer = self.team, s.buffer
        if isinstance(s, Allocate) and s.reused is not None:
            self.declare(buffer, self.known[s.reused.root].value)
            return
        if buffer.role == "pointer":
            self.declare(buffer)
            return
        size = self.made(buffer)
        if isinstance(s, Private) or (isinstance(s, Allocate) and self.shared):
            memory = Memory(buffer.name, np.zeros(size, buffer.dtype), np.zeros(size, bool))
        elif isinstance(s, Shared) and s.spilled is None:
            memory = team.memory(buffer, self.block_number, size)
        elif isinstance(s, Shared) and s.spilled is not None and not team.size.fits:
            memory = team.row(buffer, s.spilled, self.group, size)
        else:
            memory = team.memory(buffer, self.group, size)
        self.place(buffer, memory)

    # vectors ------------------------------------------------------------------------------------
    def vectors(self, s: CountVectors | LoadVector | StoreVector) -> None:
        """Count vectors, or move one."""
        if isinstance(s, CountVectors):
            fit = all(self.integer(n) % s.width == 0 for n in s.rows)
            count = self.integer(s.total) // s.width if fit and self.team.size.aligned else 0
            self.declare(s.count, np.int64(count))
            return
        width = self.made(s.vector)
        if isinstance(s, LoadVector):
            self.place(s.vector, Memory(s.vector.name, np.zeros(width, s.vector.dtype),
                                        np.zeros(width, bool)))  # fmt: skip
            if not s.filled:
                return
        vector, _ = self.known[s.vector.root].value
        memory, places = self.elements(s.buffer, s.index, s.number, width)
        writing = isinstance(s, StoreVector)
        for k, place in enumerate(places):
            self.touch((memory, place), writing)
            to, at, other, there = (
                (memory, place, vector, k) if writing else (vector, k, memory, place)
            )
            assert other.written[there], f"{other.name}[{there}] is used, which was not written"
            to.data[at], to.written[at] = other.data[there], True

    def elements(
        self, buffer: Buffer, index: Index, number: Expr, width: int
    ) -> tuple[Memory, range]:
        """Return the memory of a vector, and where it is in it."""
        memory, start, shape = self.opened(buffer, writing=False)
        position = 0
        for i, n in zip(map(self.integer, index), shape, strict=True):
            position = position * n + i
        first = position + self.integer(number) * width
        assert position % width == 0, f"a vector of {buffer} starts at {position}"
        assert 0 <= first <= math.prod(shape) - width, f"a vector of {buffer} is out of bounds"
        return memory, range(start + first, start + first + width)


def _of_lanes(s: Statement) -> bool:
    """Return whether the lanes of a group go through different steps of a loop."""
    return isinstance(s, Rounds) or (isinstance(s, Distributed) and s.level in (LANES, THREADS))
