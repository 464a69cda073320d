"""Fusion: the program while it is laid out, and which loops the nests of an op join there.

As it is placed in the program a nest joins a loop that stands there already, where that is right;
then what is left of it joins a loop inside, and so on.  A buffer that is only used inside the
loops that its writer and readers share has lost these axes, and is a row or a register then.

Joining a loop is right if each step of the nest needs, of what that loop writes, only what the
same step has written: the loop's index must be the index of one and the same axis in all accesses.
A loop that computes what a nest reads, with something else between them on which the nest waits, as
the zeros that it adds to, is moved down to it if it does not depend on that.

The decision: fusion is decided where a nest is placed, from the indices it uses, and loops join by
letting their indices stand for one another: nothing is rewritten, and the work is linear in nodes.
Rejected: partitioning the graph beforehand by kinds of ops, which knows less than the indices do.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from gradcore.kernel.extents import Extents
from gradcore.kernel.ir import Buffer, Expr, Point, Reduction, Statement, Store, Symbol, loads
from gradcore.kernel.nests import (
    Access,
    Kind,
    Nest,
    PartialIndex,
    Range,
    accessed_for_extents,
    collect,
)
from gradcore.kernel.target import Target

Path: TypeAlias = "tuple[LoopLevel | Region, ...]"
"""What is around a place in the program, from the outermost."""


@dataclass(eq=False)
class Straight:
    """Statements without loops, one after the other."""

    statements: list[Statement]


class Opaque:
    """Something that is no nest: a call, a scan, a choice (abstract).

    touched : what it reads and writes.
    defines : whether it sets registers that extents may depend on.
    """

    reads: list[Access]
    writes: list[Access]
    defines: bool = False


@dataclass(eq=False)
class Plain(Opaque):
    """A statement that needs whole buffers, or that must stay where it is."""

    statement: Statement
    defines: bool = False

    def __post_init__(self) -> None:
        """Note what the statement reads, writes, and needs the extents of."""
        reads: list[Access] = []
        writes: list[Access] = []
        collect(self.statement, reads, writes)
        self.reads, self.writes = (
            [*reads, *accessed_for_extents(reads), *accessed_for_extents(writes)],
            writes,
        )


class Region:
    """Statements that run again and again, or not at all: the inside of a scan, or of a branch."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.axes: dict[Buffer, frozenset[int]] = {}
        self.block = Block((*path, self))


@dataclass(eq=False)
class Iteration(Opaque):
    """A scan: ``index`` goes from 0 to ``extent``, a step after the other."""

    index: Symbol
    extent: Expr
    region: Region

    def __post_init__(self) -> None:
        """Note what is touched inside."""
        self.reads, self.writes = _touched(self.region.block)
        self.reads.extend((load.buffer, ()) for load in loads(self.extent))
        self.defines = True


@dataclass(eq=False)
class Choice(Opaque):
    """A branch: one of two regions runs, as a condition says."""

    condition: Expr
    then: Region
    orelse: Region

    def __post_init__(self) -> None:
        """Note what is touched inside."""
        first, second = _touched(self.then.block), _touched(self.orelse.block)
        self.reads = [*first[0], *second[0]]
        self.reads.extend((load.buffer, ()) for load in loads(self.condition))
        self.writes = [*first[1], *second[1]]
        self.defines = True


def _touched(block: Block) -> tuple[list[Access], list[Access]]:
    return [(b, ()) for b in block.read], [(b, ()) for b in block.written]


class Block:
    """Items in order: what a loop, or the program, does.

    path : the loops around it, from the outermost.
    """

    def __init__(self, path: Path = ()) -> None:
        self.path = path
        self.items: list[Straight | LoopLevel | Opaque] = []
        self.first: dict[Buffer, int] = {}
        self.written: dict[Buffer, int] = {}
        self.read: dict[Buffer, int] = {}
        self.barrier = 0

    def note(self, number: int, reads: Iterable[Access], writes: Iterable[Access]) -> None:
        """Note that item ``number`` of this block reads and writes these elements."""
        for accesses, last in ((reads, self.read), (writes, self.written)):
            for buffer, _ in accesses:
                root = buffer.root
                if root not in last or last[root] < number:
                    last[root] = number
                if root not in self.first or self.first[root] > number:
                    self.first[root] = number

    def last(self, buffer: Buffer) -> int:
        """Return the number of the last item that touches ``buffer``."""
        return max(self.read.get(buffer, -1), self.written.get(buffer, -1))

    def earliest(self, reads: Iterable[Access], writes: Iterable[Access]) -> int:
        """Return the number of the last item that must come before (or hold) these accesses."""
        found = self.barrier - 1
        for accesses, others in ((reads, (self.written,)), (writes, (self.written, self.read))):
            for buffer, _ in accesses:
                root = buffer.root
                for other in others:
                    if root in other and other[root] > found:
                        found = other[root]
        return found

    def move_down(self, number: int, to: int) -> None:
        """Move item ``number`` behind those up to ``to``."""
        self.items.insert(to, self.items.pop(number))
        for places in (self.first, self.written, self.read):
            for buffer, place in places.items():
                if number <= place <= to:
                    places[buffer] = to if place == number else place - 1


