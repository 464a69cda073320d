"""The fuzzer: graphs are what their seed says, and what differs is found."""

from collections import Counter

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.conformance.fuzz import __main__ as command
from gradcore.conformance.fuzz import judge, limits
from gradcore.conformance.fuzz.builders import ops
from gradcore.conformance.fuzz.draw import HOSTILE
from gradcore.conformance.fuzz.graphs import Derivatives, Graph, graph
from gradcore.conformance.fuzz.known import cannot_raise
from gradcore.conformance.fuzz.rounding import run, spreads
from gradcore.dtypes import DTYPES
from gradcore.errors import ArraySizeError
from gradcore.graph import Constant, FunctionGraph, ancestors
from gradcore.rewrite.changes import EXACT, Changes

PLAIN = gradcore.Mode("numpy", optimizer=False)


def test_a_seed_is_a_graph():
    for seed in range(20):
        a, b = graph(seed), graph(seed)
        assert list(map(gradcore.pp, a.outputs)) == list(map(gradcore.pp, b.outputs))
        for x, y in zip(a.values, b.values, strict=True):
            np.testing.assert_array_equal(x, y)


def test_graphs_reach_what_is_declared():
    """Every row, class of ops, dtype and rank to 4; errors; derivatives; hostile numbers."""
    drawn = [graph(seed) for seed in range(700)]
    found = {v for g in drawn for v in ancestors(g.outputs)}
    used = Counter(v.owner.op.label() for v in found if v.owner is not None)
    rows, op_classes = ops()
    assert not [op.label() for op in rows if not used[op.label()]]
    classes = {type(v.owner.op) for v in found if v.owner is not None}
    assert not set(op_classes) - classes
    assert {v.ndim for v in found} >= {0, 1, 2, 3, 4}
    assert len({v.dtype for v in found}) == len(DTYPES)
    assert sum(g.fails for g in drawn) > 10
    numbers = {int(n) for g in drawn for a in g.values if a.dtype.kind in "iu" for n in a.flat}
    numbers |= {
        int(n)
        for v in found
        if isinstance(v, Constant) and v.data.dtype.kind in "iu"
        for n in v.data.flat
    }
    assert len(numbers.intersection(HOSTILE)) > len(HOSTILE) / 4
    assert sum(g.derivatives is not None for g in drawn) > 300


def test_the_spread_is_what_rounding_makes():
    x, y = T.dscalars("x", "y")
    close = FunctionGraph((x, y), ((x + y) - x, x + y, T.floor(x), x > y))
    cancelled, summed, whole, less = spreads(close, [np.float64(1e10), np.float64(1)], 0).outputs
    assert cancelled.value == 1 and 1e-6 < cancelled.tolerance < 1e-3
    assert summed.tolerance < 1e-3
    assert whole.tolerance < 1e-3 and less.settled
    (large,) = spreads(FunctionGraph((x,), (1 / x,)), [np.float64(0)], 0).outputs
    assert np.isinf(large.value) and large.settled
    (edge,) = spreads(FunctionGraph((x,), (x * 3 > 3,)), [np.float64(1)], 0).outputs
    assert not edge.settled


def test_what_may_be_equal_is_not_settled():
    x, y = T.dscalars("x", "y")
    compared = tuple(
        f(a, b) for f in (T.eq, T.neq) for a, b in ((x, T.log(T.exp(x))), (x, y * 1.5))
    )
    compared += (T.eq(x, y), T.neq(x, y), T.eq(x > y, x > 0))
    values = [np.float64(-0.0279384575328287), np.float64(-0.02)]
    settled = [s.settled for s in spreads(FunctionGraph((x, y), compared), values, 0).outputs]
    assert settled == [False, True, False, True, True, True, True]


def test_factors_of_matrices_are_moved_by_their_largest_elements():
    """As the declaration ``by_norm`` says: small elements have no digits of their own."""
    x = T.fmatrix("x")
    rotation = np.array([[1, 1e-4], [-1e-4, 1]], "f") * [[3], [2]]
    found = spreads(FunctionGraph((x,), tuple(T.linalg.svd(x))), [rotation.astype("f")], 0).outputs
    for vectors in (found[0], found[2]):
        small = abs(vectors.value) < 1e-2
        assert small.any() and (vectors.tolerance[small] > 2e-7).all()
    assert (found[1].tolerance < 1e-3).all()


def test_what_is_exact_is_not_moved():
    """Else no operand equals the maximum, and what a derivative in float32 may be is not seen."""
    x, y = T.fvectors("x", "y")
    slope = T.grad(T.sum(T.maximum(T.sigmoid(x), T.tanh(y))), x)
    values = [np.array([30, 0.5], "f"), np.array([-1, 0], "f")]
    (found,) = spreads(FunctionGraph((x, y), (slope,)), values, 0).outputs
    assert found.value[0] == 0 and 1e-13 < found.tolerance[0] < 1e-4
    assert found.value[1] > 0.2 and found.tolerance[1] < 1e-4


