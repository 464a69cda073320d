"""Loops: every one also written out, and all derivatives of both compared."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from unrolling import unrolled

import gradcore
import gradcore.tensor as T

PLAIN = gradcore.Mode("numpy", optimizer=False)
MODES = {"plain": PLAIN, "rewritten": gradcore.Mode("numpy")}

x, y = T.dvectors("x", "y")
X, Y = T.dmatrices("X", "Y")
W, U = T.dmatrices("W", "U")
h, b = T.dvectors("h", "b")
a, c = T.dscalars("a", "c")
n = T.lscalar("n")

VALUES = {
    x: [0.3, -0.5, 0.8, 0.2],
    y: [1.1, 0.4, -0.7, 0.9, 0.5, 0.1],
    X: np.sin(np.arange(12.0)).reshape(4, 3),
    Y: np.cos(np.arange(12.0)).reshape(4, 3),
    W: np.sin(np.arange(9.0) ** 2).reshape(3, 3) / 2,
    U: np.cos(np.arange(9.0) ** 2).reshape(3, 3) / 2,
    h: [0.1, -0.2, 0.3],
    b: [0.5, 0.1, -0.4],
    a: 0.7,
    c: -0.3,
    n: 3,
}


@dataclass
class Case:
    """A loop: the arguments of scan, and how many steps that is."""

    fn: Any
    steps: int
    sequences: Any = None
    outputs_info: Any = None
    non_sequences: Any = None
    n_steps: Any = None
    go_backwards: bool = False
    truncate: int = -1
    wrt: tuple = field(default_factory=tuple)

    def looped(self):
        stacks, updates = gradcore.scan(
            self.fn,
            self.sequences,
            self.outputs_info,
            self.non_sequences,
            self.n_steps,
            self.truncate,
            self.go_backwards,
            return_list=True,
        )
        assert not updates
        return stacks

    def written_out(self):
        fn = self.fn

        def without_until(*args):
            found = fn(*args)
            found = list(found) if isinstance(found, (list, tuple)) else [found]
            return [v for v in found if not isinstance(v, gradcore.until)]

        return unrolled(
            without_until,
            self.sequences,
            self.outputs_info,
            self.non_sequences,
            self.steps,
            self.go_backwards,
            self.truncate,
        )


def rnn(x_t, h_tm1, W, U, b):
    return T.tanh(T.dot(x_t, U) + T.dot(h_tm1, W) + b)


def lstm(x_t, h_tm1, c_tm1, W, U):
    z = T.dot(x_t, U) + T.dot(h_tm1, W)
    i, f, o = T.sigmoid(z), T.sigmoid(z + 1), T.sigmoid(2 * z)
    c_t = f * c_tm1 + i * T.tanh(z - 0.5)
    return o * T.tanh(c_t), c_t


def inner_power(x_t, acc):
    powers, _ = gradcore.scan(lambda p, q: p * q * T.cos(p), None, T.ones_like(x_t), x_t, n_steps=3)
    return acc * 0.5 + powers[-1]


def outer_of_nested(x_t, W):
    rows, _ = gradcore.scan(lambda w, s: T.tanh(s * w.sum() + x_t), W, T.zeros_like(x_t))
    return rows.sum()


CASES = {
    "running sum": Case(lambda v, s: s + v, 4, x, a, wrt=(x, a)),
    "map": Case(lambda v: v**2 * T.sin(v), 4, x, wrt=(x,)),
    "map with a constant": Case(lambda v, k: T.exp(v * k), 4, x, None, a, wrt=(x, a)),
    "power": Case(lambda p, q: p * q, 3, None, T.ones_like(h), h, 3, wrt=(h,)),
    "symbolic steps": Case(lambda p, q: T.sin(p * q), 3, None, a, c, n, wrt=(a, c)),
    "fewer steps than elements": Case(lambda v, s: s * v, 3, x, a, n_steps=3, wrt=(x, a)),
    "two lengths": Case(lambda u, v, s: s * u + v, 4, [x, y], a, wrt=(x, y, a)),
    "taps of a sequence": Case(
        lambda u, v, w, s: T.tanh(u * v - w + s),
        4,
        {"input": y, "taps": [-1, 0, 1]},
        a,
        wrt=(y, a),
    ),
    "taps beyond one another": Case(
        lambda u, v, k: T.sin(u) * v + k,
        3,
        {"input": y, "taps": [3, -0]},
        None,
        a,
        3,
        wrt=(y, a),
    ),
    "taps of an output": Case(
        lambda p, q, k: p + q * k,
        5,
        None,
        {"initial": h[:2], "taps": [-2, -1]},
        a,
        5,
        wrt=(h, a),
    ),
    "far taps of an output": Case(
        lambda v, p, q: T.tanh(p * v) + q,
        4,
        x,
        {"initial": h, "taps": [-3, -1]},
        wrt=(x, h),
    ),
    "only a far tap": Case(
        lambda p, v: T.cos(p) * v,
        5,
        None,
        {"initial": h, "taps": [-3]},
        a,
        5,
        wrt=(h, a),
    ),
    "several outputs": Case(
        lambda v, s, p: (s + v, p * T.cos(v), s * p),
        4,
        x,
        [a, c, None],
        wrt=(x, a, c),
    ),
    "states that feed each other": Case(
        lambda p, q: (p + 0.1 * p * q, q - 0.1 * p * q * q),
        5,
        None,
        [a, c],
        n_steps=5,
        wrt=(a, c),
    ),
    "rnn": Case(rnn, 4, X, h, [W, U, b], wrt=(X, h, W, U, b)),
    "rnn backwards": Case(rnn, 4, X, h, [W, U, b], go_backwards=True, wrt=(X, h, W, U, b)),
    "backwards with taps": Case(
        lambda u, v, s: s * u - v,
        5,
        {"input": y, "taps": [0, 1]},
        a,
        go_backwards=True,
        wrt=(y, a),
    ),
    "lstm": Case(lstm, 4, X, [h, b], [W, U], wrt=(X, h, b, W, U)),
    "rows of matrices": Case(
        lambda A, S: T.tanh(T.dot(S, A)),
        2,
        T.stack([W, U]),
        T.eye(3),
        wrt=(W, U),
    ),
    "captured": Case(lambda v, s: s * a + T.sin(b).sum() * v, 4, x, c, wrt=(x, a, b, c)),
    "captured expression": Case(
        lambda i, s: s + T.exp(W[i]).sum() * s, 3, T.arange(3), a, wrt=(W, a)
    ),
    "gathered by index": Case(lambda i, v: v[i] * v[-1 - i], 4, T.arange(4), None, x, wrt=(x,)),
    "choice within": Case(
        lambda v, s: T.switch(v > 0, T.log(abs(v)) * s, s + v),
        4,
        x,
        a,
        wrt=(x, a),
    ),
    "reduction within": Case(
        lambda row, s: s * T.sqrt((row**2).sum()) + row.max(),
        4,
        X,
        a,
        wrt=(X, a),
    ),
    "writing within": Case(
        lambda i, v: T.set_subtensor(v[i], T.sin(v.sum())),
        3,
        T.arange(3),
        h,
        wrt=(h,),
    ),
    "unused output": Case(lambda v, s, p: (s + v, p + 1), 4, x, [a, c], wrt=(x, a)),
    "a counter beside it": Case(
        lambda v, k, s: (k + 1, s * T.cast(k, "float64") + v),
        4,
        x,
        [T.zeros((), "int64"), a],
        wrt=(x, a),
    ),
    "constant output": Case(lambda v, s: (s, v * 0 + a), 4, x, [c, None], wrt=(c, a)),
    "until": Case(
        lambda v, s: (s + v**2, gradcore.until(s + v**2 > 2.3)),
        3,
        y,
        a,
        wrt=(y, a),
    ),
    "until never": Case(lambda v, s: (s + v, gradcore.until(s > 1e9)), 4, x, a, wrt=(x, a)),
    "until at once": Case(lambda v, s: (s * v, gradcore.until(T.eq(1, 1))), 1, x, a, wrt=(x, a)),
    "until with matrices": Case(
        lambda r, s, W: (T.tanh(T.dot(s, W) + r), gradcore.until(s.sum() > -1e9)),
        1,
        X,
        h,
        [W],
        wrt=(X, h, W),
    ),
    "nested": Case(inner_power, 4, x, a, wrt=(x, a)),
    "nested over a constant": Case(outer_of_nested, 4, x, None, W, wrt=(x, W)),
    "truncated": Case(rnn, 4, X, h, [W, U, b], truncate=2, wrt=(X, h, W, U, b)),
    "truncated to nothing": Case(lambda v, s: s * v, 4, x, a, truncate=0, wrt=(x, a)),
    "truncated beyond": Case(lambda v, s: s * v, 4, x, a, truncate=9, wrt=(x, a)),
}


@pytest.fixture(params=CASES, scope="module")
def built(request):
    """Return the case, the inputs, and for both ways one scalar and the stacks."""
    case = CASES[request.param]
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
