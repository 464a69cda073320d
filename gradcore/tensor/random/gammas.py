"""Gamma numbers, and what is made of them: beta, Dirichlet, chi square, Student's t.

By the method of Marsaglia and Tsang ("A simple method for generating gamma variables", 2000) for
shape parameters from 1 on; one below 1 is that of 1 more, times a power of an even number.  The
former moves with its parameter as its distribution function says (`gradcore.ops.draws`), the latter
as it is written.
"""

from __future__ import annotations

import math
from typing import Any

from gradcore.graph import Variable
from gradcore.graph.extents import Extent
from gradcore.graph.nodes import extents_of
from gradcore.language import word
from gradcore.ops.create import Arange
from gradcore.ops.draws import ImplicitDraw
from gradcore.ops.scalars import abs as magnitude
from gradcore.ops.scalars import digamma, exp, log, sigmoid, sqrt, switch
from gradcore.scan import last_states, until
from gradcore.tensor.elementwise import cast
from gradcore.tensor.random.continuous import normal
from gradcore.tensor.random.keys import centered, extents, fold_in
from gradcore.tensor.random.parameters import refuse_outside, taken
from gradcore.tensor.random.rejection import first_accepted, fixed
from gradcore.tensor.reductions import any as any_of
from gradcore.tensor.reductions import softmax
from gradcore.tensor.shapes import broadcast_to

MOST_SERIES_TERMS = 4000
"""How many terms the series of a derivative has at most: enough below `LARGE_PARAMETER`."""

LARGE_PARAMETER = 1e5
"""The parameter from which on a gamma number moves as the cube of a normal one, to 6 digits."""


def gamma(
    key: Any, a: Any, shape: Any = None, scale: Any = 1.0, dtype: str | None = None
) -> Variable:
    """Return gamma numbers of shape parameter ``a``: of density x**(a - 1) * exp(-x / scale).

    shape, dtype : as of `uniform`.

    It moves with ``a`` by implicit reparameterization, with ``scale`` in proportion.

    >>> import gradcore.tensor as T
    >>> T.random.gamma(T.random.key(7), [1.0, 50.0]).eval().round(2).tolist()
    [0.01, 46.55]
    """
    refuse_outside(a=a, scale=scale)
    wanted, (rate, factor) = taken(dtype, a, scale)
    g, boost = _gamma(key, extents(shape, rate, factor), rate)
    return cast(factor * g * exp(boost), wanted)


def beta(key: Any, a: Any, b: Any, shape: Any = None, dtype: str | None = None) -> Variable:
    """Return numbers between 0 and 1 of density x**(a - 1) * (1 - x)**(b - 1).

    shape, dtype : as of `uniform`.

    >>> import gradcore.tensor as T
    >>> T.random.beta(T.random.key(7), 2.0, 3.0, 3).eval().round(3).tolist()
    [0.762, 0.54, 0.373]
    """
    refuse_outside(a=a, b=b)
    wanted, (first, second) = taken(dtype, a, b)
    found = extents(shape, first, second)
    logs = [_log_gamma(fold_in(key, k), found, each) for k, each in enumerate((first, second))]
    return cast(sigmoid(logs[0] - logs[1]), wanted)


def dirichlet(key: Any, alpha: Any, shape: Any = None, dtype: str | None = None) -> Variable:
    """Return vectors of positive numbers whose sum is 1, of density prod(x**(alpha - 1)).

    alpha : positive numbers along the last axis.
    shape : that of the draw without its last axis; None: that of ``alpha``.
    dtype : as of `uniform`.

    >>> import gradcore.tensor as T
    >>> draw = T.random.dirichlet(T.random.key(7), [1.0, 2.0, 3.0])
    >>> draw.eval().round(3).tolist()
    [0.004, 0.412, 0.584]
    """
    refuse_outside(alpha=alpha)
    wanted, (rates,) = taken(dtype, alpha)
    found = (*extents(shape, rates[..., 0]), extents_of(rates)[-1])
    return cast(softmax(_log_gamma(key, found, rates), -1), wanted)


def chisquare(key: Any, df: Any, shape: Any = None, dtype: str | None = None) -> Variable:
    """Return sums of the squares of ``df`` standard normal numbers; ``df`` need not be whole.

    shape, dtype : as of `uniform`.

    >>> import gradcore.tensor as T
    >>> T.random.chisquare(T.random.key(7), 4.0, 3).eval().round(3).tolist()
    [0.49, 2.299, 1.765]
    """
    refuse_outside(df=df)
    wanted, (degrees,) = taken(dtype, df)
    return gamma(key, degrees / 2, shape, 2, wanted)


