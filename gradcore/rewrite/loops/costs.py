"""What hoisting work out of a loop costs: questions to what ops declare (`Op.cost`).

Rewriting decides before extents are known.  So costs are asked at a typical extent, and only for
what hardly depends on it: whether elements are used many times, whether a result is smaller than
its operands.  Rejected: asking by the classes of ops, which omits those of plugins.
"""

from __future__ import annotations

from gradcore.dtypes import DTYPES
from gradcore.errors import UNFIT
from gradcore.graph import Apply, Operand
from gradcore.graph.costs import Cost
from gradcore.graph.declaration import performs
from gradcore.graph.extents import product

TYPICAL = 64
"""Elements along an axis whose extent is not known: neither tiny nor large."""


def reuses(node: Apply) -> bool:
    """Return whether a node does more operations than it moves elements, as products do.

    Such a node is worth a call for all steps at once, and its results are stored.

    >>> import gradcore.tensor as T
    >>> x, y = T.dmatrices("x", "y")
    >>> [reuses(v.owner) for v in (T.dot(x, y), T.exp(x), x.sum(0))]
    [True, False, False]
    """
    cost = _typical_cost(node)
    return cost is not None and cost.operations * (DTYPES[node.out.dtype].bits // 8) > cost.traffic


def shrinks(node: Apply) -> bool:
    """Return whether the output of a node is smaller than its first operand, as sums are.

    >>> import gradcore.tensor as T
    >>> x = T.dmatrix("x")
    >>> [shrinks(v.owner) for v in (x.sum(0), x[0], x.T, T.exp(x))]
    [True, True, False, False]
    """
    if not _declares_cost(node):
        return False
    operands = _typical(node)
    try:
        size = product(node.op.symbolic_shapes(node, operands)[0])
    except UNFIT:  # a typical extent need not fit those that are known
        return False
    return isinstance(size, int) and size < product(operands[0].shape)


def _typical_cost(node: Apply) -> Cost | None:
    """Return what a node costs at typical extents; None: it is not known, or not asked."""
    if not _declares_cost(node):
        return None
    try:
        cost = node.op.cost(node, _typical(node))
    except UNFIT:  # as above
        return None
    return cost if isinstance(cost.operations, int) and isinstance(cost.traffic, int) else None


def _declares_cost(node: Apply) -> bool:
    """Return whether the op of a node declares more than that it computes element by element."""
    op = node.op
    one_to_one = bool(node.inputs) and len(node.outputs) == 1
    return one_to_one and not (op.elementwise or op.graphs or performs(op))


def _typical(node: Apply) -> list[Operand]:
    """Return what is known of the inputs of a node, with typical extents where none is known."""
    return [Operand(tuple(TYPICAL if n is None else n for n in v.type.shape)) for v in node.inputs]
