"""How the text of a program is divided into units, which are compiled side by side.

A compiler is a process that starts in 30 ms, and another 20 ms link what several have made; a
kilobyte of loops takes one 40 ms, and a kilobyte of what runs over few elements, for which it has
orders to take less trouble (``GC_BRIEF``), 8.  So a short text is one unit, and a long one has as
many as there are processors, of about the same time to compile.

The decision: the text of a program does not depend on how it is divided, and neither does the key
of the store: that of one unit is `Rendered.text`, and the same functions with the same flags make
the same code in any unit.  Rejected: a resident compiler, or one in the process (LLVM), for which
see ``benchmarks/README.md``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from gradcore.kernel.text import Rendered, Routine

LOOPS_MS_A_KB, BRIEF_MS_A_KB = 40.0, 8.0
"""Milliseconds to compile a kilobyte of a function that loops over much, and of one that does not
(gcc 12; `benchmarks/units.py`)."""

UNIT_MS = 80.0
"""For how many milliseconds a compiler must have work for it to be worth another process."""


def processors() -> int:
    """Return how many processes may run at once."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def milliseconds(routine: Routine) -> float:
    """Return about how long a function takes to compile."""
    rate = BRIEF_MS_A_KB if routine.brief else LOOPS_MS_A_KB
    return rate * sum(map(len, routine.lines)) / 1000


def divided(rendered: Rendered, most: int) -> list[str]:
    """Return the text of a program in units, at most ``most``: one where others do not pay."""
    weights = [milliseconds(r) for r in rendered.routines]
    count = min(most, int(sum(weights) / UNIT_MS))
    if count < 2:
        return [rendered.text]
    return [rendered.unit(group) for group in _balanced(rendered.routines, weights, count) if group]


def _balanced(
    routines: Sequence[Routine], weights: Sequence[float], count: int
) -> list[list[Routine]]:
    """Return so many groups of about the same weight: the heaviest goes where least is."""
    groups: list[list[int]] = [[] for _ in range(count)]
    totals = [0.0] * count
    for k in sorted(range(len(routines)), key=lambda k: -weights[k]):
        least = totals.index(min(totals))
        groups[least].append(k)
        totals[least] += weights[k]
    return [[routines[k] for k in sorted(group)] for group in groups]
