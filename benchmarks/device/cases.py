"""The programs that all systems run on a device, with their inputs."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Case:
    """A program that all systems run.

    name : of the functions in `peers` that build it.
    title : what it is; sizes are filled in.
    small, large : sizes.
    inputs : takes a random generator and sizes; returns arrays.
    moved : takes the arrays; returns the bytes that must move at least, for a share of the
        bandwidth; None: it is not bound by it.
    aim : what is meant to be reached, for the table.
    sizes : what the functions that build it take.
    """

    name: str
    title: str
    small: tuple
    large: tuple
    inputs: Callable
    aim: str
    moved: Callable | None = None
    sizes: tuple = ()

    def drawn(self, small):
        """Return the arrays, the same ones every time."""
        return self.inputs(np.random.default_rng(0), *(self.small if small else self.large))


def _floats(draw, *shapes, scale=1.0, dtype="float32"):
    return tuple(
        (draw.standard_normal(size=s, dtype="float32") * scale).astype(dtype) for s in shapes
    )


def _labelled(draw, rows, classes):
    return (*_floats(draw, (rows, classes)), draw.integers(0, classes, rows))


def _layer_norm(draw, rows, columns):
    return _floats(draw, (rows, columns), (columns,), (columns,), (rows, columns))


def _gmm(draw, n):
    x, a, mu, s = _floats(draw, (n, 8), (10,), (10, 8), (10, 8), dtype="float64")
    return x, a, mu, s / 4


def _mlp(draw, batch, hidden):
    x, *weights = _floats(draw, (batch, 784), (784, hidden), (hidden,), (hidden, 10), (10,))
    return x, draw.integers(0, 10, batch), *(w / np.float32(28) for w in weights)


def _transformer(draw, batch, length, width):
    (x,) = _floats(draw, (batch, length, width))
    square, wide, back = (width, width), (width, 4 * width), (4 * width, width)
    return x, *_floats(draw, *[square] * 4, wide, back, scale=width**-0.5)


def _lstm(draw, steps, batch, width):
    (x,) = _floats(draw, (steps, batch, width))
    shapes = (width, 4 * width), (width, 4 * width), (4 * width,)
    return x, *_floats(draw, *shapes, scale=width**-0.5)


def _regression(draw, n, d):
    X, w, v = _floats(draw, (n, d), (d,), (d,), dtype="float64")
    return X, (draw.random(n) < 0.5).astype("float64"), w / 10, v


def _bytes(arrays, times=1):
    return times * sum(a.nbytes for a in arrays)


BAND, PEERS, JAX = (
    "85% of copy bandwidth",
    "faster than torch.compile and JAX",
    "not slower than JAX",
)
CASES = (
    Case("chain_f32", "a*b + c*exp(-a), 3 x {} f32", (1000,), (10**8,),
         lambda draw, n: _floats(draw, *[(n,)] * 3), BAND, lambda a: _bytes(a) * 4 // 3),
    Case("logistic", "gradient of sum(1/(1+exp(-x))), {}x{} f64", (20, 30), (8192, 8192),
         lambda draw, *s: _floats(draw, s, dtype="float64"), BAND, lambda a: _bytes(a, 2)),
    Case("cross_entropy", "softmax cross-entropy + gradient, {}x{} f32", (8, 100), (4096, 32000),
         _labelled, PEERS, lambda a: 2 * a[0].nbytes),
    Case("layer_norm", "layer norm + gradient, {}x{} f32", (8, 64), (16384, 4096), _layer_norm,
         PEERS, lambda a: 3 * a[0].nbytes),
    Case("gmm", "GMM value + gradient, N={} K=10 D=8 f64", (50,), (10**6,), _gmm, PEERS),
    Case("mlp", "MLP training step, {}x784-{}-10 f32", (8, 16), (1024, 2048), _mlp, JAX),
    Case("transformer", "transformer block training step, {}x{}x{} f32", (2, 6, 8), (16, 512, 512),
         _transformer, JAX),
    Case("lstm", "LSTM gradient, T={} B={} H={} f32", (5, 2, 4), (512, 32, 256), _lstm,
         "2x faster than JAX"),
    Case("jacobian_dense", "Jacobian of tanh(W x), n={} f32", (6,), (4096,),
         lambda draw, n: _floats(draw, (n,), (n, n), scale=n**-0.5), "against JAX"),
    Case("jacobian_diagonal", "Jacobian of exp(-x^2), n={} f32", (7,), (8192,),
         lambda draw, n: _floats(draw, (n,)), "against JAX"),
    Case("hvp", "Hessian of a logistic regression @ v, {}x{} f64", (40, 5), (10**6, 100),
         _regression, "against JAX"),
    Case("call_scalar", "call: d(x^2)/dx of a scalar", (), (), lambda draw: (np.array(4.0),),
         "call under 10 us"),
)  # fmt: skip
"""Every case, in the order of the table."""
