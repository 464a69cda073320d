"""What the documentation lists as stable: it is there, and is all that outsiders need."""

import argparse
import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gradcore import plugins
from gradcore.conformance import options
from gradcore.skeleton import KINDS, write_backend

ROOT = Path(__file__).parents[1]
LISTED = (ROOT / "docs" / "backends.md").read_text().partition("## What is stable")[2]
ROWS = dict(re.findall(r"^\| `?([\w.]+(?: [\w ]+)?)`? \| (.*) \|$", LISTED, re.MULTILINE))
NAMES = {
    module: set(re.findall(r"`(\w+)`", reported))
    for module, reported in ROWS.items()
    if module.startswith("gradcore")
}
WORDS = "gradcore.tensor"


@pytest.mark.parametrize("module", NAMES)
def test_what_is_listed_is_there(module):
    found = importlib.import_module(module)
    assert NAMES[module] or module == WORDS
    assert {name for name in NAMES[module] if not hasattr(found, name)} == set()
    reported = ROWS[module].split(", ")
    assert module == WORDS or len(reported) == len(set(reported)) == len(NAMES[module])


def quoted(row):
    return re.findall(r"`([^`]+)`", ROWS[row])


def test_hooks_are_listed():
    assert set(quoted("hooks")) == {n for n in vars(plugins.Hooks) if n.startswith("gradcore_")}
    assert f"GRADCORE_API = {plugins.API}`" in " ".join(LISTED.split())


def test_options_of_the_suite_are_listed():
    parser = argparse.ArgumentParser()
    parser.getgroup = lambda *_: parser
    parser.addoption = lambda *names, **_: parser.add_argument(*names)
    options.pytest_addoption(parser)
    known = {name for action in parser._actions for name in action.option_strings}
    assert set(quoted("options of the suite")) <= known


def test_commands_are_listed():
    run = [sys.executable, "-c", "from gradcore.cli import main; main(['--help'])"]
    reported = subprocess.run(run, capture_output=True, text=True, check=True).stdout
    (commands,) = re.findall(r"\{([\w,-]+)\}", reported.partition("\n\n")[0])
    assert {f"gradcore {name}" for name in commands.split(",")} == set(quoted("commands"))


def uses(text):
    """Yield what a file uses of gradcore: a module, and a name of it."""
    tree = ast.parse(text)
    modules = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                modules[alias.asname or alias.name] = alias.name
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                if full in NAMES:
                    modules[alias.asname or alias.name] = full
                else:
                    yield node.module, alias.name
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            module = modules.get(ast.unparse(node.value), "")
            if f"{module}.{node.attr}" not in NAMES:
                yield module, node.attr


def outsiders(folder):
    for path in sorted(folder.rglob("*.py")):
        for module, name in uses(path.read_text()):
            if module.split(".")[0] == "gradcore" and module != WORDS:
                yield path.name, module, name


@pytest.mark.parametrize("example", ["example_plugin", "array_api_backend"])
def test_an_example_uses_what_is_listed(example):
    found = list(outsiders(ROOT / "examples" / example))
    assert len(found) >= 5
    assert [use for use in found if use[2] not in NAMES.get(use[1], ())] == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_skeleton_uses_what_is_listed(kind, tmp_path):
    found = list(outsiders(write_backend("fresh", tmp_path, kind)))
    assert len(found) >= 5
    assert [use for use in found if use[2] not in NAMES.get(use[1], ())] == []
