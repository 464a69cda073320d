"""How much memory a call needs, in terms of the extents of its arguments.

That is a bound: what is given back before the end is counted as if it were not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gradcore.kernel.ir import (
    Allocate,
    Buffer,
    Call,
    Expr,
    Invoke,
    Let,
    Literal,
    Program,
    Statement,
    Symbol,
    call,
    operations,
    product,
)
from gradcore.kernel.uses import inside

ALIGNED = 64
"""Bytes of which a piece of the workspace is a multiple (GC_ALIGNED in call.h)."""

LONGEST = 200
"""Operations of an extent that is written down."""

Known = Mapping[Symbol, Expr]


@dataclass(frozen=True)
class Needs:
    """Memory that a call needs.

    constant : bytes of arrays whose extents are known.
    more : bytes of the others, as C text of the extents of arguments.
    """

    constant: int
    more: Sequence[str]


def needs(program: Program, results: int, text: Callable[[Expr], str]) -> Needs | None:
    """Return what memory a call needs; None: it depends on values.

    results : how many outputs go to the caller's memory, not to the workspace.
    text : what prints an expression.
    """
    constant, more = ALIGNED, list[str]()
    for buffer, known_here in _made(program.body, _entered(program), results):
        count = _resolved(product(buffer.shape), known_here)
        if count is None or operations(count) > LONGEST:
            return None
        size = np.dtype(buffer.dtype).itemsize
        if isinstance(count, Literal):
            constant += -(-max(count.value * size, 1) // ALIGNED) * ALIGNED
        else:
            more.append(f"gc_rounded(({text(count)}) * {size} + 1)")
    return Needs(constant, more)


def shapes(program: Program, results: int, text: Callable[[Expr], str]) -> list[list[str | None]]:
    """Return the extents of results as text of those of arguments; None: values decide.

    results, text : as of `needs`.
    """
    known = _entered(program)
    for s in program.body:
        if isinstance(s, Let):
            _note(s, known)
    found: list[list[str | None]] = []
    for buffer in program.outputs[:results]:
        extents = [_resolved(n, known) for n in buffer.shape]
        found.append([None if n is None or operations(n) > LONGEST else text(n) for n in extents])
    return found


def _entered(program: Program) -> dict[Symbol, Expr]:
    """Return the registers that are known from the start: the extents of arguments."""
    return {n: n for b in program.inputs for n in b.shape if isinstance(n, Symbol)}


def _note(s: Let, known: dict[Symbol, Expr]) -> None:
    """Note what a register is from here on."""
    value = _resolved(s.value, known) if s.fresh and s.symbol.dtype == "int64" else None
    known.pop(s.symbol.final, None)
    if value is not None:
        known[s.symbol.final] = value


def _made(body: Sequence[Statement], known: Known, results: int) -> Iterator[tuple[Buffer, Known]]:
    """Yield the buffers that take memory of the workspace, and what registers are known by then."""
    now = dict(known)
    for s in inside(body):
        if isinstance(s, Let):
            _note(s, now)
        elif isinstance(s, Allocate):
            b = s.buffer
            to_caller = b.role == "output" and b.position < results
            if s.reused is None and b.role != "pointer" and not to_caller:
                yield b, now
        elif isinstance(s, Invoke):
            given: dict[Symbol, Expr] = {}
            for parameter, x in zip(s.procedure.parameters, s.operands, strict=True):
                if isinstance(parameter, Symbol) and isinstance(x, Expr):
                    value = _resolved(x, now)
                    if value is not None and parameter not in s.procedure.changed:
                        given[parameter.final] = value
            yield from _made(s.procedure.body, given, results)


def _resolved(x: Expr, known: Known) -> Expr | None:
    """Return an expression in terms of the extents of arguments; None: it reads something else."""
    if isinstance(x, Literal):
        return x
    if isinstance(x, Symbol):
        return known.get(x.final)
    if not isinstance(x, Call):
        return None
    operands: list[Expr] = []
    for y in x.operands:
        found = _resolved(y, known)
        if found is None:
            return None
        operands.append(found)
    return call(x.op, operands, x.dtype)
