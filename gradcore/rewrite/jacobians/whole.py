"""Jacobians that are needed as a whole: by their bands, by rows, or by columns."""

from __future__ import annotations

from collections.abc import Callable

from gradcore.graph import (
    Constant,
    FunctionGraph,
    Variable,
    as_variable,
    free_inputs,
    on_behalf_of,
)
from gradcore.language import LANGUAGE
from gradcore.ops.control import IfElse
from gradcore.ops.create import Arange
from gradcore.ops.scan import Scan
from gradcore.ops.shape import Alloc
from gradcore.rewrite.canonical.stage import canonicalize, is_made_by, is_zero
from gradcore.rewrite.engine import fitting
from gradcore.rewrite.jacobians.bands import banded
from gradcore.rewrite.jacobians.linear_maps import LinearRows, linear_rows
from gradcore.rewrite.loops.parts import LoopParts


def whole_ones(graph: FunctionGraph) -> dict[Variable, Variable]:
    """Return matrices as they are computed best, in place of loops over their rows."""
    replaced: dict[Variable, Variable] = {}
    for node in graph.nodes:
        for stack in node.outputs if isinstance(node.op, Scan) else ():
            rows = linear_rows(stack)
            if rows is None or _is_branch(graph, stack):
                continue
            with on_behalf_of(node.where):
                found = _whole(stack, rows)
            if found not in (None, stack):
                replaced[stack] = fitting(found, stack, node, "jacobians")
    return replaced


def _is_branch(graph: FunctionGraph, v: Variable) -> bool:
    """Return whether ``v`` is what a choice takes: it has been decided upon."""
    return any(isinstance(node.op, IfElse) for node in graph.readers.get(v, ()))


def _whole(stack: Variable, rows: LinearRows) -> Variable | None:
    """Return a matrix by its structure, or by whichever are fewer, its rows or its columns.

    None: by its rows, as it is.
    """
    by_rows = banded(rows)
    if not rows.is_matrix or (by_rows is not None and by_rows.is_cheap):
        return by_rows and by_rows.tensor
    columns = rows.columns()
    if columns is None:
        return by_rows and by_rows.tensor
    by_columns = banded(columns)
    m, n = _in_normal_form(*map(as_variable, rows.shape()))
    if m is n:
        return by_rows.tensor if by_rows else by_columns and by_columns.tensor.T
    few_columns = (by_columns.tensor if by_columns else columns.looped()).T
    few_rows = by_rows.tensor if by_rows else stack
    if isinstance(m, Constant) and isinstance(n, Constant):
        return few_columns if m.data > n.data else few_rows
    return LANGUAGE["ifelse"](LANGUAGE["gt"](m, n), few_columns, few_rows)


def _in_normal_form(*extents: Variable) -> tuple[Variable, ...]:
    return canonicalize.run(FunctionGraph(tuple(free_inputs(extents)), extents), []).outputs


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
        made = {each.inner: each.outer.owner for each in loop.constants if _is_of_units(each.outer)}
        again = {
            v: maker.op(*(x if isinstance(x, Constant) else loop.captured(x) for x in maker.inputs))
            for v, maker in made.items()
            if maker is not None
        }
        if not again:
            continue
        loop.substitute(again)
        body = loop.body()
        found = rewrite(body)
        if found is not body:
            loop.let_return(found.outputs)
            replaced.update(zip(node.outputs, loop.build().all, strict=True))
    return replaced


def _has_loop(body: FunctionGraph) -> bool:
    return any(isinstance(node.op, Scan) for node in body.nodes)


def _is_of_units(v: Variable) -> bool:
    """Return whether ``v`` is what unit vectors are made of: counts, or zeros."""
    return is_made_by(v, Arange) or (is_made_by(v, Alloc) and is_zero(v))
