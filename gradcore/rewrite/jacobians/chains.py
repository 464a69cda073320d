"""Products of several matrices, as the matrices of layers are, in the order that takes least.

Factors of another dtype than the product are not among them: in another order, products of these
would be rounded to theirs.  What scales the rows or the columns of a product scales those of its
first or last factor, so it is no bound between factors.  The order is that of dynamic programming
(Cormen, Leiserson, Rivest, Stein, "Introduction to Algorithms", 4th ed. (2022), section 14.2), for
extents that are known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from gradcore.graph import Apply, Variable, toposort
from gradcore.ops.elementwise import Elementwise
from gradcore.ops.linalg import Dot
from gradcore.ops.scalars import add, mul, sub
from gradcore.ops.shape import DimShuffle

AS_IT_IS = DimShuffle((0, 1))


def in_best_order(v: Variable) -> Variable:
    """Return a matrix with the products that it is, or is a sum of, in the order that takes least.

    As it is: if it is none of three factors or more, if another order takes no less, if extents are
    not known, or if a product in it is read elsewhere.
    """
    readers: dict[Variable, int] = {}
    for node in toposort([v]):
        for x in node.inputs:
            readers[x] = readers.get(x, 0) + 1
    return _ordered(v, readers)


def _ordered(v: Variable, readers: Mapping[Variable, int]) -> Variable:
    node = v.owner
    if node is not None and node.op in (add, sub) and v.ndim == 2:
        terms = [_ordered(x, readers) for x in node.inputs]
        same = all(x is y for x, y in zip(terms, node.inputs, strict=True))
        return v if same else node.op(*terms)
    factors = _factors(v, readers, whole=True)
    extents = [f.type.shape[0] for f in factors] + [factors[-1].type.shape[-1]]
    known = [n for n in extents if n is not None]
    if len(factors) < 3 or len(known) < len(extents):
        return v
    return _best(factors, known)


def _factors(v: Variable, readers: Mapping[Variable, int], whole: bool = False) -> list[Variable]:
    """Return the factors of a product of matrices, one if it is none, or is read elsewhere."""
    node = v.owner
    if node is None or v.ndim != 2 or not (whole or readers[v] == 1):
        return [v]
    if isinstance(node.op, Dot) and all(x.ndim == 2 and x.dtype == v.dtype for x in node.inputs):
        return [f for x in node.inputs for f in _factors(x, readers)]
    if node.op == AS_IT_IS:
        return _factors(node.inputs[0], readers)
    if node.op is mul:
        return _scaled(node, readers)
    return [v]


def _scaled(node: Apply, readers: Mapping[Variable, int]) -> list[Variable]:
    """Return the factors of a product of which the rows, or the columns, are scaled."""
    op = node.op
    assert isinstance(op, Elementwise)
    for x, scale in (node.inputs, node.inputs[::-1]):
        factors = _factors(x, readers)
        if len(factors) == 1:
            continue
        if scale.ndim < x.ndim or scale.broadcastable[0]:
            return [*factors[:-1], op(factors[-1], scale)]
        if scale.broadcastable[1]:
            return [op(scale, factors[0]), *factors[1:]]
    return [node.out]


def _best(factors: Sequence[Variable], extents: Sequence[int]) -> Variable:
    """Return the product of matrices in the order of fewest operations."""

    @cache
    def least(i: int, j: int) -> tuple[int, int]:
        """Return how many operations factors i to j take, and which are the first part of them."""
        if i == j:
            return 0, i
        outer = extents[i] * extents[j + 1]
        return min(
            (outer * extents[k + 1] + least(i, k)[0] + least(k + 1, j)[0], k) for k in range(i, j)
        )

    def product(i: int, j: int) -> Variable:
        k = least(i, j)[1]
        return factors[i] if i == j else Dot()(product(i, k), product(k + 1, j))

    return product(0, len(factors) - 1)
