"""The orders of elements: sorting, and places among sorted ones.

``TopK`` of all elements sorts, equal ones in their order.  ONNX does not say where NaN goes: it is
sorted as infinity, and then behind the others, by a second sort.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from gradcore.errors import UnsupportedError
from gradcore.graph import Apply, Kernel
from gradcore.ops.search import SearchSorted
from gradcore.ops.sorting import ArgSort, Sort
from gradcore_onnx.tensors import (
    DETOURS,
    Tensor,
    cast,
    concatenate,
    constant,
    emit,
    emit_all,
    equal,
    expand,
    extent,
    gather,
    integer,
    is_nan,
    shape_of,
    unsqueeze,
    where,
)

LONGEST = 40
"""Bits of the number of elements that are searched, where it is not known."""


def _ascending(x: Tensor, axis: int) -> Tensor:
    """Return the indices that sort along an axis."""
    if x.dtype == "uint64":
        raise UnsupportedError("ONNX's TopK takes no uint64")
    x = cast(x, DETOURS["TopK"].get(x.dtype, x.dtype))
    n = unsqueeze(extent(x, axis), 0)
    results = [(x.dtype, x.ndim), ("int64", x.ndim)]
    _, found = emit_all("TopK", [x, n], results, axis=axis, largest=0, sorted=1)
    return found


def _along(x: Tensor, indices: Tensor, axis: int) -> Tensor:
    return emit("GatherElements", x, indices, axis=axis)


def _sorting(x: Tensor, axis: int) -> Tensor:
    """Return the indices that sort along an axis, NaN last."""
    if x.kind != "f":
        return _ascending(x, axis)
    nan = is_nan(x)
    first = _ascending(where(nan, math.inf, x), axis)
    second = _ascending(cast(_along(cast(nan, "uint8"), first, axis), "int32"), axis)
    return _along(first, second, axis)


def sort(node: Apply) -> Kernel:
    """Return what emits a `Sort`."""
    op = node.op
    assert isinstance(op, Sort)

    def run(x: Tensor) -> Tensor:
        return _along(x, _sorting(x, op.axis), op.axis)

    return run


def arg_sort(node: Apply) -> Kernel:
    """Return what emits an `ArgSort`."""
    op = node.op
    assert isinstance(op, ArgSort)
    return partial(_sorting, axis=op.axis)


def search_sorted(node: Apply) -> Kernel:
    """Return what emits a `SearchSorted`: bisection, as `gradcore.ops.search.bisected` has it."""
    op = node.op
    assert isinstance(op, SearchSorted)
    known = node.inputs[0].type.shape[0]
    bits = LONGEST if known is None else known.bit_length()

    def run(a: Tensor, v: Tensor) -> Tensor:
        n = extent(a, 0)
        a = concatenate([a, constant(np.zeros(1, a.dtype))], 0)  # what is read where it is empty
        found = expand(integer(0), shape_of(v), v.ndim)
        last = is_nan(v) if v.kind == "f" else ~equal(v, v)
        for bit in reversed(range(bits)):
            more = found + (1 << bit)
            inside = more <= n
            x = gather(a, where(inside, more, n) - 1)
            if op.side == "left":
                before = (x < v) | (last & equal(x, x))
            else:
                before = (x <= v) | last
            found = where(inside & before, more, found)
        return found

    return run
