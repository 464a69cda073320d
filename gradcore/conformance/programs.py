"""Whole programs, as users write them: each returns a graph with values for its inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import gradcore.tensor as T
from gradcore.conformance.checks import Built
from gradcore.dtypes import FLOATS
from gradcore.graph import Variable
from gradcore.scan import scan, until


def _drawn(*shapes: tuple[int, ...]) -> list[Any]:
    """Return arrays of these shapes, no two alike."""
    rng = np.random.default_rng(7)
    return [rng.normal(0, 0.5, shape) for shape in shapes]


def first_example() -> Built:
    """The gradient of x ** 2."""
    x = T.dscalar("x")
    return Built([x], [np.asarray(4.0)], [T.grad(x**2, x)])


def logistic() -> Built:
    """The gradient of the logistic function."""
    x = T.dmatrix("x")
    s = T.sum(1 / (1 + T.exp(-x)))
    return Built([x], [np.array([[0.0, 1.0], [-1.0, -2.0]])], [T.grad(s, x)])


def jacobian_by_scan() -> Built:
    """A Jacobian, a row a step."""
    x = T.dvector("x")
    y = x**2 * T.sin(x)

    def row(i: Any, y: Any, x: Any) -> Any:
        return T.grad(y[i], x)

    J, _ = scan(row, sequences=T.arange(y.shape[0]), non_sequences=[y, x])
    return Built([x], [np.array([4.0, -1.0, 0.5])], [J, T.jacobian(y, x)])


def hessian() -> Built:
    """A Hessian, by the macro and by a loop over a gradient."""
    x = T.dvector("x")
    cost = (x**2 * x[::-1]).sum()
    return Built([x], [np.array([4.0, -1.0, 0.5])], [T.hessian(cost, x)])


def products() -> Built:
    """Jacobians and Hessians times vectors."""
    W, V = T.dmatrices("W", "V")
    x, u, v = T.dvectors("x", "u", "v")
    y = T.tanh(T.dot(x, W))
    cost = T.sum(y**2)
    gradient = T.grad(cost, x)
    outputs = [
        T.Rop(y, W, V),
        T.Lop(y, W, u),
        T.Rop(gradient, x, v),
        T.grad(T.sum(gradient * v), x),
    ]
    values = _drawn((3, 2), (3, 2), (3,), (2,), (3,))
    return Built([W, V, x, u, v], values, outputs)


def softmax_regression() -> Built:
    """The loss of a softmax regression, with its gradient."""
    X, W, b, labels = T.dmatrix("X"), T.dmatrix("W"), T.dvector("b"), T.lvector("labels")
    scores = T.dot(X, W) + b
    rows = T.arange(labels.shape[0])
    loss = T.mean(T.logsumexp(scores, axis=1) - scores[rows, labels])
    values = [*_drawn((6, 4), (4, 3), (3,)), np.array([0, 2, 1, 1, 0, 2])]
    return Built([X, W, b, labels], values, [loss, *T.grad(loss, [W, b])])


def perceptron(dtype: str = "float64") -> Built:
    """A network with a hidden layer: value and gradient."""
    X = T.matrix("X", dtype=dtype)
    parameters = [
        T.matrix("W1", dtype=dtype), T.vector("b1", dtype=dtype),
        T.matrix("W2", dtype=dtype), T.vector("b2", dtype=dtype),
    ]  # fmt: skip
    W1, b1, W2, b2 = parameters
    h = T.maximum(T.dot(X, W1) + b1, 0)
    y = T.softmax(T.dot(h, W2) + b2, axis=-1)
    loss = -T.mean(T.log(y[:, 0]))
    values = _drawn((5, 4), (4, 6), (6,), (6, 3), (3,))
    return Built(
        [X, *parameters], [v.astype(dtype) for v in values], [loss, *T.grad(loss, parameters)]
    )


def perceptron_in_float32() -> Built:
    """The same in float32."""
    return perceptron("float32")


def recurrent() -> Built:
    """A recurrent network: loss, gradient, and the gradient's movement along a direction."""
    X, W, U = T.dtensor3("X"), T.dmatrix("W"), T.dmatrix("U")

    def step(x_t: Any, h: Any) -> Any:
        return T.tanh(T.dot(x_t, U) + T.dot(h, W))

    states, _ = scan(step, X, T.zeros((X.shape[1], W.shape[0])))
    loss = T.sum(states[-1] ** 2)
    gradients = T.grad(loss, [W, U])
    moved = T.Rop(gradients[0], W, T.ones_like(W))
    return Built([X, W, U], _drawn((5, 2, 3), (4, 4), (3, 4)),
                 [loss, *gradients, moved])  # fmt: skip


