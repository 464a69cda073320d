"""What is known of shapes, and what is only stretched."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from gradcore.dtypes import computed
from gradcore.graph import UNKNOWN, Apply, Constant, Variable
from gradcore.graph.extents import broadcast, product
from gradcore.graph.nodes import constant_extent, extents_of
from gradcore.graph.types import FLOATS
from gradcore.language import LANGUAGE
from gradcore.ops.elementwise import Elementwise
from gradcore.ops.reduce import Reduce
from gradcore.ops.scalars import (
    exp,
    fill,
    maximum,
    mul,
    switch,
)
from gradcore.ops.shape import Alloc, DimShuffle, Reshape
from gradcore.ops.shape_values import Extent, MakeVector, ShapeOf, SpecifyShape
from gradcore.rewrite.canonical.stage import (
    canonicalize,
    covers,
    inputs_of,
    is_made_by,
    same_extent,
)
from gradcore.rewrite.changes import Changes
from gradcore.rewrite.pattern import is_constant

rule = canonicalize.rule


@rule(op=ShapeOf, examples=[lambda x: ShapeOf()(x)])
def shape_as_extents(node: Apply) -> Variable:
    """shape(x) = [extent 0, extent 1, ...]"""
    return MakeVector()(*(extent_variable(n) for n in extents_of(node.inputs[0])))


def extent_variable(n: Any) -> Variable:
    """Return an extent as a variable of int64."""
    return Constant(n, "int64") if isinstance(n, int) else n


@rule(
    op=Extent,
    examples=[lambda x, y: Extent(0)(x + y), lambda x, y: Extent(1)(LANGUAGE["dot"](x, y))],
)
def inferred_extent(node: Apply) -> Variable | None:
    """extent(f(x)) = what the shape rule of f says, without computing f"""
    (x,) = node.inputs
    op = node.op
    assert isinstance(op, Extent)
    known = x.type.shape[op.axis]
    if known is not None:
        return extent_variable(known)
    if x.owner is None:
        return None
    if isinstance(x.owner.op, Elementwise):
        return _extent_of_operand(x, op.axis - x.ndim)
    found = x.owner.shapes[x.index][op.axis]
    return None if found is UNKNOWN else extent_variable(found)


def _extent_of_operand(x: Variable, axis: int) -> Variable | None:
    """Return the extent of an elementwise result at ``axis`` (from the end), asking an operand.

    An input of the graph is asked first: nothing has to be computed for it.
    """
    asked = [v for v in inputs_of(x) if -axis <= v.ndim and v.type.shape[axis] != 1]
    best = next((v for v in asked if v.owner is None), asked[0])
    return Extent(best.ndim + axis)(best)


@rule(op=maximum, examples=[lambda x: maximum(Extent(0)(x), 0)])
def extents_are_not_negative(node: Apply) -> Variable | None:
    """maximum(extent, 0) = extent"""
    for x, y in (node.inputs, node.inputs[::-1]):
        if is_constant(y, 0) and is_made_by(x, Extent):
            return x
    return None


@rule(op=SpecifyShape, examples=[lambda x: SpecifyShape()(x, *extents_of(x))])
def known_shape(node: Apply) -> Variable | None:
    """specify_shape(x, shape of x) = x; a check that is optional must not cost a computation"""
    x, *extents = node.inputs
    op = node.op
    assert isinstance(op, SpecifyShape)
    known = all(map(same_extent, extents, extents_of(x)))
    idle = op.optional and any(is_made_by(n, Extent) and inputs_of(n)[0].owner for n in extents)
    return x if known or idle else None


@rule(
    op=DimShuffle,
    examples=[
        lambda x: x.T.T,
        lambda x: x.dimshuffle(0, 1),
        lambda x: fill(x[0], 2.0).dimshuffle(0, "x"),
    ],
)
def simpler_dimshuffle(node: Apply) -> Variable | None:
    """Two in a row are one; one that changes nothing is none; of a stretched number, it is one"""
    (x,) = node.inputs
    op = node.op
    assert isinstance(op, DimShuffle)
    if op.order == tuple(range(x.ndim)):
        return x
    if x.owner is not None and isinstance(x.owner.op, DimShuffle):
        inner = x.owner.op.order
        order = tuple("x" if axis == "x" else inner[int(axis)] for axis in op.order)
        return DimShuffle(order)(x.owner.inputs[0])
    if is_made_by(x, Alloc) and not inputs_of(x)[0].ndim and x.ndim == sum(map(_is_axis, op.order)):
        value, *extents = inputs_of(x)
        return Alloc()(value, *(extents[a] if isinstance(a, int) else 1 for a in op.order))
    return None


def _is_axis(entry: int | str) -> bool:
    return entry != "x"


@rule(
    op=Reshape,
    examples=[
        lambda x: LANGUAGE["reshape"](LANGUAGE["flatten"](x), x.shape),
        lambda x: LANGUAGE["reshape"](x, x.shape),
    ],
)
def simpler_reshape(node: Apply) -> Variable | None:
    """Two in a row are one; one to the same shape is none"""
    x, *extents = node.inputs
    if len(extents) == x.ndim and all(map(same_extent, extents, extents_of(x))):
        return x
    if len(extents) == x.ndim == 1:
        return x
    if is_made_by(x, Reshape):
        return node.op(inputs_of(x)[0], *extents)
    return None


# what is stretched ------------------------------------------------------------------------------
@rule(op=fill, examples=[lambda x, y: fill(x, y), lambda x: fill(x, 2.0)])
def fill_as_alloc(node: Apply) -> Variable:
    """fill(x, y) = y, stretched to the shape of x; y itself, if it has that shape"""
    x, y = node.inputs
    if covers(y, node.outputs[0]):
        return y
    return Alloc()(y, *broadcast(extents_of(x), extents_of(y)))


@rule(op=Alloc, examples=[lambda x: LANGUAGE["alloc"](x, *extents_of(x))])
def simpler_alloc(node: Apply) -> Variable | None:
    """Stretching to the shape that is there changes nothing; stretching twice is once"""
    value, *extents = node.inputs
    if covers(value, node.outputs[0]):
        return value
    if is_made_by(value, Alloc):
        return node.op(inputs_of(value)[0], *extents)
    return None


def unstretched(v: Variable) -> Variable:
    """Return what ``v`` is stretched from, if its shape is all that stretching adds."""
    if is_made_by(v, Alloc):
        return inputs_of(v)[0]
    if is_made_by(v, DimShuffle):
        op = v.owner.op if v.owner is not None else None
        assert isinstance(op, DimShuffle)
        (x,) = inputs_of(v)
        if op.order == (*["x"] * (v.ndim - x.ndim), *range(x.ndim)):
            return x
    return v


@rule(
    op=Elementwise,
    examples=[
        lambda x, y: LANGUAGE["alloc"](2.0, *extents_of(x)) * y,
        lambda x: exp(LANGUAGE["alloc"](2.0, *extents_of(x))),
    ],
)
def stretched_operand(node: Apply) -> Variable | None:
    """f(x stretched, y) = f(x, y), stretched if need be"""
    inputs = [unstretched(v) for v in node.inputs]
    if all(a is b for a, b in zip(inputs, node.inputs, strict=True)):
        return None
    return node.op(*inputs)


@rule(
    op=Reduce,
    examples=[
        lambda x: LANGUAGE["sum"](fill(x, 2.0)),
        lambda x: LANGUAGE["sum"](LANGUAGE["alloc"](x, 3, *extents_of(x)), 0),
        lambda x: LANGUAGE["prod"](fill(x, 2.0), 0),
        lambda x: LANGUAGE["max"](LANGUAGE["alloc"](x, 3, *extents_of(x)), 0),
    ],
    changes=Changes(more_exact=True, nonfinite=True),
)
def reduced_stretch(node: Apply) -> Variable | None:
    """sum(x stretched) = x * how often; max(x stretched) = max(x)"""
    (x,) = node.inputs
    op = node.op
    assert isinstance(op, Reduce)
    if not is_made_by(x, Alloc):
        return None
    value = inputs_of(x)[0].dimshuffle(
        *["x"] * (x.ndim - inputs_of(x)[0].ndim), *range(inputs_of(x)[0].ndim)
    )
    stretched = [a for a in op.axes if value.broadcastable[a] and not x.broadcastable[a]]
    if not stretched:
        return None
    extents = [inputs_of(x)[1 + a] for a in stretched]
    known = [constant_extent(n) for n in extents]
    if not all(k is not None or is_made_by(n, Extent) for k, n in zip(known, extents, strict=True)):
        return None  # a number of the user's may be negative, which is an error
    reduced = op(value)
    if op.kind == "sum":
        given = inputs_of(x)[0]
        return _repeated(reduced, extents, isinstance(given, Constant) and _is_finite(given))
    count = product(tuple(n if k is None else k for k, n in zip(known, extents, strict=True)))
    if op.kind == "prod":
        return reduced**count
    # Of no elements there is no largest.
    return reduced if isinstance(count, int) and count else None


def _is_finite(constant: Constant) -> bool:
    return bool(np.isfinite(constant.data).all())


def _repeated(x: Variable, extents: Sequence[Variable], finite: bool) -> Variable:
    """Return the sum of as many ``x`` as the product of ``extents`` says.

    On floats that is computed in float64, where no count of elements overflows, as it does in
    float16 or as an integer; and a sum starts at 0, which makes 0 of -0.  Of no elements it is 0,
    also where ``x`` has been divided by their number.
    """
    dtype = x.type.dtype
    if dtype not in FLOATS:
        return x * LANGUAGE["cast"](product(tuple(extents)), dtype)
    count = functools.reduce(mul, (LANGUAGE["cast"](n, "float64") for n in extents))
    wide = computed(dtype)
    total = LANGUAGE["cast"](x, wide) * LANGUAGE["cast"](count, wide)
    total = LANGUAGE["cast"](total, dtype)
    if isinstance(x, Constant) and _is_finite(x):
        return total
    if not finite and not all(map(constant_extent, extents)):
        total = switch(count > 0, total, Constant(0, dtype))
    return total + Constant(0, dtype)
