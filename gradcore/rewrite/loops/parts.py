"""The parts of a scan, which rewrites change and from which they rebuild it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from gradcore.errors import ScanError
from gradcore.graph import Apply, Extent, FunctionGraph, Variable, substitute
from gradcore.graph.nodes import constant_extent, extents_of
from gradcore.ops.scalars import minimum
from gradcore.ops.scan import Scan
from gradcore.ops.shape_values import SpecifyShape
from gradcore.rewrite.canonical.stage import same_extent


@dataclass(frozen=True)
class Input:
    """An input of a loop: the variable of the body, and what it is outside."""

    inner: Variable
    outer: Variable


@dataclass(frozen=True)
class State:
    """A state of a loop: the variable of the body, its first value, and its value after a step.

    is_sum : whether it collects terms in any order.
    """

    inner: Variable
    initial: Variable
    new: Variable
    is_sum: bool = False


@dataclass
class LoopParts:
    """The parts of a scan."""

    op: Scan
    steps: Variable
    sequences: list[Input]
    states: list[State]
    constants: list[Input]
    stacks: list[Variable]
    condition: Variable | None

    @classmethod
    def of(cls, node: Apply) -> LoopParts:
        """Return the parts of ``node``, an application of a `Scan`."""
        op = node.op
        assert isinstance(op, Scan)
        inner, outer = op.parts(op.body.inputs), op.parts(node.inputs[1:])
        results = op.results(op.body.outputs)
        return cls(
            op,
            node.inputs[0],
            [Input(v, x) for v, x in zip(inner.sequences, outer.sequences, strict=True)],
            [
                State(v, x, y, k in op.sums)
                for k, (v, x, y) in enumerate(
                    zip(inner.states, outer.states, results.states, strict=True)
                )
            ],
            [Input(v, x) for v, x in zip(inner.constants, outer.constants, strict=True)],
            list(results.stacks),
            results.condition,
        )

    @property
    def outputs(self) -> list[Variable]:
        """The outputs of the body."""
        condition = [] if self.condition is None else [self.condition]
        return [*(s.new for s in self.states), *self.stacks, *condition]

    def substitute(self, replacements: Mapping[Variable, Variable]) -> None:
        """Replace variables of the body in all that a step returns."""
        self.let_return(substitute(self.outputs, replacements))

    def let_return(self, outputs: Sequence[Variable]) -> None:
        """Let a step return other outputs, as many."""
        n = len(self.states)
        self.states = [replace(s, new=new) for s, new in zip(self.states, outputs, strict=False)]
        self.stacks = list(outputs[n : n + len(self.stacks)])
        if self.condition is not None:
            self.condition = outputs[-1]

    def body(self) -> FunctionGraph:
        """Return what a step computes, as a graph."""
        inner = [each.inner for each in (*self.sequences, *self.states, *self.constants)]
        return FunctionGraph(tuple(inner), tuple(self.outputs))

    def captured(self, v: Variable) -> Variable:
        """Return what ``v``, a variable outside, is called in the body; from now on, if need be."""
        for each in self.constants:
            if each.outer is v:
                return each.inner
        self.constants.append(Input(Variable(v.type, v.name), v))
        return self.constants[-1].inner

    def build(self) -> Built:
        """Put the loop together."""
        op = Scan(
            self.body(),
            len(self.sequences),
            len(self.states),
            self.condition is not None,
            name=self.op.name,
            sums=frozenset(k for k, state in enumerate(self.states) if state.is_sum),
            checkpoint=self.op.checkpoint,
            replayed=self.op.replayed,
            seeds=self.op.seeds,
        )
        node = op.make_node(
            self.steps,
            *(each.outer for each in self.sequences),
            *(state.initial for state in self.states),
            *(each.outer for each in self.constants),
        )
        results = op.results(node.outputs)
        return Built(list(results.states), list(results.stacks), results.condition)


@dataclass(frozen=True)
class Built:
    """The outputs of a loop, by role."""

    states: list[Variable]
    stacks: list[Variable]
    taken: Variable | None

    @property
    def all(self) -> list[Variable]:
        """All outputs, in the order of the node."""
        return [*self.states, *self.stacks, *([] if self.taken is None else [self.taken])]


def suffices(n: Extent, steps: Variable) -> bool:
    """Return whether a sequence of ``n`` elements is known to have enough for ``steps``."""
    if isinstance(n, int):
        known = constant_extent(steps)
        return known is not None and known <= n
    if same_extent(steps, n):
        return True
    made = steps.owner
    return made is not None and made.op is minimum and any(same_extent(m, n) for m in made.inputs)


def first_of(sequence: Variable, steps: Variable) -> Variable:
    """Return as many elements of a sequence as there are steps, which must not be too many."""
    n, *others = extents_of(sequence)
    if same_extent(steps, n):
        return sequence
    part = sequence[:steps]
    if suffices(n, steps):
        return part
    why = "a scan takes 0 steps or more, and no more than a sequence has elements"
    return SpecifyShape(why, error=ScanError)(part, steps, *others)
