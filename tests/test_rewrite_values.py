"""Every rule changes what it declares that it may, and no more, at the extremes of every dtype.

The judge (``rewrite_judge``) is the graph as written, on the reference.
"""

import dataclasses
import importlib

import numpy as np
import pytest
from rewrite_judge import IDS, RULES, computed, departures, departures_of, instances

import gradcore
import gradcore.tensor as T
from gradcore.graph import FunctionGraph, substitute
from gradcore.ops.reduce import Reduce
from gradcore.rewrite import EXACT, STAGES, Changes, Pass, Stage
from gradcore.rewrite.branches import enclose_branches
from gradcore.rewrite.canonical import canonicalize
from gradcore.rewrite.loops import examples, push_out
from gradcore.rewrite.signs import never_negative


@pytest.fixture(autouse=True)
def _quiet():
    """Numbers overflow here, and are no numbers."""
    with np.errstate(all="ignore"):
        yield


@pytest.mark.parametrize(("stage", "rule"), RULES, ids=IDS)
def test_every_rule_keeps_what_it_does_not_declare(stage, rule):
    """On integers every bit; on floats what the declaration says, if it runs by itself."""
    found = list(departures(rule, stage, judged(rule)))
    assert not found, "\n".join(found)


def judged(rule):
    """Return which examples are judged: of integers, if floats are changed by choice, else all."""
    return (lambda discrete: discrete) if rule.changes.by_choice else None


BY_CHOICE = [(stage, rule) for stage, rule in RULES if rule.changes.by_choice]


@pytest.mark.parametrize(
    ("stage", "rule"), BY_CHOICE, ids=[f"{stage.name}-{rule.name}" for stage, rule in BY_CHOICE]
)
def test_what_is_by_choice_has_to_be(stage, rule):
    """Declared to change nothing, it is found out: it does not wait for the choice in vain."""
    strict = dataclasses.replace(rule, changes=Changes(rounding=4, nonfinite=True))
    rules = [strict if each is rule else each for each in stage.rules]
    assert list(departures(strict, Stage(stage.name, rules)))


def passes(stages):
    """Yield the passes among stages and groups of stages."""
    for stage in stages:
        if isinstance(stage, Pass):
            yield stage
        yield from passes(getattr(stage, "stages", ()))


PASSES = [*dict.fromkeys(passes(STAGES)), enclose_branches]


@pytest.mark.parametrize("each", PASSES, ids=repr)
def test_every_pass_keeps_what_it_does_not_declare(each):
    assert each.examples
    for example in each.examples:
        x = T.dmatrix("x")
        graph, trace = canonicalize.run(FunctionGraph((x,), (example(x),)), []), []
        each.run(graph, trace, each.changes.by_choice)
        assert [firing.rule for firing in trace] == [each.name]
    found = list(departures(each, each, judged(each)))
    assert not found, "\n".join(found)


def test_passes_and_rules_of_plugins_declare_too():
    for stage, rule in RULES:
        assert isinstance(rule.changes, Changes), (stage, rule.name)
    for stage in STAGES:
        for part in getattr(stage, "stages", ()):
            assert isinstance(getattr(part, "changes", EXACT), Changes)


