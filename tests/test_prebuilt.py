"""What is compiled when the package is installed: taken where it fits, never where it does not."""

import os
import shutil
import sys
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder
from new_process import in_a_new_process

from gradcore.cli import main
from gradcore_c import compiler

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(
    compiler.unavailable() is not None, reason=str(compiler.unavailable())
)

FUNCTION = """
import json, sys
from gradcore_c import compiler
if sys.argv[1:]:
    compiler.cpu = lambda: "another machine"
import numpy as np
import gradcore, gradcore.tensor as T
a, b = T.dmatrices("a", "b")
f = gradcore.function([a, b], T.dot(a, b) + 1, mode="c")
print(json.dumps([f(np.eye(2), np.eye(2)).tolist(), gradcore.__file__]))
"""


@pytest.fixture(scope="module")
def counting(tmp_path_factory):
    """Return a C compiler that notes each of its runs, and does not optimize."""
    folder = tmp_path_factory.mktemp("compiler")
    script, real = folder / "cc", shutil.which("cc") or compiler.find_compiler().command[0]
    script.write_text(f'#!/bin/sh\necho run >>{folder}/log\nexec {real} "$@" -O0\n')
    script.chmod(0o755)
    return script


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Return a copy of what wheels are built from."""
    folder = tmp_path_factory.mktemp("sources")
    for name in ("gradcore", "backends"):
        ignored = shutil.ignore_patterns("__pycache__", "prebuilt")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(ROOT / name, folder)
    return folder


def built(sources, into, version="standard", **environment):
    """Return the wheel that is built with variables of the environment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADCORE_CFLAGS", "")
        for name, text in environment.items():
            patch.setenv(name, str(text))
        return Path(next(WheelBuilder(str(sources)).build(directory=str(into), versions=[version])))


@pytest.fixture(scope="module")
def site(sources, counting, tmp_path_factory):
    """Return a folder with the wheel's content, as pip puts it there."""
    folder = tmp_path_factory.mktemp("site")
    wheel = built(sources, folder / "dist", CC=counting)
    python, _, platform = wheel.stem.split("-")[2:]
    assert python == f"cp{sys.version_info[0]}{sys.version_info[1]}" and platform != "any"
    with zipfile.ZipFile(wheel) as file:
        file.extractall(folder)
    return folder


def prebuilt(folder):
    return sorted(folder.glob("gradcore_c/prebuilt/*/*"))


def runs_for_a_function(site, counting, store, program=FUNCTION):
    """Return how often the compiler runs for a function that multiplies matrices."""
    log = counting.with_name("log")
    log.write_text("")
    environment = {
        "PYTHONPATH": str(site), "PYTHONSAFEPATH": "1",
        "CC": str(counting), "GRADCORE_CFLAGS": "", "GRADCORE_CACHE_DIR": str(store),
    }  # fmt: skip
    (value, file), _ = in_a_new_process(program, **environment)
    assert value == [[2, 1], [1, 2]] and file.startswith(str(site))
    return len(log.read_text().splitlines())


def test_an_installed_package_compiles_only_what_it_generates(site, counting, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in prebuilt(site)}
    assert runs_for_a_function(site, counting, tmp_path / "store") == 1
    assert runs_for_a_function(site, counting, tmp_path / "store") == 0
    (only,) = (path for path in (tmp_path / "store").rglob("*") if path.is_file())
    assert only.suffix == ".so" and only.name not in {path.name for path in before}
    assert before == {path: path.stat().st_mtime_ns for path in prebuilt(site)}


def test_the_wheel_of_another_machine_is_one_without(site, counting, tmp_path):
    other = f"import sys\nsys.argv.append('other')\n{FUNCTION}"
    assert runs_for_a_function(site, counting, tmp_path / "store", other) > 3
    assert runs_for_a_function(site, counting, tmp_path / "store", other) == 0


def test_a_file_that_is_damaged_is_not_taken(site, counting, tmp_path):
    folder = tmp_path / "site"
    shutil.copytree(site, folder)
    for path in prebuilt(folder):
        path.write_bytes(path.read_bytes()[:-1])
    assert runs_for_a_function(folder, counting, tmp_path / "store") > 3


def test_an_editable_install_has_it_beside_its_sources(sources, site, counting, tmp_path):
    """In the place of what was there, and no wheel takes it from there."""
    package = sources / "backends/c_backend"
    stale = package / "gradcore_c/prebuilt" / sys.implementation.cache_tag / "stale"
    stale.parent.mkdir(parents=True)
    stale.write_text("")
    log = counting.with_name("log")
    for again in (False, True):
        log.write_text("")
        wheel = built(sources, tmp_path, "editable", CC=counting)
        assert wheel.name.endswith("-py3-none-any.whl")
        names = [path.name for path in prebuilt(package)]
        assert names == [path.name for path in prebuilt(site)]
        assert bool(log.read_text()) != again
    assert all(path.stat().st_mode & 0o444 for path in prebuilt(package))
    plain = built(sources, tmp_path, GRADCORE_PREBUILT="0")
    assert not any("prebuilt" in name for name in zipfile.ZipFile(plain).namelist())


@pytest.mark.parametrize("without", ["a compiler", "one that works", "the wish"])
def test_a_plain_wheel(sources, tmp_path, without):
    """It is for any Python, and what goes wrong is no error."""
    given = {"PATH": str(tmp_path)} if without == "a compiler" else {}
    given |= {"CC": shutil.which("false") if without == "one that works" else ""}
    given |= {"GRADCORE_PREBUILT": "0"} if without == "the wish" else {}
    wheel = built(sources, tmp_path / "dist", **given)
    assert wheel.name.endswith("-py3-none-any.whl")
    assert not any("prebuilt" in name for name in zipfile.ZipFile(wheel).namelist())


def test_the_store_is_filled_by_hand(counting, tmp_path, monkeypatch, capsys):
    environment = {**os.environ, "CC": str(counting), "GRADCORE_CACHE_DIR": str(tmp_path)}
    for name, text in environment.items():
        monkeypatch.setenv(name, text)
    assert main(["cache", "warm"]) == 0
    reported = capsys.readouterr().out
    assert "c: ready in" in reported and "  the runtime\n  products of f64\n" in reported
    log = counting.with_name("log")
    log.write_text("")
    assert main(["cache", "warm"]) == 0 and not log.read_text()


def test_what_cannot_be_filled_is_reported(counting, tmp_path, monkeypatch, capsys):
    script = tmp_path / "cc"
    script.write_text(
        '#!/bin/sh\ncase "$*" in *MADE_FOR*) echo broken >&2; exit 1;; esac\n'
        f'exec {counting} "$@"\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("CC", str(script))
    monkeypatch.setenv("GRADCORE_CACHE_DIR", str(tmp_path / "store"))
    assert main(["cache", "warm"]) == 1
    assert "gradcore cache: c: " in capsys.readouterr().err
