"""Differences, integrals and convolutions along axes, and products of vectors and blocks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from gradcore.errors import GraphTypeError, GraphValueError, ShapeError
from gradcore.graph import Extent, Variable, as_variable, here, upcast
from gradcore.graph.extents import choose, larger, smaller
from gradcore.graph.nodes import extents_of
from gradcore.language import is_several
from gradcore.ops.elementwise import floating
from gradcore.ops.reduce import normalized_axes
from gradcore.ops.scalars import abs, eq, mod, switch
from gradcore.ops.shape_values import SpecifyShape
from gradcore.tensor.complexes import conj
from gradcore.tensor.cumulative import cumsum, diff
from gradcore.tensor.elementwise import cast
from gradcore.tensor.indexing import take
from gradcore.tensor.nn.convolution import conv1d
from gradcore.tensor.reductions import sum as sum_
from gradcore.tensor.repeats import flip
from gradcore.tensor.shapes import concatenate, flatten, moveaxis, normalized_axis, stack


# differences and integrals ----------------------------------------------------------------------
def ediff1d(x: Any, to_end: Any = None, to_begin: Any = None) -> Variable:
    """Return the differences of neighbours in the flat form, between what is put at its ends.

    >>> import gradcore.tensor as T
    >>> T.ediff1d([1, 4, 9], to_end=[0]).eval().tolist()
    [3, 5, 0]
    """
    flat = flatten(x)
    found = diff(flat)
    parts = [
        v if v is found else flatten(cast(v, found.type.dtype))
        for v in (to_begin, found, to_end)
        if v is not None
    ]
    return concatenate(parts) if len(parts) > 1 else found


def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Return the slopes of sampled values along axes, by central differences inside.

    f : values, a tensor; along each axis at least ``edge_order + 1``.
    varargs : the distance of neighbours, 1 by default; one for all axes or one for each, or
        vectors of the places along them.
    axis : along which axes; all, for None.
    edge_order : 1 or 2, the order of the differences at both ends.

    One tensor for one axis, else a tuple.  It is second order inside, also where places are not
    even; derivatives of expressions are `T.grad`.

    Raises GraphTypeError: distances that do not fit the axes; GraphValueError: another order, or
    fewer values than are needed, where that is known.

    >>> import gradcore.tensor as T
    >>> T.gradient([1.0, 2.0, 4.0, 7.0]).eval().tolist()
    [1.0, 1.5, 2.5, 3.0]
    """
    variable = as_variable(f)
    variable = cast(variable, floating(variable.type.dtype))
    if edge_order not in (1, 2):
        raise GraphValueError(f"gradient: edge_order is 1 or 2, not {edge_order}", here())
    axes = normalized_axes(axis, variable.ndim)
    if is_several(axis):
        axes = tuple(normalized_axis(a, variable.ndim) for a in axis)
    steps: list[Any] = list(varargs) or [1.0]
    if len(steps) == 1 and (len(axes) == 1 or not as_variable(steps[0]).ndim):
        steps = steps * len(axes)
    if len(steps) != len(axes):
        raise GraphTypeError(f"gradient: {len(steps)} distances for {len(axes)} axes", here())
    found = [_slope(variable, h, a, edge_order) for h, a in zip(steps, axes, strict=True)]
    return found[0] if len(found) == 1 else tuple(found)


def _slope(f: Variable, step: Any, axis: int, edge_order: int) -> Variable:
    n = f.type.shape[axis]
    if n is not None and n < edge_order + 1:
        raise GraphValueError(
            f"gradient: axis {axis} has {n} values, it takes {edge_order + 1} at least", here()
        )
    h = as_variable(step, (f.type.dtype,))
    if h.ndim > 1:
        raise GraphTypeError(f"gradient: places along an axis are a vector, not {h.type}", here())
    y = moveaxis(f, axis, 0)
    found = _uneven(y, h, edge_order) if h.ndim else _even(y, h, edge_order)
    return moveaxis(cast(found, f.type.dtype), 0, axis)


def _even(y: Variable, h: Variable, edge_order: int) -> Variable:
    inside = (y[2:] - y[:-2]) / (2.0 * h)
    if edge_order == 1:
        first, last = (y[1:2] - y[:1]) / h, (y[-1:] - y[-2:-1]) / h
    else:
        first = -1.5 / h * y[:1] + 2.0 / h * y[1:2] - 0.5 / h * y[2:3]
        last = 0.5 / h * y[-3:-2] - 2.0 / h * y[-2:-1] + 1.5 / h * y[-1:]
    return concatenate([first, inside, last])


