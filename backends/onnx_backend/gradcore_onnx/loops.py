"""Loops and choices: operators of ONNX with graphs inside.

A `gradcore.scan` is a ``Loop``: states are carried along, stacks are its scan outputs, and the
elements of a sequence are gathered at the number of the step.  So are recurrences along an axis,
and cumulative products and extremes, which ONNX has no operator for.

Rejected: ``Scan`` of ONNX, which has no condition, and of which onnxruntime takes no sequence
without elements.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradcore.dtypes import computed
from gradcore.execute import Runner
from gradcore.graph import Apply, Kernel
from gradcore.ops.control import Conditional
from gradcore.ops.reduce import Cumulative, Recurrence, farthest
from gradcore.ops.scan import Scan
from gradcore_onnx.scalars import both, larger, smaller, truth
from gradcore_onnx.tensors import (
    Tensor,
    any_of,
    cast,
    checked,
    constant,
    declared,
    emit,
    emit_all,
    equal,
    expand,
    extent,
    fresh,
    gather,
    inner,
    integer,
    integers,
    opened,
    reshape,
    shape_of,
    transpose,
)


def _own(tensors: Sequence[Tensor], dtypes: Sequence[str]) -> list[Tensor]:
    """Return results of the block that is open, in dtypes: it made them itself, each once."""
    return [emit("Identity", cast(x, dtype)) for x, dtype in zip(tensors, dtypes, strict=True)]


def _listed(results: Sequence[Tensor]) -> Sequence[Tensor] | Tensor:
    return results if len(results) > 1 else results[0]


# loops ------------------------------------------------------------------------------------------
def _loop(
    steps: Tensor,
    states: Sequence[Tensor],
    step: Callable[..., tuple[Tensor | None, Sequence[Tensor]]],
    dtypes: Sequence[str],
) -> list[Tensor]:
    """Return the last states of a loop, and then what its steps stack.

    step : takes the number of a step and states; returns whether to go on (None: always), and new
        states and what is stacked, whose dtypes are ``dtypes``.
    """
    block = inner()
    with opened(block):
        number, going = fresh("int64", 0, "number"), fresh("bool", 0, "going")
        carried = [fresh(x.dtype, x.ndim, "state") for x in states]
        on, found = step(number, *carried)
        outputs = _own([on or going, *found], ["bool", *dtypes])
    graph = block.graph(
        "step",
        [declared(x) for x in (number, going, *carried)],
        [declared(x) for x in outputs],
    )
    kinds = [(x.dtype, x.ndim) for x in states]
    kinds += [(x.dtype, x.ndim + 1) for x in outputs[1 + len(kinds) :]]
    return emit_all("Loop", [cast(steps, "int64"), constant(np.True_), *states], kinds, body=graph)


def scan(node: Apply, step: Runner) -> Kernel:
    """Return what emits a `Scan`, given what emits its body."""
    op = node.op
    assert isinstance(op, Scan)
    count = int(op.until)
    dtypes = [v.dtype for v in op.body.outputs[: len(op.body.outputs) - count]]

    def run(steps: Tensor, *arrays: Tensor) -> Sequence[Tensor] | Tensor:
        sequences, rest = arrays[: op.sequences], arrays[op.sequences :]
        states, constants = rest[: op.states], rest[op.states :]
        if steps.data is None:
            steps = checked(steps, steps >= 0)
        for x in sequences if op.until else ():  # else the step that lacks an element says so
            steps = checked(steps, extent(x, 0) >= steps)

        def once(number: Tensor, *carried: Tensor) -> tuple[Tensor | None, Sequence[Tensor]]:
            taken, old = carried[:count], carried[count:]
            found = step(*(gather(x, number) for x in sequences), *old, *constants)
            on = ~truth(found[-1]) if op.until else None
            return on, [*(n + 1 for n in taken), *found[: len(dtypes)]]

        start = [integer(0)] * count + list(map(cast, states, dtypes))
        results = _loop(steps, start, once, ["int64"] * count + dtypes)
        return _listed([*results[count:], *results[:count]])

    return run


def _along(axis: int, step: Callable[..., Tensor], first: float, *tensors: Tensor) -> Tensor:
    """Return the states of a recurrence along an axis, from a number on.

    step : the new state of the old one and of the elements of ``tensors``, which have one shape.
    """
    x = tensors[0]
    shape = shape_of(x)
    others = [a for a in range(x.ndim) if a != axis]
    start = expand(constant(first, x.dtype), gather(shape, integers(*others)), len(others))

    def once(number: Tensor, state: Tensor) -> tuple[None, Sequence[Tensor]]:
        new = step(state, *(gather(x, number, axis) for x in tensors))
        return None, [new, new]

    _, stack = _loop(extent(x, axis), [start], once, [x.dtype] * 2)
    order = list(range(1, x.ndim))
    order.insert(axis, 0)
    # In its shape: onnxruntime has none for what no steps stack.
    return reshape(transpose(stack, order), shape, x.ndim)


def cumulative(node: Apply) -> Kernel:
    """Return what emits a `Cumulative`."""
    op, dtype = node.op, computed(node.out.dtype)
    assert isinstance(op, Cumulative)
    if op.kind == "sum":

        def run_sum(x: Tensor) -> Tensor:
            return cast(emit("CumSum", cast(x, dtype), integer(op.axis)), node.out.dtype)

        return run_sum
    step = {"prod": both, "max": larger, "min": smaller}[op.kind]
    first = 1 if op.kind == "prod" else farthest(op.kind, dtype)

    def run(x: Tensor) -> Tensor:
        x = cast(x, dtype)
        return cast(_along(op.axis, step, first, x), node.out.dtype)

    return run


def recurrence(node: Apply) -> Kernel:
    """Return what emits a `Recurrence`, a step at a time, as the reference computes it."""
    op, dtype = node.op, node.out.dtype
    assert isinstance(op, Recurrence)

    def step(y: Tensor, b: Tensor, a: Tensor) -> Tensor:
        return a * y + b

    def run(a: Tensor, b: Tensor) -> Tensor:
        a, b = cast(a, dtype), cast(b, dtype)
        b = checked(b, ~any_of(~equal(shape_of(a), shape_of(b)), [0]))
        return _along(op.axis, step, 0, b, a)

    return run


# choices ----------------------------------------------------------------------------------------
def _chosen(
    condition: Tensor,
    branches: Sequence[Callable[[], Sequence[Tensor]]],
    kinds: Sequence[tuple[str, int]],
) -> Sequence[Tensor] | Tensor:
    """Return what one of two branches returns."""
    graphs: list[Any] = []
    for name, branch in zip(("then", "otherwise"), branches, strict=True):
        block = inner()
        with opened(block):
            outputs = _own(branch(), [dtype for dtype, _ in kinds])
        graphs.append(block.graph(name, [], [declared(x) for x in outputs]))
    then, otherwise = graphs
    return _listed(
        emit_all("If", [truth(condition)], kinds, then_branch=then, else_branch=otherwise)
    )


def if_else(node: Apply) -> Kernel:
    """Return what emits an `IfElse`, both of whose branches are computed."""
    n = len(node.outputs)
    kinds = [(v.dtype, v.ndim) for v in node.outputs]

    def run(condition: Tensor, *branches: Tensor) -> Sequence[Tensor] | Tensor:
        return _chosen(condition, (lambda: branches[:n], lambda: branches[n:]), kinds)

    return run


def conditional(node: Apply, then: Runner, orelse: Runner) -> Kernel:
    """Return what emits a `Conditional`, one of whose graphs is run."""
    op = node.op
    assert isinstance(op, Conditional)
    kinds = [(v.dtype, v.ndim) for v in node.outputs]

    def run(condition: Tensor, *operands: Tensor) -> Sequence[Tensor] | Tensor:
        return _chosen(condition, (lambda: then(*operands), lambda: orelse(*operands)), kinds)

    return run
