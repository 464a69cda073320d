"""Pass: a register whose first value nobody reads starts from the next one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gradcore.kernel.ir import Allocate, Expr, Let, Literal, Program, Statement, Symbol
from gradcore.kernel.target import Target


def registers_set_once(program: Program, target: Target) -> Program:
    """Return a program without numbers in registers that the next number replaces.

    The total of a reduction is declared where its register is, and set to what the reduction starts
    from where the loops begin, which is mostly the next line.
    """
    return replace(program, body=_block(program.body))


def _block(body: Sequence[Statement]) -> list[Statement]:
    return [s.rebuilt(_same, _block) if s.blocks() else s for s in _set_once(body)]


def _same(x: Expr) -> Expr:
    return x


def _set_once(statements: Sequence[Statement]) -> list[Statement]:
    """Return statements without a first value of a register that the next one replaces."""
    found: list[Statement] = []
    waiting: dict[Symbol, int] = {}
    for s in statements:
        match s:
            case Let(symbol, Literal() as value, False) if symbol in waiting:
                found[waiting.pop(symbol)] = Let(symbol, value)
                continue
            case Let(symbol, Literal(), True):
                waiting[symbol] = len(found)
            case Let(_, Literal()) | Allocate():
                pass
            case _:
                waiting.clear()
        found.append(s)
    return found
