"""Counts by place: `bincount` and histograms, each written by one scatter.

Extents that depend on data, as those of `bincount`, are known when it runs.
"""

from __future__ import annotations

import builtins
from typing import Any

from gradcore.errors import GraphTypeError, GraphValueError, UnsupportedError
from gradcore.graph import Variable, as_variable, here
from gradcore.graph.extents import product
from gradcore.graph.nodes import constant_extent, extents_of
from gradcore.language import is_several, word
from gradcore.ops import scalars
from gradcore.ops.control import Assert
from gradcore.ops.elementwise import floating
from gradcore.tensor import reductions
from gradcore.tensor.creation import linspace, zeros
from gradcore.tensor.cumulative import diff
from gradcore.tensor.elementwise import cast
from gradcore.tensor.indexing import inc_subtensor
from gradcore.tensor.searching import searchsorted
from gradcore.tensor.shapes import concatenate, flatten, reshape, stack


def natural(index: Variable, name: str) -> Variable:
    """Return integers, none of which may be negative, as int64."""
    if not index.type.is_discrete:
        raise GraphTypeError(f"{name} takes integers, not {index} ({index.type})", here())
    wide = cast(index, "int64")
    if index.type.dtype == "bool" or index.type.dtype.startswith("uint"):
        return wide
    return Assert(f"{name}: a number is negative", GraphValueError)(wide, scalars.ge(wide, 0).all())


def one_more(index: Variable, least: Any) -> Variable:
    """Return the largest of integers plus 1, and ``least`` if that is more, or there are none."""
    floor = reshape(cast(least, "int64") - 1, (1,))
    return reductions.max(concatenate([flatten(index), floor])) + 1


@word
def bincount(x: Any, weights: Any = None, minlength: Any = 0) -> Variable:
    """Return how often each natural number comes in ``x``, from 0 to the largest; int64.

    x : a vector of integers, none negative.
    weights : what each counts for instead of 1; the result has their dtype then, as Theano's and
        JAX's (NumPy's is float64).
    minlength : how long the result is at least.

    Raises GraphTypeError: no vector of integers; GraphValueError, when it runs: a negative
    one.

    >>> import gradcore.tensor as T
    >>> T.bincount([0, 3, 3]).eval().tolist()
    [1, 0, 0, 2]
    """
    index = as_variable(x)
    if index.ndim != 1:
        raise GraphTypeError(f"bincount takes a vector, not {index} ({index.type})", here())
    if (known := constant_extent(as_variable(minlength))) is not None and known < 0:
        raise GraphValueError(f"bincount: minlength={known} is negative", here())
    index = natural(index, "bincount")
    counted = _weights(weights)
    counts = zeros((one_more(index, minlength),), counted.type.dtype)
    return inc_subtensor(counts[index], counted)


def _weights(given: Any) -> Variable:
    """Return what elements count for: numbers, 1 as int64 by default."""
    weights = as_variable(1 if given is None else given)
    whole = given is None or weights.type.dtype == "bool"
    return cast(weights, "int64") if whole else weights


# histograms -------------------------------------------------------------------------------------
def _range(x: Variable, given: Any) -> tuple[Variable, Variable]:
    """Return the outer edges of the bins, as NumPy chooses them; floats."""
    dtype = floating(x.type.dtype)
    if given is not None:
        first, last = (cast(as_variable(v, (dtype,)), dtype) for v in given)
        fits = scalars.le(first, last)
    else:
        # of nothing, from 0 to 1
        some = scalars.gt(as_variable(extents_of(x)[0]), 0)
        wide = concatenate([cast(x, dtype), reshape(cast(0.0, dtype), (1,))])
        places = scalars.switch(some, extents_of(x)[0], 1)
        first, last = reductions.min(wide[:places]), reductions.max(wide[:places])
        last = scalars.switch(some, last, 1)
        fits = scalars.isfinite(last - first)
    message = "histogram: the range is not finite, or its ends are exchanged"
    first = Assert(message, GraphValueError)(first, fits)
    same = scalars.eq(first, last)
    return scalars.switch(same, first - 0.5, first), scalars.switch(same, last + 0.5, last)


