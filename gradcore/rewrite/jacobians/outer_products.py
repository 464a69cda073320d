"""Matrices that are sums of outer products of vectors, as they are written.

===============================  ===================================
matrix                           vectors
===============================  ===================================
``u[:, None] * v``               u, v
``M.T``                          v, u
``M[a:b, c:d]``                  u[a:b], v[c:d]
``a * M``, for a number a        a * u, v
``M + N``                        those of both
``M + v``, ``M + u[:, None]``    those of M, and ones with a vector
===============================  ===================================
"""

from __future__ import annotations

from gradcore.graph import Variable
from gradcore.graph.nodes import extents_of
from gradcore.language import LANGUAGE
from gradcore.ops.index import Subtensor
from gradcore.ops.index_patterns import Slice, slots
from gradcore.ops.scalars import add, mul
from gradcore.ops.shape import DimShuffle

TRANSPOSED = DimShuffle((1, 0))
ALONG = DimShuffle((0, "x")), DimShuffle(("x", 0))


def outer(u: Variable, v: Variable) -> Variable:
    """Return the outer product of vectors."""
    return ALONG[0](u) * ALONG[1](v)


def outer_products(v: Variable) -> list[tuple[Variable, Variable]]:
    """Return the vectors of which a matrix is the sum of outer products; none, if it is no such."""
    node = v.owner
    if node is None or v.ndim != 2:
        return []
    for number, matrix in (node.inputs, node.inputs[::-1]) if node.op is mul else ():
        if number.ndim == 0 and matrix.dtype == v.dtype:
            factor = LANGUAGE["cast"](number, v.dtype)
            return [(factor * a, b) for a, b in outer_products(matrix)]
    if any(x.dtype != v.dtype for x in node.inputs[:1]):
        return []
    if isinstance(node.op, Subtensor):
        return _parts(node.op, v)
    if any(x.dtype != v.dtype for x in node.inputs):
        return []
    if node.op == TRANSPOSED:
        return [(b, a) for a, b in outer_products(node.inputs[0])]
    if node.op is add:
        both = [outer_products(x) or _repeated(x, v) for x in node.inputs]
        return [pair for pairs in both for pair in pairs] if all(both) else []
    for column, row in (node.inputs, node.inputs[::-1]) if node.op is mul else ():
        first, second = _along(column, 0), _along(row, 1)
        if first is not None and second is not None:
            return [(first, second)]
    return []


def _parts(op: Subtensor, v: Variable) -> list[tuple[Variable, Variable]]:
    """Return the parts of vectors of which a part of a sum of outer products is one."""
    assert v.owner is not None
    x, *indices = v.owner.inputs
    if not all(isinstance(entry, Slice) for entry in op.pattern):
        return []
    count = len(list(slots(op.pattern[:1])))
    rows = Subtensor(op.pattern[:1])
    columns = Subtensor(op.pattern[1:]) if op.pattern[1:] else None
    return [
        (rows(a, *indices[:count]), b if columns is None else columns(b, *indices[count:]))
        for a, b in outer_products(x)
    ]


def _along(v: Variable, axis: int) -> Variable | None:
    """Return a vector that is broadcast along the other axis of a matrix; None: it is no such."""
    if v.ndim == 1 and axis == 1:
        return v
    made = v.owner
    along = made is not None and made.op == ALONG[axis] and made.inputs[0].ndim == 1
    return made.inputs[0] if made is not None and along else None


def _repeated(v: Variable, like: Variable) -> list[tuple[Variable, Variable]]:
    """Return a vector that is broadcast to the shape of a sum as an outer product with ones."""
    for axis in (0, 1):
        x = _along(v, axis)
        if x is not None:
            n = extents_of(like)[1 - axis]
            ones = LANGUAGE["alloc"](LANGUAGE["cast"](1, v.dtype), n)
            return [(ones, x) if axis else (x, ones)]
    return []
