"""Writes `docs/theano_names.md` and `docs/pytensor_names.md`: public names, what each means here.

Run it: ``python docs/theano_names.py``, or ``nox -s pages``; a test compares.  The names stand in
`docs/theano_api.py` and `docs/pytensor_api.py`; what they mean is read from the modules that
`gradcore.theano` makes.
"""

from __future__ import annotations

import importlib
import inspect
import sys
import textwrap
from collections.abc import Collection, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from pytensor_api import API as PYTENSOR
from theano_api import API

import gradcore
import gradcore.theano
from gradcore import tensor
from gradcore.theano.absent import ABSENT, LATER, LATER_MODULES, MODULES
from gradcore.theano.door import Absent, reason
from gradcore.theano.tensors import SmallFloats

NAMES = {"theano": API, "pytensor": PYTENSOR}
"""The names of each package, by module."""

TITLES = {"theano": "Theano", "pytensor": "PyTensor"}
"""What the packages are called."""


def path(package: str) -> Path:
    """Return where the page of a package is."""
    return Path(__file__).with_name(f"{package}_names.md")


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
        return "absent", str(reason(module, name))
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


def sorted_out(package: str = "theano") -> dict[str, dict[str, list[tuple[str, str]]]]:
    """Return, for each module, its names by their kinds."""
    gradcore.theano.install(package)
    try:
        found: dict[str, dict[str, list[tuple[str, str]]]] = {}
        for module, names in NAMES[package].items():
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


def rows(module: str, kinds: dict[str, list[tuple[str, str]]], of: str = "Theano") -> Iterator[str]:
    """Yield what is said of a module, as rows of its table; ``of`` whom what differs is."""
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
        yield f"| {names} | {of}'s: {said} |"
    for names, why in _by_what_is_said(kinds.get("absent", [])):
        yield f"| {names} | **not here**: {why} |"
    yield ""


def whole_modules(package: str, modules: Collection[str]) -> Iterator[str]:
    """Yield what is said of modules of which no name is here."""
    yield "## Modules that can be imported, of which nothing is here"
    yield ""
    yield "| modules | why |"
    yield "|---|---|"
    reasons = {name: ABSENT[f"{name}.*"] for name in MODULES}
    if package != "theano":
        reasons = {package + name: LATER[f"{name}.*"] for name in LATER_MODULES}
    rest = [(name, why) for name, why in reasons.items() if name not in modules]
    for names, why in _by_what_is_said(rest):
        yield f"| {names} | {why} |"
    yield ""


def page(package: str = "theano") -> str:
    """Return the page of a package."""
    modules, title = sorted_out(package), TITLES[package]
    installed = 'install("pytensor")' if package == "pytensor" else "install()"
    run = "theano --as pytensor" if package == "pytensor" else "theano"
    every = [(kind, entry) for kinds in modules.values() for kind in kinds for entry in kinds[kind]]
    absent = sum(kind == "absent" for kind, _ in every)
    about = (
        f"What {title}'s public names mean after `gradcore.theano.{installed}`, or under `python "
        f"-m gradcore.{run}` ([how that works](theano.md)). *{title}'s* are those whose arguments "
        f"or meaning differ from gradcore's, and are {title}'s there. What is not here can be "
        "imported, and raises when it is used. `docs/theano_names.py` writes this page."
    )
    lines = [
        f"# {title}'s names",
        "",
        *textwrap.wrap(about, 100, break_long_words=False, break_on_hyphens=False),
        "",
        f"There are {len(every)} names in {len(modules)} modules, of which {absent} are not here.",
        "",
    ]
    for module, kinds in modules.items():
        lines += rows(module, kinds, title)
    lines += whole_modules(package, modules)
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    for each in NAMES:
        path(each).write_text(page(each))
        sys.stdout.write(f"wrote {path(each)}\n")
