"""Sums of many float32 terms in blocks, so that rounding does not lose more the more there are.

The terms of a block are added in their own dtype, with vectors; between blocks, a float64 takes
over what they have added up:

    wide = 0
    for i in blocks: total += x[i]
        between blocks: wide += total, total = 0
        after them, if there are several: total = wide + total

The same for a total that is a row in memory: ``wide`` is a row then, of no elements if the terms
are few.  In each lane of a vector there are few additions, whatever the number of terms: the error
of a sum is that of a block (N. J. Higham, The accuracy of floating point summation, SIAM J. Sci.
Comput. 14, 1993, section 3).  Threads have blocks each of their own share; so the order of
additions, and the result, depends on the number of threads alone.

A cumulative sum, which is read after each addition, is a float64 altogether in a register, if the
terms are many.  One that is a row in memory is read as what the blocks before have added up to,
rounded, plus what its own block has: a row of float32 beside the one of float64.

The decision: a loop of one block is the loop that it was, and two comparisons; a loop around sums,
and little else, is there twice, for sums of one block and for longer ones.  Rows are taken
over by functions of a library, as what is done so seldom is not worth the compiler's time.  Sums in
float64 stay one loop: in lanes of vectors, 2e7 terms lose 1e-13 of their sum as a rule and 1e-9 at
worst, for which blocks of a few steps are too dear.  Rejected: a float64 in each lane, which halves
what a vector adds at a time; pairwise sums, which recurse; compensated ones, four additions for
each; loops over blocks around loops over their steps, which short sums have to pass as well; the
choice between the two loops for each sum anew, which costs rows of 2 terms half as much again.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from gradcore.dtypes import FLOATS, NARROW_FLOATS
from gradcore.kernel.bounds import Bounds
from gradcore.kernel.ir import (
    ZERO,
    Allocate,
    Buffer,
    Call,
    Chunks,
    Expr,
    For,
    If,
    Index,
    Let,
    Library,
    Literal,
    Load,
    Program,
    Reduction,
    Scope,
    Statement,
    Store,
    Symbol,
    call,
    cast,
    integer,
    parts,
    position_of,
    product,
    substituted,
)
from gradcore.kernel.target import CpuTarget
from gradcore.kernel.uses import expressions, inside, made_by, rewritten
from gradcore.ops.elementwise import entry

ADD = entry("add")

Total: TypeAlias = "Symbol | Buffer"
"""What terms are added to."""


def in_blocks(program: Program, target: CpuTarget) -> Program:
    """Return a program whose loops add up many terms in blocks."""
    return replace(program, body=_blocked(program.body, _Inside(target)))


@dataclass(frozen=True)
class _Inside:
    """What is around a statement.

    target : how many terms make a block.
    totals : what the loops contribute to.
    loops : they, from the outermost.
    bounds : what is known of the registers that hold extents.
    """

    target: CpuTarget
    totals: frozenset[Total] = frozenset()
    loops: tuple[For, ...] = ()
    bounds: Bounds = field(default_factory=Bounds)

    @functools.cached_property
    def made(self) -> frozenset[Expr]:
        """The registers and indices that the loops make."""
        return frozenset(x for x in made_by(self.loops) if isinstance(x, Symbol))

    def of(self, loop: For) -> _Inside:
        """Return what is around the statements of ``loop``."""
        totals = self.totals.union([r.target for r in loop.reductions])
        return _Inside(self.target, totals, (*self.loops, loop), self.bounds)


def _blocked(body: Sequence[Statement], around: _Inside) -> list[Statement]:
    """Return statements whose loops add up many terms in blocks."""

    def change(s: Statement) -> list[Statement] | None:
        if isinstance(s, For):
            return _loop(s, around)
        if isinstance(s, Let) and s.fresh and s.symbol.dtype == "int64":
            around.bounds.define(s.symbol, s.value)
        return None

    return rewritten(body, change)


def _loop(loop: For, outer: _Inside) -> list[Statement]:
    """Return a loop in blocks, if it adds up many terms."""
    if any(_prefix_sums(loop)):
        return _prefix(loop, outer)
    if any(isinstance(s, (For, Scope, Allocate)) for s in inside(loop.body)):
        found = replace(loop, body=_blocked(loop.body, outer.of(loop)))
        return [_unswitched(_in_blocks(found, loop.body, outer), outer)]
    found, starts, ends = _in_registers(loop, outer)
    return [*starts, _in_blocks(found, found.body, outer), *ends]


def _in_registers(loop: For, outer: _Inside) -> tuple[For, list[Statement], list[Statement]]:
    """Return an innermost loop that adds to registers of its own, and what is around it.

    So where a total is an element in memory, or one to which loops around it contribute too.
    """
    totals = {r.target for r in _sums(loop, FLOATS)}
    if not totals:
        return loop, [], []
    made = made_by([loop])
    body: list[Statement] = []
    starts: list[Statement] = []
    ends: list[Statement] = []
    reductions = {r.target: r for r in loop.reductions}
    for s in loop.body:
        added = _added(s, totals)
        if added is None or (
            any(x in made for i in added.index for x in parts(i) if isinstance(x, Symbol))
            if isinstance(added, Load)
            else added not in outer.totals
        ):
            body.append(s)
            continue
        assert isinstance(s, (Let, Store)) and isinstance(s.value, Call)
        own = Symbol(_target(s).name, s.value.dtype)
        starts.append(Let(own, Literal(0.0, own.dtype)))
        body.append(Let(own, replace_operand(s.value, own, s.value.operands[1]), False))
        ends.append(replace(s, value=replace_operand(s.value, s.value.operands[0], own)))
        reductions.pop(_target(s), None)
        reductions[own] = Reduction(own, ADD)
    return replace(loop, body=body, reductions=list(reductions.values())), starts, ends


def replace_operand(value: Call, x: Expr, y: Expr) -> Expr:
    """Return the op of ``value`` applied to other operands."""
    return call(value.op, (x, y), value.dtype)


def _sums(loop: For, dtypes: Collection[str]) -> Iterator[Reduction]:
    return (
        r for r in loop.reductions if r.op is ADD and not r.cumulative and r.target.dtype in dtypes
    )


def _target(s: Let | Store) -> Total:
    return s.symbol if isinstance(s, Let) else s.buffer


def _added(s: Statement, totals: set[Total]) -> Symbol | Load | None:
    """Return to which of ``totals``, or to which element of one, a statement adds."""
    if not isinstance(s, (Let, Store)) or _target(s) not in totals:
        return None
    total = s.symbol if isinstance(s, Let) else Load(s.buffer, s.index)
    adds = isinstance(s.value, Call) and s.value.op is ADD and s.value.operands[0] == total
    return total if adds else None


def _in_blocks(loop: For, plain: Sequence[Statement], outer: _Inside) -> For:
    """Return a loop in blocks, if it adds up many terms.

    plain : its statements before inner loops were changed.
    """
    if not any(_sums(loop, NARROW_FLOATS)):
        return loop
    steps = _steps(loop, outer)
    if loop.ordered or outer.bounds.of(loop.extent)[1] <= steps:
        return loop
    many = call(entry("gt"), (loop.extent, integer(steps)), "bool")
    chunks = Chunks(steps, [], [], [])
    for r in _sums(loop, NARROW_FLOATS):
        if isinstance(r.target, Symbol):
            _of_register(r.target, chunks)
            continue
        found = _row(r.target, loop, plain, outer)
        if found is not None:
            _of_row(found, many, chunks)
    return replace(loop, chunks=chunks) if chunks.before else loop


def _unswitched(loop: For, outer: _Inside) -> Statement:
    """Return a loop around sums, which are plain loops in it where each is one block.

    A loop in blocks has a start and an end that change, from which the compiler makes the number of
    its vectors anew for each sum: 0.2 ns, which a sum of few terms shows.
    """
    sums = [s for s in loop.body if isinstance(s, For) and s.chunks is not None]
    if not sums or loop.chunks is not None:
        return loop
    extent, chunks = sums[0].extent, sums[0].chunks
    assert chunks is not None
    made, steps = outer.of(loop).made, chunks.steps

    def unblocked(s: Statement) -> Statement:
        if isinstance(s, For) and s.extent == extent and s.chunks and s.chunks.steps == steps:
            return replace(s, chunks=None)
        return s

    plain = list(map(unblocked, loop.body))
    if (
        _operations(plain) > outer.target.unswitched
        or not all(isinstance(x, (Allocate, For, Let, Store)) for x in inside(plain))
        or any(isinstance(x, Load) or x in made for x in parts(extent))
    ):
        return loop
    one = call(entry("le"), (extent, integer(steps)), "bool")
    return If(one, [replace(loop, body=plain)], [loop])


def _operations(body: Sequence[Statement]) -> float:
    """Return how many operations there are in statements."""
    read = (x for s in inside(body) for e in expressions(s) for x in parts(e))
    return sum(x.op.operations for x in read if isinstance(x, Call))


def _steps(loop: For, outer: _Inside) -> int:
    """Return how many steps of a loop make a block: fewer if each adds several terms in a row."""
    inner = [s for s in inside(loop.body) if isinstance(s, For)]
    if not inner:
        return outer.target.block_terms
    adding = [outer.bounds.of(s.extent)[1] for s in inner if any(_sums(s, NARROW_FLOATS))]
    most = outer.target.block_rows
    return max(1, most // max((n for n in adding if 0 < n <= most), default=1))


def _of_register(total: Symbol, chunks: Chunks) -> None:
    """Let a register take over what ``total`` has so far."""
    wide = Symbol(total.name, "float64")
    more = call(ADD, (wide, cast(total, "float64")), "float64")
    chunks.before.append(Let(wide, Literal(0.0, "float64")))
    chunks.between += [Let(wide, more, False), Let(total, Literal(0.0, total.dtype), False)]
    chunks.after.append(Let(total, cast(more, total.dtype), False))


@dataclass
class _Row:
    """Elements of a total that are added to: at ``index``, in loops over ``symbols``."""

    total: Buffer
    index: Index
    symbols: tuple[Symbol, ...]
    extents: tuple[Expr, ...]


def _of_row(of: _Row, many: Expr, chunks: Chunks) -> None:
    """Add to chunks what lets a row of float64 take over the sums that a total has so far."""
    wide = _beside(of, many, "float64")
    chunks.before += [Allocate(wide), _cleared(wide)]
    chunks.between.append(_for_each(of, wide, "carry"))
    chunks.after.append(_for_each(of, wide, "settle"))


def _beside(of: _Row, many: Expr, dtype: str) -> Buffer:
    """Return a row for the sums of another one; without ``many``, it has no elements."""
    first, *rest = of.extents
    some = call(entry("switch"), (many, first, ZERO), "int64")
    found = Buffer(of.total.name, dtype, [some, *rest])
    found.lacking = of.total.lacking
    return found


def _cleared(of: Buffer) -> Statement:
    return Library(f"clear_{of.dtype}", (product(of.shape),), (), (of,))


def _for_each(of: _Row, wide: Buffer, what: str, *more: Buffer) -> Statement:
    """Return the call of a function for all elements of a row, in loops where there are gaps."""
    outer = len(of.symbols)
    full = True
    while outer and full and of.index[outer - len(of.symbols) - 1] == of.symbols[outer - 1]:
        outer -= 1
        full = of.extents[outer] == of.total.shape[outer - len(of.symbols)]
    new = [Symbol(x.name) for x in of.symbols[:outer]]
    index = dict(zip(of.symbols, [*new, *[ZERO] * (len(of.symbols) - outer)], strict=True))
    there = tuple(substituted(i, index) for i in of.index)
    scalars = (
        product(of.extents[outer:]),
        position_of(of.total, there),
        position_of(wide, tuple(index.values())),
    )
    done: Statement = Library(f"{what}_{of.total.dtype}", scalars, (), (of.total, wide, *more))
    for x, n in zip(reversed(new), reversed(of.extents[:outer]), strict=True):
        done = For(x, n, [done])
    return done


def _prefix(loop: For, outer: _Inside) -> list[Statement]:
    """Return a loop whose cumulative sums lose no more if the terms are many."""
    many = call(entry("gt"), (loop.extent, integer(outer.target.prefix_terms)), "bool")
    body = list(inside(loop.body))
    if many == Literal(False, "bool") or not all(
        isinstance(x, (For, If, Let, Store)) for x in body
    ):
        return [loop]
    before: list[Statement] = []
    wider: dict[Symbol, Symbol] = {}
    read: dict[Expr, Expr] = {}
    chunks = Chunks(outer.target.prefix_terms, [], [], [])
    for r in _prefix_sums(loop):
        if isinstance(r.target, Symbol):
            wide = wider[r.target] = Symbol(r.target.name, "float64")
            read[r.target] = cast(wide, "float32")
            before.append(Let(wide, Literal(0.0, "float64")))
            continue
        found = _row(r.target, loop, loop.body, outer)
        if found is None:
            return [loop]
        own = Load(r.target, found.index)
        read[own] = call(ADD, (_of_blocks_before(found, many, chunks), own), "float32")
    if not read:
        return [loop]
    chunked = replace(loop, chunks=chunks) if chunks.before else loop
    return [*before, If(many, [_widened(chunked, wider, read)], [loop])]


def _of_blocks_before(of: _Row, many: Expr, chunks: Chunks) -> Load:
    """Return an element of what the blocks before have added up to, rounded."""
    wide, rounded = (_beside(of, many, dtype) for dtype in ("float64", "float32"))
    for x in (wide, rounded):
        chunks.before += [Allocate(x), _cleared(x)]
    chunks.between.append(_for_each(of, wide, "carry_rounded", rounded))
    return Load(rounded, of.symbols)


def _prefix_sums(loop: For) -> Iterator[Reduction]:
    return (
        r for r in loop.reductions if r.op is ADD and r.cumulative and r.target.dtype == "float32"
    )


def _widened(s: For, wider: Mapping[Symbol, Symbol], read: Mapping[Expr, Expr]) -> Statement:
    """Return a loop that adds to ``wider`` registers and reads totals as ``read`` says."""
    rows = {x.buffer for x in read if isinstance(x, Load)}
    targets: dict[Total, Total] = {**wider}

    def expr(x: Expr) -> Expr:
        return substituted(x, read)

    def each(body: Sequence[Statement]) -> list[Statement]:
        return list(map(widened, body))

    def widened(s: Statement) -> Statement:
        match s:
            case Let(symbol, Call(operands=(_, x))) if symbol in wider:
                wide = wider[symbol]
                return Let(wide, call(ADD, (wide, cast(expr(x), "float64")), "float64"), False)
            case Store(buffer, index, Call(operands=(total, x)) as value) if buffer in rows:
                return Store(buffer, index, replace_operand(value, total, expr(x)))
            case _:
                made = s.rebuilt(expr, each)
        if isinstance(made, For):
            made.reductions = [
                replace(r, target=targets.get(r.target, r.target)) for r in made.reductions
            ]
        return made

    return widened(s)


def _row(total: Buffer, loop: For, plain: Sequence[Statement], outer: _Inside) -> _Row | None:
    """Return the elements of ``total`` that are added to, and the loops along which they are.

    None: they are not all added to in loops of a fixed number of steps.
    """
    if any(isinstance(x, Load) or x in outer.made for x in parts(loop.extent)):
        return None
    made = outer.of(loop).made
    found: list[tuple[list[For], Index]] = []

    def look(body: Sequence[Statement], loops: list[For]) -> None:
        for s in body:
            if isinstance(s, For):
                look(s.body, [*loops, s])
            elif isinstance(s, Store) and s.buffer is total:
                found.append(([x for x in loops if x.index in s.index], s.index))

    look(plain, [])
    if len(found) != 1 or not found[0][0]:
        return None
    loops, index = found[0]
    moving = [x.index for x in loops]
    fixed = [x for x in index if x not in moving]
    inner, sizes = made - outer.made, [x.extent for x in loops]
    if (
        len(fixed) + len(moving) != len(index)
        or any(isinstance(y, Load) or y in inner for x in fixed for y in parts(x))
        or any(isinstance(y, Load) or y in made for x in sizes for y in parts(x))
    ):
        return None
    return _Row(total, index, tuple(moving), tuple(sizes))
