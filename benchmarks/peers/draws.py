"""Operands at which the errors of functions are measured, drawn by what a function is about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Draw = Callable[[np.random.Generator, int], tuple[Any, ...]]
"""Returns columns of operands, so many."""


def between(low: float, high: float) -> Draw:
    """Draw evenly from an interval."""
    return lambda rng, n: (rng.uniform(low, high, n),)


def sizes(low: float, high: float, both: bool = False) -> Draw:
    """Draw numbers of all sizes between powers of ten, of both signs."""

    def draw(rng: np.random.Generator, n: int) -> tuple[Any, ...]:
        sign = rng.choice([-1, 1], n) if both else 1
        return (sign * 10 ** rng.uniform(low, high, n),)

    return draw


def mixed(*draws: Draw) -> Draw:
    """Draw from several in turn."""

    def draw(rng: np.random.Generator, n: int) -> tuple[Any, ...]:
        parts = [each(rng, -(-n // len(draws))) for each in draws]
        return tuple(np.concatenate(column)[:n] for column in zip(*parts, strict=True))

    return draw


def together(*draws: Draw) -> Draw:
    """Draw each operand by itself."""
    return lambda rng, n: tuple(draw(rng, n)[0] for draw in draws)


def sides(rng: np.random.Generator, n: int) -> tuple[Any, ...]:
    """Draw pairs of numbers of all sizes, each pair of similar ones."""
    x = 10 ** rng.uniform(-300, 300, n)
    return x, x * 10 ** rng.uniform(-3, 3, n)


def gamma_pairs(rng: np.random.Generator, n: int) -> tuple[Any, ...]:
    """Draw parameters from 1e-3 to 1e5, and numbers mostly near them."""
    a = 10 ** rng.uniform(-3, 5, n)
    near = a * np.exp(2 * rng.normal(size=n) / np.sqrt(1 + a))
    return a, np.where(rng.random(n) < 0.7, near, 10 ** rng.uniform(-3, 3, n))


def beta_triples(rng: np.random.Generator, n: int) -> tuple[Any, ...]:
    """Draw parameters from 0.01 to 1e4, and numbers where the distribution is."""
    a, b = 10 ** rng.uniform(-2, 4, n), 10 ** rng.uniform(-2, 4, n)
    x = np.where(rng.random(n) < 0.7, rng.beta(a, b), rng.random(n))
    return a, b, np.clip(x, 1e-300, 1 - 2.0**-53)


def quantiles(parameters: int) -> Draw:
    """Draw parameters from 0.1 to 1e4, and probabilities, small ones among them."""

    def draw(rng: np.random.Generator, n: int) -> tuple[Any, ...]:
        shapes = [10 ** rng.uniform(-1, 4, n) for _ in range(parameters)]
        small = 10 ** rng.uniform(-20, 0, n)
        return *shapes, np.where(rng.random(n) < 0.6, rng.random(n), small)

    return draw


def orders(rng: np.random.Generator, n: int) -> tuple[Any, ...]:
    """Draw orders up to 2000, and numbers of all sizes, many near the order."""
    v = np.where(rng.random(n) < 0.5, rng.uniform(0, 60, n), 10 ** rng.uniform(-2, 3.3, n))
    near = v * rng.uniform(0.8, 1.3, n)
    return v, np.where(rng.random(n) < 0.4, near, 10 ** rng.uniform(-3, 3.3, n))
