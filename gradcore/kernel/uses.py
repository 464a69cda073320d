"""What statements use: their expressions, their buffers, and what they make and change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import is_
from typing import Any

from gradcore.kernel.ir import (
    Allocate,
    Buffer,
    Call,
    Expr,
    For,
    If,
    Load,
    Scope,
    Statement,
    Symbol,
    substituted,
)


def inside(statements: Sequence[Statement]) -> Iterator[Statement]:
    """Yield statements and those in them, in the order of their text."""
    running = [iter(statements)]
    while running:
        for s in running[-1]:
            yield s
            if s.contains:
                running += map(iter, reversed(s.blocks()))
                break
        else:
            running.pop()


def expressions(s: Statement) -> Iterable[Expr]:
    """Return the expressions of a statement, not of those in it."""
    return s.expressions()


def buffers(s: Statement) -> Iterable[Buffer]:
    """Return the buffers that a statement names, but for those it loads from."""
    return s.buffers()


def stored(body: Sequence[Statement]) -> Iterator[Load]:
    """Return the elements that statements, and those in them, store to."""
    for s in inside(body):
        for buffer, index in s.writes():
            if index is not None:
                yield Load(buffer, index)


def declared(body: Sequence[Statement]) -> set[Symbol]:
    """Return the registers that statements, and those in them, declare."""
    return {x.final for s in inside(body) for x in s.declares() if isinstance(x, Symbol)}


def registers_set(body: Sequence[Statement]) -> dict[Symbol, None]:
    """Return the registers that statements, and those in them, declare or set, in order."""
    return {
        x.final: None
        for s in inside(body)
        for x in (*s.declares(), *s.changes())
        if isinstance(x, Symbol)
    }


def rewritten(
    body: Sequence[Statement], change: Callable[[Statement], list[Statement] | None]
) -> list[Statement]:
    """Return statements with what ``change`` makes of them, from the outermost on.

    change : returns what takes the place of a statement; None: what is in it is asked for, and if
        that stays, so does the statement.
    """
    found: list[Statement] = []
    for s in body:
        made = change(s)
        found += [_with_blocks(s, change)] if made is None else made
    return found


def _with_blocks(s: Statement, change: Callable[[Statement], list[Statement] | None]) -> Statement:
    """Return a statement with what ``change`` makes of those in it."""
    before = s.blocks()
    if not before:
        return s
    after = [rewritten(block, change) for block in before]
    if all(len(x) == len(y) and all(map(is_, x, y)) for x, y in zip(before, after, strict=True)):
        return s
    blocks = iter(after)
    return s.rebuilt(lambda x: x, lambda _: next(blocks))


def replaced(s: Statement, new: Mapping[Any, Expr]) -> Statement:
    """Return a statement with other expressions in place of some symbols and elements read."""
    return s.rebuilt(lambda x: substituted(x, new), lambda inner: [replaced(y, new) for y in inner])


@dataclass
class Used:
    """What statements use, declare and change, each in the order in which it first appears."""

    symbols: dict[Symbol, None] = field(default_factory=dict[Symbol, None])
    buffers: dict[Buffer, None] = field(default_factory=dict[Buffer, None])
    made: dict[Symbol | Buffer, None] = field(default_factory=dict["Symbol | Buffer", None])
    changed: dict[Symbol | Buffer, None] = field(default_factory=dict["Symbol | Buffer", None])

    def expression(self, x: Expr) -> None:
        """Note the registers, and the buffers by their roots, that an expression reads."""
        stack = [x]
        while stack:
            x = stack.pop()
            if isinstance(x, Symbol):
                self.symbols[x] = None
            elif isinstance(x, Call):
                stack += x.operands[::-1]
            elif isinstance(x, Load):
                self.buffers[x.buffer.root] = None
                stack += x.index
                stack += x.buffer.shape

    def note(self, statements: Sequence[Statement]) -> Used:
        """Note statements and those in them."""
        for s in inside(statements):
            for x in s.expressions():
                self.expression(x)
            for b in s.buffers():
                self.buffers[b.root] = None
            for what in s.declares():
                self.made[what] = None
            for what in s.changes():
                self.changed[what] = None
                if isinstance(what, Symbol):
                    self.symbols[what] = None
        return self


def made_by(statements: Sequence[Statement]) -> set[Symbol | Buffer]:
    """Return what statements, and those in them, make; `Used` finds it too, and all else."""
    return {what for s in inside(statements) for what in s.declares()}


def made_in_loops(body: Sequence[Statement]) -> list[Buffer]:
    """Return the buffers that loops make, not looking into what is made again at each step.

    What the branches of a loop make, as those of one that is there twice, each has once.
    """
    found: list[Buffer] = []
    for s in body:
        if isinstance(s, Allocate):
            found.append(s.buffer)
        elif isinstance(s, If):
            found += made_in_loops((*s.then, *s.orelse))
        elif isinstance(s, For):
            found += made_in_loops(s.chunks.before) if s.chunks else []
            found += [] if s.body and isinstance(s.body[0], Scope) else made_in_loops(s.body)
    return list(dict.fromkeys(found))
