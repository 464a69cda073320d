"""Work that needs no loop: what depends on sequences alone, sums that are only collected.

It is stored for all steps, so it stays in a loop over segments, which is made to store less.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import TypeAlias

from gradcore.graph import (
    Apply,
    Constant,
    Op,
    TensorType,
    Variable,
    substitute,
    toposort,
)
from gradcore.language import listed
from gradcore.ops.control import IfElse, PassingOn
from gradcore.ops.guards import lazy_nodes
from gradcore.ops.index import IncSubtensor, Subtensor
from gradcore.ops.scalars import add
from gradcore.ops.scan import Scan
from gradcore.rewrite.canonical.stage import is_zero
from gradcore.rewrite.changes import REASSOCIATES, Changes
from gradcore.rewrite.engine import Stage
from gradcore.rewrite.loops import examples
from gradcore.rewrite.loops.contractions import factors_of, sum_of_products, sum_over_steps
from gradcore.rewrite.loops.costs import reuses, shrinks
from gradcore.rewrite.loops.parts import Input, LoopParts, State, first_of
from gradcore.rewrite.signs import never_negative

push_out = Stage("push_out")

STEPWISE = (Scan, IfElse, PassingOn)
"""What stays in its step: loops, of which many would store much; choices, checks and messages.

(Views do not: claims are passed on to all steps.)
"""

Stacks: TypeAlias = Mapping[Variable, Variable]
"""What a loop stacks, for each variable of its body."""


class Batch:
    """What of a loop's body can be computed for all steps at once, outside.

    The variables that can are in ``outer``, with a first axis over the steps; those that are more
    than views of elements are in ``worked``.
    """

    def __init__(self, loop: LoopParts) -> None:
        self.outer: dict[Variable, Variable] = {
            each.inner: first_of(each.outer, loop.steps) for each in loop.sequences
        }
        self.fixed = {each.inner: each.outer for each in loop.constants}
        self.worked: set[Variable] = set()

    def beside(self, stacks: Stacks) -> Batch:
        """Return the same, where what is stacked is known outside, too."""
        found = copy(self)
        found.outer = {**stacks, **self.outer}
        found.worked = set(self.worked)
        return found

    def push(self, node: Apply) -> bool:
        """Compute ``node`` outside, if that can be."""
        inputs: list[Variable] = []
        stacked: list[bool] = []
        for v in node.inputs:
            if v in self.outer:
                inputs.append(self.outer[v])
            elif v in self.fixed or isinstance(v, Constant):
                inputs.append(self.fixed.get(v, v))
            else:
                return False
            stacked.append(v in self.outer)
        found = _for_all_steps(node, inputs, stacked) if any(stacked) else None
        if found is None:
            return False
        self.outer[node.outputs[0]] = found
        if not node.op.view or self.worked.intersection(node.inputs):
            self.worked.add(node.outputs[0])
        return True


def _for_all_steps(
    node: Apply, inputs: Sequence[Variable], stacked: Sequence[bool]
) -> Variable | None:
    """Return the output of ``node`` for all steps, where it is worth to be stored for them."""
    op = node.op
    again = op.cheap and not (op.view or op.elementwise)
    stays = isinstance(op, STEPWISE) and not op.view
    if again or len(node.outputs) > 1 or stays or _moves(op, stacked):
        return None
    found = listed(op.batch(node, inputs, stacked))
    return found[0] if found else None


def _moves(op: Op, stacked: Sequence[bool]) -> bool:
    """Return whether each step reads or writes at a place of its own.

    Of a tensor that is the same for all, as many copies would be stored.
    """
    if isinstance(op, Subtensor):
        return any(stacked[1:])
    return isinstance(op, IncSubtensor) and any(stacked[2:])


def _batched_view(node: Apply, x: Variable) -> Variable:
    found = _for_all_steps(node, [x], [True])
    assert found is not None
    return found


@push_out.rule(op=Scan, examples=[examples.decay], changes=Changes(rounding=64, of="terms"))
def push_out_sequences(node: Apply) -> list[Variable] | None:
    """What depends on the sequences alone is computed for all steps at once"""
    loop = LoopParts.of(node)
    if loop.condition is not None or loop.op.stays or not loop.sequences:
        return None
    batch = Batch(loop)
    body = loop.body()
    lazy = lazy_nodes(body)
    read: dict[Variable, None] = {}
    for inside in body.nodes:
        if inside in lazy or not batch.push(inside):
            read.update((v, None) for v in inside.inputs if v in batch.worked)
    read.update((v, None) for v in loop.outputs if v in batch.worked)
    if not read:
        return None
    placeholders = {v: Variable(v.type, v.name) for v in read}
    loop.sequences += [Input(placeholders[v], batch.outer[v]) for v in read]
    loop.substitute(placeholders)
    return loop.build().all


@push_out.rule(
    op=Scan,
    examples=[examples.scaled_gradient, examples.sum_of_magnitudes],
    changes=Changes(rounding=64, of="terms", more_exact=True),
)
def push_out_sums(node: Apply) -> list[Variable] | None:
    """A sum that a derivative collects, or of what is never negative, is one sum after the loop"""
    return _without_a_sum(node, lambda state, term: state.is_sum or _only_grows(state, term))


def _only_grows(state: State, term: Variable) -> bool:
    """Return whether a sum overflows in any order or none: nothing in it is negative."""
    return never_negative(term) and (is_zero(state.initial) or never_negative(state.initial))


@push_out.rule(op=Scan, examples=[examples.cumulative_sum], changes=REASSOCIATES)
def push_out_cumulative_sums(node: Apply) -> list[Variable] | None:
    """A sum that a loop only collects is one sum, or one product, after the loop"""
    return _without_a_sum(node, lambda _state, _term: True)


def _without_a_sum(node: Apply, may: Callable[[State, Variable], bool]) -> list[Variable] | None:
    """Return the outputs of a loop without the first state that is collected outside instead.

    may : whether a state that collects a term may be.
    """
    loop = LoopParts.of(node)
    if loop.condition is not None or loop.op.stays:
        return None
    sequences = {each.inner: each.outer for each in loop.sequences}
    reading = loop.op.body.readers
    returned = Counter(loop.outputs)
    batch: Batch | None = None
    for k, state in enumerate(loop.states):
        term = _collected(state, reading, returned)
        if term is None or not may(state, sequences.get(term, term)):
            continue
        batch = batch or Batch(loop)
        found = _summed_outside(loop, k, term, batch) or _multiplied_outside(loop, k, term, batch)
        if found is not None:
            return found
    return None


def _collected(
    state: State, reading: Mapping[Variable, Sequence[Apply]], returned: Mapping[Variable, int]
) -> Variable | None:
    """Return the term that is added to ``state`` in each step, if nothing else reads the state.

    reading : the nodes of the body that read a variable.
    returned : how often a variable is among the outputs of the body.
    """
    new = state.new.owner
    if new is None or new.op is not add or state.new.type.dtype != state.inner.type.dtype:
        return None
    readers = (*reading.get(state.inner, ()), *reading.get(state.new, ()))
    if readers != (new,) or returned[state.inner] or returned[state.new] > 1:
        return None
    for total, term in (new.inputs, new.inputs[::-1]):
        if total is state.inner and term.broadcastable == state.inner.broadcastable:
            return term
    return None


def _multiplied_outside(
    loop: LoopParts, k: int, term: Variable, batch: Batch
) -> list[Variable] | None:
    """Return the outputs of the loop without state ``k``, whose terms are products, added outside.

    batch : what of the body can be computed outside as it is.
    """
    factors = factors_of(term)
    if factors is None:
        return None
    recorded: list[Variable] = []

    def history(v: Variable) -> Callable[[Stacks], Variable] | None:
        """Return what gives ``v`` over all steps, noting what the loop has to stack for it."""
        if v in batch.outer:
            return lambda stacks: batch.outer[v]
        if v in batch.fixed or isinstance(v, Constant):
            return None
        made = v.owner
        if made is not None and made.op.view and not shrinks(made):
            source = history(made.inputs[0])
            return source and (lambda stacks: _batched_view(made, source(stacks)))
        recorded.append(v)
        return lambda stacks: stacks[v]

    left, right = map(history, factors)
    if left is None or right is None:
        return None
    state = loop.states.pop(k)
    first = len(loop.stacks)
    loop.stacks += recorded
    built = loop.build()
    stacks = dict(zip(recorded, built.stacks[first:], strict=True))
    total = sum_of_products(left(stacks), right(stacks))
    del built.stacks[first:]
    built.states.insert(k, _added_to(state.initial, total))
    return built.all


def _summed_outside(loop: LoopParts, k: int, term: Variable, known: Batch) -> list[Variable] | None:
    """Return the outputs of the loop without state ``k``, if its terms are known without it.

    They are in a sequence or stacked anyway, or are smaller than what is: steps need not wait for
    them.  What reads an element many times is no part of them: its results would be stored for all
    steps, where adding them up is one product (`contractions`).
    """
    summed = term.owner is not None and shrinks(term.owner)
    if not summed and term not in known.outer and term not in loop.stacks:
        return None
    stacks = {v: _over_steps(v) for v in loop.stacks}
    batch = known.beside(stacks)
    inner = [each.inner for each in (*loop.sequences, *loop.states, *loop.constants)]
    for node in toposort([term], {*inner, *batch.outer}):
        if reuses(node) or not batch.push(node):
            return None
    state = loop.states.pop(k)
    built = loop.build()
    total = sum_over_steps(batch.outer[term])
    after = {stacks[v]: found for v, found in zip(loop.stacks, built.stacks, strict=True)}
    (total,) = substitute([total], after)
    built.states.insert(k, _added_to(state.initial, total))
    return built.all


@push_out.rule(
    op=Scan, examples=[examples.gradient_of_elements], changes=Changes(rounding=64, of="terms")
)
def push_out_products(node: Apply) -> list[Variable] | None:
    """A stack of products of what is stacked anyway is one product, after the loop"""
    loop = LoopParts.of(node)
    if loop.condition is not None or loop.op.stays:
        return None
    batch = Batch(loop)
    for k, v in enumerate(loop.stacks):
        if v.owner is None or not reuses(v.owner):
            continue
        reading = loop.op.body.readers.get(v)
        unknown = [
            x
            for x in v.owner.inputs
            if x not in batch.outer and x not in batch.fixed and not isinstance(x, Constant)
        ]
        if (
            reading
            or len(set(unknown)) != 1
            or loop.stacks.count(v) > 1
            or v in [s.new for s in loop.states]
        ):
            continue
        (operand,) = set(unknown)
        batch.outer[operand] = history = _over_steps(operand)
        if not batch.push(v.owner):
            del batch.outer[operand]
            continue
        product = batch.outer[v]
        loop.stacks[k] = operand
        built = loop.build()
        (built.stacks[k],) = substitute([product], {history: built.stacks[k]})
        return built.all
    return None


def _added_to(initial: Variable, total: Variable) -> Variable:
    """Return ``initial + total``, where the total is a sum, which starts at 0 itself."""
    return total if is_zero(initial) else initial + total


def _over_steps(v: Variable) -> Variable:
    """Return a variable that stands for ``v`` in all steps."""
    return Variable(TensorType(v.dtype, (None, *v.type.shape)))
