"""One thing that every backend must do as the reference does: a graph, values, a verdict."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradcore.compile import function
from gradcore.conformance import checks
from gradcore.conformance.checks import Built
from gradcore.conformance.layouts import LAYOUTS, contiguous
from gradcore.conformance.precision import Expected, expected
from gradcore.errors import UnsupportedError
from gradcore.graph import Array, Op, Variable
from gradcore.mode import Mode

DERIVED = 2.0**-36
"""How far a result of a whole graph may be off, relative to its largest element (float64)."""


class Level(enum.IntEnum):
    """How much is run."""

    SMOKE = 0
    CORE = 1
    FULL = 2


class Mismatch(AssertionError):
    """A backend differs from the reference."""


class Unsupported(Exception):
    """A backend lacks something, and says what."""


@dataclass(frozen=True)
class Case:
    """One thing that every backend must do as the reference does.

    check : what is checked: a name of a builder of `gradcore.conformance.checks`, or loop, program.
    op : the name of the op, or of the loop or program.
    name : dtype, shape, layout: what tells it from other cases of its check and op.
    level : from which level on it is run.
    build : makes the graph and the values for its inputs.
    judge : makes what the outputs should be.
    optimizer : which stages rewrite the graph.
    subject : the op with its operands, for a program that shows a failure.
    """

    check: str
    op: str
    name: str
    level: Level
    build: Callable[[], Built]
    judge: Callable[[Built], list[Expected]]
    optimizer: bool | tuple[str, ...] = True
    subject: Subject | None = field(default=None, compare=False)

    @property
    def id(self) -> str:
        """The name of the whole."""
        return f"{self.check}-{self.op}-{self.name}".replace(" ", "_")

    def run(self, mode: Mode) -> None:
        """Run it.

        mode : which backend runs it, with its options.

        Raises Mismatch; Unsupported: the backend lacks something that the graph needs.
        """
        built = self.build()
        kept = [a.copy() for a in built.values]
        chosen = Mode(mode.backend, self.optimizer, **dict(mode.options))
        try:
            f = function(built.inputs, built.outputs, chosen, on_unused_input="ignore")
            found = f(*built.values)
        except UnsupportedError as error:  # said before anything ran, or by what it calls
            raise Unsupported("; ".join(error.reasons)) from error
        except Exception as error:  # whatever a backend raises, it is what the reference does not
            raise Mismatch(f"raised {type(error).__name__}: {error}") from error
        wanted = self.judge(built)
        for k, (output, result, want) in enumerate(zip(built.outputs, found, wanted, strict=True)):
            complaint = _ownership(result, found[:k], built.values) or _typing(output, result)
            complaint = complaint or want.complaint(result)
            if complaint is not None:
                raise Mismatch(f"output {k} {complaint}")
        for i, (before, after) in enumerate(zip(kept, built.values, strict=True)):
            if not _identical(before, after):
                raise Mismatch(f"wrote to its input {i}: {after}, which was {before}")


def _identical(a: Array, b: Array) -> bool:
    return np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def _ownership(result: Any, others: Sequence[Array], inputs: Sequence[Array]) -> str | None:
    if type(result) is not np.ndarray:
        return f"is {type(result).__name__}, no array"
    if not result.flags.writeable:
        return "cannot be written to: it is not the caller's own"
    for what, arrays in (("an input", inputs), ("another output", others)):
        if any(np.shares_memory(result, a) for a in arrays):
            return f"shares memory with {what}"
    return None


def _typing(output: Variable, result: Array) -> str | None:
    if result.dtype.name != output.dtype:
        return f"has dtype {result.dtype}, its type is {output.type}"
    if not output.type.admits(result.shape):
        return f"has shape {result.shape}, its type is {output.type}"
    return None


# what should come out ---------------------------------------------------------------------------
def by_reference(built: Built) -> list[Expected]:
    """Return what the reference makes of the graph as it is written."""
    plain = function(
        built.inputs, built.outputs, Mode("numpy", optimizer=False), on_unused_input="ignore"
    )
    return list(map(_derived, plain(*built.values)))


def _derived(value: Array) -> Expected:
    """Return an expected value with the tolerance for results of whole graphs."""
    if value.dtype.kind != "f":
        return Expected(value, np.zeros(value.shape))
    finite = np.abs(value[np.isfinite(value)])
    scale = max(1.0, float(finite.max(initial=0)))
    unit = float(np.finfo(value.dtype).eps) / float(np.finfo("float64").eps)
    return Expected(value, np.full(value.shape, DERIVED * unit * scale))


@dataclass(frozen=True)
class Subject:
    """An op with several draws of operands to test it on.

    draws : the operands, in C order.
    constant : for each operand, whether it is a constant, and the same in all draws.
    layout : how the others lie in memory, a key of `LAYOUTS`.
    """

    op: Op
    draws: tuple[tuple[Array, ...], ...]
    constant: tuple[bool, ...]
    layout: str = "contiguous"

    def laid(self) -> tuple[tuple[Array, ...], ...]:
        """Return the draws as they lie in memory."""
        lay = LAYOUTS[self.layout]
        return tuple(
            tuple(a if fixed else lay(a) for a, fixed in zip(operands, self.constant, strict=True))
            for operands in self.draws
        )

    def built(self, check: str) -> Built:
        """Return the graph of a check."""
        return getattr(checks, check)(self.op, self.laid(), self.constant)

    def outputs(self, signed_zeros: bool = False) -> list[Expected]:
        """Return what the outputs of the op itself should be."""
        operands = [contiguous(a) for a in self.laid()[0]]
        node, _, _ = checks.applied(self.op, operands, self.constant)
        return expected(node, operands, signed_zeros=signed_zeros)


def judged_by(subject: Subject, signed_zeros: bool = False) -> Callable[[Built], list[Expected]]:
    """Return what judges a graph by the op itself, on the operands of ``subject``."""
    return lambda _: subject.outputs(signed_zeros)
