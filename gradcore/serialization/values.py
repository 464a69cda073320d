"""Ops and their fields as data, and back: rows of the catalogue by name, others by their fields."""

from __future__ import annotations

import builtins
import dataclasses
import enum
import functools
import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gradcore import errors
from gradcore.errors import GraphTypeError, SerializationError, choices
from gradcore.graph import FunctionGraph, Op, Variable
from gradcore.ops.elementwise import Elementwise
from gradcore.plugins import registry

OWN = "gradcore.ops."
"""Where ops are defined that a graph may have beside those of the catalogue."""


# which ops there are ------------------------------------------------------------------------------
def _rows() -> dict[str, Elementwise]:
    """Return the elementwise ops, by name."""
    return {op.name: op for op in registry().ops if isinstance(op, Elementwise)}


def _classes() -> dict[str, type[Op]]:
    """Return the classes of all other ops, by name: a plugin's does not hide one of gradcore's."""
    declared = [op for op in registry().ops if isinstance(op, type)]
    found = [*declared, *(c for c in _below(Op) if c.__module__.startswith(OWN))]
    return {c.__name__: c for c in found if dataclasses.is_dataclass(c)}


def _below(base: type[Op]) -> list[type[Op]]:
    """Return the classes that are derived from one."""
    return [c for child in base.__subclasses__() for c in (child, *_below(child))]


# ops ----------------------------------------------------------------------------------------------
def encoded_op(op: Op, number: Callable[[FunctionGraph], int]) -> Any:
    """Return an op as data.

    number : returns what stands for a graph that the op holds.

    Raises GraphTypeError: it is no op of the catalogue, or has fields that are no data.
    """
    if isinstance(op, Elementwise):
        if _rows().get(op.name) is op:
            return {"row": op.name}
    elif _classes().get(type(op).__name__) is type(op):
        return {"op": type(op).__name__, "fields": _fields(op, number)}
    raise GraphTypeError(
        f"{op} cannot be saved: it is no op of gradcore's catalogue or of an installed plugin",
        fix="write it in the tensor language, or pickle the function for your own use",
    )


def decoded_op(data: Any, graphs: Sequence[FunctionGraph]) -> Op:
    """Return an op of data.

    Raises SerializationError: the data say none that is known here.
    """
    said = member(data, dict)
    if "row" in said:
        return _named(_rows(), said["row"])
    kind = _named(_classes(), said.get("op"))
    return _made(kind, said, graphs)


def _named(known: Mapping[str, Any], name: Any) -> Any:
    if name not in known:
        raise SerializationError(
            f"the file has an op {name!r}, which is not known here",
            fix=f"{choices(name, (), 'known', known)}; or install the plugin that has it",
        )
    return known[name]


# their fields -------------------------------------------------------------------------------------
def _fields(record: Any, number: Callable[[FunctionGraph], int]) -> dict[str, Any]:
    return {
        field.name: encoded(getattr(record, field.name), record.__class__, number)
        for field in dataclasses.fields(record)
        if field.init
    }


