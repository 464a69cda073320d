"""Loops: ``scan`` and its shorter forms ``map``, ``reduce``, ``foldl`` and ``foldr``.

``scan`` calls a Python function once, on variables that stand for the elements of one step, and
makes the graph that it returns the body of one `gradcore.ops.scan.Scan`.  What the graph uses from
outside becomes an input of the loop: whatever depends on nothing of the step is computed before
the loop.  A state with several taps becomes a shift register of states with one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from gradcore.errors import Location, ScanError
from gradcore.graph import (
    Constant,
    FunctionGraph,
    TensorType,
    Variable,
    as_variable,
    here,
    substitute,
    toposort,
)
from gradcore.graph.extents import Extent, smaller
from gradcore.graph.nodes import constant_extent, extents_of
from gradcore.graph.traverse import depends_on, free_inputs
from gradcore.language import is_several, listed
from gradcore.ops.scan import Scan
from gradcore.shared import SharedVariable


@dataclass(frozen=True)
class until:  # noqa: N801 - Theano's name
    """What a step function returns last, to stop the loop after the step if ``condition`` holds."""

    condition: Any


Updates = dict[Variable, Variable]
"""New values of shared variables, to hand to ``function(..., updates=)``."""


# what the user gives ----------------------------------------------------------------------------
@dataclass(frozen=True)
class Looped:
    """A tensor whose elements along the first axis are handed to the steps.

    taps : which elements a step sees, counted from its own index.
    """

    tensor: Variable
    taps: tuple[int, ...]

    @property
    def first(self) -> int:
        """The smallest tap, or 0."""
        return min(0, *self.taps)

    @property
    def last(self) -> int:
        """The largest tap, or 0."""
        return max(0, *self.taps)

    def steps(self) -> Extent:
        """Return how many steps have all their elements."""
        missing = self.last - self.first
        n = extents_of(self.tensor)[0]
        return n - missing if missing else n

    def slices(self, go_backwards: bool) -> list[Variable]:
        """Return, for each tap, the tensor whose elements are those of the tap."""
        found: list[Variable] = []
        for tap in self.taps:
            start, left = tap - self.first, self.last - tap
            x = self.tensor
            if start or left:
                x = x[start or None : -left or None]
            found.append(x[::-1] if go_backwards else x)
        return found

    def placeholders(self) -> list[Variable]:
        """Return, for each tap, the variable that stands for its element in a step."""
        found: list[Variable] = []
        for tap in self.taps:
            name = f"{self.tensor}[t{tap:+d}]" if tap else f"{self.tensor}[t]"
            v = Variable(TensorType(self.tensor.dtype, self.tensor.type.shape[1:]), name)
            v.tag.origin = (
                f"{name} is one element of the sequence {self.tensor}: inside the step it is a new "
                "variable, not an expression of what the sequence was computed from"
            )
            v.tag.advice = (
                "loop over indices and hand the tensor itself to the step: scan(lambda i, y, x: "
                "grad(y[i], x), sequences=T.arange(y.shape[0]), non_sequences=[y, x]); "
                "or take jacobian(y, x)"
            )
            found.append(v)
        return found


@dataclass(frozen=True)
class Output:
    """What is said of one output of the step function.

    initial : the value before the first step, with a first axis if there are taps other than -1;
        None: the output does not feed back.
    taps : which earlier values a step sees.
    weak : whether ``initial`` was a Python number, which takes the dtype of the output.
    """

    initial: Variable | None
    taps: tuple[int, ...] = (-1,)
    weak: bool = False

    @property
    def depth(self) -> int:
        """How many steps back the taps reach."""
        return -min(self.taps) if self.initial is not None else 0

    def starts(self) -> list[Variable]:
        """Return the values before the first step, the latest first."""
        if self.initial is None:
            return []
        if self.taps == (-1,):
            return [self.initial]
        n = self.initial.type.shape[0] if self.initial.ndim else 0
        if n is not None and n < self.depth:
            raise ScanError(
                f"taps {list(self.taps)} need {self.depth} initial values along the first axis, "
                f"got {self.initial} ({self.initial.type})",
                here(),
            )
        return [self.initial[self.depth - 1 - k] for k in range(self.depth)]


def _taps(given: Any, default: int) -> tuple[int, ...]:
    taps = [default] if given is None else listed(given)
    return tuple(int(tap) for tap in taps)


def _options(given: Any, key: str) -> Mapping[str, Any]:
    """Return what is said of a sequence or an output: a dict, or what stands under ``key``."""
    return cast("Mapping[str, Any]", given) if isinstance(given, Mapping) else {key: given}


def _as_sequence(given: Any) -> Looped:
    options = _options(given, "input")
    _refuse_unknown(options, {"input", "taps"}, "sequences")
    tensor = as_variable(options["input"])
    if not tensor.ndim:
        raise ScanError(
            f"a sequence has elements along its first axis; {tensor} is a scalar",
            here(),
            "hand it in with non_sequences",
        )
    return Looped(tensor, _taps(options.get("taps"), 0))


def _as_output(given: Any) -> Output:
    options = _options(given, "initial")
    _refuse_unknown(options, {"initial", "taps"}, "outputs_info")
    initial = options.get("initial")
    if initial is None:
        if options.get("taps") is not None:
            raise ScanError(f"taps {options['taps']} need an initial value", here())
        return Output(None)
    taps = _taps(options.get("taps"), -1)
    if not taps or max(taps) >= 0:
        raise ScanError(f"taps of an output are negative, not {list(taps)}", here())
    weak = isinstance(initial, (bool, int, float))
    return Output(as_variable(initial), taps, weak)


def _refuse_unknown(options: Mapping[str, Any], known: set[str], what: str) -> None:
    unknown = set(options) - known
    if unknown:
        raise ScanError(
            f"unknown keys {sorted(unknown)} in {what}", here(), f"keys: {', '.join(sorted(known))}"
        )


# what the step returns --------------------------------------------------------------------------
@dataclass(frozen=True)
class Returned:
    """What a step function returns, sorted."""

    outputs: list[Variable]
    updates: Updates
    condition: Variable | None


def _returned(result: Any) -> Returned:
    """Return the outputs, updates and condition that a step function returned."""
    items = [result] if _are_updates(result) else listed(result)
    condition: Variable | None = None
    if items and isinstance(items[-1], until):
        condition = as_variable(items.pop().condition)
        if condition.ndim:
            raise ScanError(f"until takes a scalar condition, not {condition.type}", here())
    updates: Updates = {}
    for k, item in enumerate(items):
        if _are_updates(item):
            updates = {v: as_variable(value) for v, value in dict(item).items()}
            del items[k]
            break
    if len(items) == 1:
        items = listed(items[0])
    return Returned([as_variable(item) for item in items], updates, condition)


def _are_updates(item: Any) -> bool:
    """Return whether ``item`` is a dict, or a list of pairs of shared variables and new values."""
    if isinstance(item, Mapping):
        return True
    return (
        is_several(item)
        and bool(item)
        and all(
            is_several(pair) and len(pair) == 2 and isinstance(pair[0], SharedVariable)
            for pair in item
        )
    )


# the loop ---------------------------------------------------------------------------------------
@dataclass
class State:
    """A state of the loop: where it starts, what stands for it in a step, what it becomes."""

    initial: Variable
    placeholder: Variable
    new: Variable


class Loop:
    """The loop while it is put together; `build` makes the node."""

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
    ) -> None:
        self.name = name
        self.where: Location | None = here()
        self.sequences = [_as_sequence(given) for given in listed(sequences)]
        infos = (
            None if outputs_info is None else [_as_output(given) for given in listed(outputs_info)]
        )
        self.constants = [as_variable(given) for given in listed(non_sequences)]
        self.steps = self._steps(n_steps)
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
        self.returned = _returned(fn(*self.elements, *seen, *self.constants))
        if infos is None:
            infos = [Output(None)] * len(self.returned.outputs)
            starts: list[list[Variable]] = [[] for _ in infos]
            registers = starts
        if len(infos) != len(self.returned.outputs):
            raise ScanError(
                f"the step returns {len(self.returned.outputs)} outputs, outputs_info describes "
                f"{len(infos)}",
                self.where,
                "give None in outputs_info for an output that does not feed back",
            )
        self.states: list[State] = []
        self.places: list[int | None] = []
        for values, register, output in zip(starts, registers, self.returned.outputs, strict=True):
            self.places.append(len(self.states) if register else None)
            news = [output, *register][: len(register)]
            self.states += [State(*each) for each in zip(values, register, news, strict=True)]
        self.outputs = self.returned.outputs
        self.condition = self.returned.condition
        self._settle_dtypes(infos)
        self._add_updates()
        if strict:
            self._refuse_captured()

    def _steps(self, n_steps: Any) -> Variable:
        lengths = [s.steps() for s in self.sequences]
        if n_steps is not None:
            steps = as_variable(n_steps)
            known = constant_extent(steps)
            if known is not None and known < 0:
                raise ScanError(f"scan cannot take {known} steps", here())
            if known is not None and any(isinstance(n, int) and n < known for n in lengths):
                shortest = min(n for n in lengths if isinstance(n, int))
                raise ScanError(
                    f"scan is to take {known} steps, but a sequence has elements for {shortest}",
                    here(),
                )
            return steps
        if not lengths:
            raise ScanError(
                "scan does not know how many steps to take", here(), "give sequences or n_steps"
            )
        steps = lengths[0]
        for n in lengths[1:]:
            steps = smaller(steps, n)
        return as_variable(steps)

    def _register(self, k: int, info: Output, starts: Sequence[Variable]) -> list[Variable]:
        """Return the variables that stand for the earlier values of output ``k``, latest first."""
        label = info.initial.name if info.initial is not None and info.initial.name else f"state{k}"
        return [start.type(f"{label}[t-{lag}]") for lag, start in enumerate(starts, 1)]

    # fitting states to what the step returns ----------------------------------------------------
    def _settle_dtypes(self, infos: Sequence[Output]) -> None:
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

    def _check_state(self, k: int, state: State) -> None:
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

    def _add_updates(self) -> None:
        """Make a state of each shared variable that the step updates."""
        placeholders = {v: v.type(v.name) for v in self.returned.updates}
        self._substitute(placeholders)
        for variable, value in self.returned.updates.items():
            state = State(variable, placeholders[variable], value)
            self._check_state(len(self.states), state)
            self.states.append(state)

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
    def build(self, truncate_gradient: int) -> list[Variable]:
        """Make the node; return its last states and stacks."""
        conditions = [] if self.condition is None else [self.condition]
        placeholders = [*self.elements, *(s.placeholder for s in self.states)]
        results = [*(s.new for s in self.states), *self.outputs, *conditions]
        captured = self._captured(results, placeholders)
        inner = {v: Variable(v.type, v.name) for v in captured}
        body = FunctionGraph((*placeholders, *inner.values()), tuple(substitute(results, inner)))
        op = Scan(
            body,
            len(self.elements),
            len(self.states),
            bool(conditions),
            int(truncate_gradient),
            self.name,
        )
        initial = [s.initial for s in self.states]
        return list(op.make_node(self.steps, *self.slices, *initial, *captured).outputs)

    def _captured(
        self, results: Sequence[Variable], placeholders: Sequence[Variable]
    ) -> list[Variable]:
        """Return what the step uses and does not depend on it, in the largest expressions."""
        inside = depends_on(results, placeholders)
        found: dict[Variable, None] = {}
        for node in toposort(results, stop=placeholders):
            if any(output in inside for output in node.outputs):
                found.update((v, None) for v in node.inputs if v not in inside)
        found.update((v, None) for v in results if v not in inside)
        return [v for v in found if not isinstance(v, Constant)]


def scan(
    fn: Callable[..., Any],
    sequences: Any = None,
    outputs_info: Any = None,
    non_sequences: Any = None,
    n_steps: Any = None,
    truncate_gradient: int = -1,
    go_backwards: bool = False,
    *,
    strict: bool = False,
    name: str | None = None,
    return_list: bool = False,
) -> tuple[Any, Updates]:
    """Return what ``fn`` gives when it is applied step by step, stacked over the steps.

    fn : the step, called once with variables: the elements of the sequences (for each its taps),
        the earlier values of the outputs (for each its taps), the non-sequences.  It returns one
        output or a list of them; then, possibly, updates of shared variables (a dict or a list of
        pairs); then, possibly, ``until(condition)``, to stop after this step.
    sequences : tensors that are looped over along their first axis; one, or a list; for other
        elements than the one at the step's index, ``dict(input=x, taps=[-1, 0, 1])``.
    outputs_info : for each output None (it does not feed back), its value before the first step,
        or ``dict(initial=x, taps=[-2, -1])``, where x has the first values along its first axis.
    non_sequences : what else the step is called with.  The step may also use any variable around
        it, unless ``strict``.
    n_steps : how many steps to take, a number or a scalar of the graph; by default as many as all
        sequences have elements for.
    truncate_gradient : how many steps a gradient goes back; -1: all.
    go_backwards : whether to loop over the sequences from their end.
    return_list : whether to return a list even for one output.

    Returns the outputs (a list of them if there are several, None for none), stacked along a new
    first axis, and the updates of shared variables, to hand to ``function(..., updates=)``.

    Raises ScanError: arguments that do not fit one another; when it runs: a negative number of
    steps, a sequence that is too short, a state that changes its shape.

    >>> import gradcore.tensor as T
    >>> x = T.dvector("x")
    >>> total, _ = scan(lambda x_t, acc: acc + x_t, sequences=x, outputs_info=0.0)
    >>> total.eval({x: [1, 2, 3]}).tolist()
    [1.0, 3.0, 6.0]
    """
    loop = Loop(fn, sequences, outputs_info, non_sequences, n_steps, go_backwards, strict, name)
    results = loop.build(truncate_gradient)
    first = len(loop.states)
    stacks = results[first : first + len(loop.outputs)]
    last = dict(zip((s.initial for s in loop.states), results, strict=False))
    updates: Updates = {v: last[v] for v in loop.returned.updates}
    if return_list or len(stacks) > 1:
        return stacks, updates
    return stacks[0] if stacks else None, updates


def map(
    fn: Callable[..., Any],
    sequences: Any,
    non_sequences: Any = None,
    truncate_gradient: int = -1,
    go_backwards: bool = False,
    name: str | None = None,
) -> tuple[Any, Updates]:
    """Return ``fn`` of each element, stacked: a scan in which nothing feeds back.

    >>> import gradcore.tensor as T
    >>> squares, _ = map(lambda k: k ** 2, T.arange(4))
    >>> squares.eval().tolist()
    [0, 1, 4, 9]
    """
    return scan(
        fn, sequences, None, non_sequences, None, truncate_gradient, go_backwards, name=name
    )


def reduce(
    fn: Callable[..., Any],
    sequences: Any,
    outputs_info: Any,
    non_sequences: Any = None,
    go_backwards: bool = False,
    name: str | None = None,
) -> tuple[Any, Updates]:
    """Return the last value of each output of a scan; without elements, the initial value.

    >>> import gradcore.tensor as T
    >>> product, _ = reduce(lambda k, acc: acc * k, T.arange(1, 6), outputs_info=1)
    >>> product.eval().tolist()
    120
    """
    loop = Loop(fn, sequences, outputs_info, non_sequences, None, go_backwards, False, name)
    results = loop.build(-1)
    for k, place in enumerate(loop.places):
        if place is None:
            raise ScanError(f"reduce needs an initial value for output {k}", here())
    found = [results[place] for place in loop.places if place is not None]
    last = dict(zip((s.initial for s in loop.states), results, strict=False))
    updates: Updates = {v: last[v] for v in loop.returned.updates}
    return (found if len(found) > 1 else found[0]), updates


def foldl(
    fn: Callable[..., Any],
    sequences: Any,
    outputs_info: Any,
    non_sequences: Any = None,
    name: str | None = None,
) -> tuple[Any, Updates]:
    """Return ``reduce`` from the first element to the last."""
    return reduce(fn, sequences, outputs_info, non_sequences, False, name)


def foldr(
    fn: Callable[..., Any],
    sequences: Any,
    outputs_info: Any,
    non_sequences: Any = None,
    name: str | None = None,
) -> tuple[Any, Updates]:
    """Return ``reduce`` from the last element to the first."""
    return reduce(fn, sequences, outputs_info, non_sequences, True, name)
