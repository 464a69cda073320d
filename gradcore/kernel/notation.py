"""The printed form of the loop IR: what ``print(program)`` shows.

A line is a statement, and a block is indented.  Names are those of registers and buffers, made
unique; arithmetic and comparisons are written between their operands, other rows as calls, and a
`Literal` as the number that it is.  Nothing reads this text back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from gradcore.kernel.expressions import Buffer, Call, Expr, Load, Symbol
from gradcore.kernel.procedures import procedures_in
from gradcore.kernel.statements import Statement


class Notation:
    """Writes registers, buffers and expressions, each with a name of its own."""

    def __init__(self) -> None:
        self.names: dict[Symbol | Buffer, str] = {}
        self.taken: dict[str, int] = {}

    def name(self, what: Symbol | Buffer) -> str:
        """Return the name of a register or buffer in the printed program, unlike all others."""
        what = what.final if isinstance(what, Symbol) else what.root
        if what not in self.names:
            count = self.taken[what.name] = self.taken.get(what.name, 0) + 1
            self.names[what] = what.name if count == 1 else f"{what.name}.{count}"
        return self.names[what]

    def show(self, x: Any) -> str:
        """Return the text of an expression, of a buffer, or of a tuple of these."""
        text = self._operand(x)
        return text[1:-1] if _between(x) else text

    def _operand(self, x: Expr | Buffer | tuple[Expr, ...]) -> str:
        if isinstance(x, tuple):
            return f"[{', '.join(map(self.show, x))}]"
        if isinstance(x, (Symbol, Buffer)):
            return self.name(x)
        if isinstance(x, Load):
            return f"{self.name(x.buffer)}{self._operand(x.index)}"
        if isinstance(x, Call):
            if _between(x):
                return f"({f' {x.op.infix} '.join(map(self._operand, x.operands))})"
            return f"{x.op.name}({', '.join(map(self.show, x.operands))})"
        return repr(x)


def _between(x: Any) -> bool:
    """Return whether an expression is written as an operator between two operands."""
    return isinstance(x, Call) and bool(x.op.infix) and len(x.operands) == 2


def program_text(title: str, declared: Iterable[Buffer], body: Sequence[Statement]) -> str:
    """Return the text of a program.

    declared : the buffers that it is given, which stand above its statements.
    """
    notation = Notation()
    lines = [f"# {title}"]
    for buffer in declared:
        kind = f"{buffer.dtype}{notation.show(buffer.shape)}"
        lines.append(f"{buffer.role} {notation.name(buffer)}: {kind}")
    lines += _block(body, notation, "")
    for procedure in procedures_in(body):
        given = ", ".join(map(notation.name, procedure.parameters))
        lines += (
            f"procedure {procedure.name}({given}):",
            *_block(procedure.body, notation, "    "),
        )
    return "\n".join(lines)


def _block(statements: Sequence[Statement], notation: Notation, margin: str) -> Iterator[str]:
    for s in statements:
        heads, blocks = s.lines(notation.show), s.blocks()
        yield margin + heads[0]
        for k, (head, block) in enumerate(zip(heads, blocks, strict=False)):
            if k and not block:
                continue
            if k:
                yield margin + head
            yield from _block(block, notation, margin + "    ")
