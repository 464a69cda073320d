"""Products with sparse matrices in compressed rows, by any library: sums of gathered terms.

A backend with a table of kernels says how its library gathers, adds and sums (`SparseArrays`), and
has these in its table.  Rejected: formats of the libraries, of which torch's warns of being a beta
and has no products of integers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from gradcore.graph import Apply, Kernel, Op
from gradcore.ops.sparse import (
    SampledDot,
    SparseDot,
    SparseTransposedDot,
    check_product,
    check_sampled,
)
from gradcore.ops.sparse_patterns import RowNumbers, check_pattern


class SparseArrays(ABC):
    """What products with sparse matrices take of a library of arrays (abstract).

    A matrix is its elements, the number of the column of each, and where each row starts among
    them, which has one number more than there are rows.
    """

    @abstractmethod
    def known(self, v: Any, op: Op) -> Any:
        """Return an array that ``op`` must know, as one of NumPy."""

    @abstractmethod
    def cast(self, v: Any, dtype: str) -> Any:
        """Return an array in a dtype."""

    @abstractmethod
    def rows(self, indices: Any, starts: Any) -> Any:
        """Return the number of the row of each element."""

    @abstractmethod
    def gathered(self, x: Any, places: Any) -> Any:
        """Return elements of a vector, or rows of a matrix, at places."""

    @abstractmethod
    def added(self, n: int, places: Any, terms: Any) -> Any:
        """Return ``n`` zeros with terms added at places; of booleans, whether any is true.

        terms : numbers or, of a matrix, rows.
        """

    @abstractmethod
    def summed(self, terms: Any, dtype: str) -> Any:
        """Return the sum of each row, in ``dtype``; of booleans, whether any is true."""

    def kernels(self) -> Mapping[type[Op], Callable[[Apply], Kernel]]:
        """Return what makes the kernel of a node, by the class of its op."""
        return {
            RowNumbers: self._row_numbers,
            SparseDot: self._dot,
            SparseTransposedDot: self._transposed_dot,
            SampledDot: self._sampled_dot,
        }

    def _check(self, node: Apply, indices: Any, starts: Any, columns: int | None) -> None:
        check_pattern(self.known(indices, node.op), self.known(starts, node.op), columns)

    def _terms(self, data: Any, x: Any, places: Any, dtype: str) -> Any:
        """Return elements of a matrix times those, or rows, of ``x`` that they meet."""
        data, x = self.cast(data, dtype), self.cast(x, dtype)
        return (data if x.ndim == 1 else data[:, None]) * self.gathered(x, places)

    def _dot(self, node: Apply) -> Kernel:
        dtype = node.out.dtype

        def run(data: Any, indices: Any, starts: Any, x: Any) -> Any:
            n = x.shape[0]
            check_product(data.shape, indices.shape, starts.shape, n, x.shape, transposed=False)
            self._check(node, indices, starts, n)
            terms = self._terms(data, x, indices, dtype)
            return self.added(starts.shape[0] - 1, self.rows(indices, starts), terms)

        return run

    def _transposed_dot(self, node: Apply) -> Kernel:
        dtype = node.out.dtype

        def run(data: Any, indices: Any, starts: Any, x: Any, columns: Any) -> Any:
            n = int(self.known(columns, node.op))
            check_product(data.shape, indices.shape, starts.shape, n, x.shape, transposed=True)
            self._check(node, indices, starts, n)
            terms = self._terms(data, x, self.rows(indices, starts), dtype)
            return self.added(n, indices, terms)

        return run

    def _sampled_dot(self, node: Apply) -> Kernel:
        dtype = node.out.dtype

        def run(x: Any, indices: Any, starts: Any, y: Any) -> Any:
            check_sampled(x.shape, starts.shape, y.shape)
            self._check(node, indices, starts, y.shape[0])
            x, y = self.cast(x, dtype), self.cast(y, dtype)
            terms = self.gathered(x, self.rows(indices, starts)) * self.gathered(y, indices)
            return terms if x.ndim == 1 else self.summed(terms, dtype)

        return run

    def _row_numbers(self, node: Apply) -> Kernel:
        dtype = node.out.dtype

        def run(indices: Any, starts: Any) -> Any:
            self._check(node, indices, starts, None)
            return self.cast(self.rows(indices, starts), dtype)

        return run
