"""Making a function: what was asked for, the graph that runs, and what runs it."""

from __future__ import annotations

import pkgutil
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter

from gradcore.backend import Backend, Executable, Lacking, Profile, refuse
from gradcore.compile.arguments import In
from gradcore.compile.pipeline import AS_WRITTEN, FUNCTION, Compilation
from gradcore.compile.promises import compiled
from gradcore.errors import (
    CacheError,
    GraphTypeError,
    UnavailableWarning,
    UnusedInputError,
)
from gradcore.graph import (
    FunctionGraph,
    Variable,
    ancestors,
    here,
)
from gradcore.mode import REFERENCE, Mode
from gradcore.rewrite import Trace
from gradcore.rewrite.checks import SameShape
from gradcore.shared import SharedVariable


@dataclass(frozen=True)
class FunctionMaker:
    """What a function was compiled from and to.

    inputs, outputs, updates : what the user asked for, givens put in.
    shared : the shared variables that it reads.
    checks : which inputs must have one shape.
    mode, backend : how it was compiled.
    fgraph : the graph that runs: its inputs, then the shared variables; its outputs, then the new
        values of the updates.
    trace : which rule fired where.
    seconds : how long it took to make.
    fallback : the nodes that the backend lacks and the reference runs, each with the reason.
    remarks : what there is to say about how the graph will run: why a better backend cannot, and
        what the backend reports.
    """

    inputs: tuple[In, ...]
    outputs: tuple[Variable, ...]
    updates: Mapping[SharedVariable, Variable]
    shared: tuple[SharedVariable, ...]
    checks: tuple[SameShape, ...]
    mode: Mode
    backend: Backend
    fgraph: FunctionGraph
    trace: Trace
    seconds: float
    fallback: tuple[Lacking, ...]
    remarks: tuple[str, ...]


def make(
    inputs: Sequence[In],
    outputs: Sequence[Variable],
    updates: Mapping[SharedVariable, Variable],
    mode: Mode,
    on_unused_input: str,
) -> FunctionMaker:
    """Return the graph that runs, and all that it was made from.

    Raises MissingInputError, UnusedInputError, ModeError, UnavailableError.
    """
    start = perf_counter()
    backend = mode.resolved_backend()
    variables = [entry.variable for entry in inputs]
    stored = [entry.update for entry in inputs if entry.update is not None]
    results = [*outputs, *updates.values(), *stored]
    made = Compilation(variables, results, mode, backend, updates).through(FUNCTION)
    _refuse_unused(variables, results, on_unused_input)
    if made.lacks and mode.fallback is None:
        refuse(backend, made.lacks)
    return FunctionMaker(
        tuple(inputs),
        tuple(outputs),
        dict(updates),
        tuple(made.shared),
        tuple(made.checks),
        mode,
        backend,
        made.graph,
        made.trace,
        perf_counter() - start,
        tuple(made.lacks),
        (*_passed_over(mode, backend), *backend.remarks(made.graph)),
    )


_noticed: set[str] = set()


def _passed_over(mode: Mode, backend: Backend) -> Sequence[str]:
    """Return why a better backend does not run; each reason is also a warning, once a process."""
    reasons = mode.passed_over()
    for reason in reasons:
        _notice(reason, backend)
    return reasons


def _notice(reason: str, backend: Backend) -> None:
    if reason not in _noticed:
        _noticed.add(reason)
        sentence = f"{reason}; functions without a mode run on {backend.name!r}, which is slower"
        file, line, *_ = here() or ("gradcore", 0, "")
        warnings.warn_explicit(sentence, UnavailableWarning, file, line)


def _refuse_unused(inputs: Sequence[Variable], outputs: Sequence[Variable], policy: str) -> None:
    if policy not in ("raise", "warn", "ignore"):
        raise GraphTypeError(f"on_unused_input is raise, warn or ignore, not {policy!r}", here())
    if policy == "ignore":
        return
    used = set(ancestors(outputs, set(inputs)))
    for position, variable in enumerate(inputs):
        if variable not in used:
            what = f"input {position} ({variable}) is not used by any output or update"
            if policy == "raise":
                raise UnusedInputError(
                    what, here(), "leave it out, or pass on_unused_input='ignore'"
                )
            warnings.warn(what, stacklevel=4)


def as_written(maker: FunctionMaker) -> FunctionGraph:
    """Return the graph of what the user asked for, which no stage has rewritten.

    A branch runs if it is taken, as in what was rewritten.
    """
    stored = [entry.update for entry in maker.inputs if entry.update is not None]
    results = [*maker.outputs, *maker.updates.values(), *stored]
    return (
        Compilation(maker.fgraph.inputs, results, maker.mode, maker.backend)
        .through(AS_WRITTEN)
        .graph
    )


def made_to_run(maker: FunctionMaker, profile: Profile | None) -> tuple[FunctionMaker, Executable]:
    """Return what runs the graph, and the maker that it is of.

    Without a mode, the reference runs what cannot be saved: the cache may be read-only or full.
    """
    try:
        return maker, executable(maker, profile)
    except CacheError as error:
        if maker.mode.backend is not None:
            raise
        reason = f"the backend {maker.backend.name!r} cannot keep what it compiles: {error.what}"
    mode = Mode(
        REFERENCE, maker.mode.optimizer, maker.mode.debug, None, maker.mode.reassociate,
        maker.mode.guard,
    )  # fmt: skip
    other = make(maker.inputs, maker.outputs, maker.updates, mode, "ignore")
    _notice(reason, other.backend)
    other = replace(other, mode=maker.mode, remarks=(reason, *other.remarks))
    return other, executable(other, profile)


def executable(maker: FunctionMaker, profile: Profile | None) -> Executable:
    """Return what runs the graph; in a debugging mode it runs the graph as written, too."""
    backend = maker.backend
    run = compiled(backend, maker.fgraph, profile, [lack.node for lack in maker.fallback])
    if not maker.mode.debug:
        return run
    written = as_written(maker)
    plain = Mode(REFERENCE).resolved_backend().compile(written)
    lacks = [lack.node for lack in maker.fallback]
    again, each = partial(_rewritten, maker), maker.mode.debug == "each"
    debugged = pkgutil.resolve_name("gradcore.compile.debug:Debugged")  # loaded by who debugs
    return debugged(
        maker.fgraph, backend, maker.mode.options, lacks, run, written, plain, again, each
    )


def _rewritten(maker: FunctionMaker) -> None:
    """Take the graph to the backend once more."""
    stored = [entry.update for entry in maker.inputs if entry.update is not None]
    results = [*maker.outputs, *maker.updates.values(), *stored]
    variables = [entry.variable for entry in maker.inputs]
    Compilation(variables, results, maker.mode, maker.backend, maker.updates).through(FUNCTION)
