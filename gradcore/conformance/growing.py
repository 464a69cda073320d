"""Programs of any size, which show how the work on a graph, and its text, grow with it.

Each takes a size and returns inputs and outputs.  Extents are unknown wherever a program can do
without them: what is not named there is written out again by whatever is computed from it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import TypeAlias

import gradcore.tensor as T
from gradcore.gradient import grad
from gradcore.graph import Variable
from gradcore.scan import scan

Program: TypeAlias = tuple[list[Variable], list[Variable]]


def halves(count: int) -> Program:
    """Return a vector that is joined to itself, and folded again, ``count`` times."""
    x, w = T.dvector("x"), T.dvector("w")
    y = x
    for _ in range(count):
        n = y.shape[0]
        both = T.concatenate([y, y]) * w
        y = both[:n] * both[n:]
    return [x, w], [y]


def halves_gradient(count: int) -> Program:
    """Return the gradient of that."""
    inputs, (y,) = halves(count)
    return inputs, list(grad(y.sum(), inputs))


def rolled(count: int) -> Program:
    """Return a vector that is rolled by half of its extent ``count`` times, and its gradient."""
    x = T.dvector("x")
    y = x
    for _ in range(count):
        y = T.roll(y, y.shape[0] // 2) * y
    return [x], [y, grad(y.sum(), x)]


def trimmed(count: int) -> Program:
    """Return a vector of which a third and two more elements go ``count`` times."""
    x = T.dvector("x")
    y = x
    for _ in range(count):
        y = T.sin(y[y.shape[0] // 3 :][:-2])
    return [x], [y, grad(y.sum(), x)]


def pointers(count: int) -> Program:
    """Return where ``count`` steps through a table lead."""
    table, start = T.lvector("table"), T.lscalar("start")
    place = start
    for _ in range(count):
        place = table[place]
    return [table, start], [place]


def rows_written(count: int) -> Program:
    """Return a matrix to which an element of each row is added ``count`` times."""
    A, columns, v = T.dmatrix("A"), T.lmatrix("columns"), T.dvector("v")
    written = A
    for k in range(count):
        written = T.inc_subtensor(written[T.arange(A.shape[0]), columns[k]], v * k)
    return [A, columns, v], [written]


def lstm(
    layers: int, steps: int | None = None, rows: int | None = None, width: int | None = None
) -> Program:
    """Return the gradient of the weights of an LSTM, of extents that are declared, or unknown."""
    gates = None if width is None else 4 * width
    inputs = [T.tensor(dtype="float64", shape=(steps, rows, width), name="x")]
    weights: list[Variable] = []
    states = inputs[0]
    for layer in range(layers):
        shapes = ((width, gates), (width, gates), (gates,), (rows, width), (rows, width))
        W, U, b, h, c = (
            T.tensor(dtype="float64", shape=shape, name=f"{name}{layer}")
            for name, shape in zip("WUbhc", shapes, strict=True)
        )
        inputs += [W, U, b, h, c]
        weights += [W, U, b]
        (states, _), _ = scan(_lstm_step, states, [h, c], [W, U, b])
    return inputs, list(grad((states**2).sum(), weights))


def _lstm_step(
    x: Variable, h: Variable, c: Variable, W: Variable, U: Variable, b: Variable
) -> list[Variable]:
    n = h.shape[1]
    bounds = [0, n, 2 * n, 3 * n, None]
    gates = T.dot(x, W) + T.dot(h, U) + b
    i, f, g, o = (gates[:, first:last] for first, last in pairwise(bounds))
    c = T.sigmoid(f) * c + T.sigmoid(i) * T.tanh(g)
    return [T.sigmoid(o) * T.tanh(c), c]


def reads(count: int) -> Program:
    """Return the gradient of a sum over pairs of elements of a matrix of 20 x 20."""
    A = T.dmatrix("A")
    cost = T.constant(0.0)
    for k in range(count):
        cost = cost + A[k % 19, k % 17] * T.sin(A[k % 13, k % 11])
    return [A], [grad(cost, A)]


def reads_hessian(count: int) -> Program:
    """Return the gradient of the gradient's square."""
    (A,), (slope,) = reads(count)
    return [A], [grad((slope**2).sum(), A)]


def reads_in_loop(count: int) -> Program:
    """Return the gradient of a recurrence whose steps read elements of a matrix of 20 x 20."""
    A, x = T.dmatrix("A"), T.dvector("x")

    def step(x_t: Variable, h: Variable) -> Variable:
        return h * x_t + sum(A[k % 19, k % 17] * T.sin(A[k % 13, k % 11] * h) for k in range(count))

    found, _ = scan(step, x, x[0])
    return [A, x], [grad(found[-1], A)]


def nested(depth: int) -> Program:
    """Return the gradient of ``depth`` loops, one inside of the other; each level hands on more."""
    W, x = T.dmatrix("W"), T.dvector("x")

    def level(k: int, h: Variable) -> Variable:
        if not k:
            return T.tanh(h * x.sum())

        def step(x_t: Variable, state: Variable) -> Variable:
            return T.tanh(T.dot(level(k - 1, state * x_t), W))

        found, _ = scan(step, x, h)
        return (found * found[::-1]).sum(0)

    return [W, x], [grad(level(depth, x).sum(), x)]


def minors(size: int) -> Program:
    """Return a determinant by minors, and its gradient: size * 2 ** size elements are read."""
    A = T.dmatrix("A")

    @cache
    def minor(row: int, columns: tuple[int, ...]) -> Variable:
        if row == size:
            return T.constant(1.0)
        terms = (
            (-1) ** k * A[row, column] * minor(row + 1, columns[:k] + columns[k + 1 :])
            for k, column in enumerate(columns)
        )
        return sum(terms)  # pyright: ignore[reportReturnType] - of one term or more

    found = minor(0, tuple(range(size)))
    return [A], [found, grad(found, A)]


PROGRAMS: dict[str, Callable[[int], Program]] = {
    f.__name__: f
    for f in (
        halves, halves_gradient, rolled, trimmed, pointers, rows_written, lstm, reads,
        reads_hessian, reads_in_loop,
    )
}  # fmt: skip
"""Those whose nodes are proportional to their size."""
