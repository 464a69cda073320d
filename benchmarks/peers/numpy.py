"""NumPy, written by hand, derivatives too.

In double precision, these are also what all systems' results are compared with.
"""

import numpy as np
from scipy.special import expit
from scipy.special import logsumexp as scipy_logsumexp

from peers.program import Program


def call_scalar(x):
    """The tutorial's first example."""
    return 2 * x


def call_ten(*a):
    """Little work for many arguments."""
    return sum(a[1:], a[0])


def logistic(x):
    """s (1 - s)."""
    s = 1 / (1 + np.exp(-x))
    return s * (1 - s)


def chain_f32(a, b, c):
    """Elementwise ops in a row."""
    return a * b + c * np.exp(-a)


chain_f64 = chain_f32


def _cross_entropy(x, labels):
    """The mean of -log softmax(x)[label], and its gradient."""
    n = len(labels)
    at = np.arange(n), labels
    shifted = x - np.max(x, axis=1, keepdims=True)
    p = np.exp(shifted)
    total = np.sum(p, axis=1)
    cost = np.mean(np.log(total) - shifted[at])
    p /= total[:, None]
    p[at] -= 1
    p /= n
    return cost, p


cross_entropy = _cross_entropy


def scan_scalar(x, a, b):
    """The sum of all states; the cotangent runs backwards through them."""
    n = 10_000
    states = np.empty(n + 1)
    states[0] = value = float(x)
    slope, shift = float(a), float(b)
    for t in range(n):
        value = states[t + 1] = np.tanh(slope * value + shift)
    local = 1 - states[1:] ** 2
    back = da = db = 0.0
    for t in range(n - 1, -1, -1):
        d = (back + 1) * local[t]
        da += d * states[t]
        db += d
        back = d * slope
    return np.sum(states[1:]), back, da, db


def rnn(x, U, W, b):
    """The sum of squares of all states."""
    n, batch, _ = x.shape
    h = np.zeros((n + 1, batch, W.shape[0]), x.dtype)
    outer = x @ U + b
    for t in range(n):
        h[t + 1] = np.tanh(outer[t] + h[t] @ W)
    d = np.empty_like(outer)
    back = np.zeros_like(h[0])
    for t in range(n - 1, -1, -1):
        d[t] = (back + 2 * h[t + 1]) * (1 - h[t + 1] ** 2)
        back = d[t] @ W.T
    flat = d.reshape(-1, d.shape[2])
    return (
        np.sum(h[1:] ** 2), x.reshape(len(flat), -1).T @ flat,
        h[:-1].reshape(len(flat), -1).T @ flat, flat.sum(axis=0),
    )  # fmt: skip


def lstm(x, U, W, b):
    """The sum of squares of all outputs; the gates are input, forget, output, candidate."""
    steps, batch, _ = x.shape
    n = W.shape[0]
    h, c = np.zeros((2, steps + 1, batch, n), x.dtype)
    gates = x @ U + b
    inner = np.empty_like(h[1:])
    for t in range(steps):
        gates[t] += h[t] @ W
        s = gates[t, :, : 3 * n] = expit(gates[t, :, : 3 * n])
        g = gates[t, :, 3 * n :] = np.tanh(gates[t, :, 3 * n :])
        c[t + 1] = s[:, n : 2 * n] * c[t] + s[:, :n] * g
        inner[t] = np.tanh(c[t + 1])
        h[t + 1] = s[:, 2 * n :] * inner[t]
    d = np.empty_like(gates)
    dh, dc = np.zeros((2, batch, n), x.dtype)
    for t in range(steps - 1, -1, -1):
        i, f, o, g = (gates[t, :, k * n : (k + 1) * n] for k in range(4))
        dh = dh + 2 * h[t + 1]
        dc = dc + dh * o * (1 - inner[t] ** 2)
        d[t, :, :n] = dc * g * i * (1 - i)
        d[t, :, n : 2 * n] = dc * c[t] * f * (1 - f)
        d[t, :, 2 * n : 3 * n] = dh * inner[t] * o * (1 - o)
        d[t, :, 3 * n :] = dc * i * (1 - g**2)
        dh, dc = d[t] @ W.T, dc * f
    flat = d.reshape(-1, 4 * n)
    return (
        np.sum(h[1:] ** 2), x.reshape(len(flat), -1).T @ flat,
        h[:-1].reshape(len(flat), -1).T @ flat, flat.sum(axis=0),
    )  # fmt: skip


