"""Pass: which loops threads share."""

from __future__ import annotations

from dataclasses import replace

from gradcore.kernel.ir import For, Program
from gradcore.kernel.target import Target


def parallelized(program: Program, target: Target) -> Program:
    """Return a program whose outermost loops may be shared by threads, but for ordered ones.

    Loops within others are not: threads that meet once for a loop over rows, and not once a row,
    wait less.
    """
    body = [
        replace(s, parallel=True) if isinstance(s, For) and not s.ordered else s
        for s in program.body
    ]
    return replace(program, body=body)
