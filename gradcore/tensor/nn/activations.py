"""Activations: elementwise functions between the layers of a network.

Each takes a tensor of any shape and returns one of its shape, of its float dtype (integers give
``config.floatX`` at least, where the formula has a fraction or an exponential).  Values and
derivatives of any order are finite wherever the mathematics is: what would overflow is on the side
of a ``switch`` that is not taken.
"""

from __future__ import annotations

import math
from typing import Any

from gradcore.errors import ShapeError
from gradcore.graph import Variable, as_variable, here
from gradcore.graph.nodes import extents_of
from gradcore.ops.scalars import abs as abs_
from gradcore.ops.scalars import clip, erfc, expm1, sigmoid, softplus, sqrt, switch, tanh
from gradcore.tensor.elementwise import relu
from gradcore.tensor.shapes import normalized_axis

SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805
"""The constants of `selu`: with them mean 0 and variance 1 are a fixed point."""


def leaky_relu(x: Any, slope: float = 0.01) -> Variable:
    """Return ``x`` where it is positive, else ``slope * x``.

    >>> import gradcore.tensor as T
    >>> T.nn.leaky_relu([-2.0, 3.0]).eval().tolist()
    [-0.02, 3.0]
    """
    return relu(x, slope)


def elu(x: Any, alpha: Any = 1.0) -> Variable:
    """Return ``x`` where it is positive, else ``alpha * (exp(x) - 1)``.

    D. Clevert et al., "Fast and accurate deep network learning by exponential linear units" (2015).

    >>> import gradcore.tensor as T
    >>> T.nn.elu([-1000.0, 3.0]).eval().tolist()
    [-1.0, 3.0]
    """
    variable = as_variable(x)
    return switch(variable > 0, variable, alpha * expm1(variable))


def selu(x: Any) -> Variable:
    """Return ``scale * elu(x, alpha)``, with the constants that keep mean 0 and variance 1.

    G. Klambauer et al., "Self-normalizing neural networks" (2017).

    >>> import gradcore.tensor as T
    >>> T.nn.selu([0.0, 1.0]).eval().round(6).tolist()
    [0.0, 1.050701]
    """
    return SELU_SCALE * elu(x, SELU_ALPHA)


def celu(x: Any, alpha: float = 1.0) -> Variable:
    """Return ``x`` where it is positive, else ``alpha * (exp(x / alpha) - 1)``.

    Its slope is 1 at 0 for every ``alpha``.

    >>> import gradcore.tensor as T
    >>> T.nn.celu([-1000.0, 3.0], alpha=2.0).eval().tolist()
    [-2.0, 3.0]
    """
    variable = as_variable(x)
    return switch(variable > 0, variable, alpha * expm1(variable / alpha))


def gelu(x: Any, approximate: bool = False) -> Variable:
    """Return ``x * Phi(x)``, with the distribution function of the normal distribution.

    approximate : ``0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3)))`` in its place.

    D. Hendrycks, K. Gimpel, "Gaussian error linear units" (2016).

    >>> import gradcore.tensor as T
    >>> T.nn.gelu([-1000.0, 1.0]).eval().round(6).tolist()
    [-0.0, 0.841345]
    """
    variable = as_variable(x)
    if approximate:
        inner = math.sqrt(2 / math.pi) * (variable + 0.044715 * variable**3)
        return 0.5 * variable * (1 + tanh(inner))
    return 0.5 * variable * erfc(variable * -math.sqrt(0.5))


def silu(x: Any) -> Variable:
    """Return ``x * sigmoid(x)``, which is also called swish.

    >>> import gradcore.tensor as T
    >>> T.nn.silu([0.0, 1000.0]).eval().tolist()
    [0.0, 1000.0]
    """
    variable = as_variable(x)
    return variable * sigmoid(variable)


def softsign(x: Any) -> Variable:
    """Return ``x / (1 + abs(x))``.

    >>> import gradcore.tensor as T
    >>> T.nn.softsign([-1.0, 3.0]).eval().tolist()
    [-0.5, 0.75]
    """
    variable = as_variable(x)
    return variable / (1 + abs_(variable))


def hard_sigmoid(x: Any, slope: float = 1 / 6) -> Variable:
    """Return ``slope * x + 0.5``, limited to 0 ... 1.

    slope : 1/6 as in torch and JAX; Theano's function, ``T.nnet.hard_sigmoid``, has 0.2.

    >>> import gradcore.tensor as T
    >>> T.nn.hard_sigmoid([-4.0, 0.0, 3.0]).eval().tolist()
    [0.0, 0.5, 1.0]
    """
    return clip(as_variable(x) * slope + 0.5, 0, 1)


