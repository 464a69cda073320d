"""Parts of a Jacobian that are needed as a whole, where the Jacobian is not.

What is taken or summed of a Jacobian, and what contracts some of the axes of a result, or of a
variable, with a vector, is the matrix of a linear map itself, of fewer unit vectors::

    J[a:b], J[[2, 0]]           as many rows as are taken
    (J * v).sum(2)              as many columns as the axes have that remain
    einsum("iab,b->ia", J, v)   the same
    einsum("ija,j->ia", J, v)   as many rows as the axes have that remain

It is written as the loop over its unit vectors (`linear_maps`), so that it is computed as any
Jacobian is: by its structure, by rows, or by columns.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gradcore.graph import Apply, Extent, TensorType, Variable, as_variable
from gradcore.graph.extents import product
from gradcore.graph.nodes import constant_extent, extents_of
from gradcore.language import LANGUAGE
from gradcore.ops.control import IfElse
from gradcore.ops.elementwise import Elementwise
from gradcore.ops.index import Subtensor
from gradcore.ops.index_patterns import Slot
from gradcore.ops.linalg import Dot, MatMul
from gradcore.ops.loop import Seeds
from gradcore.ops.reduce import Reduce
from gradcore.ops.shape import DimShuffle, Reshape
from gradcore.rewrite.jacobians.expression_rows import linear_form, quotient, rows_of, same_product
from gradcore.rewrite.jacobians.expressions import DOT, Expressions, reshaped
from gradcore.rewrite.jacobians.linear_maps import LinearRows, in_normal_form


def is_smaller(node: Apply, known: Mapping[Variable, int]) -> bool:
    """Return whether a node takes, or sums over, a part of what an expression of matrices has."""
    if not isinstance(node.op, (Subtensor, Reduce)) or node.inputs[0] not in known:
        return False
    r = rows_of(node, known)
    return r is not None and 0 < r < node.out.ndim


def takes_more(node: Apply, of: Expressions) -> bool | Variable:
    """Return whether indices take more rows, or columns, than an expression has.

    A variable: that is known when the function runs.  A number that is written counts as less.
    """
    if not isinstance(node.op, Subtensor) or Slot.ARRAY not in node.op.pattern:
        return False
    index = next(v for v in node.inputs[1:] if v.ndim)
    n = of.shape(node.inputs[0])[node.op.pattern.index(Slot.ARRAY)]
    (count,) = in_normal_form(product(extents_of(index)))
    taken, there = constant_extent(count), n if isinstance(n, int) else None
    if taken is not None:
        return there is not None and taken > there
    return LANGUAGE["gt"](count, n)


def is_alone(x: Variable, stack: Variable, known: Mapping[Variable, int]) -> bool:
    """Return whether an expression is made of a Jacobian, and by scalings, alone.

    Other matrices in it would be multiplied once for each unit vector.
    """
    while x is not stack:
        node = x.owner
        if node is None or isinstance(node.op, (Dot, IfElse)):
            return False
        own = [v for v in node.inputs if v in known]
        form = linear_form(node, known) if isinstance(node.op, Elementwise) else None
        if len(own) != 1 or (form is not None and form.scaled is None and len(node.inputs) > 1):
            return False
        (x,) = own
    return True


def smaller(node: Apply, of: Expressions, seeds: Seeds | None) -> Variable:
    """Return what `is_smaller` as the matrix of a map of its own.  Raises Whole.

    seeds : how its loop may be computed.
    """
    x, r = node.out, rows_of(node, of.rows)
    assert r is not None
    whole = Expressions(of.maps, {**of.rows, x: r})
    extents = whole.shape(x)
    unit = _unit(x, extents[:r])
    row = LANGUAGE["flatten"](whole.times(x, reshaped(unit, extents[:r]), True, r))
    return reshaped(_looped(unit, extents[:r], row, seeds), extents)


@dataclass(frozen=True)
class Contraction:
    """The product of a tensor with a vector, over some of its axes.

    tensor : an expression of matrices, and how many of its axes are ``rows``.
    remaining, over : its axes that remain, and those that are summed over, in their order.
    vector : the vector.
    joined : whether the axes that remain are one in the result.
    one : where the result has another axis, of one element.
    """

    tensor: Variable
    rows: int
    remaining: Sequence[int]
    over: Sequence[int]
    vector: Variable
    joined: bool
    one: int | None


def contraction(node: Apply, known: Mapping[Variable, int]) -> Contraction | None:
    """Return what a node contracts of an expression of matrices; None: nothing, or with a matrix.

    known : expressions, and how many of their axes are rows.
    """
    if not isinstance(node.op, (Dot, MatMul)) or len({v.dtype for v in _all(node)}) > 1:
        return None
    for side in (0, 1):
        x, v = node.inputs[side], node.inputs[1 - side]
        if v.ndim == 2 and v.broadcastable[1 - side]:
            vector: Variable = DimShuffle((side,))(v)
        elif v.ndim == 1 and isinstance(node.op, Dot):
            vector = v
        else:
            continue
        one = None if v.ndim == 1 else node.out.ndim - 1 - side
        if isinstance(node.op, MatMul):
            found = _of_axes(x, known, vector, x.ndim - 1 - side, one)
        else:
            found = _of_reshaped(x, known, vector, side, one)
        if found is not None:
            return found
    return None


def _all(node: Apply) -> Sequence[Variable]:
    return (*node.inputs, *node.outputs)


def _of_axes(
    x: Variable, known: Mapping[Variable, int], vector: Variable, axis: int, one: int | None
) -> Contraction | None:
    """Return the contraction over one axis of a tensor."""
    if x not in known or x.ndim < 3:
        return None
    remaining = [a for a in range(x.ndim) if a != axis]
    return _on_one_side(Contraction(x, known[x], remaining, [axis], vector, False, one))


def _of_reshaped(
    x: Variable, known: Mapping[Variable, int], vector: Variable, side: int, one: int | None
) -> Contraction | None:
    """Return the contraction over that part of a tensor that is an axis of a matrix."""
    made = x.owner
    if made is None or not isinstance(made.op, Reshape) or x.ndim != 2 or x in known:
        return None
    tensor, after = made.inputs[0], made.shapes[0]
    if tensor in known:
        return _of_split(tensor, known[tensor], after[1 - side], vector, side, one)
    made, before = tensor.owner, extents_of(tensor)
    if made is None or not isinstance(made.op, DimShuffle) or made.inputs[0] not in known:
        return None
    axes = [axis for axis in made.op.order if isinstance(axis, int)]
    ends = range(1, len(before))
    k = next((k for k in ends if same_product(before[:k], after[:1])), None)
    (tensor,) = made.inputs
    if k is None or not len(axes) == len(before) == tensor.ndim:
        return None
    remaining, over = (axes[k:], axes[:k]) if side else (axes[:k], axes[k:])
    return _on_one_side(Contraction(tensor, known[tensor], remaining, over, vector, True, one))


def _of_split(
    tensor: Variable, r: int, over: Extent, vector: Variable, side: int, one: int | None
) -> Contraction | None:
    """Return the contraction over the last part of the columns, or the first one of the rows."""
    extents = extents_of(tensor)
    rows, columns = extents[:r], extents[r:]
    left = quotient(rows if side else columns, (over,))
    if left is None or (isinstance(left, int) and left == 1):
        return None
    if side:
        whole = reshaped(tensor, (over, left, *columns))
        return Contraction(whole, 2, range(1, whole.ndim), [0], vector, True, one)
    whole = reshaped(tensor, (*rows, left, over))
    return Contraction(whole, r, range(r + 1), [r + 1], vector, True, one)


def _on_one_side(found: Contraction) -> Contraction | None:
    """Return a contraction if it is over rows or over columns, some of which remain."""
    of_rows = {axis < found.rows for axis in found.over}
    remain = any({axis < found.rows} == of_rows for axis in found.remaining)
    return found if len(of_rows) == 1 and remain else None


def contracted_in_part(c: Contraction, of: Expressions, seeds: Seeds | None) -> Variable:
    """Return a contraction as the matrix of a map of its own.  Raises Whole."""
    r = c.rows
    of = Expressions(of.maps, {**of.rows, c.tensor: r})
    extents = of.shape(c.tensor)
    own = [axis for axis in c.remaining if axis < r]
    others = [axis for axis in c.remaining if axis >= r]
    rows = tuple(extents[axis] for axis in own)
    unit = _unit(c.tensor, rows)
    over = tuple(extents[axis] for axis in c.over)
    if c.over[0] < r:
        seed = DimShuffle((0, "x"))(unit) * DimShuffle(("x", 0))(c.vector)
        axes = [*own, *c.over]
        seed = reshaped(seed, (*rows, *over))
        seed = DimShuffle(tuple(axes.index(axis) for axis in range(r)))(seed)
        row = LANGUAGE["flatten"](of.times(c.tensor, seed, True, r))
    else:
        value = of.times(c.tensor, reshaped(unit, rows), True, r)
        value = DimShuffle(tuple(axis - r for axis in (*others, *c.over)))(value)
        columns = product(tuple(extents[axis] for axis in others))
        row = DOT(reshaped(value, (columns, product(over))), c.vector)
    found = _looped(unit, rows, row, seeds)
    have = [*own, *others]
    found = reshaped(found, tuple(extents[axis] for axis in have))
    found = DimShuffle(tuple(have.index(axis) for axis in c.remaining))(found)
    result = [extents[axis] for axis in c.remaining]
    if c.joined:
        result = [product(tuple(result))]
    if c.one is not None:
        result.insert(c.one, 1)
    return reshaped(found, result) if len(result) != found.ndim or c.joined else found


def _unit(x: Variable, rows: Sequence[Extent]) -> Variable:
    """Return what stands for the unit vectors, one for each of the rows."""
    known = [n for n in rows if isinstance(n, int)]
    size = math.prod(known) if len(known) == len(rows) else None
    return Variable(TensorType(x.dtype, (size,)))


def _looped(unit: Variable, rows: Sequence[Extent], row: Variable, seeds: Seeds | None) -> Variable:
    return LinearRows(unit, as_variable(product(tuple(rows))), row, {}).looped(seeds)
