"""Patterns: expressions of the tensor language, read as what to look for.

The left side of a rule is a function, called once with pattern variables: ``lambda x: log(1 +
exp(x))`` builds a pattern as it would build a graph.  Operands of a commutative op match in any
order, a variable that stands twice must match one and the same variable, and a number matches a
constant of that value, of any shape.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from gradcore.graph import Constant, Op, Variable
from gradcore.language import Function, Operators
from gradcore.ops.elementwise import Elementwise, Trait
from gradcore.ops.scalars import switch

Bindings: TypeAlias = dict[str, Variable]


class Pattern(Operators):
    """What can stand in a pattern (abstract)."""

    __slots__ = ()

    def apply(self, op: Any, arguments: tuple[Any, ...]) -> Application:
        """Return the pattern of ``op`` applied."""
        return Application(op, arguments)


@dataclass(frozen=True, eq=False)
class Anything(Pattern):
    """A pattern variable: it matches anything, and the same thing wherever it stands."""

    name: str


@dataclass(frozen=True, eq=False)
class Application(Pattern):
    """An op applied to patterns and numbers."""

    op: Op
    arguments: tuple[Any, ...]


def pattern_of(function: Function) -> tuple[Application, tuple[str, ...]]:
    """Return the pattern that ``function`` builds, and the names of its variables.

    >>> from gradcore.ops.scalars import exp, log
    >>> pattern, names = pattern_of(lambda x: log(1 + exp(x)))
    >>> str(pattern.op), names
    ('log', ('x',))
    """
    names = tuple(inspect.signature(function).parameters)
    pattern = function(*map(Anything, names))
    if not isinstance(pattern, Application):
        raise TypeError(f"a pattern applies an op, not {pattern!r}")
    return pattern, names


def matches(pattern: Any, variable: Variable, bound: Bindings) -> Iterator[Bindings]:
    """Yield the ways in which ``variable`` is what ``pattern`` describes, given what is bound."""
    if isinstance(pattern, Anything):
        if bound.get(pattern.name, variable) is variable:
            yield {**bound, pattern.name: variable}
    elif isinstance(pattern, Application):
        node = variable.owner
        if node is not None and node.op == pattern.op:
            yield from _all_match(pattern.arguments, node.inputs, bound)
            if isinstance(node.op, Elementwise) and node.op.has(Trait.COMMUTATIVE):
                yield from _all_match(pattern.arguments, node.inputs[::-1], bound)
    elif is_constant(variable, pattern):
        yield bound


def _all_match(
    patterns: tuple[Any, ...], variables: tuple[Variable, ...], bound: Bindings
) -> Iterator[Bindings]:
    if not patterns:
        yield bound
        return
    for found in matches(patterns[0], variables[0], bound):
        yield from _all_match(patterns[1:], variables[1:], found)


def conditions_in(pattern: Any) -> set[str]:
    """Return the names of the variables of a pattern that stand first in a switch, and choose."""
    if not isinstance(pattern, Application):
        return set()
    found = {name for argument in pattern.arguments for name in conditions_in(argument)}
    first = pattern.arguments[0]
    if pattern.op is switch and isinstance(first, Anything):
        found.add(first.name)
    return found


def is_constant(variable: Variable, value: Any) -> bool:
    """Return whether ``variable`` is known to be ``value`` everywhere (and to be somewhere)."""
    if not isinstance(variable, Constant):
        return False
    data = variable.data
    if data.size == 1:
        return data.item() == value
    return data.size > 0 and bool((data == value).all())
