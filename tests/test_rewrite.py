"""Rewriting: every rule because it exists, the driver, the stages."""

import inspect
import itertools
import pickle

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.errors import GradcoreError, ModeError, RewriteError
from gradcore.graph import Constant, FunctionGraph, TensorType, Variable, free_inputs
from gradcore.ops.scan import Scan
from gradcore.rewrite import STAGES, Group, Pass, Rule, Stage, loop_stages
from gradcore.rewrite.canonical import canonicalize
from gradcore.rewrite.engine import normalized
from gradcore.rewrite.loops import push_out
from gradcore.rewrite.pattern import Application, matches, pattern_of
from gradcore.rewrite.requirements import not_required
from gradcore.rewrite.specialize import specialize
from gradcore.rewrite.stabilize import stabilize

PLAIN = gradcore.Mode("numpy", optimizer=False)
RULES = [
    (stage, rule)
    for stage in (canonicalize, stabilize, specialize, push_out)
    for rule in stage.rules
]
IDS = [f"{stage.name}-{rule.name}" for stage, rule in RULES]
THROUGH_LOOPS = STAGES[: STAGES.index(loop_stages) + 1]

# The types that the variables of an example get, in turn: ranks, known and unknown extents, ones
# that stretch, other dtypes.
FAMILIES = {
    "matrices": [("float64", (None, None))] * 4,
    "static": [("float64", (3, 3))] * 4,
    "a row first": [("float64", (1, None))] + [("float64", (None, None))] * 3,
    "a row last": [("float64", (None, None))] * 1 + [("float64", (1, None))] * 3,
    "a column and a row": [("float64", (None, 1)), ("float64", (1, None))] * 2,
    "vectors": [("float64", (None,))] * 4,
    "a vector and a matrix": [("float64", (None,)), ("float64", (None, None))] * 2,
    "scalars": [("float64", ())] * 4,
    "a scalar first": [("float64", ())] + [("float64", (None, None))] * 3,
    "float32": [("float32", (None, None))] * 4,
    "mixed": [("float32", (None, None)), ("float64", (None, None))] * 2,
    "integers": [("int64", (None, None))] * 4,
    "small integers": [("int8", (None,))] * 4,
    "booleans": [("bool", (None, None))] * 4,
    "a boolean first": [("bool", (None, None))] + [("float64", (None, None))] * 3,
}


def instances(example, rng):
    """Yield the variables, values and expression of an example, for all families that it takes."""
    names = list(inspect.signature(example).parameters)
    for family, kinds in FAMILIES.items():
        variables, values = [], []
        for name, (dtype, shape) in zip(names, itertools.cycle(kinds), strict=False):
            variables.append(Variable(TensorType(dtype, shape), name))
            drawn = rng.uniform(0.1, 0.9, [3 if n is None else n for n in shape])
            if dtype == "bool":
                drawn = drawn > 0.5
            elif dtype.startswith("int"):
                drawn = np.round(drawn * 4) + 1
            values.append(np.asarray(drawn, dtype))
        try:
            expression = example(*variables)
        except (GradcoreError, TypeError, ValueError):
            continue
        if isinstance(expression, Variable):
            yield family, variables, values, expression


@pytest.mark.parametrize(("stage", "rule"), RULES, ids=IDS)
def test_every_rule_says_what_it_does_and_does_it(stage, rule, rng):
    """On each example the rule fires, and both sides have the same value, dtype and shape."""
    assert rule.doc and "\n" not in rule.doc.strip()
    assert rule.examples
    # A rule with a pattern is complete in itself; the others count on what their stage does.
    alone = Stage(stage.name, [rule]) if rule.needs else stage
    for example in rule.examples:
        fired = 0
        for family, variables, values, expression in instances(example, rng):
            try:
                before = gradcore.function(variables, expression, PLAIN, on_unused_input="ignore")(
                    *values
                )
            except (GradcoreError, IndexError, ValueError):
                continue  # the family does not fit the example
            trace = []
            graph = FunctionGraph(tuple(variables), (expression,))
            # What leaves a loop leaves it once nobody reads it there any more.
            for each in THROUGH_LOOPS if stage is push_out else [alone]:
                graph = each.run(graph, trace, reassociate=True)
            if rule.name not in {firing.rule for firing in trace}:
                continue
            fired += 1
            (rewritten_to,) = graph.outputs
            for was, is_ in zip(expression.broadcastable, rewritten_to.broadcastable, strict=True):
                assert is_ or not was, family
            f = gradcore.function(variables, rewritten_to, PLAIN, on_unused_input="ignore")
            after = f(*values)
            tolerance = 1e-4 if any(v.dtype == "float32" for v in (before, *values)) else 1e-10
            assert (after.dtype, after.shape) == (before.dtype, before.shape), family
            # As the stage says, rules hold for numbers: 0 / 0 may be told as 0.
            known = np.isfinite(before)
            np.testing.assert_allclose(
                after[known], before[known], tolerance, tolerance, err_msg=family
            )
        assert fired, f"{rule.name} never fires on {inspect.getsource(example)}"


