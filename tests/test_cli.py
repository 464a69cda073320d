"""The command line, the list of backends, and the skeleton of a new one."""

import importlib
import json
import sys
from pathlib import Path

import pytest

import gradcore
from gradcore import Mode, plugins
from gradcore.backend import Unavailable
from gradcore.cli import main
from gradcore.conformance.case import Level, Unsupported
from gradcore.conformance.cases import cases
from gradcore.inventory import report


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
    reported = "".join(capsys.readouterr().out.split())
    assert (
        "numpy" in reported
        and "(100%)" in reported
        and "absenceisnotinstalled" in reported.replace("│", "")
    )


def test_doctor(lacking, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("GRADCORE_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("CC", "a-compiler")
    monkeypatch.setenv("PASSWORD", "secret")
    assert main(["doctor"]) == 0
    reported = capsys.readouterr().out
    for text in (
        "python", "scipy", "C compilers", "floatX='float64'", "absence", "processor", "BLAS",
        f"GRADCORE_CACHE_DIR={tmp_path}, ", "CC=a-compiler", f"{tmp_path}, 0 entries",
        str(Path(gradcore.__file__).parent),
    ):  # fmt: skip
        assert text in reported
    assert "secret" not in reported


def test_doctor_where_the_cache_cannot_be(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GRADCORE_CACHE_DIR", str(tmp_path / "file"))
    assert "cannot be made" in report()["cache"]


@pytest.mark.parametrize(("kind", "passed", "unsupported"), [
    ("array", 1, 30), ("loop", 100, 0), ("minimal", 100, 0),
])  # fmt: skip
@pytest.mark.usefixtures("little_longer")
def test_new_backend(kind, passed, unsupported, tmp_path, capsys, monkeypatch):
    """What the command writes works at once, and the suite says what is missing."""
    name = f"fresh_{kind}"
    assert main(["new-backend", name, "--folder", str(tmp_path), "--kind", kind]) == 0
    root = tmp_path / f"gradcore-{name}"
    assert f"gradcore.conformance --gradcore-backend {name}" in capsys.readouterr().out
    assert {str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()} == {
        "pyproject.toml",
        "README.md",
        "tests/test_conformance.py",
        f"gradcore_{name}/__init__.py",
        ".github/workflows/conformance.yml",
    }
    assert not any("NAME" in p.read_text() for p in root.rglob("*") if p.is_file())
    assert not any("CLASS" in p.read_text() for p in root.rglob("*") if p.is_file())
    monkeypatch.syspath_prepend(str(root))
    plugins.register(importlib.import_module(f"gradcore_{name}"))
    try:
        outcomes = {"passed": 0, "unsupported": 0}
        for case in list(cases(Level.SMOKE))[::4]:  # the interpreter is slow
            try:
                case.run(Mode(name))
                outcomes["passed"] += 1
            except Unsupported:
                outcomes["unsupported"] += 1
        assert outcomes["passed"] > passed and outcomes["unsupported"] >= unsupported
        assert unsupported or not outcomes["unsupported"]
    finally:
        plugins.unregister(f"gradcore_{name}")
        del sys.modules[f"gradcore_{name}"]


def test_what_new_backend_writes_for_ci_runs_the_suite(tmp_path):
    main(["new-backend", "fresh", "--folder", str(tmp_path)])
    text = (tmp_path / "gradcore-fresh/.github/workflows/conformance.yml").read_text()
    assert "--gradcore-backend fresh --level core" in text and "gradcore matrix report.json" in text
    assert "\t" not in text and text.startswith("#")


REPORT = [
    {"backend": "mine", "version": "3", "level": "core", "cases": 3,
     "ops": {"exp": {"passed": 2, "unsupported": 1}},
     "gaps": [{"id": "value-exp-int8-3", "outcome": "unsupported", "why": "mine has no int8"}]},
]  # fmt: skip


def test_reports_become_tables(tmp_path, capsys):
    report, page = tmp_path / "report.json", tmp_path / "README.md"
    report.write_text(json.dumps(REPORT))
    assert main(["matrix", str(report)]) == 0
    reported = capsys.readouterr().out
    for line in (
        "| mine | 3 | core | 3 | 2 (66.7%) | 0 | 1 | 0 |",
        "| mine | 1 | unsupported | mine has no int8 |",
        "| exp | 2/3 (1 unsupported) |",
    ):
        assert line in reported
    page.write_text("before\n<!-- matrix -->\nold\n<!-- end -->\nafter\n")
    for _ in range(2):
        assert main(["matrix", str(report), "--into", str(page)]) == 0
    text = page.read_text()
    assert text.startswith("before\n<!-- matrix -->\n| op | mine |") and text.endswith("after\n")
    assert "old" not in text and text.count("| exp |") == 1


def test_reports_of_parts_add_up(tmp_path, capsys):
    rest = REPORT[0] | {"ops": {"exp": {"passed": 1}, "sin": {"passed": 4}}, "gaps": []}
    other = REPORT[0] | {"level": "full"}
    paths = [tmp_path / f"{name}.json" for name in ("first", "rest", "other")]
    for path, found in zip(paths, (REPORT[0], rest, other), strict=True):
        path.write_text(json.dumps([found]))
    assert main(["matrix", *map(str, paths[:2])]) == 0
    reported = capsys.readouterr().out
    for line in (
        "| mine | 3 | core | 8 | 7 (87.5%) | 0 | 1 | 0 |",
        "| exp | 3/4 (1 unsupported) |",
        "| sin | 4/4 |",
    ):
        assert line in reported
    assert main(["matrix", *map(str, paths)]) == 2
    assert "mine 3 at level full are not parts of one" in capsys.readouterr().err


def test_what_is_no_report_or_no_page_is_refused(tmp_path, capsys):
    wrong, report, page = (tmp_path / name for name in ("wrong.json", "report.json", "page.md"))
    wrong.write_text('[{"backend": "mine"}]')
    report.write_text(json.dumps(REPORT))
    page.write_text("nothing")
    for arguments, message in (
        ([tmp_path / "absent.json"], "absent.json"),
        ([wrong], "is no report of the conformance suite"),
        ([report, "--into", page], "has none of the marks"),
    ):
        assert main(["matrix", *map(str, arguments)]) == 2
        assert message in capsys.readouterr().err


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


def test_export_on_the_command_line(tmp_path, capsys):
    x = gradcore.tensor.dvector("x")
    named = {k: gradcore.function([x], x * k, mode="numpy") for k in (2, 3)}
    file = str(tmp_path / "both.gc")
    gradcore.save({f"times_{k}": f for k, f in named.items()}, file)
    out = tmp_path / "out"
    assert main(["export", file, str(out), "--function", "times_3"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == str(out / "times_3.h")
    assert (out / "times_3.c").exists()
    assert main(["export", file, str(out)]) == 2
    assert "it has: times_2, times_3" in capsys.readouterr().err
    gradcore.save(named[2], file)
    assert main(["export", file, str(out), "--target", "cc"]) == 2
    assert "did you mean 'c'?" in capsys.readouterr().err
    assert main(["export", file, str(out)]) == 0
    assert (out / "out.h").exists()
    assert main(["export", str(tmp_path / "none.gc"), str(out)]) == 2
    capsys.readouterr()
    assert main(["export", file, str(out), "--shape", "x=3"]) == 2
    assert "the target 'c': got an unexpected keyword argument 'shapes'" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["export", file, str(out), "--shape", "x=3,,4"])
    assert "'x=3,,4' is no shape: x=3,4 and x=batch,4 are" in capsys.readouterr().err


def test_shapes_of_arguments_on_the_command_line(tmp_path):
    pytest.importorskip("jax")
    x = gradcore.tensor.dvector("x")
    gradcore.save(gradcore.function([x], gradcore.tensor.exp(x), mode="numpy"), tmp_path / "f.gc")
    given = ["export", str(tmp_path / "f.gc"), str(tmp_path / "out"), "--target", "stablehlo"]
    for shape, type_of_x in (("x=3", "tensor<3xf64>"), ("x=batch", "tensor<?xf64>")):
        assert main([*given, "--shape", shape]) == 0
        text = "".join(p.read_text() for p in (tmp_path / "out").glob("*.mlir"))
        assert type_of_x in text
