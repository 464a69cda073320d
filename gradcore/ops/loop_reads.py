"""What a step of a reverse loop reads of its forward step: computed again, or recorded.

A reverse step is the pullback of a step, so it reads variables of the step: ``tanh``'s reads its
output.  The reverse loop has the inputs of each step (elements and constants as they are, states
once the forward loop stacks them); all else is computed from these again if that is elementwise
work, or what a branch of an ``ifelse`` alone needs, else it is stacked by the forward loop, too.
What is read for its shape alone is neither: an array of that shape stands for it.

The decision: recorded values are found by reading the finished reverse step, not while it is built,
so that what derivatives do not read is never stored.  Rejected: storing every intermediate value,
which costs more in memory than the arithmetic that is repeated; storing what branches compute,
which has no shape in the steps that do not take them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gradcore.graph import Apply, Constant, Variable, ancestors, substitute, toposort
from gradcore.graph.traverse import infer_shapes
from gradcore.language import LANGUAGE
from gradcore.ops.guards import lazy_nodes
from gradcore.ops.loop import Loop
from gradcore.ops.scalars import fill
from gradcore.ops.shape_values import Extent, ShapeOf


@dataclass(frozen=True)
class ReverseStep:
    """A step of a reverse loop in terms of its own inputs.

    outputs : what it returns.
    recorded : for each of its inputs that stands for a variable of the forward step, that variable;
        the states, and whatever else costs more than elementwise work to compute again.
    """

    outputs: list[Variable]
    recorded: Mapping[Variable, Variable]


def reverse_step(op: Loop, outputs: Sequence[Variable]) -> ReverseStep:
    """Return the reverse step with ``outputs``, which read variables of the forward step."""
    forward = set(op.body.variables)
    order = toposort(outputs, stop=forward)
    values, shapes = _reads(order, forward)
    values.update(_in(outputs, forward))
    shaped = _arrays_of_shapes([v for v in shapes if v not in values])
    for array in shaped.values():
        values.update(_in(ancestors([array], forward), forward))
    placeholders = {v: v.type(v.name) for v in recorded(op, values)}
    rebuilt = _rebuilt(order, outputs, placeholders, shaped)
    needed = set(ancestors(rebuilt))
    return ReverseStep(rebuilt, {p: v for v, p in placeholders.items() if p in needed})


def _in(variables: Iterable[Variable], forward: set[Variable]) -> dict[Variable, None]:
    """Return those of ``variables`` that are of the forward step, in order."""
    return {v: None for v in variables if v in forward and not isinstance(v, Constant)}


def _reads(
    order: Sequence[Apply], forward: set[Variable]
) -> tuple[dict[Variable, None], dict[Variable, None]]:
    """Return the variables of the forward step of which nodes read values, or shapes alone."""
    values: dict[Variable, None] = {}
    shapes: dict[Variable, None] = {}
    for node in order:
        for i, v in enumerate(node.inputs):
            if v in forward and not isinstance(v, Constant):
                by_shape = _reads_shape(node, i) and v.owner is not None
                (shapes if by_shape else values)[v] = None
    return values, shapes


def _reads_shape(node: Apply, i: int) -> bool:
    """Return whether a node reads nothing of operand ``i`` but its shape."""
    return i == 0 and (node.op is fill or isinstance(node.op, (Extent, ShapeOf)))


def recorded(op: Loop, values: Iterable[Variable]) -> dict[Variable, None]:
    """Return what the forward loop must stack for ``values`` to be known in a reverse step."""
    inner = op.parts(op.body.inputs)
    position = {output: k for k, node in enumerate(op.body.nodes) for output in node.outputs}
    found: dict[Variable, None] = {}
    for v in sorted(_read_always(values, op), key=lambda v: position.get(v, -1)):
        known = {*inner.all, *found}
        stored = v.owner is not None and not (op.replayed or _elementwise(v, known))
        if v in inner.states or stored:
            found[v] = None
        elif v.owner is not None:
            sources = ancestors([v], known)
            found.update((source, None) for source in sources if source in inner.states)
    return found


def _read_always(values: Iterable[Variable], op: Loop) -> dict[Variable, None]:
    """Return ``values`` with what branches alone need replaced by what these read from outside."""
    lazy = lazy_nodes(op.body)
    found: dict[Variable, None] = {}
    stack = list(values)
    seen: set[Variable] = set()
    while stack:
        v = stack.pop()
        if v in seen or isinstance(v, Constant):
            continue
        seen.add(v)
        if v.owner is not None and v.owner in lazy:
            stack.extend(v.owner.inputs)
        else:
            found[v] = None
    return found


def _elementwise(v: Variable, known: set[Variable]) -> bool:
    """Return whether computing ``v`` from the variables that are known is elementwise work."""
    return all(node.op.cheap for node in toposort([v], known))


def _arrays_of_shapes(variables: Sequence[Variable]) -> dict[Variable, Variable]:
    """Return, for variables of which only the shape is read, zeros of that shape."""
    shapes = infer_shapes(variables)
    return {
        v: LANGUAGE["alloc"](np.zeros((), v.dtype), *shape)
        for v, shape in zip(variables, shapes, strict=True)
    }


def _rebuilt(
    order: Sequence[Apply],
    outputs: Sequence[Variable],
    placeholders: Mapping[Variable, Variable],
    shaped: Mapping[Variable, Variable],
) -> list[Variable]:
    """Return ``outputs`` on placeholders, and on arrays where only shapes are read."""
    new: dict[Variable, Variable] = dict(placeholders)
    for node in order:
        inputs = [
            shaped[v] if v in shaped and _reads_shape(node, i) else new.get(v, v)
            for i, v in enumerate(node.inputs)
        ]
        new.update(zip(node.outputs, node.with_inputs(inputs).outputs, strict=True))
    return substitute([new.get(v, v) for v in outputs], placeholders)
