"""Colourings: which columns or rows of a sparse matrix one product with a seed gives together.

Columns that share no row may be of one colour, since their sum still shows each of their elements
(Curtis, Powell, Reid 1974); for symmetric matrices a star colouring of the graph needs fewer, as
an element may be read in its row or in its column.  The words and the conditions are those of
Gebremedhin, Manne, Pothen, "What color is your Jacobian?", SIAM Review 47 (2005).

The decision: greedy colouring, vertex by vertex, in two orders of which the better one is taken.
The colours that neighbours have are the bits of an integer, so that a vertex costs as many
operations of Python as it has neighbours, and a million nonzeros take about a second.  Rejected:
rounds of independent sets in NumPy, whose number grows with the length of a chain; SciPy's
``group_columns``, which is private and knows columns only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradcore.gradient.local_patterns import Pattern, rows_of, sparse

Colours = NDArray[np.int64]
"""A colour, from 0 on, for each vertex; -1 for one that needs none."""


@dataclass(frozen=True)
class Colouring:
    """How the nonzeros of a matrix are read from products with seeds.

    columns : the colours of columns; the product with the seed of a colour is the sum of its
        columns (forward mode).
    rows : the colours of rows (reverse mode).
    by_rows : for each nonzero, in the order of CSR, whether it is read from a product of rows.
    """

    columns: Colours
    rows: Colours
    by_rows: NDArray[np.bool_]

    @property
    def counts(self) -> tuple[int, int]:
        """How many colours columns and rows have."""
        return int(self.columns.max(initial=-1)) + 1, int(self.rows.max(initial=-1)) + 1

    @property
    def products(self) -> int:
        """How many products with seeds all nonzeros take."""
        return sum(self.counts)


# Jacobians --------------------------------------------------------------------------------------
def jacobian_colouring(pattern: Pattern, mode: str = "auto") -> Colouring:
    """Return a colouring of a matrix that takes few products.

    mode : "forward" colours columns, "reverse" rows; "auto" takes what needs fewer colours, also
        dense rows by themselves and columns for all the rest, or the other way round.
    """
    turned = pattern.T.tocsr()
    turned.sort_indices()
    if mode == "reverse":
        return _turned(pattern, _columns(turned, pattern))
    best = _columns(pattern, turned)
    if mode == "forward":
        return best
    if _densest(turned) < best.products:  # else no colouring of rows has fewer
        best = min(best, _turned(pattern, _columns(turned, pattern)), key=lambda c: c.products)
    for matrix in (pattern, turned):
        for dense in _dense_rows(matrix, best.products):
            found = _both(matrix, dense)
            if found.products < best.products:
                best = found if matrix is pattern else _turned(pattern, found)
    return best


def _none(count: int) -> Colours:
    """Return no colour for as many vertices."""
    return np.full(count, -1)


def _densest(pattern: Pattern) -> int:
    """Return how many elements the densest row has: columns take as many colours at least."""
    return int(np.diff(pattern.indptr).max(initial=0))


def _columns(pattern: Pattern, turned: Pattern) -> Colouring:
    """Return a colouring of columns alone."""
    colours = _separate(pattern, turned)
    return Colouring(colours, _none(pattern.shape[0]), np.zeros(int(pattern.nnz), bool))


def _turned(pattern: Pattern, found: Colouring) -> Colouring:
    """Return the colouring of ``pattern`` that one of its transpose is."""
    places = sparse.csr_array(
        (np.arange(1, pattern.nnz + 1), pattern.indices, pattern.indptr), shape=pattern.shape
    ).T.tocsr()
    places.sort_indices()
    by_rows = np.empty(pattern.nnz, bool)
    by_rows[places.data - 1] = ~found.by_rows
    return Colouring(found.rows, found.columns, by_rows)


def _dense_rows(pattern: Pattern, most: int) -> Iterable[NDArray[np.bool_]]:
    """Yield sets of rows that are so much denser than the others that they are worth a product."""
    counts = np.diff(pattern.indptr)
    order = np.sort(counts)[::-1]
    taken = 1
    while taken < min(len(order), most):
        if 2 * order[taken] <= order[taken - 1]:
            yield counts > order[taken]
        taken += 1


def _both(pattern: Pattern, dense: NDArray[np.bool_]) -> Colouring:
    """Return a colouring of the dense rows, and of columns for all others."""
    row_of = rows_of(pattern)
    by_rows = dense[row_of]
    rest, own = _restricted(pattern, ~by_rows), _restricted(pattern, by_rows)
    return Colouring(_separate(rest, rest.T.tocsr()), _separate(own.T.tocsr(), own), by_rows)


def _restricted(pattern: Pattern, chosen: NDArray[np.bool_]) -> Pattern:
    """Return a pattern without some of its nonzeros."""
    ends = np.concatenate([[0], np.cumsum(chosen)])[pattern.indptr]
    return sparse.csr_array(
        (np.ones(int(chosen.sum()), bool), pattern.indices[chosen], ends), shape=pattern.shape
    )


def _orders(degrees: NDArray[np.int64]) -> list[Sequence[int]]:
    """Return the vertices that have neighbours as they come, and the largest degree first."""
    natural = np.flatnonzero(degrees)
    return [natural.tolist(), natural[np.argsort(-degrees[natural], kind="stable")].tolist()]


def _separate(pattern: Pattern, turned: Pattern) -> Colours:
    """Return colours of columns such that no two of one colour share a row.

    turned : the transpose.
    """
    ends, rows = turned.indptr.tolist(), turned.indices.tolist()
    best, fewest = _none(pattern.shape[1]), -1
    for order in _orders(np.diff(turned.indptr)):
        seen = [0] * pattern.shape[0]
        colours = _none(pattern.shape[1])
        for v in order:
            mine = rows[ends[v] : ends[v + 1]]
            taken = 0
            for r in mine:
                taken |= seen[r]
            bit = ~taken & (taken + 1)
            for r in mine:
                seen[r] |= bit
            colours[v] = bit.bit_length() - 1
        count = int(colours.max(initial=-1)) + 1
        if fewest < 0 or count < fewest:
            best, fewest = colours, count
        if fewest <= _densest(pattern):
            break
    return best


# Hessians ---------------------------------------------------------------------------------------
def hessian_colouring(pattern: Pattern) -> Colouring:
    """Return a star colouring of a symmetric matrix: products with seeds of columns alone.

    An element (i, j) is read in row i from the product of j's colour, or in row j from that of
    i's: ``by_rows`` says which are read the second way.
    """
    best: Colours | None = None
    for order in _orders(np.diff(pattern.indptr)):
        colours = _Star(pattern).coloured(order)
        if best is None or colours.max(initial=-1) < best.max(initial=-1):
            best = colours
    assert best is not None
    rows = rows_of(pattern)
    count = int(best.max(initial=-1)) + 1
    key = rows * count + best[pattern.indices]
    _, where, times = np.unique(key, return_inverse=True, return_counts=True)
    alone = times[where] == 1
    return Colouring(best, _none(pattern.shape[0]), ~alone)


class _Star:
    """A greedy star colouring: no two neighbours and no path of four vertices have two colours.

    Of each vertex, as bits: the colours of its neighbours (``seen``), those of several of them
    (``twice``), and those that would close a path of two colours with a neighbour of it
    (``closing``: the colours of its neighbours that have another neighbour of its own colour).
    """

    def __init__(self, pattern: Pattern) -> None:
        n = pattern.shape[0]
        self.ends: list[int] = pattern.indptr.tolist()
        self.neighbours: list[int] = pattern.indices.tolist()
        self.bits = [0] * n
        self.seen = [0] * n
        self.twice = [0] * n
        self.closing = [0] * n
        self.first: list[dict[int, int]] = [{} for _ in range(n)]

    def coloured(self, order: Sequence[int]) -> Colours:
        """Return colours, given to the vertices in an order."""
        for v in order:
            near = [w for w in self.neighbours[self.ends[v] : self.ends[v + 1]] if w != v]
            self._colour(v, near)
        return np.array([bit.bit_length() - 1 for bit in self.bits], np.int64)

    def _colour(self, v: int, near: Sequence[int]) -> None:
        taken, twice = self.seen[v], self.twice[v]
        for w in near:
            if self.bits[w]:
                taken |= self.closing[w]
                if self.bits[w] & twice:
                    taken |= self.seen[w]
        bit = ~taken & (taken + 1)
        self.bits[v] = bit
        for w in near:
            if self.bits[w] & twice:
                self.closing[w] |= bit
            if not self.seen[w] & bit:
                self.seen[w] |= bit
                self.first[w][bit] = v
                continue
            if not self.twice[w] & bit:
                self.twice[w] |= bit
                self.closing[self.first[w][bit]] |= self.bits[w]
            self.closing[v] |= self.bits[w]


def seeds(colours: Colours, count: int, dtype: Any) -> Any:
    """Return a matrix with a row for each colour: 1 at the vertices of that colour."""
    found = np.zeros((count, colours.size), dtype)
    inside = np.flatnonzero(colours >= 0)
    found[colours[inside], inside] = 1
    return found
