"""Window functions for spectra, by NumPy's names: weights of n samples, symmetric, floats."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from gradcore.config import config
from gradcore.graph import Variable
from gradcore.ops import scalars
from gradcore.ops.special_bessel import i0e
from gradcore.tensor.creation import arange
from gradcore.tensor.elementwise import cast


def _window(n: Any, weights: Callable[[Variable], Variable]) -> Variable:
    """Return the weights of places that go from -1 to 1; one sample counts fully."""
    dtype = config.floatX
    places = cast(1 - n + 2 * arange(n), dtype)
    span = cast(scalars.maximum(n - 1, 1), dtype)
    found = weights(places / span)
    return scalars.switch(scalars.eq(n, 1), 1.0, found)


def bartlett(n: Any) -> Variable:
    """Return ``n`` weights that rise from 0 to 1 and fall again, on straight lines.

    >>> import gradcore.tensor as T
    >>> T.bartlett(5).eval().tolist()
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """
    return _window(n, lambda u: 1 - scalars.abs(u))


def hanning(n: Any) -> Variable:
    """Return the ``n`` weights ``0.5 + 0.5 * cos(pi * u)``, for u from -1 to 1.

    >>> import gradcore.tensor as T
    >>> T.hanning(5).eval().round(4).tolist()
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """
    return _window(n, lambda u: 0.5 + 0.5 * scalars.cos(math.pi * u))


def hamming(n: Any) -> Variable:
    """Return the ``n`` weights ``0.54 + 0.46 * cos(pi * u)``, for u from -1 to 1.

    >>> import gradcore.tensor as T
    >>> T.hamming(5).eval().round(4).tolist()
    [0.08, 0.54, 1.0, 0.54, 0.08]
    """
    return _window(n, lambda u: 0.54 + 0.46 * scalars.cos(math.pi * u))


def blackman(n: Any) -> Variable:
    """Return ``n`` weights ``0.42 + 0.5 * cos(pi * u) + 0.08 * cos(2 * pi * u)``, |u| <= 1.

    >>> import gradcore.tensor as T
    >>> T.blackman(5)[1:4].eval().round(4).tolist()
    [0.34, 1.0, 0.34]
    """
    return _window(
        n,
        lambda u: 0.42 + 0.5 * scalars.cos(math.pi * u) + 0.08 * scalars.cos(2 * math.pi * u),
    )


def kaiser(n: Any, beta: Any) -> Variable:
    """Return the ``n`` weights ``i0(beta * sqrt(1 - u ** 2)) / i0(beta)``, for u from -1 to 1.

    ``beta`` may be large: i0 is divided by its exponential.

    >>> import gradcore.tensor as T
    >>> T.kaiser(5, 8.6).eval().round(4).tolist()
    [0.0013, 0.3404, 1.0, 0.3404, 0.0013]
    """
    shape = cast(beta, config.floatX)

    def weights(u: Variable) -> Variable:
        at = shape * scalars.sqrt(scalars.maximum(1 - u * u, 0))
        size, whole = scalars.abs(at), scalars.abs(shape)
        return i0e(at) / i0e(shape) * scalars.exp(size - whole)

    return _window(n, weights)
