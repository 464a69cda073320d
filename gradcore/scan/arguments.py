"""What the user says of sequences and outputs: taps, initial values, and what they stand for.

A sequence is sliced once for each tap; the initial values of an output fill its shift register.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any, cast

from gradcore.config import config
from gradcore.errors import ScanError
from gradcore.graph import TensorType, Variable, as_variable, here
from gradcore.graph.extents import Extent
from gradcore.graph.nodes import extents_of
from gradcore.language import listed
from gradcore.ops.loop import Checkpoint


@dataclass(frozen=True)
class TappedSequence:
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
class OutputInfo:
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


def as_sequence(given: Any) -> TappedSequence:
    """Return what a user gives as a sequence: a tensor, or ``dict(input=x, taps=[-1, 0])``.

    Raises ScanError: a scalar; an unknown key.
    """
    options = _options(given, "input")
    _refuse_unknown(options, {"input", "taps"}, "sequences")
    tensor = as_variable(options["input"])
    if not tensor.ndim:
        raise ScanError(
            f"a sequence has elements along its first axis; {tensor} is a scalar",
            here(),
            "hand it in with non_sequences",
        )
    return TappedSequence(tensor, _taps(options.get("taps"), 0))


def as_output_info(given: Any) -> OutputInfo:
    """Return what a user says of an output: None, an initial value, or a dict with taps.

    An `OutputInfo` is returned as it is.

    Raises ScanError: taps without an initial value, or not negative; an unknown key.
    """
    if isinstance(given, OutputInfo):
        return given
    options = _options(given, "initial")
    _refuse_unknown(options, {"initial", "taps"}, "outputs_info")
    initial = options.get("initial")
    if initial is None:
        if options.get("taps") is not None:
            raise ScanError(f"taps {options['taps']} need an initial value", here())
        return OutputInfo(None)
    taps = _taps(options.get("taps"), -1)
    if not taps or max(taps) >= 0:
        raise ScanError(f"taps of an output are negative, not {list(taps)}", here())
    weak = isinstance(initial, (bool, int, float))
    return OutputInfo(as_variable(initial), taps, weak)


def as_checkpoint(given: Any) -> Checkpoint | None:
    """Return what a user says that a gradient stores of the steps: "auto", a number, or None.

    Raises ScanError: anything else.
    """
    if given is None:
        return None
    if isinstance(given, str) and given == "auto":
        budget = config.scan_memory_budget
        return Checkpoint(budget=budget) if budget else None
    length = 0 if isinstance(given, bool) or not isinstance(given, Integral) else int(given)
    if length < 1:
        raise ScanError(
            f'checkpoint is "auto", None, or how many steps to take again at a time, not {given!r}',
            here(),
        )
    return Checkpoint(length)


def _refuse_unknown(options: Mapping[str, Any], known: set[str], what: str) -> None:
    unknown = set(options) - known
    if unknown:
        raise ScanError(
            f"unknown keys {sorted(unknown)} in {what}", here(), f"keys: {', '.join(sorted(known))}"
        )


def check_step(fn: Callable[..., Any], elements: int, states: int, constants: int) -> None:
    """Raise ScanError if a step cannot take so many arguments."""
    try:
        signature = inspect.signature(fn)
    except (TypeError, ValueError):  # it does not say what it takes
        return
    count = elements + states + constants
    try:
        signature.bind(*[None] * count)
    except TypeError as error:
        raise ScanError(
            f"the step takes {signature}, and is given {count} arguments: {error}",
            here(),
            f"a step takes the elements of sequences (here {elements}), then the outputs of steps "
            f"before ({states}), then non_sequences ({constants})",
        ) from None
