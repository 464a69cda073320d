"""The cases of the conformance suite, enumerated from what ops declare.

A case is one graph with values, and what its outputs should be.  Nothing is listed by hand: a new
op is in by being declared, a new backend by being installed.  ``level`` says how much: *smoke*, a
little of every op; *core*, all dtypes, shapes, layouts and special values, and derivatives of the
first order; *full*, everything with everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from gradcore.conformance import checks, special
from gradcore.conformance.case import Case, Level, Subject, by_reference, judged_by
from gradcore.conformance.checks import Built, scalar
from gradcore.conformance.layouts import LAYOUTS
from gradcore.conformance.loops import LOOPS, VALUES, Loop
from gradcore.conformance.precision import Expected
from gradcore.conformance.programs import PROGRAMS
from gradcore.conformance.samples import accepted, draw, op_classes, row_samples, rows
from gradcore.errors import GradcoreError
from gradcore.gradient import Rop, grad
from gradcore.graph import Op, Variable
from gradcore.graph.op import Sample
from gradcore.graph.types import DISCRETE, FLOATS
from gradcore.ops.control import Conditional, GradientMark
from gradcore.ops.elementwise import Elementwise
from gradcore.rewrite import STAGES
from gradcore.tensor import cos

MIXED = (("float32", "int32"), ("float32", "float64"), ("int8", "uint8"), ("bool", "float64"))
"""Pairs of dtypes that meet in one op."""


# ops --------------------------------------------------------------------------------------------
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
        judged_by(subject) if own else by_reference,
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
        yield replace(case, judge=judged_by(subject, signed))


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
    if not samples:
        return
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
