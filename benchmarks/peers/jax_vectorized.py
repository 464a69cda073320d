"""Functions of single values in JAX, vectorized by ``jax.vmap``."""

import jax
import jax.numpy as jnp

from peers.program import Program

jax.config.update("jax_enable_x64", True)


def layers(x, v, w):
    """Return two layers."""
    return jnp.tanh(w @ jnp.tanh(v @ x))


def cost(v, x, w):
    """Return a cost of one example."""
    return (layers(x, v, w) ** 2).sum()


def states(x, v):
    """Return the last state of a recurrent layer."""

    def step(h, e):
        return jnp.tanh(v @ h + e), None

    return jax.lax.scan(step, jnp.zeros_like(x[0]), x)[0]


def program(function, axes):
    """Return a function for all rows as a program; axes: as `jax.vmap` takes them."""
    compiled = jax.jit(jax.vmap(function, axes))
    return Program(
        lambda *given: compiled(*given).block_until_ready(),
        lambda *given: tuple(map(jnp.asarray, given)),
    )


PROGRAMS = {
    "two layers 64 -> 64 -> 10, 1000 rows": program(layers, (0, None, None)),
    "gradients of 200 examples in 64 x 64 weights": program(
        lambda x, v, w: jax.grad(cost)(v, x, w), (0, None, None)
    ),
    "solve, 1000 of 8 x 8": program(jnp.linalg.solve, (0, 0)),
    "recurrent layer, 50 steps, 100 rows of 32": program(states, (0, None)),
    "an op of one's own, 1000 rows of 100": program(lambda x: x[::-1] * jnp.exp(-x * x), (0,)),
}