def test_what_is_computed_twice_is_rounded_alike():
    x = T.dvector("x")
    twice = FunctionGraph((x,), (T.eq(T.exp(x) * 2, T.exp(x) * 2), T.exp(x) - T.exp(x)))
    equal, nothing = spreads(twice, [np.array([0.3, 0.7])], 0).outputs
    assert equal.value.all() and equal.settled.all()
    assert nothing.tolerance.max() < 1e-300


@pytest.mark.parametrize("in_a_loop", [False, True])
def test_both_sides_of_a_jump_are_right(in_a_loop):
    """A remainder of rounded numbers is next to 0 or next to the divisor; nothing else will do."""
    x, y = T.dvectors("x", "y")
    part = T.exp(T.log(x)) % y
    if in_a_loop:
        part, _ = gradcore.scan(lambda a, b: T.exp(T.log(a)) % b, [x, y])
    values = [np.array([3.0]), np.array([1.5])]
    for seed in range(64):
        j = judge.judged(Graph(seed, [x, y], values, [part], None, fails=False))
        for side in (0.0, np.nextafter(1.5, 0)):
            assert not list(judge._differences(j, PLAIN, judge.Ran([np.array([side])], [])))
    (clear,) = spreads(j.closed, [np.array([3.2]), np.array([1.5])], 0).outputs
    assert judge.complaint(clear, np.array([1.4]), "float64")


def test_accumulators_may_be_wide():
    x = T.fvector("x")
    (spread,) = spreads(
        FunctionGraph((x,), (x.sum(),)), [np.float32([3e38, 3e38, -3e38])], 0
    ).outputs
    assert np.isinf(spread.value) and not spread.settled


@pytest.mark.parametrize(
    ("terms", "settled"),
    [
        ([1e308, -np.inf, 1e308], False),
        ([1e307, -np.inf, 1e308], True),
        ([1e308, -1e308, 1e308], False),
        ([1e308, 1e308, -1e308, -1e308], False),
    ],
)
def test_the_order_of_additions_may_be_another(terms, settled):
    x = T.dvector("x")
    (spread,) = spreads(FunctionGraph((x,), (x.sum(),)), [np.array(terms)], 0).outputs
    assert spread.settled == settled


@pytest.mark.parametrize(
    ("factors", "settled"),
    [
        ([-1.1, 1e-308, 1.7e308], False),
        ([-1.1, 1e-300, 1e308], True),
        ([0.1, 1e-300, 1e300], True),
        ([0.1, 3e-308, 1e300], False),
        ([0.0, 1e-300, 1e300], True),
        ([1e308, 10.0], True),
    ],
)
def test_the_order_of_multiplications_may_be_another(factors, settled):
    x = T.dvector("x")
    (spread,) = spreads(FunctionGraph((x,), (x.prod(),)), [np.array(factors)], 0).outputs
    assert spread.settled == settled


def test_runs_in_loops_are_moved_too():
    x = T.dvector("x")
    out, _ = gradcore.scan(lambda e, s: T.sin(s * 40 + e), x, T.constant(0.0))
    (spread,) = spreads(FunctionGraph((x,), (out,)), [np.arange(9.0)], 0).outputs
    assert spread.tolerance[0] < 1e-12 < spread.tolerance[-1]


@pytest.mark.parametrize(
    ("graph_of", "found", "complaint"),
    [
        (lambda x: x * 2, lambda x: x * 2 + 1e-9, "is np.float64"),
        (lambda x: x * 2, lambda x: (x * 2).astype("float32"), "is float32, not float64"),
        (lambda x: x * 2, lambda x: x[:1], "has shape"),
        (lambda x: x > 0, lambda x: x > -9, "is np.True_"),
        (lambda x: T.log(x), lambda x: np.zeros_like(x), "not np.float64(nan)"),
        (lambda x: x * 2, lambda x: x * 2, None),
    ],
)
def test_what_differs_is_reported(graph_of, found, complaint):
    x = T.dvector("x")
    value = np.array([-1.0, 1.0, 3.0])
    y = graph_of(x)
    (spread,) = spreads(FunctionGraph((x,), (y,)), [value], 0).outputs
    reported = judge.complaint(spread, found(value), y.dtype)
    assert reported is None if complaint is None else complaint in reported


