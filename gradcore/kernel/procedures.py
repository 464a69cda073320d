"""Procedures: statements that a program runs several times, on other operands each time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from gradcore.kernel.expressions import Buffer, Expr, Symbol
from gradcore.kernel.statements import Access, Change, Inner, Rename, Show, Statement

Parameter: TypeAlias = "Symbol | Buffer"
"""A register, or a buffer that has the memory of another one."""

Operand: TypeAlias = "Expr | Buffer"
"""What a parameter is in a call: a scalar, a register that is set, or a buffer."""


@dataclass(eq=False, slots=True)
class Procedure:
    """Statements on parameters: they use no other register or buffer of the program.

    name : what to call it, not necessarily unique.
    parameters : what a call says.  A buffer is whatever it is declared to be: an "input" of rank 0
        is a number, and what is no "pointer" overlaps no other parameter.
    body : the statements.
    declared : the parameters, registers, that the body declares and hands on.
    changed : those, registers and pointers, that the body sets, and that were declared before.
    """

    name: str
    parameters: tuple[Parameter, ...]
    body: list[Statement]
    declared: frozenset[Symbol] = field(default_factory=frozenset[Symbol])
    changed: frozenset[Parameter] = field(default_factory=frozenset["Parameter"])


@dataclass(eq=False, slots=True)
class Invoke(Statement):
    """``procedure(*operands)``: one for each of its parameters."""

    procedure: Procedure
    operands: tuple[Operand, ...]

    def _pairs(self) -> Iterator[tuple[Parameter, Any]]:
        return zip(self.procedure.parameters, self.operands, strict=True)

    def expressions(self) -> Iterable[Expr]:
        """Return the scalars, also of extents; not the registers that it declares."""
        for parameter, operand in self._pairs():
            if isinstance(operand, Buffer):
                yield from operand.shape
            elif parameter not in self.procedure.declared:
                yield operand

    def buffers(self) -> Iterable[Buffer]:
        """Return the buffers among the operands."""
        return (x for x in self.operands if isinstance(x, Buffer))

    def declares(self) -> Iterable[Symbol | Buffer]:
        """Return the registers that it declares."""
        return (x for p, x in self._pairs() if p in self.procedure.declared)

    def changes(self) -> Iterable[Symbol | Buffer]:
        """Return the registers that it sets, which were declared before."""
        return (x for p, x in self._pairs() if p in self.procedure.changed)

    def reads(self) -> Iterable[Access]:
        """Return the buffers, of which it may read all."""
        return ((b, None) for b in self.buffers())

    def writes(self) -> Iterable[Access]:
        """Return the buffers that it may write: those that are the program's own."""
        return ((b, None) for b in self.buffers() if b.root.role not in ("input", "constant"))

    def rebuilt(self, expr: Change, block: Inner) -> Invoke:
        """Return a call with other scalars."""
        operands = (x if isinstance(x, Buffer) else expr(x) for x in self.operands)
        return Invoke(self.procedure, tuple(operands))

    def with_buffers(self, change: Rename) -> Invoke:
        """Return a call with other buffers."""
        operands = (change(x) if isinstance(x, Buffer) else x for x in self.operands)
        return Invoke(self.procedure, tuple(operands))

    def run(self, machine: Any) -> None:
        """Run the statements of the procedure, with the operands for its parameters."""
        machine.invoke(self)

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return the call as a line of text."""
        return (f"call {self.procedure.name}({', '.join(map(show, self.operands))})",)


def procedures_in(body: Sequence[Statement]) -> list[Procedure]:
    """Return the procedures that outermost statements call, and those that these call."""
    found: dict[Procedure, None] = {}
    waiting = [body]
    while waiting:
        for s in waiting.pop():
            if isinstance(s, Invoke) and s.procedure not in found:
                found[s.procedure] = None
                waiting.append(s.procedure.body)
    return list(found)