@dataclass(eq=False)
class LoopLevel:
    """A loop in the program, of one nest or of several fused ones.

    axes : for each buffer, the axes along which the loop moves, and it alone, in all accesses.
    carried : what its steps contribute to.
    before : what must be done before it.
    multiplies : whether its steps have products of matrices.
    """

    symbol: Symbol
    extent: Expr
    path: Path
    block: Block = field(init=False)
    before: Block = field(init=False)
    ordered: bool = False
    reductions: list[Reduction] = field(default_factory=list[Reduction])
    axes: dict[Buffer, frozenset[int]] = field(default_factory=dict[Buffer, frozenset[int]])
    carried: set[Buffer] = field(default_factory=set[Buffer])
    size: int = 0
    multiplies: bool = False

    def __post_init__(self) -> None:
        """Make empty blocks for the body, and for what comes before the loop."""
        self.block = Block((*self.path, self))
        self.before = Block(self.path)

    @property
    def is_outer(self) -> bool:
        """Whether there are loops inside."""
        return any(isinstance(item, LoopLevel) for item in self.block.items)

    def admits(self, nest: Nest, depth: int, most: int) -> bool:
        """Return whether the loop of ``nest`` at ``depth`` may join this one.

        most : how many statements this one may have then.
        """
        if self.size + len(nest.body) > most:
            return False
        symbol = nest.loops[depth].symbol
        inside = self.block
        touched: dict[Buffer, frozenset[int]] = {}
        for accesses, writing in ((nest.reads, False), (nest.writes, True)):
            for buffer, index in accesses:
                root = buffer.root
                if root in inside.written or (writing and root in inside.read):
                    pure = _pure(buffer, index, symbol)
                    touched[root] = pure & touched.get(root, pure)
        for root, pure in touched.items():
            if root in self.carried or not pure & self.axes.get(root, frozenset()):
                return False
        return True

    def is_independent(self, other: Straight | LoopLevel | Opaque) -> bool:
        """Return whether this loop may as well come after ``other``, which it is before."""
        if not isinstance(other, LoopLevel):
            return False
        own, its = self.block, other.block
        return (
            own.written.keys().isdisjoint(its.written)
            and own.written.keys().isdisjoint(its.read)
            and own.read.keys().isdisjoint(its.written)
        )

    def join(self, nest: Nest, depth: int) -> None:
        """Take the loop of ``nest`` at ``depth`` in."""
        loop = nest.loops[depth]
        for buffer, index in (*nest.reads, *nest.writes):
            pure = _pure(buffer, index, loop.symbol)
            root = buffer.root
            self.axes[root] = pure & self.axes.get(root, pure)
        if loop.symbol is not self.symbol:
            loop.symbol.same = self.symbol
        self.ordered |= loop.kind is Kind.ORDERED
        if loop.kind is Kind.REDUCE:
            self.reductions += nest.reductions
            self.carried.update(_root(r) for r in nest.reductions)
        self.size += len(nest.body)
        self.multiplies |= nest.multiplies


def _root(reduction: Reduction) -> Buffer:
    assert isinstance(reduction.target, Buffer)
    return reduction.target.root


def _pure(buffer: Buffer, index: PartialIndex, symbol: Symbol) -> frozenset[int]:
    """Return the axes of the memory that ``symbol`` alone indexes (none, seen in another shape)."""
    if buffer.alias is not None:
        return frozenset()
    return frozenset([axis for axis, x in enumerate(index) if x is symbol])


@dataclass(eq=False, slots=True)
class Use:
    """An access: where it is, and with which index."""

    path: Path
    index: PartialIndex
    writes: bool


