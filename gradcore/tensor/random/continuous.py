"""Draws that are functions of one number each, evenly distributed between 0 and 1.

So they move with their parameters, and gradients pass through them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from gradcore.dtypes import computed
from gradcore.graph import Variable
from gradcore.ops.scalars import abs as magnitude
from gradcore.ops.scalars import clip, erfc, erfcinv, erfinv, exp, log, log1p, sign, switch, tan
from gradcore.tensor.elementwise import cast
from gradcore.tensor.random.keys import centered, extents
from gradcore.tensor.random.parameters import refuse_outside, taken


class Draw(NamedTuple):
    """What a draw of floats is computed from.

    c : numbers between -1/2 and 1/2, see `gradcore.tensor.random.keys.from_bits`.
    parameters : those of the distribution, in the dtype that arithmetic is done in.
    dtype : that of the draw.
    """

    c: Variable
    parameters: Sequence[Variable]
    dtype: str


def draw(key: Any, shape: Any, dtype: str | None, *parameters: Any) -> Draw:
    """Return what a draw of floats is computed from."""
    wanted, given = taken(dtype, *parameters)
    return Draw(centered(key, extents(shape, *given), computed(wanted)), given, wanted)


def uniform(
    key: Any, shape: Any = None, low: Any = 0.0, high: Any = 1.0, dtype: str | None = None
) -> Variable:
    """Return numbers evenly distributed between ``low`` and ``high``.

    shape : that of the draw; None: what the parameters stretch to.  So in all functions here.
    dtype : float16, float32 or float64; by default what holds the parameters, which is
        ``config.floatX`` for plain numbers.  So in all functions here that draw floats.

    Between 0 and 1, neither end is drawn: logarithms of the draw and of 1 less it are finite.

    Raises GraphTypeError: the shape is not of integers; ShapeError: it is negative, or the
    parameters do not stretch to it.  So in all functions here.

    >>> import gradcore.tensor as T
    >>> T.random.uniform(T.random.key(7), (2, 2), -1, 1).eval().round(3).tolist()
    [[-0.312, 0.091], [0.45, 0.129]]
    """
    c, (low, high), wanted = draw(key, shape, dtype, low, high)
    return cast(low + (high - low) * (0.5 + c), wanted)


def normal(
    key: Any, shape: Any = None, loc: Any = 0.0, scale: Any = 1.0, dtype: str | None = None
) -> Variable:
    """Return normal numbers of mean ``loc`` and standard deviation ``scale``.

    By the inverse of the distribution function: those of float64 reach 8.2 standard deviations,
    those of float32 and float16 5.4.

    >>> import gradcore.tensor as T
    >>> T.random.normal(T.random.key(7), 3, loc=10.0).eval().round(3).tolist()
    [9.599, 10.114, 10.598]
    """
    refuse_outside(scale=scale)
    c, (loc, scale), wanted = draw(key, shape, dtype, loc, scale)
    return cast(loc + scale * _standard(c), wanted)


def _standard(c: Variable) -> Variable:
    """Return the standard normal number of a number between -1/2 and 1/2."""
    return math.sqrt(2) * erfinv(2 * c)


def lognormal(
    key: Any, shape: Any = None, mean: Any = 0.0, sigma: Any = 1.0, dtype: str | None = None
) -> Variable:
    """Return numbers whose logarithms are normal, of this mean and standard deviation.

    >>> import gradcore.tensor as T
    >>> T.random.lognormal(T.random.key(7), 3, sigma=0.5).eval().round(3).tolist()
    [0.818, 1.059, 1.348]
    """
    refuse_outside(sigma=sigma)
    c, (mean, sigma), wanted = draw(key, shape, dtype, mean, sigma)
    return cast(exp(mean + sigma * _standard(c)), wanted)


def exponential(
    key: Any, shape: Any = None, scale: Any = 1.0, dtype: str | None = None
) -> Variable:
    """Return exponentially distributed numbers of mean ``scale``; none is 0.

    >>> import gradcore.tensor as T
    >>> T.random.exponential(T.random.key(7), 3, scale=2.0).eval().round(3).tolist()
    [2.134, 1.212, 0.643]
    """
    refuse_outside(scale=scale)
    c, (scale,), wanted = draw(key, shape, dtype, scale)
    return cast(-scale * log(0.5 + c), wanted)


def laplace(
    key: Any, shape: Any = None, loc: Any = 0.0, scale: Any = 1.0, dtype: str | None = None
) -> Variable:
    """Return numbers of density exp(-abs(x - loc) / scale) / (2 * scale).

    >>> import gradcore.tensor as T
    >>> T.random.laplace(T.random.key(7), 3).eval().round(3).tolist()
    [-0.374, 0.095, 0.598]
    """
    refuse_outside(scale=scale)
    c, (loc, scale), wanted = draw(key, shape, dtype, loc, scale)
    return cast(loc - scale * sign(c) * log1p(-2 * magnitude(c)), wanted)


def logistic(
    key: Any, shape: Any = None, loc: Any = 0.0, scale: Any = 1.0, dtype: str | None = None
) -> Variable:
    """Return numbers distributed as sigmoid((x - loc) / scale) says.

    >>> import gradcore.tensor as T
    >>> T.random.logistic(T.random.key(7), 3).eval().round(3).tolist()
    [-0.645, 0.182, 0.969]
    """
    refuse_outside(scale=scale)
    c, (loc, scale), wanted = draw(key, shape, dtype, loc, scale)
    return cast(loc + scale * (log(0.5 + c) - log(0.5 - c)), wanted)


def gumbel(
    key: Any, shape: Any = None, loc: Any = 0.0, scale: Any = 1.0, dtype: str | None = None
) -> Variable:
    """Return numbers distributed as exp(-exp(-(x - loc) / scale)) says.

    The index of the largest of them is distributed as ``softmax(loc)``, if all scales are 1.

    >>> import gradcore.tensor as T
    >>> T.random.gumbel(T.random.key(7), 3).eval().round(3).tolist()
    [-0.065, 0.501, 1.134]
    """
    refuse_outside(scale=scale)
    c, (loc, scale), wanted = draw(key, shape, dtype, loc, scale)
    return cast(loc - scale * log(-log(0.5 + c)), wanted)


def cauchy(
    key: Any, shape: Any = None, loc: Any = 0.0, scale: Any = 1.0, dtype: str | None = None
) -> Variable:
    """Return numbers of density 1 / (pi * scale * (1 + ((x - loc) / scale) ** 2)).

    >>> import gradcore.tensor as T
    >>> T.random.cauchy(T.random.key(7), 3).eval().round(3).tolist()
    [-0.533, 0.144, 0.854]
    """
    refuse_outside(scale=scale)
    c, (loc, scale), wanted = draw(key, shape, dtype, loc, scale)
    return cast(loc + scale * tan(math.pi * c), wanted)


def truncated_normal(
    key: Any,
    low: Any,
    high: Any,
    shape: Any = None,
    loc: Any = 0.0,
    scale: Any = 1.0,
    dtype: str | None = None,
) -> Variable:
    """Return normal numbers, given that they are between ``low`` and ``high``.

    loc, scale : the mean and the standard deviation before anything is cut off.

    Bounds may be infinite.  Where both are on one side, the distribution function is taken from
    the other end, so that far tails keep their digits.

    >>> import gradcore.tensor as T
    >>> T.random.truncated_normal(T.random.key(7), -1, 1, 3).eval().round(3).tolist()
    [-0.27, 0.078, 0.395]
    """
    refuse_outside(scale=scale)
    c, (low, high, loc, scale), wanted = draw(key, shape, dtype, low, high, loc, scale)
    a, b = (low - loc) / scale, (high - loc) / scale
    right = a > 0
    left, end = switch(right, -b, a), switch(right, -a, b)
    below, width = _twice_below(left), _twice_below(end) - _twice_below(left)
    z = -math.sqrt(2) * erfcinv(below + (0.5 + c) * width)
    return cast(clip(loc + scale * switch(right, -z, z), low, high), wanted)


def _twice_below(x: Variable) -> Variable:
    """Return twice the probability that a standard normal number is below ``x``."""
    return erfc(-x * math.sqrt(0.5))
