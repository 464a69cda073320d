"""The pattern of an op's Jacobian: which elements of an operand each element of a result reads.

An op that declares an element form is read by it (`gradcore.gradient.elements`).  Families whose
results are no function of a few elements (reductions, products, orders) have a rule here, as they
have one in lowering.  What is left is dense on all axes, which is always right.

The decision: a pattern is a boolean CSR matrix of SciPy, of elements of the result by elements of
the operand, both in C order; patterns compose by products of matrices, and add by union.
Rejected: sets of indices an element, a hundred times the time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import scipy.sparse  # pyright: ignore[reportMissingTypeStubs] - it ships none
from numpy.typing import NDArray

from gradcore.gradient.elements import Operand, UnknownIndexError, elements_read
from gradcore.graph import Apply, Op
from gradcore.ops.elementwise import Elementwise
from gradcore.ops.gathers import has_element
from gradcore.ops.implicit import ImplicitSolution
from gradcore.ops.index import IncSubtensor, Subtensor
from gradcore.ops.linalg import Dot, MatMul
from gradcore.ops.reduce import Cumulative, Recurrence, Reduce
from gradcore.ops.shape import Join, Repeat, Reshape
from gradcore.ops.sorting import Sort

sparse: Any = scipy.sparse
"""SciPy's sparse matrices, which declare no types."""

Shape: TypeAlias = tuple[int, ...]
Pattern: TypeAlias = Any
"""A boolean ``scipy.sparse.csr_array``."""


@dataclass
class Local:
    """A node, of which the shapes are known, and the values of some operands.

    shapes, values : of the operands; a value is None if it is not known.
    result : the shape of the output.
    """

    node: Apply
    shapes: list[Shape]
    values: list[Any]
    result: Shape


def pattern_of(rows: Any, columns: Any, shape: tuple[int, int]) -> Pattern:
    """Return the pattern with entries at ``rows`` and ``columns``; a negative number is none."""
    rows, columns = np.reshape(rows, -1), np.reshape(columns, -1)
    inside = (rows >= 0) & (columns >= 0)
    if not inside.all():
        rows, columns = rows[inside], columns[inside]
    return sparse.csr_array((np.ones(rows.size, bool), (rows, columns)), shape=shape)


def moved(positions: Any, size: int) -> Pattern:
    """Return the pattern of a result each of whose elements reads one position, or none (-1)."""
    flat = np.reshape(positions, -1)
    if flat.size == size and (flat == np.arange(size)).all():
        return sparse.eye_array(size, dtype=bool, format="csr")
    return pattern_of(np.arange(flat.size), flat, (flat.size, size))


def numbers(shape: Shape) -> Any:
    """Return the positions of the elements of an array of ``shape``, in that shape."""
    return np.arange(math.prod(shape)).reshape(shape)


def rows_of(pattern: Pattern) -> NDArray[np.int64]:
    """Return the row of each nonzero."""
    counts: Any = np.diff(pattern.indptr)
    return np.repeat(np.arange(int(pattern.shape[0])), counts)


def dense(rows: int, columns: int) -> Pattern:
    """Return the pattern that is everywhere."""
    return sparse.csr_array(np.ones((rows, columns), bool))


def reads_by_itself(op: Op) -> bool:
    """Return whether an op says what its elements read: by a rule, an element form, a library."""
    declared = has_element(type(op)) or op.extern is not None
    return declared or any(kind in RULES for kind in type(op).__mro__)


def local_patterns(local: Local, wanted: Sequence[int]) -> Mapping[int, Pattern]:
    """Return the patterns of the only output of a node in the operands ``wanted``.

    Those that are missing are empty.
    """
    op = local.node.op
    rule = next((RULES[kind] for kind in type(op).__mro__ if kind in RULES), None)
    if rule is not None:
        found = rule(local, wanted)
        if found is not None:
            return found
    elif has_element(type(op)):
        found = _by_element(local, wanted)
        if found is not None:
            return found
    elif op.extern is not None:
        return {i: _stacked(local, i, op.extern.core) for i in wanted}
    return _anywhere(local, wanted)


