"""Stacks of products of matrices fuse with what is computed of the same matrices, one by one."""

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.kernel.ir import Allocate, For, Matmul
from gradcore.kernel.pipeline import program
from gradcore.kernel.target import CPU, Target
from gradcore.kernel.uses import inside

x, y, z = T.tensor4s("x", "y", "z")
s, t = T.dtensor3s("s", "t")


def attention(a, b, c):
    weights = T.nn.softmax(T.matmul(a, b.dimshuffle(0, 1, 3, 2)) * 0.25, axis=-1)
    return T.matmul(weights, c)


def column(a):
    return T.sum(a, 2, keepdims=True)


PROGRAMS = {
    "attention": (lambda: attention(x, y, z), 3),
    "an operand of all": (
        lambda: T.matmul(T.mean(x, (0, 1), keepdims=True), y.dimshuffle(0, 1, 3, 2)) * 2, 2
    ),
    "products of products": (
        lambda: T.matmul(T.matmul(x, x.dimshuffle(0, 1, 3, 2)) + 1, T.tanh(x)).sum((2, 3)), 1
    ),
    "rows": (lambda: T.matmul(T.exp(x[:, :, :1]), y.dimshuffle(0, 1, 3, 2))[:, :, 0] * 3, 2),
    "one element": (lambda: T.matmul(column(x), column(x).dimshuffle(0, 1, 3, 2)) * column(y), 2),
    "diagonals": (
        lambda: T.diagonal(T.matmul(x, x.dimshuffle(0, 1, 3, 2)), axis1=2, axis2=3) + 1.0, 1
    ),
    "parts of one result": (
        lambda: T.concatenate(
            [T.matmul(x * 2, x.dimshuffle(0, 1, 3, 2)), T.matmul(y, x.dimshuffle(0, 1, 3, 2))], 1
        ), 2,
    ),
    "reversed": (lambda: T.matmul(x[:, ::-1] + 1, y.dimshuffle(0, 1, 3, 2))[::-1] - 1, 2),
    "another dtype": (
        lambda: T.matmul((10 * x).astype("int32"), (10 * y).dimshuffle(0, 1, 3, 2).astype("int64")),
        2,
    ),
    "half": (
        lambda: T.matmul(x.astype("float16"), x.dimshuffle(0, 1, 3, 2).astype("float32")) * 2, 1
    ),
}  # fmt: skip


SHAPES = [(2, 3, 4, 5), (1, 1, 3, 2), (3, 1, 1, 1), (1, 4, 2, 3), (0, 2, 3, 4), (2, 2, 3, 0)]


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("differentiated", [False, True])
@pytest.mark.parametrize("name", PROGRAMS)
def test_values_are_those_of_numpy(name, differentiated, threads, rng, monkeypatch):
    monkeypatch.setenv("GRADCORE_CFLAGS", "-O1 -DGC_THREAD_WORK=1")
    build, operands = PROGRAMS[name]
    inputs, out = [x, y, z][:operands], build()
    if differentiated and out.dtype not in ("float32", "float64"):
        pytest.skip("integers have no derivative")
    outputs = T.grad((out**2).sum(), inputs) if differentiated else [out, T.exp(-out)]
    f, reference = (
        gradcore.function(inputs, outputs, mode)
        for mode in (gradcore.Mode("c", threads=threads), gradcore.Mode("numpy", optimizer=False))
    )
    for shape in (
        (2, 3, 4, 5),
        (1, 1, 3, 2),
        (3, 1, 1, 1),
        (1, 4, 2, 3),
        (0, 2, 3, 4),
        (2, 2, 3, 0),
    ):
        values = [rng.normal(size=shape).astype("float32") for _ in inputs]
        for found, expected in zip(f(*values), reference(*values), strict=True):
            np.testing.assert_allclose(found, expected, 2e-2 if name == "half" else 2e-4, 1e-4)


def made(outputs, inputs, target):
    """Return a program for a target, and its loops."""
    graph = gradcore.function(inputs, outputs, mode="numpy").maker.fgraph
    found = program(graph, target)
    loops = [loop for loop in found.body if isinstance(loop, For)]
    return found, loops


def test_attention_is_one_loop_over_heads():
    """What is between its products is of one head: nothing of the size of all scores is stored."""
    out = attention(x, y, z)
    outputs = [out, *T.grad((out**2).sum(), [x, y, z])]
    found, loops = made(outputs, [x, y, z], CPU)
    assert len(loops) == 1
    products = [p for p in inside(found.body) if isinstance(p, Matmul)]
    assert len(products) == 6
    work = [
        a.buffer for a in inside(found.body) if isinstance(a, Allocate) and a.buffer.role == "work"
    ]
    assert work and max(buffer.ndim for buffer in work) == 2


def test_a_device_multiplies_all_matrices_at_once():
    """Where a host starts products, no other loop is around them."""
    _, loops = made(attention(x, y, z), [x, y, z], Target(fused_products=False))
    steps = [[s for s in inside([loop]) if not isinstance(s, For)] for loop in loops]
    assert sum(len(step) == 1 and isinstance(step[0], Matmul) for step in steps) == 2
    assert not any(isinstance(s, Matmul) for step in steps for s in step if len(step) > 1)


def test_heads_of_examples_are_shared_by_threads_together():
    """A loop over examples and one over their heads are one, so that one example is shared, too."""
    f = gradcore.function([x, y, z], attention(x, y, z), gradcore.Mode("c"))
    assert "(f->x_n0 * f->x_n1)" in f.source
