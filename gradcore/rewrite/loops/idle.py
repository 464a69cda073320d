"""What is invariant, doubled or idle in a loop: rules of the stage that canonicalizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from gradcore.graph import (
    Apply,
    Constant,
    FunctionGraph,
    Variable,
    ancestors,
    substitute,
    toposort,
)
from gradcore.graph.nodes import extents_of
from gradcore.graph.traverse import depends_on
from gradcore.language import LANGUAGE
from gradcore.ops.index import Subtensor
from gradcore.ops.index_patterns import is_advanced
from gradcore.ops.scan import Scan, last_state
from gradcore.ops.shape import Alloc
from gradcore.ops.shape_values import Extent
from gradcore.rewrite.canonical import canonicalize
from gradcore.rewrite.loops import examples
from gradcore.rewrite.loops.parts import Input, LoopParts, State, first_of, suffices


@canonicalize.rule(op=Scan, examples=[examples.gradient])
def hoist_invariants(node: Apply) -> list[Variable] | None:
    """What depends on nothing of the step is computed before the loop"""
    loop = LoopParts.of(node)
    moving = depends_on(loop.outputs, [each.inner for each in (*loop.sequences, *loop.states)])
    inner_inputs = [each.inner for each in (*loop.sequences, *loop.states, *loop.constants)]
    found: dict[Variable, None] = {}
    for inside in toposort(loop.outputs, inner_inputs):
        if any(v in moving for v in inside.outputs):
            found.update(
                (v, None) for v in inside.inputs if v.owner is not None and v not in moving
            )
    found.update((v, None) for v in loop.outputs if v.owner is not None and v not in moving)
    found = {v: None for v in found if not _is_one_number(v)}
    outside = {each.inner: each.outer for each in loop.constants}
    outer = substitute(list(found), outside)
    return _with_constants(loop, dict(zip(found, outer, strict=True)))


@canonicalize.rule(op=Scan, examples=[examples.shaped])
def hoist_extents(node: Apply) -> list[Variable] | None:
    """The extents of a state, and of an element of a sequence, are known outside"""
    loop = LoopParts.of(node)
    given = {each.inner: (each.outer, 1) for each in loop.sequences}
    given |= {state.inner: (state.initial, 0) for state in loop.states}
    found: dict[Variable, Variable] = {}
    for inside in toposort(loop.outputs):
        if isinstance(inside.op, Extent) and inside.inputs[0] in given:
            outer, lead = given[inside.inputs[0]]
            found[inside.out] = Extent(lead + inside.op.axis)(outer)
    return _with_constants(loop, found)


def _is_one_number(v: Variable) -> bool:
    """Return whether ``v`` is known to be a number, or as many of one as are known.

    In the body that is no memory to read, and rules see what it is.
    """
    if isinstance(v, Constant):
        return v.data.size == 1
    made = v.owner
    if made is None or not isinstance(made.op, Alloc):
        return False
    return all(isinstance(x, Constant) and x.data.size == 1 for x in made.inputs)


def _with_constants(loop: LoopParts, found: Mapping[Variable, Variable]) -> list[Variable] | None:
    """Return what a loop computes with constants in place of variables of its body, if any."""
    if not found:
        return None
    placeholders = {v: Variable(v.type, v.name) for v in found}
    loop.constants += [Input(placeholders[v], outer) for v, outer in found.items()]
    loop.substitute(placeholders)
    return loop.build().all


@canonicalize.rule(op=Scan, examples=[examples.repeated])
def constant_sequences(node: Apply) -> list[Variable] | None:
    """A sequence of equal elements is a constant"""
    loop = LoopParts.of(node)
    read = set(ancestors(loop.outputs))
    found = {
        each.inner: _element_of(each.outer)
        for each in loop.sequences
        if each.inner in read and _is_repeated(each.outer)
    }
    return _with_constants(loop, found)


def _is_repeated(sequence: Variable) -> bool:
    made = sequence.owner
    return made is not None and isinstance(made.op, Alloc) and made.inputs[0].ndim < sequence.ndim


def _element_of(repeated: Variable) -> Variable:
    """Return what all elements of an `Alloc` along its first axis are."""
    assert repeated.owner is not None
    value, _, *extents = repeated.owner.inputs
    return Alloc()(value, *extents) if extents else value


@canonicalize.rule(op=Scan, examples=[examples.doubled])
def tidy_inputs(node: Apply) -> list[Variable] | None:
    """Inputs that are not read, or that are there twice, or that are numbers, are no inputs"""
    loop = LoopParts.of(node)
    before = len(loop.sequences), len(loop.constants)
    replaced: dict[Variable, Variable] = {}
    loop.sequences = _distinct(loop.sequences, replaced)
    loop.constants = _distinct(loop.constants, replaced)
    for each in loop.constants:
        if _is_one_number(each.outer):
            replaced[each.inner] = each.outer
    if replaced:
        loop.substitute(replaced)
    read = set(ancestors(loop.outputs))
    loop.sequences = [
        each
        for each in loop.sequences
        if each.inner in read or not suffices(extents_of(each.outer)[0], loop.steps)
    ]
    loop.constants = [each for each in loop.constants if each.inner in read]
    return loop.build().all if before != (len(loop.sequences), len(loop.constants)) else None


def _distinct(inputs: Sequence[Input], replaced: dict[Variable, Variable]) -> list[Input]:
    """Return inputs without those that are the same outside; note what stands for them."""
    first: dict[Variable, Input] = {}
    for each in inputs:
        earlier = first.setdefault(each.outer, each)
        if earlier is not each:
            replaced[each.inner] = earlier.inner
    return list(first.values())


@canonicalize.rule(op=Scan, examples=[examples.twins])
def idle_states(node: Apply) -> list[Variable] | None:
    """A state that stays as it is is a constant; two that are always equal are one"""
    loop = LoopParts.of(node)
    for k, state in enumerate(loop.states):
        if state.new is state.inner:
            del loop.states[k]
            loop.constants.append(Input(state.inner, state.initial))
            built = loop.build()
            built.states.insert(k, state.initial)
            return built.all
    twins = _equal_states(loop)
    if twins is None:
        return None
    remaining, gone = twins
    state = loop.states.pop(gone)
    first = loop.states[remaining]
    loop.states[remaining] = replace(first, is_sum=first.is_sum and state.is_sum)
    loop.substitute({state.inner: first.inner})
    built = loop.build()
    built.states.insert(gone, built.states[remaining])
    return built.all


def _equal_states(loop: LoopParts) -> tuple[int, int] | None:
    """Return two states that start alike and change alike, if there are any.

    All states that start alike are taken to be equal, and parted until what is taken to be equal
    also changes alike.
    """
    groups: dict[Any, list[State]] = {}
    for state in loop.states:
        groups.setdefault((state.initial, state.inner.type), []).append(state)
    classes = [group for group in groups.values() if len(group) > 1]
    inputs = tuple(each.inner for each in (*loop.sequences, *loop.states, *loop.constants))
    while classes:
        same = {s.inner: group[0].inner for group in classes for s in group}
        parted: list[list[State]] = []
        for group in classes:
            alike: dict[FunctionGraph, list[State]] = {}
            for state in group:
                (new,) = substitute([state.new], same)
                alike.setdefault(FunctionGraph(inputs, (new,)), []).append(state)
            parted += [members for members in alike.values() if len(members) > 1]
        if parted == classes:
            first, second = (loop.states.index(s) for s in classes[0][:2])
            return first, second
        classes = parted
    return None


@canonicalize.rule(op=Scan, examples=[lambda x: examples.stacks(x)[1]])
def idle_stacks(node: Apply) -> list[Variable] | None:
    """A stack of the elements of a sequence is the sequence; two equal stacks are one"""
    loop = LoopParts.of(node)
    for k, v in enumerate(loop.stacks):
        first = loop.stacks.index(v)
        if first < k:
            del loop.stacks[k]
            built = loop.build()
            built.stacks.insert(k, built.stacks[first])
            return built.all
        if loop.condition is None:
            found = _stack_outside(loop, v)
            if found is not None:
                del loop.stacks[k]
                built = loop.build()
                built.stacks.insert(k, found)
                return built.all
    return None


def _stack_outside(loop: LoopParts, v: Variable) -> Variable | None:
    """Return the stack of ``v``, where it is an input of the loop or a constant."""
    for each in loop.sequences:
        if each.inner is v:
            return first_of(each.outer, loop.steps)
    outside = {each.inner: each.outer for each in loop.constants}
    enough = all(suffices(extents_of(each.outer)[0], loop.steps) for each in loop.sequences)
    if enough and (v in outside or isinstance(v, Constant)):
        x = outside.get(v, v)
        return LANGUAGE["alloc"](x, loop.steps, *extents_of(x))
    return None


@canonicalize.rule(op=Subtensor, examples=[lambda x: examples.stacks(x)[0][-1]])
def last_of_stack(node: Apply) -> Variable | None:
    """The last element of a stack of states is the last state (with no steps: the initial one)"""
    op = node.op
    assert isinstance(op, Subtensor)
    if not op.pattern or op.pattern[0] != -1 or is_advanced(op.pattern):
        return None
    found = last_state(node.inputs[0], node.inputs[0].owner)
    return None if found is None else Subtensor(op.pattern[1:])(found, *node.inputs[1:])
