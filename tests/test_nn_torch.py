"""Networks against torch: values and gradients, for options and shapes that are drawn."""

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T

torch = pytest.importorskip("torch")
F = torch.nn.functional
nn = T.nn

ACTIVATIONS = (
    "relu", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "softsign", "softplus", "sigmoid",
    "tanh", "hard_tanh", "mish", "log_sigmoid",
)  # fmt: skip
THEIRS = {"hard_tanh": "hardtanh", "log_sigmoid": "logsigmoid"}

DRAWS = 4
"""How many shapes and options of each function."""


class Draw:
    """Numbers, shapes and options, drawn for one comparison."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def int(self, low, high):
        return int(self.rng.integers(low, high + 1))

    def ints(self, count, low, high):
        return tuple(self.int(low, high) for _ in range(count))

    def normal(self, *shape):
        return self.rng.normal(0, 2, shape)

    def slide(self):
        """Return sizes, strides and dilations of windows, and places in which they fit."""
        rank = self.int(1, 3)
        size, stride, dilation = (self.ints(rank, 1, most) for most in (3, 3, 2))
        fitting = zip(size, dilation, strict=True)
        return size, stride, dilation, tuple((s - 1) * d + self.int(1, 5) for s, d in fitting)

    def image(self):
        return self.normal(*self.ints(2, 1, 3), *self.slide()[-1])


def by_rank(name, size):
    """Return torch's function for so many axes."""
    return getattr(F, f"{name}{len(size)}d")


# each of these returns our function, torch's, and their arguments ---------------------------------
def conv(draw):
    size, stride, dilation, places = draw.slide()
    groups, channels, results = draw.ints(3, 1, 2)
    padding = draw.ints(len(size), 0, 2)
    x = draw.normal(draw.int(1, 2), groups * channels, *places)
    return (
        lambda x, w: nn.conv(x, w, padding, stride, dilation, groups),
        lambda x, w: by_rank("conv", size)(x, w, None, stride, padding, dilation, groups),
        (x, draw.normal(groups * results, channels, *size)),
    )


def conv_same(draw):
    size, _, dilation, places = draw.slide()
    theirs = by_rank("conv", size)
    return (
        lambda x, w: nn.conv(x, w, "same", dilation=dilation),
        lambda x, w: theirs(F.pad(x, behind(size, dilation)), w, dilation=dilation),
        (draw.normal(1, 2, *places), draw.normal(2, 2, *size)),
    )


