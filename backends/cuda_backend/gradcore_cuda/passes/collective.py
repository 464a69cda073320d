"""Pass: statements that the lanes of a group run together.

Together means: registers are equal in all lanes, one of them stores an element, and the steps of
an inner loop are shared out, after which what they contributed is combined and known to all.

The decision: this is the only way that a group runs statements, so that softmax, a step of a scan,
and the sum of a matrix are one mechanism with other numbers of lanes.  Rejected: a template for
each kind of kernel, which fuses only what the templates know.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gradcore.kernel.device import LANES, Combine, Declare, Distributed, Prefix, Rounds, Single
from gradcore.kernel.ir import (
    ZERO,
    Call,
    Expr,
    For,
    If,
    Let,
    Literal,
    Reduction,
    Statement,
    Symbol,
    call,
    identity_of,
)
from gradcore.kernel.uses import inside
from gradcore.ops.elementwise import Elementwise, entry
from gradcore_cuda.analyses.prefix_scans import CarriedRegister, PrefixScans
from gradcore_cuda.loops import collapsed, shareable, tiny
from gradcore_cuda.target import GpuTarget


def combined(combining: Elementwise, x: Expr, y: Expr) -> Call:
    """Return the call of an elementwise op on two expressions of one dtype."""
    return Call(combining, (x, y), x.dtype)


def started(r: Reduction) -> Literal:
    """Return what a lane's own contribution starts from: the identity of its op."""
    assert r.op is not None
    return identity_of(r.op, r.target.dtype)


def contributions(loops: Sequence[For]) -> list[Reduction]:
    """Return what the steps of loops contribute to, each target once."""
    found: dict[object, Reduction] = {}
    for s in loops:
        for r in s.reductions:
            found.setdefault(r.target.final if isinstance(r.target, Symbol) else r.target, r)
    return list(found.values())


def shared_steps(s: For, target: GpuTarget) -> tuple[list[For], list[Statement]] | None:
    """Return the loops that run as one, and what is in them, if lanes may share their steps."""
    if not shareable(s):
        return None
    loops, body = collapsed(s)
    if any(isinstance(x, For) and shareable(x) and not tiny(x, target) for x in inside(body)):
        return None
    return loops, body


class Collective:
    """Makes statements that lanes run together.

    prefix_scans : which loops carry registers along.
    target : which loops are worth sharing.
    """

    def __init__(self, prefix_scans: PrefixScans, target: GpuTarget) -> None:
        self.prefix_scans = prefix_scans
        self.target = target

    def pays(self, body: Sequence[Statement]) -> bool:
        """Return whether statements have a loop for lanes to share."""
        return any(
            isinstance(s, For)
            and (
                (shareable(s) and not tiny(s, self.target))
                or self.prefix_scans.along_rows(s) is not None
            )
            for s in inside(body)
        )

    def statements(self, body: Sequence[Statement]) -> list[Statement]:
        """Return statements as lanes run them together."""
        found: list[Statement] = []
        known: dict[Symbol, Literal] = {}
        for s in body:
            if isinstance(s, Let):
                known.pop(s.symbol.final, None)
                if isinstance(s.value, Literal):
                    known[s.symbol.final] = s.value
                found.append(s)
                continue
            if isinstance(s, For):
                found += self._loop(s, known)
            elif s.blocks():
                found.append(s.rebuilt(lambda x: x, self.statements))
            else:
                stores = any(index is not None for _, index in s.writes())
                found.append(Single(LANES, [s]) if stores else s)
            known.clear()
        return found

    def _loop(self, s: For, known: dict[Symbol, Literal]) -> list[Statement]:
        """Return a loop.

        known : the registers that are set before it.
        """
        shared = shared_steps(s, self.target)
        if shared is not None:
            return _shared(*shared, known)
        found = self.prefix_scans.along_rows(s)
        if found is not None:
            return rounds(s, *found)
        return [replace(s, body=self.statements(s.body))]


def _shared(
    loops: Sequence[For], body: list[Statement], known: dict[Symbol, Literal]
) -> list[Statement]:
    """Return loops whose steps are shared out, around which contributions are combined."""
    before: list[Statement] = []
    after: list[Statement] = []
    for r in contributions(loops):
        assert r.op is not None and isinstance(r.target, Symbol)
        symbol, start = r.target.final, started(r)
        after.append(Combine(LANES, symbol, r.op))
        if known.get(symbol) != start:
            saved = Symbol(f"{symbol.name}_before", symbol.dtype)
            before += [Let(saved, symbol), Let(symbol, start, fresh=False)]
            after.append(Let(symbol, combined(r.op, saved, symbol), fresh=False))
    indices, extents = zip(*((x.index.final, x.extent) for x in loops), strict=True)
    return [*before, Distributed(LANES, indices, extents, list(body)), *after]


def rounds(
    s: For,
    carried: Sequence[CarriedRegister],
    rest: Sequence[Statement],
    chunk: tuple[Symbol, Symbol] | None = None,
    width: Expr | None = None,
) -> list[Statement]:
    """Return a loop that carries registers along, as many steps at a time as there are lanes.

    Each lane combines what the ones before it have brought.

    chunk : the step that comes first, and the one after the last; None: all are gone through.
    width : how many lanes could take part, if that is not the extent.
    """
    first, last = (ZERO, s.extent) if chunk is None else chunk
    saved = [Symbol(f"{c.symbol.name}_before", c.symbol.dtype) for c in carried]
    i = s.index.final
    body: list[Statement] = [
        Declare(x.symbol.final) for x in s.body if isinstance(x, Let) and x.fresh
    ]

    def own_step(given: Sequence[Statement]) -> If:
        lets = [replace(x, fresh=False) if isinstance(x, Let) else x for x in given]
        return If(call(entry("lt"), (i, last), "bool"), lets)

    for c, so_far in zip(carried, saved, strict=True):
        total = Symbol("total", c.symbol.dtype)
        body += [
            Let(c.symbol, identity_of(c.op, c.symbol.dtype), fresh=False),
            own_step([*c.before, Let(c.symbol, c.brought)]),
            Prefix(c.symbol, total, c.op),
            Let(c.symbol, combined(c.op, so_far, c.symbol), fresh=False),
            Let(so_far, combined(c.op, so_far, total), fresh=False),
        ]
    if rest:
        body.append(own_step(rest))
    return [
        *(Let(so_far, c.symbol) for so_far, c in zip(saved, carried, strict=True)),
        Rounds(i, s.extent if width is None else width, first, last, body),
        *(Let(c.symbol, so_far, fresh=False) for so_far, c in zip(saved, carried, strict=True)),
    ]
