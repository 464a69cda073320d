"""The sparsity pattern of a Jacobian over a graph whose extents are known.

The walk goes forward over the nodes, from the variables with respect to which one differentiates.
Of each variable it knows the shape; the value, if it follows from constants and extents alone; and
else the pattern of its Jacobian.  The kinds of derivatives say through which operands a derivative
goes, `local_patterns` how; loops are walked step by step, and a choice is the union of its
branches.

The decision: the pattern is that of any point, never that of one point: what is computed from the
variables counts as not zero, and only what is known before the graph runs (constant factors,
masks, indices) may say otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gradcore.derive import ByOperand, Flat
from gradcore.errors import ShapeError
from gradcore.gradient.local_patterns import (
    Pattern,
    dense,
    local_patterns,
    reads_by_itself,
    sparse,
)
from gradcore.graph import UNKNOWN, Apply, Constant, Op, Operand, Variable, Zero, toposort
from gradcore.graph.reads import Local
from gradcore.ops.control import IfElse, PassingOn
from gradcore.ops.elementwise import Elementwise
from gradcore.ops.implicit import ImplicitSolution
from gradcore.ops.loop import Loop
from gradcore.ops.shape import Repeat
from gradcore.ops.shape_values import Extent, ShapeOf, SpecifyShape

Shape: TypeAlias = tuple[int, ...]


@dataclass(frozen=True)
class Fact:
    """What is known of a variable.

    value : its elements, or None.
    pattern : that of its Jacobian, of its elements by all elements of the variables; None: zero.
    """

    shape: Shape
    value: Any = None
    pattern: Pattern = None

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)


def jacobian_pattern(y: Variable, wrt: Sequence[Variable]) -> list[Pattern]:
    """Return for each of ``wrt`` the pattern of the Jacobian of ``y``.

    Boolean CSR matrices of elements of ``y`` by elements of the variable, in C order, sorted.

    Raises ShapeError: an extent is not known.
    """
    sizes = [math.prod(_static(v)) for v in wrt]
    ends = np.cumsum([0, *sizes])
    total = int(ends[-1])
    facts: dict[Variable, Fact] = {}
    for v, start, size in zip(wrt, ends, sizes, strict=False):
        place = sparse.eye_array(size, total, k=int(start), dtype=bool, format="csr")
        facts[v] = Fact(_static(v), None, place)
    for node in toposort([y], stop=frozenset(facts)):
        if isinstance(node.op, ImplicitSolution):  # how it was found does not matter
            facts.setdefault(node.inputs[0], Fact(_static(node.inputs[0])))
        if isinstance(node.op, SpecifyShape) and None not in node.out.type.shape:
            x = node.inputs[0]
            if x.owner is None and x not in facts:  # an input that declares no shape itself
                facts.setdefault(node.out, Fact(_static(node.out)))
    (found,) = Reader(facts, total).read([y], toposort([y], stop=frozenset(facts)))
    whole = found.pattern
    if whole is None:
        whole = sparse.csr_array((found.size, total), dtype=bool)
    parts: list[Pattern] = [whole[:, a:b] for a, b in pairwise(ends)]
    for part in parts:
        part.sum_duplicates()
        part.sort_indices()
    return parts


def _static(variable: Variable) -> Shape:
    """Return the shape of a variable, or raise ShapeError."""
    return _concrete(variable, variable.type.shape)


def _concrete(variable: Variable, shape: Sequence[Any]) -> Shape:
    if not all(isinstance(n, int) for n in shape):
        where = variable.owner.where if variable.owner is not None else None
        raise ShapeError(
            f"a sparsity pattern takes known extents, but those of {variable} are not: "
            f"{variable.type}",
            where,
            "declare the shapes of inputs, T.tensor('x', shape=(100, 3)), or pass "
            "extents={x: (100, 3)}; the extents of results must follow from these",
        )
    return tuple(shape)


class Reader:
    """A walk over a graph.

    facts : what is known of variables; grows.
    columns : the number of all elements of the variables.
    """

    def __init__(self, facts: dict[Variable, Fact], columns: int) -> None:
        self.facts = facts
        self.columns = columns

    def read(self, outputs: Sequence[Variable], order: Sequence[Apply]) -> list[Fact]:
        """Return what is known of ``outputs``, after walking over the nodes in ``order``."""
        for node in order:
            given = [self.of(v) for v in node.inputs]
            for output, fact in zip(node.outputs, self.results(node, given), strict=True):
                if fact is not None:
                    self.facts.setdefault(output, fact)
        return [self.of(v) for v in outputs]

    def of(self, variable: Variable) -> Fact:
        """Return what is known of a variable whose node was walked over."""
        found = self.facts.get(variable)
        if found is None:
            if isinstance(variable, Constant):
                found = Fact(np.shape(variable.data), variable.data)
            else:
                found = Fact(_static(variable))
            self.facts[variable] = found
        return found

    def results(self, node: Apply, given: Sequence[Fact]) -> Sequence[Fact | None]:
        """Return what is known of the outputs of ``node``; None: not even the shape."""
        if isinstance(node.op, Loop):
            return self.loop(node, given)
        if isinstance(node.op, IfElse):
            return self.choice(node, given)
        if isinstance(node.op, PassingOn):
            return [self.one(node, given, given[0].shape, given[0].value)]
        values = self.values(node, given)
        if values is not None:
            return [Fact(np.shape(value), value) for value in values]
        expanded = None if reads_by_itself(node.op) else node.op.expanded(node)
        if expanded is not None:
            return self.read(expanded, toposort(expanded, stop=frozenset(node.inputs)))
        shapes = self.shapes(node, given)
        if len(node.outputs) == 1:
            return [self.one(node, given, shapes[0], None)]
        moving = [i for i, fact in enumerate(given) if fact.pattern is not None]
        found: list[Fact] = []
        for o, shape in enumerate(shapes):
            reach = [i for i in moving if goes_through(node, i, o)]
            found.append(Fact(shape, None, self.anywhere([given[i] for i in reach], shape)))
        return found

    def one(self, node: Apply, given: Sequence[Fact], shape: Shape, value: Any) -> Fact:
        """Return what is known of the only output of ``node``."""
        wanted = [
            i
            for i, fact in enumerate(given)
            if fact.pattern is not None and goes_through(node, i, 0)
        ]
        if not wanted:
            return Fact(shape, value)
        local = Local(node, [f.shape for f in given], [f.value for f in given], shape)
        patterns = local_patterns(local, wanted)
        terms = [_composed(patterns[i], given[i].pattern) for i in wanted if i in patterns]
        return Fact(shape, value, united(terms))

    def anywhere(self, facts: Sequence[Fact], shape: Shape) -> Pattern:
        """Return the pattern of a result any element of which may read any of some operands."""
        size = math.prod(shape)
        return united([_composed(dense(size, f.size), f.pattern) for f in facts])

    # what needs no walk -------------------------------------------------------------------------
    def values(self, node: Apply, given: Sequence[Fact]) -> list[Any] | None:
        """Return the values of the outputs, if constants and extents alone say them."""
        op = node.op
        arrays: list[Any] = [f.value for f in given]
        if isinstance(op, (ShapeOf, Extent)) or (isinstance(op, Elementwise) and op.name == "fill"):
            arrays[0] = np.broadcast_to(np.zeros((), node.inputs[0].dtype), given[0].shape)
        if any(array is None for array in arrays):
            return None
        with np.errstate(all="ignore"):
            found = op.kernel(node)(*arrays)
        return list(found) if len(node.outputs) > 1 else [found]

    def shapes(self, node: Apply, given: Sequence[Fact]) -> list[Shape]:
        """Return the shapes of the outputs, or raise ShapeError."""
        operands = [
            Operand(f.shape, _extents(v, f)) for v, f in zip(node.inputs, given, strict=True)
        ]
        found = node.op.symbolic_shapes(node, operands)
        if isinstance(node.op, Repeat) and given[1].value is not None:
            x = np.broadcast_to(np.zeros((), bool), given[0].shape)
            found = [node.op.reference(x, given[1].value).shape]
        return [
            _concrete(
                v, [m if m is not None else n for m, n in zip(v.type.shape, shape, strict=True)]
            )
            for v, shape in zip(node.outputs, found, strict=True)
        ]

    # control flow -------------------------------------------------------------------------------
    def choice(self, node: Apply, given: Sequence[Fact]) -> list[Fact]:
        """Return the branch that is taken, or the union of both, which have one shape."""
        condition, *branches = given
        n = len(node.outputs)
        if condition.value is not None:
            return branches[:n] if condition.value else branches[n:]
        found: list[Fact] = []
        for output, a, b in zip(node.outputs, branches[:n], branches[n:], strict=True):
            if a.shape != b.shape:
                _concrete(output, [UNKNOWN])
            terms = [f.pattern for f in (a, b) if f.pattern is not None]
            found.append(Fact(a.shape, None, united(terms)))
        return found

    def loop(self, node: Apply, given: Sequence[Fact]) -> list[Fact | None]:
        """Walk over the body once for each step; None: it is known only when the loop has run."""
        op = node.op
        assert isinstance(op, Loop)
        steps, *rest = given
        if steps.value is None:
            _concrete(node.outputs[0], [UNKNOWN])
        count: Any = steps.value
        n = int(count)
        sequences, states, constants = (
            rest[: op.sequences],
            rest[op.sequences : op.sequences + op.states],
            rest[op.sequences + op.states :],
        )
        ever = [[s] for s in states]
        stacked: list[list[Fact]] = [[] for _ in node.outputs[op.states :]]
        stopped = False
        for t in range(n):
            facts = [*(_row(s, t) for s in sequences), *states, *constants]
            inner = Reader(dict(zip(op.body.inputs, facts, strict=True)), self.columns)
            outputs = inner.read(op.body.outputs, op.body.nodes)
            states = outputs[: op.states]
            for past, state in zip(ever, states, strict=True):
                past.append(state)
            for stack, fact in zip(stacked, outputs[op.states :], strict=True):
                stack.append(fact)
            if op.until:
                stop = outputs[-1].value
                if stop is None:
                    stopped = True
                elif stop and not stopped:
                    break
        if not stopped:
            return [*states, *self.stacks(node, given, stacked)]
        last = [
            Fact(s.shape, None, united([f.pattern for f in past if f.pattern is not None]))
            for s, past in zip(states, ever, strict=True)
        ]
        return [*last, *(None for _ in stacked)]

    def stacks(
        self, node: Apply, given: Sequence[Fact], stacked: Sequence[Sequence[Fact]]
    ) -> list[Fact]:
        """Return what the steps of a loop, all of which are walked, keep."""
        op = node.op
        assert isinstance(op, Loop)
        found: list[Fact] = []
        results = node.outputs[op.states :]
        for k, facts in enumerate(stacked):
            if op.until and k == len(stacked) - 1:
                found.append(Fact((), np.int64(len(facts))))
            elif facts:
                found.append(_stack(facts, self.columns))
            else:
                found.append(Fact(self.shapes(node, given)[op.states + k]))
        assert len(found) == len(results)
        return found


def is_exact(op: Op) -> bool:
    """Return whether patterns of an op have no element that is zero for all values.

    As it declares, unless it says nothing of what its elements read, and so is dense.
    """
    walked = isinstance(op, (Loop, IfElse, PassingOn))
    written = op.expansion is not None or type(op).expanded is not Op.expanded
    return op.exact_pattern and (walked or written or reads_by_itself(op))


def goes_through(node: Apply, i: int, o: int) -> bool:
    """Return whether a derivative goes from operand ``i`` to output ``o``, other than zero."""
    derivative = node.op.derivative
    if isinstance(derivative, Flat) or not derivative.connects(node, i, o):
        return False
    return not (isinstance(derivative, ByOperand) and isinstance(derivative.entry(i), Zero))


def united(patterns: Sequence[Pattern]) -> Pattern:
    """Return the union of patterns; of none, None."""
    found = None
    for pattern in {id(p): p for p in patterns}.values():
        found = pattern if found is None else found + pattern
    return found


def _composed(local: Pattern, pattern: Pattern) -> Pattern:
    """Return the pattern of a function of a function."""
    identity: NDArray[np.int64] = np.arange(int(local.shape[0]))
    square = local.shape[0] == local.shape[1] == local.nnz
    if square and np.array_equal(local.indices, identity):
        return pattern
    return local @ pattern


def _extents(variable: Variable, fact: Fact) -> Any:
    """Return the value of an operand as a shape rule takes it."""
    if fact.value is None or not variable.type.is_discrete or variable.ndim > 1:
        return UNKNOWN
    return int(fact.value) if not variable.ndim else tuple(map(int, fact.value))


def _row(fact: Fact, t: int) -> Fact:
    """Return an element of a sequence."""
    shape = fact.shape[1:]
    size = math.prod(shape)
    pattern = None if fact.pattern is None else fact.pattern[t * size : (t + 1) * size]
    return Fact(shape, None if fact.value is None else fact.value[t], pattern)


def _stack(facts: Sequence[Fact], columns: int) -> Fact:
    """Return elements, one after the other."""
    shape = (len(facts), *facts[0].shape)
    values = [f.value for f in facts]
    value = None if any(v is None for v in values) else np.stack(values)
    if all(f.pattern is None for f in facts):
        return Fact(shape, value)
    parts = [
        sparse.csr_array((f.size, columns), dtype=bool) if f.pattern is None else f.pattern
        for f in facts
    ]
    return Fact(shape, value, sparse.vstack(parts, format="csr"))
