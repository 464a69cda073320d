"""User code that pyright checks strictly: loops, branches, random numbers, networks, solvers."""

import numpy as np

import gradcore
import gradcore.tensor as T
from gradcore import ifelse, scan
from gradcore.optimize import LogDensity, ScalarFunction, VectorFunction, linear_operator

x = T.dvector("x")
n = T.lscalar("n")


def step(before: T.TensorVariable, scale: T.TensorVariable) -> T.TensorVariable:
    """Return the next state."""
    return before * scale + 1


states, updates = scan(step, outputs_info=x, non_sequences=[T.constant(0.5)], n_steps=n)
last = states[-1]
run = gradcore.function([x, n], last, updates=updates)
squares, _ = gradcore.map(lambda v: v * v, [x])
total, _ = gradcore.reduce(lambda v, s: v + s, [x], [T.constant(0.0)])
chosen = ifelse(n > 0, T.sum(x), T.prod(x))

rng = T.random.RandomStream(seed=1)
noise = rng.normal(size=(3,))
draw = gradcore.function([], noise)
key = T.random.key(0)
uniform = T.random.uniform(key, (2,))

hidden = T.nn.relu(T.dot(T.dmatrix("X"), T.dmatrix("W")))
logits = T.softmax(hidden)
solved = T.linalg.solve(T.dmatrix("A"), x)
spectrum = T.fft.rfft(x)
table = T.vectorize(lambda v: v * 2, signature="()->()")(x)
root = T.root(lambda v: v * v - 2, T.constant(1.0))

cost = ScalarFunction(T.sum((x - 1) ** 2), x)
at: float = cost.value(np.zeros(2))
slope = cost.grad(np.zeros(2))
residual = VectorFunction(x[1:] - x[:-1], x)
operator = linear_operator(T.jacobian(x * x, x), [x])(np.ones(3))
density = LogDensity(-T.sum(x * x), x)
draws = density.draws(np.zeros((4, 10, 3)))
shapes = {name: values.shape for name, values in draws.items()}

assert run([1.0, 2.0], 3).shape == (2,) and draw().shape == (3,) and at == 2.0