def _uneven(y: Variable, places: Variable, edge_order: int) -> Variable:
    """Return slopes by the parabola through three neighbours, whose distances differ."""
    gaps = cast(diff(places), floating(places.type.dtype)).dimshuffle(0, *["x"] * (y.ndim - 1))
    d1, d2 = gaps[:-1], gaps[1:]
    inside = (
        -d2 / (d1 * (d1 + d2)) * y[:-2]
        + (d2 - d1) / (d1 * d2) * y[1:-1]
        + d1 / (d2 * (d1 + d2)) * y[2:]
    )
    if edge_order == 1:
        first, last = (y[1:2] - y[:1]) / gaps[:1], (y[-1:] - y[-2:-1]) / gaps[-1:]
    else:
        first = _edge(y[:1], y[1:2], y[2:3], gaps[:1], gaps[1:2])
        last = -_edge(y[-1:], y[-2:-1], y[-3:-2], gaps[-1:], gaps[-2:-1])
    return concatenate([first, inside, last])


def _edge(y0: Variable, y1: Variable, y2: Variable, d1: Variable, d2: Variable) -> Variable:
    """Return the slope at the first of three places."""
    return (
        -(2.0 * d1 + d2) / (d1 * (d1 + d2)) * y0
        + (d1 + d2) / (d1 * d2) * y1
        - d1 / (d2 * (d1 + d2)) * y2
    )


def unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: Any = 2 * math.pi) -> Variable:
    """Return angles with whole periods added, so that no step is larger than half of one.

    discont : steps of at most so much, which is more than half a period, stay.

    Angles are floats (NumPy takes integers with an integer period, too).

    >>> import gradcore.tensor as T
    >>> T.unwrap([0.0, 3.0, -3.0]).eval().round(4).tolist()
    [0.0, 3.0, 3.2832]
    """
    angles = as_variable(p)
    angles = cast(angles, floating(angles.type.dtype))
    steps = diff(angles, axis=axis)
    half = period / 2
    short = mod(steps + half, period) - half
    short = switch(eq(short, -half) & (steps > 0), half, short)
    added = switch(abs(steps) < (half if discont is None else discont), 0, short - steps)
    whole = concatenate([take(angles, [0], axis) * 0, cumsum(added, axis)], axis)
    return angles + whole


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Variable:
    """Return the integral of sampled values along ``axis`` by the trapezoidal rule, a float.

    x : the places: a vector, or of the shape of ``y``; by default ``dx`` from each other.

    Integers are summed as floats, in which they do not wrap.

    >>> import gradcore.tensor as T
    >>> float(T.trapezoid([1.0, 2.0, 3.0]).eval())
    4.0
    """
    values = as_variable(y)
    values = cast(values, floating(values.type.dtype))
    a = normalized_axis(axis, values.ndim)
    before = (slice(None),) * a
    if x is None:
        gaps = as_variable(dx, (values.type.dtype,))
    else:
        places = as_variable(x)
        places = cast(places, floating(places.type.dtype))
        if places.ndim == 1:
            gaps = diff(places).dimshuffle(*(0 if i == a else "x" for i in range(values.ndim)))
        else:
            gaps = diff(places, axis=a)
    pairs = values[(*before, slice(1, None))] + values[(*before, slice(None, -1))]
    return sum_(gaps * pairs / 2.0, a)


# convolutions -----------------------------------------------------------------------------------
def convolve(a: Any, v: Any, mode: str = "full") -> Variable:
    """Return the convolution of two vectors: ``out[k] = sum(a[i] * v[k - i], over i)``.

    mode : "full": all of it; "same": as long as the longer one, from the middle; "valid": where
        the shorter one lies within the longer one.

    Convolutions of more axes, of channels and of batches are those of `T.nn`.

    Raises GraphTypeError: no vectors; GraphValueError: an empty one, or another ``mode``.

    >>> import gradcore.tensor as T
    >>> T.convolve([1, 2, 3], [1, 1]).eval().tolist()
    [1, 3, 5, 3]
    """
    x, kernel = _vectors("convolve", a, v, mode)
    m, n = x.type.shape[0], kernel.type.shape[0]
    if m is not None and n is not None and m < n:
        x, kernel = kernel, x
    return _part(_full(x, kernel), x, kernel, mode, reverse=False)


def correlate(a: Any, v: Any, mode: str = "valid") -> Variable:
    """Return the correlation of two vectors: ``out[k] = sum(a[i + k] * conj(v[i]), over i)``.

    mode : as that of `convolve`.

    >>> import gradcore.tensor as T
    >>> T.correlate([1, 2, 3], [0, 1]).eval().tolist()
    [2, 3]
    """
    x, kernel = _vectors("correlate", a, v, mode)
    return _part(_full(x, flip(_conjugate(kernel))), x, kernel, mode, reverse=True)


def _conjugate(x: Variable) -> Variable:
    return conj(x) if x.type.is_complex else x


