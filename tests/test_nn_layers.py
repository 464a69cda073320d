"""Normalizations, attention and recurrent cells: against formulas, against torch, derivatives."""

import numpy as np
import pytest
from scipy import special

import gradcore
import gradcore.tensor as T

nn = T.nn
RNG = np.random.default_rng(3)


def drawn(*shape):
    return RNG.normal(size=shape)


def normalized(x, axes, epsilon=1e-5):
    center = x.mean(axes, keepdims=True)
    return (x - center) / np.sqrt(x.var(axes, keepdims=True) + epsilon)


X, GAMMA, BETA = drawn(3, 4, 2, 3), drawn(4), drawn(4)
COLUMNS = (slice(None), None, None)
SCALED = {
    "batch_norm": (
        lambda x, g, b: nn.batch_norm(x, g, b)[0],
        lambda x, g, b: normalized(x, (0, 2, 3)) * g[COLUMNS] + b[COLUMNS],
    ),
    "batch_norm, the last axis": (
        lambda x, g, b: nn.batch_norm(T.moveaxis(x, 1, 3), g, b, axis=3)[0],
        lambda x, g, b: normalized(x, (0, 2, 3)).transpose(0, 2, 3, 1) * g + b,
    ),
    "layer_norm": (
        lambda x, g, b: nn.layer_norm(x, g[:3], b[:3]),
        lambda x, g, b: normalized(x, 3) * g[:3] + b[:3],
    ),
    "layer_norm, two axes": (
        lambda x, g, b: nn.layer_norm(x, axis=(2, 3)),
        lambda x, g, b: normalized(x, (2, 3)),
    ),
    "group_norm": (
        lambda x, g, b: nn.group_norm(x, 2, g, b),
        lambda x, g, b: (
            normalized(x.reshape(3, 2, 2, 2, 3), (2, 3, 4)).reshape(x.shape) * g[COLUMNS]
            + b[COLUMNS]
        ),
    ),
    "rms_norm": (
        lambda x, g, b: nn.rms_norm(x, g[:3]),
        lambda x, g, b: x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-6) * g[:3],
    ),
}


@pytest.mark.parametrize("name", SCALED)
def test_normalizations(name):
    """Of unknown extents: on two backends, with gradients."""
    function, formula = SCALED[name]
    x, (g, b) = T.dtensor4("x"), T.dvectors("g", "b")
    out = function(x, g, b)
    gradients = T.grad(T.sum(T.tanh(out)), [x, g, b], disconnected_inputs="ignore")
    reference, native = (
        gradcore.function([x, g, b], [out, *gradients], mode=mode, on_unused_input="ignore")(
            X, GAMMA, BETA
        )
        for mode in ("numpy", "c")
    )
    np.testing.assert_allclose(reference[0], formula(X, GAMMA, BETA), atol=1e-12)
    for found, expected in zip(native, reference, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-12)
    T.verify_grad(lambda x: T.tanh(function(x, GAMMA, BETA)), [X], 1, mode="numpy")


def test_batch_norm_returns_what_running_averages_need():
    _, center, spread = nn.batch_norm(X)
    np.testing.assert_allclose(center.eval(), X.mean((0, 2, 3)))
    np.testing.assert_allclose(spread.eval(), X.var((0, 2, 3)))
    found = nn.batch_norm_inference(X, center, spread, GAMMA, BETA)
    expected = SCALED["batch_norm"][1](X, GAMMA, BETA)
    np.testing.assert_allclose(found.eval(), expected, atol=1e-12)
    assert nn.batch_norm(T.fmatrix())[0].dtype == "float32"
    assert nn.rms_norm([[3, 4]], epsilon=12.5).dtype == "float64"


# attention --------------------------------------------------------------------------------------
Q, K, V = drawn(2, 3, 4), drawn(2, 5, 4), drawn(2, 5, 2)
SEEN = RNG.uniform(size=(2, 3, 5)) < 0.6
SEEN[..., 0] = True


