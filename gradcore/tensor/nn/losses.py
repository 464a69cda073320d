"""Losses, and what goes into them: labels as one-hot vectors, embeddings, dropout.

A loss is a value for each example: its mean or its sum is for the user to take.  The losses from
logits are finite, and so are their derivatives of every order, for logits of any magnitude; those
from probabilities are as stable where these are the ``softmax`` or the ``sigmoid`` of a graph, as
the optimizer takes their logarithms together.
"""

from __future__ import annotations

from typing import Any

from gradcore.config import config
from gradcore.errors import GraphTypeError
from gradcore.graph import Variable, as_variable, here
from gradcore.graph.nodes import extents_of
from gradcore.ops.create import Arange
from gradcore.ops.elementwise import floating
from gradcore.ops.gathers import indices
from gradcore.ops.scalars import abs as abs_
from gradcore.ops.scalars import eq, isinf, log, log1p, softplus, sqr, switch
from gradcore.tensor.elementwise import cast
from gradcore.tensor.random import bernoulli
from gradcore.tensor.reductions import log_softmax
from gradcore.tensor.reductions import sum as sum_
from gradcore.tensor.shapes import expand_dims, normalized_axis


def one_hot(labels: Any, classes: Any, dtype: str | None = None) -> Variable:
    """Return vectors with a 1 at the place that each label names, along a new last axis.

    labels : integers of any shape.
    classes : how many there are, an int or an integer scalar; a label outside 0 ... classes - 1
        gives a vector of zeros.
    dtype : ``config.floatX`` by default.

    Raises GraphTypeError: the labels are no integers.

    >>> import gradcore.tensor as T
    >>> T.nn.one_hot([2, 0], 3).eval().tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """
    index = integers("one_hot", labels)
    places = Arange()(as_variable(classes))
    return cast(eq(expand_dims(index, -1), places), dtype or config.floatX)


def embedding(indices: Any, table: Any) -> Variable:
    """Return the rows of ``table`` that ``indices`` name: their shape, then that of a row.

    Raises GraphTypeError: the indices are no integers; IndexError, when it runs: one is out of
    bounds.

    >>> import gradcore.tensor as T
    >>> T.nn.embedding([1, 1, 0], [[1.0, 2.0], [3.0, 4.0]]).eval().tolist()
    [[3.0, 4.0], [3.0, 4.0], [1.0, 2.0]]
    """
    return as_variable(table)[integers("embedding", indices)]


def dropout(x: Any, rate: Any, source: Any) -> Variable:
    """Return ``x / (1 - rate)`` where an element is left, else 0.

    rate : the probability that an element is dropped, less than 1.
    source : what says which: a key of `T.random`, an integer, from which the draw is made; or a
        mask of booleans, true where an element is left, that broadcasts with ``x``.

    The expectation is that of ``x``, so that a network is used without it as it is.

    N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting"
    (2014).

    >>> import gradcore.tensor as T
    >>> T.nn.dropout([1.0, 2.0], 0.5, [True, False]).eval().tolist()
    [2.0, 0.0]
    >>> sorted(set(T.nn.dropout(T.ones(100), 0.75, T.random.key(1)).eval().tolist()))
    [0.0, 4.0]
    """
    variable, given = as_variable(x), as_variable(source)
    left = given if given.type.dtype == "bool" else bernoulli(given, 1 - rate, variable.shape)
    scale = cast(as_variable(1 - rate), floating(variable.type.dtype))
    return switch(left, variable / scale, 0)


def integers(name: str, labels: Any) -> Variable:
    """Return labels, for the function ``name``; raise GraphTypeError if they are no integers."""
    index = as_variable(labels)
    if not index.type.is_discrete or index.type.dtype == "bool":
        raise GraphTypeError(
            f"{name} takes integers, not {index} ({index.type})",
            here(),
            "cast them: astype('int64')",
        )
    return index


# classes ----------------------------------------------------------------------------------------
def _expected(log_p: Variable, targets: Variable, axis: int, name: str) -> Variable:
    """Return the sums of ``log_p`` over ``axis``, weighted by targets: labels or distributions."""
    a = normalized_axis(axis, log_p.ndim)
    if targets.ndim == log_p.ndim - 1:
        others = [n for b, n in enumerate(extents_of(log_p)) if b != a]
        key = indices(tuple(others))
        key.insert(a, integers(name, targets))
        return log_p[tuple(key)]
    if targets.ndim != log_p.ndim:
        raise GraphTypeError(
            f"{name} takes labels of {log_p.ndim - 1} axes, or distributions of {log_p.ndim}, "
            f"not {targets} ({targets.type})",
            here(),
        )
    return sum_(_weighted(targets, log_p), a)


