"""Streams of random draws, with the arguments that Theano has for them.

The numbers are gradcore's own, for any seed: a stream of Theano's is not drawn again.
"""

from __future__ import annotations

from typing import Any

from gradcore.config import config
from gradcore.errors import UnsupportedError
from gradcore.graph import Variable, here
from gradcore.tensor.shared_randomstreams import RandomStreams
from gradcore.theano.states import (
    STATE,
    RandomStateSharedVariable,
    after,
    drawn_with,
    key_of,
    raw,
)


class TheanoStreams(RandomStreams):
    """``RandomStreams`` and ``MRG_RandomStreams``: draws that are others in each call.

    seed : an integer, or a list of six, of which all count; None: one from the operating system.

    Each method takes the size first and has Theano's defaults: draws of real numbers are of
    ``config.floatX``, draws of integers of int64, unless ``dtype`` says otherwise, which for
    integers may be a float.  ``draw.rng`` is the shared variable with the state of a draw.
    """

    def __init__(
        self, seed: Any = None, use_cuda: bool | None = None, no_warn: bool = False
    ) -> None:
        super().__init__(_one_seed(seed))

    def next_key(self) -> Variable:
        """Return a key that is another in each call."""
        k = len(self.states)
        state = RandomStateSharedVariable(self._start(k), f"random_state_{k}")
        state.default_update = after(state)
        self.states.append(state)
        return key_of(state)

    def _drawn(self, found: Variable) -> Variable:
        """Return a draw that knows its state, which is the last one."""
        state = self.states[-1]
        assert isinstance(state, RandomStateSharedVariable)
        return drawn_with(found, state)

    @property
    def rstate(self) -> Any:
        """The key that draws which are made from now on start from."""
        return self._key.copy()

    @rstate.setter
    def rstate(self, key: Any) -> None:
        self._key = key.copy()

    def uniform(
        self,
        size: Any = None,
        low: Any = 0.0,
        high: Any = 1.0,
        ndim: int | None = None,
        dtype: str | None = None,
        nstreams: Any = None,
        **options: Any,
    ) -> Variable:
        """Return draws from ``low`` to ``high``."""
        found = super().uniform(size=size, low=low, high=high, ndim=ndim)
        return self._drawn(_real(found, dtype))

    def normal(
        self,
        size: Any = None,
        avg: Any = 0.0,
        std: Any = 1.0,
        ndim: int | None = None,
        dtype: str | None = None,
        nstreams: Any = None,
        truncate: bool = False,
        **options: Any,
    ) -> Variable:
        """Return draws from a normal distribution; ``truncate``: within two deviations."""
        if truncate:
            found = super().truncated_normal(size=size, low=-2.0, high=2.0, ndim=ndim)
            return self._drawn(_real(found * std + avg, dtype))
        return self._drawn(_real(super().normal(size=size, avg=avg, std=std, ndim=ndim), dtype))

    def truncated_normal(
        self,
        size: Any = None,
        avg: Any = 0.0,
        std: Any = 1.0,
        ndim: int | None = None,
        dtype: str | None = None,
        nstreams: Any = None,
        **options: Any,
    ) -> Variable:
        """Return draws from a normal distribution, within two deviations of its mean."""
        return self.normal(size, avg, std, ndim, dtype, truncate=True)

    def binomial(
        self,
        size: Any = None,
        n: Any = 1,
        p: Any = 0.5,
        ndim: int | None = None,
        dtype: str = "int64",
        nstreams: Any = None,
        prob: Any = None,
        **options: Any,
    ) -> Variable:
        """Return how many of ``n`` trials succeed, each with the probability ``p``."""
        chance = p if prob is None else prob
        return self._drawn(_whole(super().binomial(size=size, n=n, p=chance, ndim=ndim), dtype))

    def poisson(
        self,
        size: Any = None,
        lam: Any = 1.0,
        ndim: int | None = None,
        dtype: str = "int64",
        **options: Any,
    ) -> Variable:
        """Return draws from a Poisson distribution of the mean ``lam``."""
        return self._drawn(_whole(super().poisson(size=size, lam=lam, ndim=ndim), dtype))

    def random_integers(
        self,
        size: Any = None,
        low: Any = 0,
        high: Any = 1,
        ndim: int | None = None,
        dtype: str = "int64",
        **options: Any,
    ) -> Variable:
        """Return integers from ``low`` to ``high``, both included."""
        return self._drawn(
            _whole(super().random_integers(size=size, low=low, high=high, ndim=ndim), dtype)
        )

    def choice(
        self,
        size: Any = None,
        a: Any = 2,
        replace: bool = True,
        p: Any = None,
        ndim: int | None = None,
        dtype: str | None = None,
        nstreams: Any = None,
        **options: Any,
    ) -> Variable:
        """Return elements of ``a``, or numbers below it, each with its probability in ``p``."""
        found = super().choice(size=size, a=a, replace=replace, p=p, ndim=ndim)
        return self._drawn(found if dtype is None else _whole(found, dtype))

    def multinomial(
        self,
        size: Any = None,
        n: Any = 1,
        pvals: Any = (0.5, 0.5),
        ndim: int | None = None,
        dtype: str = "int64",
        nstreams: Any = None,
        **options: Any,
    ) -> Variable:
        """Return how many of ``n`` draws each class has, by its probability in ``pvals``."""
        return self._drawn(
            _whole(super().multinomial(size=size, n=n, pvals=pvals, ndim=ndim), dtype)
        )

    def multinomial_wo_replacement(
        self, size: Any = None, n: int = 1, pvals: Any = None, dtype: str = "int64", **options: Any
    ) -> Variable:
        """Return for each row of ``pvals`` the numbers of ``n`` classes, none of them twice.

        They are the largest of the logarithms of the probabilities, each with a draw from a Gumbel
        distribution added (W. Kool et al., "Stochastic beams and where to find them", 2019).
        """
        if pvals is None:
            raise UnsupportedError("multinomial_wo_replacement needs pvals", here())
        keys = pvals.log() + super().gumbel(size=pvals.shape)
        return self._drawn(_whole((-keys).argsort(axis=-1)[:, :n], dtype))

    def permutation(
        self,
        size: Any = None,
        n: Any = 1,
        ndim: int | None = None,
        dtype: str = "int64",
        **options: Any,
    ) -> Variable:
        """Return the numbers 0 ... n - 1 in random orders, along the last axis."""
        return self._drawn(_whole(super().permutation(size, n), dtype))

    def shuffle_row_elements(self, input: Any) -> Variable:
        """Return a matrix, the elements of each row in a random order of its own."""
        return self._drawn(super().shuffle_row_elements(input))


