"""User code that pyright checks (`nox -s types`): it runs, and a type that is wrong is found."""

import runpy
from pathlib import Path

import pytest

PROGRAMS = sorted(Path(__file__).with_name("typed").glob("*.py"))


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_typed_programs_run(path):
    runpy.run_path(str(path))


def test_they_are_checked_strictly():
    text = (Path(__file__).parents[1] / "pyproject.toml").read_text()
    assert '"tests/typed"' in text and 'typeCheckingMode = "strict"' in text
    assert not any("pyright:" in path.read_text() for path in PROGRAMS)
