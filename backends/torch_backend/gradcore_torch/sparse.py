"""Products with sparse matrices in compressed rows: sums of gathered terms.

Rejected: torch's own CSR tensors, which warn of being a beta, and have no products of integers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradcore.graph import Apply
from gradcore.ops.sparse import (
    SampledDot,
    SparseDot,
    SparseTransposedDot,
    check_product,
    check_sampled,
)
from gradcore.ops.sparse_patterns import RowNumbers, check_pattern
from gradcore_torch.library import DTYPES, torch

Kernel = Callable[..., Any]


def _rows(starts: Any) -> Any:
    """Return the row of each element, an int64."""
    return torch.repeat_interleave(
        torch.arange(starts.shape[0] - 1, device=starts.device), starts.diff().long()
    )


def _known(v: Any) -> Any:
    return v.numpy(force=True)


def _column(v: Any, like: Any) -> Any:
    return v if like.ndim == 1 else v[:, None]


def _added(n: int, places: Any, terms: Any) -> Any:
    """Return zeros with terms added at places; of booleans, whether any is true."""
    if terms.dtype == torch.bool:
        return _added(n, places, terms.int()) != 0
    return terms.new_zeros((n, *terms.shape[1:])).index_add_(0, places.long(), terms)


def _make_dot(node: Apply) -> Kernel:
    dtype = DTYPES[node.out.dtype]

    def run(data: Any, indices: Any, starts: Any, x: Any) -> Any:
        n = x.shape[0]
        check_product(data.shape, indices.shape, starts.shape, n, x.shape, transposed=False)
        check_pattern(_known(indices), _known(starts), n)
        data, x = data.to(dtype), x.to(dtype)
        return _added(starts.shape[0] - 1, _rows(starts), _column(data, x) * x[indices.long()])

    return run


def _make_transposed_dot(node: Apply) -> Kernel:
    dtype = DTYPES[node.out.dtype]

    def run(data: Any, indices: Any, starts: Any, x: Any, columns: Any) -> Any:
        n = int(columns)
        check_product(data.shape, indices.shape, starts.shape, n, x.shape, transposed=True)
        check_pattern(_known(indices), _known(starts), n)
        data, x = data.to(dtype), x.to(dtype)
        return _added(n, indices, _column(data, x) * x[_rows(starts)])

    return run


def _make_sampled_dot(node: Apply) -> Kernel:
    dtype = DTYPES[node.out.dtype]

    def run(x: Any, indices: Any, starts: Any, y: Any) -> Any:
        check_sampled(x.shape, starts.shape, y.shape)
        check_pattern(_known(indices), _known(starts), y.shape[0])
        terms = x.to(dtype)[_rows(starts)] * y.to(dtype)[indices.long()]
        if x.ndim == 1:
            return terms
        return terms.any(1) if dtype == torch.bool else terms.sum(1, dtype=dtype)

    return run


def _make_row_numbers(node: Apply) -> Kernel:
    dtype = DTYPES[node.out.dtype]

    def run(indices: Any, starts: Any) -> Any:
        check_pattern(_known(indices), _known(starts), None)
        return _rows(starts).to(dtype)

    return run


SPARSE: dict[Any, Kernel] = {
    RowNumbers: _make_row_numbers,
    SparseDot: _make_dot,
    SparseTransposedDot: _make_transposed_dot,
    SampledDot: _make_sampled_dot,
}
"""What makes the function for a node, by the class of its op."""