def _by_element(local: Local, wanted: Sequence[int]) -> dict[int, Pattern] | None:
    """Return what the element form reads; None if that depends on values not known."""
    operands = [
        Operand(k, shape, v.dtype, value)
        for k, (v, shape, value) in enumerate(
            zip(local.node.inputs, local.shapes, local.values, strict=True)
        )
    ]
    try:
        reads = elements_read(local.node, operands, local.result)
    except UnknownIndexError:
        return None
    found: dict[int, Pattern] = {}
    for k, positions in reads:
        if k in wanted:
            pattern = moved(positions, math.prod(local.shapes[k]))
            found[k] = found[k] + pattern if k in found else pattern
    return found


def _stacked(local: Local, i: int, core: int) -> Pattern:
    """Return the pattern of a function of a library, which works through a stack of arrays."""
    shape = local.shapes[i]
    split = len(shape) - core
    blocks = math.prod(shape[:split])
    block = np.ones((math.prod(local.result[split:]), math.prod(shape[split:])), bool)
    return sparse.kron(sparse.eye_array(blocks, dtype=bool), block, format="csr").astype(bool)


# elementwise ------------------------------------------------------------------------------------
def _elementwise(local: Local, wanted: Sequence[int]) -> dict[int, Pattern]:
    """Each element reads those that broadcast to it, where its coefficient is not zero."""
    found: dict[int, Pattern] = {}
    for i in wanted:
        shape = local.shapes[i]
        at = np.broadcast_to(numbers(shape), local.result)
        coefficient = _coefficient(local, i)
        if coefficient is not None:
            at = np.where(coefficient != 0, at, -1)
        found[i] = moved(at, math.prod(shape))
    return found


def _coefficient(local: Local, i: int) -> Any:
    """Return what operand ``i`` is multiplied by, where values that are known say it.

    An op that is linear in some operands together is, of 1 and zeros for these, the coefficient.
    """
    node = local.node
    others = set(range(len(node.inputs)))
    for together in node.op.derivative.linear_in(node):
        rest = others - set(together)
        if i not in together or not rest or any(local.values[k] is None for k in rest):
            continue
        given = [
            local.values[k] if k in rest else np.asarray(k == i, v.dtype)
            for k, v in enumerate(node.inputs)
        ]
        with np.errstate(all="ignore"):
            return node.op.reference(*given)
    return None


# elements that move -----------------------------------------------------------------------------
def _by_numbers(local: Local, wanted: Sequence[int]) -> dict[int, Pattern] | None:
    """Run an op that only moves elements on their numbers."""
    count = 1 if isinstance(local.node.op, (Reshape, Repeat)) else len(local.shapes)
    parameters = local.values[count:]
    if any(value is None for value in parameters):
        return None
    starts = np.cumsum([0, *(math.prod(shape) for shape in local.shapes[:count])])
    given = [numbers(s) + start for s, start in zip(local.shapes, starts[:-1], strict=False)]
    at = np.reshape(local.node.op.reference(*given, *parameters), -1)
    return {
        i: moved(np.where((at >= starts[i]) & (at < starts[i + 1]), at - starts[i], -1),
                 int(starts[i + 1] - starts[i]))
        for i in wanted
    }  # fmt: skip


def _written(local: Local, wanted: Sequence[int]) -> dict[int, Pattern] | None:
    """What is written reads the part; the rest, and what is added to, reads the tensor."""
    op = local.node.op
    assert isinstance(op, IncSubtensor)
    x, y, *_ = local.shapes
    indices = local.values[2:]
    if any(value is None for value in indices):
        return None
    size, count = math.prod(x), math.prod(y)
    if op.overwrite:
        at = op.reference(numbers(x), numbers(y) + size, *indices)
        found = {0: moved(np.where(at < size, at, -1), size),
                 1: moved(np.where(at < size, -1, at - size), count)}  # fmt: skip
    else:
        there = Subtensor(op.pattern).reference(numbers(x), *indices)
        given = np.broadcast_to(numbers(y), np.shape(there))
        found = {0: moved(numbers(x), size), 1: pattern_of(there, given, (size, count))}
    return {i: found[i] for i in wanted}