def _vectors(name: str, a: Any, v: Any, mode: str) -> tuple[Variable, Variable]:
    if mode not in ("full", "same", "valid"):
        raise GraphValueError(f"{name}: mode is full, same or valid, not {mode!r}", here())
    vectors = as_variable(a), as_variable(v)
    for x in vectors:
        if x.ndim > 1:
            raise GraphTypeError(f"{name} takes vectors, not {x} ({x.type})", here())
        if x.type.shape == (0,):
            raise GraphValueError(f"{name}: {x} is empty", here())
    x, y = map(flatten, vectors)
    dtype = upcast(x.type.dtype, y.type.dtype)
    return cast(x, dtype), cast(y, dtype)


def _full(x: Variable, kernel: Variable) -> Variable:
    found = conv1d(
        x.dimshuffle("x", "x", 0), kernel.dimshuffle("x", "x", 0), "full", filter_flip=True
    )
    return found[0, 0]


def _part(full: Variable, x: Variable, kernel: Variable, mode: str, reverse: bool) -> Variable:
    """Return the part of the full result that a mode names.

    reverse : whether the middle is counted from the other end where the second one is longer.
    """
    if mode == "full":
        return full
    m, n = extents_of(x)[0], extents_of(kernel)[0]
    long, short = larger(m, n), smaller(m, n)
    if mode == "valid":
        return full[short - 1 : long]
    first: Extent = (short - 1) // 2
    if reverse:
        first = choose(m < n, short // 2, first)
    return full[first : first + long]


# products ---------------------------------------------------------------------------------------
def cross(
    a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Variable:
    """Return the cross products of vectors of three elements; they broadcast.

    axisa, axisb, axisc : the axes of the elements, in ``a``, ``b`` and the result; ``axis``: all
        three.

    Vectors of two elements have no third one; of two such the result is the third element alone,
    without the axis.  Extents that are not known are those of three elements.

    Raises ShapeError, when it is known or when it runs: of another length.

    >>> import gradcore.tensor as T
    >>> T.cross([1, 0, 0], [0, 1, 0]).eval().tolist()
    [0, 0, 1]
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    x, y = _elements(a, axisa), _elements(b, axisb)
    third = x[0] * y[1] - x[1] * y[0]
    if len(x) == len(y) == 2:
        return third
    if len(x) == 2:
        first, second = x[1] * y[2], -(x[0] * y[2])
    elif len(y) == 2:
        first, second = -(x[2] * y[1]), x[2] * y[0]
    else:
        first, second = x[1] * y[2] - x[2] * y[1], x[2] * y[0] - x[0] * y[2]
    return stack([first, second, third], axisc)


def _elements(x: Any, axis: int) -> Sequence[Variable]:
    variable = as_variable(x)
    moved = moveaxis(variable, normalized_axis(axis, variable.ndim), 0)
    n = moved.type.shape[0]
    if n not in (None, 2, 3):
        raise ShapeError(f"cross takes vectors of 2 or 3 elements, not {variable} of {n}", here())
    if n is None:
        rest = extents_of(moved)[1:]
        moved = SpecifyShape("cross takes vectors of three elements")(moved, 3, *rest)
    return [moved[i] for i in range(n or 3)]


def vdot(a: Any, b: Any) -> Variable:
    """Return the dot product of the flat forms, the first one conjugated.

    >>> import gradcore.tensor as T
    >>> T.vdot([1 + 2j, 3], [4, 5j]).eval()
    array(4.+7.j)
    """
    return _conjugate(flatten(a)).dot(flatten(b))


def vecdot(a: Any, b: Any, axis: int = -1) -> Variable:
    """Return the dot products of the vectors along ``axis``; the other axes broadcast.

    The axis is counted in ``a`` and in ``b``; ``a`` is conjugated.

    >>> import gradcore.tensor as T
    >>> T.vecdot([[1, 2], [3, 4]], [1, 10]).eval().tolist()
    [21, 43]
    """
    x, y = _conjugate(as_variable(a)), as_variable(b)
    x = moveaxis(x, normalized_axis(axis, x.ndim), -1)
    y = moveaxis(y, normalized_axis(axis, y.ndim), -1)
    return (x.dimshuffle(*range(x.ndim - 1), "x", x.ndim - 1) @ y.dimshuffle(*range(y.ndim), "x"))[
        ..., 0, 0
    ]


def matvec(a: Any, v: Any) -> Variable:
    """Return the products of matrices with vectors: the last two axes, and the last one.

    >>> import gradcore.tensor as T
    >>> T.matvec(T.ones((7, 2, 3)), T.ones(3)).type
    TensorType(float64, (7, 2))
    """
    y = as_variable(v)
    return (as_variable(a) @ y.dimshuffle(*range(y.ndim), "x"))[..., 0]


def vecmat(v: Any, a: Any) -> Variable:
    """Return the products of vectors, conjugated, with matrices: the last axis, the last two.

    >>> import gradcore.tensor as T
    >>> T.vecmat([1, 2], [[3, 4], [5, 6]]).eval().tolist()
    [13, 16]
    """
    x = _conjugate(as_variable(v))
    return (x.dimshuffle(*range(x.ndim - 1), "x", x.ndim - 1) @ as_variable(a))[..., 0, :]
