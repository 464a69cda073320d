"""Attention: means of values, weighted by how well keys fit queries."""

from __future__ import annotations

import math
from typing import Any

from gradcore.errors import GraphTypeError
from gradcore.graph import Variable, as_variable, here
from gradcore.graph.nodes import extents_of
from gradcore.ops.create import Arange
from gradcore.ops.scalars import sqrt, switch
from gradcore.tensor.elementwise import cast
from gradcore.tensor.products import matmul
from gradcore.tensor.reductions import softmax
from gradcore.tensor.shapes import expand_dims, swapaxes


def attention(
    queries: Any,
    keys: Any,
    values: Any,
    mask: Any = None,
    causal: bool = False,
    scale: Any = None,
) -> Variable:
    """Return ``softmax(queries @ keys.T * scale) @ values``: scaled dot-product attention.

    queries : of shape (..., n, d); keys : of shape (..., m, d); values : of shape (..., m, e).
        The leading axes (examples, heads) broadcast, where they are known to be 1.
    mask : what broadcasts to (..., n, m): booleans, true where a query may see a key; or numbers
        that are added to the scores.  A query that may see nothing gets zeros.
    causal : whether query i may only see the keys up to i.
    scale : by default ``1 / sqrt(d)``.

    Returns a tensor of shape (..., n, e).

    A. Vaswani et al., "Attention is all you need" (2017).

    Raises GraphTypeError: an operand has less than 2 axes; ShapeError: extents differ.

    >>> import gradcore.tensor as T
    >>> q, k, v = [[1.0], [0.0]], [[0.0], [0.0]], [[2.0], [4.0]]
    >>> T.nn.attention(q, k, v, causal=True).eval().tolist()
    [[2.0], [3.0]]
    """
    q, k, v = map(as_variable, (queries, keys, values))
    for x in (q, k, v):
        if x.ndim < 2:
            raise GraphTypeError(f"attention takes 2 axes at least, not {x} ({x.type})", here())
    if scale is None:
        width = extents_of(q)[-1]
        known = isinstance(width, int)
        scale = 1 / math.sqrt(width) if known and width else 1 / sqrt(cast(width, q.dtype))
    scores = matmul(q, swapaxes(k, -1, -2)) * scale
    allowed: Any = None
    if causal:
        *_, n, m = extents_of(scores)
        allowed = expand_dims(Arange()(as_variable(n)), 1) >= Arange()(as_variable(m))
    if mask is not None:
        given = as_variable(mask)
        if given.type.dtype != "bool":
            scores = scores + given
        else:
            allowed = given if allowed is None else allowed & given
    if allowed is None:
        return matmul(softmax(scores), v)
    weights = softmax(switch(allowed, scores, -math.inf))
    # A query that may see nothing has NaN for weights, of which this takes none.
    return matmul(switch(allowed, weights, 0), v)
