"""Functions of libraries that ops name (`gradcore.graph.externs.Extern`), on arrays of the device.

The decision: triangular factors are found column by column with CuPy's arithmetic, as the reference
finds them with NumPy's.  How many matrices of a stack have a factor is found on the device, too,
and looked at with the other checks, so nothing waits for it.  Rejected, until a device can measure
it: cuSOLVER, whose status must be read by the host.  QR, eigenvectors and singular vectors are
functions of CuPy, and so cuSOLVER's, and Fourier transforms cuFFT's; they have run with NumPy in
CuPy's place only.  Eigenvalues of matrices that are not symmetric are found on the host, by NumPy,
and factors of symmetric ones that are not definite by SciPy: CuPy 13 has no functions for them.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gradcore.graph.externs import successes
from gradcore.ops.complements import complements
from gradcore.ops.decompositions import orthonormal_factors
from gradcore.ops.eigenvalues import general_eigenvalues, general_eigenvectors
from gradcore.ops.factors import cholesky_factor, eliminated, lu_factors, no_pivots, substituted
from gradcore.ops.spectra import (
    eigenvectors,
    singular_values,
    singular_vectors,
    symmetric_eigenvalues,
)
from gradcore.ops.symmetric import LDL, ldl_factors
from gradcore_cuda.driver import Extern, OfNumbers


def _counted(attempted: Extern) -> Extern:
    """Return a function with what `attempted` returns, but how many did not fail for which did."""

    def counted(xp: Any, *arrays: Any) -> list[Any]:
        *found, failed = attempted(xp, *arrays)
        return [*found, successes(xp, failed)]

    return counted


def _solve_lower(xp: Any, m: Any, b: Any) -> list[Any]:
    return [substituted(xp, m, b), no_pivots(xp, m)]


def _solve_lower_transposed(xp: Any, m: Any, b: Any) -> list[Any]:
    return [substituted(xp, m, b, transposed=True), no_pivots(xp, m)]


def _complement(xp: Any, x: Any) -> list[Any]:
    return [complements(xp, x)]


def _ldl(lower: bool, hermitian: bool) -> Extern:
    def attempted(_: Any, x: Any) -> tuple[Any, ...]:
        return ldl_factors(x, lower, hermitian)

    return attempted


def _on_host(attempted: Extern) -> Extern:
    """Return a function that NumPy computes on the host."""

    def run(xp: Any, x: Any) -> list[Any]:
        here = x if xp is np else xp.asnumpy(x)
        return [xp.asarray(a) for a in _counted(attempted)(np, here)]

    return run


# Fourier transforms, of the numbers that `gradcore.ops.fourier` says ----------------------------
def _fft(numbers: Sequence[int], xp: Any, z: Any) -> list[Any]:
    *extents, inverse = numbers
    axes = [axis for axis in (1, 3, 5) if extents[axis] > 1]
    if not axes or not z.size:
        return [z.copy()]
    transform, norm = (xp.fft.ifftn, "forward") if inverse else (xp.fft.fftn, "backward")
    found = transform(z.reshape(extents), axes=axes, norm=norm)
    return [found.astype(z.dtype, copy=False).reshape(z.shape)]


def _rfft(numbers: Sequence[int], xp: Any, x: Any) -> list[Any]:
    axis = _axis(x.shape, numbers[0], numbers[1])
    found = xp.fft.rfft(x, axis=axis)
    return [found.astype(xp.result_type(x.dtype, xp.complex64), copy=False)]


def _irfft(numbers: Sequence[int], xp: Any, z: Any, _: Any) -> list[Any]:
    before, n, _ = numbers
    axis = _axis(z.shape, before, n // 2 + 1)
    z = xp.moveaxis(z, axis, -1).copy()
    z[..., 0].imag = 0  # which the transform does not read, and cuFFT may
    if n % 2 == 0:
        z[..., -1].imag = 0
    found = xp.fft.irfft(z, n, norm="forward")
    return [xp.moveaxis(found.astype(z.real.dtype, copy=False), -1, axis)]


def _axis(shape: Sequence[int], before: int, n: int) -> int:
    """Return an axis of an extent, behind so many elements."""
    counts = itertools.accumulate(shape, operator.mul, initial=1)
    return next(a for a, count in enumerate(counts) if count == before and shape[a] == n)


EXTERNS: Mapping[str, Extern] = {
    "cholesky": _counted(cholesky_factor),
    "complement": _complement,
    "eig": _on_host(general_eigenvectors),
    "eigh": _counted(eigenvectors),
    "eigvals": _on_host(general_eigenvalues),
    "eigvalsh": _counted(symmetric_eigenvalues),
    "fft": OfNumbers(_fft),
    "irfft": OfNumbers(_irfft),
    **{
        LDL(lower, hermitian).extern.name: _on_host(_ldl(lower, hermitian))
        for lower in (True, False)
        for hermitian in (True, False)
    },
    "lu": lu_factors,
    "qr": orthonormal_factors,
    "rfft": OfNumbers(_rfft),
    "solve": _counted(eliminated),
    "solve_lower": _counted(_solve_lower),
    "solve_lower_transposed": _counted(_solve_lower_transposed),
    "svd": _counted(singular_vectors),
    "svdvals": _counted(singular_values),
}
"""What CUDA has, by the names that ops give."""