STAYING = [(stage, rule) for stage, rule in RULES if stage is not push_out]


@pytest.mark.parametrize(
    ("stage", "rule"), STAYING, ids=[f"{stage.name}-{rule.name}" for stage, rule in STAYING]
)
def test_no_rule_requires_what_the_plain_graph_does_not(stage, rule, rng):
    """Nothing is raised that was not before; but what leaves a loop may be without any step."""
    for example in rule.examples:
        for family, variables, _, expression in instances(example, rng):
            graph = FunctionGraph(tuple(variables), (expression,))
            try:
                after = stage.run(graph, [])
            except IndexError:
                continue  # the family does not fit the example
            added = not_required(graph, after, STAGES).values()
            assert not [claim.requirement().message for claim in added], family


def relative_error(found, exact):
    with np.errstate(all="ignore"):
        error = np.abs(found.astype("float64") - exact) / np.maximum(np.abs(exact), 1e-30)
    return np.where(np.isnan(error), np.inf, error)


@pytest.mark.parametrize("rule", stabilize.rules, ids=lambda rule: rule.name)
def test_stabilizing_reduces_the_error(rule):
    """In float32, over all magnitudes, the worst error is less after than before."""
    magnitudes = np.logspace(-12, 2, 57)
    points = np.concatenate([magnitudes, -magnitudes]).astype("float32")
    better = False
    for example in rule.examples:
        names = list(inspect.signature(example).parameters)
        kinds = {"float32": [], "float64": []}
        for dtype, variables in kinds.items():
            variables += [Variable(TensorType(dtype, (None, None)), name) for name in names]
        given = [np.stack([points, np.roll(points, 7 * k + 1)], 1) for k in range(len(names))]
        before = gradcore.function(kinds["float32"], example(*kinds["float32"]), mode=PLAIN)
        after = gradcore.function(
            kinds["float32"], example(*kinds["float32"]),
            mode=gradcore.Mode("numpy", optimizer=(Stage("one", [rule]),)),
        )  # fmt: skip
        exact = gradcore.function(kinds["float64"], example(*kinds["float64"]), mode="numpy")
        truth = exact(*[g.astype("float64") for g in given])
        # Where even float64 does not know the value (the domain, the range), nothing can be said.
        known = np.isfinite(truth) & (np.abs(truth) > 1e-30) & (np.abs(truth) < 1e30)
        worst_before = relative_error(before(*given), truth)[known]
        worst_after = relative_error(after(*given), truth)[known]
        assert worst_after.max() <= max(worst_before.max(), 1e-5), rule.name
        better |= worst_after.max() < worst_before.max()
    assert better


def test_stages_read_as_a_table_of_contents():
    assert [stage.name for stage in STAGES] == [
        "steps_once", "canonicalize", "stacks", "loops", "parts_of_products", "stabilize",
        "canonicalize", "solve_for_inverses", "values_alone", "equations", "windows", "sorted_once",
        "specialize",
    ]  # fmt: skip
    (loops,) = (stage for stage in STAGES if stage.name == "loops")
    assert str(loops.stages) == (
        "(merge_scans, jacobians, canonicalize, merge_scans, drop_unused, stabilize, windows, "
        "push_out, canonicalize, drop_unused)"
    )
    names = [rule.name for _, rule in RULES]
    assert len(set(names)) == len(names)


