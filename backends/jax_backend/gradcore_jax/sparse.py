"""Products with sparse matrices in compressed rows: sums of gathered terms.

A pattern is checked, and so must be concrete: a graph whose pattern is an input runs node by node,
one whose pattern is constant is compiled as a whole.  Rejected: a traced pattern, of which XLA
would drop what is out of bounds, without a word.
"""

from __future__ import annotations

from typing import Any

from gradcore.graph import Apply, Kernel
from gradcore.ops.sparse import (
    SampledDot,
    SparseDot,
    SparseTransposedDot,
    check_product,
    check_sampled,
)
from gradcore.ops.sparse_patterns import RowNumbers, check_pattern
from gradcore_jax.tracing import concrete, jnp, strong


def _check(node: Apply, indices: Any, starts: Any, columns: int | None) -> None:
    """Check a pattern; one that is traced stops the tracing."""
    check_pattern(concrete(indices, node.op), concrete(starts, node.op), columns)


def _rows(indices: Any, starts: Any) -> Any:
    """Return the row of each element: how many rows end before it."""
    places = jnp.arange(indices.shape[0])
    return jnp.searchsorted(jnp.asarray(starts)[1:], places, side="right")


def _gathered(x: Any, places: Any) -> Any:
    return jnp.asarray(x)[jnp.asarray(places)]


def _added(n: int, places: Any, terms: Any) -> Any:
    zeros = jnp.zeros((n, *terms.shape[1:]), terms.dtype).at[places]
    if terms.dtype == bool:
        return zeros.max(terms, mode="drop")
    return zeros.add(terms, mode="drop")


def _column(v: Any, like: Any) -> Any:
    return v if like.ndim == 1 else v[:, None]


def _dot(node: Apply) -> Kernel:
    dtype = node.out.dtype

    def run(data: Any, indices: Any, starts: Any, x: Any) -> Any:
        n = x.shape[0]
        check_product(data.shape, indices.shape, starts.shape, n, x.shape, transposed=False)
        _check(node, indices, starts, n)
        data, x = strong(data, dtype), strong(x, dtype)
        terms = _column(data, x) * _gathered(x, indices)
        return _added(starts.shape[0] - 1, _rows(indices, starts), terms)

    return run


def _transposed_dot(node: Apply) -> Kernel:
    dtype = node.out.dtype

    def run(data: Any, indices: Any, starts: Any, x: Any, columns: Any) -> Any:
        n = int(concrete(columns, node.op))
        check_product(data.shape, indices.shape, starts.shape, n, x.shape, transposed=True)
        _check(node, indices, starts, n)
        data, x = strong(data, dtype), strong(x, dtype)
        terms = _column(data, x) * _gathered(x, _rows(indices, starts))
        return _added(n, indices, terms)

    return run


def _sampled_dot(node: Apply) -> Kernel:
    dtype = node.out.dtype

    def run(x: Any, indices: Any, starts: Any, y: Any) -> Any:
        check_sampled(x.shape, starts.shape, y.shape)
        _check(node, indices, starts, y.shape[0])
        x, y = strong(x, dtype), strong(y, dtype)
        terms = _gathered(x, _rows(indices, starts)) * _gathered(y, indices)
        if x.ndim == 1:
            return terms
        return terms.any(1) if dtype == "bool" else terms.sum(1, dtype=dtype)

    return run


def _row_numbers(node: Apply) -> Kernel:
    dtype = node.out.dtype

    def run(indices: Any, starts: Any) -> Any:
        _check(node, indices, starts, None)
        return strong(_rows(indices, starts), dtype)

    return run


SPARSE: dict[Any, Any] = {
    RowNumbers: _row_numbers,
    SparseDot: _dot,
    SparseTransposedDot: _transposed_dot,
    SampledDot: _sampled_dot,
}
"""What makes the kernel of a node, by the class of its op."""
