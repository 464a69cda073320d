"""What a backend promises, checked: a backend that breaks its contract is named with its plugin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradcore.backend import Backend, Executable, Lacking, lacking
from gradcore.errors import GradcoreError, PluginError
from gradcore.graph import FunctionGraph, here
from gradcore.plugins import registry


def breach(backend: Backend, what: str) -> PluginError:
    """Return the error for a backend that breaks its contract."""
    described = registry().described(backend.name)
    fix = "what a backend promises is in gradcore.backend.Backend"
    return PluginError(f"{described} breaks its contract: {what}", here(), fix)


def lacked(backend: Backend, graph: FunctionGraph) -> list[Lacking]:
    """Return the nodes of ``graph``, and of the graphs inside its ops, that ``backend`` lacks.

    Raises PluginError: it does not say why.
    """
    try:
        lacks = lacking(backend, graph)
    except Exception as error:
        if not isinstance(error, GradcoreError):
            error.add_note(f"while {registry().described(backend.name)} was asked what it lacks")
        raise
    for lack in lacks:
        if not isinstance(lack.reason, str):  # pyright: ignore[reportUnnecessaryIsInstance] - a plugin's
            raise breach(backend, f"`missing` returned {lack.reason!r}, no sentence or None")
    return lacks


def compiled(backend: Backend, graph: FunctionGraph, *arguments: Any) -> Executable:
    """Return the function that the backend makes of ``graph``.

    Raises PluginError: it is no function.
    """
    try:
        run = backend.compile(graph, *arguments)
    except Exception as error:
        if not isinstance(error, GradcoreError):
            error.add_note(f"while {registry().described(backend.name)} compiled a graph")
        raise
    if not callable(run):
        raise breach(backend, f"`compile` returned {run!r}, which is no function")
    return run


def check_results(backend: Backend, results: Any, wanted: int, shown: int) -> None:
    """Raise PluginError if what a backend's function returned is not a list of arrays.

    wanted : how many it must return.
    shown : how many of these, from the first on, go to the caller: arrays of any library.
    """
    if not isinstance(results, Sequence):
        what = f"its function returned {results!r}, not a list of {wanted} arrays"
        raise breach(backend, what)
    found: list[Any] = list(results)  # pyright: ignore[reportUnknownArgumentType] - of anything
    if len(found) != wanted:
        what = f"its function returned {len(found)} values for {wanted} outputs"
        raise breach(backend, what)
    for k, value in enumerate(found[:shown]):
        if not (hasattr(value, "dtype") and hasattr(value, "shape")):
            what = f"its function returned {value!r} as output {k}, which is no array"
            raise breach(backend, what)
