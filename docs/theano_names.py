"""Writes `docs/theano_names.md`: Theano's public names, and what each means here.

Run it: ``python docs/theano_names.py``, or ``nox -s pages``; a test compares.  The names stand in
`docs/theano_api.py`; what they mean is read from the modules that `gradcore.theano` makes.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from theano_api import API

import gradcore
import gradcore.theano
from gradcore import tensor
from gradcore.theano.absent import ABSENT, MODULES
from gradcore.theano.door import Absent, reason
from gradcore.theano.tensors import SmallFloats

PAGE = Path(__file__).with_suffix(".md")

ROOMS: tuple[tuple[str, Any], ...] = (
    ("T.", tensor),
    ("T.nn.", tensor.nn),
    ("T.linalg.", tensor.linalg),
    ("T.sparse.", tensor.sparse),
    ("T.fft.", tensor.fft),
    ("gradcore.", gradcore),
)
"""Where names of gradcore are public."""


def places(value: Any) -> list[str]:
    """Return where a value is public."""
    if isinstance(value, bool | int | str | None.__class__ | ModuleType):
        return []
    found: list[str] = []
    for prefix, room in ROOMS:
        members: dict[str, Any] = vars(room)
        found += [prefix + n for n, v in members.items() if v is value and n[0] != "_"]
    return found


def meaning(module: str, name: str, value: Any) -> tuple[str, str]:
    """Return of which kind a name is, and what is to be said of it."""
    if isinstance(value, Absent):
        return "absent", reason(module, name) or ABSENT[f"{module}.{name}"]
    known = places(value)
    if name in {place.rpartition(".")[2] for place in known}:
        return "same", ""
    if known:
        return "renamed", known[0]
    where = getattr(value, "__module__", None) or type(value).__module__
    if isinstance(value, gradcore.TensorType):
        return "types", ""
    if isinstance(value, SmallFloats):
        return "floats", ""
    if isinstance(value, dict):
        return "own", f"a dict of {', '.join(value)}"
    if where.startswith("gradcore.theano"):
        return "own", _summary(value)
    if where.startswith("gradcore") and hasattr(value, "__name__"):
        return "renamed", f"{where}.{value.__name__}"
    return "own", _summary(value) if callable(value) else f"`{value!r}`"


def _summary(value: Any) -> str:
    """Return the first sentence of a docstring, as a description."""
    text = inspect.getdoc(value) or ""
    first = " ".join(text.split("\n\n", maxsplit=1)[0].split()).removeprefix("Return ")
    return first[:1].lower() + first[1:].replace("|", "\\|").rstrip(".")


def sorted_out() -> dict[str, dict[str, list[tuple[str, str]]]]:
    """Return, for each module, its names by their kinds."""
    gradcore.theano.install()
    try:
        found: dict[str, dict[str, list[tuple[str, str]]]] = {}
        for module, names in API.items():
            members = importlib.import_module(module)
            kinds = found.setdefault(module, {})
            for name in dict.fromkeys(names.split()):
                kind, said = meaning(module, name, getattr(members, name))
                kinds.setdefault(kind, []).append((name, said))
        return found
    finally:
        gradcore.theano.uninstall()


# the page ---------------------------------------------------------------------------------------
def _by_what_is_said(entries: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    several: dict[str, list[str]] = {}
    for name, said in entries:
        several.setdefault(said, []).append(f"`{name}`")
    for said, names in several.items():
        yield ", ".join(names), said


def rows(module: str, kinds: dict[str, list[tuple[str, str]]]) -> Iterator[str]:
    """Yield what is said of a module, as rows of its table."""
    yield f"## `{module}`"
    yield ""
    yield "| names | here |"
    yield "|---|---|"
    if "same" in kinds:
        yield f"| {', '.join(f'`{n}`' for n, _ in kinds['same'])} | gradcore's of that name |"
    if "types" in kinds:
        yield f"| {', '.join(f'`{n}`' for n, _ in kinds['types'])} | types, which make variables |"
    if "floats" in kinds:
        names = ", ".join(f"`{n}`" for n, _ in kinds["floats"])
        yield f"| {names} | gradcore's of that name; of small integers they are float32 |"
    for names, place in _by_what_is_said(kinds.get("renamed", [])):
        yield f"| {names} | `{place}` |"
    for names, said in _by_what_is_said(kinds.get("own", [])):
        yield f"| {names} | Theano's: {said} |"
    for names, why in _by_what_is_said(kinds.get("absent", [])):
        yield f"| {names} | **not here**: {why} |"
    yield ""


def whole_modules(modules: Collection[str]) -> Iterator[str]:
    """Yield what is said of modules of which no name is here."""
    yield "## Modules that can be imported, of which nothing is here"
    yield ""
    yield "| modules | why |"
    yield "|---|---|"
    rest = [(name, ABSENT[f"{name}.*"]) for name in MODULES if name not in modules]
    for names, why in _by_what_is_said(rest):
        yield f"| {names} | {why} |"
    yield ""


def page() -> str:
    """Return the page."""
    modules = sorted_out()
    every = [(kind, entry) for kinds in modules.values() for kind in kinds for entry in kinds[kind]]
    absent = sum(kind == "absent" for kind, _ in every)
    lines = [
        "# Theano's names",
        "",
        "What Theano's public names mean after `gradcore.theano.install()`, or under `python -m",
        "gradcore.theano` ([how that works](theano.md)). *Theano's* are those whose arguments or",
        "meaning differ from gradcore's, and are Theano's there. What is not here can be imported,",
        "and raises when it is used. `docs/theano_names.py` writes this page.",
        "",
        f"There are {len(every)} names in {len(modules)} modules, of which {absent} are not here.",
        "",
    ]
    for module, kinds in modules.items():
        lines += rows(module, kinds)
    lines += whole_modules(modules)
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
    sys.stdout.write(f"wrote {PAGE}\n")
