"""``Mode(debug=True)``: each call is compared with the graph as it was written, on the reference.

Where results differ, what made the first difference is looked for, and named with the user's line
and a program to paste:

1. rules and passes: the graph is rewritten again, and what each rule replaces is computed of the
   arguments on the reference, before and after it;
2. kernels: the graph that runs is computed node by node on the reference, and each node on the
   backend, of the same operands, also at the steps of loops and in branches;
3. fusion: the graph is compiled up to one node after the other.

A rule that declares that it is nearer to the formula, or what it does at infinities and NaN
(`gradcore.rewrite.changes`), may differ there, and what follows from that is no error.

The decision: results are compared in each call, and all else only where they differ, or in the
first call with ``debug="each"``.  Rejected: each node of each call, as Theano's DebugMode does it,
which takes hundreds of times as long and compiles each node by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcore.backend import Backend, Executable
from gradcore.compile.guard import computed
from gradcore.compile.inside import Place, inner, within
from gradcore.compile.promises import compiled
from gradcore.compile.snippets import program_of
from gradcore.dtypes import DTYPES
from gradcore.errors import DebugModeError, GradcoreError, Location
from gradcore.graph import Apply, Array, Constant, FunctionGraph, Variable, ancestors
from gradcore.graph.declaration import performs
from gradcore.rewrite.rules import Replaced, watching


@dataclass
class Debugged:
    """What runs a graph, and compares (`gradcore.backend.Executable`).

    graph : the graph that runs.
    backend, options : what it runs on.
    fallback : the nodes that the backend lacks.
    run : what runs it.
    written, plain : the graph as it was written, and what runs that, on the reference.
    rewrite : rewrites the graph again.
    each : whether the first call looks at each rule and kernel.
    """

    graph: FunctionGraph
    backend: Backend
    options: Sequence[tuple[str, Any]]
    fallback: Sequence[Apply]
    run: Executable
    written: FunctionGraph
    plain: Executable
    rewrite: Callable[[], Any]
    each: bool = False

    def __call__(self, *values: Any) -> Sequence[Any]:
        """Return the results; raise DebugModeError if they are others than as written."""
        arrays = [self.array(v) for v in values]
        found, expected = self.run(*values), self.plain(*arrays)
        if self.each:
            self.each = False
            self.look(arrays, fused=False)
        for v, a, b in zip(self.graph.outputs, map(self.array, found), expected, strict=True):
            if not agree(v, a, np.asarray(b)):
                declared = self.look(arrays, fused=True)
                if declared:
                    break
                raise DebugModeError(
                    f"{v} is {a} when the graph is rewritten, and {b} as it was written",
                    v.owner.where if v.owner is not None else None,
                    "no rule and no kernel by itself does that",
                )
        return found

    def array(self, value: Any) -> Array:
        """Return an array of the backend's library as one of NumPy."""
        plain: Any = value
        if not isinstance(value, (np.ndarray, np.generic)):
            plain = self.backend.numpy(value)
        return np.asarray(plain)

    # looking for it -----------------------------------------------------------------------------
    def look(self, values: Sequence[Any], fused: bool) -> bool:
        """Raise DebugModeError for the first rule, pass or kernel that is wrong for these values.

        fused : whether to compile nodes with all that they are computed of, too.

        Return whether a rule has changed a value as it declares.
        """
        declared = self.rules(values)
        self.kernels(values, fused)
        return declared

    def rules(self, values: Sequence[Any]) -> bool:
        """Raise DebugModeError for the first rule or pass that is wrong; see `look`."""
        fired: list[Replaced] = []
        with watching(fired.append):
            self.rewrite()
        places = [Place(dict(zip(self.graph.inputs, values, strict=True)), "")]
        if any(node.op.graphs for graph in (self.written, self.graph) for node in graph.nodes):
            places += [p for g in (self.written, self.graph) for p in within(g, values) if p.when]
        declared = False
        for change in fired:
            for place in places:
                declared |= self.rule(change, place)
        return declared

    def rule(self, change: Replaced, place: Place) -> bool:
        """Raise DebugModeError if a change is wrong for some values; see `look`."""
        pairs = _pairs(change, place.known)
        if pairs is None:
            return False
        leaves, before, after = pairs
        declared = False
        old, new = (_values(leaves, some, place.known) for some in (before, after))
        for k, v in enumerate(before):
            if old is None or new is None or agree(v, new[k], old[k]):
                continue
            if _may_differ(change, v, new[k], old[k]):
                declared = True
                continue
            self.refuse(
                f"{v} is {new[k]} when the graph is rewritten, and {old[k]} as it was written"
                f"{place.when}: the rule {change.rule} of {change.stage} is wrong",
                change.where, leaves, [v, after[k]], place.known,
            )  # fmt: skip
        return declared

    def kernels(self, values: Sequence[Any], fused: bool) -> None:
        """Raise DebugModeError for the first node that the backend computes in another way."""
        known = Place(computed(self.graph, values), "")
        for whole in (False, True) if fused else (False,):
            self.nodes(self.graph, [known], whole)

    def nodes(self, graph: FunctionGraph, places: Sequence[Place], whole: bool) -> None:
        """Look at the nodes of a graph, and before a loop or a branch at those inside of it.

        places : the values for which to look.
        whole : whether to compile nodes with all that they are computed of in the graph.
        """
        for node in graph.nodes:
            if performs(node.op) or node in self.fallback:
                continue
            inside: dict[FunctionGraph, list[Place]] = {}
            for place in places if node.op.graphs else ():
                for each, there in inner(node, place):
                    inside.setdefault(each, []).append(there)
            for each, there in inside.items():
                self.nodes(each, there, whole)
            given = graph.inputs
            if not whole:
                given = tuple(dict.fromkeys(v for v in node.inputs if not isinstance(v, Constant)))
            self.kernel(node, given, places, ", with what it is computed of" if whole else "")

    def kernel(
        self, node: Apply, given: tuple[Variable, ...], places: Sequence[Place], how: str
    ) -> None:
        """Raise DebugModeError if the backend computes a node in another way.

        given : of what it is compiled.
        how : in words.
        """
        alone = FunctionGraph(given, node.outputs)
        try:
            run = compiled(self.backend, alone, None, self.fallback)
        except GradcoreError:
            return
        for known, when in places:
            try:
                found = run(*(np.asarray(known[v]) for v in given))
            except GradcoreError:
                continue
            for v, a in zip(node.outputs, map(self.array, found), strict=True):
                if not agree(v, a, known[v]):
                    self.refuse(
                        f"{v} is {a} on the backend {self.backend.name!r}{how}{when}, and "
                        f"{known[v]} on the reference: its kernel of {node.op} is wrong",
                        node.where, given, [v], known,
                    )  # fmt: skip

    def refuse(
        self,
        what: str,
        where: Location | None,
        leaves: Sequence[Variable],
        outputs: Sequence[Variable],
        known: Mapping[Variable, Any],
    ) -> None:
        """Raise DebugModeError with a program to paste."""
        options = "".join(f", {name}={value!r}" for name, value in self.options)
        chosen = f"gradcore.Mode({self.backend.name!r}{options})"
        text = program_of(leaves, outputs, known, (chosen, "gradcore.Mode('numpy', False)"))
        fix = "this is a bug of gradcore, or of a plugin"
        if text:
            fix += "; to see it:\n\n" + text
        raise DebugModeError(what, where, fix)


