"""Stochastic gradients over chunks: each step sees a few of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradcore.compile import function
from gradcore.errors import ArgumentError
from gradcore.gradient import grad
from gradcore.graph import Variable, here
from gradcore.shared import SharedVariable
from gradcore.summing import chunked


def minibatches(
    cost: Variable,
    params: Sequence[Any],
    data: Any,
    optimizer: Callable[..., Any],
    args: Sequence[Variable] = (),
    chunks: int = 1,
    seed: int = 0,
    mode: Any = None,
) -> Callable[..., list[float]]:
    """Return a function that takes a step for every few chunks of data, in a random order.

    cost : a scalar expression of the rows of a batch: their mean, so that steps do not depend on
        how many rows they see.
    params : shared variables.
    data : what comes in chunks, as `gradcore.Function.over` takes it: a dict of arrays, or chunks
        of `gradcore.summing.chunked` or `gradcore.distributed.chunks`.
    optimizer : from the gradients and the parameters to updates, such as
        ``lambda grads, params: T.nn.adam(grads, params, 0.01)``.
    args : all inputs of the cost, in any order but for those that are not in chunks: the function
        takes their values.
    chunks : how many a step sees; on a cluster, as many as there are workers at least.
    seed : of the order, which is another one in each pass over the data.
    mode : what to compile for, see `gradcore.function`.

    Each call is one pass over the data, and returns the costs before each step.  The chunks that a
    step sees are summed as always: on several workers, each computes the gradient of its chunks,
    and one step is made of the sum.  So the same seed gives the same parameters, wherever it runs.

    H. Robbins and S. Monro, "A stochastic approximation method" (1951).

    Raises ArgumentError: parameters that are not shared; chunks that cannot be chosen among;
    otherwise what `gradcore.Function.over` raises.

    >>> import numpy as np
    >>> import gradcore, gradcore.tensor as T
    >>> from gradcore.optimize import minibatches
    >>> from gradcore.summing import chunked
    >>> x, y, w = T.dmatrix("x"), T.dvector("y"), gradcore.shared([0.0, 0.0], "w")
    >>> points = np.random.default_rng(0).normal(size=(60, 2))
    >>> data = chunked({x: points, y: points @ [1.0, -2.0]}, rows=10)
    >>> cost = T.mean((T.dot(x, w) - y) ** 2)
    >>> epoch = minibatches(cost, [w], data, lambda g, p: T.nn.sgd(g, p, 0.2), args=[x, y])
    >>> costs = [epoch() for _ in range(5)]
    >>> len(costs[0]), w.get_value().round(3).tolist()
    (6, [1.0, -2.0])
    """
    for p in params:
        if not isinstance(p, SharedVariable):
            raise ArgumentError(
                f"minibatches moves shared variables, not {p}",
                here(),
                "make it with gradcore.shared",
            )
    found = chunked(data)
    if found.count is None or chunks < 1:
        raise ArgumentError(f"of {found.count} chunks, {chunks} cannot be chosen", here())
    total = function(args, [cost, *grad(cost, list(params))], mode).over(found)
    slopes = [p.type() for p in params]
    step = function(slopes, [], mode, updates=optimizer(slopes, list(params)))
    rng = np.random.default_rng(seed)

    def epoch(*values: Any) -> list[float]:
        """Take the steps of one pass over the data; return the costs before each."""
        assert found.count is not None
        order = rng.permutation(found.count)
        costs: list[float] = []
        for start in range(0, len(order), chunks):
            value, *gradients = total.of(np.sort(order[start : start + chunks]))(*values)
            step(*gradients)
            costs.append(float(value))
        return costs

    return epoch
