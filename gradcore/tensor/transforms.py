"""Short expressions of special functions: distributions, transforms and losses, by SciPy's names.

Each takes tensors that broadcast, and is written with what has stable derivatives; outside of where
it is defined it is what SciPy's is, NaN or a bound.
"""

from __future__ import annotations

import math
from typing import Any

from gradcore.errors import GraphTypeError
from gradcore.graph import Variable, as_variable, here
from gradcore.ops.scalars import (
    abs,
    eq,
    exp,
    expm1,
    floor,
    gammaln,
    isinf,
    log,
    log1p,
    sin,
    softplus,
    sqrt,
    switch,
)
from gradcore.ops.special import exprel, xlogy
from gradcore.ops.special_gamma import betainc, gammainc, gammaincc


# distributions ----------------------------------------------------------------------------------
def bdtr(k: Any, n: Any, p: Any) -> Variable:
    """Return the probability of at most ``floor(k)`` successes in ``n`` trials.

    >>> import gradcore.tensor as T
    >>> float(T.special.bdtr(1, 4, 0.5).eval().round(4))
    0.3125
    """
    below, trials = floor(as_variable(k)), as_variable(n)
    inside = below < trials
    a, b = switch(inside, trials - below, 1), switch(inside, below, 0) + 1
    return switch(inside, betainc(a, b, 1 - as_variable(p)), 1)


def bdtrc(k: Any, n: Any, p: Any) -> Variable:
    """Return the probability of more than ``floor(k)`` successes in ``n`` trials.

    >>> import gradcore.tensor as T
    >>> float(T.special.bdtrc(1, 4, 0.5).eval().round(4))
    0.6875
    """
    below, trials = floor(as_variable(k)), as_variable(n)
    inside = below < trials
    a, b = switch(inside, below, 0) + 1, switch(inside, trials - below, 1)
    return switch(inside, betainc(a, b, p), 0)


def nbdtr(k: Any, n: Any, p: Any) -> Variable:
    """Return the probability of at most ``floor(k)`` failures before the ``n``-th success.

    >>> import gradcore.tensor as T
    >>> float(T.special.nbdtr(1, 3, 0.5).eval().round(4))
    0.3125
    """
    return betainc(n, floor(as_variable(k)) + 1, p)


def nbdtrc(k: Any, n: Any, p: Any) -> Variable:
    """Return the probability of more than ``floor(k)`` failures before the ``n``-th success.

    >>> import gradcore.tensor as T
    >>> float(T.special.nbdtrc(1, 3, 0.5).eval().round(4))
    0.6875
    """
    return betainc(floor(as_variable(k)) + 1, n, 1 - as_variable(p))


def pdtr(k: Any, m: Any) -> Variable:
    """Return the probability that Poisson's distribution of mean ``m`` is at most ``floor(k)``.

    >>> import gradcore.tensor as T
    >>> float(T.special.pdtr(1, 2.0).eval().round(4))
    0.406
    """
    return gammaincc(floor(as_variable(k)) + 1, m)


def pdtrc(k: Any, m: Any) -> Variable:
    """Return the probability that Poisson's distribution of mean ``m`` is above ``floor(k)``.

    >>> import gradcore.tensor as T
    >>> float(T.special.pdtrc(1, 2.0).eval().round(4))
    0.594
    """
    return gammainc(floor(as_variable(k)) + 1, m)


def chdtr(v: Any, x: Any) -> Variable:
    """Return the probability that chi square of ``v`` degrees of freedom is at most ``x``.

    >>> import gradcore.tensor as T
    >>> float(T.special.chdtr(1, 3.84).eval().round(4))
    0.95
    """
    return gammainc(as_variable(v) / 2, as_variable(x) / 2)


def chdtrc(v: Any, x: Any) -> Variable:
    """Return the probability that chi square of ``v`` degrees of freedom is above ``x``.

    >>> import gradcore.tensor as T
    >>> float(T.special.chdtrc(1, 3.84).eval().round(4))
    0.05
    """
    return gammaincc(as_variable(v) / 2, as_variable(x) / 2)