def attended(allowed=True, added=0.0):
    scores = Q @ K.swapaxes(1, 2) / 2 + added
    return special.softmax(np.where(allowed, scores, -np.inf), axis=-1) @ V


ATTENTION = {
    "of all": ({}, attended()),
    "masked": ({"mask": SEEN}, attended(SEEN)),
    "causal": ({"causal": True}, attended(np.tri(3, 5, dtype=bool))),
    "both": ({"mask": SEEN, "causal": True}, attended(SEEN & np.tri(3, 5, dtype=bool))),
    "added": ({"mask": 1.5 * SEEN}, attended(True, 1.5 * SEEN)),
}


@pytest.mark.parametrize("name", ATTENTION)
def test_attention(name):
    options, expected = ATTENTION[name]
    q, k, v = T.dtensor3s("q", "k", "v")
    out = nn.attention(q, k, v, **options)
    gradients = T.grad(T.sum(out**2), [q, k, v])
    reference, native = (
        gradcore.function([q, k, v], [out, *gradients], mode=mode)(Q, K, V)
        for mode in ("numpy", "c")
    )
    np.testing.assert_allclose(reference[0], expected, atol=1e-12)
    for one, other in zip(native, reference, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)
    T.verify_grad(lambda *x: nn.attention(*x, **options), [Q, K, V], 1, mode="numpy")


def test_a_query_that_sees_nothing_gets_zeros():
    """And gives no NaN to any gradient."""
    seen = np.ones((3, 5), bool)
    seen[1] = False
    q, k, v = T.dtensor3s("q", "k", "v")
    out = nn.attention(q, k, v, seen)
    f = gradcore.function([q, k, v], [out, *T.grad(T.sum(out**2), [q, k, v])])
    found, slope, *others = f(Q, K, V)
    assert not found[:, 1].any() and found[:, 0].all() and not slope[:, 1].any()
    assert all(np.isfinite(x).all() for x in (slope, *others))


# recurrent cells --------------------------------------------------------------------------------
STEPS, BATCH, WIDTH, STATE = 4, 2, 3, 2


def weights(gates):
    return drawn(WIDTH, gates * STATE), drawn(STATE, gates * STATE), drawn(gates * STATE)


SEQUENCE, H, C = drawn(STEPS, BATCH, WIDTH), drawn(BATCH, STATE), drawn(BATCH, STATE)
LSTM, GRU = weights(4), (*weights(3), drawn(3 * STATE))


def long_short_term(x, W, U, b, h, c):
    states = []
    for x_t in x:
        i, f, g, o = np.split(x_t @ W + h @ U + b, 4, axis=1)
        c = special.expit(f) * c + special.expit(i) * np.tanh(g)
        h = special.expit(o) * np.tanh(c)
        states.append(h)
    return np.stack(states), c


def gated(x, W, U, b, v, h):
    states = []
    for x_t in x:
        given, own = np.split(x_t @ W + b, 3, axis=1), np.split(h @ U + v, 3, axis=1)
        r, z = (special.expit(p + q) for p, q in zip(given[:2], own[:2], strict=True))
        h = (1 - z) * np.tanh(given[2] + r * own[2]) + z * h
        states.append(h)
    return np.stack(states)


