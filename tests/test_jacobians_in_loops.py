"""Loops that multiply a Jacobian run its products in their steps, where that takes less."""

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.graph.traverse import infer_shapes
from gradcore.ops.control import Conditional
from gradcore.ops.scan import Scan

X, V = T.dvectors("X", "V")
W, M = T.dmatrices("W", "M")
K = T.lscalar("K")
INPUTS = [X, V, W, M, K]
PLAIN = gradcore.Mode("numpy", optimizer=False)
N, HIDDEN = 31, 29
COST = (T.tanh(T.dot(W, X)) ** 2).sum() * T.exp(X[0])


def compiled(output, mode):
    return gradcore.function(INPUTS, output, mode, on_unused_input="ignore")


def values(rng, steps=2):
    w = rng.normal(size=(HIDDEN, N)) / 9
    return [rng.normal(size=N) / 3, rng.normal(size=N), w, rng.normal(size=(3, N)), steps]


def by_hand(cost):
    """The tutorial's scan for a Hessian."""
    row = lambda i, gradient, x: T.grad(gradient[i], x)
    gradient = T.grad(cost, X)
    return gradcore.scan(row, T.arange(gradient.shape[0]), non_sequences=[gradient, X])[0]


def repeated(step, *captured, steps=2, first=V):
    return gradcore.scan(step, outputs_info=first, non_sequences=captured, n_steps=steps)[0][-1]


def scaled(v):
    return v / T.sqrt((v**2).sum())


H = T.hessian(COST, X)
J = T.jacobian(T.tanh(T.dot(W, X)) ** 2, X)
LOOPS = {
    "power method": repeated(lambda v: scaled(H @ v)),
    "the tutorial's": repeated(lambda v: by_hand(COST) @ v),
    "as an argument": repeated(lambda v, A: A @ (A.T @ v) + v @ A, H),
    "damped": repeated(lambda v, A: A @ v, H + 0.1 * T.eye(H.shape[0])),
    "Gauss-Newton": repeated(lambda v: J.T @ (J @ v)),
    "two": repeated(lambda v: (J.T @ J + H) @ v),
    "of vectors": gradcore.scan(lambda v: H @ v, M)[0],
    "a row each": gradcore.scan(lambda i: H[i] @ V, T.arange(3))[0],
    "loop in a loop": repeated(lambda v: repeated(lambda u: scaled(H @ u), first=v)),
    "of both loops": repeated(lambda v: H @ repeated(lambda u: J.T @ (J @ u), first=v) + H @ v),
    "beside a product": repeated(lambda v: scaled(H @ v)) + H @ V + (V @ H) * H[0],
    "after a product": H @ repeated(lambda v: scaled(H @ v) + H @ V),
    "several loops": gradcore.scan(lambda v: H @ v, M)[0].sum() + repeated(lambda v: H @ v),
}


def squares(graph, extents):
    """Return the variables, in loops too, that have as many elements as a Hessian."""
    made = [v for n in graph.nodes for v in n.outputs]
    found = [v for v in made if v.ndim == 2 and _extents(v) == extents]
    bodies = [n.op.body for n in graph.nodes if isinstance(n.op, Scan)]
    return found + [n for body in bodies for n in squares(body, extents)]


def _extents(v):
    (shape,) = infer_shapes([v])
    return [n if isinstance(n, int) else None for n in shape]


@pytest.mark.parametrize("name", LOOPS)
def test_values_are_those_of_the_matrix(name, rng):
    given = values(rng)
    wanted = compiled(LOOPS[name], PLAIN)(*given)
    assert np.allclose(compiled(LOOPS[name], "numpy")(*given), wanted, rtol=1e-10)


def test_everywhere(everywhere, rng):
    given = values(rng)
    outputs = [LOOPS["damped"], repeated(lambda v: scaled(H @ v), steps=K)]
    wanted = compiled(outputs, PLAIN)(*given)
    for a, b in zip(compiled(outputs, everywhere)(*given), wanted, strict=True):
        assert np.allclose(a, b, rtol=1e-10)


def with_known_extents(of):
    """Return the graph of outputs of a Hessian, of a function of vectors of declared lengths."""
    x, v = (T.tensor(dtype="float64", shape=(N,)) for _ in range(2))
    w = T.tensor(dtype="float64", shape=(HIDDEN, N))
    outputs = of(T.hessian((T.tanh(T.dot(w, x)) ** 2).sum(), x), v)
    return gradcore.function([x, v, w], outputs, mode="numpy").maker.fgraph


def power(H, v, steps=2):
    return repeated(lambda v: scaled(H @ v), steps=steps, first=v)


UNBUILT = {
    "power method": power,
    "loop in a loop": lambda H, v: repeated(lambda u: power(H, u), first=v),
    "of both loops": lambda H, v: repeated(lambda u: H @ power(H, u), first=v),
    "in three": lambda H, v: gradcore.scan(
        lambda i, u: repeated(lambda t: power(H, t), first=u), T.arange(2), v
    )[0][-1],
    "gradient": lambda H, v: T.grad((power(H, v) ** 2).sum(), v),
    "loop and gradient": lambda H, v: [power(H, v), T.grad((power(H, v) ** 2).sum(), v)],
    "loop and product": lambda H, v: [power(H, v), H @ v, v @ H @ v],
    "products before and after": lambda H, v: H @ power(H, H @ v),
    "Rop": lambda H, v: T.Rop(power(H, v), v, v),
}
"""Outputs for which products are taken, inside of loops and out."""


@pytest.mark.parametrize("name", UNBUILT)
def test_few_steps_build_no_matrix(name):
    assert not squares(with_known_extents(UNBUILT[name]), [N, N])


