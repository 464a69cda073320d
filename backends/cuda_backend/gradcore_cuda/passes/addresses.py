"""Pass: loops with one index, and arrays with one axis.

Loops that run as one count their steps, and compute the indices that are still used from the
number of a step; an element is found by its number in C order, which the loops may have counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from gradcore.kernel.device import Delinearize, Distributed, Launch
from gradcore.kernel.ir import (
    Buffer,
    Call,
    Expr,
    Index,
    Load,
    Statement,
    Symbol,
    parts,
    product,
)
from gradcore.kernel.uses import inside
from gradcore_cuda.analyses import Facts
from gradcore_cuda.passes.registers import evaluated


def linearized(launch: Launch, facts: Facts) -> Launch:
    """Return a launch whose loops have one index, and whose buffers have one axis."""
    return replace(launch, body=_Addresses().block(launch.body))


@dataclass(frozen=True)
class _Counted:
    """Loops that run as one: the number of a step stands for all their indices."""

    indices: tuple[Symbol, ...]
    extents: tuple[Expr, ...]
    number: Symbol


@dataclass
class _Addresses:
    """Rewrites statements.

    counted : the loops around a statement that count their steps.
    """

    counted: list[_Counted] = field(default_factory=list[_Counted])
    views: dict[Buffer, Buffer] = field(default_factory=dict[Buffer, Buffer])

    # elements -----------------------------------------------------------------------------------
    def view(self, buffer: Buffer) -> Buffer:
        """Return a view of a buffer with one axis, for addresses; the same at each call."""
        if buffer.ndim <= 1:
            return buffer
        if buffer not in self.views:
            size = (product(buffer.shape),)
            self.views[buffer] = Buffer(buffer.name, buffer.dtype, size, buffer.role, alias=buffer)
        return self.views[buffer]

    def number(self, buffer: Buffer, index: Index) -> Expr:
        """Return the number of an element in C order, of which counting loops know a part."""
        shape = buffer.shape
        for loops in self.counted:
            n = len(loops.indices)
            if index[-n:] == loops.indices and shape[-n:] == loops.extents:
                index = (*index[:-n], loops.number)
                shape = (*shape[:-n], product(loops.extents))
                break
        position = index[0]
        for extent, i in zip(shape[1:], index[1:], strict=True):
            position = position * extent + i
        return position

    def element(self, buffer: Buffer, index: Index) -> tuple[Buffer, Index]:
        """Return the same element, as one of the buffer's view with one axis."""
        return self.view(buffer), (self.number(buffer, index),) if index else ()

    def expr(self, x: Expr) -> Expr:
        """Return an expression whose loads have one index."""
        match x:
            case Load(buffer, index):
                return Load(*self.element(buffer, tuple(map(self.expr, index))))
            case Call():
                return Call(x.op, tuple(map(self.expr, x.operands)), x.dtype)
            case _:
                return x

    # statements ---------------------------------------------------------------------------------
    def block(self, body: Sequence[Statement]) -> list[Statement]:
        """Return statements whose loops and arrays have one index."""
        for k, s in enumerate(body):
            if isinstance(s, Delinearize):
                before = [self.statement(x) for x in body[:k]]
                return [*before, *self.delinearized(s, body[k + 1 :])]
        return [self.statement(s) for s in body]

    def delinearized(self, s: Delinearize, rest: Sequence[Statement]) -> list[Statement]:
        """Return statements after what lets the indices be known that they use."""
        if len(s.indices) == 1:
            body = self.block(rest)
            return [*self.indices(s, self.expr(s.number), body), *body]
        if isinstance(s.number, Symbol):
            return self.within(s, s.number, rest)
        at = Symbol("at")
        body = self.within(s, at, rest)
        first = Delinearize((at,), (product(s.extents),), self.expr(s.number))
        return [*self.indices(first, first.number, body), *body]

    def within(
        self, s: Delinearize | Distributed, at: Symbol, body: Sequence[Statement]
    ) -> list[Statement]:
        """Return statements in which the number of a step stands for several indices."""
        indices = tuple(i for i in s.indices if i is not None)
        self.counted.append(_Counted(indices, s.extents, at))
        found = self.block(body)
        self.counted.pop()
        extents = tuple(map(self.expr, s.extents))
        return [*self.indices(Delinearize(s.indices, extents, at), at, found), *found]

    def indices(self, s: Delinearize, number: Expr, body: Sequence[Statement]) -> list[Statement]:
        """Return what lets those indices be known that statements use."""
        named = {y for x in inside(body) for e in evaluated(x) for y in parts(e)}
        left = tuple(i if i in named else None for i in s.indices)
        return [] if set(left) == {None} else [Delinearize(left, s.extents, number)]

    def statement(self, s: Statement) -> Statement:
        """Return a statement whose loops and arrays have one index."""
        match s:
            case Distributed() if len(s.indices) > 1:
                at = Symbol("at")
                extent, first = self.expr(product(s.extents)), self.expr(s.first)
                body = self.within(s, at, s.body)
                return replace(s, indices=(at,), extents=(extent,), first=first, body=body)
            case _:
                return s.with_elements(self.element).rebuilt(self.expr, self.block)
