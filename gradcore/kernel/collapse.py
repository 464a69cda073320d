"""Two loops over neighbouring axes as one over both, so that short rows make long loops.

Vectors have no part in a loop of less steps than they have lanes; where a byte, as of a mask, is
among what a step reads, GCC has 64 of them.  The elements of two axes that are next to each other
lie one after the other:

    for i < m:                          for k < m * n:
        for j < n:                          y'[k] = 2 * x'[k]
            y[i, j] = 2 * x[i, j]

``x'`` and ``y'`` are the same memory, seen with one axis in the place of two.  Loops that share
their steps among threads stay, so that a thread has whole rows.

The decision: it is done where each element that is read or written by one index is found by both,
in their order; so no quotient or remainder is computed.  Rejected: a rule on graphs that reshapes
operands, which would have to see through all that fuses; OpenMP's ``collapse``, which divides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from gradcore.kernel.ir import (
    Buffer,
    Expr,
    For,
    Let,
    Load,
    Program,
    Statement,
    Store,
    Symbol,
    parts,
    substituted,
)
from gradcore.kernel.target import CpuTarget
from gradcore.kernel.uses import rewritten


def collapsed(program: Program, _target: CpuTarget) -> Program:
    """Return a program whose innermost loops go over as many neighbouring axes as they can."""
    return replace(program, body=_collapsed(program.body, frozenset()))


def _collapsed(body: Sequence[Statement], totals: frozenset[Buffer]) -> list[Statement]:
    """Return statements with their loops collapsed.

    totals : the memory that loops around them contribute to; how, other passes see in its indices.
    """

    def change(s: Statement) -> list[Statement] | None:
        if not isinstance(s, For):
            return None
        around = totals.union(r.target.root for r in s.reductions if isinstance(r.target, Buffer))
        inner = _collapsed(s.body, around)
        found = s if inner == s.body else replace(s, body=inner)
        return [_as_one(found, around) or found]

    return rewritten(body, change)


@dataclass
class _Axes:
    """Two axes that become one.

    first, second : their indices.
    extent : of the second.
    totals : memory that stays as it is.
    index : of both.
    views : buffers with one axis in the place of the two.
    """

    first: Symbol
    second: Symbol
    extent: Expr
    totals: frozenset[Buffer]
    index: Symbol
    views: dict[tuple[Buffer, int], Buffer] = field(
        default_factory=dict[tuple[Buffer, int], Buffer]
    )

    def among(self, x: Expr) -> bool:
        """Return whether an expression has one of the indices."""
        return any(part in (self.first, self.second) for part in parts(x))

    def element(self, x: Load) -> Load | None:
        """Return an element as one of a view, or as it is without the indices; None: neither."""
        at = [k for k, n in enumerate(x.index) if self.among(n)]
        if not at:
            return x
        k, buffer = at[0], x.buffer
        if (
            x.index[k : k + 2] != (self.first, self.second)
            or len(at) != 2
            or buffer.shape[k + 1] != self.extent
            or buffer.root in self.totals
        ):
            return None
        if (buffer, k) not in self.views:
            shape = (*buffer.shape[:k], buffer.shape[k] * self.extent, *buffer.shape[k + 2 :])
            self.views[buffer, k] = Buffer(
                buffer.name, buffer.dtype, shape, buffer.role, buffer.position, buffer
            )
        return Load(self.views[buffer, k], (*x.index[:k], self.index, *x.index[k + 2 :]))

    def value(self, x: Expr) -> Expr | None:
        """Return an expression of elements of views; None: it has an index elsewhere."""
        new: dict[Load, Load] = {}
        for part in parts(x):
            if isinstance(part, Load):
                found = self.element(part)
                if found is None:
                    return None
                new[part] = found
        changed = substituted(x, new)
        return None if self.among(changed) else changed

    def statement(self, s: Statement) -> Statement | None:
        """Return a statement in terms of views; None: it cannot be said so."""
        if not isinstance(s, (Let, Store)):
            return None
        value = self.value(s.value)
        if value is None or isinstance(s, Let):
            return None if value is None else replace(s, value=value)
        there = self.element(Load(s.buffer, s.index))
        return None if there is None else Store(there.buffer, there.index, value)


def _as_one(outer: For, totals: frozenset[Buffer]) -> For | None:
    """Return a loop around a loop as one loop; None: it is not."""
    inner = outer.body[0] if len(outer.body) == 1 else None
    if (
        not isinstance(inner, For)
        or outer.parallel
        or any(s.ordered or s.chunks is not None for s in (outer, inner))
        or any(r.cumulative for r in outer.reductions)
        or {r.target for r in outer.reductions} != {r.target for r in inner.reductions}
        or any(x is outer.index or isinstance(x, Load) for x in parts(inner.extent))
    ):
        return None
    index = Symbol(inner.index.name)
    axes = _Axes(outer.index, inner.index, inner.extent, totals, index)
    body = [axes.statement(s) for s in inner.body]
    made = [s for s in body if s is not None]
    # An array of so many elements is in memory, so their number does not overflow.
    if len(made) < len(body) or not axes.views:
        return None
    return replace(inner, index=index, extent=outer.extent * inner.extent, body=made)
