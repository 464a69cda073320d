"""Which call of BLAS a product of arrays with strides is.

BLAS counts matrices by columns: one has consecutive elements along its first axis, and ``leading``
elements from one column to the next.  An array whose rows are consecutive is such a matrix
transposed; one where neither rows nor columns are must be copied first.

The decision: this is arithmetic on strides and knows no library, so that it is tested where there
is no device.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from gradcore_cuda.runtime import Array

MOST_BLAS_EXTENT = 2**31 - 1
"""The largest extent and leading dimension that BLAS takes."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """A matrix in memory, as BLAS sees it.

    address : of its first element.
    transposed : whether it is the transpose of what is stored column by column.
    leading : the stride between columns, in elements.
    step : the stride between the matrices of a stack, in elements.
    """

    address: int
    transposed: bool
    leading: int
    step: int = 0


@dataclass(frozen=True, slots=True)
class Gemm:
    """``c = a @ b`` or ``c += a @ b`` for a stack of ``count`` matrices: gemm's arguments."""

    dtype: str
    m: int
    n: int
    k: int
    a: Matrix
    b: Matrix
    c: Matrix
    count: int
    accumulate: bool


def strides(array: Array) -> tuple[int, ...]:
    """Return by how many elements in memory an index of each axis moves."""
    if array.strides is not None:
        return array.strides
    found: list[int] = []
    step = 1
    for n in reversed(array.shape):
        found.append(step)
        step *= n
    return tuple(reversed(found))


def addressable(array: Array) -> bool:
    """Return whether BLAS can read the matrices of ``array`` where they are."""
    rows, columns = array.shape[-2:]
    down, right = strides(array)[-2:]
    return (
        _leading(rows, columns, down, right) is not None
        or _leading(columns, rows, right, down) is not None
    )


def _leading(rows: int, columns: int, down: int, right: int) -> int | None:
    """Return the leading dimension of a matrix with consecutive columns, or None if it is none."""
    if rows != 1 and down != 1:
        return None
    if columns == 1:
        return max(rows, 1)
    return right if max(rows, 1) <= right <= MOST_BLAS_EXTENT else None


def products(out: Array, x: Array, y: Array, accumulate: bool, size: int) -> Iterator[Gemm]:
    """Yield the calls that let ``out`` be ``x @ y``, or that much more.

    All three must be `addressable`, and ``out`` have no stride that is 0 or negative.
    size : the bytes of an element.
    """
    rows, inner = x.shape[-2:]
    columns = y.shape[-1]
    down, right = strides(out)[-2:]
    leading = _leading(rows, columns, down, right)
    if leading is not None:
        m, n, first, second, flipped = rows, columns, x, y, False
    else:  # the transposed product, of the transposes in the other order
        leading = _leading(columns, rows, right, down)
        m, n, first, second, flipped = columns, rows, y, x, True
    assert leading is not None, out
    for (at_out, at_x, at_y), (step_out, step_x, step_y), count in _stacks(out, x, y):
        at_first, at_second = (at_y, at_x) if flipped else (at_x, at_y)
        step_first, step_second = (step_y, step_x) if flipped else (step_x, step_y)
        yield Gemm(
            out.dtype,
            m,
            n,
            inner,
            _matrix(first, flipped, at_first, step_first, size),
            _matrix(second, flipped, at_second, step_second, size),
            Matrix(out.memory.address + at_out * size, False, leading, step_out),
            count,
            accumulate,
        )


def _matrix(array: Array, flipped: bool, offset: int, step: int, size: int) -> Matrix:
    rows, columns = array.shape[-2:]
    down, right = strides(array)[-2:]
    if flipped:
        rows, columns, down, right = columns, rows, right, down
    address = array.memory.address + offset * size
    leading = _leading(rows, columns, down, right)
    if leading is not None:
        return Matrix(address, False, leading, step)
    leading = _leading(columns, rows, right, down)
    assert leading is not None, array
    return Matrix(address, True, leading, step)


def _stacks(
    *arrays: Array,
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...], int]]:
    """Yield offsets, steps and a count for each run of matrices that are evenly spaced in all."""
    lead = arrays[0].shape[:-2]
    moves = [strides(array)[:-2] for array in arrays]
    axes = [axis for axis, n in enumerate(lead) if n != 1]
    count, run = 1, [0] * len(arrays)
    while axes:  # the longest run of last axes that is one step in every array
        axis = axes[-1]
        steps = [move[axis] for move in moves]
        if count > 1 and any(s != r * count for s, r in zip(steps, run, strict=True)):
            break
        if count == 1:
            run = steps
        count *= lead[axis]
        axes.pop()
    for k in range(math.prod(lead[axis] for axis in axes)):
        offsets, rest = [0] * len(arrays), k
        for axis in reversed(axes):
            rest, at = divmod(rest, lead[axis])
            offsets = [o + at * move[axis] for o, move in zip(offsets, moves, strict=True)]
        yield tuple(offsets), tuple(run), count


@dataclass(frozen=True, slots=True)
class VectorProduct:
    """``y = a @ x`` or ``y += a @ x``: gemv's arguments.

    rows, columns : of the matrix as it is stored.
    along_x, along_y : the strides of the vectors, in elements.
    """

    dtype: str
    rows: int
    columns: int
    a: Matrix
    x: int
    along_x: int
    y: int
    along_y: int
    accumulate: bool


def vector_product(p: Gemm) -> VectorProduct | None:
    """Return a product with a vector as such, or None if it is none."""
    if p.count != 1 or (p.m != 1 and p.n != 1) or p.k == 0:  # an empty sum would set nothing
        return None
    if p.n == 1:
        rows, columns = (p.k, p.m) if p.a.transposed else (p.m, p.k)
        along = p.b.leading if p.b.transposed else 1
        return VectorProduct(
            p.dtype, rows, columns, p.a, p.b.address, along, p.c.address, 1, p.accumulate
        )
    rows, columns = (p.n, p.k) if p.b.transposed else (p.k, p.n)
    matrix = Matrix(p.b.address, not p.b.transposed, p.b.leading)
    along = 1 if p.a.transposed else p.a.leading
    return VectorProduct(
        p.dtype, rows, columns, matrix, p.a.address, along, p.c.address, p.c.leading, p.accumulate
    )
