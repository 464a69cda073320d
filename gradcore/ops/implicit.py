"""Solutions of equations, which move as the equations say: the implicit-function rule.

Where ``r(x, *args) = 0``, a change of the arguments moves x by ``-inv(dr/dx) @ dr/dargs``, however
x was found.  `ImplicitSolution` marks an x that something has found, and declares that rule, which
is written in the tensor language: so it has both modes, and further derivatives.

The decision: a mark on a solution, not an op that solves, so that the iterations are an ordinary
loop, which every backend runs.  Rejected: derivatives through the iterations, which store all of
them, and are as inexact as the first one; one step of Newton's method behind the solution, which
has right first derivatives, and wrong second ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

from gradcore.derive import direction_dtype, moving_with, pullback, pushforward
from gradcore.graph import Apply, Derivative, FunctionGraph, TensorType, Variable, substitute
from gradcore.graph.op import Arg, Sample
from gradcore.graph.reads import Local, Reads
from gradcore.language import LANGUAGE
from gradcore.ops.control import PassingOn


class ImplicitRule(Derivative):
    """The derivative of a solution in the arguments of its equations."""

    def connects(self, node: Apply, i: int, o: int) -> bool:
        """Return whether the equations depend on input ``i``; the first is what was found."""
        assert isinstance(node.op, ImplicitSolution)
        equations = node.op.equations
        return i > 0 and equations.outputs[0] in moving_with(equations.nodes, [equations.inputs[i]])

    def pullback(self, node: Apply, cotangents: Sequence[Any], wanted: Sequence[bool]) -> list[Any]:
        """Return the cotangents of the arguments: the residual's, of -inv(J).T @ cotangent."""
        assert isinstance(node.op, ImplicitSolution)
        op, equations = node.op, node.op.equations
        moving = [v for v, want in zip(equations.inputs, wanted, strict=True) if want]
        seed = equations.outputs[0].type.with_dtype(direction_dtype(equations.outputs[0]))()
        found = dict(zip(moving, pullback(equations.outputs, [seed], moving), strict=True))
        back = LANGUAGE["solve_linearized"](op, node, cotangents[0], transposed=True)
        outer = {**op.outside(node), seed: -back}
        return [_replaced(found.get(v), outer) for v in equations.inputs]

    def pushforward(self, node: Apply, tangents: Sequence[Any]) -> list[Any]:
        """Return the tangent of the solution: -inv(J) @ that of the residual."""
        assert isinstance(node.op, ImplicitSolution)
        op, equations = node.op, node.op.equations
        pairs = list(zip(equations.inputs, tangents, strict=True))[1:]
        moving = {v: t for v, t in pairs if isinstance(t, Variable)}
        seeds = {v: t.type() for v, t in moving.items()}
        (found,) = pushforward(equations.outputs, list(seeds), list(seeds.values()))
        if not isinstance(found, Variable):
            return [found]
        given = {seed: moving[v] for v, seed in seeds.items()}
        right = _replaced(found, {**op.outside(node), **given})
        return [LANGUAGE["solve_linearized"](op, node, -right, transposed=False)]


def _replaced(direction: Any, replacements: dict[Variable, Variable]) -> Any:
    """Return a direction in variables of the graph outside; words for directions as they are."""
    if not isinstance(direction, Variable):
        return direction
    (found,) = substitute([direction], replacements)
    return found


@final
@dataclass(frozen=True, repr=False)
class ImplicitSolution(PassingOn):
    """``ImplicitSolution(equations)(x, *args)``: x, which solves equations that args are in.

    equations : a graph of ``(x, *args)`` that returns a residual of the shape of x, which is zero.
    linear_solver : how its linear equations are solved: "dense", "cg" or "gmres".
    """

    equations: FunctionGraph
    linear_solver: str = "dense"
    derivative = ImplicitRule()
    foldable = False

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return numbers and vectors whose equations have one solution each."""
        found: list[Sample] = []
        for shape in ((), (3,)):
            x, a = (TensorType("float64", (None,) * len(shape))(name) for name in "xa")
            equations = FunctionGraph((x, a), (x**3 + x + x.sum() - a,))
            found.append(Sample(cls(equations), (Arg(shape, "float64"), Arg(shape, "float64"))))
        return found

    @property
    def graphs(self) -> tuple[FunctionGraph, ...]:
        """The equations."""
        return (self.equations,)

    def with_graphs(self, *graphs: FunctionGraph) -> ImplicitSolution:
        """Return this on other equations that say the same."""
        (equations,) = graphs
        return ImplicitSolution(equations, self.linear_solver)

    def parameters(self) -> dict[str, Any]:
        """Return the linear solver; the equations are shown on their own."""
        return {} if self.linear_solver == "dense" else {"linear_solver": self.linear_solver}

    def outside(self, node: Apply) -> dict[Variable, Variable]:
        """Return what the inputs of the equations stand for, the solution by the mark."""
        return dict(zip(self.equations.inputs, (node.out, *node.inputs[1:]), strict=True))

    def reads(self, local: Local, wanted: Sequence[int]) -> Reads | None:
        """Any element of a solution may depend on all that the equations read."""
        return None

    def residual(self, node: Apply) -> Variable:
        """Return the residual of a node, in terms of its solution."""
        (found,) = substitute(self.equations.outputs, self.outside(node))
        return found
