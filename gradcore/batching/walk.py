"""A graph on stacks of its inputs: each op is asked for itself on many operands at once.

An op answers with the first that it has of these::

    value       of extents alone: the same for all, and no stack at all
    batch       what it declares
    element     its element form with an index in front, and what it requires asserted
    expansion   the same of what it is written with
    none        a loop over the stack, which is right for any op, a user's own too

A variable of the graph is stacked if it has an axis more than it had.

The decision: one axis at a time.  Several axes in front are as many walks, and an input that lacks
one takes no part in that walk; rejected: one axis of all of them, to which each input would have
to be stretched.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from gradcore.graph import (
    UNKNOWN,
    Apply,
    Constant,
    FunctionGraph,
    Operand,
    TensorType,
    Variable,
    on_behalf_of,
    toposort,
)
from gradcore.graph.nodes import as_variable
from gradcore.language import LANGUAGE, is_several, listed, word
from gradcore.ops.control import Assert
from gradcore.ops.gathers import batched_elements, operands_within
from gradcore.ops.index import Subtensor
from gradcore.ops.scan import Scan, last_state
from gradcore.ops.shape_values import MakeVector
from gradcore.ops.stacks import size_of

LAST = Subtensor((-1,))


@word
def stacked_graph(
    outputs: Sequence[Variable], stacks: Mapping[Variable, Variable]
) -> list[Variable]:
    """Return ``outputs`` for many values of some variables, stacked along a first axis.

    stacks : for each of these, a variable with one axis more in front, all of one extent; or one
        without that takes its place.

    What depends on no stack, or on the shapes of its elements alone, is without that axis.
    """
    new: dict[Variable, Variable] = dict(stacks)
    order = toposort(outputs, stop=stacks.keys())
    last = _last_states(order, stacks.keys())
    read = {*outputs, *last.values()}
    read.update(v for node in order if last.keys().isdisjoint(node.outputs) for v in node.inputs)
    for node in order:
        inputs = [new.get(v, v) for v in node.inputs]
        stacked = [x.ndim > v.ndim for x, v in zip(inputs, node.inputs, strict=True)]
        if node.outputs[0] in last:
            state = last[node.outputs[0]]
            results: Sequence[Variable] = [new.get(state, state)]
        elif any(stacked):
            with on_behalf_of(node.where):
                results = _of_stacks(node, inputs, stacked, read)
        elif any(x is not v for x, v in zip(inputs, node.inputs, strict=True)):
            results = node.with_inputs(inputs).outputs
        else:
            continue
        for old, fresh in zip(node.outputs, results, strict=True):
            new.setdefault(old, fresh)
    return [new.get(v, v) for v in outputs]


def _last_states(order: Sequence[Apply], stacks: Collection[Variable]) -> dict[Variable, Variable]:
    """Return the last elements of what loops stack that need not take as many steps for each.

    They are last states, which have one shape where what is stacked has not.
    """
    moving = set(stacks)
    found: dict[Variable, Variable] = {}
    for node in order:
        if moving.isdisjoint(node.inputs):
            continue
        moving.update(node.outputs)
        x = node.inputs[0]
        loop = None if x in stacks else x.owner
        if loop is not None and isinstance(loop.op, Scan):
            state = last_state(x, loop) if node.op == LAST else None
            if state is not None and (loop.op.until or loop.inputs[0] in moving):
                found[node.out] = state
    return found


def _of_stacks(
    node: Apply, inputs: Sequence[Variable], stacked: Sequence[bool], read: Collection[Variable]
) -> Sequence[Variable]:
    """Return the outputs of ``node`` for stacks of its inputs.

    read : the variables that anything reads.
    """
    operands = operands_within(inputs, stacked)
    of_extents = _value(node, operands)
    if of_extents is not None:
        return [of_extents]
    declared = node.op.batch(node, inputs, stacked)
    if declared is not None:
        return listed(declared)
    by_elements = _by_elements(node, inputs, stacked, operands)
    if by_elements is not None:
        return [by_elements]
    written = node.op.expanded(node)
    if written is not None:
        pairs = zip(node.inputs, inputs, strict=True)
        return stacked_graph(written, {v: x for v, x in pairs if v is not x})
    return _looped(node, inputs, stacked, read)


def _value(node: Apply, operands: Sequence[Operand]) -> Variable | None:
    """Return the output where it is arithmetic on extents, which are the same for all."""
    value = node.op.value(node, operands)
    if any(n is UNKNOWN for n in (value if is_several(value) else [value])):
        return None
    found = MakeVector()(*value) if is_several(value) else as_variable(value)
    return LANGUAGE["cast"](found, node.out.dtype)


def _by_elements(
    node: Apply,
    inputs: Sequence[Variable],
    stacked: Sequence[bool],
    operands: Sequence[Operand],
) -> Variable | None:
    """Return the output by the element form, if what ``node`` requires holds for all."""
    found = batched_elements(node, inputs, stacked)
    if found is None:
        return None
    new: dict[Any, Variable] = dict(zip(node.inputs, inputs, strict=True))
    for required in node.op.requires(node, operands):
        given = [new.get(x, x) if isinstance(x, Variable) else x for x in required.operands]
        if any(x is UNKNOWN for x in given):
            return None
        condition = required.predicate.condition(*given)
        found = Assert(required.message, required.error)(found, condition)
    return found


def _looped(
    node: Apply, inputs: Sequence[Variable], stacked: Sequence[bool], read: Collection[Variable]
) -> Sequence[Variable]:
    """Return the outputs of ``node`` that are read, one element of the stacks after the other."""
    inner = [
        x
        if isinstance(x, Constant) and not s
        else Variable(TensorType(x.dtype, x.type.shape[1:]) if s else x.type, v.name)
        for x, v, s in zip(inputs, node.inputs, stacked, strict=True)
    ]
    roles = list(zip(inner, inputs, stacked, strict=True))
    elements = [(v, x) for v, x, s in roles if s]
    constants = [(v, x) for v, x, s in roles if not s and v is not x]
    pairs = zip(node.outputs, node.with_inputs(inner).outputs, strict=True)
    wanted = {old: fresh for old, fresh in pairs if old in read}
    body = FunctionGraph(tuple(v for v, _ in (*elements, *constants)), tuple(wanted.values()))
    loop = Scan(body, len(elements), 0, name=f"batch of {node.op.label()}")
    given = (x for _, x in (*elements, *constants))
    outputs = loop.make_node(size_of(inputs, stacked), *given).outputs
    found = dict(zip(wanted, outputs, strict=True))
    return [found.get(v, v) for v in node.outputs]
