"""Pass: where the lanes of a group wait for each other.

They do only where a lane may read what another has stored, or store where another has read or
stored, since they last waited.  In loops that are shared out alike, accesses with the index of the
loop at the same axis are the same lane's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from gradcore.kernel.device import (
    LANES,
    Barrier,
    Distributed,
    LastBlock,
    Launch,
    Private,
    Reload,
    Rounds,
    Single,
    Spill,
)
from gradcore.kernel.ir import (
    Buffer,
    Expr,
    For,
    If,
    Load,
    Statement,
    Symbol,
    loads,
)
from gradcore.kernel.uses import expressions, inside, stored
from gradcore_cuda.analyses import Facts
from gradcore_cuda.analyses.aliases import Aliases

Key: TypeAlias = "tuple[object, ...] | None"
"""The lane that accesses an element, as a key: equal keys, the same lane; None: any."""

FIRST: Key = ("first",)
"""The key of what the first lane does alone."""

Access: TypeAlias = "tuple[Symbol | Buffer, bool, Key]"
"""An access: the memory or spilled register, whether it is written, and by which lane."""


def barriers_inserted(launch: Launch, facts: Facts) -> Launch:
    """Return a launch whose lanes wait for each other where they must."""
    aliases = facts.aliases
    if not launch.together:
        return replace(launch, lockstep=False)
    body = list(inside(launch.body))
    written = {aliases.memory(x.buffer) for x in stored(launch.body)}
    private = {s.buffer for s in body if isinstance(s, Private)}
    spilled = {s.what for s in body if isinstance(s, Spill)}
    found = _Barriers(aliases, written, private, spilled).statements(launch.body)
    return replace(launch, body=found, lockstep=False)


@dataclass
class _Barriers:
    """Inserts barriers into statements that lanes run together.

    written : the memory that any of them stores to.
    private : what each lane has for itself.
    spilled : the registers that one of them saves.
    touched : what has been touched since lanes last waited for each other.
    """

    aliases: Aliases
    written: set[Buffer]
    private: set[Buffer]
    spilled: set[Symbol | Buffer]
    touched: list[Access] = field(default_factory=list[Access])

    def statements(self, body: Sequence[Statement]) -> list[Statement]:
        """Return statements with barriers between them."""
        found: list[Statement] = []
        for s in body:
            if isinstance(s, (Barrier, LastBlock)):
                self.touched.clear()
                found.append(s)
                continue
            opaque = _is_shared(s) or isinstance(s, Reload)
            accesses = self.accesses(s) if opaque else self.read(expressions(s), None)
            if self.conflict(accesses):
                self.touched.clear()
                found.append(Barrier())
            self.note(accesses)
            if opaque or not s.blocks():
                found.append(s)
            elif isinstance(s, If):
                found.append(self.branches(s))
            elif isinstance(s, (For, Distributed)):
                found.append(self.loop(s))
            else:
                found.append(s.rebuilt(lambda x: x, self.statements))
        return found

    def loop(self, s: For | Distributed) -> Statement:
        """Return a loop of which lanes go through all steps; there may be no step, or many."""
        before = list(self.touched)
        again = [a for x in s.body for a in self.accesses(x)]
        self.note(again)
        found = s.rebuilt(lambda x: x, self.statements)
        self.note([*before, *again])
        return found

    def branches(self, s: If) -> If:
        """Return a choice that all lanes make alike."""
        before = list(self.touched)
        then = self.statements(s.then)
        after, self.touched = self.touched, before
        orelse = self.statements(s.orelse)
        self.note(after)
        return If(s.condition, then, orelse)

    def conflict(self, accesses: Sequence[Access]) -> bool:
        """Return whether another lane may have to do with the same elements."""
        return any(
            memory is other and (writes or wrote) and (key is None or key != owner)
            for memory, writes, key in accesses
            for other, wrote, owner in self.touched
        )

    def note(self, accesses: Iterable[Access]) -> None:
        """Note that elements have been touched since lanes last waited for each other."""
        self.touched += [a for a in dict.fromkeys(accesses) if a not in self.touched]

    def accesses(self, s: Statement) -> list[Access]:
        """Return what a statement, and those in it, touch."""
        if isinstance(s, Single):
            return self.of_one(s.body)
        if isinstance(s, Rounds):
            own = self.owned((s.index,), (s.extent,), s.body, 1)
            return [*self.read(expressions(s), None), *own]
        if isinstance(s, Distributed) and s.level is LANES:
            width = 1 if s.vectors is None else s.vectors.width
            own = self.owned(s.indices, s.extents, s.body, width)
            return [*self.read(expressions(s), None), *own]
        if isinstance(s, Reload):
            return [(s.source, False, None)] if s.source in self.spilled else []
        found = self.read(expressions(s), None)
        return found + [a for block in s.blocks() for x in block for a in self.accesses(x)]

    def read(self, xs: Iterable[Expr], key: Key) -> list[Access]:
        """Return what expressions read."""
        return [a for x in xs for y in loads(x) for a in self.access(y.buffer, False, key)]

    def access(self, buffer: Buffer, writes: bool, key: Key) -> list[Access]:
        """Return an access, if it is to memory that is stored to."""
        if buffer.root in self.private:
            return []
        memory = self.aliases.memory(buffer)
        return [(memory, writes, key)] if memory in self.written else []

    def of_one(self, body: Sequence[Statement]) -> list[Access]:
        """Return what statements touch that the first lane runs."""
        found: list[Access] = []
        for s in inside(body):
            found += self.read(expressions(s), FIRST)
            for buffer, _ in s.writes():
                found += self.access(buffer, True, FIRST)
            if isinstance(s, Spill):
                found.append((s.what, True, FIRST))
        return found

    def owned(
        self,
        symbols: tuple[Symbol, ...],
        extents: tuple[Expr, ...],
        body: Sequence[Statement],
        width: int,
    ) -> list[Access]:
        """Return what the steps of loops that are shared out touch.

        width : how many of them a lane takes at a time.
        """
        found: list[Access] = []

        def note(x: Load, writes: bool) -> None:
            axes = tuple(x.index.index(i) if i in x.index else -1 for i in symbols)
            key = None if -1 in axes else (id(x.buffer), axes, extents, width)
            found.extend(self.access(x.buffer, writes, key))

        for s in inside(body):
            for x in expressions(s):
                for y in loads(x):
                    note(y, writes=False)
            for buffer, index in s.writes():
                note(Load(buffer, index or ()), writes=True)
        return found


def _is_shared(s: Statement) -> bool:
    """Return whether lanes do different things in a statement."""
    return isinstance(s, (Single, Rounds)) or (isinstance(s, Distributed) and s.level is LANES)
