"""The cases of the conformance suite, enumerated from what ops declare.

A case is one graph with values for several calls, and what each should return or raise.  Nothing
is listed by hand: a new op is in by being declared, a new backend by being installed.  ``level``
says how much: *smoke*, a little of every op; *core*, all dtypes, shapes, layouts and special
values, long operands, errors and first derivatives; *full*, everything with everything.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from gradcore.conformance import checks, special
from gradcore.conformance.case import (
    Case,
    Draws,
    Judge,
    Level,
    Subject,
    by_op,
    by_op_with_signs,
    by_reference,
)
from gradcore.conformance.checks import Built
from gradcore.conformance.layouts import LAYOUTS
from gradcore.conformance.loops import LOOPS
from gradcore.conformance.precision import Expected, computed
from gradcore.conformance.programs import PROGRAMS
from gradcore.conformance.samples import accepted, row_samples, several, usual_dtype
from gradcore.conformance.variants import (
    LENGTHS,
    Reference,
    grown,
    long,
    other_extents,
    other_matrices,
    other_values,
    short,
)
from gradcore.conformance.whole_graphs import loop_cases, program_cases
from gradcore.derive import Linear
from gradcore.dtypes import DTYPES
from gradcore.errors import GradcoreError
from gradcore.graph import Array, Op
from gradcore.graph.op import Arg, Sample
from gradcore.graph.types import COMPLEX, DISCRETE, FLOATS, SIGNED
from gradcore.ops.control import Conditional, GradientMark
from gradcore.ops.elementwise import Elementwise
from gradcore.plugins import registry
from gradcore.rewrite import STAGES

MIXED = (
    ("float32", "int32"),
    ("float32", "float64"),
    ("int8", "uint8"),
    ("bool", "float64"),
    ("float64", "complex64"),
    ("int8", "complex64"),
)
"""Pairs of dtypes that meet in one op."""

USUAL = ("float64", "int64")
"""The dtypes in which operands are very long."""

COMMON = ("float64", "float32", "int64", "int8", "bool", "complex128")
"""The dtypes that stand for all others."""


# ops --------------------------------------------------------------------------------------------
def _subject(sample: Sample, dtype: str) -> Subject:
    """Return a sample as a subject; in further calls, all extents that may be are longer."""
    constant = tuple(arg.value is not None for arg in sample.operands)
    subject = Subject(sample.op, several(sample, dtype), constant)

    def further(count: int) -> Iterator[Draws]:
        yield several(grown(sample, _reference(subject, dtype)), dtype, count, seed=99)

    return replace(subject, further=further)


def _reference(subject: Subject, dtype: str) -> Reference:
    return Reference(checks.applied(subject.op, subject.draws[0], subject.constant)[0], dtype)


def _case(
    check: str, name: str, level: Level, subject: Subject, judge: Judge | None = None
) -> Case:
    """Return a case of an op."""
    alone = check == "value" and not subject.op.graphs  # rounding adds up in graphs
    judge = judge or (by_op if alone else by_reference)
    return Case(
        check,
        subject.op.label(),
        name,
        level,
        lambda: subject.built(check),
        judge,
        optimizer=check != "value",
        subject=subject,
        later=lambda: subject.later(check),
        again=judge,
    )


# calls that vary --------------------------------------------------------------------------------
def _called_cases(sample: Sample, dtype: str, name: str, level: Level) -> Iterator[Case]:
    """Yield an op, all of whose operands are inputs, on short, long and other operands."""
    subject = Subject(sample.op, several(sample, dtype, 1), (False,) * len(sample.operands))
    reference = _reference(subject, dtype)

    def varied() -> Iterator[Sample]:
        yield from short(sample, reference)
        yield from filter(reference.accepts, other_values(sample))
        yield from long(sample, reference, (LENGTHS[0], LENGTHS[2]))

    def longest() -> Iterator[Sample]:
        yield from long(sample, reference, (LENGTHS[1], LENGTHS[3]))

    if not sample.operands or not reference.accepts(sample):
        return  # some of them must be constants
    yield _varying("called", name, level, subject, dtype, varied)
    if dtype in USUAL:
        late = Level.FULL if sample.op.graphs else level
        yield _varying("long", name, late, subject, dtype, longest)


def _error_cases(sample: Sample, dtype: str, name: str, level: Level) -> Iterator[Case]:
    """Yield an op on what must be refused: wrong extents or values, matrices without a factor."""
    subject = Subject(sample.op, several(sample, dtype, 1), (False,) * len(sample.operands))
    reference = _reference(subject, dtype)
    kinds = {"extents": other_extents, "values": other_values, "matrices": other_matrices}
    for kind, others in kinds.items():
        refused = [other for other in others(sample) if not reference.accepts(other)]
        if refused and reference.accepts(sample):
            yield _varying("error", f"{name}-{kind}", level, subject, dtype, refused.copy)


def _varying(
    check: str,
    name: str,
    level: Level,
    subject: Subject,
    dtype: str,
    samples: Callable[[], Iterable[Sample]],
) -> Case:
    """Return a case of an op whose later calls are on other samples of it."""

    def further(count: int) -> Iterator[Draws]:
        for k, sample in enumerate(samples()):
            yield several(sample, dtype, count, seed=k)

    return replace(_case("value", name, level, replace(subject, further=further)), check=check)


# elementwise ops --------------------------------------------------------------------------------
def _row_cases(op: Elementwise) -> Iterator[Case]:
    """Yield the cases of an elementwise op."""
    samples = list(row_samples(op))
    usual = usual_dtype(op)
    for dtypes in _signatures(op):
        alike = set(dtypes) == {dtypes[0]}
        name = dtypes[0] if alike else "+".join(dtypes)
        every = alike and dtypes[0] in COMMON
        for k, sample in enumerate(samples if every else samples[:1]):
            level = Level.FULL
            if dtypes[0] == usual and alike:
                level = Level.SMOKE if k == 0 else Level.CORE
            elif k == 0:
                level = Level.CORE
            yield _case("value", f"{name}-{_shapes(sample)}", level, _typed(sample, dtypes))
        if alike:
            yield from _special_cases(op, dtypes)
            yield from _wrapping_cases(op, dtypes)
            yield from _negative_cases(op, dtypes)
    yield from _called_cases(samples[0], usual, f"{usual}-{_shapes(samples[0])}", Level.CORE)
    for k, sample in enumerate(samples):
        level = Level.CORE if k == 0 else Level.FULL
        yield from _error_cases(sample, usual, f"{usual}-{_shapes(sample)}", level)
    yield from _layout_cases(_typed(samples[2], [usual] * op.operands), usual)
    yield from _derived_cases(samples, usual)
    if usual not in COMPLEX and accepted(op, ["complex128"] * op.operands):
        yield from _derived_cases(samples[:1], "complex128")


def _signatures(op: Elementwise) -> Iterator[list[str]]:
    """Yield the dtypes of operands that an op takes."""
    for dtype in (*FLOATS, *DISCRETE, *COMPLEX):
        if accepted(op, [dtype] * op.operands):
            yield [dtype] * op.operands
    for pair in MIXED if op.operands == 2 else ():
        for dtypes in (pair, pair[::-1]):
            if accepted(op, dtypes):
                yield list(dtypes)


def _typed(sample: Sample, dtypes: Sequence[str]) -> Subject:
    """Return a sample with operands of these dtypes."""
    args = [replace(arg, dtype=d) for arg, d in zip(sample.operands, dtypes, strict=True)]
    if sample.op.label() == "pow" and set(dtypes) <= set(DISCRETE):
        args[1] = replace(args[1], low=0)
    return _subject(Sample(sample.op, tuple(args)), "float64")


def _special_cases(op: Elementwise, dtypes: Sequence[str]) -> Iterator[Case]:
    for group in special.GROUPS:
        values = special.operands(op, dtypes, group)
        if values[0].size == 0:
            continue
        fewer = tuple(a[::-1][: max(1, a.size - 1)] for a in values)
        subject = Subject(
            op, (tuple(values),), (False,) * op.operands, further=lambda _, d=fewer: [(d,)]
        )
        signed = group == "zeros" and op not in special.TIES
        judge = by_op_with_signs if signed else by_op
        level = Level.CORE if _tells_signs(subject) else _common(dtypes[0])
        yield _case("value", f"{dtypes[0]}-{group}", level, subject, judge)


def _wrapping_cases(op: Elementwise, dtypes: Sequence[str]) -> Iterator[Case]:
    """Yield an op amid others on integers that wrap in their own dtype, and in no wider one."""
    if dtypes[0] not in ("int8", "uint8"):
        return
    values = special.operands(op, dtypes, "special")
    if values[0].size:
        subject = Subject(op, (tuple(values),), (False,) * op.operands)
        yield _case("fused", f"{dtypes[0]}-special", Level.CORE, subject)


def _negative_cases(op: Elementwise, dtypes: Sequence[str]) -> Iterator[Case]:
    """Yield an op on a negative integer that it must refuse."""
    if op.nonnegative is None or dtypes[0] not in SIGNED:
        return
    place, _ = op.nonnegative
    right = tuple(np.array([2, 3, 1], dtype) for dtype in dtypes)
    wrong = tuple(a - 4 * (k == place) for k, a in enumerate(right))

    def further(_: int) -> Iterator[Draws]:
        yield (tuple(a.astype(d) for a, d in zip(wrong, dtypes, strict=True)),)

    subject = Subject(op, (right,), (False,) * op.operands, further=further)
    case = _case("value", f"{dtypes[0]}-negative", _common(dtypes[0]), subject)
    yield replace(case, check="error")


def _tells_signs(subject: Subject) -> bool:
    """Return whether the first call of a case fails who takes unsigned integers for signed ones."""

    def results(operands: Sequence[Array]) -> Sequence[Array]:
        node, _, _ = checks.applied(subject.op, operands, subject.constant)
        return computed(node, operands)

    return special.tells_signs(results, subject.draws[0])


def _common(dtype: str) -> Level:
    """Return from which level on all special values are tried."""
    return Level.CORE if dtype in COMMON else Level.FULL


def _shapes(sample: Sample) -> str:
    return ",".join(
        "x".join(map(str, arg.shape)) or "scalar"
        for arg in sample.operands
        if arg.value is None
    ) or "constants"  # fmt: skip


# all ops ----------------------------------------------------------------------------------------
def _layout_cases(subject: Subject, dtype: str) -> Iterator[Case]:
    """Yield a case for every layout of the operands of an op.

    What ops ``by_norm`` make of matrices of equal rows is not specified: they are singular, or
    nearly.
    """
    for name in LAYOUTS:
        if name != subject.layout and not (name == "repeated" and subject.op.by_norm):
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
        if k == 0 or not isinstance(sample.op, Elementwise):  # those are rewritten alike
            yield from _staged_cases(subject, name)
        if not _has_derivatives(sample, usual):
            continue
        yield _case("derivative", name, first, subject)
        yield _case("second", name, Level.CORE if k == 0 else Level.FULL, subject)


def _has_derivatives(sample: Sample, usual: str) -> bool:
    moves = any(_drawn_dtype(arg, usual) in (*FLOATS, *COMPLEX) for arg in sample.operands)
    return moves and not isinstance(sample.op, Conditional | GradientMark)


def _drawn_dtype(arg: Arg, usual: str) -> str | None:
    """Return the dtype of an operand that is drawn."""
    return None if arg.value is not None else usual if arg.dtype == "float" else arg.dtype


def _same_shapes(subject: Subject) -> bool:
    """Return whether a loop over draws can stack the outputs: their shapes do not vary."""
    node, _, _ = checks.applied(subject.op, subject.draws[0], subject.constant)
    found = [computed(node, operands) for operands in subject.draws]
    return len({tuple(a.shape for a in outputs) for outputs in found}) == 1


def _looped_cases(subject: Subject, name: str, level: Level) -> Iterator[Case]:
    """Yield a loop with the op in its body, and the op on stacks: what either is written out."""

    def written_out(_: Built) -> list[Expected]:
        return by_reference(subject.built("unrolled"))

    levels = {"scanned": level, "vectorized": Level.FULL}
    for check in levels if not all(subject.constant) else ("scanned",):
        case = _case(check, name, levels[check], subject)
        yield replace(case, judge=written_out, again=by_reference)


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
        for dtype in (*FLOATS, *DISCRETE, *COMPLEX):
            if dtype != "float64" and all(arg.dtype != "float" for arg in sample.operands):
                continue
            subject = _subject(sample, dtype)
            if not _takes(subject):
                continue
            first = sample.op.label() not in {s.op.label() for s in samples[:k]}
            name = f"{dtype}-{_shapes(sample)}-{k}"
            if first or dtype in USUAL:
                level = Level.CORE if first and dtype in COMMON else Level.FULL
                if not sample.op.by_norm:
                    yield from _among_cases(subject, dtype, k, level)
                yield from _free_cases(sample, dtype, name, level)
            level = Level.SMOKE if k == 0 and dtype == "float64" else Level.FULL
            if level == Level.FULL and (
                dtype == "float64" or (k == 0 and DTYPES[dtype].computed == dtype)
            ):
                level = Level.CORE
            yield _case("value", name, level, subject)
    yield from _edge_cases(cls)
    first = _subject(samples[0], "float64")
    if not all(first.constant):
        yield from _layout_cases(first, "float64")
    yield from _derived_cases(samples, "float64")
    if not first.op.graphs and _takes(_subject(samples[0], "complex128")):
        yield from _derived_cases(samples[:1], "complex128")


def _edge_cases(cls: type[Op]) -> Iterator[Case]:
    """Yield a class of ops at the edges of what they take."""
    for k, sample in enumerate(cls.edges()):
        drawn = any(arg.dtype == "float" and arg.value is None for arg in sample.operands)
        for dtype in FLOATS if drawn else ("float64",):
            subject = _subject(sample, dtype)
            if _takes(subject):
                name = f"{dtype}-edge-{k}" if drawn else f"edge-{k}"
                yield _case("value", name, _common(dtype), subject)


def _free_cases(sample: Sample, dtype: str, name: str, level: Level) -> Iterator[Case]:
    """Yield the cases of an op all of whose operands are inputs, if it accepts that."""
    if not _takes(Subject(sample.op, several(sample, dtype, 1), (False,) * len(sample.operands))):
        return
    yield from _called_cases(sample, dtype, name, level)
    if dtype == "float64":
        yield from _error_cases(sample, dtype, name, Level.CORE)


def _among_cases(subject: Subject, dtype: str, k: int, level: Level) -> Iterator[Case]:
    """Yield an op on operands that have special numbers among them."""
    for group in special.AMONG:
        draws = _with_special(subject.draws, subject.constant, group)
        if all(np.array_equal(a, b) for a, b in zip(draws[0], subject.draws[0], strict=True)):
            continue

        def further(count: int, group: str = group) -> Iterator[Draws]:
            for others in subject.further(count):
                yield _with_special(others, subject.constant, group)
                for alone in _one_by_one(subject.constant):
                    yield _with_special(others, alone, group)

        other = replace(subject, draws=draws, further=further)
        level = Level.CORE if _tells_signs(other) else level
        signed = group == "zeros" and isinstance(subject.op.derivative, Linear)
        judge = by_op_with_signs if signed and not subject.op.ulp else None
        yield _case("value", f"{dtype}-{group}-{k}", level, other, judge)


def _one_by_one(constant: tuple[bool, ...]) -> Iterator[tuple[bool, ...]]:
    """Yield which operands stay as they are, where one of several inputs has special numbers."""
    inputs = [i for i, fixed in enumerate(constant) if not fixed]
    for i in inputs if len(inputs) > 1 else ():
        yield tuple(k != i for k in range(len(constant)))


def _with_special(draws: Draws, constant: Sequence[bool], group: str) -> Draws:
    return tuple(
        tuple(
            a if fixed else special.among(a, group)
            for a, fixed in zip(operands, constant, strict=True)
        )
        for operands in draws
    )


def _takes(subject: Subject) -> bool:
    """Return whether an op takes operands of these dtypes."""
    try:
        checks.applied(subject.op, subject.draws[0], subject.constant)
    except GradcoreError:
        return False
    return True


def case(id: str) -> Case:
    """Return the case of this name.

    Raises KeyError: there is none.

    >>> from gradcore.mode import Mode
    >>> case("value-add-float64-3,3").run(Mode("numpy"))
    """
    for found in cases():
        if found.id == id:
            return found
    raise KeyError(id)


def cases(level: Level = Level.FULL) -> Iterator[Case]:
    """Yield all cases up to a level.

    >>> [found.id for found in itertools.islice(cases(Level.SMOKE), 2)]
    ['value-add-float64-3,3', 'fused-add-float64-3,3-0']
    """
    return (c for c in _all(registry().ops) if c.level <= level and c.compares)


def op_cases(op: Elementwise | type[Op], level: Level = Level.FULL) -> Iterator[Case]:
    """Yield the cases of an elementwise op, or of a class of ops, up to a level."""
    found = _row_cases(op) if isinstance(op, Elementwise) else _class_cases(op)
    return (case for case in found if case.level <= level and case.compares)


@functools.lru_cache(maxsize=1)
def _all(ops: tuple[Op | type[Op], ...]) -> tuple[Case, ...]:
    """Return all cases of these ops, and of loops and programs, those that compare nothing, too."""
    of_rows = (_row_cases(op) for op in ops if isinstance(op, Elementwise))
    of_classes = (_class_cases(op) for op in ops if isinstance(op, type))
    of_loops = (loop_cases(name, loop) for name, loop in LOOPS.items())
    of_programs = (program_cases(name, program) for name, program in PROGRAMS.items())
    every = itertools.chain(of_rows, of_classes, of_loops, of_programs)
    return tuple(itertools.chain.from_iterable(every))
