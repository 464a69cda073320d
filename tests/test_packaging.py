"""What packages say: extras, Pythons, the recipe for conda, and what a wheel has in it."""

import re
import tomllib
import zipfile
from itertools import chain
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder
from packaging.requirements import Requirement

import gradcore

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
DEVELOPERS = {"test", "docs", "dev"}
ELSEWHERE = {"cuda"}
"""What cannot be installed everywhere."""


def test_all_has_what_users_may_want_and_what_runs_everywhere():
    (only,) = map(Requirement, EXTRAS["all"])
    assert only.name == "gradcore"
    assert only.extras == set(EXTRAS) - DEVELOPERS - ELSEWHERE - {"all"}


def test_each_requirement_has_a_lowest_version():
    for requirement in map(Requirement, chain(PROJECT["dependencies"], *EXTRAS.values())):
        assert requirement.extras or [s.operator for s in requirement.specifier] == [">="]


def test_pythons_are_the_same_everywhere():
    named = [c.rpartition(" ")[2] for c in PROJECT["classifiers"] if ":: 3." in c]
    assert named == ["3.11", "3.12", "3.13", "3.14"]
    assert PROJECT["requires-python"] == f">={named[0]}"
    (listed,) = re.findall(r"^PYTHONS = (\[.*\])", (ROOT / "noxfile.py").read_text(), re.MULTILINE)
    assert re.findall(r'"([\d.]+)"', listed) == named


def section(name, text):
    """Return the items of a list of the recipe."""
    block = re.search(rf"^  {name}:\n((?:    - .*\n)+)", text, re.MULTILINE)
    return [line.removeprefix("    - ") for line in block[1].splitlines()]


def test_the_recipe_for_conda_needs_what_the_project_needs():
    text = (ROOT / "conda/recipe.yaml").read_text()
    wanted = {f"{r.name} {r.specifier}" for r in map(Requirement, PROJECT["dependencies"])}
    python = f"python {PROJECT['requires-python']}"
    assert set(section("run", text)) == wanted | {python, "c-compiler"}
    built = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    assert set(section("host", text)) == {python, "pip"} | {
        f"{r.name} {r.specifier}" for r in map(Requirement, built)
    }
    assert f'version: "{PROJECT["version"]}"' in text
    assert f"license: {PROJECT['license']}" in text and PROJECT["description"] in text
    (script,) = PROJECT["scripts"].items()
    assert " = ".join(script) in text


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Return the names of what is in the wheel for any Python."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADCORE_PREBUILT", "0")
        folder = tmp_path_factory.mktemp("dist")
        path = next(WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"]))
    with zipfile.ZipFile(path) as file:
        return set(file.namelist())


def test_every_package_of_a_wheel_is_typed(wheel):
    packages = {name.split("/")[0] for name in wheel if name.startswith("gradcore")}
    packages = {name for name in packages if not name.endswith(".dist-info")}
    folders = [ROOT / "gradcore", *(ROOT / "backends").glob("*/gradcore_*")]
    assert packages == {folder.name for folder in folders}
    assert {f"{name}/py.typed" for name in packages} <= wheel


def test_a_wheel_has_all_that_the_packages_read(wheel):
    """Headers and sources of C, pages of HTML: what is no Python, too."""
    roots = [Path(gradcore.__file__).parent, *(ROOT / "backends").glob("*/gradcore_*")]
    for root in roots:
        for path in root.rglob("*"):
            hidden = {"__pycache__", "prebuilt"} & set(path.parts)
            if path.is_file() and not hidden:
                assert f"{root.name}/{path.relative_to(root)}" in wheel
