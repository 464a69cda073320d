"""What prints loops in C: plain ones, ones in chunks, and ones that stop for the user."""

from __future__ import annotations

import functools
from abc import abstractmethod
from collections.abc import Callable, Sequence

from gradcore.kernel.ir import (
    Allocate,
    Break,
    Buffer,
    Chunks,
    For,
    Scope,
)
from gradcore.kernel.services import ServicePrinter
from gradcore.kernel.uses import inside, made_in_loops


class LoopPrinter(ServicePrinter):
    """Prints loops as loops of C, in chunks where steps are asked about (abstract).

    rows : the buffers that are made before the loops around.
    """

    def __init__(self) -> None:
        super().__init__()
        self.rows: set[Buffer] = set()

    @abstractmethod
    def outlined(self, s: For) -> None:
        """Print a loop as a function of its own, and its call."""

    def loop(self, s: For) -> None:
        """Print a loop: one of a function with what is made in it before it, else a function."""
        if not self.local or s.parallel:
            self.outlined(s)
            return
        rows = [buffer for buffer in made_in_loops([s]) if buffer not in self.rows]
        for buffer in rows:
            self.allocate(buffer)
        self.rows.update(rows)
        self.plain_loop(s, "0", self.expr(s.extent))
        self.rows.difference_update(rows)

    def plain_loop(self, s: For, first: str, last: str, outermost: bool = False) -> None:
        """Print a loop from ``first`` to ``last``.

        outermost : whether it is the loop of a function.
        """
        if s.chunks is not None:
            asks = self.asks_every(s, outermost) is not None
            self._in_chunks(s.chunks, first, last, functools.partial(self._steps, s), asks)
            return
        every = self.asks_every(s, outermost)
        depth = self.unit.depth
        if every is not None and every > 1:
            first, last = self._start_of_chunks(first, last, every)
        left = self.unit.depth > depth and any(isinstance(x, Break) for x in inside(s.body))
        self._steps(s, first, last, self.ask() if every == 1 else [], outside=left)
        if left:
            self.unit.add(f"if ({self.name(s.index)} < {last}) break;")
        if self.unit.depth > depth:
            self.unit.depth -= 1
            self.unit.add("}")

    def _steps(
        self, s: For, first: str, last: str, lines: Sequence[str] = (), outside: bool = False
    ) -> None:
        """Print steps of a loop.

        lines : with which each starts.
        outside : whether to declare the index before the loop.
        """
        i = self.name(s.index)
        start = f"int64_t {i} = {first}"
        if outside:
            self.unit.add(f"{start};")
            start = ""
        self.unit.add(*self.before_loop(s), f"for ({start}; {i} < {last}; {i}++) {{")
        self.unit.depth += 1
        self.unit.add(*lines)
        self.step(s)
        self.unit.depth -= 1
        self.unit.add("}")

    def _start_of_chunks(self, begin: str, end: str, steps: int) -> tuple[str, str]:
        """Print the start of a loop over so many steps at a time; return the first and last."""
        first, last = self.fresh("first"), self.fresh("last")
        end = end if end.isidentifier() else f"({end})"
        self.unit.add(f"for (int64_t {first} = {begin}; {first} < {end}; {first} += {steps}) {{")
        self.unit.depth += 1
        at_most = f"{end} - {first} < {steps} ? {end} : {first} + {steps}"
        self.unit.add(*self.ask(first), f"const int64_t {last} = {at_most};")
        return first, last

    def _in_chunks(
        self, chunks: Chunks, begin: str, end: str, steps: Callable[[str, str], None], asks: bool
    ) -> None:
        """Print a loop in chunks; one of a single chunk, as most are, costs two comparisons.

        steps : prints the steps from one to another.
        asks : whether to ask between chunks whether the user interrupts.
        """
        first, last = self.fresh("first"), self.fresh("last")
        end = end if end.isidentifier() else f"({end})"
        count = f"{end} - {begin}" if begin != "0" else end
        start = f"{begin} + {chunks.steps}" if begin != "0" else f"{chunks.steps}"
        self.statements([x for x in chunks.before if not isinstance(x, Allocate)])
        self.unit.add(
            f"for (int64_t {first} = {begin}, "
            f"{last} = {count} > {chunks.steps} ? {start} : {end};;) {{"
        )
        self.unit.depth += 1
        steps(first, last)
        over = f"if (__builtin_expect({last} == {end}, 1)) break;"
        self.unit.add(over, *(self.ask() if asks else []))
        self.statements(chunks.between)
        self.unit.add(
            f"{first} = {last};",
            f"{last} = {end} - {last} > {chunks.steps} ? {last} + {chunks.steps} : {end};",
        )
        self.unit.depth -= 1
        self.unit.add("}")
        if chunks.after:
            self.unit.add(f"if ({count} > {chunks.steps}) {{")
            self.block(chunks.after)
            self.unit.add("}")

    def asks_every(self, s: For, outermost: bool) -> int | None:
        """Return how many steps of a loop go between two times the lines of `ask`, if any."""
        return None

    def ask(self, when: str = "") -> list[str]:
        """Return lines that are run now and then, where steps may take long."""
        return []

    def step(self, s: For) -> None:
        """Print the statements of a step; memory of inner loops was made before the loop."""
        for inner in s.body:
            if isinstance(inner, Allocate):
                continue
            if isinstance(inner, For) and not (inner.parallel or isinstance(s.body[0], Scope)):
                self.plain_loop(inner, "0", self.expr(inner.extent))
            else:
                self.statement(inner)

    def before_loop(self, s: For) -> list[str]:
        """Return the lines before a loop that tell the compiler what it may do."""
        return []
