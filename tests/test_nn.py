"""Activations and losses: against their formulas, and for large operands."""

import numpy as np
import pytest
from scipy import special

import gradcore
import gradcore.tensor as T

nn = T.nn
POINTS = np.array([[-2.9, -0.7, 0.4], [0.6, 1.5, 4.2]])

ACTIVATIONS = {
    "relu": (nn.relu, lambda x: np.maximum(x, 0)),
    "leaky_relu": (nn.leaky_relu, lambda x: np.where(x > 0, x, 0.01 * x)),
    "elu": (nn.elu, lambda x: np.where(x > 0, x, np.exp(x) - 1)),
    "selu": (
        nn.selu,
        lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * (np.exp(x) - 1)),
    ),
    "celu": (lambda x: nn.celu(x, 2.0), lambda x: np.where(x > 0, x, 2 * (np.exp(x / 2) - 1))),
    "gelu": (nn.gelu, lambda x: x * special.ndtr(x)),
    "gelu_tanh": (
        lambda x: nn.gelu(x, approximate=True),
        lambda x: 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    ),
    "silu": (nn.silu, lambda x: x / (1 + np.exp(-x))),
    "softsign": (nn.softsign, lambda x: x / (1 + np.abs(x))),
    "hardsigmoid": (nn.hard_sigmoid, lambda x: np.clip(x / 6 + 0.5, 0, 1)),
    "hardtanh": (nn.hard_tanh, lambda x: np.clip(x, -1, 1)),
    "mish": (nn.mish, lambda x: x * np.tanh(np.log1p(np.exp(x)))),
    "logsigmoid": (nn.log_sigmoid, lambda x: -np.log1p(np.exp(-x))),
    "softplus": (nn.softplus, lambda x: np.log1p(np.exp(x))),
    "glu": (lambda x: nn.glu(x, 0), lambda x: x[:1] / (1 + np.exp(-x[1:]))),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_are_their_formulas(name):
    function, formula = ACTIVATIONS[name]
    np.testing.assert_allclose(function(POINTS).eval(), formula(POINTS), rtol=1e-13)
    assert function(T.fmatrix()).dtype == "float32"
    T.verify_grad(function, [POINTS], mode="numpy")


def derivatives(function, x):
    """Return the values, and two derivatives in both modes, of an elementwise function."""
    v = T.dvector("v")
    y = function(v)
    first = T.grad(T.sum(y), v)
    t = T.ones_like(v)
    forward = T.Rop(T.Rop(y, v, t), v, t)
    outputs = [y, first, T.grad(T.sum(first), v), forward]
    return gradcore.function([v], outputs, mode="numpy")(x)


LARGE = np.array([-1000.0, -40.0, 40.0, 1000.0])


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name != "glu"])
def test_activations_of_large_operands(name):
    """They have become straight lines: the formula in long doubles, and what its slopes are."""
    function, formula = ACTIVATIONS[name]
    value, first, second, forward = derivatives(function, LARGE)
    with np.errstate(over="ignore", invalid="ignore"):
        exact = formula(np.array([-40.0, 40.0]))
    np.testing.assert_allclose(value[1:3], exact, rtol=1e-12, atol=1e-12)
    assert np.isfinite(value).all() and np.isfinite(first).all()
    np.testing.assert_allclose(first[[0, 3]], (value[[0, 3]] / LARGE[[0, 3]]), atol=2e-3)
    np.testing.assert_allclose(second, forward, atol=1e-15)
    assert (abs(second) < 1e-4).all()


# losses -----------------------------------------------------------------------------------------
RNG = np.random.default_rng(1)
LOGITS = RNG.normal(size=(3, 4))
LABELS = np.array([2, 0, 3])
SOFT = special.softmax(RNG.normal(size=(3, 4)), axis=1)
EXPECTED = -special.log_softmax(LOGITS, axis=1)


def both(loss, probabilities):
    """Return the two forms of a loss, as functions of logits."""
    return {
        "logits": loss[0],
        "probabilities": lambda x, t: loss[1](probabilities(x), t),
    }