def histogram_bin_edges(x: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Variable:
    """Return the edges of the bins of a `histogram`, a vector of one more than there are bins.

    >>> import gradcore.tensor as T
    >>> T.histogram_bin_edges([1.0, 2.0, 5.0], bins=4).eval().tolist()
    [1.0, 2.0, 3.0, 4.0, 5.0]
    """
    flat = flatten(x)
    if isinstance(bins, str):
        raise UnsupportedError(
            f"histogram: bins={bins!r}: bins that depend on data by a rule are not supported",
            here(),
            "give how many there are, or a vector of edges",
        )
    edges = as_variable(bins)
    if edges.ndim == 1:
        return edges
    if edges.ndim or not edges.type.is_discrete:
        raise GraphTypeError(f"bins are an integer or a vector, not {edges} ({edges.type})", here())
    if (known := constant_extent(edges)) is not None and known < 1:
        raise GraphValueError(f"histogram: bins={known} must be positive", here())
    first, last = _range(flat, range)
    return linspace(first, last, edges + 1)


def _binned(x: Variable, edges: Variable) -> tuple[Variable, Variable]:
    """Return the numbers of the bins of elements, and which lie in one."""
    place = searchsorted(edges, x, "right") - 1
    place = scalars.switch(scalars.eq(x, edges[-1]), extents_of(edges)[0] - 2, place)
    return place, scalars.ge(x, edges[0]) & scalars.le(x, edges[-1])


def histogram(
    x: Any, bins: Any = 10, range: Any = None, density: bool = False, weights: Any = None
) -> tuple[Variable, Variable]:
    """Return how many elements of ``x`` lie in each bin, and the edges of the bins.

    bins : how many bins of equal width there are; or their edges, a vector in ascending order.
    range : the outer edges; by default the smallest and the largest element.
    density : return floats that integrate to 1.
    weights : what each element counts for instead of 1; of the shape of ``x``.

    A bin includes its left edge, the last one both.  Counts are int64, or of the dtype of the
    weights.  Derivatives go to weights and edges, not through counts.

    Raises GraphValueError, when it runs: a range that is not finite.

    >>> import gradcore.tensor as T
    >>> counts, edges = T.histogram([0.0, 1.0, 2.0, 2.0], 2)
    >>> counts.eval().tolist(), edges.eval().tolist()
    ([1, 3], [0.0, 1.0, 2.0])
    """
    flat = flatten(x)
    edges = histogram_bin_edges(flat, bins, range)
    n = extents_of(edges)[0] - 1
    place, inside = _binned(flat, edges)
    counted = _weights(weights)
    counted = scalars.switch(
        inside, flatten(counted) if counted.ndim else counted, cast(0, counted.type.dtype)
    )
    counts = zeros((n,), counted.type.dtype)
    found = inc_subtensor(counts[scalars.switch(inside, place, 0)], counted)
    if density:
        dtype = floating(found.type.dtype, edges.type.dtype)
        found = cast(found, dtype)
        found = found / diff(edges) / reductions.sum(found)
    return found, edges


def histogramdd(
    sample: Any, bins: Any = 10, range: Any = None, density: bool = False, weights: Any = None
) -> tuple[Variable, list[Variable]]:
    """Return how many points lie in each cell of a grid, and the edges along each axis.

    sample : points as the rows of a matrix, with a known number of columns.
    bins : how many bins there are, or their edges: one for all axes, or one for each.
    range : the outer edges along each axis, pairs.
    density, weights : as those of `histogram`; counts are floats, as NumPy's.

    Raises GraphTypeError: no such matrix.

    >>> import gradcore.tensor as T
    >>> counts, edges = T.histogramdd([[0.0, 0.0], [1.0, 1.0], [1.0, 1.0]], bins=2)
    >>> counts.eval().tolist(), edges[0].eval().tolist()
    ([[1.0, 0.0], [0.0, 2.0]], [0.0, 0.5, 1.0])
    """
    points = as_variable(sample)
    if points.ndim != 2 or points.type.shape[1] is None:
        raise GraphTypeError(
            f"histogramdd takes points, the rows of a matrix of known width, not {points.type}",
            here(),
        )
    columns = [points[:, a] for a in builtins.range(points.type.shape[1])]
    given = list(bins) if is_several(bins) else [bins] * len(columns)
    spans = [None] * len(columns) if range is None else list(range)
    edges = [
        histogram_bin_edges(x, b, span) for x, b, span in zip(columns, given, spans, strict=True)
    ]
    flat: Any = 0
    inside: Any = as_variable(True)
    shape: list[Any] = []
    for x, edge in zip(columns, edges, strict=True):
        place, within = _binned(x, edge)
        n = extents_of(edge)[0] - 1
        flat, inside = flat * n + scalars.switch(within, place, 0), inside & within
        shape.append(n)
    dtype = floating(points.type.dtype)
    counted = scalars.switch(inside, cast(1 if weights is None else weights, dtype), 0)
    found = inc_subtensor(zeros((product(tuple(shape)),), dtype)[flat], counted)
    found = reshape(found, shape)
    if density:
        for a, edge in enumerate(edges):
            others = ("x" if i != a else 0 for i in builtins.range(len(edges)))
            found = found / diff(edge).dimshuffle(*others)
        found = found / reductions.sum(counted)
    return found, edges


def histogram2d(
    x: Any, y: Any, bins: Any = 10, range: Any = None, density: bool = False, weights: Any = None
) -> tuple[Variable, Variable, Variable]:
    """Return how many points lie in each cell, and the edges in ``x`` and in ``y``.

    Arguments as those of `histogramdd`.

    >>> import gradcore.tensor as T
    >>> T.histogram2d([0.0, 1.0, 1.0], [0.0, 0.0, 1.0], 2)[0].eval().tolist()
    [[1.0, 0.0], [1.0, 1.0]]
    """
    both = stack([flatten(x), flatten(y)], 1)
    counts, (first, second) = histogramdd(both, bins, range, density, weights)
    return counts, first, second
