"""Pass: what the host must know and only the device can compute has a name, and is set before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gradcore.kernel.ir import Expr, For, If, Let, Program, Scope, Statement, Symbol
from gradcore_cuda.analyses.placement import chosen_by_host, hosted
from gradcore_cuda.analyses.values import Values


def host_values_named(program: Program) -> Program:
    """Return a program whose extents and conditions, where the host needs them, are registers.

    The host has the device set such a register, and waits for it.
    """
    values = Values(program)

    def block(body: Sequence[Statement]) -> list[Statement]:
        return [made for s in body for made in statement(s)]

    def statement(s: Statement) -> list[Statement]:
        match s:
            case For():
                before, extent = named(s.extent)
                body = block(s.body) if hosted(s) else s.body
                return [*before, replace(s, extent=extent, body=body)]
            case If() if chosen_by_host(s):
                before, condition = named(s.condition)
                return [*before, If(condition, block(s.then), block(s.orelse))]
            case Scope(body):
                return [Scope(block(body))]
            case _:
                return [s]

    def named(x: Expr) -> tuple[list[Statement], Expr]:
        """Return what sets a register to an expression, and the register, where there must be."""
        if values.known(x) or (isinstance(x, Symbol) and x.final in values.needed):
            return [], x
        symbol = Symbol("told", x.dtype)
        return [Let(symbol, x)], symbol

    return replace(program, body=block(program.body))
