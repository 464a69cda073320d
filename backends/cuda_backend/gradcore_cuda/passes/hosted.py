"""Pass: what the host must know and only the device can compute has a name, and is set before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gradcore.kernel.ir import Expr, For, If, Let, Program, Scope, Statement, Symbol
from gradcore_cuda.analyses.placement import chosen_by_host, hosted
from gradcore_cuda.analyses.values import Values
from gradcore_cuda.target import GpuTarget


def host_values_named(program: Program, target: GpuTarget) -> Program:
    """Return a program whose extents and conditions, where the host needs them, are registers.

    The host has the device set such a register, and waits for it.
    """
    return replace(program, body=_Naming(Values(program, target)).block(program.body))


@dataclass
class _Naming:
    """Names expressions.

    values : which numbers the host can know.
    """

    values: Values

    def block(self, body: Sequence[Statement]) -> list[Statement]:
        """Return statements, each after what sets the registers that it needs."""
        return [made for s in body for made in self.statement(s)]

    def statement(self, s: Statement) -> list[Statement]:
        """Return a statement after what sets the registers that it needs."""
        match s:
            case For():
                before, extent = self.named(s.extent)
                body = self.block(s.body) if hosted(s, self.values.target) else s.body
                return [*before, replace(s, extent=extent, body=body)]
            case If() if chosen_by_host(s):
                before, condition = self.named(s.condition)
                return [*before, If(condition, self.block(s.then), self.block(s.orelse))]
            case Scope(body):
                return [Scope(self.block(body))]
            case _:
                return [s]

    def named(self, x: Expr) -> tuple[list[Statement], Expr]:
        """Return what sets a register to an expression, and the register, where there must be."""
        if self.values.known(x) or (isinstance(x, Symbol) and x.final in self.values.needed):
            return [], x
        symbol = Symbol("known", x.dtype)
        return [Let(symbol, x)], symbol
