"""Sums, means, products and prefix sums of float32, by shape: what a checkout is compared with."""

from types import SimpleNamespace


def _layer_norm(T, x, gain, bias):
    centred = x - x.mean(1, keepdims=True)
    scaled = centred / T.sqrt((centred**2).mean(1, keepdims=True) + 1e-5)
    return T.grad(((scaled * gain + bias) ** 2).sum(), [x, gain, bias])


def _gmm(T, x, a, mu, s):
    z = (x[:, None, :] - mu) * T.exp(s)
    inner = a + s.sum(1) - 0.5 * (z**2).sum(2)
    cost = T.logsumexp(inner, axis=1).sum() - x.shape[0] * T.logsumexp(a)
    return [cost, *T.grad(cost, [a, mu, s])]


def _case(build, *shapes):
    return SimpleNamespace(build=build, shapes=shapes)


ROWS = (
    (1_000_000, 2), (250_000, 8), (200_000, 10), (125_000, 16), (60_000, 33), (20_000, 100),
    (1000, 1000), (30, 100_000),
)  # fmt: skip
COLUMNS = ((10, 10), (100, 100), (1000, 8), (1000, 1000), (100_000, 10), (1_000_000, 3))
CUMULATIVE = ((100, 1000), (200, 1000), (1000, 1000), (100_000, 10))

CASES = {
    **{f"rows {n}x{k}": _case(lambda T, x: x.sum(1), (n, k)) for n, k in ROWS},
    **{f"all {n}": _case(lambda T, x: x.sum(), (n,)) for n in (10, 100, 1000, 10_000, 1_000_000)},
    **{
        f"dot {n}": _case(lambda T, x, y: T.dot(x, y), (n,), (n,))
        for n in (10, 1000, 100_000, 1_000_000)
    },
    **{f"columns {n}x{k}": _case(lambda T, x: x.sum(0), (n, k)) for n, k in COLUMNS},
    **{f"cumulative {n}": _case(lambda T, x: T.cumsum(x, 0), (n,)) for n in (100, 1000, 1_000_000)},
    **{f"cumulative {n}x{k}": _case(lambda T, x: T.cumsum(x, 0), (n, k)) for n, k in CUMULATIVE},
    "cumulative rows 10000x100": _case(lambda T, x: T.cumsum(x, 1), (10_000, 100)),
    "cumulative rows 1000x1000": _case(lambda T, x: T.cumsum(x, 1), (1000, 1000)),
    "squares 1000": _case(lambda T, x: (x**2).sum(), (1000,)),
    "mean 1000000": _case(lambda T, x: x.mean(), (1_000_000,)),
    "exp 1000000": _case(lambda T, x: T.exp(x).sum(), (1_000_000,)),
    "product 1000000": _case(lambda T, x: T.prod(x), (1_000_000,)),
    "variance 1000x100": _case(lambda T, x: T.var(x, 0), (1000, 100)),
    "softmax 1000x10": _case(lambda T, x: T.softmax(x), (1000, 10)),
    "softmax 1000x1000": _case(lambda T, x: T.softmax(x), (1000, 1000)),
    "logsumexp 1000x1000": _case(lambda T, x: T.logsumexp(x, axis=1), (1000, 1000)),
    "layer norm 256x1024": _case(_layer_norm, (256, 1024), (1024,), (1024,)),
    "layer norm 256x16": _case(_layer_norm, (256, 16), (16,), (16,)),
    "gmm": _case(_gmm, (10_000, 8), (10,), (10, 8), (10, 8)),
}
"""For each name what is computed, of the words of the language and variables, and their shapes."""
