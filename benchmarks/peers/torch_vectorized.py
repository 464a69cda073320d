"""Functions of single values in torch, vectorized by ``torch.func.vmap``."""

import torch

from peers.program import Program


def layers(x, v, w):
    """Return two layers."""
    return torch.tanh(w @ torch.tanh(v @ x))


def cost(v, x, w):
    """Return a cost of one example."""
    return (layers(x, v, w) ** 2).sum()


def states(x, v):
    """Return the last state of a recurrent layer."""
    h = torch.zeros_like(x[0])
    for e in x:
        h = torch.tanh(v @ h + e)
    return h


def program(function, axes):
    """Return a function for all rows as a program; axes: as `torch.func.vmap` takes them."""
    return Program(
        torch.func.vmap(function, axes), lambda *given: tuple(map(torch.as_tensor, given))
    )


PROGRAMS = {
    "two layers 64 -> 64 -> 10, 1000 rows": program(layers, (0, None, None)),
    "gradients of 200 examples in 64 x 64 weights": program(
        lambda x, v, w: torch.func.grad(cost)(v, x, w), (0, None, None)
    ),
    "solve, 1000 of 8 x 8": program(torch.linalg.solve, (0, 0)),
    "recurrent layer, 50 steps, 100 rows of 32": program(states, (0, None)),
    "an op of one's own, 1000 rows of 100": program(lambda x: x.flip(0) * torch.exp(-x * x), (0,)),
}
