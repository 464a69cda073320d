"""Functions of one vector whose sparse derivative is timed: for T, JAX, and symbols of CasADi."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy  # noqa: ICN001 - np is the module that a case is written for

from peers.whole_jacobians import neighbours, rosenbrock


@dataclass(frozen=True)
class Case:
    """A function of a vector, and where it is looked at.

    hessian : whether the second derivatives of a scalar are wanted, not the first ones of a vector.
    peers : who takes part.
    limit : how many seconds a peer has for all of it, in a process of its own; None: any number.
    """

    function: Callable[..., Any]
    at: Any
    hessian: bool = False
    peers: tuple[str, ...] = ("casadi", "asdex")
    limit: float | None = None


def numbers(size):
    """Return numbers near 1."""
    return 1 + numpy.random.default_rng(0).uniform(-0.5, 0.5, size)


def bundle(cameras, points, observations):
    """Return bundle adjustment: what the cameras see of points, off by how much, with weights.

    A camera is a rotation, a place, a focal length, a centre and two distortions, 11 numbers; an
    observation reads one camera, one point and one weight, as in ADBench's problems.
    """
    rng = numpy.random.default_rng(1)
    by = rng.integers(0, cameras, observations), rng.integers(0, points, observations)
    seen = rng.normal(size=(observations, 2))
    ends = numpy.cumsum([11 * cameras, 3 * points, observations])

    def residuals(np, x):
        cam = [x[by[0] * 11 + k] for k in range(11)]
        offset = [x[ends[0] + by[1] * 3 + k] - cam[3 + k] for k in range(3)]
        turn, w = cam[:3], x[ends[1] : ends[2]]
        angle = np.sqrt(turn[0] ** 2 + turn[1] ** 2 + turn[2] ** 2)
        axis = [k / angle for k in turn]
        c, s = np.cos(angle), np.sin(angle)
        along = (axis[0] * offset[0] + axis[1] * offset[1] + axis[2] * offset[2]) * (1 - c)
        p = [
            offset[k] * c
            + (axis[k - 2] * offset[k - 1] - axis[k - 1] * offset[k - 2]) * s
            + axis[k] * along
            for k in range(3)
        ]
        u, v = p[0] / p[2], p[1] / p[2]
        square = u**2 + v**2
        radial = (1 + cam[9] * square + cam[10] * square**2) * cam[6]
        off = [w * (k * radial + cam[j] - seen[:, j - 7]) for k, j in ((u, 7), (v, 8))]
        return np.concatenate([*off, 1 - w**2])

    at = numpy.concatenate([numbers(int(ends[0])), numbers(int(ends[1] - ends[0])) + 3])
    return residuals, numpy.concatenate([at, numbers(observations)])


def hand(points):
    """Return a hand: points between corners of moving triangles, of 26 angles and 2 numbers each.

    Each residual reads all of the angles, and the two numbers of its point: a dense block of
    columns beside blocks of a few.
    """
    corners = numpy.random.default_rng(2).normal(size=(3, points, 3))

    def residuals(np, x):
        u, v = x[26 : 26 + points], x[26 + points :]
        moved = [
            u * corners[0, :, k] + v * corners[1, :, k] + (1 - u - v) * corners[2, :, k]
            for k in range(3)
        ]
        for k in range(8):
            c, s = np.cos(x[k]), np.sin(x[k])
            a, b, z = (moved[axis] + x[3 * k + axis] / 8 for axis in range(3))
            moved = [c * a + s * b, c * b - s * a, z]
        return np.concatenate([moved[0] + x[24], moved[1] + x[25], moved[2]])

    return residuals, numbers(26 + 2 * points)


CASES = {
    "x**2, n = 1000": Case(lambda np, x: x**2, numbers(1000)),
    "x**2, n = 10,000": Case(lambda np, x: x**2, numbers(10_000)),
    "tridiagonal Hessian, n = 500": Case(neighbours, numbers(500), True),
    "tridiagonal Hessian, n = 5000": Case(neighbours, numbers(5000), True),
    "Rosenbrock Hessian, n = 500": Case(rosenbrock, numbers(500), True),
    "Rosenbrock Hessian, n = 5000": Case(rosenbrock, numbers(5000), True),
    "hand, 1000 points": Case(*hand(1000)),
    "bundle adjustment, 1000 observations": Case(*bundle(20, 300, 1000)),
    "bundle adjustment, 31,843 observations": Case(*bundle(49, 7776, 31_843), limit=75),
}
