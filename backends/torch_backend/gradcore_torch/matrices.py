"""Products of matrices, their factors, and equations with them.  What has no factor is NaN."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

from gradcore.backend import Kernels
from gradcore.errors import ShapeError
from gradcore.graph import Apply
from gradcore.ops.broadcasting import extent_check, with_check
from gradcore.ops.decompositions import (
    LU,
    QR,
    SVD,
    Eigh,
    eigenvectors,
    orthonormal_factors,
    singular_vectors,
)
from gradcore.ops.factors import (
    Cholesky,
    Solve,
    SolveLower,
    check_equations,
    check_square,
    nan_unless_positive,
)
from gradcore.ops.linalg import Dot, MatMul
from gradcore_torch.library import DTYPES, torch


# products ---------------------------------------------------------------------------------------
def _matmul_of(dtype: str) -> Callable[[Any, Any], Any]:
    """Return the product of operands of ``dtype``: torch has none of booleans."""
    wanted = DTYPES[dtype]
    if dtype == "bool":
        return lambda x, y: torch.matmul(x.int(), y.int()) != 0
    if not dtype.startswith("float"):
        return lambda x, y: _integer_matmul(x.to(wanted), y.to(wanted))
    return lambda x, y: torch.matmul(x.to(wanted), y.to(wanted))


def _integer_matmul(x: Any, y: Any) -> Any:
    """Return a product of integers, which torch has on a CPU only."""
    if x.device.type == "cpu":
        return torch.matmul(x, y)
    left = x.unsqueeze(-1) if y.ndim > 1 else x
    right = y.unsqueeze(-3) if y.ndim > 1 and x.ndim > 1 else y
    return torch.sum(left * right, dim=-2 if y.ndim > 1 else -1, dtype=x.dtype)


def _make_dot(node: Apply) -> Callable[..., Any]:
    product = _matmul_of(node.out.dtype)

    def dot(x: Any, y: Any) -> Any:
        if x.shape[-1] != y.shape[0]:
            raise ShapeError(
                f"dot of shapes {tuple(x.shape)} and {tuple(y.shape)}: the inner extents differ"
            )
        return product(x, y)

    return dot


def _make_matmul(node: Apply) -> Callable[..., Any]:
    product = _matmul_of(node.out.dtype)

    def matmul(x: Any, y: Any) -> Any:
        if x.shape[-1] != y.shape[-2]:
            raise ShapeError(f"matmul of shapes {tuple(x.shape)} and {tuple(y.shape)}")
        return product(x, y)

    return with_check(extent_check(node, core=2), matmul)


# factors and equations ----------------------------------------------------------------------------
def _cholesky(x: Any) -> Any:
    check_square(x)
    factor, failed = torch.linalg.cholesky_ex(x)
    found = torch.where((failed != 0)[..., None, None], math.nan, factor)
    return nan_unless_positive(torch, found)


def _solve_lower(m: Any, b: Any) -> Any:
    check_equations(m, b)
    return torch.linalg.solve_triangular(m, b, upper=False)


def _solve_lower_transposed(m: Any, b: Any) -> Any:
    check_equations(m, b)
    return torch.linalg.solve_triangular(m.mT, b, upper=True)


def _solve(m: Any, b: Any) -> Any:
    check_equations(m, b)
    x, failed = torch.linalg.solve_ex(m, b)
    return torch.where((failed != 0)[..., None, None], math.nan, x)


def _lu(x: Any) -> tuple[Any, Any]:
    check_square(x)
    factors, pivots, _ = torch.linalg.lu_factor_ex(x)
    places, _, _ = torch.lu_unpack(factors, pivots, unpack_data=False)
    numbers = torch.arange(x.shape[-1], dtype=x.dtype, device=x.device)
    return factors, (places.mT @ numbers).to(torch.int64)


MATRICES: Kernels = {
    Dot: _make_dot,
    MatMul: _make_matmul,
    Cholesky(): _cholesky,
    LU(): _lu,
    QR(): functools.partial(orthonormal_factors, torch),
    Eigh(): functools.partial(eigenvectors, torch),
    SVD(): functools.partial(singular_vectors, torch),
    Solve(): _solve,
    SolveLower(): _solve_lower,
    SolveLower(transposed=True): _solve_lower_transposed,
}
