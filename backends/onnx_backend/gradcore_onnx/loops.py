"""Loops and choices: operators of ONNX with graphs inside.

A `gradcore.scan` is a ``Loop``: states are carried along, stacks are its scan outputs, and the
elements of a sequence are gathered at the number of the step, as ``Scan`` of ONNX has no number of
steps and no condition.  A recurrence along an axis, and cumulative products and extremes, are a
``Scan``, which ONNX has no operator for.
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
    cast,
    concatenate,
    constant,
    declared,
    emit,
    emit_all,
    expand,
    fresh,
    gather,
    inner,
    integer,
    integers,
    opened,
    shape_of,
)


def _own(tensors: Sequence[Tensor], dtypes: Sequence[str]) -> list[Tensor]:
    """Return results of the block that is open, in dtypes: it made them itself, each once."""
    return [emit("Identity", cast(x, dtype)) for x, dtype in zip(tensors, dtypes, strict=True)]


def _listed(results: Sequence[Tensor]) -> Sequence[Tensor] | Tensor:
    return results if len(results) > 1 else results[0]


# loops ------------------------------------------------------------------------------------------
def scan(node: Apply, step: Runner) -> Kernel:
    """Return what emits a `Scan`, given what emits its body."""
    op = node.op
    assert isinstance(op, Scan)
    dtypes = [v.dtype for v in op.body.outputs[: len(op.body.outputs) - op.until]]

    def run(steps: Tensor, *arrays: Tensor) -> Sequence[Tensor] | Tensor:
        sequences, rest = arrays[: op.sequences], arrays[op.sequences :]
        states = list(map(cast, rest, dtypes[: op.states]))
        constants = rest[op.states :]
        block = inner()
        with opened(block):
            number, going = fresh("int64", 0, "number"), fresh("bool", 0, "going")
            taken = [fresh("int64", 0, "taken")] if op.until else []
            carried = [fresh(x.dtype, x.ndim, "state") for x in states]
            elements = [gather(x, number) for x in sequences]
            found = step(*elements, *carried, *constants)
            on = ~truth(found[-1]) if op.until else going
            outputs = _own(
                [on, *(n + 1 for n in taken), *found[: len(dtypes)]],
                ["bool", *("int64" for _ in taken), *dtypes],
            )
        graph = block.graph(
            "step",
            [declared(x) for x in (number, going, *taken, *carried)],
            [declared(x) for x in outputs],
        )
        kinds = [(x.dtype, x.ndim) for x in (*taken, *states)]
        kinds += [(x.dtype, x.ndim + 1) for x in outputs[1 + len(kinds) :]]
        start = [integer(0) for _ in taken]
        operands = [cast(steps, "int64"), constant(np.True_), *start, *states]
        results = emit_all("Loop", operands, kinds, body=graph)
        return _listed([*results[len(taken) :], *results[: len(taken)]])

    return run


def _along(axis: int, step: Callable[..., Tensor], first: Tensor, *tensors: Tensor) -> Tensor:
    """Return the states of a recurrence along an axis, from ``first`` on.

    step : the new state of the old one and of the elements of ``tensors``.
    """
    block = inner()
    with opened(block):
        state = fresh(first.dtype, first.ndim, "state")
        elements = [fresh(x.dtype, x.ndim - 1, "element") for x in tensors]
        outputs = _own([step(state, *elements)] * 2, [first.dtype] * 2)
    graph = block.graph(
        "step", [declared(x) for x in (state, *elements)], [declared(x) for x in outputs]
    )
    _, found = emit_all(
        "Scan",
        [first, *tensors],
        [(first.dtype, first.ndim), (first.dtype, first.ndim + 1)],
        body=graph,
        num_scan_inputs=len(tensors),
        scan_input_axes=[axis] * len(tensors),
        scan_output_axes=[axis],
    )
    return found


def _start(x: Tensor, axis: int, value: Any) -> Tensor:
    """Return a state of the shape of ``x`` without an axis, each of whose elements is a value."""
    shape = shape_of(x)
    others = [gather(shape, integers(a)) for a in range(x.ndim) if a != axis]
    whole = concatenate(others, 0) if others else integers()
    return expand(constant(value, x.dtype), whole, x.ndim - 1)


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
        return cast(_along(op.axis, step, _start(x, op.axis, first), x), node.out.dtype)

    return run


def recurrence(node: Apply) -> Kernel:
    """Return what emits a `Recurrence`, a step at a time, as the reference computes it."""
    op, dtype = node.op, node.out.dtype
    assert isinstance(op, Recurrence)

    def step(y: Tensor, a: Tensor, b: Tensor) -> Tensor:
        return a * y + b

    def run(a: Tensor, b: Tensor) -> Tensor:
        a, b = cast(a, dtype), cast(b, dtype)
        return _along(op.axis, step, _start(b, op.axis, 0), a, b)

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
