"""The tangents of a loop: one loop carries the states and their tangents.

A step returns the new states, their tangents, and the tangents of what is stacked::

    h'  = f(x, h, k)                        as in the loop itself
    dh' = df(x, h, k) @ (dx, dh, dk)        the pushforward of the step, linear in dx, dh, dk

Only what moves has a tangent; a state moves if an input that moves gets to it in any step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradcore.derive import Direction, pushforward, zeros
from gradcore.graph import ZERO, Apply, FunctionGraph, Undefined, Variable
from gradcore.ops.loop import Loop, placeholders
from gradcore.ops.loop_links import links


class ForwardLoop:
    """The loop of the tangents of ``node``, while it is built.

    tangents : those of the inputs of the node, but for its number of steps.
    """

    def __init__(self, op: Loop, node: Apply, tangents: Sequence[Any]) -> None:
        self.op = op
        self.node = node
        self.inner = op.parts(op.body.inputs)
        self.outer = op.parts(node.inputs[1:])
        self.results = op.results(op.body.outputs)
        self.given = dict(zip(op.body.inputs, tangents, strict=True))
        self.moved = [v for v in op.body.inputs if isinstance(self.given[v], Variable)]
        self.states = self._moving_states()
        moving = [*self.states, *(v for v in self.moved if v not in self.inner.states)]
        self.seeds = dict(zip(moving, placeholders(moving, "d_"), strict=True))
        self.sequences = [v for v in self.inner.sequences if v in self.seeds]
        self.constants = [v for v in self.inner.constants if v in self.seeds]

    def _moving_states(self) -> list[Variable]:
        """Return the states that have a tangent at some step."""
        reach = links(self.op)
        moved = {i for i, v in enumerate(self.op.body.inputs) if v in self.moved}
        return [
            state
            for o, state in enumerate(self.inner.states)
            if state.type.is_inexact and any(o in reach[i] for i in moved)
        ]

    def tangents(self) -> list[Direction]:
        """Return the tangents of the outputs of the node."""
        news = [self.results.states[self.inner.states.index(v)] for v in self.states]
        wanted = [*news, *self.results.stacks]
        found = pushforward(wanted, list(self.seeds), list(self.seeds.values()))
        for tangent in found:
            if isinstance(tangent, Undefined):
                return [tangent] * len(self.node.outputs)
        new_tangents = [
            t if isinstance(t, Variable) else zeros(state)
            for t, state in zip(found, self.states, strict=False)
        ]
        stacked = found[len(self.states) :]
        states, stacks = self._run(new_tangents, [t for t in stacked if isinstance(t, Variable)])
        last = dict(zip(self.states, states, strict=True))
        each = iter(stacks)
        directions: list[Direction] = [last.get(state, ZERO) for state in self.inner.states]
        directions += [next(each) if isinstance(t, Variable) else t for t in stacked]
        return directions + [None] * self.op.until

    def _run(
        self, new_tangents: Sequence[Variable], stacked: Sequence[Variable]
    ) -> tuple[Sequence[Variable], Sequence[Variable]]:
        """Return the last tangents of the states that move, and the stacks of ``stacked``."""
        op, inner, outer = self.op, self.inner, self.outer
        condition = self.results.condition
        body = FunctionGraph(
            (
                *inner.sequences, *(self.seeds[v] for v in self.sequences),
                *inner.states, *(self.seeds[v] for v in self.states),
                *inner.constants, *(self.seeds[v] for v in self.constants),
            ),
            (
                *self.results.states, *new_tangents, *stacked,
                *((condition,) if condition is not None else ()),
            ),
        )  # fmt: skip
        place = {v: o for o, v in enumerate(inner.states)}
        sums = [op.states + k for k, v in enumerate(self.states) if place[v] in op.sums]
        loop = type(op)(
            body,
            op.sequences + len(self.sequences),
            op.states + len(self.states),
            op.until,
            name=op.name_of("Rop"),
            sums=op.sums.union(sums),
            checkpoint=op.checkpoint,
            replayed=op.replayed,
            seeds=op.seeds,
        )
        starts = dict(zip(inner.states, outer.states, strict=True))
        given = self.given
        initial = [
            t if isinstance(t := given[v], Variable) else zeros(starts[v]) for v in self.states
        ]
        node = loop.make_node(
            self.node.inputs[0],
            *outer.sequences, *(given[v] for v in self.sequences),
            *outer.states, *initial,
            *outer.constants, *(given[v] for v in self.constants),
        )  # fmt: skip
        outputs = loop.results(node.outputs)
        return outputs.states[op.states :], outputs.stacks
