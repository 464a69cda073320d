"""Patterns: expressions of the tensor language, read as what to look for.

The left side of a rule is a function, called once with pattern variables: ``lambda x: log(1 +
exp(x))`` builds a pattern as it would build a graph.  Operands of a commutative op match in any
order, a variable that stands twice must match one and the same variable, and a number matches a
constant of that value, of any shape.  ``0`` does not match ``-0.0``, which is another number.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

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


def matches(
    pattern: Any, variable: Variable, bound: Bindings, within: Collection[str] | None = None
) -> Iterator[Bindings]:
    """Yield the ways in which ``variable`` is what ``pattern`` describes, given what is bound.

    within : the dtypes in which what the pattern applies may be computed (booleans always may);
        None: any.
    """
    if isinstance(pattern, Anything):
        if bound.get(pattern.name, variable) is variable:
            yield {**bound, pattern.name: variable}
    elif isinstance(pattern, Application):
        node = variable.owner
        fits = within is None or variable.type.dtype in within or variable.type.dtype == "bool"
        if node is not None and node.op == pattern.op and fits:
            yield from _all_match(pattern.arguments, node.inputs, bound, within)
            if isinstance(node.op, Elementwise) and node.op.has(Trait.COMMUTATIVE):
                yield from _all_match(pattern.arguments, node.inputs[::-1], bound, within)
    elif is_constant(variable, pattern):
        yield bound


def _all_match(
    patterns: tuple[Any, ...],
    variables: tuple[Variable, ...],
    bound: Bindings,
    within: Collection[str] | None,
) -> Iterator[Bindings]:
    if not patterns:
        yield bound
        return
    for found in matches(patterns[0], variables[0], bound, within):
        yield from _all_match(patterns[1:], variables[1:], found, within)


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
    """Return whether ``variable`` is known to be ``value`` everywhere (and to be somewhere).

    Zeros of the other sign are not that value.
    """
    if not isinstance(variable, Constant):
        return False
    data = variable.data
    if data.size == 1:
        found = data.item()
        return found == value and (found != 0 or _sign(found) == _sign(value))
    if not data.size or not bool((data == value).all()):
        return False
    if value != 0 or data.dtype.kind != "f":
        return True
    return bool((np.signbit(data) == np.signbit(value)).all())


def _sign(number: complex) -> float:
    """Return 1 or -1; a complex number counts as positive."""
    return 1.0 if isinstance(number, complex) else math.copysign(1.0, number)
