"""Loop nests: what each op becomes, as if nothing else existed.

A nest reads and writes whole buffers; `gradcore.kernel.fusion` finds it a place in the program.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from gradcore.kernel.ir import (
    ONE,
    Buffer,
    Call,
    Expr,
    Load,
    Matmul,
    Reduction,
    Statement,
    Store,
    Strided,
    Symbol,
    loads,
)
from gradcore.kernel.uses import inside


class Kind(enum.Enum):
    """How the steps of a loop depend on each other."""

    MAP = enum.auto()
    """Not at all."""
    REDUCE = enum.auto()
    """They contribute to one result."""
    ORDERED = enum.auto()
    """Each needs the one before."""


@dataclass(eq=False, slots=True)
class Range:
    """A loop of a nest: its index, from 0 to the extent, and how its steps depend on each other."""

    symbol: Symbol
    extent: Expr
    kind: Kind = Kind.MAP


PartialIndex: TypeAlias = tuple[Expr | None, ...]
"""Where a buffer is accessed: an index for each axis, None for all that there is along it."""

Access: TypeAlias = tuple[Buffer, PartialIndex]


@dataclass(eq=False)
class Nest:
    """Loops around statements.

    inits : what reductions start from: a store into the target before the first reducing loop.
    reductions : targets with the rows that combine contributions.
    """

    loops: list[Range]
    body: list[Statement]
    inits: list[Store] = field(default_factory=list[Store])
    reductions: list[Reduction] = field(default_factory=list[Reduction])
    reads: list[Access] = field(init=False)
    writes: list[Access] = field(init=False)
    sizes: list[Access] = field(init=False)

    def __post_init__(self) -> None:
        """Note the accesses, and what tells the extents of buffers."""
        self.reads = [(b, ()) for loop in self.loops for b in _loaded(loop.extent)]
        self.writes = []
        for statement in self.body:
            collect(statement, self.reads, self.writes)
        self.sizes = [*accessed_for_extents(self.reads), *accessed_for_extents(self.writes)]
        self.reads += self.sizes

    @property
    def multiplies(self) -> bool:
        """Whether it is a product of matrices."""
        return any(isinstance(s, Matmul) for s in self.body)

    @property
    def first_reducing(self) -> int | None:
        """The depth of the first loop whose steps contribute to one result, if any."""
        depths = (d for d, loop in enumerate(self.loops) if loop.kind is Kind.REDUCE)
        return next(depths, None) if self.reductions else None


def accessed_for_extents(accesses: Sequence[Access]) -> Iterator[Access]:
    """Return what must be read to know the extents of buffers."""
    for buffer, _ in accesses:
        for n in buffer.shape:
            if isinstance(n, (Load, Call)):
                yield from ((b, ()) for b in _loaded(n))


def _loaded(expression: Expr) -> Iterator[Buffer]:
    return (load.buffer for load in loads(expression))


def collect(statement: Statement, reads: list[Access], writes: list[Access]) -> None:
    """Add the accesses of ``statement``, and of those in it, to ``reads`` and ``writes``."""
    for s in inside((statement,)):
        for x in s.expressions():
            if isinstance(x, (Load, Call)):
                reads += [(load.buffer, load.index) for load in loads(x)]
        if isinstance(s, Matmul):
            reads += map(_matrix, (s.x, s.y, *([s.out] if s.accumulate else ())))
            writes.append(_matrix(s.out))
            continue
        for accesses, into in ((s.reads(), reads), (s.writes(), writes)):
            for buffer, index in accesses:
                if index is None or not isinstance(s, Store):  # it names memory, no register
                    buffer.root.whole = True
                into.append((buffer, index or ()))


def _matrix(part: Strided) -> Access:
    """Return an operand of a product, as an access to all that there is along its own axes."""
    spanned = part.spanned()
    if all(part.buffer.shape[axis] == ONE for axis in spanned):  # it must be in memory
        part.buffer.root.whole = True
    return part.buffer, tuple(None if a in spanned else i for a, i in enumerate(part.first))
