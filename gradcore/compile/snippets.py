"""Programs to paste: what a user would type to see again what a graph gives of some arrays."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gradcore.graph import Constant, FunctionGraph, Op, Variable, toposort
from gradcore.ops.elementwise import Elementwise

MOST_ELEMENTS = 2000
"""How many elements of an array a program has, at most."""


def array_source(a: Any) -> str:
    """Return an array as an expression.

    >>> array_source(np.float32([1, np.inf]))
    "array([1.0, inf], 'float32')"
    """
    text = " ".join(repr(np.asarray(a).tolist()).split())
    shape = f".reshape({a.shape})" if a.size == 0 else ""
    return f"array({text}, {a.dtype.name!r}){shape}"


def op_source(op: Op) -> str:
    """Return an op as an expression.

    >>> import gradcore.tensor as T
    >>> op_source(T.dvector().sum().owner.op)
    "gradcore.ops.reduce.Reduce(kind='sum', axes=(0,))"
    """
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


def program_of(
    leaves: Sequence[Variable],
    outputs: Sequence[Variable],
    values: Mapping[Variable, Any],
    modes: Sequence[str],
) -> str:
    """Return a program that computes ``outputs`` of ``leaves`` in each mode, and prints them.

    values : arrays, of the leaves.
    modes : expressions that make modes.

    Empty if it cannot be said: a graph has a loop in it, or an array is too large.
    """
    nodes = toposort(outputs, stop=leaves)
    arrays = {v: np.asarray(values[v]) for v in leaves}
    if any(node.op.graphs for node in nodes):
        return ""
    if any(a.size > MOST_ELEMENTS for a in arrays.values()):
        return ""
    names: dict[Variable, str] = {}
    lines = ["import gradcore", "import gradcore.tensor as T", "from numpy import array, inf, nan"]
    for k, v in enumerate(leaves):
        names[v] = f"x{k}"
        lines.append(f"x{k} = T.tensor('x{k}', {v.dtype!r}, {v.type.shape!r})")
    for k, node in enumerate(nodes):
        for v in node.inputs:
            if isinstance(v, Constant) and v not in names:
                if v.data.size > MOST_ELEMENTS:
                    return ""
                names[v] = f"T.constant({array_source(v.data)})"
        given = ", ".join(names[v] for v in node.inputs)
        made = (
            [f"y{k}"]
            if len(node.outputs) == 1
            else [f"y{k}[{i}]" for i in range(len(node.outputs))]
        )
        names.update(zip(node.outputs, made, strict=True))
        lines.append(f"y{k} = {op_source(node.op)}({given})")
    shown = ", ".join(names[v] for v in outputs)
    inputs = ", ".join(names[v] for v in leaves)
    given = ", ".join(map(array_source, arrays.values()))
    lines += [
        f"for mode in ({', '.join(modes)},):",
        f"    f = gradcore.function([{inputs}], [{shown}], mode, on_unused_input='ignore')",
        f"    print(f({given}))",
    ]
    return "\n".join(lines)
