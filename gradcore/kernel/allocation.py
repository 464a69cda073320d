"""Statements about memory: what makes that of a buffer, gives it back, or points into it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gradcore.kernel.expressions import ZERO, Buffer, Expr, Index, Load, Symbol
from gradcore.kernel.statements import Access, Change, Inner, Place, Show, Statement, Waits


@dataclass(eq=False, slots=True)
class Allocate(Statement):
    """Memory for a buffer: that of ``reused``, of the same size and not needed any more, or new.

    >>> from gradcore.kernel.ir import Program
    >>> n = Symbol("n")
    >>> old, new = Buffer("old", "float64", (n,)), Buffer("new", "float64", (n,))
    >>> body = [Allocate(old), Allocate(new, reused=old)]
    >>> print(Program([], [], [], body, [], [], "one memory"))
    # one memory
    allocate work old: float64[n]
    allocate work new: float64[n], in place of old
    """

    buffer: Buffer
    reused: Buffer | None = None

    def expressions(self) -> Iterable[Expr]:
        """Return the expressions that it evaluates: the extents, and what tells of failure."""
        check = self.buffer.lacking
        return (*self.buffer.shape, check) if isinstance(check, Expr) else self.buffer.shape

    def buffers(self) -> Iterable[Buffer]:
        """Return the buffers that it names: the buffer, and the one whose memory it takes over."""
        return (self.buffer,) if self.reused is None else (self.buffer, self.reused)

    def declares(self) -> Iterable[Symbol | Buffer]:
        """Return what it declares: the buffer."""
        return (self.buffer,)

    def work(self) -> Expr:
        """Return 0: to make memory is no work of a scalar statement."""
        return ZERO

    def run(self, machine: Any) -> None:
        """Make the memory."""
        machine.allocate(self)

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return the buffer, with its role, dtype and shape."""
        place = "" if self.reused is None else f", in place of {show(self.reused)}"
        kind = f"{self.buffer.dtype}{show(self.buffer.shape)}"
        return (f"allocate {self.buffer.role} {show(self.buffer)}: {kind}{place}",)


@dataclass(eq=False, slots=True)
class Scope(Statement):
    """Statements whose memory is given back after them.

    >>> from gradcore.kernel.ir import Program, Store
    >>> work, one = Buffer("work", "int64", ()), ZERO + 1
    >>> print(Program([], [], [], [Scope([Allocate(work), Store(work, (), one)])], [], [], "one"))
    # one
    scope:
        allocate work work: int64[]
        work[] = 1
    """

    body: list[Statement]

    def blocks(self) -> tuple[list[Statement], ...]:
        """Return the blocks of statements in it: the body."""
        return (self.body,)

    def rebuilt(self, expr: Change, block: Inner) -> Scope:
        """Return a copy with other statements."""
        return Scope(block(self.body))

    def run(self, machine: Any) -> Waits:
        """Run the body, and give its memory back."""
        return machine.scope(self)

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return its text: a line, or one before each of its blocks."""
        return ("scope:",)


@dataclass(eq=False, slots=True)
class Point(Statement):
    """Let ``pointer``, a buffer, be the part of ``buffer`` from ``index`` on.

    >>> i, n = Symbol("i"), Symbol("n")
    >>> row, x = Buffer("row", "float64", (n,), "pointer"), Buffer("x", "float64", (n, n))
    >>> print(*Point(row, x, (i, ZERO)).lines(repr))
    row = &x[i, 0]
    """

    pointer: Buffer
    buffer: Buffer
    index: Index

    def expressions(self) -> Iterable[Expr]:
        """Return the expressions that it evaluates: the index and the extents."""
        return (*self.index, *self.buffer.shape)

    def buffers(self) -> Iterable[Buffer]:
        """Return the buffers that it names: what points, and to what."""
        return (self.pointer, self.buffer)

    def reads(self) -> Iterable[Access]:
        """Return what it reads from memory: all that is pointed to."""
        return ((self.buffer, None),)

    def writes(self) -> Iterable[Access]:
        """Return what it writes to memory: all that is known by the pointer."""
        return ((self.pointer, None),)

    def changes(self) -> Iterable[Symbol | Buffer]:
        """Return what it sets that was declared before: the pointer."""
        return (self.pointer,)

    def with_elements(self, change: Place) -> Point:
        """Return it for a part that starts at another element."""
        return Point(self.pointer, *change(self.buffer, self.index))

    def run(self, machine: Any) -> None:
        """Let the pointer point there."""
        machine.point(self)

    def rebuilt(self, expr: Change, block: Inner) -> Point:
        """Return a copy with another index."""
        return Point(self.pointer, self.buffer, tuple(map(expr, self.index)))

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return where the pointer points."""
        return (f"{show(self.pointer)} = &{show(Load(self.buffer, self.index))}",)