# patterns ---------------------------------------------------------------------------------------
def found(pattern, variable):
    built, _ = pattern_of(pattern)
    return [{k: str(v) for k, v in bound.items()} for bound in matches(built, variable, {})]


def test_patterns():
    x, y = T.dscalars("x", "y")
    assert found(lambda p: p + 0, x + 0) == [{"p": "x"}]
    assert found(lambda p: p + 0, 0 + x) == [{"p": "x"}]
    assert found(lambda p: p - 0, 0 - x) == []
    assert found(lambda p: p * 1, x * T.constant(np.ones((2, 2)))) == [{"p": "x"}]
    assert found(lambda p: p * 1, x * 2) == []
    assert found(lambda p: p - p, x - x) == [{"p": "x"}]
    assert found(lambda p: p - p, x - y) == []
    assert found(lambda p, q: p * (q + 1), (1 + x) * y) == [{"p": "y", "q": "x"}]
    assert len(found(lambda p, q: p + q, x + y)) == 2
    assert found(lambda p: T.log(1 + T.exp(p)), T.log(T.exp(x) + 1)) == [{"p": "x"}]
    with pytest.raises(TypeError, match="applies an op"):
        pattern_of(lambda p: p)
    assert isinstance(pattern_of(lambda p: abs(-p))[0], Application)


# the driver -------------------------------------------------------------------------------------
def rewritten(expression, *stages, reassociate=False):
    graph = FunctionGraph(tuple(free_inputs([expression])), (expression,))
    trace = []
    for stage in stages or STAGES:
        graph = stage.run(graph, trace, reassociate)
    return graph.outputs[0], trace


def test_equal_nodes_become_one():
    x = T.dscalar("x")
    graph = FunctionGraph((x,), ((T.exp(x) + 1) * T.sin(T.exp(x) + 1),))
    assert len(graph.nodes) == 6
    assert len(Stage("none").run(graph, []).nodes) == 4
    two = FunctionGraph((x,), (T.exp(x), T.exp(x)))
    a, b = Stage("none").run(two, []).outputs
    assert a is b


def test_constants_fold_unless_they_are_large():
    (after, trace) = rewritten(T.exp(T.constant(1.0)) + T.constant([1.0, 2.0]))
    assert isinstance(after, Constant) and after.data.shape == (2,)
    assert {firing.rule for firing in trace} == {"fold"}
    big, _ = rewritten(T.zeros((1000, 1000)))
    assert not isinstance(big, Constant)
    assert not isinstance(rewritten(T.arange(10**9))[0], Constant)
    assert not isinstance(rewritten(T.arange(T.constant(10**8) * 10))[0], Constant)
    failing, _ = rewritten(T.constant([1.0, 2.0])[T.constant([5])])
    assert not isinstance(failing, Constant)
    with pytest.raises(IndexError):
        gradcore.function([], failing)()


def test_dtype_and_shape_are_restored():
    x, m, r = T.fvector("x"), T.dmatrix("m"), T.drow("r")
    for expression in (x * 0, 0 / x, m * 0, (m + r) * 0, r * 0, T.outer(x, x) * 0, x**0):
        after, _ = rewritten(expression, reassociate=True)
        assert "*" not in str(after) and "/" not in str(after)
        assert after.type.dtype == expression.dtype
        assert after.broadcastable == expression.broadcastable
    both = T.dcol("c") * 0 + T.drow("r") * 0
    f = gradcore.function(list(free_inputs([both])), both)
    assert sorted(
        f(
            *[np.ones((v.type.shape[0] == 1 and (1, 3)) or (2, 1)) for v in f.maker.fgraph.inputs]
        ).shape
    ) == [2, 3]


def test_rules_that_undo_one_another_are_found():
    stage = Stage("odd")
    stage.rule(lambda x: T.sin(x))(lambda x: T.cos(x))
    stage.rule(lambda x: T.cos(x))(lambda x: T.sin(x))
    with pytest.raises(RewriteError, match="undo one another"):
        rewritten(T.sin(T.dscalar("x")), stage)


