"""``theano.tensor.nnet`` and ``theano.tensor.signal`` against loops in NumPy."""

import importlib

import numpy as np
import pytest
from scipy.signal import convolve2d

import gradcore.tensor as T
from gradcore.theano import convolutions, nets

RNG = np.random.default_rng(3)


def pooled(x, window, stride, pad, mode, keep):
    """Return pooling by the words of Theano's documentation: windows that begin inside."""
    x = np.pad(x, [(pad[0],) * 2, (pad[1],) * 2], constant_values=np.nan)
    out = []
    for i in range(0, x.shape[0], stride[0]):
        row = []
        for j in range(0, x.shape[1], stride[1]):
            part = x[i : i + window[0], j : j + window[1]]
            if part.shape == window or keep:
                row.append(
                    {"max": np.nanmax, "sum": np.nansum, "average_exc_pad": np.nanmean}[mode](part)
                )
        out += [row] if row and (keep or i + window[0] <= x.shape[0]) else []
    return np.array(out)


@pytest.mark.parametrize("mode", ["max", "sum", "average_exc_pad"])
@pytest.mark.parametrize("ignore", [True, False])
@pytest.mark.parametrize("shape", [(5, 7), (2, 5, 7), (2, 3, 5, 7), (2, 1, 3, 5, 7)])
def test_pooling_is_of_the_last_two_axes(mode, ignore, shape):
    x = RNG.normal(size=shape)
    found = nets.pool_2d(T.constant(x), (2, 3), ignore_border=ignore, mode=mode).eval()
    parts = x.reshape(-1, 5, 7)
    expected = [pooled(part, (2, 3), (2, 3), (0, 0), mode, not ignore) for part in parts]
    np.testing.assert_allclose(found.reshape(-1, *found.shape[-2:]), expected)
    assert found.shape[:-2] == shape[:-2]


def test_pooling_has_strides_and_padding_under_both_names():
    x = RNG.normal(size=(2, 3, 6, 6))
    new = nets.pool_2d(T.constant(x), ws=(3, 3), ignore_border=True, stride=(2, 2), pad=(1, 1))
    old = nets.max_pool_2d(T.constant(x), (3, 3), ignore_border=True, st=(2, 2), padding=(1, 1))
    older = nets.pool_2d(T.constant(x), ds=(3, 3), ignore_border=True, st=(2, 2), padding=(1, 1))
    expected = pooled(x[1, 2], (3, 3), (2, 2), (1, 1), "max", False)
    for found in (new, old, older):
        np.testing.assert_allclose(found.eval()[1, 2], expected)
    box = nets.pool_3d(T.constant(x), (3, 2, 2), ignore_border=True, mode="sum").eval()
    np.testing.assert_allclose(box[0, 0, 0, 0], x[0, :, :2, :2].sum())
    padded = nets.pool_2d(T.constant(x), (2, 2), True, pad=(1, 1), mode="average_inc_pad").eval()
    np.testing.assert_allclose(padded[0, 0, 0, 0], x[0, 0, 0, 0] / 4)


def test_pooling_refuses_what_it_has_not():
    with pytest.raises(ValueError, match="average_inc_pad"):
        nets.pool_2d(T.dmatrix(), (2, 2), mode="mean")
    with pytest.raises(ValueError, match="needs ws"):
        nets.pool_2d(T.dmatrix())
    with pytest.raises(TypeError, match="2 axes"):
        nets.pool_2d(T.dvector(), (2, 2))


def test_the_largest_of_a_patch_is_left():
    x = np.array([[1.0, 2, 5], [4, 3, 6], [7, 8, 9]])
    found = nets.max_pool_2d_same_size(T.constant(x), (2, 2)).eval()
    assert found.tolist() == [[0, 0, 0], [4, 0, 6], [0, 8, 9]]


