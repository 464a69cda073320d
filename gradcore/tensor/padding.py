"""Padding: tensors made longer along their axes, in NumPy's eleven modes.

What repeats elements (edge, reflect, symmetric, wrap) reads them at computed places, all axes at
once; the other modes join parts, an axis after the other.  Derivatives follow from either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gradcore.errors import GraphTypeError, GraphValueError, choices
from gradcore.graph import Extent, Variable, as_variable, here
from gradcore.graph.extents import smaller
from gradcore.graph.nodes import constant_extent, extents_of
from gradcore.language import is_several
from gradcore.ops import scalars
from gradcore.tensor import reductions
from gradcore.tensor.creation import arange, full
from gradcore.tensor.elementwise import cast
from gradcore.tensor.grids import ix_
from gradcore.tensor.indexing import set_subtensor
from gradcore.tensor.shapes import broadcast_to, concatenate
from gradcore.tensor.statistics import median

Pair = tuple[Any, Any]


def pad(x: Any, pad_width: Any, mode: str = "constant", **options: Any) -> Variable:
    """Return ``x`` with elements before and behind it along each axis.

    pad_width : how many: one number for all sides, a pair (before, behind) for all axes, a pair for
        each axis, or a dict from axes to pairs.  They may be integer scalars of the graph.
    mode : what stands there:

        - "constant": ``constant_values`` (0),
        - "edge": the element at the edge,
        - "linear_ramp": a ramp from the edge to ``end_values`` (0),
        - "maximum", "minimum", "mean", "median": that of ``stat_length`` elements (None: all) next
          to the edge,
        - "reflect", "symmetric": what mirrors make of it, on the elements at the edges or behind
          them; with ``reflect_type="odd"`` differences from the edge have the other sign,
        - "wrap": it again,
        - "empty": 0; any number may be expected.

    Options are given as ``pad_width`` is.  The dtype is that of ``x``; means of integers are
    rounded, halves to even.

    Raises GraphValueError: another mode, an option that it does not have, a width that is negative.

    >>> import gradcore.tensor as T
    >>> T.pad([1, 2, 3], (2, 1), "reflect").eval().tolist()
    [3, 2, 1, 2, 3, 2]
    """
    variable = as_variable(x)
    if mode not in MODES:
        raise GraphValueError(f"pad knows no mode {mode!r}", here(), choices(mode, MODES, "modes"))
    allowed = MODES[mode]
    for name in options:
        if name not in allowed:
            raise GraphValueError(
                f"pad in mode {mode!r} has no option {name!r}",
                here(),
                choices(name, allowed, "options"),
            )
    widths = _widths(pad_width, variable.ndim)
    if not variable.ndim:
        return variable
    if mode in PLACES:
        return _read(variable, widths, mode, options.get("reflect_type", "even"))
    if mode in ("constant", "empty"):
        return _filled(variable, widths, options.get("constant_values", 0))
    if mode == "linear_ramp":
        return _ramped(variable, widths, options.get("end_values", 0))
    return _with_statistics(variable, widths, STATISTICS[mode], options.get("stat_length"))


# arguments --------------------------------------------------------------------------------------
def _pairs(given: Any, ndim: int, what: str) -> list[Pair]:
    """Return a pair for each axis: of one thing, a pair, or pairs."""
    if isinstance(given, Mapping):
        found: list[Pair] = [(0, 0)] * ndim
        for axis, item in given.items():  # pyright: ignore[reportUnknownVariableType] - of ints or pairs
            found[axis] = _pair(item)
        return found
    if not is_several(given):
        table = getattr(given, "tolist", None)
        if table is not None and getattr(given, "ndim", 0) and not isinstance(given, Variable):
            return _pairs(table(), ndim, what)
        return [(given, given)] * ndim
    if not any(is_several(item) for item in given):
        return [_pair(given)] * ndim
    pairs = [_pair(item) for item in given]
    if len(pairs) not in (1, ndim):
        raise GraphValueError(f"pad: {what} has {len(pairs)} pairs for {ndim} axes", here())
    return pairs * (ndim if len(pairs) == 1 else 1)


def _pair(item: Any) -> Pair:
    if not is_several(item):
        return item, item
    if len(item) not in (1, 2):
        raise GraphValueError(f"pad: {item} is not a number before and one behind", here())
    return item[0], item[-1]


def _widths(given: Any, ndim: int) -> list[Pair]:
    """Return how much to add before and behind each axis, ints where they are known."""
    return [(_width(low), _width(high)) for low, high in _pairs(given, ndim, "pad_width")]


def _width(given: Any) -> Extent:
    variable = as_variable(given)
    if variable.ndim or not variable.type.is_discrete:
        raise GraphTypeError(f"pad: a width is an integer, not {given}", here())
    known = constant_extent(variable)
    if known is not None and known < 0:
        raise GraphValueError(f"pad: the width {known} is negative", here())
    return cast(variable, "int64") if known is None else known


# modes that read --------------------------------------------------------------------------------
def _edge(i: Variable, n: Extent) -> Variable:
    return scalars.clip(i, 0, n - 1)


def _wrap(i: Variable, n: Extent) -> Variable:
    return i % n


def _symmetric(i: Variable, n: Extent) -> Variable:
    turn = i % (2 * n)
    return scalars.minimum(turn, 2 * n - 1 - turn)


def _reflect(i: Variable, n: Extent) -> Variable:
    turn = i % _period(n)
    return scalars.minimum(turn, 2 * n - 2 - turn) if n != 1 else turn


def _period(n: Extent) -> Extent:
    """Return after how many places a reflection comes again: one element is its own."""
    return max(2 * n - 2, 1) if isinstance(n, int) else scalars.maximum(2 * n - 2, 1)


PLACES: dict[str, Callable[[Variable, Extent], Variable]] = {
    "edge": _edge, "wrap": _wrap, "symmetric": _symmetric, "reflect": _reflect,
}  # fmt: skip
"""Which element stands at place i of an axis of n, for i from before 0 to behind n."""


def _read(x: Variable, widths: Sequence[Pair], mode: str, reflect_type: str) -> Variable:
    if reflect_type not in ("even", "odd"):
        raise GraphValueError(f"pad: reflect_type is even or odd, not {reflect_type!r}", here())
    if reflect_type == "odd":
        for axis, pair in enumerate(widths):
            x = _odd(x, axis, pair, mode) if pair != (0, 0) else x
        return x
    places = [
        PLACES[mode](_around(n, pair), n) for n, pair in zip(extents_of(x), widths, strict=True)
    ]
    return x[ix_(*places)]


def _around(n: Extent, pair: Pair) -> Variable:
    """Return the numbers of places, those before the first one negative."""
    low, high = pair
    return arange(n + low + high) - low


def _odd(x: Variable, axis: int, pair: Pair, mode: str) -> Variable:
    """Reflect differences: each turn adds twice the step from the first to the last element.

    On the way back, what a mirror shows is as far beyond the last element as it was before it.
    """
    n = extents_of(x)[axis]
    before = (slice(None),) * axis
    i = _around(n, pair)
    place = PLACES[mode](i, n)
    period = 2 * n if mode == "symmetric" else _period(n)
    turns, back = i // period, scalars.ge(i % period, n)
    rest = ["x"] * (x.ndim - axis - 1)
    turns, back = (v.dimshuffle(*["x"] * axis, 0, *rest) for v in (turns, back))
    first, last = x[(*before, slice(None, 1))], x[(*before, slice(-1, None))]
    first, last = (_one_wide(v, axis) for v in (first, last))
    seen = x[(*before, place)]
    found = scalars.switch(back, 2 * last - seen, seen) + 2 * (last - first) * turns
    return cast(found, x.type.dtype)


def _one_wide(x: Variable, axis: int) -> Variable:
    """Return a slice of one element, whose extent is known to be 1 then."""
    before = (slice(None),) * axis
    return x[(*before, 0)].dimshuffle(*range(axis), "x", *range(axis, x.ndim - 1))


# modes that join --------------------------------------------------------------------------------
def _filled(x: Variable, widths: Sequence[Pair], values: Any) -> Variable:
    pairs = _pairs(values, x.ndim, "constant_values")
    own, dtype = extents_of(x), x.type.dtype
    one = pairs[0][0]
    if all(v is one or (not isinstance(v, Variable) and v == one) for pair in pairs for v in pair):
        shape = [n + low + high for n, (low, high) in zip(own, widths, strict=True)]
        inside = tuple(slice(low, low + n) for n, (low, _) in zip(own, widths, strict=True))
        return set_subtensor(full(shape, cast(one, dtype))[inside], x)
    for axis, (width, pair) in enumerate(zip(widths, pairs, strict=True)):
        sides = [_slab(x, axis, n, cast(v, dtype)) for n, v in zip(width, pair, strict=True)]
        x = concatenate([sides[0], x, sides[1]], axis)
    return x


def _slab(x: Variable, axis: int, width: Extent, value: Variable) -> Variable:
    """Return ``value``, stretched to the shape of ``x`` with another extent along ``axis``."""
    shape = list(extents_of(x))
    shape[axis] = width
    return broadcast_to(value, shape)


def _ramped(x: Variable, widths: Sequence[Pair], values: Any) -> Variable:
    for axis, ((low, high), pair) in enumerate(
        zip(widths, _pairs(values, x.ndim, "end_values"), strict=True)
    ):
        first, last = (as_variable(v, (x.type.dtype,)) for v in pair)
        before = (slice(None),) * axis
        up = _ramp(first, _one_wide(x[(*before, slice(None, 1))], axis), low, axis)
        down = _ramp(last, _one_wide(x[(*before, slice(-1, None))], axis), high, axis)
        down = down[(*before, slice(None, None, -1))]
        x = concatenate([up, x, down], axis)
    return x


def _ramp(start: Variable, edge: Variable, width: Extent, axis: int) -> Variable:
    """Return ``width`` places from ``start`` on towards an edge, which is not among them."""
    dtype = edge.type.dtype if edge.type.is_float else "float64"
    steps = arange(width).dimshuffle(*("x" if a != axis else 0 for a in range(edge.ndim)))
    first, gap = cast(start, dtype), cast(edge, dtype) - cast(start, dtype)
    count = cast(scalars.maximum(width, 1), dtype)
    found = first + cast(steps, dtype) * (gap / count)
    return cast(found if edge.type.is_float else scalars.floor(found), edge.type.dtype)


STATISTICS: dict[str, Callable[..., Variable]] = {
    "maximum": reductions.max, "minimum": reductions.min,
    "mean": reductions.mean, "median": median,
}  # fmt: skip


def _with_statistics(
    x: Variable, widths: Sequence[Pair], statistic: Callable[..., Variable], lengths: Any
) -> Variable:
    for axis, (width, pair) in enumerate(
        zip(widths, _pairs(lengths, x.ndim, "stat_length"), strict=True)
    ):
        n, before = extents_of(x)[axis], (slice(None),) * axis
        sides: list[Variable] = []
        for side, (count, length) in enumerate(zip(width, pair, strict=True)):
            most = n if length is None else smaller(n, length)
            part = slice(n - most, None) if side else slice(None, most)
            found = statistic(x[(*before, part)], axis, keepdims=True)
            if x.type.is_discrete and found.type.is_float:
                found = scalars.round_half_to_even(found)
            sides.append(_slab(x, axis, count, cast(found, x.type.dtype)))
        x = concatenate([sides[0], x, sides[1]], axis)
    return x


MODES: dict[str, Sequence[str]] = {
    "constant": ("constant_values",), "empty": (), "edge": (), "wrap": (),
    "linear_ramp": ("end_values",),
    **dict.fromkeys(STATISTICS, ("stat_length",)),
    **dict.fromkeys(("reflect", "symmetric"), ("reflect_type",)),
}  # fmt: skip
"""The modes, and the options of each."""
