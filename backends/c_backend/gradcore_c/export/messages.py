"""The messages of checks, as text with places for the numbers that a failed check reports.

A check has a function that makes an exception of these numbers (`gradcore.kernel.failures`).  It is
asked twice, for numbers that occur nowhere else; where the two texts differ in nothing but these,
they are a text with places.  Else the numbers are listed behind what the exception is called.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gradcore.errors import GradcoreError, Location
from gradcore.kernel.ir import Check, Program
from gradcore.kernel.procedures import procedures_in
from gradcore.kernel.uses import inside

FIRST, SECOND = 710_000_003, 810_000_041
"""Where the numbers of the two texts start."""

STEP = 1_009
"""And how far they are from one another."""


def check_messages(program: Program) -> list[str]:
    """Return the message of each check: "%a" stands for the first number, "%b" for the next."""
    bodies = [program.body, *(p.body for p in procedures_in(program.body))]
    counts = {
        s.number: len(s.values) for body in bodies for s in inside(body) if isinstance(s, Check)
    }
    return [
        _message(failure, counts[number]) if number in counts else ""
        for number, failure in enumerate(program.checks)
    ]


def _message(failure: Callable[..., Exception], count: int) -> str:
    first, second = (_filled(failure, count, start) for start in (FIRST, SECOND))
    if first[0] == second[0]:
        return f"{first[0]}{_place(first[1])}"
    numbers = ", ".join(f"%{chr(ord('a') + k)}" for k in range(count))
    return f"{type(first[1]).__name__} ({numbers}){_place(first[1])}"


def _filled(failure: Callable[..., Exception], count: int, start: int) -> tuple[str, Exception]:
    """Return the text of a failure for certain numbers, with places for these."""
    values = tuple(start + STEP * k for k in range(count))
    error = failure(values)
    text = str(error.what if isinstance(error, GradcoreError) else error).replace("%", "% ")
    for k, value in enumerate(values):
        text = re.sub(rf"\b{value}\b", f"%{chr(ord('a') + k)}", text)
    return text, error


def _place(error: Any) -> str:
    """Return which line of the user's program is meant, in which file, without its folder."""
    where = getattr(error, "where", None)
    if not isinstance(where, Location):
        return ""
    return f" ({Path(where.file).name}:{where.line})"


def quoted(text: str) -> str:
    r"""Return text as a literal of C.

    >>> print(quoted('a "b" \\ é??='))
    "a \"b\" \\ \?\?\?="
    """
    plain = "".join(c if c.isascii() and c.isprintable() else "?" for c in text)
    for sign in ("\\", '"', "?"):
        plain = plain.replace(sign, f"\\{sign}")
    return f'"{plain}"'


def table(texts: Sequence[str]) -> str:
    """Return the definition of the table of messages."""
    rows = "".join(f"    {quoted(text)},\n" for text in texts) or "    0,\n"
    return f"static const char *const gc_messages[] = {{\n{rows}}};\n"
