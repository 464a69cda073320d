"""Linear equations by products with their matrix alone: loops in the tensor language.

A matrix is a function of a vector.  A solution that does not converge is NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from gradcore.graph import Variable
from gradcore.graph.nodes import extents_of
from gradcore.ops.scalars import eq, le, or_, sqrt, switch
from gradcore.scan import last_states, until
from gradcore.tensor.creation import arange, zeros, zeros_like
from gradcore.tensor.indexing import set_subtensor
from gradcore.tensor.products import dot

Product: TypeAlias = Callable[[Variable], Variable]
"""A vector times a matrix that is not built."""

RESTART = 20
"""How many vectors GMRES stores before it begins anew from what it has."""

PROGRESS = 0.9
"""A residual that falls by less than this is no good direction: the last one is taken on."""


def tolerance(dtype: str) -> float:
    """Return how small a residual must be, relative to the right side."""
    return float(np.finfo(dtype).eps ** (3 / 4))


def norm(x: Variable) -> Variable:
    """Return the Euclidean norm of a vector."""
    return sqrt(dot(x, x))


def ratio(a: Any, b: Any) -> Any:
    """Return a / b, or 0 where b is 0."""
    return switch(eq(b, 0), zeros_like(b), a / switch(eq(b, 0), b + 1, b))


def cg(product: Product, b: Variable, indefinite: bool = False) -> Variable:
    """Return x of ``A @ x = b`` by conjugate gradients, for symmetric definite matrices.

    indefinite : whether to stop, with what there is, at a direction of negative curvature, and to
        return ``b`` if that is the first: then x goes the way of b, whatever the matrix is.

    Hestenes, Stiefel (1952); Nocedal, Wright, "Numerical Optimization" (2006), algorithm 7.1.
    """
    size, small = dot(b, b), tolerance(b.dtype) ** 2

    def step(x: Variable, r: Variable, p: Variable, rr: Variable) -> Any:
        moved = product(p)
        curvature = dot(p, moved)
        along = ratio(rr, curvature)
        new = x + along * p
        rest = r - along * moved
        left = dot(rest, rest)
        done = le(left, small * size)
        if indefinite:
            stop = le(curvature, 0)
            new = switch(stop, switch(eq(dot(x, x), 0), b, x), new)
            left = switch(stop, zeros_like(left), left)
            done = or_(done, stop)
        return [new, rest, rest + ratio(left, rr) * p, left], until(done)

    starts = [zeros_like(b), b, b, size]
    x, _, _, left = last_states(step, starts, n_steps=10 * extents_of(b)[0] + 10)
    return switch(le(left, small * size), x, np.nan)


def gmres(product: Product, b: Variable) -> Variable:
    """Return x of ``A @ x = b`` by GMRES, begun anew after `RESTART` products.

    It is the adaptive simpler GMRES of Jiránek, Rozložník, "Adaptive version of simpler GMRES"
    (2010), with directions updated: products with the matrix of what is stored are orthonormal, so
    that the residual is known at each step, and no small equations are left to solve.
    """
    n = extents_of(b)[0]
    close = tolerance(b.dtype) * norm(b)

    def step(
        k: Variable, x: Variable, r: Variable, z: Variable, ways: Variable, images: Variable
    ) -> Any:
        way, image = z, product(z)
        for _ in range(2):  # once more, for what rounding leaves
            common = dot(images, image)
            image, way = image - dot(common, images), way - dot(common, ways)
        length = norm(image)
        image, way = ratio(image, length), ratio(way, length)
        along = dot(image, r)
        rest = r - along * image
        good = le(norm(rest), PROGRESS * norm(r))
        following = switch(good, ratio(rest, norm(rest)), image)
        new = [x + along * way, rest, following]
        stored = [set_subtensor(ways[k], way), set_subtensor(images[k], image)]
        return [*new, *stored], until(or_(le(norm(rest), close), eq(length, 0)))

    def begun(x: Variable, r: Variable) -> Any:
        basis = zeros((RESTART, n), b.dtype)
        starts = [x, r, ratio(r, norm(r)), basis, basis]
        found, *_ = last_states(step, starts, arange(RESTART))
        rest = b - product(found)
        return [found, rest], until(le(norm(rest), close))

    rounds = 10 * n // RESTART + 10
    x, rest = last_states(begun, [zeros_like(b), b], n_steps=rounds)
    return switch(le(norm(rest), close), x, np.nan)
