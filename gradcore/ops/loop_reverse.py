"""The cotangents of a loop: a loop over its steps in reversed order::

    forward    h0 -> [f] -> h1 -> [f] -> h2 -> ... -> hn
                    ^ |          ^ |
                    x1 y1        x2 y2          and the constants k at each step

    reverse    g0 <- [b] <- g1 <- [b] <- g2 <- ... <- gn        gn: cotangent of hn
                    | ^          | ^
                    e1 c1        e2 c2          c: cotangents of the stacked y
                                                e: cotangents of the elements x
                                                s += ...: cotangent of k, a term each step

``b`` is the pullback of ``f``.  So the cotangents of states are states of the reverse loop, those
of stacks are sequences (reversed), those of elements are stacks (reversed back), and those of
constants are states that only collect terms, in any order (`Loop.sums`).  ``b`` reads ``x``, ``k``
and, of the forward loop, what `gradcore.ops.loop_reads` says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from gradcore.derive import (
    Contribution,
    Direction,
    Masked,
    accumulated,
    applied,
    combined,
    contributions,
    zeros,
)
from gradcore.graph import ZERO, Apply, FunctionGraph, Undefined, Variable, ancestors, substitute
from gradcore.language import LANGUAGE
from gradcore.ops.loop import Loop, placeholders
from gradcore.ops.loop_links import links
from gradcore.ops.loop_reads import ReverseStep, reverse_step


@dataclass(frozen=True)
class Carried:
    """What a reverse step takes and returns, in this order; variables of the forward step.

    states : the states whose cotangents it carries, and ``cotangents``, what stands for these.
    constants : those whose cotangents it collects, and ``sums``, what stands for these.
    elements : those whose cotangents it stacks.
    stacks : for each placeholder of an element of a stack's cotangent, the cotangent.
    """

    states: Sequence[Variable]
    cotangents: Sequence[Variable]
    constants: Sequence[Variable]
    sums: Sequence[Variable]
    elements: Sequence[Variable]
    stacks: Mapping[Variable, Variable]


class ReverseLoop:
    """The loop of the cotangents of ``node``, while it is built.

    cotangents : those of the outputs of the node.
    wanted : for each input but the number of steps, whether its cotangent is asked for.
    totals : where the sums of the cotangents of constants start, by the number of the input; 0
        where nothing is said.
    """

    def __init__(
        self,
        op: Loop,
        node: Apply,
        cotangents: Sequence[Contribution],
        wanted: Sequence[bool],
        totals: Mapping[int, Variable] = MappingProxyType({}),
    ) -> None:
        self.op = op
        self.node = node
        self.guard = any(isinstance(ct, Masked) for ct in cotangents)
        self.given = [applied(v, ct) for v, ct in zip(node.outputs, cotangents, strict=True)]
        self.wanted = wanted
        self.totals = {op.body.inputs[i]: total for i, total in totals.items()}
        self.inner = op.parts(op.body.inputs)
        self.outer = op.parts(node.inputs[1:])
        self.results = op.results(op.body.outputs)
        taken = node.outputs[-1] if op.until else node.inputs[0]
        self.taken = taken
        self.steps = taken if op.truncate < 0 else LANGUAGE["minimum"](taken, op.truncate)

    def cotangents(self) -> list[Direction]:
        """Return the cotangents of the inputs but for the steps."""
        states, elements, constants = self._reached()
        news = [self.results.states[self.inner.states.index(state)] for state in states]
        given = zip(self.results.stacks, self.of_stacks(), strict=True)
        pairs = [(y, ct) for y, ct in given if isinstance(ct, Variable)]
        state_seeds = placeholders(states, "g_")
        stack_seeds = placeholders([y for y, _ in pairs], "g_")
        seeds: list[Contribution] = [*state_seeds, *stack_seeds]
        if self.guard:
            seeds = [Masked(None, True, seed) for seed in (*state_seeds, *stack_seeds)]
        wrt = [*states, *elements, *constants]
        terms = contributions([*news, *(y for y, _ in pairs)], seeds, wrt)
        found = {v: applied(v, combined(v, some)) for v, some in zip(wrt, terms, strict=True)}
        for ct in found.values():
            if isinstance(ct, Undefined):
                return [ct if want else None for want in self.wanted]

        summed = [v for v in constants if isinstance(found[v], Variable)]
        sums = placeholders(summed, "sum_")
        terms_of = dict(zip(wrt, terms, strict=True))
        stacked = {v: ct for v in elements if isinstance(ct := found[v], Variable)}
        outputs = [
            *(ct if isinstance(ct := found[v], Variable) else zeros(v) for v in states),
            *(accumulated(v, total, terms_of[v]) for total, v in zip(sums, summed, strict=True)),
            *stacked.values(),
        ]
        if self.op.replayed:
            outputs = continued(outputs, sums)
        stacks = dict(zip(stack_seeds, (ct for _, ct in pairs), strict=True))
        carried = Carried(states, state_seeds, summed, sums, list(stacked), stacks)
        return self._answers(self._run(carried, reverse_step(self.op, outputs)))

    def of_stacks(self) -> Sequence[Direction]:
        """Return the cotangents of the stacks."""
        return self.given[self.op.states : self.op.states + len(self.results.stacks)]

    def _reached(self) -> tuple[list[Variable], list[Variable], list[Variable]]:
        """Return the states that cotangents reach; the elements and constants that are wanted."""
        reach = links(self.op)
        outputs = (*self.given[: self.op.states], *self.of_stacks())
        seeded = {o for o, ct in enumerate(outputs) if isinstance(ct, Variable)}
        alive = {
            v for i, v in enumerate(self.op.body.inputs) if reach[i] & seeded and v.type.is_inexact
        }
        wanted = {v for v, want in zip(self.op.body.inputs, self.wanted, strict=True) if want}
        return (
            [v for v in self.inner.states if v in alive],
            [v for v in self.inner.sequences if v in alive & wanted],
            [v for v in self.inner.constants if v in alive & wanted],
        )

    # the loop -----------------------------------------------------------------------------------
    def _run(self, carried: Carried, step: ReverseStep) -> dict[Variable, Direction]:
        """Return the cotangents that the loop gives, by variables of the forward step."""
        op, node = self.op, self.node
        sequences = self._sequences(carried, step)
        needed = set(ancestors(step.outputs))
        constants = {
            k: c
            for k, c in zip(self.inner.constants, self.outer.constants, strict=True)
            if k in needed
        }
        body = FunctionGraph(
            (*sequences, *carried.cotangents, *carried.sums, *constants), tuple(step.outputs)
        )
        states = len(carried.states)
        loop = type(op)(
            body,
            len(sequences),
            states + len(carried.sums),
            name=op.name_of("grad"),
            sums=frozenset(range(states, states + len(carried.sums))),
            replayed=op.replayed,
            seeds=op.seeds,
        )
        starts = dict(zip(op.body.inputs, node.inputs[1:], strict=True))
        back = loop.make_node(
            self.steps,
            *sequences.values(),
            *self._last(carried.states),
            *(self.totals[v] if v in self.totals else zeros(starts[v]) for v in carried.constants),
            *constants.values(),
        )
        results = loop.results(back.outputs)
        ends = zip((*carried.states, *carried.constants), results.states, strict=True)
        found: dict[Variable, Direction] = dict(ends)
        for v, stack in zip(carried.elements, results.stacks, strict=True):
            found[v] = self._of_sequence(starts[v], stack)
        if op.truncate >= 0:
            for v in carried.states:
                whole = LANGUAGE["le"](self.taken, op.truncate)
                found[v] = LANGUAGE["switch"](whole, found[v], 0)
        return found

    def _sequences(self, carried: Carried, step: ReverseStep) -> dict[Variable, Variable]:
        """Return the sequences of the loop, by what stands for their elements."""
        histories = self._stacked(list(step.recorded.values()))
        needed = set(ancestors(step.outputs))
        found: dict[Variable, Variable] = {}
        for element, sequence in zip(self.inner.sequences, self.outer.sequences, strict=True):
            if element in needed:
                found[element] = _flipped(sequence[: self.taken])
        for placeholder, history in zip(step.recorded, histories, strict=True):
            found[placeholder] = _flipped(history)
        for seed, ct in carried.stacks.items():
            found[seed] = _flipped(ct)
        return found

    def _last(self, states: Sequence[Variable]) -> list[Variable]:
        """Return the cotangents of the last values of states: where the loop starts."""
        given = dict(zip(self.inner.states, self.given, strict=False))
        finals = dict(zip(self.inner.states, self.node.outputs, strict=False))
        return [ct if isinstance(ct := given[v], Variable) else zeros(finals[v]) for v in states]

    def _of_sequence(self, sequence: Variable, stack: Variable) -> Variable:
        """Return the cotangent of a sequence: zero for elements that no reverse step has seen."""
        first = None if self.op.truncate < 0 else self.taken - self.steps
        part = zeros(sequence)[first : self.taken]
        return LANGUAGE["set_subtensor"](part, _flipped(stack))

    def _stacked(self, values: Sequence[Variable]) -> Sequence[Variable]:
        """Return the stacks of ``values``, variables of the body, over the steps taken.

        A copy of the loop with more outputs stacks them; rewriting merges it with the loop itself.
        """
        op, node = self.op, self.node
        at_hand = dict(zip(self.results.stacks, op.results(node.outputs).stacks, strict=True))
        if all(v in at_hand for v in values):
            return [at_hand[v] for v in values]
        condition = (self.results.condition,) if self.results.condition is not None else ()
        outputs = (*self.results.states, *values, *condition)
        loop = op.with_graphs(FunctionGraph(op.body.inputs, outputs))
        return loop.results(loop.make_node(*node.inputs).outputs).stacks

    def _answers(self, found: Mapping[Variable, Direction]) -> list[Direction]:
        """Return what was found for each input, zero where it is connected all the same."""
        reach = links(self.op)
        seeded = {o for o, ct in enumerate(self.given) if ct is not None}
        return [
            None if not want else found.get(v, ZERO if reach[i] & seeded else None)
            for i, (v, want) in enumerate(zip(self.op.body.inputs, self.wanted, strict=True))
        ]


def continued(outputs: Sequence[Variable], sums: Sequence[Variable]) -> list[Variable]:
    """Return ``outputs`` of a step where sums of loops within it start from the sums before it.

    A step of segments is a loop itself, which adds terms to sums of its own; where an output is
    one of ``sums`` and such a sum, the terms are added to the former, one by one, as they are
    where all steps are those of one loop.
    """
    starts: dict[Apply, dict[int, Variable]] = {}
    places: dict[int, Variable] = {}
    for k, output in enumerate(outputs):
        made = output.owner
        if made is None or len(made.inputs) != 2 or made.inputs[0] not in sums:
            continue
        total, added = made.inputs
        loop = added.owner
        if loop is not None and isinstance(loop.op, Loop) and added.index in loop.op.sums:
            starts.setdefault(loop, {})[1 + loop.op.sequences + added.index] = total
            places[k] = added
    replaced: dict[Variable, Variable] = {}
    for loop, totals in starts.items():
        inputs = [totals[i] + v if i in totals else v for i, v in enumerate(loop.inputs)]
        replaced.update(zip(loop.outputs, loop.with_inputs(inputs).outputs, strict=True))
    return substitute([places.get(k, v) for k, v in enumerate(outputs)], replaced)


def _flipped(x: Variable) -> Variable:
    return x[::-1]
