"""Pass: how much work the threads of a grid share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from gradcore.kernel.device import (
    GROUPS,
    LANES,
    Distributed,
    Fit,
    Grid,
    Launch,
    Rounds,
)
from gradcore.kernel.ir import Expr, Program, Statement, product
from gradcore.kernel.uses import inside, rewritten
from gradcore_cuda.analyses import Facts
from gradcore_cuda.loops import pieces


def grids_sized(program: Program, facts: Facts) -> Program:
    """Return a program whose grids are for the steps of what runs last on them."""
    last = {s.grid: s for s in inside(program.body) if isinstance(s, Launch)}
    sized = {grid: _sized(grid, s) for grid, s in last.items()}

    def change(s: Statement) -> list[Statement] | None:
        match s:
            case Grid():
                return [sized[s]]
            case Launch() | Fit():
                return [replace(s, grid=sized[s.grid])]
            case _:
                return None

    return replace(program, body=rewritten(program.body, change))


def _sized(grid: Grid, launch: Launch) -> Grid:
    widths = dict.fromkeys(_widths(launch)) if launch.together else {}
    steps = grid.steps
    for s in inside(launch.body):
        if isinstance(s, Distributed) and s.level is GROUPS and s.vectors is not None:
            steps = _lanes(s)
    return replace(grid, steps=steps, widths=tuple(widths))


def _widths(launch: Launch) -> Iterator[Expr]:
    """Return how many lanes could share each loop."""
    for s in inside(launch.body):
        if isinstance(s, Distributed) and s.level is LANES:
            yield _lanes(s)
        elif isinstance(s, Rounds):
            yield s.extent


def _lanes(s: Distributed) -> Expr:
    """Return how many workers could share the steps of loops."""
    width = 1 if s.vectors is None else s.vectors.width
    return pieces(product(s.extents), width)
