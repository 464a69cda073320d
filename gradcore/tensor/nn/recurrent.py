"""Recurrent cells, and loops of them over time.

A step takes the state before it and returns the one behind it; a loop is a scan of steps along the
first axis, with gradients through time of any order, which can be checkpointed (`gradcore.scan`).
Weights of all gates stand side by side, in the order of torch; its matrices are their transposes.
"""

from __future__ import annotations

from typing import Any

from gradcore.graph import Variable, as_variable
from gradcore.graph.nodes import extents_of
from gradcore.ops.scalars import sigmoid, tanh
from gradcore.scan import scan
from gradcore.tensor.creation import zeros
from gradcore.tensor.products import dot


def lstm_step(
    x: Any, h: Any, c: Any, weights: Any, recurrent: Any, bias: Any = 0.0
) -> tuple[Variable, Variable]:
    """Return the state (h, c) behind a step of a long short-term memory.

    ``i, f, o = sigmoid(gates)``, ``g = tanh(gate)``; ``c = f * c + i * g``, ``h = o * tanh(c)``.

    x : of shape (examples, d).
    h, c : the state before, of shape (examples, n).
    weights, recurrent : of shapes (d, 4 n) and (n, 4 n), with the gates in the order i, f, g, o.
    bias : of shape (4 n,).

    S. Hochreiter, J. Schmidhuber, "Long short-term memory" (1997); F. Gers et al., "Learning to
    forget" (2000).

    >>> import gradcore.tensor as T
    >>> one, none = T.ones((1, 1)), T.zeros((1, 4))
    >>> h, c = T.nn.lstm_step(one, one, one, none, none)
    >>> c.eval().tolist()
    [[0.5]]
    """
    before = as_variable(c)
    gates = dot(x, weights) + dot(h, recurrent) + bias
    i, f, g, o = _split(gates, 4)
    after = sigmoid(f) * before + sigmoid(i) * tanh(g)
    return sigmoid(o) * tanh(after), after


def lstm(
    x: Any, weights: Any, recurrent: Any, bias: Any = 0.0, h: Any = None, c: Any = None
) -> tuple[Variable, Variable]:
    """Return the states (h, c) behind each step of an LSTM, each of shape (steps, examples, n).

    x : of shape (steps, examples, d).
    weights, recurrent, bias : as of `lstm_step`.
    h, c : the state to start from, of shape (examples, n); None: zeros.

    >>> import gradcore.tensor as T
    >>> h, c = T.nn.lstm(T.ones((5, 2, 3)), T.ones((3, 4)), T.ones((1, 4)))
    >>> h.eval().shape
    (5, 2, 1)
    """
    sequence = as_variable(x)
    start = [_initial(s, sequence, recurrent) for s in (h, c)]

    def step(x_t: Variable, h_t: Variable, c_t: Variable) -> list[Variable]:
        return list(lstm_step(x_t, h_t, c_t, weights, recurrent, bias))

    states, _ = scan(step, sequences=sequence, outputs_info=start)
    return states[0], states[1]


def gru_step(
    x: Any, h: Any, weights: Any, recurrent: Any, bias: Any = 0.0, recurrent_bias: Any = 0.0
) -> Variable:
    """Return the state behind a step of a gated recurrent unit.

    ``r, z = sigmoid(gates)``, ``g = tanh(x @ W + b + r * (h @ U + v))``; ``h = (1 - z) * g + z *
    h``.

    x : of shape (examples, d).
    h : the state before, of shape (examples, n).
    weights, recurrent : W and U, of shapes (d, 3 n) and (n, 3 n), with the gates in the order
        r, z, g.
    bias, recurrent_bias : b and v, of shape (3 n,).

    K. Cho et al., "Learning phrase representations using RNN encoder-decoder" (2014), with the
    reset gate behind the product, as cuDNN and torch have it.

    >>> import gradcore.tensor as T
    >>> one, none = T.ones((1, 1)), T.zeros((1, 3))
    >>> T.nn.gru_step(one, one, none, none).eval().tolist()
    [[0.5]]
    """
    before = as_variable(h)
    own_r, own_z, own_g = _split(dot(x, weights) + bias, 3)
    r, z, g = _split(dot(before, recurrent) + recurrent_bias, 3)
    reset, update = sigmoid(own_r + r), sigmoid(own_z + z)
    return (1 - update) * tanh(own_g + reset * g) + update * before


def gru(
    x: Any,
    weights: Any,
    recurrent: Any,
    bias: Any = 0.0,
    recurrent_bias: Any = 0.0,
    h: Any = None,
) -> Variable:
    """Return the states behind each step of a GRU, of shape (steps, examples, n).

    x : of shape (steps, examples, d).
    weights, recurrent, bias, recurrent_bias : as of `gru_step`.
    h : the state to start from, of shape (examples, n); None: zeros.

    >>> import gradcore.tensor as T
    >>> T.nn.gru(T.ones((5, 2, 3)), T.ones((3, 6)), T.ones((2, 6))).eval().shape
    (5, 2, 2)
    """
    sequence = as_variable(x)

    def step(x_t: Variable, h_t: Variable) -> Variable:
        return gru_step(x_t, h_t, weights, recurrent, bias, recurrent_bias)

    states, _ = scan(step, sequences=sequence, outputs_info=_initial(h, sequence, recurrent))
    return states


def _split(gates: Variable, count: int) -> list[Variable]:
    """Return ``count`` parts of ``gates``, side by side, of one width."""
    n = extents_of(gates)[-1] // count
    return [gates[..., k * n : (k + 1) * n] for k in range(count)]


def _initial(given: Any, x: Variable, recurrent: Any) -> Variable:
    """Return the state to start from."""
    if given is not None:
        return as_variable(given)
    weights = as_variable(recurrent)
    return zeros((extents_of(x)[1], extents_of(weights)[0]), x.dtype)
