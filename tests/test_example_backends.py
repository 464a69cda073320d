"""The examples of plugins: each is a distribution of its own, on what is public alone."""

import importlib
import sys
from pathlib import Path

import pytest

from gradcore import Mode, plugins
from gradcore.conformance.case import Level, Unsupported
from gradcore.conformance.cases import cases

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture
def array_api(monkeypatch):
    """Register the example of a backend on the array API standard."""
    pytest.importorskip("array_api_strict")
    monkeypatch.syspath_prepend(str(EXAMPLES / "array_api_backend"))
    plugins.register(importlib.import_module("gradcore_array_api"), "array_api_example")
    yield
    plugins.unregister("array_api_example")
    for name in [name for name in sys.modules if name.startswith("gradcore_array_api")]:
        del sys.modules[name]


def test_the_backend_on_the_array_api_fails_nothing(array_api):
    reasons = []
    for case in cases(Level.CORE):
        if case.level > Level.SMOKE and case.check != "error":
            continue
        try:
            case.run(Mode("array_api"))
        except Unsupported as error:
            reasons.append(str(error))
        else:
            reasons.append("passed")
    assert reasons.count("passed") >= 440
    said = ("has no kernel for", "has no float16", "has no complex", "the standard does not")
    assert all(r == "passed" or any(s in r for s in said) for r in reasons)


def test_the_matrix_in_the_readme_has_no_failures():
    text = (EXAMPLES / "array_api_backend" / "README.md").read_text()
    (row,) = (line for line in text.splitlines() if line.startswith("| array_api | 2."))
    level, total, passed, known, unsupported, failed = row.strip("| ").split(" | ")[2:]
    assert (level, known, failed) == ("core", "0", "0")
    assert int(passed.split()[0]) + int(unsupported) == int(total)