def test_recurrent_cells():
    """States, and gradients: of the loop and of its steps, unrolled."""
    x = T.dtensor3("x")
    W, h = T.dmatrices("W", "h")
    states, cells = nn.lstm(x, W, *LSTM[1:], h, C)
    gated_states = nn.gru(x, W[:, : 3 * STATE], *GRU[1:], h)
    unrolled, (a, c) = [], (h, C)
    for t in range(STEPS):
        a, c = nn.lstm_step(x[t], a, c, W, *LSTM[1:])
        unrolled.append(a)
    b = h
    for t in range(STEPS):
        b = nn.gru_step(x[t], b, W[:, : 3 * STATE], *GRU[1:])
    total = T.sum(states**2) + T.sum(gated_states[-1] ** 3)
    other = T.sum(T.stack(unrolled) ** 2) + T.sum(b**3)
    outputs = [states, cells[-1], gated_states, *T.grad(total, [x, W, h])]
    f = gradcore.function([x, W, h], [*outputs, *T.grad(other, [x, W, h])])
    found = f(SEQUENCE, LSTM[0], H)
    expected, last = long_short_term(SEQUENCE, *LSTM, H, C)
    np.testing.assert_allclose(found[0], expected, atol=1e-12)
    np.testing.assert_allclose(found[1], last, atol=1e-12)
    by_gru = gated(SEQUENCE, LSTM[0][:, : 3 * STATE], *GRU[1:], H)
    np.testing.assert_allclose(found[2], by_gru, atol=1e-12)
    for by_loop, by_steps in zip(found[3:6], found[6:], strict=True):
        np.testing.assert_allclose(by_loop, by_steps, atol=1e-12)


def test_recurrent_cells_start_from_zeros():
    states, _ = nn.lstm(SEQUENCE, *LSTM)
    none = np.zeros((BATCH, STATE))
    np.testing.assert_allclose(states.eval(), long_short_term(SEQUENCE, *LSTM, none, none)[0])
    np.testing.assert_allclose(nn.gru(SEQUENCE, *GRU).eval(), gated(SEQUENCE, *GRU, none))


def test_recurrent_cells_are_those_of_torch():
    torch = pytest.importorskip("torch")
    lstm = torch.nn.LSTM(WIDTH, STATE, dtype=torch.float64)
    gru = torch.nn.GRU(WIDTH, STATE, dtype=torch.float64)
    with torch.no_grad():
        for cell, (W, U, *biases) in ((lstm, LSTM), (gru, GRU)):
            own, recurrent = biases if len(biases) == 2 else (*biases, np.zeros(4 * STATE))
            given = (W.T, U.T, own, recurrent)
            for parameter, value in zip(cell.parameters(), given, strict=True):
                parameter.copy_(torch.tensor(value))
        sequence = torch.tensor(SEQUENCE)
        pairs = [
            (nn.lstm(SEQUENCE, *LSTM)[0], lstm(sequence)[0]),
            (nn.gru(SEQUENCE, *GRU), gru(sequence)[0]),
        ]
    for found, expected in pairs:
        np.testing.assert_allclose(found.eval(), expected.numpy(), atol=1e-12)


WRONG = {
    "groups": (lambda: nn.group_norm(X, 3), ValueError, "cut 4 channels"),
    "a vector of channels": (lambda: nn.group_norm(GAMMA, 2), TypeError, "2 axes"),
    "a vector of queries": (lambda: nn.attention(GAMMA, X, X), TypeError, "2 axes"),
    "no extent": (lambda: nn.layer_norm(X, axis=4), ValueError, "axis"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_an_error(name):
    call, kind, message = WRONG[name]
    with pytest.raises(kind, match=message):
        call()


def test_every_backend_agrees(everywhere):
    """A block of a transformer, its gradient, and a product with its Hessian."""
    x, v = T.dtensor3("x"), T.dtensor3("v")
    inner = nn.rms_norm(x, GAMMA)
    y = x + nn.attention(inner, inner, inner, causal=True)
    y = y + nn.dropout(nn.gelu(nn.layer_norm(y)), 0.5, T.random.key(1))
    loss = T.sum(nn.batch_norm(y)[0] ** 3)
    gradient = T.grad(loss, x)
    outputs = [loss, gradient, T.Rop(gradient, x, v)]
    expected = gradcore.function([x, v], outputs, mode="numpy")(Q, Q)
    found = gradcore.function([x, v], outputs, mode=everywhere)(Q, Q)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)
