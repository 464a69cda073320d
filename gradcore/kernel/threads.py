"""A thread of a launch, while it is simulated: its registers and memory, and where it goes on.

What it does there, the statements of the device say themselves (`Statement.run`), in terms of this.
"""

from __future__ import annotations

import math
from collections import ChainMap
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from gradcore.kernel.device import BLOCKS, GROUPS, LANES, THREADS, Barrier, Register
from gradcore.kernel.device.loops import Turn
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
    Waiting,
    parts,
)
from gradcore.kernel.state import Cell, Memory, place_in
from gradcore.kernel.state import Register as StateRegister
from gradcore.kernel.team import Team


class Ended(Exception):  # noqa: N818 - it is no error
    """A thread has ended before the others."""


class Broken(Exception):  # noqa: N818 - it is no error
    """A thread leaves the region of a label."""

    def __init__(self, label: Symbol) -> None:
        super().__init__()
        self.label = label


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
        for level, own, count in (
            (GROUPS, rest, team.workers),
            (BLOCKS, self.block_number, team.blocks),
            (LANES, lane, team.lanes),
            (THREADS, self.thread, team.groups * team.lanes),
        ):
            self.declare(level.own, np.int64(own))
            self.declare(level.count, np.int64(count))

    def all(self) -> Waiting:
        """Run the statements of the launch, up to where this thread ends."""
        with suppress(Ended):
            yield from self.body(self.team.launch.body)

    # registers and memory -----------------------------------------------------------------------
    def declare(self, what: Symbol | Buffer, value: Any = None) -> None:
        """Declare a register or buffer of this thread."""
        what = what.final if isinstance(what, Symbol) else what
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
        """Return how many elements a buffer has, as its extents are now."""
        return math.prod(self.shape(buffer))

    def place(self, buffer: Buffer, memory: Memory) -> None:
        """Declare a buffer as a memory that has as many elements."""
        self.declare(buffer.root, (memory, 0))

    def own_memory(self, buffer: Buffer) -> Memory:
        """Return memory for a buffer of this thread, of which nothing is written yet."""
        size = self.made(buffer)
        return Memory(buffer.name, np.zeros(size, buffer.dtype), np.zeros(size, bool))

    def allocate(self, s: Allocate) -> None:
        """Make memory of the group, or of this thread where lanes run statements by themselves."""
        buffer = s.buffer
        if s.reused is not None:
            self.declare(buffer, self.known[s.reused.root].value)
        elif buffer.role == "pointer":
            self.declare(buffer)
        elif self.shared:
            self.place(buffer, self.own_memory(buffer))
        else:
            self.place(buffer, self.team.memory(buffer, self.group, self.made(buffer)))

    def reload(self, what: Register, source: Register) -> None:
        """Declare a register as that of the device was when it was last spilled."""
        self.touch((self.team.word(source), 0), writing=False)
        self.declare(what, self.team.saved.get(source))

    def spill(self, what: Register) -> None:
        """Save a register for later launches."""
        self.touch((self.team.word(what), 0), writing=True)
        self.team.saved[what] = self.known[what].value

    def move(
        self, vector: Buffer, buffer: Buffer, index: Index, number: Expr, writing: bool
    ) -> None:
        """Store or load a vector: number ``number`` of those of a buffer from ``index`` on."""
        own, _ = self.known[vector.root].value
        memory, places = self._elements(buffer, index, number, self.made(vector))
        for k, place in enumerate(places):
            self.touch((memory, place), writing)
            to, at, other, there = (memory, place, own, k) if writing else (own, k, memory, place)
            assert other.written[there], f"{other.name}[{there}] is used, which was not written"
            to.data[at], to.written[at] = other.data[there], True

    def _elements(
        self, buffer: Buffer, index: Index, number: Expr, width: int
    ) -> tuple[Memory, range]:
        """Return the memory of a vector, and where it is in it."""
        memory, start, shape = self.opened(buffer, writing=False)
        position = place_in(shape, map(self.integer, index))
        first = position + self.integer(number) * width
        assert position % width == 0, f"a vector of {buffer} starts at {position}"
        assert 0 <= first <= math.prod(shape) - width, f"a vector of {buffer} is out of bounds"
        return memory, range(start + first, start + first + width)

    # statements ---------------------------------------------------------------------------------
    def body(self, given: Sequence[Statement]) -> Waiting:
        """Run statements one after the other; in lockstep, wait after each."""
        for s in given:
            waits = s.run(self)
            if waits is not None:
                yield from waits
            if self.team.launch.lockstep and not self.shared:
                yield self.team.after.setdefault(id(s), Barrier()), self.of(LANES), None

    def inner(self, given: Sequence[Statement]) -> Waiting:
        """Run statements as a block: what they declare is forgotten after them."""
        with self.block():
            yield from self.body(given)

    def alone(self, given: Sequence[Statement]) -> Waiting:
        """Run statements that other lanes do not run."""
        outer, self.shared = self.shared, True
        try:
            yield from self.inner(given)
        finally:
            self.shared = outer

    def branch(self, s: If) -> Waiting:
        """Run the branch that the condition chooses, as a block.

        Lanes that choose by their own numbers do not wait for each other in it.
        """
        taken = s.then if self.value(s.condition) else s.orelse
        divergent = not {LANES.own, THREADS.own}.isdisjoint(parts(s.condition))
        yield from self.alone(taken) if divergent else self.inner(taken)

    def scope(self, s: Scope) -> Waiting:
        """Run the statements of a scope as a block."""
        yield from self.inner(s.body)

    def loop(self, s: For) -> Waiting:
        """Run all steps of a loop in order, up to where one leaves it."""
        with suppress(Left):
            yield from self.steps(s.body, ([(s.index, i)] for i in range(self.integer(s.extent))))

    def steps(
        self, body: Sequence[Statement], turns: Iterable[Turn], divergent: bool = False
    ) -> Waiting:
        """Run the steps of loops that are this thread's.

        turns : the indices of each.
        divergent : whether the other lanes of the group run other steps meanwhile.
        """
        outer, self.shared = self.shared, self.shared or divergent
        try:
            for indices in turns:
                with self.block():
                    for symbol, i in indices:
                        self.declare(symbol, np.int64(i))
                    yield from self.body(body)
        finally:
            self.shared = outer

    def region(self, body: Sequence[Statement], label: Symbol) -> Waiting:
        """Run statements up to where one leaves the region of a label."""
        try:
            yield from self.inner(body)
        except Broken as left:
            if left.label is not label:
                raise

    def leave_region(self, label: Symbol) -> None:
        """Go on behind the region of a label."""
        raise Broken(label)

    def end(self) -> None:
        """End this thread."""
        raise Ended
