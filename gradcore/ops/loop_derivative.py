"""The derivatives of a loop, which are loops of the same kind."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gradcore.derive import (
    Contribution,
    Direction,
    Masked,
    accumulated,
    applied,
    combined,
    contributions,
    moving_with,
    pushforward,
    zeros,
)
from gradcore.graph import (
    ZERO,
    Apply,
    Constant,
    Derivative,
    FunctionGraph,
    Undefined,
    Variable,
    ancestors,
    substitute,
    toposort,
)
from gradcore.graph.traverse import infer_shapes
from gradcore.language import LANGUAGE
from gradcore.ops.loop import Loop
from gradcore.ops.scalars import fill
from gradcore.ops.shape_values import Extent as ExtentOp
from gradcore.ops.shape_values import ShapeOf


@functools.lru_cache(maxsize=256)
def links(op: Loop) -> Mapping[int, frozenset[int]]:
    """Return, for each input of the body, which outputs of the loop move with it (any steps on)."""
    body = op.body
    step: dict[int, set[int]] = {}
    for i, v in enumerate(body.inputs):
        moving = moving_with(body.nodes, [v])
        step[i] = {o for o, output in enumerate(body.outputs) if output in moving}
    onward = {o: step[op.sequences + o] | {o} for o in range(op.states)}

    def further(reach: set[int]) -> set[int]:
        """Return where what moves with ``reach`` gets to by one more round of ``onward``."""
        return {q for p in reach for q in onward.get(p, {p})}

    while True:
        wider = {o: further(reach) for o, reach in onward.items()}
        if wider == onward:
            break
        onward = wider
    # Without steps, a state is its own last value.
    for o in range(op.states):
        step[op.sequences + o].add(o)
    return {i: frozenset(further(reach)) for i, reach in step.items()}


def _placeholders(variables: Sequence[Variable], prefix: str) -> list[Variable]:
    """Return new variables like ``variables``, of float dtype, with a telling name."""
    return [v.type(f"{prefix}{v.name}" if v.name else None) for v in variables]


class LoopDerivative(Derivative):
    """The derivatives of a scan, which are scans.

    Reverse: a loop over the steps in reversed order carries the cotangents of the states and the
    sums of those of the constants, and stacks those of the elements.  What a step's pullback reads
    of the step is computed again from the step's inputs if that is elementwise work, else it is
    recorded by a copy of the loop with more outputs, which rewriting merges with the loop itself.

    Forward: one loop carries states and their tangents.
    """

    masks = True

    def connects(self, node: Apply, i: int, o: int) -> bool:
        """Return whether any step connects input ``i`` with output ``o``."""
        assert isinstance(node.op, Loop)
        return i > 0 and o in links(node.op)[i - 1]

    # reverse ------------------------------------------------------------------------------------
    def pullback(self, node: Apply, cotangents: Sequence[Any], wanted: Sequence[bool]) -> list[Any]:
        """Return the cotangents, from a scan in reversed order."""
        op = node.op
        assert isinstance(op, Loop)
        found = _Reverse(op, node, cotangents, wanted[1:]).cotangents()
        return [None, *found]

    # forward ------------------------------------------------------------------------------------
    def pushforward(self, node: Apply, tangents: Sequence[Any]) -> list[Any]:
        """Return the tangents, from a scan over states and their tangents."""
        op = node.op
        assert isinstance(op, Loop)
        inner, outer = op.parts(op.body.inputs), op.parts(node.inputs[1:])
        given = dict(zip(op.body.inputs, tangents[1:], strict=True))
        reach = links(op)
        index = {v: i for i, v in enumerate(op.body.inputs)}
        moved = [v for v in op.body.inputs if isinstance(given[v], Variable)]
        live = [
            state
            for o, state in enumerate(inner.states)
            if state.type.is_float and any(o in reach[index[v]] for v in moved)
        ]
        moving = [*live, *(v for v in moved if v not in inner.states)]
        seeds = dict(zip(moving, _placeholders(moving, "d_"), strict=True))
        results = op.results(op.body.outputs)
        news = [results.states[inner.states.index(state)] for state in live]
        found = pushforward([*news, *results.stacks], moving, list(seeds.values()))
        for tangent in found:
            if isinstance(tangent, Undefined):
                return [tangent] * len(node.outputs)
        new_tangents = [
            t if isinstance(t, Variable) else zeros(state)
            for t, state in zip(found, live, strict=False)
        ]
        stacked = found[len(live) :]
        moving_stacks = [t for t in stacked if isinstance(t, Variable)]
        xs = [v for v in inner.sequences if v in seeds]
        ks = [v for v in inner.constants if v in seeds]
        body = FunctionGraph(
            (
                *inner.sequences, *(seeds[v] for v in xs),
                *inner.states, *(seeds[v] for v in live),
                *inner.constants, *(seeds[v] for v in ks),
            ),
            (
                *results.states, *new_tangents, *moving_stacks,
                *((results.condition,) if results.condition is not None else ()),
            ),
        )  # fmt: skip
        starts = dict(zip(inner.states, outer.states, strict=True))
        initial = [t if isinstance(t := given[v], Variable) else zeros(starts[v]) for v in live]
        sizes = op.sequences + len(xs), op.states + len(live)
        sums = [op.states + k for k, v in enumerate(live) if inner.states.index(v) in op.sums]
        named = _named("Rop", op)
        loop = type(op)(body, *sizes, op.until, name=named, sums=op.sums.union(sums))
        joint = loop.make_node(
            node.inputs[0],
            *outer.sequences, *(given[v] for v in xs),
            *outer.states, *initial,
            *outer.constants, *(given[v] for v in ks),
        )  # fmt: skip
        outputs = loop.results(joint.outputs)
        last = dict(zip(live, outputs.states[op.states :], strict=True))
        stacks = iter(outputs.stacks)
        directions: list[Direction] = [last.get(state, ZERO) for state in inner.states]
        directions += [next(stacks) if isinstance(t, Variable) else t for t in stacked]
        return directions + [None] * op.until


def _named(what: str, op: Loop) -> str | None:
    return f"{what} of {op.name}" if op.name else None


def _flipped(x: Variable) -> Variable:
    return x[::-1]


class _Reverse:
    """The construction of the reverse loop of one node, kept together while it is built."""

    def __init__(
        self, op: Loop, node: Apply, cotangents: Sequence[Contribution], wanted: Sequence[bool]
    ) -> None:
        self.op = op
        self.node = node
        self.guard = any(isinstance(ct, Masked) for ct in cotangents)
        self.given = [applied(v, ct) for v, ct in zip(node.outputs, cotangents, strict=True)]
        self.wanted = wanted
        self.inner = op.parts(op.body.inputs)
        self.outer = op.parts(node.inputs[1:])
        self.results = op.results(op.body.outputs)

    def cotangents(self) -> list[Direction]:
        """Return the cotangents of the inputs but for the steps."""
        op, inner = self.op, self.inner
        reach = links(op)
        stacks = self.given[op.states : op.states + len(self.results.stacks)]
        seeded = {o for o, ct in enumerate(self.given[: op.states]) if isinstance(ct, Variable)}
        seeded |= {op.states + k for k, ct in enumerate(stacks) if isinstance(ct, Variable)}
        alive = [bool(reach[i] & seeded) and v.type.is_float for i, v in enumerate(op.body.inputs)]
        live_of = dict(zip(op.body.inputs, alive, strict=True))
        wanted_of = dict(zip(op.body.inputs, self.wanted, strict=True))
        live = [v for v in inner.states if live_of[v]]
        elements = [v for v in inner.sequences if live_of[v] and wanted_of[v]]
        constants = [v for v in inner.constants if live_of[v] and wanted_of[v]]

        news = [self.results.states[inner.states.index(state)] for state in live]
        pairs = [
            (y, ct)
            for y, ct in zip(self.results.stacks, stacks, strict=True)
            if isinstance(ct, Variable)
        ]
        state_seeds = _placeholders(live, "g_")
        stack_seeds = _placeholders([y for y, _ in pairs], "g_")
        seeds: list[Contribution] = [*state_seeds, *stack_seeds]
        if self.guard:
            seeds = [Masked(None, True, seed) for seed in (*state_seeds, *stack_seeds)]
        wrt = [*live, *elements, *constants]
        terms = contributions([*news, *(y for y, _ in pairs)], seeds, wrt)
        found = {v: applied(v, combined(v, some)) for v, some in zip(wrt, terms, strict=True)}
        for ct in found.values():
            if isinstance(ct, Undefined):
                return [ct if want else None for want in self.wanted]

        new_states = [ct if isinstance(ct := found[v], Variable) else zeros(v) for v in live]
        summed = [v for v in constants if isinstance(found[v], Variable)]
        sums = _placeholders(summed, "sum_")
        terms_of = dict(zip(wrt, terms, strict=True))
        added = [accumulated(v, total, terms_of[v]) for total, v in zip(sums, summed, strict=True)]
        stacked = [v for v in elements if isinstance(found[v], Variable)]
        outputs = [*new_states, *added, *(found[v] for v in stacked)]
        recorded, outputs = _recorded(op, outputs, [*state_seeds, *stack_seeds, *sums])  # pyright: ignore[reportArgumentType] - variables
        return self._loop(
            live, state_seeds, summed, sums, stacked,
            dict(zip(stack_seeds, (ct for _, ct in pairs), strict=True)), recorded, outputs,
        )  # fmt: skip

    def _loop(
        self,
        live: Sequence[Variable],
        state_seeds: Sequence[Variable],
        summed: Sequence[Variable],
        sums: Sequence[Variable],
        stacked: Sequence[Variable],
        stack_seeds: Mapping[Variable, Variable],
        recorded: Mapping[Variable, Variable],
        outputs: Sequence[Variable],
    ) -> list[Direction]:
        """Return the cotangents of all inputs, from the loop in reversed order."""
        op, node, inner, outer = self.op, self.node, self.inner, self.outer
        taken = node.outputs[-1] if op.until else node.inputs[0]
        steps = taken if op.truncate < 0 else LANGUAGE["minimum"](taken, op.truncate)
        needed = set(ancestors(outputs))
        histories = self._record(list(recorded.values()))
        sequences: dict[Variable, Variable] = {}
        for element, sequence in zip(inner.sequences, outer.sequences, strict=True):
            if element in needed:
                sequences[element] = _flipped(sequence[:taken])
        for (placeholder, _), history in zip(recorded.items(), histories, strict=True):
            sequences[placeholder] = _flipped(history)
        for seed, ct in stack_seeds.items():
            sequences[seed] = _flipped(ct)
        starts = dict(zip(op.body.inputs, node.inputs[1:], strict=True))
        last = dict(zip(inner.states, self.given, strict=False))
        finals = dict(zip(inner.states, node.outputs, strict=False))
        initial = [ct if isinstance(ct := last[v], Variable) else zeros(finals[v]) for v in live]
        constants = {
            k: c for k, c in zip(inner.constants, outer.constants, strict=True) if k in needed
        }
        body = FunctionGraph((*sequences, *state_seeds, *sums, *constants), tuple(outputs))
        loop = type(op)(
            body,
            len(sequences),
            len(live) + len(sums),
            name=_named("grad", op),
            sums=frozenset(range(len(live), len(live) + len(sums))),
        )
        back = loop.make_node(
            steps, *sequences.values(), *initial, *(zeros(starts[v]) for v in summed),
            *constants.values(),
        )  # fmt: skip
        results = loop.results(back.outputs)
        found: dict[Variable, Direction] = dict(zip((*live, *summed), results.states, strict=True))
        first = None if op.truncate < 0 else taken - steps
        for v, stack in zip(stacked, results.stacks, strict=True):
            part = zeros(starts[v])[first:taken]
            found[v] = LANGUAGE["set_subtensor"](part, _flipped(stack))
        if op.truncate >= 0:
            for v in live:
                whole = LANGUAGE["le"](taken, op.truncate)
                found[v] = LANGUAGE["switch"](whole, found[v], 0)
        reach = links(op)
        seeded = {o for o, ct in enumerate(self.given) if ct is not None}
        return [
            None if not want else found.get(v, ZERO if reach[i] & seeded else None)
            for i, (v, want) in enumerate(zip(op.body.inputs, self.wanted, strict=True))
        ]

    def _record(self, values: Sequence[Variable]) -> Sequence[Variable]:
        """Return the stacks of ``values``, variables of the body, over the steps taken."""
        op, node = self.op, self.node
        at_hand = dict(zip(self.results.stacks, op.results(node.outputs).stacks, strict=True))
        if all(v in at_hand for v in values):
            return [at_hand[v] for v in values]
        condition = (self.results.condition,) if self.results.condition is not None else ()
        outputs = (*self.results.states, *values, *condition)
        loop = op.with_graphs(FunctionGraph(op.body.inputs, outputs))
        return loop.results(loop.make_node(*node.inputs).outputs).stacks


def _recorded(
    op: Loop, outputs: Sequence[Variable], seeds: Sequence[Variable]
) -> tuple[dict[Variable, Variable], list[Variable]]:
    """Return what a reverse step must be told of its forward step, and the step that is told so.

    outputs : the outputs of a reverse step, which read variables of the forward step.
    seeds : the inputs of the reverse step that are no variables of the forward step.

    The first result maps placeholders, sequences of the reverse loop, to variables of the forward
    body: the states, and whatever else costs more than elementwise work to compute again.
    """
    inner = op.parts(op.body.inputs)
    forward = set(op.body.variables)
    order = toposort(outputs, stop=forward)
    read: dict[Variable, None] = {}
    shape_only: dict[Variable, None] = {}
    for node in order:
        for i, v in enumerate(node.inputs):
            if v in forward and not isinstance(v, Constant):
                by_shape = i == 0 and (node.op is fill or isinstance(node.op, (ExtentOp, ShapeOf)))
                (shape_only if by_shape and v.owner is not None else read)[v] = None
    read.update((v, None) for v in outputs if v in forward and not isinstance(v, Constant))

    position = {output: k for k, node in enumerate(op.body.nodes) for output in node.outputs}
    dummies = _shape_dummies([v for v in shape_only if v not in read])
    for dummy in dummies.values():
        read.update(
            (v, None)
            for v in ancestors([dummy], forward)
            if v in forward and not isinstance(v, Constant)
        )
    stored: dict[Variable, None] = {}
    for v in sorted(read, key=lambda v: position.get(v, -1)):
        if v in inner.states or (v.owner is not None and not _cheap(v, {*inner.all, *stored})):
            stored[v] = None
        elif v.owner is not None:
            for source in ancestors([v], {*stored, *inner.all}):
                if source in inner.states:
                    stored[source] = None
    placeholders = {v: v.type(v.name) for v in stored}
    new: dict[Variable, Variable] = dict(placeholders)
    for node in order:
        by_shape = node.op is fill or isinstance(node.op, (ExtentOp, ShapeOf))
        inputs = [
            dummies[v] if i == 0 and by_shape and v in dummies else new.get(v, v)
            for i, v in enumerate(node.inputs)
        ]
        new.update(zip(node.outputs, node.with_inputs(inputs).outputs, strict=True))
    told = substitute([new.get(v, v) for v in outputs], placeholders)
    needed = set(ancestors(told))
    return {p: v for v, p in placeholders.items() if p in needed}, told


def _cheap(v: Variable, stop: set[Variable]) -> bool:
    """Return whether computing ``v`` from the variables in ``stop`` is elementwise work."""
    return all(node.op.cheap for node in toposort([v], stop))


def _shape_dummies(variables: Sequence[Variable]) -> dict[Variable, Variable]:
    """Return, for variables of which only the shape is read, zeros of that shape."""
    shapes = infer_shapes(variables)
    return {
        v: LANGUAGE["alloc"](np.zeros((), v.dtype), *shape)
        for v, shape in zip(variables, shapes, strict=True)
    }
