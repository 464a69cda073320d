"""The device part of the loop IR: what the many threads of a kernel do.

A host program asks for a `Grid` of threads and has it run statements, by `Launch`.  Threads are
*lanes* of *groups*, groups are parts of *blocks*, and all blocks are the *grid* (`Level`).  Each
thread runs all statements of the launch, with registers of its own: where it does something else
than the others, a statement says so.

The decision: kernels are made by passes from these statements to these statements, until a printer
has nothing to decide, and every stage has a meaning: `gradcore.kernel.threads` runs it, thread by
thread, in any order.  Rejected: deciding while text is printed, where a decision can be neither
seen nor tested apart from the text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from gradcore.kernel.ir import (
    ZERO,
    Buffer,
    Change,
    Expr,
    Index,
    Inner,
    Literal,
    Load,
    Statement,
    Store,
    Symbol,
)
from gradcore.ops.elementwise import Elementwise


# who runs ---------------------------------------------------------------------------------------
@dataclass(frozen=True, eq=False)
class Level:
    """What steps of loops are shared out among.

    own : in a thread, the number of the one that it belongs to.
    count : how many there are.
    """

    own: Symbol
    count: Symbol


GROUPS = Level(Symbol("group"), Symbol("groups"))
"""The groups of a grid."""

BLOCKS = Level(Symbol("block"), Symbol("blocks"))
"""The blocks of a grid."""

LANES = Level(Symbol("lane"), Symbol("lanes"))
"""The threads of a group."""

THREADS = Level(Symbol("thread"), Symbol("threads"))
"""The threads of a block."""

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
        """Return how much work there is, and the limit."""
        yield from (self.steps, *self.widths)
        if self.limit is not None:
            yield self.limit

    def declares(self) -> Iterator[Symbol | Buffer]:
        """Return how many threads there are."""
        yield from (self.block_count, self.group_count, self.lane_count)


@dataclass(eq=False, slots=True)
class Fit(Statement):
    """Let the host find whether memory for each group of a grid fits into shared memory.

    memories : what each group has one of.
    """

    grid: Grid
    memories: tuple[Buffer, ...]

    def expressions(self) -> Iterator[Expr]:
        """Return the extents."""
        for buffer in self.memories:
            yield from buffer.shape


@dataclass(eq=False, slots=True)
class Launch(Statement):
    """Have the threads of a grid run statements.

    name : what to call the kernel.
    together : whether the lanes of a group run statements together; else each group is a thread.
    fit : what was found about its memory of groups; None: there is none.
    """

    grid: Grid
    body: list[Statement]
    name: str = "kernel"
    together: bool = False
    fit: Fit | None = None

    def blocks(self) -> tuple[list[Statement], ...]:
        """Return the body."""
        return (self.body,)

    def rebuilt(self, expr: Change, block: Inner) -> Launch:
        """Return it with another body."""
        return replace(self, body=block(self.body))


# loops ------------------------------------------------------------------------------------------
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
        """Return the body."""
        return (self.body,)

    def expressions(self) -> Iterator[Expr]:
        """Return how far the loops go, and from where."""
        yield from (*self.extents, self.first)

    def declares(self) -> Iterator[Symbol | Buffer]:
        """Return the indices."""
        yield from self.indices

    def rebuilt(self, expr: Change, block: Inner) -> Distributed:
        """Return it with other extents and another body."""
        extents = tuple(map(expr, self.extents))
        return replace(self, extents=extents, first=expr(self.first), body=block(self.body))


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
        """Return the body."""
        return (self.body,)

    def expressions(self) -> Iterator[Expr]:
        """Return from where to where it goes."""
        yield from (self.first, self.last)

    def declares(self) -> Iterator[Symbol | Buffer]:
        """Return the index."""
        yield self.index

    def rebuilt(self, expr: Change, block: Inner) -> Rounds:
        """Return it with other ends and another body."""
        return Rounds(self.index, self.extent, expr(self.first), expr(self.last), block(self.body))


@dataclass(eq=False, slots=True)
class Unrolled(Statement):
    """A short loop of ``index`` from 0 to ``count``, a number."""

    index: Symbol
    count: int
    body: list[Statement]

    def blocks(self) -> tuple[list[Statement], ...]:
        """Return the body."""
        return (self.body,)

    def declares(self) -> Iterator[Symbol | Buffer]:
        """Return the index."""
        yield self.index

    def rebuilt(self, expr: Change, block: Inner) -> Unrolled:
        """Return it with another body."""
        return Unrolled(self.index, self.count, block(self.body))


@dataclass(eq=False, slots=True)
class Delinearize(Statement):
    """Let ``indices`` be those of element ``number`` of an array of ``extents``, in C order.

    None stands for an index that nobody uses.
    """

    indices: tuple[Symbol | None, ...]
    extents: tuple[Expr, ...]
    number: Expr

    def expressions(self) -> Iterator[Expr]:
        """Return the number and the extents."""
        yield from (self.number, *self.extents)

    def declares(self) -> Iterator[Symbol | Buffer]:
        """Return the indices."""
        yield from (i for i in self.indices if i is not None)

    def rebuilt(self, expr: Change, block: Inner) -> Delinearize:
        """Return it with another number and other extents."""
        return Delinearize(self.indices, tuple(map(expr, self.extents)), expr(self.number))


@dataclass(eq=False, slots=True)
class Chunk(Statement):
    """Let the steps from ``first`` to ``last`` be this group's part of ``extent`` steps."""

    first: Symbol
    last: Symbol
    extent: Expr

    def expressions(self) -> Iterator[Expr]:
        """Return how many steps there are."""
        yield self.extent

    def declares(self) -> Iterator[Symbol | Buffer]:
        """Return both ends."""
        yield from (self.first, self.last)

    def rebuilt(self, expr: Change, block: Inner) -> Chunk:
        """Return it for another number of steps."""
        return Chunk(self.first, self.last, expr(self.extent))


