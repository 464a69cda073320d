"""Passes for CUDA: the interpreter runs what goes into each, and what comes out."""

import re
from pathlib import Path

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore import function
from gradcore.kernel.device import AtomicAdd
from gradcore.kernel.interpret import interpret
from gradcore.kernel.ir import (
    Allocate,
    Buffer,
    For,
    Load,
    Matmul,
    Point,
    Program,
    Scope,
    Store,
    Symbol,
)
from gradcore.kernel.pipeline import program
from gradcore.kernel.uses import inside
from gradcore_cuda.passes import LAUNCHES, LOOPS
from gradcore_cuda.passes.atomics import scatters_in_any_order
from gradcore_cuda.passes.products import products_as_loops
from gradcore_cuda.passes.scans import scans_by_element
from gradcore_cuda.passes.searches import searches_as_reductions
from gradcore_cuda.target import GPU

M, N = T.dmatrices("M", "N")
v = T.dvector("v")
at = T.lvector("at")
n = T.lscalar("n")


def lowered(inputs, outputs):
    """Return the program of a graph as CUDA's backend gets it, and the inputs that it takes."""
    graph = function(inputs, outputs, mode="numpy", on_unused_input="ignore").maker.fgraph
    return program(graph, GPU)


def changed(change, inputs, outputs, *values):
    """Return what a pass makes of a program; both give the same, and the first is left alone."""
    before = lowered(inputs, outputs)
    after = change(before, GPU)
    drawn = [
        np.asarray(value, variable.dtype) for variable, value in zip(inputs, values, strict=True)
    ]
    expected = interpret(before)(*drawn)
    for run in (interpret(after), interpret(before)):
        for a, b in zip(run(*drawn), expected, strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
    return list(inside(after.body))


def kinds(statements, kind):
    return [s for s in statements if isinstance(s, kind)]


# products ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", ["int32", "bool", "float16", "float64"])
def test_products(dtype):
    """Those of dtypes that a library has stay what they are."""
    a, b = T.matrix("a", dtype), T.matrix("b", dtype)
    drawn = np.random.default_rng(0)
    values = drawn.integers(0, 3, (4, 40)), drawn.integers(0, 3, (40, 5))
    found = changed(products_as_loops, [a, b], T.dot(a, b), *values)
    assert bool(kinds(found, Matmul)) == (dtype == "float64")


def test_a_product_that_adds_to_parts():
    """It may lie in any way in its buffers, be one of a stack, and add to what is there."""
    a, b = T.tensor3("a", dtype="int64"), T.tensor3("b", dtype="int64")
    drawn = np.random.default_rng(0).integers(-5, 5, (2, 3, 4, 4))
    product = T.matmul(a, b.dimshuffle(0, 2, 1)[:, ::-1])
    assert not kinds(changed(products_as_loops, [a, b], product, *drawn[:, :, :2]), Matmul)


# searches ---------------------------------------------------------------------------------------
SEARCHED = [
    [[3.0, 1, 3, 2], [0, 0, 0, 0], [-1, 5, 5, 2]],
    [[np.nan, 1, np.nan, 2], [0, np.nan, 9, 1], [np.inf, 5, np.inf, -np.inf]],
]


@pytest.mark.parametrize("search", [T.argmax, T.argmin])
@pytest.mark.parametrize("axis", [None, 0, 1])
@pytest.mark.parametrize("value", SEARCHED)
def test_searches(search, axis, value):
    """The first of equals is found, NaN before all numbers; columns are searched together."""
    found = changed(searches_as_reductions, [M], search(M, axis=axis), value)
    combined = [r.op.name for s in kinds(found, For) for r in s.reductions if r.op is not None]
    assert ("minimum" in combined) == (axis != 0)


# scans by element -------------------------------------------------------------------------------
def decay():
    states = gradcore.scan(lambda row, s: T.tanh(s + 0.5 * row), sequences=M, outputs_info=v)[0]
    return [M, v], [states, states[-1]]


def two_states():
    step = lambda s, t: [s - 0.1 * t, t + 0.1 * s]
    s, t = gradcore.scan(step, outputs_info=[M, M + 1.0], n_steps=n)[0]
    return [M, n], [s[-1], t]


def gradient_of_decay():
    inputs, (states, _) = decay()
    return inputs, T.grad(T.sum(states**2), inputs)


@pytest.mark.parametrize("steps", [1, 5])
@pytest.mark.parametrize("scan", [decay, two_states, gradient_of_decay], ids=lambda f: f.__name__)
def test_scans_by_element(scan, steps):
    """The loop over steps is the innermost one, and states have no pointers in it."""
    inputs, outputs = scan()
    drawn = np.random.default_rng(steps)
    values = {M: drawn.normal(size=(steps, 3)), v: drawn.normal(size=3), n: steps}
    found = changed(scans_by_element, inputs, outputs, *(values[x] for x in inputs))
    nests = [s for s in kinds(found, For) if s.ordered]
    assert nests and not any(kinds(inside(s.body), (For, Scope, Point)) for s in nests)


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_last_states_of_scans_by_element(rows):
    """A loop of no step has one, too: the determinant of no complex rows is 1."""
    z = T.TensorType("complex128", (None, None, None))("z")
    before = gradcore.function([z], T.linalg.det(z), gradcore.Mode("cuda", runtime="host")).program
    given = np.arange(2 * rows * rows).reshape(2, rows, rows) + 1j
    after = scans_by_element(before, GPU)
    assert any(s.ordered for s in kinds(inside(after.body), For))
    np.testing.assert_allclose(interpret(after)(given)[0], np.linalg.det(given), 1e-12)


def test_scans_whose_elements_meet():
    """A state that is summed, or read elsewhere, is the same for all."""
    for step in (lambda s: s / T.sum(s), lambda s: s[::-1] * 0.5):
        states = gradcore.scan(step, outputs_info=v, n_steps=3)[0]
        found = changed(scans_by_element, [v], states, [1.0, 2.0, 3.0])
        assert any(kinds(inside(s.body), For) for s in kinds(found, For) if s.ordered)


# scatters ---------------------------------------------------------------------------------------
def test_scatters_in_any_order():
    added = T.inc_subtensor(v[at], 2.0 * v[at])
    found = changed(scatters_in_any_order, [v, at], added, [1.0, 2.0, 3.0], [0, 2, 0, -1])
    assert kinds(found, AtomicAdd)
    assert not any(s.ordered for s in kinds(found, For))


def test_scatters_that_keep_their_order():
    """The last of the values for a place stays; a place that is read is not only added to."""
    last = T.set_subtensor(v[at], T.arange(4.0))
    assert not kinds(changed(scatters_in_any_order, [v, at], last, [1.0, 2, 3], [0, 2, 0, 2]),
                     AtomicAdd)  # fmt: skip


def test_an_element_that_is_added_to_and_read():
    """The interpreter finds it: what is there depends on the order of the steps."""
    size, i = Symbol("size"), Symbol("i")
    x = Buffer("x", "float64", (size,), "input")
    y, z = (Buffer(name, "float64", (size,), "output", k) for k, name in enumerate("yz"))
    zero = Load(x, (i,)) - Load(x, (i,))
    add = AtomicAdd(y, (i // 2,), Load(x, (i,)))
    start = [Allocate(y), Allocate(z), For(i, size, [Store(y, (i,), zero)])]

    def run(*body):
        loop = For(i, size, list(body))
        return interpret(Program([x], [y], [], [*start, loop], [], [], ""))([1.0, 2.0, 4.0])

    np.testing.assert_array_equal(run(add)[0], [3.0, 4.0, 0.0])
    with pytest.raises(AssertionError, match="not independent"):
        run(add, Store(z, (i,), Load(y, (i,))))


# all of them ------------------------------------------------------------------------------------
@pytest.mark.parametrize("change", LOOPS, ids=lambda f: f.__name__)
def test_what_a_pass_has_nothing_to_do_with(change):
    given = np.random.default_rng(0).normal(size=(3, 4))
    before = len(list(inside(lowered([M], T.softmax(M)).body)))
    assert len(changed(change, [M], T.softmax(M), given)) == before


def test_the_guide_tells_all_passes():
    page = (Path(__file__).parent.parent / "docs" / "kernels.md").read_text()
    reported = re.findall(r"^\| `(\w+)` \|", page[page.index("| pass (") :], re.MULTILINE)
    assert reported == [change.__name__ for change in (*LOOPS, *LAUNCHES)]