# along axes -------------------------------------------------------------------------------------
def _reduced(local: Local, wanted: Sequence[int]) -> dict[int, Pattern]:
    """Each result reads all that it is reduced from."""
    op = local.node.op
    assert isinstance(op, Reduce)
    (shape,) = local.shapes
    extents = [1 if axis in op.axes else n for axis, n in enumerate(shape)]
    there = np.broadcast_to(numbers(local.result).reshape(extents), shape)
    return {0: pattern_of(there, numbers(shape), (math.prod(local.result), math.prod(shape)))}


def _along(shape: Shape, axis: int, reads: Any) -> Pattern:
    """Return the pattern along ``axis``: ``reads[k, j]`` says whether element k reads element j."""
    rows = np.moveaxis(numbers(shape), axis, -1).reshape(-1, shape[axis])
    k, j = np.nonzero(reads)
    return pattern_of(rows[:, k], rows[:, j], (rows.size, rows.size))


def _cumulative(local: Local, wanted: Sequence[int]) -> dict[int, Pattern]:
    """Each element reads those before it, and itself."""
    op = local.node.op
    assert isinstance(op, (Cumulative, Recurrence))
    before = np.tri(local.result[op.axis], dtype=bool)
    found = dict.fromkeys(wanted, before)
    if isinstance(op, Recurrence) and 0 in wanted:
        found[0] = before & (np.arange(len(before)) > 0)  # the first factor is of nothing
    return {i: _along(local.result, op.axis, reads) for i, reads in found.items()}


def _sorted(local: Local, wanted: Sequence[int]) -> dict[int, Pattern]:
    """Any element may come to any place along the axis."""
    op = local.node.op
    assert isinstance(op, Sort)
    n = local.result[op.axis]
    return {0: _along(local.result, op.axis, np.ones((n, n), bool))}


# products ---------------------------------------------------------------------------------------
def _product(local: Local, wanted: Sequence[int]) -> dict[int, Pattern]:
    """Each element reads a row of the first and a column of the second.

    Where an operand is known, its zeros read nothing of the other.
    """
    x, y = (numbers(shape) for shape in local.shapes)
    vectors = x.ndim == 1, y.ndim == 1
    x = x[None] if vectors[0] else x
    y = y[:, None] if vectors[1] else y
    stack = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    m, k, n = x.shape[-2], x.shape[-1], y.shape[-1]
    whole = (*stack, m, k, n)
    out = np.broadcast_to(numbers((*stack, m, 1, n)), whole)
    at = np.broadcast_to(x[..., :, :, None], whole), np.broadcast_to(y[..., None, :, :], whole)
    found: dict[int, Pattern] = {}
    for i in wanted:
        other, positions = local.values[1 - i], at[i]
        if other is not None:
            positions = np.where(np.reshape(other, -1)[at[1 - i]] != 0, positions, -1)
        found[i] = pattern_of(out, positions, (math.prod(local.result), math.prod(local.shapes[i])))
    return found


Rule: TypeAlias = Callable[[Local, Sequence[int]], "dict[int, Pattern] | None"]


def _anywhere(local: Local, wanted: Sequence[int]) -> dict[int, Pattern]:
    """Each element of the result may read each of an operand."""
    size = math.prod(local.result)
    return {i: dense(size, math.prod(local.shapes[i])) for i in wanted}


RULES: Mapping[type[Op], Rule] = {
    Elementwise: _elementwise,
    Reshape: _by_numbers,
    Join: _by_numbers,
    Repeat: _by_numbers,
    IncSubtensor: _written,
    Reduce: _reduced,
    Cumulative: _cumulative,
    Recurrence: _cumulative,
    Sort: _sorted,
    Dot: _product,
    MatMul: _product,
    ImplicitSolution: _anywhere,
}
"""Rules by classes of ops; None: the pattern depends on values that are not known."""
