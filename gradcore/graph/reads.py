"""Which elements of its operands each element of a result reads: what `Op.reads` returns.

It is the sparsity pattern of the op's Jacobian, as pairs of positions: of an element of the result,
and of an element of the operand, both counted in C order.

The decision: positions are arrays of NumPy, found by doing to the numbers of elements what the op
does to elements; whoever needs a sparse matrix makes one (`gradcore.gradient`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np


@dataclass(frozen=True)
class Local:
    """A node of one output, of which all shapes are known, and the values of some operands.

    node : the `Apply`.
    shapes, values : of the operands; a value is None if it is not known.
    result : the shape of the output.
    """

    node: Any
    shapes: Sequence[tuple[int, ...]]
    values: Sequence[Any]
    result: tuple[int, ...]


class Pairs(NamedTuple):
    """What elements of a result read of one operand.

    columns : positions in the operand; a negative number is none.
    rows : the positions in the result, as many; None: each of them, in order.
    """

    columns: Any
    rows: Any = None


Reads: TypeAlias = Mapping[int, Pairs]
"""What is read of each operand, by its number."""


def numbers(shape: Sequence[int]) -> Any:
    """Return the positions of the elements of an array of ``shape``, in that shape.

    >>> numbers((2, 3))
    array([[0, 1, 2],
           [3, 4, 5]])
    """
    return np.arange(math.prod(shape)).reshape(shape)


def moved(local: Local, wanted: Sequence[int], count: int) -> Reads | None:
    """Return what an op reads that only moves elements.

    count : how many operands, from the first on, are moved; the others are parameters.

    None: a parameter is not known.
    """
    parameters = local.values[count:]
    if any(value is None for value in parameters):
        return None
    starts = np.cumsum([0, *map(math.prod, local.shapes[:count])])
    given = [numbers(s) + start for s, start in zip(local.shapes, starts[:-1], strict=False)]
    at = np.reshape(local.node.op.reference(*given, *parameters), -1)
    return {
        i: Pairs(np.where((at >= starts[i]) & (at < starts[i + 1]), at - starts[i], -1))
        for i in wanted
    }


def along(shape: Sequence[int], axis: int, reads: Any) -> Pairs:
    """Return the pairs along ``axis``: ``reads[k, j]`` says whether element k reads element j."""
    lines = np.moveaxis(numbers(shape), axis, -1)
    lines = lines.reshape(math.prod(lines.shape[:-1]), shape[axis])
    k, j = np.nonzero(reads)
    return Pairs(lines[:, j], lines[:, k])