def test_many_steps_build_it():
    assert squares(with_known_extents(lambda H, v: power(H, v, 2000)), [N, N])


@pytest.mark.parametrize("until", [False, True])
def test_the_number_of_steps_decides_when_it_runs(until, rng):
    def step(v):
        following = scaled(H @ v)
        return (following, gradcore.until(following[0] > 2)) if until else following

    loop = repeated(step, steps=K)
    f = compiled(loop, "numpy")
    choices = [n for n in f.maker.fgraph.nodes if isinstance(n.op, Conditional)]
    less = gradcore.function(INPUTS, choices[0].inputs[0], mode="numpy", on_unused_input="ignore")
    for steps in (1, 2, 2000):
        given = values(rng, steps)
        assert less(*given) == (steps < 2000)
        assert np.allclose(f(*given), compiled(loop, PLAIN)(*given), rtol=1e-8)


READ = {
    "whole in an inner step": repeated(lambda v: repeated(lambda u: H**2 @ u, first=v) + H @ v),
    "whole in a step": repeated(lambda v: H**2 @ v @ H),
    "elsewhere": repeated(lambda v: H @ v) + (H**2).sum(),
    "as a sequence": gradcore.scan(lambda h, v: v + h.sum() * v, H, V)[0][-1],
    "as a state": gradcore.scan(lambda h, A: A @ h * 0.1, None, H, H, 2)[0][-1],
}


@pytest.mark.parametrize("name", READ)
def test_what_is_read_as_a_whole_is_built_once(name, rng):
    given = values(rng)
    wanted = compiled(READ[name], PLAIN)(*given)
    assert np.allclose(compiled(READ[name], "numpy")(*given), wanted, rtol=1e-10)


def test_derivatives(rng):
    given = values(rng)
    for name in ("power method", "Gauss-Newton", "of both loops", "beside a product"):
        for output in (T.grad((LOOPS[name] ** 2 * V).sum(), [X, V]), [T.Rop(LOOPS[name], X, V)]):
            found, wanted = (compiled(output, mode)(*given) for mode in ("numpy", PLAIN))
            assert all(np.allclose(a, b, rtol=1e-8) for a, b in zip(found, wanted, strict=True))


# gradients by what a Jacobian depends on --------------------------------------------------------
def cost(z):
    return (z**2 * T.cos(z)).sum()


def conjugate(H, v, steps=3):
    """Two products in each step, and a constant beside."""
    step = lambda p, r: (scaled(H @ p - r), r - 0.1 * H @ p)
    (p, r), _ = gradcore.scan(step, outputs_info=[v, 0.5 * v], n_steps=steps)
    return p[-1] + r[-1]


BY_ALL = {
    "power method": power,
    "from the left": lambda H, v: repeated(lambda u: scaled(u @ H), first=v),
    "two products": conjugate,
    "beside a product": lambda H, v: power(H, v) + H @ v,
    "in a sequence": lambda H, v: gradcore.scan(lambda i: H @ (i * v), T.arange(2.0))[0].sum(0),
}
"""Loops whose gradients by what a Hessian depends on need no Hessian."""


@pytest.mark.parametrize("name", BY_ALL)
def test_gradients_by_what_the_matrix_depends_on_build_none(name):
    x, v = (T.tensor(dtype="float64", shape=(N,)) for _ in range(2))
    w = T.tensor(dtype="float64", shape=(HIDDEN, N))
    H = T.hessian((T.tanh(T.dot(w, x)) ** 2).sum(), x)
    outputs = T.grad(cost(BY_ALL[name](H, v)), [x, v])
    f = gradcore.function([x, v, w], outputs, mode="numpy")
    assert not squares(f.maker.fgraph, [N, N])


def test_gradients_of_many_steps_build_it():
    x, v = (T.tensor(dtype="float64", shape=(N,)) for _ in range(2))
    w = T.tensor(dtype="float64", shape=(HIDDEN, N))
    H = T.hessian((T.tanh(T.dot(w, x)) ** 2).sum(), x)
    f = gradcore.function([x, v, w], T.grad(cost(power(H, v, 2000)), x), mode="numpy")
    assert squares(f.maker.fgraph, [N, N])


@pytest.mark.parametrize("steps", [0, 1, 4, 300])
def test_gradients_of_any_number_of_steps(steps, rng):
    given = values(rng, steps)
    last = gradcore.fori_loop(0, K, lambda i, v: scaled(H @ v), V)
    outputs = T.grad(cost(last) + (H @ V).sum(), [X, V, W])
    found, wanted = (compiled(outputs, mode)(*given) for mode in ("numpy", PLAIN))
    assert all(np.allclose(a, b, rtol=1e-7, atol=1e-9) for a, b in zip(found, wanted, strict=True))


def test_gradients_everywhere(everywhere, rng):
    given = values(rng)
    outputs = [*T.grad(cost(BY_ALL["two products"](H, V)), [X, W])]
    outputs += [T.grad(cost(BY_ALL["power method"](J.T @ J, V)), X)]
    found, wanted = (compiled(outputs, mode)(*given) for mode in (everywhere, PLAIN))
    assert all(np.allclose(a, b, rtol=1e-8) for a, b in zip(found, wanted, strict=True))


@pytest.mark.parametrize("until", [False, True])
def test_gradients_of_loops_that_stop(until, rng):
    def step(v):
        following = scaled(H @ v)
        return (following, gradcore.until(following[0] > 2)) if until else following

    outputs = T.grad(cost(repeated(step, steps=K)), [X, W])
    given = values(rng, 3)
    found, wanted = (compiled(outputs, mode)(*given) for mode in ("numpy", PLAIN))
    assert all(np.allclose(a, b, rtol=1e-8) for a, b in zip(found, wanted, strict=True))