def standard_t(
    key: Any,
    df: Any,
    shape: Any = None,
    loc: Any = 0.0,
    scale: Any = 1.0,
    dtype: str | None = None,
) -> Variable:
    """Return numbers of Student's t distribution with ``df`` degrees of freedom.

    shape, dtype : as of `uniform`.
    loc, scale : what is added to the numbers, after what they are multiplied by.

    >>> import gradcore.tensor as T
    >>> T.random.standard_t(T.random.key(7), 5.0, 3).eval().round(3).tolist()
    [-0.109, 0.106, -0.988]
    """
    refuse_outside(df=df, scale=scale)
    wanted, (degrees, at, factor) = taken(dtype, df, loc, scale)
    found = extents(shape, degrees, at, factor)
    z = normal(fold_in(key, 0), found, dtype=degrees.dtype)
    half = degrees / 2
    log_mean = _log_gamma(fold_in(key, 1), found, half) - log(half)
    return cast(at + factor * z * exp(-log_mean / 2), wanted)


# by rejection -----------------------------------------------------------------------------------
def _log_gamma(key: Any, shape: tuple[Extent, ...], a: Variable) -> Variable:
    """Return logarithms of gamma numbers: those of a small parameter would be 0."""
    g, boost = _gamma(key, shape, a)
    return log(g) + boost


def _gamma(key: Any, shape: tuple[Extent, ...], a: Variable) -> tuple[Variable, Variable]:
    """Return gamma numbers of parameters from 1 on, and the logarithm of what they are times."""
    small = a < 1
    whole = broadcast_to(switch(small, a + 1, a), shape)
    (known,) = fixed(whole)
    d = known - 1 / 3
    c = 1 / sqrt(9 * d)

    def propose(key: Variable) -> tuple[Variable, Variable]:
        x = normal(fold_in(key, 0), shape, dtype=a.dtype)
        u = 0.5 + centered(fold_in(key, 1), shape, a.dtype)
        root = 1 + c * x
        v = root * root * root
        bound = x * x / 2 + d - d * v + d * log(switch(root > 0, v, 1))
        return d * v, (root > 0) & (log(u) < bound)

    drawn = first_accepted(fold_in(key, 0), shape, a.dtype, propose)
    u = 0.5 + centered(fold_in(key, 1), shape, a.dtype)
    boost = switch(small, log(u) / switch(small, a, 1), 0)
    boost = switch(a < 0, math.nan, boost)
    return ImplicitDraw("gamma_slope")(drawn, whole), boost


@word
def gamma_slope(x: Variable, a: Variable) -> Variable:
    """Return how a gamma number ``x`` of parameter ``a``, 1 or more, moves with it.

    By the series of the distribution function, x**a * exp(-x) * sum(x**n / gamma(a + n + 1)), in
    float64, which loses digits far out: at the last 1e-8 of the numbers there are 8 left.  From
    1e5 on, as the cube of a normal number moves, which it nearly is.
    """
    z, rate = cast(x, "float64"), cast(a, "float64")
    near = switch(rate < LARGE_PARAMETER, rate, 1)
    at = switch(rate < LARGE_PARAMETER, z, 1)
    start = 1 / near

    def again(n: Variable, term: Variable, gap: Variable, total: Variable) -> Any:
        k = near + cast(n + 1, "float64")
        next_term, next_gap = term * at / k, gap - 1 / k
        more = next_term * next_gap
        going = (magnitude(more) > 1e-17 * magnitude(total + more)) | (k < at)
        return [next_term, next_gap, total + more], until(~any_of(going))

    gap = log(at) - digamma(near + 1)
    _, _, total = last_states(again, [start, gap, start * gap], Arange()(MOST_SERIES_TERMS))
    d = switch(rate < LARGE_PARAMETER, LARGE_PARAMETER, rate) - 1 / 3
    root = switch(rate < LARGE_PARAMETER, 1, (z / d) ** (1 / 3))
    # z = d * (1 + y / (3 * sqrt(d))) ** 3, and y does not move
    far = root**3 - root**2 * (root - 1) * 1.5
    return cast(switch(rate < LARGE_PARAMETER, -at * total, far), x.dtype)
