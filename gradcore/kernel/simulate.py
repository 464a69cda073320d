"""Runs programs with launches thread by thread: what the device part of the IR means.

Every thread of a grid runs its statements in Python, and goes on until it waits for others; which
one goes on then is a matter of `order`.  Memory is checked for more (`gradcore.kernel.team`).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from gradcore.graph import Array
from gradcore.kernel.device import Grid, Launch, Meeting, Register
from gradcore.kernel.interpret import Run
from gradcore.kernel.ir import Program, Symbol
from gradcore.kernel.team import Size, Team
from gradcore.kernel.threads import Thread
from gradcore.kernel.uses import inside

Stopped: TypeAlias = "tuple[Meeting, range, Any]"
"""Where a thread waits, for which threads, and what it brings (`gradcore.kernel.ir.Waiting`)."""


def simulate(program: Program, size: Size | None = None) -> Callable[..., list[Array]]:
    """Return a program with launches as a function of arrays that returns fresh arrays.

    The function raises what the program's checks say; AssertionError: the program is wrong.
    """

    def run(*arrays: Any) -> list[Array]:
        with np.errstate(all="ignore"):
            return _Host(program, size or Size()).outputs(arrays)

    return run


class _Host(Run):
    """Runs what a host does.

    saved : the registers of the device, between launches.
    """

    def __init__(self, program: Program, size: Size) -> None:
        super().__init__(program)
        self.size = size
        self.saved: dict[Register, Any] = {}
        launches = [s for s in inside(program.body) if isinstance(s, Launch)]
        self.together = {s.grid for s in launches if s.together}

    def reload(self, what: Register, source: Register) -> None:
        """Let a register be what that of the device was when it was last spilled."""
        value = self.saved[source]
        if isinstance(what, Symbol) and what in self.known:
            self.set(what, value)
        else:
            self.declare(what, value)

    def chosen(self, s: Grid) -> tuple[int, int, int]:
        """Return how many blocks, groups a block and lanes a group there are."""
        limit = None if s.limit is None else self.integer(s.limit)
        groups = 1 if limit == 1 else self.size.groups
        lanes = self.size.lanes if s in self.together else 1
        return min(limit or self.size.blocks, self.size.blocks), groups, lanes

    def launch(self, s: Launch) -> None:
        """Run the threads of a launch to their ends."""
        team = Team(s, self.size, self.known, self.saved)
        drawn = random.Random(0)  # noqa: S311 - an order of threads, no secret
        n = len(team.clocks)
        steps = [Thread(self.program, team, k).all() for k in range(n)]
        ready: dict[int, Any] = dict.fromkeys(range(n))
        waiting: dict[int, Stopped] = {}
        live = set(ready)
        while ready:
            k = _next(sorted(ready), self.size.order, drawn)
            result = ready.pop(k)
            try:
                waiting[k] = steps[k].send(result)
            except StopIteration:
                live.discard(k)
            ready.update(_met(team, waiting, live))
        assert not waiting, f"threads wait for each other without end: {sorted(waiting)}"
        if team.failed is not None:
            number, values = team.failed
            raise self.program.checks[number](values)


def _next(ready: Sequence[int], order: str, drawn: random.Random) -> int:
    """Return which of the threads that could go on does, by one of `ORDERS`."""
    if order == "mixed":
        return drawn.choice(ready)
    return ready[0 if order == "forward" else -1]


def _met(team: Team, waiting: dict[int, Stopped], live: set[int]) -> dict[int, Any]:
    """Return the threads that have all come to where they wait, with what each of them gets."""
    found: dict[int, Any] = {}
    for k in sorted(waiting):
        if k not in waiting:
            continue
        s, members, _ = waiting[k]
        present = [t for t in members if t in live]
        if all(t in waiting and waiting[t][0] is s for t in present):
            brought = [waiting.pop(t)[2] for t in present]
            found.update(zip(present, s.met(team, present, brought), strict=True))
    return found
