"""What an expression is made of, and the same with other parts.

Walks do not recur where a program is as deep as its graph, but for `substituted`, which makes
another expression of one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gradcore.kernel.expressions import Call, Expr, Load, Symbol


def parts(expression: Expr) -> Iterator[Expr]:
    """Yield an expression and all that it is made of, indices of loads too, in no fixed order."""
    stack = [expression]
    while stack:
        x = stack.pop()
        yield x
        if isinstance(x, Call):
            stack += x.operands
        elif isinstance(x, Load):
            stack += x.index


def substituted(expression: Expr, new: Mapping[Any, Expr]) -> Expr:
    """Return an expression with other expressions in place of some symbols and elements read."""
    x = expression
    if isinstance(x, (Symbol, Load)) and x in new:
        return new[x]
    if isinstance(x, Load):
        return Load(x.buffer, tuple(substituted(i, new) for i in x.index))
    if isinstance(x, Call):
        return Call(x.op, tuple(substituted(y, new) for y in x.operands), x.dtype)
    return x


def operations(expression: Expr) -> int:
    """Return how many entries are applied in an expression."""
    count = 0
    stack = [expression]
    while stack:
        x = stack.pop()
        if isinstance(x, Call):
            count += 1
            stack += x.operands
        elif isinstance(x, Load):
            stack += x.index
    return count


def loads(expression: Expr) -> Iterator[Load]:
    """Return what is read from buffers, also to compute an index."""
    stack = [expression]
    while stack:
        x = stack.pop()
        if isinstance(x, Call):
            stack += x.operands
        elif isinstance(x, Load):
            yield x
            stack += x.index
