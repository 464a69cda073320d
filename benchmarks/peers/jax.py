"""JAX, compiled by ``jit``; 64 bits as the inputs have them."""

import jax
import jax.numpy as jnp
from jax import lax

from peers import costs
from peers.program import Program

jax.config.update("jax_enable_x64", True)


def scan_scalar(x, a, b):
    """The sum of all states."""

    def step(x, _):
        x = jnp.tanh(a * x + b)
        return x, x

    return jnp.sum(lax.scan(step, x, None, length=10_000)[1])


def rnn(x, U, W, b):
    """The sum of squares of all states."""

    def step(h, row):
        h = jnp.tanh(row @ U + h @ W + b)
        return h, h

    start = jnp.zeros((x.shape[1], W.shape[0]), x.dtype)
    return jnp.sum(lax.scan(step, start, x)[1] ** 2)


def lstm(x, U, W, b):
    """The sum of squares of all outputs."""

    def step(state, row):
        h, c = state
        i, f, o, g = jnp.split(row @ U + h @ W + b, 4, axis=1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    start = jnp.zeros((x.shape[1], W.shape[0]), x.dtype)
    return jnp.sum(lax.scan(step, (start, start), x)[1] ** 2)


def _function(name, sizes):
    """Return what is to be compiled for a case."""
    if name in ("scan_scalar", "rnn", "lstm"):
        return jax.value_and_grad(globals()[name], costs.WRT[name])
    if name == "logsumexp":
        return lambda x: jax.nn.logsumexp(x, axis=1)

    def cost(*inputs):
        return getattr(costs, name)(jnp, jax.nn.logsumexp, *inputs, *sizes)

    if name == "hvp":
        slope = jax.grad(cost, 2)
        return lambda X, y, w, v: jax.jvp(lambda w: slope(X, y, w), (w,), (v,))[1]
    if name in ("jacobian_dense", "jacobian_diagonal"):
        return jax.jacrev(cost)
    if name not in costs.WRT:
        return cost
    derived = jax.grad if name in costs.ONLY_GRADIENT else jax.value_and_grad
    return derived(cost, costs.WRT[name])


def _flat(results):
    """Return (value, gradients) as one tuple."""
    pair = isinstance(results, tuple) and isinstance(results[-1], tuple)
    return (results[0], *results[1]) if pair else results


def jitted(case):
    """Return the function of a case, compiled when it is first called."""
    function = _function(case.name, case.sizes)
    return jax.jit(lambda *arrays: _flat(function(*arrays)))


def build(case, inputs):
    """Return a case; it is compiled when it is first called."""
    compiled = jitted(case)
    ready = jax.block_until_ready
    return Program(
        lambda *arrays: ready(compiled(*arrays)), lambda *arrays: tuple(map(jnp.asarray, arrays))
    )
