"""Random graphs: grown op by op out of inputs of all dtypes, ranks and extents.

A graph is grown with its values, by the references of its ops: so indices mostly hit, extents
mostly fit, and what NumPy leaves undefined (a float too large for an integer) is omitted.  Some
graphs are meant to fail when they run: what raises is the last expression of those.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

import gradcore.tensor as T
from gradcore.conformance.fuzz.builders import BUILDERS, by_turns
from gradcore.conformance.fuzz.draw import Draw
from gradcore.errors import GradcoreError
from gradcore.graph import Array, Variable, ancestors


@dataclass(frozen=True)
class Graph:
    """A random graph.

    seed : what it was drawn from.
    inputs, values : its inputs, and what to call it with.
    outputs : its outputs, then its derivatives.
    directions : for a graph with derivatives, where among the outputs they are.
    fails : whether it is meant to raise when it runs.
    """

    seed: int
    inputs: list[Variable]
    values: list[Array]
    outputs: list[Variable]
    derivatives: Derivatives | None
    fails: bool


@dataclass(frozen=True)
class Derivatives:
    """The derivatives of a cost: where they stand among the outputs of a graph.

    cost : what is differentiated; its own place.
    directions : a direction for each input that moves.
    gradients : the places of the gradients in these inputs.
    tangent : the place of the derivative along all directions, in forward mode.
    second : the places of the derivatives of the gradients along all directions.
    """

    cost: int
    wrt: list[Variable]
    directions: list[Array]
    gradients: range
    tangent: int
    second: range


def graph(seed: int) -> Graph:
    """Return the graph of a seed."""
    draw = Draw(seed)
    for _ in range(int(draw.rng.integers(3, 12))):
        draw.grow(draw.one(BUILDERS))
        if draw.failed is not None:
            break
    else:
        draw.grow(by_turns)
    grown = [v for v in draw.pool if v.owner is not None]
    outputs = grown[-3:] if draw.failed is None else [*grown[-1:], draw.failed]
    if not outputs:
        return graph(seed + 2**40)
    derivatives = None
    if draw.failed is None:
        derivatives, more = _derivatives(draw, outputs, len(outputs))
        outputs = [*outputs, *more]
    needed = set(ancestors(outputs))
    inputs = [v for v in draw.inputs if v in needed]
    if derivatives is not None:
        inputs = list(dict.fromkeys([*inputs, *derivatives.wrt]))
    values = [draw.inputs[v] for v in inputs]
    return Graph(seed, inputs, values, outputs, derivatives, draw.failed is not None)


def _uniform(draw: Draw, low: float, high: float, like: Array) -> Array:
    """Return random numbers of the shape and dtype of ``like``."""
    shape: tuple[int, ...] = like.shape
    drawn = np.asarray(draw.rng.uniform(low, high, shape), like.dtype)
    if like.dtype.kind == "c":
        drawn.imag = draw.rng.uniform(low, high, shape)
    return drawn


def _real(y: Variable) -> Variable:
    """Return ``y``, or a real function of all of it."""
    return T.real(y) - 0.5 * T.imag(y) if y.type.is_complex else y


def _derivatives(
    draw: Draw, outputs: Sequence[Variable], first: int
) -> tuple[Derivatives | None, list[Variable]]:
    """Return the derivatives of a weighted sum of an output, if it moves with the inputs."""
    moving = [v for v in outputs if v.type.is_inexact and draw.known[v].size]
    if not moving:
        return None, []
    y = draw.one(moving)
    reached = set(ancestors([y]))
    wrt = [v for v in draw.inputs if v in reached and v.type.is_inexact]
    if not wrt:
        return None, []
    cost = T.sum(_real(y) * T.constant(_uniform(draw, 0.5, 1.5, draw.known[y].real)))
    directions = [_uniform(draw, -1, 1, draw.inputs[v]) for v in wrt]
    points = [T.constant(d) for d in directions]
    try:
        gradients = T.grad(cost, wrt, disconnected_inputs="ignore")
        tangent = T.Rop(cost, wrt, points, "ignore")
        second: list[Variable] = []
        if draw.chance(0.5):
            second = T.Rop(gradients, wrt, points, "ignore")
    except GradcoreError:  # an op on the way has no derivative
        return None, []
    derivatives = Derivatives(
        first,
        wrt,
        directions,
        range(first + 1, first + 1 + len(wrt)),
        first + 1 + len(wrt),
        range(first + 2 + len(wrt), first + 2 + len(wrt) + len(second)),
    )
    return derivatives, [cost, *gradients, tangent, *second]
