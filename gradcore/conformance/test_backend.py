"""The suite: every case on every backend that is asked for."""

from __future__ import annotations

import functools
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

import pytest

from gradcore.conformance.case import Case, Level, Mismatch, Unsupported
from gradcore.conformance.cases import cases
from gradcore.conformance.options import PROPERTY
from gradcore.conformance.source import program
from gradcore.errors import GradcoreError
from gradcore.mode import Mode
from gradcore.plugins import KnownFailure, registry

WORDS = {"true": True, "false": False}


def mode_of(text: str) -> Mode:
    """Return the mode that a text such as ``torch:device=cuda`` means."""
    name, _, options = text.partition(":")
    pairs = (option.partition("=") for option in options.split(",") if option)
    return Mode(name, **{key: _valued(value) for key, _, value in pairs})


def _valued(text: str) -> Any:
    return int(text) if text.isdecimal() else WORDS.get(text, text)


@functools.cache
def _version(mode: Mode) -> str:
    """Return the version of the backend of a mode, which may depend on its options."""
    return mode.resolved_backend().version()


def known_failure(case: Case, backend: str | None) -> KnownFailure | None:
    """Return what a backend says about failing a case, if it does."""
    for known in registry().known_failures.get(backend or "", ()):
        parts = ((case.op, known.op), (case.check, known.check), (case.name, known.case))
        if all(fnmatchcase(text, pattern) for text, pattern in parts):
            return known
    return None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of every case on every backend."""
    if "case" not in metafunc.fixturenames:
        return
    level = Level[str(metafunc.config.getoption("--level")).upper()]
    found: list[object] = []
    for text in metafunc.config.getoption("--gradcore-backend") or ["numpy"]:
        mode = mode_of(text)
        try:
            backend = mode.resolved_backend()
        except GradcoreError as error:
            raise pytest.UsageError(error.what) from None
        for case in cases(level):
            known = known_failure(case, backend.name)
            marks = [pytest.mark.xfail(reason=known.reason, strict=True)] if known else []
            found.append(pytest.param(case, mode, id=f"{case.id}-{text}", marks=marks))
    metafunc.parametrize(("case", "mode"), found)


def test_case(case: Case, mode: Mode, record_property: Callable[[str, object], None]) -> None:
    """A backend does what the reference does."""
    parts = {"check": case.check, "op": case.op, "id": case.id, "backend": mode.backend}
    parts["version"] = _version(mode)
    record_property(PROPERTY, parts)
    try:
        case.run(mode)
    except Unsupported as error:
        pytest.skip(str(error))
    except Mismatch as error:
        error.add_note(f"a program that shows it:\n\n{program(case, mode)}")
        raise
