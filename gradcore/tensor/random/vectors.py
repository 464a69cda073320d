"""Draws of directions and of vectors: von Mises, and the normal one of several dimensions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradcore.graph import Constant, Variable, as_variable
from gradcore.graph.nodes import extents_of
from gradcore.language import word
from gradcore.ops.draws import ImplicitDraw
from gradcore.ops.scalars import arcsin, clip, exp, log, minimum, sin, sqr, sqrt, switch
from gradcore.tensor.elementwise import cast
from gradcore.tensor.linalg import cholesky
from gradcore.tensor.products import matmul
from gradcore.tensor.random.continuous import normal
from gradcore.tensor.random.discrete import in_double
from gradcore.tensor.random.keys import centered, extents, fold_in
from gradcore.tensor.random.parameters import float_dtype, refuse_outside
from gradcore.tensor.random.rejection import first_accepted, fixed
from gradcore.tensor.reductions import sum as total
from gradcore.tensor.shapes import broadcast_to, expand_dims

EVEN = 1e-8
"""The concentration below which directions are evenly distributed, to rounding."""

SHARP = 1e6
"""The concentration from which on a direction is a normal number, to rounding."""

PLACES, WEIGHTS = (x / 2 for x in np.polynomial.legendre.leggauss(48))
"""Of Gauss's integration over an interval of length 1."""


def multivariate_normal(
    key: Any, mean: Any, cov: Any, shape: Any = None, dtype: str | None = None
) -> Variable:
    """Return normal vectors of a mean and a covariance matrix, by its Cholesky factor.

    mean : vectors along the last axis; cov : matrices along the last two axes, positive definite:
        else it is LinAlgError, as of `T.linalg.cholesky`.
    shape : that of the draw without its last axis, along which a vector lies; None: what the other
        axes of ``mean`` and ``cov`` stretch to.
    dtype : as of `uniform`.

    >>> import gradcore.tensor as T
    >>> cov = [[1.0, 0.9], [0.9, 1.0]]
    >>> T.random.multivariate_normal(T.random.key(7), [0.0, 10.0], cov, 2).eval().round(3).tolist()
    [[-0.401, 9.689], [0.598, 10.609]]
    """
    wanted = float_dtype(dtype, (mean, cov))
    factor = cholesky(cast(as_variable(cov, (wanted,)), wanted))
    centre = cast(as_variable(mean, (wanted,)), wanted)
    found = extents(shape, centre[..., 0], factor[..., 0, 0])
    z = normal(key, (*found, extents_of(factor)[-1], 1), dtype=wanted)
    return centre + matmul(factor, z)[..., 0]


def vonmises(
    key: Any, mu: Any, kappa: Any, shape: Any = None, dtype: str | None = None
) -> Variable:
    """Return angles from -pi to pi of density exp(kappa * cos(x - mu)), up to a factor.

    shape, dtype : as of `uniform`.

    By the method of Best and Fisher ("Efficient simulation of the von Mises distribution", 1979).
    It moves with ``mu`` as it is written, with ``kappa`` by implicit reparameterization.

    >>> import gradcore.tensor as T
    >>> T.random.vonmises(T.random.key(7), 0.0, 4.0, 3).eval().round(3).tolist()
    [0.031, -0.302, 0.553]
    """
    refuse_outside(kappa=kappa)
    wanted = float_dtype(dtype, (mu, kappa))
    at, sharpness = in_double(mu), in_double(kappa)
    found = extents(shape, at, sharpness)
    concentration = broadcast_to(sharpness, found)
    (known,) = fixed(concentration)
    k = clip(known, EVEN, SHARP)
    r = 1 + sqrt(1 + 4 * k * k)
    rho = (r - sqrt(2 * r)) / (2 * k)
    above = switch(k < 1e-3, 1 / k + k - 1, sqr(1 - rho) / (2 * rho))  # s - 1 of the paper

    def propose(key: Variable) -> tuple[Variable, Variable]:
        half = sqr(sin(math.pi * centered(fold_in(key, 0), found, "float64")))  # of 1 - z
        u = 0.5 + centered(fold_in(key, 1), found, "float64")
        lacking = above * half / (1 + above / 2 - half)  # 1 - f, where 1 - cos(x) keeps its digits
        c = k * (above + lacking)
        return clip(lacking, 0, 2), (c * (2 - c) > u) | (log(c / u) + 1 - c >= 0)

    lacking = first_accepted(fold_in(key, 0), found, "float64", propose)
    side = centered(fold_in(key, 1), found, "float64")
    angle = switch(side < 0, -2, 2) * arcsin(sqrt(lacking / 2))
    near = normal(fold_in(key, 2), found, dtype="float64") / sqrt(k)
    drawn = ImplicitDraw("vonmises_slope")(switch(known > SHARP, near, angle), concentration)
    return cast((drawn + at + math.pi) % (2 * math.pi) - math.pi, wanted)


@word
def vonmises_slope(x: Variable, kappa: Variable) -> Variable:
    """Return how an angle ``x`` of mean 0 moves with its concentration.

    By integrals of the density over the angles below ``x``, and over all those that count.
    """
    end = minimum(math.pi, 9 / sqrt(clip(kappa, EVEN, math.inf)))
    weights = Constant(WEIGHTS)
    lacking, density = _integrand(end, kappa, end)
    mean = total(weights * lacking * density, -1) / total(weights * density, -1)  # of 1 - cos
    below, ratio = _integrand(x, kappa, x)
    return -x * total(weights * (expand_dims(mean, mean.ndim) - below) * ratio, -1)


def _integrand(end: Variable, kappa: Variable, at: Variable) -> tuple[Variable, Variable]:
    """Return 1 - cos(t), and the density there over that at ``at``, for t from 0 to ``end``."""
    t = expand_dims(end, end.ndim) * (Constant(PLACES) + 0.5)
    lacking = 2 * sqr(sin(t / 2))
    own = 2 * sqr(sin(at / 2))
    k, limit = expand_dims(kappa, kappa.ndim), expand_dims(own, own.ndim)
    return lacking, exp(k * (limit - lacking))
