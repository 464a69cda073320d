"""CTC: against all ways to say labels, one by one, and against torch."""

import itertools

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T

nn = T.nn
INF = np.inf

LABELS = np.array([[1, 1, 0], [2, 1, 9], [2, -5, 7], [1, 2, 1], [1, 1, 1], [0, 1, 2]])
"""What is behind the labels that count is no class."""
COUNTS = np.array([2, 2, 1, 3, 3, 0])
LENGTHS = np.array([4, 3, 4, 4, 4, 2])
LOGITS = np.random.default_rng(5).normal(0, 1.5, (4, 6, 3))


def said(way):
    """Return the labels that a class for each step says."""
    return [k for k, _ in itertools.groupby(way) if k != 0]


def all_ways(x):
    """Return the losses as sums over all ways to say the labels, a list."""
    log_p = T.log_softmax(x)
    losses = []
    for b, (labels, count, length) in enumerate(zip(LABELS, COUNTS, LENGTHS, strict=True)):
        ways = [
            T.sum(T.stack([log_p[t, b, k] for t, k in enumerate(way)]))
            for way in itertools.product(range(3), repeat=length)
            if said(way) == list(labels[:count])
        ]
        losses.append(-T.logsumexp(T.stack(ways)) if ways else T.constant(INF))
    return T.stack(losses)


def computed(loss, mode):
    """Return losses, and of the finite ones first and second derivatives in both modes."""
    x, v = T.dtensor3s("x", "v")
    losses = loss(x)
    total = T.sum(T.switch(T.isinf(losses), 0, losses) ** 2)
    first = T.grad(total, x)
    second = [T.Rop(first, x, v), T.grad(T.sum(first * v), x)]
    outputs = [losses, first, T.Rop(total, x, v), *second]
    return gradcore.function([x, v], outputs, mode=mode)(LOGITS, np.cos(LOGITS))


@pytest.fixture(scope="module")
def expected():
    return computed(all_ways, "numpy")


def test_a_loss_is_a_sum_over_all_ways(everywhere, expected):
    found = computed(lambda x: nn.ctc_loss(x, LABELS, LENGTHS, COUNTS), everywhere)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
    assert np.isinf(found[0]).tolist() == [False, False, False, False, True, False]


@pytest.mark.parametrize("zero_infinity", [False, True])
def test_it_is_that_of_torch(zero_infinity):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(7)
    x, labels, lengths, counts = T.dtensor3(), T.lmatrix(), T.lvector(), T.lvector()
    loss = nn.ctc_loss(x, labels, lengths, counts, 1, zero_infinity)
    f = gradcore.function([x, labels, lengths, counts], [loss, T.grad(T.sum(loss), x)], mode="c")
    infinite = 0
    for _ in range(30):
        steps, examples, classes, places = rng.integers([1, 1, 2, 1], [9, 4, 6, 5])
        logits = torch.tensor(rng.normal(0, 2, (steps, examples, classes)), requires_grad=True)
        drawn = rng.integers(0, classes - 1, (examples, places))
        drawn += drawn >= 1
        given = (
            drawn,
            rng.integers(1, steps + 1, examples),
            rng.integers(0, places + 1, examples),
        )
        expected = torch.nn.functional.ctc_loss(
            logits.log_softmax(-1),
            *map(torch.tensor, given),
            blank=1,
            reduction="none",
            zero_infinity=zero_infinity,
        )
        expected.sum().backward()
        value, gradient = f(logits.detach().numpy(), *given)
        np.testing.assert_allclose(value, expected.detach().numpy(), rtol=1e-12, atol=1e-12)
        never = np.isinf(value)
        wanted = logits.grad.numpy()
        np.testing.assert_allclose(gradient[:, ~never], wanted[:, ~never], rtol=1e-9, atol=1e-12)
        assert not gradient[:, never].any()
        infinite += never.sum()
    assert zero_infinity or infinite > 3


def test_lengths_may_be_left_out():
    x = np.array(LOGITS, "float32")
    found = nn.ctc_loss(x, LABELS[:, :2] % 3)
    assert found.dtype == "float32"
    same = nn.ctc_loss(x, LABELS[:, :2] % 3, [4] * 6, [2] * 6)
    np.testing.assert_allclose(found.eval(), same.eval(), rtol=1e-6)
    none = nn.ctc_loss(x, np.zeros((6, 0), "int64")).eval()
    np.testing.assert_allclose(none, -T.log_softmax(x)[:, :, 0].sum(0).eval(), rtol=1e-6)


def test_classes_of_no_probability():
    """A logit of -inf: what needs that class has an infinite loss, and no derivative is NaN."""
    x = T.dtensor3("x")
    given = LOGITS.copy()
    given[:, :, 1] = -INF
    losses = nn.ctc_loss(x, LABELS, LENGTHS, COUNTS)
    f = gradcore.function([x], [losses, T.grad(T.sum(losses), x)], mode="numpy")
    value, gradient = f(given)
    assert np.isinf(value).tolist() == [True, True, False, True, True, False]
    assert np.isfinite(gradient).all()


WRONG = {
    "ranks": (lambda: nn.ctc_loss(LOGITS[0], LABELS), TypeError, "of shape"),
    "labels": (lambda: nn.ctc_loss(LOGITS, LABELS + 0.5), TypeError, "takes integers"),
    "lengths": (lambda: nn.ctc_loss(LOGITS, LABELS, LOGITS[0, 0]), TypeError, "takes integers"),
    "a length": (lambda: nn.ctc_loss(LOGITS, LABELS, 4), TypeError, "each example"),
    "no class": (lambda: nn.ctc_loss(LOGITS, LABELS, blank=0.5), ValueError, "blank"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_an_error(name):
    call, kind, message = WRONG[name]
    with pytest.raises(kind, match=message):
        call()


def test_what_is_wrong_when_it_runs():
    lengths, counts = T.lvectors("lengths", "counts")
    loss = nn.ctc_loss(LOGITS, LABELS, lengths, counts)
    f = gradcore.function([lengths, counts], loss, mode="numpy")
    for long, many, message in ((LENGTHS + 1, COUNTS, "steps"), (LENGTHS, COUNTS - 1, "labels")):
        with pytest.raises(AssertionError, match=f"more {message}"):
            f(long, many)
    with pytest.raises(IndexError):
        f(LENGTHS, COUNTS + (COUNTS == 2))
