"""Parts of a graph whose derivatives are said otherwise: by their user, or by computing them again.

Both are *marks* on values that an ordinary graph computes::

    y = Mark(y computed of x, x)          y, as it was computed, with another derivative in x

Derivatives see the mark alone; before a function is compiled it goes (`gradcore.compile.pipeline`),
and y is what the graph computes.  So no rewrite and no backend learns of it.

`Recomputed` is the derivative of what has been computed, with the arguments behind an
`OptimizationBarrier`: what is computed from these is equal to no node of the graph before, so that
nothing merges the two, and none of it can run before the cotangents are there.

The decision: marks, as solutions of equations have them (`gradcore.ops.implicit`).  Rejected: ops
with the graph inside, which the optimizer, sparse patterns and every backend would have to look
into, or to unpack; for `Recomputed` a loop of one step, which XLA unpacks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

from gradcore.derive import moving_with, pullback, pushforward, zeros
from gradcore.graph import (
    Apply,
    Derivative,
    Extent,
    FunctionGraph,
    Op,
    Operand,
    Shape,
    TensorType,
    Undefined,
    Variable,
    substitute,
)
from gradcore.graph.complexes import conjugated
from gradcore.language import LANGUAGE
from gradcore.ops.control import OptimizationBarrier
from gradcore.ops.stacks import all_stacked, repeated, size_of


class DerivativeMark(Op):
    """``op(*values, *arguments)``: the values, with derivatives in the arguments (abstract)."""

    mark = True
    foldable = False
    cheap = True

    @property
    def results(self) -> int:
        """How many values there are."""
        raise NotImplementedError

    def make_node(self, *inputs: Any) -> Apply:
        """Return a node."""
        outputs = [Variable(v.type) for v in inputs[: self.results]]
        return Apply(self, list(inputs), outputs)

    def parameters(self) -> dict[str, Any]:
        """The graphs are shown on their own."""
        return {}

    def symbolic_shapes(self, node: Apply, operands: Sequence[Operand]) -> Sequence[Shape]:
        """Return the shapes of the values."""
        return [operand.shape for operand in operands[: self.results]]

    def reference(self, *arrays: Any) -> Any:
        """Return the values."""
        return arrays[: self.results] if self.results > 1 else arrays[0]

    def expanded(self, node: Apply) -> Sequence[Variable]:
        """Return the values."""
        return node.inputs[: self.results]


def _replaced(found: Sequence[Any], outer: dict[Variable, Variable]) -> list[Any]:
    """Return directions in variables of the graph outside; words for directions as they are."""
    variables = [v for v in found if isinstance(v, Variable)]
    new = iter(substitute(variables, outer))
    return [next(new) if isinstance(v, Variable) else v for v in found]


def _on_stacks(graph: FunctionGraph, stacked: Sequence[bool], size: Extent) -> FunctionGraph:
    """Return a graph on stacks of those inputs that are ``stacked``; its outputs are stacks."""
    first = size if isinstance(size, int) else None
    inner = [
        Variable(TensorType(v.dtype, (first, *v.type.shape)), v.name) if s else v
        for v, s in zip(graph.inputs, stacked, strict=True)
    ]
    stacks = {v: x for v, x in zip(graph.inputs, inner, strict=True) if x is not v}
    found = LANGUAGE["stacked_graph"](graph.outputs, stacks)
    within = size_of(inner, stacked)
    outputs = [
        y if y.ndim > old.ndim else repeated(y, within)
        for y, old in zip(found, graph.outputs, strict=True)
    ]
    return FunctionGraph(tuple(inner), tuple(outputs))


# by the user ------------------------------------------------------------------------------------
class CustomRule(Derivative):
    """The derivative that a user says."""

    def connects(self, node: Apply, i: int, o: int) -> bool:
        """Return whether the user's graphs connect an argument; what is captured, the function."""
        op = _custom(node.op)
        return op.captured_at(i, o) or (
            0 <= i - op.results < len(op.moves) and op.moves[i - op.results]
        )

    def pullback(
        self, node: Apply, cotangents: Sequence[Any], wanted: Sequence[bool]
    ) -> list[Any] | None:
        """Return what the user's graph makes of the cotangents; None: there is none."""
        op = _custom(node.op)
        if op.backward is None:
            return None
        given = [
            conjugated(ct) if isinstance(ct, Variable) else zeros(v)
            for v, ct in zip(node.outputs, cotangents, strict=True)
        ]
        outer = dict(zip(op.backward.inputs, (*op.around(node), *given), strict=True))
        found = iter(map(conjugated, substitute(op.backward.outputs, outer)))
        reached = [next(found) if moves else None for moves in op.moves]
        answers = [*[None] * op.results, *reached, *[Undefined(op.reason)] * len(op.reach)]
        return [ct if want else None for ct, want in zip(answers, wanted, strict=True)]

    def pushforward(self, node: Apply, tangents: Sequence[Any]) -> list[Any] | None:
        """Return what the user's graph makes of the tangents; None: there is none."""
        op = _custom(node.op)
        moving = [i for i, t in enumerate(tangents) if t is not None]
        if op.forward is None:
            return None
        arguments = range(op.results, op.results + len(op.moves))
        given = [
            t if isinstance(t := tangents[i], Variable) else zeros(node.inputs[i])
            for i in arguments
        ]
        outer = dict(zip(op.forward.inputs, (*op.around(node), *given), strict=True))
        found = substitute(op.forward.outputs, outer)
        undefined = Undefined(op.reason)
        return [
            undefined if any(op.captured_at(i, o) for i in moving) else t
            for o, t in enumerate(found)
        ]


