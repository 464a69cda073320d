"""Programs that look at the clock: between nests, so that a profile knows how long each takes.

The times are one more output, so that calls of many threads do not meet.  It holds, in integers,
when the clock was looked at last; for each nest the nanoseconds, the runs and the bytes moved; and
the bytes of each block of memory that the program works with.  What each nest computes is known
from the registers and buffers that it sets (`gradcore.kernel.ir.Program.made_by`).

The decision: a program is changed when all other passes have run, so that what is timed is what
runs otherwise; the body of a loop over steps (a scan) is looked at in its turn.  Rejected: a clock
around each statement, which would time scalars for longer than they take.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeAlias

import numpy as np

from gradcore.graph import Apply
from gradcore.kernel.blocks import blocks, blocks_in_use
from gradcore.kernel.failures import no_memory
from gradcore.kernel.ir import (
    Allocate,
    Buffer,
    Callback,
    Expr,
    For,
    Library,
    Load,
    Matmul,
    Program,
    Scope,
    Statement,
    Store,
    Symbol,
    integer,
    product,
)
from gradcore.kernel.uses import Used, inside, made_by

START, LOOK = "clock_start", "clock_look"
"""The functions that clear the times and look at the clock, and that look at it after a nest."""

FIELDS = 3
"""How many integers the times have of each nest: nanoseconds, runs, bytes."""

Nodes: TypeAlias = "tuple[Apply, ...]"


@dataclass(frozen=True)
class Clocked:
    """A program that looks at the clock.

    program : the program, whose last output is the times.
    nests : the nodes that each nest computes.
    buffers : the nodes whose values each block of memory holds.
    in_use : for each nest that is in no other, in turn, which blocks hold what is needed then.
    """

    program: Program
    nests: Sequence[Nodes]
    buffers: Sequence[Nodes]
    in_use: Sequence[tuple[int, Sequence[int]]]


def clocked(program: Program) -> Clocked:
    """Return a program that looks at the clock after each nest."""
    return _Clock(program).result()


@dataclass
class _Clock:
    program: Program
    nests: list[Nodes] = field(default_factory=list[Nodes])
    parts: list[tuple[int, Sequence[Statement]]] = field(
        default_factory=list["tuple[int, Sequence[Statement]]"]
    )

    def __post_init__(self) -> None:
        self.times = Buffer("times", "int64", (integer(1),), "output", len(self.program.outputs))
        self.times.lacking = len(self.program.checks)

    def result(self) -> Clocked:
        """Return the program with its clock."""
        given = self.program
        body = self.looked(given.body, outermost=True)
        sizes: list[Statement] = []
        used: list[Nodes] = []
        known = blocks(given.body)
        for buffer, those in known.items():
            place = 1 + FIELDS * len(self.nests) + len(used)
            sizes.append(Store(self.times, (integer(place),), _bytes(buffer)))
            used.append(_made(those, given.made_by))
        count = 1 + FIELDS * len(self.nests) + len(used)
        self.times.shape = (integer(count),)
        start = Library(START, (integer(count),), (), (self.times,))
        program = replace(
            given,
            outputs=[*given.outputs, self.times],
            body=[Allocate(self.times), start, *body, *sizes],
            checks=[*given.checks, partial(no_memory, 8)],
        )
        there = blocks_in_use([statements for _, statements in self.parts], known)
        numbers = [number for number, _ in self.parts]
        return Clocked(program, self.nests, used, list(zip(numbers, there, strict=True)))

    def looked(self, body: Sequence[Statement], outermost: bool) -> list[Statement]:
        """Return statements with a look at the clock after each that takes time."""
        found: list[Statement] = []
        waiting: list[Statement] = []
        for s in body:
            waiting.append(s)
            found.append(self.within(s))
            if _takes_time(s):
                found += self.look(waiting, outermost)
                waiting = []
        if outermost and waiting:
            found += self.look(waiting, outermost)
        return found

    def within(self, s: Statement) -> Statement:
        """Return a loop over steps with looks between what is in it; any other statement as is."""
        if isinstance(s, For) and s.ordered and s.chunks is None and len(s.body) == 1:
            (scope,) = s.body
            if isinstance(scope, Scope) and sum(map(_takes_time, scope.body)) > 1:
                return replace(s, body=[Scope(self.looked(scope.body, outermost=False))])
        return s

    def look(self, statements: Sequence[Statement], outermost: bool) -> list[Statement]:
        """Return what notes the time since the last look as that of a nest."""
        number = len(self.nests)
        self.nests.append(nodes_of(statements, self.program.made_by))
        found: list[Statement] = [Library(LOOK, (integer(number),), (), (self.times,))]
        if outermost:
            self.parts.append((number, statements))
            place = (integer(1 + FIELDS * number + 2),)
            for buffer in _moved(statements):
                total = Load(self.times, place) + _bytes(buffer)
                found.append(Store(self.times, place, total))
        return found


def _takes_time(s: Statement) -> bool:
    return any(isinstance(x, (For, Matmul, Library, Callback)) for x in inside((s,)))


def _bytes(buffer: Buffer) -> Expr:
    return product(buffer.shape) * integer(np.dtype(buffer.dtype).itemsize)


def nodes_of(
    statements: Sequence[Statement], known: Mapping[Symbol | Buffer, Sequence[Apply]]
) -> Nodes:
    """Return the nodes whose values statements compute."""
    written: dict[Symbol | Buffer, None] = {}
    for s in inside(statements):
        if isinstance(s, Allocate):
            continue
        written.update((x.final if isinstance(x, Symbol) else x, None) for x in s.declares())
        written.update((x.final if isinstance(x, Symbol) else x, None) for x in s.changes())
        written.update((buffer, None) for buffer, _ in s.writes())
    return _made(written, known)


def _made(
    what: Iterable[Symbol | Buffer], known: Mapping[Symbol | Buffer, Sequence[Apply]]
) -> Nodes:
    found: dict[Apply, None] = {}
    for x in what:
        found.update((node, None) for node in known.get(x, ()))
        if isinstance(x, Buffer) and x.root is not x:
            found.update((node, None) for node in known.get(x.root, ()))
    return tuple(found)


def _moved(statements: Sequence[Statement]) -> list[Buffer]:
    """Return the buffers that statements touch and that are there after them."""
    own = {x for s in statements for block in s.blocks() for x in made_by(block)}
    named = Used().note([s for s in statements if not isinstance(s, Allocate)]).buffers
    return [b for b in named if b.shape and b not in own and b.role != "pointer"]
