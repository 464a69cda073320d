"""What ``theano.tensor.nnet.abstract_conv`` has beside convolutions: gradients, and shapes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gradcore import gradient, tensor
from gradcore.errors import GraphValueError
from gradcore.graph import Variable, as_variable, here
from gradcore.graph.nodes import extents_of
from gradcore.language import is_several
from gradcore.tensor import nnet


def get_conv_output_shape(
    image_shape: Sequence[Any],
    kernel_shape: Sequence[Any],
    border_mode: Any,
    subsample: Sequence[Any],
    filter_dilation: Sequence[Any] | None = None,
) -> tuple[Any, ...]:
    """Return the shape of a convolution: numbers, variables, and None where it is not known.

    image_shape : examples, channels, and the extents of images.
    kernel_shape : filters, channels, and the extents of filters.
    border_mode : "valid", "half", "full", or how many zeros are added, for each axis or all.

    Raises GraphValueError: another border mode.

    >>> get_conv_output_shape((8, 3, 32, None), (16, 3, 5, 5), "half", (2, 2))
    (8, 16, 16, None)
    """
    if isinstance(border_mode, str) and border_mode not in ("valid", "half", "full"):
        raise GraphValueError(f"border_mode is valid, half or full, not {border_mode!r}", here())
    axes = range(len(image_shape) - 2)
    wide = filter_dilation or [1] * len(axes)
    each = [
        _extent(image_shape[2 + a], kernel_shape[2 + a], border_mode, a, subsample[a], wide[a])
        for a in axes
    ]
    return (image_shape[0], kernel_shape[0], *each)


def _extent(image: Any, kernel: Any, border: Any, axis: int, step: Any, wide: Any) -> Any:
    """Return how long a convolution is along an axis."""
    pad = border[axis] if is_several(border) else border
    if any(v is None for v in (image, kernel, pad, step)):
        return None
    span = (kernel - 1) * wide + 1
    if isinstance(pad, str):
        pad = {"valid": 0, "full": span - 1, "half": span // 2}[pad]
    return (image + 2 * pad - span) // step + 1


def _wrt_inputs(convolve: Callable[..., Variable], rank: int) -> Callable[..., Variable]:
    """Return the gradient of a convolution of ``rank`` axes with respect to the images."""

    def gradients(
        output_grad: Any,
        filters: Any,
        input_shape: Sequence[Any],
        filter_shape: Any = None,
        border_mode: Any = "valid",
        subsample: Any = (1,) * rank,
        filter_flip: bool = True,
        filter_dilation: Any = (1,) * rank,
        num_groups: int = 1,
    ) -> Variable:
        """Return the gradient of a convolution with respect to its images.

        output_grad : the gradient with respect to its result.
        input_shape : the shape of the images, of which the first two may be None.
        """
        ct, w = as_variable(output_grad), as_variable(filters)
        known = (extents_of(ct)[0], extents_of(w)[1] * num_groups)
        shape = [n if n is not None else known[k] for k, n in enumerate(input_shape)]
        x = tensor.zeros(shape, ct.dtype)
        options = (border_mode, subsample, filter_flip, filter_dilation, num_groups)
        return gradient.Lop(convolve(x, w, None, filter_shape, *options), x, ct)

    return gradients


def _wrt_weights(convolve: Callable[..., Variable], rank: int) -> Callable[..., Variable]:
    """Return the gradient of a convolution of ``rank`` axes with respect to the filters."""

    def gradients(
        input: Any,
        output_grad: Any,
        filter_shape: Sequence[Any],
        input_shape: Any = None,
        border_mode: Any = "valid",
        subsample: Any = (1,) * rank,
        filter_flip: bool = True,
        filter_dilation: Any = (1,) * rank,
        num_groups: int = 1,
    ) -> Variable:
        """Return the gradient of a convolution with respect to its filters.

        output_grad : the gradient with respect to its result.
        filter_shape : the shape of the filters, of which the first two may be None.
        """
        x, ct = as_variable(input), as_variable(output_grad)
        known = (extents_of(ct)[1], extents_of(x)[1] // num_groups)
        shape = [n if n is not None else known[k] for k, n in enumerate(filter_shape)]
        w = tensor.zeros(shape, ct.dtype)
        options = (border_mode, subsample, filter_flip, filter_dilation, num_groups)
        return gradient.Lop(convolve(x, w, input_shape, None, *options), w, ct)

    return gradients


conv2d_grad_wrt_inputs = _wrt_inputs(nnet.conv2d, 2)
conv2d_grad_wrt_weights = _wrt_weights(nnet.conv2d, 2)
conv3d_grad_wrt_inputs = _wrt_inputs(nnet.conv3d, 3)
conv3d_grad_wrt_weights = _wrt_weights(nnet.conv3d, 3)


def conv3D(V: Any, W: Any, b: Any, d: Any) -> Variable:  # noqa: N802, N803 - Theano's names
    """Return the correlation of stacks of images through time with filters, plus ``b``.

    V : of shape (examples, rows, columns, times, channels).
    W : filters, of shape (results, rows, columns, times, channels).
    b : a number for each result.
    d : how far filters are from each other, along rows, columns and times.
    """
    x, w = (as_variable(v).dimshuffle(0, 4, 1, 2, 3) for v in (V, W))
    steps = tuple(int(getattr(n, "data", n)) for n in d)
    found = nnet.conv3d(x, w, subsample=steps, filter_flip=False)
    return found.dimshuffle(0, 2, 3, 4, 1) + b


def conv3d_through_time(
    signals: Any,
    filters: Any,
    signals_shape: Sequence[Any] | None = None,
    filters_shape: Sequence[Any] | None = None,
    border_mode: Any = "valid",
) -> Variable:
    """Return the convolution of images through time: ``theano.tensor.nnet.conv3d2d.conv3d``.

    signals : of shape (examples, times, channels, rows, columns), of which ``signals_shape`` has
        the extents that are known.
    filters : of shape (results, times, channels, rows, columns), as ``filters_shape`` says.
    border_mode : "valid", "half", "full", or how many zeros are added, for times, rows and columns.
    """
    x, w = (as_variable(v).dimshuffle(0, 2, 1, 3, 4) for v in (signals, filters))
    images, kernels = (
        None if s is None else tuple(s[k] for k in (0, 2, 1, 3, 4))
        for s in (signals_shape, filters_shape)
    )
    return nnet.conv3d(x, w, images, kernels, border_mode).dimshuffle(0, 2, 1, 3, 4)


# logarithms -------------------------------------------------------------------------------------
def xlogx(x: Any) -> Variable:
    """Return ``x * log(x)``, which is 0 where ``x`` is 0."""
    return tensor.special.xlogy(x, x)


xlogy0 = tensor.special.xlogy
"""``x * log(y)``, which is 0 where ``x`` is 0."""
