"""What is asked of loops before threads run them, and what they are made into.

A step of a loop may be independent of the others, or need them in an order that can still be
shared: by who owns what it changes, by columns, by combining neighbours.  Each question here is
about a loop alone; those that need the whole program are in `gradcore_cuda.analyses.dependence`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TypeGuard

from gradcore.kernel.ir import (
    ZERO,
    Buffer,
    Expr,
    For,
    If,
    Index,
    Let,
    Literal,
    Load,
    Scope,
    Statement,
    Store,
    Symbol,
    parts,
    substituted,
)
from gradcore.kernel.uses import registers_set
from gradcore_cuda.target import GpuTarget


def shareable(s: For) -> bool:
    """Return whether the steps of a loop are independent but for registers they contribute to."""
    return not s.ordered and all(
        r.op is not None and isinstance(r.target, Symbol) for r in s.reductions
    )


def on_elements(s: Statement) -> bool:
    """Return whether a statement, but for those in it, computes with single elements alone.

    It is no loop, makes no memory, and what follows it runs.
    """
    accesses = (*s.reads(), *s.writes())
    return (
        (isinstance(s, If) or not s.blocks())
        and not s.jumps
        and all(index is not None for _, index in accesses)
        and not any(isinstance(x, Buffer) for x in s.declares())
    )


def is_number(s: Statement | None) -> TypeGuard[Let]:
    """Return whether a statement sets a register to a number."""
    return isinstance(s, Let) and isinstance(s.value, Literal)


def pieces(n: Expr, size: int) -> Expr:
    """Return how many pieces of a size there are, the last one maybe not whole."""
    return (n + (size - 1)) // size


def tiny(s: For, target: GpuTarget) -> bool:
    """Return whether a loop is known to be short: no work to share."""
    return isinstance(s.extent, Literal) and s.extent.value <= target.short_steps


def collapsed(s: For) -> tuple[list[For], list[Statement]]:
    """Return a loop and those directly in it that run as one with it, and what is in them."""
    loops, body = [s], s.body
    while len(body) == 1 and isinstance(body[0], For) and shareable(body[0]):
        inner = body[0]
        made = {loop.index.final for loop in loops}
        if any(isinstance(x, Load) or x in made for x in parts(inner.extent)):
            break
        loops.append(inner)
        body = inner.body
    return loops, body


def innermost(columns: For) -> list[For]:
    """Return loops, each the whole body of the one before, up to the ordered one."""
    chain = [columns]
    while not chain[-1].ordered:
        (inner,) = chain[-1].body
        assert isinstance(inner, For)
        chain.append(inner)
    return chain


def depends(x: Expr, loop: For) -> bool:
    """Return whether an expression depends on what a loop sets."""
    made = registers_set([loop])
    return any(isinstance(y, Load) or (isinstance(y, Symbol) and y.final in made) for y in parts(x))


def sets(x: Expr, loop: For) -> bool:
    """Return whether a loop declares or sets a register."""
    return x in registers_set(loop.body)


def first_of(index: Index, made: Collection[Expr]) -> Index:
    """Return where the first of the elements is that inner loops go through."""
    return tuple(ZERO if i in made else i for i in index)


def too_much(body: Sequence[Statement], target: GpuTarget) -> bool:
    """Return whether a step of a scan may be too much for a block: a loop in a loop, or long."""
    return any(
        unknown > 1 or number > target.scan_elements for s in body for unknown, number in [_work(s)]
    )


def _work(s: Statement) -> tuple[int, int]:
    """Return how many extents nobody knows that a statement goes through, and the others' product.

    That of what it does most of.
    """
    match s:
        case For(_, extent, body):
            unknown, number = max(map(_work, body), default=(0, 1))
            if isinstance(extent, Literal):
                return unknown, number * max(int(extent.value), 1)
            return unknown + 1, number
        case Scope(body):
            return max(map(_work, body), default=(0, 1))
        case If(_, then, orelse):
            return max(map(_work, (*then, *orelse)), default=(0, 1))
        case _:
            return 0, 1


def in_registers(
    columns: For, registers: Mapping[Load, Symbol], starts: Mapping[Buffer, Literal]
) -> For:
    """Return interchanged loops that accumulate elements in registers.

    starts : what these elements are before, where nobody has stored it.
    """
    *outer, ordered = innermost(columns)
    body: list[Statement] = [
        Let(symbol, starts.get(x.buffer, x)) for x, symbol in registers.items()
    ]
    inner = [replaced(s, registers) for s in ordered.body]
    body.append(For(ordered.index, ordered.extent, inner, ordered=True))
    body += [Store(x.buffer, x.index, symbol) for x, symbol in registers.items()]
    for x in reversed(outer):
        body = [For(x.index, x.extent, body, parallel=x is columns)]
    (made,) = body
    assert isinstance(made, For)
    return made


def replaced(s: Statement, registers: Mapping[Load, Symbol]) -> Statement:
    """Return a statement with elements in registers."""

    def expr(x: Expr) -> Expr:
        return substituted(x, registers)

    if isinstance(s, Store):
        symbol = registers.get(Load(s.buffer, s.index))
        if symbol is not None:
            return Let(symbol, expr(s.value), fresh=False)
    return s.rebuilt(expr, lambda inner: [replaced(x, registers) for x in inner])


def in_place(s: Statement, near: Mapping[Load, Load]) -> Statement:
    """Return a statement with other elements in place of some that it reads or stores."""

    def place(buffer: Buffer, index: Index) -> tuple[Buffer, Index]:
        found = near.get(Load(buffer, index))
        return (buffer, index) if found is None else (found.buffer, found.index)

    return s.with_elements(place).rebuilt(
        lambda x: substituted(x, near), lambda inner: [in_place(x, near) for x in inner]
    )
