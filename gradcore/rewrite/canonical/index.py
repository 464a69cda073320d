"""Parts of tensors, read and written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from gradcore.graph import UNKNOWN, Apply, Variable
from gradcore.graph.nodes import constant_extent, extents_of
from gradcore.language import LANGUAGE
from gradcore.ops.create import Arange
from gradcore.ops.index import IncSubtensor, Subtensor
from gradcore.ops.index_patterns import Pattern, Slice, Slot, filled, is_advanced
from gradcore.ops.linalg import Dot
from gradcore.ops.reduce import Reduce
from gradcore.ops.scalars import add, fill, maximum
from gradcore.ops.shape import Alloc, DimShuffle
from gradcore.ops.shape_values import Extent, MakeVector
from gradcore.rewrite.canonical.stage import (
    canonicalize,
    inputs_of,
    is_made_by,
    is_zero,
    same_extent,
)
from gradcore.rewrite.changes import Changes

rule = canonicalize.rule


@rule(
    op=Subtensor,
    examples=[
        lambda x: x[:],
        lambda x: x[0 : x.shape[0]],
        lambda x: x[:, None] * 2,
        lambda x: MakeVector()(x[0, 0], x[1, 1])[1],
        lambda x: fill(x, 2.0)[1:],
    ],
)
def simpler_part(node: Apply) -> Variable | None:
    """x[:] = x; x[:, None] is an order of axes; [a, b][1] = b; a part of a constant is constant"""
    x, *indices = node.inputs
    op = node.op
    assert isinstance(op, Subtensor)
    if all(isinstance(e, Slice) and e.is_full for e in op.pattern):
        return x
    if all(e is None or (isinstance(e, Slice) and e.is_full) for e in op.pattern):
        axes = iter(range(x.ndim))
        order = ["x" if e is None else next(axes) for e in op.pattern]
        return DimShuffle((*order, *axes))(x)
    if is_made_by(x, MakeVector) and len(op.pattern) == 1:
        (entry,) = op.pattern
        if isinstance(entry, int):
            return inputs_of(x)[entry]
        if isinstance(entry, Slice) and not indices:
            (key,) = filled(op.pattern, ())
            return MakeVector()(*inputs_of(x)[key])
    if is_made_by(x, Alloc) and not inputs_of(x)[0].ndim and not node.outputs[0].ndim:
        return inputs_of(x)[0]
    if is_made_by(x, Alloc) and not inputs_of(x)[0].ndim:
        (shape,) = node.shapes
        return None if UNKNOWN in shape else Alloc()(inputs_of(x)[0], *shape)
    return None


@rule(
    op=(Subtensor, IncSubtensor),
    examples=[
        lambda x: x[0 : x.shape[0], 1:],
        lambda x, y: LANGUAGE["set_subtensor"](x[0 : x.shape[0]], y),
    ],
)
def simpler_bounds(node: Apply) -> Variable | None:
    """x[0:n] = x[:], where n is the extent; a constant bound is no input"""
    first = 1 if isinstance(node.op, Subtensor) else 2
    op = node.op
    assert isinstance(op, (Subtensor, IncSubtensor))
    indices = iter(node.inputs[first:])
    extents = iter(extents_of(node.inputs[0]))
    pattern: list[Any] = []
    varying: list[Variable] = []
    for entry in op.pattern:
        n = next(extents) if entry is not None else None
        if isinstance(entry, Slice):
            bounds: list[Any] = []
            for k, bound in enumerate(entry.bounds):
                v = next(indices) if isinstance(bound, Slot) else None
                known = constant_extent(v) if v is not None else bound
                if (
                    (
                        k == 1
                        and entry.step in (None, 1)
                        and _is_extent(v if known is None else known, n)
                    )
                    or (k == 0 and known == 0 and _ascends(entry))
                    or (k == 2 and known == 1)
                ):
                    known, v = None, None
                if known is None and v is not None:
                    varying.append(v)
                    bounds.append(Slot.SCALAR)
                else:
                    bounds.append(known)
            pattern.append(Slice(*bounds))
        elif isinstance(entry, Slot):
            v = next(indices)
            known = constant_extent(v) if entry is Slot.SCALAR else None
            pattern.append(entry if known is None else known)
            varying += [v] if known is None else []
        else:
            pattern.append(entry)
    if tuple(pattern) == op.pattern:
        return None
    if isinstance(op, Subtensor):
        return Subtensor(tuple(pattern))(node.inputs[0], *varying)
    return IncSubtensor(tuple(pattern), op.overwrite)(*node.inputs[:2], *varying)


def _ascends(entry: Slice) -> bool:
    return entry.step is None or (isinstance(entry.step, int) and entry.step > 0)


def _is_extent(bound: Any, n: Any) -> bool:
    """Return whether a bound is the extent of the axis."""
    if isinstance(bound, Variable):
        return same_extent(bound, n)
    return isinstance(bound, int) and isinstance(n, int) and bound >= n


@rule(
    op=Subtensor,
    examples=[
        lambda x: x[::-1][::-1],
        lambda x: x[::-1][0],
        lambda x: x[1:][1:],
        lambda x: x[1:][0],
    ],
)
def part_of_part(node: Apply) -> Variable | None:
    """x[::-1][::-1] = x; x[::-1][0] = x[-1]; x[a:][b:] = x[a + b:]"""
    x = node.inputs[0]
    op = node.op
    if not is_made_by(x, Subtensor) or len(node.inputs) > 1 or len(inputs_of(x)) > 1:
        return None
    inner = x.owner.op if x.owner is not None else None
    assert isinstance(op, Subtensor) and isinstance(inner, Subtensor)
    if not all(isinstance(e, Slice) for e in inner.pattern) or None in op.pattern:
        return None
    merged: list[Any] = []
    for k in range(max(len(op.pattern), len(inner.pattern))):
        outer = op.pattern[k] if k < len(op.pattern) else Slice()
        below = inner.pattern[k] if k < len(inner.pattern) else Slice()
        found = _merged_entries(below, outer)
        if found is None:
            return None
        merged.append(found)
    return Subtensor(tuple(merged))(*inputs_of(x))


REVERSED = Slice(None, None, -1)


def _merged_entries(below: Any, outer: Any) -> Any:
    """Return ``[below][outer]`` as one index, or None if there is no simple one."""
    if below.is_full:
        return outer
    if isinstance(outer, Slice) and outer.is_full:
        return below
    if below == REVERSED:
        if outer == REVERSED:
            return Slice()
        return -1 - outer if isinstance(outer, int) else None
    start = below.start
    if isinstance(start, int) and start >= 0 and below.stop is None and below.step in (None, 1):
        if isinstance(outer, int) and outer >= 0:
            return start + outer
        if isinstance(outer, Slice) and outer.stop is None and outer.step in (None, 1):
            more = outer.start
            return Slice(start + more) if isinstance(more, int) and more >= 0 else None
    return None


@rule(
    op=Subtensor,
    examples=[
        lambda x, y: LANGUAGE["set_subtensor"](x[1:], y[1:])[1:],
        lambda x, y: LANGUAGE["inc_subtensor"](x[1:], y[1:])[1:],
    ],
)
def part_just_written(node: Apply) -> Variable | None:
    """set_subtensor(x[i], y)[i] = y; inc_subtensor(x[i], y)[i] = x[i] + y"""
    x, *indices = node.inputs
    written = x.owner.op if x.owner is not None else None
    op = node.op
    assert isinstance(op, Subtensor)
    if not isinstance(written, IncSubtensor) or is_advanced(op.pattern):
        return None
    base, y, *others = inputs_of(x)
    if written.pattern != op.pattern or any(
        a is not b for a, b in zip(indices, others, strict=True)
    ):
        return None
    return y if written.overwrite else op(base, *indices) + y


@rule(
    op=Subtensor,
    examples=[
        lambda x: LANGUAGE["inc_subtensor"](x[:1], x[1:2])[1:],
        lambda x: LANGUAGE["set_subtensor"](x[-1:], x[:1])[:-1],
        lambda x, y: LANGUAGE["inc_subtensor"](x[: y.shape[0]], 1)[y.shape[0] + x.shape[0] :],
    ],
)
def part_beside_what_was_written(node: Apply) -> Variable | None:
    """inc_subtensor(x[a:b], y)[b:c] = x[b:c], and so before it"""
    x, *indices = node.inputs
    made, op = x.owner, node.op
    if made is None or not isinstance(made.op, IncSubtensor) or not isinstance(op, Subtensor):
        return None
    base, _, *others = made.inputs
    taken, written = _bounds(op.pattern, indices), _bounds(made.op.pattern, others)
    if taken is None or written is None:
        return None
    disjoint = _ends_before(taken[1], written[0]) or _ends_before(written[1], taken[0])
    return op(base, *indices) if disjoint else None


def _bounds(pattern: Pattern, indices: Sequence[Variable]) -> tuple[Any, Any] | None:
    """Return the bounds of a slice of the first axis, as they are given; None: it is none."""
    if len(pattern) != 1 or not isinstance(pattern[0], Slice):
        return None
    start, stop, step = pattern[0].bounds
    if step not in (None, 1):
        return None
    given = iter(indices)
    first, last = (next(given) if isinstance(b, Slot) else b for b in (start, stop))
    return first, last


def _ends_before(stop: Any, start: Any) -> bool:
    """Return whether a slice that stops there has no element of one that starts there."""
    if isinstance(stop, int) and isinstance(start, int):
        return (stop < 0) == (start < 0) and stop <= start
    if stop is None or start is None or stop is start:
        return stop is not None and stop is start
    some, all_of_them = _extents_in(stop), _extents_in(start)
    return some is not None and all_of_them is not None and not some - all_of_them


def _extents_in(bound: Any) -> Counter[Variable | None] | None:
    """Return how often a sum of extents has each, and None a number; None: it is no such sum."""
    if isinstance(bound, int):
        return Counter({None: bound}) if bound >= 0 else None
    known, made = constant_extent(bound), bound.owner
    if known is not None:
        return _extents_in(known)
    if made is not None and made.op is add:
        left, right = map(_extents_in, made.inputs)
        return None if left is None or right is None else left + right
    never_less = made is not None and made.op is maximum and any(map(is_zero, made.inputs))
    return Counter({bound: 1}) if never_less or is_made_by(bound, Extent) else None


@rule(
    op=IncSubtensor,
    examples=[lambda x: LANGUAGE["inc_subtensor"](x[1:], 0)],
    changes=Changes(signed_zeros=True),
)
def increment_of_zero(node: Apply) -> Variable | None:
    """inc_subtensor(x[i], 0) = x"""
    x, y, *_ = node.inputs
    op = node.op
    assert isinstance(op, IncSubtensor)
    return x if not op.overwrite and is_zero(y) else None


@rule(
    op=IncSubtensor,
    examples=[
        lambda x, y: LANGUAGE["set_subtensor"](x[:], y),
        lambda x, y: LANGUAGE["inc_subtensor"](x[:], y),
    ],
)
def simpler_writing(node: Apply) -> Variable | None:
    """set_subtensor(x[:], y) = y; inc_subtensor(x[:], y) = x + y"""
    x, y, *_ = node.inputs
    op = node.op
    assert isinstance(op, IncSubtensor)
    if all(isinstance(e, Slice) and e.is_full for e in op.pattern):
        return fill(x, y) if op.overwrite else x + y
    return None


def _increment(zeros: Variable, y: Variable) -> Variable:
    return LANGUAGE["inc_subtensor"](zeros, y)


@rule(
    op=add,
    examples=[
        lambda x: (
            _increment(LANGUAGE["zeros_like"](x)[1:], x[1:])
            + _increment(LANGUAGE["zeros_like"](x)[:1], 2 * x[:1])
        ),
    ],
    changes=Changes(rounding=2, of="terms"),
)
def parts_of_one_tensor(node: Apply) -> Variable | None:
    """inc(zeros, a) + inc(zeros, b) = inc(inc(zeros, a), b), as gradients of slices come"""
    for total, part in (node.inputs, node.inputs[::-1]):
        made = part.owner
        if made is None or not _increments(part) or not is_zero(made.inputs[0]):
            continue
        base = total
        for _ in range(MOST_INCREMENTS):
            if base.owner is None or not _increments(base):
                break
            base = base.owner.inputs[0]
        if base is made.inputs[0] and base is not total and part.type == node.outputs[0].type:
            return made.op(total, *made.inputs[1:])
    return None


MOST_INCREMENTS = 64
"""How many increments of one tensor are looked through."""


def _increments(v: Variable) -> bool:
    return v.owner is not None and isinstance(v.owner.op, IncSubtensor) and not v.owner.op.overwrite


@rule(
    op=Subtensor,
    examples=[
        lambda x: LANGUAGE["diagonal"](Dot()(x, x.T)),
        lambda x: LANGUAGE["diagonal"](Dot()(x.T, x + 1)),
    ],
    changes=Changes(rounding=16, of="terms"),
)
def diagonal_of_product(node: Apply) -> Variable | None:
    """diagonal(x @ y) = sum(x * y.T, 1), of as many rows as the diagonal has elements"""
    op = node.op
    assert isinstance(op, Subtensor)
    if op.pattern != (Slot.ARRAY, Slot.ARRAY):
        return None
    matrix, row, column = node.inputs
    made = matrix.owner
    if made is None or not isinstance(made.op, Dot) or row is not column:
        return None
    if matrix.ndim != 2 or not is_made_by(row, Arange):
        return None
    (n,) = inputs_of(row)
    x, y = made.inputs
    return Reduce("sum", (1,))(x[:n] * y.T[:n])
