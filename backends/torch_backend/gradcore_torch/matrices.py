"""Products of matrices, their factors, and equations with them.

What does not exist raises on a CPU, if its op says so; a device would have to be waited for, so
there it is NaN.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from gradcore.backend import Kernels
from gradcore.errors import ShapeError
from gradcore.graph import Apply
from gradcore.ops.broadcasting import extent_check, with_check
from gradcore.ops.complements import Complement, complements
from gradcore.ops.decompositions import LU, QR, orthonormal_factors
from gradcore.ops.eigenvalues import Eig, EigVals, general_eigenvalues, general_eigenvectors
from gradcore.ops.factors import (
    Cholesky,
    Solve,
    SolveLower,
    check_equations,
    nan_unless_positive,
)
from gradcore.ops.linalg import Dot, MatMul
from gradcore.ops.matrices import Attempt, check_square, raise_for_failed
from gradcore.ops.schur import Logarithm
from gradcore.ops.schur_forms import Schur
from gradcore.ops.spectra import (
    SVD,
    Eigh,
    EigValsH,
    SVDVals,
    eigenvectors,
    singular_values,
    singular_vectors,
    symmetric_eigenvalues,
)
from gradcore.ops.symmetric import LDL
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
Attempted: TypeAlias = Callable[..., Sequence[Any]]
"""A function that returns outputs, and then which matrices of a stack have none."""


def _raising(attempted: Callable[[Any], Attempted]) -> Callable[[Apply], Callable[..., Any]]:
    """Return what makes the kernel of a node, given what makes its function from its op."""

    def make(node: Apply) -> Callable[..., Any]:
        op = node.op
        assert isinstance(op, Attempt)
        function, one = attempted(op), len(node.outputs) == 1

        def run(*arrays: Any) -> Any:
            *found, failed = function(*arrays)
            if op.raises and failed.device.type == "cpu":
                raise_for_failed(failed, op.failure)
            return found[0] if one else tuple(found)

        return run

    return make


def _cholesky(x: Any) -> tuple[Any, Any]:
    check_square(x)
    factor, failed = torch.linalg.cholesky_ex(x)
    found = torch.where((failed != 0)[..., None, None], math.nan, factor)
    pivots = factor.diagonal(dim1=-2, dim2=-1)
    before = torch.arange(x.shape[-1], device=x.device) < failed[..., None]
    unknown = (pivots.isnan() & before).any(-1)
    return nan_unless_positive(torch, found), (failed != 0) & ~unknown


def _solve_lower(op: Any) -> Attempted:
    def attempted(m: Any, b: Any) -> tuple[Any, Any]:
        check_equations(m, b)
        turned = m.mT if op.transposed else m
        found = torch.linalg.solve_triangular(turned, b, upper=op.transposed)
        return found, (m.diagonal(dim1=-2, dim2=-1) == 0).any(-1)

    return attempted


def _solve(m: Any, b: Any) -> tuple[Any, Any]:
    check_equations(m, b)
    x, failed = torch.linalg.solve_ex(m, b)
    failed = failed != 0
    return torch.where(failed[..., None, None], math.nan, x), failed


def _on_host(op: Any) -> Attempted:
    """Return the reference of an op, which computes on the CPU, by SciPy."""

    @torch.compiler.disable
    def attempted(*arrays: Any) -> tuple[Any, ...]:
        with np.errstate(all="ignore"):
            found = op.attempted(*(a.numpy(force=True) for a in arrays))
        return tuple(torch.as_tensor(a, device=arrays[0].device) for a in found)

    return attempted


def _lu(x: Any) -> tuple[Any, Any]:
    check_square(x)
    factors, pivots, _ = torch.linalg.lu_factor_ex(x)
    places, _, _ = torch.lu_unpack(factors, pivots, unpack_data=False)
    places = places.real if places.is_complex() else places
    numbers = torch.arange(x.shape[-1], dtype=places.dtype, device=x.device)
    return factors, (places.mT @ numbers).to(torch.int64)


MATRICES: Kernels = {
    Dot: _make_dot,
    MatMul: _make_matmul,
    Cholesky: _raising(lambda _: _cholesky),
    LU(): _lu,
    Complement(): functools.partial(complements, torch),
    QR(): functools.partial(orthonormal_factors, torch),
    Eig: _raising(lambda _: functools.partial(general_eigenvectors, torch)),
    EigVals: _raising(lambda _: functools.partial(general_eigenvalues, torch)),
    EigValsH: _raising(lambda _: functools.partial(symmetric_eigenvalues, torch)),
    Eigh: _raising(lambda _: functools.partial(eigenvectors, torch)),
    SVD: _raising(lambda _: functools.partial(singular_vectors, torch)),
    SVDVals: _raising(lambda _: functools.partial(singular_values, torch)),
    LDL: _raising(_on_host),
    Logarithm: _raising(_on_host),
    Schur: _raising(_on_host),
    Solve: _raising(lambda _: _solve),
    SolveLower: _raising(_solve_lower),
}
