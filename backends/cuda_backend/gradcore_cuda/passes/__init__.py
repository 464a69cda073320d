"""What a program goes through until kernels and their host program are printed.

The decision: all that is decided is decided by a pass, from a program to a program, which an
interpreter runs before and after (`gradcore.kernel.interpret`, and from the launches on
`gradcore.kernel.simulate`).  Printers decide nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from gradcore.kernel.device import Launch
from gradcore.kernel.ir import Program, Statement
from gradcore.kernel.passes import Pass, passed
from gradcore.kernel.uses import rewritten
from gradcore_cuda.analyses import Facts
from gradcore_cuda.passes.addresses import linearized
from gradcore_cuda.passes.atomics import scatters_in_any_order
from gradcore_cuda.passes.barriers import barriers_inserted
from gradcore_cuda.passes.checks import checks_noted, stops_inserted
from gradcore_cuda.passes.dead_stores import dead_stores_dropped
from gradcore_cuda.passes.distribute import distributed
from gradcore_cuda.passes.grids import grids_sized
from gradcore_cuda.passes.hosted import host_values_named
from gradcore_cuda.passes.memory import memory_placed
from gradcore_cuda.passes.products import products_as_loops
from gradcore_cuda.passes.registers import registers_loaded
from gradcore_cuda.passes.scans import scans_by_element
from gradcore_cuda.passes.schedule import work_scheduled
from gradcore_cuda.passes.searches import searches_as_reductions
from gradcore_cuda.passes.vectors import steps_widened, vectors_expanded
from gradcore_cuda.target import GpuTarget

LOOPS: tuple[Pass[GpuTarget], ...] = (
    products_as_loops,
    searches_as_reductions,
    scans_by_element,
    scatters_in_any_order,
    host_values_named,
)
"""From loops to loops."""

CHOSEN = frozenset((scatters_in_any_order,))
"""Those after which results may differ from call to call, which is a choice."""

LaunchPass: TypeAlias = Callable[[Program, Facts], Program]
"""From a program to a program, by what is known of the first one and of its target."""


def each_launch(change: Callable[[Launch, Facts], Launch]) -> LaunchPass:
    """Return a pass that changes every launch of a program by itself."""

    def changed(program: Program, facts: Facts) -> Program:
        def one(s: Statement) -> list[Statement] | None:
            return [change(s, facts)] if isinstance(s, Launch) else None

        return replace(program, body=rewritten(program.body, one))

    changed.__name__ = change.__name__
    return changed


LAUNCHES: tuple[LaunchPass, ...] = (
    work_scheduled,
    dead_stores_dropped,
    distributed,
    each_launch(registers_loaded),
    each_launch(checks_noted),
    each_launch(steps_widened),
    grids_sized,
    memory_placed,
    each_launch(barriers_inserted),
    each_launch(vectors_expanded),
    each_launch(linearized),
    stops_inserted,
)
"""From loops to launches, to what can be printed."""


def prepared(program: Program, target: GpuTarget, deterministic: bool = True) -> Program:
    """Return a program as it is launched.

    target : what it is made for.
    deterministic : whether scatters add in the order of their indices; else in any order.
    """
    chosen = [change for change in LOOPS if change not in CHOSEN or not deterministic]
    return passed(program, chosen, target)


def launched(program: Program, facts: Facts) -> Program:
    """Return a program whose kernels have only to be printed.

    facts : what is known of it, as it is prepared.
    """
    for change in LAUNCHES:
        program = change(program, facts)
    return program