@pytest.mark.parametrize("mode", ["valid", "full"])
@pytest.mark.parametrize(
    ("images", "filters"),
    [((6, 5),) * 2, ((2, 6, 5), (3, 2, 2)), ((6, 5), (3, 2, 2)), ((2, 6, 5), (2, 3))],
)
def test_convolutions_of_signals(mode, images, filters):
    x, w = RNG.normal(size=images), RNG.normal(size=filters)
    found = nets.signal_conv2d(T.constant(x), T.constant(w), border_mode=mode).eval()
    each = [
        [convolve2d(a, b, mode) for b in w.reshape(-1, *filters[-2:])]
        for a in x.reshape(-1, *images[-2:])
    ]
    assert found.ndim == 2 + (len(images) > 2) + (len(filters) > 2)
    np.testing.assert_allclose(found.ravel(), np.array(each).ravel(), rtol=1e-10)
    with pytest.raises(TypeError, match="matrices or stacks"):
        nets.signal_conv2d(T.dtensor4(), T.dmatrix())


def test_convolutions_take_both_orders_of_arguments():
    x, w = T.constant(RNG.normal(size=(2, 3, 6, 6))), T.constant(RNG.normal(size=(4, 3, 3, 3)))
    new = nets.conv2d(x, w, input_shape=(2, 3, 6, 6), filter_shape=(4, 3, 3, 3), border_mode="half")
    old = nets.old_conv2d(x, w, (2, 3, 6, 6), (4, 3, 3, 3), "valid")
    named = nets.conv2d(x, w, image_shape=(2, 3, 6, 6))
    np.testing.assert_allclose(new.eval()[:, :, 1:-1, 1:-1], old.eval())
    np.testing.assert_allclose(named.eval(), old.eval())
    expected = sum(convolve2d(x.data[1, c], w.data[2, c], "valid") for c in range(3))
    np.testing.assert_allclose(old.eval()[1, 2], expected)
    with pytest.raises(ValueError, match="not shared"):
        nets.conv2d(x, w, unshared=True)


@pytest.mark.parametrize(
    ("extent", "stride", "mode"), [(7, 2, "valid"), (8, 2, "valid"), (7, 1, "half"), (9, 3, "full")]
)
def test_the_transpose_takes_results_back(extent, stride, mode):
    x = T.dtensor4("x")
    w = T.constant(RNG.normal(size=(4, 3, 3, 3)))
    y = nets.conv2d(x, w, border_mode=mode, subsample=(stride, stride))
    at = RNG.normal(size=(2, 3, extent, extent))
    g = RNG.normal(size=y.eval({x: at}).shape)
    expected = T.grad((y * g).sum(), x).eval({x: at})
    found = nets.conv2d_transpose(
        T.constant(g), w, (2, 3, extent, extent), border_mode=mode, input_dilation=(stride, stride)
    )
    np.testing.assert_allclose(found.eval(), expected, atol=1e-12)


