"""Loops: the scan and the linear recurrence, as Python loops over kernels.

The decision: the parts of a stack are stored as they come and joined at the end, which costs a
tenth of writing each into its place; only where they are large, and no derivative of torch's
passes, is the stack made first and written in place, so that its memory is needed once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gradcore.errors import ScanError
from gradcore.execute import Runner
from gradcore.graph import UNKNOWN, Apply, Operand
from gradcore.graph.extents import check_size
from gradcore.ops.reduce import Recurrence
from gradcore.ops.scan import Scan
from gradcore_torch.extents import Extent, whole
from gradcore_torch.library import DTYPES, torch

IN_PLACE_BYTES = 1 << 20
"""Bytes of a stack from which on it is written in place."""


class Stack:
    """The parts of an output, a step each, to become one tensor of ``n`` steps at most."""

    def __init__(self, op: Scan, n: int, first: Any) -> None:
        self.op = op
        self.shape = first.shape
        self.parts: list[Any] = []
        large = n * first.numel() * first.element_size() > IN_PLACE_BYTES
        self.whole: Any = None
        check_size((n, *first.shape))
        if large and not torch.is_grad_enabled():
            self.whole = first.new_empty((n, *first.shape))

    def put(self, t: int, part: Any) -> None:
        """Take the part of step ``t``, or raise ScanError: its shape is another."""
        if part.shape != self.shape:
            raise ScanError(
                f"{self.op}: an output changes its shape from {tuple(self.shape)} to "
                f"{tuple(part.shape)} at step {t}"
            )
        if self.whole is None:
            self.parts.append(part)
        else:
            self.whole[t] = part

    def joined(self, taken: int) -> Any:
        """Return the parts of the steps that were taken."""
        return torch.stack(self.parts) if self.whole is None else self.whole[:taken]


def make_scan(node: Apply, step: Runner) -> Callable[..., Any]:
    """Return the kernel of a `Scan`, given what runs its body."""
    op = node.op
    assert isinstance(op, Scan)
    extent = Extent(node.inputs[0])
    first, last = op.sequences, op.sequences + op.states
    single = len(node.outputs) == 1

    def run(steps: Any, *arrays: Any) -> Any:
        n = op.checked_steps(extent(steps), arrays)
        if n == 0:
            return _result(arrays[first:last], _empty_stacks(op, arrays), 0)
        elements = zip(*(x[:n].unbind(0) for x in arrays[:first]), strict=True)
        states, constants = arrays[first:last], arrays[last:]
        stacks: list[Stack] = []
        taken = n
        for t in range(n):
            outputs = step(*(next(elements) if first else ()), *states, *constants)
            new = outputs[: op.states]
            _check_states(op, t, states, new)
            states = new
            parts = outputs[op.states : len(outputs) - op.until]
            if t == 0:
                stacks = [Stack(op, n, part) for part in parts]
            for stack, part in zip(stacks, parts, strict=True):
                stack.put(t, part)
            if op.until and bool(outputs[-1]):
                taken = t + 1
                break
        return _result(states, [stack.joined(taken) for stack in stacks], taken)

    def _result(states: Sequence[Any], stacks: Sequence[Any], taken: int) -> Any:
        results = [*states, *stacks]
        if op.until:
            device = results[0].device if results else None
            results.append(torch.tensor(taken, dtype=torch.int64, device=device))
        return results[0] if single else tuple(results)

    return run


def _check_states(op: Scan, t: int, states: Sequence[Any], new: Sequence[Any]) -> None:
    for old, state in zip(states, new, strict=True):
        if old.shape != state.shape:
            raise ScanError(
                f"{op}: a state changes its shape from {tuple(old.shape)} to "
                f"{tuple(state.shape)} at step {t}"
            )


def _empty_stacks(op: Scan, arrays: Sequence[Any]) -> list[Any]:
    """Return the stacks of no steps: their other extents follow from the declarations."""
    operands = [
        Operand(tuple(a.shape), whole(a) if not a.ndim and v.type.is_discrete else UNKNOWN)
        for a, v in zip(arrays, op.body.inputs, strict=True)
    ]
    stacks = op.results(op.body.outputs).stacks
    device = arrays[0].device if arrays else None
    return [
        torch.empty(
            (0, *(n if isinstance(n, int) else 0 for n in shape)),
            dtype=DTYPES[y.dtype],
            device=device,
        )
        for y, shape in zip(stacks, op.step_shapes(None, operands), strict=True)
    ]


def make_recurrence(node: Apply) -> Callable[..., Any]:
    """Return the kernel of a `Recurrence`."""
    op = node.op
    assert isinstance(op, Recurrence)
    dtype = DTYPES[node.out.dtype]

    def run(a: Any, b: Any) -> Any:
        op.compare(a.shape, b.shape)
        state = torch.zeros_like(b.select(op.axis, 0), dtype=dtype) if b.shape[op.axis] else b
        parts: list[Any] = []
        for factor, term in zip(a.unbind(op.axis), b.unbind(op.axis), strict=True):
            state = factor * state + term
            parts.append(state)
        return torch.stack(parts, op.axis) if parts else b.to(dtype, copy=True)

    return run
