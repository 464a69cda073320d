"""Random graphs: rewritten against not rewritten, derivatives in both modes against differences."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcore
import gradcore.tensor as T
from gradcore.graph import free_inputs
from gradcore.graph.traverse import infer_shapes

PLAIN = gradcore.Mode("numpy", optimizer=False)

# Functions that keep moderate numbers moderate.
UNARY = [
    T.sin, T.cos, T.tanh, T.sigmoid, T.softplus, T.arctan, T.erf, T.neg, abs,
    lambda x: T.exp(-T.sqr(x)), lambda x: T.log(1 + T.exp(x)), lambda x: T.sqrt(1 + x**2),
    lambda x: 1 / (1 + T.exp(-x)), lambda x: x * 1 + 0, lambda x: 2 * (x * 3) / 7, lambda x: x / 4,
    lambda x: T.log1p(T.sqr(x)), lambda x: T.expm1(T.tanh(x)), lambda x: T.relu(x),
    lambda x: T.clip(x, -0.5, 0.5), lambda x: T.fill(x, 0.5) * x, lambda x: x - T.zeros_like(x),
]  # fmt: skip
BINARY = [
    T.add, T.sub, T.mul, T.maximum, T.minimum, T.arctan2,
    lambda x, y: x / (1 + T.sqr(y)), lambda x, y: T.switch(x > y, x * y, T.sin(y)),
    lambda x, y: T.switch(x > 0, T.log(T.switch(x > 0, x, 1)) * y, y), lambda x, y: (x + y) - x,
    lambda x, y: T.logaddexp(x, y), lambda x, y: x - (-y), lambda x, y: (-x) * y,
]  # fmt: skip
REDUCED = [T.sum, T.mean, T.max, T.min, T.prod, T.logsumexp, T.var]
ALONG = [
    lambda x, a: T.cumsum(x, a), lambda x, a: T.cumprod(x, a), lambda x, a: T.sort(x, a),
    lambda x, a: T.softmax(x, a), lambda x, a: T.flip(x, a), lambda x, a: T.roll(x, 1, a),
    lambda x, a: T.concatenate([x, 2 * x], a), lambda x, a: T.repeat(x, 2, a),
]  # fmt: skip
SHAPED = [
    lambda x: x.T, lambda x: x.flatten(), lambda x: x[..., ::-1], lambda x: x[1:], lambda x: x[:-1],
    lambda x: x[[0, 0]], lambda x: T.set_subtensor(x[0], 0.5), lambda x: x.reshape(x.shape),
    lambda x: T.inc_subtensor(x[:1], x[-1:]), lambda x: x.dimshuffle(*range(x.ndim), "x"),
    lambda x: x[(x.shape[0] - 1) :], lambda x: T.stack([x, x * 2]).sum(0),
]  # fmt: skip


def looped(x):
    """A loop over the first axis."""
    out, _ = gradcore.scan(lambda e, s: T.tanh(s + e) * 0.9, x, T.zeros_like(x[0]))
    return out


@st.composite
def graphs(draw, shaped=SHAPED):
    """Return inputs, their values, and an expression of random ops on them."""
    pool = []
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    for k in range(draw(st.integers(1, 3))):
        shape = draw(st.sampled_from([(), (3,), (2, 3), (3, 3), (1, 3), (2, 1), (2, 3, 2)]))
        known = draw(st.booleans())
        kind = [n if known or n == 1 else None for n in shape]
        pool.append((T.tensor(f"x{k}", "float64", kind), rng.uniform(-1.5, 1.5, shape)))
    inputs = list(pool)

    def add(build, *operands):
        """Add an expression, if NumPy's rules and ours allow it."""
        try:
            expression = build(*(v for v, _ in operands))
            f = gradcore.function(
                [v for v, _ in inputs], expression, mode=PLAIN, on_unused_input="ignore"
            )
            value = f(*(a for _, a in inputs))
        except (gradcore.errors.GradcoreError, IndexError):
            return
        if 0 < value.size <= 60 and np.abs(value).max() < 50:
            pool.append((expression, value))

    for _ in range(draw(st.integers(2, 8))):
        x = draw(st.sampled_from(pool))
        kind = draw(st.sampled_from(["unary", "binary", "reduce", "along", "shape", "dot", "loop"]))
        if kind == "unary":
            add(draw(st.sampled_from(UNARY)), x)
        elif kind in ("binary", "dot"):
            y = draw(st.sampled_from(pool))
            add(T.dot if kind == "dot" else draw(st.sampled_from(BINARY)), x, y)
        elif x[1].ndim:
            axis = draw(st.integers(0, x[1].ndim - 1))
            if kind == "reduce":
                build, keep = draw(st.sampled_from(REDUCED)), draw(st.booleans())
                add(lambda v, b=build, a=axis, k=keep: b(v, axis=a, keepdims=k), x)
            elif kind == "along":
                build = draw(st.sampled_from(ALONG))
                add(lambda v, b=build, a=axis: b(v, a), x)
            else:
                add(looped if kind == "loop" else draw(st.sampled_from(shaped)), x)
    return [v for v, _ in inputs], [a for _, a in inputs], pool[-1][0]