def gdtr(a: Any, b: Any, x: Any) -> Variable:
    """Return the probability that a gamma of rate ``a`` and shape ``b`` is at most ``x``.

    >>> import gradcore.tensor as T
    >>> float(T.special.gdtr(2.0, 3.0, 1.0).eval().round(4))
    0.3233
    """
    return gammainc(b, as_variable(a) * x)


def gdtrc(a: Any, b: Any, x: Any) -> Variable:
    """Return the probability that a gamma of rate ``a`` and shape ``b`` is above ``x``.

    >>> import gradcore.tensor as T
    >>> float(T.special.gdtrc(2.0, 3.0, 1.0).eval().round(4))
    0.6767
    """
    return gammaincc(b, as_variable(a) * x)


def fdtr(dfn: Any, dfd: Any, x: Any) -> Variable:
    """Return the probability that F of these degrees of freedom is at most ``x``.

    >>> import gradcore.tensor as T
    >>> float(T.special.fdtr(2, 10, 4.1).eval().round(4))
    0.9499
    """
    m, n = as_variable(dfn), as_variable(dfd)
    return betainc(m / 2, n / 2, m * x / (n + m * x))


def fdtrc(dfn: Any, dfd: Any, x: Any) -> Variable:
    """Return the probability that F of these degrees of freedom is above ``x``.

    >>> import gradcore.tensor as T
    >>> float(T.special.fdtrc(2, 10, 4.1).eval().round(4))
    0.0501
    """
    m, n = as_variable(dfn), as_variable(dfd)
    return betainc(n / 2, m / 2, n / (n + m * x))


def stdtr(df: Any, t: Any) -> Variable:
    """Return the probability that Student's t of ``df`` degrees of freedom is at most ``t``.

    >>> import gradcore.tensor as T
    >>> T.special.stdtr(3.0, [0.0, 3.182]).eval().round(3).tolist()
    [0.5, 0.975]
    """
    n, at = as_variable(df), as_variable(t)
    tail = betainc(n / 2, 0.5, n / (n + at * at)) / 2
    return switch(at < 0, tail, 1 - tail)


# transforms -------------------------------------------------------------------------------------
def boxcox(x: Any, lmbda: Any) -> Variable:
    """Return Box and Cox's ``(x ** lmbda - 1) / lmbda``, and ``log(x)`` where lmbda is 0.

    >>> import gradcore.tensor as T
    >>> T.special.boxcox(4.0, [0.5, 0.0]).eval().round(6).tolist()
    [2.0, 1.386294]
    """
    size = log(x)
    return size * exprel(as_variable(lmbda) * size)


def boxcox1p(x: Any, lmbda: Any) -> Variable:
    """Return ``boxcox(1 + x, lmbda)``, precise for small ``x``.

    >>> import gradcore.tensor as T
    >>> T.special.boxcox1p([0.0, 3.0], 0.5).eval().tolist()
    [0.0, 2.0]
    """
    size = log1p(x)
    return size * exprel(as_variable(lmbda) * size)


def _log_of_inverse(y: Any, lmbda: Any) -> Variable:
    value, power = as_variable(y), as_variable(lmbda)
    flat = eq(power, 0)
    some = switch(flat, 1, power)
    return switch(flat, value, log1p(some * value) / some)


def inv_boxcox(y: Any, lmbda: Any) -> Variable:
    """Return x of ``boxcox(x, lmbda) = y``.

    >>> import gradcore.tensor as T
    >>> T.special.inv_boxcox([0.0, 2.0], 0.5).eval().tolist()
    [1.0, 4.0]
    """
    return exp(_log_of_inverse(y, lmbda))


def inv_boxcox1p(y: Any, lmbda: Any) -> Variable:
    """Return x of ``boxcox1p(x, lmbda) = y``.

    >>> import gradcore.tensor as T
    >>> T.special.inv_boxcox1p([0.0, 2.0], 0.5).eval().tolist()
    [0.0, 3.0]
    """
    return expm1(_log_of_inverse(y, lmbda))


def exp10(x: Any) -> Variable:
    """Return ``10.0 ** x``.

    >>> import gradcore.tensor as T
    >>> T.special.exp10([-1.0, 2.0]).eval().round(6).tolist()
    [0.1, 100.0]
    """
    return as_variable(10.0) ** x


