"""Solvers of equations: loops in the tensor language, on vectors.

Each returns a vector, NaN where it has not converged: nothing is raised from inside of a loop or a
branch, and nobody goes on with a wrong solution unnoticed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from gradcore.gradient.krylov import cg, gmres, norm
from gradcore.gradient.matrices import jacobian
from gradcore.gradient.modes import Lop, Rop
from gradcore.graph import Constant, Variable
from gradcore.graph.nodes import extents_of
from gradcore.language import LANGUAGE
from gradcore.ops.scalars import isnan, le, maximum, or_, switch
from gradcore.scan import last_states, until
from gradcore.tensor.creation import eye, zeros
from gradcore.tensor.linalg import cholesky, solve, solve_triangular
from gradcore.tensor.products import dot
from gradcore.tensor.shapes import flatten, reshape, swapaxes

Equations: TypeAlias = Callable[[Variable], Variable]
"""A function of a vector: a residual, a gradient, or a cost."""

HALVINGS = 40
"""How often a step that makes things worse is halved."""

DECREASE = 1e-4
"""What part of the decrease that a step promises it must bring: Armijo's condition."""

SHIFTS = 60
"""How often a multiple of the identity is added to a Hessian that is not positive definite."""


def largest(x: Variable) -> Variable:
    """Return the largest absolute value of a vector."""
    return LANGUAGE["max"](abs(x))


def is_small(change: Variable, x: Variable, tol: float) -> Variable:
    """Return whether a change of ``x`` is within a tolerance, absolute and relative."""
    return le(largest(change), tol * (1 + largest(x)))


def linear_solution(
    r: Variable, x: Variable, right: Variable, solver: str, transposed: bool = False
) -> Variable:
    """Return the vector s of ``J @ s = right`` (or ``J.T @ s = right``), J that of ``r`` in ``x``.

    solver : "dense", which builds J; "gmres", or "cg" for symmetric definite J, which multiply with
        it.
    """
    if solver == "dense":
        rows = flatten(r)
        n = extents_of(rows)[0]
        matrix = reshape(jacobian(rows, x), (n, n))
        if matrix.type.shape == (1, 1):
            return right / matrix[0]
        return solve(swapaxes(matrix, 0, 1) if transposed else matrix, right, on_error="nan")

    def product(v: Variable) -> Variable:
        return product_with(r, x, v, transposed)

    return (cg if solver == "cg" else gmres)(product, right)


def product_with(r: Variable, x: Variable, v: Variable, transposed: bool) -> Variable:
    """Return the Jacobian of ``r`` in ``x``, or its transpose, times a vector: a vector."""
    if transposed:
        return flatten(Lop(r, x, reshape(v, extents_of(r))))
    return flatten(Rop(r, x, reshape(v, extents_of(x))))


def backtracked(
    x: Variable, way: Variable, value: Equations, good: Callable[[Variable, Variable], Variable]
) -> tuple[Variable, Variable]:
    """Return the first of ``x + way``, ``x + way / 2``, ... that is good, and the value there.

    good : of the part of the way, and the value there.
    """
    whole = Constant(1, x.dtype)

    def halved(part: Variable, _x: Variable, _value: Variable) -> Any:
        new = x + part * way
        found = value(new)
        return [part / 2, new, found], until(good(part, found))

    _, new, found = last_states(halved, [whole, x, value(x)], n_steps=HALVINGS)
    return new, found


def newton(residual: Equations, start: Variable, solver: str, tol: float, maxiter: int) -> Variable:
    """Return a root of ``residual`` by Newton's method, with steps that are halved as need be."""

    def step(x: Variable, r: Variable, _done: Variable) -> Any:
        way = linear_solution(residual(x), x, -r, solver)
        done = is_small(way, x, tol)

        def good(part: Variable, found: Variable) -> Variable:
            return or_(done, le(norm(found), (1 - DECREASE * part) * norm(r)))

        new, found = backtracked(x, way, residual, good)
        return [new, found, done], until(or_(done, isnan(largest(way))))

    starts = [start, residual(start), Constant(False)]
    x, _, done = last_states(step, starts, n_steps=maxiter)
    return switch(done, x, np.nan)


def descent(
    cost: Equations, gradient: Equations, start: Variable, solver: str, tol: float, maxiter: int
) -> Variable:
    """Return a minimum of ``cost`` by Newton's method, along directions of descent.

    The Hessian is made positive definite by a multiple of the identity (Nocedal, Wright, "Numerical
    Optimization" (2006), algorithm 3.3), or conjugate gradients stop where it is not (7.1).
    """

    def step(x: Variable, value: Variable, _done: Variable) -> Any:
        slope = gradient(x)
        if solver == "dense":
            way = _downhill(jacobian(slope, x), slope)
        else:
            way = cg(lambda v: Rop(slope, x, v), -slope, indefinite=True)
        done = is_small(way, x, tol)
        rounding = 10 * float(np.finfo(value.dtype).eps) * abs(value)

        def good(part: Variable, found: Variable) -> Variable:
            return or_(done, le(found, value + DECREASE * part * dot(slope, way) + rounding))

        new, found = backtracked(x, way, cost, good)
        return [new, found, done], until(or_(done, isnan(largest(way))))

    starts = [start, cost(start), Constant(False)]
    x, _, done = last_states(step, starts, n_steps=maxiter)
    return switch(done, x, np.nan)


def _downhill(matrix: Variable, slope: Variable) -> Variable:
    """Return the step to the minimum that a Hessian, made positive definite, leads to."""
    n = extents_of(slope)[0]
    least = 1e-3 * LANGUAGE["max"](abs(matrix)) + float(np.finfo(slope.dtype).tiny)

    def shifted(shift: Variable, _factor: Variable) -> Any:
        factor = cholesky(matrix + shift * eye(n, dtype=slope.dtype), on_error="nan")
        return [maximum(2 * shift, least), factor], until(~isnan(factor[-1, -1]))

    starts = [Constant(0, slope.dtype), zeros((n, n), slope.dtype)]
    _, factor = last_states(shifted, starts, n_steps=SHIFTS)
    half = solve_triangular(factor, -slope, lower=True)
    return solve_triangular(factor, half, trans=1, lower=True)


def iterated(function: Equations, start: Variable, tol: float, maxiter: int) -> Variable:
    """Return a fixed point of ``function`` by applying it again and again."""

    def step(x: Variable, _done: Variable) -> Any:
        new = function(x)
        done = is_small(new - x, new, tol)
        return [new, done], until(or_(done, isnan(largest(new))))

    x, done = last_states(step, [start, Constant(False)], n_steps=maxiter)
    return switch(done, x, np.nan)
