"""The pipeline of a graph from ``function(...)`` to a backend: a table of steps.

====================  ==============================================================================
step                  what it does to the graph
====================  ==============================================================================
`marks_dropped`       what derivatives alone see goes (`Op.mark`)
`lifted`              shape checks are made on the arguments, where they can be (`rewrite.checks`)
`closed`              shared variables become inputs; what is missing is an error
`equations_known`     equations of special complex matrices (`rewrite.complex_equations`)
`in_real_numbers`     complex tensors become two real ones (`compile.parts`)
`rewritten`           the stages of the mode run, by default `gradcore.rewrite.STAGES`
`still_required`      errors that rewriting lost come back as assertions (`rewrite.requirements`)
`branches_enclosed`   what only one branch needs runs if it is taken (`rewrite.branches`)
`legal`               ops that the backend lacks are replaced by ops that it has (`legalize`)
====================  ==============================================================================

Then the backend gets it: generated code goes on with the tables of `gradcore.kernel.pipeline`.

The decision: a step takes the one graph that is being compiled further, and each caller lists in a
table the steps that it wants; no step calls the next.  The stages of rewriting are a table of
their own (`gradcore.rewrite`), since a `Mode` chooses among them and plugins add rules to them; the
steps around them always run, for without them a graph is wrong or does not run at all.
Rejected: these steps as stages of the optimizer, which ``optimizer=False`` would switch off.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from typing import TypeAlias

from gradcore.backend import Backend, Lacking
from gradcore.compile.legalize import legalized
from gradcore.compile.parts import in_parts
from gradcore.errors import MissingInputError
from gradcore.graph import (
    Constant,
    FunctionGraph,
    Variable,
    ancestors,
    free_inputs,
    here,
    substitute,
)
from gradcore.graph.nodes import bare
from gradcore.graph.tagged_values import without_test_values
from gradcore.graph.traverse import unmarked
from gradcore.mode import Mode
from gradcore.progress import stage
from gradcore.rewrite import Trace, complex_equations
from gradcore.rewrite.branches import enclose_branches
from gradcore.rewrite.checks import SameShape, lift_checks
from gradcore.rewrite.requirements import keep_requirements
from gradcore.rewrite.stages import run_all
from gradcore.shared import SharedVariable


class Compilation:
    """A graph on its way to a backend.

    inputs, outputs : what the user asked for, and, once it is closed, the shared variables.
    more : shared variables that are inputs in any case: those that are updated.
    mode, backend : how it is compiled.
    written : the graph once it is closed, as the user wrote it.
    graph : the graph as far as it has come.
    shared : the shared variables among its inputs.
    checks : which arguments must have one shape.
    lacks : what the backend has nothing for.
    trace : which rules fired.
    """

    written: FunctionGraph
    graph: FunctionGraph

    def __init__(
        self,
        inputs: Sequence[Variable],
        outputs: Sequence[Variable],
        mode: Mode,
        backend: Backend,
        more: Iterable[SharedVariable] = (),
    ) -> None:
        self.inputs = tuple(inputs)
        self.outputs = list(outputs)
        self.mode = mode
        self.backend = backend
        self.more = tuple(more)
        self.shared: list[SharedVariable] = []
        self.checks: list[SameShape] = []
        self.lacks: list[Lacking] = []
        self.trace: Trace = []

    def through(self, steps: Sequence[Step]) -> Compilation:
        """Take each step in turn, and return itself."""
        with _collection_paused(), without_test_values():
            for step in steps:
                stage(step.__name__.replace("_", " "))
                step(self)
        return self


Step: TypeAlias = Callable[[Compilation], None]
"""What takes a graph further."""


# the steps --------------------------------------------------------------------------------------
def marks_dropped(it: Compilation) -> None:
    """Drop what derivatives alone see: they have been taken."""
    it.outputs = unmarked(it.outputs, set(it.inputs))


def lifted(it: Compilation) -> None:
    """Move checks to the arguments."""
    shared = _shared(it.outputs)
    it.outputs, it.checks = lift_checks(it.outputs, {*it.inputs, *shared})


def closed(it: Compilation) -> None:
    """Make the shared variables inputs, and a graph of what is asked for.

    Raises MissingInputError: an output needs what is not given.
    """
    it.shared = list(dict.fromkeys((*_shared(it.outputs), *it.more)))
    it.inputs = tuple(dict.fromkeys((*it.inputs, *it.shared)))
    refuse_missing(it.outputs, set(it.inputs))
    it.written = it.graph = FunctionGraph(it.inputs, tuple(_bare(it.outputs)))


def equations_known(it: Compilation) -> None:
    """Take the cheap way with equations of complex matrices, if the mode has that of real ones."""
    if any(stage.name == "equations" for stage in it.mode.stages()):
        it.graph = complex_equations.rewritten(it.graph, it.trace, it.mode.reassociate)


def in_real_numbers(it: Compilation) -> None:
    """Write complex arithmetic with real numbers."""
    if it.graph is it.written:
        it.written = it.graph = in_parts(it.graph)
        return
    outputs, count = (*it.written.outputs, *it.graph.outputs), len(it.written.outputs)
    both = in_parts(FunctionGraph(it.graph.inputs, outputs)).outputs
    it.written, it.graph = (
        FunctionGraph(it.graph.inputs, each) for each in (both[:count], both[count:])
    )


def rewritten(it: Compilation) -> None:
    """Run the stages of the mode."""
    it.graph = run_all(it.mode.stages(), it.graph, it.trace, it.mode.reassociate)


def still_required(it: Compilation) -> None:
    """Bring back the errors that rewriting lost."""
    it.graph = keep_requirements(it.written, it.graph, it.mode.stages())


def branches_enclosed(it: Compilation) -> None:
    """Let a branch run only if it is taken."""
    it.graph = enclose_branches.run(it.graph, it.trace)


def legal(it: Compilation) -> None:
    """Write what the backend has nothing for with what it has."""
    it.graph, it.lacks = legalized(it.graph, it.backend, it.mode.stages(), it.trace)


# the tables -------------------------------------------------------------------------------------
CLOSED: tuple[Step, ...] = (
    marks_dropped,
    closed,
    equations_known,
    in_real_numbers,
    rewritten,
    still_required,
    branches_enclosed,
    legal,
)
"""For a graph whose arguments nobody checks: a function of another library."""

FUNCTION: tuple[Step, ...] = (marks_dropped, lifted, *CLOSED[1:])
"""For ``function(...)``: all that happens between the user's graph and the backend."""

