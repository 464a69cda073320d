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
        if _matches(known, case.op, case.check, case.name):
            return known
    return None


def unmatched(backend: str | None) -> list[KnownFailure]:
    """Return what a backend says about failing that matches no case at any level."""
    known = registry().known_failures.get(backend or "", ())
    every = _names() if known else []
    return [k for k in known if not any(_matches(k, *names) for names in every)]


@functools.cache
def _names() -> list[tuple[str, str, str]]:
    return [(c.op, c.check, c.name) for c in cases(Level.FULL)]


def _matches(known: KnownFailure, op: str, check: str, name: str) -> bool:
    parts = ((op, known.op), (check, known.check), (name, known.case))
    return all(fnmatchcase(text, pattern) for text, pattern in parts)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of every case on every backend."""
    if "case" not in metafunc.fixturenames:
        return
    level = Level[str(metafunc.config.getoption("--level")).upper()]
    part: slice | None = metafunc.config.getoption("gradcore_part")
    found: list[object] = []
    for text in metafunc.config.getoption("--gradcore-backend") or ["numpy"]:
        mode = mode_of(text)
        try:
            backend = mode.resolved_backend()
        except GradcoreError as error:
            raise pytest.UsageError(error.what) from None
        if idle := unmatched(backend.name):
            listing = "; ".join(map(str, idle))
            raise pytest.UsageError(
                f"{backend.name} declares known failures that match no case: {listing}"
            )
        for case in tuple(cases(level))[part or slice(None)]:
            known = known_failure(case, backend.name)
            marks = [pytest.mark.xfail(reason=known.reason, strict=True)] if known else []
            found.append(pytest.param(case, mode, id=f"{case.id}-{text}", marks=marks))
    metafunc.parametrize(("case", "mode"), found)


def test_case(
    case: Case,
    mode: Mode,
    record_property: Callable[[str, object], None],
    pytestconfig: pytest.Config,
) -> None:
    """A backend does what the reference does; at level full, for several threads at once."""
    parts = {"check": case.check, "op": case.op, "id": case.id, "backend": mode.backend}
    parts["version"] = _version(mode)
    record_property(PROPERTY, parts)
    try:
        case.run(mode, threads=pytestconfig.getoption("--level") == "full")
    except Unsupported as error:
        pytest.skip(str(error))
    except Mismatch as error:
        error.add_note(f"a program that shows it:\n\n{program(case, mode, error.call)}")
        raise
