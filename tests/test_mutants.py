"""Backends that lie: the conformance suite must catch every one of them.

The table of `docs/conformance.md` is what these tests find; ``python tests/test_mutants.py`` writes
it.
"""

import re
import sys
from pathlib import Path

import pytest
from mutants import Mutant

from gradcore import Mode, plugins
from gradcore.conformance.case import Level, Mismatch
from gradcore.conformance.cases import cases

CASES = sorted(cases(Level.CORE), key=lambda c: c.level)
PAGE = Path(__file__).parents[1] / "docs" / "conformance.md"
MUTANTS = {
    " ".join(re.findall("[A-Z0-9][a-z0-9]*", cls.__name__)).lower(): cls
    for cls in Mutant.__subclasses__()
}

pytestmark = pytest.mark.filterwarnings("ignore")  # a liar may also warn


def registered(cls):
    """Register a backend as a plugin."""
    hook = staticmethod(plugins.hookimpl(lambda: [cls()]))
    plugins.register(type("plugin", (), {"gradcore_backends": hook}), "mutants")


def caught(cls):
    """Return the checks that catch a mutant, and the level of the first case that does."""
    checks, levels = set(), set()
    registered(cls)
    try:
        for case in CASES:
            if case.op not in cls.ops or case.check in checks:
                continue
            try:
                case.run(Mode("mutant"), threads=cls.threads)
            except Mismatch:
                checks.add(case.check)
                levels.add(Level.FULL if cls.threads else case.level)
    finally:
        plugins.unregister("mutants")
    return checks, min(levels, default=None)


def line(name):
    """Return the line of a mutant in the table."""
    cls = MUTANTS[name]
    checks, level = caught(cls)
    assert checks, f"{name}: nothing caught it"
    return f"| {name} | {cls.__doc__} | {', '.join(sorted(checks))} | {level.name.lower()} |"


@pytest.mark.parametrize("name", MUTANTS)
def test_every_mutant_is_caught(name):
    assert line(name) in PAGE.read_text()


def test_the_table_lists_no_others():
    (table,) = re.findall(r"<!-- mutants -->(.*?)<!-- end -->", PAGE.read_text(), re.DOTALL)
    assert re.findall(r"^\| ([^|]*) \|", table, re.MULTILINE)[1:] == sorted(MUTANTS)


def test_the_reference_is_no_mutant(part_of):
    registered(Mutant)
    try:
        for case in part_of([case for case in CASES if case.level == Level.SMOKE]):
            case.run(Mode("mutant"))
    finally:
        plugins.unregister("mutants")


def write():
    """Write the table into the page."""
    head = "| mutant | the lie | caught by | from level |\n|---|---|---|---|"
    table = "\n".join(["<!-- mutants -->", head, *map(line, sorted(MUTANTS)), "<!-- end -->"])
    text = PAGE.read_text()
    found = re.sub(r"<!-- mutants -->.*?<!-- end -->", lambda _: table, text, flags=re.DOTALL)
    PAGE.write_text(found)
    sys.stdout.write(table + "\n")


if __name__ == "__main__":
    write()
