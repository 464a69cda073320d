"""Products of several matrices, of Kronecker's kind, and matrices made of blocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradcore.errors import GraphTypeError, GraphValueError
from gradcore.graph import Variable, as_variable, here
from gradcore.graph.nodes import extents_of
from gradcore.graph.types import upcast
from gradcore.tensor.creation import zeros
from gradcore.tensor.elementwise import cast
from gradcore.tensor.products import dot
from gradcore.tensor.shapes import concatenate, reshape

UNKNOWN_EXTENT = 1000
"""What an extent that is not known counts as in `multi_dot`."""


def multi_dot(arrays: Sequence[Any]) -> Variable:
    """Return the product of several matrices, in the order that takes the fewest operations.

    The first and the last may be vectors.  Extents that are not known count as large ones.

    >>> import gradcore.tensor as T
    >>> T.linalg.multi_dot([[[1.0, 2.0]], [[3.0], [4.0]], [[5.0]]]).eval().tolist()
    [[55.0]]
    """
    factors = [as_variable(x) for x in arrays]
    if len(factors) < 2:
        raise GraphValueError("multi_dot takes two matrices at least", here())
    for k, x in enumerate(factors):
        if x.ndim != 2 and not (x.ndim == 1 and k in (0, len(factors) - 1)):
            raise GraphTypeError(f"multi_dot takes matrices, not {x} ({x.type})", here())
    extents = [1 if factors[0].ndim == 1 else _counted(factors[0], 0)]
    extents += [_counted(x, 0) for x in factors[1:]]
    extents += [1 if factors[-1].ndim == 1 else _counted(factors[-1], 1)]
    splits = _splits(extents)

    def product(i: int, j: int) -> Variable:
        if i == j:
            return factors[i]
        k = splits[i, j]
        return dot(product(i, k), product(k + 1, j))

    return product(0, len(factors) - 1)


def _counted(x: Variable, axis: int) -> int:
    n = x.type.shape[axis]
    return UNKNOWN_EXTENT if n is None else n


def _splits(extents: Sequence[int]) -> dict[tuple[int, int], int]:
    """Return after which factor to split the product of factors i to j, for the fewest operations.

    extents : of the rows of each factor, and then of the columns of the last.
    """
    count = len(extents) - 1
    costs = {(i, i): 0 for i in range(count)}
    splits: dict[tuple[int, int], int] = {}
    for length in range(1, count):
        for i in range(count - length):
            j = i + length

            def cost(k: int, i: int = i, j: int = j) -> int:
                joined = extents[i] * extents[k + 1] * extents[j + 1]
                return costs[i, k] + costs[k + 1, j] + joined

            splits[i, j] = min(range(i, j), key=cost)
            costs[i, j] = cost(splits[i, j])
    return splits


def kron(a: Any, b: Any) -> Variable:
    """Return the Kronecker product: all of ``b`` times each element of ``a``, as NumPy's.

    >>> import gradcore.tensor as T
    >>> T.linalg.kron([[1, 2]], [[1], [3]]).eval().tolist()
    [[1, 2], [3, 6]]
    """
    x, y = as_variable(a), as_variable(b)
    rank = max(x.ndim, y.ndim)
    x, y = (v.dimshuffle(*["x"] * (rank - v.ndim), *range(v.ndim)) for v in (x, y))
    left = x.dimshuffle(*(a for axis in range(rank) for a in (axis, "x")))
    right = y.dimshuffle(*(a for axis in range(rank) for a in ("x", axis)))
    extents = extents_of(left * right)
    pairs = zip(extents[::2], extents[1::2], strict=True)
    return reshape(left * right, [m * n for m, n in pairs])


def khatri_rao(a: Any, b: Any) -> Variable:
    """Return the Kronecker products of the columns of two matrices, as columns, as SciPy's.

    >>> import gradcore.tensor as T
    >>> T.linalg.khatri_rao([[1, 2], [3, 4]], [[5, 6]]).eval().tolist()
    [[5, 12], [15, 24]]
    """
    x, y = as_variable(a), as_variable(b)
    if x.ndim < 2 or y.ndim != x.ndim:
        raise GraphTypeError(
            f"khatri_rao takes two matrices, not {x} ({x.type}) and {y} ({y.type})", here()
        )
    axes = range(x.ndim - 2)
    m, n = x.ndim - 2, x.ndim - 1
    whole = x.dimshuffle(*axes, m, "x", n) * y.dimshuffle(*axes, "x", m, n)
    *stack, p, q, columns = extents_of(whole)
    return reshape(whole, (*stack, p * q, columns))


def block_diag(*arrays: Any) -> Variable:
    """Return a matrix with others along its diagonal and zeros elsewhere, as SciPy's.

    A vector is a row; stacks have the same axes in front.

    >>> import gradcore.tensor as T
    >>> T.linalg.block_diag([[1, 2]], [[3]]).eval().tolist()
    [[1, 2, 0], [0, 0, 3]]
    """
    blocks = [as_variable(x) for x in arrays]
    blocks = [
        x if x.ndim > 1 else x.dimshuffle(*["x"] * (2 - x.ndim), *range(x.ndim)) for x in blocks
    ]
    if not blocks or any(x.ndim != blocks[0].ndim for x in blocks):
        raise GraphTypeError(f"block_diag takes matrices of one rank, not {blocks}", here())
    dtype = upcast(*(x.type.dtype for x in blocks))
    blocks = [cast(x, dtype) for x in blocks]
    rows: list[Variable] = []
    for k, x in enumerate(blocks):
        *stack, m, _ = extents_of(x)
        row = [
            x if i == k else zeros((*stack, m, extents_of(y)[-1]), dtype)
            for i, y in enumerate(blocks)
        ]
        rows.append(concatenate(row, -1))
    return concatenate(rows, -2)
