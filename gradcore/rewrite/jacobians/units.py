"""Unit vectors, as they are written: what the steps of a loop over them, or its rows, read.

===================================  ===========================================
unit vector number i                 of
===================================  ===========================================
``inc_subtensor(zeros(n)[i], 1)``    the gradient of ``y[i]``
``eye(n)[i]``                        an identity, a constant one, too
``cast(eq(arange(n), i))``           a comparison
a row of ``eye(n)``                  a loop over the rows of an identity
===================================  ===========================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gradcore.graph import Apply, Constant, Extent, Variable, as_variable, toposort
from gradcore.language import LANGUAGE
from gradcore.ops.create import Arange
from gradcore.ops.elementwise import Elementwise
from gradcore.ops.index import IncSubtensor, Subtensor
from gradcore.ops.index_patterns import Slot
from gradcore.ops.scalars import eq
from gradcore.ops.shape import DimShuffle
from gradcore.rewrite.canonical.stage import inputs_of, is_constant, is_made_by, is_zero

AXES: dict[tuple[int | str, ...], int] = {(0, "x"): 0, ("x", 0): 1}
"""The axis of a matrix that a vector is along, by how it has been made one."""


def side_of_identity(v: Variable) -> Variable | None:
    """Return the number of rows of an identity that `eye` makes, or a constant; None: none."""
    if v.ndim != 2 or v.type.is_discrete:
        return None
    if isinstance(v, Constant):
        n, m = v.data.shape
        return as_variable(n) if n == m and np.array_equal(v.data, np.eye(n)) else None
    compared = _compared(v)
    found: list[tuple[int, Variable]] = []
    for given in compared:
        made, axis, x = given.owner, 1, given
        if made is not None and isinstance(made.op, DimShuffle) and made.op.order in AXES:
            axis, (x,) = AXES[made.op.order], made.inputs
        if not is_made_by(x, Arange) or x.ndim != 1:
            return None
        found.append((axis, inputs_of(x)[0]))
    if not found:
        return None
    (i, n), (j, m) = found
    return n if i != j and n is m else None


def _compared(v: Variable) -> Sequence[Variable]:
    """Return the operands of a comparison whose truths ``v`` is as floats; none, if it is none."""
    node = v.owner
    if node is None or not (isinstance(node.op, Elementwise) and node.op.name.startswith("cast_")):
        return ()
    (truth,) = node.inputs
    return truth.owner.inputs if truth.owner is not None and truth.owner.op is eq else ()


def unit_vectors(
    outputs: Sequence[Variable], index: Variable, captured: Mapping[Variable, Variable]
) -> dict[Variable, Variable]:
    """Return the variables that are the unit vector number ``index``, and the zeros of each.

    captured : what the variables of the loop are outside of it.
    """
    found: dict[Variable, Variable] = {}
    for node in toposort(outputs):
        zeros = _zeros_of(node, index, captured)
        if zeros is not None:
            found[node.out] = zeros
    return found


def _zeros_of(
    node: Apply, index: Variable, captured: Mapping[Variable, Variable]
) -> Variable | None:
    """Return the zeros of which a node makes the unit vector number ``index``; None: of none."""
    op = node.op
    if isinstance(op, IncSubtensor) and op.pattern == (Slot.SCALAR,):
        base, one, at = node.inputs
        ours = at is index and is_constant(one, 1) and is_zero_vector(captured.get(base, base))
        return base if ours else None
    if isinstance(op, Subtensor) and op.pattern == (Slot.SCALAR,) and node.inputs[1] is index:
        side = side_of_identity(captured.get(node.inputs[0], node.inputs[0]))
        return None if side is None else zeros_of_length(side, node.out.dtype)
    if not isinstance(op, Elementwise) or node.out.ndim != 1 or node.out.type.is_discrete:
        return None
    places = compared_with(node.out, index)
    places = None if places is None else captured.get(places, places)
    if places is None or not is_made_by(places, Arange):
        return None
    return zeros_of_length(inputs_of(places)[0], node.out.dtype)


def compared_with(v: Variable, index: Variable) -> Variable | None:
    """Return that with which an index, with an axis or without, is compared; None: with nothing."""
    bare = {x: inputs_of(x)[0] if is_made_by(x, DimShuffle) else x for x in _compared(v)}
    others = [x for x in bare if bare[x] is not index]
    return others[0] if len(others) == 1 < len(bare) else None


def is_zero_vector(v: Variable) -> bool:
    """Return whether ``v`` is a vector of zeros."""
    return v.ndim == 1 and is_zero(v)


def zeros_of_length(n: Extent, dtype: str) -> Variable:
    """Return a vector of zeros."""
    return LANGUAGE["alloc"](np.zeros((), dtype), n)


def counted(v: Variable, other: Variable) -> Variable | None:
    """Return the number of elements of two that count from 0 alike; None: that is not known."""
    if not isinstance(v, Constant) or not isinstance(other, Constant):
        return inputs_of(v)[0] if v is other and is_made_by(v, Arange) else None
    counts = np.arange(v.data.size)
    alike = all(np.array_equal(each.data, counts) for each in (v, other))
    return as_variable(np.int64(v.data.size)) if alike else None