def cosm1(x: Any) -> Variable:
    """Return ``cos(x) - 1``, precise for small ``x``.

    >>> import gradcore.tensor as T
    >>> T.special.cosm1(1e-6).eval()
    array(-5.e-13)
    """
    half = sin(as_variable(x) / 2)
    return -2 * half * half


def powm1(x: Any, y: Any) -> Variable:
    """Return ``x ** y - 1``, precise where the power is nearly 1.

    >>> import gradcore.tensor as T
    >>> float(T.special.powm1(1 + 1e-12, 2.0).eval().round(20))
    2.0001778e-12
    """
    base, power = as_variable(x), as_variable(y)
    some = base > 0
    return switch(some, expm1(power * log(switch(some, base, 1))), base**power - 1)


def log_expit(x: Any) -> Variable:
    """Return ``log(sigmoid(x))``, without overflow.

    >>> import gradcore.tensor as T
    >>> T.special.log_expit([-1000.0, 0.0]).eval().round(4).tolist()
    [-1000.0, -0.6931]
    """
    return -softplus(-as_variable(x))


def multigammaln(a: Any, d: Any) -> Variable:
    """Return the logarithm of the gamma function of ``d`` variables, of ``a`` above (d - 1) / 2.

    Raises GraphTypeError: ``d`` is no int above 0.

    >>> import gradcore.tensor as T
    >>> float(T.special.multigammaln(3.0, 2).eval().round(4))
    1.5502
    """
    if isinstance(d, bool) or not isinstance(d, int) or d < 1:
        raise GraphTypeError(f"multigammaln takes a number of variables, not {d!r}", here())
    at = as_variable(a)
    found = as_variable(d * (d - 1) / 4 * math.log(math.pi), [at.dtype])
    for j in range(d):
        found = found + gammaln(at - j / 2)
    return found


# losses and divergences -------------------------------------------------------------------------
def huber(delta: Any, r: Any) -> Variable:
    """Return ``r ** 2 / 2`` for ``abs(r) <= delta``, else ``delta * (abs(r) - delta / 2)``.

    It is inf for negative delta.

    >>> import gradcore.tensor as T
    >>> T.special.huber(1.0, [0.5, 3.0]).eval().tolist()
    [0.125, 2.5]
    """
    bound, size = as_variable(delta), abs(as_variable(r))
    found = switch(size <= bound, size * size / 2, bound * (size - bound / 2))
    return switch(bound < 0, math.inf, found)


def pseudo_huber(delta: Any, r: Any) -> Variable:
    """Return ``delta ** 2 * (sqrt(1 + (r / delta) ** 2) - 1)``, a smooth `huber`; 0 for delta 0.

    >>> import gradcore.tensor as T
    >>> T.special.pseudo_huber(1.0, [0.0, 3.0]).eval().round(4).tolist()
    [0.0, 2.1623]
    """
    bound, residual = as_variable(delta), as_variable(r)
    some = bound > 0
    ratio = residual / switch(some, bound, 1)
    square = ratio * ratio
    found = bound * bound * square / (sqrt(1 + square) + 1)
    return switch(some, found, switch(bound < 0, math.inf, 0))


def rel_entr(x: Any, y: Any) -> Variable:
    """Return ``x * log(x / y)``, a term of the relative entropy: 0 for x = 0, inf outside.

    >>> import gradcore.tensor as T
    >>> T.special.rel_entr([0.0, 1.0], [1.0, 2.0]).eval().round(4).tolist()
    [0.0, -0.6931]
    """
    a, b = as_variable(x), as_variable(y)
    inside = (a >= 0) & ((b > 0) | (eq(a, 0) & (b >= 0)))
    p, q = switch(inside, a, 1), switch(inside & (b > 0), b, 1)
    return switch(inside, xlogy(p, p) - xlogy(p, q), math.inf)


def kl_div(x: Any, y: Any) -> Variable:
    """Return ``x * log(x / y) - x + y``, a term of Kullback and Leibler's divergence.

    >>> import gradcore.tensor as T
    >>> T.special.kl_div([0.0, 1.0], [1.0, 1.0]).eval().tolist()
    [1.0, 0.0]
    """
    return switch(isinf(rel_entr(x, y)), math.inf, rel_entr(x, y) - x + y)
