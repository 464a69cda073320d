"""Every rule is held to what it declares that it may change, at the extremes of every dtype.

The judge is the graph as written, on the reference.  Where a rule may be nearer to the formula
than that, the formula is computed in 1200 bits, which hold the sum of 1 and any float.
"""

import dataclasses
import functools
import importlib
import inspect
import itertools

import mpmath
import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.conformance.fuzz.rounding import spreads
from gradcore.errors import GradcoreError
from gradcore.graph import Constant, FunctionGraph, TensorType, Variable, substitute, toposort
from gradcore.graph.types import DISCRETE, FLOATS
from gradcore.ops.elementwise import Elementwise
from gradcore.ops.linalg import Dot
from gradcore.ops.reduce import Reduce
from gradcore.rewrite import EXACT, STAGES, Changes, Pass, Stage
from gradcore.rewrite.branches import enclose_branches
from gradcore.rewrite.canonical import canonicalize
from gradcore.rewrite.loops import examples, push_out
from gradcore.rewrite.signs import never_negative
from gradcore.rewrite.specialize import specialize
from gradcore.rewrite.stabilize import stabilize

PLAIN = gradcore.Mode("numpy", optimizer=False)
RULES = [
    (stage, rule)
    for stage in (canonicalize, stabilize, specialize, push_out)
    for rule in stage.rules
]
IDS = [f"{stage.name}-{rule.name}" for stage, rule in RULES]

MIXED = [
    ("int8", "uint8"), ("uint8", "int32"), ("uint16", "int8"), ("uint64", "int64"),
    ("bool", "int8"), ("bool", "float64"), ("int8", "float32"), ("int64", "float64"),
    ("int32", "float16"), ("float16", "float32"), ("float32", "float64"),
]  # fmt: skip
DTYPES = [(dtype, dtype) for dtype in (*DISCRETE, *FLOATS)]
DTYPES += [pair[::step] for pair in MIXED for step in (1, -1)]


def extremes(dtype, nonfinite):
    """Return the numbers of a dtype at which rewriting may go wrong."""
    if dtype == "bool":
        return np.array([False, True])
    if dtype in DISCRETE:
        limits = np.iinfo(dtype)
        middle = (limits.max + 1) // 2
        some = {limits.min, limits.min + 1, 0, 1, 2, 3, 7, middle, limits.max - 1, limits.max}
        return np.array(sorted(some | ({-1, -3} if limits.min else set())), dtype)
    limits = np.finfo(dtype)
    least, normal, most = (
        float(x) for x in (limits.smallest_subnormal, limits.smallest_normal, limits.max)
    )
    some = [0.0, -0.0, least, -3 * least, normal, -1.5 * normal, float(limits.eps) / 3]
    some += [0.1, 1.0, -1.0, 3.0, -11.5, most**0.5 * 1.5, most, -most]
    return np.array(some + [np.inf, -np.inf, np.nan] * nonfinite, dtype)


