"""Graphs as text: ``pp``, in the notation of mathematics, and ``debugprint``, as a tree.

``pp`` puts parentheses around every operator and writes the rest as calls, with lower-case names.
Constants show as ``TensorConstant{2}`` in a user's graph and bare in a compiled one.
"""

from __future__ import annotations

import string
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TextIO, TypeAlias

from gradcore.errors import GraphValueError
from gradcore.graph import Apply, Constant, FunctionGraph, Op, Variable, inner_graphs
from gradcore.ops.control import Print as Print
from gradcore.ops.elementwise import Elementwise
from gradcore.ops.index import IncSubtensor, Subtensor
from gradcore.ops.index_patterns import Slice, Slot
from gradcore.shared import SharedVariable

PREFIX = {"neg": "-", "invert": "~"}


def pp(graph: Any, longest: int | None = None) -> str:
    """Return a variable's expression in the notation of mathematics.

    graph : a variable, or a graph or compiled function (its outputs are joined by commas).
    longest : after about how many characters to stop, with dots: what an expression reads twice
        is written twice, so that a small graph may make a very long text.

    >>> import gradcore.tensor as T
    >>> x = T.dscalar("x")
    >>> pp(T.exp(x) + 1)
    '(exp(x) + TensorConstant{1})'
    """
    written: list[str] = []
    # What is still to be written, the next piece last.
    pieces: list[str | Variable] = []
    for output in reversed(outputs_of(graph)):
        pieces += [output, ", "]
    room = sys.maxsize if longest is None else longest
    while pieces:
        room -= len(written[-1]) if written else 0
        if room < 0:
            return "".join(written)[2:] + "..."
        piece = pieces.pop()
        if isinstance(piece, str):
            written.append(piece)
        elif piece.owner is None:
            written.append(str(piece))
        else:
            if len(piece.owner.outputs) > 1:
                pieces.append(f".{piece.index}")
            pieces += reversed(_expression(piece.owner))
    return "".join(written)[2:]


def outputs_of(graph: Any) -> list[Variable]:
    """Return the variables that a printable thing consists of."""
    if isinstance(graph, Variable):
        return [graph]
    if isinstance(graph, FunctionGraph):
        return list(graph.outputs)
    if isinstance(graph, Apply):
        return list(graph.outputs)
    if isinstance(graph, (list, tuple)):
        return [v for item in graph for v in outputs_of(item)]  # pyright: ignore[reportUnknownVariableType] - checked below
    maker = getattr(graph, "maker", None)
    if maker is not None:
        return list(maker.fgraph.outputs)
    raise TypeError(f"cannot print a {type(graph).__name__} as an expression")


Pieces: TypeAlias = list[str | Variable]


def _expression(node: Apply) -> Pieces:
    """Return the expression of a node, its operands still to be written."""
    op, inputs = node.op, node.inputs
    if isinstance(op, Elementwise):
        if op.infix is not None:
            return ["(", inputs[0], f" {op.infix} ", inputs[1], ")"]
        if op.name in PREFIX:
            return [f"({PREFIX[op.name]}", inputs[0], ")"]
        return [f"{op.name}(", *_listed(inputs), ")"]
    if isinstance(op, Subtensor):
        return [inputs[0], "[", *_key(op, inputs[1:]), "]"]
    if isinstance(op, IncSubtensor):
        return [f"{op.label()}(", inputs[0], "[", *_key(op, inputs[2:]), "], ", inputs[1], ")"]
    shown = [f"{name}={value}" for name, value in op.parameters().items()]
    return [f"{op.label()}(", *_listed([*inputs, *shown]), ")"]


def _listed(items: Sequence[str | Variable]) -> Pieces:
    """Return items with commas between them."""
    return [piece for item in items for piece in (", ", item)][1:]


def _key(op: Subtensor | IncSubtensor, indices: Sequence[Variable]) -> Pieces:
    """Return what stands between the brackets."""
    rest = iter(indices)
    found: Pieces = []
    for entry in op.pattern:
        found.append(", ")
        if isinstance(entry, Slice):
            for place, bound in enumerate(entry.bounds[: 2 if entry.step is None else 3]):
                found += [":"] if place else []
                if bound is not None:
                    found.append(next(rest) if isinstance(bound, Slot) else str(bound))
        else:
            found.append(next(rest) if isinstance(entry, Slot) else str(entry))
    return found[1:]


pprint = pp
"""Theano's name of the printer."""


def min_informative_str(variable: Variable) -> str:
    """Return a variable's expression in short, with letters for what has no name.

    >>> import gradcore.tensor as T
    >>> x, y = T.dscalar("x"), T.dscalar()
    >>> min_informative_str(T.exp(x) + y * y)
    'add(exp(x), mul(A, A))'
    """
    letters: dict[Variable, str] = {}
    words: list[str] = []
    pieces: list[str | Variable] = [variable]
    while pieces:
        piece = pieces.pop()
        if isinstance(piece, str):
            words.append(piece)
        elif piece.name is not None and piece is not variable:
            words.append(piece.name)
        elif isinstance(piece, Constant):
            words.append(piece.text())
        elif piece.owner is None:
            words.append(piece.name or letters.setdefault(piece, _letters(len(letters))))
        else:
            part = f".{piece.index}" if len(piece.owner.outputs) > 1 else ""
            inner = reversed(
                [f"{piece.owner.op.label()}(", *_listed(piece.owner.inputs), f"){part}"]
            )
            pieces += inner
    return "".join(words)


