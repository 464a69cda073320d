"""Pass: which threads do which steps of what a kernel runs.

For each form of `gradcore_cuda.passes.schedule.Work`, this makes the grids, the launches, and the
memory through which their groups and blocks exchange what they have contributed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from gradcore.kernel.device import (
    BLOCKS,
    GROUPS,
    LANES,
    THREADS,
    Chunk,
    Combine,
    Delinearize,
    Distributed,
    Ends,
    Grid,
    LastBlock,
    Launch,
    Owned,
    Partial,
    Prefix,
    Reload,
    Rounds,
    Shared,
    Single,
    Spill,
)
from gradcore.kernel.ir import (
    ONE,
    ZERO,
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
    Program,
    Reduction,
    Scope,
    Statement,
    Store,
    Symbol,
    call,
    integer,
    product,
)
from gradcore.kernel.uses import inside, replaced, rewritten
from gradcore.ops.elementwise import ENTRIES, entry
from gradcore_cuda.analyses import Facts
from gradcore_cuda.analyses.prefix_scans import CarriedRegister
from gradcore_cuda.loops import collapsed, pieces, shareable
from gradcore_cuda.passes.collective import Collective, combined, contributions, rounds, started
from gradcore_cuda.passes.schedule import Form, Work, chunks


def distributed(program: Program, facts: Facts) -> Program:
    """Return a program whose work is launched on grids of threads."""
    forms = _Forms(facts)

    def change(s: Statement) -> list[Statement] | None:
        return forms.launched(s) if isinstance(s, Work) else None

    return replace(program, body=rewritten(program.body, change))


def flattened(buffer: Buffer) -> Buffer:
    """Return a buffer with one axis in place of several, of the same memory."""
    return Buffer(buffer.name, buffer.dtype, (product(buffer.shape),), alias=buffer)


def _title(body: Sequence[Statement]) -> str:
    """Return what to call a kernel: after what it stores."""
    for s in reversed(list(inside(body))):
        for buffer, index in s.writes():
            if index is not None:
                return buffer.name
        if isinstance(s, Let):
            return s.symbol.name
    return "kernel"


class _Forms:
    """How the threads of a launch share the work, form by form."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.target = facts.target
        self.group = Collective(facts.prefix_scans, facts.target)

    def launched(self, work: Work) -> list[Statement]:
        """Return what launches work."""
        ways: dict[Form, Callable[[Work], list[Statement]]] = {
            Form.BLOCK: self.block,
            Form.STEPS: self.steps,
            Form.PARTS: self.parts,
            Form.OWNED: self.owned,
            Form.TILES: self.tiles,
            Form.CHUNKS: self.chunks,
        }
        return [Scope(ways[work.form](work))]

    def changed(self, body: Sequence[Statement]) -> list[Symbol | Buffer]:
        """Return the registers and pointers of the device that statements set, but do not make."""
        values = self.facts.values
        lasting = values.device | values.moved
        made = {x for s in inside(body) for x in s.declares() if isinstance(x, Buffer)}
        found: dict[Symbol | Buffer, None] = {}
        for s in inside(body):
            for x in (*s.declares(), *s.changes()):
                found[x.final if isinstance(x, Symbol) else x.root] = None
        return [x for x in found if x in lasting and x not in made]

    def set_again(self, body: Sequence[Statement]) -> list[Statement]:
        """Return statements that declare no register of the device: it is there already."""
        device = self.facts.values.device

        def change(s: Statement) -> list[Statement] | None:
            if isinstance(s, Let) and s.symbol.final in device:
                return [replace(s, fresh=False)]
            return None

        return rewritten(body, change)

    # a block ------------------------------------------------------------------------------------
    def block(self, work: Work) -> list[Statement]:
        """Return statements that one block runs together, or one thread, if no loop is shared."""
        body = self.set_again(work.statements)
        together = self.group.pays(body)
        spills: list[Statement] = [Spill(x) for x in self.changed(body)]
        if together:
            end: list[Statement] = [Single(LANES, spills)] if spills else []
            body = [*self.group.statements(body), *end]
        else:
            body = [Ends(THREADS), *body, *spills]
        grid = Grid(ONE, limit=ONE)
        return [grid, Launch(grid, body, f"{_title(work.statements)}_kernel", together)]

    # steps that are independent -----------------------------------------------------------------
    def loop(self, work: Work, loops: Sequence[For], together: bool) -> Distributed:
        """Return loops whose steps groups share."""
        body = self.group.statements(loops[-1].body) if together else loops[-1].body
        indices, extents = zip(*((x.index.final, x.extent) for x in loops), strict=True)
        return Distributed(GROUPS, indices, extents, body)

    def steps(self, work: Work) -> list[Statement]:
        """Return a loop whose steps are shared out among groups."""
        (outer,) = work.statements
        assert isinstance(outer, For)
        loops, body = collapsed(outer)
        registers = contributions(loops)
        together = self.group.pays(body)
        grid = Grid(product([x.extent for x in loops]))
        memory, total = self.total(registers, work, grid, together)
        kernel = [*_starts(registers), self.loop(work, loops, together), *total]
        name = f"{_title(work.statements)}_kernel"
        return [grid, *memory, Launch(grid, kernel, name, together)]

    def total(
        self, registers: Sequence[Reduction], work: Work, grid: Grid, together: bool
    ) -> tuple[list[Statement], list[Statement]]:
        """Return how what all threads of all blocks contributed is combined, and memory for it.

        The last block that comes there combines what all blocks have, in order.
        """
        if not registers:
            return [], []
        own: list[Statement] = []
        parts: list[Statement] = []
        again: list[Statement] = []
        ends: list[Statement] = []
        memory: list[Statement] = []
        first = call(entry("neq"), (LANES.own, ZERO), "bool")
        for r in registers:
            assert r.op is not None and isinstance(r.target, Symbol)
            symbol, start = r.target.final, started(r)
            if together:
                own.append(If(first, [Let(symbol, start, fresh=False)]))
            own.append(Combine(THREADS, symbol, r.op))
            part = Buffer(f"{symbol.name}_partials", symbol.dtype, (grid.block_count,), "workspace")
            memory.append(Allocate(part))
            parts.append(Store(part, (BLOCKS.own,), symbol))
            k, one = Symbol("j"), Symbol("partial", symbol.dtype)
            step: list[Statement] = [
                Let(one, Load(part, (k,))),
                Let(symbol, combined(r.op, symbol, one), fresh=False),
            ]
            again += [
                Let(symbol, start, fresh=False),
                Distributed(THREADS, (k,), (BLOCKS.count,), step),
                Combine(THREADS, symbol, r.op),
            ]
            ends += _before(symbol, r, work.starts)
        counter = Buffer("counter", "uint32", (), "counter")
        changed: dict[Symbol | Buffer, None] = dict.fromkeys(
            [r.target.final for r in registers if isinstance(r.target, Symbol)]
        )
        changed.update(dict.fromkeys(self.changed(work.after)))
        last = [*ends, *self.set_again(work.after), *(Spill(x) for x in changed)]
        rest: list[Statement] = [Single(THREADS, parts), LastBlock(counter), *again]
        return memory, [*own, If(_several(BLOCKS.count), rest), Single(THREADS, last)]

    # steps that contribute to arrays ------------------------------------------------------------
    def parts(self, work: Work) -> list[Statement]:
        """Return a loop whose groups contribute to arrays of their own, combined afterwards."""
        (loop,) = work.statements
        assert isinstance(loop, For)
        arrays = [(r, r.target) for r in loop.reductions if isinstance(r.target, Buffer)]
        registers = [r for r in contributions([loop]) if isinstance(r.target, Symbol)]
        size = product(arrays[0][1].shape)
        most = call(entry("maximum"), (size, ONE), "int64")
        few = call(
            entry("minimum"),
            (
                integer(self.target.copying_blocks),
                integer(self.target.copied_elements) // most,
            ),
            "int64",
        )
        grid = Grid(loop.extent, limit=call(entry("maximum"), (few, ONE), "int64"))
        memory, total = self.total(registers, work, grid, together=True)
        combinations: list[Statement] = []
        rows: dict[Buffer, Buffer] = {}
        kernel: list[Statement] = [self.loop(work, [loop], together=True)]
        for r, target in reversed(arrays):
            root = target.root
            shape = (grid.workers, product(target.shape))
            rows[root] = Buffer(f"{root.name}_partials", root.dtype, shape, "workspace")
            memory.append(Allocate(rows[root]))
            kernel = [Partial(root, rows[root], started(r), kernel)]
        kernel = [*_starts(registers), *kernel, *total]
        name = f"{_title(work.statements)}_kernel"
        of_size: dict[Expr, list[Reduction]] = {}
        for r, target in arrays:
            of_size.setdefault(product(target.shape), []).append(r)
        for n, reductions in of_size.items():
            combinations += self.combination(reductions, n, rows, work.filled, grid)
        return [grid, *memory, Launch(grid, kernel, name, together=True), *combinations]

    def combination(
        self,
        reductions: Sequence[Reduction],
        size: Expr,
        rows: Mapping[Buffer, Buffer],
        filled: Mapping[Buffer, Literal],
        grid: Grid,
    ) -> list[Statement]:
        """Return what combines the arrays of all groups, in order.

        reductions : to arrays of one size.
        rows : the arrays of all groups.
        filled : what the targets hold before, where that has not been stored.
        """
        k, p = Symbol("j"), Symbol("number")
        starts: list[Statement] = []
        steps: list[Statement] = []
        ends: list[Statement] = []
        stores: list[Statement] = []
        for r in reductions:
            assert r.op is not None and isinstance(r.target, Buffer)
            target, dtype = flattened(r.target.root), r.target.dtype
            everything, one = Symbol(f"{target.name}_all", dtype), Symbol("partial", dtype)
            start = filled.get(r.target.root, Load(target, (k,)))
            starts.append(Let(everything, started(r)))
            steps += [
                Let(one, Load(rows[r.target.root], (p, k))),
                Let(everything, combined(r.op, everything, one), fresh=False),
            ]
            ends.append(Combine(LANES, everything, r.op))
            stores.append(Store(target, (k,), combined(r.op, start, everything)))
        body = [
            *starts, Distributed(LANES, (p,), (grid.workers,), steps), *ends,
            Single(LANES, stores),
        ]  # fmt: skip
        target = reductions[0].target
        after = Grid(size)
        loop = Distributed(GROUPS, (k,), (size,), body)
        return [after, Launch(after, [loop], f"{target.name}_combined", together=True)]

    # scatters -----------------------------------------------------------------------------------
    def owned(self, work: Work) -> list[Statement]:
        """Return a loop that every group goes through, for those steps whose target is its own."""
        (loop,) = work.statements
        assert isinstance(loop, For) and work.owner is not None
        together = any(isinstance(s, For) and shareable(s) for s in inside(loop.body))
        position: Expr = ZERO
        for n, i in zip(work.owner.buffer.shape, work.owner.index, strict=True):
            position = position if i == ZERO else position * n + i
        body = self.group.statements(loop.body) if together else loop.body
        grid = Grid(
            call(ENTRIES["minimum"], (loop.extent, integer(self.target.owning_groups)), "int64")
        )
        kernel: list[Statement] = [replace(loop, body=[Owned(position, body)])]
        return [grid, Launch(grid, kernel, f"{_title(work.statements)}_kernel", together)]

    # tiles --------------------------------------------------------------------------------------
    def tiles(self, work: Work) -> list[Statement]:
        """Return loops of which a block takes a tile at a time.

        What lies along the rows of a tile is read along them, and used along its columns.
        """
        (outer,) = work.statements
        assert isinstance(outer, For)
        loops, body = collapsed(outer)
        tiled = self.facts.dependence.tiled(outer, self.facts.values.known)
        assert tiled is not None
        along, loads = tiled
        column = loops[-1]
        tiles = {s.index.final: Symbol(f"{s.index.name}_tile") for s in (along, column)}
        order = [s for s in loops if s is not along and s is not column] + [along, column]
        side = self.target.tile_elements
        counts = [pieces(s.extent, side) if s.index.final in tiles else s.extent for s in order]
        numbers = [tiles.get(s.index.final, s.index.final) for s in order]
        tile, steps = Symbol("tile"), product(counts)
        copies = {
            x: Buffer(
                f"{x.buffer.root.name}_tile",
                x.dtype,
                (integer(side), integer(side + 1)),
            )
            for x in loads
        }

        def elements(slow: For, fast: For, step: Callable[[Index], list[Statement]]) -> Statement:
            """Return a loop over a tile, in which neighbours are along ``fast``."""
            k, a, b = Symbol("j"), Symbol("a"), Symbol("b")
            places = [
                Delinearize((s.index.final,), (s.extent,), tiles[s.index.final] * side + x)
                for s, x in ((slow, a), (fast, b))
            ]
            square = Delinearize((a, b), (integer(side), integer(side)), k)
            body = [square, *places, *step((a, b))]
            return Distributed(LANES, (k,), (integer(side * side),), body)

        def read(at: Index) -> list[Statement]:
            return [
                If(_within(zip(x.index, x.buffer.shape, strict=True)), [Store(copy, at, x)])
                for x, copy in copies.items()
            ]

        def use(at: Index) -> list[Statement]:
            near = {x: Load(copy, at[::-1]) for x, copy in copies.items()}
            inner = [replaced(s, near) for s in body]
            return [If(_within((s.index, s.extent) for s in (along, column)), inner)]

        loop = Distributed(
            BLOCKS, (tile,), (steps,),
            [
                Delinearize(tuple(numbers), tuple(counts), tile),
                elements(column, along, read),
                elements(along, column, use),
            ],
        )  # fmt: skip
        grid = Grid(steps)
        kernel: list[Statement] = [*map(Shared, copies.values()), loop]
        return [grid, Launch(grid, kernel, f"{_title(work.statements)}_kernel", together=True)]

    # prefix scans that many groups share --------------------------------------------------------
    def chunks(self, work: Work) -> list[Statement]:
        """Return a prefix scan of which each group has a chunk.

        Where there are several groups, a launch before it finds the registers before each.
        """
        (loop,) = work.statements
        assert isinstance(loop, For)
        shared = self.facts.prefix_scans.chunks(loop)
        assert shared is not None
        count, width = chunks(loop.extent, self.target)
        grid = Grid(count)
        device = self.facts.values.device
        memory, ends = self.total(shared.ends, work, grid, together=False)
        first, last = Symbol("start"), Symbol("last")
        body: list[Statement] = [Chunk(first, last, loop.extent)]
        carries: dict[Symbol, Buffer] = {}
        for c in shared.carried:
            name, dtype = c.symbol.name, c.symbol.dtype
            known = Buffer(f"{name}_chunks", dtype, (grid.workers + ONE,), "workspace")
            carries[c.symbol] = known
            memory.append(Allocate(known))
            later = Let(c.symbol, Load(known, (GROUPS.own,)), fresh=False)
            body += [_started(c.symbol, c.symbol, work.starts), If(_several(GROUPS.count), [later])]
        body += _starts(shared.ends)
        body += rounds(loop, shared.carried, shared.rest, (first, last), width)
        spills: list[Statement] = [Spill(c.symbol) for c in shared.carried if c.symbol in device]
        if spills:
            at_end = call(entry("eq"), (GROUPS.own, GROUPS.count - ONE), "bool")
            body.append(If(at_end, [Single(LANES, spills)]))
        title = _title(work.statements)
        before = self.totals(loop, shared.carried, shared.totals, carries, work.starts)
        return [
            grid,
            *memory,
            If(_several(grid.workers), [Launch(grid, before, f"{title}_totals", together=True)]),
            Launch(grid, [*body, *ends], f"{title}_kernel", together=True),
        ]

    def totals(
        self,
        loop: For,
        carried: Sequence[CarriedRegister],
        step: list[Statement],
        carries: Mapping[Symbol, Buffer],
        starts: Mapping[Symbol, Literal],
    ) -> list[Statement]:
        """Return the launch that finds the registers before each chunk of a prefix scan."""
        combining = [Reduction(c.symbol, c.op) for c in carried]
        first, last = Symbol("start"), Symbol("last")
        i = loop.index.final
        body: list[Statement] = [
            Chunk(first, last, loop.extent),
            *_starts(combining),
            Distributed(LANES, (i,), (last,), step, first),
        ]
        for c in carried:
            store = Store(carries[c.symbol], (GROUPS.own + ONE,), c.symbol)
            body += [Combine(LANES, c.symbol, c.op), Single(LANES, [store])]
        body += [LastBlock(Buffer("counter", "uint32", (), "counter")), Ends(GROUPS)]
        for c, r in zip(carried, combining, strict=True):
            known, dtype = carries[c.symbol], c.symbol.dtype
            so_far, total = Symbol(f"{c.symbol.name}_before", dtype), Symbol("total", dtype)
            k = Symbol("j")
            here, within = (k + ONE,), call(entry("lt"), (k, GROUPS.count), "bool")
            stored = Store(known, here, combined(c.op, so_far, c.symbol))
            body += [
                _started(so_far, c.symbol, starts),
                Single(LANES, [Store(known, (ZERO,), so_far)]),
                Rounds(k, GROUPS.count, ZERO, GROUPS.count, [
                    Let(c.symbol, started(r), fresh=False),
                    If(within, [Let(c.symbol, Load(known, here), fresh=False)]),
                    Prefix(c.symbol, total, c.op),
                    If(within, [stored]),
                    Let(so_far, combined(c.op, so_far, total), fresh=False),
                ]),
            ]  # fmt: skip
        return body


