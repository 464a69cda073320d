"""The command line, the list of backends, and the skeleton of a new one."""

import importlib
import sys

import pytest

import gradcore
from gradcore import Mode, plugins
from gradcore.backend import Unavailable
from gradcore.cli import main
from gradcore.conformance.case import Level, Unsupported
from gradcore.conformance.cases import cases


@pytest.fixture
def lacking():
    """Install a backend that cannot run here."""
    absent = Unavailable("absent", "absence is not installed: pip install absence")
    hook = staticmethod(plugins.hookimpl(lambda: [absent]))
    plugins.register(type("Absent", (), {"gradcore_backends": hook}))
    yield
    plugins.unregister("Absent")


def test_backends_are_listed(lacking):
    found = {b.name: b for b in gradcore.backends()}
    assert found["numpy"].available and found["numpy"].covered == found["numpy"].ops > 100
    assert "float64" in found["numpy"].dtypes and found["numpy"].devices == ("cpu",)
    assert not found["absent"].available and "pip install absence" in found["absent"].reason


def test_backends_on_the_command_line(lacking, capsys):
    assert main(["backends"]) == 0
    told = "".join(capsys.readouterr().out.split())
    assert "numpy" in told and "(100%)" in told and "absenceisnotinstalled" in told.replace("│", "")


def test_doctor(lacking, capsys):
    assert main(["doctor"]) == 0
    told = capsys.readouterr().out
    for text in ("python", "scipy", "C compilers", "floatX='float64'", "GRADCORE_FLAGS", "absence"):
        assert text in told


def test_new_backend(tmp_path, capsys, monkeypatch):
    """What the command writes works at once, and the suite says what is missing."""
    assert main(["new-backend", "fresh_one", "--folder", str(tmp_path)]) == 0
    root = tmp_path / "gradcore-fresh_one"
    assert "gradcore.conformance --gradcore-backend fresh_one" in capsys.readouterr().out
    assert {p.name for p in root.iterdir()} == {
        "pyproject.toml",
        "README.md",
        "tests",
        "gradcore_fresh_one",
    }
    assert not any("NAME" in p.read_text() for p in root.rglob("*") if p.is_file())
    monkeypatch.syspath_prepend(str(root))
    plugins.register(importlib.import_module("gradcore_fresh_one"))
    try:
        outcomes = {"passed": 0, "unsupported": 0}
        for case in cases(Level.SMOKE):
            try:
                case.run(Mode("fresh_one"))
                outcomes["passed"] += 1
            except Unsupported:
                outcomes["unsupported"] += 1
        assert outcomes["passed"] > 5 and outcomes["unsupported"] > 100
    finally:
        plugins.unregister("gradcore_fresh_one")
        del sys.modules["gradcore_fresh_one"]


@pytest.mark.parametrize(
    ("name", "message"),
    [("numpy", "already a backend"), ("Two Words", "lower-case"), ("tüte", "lower-case")],
)
def test_new_backend_refuses(name, message, tmp_path, capsys):
    assert main(["new-backend", name, "--folder", str(tmp_path)]) == 2
    assert message in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_new_backend_overwrites_nothing(tmp_path, capsys):
    (tmp_path / "gradcore-fresh").mkdir()
    assert main(["new-backend", "fresh", "--folder", str(tmp_path)]) == 2
    assert "exists" in capsys.readouterr().err.lower()


def test_unknown_commands_are_refused(capsys):
    with pytest.raises(SystemExit):
        main(["sing"])
    assert "backends" in capsys.readouterr().err
