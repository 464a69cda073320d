"""Graphs as text: ``pp``, in the notation of mathematics, and ``debugprint``, as a tree.

``pp`` puts parentheses around every operator and writes the rest as calls, with lower-case names.
Constants show as ``TensorConstant{2}`` in a user's graph and bare in a compiled one.
"""

from __future__ import annotations

import string
import sys
from collections.abc import Sequence
from typing import Any, TextIO

from gradcore.graph import Apply, Constant, FunctionGraph, Op, Variable, toposort
from gradcore.ops.control import Print as Print
from gradcore.ops.elementwise import Elementwise
from gradcore.ops.index import IncSubtensor, Slice, Slot, Subtensor

PREFIX = {"neg": "-", "invert": "~"}


def pp(graph: Any) -> str:
    """Return a variable's expression in the notation of mathematics.

    graph : a variable, or a graph or compiled function (its outputs are joined by commas).

    >>> import gradcore.tensor as T
    >>> x = T.dscalar("x")
    >>> pp(T.exp(x) + 1)
    '(exp(x) + TensorConstant{1})'
    """
    outputs = _outputs(graph)
    text: dict[Variable, str] = {}
    for node in toposort(outputs):
        inputs = [text.get(v, str(v)) for v in node.inputs]
        found = _expression(node, inputs)
        for output in node.outputs:
            suffix = f".{output.index}" if len(node.outputs) > 1 else ""
            text[output] = found + suffix
    return ", ".join(text.get(v, str(v)) for v in outputs)


def _outputs(graph: Any) -> list[Variable]:
    """Return the variables that a printable thing consists of."""
    if isinstance(graph, Variable):
        return [graph]
    if isinstance(graph, FunctionGraph):
        return list(graph.outputs)
    if isinstance(graph, Apply):
        return list(graph.outputs)
    if isinstance(graph, (list, tuple)):
        return [v for item in graph for v in _outputs(item)]  # pyright: ignore[reportUnknownVariableType] - checked below
    maker = getattr(graph, "maker", None)
    if maker is not None:
        return list(maker.fgraph.outputs)
    raise TypeError(f"cannot print a {type(graph).__name__} as an expression")


def _expression(node: Apply, inputs: Sequence[str]) -> str:
    op = node.op
    if isinstance(op, Elementwise):
        if op.infix is not None:
            return f"({inputs[0]} {op.infix} {inputs[1]})"
        if op.name in PREFIX:
            return f"({PREFIX[op.name]}{inputs[0]})"
        return f"{op.name}({', '.join(inputs)})"
    if isinstance(op, Subtensor):
        return f"{inputs[0]}[{_key(op, inputs[1:])}]"
    if isinstance(op, IncSubtensor):
        return f"{op.label()}({inputs[0]}[{_key(op, inputs[2:])}], {inputs[1]})"
    shown = [f"{name}={value}" for name, value in op.parameters().items()]
    return f"{op.label()}({', '.join([*inputs, *shown])})"


def _key(op: Subtensor | IncSubtensor, indices: Sequence[str]) -> str:
    rest = iter(indices)

    def shown(entry: Any) -> str:
        if isinstance(entry, Slice):
            bounds = ["" if b is None else shown(b) for b in entry.bounds]
            return ":".join(bounds if bounds[2] else bounds[:2])
        return next(rest) if isinstance(entry, Slot) else str(entry)

    return ", ".join(map(shown, op.pattern))


# trees ------------------------------------------------------------------------------------------
def debugprint(
    graph: Any,
    depth: int = -1,
    print_type: bool = False,
    file: TextIO | str | None = None,
    print_where: bool = False,
) -> str | None:
    """Print a graph as a tree; a variable that occurs again shows only its letter.

    graph : a variable, a list of them, a graph, or a compiled function.
    depth : how deep to print; -1: all.
    print_type : whether to print the types.
    file : where to print (``sys.stdout``); ``"str"`` returns the text instead.
    print_where : whether to print the user's line that built each node.

    >>> import gradcore.tensor as T
    >>> x = T.dscalar("x")
    >>> debugprint(T.exp(x) * x)
    mul [A]
     |exp [B]
     | |x [C]
     |x [C]
    """
    printer = _Tree(depth, print_type, print_where)
    for output in _outputs(graph):
        printer.add(output, 0)
    printer.add_bodies()
    text = "\n".join(printer.lines)
    if file == "str":
        return text
    print(text, file=file if not isinstance(file, str) else sys.stdout)  # noqa: T201 - its purpose
    return None


class _Tree:
    """The lines of a tree while it is printed."""

    def __init__(self, depth: int, types: bool, where: bool) -> None:
        self.depth, self.types, self.where = depth, types, where
        self.lines: list[str] = []
        self.letters: dict[Any, str] = {}
        self.bodies: list[tuple[str, Op]] = []

    def add(self, root: Variable, indent: int) -> None:
        """Add the tree of ``root``."""
        stack = [(root, indent)]
        while stack:
            variable, level = stack.pop()
            node = variable.owner
            seen = (node or variable) in self.letters
            self.lines.append(
                " |" * (level - indent) + self._line(variable) + (" ..." if seen and node else "")
            )
            if node is None or seen or 0 <= self.depth <= level - indent:
                continue
            if node.op.graphs:
                self.bodies.append((self.letters[node], node.op))
            stack.extend((v, level + 1) for v in reversed(node.inputs))

    def _line(self, variable: Variable) -> str:
        node = variable.owner
        key = node or variable
        letter = self.letters.setdefault(key, _letters(len(self.letters)))
        if node is None:
            text = f"{variable} [{letter}]"
        else:
            index = f".{variable.index}" if len(node.outputs) > 1 else ""
            text = f"{node.op}{index} [{letter}]"
            if variable.name is not None:
                text += f" '{variable.name}'"
        if self.types:
            text += f" {variable.type}"
        if self.where and node is not None and node.where is not None:
            text += f" ({node.where})"
        return text

    def add_bodies(self) -> None:
        """Add the graphs that ops run themselves, such as the bodies of scans."""
        for letter, op in self.bodies:
            for graph in op.graphs:
                self.lines += [
                    "",
                    f"inside {op.label()} [{letter}], of {', '.join(map(str, graph.inputs))}:",
                ]
                for output in graph.outputs:
                    self.add(output, 0)


def _letters(number: int) -> str:
    """Return A ... Z, AA, AB ..."""
    text = ""
    number += 1
    while number:
        number, digit = divmod(number - 1, 26)
        text = string.ascii_uppercase[digit] + text
    return text
