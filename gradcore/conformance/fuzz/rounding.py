"""How far rounding may move a result: by stochastic arithmetic.

A graph is run several times on the reference with every float result moved by random units in
the last place, and with narrow and wide accumulators; how far the outputs spread is how much
rounding alone can change them, whatever the condition of the graph (Vignes, "A stochastic
arithmetic for reliable scientific computation", 1993).  Rejected: one tolerance for all graphs,
which is too tight for ill-conditioned ones and blind to errors in the others.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from gradcore.conformance.precision import largest
from gradcore.dtypes import COMPLEX, FLOATS
from gradcore.execute import by_reference
from gradcore.graph import Apply, Array, Constant, FunctionGraph, Op, Variable, inner_graphs
from gradcore.ops.control import PassingOn
from gradcore.ops.scalars import and_, eq, invert, le, maximum, neq, or_
from gradcore.tensor import cast

RUNS = 4
"""How often a graph is run with other roundings."""

MANY_RUNS = 64
"""How often before a disagreement is reported: of a jump, a few runs may see one side alone."""

WIDE = {name: kind[-1] for kind in (FLOATS, COMPLEX) for name in kind}
"""For each inexact dtype the widest one of its kind."""

LEAST_ULP = 4.0
"""How many units in the last place each result is moved by, at most, if its op declares less."""

MARGIN = 16.0
"""How many times the spread of a few runs a result may be off."""


@final
@dataclass(frozen=True, repr=False)
class Jitter(PassingOn):
    """The operand, each element moved by up to ``units`` units in the last place, at random.

    by_norm : whether the units are those of the largest element of each matrix.
    """

    units: float
    by_norm: bool = False
    foldable = False

    def reference(self, *arrays: Any) -> Any:
        """Return the operand, moved at random; finite elements remain finite."""
        x = np.asarray(arrays[0])
        _run.met |= met_by(x)
        unit = np.spacing(largest(x) if self.by_norm else np.abs(x))
        if x.dtype.kind == "c":  # each part may be off by units of the absolute value
            moved = np.empty(x.shape, x.dtype)
            moved.real, moved.imag = (self._moved(p, unit) for p in _parts(x))
            return moved
        return self._moved(x, unit)

    def _moved(self, x: Array, unit: Array) -> Array:
        shape: tuple[int, ...] = x.shape
        noise = np.asarray(_run.generator.uniform(-self.units, self.units, shape))
        most = np.finfo(x.dtype).max
        moved = np.clip(x + noise * unit, -most, most)
        finite = np.asarray(np.isfinite(x)) & np.asarray(np.isfinite(unit))
        return np.asarray(np.where(finite, moved, x), x.dtype)


@final
@dataclass(frozen=True, repr=False)
class InAnyOrder(PassingOn):
    """The first operand, the sums or products by ``op`` of the others, where any order gives it.

    Where some of the terms overflow together, or some of the factors overflow or underflow, it is
    another value: in another order the result may be an infinity, NaN or 0 as well.
    """

    op: Op
    foldable = False

    def reference(self, *arrays: Any) -> Any:
        """Return the result, or where the order decides NaN in one run and inf in the next."""
        result, *parts = arrays
        magnitudes = [_finite_magnitude(x) for x in parts]
        if self.op.accumulates:
            safe = np.isfinite(self.op.reference(*magnitudes))
        else:
            normal = np.finfo(result.dtype).smallest_normal
            nonzero = [np.where(x == 0, 1, x) for x in magnitudes]
            most = self.op.reference(*(np.maximum(x, 1) for x in nonzero))
            least = self.op.reference(*(np.minimum(x, 1) for x in nonzero))
            safe = (np.isfinite(most) | (least == 1)) & ((least >= normal) | (most == 1))
        another = (np.nan, np.inf)[_run.wide_run % 2]
        return np.where(safe, result, another).astype(result.dtype)


def _parts(x: Array) -> tuple[Array, Array]:
    return np.asarray(np.real(x)), np.asarray(np.imag(x))


def _finite_magnitude(x: Array) -> Array:
    return np.where(np.isfinite(x), np.abs(x), 0) if x.dtype.kind in "fc" else x


def met_by(x: Array) -> frozenset[str]:
    """Return which numbers among ``x`` are special: subnormal ones, and what is not finite."""
    if x.dtype.kind == "c":
        return met_by(x.real) | met_by(x.imag)
    if x.dtype.kind != "f":
        return frozenset()
    subnormal = (x != 0) & (np.abs(x) < np.finfo(x.dtype).smallest_normal)
    found = {"subnormal": subnormal.any(), "nonfinite": not np.isfinite(x).all()}
    return frozenset(name for name, occurs in found.items() if occurs)


@dataclass
class _Run:
    """The state of moved runs: what is drawn from, and which special numbers they met.

    wide_run : which of those with wide accumulators it is.
    """

    generator: np.random.Generator
    met: frozenset[str] = frozenset()
    wide_run: int = 0


_run = _Run(np.random.default_rng(0))


def jittered(graph: FunctionGraph, wide: bool = False) -> FunctionGraph:
    """Return ``graph`` with all float and complex results moved, in the graphs of its ops too.

    wide : whether what adds up, or multiplies many, does so in float64; and is another value where
        it could overflow or underflow in another order.
    """
    new: dict[Variable, Variable] = {}
    graph = merged(graph)
    for node in graph.nodes:
        op = node.op
        if op.graphs:
            op = op.with_graphs(*(jittered(inner, wide) for inner in inner_graphs(op)))
        given = inputs = [new.get(v, v) for v in node.inputs]
        if op.accumulates or op.ulp > LEAST_ULP:  # the right result for operands close by will do
            inputs = [_moved(v, 1.0, op.by_norm) for v in inputs]
        wider = wide and (op.accumulates or op.compounds)
        if wider:
            inputs = [cast(v, WIDE.get(v.dtype, v.dtype)) for v in inputs]
        unchanged = op is node.op and not wider
        fresh = node.with_inputs(inputs) if unchanged else op.make_node(*inputs)
        if wide and op in (eq, neq) and any(v.owner is not None for v in node.inputs):
            new[node.out] = _with_neighbours(fresh)
            continue
        for old, output in zip(node.outputs, fresh.outputs, strict=True):
            eliminates = op.compounds and op.by_norm
            several = wider and not eliminates and output.type.is_inexact
            same = cast(InAnyOrder(op)(output, *given) if several else output, old.dtype)
            units = max(op.ulp, LEAST_ULP)
            new[old] = _moved(same, units, op.by_norm) if _rounds(op) else same
    return FunctionGraph(graph.inputs, tuple(new.get(v, v) for v in graph.outputs))


def _with_neighbours(node: Apply) -> Variable:
    """Return a comparison that takes numbers a few roundings apart for equal: they may be.

    Noise does not find that ``log(exp(x))`` may be ``x``.
    """
    x, y = node.inputs
    if not (x.type.is_inexact or y.type.is_inexact):
        return node.out
    difference = abs(x - y)
    unit = MARGIN * LEAST_ULP * float(np.finfo(difference.dtype).eps)
    near = le(difference, maximum(abs(x), abs(y)) * unit)
    return or_(node.out, near) if node.op is eq else and_(node.out, invert(near))


def merged(graph: FunctionGraph) -> FunctionGraph:
    """Return ``graph`` with equal nodes as one, since what is computed twice is rounded alike.

    A derivative compares results with operands: moved by themselves, a maximum has no slope at all.
    """
    constants: dict[Hashable, Constant] = {}
    nodes: dict[Hashable, Apply] = {}
    same: dict[Variable, Variable] = {}
    for v in graph.variables:
        if isinstance(v, Constant):
            same[v] = constants.setdefault((v.type, v.data.tobytes()), v)
    for node in graph.nodes:
        inputs = [same.get(v, v) for v in node.inputs]
        one = nodes.setdefault((node.op, *inputs), node.with_inputs(inputs))
        same.update(zip(node.outputs, one.outputs, strict=True))
    return FunctionGraph(graph.inputs, tuple(same.get(v, v) for v in graph.outputs))


def _rounds(op: Op) -> bool:
    """Return whether an op computes, rather than moves elements about."""
    return bool(op.ulp)


def _moved(v: Variable, units: float, by_norm: bool) -> Variable:
    return Jitter(units, by_norm)(v) if v.type.is_inexact else v


@dataclass(frozen=True)
class Spread:
    """What an output is, and what rounding can make of it.

    value : the output of the plain graph.
    tolerance : how far off each element may be.
    settled : where all runs agree on what kind of number it is: finite, which infinity, NaN; for
        integers, where they agree.
    """

    value: Array
    tolerance: Array
    settled: Array


@dataclass(frozen=True)
class Spreads:
    """What a graph gives.

    outputs : its outputs, with what rounding can make of them.
    met : the special numbers that occur on the way, inputs included; see `met_by`.
    """

    outputs: list[Spread]
    met: frozenset[str]


def spreads(
    graph: FunctionGraph, values: Sequence[Array], seed: int, times: int = RUNS
) -> Spreads | None:
    """Return what ``graph`` gives; None: it raises where it is rounded otherwise.

    times : how often it is run.
    """
    global _run  # noqa: PLW0603 - what the ops draw from while they run
    plain = run(graph, values)
    moved = jittered(graph), jittered(graph, wide=True)
    _run = _Run(np.random.default_rng(seed))
    runs: list[Sequence[Array]] = []
    for k in range(times):
        try:
            _run.wide_run = k // 2
            runs.append(run(moved[k % 2], values))
        except (ArithmeticError, ValueError, IndexError, AssertionError):
            return None
    columns = zip(*runs, strict=True)
    outputs = [_spread(value, list(column)) for value, column in zip(plain, columns, strict=True)]
    return Spreads(outputs, _run.met.union(*map(met_by, values)))


def run(graph: FunctionGraph, values: Sequence[Array]) -> Sequence[Array]:
    """Return the outputs of the graph as it is written, by the references of its ops."""
    with np.errstate(all="ignore"):
        return [np.asarray(v) for v in by_reference(graph)(*values)]


def _spread(value: Array, runs: Sequence[Array]) -> Spread:
    alike = [run for run in runs if run.shape == value.shape]
    if len(alike) < len(runs):
        nowhere = np.zeros(value.shape, bool)
        return Spread(value, np.zeros(value.shape), nowhere)
    if value.dtype.kind not in "fc":
        same = np.all([run == value for run in alike], 0) if alike else np.ones(value.shape, bool)
        return Spread(value, np.zeros(value.shape), np.broadcast_to(same, value.shape))
    with np.errstate(all="ignore"):
        wide = WIDE[value.dtype.name]
        exact = value.astype(wide)
        off = np.max([np.abs(run.astype(wide) - exact) for run in alike], 0)
        unit = np.spacing(np.abs(value)).astype(np.float64)
        settled = np.all([_kind(run) == _kind(value) for run in alike], 0)
        tolerance = MARGIN * (np.where(np.isfinite(off), off, 0) + np.where(settled, unit, 0))
    return Spread(value, np.where(np.isfinite(value), tolerance, 0), settled)


def _kind(a: Array) -> Array:
    return np.where(np.isnan(a), 2, np.where(np.isinf(a), np.sign(a), 0))
