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
from gradcore.ops.elementwise import entry


def work(body: Sequence[Statement], inside: set[Symbol]) -> Expr:
    """Return how many statements run, for loops whose extents do not depend on those ``inside``."""
    total: Expr = ZERO
    for s in body:
        own = s.work()
        if own is not ZERO:
            total = total + own
        if isinstance(s, For):
            total = total + _bound(s.extent, inside) * work(s.body, {*inside, s.index})
        elif isinstance(s, If):
            branches = (work(s.then, inside), work(s.orelse, inside))
            total = total + call(entry("maximum"), branches, "int64")
    return total


def is_brief(s: Statement, most: int) -> bool:
    """Return whether it is known that no more than so many statements run in one."""
    total = work([s], set())
    return isinstance(total, Literal) and total.value <= most


def _bound(extent: Expr, inside: set[Symbol]) -> Expr:
    """Return an extent if it does not depend on those ``inside``, or what bounds it, or 1."""
    if isinstance(extent, Call) and extent.op.name == "minimum":
        bounds = (_bound(x, inside) for x in extent.operands)
        return next((x for x in bounds if x != ONE), ONE)
    return ONE if any(isinstance(x, Load) or x in inside for x in terms(extent)) else extent
