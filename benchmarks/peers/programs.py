"""Programs of science that are timed: what each is, in NumPy's words, and its inputs.

A function takes the array module, `Words` for what is called otherwise in each system, and the
inputs; it returns what is differentiated, or the result.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from peers.models import Case


@dataclass(frozen=True)
class Words:
    """What systems have under different names.

    fold : takes a step ``(state, element, *constants)``, the first state, elements (or how many
        steps there are) and constants; returns the last state.
    least : of elements along the last axis.
    sort, logsumexp : along the last axis; logsumexp takes ``axis``.
    padded : a matrix with zeros around it.
    """

    fold: Callable[..., Any]
    least: Callable[..., Any]
    sort: Callable[..., Any]
    logsumexp: Callable[..., Any]
    padded: Callable[..., Any]


def hmm(xp, lib, seen, start, move, look):
    """The negative log likelihood of a hidden Markov model: the forward algorithm in logarithms."""

    def step(alpha, k, move, look):
        return lib.logsumexp(alpha[:, None] + move, axis=0) + look[:, k]

    first = start + look[:, seen[0]]
    return -lib.logsumexp(lib.fold(step, first, seen[1:], move, look), axis=0)


def bodies(xp, lib, x, mass):
    """The energy of masses that attract each other, softened."""
    between = x[:, None, :] - x[None, :, :]
    squares = xp.sum(between * between, axis=2) + 1e-2
    return -xp.sum(mass[:, None] * mass[None, :] / xp.sqrt(squares)) / 2


def kmeans(xp, lib, points, centres):
    """The sum of squares of distances to the nearest centre."""
    between = points[:, None, :] - centres[None, :, :]
    return xp.sum(lib.least(xp.sum(between * between, axis=2)))


def heat(xp, lib, u, wanted):
    """How far heat is, after 100 steps, from what is wanted; the rim is cold."""

    def step(u, _):
        w = lib.padded(u)
        around = w[:-2, 1:-1] + w[2:, 1:-1] + w[1:-1, :-2] + w[1:-1, 2:]
        return u + 0.2 * (around - 4 * u)

    rest = lib.fold(step, u, 100) - wanted
    return xp.sum(rest * rest)


def embedding(xp, lib, table, words, wanted):
    """How far the sums of rows of a table are from what is wanted."""
    rest = xp.sum(table[words], axis=1) - wanted
    return xp.sum(rest * rest)


def cumulative(xp, lib, x, w):
    """A weighted sum of running sums of rows."""
    return xp.sum(xp.cumsum(x, 1) * w)


def ranked(xp, lib, x, w):
    """A weighted sum of order statistics, as of quantile losses."""
    return xp.sum(lib.sort(x) * w)


def moments(xp, lib, x):
    """The mean square and the mean of many numbers."""
    return xp.mean(x * x), xp.mean(x)


def pipeline(xp, lib, x):
    """Fifty elementwise ops."""
    y = x
    for k in range(10):
        y = xp.tanh(0.5 * y + 0.1 * k) * y + x
    return y


def strided(xp, lib, x, y):
    """A product with a transposed matrix, of every second row and third column."""
    return x[::2, ::3] * xp.exp(-y.T[::2, ::3])


def _hmm(draw):
    move, look, start = (
        np.log(draw.dirichlet(np.ones(n), k)) for n, k in ((16, 16), (20, 16), (16, 1))
    )
    return draw.integers(0, 20, 1000), start[0], move, look


def _normal(*shapes, dtype="float64"):
    return lambda draw: tuple(draw.normal(size=shape).astype(dtype) for shape in shapes)


def _bodies(draw):
    return draw.normal(size=(1000, 3)), draw.uniform(0.5, 1.5, 1000)


def _embedding(draw):
    table, wanted = draw.normal(size=(10_000, 64)), draw.normal(size=(512, 64))
    return table.astype("float32"), draw.integers(0, 10_000, (512, 20)), wanted.astype("float32")


CASES = (
    Case("hmm", "hidden Markov model, 16 states, 1000 steps: value + gradient", _hmm, (1, 2, 3)),
    Case("bodies", "1000 bodies: energy + forces", _bodies, (0,)),
    Case("kmeans", "k-means, 10,000 points, 20 centres of 16: cost + gradient",
         _normal((10_000, 16), (20, 16)), (1,)),
    Case("heat", "heat equation, 256x256, 100 steps: cost + gradient",
         _normal((256, 256), (256, 256)), (0,)),
    Case("embedding", "embedding of 512x20 words, 10,000 x 64 f32: cost + gradient",
         _embedding, (0,)),
    Case("cumulative", "running sums of 1000x1000 f64: value + gradient",
         _normal((1000, 1000), (1000, 1000)), (0,)),
    Case("ranked", "order statistics of 100,000 f64: value + gradient",
         _normal((100_000,), (100_000,)), (0,)),
    Case("moments", "mean and mean square of 1e7 f32", _normal((10_000_000,), dtype="float32")),
    *(Case("pipeline", f"50 elementwise ops on {n:,} f64", _normal((n,)))
      for n in (1_000, 100_000, 10_000_000)),
    Case("strided", "x[::2, ::3] * exp(-y.T[::2, ::3]) of 2000x2000 f64",
         _normal((2000, 2000), (2000, 2000))),
)  # fmt: skip
