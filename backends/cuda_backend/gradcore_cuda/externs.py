"""Functions of libraries that ops name (`gradcore.graph.externs.Extern`), on arrays of the device.

The decision: triangular factors are found column by column with CuPy's arithmetic, as the reference
finds them with NumPy's: a matrix without a factor gets NaN, as everywhere, and nothing waits for
the device.  Rejected, until a device can measure it: cuSOLVER, whose status must be read by the
host.  QR, eigenvectors and singular vectors are functions of CuPy, and so cuSOLVER's; they have
run with NumPy in CuPy's place only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gradcore.ops.decompositions import (
    eigenvectors,
    orthonormal_factors,
    singular_vectors,
)
from gradcore.ops.factors import cholesky_factor, eliminated, lu_factors, substituted
from gradcore_cuda.driver import Extern


def _cholesky(xp: Any, x: Any) -> list[Any]:
    return [cholesky_factor(xp, x)]


def _solve_lower(xp: Any, m: Any, b: Any) -> list[Any]:
    return [substituted(xp, m, b)]


def _solve_lower_transposed(xp: Any, m: Any, b: Any) -> list[Any]:
    return [substituted(xp, m, b, transposed=True)]


def _solve(xp: Any, m: Any, b: Any) -> list[Any]:
    return [eliminated(xp, m, b)]


EXTERNS: Mapping[str, Extern] = {
    "cholesky": _cholesky,
    "eigh": eigenvectors,
    "lu": lu_factors,
    "qr": orthonormal_factors,
    "solve": _solve,
    "solve_lower": _solve_lower,
    "solve_lower_transposed": _solve_lower_transposed,
    "svd": singular_vectors,
}
"""What CUDA has, by the names that ops give."""
