"""Nothing grows faster than the graph: what rewriting does and leaves, what is printed of it."""

import gc
import sys
import tracemalloc

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.conformance import growing
from gradcore.gradient import grad
from gradcore.kernel.pipeline import program
from gradcore.ops.index import IncSubtensor
from gradcore.printing import pp
from gradcore_c.printing import CRenderer

SMALLEST = {"reads": 25, "reads_hessian": 10, "reads_in_loop": 10, "lstm": 1, "nested": 1}
"""From which size on to measure, if not from 3."""


def measured(name, size):
    """Return how many nodes and how many bytes of C a program has."""
    inputs, outputs = growing.PROGRAMS[name](size)
    graph = gradcore.function(inputs, outputs, mode="numpy").maker.fgraph
    return len(graph.nodes), len(CRenderer().render(program(graph)).text)


@pytest.mark.parametrize("name", growing.PROGRAMS)
def test_text_is_linear(name):
    """Twice the graph is no more than twice the nodes and the text, and a little."""
    size = SMALLEST.get(name, 3)
    for small, large in zip(measured(name, 2 * size), measured(name, 4 * size), strict=True):
        assert large < 2.3 * small


def calls(build, size):
    """Return how many functions are called until a program is rewritten."""
    inputs, outputs = build(size)
    count = 0

    def profile(_frame, event, _argument):
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        gradcore.function(inputs, outputs, mode="numpy")
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("name", [*growing.PROGRAMS, "nested"])
def test_rewriting_is_linear(name):
    """Twice the graph takes no more than twice the work, and a little."""
    size, build = SMALLEST.get(name, 3), getattr(growing, name)
    assert calls(build, 4 * size) < 2.6 * calls(build, 2 * size)


def peaks(length):
    """Return the nodes of a chain with its gradient, and the bytes that compiling took at most.

    Cycles of references are not collected meanwhile: when they are depends on earlier tests.
    """
    x = T.dvector("x")
    y = x
    for k in range(length):
        y = (T.sin, T.tanh, T.exp, lambda v: v * x, lambda v: v + 0.5)[k % 5](y)
    outputs = [T.sum(y), T.grad(T.sum(y), x)]
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        graph = gradcore.function([x], outputs, mode="numpy").maker.fgraph
        rewriting = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        assert CRenderer().render(program(graph)).text
        return len(graph.nodes), rewriting, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        gc.enable()


def test_memory_of_compiling_is_linear():
    """Of what Python allocates: some KB a node, however many there are."""
    peaks(20)
    (few, *small), (many, *large) = peaks(150), peaks(600)
    for less, more in zip(small, large, strict=True):
        assert more / many < 1.15 * less / few
    assert max(large) < 8_000 * many


def test_lstm_without_shapes():
    """An LSTM of unknown extents is three times the text of one whose extents are declared."""
    texts = []
    for shape in ((), (20, 8, 16)):
        graph = gradcore.function(*growing.lstm(2, *shape), mode="numpy").maker.fgraph
        texts.append(len(CRenderer().render(program(graph)).text))
    assert texts[0] < 3 * texts[1]


@pytest.mark.parametrize("mode", ["numpy", "c"])
def test_programs_agree(mode):
    """A program of unknown extents computes what the plain graph does."""
    rng = np.random.default_rng(0)
    given = {
        "halves": [rng.normal(size=3), rng.normal(size=6)],
        "halves_gradient": [rng.normal(size=3), rng.normal(size=6)],
        "rolled": [rng.normal(size=7)],
        "trimmed": [rng.normal(size=40)],
        "pointers": [np.array([3, -1, 0, 1]), np.array(2)],
        "rows_written": [-np.zeros((2, 4)), np.array([[0, -1], [1, 2], [0, 3]]), -np.ones(2)],
        "reads": [rng.normal(size=(20, 20))],
        "reads_hessian": [rng.normal(size=(20, 20))],
        "reads_in_loop": [rng.normal(size=(20, 20)) / 9, rng.normal(size=4)],
        "lstm": [rng.normal(size=v.type.shape) for v in growing.lstm(3, 4, 2, 3)[0]],
        "nested": [rng.normal(size=(3, 3)), rng.normal(size=3)],
    }
    for name, values in given.items():
        inputs, outputs = getattr(growing, name)(3)
        plain = gradcore.function(inputs, outputs, mode=gradcore.Mode("numpy", False))
        found = gradcore.function(inputs, outputs, mode=mode)(*values)
        for a, b in zip(plain(*values), found, strict=True):
            np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-12)
            np.testing.assert_array_equal(np.signbit(b), np.signbit(a))


def test_minors():
    """A determinant by minors, and the cofactors, which are its gradient."""
    A = np.random.default_rng(0).normal(size=(5, 5))
    found, slope = gradcore.function(*growing.minors(5))(A)
    np.testing.assert_allclose(found, np.linalg.det(A))
    np.testing.assert_allclose(slope, found * np.linalg.inv(A).T, rtol=1e-9)


def test_reads_add_to_one_tensor():
    """Each read adds its cotangent to one tensor: there are no sums of mostly zeros."""
    A, v = T.dmatrix("A"), T.dvector("v")
    cost = sum(A[k, k] * v[k] for k in range(9)) + A[1].sum() + (A * A).sum()
    node = grad(cost, A).owner
    written = 0
    while isinstance(node.op, IncSubtensor):
        written += 1
        node = node.inputs[0].owner
    assert written == 10


def test_extent_of_a_known_part():
    """The extent of a part is known where the axis is known to be long enough."""
    x = T.tensor(dtype="float64", shape=(3, 9), name="x")
    y = T.tensor(dtype="float64", shape=(3, None), name="y")
    assert x[:, 6:7].type.shape == (3, 1) and x[:, 8:12].type.shape == (3, 1)
    assert y[:, 6:7].type.shape == (3, None)
    found = gradcore.function([y], y[:, 6:7], mode="c")
    assert [found(np.zeros((3, n))).shape[1] for n in (0, 6, 7, 9)] == [0, 0, 1, 1]


def test_titles_are_short():
    """A graph that shares what it computes is printed within bounds."""
    x = T.dvector("x")
    y = x
    for _ in range(200):
        y = y * y
    assert len(pp(y, longest=500)) < 600
