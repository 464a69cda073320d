"""Derivatives that a user says, and parts of a graph that a gradient computes again."""

import pickle

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore import checkpoint, custom_gradient
from gradcore.errors import GraphTypeError, NotDifferentiableError, ShapeError
from gradcore.ops.control import OptimizationBarrier
from gradcore.ops.custom import CustomDerivative, Recomputed

PLAIN = gradcore.Mode("numpy", optimizer=False)
AT, ALONG = np.array([0.5, -1.2, 2.0]), np.array([1.0, 10.0, -3.0])


# derivatives of the user's ------------------------------------------------------------------------
def two(x, y):
    """Return two values, of which the derivatives are those of others."""
    return T.floor(x) * y, T.round(x + y)


def pulled(x, y):
    return lambda a, b: (a * T.cos(x) * y + b, a * T.sin(x) + b * y)


def pushed(x, y):
    return lambda t, u: [t * T.cos(x) * y + u * T.sin(x), t + u * y]


GIVEN = {
    "reverse": custom_gradient(lambda x, y: (two(x, y), pulled(x, y))),
    "forward": custom_gradient(lambda x, y: (two(x, y), None, pushed(x, y))),
    "both": custom_gradient(lambda x, y: (two(x, y), pulled(x, y), pushed(x, y))),
}


def meant(x, y):
    """Return what has the derivatives of `GIVEN`, with its values."""
    return same_values((T.sin(x) * y, x + y**2 / 2), two(x, y))


def derivatives(outputs, x, v, order=2):
    """Return the derivatives of outputs in both modes, and second ones where they agree."""
    weights = [T.disconnected_grad(T.cos(k + y)) for k, y in enumerate(outputs)]
    cost = sum(T.sum(w * y) for w, y in zip(weights, outputs, strict=True))
    slope = T.grad(cost, x)
    found = [slope, *T.Rop(list(outputs), x, v)]
    return found + ([T.Rop(slope, x, v), T.grad(T.sum(slope * v), x)] if order == 2 else [])


def same_values(outputs, values):
    """Return ``outputs`` with other values, and their own derivatives."""
    return [y + T.disconnected_grad(v - y) for y, v in zip(outputs, values, strict=True)]


