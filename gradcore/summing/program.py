"""A compiled function as passes over chunks, and what is computed between them.

The graph is cut where rows of the batch are reduced.  What is above a cut is computed of each chunk
(a `Pass`); what is below, of the totals.  Where something below goes back to the rows, as the mean
in ``X - X.mean(axis=0)``, another pass follows.

    begin       arguments                  -> those that are needed later, as arrays
    pass 0      chunk, arguments           -> parts, which are added up (or the greatest is taken)
    between 0   arguments, totals          -> what the next pass needs of them
    pass 1      chunk, arguments, those    -> parts
    finish      arguments, totals          -> the results, in the form of the function

Each is a function that gradcore compiles, for the mode of the given one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gradcore.compile import Function, function
from gradcore.compile.arguments import In
from gradcore.compile.pipeline import Compilation, closed, marks_dropped, rewritten, still_required
from gradcore.errors import ArgumentError, choices
from gradcore.graph import Apply, FunctionGraph, Variable, here, on_behalf_of, substitute
from gradcore.language import is_several
from gradcore.mode import REFERENCE, Mode
from gradcore.ops.control import Assert
from gradcore.shared import SharedVariable
from gradcore.summing.adding import Operation
from gradcore.summing.parts import BATCH, Kind, NotByChunksError
from gradcore.summing.reading import Reading

CANONICAL = Mode(REFERENCE, optimizer=("canonicalize",))
"""What a graph is read after: extents are extents of inputs, and no shapes of what is computed."""


@dataclass(frozen=True)
class Pass:
    """One pass over the chunks.

    compute : the parts of a chunk: a function of its inputs, of what `Program.begin` returns, and
        of what was computed after the pass before.
    kinds : how the parts of two chunks become one, each.
    then : what is computed of the totals of all passes so far: what the next pass needs, or, after
        the last one, the results.
    """

    compute: Function
    kinds: Sequence[Kind | Operation]
    then: Function


@dataclass(frozen=True)
class Program:
    """A function by chunks.

    batch : the inputs that come in chunks, in the order of the function's.
    begin : a function of the other arguments, which returns them as arrays.
    shared : the shared variables whose values follow them.
    passes : in order.
    """

    batch: Sequence[In]
    begin: Function
    shared: Sequence[SharedVariable]
    passes: Sequence[Pass]

    @property
    def batch_names(self) -> list[str]:
        """What the inputs that come in chunks are called."""
        return [str(entry.keyword or entry.variable) for entry in self.batch]

    def order(self, names: Sequence[Any]) -> list[int]:
        """Return, for each input that comes in chunks, its place among names."""
        return [
            next(k for k, name in enumerate(names) if name in (entry.variable, entry.keyword))
            for entry in self.batch
        ]


def chosen(f: Function, names: Iterable[Any]) -> list[In]:
    """Return the inputs of ``f`` that come in chunks, in its order.

    names : variables or keywords.

    Raises ArgumentError: it has no such input, or one that has no first axis of any length.
    """
    label = f.name or "function"
    if f.arrangement is not None:
        raise ArgumentError(f"{label} takes or returns sparse matrices, which come in no chunks")
    if f.maker.updates or any(entry.update is not None for entry in f.maker.inputs):
        raise ArgumentError(
            f"{label} has updates, which chunks would make several times",
            here(),
            "return what they are made of, and update by another function",
        )
    by_key: dict[Any, In] = {}
    for entry in f.maker.inputs:
        by_key |= {entry.variable: entry} | ({entry.keyword: entry} if entry.keyword else {})
    found: set[Variable] = set()
    for name in names:
        if name not in by_key:
            known = [str(entry.keyword or entry.variable) for entry in f.maker.inputs]
            raise ArgumentError(
                f"{label} has no input {str(name)!r}", here(), choices(name, known, "its inputs")
            )
        v = by_key[name].variable
        if v.ndim == 0 or v.type.shape[0] is not None:
            raise ArgumentError(
                f"{v} is {v.type}: it has no first axis of any length, which chunks are parts of",
                here(),
                "declare it with None as its first extent",
            )
        found.add(v)
    if not found:
        raise ArgumentError(f"name the inputs of {label} that come in chunks", here())
    return [entry for entry in f.maker.inputs if entry.variable in found]


def by_chunks(f: Function, batch: Sequence[In]) -> Program:
    """Return ``f`` as passes over chunks of some of its inputs.

    Raises ArgumentError: its results do not follow from parts, with the line of what does not.
    """
    entries = [entry for entry in f.maker.inputs if entry not in batch]
    variables = [entry.variable for entry in f.maker.inputs]
    backend = CANONICAL.resolved_backend()
    steps = marks_dropped, closed, rewritten, still_required
    made = Compilation(variables, f.maker.outputs, CANONICAL, backend).through(steps)
    plain = {v: v.type(v.name) for v in made.shared}
    outputs = substitute(made.graph.outputs, dict(plain.items()))
    arguments = [*(entry.variable for entry in entries), *plain.values()]
    graph = FunctionGraph((*(entry.variable for entry in batch), *arguments), tuple(outputs))
    cut = _Cut(graph, [entry.variable for entry in batch], arguments)
    begin = _function(entries, [entry.variable for entry in entries], f)
    return Program(batch, begin, tuple(made.shared), cut.passes(f))


def trusted(f: Function, batch: Sequence[In], combine: Any) -> Program:
    """Return ``f`` as one pass, of whose results the user says how those of two chunks become one.

    combine : a function of two arrays, or one for each result.

    Raises ArgumentError: there are not as many as results.
    """
    outputs = f.maker.outputs
    kinds: list[Any] = list(combine) if is_several(combine) else [combine] * len(outputs)
    if len(kinds) != len(outputs) or not all(map(callable, kinds)):
        raise ArgumentError(
            f"combine is a function of two arrays, or one for each of {len(outputs)} results",
            here(),
        )
    entries = [entry for entry in f.maker.inputs if entry not in batch]
    plain = {v: v.type(v.name) for v in f.maker.shared}
    parts = substitute(list(outputs), dict(plain.items()))
    arguments = [*(entry.variable for entry in entries), *plain.values()]
    totals = [v.type() for v in outputs]
    compute = _function([*(entry.variable for entry in batch), *arguments], parts, f)
    then = _function([*arguments, *totals], formed(f, totals), f)
    begin = _function(entries, [entry.variable for entry in entries], f)
    return Program(batch, begin, f.maker.shared, [Pass(compute, kinds, then)])


def formed(f: Function, results: Sequence[Variable]) -> Any:
    """Return results in the form in which a function returns them."""
    form: Any = f.form
    if isinstance(form, Mapping):
        return dict(zip(form, results, strict=True))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] - of any keys
    return list(results) if is_several(form) else results[0] if results else None


def _function(inputs: Sequence[Any], outputs: Any, f: Function) -> Function:
    return function(inputs, outputs, f.maker.mode, name=f.name, on_unused_input="ignore")


class _Cut:
    """A graph, cut at the reductions of rows.

    placeholders : what stands for totals, and for what is computed of them, by the variable.
    """

    def __init__(
        self, graph: FunctionGraph, batch: Sequence[Variable], arguments: Sequence[Variable]
    ) -> None:
        self.graph, self.batch, self.arguments = graph, batch, arguments
        try:
            self.reading = Reading(graph, dict.fromkeys(batch, BATCH))
            for v in graph.outputs:
                if self.reading.of(v).is_rows:
                    raise _rows(v)
        except NotByChunksError as error:
            node = error.node
            name = f"{node.op.label()}: " if node is not None else ""
            raise ArgumentError(
                f"{name}the result cannot be made of those of chunks: {error.reason}",
                here() if node is None else node.where,
                error.fix or "compute the parts that can, and the rest of their totals",
            ) from None
        self.conditions = self._late_conditions()
        self._positions = {v: i for i, v in enumerate(graph.variables)}
        self.totals = [self._cut_at(level) for level in range(self._levels())]
        self.placeholders: dict[Variable, Variable] = {}

    def _is_cut(self, v: Variable) -> bool:
        """Return whether the total of a variable is taken, rather than computed of totals."""
        part = self.reading.of(v)
        return not part.is_free or part.of_data

    def _late_conditions(self) -> list[tuple[Assert, Variable]]:
        """Return what is asserted of totals: it is looked at when the results are made."""
        return [
            (node.op, node.inputs[i])
            for node in self.graph.nodes
            if isinstance(node.op, Assert)
            for i in self._late(node)
        ]

    def _late(self, node: Apply) -> list[int]:
        """Return which conditions of an assertion are not known yet when its operand is."""
        if not isinstance(node.op, Assert):
            return []
        level = self.reading.of(node.out).level
        found = range(1, len(node.inputs))
        return [i for i in found if self.reading.used(node, i).level > level]

    def _wanted(self) -> list[Variable]:
        """Return what is computed at the end."""
        return [*self.graph.outputs, *(condition for _, condition in self.conditions)]

    def _levels(self) -> int:
        parts = [(v, self.reading.of(v)) for v in self._wanted()]
        return max((part.level + self._is_cut(v) for v, part in parts), default=0) or 1

    def _cut_at(self, level: int) -> list[Variable]:
        """Return the variables whose totals are taken in a pass."""
        used = [node.inputs[i] for node, i in self.reading.totals]
        needed = [*used, *(v for v in self._wanted() if self._is_cut(v))]
        found = [v for v in dict.fromkeys(needed) if self.reading.of(v).level == level]
        return sorted(found, key=self._positions.__getitem__)

    # functions ----------------------------------------------------------------------------------
    def passes(self, f: Function) -> list[Pass]:
        """Return the passes, compiled."""
        chunks = [self._of_chunk(level) for level in range(len(self.totals))]
        found: list[Pass] = []
        known: list[Variable] = []
        for level, (parts, _) in enumerate(chunks):
            taken = [self._instead(v) for v in chunks[level][1]]
            given = [*self.batch, *self.arguments, *taken]
            compute = _function(given, parts, f)
            kinds: list[Kind | Operation] = [self._kind(v) for v in self.totals[level]]
            known += [self._instead(v) for v in self.totals[level]]
            last = level + 1 == len(chunks)
            outputs: Any = self._results(f) if last else self._of_totals(chunks[level + 1][1])
            found.append(Pass(compute, kinds, _function([*self.arguments, *known], outputs, f)))
        return found

    def _kind(self, v: Variable) -> Kind:
        part = self.reading.of(v)
        return "same" if part.is_free else part.kind

    def _instead(self, v: Variable) -> Variable:
        """Return what stands for a variable in a pass, to which its value is given."""
        return self.placeholders.setdefault(v, v.type(v.name))

    def _of_chunk(self, level: int) -> tuple[list[Variable], list[Variable]]:
        """Return the parts of a pass, and which variables are given to it."""
        given: dict[Variable, None] = {}

        def operand(node: Apply, i: int) -> bool:
            v = node.inputs[i]
            part = self.reading.of(v)
            after = part.level > 0 and part.is_free and not part.of_data
            early = after or (node, i) in self.reading.totals
            if early:
                given[v] = None
            return not early

        outputs = self._rebuilt(self.totals[level], operand)
        return outputs, sorted(given, key=self._positions.__getitem__)

    def _of_totals(self, wanted: Sequence[Variable]) -> list[Variable]:
        """Return variables in terms of arguments and totals."""

        def operand(node: Apply, i: int) -> bool:
            return not self._is_cut(node.inputs[i])

        return [
            self._instead(v) if self._is_cut(v) else new
            for v, new in zip(wanted, self._rebuilt(wanted, operand, self._is_cut), strict=True)
        ]

    def _results(self, f: Function) -> Any:
        """Return the results in the form of the function."""
        found = self._of_totals(self._wanted())
        results, conditions = found[: len(self.graph.outputs)], found[len(self.graph.outputs) :]
        for (op, _), condition in zip(self.conditions, conditions, strict=True):
            results = [op(v, condition) for v in results]
        return formed(f, results)

    def _rebuilt(
        self,
        wanted: Sequence[Variable],
        operand: Callable[[Apply, int], bool],
        stop: Callable[[Variable], bool] | None = None,
    ) -> list[Variable]:
        """Return variables, computed anew where placeholders take the place of operands.

        operand : whether to compute an operand of a node; else a placeholder stands for it.
        stop : which of the variables not to compute.
        """
        needed = {v for v in wanted if stop is None or not stop(v)}
        uses: dict[Apply, list[tuple[int, bool]]] = {}
        for node in reversed(self.graph.nodes):
            if needed.isdisjoint(node.outputs):
                continue
            late = self._late(node)
            uses[node] = [(i, operand(node, i)) for i in range(len(node.inputs)) if i not in late]
            needed.update(node.inputs[i] for i, computed in uses[node] if computed)
        new: dict[Variable, Variable] = {}
        for node in self.graph.nodes:
            if node in uses:
                inputs = [
                    new.get(node.inputs[i], node.inputs[i])
                    if computed
                    else self._instead(node.inputs[i])
                    for i, computed in uses[node]
                ]
                new.update(zip(node.outputs, self._made(node, inputs), strict=True))
        return [new.get(v, v) for v in wanted]

    def _made(self, node: Apply, inputs: list[Variable]) -> Sequence[Variable]:
        if len(inputs) == 1 and isinstance(node.op, Assert):
            return inputs
        if len(inputs) < len(node.inputs):
            with on_behalf_of(node.where):
                return node.op.make_node(*inputs).outputs
        if all(new is old for new, old in zip(inputs, node.inputs, strict=True)):
            return node.outputs
        return node.with_inputs(inputs).outputs


def _rows(v: Variable) -> NotByChunksError:
    error = NotByChunksError(
        "it has something for each row of the batch",
        "reduce it over the rows, or call f chunk by chunk",
    )
    error.node = v.owner
    return error
