"""``cond``, ``while_loop``, ``fori_loop`` and ``associative_scan``: as they are written out."""

import functools
import itertools
from typing import NamedTuple

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore import associative_scan, cond, fori_loop, while_loop
from gradcore.errors import GraphTypeError, ScanError, ShapeError
from gradcore.graph.trees import flattened, mapped
from gradcore.ops.cumulative import Cumulative
from gradcore.ops.scan import Scan

PLAIN = gradcore.Mode("numpy", optimizer=False)


class Pair(NamedTuple):
    first: object
    rest: object


# loops --------------------------------------------------------------------------------------------
def newton(loop, x):
    """Return a root, and how many steps it took: several tensors in a dict."""

    def body(state):
        return {"r": (state["r"] + x / state["r"]) / 2, "steps": state["steps"] + 1}

    found = loop(lambda s: s["steps"] < 4, body, {"steps": 0, "r": T.ones_like(x)}, 4)
    return [found["r"], found["steps"]]


def matrices(loop, x):
    """Return a power of a matrix, in a namedtuple with a list."""
    matrix = T.stack([T.stack([x, x / 2]), T.stack([1 / x, x / 3])])

    def body(state):
        return Pair(T.tanh(state.first @ matrix), [state.rest[0] + 1.5])

    found = loop(lambda s: s.rest[0] < 4, body, Pair(T.eye(2), [0.0]), 3)
    return [found.first, found.rest[0]]


def never(loop, x):
    """Return a number as it was: no step is taken."""
    return [loop(lambda s: s < 0, lambda s: s * x, x * x, 0)]


WHILE = {"newton": newton, "matrices": matrices, "never": never}


def summed(loop, x):
    """Return a sum over the numbers of steps."""
    return [loop(1, 5, lambda i, s: s + T.sin(x * i), 0.0)]


def nested(loop, x):
    """Return what a loop in a loop carries."""

    def body(i, state):
        total, power = state
        inner = loop(0, 2, lambda j, s: s * x + i * j, power)
        return total + inner, T.tanh(power + x)

    return list(loop(0, 4, body, (T.zeros_like(x), x)))


def ragged(loop, x):
    """Return what a loop carries, of which each step is a loop of another length."""
    return [loop(0, 4, lambda i, s: loop(0, i, lambda j, t: T.sin(t * x + j), s), x)]


def no_step(loop, x):
    return [loop(3, 1, lambda i, s: s * x, x + 1)]


FORI = {"summed": summed, "nested": nested, "ragged": ragged, "no_step": no_step}


def written_out(_, body, init, steps):
    return functools.reduce(lambda state, _: body(state), range(steps), init)


def counted_out(lower, upper, body, init):
    steps = range(int(lower.data) if hasattr(lower, "data") else lower, upper)
    return functools.reduce(lambda state, i: body(i, state), steps, init)


def looped(condition, body, init, _):
    return while_loop(condition, body, init)


def derivatives(outputs, x, v, order):
    """Return outputs with their derivatives in both modes, up to an order."""
    outputs = list(map(T.as_tensor_variable, outputs))
    cost = sum(T.sum(T.sin(y + 1)) for y in outputs if y.type.is_float)
    slope = T.grad(cost, x)
    second = [T.Rop(slope, x, v), *T.grad(T.sum(slope * v) + T.Rop(cost, x, v), [x, v])]
    return [*outputs, slope, T.Rop(cost, x, v), *(second if order == 2 else [])]