def _several(count: Expr) -> Expr:
    """Return whether there is more than one of something."""
    return call(entry("gt"), (count, ONE), "bool")


def _started(into: Symbol, symbol: Symbol, starts: Mapping[Symbol, Literal]) -> Statement:
    """Return what lets a register be what another one is before all steps of a loop."""
    start = starts.get(symbol)
    return Reload(into, symbol) if start is None else Let(into, start)


def _before(symbol: Symbol, r: Reduction, starts: Mapping[Symbol, Literal]) -> list[Statement]:
    """Return what combines a register with what it was before, where that changes it."""
    assert r.op is not None
    if starts.get(symbol) == started(r):
        return []
    before = Symbol(f"{symbol.name}_before", symbol.dtype)
    both = Let(symbol, combined(r.op, before, symbol), fresh=False)
    return [_started(before, symbol, starts), both]


def _starts(reductions: Sequence[Reduction]) -> list[Statement]:
    """Return registers that threads combine what they contribute in."""
    return [Let(r.target.final, started(r)) for r in reductions if isinstance(r.target, Symbol)]


def _within(places: Iterable[tuple[Expr, Expr]]) -> Expr:
    """Return the condition that indices are within extents."""
    found: Expr | None = None
    for i, n in places:
        one: Expr = Call(entry("lt"), (i, n), "bool")
        found = one if found is None else Call(entry("and_"), (found, one), "bool")
    assert found is not None
    return found
