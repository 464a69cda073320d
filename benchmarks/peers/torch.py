"""torch, eager and compiled; recurrent networks by its own modules."""

import numpy as np
import torch
from torch.nn import functional as F

from peers import costs
from peers.program import NotHere, Program

LOOPS = ("scan_scalar", "rnn", "lstm")
JACOBIANS = ("jacobian_dense", "jacobian_diagonal")
IDLE = ("gemm_f32", "gemm_f64")
"""Cases in which there is nothing to compile."""


def call_scalar(x):
    """Its derivative is the tutorial's first example."""
    return x**2


def call_ten(*a):
    """Little work for many arguments."""
    return sum(a[1:], a[0])


def logistic(x):
    """The tutorial's logistic function."""
    return torch.sum(1 / (1 + torch.exp(-x)))


def chain_f32(a, b, c):
    """Elementwise ops in a row."""
    return a * b + c * torch.exp(-a)


chain_f64 = chain_f32
cross_entropy = F.cross_entropy


def scan_scalar(x, a, b):
    """The sum of all states."""
    total = torch.zeros_like(x)
    for _ in range(10_000):
        x = torch.tanh(a * x + b)
        total = total + x
    return total


def gmm(x, a, mu, s):
    """The log-likelihood of points under K normal distributions with diagonal precisions."""
    z = (x[:, None, :] - mu[None, :, :]) * torch.exp(s)[None, :, :]
    inner = a + torch.sum(s, dim=1) - 0.5 * torch.sum(z**2, dim=2)
    return torch.sum(torch.logsumexp(inner, 1)) - x.shape[0] * torch.logsumexp(a, 0)


def gmm_full(x, a, mu, q):
    """The same with full precisions; the diagonal of the root holds logarithms."""
    s = torch.diagonal(q, dim1=1, dim2=2)
    root = torch.tril(q, -1) + torch.diag_embed(torch.exp(s))
    z = torch.matmul(x[None, :, :] - mu[:, None, :], root.transpose(1, 2))
    inner = (a + torch.sum(s, dim=1))[:, None] - 0.5 * torch.sum(z**2, dim=2)
    return torch.sum(torch.logsumexp(inner, 0)) - x.shape[0] * torch.logsumexp(a, 0)


def logsumexp(x):
    """Of every row."""
    return torch.logsumexp(x, 1)


def layer_norm(x, gain, bias, t):
    """Of every row, with gain and bias, pulled back."""
    return torch.sum(F.layer_norm(x, x.shape[1:], gain, bias) * t)


def mlp(x, labels, W1, b1, W2, b2):
    """Cross-entropy of two layers."""
    return F.cross_entropy(torch.addmm(b2, torch.tanh(torch.addmm(b1, x, W1)), W2), labels)


def hvp(X, y, w):
    """The cost of a logistic regression."""
    return F.binary_cross_entropy_with_logits(X @ w, y)


def gemm_f32(a, b):
    """One product."""
    return a @ b


gemm_f64 = gemm_f32


def transformer(x, Wq, Wk, Wv, Wo, W1, W2):
    """The mean of squares of what a block returns: attention of one head, and two layers."""
    q, k, v = x @ Wq, x @ Wk, x @ Wv
    weights = F.softmax(q @ k.transpose(1, 2) / q.shape[2] ** 0.5, 2)
    h = x + weights @ v @ Wo
    return torch.mean((h + torch.tanh(h @ W1) @ W2) ** 2)


def jacobian_dense(x, W):
    """What it is of."""
    return torch.tanh(W @ x)


def jacobian_diagonal(x):
    """What it is of."""
    return torch.exp(-(x**2))


def _recurrent(kind, inputs, device):
    """Return a recurrent network as torch has it, its gates in torch's order."""
    x, U, W, b = (torch.from_numpy(a).to(device) for a in inputs)
    # Input, forget, output, candidate here; input, forget, candidate, output in torch.
    order = [0, 1, 3, 2] if kind == "lstm" else []

    def reordered(w):
        return torch.cat([w.chunk(4)[k] for k in order]) if order else w

    network = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM}[kind](U.shape[0], W.shape[0])
    network = network.to(device, x.dtype)
    with torch.no_grad():
        network.weight_ih_l0.copy_(reordered(U.T))
        network.weight_hh_l0.copy_(reordered(W.T))
        network.bias_ih_l0.copy_(reordered(b))
        network.bias_hh_l0.zero_()
    weights = [network.weight_ih_l0, network.weight_hh_l0, network.bias_ih_l0]

    def call(x):
        cost = torch.sum(network(x)[0] ** 2)
        dU, dW, db = map(reordered, torch.autograd.grad(cost, weights))
        return cost.detach(), dU.T, dW.T, db

    return Program(call, lambda x, *_: (torch.from_numpy(x).to(device),))


def _hvp(cost):
    """Return the product with the Hessian: the gradient of (gradient, v)."""

    def call(X, y, w, v):
        (slope,) = torch.autograd.grad(cost(X, y, w), w, create_graph=True)
        return torch.autograd.grad(slope, w, v)[0]

    return call


def build(case, inputs, kind, device="cpu"):
    """Return a case, eager or compiled."""
    name = case.name
    if kind == "compile" and name in (*LOOPS, *IDLE, "hvp", *JACOBIANS):
        # hvp: "torch.compile with aot_autograd does not currently support double backward".
        raise NotHere
    if name in ("rnn", "lstm"):
        return _recurrent(name, inputs, device)
    cost = globals()[name]
    if kind == "compile":
        torch.compiler.reset()
        cost = torch.compile(cost)
    wrt = costs.WRT.get(name, ())

    def take(*arrays):
        found = [torch.from_numpy(np.asarray(a)).to(device) for a in arrays]
        for i in wrt:
            found[i].requires_grad_()
        return found

    if name == "hvp":
        return Program(_hvp(cost), take)
    if name in JACOBIANS:
        return Program(torch.func.jacrev(cost), take)
    if not wrt:
        return Program(cost, take)
    only = name in costs.ONLY_GRADIENT

    def call(*inputs):
        value = cost(*inputs)
        gradients = torch.autograd.grad(value, [inputs[i] for i in wrt])
        return gradients if only else (value.detach(), *gradients)

    return Program(call, take)
