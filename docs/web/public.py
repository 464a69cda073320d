"""The public names of gradcore: where each stands, what else it is called, whether it has examples.

A name is public if the module of a room exports it: by `__all__`, by an import ``X as X``, or by
defining it without an underscore.  Modules are read for that, so that what one merely imports for
its own use is no name of its own.
"""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from gradcore.ops.catalogue import catalogue
from gradcore.ops.elementwise import Elementwise
from gradcore.tensor.constructors import Constructor, Plural
from gradcore.tensor.sparse.structured import OfElements

ROOT = Path(__file__).parents[2]

ROOMS = (
    "gradcore", "gradcore.tensor", "gradcore.tensor.linalg", "gradcore.tensor.nn",
    "gradcore.tensor.random", "gradcore.tensor.sparse", "gradcore.tensor.fft",
    "gradcore.tensor.special", "gradcore.tensor.nnet", "gradcore.tensor.nlinalg",
    "gradcore.tensor.slinalg", "gradcore.tensor.extra_ops", "gradcore.tensor.shared_randomstreams",
    "gradcore.optimize", "gradcore.summing", "gradcore.distributed", "gradcore.errors",
    "gradcore.theano",
)  # fmt: skip
"""The modules whose names are for users; of a value that has several names, the first counts."""

CONTRACT = ROOT / "docs/backends.md"
"""The page whose section "What is stable" lists the names on which plugins may rely."""

Plain = (str, int, float, complex, bool, type(None), tuple)
"""Values that are not known by what they are: each name of one is a name of its own."""


@dataclass
class Name:
    """A public name.

    room : the module that exports it.
    name : what it is called there.
    others : further full names of the same value.
    """

    room: str
    name: str
    value: Any
    others: list[str] = field(default_factory=list)

    @property
    def full(self) -> str:
        """Return the name with its module."""
        return f"{self.room}.{self.name}"

    @property
    def home(self) -> str:
        """Return the module that defines the value."""
        if isinstance(self.value, Elementwise):
            return row_modules()[self.value.name]
        where: str | None = getattr(self.value, "__module__", None)
        return where if where and where.startswith("gradcore") else self.room

    @property
    def is_own(self) -> bool:
        """Return whether gradcore made the value: a name may stand for one of NumPy's."""
        return str(getattr(self.value, "__module__", "")).startswith("gradcore")

    @property
    def doc(self) -> str:
        """Return the docstring of a value that has one of its own, else that of its assignment."""
        own = self.is_own and not isinstance(self.value, Constructor)
        return (inspect.getdoc(self.value) or "") if own else assigned_doc(self.room, self.name)

    @property
    def has_example(self) -> bool:
        """Return whether its docstring shows it at work.

        Rows and constructors declare enough to be shown, and so do ops, by their samples.
        """
        declared = isinstance(self.value, (Elementwise, Constructor, Plural, OfElements, *Plain))
        return declared or self.value in catalogue() or ">>>" in self.doc


def assigned_doc(room: str, name: str) -> str:
    """Return the string behind the assignment of a name, in the module that it is imported from."""
    body = ast.parse(inspect.getsource(importlib.import_module(room))).body
    for node, after in itertools.pairwise([*body, ast.Pass()]):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if name == (alias.asname or alias.name) and str(node.module).startswith("gradcore"):
                    return assigned_doc(str(node.module), alias.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign) and name in _exports(node):
            match after:
                case ast.Expr(ast.Constant(str(text))):
                    return inspect.cleandoc(text)
    return ""


@functools.cache
def row_modules() -> dict[str, str]:
    """Return the module of each elementwise row."""
    families = [f"gradcore.ops.{p.stem}" for p in sorted((ROOT / "gradcore/ops").glob("*.py"))]
    found: dict[str, str] = {}
    for family in families:
        module = importlib.import_module(family)
        for name in getattr(module, "__all__", ()):
            if isinstance(row := getattr(module, name), Elementwise):
                found.setdefault(row.name, family)
    return found


def exported(module: ModuleType) -> list[str]:
    """Return the names that a module exports, in the order in which it has them."""
    declared: list[str] | None = getattr(module, "__all__", None)
    if declared is not None:
        return list(declared)
    names: list[str] = []
    for node in ast.parse(inspect.getsource(module)).body:
        names += _exports(node)
    return [name for name in dict.fromkeys(names) if name[0] != "_" and is_value(module, name)]


def is_value(module: ModuleType, name: str) -> bool:
    """Return whether a name of a module is no module itself, nor a marker of typing."""
    value = getattr(module, name)
    return not isinstance(value, ModuleType) and getattr(value, "__module__", "") != "typing"


def _exports(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gradcore"):
        for alias in node.names:
            if alias.name == "*":
                yield from exported(importlib.import_module(str(node.module)))
            elif alias.asname == alias.name:
                yield alias.name
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            yield from (n.id for n in ast.walk(target) if isinstance(n, ast.Name))


@functools.cache
def names() -> list[Name]:
    """Return the public names for users, each value once."""
    found: dict[Any, Name] = {}
    for room in ROOMS:
        module = importlib.import_module(room)
        for name in exported(module):
            value = getattr(module, name)
            if room == "gradcore.errors" and not isinstance(value, type):
                continue  # what errors are made with
            key: Any = (room, name) if isinstance(value, Plain) else id(value)
            if key in found:
                found[key].others.append(f"{room}.{name}")
            else:
                found[key] = Name(room, name, value)
    return list(found.values())


@functools.cache
def contract() -> list[Name]:
    """Return the names on which plugins may rely that are not for users, too."""
    text = CONTRACT.read_text().partition("## What is stable")[2]
    known = {id(entry.value) for entry in names() if not isinstance(entry.value, Plain)}
    found: list[Name] = []
    for room, cell in re.findall(r"^\| `(gradcore[\w.]*)` \| (`.*) \|$", text, re.MULTILINE):
        module = importlib.import_module(room)
        for name in re.findall(r"`(\w+)`", cell):
            value = getattr(module, name)
            if id(value) not in known:
                found.append(Name(room, name, value))
                known |= set() if isinstance(value, Plain) else {id(value)}
    return found


def without_example() -> list[str]:
    """Return the public names, for users and plugins, that no example shows."""
    return [entry.full for entry in (*names(), *contract()) if not entry.has_example]
