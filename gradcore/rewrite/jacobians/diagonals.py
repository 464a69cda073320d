"""Diagonal matrices that `eye` and `diag` make: products with them are elementwise."""

from __future__ import annotations

from dataclasses import dataclass

from gradcore.graph import Extent, Shape, Variable
from gradcore.graph.nodes import extents_of
from gradcore.ops.create import Arange
from gradcore.ops.index import IncSubtensor
from gradcore.ops.index_patterns import Slot
from gradcore.rewrite.canonical.stage import inputs_of, is_made_by, is_zero
from gradcore.rewrite.jacobians.linear_maps import in_normal_form
from gradcore.rewrite.jacobians.units import side_of_identity


@dataclass(frozen=True)
class Diagonal:
    """A square matrix with zeros beside its diagonal: an identity, or ``diag(vector)``.

    side : how many rows it has.
    vector : the elements of the diagonal; None: ones.
    """

    side: Extent
    vector: Variable | None

    def from_left(self, v: Variable) -> Variable:
        """Return the product, in which the side does not matter."""
        return v if self.vector is None else v * self.vector

    def from_right(self, v: Variable) -> Variable:
        """Return the product, in which the side does not matter."""
        return self.from_left(v)

    def shape(self) -> Shape:
        """Return its extents."""
        return self.side, self.side


def diagonal_matrix(v: Variable) -> Diagonal | None:
    """Return ``v`` as a diagonal matrix, if it is one that `eye` or `diag` makes."""
    node = v.owner
    if node is None or v.ndim != 2 or v.type.is_discrete:
        return None
    op = node.op
    if isinstance(op, IncSubtensor) and op.pattern == (Slot.ARRAY, Slot.ARRAY):
        zeros, vector, row, column = node.inputs
        on_all = is_made_by(row, Arange) and vector.ndim == 1 and vector.dtype == v.dtype
        if row is not column or not on_all or not is_zero(zeros):
            return None
        own = *extents_of(zeros), extents_of(vector)[0], inputs_of(row)[0]
        n, m, places, count = in_normal_form(*own)
        return Diagonal(n, vector) if n is m is places is count else None
    side = side_of_identity(v)
    return None if side is None else Diagonal(side, None)
