"""The way of a graph to a program that is printed or interpreted: a table of stages.

=====================  =============================================================================
table                  from what to what
=====================  =============================================================================
`NESTS`                a graph becomes nests in their places, which fuse as they are placed
`storage.planned`      nests become statements, with memory for what is between them
`LOOPS`                a program of loops becomes another one, for every backend
passes of a backend    so, for one: `gradcore_c.printing.PASSES`, `gradcore_cuda.passes.LOOPS`
=====================  =============================================================================

The decision: a pass is a function from a program to a program and is in the tables of those who
want it; no import registers it, and it may be run alone, before and after which `interpret` must
agree.  Fusion is no pass, for it is decided where a nest is placed (`gradcore.kernel.fusion`).
Rejected: passes that find out where they belong by priorities, whose order nobody can read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TypeAlias

from gradcore.graph import Apply, FunctionGraph
from gradcore.kernel.interface import inputs_declared, outputs_stored
from gradcore.kernel.ir import Program
from gradcore.kernel.lowering import Lowering, Lowerings
from gradcore.kernel.parallel import parallelized
from gradcore.kernel.passes import Pass, passed
from gradcore.kernel.registers import registers_set_once
from gradcore.kernel.rules import RULES
from gradcore.kernel.rules.elementwise import extents_compared
from gradcore.kernel.storage import planned
from gradcore.kernel.target import CPU, Target

Stage: TypeAlias = Callable[[Lowering], None]
"""What takes a lowering further."""

NESTS: tuple[Stage, ...] = (
    inputs_declared,
    extents_compared,
    Lowering.lower_all,
    outputs_stored,
)
"""From a graph to nests."""

LOOPS: tuple[Pass[Target], ...] = (
    registers_set_once,
    parallelized,
)
"""From loops to loops."""


def program(
    graph: FunctionGraph,
    target: Target = CPU,
    fallback: Collection[Apply] = (),
    lowerings: Lowerings | None = None,
) -> Program:
    """Return a graph as a program of loops.

    target : what it is made for.
    fallback : nodes that a function of Python computes.
    lowerings : the rules, and the functions of libraries that there are; None: our rules.
    """
    low = Lowering(graph, lowerings or Lowerings(RULES), target, fallback)
    for stage in NESTS:
        stage(low)
    return passed(planned(low), LOOPS, target)
