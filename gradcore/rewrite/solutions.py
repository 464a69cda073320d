"""Products with inverses, which are solutions of equations: fewer operations, and less error.

It is by choice, as of matrices of very large numbers elimination overflows with one right side and
not with another.

The decision: a pass, which sees whether anything else reads an inverse.  One that is read once is
not needed itself; one that is read more often has been paid for.  Rejected: a rule, which sees a
node and its operands, and would solve with one matrix many times.
"""

from __future__ import annotations

from functools import partial

from gradcore.graph import Apply, FunctionGraph, Variable
from gradcore.ops.complexes import conj
from gradcore.ops.factors import Solve
from gradcore.ops.inverses import Inverse
from gradcore.ops.linalg import Dot, MatMul
from gradcore.ops.matrices import transposed, untransposed
from gradcore.rewrite.changes import Changes
from gradcore.rewrite.engine import Pass


def _solve(graph: FunctionGraph, complex_ones: bool = False) -> FunctionGraph:
    new: dict[Variable, Variable] = {}
    for node in graph.nodes:
        chosen = node.outputs[0].type.is_complex or not complex_ones
        found = _solution(node, graph, new) if chosen else None
        inputs = [new.get(v, v) for v in node.inputs]
        if found is not None:
            new[node.out] = found
        elif any(a is not b for a, b in zip(inputs, node.inputs, strict=True)):
            new.update(zip(node.outputs, node.with_inputs(inputs).outputs, strict=True))
    if not new:
        return graph
    return FunctionGraph(graph.inputs, tuple(new.get(v, v) for v in graph.outputs))


def _solution(node: Apply, graph: FunctionGraph, new: dict[Variable, Variable]) -> Variable | None:
    """Return a product with an inverse as the solution of an equation, or None.

    new : what stands for variables of the graph.
    """
    if not isinstance(node.op, (Dot, MatMul)):
        return None
    left, right = node.inputs
    inverted = _inverted(left, graph, new)
    if inverted is not None:
        return _solved(*inverted, new.get(right, right))
    inverted = _inverted(right, graph, new)
    if inverted is None:
        return None
    solve, matrix = inverted
    given = new.get(left, left)
    found = _solved(solve, transposed(matrix), transposed(given) if given.ndim > 1 else given)
    return transposed(found) if found is not None and found.ndim > 1 else found


def _inverted(
    v: Variable, graph: FunctionGraph, new: dict[Variable, Variable]
) -> tuple[Solve, Variable] | None:
    """Return the matrix of which ``v`` is the inverse, if it is one that is read once.

    Before it is the op that solves with it, which raises if the inverse does.
    """
    if v.owner is None or v in graph.outputs or len(graph.readers[v]) != 1:
        return None
    (inner,) = v.owner.inputs[:1]
    if isinstance(v.owner.op, Inverse):
        return Solve(v.owner.op.raises), new.get(inner, inner)
    if untransposed(v) is inner or v.owner.op is conj:
        found = _inverted(inner, graph, new)
        again = conj if v.owner.op is conj else transposed
        return None if found is None else (found[0], again(found[1]))
    return None


def _solved(solve: Solve, matrix: Variable, right: Variable) -> Variable | None:
    """Return the solution, where both sides have the same axes in front; None: they broadcast."""
    if matrix.ndim == 2 and right.ndim == 1:
        return solve(matrix, right.dimshuffle(0, "x")).dimshuffle(0)
    if matrix.ndim != right.ndim or matrix.broadcastable[:-2] != right.broadcastable[:-2]:
        return None
    return solve(matrix, right)


def _columns(x: Variable) -> Variable:
    return Dot()(Inverse()(x), x + 1)


def _rows(x: Variable) -> Variable:
    return Dot()(x + 1, Inverse()(x))


def _column(x: Variable) -> Variable:
    return Dot()(Inverse()(x).T, x[0])


def _row(x: Variable) -> Variable:
    return Dot()(x[0], Inverse()(x))


solve_for_inverses = Pass(
    "solve_for_inverses",
    _solve,
    Changes(reassociates=True),
    examples=(_columns, _rows, _column, _row),
)

solve_for_complex_inverses = Pass(
    "solve_for_complex_inverses", partial(_solve, complex_ones=True), Changes(reassociates=True)
)
"""The same of complex matrices, for `gradcore.rewrite.complex_equations`."""