# trees ------------------------------------------------------------------------------------------
def debugprint(
    graph: Any,
    depth: int = -1,
    print_type: bool = False,
    file: TextIO | str | None = None,
    print_where: bool = False,
    *,
    ids: str = "CHAR",
    stop_on_name: bool = False,
    print_shape: bool = False,
    print_storage: bool = False,
    print_memory_map: bool = False,
) -> str | None:
    """Print a graph as a tree; a variable that occurs again shows only its letter.

    graph : a variable, a list of them, a graph, or a compiled function.
    depth : how deep to print; -1: all.
    print_type : whether to print the types.
    file : where to print (``sys.stdout``); ``"str"`` returns the text instead.
    print_where : whether to print the user's line that built each node.
    ids : what marks a variable that occurs again: "CHAR" (letters), "int" (numbers), "id" (those of
        Python), "auto" (numbers in the order in which nodes were built), or "" (nothing).
    stop_on_name : whether not to go on below a variable with a name.
    print_shape : whether to print what is known of shapes.
    print_storage : whether to print the values of shared variables.
    print_memory_map : whether to print where values are: whose memory a view shows, and of a
        compiled function on a backend that generates code the block of memory that results have,
        possibly one after the other, or that they are in registers, or never stored.

    Raises GraphValueError: other ``ids``.

    >>> import gradcore.tensor as T
    >>> x = T.dscalar("x")
    >>> debugprint(T.exp(x) * x)
    mul [A]
     |exp [B]
     | |x [C]
     |x [C]
    """
    if ids not in IDS:
        raise GraphValueError(f"ids is one of {', '.join(map(repr, IDS))}, not {ids!r}")
    places = _places(graph) if print_memory_map else None
    printer = _Tree(
        depth, print_type, print_where, ids, stop_on_name, print_shape, print_storage, places
    )
    for output in outputs_of(graph):
        printer.add(output, 0)
    printer.add_bodies()
    text = "\n".join(printer.lines)
    if file == "str":
        return text
    print(text, file=file if not isinstance(file, str) else sys.stdout)
    return None


IDS = ("CHAR", "int", "id", "auto", "")
"""What may mark a variable that occurs again in a tree."""


def _places(graph: Any) -> Callable[[Apply], str]:
    """Return what says where the values of a node are, or nothing."""
    known: Mapping[Apply, str] = getattr(graph, "memory_map", None) or {}

    def place(node: Apply) -> str:
        if node in known:
            return known[node]
        return f"view of {node.inputs[0]}" if node.op.view else ""

    return place


class _Tree:
    """The lines of a tree while it is printed."""

    def __init__(
        self,
        depth: int,
        types: bool,
        where: bool,
        ids: str,
        stop_on_name: bool,
        shapes: bool,
        storage: bool,
        places: Callable[[Apply], str] | None = None,
    ) -> None:
        self.depth, self.types, self.where = depth, types, where
        self.ids, self.stop_on_name, self.shapes, self.storage = ids, stop_on_name, shapes, storage
        self.places = places
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
            if self.stop_on_name and variable.name is not None and level > indent:
                continue
            if node.op.graphs:
                self.bodies.append((self.letters[node], node.op))
            stack.extend((v, level + 1) for v in reversed(node.inputs))

    def _line(self, variable: Variable) -> str:
        node = variable.owner
        key = node or variable
        mark = self._mark(key)
        if node is None:
            text = f"{variable}{mark}"
        else:
            index = f".{variable.index}" if len(node.outputs) > 1 else ""
            text = f"{node.op}{index}{mark}"
            if variable.name is not None:
                text += f" '{variable.name}'"
        if self.shapes:
            text += f" ({', '.join('?' if n is None else str(n) for n in variable.type.shape)})"
        if self.storage and isinstance(variable, SharedVariable):
            text += f" = {' '.join(str(variable.get_value(borrow=True)).split())}"
        if self.types:
            text += f" {variable.type}"
        place = self.places(node) if self.places is not None and node is not None else ""
        if place:
            text += f" {{{place}}}"
        if self.where and node is not None and node.where is not None:
            text += f" ({node.where})"
        return text

    def _mark(self, key: Variable | Apply) -> str:
        """Return what marks a variable or a node where it occurs again."""
        if key not in self.letters:
            count = len(self.letters)
            marks = {"CHAR": _letters(count), "int": str(count), "id": str(id(key)), "": ""}
            serial = key.serial if isinstance(key, Apply) else count
            self.letters[key] = marks.get(self.ids, str(serial))
        found = self.letters[key]
        return f" [{found}]" if found else ""

    def add_bodies(self) -> None:
        """Add the graphs that ops run themselves, such as the bodies of scans."""
        for letter, op in self.bodies:
            for graph in inner_graphs(op):
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
