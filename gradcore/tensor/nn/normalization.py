"""Normalizations: deviations from a mean over a standard deviation, then a scale and a shift.

The variance is the mean of squared deviations (over their number, not one less), to which
``epsilon`` is added.  Moments and results are of the float dtype of ``x``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradcore.errors import GraphTypeError, GraphValueError
from gradcore.graph import Extent, Variable, as_variable, here
from gradcore.graph.nodes import extents_of
from gradcore.ops.elementwise import floating
from gradcore.ops.reduce import normalized_axes
from gradcore.ops.scalars import sqr, sqrt
from gradcore.tensor.elementwise import cast
from gradcore.tensor.reductions import mean, var
from gradcore.tensor.shapes import reshape, shape_padright


def batch_norm(
    x: Any, gamma: Any = None, beta: Any = None, axis: int = 1, epsilon: float = 1e-5
) -> tuple[Variable, Variable, Variable]:
    """Return ``x`` normalized over all axes but ``axis``, and the means and variances it was by.

    x : of shape (examples, channels, places ...), or with the channels at another ``axis``.
    gamma, beta : the scale and the shift of each channel, vectors; None: 1 and 0.

    The means and variances, vectors, are what running averages for `batch_norm_inference` are
    updated with.

    S. Ioffe, C. Szegedy, "Batch normalization" (2015).

    >>> import gradcore.tensor as T
    >>> y, mean, var = T.nn.batch_norm([[1.0, 4.0], [3.0, 4.0]], epsilon=0.0)
    >>> mean.eval().tolist(), var.eval().tolist(), y.eval()[:, 0].tolist()
    ([2.0, 4.0], [1.0, 0.0], [-1.0, 1.0])
    """
    variable = _float(x)
    (channel,) = normalized_axes(axis, variable.ndim)
    others = [a for a in range(variable.ndim) if a != channel]
    center, spread = mean(variable, others), var(variable, others)
    found = batch_norm_inference(variable, center, spread, gamma, beta, axis, epsilon)
    return found, center, spread


def batch_norm_inference(
    x: Any,
    mean: Any,
    var: Any,
    gamma: Any = None,
    beta: Any = None,
    axis: int = 1,
    epsilon: float = 1e-5,
) -> Variable:
    """Return ``(x - mean) / sqrt(var + epsilon) * gamma + beta``, by channels.

    mean, var, gamma, beta : of each channel, vectors; the last two may be None, for 1 and 0.

    >>> import gradcore.tensor as T
    >>> T.nn.batch_norm_inference([[1.0], [3.0]], [2.0], [4.0], epsilon=0.0).eval().tolist()
    [[-0.5], [0.5]]
    """
    variable = _float(x)
    (channel,) = normalized_axes(axis, variable.ndim)
    behind = variable.ndim - channel - 1

    def by_channel(given: Any) -> Variable:
        return shape_padright(as_variable(given), behind)

    found = (variable - by_channel(mean)) / sqrt(by_channel(var) + epsilon)
    found = found if gamma is None else found * by_channel(gamma)
    return found if beta is None else found + by_channel(beta)


def layer_norm(
    x: Any,
    gamma: Any = None,
    beta: Any = None,
    axis: int | Sequence[int] = -1,
    epsilon: float = 1e-5,
) -> Variable:
    """Return ``x`` normalized over ``axis``, one or several, for each place of the others.

    gamma, beta : the scale and the shift, which broadcast with ``x``; None: 1 and 0.

    J. Ba et al., "Layer normalization" (2016).

    >>> import gradcore.tensor as T
    >>> T.nn.layer_norm([[1.0, 3.0], [5.0, 9.0]], epsilon=0.0).eval().tolist()
    [[-1.0, 1.0], [-1.0, 1.0]]
    """
    variable = _float(x)
    deviation = variable - mean(variable, axis, keepdims=True)
    found = deviation / sqrt(mean(sqr(deviation), axis, keepdims=True) + epsilon)
    return _scaled(found, gamma, beta)


def rms_norm(
    x: Any, gamma: Any = None, axis: int | Sequence[int] = -1, epsilon: float = 1e-6
) -> Variable:
    """Return ``x / sqrt(mean(x ** 2) + epsilon)`` over ``axis``, times ``gamma``.

    gamma : the scale, which broadcasts with ``x``; None: 1.

    B. Zhang, R. Sennrich, "Root mean square layer normalization" (2019).

    >>> import gradcore.tensor as T
    >>> T.nn.rms_norm([[1.0, 7.0]], epsilon=0.0).eval().tolist()
    [[0.2, 1.4]]
    """
    variable = _float(x)
    found = variable / sqrt(mean(sqr(variable), axis, keepdims=True) + epsilon)
    return _scaled(found, gamma, None)


def group_norm(
    x: Any, groups: int, gamma: Any = None, beta: Any = None, epsilon: float = 1e-5
) -> Variable:
    """Return ``x`` normalized over the channels of each group and all places, for each example.

    x : of shape (examples, channels, places ...).
    groups : into how many groups the channels are cut; as many as there are: instance
        normalization.
    gamma, beta : the scale and the shift of each channel, vectors; None: 1 and 0.

    Y. Wu, K. He, "Group normalization" (2018).

    Raises GraphTypeError: ``x`` has less than 2 axes; GraphValueError: the channels, if their
    number is known, cannot be cut so; ShapeError, when it runs: they cannot.

    >>> import gradcore.tensor as T
    >>> T.nn.group_norm([[1.0, 3.0, 5.0, 9.0]], 2, epsilon=0.0).eval().tolist()
    [[-1.0, 1.0, -1.0, 1.0]]
    """
    variable = _float(x)
    if variable.ndim < 2:
        raise GraphTypeError(f"group_norm takes 2 axes at least, not {x} ({variable.type})", here())
    examples, channels, *places = extents_of(variable)
    _check_cut(variable, channels, groups)
    cut = reshape(variable, (examples, groups, channels // groups, *places))
    found = layer_norm(cut, axis=tuple(range(2, cut.ndim)), epsilon=epsilon)
    behind = len(places)
    scale, shift = (
        None if given is None else shape_padright(as_variable(given), behind)
        for given in (gamma, beta)
    )
    return _scaled(reshape(found, (examples, channels, *places)), scale, shift)


def _check_cut(x: Variable, channels: Extent, groups: int) -> None:
    if groups < 1 or (isinstance(channels, int) and channels % groups):
        raise GraphValueError(
            f"group_norm cannot cut {channels} channels of {x} ({x.type}) into {groups} groups",
            here(),
        )


def _float(x: Any) -> Variable:
    variable = as_variable(x)
    return cast(variable, floating(variable.type.dtype))


def _scaled(x: Variable, gamma: Any, beta: Any) -> Variable:
    scaled = x if gamma is None else x * gamma
    return scaled if beta is None else scaled + beta