def compiled(inputs, outputs, mode):
    return gradcore.function(inputs, outputs, mode=mode, on_unused_input="ignore")


@given(graphs())
def test_rewriting_changes_nothing(graph):
    inputs, values, expression = graph
    cost = expression.sum()
    wrt = [v for v in inputs if v in free_inputs([expression])]
    outputs = [expression, *T.grad(cost, wrt, disconnected_inputs="ignore")]
    plain = compiled(inputs, outputs, PLAIN)(*values)
    best = compiled(inputs, outputs, "numpy")(*values)
    for a, b in zip(plain, best, strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape
        known = np.isfinite(a)  # rules hold for numbers: x / x is 1 even where x is 0
        np.testing.assert_allclose(b[known], a[known], rtol=1e-7, atol=1e-9)


@given(graphs(), st.data())
def test_rewriting_loses_no_error(graph, data):
    """With extents that do not fit, rewritten graphs raise what plain ones raise, nothing else."""
    inputs, values, expression = graph
    k = data.draw(st.integers(0, len(inputs) - 1))
    open_axes = [axis for axis, n in enumerate(inputs[k].type.shape) if n is None]
    if open_axes:
        axis = data.draw(st.sampled_from(open_axes))
        places = data.draw(st.sampled_from([[0], [0, 1, 0, 1, 0], [1, 0]]))
        values[k] = np.take(values[k], places, axis, mode="clip")
    wrt = [v for v in inputs if v in free_inputs([expression])]
    for outputs in (
        T.grad(expression.sum(), wrt, disconnected_inputs="ignore"),
        [T.zeros_like(expression)],
        [expression.shape],
        [T.switch(True, 1.0, expression.sum())],
    ):
        found = []
        for mode in (PLAIN, "numpy"):
            try:
                compiled(inputs, outputs, mode)(*values)
                found.append(None)
            except (ValueError, IndexError, AssertionError) as error:
                found.append(error)
        assert type(found[0]) is type(found[1]), found


@given(graphs())
def test_derivatives_against_differences(graph):
    inputs, values, expression = graph
    rng = np.random.default_rng(0)
    value = compiled(inputs, expression, PLAIN)(*values)
    cost = (expression * rng.uniform(0.5, 1.5, value.shape)).sum()
    wrt = [v for v in inputs if v in free_inputs([expression])]
    if not wrt:
        return
    directions = [
        rng.uniform(-1, 1, a.shape) for v, a in zip(inputs, values, strict=True) if v in wrt
    ]
    gradients = T.grad(cost, wrt, disconnected_inputs="ignore")
    forward = T.Rop(cost, wrt, directions, "ignore")
    *found, tangent = compiled(inputs, [*gradients, forward], "numpy")(*values)
    slope = sum(float(np.vdot(g, d)) for g, d in zip(found, directions, strict=True))
    np.testing.assert_allclose(tangent, slope, rtol=1e-7, atol=1e-9)
    f = compiled(inputs, cost, "numpy")

    def moved(h):
        steps = dict(zip(wrt, directions, strict=True))
        return f(*(a + h * steps.get(v, 0) for v, a in zip(inputs, values, strict=True)))

    def difference(h):
        return (moved(h) - moved(-h)) / (2 * h)

    close = any(
        np.isclose(slope, difference(h), rtol=1e-4, atol=1e-4 * max(1, abs(float(f(*values)))))
        for h in (1e-6, 1e-7, 1e-5)  # a kink may lie within one step, not within all
    )
    assert close, (slope, difference(1e-6), gradcore.pp(cost))


@given(graphs())
def test_shapes_and_pickles(graph):
    inputs, values, expression = graph
    (shape,) = infer_shapes([expression])
    extents = [T.as_tensor_variable(n) for n in shape]
    outputs = compiled(inputs, [expression, expression.shape, *extents], "numpy")(*values)
    value, reported, *inferred = outputs
    assert value.shape == tuple(reported) == tuple(int(n) for n in inferred)
    again, *fresh = pickle.loads(pickle.dumps([expression, *inputs]))
    np.testing.assert_array_equal(compiled(fresh, again, "numpy")(*values), value)


OTHERS = [b.name for b in gradcore.backends() if b.available and b.name != "numpy"]


@pytest.mark.skipif(not OTHERS, reason="no other backend works here")
@pytest.mark.parametrize("backend", OTHERS or ["none"])
@settings(max_examples=40)
@given(graph=graphs())
def test_backends_agree(backend, graph):
    """Value and gradient, on every backend that works here, as the reference has them."""
    inputs, values, expression = graph
    wrt = [v for v in inputs if v in free_inputs([expression])]
    outputs = [expression, *T.grad(expression.sum(), wrt, disconnected_inputs="ignore")]
    plain = compiled(inputs, outputs, PLAIN)(*values)
    for a, b in zip(plain, compiled(inputs, outputs, backend)(*values), strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape
        known = np.isfinite(a)
        scale = max(1.0, np.abs(a[known], dtype=float).max(initial=0))
        np.testing.assert_allclose(b[known], a[known], rtol=1e-7, atol=1e-9 * scale)
