"""Passes: what a thread does where a check fails, and what launches after it do.

A thread that fails notes why in the status, and leaves its step; lanes that run statements together
leave all, after the loop in which one has failed.  What is launched after a check that may have
failed looks at the status first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gradcore.kernel.device import (
    GROUPS,
    LANES,
    Combine,
    Distributed,
    Fail,
    LastBlock,
    Launch,
    Leave,
    Region,
    Stop,
)
from gradcore.kernel.ir import Buffer, Call, Check, If, Let, Literal, Program, Statement, Symbol
from gradcore.kernel.uses import inside, rewritten
from gradcore.ops.elementwise import ROWS
from gradcore_cuda.analyses import Facts

STATUS = Buffer("status", "int32", (), "status")
"""Where launches note which check has failed."""


def checks_noted(launch: Launch, facts: Facts) -> Launch:
    """Return a launch in which a thread whose check fails notes why, and leaves."""
    region = Region([], Symbol("end"))
    body = _left(launch.body, region, None)
    return replace(launch, body=_within(region, body))


def _left(body: Sequence[Statement], region: Region, flag: Symbol | None) -> list[Statement]:
    """Return statements that leave a region where a check in them fails.

    flag : the register that notes it, if others must know.
    """

    def block(inner: Sequence[Statement]) -> list[Statement]:
        return [made for s in inner for made in statement(s)]

    def statement(s: Statement) -> list[Statement]:
        match s:
            case Check(number, condition, values):
                noted: list[Statement] = [Fail(STATUS, number, values)]
                if flag is not None:
                    noted.append(Let(flag, Literal(True, "bool"), fresh=False))
                failed = Call(ROWS["invert"], (condition,), "bool")
                return [If(failed, [*noted, Leave(region.label)])]
            case Distributed() if _checked(s.body):
                return _loop(s, region)
            case _:
                return [s.rebuilt(lambda x: x, block)]

    return block(body)


def _loop(s: Distributed, region: Region) -> list[Statement]:
    """Return a loop whose steps check something, in a region that lanes may leave together."""
    step = Region([])
    if s.level is not LANES:
        return [replace(s, body=_within(step, _left(s.body, step, None)))]
    flag = Symbol("failed", "bool")
    return [
        Let(flag, Literal(False, "bool")),
        replace(s, body=_within(step, _left(s.body, step, flag))),
        Combine(LANES, flag, ROWS["or_"]),
        If(flag, [Leave(region.label)]),
    ]


def _within(region: Region, body: list[Statement]) -> list[Statement]:
    """Return statements as a region, if one of them leaves it."""
    left = any(isinstance(s, Leave) and s.label is region.label for s in inside(body))
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
    goes_on = Call(ROWS["invert"], (stopped,), "bool")

    def change(s: Statement) -> list[Statement] | None:
        return [If(goes_on, [s])] if isinstance(s, Distributed) and s.level is GROUPS else None

    return replace(launch, body=[Stop(STATUS, stopped), *rewritten(launch.body, change)])
