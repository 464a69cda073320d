"""What a pass is, and how several are run.

A pass makes another program of a program, for a target, and leaves the one as it is; so one may be
run alone, and `gradcore.kernel.interpret` must agree before and after.  An analysis only looks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias, TypeVar

from gradcore.kernel.ir import Program
from gradcore.kernel.target import Target

Own = TypeVar("Own", bound=Target)
"""The kind of target that a pass is for."""

Pass: TypeAlias = Callable[[Program, Own], Program]
"""From a program to a program."""


def passed(program: Program, passes: Sequence[Pass[Own]], target: Own) -> Program:
    """Return what passes make of a program, one after the other."""
    for change in passes:
        program = change(program, target)
    return program