def _mixture(inner, a, n):
    """Return the log-likelihood, and the share of every component in every point; (n, K)."""
    each = scipy_logsumexp(inner, axis=1)
    share = np.exp(inner - each[:, None])
    whole = scipy_logsumexp(a)
    return np.sum(each) - n * whole, share, share.sum(axis=0) - n * np.exp(a - whole)


def gmm(x, a, mu, s):
    """The log-likelihood of points under K normal distributions with diagonal precisions."""
    root = np.exp(s)
    z = (x[:, None, :] - mu) * root
    inner = a + s.sum(axis=1) - 0.5 * np.einsum("nkd,nkd->nk", z, z)
    cost, share, da = _mixture(inner, a, len(x))
    dmu = np.einsum("nk,nkd->kd", share, z) * root
    return cost, da, dmu, share.sum(axis=0)[:, None] - np.einsum("nk,nkd,nkd->kd", share, z, z)


def gmm_full(x, a, mu, q):
    """The same with full precisions; the diagonal of the root holds logarithms."""
    diagonal = np.arange(q.shape[1])
    s = q[:, diagonal, diagonal]
    root = np.tril(q, -1)
    root[:, diagonal, diagonal] = np.exp(s)
    centred = x[None] - mu[:, None]
    z = centred @ root.transpose(0, 2, 1)
    inner = a + s.sum(axis=1) - 0.5 * np.einsum("knd,knd->nk", z, z)
    cost, share, da = _mixture(inner, a, len(x))
    dz = -share.T[:, :, None] * z
    dmu = -(dz.sum(axis=1)[:, None] @ root)[:, 0]
    droot = np.tril(dz.transpose(0, 2, 1) @ centred)
    droot[:, diagonal, diagonal] *= np.exp(s)
    droot[:, diagonal, diagonal] += share.sum(axis=0)[:, None]
    return cost, da, dmu, droot


def logsumexp(x):
    """Of every row."""
    top = np.max(x, axis=1)
    return np.log(np.sum(np.exp(x - top[:, None]), axis=1)) + top


def layer_norm(x, gain, bias, t):
    """Of every row, with gain and bias, pulled back."""
    centred = x - np.mean(x, axis=1, keepdims=True)
    scale = 1 / np.sqrt(np.mean(centred**2, axis=1, keepdims=True) + np.float32(1e-5))
    z = centred * scale
    dz = t * gain
    dx = scale * (
        dz - np.mean(dz, axis=1, keepdims=True) - z * np.mean(dz * z, axis=1, keepdims=True)
    )
    return np.sum((z * gain + bias) * t), dx, np.sum(t * z, axis=0), np.sum(t, axis=0)


def mlp(x, labels, W1, b1, W2, b2):
    """Cross-entropy of two layers."""
    h = np.tanh(x @ W1 + b1)
    cost, d2 = _cross_entropy(h @ W2 + b2, labels)
    d1 = (d2 @ W2.T) * (1 - h * h)
    return cost, x.T @ d1, d1.sum(axis=0), h.T @ d2, d2.sum(axis=0)


def hvp(X, y, w, v):
    """X' s (1 - s) X v / n."""
    s = expit(X @ w)
    return X.T @ (s * (1 - s) * (X @ v)) / len(X)


def gemm_f32(a, b):
    """One product."""
    return a @ b


gemm_f64 = gemm_f32


def build(case, inputs):
    """Return a case."""
    return Program(globals()[case.name])