def operands(dtypes, ndim, size, nonfinite):
    """Return arrays that have all combinations of extremes side by side, as far as they fit."""
    found = [extremes(dtype, nonfinite) for dtype in dtypes]
    if size in WINDOWS:
        return [_square(a, WINDOWS[size] + k) for k, a in enumerate(found)]
    grid = [part.ravel() for part in np.meshgrid(*found, indexing="ij")]
    if ndim == 0:
        return [part[len(part) // 3] for part in grid]
    if ndim == 1:
        return [part[:size] for part in grid]
    rows = [np.stack([part, np.roll(part, 1), part[::-1]], 1) for part in grid]
    return [np.resize(part[-3:], (3, 3)) if size == 3 else part[:size] for part in rows]


WINDOWS = {"small": 0, "moderate": 3, "large": 6}
"""Squares of neighbours in magnitude, from which place on: no element outweighs all others."""


def _square(values, start):
    order = np.argsort(np.abs(values.astype(float)), kind="stable")
    return np.resize(np.roll(values[order], -start)[:9], (3, 3))


# unknown extents: many elements, one, none; a square, which loops and products take
SHAPES = [(1, None), (1, 1), (1, 0), (2, None), (2, 3), (2, 0), (0, None)]
SHAPES += [(2, window) for window in WINDOWS]


def instances(example, changes):
    """Yield the variables, values and expression of an example, wherever it can be built."""
    names = list(inspect.signature(example).parameters)
    for pair in DTYPES:
        dtypes = [dtype for _, dtype in zip(names, itertools.cycle(pair), strict=False)]
        if len(names) == 1 and pair[0] != pair[1]:
            continue
        for ndim, size in SHAPES if pair[0] == pair[1] else SHAPES[:1]:
            variables = [
                Variable(TensorType(dtype, (None,) * ndim), name)
                for dtype, name in zip(dtypes, names, strict=True)
            ]
            try:
                expression = example(*variables)
            except (GradcoreError, TypeError, ValueError, OverflowError):
                continue
            if isinstance(expression, Variable):
                nonfinite = not changes.nonfinite
                values = operands(dtypes, ndim, size, nonfinite)
                yield f"{pair} {ndim} {size}", variables, values, expression


def computed(variables, expression, values):
    """Return what the reference computes without rewriting, or the error."""
    f = gradcore.function(variables, expression, PLAIN, on_unused_input="ignore")
    return f(*values)


@pytest.fixture(autouse=True)
def _quiet():
    """Numbers overflow here, and are no numbers."""
    with np.errstate(all="ignore"):
        yield


# the formula ------------------------------------------------------------------------------------
def _clipped(x):
    """Return ``x``, or where functions that approach a limit have reached it for long."""
    return max(min(x, 1000), -1000)


def _logaddexp(x, y):
    return mpmath.log(mpmath.exp(x) + mpmath.exp(y))


FORMULAS = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "true_div": lambda x, y: x / y,
    "neg": lambda x: -x,
    "abs": lambda x: abs(x),
    "sqr": lambda x: x * x,
    "sqrt": mpmath.sqrt,
    "pow": lambda x, y: x**y,
    "exp": mpmath.exp,
    "log": mpmath.log,
    "log1p": lambda x: mpmath.log(1 + x),
    "expm1": lambda x: mpmath.exp(x) - 1,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log(1 + mpmath.exp(x)),
    "erf": lambda x: mpmath.erf(_clipped(x)),
    "erfc": lambda x: mpmath.erfc(_clipped(x)),
    "logaddexp": _logaddexp,
    "switch": lambda c, x, y: x if c else y,
    "isfinite": lambda _: mpmath.mpf(1),
}
FORMULAS |= {f"cast_{dtype}": lambda x: x for dtype in FLOATS}


def _number(formula):
    """Return ``formula`` with NaN for what is no real number, as log(-1), and inf for a pole."""

    def of_numbers(*numbers):
        if not all(map(mpmath.isfinite, numbers)):
            return mpmath.nan if any(map(mpmath.isnan, numbers)) else mpmath.inf
        try:
            found = formula(*map(mpmath.mpmathify, numbers))
        except (ZeroDivisionError, ValueError):
            return mpmath.inf
        return found if isinstance(found, mpmath.mpf) else mpmath.nan

    return of_numbers


_to_number = np.frompyfunc(mpmath.mpf, 1, 1)  # of Python's numbers: exact for integers, too


def _wrapped(node, given):
    """Return what a node of integers computes, as exact numbers: there it is the formula."""
    operands = [
        np.vectorize(int, [v.dtype])(numbers) for v, numbers in zip(node.inputs, given, strict=True)
    ]
    return _to_number(np.asarray(node.op.kernel(node)(*operands)))


def formula(variables, expression, values, places):
    """Return what ``expression`` says at some places, in numbers of 1200 bits.

    None: it has an op of which there is no formula here.
    """
    if any(node.op.graphs or isinstance(node.op, Dot) for node in toposort([expression])):
        return None
    elementwise = all(a.shape == places.shape for a in values) and all(
        isinstance(node.op, Elementwise) for node in toposort([expression])
    )
    if elementwise:  # elsewhere it is not asked for
        values, places = [a[places] for a in values], ...
    found = {v: _to_number(np.asarray(a)) for v, a in zip(variables, values, strict=True)}
    for node in toposort([expression]):
        given = [
            found[v] if v in found else _to_number(v.data) if isinstance(v, Constant) else None
            for v in node.inputs
        ]
        if all(v.type.is_discrete for v in (*node.inputs, node.out)):
            found[node.out] = _wrapped(node, given)
        elif isinstance(node.op, Elementwise):
            function = np.frompyfunc(_number(FORMULAS[node.op.name]), len(given), 1)
            found[node.out] = function(*given)
        elif isinstance(node.op, Reduce):
            reduction = {"sum": np.add, "max": np.maximum}[node.op.kind]
            found[node.out] = reduction.reduce(given[0], axis=node.op.axes)
        else:
            found[node.out] = node.op.kernel(node)(*given)
    return np.atleast_1d(np.asarray(found[expression], object))[places]


def errors_in_ulp(told, exact, dtype):
    """Return how far numbers are from exact ones, in units of the last place of those."""
    limits = np.finfo(dtype)
    errors = np.empty(told.shape)
    for place, value in np.ndenumerate(told):
        number = exact[place]
        if mpmath.isnan(number):
            errors[place] = 0 if np.isnan(value) else np.inf
        elif mpmath.isinf(number):
            errors[place] = np.inf if np.isnan(value) else 0  # a pole, or past 1200 bits
        elif not np.isfinite(value):
            over = abs(number) > float(limits.max) and np.sign(value) == mpmath.sign(number)
            errors[place] = 0 if over and np.isinf(value) else np.inf
        else:
            if abs(number) > float(limits.max):
                number = mpmath.sign(number) * mpmath.mpf(float(limits.max))
            unit = mpmath.mpf(float(np.spacing(np.abs(np.asarray(float(number), dtype)))))
            errors[place] = float(abs(mpmath.mpf(float(value)) - number) / unit)
    return errors


# the judge --------------------------------------------------------------------------------------
def same(before, after, signs=True):
    """Return where two arrays are equal; zeros of two signs are not."""
    equal = (before == after) | (np.isnan(before) & np.isnan(after))
    return equal & ((np.signbit(before) == np.signbit(after)) | (before != 0) | (not signs))


def units_of_the_result(before, rounding):
    """Return how far the results may be apart: some units in their last place."""
    return rounding * np.spacing(np.abs(before)).astype("longdouble")


def units_of_terms(graph, values):
    """Return what `units_of_the_result` does, in units of the last place of the terms.

    How far rounding moves the result of the graph as written shows how large its terms are.  Where
    it decides whether there is a number at all, nothing is asked for.
    """
    spread = spreads(graph, values, seed=0)
    if spread is None:
        return lambda before, rounding: np.full(before.shape, np.inf)
    (found,) = spread.outputs
    units = np.where(found.settled, found.tolerance, np.inf).astype("longdouble")
    return lambda before, rounding: np.atleast_1d(units)


def kept(changes, before, after, exact_at, units=units_of_the_result):
    """Return where ``after`` is within what may change of ``before``.

    exact_at : returns the formula at some places, or None where there is none.
    units : returns how far the two may be apart.
    """
    equal = same(before, after, signs=not changes.signed_zeros)
    if not changes.rounding and not changes.more_exact:
        return equal
    both = np.isfinite(before) & np.isfinite(after)
    allowed = units(before, changes.rounding)
    off = np.where(both, np.abs(after.astype("longdouble") - before), 0)
    signs = (np.signbit(before) == np.signbit(after)) | (before != 0) | (after != 0)
    found = equal | np.isinf(allowed) | (both & (off <= allowed) & signs)
    rest = ~found
    if changes.more_exact and rest.any():
        exact = exact_at(rest)
        if exact is None:  # no number is as far off as can be
            return found | (rest & ~np.isfinite(before) & np.isfinite(after))
        dtype = before.dtype.name
        was, is_ = (errors_in_ulp(told[rest], exact, dtype) for told in (before, after))
        more = np.where(np.isfinite(before), allowed / np.spacing(np.abs(before)), 0)[rest]
        signs = signs[rest] | changes.signed_zeros
        found[rest] = (is_ <= was + np.maximum(more, changes.rounding)) & np.isfinite(is_) & signs
    return found


def departures(rule, stage, only=None):
    """Yield where a rule, or a pass that is a stage of its own, changes more than it declares.

    only : a function of whether an example is of integers and booleans; None: all examples.
    """
    changes = rule.changes
    alone = Stage(stage.name, [rule]) if stage is not rule and rule.needs else stage
    run = with_loops(stage) if stage.name == push_out.name else [alone]
    if stage is rule:  # a pass comes after the stage that brings graphs into normal form
        run = [canonicalize, rule]
    for example in rule.examples:
        for where, variables, values, expression in instances(example, changes):
            discrete = all(v.type.is_discrete for v in (*variables, expression))
            if only is not None and not only(discrete):
                continue
            try:
                before = computed(variables, expression, values)
            except (GradcoreError, IndexError, ValueError):
                continue  # the values do not fit the example
            trace = []
            graph = FunctionGraph(tuple(variables), (expression,))
            for each in run:
                graph = each.run(graph, trace, reassociate=changes.by_choice)
            fired = {firing.rule for firing in trace}
            if rule.name not in fired:
                continue
            try:
                after = computed(variables, graph.outputs[0], values)
            except (GradcoreError, IndexError, ValueError) as error:
                yield f"{where}: raises {type(error).__name__}"
                continue
            if (after.dtype, after.shape) != (before.dtype, before.shape):
                yield f"{where}: {before.dtype}{before.shape} becomes {after.dtype}{after.shape}"
                continue
            allowed = EXACT if before.dtype.kind != "f" else changes
            if alone is stage and fired != {rule.name}:
                allowed = weakest(allowed, stage, fired)
            yield from departures_of(allowed, where, variables, expression, values, after)


def departures_of(allowed, where, variables, expression, values, after):
    """Yield where ``after`` is not what ``expression`` may become."""
    before = computed(variables, expression, values)
    units = units_of_the_result
    if allowed.of == "terms":
        units = units_of_terms(FunctionGraph(tuple(variables), (expression,)), values)
    before, after, *values = map(np.atleast_1d, (before, after, *values))
    exact_at = functools.partial(formula, variables, expression, values)
    with mpmath.workprec(1200):
        bad = ~kept(allowed, before, after, exact_at, units)
    if bad.any():
        yield told(where, values, before, after, bad)


def with_loops(stage):
    """Return the stages that rewrite loops: what leaves a loop leaves it once nobody reads it."""
    first, loops = STAGES[:2]
    parts = tuple(stage if part.name == stage.name else part for part in loops.stages)
    return [first, dataclasses.replace(loops, stages=parts)]


def weakest(changes, stage, fired):
    """Return what may change where several rules of a stage fire."""
    rules = (*getattr(stage, "rules", ()), *canonicalize.rules)
    every = [rule.changes for rule in rules if rule.name in fired]
    every.append(changes)
    return Changes(
        rounding=sum(c.rounding for c in every),
        of="terms" if any(c.of == "terms" for c in every) else "result",
        more_exact=any(c.more_exact for c in every),
        nonfinite=any(c.nonfinite for c in every),
        signed_zeros=any(c.signed_zeros for c in every),
        reassociates=any(c.reassociates for c in every),
    )


def told(where, values, before, after, bad):
    place = np.unravel_index(np.argmax(bad), bad.shape)
    given = [v[place] if np.shape(v) == np.shape(before) else "..." for v in values]
    return f"{where}: at {given} {before[place]!r} becomes {after[place]!r}"


@pytest.mark.parametrize(("stage", "rule"), RULES, ids=IDS)
def test_every_rule_keeps_what_it_does_not_declare(stage, rule):
    """On integers every bit; on floats what the declaration says, if it runs by itself."""
    only = (lambda discrete: discrete) if rule.changes.by_choice else None
    found = list(departures(rule, stage, only))
    assert not found, "\n".join(found)


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
        each.run(graph, trace)
        assert [firing.rule for firing in trace] == [each.name]
    found = list(departures(each, each))
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
    """Return what a loop adds to the least number; what it adds would overflow by itself."""
    total, _ = gradcore.scan(lambda row, s: s + 0.75 * abs(row), T.concatenate([x, x]), x[-1])
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
KEPT = {
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
@pytest.mark.parametrize("name", KEPT)
def test_values_that_users_count_on(name, mode):
    dtypes, build, values, right = KEPT[name]
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


def test_compensated_sums_are_kept(everywhere):
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
