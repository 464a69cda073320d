"""Scatters whose steps add in any order, by choice: ``Mode("cuda", deterministic=False)``."""

from __future__ import annotations

from dataclasses import replace

from gradcore.kernel.device import AtomicAdd
from gradcore.kernel.ir import Call, For, Load, Program, Statement, Store, Symbol, parts
from gradcore.kernel.uses import declared, inside, registers_set
from gradcore_cuda.analyses.aliases import Aliases
from gradcore_cuda.analyses.dependence import Dependence
from gradcore_cuda.loops import on_elements, shareable
from gradcore_cuda.target import GpuTarget

ATOMIC = frozenset(("float32", "float64", "int32", "int64", "uint32", "uint64"))
"""The dtypes of elements that many threads may add to at a time."""


def scatters_in_any_order(program: Program, target: GpuTarget) -> Program:
    """Return a program whose scatters add atomically, where that frees their loops of an order."""
    dependence = Dependence(Aliases(program.body), target)
    return replace(program, body=[_scatter(s, dependence) for s in program.body])


def _scatter(s: Statement, dependence: Dependence) -> Statement:
    """Return a statement, and those in it, with loops whose steps may come in any order."""
    made = s.rebuilt(lambda x: x, lambda inner: [_scatter(x, dependence) for x in inner])
    if not isinstance(made, For) or not made.ordered:
        return made
    return _unordered(made, dependence) or made


def _unordered(s: For, dependence: Dependence) -> For | None:
    """Return a loop whose steps may come in any order, if that they add makes it one."""
    body = [_adding(x) for x in s.body]
    found = replace(s, body=body, ordered=False)
    if not shareable(found):
        return None
    if not all(on_elements(x) or (isinstance(x, For) and not x.ordered) for x in inside(body)):
        return None
    totals = {r.target.final for r in s.reductions if isinstance(r.target, Symbol)}
    if not registers_set(body).keys() <= declared(body) | totals:
        return None
    adds = any(isinstance(x, AtomicAdd) for x in inside(body))
    return found if adds and dependence.separate([s.index.final], body) else None


def _adding(s: Statement) -> Statement:
    """Return a statement that adds at an index from data as an atomic addition, in any order."""
    match s:
        case AtomicAdd():
            return s
        case Store(buffer, index, Call(operands=(x, y)) as value) if (
            value.op.name == "add"
            and value.dtype == buffer.dtype
            and buffer.dtype in ATOMIC
            and any(isinstance(i, Load) for axis in index for i in parts(axis))
        ):
            place = Load(buffer, index)
            return AtomicAdd(buffer, index, y if x == place else x) if place in (x, y) else s
        case _:
            return s.rebuilt(lambda x: x, lambda inner: [_adding(y) for y in inner])
