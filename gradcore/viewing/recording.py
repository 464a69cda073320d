"""A graph compiled again, for its history: each step of the pipeline, each stage, each firing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gradcore.backend import Backend
from gradcore.compile import Function
from gradcore.compile.pipeline import FUNCTION, Compilation, Step, rewritten
from gradcore.errors import Location
from gradcore.graph import FunctionGraph, Variable, free_inputs, on_behalf_of
from gradcore.mode import Mode, get_mode
from gradcore.rewrite.rules import Replaced, watching
from gradcore.rewrite.stages import stages_in_turn
from gradcore.shared import SharedVariable
from gradcore.viewing.history import History

NOWHERE = Location("", 0, "")
"""What has built nodes that no line of the user's has: not the line that looks at the graph."""


def history_of_function(f: Function) -> History:
    """Return the history of a function's graph, from what was asked for to what runs."""
    maker = f.maker
    variables = [entry.variable for entry in maker.inputs]
    stored = [entry.update for entry in maker.inputs if entry.update is not None]
    results = [*maker.outputs, *maker.updates.values(), *stored]
    history, _ = _compiled_again(variables, results, maker.mode, maker.backend, maker.updates)
    history.stands(maker.fgraph.outputs, "as compiled")
    return history


def history_of_variables(outputs: Sequence[Variable]) -> tuple[History, FunctionGraph, Backend]:
    """Return the history of a graph that nobody compiles, as it would be without a mode."""
    mode = get_mode(None)
    backend = mode.resolved_backend()
    given = [v for v in free_inputs(outputs) if not isinstance(v, SharedVariable)]
    history, graph = _compiled_again(given, outputs, mode, backend, ())
    return history, graph, backend


def _compiled_again(
    inputs: Sequence[Variable],
    outputs: Sequence[Variable],
    mode: Mode,
    backend: Backend,
    more: Iterable[SharedVariable],
) -> tuple[History, FunctionGraph]:
    """Return the history of a graph, and what becomes of it."""
    history = History()
    history.starts(outputs)
    it = Compilation(inputs, outputs, mode, backend, more)
    fired = 0

    def seen(change: Replaced) -> None:
        nonlocal fired
        if len(it.trace) > fired:  # else it is part of what a step tries out by itself
            fired = len(it.trace)
            history.fired(change)

    with watching(seen), on_behalf_of(NOWHERE):
        it.through([_seen(step, history) for step in FUNCTION])
    return history, it.graph


def _seen(step: Step, history: History) -> Step:
    """Return a step of the pipeline after which the history knows what has become of the graph."""
    name = step.__name__.replace("_", " ")

    def seen(it: Compilation) -> None:
        if step is rewritten:
            stages = it.mode.stages()
            for stage, graph in stages_in_turn(stages, it.graph, it.trace, it.mode.reassociate, {}):
                it.graph = graph
                history.stands(graph.outputs, stage.name)
            return
        step(it)
        graph = getattr(it, "graph", None)
        history.stands(it.outputs if graph is None else graph.outputs, name)

    seen.__name__ = step.__name__
    return seen
