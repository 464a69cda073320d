"""Loops: every one also written out, and all derivatives of both compared."""

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.conformance.loops import LOOPS, VALUES

PLAIN = gradcore.Mode("numpy", optimizer=False)
MODES = {"plain": PLAIN, "rewritten": gradcore.Mode("numpy")}


@pytest.fixture(params=LOOPS, scope="module")
def built(request):
    """Return the case, the inputs, and for both ways one scalar and the stacks."""
    case = LOOPS[request.param]
    both = []
    for stacks in (case.looped(), case.written_out()):
        floats = [s for s in stacks if s.type.is_float]
        weights = [
            np.cos(np.arange(1.0, 2.0 + s.ndim)).sum() + 0.3 * k for k, s in enumerate(floats)
        ]
        cost = sum(
            (
                s
                * T.sin(w + T.arange(s.shape[0], dtype="float64")).dimshuffle(
                    0, *["x"] * (s.ndim - 1)
                )
            ).sum()
            for s, w in zip(floats, weights, strict=True)
        )
        both.append((stacks, cost))
    inputs = list(dict.fromkeys([*case.wrt, *VALUES]))
    return case, inputs, both


def values(inputs, expressions, mode):
    f = gradcore.function(inputs, expressions, mode=mode, on_unused_input="ignore")
    return f(*(VALUES[v] for v in inputs))


def agree(found, expected, tolerance=1e-10):
    assert len(found) == len(expected)
    for p, q in zip(found, expected, strict=True):
        assert p.shape == q.shape and p.dtype == q.dtype
        np.testing.assert_allclose(p, q, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("mode", MODES)
def test_values(built, mode):
    _, inputs, ((looped, _), (written, _)) = built
    agree(values(inputs, looped, MODES[mode]), values(inputs, written, PLAIN))


@pytest.mark.parametrize("mode", MODES)
def test_gradients(built, mode):
    case, inputs, ((_, looped), (_, written)) = built
    options = {"disconnected_inputs": "ignore"}
    found = T.grad(looped, list(case.wrt), **options)
    agree(
        values(inputs, found, MODES[mode]),
        values(inputs, T.grad(written, list(case.wrt), **options), PLAIN),
    )


@pytest.mark.parametrize("mode", MODES)
def test_tangents(built, mode):
    case, inputs, ((looped, _), (written, _)) = built
    if case.truncate >= 0:
        return  # truncation is about gradients
    points = [T.cos(v * 3) for v in case.wrt]
    pairs = [
        [t for t in T.Rop(stacks, list(case.wrt), points, "ignore") if t is not None]
        for stacks in (looped, written)
    ]
    agree(values(inputs, pairs[0], MODES[mode]), values(inputs, pairs[1], PLAIN))


@pytest.mark.parametrize("mode", MODES)
def test_second_derivatives(built, mode):
    """Reverse over reverse, forward over reverse, reverse over forward."""
    case, inputs, ((_, looped), (_, written)) = built
    if case.truncate >= 0:
        return
    options = {"disconnected_inputs": "ignore"}
    wrt = list(case.wrt)
    results = []
    for cost in (looped, written):
        gradients = T.grad(cost, wrt)
        points = [T.cos(v * 3) for v in wrt]
        # The points depend on the variables too: they must not move.
        points = [T.disconnected_grad(p) for p in points]
        slope = sum((g * p).sum() for g, p in zip(gradients, points, strict=True))
        tangent = T.Rop(cost, wrt, points)
        results.append(
            [
                *T.grad(slope, wrt, **options),
                *T.Rop(gradients, wrt, points, "ignore"),
                *T.grad(tangent, wrt, **options),
            ]
        )
    agree(values(inputs, results[0], MODES[mode]), values(inputs, results[1], PLAIN), 1e-9)


@pytest.mark.parametrize("shape", [(None, 1, 1), (None, 1, 2), (3, 1, 1), (None, None, 1)])
def test_products_that_leave_a_loop_keep_known_extents(shape, everywhere):
    """What is stacked outside is as well known as what the body computes."""
    x, w = T.tensor("x", "float64", shape), T.tensor("w", "float64", (shape[2], 1))
    out, _ = gradcore.scan(lambda e, s, w: T.tanh(T.dot(e, w) + s), x, x[0, :, :1] * 0, w)
    a, b = np.ones((3, *(n or 2 for n in shape[1:]))), np.full((shape[2], 1), 0.1)
    found = gradcore.function([x, w], [out, T.grad(out.sum(), x)], everywhere)(a, b)
    wanted = gradcore.function([x, w], [out, T.grad(out.sum(), x)], PLAIN)(a, b)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other)
