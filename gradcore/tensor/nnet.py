"""Theano's names of `gradcore.tensor.nn`: ``T.nnet``.

Signatures are Theano's.  Where a name means the same in both, it is the function of ``T.nn``.
"""

from __future__ import annotations

from typing import Any

from gradcore.errors import no_attribute
from gradcore.graph import Variable, as_variable
from gradcore.tensor.nn import activations, convolution
from gradcore.tensor.nn import binary_crossentropy as binary_crossentropy
from gradcore.tensor.nn import categorical_crossentropy as categorical_crossentropy
from gradcore.tensor.nn import elu as elu
from gradcore.tensor.nn import log_softmax as log_softmax
from gradcore.tensor.nn import relu as relu
from gradcore.tensor.nn import selu as selu
from gradcore.tensor.nn import sigmoid as sigmoid
from gradcore.tensor.nn import sigmoid_cross_entropy as sigmoid_cross_entropy
from gradcore.tensor.nn import softmax as softmax
from gradcore.tensor.nn import softplus as softplus
from gradcore.tensor.nn import softsign as softsign
from gradcore.tensor.shapes import specify_shape

logsoftmax = log_softmax
crossentropy_categorical_1hot = categorical_crossentropy
sigmoid_binary_crossentropy = sigmoid_cross_entropy


def hard_sigmoid(x: Any) -> Variable:
    """Return ``0.2 * x + 0.5``, limited to 0 ... 1.

    >>> import gradcore.tensor as T
    >>> T.nnet.hard_sigmoid([-4.0, 1.0]).eval().tolist()
    [0.0, 0.7]
    """
    return activations.hard_sigmoid(x, 0.2)


def conv2d(
    input: Any,
    filters: Any,
    input_shape: Any = None,
    filter_shape: Any = None,
    border_mode: Any = "valid",
    subsample: Any = (1, 1),
    filter_flip: bool = True,
    filter_dilation: Any = (1, 1),
    num_groups: int = 1,
) -> Variable:
    """Return the convolution of images with filters, as Theano's ``conv2d``.

    input : of shape (examples, channels, rows, columns).
    filters : of shape (results, channels / num_groups, rows, columns).
    input_shape, filter_shape : extents that are known, each an int or None.
    border_mode : the ``padding`` of `gradcore.tensor.nn.conv`: "valid", "full", "half", a number,
        or one for each axis.
    subsample, filter_dilation : its ``strides`` and its ``dilation``.
    filter_flip : as there; here it is the default, as in Theano.

    Raises what that raises; ShapeError, when it runs: extents differ from those that are given.

    >>> import gradcore.tensor as T
    >>> T.nnet.conv2d([[[[1.0, 2.0, 4.0]]]], [[[[1.0, -1.0]]]]).eval().tolist()
    [[[[1.0, 2.0]]]]
    """
    return convolution.conv2d(
        _of_shape(input, input_shape),
        _of_shape(filters, filter_shape),
        border_mode,
        subsample,
        filter_dilation,
        num_groups,
        filter_flip,
    )


def conv3d(
    input: Any,
    filters: Any,
    input_shape: Any = None,
    filter_shape: Any = None,
    border_mode: Any = "valid",
    subsample: Any = (1, 1, 1),
    filter_flip: bool = True,
    filter_dilation: Any = (1, 1, 1),
    num_groups: int = 1,
) -> Variable:
    """Return the convolution of three axes, as Theano's ``conv3d``; arguments are as of `conv2d`.

    >>> import gradcore.tensor as T
    >>> T.nnet.conv3d([[[[[1.0, 2.0, 4.0]]]]], [[[[[1.0, -1.0]]]]]).eval().tolist()
    [[[[[1.0, 2.0]]]]]
    """
    return convolution.conv3d(
        _of_shape(input, input_shape),
        _of_shape(filters, filter_shape),
        border_mode,
        subsample,
        filter_dilation,
        num_groups,
        filter_flip,
    )


def _of_shape(x: Any, shape: Any) -> Variable:
    return as_variable(x) if shape is None else specify_shape(x, shape)


__getattr__ = no_attribute(__name__, globals())
