"""Tensors made from extents, and parts of matrices."""

from __future__ import annotations

from typing import Any

from gradcore.config import config
from gradcore.errors import GraphTypeError
from gradcore.graph import Constant, Variable, as_variable, here, upcast
from gradcore.graph.extents import larger, smaller
from gradcore.graph.nodes import constant_extent, extents_of
from gradcore.graph.types import FLOATS
from gradcore.language import word
from gradcore.ops.create import Arange
from gradcore.ops.index import IncSubtensor
from gradcore.ops.index_keys import pattern_of
from gradcore.ops.scalars import ceil, eq, fill, ge, switch
from gradcore.ops.shape import Alloc
from gradcore.tensor.elementwise import cast
from gradcore.tensor.shapes import extent_list, moveaxis


def full(shape: Any, fill_value: Any, dtype: str | None = None) -> Variable:
    """Return ``fill_value`` in every element of ``shape``.

    >>> import gradcore.tensor as T
    >>> T.full((2, 2), 7).eval().tolist()
    [[7, 7], [7, 7]]
    """
    value = as_variable(fill_value)
    return Alloc()(value if dtype is None else cast(value, dtype), *extent_list(shape))


def zeros(shape: Any, dtype: str | None = None) -> Variable:
    """Return zeros of ``shape`` (by default of ``config.floatX``).

    >>> import gradcore.tensor as T
    >>> T.zeros((2, 2)).eval().tolist()
    [[0.0, 0.0], [0.0, 0.0]]
    """
    return Alloc()(Constant(0, dtype or config.floatX), *extent_list(shape))


def ones(shape: Any, dtype: str | None = None) -> Variable:
    """Return ones of ``shape`` (by default of ``config.floatX``).

    >>> import gradcore.tensor as T
    >>> T.ones((2, 2)).eval().tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """
    return Alloc()(Constant(1, dtype or config.floatX), *extent_list(shape))


def full_like(x: Any, fill_value: Any, dtype: str | None = None) -> Variable:
    """Return ``fill_value`` in the shape (and, by default, the dtype) of ``x``.

    >>> import gradcore.tensor as T
    >>> T.full_like([1.0, 2.0], 7).eval().tolist()
    [7.0, 7.0]
    """
    model = as_variable(x)
    return fill(model, cast(fill_value, dtype or model.type.dtype))


@word
def zeros_like(x: Any, dtype: str | None = None) -> Variable:
    """Return zeros in the shape (and, by default, the dtype) of ``x``.

    >>> import gradcore.tensor as T
    >>> T.zeros_like([[1, 2]]).eval().tolist()
    [[0, 0]]
    """
    model = as_variable(x)
    return fill(model, Constant(0, dtype or model.type.dtype))


@word
def ones_like(x: Any, dtype: str | None = None) -> Variable:
    """Return ones in the shape (and, by default, the dtype) of ``x``.

    >>> import gradcore.tensor as T
    >>> T.ones_like([[1, 2]]).eval().tolist()
    [[1, 1]]
    """
    model = as_variable(x)
    return fill(model, Constant(1, dtype or model.type.dtype))


