"""The cases of the conformance suite, enumerated from what ops declare.

A case is one graph with values, and what its outputs should be.  Nothing is listed by hand: a new
op is in by being declared, a new backend by being installed.  ``level`` says how much: *smoke*, a
little of every op; *core*, all dtypes, shapes, layouts and special values, and derivatives of the
first order; *full*, everything with everything.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gradcore.compile import function
from gradcore.conformance import checks, special
from gradcore.conformance.checks import Built, scalar
from gradcore.conformance.layouts import LAYOUTS, contiguous
from gradcore.conformance.loops import LOOPS, VALUES, Loop
from gradcore.conformance.precision import Expected, expected
from gradcore.conformance.programs import PROGRAMS
from gradcore.conformance.samples import accepted, draw, op_classes, row_samples, rows
from gradcore.errors import GradcoreError
from gradcore.gradient import Rop, grad
from gradcore.graph import Array, Op, Variable
from gradcore.graph.op import Sample
from gradcore.graph.types import DISCRETE, FLOATS
from gradcore.mode import Mode
from gradcore.ops.control import Conditional, GradientMark
from gradcore.ops.elementwise import Elementwise
from gradcore.rewrite import STAGES
from gradcore.tensor import cos

DERIVED = 2.0**-36
"""How far a result of a whole graph may be off, relative to its largest element (float64)."""

MIXED = (("float32", "int32"), ("float32", "float64"), ("int8", "uint8"), ("bool", "float64"))
"""Pairs of dtypes that meet in one op."""


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
        chosen = Mode(mode.backend, self.optimizer, fallback="numpy", **dict(mode.options))
        f = function(built.inputs, built.outputs, chosen, on_unused_input="ignore")
        if f.maker.fallback:
            raise Unsupported("; ".join(dict.fromkeys(lack.reason for lack in f.maker.fallback)))
        wanted = self.judge(built)
        kept = [a.copy() for a in built.values]
        try:
            found = f(*built.values)
        except Exception as error:  # whatever a backend raises, it is what the reference does not
            raise Mismatch(f"raised {type(error).__name__}: {error}") from error
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


def _judged_by(subject: Subject, signed_zeros: bool = False) -> Callable[[Built], list[Expected]]:
    """Return what judges a graph by the op itself, on the operands of ``subject``."""
    return lambda _: subject.outputs(signed_zeros)


def _subject(sample: Sample, dtype: str) -> Subject:
    rng = np.random.default_rng(1234)
    draws = tuple(tuple(draw(arg, rng, dtype) for arg in sample.operands) for _ in range(3))
    return Subject(sample.op, draws, tuple(arg.value is not None for arg in sample.operands))


def _case(check: str, name: str, level: Level, subject: Subject) -> Case:
    """Return a case of an op."""
    own = check == "value"
    return Case(
        check,
        subject.op.label(),
        name,
        level,
        lambda: subject.built(check),
        _judged_by(subject) if own else by_reference,
        optimizer=not own,
        subject=subject,
    )


# rows -------------------------------------------------------------------------------------------
def _row_cases(op: Elementwise) -> Iterator[Case]:
    """Yield the cases of an elementwise op."""
    samples = list(row_samples(op))
    usual = "float64" if accepted(op, ["float64"] * op.operands) else "int64"
    for dtypes in _signatures(op):
        alike = set(dtypes) == {dtypes[0]}
        name = dtypes[0] if alike else "+".join(dtypes)
        for k, sample in enumerate(samples):
            level = Level.FULL
            if dtypes[0] == usual and alike:
                level = Level.SMOKE if k == 0 else Level.CORE
            elif k == 0:
                level = Level.CORE
            yield _case("value", f"{name}-{_shapes(sample)}", level, _typed(sample, dtypes))
        if alike:
            yield from _special_cases(op, dtypes)
    yield from _layout_cases(_typed(samples[2], [usual] * op.operands), usual)
    yield from _derived_cases(samples, usual)


def _signatures(op: Elementwise) -> Iterator[list[str]]:
    """Yield the dtypes of operands that an op takes."""
    for dtype in (*FLOATS, *DISCRETE):
        if accepted(op, [dtype] * op.operands):
            yield [dtype] * op.operands
    for pair in MIXED if op.operands == 2 else ():
        for dtypes in (pair, pair[::-1]):
            if accepted(op, dtypes):
                yield list(dtypes)


def _typed(sample: Sample, dtypes: Sequence[str]) -> Subject:
    """Return a sample with operands of these dtypes."""
    args = [replace(arg, dtype=d) for arg, d in zip(sample.operands, dtypes, strict=True)]
    if sample.op.label() == "pow" and not set(dtypes) & set(FLOATS):
        args[1] = replace(args[1], low=0)
    return _subject(Sample(sample.op, tuple(args)), "float64")


def _special_cases(op: Elementwise, dtypes: Sequence[str]) -> Iterator[Case]:
    for group in special.GROUPS:
        values = special.operands(op, dtypes, group)
        if values[0].size == 0:
            continue
        subject = Subject(op, (tuple(values),), (False,) * op.operands)
        level = Level.CORE if dtypes[0] in {"float64", "float32", "int64", "int8"} else Level.FULL
        case = _case("value", f"{dtypes[0]}-{group}", level, subject)
        signed = group == "zeros" and op not in special.TIES
        yield replace(case, judge=_judged_by(subject, signed))


def _shapes(sample: Sample) -> str:
    return ",".join(
        "x".join(map(str, arg.shape)) or "scalar"
        for arg in sample.operands
        if arg.value is None
    ) or "constants"  # fmt: skip


# all ops ----------------------------------------------------------------------------------------
def _layout_cases(subject: Subject, dtype: str) -> Iterator[Case]:
    """Yield a case for every layout of the operands of an op."""
    for name in LAYOUTS:
        if name != subject.layout:
            yield _case("value", f"{dtype}-{name}", Level.CORE, replace(subject, layout=name))


def _derived_cases(samples: Sequence[Sample], usual: str) -> Iterator[Case]:
    """Yield the cases that put an op into graphs: derivatives, fusions, loops, stages."""
    for k, sample in enumerate(samples):
        subject = _subject(sample, usual)
        name = f"{usual}-{_shapes(sample)}-{k}"
        first = Level.SMOKE if k == 0 else Level.CORE
        yield _case("fused", name, first if k == 0 else Level.FULL, subject)
        if _same_shapes(subject):
            yield from _looped_cases(subject, name, Level.CORE if k == 0 else Level.FULL)
        yield from _staged_cases(subject, name)
        if not _has_derivatives(sample, usual):
            continue
        yield _case("derivative", name, first, subject)
        yield _case("second", name, Level.CORE if k == 0 else Level.FULL, subject)


def _has_derivatives(sample: Sample, usual: str) -> bool:
    moves = any(
        arg.value is None and (usual if arg.dtype == "float" else arg.dtype) in FLOATS
        for arg in sample.operands
    )
    return moves and not isinstance(sample.op, Conditional | GradientMark)


def _same_shapes(subject: Subject) -> bool:
    """Return whether a loop over draws can stack the outputs: their shapes do not vary."""
    shapes: set[tuple[tuple[int, ...], ...]] = set()
    for operands in subject.draws:
        found = replace(subject, draws=(operands,)).outputs()
        shapes.add(tuple(e.value.shape for e in found))
    return len(shapes) == 1


def _looped_cases(subject: Subject, name: str, level: Level) -> Iterator[Case]:
    """Yield a loop with the op in its body; it should be what it is written out."""
    case = _case("scanned", name, level, subject)

    def written_out(_: Built) -> list[Expected]:
        return by_reference(subject.built("unrolled"))

    yield replace(case, judge=written_out)


def _staged_cases(subject: Subject, name: str) -> Iterator[Case]:
    """Yield the op after each stage of the optimizer."""
    names = list(dict.fromkeys(stage.name for stage in STAGES))
    for k in range(len(names) + 1):
        stages = tuple(names[:k])
        case = _case(
            "fused", f"{name}-after-{names[k - 1] if k else 'nothing'}", Level.FULL, subject
        )
        yield replace(case, check="staged", optimizer=stages)


def _class_cases(cls: type[Op]) -> Iterator[Case]:
    """Yield the cases of a class of ops."""
    samples = list(cls.samples())
    for k, sample in enumerate(samples):
        for dtype in (*FLOATS, *DISCRETE):
            if dtype != "float64" and all(arg.dtype != "float" for arg in sample.operands):
                continue
            subject = _subject(sample, dtype)
            if not _takes(subject):
                continue
            level = Level.SMOKE if k == 0 and dtype == "float64" else Level.FULL
            if level == Level.FULL and (dtype == "float64" or (k == 0 and dtype != "float16")):
                level = Level.CORE
            yield _case("value", f"{dtype}-{_shapes(sample)}-{k}", level, subject)
    first = _subject(samples[0], "float64")
    if not all(first.constant):
        yield from _layout_cases(first, "float64")
    yield from _derived_cases(samples, "float64")


def _takes(subject: Subject) -> bool:
    """Return whether an op takes operands of these dtypes."""
    try:
        checks.applied(subject.op, subject.draws[0], subject.constant)
    except GradcoreError:
        return False
    return True


# loops and programs -----------------------------------------------------------------------------
def _loop_cases(name: str, loop: Loop) -> Iterator[Case]:
    """Yield a loop and its derivatives, each of which should be what it is written out."""
    inputs = list(dict.fromkeys([*loop.wrt, *VALUES]))

    def built(outputs: list[Variable]) -> Built:
        return Built(inputs, [np.array(VALUES[v]) for v in inputs], outputs)

    def both(
        outputs: Callable[[list[Variable]], list[Variable]],
    ) -> tuple[Callable[[], Built], Callable[[Built], list[Expected]]]:
        return (
            lambda: built(outputs(loop.looped())),
            lambda _: by_reference(built(outputs(loop.written_out()))),
        )

    def cost(stacks: list[Variable]) -> Variable:
        total = scalar(0.0)
        for stack in stacks:
            total = total + scalar(stack) if stack.type.is_float else total
        return total

    def gradients(stacks: list[Variable]) -> list[Variable]:
        return grad(cost(stacks), list(loop.wrt), disconnected_inputs="ignore")

    points = [cos(v * 3).eval({v: VALUES[v]}) for v in loop.wrt]

    def tangents(stacks: list[Variable]) -> list[Variable]:
        floats = [s for s in stacks if s.type.is_float]
        return Rop(floats, list(loop.wrt), points, "ignore")

    def second(stacks: list[Variable]) -> list[Variable]:
        return Rop(gradients(stacks), list(loop.wrt), points, "ignore")

    checked = {"value": list[Variable], "gradient": gradients}
    if loop.truncate < 0:  # truncation is about gradients
        checked |= {"tangent": tangents, "second": second}
    for check, outputs in checked.items():
        level = Level.SMOKE if check == "gradient" and name in {"rnn", "until"} else Level.CORE
        build, judge = both(outputs)
        yield Case("loop", name, check, Level.FULL if check == "second" else level, build, judge)


def case(id: str) -> Case:
    """Return the case of this name.

    Raises KeyError: there is none.
    """
    return {found.id: found for found in _all()}[id]


def cases(level: Level = Level.FULL) -> Iterator[Case]:
    """Yield all cases up to a level."""
    for case in _all():
        if case.level <= level:
            yield case


def _all() -> Iterator[Case]:
    for op in rows():
        yield from _row_cases(op)
    for cls in op_classes():
        yield from _class_cases(cls)
    for name, loop in LOOPS.items():
        yield from _loop_cases(name, loop)
    for name, program in PROGRAMS.items():
        yield Case("program", name, "whole", Level.SMOKE, program, by_reference)
