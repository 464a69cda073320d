"""Counts of events: Poisson, binomial and what is made of them.

Where few events are expected, a count is the inverse of the distribution function; else it is
proposed until it is accepted, by Hörmann's transformed rejection ("The transformed rejection method
for generating Poisson random variables", 1993; "The generation of binomial random variates", 1993).
Derivatives do not pass: a count does not move.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from typing import Any

from gradcore.graph import Constant, Variable, as_variable
from gradcore.graph.extents import Extent
from gradcore.graph.nodes import extents_of
from gradcore.ops.create import Arange
from gradcore.ops.scalars import abs as magnitude
from gradcore.ops.scalars import exp, floor, gammaln, log, log1p, maximum, minimum, sqrt, switch
from gradcore.scan import last_states, scan, until
from gradcore.tensor.creation import full
from gradcore.tensor.cumulative import cumsum
from gradcore.tensor.elementwise import cast
from gradcore.tensor.random.discrete import bernoulli, in_double, whole_dtype
from gradcore.tensor.random.gammas import gamma
from gradcore.tensor.random.keys import as_key, centered, extents, fold_in, split
from gradcore.tensor.random.parameters import refuse_outside
from gradcore.tensor.random.rejection import ROUNDS, first_accepted
from gradcore.tensor.reductions import any as any_of
from gradcore.tensor.shapes import broadcast_to, moveaxis

SMALL_MEAN = 10
"""The mean from which on counts are proposed, not searched for."""


def poisson(key: Any, lam: Any, shape: Any = None, dtype: str = "int64") -> Variable:
    """Return how many events there are where ``lam`` are expected, a number not below 0.

    shape, dtype : as of `integers`.

    >>> import gradcore.tensor as T
    >>> T.random.poisson(T.random.key(7), [1.0, 100.0]).eval().tolist()
    [1, 82]
    """
    refuse_outside(lam=lam)
    rate = in_double(lam)
    wanted = extents(shape, rate)
    below, few, many = rate < SMALL_MEAN, minimum(rate, SMALL_MEAN), maximum(rate, SMALL_MEAN)
    small = _searched(fold_in(key, 0), wanted, exp(-few), lambda k: few / k)
    root = sqrt(many)
    b = 0.931 + 2.53 * root
    a = -0.059 + 0.02483 * b
    height = 1.1239 + 1.1328 / (b - 3.4)

    def probability(k: Variable) -> Variable:
        return k * log(many) - many - gammaln(k + 1)

    large = _proposed(
        fold_in(key, 1), wanted, below, (a, b, many + 0.43), 0.9277 - 3.6224 / (b - 2),
        lambda k: k >= 0, height, probability,
    )  # fmt: skip
    return cast(switch(below, small, large), whole_dtype(dtype))


def binomial(key: Any, n: Any, p: Any, shape: Any = None, dtype: str = "int64") -> Variable:
    """Return how many of ``n`` trials are successes, each with probability ``p``.

    shape, dtype : as of `integers`.

    What is compiled is less where ``n`` is a number: of 1 trial it is `bernoulli`, and of less
    than 20 nothing is proposed.

    >>> import gradcore.tensor as T
    >>> T.random.binomial(T.random.key(7), 10, 0.3, 4).eval().tolist()
    [3, 3, 2, 2]
    """
    refuse_outside(n=n, p=p)
    trials, chance = in_double(n), in_double(p)
    wanted, number = extents(shape, trials, chance), as_variable(n)
    most = float(number.data) if isinstance(number, Constant) and number.is_scalar else inf
    if most == 1:
        return cast(bernoulli(key, p, wanted), whole_dtype(dtype))
    found = _successes(as_key(key), wanted, trials, chance, most)
    return cast(found, whole_dtype(dtype))


def _successes(
    key: Variable, wanted: Sequence[Extent], trials: Variable, chance: Variable, most: float
) -> Variable:
    """Return a binomial draw, as float64, of at most ``most`` trials."""
    turned = chance > 0.5
    q = switch(turned, 1 - chance, chance)
    below = trials * q < SMALL_MEAN
    some = switch(below, q, 0)
    small = _searched(
        fold_in(key, 0), wanted, exp(trials * log1p(-some)),
        lambda k: (trials - k + 1) / k * (some / (1 - some)),
    )  # fmt: skip
    few = minimum(small, trials)
    if most / 2 < SMALL_MEAN:
        return switch(turned, trials - few, few)
    m, r = switch(below, 4 * SMALL_MEAN, trials), switch(below, 0.5, q)
    root = sqrt(m * r * (1 - r))
    b = 1.15 + 2.53 * root
    a = -0.0873 + 0.0248 * b + 0.01 * r
    mode = floor((m + 1) * r)
    odds = log(r / (1 - r))
    most = gammaln(mode + 1) + gammaln(m - mode + 1)

    def probability(k: Variable) -> Variable:
        return most - gammaln(k + 1) - gammaln(m - k + 1) + (k - mode) * odds

    large = _proposed(
        fold_in(key, 1), wanted, below, (a, b, m * r + 0.5), 0.92 - 4.2 / b,
        lambda k: (k >= 0) & (k <= m), (2.83 + 5.1 / b) * root, probability,
    )  # fmt: skip
    found = switch(below, few, large)
    return switch(turned, trials - found, found)


def negative_binomial(
    key: Any, n: Any, p: Any, shape: Any = None, dtype: str = "int64"
) -> Variable:
    """Return how many failures there are before ``n`` successes, each with probability ``p``.

    shape, dtype : as of `integers`.
    n : a positive number; it need not be whole.

    >>> import gradcore.tensor as T
    >>> T.random.negative_binomial(T.random.key(7), 3, 0.5, 4).eval().tolist()
    [7, 10, 2, 4]
    """
    refuse_outside(n=n, p=p)
    successes, chance = in_double(n), in_double(p)
    rate = gamma(
        fold_in(key, 0), successes, extents(shape, successes, chance), (1 - chance) / chance
    )
    return poisson(fold_in(key, 1), rate, dtype=dtype)


def multinomial(key: Any, n: Any, p: Any, shape: Any = None, dtype: str = "int64") -> Variable:
    """Return how many of ``n`` trials have each of several outcomes.

    p : their probabilities along its last axis; what the last one has is what is left of 1.
    shape : that of the draw without its last axis, along which the outcomes are, as in NumPy (that
        of ``jax.random.multinomial`` has it); None: what ``n`` and the other axes of ``p`` stretch
        to.

    >>> import gradcore.tensor as T
    >>> T.random.multinomial(T.random.key(7), 10, [0.2, 0.3, 0.5], 2).eval().tolist()
    [[4, 2, 4], [4, 4, 2]]
    """
    refuse_outside(n=n, p=p)
    trials, chances = in_double(n), in_double(p)
    outcomes = extents_of(chances)[-1]
    wanted = extents(shape, trials, chances[..., 0])
    left = 1 - cumsum(chances, -1) + chances
    share = switch(left > chances, chances / left, 1)
    last = cast(Arange()(outcomes) >= outcomes - 1, "float64")
    shares = moveaxis(maximum(share, last), -1, 0)

    def next_outcome(key: Variable, share: Variable, left: Variable) -> Sequence[Variable]:
        count = _successes(key, wanted, left, share, inf)
        return [left - count, count]

    (_, counts), _ = scan(
        next_outcome, [split(key, outcomes), shares], [broadcast_to(trials, wanted), None]
    )
    return cast(moveaxis(counts, 0, -1), whole_dtype(dtype))


# by inversion and by rejection -------------------------------------------------------------------
def _searched(
    key: Variable,
    shape: Sequence[Extent],
    none: Variable,
    ratio: Callable[[Variable], Variable],
) -> Variable:
    """Return the least count whose distribution function reaches a number between 0 and 1.

    none : the probability of the count 0.
    ratio : returns the probability of a count over that of the one before.
    """
    start = full(shape, 0.0, "float64")

    def again(k: Variable, count: Variable, p: Variable, left: Variable) -> Any:
        waiting, next_p = left > 0, p * ratio(cast(k + 1, "float64"))
        rest = left - next_p
        return [count + cast(waiting, "float64"), next_p, rest], until(~any_of(rest > 0))

    u = 0.5 + centered(key, shape, "float64")
    return last_states(again, [start, start + none, u - none], Arange()(ROUNDS))[0]


def _proposed(
    key: Variable,
    shape: Sequence[Extent],
    start: Variable,
    hat: tuple[Variable, Variable, Variable],
    sure: Variable,
    possible: Callable[[Variable], Variable],
    height: Variable,
    probability: Callable[[Variable], Variable],
) -> Variable:
    """Return counts by transformed rejection.

    hat : of the transformation (2 * a / (1/2 - abs(u)) + b) * u + c of an even number u.
    sure : below this, the second number accepts where u is not near its ends.
    probability : returns the logarithm of that of a count, up to the factor in ``height``.
    """
    a, b, c = hat

    def propose(key: Variable) -> tuple[Variable, Variable]:
        u = centered(fold_in(key, 0), shape, "float64")
        v = 0.5 + centered(fold_in(key, 1), shape, "float64")
        us = 0.5 - magnitude(u)
        k = floor((2 * a / us + b) * u + c)
        inside = possible(k)
        bound = log(v * height / (a / (us * us) + b))
        fits = bound <= probability(switch(inside, k, c))
        return k, ((us >= 0.07) & (v <= sure)) | (inside & fits)

    return first_accepted(key, shape, "float64", propose, start)
