"""Functions whose whole Jacobian, or Hessian, is timed: written once, for T and for NumPy."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numpy.random import default_rng


@dataclass(frozen=True)
class Case:
    """A function of arrays, and their shapes; its derivative is by the first.

    kind : "jacobian", "hessian" (of a scalar), "rows" (a Jacobian for each row), or "batch" (that
        of all rows, of which the blocks on the diagonal are taken).
    """

    function: Callable[..., Any]
    shapes: tuple[tuple[int, ...], ...]
    kind: str = "jacobian"


def rosenbrock(np, x):
    """The chained function of Rosenbrock."""
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def neighbours(np, x):
    """A cost of neighbours."""
    return ((x[1:] * x[:-1]) ** 2).sum() + (x**4).sum()


def runge_kutta(np, y, A, B):
    """Four steps of an equation of few variables, and what is measured of it."""

    def slope(y):
        return np.tanh(np.dot(A, y)) - y

    for _ in range(4):
        a = slope(y)
        b = slope(y + 0.05 * a)
        c = slope(y + 0.05 * b)
        d = slope(y + 0.1 * c)
        y = y + 0.1 / 6 * (a + 2 * b + 2 * c + d)
    return np.dot(B, y)


def rotations(np, angles, points):
    """1000 points, moved and turned by 26 numbers."""
    for k in range(8):
        c, s = np.cos(angles[k]), np.sin(angles[k])
        x, y, z = (points[:, axis] + angles[3 * k + axis] for axis in range(3))
        points = np.stack([c * x + s * y, c * y - s * x, z], axis=1)
    return points.flatten()


def layer(np, x, A):
    """A layer."""
    return np.tanh(np.dot(A, x))


ENDS = default_rng(0).integers(0, 500, (2, 1000))
"""Which of 500 points 1000 springs join."""


def springs(np, x):
    """The energy of springs between points."""
    return ((x[ENDS[0]] - x[ENDS[1]]) ** 4).sum() + (x**4).sum()


def softmax(np, x):
    """A softmax of each row."""
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


CASES = {
    "x**2, 1000": Case(lambda np, x: x**2, ((1000,),)),
    "Rosenbrock, Hessian, 500": Case(rosenbrock, ((500,),), "hessian"),
    "neighbours, Hessian, 500": Case(neighbours, ((500,),), "hessian"),
    "layer, 2000 x 5": Case(layer, ((5,), (2000, 5))),
    "layer, 5 x 2000": Case(layer, ((2000,), (5, 2000))),
    "two layers, 300 -> 200 -> 100": Case(
        lambda np, x, A, B: layer(np, layer(np, x, A), B), ((300,), (200, 300), (100, 200))
    ),
    "layer of each of 1000 rows, 10 -> 10": Case(layer, ((1000, 10), (10, 10)), "rows"),
    "springs, Hessian, 500": Case(springs, ((500,),), "hessian"),
    "softmax of 50 rows of 20, whole": Case(softmax, ((50, 20),)),
    "softmax of 1000 rows of 20, blocks": Case(softmax, ((1000, 20),), "batch"),
    "Runge-Kutta, 400 x 6": Case(runge_kutta, ((6,), (6, 6), (400, 6))),
    "rotations, 3000 x 26": Case(rotations, ((26,), (1000, 3))),
}