def mixture() -> Built:
    """The log-likelihood of a mixture of Gaussians, with its gradient."""
    X, means, logits, scales = T.dmatrix("X"), T.dmatrix("m"), T.dvector("a"), T.dmatrix("s")
    offsets = (X[:, None, :] - means[None]) * T.exp(-scales)[None]
    each = -0.5 * T.sum(offsets**2, axis=2) - T.sum(scales, axis=1)
    weights = logits - T.logsumexp(logits)
    total = T.sum(T.logsumexp(each + weights, axis=1))
    parameters: list[Variable] = [means, logits, scales]
    values = _drawn((7, 2), (3, 2), (3,), (3, 2))
    return Built([X, *parameters], values, [total, *T.grad(total, parameters)])


def layer_norm() -> Built:
    """A normalization of rows, with its gradient."""
    x, gain = T.dmatrix("x"), T.dvector("gain")
    centred = x - T.mean(x, axis=1, keepdims=True)
    y = centred / T.sqrt(T.var(x, axis=1, keepdims=True) + 1e-5) * gain
    return Built([x, gain], _drawn((4, 5), (5,)), [y, *T.grad(T.sum(y**3), [x, gain])])


def branches() -> Built:
    """A lazy choice, with its gradient, both ways; and a guarded logarithm."""
    x, c = T.dvector("x"), T.dscalar("c")
    outputs: list[Variable] = []
    for condition in (c > 0, c < 0):
        y = T.ifelse(condition, T.sum(T.exp(x)), T.sum(x[1:] ** 2))
        outputs += [y, T.grad(y, x)]
    guarded = T.switch(x > 0, T.log(x), 0.0)
    return Built([x, c], [np.array([0.0, 0.5, -2.0]), np.asarray(1.5)],
                 [*outputs, guarded, T.grad(T.sum(guarded), x)])  # fmt: skip


def kinks() -> Built:
    """Derivatives at kinks and ties."""
    x, p = T.dvectors("x", "p")
    functions = [
        T.abs(x), T.maximum(x, 0.0), T.maximum(x, p), T.clip(x, -1.0, 0.0), x**p,
        T.max(x), T.prod(x), T.cumprod(x), T.sqrt(T.sum(x**2)), T.norm(x * 0), T.sign(x) * x,
    ]  # fmt: skip
    values = [np.array([0.0, -1.0, 2.0, 2.0, 0.0]), np.array([0.0, -1.0, 2.0, 2.0, 1.0])]
    slopes = [T.grad(T.sum(y), [x, p], disconnected_inputs="ignore") for y in functions]
    return Built([x, p], values, [*functions, *(g for pair in slopes for g in pair)])


def shapes() -> Built:
    """Shapes as values: extents, ranges, reshapes and slices that depend on inputs."""
    x, n = T.dmatrix("x"), T.lscalar("n")
    outputs = [
        x.shape, x.shape[0] * T.arange(n), T.reshape(x, (x.shape[1], -1)), x[n:], x[:n, ::-1],
        T.zeros((n, x.shape[1])), T.eye(n, dtype="float64"), T.concatenate([x, x[:1]]),
        x.ravel()[n], T.grad(T.sum(x[n:] ** 2), x),
    ]  # fmt: skip
    return Built([x, n], [*_drawn((4, 3)), np.asarray(2)], outputs)


