"""How much work a program is, as an expression: what threads and the compiler's time are worth."""

from __future__ import annotations

from collections.abc import Sequence

from gradcore.kernel.ir import (
    ONE,
    ZERO,
    Call,
    Expr,
    For,
    If,
    Literal,
    Load,
    Statement,
    Symbol,
    call,
)
from gradcore.kernel.ir import parts as terms
from gradcore.kernel.uses import inside
from gradcore.ops.elementwise import entry

MANY = Literal(2**15, "int64")
"""Steps of a loop that are many: what a user's number says may be no length of an array."""


def work(body: Sequence[Statement], around: set[Symbol]) -> Expr:
    """Return how many statements run, for loops whose extents do not depend on those ``around``."""
    total: Expr = ZERO
    for s in body:
        own = s.work()
        if own is not ZERO:
            total = total + own
        if isinstance(s, For):
            total = total + _bound(s.extent, around) * work(s.body, {*around, s.index})
        elif isinstance(s, If):
            branches = (work(s.then, around), work(s.orelse, around))
            total = total + call(entry("maximum"), branches, "int64")
    return total


def known_work(s: Statement) -> int | None:
    """Return how many statements run in one, or None if extents are not known before a call."""
    loops = (x for x in inside([s]) if isinstance(x, For))
    total = work([s], set()) if all(isinstance(x.extent, Literal) for x in loops) else None
    return total.value if isinstance(total, Literal) else None


def is_brief(s: Statement, most: int) -> bool:
    """Return whether it is known that no more than so many statements run in one."""
    total = known_work(s)
    return total is not None and total <= most


def _bound(extent: Expr, around: set[Symbol]) -> Expr:
    """Return an extent if it does not depend on those ``around``, or what bounds it, or 1."""
    if isinstance(extent, Call) and extent.op.name == "minimum":
        bounds = (_bound(x, around) for x in extent.operands)
        return next((x for x in bounds if x != ONE), ONE)
    read = [x for x in terms(extent) if isinstance(x, Load)]
    if any(map(_varies, read)) or any(x in around for x in terms(extent)):
        return ONE
    return call(entry("minimum"), (extent, MANY), "int64") if read else extent


def _varies(x: Load) -> bool:
    """Return whether an element may be another one at each step."""
    return bool(x.index) or x.buffer.role != "input"
