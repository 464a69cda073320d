"""What a loop is made of: its parts, its typing, its shapes.

A loop is represented in three ways, and in a fourth where code is generated::

    user    scan(fn, sequences, outputs_info, non_sequences)            gradcore.scan
      |         taps, until, updates of shared variables, what fn captures
      |     fn is called once: each tap of a sequence becomes a sequence, each earlier value of
      |     an output a state, whatever fn captures a constant
      v
    op      op(steps, *sequences, *initial states, *constants)          Loop, gradcore.ops.scan
      ^         body: (*elements, *states, *constants) -> (*new states, *stacked, stop)
      |     split by role, changed, and put together again
      v
    parts   sequences, states, constants, stacks: each with what it     LoopParts, in
            is inside of the body and outside                           gradcore.rewrite.loops

    code    for t in range(steps): ...                                  gradcore.kernel.rules.scan

Only the op is in graphs: derivatives (`gradcore.ops.loop_derivative`) and backends see no other.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from gradcore.errors import ScanError
from gradcore.graph import (
    UNKNOWN,
    Apply,
    Constant,
    Extent,
    FunctionGraph,
    Op,
    Operand,
    Requirement,
    Shape,
    TensorType,
    Variable,
    ancestors,
    here,
    substitute,
)
from gradcore.graph.nodes import as_variable, constant_extent
from gradcore.graph.requirements import REACHES
from gradcore.graph.traverse import infer_shapes

TOO_FEW = "cannot take fewer than 0 steps"
"""What is said of a negative number of steps, whoever finds it."""

Slots = tuple[Variable, ...]


@dataclass(frozen=True)
class Checkpoint:
    """How a gradient forgets the steps of a loop, and takes them again when it needs them.

    length : how many steps are taken again at a time, from the states stored at their start; 0: as
        many as keep what is stored within ``budget``, none where all of it fits.
    budget : the bytes that may be stored.
    """

    length: int = 0
    budget: int = 0


@dataclass(frozen=True)
class Seeds:
    """How a loop over unit vectors, the seeds of a derivative, is computed: of many at once.

    at_once : of how many, as little as possible being stored; 0: of all.
    budget : how many bytes what is computed of the seeds at once may take; 0: any number.
    in_order : whether by its rows in any case; else by rows or columns, whichever take less.
    """

    at_once: int = 0
    budget: int = 0
    in_order: bool = False

    @property
    def bounded(self) -> bool:
        """Whether not all seeds may be computed at once."""
        return bool(self.at_once or self.budget)


def placeholders(variables: Sequence[Variable], prefix: str) -> list[Variable]:
    """Return new variables like ``variables``, with ``prefix`` in front of their names."""
    return [v.type(f"{prefix}{v.name}" if v.name else None) for v in variables]


@dataclass(frozen=True)
class Parts:
    """The inputs of a scan (or of its body), by role."""

    sequences: Slots
    states: Slots
    constants: Slots

    @property
    def all(self) -> Slots:
        """All of them, in order."""
        return (*self.sequences, *self.states, *self.constants)


@dataclass(frozen=True)
class Results:
    """The outputs of a scan (or of its body), by role."""

    states: Slots
    stacks: Slots
    condition: Variable | None


@dataclass(frozen=True, repr=False)
class Loop(Op):
    """A loop (abstract): ``op(steps, *sequences, *initial states, *constants)``.

    body : a graph of ``(*elements, *states, *constants)`` that returns ``(*new states, *stacked)``
        and, with ``until``, whether to stop after this step.
    sequences, states : how many of each there are.
    until : whether the body returns a condition to stop.
    truncate : how many steps a gradient goes back; -1: all.
    name : what to call it in messages.
    sums : the states that only collect terms, where nobody asks in which order: what a derivative
        adds up over the steps.
    checkpoint : what a gradient stores of the steps; None: all that it reads.
    replayed : whether a gradient takes each step again, storing the states at its start alone.
    seeds : of how many unit vectors a loop over them is computed at once; None: it is no such loop.
    by_default : the states that start from shared variables whose default updates the steps apply,
        said of the loop that a user writes (`gradcore.scan.default_updates`).

    The outputs are ``(*last states, *stacks)`` and, with ``until``, how many steps were taken.
    A sequence has at least ``steps`` elements along its first axis; the shape of a state is the
    same at each step.
    """

    body: FunctionGraph
    sequences: int
    states: int
    until: bool = False
    truncate: int = -1
    name: str | None = field(default=None, compare=False)
    sums: frozenset[int] = frozenset()
    checkpoint: Checkpoint | None = None
    replayed: bool = False
    seeds: Seeds | None = None
    by_default: frozenset[int] = field(default=frozenset(), compare=False)
    foldable = False
    ulp = 64  # of whatever its body does

    # structure ----------------------------------------------------------------------------------
    @property
    def graphs(self) -> tuple[FunctionGraph, ...]:
        """The body."""
        return (self.body,)

    def with_graphs(self, *graphs: FunctionGraph) -> Self:
        """Return the same loop with another body."""
        (body,) = graphs
        return dataclasses.replace(self, body=body)

    @property
    def stays(self) -> bool:
        """Whether nothing is computed for all steps at once, so that little is stored."""
        return self.replayed or (self.seeds is not None and self.seeds.bounded)

    def parameters(self) -> dict[str, Any]:
        """Return the name; the body is shown on its own."""
        return {"name": self.name} if self.name else {}

    def name_of(self, derivative: str) -> str | None:
        """Return what to call a derivative of this loop in messages."""
        return f"{derivative} of {self.name}" if self.name else None

    def parts(self, inputs: Sequence[Variable]) -> Parts:
        """Return inputs of the body (or those of a node but for the steps), by role."""
        first, last = self.sequences, self.sequences + self.states
        return Parts(tuple(inputs[:first]), tuple(inputs[first:last]), tuple(inputs[last:]))

    def results(self, outputs: Sequence[Variable]) -> Results:
        """Return outputs of the body (or of a node), by role."""
        end = len(outputs) - self.until
        condition = outputs[end] if self.until else None
        return Results(tuple(outputs[: self.states]), tuple(outputs[self.states : end]), condition)

    # typing -------------------------------------------------------------------------------------
    def make_node(self, *inputs: Any) -> Apply:
        """Return a node, after checking the inputs against the body."""
        variables = list(map(as_variable, inputs))
        steps, given, inner = variables[0], self.parts(variables[1:]), self.parts(self.body.inputs)
        if steps.ndim or not steps.type.is_discrete:
            raise ScanError(f"the number of steps must be an integer, not {steps.type}", here())
        known = constant_extent(steps)
        if known is not None and known < 0:
            raise ScanError(f"scan {TOO_FEW}: it is {known}", here())
        for sequence, element in zip(given.sequences, inner.sequences, strict=True):
            if not element.type.accepts(TensorType(sequence.dtype, sequence.type.shape[1:])):
                raise ScanError(
                    f"{element} ({element.type}) is no element of {sequence.type}", here()
                )
        for initial, state in zip(given.states, inner.states, strict=True):
            if not state.type.accepts(initial.type):
                raise ScanError(f"{state} ({state.type}) cannot start as {initial.type}", here())
        for outer, constant in zip(given.constants, inner.constants, strict=True):
            if not constant.type.accepts(outer.type):
                raise ScanError(f"{constant} ({constant.type}) cannot be {outer.type}", here())
        results = self.results(self.body.outputs)
        outputs = [Variable(state.type) for state in inner.states]
        first = None if self.until else known
        outputs += [Variable(TensorType(y.dtype, (first, *y.type.shape))) for y in results.stacks]
        outputs += [Variable(TensorType("int64"))] if self.until else []
        return Apply(self, variables, outputs)

    def symbolic_shapes(self, node: Apply, operands: Sequence[Operand]) -> Sequence[Shape]:
        """Return the shapes: states keep theirs, stacks are as long as steps are taken."""
        given = operands[1:]
        states = [x.shape for x in given[self.sequences : self.sequences + self.states]]
        length = node.outputs[-1] if self.until else operands[0].extent
        stacks = [(length, *shape) for shape in self.step_shapes(node.inputs[1:], given)]
        return [*states, *stacks, ()] if self.until else [*states, *stacks]

    def requires(self, node: Apply, operands: Sequence[Operand]) -> Sequence[Requirement]:
        """There is a number of steps, and each sequence has an element for each."""
        steps, given = operands[0].extent, operands[1 : 1 + self.sequences]
        few = f"{self} takes more steps than a sequence has elements"
        return [
            Requirement(REACHES, (steps, 0), f"{self} {TOO_FEW}", ScanError),
            *(Requirement(REACHES, (x.shape[0], steps), few, ScanError) for x in given),
        ]

    def step_shapes(
        self, inputs: Sequence[Variable] | None, operands: Sequence[Operand]
    ) -> list[Shape]:
        """Return the shapes of one step's part of each stack.

        inputs : the variables of the graph that the constants of the body stand for, if any.
        operands : what is known of the sequences, states and constants of the loop.
        """
        known: dict[Variable, Operand] = {}
        for i, (inner, outer) in enumerate(zip(self.body.inputs, operands, strict=True)):
            if i < self.sequences:
                known[inner] = Operand(outer.shape[1:])
            elif i < self.sequences + self.states:
                known[inner] = Operand(outer.shape)
            else:
                known[inner] = outer
        shapes = infer_shapes(self.results(self.body.outputs).stacks, known)
        return [tuple(self._known_outside(n, inputs) for n in shape) for shape in shapes]

    def _known_outside(self, extent: Extent, inputs: Sequence[Variable] | None) -> Extent:
        """Return an extent of the body in terms of the loop's inputs, or `UNKNOWN`."""
        if isinstance(extent, int) or extent is UNKNOWN:
            return extent
        if inputs is None:
            return UNKNOWN
        last = self.sequences + self.states
        outside = dict(zip(self.body.inputs[last:], inputs[last:], strict=True))
        (outer,) = substitute([extent], outside)
        inside = {v for v in self.body.variables if not isinstance(v, Constant)} - set(inputs)
        return UNKNOWN if any(v in inside for v in ancestors([outer])) else outer