# ranges -----------------------------------------------------------------------------------------
@word
def arange(start: Any, stop: Any = None, step: Any = 1, dtype: str | None = None) -> Variable:
    """Return ``start, start + step, ...`` up to but not including ``stop``.

    Integers give int64, floats their own dtype.

    >>> import gradcore.tensor as T
    >>> T.arange(2, 8, 3).eval().tolist()
    [2, 5]
    """
    if stop is None:
        start, stop = 0, start
    bounds = [as_variable(n) for n in (start, stop, step)]
    for bound in bounds:
        if bound.ndim:
            raise GraphTypeError(f"a bound of arange is a scalar, not {bound.type}", here())
    if any(b.type.dtype in FLOATS for b in bounds):
        first, last, by = (cast(b, upcast(*(b.type.dtype for b in bounds))) for b in bounds)
        counted = Arange()(cast(ceil((last - first) / by), "int64"))
        return cast(first + by * cast(counted, by.type.dtype), dtype or first.type.dtype)
    first, last, by = (
        n if (n := constant_extent(b)) is not None else cast(b, "int64") for b in bounds
    )
    if by == 1:
        count = last if first == 0 else last - first
    else:
        count = -((first - last) // by)
    found = Arange()(larger(count, 0) if isinstance(count, int) else count)
    found = found if by == 1 else by * found
    return cast(found if first == 0 else first + found, dtype or "int64")


def linspace(
    start: Any, stop: Any, num: Any = 50, endpoint: bool = True, dtype: str | None = None
) -> Variable:
    """Return ``num`` evenly spaced numbers from ``start`` to ``stop`` (included: ``endpoint``).

    >>> import gradcore.tensor as T
    >>> T.linspace(0, 1, 5).eval().tolist()
    [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    first, last = as_variable(start), as_variable(stop)
    wide = upcast(first.type.dtype, last.type.dtype)
    kind = wide if wide in FLOATS else upcast(wide, config.floatX)
    first, last = cast(first, kind), cast(last, kind)
    count = num if (known := constant_extent(as_variable(num))) is None else known
    places = Arange()(count)
    gaps = larger(count - 1, 1) if endpoint else count
    spaced = first + cast(places, kind) * ((last - first) / cast(gaps, kind))
    if endpoint:
        spaced = switch(eq(places, count - 1) & ge(places, 1), last, spaced)
    return cast(spaced, dtype or kind)


# matrices ---------------------------------------------------------------------------------------
def eye(n: Any, m: Any = None, k: Any = 0, dtype: str | None = None) -> Variable:
    """Return an ``n`` by ``m`` matrix with ones on its ``k``-th diagonal, zeros elsewhere.

    >>> import gradcore.tensor as T
    >>> T.eye(2, 3, k=1).eval().tolist()
    [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    rows, columns = Arange()(n), Arange()(n if m is None else m)
    return cast(eq((rows + k).dimshuffle(0, "x"), columns), dtype or config.floatX)


def tri(n: Any, m: Any = None, k: Any = 0, dtype: str | None = None) -> Variable:
    """Return an ``n`` by ``m`` matrix with ones on and below its ``k``-th diagonal.

    >>> import gradcore.tensor as T
    >>> T.tri(3, dtype="int64").eval().tolist()
    [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
    """
    rows, columns = Arange()(n), Arange()(n if m is None else m)
    return cast(ge((rows + k).dimshuffle(0, "x"), columns), dtype or config.floatX)


def tril(x: Any, k: Any = 0) -> Variable:
    """Return matrices (the last two axes) with zeros above the ``k``-th diagonal.

    >>> import gradcore.tensor as T
    >>> T.tril([[1, 2], [3, 4]]).eval().tolist()
    [[1, 0], [3, 4]]
    """
    matrices = as_variable(x)
    rows, columns = extents_of(matrices)[-2:]
    return switch(tri(rows, columns, k, "bool"), matrices, 0)


def triu(x: Any, k: Any = 0) -> Variable:
    """Return matrices (the last two axes) with zeros below the ``k``-th diagonal.

    >>> import gradcore.tensor as T
    >>> T.triu([[1, 2], [3, 4]]).eval().tolist()
    [[1, 2], [0, 4]]
    """
    matrices = as_variable(x)
    rows, columns = extents_of(matrices)[-2:]
    return switch(tri(rows, columns, k - 1, "bool"), 0, matrices)


@word
def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Variable:
    """Return the diagonal ``offset`` of two axes, as the last axis.

    >>> import gradcore.tensor as T
    >>> T.diagonal([[1, 2, 3], [4, 5, 6]], offset=1).eval().tolist()
    [2, 6]
    """
    matrices = moveaxis(x, (axis1, axis2), (-2, -1))
    rows, columns = extents_of(matrices)[-2:]
    down, right = max(-offset, 0), max(offset, 0)
    count = larger(smaller(rows - down if down else rows, columns - right if right else columns), 0)
    places = Arange()(count)
    return matrices[..., places + down if down else places, places + right if right else places]


@word
def trace(x: Any) -> Variable:
    """Return the sum of the main diagonal of a matrix.

    >>> import gradcore.tensor as T
    >>> T.trace([[1, 2], [3, 4]]).eval()
    array(5)
    """
    return diagonal(x).sum(-1)


def diag(v: Any, k: int = 0) -> Variable:
    """Return the ``k``-th diagonal of a matrix, or a matrix with the vector ``v`` on it.

    >>> import gradcore.tensor as T
    >>> T.diag([1, 2]).eval().tolist(), T.diag([[1, 2], [3, 4]], 1).eval().tolist()
    ([[1, 0], [0, 2]], [2])
    """
    variable = as_variable(v)
    if variable.ndim != 1:
        return diagonal(variable, k)
    count = extents_of(variable)[0]
    side = count + abs(k)
    places = Arange()(count)
    empty = zeros((side, side), variable.type.dtype)
    key = (places + max(-k, 0) if k < 0 else places, places + k if k > 0 else places)
    pattern, indices = pattern_of(empty, key)
    return IncSubtensor(pattern, True)(empty, variable, *indices)