def test_a_rule_must_keep_the_rank():
    stage = Stage("odd")

    @stage.rule(lambda x: T.sin(x))
    def taller(x):
        """sin(x) = [[x]]"""
        return x.dimshuffle("x", "x")

    with pytest.raises(RewriteError, match="taller replaces"):
        rewritten(T.sin(T.dscalar("x")), stage)


def test_a_rewritten_graph_is_in_normal_form():
    x, y = T.dvectors("x", "y")
    M = T.dmatrix("M")
    for expression in [
        T.log(T.sum(T.exp(M), 0)) + T.log(1 - T.sigmoid(M)),
        T.grad(T.log(1 + T.exp(T.dot(M, x) * y)).sum(), M),
        T.grad((T.softmax(M) * M).sum(), M),
        T.hessian((x**3 / (1 + y**2)).sum(), x),
        T.switch(x > 0, x / y * y, -(-x)) + 2 * x - x,
    ]:
        once, _ = rewritten(expression)
        twice, _ = rewritten(once)
        assert gradcore.pp(once) == gradcore.pp(twice)


def test_rules_see_normal_forms():
    x = T.dvector("x")
    assert normalized(x + 0).owner is not None
    seen = []
    stage = Stage("looks", [*canonicalize.rules])
    stage.rule(op=T.sin)(lambda node: seen.append(normalized(node.inputs[0] * 1)))
    rewritten(T.sin(x), stage)
    assert seen == [x]


def test_groups_run_where_they_are_needed():
    ran = []
    group = Group("g", Scan, (Pass("note", lambda graph: ran.append(1) or graph),))
    x = T.dvector("x")
    group.run(FunctionGraph((x,), (T.exp(x),)), [])
    assert not ran
    out, _ = gradcore.scan(lambda v, s: s * T.tanh(v), x, 1.0)
    group.run(FunctionGraph((x,), (out,)), [])
    assert ran


# what users count on ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("build", "text"),
    [
        (lambda x, y: x * 1 - 0, "x"),
        (lambda x, y: x - x, "0.0"),
        (lambda x, y: x + x, "(2.0 * x)"),
        (lambda x, y: 2 * (x * 3), "(6.0 * x)"),
        (lambda x, y: -(-x), "x"),
        (lambda x, y: x * (-y), "(-(x * y))"),
        (lambda x, y: x / 4, "(0.25 * x)"),
        (lambda x, y: x**2, "sqr(x)"),
        (lambda x, y: x**3, "(sqr(x) * x)"),
        (lambda x, y: x**-1, "reciprocal(x)"),
        (lambda x, y: x**0.5, "sqrt((0 + x))"),
        (lambda x, y: T.exp(x) ** 0.5, "sqrt(exp(x))"),
        (lambda x, y: x**-0.5, "reciprocal(sqrt((0 + x)))"),
        (lambda x, y: T.sqrt(x**2), "abs(x)"),
        (lambda x, y: T.log(T.exp(x)), "(0 + x)"),
        (lambda x, y: T.log(1 + x), "log1p((0 + x))"),
        (lambda x, y: T.log(1 + T.exp(x)), "softplus(x)"),
        (lambda x, y: T.log(T.sigmoid(x)), "(0 - softplus((-x)))"),
        (lambda x, y: T.log(1 - T.sigmoid(x)), "(0 - softplus(x))"),
        (lambda x, y: T.exp(x) - 1, "expm1((0 + x))"),
        (lambda x, y: 1 / (1 + T.exp(-x)), "sigmoid(x)"),
        (lambda x, y: T.exp(x) / (1 + T.exp(x)), "sigmoid(x)"),
        (lambda x, y: T.exp(x) / (T.exp(x) + 1) * y, "(sigmoid(x) * y)"),
        (lambda x, y: 1 - T.erf(x), "erfc(x)"),
        (lambda x, y: T.log(T.exp(x) + T.exp(y)), "logaddexp(x, y)"),
        (lambda x, y: T.switch(x > 0, y, y), "y"),
        (lambda x, y: T.grad(T.log(1 + T.exp(x)), x), "sigmoid(x)"),
        (lambda x, y: T.grad(x * y, x), "y"),
        (lambda x, y: T.grad(T.tanh(x), x), "(1 - sqr(tanh(x)))"),
        (lambda x, y: T.grad(T.exp(-(x**2)), x), "((-2 * exp((-sqr(x)))) * x)"),
    ],
)
def test_simple_forms(build, text):
    x, y = T.dscalars("x", "y")
    f = gradcore.function([x, y], build(x, y), on_unused_input="ignore")
    assert gradcore.pp(f.maker.fgraph.outputs[0]) == text


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (lambda x, y: x + 0, "x"),
        (lambda x, y: 0 - x, "(-x)"),
        (lambda x, y: x * 0 + y, "y"),
        (lambda x, y: (x + y) - x, "y"),
        (lambda x, y: (x * y) / y, "x"),
        (lambda x, y: x / x, "1.0"),
        (lambda x, y: (2 * x) * (3 * y), "(6.0 * (x * y))"),
        (lambda x, y: -(x - y), "(y - x)"),
        (lambda x, y: 2 * x + y + 3 * x, "((5.0 * x) + y)"),
    ],
)
def test_forms_by_choice(build, text):
    """What holds for real numbers only is simplified where a mode says so, on any backend."""
    x, y = T.dscalars("x", "y")
    for backend in ("numpy", "c"):
        chosen = gradcore.Mode(backend, reassociate=True)
        f = gradcore.function([x, y], build(x, y), mode=chosen, on_unused_input="ignore")
        assert gradcore.pp(f.maker.fgraph.outputs[0]) == text
        saved = gradcore.function([x, y], build(x, y), mode=backend, on_unused_input="ignore")
        assert gradcore.pp(saved.maker.fgraph.outputs[0]) != text


