"""Draws of integers and booleans that are functions of one number each."""

from __future__ import annotations

from typing import Any

from gradcore.dtypes import DISCRETE
from gradcore.errors import GraphTypeError, GraphValueError
from gradcore.graph import Variable, as_variable, here
from gradcore.graph.nodes import constant_extent, extents_of
from gradcore.graph.types import canonical_dtype
from gradcore.ops.scalars import ceil, log, log1p, maximum
from gradcore.ops.threefry import WORD
from gradcore.tensor.elementwise import cast
from gradcore.tensor.random.continuous import gumbel
from gradcore.tensor.random.keys import bits, centered, extents
from gradcore.tensor.random.parameters import refuse_outside
from gradcore.tensor.reductions import argmax
from gradcore.tensor.shapes import moveaxis


def whole_dtype(dtype: str) -> str:
    """Return the dtype of a draw of integers.

    Raises GraphTypeError: it is of floats.
    """
    found = canonical_dtype(dtype)
    if found not in DISCRETE:
        raise GraphTypeError(f"a draw of integers cannot be {found}", here(), "cast the draw")
    return found


def in_double(x: Any) -> Variable:
    """Return a parameter as float64, in which counts are drawn."""
    return cast(as_variable(x, ("float64",)), "float64")


def integers(
    key: Any, shape: Any = None, low: Any = 0, high: Any = None, dtype: str = "int64"
) -> Variable:
    """Return integers from ``low`` on, below ``high``; from 0 on, below ``low``, without it.

    dtype : an integer dtype that holds them, or bool.

    One of n numbers is as probable as another within n * 2**-64.  There are less than 2**63; where
    bounds of the graph leave none, the result is ``low``.

    Raises GraphValueError: bounds that are numbers leave none, or too many.

    >>> import gradcore.tensor as T
    >>> T.random.integers(T.random.key(1), 8, 6).eval().tolist()
    [0, 2, 3, 4, 1, 4, 3, 1]
    """
    bounds = [as_variable(bound) for bound in ((0, low) if high is None else (low, high))]
    first, end = map(constant_extent, bounds)
    if first is not None and end is not None and not 0 < end - first < 2**63:
        raise GraphValueError(f"{first} ... {end} are no bounds of integers to draw", here())
    begin, stop = (cast(bound, "int64") for bound in bounds)
    drawn = bits(key, extents(shape, begin, stop))
    return cast(begin + _share(drawn, maximum(stop - begin, 1)), whole_dtype(dtype))


def _share(drawn: Variable, n: Variable) -> Variable:
    """Return the upper 64 bits of the product of 64 random bits and ``n``: below ``n``."""
    high, low, above, below = (drawn >> 32) & WORD, drawn & WORD, n >> 32, n & WORD
    first = high * below + ((low * below >> 32) & WORD)
    second = low * above + (first & WORD)
    return high * above + ((first >> 32) & WORD) + ((second >> 32) & WORD)


def bernoulli(key: Any, p: Any, shape: Any = None) -> Variable:
    """Return booleans that are true with probability ``p``.

    >>> import gradcore.tensor as T
    >>> T.random.bernoulli(T.random.key(7), 0.5, 4).eval().tolist()
    [True, False, False, False]
    """
    refuse_outside(p=p)
    chance = in_double(p)
    # Compared as integers of 53 bits: each p is exact within 2**-53, and 0 and 1 are exact.
    limit = cast(ceil(chance * 2.0**53) - 2.0**52, "int64")
    return (bits(key, extents(shape, chance)) >> 11) < limit


def categorical(
    key: Any,
    logits: Any = None,
    axis: int = -1,
    shape: Any = None,
    *,
    p: Any = None,
    dtype: str = "int64",
) -> Variable:
    """Return indices along ``axis``, distributed as the softmax of ``logits`` along it.

    shape : that of the draw; the other axes of ``logits`` stretch to it.
    p : the probabilities themselves, instead of logits.

    The largest of the logits and of noise (see `gumbel`), which is drawn for each of them.

    Raises GraphTypeError: both are given, or none.

    >>> import gradcore.tensor as T
    >>> T.random.categorical(T.random.key(7), p=[0.2, 0.3, 0.5], shape=6).eval().tolist()
    [2, 2, 2, 2, 2, 1]
    """
    if (logits is None) == (p is None):
        raise GraphTypeError("a categorical draw takes either logits or p", here())
    if p is not None:
        refuse_outside(p=p)
    weights = moveaxis(log(in_double(p)) if logits is None else as_variable(logits), axis, -1)
    wanted = extents(shape, weights[..., 0])
    noise = gumbel(key, (*wanted, extents_of(weights)[-1]), dtype="float64")
    return cast(argmax(weights + noise, -1), whole_dtype(dtype))


def geometric(key: Any, p: Any, shape: Any = None, dtype: str = "int64") -> Variable:
    """Return how many trials there are, each a success with probability ``p``, up to one.

    >>> import gradcore.tensor as T
    >>> T.random.geometric(T.random.key(7), 0.5, 5).eval().tolist()
    [2, 1, 1, 1, 1]
    """
    refuse_outside(p=p)
    chance = in_double(p)
    u = 0.5 + centered(key, extents(shape, chance), "float64")
    return cast(maximum(ceil(log(u) / log1p(-chance)), 1), whole_dtype(dtype))
