"""The judge of rewrites: instances of rules, their exact values, and what may differ.

What a rewrite is checked against is the graph as written, on the reference.  Where a rule may be
nearer to the formula than that, the formula is computed in 1200 bits, in which the sum of 1 and
any float is exact.
"""

import dataclasses
import functools
import inspect
import itertools

import mpmath
import numpy as np

import gradcore
from gradcore.conformance.fuzz.rounding import spreads
from gradcore.errors import GradcoreError
from gradcore.graph import Constant, FunctionGraph, TensorType, Variable, toposort
from gradcore.graph.types import DISCRETE, FLOATS
from gradcore.ops.elementwise import Elementwise
from gradcore.ops.inverses import Determinant, LogAbsDeterminant
from gradcore.ops.reduce import Reduce
from gradcore.rewrite import EXACT, STAGES, Changes, Stage, loop_stages
from gradcore.rewrite.canonical import canonicalize
from gradcore.rewrite.equations import equations
from gradcore.rewrite.loops import push_out
from gradcore.rewrite.specialize import specialize
from gradcore.rewrite.stabilize import stabilize

PLAIN = gradcore.Mode("numpy", optimizer=False)
RULES = [
    (stage, rule)
    for stage in (canonicalize, stabilize, equations, specialize, push_out)
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
    "log2": lambda x: mpmath.log(x, 2),
    "log10": mpmath.log10,
    "log1p": lambda x: mpmath.log(1 + x),
    "expm1": lambda x: mpmath.exp(x) - 1,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log(1 + mpmath.exp(x)),
    "tanh": mpmath.tanh,
    "erf": lambda x: mpmath.erf(_clipped(x)),
    "erfc": lambda x: mpmath.erfc(_clipped(x)),
    "logaddexp": _logaddexp,
    "switch": lambda c, x, y: x if c else y,
    "fill": lambda _, y: y,
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

    None: it has an op of which there is no formula here, or a singular matrix.
    """
    if any(node.op.graphs for node in toposort([expression])):
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
        elif isinstance(node.op, LogAbsDeterminant):
            function = np.frompyfunc(_number(lambda x: mpmath.log(abs(x))), 1, 1)
            found[node.out] = function(Determinant().reference(*given))
        else:
            try:
                found[node.out] = node.op.kernel(node)(*given)
            except ZeroDivisionError:  # a pivot of elimination
                return None
    return np.atleast_1d(np.asarray(found[expression], object))[places]


def errors_in_ulp(reported, exact, dtype):
    """Return how far numbers are from exact ones, in units of the last place of those."""
    limits = np.finfo(dtype)
    errors = np.empty(reported.shape)
    for place, value in np.ndenumerate(reported):
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


def saved(changes, before, after, exact_at, units=units_of_the_result, by_norm=False):
    """Return where ``after`` is within what may change of ``before``.

    exact_at : returns the formula at some places, or None where there is none.
    units : returns how far the two may be apart.
    by_norm : whether ``before`` is right by the norm of matrices: an element of it that has no
        right digit, which depends on the LAPACK and the processor, may become anything.
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
        was, is_ = (errors_in_ulp(reported[rest], exact, dtype) for reported in (before, after))
        more = np.where(np.isfinite(before), allowed / np.spacing(np.abs(before)), 0)[rest]
        signs = signs[rest] | changes.signed_zeros
        nearer = (is_ <= was + np.maximum(more, changes.rounding)) & np.isfinite(is_) & signs
        found[rest] = nearer | (by_norm & (was * np.finfo(dtype).eps >= 1))
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
    """Yield where ``after`` is not what ``expression`` may become.

    A zero that elimination comes to has the sign of its rounding, which is nobody's.
    """
    by_norm = any(node.op.by_norm for node in toposort([expression]))
    if by_norm:
        allowed = dataclasses.replace(allowed, signed_zeros=True)
    before = computed(variables, expression, values)
    units = units_of_the_result
    if allowed.of == "terms":
        units = units_of_terms(FunctionGraph(tuple(variables), (expression,)), values)
    before, after, *values = map(np.atleast_1d, (before, after, *values))
    exact_at = functools.partial(formula, variables, expression, values)
    with mpmath.workprec(1200):
        bad = ~saved(allowed, before, after, exact_at, units, by_norm)
    if bad.any():
        yield reported(where, values, before, after, bad)


def with_loops(stage):
    """Return the stages that rewrite loops: what leaves a loop leaves it once nobody reads it."""
    *before, loops = STAGES[: STAGES.index(loop_stages) + 1]
    parts = tuple(stage if part.name == stage.name else part for part in loops.stages)
    return [*before, dataclasses.replace(loops, stages=parts)]


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


def reported(where, values, before, after, bad):
    place = np.unravel_index(np.argmax(bad), bad.shape)
    given = [v[place] if np.shape(v) == np.shape(before) else "..." for v in values]
    return f"{where}: at {given} {before[place]!r} becomes {after[place]!r}"
