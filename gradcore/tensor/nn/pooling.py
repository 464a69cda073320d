"""Pooling: the largest element, the mean or the sum of windows, of parts, or of all places.

Tensors are of shape (examples, channels, places along each spatial axis), with any number of
spatial axes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcore.graph import Extent, Variable, as_variable
from gradcore.graph.extents import larger, product, smaller
from gradcore.graph.nodes import extents_of
from gradcore.ops.create import Arange
from gradcore.ops.elementwise import floating
from gradcore.ops.scalars import switch
from gradcore.tensor.creation import ones
from gradcore.tensor.elementwise import cast
from gradcore.tensor.nn.windows import Slide, padded, paddings, spatial, steps, windows
from gradcore.tensor.products import tensordot
from gradcore.tensor.reductions import max as max_
from gradcore.tensor.reductions import mean
from gradcore.tensor.reductions import sum as sum_
from gradcore.tensor.shapes import expand_dims, moveaxis


def max_pool(
    x: Any,
    window: Any,
    strides: Any = None,
    padding: Any = "valid",
    dilation: Any = 1,
    ceil: bool = False,
) -> Variable:
    """Return the largest element of each window.

    x : of shape (examples, channels, places along each spatial axis).
    window : how many places a window has, a positive int, or one for each spatial axis.
    strides : how far windows are from each other; by default as far as they are long.
    padding : as of `conv`; what is added is in no window the largest.
    dilation : how far the places of a window are from each other.
    ceil : whether the last window of an axis may reach over its end, if it begins before that or in
        the padding before: Theano's ``ignore_border=False``.

    Returns a tensor of shape (examples, channels, ``(n + padding - span) // stride + 1`` along each
    axis), with ``ceil`` the quotient rounded up.  NaN wins; of equal elements, all share the
    derivative.

    Raises what `conv` raises.

    >>> import gradcore.tensor as T
    >>> T.nn.max_pool([[[1.0, 5.0, 3.0, 2.0, 9.0]]], 2).eval().tolist()
    [[[5.0, 3.0]]]
    """
    variable = as_variable(x)
    slide, pads = _slid("max_pool", variable, window, strides, padding, dilation, ceil)
    return max_(windows(padded(variable, pads, _least(x)), slide), _within(slide))


def sum_pool(
    x: Any,
    window: Any,
    strides: Any = None,
    padding: Any = "valid",
    dilation: Any = 1,
    ceil: bool = False,
) -> Variable:
    """Return the sum of each window; arguments and result are those of `max_pool`.

    >>> import gradcore.tensor as T
    >>> T.nn.sum_pool([[[1.0, 5.0, 3.0, 2.0, 9.0]]], 3, strides=1).eval().tolist()
    [[[9.0, 10.0, 14.0]]]
    >>> T.nn.sum_pool([[[1.0, 5.0, 3.0, 2.0, 9.0]]], 3, ceil=True).eval().tolist()
    [[[9.0, 11.0]]]
    """
    variable = as_variable(x)
    slide, pads = _slid("sum_pool", variable, window, strides, padding, dilation, ceil)
    return sum_(windows(padded(variable, pads), slide), _within(slide))


def average_pool(
    x: Any,
    window: Any,
    strides: Any = None,
    padding: Any = "valid",
    dilation: Any = 1,
    include_padding: bool = True,
    ceil: bool = False,
) -> Variable:
    """Return the mean of each window, a float.

    include_padding : whether what is added counts, as zeros; else means are of what was there.
    ceil : as of `max_pool`; what a window reaches over behind the padding does not count.

    The other arguments and the result are those of `max_pool`.

    >>> import gradcore.tensor as T
    >>> T.nn.average_pool([[[1.0, 5.0, 3.0, 2.0]]], 2, padding=((1, 1),)).eval().tolist()
    [[[0.5, 4.0, 1.0]]]
    >>> T.nn.average_pool([[[1.0, 5.0, 3.0]]], 2, ceil=True).eval().tolist()
    [[[3.0, 3.0]]]
    """
    variable = as_variable(x)
    variable = cast(variable, floating(variable.type.dtype))
    slide, pads = _slid("average_pool", variable, window, strides, padding, dilation, ceil)
    total = sum_(windows(padded(variable, pads), slide), _within(slide))
    if include_padding and not ceil:
        return total / cast(as_variable(product(slide.sizes)), total.dtype)
    places = extents_of(variable)[2:]
    counted = paddings(padding, places, slide) if include_padding else [(0, 0)] * len(places)
    for axis, (n, pair, (low, high)) in enumerate(zip(places, pads, counted, strict=True)):
        own = Slide(*((part[axis],) for part in slide))
        around = (pair[0] - low, pair[1] - high)
        there = padded(ones((low + n + high,), total.dtype), [around])
        count = sum_(windows(there, own), 0)
        total = total / expand_dims(count, tuple(range(1, len(places) - axis)))
    return total


def _slid(
    name: str, x: Variable, window: Any, strides: Any, padding: Any, dilation: Any, ceil: bool
) -> tuple[Slide, list[tuple[Extent, Extent]]]:
    """Return how windows slide, and the places before and behind ``x`` that they reach over."""
    rank = spatial(x, name)
    sizes = steps(window, rank, "window")
    slide = Slide(
        sizes,
        sizes if strides is None else steps(strides, rank, "strides"),
        steps(dilation, rank, "dilation"),
    )
    extents = extents_of(x)[2:]
    pads = paddings(padding, extents, slide)
    if not ceil:
        return slide, pads
    reached: list[tuple[Extent, Extent]] = []
    for n, (low, high), stride, span in zip(extents, pads, slide.strides, slide.spans, strict=True):
        behind = low + n + high - span
        last = smaller((behind + stride - 1) // stride, (low + n - 1) // stride)
        reached.append((low, high + larger(last * stride - behind, 0)))
    return slide, reached


def _within(slide: Slide) -> tuple[int, ...]:
    """Return the axes within a window."""
    return tuple(range(2, 2 + len(slide.sizes)))


def _least(x: Any) -> Any:
    """Return the number of the dtype of ``x`` that is less than all others."""
    dtype = as_variable(x).type
    if dtype.is_float:
        return -np.inf
    return False if dtype.dtype == "bool" else int(np.iinfo(dtype.dtype).min)


# all places, and parts --------------------------------------------------------------------------
def global_max_pool(x: Any) -> Variable:
    """Return the largest element of each channel: of shape (examples, channels).

    >>> import gradcore.tensor as T
    >>> T.nn.global_max_pool([[[1.0, 5.0, 3.0]]]).eval().tolist()
    [[5.0]]
    """
    variable = as_variable(x)
    return max_(variable, tuple(range(2, 2 + spatial(variable, "global_max_pool"))))


def global_average_pool(x: Any) -> Variable:
    """Return the mean of each channel: of shape (examples, channels).

    >>> import gradcore.tensor as T
    >>> T.nn.global_average_pool([[[1.0, 5.0, 3.0]]]).eval().tolist()
    [[3.0]]
    """
    variable = as_variable(x)
    return mean(variable, tuple(range(2, 2 + spatial(variable, "global_average_pool"))))


def adaptive_max_pool(x: Any, places: Any) -> Variable:
    """Return the largest elements of as many parts as ``places`` says, along each axis.

    places : how many parts, a positive int, or one for each spatial axis.  Part i of k of an axis
        of n goes from ``i * n // k`` up to ``ceil((i + 1) * n / k)``, as in torch: parts overlap
        where k does not divide n.

    >>> import gradcore.tensor as T
    >>> T.nn.adaptive_max_pool([[[1.0, 5.0, 3.0, 2.0, 4.0]]], 2).eval().tolist()
    [[[5.0, 4.0]]]
    """
    found = as_variable(x)
    least = _least(found)
    for axis, (n, k) in _parts("adaptive_max_pool", found, places):
        inside, _ = _membership(n, k)
        spread = expand_dims(moveaxis(found, axis, -1), -2)
        found = moveaxis(max_(switch(inside, spread, least), -1), -1, axis)
    return found


def adaptive_average_pool(x: Any, places: Any) -> Variable:
    """Return the means of as many parts as ``places`` says, along each axis.

    The parts are those of `adaptive_max_pool`.

    >>> import gradcore.tensor as T
    >>> T.nn.adaptive_average_pool([[[1.0, 5.0, 3.0, 2.0, 4.0]]], 2).eval().tolist()
    [[[3.0, 3.0]]]
    """
    found = as_variable(x)
    found = cast(found, floating(found.type.dtype))
    for axis, (n, k) in _parts("adaptive_average_pool", found, places):
        inside, count = _membership(n, k)
        weights = cast(inside, found.dtype) / cast(count, found.dtype)
        found = moveaxis(tensordot(found, weights, [[axis], [1]]), -1, axis)
    return found


def _parts(name: str, x: Variable, places: Any) -> list[tuple[int, tuple[Extent, int]]]:
    """Return for each spatial axis its extent and how many parts it is cut into."""
    rank = spatial(x, name)
    counts = steps(places, rank, "places")
    return list(enumerate(zip(extents_of(x)[2:], counts, strict=True), 2))


def _membership(n: Extent, k: int) -> tuple[Variable, Variable]:
    """Return whether place j is in part i, and how many are in each, a column."""
    part, place = expand_dims(Arange()(as_variable(k)), 1), Arange()(as_variable(n))
    start, stop = part * n // k, ((part + 1) * n + (k - 1)) // k
    return (place >= start) & (place < stop), stop - start
