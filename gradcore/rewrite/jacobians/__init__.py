"""Jacobians and Hessians: not built where a product will do, by their structure where they are.

===================================  ===============================================
as written                           as it runs
===================================  ===============================================
``v @ J``, ``J.T @ v``               the map of v, as `Lop`
``J @ v``, ``(J * v).sum(1)``        the transposed map of v, as `Rop`
``J @ M``, ``M @ J``                 the same of the columns, or rows, of M
``J[i]``, ``J[:, j]``                the map, or the transposed one, of a unit vector
``J.sum(0)``, ``J.sum(1)``           the map, or the transposed one, of ones
``diag(J)``, ``(J * C).sum()``       the values of its entries, if it is sparse
``einsum("bnbm->bnm", J)``           blocks, of a function of rows (`batches`)
``solve(J, b)``                      along its bands (`solves`, `joined_bands`)
``scan(lambda v: J @ v, ...)``       products in the steps (`in_loops`)
``J[i, k]``, of vectors              elements of a part (`elements`)
``J[a:b]``, ``(J * v).sum(2)``       a matrix of fewer rows or columns (`smaller`)
``J``, ``J.T @ J``                   by bands, entries or blocks, by rows, or by columns
gradient of ``u @ J @ v``            the gradient of `Rop` (`sums`)
===================================  ===============================================

``J`` is what a loop over unit vectors stacks (`linear_maps`): `gradcore.gradient.jacobian` or
`hessian`, or a scan of the user's, over some of the rows, too, or gradients that are stacked one by
one (`stacked`). What is
made of it by the algebra of matrices counts as well: ``(a * J + b * K) @ v``,
``J.T @ (w[:, None] * J) @ v``, ``concatenate([J, K]) @ v``, ``J[a:b] @ v`` (`expression_rows`,
`expressions`, `products`); Jacobians of tensors count as matrices. Where one is read otherwise,
too, it is built once, and all that reads it reads that: by its structure (`bands`, `compressed`,
`entries`, `sparsity`), or by rows or columns (`whole`, by `costs` and `chains`).

The decision: a pass, since all that reads a Jacobian decides whether it is needed as a whole; and
loops as the form of a matrix of a linear map, so that one that the user wrote is as good as
`jacobian`'s.  Rejected: an op of its own for it, which every rewrite of loops would have to learn.
"""

from __future__ import annotations

from gradcore.gradient import jacobian
from gradcore.graph import FunctionGraph, Variable
from gradcore.language import LANGUAGE
from gradcore.ops.linalg import Dot
from gradcore.rewrite.canonical import canonicalize
from gradcore.rewrite.changes import Changes
from gradcore.rewrite.engine import Pass
from gradcore.rewrite.jacobians.in_loops import captured_ones
from gradcore.rewrite.jacobians.products import products_replaced
from gradcore.rewrite.jacobians.stacked import stacked_gradients as stacked_gradients
from gradcore.rewrite.jacobians.sums import sums_over_units
from gradcore.rewrite.jacobians.whole import loops_of_loops, sparse_expressions, whole_ones

DOT = Dot()


def _multiplied(graph: FunctionGraph) -> FunctionGraph:
    """Return a graph with products with vectors in place of what multiplies Jacobians."""
    while replaced := products_replaced(graph):
        graph = canonicalize.run(graph.with_replaced(replaced), [])
    return graph


def _rewrite(graph: FunctionGraph) -> FunctionGraph:
    graph = graph.with_replaced(loops_of_loops(graph, _rewrite))
    graph = graph.with_replaced(sums_over_units(graph))
    graph = _multiplied(graph)
    while replaced := captured_ones(graph, _multiplied):
        graph = _multiplied(graph.with_replaced(replaced))
    graph = graph.with_replaced(sparse_expressions(graph))
    return graph.with_replaced(whole_ones(graph))


def _jacobian_times_vector(x: Variable) -> Variable:
    """Return a Jacobian, times a vector from the right."""
    v = x[0]
    return DOT(jacobian(LANGUAGE["sin"](v) * v[::-1], v), v)


def _vector_times_jacobian(x: Variable) -> Variable:
    """Return a Jacobian, times a vector from the left, and one of its rows."""
    v = x[0]
    matrix = jacobian(LANGUAGE["sin"](v) * v[::-1], v)
    return DOT(v, matrix) + matrix.sum(1) + matrix[:, 0]


def _whole_jacobian(x: Variable) -> Variable:
    """Return a Jacobian with two bands, and one of more rows than columns."""
    weights = LANGUAGE["tanh"](x)
    v = weights[0]
    layers = DOT(weights, LANGUAGE["tanh"](DOT(weights.T, LANGUAGE["tanh"](DOT(weights, v)))))
    return (jacobian(v * LANGUAGE["sin"](v), v) ** 2).sum() + (jacobian(layers, v) ** 2).sum()


jacobians = Pass(
    "jacobians",
    _rewrite,
    changes=Changes(rounding=64, of="terms", derivatives=True, nonfinite=True),
    examples=(_jacobian_times_vector, _vector_times_jacobian, _whole_jacobian),
)
