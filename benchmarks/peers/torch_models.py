"""torch, for models, eager and compiled."""

import math
from functools import partial

import numpy as np
import torch
from torch.linalg import solve_triangular
from torch.nn import functional as F

from peers import programs
from peers.models import DRAWN, HEADS, RATE, WIDTH
from peers.program import NotHere, Program


def gp(x, y, scales):
    """The negative log evidence."""
    distances = (x[:, None] - x[None, :]) / torch.exp(scales[0])
    covariance = torch.exp(2 * scales[1]) * torch.exp(-(distances**2) / 2)
    covariance = covariance + torch.exp(2 * scales[2]) * torch.eye(len(x), dtype=x.dtype)
    factor = torch.linalg.cholesky(covariance)
    white = solve_triangular(factor, y[:, None], upper=False)
    constant = len(x) * math.log(2 * math.pi) / 2
    return torch.sum(white**2) / 2 + torch.sum(torch.log(torch.diagonal(factor))) + constant


def kalman(seen, move, look, scales):
    """The negative log likelihood, without its constant."""
    start = torch.eye(len(move), dtype=seen.dtype)
    pushes = torch.exp(2 * scales[0]) * start
    errors = torch.exp(2 * scales[1]) * torch.eye(len(look), dtype=seen.dtype)
    mean, covariance = torch.zeros_like(move[0]), start
    cost = torch.zeros((), dtype=seen.dtype)
    for y in seen:
        mean = move @ mean
        covariance = move @ covariance @ move.T + pushes
        mixed = look @ covariance
        factor = torch.linalg.cholesky(mixed @ look.T + errors)
        white = solve_triangular(factor, (y - look @ mean)[:, None], upper=False)[:, 0]
        half = solve_triangular(factor, mixed, upper=False)
        cost = cost + torch.sum(white**2) / 2 + torch.sum(torch.log(torch.diagonal(factor)))
        mean, covariance = mean + half.T @ white, covariance - half.T @ half
    return cost


solves = torch.linalg.solve


def convnet(images, labels, filters1, b1, filters2, b2, W1, b3, W2, b4):
    """The cross-entropy of a network in the manner of LeNet."""
    maps = F.max_pool2d(F.relu(F.conv2d(images, filters1, b1, padding="same")), 2)
    maps = F.max_pool2d(F.relu(F.conv2d(maps, filters2, b2, padding="same")), 2)
    hidden = F.relu(torch.addmm(b3, maps.flatten(1), W1))
    return F.cross_entropy(torch.addmm(b4, hidden, W2), labels)


def attention(tokens, wanted, gain1, gain2, Wq, Wk, Wv, Wo, W1, b1, W2):
    """The mean square by which a block misses what is wanted."""
    x = F.layer_norm(tokens, (WIDTH,), gain1)
    split = (*x.shape[:2], HEADS, WIDTH // HEADS)
    q, k, v = ((x @ W).reshape(split).transpose(1, 2) for W in (Wq, Wk, Wv))
    seen = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(x.shape)
    x = tokens + seen @ Wo
    hidden = F.gelu(F.layer_norm(x, (WIDTH,), gain2) @ W1 + b1, approximate="tanh")
    return torch.mean((x + hidden @ W2 - wanted) ** 2)


def normal(key, zero):
    """The numbers, of torch's own stream."""
    return torch.randn(DRAWN, dtype=zero.dtype)


def fold(step, first, elements, *constants):
    """Return the last state of a loop."""
    state = first
    for element in [None] * elements if isinstance(elements, int) else elements:
        state = step(state, element, *constants)
    return state


PROGRAMS = programs.Words(
    fold=fold,
    least=lambda x: torch.amin(x, -1),
    sort=lambda x: torch.sort(x)[0],
    logsumexp=lambda x, axis: torch.logsumexp(x, axis),
    padded=lambda x: F.pad(x, (1, 1, 1, 1)),
)


def build(case, inputs, kind):
    """Return a case, eager or compiled."""
    if kind == "compile" and case.name in ("kalman", "solves", "normal", "hmm", "heat"):
        raise NotHere  # a loop that it would unroll, and single functions
    cost = globals().get(case.name)
    if cost is None:
        cost = partial(getattr(programs, case.name), torch, PROGRAMS)
    if kind == "compile":
        torch.compiler.reset()
        cost = torch.compile(cost)

    def take(*arrays):
        found = [torch.from_numpy(np.array(a)) for a in arrays]
        for i in case.wrt:
            found[i].requires_grad_()
        return found

    if case.trained:
        parameters = take(*inputs)[case.wrt[0] :]
        descent = torch.optim.SGD(parameters, RATE)

        def step(*data):
            descent.zero_grad()
            loss = cost(*data, *parameters)
            loss.backward()
            descent.step()
            return loss.detach()

        return Program(step, lambda *arrays: take(*arrays)[: case.wrt[0]])
    if not case.wrt:
        return Program(cost, take)

    def call(*arrays):
        value = cost(*arrays)
        return value.detach(), *torch.autograd.grad(value, [arrays[i] for i in case.wrt])

    return Program(call, take)