class _Once(TheanoStreams):
    """What draws with one state, for ``raw_random``."""

    def __init__(self, state: Variable) -> None:
        super().__init__(0)
        self._state = state

    def next_key(self) -> Variable:
        """Return the key of the state."""
        return key_of(self._state)

    def _drawn(self, found: Variable) -> Variable:
        """Return the draw: its state is the program's."""
        return found


RAW: dict[str, Any] = {
    "random_state_type": STATE,
    **{
        name: raw(name, _Once)
        for name in (
            "uniform", "normal", "binomial", "poisson", "random_integers", "choice",
            "permutation", "multinomial",
        )
    },
}  # fmt: skip
"""``theano.tensor.raw_random``."""


def _real(found: Variable, dtype: str | None) -> Variable:
    """Return draws of real numbers in the dtype that is asked for."""
    return found.astype(config.floatX if dtype in (None, "floatX") else dtype)


def _whole(found: Variable, dtype: str) -> Variable:
    """Return draws of integers in the dtype that is asked for, which may be a float."""
    return found.astype(config.floatX if dtype == "floatX" else dtype)


def _one_seed(seed: Any) -> int | None:
    """Return an integer of one, or of a list of six."""
    if isinstance(seed, (list, tuple)):
        parts: list[Any] = list(seed)  # pyright: ignore[reportUnknownArgumentType] - of integers
        return sum(int(part) << (32 * k) for k, part in enumerate(parts))
    return None if seed is None else int(seed)
