"""The loop: one op, with a frozen graph for its body.

A step takes the elements of the sequences at its index, the states of the step before, and the
constants; it returns the new states and what is stacked.  Taps, ``outputs_info`` and the rest of a
user's arguments are translated into this form by `gradcore.scan`; the gradient of a scan and its
``Rop`` are scans of the same form, so no backend learns another.

The decision: Theano's kinds of outputs (mit-mot, mit-sot, sit-sot, nit-sot, shared) are one kind
of state and one kind of stack; a state with several taps is a shift register of states.  Rejected:
those kinds, whose bookkeeping was ten times this file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from gradcore.derive import Maker, form
from gradcore.errors import ScanError
from gradcore.execute import Runner, by_reference
from gradcore.graph import (
    UNKNOWN,
    Apply,
    Extent,
    FunctionGraph,
    Kernel,
    Operand,
    Shape,
    TensorType,
    Variable,
)
from gradcore.graph.extents import check_size
from gradcore.graph.op import Arg, Sample
from gradcore.language import LANGUAGE
from gradcore.ops.index import Subtensor
from gradcore.ops.loop import TOO_FEW, Loop
from gradcore.ops.loop_derivative import LoopDerivative
from gradcore.ops.stacks import repeated, size_of

MOST_OPERATIONS_READ = 1
"""Operations that are computed where a step reads them: vectors of a step do not hide more."""


@final
@dataclass(frozen=True, repr=False)
class Scan(Loop):
    """The loop that `gradcore.scan` makes; see `Loop` for its parameters."""

    derivative = LoopDerivative()

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return a loop of four, three and no steps, and one that stops by its condition."""
        scalar = TensorType("float64")
        row, state, w = TensorType("float64", (None,))("row"), scalar("state"), scalar("w")
        new = LANGUAGE["tanh"](state * w + row.sum())
        body = FunctionGraph((row, state, w), (new, row * new))
        stopping = FunctionGraph(body.inputs, (*body.outputs, new < 0))
        operands = Arg((4, 3), "float64"), Arg((), "float64"), Arg((), "float64")
        return [Sample(cls(body, 1, 1), (Arg(value=n), *operands)) for n in (4, 3, 0)] + [
            Sample(cls(stopping, 1, 1, until=True), (Arg(value=4), *operands))
        ]

    def read_in_place(self, i: int) -> float:
        """Each step reads its elements of a sequence once; more than arithmetic is stored."""
        return MOST_OPERATIONS_READ if 0 < i <= self.sequences else 0

    def batch(
        self, node: Apply, inputs: Sequence[Variable], stacked: Sequence[bool]
    ) -> Sequence[Variable] | None:
        """Take each step for the whole stack, where all stop at the same.

        A state is stacked from the start if it is so after any step.
        """
        if stacked[0]:
            return None
        steps, outer = inputs[0], self.parts(inputs[1:])
        size = size_of(inputs, stacked)
        inner = self.parts(self.body.inputs)
        moving = {v for v, s in zip(inner.all, stacked[1:], strict=True) if s}
        while True:
            stacks = {v: _stack_of(v, size) for v in inner.all if v in moving}
            found = self.results(LANGUAGE["stacked_graph"](self.body.outputs, stacks))
            late = {
                v
                for v, new in zip(inner.states, found.states, strict=True)
                if new.ndim > v.ndim and v not in moving
            }
            if not late:
                break
            moving |= late
        condition = () if found.condition is None else (found.condition,)
        if any(v.ndim for v in condition):
            return None
        within = size_of(list(stacks.values()), [True] * len(stacks))
        news = [
            repeated(new, within) if v in moving and new.ndim == v.ndim else new
            for v, new in zip(inner.states, found.states, strict=True)
        ]
        initial = [
            repeated(x, size) if v in moving and x.ndim == v.ndim else x
            for v, x in zip(inner.states, outer.states, strict=True)
        ]
        sequences = [
            x.swapaxes(0, 1) if v in moving else x
            for v, x in zip(inner.sequences, outer.sequences, strict=True)
        ]
        body = FunctionGraph(
            tuple(stacks.get(v, v) for v in inner.all), (*news, *found.stacks, *condition)
        )
        loop = self.with_graphs(body)
        given = loop.make_node(steps, *sequences, *initial, *outer.constants)
        results = loop.results(given.outputs)
        each = zip(
            results.stacks, found.stacks, self.results(self.body.outputs).stacks, strict=True
        )
        batched = [x.swapaxes(0, 1) if new.ndim > old.ndim else x for x, new, old in each]
        return [*results.states, *batched, *([] if not condition else [given.outputs[-1]])]

    # running ------------------------------------------------------------------------------------
    def kernel(self, node: Apply) -> Kernel:
        """Return the loop, over the references of the body."""
        return self.kernel_over(node, by_reference)

    def kernel_over(self, node: Apply, run: Callable[[FunctionGraph], Runner]) -> Kernel:
        """Return the loop, over what runs the body."""
        return self.loop(run(self.body))

    def loop(self, step: Callable[..., tuple[Any, ...]]) -> Kernel:
        """Return a function of arrays that runs ``step``, the body, as often as is asked."""

        def run(steps: Any, *arrays: Any) -> Any:
            n = self.checked_steps(steps, arrays)
            xs, states = arrays[: self.sequences], arrays[self.sequences :][: self.states]
            constants = arrays[self.sequences + self.states :]
            stacks = self.empty_stacks(arrays) if n == 0 else ()
            taken = n
            for t in range(n):
                outputs = step(*(x[t] for x in xs), *states, *constants)
                new = outputs[: self.states]
                for old, state in zip(states, new, strict=True):
                    if np.shape(old) != np.shape(state):
                        raise ScanError(
                            f"{self}: a state changes its shape from {np.shape(old)} to "
                            f"{np.shape(state)} at step {t}"
                        )
                states = new
                parts = outputs[self.states : len(outputs) - self.until]
                if t == 0:
                    stacks = [_stack((n, *np.shape(p)), np.asarray(p).dtype) for p in parts]
                for stack, part in zip(stacks, parts, strict=True):
                    if np.shape(part) != stack.shape[1:]:
                        raise ScanError(
                            f"{self}: an output changes its shape from {stack.shape[1:]} to "
                            f"{np.shape(part)} at step {t}"
                        )
                    stack[t] = part
                if self.until and outputs[-1]:
                    taken = t + 1
                    break
            count = (np.int64(taken),) if self.until else ()
            first, *others = *states, *(stack[:taken] for stack in stacks), *count
            return (first, *others) if others else first

        return run

    def checked_steps(self, steps: Any, arrays: Sequence[Any]) -> int:
        """Return the number of steps, or raise ScanError: negative, or too few elements."""
        n = int(steps)
        if n < 0:
            raise ScanError(f"{self} {TOO_FEW}: it is {n}")
        for k in range(self.sequences):
            if len(arrays[k]) < n:
                raise ScanError(
                    f"{self} is to take {n} steps, but its sequence {k} has {len(arrays[k])}"
                )
        return n

    def empty_stacks(self, arrays: Sequence[Any]) -> list[Any]:
        """Return the stacks of no steps: their other extents follow from the declarations."""
        operands = [
            Operand(
                tuple(a.shape),
                int(a) if not a.ndim and v.type.is_discrete else UNKNOWN,
            )
            for a, v in zip(map(np.asarray, arrays), self.body.inputs, strict=True)
        ]
        stacks = self.results(self.body.outputs).stacks
        return [
            _stack((0, *(n if isinstance(n, int) else 0 for n in shape)), y.dtype)
            for y, shape in zip(stacks, self.step_shapes(None, operands), strict=True)
        ]


def last_state(v: Variable, made: Apply | None) -> Variable | None:
    """Return the state whose stack is ``v``, computed by ``made``, after the last step, if any."""
    if made is None or not isinstance(made.op, Scan):
        return None
    results, k = made.op.results(made.op.body.outputs), v.index - made.op.states
    if not 0 <= k < len(results.stacks):
        return None
    new = results.stacks[k]
    return made.outputs[results.states.index(new)] if new in results.states else None


@form(Subtensor((-1,)))
def last_element(node: Apply, maker: Maker) -> Variable | None:
    """Return the last state instead of the last element of its stack.

    Its cotangent is no stack of zeros, with which the gradient would be stored for all steps.
    """
    (stack,) = node.inputs
    return last_state(stack, maker(stack))


def _stack_of(v: Variable, size: Extent) -> Variable:
    """Return a variable that stands for ``size`` of ``v``, a variable of the body."""
    first = size if isinstance(size, int) else None
    return Variable(TensorType(v.dtype, (first, *v.type.shape)), v.name)


def _stack(shape: Shape, dtype: Any) -> Any:
    """Return an array for what steps keep, if there can be one."""
    check_size(shape)
    return np.empty(shape, dtype)
