"""Elements repeated, reversed, and moved on around the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradcore.graph import Variable, as_variable
from gradcore.graph.extents import product
from gradcore.graph.nodes import constant_extent, extents_of
from gradcore.language import LANGUAGE, is_several, word
from gradcore.ops.reduce import normalized_axes
from gradcore.ops.shape import Alloc, DimShuffle, Join, Repeat, Reshape
from gradcore.tensor.shapes import atleast_nd, expand_dims, extent_list, flatten, normalized_axis


def tile(x: Any, reps: Any, ndim: int | None = None) -> Variable:
    """Return ``x`` repeated as a whole, ``reps`` times along each axis.

    Axes known to have extent 1 stretch, as by `broadcast_to`.

    >>> import gradcore.tensor as T
    >>> T.tile([1, 2], (2, 2)).eval().tolist()
    [[1, 2, 1, 2], [1, 2, 1, 2]]
    """
    counts = extent_list(reps, ndim)
    variable = atleast_nd(x, len(counts))
    counts = [1] * (variable.ndim - len(counts)) + counts
    order: list[int | str] = []
    stretched: list[Any] = []
    tiled: list[Any] = []
    for axis, (count, extent) in enumerate(zip(counts, extents_of(variable), strict=True)):
        once = type(count) is int and count == 1
        separate = extent != 1 and not once
        order += ["x", axis] if separate else [axis]
        stretched += [count, extent] if separate else [extent if once else count]
        tiled.append(product((_signed(count), extent)) if separate else stretched[-1])
    if len(order) == variable.ndim:
        return Alloc()(variable, *stretched)
    return Reshape()(Alloc()(DimShuffle(tuple(order))(variable), *stretched), *tiled)


def _signed(count: Any) -> Any:
    """Return a count as int64 if it is of uint64, whose product with an extent is a float.

    What is stretched by the count itself raises where it does not fit.
    """
    if isinstance(count, Variable) and count.type.dtype == "uint64":
        return LANGUAGE["cast"](count, "int64")
    return count


@word
def repeat(x: Any, repeats: Any, axis: int | None = None) -> Variable:
    """Return ``x`` with each element along ``axis`` repeated (of its flat form, for None).

    repeats : how often, an integer scalar for all elements or a vector with one for each.

    An axis known to have extent 1 stretches, as by `broadcast_to`.

    >>> import gradcore.tensor as T
    >>> T.repeat([1, 2], [3, 1]).eval().tolist()
    [1, 1, 1, 2]
    """
    variable = flatten(x) if axis is None else as_variable(x)
    a = normalized_axis(axis or 0, variable.ndim)
    counts = as_variable(repeats)
    if counts.ndim:
        return Repeat(a)(variable, counts)
    extents = list(extents_of(variable))
    if extents[a] == 1:
        return Alloc()(variable, *extents[:a], repeats, *extents[a + 1 :])
    stretched = Alloc()(expand_dims(variable, a + 1), *extents[: a + 1], repeats, *extents[a + 1 :])
    extents[a] = extents[a] * (constant_extent(counts) or _signed(counts))
    return Reshape()(stretched, *extents)


def flip(x: Any, axis: int | Sequence[int] | None = None) -> Variable:
    """Return ``x`` with the order of its elements reversed along ``axis`` (all axes, for None).

    >>> import gradcore.tensor as T
    >>> T.flip([[1, 2], [3, 4]], axis=1).eval().tolist()
    [[2, 1], [4, 3]]
    """
    variable = as_variable(x)
    axes = normalized_axes(
        axis if axis is None or isinstance(axis, int) else tuple(axis), variable.ndim
    )
    return variable[
        tuple(slice(None, None, -1 if a in axes else None) for a in range(variable.ndim))
    ]


def roll(x: Any, shift: Any, axis: int | Sequence[int] | None = None) -> Variable:
    """Return ``x`` with its elements moved on by ``shift`` along ``axis``, around the end.

    Without an axis the flat form is rolled.

    >>> import gradcore.tensor as T
    >>> T.roll([1, 2, 3], 1).eval().tolist()
    [3, 1, 2]
    """
    variable = as_variable(x)
    if axis is None:
        return roll(flatten(variable), shift, 0).reshape(extents_of(variable))
    axes = [axis] if isinstance(axis, int) else list(axis)
    shifts = list(shift) if is_several(shift) else [shift] * len(axes)
    for a, by in zip((normalized_axis(a, variable.ndim) for a in axes), shifts, strict=True):
        n = extents_of(variable)[a]
        if isinstance(n, int) and isinstance(by, int):
            cut: Any = n - by % n if n else 0
        else:
            shift = as_variable(by)
            if shift.type.dtype == "uint64":
                shift = _signed(shift % LANGUAGE["cast"](n, "uint64"))
            cut = n - shift % n
        before = (slice(None),) * a
        variable = Join(a)(
            variable[(*before, slice(cut, None))], variable[(*before, slice(None, cut))]
        )
    return variable
