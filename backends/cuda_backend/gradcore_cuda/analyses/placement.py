"""Who runs a statement: the host, or a kernel on the device."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gradcore.kernel.ir import (
    Allocate,
    Break,
    Callback,
    For,
    If,
    Library,
    Load,
    Matmul,
    Point,
    Scope,
    Statement,
    Symbol,
    parts,
)
from gradcore.kernel.uses import inside, registers_set, stored
from gradcore_cuda.loops import too_much
from gradcore_cuda.target import GpuTarget


def hosted(s: Statement, target: GpuTarget) -> bool:
    """Return whether the host must run a statement with loops in it.

    target : how much of a step a block does.
    """
    if any(isinstance(x, (Matmul, Library, Callback)) for x in inside([s])):
        return True
    if not isinstance(s, For):
        return False
    breaks = any(isinstance(x, Break) for x in inside(s.body))
    if isinstance(s.body[0], Scope) and too_much(s.body, target) and not breaks:
        return True
    made = registers_set([s])
    changed = {x.buffer.root for x in stored(s.body)}
    for x in inside(s.body):
        if isinstance(x, Allocate) and x.buffer.role != "pointer":
            for n in x.buffer.shape:
                for y in parts(n):
                    if (isinstance(y, Symbol) and y.final in made) or (
                        isinstance(y, Load) and y.buffer.root in changed
                    ):
                        return True
    return False


def chosen_by_host(s: If) -> bool:
    """Return whether the host must know the condition."""
    return any(
        isinstance(x, (For, Allocate, Point, Matmul, Library, Callback, Scope, Break))
        for x in inside([*s.then, *s.orelse])
    )


def kernels(body: Sequence[Statement], target: GpuTarget) -> Iterator[For]:
    """Return the outermost loops that kernels run, not looking into them."""
    for s in body:
        match s:
            case For() if not hosted(s, target):
                yield s
            case For() | Scope():
                yield from kernels(s.body, target)
            case If(_, then, orelse):
                yield from kernels(then, target)
                yield from kernels(orelse, target)
            case _:
                pass
