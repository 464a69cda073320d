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
    choices_of,
    diagonal_matrices,
    expressions,
    stacked_rows,
)
from gradcore.rewrite.jacobians.whole import made_again, whole_ones
from gradcore.rewrite.loops.parts import LoopParts


def captured_ones(
    graph: FunctionGraph,
    multiplied: Callable[[FunctionGraph], FunctionGraph],
    always: bool = False,
) -> dict[Variable, Variable]:
    """Return what loops are instead that only multiply a Jacobian which they capture.

    multiplied : rewrites the products with Jacobians in a graph.
    always : whether they are if that takes more, too.
    """
    stacks = stacked_rows(graph)
    if not stacks or sum(isinstance(node.op, Scan) for node in graph.nodes) < 2:
        return {}
    known = expressions(graph, {*stacks, *diagonal_matrices(graph)})
    for stack in stacks:
        made = _made_of(stack, known)
        loops, others = _readers_of(graph, made)
        found = _all_with_products(loops, made, known, multiplied)
        if found and others:
            found = _with_others(graph, found, others, multiplied)
        chosen = found if always else _chosen(graph, found)
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


def _readers_of(
    graph: FunctionGraph, made: set[Variable]
) -> tuple[Sequence[Apply], Sequence[Apply]]:
    """Return the loops that capture expressions, and what else reads these.

    None, if they are needed as a whole, or if it has been decided what the loops are.
    """
    found: set[Apply] = set()
    for v in made:
        if v in graph.outputs:
            return (), ()
        found.update(n for n in graph.readers.get(v, ()) if n.outputs[0] not in made)
    loops = [node for node in graph.nodes if node in found and isinstance(node.op, Scan)]
    others = [node for node in graph.nodes if node in found and not isinstance(node.op, Scan)]
    if any(isinstance(node.op, IfElse) for node in others):
        return (), ()
    for node in loops:
        first = len(node.inputs) - len(LoopParts.of(node).constants)
        captures = made.isdisjoint(node.inputs[:first])
        if not captures or any(choices_of(graph, out) for out in node.outputs):
            return (), ()
    return loops, others


def _all_with_products(
    loops: Sequence[Apply],
    made: Collection[Variable],
    known: Collection[Variable],
    multiplied: Callable[[FunctionGraph], FunctionGraph],
) -> dict[Variable, Variable]:
    """Return what loops are with products in their steps; none, if one needs a matrix whole."""
    done: dict[Variable, Variable] = {}
    for node in loops:
        with on_behalf_of(node.where):
            found = _with_products(node, made, known, multiplied)
        if found is None:
            return {}
        done.update(zip(node.outputs, substitute(found, done), strict=True))
    return done


def _with_others(
    graph: FunctionGraph,
    loops: Mapping[Variable, Variable],
    others: Sequence[Apply],
    multiplied: Callable[[FunctionGraph], FunctionGraph],
) -> dict[Variable, Variable]:
    """Return what loops are, and others that multiply the same; none, if these do not."""
    read = [*loops, *(v for node in others for v in node.outputs)]
    together = FunctionGraph(graph.inputs, tuple(substitute(read, loops)))
    found = multiplied(together)
    if len(stacked_rows(found)) >= len(stacked_rows(together)):
        return {}
    return dict(zip(read, found.outputs, strict=True))


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
    while replaced := captured_ones(body, multiplied, always=True):
        body = multiplied(body.with_replaced(replaced))
    if len(stacked_rows(body)) > others:
        return None
    loop.let_return(body.outputs)
    return loop.build().all


def _chosen(
    graph: FunctionGraph, replaced: Mapping[Variable, Variable]
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