AS_WRITTEN: tuple[Step, ...] = (marks_dropped, closed, in_real_numbers, branches_enclosed)
"""For what a compiled function is compared with: no rule has touched it."""


# closing ----------------------------------------------------------------------------------------
def _shared(variables: Sequence[Variable]) -> list[SharedVariable]:
    return [v for v in free_inputs(variables) if isinstance(v, SharedVariable)]


def _bare(outputs: Sequence[Variable]) -> list[Variable]:
    """Return ``outputs`` with constants as they print in a compiled graph."""
    constants: dict[Variable, Variable] = {
        v: bare(v) for v in ancestors(outputs) if isinstance(v, Constant)
    }
    return substitute(outputs, constants)


def refuse_missing(outputs: Sequence[Variable], given: set[Variable]) -> None:
    """Raise MissingInputError if ``outputs`` need what is not given."""
    leaves = [v for v in ancestors(outputs, given) if v.owner is None]
    missing = [v for v in free_inputs(leaves) if v not in given]
    if missing:
        named = ", ".join(f"{v} ({v.type})" for v in missing)
        raise MissingInputError(
            f"the outputs need {named}, which is not among the inputs",
            here(),
            "add it to the inputs, or give it a value with givens or shared",
        )


@contextmanager
def _collection_paused() -> Generator[None]:
    """Stop the garbage collector from scanning, again and again, a graph that is being made."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
