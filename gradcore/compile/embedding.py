"""Graphs as functions of another library, inside a user's own programs there.

A project can so move one expression at a time: the function takes and returns arrays of the
library, works inside its transformations, and has gradcore's derivatives.

What the optimizer moves out of a loop runs where the loop takes no step, too, and may raise there:
that is deoptimized as in a compiled function (`gradcore.compile.deoptimize`), but by the library
itself, since the arrays may be ones that it traces.  So a call that raises runs the graph as it was
written, and what that returns or raises is what the call does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gradcore.backend import Embedding, refuse
from gradcore.compile.arguments import checked_inputs, checked_outputs
from gradcore.compile.pipeline import CLOSED, Compilation, refuse_missing
from gradcore.errors import GraphTypeError
from gradcore.gradient import Lop, Rop
from gradcore.graph import FunctionGraph, Variable, free_inputs, here
from gradcore.language import is_several
from gradcore.mode import Mode
from gradcore.shared import SharedVariable


def as_jax(outputs: Any, inputs: Sequence[Variable]) -> Callable[..., Any]:
    """Return ``outputs`` as a JAX function of ``inputs``, with gradcore's derivatives.

    It works inside ``jax.jit``, ``jax.grad``, ``jax.vmap`` ...; the derivatives are registered as
    its custom rule.  For one output it returns an array, for several a list.

    Raises UnavailableError: JAX is not installed.  MissingInputError: the outputs need more than
    the inputs.

    >>> import gradcore, gradcore.tensor as T
    >>> import jax
    >>> x = T.fvector("x")
    >>> energy = gradcore.as_jax(T.sum(x ** 2), [x])
    >>> jax.grad(energy)(jax.numpy.ones(2)).tolist()
    [2.0, 2.0]
    """
    return _embedded("jax", outputs, inputs)


def as_torch(outputs: Any, inputs: Sequence[Variable]) -> Callable[..., Any]:
    """Return ``outputs`` as a torch function of ``inputs``, with gradcore's derivatives.

    It takes part in torch's autograd as a ``torch.autograd.Function``.  For one output it returns
    a tensor, for several a list.

    Raises UnavailableError: torch is not installed.  MissingInputError: the outputs need more than
    the inputs.

    >>> import gradcore, gradcore.tensor as T
    >>> import torch
    >>> x = T.fvector("x")
    >>> energy = gradcore.as_torch(T.sum(x ** 2), [x])
    >>> data = torch.ones(2, requires_grad=True)
    >>> energy(data).backward()
    >>> data.grad.tolist()
    [2.0, 2.0]
    """
    return _embedded("torch", outputs, inputs)


def _embedded(name: str, outputs: Any, inputs: Sequence[Variable]) -> Callable[..., Any]:
    """Return ``outputs`` as a function of the library of a backend."""
    mode = Mode(name)
    backend = mode.resolved_backend()
    variables = [entry.variable for entry in checked_inputs(inputs, None)]
    wanted = checked_outputs(outputs)
    for v in free_inputs(wanted):
        if isinstance(v, SharedVariable):
            raise GraphTypeError(
                f"{v} is a shared variable: a function of {name} has no state",
                here(),
                "make it an input: put a variable in its place with graph_replace",
            )
    refuse_missing(wanted, set(variables))
    moved = [i for i, v in enumerate(variables) if v.type.is_float]
    moving = [k for k, v in enumerate(wanted) if v.type.is_float]
    xs, ys = [variables[i] for i in moved], [wanted[k] for k in moving]
    tangents, cotangents = [v.type() for v in xs], [v.type() for v in ys]
    forward: list[Variable] = []
    back: list[Variable] = []
    if xs and ys:
        forward = Rop(ys, xs, tangents, disconnected_outputs="ignore")
        back = Lop(ys, xs, cotangents, disconnected_inputs="ignore")

    sources: dict[FunctionGraph, tuple[Sequence[Variable], Sequence[Variable]]] = {}

    def graph(given: Sequence[Variable], results: Sequence[Variable]) -> FunctionGraph:
        made = Compilation(given, results, mode, backend).through(CLOSED)
        if made.lacks:
            refuse(backend, made.lacks)
        sources[made.graph] = given, results
        return made.graph

    def written(rewritten: FunctionGraph) -> FunctionGraph | None:
        plain = Compilation(*sources[rewritten], Mode(name, optimizer=False), backend)
        return None if plain.through(CLOSED).lacks else plain.graph

    return backend.embedded(
        Embedding(
            graph(variables, wanted),
            graph([*variables, *tangents], forward),
            graph([*variables, *cotangents], back),
            tuple(moved),
            tuple(moving),
            not is_several(outputs),
            written,
        )
    )
