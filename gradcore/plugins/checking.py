"""The checks of what a plugin contributes: its ops, kernels, lowering rules and backends.

They are made when the plugin is read, without running what it contributes on anything: whatever is
wrong by its type alone is found before a function is compiled.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

from gradcore.backend import ArrayBackend, Backend
from gradcore.errors import GraphTypeError, PluginError, choices
from gradcore.graph import Apply, Op, TensorType, Variable
from gradcore.graph.nodes import as_variable
from gradcore.graph.op import Arg, Sample
from gradcore.graph.types import COMPLEX, DISCRETE, FLOATS
from gradcore.ops.catalogue import catalogue
from gradcore.ops.elementwise import Elementwise
from gradcore.plugins.faults import faults


# ops --------------------------------------------------------------------------------------------
def is_op(value: Any) -> bool:
    """Return whether a value is an op or a class of ops."""
    return isinstance(value, Op) or (isinstance(value, type) and issubclass(value, Op))


def check_op(op: Any) -> None:
    """Raise PluginError for what is no elementwise op or class of ops that can be tested."""
    if not is_op(op):
        raise PluginError(f"gradcore_ops returned {op!r}, which is no op")
    if isinstance(op, Elementwise):
        _check_row(op)
    elif isinstance(op, type):
        _check_samples(op)
    else:
        raise PluginError(
            f"gradcore_ops returned the op {op!r}",
            fix=f"return its class, {type(op).__name__}, which has samples",
        )


def _check_row(op: Elementwise) -> None:
    """Refuse an elementwise op that takes no numbers: no case of the suite would be made."""
    if len(op.domain) != op.operands:
        raise PluginError(f"{op.name} has {op.operands} operands, and a domain for {op.domain!r}")
    with faults(f"{op.name} cannot be applied"):
        taken = [dtype for dtype in ("float64", "int64", "bool") if _takes(op, dtype)]
    if not taken:
        raise PluginError(f"{op.name} takes neither floats nor integers nor booleans")


def _takes(op: Elementwise, dtype: str) -> bool:
    try:
        op.make_node(*(TensorType(dtype, (None,))() for _ in range(op.operands)))
    except GraphTypeError:
        return False
    return True


def _check_samples(op: type[Op]) -> None:
    """Refuse a class of ops whose samples are none: the suite could not run on any backend."""
    for what, declared in (("samples", op.samples), ("edges", op.edges)):
        with faults(f"{op.__name__} cannot return its {what}"):
            samples = list(declared())
        for sample in samples:
            _check_sample(op, sample, what)


def _check_sample(op: type[Op], sample: Any, what: str) -> None:
    if not isinstance(sample, Sample):
        raise PluginError(f"{op.__name__} has among its {what} {sample!r}, which is no sample")
    with faults(f"{op.__name__} cannot be applied to its {what}"):
        node: Any = sample.op.make_node(*map(_drawn, sample.operands))
    if not isinstance(node, Apply):
        raise PluginError(f"{op.__name__}.make_node returned {node!r}, which is no node")


def _drawn(arg: Arg) -> Variable:
    if arg.value is not None:
        return as_variable(arg.value)
    dtype = "float64" if arg.dtype == "float" else arg.dtype
    return TensorType(dtype, tuple(1 if n == 1 else None for n in arg.shape))()


def labels(op: Op | type[Op]) -> Collection[str]:
    """Return the labels of an elementwise op or of a class of ops, as far as its samples show.

    Raises PluginError: one is no name.

    >>> from gradcore.ops.reduce import ArgReduce
    >>> sorted(labels(ArgReduce))
    ['argmax', 'argmin']
    """
    if isinstance(op, Op):
        return {op.label()}
    with faults(f"{op.__name__} cannot return its label"):
        found: set[Any] = {sample.op.label() for sample in op.samples()} or {op.__name__.lower()}
    for label in found:
        if not isinstance(label, str) or not label:
            raise PluginError(f"{op.__name__} has a label {label!r}, which is no name")
    return found


@cache
def labels_of_core() -> Mapping[str, Op | type[Op]]:
    """Return the ops of the core by their labels."""
    return {label: op for op in catalogue() for label in labels(op)}


# exporters --------------------------------------------------------------------------------------
def check_exporters(table: Mapping[Any, Any]) -> None:
    """Raise PluginError for a table of exporters that are no functions, or have no names."""
    for name, exporter in table.items():
        if not isinstance(name, str) or not name:
            raise PluginError(f"gradcore_exporters returned a table with {name!r}, no name")
        if not (callable(exporter) or isinstance(exporter, str)):
            raise PluginError(
                f"gradcore_exporters returned, for {name!r}, {exporter!r}, which is no function",
                fix="its values are functions, or texts 'module:function'",
            )


# kernels and lowering rules ---------------------------------------------------------------------
def check_kernels(message: str, table: Mapping[Any, Any]) -> None:
    """Raise PluginError for a table of kernels whose keys are no ops, or its values no functions.

    message : whose table it is, with a verb.
    """
    for key, kernel in table.items():
        if not is_op(key):
            raise PluginError(
                f"{message} a table with {key!r}, which is no op",
                fix="its keys are ops (such as T.sin) and classes of ops",
            )
        if not callable(kernel):
            raise PluginError(f"{message}, for {key}, {kernel!r}, which is no function")


def check_lowerings(table: Mapping[Any, Any]) -> None:
    """Raise PluginError for a table whose keys are neither names nor classes of ops with rules."""
    for key, lowering in table.items():
        if isinstance(lowering, Mapping):
            raise PluginError(
                f"gradcore_lowerings returned, for {key!r}, a table",
                fix="a hook that takes `backend` returns what is for that backend",
            )
        if isinstance(key, str):
            continue
        if not (isinstance(key, type) and issubclass(key, Op)):
            raise PluginError(
                f"gradcore_lowerings returned a table with {key!r}",
                fix="its keys are classes of ops, and names of functions of libraries",
            )
        if not callable(lowering):
            raise PluginError(
                f"gradcore_lowerings returned, for {key}, {lowering!r}, which is no function"
            )


# backends ---------------------------------------------------------------------------------------
NAME = re.compile(r"\w[\w.-]*")
"""What the name of a backend looks like: it is a word of command lines and of modes."""


def checked_backend(backend: Backend) -> Backend:
    """Return a backend, after checking what it says of itself.

    Raises PluginError: its name, its dtypes or its kernels are none.
    """
    name: Any = getattr(backend, "name", None)
    if not isinstance(name, str) or not name:
        raise PluginError(
            f"gradcore_backends returned {type(backend).__name__}, which has no name"
            + ("" if name is None else f": its name is {name!r}"),
            fix='give its class a name: name = "..."',
        )
    if not NAME.fullmatch(name):
        raise PluginError(
            f"gradcore_backends returned {type(backend).__name__}, whose name is {name!r}",
            fix="a name has letters, digits, dots, dashes and underscores",
        )
    if isinstance(backend, ArrayBackend):
        kernels: Any = backend.kernels
        if not isinstance(kernels, Mapping):
            raise PluginError(f"the kernels of the backend {name!r} are {kernels!r}, no table")
        check_kernels(f"the backend {name!r} has", kernels)  # pyright: ignore[reportUnknownArgumentType] - of anything
    dtypes: Any = backend.dtypes
    if isinstance(dtypes, str) or not isinstance(dtypes, Collection):
        raise PluginError(f"the dtypes of the backend {name!r} are {dtypes!r}, not a set of names")
    known = (*DISCRETE, *FLOATS, *COMPLEX)
    for dtype in map(str, dtypes):  # pyright: ignore[reportUnknownArgumentType] - of anything
        if dtype not in known:
            raise PluginError(
                f"the backend {name!r} names a dtype {dtype!r} that there is not",
                fix=choices(dtype, known, "dtypes"),
            )
    return backend
