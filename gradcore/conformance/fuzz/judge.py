"""What must be true of a random graph, on every backend."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np

from gradcore.compile import function
from gradcore.conformance.fuzz.builders import RULES
from gradcore.conformance.fuzz.graphs import Derivatives, Graph, graph
from gradcore.conformance.fuzz.known import cannot_raise, is_known
from gradcore.conformance.fuzz.limits import MEMORY, TimedOutError, limited, timed
from gradcore.conformance.fuzz.rounding import MANY_RUNS, WIDE, Spread, run, spreads
from gradcore.derive.kinds import Flat
from gradcore.errors import ArraySizeError, UnsupportedError
from gradcore.graph import (
    UNKNOWN,
    Apply,
    Array,
    Constant,
    FunctionGraph,
    Operand,
    Variable,
    ancestors,
)
from gradcore.graph.nodes import as_variable, symbolic_operand
from gradcore.mode import Mode
from gradcore.ops.assumptions import Assume, is_true
from gradcore.ops.control import GradientMark
from gradcore.ops.implicit import ImplicitSolution
from gradcore.rewrite.branches import enclose_branches
from gradcore.rewrite.changes import Changes

KINDS = (
    ArraySizeError, TimedOutError, IndexError, AssertionError, MemoryError, NotImplementedError,
    ValueError, TypeError, ArithmeticError,
)  # fmt: skip
"""The kinds of errors that are compared."""

RUN_TIME_KINDS = (IndexError, AssertionError, ValueError, ArraySizeError)
"""Those that nodes raise for operands that do not fit."""

BEYOND = (TimedOutError, ArraySizeError)
"""What else may come of a graph for which the reference lacks memory; a result may, too."""

TOGETHER = 8
"""How many graphs are compiled as one function."""


@dataclass(frozen=True)
class Disagreement:
    """That a graph is not what it should be: which graph, where, and what is wrong."""

    seed: int
    where: str
    what: str

    def __str__(self) -> str:
        """Return it in a line."""
        return f"seed {self.seed}, {self.where}: {self.what}"


@dataclass(frozen=True)
class Judged:
    """A graph, and what it should give.

    closed : it as a graph of functions, its branches lazy.
    spreads : its outputs, with what rounding can make of them.
    met : the special numbers that occur on the way: subnormal ones, what is not finite.
    errors : the kinds of errors of which it should raise one; none: it should not.
    large : whether what raises would need more memory than there is: that may be found first.
    """

    graph: Graph
    closed: FunctionGraph
    spreads: list[Spread]
    met: frozenset[str] = frozenset()
    errors: frozenset[type[Exception]] = frozenset()
    large: bool = False

    @cached_property
    def complex(self) -> bool:
        """Whether there are complex numbers on the way."""
        return any(v.type.is_complex for v in self.closed.variables)

    @cached_property
    def surer(self) -> list[Spread] | None:
        """The outputs, with what rounding makes of them in many runs; None: it may raise."""
        found = spreads(self.closed, self.graph.values, self.graph.seed, MANY_RUNS)
        return None if found is None else found.outputs


def kind(error: Exception) -> type[Exception]:
    """Return the builtin exception that an error is."""
    return next((k for k in KINDS if isinstance(error, k)), Exception)


def judged(graph: Graph) -> Judged | None:
    """Return what ``graph`` should give; None: rounding, or a false claim, decides on errors."""
    closed = enclose_branches.run(FunctionGraph(tuple(graph.inputs), tuple(graph.outputs)), [])
    errors, met, large = _errors(closed, graph.values)
    if errors:
        return Judged(graph, closed, [], met, errors, large)
    if not _claims_are_true(closed, graph.values):
        return None
    found = spreads(closed, graph.values, graph.seed)
    return None if found is None else Judged(graph, closed, found.outputs, found.met)


def _errors(
    graph: FunctionGraph, values: Sequence[Array]
) -> tuple[frozenset[type[Exception]], frozenset[str], bool]:
    """Return the kinds of errors of which a backend may raise one, whichever it comes to first.

    A node that needs what another one fails to compute may fail on its own account, too.  And the
    special numbers that occur before, and whether what fails is large.
    """
    known: dict[Variable, Any] = dict(zip(graph.inputs, values, strict=True))
    known.update({v: v.data for v in graph.variables if isinstance(v, Constant)})
    found: set[type[Exception]] = set()
    large = False
    for node in graph.nodes:
        if not all(v in known for v in node.inputs):
            found.update(RUN_TIME_KINDS)
            continue
        try:
            with np.errstate(all="ignore"), limited():
                results = node.op.kernel(node)(*(known[v] for v in node.inputs))
        except Exception as error:  # noqa: BLE001 - whatever it is, other backends must raise it too
            found.add(kind(error))
            found.update(_unmet(node, known))
            large |= _is_large(node, known)
            continue
        several = results if len(node.outputs) > 1 else (results,)
        known.update(zip(node.outputs, map(np.asarray, several), strict=True))
    finite = all(np.isfinite(a).all() for v, a in known.items() if v.type.is_inexact)
    return frozenset(found), frozenset(() if finite else ("nonfinite",)), large


def _claims_are_true(graph: FunctionGraph, values: Sequence[Array]) -> bool:
    """Return whether matrices are what `Assume` says of them, by more than rounding takes away."""
    claims = [node for node in graph.nodes if isinstance(node.op, Assume)]
    if not claims:
        return True
    operands = tuple(node.inputs[0] for node in claims)
    matrices = run(FunctionGraph(graph.inputs, operands), values)
    return all(
        is_true(cast("Assume", node.op).claim, x) for node, x in zip(claims, matrices, strict=True)
    )


def _is_large(node: Apply, known: Mapping[Variable, Any]) -> bool:
    """Return whether ``node`` would need more memory than there is, if its operands fitted.

    A backend may ask for that before it knows the numbers that do not fit.
    """
    given = [
        Operand(a.shape, a.item() if a.ndim == 0 and a.dtype.kind in "iu" else UNKNOWN)
        for a in map(np.asarray, (known[v] for v in node.inputs))
    ]
    shapes = node.op.symbolic_shapes(node, given)
    return any(
        all(isinstance(n, int) for n in shape)
        and math.prod(cast("Any", shape)) * np.dtype(v.dtype).itemsize > MEMORY
        for shape, v in zip(shapes, node.outputs, strict=True)
    )


def _unmet(node: Apply, known: Mapping[Variable, Any]) -> set[type[Exception]]:
    """Return the kinds of all that ``node`` requires and its operands lack: any may come first."""
    required = node.op.requires(node, list(map(symbolic_operand, node.inputs)))
    operands = tuple(v for v in dict.fromkeys(node.inputs) if not isinstance(v, Constant))
    conditions = tuple(as_variable(each.condition) for each in required)
    holds = run(FunctionGraph(operands, conditions), [known[v] for v in operands])
    pairs = zip(required, holds, strict=True)
    return {kind(each.error(each.message)) for each, holding in pairs if not holding.all()}


# backends ---------------------------------------------------------------------------------------
def disagreements(batch: Sequence[Judged], mode: Mode) -> Iterator[Disagreement]:
    """Yield where ``mode`` differs: graphs are compiled as one, and each alone where that fails."""
    fine = [j for j in batch if not j.errors]
    together = _ran(fine, mode) if len(fine) > 1 else None
    if isinstance(together, Ran):
        rest = iter(together.outputs)
        for j in fine:
            mine = Ran([next(rest) for _ in j.graph.outputs], [])
            if _compared(j, mode, mine):  # by rules that fired on it, or on another one?
                alone = _ran([j], mode)
                changes = alone.changes if isinstance(alone, Ran) else []
                yield from _compared(j, mode, Ran(mine.outputs, changes))
        batch = [j for j in batch if j.errors]
    for j in batch:
        if MemoryError in j.errors and cannot_raise(str(mode.backend)):
            continue
        found = _ran([j], mode)
        if not isinstance(found, UnsupportedError):
            yield from _compared(j, mode, found)


@dataclass(frozen=True)
class Ran:
    """What a function returned, and what the rules that fired on its graph may have changed."""

    outputs: list[Array]
    changes: list[Changes]


def _ran(batch: Sequence[Judged], mode: Mode) -> Ran | Exception:
    """Return what one function of several graphs returns, or what it raises."""
    inputs = [v for j in batch for v in j.graph.inputs]
    values = [a for j in batch for a in j.graph.values]
    outputs = [v for j in batch for v in j.graph.outputs]
    try:
        f = function(inputs, outputs, mode, on_unused_input="ignore")
        # Without need no limit: what compiles at the first call wants address space.
        limit = limited() if any(j.errors for j in batch) else nullcontext()
        with np.errstate(all="ignore"), limit, timed():
            results = list(f(*values))
    except Exception as error:  # noqa: BLE001 - it is judged
        return error
    fired = {firing.rule for firing in f.maker.trace}
    return Ran(results, [rule.changes for rule in RULES if rule.name in fired])


def _compared(j: Judged, mode: Mode, found: Ran | Exception) -> list[Disagreement]:
    """Return where a backend differs, but for what it is known to fail."""
    differences = list(_differences(j, mode, found))
    if differences and is_known(str(mode.backend), j.closed, j.met, bool(j.errors)):
        return []
    return differences


def _differences(j: Judged, mode: Mode, found: Ran | Exception) -> Iterator[Disagreement]:
    where = f"{mode.backend}{'' if mode.optimizer else ' without the optimizer'}"
    wanted = " or ".join(sorted(error.__name__ for error in j.errors))
    lacking = MemoryError in j.errors
    if isinstance(found, Exception):
        message = f"raises {type(found).__name__}: {found}".replace("\n", "; ")
        right = isinstance(found, tuple(j.errors))  # an ArraySizeError is a ValueError, too
        right |= j.large and kind(found) is MemoryError
        if not right and not (lacking and kind(found) in BEYOND):
            yield Disagreement(j.graph.seed, where, message + (f"; not {wanted}" if wanted else ""))
        return
    changed = any(changes.nonfinite or changes.more_exact for changes in found.changes)
    # Rules may change what comes of infinities and NaN; of complex ones backends make what they do.
    free = (changed or j.complex) and "nonfinite" in j.met
    if j.errors:
        asserted = free and j.errors.issubset({AssertionError})
        if not lacking and not asserted:
            yield Disagreement(j.graph.seed, where, f"does not raise {wanted}")
        return
    if free:
        return
    triples = zip(j.graph.outputs, j.spreads, found.outputs, strict=True)
    for k, (v, spread, value) in enumerate(triples):
        if complaint(spread, value, v.dtype) is None or j.surer is None:
            continue
        what = complaint(j.surer[k], value, v.dtype)
        if what is not None:
            yield Disagreement(j.graph.seed, where, f"output {k} {what}")


def complaint(spread: Spread, found: Array, dtype: str) -> str | None:
    """Return what is wrong with an output, or None."""
    value = spread.value
    if found.dtype != np.dtype(dtype):
        return f"is {found.dtype}, not {dtype}"
    if not spread.settled.any() and found.shape != value.shape:
        return None  # rounding decides on the shape, too
    if found.shape != value.shape:
        return f"has shape {found.shape}, not {value.shape}"
    with np.errstate(all="ignore"):
        if value.dtype.kind in "fc":
            wide = WIDE[value.dtype.name]
            close = np.abs(found.astype(wide) - value.astype(wide)) <= spread.tolerance
            right = close | (found == value) | (np.isnan(found) & np.isnan(value))
        else:
            right = found == value
    wrong = spread.settled & ~right
    if not wrong.any():
        return None
    at = np.unravel_index(int(np.argmax(wrong)), wrong.shape)
    tolerance = float(spread.tolerance[at])
    return f"at {tuple(map(int, at))} is {found[at]!r}, not {value[at]!r} +- {tolerance:.3g}"


# derivatives ------------------------------------------------------------------------------------
STEPS = (1e-4, 1e-5, 1e-6)
"""The steps of differences; where they do not agree, the graph is not smooth, or not well known."""


def derivative_complaints(j: Judged) -> Iterator[Disagreement]:
    """Yield where the two modes of a derivative differ from one another, or from differences."""
    d = j.graph.derivatives
    if d is None or j.errors or _marked(j.graph):
        return
    parts = [j.spreads[k] for k in (*d.gradients, d.tangent, d.cost)]
    if not all(s.settled.all() and np.isfinite(s.value).all() for s in parts):
        return
    slope, room = _along(j, d.gradients)
    tangent = j.spreads[d.tangent]
    found = float(tangent.value)
    if not np.isfinite([slope, room]).all():
        return
    if abs(found - slope) > 8 * (room + float(tangent.tolerance)):
        what = f"forward mode {found!r}, reverse mode {slope!r} +- {room:.3g}"
        yield Disagreement(j.graph.seed, "derivatives", what)
    places = {"first order": (range(d.cost, d.cost + 1), found, room)}
    if d.second:
        places["second order"] = (d.gradients, *_along(j, d.second))
    for order, (outputs, derivative, unknown) in places.items():
        difference = _difference(j, d, outputs)
        if difference is not None and np.isfinite([derivative, unknown]).all():
            room = 1e-3 * (abs(difference) + abs(derivative)) + 1e-5 + unknown
            if abs(derivative - difference) > room:
                what = f"{derivative!r}, by differences {difference!r}"
                yield Disagreement(j.graph.seed, f"derivative of {order}", what)


def _along(j: Judged, places: range) -> tuple[float, float]:
    """Return the outputs at ``places`` along the directions, and how far off that may be."""
    assert j.graph.derivatives is not None
    total = room = 0.0
    with np.errstate(all="ignore"):
        for k, direction in zip(places, j.graph.derivatives.directions, strict=True):
            spread, t = j.spreads[k], direction.astype(WIDE[direction.dtype.name])
            value = spread.value.astype(WIDE[spread.value.dtype.name])
            total += float(np.vdot(value, t).real)
            room += float(np.vdot(spread.tolerance + 1e-12 * np.abs(value), np.abs(t)))
    return total, room


def _difference(j: Judged, d: Derivatives, places: range) -> float | None:
    """Return the difference quotient of the cost, or of the gradients along the directions.

    None: it has no limit, or rounding hides it.
    """
    graph = j.graph
    if any(v.dtype != WIDE.get(v.dtype, v.dtype) for v in ancestors(graph.outputs)):
        return None
    of_gradients = places == d.gradients
    room = _along(j, places)[1] if of_gradients else float(j.spreads[d.cost].tolerance)
    moves = dict(zip(d.wrt, d.directions, strict=True))
    at = dict(zip(graph.inputs, graph.values, strict=True))
    largest = 1e-4 * STEPS[-1] / np.finfo(np.float64).eps
    if any(np.any(np.abs(at[v]) > largest) for v in moves):
        return None  # a step is lost in rounding
    outputs = [graph.outputs[k] for k in places]
    constant = _piecewise_constant(outputs)
    closed = FunctionGraph(tuple(graph.inputs), (*outputs, *constant))
    weights = d.directions if of_gradients else [np.ones(())]

    def values(h: float) -> tuple[float, Sequence[Array]]:
        """Return what is differentiated, and what must not change."""
        moved = [a + h * moves[v] if v in moves else a for v, a in at.items()]
        results = run(closed, moved)
        total = sum(float(np.vdot(r, w).real) for r, w in zip(results, weights, strict=False))
        return total, results[len(outputs) :]

    try:
        with np.errstate(all="ignore"):
            middle, pieces = values(0.0)
            slopes: list[float] = []
            for h in (sign * step for step in STEPS for sign in (1, -1)):
                value, others = values(h)
                if not all(map(np.array_equal, pieces, others)):
                    return None  # a jump or a kink, which a large slope would hide
                slopes.append((value - middle) / h)
    except (ArithmeticError, ValueError, IndexError, AssertionError):
        return None
    scale = max(map(abs, slopes))
    smooth = np.isfinite(scale) and max(slopes) - min(slopes) <= 1e-3 * scale + 1e-6
    return slopes[2] if smooth and room / STEPS[-1] < 1e-2 * (1 + scale) else None


def _piecewise_constant(outputs: Sequence[Variable]) -> list[Variable]:
    """Return what is computed from floats and moves in jumps: comparisons, roundings, indices."""
    return [
        v
        for v in ancestors(outputs)
        if v.owner is not None
        and any(x.type.is_inexact for x in v.owner.inputs)
        and (v.type.is_discrete or isinstance(v.owner.op.derivative, Flat))
    ]


def _marked(graph: Graph) -> bool:
    """Return whether the graph asks for other derivatives than those of its values.

    Clipped ones, none, or those of a solution, where what is drawn solves no equations.
    """
    nodes, other = [v.owner for v in ancestors(graph.outputs)], GradientMark | ImplicitSolution
    return any(node is not None and isinstance(node.op, other) for node in nodes)


# all of it --------------------------------------------------------------------------------------
def checked(seeds: Sequence[int], modes: Sequence[Mode]) -> tuple[list[Disagreement], Counter[str]]:
    """Return where the graphs of ``seeds`` disagree, and how many there are of each kind."""
    found: list[Disagreement] = []
    batch: list[Judged | None] = []
    for seed in seeds:
        try:
            batch.append(judged(graph(seed)))
        except Exception as error:  # noqa: BLE001 - nothing but a refusal is right
            what = f"raises {type(error).__name__}: {error}"
            found.append(Disagreement(seed, "the language or its reference", what))
    good = [j for j in batch if j is not None]
    counts = Counter(graphs=len(seeds), undecided=len(batch) - len(good))
    counts["raising"] = sum(bool(j.errors) for j in good)
    counts["with derivatives"] = sum(j.graph.derivatives is not None for j in good)
    found += [d for j in good for d in derivative_complaints(j)]
    for mode in modes:
        for first in range(0, len(good), TOGETHER):
            found += disagreements(good[first : first + TOGETHER], mode)
    return found, counts