def test_errors_are_reported_separate(monkeypatch):
    x, i = T.dvector("x"), T.lscalar("i")
    g = Graph(0, [x, i], [np.ones(2), np.int64(5)], [x[i]], None, fails=True)
    j = judge.judged(g)
    assert j.errors == {IndexError} and not list(judge.disagreements([j], PLAIN))
    returned = judge.Ran([np.ones(())], [])
    for outcome, reported in ((ValueError("no"), "not IndexError"), (returned, "does not raise")):
        monkeypatch.setattr(judge, "_ran", lambda batch, mode, found=outcome: found)
        (found,) = judge.disagreements([j], PLAIN)
        assert reported in found.what


def test_rules_may_change_what_they_declare(monkeypatch):
    x = T.dvector("x")
    for value, changes, reported in (
        ([1.0, 2.0], Changes(nonfinite=True), True),
        ([1.0, np.inf], EXACT, True),
        ([1.0, np.inf], Changes(nonfinite=True), False),
    ):
        j = judge.judged(Graph(0, [x], [np.array(value)], [x * 2], None, fails=False))
        returned = judge.Ran([np.zeros(2)], [changes])
        monkeypatch.setattr(judge, "_ran", lambda batch, mode, found=returned: found)
        assert bool(list(judge.disagreements([j], PLAIN))) is reported


def test_wrong_derivatives_are_reported():
    x = T.dscalar("x")
    one, y = np.float64(1), T.sin(x)
    right, wrong = T.cos(x), T.cos(x) * 1.01
    for gradient, tangent, reported in (
        (right, right, []),
        (wrong, right, ["derivatives"]),
        (wrong, wrong, ["derivative of first order"]),
    ):
        d = Derivatives(0, [x], [one], range(1, 2), 2, range(3, 3))
        g = Graph(0, [x], [np.float64(0.3)], [y, gradient, tangent], d, fails=False)
        found = judge.derivative_complaints(judge.judged(g))
        assert [f.where for f in found] == reported


def test_differences_are_not_asked_where_they_tell_nothing():
    """A step that is lost in rounding, and jumps so close together that they look smooth."""
    x = T.dscalar("x")
    for value, y, slope in (
        (1e300, T.sin(x), T.cos(x)),
        (1.0, T.ceil(x * 1e30), x * 0),
        (1.0, T.floor(x * 1e12) * 1e-12, x * 0),
    ):
        d = Derivatives(0, [x], [np.float64(1)], range(1, 2), 2, range(3, 3))
        g = Graph(0, [x], [np.float64(value)], [y, slope, slope], d, fails=False)
        assert not list(judge.derivative_complaints(judge.judged(g)))


def test_what_is_not_taken_need_not_run():
    x = T.dvector("x")
    y = T.ifelse(x.sum() > 0, x, x[5:6] + x[[7]])
    for mode in (PLAIN, gradcore.Mode("numpy")):
        j = judge.judged(Graph(0, [x], [np.ones(2)], [y], None, fails=False))
        assert not j.errors and not list(judge.disagreements([j], mode))


@pytest.mark.parametrize(
    ("claim", "true", "false"),
    [
        ("symmetric", [[1, np.nan], [np.nan, 2]], [[1, 2], [3, 4]]),
        ("diagonal", [[1, 0], [0, np.nan]], [[1, np.nan], [0, 1]]),
        ("lower_triangular", [[0, 0], [5, 1]], [[1, 1], [0, 1]]),
        ("upper_triangular", [[0, 5], [0, 1]], [[1, 0], [1, 1]]),
        ("positive_definite", [[2, 1j], [-1j, 2]], [[2, 1j], [1j, 2]]),
        ("positive_definite", [[2, 1], [1, 2]], [[1, 1], [1, 1]]),
        ("positive_definite", [[2, 1], [1, 2]], [[np.nan, 0], [0, 1]]),
    ],
)
def test_of_false_claims_nothing_is_required(claim, true, false):
    X = T.zmatrix("X")
    y = T.assume(X, claim) + 1
    for value, holds in ((true, True), (false, False)):
        drawn = Graph(0, [X], [np.array(value, complex)], [y], None, fails=False)
        assert (judge.judged(drawn) is not None) == holds


def test_memory_may_be_lacking_before_extents_are_known():
    x, n = T.bvector("x"), T.lscalar("n")
    for size, large in ((2**31, True), (2, False)):
        y = T.alloc(x, size, n)
        j = judge.judged(Graph(0, [x, n], [np.ones(3, "int8"), np.array(2)], [y], None, fails=True))
        assert j.errors == {ValueError}
        assert bool(list(judge._differences(j, PLAIN, MemoryError("none left")))) != large


def test_an_assertion_about_nan_may_change():
    """A rule that makes 0 of ``y - y`` declares so; without a rule, the assertion is checked."""
    x = T.dvector("x")
    zero = T.sqrt(x) - T.sqrt(x)
    y = T.assert_op(zero, T.all(T.eq(zero, zero)))
    j = judge.judged(Graph(0, [x], [np.array([-1.0])], [y], None, fails=False))
    assert j.errors == {AssertionError}
    assert not list(judge.disagreements([j], gradcore.Mode("numpy")))
    assert list(judge._differences(j, PLAIN, judge.Ran([np.zeros(1)], [])))