PROGRAMS = {
    **{name: (program, looped, written_out) for name, program in WHILE.items()},
    **{name: (program, fori_loop, counted_out) for name, program in FORI.items()},
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_loops_are_their_steps_written_out(name, everywhere):
    if name in ("matrices", "summed") and everywhere.backend in ("cuda", "jax"):
        pytest.skip("compiles for long")
    program, loop, plain = PROGRAMS[name]
    x, v = T.dscalars("x", "v")
    order = 2 if everywhere.backend in ("numpy", "c") and name != "ragged" else 1
    found = gradcore.function([x, v], derivatives(program(loop, x), x, v, order), mode=everywhere)
    expected = gradcore.function([x, v], derivatives(program(plain, x), x, v, order), mode=PLAIN)
    for one, other in zip(found(1.3, 0.7), expected(1.3, 0.7), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-13)


def test_how_often_is_known_when_it_runs(everywhere):
    """Bounds and conditions are of the graph, and memory for a gradient follows them."""
    x, n = T.dscalar("x"), T.lscalar("n")
    power = fori_loop(T.constant(0), n, lambda i, s: s * x, 1.0)
    steps, above = while_loop(lambda s: s[1] < n, lambda s: (s[0] + 1, s[1] * x), (0, 1.0))
    f = gradcore.function(
        [x, n], [power, T.grad(power, x), steps, T.grad(above, x)], mode=everywhere
    )
    for base, count in ((2.0, 5), (3.0, 0), (1.5, -2), (1.25, 40)):
        k = max(count, 0)
        least = next(m for m in itertools.count() if base**m >= count)
        wanted = [base**k, k * base ** (k - 1), least, least * base ** (least - 1)]
        np.testing.assert_allclose(f(base, count), wanted, rtol=1e-12)


def test_a_loop_for_each_of_many(everywhere):
    """A condition of its own ends the loop of each."""
    x = T.dvector("x")
    count = gradcore.vmap(
        lambda limit: while_loop(lambda s: s[1] < limit, lambda s: (s[0] + 1, s[1] * 2), (0, 1.0))
    )
    f = gradcore.function([x], list(count(x)), mode=everywhere)
    found = f([3.0, 0.5, 100.0])
    assert found[0].tolist() == [2, 0, 7] and found[1].tolist() == [4.0, 1.0, 128.0]


def test_checkpoints_of_loops_are_those_of_scan():
    x = T.dvector("x")
    loops = [
        lambda k: fori_loop(0, 7, lambda i, s: T.tanh(s * x + i), x, checkpoint=k),
        lambda k: while_loop(
            lambda s: s[0] < 7, lambda s: (s[0] + 1, T.tanh(s[1] * x)), (0, x), checkpoint=k
        )[1],
    ]
    for loop in loops:
        graphs = [T.grad(T.sum(loop(k)), x) for k in (None, 3)]
        f = gradcore.function([x], graphs, mode="numpy")
        assert any(node.op.replayed for node in f.maker.fgraph.nodes if isinstance(node.op, Scan))
        one, other = f([0.3, 0.5])
        np.testing.assert_allclose(one, other, rtol=1e-13)


def test_draws_differ_from_step_to_step():
    stream = T.random.RandomStream(3)
    total = fori_loop(0, 4, lambda i, s: T.set_subtensor(s[i], stream.uniform()), T.zeros(4))
    f = gradcore.function([], total, mode="numpy")
    assert len({*f(), *f()}) == 8


# choices ------------------------------------------------------------------------------------------
def test_a_branch_alone_is_computed(everywhere):
    """Its derivatives are its own; the other one would raise."""
    x, n, v = T.dvector("x"), T.lscalar("n"), T.dvector("v")
    found = cond(
        n > 0,
        lambda t: {"y": T.sin(t["a"]), "n": (t["b"][n], 2.0)},
        lambda t: {"y": t["a"] ** 2, "n": (t["b"][0] * 3, 1.0)},
        {"a": x, "b": x},
    )
    cost = T.sum(found["y"]) + found["n"][0]
    outputs = [cost, found["n"][1], T.grad(cost, x), T.Rop(cost, x, v)]
    f = gradcore.function([x, n, v], outputs, mode=everywhere)
    a, t = np.array([0.5, 0.7]), np.array([1.0, 10.0])
    for k in (1, 0):
        slope = np.cos(a) + np.eye(2)[1] if k else 2 * a + 3 * np.eye(2)[0]
        cost = np.sin(a).sum() + a[1] if k else (a**2).sum() + 3 * a[0]
        for one, other in zip(f(a, k, t), [cost, 1.0 + k, slope, slope @ t], strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12)


def test_cond_of_nothing():
    assert cond(T.constant(True), lambda: (), lambda: ()) == ()


# prefixes -----------------------------------------------------------------------------------------
def then(f, g):
    """Return an affine map, and another one after it."""
    return {"a": f["a"] * g["a"], "b": g["a"] * f["b"] + g["b"]}


def product(f, g):
    return f @ g


def both(f, g):
    return T.maximum(f[0], g[0]), g[1] + f[1]


SCANNED = {
    "affine": (then, lambda x: {"a": T.sin(x), "b": x}, 2),
    "matrices": (
        product,
        lambda x: T.stack([T.stack([x, -x], 2), T.stack([x + 1, 1 / x], 2)], 3),
        2,
    ),
    "cumulative": (both, lambda x: (x, T.cos(x)), 2),
}


def prefixes(fn, elems, reverse, axis, n):
    """Return the prefixes, element by element."""

    def element(x, i):
        return x[(slice(None),) * axis + (slice(i, i + 1),)]

    order = range(n)[::-1] if reverse else range(n)
    each = [mapped(lambda x, i=i: element(x, i), elems) for i in order]
    found = [flattened(e)[0] for e in itertools.accumulate(each, fn)]
    return [
        T.concatenate(parts[::-1] if reverse else parts, axis) for parts in zip(*found, strict=True)
    ]


def scanned(name, shape, known, reverse, axis):
    fn, elems, _ = SCANNED[name]
    x = T.tensor("x", "float64", shape if known else (None,) * 2)
    v = T.tensor("v", "float64", shape if known else (None,) * 2)
    outputs = flattened(associative_scan(fn, elems(x), reverse, axis))[0]
    return [x, v], outputs, prefixes(fn, elems(x), reverse, axis, shape[axis])


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("name", SCANNED)
def test_prefixes_are_those_written_out(name, known):
    for n, reverse, axis in itertools.product((1, 2, 3, 6, 9), (False, True), (0, 1)):
        shape = (n, 2) if axis == 0 else (2, n)
        inputs, found, expected = scanned(name, shape, known, reverse, axis)
        f = gradcore.function(inputs, [*found, *expected], mode=PLAIN, on_unused_input="ignore")
        rng = np.random.default_rng(n)
        values = f(rng.normal(size=shape), rng.normal(size=shape))
        for one, other in zip(values[: len(found)], values[len(found) :], strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12)


@pytest.mark.parametrize("known", [True, False])
def test_prefixes_have_derivatives_everywhere(known, optimized):
    shape = (4, 2)
    order = 2 if optimized.backend in ("numpy", "c") else 1
    inputs, found, expected = scanned("affine", shape, known, reverse=False, axis=0)
    rng = np.random.default_rng(1)
    given = rng.normal(size=shape), rng.normal(size=shape)
    f = gradcore.function(inputs, derivatives(found, *inputs, order), mode=optimized)
    g = gradcore.function(inputs, derivatives(expected, *inputs, order), mode=PLAIN)
    for one, other in zip(f(*given), g(*given), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)


def test_prefixes_of_nothing(everywhere):
    x = T.dmatrix("x")
    f = gradcore.function([x], associative_scan(lambda a, b: a + b - a * b, x), mode=everywhere)
    assert f(np.zeros((0, 3))).shape == (0, 3)
    assert f(np.full((1, 3), 2.0)).tolist() == [[2.0] * 3]
    assert associative_scan(T.add, ()) == ()


def test_known_functions_are_cumulative_ops():
    x, n = T.fmatrix("x"), T.tensor("n", "int32", (4,))
    for fn in (T.add, T.mul, T.maximum, T.minimum, lambda a, b: b + a):
        for v in (x, n):
            found = associative_scan(fn, v)
            assert found.dtype == v.dtype
            ops = [node.op for node in gradcore.toposort([found])]
            assert any(isinstance(op, Cumulative) for op in ops)
    assert not any(
        isinstance(node.op, Cumulative)
        for node in gradcore.toposort([associative_scan(lambda a, b: a + b + 0, n)])
    )


# trees and errors ---------------------------------------------------------------------------------
def test_trees():
    tree = {"b": [1, (2, None)], "a": Pair(3, {2: 4, "x": 5})}
    leaves, structure = flattened(tree)
    assert len(structure) == len(leaves) == 5
    assert structure.holding(leaves) == tree and type(structure.holding(leaves)["a"]) is Pair
    assert flattened(mapped(str, tree))[1] == structure != flattened([tree])[1]
    with pytest.raises(ValueError, match="unpack"):
        flattened([0, 0])[1].holding([1])


X, V = T.dscalar("X"), T.dvector("V")

REFUSED = {
    "structure": (lambda: while_loop(lambda s: s < 1, lambda s: [s], X), ScanError, r"\[\*\]"),
    "dtype": (
        lambda: while_loop(lambda s: s < 1, lambda s: s.astype("float32"), X), ScanError, "dtype"
    ),
    "shape": (lambda: fori_loop(0, 3, lambda i, s: s + V, X), ScanError, "shape"),
    "condition": (lambda: while_loop(lambda s: s < 1, lambda s: s, V), ScanError, "scalar"),
    "nothing": (lambda: fori_loop(0, 3, lambda i, s: s, ()), ScanError, "one tensor at least"),
    "bounds": (lambda: fori_loop(0, X, lambda i, s: s, X), ScanError, "integer"),
    "branches": (
        lambda: cond(X > 0, lambda: (X, X), lambda: X), GraphTypeError, r"\(\*, \*\) and \*"
    ),
    "dtypes of branches": (
        lambda: cond(X > 0, lambda: X, lambda: X > 0), GraphTypeError, "branches of ifelse differ"
    ),
    "axis": (lambda: associative_scan(T.add, V, axis=1), GraphTypeError, "no axis 1"),
    "joined structure": (
        lambda: associative_scan(lambda a, b: (a, b), V), GraphTypeError, r"\(\*, \*\)"
    ),
    "joined dtype": (lambda: associative_scan(T.lt, V), GraphTypeError, "cast them"),
    "extents": (
        lambda: associative_scan(both, (T.zeros(2), T.zeros(3))), ShapeError, "differ"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name):
    build, error, text = REFUSED[name]
    with pytest.raises(error, match=text) as info:
        build()
    assert "test_structured_flow.py" in str(info.value)


def test_extents_that_differ_when_it_runs():
    x, y = T.dvectors("x", "y")
    f = gradcore.function([x, y], list(associative_scan(both, (x, y))), mode="numpy")
    with pytest.raises(ShapeError, match="one extent"):
        f([1.0, 2.0], [1.0])
