"""Products of several matrices, as the matrices of layers are, in the order that takes least.

Factors of another dtype than the product are not among them: in another order, products of these
would be rounded to theirs.  What scales the rows or the columns of a product scales those of its
first or last factor, so it is no bound between factors.  The order is that of dynamic programming
(Cormen, Leiserson, Rivest, Stein, "Introduction to Algorithms", 4th ed. (2022), section 14.2), for
extents that are known.  Else it is one of a few, chosen when the function runs: outwards from one
of the extents, as from the narrowest layer of a network, one order for each::

    outwards from the first, 0      ((A @ B) @ C) @ D       as rows are, one after the other
    from that between B and C       (A @ B) @ (C @ D)
    from the last                   A @ (B @ (C @ D))       as columns are
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, reduce

from gradcore.graph import Apply, Extent, Variable, as_variable, toposort
from gradcore.graph.extents import product
from gradcore.graph.nodes import constant_extent
from gradcore.graph.traverse import infer_shapes
from gradcore.language import LANGUAGE
from gradcore.ops.elementwise import Elementwise
from gradcore.ops.linalg import Dot
from gradcore.ops.scalars import add, mul, sub
from gradcore.ops.shape import DimShuffle

AS_IT_IS = DimShuffle((0, 1))
DOT = Dot()

MOST_ORDERED_FACTORS = 6
"""Of how many factors of unknown extents code is made for each order."""


def in_best_order(v: Variable) -> tuple[Variable, bool]:
    """Return a matrix with the products that it is, or is a sum of, in the order that takes least.

    And whether all of it is one product whose order has been chosen.

    As it is: if it is none of three factors or more, if another order takes no less, if it is of
    many factors and their extents are not known, or if a product in it is read elsewhere.
    """
    readers: dict[Variable, int] = {}
    for node in toposort([v]):
        for x in node.inputs:
            readers[x] = readers.get(x, 0) + 1
    return _ordered(v, readers)


def _ordered(v: Variable, readers: Mapping[Variable, int]) -> tuple[Variable, bool]:
    node = v.owner
    if node is not None and node.op in (add, sub) and v.ndim == 2:
        terms = [_ordered(x, readers)[0] for x in node.inputs]
        same = all(x is y for x, y in zip(terms, node.inputs, strict=True))
        return v if same else node.op(*terms), False
    factors = _factors(v, readers, whole=True)
    if len(factors) < 3:
        return v, False
    extents = _extents(factors)
    known = [n for n in extents if isinstance(n, int)]
    if len(known) == len(extents):
        return _best(factors, known), True
    few = len(factors) <= MOST_ORDERED_FACTORS
    return _chosen(factors, extents) if few else v, few


def _extents(factors: Sequence[Variable]) -> list[Extent]:
    """Return the numbers of rows of factors, and of columns of the last."""
    shapes = infer_shapes(factors)
    found = [shape[0] for shape in shapes] + [shapes[-1][1]]
    known = [constant_extent(as_variable(n)) for n in found]
    return [n if size is None else size for n, size in zip(found, known, strict=True)]


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

    def multiplied(i: int, j: int) -> Variable:
        k = least(i, j)[1]
        return factors[i] if i == j else DOT(multiplied(i, k), multiplied(k + 1, j))

    return multiplied(0, len(factors) - 1)


def _chosen(factors: Sequence[Variable], extents: Sequence[Extent]) -> Variable:
    """Return the product of matrices outwards from that extent where it takes least, when it runs.

    Of three factors, two orders are all that there are.
    """
    count = len(factors)
    starts = (0, count) if count == 3 else range(count + 1)
    orders = [(_amount(extents, start), _outwards(factors, start)) for start in starts]
    (least, found), *others = orders
    for amount, order in others:
        found = LANGUAGE["ifelse"](LANGUAGE["lt"](amount, least), order, found)
        least = LANGUAGE["minimum"](amount, least)
    return found


def _outwards(factors: Sequence[Variable], start: int) -> Variable:
    """Return the product of matrices from where factor number ``start`` begins."""
    left, right = factors[:start][::-1], factors[start:]
    parts = [reduce(lambda done, f: DOT(f, done), left)] if left else []
    parts += [reduce(DOT, right)] if right else []
    return reduce(DOT, parts)


def _amount(extents: Sequence[Extent], start: int) -> Variable:
    """Return how many operations `_outwards` takes, as a number that does not overflow."""
    sizes = [LANGUAGE["cast_float64"](as_variable(n)) for n in extents]
    last, own = len(sizes) - 1, sizes[start]
    terms = [(sizes[i], sizes[i + 1], own) for i in range(last) if i + 1 < start or i > start]
    if 0 < start < last:
        terms.append((sizes[0], own, sizes[last]))
    return as_variable(reduce(lambda a, b: a + b, map(product, terms)))