def encoded(value: Any, owner: type[Any], number: Callable[[FunctionGraph], int]) -> Any:
    """Return the value of a field of ``owner`` as data.

    Raises GraphTypeError: it is no number, text, tuple, set, graph, record or class of errors.
    """
    if isinstance(value, np.generic):
        return encoded(value.item(), owner, number)  # pyright: ignore[reportUnknownArgumentType] - of any dtype
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": repr(value)}
    if isinstance(value, tuple):
        return [encoded(x, owner, number) for x in value]  # pyright: ignore[reportUnknownVariableType] - of any
    if isinstance(value, frozenset):
        items = [encoded(x, owner, number) for x in value]  # pyright: ignore[reportUnknownVariableType] - of any
        return {"set": sorted(items, key=json.dumps)}
    if isinstance(value, FunctionGraph):
        return {"graph": number(value)}
    if isinstance(value, type) and _error(value.__name__) is value:
        return {"error": value.__name__}
    kind = type(value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - of any
    name = kind.__name__  # pyright: ignore[reportUnknownMemberType] - of any
    if _beside(owner, object, name) is kind and isinstance(value, enum.Enum):
        return {"enum": name, "member": value.name}
    if _beside(owner, object, name) is kind:
        return {"record": name, "fields": _fields(value, number)}
    raise GraphTypeError(
        f"cannot save {value!r}, which is no data",
        fix="a function that runs Python's code can be pickled, where that code is importable",
    )


def _decoded(data: Any, owner: type, graphs: Sequence[FunctionGraph]) -> Any:
    """Return the value of a field of ``owner``."""
    if isinstance(data, list):
        return tuple(_decoded(x, owner, graphs) for x in data)  # pyright: ignore[reportUnknownVariableType] - of any
    if not isinstance(data, dict):
        return data
    said = member(data, dict)
    if "float" in said:
        return float(member(said["float"], str))
    if "set" in said:
        return frozenset(_decoded(x, owner, graphs) for x in member(said["set"], list))
    if "graph" in said:
        return at(graphs, said["graph"], "graph")
    if "error" in said:
        found = _error(member(said["error"], str))
    elif "enum" in said:
        kind = _beside(owner, enum.Enum, said["enum"])
        found = None if kind is None else kind.__members__.get(said.get("member"))
    else:
        kind = _beside(owner, object, said.get("record"))
        found = None if kind is None else _made(kind, said, graphs)
    if found is None:
        raise SerializationError(f"the file has {said!r}, which means nothing here")
    return found


def _beside(owner: type[Any], base: type[Any], name: Any) -> Any:
    """Return an enumeration, or a class of records, by the name that an op's module has for it."""
    modules = (vars(sys.modules[c.__module__]) for c in owner.__mro__)
    found: Any = next((names[name] for names in modules if member(name, str) in names), None)
    if not isinstance(found, type) or not issubclass(found, base):
        return None
    if issubclass(found, (Op, FunctionGraph, Variable)):
        return None
    plain = issubclass(found, enum.Enum) or dataclasses.is_dataclass(found)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] - of any
    return found if plain else None  # pyright: ignore[reportUnknownVariableType] - of any


def _made(kind: Any, said: dict[str, Any], graphs: Sequence[FunctionGraph]) -> Any:
    """Return an op, or a record in one, with the fields that data say."""
    fields = member(said.get("fields"), dict)
    values = {name: _decoded(value, kind, graphs) for name, value in fields.items()}
    known = {field.name for field in dataclasses.fields(kind) if field.init}
    if not known.issuperset(values):
        extra = ", ".join(sorted(set(values) - known))
        raise SerializationError(f"{kind.__name__} has no {extra}: the file is of another version")
    return kind(**values)


@functools.cache
def _error(name: str) -> type[Exception] | None:
    """Return a class of errors, of Python or of gradcore."""
    found = getattr(errors, name, None) or getattr(builtins, name, None)
    return found if isinstance(found, type) and issubclass(found, Exception) else None


# what data are ------------------------------------------------------------------------------------
def member(data: Any, *kinds: type) -> Any:
    """Return data of some kinds.

    Raises SerializationError: they are of another.
    """
    if type(data) not in kinds:
        names = " or ".join(kind.__name__ for kind in kinds)
        raise SerializationError(f"the file has {str(data)[:40]!r} in the place of a {names}")
    return data


def at(items: Sequence[Any], number: Any, what: str) -> Any:
    """Return the item of this number.

    Raises SerializationError: there is none.
    """
    if type(number) is not int or not 0 <= number < len(items):
        raise SerializationError(f"the file has no {what} of the number {str(number)[:40]}")
    return items[number]


def several(data: Any, count: int) -> list[Any]:
    """Return a list of so many items.

    Raises SerializationError: it is none, or of another number.
    """
    if len(member(data, list)) != count:
        raise SerializationError(f"the file has {str(data)[:40]!r} in the place of {count} values")
    return data
