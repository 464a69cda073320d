"""Searches for the best element and its place, as two loops whose steps may come in any order.

One finds the element, the other the first place where it is: `argmax` is an ordered loop, which
compares with the best so far, and both of its results combine as reductions do.
"""

from __future__ import annotations

from dataclasses import replace

from gradcore.graph.types import FLOATS
from gradcore.kernel.ir import (
    Call,
    Expr,
    For,
    Let,
    Program,
    Reduction,
    Statement,
    Store,
    Symbol,
    identity_of,
    parts,
)
from gradcore.kernel.uses import rewritten
from gradcore.ops.elementwise import Elementwise, entry
from gradcore_cuda.target import GpuTarget


def searches_as_reductions(program: Program, target: GpuTarget) -> Program:
    """Return a program whose searches for an extreme element are reductions."""

    def change(s: Statement) -> list[Statement] | None:
        return _reductions(s) if isinstance(s, For) else None

    return replace(program, body=rewritten(program.body, change))


def _reductions(s: For) -> list[Statement] | None:
    """Return a search for the best element and its place as two reductions; None: it is none."""
    if not s.ordered or len(s.body) != 2 or any(r.op is not None for r in s.reductions):
        return None
    where, what = s.body
    if not isinstance(what, Let) or what.fresh or not isinstance(where, (Let, Store)):
        return None
    match what.value, where.value:
        case (
            Call(op=chosen, operands=(better, element, Symbol() as best)),
            Call(op=placed, operands=(other, Symbol() as k, _)),
        ) if chosen.name == placed.name == "switch":
            pass
        case _:
            return None
    compared = [x for x in parts(better) if isinstance(x, Call) and x.op.name in ("gt", "lt")]
    if (
        better != other
        or k.final is not s.index.final
        or best.final is not what.symbol.final
        or len(compared) != 1
        or compared[0].operands != (element, best)
    ):
        return None
    extreme = entry("maximum" if compared[0].op.name == "gt" else "minimum")
    smaller, first = entry("minimum"), Symbol("first")
    same: Expr = Call(entry("eq"), (element, best), "bool")
    if best.dtype in FLOATS:
        neither = [Call(entry("neq"), (x, x), "bool") for x in (element, best)]
        same = Call(entry("or_"), (same, Call(entry("and_"), tuple(neither), "bool")), "bool")
    nowhere = identity_of(smaller, "int64")
    place = Call(entry("switch"), (same, k, nowhere), "int64")
    steps: list[tuple[Symbol, Elementwise, Expr]] = [
        (best, extreme, Call(extreme, (best, element), best.dtype)),
        (first, smaller, Call(smaller, (first, place), "int64")),
    ]
    loops = [
        For(s.index, s.extent, [Let(x, value, fresh=False)], reductions=[Reduction(x, combining)])
        for x, combining, value in steps
    ]
    found: list[Statement] = [
        Let(best, identity_of(extreme, best.dtype), fresh=False), loops[0], Let(first, nowhere),
        loops[1],
    ]  # fmt: skip
    if isinstance(where, Let):
        return [*found, Let(where.symbol, first, fresh=False)]
    return [*found, Store(where.buffer, where.index, first)]
