"""Pass: where the memory is that statements of a kernel make.

What lanes use together is shared memory, if the host finds that it fits, or else a row of an array
that the host makes; what a thread uses alone is its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gradcore.kernel.device import (
    GROUPS,
    LANES,
    Barrier,
    Distributed,
    Fit,
    Fits,
    Launch,
    Partial,
    Private,
    Shared,
)
from gradcore.kernel.ir import (
    Allocate,
    Buffer,
    Literal,
    Load,
    Program,
    Statement,
    Store,
    Symbol,
    product,
)
from gradcore.kernel.uses import rewritten
from gradcore_cuda.analyses import Facts
from gradcore_cuda.target import GpuTarget


def memory_placed(program: Program, facts: Facts) -> Program:
    """Return a program whose launches make no memory but that of groups and threads."""

    def change(s: Statement) -> list[Statement] | None:
        return _placed(s, facts.target) if isinstance(s, Launch) else None

    return replace(program, body=rewritten(program.body, change))


def _placed(launch: Launch, target: GpuTarget) -> list[Statement]:
    """Return a launch, after what the host makes for it."""
    placing = _Placing(launch, target)
    inner = placing.statements(launch.body, launch.together)
    body = [*placing.made, *inner]
    shared = [s for s in body if isinstance(s, Shared) and s.spilled is not None]
    rows = [s.spilled for s in shared if s.spilled and s.spilled.role == "spill"]
    rows += [s.rows for s in body if isinstance(s, Private) and s.rows is not None]
    fit = Fit(launch.grid, tuple(s.buffer for s in shared)) if shared else None
    before: list[Statement] = [] if fit is None else [fit]
    return [*before, *map(Allocate, rows), replace(launch, body=body, fit=fit)]


class _Placing:
    """Takes what makes memory out of the statements of a launch.

    target : how much of it a thread has to itself.
    made : what makes it, where the launch starts.
    """

    def __init__(self, launch: Launch, target: GpuTarget) -> None:
        self.grid = launch.grid
        self.target = target
        self.made: list[Statement] = []

    def statements(self, body: Sequence[Statement], together: bool) -> list[Statement]:
        """Return statements that make no memory.

        together : whether lanes run them together.
        """
        found: list[Statement] = []
        for s in body:
            match s:
                case Allocate(buffer, reused) if buffer.role != "pointer":
                    self.made.append(self.memory(buffer, reused, together))
                case Partial(buffer, rows, start, inner):
                    self.made.append(Shared(buffer, rows))
                    found += _partial(buffer, rows, start, self.statements(inner, together))
                case Distributed():
                    inner = together and s.level is not LANES
                    found.append(replace(s, body=self.statements(s.body, inner)))
                case _ if s.blocks():
                    made = s.rebuilt(lambda x: x, lambda some: self.statements(some, together))
                    found.append(made)
                case _:
                    found.append(s)
        return found

    def memory(self, buffer: Buffer, reused: Buffer | None, together: bool) -> Statement:
        """Return what makes a buffer of the lanes together, or of a thread."""
        if reused is not None:
            return Allocate(buffer, reused)
        count = product(buffer.shape)
        if together:
            rows = Buffer(f"{buffer.name}_all", buffer.dtype, (self.grid.workers, count), "spill")
            return Shared(buffer, rows)
        if isinstance(count, Literal) and count.value <= self.target.private_elements:
            return Private(buffer)
        rows = Buffer(f"{buffer.name}_all", buffer.dtype, (self.grid.threads, count), "workspace")
        return Private(buffer, rows)


def _partial(
    buffer: Buffer, rows: Buffer, start: Literal, body: list[Statement]
) -> list[Statement]:
    """Return statements between what initializes a group's array and what saves it."""
    whole, k = Buffer(buffer.name, buffer.dtype, rows.shape[1:], alias=buffer), Symbol("j")

    def each(s: Statement) -> Statement:
        return Distributed(LANES, (k,), whole.shape, [s])

    saving = each(Store(rows, (GROUPS.own, k), Load(whole, (k,))))
    return [each(Store(whole, (k,), start)), Barrier(), *body, Fits([saving])]