def agree(v: Variable, a: Any, b: Any) -> bool:
    """Return whether two arrays are the same value of a variable."""
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    tolerance = DTYPES[v.type.dtype].agreement
    return bool(np.allclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True))


def _may_differ(change: Replaced, v: Variable, a: Any, b: Any) -> bool:
    """Return whether a rule declares that two values of what it replaces may differ so.

    Where the graph as written overflows, or an operand is no number, what is nearer to the formula
    shows by values that are not finite; all others must agree.
    """
    may = change.changes
    if may.reassociates:
        return True
    if not (may.more_exact or may.derivatives or may.nonfinite) or a.shape != b.shape:
        return False
    finite = np.isfinite(a) & np.isfinite(b)
    return not finite.all() and agree(v, a[finite], b[finite])


def _pairs(
    change: Replaced, known: Mapping[Variable, Any]
) -> tuple[tuple[Variable, ...], list[Variable], list[Variable]] | None:
    """Return what a change is computed of, and its values before and after; None: it has none."""
    pairs = [(old, new) for old, new in zip(change.before, change.after, strict=True)]
    pairs = [(old, new) for old, new in pairs if new is not None]
    before = [old for old, _ in pairs]
    after = [new for _, new in pairs]
    leaves = _leaves((*before, *after))
    if not pairs or not all(v in known for v in leaves):
        return None
    return leaves, before, after


def _leaves(variables: Iterable[Variable]) -> tuple[Variable, ...]:
    every = ancestors(list(variables))
    return tuple(v for v in every if v.owner is None and not isinstance(v, Constant))


def _values(
    leaves: Sequence[Variable], outputs: Sequence[Variable], known: Mapping[Variable, Any]
) -> list[Any] | None:
    """Return values on the reference; None: it raises, as it may where it is not run at all."""
    graph = FunctionGraph(tuple(leaves), tuple(outputs))
    try:
        found = computed(graph, [known[v] for v in leaves])
    except Exception:  # noqa: BLE001 - there is nothing to compare
        return None
    return [np.asarray(found[v]) for v in outputs]
