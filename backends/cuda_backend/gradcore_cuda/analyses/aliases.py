"""Alias analysis: which buffers may have the same memory."""

from __future__ import annotations

from collections.abc import Sequence

from gradcore.kernel.ir import Allocate, Buffer, Point, Statement
from gradcore.kernel.uses import inside


class Aliases:
    """Which buffers of statements may have the same memory: what points there, and what reuses it.

    body : the statements.
    """

    def __init__(self, body: Sequence[Statement]) -> None:
        self._same: dict[Buffer, Buffer] = {}
        self._shared: set[Buffer] = set()
        for s in inside(body):
            match s:
                case Point(pointer, buffer):
                    self._unite(pointer.root, buffer.root)
                case Allocate(buffer, Buffer() as reused):
                    self._unite(buffer.root, reused.root)
                case _:
                    pass

    def _unite(self, a: Buffer, b: Buffer) -> None:
        self._shared |= {a, b}
        a, b = self.memory(a), self.memory(b)
        if a is not b:
            self._same[a] = b

    def memory(self, buffer: Buffer) -> Buffer:
        """Return the one that stands for all buffers whose memory may be that of ``buffer``."""
        found = buffer.root
        while found in self._same:
            found = self._same[found]
        return found

    def alone(self, buffer: Buffer) -> bool:
        """Return whether no other buffer has the memory of ``buffer``."""
        return buffer.root not in self._shared
