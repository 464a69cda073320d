"""JAX, for models, compiled by ``jit``; 64 bits as the inputs have them."""

import math
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax
from jax.scipy.linalg import solve_triangular

from peers import programs
from peers.models import DRAWN, HEADS, RATE, WIDTH
from peers.program import Program

jax.config.update("jax_enable_x64", True)


def gp(x, y, scales):
    """The negative log evidence."""
    distances = (x[:, None] - x[None, :]) / jnp.exp(scales[0])
    covariance = jnp.exp(2 * scales[1]) * jnp.exp(-(distances**2) / 2)
    covariance = covariance + jnp.exp(2 * scales[2]) * jnp.eye(len(x))
    factor = jnp.linalg.cholesky(covariance)
    white = solve_triangular(factor, y, lower=True)
    constant = len(x) * math.log(2 * math.pi) / 2
    return jnp.sum(white**2) / 2 + jnp.sum(jnp.log(jnp.diagonal(factor))) + constant


def kalman(seen, move, look, scales):
    """The negative log likelihood, without its constant."""
    pushes = jnp.exp(2 * scales[0]) * jnp.eye(len(move))
    errors = jnp.exp(2 * scales[1]) * jnp.eye(len(look))

    def step(state, y):
        mean, covariance = state
        mean = move @ mean
        covariance = move @ covariance @ move.T + pushes
        mixed = look @ covariance
        factor = jnp.linalg.cholesky(mixed @ look.T + errors)
        white = solve_triangular(factor, y - look @ mean, lower=True)
        half = solve_triangular(factor, mixed, lower=True)
        cost = jnp.sum(white**2) / 2 + jnp.sum(jnp.log(jnp.diagonal(factor)))
        return (mean + half.T @ white, covariance - half.T @ half), cost

    start = jnp.zeros(len(move)), jnp.eye(len(move))
    return jnp.sum(lax.scan(step, start, seen)[1])


solves = jnp.linalg.solve


def convnet(images, labels, filters1, b1, filters2, b2, W1, b3, W2, b4):
    """The cross-entropy of a network in the manner of LeNet."""
    maps = images
    for filters, bias in ((filters1, b1), (filters2, b2)):
        maps = lax.conv(maps, filters, (1, 1), "SAME") + bias[:, None, None]
        window = (1, 1, 2, 2)
        maps = lax.reduce_window(jax.nn.relu(maps), -jnp.inf, lax.max, window, window, "VALID")
    logits = jax.nn.relu(maps.reshape(len(images), -1) @ W1 + b3) @ W2 + b4
    chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], 1)
    return -jnp.mean(chosen)


def layer_norm(x, gain):
    """Over the last axis."""
    centred = x - jnp.mean(x, -1, keepdims=True)
    return centred / jnp.sqrt(jnp.mean(centred**2, -1, keepdims=True) + 1e-5) * gain


def attention(tokens, wanted, gain1, gain2, Wq, Wk, Wv, Wo, W1, b1, W2):
    """The mean square by which a block misses what is wanted."""
    x = layer_norm(tokens, gain1)
    q, k, v = ((x @ W).reshape(*x.shape[:2], HEADS, WIDTH // HEADS) for W in (Wq, Wk, Wv))
    x = tokens + jax.nn.dot_product_attention(q, k, v).reshape(x.shape) @ Wo
    hidden = jax.nn.gelu(layer_norm(x, gain2) @ W1 + b1)
    return jnp.mean((x + hidden @ W2 - wanted) ** 2)


def normal(key, zero):
    """The numbers."""
    return jax.random.normal(jax.random.key(key), (DRAWN,), zero.dtype)


def fold(step, first, elements, *constants):
    """Return the last state of a loop."""
    counted = isinstance(elements, int)
    xs, length = (None, elements) if counted else (elements, None)
    return lax.scan(lambda s, x: (step(s, x, *constants), None), first, xs, length)[0]


PROGRAMS = programs.Words(
    fold=fold,
    least=lambda x: jnp.min(x, axis=-1),
    sort=jnp.sort,
    logsumexp=jax.nn.logsumexp,
    padded=lambda x: jnp.pad(x, 1),
)


def build(case, inputs):
    """Return a case; it is compiled when it is first called."""
    cost, ready = globals().get(case.name), jax.block_until_ready
    if cost is None:
        cost = partial(getattr(programs, case.name), jnp, PROGRAMS)
    derived = jax.value_and_grad(cost, case.wrt) if case.wrt else cost
    if not case.trained:
        compiled = jax.jit(derived)

        def call(*arrays):
            found = ready(compiled(*arrays))
            return (found[0], *found[1]) if case.wrt else found

        return Program(call, lambda *arrays: tuple(map(jnp.asarray, arrays)))

    def descended(parameters, *data):
        loss, slopes = derived(*data, *parameters)
        return loss, [p - RATE * slope for p, slope in zip(parameters, slopes, strict=True)]

    compiled = jax.jit(descended, donate_argnums=0)
    parameters = [jnp.array(inputs[i]) for i in case.wrt]

    def step(*data):
        nonlocal parameters
        loss, parameters = ready(compiled(parameters, *data))
        return loss

    return Program(step, lambda *arrays: tuple(map(jnp.asarray, arrays[: case.wrt[0]])))
