"""Whole Jacobians and Hessians in JAX, by columns and by rows."""

import jax
import jax.numpy as jnp

from peers.program import Program

jax.config.update("jax_enable_x64", True)


def programs(case):
    """Return a case by ``jacfwd`` and by ``jacrev``."""

    def function(*given):
        return case.function(jnp, *given)

    if case.kind == "hessian":
        function = jax.grad(function)
    if case.kind == "batch":
        whole = function

        def function(row):
            return whole(row[None])[0]

    derivatives = [jax.jacfwd(function), jax.jacrev(function)]
    if case.kind in ("rows", "batch"):
        axes = (0, *(None,) * (len(case.shapes) - 1))
        derivatives = [jax.vmap(each, axes) for each in derivatives]
    return [_program(jax.jit(each)) for each in derivatives]


def _program(compiled):
    return Program(
        lambda *given: compiled(*given).block_until_ready(),
        lambda *given: tuple(map(jnp.asarray, given)),
    )
