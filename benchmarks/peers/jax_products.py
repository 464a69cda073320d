"""Products with a Jacobian or a Hessian in JAX: as one writes them, and by hand."""

import jax
import jax.numpy as jnp

from peers.program import Program

jax.config.update("jax_enable_x64", True)


def layer(x, w):
    """The function of ``benchmarks/jacobians.py``."""
    return jnp.tanh(w @ x) * x


def cost(x, w):
    """Its cost."""
    return (jnp.tanh(w @ x) ** 2).sum()


JACOBIAN, SLOPE, HESSIAN = jax.jacrev(layer), jax.grad(cost), jax.hessian(cost)


def jvp(function, x, w, v):
    """The Jacobian times a vector."""
    return jax.jvp(lambda x: function(x, w), (x,), (v,))[1]


def vjp(x, w, v):
    """A vector times the Jacobian of the layer."""
    return jax.vjp(lambda x: layer(x, w), x)[1](v)[0]


def unit(x):
    """The unit vector 3."""
    return jnp.zeros_like(x).at[3].set(1.0)


PRODUCTS = {
    "J @ v": (lambda x, w, v: JACOBIAN(x, w) @ v, lambda x, w, v: jvp(layer, x, w, v)),
    "v @ J": (lambda x, w, v: v @ JACOBIAN(x, w), vjp),
    "J.T @ J @ v": (
        lambda x, w, v: JACOBIAN(x, w).T @ JACOBIAN(x, w) @ v,
        lambda x, w, v: vjp(x, w, jvp(layer, x, w, v)),
    ),
    "J @ M, 8 columns": (
        lambda x, w, v: JACOBIAN(x, w) @ w[:, :8],
        lambda x, w, v: jax.vmap(lambda m: jvp(layer, x, w, m))(w[:, :8].T).T,
    ),
    "(2 * J + W) @ v": (
        lambda x, w, v: (2 * JACOBIAN(x, w) + w) @ v,
        lambda x, w, v: 2 * jvp(layer, x, w, v) + w @ v,
    ),
    "(J * v).sum(1)": (
        lambda x, w, v: (JACOBIAN(x, w) * v).sum(1),
        lambda x, w, v: jvp(layer, x, w, v),
    ),
    "J[3]": (lambda x, w, v: JACOBIAN(x, w)[3], lambda x, w, v: vjp(x, w, unit(x))),
    "J[:, 3]": (lambda x, w, v: JACOBIAN(x, w)[:, 3], lambda x, w, v: jvp(layer, x, w, unit(x))),
    "J.sum(0)": (
        lambda x, w, v: JACOBIAN(x, w).sum(0),
        lambda x, w, v: vjp(x, w, jnp.ones_like(x)),
    ),
    "H @ v": (lambda x, w, v: HESSIAN(x, w) @ v, lambda x, w, v: jvp(SLOPE, x, w, v)),
    "v @ H @ v": (
        lambda x, w, v: v @ HESSIAN(x, w) @ v,
        lambda x, w, v: v @ jvp(SLOPE, x, w, v),
    ),
}


def arrays(*given):
    """Return arrays of JAX."""
    return tuple(map(jnp.asarray, given))


def products():
    """Return pairs of programs, by name."""

    def program(function):
        compiled = jax.jit(function)
        return Program(lambda *given: compiled(*given).block_until_ready(), arrays)

    return {name: tuple(map(program, pair)) for name, pair in PRODUCTS.items()}
