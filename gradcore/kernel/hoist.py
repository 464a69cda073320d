"""Pass: memory that each step of a loop fills with one number is filled once, before the loop.

A step that pads an array writes zeros, then the array into their middle:

    for t, ordered:                         for i < n + 2: p[i] = 0
        for i < n + 2: p[i] = 0             for t, ordered:
        for i < n: p[i + 1] = u[i]              for i < n: p[i + 1] = u[i]
        ... p[i] ...                            ... p[i] ...

The middle is written anew in each step, before anything is read, and the rim has its zeros still.

The decision: what is written after the fill must be the same elements in each step, whatever these
are, so no index is compared with another.  Rejected: to find the rim and write only that, which is
many loops of few steps.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import replace

from gradcore.kernel.ir import (
    ONE,
    ZERO,
    Allocate,
    Buffer,
    Expr,
    For,
    Let,
    Literal,
    Load,
    Program,
    Scope,
    Statement,
    Store,
    Symbol,
    loads,
    parts,
)
from gradcore.kernel.target import Target
from gradcore.kernel.uses import Used, inside, rewritten


def fills_hoisted(program: Program, _target: Target) -> Program:
    """Return a program without fills that each step of an ordered loop repeats."""

    def change(s: Statement) -> list[Statement] | None:
        if not isinstance(s, For) or not s.ordered:
            return None
        return _hoisted(replace(s, body=rewritten(s.body, change)))

    return replace(program, body=rewritten(program.body, change))


def _hoisted(loop: For) -> list[Statement]:
    """Return a loop after the fills that need not be in its steps."""
    scope = loop.body[0] if len(loop.body) == 1 else None
    if not isinstance(scope, Scope):
        return [loop]
    before: list[Statement] = []
    used = Used().note([loop])
    varying = {*used.made, *used.changed}
    for fill in scope.body:
        buffer = _filled(fill)
        made = next((s for s in scope.body if isinstance(s, Allocate) and s.buffer is buffer), None)
        if buffer is None or made is None or made.reused is not None:
            continue
        own = {*varying, buffer}
        if _varies(made.expressions(), own) or not _is_rewritten(scope.body, fill, buffer, own):
            continue
        before += [made, fill]
    if not before:
        return [loop]
    rest = [s for s in scope.body if s not in before]
    return [*before, replace(loop, body=[Scope(rest)])]


def _filled(s: Statement) -> Buffer | None:
    """Return the buffer of which a statement sets all elements to one number, if it does."""
    indices: dict[Expr, Expr] = {}
    while isinstance(s, For) and len(s.body) == 1 and not s.reductions:
        indices[s.index] = s.extent
        (s,) = s.body
    if not isinstance(s, Store) or not isinstance(s.value, Literal) or s.buffer.alias is not None:
        return None
    whole = all(
        indices.get(x) == n or (x == ZERO and n == ONE)
        for x, n in zip(s.index, s.buffer.shape, strict=True)
    )
    return s.buffer if whole and len({*s.index} - {ZERO}) == len(indices) else None


def _is_rewritten(
    body: Sequence[Statement], fill: Statement, buffer: Buffer, varying: Container[Expr | Buffer]
) -> bool:
    """Return whether each step writes the same elements after a fill, and only then reads any."""
    place = body.index(fill)
    before = [s for s in body[:place] if not (isinstance(s, Allocate) and s.buffer is buffer)]
    if any(_reads(x, buffer) or _names(x, buffer) for x in inside(before)):
        return False
    read = False
    for s in body[place + 1 :]:
        written = any(_names(x, buffer) for x in inside([s]))
        read |= any(_reads(x, buffer) for x in inside([s]))
        if written and (read or not _writes_the_same([s], buffer, varying)):
            return False
    return True


def _writes_the_same(
    body: Sequence[Statement], buffer: Buffer, varying: Container[Expr | Buffer]
) -> bool:
    """Return whether statements are loops that store to the same elements whenever they are run."""
    indices = {s.index for s in inside(body) if isinstance(s, For)}
    for s in inside(body):
        if isinstance(s, For):
            same = not s.reductions and not _varies(s.expressions(), varying)
        elif isinstance(s, Store) and s.buffer.root is buffer:
            same = not _varies(s.index, varying, indices)
        else:
            same = isinstance(s, (Let, Store))
        if not same:
            return False
    return True


def _varies(
    expressions: Iterable[Expr], varying: Container[Expr | Buffer], but: Container[Expr] = ()
) -> bool:
    """Return whether expressions may have other values in a later step, ``but`` for indices."""
    return any(
        (x in varying and x not in but) or isinstance(x, Load)
        for e in expressions
        for x in parts(e)
        if isinstance(x, (Symbol, Load))
    )


def _names(s: Statement, buffer: Buffer) -> bool:
    return any(b.root is buffer for b in s.buffers())


def _reads(s: Statement, buffer: Buffer) -> bool:
    return any(x.buffer.root is buffer for e in s.expressions() for x in loads(e))
