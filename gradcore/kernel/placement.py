"""Where nests are placed while a graph is lowered: in which block, and what is known before all.

What needs the inputs alone (extents, and numbers made of them) is computed and checked in the
``entry``, before anything else of the program.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

from gradcore.kernel.bounds import Bounds
from gradcore.kernel.fusion import Block, Layout, Opaque, Plain
from gradcore.kernel.ir import (
    ONE,
    ZERO,
    Buffer,
    Expr,
    Load,
    Statement,
    Store,
    Symbol,
    parts,
)
from gradcore.kernel.nests import Nest, Range
from gradcore.kernel.target import Target


class Placement:
    """The blocks of a program while it is lowered.

    layout, block : the program so far, and where in it nests are placed now.
    entry : the block before it.
    bounds : what is known of numbers.
    """

    def __init__(self, target: Target) -> None:
        self.layout = Layout(target)
        self.bounds = Bounds(best=self.layout.extents.best)
        self.block = self.layout.root
        self.entry = Block()
        self.made_in: dict[Buffer, Block] = {}
        self._around: list[Block] = []
        self._indices: set[Symbol] = set()
        self.at_entry: set[Any] = set()

    @property
    def blocks(self) -> list[Block]:
        """The blocks around what is placed now, from the outermost, and that itself."""
        return [self.entry, *self._around, self.block]

    @contextmanager
    def within(self, block: Block) -> Generator[None]:
        """Place what comes in ``block``, where what is learned of numbers stays."""
        outer, bounds = self.block, self.bounds
        self._around.append(outer)
        self.block, self.bounds = block, bounds.copy()
        with self.layout.extents.within():
            yield
        self._around.pop()
        self.block, self.bounds = outer, bounds

    def ranges(self, shape: Sequence[Expr], name: str = "i") -> tuple[list[Range], list[Expr]]:
        """Return a loop for each axis that is not of extent 1, and the index that they make."""
        loops: list[Range] = []
        index: list[Expr] = []
        for axis, extent in enumerate(shape):
            n = self.layout.extents.best(extent)
            if n == ONE:
                index.append(ZERO)
                continue
            symbol = Symbol(f"{name}{axis}")
            self._indices.add(symbol)
            loops.append(Range(symbol, n))
            index.append(symbol)
        return loops, index

    def place(self, nest: Nest) -> None:
        """Place a nest in the current block, or before all others if it is a number known then."""
        block = self.block
        if block is self.layout.root and not nest.loops and self._known_early(nest):
            block = self.entry
        self.layout.add(block, nest)

    def _known_early(self, nest: Nest) -> bool:
        written = self.layout.root.written
        registers = (
            x
            for statement in nest.body
            if isinstance(statement, Store)
            for expression in (statement.value, *statement.index)
            for x in parts(expression)
            if isinstance(x, Symbol)
        )
        if any(x not in self.at_entry for x in registers):
            return False
        return all(
            buffer in self.at_entry
            or (buffer.root in self.entry.written and buffer.root not in written)
            for buffer, _ in nest.reads
        ) and not any(
            buffer.ndim or buffer.root in written or buffer.role != "work"
            for buffer, _ in nest.writes
        )

    def put(self, statement: Statement | Opaque, defines: bool = False) -> None:
        """Place something that is no nest at the end of the current block."""
        item = statement if isinstance(statement, Opaque) else Plain(statement, defines)
        self.layout.put(self.block, item)

    def known_at_entry(self, expression: Expr) -> bool:
        """Return whether an expression can be computed before anything else."""
        return all(
            x in self.at_entry if isinstance(x, Symbol) else x.buffer in self.at_entry
            for x in parts(expression)
            if isinstance(x, (Symbol, Load))
        )

    @contextmanager
    def early(self, expressions: Sequence[Expr]) -> Generator[None]:
        """Place what comes before anything else, if ``expressions`` need only the inputs."""
        outer = self.block
        if outer is self.layout.root and all(
            x in self.at_entry
            if isinstance(x, Symbol)
            else x.buffer in self.at_entry
            or (x.buffer.role in ("input", "constant") and all(map(self._plain, x.index)))
            for expression in expressions
            for x in parts(expression)
            if isinstance(x, Load) or (isinstance(x, Symbol) and x not in self._indices)
        ):
            self.block = self.entry
        yield
        self.block = outer

    def _plain(self, index: Expr) -> bool:
        """Return whether an index reads nothing that a check may have to guard."""
        return all(x.buffer in self.at_entry for x in parts(index) if isinstance(x, Load))
