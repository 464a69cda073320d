"""The options of the conformance suite on pytest's command line, and the matrix at its end.

    pytest --pyargs gradcore.conformance --gradcore-backend NAME [--level smoke|core|full]
           [--part K/N] [-k OP]

This module is loaded by every pytest that runs where gradcore is installed: it does nothing until
the suite is collected.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gradcore.conformance.report import OUTCOMES, Result, collected, matrix

PROPERTY = "gradcore_case"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("gradcore", "gradcore's conformance suite")
    group.addoption(
        "--gradcore-backend",
        action="append",
        metavar="NAME",
        help="a backend to test; options as in torch:device=cuda; may be given several times",
    )
    group.addoption(
        "--level",
        "--gradcore-level",
        dest="gradcore_level",
        choices=("smoke", "core", "full"),
        default="core",
        help="how much to run (core)",
    )
    group.addoption(
        "--part",
        "--gradcore-part",
        dest="gradcore_part",
        metavar="K/N",
        type=_part,
        help="run every Nth case of each backend, from the Kth one on, as 1/3, 2/3, 3/3",
    )
    group.addoption(
        "--gradcore-report",
        metavar="FILE",
        type=Path,
        help="where to write the results, as JSON",
    )


def _part(text: str) -> slice:
    """Return which cases of a list ``text`` means: ``2/3`` is the second one, the fifth, ..."""
    first, slash, step = text.partition("/")
    if not (slash and first.isdecimal() and step.isdecimal() and 1 <= int(first) <= int(step)):
        raise argparse.ArgumentTypeError(f"{text!r} is no part of the cases: 1/3, 2/3, 3/3 are")
    return slice(int(first) - 1, None, int(step))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the matrix, and write the report."""
    results = list(_results(terminalreporter))
    if not results:
        return
    level = str(config.getoption("--level"))
    reports = collected(results, level)
    terminalreporter.section(f"conformance ({level}): cases passed, by op and backend")
    rows = list(matrix(reports))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (f"{cell:{width}}" for cell, width in zip(row, widths, strict=True))
        terminalreporter.write_line("  ".join(cells).rstrip())
    path: Path | None = config.getoption("--gradcore-report")
    if path is not None:
        path.write_text(json.dumps([report.as_json() for report in reports], indent=1) + "\n")
        terminalreporter.write_line(f"written to {path}")


def _results(reporter: Any) -> Iterator[Result]:
    """Yield what became of each case."""
    for word, reports in reporter.stats.items():
        for report in reports:
            properties: dict[str, Any] = dict(getattr(report, "user_properties", ()))
            if PROPERTY in properties and (report.when == "call" or word == "error"):
                outcome = OUTCOMES.get(word, "failed")
                yield Result(**properties[PROPERTY], outcome=outcome, why=_why(report))


def _why(report: Any) -> str:
    if getattr(report, "wasxfail", None):
        return str(report.wasxfail).removeprefix("reason: ")
    if report.skipped and isinstance(report.longrepr, tuple):
        _, _, reason = report.longrepr  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType] - pytest's
        return str(reason).removeprefix("Skipped: ")  # pyright: ignore[reportUnknownArgumentType] - a text
    return ""
