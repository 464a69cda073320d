"""Jacobians of batches, of which only the blocks on the diagonal are read.

Where a row of a result depends on the same row of a variable alone, ``einsum("bnbm->bnm", J)`` is
all of the Jacobian that is not zero, one for each row.  The rest of it is not built then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gradcore.graph import Apply, Variable, as_variable
from gradcore.language import LANGUAGE
from gradcore.ops.index import Subtensor
from gradcore.ops.index_patterns import Slice, Slot
from gradcore.ops.shape import DimShuffle, Reshape
from gradcore.rewrite.canonical.stage import inputs_of, is_made_by
from gradcore.rewrite.jacobians.linear_maps import LinearRows, in_normal_form
from gradcore.rewrite.jacobians.sparsity import blocks_of_rows
from gradcore.rewrite.jacobians.units import counted


@dataclass(frozen=True)
class OnDiagonal:
    """What takes the elements of a tensor whose indices at two axes are the same.

    tensor : the tensor, before its axes were put in order.
    axes : which of its axes stand where.
    pair : the places of the two.
    count : how many elements are taken along them.
    """

    tensor: Variable
    axes: Sequence[int]
    pair: tuple[int, int]
    count: Variable


def on_diagonal(node: Apply) -> OnDiagonal | None:
    """Return what a node takes of the diagonal of two axes; None: it takes something else."""
    op = node.op
    if not isinstance(op, Subtensor) or len(node.inputs) != 3:
        return None
    x, first, second = node.inputs
    arrays = [k for k, entry in enumerate(op.pattern) if entry is Slot.ARRAY]
    others = [e for e in op.pattern if e is not Slot.ARRAY and e != Slice(None, None, None)]
    count = counted(first, second)
    if others or len(arrays) != 2 or count is None:
        return None
    axes: list[int] = list(range(x.ndim))
    made = x.owner
    if made is not None and isinstance(made.op, DimShuffle):
        axes = [axis for axis in made.op.order if isinstance(axis, int)]
        if len(axes) != x.ndim or len(axes) != made.inputs[0].ndim:
            return None
        (x,) = made.inputs
    return OnDiagonal(x, axes, (arrays[0], arrays[1]), count)


def blocks_on_diagonal(
    taken: OnDiagonal, stack: Variable, rows: LinearRows, r: int
) -> Variable | None:
    """Return the blocks on the diagonal of a Jacobian; None: it has others, or more is taken.

    r : how many axes of the Jacobian as it is taken from are rows.
    """
    x = taken.tensor
    reshaped = is_made_by(x, Reshape) and inputs_of(x)[0] is stack
    if (x is not stack and not reshaped) or {taken.axes[k] for k in taken.pair} != {0, r}:
        return None
    extents = inputs_of(x)[1:] if reshaped else map(as_variable, rows.shape())
    found = blocks_of_rows(rows)
    if found is None:
        return None
    blocks, stacked = found
    extents = list(extents)
    count = rows.outside(as_variable(blocks.rows))
    b, own, also = in_normal_form(count, extents[0], extents[r])
    if b is not own or b is not also:
        return None
    stacked = LANGUAGE["reshape"](stacked, (*extents[1:r], *extents[r:]), ndim=x.ndim - 1)
    stacked = stacked[(*(slice(None),) * (r - 1), slice(None, taken.count))]
    have = [*range(1, r), 0, *range(r + 1, x.ndim)]
    return DimShuffle(tuple(have.index(axis) for axis in _result(taken, r)))(stacked)


def _result(taken: OnDiagonal, r: int) -> list[int]:
    """Return the axes of the result, 0 for the one that two have become."""
    i, j = taken.pair
    rest = [axis for axis in taken.axes if axis not in (0, r)]
    at = i if j == i + 1 else 0
    return [*rest[:at], 0, *rest[at:]]
