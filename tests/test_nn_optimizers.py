"""Optimizers: their steps are those of torch, and of their formulas."""

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T

nn = T.nn
START = np.array([[3.0, -2.0], [0.5, 0.0]])
SCALE = np.array([[1.0, 4.0], [0.5, 2.0]])

OPTIMIZERS = {
    "sgd": (lambda loss, p: nn.sgd(loss, p, 0.1), "SGD", {"lr": 0.1}),
    "momentum": (lambda loss, p: nn.momentum(loss, p, 0.1), "SGD", {"lr": 0.1, "momentum": 0.9}),
    "nesterov": (
        lambda loss, p: nn.nesterov(loss, p, 0.1, 0.8),
        "SGD", {"lr": 0.1, "momentum": 0.8, "nesterov": True},
    ),
    "adagrad": (lambda loss, p: nn.adagrad(loss, p, 0.1), "Adagrad", {"lr": 0.1}),
    "rmsprop": (lambda loss, p: nn.rmsprop(loss, p, 0.1), "RMSprop", {"lr": 0.1}),
    "adam": (lambda loss, p: nn.adam(loss, p, 0.1), "Adam", {"lr": 0.1}),
    "adamw": (
        lambda loss, p: nn.adamw(loss, p, 0.1, weight_decay=0.3),
        "AdamW", {"lr": 0.1, "weight_decay": 0.3},
    ),
}  # fmt: skip


def first_steps(name, dtype="float64", steps=3, **options):
    """Return the parameter behind each of some steps on ``sum(SCALE * w ** 2)``."""
    w = gradcore.shared(START.astype(dtype), "w")
    loss = T.sum(T.constant(SCALE.astype(dtype)) * w**2)
    train = gradcore.function([], loss, updates=OPTIMIZERS[name][0](loss, [w]), **options)
    found = []
    for _ in range(steps):
        train()
        found.append(w.get_value())
    return np.stack(found)


def formulas(name):
    """Return the same by the formulas of the papers."""
    w = START
    v, m, found = np.zeros_like(w), np.zeros_like(w), []
    for t in range(1, 4):
        g = 2 * SCALE * w
        if name in ("sgd", "momentum", "nesterov"):
            mu = {"sgd": 0.0, "momentum": 0.9, "nesterov": 0.8}[name]
            v = mu * v + g
            step = g + mu * v if name == "nesterov" else v
        elif name in ("adagrad", "rmsprop"):
            v = v + g**2 if name == "adagrad" else 0.99 * v + 0.01 * g**2
            step = g / (np.sqrt(v) + (1e-10 if name == "adagrad" else 1e-8))
        else:
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
            step = m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
            step = step + 0.3 * w * (name == "adamw")
        w = w - 0.1 * step
        found.append(w)
    return np.stack(found)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_steps_are_the_formulas(name):
    np.testing.assert_allclose(first_steps(name), formulas(name), rtol=1e-12)
    narrow = first_steps(name, "float32")
    assert narrow.dtype == "float32"
    np.testing.assert_allclose(narrow, formulas(name), rtol=1e-5)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_steps_are_those_of_torch(name):
    torch = pytest.importorskip("torch")
    _, called, options = OPTIMIZERS[name]
    w = torch.tensor(START, requires_grad=True)
    optimizer = getattr(torch.optim, called)([w], **options)
    for found in first_steps(name, mode="numpy"):
        optimizer.zero_grad()
        (torch.tensor(SCALE) * w**2).sum().backward()
        optimizer.step()
        np.testing.assert_allclose(found, w.detach().numpy(), rtol=1e-12)


def test_gradients_may_be_given_and_the_rate_may_change():
    w, rate = gradcore.shared(START, "w"), T.dscalar("rate")
    clipped = T.clip(T.grad(T.sum(w**2), w), -1, 1)
    train = gradcore.function([rate], [], updates=nn.sgd([clipped], [w], rate))
    train(0.5)
    np.testing.assert_allclose(w.get_value(), [[2.5, -1.5], [0, 0]])


WRONG = {
    "a variable": (lambda: nn.sgd(T.dscalar("x") ** 2, [T.dscalar("x")], 0.1), "shared variables"),
    "integers": (lambda: nn.adam([1.0], [gradcore.shared(1)], 0.1), "of floats"),
    "gradients": (lambda: nn.adam([], [gradcore.shared(1.0)], 0.1), "0 gradients of 1"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_an_error(name):
    call, message = WRONG[name]
    with pytest.raises(TypeError, match=message):
        call()
