"""The first stage: one form for what can be said in several ways, and nothing superfluous.

As in every such compiler, rules here hold for numbers, not for every infinity and NaN: ``x * 0``
is 0, ``x / x`` is 1.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradcore.graph import UNKNOWN, Apply, Constant, Op, Variable
from gradcore.graph.extents import broadcast, product
from gradcore.graph.nodes import constant_extent, extents_of, symbolic_operand
from gradcore.graph.types import FLOATS, upcast
from gradcore.language import LANGUAGE
from gradcore.ops.control import Assert, GradientMark, IfElse
from gradcore.ops.elementwise import Elementwise, Trait
from gradcore.ops.index import IncSubtensor, Slice, Slot, Subtensor, filled, is_advanced
from gradcore.ops.linalg import Dot, MatMul
from gradcore.ops.reduce import Reduce
from gradcore.ops.scalars import (
    CAST_DTYPES,
    CASTS,
    abs,
    add,
    and_,
    cos,
    eq,
    exp,
    fill,
    ge,
    gt,
    identity,
    invert,
    le,
    log,
    lt,
    maximum,
    mul,
    neg,
    neq,
    or_,
    sqr,
    sqrt,
    sub,
    switch,
    true_div,
)
from gradcore.ops.shape import (
    Alloc,
    DimShuffle,
    Extent,
    MakeVector,
    Reshape,
    ShapeOf,
    SpecifyShape,
)
from gradcore.rewrite.algebra import Product, Sum, scalar_value
from gradcore.rewrite.engine import Stage, normalized
from gradcore.rewrite.pattern import is_constant

canonicalize = Stage("canonicalize")
rule = canonicalize.rule


def covers(v: Variable, out: Variable) -> bool:
    """Return whether ``v``, an operand of an elementwise node, has the whole shape of ``out``."""
    return v.broadcastable == out.broadcastable


def is_zero(v: Variable) -> bool:
    """Return whether ``v`` is known to be zero everywhere."""
    return is_constant(v, 0) or (_is(v, Alloc) and is_constant(_inputs(v)[0], 0))


def _is(v: Variable, op: type[Op]) -> bool:
    return v.owner is not None and isinstance(v.owner.op, op)


def _inputs(v: Variable) -> tuple[Variable, ...]:
    assert v.owner is not None
    return v.owner.inputs


# arithmetic -------------------------------------------------------------------------------------
@rule(lambda x: x + 0)
def plus_zero(x: Variable) -> Variable:
    """x + 0 = x"""
    return x


@rule(lambda x: x - 0)
def minus_zero(x: Variable) -> Variable:
    """x - 0 = x"""
    return x


@rule(lambda x: 0 - x)
def zero_minus(x: Variable) -> Variable | None:
    """0 - x = -x"""
    return -x


@rule(lambda x: x * 1)
def times_one(x: Variable) -> Variable:
    """x * 1 = x"""
    return x


@rule(lambda x: x * 0)
def times_zero(x: Variable) -> Variable:
    """x * 0 = 0"""
    return Constant(0, x.type.dtype)


@rule(lambda x: x / 1)
def over_one(x: Variable) -> Variable:
    """x / 1 = x"""
    return x


@rule(lambda x: 0 / x)
def zero_over(x: Variable) -> Variable:
    """0 / x = 0"""
    return Constant(0, x.type.dtype)


@rule(lambda x: x**1)
def to_the_first(x: Variable) -> Variable:
    """x ** 1 = x"""
    return x


@rule(lambda x: x**0)
def to_the_zeroth(x: Variable) -> Variable:
    """x ** 0 = 1"""
    return Constant(1, x.type.dtype)


@rule(lambda x: neg(neg(x)))
def minus_minus(x: Variable) -> Variable:
    """-(-x) = x"""
    return x


@rule(lambda x, y: -(x - y))
def minus_difference(x: Variable, y: Variable) -> Variable:
    """-(x - y) = y - x"""
    return y - x


@rule(lambda x, y: x + (-y))
def plus_minus(x: Variable, y: Variable) -> Variable:
    """x + (-y) = x - y"""
    return x - y


@rule(lambda x, y: x - (-y))
def minus_negative(x: Variable, y: Variable) -> Variable:
    """x - (-y) = x + y"""
    return x + y


@rule(
    op=(mul, true_div, neg),
    examples=[
        lambda x: 2.0 * (3.0 * x),
        lambda x, y: x * (3.0 * y),
        lambda x, y: (3.0 * x) / y,
        lambda x, y: x / (4.0 * y),
        lambda x: (3.0 * x) / 4.0,
        lambda x: 3.0 / (4.0 * x),
        lambda x: -(3.0 * x),
        lambda x: 3.0 * (-x),
        lambda x, y: (-x) * y,
        lambda x, y: x / (-y),
    ],
)
def factor_in_front(node: Apply) -> Variable | None:
    """x * (c * y) = c * (x * y); (c * x) / (d * y) = (c / d) * (x / y); (-x) * y = -(x * y)"""
    out = node.outputs[0]
    if out.type.dtype not in FLOATS:
        return None
    below = node.op is true_div
    factors = [_split(v, out.type.dtype) for v in node.inputs]
    values = [value for value, _ in factors if value is not None]
    if not any(
        v.owner is not None and value is not None
        for v, (value, _) in zip(node.inputs, factors, strict=True)
    ):
        return None
    factor = -1.0 if node.op is neg else 1.0
    rest: list[Variable | None] = []
    for k, (value, v) in enumerate(factors):
        rest.append(v)
        if value is not None:
            factor = factor / value if below and k else factor * value
    if not values or not math.isfinite(factor):
        return None
    return _scaled(factor, _rejoined(rest, below), out.type.dtype)


def _split(v: Variable, dtype: str) -> tuple[float | None, Variable | None]:
    """Return the constant factor of ``v`` (None for none) and what it multiplies (None for 1)."""
    value = scalar_value(v)
    if value is not None:
        return value, None
    if v.owner is not None and v.type.dtype == dtype:
        if v.owner.op is neg:
            return -1.0, v.owner.inputs[0]
        if v.owner.op is mul:
            value = scalar_value(v.owner.inputs[0])
            if value is not None:
                return value, v.owner.inputs[1]
    return None, v


def _rejoined(rest: list[Variable | None], below: bool) -> tuple[Variable | None, Variable | None]:
    """Return what is left above and below the line."""
    if not below:
        present = [v for v in rest if v is not None]
        return (None if not present else present[0] if len(present) == 1 else mul(*present)), None
    above, under = rest
    return (above / under, None) if above is not None and under is not None else (above, under)


def _scaled(factor: float, rest: tuple[Variable | None, Variable | None], dtype: str) -> Variable:
    """Return ``factor * above / under``."""
    above, under = rest
    number = Constant(np.asarray(factor, dtype))
    if under is not None:
        return number / under
    if above is None or factor == 1:
        return number if above is None else above
    return -above if factor == -1 else number * above


@rule(
    op=(true_div, mul),
    examples=[
        lambda x, y: (x * y) / x,
        lambda x: x / x,
        lambda x, y: (x * y) / (y * x),
        lambda x, y: x * (y / x),
    ],
)
def cancelled_factors(node: Apply) -> Variable | None:
    """(x * y) / x = y"""
    out = node.outputs[0]
    if out.type.dtype not in FLOATS:
        return None
    if node.op is mul and not any(
        v.owner is not None and v.owner.op is true_div for v in node.inputs
    ):
        return None
    found = Product.of(out)
    return found.build(out) if found.cancel() else None


@rule(
    op=(add, sub),
    examples=[
        lambda x, y: x + x,
        lambda x, y: (x + y) - x,
        lambda x, y: 2 * x + y + 3 * x,
        lambda x, y: (1 + x) + (2 + y),
    ],
)
def simpler_sum(node: Apply) -> Variable | None:
    """c * x + y + d * x = (c + d) * x + y"""
    out = node.outputs[0]
    if out.type.dtype not in FLOATS:
        return None
    found = Sum.of(out)
    return found.build(out) if found.merged else None


@rule(op=(add, mul), examples=[lambda x: x * 2, lambda x: x + 2])
def constant_first(node: Apply) -> Variable | None:
    """x * c = c * x"""
    x, y = node.inputs
    if isinstance(y, Constant) and not isinstance(x, Constant):
        return node.op(y, x)
    return None


@rule(op=Elementwise, examples=[lambda x: maximum(x, x)])
def idempotent(node: Apply) -> Variable | None:
    """f(x, x) = x"""
    op = node.op
    assert isinstance(op, Elementwise)
    if op.has(Trait.IDEMPOTENT) and node.inputs[0] is node.inputs[1]:
        return node.inputs[0]
    return None


# functions and their inverses -------------------------------------------------------------------
@rule(lambda x: log(exp(x)))
def log_of_exp(x: Variable) -> Variable:
    """log(exp(x)) = x"""
    return x


@rule(lambda x: sqrt(sqr(x)))
def root_of_square(x: Variable) -> Variable:
    """sqrt(sqr(x)) = abs(x)"""
    return abs(x)


@rule(lambda x: sqrt(x**2))
def root_of_second_power(x: Variable) -> Variable:
    """sqrt(x ** 2) = abs(x)"""
    return abs(x)


@rule(lambda x: abs(abs(x)))
def abs_of_abs(x: Variable) -> Variable:
    """abs(abs(x)) = abs(x)"""
    return abs(x)


@rule(op=(abs, sqr, cos), examples=[lambda x: abs(-x), lambda x: sqr(-x), lambda x: cos(-x)])
def even_function(node: Apply) -> Variable | None:
    """f(-x) = f(x), for an even function"""
    (x,) = node.inputs
    if x.owner is not None and x.owner.op is neg:
        return node.op(x.owner.inputs[0])
    return None


@rule(op=identity, examples=[lambda x: identity(x)])
def no_identity(node: Apply) -> Variable:
    """identity(x) = x"""
    return node.inputs[0]


@rule(op=GradientMark, examples=[lambda x: LANGUAGE["logsumexp"](x)])
def no_mark(node: Apply) -> Variable:
    """zero_grad(x) = x: derivatives have been taken"""
    return node.inputs[0]


@rule(
    op=tuple(CASTS.values()),
    examples=[lambda x: x.astype("float32").astype("float64").astype("float32")],
)
def simpler_cast(node: Apply) -> Variable | None:
    """cast(x) = x, if x has that dtype; cast(cast(x)) = cast(x), if nothing is lost between"""
    (x,) = node.inputs
    dtype = node.outputs[0].type.dtype
    if x.type.dtype == dtype:
        return x
    if x.owner is not None and x.owner.op in CAST_DTYPES:
        (source,) = x.owner.inputs
        if upcast(source.type.dtype, x.type.dtype) == x.type.dtype:
            return LANGUAGE["cast"](source, dtype)
    return None


# choice and logic -------------------------------------------------------------------------------
@rule(
    op=(switch, IfElse),
    examples=[lambda x, y: switch(True, x, y), lambda x, y: LANGUAGE["ifelse"](False, x, y)],
)
def known_condition(node: Apply) -> Any:
    """switch(True, x, y) = x"""
    condition, *branches = node.inputs
    if not isinstance(condition, Constant) or not condition.data.size:
        return None
    n = len(branches) // 2
    if condition.data.all():
        return branches[:n]
    return None if condition.data.any() else branches[n:]


@rule(lambda c, x: switch(c, x, x))
def no_choice(c: Variable, x: Variable) -> Variable:
    """switch(c, x, x) = x"""
    return x


@rule(lambda c, x, y: switch(c, x, 0) + switch(c, 0, y))
def joined_choices(c: Variable, x: Variable, y: Variable) -> Variable:
    """switch(c, x, 0) + switch(c, 0, y) = switch(c, x, y)"""
    return switch(c, x, y)


@rule(lambda c, x, y, z: switch(c, switch(c, x, y), z))
def same_choice_within(c: Variable, x: Variable, y: Variable, z: Variable) -> Variable:
    """switch(c, switch(c, x, y), z) = switch(c, x, z)"""
    return switch(c, x, z)


@rule(lambda c, x, y, z: switch(c, x, switch(c, y, z)))
def other_choice_within(c: Variable, x: Variable, y: Variable, z: Variable) -> Variable:
    """switch(c, x, switch(c, y, z)) = switch(c, x, z)"""
    return switch(c, x, z)


@rule(lambda c, x, y: switch(invert(c), x, y))
def choice_inverted(c: Variable, x: Variable, y: Variable) -> Variable | None:
    """switch(~c, x, y) = switch(c, y, x), for booleans"""
    return switch(c, y, x) if c.type.dtype == "bool" else None


@rule(lambda x: neq(x, 0))
def truth_of_boolean(x: Variable) -> Variable | None:
    """(x != 0) = x, for booleans"""
    return x if x.type.dtype == "bool" else None


@rule(lambda x: invert(invert(x)))
def not_not(x: Variable) -> Variable:
    """~~x = x"""
    return x


@rule(op=(and_, or_), examples=[lambda x: and_(x > 0, True), lambda x: or_(x > 0, True)])
def known_logic(node: Apply) -> Variable | None:
    """x & True = x; x & False = False; x | False = x; x | True = True"""
    if node.outputs[0].type.dtype != "bool":
        return None
    for known, other in (node.inputs, node.inputs[::-1]):
        for truth in (True, False):
            if is_constant(known, truth):
                return other if truth == (node.op is and_) else Constant(truth)
    return None


@rule(
    op=(eq, le, ge, neq, lt, gt),
    examples=[lambda k: eq(k, k), lambda k: lt(k, k)],
)
def compared_with_itself(node: Apply) -> Variable | None:
    """(x == x) = True, for integers"""
    x, y = node.inputs
    if x is y and x.type.is_discrete:
        return Constant(node.op in (eq, le, ge))
    return None


@rule(op=Assert, examples=[lambda x: Assert("")(x, True)])
def known_assertion(node: Apply) -> Variable | None:
    """assert(x, True) = x"""
    x, *conditions = node.inputs
    rest = [c for c in conditions if not (isinstance(c, Constant) and c.data.all())]
    if len(rest) == len(conditions):
        return None
    return node.op(x, *rest) if rest else x


# shapes -----------------------------------------------------------------------------------------
@rule(op=ShapeOf, examples=[lambda x: ShapeOf()(x)])
def shape_as_extents(node: Apply) -> Variable:
    """shape(x) = [extent 0, extent 1, ...]"""
    return MakeVector()(*(as_extent(n) for n in extents_of(node.inputs[0])))


def as_extent(n: Any) -> Variable:
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
        return as_extent(known)
    if x.owner is None:
        return None
    if isinstance(x.owner.op, Elementwise):
        return _extent_of_operand(x, op.axis - x.ndim)
    operands = [symbolic_operand(v) for v in x.owner.inputs]
    found = x.owner.op.symbolic_shapes(x.owner, operands)[x.index][op.axis]
    return None if found is UNKNOWN else as_extent(found)


def _extent_of_operand(x: Variable, axis: int) -> Variable | None:
    """Return the extent of an elementwise result at ``axis`` (from the end), asking an operand.

    An input of the graph is asked first: nothing has to be computed for it.
    """
    asked = [v for v in _inputs(x) if -axis <= v.ndim and v.type.shape[axis] != 1]
    best = next((v for v in asked if v.owner is None), asked[0])
    return Extent(best.ndim + axis)(best)


@rule(op=maximum, examples=[lambda x: maximum(Extent(0)(x), 0)])
def extents_are_not_negative(node: Apply) -> Variable | None:
    """maximum(extent, 0) = extent"""
    for x, y in (node.inputs, node.inputs[::-1]):
        if is_constant(y, 0) and _is(x, Extent):
            return x
    return None


@rule(op=SpecifyShape, examples=[lambda x: SpecifyShape()(x, *extents_of(x))])
def known_shape(node: Apply) -> Variable | None:
    """specify_shape(x, shape of x) = x; a check that is optional must not cost a computation"""
    x, *extents = node.inputs
    op = node.op
    assert isinstance(op, SpecifyShape)
    known = all(map(_same_extent, extents, extents_of(x)))
    idle = op.optional and any(_is(n, Extent) and _inputs(n)[0].owner for n in extents)
    return x if known or idle else None


def _same_extent(given: Variable, own: Any) -> bool:
    """Return whether a variable in normal form is the extent ``own``, an int or a variable."""
    if isinstance(own, int):
        return constant_extent(given) == own
    return given is own or given is normalized(own)


@rule(op=DimShuffle, examples=[lambda x: x.T.T, lambda x: x.dimshuffle(0, 1)])
def simpler_dimshuffle(node: Apply) -> Variable | None:
    """Two in a row are one; one that changes nothing is none"""
    (x,) = node.inputs
    op = node.op
    assert isinstance(op, DimShuffle)
    if op.order == tuple(range(x.ndim)):
        return x
    if x.owner is not None and isinstance(x.owner.op, DimShuffle):
        inner = x.owner.op.order
        order = tuple("x" if axis == "x" else inner[int(axis)] for axis in op.order)
        return DimShuffle(order)(x.owner.inputs[0])
    return None


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
    if len(extents) == x.ndim and all(map(_same_extent, extents, extents_of(x))):
        return x
    if len(extents) == x.ndim == 1:
        return x
    if _is(x, Reshape):
        return node.op(_inputs(x)[0], *extents)
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
    if _is(value, Alloc):
        return node.op(_inputs(value)[0], *extents)
    return None


def unstretched(v: Variable) -> Variable:
    """Return what ``v`` is stretched from, if its shape is all that stretching adds."""
    if _is(v, Alloc):
        return _inputs(v)[0]
    if _is(v, DimShuffle):
        op = v.owner.op if v.owner is not None else None
        assert isinstance(op, DimShuffle)
        (x,) = _inputs(v)
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
)
def reduced_stretch(node: Apply) -> Variable | None:
    """sum(x stretched) = x * how often; max(x stretched) = max(x)"""
    (x,) = node.inputs
    op = node.op
    assert isinstance(op, Reduce)
    if not _is(x, Alloc):
        return None
    value = _inputs(x)[0].dimshuffle(
        *["x"] * (x.ndim - _inputs(x)[0].ndim), *range(_inputs(x)[0].ndim)
    )
    stretched = [a for a in op.axes if value.broadcastable[a] and not x.broadcastable[a]]
    if not stretched:
        return None
    count = product(tuple(extents_of(x)[a] for a in stretched))
    reduced = op(value)
    if op.kind == "sum":
        return reduced * LANGUAGE["cast"](count, reduced.type.dtype)
    if op.kind == "prod":
        return reduced**count
    # Of no elements there is no largest.
    return reduced if isinstance(count, int) and count else None


# reductions -------------------------------------------------------------------------------------
@rule(
    op=Reduce,
    examples=[
        lambda x: Reduce("sum", ())(x),
        lambda x: Reduce("max", (0,))(x.dimshuffle("x", 0, 1)),
        lambda x: LANGUAGE["sum"](LANGUAGE["sum"](x, 0), 0),
        lambda x: LANGUAGE["sum"](x.T),
    ],
)
def simpler_reduction(node: Apply) -> Variable | None:
    """Axes of extent 1 need no reduction; two reductions are one; the order of axes is nothing"""
    (x,) = node.inputs
    op = node.op
    assert isinstance(op, Reduce)
    single = [a for a in op.axes if x.broadcastable[a]]
    if single:
        kept = [a for a in range(x.ndim) if a not in single]
        rest = tuple(kept.index(a) for a in op.axes if a not in single)
        return Reduce(op.kind, rest)(DimShuffle(tuple(kept))(x))
    if not op.axes:
        return LANGUAGE["neq"](x, 0) if op.kind in ("any", "all") else x
    if x.owner is None:
        return None
    inner = x.owner.op
    if isinstance(inner, Reduce) and inner.kind == op.kind:
        source = x.owner.inputs[0]
        left = [a for a in range(source.ndim) if a not in inner.axes]
        return Reduce(op.kind, tuple(sorted((*inner.axes, *(left[a] for a in op.axes)))))(source)
    if isinstance(inner, DimShuffle) and "x" not in inner.order and len(op.axes) == x.ndim:
        source = x.owner.inputs[0]
        if source.ndim == x.ndim:
            return op(source)
    return None


@rule(
    op=Reduce,
    examples=[lambda x: LANGUAGE["sum"](-x), lambda x: LANGUAGE["sum"](3.0 * x, 0)],
)
def factor_out_of_sum(node: Apply) -> Variable | None:
    """sum(c * x) = c * sum(x), for a scalar c; sum(-x) = -sum(x)"""
    (x,) = node.inputs
    op = node.op
    assert isinstance(op, Reduce)
    if op.kind != "sum" or x.owner is None or x.type.dtype not in FLOATS:
        return None
    inner = x.owner.op
    if inner is neg:
        return -op(x.owner.inputs[0])
    if inner in (mul, true_div):
        a, b = x.owner.inputs
        if not b.ndim and a.type.dtype == x.type.dtype:
            return inner(op(a), b)
        if not a.ndim and inner is mul and b.type.dtype == x.type.dtype:
            return a * op(b)
    return None


@rule(
    op=(Dot, MatMul),
    examples=[lambda x: LANGUAGE["dot"](LANGUAGE["zeros_like"](x).T, x)],
)
def product_with_zero(node: Apply) -> Variable | None:
    """dot(0, x) = 0"""
    if any(map(is_zero, node.inputs)):
        return Constant(0, node.outputs[0].type.dtype)
    return None


# indexing ---------------------------------------------------------------------------------------
@rule(
    op=Subtensor,
    examples=[
        lambda x: x[:],
        lambda x: x[0 : x.shape[0]],
        lambda x: MakeVector()(x[0, 0], x[1, 1])[1],
        lambda x: fill(x, 2.0)[1:],
    ],
)
def simpler_part(node: Apply) -> Variable | None:
    """x[:] = x; [a, b][1] = b; a part of something constant is constant"""
    x, *indices = node.inputs
    op = node.op
    assert isinstance(op, Subtensor)
    if all(isinstance(e, Slice) and e.is_full for e in op.pattern):
        return x
    if _is(x, MakeVector) and len(op.pattern) == 1:
        (entry,) = op.pattern
        if isinstance(entry, int):
            return _inputs(x)[entry]
        if isinstance(entry, Slice) and not indices:
            (key,) = filled(op.pattern, ())
            return MakeVector()(*_inputs(x)[key])
    if _is(x, Alloc) and not _inputs(x)[0].ndim and not node.outputs[0].ndim:
        return _inputs(x)[0]
    if _is(x, Alloc) and not _inputs(x)[0].ndim:
        (shape,) = op.symbolic_shapes(node, [symbolic_operand(v) for v in node.inputs])
        return None if UNKNOWN in shape else Alloc()(_inputs(x)[0], *shape)
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
    kept: list[Variable] = []
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
                    kept.append(v)
                    bounds.append(Slot.SCALAR)
                else:
                    bounds.append(known)
            pattern.append(Slice(*bounds))
        elif isinstance(entry, Slot):
            v = next(indices)
            known = constant_extent(v) if entry is Slot.SCALAR else None
            pattern.append(entry if known is None else known)
            kept += [v] if known is None else []
        else:
            pattern.append(entry)
    if tuple(pattern) == op.pattern:
        return None
    if isinstance(op, Subtensor):
        return Subtensor(tuple(pattern))(node.inputs[0], *kept)
    return IncSubtensor(tuple(pattern), op.overwrite)(*node.inputs[:2], *kept)


def _ascends(entry: Slice) -> bool:
    return entry.step is None or (isinstance(entry.step, int) and entry.step > 0)


def _is_extent(bound: Any, n: Any) -> bool:
    """Return whether a bound is the extent of the axis."""
    if isinstance(bound, Variable):
        return _same_extent(bound, n)
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
    if not _is(x, Subtensor) or len(node.inputs) > 1 or len(_inputs(x)) > 1:
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
    return Subtensor(tuple(merged))(*_inputs(x))


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
    base, y, *others = _inputs(x)
    if written.pattern != op.pattern or any(
        a is not b for a, b in zip(indices, others, strict=True)
    ):
        return None
    return y if written.overwrite else op(base, *indices) + y


@rule(
    op=IncSubtensor,
    examples=[
        lambda x: LANGUAGE["inc_subtensor"](x[1:], 0),
        lambda x, y: LANGUAGE["set_subtensor"](x[:], y),
        lambda x, y: LANGUAGE["inc_subtensor"](x[:], y),
    ],
)
def simpler_writing(node: Apply) -> Variable | None:
    """inc_subtensor(x[i], 0) = x; set_subtensor(x[:], y) = y; inc_subtensor(x[:], y) = x + y"""
    x, y, *_ = node.inputs
    op = node.op
    assert isinstance(op, IncSubtensor)
    if not op.overwrite and is_zero(y):
        return x
    if all(isinstance(e, Slice) and e.is_full for e in op.pattern):
        return fill(x, y) if op.overwrite else x + y
    return None
