"""Programs to paste: what a user would type to see a case fail."""

from __future__ import annotations

import dataclasses
import enum
from typing import Any

import numpy as np

from gradcore.conformance.case import OVERWRITTEN, Case, Subject
from gradcore.graph import FunctionGraph, Op
from gradcore.mode import Mode
from gradcore.ops.elementwise import Elementwise


def program(case: Case, mode: Mode, call: int = 0) -> str:
    """Return a program that shows what ``mode`` makes of a case, and what it should be.

    call : which call of the function fails; before it come the others, or only the first, before
        the one that takes its arrays with other elements in them.
    """
    options = "".join(f", {name}={value!r}" for name, value in mode.options)
    chosen = f"gradcore.Mode({mode.backend!r}, {case.optimizer!r}{options})"
    overwrites = call == OVERWRITTEN
    calls = "layouts.overwritten(built.values)" if overwrites else "calls"
    one = [] if overwrites else ["calls = [built.values]"]
    return "\n".join(
        (
            "import gradcore",
            "from numpy import array, inf, nan",
            "from gradcore.conformance import cases, checks, layouts, programs",
            "",
            *(_calls(case, call) if call > 0 else [*_graph(case), *one]),
            "",
            f"for mode in ({chosen}, gradcore.Mode('numpy', False)):",
            "    f = gradcore.function(",
            "        built.inputs, built.outputs, mode, on_unused_input='ignore'",
            "    )",
            f"    for values in {calls}:",
            "        try:",
            "            print(mode.backend, f(*values))",
            "        except Exception as error:",
            "            print(mode.backend, [error])",
            "",
        )
    )


def _calls(case: Case, call: int) -> list[str]:
    return [
        f"case = cases.case({case.id!r})",
        "built = case.build()",
        f"calls = [built.values, *case.later()][:{call + 1}]",
    ]


def _graph(case: Case) -> list[str]:
    if case.check == "program":
        return [f"built = programs.{case.op}()"]
    if case.subject is None:
        return [f"built = cases.case({case.id!r}).build()"]
    check = {"staged": "fused", "called": "value", "long": "value", "error": "value"}.get(
        case.check, case.check
    )
    return [
        f"op = {op_source(case.subject.op)}",
        "draws = [",
        *(f"    {line}," for line in _draws(case.subject)),
        "]",
        f"built = checks.{check}(op, draws, {case.subject.constant!r})",
    ]


def _draws(subject: Subject) -> list[str]:
    lines: list[str] = []
    for operands in subject.draws:
        arrays = [
            array if fixed or subject.layout == "contiguous"
            else f"layouts.LAYOUTS[{subject.layout!r}]({array})"
            for array, fixed in zip(map(_array, operands), subject.constant, strict=True)
        ]  # fmt: skip
        lines.append(f"({', '.join(arrays)},)" if arrays else "()")
    return lines


def _array(a: Any) -> str:
    """Return an array as an expression."""
    text = " ".join(repr(np.asarray(a).tolist()).split())
    shape = f".reshape({a.shape})" if a.size == 0 else ""
    return f"array({text}, {a.dtype.name!r}){shape}"


def op_source(op: Op) -> str:
    """Return an op as an expression."""
    if isinstance(op, Elementwise):
        return f"gradcore.ops.elementwise.entry({op.name!r})"
    kind = f"{type(op).__module__}.{type(op).__qualname__}"
    samples = [sample.op for sample in type(op).samples()]
    if op.graphs and op in samples:
        return f"{kind}.samples()[{samples.index(op)}].op"
    return _source(op)


def _source(value: Any) -> str:
    """Return a parameter of an op as an expression."""
    if isinstance(value, enum.Enum):
        return f"{type(value).__module__}.{value}"
    if isinstance(value, type):
        return f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, tuple):
        items: tuple[Any, ...] = value  # pyright: ignore[reportUnknownVariableType] - of anything
        return f"({', '.join(map(_source, items))}{',' if len(items) == 1 else ''})"
    if dataclasses.is_dataclass(value) and not isinstance(value, FunctionGraph):
        fields = (
            f"{field.name}={_source(getattr(value, field.name))}"
            for field in dataclasses.fields(value)
            if field.init and getattr(value, field.name) != field.default
        )
        return f"{type(value).__module__}.{type(value).__qualname__}({', '.join(fields)})"
    return repr(value)