def _weighted(weight: Variable, log_p: Variable) -> Variable:
    """Return ``weight * log_p``, 0 where both the weight and the probability are 0."""
    return weight * switch(eq(weight, 0) & isinf(log_p), 0, log_p)


def softmax_cross_entropy(logits: Any, targets: Any, axis: int = -1) -> Variable:
    """Return ``-log(softmax(logits))`` of the target class, for each example.

    logits : floats, with the classes along ``axis``.
    targets : labels, integers with the other axes of ``logits``; or distributions over the classes
        (one-hot vectors, for instance), of as many axes as ``logits``:
        ``-sum(targets * log(softmax(logits)))``.

    Raises GraphTypeError: targets of other ranks, labels that are no integers; ShapeError: the
    extents of distributions differ; IndexError: those of labels do, or a label is no class.

    >>> import gradcore.tensor as T
    >>> T.nn.softmax_cross_entropy([[1000.0, 0.0], [1000.0, 0.0]], [0, 1]).eval().tolist()
    [-0.0, 1000.0]
    """
    log_p = log_softmax(logits, axis)
    return -_expected(log_p, as_variable(targets), axis, "softmax_cross_entropy")


def categorical_crossentropy(probabilities: Any, targets: Any, axis: int = -1) -> Variable:
    """Return ``-log(probabilities)`` of the target class, for each example.

    probabilities, targets : as the logits and the targets of `softmax_cross_entropy`.

    ``0 * log(0)`` counts as 0.  Raises what that raises.

    >>> import gradcore.tensor as T
    >>> T.nn.categorical_crossentropy([[0.0, 1.0]], [[0.0, 1.0]]).eval().tolist()
    [-0.0]
    """
    log_p = log(as_variable(probabilities))
    return -_expected(log_p, as_variable(targets), axis, "categorical_crossentropy")


def sigmoid_cross_entropy(logits: Any, targets: Any) -> Variable:
    """Return ``-t * log(p) - (1 - t) * log(1 - p)`` for ``p = sigmoid(logits)``, elementwise.

    targets : probabilities t, 0 ... 1, that broadcast with the logits; or labels, integers 0 and 1
        or booleans, which are taken in the dtype of the logits.

    >>> import gradcore.tensor as T
    >>> T.nn.sigmoid_cross_entropy([1000.0, 1000.0], [1, 0]).eval().tolist()
    [0.0, 1000.0]
    """
    x = as_variable(logits)
    t = _chances(targets, x)
    return t * softplus(-x) + (1 - t) * softplus(x)


def _chances(targets: Any, like: Variable) -> Variable:
    """Return targets as probabilities: labels in the float dtype of what they are compared with."""
    t = as_variable(targets)
    return t if t.type.is_float else cast(t, floating(like.type.dtype))


def binary_crossentropy(probabilities: Any, targets: Any) -> Variable:
    """Return ``-t * log(p) - (1 - t) * log(1 - p)``, elementwise.

    probabilities : p, 0 ... 1.
    targets : t, as of `sigmoid_cross_entropy`.

    ``0 * log(0)`` counts as 0.

    >>> import gradcore.tensor as T
    >>> T.nn.binary_crossentropy([1.0, 0.5], [1, 0]).eval().round(6).tolist()
    [-0.0, 0.693147]
    """
    p = as_variable(probabilities)
    t = _chances(targets, p)
    return -(_weighted(t, log(p)) + _weighted(1 - t, log1p(-p)))


# numbers ----------------------------------------------------------------------------------------
def squared_error(predictions: Any, targets: Any) -> Variable:
    """Return ``(predictions - targets) ** 2``, elementwise.

    >>> import gradcore.tensor as T
    >>> T.nn.squared_error([1.0, 2.0], [1.0, 5.0]).eval().tolist()
    [0.0, 9.0]
    """
    return sqr(as_variable(predictions) - as_variable(targets))


def huber(predictions: Any, targets: Any, delta: Any = 1.0) -> Variable:
    """Return half the squared error up to errors of ``delta``, and beyond what goes on straight.

    With ``e = abs(predictions - targets)``: ``e**2 / 2``, else ``delta * (e - delta / 2)``.

    P. Huber, "Robust estimation of a location parameter" (1964).

    >>> import gradcore.tensor as T
    >>> T.nn.huber([1.0, 4.0], [1.5, 0.0]).eval().tolist()
    [0.125, 3.5]
    """
    error = as_variable(predictions) - as_variable(targets)
    size = abs_(error)
    return switch(size <= delta, 0.5 * sqr(error), delta * (size - 0.5 * delta))
