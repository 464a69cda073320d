"""Jacobians that are needed as a whole: by their bands, by rows, or by columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from gradcore.graph import (
    Constant,
    FunctionGraph,
    Variable,
    ancestors,
    as_variable,
    on_behalf_of,
)
from gradcore.language import LANGUAGE
from gradcore.ops.create import Arange
from gradcore.ops.elementwise import Elementwise
from gradcore.ops.linalg import Dot
from gradcore.ops.loop import Seeds
from gradcore.ops.scalars import maximum, mul
from gradcore.ops.scan import Scan
from gradcore.ops.shape import Alloc
from gradcore.rewrite.canonical.stage import is_made_by, is_zero
from gradcore.rewrite.engine import fitting
from gradcore.rewrite.jacobians.chains import in_best_order
from gradcore.rewrite.jacobians.costs import takes_less
from gradcore.rewrite.jacobians.expression_rows import same_product
from gradcore.rewrite.jacobians.expressions import Expressions, Whole
from gradcore.rewrite.jacobians.linear_maps import LinearRows, linear_rows
from gradcore.rewrite.jacobians.products import (
    diagonal_matrices,
    expressions,
    is_decided,
    stacked_rows,
)
from gradcore.rewrite.jacobians.sparsity import Structured, structured
from gradcore.rewrite.loops.parts import LoopParts

TWICE = 2
"""How much less columns must take where they are as many as rows, and these are known."""


def whole_ones(graph: FunctionGraph) -> dict[Variable, Variable]:
    """Return matrices as they are computed best, in place of loops over their rows."""
    replaced: dict[Variable, Variable] = {}
    for node in graph.nodes:
        for stack in node.outputs if isinstance(node.op, Scan) else ():
            rows = linear_rows(stack)
            if rows is None or is_decided(graph, stack):
                continue
            assert isinstance(node.op, Scan)
            with on_behalf_of(node.where):
                found = _whole(stack, rows, node.op.seeds)
            if found not in (None, stack):
                replaced[stack] = fitting(found, stack, node, "jacobians")
    return replaced


def sparse_expressions(graph: FunctionGraph) -> dict[Variable, Variable]:
    """Return products and sums of Jacobians that are needed, where they are sparse, as such."""
    stacks = {v: rows for v, rows in stacked_rows(graph).items() if rows.is_matrix}
    if not stacks:
        return {}
    maps = {**diagonal_matrices(graph), **stacks}
    known = expressions(graph, maps)
    of_stacks = set(stacks)
    replaced: dict[Variable, Variable] = {}
    for v in known:
        node = v.owner
        if v in maps or node is None or of_stacks.isdisjoint(node.inputs):
            continue
        of_stacks.add(v)
        readers = graph.readers.get(v, ())
        part = v not in graph.outputs and all(n.outputs[0] in known for n in readers)
        if part or v.ndim != 2 or not isinstance(node.op, (Dot, Elementwise)):
            continue
        of_others = any(
            stack in graph.outputs or any(n.outputs[0] not in known for n in graph.readers[stack])
            for stack in stacks.keys() & set(ancestors([v]))
        )
        with on_behalf_of(node.where):
            found = _sparse(Expressions(maps, known), v, of_others)
        if found is not None:
            replaced[v] = fitting(found, v, node, "jacobians")
    return replaced


def _sparse(of: Expressions, matrix: Variable, of_others: bool) -> Variable | None:
    """Return an expression of matrices by its structure, if it has no more or that takes less.

    of_others : whether its Jacobians are built for others, too.
    """
    try:
        found = structured(of.as_rows(matrix))
    except Whole:
        return None
    if found is None or not found.dense_steps:
        return None if found is None else found.tensor
    less = False if of_others else takes_less(found.tensor, matrix)
    if isinstance(less, bool):
        return found.tensor if less else None
    return LANGUAGE["ifelse"](less, found.tensor, matrix)


def _whole(stack: Variable, rows: LinearRows, seeds: Seeds | None) -> Variable | None:
    """Return a matrix by its structure, or by its rows or its columns, whichever take less.

    seeds : what the user says of it.

    None: by its rows, as it is.
    """
    by_rows = _at_once(rows, seeds)
    if seeds is not None and seeds.in_order:
        return by_rows and by_rows.tensor
    if rows.row.ndim == 0:
        return rows.from_right(as_variable(np.ones((), rows.row.dtype)))
    if by_rows is not None and by_rows.is_cheap:
        return by_rows and by_rows.tensor
    columns = rows.flat().columns()
    if columns is None:
        return by_rows and by_rows.tensor
    by_columns = _at_once(columns, seeds)
    m, n = rows.flat().shape()
    as_many = same_product([m], [n])
    of_rows = by_rows.tensor if by_rows else stack
    of_columns = _transposed(by_columns.tensor if by_columns else columns.looped(seeds), rows)
    less = takes_less(of_columns, of_rows, TWICE if as_many else 1)
    if isinstance(less, bool):
        return of_columns if less else of_rows
    return LANGUAGE["ifelse"](less, of_columns, of_rows)


def _at_once(rows: LinearRows, seeds: Seeds | None) -> Structured | None:
    """Return a matrix that is computed at once; None: it is not, or it is not to be."""
    if seeds is not None and seeds.at_once == 1:
        return None
    found = structured(rows)
    if found is None or not found.dense_steps:
        return found
    if seeds is not None and seeds.bounded:
        return None
    ordered, chosen = in_best_order(found.tensor)
    return replace(found, tensor=ordered, dense_steps=0 if chosen else found.dense_steps)


def _transposed(columns: Variable, rows: LinearRows) -> Variable:
    """Return rows, of their own shape, given the columns."""
    return columns.T if rows.is_matrix else LANGUAGE["reshape"](columns.T, rows.shape())


# in loops of loops ------------------------------------------------------------------------------
def loops_of_loops(
    graph: FunctionGraph, rewrite: Callable[[FunctionGraph], FunctionGraph]
) -> dict[Variable, Variable]:
    """Return what loops of loops are, rewritten with what makes the unit vectors in them again.

    It does not change in the outer loop, and has been hoisted out of it.
    """
    replaced: dict[Variable, Variable] = {}
    for node in graph.nodes:
        if not isinstance(node.op, Scan) or not _has_loop(node.op.body):
            continue
        loop = LoopParts.of(node)
        found: dict[Variable, Variable] = {}
        made = [(each.inner, each.outer) for each in loop.constants if _is_of_units(each.outer)]
        again = {inner: made_again(outer, loop, found) for inner, outer in made}
        if not again:
            continue
        loop.substitute(again)
        body = loop.body()
        rewritten = rewrite(body)
        if rewritten is not body:
            loop.let_return(rewritten.outputs)
            replaced.update(zip(node.outputs, loop.build().all, strict=True))
    return replaced


def _has_loop(body: FunctionGraph) -> bool:
    return any(isinstance(node.op, Scan) for node in body.nodes)


def made_again(v: Variable, loop: LoopParts, found: dict[Variable, Variable]) -> Variable:
    """Return what makes ``v``, which is outside of a loop, inside of it, each part of it once."""
    maker = v.owner
    if maker is None or not _is_of_units(v):
        return v if isinstance(v, Constant) else loop.captured(v)
    if v not in found:
        found[v] = maker.op(*(made_again(x, loop, found) for x in maker.inputs))
    return found[v]


def _is_of_units(v: Variable) -> bool:
    """Return whether ``v`` is what unit vectors are made of: counts, zeros, or how many."""
    if not v.ndim and v.type.is_discrete and v.owner is not None:
        return v.owner.op in (mul, maximum)
    return is_made_by(v, Arange) or (is_made_by(v, Alloc) and is_zero(v))
