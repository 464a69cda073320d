"""Increments of zeros by one tensor become windows of it: what comes, and where it does not."""

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.ops.index import IncSubtensor

SCALE = gradcore.shared(0.25)
PLAIN = gradcore.Mode("numpy", optimizer=False)


def second_differences(x):
    return x[2:] - 2 * x[1:-1] + x[:-2]


def laplacian(x):
    w = T.pad(x, 1)
    around = w[:-2, 1:-1] + w[2:, 1:-1] + w[1:-1, :-2] + w[1:-1, 2:]
    return around - 4 * w[1:-1, 1:-1]


def uneven(x):
    return x[1:, :, :-1] - 3 * x[:-1, :, 1:]


def weighted(x):
    scale = SCALE.astype(x.dtype)
    return scale * x[:-1] - (1 - scale) * x[1:]


def filtered(x):
    return sum(k * x[k : 9 - (4 - k)] for k in range(5))


STENCILS = {
    "differences": ((7,), lambda x: x[1:] - x[:-1]),
    "second differences": ((9,), second_differences),
    "laplacian": ((8, 7), laplacian),
    "uneven": ((4, 2, 3), uneven),
    "weighted": ((6,), weighted),
    "filtered": ((9,), filtered),
}


def slope(x, of):
    return T.grad(T.sum(T.sqr(of(x))), x)


def increments(f):
    """Return how many increments a compiled function makes, in its loops too."""

    def count(graph):
        found = 0
        for node in graph.nodes:
            found += isinstance(node.op, IncSubtensor) and not node.op.overwrite
            found += sum(map(count, node.op.graphs))
        return found

    return count(f.maker.fgraph)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", STENCILS)
def test_gradients_of_stencils_increment_nothing(name, dtype, everywhere, rng):
    shape, of = STENCILS[name]
    x = T.tensor(dtype=dtype, shape=shape, name="x")
    value = rng.normal(size=shape).astype(dtype)
    f = gradcore.function([x], slope(x, of), mode=everywhere)
    right = gradcore.function([x], slope(x, of), mode=PLAIN)(value)
    tolerance = 1e-13 if dtype == "float64" else 1e-5
    np.testing.assert_allclose(f(value), right, rtol=tolerance, atol=tolerance)
    if everywhere.optimizer:
        assert not increments(f)


@pytest.mark.parametrize("name", ["second differences", "laplacian"])
def test_in_loops(name, everywhere, rng):
    """Also where the zeros were computed before the loop."""
    shape, of = STENCILS[name]
    wide = T.tensor(dtype="float64", shape=shape, name="x")
    reach = 0 if name == "laplacian" else 1
    step = lambda u: T.sin(of(T.pad(u, reach) if reach else u)) + u
    states, _ = gradcore.scan(step, outputs_info=[wide], n_steps=3)
    unrolled = step(step(step(wide)))
    value = rng.normal(size=shape)
    loop, written = (T.grad(T.sum(T.sqr(y)), wide) for y in (states[-1], unrolled))
    f = gradcore.function([wide], loop, mode=everywhere)
    np.testing.assert_allclose(f(value), gradcore.function([wide], written, mode=PLAIN)(value))
    if everywhere.optimizer:
        assert not increments(f)


@pytest.mark.parametrize("dtype", ["float64", "float16", "int8", "uint8"])
def test_every_bit_and_sign_of_zero_is_preserved(dtype):
    """The same numbers are added in the same order, to 0."""
    x = T.tensor(dtype=dtype, shape=(4,), name="x")
    zeros = T.zeros((6,), dtype)
    total = T.inc_subtensor(zeros[:4], x)
    total = T.inc_subtensor(total[1:5], -x)
    total = T.inc_subtensor(total[2:], x * T.constant(3, dtype=dtype))
    value = np.array([1, 0, 0, 127] if dtype[0] in "iu" else [-0.0, -0.0, 6e4, -7e-8], dtype)
    for outputs in ([total], [total[1:-1]], [total[:3], total[4:]], [total, total[1:]]):
        f = gradcore.function([x], outputs, mode="numpy")
        assert not increments(f)
        right = gradcore.function([x], outputs, mode=PLAIN)(value)
        for a, b in zip(f(value), right, strict=True):
            np.testing.assert_array_equal(a, b)
            np.testing.assert_array_equal(np.signbit(a), np.signbit(b))


def test_what_writes_to_the_sum_reads_all_of_it():
    x, y = T.tensor(dtype="float64", shape=(4,)), T.tensor(dtype="float64", shape=(2,))
    total = T.inc_subtensor(T.inc_subtensor(T.zeros(5)[1:], x)[:-1], x)
    written = T.set_subtensor(total[1:3], y)
    f = gradcore.function([x, y], written, mode="numpy")
    assert not increments(f)
    np.testing.assert_array_equal(f(np.arange(4.0), [8, 9]), [0, 8, 9, 5, 3])


@pytest.mark.parametrize(
    "total",
    [
        lambda x: T.inc_subtensor(T.inc_subtensor(T.zeros(6)[:4], x)[2:], T.exp(x)),
        lambda x: T.inc_subtensor(T.inc_subtensor(T.zeros(9)[:4], x)[2:6], x),
        lambda x: T.inc_subtensor(T.inc_subtensor(T.ones(6)[:4], x)[2:], x),
        lambda x: T.inc_subtensor(T.inc_subtensor(T.zeros(8)[::2], x)[1::2], x),
        lambda x: T.inc_subtensor(T.inc_subtensor(T.zeros(4)[:], x[0])[1:], x[0]),
        lambda x: T.inc_subtensor(T.zeros(5)[1:], x),
    ],
    ids=["two tensors", "small parts", "ones", "steps", "a number", "one place"],
)
def test_what_stays(total):
    """Several tensors, small parts, other numbers below, and steps are increments as before."""
    x = T.tensor(dtype="float64", shape=(4,), name="x")
    f = gradcore.function([x], total(x), mode="numpy")
    assert increments(f)
    value = np.arange(1.0, 5)
    np.testing.assert_array_equal(f(value), gradcore.function([x], total(x), mode=PLAIN)(value))
