"""What entries of `gradcore.ops.scalars` are on arrays where NumPy lacks or has it otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy  # pyright: ignore[reportMissingTypeStubs] - it ships none


class Special:
    """A function of ``scipy.special``, which SciPy loads when it is first called."""

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __call__(self, *arrays: Any) -> Any:
        """Call it."""
        return getattr(scipy.special, self.__name__)(*arrays)


def keeping_integers(rounding: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a ``rounding`` that leaves integers alone (NumPy 2.0 makes them floats)."""

    def rounded(x: Any) -> Any:
        return x.copy() if x.dtype.kind in "biu" else rounding(x)

    rounded.__name__ = rounding.__name__
    return rounded


def round_half_away(x: Any) -> Any:
    """Return the integer next to ``x``; of two, the one further from zero."""
    whole: Any = np.trunc(x)
    up: Any = np.abs(x - whole) >= 0.5
    return whole + up * np.sign(x)


def where(c: Any, x: Any, y: Any) -> Any:
    """Return ``x`` where ``c`` is not 0, else ``y``."""
    return np.where(c, x, y)  # pyright: ignore[reportUnknownVariableType] - of any dtype


def strong_zero_mul(x: Any, y: Any) -> Any:
    """Return ``x * y``, and 0 wherever ``x`` is 0, whatever ``y`` is."""
    return where(x == 0, x.dtype.type(0), x * y)


def copied(x: Any) -> Any:
    """Return a copy."""
    return x.copy()


def sigmoid(x: Any) -> Any:
    """Return ``1 / (1 + exp(-x))``; SciPy's is 0 where it is subnormal, as ``exp(-x)`` is infinite.

    There it is ``exp(x)``.
    """
    found = scipy.special.expit(x)
    lost = found < np.finfo(found.dtype).smallest_normal
    return where(lost, np.exp(np.minimum(x, 0)), found) if lost.any() else found


def softplus(x: Any) -> Any:
    """Return ``log(1 + exp(x))`` without overflow."""
    return np.logaddexp(x.dtype.type(0), x)


def power(x: Any, y: Any) -> Any:
    """Return ``x ** y`` as C has it: for one 0.5 for all of ``x``, NumPy 2.4 takes the root.

    The root of -inf is NaN, and that of -0 is -0, where other exponents beside it make inf and 0.
    """
    found: Any = np.power(x, y)
    if found.dtype.kind == "f":
        roots = (y == 0.5) & ((x == 0) | (x == -np.inf))
        if roots.any():
            found = where(roots, np.abs(x), found).astype(found.dtype)
    return found


def log1p(x: Any) -> Any:
    """Return ``log(1 + x)``; of small complex numbers NumPy loses the real part.

    It takes ``log(abs(1 + x))``.  Near 0 that is ``log1p(abs(1 + x) ** 2 - 1) / 2``.
    """
    if x.dtype.kind != "c":
        return np.log1p(x)
    found: Any = np.log(1 + x)
    small = np.maximum(np.abs(x.real), np.abs(x.imag)) < 0.5
    a, b = where(small, x.real, 0), where(small, x.imag, 0)
    close = np.log1p(a * (2 + a) + b * b) / 2
    return complex_of(where(small, close, found.real), np.arctan2(x.imag, 1 + x.real)).astype(
        x.dtype
    )


def real_part(z: Any) -> Any:
    """Return a copy of the real part."""
    return z.real.copy()


def imaginary_part(z: Any) -> Any:
    """Return a copy of the imaginary part."""
    return z.imag.copy()


def complex_of(x: Any, y: Any) -> Any:
    """Return x + iy, which a product with i would not be: it makes NaN of infinities."""
    x, y = np.broadcast_arrays(x, y)
    found = np.empty(x.shape, np.result_type(x, y, np.complex64))
    found.real, found.imag = x, y
    return found
