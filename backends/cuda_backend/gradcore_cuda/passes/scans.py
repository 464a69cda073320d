"""Scans whose elements do not need one another.

A scan goes step by step, with all elements of its states at a time.  Where an element needs, of
the step before, nothing but itself, it can go through all steps alone: a thread does, with the
states in registers.  No thread waits for another, and one launch does what had been one a step.

The decision: indices decide it, after fusion, as they decide which loops fuse.  Rejected: the ops
of the body, which do not know what has become of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from gradcore.kernel.extents import Extents
from gradcore.kernel.ir import (
    ONE,
    ZERO,
    Allocate,
    Buffer,
    Call,
    Check,
    Expr,
    For,
    If,
    Index,
    Let,
    Literal,
    Load,
    Point,
    Program,
    Scope,
    Statement,
    Store,
    Symbol,
    call,
    loads,
    parts,
)
from gradcore.kernel.uses import declared, expressions, inside, registers_set, rewritten, stored
from gradcore.ops.elementwise import ENTRIES
from gradcore_cuda.analyses.aliases import Aliases
from gradcore_cuda.analyses.placement import hosted
from gradcore_cuda.loops import collapsed, on_elements, replaced
from gradcore_cuda.target import GpuTarget


@dataclass
class _Scan:
    """The parts of a scan.

    scalars : what is computed before its loops, once in each step.
    loops, body : its loops, which run as one, and what is in them.
    moves : where its states are next.
    extents : which extents are equal where it takes a step.
    """

    scalars: list[Let]
    loops: list[For]
    body: list[Statement]
    moves: list[Point]
    extents: Extents

    def lead(self, buffer: Buffer, index: Index) -> Index | None:
        """Return the part of an index that says which of arrays of one element a thread it is.

        None: threads may meet there.
        """
        symbols = [s.index.final for s in self.loops]
        if symbols[0] not in index:
            return None
        first = index.index(symbols[0])
        places = zip(index[first:], buffer.shape[first:], strict=True)
        along = [(i, n) for i, n in places if (i, n) != (ZERO, ONE)]
        if [i for i, _ in along] != symbols or not all(
            self.extents.equal(n, s.extent) for (_, n), s in zip(along, self.loops, strict=True)
        ):
            return None
        lead = index[:first]
        return None if any(y in symbols for i in lead for y in parts(i)) else lead


@dataclass
class _State:
    """A state of a scan, in a register.

    symbol : the register.
    store : the statement that stores what it is next.
    place : which element it is.
    """

    symbol: Symbol
    store: Store
    place: Index


def scans_by_element(program: Program, target: GpuTarget) -> Program:
    """Return a program whose scans go element by element, where that may be."""
    aliases = Aliases(program.body)
    checks = [s for s in program.body if isinstance(s, Check)]
    readers = _readers(program.body)
    results = {b.root for b in program.outputs}

    def change(s: Statement) -> list[Statement] | None:
        if not isinstance(s, For):
            return None
        read = results | (readers - _readers([s])).keys()
        made = by_element(s, aliases.memory, read, checks)
        return [s] if made is None and not hosted(s, target) else made

    return replace(program, body=rewritten(program.body, change))


def by_element(
    scan: For,
    memory: Callable[[Buffer], Buffer],
    read: Collection[Buffer],
    checks: Sequence[Check],
) -> list[Statement] | None:
    """Return a scan as a loop over elements around that over steps; None: they need one another.

    memory : which buffer stands for all that may share memory with one.
    read : the buffers that other statements read, or that are results.
    checks : those that have passed before, which imply what extents are equal.
    """
    conditions = [x.condition for x in checks]
    extents = Extents()
    _unite(extents, conditions)
    found = _by_element(scan, memory, read, extents)
    if found is not None:
        return found
    some = call(ENTRIES["gt"], (scan.extent, ZERO), "bool")
    none = call(ENTRIES["invert"], (some,), "bool")
    _unite(extents, [y for x in conditions for y in _unless(x, none)])
    found = _by_element(scan, memory, read, extents)
    return None if found is None else [If(some, found, [])]


def _unite(extents: Extents, conditions: Sequence[Expr]) -> None:
    """Note the extents that are equal because conditions are true."""
    for x in conditions:
        if isinstance(x, Call) and x.op is ENTRIES["eq"]:
            extents.unite(*x.operands)


def _unless(condition: Expr, exception: Expr) -> Sequence[Expr]:
    """Return what a condition implies, unless ``exception`` is true."""
    match condition:
        case Call(op=row, operands=(x, y)) if row is ENTRIES["or_"] and y == exception:
            return [x]
        case _:
            return []


def _by_element(
    scan: For, memory: Callable[[Buffer], Buffer], read: Collection[Buffer], extents: Extents
) -> list[Statement] | None:
    """Return such a scan, where it takes a step at least if ``extents`` need that to be equal."""
    parted = _decomposed(scan, extents)
    if parted is None or not _alone(parted, memory):
        return None
    states = _states(parted)
    if states is None:
        return None
    passing = {x.store.buffer.root for x in states.values()}.difference(read)
    registers = _in_registers(parted, states)
    if registers is None or any(y.buffer.root in passing for y in _read(parted.body)):
        return None
    before: list[Statement] = []
    after: list[Statement] = []
    body: list[Statement] = [Let(x.symbol, Load(p, x.place)) for p, x in states.items()]
    step = _step(parted, states, registers, passing)
    body.append(For(scan.index, scan.extent, step, ordered=True))
    for pointer, x in states.items():
        if pointer not in read:
            continue
        last, lead = x.store.buffer.root, (ZERO,) * (len(x.store.index) - pointer.ndim)
        rows = last.shape[: len(lead)]  # as many as there are steps, which may be none, or two
        if last not in passing or not all(isinstance(row, Literal) for row in rows):
            last, lead = Buffer(f"{pointer.name}_last", pointer.dtype, pointer.shape), ()
            before.append(Allocate(last))
        body.append(Store(last, (*lead, *x.place), x.symbol))
        after.append(Point(pointer, last, (ZERO,) * last.ndim))
    for s in reversed(parted.loops):
        body = [For(s.index, s.extent, body, parallel=s is parted.loops[0])]
    return [*before, *body, *after]


def _in_registers(scan: _Scan, states: Mapping[Buffer, _State]) -> dict[Load, Symbol] | None:
    """Return the loads that are of a thread's states; None: it reads another part of one."""
    found: dict[Load, Symbol] = {}
    for y in _read(scan.body):
        state = states.get(y.buffer.root)
        if state is not None:
            if set(scan.lead(y.buffer, y.index) or ()) - {ZERO}:
                return None
            found[y] = state.symbol
    return found


