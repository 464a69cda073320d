"""The models in Theano's words: gradcore's, of which PyTensor speaks those without networks.

A function takes the library and its tensor language, and variables.
"""

import math

from peers import programs
from peers.models import DRAWN, HEADS, WIDTH


def gp(lib, T, x, y, scales):
    """The negative log evidence: of examples/gaussian_process.py."""
    distances = (x[:, None] - x[None, :]) / T.exp(scales[0])
    covariance = T.exp(2 * scales[1]) * T.exp(-(distances**2) / 2)
    covariance = covariance + T.exp(2 * scales[2]) * T.eye(x.shape[0])
    factor = T.linalg.cholesky(covariance)
    white = lib.solve_lower(factor, y)
    constant = x.shape[0] * math.log(2 * math.pi) / 2
    return T.sum(white**2) / 2 + T.sum(T.log(T.diagonal(factor))) + constant


def kalman(lib, T, seen, move, look, scales):
    """The negative log likelihood: of examples/kalman_filter.py, without its constant."""
    pushes = T.exp(2 * scales[0]) * T.eye(move.shape[0])
    errors = T.exp(2 * scales[1]) * T.eye(look.shape[0])

    def step(y, mean, covariance, move, look, pushes, errors):
        mean = T.dot(move, mean)
        covariance = T.dot(T.dot(move, covariance), move.T) + pushes
        mixed = T.dot(look, covariance)
        factor = T.linalg.cholesky(T.dot(mixed, look.T) + errors)
        white = lib.solve_lower(factor, y - T.dot(look, mean))
        half = lib.solve_lower(factor, mixed)
        cost = T.sum(white**2) / 2 + T.sum(T.log(T.diagonal(factor)))
        return mean + T.dot(half.T, white), covariance - T.dot(half.T, half), cost

    *_, costs = lib.scan(
        step,
        sequences=[seen],
        outputs_info=[T.zeros((move.shape[0],)), T.eye(move.shape[0]), None],
        non_sequences=[move, look, pushes, errors],
    )
    return T.sum(costs)


def solves(lib, T, a, b):
    """The solutions."""
    return T.linalg.solve(a, b)


def convnet(lib, T, images, labels, filters1, b1, filters2, b2, W1, b3, W2, b4):
    """The cross-entropy of a network in the manner of LeNet."""
    maps = images
    for filters, bias in ((filters1, b1), (filters2, b2)):
        maps = T.nn.conv2d(maps, filters, padding="same") + bias[:, None, None]
        maps = T.nn.max_pool(T.nn.relu(maps), 2)
    features = maps.reshape((images.shape[0], W1.shape[0]))
    logits = T.dot(T.nn.relu(T.dot(features, W1) + b3), W2) + b4
    return T.nn.softmax_cross_entropy(logits, labels).mean()


def attention(lib, T, tokens, wanted, gain1, gain2, Wq, Wk, Wv, Wo, W1, b1, W2):
    """The mean square by which a block misses what is wanted: attention, and two layers."""
    split = (*tokens.shape[:2], HEADS, WIDTH // HEADS)
    x = T.nn.layer_norm(tokens, gain1)
    q, k, v = (T.dot(x, W).reshape(split).dimshuffle(0, 2, 1, 3) for W in (Wq, Wk, Wv))
    seen = T.nn.attention(q, k, v).dimshuffle(0, 2, 1, 3).reshape(tokens.shape)
    x = tokens + T.dot(seen, Wo)
    hidden = T.nn.gelu(T.dot(T.nn.layer_norm(x, gain2), W1) + b1, approximate=True)
    return T.mean((x + T.dot(hidden, W2) - wanted) ** 2)


def normal(lib, T, key, zero):
    """The numbers, of the dtype of a zero."""
    return lib.normal(key, (DRAWN,), zero.dtype)


# programs in NumPy's words ----------------------------------------------------------------------
def expression(case, lib, T, variables):
    """Return what a case computes: a model of this file, or a program of `peers.programs`."""
    if case.name in globals():
        return globals()[case.name](lib, T, *variables)
    words = programs.Words(
        fold=lambda *given: fold(lib, *given),
        least=lambda x: T.min(x, axis=-1),
        sort=T.sort,
        logsumexp=T.logsumexp,
        padded=lambda x: T.pad(x, 1),
    )
    return getattr(programs, case.name)(T, words, *variables)


def fold(lib, step, first, elements, *constants):
    """Return the last state of a loop over elements, or of so many steps."""
    counted = isinstance(elements, int)
    states = lib.scan(
        (lambda state, *rest: step(state, None, *rest))
        if counted
        else (lambda element, state, *rest: step(state, element, *rest)),
        None if counted else elements,
        first,
        list(constants),
        n_steps=elements if counted else None,
    )
    return states[-1]