def test_graphs_that_are_compiled_together_do_not_excuse_one_another(monkeypatch):
    x, y = T.dvectors("x", "y")
    two = [
        judge.judged(Graph(k, [v], [np.array([np.inf])], [v * 2], None, fails=False))
        for k, v in enumerate((x, y))
    ]

    def ran(batch, mode):
        if len(batch) == 2:
            return judge.Ran([np.zeros(1), np.zeros(1)], [Changes(nonfinite=True)])
        return judge.Ran([np.zeros(1)], [EXACT if batch[0].graph.seed else Changes(nonfinite=True)])

    monkeypatch.setattr(judge, "_ran", ran)
    assert [d.seed for d in judge.disagreements(two, PLAIN)] == [1]


def test_sizes_that_no_memory_has_are_reported_from_those_that_this_one_lacks():
    """An array of 2**62 floats is an error; what needs none of 2**31 may do without it."""
    x, n = T.dscalar("x"), T.lscalar("n")
    for value, reported in ((2**62, True), (2**31 + 1, False)):
        g = Graph(0, [x, n], [np.float64(1), np.int64(value)], [T.arange(n) + x], None, fails=True)
        j = judge.judged(g)
        assert (ArraySizeError if reported else MemoryError) in j.errors
        assert not list(judge.disagreements([j], PLAIN))
        returned = judge._compared(j, PLAIN, judge.Ran([np.ones(3)], []))
        assert bool(returned) is reported


def test_an_error_that_is_no_refusal_is_reported(monkeypatch):
    def drawn(seed):
        return graph(seed) if seed else {}["no such key"]

    monkeypatch.setattr(judge, "graph", drawn)
    found, counts = judge.checked([0, 1], [PLAIN])
    assert [(d.seed, "KeyError" in d.what) for d in found] == [(0, True)]
    assert counts["graphs"] == 2


def test_what_takes_too_long_is_stopped(monkeypatch):
    monkeypatch.setattr(limits, "SECONDS", 1)
    with pytest.raises(limits.TimedOutError), limits.timed():
        while True:
            pass


class Flushing:
    """A plugin that declares what its backend fails."""

    @gradcore.plugins.hookimpl
    def gradcore_known_failures(self, backend):
        """Return what `numpy` is made to fail here."""
        flush = gradcore.plugins.KnownFailure("mul", "value", "flushes", "float64-subnormal")
        index = gradcore.plugins.KnownFailure("subtensor*", "error", "cannot raise")
        return [flush, index] if backend == "numpy" else []


def test_what_a_backend_declares_to_fail_is_no_disagreement():
    x, at = T.dvector("x"), T.lvector("at")
    small, one = np.array([1e-310]), np.array([1.0])
    graphs = {
        "subnormal": Graph(0, [x], [small], [x * 2], None, fails=False),
        "normal": Graph(0, [x], [one], [x * 2], None, fails=False),
        "another op": Graph(0, [x], [small], [x + x], None, fails=False),
        "index": Graph(0, [x, at], [one, np.array([5])], [x[at]], None, fails=True),
        "shape": Graph(0, [x, at], [one, np.array([5, 5])], [x + at], None, fails=True),
    }
    judged = {name: judge.judged(g) for name, g in graphs.items()}
    zeros = {name: judge.Ran([np.zeros(1)], []) for name in judged}

    def reported():
        return {name for name, j in judged.items() if judge._compared(j, PLAIN, zeros[name])}

    assert reported() == set(judged)
    gradcore.plugins.register(Flushing(), "flushing")
    try:
        assert reported() == {"normal", "another op", "shape"}
        assert cannot_raise("numpy") and not cannot_raise("c")
    finally:
        gradcore.plugins.unregister("flushing")


def test_a_graph_that_crashes_the_process_is_found(monkeypatch):
    monkeypatch.setattr(command, "checked", _crashing)
    found, counts = command.guarded(range(5), [PLAIN])
    assert [(d.seed, d.what) for d in found] == [(3, "crashes the process")]
    assert counts["graphs"] == 5


def _crashing(seeds, modes):
    if 3 in seeds:
        raise command.BrokenProcessPool
    return [], Counter(graphs=len(seeds))


def test_the_reference_runs_what_is_drawn():
    for seed in range(40):
        g = graph(seed)
        closed = FunctionGraph(tuple(g.inputs), tuple(g.outputs))
        if not g.fails:
            results = run(closed, g.values)
            assert [r.dtype.name for r in results] == [v.dtype for v in g.outputs]
