"""Functions as data: what they were compiled from, and what stands around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from io import BytesIO
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from gradcore.compile.arguments import In
from gradcore.compile.function import Function, function
from gradcore.errors import (
    ArgumentError,
    GraphTypeError,
    GraphValueError,
    MissingInputError,
    SerializationError,
    UnusedInputError,
)
from gradcore.gradient.sparse import SparseMatrix
from gradcore.graph import Array, Constant, FunctionGraph, Variable, graph_inputs, here
from gradcore.graph.composite import Composite
from gradcore.mode import Mode, get_mode
from gradcore.serialization.container import read, read_from, write, written
from gradcore.serialization.graphs import Reader, Writer
from gradcore.serialization.values import at, member, several
from gradcore.shared import SharedVariable
from gradcore.tensor.sparse.matrix import FORMATS, SparseVariable

FORMAT = "gradcore functions"
NO_FUNCTION = (
    GraphTypeError, GraphValueError, MissingInputError, UnusedInputError, ArgumentError,
)  # fmt: skip
"""What `gradcore.function` raises of what makes no function."""

VERSION = 1
"""The version of the format; files of a later one are refused."""


def save(functions: Function | Mapping[str, Function], path: str | PathLike[str]) -> None:
    """Save functions, as `gradcore.save` says."""
    written(Path(path), *_described(functions))


def in_bytes(functions: Function | Mapping[str, Function]) -> bytes:
    """Return what a file that `gradcore.save` writes has."""
    file = BytesIO()
    write(file, *_described(functions))
    return file.getvalue()


def from_bytes(content: bytes, mode: Mode | str | None = None) -> Any:
    """Return what `gradcore.load` does of a file that has these bytes."""
    path = "what was sent"
    return _loaded(*read_from(BytesIO(content), path), path, mode)


def _described(functions: Function | Mapping[str, Function]) -> tuple[Any, list[Array]]:
    """Return functions as a document and arrays."""
    named = _named(functions)
    needed = list(dict.fromkeys(v for f in named.values() for v in _variables(f)))
    roots = [v for v in graph_inputs(needed) if not isinstance(v, Constant)]
    writer = Writer()
    main, numbers = writer.described(FunctionGraph(tuple(roots), tuple(needed)))
    shared = {
        str(numbers[v]): writer.array(np.asarray(v.storage[0]))
        for v in roots
        if isinstance(v, SharedVariable)
    }
    data = _Functions(writer, numbers)
    document = {
        "format": FORMAT,
        "version": VERSION,
        "gradcore": version("gradcore"),
        "single": isinstance(functions, Function),
        "functions": {name: data.function(f) for name, f in named.items()},
        "main": main,
        "shared": shared,
        "ops": writer.ops,
        "places": writer.places,
        "graphs": writer.graphs,
    }
    return document, writer.arrays


def load(path: str | PathLike[str], mode: Mode | str | None = None) -> Any:
    """Return functions, as `gradcore.load` says."""
    return _loaded(*read(Path(path)), path, mode)


def _loaded(document: Any, arrays: Sequence[Array], path: object, mode: Mode | str | None) -> Any:
    """Return the functions of a document; ``path``: what to call it."""
    said = member(document, dict)
    if said.get("format") != FORMAT:
        raise SerializationError(f"{path} is no file of save")
    if member(said.get("version"), int) != VERSION:
        raise SerializationError(
            f"{path} has the version {said['version']} of the format, and {VERSION} is known here",
            fix=f"gradcore {said.get('gradcore')} wrote it: install that version, or a later one",
        )
    reader = Reader(said, arrays)
    shared = {
        int(number): reader.array(array)
        for number, array in member(said.get("shared"), dict).items()
        if str(number).isdecimal()
    }
    _, variables = reader.graph(said.get("main"), shared)
    loader, chosen = _Loader(reader, variables), get_mode(mode)
    found = {
        name: loader.function(data, chosen)
        for name, data in member(said.get("functions"), dict).items()
    }
    return next(iter(found.values())) if said.get("single") is True and found else found


# what functions are of ----------------------------------------------------------------------------
def _named(functions: Any) -> Mapping[str, Function]:
    named = {"": functions} if isinstance(functions, Function) else functions
    if not isinstance(named, Mapping) or not all(
        isinstance(name, str) and isinstance(f, Function)
        for name, f in named.items()  # pyright: ignore[reportUnknownVariableType] - checked here
    ):
        raise GraphTypeError(
            f"save takes a function, or a dict of functions by name, not {functions!r}", here()
        )
    return named  # pyright: ignore[reportUnknownVariableType] - checked


def _variables(f: Function) -> list[Variable]:
    """Return the variables that a function is said in terms of."""
    maker, arrangement = f.maker, f.arrangement
    found = [entry.variable for entry in maker.inputs]
    found += [entry.update for entry in maker.inputs if entry.update is not None]
    found += [*maker.outputs, *maker.updates, *maker.updates.values()]
    if arrangement is not None:
        composites = [*(a.composite for a in arrangement.arguments), *arrangement.results]
        found += [v for c in composites if c is not None for v in _parts(c)]
    return found


def _parts(composite: Composite) -> list[Variable]:
    """Return the tensors that a composite is made of, extents too."""
    if isinstance(composite, SparseVariable):
        extents = [n for n in composite.shape if isinstance(n, Variable)]
        return [composite.data, *composite.pattern, *extents]
    return [composite.moving]


# functions as data --------------------------------------------------------------------------------
class _Functions:
    """Functions as data, in terms of the numbers of variables."""

    def __init__(self, writer: Writer, numbers: Mapping[Variable, int]) -> None:
        self.writer = writer
        self.numbers = numbers

    def function(self, f: Function) -> dict[str, Any]:
        """Return a function as data."""
        maker = f.maker
        return {
            "name": f.name,
            "inputs": self.inputs(f),
            "outputs": self.outputs(f),
            "updates": [[self.numbers[v], self.numbers[new]] for v, new in maker.updates.items()],
            "form": _form(f.form if f.arrangement is None else f.arrangement.form),
        }

    def inputs(self, f: Function) -> list[Any]:
        """Return the arguments that it takes."""
        entries = iter(zip(f.maker.inputs, f.input_storage, strict=True))
        if f.arrangement is None:
            return [self.entry(*each) for each in entries]
        found: list[Any] = []
        for argument in f.arrangement.arguments:
            own = [next(entries) for _ in argument.needed]
            if argument.composite is None:
                found += [self.entry(*each) for each in own]
            else:
                options = {"strict": False, "allow_downcast": None}
                if own:
                    options = _options(own[0][0])
                matrix = self.composite(argument.composite)
                found.append({"variable": matrix, "name": argument.keyword} | options)
        return found

    def entry(self, entry: In, value: Any) -> dict[str, Any]:
        """Return an input, whose value may have been updated since it was made."""
        array = None if value is None else entry.converted(value, "save", 0)
        return {
            "variable": self.numbers[entry.variable],
            "name": entry.name,
            "value": None if array is None else self.writer.array(array),
            "update": None if entry.update is None else self.numbers[entry.update],
        } | _options(entry)

    def outputs(self, f: Function) -> list[Any]:
        """Return the results that it returns."""
        rest = iter(f.maker.outputs)
        if f.arrangement is None:
            return [self.numbers[v] for v in rest]
        found: list[Any] = []
        for composite in f.arrangement.results:
            found.append(
                self.numbers[next(rest)] if composite is None else self.composite(composite)
            )
            if composite is not None:
                for part in composite.parts:
                    if not isinstance(part, Constant):
                        next(rest)
        return found

    def composite(self, composite: Composite) -> list[Any]:
        """Return a sparse matrix: its format, name, data, where its elements are, and its shape."""
        data = self.numbers[composite.moving]
        if isinstance(composite, SparseVariable):
            pattern = [self.numbers[v] for v in composite.pattern]
            shape = [
                [self.numbers[n]] if isinstance(n, Variable) else int(n) for n in composite.shape
            ]
            return [composite.format, composite.name, data, pattern, shape]
        if isinstance(composite, SparseMatrix):
            pattern = [self.writer.array(a) for a in (composite.indices, composite.indptr)]
            return ["pattern", list(composite.products), data, pattern, list(composite.shape)]
        raise GraphTypeError(f"cannot save {composite}: it is no sparse matrix of gradcore")


def _options(entry: In) -> dict[str, Any]:
    return {"strict": entry.strict, "allow_downcast": entry.allow_downcast}


def _form(form: Any) -> Any:
    """Return the form of outputs: null, "one", "list" or the keys of a dict."""
    if not isinstance(form, Mapping):
        return None if form is None else "one" if form == 0 else "list"
    keys: list[Any] = list(form)  # pyright: ignore[reportUnknownArgumentType] - of any keys
    for key in keys:
        if type(key) not in (str, int):
            raise GraphTypeError(f"cannot save an output with the key {key!r}: it is no str or int")
    return keys


class _Loader:
    """Data as functions, in terms of variables by number."""

    def __init__(self, reader: Reader, variables: Sequence[Variable]) -> None:
        self.reader = reader
        self.variables = variables

    def variable(self, number: Any) -> Variable:
        """Return a variable."""
        return at(self.variables, number, "variable")

    def function(self, data: Any, mode: Mode) -> Function:
        """Return a function, compiled."""
        said = member(data, dict)
        inputs = [self.entry(entry) for entry in member(said.get("inputs"), list)]
        outputs = [self.value(output) for output in member(said.get("outputs"), list)]
        pairs = [several(pair, 2) for pair in member(said.get("updates"), list)]
        updates = [[self.variable(n) for n in pair] for pair in pairs]
        name = member(said.get("name"), str, type(None))
        asked = self.form(said.get("form"), outputs)
        try:
            return function(
                inputs, asked, mode, updates, None, True, name, on_unused_input="ignore"  # pyright: ignore[reportArgumentType] - pairs
            )  # fmt: skip
        except NO_FUNCTION as error:
            raise SerializationError(
                f"the file has a function that is none: {error.what}"
            ) from None

    def entry(self, data: Any) -> In:
        """Return an input."""
        said = member(data, dict)
        value, update = said.get("value"), said.get("update")
        return In(
            self.value(said.get("variable")),
            member(said.get("name"), str, type(None)),
            None if value is None else self.reader.array(value),
            None if update is None else self.variable(update),
            member(said.get("strict"), bool),
            member(said.get("allow_downcast"), bool, type(None)),
        )

    def value(self, data: Any) -> Any:
        """Return a variable, or a sparse matrix."""
        if not isinstance(data, list):
            return self.variable(data)
        kind, named, values, pattern, shape = several(data, 5)
        first, second = several(pattern, 2)
        if kind == "pattern":
            a, b = several(named, 2)
            m, n = several(shape, 2)
            return SparseMatrix(
                self.variable(values), self.reader.array(first), self.reader.array(second),
                (member(m, int), member(n, int)), (member(a, int), member(b, int)),
            )  # fmt: skip
        m, n = (
            member(k, int) if type(k) is int else self.variable(several(k, 1)[0])
            for k in several(shape, 2)
        )
        if kind not in FORMATS:
            raise SerializationError(f"the file has a sparse matrix of the format {kind!r}")
        return SparseVariable(
            kind, self.variable(values), (self.variable(first), self.variable(second)), (m, n),
            member(named, str, type(None)),
        )  # fmt: skip

    def form(self, data: Any, outputs: list[Any]) -> Any:
        """Return outputs in the form in which they were asked for."""
        if data is None:
            return None
        if data == "one":
            return several(outputs, 1)[0]
        if data == "list":
            return outputs
        keys = [member(key, str, int) for key in several(data, len(outputs))]
        return dict(zip(keys, outputs, strict=True))