CATEGORICAL = both((nn.softmax_cross_entropy, nn.categorical_crossentropy), nn.softmax)
BINARY = both((nn.sigmoid_cross_entropy, nn.binary_crossentropy), nn.sigmoid)


@pytest.mark.parametrize("form", CATEGORICAL)
def test_categorical_losses(form):
    loss = CATEGORICAL[form]
    by_label = EXPECTED[np.arange(3), LABELS]
    np.testing.assert_allclose(loss(LOGITS, LABELS).eval(), by_label, rtol=1e-12)
    hot = T.nn.one_hot(LABELS, 4)
    np.testing.assert_allclose(loss(LOGITS, hot).eval(), by_label, rtol=1e-12)
    np.testing.assert_allclose(loss(LOGITS, SOFT).eval(), (EXPECTED * SOFT).sum(1), rtol=1e-12)
    for targets in (LABELS, SOFT):
        T.verify_grad(lambda x, t=targets: loss(x, t), [LOGITS], mode="numpy")


def test_the_axis_of_classes():
    x = RNG.normal(size=(2, 4, 3))
    labels = RNG.integers(4, size=(2, 3))
    found = nn.softmax_cross_entropy(x, labels, axis=1).eval()
    expected = nn.softmax_cross_entropy(x.transpose(0, 2, 1), labels).eval()
    np.testing.assert_allclose(found, expected, rtol=1e-13)
    assert nn.softmax_cross_entropy(x[0, :, 0], 1).eval().shape == ()


@pytest.mark.parametrize("form", CATEGORICAL)
def test_categorical_losses_of_large_logits(form):
    """The values, the gradients softmax - target, and second derivatives of 0."""
    x, v = T.dmatrices("x", "v")
    labels = T.lvector("labels")
    logits = np.array([[1000.0, 0.0, -1000.0]] * 3)
    for targets in (labels, nn.one_hot(labels, 3)):
        loss = CATEGORICAL[form](x, targets)
        gradient = T.grad(T.sum(loss), x)
        f = gradcore.function([x, v, labels], [loss, gradient, T.Rop(gradient, x, v)])
        value, slope, curvature = f(logits, np.ones_like(logits), [0, 1, 2])
        np.testing.assert_allclose(value, [0, 1000, 2000])
        np.testing.assert_allclose(slope, np.array([[1, 0, 0]] * 3) - np.eye(3), atol=1e-300)
        assert (curvature == 0).all()


@pytest.mark.parametrize("form", BINARY)
def test_binary_losses(form):
    loss = BINARY[form]
    t = np.array([0.0, 1.0, 0.3, 0.8])
    x = np.array([-2.0, 0.5, 1.0, 3.0])
    p = special.expit(x)
    expected = -(t * np.log(p) + (1 - t) * np.log(1 - p))
    np.testing.assert_allclose(loss(x, t).eval(), expected, rtol=1e-12)
    T.verify_grad(lambda x: loss(x, t), [x], mode="numpy")
    large = np.array([-1000.0, 1000.0, -1000.0, 1000.0])
    targets = np.array([0, 0, 1, 1])
    value, first, second, forward = derivatives(lambda x: loss(x, targets), large)
    np.testing.assert_array_equal(value, [0, 1000, 1000, 0])
    np.testing.assert_array_equal(first, [0, 1, -1, 0])
    assert not second.any() and not forward.any()


def test_nothing_times_the_logarithm_of_nothing():
    p = T.dvector("p")
    loss = nn.binary_crossentropy(p, np.array([0.0, 1.0]))
    value, slope = gradcore.function([p], [loss, T.grad(T.sum(loss), p)])([0.0, 1.0])
    assert not value.any() and (abs(slope) == 1).all()
    loss = nn.categorical_crossentropy(p, np.array([0.0, 1.0]))
    value, slope = gradcore.function([p], [loss, T.grad(loss, p)])([0.0, 1.0])
    assert value == 0 and slope.tolist() == [0, -1]


