"""Which of two ways to compute a matrix takes less: by what ops declare (`Op.operations_of`).

A way takes the operations of its nodes, an element that is written being one more; those of a loop
as often as it steps; of a choice, as between orders of factors, those of the branch that takes
less.  Where extents are known, that is a number; else it is a sum of products of extents, of which
one may be less whatever they are, or is found to be when a function runs.

The decision: what both ways need is not counted, and neither is what no extent changes, so that the
comparison is of few terms, most of which are known to be less.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from gradcore.graph import (
    UNKNOWN,
    Apply,
    Extent,
    FunctionGraph,
    Operand,
    Shape,
    Variable,
    ancestors,
    as_variable,
    substitute,
    toposort,
)
from gradcore.graph.costs import total
from gradcore.graph.extents import product
from gradcore.graph.nodes import constant_extent, symbolic_operand
from gradcore.graph.traverse import depends_on, infer_shapes
from gradcore.language import LANGUAGE
from gradcore.ops.control import IfElse
from gradcore.ops.scalars import add, fill, maximum, mul
from gradcore.ops.scan import Scan
from gradcore.rewrite.canonical.stage import is_zero
from gradcore.rewrite.jacobians.linear_maps import in_normal_form
from gradcore.rewrite.loops.costs import TYPICAL

Work: TypeAlias = "Counter[tuple[Variable, ...]]"
"""A sum of products of extents: how often each is there."""

MOST_BRANCHES = 8
"""How many ways to compute a matrix are told apart; the operations of more are added up."""

MOST_COMPARED_PRODUCTS = 4
"""Of how many products of extents on each side a function compares sums when it runs."""


def takes_less(this: Variable, other: Variable, margin: int = 1) -> bool | Variable:
    """Return whether to compute ``this`` takes less than ``other``, so many times less at least.

    A variable: that is known when the function runs.
    """
    common = set(ancestors([this])) & set(ancestors([other]))
    others = _branches(other, common)
    return _or(
        _not(_or(_not(_one_takes_less(a, b, common, margin)) for b in others))
        for a in _branches(this, common)
    )


def _branches(v: Variable, common: Collection[Variable]) -> list[Variable]:
    """Return what ``v`` may be, by each branch of the choices in it; itself, if these are many."""
    found = [v]
    for _ in range(MOST_BRANCHES):
        choices = [_choice(x, common) for x in found]
        if not any(choices):
            return found
        found = [
            y for x, node in zip(found, choices, strict=True) for y in (_taken(x, node) or [x])
        ]
        if len(found) > MOST_BRANCHES:
            break
    return [v]


def _choice(v: Variable, common: Collection[Variable]) -> Apply | None:
    """Return the last choice that ``v`` is computed by, which is not in common."""
    return next(
        (
            node
            for node in reversed(toposort([v]))
            if isinstance(node.op, IfElse) and node.outputs[0] not in common
        ),
        None,
    )


def _taken(v: Variable, choice: Apply | None) -> list[Variable]:
    """Return ``v`` by either branch of a choice."""
    if choice is None:
        return []
    n = len(choice.outputs)
    branches = choice.inputs[1 : n + 1], choice.inputs[n + 1 :]
    return [substitute([v], dict(zip(choice.outputs, b, strict=True)))[0] for b in branches]


def _not(known: bool | Variable) -> bool | Variable:
    return not known if isinstance(known, bool) else LANGUAGE["invert"](known)


def _or(several: Iterable[bool | Variable]) -> bool | Variable:
    """Return whether any holds."""
    found: bool | Variable = False
    for each in several:
        if each is True:
            return True
        if not isinstance(each, bool):
            found = each if isinstance(found, bool) else LANGUAGE["or_"](found, each)
    return found


def _one_takes_less(
    this: Variable, other: Variable, common: Collection[Variable], margin: int
) -> bool | Variable:
    """Return the same of what has no choices."""
    mine, others = _polynomials([list(_amounts(v, common)) for v in (this, other)])
    for factors in mine:
        mine[factors] *= margin
    more, less = mine - others, others - mine  # of each what is positive
    if not more or not less:
        return bool(less)
    return LANGUAGE["lt"](_written(more), _written(less))


# what it takes ----------------------------------------------------------------------------------
def _amounts(v: Variable, common: Collection[Variable]) -> Iterator[Extent]:
    """Yield what the nodes take that compute ``v`` from what is in common."""
    nodes = [n for n in toposort([v]) if n.outputs[0] not in common and not _is_free(n)]
    variables = list(dict.fromkeys(v for n in nodes for v in (*n.inputs, *n.outputs)))
    shapes = dict(zip(variables, infer_shapes(variables), strict=True))
    for node in nodes:
        if isinstance(node.op, Scan):
            given = list(map(symbolic_operand, node.inputs))
            yield given[0].extent * _of_steps(node.op, node.inputs[1:], given[1:])
        else:
            yield _amount(node, shapes)


def _is_free(node: Apply) -> bool:
    """Return whether a node makes an extent, or what is read where it is: a view, equal numbers."""
    op = node.op
    extent = all(not v.ndim and v.type.is_discrete for v in node.outputs)
    return extent or op.view or op is fill or (op.cheap and not op.elementwise)


def _amount(node: Apply, shapes: Mapping[Variable, Shape]) -> Extent:
    made = [_known(shapes[v]) for v in node.outputs]
    operands = [Operand(_known(shapes[v])) for v in node.inputs]
    return node.op.operations_of(operands, made) + total(map(product, made))


def _known(shape: Shape) -> Shape:
    return tuple(TYPICAL if n is UNKNOWN else n for n in shape)


def _of_steps(op: Scan, inputs: Sequence[Variable] | None, operands: Sequence[Operand]) -> Extent:
    """Return what a step of a loop takes, but for what is the same in all of them."""
    inner, results = op.parts(op.body.inputs), op.results(op.body.outputs)
    moving = depends_on(op.body.outputs, [*inner.sequences, *inner.states])
    nodes = [n for n in op.body.nodes if n.outputs[0] in moving]
    variables = tuple(dict.fromkeys(v for n in nodes for v in (*n.inputs, *n.outputs)))
    stop = () if results.condition is None else (results.condition,)
    whole = FunctionGraph(op.body.inputs, (*results.states, *variables, *stop))
    found = op.with_graphs(whole).step_shapes(inputs, operands)
    shapes = dict(zip(variables, found, strict=True))
    return total(_of_step(n, shapes) for n in nodes if not _is_free(n))


def _of_step(node: Apply, shapes: Mapping[Variable, Shape]) -> Extent:
    if not isinstance(node.op, Scan):
        return _amount(node, shapes)
    steps, *given = node.inputs
    known = constant_extent(steps)
    operands = [Operand(_known(shapes[v])) for v in given]
    return (TYPICAL if known is None else known) * _of_steps(node.op, None, operands)


# sums of products -------------------------------------------------------------------------------
def _polynomials(amounts: Sequence[Sequence[Extent]]) -> list[Work]:
    """Return sums of extents, in which the same extent is the same variable."""
    found: list[Work] = [Counter({(): sum(n for n in a if isinstance(n, int))}) for a in amounts]
    open_ones = [[n for n in a if isinstance(n, Variable)] for a in amounts]
    normal = in_normal_form(*(n for several in open_ones for n in several))
    places = {v: i for i, v in enumerate(ancestors(normal))}
    terms = iter([_terms(n, places) for n in normal])
    for work, several in zip(found, open_ones, strict=True):
        for _ in several:
            work.update(next(terms))
    return found


def _terms(n: Variable, places: Mapping[Variable, int]) -> Work:
    """Return an extent as a sum of products, each in the order of these places."""
    made = n.owner
    known = constant_extent(n)
    if known is not None:
        return Counter({(): known})
    if made is not None and made.op is add:
        found: Work = Counter()
        for x in made.inputs:
            found.update(_terms(x, places))
        return found
    if made is not None and made.op is mul:
        left, right = (_terms(x, places) for x in made.inputs)
        products: Work = Counter()
        for some, n_left in left.items():
            for others, n_right in right.items():
                factors = sorted((*some, *others), key=places.__getitem__)
                products[tuple(factors)] += n_left * n_right
        return products
    if made is not None and made.op is maximum and any(map(is_zero, made.inputs)):
        return _terms(next(x for x in made.inputs if not is_zero(x)), places)
    return Counter({(n,): 1})


def _written(work: Work) -> Variable:
    """Return the largest of a sum of products, as a number that does not overflow."""
    number = LANGUAGE["cast_float64"]
    by_size = sorted(work.items(), key=lambda term: (-len(term[0]), -term[1]))
    compared = by_size[:MOST_COMPARED_PRODUCTS]
    return as_variable(total(n * product(tuple(map(number, k))) for k, n in compared))
