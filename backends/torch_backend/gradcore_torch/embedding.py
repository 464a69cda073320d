"""Graphs as functions of tensors inside a user's own autograd.

A function becomes a ``torch.autograd.Function``: its ``backward`` runs the graph of the pullback,
its ``jvp`` that of the pushforward.

The decision: what is differentiated once is differentiated by gradcore; these graphs run on torch's
own functions, so what is differentiated again (``create_graph=True``, ``torch.func.hessian``) is
differentiated by torch, and ``vmap`` goes through by torch's rules.  Rejected: embedding the
pullback again, which cannot differentiate a compiled choice, and compiles a graph in the middle of
a ``backward``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from gradcore.backend import Embedding
from gradcore.errors import ArgumentError
from gradcore.execute import Runner
from gradcore.graph import FunctionGraph, Variable
from gradcore_torch.kernels import shared_outputs
from gradcore_torch.library import NAMES, torch

Running: TypeAlias = Callable[[FunctionGraph], Runner]
"""What makes a function of tensors of a graph."""


def embedded(
    graphs: Embedding, running_on: Callable[[str], Running], device: str
) -> Callable[..., Any]:
    """Return ``graphs.value`` as a function of tensors, with gradcore's derivatives.

    It runs on the device of its first tensor, or else on ``device``.
    """
    inputs = graphs.value.inputs

    @functools.cache
    def differentiable_on(device: str) -> Any:
        return _differentiable(running_on(device), graphs)

    def function(*values: Any) -> Any:
        """Return the value for tensors (or what they can be made of)."""
        if len(values) != len(inputs):
            raise ArgumentError(f"the function takes {len(inputs)} arguments, got {len(values)}")
        tensors = [v for v in values if isinstance(v, torch.Tensor)]
        place = tensors[0].device if tensors else torch.device(device)
        given = [_fitting(v, value, place) for v, value in zip(inputs, values, strict=True)]
        results = differentiable_on(str(place)).apply(*given)
        return results[0] if graphs.single else list(results)

    return function


def _fitting(variable: Variable, value: Any, device: Any) -> Any:
    """Return ``value`` as a tensor of the type of ``variable``, or raise ArgumentError."""
    kind = variable.type
    try:
        if not isinstance(value, torch.Tensor):
            return torch.as_tensor(kind.filter(value).copy(), device=device)
        kind.check_shape(tuple(value.shape))
    except TypeError as error:
        raise ArgumentError(f"argument {str(variable)!r} {error}") from None
    if NAMES.get(value.dtype) != kind.dtype:
        raise ArgumentError(f"argument {str(variable)!r} expects {kind.dtype}, got {value.dtype}")
    return value


def _differentiable(running: Running, graphs: Embedding) -> Any:
    """Return a class of ``torch.autograd.Function`` for the graphs, on one device."""
    value, pushforward, pullback = (
        graphs.runner(graph, running)
        for graph in (graphs.value, graphs.pushforward, graphs.pullback)
    )
    shared = shared_outputs(graphs.value)
    moved, moving = graphs.moved, graphs.moving
    fixed = [k for k in range(len(graphs.value.outputs)) if k not in moving]

    class Embedded(torch.autograd.Function):
        """The function and its derivatives, as torch wants them."""

        generate_vmap_rule = True

        @staticmethod
        def forward(*tensors: Any) -> Any:
            """Return the outputs; none of them is an input or a view of one."""
            outputs = list(value(*tensors))
            for k in shared:
                outputs[k] = outputs[k].clone()
            return tuple(outputs)

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            """Keep the inputs."""
            ctx.save_for_backward(*inputs)
            ctx.save_for_forward(*inputs)
            ctx.mark_non_differentiable(*(output[k] for k in fixed))

        @staticmethod
        def backward(ctx: Any, *cotangents: Any) -> Any:
            """Return the cotangents of the inputs."""
            back = pullback(*ctx.saved_tensors, *(cotangents[k] for k in moving))
            return _placed(back, moved, len(ctx.saved_tensors))

        @staticmethod
        def jvp(ctx: Any, *tangents: Any) -> Any:
            """Return the tangents of the outputs."""
            inputs = ctx.saved_tensors
            given = (
                torch.zeros_like(inputs[i]) if tangents[i] is None else tangents[i] for i in moved
            )
            forth = pushforward(*inputs, *given)
            return _placed(forth, moving, len(graphs.value.outputs))

    return Embedded


def _placed(values: Sequence[Any], positions: Sequence[int], n: int) -> tuple[Any, ...]:
    """Return a tuple of ``n`` with ``values`` at ``positions``, and None elsewhere."""
    found: list[Any] = [None] * n
    for position, value in zip(positions, values, strict=True):
        found[position] = value
    return tuple(found)
