"""Extents, as Python integers.

The decision: arithmetic on extents stays in Python, where it costs nothing, and wraps as int64
does; it never becomes a tensor, unless other arithmetic reads it.  So no kernel waits for a device
to tell it a shape, torch.compile sees symbolic extents instead of data, and vmap meets no number it
must not read.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Mapping
from typing import Any

from gradcore.dtypes import wrapped
from gradcore.graph import Apply, FunctionGraph, Variable
from gradcore.graph.nodes import constant_extent
from gradcore.ops import scalars
from gradcore.ops.create import Arange
from gradcore.ops.elementwise import Elementwise
from gradcore.ops.index import IncSubtensor, Subtensor
from gradcore.ops.scan import Scan
from gradcore.ops.shape import Alloc, Reshape
from gradcore.ops.shape_values import Extent as ExtentOp
from gradcore.ops.shape_values import MakeVector, SpecifyShape
from gradcore.ops.windows import OverlapAdd, Windows


def whole(n: Any) -> int:
    """Return an extent, a Python integer already or a tensor of one."""
    return n if isinstance(n, int) else int(n)


class Extent:
    """What reads an integer operand of a node: once for all if it is a constant."""

    def __init__(self, variable: Variable) -> None:
        self.known = constant_extent(variable)

    def __call__(self, value: Any) -> int:
        """Return the operand's value, given what a kernel got for it."""
        return whole(value) if self.known is None else self.known


def _quotient(x: int, y: int) -> int:
    return x // y if y else 0


def _remainder(x: int, y: int) -> int:
    return x % y if y else 0


ARITHMETIC: Mapping[Any, Callable[..., Any]] = {
    scalars.add: operator.add,
    scalars.sub: operator.sub,
    scalars.mul: operator.mul,
    scalars.neg: operator.neg,
    scalars.int_div: _quotient,
    scalars.mod: _remainder,
    scalars.maximum: max,
    scalars.minimum: min,
    scalars.CASTS["int64"]: whole,
}
"""The rows that compute extents, on Python integers."""

TAKING: Mapping[type, slice] = {
    Alloc: slice(1, None),
    Arange: slice(None),
    IncSubtensor: slice(2, None),
    Reshape: slice(1, None),
    Scan: slice(1),
    SpecifyShape: slice(1, None),
    Subtensor: slice(1, None),
    Windows: slice(1, None),
    OverlapAdd: slice(1, None),
}
"""Ops whose kernels must know integer scalars, and take them as Python integers: which operands."""


def taken(node: Apply) -> range:
    """Return which operands of ``node`` may be Python integers."""
    everything = range(len(node.inputs))
    return everything if isinstance(node.op, MakeVector) else everything[_known(node)]


def _known(node: Apply) -> slice:
    return TAKING.get(type(node.op), slice(0))


def reads_values(node: Apply, integers: Collection[Variable]) -> bool:
    """Return whether the kernel of ``node`` turns a tensor into an integer.

    integers : the variables that are integers already; see `integers_of`.
    """
    return any(
        v.ndim == 0 and v not in integers and constant_extent(v) is None
        for v in node.inputs[_known(node)]
    )


def integers_of(graph: FunctionGraph) -> set[Variable]:
    """Return the variables of ``graph`` that are computed from extents alone."""
    found: set[Variable] = set()
    for node in graph.nodes:
        if isinstance(node.op, ExtentOp) or (
            isinstance(node.op, Elementwise)
            and node.op in ARITHMETIC
            and node.out.ndim == 0
            and node.out.dtype == "int64"
            and any(v in found for v in node.inputs)
            and all(v in found or constant_extent(v) is not None for v in node.inputs)
        ):
            found.add(node.out)
    return found


def make_integer(node: Apply) -> Callable[..., int]:
    """Return what computes an extent."""
    op = node.op
    if isinstance(op, ExtentOp):
        axis = op.axis

        def extent(x: Any) -> int:
            return x.shape[axis]

        return extent
    function = ARITHMETIC[op]
    readers = [Extent(v) for v in node.inputs]

    def computed(*values: Any) -> int:
        n = function(*(read(value) for read, value in zip(readers, values, strict=True)))
        return wrapped(n) if type(n) is int else n  # symbolic ones fit

    return computed