def _step(
    scan: _Scan,
    states: Mapping[Buffer, _State],
    registers: Mapping[Load, Symbol],
    passing: Collection[Buffer],
) -> list[Statement]:
    """Return a step of a thread.

    registers : for each load that is made once, the register that has it.
    passing : the buffers that only the next step would read, which need not be stored.
    """
    found: list[Statement] = [*scan.scalars]
    values: dict[Store, Symbol] = {}
    changing = {x.final for s in inside(scan.body) for x in s.changes() if isinstance(x, Symbol)}
    changing.update(registers.values())
    for s in scan.body:
        made = replaced(s, registers)
        if isinstance(s, Store) and any(x.store is s for x in states.values()):
            assert isinstance(made, Store)
            value = made.value
            if not isinstance(value, Symbol) or value.final in changing:
                value = Symbol("next", value.dtype)
                found.append(Let(value, made.value))
            values[s] = value
            if s.buffer.root in passing:
                continue
            made = Store(made.buffer, made.index, value)
        found.append(made)
    return [*found, *(Let(x.symbol, values[x.store], fresh=False) for x in states.values())]


def _decomposed(scan: For, extents: Extents) -> _Scan | None:
    """Return the parts of a scan; None: it has others."""
    if not scan.ordered or len(scan.body) != 1 or not isinstance(scan.body[0], Scope):
        return None
    scalars: list[Let] = []
    nests: list[For] = []
    moves: list[Point] = []
    for s in scan.body[0].body:
        match s:
            case Let() if s.fresh and not nests:
                scalars.append(s)
            case For():
                nests.append(s)
            case Point():
                moves.append(s)
            case _:
                return None
    if len(nests) != 1:
        return None
    loops, body = collapsed(nests[0])
    made = {scan.index.final, *(s.symbol.final for s in scalars)}
    if (
        any(s.ordered or s.reductions for s in loops)
        or any(isinstance(x, Load) or x in made for s in loops for x in parts(s.extent))
        or not all(map(on_elements, inside(body)))
        or any(True for s in body for _ in s.changes())
        or not declared(body).issuperset(registers_set(body))
    ):
        return None
    return _Scan(scalars, loops, body, moves, extents)


def _alone(scan: _Scan, memory: Callable[[Buffer], Buffer]) -> bool:
    """Return whether no thread touches, of what any of them changes, another's elements."""
    stores = list(stored(scan.body))
    changed = {memory(x.buffer) for x in stores} | {memory(s.pointer) for s in scan.moves}
    if any(memory(y.buffer) in changed for y in _read(scan.scalars)):
        return False
    return all(
        scan.lead(y.buffer, y.index) is not None
        for y in (*stores, *_read(scan.body))
        if memory(y.buffer) in changed
    )


def _states(scan: _Scan) -> dict[Buffer, _State] | None:
    """Return the states of a scan, by what points to them; None: it is not as plain as that."""
    found: dict[Buffer, _State] = {}
    for move in scan.moves:
        pointer = move.pointer.root
        stores = [
            s
            for s in scan.body
            if isinstance(s, Store) and s.buffer.root is move.buffer.root
            and (lead := scan.lead(s.buffer, s.index)) is not None
            and move.index == (*lead, *(ZERO,) * (len(s.index) - len(lead)))
        ]  # fmt: skip
        if len(stores) != 1 or stores[0] in [x.store for x in found.values()]:
            return None
        found[pointer] = _State(
            Symbol(pointer.name, pointer.dtype), stores[0], stores[0].index[-pointer.ndim :]
        )
    return found


def _read(body: Sequence[Statement]) -> list[Load]:
    """Return the elements that statements read."""
    return [y for s in inside(body) for x in expressions(s) for y in loads(x)]


def _readers(body: Sequence[Statement]) -> Counter[Buffer]:
    """Return how many statements use elements of each buffer, but not what points to them first."""
    found = Counter[Buffer]()
    for s in inside(body):
        pointers = set(s.changes())
        read = {y.buffer.root for x in expressions(s) for y in loads(x)}
        found.update(read | {b.root for b, _ in (*s.reads(), *s.writes()) if b not in pointers})
    return found