def hard_tanh(x: Any) -> Variable:
    """Return ``x``, limited to -1 ... 1.

    >>> import gradcore.tensor as T
    >>> T.nn.hard_tanh([-4.0, 0.5]).eval().tolist()
    [-1.0, 0.5]
    """
    return clip(x, -1, 1)


def mish(x: Any) -> Variable:
    """Return ``x * tanh(softplus(x))``.

    D. Misra, "Mish: a self regularized non-monotonic activation function" (2019).

    >>> import gradcore.tensor as T
    >>> T.nn.mish([0.0, 1000.0]).eval().tolist()
    [0.0, 1000.0]
    """
    variable = as_variable(x)
    return variable * tanh(softplus(variable))


def log_sigmoid(x: Any) -> Variable:
    """Return ``log(sigmoid(x)) = -softplus(-x)``, without underflow.

    >>> import gradcore.tensor as T
    >>> T.nn.log_sigmoid([-1000.0, 1000.0]).eval().tolist()
    [-1000.0, -0.0]
    """
    return -softplus(-as_variable(x))


def glu(x: Any, axis: int = -1) -> Variable:
    """Return ``a * sigmoid(b)`` for the halves a, b of ``x`` along ``axis``.

    x : of an even extent n along ``axis``; the result has n // 2 there.

    Raises ShapeError: the extent is odd, when it is known or when it runs.

    >>> import gradcore.tensor as T
    >>> T.nn.glu([3.0, 5.0, 0.0, 1000.0]).eval().tolist()
    [1.5, 5.0]
    """
    variable = as_variable(x)
    a = normalized_axis(axis, variable.ndim)
    n = extents_of(variable)[a]
    if isinstance(n, int) and n % 2:
        raise ShapeError(
            f"glu halves axis {a} of {variable} ({variable.type}), whose extent {n} is odd", here()
        )
    before, half = (slice(None),) * a, n // 2
    return variable[(*before, slice(None, half))] * sigmoid(variable[(*before, slice(half, None))])


def relu6(x: Any) -> Variable:
    """Return ``x`` within 0 and 6.

    >>> import gradcore.tensor as T
    >>> T.nn.relu6([-1.0, 3.0, 7.0]).eval().tolist()
    [0.0, 3.0, 6.0]
    """
    return clip(as_variable(x), 0, 6)


def hard_swish(x: Any) -> Variable:
    """Return ``x * relu6(x + 3) / 6``.

    A. Howard et al., "Searching for MobileNetV3" (2019).

    >>> import gradcore.tensor as T
    >>> T.nn.hard_swish([-1.5, 1.5, 4.0]).eval().tolist()
    [-0.375, 1.125, 4.0]
    """
    variable = as_variable(x)
    return variable * relu6(variable + 3) / 6


def squareplus(x: Any, b: Any = 4.0) -> Variable:
    """Return ``(x + sqrt(x ** 2 + b)) / 2``, a softplus without exponentials.

    >>> import gradcore.tensor as T
    >>> T.nn.squareplus([0.0, 1.5]).eval().tolist()
    [1.0, 2.0]
    """
    variable = as_variable(x)
    return (variable + sqrt(variable * variable + b)) / 2


def sparse_plus(x: Any) -> Variable:
    """Return 0 below -1, ``x`` above 1, and ``(x + 1) ** 2 / 4`` between: a softplus of two bends.

    >>> import gradcore.tensor as T
    >>> T.nn.sparse_plus([-2.0, 0.0, 3.0]).eval().tolist()
    [0.0, 0.25, 3.0]
    """
    variable = as_variable(x)
    inside = clip(variable, -1, 1) + 1
    return switch(variable > 1, variable, inside * inside / 4)


def sparse_sigmoid(x: Any) -> Variable:
    """Return ``(x + 1) / 2`` within 0 and 1, the slope of `sparse_plus`.

    >>> import gradcore.tensor as T
    >>> T.nn.sparse_sigmoid([-2.0, 0.0, 0.5, 2.0]).eval().tolist()
    [0.0, 0.5, 0.75, 1.0]
    """
    return clip((as_variable(x) + 1) / 2, 0, 1)
