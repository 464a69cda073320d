"""The passes that make a program ready for launches, in order: each from a program to a program."""

from __future__ import annotations

from collections.abc import Callable

from gradcore.kernel.ir import Program
from gradcore_cuda.atomics import scatters_in_any_order
from gradcore_cuda.products import products_as_loops
from gradcore_cuda.scans import scans_by_element
from gradcore_cuda.searches import searches_as_reductions

PASSES: tuple[Callable[[Program], Program], ...] = (
    products_as_loops,
    searches_as_reductions,
    scans_by_element,
)
"""What every program goes through."""


def prepared(program: Program, deterministic: bool = True) -> Program:
    """Return a program as it is launched.

    deterministic : whether scatters keep the order; else they add in the order that comes.
    """
    for change in (*PASSES, *(() if deterministic else (scatters_in_any_order,))):
        program = change(program)
    return program
