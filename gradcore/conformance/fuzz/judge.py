"""What must hold of a random graph, on every backend."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcore.compile import function
from gradcore.conformance.fuzz.graphs import Derivatives, Graph, graph
from gradcore.conformance.fuzz.rounding import Spread, run, spreads
from gradcore.errors import UnsupportedError
from gradcore.graph import Array, FunctionGraph, ancestors
from gradcore.mode import Mode
from gradcore.ops.control import GradientMark

KINDS = (
    IndexError, AssertionError, MemoryError, NotImplementedError, ValueError, TypeError,
    ArithmeticError,
)  # fmt: skip
"""The kinds of errors that are told apart."""


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
    """A graph, and what it should give: spreads of its outputs, or the kind of an error."""

    graph: Graph
    spreads: list[Spread]
    error: type[Exception] | None


def kind(error: Exception) -> type[Exception]:
    """Return the builtin exception that an error is."""
    return next((k for k in KINDS if isinstance(error, k)), Exception)


def judged(graph: Graph) -> Judged | None:
    """Return what ``graph`` should give; None: rounding decides whether it raises."""
    closed = FunctionGraph(tuple(graph.inputs), tuple(graph.outputs))
    try:
        run(closed, graph.values)
    except Exception as error:  # noqa: BLE001 - whatever it is, other backends must raise it too
        return Judged(graph, [], kind(error))
    found = spreads(closed, graph.values, graph.seed)
    return None if found is None else Judged(graph, found, None)


# backends ---------------------------------------------------------------------------------------
def disagreements(batch: Sequence[Judged], mode: Mode) -> Iterator[Disagreement]:
    """Yield where ``mode`` differs: the graphs are compiled as one, and apart if that fails."""
    fine = [j for j in batch if j.error is None]
    together = _outputs([j.graph for j in fine], mode) if len(fine) > 1 else None
    if isinstance(together, list):
        rest = iter(together)
        for j in fine:
            yield from _compared(j, mode, [next(rest) for _ in j.graph.outputs])
        batch = [j for j in batch if j.error is not None]
    for j in batch:
        found = _outputs([j.graph], mode)
        if isinstance(found, UnsupportedError):
            continue
        yield from _compared(j, mode, found)


def _outputs(graphs: Sequence[Graph], mode: Mode) -> list[Array] | Exception:
    """Return the outputs of several graphs in one function, or what it raises."""
    inputs = [v for g in graphs for v in g.inputs]
    values = [a for g in graphs for a in g.values]
    outputs = [v for g in graphs for v in g.outputs]
    try:
        f = function(inputs, outputs, mode, on_unused_input="ignore")
        with np.errstate(all="ignore"):
            return list(f(*values))
    except Exception as error:  # noqa: BLE001 - it is judged
        return error


def _compared(j: Judged, mode: Mode, found: Any) -> Iterator[Disagreement]:
    where = f"{mode.backend}{'' if mode.optimizer else ' without the optimizer'}"
    seed = j.graph.seed
    if isinstance(found, Exception):
        if j.error is None:
            yield Disagreement(seed, where, f"raises {type(found).__name__}: {found}")
        elif kind(found) is not j.error:
            told = f"{type(found).__name__}: {found}"
            yield Disagreement(seed, where, f"raises {told}, not {j.error.__name__}")
        return
    if j.error is not None:
        yield Disagreement(seed, where, f"does not raise {j.error.__name__}")
        return
    for k, (v, spread, value) in enumerate(zip(j.graph.outputs, j.spreads, found, strict=True)):
        what = complaint(spread, value, v.dtype)
        if what is not None:
            yield Disagreement(seed, where, f"output {k} {what}")


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
        if value.dtype.kind == "f":
            close = np.abs(found.astype(float) - value.astype(float)) <= spread.tolerance
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
    if d is None or j.error is not None or _marked(j.graph):
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
    places = {"first order": (range(d.cost, d.cost + 1), found)}
    if d.second:
        places["second order"] = (d.gradients, _along(j, d.second)[0])
    for order, (outputs, derivative) in places.items():
        difference = _difference(j.graph, d, outputs)
        if difference is not None and np.isfinite(derivative):
            if abs(derivative - difference) > 1e-3 * (abs(difference) + abs(derivative)) + 1e-5:
                what = f"{derivative!r}, by differences {difference!r}"
                yield Disagreement(j.graph.seed, f"derivative of {order}", what)


def _along(j: Judged, places: range) -> tuple[float, float]:
    """Return the outputs at ``places`` along the directions, and how far off that may be."""
    assert j.graph.derivatives is not None
    total = room = 0.0
    with np.errstate(all="ignore"):
        for k, direction in zip(places, j.graph.derivatives.directions, strict=True):
            spread, t = j.spreads[k], direction.astype(np.float64)
            value = spread.value.astype(np.float64)
            total += float(np.vdot(value, t))
            room += float(np.vdot(spread.tolerance + 1e-12 * np.abs(value), np.abs(t)))
    return total, room


def _difference(graph: Graph, d: Derivatives, places: range) -> float | None:
    """Return the difference quotient of outputs along the directions; None: it has no limit."""
    if any(v.type.is_float and v.dtype != "float64" for v in ancestors(graph.outputs)):
        return None
    closed = FunctionGraph(tuple(graph.inputs), tuple(graph.outputs[k] for k in places))
    moves = dict(zip(d.wrt, d.directions, strict=True))

    def value(h: float) -> float:
        pairs = zip(graph.inputs, graph.values, strict=True)
        results = run(closed, [a + h * moves[v] if v in moves else a for v, a in pairs])
        weights = d.directions if places == d.gradients else [np.ones(())]
        return sum(float(np.sum(r * w)) for r, w in zip(results, weights, strict=True))

    try:
        with np.errstate(all="ignore"):
            middle = value(0.0)
            slopes = [
                quotient
                for h in STEPS
                for quotient in ((value(h) - middle) / h, (middle - value(-h)) / h)
            ]
    except (ArithmeticError, ValueError, IndexError, AssertionError):
        return None
    scale = max(map(abs, slopes))
    smooth = np.isfinite(scale) and max(slopes) - min(slopes) <= 1e-3 * scale + 1e-6
    return slopes[2] if smooth and abs(middle) < 1e6 * (1 + scale) else None


def _marked(graph: Graph) -> bool:
    """Return whether the graph asks for something else than derivatives: clipped ones, or none."""
    nodes = [v.owner for v in ancestors(graph.outputs)]
    return any(node is not None and isinstance(node.op, GradientMark) for node in nodes)


# all of it --------------------------------------------------------------------------------------
def checked(seeds: Sequence[int], modes: Sequence[Mode]) -> tuple[list[Disagreement], Counter[str]]:
    """Return where the graphs of ``seeds`` disagree, and how many there are of each kind."""
    batch = [(seed, judged(graph(seed))) for seed in seeds]
    good = [j for _, j in batch if j is not None]
    counts = Counter(graphs=len(batch), undecided=len(batch) - len(good))
    counts["raising"] = sum(j.error is not None for j in good)
    counts["with derivatives"] = sum(j.graph.derivatives is not None for j in good)
    found = [d for j in good for d in derivative_complaints(j)]
    for mode in modes:
        for first in range(0, len(good), TOGETHER):
            found += disagreements(good[first : first + TOGETHER], mode)
    return found, counts
