"""Passes: what a thread does where a check fails, and what launches after it do.

A thread that fails notes why in the status, and exits its step; lanes that run statements together
all exit, after the loop in which one has failed.  What is launched after a check that may have
failed looks at the status first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gradcore.kernel.device import (
    GROUPS,
    LANES,
    Combine,
    Distributed,
    Fail,
    LabeledBlock,
    LabeledBreak,
    LastBlock,
    Launch,
    Stop,
)
from gradcore.kernel.ir import Buffer, Call, Check, If, Let, Literal, Program, Statement, Symbol
from gradcore.kernel.uses import inside, rewritten
from gradcore.ops.elementwise import ENTRIES
from gradcore_cuda.analyses import Facts

STATUS = Buffer("status", "int32", (), "status")
"""Where launches note which check has failed."""


def checks_noted(launch: Launch, facts: Facts) -> Launch:
    """Return a launch in which a thread whose check fails notes why, and exits its step."""
    if not _checked(launch.body):
        return launch
    region = LabeledBlock([], Symbol("end"))
    return replace(launch, body=_within(region, _Breaking(region).block(launch.body)))


@dataclass
class _Breaking:
    """Makes statements exit a region where a check in them fails.

    flag : the register that notes it, if others must know.
    """

    region: LabeledBlock
    flag: Symbol | None = None

    def block(self, body: Sequence[Statement]) -> list[Statement]:
        """Return statements in which a check notes why it fails, and exits the region."""
        return [made for s in body for made in self.statement(s)]

    def statement(self, s: Statement) -> list[Statement]:
        """Return the statements in place of ``s``: a check notes why it fails, and exits."""
        match s:
            case Check(number, condition, values):
                noted: list[Statement] = [Fail(STATUS, number, values)]
                if self.flag is not None:
                    noted.append(Let(self.flag, Literal(True, "bool"), fresh=False))
                failed = Call(ENTRIES["invert"], (condition,), "bool")
                return [If(failed, [*noted, LabeledBreak(self.region.label)])]
            case Distributed() if _checked(s.body):
                return self.loop(s)
            case _:
                return [s.rebuilt(lambda x: x, self.block)]

    def loop(self, s: Distributed) -> list[Statement]:
        """Return a loop whose steps check something: each is a region of its own.

        Lanes exit this one together, after the loop in which one of them has failed.
        """
        step = LabeledBlock([])
        if s.level is not LANES:
            return [replace(s, body=_within(step, _Breaking(step).block(s.body)))]
        flag = Symbol("failed", "bool")
        return [
            Let(flag, Literal(False, "bool")),
            replace(s, body=_within(step, _Breaking(step, flag).block(s.body))),
            Combine(LANES, flag, ENTRIES["or_"]),
            If(flag, [LabeledBreak(self.region.label)]),
        ]


def _within(region: LabeledBlock, body: list[Statement]) -> list[Statement]:
    """Return statements as a region, if one of them exits it."""
    left = any(isinstance(s, LabeledBreak) and s.label is region.label for s in inside(body))
    return [replace(region, body=body)] if left else body


def _checked(body: Sequence[Statement]) -> bool:
    return any(isinstance(s, Check) for s in inside(body))


def stops_inserted(program: Program, facts: Facts) -> Program:
    """Return a program whose launches do nothing after a check has failed."""
    checked = False

    def change(s: Statement) -> list[Statement] | None:
        nonlocal checked
        if not isinstance(s, Launch):
            return None
        made = _stopping(s) if checked else s
        checked = checked or any(isinstance(x, Fail) for x in inside(s.body))
        return [made]

    return replace(program, body=rewritten(program.body, change))


def _stopping(launch: Launch) -> Launch:
    """Return a launch that looks first whether a check has failed.

    If its own checks may fail while it runs, and its blocks count each other, all come to where
    they do.
    """
    kinds = {type(s) for s in inside(launch.body)}
    if not {Fail, LastBlock} <= kinds:
        return replace(launch, body=[Stop(STATUS), *launch.body])
    stopped = Symbol("stopped", "bool")
    goes_on = Call(ENTRIES["invert"], (stopped,), "bool")

    def change(s: Statement) -> list[Statement] | None:
        return [If(goes_on, [s])] if isinstance(s, Distributed) and s.level is GROUPS else None

    return replace(launch, body=[Stop(STATUS, stopped), *rewritten(launch.body, change)])