@pytest.mark.parametrize("name", GIVEN)
def test_derivatives_are_those_that_are_said(name, everywhere):
    """In both modes, and of any order, as those of the function that is meant."""
    x, v = T.dvectors("x", "v")
    y = T.exp(x / 3)
    found = derivatives(GIVEN[name](T.sin(x) * 2, y), x, v)
    f = gradcore.function([x, v], [*GIVEN[name](x, y), *found], mode=everywhere)
    g = gradcore.function(
        [x, v], [*two(x, y), *derivatives(meant(T.sin(x) * 2, y), x, v)], mode=PLAIN
    )
    for one, other in zip(f(AT, ALONG), g(AT, ALONG), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", GIVEN)
def test_in_loops_and_choices_and_batches(name):
    x, v, c = T.dvector("x"), T.dvector("v"), T.dscalar("c")
    rows, tangents = T.dmatrices("rows", "tangents")

    def program(x, function):
        def step(h):
            a, b = function(h, T.tanh(x))
            return T.tanh(a) + b / 5

        states, _ = gradcore.scan(step, None, x, n_steps=3)
        a, b = function(x, x)
        return T.ifelse(c > 0, T.sum(states[-1]), T.sum(a * b))

    results = []
    for function in (GIVEN[name], meant):
        cost = program(x, function)
        slope = T.grad(cost, x)
        found = [cost, slope, T.Rop(cost, x, v), T.Rop(slope, x, v)]
        stacks = gradcore.vectorize_graph(found, {x: rows, v: tangents})
        late = T.grad(T.sum(gradcore.vectorize_graph(cost, {x: rows})), rows)
        results.append([*found, *stacks, late])
    inputs = [x, v, c, rows, tangents]
    f, g = (gradcore.function(inputs, each, mode="numpy") for each in results)
    for sign in (1.0, -1.0):
        given = AT, ALONG, sign, np.stack([AT, AT + 1]), np.stack([ALONG, ALONG])
        for one, other in zip(f(*given), g(*given), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-12)


def test_the_value_has_its_own_derivative_in_the_rule():
    """A square root that no derivative of `sqrt` is needed for."""

    @custom_gradient
    def root(x):
        y = T.disconnected_grad(T.sqrt(x))
        return y, lambda ct: ct / (2 * y)

    x = T.dscalar("x")
    third = T.grad(T.grad(T.grad(root(x), x), x), x)
    assert third.eval({x: 4.0}) == pytest.approx(3 / 8 * 4.0**-2.5)


def test_complex_cotangents_are_gradients():
    """A rule sees and returns what `grad` does: steepest ascent."""
    x = T.zscalar("x")
    square = custom_gradient(lambda z: (z**2, lambda ct: ct * T.conj(2 * z)))
    costs = [T.real(f(T.exp(x)) * (2 - 1j)) for f in (square, lambda z: z**2)]
    one, other = (T.grad(cost, x).eval({x: 0.3 + 0.2j}) for cost in costs)
    np.testing.assert_allclose(one, other)


def test_zero_and_integers():
    x, n = T.dvector("x"), T.lscalar("n")
    f = custom_gradient(lambda x, n: (x[n:], lambda ct: (None, None)))
    with pytest.raises(gradcore.errors.DisconnectedInputError):
        T.grad(T.sum(f(x, n)), x)
    g = custom_gradient(lambda x, n: (T.sum(x[n:]), lambda ct: (ct * T.ones_like(x), None)))
    assert T.grad(g(x, n), x).eval({x: [1.0, 2.0], n: 1}).tolist() == [1, 1]


def test_what_is_captured_has_no_derivative():
    x, w = T.dvectors("x", "w")
    scaled = custom_gradient(lambda x: (x * w, lambda ct: ct * T.sin(w)))
    cost = T.sum(scaled(x))
    assert T.grad(cost, x).eval({x: AT, w: AT}) == pytest.approx(np.sin(AT))
    for derive in (lambda: T.grad(cost, w), lambda: T.Rop(cost, w, x)):
        with pytest.raises(NotDifferentiableError, match="hand it in as an argument"):
            derive()


V, F = T.dvector("V"), T.fvector("F")

REFUSED = {
    "no rule": (lambda x: x * 2, GraphTypeError, r"return \(value, pullback\)"),
    "no function": (lambda x: (x, x), GraphTypeError, r"return \(value, pullback\)"),
    "none": (lambda x: (x, None), GraphTypeError, r"return \(value, pullback\)"),
    "too many": (lambda x: (x * 2, lambda ct: (ct, ct)), GraphTypeError, "returns 2, for 1"),
    "too few": (
        lambda x: ((x, x * 2), None, lambda t: [t]), GraphTypeError, "each tensor of the value"
    ),
    "rank": (lambda x: (x * 2, lambda ct: T.sum(ct)), GraphTypeError, "dtype and rank"),
    "dtype": (
        lambda x: (x * 2, lambda ct: ct.astype("float32")), GraphTypeError, "astype.'float64'"
    ),
    "shape": (lambda x: (x[:3] * T.ones(3), None, lambda t: T.ones(4)), ShapeError, "its shape"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name):
    fn, error, text = REFUSED[name]
    with pytest.raises(error, match=text) as info:
        custom_gradient(fn)(V)
    assert "test_custom.py" in str(info.value)


def test_shapes_are_checked_when_it_runs(everywhere):
    f = custom_gradient(lambda x: (x * 2, lambda ct: ct[1:]))
    g = gradcore.function([V], T.grad(T.sum(f(V)), V), mode=everywhere)
    with pytest.raises(ShapeError, match="must have its shape"):
        g([1.0, 2.0])


# computed again -----------------------------------------------------------------------------------
def layer(h, w):
    for k in range(3):
        h = T.tanh(h @ w + k)
    return h


def network(around, x, w, depth=4):
    h = x
    for _ in range(depth):
        h = around(lambda h: layer(h, w))(h)
    return T.sum(h**2)


def test_derivatives_are_those_of_the_function(everywhere):
    x, w, v = T.dmatrices("x", "w", "v")
    results = []
    for around in (checkpoint, lambda fn: fn):
        cost = network(around, x, w, 2)
        slope = T.grad(cost, w)
        results.append([cost, slope, T.Rop(cost, w, v), T.Rop(slope, w, v)])
        if everywhere.backend in ("numpy", "c"):
            results[-1].append(T.grad(T.sum(slope * v), w))
    rng = np.random.default_rng(0)
    given = rng.normal(size=(4, 3)), rng.normal(size=(3, 3)), rng.normal(size=(3, 3))
    f = gradcore.function([x, w, v], results[0], mode=everywhere)
    g = gradcore.function([x, w, v], results[1], mode="numpy")
    for one, other in zip(f(*given), g(*given), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)


def count(f, name):
    return [str(node.op) for node in f.maker.fgraph.nodes].count(name)


def test_the_function_is_computed_again_and_not_merged():
    """Each layer twice; without the mark once, and without a gradient once."""
    x, w = T.dmatrices("x", "w")
    counts = []
    for around in (checkpoint, lambda fn: fn):
        cost = network(around, x, w)
        f = gradcore.function([x, w], [cost, T.grad(cost, w)], mode="numpy")
        g = gradcore.function([x, w], [cost, T.Rop(cost, w, w)], mode="numpy")
        counts.append([count(f, "tanh"), count(g, "tanh")])
        assert not count(g, "optimization_barrier")
    assert counts == [[24, 12], [12, 12]]


def test_less_is_stored():
    """By the memory of generated code, and by the arrays that stay until a gradient reads them."""
    x, w = T.dmatrices("x", "w")
    peaks, longest = [], []
    for around in (checkpoint, lambda fn: fn):
        cost = network(around, x, w, depth=8)
        f = gradcore.function(
            [x, w], [cost, T.grad(cost, w)], mode=gradcore.Mode("c", threads=1), profile=True
        )
        f(np.ones((256, 16)), np.eye(16))
        peaks.append(f.profile.peak_bytes / (8 * 256 * 16))
        nodes = f.maker.fgraph.nodes
        place = {node: k for k, node in enumerate(nodes)}
        last = {v: place[node] for node in nodes for v in node.inputs if v.ndim == 2}
        alive = [
            sum(place[v.owner] <= k < end for v, end in last.items() if v.owner is not None)
            for k in range(len(nodes))
        ]
        longest.append(max(alive))
    assert peaks[0] < 0.6 * peaks[1] and longest[0] < 0.6 * longest[1]


def test_xla_gets_barriers():
    """What it is given has barriers, as that of JAX's own checkpoints; on a CPU it drops them."""
    jax = pytest.importorskip("jax")
    x, w = T.dmatrices("x", "w")
    counts = []
    for around in (checkpoint, lambda fn: fn):
        cost = network(around, x, w)
        f = gradcore.as_jax(T.grad(cost, w), [x, w])
        with jax.enable_x64(True):
            text = jax.jit(f).lower(np.ones((4, 3)), np.eye(3)).as_text()
        counts.append([text.count("stablehlo.tanh"), text.count("optimization_barrier") > 0])
    assert counts == [[24, True], [12, False]]


def test_in_loops_and_batches():
    """A step that is computed again stores what goes into it alone."""
    x, w, rows, ws = T.dvector("x"), T.dmatrix("w"), T.dmatrix("rows"), T.dtensor3("ws")
    results, stacked = [], []
    for around in (checkpoint, lambda fn: fn):
        step = around(lambda h, w: layer(h, w))
        states, _ = gradcore.scan(step, None, x, w, n_steps=4)
        cost = T.sum(states[-1] ** 2)
        slopes = T.grad(cost, [x, w])
        many = gradcore.vectorize_graph([cost, *slopes], {x: rows})
        late = T.grad(T.sum(gradcore.vectorize_graph(cost, {x: rows, w: ws})), [rows, ws])
        results.append([cost, *slopes, *many, *late])
        f = gradcore.function([x, w], slopes, mode="numpy")
        loops = [node for node in f.maker.fgraph.nodes if "scan" in str(node.op)]
        stacked.append(max(len(node.outputs) for node in loops))
    inputs = [x, w, rows, ws]
    f, g = (gradcore.function(inputs, each, mode="numpy") for each in results)
    rng = np.random.default_rng(1)
    given = [rng.normal(size=shape) for shape in ((3,), (3, 3), (2, 3), (2, 3, 3))]
    for one, other in zip(f(*given), g(*given), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-12)
    assert stacked[0] < stacked[1]


def test_trees_and_what_is_not_differentiated():
    x, n = T.dvector("x"), T.lscalar("n")
    fn = lambda tree: {"sum": T.sum(tree["x"][tree["n"] :] ** 2), "n": tree["n"] + 1}
    plain, again = fn({"x": x, "n": n}), checkpoint(fn)({"x": x, "n": n})
    for key in plain:
        assert again[key].type == plain[key].type
    outputs = [again["n"], T.grad(again["sum"], x), T.grad(plain["sum"], x)]
    k, one, other = gradcore.function([x, n], outputs, mode="numpy")(AT, 1)
    assert k == 2 and one.tolist() == other.tolist() == [0, -2.4, 4]
    assert checkpoint(lambda: ())() == ()


def test_pickles():
    x = T.dvector("x")
    cost = T.sum(checkpoint(T.tanh)(GIVEN["both"](x, x)[0]))
    ops = {type(node.op) for node in gradcore.toposort([T.grad(cost, x)])}
    assert {CustomDerivative, Recomputed, OptimizationBarrier} <= ops
    y, slope = pickle.loads(pickle.dumps((x, T.grad(cost, x))))
    expected = T.grad(cost, x).eval({x: AT})
    np.testing.assert_allclose(slope.eval({y: AT}), expected)
