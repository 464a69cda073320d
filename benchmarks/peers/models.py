"""Models that are timed: what each is, its inputs, and what it is differentiated by.

The model itself is a function of the case's name in each system's own module.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from peers.rounds import TOLERANCE, difference

RATE = 0.05
"""Of the gradient descent that training is."""
DRAWN = 10_000_000
"""How many random numbers."""


@dataclass(frozen=True)
class Case:
    """A model.

    name : of the functions that say what it is.
    title : what it is, for the table.
    inputs : takes a random generator; returns the arrays.
    wrt : which of these it is differentiated by; a call returns value and gradients.
    trained : whether these are parameters instead, which a call changes; it returns the loss.
    random : whether the result is random numbers, each system's own.
    """

    name: str
    title: str
    inputs: Callable[[np.random.Generator], tuple[np.ndarray, ...]]
    wrt: tuple[int, ...] = ()
    trained: bool = False
    random: bool = False

    def drawn(self):
        """Return the arrays, the same ones every time."""
        return self.inputs(np.random.default_rng(0))

    @property
    def calls(self):
        """How many calls are compared: of training, each loss tells of the gradients before."""
        return 6 if self.trained else 1

    def wrong(self, results, reference):
        """Return what is wrong with the results of the calls, or None."""
        if self.random:
            return wrong_moments(results[0])
        single = "float32" in {str(a.dtype) for a in self.drawn()}
        return difference(results, reference, TOLERANCE["float32" if single else "float64"])


def wrong_moments(draw):
    """Return what is wrong with a draw of normal numbers, or None: moments 5 deviations away."""
    mean, variance = draw.mean(dtype="float64"), draw.var(dtype="float64")
    if draw.shape != (DRAWN,):
        return f"shape {draw.shape}"
    if abs(mean) > 5 / DRAWN**0.5 or abs(variance - 1) > 5 * (2 / DRAWN) ** 0.5:
        return f"mean {mean:.5f}, variance {variance:.5f}"
    return None


def _gp(draw):
    """Places, values there, and logarithms of length, height and noise."""
    x = np.sort(draw.uniform(0, 100, 500))
    return x, np.sin(x) + 0.2 * draw.normal(size=500), np.array([0.1, 0.2, -1.0])


def _kalman(states, seen):
    """Return what draws observations, the two matrices of a model, and logarithms of its noises."""

    def inputs(draw):
        turn, _ = np.linalg.qr(draw.normal(size=(states, states)))
        look = draw.normal(size=(seen, states))
        return draw.normal(size=(1000, seen)), 0.95 * turn, look, np.array([-1.0, -0.5])

    return inputs


def _equations(draw):
    """Matrices far from singular, and right sides."""
    shape = (100_000, 3)
    return draw.normal(size=(*shape, 3)) + 4 * np.eye(3), draw.normal(size=(*shape, 1))


def _weights(draw, *shapes):
    """Return matrices and filters drawn for their number of inputs, and zeros for vectors."""
    found = []
    for shape in shapes:
        inputs = np.prod(shape[1:]) if len(shape) > 2 else shape[0]
        drawn = draw.normal(0, inputs**-0.5, shape) if len(shape) > 1 else np.zeros(shape)
        found.append(drawn.astype("float32"))
    return found


def _convnet(draw):
    """Images, labels, two layers of filters and two of weights, each with a bias."""
    images = draw.normal(size=(64, 1, 28, 28)).astype("float32")
    filters = _weights(draw, (16, 1, 3, 3), (16,), (32, 16, 3, 3), (32,))
    return (
        images, draw.integers(0, 10, 64), *filters,
        *_weights(draw, (32 * 7 * 7, 128), (128,), (128, 10), (10,)),
    )  # fmt: skip


WIDTH, HEADS = 128, 4


def _attention(draw):
    """Tokens, what is to come of them, two gains, and five matrices of weights."""
    tokens, wanted = draw.normal(size=(2, 16, 64, WIDTH)).astype("float32")
    gains = np.ones((2, WIDTH), "float32")
    square = (WIDTH, WIDTH)
    return (
        tokens, wanted, *gains,
        *_weights(draw, *[square] * 4, (WIDTH, 4 * WIDTH), (4 * WIDTH,), (4 * WIDTH, WIDTH)),
    )  # fmt: skip


def _seed(dtype):
    """Return what draws a seed, and a zero of the dtype of the numbers."""
    return lambda draw: (np.array(7), np.zeros((), dtype))


CASES = (
    Case("gp", "Gaussian process: evidence + gradient, n = 500", _gp, (2,)),
    Case("kalman", "Kalman filter: likelihood + gradient, N = 1000, 2 states",
         _kalman(2, 1), (1, 3)),
    Case("kalman", "Kalman filter: likelihood + gradient, N = 1000, 8 states",
         _kalman(8, 4), (1, 3)),
    Case("solves", "100,000 equations of 3x3", _equations),
    Case("convnet", "training step of a convolutional network, 64x1x28x28 f32", _convnet,
         tuple(range(2, 10)), trained=True),
    Case("attention", "training step of an attention block, 16x64x128, 4 heads f32", _attention,
         tuple(range(2, 11)), trained=True),
    Case("normal", "1e7 normal numbers f32", _seed("float32"), random=True),
    Case("normal", "1e7 normal numbers f64", _seed("float64"), random=True),
)  # fmt: skip
