"""Two loops over neighbouring axes as one over both, so that short rows make long loops.

Vectors have no part in a loop of less steps than they have lanes; where a byte, as of a mask, is
among what a step reads, GCC has 64 of them.  The elements of two axes that are next to each other
lie one after the other:

    for i < m:                          for k < m * n:
        for j < n:                          y'[k] = 2 * x'[k]
            y[i, j] = 2 * x[i, j]

``x'`` and ``y'`` are the same memory, seen with one axis in the place of two.

The decision: it is done where each element that is read or written by one index is found by both,
in their order; so no quotient or remainder is computed.  Rejected: a rule on graphs that reshapes
operands, which would have to see through all that fuses; OpenMP's ``collapse``, which divides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from gradcore.kernel.ir import (
    Buffer,
    Call,
    Check,
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
    equal = _Equal()
    body: list[Statement] = []
    for s in program.body:
        if isinstance(s, Check):
            equal.note(s.condition)
        body += _collapsed([s], equal, frozenset())
    return replace(program, body=body)


class _Equal:
    """Which extents are equal, as checks that have passed tell.

    others : for an extent, one that it equals and that is asked for in its place.
    """

    def __init__(self) -> None:
        self.others: dict[Expr, Expr] = {}

    def note(self, condition: Expr) -> None:
        """Note what a condition says that holds."""
        if isinstance(condition, Call) and condition.op.name == "and_":
            for x in condition.operands:
                self.note(x)
        elif isinstance(condition, Call) and condition.op.name == "eq":
            x, y = map(self._first, condition.operands)
            if x != y:
                self.others[x] = y

    def _first(self, x: Expr) -> Expr:
        """Return what stands for all that equal an extent."""
        while x in self.others:
            x = self.others[x]
        return x

    def are(self, x: Expr, y: Expr) -> bool:
        """Return whether two extents are known to be equal."""
        return self._first(x) == self._first(y)


def _collapsed(
    body: Sequence[Statement], equal: _Equal, totals: frozenset[Buffer]
) -> list[Statement]:
    """Return statements with their loops collapsed.

    totals : the memory that loops around them contribute to; how, other passes see in its indices.
    """

    def change(s: Statement) -> list[Statement] | None:
        if not isinstance(s, For):
            return None
        around = totals.union(r.target.root for r in s.reductions if isinstance(r.target, Buffer))
        inner = _collapsed(s.body, equal, around)
        found = s if inner == s.body else replace(s, body=inner)
        return [_as_one(found, equal, around) or found]

    return rewritten(body, change)


@dataclass
class _Axes:
    """Two axes that become one.

    first, second : their indices.
    rows, row : their extents.
    equal : what equals it.
    totals : memory that stays as it is.
    index : of both.
    views : buffers with one axis in the place of the two.
    """

    first: Symbol
    second: Symbol
    rows: Expr
    row: Expr
    equal: _Equal
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
            or not self.equal.are(buffer.shape[k + 1], self.row)
            or buffer.root in self.totals
        ):
            return None
        if (buffer, k) not in self.views:
            whole = self.equal.are(buffer.shape[k], self.rows)
            rows = self.rows if whole else buffer.shape[k]
            shape = (*buffer.shape[:k], rows * self.row, *buffer.shape[k + 2 :])
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


def _as_one(outer: For, equal: _Equal, totals: frozenset[Buffer]) -> For | None:
    """Return a loop around a loop as one loop; None: it is not."""
    inner = outer.body[0] if len(outer.body) == 1 else None
    if (
        not isinstance(inner, For)
        or any(s.ordered or s.chunks is not None for s in (outer, inner))
        or any(r.cumulative for r in outer.reductions)
        or {r.target for r in outer.reductions} != {r.target for r in inner.reductions}
        or any(x is outer.index or isinstance(x, Load) for x in parts(inner.extent))
    ):
        return None
    index = Symbol(inner.index.name)
    axes = _Axes(outer.index, inner.index, outer.extent, inner.extent, equal, totals, index)
    body = [axes.statement(s) for s in inner.body]
    made = [s for s in body if s is not None]
    # An array of so many elements is in memory, so their number does not overflow.
    if len(made) < len(body) or not axes.views:
        return None
    extent = outer.extent * inner.extent
    return replace(outer, index=index, extent=extent, body=made)