def masks() -> Built:
    """Shapes that depend on values: boolean masks, nonzero, repeats."""
    x = T.dvector("x")
    positive = x[x > 0]
    outputs = [
        positive,
        T.grad(T.sum(positive**2), x),
        *T.nonzero(x > 0),
        T.set_subtensor(x[x < 0], 0.0),
    ]
    return Built([x], [np.array([0.5, -1.0, 2.0, 0.0, 3.0])], outputs)


def given_masks() -> Built:
    """Boolean masks that are inputs, of a vector and of a matrix: reads, writes and gradients."""
    x, y, mask = T.dvector("x"), T.dmatrix("y"), T.vector("mask", dtype="bool")
    cells = T.matrix("cells", dtype="bool")
    read, rows, some = x[mask], y[mask], y[cells]
    outputs = [
        read, rows, some, T.set_subtensor(x[mask], -1.0), T.inc_subtensor(y[mask], 1.0),
        T.set_subtensor(y[cells], 2 * some), T.grad(T.sum(read**2), x), T.grad(T.sum(some**3), y),
    ]  # fmt: skip
    values = [*_drawn((4,), (4, 3)), np.array([1, 0, 1, 1], bool)]
    return Built([x, y, mask, cells], [*values, values[1] > 0], outputs)


def checked() -> Built:
    """What a user asserts of shapes and of values, and what is computed from it."""
    x, n, k = T.dmatrix("x"), T.lscalar("n"), T.lscalar("k")
    known = T.specify_shape(x, (n, 3))
    column = T.assert_op(x[:, 0], k < 9, message="there is no such column")
    outputs = [known.sum(axis=0), column * k, T.grad(T.sum(known**2) + T.sum(column**2), x)]
    return Built([x, n, k], [*_drawn((4, 3)), np.asarray(4), np.asarray(2)], outputs)


def steps() -> Built:
    """A loop whose number of steps is an input, and one that stops by itself."""
    x, n = T.dscalar("x"), T.lscalar("n")

    def halve(s: Any) -> Any:
        return s / 2 + T.sin(s)

    def grow(s: Any) -> Any:
        return s * 1.5, until(s > 4)

    fixed, _ = scan(halve, outputs_info=x, n_steps=n)
    stopped, _ = scan(grow, outputs_info=x, n_steps=20)
    outputs = [fixed, stopped, T.grad(fixed[-1], x), T.grad(T.sum(stopped), x)]
    return Built([x, n], [np.asarray(1.3), np.asarray(4)], outputs)


def narrowed() -> Built:
    """What casts to fewer bits lose, in the middle of a graph."""
    x, n = T.dvector("x"), T.lvector("n")
    single, narrowest, byte = x.astype("float32"), x.astype(FLOATS[0]), n.astype("int8")
    outputs = [
        single.astype("float64") - x,
        narrowest.astype("float64") - x,
        (single + single).astype("float64") - (x + x),
        byte.astype("int64") + n,
        (byte + byte).astype("int64") - n,
    ]
    return Built([x, n], [np.array([0.1, -3.3, 700.7]), np.array([100, -129, 1000])], outputs)


def quotients() -> Built:
    """Quotients of quotients, where the product of the divisors overflows."""
    x, y, z = T.dvectors("x", "y", "z")
    values = [np.array([1e300, -1e250]), np.array([1e200, 1e180]), np.array([1e150, 1e170])]
    return Built([x, y, z], values, [(x / y) / z, x / (y / z)])


ALL = (
    first_example, logistic, jacobian_by_scan, hessian, products, softmax_regression, perceptron,
    perceptron_in_float32, recurrent, mixture, layer_norm, branches, kinks, shapes, masks,
    given_masks, checked, steps, narrowed, quotients,
)  # fmt: skip

PROGRAMS: Mapping[str, Callable[[], Built]] = {program.__name__: program for program in ALL}
"""The programs, by name."""
