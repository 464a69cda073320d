"""A loop as loops over segments of its steps, for gradients that take steps again.

A loop whose gradient may not store all steps is differentiated in another form::

    h0 -> [f f f] -> h3 -> [f f f] -> h6 -> f -> f -> h8     two segments of three steps, and two

The segments are steps of a loop that is *replayed*: its gradient stores the states at their starts,
here h0 and h3, and where it needs a segment, takes its steps again and goes back through them.  A
segment may be a loop over segments in turn.  Sequences are cut and reshaped, not copied; the sums
of cotangents of constants go on from one loop to the next, and so, where all loops add up step by
step, do so in the order of one loop.  The number of steps taken is known before a gradient, so
``until`` has no part in this.

The decision: a derivative is the derivative of this form, made of loops that all backends,
rewrites and further derivatives know, and cut where the number of steps is known, at run time.
Rejected: a rewrite of the loops of a finished gradient, which would have to find out which of the
loops belong together; padding the last segment, which copies sequences and stacks.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gradcore.derive import Contribution, Direction, Masked, zeros
from gradcore.derive.directions import total
from gradcore.errors import ScanError
from gradcore.graph import (
    Apply,
    FunctionGraph,
    TensorType,
    Undefined,
    Variable,
    as_variable,
    costs,
)
from gradcore.graph.extents import UNKNOWN, Extent, product, smaller
from gradcore.graph.nodes import extents_of, symbolic_operand
from gradcore.language import LANGUAGE
from gradcore.ops.loop import Loop, Parts, Slots, placeholders
from gradcore.ops.loop_lengths import Part, of_length, within
from gradcore.ops.loop_reads import recorded
from gradcore.ops.loop_reverse import ReverseLoop
from gradcore.ops.shape_values import SpecifyShape


@dataclass(frozen=True)
class Stretch:
    """A loop over some of the steps of another: segments, or single steps.

    part : how many segments of which lengths.
    first, end : which steps these are.
    """

    node: Apply
    part: Part
    first: Extent
    end: Extent

    @property
    def op(self) -> Loop:
        """The loop."""
        assert isinstance(self.node.op, Loop)
        return self.node.op

    def cut(self, x: Variable) -> Variable:
        """Return the elements at these steps of what has one for each, by segments."""
        return _by_segments(x[self.first : self.end], self.part)

    def joined(self, x: Variable) -> Variable:
        """Return the inverse of `cut`."""
        inner = self.part.lengths[1:]
        if not inner:
            return x
        return LANGUAGE["reshape"](
            x, (self.end - self.first, *extents_of(x)[1 + len(inner) :]), ndim=x.ndim - len(inner)
        )


def _by_segments(x: Variable, part: Part) -> Variable:
    lengths = part.lengths
    if len(lengths) == 1:
        return x
    return LANGUAGE["reshape"](x, (*lengths, *extents_of(x)[1:]), ndim=x.ndim + len(lengths) - 1)


class Segments:
    """The loop ``node`` in segments, over steps ``first`` to ``first + steps``.

    given : the inputs of the node but for the number of steps, with the states at ``first``.
    """

    def __init__(self, op: Loop, given: Parts, first: Extent, steps: Extent) -> None:
        self.plain = _plain(op)
        self.stretches: list[Stretch] = []
        self.states = given.states
        self.end = first + steps
        sequences = [_reaching(x, self.end) for x in given.sequences]
        for part in _parts(op, given, steps):
            end = first + product(part.lengths)
            self._append(part, first, end, sequences, given.constants)
            first = end

    def _append(
        self,
        part: Part,
        first: Extent,
        end: Extent,
        sequences: Sequence[Variable],
        constants: Slots,
    ) -> None:
        """Add a loop over a part of the steps, from where the one before ends."""
        segments, *inner = part.lengths
        loop, lengths = _nested(self.plain, inner)
        cut = [_by_segments(x[first:end], part) for x in sequences]
        node = loop.make_node(segments, *cut, *self.states, *constants, *lengths)
        self.states = loop.results(node.outputs).states
        self.stretches.append(Stretch(node, part, first, end))

    def outputs(self) -> list[Variable]:
        """Return the outputs of the loop."""
        stacks = zip(*map(_stacks, self.stretches), strict=True)
        return [*self.states, *map(_concatenated, stacks)]


def _stacks(stretch: Stretch) -> Iterator[Variable]:
    return map(stretch.joined, stretch.op.results(stretch.node.outputs).stacks)


def _concatenated(several: Sequence[Variable]) -> Variable:
    return several[0] if len(several) == 1 else LANGUAGE["concatenate"](several)


# the loops --------------------------------------------------------------------------------------
def _plain(op: Loop) -> Loop:
    """Return the loop of a number of steps that is known, and whose gradient stores them."""
    results = op.results(op.body.outputs)
    body = FunctionGraph(op.body.inputs, (*results.states, *results.stacks))
    return dataclasses.replace(op, body=body, until=False, truncate=-1, checkpoint=None)


def _nested(loop: Loop, lengths: Sequence[Extent]) -> tuple[Loop, list[Variable]]:
    """Return a loop over segments of ``lengths``, and the constants that it takes besides."""
    constants: list[Variable] = []
    for length in reversed(lengths):
        loop = _over_segments(loop, length)
        if not isinstance(length, int):
            constants.append(length)
    return loop, constants


def _over_segments(loop: Loop, length: Extent) -> Loop:
    """Return a loop each step of which is ``loop`` over ``length`` steps."""
    inner = loop.parts(loop.body.inputs)
    known = isinstance(length, int)
    elements = [
        TensorType(v.dtype, (length if known else None, *v.type.shape))(v.name)
        for v in inner.sequences
    ]
    others = placeholders((*inner.states, *inner.constants), "")
    steps = as_variable(length) if known else TensorType("int64")("length")
    node = loop.make_node(steps, *elements, *others)
    inputs = (*elements, *others) if known else (*elements, *others, steps)
    return dataclasses.replace(loop, body=FunctionGraph(inputs, node.outputs), replayed=True)


def _reaching(x: Variable, end: Extent) -> Variable:
    """Return the elements of a sequence before ``end``, or raise ScanError: it has fewer."""
    known, *others = extents_of(x)
    if known is end or (isinstance(known, int) and known == end):
        return x
    why = "a scan takes 0 steps or more, and no more than a sequence has elements"
    return SpecifyShape(why, error=ScanError)(x[:end], end, *others)


# how long ---------------------------------------------------------------------------------------
def _parts(op: Loop, given: Parts, steps: Extent) -> list[Part]:
    """Return the parts of ``steps`` steps in which a gradient of the loop is to be taken."""
    assert op.checkpoint is not None
    if op.checkpoint.length:
        return of_length(steps, op.checkpoint.length)
    values = list(recorded(op, op.body.variables))
    sizes = dict(zip(values, _bytes(op, given, values), strict=True))
    start = costs.total(sizes[v] for v in op.parts(op.body.inputs).states if v in sizes)
    # Cotangents may be stored beside it, for products over all steps of a segment.
    return within(steps, op.checkpoint.budget, start, 2 * costs.total(sizes.values()))


def _bytes(op: Loop, given: Parts, values: Sequence[Variable]) -> list[Extent]:
    """Return the bytes of variables of the body, where their shapes are known outside."""
    states = op.results(op.body.outputs).states
    loop = dataclasses.replace(
        op, body=FunctionGraph(op.body.inputs, (*states, *values)), until=False
    )
    shapes = loop.step_shapes(given.all, list(map(symbolic_operand, given.all)))
    return [
        0 if UNKNOWN in shape else costs.size_in_bytes(v.dtype, shape)
        for v, shape in zip(values, shapes, strict=True)
    ]


# the cotangents ---------------------------------------------------------------------------------
class SegmentedReverse:
    """The cotangents of ``node``, a loop with a `Checkpoint`, while they are built.

    See `ReverseLoop` for the arguments.
    """

    def __init__(
        self, op: Loop, node: Apply, cotangents: Sequence[Contribution], wanted: Sequence[bool]
    ) -> None:
        self.op = op
        self.wanted = wanted
        self.whole = ReverseLoop(op, node, cotangents, wanted)
        given = op.parts(node.inputs[1:])
        taken = symbolic_operand(self.whole.taken).extent
        steps, first = taken, 0
        if op.truncate >= 0:
            steps = smaller(taken, op.truncate)
            first = taken - steps
            given = dataclasses.replace(given, states=self._states_at(given, first))
        self.segments = Segments(op, given, first, steps)

    def _states_at(self, given: Parts, first: Extent) -> Slots:
        """Return the states at the first step that a truncated gradient gets to."""
        loop = _plain(self.op)
        return loop.results(loop.make_node(first, *given.all).outputs).states

    def cotangents(self) -> list[Direction]:
        """Return the cotangents of the inputs but for the steps."""
        op = self.op
        stretches = self.segments.stretches
        if op.truncate < 0 and not op.until and stretches[0].part.is_plain:
            return self.whole.cotangents()
        states = self.whole.given[: op.states]
        totals: dict[int, Variable] = {}
        elements: list[Sequence[Direction]] = []
        constants: Sequence[Direction] = ()
        for stretch in reversed(stretches):
            found = self._through(stretch, states, totals, first=stretch is stretches[0])
            undefined = next((ct for ct in found if isinstance(ct, Undefined)), None)
            if undefined is not None:
                return [undefined if want else None for want in self.wanted]
            last = op.sequences + op.states
            elements.insert(0, found[: op.sequences])
            states = found[op.sequences : last]
            constants = found[last : len(op.body.inputs)]
            totals = {i: ct for i, ct in enumerate(constants, last) if isinstance(ct, Variable)}
        return [
            *map(self._of_sequence, range(op.sequences), zip(*elements, strict=True)),
            *self._of_states(states),
            *constants,
        ]

    def _through(
        self,
        stretch: Stretch,
        states: Sequence[Direction],
        totals: Mapping[int, Variable],
        first: bool,
    ) -> list[Direction]:
        """Return the cotangents of the inputs of one loop, given those of its last states."""
        stacks = [
            stretch.cut(ct) if isinstance(ct, Variable) else ct for ct in self.whole.of_stacks()
        ]
        seeds: list[Contribution] = [*states, *stacks]
        if self.whole.guard:
            seeds = [Masked(None, True, ct) if isinstance(ct, Variable) else ct for ct in seeds]
        n, last = self.op.sequences, self.op.sequences + self.op.states
        wanted = [*self.wanted[:n], *(self.wanted[n:last] if first else [True] * (last - n))]
        wanted += self.wanted[last:]
        wanted += [False] * (len(stretch.op.body.inputs) - len(wanted))
        return ReverseLoop(stretch.op, stretch.node, seeds, wanted, totals).cotangents()

    def _of_sequence(self, i: int, found: Sequence[Direction]) -> Direction:
        """Return the cotangent of a sequence, from those of its elements in each loop."""
        if not any(isinstance(ct, Variable) for ct in found):
            return total(found)
        pairs = zip(self.segments.stretches, found, strict=True)
        each = [
            stretch.joined(ct if isinstance(ct, Variable) else zeros(stretch.node.inputs[1 + i]))
            for stretch, ct in pairs
        ]
        whole = zeros(self.whole.outer.sequences[i])
        first = self.segments.stretches[0].first
        return LANGUAGE["set_subtensor"](whole[first : self.segments.end], _concatenated(each))

    def _of_states(self, found: Sequence[Direction]) -> Iterator[Direction]:
        """Yield the cotangents of the initial states."""
        whole = LANGUAGE["le"](self.whole.taken, self.op.truncate)
        for ct in found:
            cut_off = self.op.truncate >= 0 and isinstance(ct, Variable)
            yield LANGUAGE["switch"](whole, ct, 0) if cut_off else ct
