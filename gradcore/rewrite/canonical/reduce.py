"""Reductions and products."""

from __future__ import annotations

from gradcore.graph import Apply, Constant, Variable
from gradcore.graph.types import FLOATS
from gradcore.language import LANGUAGE
from gradcore.ops.linalg import Dot, MatMul
from gradcore.ops.reduce import Reduce
from gradcore.ops.scalars import (
    mul,
    neg,
    true_div,
)
from gradcore.ops.shape import Alloc, DimShuffle
from gradcore.ops.shape_values import SpecifyShape
from gradcore.rewrite.canonical.stage import (
    canonicalize,
    inputs_of,
    is_made_by,
    is_zero,
)
from gradcore.rewrite.changes import REASSOCIATES, Changes
from gradcore.rewrite.pattern import is_constant

rule = canonicalize.rule


SUMMED = ("sum", "prod")
"""The reductions whose order matters, on floats."""


@rule(
    op=Reduce,
    examples=[
        lambda x: Reduce("sum", ())(x),
        lambda x: Reduce("max", (0,))(x.dimshuffle("x", 0, 1)),
    ],
)
def reduced_nothing(node: Apply) -> Variable | None:
    """Axes of extent 1 need no reduction (a sum starts at 0, which makes 0 of -0)"""
    (x,) = node.inputs
    op = node.op
    assert isinstance(op, Reduce)
    single = [a for a in op.axes if x.broadcastable[a]]
    if op.axes and not single:
        return None
    remaining = [a for a in range(x.ndim) if a not in single]
    rest = tuple(remaining.index(a) for a in op.axes if a not in single)
    if rest:
        return op.over(rest)(DimShuffle(tuple(remaining))(x))
    if op.kind in ("any", "all"):
        x = LANGUAGE["neq"](x, 0)
    elif op.kind == "sum" and x.type.dtype in FLOATS:
        x = x + Constant(0, x.type.dtype)
    return DimShuffle(tuple(remaining))(x)


def _merged_reduction(node: Apply) -> Variable | None:
    """Return one reduction for two, and one over all axes without a shuffling of them."""
    (x,) = node.inputs
    op = node.op
    assert isinstance(op, Reduce)
    if x.owner is None:
        return None
    inner = x.owner.op
    if isinstance(inner, Reduce) and inner.over(op.axes) == op:
        source = x.owner.inputs[0]
        left = [a for a in range(source.ndim) if a not in inner.axes]
        return op.over(tuple(sorted((*inner.axes, *(left[a] for a in op.axes)))))(source)
    if isinstance(inner, DimShuffle) and "x" not in inner.order and len(op.axes) == x.ndim:
        source = x.owner.inputs[0]
        if source.ndim == x.ndim:
            return op(source)
    return None


@rule(
    op=Reduce,
    examples=[
        lambda x: LANGUAGE["max"](LANGUAGE["max"](x, 0), 0),
        lambda x: LANGUAGE["max"](x.T),
    ],
)
def merged_reductions(node: Apply) -> Variable | None:
    """max(max(x)) = max(x), over the axes of both; the order of axes is nothing"""
    op = node.op
    assert isinstance(op, Reduce)
    return None if op.kind in SUMMED else _merged_reduction(node)


@rule(
    op=Reduce,
    examples=[lambda x: LANGUAGE["sum"](LANGUAGE["sum"](x, 0), 0), lambda x: LANGUAGE["sum"](x.T)],
    changes=REASSOCIATES,
)
def merged_sums(node: Apply) -> Variable | None:
    """sum(sum(x)) = sum(x), over the axes of both; sum(x.T) = sum(x)"""
    op = node.op
    assert isinstance(op, Reduce)
    return _merged_reduction(node) if op.kind in SUMMED else None


@rule(
    op=Reduce,
    examples=[
        lambda x: LANGUAGE["all"](LANGUAGE["alloc"](True, x.shape[0])),
        lambda x: LANGUAGE["any"](LANGUAGE["alloc"](False, x.shape[0])),
    ],
)
def known_truths(node: Apply) -> Variable | None:
    """all(alloc(True, n)) = True, any(alloc(False, n)) = False: of no elements, too"""
    (x,) = node.inputs
    op = node.op
    assert isinstance(op, Reduce)
    if op.kind not in ("all", "any"):
        return None
    truth = op.kind == "all"
    while is_made_by(x, SpecifyShape):
        x = inputs_of(x)[0]
    known = is_made_by(x, Alloc) and is_constant(inputs_of(x)[0], truth)
    return Constant(truth) if known else None


@rule(op=Reduce, examples=[lambda x: LANGUAGE["sum"](-x), lambda x: LANGUAGE["sum"](-x, 0)])
def sign_out_of_sum(node: Apply) -> Variable | None:
    """sum(-x) = 0 - sum(x): a sum starts at 0, and is never -0"""
    (x,) = node.inputs
    op = node.op
    assert isinstance(op, Reduce)
    if op.kind != "sum" or x.owner is None or x.owner.op is not neg or x.type.dtype not in FLOATS:
        return None
    return Constant(0, x.type.dtype) - op(x.owner.inputs[0])


@rule(
    op=Reduce,
    examples=[lambda x: LANGUAGE["sum"](x / 20.0), lambda x: LANGUAGE["sum"](3.0 * x, 0)],
    changes=REASSOCIATES,
)
def factor_out_of_sum(node: Apply) -> Variable | None:
    """sum(c * x) = c * sum(x), for a scalar c"""
    (x,) = node.inputs
    op = node.op
    assert isinstance(op, Reduce)
    if op.kind != "sum" or x.owner is None or x.type.dtype not in FLOATS:
        return None
    inner = x.owner.op
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
    changes=Changes(nonfinite=True),
)
def product_with_zero(node: Apply) -> Variable | None:
    """dot(0, x) = 0"""
    if any(map(is_zero, node.inputs)):
        return Constant(0, node.outputs[0].type.dtype)
    return None
