"""Diagonal matrices that `eye` and `diag` make: products with them are elementwise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gradcore.graph import Constant, Extent, Shape, Variable
from gradcore.graph.nodes import constant_extent, extents_of
from gradcore.ops.index import IncSubtensor
from gradcore.ops.index_patterns import Slot
from gradcore.rewrite.canonical.stage import is_zero
from gradcore.rewrite.jacobians.linear_maps import in_normal_form
from gradcore.rewrite.jacobians.units import counted, side_of_identity


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
    """Return ``v`` as a diagonal matrix, if it is one that `eye` or `diag` makes, or a constant."""
    if isinstance(v, Constant):
        return _constant(v)
    node = v.owner
    if node is None or v.ndim != 2 or v.type.is_discrete:
        return None
    op = node.op
    if isinstance(op, IncSubtensor) and op.pattern == (Slot.ARRAY, Slot.ARRAY):
        zeros, vector, row, column = node.inputs
        places, fits = counted(row, column), vector.ndim == 1 and vector.dtype == v.dtype
        if places is None or not fits or not is_zero(zeros):
            return None
        own = *extents_of(zeros), extents_of(vector)[0], places
        n, m, places, count = in_normal_form(*own)
        known = {constant_extent(each) for each in (n, m, places, count)}
        same = n is m is places is count or (None not in known and len(known) == 1)
        return Diagonal(n, vector) if same else None
    side = side_of_identity(v)
    return None if side is None else Diagonal(side, None)


def _constant(v: Constant) -> Diagonal | None:
    """Return a constant as a diagonal matrix, as ``0.1 * eye(3)`` is; None: it is none."""
    if v.ndim != 2 or v.type.is_discrete or len({*v.data.shape, 1}) != 2:
        return None
    n, m = v.data.shape
    vector = v.data.diagonal()
    if n != m or np.count_nonzero(vector) != np.count_nonzero(v.data):
        return None
    return Diagonal(n, Constant(vector.copy()))
