"""Export: a compiled function as files that run without gradcore, and without Python.

The core says what is exported: the arguments by name, shared variables as constants or as states,
the graph after the optimizer, in ops that a target has.  What the files look like is the business
of a *target*, which a plugin contributes by the hook ``gradcore_exporters``; docs/export.md
and docs/howto/export_models.md describe those that come with gradcore.

The decision: a shared variable that the function updates is a *state*, which its caller owns: an
argument that a call replaces, with the initial value in the files.  One that it only reads is a
constant, so that the optimizer sees its value.  Rejected: values inside the exported code that it
changes by itself, as two controllers could not share that code; all shared variables as
arguments, as weights that nobody changes would be a burden on each caller.
"""

from __future__ import annotations

import inspect
import keyword
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, NoReturn

from gradcore.backend import Backend, Lacking
from gradcore.compile.function import Function
from gradcore.compile.pipeline import CLOSED, Compilation
from gradcore.errors import (
    GraphTypeError,
    GraphValueError,
    UnavailableError,
    UnsupportedError,
    choices,
)
from gradcore.graph import (
    Apply,
    Array,
    Constant,
    Extent,
    FunctionGraph,
    Operand,
    Shape,
    TensorType,
    Variable,
    here,
    on_behalf_of,
    substitute,
    toposort,
)
from gradcore.graph.nodes import symbolic_operand
from gradcore.graph.requirements import AGREE
from gradcore.ops.control import IfElse
from gradcore.plugins import registry


@dataclass(frozen=True)
class Argument:
    """An argument of an exported function, or a state.

    variable : its variable in the graphs, with the name that it has.
    initial : the value that a state starts with; None: it is an argument.
    """

    variable: Variable
    initial: Array | None = None

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.variable.name)


@dataclass(frozen=True)
class Exportable:
    """What an exporter is given.

    name : what the function is to be called: an identifier.
    arguments : what a call takes.
    states : what it takes and replaces, after these.
    results : the names of what it returns; the new values of states follow.
    outputs : these, as variables of the arguments and states, as the user wrote them.
    function : the function that is exported.
    """

    name: str
    arguments: tuple[Argument, ...]
    states: tuple[Argument, ...]
    results: tuple[str, ...]
    outputs: tuple[Variable, ...]
    function: Function

    def graph(self, backend: Backend) -> FunctionGraph:
        """Return the graph, after the optimizer, in ops that ``backend`` has.

        Its inputs are the arguments, then the states; its outputs the results, then the new values
        of the states.

        Raises UnsupportedError: it needs what the backend lacks.
        """
        inputs = [a.variable for a in (*self.arguments, *self.states)]
        mode = self.function.maker.mode
        made = Compilation(inputs, self.outputs, mode, backend).through(CLOSED)
        if made.lacks:
            refuse_export(self.name, made.lacks)
        return made.graph

    def extents(self) -> list[tuple[int | str, ...]]:
        """Return the extents of each argument, and of each state: numbers, or names.

        An extent that no type says is called after its argument, ``X_n0``; those that must be equal
        are called alike, after the first.

        >>> import gradcore, gradcore.tensor as T
        >>> X, y = T.dmatrix("X"), T.dvector("y")
        >>> f = gradcore.function([X, y], T.dot(X, [1.0, 2.0]) - y)
        >>> exportable(f, "f").extents()
        [('X_n0', 2), ('X_n0',)]
        """
        inputs = [a.variable for a in (*self.arguments, *self.states)]
        shapes = [
            tuple(
                EXTENT(f"{v.name}_n{axis}") if n is None else n
                for axis, n in enumerate(v.type.shape)
            )
            for v in inputs
        ]
        like = _equal_extents(dict(zip(inputs, shapes, strict=True)), self.outputs)
        return [
            tuple(n if isinstance(n, int) else str(n) for n in (like(m) for m in shape))
            for shape in shapes
        ]


EXTENT = TensorType("int64")
"""The type of an extent that is not known."""


