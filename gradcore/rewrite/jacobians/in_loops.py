"""Jacobians that a loop captures, and only multiplies: products in its steps, no matrix outside.

A power method, or conjugate gradients, multiply vectors by one Jacobian, which no step changes::

    scan(lambda v: H @ v / norm(H @ v), outputs_info=v, n_steps=k)      k products

What makes the Jacobian goes into the step, where its products are rewritten as any are; what these
need of it that does not change leaves the loop again (`gradcore.rewrite.loops.push_out`).

The decision: by what both take (`costs`), the other way being the Jacobian by its structure, and a
product of matrices in each step: many steps may be worth a matrix that is built once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import reduce
from operator import add

from gradcore.graph import Apply, FunctionGraph, Variable, on_behalf_of, substitute
from gradcore.language import LANGUAGE
from gradcore.ops.control import IfElse
from gradcore.ops.scan import Scan
from gradcore.rewrite.jacobians.costs import takes_less
from gradcore.rewrite.jacobians.products import (
    diagonal_matrices,
    expressions,
    is_decided,
    stacked_rows,
)
from gradcore.rewrite.jacobians.whole import made_again, whole_ones
from gradcore.rewrite.loops.parts import LoopParts


def captured_ones(
    graph: FunctionGraph, multiplied: Callable[[FunctionGraph], FunctionGraph]
) -> dict[Variable, Variable]:
    """Return what loops are instead that only multiply a Jacobian which they capture.

    multiplied : rewrites the products with Jacobians in a graph.
    """
    stacks = stacked_rows(graph)
    if not stacks or sum(isinstance(node.op, Scan) for node in graph.nodes) < 2:
        return {}
    known = expressions(graph, {*stacks, *diagonal_matrices(graph)})
    for stack in stacks:
        made = _made_of(stack, known)
        loops = _loops_alone(graph, made)
        replaced: dict[Variable, Variable] = {}
        for node in loops:
            with on_behalf_of(node.where):
                found = _with_products(node, made, known, multiplied)
            if found is None:
                break
            replaced.update(zip(node.outputs, found, strict=True))
        else:
            chosen = _chosen(graph, loops, replaced)
            if chosen:
                return chosen
    return {}


def _made_of(stack: Variable, known: Collection[Variable]) -> set[Variable]:
    """Return the expressions that a Jacobian is in, itself among them."""
    found = {stack}
    for v in known:
        if v.owner is not None and not found.isdisjoint(v.owner.inputs):
            found.add(v)
    return found


def _loops_alone(graph: FunctionGraph, made: Collection[Variable]) -> list[Apply]:
    """Return the loops that capture expressions; none, if anything else reads these."""
    found: dict[Apply, None] = {}
    for v in made:
        if v in graph.outputs:
            return []
        for node in graph.readers.get(v, ()):
            if node.outputs[0] in made:
                continue
            captures = isinstance(node.op, Scan) and all(
                x is not v
                for x in node.inputs[: len(node.inputs) - len(LoopParts.of(node).constants)]
            )
            if not captures or any(is_decided(graph, out) for out in node.outputs):
                return []
            found[node] = None
    return list(found)


def _with_products(
    node: Apply,
    made: Collection[Variable],
    known: Collection[Variable],
    multiplied: Callable[[FunctionGraph], FunctionGraph],
) -> list[Variable] | None:
    """Return a loop that multiplies expressions, made in its steps; None: it needs one whole."""
    loop = LoopParts.of(node)
    others = len(stacked_rows(multiplied(loop.body())))
    inside: dict[Variable, Variable] = {}

    def again(v: Variable) -> Variable:
        if v not in known or v.owner is None:
            return made_again(v, loop, inside)
        if v not in inside:
            outputs = v.owner.with_inputs([again(x) for x in v.owner.inputs]).outputs
            inside.update(zip(v.owner.outputs, outputs, strict=True))
        return inside[v]

    captured = [each for each in loop.constants if each.outer in made]
    loop.substitute({each.inner: again(each.outer) for each in captured})
    loop.constants = [each for each in loop.constants if each not in captured]
    body = multiplied(loop.body())
    if len(stacked_rows(body)) > others:
        return None
    loop.let_return(body.outputs)
    return loop.build().all


def _chosen(
    graph: FunctionGraph, loops: Sequence[Apply], replaced: Mapping[Variable, Variable]
) -> dict[Variable, Variable]:
    """Return what takes the place of loops: those with products, if they take less."""
    old = list(replaced)
    if not old:
        return {}
    built = substitute(old, whole_ones(graph))
    less = takes_less(_all(replaced.values()), _all(built))
    if isinstance(less, bool):
        return dict(replaced) if less else {}
    found = IfElse(len(old))(less, *replaced.values(), *old)
    return dict(zip(old, [found] if len(old) == 1 else found, strict=True))


def _all(several: Collection[Variable]) -> Variable:
    """Return something that takes all of several variables."""
    return reduce(add, (LANGUAGE["sum"](v) for v in several))
