"""Steps of a loop in strips, so that what is done once a step is done for several at a time.

A loop over rows is loops over elements with scalars between: a logarithm, a quotient.  Vectors have
no part in these, and each waits for the one before.  In a strip of rows the first inner loops run
for all of its rows, then the scalars, side by side, then the loops that need them, while the
elements are still near:

    for row:                    for strip:
        for j: a += x[row, j]       for row in strip:
        b = exp(a)                      for j: a[row] += x[row, j]
        for j: y[row, j] = b        for row in strip: b[row] = exp(a[row])
                                    for row in strip:
                                        for j: y[row, j] = b[row]

The decision: whether there are strips depends on the rows, at run time: of long ones a strip has
one.  Rejected: whole arrays of scalars, between passes over all elements that have gone out of the
cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from gradcore.kernel.ir import (
    ONE,
    ZERO,
    Allocate,
    Buffer,
    Call,
    Expr,
    For,
    Let,
    Load,
    Program,
    Reduction,
    Statement,
    Store,
    Symbol,
    call,
    integer,
    parts,
)
from gradcore.kernel.target import CpuTarget
from gradcore.kernel.uses import Used, expressions, inside, made_by
from gradcore.ops.elementwise import entry


@dataclass(eq=False)
class _Group:
    """Statements of a step that stay together: scalars, or loops with what they start from."""

    loops: bool
    body: list[Statement] = field(default_factory=list[Statement])
    used: Used = field(default_factory=Used)


def in_strips(program: Program, target: CpuTarget) -> Program:
    """Return a program whose outermost loops go in strips where that pays."""
    body: list[Statement] = []
    for s in program.body:
        body += _stripped(s, target) if isinstance(s, For) and s.parallel else [s]
    return replace(program, body=body)


def _stripped(loop: For, target: CpuTarget) -> list[Statement]:
    """Return a loop in strips if its steps have calls and cheap work to part, or as it is."""
    groups = _groups(loop.body)
    crossing = _crossing(groups) if len(groups) > 1 else None
    length = _elements(loop)
    if crossing is None or length is None:
        return [loop]
    size, strip = Symbol("strip"), Symbol("s")
    short = call(entry("le"), (length, integer(target.strip_elements)), "bool")
    first = Let(size, call(entry("switch"), (short, integer(target.strip_steps), ONE), "int64"))
    count = call(entry("int_div"), (loop.extent + size - 1, size), "int64")
    rows = call(entry("minimum"), (size, loop.extent - strip * size), "int64")
    saved = {x: Buffer(x.name, x.dtype, (integer(target.strip_steps),)) for x in crossing}
    body: list[Statement] = [Allocate(buffer) for buffer in saved.values()]
    body += [_over_strip(group, loop, strip * size, rows, saved) for group in groups]
    return [first, For(strip, count, body, False, loop.reductions, True)]


def _groups(body: Sequence[Statement]) -> list[_Group]:
    """Return the groups of a step; cheap scalars go with the loops around them."""
    groups: list[_Group] = []
    for s in body:
        loops = isinstance(s, (For, Allocate)) or not _costly(s)
        if not groups or groups[-1].loops is not loops:
            groups.append(_Group(loops))
        groups[-1].body.append(s)
    found: list[_Group] = []
    for group in groups:
        group.loops &= any(isinstance(s, For) for s in group.body)
        if found and found[-1].loops is group.loops:
            found[-1].body += group.body
        else:
            found.append(group)
    for group in found:
        group.used.note(group.body)
    return found


def _costly(s: Statement) -> bool:
    """Return whether a statement calls a function."""
    return isinstance(s, (Let, Store)) and any(
        isinstance(x, Call) and x.op.operations > 1 for e in expressions(s) for x in parts(e)
    )


def _crossing(groups: Sequence[_Group]) -> list[Symbol] | None:
    """Return the registers that groups hand on, or None if they hand on something else."""
    found: dict[Symbol, None] = {}
    for k, group in enumerate(groups):
        for what in group.used.made:
            for other in groups[k + 1 :]:
                if what in other.used.changed:
                    return None
                if isinstance(what, Buffer):
                    if what in other.used.buffers:
                        return None
                elif what in other.used.symbols:
                    found[what] = None
    return list(found)


def _elements(loop: For) -> Expr | None:
    """Return how many elements the inner loops of a step go through, if that is known before."""
    total: Expr = ZERO
    made = made_by([loop])
    for s in loop.body:
        if not isinstance(s, For):
            continue
        each: Expr = ONE
        for inner in (s, *inside(s.body)):
            if isinstance(inner, For):
                if any(isinstance(x, Load) or x in made for x in parts(inner.extent)):
                    return None
                each = each * inner.extent
        total = total + each
    return None if total == ZERO else total


def _over_strip(
    group: _Group, loop: For, start: Expr, rows: Expr, saved: dict[Symbol, Buffer]
) -> For:
    """Return the loop of a group over the steps of a strip."""
    k = Symbol("k")
    index = Let(loop.index, start + k)
    taken = [Let(x, Load(b, (k,))) for x, b in saved.items() if _taken(x, group)]
    given = [Store(b, (k,), x) for x, b in saved.items() if x in group.used.made]
    reductions = [r for r in loop.reductions if _touches(group.used, r)]
    return For(k, rows, [index, *taken, *group.body, *given], False, reductions)


def _taken(x: Symbol, group: _Group) -> bool:
    return x in group.used.symbols and x not in group.used.made


def _touches(used: Used, reduction: Reduction) -> bool:
    target = reduction.target
    return target in used.changed if isinstance(target, Symbol) else target.root in used.buffers
