"""What expressions are seen to be: equal, ones, views, stretched copies.

The forms of functions that derivatives are taken of, and the rules that share them, read graphs as
written, before equal nodes are merged (`gradcore.ops.exponentials`, `gradcore.ops.logarithms`).
"""

from __future__ import annotations

from typing import TypeAlias

from gradcore.derive import Maker
from gradcore.graph import Constant, Extent, Op, Variable, as_variable
from gradcore.graph.traverse import infer_shapes
from gradcore.language import LANGUAGE
from gradcore.ops.index import Subtensor
from gradcore.ops.index_patterns import Slice
from gradcore.ops.linalg import Dot
from gradcore.ops.scalars import fill, mul
from gradcore.ops.shape import Alloc, DimShuffle, Reshape

Axis: TypeAlias = int | str
"""An axis of what is laid out, or "x" for an inserted one."""

VIEWS = (DimShuffle, Reshape, Subtensor, Alloc)
"""The ops that take their elements from their first operand: functions of elements go past."""

DEEPEST = 6
"""How deep expressions are compared: equal nodes are merged later than derivatives are taken."""


def inputs_of(v: Variable, op: Op | type[Op], made: Maker) -> tuple[Variable, ...] | None:
    """Return what ``v`` is computed from, if that is by ``op``."""
    node = made(v)
    if node is None or not (isinstance(node.op, op) if isinstance(op, type) else node.op is op):
        return None
    return node.inputs


def same(a: Variable, b: Variable, made: Maker, depth: int = DEEPEST) -> bool:
    """Return whether two expressions are seen to be the same."""
    if a is b:
        return True
    if isinstance(a, Constant) and isinstance(b, Constant):
        return a.type == b.type and a.data.size == 1 and bool(a.data.item() == b.data.item())
    first, second = made(a), made(b)
    return (
        first is not None
        and second is not None
        and depth > 0
        and a.index == b.index
        and first.op == second.op
        and all(
            same(x, y, made, depth - 1) for x, y in zip(first.inputs, second.inputs, strict=True)
        )
    )


def laid_out(
    v: Variable, made: Maker, stretched: bool = False
) -> tuple[Variable, tuple[Axis, ...]]:
    """Return what ``v`` is a view of, if only axes are moved, dropped and inserted.

    Returns that variable and, for each axis of ``v``, the axis of it, or "x" for an inserted one.

    stretched : whether inserted axes may be of any length: see `meets`.
    """
    summed = sum_of_dot(v, made)
    node = made(v) if summed is None else summed.owner
    if node is not None and isinstance(node.op, DimShuffle):
        inner, order = laid_out(node.inputs[0], made, stretched)
        return inner, tuple(a if isinstance(a, str) else order[a] for a in node.op.order)
    if node is not None and isinstance(node.op, Subtensor) and len(node.inputs) == 1:
        inner, order = laid_out(node.inputs[0], made, stretched)
        places = iter(zip(order, node.inputs[0].broadcastable, strict=True))
        found: list[Axis] = []
        for entry in node.op.pattern:
            if entry is None:
                found.append("x")
            elif isinstance(entry, Slice) and entry.is_full:
                found.append(next(places)[0])
            elif entry not in (0, -1) or not next(places)[1]:
                return v, tuple(range(v.ndim))
        return inner, (*found, *(place for place, _ in places))
    if node is not None and isinstance(node.op, Reshape):
        inner, order = laid_out(node.inputs[0], made, stretched)
        long = [
            place for place, one in zip(order, node.inputs[0].broadcastable, strict=True) if not one
        ]
        if len(long) == 1 and v.broadcastable.count(False) == 1:
            return inner, tuple("x" if one else long[0] for one in v.broadcastable)
    value = _stretched(v, made) if stretched else None
    if value is not None:
        inner, order = laid_out(value, made, stretched)
        return inner, (*["x"] * (v.ndim - value.ndim), *order)
    return (v if summed is None else summed), tuple(range(v.ndim))


