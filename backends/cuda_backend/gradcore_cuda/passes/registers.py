"""Pass: registers of the device are loaded where a launch starts, or computed anew.

A register that the host does not know is a word of memory between launches.  One that nothing can
change, since it is made of inputs and their extents, every kernel computes for itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from gradcore.kernel.device import LEVELS, Launch, Reload
from gradcore.kernel.ir import Buffer, Expr, Let, Load, Point, Statement, Store, Symbol, parts
from gradcore.kernel.uses import inside
from gradcore_cuda.analyses import Facts

PLACES = frozenset(x for level in LEVELS for x in (level.own, level.count))
"""What every thread knows."""


def registers_loaded(launch: Launch, facts: Facts) -> Launch:
    """Return a launch that gets the registers that it uses and does not set first."""
    values, changing = facts.values, facts.changed(launch)
    if not (values.device or values.moved):
        return launch
    before: list[Statement] = []
    known: set[Symbol | Buffer] = set()

    def made(symbol: Symbol) -> None:
        """Compute a register that is the same in all kernels, after those that it is made of."""
        waiting = [symbol]
        while waiting:
            last = waiting[-1]
            inner = [x.final for x in parts(values.derived[last]) if isinstance(x, Symbol)]
            missing = [x for x in inner if x in values.derived and x not in known]
            waiting += missing
            if not missing:
                waiting.pop()
                if last not in known:
                    known.add(last)
                    before.append(Let(last, values.derived[last]))

    for what in free(launch.body):
        if what in known:
            continue
        if isinstance(what, Buffer):
            if what in values.moved:
                before.append(Reload(what))
        elif what in values.derived:
            made(what)
        elif what in values.device and (what not in values.needed or what in changing):
            before.append(Reload(what))
        known.add(what)
    return replace(launch, body=[*before, *launch.body])


def free(body: list[Statement]) -> Iterator[Symbol | Buffer]:
    """Return the registers and buffers that statements use and do not declare, in order."""
    known: set[Symbol | Buffer] = set(PLACES)
    for s in inside(body):
        for what in used(s):
            if what not in known:
                known.add(what)
                yield what
        known.update(x.final if isinstance(x, Symbol) else x.root for x in s.declares())


def used(s: Statement) -> Iterator[Symbol | Buffer]:
    """Return the registers and buffers that a statement names, but for those that it declares."""
    declared = set(s.declares())
    for x in evaluated(s):
        yield from _named(x)
    for what in s.changes():
        if isinstance(what, Symbol):
            yield what.final
    for b in s.buffers():
        if b not in declared:
            yield b.root


def evaluated(s: Statement) -> Iterator[Expr]:
    """Return the expressions of a statement, but for the extents of what it stores to."""
    match s:
        case Store(_, index, value):
            yield from (*index, value)
        case Point(_, _, index):
            yield from index
        case _:
            yield from s.expressions()


def _named(x: Expr) -> Iterator[Symbol | Buffer]:
    for y in parts(x):
        if isinstance(y, Load):
            yield y.buffer.root
        elif isinstance(y, Symbol):
            yield y.final
