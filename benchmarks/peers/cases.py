"""What is timed: a name, what it is, and its inputs.

A case is data only; each system's program for it is a function of the same name in the system's
own module.  All systems get the same arrays.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

NEAR = 1.2


@dataclass(frozen=True)
class Case:
    """A program that all systems run.

    name : of the functions that build it.
    title : what it is, for the table.
    inputs : takes a random generator; returns the arrays.
    sizes : what else the functions that build it take.
    aim : how many times longer the best peer is meant to take than gradcore; or as long as
        `NEAR` times the C by hand, where that is nearer.
    """

    name: str
    title: str
    inputs: Callable[[np.random.Generator], tuple[np.ndarray, ...]]
    sizes: tuple[int, ...] = ()
    aim: float = 2.0

    def drawn(self):
        """Return the arrays, the same ones every time."""
        return self.inputs(np.random.default_rng(0))


def _normal(*shapes, dtype="float64", scale=1.0):
    """Return what draws arrays of these shapes."""
    return lambda draw: tuple((draw.normal(size=s) * scale).astype(dtype) for s in shapes)


def _cross_entropy(draw):
    """Scores and labels."""
    return draw.normal(size=(256, 10_000)).astype("float32"), draw.integers(0, 10_000, 256)


def _rnn(draw):
    """A sequence, two matrices of weights and a bias, which keep the states away from 1."""
    x = draw.normal(size=(100, 16, 64))
    return x, *(draw.normal(size=s) / 8 for s in ((64, 64), (64, 64), (64,)))


def _lstm(draw):
    """A sequence, the weights of four gates side by side, and their bias."""
    arrays = [draw.normal(size=(50, 32, 128))]
    arrays += [draw.normal(size=s) / 11 for s in ((128, 512), (128, 512), (512,))]
    return tuple(a.astype("float32") for a in arrays)


def _gmm(draw):
    """Points, log weights, means, and logarithms of the square roots of precisions."""
    return (
        draw.normal(size=(10_000, 8)), draw.normal(size=10),
        draw.normal(size=(10, 8)), draw.normal(size=(10, 8)) / 4,
    )  # fmt: skip


def _gmm_full(draw):
    """Points, log weights, means, triangular roots of precisions with logarithmic diagonals."""
    return *_gmm(draw)[:3], draw.normal(size=(10, 8, 8)) / 4


def _layer_norm(draw):
    """Activations, gain, bias and the cotangent."""
    shapes = (256, 1024), (1024,), (1024,), (256, 1024)
    return tuple(draw.normal(size=s).astype("float32") for s in shapes)


def mlp_inputs(draw, batch=64):
    """Images, labels, and two layers of weights and biases."""
    arrays = [draw.normal(size=(batch, 784)), draw.integers(0, 10, batch)]
    arrays += [draw.normal(size=s) / 28 for s in ((784, 500), (500,), (500, 10), (10,))]
    return tuple(a if a.dtype == "int64" else a.astype("float32") for a in arrays)


def _regression(draw):
    """Data, labels, weights and the vector that the Hessian multiplies."""
    X, w, v = (draw.normal(size=s) for s in ((10_000, 100), (100,), (100,)))
    return X, (draw.random(10_000) < 0.5).astype("float64"), w / 10, v


def chain(length):
    """Return the case that is a long graph on little data, with its gradient."""
    return Case("chain", f"{length} ops", lambda draw: (np.array([0.1, 0.2]),), (length,))


CASES = (
    Case("call_scalar", "call: d(x^2)/dx of a scalar", lambda draw: (np.array(4.0),)),
    Case("call_ten", "call: ten vectors of three in, one out", _normal(*[(3,)] * 10)),
    Case("logistic", "gradient of sum(1/(1+exp(-x))), 1000x1000 f64", _normal((1000, 1000))),
    Case(
        "chain_f32", "a*b + c*exp(-a), 3 x 1e7 f32", _normal(*[(10_000_000,)] * 3, dtype="float32")
    ),
    Case("chain_f64", "a*b + c*exp(-a), 3 x 1e7 f64", _normal(*[(10_000_000,)] * 3)),
    Case("cross_entropy", "softmax cross-entropy + gradient, 256x10000 f32", _cross_entropy),
    Case(
        "scan_scalar", "x = tanh(a*x + b), 10,000 steps, + gradient",
        lambda draw: (np.array(0.3), np.array(0.9), np.array(0.1)),
    ),
    Case("rnn", "RNN gradient, T=100 B=16 H=64 f64", _rnn),
    Case("lstm", "LSTM gradient, T=50 B=32 H=128 f32", _lstm),
    Case("gmm", "GMM value + gradient, N=10000 K=10 D=8, diagonal", _gmm),
    Case("gmm_full", "GMM value + gradient, N=10000 K=10 D=8, full", _gmm_full),
    Case("logsumexp", "logsumexp of rows, 1000x1000 f64", _normal((1000, 1000), scale=10)),
    Case("layer_norm", "layer norm + gradient, 256x1024 f32", _layer_norm),
    Case("mlp", "MLP value + gradient, 64x784-500-10 f32", mlp_inputs, aim=1),
    Case("hvp", "Hessian of a logistic regression @ v, 10000x100 f64", _regression, aim=1),
    Case("gemm_f32", "A @ B, 1024^3 f32", _normal(*[(1024, 1024)] * 2, dtype="float32"), aim=1),
    Case("gemm_f64", "A @ B, 1024^3 f64", _normal(*[(1024, 1024)] * 2), aim=1),
)  # fmt: skip
"""Every case, in the order of the table."""
BY_NAME = {case.name: case for case in CASES}
