"""The cases of whole graphs: loops, against the loops written out, and programs of users.

A loop is checked with its derivatives.  Each graph is called again with other values and longer
extents, and with what it must refuse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from gradcore.conformance.case import Case, Level, by_reference, plain
from gradcore.conformance.checks import Built, scalar
from gradcore.conformance.loops import VALUES, LoopExample
from gradcore.conformance.precision import Expected
from gradcore.conformance.variants import other_arrays, refusal
from gradcore.gradient import Rop, grad
from gradcore.graph import Array, Variable
from gradcore.tensor import cos

LONGER = 33
"""How much longer arrays are when a loop or program is called again."""

SHORT = 3
"""The extent of states in loops, which become but little longer: their steps must stay tame."""


def loop_cases(name: str, loop: LoopExample) -> Iterator[Case]:
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

    points = [cos(v * 3) for v in loop.wrt]

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
        level = Level.FULL if check == "second" else level
        case = Case("loop", name, check, level, build, judge, later=lambda b=build: again(b()))
        yield case
        if check in ("value", "gradient"):
            yield from _refusing(case, Level.CORE if check == "value" else Level.FULL)


def program_cases(name: str, program: Callable[[], Built]) -> Iterator[Case]:
    """Yield a program, and the same on inputs that it must refuse."""
    case = Case(
        "program",
        name,
        "whole",
        Level.SMOKE,
        program,
        by_reference,
        later=lambda: again(program()),
    )
    yield case
    yield from _refusing(case, Level.CORE)


def _refusing(case: Case, level: Level) -> Iterator[Case]:
    """Yield the graph of a case, rewritten, on inputs that must be refused, if there are any."""
    built = case.build()
    run = plain(built)
    refused = [values for values in other_arrays(built.values) if refusal(run, values)]
    if refused:
        yield replace(case, check="error", level=level, later=refused.copy)


def again(built: Built) -> Iterator[list[Array]]:
    """Yield other values for a graph, in longer arrays as far as it takes them."""
    run = plain(built)
    values = list(map(_turned, built.values))
    for n in sorted({n for a in values for n in a.shape if n > 1}):
        longer = [_lengthened(a, n, n + (LONGER if n > SHORT else 1)) for a in values]
        if refusal(run, longer) is None:
            values = longer
    yield values


def _turned(a: Array) -> Array:
    """Return other values of the kind of those in ``a``."""
    found = np.roll(a, 1)
    return np.asarray(found * a.dtype.type(0.875)) if a.dtype.kind == "f" else found


def _lengthened(a: Array, n: int, longer: int) -> Array:
    """Return ``a`` with axes of extent ``n`` longer."""
    return np.resize(a, tuple(longer if m == n else m for m in a.shape))
