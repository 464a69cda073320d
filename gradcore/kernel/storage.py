"""Storage: from nests in their places to statements, with memory for the buffers between them.

A buffer whose accesses all lie inside a loop that moves along one of its axes has lost that axis;
one that has lost all is a register.  A buffer is made in the innermost block that holds all of its
accesses, just before the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from heapq import heappop, heappush
from typing import Any

from gradcore.graph import Apply, FunctionGraph
from gradcore.kernel.fusion import (
    Block,
    Choice,
    Iteration,
    LoopLevel,
    Opaque,
    Path,
    Plain,
    Straight,
)
from gradcore.kernel.ir import (
    ONE,
    Allocate,
    Buffer,
    Call,
    Expr,
    For,
    If,
    Index,
    Let,
    Literal,
    Load,
    Matmul,
    Program,
    Reduction,
    Scope,
    Statement,
    Store,
    Strided,
    Symbol,
    loads,
    product,
)
from gradcore.kernel.lowering import Lowering, named
from gradcore.kernel.uses import inside
from gradcore.printing import pp


def planned(low: Lowering) -> Program:
    """Return the nests of a lowering as a program of loops, with what they need made before them.

    Loops that depend on no order say so; who runs their steps at once is decided after it.
    """
    planner = _Planner(low)
    if low.target.share_rows:
        planner.share_rows()
    body = planner.block(low.entry, ()) + planner.block(low.layout.root, ())
    return Program(
        low.inputs, low.outputs, low.constants, body, low.checks, low.callbacks, title(low.graph),
        planner.made_by(),
    )  # fmt: skip


def title(graph: FunctionGraph) -> str:
    """Return what a graph computes, in a line: expressions, or for a large one only names."""
    small = len(graph.nodes) < 30
    return ", ".join(pp(v, 2000) if small else named(v) for v in graph.outputs)


class _Memory:
    """The buffers of a block whose memory others may have after them.

    It is asked for buffers in the order in which they are touched first.

    used : those of each size, by the item that touches them last.
    unused : those that none touches any more, by the order in which they were noted.
    """

    def __init__(self, block: Block) -> None:
        self.block = block
        self.used: dict[tuple[Expr, str], list[tuple[int, int, Buffer]]] = {}
        self.unused: dict[tuple[Expr, str], list[tuple[int, Buffer]]] = {}
        self.noted = 0

    def free(self, buffer: Buffer) -> Buffer | None:
        """Return a buffer of the size of ``buffer`` that is not touched from there on."""
        size, start = _size(buffer), self.block.first[buffer]
        used, unused = self.used.get(size, []), self.unused.setdefault(size, [])
        while used and used[0][0] < start:
            _, number, other = heappop(used)
            heappush(unused, (number, other))
        return heappop(unused)[1] if unused else None

    def keep(self, buffer: Buffer, used_elsewhere: bool) -> None:
        """Note a buffer; what is used elsewhere than in the block is never free."""
        if not used_elsewhere:
            self.noted += 1
            entry = self.block.last(buffer), self.noted, buffer
            heappush(self.used.setdefault(_size(buffer), []), entry)


def _size(buffer: Buffer) -> tuple[Expr, str]:
    return product(buffer.shape), buffer.dtype


def _in_turn(item: Straight | LoopLevel | Opaque, row: Buffer, host: Buffer) -> bool:
    """Return whether a step reads an element of ``row`` before it writes that of ``host``."""
    if not isinstance(item, LoopLevel) or not item.axes[row] & item.axes[host]:
        return False
    written = False
    for straight in item.block.items:
        if not isinstance(straight, Straight):
            return False
        for statement in straight.statements:
            if not isinstance(statement, Store):
                return False
            read = {x.buffer for e in (statement.value, *statement.index) for x in loads(e)}
            if host in read or (written and row in read) or statement.buffer is row:
                return False
            written |= statement.buffer is host
    return True


def _set_again(body: Sequence[Statement]) -> set[Symbol]:
    """Return the registers from outside that statements set, such as the element of a row of one.

    A step that sets one is not independent, be it the only one.
    """
    lets = [s for s in inside(body) if isinstance(s, Let)]
    return {s.symbol for s in lets if not s.fresh} - {s.symbol for s in lets if s.fresh}


class _Planner:
    """What has become of each buffer and register."""

    def __init__(self, low: Lowering) -> None:
        self.low = low
        self.home: dict[Buffer, Path] = {}
        self.register: dict[Buffer, Symbol] = {}
        self.shrunk: dict[Buffer, tuple[Buffer, tuple[int, ...]]] = {}
        self.hosted: dict[Buffer, Buffer] = {}
        self.dead: set[Buffer] = set()
        self.once: set[Buffer] = set()
        self.made: set[Buffer] = set()
        self.homed: dict[Path, list[Buffer]] = {}
        for buffer, uses in low.layout.uses.items():
            self._decide(buffer, uses)

    def _decide(self, buffer: Buffer, uses: Sequence[Any]) -> None:
        if buffer.role not in ("work", "output", "pointer"):
            return
        path: Path = uses[0].path
        for use in uses:
            n = 0
            for a, b in zip(path, use.path, strict=False):
                if a is not b:
                    break
                n += 1
            path = path[:n]
        if buffer.role == "output":
            path = ()
        if buffer.role == "work" and all(use.writes for use in uses):
            self.dead.add(buffer)
            return
        self.home[buffer] = path
        self.homed.setdefault(path, []).append(buffer)
        if buffer.whole or buffer.role != "work":
            return
        lost = {axis for axis, n in enumerate(buffer.shape) if n == ONE}
        for level in path:
            axes = level.axes.get(buffer, frozenset()) - lost
            if axes:
                lost.add(min(axes))
        remaining = tuple(axis for axis in range(buffer.ndim) if axis not in lost)
        if not remaining:
            self.register[buffer] = Symbol(buffer.name, buffer.dtype)
            writers = [use for use in uses if use.writes]
            if len(writers) == 1 and len(writers[0].path) == len(path):
                self.once.add(buffer)
        elif len(remaining) < buffer.ndim:
            small = Buffer(buffer.name, buffer.dtype, [buffer.shape[a] for a in remaining])
            self.shrunk[buffer] = small, remaining

    def share_rows(self) -> None:
        """Let a row live in that of a buffer which takes its place, element by element.

        Softmax's exponentials stand where the probabilities will: that is one row less to keep
        near, and what is written is in the cache.
        """
        hosts: dict[tuple[Index, str], list[Buffer]] = {}
        for buffer in self.home:
            free = buffer.role in ("work", "output") and buffer.alias is None
            if free and buffer not in self.register and buffer not in self.shrunk:
                hosts.setdefault((buffer.shape, buffer.dtype), []).append(buffer)
        summed = {
            buffer
            for buffer in self.shrunk
            for use in self.low.layout.uses[buffer]
            for level in use.path
            if isinstance(level, LoopLevel) and buffer in level.carried
        }
        for buffer in [b for b in self.shrunk if self.home[b] and b not in summed]:
            same = hosts.get((buffer.shape, buffer.dtype), [])
            host = next((host for host in same if self._follows(host, buffer)), None)
            if host is not None:
                same.remove(host)
                self.hosted[buffer] = host
                del self.shrunk[buffer]
                self.homed[self.home[buffer]].remove(buffer)

    def _follows(self, host: Buffer, row: Buffer) -> bool:
        """Return whether ``host`` is not touched before ``row`` is done with, in each step."""
        block = self.low.layout.root
        for level in self.home[row]:
            if host not in block.first or block.items[block.first[host]] is not level:
                return False
            if not isinstance(level, LoopLevel) or not level.axes[row] & level.axes[host]:
                return False
            block = level.block
        last, first = block.last(row), block.first[host]
        return first > last or (first == last and _in_turn(block.items[first], row, host))

    def made_by(self) -> dict[Symbol | Buffer, list[Apply]]:
        """Return the nodes whose values registers and buffers hold."""
        found: dict[Symbol | Buffer, list[Apply]] = {}
        for buffer, node in self.low.made_by.items():
            place: Symbol | Buffer = self.hosted.get(buffer, buffer)
            if buffer in self.register:
                place = self.register[buffer]
            elif buffer in self.shrunk:
                place, _ = self.shrunk[buffer]
            found.setdefault(place, []).append(node)
        return found

    # expressions --------------------------------------------------------------------------------
    def expr(self, x: Expr) -> Expr:
        """Return an expression in terms of what registers and buffers have become."""
        if isinstance(x, Symbol):
            return x.final
        if isinstance(x, Load):
            buffer = x.buffer
            if buffer in self.register:
                return self.register[buffer]
            if buffer in self.shrunk:
                small, remaining = self.shrunk[buffer]
                return Load(small, tuple(self.expr(x.index[a]) for a in remaining))
            return Load(self.seen(buffer), tuple(map(self.expr, x.index)))
        if isinstance(x, Call):
            return Call(x.op, tuple(map(self.expr, x.operands)), x.dtype)
        return x

    def seen(self, buffer: Buffer) -> Buffer:
        """Return the buffer that a buffer is now.

        If it is another's memory in another shape, its extents are in terms of registers, too.
        """
        buffer = self.hosted.get(buffer, buffer)
        if buffer.alias is not None and buffer not in self.made:
            self.made.add(buffer)
            buffer.shape = self.index(buffer.shape)
        return buffer

    def index(self, index: Index) -> Index:
        """Return an index with each expression rewritten by `expr`."""
        return tuple(map(self.expr, index))

    # statements ---------------------------------------------------------------------------------
    def statements(self, given: Sequence[Statement]) -> list[Statement]:
        """Return statements of nests with their storage as planned, without those that vanish."""
        found: list[Statement] = []
        for statement in given:
            new = self.statement(statement)
            if new is not None:
                found.append(new)
        return found

    def statement(self, s: Statement) -> Statement | None:
        """Return a statement so, or None if nothing needs it."""
        if self.dead and self._is_dead(s):
            return None
        if isinstance(s, Store) and s.buffer in self.register:
            return Let(self.register[s.buffer], self.expr(s.value), s.buffer in self.once)
        if isinstance(s, Store) and s.buffer in self.shrunk:
            small, left = self.shrunk[s.buffer]
            return Store(small, tuple(self.expr(s.index[a]) for a in left), self.expr(s.value))
        found = s.rebuilt(self.expr, self.statements)
        if isinstance(found, Matmul):
            return found.with_parts(self._part)
        return found.with_buffers(self.seen)

    def _part(self, part: Strided) -> Strided:
        """Return an operand of a product where it has room."""
        axes = range(part.buffer.ndim)
        buffer, remaining = self.shrunk.get(part.buffer, (self.seen(part.buffer), axes))
        return part.along(buffer, remaining)

    def _is_dead(self, s: Statement) -> bool:
        """Return whether nobody reads what a statement is for."""
        written = {buffer.root for buffer, _ in s.writes()}
        return bool(written) and not s.required and written <= self.dead

    # blocks -------------------------------------------------------------------------------------
    def block(self, block: Block, path: Path | None = None) -> list[Statement]:
        """Return the statements of a block, with what they need made before them.

        path : what is around the block, if buffers may be made in it.
        """
        found: list[Statement] = []
        made: dict[int, list[Statement]] = {}
        memory = _Memory(block)
        homed = () if path is None else self.homed.get(path, ())
        for buffer in sorted(homed, key=lambda b: block.first.get(b, -1)):
            if buffer in block.first and buffer not in self.made:
                self.made.add(buffer)
                made.setdefault(block.first[buffer], []).extend(self._made(buffer, memory))
        for number, item in enumerate(block.items):
            found += made.get(number, ())
            match item:
                case Straight(statements):
                    found += self.statements(statements)
                case Plain(statement):
                    found += self.statements([statement])
                case LoopLevel():
                    found += self.level(item)
                case Iteration(index, extent, region):
                    body = self.block(region.block, region.block.path)
                    found.append(For(index.final, self.expr(extent), [Scope(body)], ordered=True))
                case Choice(condition, then, orelse):
                    branches = [self.block(r.block, r.block.path) for r in (then, orelse)]
                    found.append(If(self.expr(condition), *branches))
                case _:
                    raise TypeError(item)
        return found

    def _made(self, buffer: Buffer, memory: _Memory) -> list[Statement]:
        """Return the statements that make a buffer, or declare a register."""
        if buffer in self.register:
            if buffer in self.once:
                return []
            zero = Literal(False if buffer.dtype == "bool" else 0, buffer.dtype)
            return [Let(self.register[buffer], zero)]
        smaller = self.shrunk[buffer][0] if buffer in self.shrunk else buffer
        smaller.shape = self.index(smaller.shape)
        if smaller.role != "pointer":
            smaller.lacking = self.low.lacking(buffer)
        if smaller.role != "work" or smaller is not buffer:
            return [Allocate(smaller)]
        reused = memory.free(buffer)
        memory.keep(buffer, self._is_used_elsewhere(buffer, memory.block))
        return [Allocate(smaller, reused)]

    def _is_used_elsewhere(self, buffer: Buffer, block: Block) -> bool:
        """Return whether pointers point to a buffer, or what comes after the entry reads it."""
        layout = self.low.layout
        return buffer in layout.pointed or (block is self.low.entry and buffer in layout.root.first)

    def level(self, level: LoopLevel) -> list[Statement]:
        """Return a loop with its body laid out, behind the statements that must come before it."""
        body = self.block(level.block, level.block.path)
        before = self.block(level.before)
        if not body:
            return before
        reductions: list[Reduction] = []
        ordered = level.ordered
        for reduction in level.reductions:
            target = reduction.target
            assert isinstance(target, Buffer)
            if target.root in self.dead:
                continue
            ordered |= reduction.op is None or reduction.cumulative
            into = self.register.get(target)
            if into is None:
                into = self.shrunk.get(target, (target,))[0]
            reductions.append(replace(reduction, target=into))
        ordered |= not _set_again(body).issubset(r.target for r in reductions)
        loop = For(level.symbol, self.expr(level.extent), body, ordered, reductions)
        return [*before, loop]
