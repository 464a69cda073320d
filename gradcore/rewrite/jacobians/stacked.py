"""Gradients that are stacked one by one: as the loop over unit vectors that `jacobian` is.

Each row is the same linear map of another unit vector, the seed of its gradient::

    stack([grad(y[0], x), grad(y[2], x)])       row k is M(unit vector i[k])

    scan(lambda u: M(u), ...)                   over unit vectors of as many elements as rows;
                                                M of their elements, put to the places i of zeros

so the stack is rewritten as a Jacobian is (`gradcore.rewrite.jacobians`): a product with it is one
of `Lop` or `Rop`, and as a whole it is computed by its structure.  A stack stays as it is where one
of its rows is read elsewhere, too.

The decision: two rows are compared node by node, in normal form, and may differ in the unit vector
alone.  Rejected: rows that are `Lop` of any vectors: that a user's products are gradients cannot be
seen, and another order would round them otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gradcore.gradient import grad
from gradcore.graph import (
    Constant,
    FunctionGraph,
    TensorType,
    Variable,
    as_variable,
    on_behalf_of,
    substitute,
)
from gradcore.language import LANGUAGE
from gradcore.ops.index import IncSubtensor
from gradcore.ops.index_patterns import Slice, Slot
from gradcore.ops.linalg import Dot
from gradcore.ops.shape import DimShuffle, Join
from gradcore.rewrite.canonical.stage import is_constant, is_zero
from gradcore.rewrite.changes import Changes
from gradcore.rewrite.engine import Pass, fitting
from gradcore.rewrite.jacobians.linear_maps import LinearRows, is_linear


@dataclass(frozen=True)
class _Seed:
    """A tensor of zeros but for a one, at the place ``at``."""

    zeros: Variable
    at: tuple[int, ...]


def _rewrite(graph: FunctionGraph) -> FunctionGraph:
    replaced: dict[Variable, Variable] = {}
    for node in graph.nodes:
        if not isinstance(node.op, Join) or len(node.inputs) == 1:
            continue
        rows = _stacked(graph, node.out, node.op.axis)
        if not rows:
            continue
        with on_behalf_of(node.where):
            found = _as_map(rows)
            if found is not None:
                order = list(range(1, node.out.ndim))
                order.insert(node.op.axis, 0)
                stack = DimShuffle(tuple(order))(found.looped())
                replaced[node.out] = fitting(stack, node.out, node, "stacked_gradients")
    return graph.with_replaced(replaced)


def _stacked(graph: FunctionGraph, stack: Variable, axis: int) -> list[Variable]:
    """Return what is stacked along an axis of its own, and read by nothing else; none, if it is."""
    assert stack.owner is not None
    own = list(range(stack.ndim - 1))
    order = (*own[:axis], "x", *own[axis:])
    rows: list[Variable] = []
    for part in stack.owner.inputs:
        made = part.owner
        if made is None or made.op != DimShuffle(order):
            return []
        (row,) = made.inputs
        alone = row not in graph.outputs and part not in graph.outputs
        if not alone or len(graph.readers[row]) > 1 or len(graph.readers[part]) > 1:
            return []
        rows.append(row)
    return rows


def _as_map(rows: Sequence[Variable]) -> LinearRows | None:
    """Return a linear map whose values at unit vectors are ``rows``; None: these are none."""
    first, *others = rows
    pairs = [_difference(first, row) for row in others]
    units = {pair[0] for pair in pairs if pair is not None}
    if None in pairs or len(units) != 1:
        return None
    (own,) = units
    seeds = [_seed(own), *(_seed(pair[1]) for pair in pairs if pair is not None)]
    places = [seed.at for seed in seeds if seed is not None]
    zeros = seeds[0].zeros if seeds[0] is not None else own
    unit = Variable(TensorType(own.dtype, (len(rows),)))
    (row,) = substitute([first], {own: _placed(unit, zeros, places)})
    if unit.type.is_discrete or row.dtype != unit.dtype or not is_linear(row, unit, {}):
        return None
    return LinearRows(unit, as_variable(len(rows)), row, {})


def _difference(first: Variable, other: Variable) -> tuple[Variable, Variable] | None:
    """Return the unit vectors in which two rows differ; None: they differ otherwise, or not."""
    pending, known = [(first, other)], dict[Variable, Variable]()
    found: tuple[Variable, Variable] | None = None
    while pending:
        pair = a, b = pending.pop()
        if a is b or known.get(a) is b:
            continue
        if a in known:
            return None
        known[a] = b
        seeds = _seed(a), _seed(b)
        if seeds[0] is not None and seeds[1] is not None:
            if not _same_zeros(seeds[0].zeros, seeds[1].zeros) or found not in (None, pair):
                return None
            found = pair
            continue
        if a.owner is None or b.owner is None or a.index != b.index or a.owner.op != b.owner.op:
            return None
        pending += zip(a.owner.inputs, b.owner.inputs, strict=True)
    return found


def _same_zeros(a: Variable, b: Variable) -> bool:
    """Return whether zeros are known to be of one shape and dtype."""
    return a is b or (isinstance(a, Constant) and isinstance(b, Constant) and a.type == b.type)


def _seed(v: Variable) -> _Seed | None:
    """Return ``v`` as a tensor of zeros but for a one, at a place that is known."""
    node = v.owner
    if isinstance(v, Constant):
        places = np.argwhere(v.data)
        if not v.ndim or len(places) != 1 or v.data.sum() != 1:
            return None
        return _Seed(Constant(np.zeros_like(v.data)), tuple(map(int, places[0])))
    if node is None or not isinstance(node.op, IncSubtensor):
        return None
    place = tuple(at for at in node.op.pattern if isinstance(at, int))
    zeros, one = node.inputs[:2]
    if len(place) < len(node.op.pattern) or len(place) != v.ndim:
        return None
    exists = all(n is None or -n <= at < n for at, n in zip(place, v.type.shape, strict=True))
    return _Seed(zeros, place) if exists and is_constant(one, 1) and is_zero(zeros) else None


def _placed(unit: Variable, zeros: Variable, places: Sequence[tuple[int, ...]]) -> Variable:
    """Return ``zeros`` with the elements of ``unit`` added at places."""
    count = len(places)
    if places == [(i,) for i in range(count)]:
        if zeros.type.shape[0] == count:
            return unit
        return IncSubtensor((Slice(None, count, None),), False)(zeros, unit)
    indices = (Constant(np.array(axis)) for axis in zip(*places, strict=True))
    return IncSubtensor((Slot.ARRAY,) * zeros.ndim, False)(zeros, unit, *indices)


def _product_with_stack(x: Variable) -> Variable:
    """Return stacked gradients, times a vector."""
    v = x[0]
    y = LANGUAGE["tanh"](Dot()(x, v))
    rows = [grad(y[i], v).dimshuffle("x", 0) for i in range(2)]
    return Dot()(Join(0)(*rows), v)


stacked_gradients = Pass(
    "stacked_gradients",
    _rewrite,
    changes=Changes(rounding=64, of="terms", derivatives=True, nonfinite=True),
    examples=(_product_with_stack,),
)
"""Gradients of elements of one tensor that are stacked: a loop over unit vectors."""