def _equal_extents(
    shapes: Mapping[Variable, Shape], outputs: Sequence[Variable]
) -> Callable[[Extent], Extent]:
    """Return what returns for an extent of an input the first that must be equal to it.

    shapes : those of the inputs, numbers or variables.
    outputs : what is computed of them; what only a branch requires is not looked at.
    """
    alike: dict[Extent, Extent] = {}
    order = {n: k for k, n in enumerate(n for shape in shapes.values() for n in shape)}

    def first(n: Extent) -> Extent:
        while n in alike:
            n = alike[n]
        return n

    known = {v: Operand(shape) for v, shape in shapes.items()}
    always = set(_always_computed(outputs))
    for node in toposort(outputs, list(shapes)):
        operands = [known.get(v) or symbolic_operand(v) for v in node.inputs]
        for requirement in node.op.requires(node, operands) if node in always else ():
            if requirement.predicate is AGREE:
                # Numbers come first, then what comes first among the arguments.
                pair = [first(n) for n in requirement.operands if n in order or isinstance(n, int)]
                pair.sort(key=lambda n: -1 if isinstance(n, int) else order[n])
                if len(pair) == 2 and pair[1] in order and pair[0] is not pair[1]:
                    alike[pair[1]] = pair[0]
        value = node.op.value(node, operands)
        for v, shape in zip(node.outputs, node.op.symbolic_shapes(node, operands), strict=True):
            known[v] = Operand(shape, value)
    return first


def _always_computed(outputs: Sequence[Variable]) -> Iterator[Apply]:
    """Yield the nodes that are computed whatever the conditions of choices are."""
    waiting, seen = list(outputs), set[Variable]()
    while waiting:
        v = waiting.pop()
        if v not in seen and v.owner is not None:
            yield v.owner
            waiting += v.owner.inputs[:1] if isinstance(v.owner.op, IfElse) else v.owner.inputs
        seen.add(v)


def refuse_export(name: str, lacks: Iterable[Lacking], cause: Exception | None = None) -> NoReturn:
    """Raise UnsupportedError with all nodes of a function that a target has no place for.

    cause : what said so.
    """
    listed = list(lacks)
    listing = "".join(f"\n    {lack}" for lack in listed)
    raise UnsupportedError(
        f"{name} cannot be exported, for what is in it:{listing}",
        fix="write these parts with other ops, or give their values as arguments",
        reasons=(lack.reason for lack in listed),
    ) from cause


def export(
    f: Function,
    folder: str | PathLike[str],
    target: str = "c",
    name: str | None = None,
    **options: Any,
) -> list[Path]:
    """Write a function as files that run without gradcore; return their paths.

    f : the function.
    folder : where to; it is made if need be, and files of the same names are replaced.
    target : "c" (`docs/export.md`), "onnx" or "stablehlo" (`docs/howto/export_models.md`), or what
        plugins add.
    name : what to call it; by default ``f.name``, or what the folder is called.
    options : of the target.

    Shared variables that the function updates become *states*: arguments that a call replaces.
    Those that it only reads become constants.

    Raises UnsupportedError: the target cannot hold something, which is named with the line of the
    program that built it; GraphValueError: there is no such target, or the name is no identifier;
    GraphTypeError: the target takes no such option; UnavailableError: what the target needs is not
    installed.  Nothing is written then.

    >>> import pathlib, tempfile
    >>> import gradcore, gradcore.tensor as T
    >>> x = T.dvector("x")
    >>> f = gradcore.function([x], T.grad(T.sum(T.tanh(x)), x), name="slope")
    >>> paths = gradcore.export(f, tempfile.mkdtemp())
    >>> [path.name for path in paths]
    ['slope.h', 'slope.c', 'CMakeLists.txt']
    """
    exporters = registry().exporters
    if target not in exporters:
        fix = choices(target, exporters, "targets")
        raise GraphValueError(f"there is no target {target!r} to export to", here(), fix)
    exporter = exporters[target]
    if isinstance(exporter, str):
        try:
            exporter = pkgutil.resolve_name(exporter)
        except ImportError as error:
            raise UnavailableError(f"the target {target!r} cannot be used here: {error}") from None
    given = exportable(f, _named(f, Path(folder), name))
    try:
        inspect.signature(exporter).bind(given, **options)
    except TypeError as error:
        raise GraphTypeError(f"the target {target!r}: {error}", here()) from None
    with on_behalf_of(here()):
        texts: Mapping[str, str | bytes] = exporter(given, **options)
    root = Path(folder)
    root.mkdir(parents=True, exist_ok=True)
    for file, text in texts.items():
        root.joinpath(file).write_bytes(text if isinstance(text, bytes) else text.encode())
    return [root / file for file in texts]