@pytest.mark.parametrize("rank", [2, 3])
@pytest.mark.parametrize(("mode", "stride", "groups"), [("valid", 2, 1), ("half", 1, 2), (1, 3, 1)])
def test_gradients_of_convolutions_by_name(rank, mode, stride, groups):
    x, w = (T.TensorType("float64", (None,) * (rank + 2))(n) for n in "xw")
    options = {"border_mode": mode, "subsample": (stride,) * rank, "num_groups": groups}
    y = getattr(T.nnet, f"conv{rank}d")(x, w, **options)
    at = {
        x: RNG.normal(size=(2, 4, *(7,) * rank)),
        w: RNG.normal(size=(6, 4 // groups, *(3,) * rank)),
    }
    g = T.constant(RNG.normal(size=y.eval(at).shape))
    expected = [v.eval(at) for v in T.grad((y * g).sum(), [x, w])]
    to_inputs = getattr(convolutions, f"conv{rank}d_grad_wrt_inputs")
    to_weights = getattr(convolutions, f"conv{rank}d_grad_wrt_weights")
    found = to_inputs(g, w, (None, None, *(7,) * rank), **options).eval({w: at[w]})
    np.testing.assert_allclose(found, expected[0], atol=1e-12)
    found = to_weights(x, g, (None, None, *(3,) * rank), **options).eval({x: at[x]})
    np.testing.assert_allclose(found, expected[1], atol=1e-12)


@pytest.mark.parametrize("mode", ["valid", "half", "full", 2, (1, 0)])
@pytest.mark.parametrize(("steps", "wide"), [((1, 1), None), ((2, 3), (2, 1))])
def test_shapes_of_convolutions_by_name(mode, steps, wide):
    images, filters = (2, 3, 11, 12), (4, 3, 3, 2)
    found = convolutions.get_conv_output_shape(images, filters, mode, steps, wide)
    y = nets.conv2d(
        T.zeros(images), T.zeros(filters), border_mode=mode, subsample=steps,
        filter_dilation=wide or (1, 1),
    )  # fmt: skip
    assert found == y.eval().shape
    n = T.lscalar("n")
    by_name = convolutions.get_conv_output_shape((2, 3, n, None), filters, mode, steps, wide)
    assert by_name[2].eval({n: 11}) == found[2] and by_name[3] is None
    with pytest.raises(ValueError, match="valid, half or full"):
        convolutions.get_conv_output_shape(images, filters, "same", steps)


def test_patches_and_back():
    x = RNG.normal(size=(2, 3, 4, 6))
    patches = nets.images2neibs(T.constant(x), (2, 3))
    assert patches.eval().shape == (24, 6)
    np.testing.assert_allclose(patches.eval()[3], x[0, 0, 2:4, 3:6].ravel())
    back = nets.neibs2images(patches, (2, 3), x.shape)
    np.testing.assert_allclose(back.eval(), x)
    np.testing.assert_allclose(nets.neibs2images(patches, (2, 3), T.constant(x).shape).eval(), x)
    close = nets.images2neibs(T.constant(x), (2, 2), neib_step=(1, 1), mode="ignore_borders")
    assert close.eval().shape == (2 * 3 * 3 * 5, 4)
    assert nets.images2neibs(T.constant(x), (3, 3), (1, 1), "half").eval().shape == (144, 9)
    with pytest.raises(ValueError, match="ignore_borders"):
        nets.images2neibs(T.dtensor4(), (2, 2), mode="wrap_centered")


@pytest.mark.parametrize(
    ("axes", "shape"), [("per-activation", (6, 4)), ("spatial", (6, 4, 3, 2)), ((0, 2), (6, 4, 3))]
)
def test_batches_are_normalized(axes, shape):
    x = RNG.normal(2.0, 3.0, size=shape)
    over = {"per-activation": (0,), "spatial": (0, 2, 3)}.get(axes, axes)
    one = [1 if a in over else n for a, n in enumerate(shape)]
    gamma, beta, mean, var = (RNG.normal(size=one) ** 2 for _ in range(4))
    y, m, inv, new_mean, new_var = (
        v.eval() for v in nets.batch_normalization_train(
            T.constant(x), T.constant(gamma), T.constant(beta), axes, 1e-3, 0.25,
            T.constant(mean), T.constant(var),
        )
    )  # fmt: skip
    center, spread = x.mean(over, keepdims=True), x.var(over, keepdims=True)
    n = x.size / center.size
    np.testing.assert_allclose(m, center)
    np.testing.assert_allclose(inv, 1 / np.sqrt(spread + 1e-3))
    np.testing.assert_allclose(y, (x - center) * inv * gamma + beta)
    np.testing.assert_allclose(new_mean, 0.75 * mean + 0.25 * center)
    np.testing.assert_allclose(new_var, 0.75 * var + 0.25 * spread * n / (n - 1))
    assert len(nets.batch_normalization_train(T.constant(x), gamma, beta, axes)) == 3
    test = nets.batch_normalization_test(T.constant(x), gamma, beta, mean, var, axes, 1e-3)
    np.testing.assert_allclose(test.eval(), (x - mean) / np.sqrt(var + 1e-3) * gamma + beta)
    plain = nets.batch_normalization(T.constant(x), gamma, beta, mean, np.sqrt(var))
    np.testing.assert_allclose(plain.eval(), (x - mean) / np.sqrt(var) * gamma + beta)


def test_losses_of_softmax():
    x, b, y = RNG.normal(size=(4, 3)), RNG.normal(size=3), np.array([2, 0, 1, 1])
    p = np.exp(x + b) / np.exp(x + b).sum(1, keepdims=True)
    loss, chances, label = nets.crossentropy_softmax_argmax_1hot_with_bias(x, b, y)
    np.testing.assert_allclose(loss.eval(), -np.log(p[range(4), y]))
    np.testing.assert_allclose(chances.eval(), p)
    np.testing.assert_allclose(nets.softmax_with_bias(x, b).eval(), p)
    assert label.eval().tolist() == p.argmax(1).tolist()
    again = nets.crossentropy_softmax_max_and_argmax_1hot(x + b, y)
    for found, expected in zip(again, (loss.eval(), p, p.max(1), p.argmax(1)), strict=True):
        np.testing.assert_allclose(found.eval(), expected)
    assert nets.prepend_scalar_to_each_row(5.0, x).eval()[:, 0].tolist() == [5.0] * 4


def test_confusions_are_counted():
    found, labels = nets.confusion_matrix(
        T.constant([2, 0, 2, 2, 0, 1]), T.constant([0, 0, 2, 2, 0, 2])
    )
    assert found.eval().tolist() == [[2, 0, 0], [0, 0, 1], [1, 0, 2]]
    assert labels.eval().tolist() == [0, 1, 2]


def test_a_softmax_of_two_levels():
    x = RNG.normal(size=(5, 4))
    W1, b1 = RNG.normal(size=(4, 3)), RNG.normal(size=3)
    W2, b2 = RNG.normal(size=(3, 4, 2)), RNG.normal(size=(3, 2))
    every = nets.h_softmax(x, 5, 6, 3, 2, W1, b1, W2, b2).eval()
    np.testing.assert_allclose(every.sum(1), np.ones(5))
    y = np.array([0, 5, 3, 2, 2])
    some = nets.h_softmax(x, 5, 6, 3, 2, W1, b1, W2, b2, y).eval()
    np.testing.assert_allclose(some, every[range(5), y])


def test_labels_that_are_not_there_have_no_part_in_ctc():
    logits = RNG.normal(size=(6, 2, 4))
    found = nets.ctc(T.constant(logits), T.constant([[1, 2], [3, -1]]), T.constant([6, 5])).eval()
    alone = T.nn.ctc_loss(logits[:5, 1:], [[3]]).eval()
    np.testing.assert_allclose(found[1:], alone)


def test_tests_of_programs_have_their_tools():
    tools = importlib.import_module("gradcore.theano.testing")
    assert tools.seed_rng(5) == 5 and np.random.randint(1000) == np.random.RandomState(5).randint(
        1000
    )
    assert tools.seed_of() == 666
    tools.verify_grad(T.tanh, [np.array([0.1, 0.5])])
    tools.assert_allclose(np.float32([1]), np.float32([1 + 1e-6]))
    with pytest.raises(AssertionError):
        tools.assert_allclose([1.0], [1 + 1e-6])


def test_three_dimensional_convolutions_of_old():
    rng = np.random.default_rng(2)
    signals, filters = rng.normal(size=(2, 5, 3, 6, 7)), rng.normal(size=(4, 2, 3, 3, 2))
    through = convolutions.conv3d_through_time(signals, filters, signals.shape, filters.shape)
    turned = [v.transpose(0, 2, 1, 3, 4) for v in (signals, filters)]
    expected = T.nnet.conv3d(*turned).eval().transpose(0, 2, 1, 3, 4)
    np.testing.assert_allclose(through.eval(), expected)
    last = [v.transpose(0, 2, 3, 4, 1) for v in turned]
    bias = rng.normal(size=4)
    old = convolutions.conv3D(*last, bias, (1, 2, T.constant(1))).eval()
    plain = T.nnet.conv3d(*turned, subsample=(1, 2, 1), filter_flip=False).eval()
    np.testing.assert_allclose(old, plain.transpose(0, 2, 3, 4, 1) + bias)


def test_logarithms_that_are_0_at_0():
    assert convolutions.xlogx([0.0, 1.0]).eval().tolist() == [0, 0]
    assert convolutions.xlogy0([0.0, 2.0], [0.0, 1.0]).eval().tolist() == [0, 0]
