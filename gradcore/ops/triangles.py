"""Triangles of matrices: on which side of its diagonal a matrix is known to be zero.

Triangles are made by comparing the places of rows and columns, as `triu` and `eye` do, by writing
into the diagonal of zeros, and by ops that say so (`VANISHING`).  A side is the sign of the row
less the column: `BELOW` the diagonal, `ON` it, `ABOVE` it.  What is said of a matrix holds for each
of a stack.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping

import numpy as np

from gradcore.graph import Apply, Array, Constant, Op, Variable
from gradcore.ops.axes import DimShuffle
from gradcore.ops.complexes import conj
from gradcore.ops.create import Arange
from gradcore.ops.elementwise import Elementwise
from gradcore.ops.index import IncSubtensor
from gradcore.ops.scalars import (
    CASTS,
    abs,
    add,
    eq,
    fill,
    ge,
    gt,
    le,
    lt,
    mul,
    neg,
    neq,
    sqr,
    sub,
    switch,
)
from gradcore.ops.shape import Alloc

BELOW, ON, ABOVE = 1, 0, -1

DEEPEST = 16
"""How many ops it is looked through; what is made by more is not known."""

KEEPING = (neg, abs, sqr, add, sub, conj, *CASTS.values())
"""Ops whose result is zero where all their operands are."""

ORDERS: Mapping[Op, Callable[[int, int], bool]] = {
    ge: operator.ge, gt: operator.gt, le: operator.le, lt: operator.lt,
}  # fmt: skip

VANISHING: dict[type[Op], Callable[[Apply, int], bool]] = {}
"""What says of a node of an op whether its output vanishes on a side."""


def vanishes(v: Variable, side: int) -> bool:
    """Return whether square matrices are known to be zero on a side of the diagonal, or on it.

    >>> import gradcore.tensor as T
    >>> x = T.dmatrix("x")
    >>> vanishes(T.tril(x), ABOVE), vanishes(T.tril(x), BELOW), vanishes(x * T.eye(3), BELOW)
    (True, False, True)
    """
    return _Search().finds(v, side, DEEPEST)


def is_diagonal(v: Variable) -> bool:
    """Return whether square matrices are known to be zero on both sides of the diagonal."""
    search = _Search()
    return search.finds(v, BELOW, DEEPEST) and search.finds(v, ABOVE, DEEPEST)


class _Search:
    """The search for zeros, which asks once of each variable."""

    def __init__(self) -> None:
        self.known: dict[tuple[Variable, int], bool] = {}

    def finds(self, v: Variable, side: int, depth: int) -> bool:
        """Return whether ``v`` is known to vanish, by looking through ``depth`` ops."""
        if isinstance(v, Constant):
            return _constant_vanishes(v.data, side)
        if v.owner is None or not depth:
            return False
        if (v, side) not in self.known:
            self.known[v, side] = self._by_node(v.owner, side, depth - 1)
        return self.known[v, side]

    def _by_node(self, node: Apply, side: int, depth: int) -> bool:
        op, operands = node.op, node.inputs
        if op is fill or isinstance(op, Alloc):
            return _is_zero(operands[op is fill])
        if node.outputs[0].ndim < 2 or any(node.outputs[0].broadcastable[-2:]):
            return False
        if isinstance(op, Elementwise):
            return self._by_elements(node, side, depth)
        if isinstance(op, IncSubtensor):
            return side != ON and _is_on_diagonal(node) and self.finds(operands[0], side, depth)
        if isinstance(op, DimShuffle):
            turned = _turned(op.order, operands[0].ndim)
            return turned is not None and self.finds(operands[0], turned * side, depth)
        return type(op) in VANISHING and VANISHING[type(op)](node, side)

    def _by_elements(self, node: Apply, side: int, depth: int) -> bool:
        op, operands = node.op, node.inputs
        if op is switch:
            return all(self.finds(v, side, depth) for v in branches(node, side))
        if op is mul:
            return any(self.finds(v, side, depth) for v in operands)
        if op in CASTS.values() and holds(operands[0], side) is False:
            return True
        return op in KEEPING and all(self.finds(v, side, depth) for v in operands)


def _constant_vanishes(data: Array, side: int) -> bool:
    if data.ndim < 2 or data.shape[-1] != data.shape[-2]:
        return not data.any()
    if side == ON:
        return not np.einsum("...ii->...i", data).any()
    return not (np.tril(data, -1) if side == BELOW else np.triu(data, 1)).any()


def _is_zero(v: Variable) -> bool:
    return isinstance(v, Constant) and not v.data.any()


def _is_on_diagonal(node: Apply) -> bool:
    """Return whether what is written goes to the diagonal, of one matrix."""
    _, _, *indices = node.inputs
    return len(indices) == 2 == node.out.ndim and indices[0] is indices[1]


def _turned(order: tuple[int | str, ...], ndim: int) -> int | None:
    """Return 1 for an order of axes that leaves matrices as they are, -1 for that of transposes."""
    if order[-2:] == (ndim - 2, ndim - 1):
        return 1
    return -1 if order[-2:] == (ndim - 1, ndim - 2) else None


# comparisons of places ----------------------------------------------------------------------------
def holds(condition: Variable, side: int) -> bool | None:
    """Return whether a condition holds on a side, if it compares the places of rows and columns."""
    node = condition.owner
    if node is None or node.op not in (*ORDERS, eq, neq):
        return None
    (x, shift), (y, other) = map(_place, node.inputs)
    if {x, y} != {-1, -2}:
        return None
    by = shift - other  # the row less the column, or its negative, and this is compared with 0
    sign = side if x == -2 else -side
    if node.op in (eq, neq):
        return (sign == 0) == (node.op is eq) if by == 0 else None
    compare = ORDERS[node.op]
    near, far = compare(sign + by, 0), compare(sign * 10**9 + by, 0)
    return near if near == far else None


def _place(v: Variable) -> tuple[int, int]:
    """Return along which axis, from the end, a variable numbers places, and from where; 0: none."""
    axis, start = -1, 0
    while v.owner is not None and not isinstance(v.owner.op, Arange):
        op, operands = v.owner.op, v.owner.inputs
        if op is add and _number(operands[0]) is not None:
            operands = operands[::-1]
        if op is add and (number := _number(operands[1])) is not None:
            start += number
        elif isinstance(op, DimShuffle) and operands[0].ndim == 1 and axis == -1:
            axis = op.order.index(0) - len(op.order)
        else:
            return 0, 0
        v = operands[0]
    return (axis, start) if v.owner is not None else (0, 0)


def _number(v: Variable) -> int | None:
    """Return the value of a constant of one element that is a whole number."""
    if not isinstance(v, Constant) or v.data.size != 1 or v.data.item() % 1:
        return None
    return int(v.data.item())


def branches(node: Apply, side: int) -> tuple[Variable, ...]:
    """Return what a choice between elements may take on a side."""
    condition, then, orelse = node.inputs
    chosen = holds(condition, side)
    return (then, orelse) if chosen is None else (then if chosen else orelse,)


def lower_part(v: Variable) -> Variable:
    """Return the simplest matrices with the same elements on the diagonal and below.

    >>> import gradcore.tensor as T
    >>> x = T.dmatrix("x")
    >>> lower_part(T.tril(x)) is x
    True
    """
    below, on = _part(v, BELOW), _part(v, ON)
    return below if below is on else v


def _part(v: Variable, side: int) -> Variable:
    """Return the simplest matrices with the same elements on a side."""
    while v.owner is not None:
        op, operands = v.owner.op, v.owner.inputs
        if op is switch and len(found := branches(v.owner, side)) == 1:
            (simpler,) = found
        elif (op is mul and _number(operands[1]) == 1) or (
            isinstance(op, DimShuffle) and op.order == tuple(range(v.ndim))
        ):
            simpler = operands[0]
        else:
            break
        if simpler.type != v.type:
            break
        v = simpler
    return v
