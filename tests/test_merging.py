"""What repeats in a program is one procedure, which is called: it computes the same, to the bit."""

import dataclasses
import functools
import os
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from test_random_graphs import compiled, graphs

import gradcore
import gradcore.tensor as T
from gradcore import plugins
from gradcore.kernel.interpret import interpret
from gradcore.kernel.ir import Program
from gradcore.kernel.merging import merged
from gradcore.kernel.passes import passed
from gradcore.kernel.pipeline import program
from gradcore.kernel.procedures import Invoke
from gradcore.kernel.target import CPU
from gradcore.kernel.uses import inside
from gradcore_c import backend, compiler, units
from gradcore_c.backend import CBackend
from gradcore_c.printing import PASSES, CRenderer

HERE = pytest.mark.skipif(compiler.unavailable() is not None, reason=str(compiler.unavailable()))


SEPARATELY = tuple(p for p in PASSES if p is not merged)
separately = functools.partial(CRenderer, passes=SEPARATELY)
"""Prints what repeats as often as it is there."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SeparateBackend(CBackend):
    """C without procedures."""

    name = "separate"

    def renderer(self):
        return separately(self.target)


@pytest.fixture(scope="module")
def separate():
    hook = staticmethod(plugins.hookimpl(lambda: [SeparateBackend()]))
    plugins.register(type("plugin", (), {"gradcore_backends": hook}), "separate")
    yield gradcore.Mode("separate")
    plugins.unregister("separate")


# programs ---------------------------------------------------------------------------------------
def layers(count, extents=None):
    """A network of layers, with its gradient; the arrays to run it on."""
    extents = extents or [5] * (count + 1)
    known = extents[0] >= 64
    x = T.dmatrix("x")
    ws = [
        T.tensor(f"w{k}", "float64", (n, m) if known else (None, None))
        for k, (n, m) in enumerate(pairwise(extents))
    ]
    h = x
    for w in ws:
        h = T.tanh(T.dot(h, w)) * 0.9
    cost = T.sum(h**2)
    shapes = [(2, extents[0]), *pairwise(extents)]
    return [x, *ws], [cost, *gradcore.grad(cost, ws)], shapes


def unrolled(count):
    """A loop that Python unrolls: each step reads another row."""
    X, W, h = T.dmatrix("X"), T.dmatrix("W"), T.dvector("h")
    y = h
    for t in range(count):
        y = T.tanh(X[t] + T.dot(y, W))
    cost = T.sum(y**2)
    return [X, W, h], [cost, gradcore.grad(cost, W)], [(count, 4), (4, 4), (4,)]


def entries(count):
    """Sums of the entries of a list, each scaled by another number, into registers."""
    xs = [T.dvector(f"x{k}") for k in range(count)]
    sums = [T.sum(T.exp(x * (0.25 + k / 8))) for k, x in enumerate(xs)]
    return xs, [sum(sums, T.constant(0.0)), T.stack(sums)], [(6 + k,) for k in range(count)]


def sorted_rows(count):
    """Rows of temporaries in loops, and reductions into arrays."""
    xs = [T.dmatrix(f"x{k}") for k in range(count)]
    outs = [T.softmax(x, 1).sum(0) for x in xs]
    return xs, outs, [(4, 3 + k) for k in range(count)]


def scans(count):
    """Loops with states, one after the other, whose pointers take turns."""
    x = T.dmatrix("x")
    y = x
    for _ in range(count):
        y = gradcore.scan(lambda e, s: T.tanh(e + s), y, T.zeros_like(y[0]))[0]
    return [x], [y, gradcore.grad(y.sum(), x)], [(5, 3)]


CASES = {
    "layers": layers(4),
    "layers of known extents": layers(3, [64, 65, 66, 67]),
    "unrolled": unrolled(6),
    "entries": entries(4),
    "rows": sorted_rows(3),
    "scans": scans(3),
}


def lowered(inputs, outputs):
    """Return the program of a graph, before and after what repeats is merged."""
    graph = gradcore.function(inputs, outputs, mode="numpy").maker.fgraph
    before = passed(program(graph), SEPARATELY, CPU)
    return before, merged(before, CPU)


def arrays(shapes):
    draw = np.random.default_rng(0)
    return [draw.normal(size=shape) for shape in shapes]


def calls(found):
    return [s for s in found.body if isinstance(s, Invoke)]


# what is merged ---------------------------------------------------------------------------------
@pytest.mark.parametrize("case", CASES)
def test_the_interpreter_sees_no_difference(case):
    inputs, outputs, shapes = CASES[case]
    before, after = lowered(inputs, outputs)
    made = {s.procedure for s in calls(after)}
    assert made and len(made) < len(calls(after))
    given = arrays(shapes)
    for a, b in zip(interpret(before)(*given), interpret(after)(*given), strict=True):
        np.testing.assert_array_equal(a, b)


@HERE
@pytest.mark.parametrize("threads", (1, 3))
@pytest.mark.parametrize("case", CASES)
def test_c_computes_the_same_bits(case, threads, separate):
    inputs, outputs, shapes = CASES[case]
    once = gradcore.function(inputs, outputs, mode=gradcore.Mode("c", threads=threads))
    often = gradcore.function(inputs, outputs, mode=separate)
    assert "compute_" in once.source and "compute_" not in often.source
    given = arrays(shapes)
    for a, b in zip(once(*given), often(*given), strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_differs_is_not_merged():
    """Another op, dtype, length of a short loop or stride is another loop."""
    x, y = T.dvectors("x", "y")
    z = T.fvector("z")
    short = [T.tensor(f"s{n}", "float64", (n,)) for n in (3, 4)]
    for inputs, outputs in (
        ([x, y], [T.sum(T.exp(x)), T.sum(T.cos(y))]),
        ([x, z], [T.sum(T.exp(x)), T.sum(T.exp(z))]),
        (short, [T.sum(T.exp(s)) for s in short]),
        ([x, y], [T.sum(T.exp(x[::2])), T.sum(T.exp(y[::3]))]),
    ):
        assert not calls(lowered(inputs, outputs)[1])


def test_operands_that_are_one_stay_one():
    """f(x, x) and f(x, y) are two functions: of the second, the compiler knows that they differ."""
    x, y = T.dvectors("x", "y")
    twice = [T.sum(T.exp(a) * T.cos(b)) for a, b in ((x, x), (x, y))]
    assert not calls(lowered([x, y], twice)[1])


def test_procedures_know_their_parameters_alone():
    for inputs, outputs, _ in CASES.values():
        _, after = lowered(inputs, outputs)
        for call in calls(after):
            known = set(call.procedure.parameters)
            for s in inside(call.procedure.body):
                known.update(s.declares())
            for s in inside(call.procedure.body):
                assert {b.root for b in s.buffers()} <= known


def test_wrong_calls_are_caught():
    before, after = lowered(*CASES["entries"][:2])
    k, call = next((k, s) for k, s in enumerate(after.body) if isinstance(s, Invoke))
    lost = Invoke(call.procedure, (*call.operands[:-1],))
    body = [*after.body[:k], lost, *after.body[k + 1 :]]
    wrong = Program(**{**vars(after), "body": body})
    with pytest.raises(ValueError, match="zip"):
        interpret(wrong)(*arrays(CASES["entries"][2]))
    assert "call compute_" in str(after) and "call" not in str(before)


# growth -----------------------------------------------------------------------------------------
@HERE
@pytest.mark.parametrize("build", (layers, unrolled, entries))
def test_text_grows_by_calls(build):
    """Of k equal parts, text has the loops of a few, and k calls."""
    texts, loops = [], []
    for count in (8, 16, 32):
        inputs, outputs, _ = build(count)
        graph = gradcore.function(inputs, outputs, mode="numpy").maker.fgraph
        texts.append([len(kind().render(program(graph)).text) for kind in (CRenderer, separately)])
        loops.append(CRenderer().render(program(graph)).text.count("#pragma omp simd"))
    assert loops[0] + 4 >= loops[1] == loops[2]  # the last of a few parts fuse otherwise
    once, often = (texts[2][k] - texts[1][k] for k in range(2))
    assert once < 0.6 * often


# units ------------------------------------------------------------------------------------------
@HERE
def test_units_compute_the_same_bits(monkeypatch):
    """A text in several units, compiled side by side, is the same library."""
    inputs, outputs, shapes = layers(3)
    given = arrays(shapes)
    whole = gradcore.function(inputs, outputs, mode="c")(*given)
    original, salt, made = compiler.digest, os.urandom(8).hex(), []
    monkeypatch.setattr(compiler, "digest", lambda *parts: original(salt, *parts))
    monkeypatch.setattr(units, "UNIT_MS", 1.0)
    monkeypatch.setattr(backend, "processors", lambda: 3)
    run = compiler.Compiler.run_divided

    def spied(self, texts, *others):
        made.append((len(texts), run(self, texts, *others)))
        return made[-1][1]

    monkeypatch.setattr(compiler.Compiler, "run_divided", spied)
    divided = gradcore.function(inputs, outputs, mode="c")(*given)
    assert made == [(3, True)]
    for a, b in zip(whole, divided, strict=True):
        np.testing.assert_array_equal(a, b)


def test_units_have_all_functions():
    inputs, outputs, _ = layers(8)
    graph = gradcore.function(inputs, outputs, mode="numpy").maker.fgraph
    rendered = CRenderer().render(program(graph))
    texts = units.divided(rendered, 3)
    assert len(texts) == 3 and units.divided(rendered, 1) == [rendered.text]
    for routine in rendered.routines:
        assert sum(routine.text(storage="") in text for text in texts) == 1


@given(graphs())
def test_copies_of_random_graphs(graph):
    """A graph and its copy, on other inputs, compute the same bits as without procedures."""
    inputs, values, expression = graph
    others = [v.type(f"other_{v.name}") for v in inputs]
    copied = gradcore.clone(expression, dict(zip(inputs, others, strict=True)))
    f = compiled([*inputs, *others], [expression, copied], "numpy")
    before = passed(program(f.maker.fgraph), SEPARATELY, CPU)
    found = [interpret(p)(*values, *values) for p in (before, merged(before, CPU))]
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)
