"""Interpolation of one variable."""

from __future__ import annotations

from typing import Any

from gradcore.errors import GraphTypeError, GraphValueError
from gradcore.graph import Variable, as_variable, here
from gradcore.graph.nodes import extents_of
from gradcore.ops import scalars
from gradcore.ops.elementwise import floating
from gradcore.tensor.elementwise import cast
from gradcore.tensor.indexing import argsort
from gradcore.tensor.searching import searchsorted
from gradcore.tensor.shapes import concatenate


def interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None
) -> Variable:
    """Return the values at ``x`` of the piecewise linear function through points.

    xp, fp : the points, two vectors of one length, at least 1; ``xp`` in ascending order.
    left, right : the value before the first point and behind the last one; by default theirs.
    period : that of ``xp``, which then need not be in order.

    It has derivatives in ``x``, ``xp`` and ``fp``; at a point that in ``x`` is the slope to the
    right.

    Raises GraphTypeError: points that are no vectors; GraphValueError: a period that is 0.

    >>> import gradcore.tensor as T
    >>> T.interp([0.5, 9.0], [0, 1, 2], [0, 10, 30]).eval().tolist()
    [5.0, 30.0]
    """
    places, given, values = map(as_variable, (x, xp, fp))
    if given.ndim != 1 or values.ndim != 1:
        raise GraphTypeError(f"interp takes vectors of points, not {given}, {values}", here())
    dtype = floating(places.type.dtype, given.type.dtype, values.type.dtype)
    places, given, values = (cast(v, dtype) for v in (places, given, values))
    if period is not None:
        places, given, values = _unrolled(places, given, values, period)
        left = right = None
    n = extents_of(given)[0]
    k = scalars.clip(searchsorted(given, places, "right") - 1, 0, scalars.maximum(n - 2, 0))
    after = scalars.minimum(k + 1, n - 1)
    x0, y0, x1, y1 = given[k], values[k], given[after], values[after]
    width = x1 - x0
    step = scalars.eq(width, 0)
    slope = scalars.switch(step, 0, (y1 - y0) / scalars.switch(step, 1, width))
    found = slope * (places - x0) + y0
    found = scalars.switch(scalars.ge(places, given[-1]), values[-1], found)
    first = values[0] if left is None else cast(as_variable(left, (dtype,)), dtype)
    found = scalars.switch(scalars.lt(places, given[0]), first, found)
    if right is not None:
        last = cast(as_variable(right, (dtype,)), dtype)
        found = scalars.switch(scalars.gt(places, given[-1]), last, found)
    return scalars.switch(scalars.isnan(places), places, found)


def _unrolled(
    x: Variable, xp: Variable, fp: Variable, period: Any
) -> tuple[Variable, Variable, Variable]:
    """Return places within a period, and sorted points of it with a point more at either end."""
    if not isinstance(period, Variable) and period == 0:
        raise GraphValueError("interp: the period must not be 0", here())
    span = scalars.abs(cast(as_variable(period, (x.type.dtype,)), x.type.dtype))
    within = scalars.mod(xp, span)
    order = argsort(within)
    points, values = within[order], fp[order]
    points = concatenate([points[-1:] - span, points, points[:1] + span])
    return scalars.mod(x, span), points, concatenate([values[-1:], values, values[:1]])
