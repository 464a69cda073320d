"""Loops whose steps are a linear map of the unit vectors: what they stack is its matrix.

So is a Jacobian, row by row: step i pulls back the unit vector i::

    scan(lambda i, y, x: grad(y[i], x), arange(n), non_sequences=[y, x])

    step i:     u = inc_subtensor(zeros(n)[i], 1)       the unit vector, as `units` reads it
                row = M(u)                              linear in u
    stack:      the matrix whose row i is M(unit vector i); times a vector from the left it is M,
                from the right M transposed

A loop of fewer steps than the vectors have elements stacks the first rows: M, of vectors of as many
elements as it takes steps, and of zeros after them.

The decision: the map is read off the loop, so that one that the user wrote is as good as
`gradcore.gradient.jacobian`; that it is linear is read off the derivatives that ops declare
(`gradcore.graph.Derivative.linear_in`).
Rejected: asking whether the tangent of the map mentions the vector, or whether a rule mentions its
operand: an affine map passes, and so does the remainder of a division.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import numpy as np

from gradcore.derive import pullback
from gradcore.graph import (
    Apply,
    Constant,
    Extent,
    FunctionGraph,
    TensorType,
    Variable,
    ancestors,
    as_variable,
    free_inputs,
    substitute,
    toposort,
)
from gradcore.graph.nodes import constant_extent, extents_of
from gradcore.graph.traverse import infer_shapes
from gradcore.language import LANGUAGE
from gradcore.ops.control import Assert
from gradcore.ops.create import Arange
from gradcore.ops.loop import Seeds
from gradcore.ops.scalars import maximum
from gradcore.ops.scan import Scan
from gradcore.ops.shape_values import SpecifyShape
from gradcore.rewrite.canonical.stage import (
    canonicalize,
    inputs_of,
    is_made_by,
    is_zero,
    same_extent,
)
from gradcore.rewrite.jacobians.units import (
    compared_with,
    is_zero_vector,
    side_of_identity,
    unit_vectors,
    zeros_of_length,
)
from gradcore.rewrite.loops.parts import LoopParts
from gradcore.scan.builder import LoopBuilder


class Dependence(Enum):
    """How a variable depends on the unit vector: not at all, being zero or not; or linearly."""

    ZERO = 0
    NONE = 1
    LINEAR = 2


@dataclass(frozen=True)
class LinearRows:
    """A matrix as the linear map of which it stacks the values at the unit vectors.

    unit : stands for the unit vector, of ``steps`` elements.
    row : the value at it.
    captured : what the variables of the map are outside of the loop.
    """

    unit: Variable
    steps: Variable
    row: Variable
    captured: Mapping[Variable, Variable]

    def __post_init__(self) -> None:
        """Know the number of unit vectors, where it is one, in int64, where products of it fit."""
        known = constant_extent(self.steps)
        if known is not None:
            object.__setattr__(self, "steps", Constant(known, "int64"))

    def flat(self) -> LinearRows:
        """Return the same with rows that are vectors."""
        return self if self.is_matrix else replace(self, row=LANGUAGE["flatten"](self.row))

    @property
    def is_matrix(self) -> bool:
        """Whether a row is a vector, so that there is a transpose."""
        return self.row.ndim == 1

    def shape(self) -> tuple[Extent, ...]:
        """Return the number of unit vectors, and the shape of a row."""
        (of_row,) = infer_shapes([self.row])
        found = self.steps, *(self.outside(as_variable(n)) for n in of_row)
        known = map(constant_extent, found)
        return tuple(v if n is None else n for v, n in zip(found, known, strict=True))

    def columns(self) -> LinearRows | None:
        """Return the transpose, whose rows are the columns; None: that cannot be written."""
        unit = Variable(TensorType(self.row.type.dtype, self.row.type.shape))
        column = self.from_right(unit)
        if column is None or unit.type.dtype != column.type.dtype:
            return None
        return LinearRows(unit, as_variable(self.shape()[1]), column, {})

    def looped(self, seeds: Seeds | None = None) -> Variable:
        """Return the matrix as a tensor that a loop over the unit vectors stacks.

        seeds : how that loop may be computed.
        """

        def step(i: Variable) -> Variable:
            one = LANGUAGE["inc_subtensor"](self._zero()[i], 1)
            (row,) = substitute([self.row], {**self.captured, self.unit: one})
            return row

        loop = LoopBuilder(
            step, LANGUAGE["arange"](self.steps), None, None, None, False, False, None
        )
        (stack,) = loop.build(-1, seeds=seeds)
        return stack

    def outside(self, v: Variable) -> Variable:
        """Return ``v``, which the loop's variables make, outside of it.

        What is linear in the unit vector, of other vectors, mentions it by its shape alone.
        """
        (found,) = substitute([v], {**self.captured, self.unit: self._zero()})
        return found

    def as_long_as_unit(self, zeros: Variable) -> bool:
        """Return whether ``zeros`` of the loop are known to be as many as the unit vector has."""
        return _are_zeros(zeros, self.steps, self.captured)

    def from_left(self, v: Variable) -> Variable | None:
        """Return ``v @ matrix``, the map of ``v``; None: that cannot be written."""
        fits = _fitting(v, self.unit)
        if fits is None:
            return None
        (found,) = substitute([self.row], {**self.captured, self.unit: fits})
        return found

    def from_right(self, v: Variable) -> Variable | None:
        """Return ``matrix @ v``, by the transposed map; None: that cannot be written."""
        fits = _fitting(v, self.row)
        (found,) = pullback([self.row], [fits], [self.unit])
        return None if fits is None or not isinstance(found, Variable) else self.outside(found)

    def _zero(self) -> Variable:
        return LANGUAGE["alloc"](np.zeros((), self.unit.dtype), self.steps)


def _fitting(v: Variable, like: Variable) -> Variable | None:
    """Return ``v`` known to have the extents that ``like``, of its rank, is known to have.

    None: it alone is known to have one element along an axis, and would be stretched.
    """
    pairs = list(zip(v.type.shape, like.type.shape, strict=True))
    if any(have == 1 != wanted for have, wanted in pairs):
        return None
    if all(wanted in (None, have) for have, wanted in pairs):
        return v
    known = zip(extents_of(v), pairs, strict=True)
    extents = (own if wanted is None else wanted for own, (_, wanted) in known)
    return SpecifyShape("a Jacobian says so")(v, *extents)


def in_normal_form(*extents: Any) -> tuple[Variable, ...]:
    """Return extents, ints or variables, so that those known to be equal are one variable."""
    given = tuple(map(as_variable, extents))
    return canonicalize.run(FunctionGraph(tuple(free_inputs(given)), given), []).outputs


def linear_rows(stack: Variable) -> LinearRows | None:
    """Return the matrix that ``stack`` is, if it is what the steps of a linear map stack."""
    node = stack.owner
    if node is None or not isinstance(node.op, Scan):
        return None
    loop = LoopParts.of(node)
    if loop.states or loop.condition is not None:
        return None
    row = loop.stacks[stack.index]
    captured = {each.inner: each.outer for each in loop.constants}
    read = set(ancestors([row]))
    sequences = [each for each in loop.sequences if each.inner in read]
    if len(sequences) != 1:
        return None
    (each,), steps = sequences, constant_extent(loop.steps)
    index, side = each.inner, side_of_identity(each.outer)
    if side is not None:
        units = {index: zeros_of_length(side, index.dtype)}
    else:
        units = unit_vectors([row], index, captured) if _counts(each.outer) else {}
        # A unit vector that a comparison makes is zeros, where the index is beyond its elements.
        compared = [v for v in units if compared_with(v, index) is not None]
        if any(not _are_zeros(units[v], loop.steps, captured) for v in compared):
            return None
    lengths = [n for v in units if (n := v.type.shape[0]) is not None]
    if not units or (steps is not None and steps > min(lengths, default=steps)):
        return None
    unit = Variable(TensorType(next(iter(units)).dtype, (steps,)))
    if unit.type.is_discrete or unit.type.dtype != row.type.dtype:
        return None  # sums of integers wrap, or do not, by their dtype, as floats are rounded
    count = Variable(loop.steps.type)
    captured[count] = loop.steps
    given = {v: _of_steps(unit, zeros, count, captured) for v, zeros in units.items()}
    (of_unit,) = substitute([row], given)
    if index in ancestors([of_unit]) or not is_linear(of_unit, unit, captured):
        return None
    return LinearRows(unit, loop.steps, of_unit, captured)


def _of_steps(
    unit: Variable, zeros: Variable, count: Variable, captured: Mapping[Variable, Variable]
) -> Variable:
    """Return a unit vector with an element for each step, as one as long as ``zeros``.

    Where these are not known to be as many, a loop of fewer steps has the first rows; one of more
    steps fails, as the step does that has no element to write to.
    """
    if _are_zeros(zeros, captured[count], captured):
        return unit
    exists = LANGUAGE["le"](count, extents_of(zeros)[0])
    count = Assert("a step has an index that is out of bounds", IndexError)(count, exists)
    return LANGUAGE["inc_subtensor"](zeros[:count], unit)


def _are_zeros(v: Variable, steps: Variable, captured: Mapping[Variable, Variable]) -> bool:
    """Return whether ``v``, a variable of a loop, is a vector of zeros, one for each step."""
    v = captured.get(v, v)
    if not is_zero_vector(v):
        return False
    if isinstance(v, Constant):
        return are_steps(steps, Constant(np.int64(v.data.size)))
    n = inputs_of(v)[1]
    return are_steps(steps, captured.get(n, n))


def _counts(v: Variable) -> bool:
    """Return whether the elements of ``v`` are their indices."""
    if isinstance(v, Constant):
        return v.ndim == 1 and bool((v.data == np.arange(v.data.size)).all())
    return is_made_by(v, Arange)


def are_steps(steps: Variable, n: Variable) -> bool:
    """Return whether a loop takes ``n`` steps, an extent, which may be written ``max(n, 0)``."""
    made = steps.owner
    known = constant_extent(n)
    own = n if known is None else known
    if made is not None and made.op is maximum and any(map(is_zero, made.inputs)):
        return any(same_extent(v, own) for v in made.inputs)
    return same_extent(steps, own)


# linearity --------------------------------------------------------------------------------------
def is_linear(row: Variable, unit: Variable, captured: Mapping[Variable, Variable]) -> bool:
    """Return whether ``row`` is linear in ``unit``, as far as declarations say."""
    known = {v: _of_constant(x) for v, x in captured.items()}
    return _dependences([row], {**known, unit: Dependence.LINEAR}) == [Dependence.LINEAR]


def _of_constant(v: Variable) -> Dependence:
    return Dependence.ZERO if is_zero(v) else Dependence.NONE


def _dependences(
    outputs: Sequence[Variable], known: Mapping[Variable, Dependence]
) -> list[Dependence] | None:
    """Return how outputs depend on what some variables depend on; None: not linearly."""
    found = dict(known)
    for node in toposort(outputs, found.keys()):
        given = [found.get(v) or _of_constant(v) for v in node.inputs]
        if Dependence.LINEAR not in given:
            found.update((v, _of_constant(v)) for v in node.outputs)
            continue
        if isinstance(node.op, Scan):
            results = _of_loop(node.op, given)
        else:
            results = (
                [Dependence.LINEAR] * len(node.outputs) if _is_linear_node(node, given) else None
            )
        if results is None:
            return None
        found.update(zip(node.outputs, results, strict=True))
    return [found.get(v) or _of_constant(v) for v in outputs]


def _of_loop(op: Scan, given: Sequence[Dependence]) -> list[Dependence] | None:
    """Return how what a loop returns depends on what it is given; None: not linearly.

    A state may become linear in some step, and the others of that step then.
    """
    steps, *others = given
    if steps is Dependence.LINEAR or op.until:
        return None
    known = dict(zip(op.body.inputs, others, strict=True))
    states = op.parts(op.body.inputs).states
    while True:
        found = _dependences(op.body.outputs, known)
        if found is None:
            return None
        pairs = [(known[v], new) for v, new in zip(states, found, strict=False)]
        if any({Dependence.NONE, Dependence.LINEAR} == set(pair) for pair in pairs):
            return None
        after = {v: max(pair, key=lambda d: d.value) for v, pair in zip(states, pairs, strict=True)}
        if all(known[v] is dependence for v, dependence in after.items()):
            return [*after.values(), *found[len(states) :]]
        known.update(after)


def _is_linear_node(node: Apply, given: Sequence[Dependence]) -> bool:
    """Return whether a node is linear in its operands that are, as the others are.

    What is linear in the unit vector stays in its dtype: it is rounded otherwise in another one.
    """
    linear = {i for i, dependence in enumerate(given) if dependence is Dependence.LINEAR}
    if len({v.type.dtype for v in (*node.outputs, *(node.inputs[i] for i in linear))}) > 1:
        return False
    return any(
        linear <= set(together) and all(given[i] is not Dependence.NONE for i in together)
        for together in node.op.derivative.linear_in(node)
    )