@final
@dataclass(frozen=True, repr=False)
class CustomDerivative(DerivativeMark):
    """``CustomDerivative(...)(*values, *arguments, *captured)``: values with derivatives as given.

    values : how many there are.
    backward : a graph of ``(*values, *arguments, *captured, *cotangents)`` that returns cotangents
        of those arguments that move; None: it is the transpose of ``forward``.
    forward : one of ``(*values, *arguments, *captured, *tangents)`` that returns the tangents of
        the values; None: it is the transpose of ``backward``.
    moves : for each argument, whether the values move with it.
    reach : for each captured variable, the values that are computed from it.
    name : of the function, for messages.
    """

    values: int
    backward: FunctionGraph | None
    forward: FunctionGraph | None
    moves: tuple[bool, ...]
    reach: tuple[frozenset[int], ...]
    name: str
    derivative = CustomRule()

    @property
    def results(self) -> int:
        """How many values there are."""
        return self.values

    @property
    def reason(self) -> str:
        """Why there is no derivative in what is captured."""
        return (
            f"{self.name}, which has a custom derivative, reads it without being given it: hand it "
            "in as an argument"
        )

    @property
    def graphs(self) -> tuple[FunctionGraph, ...]:
        """The graphs that there are."""
        return tuple(graph for graph in (self.backward, self.forward) if graph is not None)

    def with_graphs(self, *graphs: FunctionGraph) -> CustomDerivative:
        """Return this on other graphs."""
        rest = iter(graphs)
        backward = None if self.backward is None else next(rest)
        forward = None if self.forward is None else next(rest)
        return CustomDerivative(self.values, backward, forward, self.moves, self.reach, self.name)

    def captured_at(self, i: int, o: int) -> bool:
        """Return whether input ``i`` is captured, and value ``o`` computed from it."""
        k = i - self.values - len(self.moves)
        return k >= 0 and o in self.reach[k]

    def around(self, node: Apply) -> Sequence[Variable]:
        """Return the values, arguments and captured variables of a node."""
        return (*node.outputs, *node.inputs[self.values :])

    def batch(
        self, node: Apply, inputs: Sequence[Variable], stacked: Sequence[bool]
    ) -> Sequence[Variable]:
        """Return stacks, with the graphs on stacks."""
        size = size_of(inputs, stacked)
        graphs = (_on_stacks(graph, [True] * len(graph.inputs), size) for graph in self.graphs)
        return self.with_graphs(*graphs).make_node(*all_stacked(inputs, stacked)).outputs


