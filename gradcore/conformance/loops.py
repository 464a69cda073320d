"""Loops of every kind, each of which can also be written out; the two must agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import gradcore.tensor as T
from gradcore.conformance.unrolling import unrolled
from gradcore.graph import Variable
from gradcore.language import Function, listed
from gradcore.scan import scan, until

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
class LoopExample:
    """A loop: the arguments of scan, and how many steps that is."""

    fn: Function
    steps: int
    sequences: Any = None
    outputs_info: Any = None
    non_sequences: Any = None
    n_steps: Any = None
    go_backwards: bool = False
    truncate: int = -1
    wrt: tuple[Variable, ...] = ()

    def looped(self, checkpoint: int | str | None = "auto") -> list[Variable]:
        """Return the stacks of the scan."""
        stacks, updates = scan(
            self.fn,
            self.sequences,
            self.outputs_info,
            self.non_sequences,
            self.n_steps,
            self.truncate,
            self.go_backwards,
            return_list=True,
            checkpoint=checkpoint,
        )
        assert not updates
        return stacks

    def written_out(self) -> list[Variable]:
        """Return the same without a scan."""
        fn = self.fn

        def without_until(*args: Any) -> list[Variable]:
            return [v for v in listed(fn(*args)) if not isinstance(v, until)]

        return unrolled(
            without_until,
            self.sequences,
            self.outputs_info,
            self.non_sequences,
            self.steps,
            self.go_backwards,
            self.truncate,
        )


def rnn(x_t: Any, h_tm1: Any, W: Any, U: Any, b: Any) -> Any:
    """Return a step of a plain recurrent network."""
    return T.tanh(T.dot(x_t, U) + T.dot(h_tm1, W) + b)


def lstm(x_t: Any, h_tm1: Any, c_tm1: Any, W: Any, U: Any) -> Any:
    """Return a step of a network with gates."""
    z = T.dot(x_t, U) + T.dot(h_tm1, W)
    i, f, o = T.sigmoid(z), T.sigmoid(z + 1), T.sigmoid(2 * z)
    c_t = f * c_tm1 + i * T.tanh(z - 0.5)
    return o * T.tanh(c_t), c_t


def inner_power(x_t: Any, acc: Any) -> Any:
    """Return a step of a step that is a loop itself."""

    def power(p: Any, q: Any) -> Any:
        return p * q * T.cos(p)

    powers, _ = scan(power, None, T.ones_like(x_t), x_t, n_steps=3)
    return acc * 0.5 + powers[-1]


def outer_of_nested(x_t: Any, W: Any) -> Any:
    """Return a step of a step that loops over a constant."""

    def step(w: Any, s: Any) -> Any:
        return T.tanh(s * w.sum() + x_t)

    rows, _ = scan(step, W, T.zeros_like(x_t))
    return rows.sum()


LOOPS: Mapping[str, LoopExample] = {
    "cumulative sum": LoopExample(lambda v, s: s + v, 4, x, a, wrt=(x, a)),
    "map": LoopExample(lambda v: v**2 * T.sin(v), 4, x, wrt=(x,)),
    "map with a constant": LoopExample(lambda v, k: T.exp(v * k), 4, x, None, a, wrt=(x, a)),
    "power": LoopExample(lambda p, q: p * q, 3, None, T.ones_like(h), h, 3, wrt=(h,)),
    "symbolic steps": LoopExample(lambda p, q: T.sin(p * q), 3, None, a, c, n, wrt=(a, c)),
    "fewer steps than elements": LoopExample(lambda v, s: s * v, 3, x, a, n_steps=3, wrt=(x, a)),
    "two lengths": LoopExample(lambda u, v, s: s * u + v, 4, [x, y], a, wrt=(x, y, a)),
    "taps of a sequence": LoopExample(
        lambda u, v, w, s: T.tanh(u * v - w + s),
        4,
        {"input": y, "taps": [-1, 0, 1]},
        a,
        wrt=(y, a),
    ),
    "taps beyond one another": LoopExample(
        lambda u, v, k: T.sin(u) * v + k,
        3,
        {"input": y, "taps": [3, -0]},
        None,
        a,
        3,
        wrt=(y, a),
    ),
    "taps of an output": LoopExample(
        lambda p, q, k: p + q * k,
        5,
        None,
        {"initial": h[:2], "taps": [-2, -1]},
        a,
        5,
        wrt=(h, a),
    ),
    "far taps of an output": LoopExample(
        lambda v, p, q: T.tanh(p * v) + q,
        4,
        x,
        {"initial": h, "taps": [-3, -1]},
        wrt=(x, h),
    ),
    "only a far tap": LoopExample(
        lambda p, v: T.cos(p) * v,
        5,
        None,
        {"initial": h, "taps": [-3]},
        a,
        5,
        wrt=(h, a),
    ),
    "several outputs": LoopExample(
        lambda v, s, p: (s + v, p * T.cos(v), s * p),
        4,
        x,
        [a, c, None],
        wrt=(x, a, c),
    ),
    "states that feed each other": LoopExample(
        lambda p, q: (p + 0.1 * p * q, q - 0.1 * p * q * q),
        5,
        None,
        [a, c],
        n_steps=5,
        wrt=(a, c),
    ),
    "rnn": LoopExample(rnn, 4, X, h, [W, U, b], wrt=(X, h, W, U, b)),
    "rnn backwards": LoopExample(rnn, 4, X, h, [W, U, b], go_backwards=True, wrt=(X, h, W, U, b)),
    "backwards with taps": LoopExample(
        lambda u, v, s: s * u - v,
        5,
        {"input": y, "taps": [0, 1]},
        a,
        go_backwards=True,
        wrt=(y, a),
    ),
    "lstm": LoopExample(lstm, 4, X, [h, b], [W, U], wrt=(X, h, b, W, U)),
    "rows of matrices": LoopExample(
        lambda A, S: T.tanh(T.dot(S, A)),
        2,
        T.stack([W, U]),
        T.eye(3),
        wrt=(W, U),
    ),
    "captured": LoopExample(lambda v, s: s * a + T.sin(b).sum() * v, 4, x, c, wrt=(x, a, b, c)),
    "captured expression": LoopExample(
        lambda i, s: s + T.exp(W[i]).sum() * s, 3, T.arange(3), a, wrt=(W, a)
    ),
    "gathered by index": LoopExample(
        lambda i, v: v[i] * v[-1 - i], 4, T.arange(4), None, x, wrt=(x,)
    ),
    "choice within": LoopExample(
        lambda v, s: T.switch(v > 0, T.log(abs(v)) * s, s + v),
        4,
        x,
        a,
        wrt=(x, a),
    ),
    "reduction within": LoopExample(
        lambda row, s: s * T.sqrt((row**2).sum()) + row.max(),
        4,
        X,
        a,
        wrt=(X, a),
    ),
    "writing within": LoopExample(
        lambda i, v: T.set_subtensor(v[i], T.sin(v.sum())),
        3,
        T.arange(3),
        h,
        wrt=(h,),
    ),
    "unused output": LoopExample(lambda v, s, p: (s + v, p + 1), 4, x, [a, c], wrt=(x, a)),
    "a counter beside it": LoopExample(
        lambda v, k, s: (k + 1, s * T.cast(k, "float64") + v),
        4,
        x,
        [T.zeros((), "int64"), a],
        wrt=(x, a),
    ),
    "constant output": LoopExample(lambda v, s: (s, v * 0 + a), 4, x, [c, None], wrt=(c, a)),
    "until": LoopExample(
        lambda v, s: (s + v**2, until(s + v**2 > 2.3)),
        3,
        y,
        a,
        wrt=(y, a),
    ),
    "until never": LoopExample(lambda v, s: (s + v, until(s > 1e9)), 4, x, a, wrt=(x, a)),
    "until at once": LoopExample(lambda v, s: (s * v, until(T.eq(1, 1))), 1, x, a, wrt=(x, a)),
    "until with matrices": LoopExample(
        lambda r, s, W: (T.tanh(T.dot(s, W) + r), until(s.sum() > -1e9)),
        1,
        X,
        h,
        [W],
        wrt=(X, h, W),
    ),
    "nested": LoopExample(inner_power, 4, x, a, wrt=(x, a)),
    "nested over a constant": LoopExample(outer_of_nested, 4, x, None, W, wrt=(x, W)),
    "truncated": LoopExample(rnn, 4, X, h, [W, U, b], truncate=2, wrt=(X, h, W, U, b)),
    "truncated to nothing": LoopExample(lambda v, s: s * v, 4, x, a, truncate=0, wrt=(x, a)),
    "truncated beyond": LoopExample(lambda v, s: s * v, 4, x, a, truncate=9, wrt=(x, a)),
}
