"""``pytensor.tensor.random``: draws without a stream, or with ``rng=``, by their names there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradcore import tensor
from gradcore.errors import UnsupportedError
from gradcore.graph import Variable, as_variable, here
from gradcore.tensor import random
from gradcore.tensor.random import RandomStream, fold_in
from gradcore.theano.states import STATE, key_of


class SuccessorStream(RandomStream):
    """``RandomStream`` with the distributions that PyTensor has beside gradcore's."""

    def standard_normal(self, size: Any = None) -> Variable:
        """Return draws from the normal distribution of the mean 0 and the deviation 1."""
        return self.normal(size=size)

    def halfnormal(self, loc: Any = 0.0, scale: Any = 1.0, size: Any = None) -> Variable:
        """Return ``loc`` plus the sizes of draws from a normal distribution."""
        return tensor.abs(self.normal(0 * as_variable(loc), scale, size=size)) + loc

    def halfcauchy(self, loc: Any = 0.0, scale: Any = 1.0, size: Any = None) -> Variable:
        """Return ``loc`` plus the sizes of draws from a Cauchy distribution."""
        return tensor.abs(self.cauchy(0 * as_variable(loc), scale, size=size)) + loc

    def t(self, df: Any, loc: Any = 0.0, scale: Any = 1.0, size: Any = None) -> Variable:
        """Return draws from Student's distribution, times ``scale``, plus ``loc``."""
        like = as_variable(df) + 0 * (as_variable(loc) + scale)
        return self.standard_t(like, size=size) * scale + loc

    def pareto(self, b: Any, scale: Any = 1.0, size: Any = None) -> Variable:
        """Return draws that are above ``x`` with the probability ``(scale / x) ** b``."""
        return tensor.exp(self.exponential(1 / (b + 0 * as_variable(scale)), size=size)) * scale

    def weibull(self, shape: Any, size: Any = None) -> Variable:
        """Return draws that are above ``x`` with the probability ``exp(-(x ** shape))``."""
        power = as_variable(shape)
        return self.exponential(1 + 0 * power, size=size) ** (1 / power)

    def invgamma(self, shape: Any, scale: Any = 1.0, size: Any = None) -> Variable:
        """Return ``scale`` over draws from a gamma distribution."""
        return scale / self.gamma(shape + 0 * as_variable(scale), size=size)

    def gengamma(
        self, alpha: Any = 1.0, p: Any = 1.0, lambd: Any = 1.0, size: Any = None
    ) -> Variable:
        """Return draws of which the ``p``-th powers, over ``lambd ** p``, are of a gamma one."""
        power = as_variable(p)
        of = alpha / power + 0 * as_variable(lambd)
        return lambd * self.gamma(of, size=size) ** (1 / power)

    def betabinom(self, n: Any, a: Any, b: Any, size: Any = None) -> Variable:
        """Return how many of ``n`` trials succeed, with a probability that is drawn from a beta."""
        return self.binomial(n, self.beta(a + 0 * as_variable(n), b, size=size))

    def truncexpon(self, b: Any, loc: Any = 0.0, scale: Any = 1.0, size: Any = None) -> Variable:
        """Return draws from an exponential distribution below ``b``, times ``scale``, and more."""
        end = b + 0 * (as_variable(loc) + scale)
        below = self.uniform(0 * end, 1.0, size=size) * -tensor.expm1(-end)
        return -tensor.log1p(-below) * scale + loc

    def triangular(self, left: Any, mode: Any, right: Any, size: Any = None) -> Variable:
        """Return draws whose density rises from ``left`` to ``mode`` and falls to ``right``."""
        a, m, b = map(as_variable, (left, mode, right))
        u = self.uniform(0 * (a + m + b), 1.0, size=size)
        first = a + tensor.sqrt(u * (b - a) * (m - a))
        last = b - tensor.sqrt((1 - u) * (b - a) * (b - m))
        return tensor.switch(u * (b - a) < m - a, first, last)

    def wald(self, mean: Any = 1.0, scale: Any = 1.0, size: Any = None) -> Variable:
        """Return draws from the inverse Gaussian distribution.

        J. Michael, W. Schucany and R. Haas, "Generating random variates using transformations with
        multiple roots", 1976.
        """
        m, by = as_variable(mean), as_variable(scale)
        square = m * self.normal(0 * (m + by), 1.0, size=size) ** 2
        root = m + m * (square - tensor.sqrt(square * (4 * by + square))) / (2 * by)
        small = self.uniform(0 * root, 1.0) * (m + root) <= m
        return tensor.switch(small, root, m * m / root)


class _OfState(SuccessorStream):
    """What draws with one state, for ``rng=``."""

    def __init__(self, state: Variable) -> None:
        super().__init__(0)
        self._state, self._taken = state, 0

    def next_key(self) -> Variable:
        """Return a key that the state makes, another for each part of a draw."""
        self._taken += 1
        return fold_in(key_of(self._state), self._taken)


_STREAM = SuccessorStream()


def drawn(name: str) -> Callable[..., Variable]:
    """Return a function that draws with PyTensor's arguments, without a stream.

    Its draws are others in each call of a function, from a seed of the operating system; with
    ``rng``, a shared variable that was made of a generator of NumPy's, they are a function of that.
    """

    def draw(*parameters: Any, size: Any = None, rng: Any = None, **named: Any) -> Variable:
        if rng is not None and getattr(rng, "type", None) != STATE:
            raise UnsupportedError(
                f"{name}(rng=) takes shared(numpy.random.default_rng(seed)), no other generator",
                here(),
                "draw from a RandomStream(seed=...), whose draws functions update by default",
            )
        options = {} if size is None else {"size": size}
        stream = _STREAM if rng is None else _OfState(rng)
        return getattr(stream, name)(*parameters, **options, **named)

    draw.__name__ = name
    draw.__doc__ = f"Return a draw of ``RandomStream.{name}``."
    return draw


OTHERWISE = {"nbinom": "negative_binomial"}
"""PyTensor's names of distributions that have another here."""

_NAMES = [
    name
    for name in dir(SuccessorStream)
    if name[0] != "_" and (hasattr(random, name) or name in vars(SuccessorStream))
]
DRAWS = {name: drawn(name) for name in _NAMES if name != "next_key"}
DRAWS.update({name: DRAWS[other] for name, other in OTHERWISE.items()})
"""The functions of ``pytensor.tensor.random``."""
