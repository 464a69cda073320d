"""Which node made the first NaN, infinity or huge value: `Mode.guard` and ``config.nan``.

After a call the results are looked at, as the backend has them.  If one has what is an error, the
graph as it was written runs again on the reference, node by node, and from the bad result it is
gone back, through operands that are bad already, to the node whose operands are not: that one is
named, with its line and its operands; in the body of a loop, with the step.  If the reference makes
nothing bad of the same arguments, the graph that runs is compiled once more for the backend, so
that it returns what every node makes, and that is gone back through.  Updates are not stored.

The decision: results alone are looked at while all is well, which costs a pass over each and keeps
a function as fast as its backend, on every backend.  So what never reaches a result (the branch of
a ``switch`` that is not taken) is no error.  Rejected: looking at each node's output, as Theano's
NanGuardMode does, which must give up fusion, and finds what nobody reads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from gradcore.errors import NonFiniteError
from gradcore.execute import by_reference
from gradcore.graph import Apply, Constant, FunctionGraph, Variable
from gradcore.graph.types import Array
from gradcore.ops.control import Conditional
from gradcore.ops.scan import Scan

HUGE = 1e10
"""From what on a value is huge, as in Theano's NanGuardMode."""


def _huge(x: Array) -> Array:
    return np.isfinite(x) & (np.abs(x) > HUGE)


TESTS: dict[str, Callable[[Array], Array]] = {"nan": np.isnan, "inf": np.isinf, "big": _huge}
"""What may be an error, and where an array has it."""


class Guard:
    """What looks for values that are errors.

    kinds : which are: "nan", "inf", "big".
    """

    def __init__(self, kinds: Sequence[str]) -> None:
        self.kinds = tuple(kinds)

    def where(self, value: Any) -> Array | None:
        """Return where an array has a value that is an error; None: nowhere."""
        array: Array = np.asarray(value)
        if array.dtype.kind not in "fc":
            return None
        with np.errstate(all="ignore"):
            found = np.zeros(array.shape, bool)
            for kind in self.kinds:
                found |= TESTS[kind](array)
        return found if found.any() else None

    def check(
        self,
        label: str,
        graphs: Sequence[FunctionGraph],
        values: Sequence[Any],
        results: Any,
        compiled: Callable[[FunctionGraph], Callable[..., Sequence[Any]]],
    ) -> None:
        """Raise NonFiniteError if a result has a value that is an error.

        label : what to call the function.
        graphs : what may have made it: the graph as written, then the one that runs.
        values : of the inputs of the graphs, as NumPy's arrays.
        compiled : makes of a graph a function on the backend, of NumPy's arrays.
        """
        bad = next((k for k, value in enumerate(results) if self.where(value) is not None), None)
        if bad is None:
            return
        for graph in graphs:
            self._trace(label, graph.outputs[bad], computed(graph, values), "")
        graph = graphs[-1]
        every = FunctionGraph(graph.inputs, graph.variables)
        known = dict(zip(graph.variables, compiled(every)(*values), strict=True))
        self._trace(label, graph.outputs[bad], known, ", by the kernels of the backend alone")
        owner = graphs[0].outputs[bad].owner
        raise NonFiniteError(
            f"{label}: output {bad} has {self._named(results[bad])}, which the reference does not "
            "make of the same arguments",
            None if owner is None else owner.where,
        )

    # finding ------------------------------------------------------------------------------------
    def _trace(self, label: str, output: Variable, known: dict[Variable, Any], when: str) -> None:
        """Raise NonFiniteError that names what made a bad output; return, if it is not bad."""
        if self.where(known[output]) is not None:
            self._blame(label, output, known, when)

    def _blame(self, label: str, v: Variable, known: dict[Variable, Any], when: str) -> None:
        """Raise NonFiniteError that names the node that made a bad value."""
        while v.owner is not None:
            bad = [x for x in v.owner.inputs if self.where(known[x]) is not None]
            if not bad:
                self._inside(label, v.owner, known, when)
                self._refuse(label, v, known, when)
            v = bad[0]
        kind = "constant" if isinstance(v, Constant) else "argument"
        raise NonFiniteError(
            f"{label}: the {kind} {v} has {self._named(known[v])}{when}, which reaches a result"
        )

    def _inside(self, label: str, node: Apply, known: dict[Variable, Any], when: str) -> None:
        """Raise NonFiniteError that names what in the graph of a node made a bad value."""
        operands = [known[v] for v in node.inputs]
        if isinstance(node.op, Scan):
            step = _Steps(self, label, node.op.body, f"{when} at step {{}} of {node.op.label()}")
            node.op.loop(step)(*operands)
        elif isinstance(node.op, Conditional):
            condition, *rest = operands
            graph = node.op.then if condition else node.op.orelse
            inner = computed(graph, rest)
            for v in graph.outputs:
                if self.where(inner[v]) is not None:
                    self._blame(label, v, inner, when)

    def step(self, label: str, body: FunctionGraph, values: Sequence[Any], when: str) -> Any:
        """Return the outputs of a step; raise NonFiniteError where the first is bad."""
        known = computed(body, values)
        for v in body.outputs:
            if self.where(known[v]) is not None:
                self._blame(label, v, known, when)
        return tuple(known[v] for v in body.outputs)

    # saying -------------------------------------------------------------------------------------
    def _named(self, value: Any) -> str:
        """Return which value is bad, and where the first is."""
        array: Array = np.asarray(value)
        found = self.where(array)
        assert found is not None
        at = tuple(map(int, np.argwhere(found)[0]))
        return f"{array[at]}" + (f" at {at}" if at else "")

    def _refuse(self, label: str, v: Variable, known: dict[Variable, Any], when: str) -> None:
        node = v.owner
        assert node is not None
        operands = "; ".join(_described(x, known[x]) for x in node.inputs)
        raise NonFiniteError(
            f"{label}: {node.op} gives {self._named(known[v])}{when}, of {operands}",
            node.where,
            "it is the first such value on the way to a result",
        )


class _Steps:
    """The body of a loop, as what a `Scan` calls at each step."""

    def __init__(self, guard: Guard, label: str, body: FunctionGraph, when: str) -> None:
        self._run = partial(guard.step, label, body)
        self._when = when
        self._taken = 0

    def __call__(self, *values: Any) -> tuple[Any, ...]:
        taken, self._taken = self._taken, self._taken + 1
        return self._run(values, self._when.format(taken))


def computed(graph: FunctionGraph, values: Sequence[Any]) -> dict[Variable, Any]:
    """Return the values of all variables of a graph, by the reference."""
    every = FunctionGraph(graph.inputs, graph.variables)
    with np.errstate(all="ignore"):
        found = by_reference(every)(*values)
    known = dict(zip(graph.variables, found, strict=True))
    known.update(zip(graph.inputs, values, strict=True))
    return known


def _described(v: Variable, value: Any) -> str:
    """Return an operand in short: its value, or its shape and what it ranges over."""
    array: Array = np.asarray(value)
    if array.size <= 1:
        return f"{v} = {array.tolist()}"
    low, high = array.min(), array.max()
    return f"{v} of shape {array.shape}, {low} ... {high}"