def _named(f: Function, folder: Path, name: str | None) -> str:
    """Return what to call an exported function."""
    chosen = name or f.name or folder.resolve().name
    if name is None and f.name is None and not chosen.isidentifier():
        chosen = "function"
    if not (chosen.isidentifier() and chosen.isascii()) or keyword.iskeyword(chosen):
        raise GraphValueError(
            f"an exported function cannot be called {chosen!r}", here(), "name= takes an identifier"
        )
    return chosen


def exportable(f: Any, name: str) -> Exportable:
    """Return what there is to export of a function, under a name.

    Raises GraphTypeError: it is none; UnsupportedError: it does what only Python can do.
    """
    if not isinstance(f, Function):
        raise GraphTypeError(f"export takes a function of gradcore, not {f!r}", here())
    maker = f.maker
    if maker.mode.guard:
        raise UnsupportedError(
            f"a mode with a guard ({', '.join(maker.mode.guard)}) cannot be exported",
            here(),
            "compile the function without it: exported code checks no values",
        )
    new: dict[Variable, Variable] = {}
    taken: set[str] = set()
    arguments: list[Argument] = []
    states: list[Argument] = []
    updated: list[Variable] = []
    for k, (entry, value) in enumerate(zip(maker.inputs, f.input_storage, strict=True)):
        label = _unique(entry.keyword or f"x{k}", taken)
        if entry.update is None:
            arguments.append(Argument(entry.variable.type(label)))
            new[entry.variable] = arguments[-1].variable
        elif value is None:
            raise UnsupportedError(
                f"the input {entry.variable} is updated and has no value to start with", here()
            )
        else:
            states.append(_state(label, entry.converted(value, "export", k)))
            new[entry.variable] = states[-1].variable
            updated.append(entry.update)
    for v in maker.shared:
        if v in maker.updates:
            states.append(_state(_unique(v.name or f"state{len(states)}", taken), v.get_value()))
            new[v] = states[-1].variable
            updated.append(maker.updates[v])
        else:
            new[v] = Constant(v.get_value(), name=v.name)
    outputs = substitute([*maker.outputs, *updated], new)
    results = _results(f, taken)
    return Exportable(name, tuple(arguments), tuple(states), results, tuple(outputs), f)


def _state(name: str, value: Array) -> Argument:
    return Argument(TensorType(value.dtype.name, value.shape)(name), value)


def _results(f: Function, taken: set[str]) -> tuple[str, ...]:
    """Return names for what a function returns: keys, names of variables, or numbers."""
    outputs = f.maker.outputs
    form: Any = f.form
    keys: list[Any] = list(form) if isinstance(form, dict) else []  # pyright: ignore[reportUnknownArgumentType] - of any keys
    if len(keys) != len(outputs):
        keys = [v.name for v in outputs]
    plain = "out" if len(outputs) == 1 else "out{}"
    return tuple(
        _unique(key if isinstance(key, str) else plain.format(k), taken)
        for k, key in enumerate(keys)
    )


def _unique(name: str, taken: set[str]) -> str:
    """Return an identifier like ``name`` that is not taken yet, and take it."""
    plain = "".join(c if c.isascii() and c.isalnum() else "_" for c in name).strip("_") or "x"
    plain = f"x{plain}" if plain[0].isdigit() else plain
    found, k = plain, 1
    while found in taken:
        k += 1
        found = f"{plain}_{k}"
    taken.add(found)
    return found
