"""The kernel of scan: a loop of XLA, whose body is traced once.

A loop is of one of three forms.  ``lax.scan`` takes a number of steps that is known;
``lax.while_loop`` takes ``until``, writing into stacks as long as all steps, or a number of steps
that is traced; and a loop in Python takes a body that cannot be traced.

The decision: where a graph runs node by node, its loops are compiled all the same, each by
`Strategies` of its own, which last as long as the function.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradcore.errors import ScanError
from gradcore.execute import Runner
from gradcore.graph import Apply, Kernel
from gradcore.ops.scan import Scan
from gradcore_jax.tracing import (
    Strategies,
    concrete,
    hollow,
    is_opaque,
    is_traced,
    jax,
    jnp,
    lax,
    strong,
)

Arrays = tuple[Any, ...]


def scan(node: Apply, step: Runner) -> Kernel:
    """Return the function of arrays that computes a scan, given what runs its body."""
    loop = ScanLoop(node, step)
    compiled = Strategies(
        loop.traced,
        [i for i, v in enumerate(node.inputs) if not v.ndim and v.type.is_discrete],
        loop.interpreted,
        node.op,
        known=True,
        tracing=not is_opaque(node),
    )

    def run(*arrays: Any) -> Any:
        inside = any(map(is_traced, arrays))
        if not inside:
            loop.op.checked_steps(arrays[0], arrays[1:])
        outputs = loop.cut((loop.traced if inside else compiled)(*arrays))
        return outputs[0] if len(outputs) == 1 else outputs

    return run


class ScanLoop:
    """A scan as a function of ``(steps, *sequences, *initial states, *constants)``.

    Its results are those of the node, but that after ``until`` the stacks are as long as all steps
    that could have been taken; `cut` makes them as long as they should be.
    """

    def __init__(self, node: Apply, step: Runner) -> None:
        op = node.op
        assert isinstance(op, Scan)
        self.op = op
        self.step = step
        self.inner = op.parts(op.body.inputs)
        self.dtypes = [v.dtype for v in op.body.outputs]
        self.stacked = len(op.results(op.body.outputs).stacks)

    # forms --------------------------------------------------------------------------------------
    def traced(self, steps: Any, *arrays: Any) -> Arrays:
        """Run it as a loop of XLA."""
        op = self.op
        if is_traced(steps) and (self.stacked or op.sequences):
            concrete(steps, f"{op}, which has sequences or stacks,")
        n = steps if is_traced(steps) else op.checked_steps(steps, arrays)
        if isinstance(n, int) and n == 0:
            return self.nothing(arrays)
        sequences, rest = arrays[: op.sequences], arrays[op.sequences :]
        states = tuple(strong(x, v.dtype) for x, v in zip(rest, self.inner.states, strict=False))
        constants = rest[op.states :]
        if op.until or is_traced(n):
            return self.stopping(n, sequences, states, constants)
        return self.fixed(n, sequences, states, constants)

    def fixed(self, n: int, sequences: Arrays, states: Arrays, constants: Arrays) -> Arrays:
        """Take ``n`` steps."""

        def body(states: Arrays, elements: Arrays) -> tuple[Arrays, Arrays]:
            new, parts, _ = self.once(elements, states, constants)
            return new, parts

        taken = tuple(x if len(x) == n else x[:n] for x in sequences)
        last, stacks = lax.scan(body, states, taken, length=n)
        return (*last, *stacks)

    def stopping(self, n: Any, sequences: Arrays, states: Arrays, constants: Arrays) -> Arrays:
        """Take ``n`` steps, or fewer; ``n`` may be a tracer if there are no stacks."""
        first = tuple(jnp.asarray(x)[0] for x in sequences)

        def parts_of_one(elements: Arrays, states: Arrays) -> Arrays:
            return self.once(elements, states, constants)[1]

        parts = jax.eval_shape(parts_of_one, first, states)
        stacks = tuple(jnp.zeros((n, *part.shape), part.dtype) for part in parts)

        def going(carry: tuple[Any, Any, Arrays, Arrays]) -> Any:
            t, stop, _, _ = carry
            return (t < n) & ~stop

        def body(carry: tuple[Any, Any, Arrays, Arrays]) -> tuple[Any, Any, Arrays, Arrays]:
            t, _, states, stacks = carry
            elements = tuple(lax.dynamic_index_in_dim(x, t, keepdims=False) for x in sequences)
            states, parts, stop = self.once(elements, states, constants)
            stacks = tuple(
                lax.dynamic_update_index_in_dim(stack, part, t, 0)
                for stack, part in zip(stacks, parts, strict=True)
            )
            return t + 1, stop, states, stacks

        start = (strong(0, "int64"), strong(False, "bool"), states, stacks)
        taken, _, last, stacks = lax.while_loop(going, body, start)
        return (*last, *stacks, taken) if self.op.until else last

    def interpreted(self, steps: Any, *arrays: Any) -> Arrays:
        """Run it in Python, on concrete arrays."""
        op = self.op

        def step(*values: Any) -> Arrays:
            varying = map(jnp.asarray, values[: op.sequences + op.states])
            outputs = self.step(*varying, *values[op.sequences + op.states :])
            stored = (concrete(x, op) for x in outputs[op.states :])
            return (*outputs[: op.states], *stored)

        sequences = (concrete(x, op) for x in arrays[: op.sequences])
        results = op.loop(step)(concrete(steps, op), *sequences, *arrays[op.sequences :])
        return tuple(map(jnp.asarray, self.all(results)))

    def nothing(self, arrays: Arrays) -> Arrays:
        """Take no steps: the reference tells the shapes of stacks from declarations."""
        op = self.op
        moving = op.sequences + op.states
        given = [
            concrete(x, op) if i >= moving and not v.ndim and v.type.is_discrete else hollow(x)
            for i, (x, v) in enumerate(zip(arrays, op.body.inputs, strict=True))
        ]
        results = self.all(op.loop(self.step)(0, *given))
        states = map(strong, arrays[op.sequences :], [v.dtype for v in self.inner.states])
        return (*states, *map(jnp.asarray, results[op.states :]))

    # steps --------------------------------------------------------------------------------------
    def once(
        self, elements: Arrays, states: Arrays, constants: Arrays
    ) -> tuple[Arrays, Arrays, Any]:
        """Take one step: return the new states, the parts of stacks, and whether to stop."""
        op = self.op
        outputs = tuple(map(strong, self.step(*elements, *states, *constants), self.dtypes))
        new, parts = outputs[: op.states], outputs[op.states :][: self.stacked]
        for old, state in zip(states, new, strict=True):
            if old.shape != state.shape:
                raise ScanError(
                    f"{op}: a state changes its shape from {old.shape} to {state.shape} at step 0"
                )
        return new, parts, outputs[-1].astype("bool") if op.until else np.False_

    def all(self, results: Any) -> Arrays:
        """Return the results of the reference, which for a single one returns it as it is."""
        return (results,) if len(self.dtypes) == 1 else results

    def cut(self, outputs: Sequence[Any]) -> Arrays:
        """Return the results, with stacks as long as steps were taken."""
        if not self.op.until or not self.stacked:
            return tuple(outputs)
        n = self.op.states
        taken = int(concrete(outputs[-1], f"{self.op}, which may stop before its last step,"))
        stacks = (x if len(x) == taken else x[:taken] for x in outputs[n : n + self.stacked])
        return (*outputs[:n], *stacks, outputs[-1])
