"""What is known of the signs of values, zeros among them."""

from __future__ import annotations

import numpy as np

from gradcore.graph import Constant, Variable
from gradcore.graph.types import UNSIGNED
from gradcore.ops.index import Subtensor
from gradcore.ops.reduce import Reduce
from gradcore.ops.scalars import (
    CAST_DTYPES,
    abs,
    add,
    exp,
    exp2,
    mul,
    pow,
    sigmoid,
    softplus,
    sqr,
    sqrt,
    sub,
    true_div,
)
from gradcore.ops.shape import DimShuffle, Reshape
from gradcore.rewrite.algebra import scalar_value


def never_negative(v: Variable) -> bool:
    """Return whether ``v`` is known to be 0 or more, and not -0.

    >>> import gradcore.tensor as T
    >>> x = T.dvector("x")
    >>> never_negative(T.exp(x) + T.sqr(x)), never_negative(x), never_negative(T.constant(-0.0))
    (True, False, False)
    >>> never_negative(2**x), never_negative(x**2), never_negative(x**3)
    (True, True, False)
    """
    node = v.owner
    if node is None:
        return isinstance(v, Constant) and not np.signbit(np.asarray(v.data, float)).any()
    if v.type.is_discrete:
        return v.type.dtype in UNSIGNED  # others wrap
    if node.op in (sqr, abs, exp, exp2, sigmoid, softplus):
        return True
    if isinstance(node.op, (DimShuffle, Reshape, Subtensor)) or (
        isinstance(node.op, Reduce) and node.op.kind in ("sum", "prod")
    ):
        return never_negative(node.inputs[0])
    if node.op is pow:
        base, power = map(scalar_value, node.inputs)
        return (power is not None and power % 2 == 0) or (base is not None and base > 0)
    if node.op is mul and node.inputs[0] is node.inputs[1]:
        return True
    return node.op in (add, mul, true_div) and all(map(never_negative, node.inputs))


def always_positive(v: Variable) -> bool:
    """Return whether all elements of ``v`` are known to be positive, as real numbers.

    >>> import gradcore.tensor as T
    >>> x = T.dvector("x")
    >>> always_positive(1 + T.sqr(x)), always_positive(T.exp(x) / 2), always_positive(T.sqr(x))
    (True, True, False)
    """
    value = scalar_value(v)
    if value is not None or v.owner is None:
        return value is not None and value > 0
    op, operands = v.owner.op, v.owner.inputs
    if op is add:
        return all(map(never_negative, operands)) and any(map(always_positive, operands))
    remains = op in (mul, true_div, sqr, sqrt) or isinstance(op, DimShuffle)
    return op is exp or (remains and all(map(always_positive, operands)))


def never_negative_zero(v: Variable) -> bool:
    """Return whether ``v`` is known not to be -0, as sums are only of -0 and -0."""
    if v.type.is_discrete or never_negative(v):
        return True
    if v.owner is not None and v.owner.op in CAST_DTYPES:
        return never_negative_zero(v.owner.inputs[0])
    if v.owner is None or v.owner.op not in (add, sub):
        return False
    terms = v.owner.inputs if v.owner.op is add else v.owner.inputs[:1]
    return any(map(never_negative_zero, terms))


def without_negative_zero(v: Variable) -> Variable:
    """Return ``v`` with 0 where it is -0; as it is, where it never is.

    >>> import gradcore.tensor as T
    >>> x = T.dvector("x")
    >>> without_negative_zero(x).eval({x: [-0.0, 1.0]})
    array([0., 1.])
    >>> difference = 1 - x
    >>> without_negative_zero(difference) is difference
    True
    """
    return v if never_negative_zero(v) else 0 + v
