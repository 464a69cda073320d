"""What the threads of a launch have in common while they are simulated: memory, and who knows what.

An element that two threads use, one of which stores to it, must have something between them that
orders the two, or the run fails and names the element.

The decision: each thread counts the times that it has waited, and knows of each other one how far
that had come when they last met (a vector clock), so that a barrier that is missing is found in any
order, also where the results happen to be right.  Rejected: comparing the results of many orders.
"""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradcore.kernel.device import Barrier, Launch, Register
from gradcore.kernel.ir import Buffer, Symbol
from gradcore.kernel.state import Cell, Memory
from gradcore.kernel.state import Register as StateRegister

ORDERS = ("forward", "backward", "mixed")
"""Which thread goes on: the first that can, the last, or one that is drawn."""


@dataclass(frozen=True)
class Size:
    """How many threads a grid has, unless it is limited, and how they run.

    order : one of `ORDERS`.
    fits : whether the memory of groups fits into shared memory.
    aligned : whether arrays start where vectors may.
    """

    blocks: int = 2
    groups: int = 2
    lanes: int = 4
    order: str = "mixed"
    fits: bool = True
    aligned: bool = True


# memory -----------------------------------------------------------------------------------------
@dataclass
class Uses:
    """Who has used an element.

    reads, stores : for each thread, how often it had waited when it last did.
    adds : so, for additions in any order.
    """

    reads: dict[int, int] = field(default_factory=dict[int, int])
    stores: dict[int, int] = field(default_factory=dict[int, int])
    adds: dict[int, int] = field(default_factory=dict[int, int])


class Team:
    """The threads of a launch.

    known : the registers and buffers of the host.
    saved : the registers of the device, between launches.
    clocks : for each thread, how often others had waited when it last heard of them.
    after : where lanes in lockstep wait, for each statement.
    words : where registers of the device are saved.
    failed : which check has failed, and what tells why.
    """

    def __init__(
        self,
        launch: Launch,
        size: Size,
        known: MutableMapping[Symbol | Buffer, StateRegister],
        saved: dict[Register, Any],
    ) -> None:
        self.launch = launch
        self.size = size
        self.known = known
        self.saved = saved
        counts = (launch.grid.block_count, launch.grid.group_count, launch.grid.lane_count)
        self.blocks, self.groups, self.lanes = (int(known[x].value) for x in counts)
        n = self.blocks * self.groups * self.lanes
        self.clocks = [[0] * n for _ in range(n)]
        self.uses: dict[Cell, Uses] = {}
        self.memories: dict[tuple[Buffer, int], Memory] = {}
        self.words: dict[Register, Memory] = {}
        self.failed: tuple[int, tuple[int, ...]] | None = None
        self.after: dict[int, Barrier] = {}
        self.arrived = 0
        self.released = [0] * n

    @property
    def workers(self) -> int:
        """How many groups there are in all."""
        return self.blocks * self.groups

    def fail(self, number: int, values: tuple[int, ...]) -> None:
        """Note that check ``number`` has failed, if none has; ``values`` tell why."""
        if self.failed is None:
            self.failed = number, values

    def is_last(self, present: Sequence[int]) -> bool:
        """Note that the threads of a block have come; return whether all other blocks had.

        They know then what the threads of the others had done when these came.
        """
        self.order(present)
        for t in present:
            self.released = list(map(max, self.released, self.clocks[t]))
        self.arrived += 1
        last = self.arrived == self.blocks
        if last:
            for t in present:
                self.clocks[t] = list(map(max, self.released, self.clocks[t]))
        return last

    def order(self, present: Sequence[int]) -> None:
        """Let what threads have done so far be before what any of them does from now on."""
        for t in present:
            self.clocks[t][t] += 1
        known = list(map(max, *(self.clocks[t] for t in present), self.clocks[present[0]]))
        for t in present:
            self.clocks[t] = list(known)

    def touch(self, thread: int, cell: Cell, writing: bool, adding: bool) -> None:
        """Note that a thread uses an element, and fail if another one may at the same time."""
        uses = self.uses.setdefault(cell, Uses())
        own = uses.adds if adding else uses.stores if writing else uses.reads
        others = [uses.stores]
        if not adding:
            others.append(uses.adds)
        if writing:
            others.append(uses.reads)
        clock = self.clocks[thread]
        for noted in others:
            for t, when in noted.items():
                assert t == thread or clock[t] > when, (
                    f"threads {t} and {thread} both use {cell[0].name}[{cell[1]}], and nothing "
                    "orders them"
                )
        own[thread] = clock[thread]

    def memory(self, buffer: Buffer, place: int, size: int) -> Memory:
        """Return memory that a group, or a block, has once."""
        key = buffer.root, place
        if key not in self.memories:
            data, written = np.zeros(size, buffer.dtype), np.zeros(size, bool)
            self.memories[key] = Memory(buffer.name, data, written)
        return self.memories[key]

    def row(self, buffer: Buffer, rows: Buffer, number: int, size: int) -> Memory:
        """Return memory that is row ``number``, of ``size`` elements, of an array of the host's."""
        key = buffer.root, number
        if key not in self.memories:
            all_rows, start = self.known[rows.root].value
            part = slice(start + number * size, start + (number + 1) * size)
            self.memories[key] = Memory(buffer.name, all_rows.data[part], all_rows.written[part])
        return self.memories[key]

    def word(self, what: Register) -> Memory:
        """Return where a register of the device is saved."""
        if what not in self.words:
            nothing = np.zeros(1, "uint64")
            self.words[what] = Memory(what.name, nothing, nothing != 0)
        return self.words[what]