def test_the_choice_is_part_of_the_mode():
    mode = gradcore.Mode("numpy", reassociate=True)
    assert mode != gradcore.Mode("numpy") and "reassociate=True" in repr(mode)
    assert pickle.loads(pickle.dumps(mode)) == mode
    assert hash(mode) == hash(gradcore.Mode("numpy", reassociate=True))
    assert mode.excluding("loops").reassociate
    with pytest.raises(ModeError, match="True or False"):
        gradcore.Mode("numpy", reassociate="yes")


def test_products_with_zero_vanish():
    W, x = T.dmatrix("W"), T.dvector("x")
    f = gradcore.function([W, x], T.dot(x.zeros_like(), W) * 1 - T.dot(x, W.zeros_like()))
    assert "dot" not in gradcore.pp(f) and f(np.ones((2, 3)), np.ones(2)).tolist() == [0, 0, 0]


def test_gradient_of_a_mean_needs_no_mean():
    x = T.dvector("x")
    f = gradcore.function([x], T.grad(((x - 1) ** 2).mean(), x))
    assert "sum" not in gradcore.pp(f)
    assert f([1, 3]).tolist() == [0, 2]


def test_rule_is_data():
    stage, rule = RULES[0]
    assert isinstance(rule, Rule) and rule.name == "plus_zero" and rule.doc == "x + 0 = x"
    assert str(rule.changes) == "Changes(the sign of zero)" and rule.changes.by_choice
    assert repr(stage) == "canonicalize"


def test_parts_of_increments():
    """Whatever slices are written and read: the same, disjoint, or overlapping."""
    bounds = (None, -1, 1, 2)
    x, k = T.dvector("x"), T.lscalar("k")
    slices = [slice(a, b) for a in bounds for b in bounds]
    slices += [slice(None, k), slice(k, None), slice(k, k + 1)]
    parts = [T.inc_subtensor(x[a], 10.0)[b] for a in slices for b in slices]
    f = gradcore.function([x, k], parts, "numpy")
    plain = gradcore.function([x, k], parts, gradcore.Mode("numpy", optimizer=False))
    assert "part_beside_what_was_written" in {firing.rule for firing in f.maker.trace}
    for n, index in ((4, 1), (4, -3), (1, 0), (0, 2), (3, 7)):
        value = np.arange(n, dtype=float)
        assert all(map(np.array_equal, f(value, index), plain(value, index)))
