"""The loop while it is put together: the step is traced once, then made the body of a node.

The step function is called on placeholders; what it returns is fitted to the states (dtypes of
initial values that were plain numbers, states of updated shared variables), and what it reads from
outside becomes inputs of the loop.

A loop that nothing but ``until`` ends is two: one that stores nothing counts the steps, and where
the outputs of all steps are asked for, or a gradient, another one takes as many, with memory for
just these.  So no backend learns another form of loop.  Rejected: stacks that grow, which every
backend would have to move while it runs, and XLA cannot have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gradcore.config import config
from gradcore.errors import Location, ScanError
from gradcore.graph import (
    FunctionGraph,
    Variable,
    as_variable,
    here,
    substitute,
    toposort,
)
from gradcore.graph.extents import smaller
from gradcore.graph.nodes import constant_extent, next_serial
from gradcore.graph.tagged_values import tagged_value
from gradcore.graph.traverse import captured, free_inputs
from gradcore.language import listed
from gradcore.ops.loop import TOO_FEW, Seeds
from gradcore.ops.scalars import switch
from gradcore.ops.scan import Scan
from gradcore.scan.arguments import (
    OutputInfo,
    as_checkpoint,
    as_output_info,
    as_sequence,
    check_step,
)
from gradcore.scan.default_updates import add_default_updates
from gradcore.scan.step_results import Updates, step_results
from gradcore.shared import SharedVariable


@dataclass
class CarriedState:
    """A state of the loop: where it starts, what stands for it in a step, what it becomes."""

    initial: Variable
    placeholder: Variable
    new: Variable


ENDLESS = 2**62
"""More steps than anybody waits for."""


class LoopBuilder:
    """The loop while it is put together; `build` makes the node.

    begins : of a loop that nothing but ``until`` ends, whether it takes a step at all.
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        sequences: Any,
        outputs_info: Any,
        non_sequences: Any,
        n_steps: Any,
        go_backwards: bool,
        strict: bool,
        name: str | None,
        no_default_updates: bool = False,
        begins: Variable | None = None,
    ) -> None:
        self.name = name
        self.where: Location | None = here()
        self.sequences = [as_sequence(given) for given in listed(sequences)]
        infos = (
            None
            if not listed(outputs_info)
            else [as_output_info(given) for given in listed(outputs_info)]
        )
        self.constants = [as_variable(given) for given in listed(non_sequences)]
        bound = self._steps(n_steps)
        self.elements = [v for s in self.sequences for v in s.placeholders()]
        self.slices = [x for s in self.sequences for x in s.slices(go_backwards)]
        starts = [info.starts() for info in infos or ()]
        registers = [
            self._register(k, info, values)
            for k, (info, values) in enumerate(zip(infos or (), starts, strict=True))
        ]
        seen = [
            register[-tap - 1]
            for register, info in zip(registers, infos or (), strict=True)
            if register
            for tap in info.taps
        ]
        self._give_test_values([v for register in registers for v in register], starts)
        first = next_serial()
        check_step(fn, len(self.elements), len(seen), len(self.constants))
        self.returned = step_results(fn(*self.elements, *seen, *self.constants))
        self.by_default: set[Variable] = set()
        if not no_default_updates:
            self._add_default_updates(first)
        if infos is None:
            infos = [OutputInfo(None)] * len(self.returned.outputs)
            starts: list[list[Variable]] = [[] for _ in infos]
            registers = starts
        if len(infos) != len(self.returned.outputs):
            raise ScanError(
                f"the step returns {len(self.returned.outputs)} outputs, outputs_info describes "
                f"{len(infos)}",
                self.where,
                "give None in outputs_info for an output that does not feed back",
            )
        self.states: list[CarriedState] = []
        self.places: list[int | None] = []
        for values, register, output in zip(starts, registers, self.returned.outputs, strict=True):
            self.places.append(len(self.states) if register else None)
            news = [output, *register][: len(register)]
            self.states += [
                CarriedState(*each) for each in zip(values, register, news, strict=True)
            ]
        self.outputs = self.returned.outputs
        self.condition = self.returned.condition
        if bound is None and self.condition is None:
            raise ScanError(
                "scan does not know how many steps to take", self.where,
                "give sequences or n_steps, or return until(condition) from the step",
            )  # fmt: skip
        self.endless = bound is None
        most = ENDLESS if begins is None else switch(begins, ENDLESS, 0)
        self.steps = as_variable(most) if bound is None else bound
        self._settle_dtypes(infos)
        self._add_updates()
        if strict:
            self._refuse_captured()

    def _steps(self, n_steps: Any) -> Variable | None:
        """Return how many steps there are at most; None: nothing says so."""
        lengths = [s.steps() for s in self.sequences]
        if n_steps is not None:
            steps = as_variable(n_steps)
            known = constant_extent(steps)
            if known is not None and known < 0:
                raise ScanError(f"scan {TOO_FEW}: it is {known}", here())
            if known is not None and any(isinstance(n, int) and n < known for n in lengths):
                shortest = min(n for n in lengths if isinstance(n, int))
                raise ScanError(
                    f"scan is to take {known} steps, but a sequence has elements for {shortest}",
                    here(),
                )
            return steps
        if not lengths:
            return None
        steps = lengths[0]
        for n in lengths[1:]:
            steps = smaller(steps, n)
        return as_variable(steps)

    def _register(self, k: int, info: OutputInfo, starts: Sequence[Variable]) -> list[Variable]:
        """Return the variables that stand for the earlier values of output ``k``, latest first."""
        label = info.initial.name if info.initial is not None and info.initial.name else f"state{k}"
        return [start.type(f"{label}[t-{lag}]") for lag, start in enumerate(starts, 1)]

    def _give_test_values(
        self, states: Sequence[Variable], starts: Sequence[Sequence[Variable]]
    ) -> None:
        """Give what stands for elements and states the test values of the first step."""
        if config.compute_test_value == "off":
            return
        initial = [v for values in starts for v in values]
        pairs = [*zip(self.elements, self.slices, strict=True), *zip(states, initial, strict=True)]
        for k, (v, origin) in enumerate(pairs):
            value = tagged_value(origin)
            if value is not None and (k >= len(self.elements) or len(value)):
                v.tag.test_value = value[0] if k < len(self.elements) else value

    # fitting states to what the step returns ----------------------------------------------------
    def _settle_dtypes(self, infos: Sequence[OutputInfo]) -> None:
        """Let initial values that were plain numbers take the dtype that the step gives them."""
        for _ in range(3):
            wrong = [
                (k, place)
                for k, place in enumerate(self.places)
                if place is not None
                and infos[k].weak
                and self.states[place].new.dtype != self.states[place].placeholder.dtype
            ]
            if not wrong:
                break
            for _, place in wrong:
                state = self.states[place]
                kind = state.placeholder.type.with_dtype(state.new.dtype)
                fresh = kind(state.placeholder.name)
                self._substitute({state.placeholder: fresh})
                state.initial = state.initial.astype(kind.dtype)
                state.placeholder = fresh
        for k, place in enumerate(self.places):
            if place is not None:
                self._check_state(k, self.states[place])

    def _check_state(self, k: int, state: CarriedState) -> None:
        new, old = state.new.type, state.placeholder.type
        if new.dtype != old.dtype:
            raise ScanError(
                f"output {k} of the step is {new.dtype}, but its initial value {state.initial} is "
                f"{old.dtype}: a state keeps its dtype",
                self.where,
                f"cast one of them, for instance the initial value: .astype({new.dtype!r})",
            )
        shapes = zip(new.shape, old.shape, strict=False)
        if new.ndim != old.ndim or any(None not in (m, n) and m != n for m, n in shapes):
            raise ScanError(
                f"output {k} of the step is {new}, but its initial value {state.initial} is {old}: "
                "a state keeps its shape",
                self.where,
                "start from a tensor of that shape, for instance T.zeros_like(...)",
            )

    def _substitute(self, replacements: Mapping[Variable, Variable]) -> None:
        """Replace variables in all that the step returned."""
        news = [state.new for state in self.states]
        conditions = [] if self.condition is None else [self.condition]
        values = list(self.returned.updates.values())
        found = substitute([*news, *self.outputs, *conditions, *values], replacements)
        for state, new in zip(self.states, found, strict=False):
            state.new = new
        rest = found[len(news) :]
        self.outputs = rest[: len(self.outputs)]
        if conditions:
            self.condition = rest[len(self.outputs)]
        shared = list(self.returned.updates)
        new_values = rest[len(self.outputs) + len(conditions) :]
        self.returned.updates.update(zip(shared, new_values, strict=True))

    def _add_default_updates(self, first: int) -> None:
        """Add those of the shared variables that nodes of the step read, the ``first`` and on."""
        returned = self.returned
        stop = [] if returned.condition is None else [returned.condition]
        given = {v: value for v, value in returned.updates.items() if isinstance(v, SharedVariable)}
        updates = dict(given)
        add_default_updates([*returned.outputs, *stop], updates, since=first)
        self.by_default |= updates.keys() - given.keys()
        returned.updates.update(updates.items())

    def _add_updates(self) -> None:
        """Make a state of each shared variable that the step updates."""
        placeholders = {v: v.type(v.name) for v in self.returned.updates}
        self._substitute(placeholders)
        first = len(self.states)
        updated = enumerate(self.returned.updates, first)
        self.stepwise = frozenset(k for k, v in updated if v in self.by_default)
        for variable, value in self.returned.updates.items():
            state = CarriedState(variable, placeholders[variable], value)
            self._check_state(len(self.states), state)
            self.states.append(state)

    def updates(self, results: Sequence[Variable]) -> Updates:
        """Return the last values of the shared variables that the step updates.

        results : what `build` returned.
        """
        first = len(self.states) - len(self.returned.updates)
        return dict(zip(self.returned.updates, results[first:], strict=False))

    def _refuse_captured(self) -> None:
        allowed = {*self.elements, *self.constants, *(s.placeholder for s in self.states)}
        results = [*(s.new for s in self.states), *self.outputs]
        order = toposort(results, allowed)
        leaves = [v for v in free_inputs(results) if v not in allowed]
        reached = {v for node in order for v in node.inputs}
        for v in leaves:
            if v in reached or v in results:
                raise ScanError(
                    f"the step uses {v}, which is not among non_sequences (strict=True)", self.where
                )

    # the node -----------------------------------------------------------------------------------
    def build(
        self,
        truncate_gradient: int,
        checkpoint: int | str | None = "auto",
        seeds: Seeds | None = None,
    ) -> list[Variable]:
        """Make the node; return its last states and stacks."""
        conditions = [] if self.condition is None else [self.condition]
        placeholders = [*self.elements, *(s.placeholder for s in self.states)]
        results = [*(s.new for s in self.states), *self.outputs, *conditions]
        outside = captured(results, placeholders)
        inner = {v: Variable(v.type, v.name) for v in outside}
        inputs = (*placeholders, *inner.values())
        found = substitute(results, inner)
        states, stacks, stop = _cut(found, len(self.states), len(self.outputs))
        outer = [*self.slices, *(s.initial for s in self.states), *outside]

        def taken(steps: Variable, results: Sequence[Variable], until: bool) -> list[Variable]:
            op = Scan(
                FunctionGraph(inputs, tuple(results)),
                len(self.elements),
                len(self.states),
                until,
                int(truncate_gradient),
                self.name,
                checkpoint=as_checkpoint(checkpoint),
                seeds=seeds,
                by_default=self.stepwise,
            )
            return list(op.make_node(steps, *outer).outputs)

        if not self.endless:
            return taken(self.steps, found, bool(conditions))
        count = taken(self.steps, [*states, *stop], until=True)[-1]
        return [*taken(count, [*states, *stacks], until=False), count]


def _cut(values: Sequence[Variable], *lengths: int) -> Iterator[Sequence[Variable]]:
    """Yield parts of some lengths, one after the other, and what is left."""
    for length in lengths:
        yield values[:length]
        values = values[length:]
    yield values
