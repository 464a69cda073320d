"""Streams: draws that are others in each call of the functions that read them.

A draw of a stream is a draw of `T.random` with a key that a shared variable holds together with a
count of calls.  The default update of that variable adds one to the count, and the key of a call is
derived from both.  So a draw that is read twice is one, two draws are never the same, and a stream
inside of a step of a loop goes on with each step (`gradcore.scan.default_updates`).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from gradcore.dtypes import wrapped
from gradcore.errors import GraphValueError
from gradcore.graph import Variable, as_variable, here
from gradcore.graph.types import whole_number
from gradcore.ops.threefry import computed
from gradcore.shared import SharedVariable, shared
from gradcore.tensor.random import continuous, counts, discrete, gammas, orders, vectors
from gradcore.tensor.random.keys import DERIVED, fold_in
from gradcore.tensor.shapes import extent_list

SYNONYMS = {
    "avg": "loc", "std": "scale", "pvals": "p", "prob": "p", "shape": "a", "alpha": "a",
    "beta": "b", "alphas": "alpha", "n": "x",
}  # fmt: skip
"""What Theano and PyTensor call parameters that are called otherwise here."""

Draw = Callable[..., Variable]


def _arguments(draw: Draw, given: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters of a draw but for key and shape, by the names that it has for them.

    Raises TypeError: one has another name, there are too many, or one is given twice.
    """
    parameters = inspect.signature(draw).parameters
    known = {name: p for name, p in parameters.items() if name not in ("key", "shape")}
    renamed = {n if n in known else SYNONYMS.get(n, n): value for n, value in named.items()}
    try:
        return inspect.Signature([*known.values()]).bind_partial(*given, **renamed).arguments
    except TypeError as error:
        raise TypeError(f"{draw.__name__}: {error}; it takes {', '.join(known)}") from None


def _sized(draw: Draw, **defaults: Any) -> Callable[..., Variable]:
    """Return the method that makes a draw of a size.

    defaults : what Theano has for parameters without a default.
    """

    def method(
        self: RandomStream,
        *parameters: Any,
        size: Any = None,
        ndim: int | None = None,
        **named: Any,
    ) -> Variable:
        if self.size_first and parameters and size is None:
            size, parameters = parameters[0], parameters[1:]
        extents = None if size is None else extent_list(size, ndim)
        arguments = _arguments(draw, parameters, named)
        return draw(self.next_key(), shape=extents, **(defaults | arguments))

    return _documented(method, draw)


def _unsized(draw: Draw) -> Callable[..., Variable]:
    """Return the method that makes a draw of the size of its argument."""

    def method(self: RandomStream, *parameters: Any, **named: Any) -> Variable:
        return draw(self.next_key(), **_arguments(draw, parameters, named))

    return _documented(method, draw)


def _documented(method: Callable[..., Variable], draw: Draw) -> Callable[..., Variable]:
    method.__name__ = draw.__name__
    method.__doc__ = f"Return a draw of `T.random.{draw.__name__}`."
    return method


def random_integers(
    key: Any, shape: Any = None, low: Any = 0, high: Any = 1, dtype: str = "int64"
) -> Variable:
    """Return integers from ``low`` to ``high``, both included, as Theano has them."""
    return discrete.integers(key, shape, low, as_variable(high) + 1, dtype)


class RandomStream:
    """Draws that are others in each call, with the methods of PyTensor's class of this name.

    seed : an integer; None: one from the operating system.

    A method takes the parameters of the function of `T.random` of its name, or Theano's and
    PyTensor's names of these, and ``size``, the shape of the draw.

    >>> import gradcore
    >>> import gradcore.tensor as T
    >>> rng = T.random.RandomStream(seed=1)
    >>> f = gradcore.function([], rng.normal(loc=5, scale=2, size=3))
    >>> f().round(2).tolist(), f().round(2).tolist()
    ([4.44, 5.24, 4.74], [7.59, 5.0, 6.06])
    """

    size_first: ClassVar[bool] = False
    """Whether the first parameter by position is the size; else a size is given by name."""

    def __init__(self, seed: int | None = None) -> None:
        self.states: list[SharedVariable] = []
        self.seed(seed)

    def seed(self, seed: int | None = None) -> None:
        """Start all draws, those made before too, from another seed.

        Raises GraphValueError: it is no integer.
        """
        number = whole_number(np.random.SeedSequence().entropy if seed is None else seed)
        if number is None:
            raise GraphValueError(f"a seed is an integer, or None, not {seed!r}", here())
        self._key = np.array([wrapped(number)])
        for k, state in enumerate(self.states):
            state.set_value(self._start(k))

    def _start(self, k: int) -> Any:
        """Return the state of draw ``k`` before the first call: its key and a count of calls."""
        (key,) = computed(self._key, np.array([k + DERIVED]))
        return np.array([key, 0])

    def next_key(self) -> Variable:
        """Return a key that is another in each call, for functions of `T.random`."""
        k = len(self.states)
        state = shared(self._start(k), f"random_state_{k}", shape=(2,))
        state.default_update = state + np.array([0, 1])
        self.states.append(state)
        return fold_in(state[0], state[1])

    @property
    def state_updates(self) -> list[tuple[SharedVariable, Variable]]:
        """The shared variables of all draws and their updates, which functions apply by default."""
        return [(s, s.default_update) for s in self.states if s.default_update is not None]

    def updates(self) -> list[tuple[SharedVariable, Variable]]:
        """Return `state_updates`, under Theano's name."""
        return self.state_updates

    bernoulli = _sized(discrete.bernoulli)
    beta = _sized(gammas.beta)
    binomial = _sized(counts.binomial, n=1, p=0.5)
    categorical = _sized(discrete.categorical)
    cauchy = _sized(continuous.cauchy)
    chisquare = _sized(gammas.chisquare)
    choice = _sized(orders.choice, a=2)
    dirichlet = _sized(gammas.dirichlet)
    exponential = _sized(continuous.exponential)
    gamma = _sized(gammas.gamma)
    geometric = _sized(discrete.geometric)
    gumbel = _sized(continuous.gumbel)
    integers = _sized(discrete.integers)
    laplace = _sized(continuous.laplace)
    logistic = _sized(continuous.logistic)
    lognormal = _sized(continuous.lognormal)
    multinomial = _sized(counts.multinomial, n=1, p=(0.5, 0.5))
    multivariate_normal = _sized(vectors.multivariate_normal)
    negative_binomial = _sized(counts.negative_binomial)
    normal = _sized(continuous.normal)
    permutation = _unsized(orders.permutation)
    poisson = _sized(counts.poisson, lam=1.0)
    random_integers = _sized(random_integers)
    shuffle = _unsized(orders.shuffle)
    t = standard_t = _sized(gammas.standard_t)
    truncated_normal = _sized(continuous.truncated_normal)
    uniform = _sized(continuous.uniform)
    vonmises = _sized(vectors.vonmises)
