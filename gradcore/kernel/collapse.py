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

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from gradcore.kernel.ir import (
    Allocate,
    Buffer,
    Call,
    Check,
    Expr,
    For,
    Let,
    Load,
    Matmul,
    Program,
    Scope,
    Statement,
    Store,
    Strided,
    Symbol,
    parts,
    substituted,
)
from gradcore.kernel.target import CpuTarget
from gradcore.kernel.uses import inside, rewritten


def collapsed(program: Program, _target: CpuTarget) -> Program:
    """Return a program whose innermost loops go over as many neighbouring axes as they can.

    So do the outermost ones, whatever is in them: threads share the steps of both.
    """
    equal = _Equal()
    body: list[Statement] = []
    for s in program.body:
        if isinstance(s, Check):
            equal.note(s.condition)
        body += (_outer_as_one(x, equal) for x in _collapsed([s], equal, frozenset()))
    return replace(program, body=body)


def _outer_as_one(s: Statement, equal: _Equal) -> Statement:
    """Return an outermost loop with those that alone are in it, as far as they are one with it."""
    while isinstance(s, For):
        found = _as_one(s, equal, _totals(inside([s])))
        if found is None:
            break
        s = found
    return s


def _totals(statements: Iterable[Statement]) -> frozenset[Buffer]:
    """Return the memory that the steps of loops contribute to."""
    loops = (s for s in statements if isinstance(s, For))
    targets = (r.target for s in loops for r in s.reductions)
    return frozenset(target.root for target in targets if isinstance(target, Buffer))


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
        around = totals | _totals([s])
        inner = _collapsed(s.body, equal, around)
        found = s if inner == s.body else replace(s, body=inner)
        innermost = sum(isinstance(x, For) for x in inside(inner)) <= 1
        return [(_as_one(found, equal, around) if innermost else None) or found]

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

    def element(self, x: Load) -> Load:
        """Return an element as one of a view, or as it is without the indices."""
        at = [k for k, n in enumerate(x.index) if self.among(n)]
        if not at:
            return x
        k = at[0]
        if x.index[k : k + 2] != (self.first, self.second) or len(at) != 2:
            raise _NotOneError
        return Load(self.view(x.buffer, k), (*x.index[:k], self.index, *x.index[k + 2 :]))

    def view(self, buffer: Buffer, k: int) -> Buffer:
        """Return a buffer with one axis in the place of ``k`` and the next."""
        if not self.equal.are(buffer.shape[k + 1], self.row) or buffer.root in self.totals:
            raise _NotOneError
        if (buffer, k) not in self.views:
            whole = self.equal.are(buffer.shape[k], self.rows)
            rows = self.rows if whole else buffer.shape[k]
            shape = (*buffer.shape[:k], rows * self.row, *buffer.shape[k + 2 :])
            self.views[buffer, k] = Buffer(
                buffer.name, buffer.dtype, shape, buffer.role, buffer.position, buffer
            )
        return self.views[buffer, k]

    def part(self, part: Strided) -> Strided:
        """Return a part of a buffer as one of a view."""
        there = self.element(Load(part.buffer, part.first))
        if there.buffer is part.buffer:
            return part.rebuilt(self.value)
        k = next(k for k, n in enumerate(part.first) if self.among(n))
        if not part.spanned().isdisjoint((k, k + 1)):
            raise _NotOneError
        steps = tuple((*along[:k], *along[k + 1 :]) for along in part.steps)
        return Strided(there.buffer, there.index, part.shape, steps).rebuilt(self.value)

    def value(self, x: Expr) -> Expr:
        """Return an expression of elements of views."""
        new = {part: self.element(part) for part in parts(x) if isinstance(part, Load)}
        changed = substituted(x, new)
        if self.among(changed):
            raise _NotOneError
        return changed

    def statements(self, body: list[Statement]) -> list[Statement]:
        """Return statements in terms of views."""
        return list(map(self.statement, body))

    def statement(self, s: Statement) -> Statement:
        """Return a statement in terms of views."""
        if isinstance(s, Store):
            there = self.element(Load(s.buffer, s.index))
            return Store(there.buffer, there.index, self.value(s.value))
        if isinstance(s, Matmul):
            return s.with_parts(self.part)
        if isinstance(s, (Let, Allocate, For, Scope)):
            return s.rebuilt(self.value, self.statements)
        raise _NotOneError


class _NotOneError(Exception):
    """Two axes cannot become one: an index of them is used otherwise than with the other."""


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
    try:
        body = axes.statements(inner.body)
    except _NotOneError:
        return None
    if not axes.views:
        return None
    # An array of so many elements is in memory, so their number does not overflow.
    return replace(outer, index=index, extent=outer.extent * inner.extent, body=body)
