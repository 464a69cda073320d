"""Graphs as functions inside a user's own JAX programs.

The derivative is a ``jax.custom_jvp``: the pushforward is gradcore's graph, and JAX transposes it
for reverse mode, batches it for ``vmap``, and differentiates it for higher orders.  Rejected:
``custom_vjp``, which would use gradcore's pullback and shut out ``jvp`` and ``jacfwd``.

Arguments are cast to the dtypes of the graph.  Where the user's JAX has its 64 bits switched off
(``jax_enable_x64``), there are none here either, and the graph computes in half the width, as the
rest of that program: what JAX transposes later, it transposes outside any context of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import numpy as np

from gradcore.backend import Embedding
from gradcore.errors import ArgumentError
from gradcore.execute import Runner
from gradcore.graph import FunctionGraph, TensorType
from gradcore_jax.tracing import jax, jnp, strong


def embedded(graphs: Embedding, runner: Callable[[FunctionGraph], Runner]) -> Callable[..., Any]:
    """Return ``graphs.value`` as a JAX function with a derivative.

    runner : returns what runs a graph on arrays of JAX.
    """
    types = [v.type for v in graphs.value.inputs]
    moved = [types[i] for i in graphs.moved]

    @cache
    def runners(x64: bool) -> tuple[Runner, Runner]:
        # One pair for each width: large constants become arrays of JAX once, in that width.
        return graphs.runner(graphs.value, runner), graphs.runner(graphs.pushforward, runner)

    def call(*arrays: Any) -> tuple[Any, ...]:
        run, _ = runners(jax.config.jax_enable_x64)
        outputs = run(*_taken(arrays, types))
        return tuple(strong(x, v.dtype) for x, v in zip(outputs, graphs.value.outputs, strict=True))

    function = jax.custom_jvp(call)

    def derivative(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
        outputs = function(*primals)
        _, push = runners(jax.config.jax_enable_x64)
        given = _taken([tangents[i] for i in graphs.moved], moved)
        found = iter(_linear(partial(push, *_taken(primals, types)), given))
        return outputs, tuple(
            strong(next(found, jnp.zeros_like(output)), output.dtype)
            if k in graphs.moving
            else np.zeros(output.shape, jax.dtypes.float0)
            for k, output in enumerate(outputs)
        )

    function.defjvp(derivative)

    def checked(*arrays: Any) -> Any:
        _check(arrays, types)
        outputs = function(*map(jnp.asarray, arrays))
        return outputs[0] if graphs.single else list(outputs)

    return checked


def _linear(function: Callable[..., Any], arrays: Sequence[Any]) -> Sequence[Any]:
    """Return ``function`` of ``arrays``, which is linear, in a form that JAX can transpose.

    Linearizing separates, in each loop, what is linear from what is not; transposing a loop
    asks for that.
    """
    if not arrays:
        return ()
    _, linear = jax.linearize(function, *map(jnp.zeros_like, arrays))
    return linear(*arrays)


def _check(arrays: Sequence[Any], types: Sequence[TensorType]) -> None:
    """Raise ArgumentError for too many or too few arguments, and for those that do not fit."""
    if len(arrays) != len(types):
        raise ArgumentError(f"the function takes {len(types)} arguments, got {len(arrays)}")
    for i, (array, type) in enumerate(zip(arrays, types, strict=True)):
        if not type.accepts(TensorType(type.dtype, np.shape(array))):
            raise ArgumentError(f"argument {i} has shape {np.shape(array)}, it must be {type}")


def _taken(arrays: Sequence[Any], types: Sequence[TensorType]) -> list[Any]:
    """Return ``arrays`` in the dtypes of the graph."""
    return [strong(array, type.dtype) for array, type in zip(arrays, types, strict=True)]