# who does what ----------------------------------------------------------------------------------
@dataclass(eq=False, slots=True)
class Single(Statement):
    """Statements that the first of a group's `LANES`, or of a block's `THREADS`, runs."""

    level: Level
    body: list[Statement]

    def blocks(self) -> tuple[list[Statement], ...]:
        """Return the statements."""
        return (self.body,)

    def rebuilt(self, expr: Change, block: Inner) -> Single:
        """Return it with other statements."""
        return Single(self.level, block(self.body))


@dataclass(eq=False, slots=True)
class Owned(Statement):
    """Statements that one group runs: which, depends on ``number`` alone."""

    number: Expr
    body: list[Statement]

    def blocks(self) -> tuple[list[Statement], ...]:
        """Return the statements."""
        return (self.body,)

    def expressions(self) -> Iterator[Expr]:
        """Return the number."""
        yield self.number

    def rebuilt(self, expr: Change, block: Inner) -> Owned:
        """Return it with another number and other statements."""
        return Owned(expr(self.number), block(self.body))


@dataclass(eq=False, slots=True)
class LastBlock(Statement):
    """Ends all threads but those of the block that comes here last, which sees all others' stores.

    counter : counts blocks; it is 0 before the launch and after it.
    """

    counter: Buffer

    def buffers(self) -> Iterator[Buffer]:
        """Return the counter."""
        yield self.counter


@dataclass(eq=False, slots=True)
class Ends(Statement):
    """Ends all threads but those of the first group of a block, or but its first thread."""

    level: Level


@dataclass(eq=False, slots=True)
class Region(Statement):
    """Statements that `Leave` may leave."""

    body: list[Statement]
    label: Symbol = field(default_factory=lambda: Symbol("next"))

    def blocks(self) -> tuple[list[Statement], ...]:
        """Return the statements."""
        return (self.body,)

    def rebuilt(self, expr: Change, block: Inner) -> Region:
        """Return it with other statements."""
        return Region(block(self.body), self.label)


@dataclass(eq=False, slots=True)
class Leave(Statement):
    """Go on behind the `Region` of this label."""

    label: Symbol


@dataclass(eq=False, slots=True)
class Fail(Statement):
    """Note in ``status`` that check ``number`` has failed, if none has; ``values`` tell why."""

    status: Buffer
    number: int
    values: tuple[Expr, ...]

    def expressions(self) -> Iterator[Expr]:
        """Return what tells why."""
        yield from self.values

    def buffers(self) -> Iterator[Buffer]:
        """Return the status."""
        yield self.status

    def rebuilt(self, expr: Change, block: Inner) -> Fail:
        """Return it with other values."""
        return Fail(self.status, self.number, tuple(map(expr, self.values)))


@dataclass(eq=False, slots=True)
class Stop(Statement):
    """End the launch if a check failed in one before; or let ``told`` be whether one did."""

    status: Buffer
    told: Symbol | None = None

    def buffers(self) -> Iterator[Buffer]:
        """Return the status."""
        yield self.status

    def declares(self) -> Iterator[Symbol | Buffer]:
        """Return what is told."""
        if self.told is not None:
            yield self.told


# together ---------------------------------------------------------------------------------------
@dataclass(eq=False, slots=True)
class Barrier(Statement):
    """Wait for the lanes of the group, which then see what any of them stored."""


@dataclass(eq=False, slots=True)
class Combine(Statement):
    """Let a register be what those of all `LANES` of a group, or `THREADS` of a block, combine to.

    It orders no access to memory.
    """

    level: Level
    symbol: Symbol
    row: Elementwise

    def expressions(self) -> Iterator[Expr]:
        """Return the register."""
        yield self.symbol


@dataclass(eq=False, slots=True)
class Prefix(Statement):
    """Let a register be what those of the lanes up to this one combine to; ``total``: of all."""

    symbol: Symbol
    total: Symbol
    row: Elementwise

    def expressions(self) -> Iterator[Expr]:
        """Return the register."""
        yield self.symbol

    def declares(self) -> Iterator[Symbol | Buffer]:
        """Return the register for what all combine to."""
        yield self.total


@dataclass(eq=False, slots=True)
class AtomicAdd(Store):
    """``buffer[index] += value``, while other steps may add to the same element."""


