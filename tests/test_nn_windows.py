"""Convolutions and pooling: against loops over windows, and their derivatives."""

import itertools

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T

nn = T.nn
RNG = np.random.default_rng(2)
MODES = ("numpy", "c")


def drawn(*shape):
    return RNG.normal(size=shape)


def per_axis(value, rank):
    return (value,) * rank if isinstance(value, int) else tuple(value)


def pads(padding, n, span, stride):
    """Return the padding of one axis, as it is documented."""
    if padding == "same":
        total = max((-(-n // stride) - 1) * stride + span - n, 0)
        return total // 2, total - total // 2
    named = {"valid": 0, "half": span // 2, "full": span - 1}
    return (named.get(padding, padding),) * 2 if isinstance(padding, (str, int)) else padding


def convolved(x, w, padding="valid", strides=1, dilation=1, groups=1, filter_flip=False):
    """Return a convolution by loops over the places of the result."""
    rank = x.ndim - 2
    strides, dilation = per_axis(strides, rank), per_axis(dilation, rank)
    padding = [padding] * rank if isinstance(padding, (str, int)) else padding
    if filter_flip:
        w = np.flip(w, range(2, w.ndim))
    spans = [(k - 1) * d + 1 for k, d in zip(w.shape[2:], dilation, strict=True)]
    widths = [pads(*each) for each in zip(padding, x.shape[2:], spans, strides, strict=True)]
    x = np.pad(x, [(0, 0), (0, 0), *widths])
    places = [(n - s) // t + 1 for n, s, t in zip(x.shape[2:], spans, strides, strict=True)]
    out = np.zeros((len(x), len(w), *places))
    results, channels = len(w) // groups, w.shape[1]
    for g in range(groups):
        own = slice(g * results, (g + 1) * results)
        given = x[:, g * channels : (g + 1) * channels]
        for at in np.ndindex(*places):
            each = [
                slice(i * t, i * t + s, d)
                for i, t, s, d in zip(at, strides, spans, dilation, strict=True)
            ]  # fmt: skip
            part = given[(slice(None), slice(None), *each)]
            found = np.tensordot(part, w[own], [range(1, part.ndim)] * 2)
            out[(slice(None), own, *at)] = found
    return out


CONVOLUTIONS = {
    "one axis": ((2, 3, 7), (4, 3, 3), {}),
    "one axis, all options": (
        (2, 4, 9), (6, 2, 3), {"padding": "full", "strides": 2, "dilation": 2, "groups": 2},
    ),
    "two axes": ((2, 2, 5, 6), (3, 2, 3, 2), {}),
    "flipped": ((1, 2, 5, 4), (3, 2, 3, 2), {"filter_flip": True}),
    "same, strides": ((2, 1, 5, 6), (2, 1, 2, 3), {"padding": "same", "strides": (2, 3)}),
    "half, dilation": ((1, 2, 6, 5), (1, 2, 3, 2), {"padding": "half", "dilation": (2, 1)}),
    "pairs": ((1, 1, 3, 4), (2, 1, 2, 2), {"padding": ((0, 2), (1, 0)), "strides": (1, 2)}),
    "each channel by itself": ((2, 3, 4, 4), (3, 1, 2, 2), {"groups": 3}),
    "of one place": ((2, 3, 4, 4), (5, 3, 1, 1), {}),
    "three axes": ((1, 2, 3, 4, 3), (2, 2, 2, 2, 3), {"padding": 1, "strides": (1, 2, 1)}),
    "no examples": ((0, 2, 4), (3, 2, 2), {}),
}  # fmt: skip


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolutions_are_sums_over_windows(name):
    """Of known extents, and of extents that are not known, with filters that are not known."""
    shape, filters, options = CONVOLUTIONS[name]
    x, w = drawn(*shape), drawn(*filters)
    expected = convolved(x, w, **options)
    known = nn.conv(T.constant(x), T.constant(w), **options)
    assert known.type.shape == expected.shape
    np.testing.assert_allclose(known.eval(), expected, atol=1e-12)
    rank = len(shape)
    a, b = (
        T.tensor(dtype="float64", shape=(None,) * rank),
        T.tensor(dtype="float64", shape=(None,) * rank),
    )
    out = nn.conv(a, b, **options)
    gradients = T.grad(T.sum(out**2), [a, b])
    reference, *others = (
        gradcore.function([a, b], [out, *gradients], mode=mode)(x, w) for mode in MODES
    )
    np.testing.assert_allclose(reference[0], expected, atol=1e-12)
    for found in others:
        for one, other in zip(found, reference, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-10)


@pytest.mark.parametrize("name", ["one axis, all options", "pairs", "three axes"])
def test_derivatives_of_convolutions(name):
    """Both modes, and the second derivatives: a convolution is linear in each operand."""
    shape, filters, options = CONVOLUTIONS[name]
    x, w = drawn(*shape), drawn(*filters)

    def loss(a, b):
        return T.tanh(nn.conv(a, b, **options))

    T.verify_grad(loss, [x, w], mode="numpy")
    T.verify_grad(lambda a, b: T.grad(T.sum(loss(a, b)), b), [x, w], mode="numpy")


TRANSPOSED = {
    "one axis": ((2, 3, 4), (3, 2, 3), {}),
    "strides": ((2, 2, 3, 2), (2, 3, 3, 2), {"strides": (2, 3), "padding": 1}),
    "groups": ((1, 4, 3), (4, 2, 2), {"groups": 2, "strides": 3, "output_padding": 2}),
    "dilation": ((1, 2, 3, 3), (2, 2, 2, 3), {"dilation": 2, "padding": ((1, 0), (0, 2))}),
}


@pytest.mark.parametrize("name", TRANSPOSED)
@pytest.mark.parametrize("mode", MODES)
def test_a_transposed_convolution_is_the_transpose(name, mode):
    """<conv(u), x> = <u, conv_transpose(x)>, for all u: it is the gradient of the former."""
    shape, filters, options = TRANSPOSED[name]
    x, w = drawn(*shape), drawn(*filters)
    rank = len(shape)
    a = T.tensor(dtype="float64", shape=(None,) * rank)
    out = nn.conv_transpose(a, w, **options)
    found = gradcore.function([a], out, mode=mode)(x)
    own = {key: value for key, value in options.items() if key != "output_padding"}
    u = T.constant(np.zeros(found.shape))
    product = T.sum(nn.conv(u, w, **own) * x)
    np.testing.assert_allclose(found, T.grad(product, u).eval(), atol=1e-12)
    if mode == "numpy":
        T.verify_grad(lambda a, b: nn.conv_transpose(a, b, **options), [x, w], mode=mode)


POOLED = drawn(2, 3, 7, 6)
WINDOWS = {
    "apart": {"window": 2},
    "overlapping": {"window": (3, 2), "strides": (2, 1)},
    "padded": {"window": 3, "strides": 2, "padding": 1},
    "dilated": {"window": 2, "strides": 1, "dilation": (2, 3)},
}


def pooled(x, reduction, value, window, strides=None, padding=0, dilation=1):
    window = per_axis(window, 2)
    strides = window if strides is None else per_axis(strides, 2)
    dilation = per_axis(dilation, 2)
    x = np.pad(x, [(0, 0), (0, 0), *[(padding, padding)] * 2], constant_values=value)
    spans = [(k - 1) * d + 1 for k, d in zip(window, dilation, strict=True)]
    places = [range(0, n - s + 1, t) for n, s, t in zip(x.shape[2:], spans, strides, strict=True)]
    out = np.array([
        reduction(x[:, :, i : i + spans[0] : dilation[0], j : j + spans[1] : dilation[1]], (2, 3))
        for i, j in itertools.product(*places)
    ])  # fmt: skip
    return out.transpose(1, 2, 0).reshape(*x.shape[:2], *map(len, places))


@pytest.mark.parametrize("name", WINDOWS)
def test_pooling(name):
    options = WINDOWS[name]
    x = T.dtensor4("x")
    rows = [
        (nn.max_pool(x, **options), pooled(POOLED, np.max, -np.inf, **options)),
        (nn.sum_pool(x, **options), pooled(POOLED, np.sum, 0, **options)),
        (nn.average_pool(x, **options), pooled(POOLED, np.mean, 0, **options)),
        (
            nn.average_pool(x, **options, include_padding=False),
            pooled(POOLED, np.nanmean, np.nan, **options),
        ),
    ]
    weights = [drawn(*expected.shape) for _, expected in rows]
    total = sum(T.sum(out * w) for (out, _), w in zip(rows, weights, strict=True))
    outputs = [*(out for out, _ in rows), T.grad(total, x)]
    reference, native = (gradcore.function([x], outputs, mode=mode)(POOLED) for mode in MODES)
    for (_, expected), found in zip(rows, reference, strict=False):
        np.testing.assert_allclose(found, expected, atol=1e-13)
    for found, expected in zip(native, reference, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_derivatives_of_pooling():
    x = drawn(1, 2, 5)
    for pool in (nn.max_pool, nn.sum_pool, nn.average_pool):
        T.verify_grad(lambda v: T.tanh(pool(v, 3, 2, 1)), [x], mode="numpy")
    for pool in (nn.adaptive_max_pool, nn.adaptive_average_pool):
        T.verify_grad(lambda v: pool(v, 3), [x], mode="numpy")


def test_ties_share_and_nan_wins():
    x = T.dtensor3("x")
    y = nn.max_pool(x, 2)
    f = gradcore.function([x], [y, T.grad(y[0, 0, 0], x)])
    value, slope = f([[[3.0, 3.0, np.nan, 1.0]]])
    np.testing.assert_array_equal(value, [[[3, np.nan]]])
    assert slope.tolist() == [[[0.5, 0.5, 0, 0]]]
    assert nn.max_pool([[[-3, -2, -5]]], 2, 1, 1).eval().tolist() == [[[-3, -2, -2, -5]]]


@pytest.mark.parametrize("places", [1, 2, (3, 5), (7, 6)])
def test_adaptive_pooling(places):
    counts = per_axis(places, 2)
    x = T.dtensor4("x")
    outputs = [nn.adaptive_max_pool(x, places), nn.adaptive_average_pool(x, places)]
    for mode in MODES:
        highest, average = gradcore.function([x], outputs, mode=mode)(POOLED)
        for i, j in np.ndindex(*counts):
            parts = [
                slice(at * n // k, -(-(at + 1) * n // k))
                for at, n, k in zip((i, j), POOLED.shape[2:], counts, strict=True)
            ]
            part = POOLED[(slice(None), slice(None), *parts)]
            np.testing.assert_array_equal(highest[:, :, i, j], part.max((2, 3)))
            np.testing.assert_allclose(average[:, :, i, j], part.mean((2, 3)), atol=1e-13)


def test_global_pooling():
    np.testing.assert_array_equal(nn.global_max_pool(POOLED).eval(), POOLED.max((2, 3)))
    np.testing.assert_allclose(nn.global_average_pool(POOLED).eval(), POOLED.mean((2, 3)))


def test_theano_flips_filters():
    x, w = drawn(2, 3, 5, 5), drawn(4, 3, 3, 3)
    for mode, padding in (("valid", "valid"), ("half", "half"), ((1, 2), ((1, 1), (2, 2)))):
        found = T.nnet.conv2d(x, w, border_mode=mode, subsample=(2, 1))
        expected = convolved(x, w, padding, (2, 1), filter_flip=True)
        np.testing.assert_allclose(found.eval(), expected, atol=1e-12)
    shaped = T.nnet.conv2d(IMAGE, FILTERS, (None, 3, 9, 9), (4, 3, 2, 2))
    assert shaped.type.shape == (None, 4, 8, 8)


IMAGE, FILTERS = T.dtensor4("image"), T.dtensor4("filters")
WRONG = {
    "a rank": (lambda: nn.conv1d(drawn(2, 2, 2, 2), drawn(2, 2, 2)), TypeError, "takes 3 axes"),
    "channels": (lambda: nn.conv(drawn(1, 2, 5), drawn(1, 3, 2)), ValueError, "2 channels"),
    "a long filter": (lambda: nn.conv(drawn(1, 1, 2), drawn(1, 1, 3)), ValueError, "do not fit"),
    "a word": (lambda: nn.conv(IMAGE, FILTERS, "valyd"), ValueError, "valid, same, half, full"),
    "transposed same": (lambda: nn.conv_transpose(IMAGE, FILTERS, "same"), ValueError, "padding"),
    "a stride": (lambda: nn.conv(IMAGE, FILTERS, strides=0), ValueError, "strides is a positive"),
    "dilations": (lambda: nn.conv(IMAGE, FILTERS, dilation=(1, 2, 3)), ValueError, "2 axes"),
    "paddings": (lambda: nn.conv(IMAGE, FILTERS, (1, 2, 3)), ValueError, "not for 2 axes"),
    "negative padding": (lambda: nn.conv(IMAGE, FILTERS, -1), ValueError, "negative"),
    "groups": (lambda: nn.conv(IMAGE, drawn(3, 1, 2, 2), groups=2), ValueError, "cut 3"),
    "a window": (lambda: nn.max_pool(IMAGE, 0), ValueError, "window is a positive"),
    "a vector": (lambda: nn.global_max_pool(T.dvector("v")), TypeError, "at least 3 axes"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_an_error(name):
    call, kind, message = WRONG[name]
    with pytest.raises(kind, match=message):
        call()


@pytest.mark.parametrize("mode", MODES)
def test_what_is_wrong_when_it_runs(mode):
    f = gradcore.function([IMAGE, FILTERS], nn.conv(IMAGE, FILTERS), mode=mode)
    with pytest.raises(ValueError, match="take other channels"):
        f(drawn(1, 2, 5, 5), drawn(1, 3, 2, 2))
    with pytest.raises(ValueError, match="do not fit"):
        f(drawn(1, 2, 5, 2), drawn(1, 2, 2, 3))


def test_every_backend_agrees(everywhere):
    """A layer of a network, its gradient, and a product with its Hessian."""
    w, v = T.dtensor4("w"), T.dtensor4("v")
    x, kernel = drawn(2, 2, 6, 5), drawn(4, 1, 2, 3)
    hidden = nn.conv(x, w, "same", strides=(2, 1), groups=2)
    y = T.sum(nn.max_pool(T.tanh(hidden), 2, 1) ** 2)
    gradient = T.grad(y, w)
    outputs = [y, gradient, T.Rop(gradient, w, v)]
    expected = gradcore.function([w, v], outputs, mode="numpy")(kernel, kernel)
    found = gradcore.function([w, v], outputs, mode=everywhere)(kernel, kernel)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-10)
