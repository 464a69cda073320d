"""Theano's names of `gradcore.tensor.nn`: ``T.nnet``.

Signatures are Theano's.  Where a name means the same in both, it is the function of ``T.nn``.
"""

from __future__ import annotations

from typing import Any

from gradcore.graph import Variable
from gradcore.tensor.nn import activations
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
