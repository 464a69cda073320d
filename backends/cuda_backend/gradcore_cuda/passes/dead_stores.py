"""Pass: dead stores: registers are not set to numbers just before they are set to others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gradcore.kernel.ir import Let, Program, Statement
from gradcore_cuda.analyses import Facts
from gradcore_cuda.loops import is_number


def dead_stores_dropped(program: Program, facts: Facts) -> Program:
    """Return a program without what sets a register that the next statement sets again."""
    return replace(program, body=_dropped(program.body))


def _dropped(body: Sequence[Statement]) -> list[Statement]:
    found: list[Statement] = []
    declares = False
    for k, s in enumerate(body):
        if not isinstance(s, Let):
            found.append(s.rebuilt(lambda x: x, _dropped))
            continue
        after = body[k + 1] if k + 1 < len(body) else None
        again = is_number(after) and after.symbol.final is s.symbol.final
        made = replace(s, fresh=s.fresh or declares)
        declares = is_number(made) and made.fresh and again
        if not declares:
            found.append(made)
    return found
