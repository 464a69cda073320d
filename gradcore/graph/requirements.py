"""What must hold for a node to compute: the third reading of what an op declares.

A shape rule says what shapes outputs have *if* the operands fit; `Op.requires` says when they do.
It is read over ints, over scalars of the graph, and by analyses with symbols of their own, as shape
rules are.  Whoever takes a node out of a graph can tell from it which errors go with the node.

What is required of extents and indices is said in the tensor language:

>>> import gradcore.tensor as T
>>> from gradcore import pp
>>> pp(AGREE.condition(*T.lscalars("m", "n")))
'(m == n)'
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradcore.errors import ArraySizeError, ShapeError
from gradcore.graph.declaration import Predicate, Requirement
from gradcore.graph.extents import Shape, addressable, in_int64
from gradcore.graph.nodes import as_variable
from gradcore.language import LANGUAGE


def _within(index: Any, n: Any) -> Any:
    at = in_int64(as_variable(index))
    return LANGUAGE["all"]((at >= -n) & (at < n))


def _has_size(size: Any, *extents: Any) -> Any:
    """Reshaping: -1 stands for what is left, which must be whole."""
    known = [n for n in extents if not (isinstance(n, int) and n == -1)]
    if not addressable(tuple(n for n in known if isinstance(n, int))):
        return as_variable(False)  # whatever the others are; their product has no dtype
    count: Any = 1
    for n in known:
        count = count * n
    if len(known) == len(extents):
        good = LANGUAGE["eq"](count, size)
    else:
        good = (count >= 1) & LANGUAGE["eq"](size % LANGUAGE["maximum"](count, 1), 0)
    for n in known:
        good = good & (as_variable(n) >= 0)
    return good & addressable(tuple(known)) if len(extents) > 1 else good


def _fits(*extents: Any) -> Any:
    return as_variable(addressable(extents))


def _equal(m: Any, n: Any) -> Any:
    return LANGUAGE["eq"](m, n)


def _at_least(m: Any, n: Any) -> Any:
    return LANGUAGE["ge"](m, n)


def _all_hold(x: Any) -> Any:
    return LANGUAGE["all"](x)


def _none_negative(x: Any) -> Any:
    return LANGUAGE["all"](LANGUAGE["ge"](x, 0))


def _not_zero(n: Any) -> Any:
    return LANGUAGE["neq"](n, 0)


AGREE = Predicate("equal", _equal)
REACHES = Predicate("at least", _at_least)
WITHIN = Predicate("in bounds", _within)
HAS_SIZE = Predicate("of the size", _has_size)
FITS = Predicate("of a possible size", _fits)
NOT_ZERO = Predicate("not zero", _not_zero)
NONE_NEGATIVE = Predicate("none negative", _none_negative)
ALL_HOLD = Predicate("all true", _all_hold)


def all_equal(
    extents: Sequence[Any],
    message: str,
    error: type[Exception] = ShapeError,
    fix: str | None = None,
) -> list[Requirement]:
    """Return the requirements that extents be equal."""
    return [Requirement(AGREE, (extents[0], n), message, error, fix) for n in extents[1:]]


def possible(shape: Shape) -> Requirement:
    """Return the requirement that there can be an array of this shape."""
    return Requirement(FITS, shape, "an array would be larger than any memory", ArraySizeError)
