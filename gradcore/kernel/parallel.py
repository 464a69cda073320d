"""Passes: which loops threads share.

Those of the outermost level are shared wherever their steps may run in any order.  The steps of an
ordered loop run one after the other, so there threads share the loops within a step that are work
for two:

    for t < 100, ordered:
        for i < n, parallel:            a part for each thread; all meet before the next loop
            y[i] = ...

The decision: loops within shared loops are not shared: threads that meet once for a loop over rows,
and not once a row, wait less.  Rejected: a region of threads around the ordered loop, in which all
run its steps and meet at barriers: a thread that is late, on a busy machine, would stall every
step, where a part that nobody takes is run by who is there (`threads.c` of the C backend).
"""

from __future__ import annotations

from dataclasses import replace

from gradcore.kernel.cost import known_work
from gradcore.kernel.ir import Allocate, Break, Callback, For, Program, Statement, Symbol
from gradcore.kernel.target import CpuTarget, Target
from gradcore.kernel.uses import inside, rewritten


def parallelized(program: Program, target: Target) -> Program:
    """Return a program whose outermost loops may be shared by threads, but for ordered ones."""
    body = [
        replace(s, parallel=True) if isinstance(s, For) and not s.ordered else s
        for s in program.body
    ]
    return replace(program, body=body)


def steps_parallelized(program: Program, target: CpuTarget) -> Program:
    """Return a program in which threads share loops within the steps of ordered ones."""
    if target.most_threads == 1:
        return program

    def in_steps(s: Statement) -> list[Statement] | None:
        if not isinstance(s, For) or s.ordered:
            return None
        return [replace(s, parallel=True) if _is_shareable(s, target) else s]

    def outermost(s: Statement) -> list[Statement] | None:
        if not isinstance(s, For):
            return None
        return [replace(s, body=rewritten(s.body, in_steps)) if s.ordered else s]

    return replace(program, body=rewritten(program.body, outermost))


def _is_shareable(s: For, target: CpuTarget) -> bool:
    """Return whether threads may share a loop of a step, and whether two may have enough to do.

    What is made in such a loop, memory or the row that a part contributes to, would be made again
    in each step.  Loops of unknown extents are taken to be worth it if there are loops in them: a
    function for each line of a cell takes the compiler a fifth longer (a gradient of an RNN), and
    its states are small.
    """
    if any(isinstance(x, (Allocate, Break, Callback)) for x in inside([s])):
        return False
    if not all(r.op is not None and isinstance(r.target, Symbol) for r in s.reductions):
        return False
    total = known_work(s)
    if total is None:
        return any(isinstance(x, For) for x in inside(s.body))
    return total >= 2 * target.thread_work