def test_results_are_of_the_dtype_of_predictions():
    """Labels, and rates, are as exact in any."""
    x, rate = T.fvector("x"), T.dscalar("rate")
    for labels in (np.array([0, 1]), np.array([False, True])):
        for loss in (nn.sigmoid_cross_entropy, nn.binary_crossentropy):
            found = loss(x, labels)
            assert found.dtype == "float32"
            np.testing.assert_array_equal(
                found.eval({x: [0.2, 0.9]}), loss(x, labels.astype("float32")).eval({x: [0.2, 0.9]})
            )
    assert nn.dropout(x, rate, T.random.key(1)).dtype == "float32"


def test_names_of_others_lead_to_ours():
    for place, name, near in (
        (T, "conv2d", "nn.conv2d"),
        (nn, "max_pool2d", "max_pool"),
        (nn, "cross_entropy", "softmax_cross_entropy"),
        (T.random, "exponental", "exponential"),
    ):
        with pytest.raises(AttributeError, match=f"did you mean '{near}'"):
            getattr(place, name)


def test_losses_of_numbers():
    x, t = np.array([0.0, 0.5, 3.0, -1000.0]), np.array([0.0, 0.0, 1.0, 1000.0])
    assert nn.squared_error(x, t).eval().tolist() == [0, 0.25, 4, 4e6]
    value, first, second, forward = derivatives(lambda x: nn.huber(x, t, 2.0), x)
    assert value.tolist() == [0, 0.125, 2, 2 * 1999]
    assert first.tolist() == [0, 0.5, 2, -2]
    assert second.tolist() == forward.tolist() == [1, 1, 1, 0]


def test_dropout_and_embedding():
    x = T.dvector("x")
    left = nn.dropout(x, 0.75, np.array([True, False, True]))
    assert left.eval({x: [1, np.inf, 3]}).tolist() == [4, 0, 12]
    assert T.grad(left.sum(), x).eval({x: [1, np.inf, 3]}).tolist() == [4, 0, 4]
    table = np.arange(6.0).reshape(3, 2)
    T.verify_grad(lambda w: nn.embedding([[0, 2], [2, 2]], w), [table], mode="numpy")
    assert nn.embedding([[0, 2], [2, 2]], table).eval().shape == (2, 2, 2)


WRONG = {
    "an odd extent": (lambda: nn.glu(np.ones(3)), ValueError, "odd"),
    "labels that are floats": (
        lambda: nn.softmax_cross_entropy(LOGITS, np.ones(3)),
        TypeError,
        "int",
    ),
    "a rank": (lambda: nn.softmax_cross_entropy(LOGITS, 1), TypeError, "axes"),
    "masks as indices": (lambda: nn.embedding([True], LOGITS), TypeError, "integers"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_an_error(name):
    call, kind, message = WRONG[name]
    with pytest.raises(kind, match=message):
        call()


def test_labels_of_another_extent():
    x, labels = T.dmatrix("x"), T.lvector("labels")
    f = gradcore.function([x, labels], nn.softmax_cross_entropy(x, labels))
    for wrong in [0, 1], [0, 1, 4]:
        with pytest.raises(IndexError):
            f(LOGITS, wrong)


# backends ---------------------------------------------------------------------------------------
def test_every_backend_agrees(everywhere):
    """One function of all, its gradient, and a product with its Hessian."""
    x, v = T.dmatrices("x", "v")
    y = sum(T.sum(function(x) ** 2) for function, _ in ACTIVATIONS.values())
    y += T.sum(nn.softmax_cross_entropy(x, np.array([1, 0]))) + T.sum(nn.huber(x, v))
    gradient = T.grad(y, x)
    outputs = [y, gradient, T.Rop(gradient, x, v)]
    expected = gradcore.function([x, v], outputs, mode="numpy")(POINTS, POINTS[::-1])
    found = gradcore.function([x, v], outputs, mode=everywhere)(POINTS, POINTS[::-1])
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10)
