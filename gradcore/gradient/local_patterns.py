"""The pattern of an op's Jacobian: which elements of an operand each element of a result reads.

An op that has an element form is read by it (`gradcore.gradient.elements`).  Those whose results
are no function of a few elements (reductions, products, orders) declare it: `Op.reads`.  A function
of a library works through a stack of arrays.  What is left is dense, which is always right.

The decision: a pattern is a boolean CSR matrix of SciPy, of elements of the result by elements of
the operand, both in C order; patterns compose by products of matrices, and add by union.
Rejected: sets of indices an element, a hundred times the time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import scipy.sparse  # pyright: ignore[reportMissingTypeStubs] - it ships none
from numpy.typing import NDArray

from gradcore.gradient.elements import Operand, UnknownIndexError, elements_read
from gradcore.graph import Op
from gradcore.graph.reads import Local, Pairs
from gradcore.ops.gathers import has_element

sparse: Any = scipy.sparse
"""SciPy's sparse matrices, which declare no types."""

Pattern: TypeAlias = Any
"""A boolean ``scipy.sparse.csr_array``."""


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


def rows_of(pattern: Pattern) -> NDArray[np.int64]:
    """Return the row of each nonzero."""
    counts: Any = np.diff(pattern.indptr)
    return np.repeat(np.arange(int(pattern.shape[0])), counts)


def dense(rows: int, columns: int) -> Pattern:
    """Return the pattern that is everywhere."""
    return sparse.csr_array(np.ones((rows, columns), bool))


def reads_by_itself(op: Op) -> bool:
    """Return whether an op says what its elements read: itself, by an element form, a library."""
    return declares_reads(op) or has_element(type(op)) or op.extern is not None


def declares_reads(op: Op) -> bool:
    """Return whether an op declares what its elements read."""
    return type(op).reads is not Op.reads


def local_patterns(local: Local, wanted: Sequence[int]) -> Mapping[int, Pattern]:
    """Return the patterns of the only output of a node in the operands ``wanted``.

    Those that are missing are empty.
    """
    op: Op = local.node.op
    size = math.prod(local.result)
    reads = op.reads(local, wanted)
    if reads is not None:
        sizes = list(map(math.prod, local.shapes))
        return {i: _of_pairs(pairs, size, sizes[i]) for i, pairs in reads.items()}
    if not declares_reads(op) and has_element(type(op)):
        found = _by_element(local, wanted)
        if found is not None:
            return found
    elif op.extern is not None:
        return {i: _stacked(local, i, op.extern.core) for i in wanted}
    return {i: dense(size, math.prod(local.shapes[i])) for i in wanted}


def _of_pairs(pairs: Pairs, size: int, columns: int) -> Pattern:
    """Return the pattern of pairs, of ``size`` elements by ``columns``."""
    if pairs.rows is None:
        return moved(pairs.columns, columns)
    return pattern_of(pairs.rows, pairs.columns, (size, columns))


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