class Layout:
    """A program while it is laid out: its blocks, and where each buffer is used.

    target : says how far nests fuse.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self.root = Block()
        self.uses: dict[Buffer, list[Use]] = {}
        self.pointed: set[Buffer] = set()
        self.extents = Extents()

    def add(self, block: Block, nest: Nest) -> None:
        """Place ``nest`` into ``block``, fusing its loops with those there where that may be."""
        depth = 0
        first = nest.first_reducing
        while depth < len(nest.loops):
            level = self._level(block, nest, depth)
            if depth == first:
                self._start(level, nest, depth)
            level.join(nest, depth)
            block = level.block
            depth += 1
        at = block.earliest(nest.reads, nest.writes)
        last = len(block.items) - 1
        before = block.earliest(nest.sizes, ())  # buffers are made before the item that uses them
        if last >= max(at, block.barrier, before + 1) and isinstance(block.items[last], Straight):
            number = last
        else:
            block.items.append(Straight([]))
            number = last + 1
        straight = block.items[number]
        assert isinstance(straight, Straight)
        straight.statements += nest.body
        block.note(number, nest.reads, nest.writes)
        self._use(block.path, nest.reads, nest.writes)

    def _level(self, block: Block, nest: Nest, depth: int) -> LoopLevel:
        """Return the loop in ``block`` that ``nest`` joins, or a new one.

        The first choice is the loop that computes what the nest reads, which need not be stored
        then; next come loops that read the same.  Of several it is the last one, since what reads
        the nest, and other results, comes after it; for a product of matrices, of which its readers
        do not take an element a step, the first one.
        """
        loop = nest.loops[depth]
        at = block.earliest(nest.reads, nest.writes)
        joins: dict[bool, int] = {}
        is_product = nest.multiplies
        reads = {buffer.root for buffer, _ in nest.reads}
        start = max(at, block.barrier, len(block.items) - self.target.fusion_candidates, 0)
        for number in range(start, len(block.items)):
            level = block.items[number]
            if not isinstance(level, LoopLevel) or not self.extents.equal(
                level.extent, loop.extent
            ):
                continue
            if (is_product or level.multiplies) and not self.target.fused_products:
                continue
            outer = depth + 1 < len(nest.loops) or level.is_outer
            related = number == at or outer or not reads.isdisjoint(level.block.read)
            free = not level.ordered and loop.kind is not Kind.ORDERED
            if (related or free) and level.admits(nest, depth, self.target.fused_statements):
                joins[related] = number
                if number == at or (related and is_product):
                    break
        found = joins.get(True)
        if found is None:
            found = self._moved_down(block, nest, depth, at)
        if found is None:
            found = joins.get(False)
        if found is None:
            found = len(block.items)
            block.items.append(LoopLevel(Symbol(loop.symbol.name), loop.extent, block.path))
        block.note(found, nest.reads, nest.writes)
        level = block.items[found]
        assert isinstance(level, LoopLevel)
        return level

    def _moved_down(self, block: Block, nest: Nest, depth: int, at: int) -> int | None:
        """Move the loop that computes what ``nest`` reads to where it may join it; return where.

        What stands between, as the zeros that the nest adds to, must not depend on that loop.
        """
        number = max((block.written.get(b.root, -1) for b, _ in nest.reads), default=-1)
        if not max(block.barrier, at - self.target.fusion_candidates) <= number < at:
            return None
        level = block.items[number]
        if (
            not isinstance(level, LoopLevel)
            or level.multiplies
            or not self.extents.equal(level.extent, nest.loops[depth].extent)
            or not level.admits(nest, depth, self.target.fused_statements)
            or not all(level.is_independent(x) for x in block.items[number + 1 : at + 1])
        ):
            return None
        block.move_down(number, at)
        return at

    def _start(self, level: LoopLevel, nest: Nest, depth: int) -> None:
        """Set the targets of the reductions of ``nest`` before ``level``, which is at ``depth``."""
        inner = [loop for loop in nest.loops[depth:] if loop.kind is Kind.MAP]
        for init in nest.inits:
            loops = [Range(Symbol(loop.symbol.name), loop.extent) for loop in inner]
            renamed = {old.symbol: new.symbol for old, new in zip(inner, loops, strict=True)}
            index = tuple(renamed.get(x, x) if isinstance(x, Symbol) else x for x in init.index)
            self.add(level.before, Nest(loops, [Store(init.buffer, index, init.value)]))

    def put(self, block: Block, item: Opaque) -> None:
        """Place ``item`` at the end of ``block``."""
        number = len(block.items)
        block.items.append(item)
        block.note(number, item.reads, item.writes)
        if isinstance(item, Plain):
            s = item.statement
            set_here = (*s.declares(), *s.changes())
            self.extents.note(*(x for x in set_here if isinstance(x, Symbol)))
        if item.defines:
            block.barrier = number + 1
        if isinstance(item, Plain):
            if isinstance(item.statement, Point):
                self.pointed.add(item.statement.buffer.root)
            self._use(block.path, item.reads, item.writes)
        elif isinstance(item, Iteration):
            self._use(block.path, [(load.buffer, load.index) for load in loads(item.extent)], ())
        elif isinstance(item, Choice):
            self._use(block.path, [(load.buffer, load.index) for load in loads(item.condition)], ())

    def keep(self, block: Block, buffer: Buffer) -> None:
        """Let ``buffer`` last as long as what ``block`` holds."""
        self._use(block.path, [(buffer, ())], ())

    def _use(self, path: Path, reads: Iterable[Access], writes: Iterable[Access]) -> None:
        for accesses, writing in ((reads, False), (writes, True)):
            for buffer, index in accesses:
                self.uses.setdefault(buffer.root, []).append(Use(path, index, writing))
                if buffer.alias is not None or len(index) != buffer.ndim:
                    buffer.root.whole = True