# memory -----------------------------------------------------------------------------------------
@dataclass(eq=False, slots=True)
class Declare(Statement):
    """A register that is set later."""

    symbol: Symbol

    def declares(self) -> Iterator[Symbol | Buffer]:
        """Return the register."""
        yield self.symbol


@dataclass(eq=False, slots=True)
class Shared(Statement):
    """Memory of a group: shared memory, or where the host found that too small, a row of another.

    spilled : an array of rows, one for each group; None: the extents are numbers that always fit,
        and there is one for a block.
    """

    buffer: Buffer
    spilled: Buffer | None = None

    def expressions(self) -> Iterator[Expr]:
        """Return the extents."""
        yield from self.buffer.shape

    def buffers(self) -> Iterator[Buffer]:
        """Return where it may be."""
        if self.spilled is not None:
            yield self.spilled

    def declares(self) -> Iterator[Symbol | Buffer]:
        """Return the buffer."""
        yield self.buffer


@dataclass(eq=False, slots=True)
class Private(Statement):
    """Memory of a thread: its own, of extents that are numbers, or a row of another.

    rows : an array of rows, one for each thread of the grid.
    """

    buffer: Buffer
    rows: Buffer | None = None

    def expressions(self) -> Iterator[Expr]:
        """Return the extents."""
        yield from self.buffer.shape

    def buffers(self) -> Iterator[Buffer]:
        """Return where it is."""
        if self.rows is not None:
            yield self.rows

    def declares(self) -> Iterator[Symbol | Buffer]:
        """Return the buffer."""
        yield self.buffer


@dataclass(eq=False, slots=True)
class Partial(Statement):
    """Statements in which ``buffer`` is each group's own, to contribute to, and is kept then.

    rows : where it is kept: an array of rows, one for each group.
    start : what all of it is before.
    """

    buffer: Buffer
    rows: Buffer
    start: Literal
    body: list[Statement]

    def blocks(self) -> tuple[list[Statement], ...]:
        """Return the statements."""
        return (self.body,)

    def declares(self) -> Iterator[Symbol | Buffer]:
        """Return the buffer."""
        yield self.buffer

    def rebuilt(self, expr: Change, block: Inner) -> Partial:
        """Return it with other statements."""
        return replace(self, body=block(self.body))


@dataclass(eq=False, slots=True)
class Fits(Statement):
    """Statements to run where the memory of groups is shared memory."""

    body: list[Statement]

    def blocks(self) -> tuple[list[Statement], ...]:
        """Return the statements."""
        return (self.body,)

    def rebuilt(self, expr: Change, block: Inner) -> Fits:
        """Return it with other statements."""
        return Fits(block(self.body))


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

    def declares(self) -> Iterator[Symbol | Buffer]:
        """Return the register."""
        yield self.what


@dataclass(eq=False, slots=True)
class Spill(Statement):
    """Keep a register of the device for later launches, and for the host."""

    what: Register


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

    def expressions(self) -> Iterator[Expr]:
        """Return how many elements there are, and in a row."""
        yield from (self.total, *self.rows)

    def buffers(self) -> Iterator[Buffer]:
        """Return what has vectors."""
        yield from self.memories

    def declares(self) -> Iterator[Symbol | Buffer]:
        """Return the count."""
        yield self.count

    def rebuilt(self, expr: Change, block: Inner) -> CountVectors:
        """Return it with other extents."""
        rows = tuple(map(expr, self.rows))
        return replace(self, total=expr(self.total), rows=rows)


@dataclass(eq=False, slots=True)
class LoadVector(Statement):
    """Let ``vector`` be a vector of a buffer: number ``number`` of those from ``index`` on.

    vector : a buffer of a thread; its extent is the width.
    reads : whether it is filled; else it is only made.
    writes : whether it is stored later.
    """

    vector: Buffer
    buffer: Buffer
    index: Index
    number: Expr
    reads: bool = True
    writes: bool = False

    def expressions(self) -> Iterator[Expr]:
        """Return where it is."""
        if self.reads:
            yield from (*self.index, self.number)

    def buffers(self) -> Iterator[Buffer]:
        """Return the buffer."""
        if self.reads:
            yield self.buffer

    def declares(self) -> Iterator[Symbol | Buffer]:
        """Return the vector."""
        yield self.vector

    def rebuilt(self, expr: Change, block: Inner) -> LoadVector:
        """Return it with another place."""
        return replace(self, index=tuple(map(expr, self.index)), number=expr(self.number))


@dataclass(eq=False, slots=True)
class StoreVector(Statement):
    """Store a vector as number ``number`` of those of a buffer from ``index`` on."""

    vector: Buffer
    buffer: Buffer
    index: Index
    number: Expr

    def expressions(self) -> Iterator[Expr]:
        """Return where it goes."""
        yield from (*self.index, self.number)

    def buffers(self) -> Iterator[Buffer]:
        """Return the buffer and the vector."""
        yield from (self.buffer, self.vector)

    def rebuilt(self, expr: Change, block: Inner) -> StoreVector:
        """Return it with another place."""
        return replace(self, index=tuple(map(expr, self.index)), number=expr(self.number))