def _stretched(v: Variable, made: Maker) -> Variable | None:
    """Return what ``v`` repeats along some axes: stretched, times ones, or in a product with ones.

    That of rows of ones as well as of columns: ``T.dot(x, T.ones((n, n)))`` repeats sums of rows.
    """
    node = made(v)
    if node is None:
        return None
    if isinstance(node.op, Alloc):
        return node.inputs[0]
    if node.op is fill:
        return node.inputs[1]
    if isinstance(node.op, Reshape):
        source = v
        while (reshaped := inputs_of(source, Reshape, made)) is not None:
            source = reshaped[0]
        return source if source.ndim == v.ndim and inputs_of(source, Alloc, made) else None
    (x, *_), ones = node.inputs, node.inputs[-1]
    for one, other, axis in ((x, ones, 1), (ones, x, 0)):
        if node.op is not mul and not (isinstance(node.op, Dot) and x.ndim == ones.ndim == 2):
            return None
        if one.type.dtype == v.type.dtype and _are_ones(other, made):
            return one if node.op is mul else LANGUAGE["sum"](one, axis=axis, keepdims=True)
    return None


def meets(v: Variable, order: tuple[Axis, ...], x: Variable) -> bool:
    """Return whether ``v``, laid out so, is seen to have the last axes of ``x`` where it stretches.

    Else an operation on both would no longer check that.
    """
    if all(one for place, one in zip(order, v.broadcastable, strict=True) if place == "x"):
        return True
    if v.ndim > x.ndim:
        return False
    ours, others = infer_shapes([v, x])
    return all(map(_is_extent, ours, others[x.ndim - v.ndim :]))


def _is_extent(a: Extent, b: Extent) -> bool:
    if isinstance(a, int) or isinstance(b, int):
        return a == b
    return same(as_variable(a), as_variable(b), lambda v: v.owner)


def sum_of_dot(v: Variable, made: Maker) -> Variable | None:
    """Return a product with a vector of ones, or a row or column, as the sum that it is."""
    operands = inputs_of(v, Dot, made)
    if operands is None:
        return None
    for x, ones, axis in ((operands[0], operands[1], -1), (operands[1], operands[0], -2)):
        stays = ones.ndim == 2
        if x.ndim < 2 or (stays and ones.type.shape[axis] != 1) or not _are_ones(ones, made):
            continue
        found: Variable = LANGUAGE["sum"](x, axis=axis, keepdims=stays)
        return found if found.type.dtype == v.type.dtype and found.ndim == v.ndim else None
    return None


def _are_ones(v: Variable, made: Maker) -> bool:
    """Return whether all elements of a tensor are seen to be 1."""
    if isinstance(v, Constant):
        return bool((v.data == 1).all())
    node = made(v)
    if node is None or not isinstance(node.op, (Alloc, DimShuffle, Reshape)):
        return is_one(v, made)
    return _are_ones(node.inputs[0], made)


def is_one(v: Variable, made: Maker) -> bool:
    """Return whether ``v`` is the number 1, as a tensor of ones is, too."""
    ones = inputs_of(v, fill, made)
    number = v if ones is None else ones[1]
    return isinstance(number, Constant) and number.data.size == 1 and number.data.item() == 1


def spread_back(order: tuple[Axis, ...], axes: tuple[int, ...], ndim: int) -> bool:
    """Return whether a reduction over ``axes`` of ``ndim``, laid out so, meets what it reduced."""
    remaining = [a for a in range(ndim) if a not in axes]
    wanted = ["x" if a in axes else remaining.index(a) for a in range(ndim)]
    lead = ndim - len(order)
    return tuple(wanted[lead:]) == order and all(a == "x" for a in wanted[:lead])


def constant_along(v: Variable, axes: tuple[int, ...], ndim: int) -> bool:
    """Return whether ``v`` is known to be stretched along ``axes`` of a tensor of rank ``ndim``."""
    lead = ndim - v.ndim
    return lead >= 0 and all(a < lead or v.type.shape[a - lead] == 1 for a in axes)
