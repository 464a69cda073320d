"""Reading a graph: what each variable of it is of a batch in chunks, and where totals are needed.

Nodes are read in order.  Where a rule wants the total of a reduction, the use is noted, and the
operand counts as free of the next level, one pass over the batch later.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from gradcore.graph import Apply, Constant, FunctionGraph, Variable
from gradcore.ops.elementwise import Elementwise
from gradcore.ops.scan import Scan
from gradcore.ops.shape_values import Extent
from gradcore.summing.parts import FREE, ZERO, NeedsTotalsError, NotByChunksError, Part, level_of
from gradcore.summing.rules import BY_EXTENTS, RULES, Rule, extent

WITHIN_LOOP = (
    "a step needs what only all chunks together have: the loop would run between passes",
    "take what does not depend on the rows, or the total, out of the loop",
)


class Reading:
    """What the variables of a graph are.

    parts : of each variable.
    totals : the uses, as a node and the number of its operand, at which a total is wanted.
    within : whether it is the body of a loop, in which no pass can end.

    Raises NotByChunksError: it cannot be computed by chunks.
    """

    def __init__(
        self, graph: FunctionGraph, given: Mapping[Variable, Part], within: bool = False
    ) -> None:
        self.parts: dict[Variable, Part] = dict(given)
        self.totals: set[tuple[Apply, int]] = set()
        self.within = within
        for node in graph.nodes:
            try:
                found = self._read(node)
            except NotByChunksError as error:
                error.node = error.node or node
                raise
            self.parts.update(zip(node.outputs, found, strict=True))

    def of(self, v: Variable) -> Part:
        """Return what a variable is; a constant is free."""
        if isinstance(v, Constant) and v.data.size and not v.data.any():
            return ZERO
        return self.parts.get(v, FREE)

    def used(self, node: Apply, i: int) -> Part:
        """Return what operand ``i`` is where ``node`` uses it."""
        part = self.of(node.inputs[i])
        return part.total() if (node, i) in self.totals else part

    def _read(self, node: Apply) -> Sequence[Part]:
        while True:
            parts = [self.used(node, i) for i in range(len(node.inputs))]
            try:
                return self._ruled(node, parts)
            except NeedsTotalsError as needs:
                if self.within:
                    raise NotByChunksError(*WITHIN_LOOP) from None
                self.totals.update((node, i) for i in needs.operands)

    def _ruled(self, node: Apply, parts: list[Part]) -> Sequence[Part]:
        if all(p.is_free for p in parts):
            return self._free(node, parts)
        rows = any(p.is_rows for p in parts)
        if isinstance(node.op, Scan):
            return _loop(node, parts)
        if rows or (isinstance(node.op, BY_EXTENTS) and any(p.counts for p in parts)):
            return self._rule(node)(node, parts)
        if isinstance(node.op, Extent):
            return extent(node, parts)
        return _linear(node, parts, self.within)

    def _rule(self, node: Apply) -> Rule:
        found = RULES.get(type(node.op))
        if found is None:
            raise NotByChunksError(f"what {node.op.label()} does to rows of a batch is not known")
        return found

    def _free(self, node: Apply, parts: list[Part]) -> Sequence[Part]:
        """Computed from what is free: before the passes, after them, or of any chunk."""
        level = level_of(parts)
        early = [i for i, p in enumerate(parts) if p.of_data]
        if early and not self.within and any(p.level and not p.of_data for p in parts):
            raise NeedsTotalsError(*early)
        known = {i for i, p in enumerate(parts) if p.zero}
        zero = (
            any(len(each) and known.issuperset(each) for each in linear_in(node))
            if known
            else False
        )
        return [Part(level=level, of_data=bool(early), zero=zero) for _ in node.outputs]


def linear_in(node: Apply) -> Sequence[Collection[int]]:
    """Return the sets of operands that an op is linear in, all of a set together."""
    return node.op.derivative.linear_in(node)


def _linear(node: Apply, parts: list[Part], within: bool) -> Sequence[Part]:
    """Return a sum, if the node is linear in all sums among its operands together.

    Outside of loops, one that may be larger than these is computed of totals, which are sent.
    """
    sums = [i for i, p in enumerate(parts) if not p.is_free]
    zeros = {i for i, p in enumerate(parts) if p.zero}
    levels = {parts[i].level for i in sums}
    rank = max(node.inputs[i].ndim for i in sums)
    if (
        all(parts[i].kind == "sum" for i in sums)
        and any(set(sums) <= set(each) <= {*sums, *zeros} for each in linear_in(node))
        and len(levels) == 1
        and level_of(parts) in levels
        and (within or all(v.ndim <= rank for v in node.outputs))
    ):
        (level,) = levels
        counts = isinstance(node.op, Elementwise) and all(
            p.is_extent and v.type.is_discrete for p, v in zip(parts, node.inputs, strict=True)
        )
        return [Part("sum", level, counts=counts and v.type.is_discrete) for v in node.outputs]
    raise NeedsTotalsError(*sums)


# loops --------------------------------------------------------------------------------------------
def _loop(node: Apply, parts: list[Part]) -> Sequence[Part]:
    """Return what a loop makes: each step the same of the elements of its sequences.

    A state that starts from zeros may collect a sum over the rows.
    """
    op = node.op
    assert isinstance(op, Scan)
    steps, *given = parts
    _refuse_sums([steps, *given[: op.sequences]])
    if not steps.is_free:
        raise NotByChunksError("how often it steps depends on the number of rows")
    inner = op.parts(op.body.inputs)
    inside: dict[Variable, Part] = dict(zip(op.body.inputs, given, strict=True))
    for v in inner.sequences:
        part = inside[v]
        if part.is_rows and not part.axis:
            raise NotByChunksError(
                "it goes from row to row of the batch",
                "let the rows lie along another axis of the sequence: a step takes all of them",
            )
        inside[v] = part.along(part.axis - 1) if part.is_rows else part
    level = level_of(parts)
    inside = {v: replace(part, level=level) for v, part in inside.items()}
    for v in inner.states:
        if not inside[v].is_rows:
            inside[v] = replace(inside[v], whole=False, counts=False)
    while True:
        found = _body(node, inside)
        news = dict(zip(inner.states, found[: op.states], strict=True))
        other = {v: new for v, new in news.items() if not _alike(new, inside[v])}
        if not other:
            break
        for v, new in other.items():
            if new.is_rows and (new.kind, new.axis) == (inside[v].kind, inside[v].axis):
                inside[v] = replace(inside[v], whole=False)
                continue
            if not (inside[v].zero and (new.is_free or new.kind == "sum")):
                raise NotByChunksError("a state of it is of the batch after a step, and not before")
            inside[v] = replace(new, level=level, zero=False, whole=False, counts=False)
    return _results(node, inside, found, steps, level)


def _alike(new: Part, old: Part) -> bool:
    """Return whether a state is after a step what it was before, or more than that."""
    whole, zero = new.whole or not old.whole, new.zero or not old.zero
    return new.kind == old.kind and new.axis == old.axis and whole and zero


def _body(node: Apply, inside: Mapping[Variable, Part]) -> list[Part]:
    """Return what the outputs of the body are, or refuse at the line within it."""
    op: Any = node.op
    read = Reading(op.body, inside, within=True)
    return [read.of(v) for v in op.body.outputs]


def _results(
    node: Apply, inside: Mapping[Variable, Part], found: list[Part], steps: Part, level: int
) -> Sequence[Part]:
    op = node.op
    assert isinstance(op, Scan)
    end = len(found) - op.until
    if op.until and not found[end].is_free:
        raise NotByChunksError("when it stops depends on the rows of the batch")
    made = [
        *(inside[v] for v in op.parts(op.body.inputs).states),
        *(p.along(p.axis + p.is_rows) for p in found[op.states : end]),
        *([steps] if op.until else ()),
    ]
    return [replace(p, level=level, of_data=p.is_free, zero=False) for p in made]


def _refuse_sums(parts: Sequence[Part]) -> None:
    sums = [i for i, p in enumerate(parts) if not (p.is_rows or p.is_free)]
    if sums:
        raise NeedsTotalsError(*sums)
