"""Optimizers: updates of parameters, for ``gradcore.function(..., updates=)``.

Each function takes a loss, a scalar, or the gradients themselves, and shared variables; it returns
a dict of updates: of the parameters, and of what the optimizer itself remembers, which are shared
variables that it makes.  The learning rate, and other numbers, may be scalars of the graph.

>>> import gradcore
>>> import gradcore.tensor as T
>>> w = gradcore.shared([3.0, -2.0], "w")
>>> train = gradcore.function([], T.sum(w**2), updates=T.nn.sgd(T.sum(w**2), [w], 0.25))
>>> [float(train()) for _ in range(3)]
[13.0, 3.25, 0.8125]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from gradcore.errors import ArgumentError
from gradcore.gradient import grad
from gradcore.graph import Variable, as_variable, here
from gradcore.language import is_several
from gradcore.ops.scalars import sqr, sqrt
from gradcore.shared import SharedVariable, shared
from gradcore.tensor.elementwise import cast

Updates: TypeAlias = dict[SharedVariable, Variable]


def sgd(loss: Any, params: Sequence[Any], learning_rate: Any) -> Updates:
    """Return the updates of gradient descent: ``p - learning_rate * g``.

    loss : a scalar, or the gradients, one for each parameter.
    params : shared variables.

    Raises ArgumentError: parameters that are not shared, or other gradients than parameters.

    >>> import gradcore, gradcore.tensor as T
    >>> w = gradcore.shared(4.0)
    >>> T.nn.sgd(w**2, [w], 0.25)[w].eval().item()
    2.0
    """
    return {p: _like(p, p - learning_rate * g) for p, g in _pairs("sgd", loss, params)}


def momentum(loss: Any, params: Sequence[Any], learning_rate: Any, momentum: Any = 0.9) -> Updates:
    """Return the updates of gradient descent with momentum.

    ``v = momentum * v + g``, ``p - learning_rate * v``.  The other arguments, and errors, are those
    of `sgd`.

    B. Polyak, "Some methods of speeding up the convergence of iteration methods" (1964).

    >>> import gradcore, gradcore.tensor as T
    >>> w = gradcore.shared(1.0, "w")
    >>> train = gradcore.function([], w ** 2, updates=T.nn.momentum(w ** 2, [w], 0.1))
    >>> [round(float(train()), 4) for _ in range(3)]
    [1.0, 0.64, 0.2116]
    """
    updates: Updates = {}
    for p, g in _pairs("momentum", loss, params):
        before = _zeros(p)
        v = updates[before] = _like(p, momentum * before + g)
        updates[p] = _like(p, p - learning_rate * v)
    return updates


def nesterov(loss: Any, params: Sequence[Any], learning_rate: Any, momentum: Any = 0.9) -> Updates:
    """Return the updates of gradient descent with Nesterov's momentum.

    ``v = momentum * v + g``, ``p - learning_rate * (g + momentum * v)``.  The other arguments, and
    errors, are those of `sgd`.

    Y. Nesterov, "A method of solving a convex programming problem with convergence rate O(1/k^2)"
    (1983), in the form of I. Sutskever et al., "On the importance of initialization and momentum in
    deep learning" (2013).

    >>> import gradcore, gradcore.tensor as T
    >>> w = gradcore.shared(1.0, "w")
    >>> train = gradcore.function([], w ** 2, updates=T.nn.nesterov(w ** 2, [w], 0.1))
    >>> [round(float(train()), 4) for _ in range(3)]
    [1.0, 0.3844, 0.0495]
    """
    updates: Updates = {}
    for p, g in _pairs("nesterov", loss, params):
        before = _zeros(p)
        v = updates[before] = _like(p, momentum * before + g)
        updates[p] = _like(p, p - learning_rate * (g + momentum * v))
    return updates


def adagrad(
    loss: Any, params: Sequence[Any], learning_rate: Any = 0.01, epsilon: float = 1e-10
) -> Updates:
    """Return the updates of Adagrad: ``p - learning_rate * g / (sqrt(sum of g**2) + epsilon)``.

    The other arguments, and errors, are those of `sgd`.

    J. Duchi et al., "Adaptive subgradient methods for online learning" (2011).

    >>> import gradcore, gradcore.tensor as T
    >>> w = gradcore.shared(1.0, "w")
    >>> train = gradcore.function([], w ** 2, updates=T.nn.adagrad(w ** 2, [w], 0.1))
    >>> [round(float(train()), 4) for _ in range(3)]
    [1.0, 0.81, 0.6941]
    """
    updates: Updates = {}
    for p, g in _pairs("adagrad", loss, params):
        before = _zeros(p)
        total = updates[before] = _like(p, before + sqr(g))
        updates[p] = _like(p, p - learning_rate * g / (sqrt(total) + epsilon))
    return updates


def rmsprop(
    loss: Any,
    params: Sequence[Any],
    learning_rate: Any = 0.01,
    decay: Any = 0.99,
    epsilon: float = 1e-8,
) -> Updates:
    """Return the updates of RMSprop: as those of `adagrad`, with a mean that forgets.

    ``a = decay * a + (1 - decay) * g**2``, ``p - learning_rate * g / (sqrt(a) + epsilon)``.  The
    other arguments, and errors, are those of `sgd`.

    T. Tieleman, G. Hinton, "Lecture 6.5: RMSprop" (2012).

    >>> import gradcore, gradcore.tensor as T
    >>> w = gradcore.shared(1.0, "w")
    >>> train = gradcore.function([], w ** 2, updates=T.nn.rmsprop(w ** 2, [w]))
    >>> [round(float(train()), 4) for _ in range(3)]
    [1.0, 0.81, 0.6938]
    """
    updates: Updates = {}
    for p, g in _pairs("rmsprop", loss, params):
        before = _zeros(p)
        a = updates[before] = _like(p, decay * before + (1 - decay) * sqr(g))
        updates[p] = _like(p, p - learning_rate * g / (sqrt(a) + epsilon))
    return updates


def adam(
    loss: Any,
    params: Sequence[Any],
    learning_rate: Any = 0.001,
    beta1: Any = 0.9,
    beta2: Any = 0.999,
    epsilon: float = 1e-8,
) -> Updates:
    """Return the updates of Adam, as its authors' algorithm 1 has them.

    The means of g and of g**2 that forget by ``beta1`` and ``beta2``, m and v, are divided by
    ``1 - beta**t`` in step t; then ``p - learning_rate * m / (sqrt(v) + epsilon)``.  The other
    arguments, and errors, are those of `sgd`.

    D. Kingma, J. Ba, "Adam: a method for stochastic optimization" (2015).

    >>> import gradcore, gradcore.tensor as T
    >>> w = gradcore.shared(1.0, "w")
    >>> train = gradcore.function([], w ** 2, updates=T.nn.adam(w ** 2, [w], 0.1))
    >>> [round(float(train()), 4) for _ in range(3)]
    [1.0, 0.81, 0.6407]
    """
    betas = beta1, beta2
    return _adam("adam", loss, params, learning_rate, betas, epsilon, None)


def adamw(
    loss: Any,
    params: Sequence[Any],
    learning_rate: Any = 0.001,
    beta1: Any = 0.9,
    beta2: Any = 0.999,
    epsilon: float = 1e-8,
    weight_decay: Any = 0.01,
) -> Updates:
    """Return the updates of `adam`, less ``learning_rate * weight_decay * p``.

    I. Loshchilov, F. Hutter, "Decoupled weight decay regularization" (2019).

    >>> import gradcore, gradcore.tensor as T
    >>> w = gradcore.shared(1.0, "w")
    >>> train = gradcore.function([], w ** 2, updates=T.nn.adamw(w ** 2, [w], 0.1))
    >>> [round(float(train()), 4) for _ in range(3)]
    [1.0, 0.8082, 0.6376]
    """
    betas = beta1, beta2
    return _adam("adamw", loss, params, learning_rate, betas, epsilon, weight_decay)


def _adam(
    name: str,
    loss: Any,
    params: Sequence[Any],
    learning_rate: Any,
    betas: tuple[Any, Any],
    epsilon: float,
    weight_decay: Any,
) -> Updates:
    """Return the updates of both: None is no decay."""
    beta1, beta2 = betas
    count = shared(np.int64(0), "steps")
    t = count + 1
    powers = [1 - as_variable(beta).astype("float64") ** t for beta in betas]
    updates: Updates = {count: t}
    for p, g in _pairs(name, loss, params):
        first, second = _zeros(p), _zeros(p)
        m = updates[first] = _like(p, beta1 * first + (1 - beta1) * g)
        v = updates[second] = _like(p, beta2 * second + (1 - beta2) * sqr(g))
        mean, square = (x / _like(p, power) for x, power in zip((m, v), powers, strict=True))
        step = mean / (sqrt(square) + epsilon)
        if weight_decay is not None:
            step = step + weight_decay * p
        updates[p] = _like(p, p - learning_rate * step)
    return updates


def _pairs(name: str, loss: Any, params: Sequence[Any]) -> list[tuple[SharedVariable, Variable]]:
    """Return the parameters, each with its gradient."""
    found: list[SharedVariable] = []
    for p in params:
        if not isinstance(p, SharedVariable) or not p.type.is_float:
            raise ArgumentError(
                f"{name} updates shared variables of floats, not {p}",
                here(),
                "make it with gradcore.shared",
            )
        found.append(p)
    if not is_several(loss):
        return list(zip(found, grad(loss, found), strict=True))
    if len(loss) != len(found):
        raise ArgumentError(f"{name} got {len(loss)} gradients of {len(found)} parameters", here())
    return [(p, as_variable(g)) for p, g in zip(found, loss, strict=True)]


def _zeros(p: SharedVariable) -> SharedVariable:
    """Return a shared variable of zeros, of the shape and dtype of a parameter."""
    value = np.zeros_like(p.get_value(borrow=True))
    return shared(value, None if p.name is None else f"state of {p.name}", shape=p.type.shape)


def _like(p: SharedVariable, x: Variable) -> Variable:
    """Return what is computed of a parameter in its dtype."""
    return cast(x, p.type.dtype)
