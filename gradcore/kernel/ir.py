"""The loop IR: what a graph becomes before it is printed as C or CUDA, or interpreted.

Expressions (`gradcore.kernel.expressions`) are scalars: literals, registers, loads from buffers,
and rows of `gradcore.ops.scalars` applied to these.  Statements are loops, stores, and calls of
what is no loop.

The decision: the IR has no types of its own beyond dtypes, no pointers and no strides: a buffer is
indexed by one expression an axis, so that a pass can see which loop moves along which axis.  How
addresses are computed is the printer's business.  Rejected: a flat index into memory, from which
every pass would have to recover the axes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from gradcore.kernel.expressions import (
    NARROW,
    ONE,
    SIMPLER,
    ZERO,
    Buffer,
    Call,
    Expr,
    Index,
    Literal,
    Load,
    Symbol,
    as_expr,
    as_index,
    call,
    cast,
    extent_of,
    identity_of,
    integer,
    loads,
    never_negative,
    operations,
    parts,
    product,
    substituted,
)  # fmt: skip
from gradcore.ops.elementwise import Elementwise

__all__ = (
    "NARROW",
    "ONE",
    "SIMPLER",
    "ZERO",
    "Allocate",
    "Break",
    "Buffer",
    "Call",
    "Callback",
    "Change",
    "Check",
    "Expr",
    "For",
    "If",
    "Index",
    "Inner",
    "Let",
    "Library",
    "Literal",
    "Load",
    "Matmul",
    "Point",
    "Program",
    "Reduction",
    "Scope",
    "Statement",
    "Store",
    "Strided",
    "Symbol",
    "as_expr",
    "as_index",
    "call",
    "cast",
    "extent_of",
    "identity_of",
    "integer",
    "loads",
    "never_negative",
    "operations",
    "parts",
    "product",
    "substituted",
)  # fmt: skip

Change: TypeAlias = Callable[[Expr], Expr]
"""What makes another expression of one."""

Inner: TypeAlias = "Callable[[list[Statement]], list[Statement]]"
"""What makes other statements of those in one."""


# statements -------------------------------------------------------------------------------------
class Statement:
    """A step of a program (abstract).

    It tells what it is made of, so that a pass or an analysis that has no interest in its kind
    need not know it.
    """

    __slots__ = ()

    def blocks(self) -> tuple[list[Statement], ...]:
        """Return the statements in it, block by block."""
        return ()

    def expressions(self) -> Iterator[Expr]:
        """Return the expressions that it evaluates, not those of the statements in it."""
        return iter(())

    def buffers(self) -> Iterator[Buffer]:
        """Return the buffers that it names, but for those that its expressions load from."""
        return iter(())

    def rebuilt(self, expr: Change, block: Inner) -> Statement:
        """Return it with other expressions and other blocks of statements."""
        return self


@dataclass(eq=False, slots=True)
class Store(Statement):
    """``buffer[index] = value``."""

    buffer: Buffer
    index: Index
    value: Expr

    def expressions(self) -> Iterator[Expr]:
        """Return the index, the value and the extents."""
        yield from (*self.index, self.value)
        yield from self.buffer.shape

    def buffers(self) -> Iterator[Buffer]:
        """Return the buffer."""
        yield self.buffer

    def rebuilt(self, expr: Change, block: Inner) -> Store:
        """Return it with another index and value."""
        return type(self)(self.buffer, tuple(map(expr, self.index)), expr(self.value))


@dataclass(eq=False, slots=True)
class Let(Statement):
    """A register that is set once (``fresh``), declared, or set again."""

    symbol: Symbol
    value: Expr
    fresh: bool = True

    def expressions(self) -> Iterator[Expr]:
        """Return the value."""
        yield self.value

    def rebuilt(self, expr: Change, block: Inner) -> Let:
        """Return it with another value."""
        return Let(self.symbol, expr(self.value), self.fresh)


@dataclass(eq=False, slots=True)
class If(Statement):
    """Statements to run if a condition holds, and others if not."""

    condition: Expr
    then: list[Statement]
    orelse: list[Statement] = field(default_factory=list[Statement])

    def blocks(self) -> tuple[list[Statement], ...]:
        """Return both branches."""
        return self.then, self.orelse

    def expressions(self) -> Iterator[Expr]:
        """Return the condition."""
        yield self.condition

    def rebuilt(self, expr: Change, block: Inner) -> If:
        """Return it with another condition and other branches."""
        return If(expr(self.condition), block(self.then), block(self.orelse))


@dataclass(eq=False, slots=True)
class Reduction:
    """A register or buffer to which each step of a loop contributes.

    target : the register, or the buffer, as wide as what a step contributes to.
    row : how contributions combine; None: they must come in order.
    running : whether the steps, which are ordered then, read what it has so far.
    carried : whether another target takes over what this one has so far, from time to time: it
        starts from nothing then.
    """

    target: Symbol | Buffer
    row: Elementwise | None
    carried: bool = False
    running: bool = False


@dataclass(eq=False, slots=True)
class For(Statement):
    """A loop of ``index`` from 0 to ``extent``.

    ordered : whether a step needs the one before (beyond the reductions).
    reductions : what the steps contribute to.
    parallel : whether the steps may be shared out among threads.
    terms : of a loop over blocks, how many steps the loop in it takes all in all.
    """

    index: Symbol
    extent: Expr
    body: list[Statement]
    ordered: bool = False
    reductions: list[Reduction] = field(default_factory=list[Reduction])
    parallel: bool = False
    terms: Expr | None = None

    def blocks(self) -> tuple[list[Statement], ...]:
        """Return the body."""
        return (self.body,)

    def expressions(self) -> Iterator[Expr]:
        """Return the extent."""
        yield self.extent

    def rebuilt(self, expr: Change, block: Inner) -> For:
        """Return it with another extent and body."""
        return replace(self, extent=expr(self.extent), body=block(self.body))


@dataclass(eq=False, slots=True)
class Check(Statement):
    """Fail, as check ``number``, unless ``condition`` holds; ``values`` (integers) tell why."""

    number: int
    condition: Expr
    values: tuple[Expr, ...]

    def expressions(self) -> Iterator[Expr]:
        """Return the condition and what tells why."""
        yield from (self.condition, *self.values)

    def rebuilt(self, expr: Change, block: Inner) -> Check:
        """Return it with another condition and other values."""
        return Check(self.number, expr(self.condition), tuple(map(expr, self.values)))


@dataclass(eq=False, slots=True)
class Allocate(Statement):
    """Memory for a buffer: that of ``reused``, of the same size and not needed any more, or new."""

    buffer: Buffer
    reused: Buffer | None = None

    def expressions(self) -> Iterator[Expr]:
        """Return the extents."""
        yield from self.buffer.shape

    def buffers(self) -> Iterator[Buffer]:
        """Return the buffer."""
        yield self.buffer


@dataclass(eq=False, slots=True)
class Scope(Statement):
    """Statements whose memory is given back after them."""

    body: list[Statement]

    def blocks(self) -> tuple[list[Statement], ...]:
        """Return the statements."""
        return (self.body,)

    def rebuilt(self, expr: Change, block: Inner) -> Scope:
        """Return it with other statements."""
        return Scope(block(self.body))


@dataclass(eq=False, slots=True)
class Break(Statement):
    """Leave the innermost loop."""


@dataclass(eq=False, slots=True)
class Point(Statement):
    """Let ``pointer``, a buffer, be the part of ``buffer`` from ``index`` on."""

    pointer: Buffer
    buffer: Buffer
    index: Index

    def expressions(self) -> Iterator[Expr]:
        """Return the index and the extents."""
        yield from (*self.index, *self.buffer.shape)

    def buffers(self) -> Iterator[Buffer]:
        """Return what points, and to what."""
        yield from (self.pointer, self.buffer)

    def rebuilt(self, expr: Change, block: Inner) -> Point:
        """Return it with another index."""
        return Point(self.pointer, self.buffer, tuple(map(expr, self.index)))


@dataclass(frozen=True, eq=False, slots=True)
class Strided:
    """A part of a buffer with affine indices: its first element and a step an axis."""

    buffer: Buffer
    first: Index
    shape: tuple[Expr, ...]
    steps: tuple[tuple[Expr, ...], ...]
    """For each axis of the part, by how much each index of the buffer moves."""

    def rebuilt(self, expr: Callable[[Expr], Expr]) -> Strided:
        """Return it with other expressions."""
        steps = tuple(tuple(map(expr, along)) for along in self.steps)
        return Strided(
            self.buffer, tuple(map(expr, self.first)), tuple(map(expr, self.shape)), steps
        )


@dataclass(eq=False, slots=True)
class Matmul(Statement):
    """``out = scale * out + x @ y``, for matrices and stacks of them (along equal axes)."""

    out: Strided
    x: Strided
    y: Strided
    accumulate: bool = False

    def expressions(self) -> Iterator[Expr]:
        """Return where the parts start, how far they go, and in which steps."""
        for part in (self.out, self.x, self.y):
            yield from (*part.first, *part.shape, *part.buffer.shape)
            for steps in part.steps:
                yield from steps

    def buffers(self) -> Iterator[Buffer]:
        """Return the result and the factors."""
        yield from (self.out.buffer, self.x.buffer, self.y.buffer)

    def rebuilt(self, expr: Change, block: Inner) -> Matmul:
        """Return it with other indices."""
        out, x, y = (part.rebuilt(expr) for part in (self.out, self.x, self.y))
        return Matmul(out, x, y, self.accumulate)


@dataclass(eq=False, slots=True)
class Library(Statement):
    """A function of a library: ``name(*scalars, *buffers)``, which reads and writes buffers."""

    name: str
    scalars: tuple[Expr, ...]
    reads: tuple[Buffer, ...]
    writes: tuple[Buffer, ...]

    def expressions(self) -> Iterator[Expr]:
        """Return the numbers."""
        yield from self.scalars

    def buffers(self) -> Iterator[Buffer]:
        """Return what it reads and writes."""
        yield from (*self.reads, *self.writes)

    def rebuilt(self, expr: Change, block: Inner) -> Library:
        """Return it with other numbers."""
        return Library(self.name, tuple(map(expr, self.scalars)), self.reads, self.writes)


@dataclass(eq=False, slots=True)
class Callback(Statement):
    """A function of Python, of arrays; the shapes of what it returns become known by it.

    which : its number.
    extents : for each output, a register for each extent.
    """

    which: int
    reads: tuple[Buffer, ...]
    writes: tuple[Buffer, ...]
    extents: tuple[tuple[Symbol, ...], ...]

    def expressions(self) -> Iterator[Expr]:
        """Return the extents."""
        for buffer in self.buffers():
            yield from buffer.shape

    def buffers(self) -> Iterator[Buffer]:
        """Return what it reads and writes."""
        yield from (*self.reads, *self.writes)


@dataclass(eq=False)
class Program:
    """A function of arrays.

    inputs : a buffer each; their extents are registers.
    outputs : a buffer each.
    constants : arrays that it reads.
    body : what it does.
    checks : for each check, what makes the exception of the values that it told.
    callbacks : functions of Python, with the nodes that they compute.
    title : what it computes, in a line.
    """

    inputs: list[Buffer]
    outputs: list[Buffer]
    constants: list[Buffer]
    body: list[Statement]
    checks: list[Callable[..., Exception]]
    callbacks: list[Any]
    title: str
