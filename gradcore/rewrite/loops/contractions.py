"""A sum over steps of sums is one sum; of products of matrices, or outer products, one product.

``sum_t p[t] @ q[t]`` contracts two axes at once, the steps and the one that each product sums over:
these become one axis of two matrices.  So the gradient of a weight is one product after the loop.
"""

from __future__ import annotations

from gradcore.graph import Variable
from gradcore.graph.nodes import extents_of
from gradcore.language import LANGUAGE
from gradcore.ops.linalg import Dot
from gradcore.ops.reduce import Reduce
from gradcore.ops.scalars import mul
from gradcore.ops.shape import DimShuffle


def sum_over_steps(terms: Variable) -> Variable:
    """Return the sum over the first axis; where each term is a sum itself, one sum of all."""
    made = terms.owner
    if made is not None and isinstance(made.op, Reduce) and made.op.kind == "sum":
        return Reduce("sum", (0, *made.op.axes))(made.inputs[0])
    return Reduce("sum", (0,))(terms)


def factors_of(term: Variable) -> tuple[Variable, Variable] | None:
    """Return p and q if the term is ``p @ q`` of matrices, or ``outer(p, q)`` of vectors."""
    node = term.owner
    if node is None:
        return None
    if isinstance(node.op, Dot) and all(v.ndim == 2 for v in node.inputs):
        return node.inputs[0], node.inputs[1]
    if node.op is mul and term.ndim == 2:
        for column, line in (node.inputs, node.inputs[::-1]):
            made = column.owner
            if (
                made is not None
                and isinstance(made.op, DimShuffle)
                and made.op.order == (0, "x")
                and line.ndim == 1
            ):
                return made.inputs[0], line
    return None


def sum_of_products(p: Variable, q: Variable) -> Variable:
    """Return the sum over the first axis of ``p[t] @ q[t]`` (or of their outer products)."""
    if p.ndim == 2:
        return Dot()(p.T, q)
    t, m, b = extents_of(p)
    if p.owner is not None and p.owner.op == DimShuffle((0, 2, 1)):
        left = LANGUAGE["reshape"](p.owner.inputs[0], (t * b, m)).T
    else:
        left = LANGUAGE["reshape"](p.dimshuffle(1, 0, 2), (m, t * b))
    right = LANGUAGE["reshape"](q, (extents_of(q)[0] * extents_of(q)[1], extents_of(q)[2]))
    return Dot()(left, right)