def behind(size, dilation):
    """Return the padding that "same" is for strides of 1, as torch wants it: last axis first."""
    total = [(s - 1) * d for s, d in zip(size, dilation, strict=True)]
    return [n for t in reversed(total) for n in (t // 2, t - t // 2)]


def conv_transpose(draw):
    size, stride, dilation, _ = draw.slide()
    groups, channels, results = draw.ints(3, 1, 2)
    padding = tuple(draw.int(0, (s - 1) * d // 2) for s, d in zip(size, dilation, strict=True))
    more = tuple(draw.int(0, s - 1) for s in stride)
    places = draw.ints(len(size), 1, 4)
    theirs = by_rank("conv_transpose", size)
    return (
        lambda x, w: nn.conv_transpose(x, w, padding, stride, dilation, groups, more),
        lambda x, w: theirs(x, w, None, stride, padding, more, groups, dilation),
        (
            draw.normal(draw.int(1, 2), groups * channels, *places),
            draw.normal(groups * channels, results, *size),
        ),
    )


def max_pool(draw):
    size, stride, dilation, places = draw.slide()
    padding, ceil = tuple(draw.int(0, s // 2) for s in size), draw.int(0, 1) == 1
    theirs = by_rank("max_pool", size)
    return (
        lambda x: nn.max_pool(x, size, stride, padding, dilation, ceil),
        lambda x: theirs(x, size, stride, padding, dilation, ceil),
        (draw.normal(2, 2, *places),),
    )


def average_pool(draw):
    size, stride, _, places = draw.slide()
    padding = tuple(draw.int(0, s // 2) for s in size)
    ceil, counted = draw.int(0, 1) == 1, draw.int(0, 1) == 1
    theirs = by_rank("avg_pool", size)
    return (
        lambda x: nn.average_pool(x, size, stride, padding, 1, counted, ceil),
        lambda x: theirs(x, size, stride, padding, ceil, counted),
        (draw.normal(2, 2, *places),),
    )


def adaptive(ours, theirs):
    def drawn(draw):
        x = draw.image()
        parts = draw.ints(x.ndim - 2, 1, 4)
        return lambda x: ours(x, parts), lambda x: by_rank(theirs, parts)(x, parts), (x,)

    return drawn


def over_places(ours, theirs):
    def drawn(draw):
        x = draw.image()
        return ours, lambda x: theirs(x, tuple(range(2, x.ndim))), (x,)

    return drawn


def batch_norm(draw):
    shape = (2, *draw.ints(draw.int(1, 3), 2, 4))
    return (
        lambda x, g, b: nn.batch_norm(x, g, b)[0],
        lambda x, g, b: F.batch_norm(x, None, None, g, b, training=True),
        (draw.normal(*shape), *draw.normal(2, shape[1])),
    )


def batch_norm_inference(draw):
    x = draw.image()
    mean, scale, shift = draw.normal(3, x.shape[1])
    return (
        nn.batch_norm_inference,
        lambda x, m, v, g, b: F.batch_norm(x, m.detach(), v.detach(), g, b),
        (x, mean, draw.rng.uniform(0.5, 2, x.shape[1]), scale, shift),
        (0, 3, 4),
    )


def group_norm(draw):
    groups, each, places = draw.ints(3, 1, 3)
    scale, shift = draw.normal(2, groups * each)
    return (
        lambda x, g, b: nn.group_norm(x, groups, g, b),
        lambda x, g, b: F.group_norm(x, groups, g, b),
        (draw.normal(2, groups * each, places + 1), scale, shift),
    )


def layer_norm(draw):
    shape = draw.ints(draw.int(1, 2), 2, 4)
    scale, shift = draw.normal(2, *shape)
    axes = tuple(range(-len(shape), 0))
    return (
        lambda x, g, b: nn.layer_norm(x, g, b, axes),
        lambda x, g, b: F.layer_norm(x, shape, g, b),
        (draw.normal(3, *shape), scale, shift),
    )


def rms_norm(draw):
    width = draw.int(1, 4)
    return (
        nn.rms_norm,
        lambda x, g: F.rms_norm(x, (width,), g, 1e-6),
        (draw.normal(3, 2, width), draw.normal(width)),
    )


def attention(draw):
    leading = draw.ints(draw.int(0, 2), 1, 2)
    n, m, d, e = draw.ints(4, 1, 4)
    mask = draw.rng.random((n, m)) < 0.6
    mask[:, 0] = True
    options = [{}, {"is_causal": True}, {"attn_mask": mask}, {"attn_mask": draw.normal(n, m)}]
    chosen = options[draw.int(0, 3)] | [{}, {"scale": 0.3}][draw.int(0, 1)]
    words = {"is_causal": "causal", "attn_mask": "mask"}
    tensors = {k: torch.tensor(v) if k == "attn_mask" else v for k, v in chosen.items()}
    return (
        lambda q, k, v: nn.attention(q, k, v, **{words.get(w, w): x for w, x in chosen.items()}),
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, **tensors),
        (draw.normal(*leading, n, d), draw.normal(*leading, m, d), draw.normal(*leading, m, e)),
    )


def elementwise(ours, theirs):
    return lambda draw: (ours, theirs, (draw.normal(*draw.ints(2, 1, 4)),))


def gated(draw):
    axis, half = draw.int(0, 1), draw.int(1, 3)
    shape = (2 * half, 3) if axis == 0 else (3, 2 * half)
    return lambda x: nn.glu(x, axis), lambda x: F.glu(x, axis), (draw.normal(*shape),)


def of_classes(ours, theirs, wrapped=lambda x: x):
    """Compare a loss on labels or on distributions, of logits or of what is made of them."""

    def drawn(draw):
        n, classes = draw.ints(2, 2, 4)
        labels = draw.rng.integers(0, classes, n)
        chances = draw.rng.dirichlet(np.ones(classes), n)
        targets = [labels, chances][draw.int(0, 1)]
        given = (wrapped(draw.normal(n, classes)), targets)
        return ours, lambda x, t: theirs(x, t, reduction="none"), given, (0,)

    return drawn


def of_pairs(ours, theirs, between=None, **options):
    """Compare an elementwise loss; between 0 and 1, or anywhere."""

    def drawn(draw):
        shape = draw.ints(2, 1, 4)
        first, second = draw.normal(2, *shape)
        if between is not None:
            second = draw.rng.random(shape)
            first = draw.rng.uniform(0.01, 0.99, shape) if between == "both" else first
        return ours, lambda x, t: theirs(x, t, reduction="none", **options), (first, second), (0,)

    return drawn


def embedding(draw):
    rows, width = draw.ints(2, 1, 4)
    chosen = draw.rng.integers(0, rows, draw.ints(2, 1, 3))
    table = draw.normal(rows, width)
    return (
        lambda w: nn.embedding(chosen, w),
        lambda w: F.embedding(torch.tensor(chosen), w),
        (table,),
    )


def of_probabilities(x, t, reduction):
    """Return the cross-entropy of probabilities, which torch has for labels alone."""
    t = t if t.ndim == x.ndim else F.one_hot(t, x.shape[-1])
    return -(t * torch.log(x)).sum(-1)


FUNCTIONS = {
    "conv": conv,
    "conv same": conv_same,
    "conv_transpose": conv_transpose,
    "max_pool": max_pool,
    "average_pool": average_pool,
    "adaptive_max_pool": adaptive(nn.adaptive_max_pool, "adaptive_max_pool"),
    "adaptive_average_pool": adaptive(nn.adaptive_average_pool, "adaptive_avg_pool"),
    "global_max_pool": over_places(nn.global_max_pool, torch.amax),
    "global_average_pool": over_places(nn.global_average_pool, torch.mean),
    "batch_norm": batch_norm,
    "batch_norm_inference": batch_norm_inference,
    "group_norm": group_norm,
    "layer_norm": layer_norm,
    "rms_norm": rms_norm,
    "attention": attention,
    "embedding": embedding,
    "glu": gated,
    "softmax_cross_entropy": of_classes(nn.softmax_cross_entropy, F.cross_entropy),
    "categorical_crossentropy": of_classes(
        nn.categorical_crossentropy, of_probabilities, lambda x: np.exp(x - np.max(x))
    ),
    "sigmoid_cross_entropy": of_pairs(
        nn.sigmoid_cross_entropy, F.binary_cross_entropy_with_logits, "targets"
    ),
    "binary_crossentropy": of_pairs(nn.binary_crossentropy, F.binary_cross_entropy, "both"),
    "squared_error": of_pairs(nn.squared_error, F.mse_loss),
    "huber": of_pairs(lambda x, t: nn.huber(x, t, 0.7), F.huber_loss, delta=0.7),
    "softmax": elementwise(nn.softmax, lambda x: F.softmax(x, -1)),
    "log_softmax": elementwise(nn.log_softmax, lambda x: F.log_softmax(x, -1)),
    "gelu tanh": elementwise(
        lambda x: nn.gelu(x, approximate=True), lambda x: F.gelu(x, approximate="tanh")
    ),
    "hard_sigmoid": elementwise(nn.hard_sigmoid, lambda x: torch.clamp(x / 6 + 0.5, 0, 1)),
    **{
        name: elementwise(getattr(nn, name), getattr(F, THEIRS.get(name, name)))
        for name in ACTIVATIONS
    },
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_gradients_are_those_of_torch(name):
    """Extents are not known when it is compiled; gradients are of a random weighting."""
    for seed in range(DRAWS):
        draw = Draw(seed)
        ours, theirs, arrays, *moved = FUNCTIONS[name](draw)
        wrt = moved[0] if moved else range(len(arrays))
        tensors = [torch.tensor(a, requires_grad=i in wrt) for i, a in enumerate(arrays)]
        expected = theirs(*tensors)
        weights = draw.normal(*expected.shape)
        gradients = torch.autograd.grad(
            (expected * torch.tensor(weights)).sum(), [tensors[i] for i in wrt]
        )
        inputs = [T.tensor(None, str(a.dtype), (None,) * a.ndim) for a in arrays]
        out = ours(*inputs)
        outputs = [out, *T.grad(T.sum(out * weights), [inputs[i] for i in wrt])]
        found = gradcore.function(inputs, outputs, mode="numpy")(*arrays)
        for a, b in zip(found, (expected, *gradients), strict=True):
            np.testing.assert_allclose(a, b.detach().numpy(), rtol=1e-9, atol=1e-9)
