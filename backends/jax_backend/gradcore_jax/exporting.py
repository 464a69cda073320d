"""Export to StableHLO: a function as a program of XLA's dialect of MLIR, by ``jax.export``.

``NAME.mlir`` is its text, ``NAME.stablehlo`` its portable bytes, which XLA's runtimes load (PJRT,
IREE, TensorFlow), and ``NAME.jax`` the same with its signature, for ``jax.export.deserialize``.
``NAME.json`` says what it takes and returns.  Results are those of the function, and then the new
values of states.

The decision: extents that the graph does not know are *symbolic* in the program, one name for each,
so that one program serves all; where the graph computes with an extent, which must be a number
when XLA's program is made, the user gives the shapes.  What calls back into Python is refused.
Rejected: to try each call's shapes in turn, as functions do, for there is nobody to compile them.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from gradcore.backend import Lacking
from gradcore.errors import GraphValueError, choices
from gradcore.execute import NODE
from gradcore.exporting import Exportable, refuse_export
from gradcore.graph import Apply, FunctionGraph, here, inner_graphs
from gradcore.plugins import registry
from gradcore_jax.backend import JaxBackend
from gradcore_jax.host import of_matrices
from gradcore_jax.kernels import KERNELS
from gradcore_jax.scalars import ON_HOST
from gradcore_jax.tracing import UntraceableError, is_opaque, is_symbolic, jax, strong

export: Any = importlib.import_module("jax.export")

Shapes = Mapping[str, Sequence[int | str]]
"""Shapes of arguments, by name; an extent may be a name."""


def export_stablehlo(
    given: Exportable, shapes: Shapes | None = None, platforms: Sequence[str] = ("cpu",)
) -> dict[str, str | bytes]:
    """Return the files of a function in StableHLO: NAME.mlir, .stablehlo, .jax and .json.

    shapes : the shapes of arguments, by name, where their types leave extents open; an extent may
        be a name, which stands for one number wherever it is written.
    platforms : what the program is for, as JAX names them: "cpu", "cuda", "rocm", "tpu".

    Raises UnsupportedError: an op calls back into Python, or computes with an extent that is not
    known; GraphValueError: shapes are of no argument, or do not fit.
    """
    found = registry().backend("jax")
    backend = found if isinstance(found, JaxBackend) else JaxBackend()
    graph = given.graph(backend)
    if calling := list(_calling(graph)):
        refuse_export(given.name, calling)
    wanted = _checked(given, dict(shapes or {}))
    dtypes = [v.dtype for v in graph.outputs]
    with backend.scope():
        run = backend.runner(graph)
        taken = _structs(given, wanted)

        def program(*arrays: Any) -> list[Any]:
            return list(map(strong, run(*arrays), dtypes))

        try:
            made = export.export(jax.jit(program), platforms=list(platforms))(*taken)
        except Exception as error:
            node = getattr(error, NODE, None) or getattr(error, "node", None)
            reason = error.what if isinstance(error, UntraceableError) else None
            if any(is_symbolic(struct.shape) for struct in taken):
                reason = (
                    "it computes with an extent that is not known: export(..., shapes=) takes it"
                )
            if node is None or reason is None:
                raise
            refuse_export(given.name, [Lacking(node, reason)], error)
        text = made.mlir_module()
    return {
        f"{given.name}.mlir": text,
        f"{given.name}.stablehlo": bytes(made.mlir_module_serialized),
        f"{given.name}.jax": bytes(made.serialize()),
        f"{given.name}.json": _signature(given, made),
    }


def _calling(graph: FunctionGraph) -> list[Lacking]:
    """Return the nodes that call back into Python, those of graphs inside of nodes too."""
    found: list[Lacking] = []
    for node in graph.nodes:
        within = [lack for inner in inner_graphs(node.op) for lack in _calling(inner)]
        found += within
        if not within and (is_opaque(node) or _on_host(node)):
            found.append(Lacking(node, "it calls Python, which is not there"))
    return found


def _on_host(node: Apply) -> bool:
    """Return whether the kernel of a node calls the reference back."""
    return node.op in ON_HOST or KERNELS.get(type(node.op)) is of_matrices


def _checked(given: Exportable, shapes: dict[str, Sequence[int | str]]) -> Shapes:
    """Return ``shapes``; raise GraphValueError if they are not those of arguments."""
    arguments = {a.name: a for a in given.arguments}
    for name, shape in shapes.items():
        if name not in arguments:
            raise GraphValueError(
                f"{given.name} has no argument {name!r}", here(), choices(name, arguments, "it has")
            )
        type = arguments[name].variable.type
        fits = len(shape) == type.ndim and all(
            known is None or n == known for n, known in zip(shape, type.shape, strict=True)
        )
        if not fits:
            raise GraphValueError(f"{name} is {type}, it cannot have shape {shape}", here())
    return shapes


def _structs(given: Exportable, shapes: Shapes) -> list[Any]:
    """Return what stands for arguments and states while the program is traced."""
    scope = export.SymbolicScope()
    found: list[Any] = []
    for argument, known in zip((*given.arguments, *given.states), given.extents(), strict=True):
        spelled = ", ".join(map(str, shapes.get(argument.name, known)))
        shape = export.symbolic_shape(spelled, scope=scope) if spelled else ()
        found.append(jax.ShapeDtypeStruct(shape, argument.variable.type.dtype))
    return found


def _signature(given: Exportable, made: Any) -> str:
    """Return what a program takes and returns, as JSON."""
    taken = [*given.arguments, *given.states]
    names = [*given.results, *(f"new {state.name}" for state in given.states)]
    signature = {
        "name": given.name,
        "platforms": list(made.platforms),
        "arguments": [_described(a.name, v) for a, v in zip(taken, made.in_avals, strict=True)],
        "results": [_described(n, v) for n, v in zip(names, made.out_avals, strict=True)],
        "states": {
            state.name: {
                "result": len(given.results) + k,
                "initial": None if state.initial is None else state.initial.tolist(),
            }
            for k, state in enumerate(given.states)
        },
    }
    return json.dumps(signature, indent=1) + "\n"


def _described(name: str, aval: Any) -> dict[str, Any]:
    shape = [n if isinstance(n, int) else str(n) for n in aval.shape]
    return {"name": name, "dtype": str(aval.dtype), "shape": shape}
