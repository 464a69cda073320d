"""Orders drawn at random, and choices among given things."""

from __future__ import annotations

from typing import Any

from gradcore.errors import GraphTypeError, GraphValueError
from gradcore.graph import Variable, as_variable, here
from gradcore.graph.extents import Extent, product
from gradcore.graph.nodes import constant_extent, extents_of
from gradcore.ops.scalars import log
from gradcore.ops.shape_values import SpecifyShape
from gradcore.tensor.control import assert_op
from gradcore.tensor.cumulative import cumsum
from gradcore.tensor.elementwise import cast
from gradcore.tensor.indexing import argsort, take
from gradcore.tensor.random.continuous import gumbel, uniform
from gradcore.tensor.random.discrete import integers
from gradcore.tensor.random.keys import bits, extents
from gradcore.tensor.random.parameters import refuse_outside
from gradcore.tensor.reductions import sum as total
from gradcore.tensor.shapes import expand_dims, reshape


def permutation(key: Any, x: Any, axis: int = 0) -> Variable:
    """Return the numbers 0 ... x - 1 in a random order, or an array in one along ``axis``.

    x : an integer (a number or a scalar of the graph), or an array.

    It sorts random bits: two of them are alike, and stay in their order, with a probability of
    less than x**2 * 2**-65.

    >>> import gradcore.tensor as T
    >>> T.random.permutation(T.random.key(3), 5).eval().tolist()
    [0, 3, 2, 4, 1]
    """
    given = as_variable(x)
    if given.ndim:
        return take(given, permutation(key, extents_of(given)[axis]), axis)
    if not given.type.is_discrete:
        raise GraphTypeError(f"a permutation is of integers, not of {given} ({given.type})", here())
    known = constant_extent(given)
    return argsort(bits(key, cast(given, "int64") if known is None else known))


def shuffle(key: Any, x: Any, axis: int = 0) -> Variable:
    """Return an array with its elements along ``axis`` in a random order, the same for all.

    >>> import gradcore.tensor as T
    >>> T.random.shuffle(T.random.key(7), [1, 2, 3, 4]).eval().tolist()
    [1, 2, 4, 3]
    """
    return permutation(key, as_variable(x), axis)


def choice(key: Any, a: Any, shape: Any = None, replace: bool = True, p: Any = None) -> Variable:
    """Return elements of ``a`` along its first axis, drawn at random.

    a : an array, or an integer n, which stands for the numbers 0 ... n - 1.
    shape : that of the draw, to which the other axes of ``a`` are added; None: one element.
    replace : whether an element may be drawn again.
    p : the probability of each element, a vector whose sum is 1; None: they are equal.

    Raises GraphValueError: more elements than there are, without replacement; ShapeError, when it
    runs, where that is not known before; ShapeError: others are in p than in a; when it runs,
    AssertionFailedError: more elements than have a probability, without replacement.

    >>> import gradcore.tensor as T
    >>> T.random.choice(T.random.key(7), [10, 20, 30], 5).eval().tolist()
    [30, 10, 10, 10, 10]
    """
    items = as_variable(a)
    n: Any = extents_of(items)[0] if items.ndim else items
    if isinstance(n, Variable):
        known = constant_extent(n)
        n = cast(n, "int64") if known is None else known
    if p is not None:
        refuse_outside(p=p)
        why = "a choice takes a probability for each element"
        p = SpecifyShape(why)(cast(as_variable(p, ("float64",)), "float64"), n)
    drawn = (_with_replacement if replace else _distinct)(key, extents(shape), n, p)
    return take(items, drawn, 0) if items.ndim else drawn


def _with_replacement(key: Any, shape: tuple[Extent, ...], n: Extent, p: Any) -> Variable:
    if p is None:
        return integers(key, shape, n)
    sums = cumsum(p)
    u = uniform(key, shape, dtype="float64") * sums[-1]
    return total(expand_dims(u, len(shape)) >= sums[:-1], -1)


def _distinct(key: Any, shape: tuple[Extent, ...], n: Extent, p: Any) -> Variable:
    count = product(shape)
    if isinstance(count, int) and isinstance(n, int) and count > n:
        raise GraphValueError(f"cannot draw {count} of {n} elements without replacement", here())
    if p is None:
        order = permutation(key, n)
    else:
        # The largest of log(p) and of Gumbel noise: the first is drawn as p says, the others too.
        order = argsort(-(log(p) + gumbel(key, extents_of(p), dtype="float64")))
        message = "without replacement, more elements are drawn than have a probability"
        order = assert_op(order, total(p > 0) >= count, message=message)
    return reshape(order[:count], shape, ndim=len(shape))
