"""What is checked of an op: a graph for each check, made of the op and of operands.

Each builder takes an op and several draws of its operands (arrays; a constant is the same in all),
and returns a graph with values for its inputs.  What the outputs should be is found by the
reference, on the same graph as it is written, without rewriting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcore.batching import vectorize_graph
from gradcore.conformance.precision import computed
from gradcore.derive import Direction, pullback, pushforward
from gradcore.dtypes import COMPLEX, DTYPES
from gradcore.graph import Apply, Array, Constant, Op, TensorType, Undefined, Variable, as_variable
from gradcore.graph.nodes import extents_of
from gradcore.language import LANGUAGE
from gradcore.scan import scan
from gradcore.tensor import stack, tanh


@dataclass(frozen=True)
class Built:
    """A graph, and values for its inputs."""

    inputs: list[Variable]
    values: list[Array]
    outputs: list[Variable]


def applied(
    op: Op, operands: Sequence[Array], constant: Sequence[bool], prefix: str = "x"
) -> tuple[Apply, list[Variable], list[Array]]:
    """Return a node on variables for ``operands``, the inputs among them, and their values.

    constant : for each operand, whether it is a constant rather than an input.
    """
    variables: list[Variable] = [
        Constant(value) if fixed else _variable(value, f"{prefix}{i}")
        for i, (value, fixed) in enumerate(zip(operands, constant, strict=True))
    ]
    node = op.make_node(*variables)
    free = [i for i, fixed in enumerate(constant) if not fixed]
    return node, [variables[i] for i in free], [operands[i] for i in free]


def _variable(value: Array, name: str) -> Variable:
    """Return a variable that knows no extent of ``value`` but those of 1."""
    return TensorType(value.dtype.name, tuple(n if n == 1 else None for n in value.shape))(name)


def value(op: Op, draws: Sequence[Sequence[Array]], constant: Sequence[bool]) -> Built:
    """The op itself."""
    node, inputs, values = applied(op, draws[0], constant)
    return Built(inputs, values, list(node.outputs))


def fused(op: Op, draws: Sequence[Sequence[Array]], constant: Sequence[bool]) -> Built:
    """The op amid elementwise ops, before and after it: where fusion would take it in."""
    node, variables, values = applied(op, draws[0], constant)
    parts = [(v.type(f"{v.name}a"), v.type(f"{v.name}b")) for v in variables]
    halves = [_in_two(a) for a in values]
    whole = {v: _joined(a, b).astype(v.dtype) for v, (a, b) in zip(variables, parts, strict=True)}
    again = node.op.make_node(*(whole.get(v, v) for v in node.inputs))
    return Built(
        [v for pair in parts for v in pair],
        [a for pair in halves for a in pair],
        [_followed(output) for output in again.outputs],
    )


def _joined(a: Variable, b: Variable) -> Variable:
    return a ^ b if a.dtype == "bool" else a + b


def _in_two(a: Array) -> tuple[Array, Array]:
    """Return two arrays that join to ``a``, exactly."""
    if a.dtype == bool:
        return a, np.zeros_like(a)
    half = (a / 2).astype(a.dtype)
    return half, np.asarray(a - half, a.dtype)


def _followed(v: Variable) -> Variable:
    """Return ``v`` and something computed from it, together."""
    if v.type.is_inexact:
        return tanh(v) * 2 + v
    if v.dtype == "bool":
        return v ^ (v & v)
    return v + v if v.dtype == "uint64" else v.astype("int64") + v


def scanned(op: Op, draws: Sequence[Sequence[Array]], constant: Sequence[bool]) -> Built:
    """The op as the step of a loop over its operands, with its outputs summed up on the way."""
    node, variables, _ = applied(op, draws[0], constant)
    columns = [i for i, fixed in enumerate(constant) if not fixed]
    values = [np.stack([operands[i] for operands in draws]) for i in columns]
    sequences = [TensorType(v.dtype, (None, *v.type.shape))(f"{v.name}s") for v in variables]

    def step(*elements: Variable) -> list[Variable]:
        inside = dict(zip(variables, elements, strict=True))
        return list(op.make_node(*(inside.get(v, v) for v in node.inputs)).outputs)

    steps = None if sequences else len(draws)
    stacks, _ = scan(step, sequences=sequences, n_steps=steps, return_list=True)
    return Built(sequences, values, list(stacks))


def vectorized(op: Op, draws: Sequence[Sequence[Array]], constant: Sequence[bool]) -> Built:
    """The op on stacks of its operands; what depends on their shapes alone is the same for all."""
    node, variables, _ = applied(op, draws[0], constant)
    looped = scanned(op, draws, constant)
    replace = dict(zip(variables, looped.inputs, strict=True))
    size = extents_of(looped.inputs[0])[0]
    outputs = [
        found if found.ndim > v.ndim else LANGUAGE["alloc"](found, size, *extents_of(found))
        for v, found in zip(node.outputs, vectorize_graph(node.outputs, replace), strict=True)
    ]
    return Built(looped.inputs, looped.values, outputs)


def unrolled(op: Op, draws: Sequence[Sequence[Array]], constant: Sequence[bool]) -> Built:
    """What `scanned` says, written out."""
    looped = scanned(op, draws, constant)
    node, variables, _ = applied(op, draws[0], constant)
    parts: list[Sequence[Variable]] = []
    for t in range(len(draws)):
        inside = dict(zip(variables, (s[t] for s in looped.inputs), strict=True))
        parts.append(op.make_node(*(inside.get(v, v) for v in node.inputs)).outputs)
    outputs = [stack(list(column)) for column in zip(*parts, strict=True)]
    return Built(looped.inputs, looped.values, outputs)


def derivative(op: Op, draws: Sequence[Sequence[Array]], constant: Sequence[bool]) -> Built:
    """Both modes: the tangents of the outputs, then the cotangents of the inputs."""
    directions = _Directions(op, draws[0], constant)
    tangents, cotangents = directions.forward(), directions.reverse()
    return directions.built([*tangents, *cotangents])


def second(op: Op, draws: Sequence[Sequence[Array]], constant: Sequence[bool]) -> Built:
    """The derivative of the cotangents: forward mode over reverse mode."""
    directions = _Directions(op, draws[0], constant)
    gradients = directions.reverse()
    return directions.built(_tangents(gradients, directions.moved, directions.tangents))


class _Directions:
    """An op on operands, with a tangent for each float input, a cotangent for each output."""

    def __init__(self, op: Op, operands: Sequence[Array], constant: Sequence[bool]) -> None:
        node, self.inputs, self.values = applied(op, operands, constant)
        shapes = [a.shape for a in computed(node, operands)]
        self.moving = [v for v in node.outputs if v.type.is_inexact]
        self.moved = [v for v in self.inputs if v.type.is_inexact and self._differentiable(v)]
        self.tangents = [v.type(f"t{k}") for k, v in enumerate(self.moved)]
        self.cotangents = [v.type(f"c{k}") for k, v in enumerate(self.moving)]
        self.points = [
            *(
                direction(a.shape, a.dtype.name, 1)
                for v, a in zip(self.inputs, self.values, strict=True)
                if v in self.moved
            ),
            *(
                direction(shape, v.dtype, 2)
                for v, shape in zip(node.outputs, shapes, strict=True)
                if v.type.is_inexact
            ),
        ]

    def _differentiable(self, v: Variable) -> bool:
        """Return whether the op has a derivative in ``v``: polygamma has none in its order."""
        directions = [LANGUAGE["zeros_like"](y) for y in self.moving]
        (found,) = pullback(self.moving, directions, [v])
        return not isinstance(found, Undefined)

    def forward(self) -> list[Variable]:
        """Return the tangents of the outputs that move."""
        return _tangents(self.moving, self.moved, self.tangents)

    def reverse(self) -> list[Variable]:
        """Return the cotangents of the inputs that move an output."""
        return _present(pullback(self.moving, self.cotangents, self.moved))

    def built(self, outputs: list[Variable]) -> Built:
        """Return a graph of these outputs."""
        return Built(
            [*self.inputs, *self.tangents, *self.cotangents],
            [*self.values, *self.points],
            outputs,
        )


def _tangents(
    outputs: list[Variable], wrt: list[Variable], points: list[Variable]
) -> list[Variable]:
    return _present(pushforward(outputs, wrt, points))


def _present(directions: Sequence[Direction]) -> list[Variable]:
    """Return the directions that are variables: to compare what is declared zero says nothing."""
    return [d for d in directions if isinstance(d, Variable)]


def direction(shape: tuple[int, ...], dtype: str, seed: int) -> Array:
    """Return a direction that favours no element: no two alike, none zero."""
    size = int(np.prod(shape, dtype=int))
    if dtype in COMPLEX:
        parts = (direction(shape, DTYPES[dtype].part, seed + k) for k in (0, 3))
        return (next(parts) + 1j * next(parts)).astype(dtype)
    return np.cos(np.arange(size) * 1.7 + seed).reshape(shape).astype(dtype)


def scalar(x: Any) -> Variable:
    """Return a weighted sum of all elements, a different weight for each."""
    x = as_variable(x)
    weights = LANGUAGE["arange"](x.size).astype(x.dtype) * 0.7 + 0.3
    return (LANGUAGE["sin"](weights) * x.ravel()).sum()