# declarations that are too weak -----------------------------------------------------------------
ROUNDS = Changes(rounding=4, more_exact=True, nonfinite=True)
MUTANTS = {
    "cancels": (lambda x, y: (x + y) - x, lambda x, y: y, Changes(rounding=4)),
    "divides": (lambda x, y: (x * y) / y, lambda x, y: x, Changes(rounding=4, nonfinite=True)),
    "underflows": (lambda x, y: x * (1e-3 * y), lambda x, y: 1e-3 * (x * y), ROUNDS),
    "overflows": (lambda x, y: x / (4.0 * y), lambda x, y: 0.25 * (x / y), ROUNDS),
    "loses -0": (lambda x: x + 0, lambda x: x, EXACT),
    "makes -0": (lambda x: 0 - x, lambda x: -x, EXACT),
    "loses NaN": (lambda x: x - x, lambda x: x * 0, EXACT),
    "rounds": (lambda x: x / 3.0, lambda x: x * (1 / 3), EXACT),
    "rounds more": (lambda x: x**7, lambda x: T.exp(7 * T.log(abs(x))) * T.sgn(x), ROUNDS),
    "less exact": (lambda x: T.log1p(x), lambda x: T.log(1 + x), ROUNDS),
    "wraps": (lambda x: abs(x), lambda x: T.sqrt(T.sqr(x)), EXACT),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_declaration_that_is_too_weak_is_found_out(name):
    left, right, changes = MUTANTS[name]
    stage = Stage("mutant")

    @stage.rule(left, changes=changes)
    def mutant(*operands):
        """left = right"""
        return right(*operands)

    assert list(departures(stage.rules[0], stage))


@pytest.mark.parametrize("axis", [None, 0])
def test_a_sum_that_overflows_where_it_did_not_is_found_out(axis):
    stage = Stage("mutant")

    @stage.rule(op=Reduce, examples=[lambda x: T.sum(x / 20, axis)], changes=ROUNDS)
    def mutant(node):
        """sum(x / 20) = sum(x) / 20"""
        made = node.inputs[0].owner
        return T.true_div(node.op(made.inputs[0]), 20) if made is not None else None

    assert list(departures(stage.rules[0], stage))


OF_TERMS = Changes(rounding=64, of="terms", more_exact=True)
SUMS = {
    "leaves terms out": (lambda x: T.sum(x, 0), lambda x: T.sum(x[:-1], 0)),
    "adds to the terms": (lambda x: T.sum(x, 0), lambda x: T.sum(x * 1.001, 0)),
    "overflows": (lambda x: T.sum(x / 20, 0), lambda x: T.sum(x, 0) / 20),
    "loses NaN": (lambda x: T.sum(x - x, 0), lambda x: T.sum(T.zeros_like(x), 0)),
    "rounds the terms": (lambda x: T.sum(x, 0), lambda x: T.sum(x.astype("float16"), 0)),
    "cancels": (lambda x: T.log(T.exp(x).sum(0)), lambda x: T.log(T.exp(x).sum(0)) + 1e9 - 1e9),
    "overflows in a logarithm": (lambda x: T.logsumexp(x, 0), lambda x: T.log(T.exp(x).sum(0))),
    "makes -0": (lambda x: T.sum(x - x, 0), lambda x: -T.sum(x - x, 0)),
}


@pytest.mark.parametrize("name", SUMS)
def test_what_changes_more_than_the_rounding_of_terms_is_found_out(name):
    written, mutant = SUMS[name]
    found = []
    for where, variables, values, expression in instances(written, OF_TERMS):
        if expression.type.is_float:
            after = computed(variables, mutant(*variables).astype(expression.dtype), values)
            found += departures_of(OF_TERMS, where, variables, expression, values, after)
    assert found


def _from_below(x):
    """Return what a loop adds to nearly the least number; that alone would overflow."""
    total, _ = gradcore.scan(lambda row, s: s + 0.75 * abs(row), T.concatenate([x, x]), 0.9 * x[-1])
    return total[-1]


def test_a_sum_that_leaves_its_loop_and_overflows_is_found_out(monkeypatch):
    (rule,) = [rule for rule in push_out.rules if rule.name == "push_out_sums"]
    rule = dataclasses.replace(rule, examples=(_from_below,))
    assert not list(departures(rule, push_out))
    module = importlib.import_module("gradcore.rewrite.loops.push_out")
    monkeypatch.setattr(module, "_only_grows", lambda state, term: never_negative(term))
    assert list(departures(rule, push_out))


def test_a_pass_that_changes_values_is_found_out():
    def rewrite(graph):
        replaced = {n.out: 0 - n.inputs[0] for n in graph.nodes if n.op is T.neg}
        return FunctionGraph(graph.inputs, tuple(substitute(graph.outputs, replaced)))

    mutant = Pass("mutant", rewrite, examples=(lambda x: -x,))
    assert list(departures(mutant, mutant))


def test_a_rule_that_ignores_that_a_narrow_integer_wraps_is_found_out():
    stage = Stage("mutant")

    @stage.rule(op=T.add, examples=[lambda x, y: x + (-y)])
    def mutant(node):
        """x + (-y) = x - y"""
        x, y = node.inputs
        return x - y.owner.inputs[0] if y.owner is not None and y.owner.op is T.neg else None

    assert any("uint8" in line for line in departures(stage.rules[0], stage))


# what users count on, on every backend ----------------------------------------------------------
PRESERVED = {
    "constants underflow": (["float64"], lambda x: 1e-200 * (1e-200 * x), [1e300], [1e-100]),
    "products underflow": (["float64"], lambda x: (1e-200 * x) ** 2 * 1e-100, [1e300], [1e100]),
    "constants overflow": (
        ["float32"],
        lambda x: np.float32(1e30) * (np.float32(1e30) * x),
        [1e-30],
        [1e30],
    ),
    "quotients": (
        ["float64", "float64"],
        lambda x, y: (1e-200 * x) / (1e200 * y),
        [1e300, 1e-250],
        [1e150],
    ),
    "a sum of parts": (["float64"], lambda x: (x / 4).sum(), [[1.5e308] * 3], 1.125e308),
    "two sums": (["float64"], lambda x: x.sum(1).sum(), [[[1e308, -1e308], [1e308, -1e308]]], 0.0),
    "cancellation": (["float64"], lambda x: (x + 2.0**52) - 2.0**52, [[1.25]], [1.0]),
    "x + 0 is no -0": (["float64"], lambda x: 1 / (x + 0.0), [[-0.0]], [np.inf]),
    "0 - x is no -0": (["float64"], lambda x: 1 / (0.0 - x), [[0.0]], [np.inf]),
    "x * 0 is -0": (["float64"], lambda x: 1 / (x * 0.0), [[-1.0]], [-np.inf]),
    "-(x - x) is -0": (["float64"], lambda x: 1 / -(x - T.sqr(x)), [[1.0]], [-np.inf]),
    "a sum is no -0": (["float64"], lambda x: 1 / (-x).sum(), [[0.0, 0.0]], np.inf),
    "-u in uint8": (["uint8", "int32"], lambda u, y: y + (-u), [[4], [3]], [255]),
    "-b in int8": (["int8", "int32"], lambda b, y: y - (-b), [[-128], [3]], [131]),
    "-u + w": (["uint8", "uint16"], lambda u, w: -u + w, [[4], [3]], [255]),
    "|-u|": (["uint8"], lambda u: abs(-u), [[4]], [252]),
    "sqr in int8": (["int8"], lambda b: T.sqrt(T.sqr(b)), [[12]], [np.nan]),
    "int64 by float64": (
        ["int64"],
        lambda i: i.astype("float64").astype("int64"),
        [[2**53 + 1]],
        [2**53],
    ),
    "1 / 2**-1074": (["float64"], lambda x: x / 5e-324, [[0.0]], [0.0]),
    "a power that overflows": (["float64"], lambda x: x**-3, [[1e103]], [1e-309]),
    "(-0) ** -0.5": (["float64"], lambda x: x**-0.5, [[-0.0]], [np.inf]),
    "a sum in a loop": (
        ["float64"],
        lambda x: gradcore.scan(lambda v, s: s + abs(v), x, T.constant(-1.7e308))[0][-1],
        [[1e308, 1e308, 1e308]],
        1.3e308,
    ),
    "times an extent": (
        ["float16"],
        lambda x: T.fill(T.zeros_like(x), x[0]).sum(),
        [np.full(70000, 1e-3, "float16")],
        70.0,
    ),
}
EVERYWHERE = [
    gradcore.Mode("numpy", optimizer=False),
    gradcore.Mode("numpy"),
    gradcore.Mode("c"),
    gradcore.Mode("cuda", runtime="host"),
]


@pytest.mark.parametrize("mode", EVERYWHERE, ids=["plain", "numpy", "c", "cuda"])
@pytest.mark.parametrize("name", PRESERVED)
def test_values_that_users_count_on(name, mode):
    dtypes, build, values, right = PRESERVED[name]
    arrays = [np.atleast_1d(np.asarray(v, d)) for v, d in zip(values, dtypes, strict=True)]
    variables = [T.tensor("x", d, (None,) * a.ndim) for d, a in zip(dtypes, arrays, strict=True)]
    found = gradcore.function(variables, build(*variables), mode=mode)(*arrays)
    np.testing.assert_allclose(found, right, 1e-2 if "float16" in dtypes else 1e-6)


def _kahan(terms):
    def step(v, total, lost):
        y = v - lost
        new = total + y
        return [new, (new - total) - y]

    (total, _), _ = gradcore.scan(step, terms, [T.constant(0.0), T.constant(0.0)])
    return total[-1]


def test_compensated_sums_are_retained(everywhere):
    terms = T.dvector("terms")
    found = gradcore.function([terms], _kahan(terms), mode=everywhere)(np.r_[1.0, [1e-16] * 1000])
    assert abs(found - (1 + 1e-13)) < 3e-16


def test_what_a_loop_of_the_users_adds_up_is_added_up_in_its_order():
    """In another order it overflows; what a derivative adds up over the steps leaves the loop."""
    terms = T.dvector("terms")
    total, _ = gradcore.scan(lambda v, s: s + v, terms, T.constant(0.0))
    values = np.array([1e308, -1e308] * 32)
    for mode in EVERYWHERE:
        assert gradcore.function([terms], total[-1], mode=mode)(values) == 0
    x = T.dmatrix("x")
    f = gradcore.function([x], examples.scaled_gradient(x))
    assert "push_out_sums" in {firing.rule for firing in f.maker.trace}