def _custom(op: Op) -> CustomDerivative:
    assert isinstance(op, CustomDerivative)
    return op


# by computing again -----------------------------------------------------------------------------
class RecomputedRule(Derivative):
    """The derivative of a graph, whose values are computed again where it reads them."""

    def connects(self, node: Apply, i: int, o: int) -> bool:
        """Return whether the graph connects an argument with a value."""
        body = _recomputed(node.op).body
        k = i - len(body.outputs)
        return k >= 0 and body.outputs[o] in moving_with(body.nodes, [body.inputs[k]])

    def pullback(self, node: Apply, cotangents: Sequence[Any], wanted: Sequence[bool]) -> list[Any]:
        """Return the cotangents of the arguments, of values that are computed after those came."""
        body = _recomputed(node.op).body
        n = len(body.outputs)
        moving = [v for v, want in zip(body.inputs, wanted[n:], strict=True) if want]
        starts = [ct.type() if isinstance(ct, Variable) else ct for ct in cotangents]
        seeds = [v for v in starts if isinstance(v, Variable)]
        after = [ct for ct in cotangents if isinstance(ct, Variable)]
        found = dict(zip(moving, pullback(body.outputs, starts, moving), strict=True))
        directions = [v for v in found.values() if isinstance(v, Variable)]
        arguments = node.inputs[n:]
        behind = [OptimizationBarrier()(x, *after) for x in arguments]
        outer = dict(zip((*body.inputs, *seeds), (*behind, *after), strict=True))
        values = substitute(directions, outer)
        if values:
            again = Recomputed(FunctionGraph((*body.inputs, *seeds), tuple(directions)))
            values = list(again.make_node(*values, *arguments, *after).outputs)
        rest = iter(values)
        answers = {v: next(rest) if isinstance(ct, Variable) else ct for v, ct in found.items()}
        return [*[None] * n, *(answers.get(v) for v in body.inputs)]

    def pushforward(self, node: Apply, tangents: Sequence[Any]) -> list[Any]:
        """Return the tangents of the values: these go along with the values, nothing is stored."""
        body = _recomputed(node.op).body
        n = len(body.outputs)
        pairs = list(zip(body.inputs, tangents[n:], strict=True))
        moving = {v: t for v, t in pairs if isinstance(t, Variable)}
        seeds = [t.type() for t in moving.values()]
        found = pushforward(body.outputs, list(moving), seeds)
        arguments = node.inputs[n:]
        outer = dict(zip((*body.inputs, *seeds), (*arguments, *moving.values()), strict=True))
        return _replaced(found, outer)


@final
@dataclass(frozen=True, repr=False)
class Recomputed(DerivativeMark):
    """``Recomputed(body)(*values, *arguments)``: values, which a gradient computes again.

    body : a graph of the arguments that computes the values.
    """

    body: FunctionGraph
    derivative = RecomputedRule()

    @property
    def results(self) -> int:
        """How many values there are."""
        return len(self.body.outputs)

    @property
    def graphs(self) -> tuple[FunctionGraph, ...]:
        """The body."""
        return (self.body,)

    def with_graphs(self, *graphs: FunctionGraph) -> Recomputed:
        """Return this on another body."""
        (body,) = graphs
        return Recomputed(body)

    def batch(
        self, node: Apply, inputs: Sequence[Variable], stacked: Sequence[bool]
    ) -> Sequence[Variable]:
        """Return stacks, with the body on stacks."""
        n, size = self.results, size_of(inputs, stacked)
        if not any(stacked[n:]):
            return list(inputs[:n])
        op = Recomputed(_on_stacks(self.body, stacked[n:], size))
        pairs = zip(inputs[:n], stacked, strict=False)
        values = [x if s else repeated(x, size) for x, s in pairs]
        return op.make_node(*values, *inputs[n:]).outputs


def _recomputed(op: Op) -> Recomputed:
    assert isinstance(op, Recomputed)
    return op
