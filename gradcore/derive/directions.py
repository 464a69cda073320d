"""Tangents and cotangents, and how they are added, shaped and summed.

A direction is a variable, or a word for one that is no variable: None (disconnected), `ZERO` (it
is connected, and does not move), or `Undefined`, with the reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from gradcore.config import config
from gradcore.graph import ZERO, Undefined, Variable, Zero
from gradcore.language import LANGUAGE

Direction: TypeAlias = Variable | Zero | Undefined | None
"""A tangent or a cotangent."""


def zeros(x: Variable) -> Variable:
    """Return zeros in the shape of ``x``, of a float dtype."""
    return LANGUAGE["zeros_like"](x, direction_dtype(x))


def direction_dtype(x: Variable) -> str:
    """Return the dtype of tangents and cotangents of ``x``."""
    return x.type.dtype if x.type.is_inexact else config.floatX


def total(terms: Sequence[Direction]) -> Direction:
    """Return the sum of tangents or cotangents."""
    present = [term for term in terms if term is not None]
    for term in present:
        if isinstance(term, Undefined):
            return term
    variables = [term for term in present if isinstance(term, Variable)]
    if not variables:
        return ZERO if present else None
    result = variables[0]
    for term in variables[1:]:
        result = result + term
    return result


def sum_to(t: Variable, x: Variable) -> Variable:
    """Return ``t`` summed over the axes along which ``x`` was stretched to its shape."""
    lead = t.ndim - x.ndim
    stretched = [
        lead + axis
        for axis, extent in enumerate(x.type.shape)
        if extent == 1 and t.type.shape[lead + axis] != 1
    ]
    if lead or stretched:
        remaining = [axis for axis in range(lead, t.ndim) if axis not in stretched]
        t = LANGUAGE["sum"](t, (*range(lead), *stretched))
        if stretched:
            order = (
                remaining.index(lead + a) if lead + a in remaining else "x" for a in range(x.ndim)
            )
            t = LANGUAGE["dimshuffle"](t, *order)
    return t


def with_ones_of(t: Variable, x: Variable) -> Variable:
    """Return ``t``, of the shape of ``x``, with the extents known to be 1 that are so in ``x``.

    A transpose may know less of its shape than the operand that it is for.
    """
    extents = zip(t.type.shape, x.type.shape, strict=True)
    lost = [a for a, (m, n) in enumerate(extents) if n == 1 and m != 1]
    if not lost:
        return t
    remaining = LANGUAGE["dimshuffle"](t, [a for a in range(t.ndim) if a not in lost])
    place = iter(range(t.ndim))
    return LANGUAGE["dimshuffle"](
        remaining, ["x" if a in lost else next(place) for a in range(t.ndim)]
    )
