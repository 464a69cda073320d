"""Windows: a view of torch's, and slices of it that are added up where they overlap."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradcore.backend.arrays import Kernels
from gradcore.graph import Apply, Operand
from gradcore.graph.extents import check_size
from gradcore.ops.windows import OverlapAdd, Windows
from gradcore_torch.extents import Extent
from gradcore_torch.library import torch


def _make_windows(node: Apply) -> Callable[..., Any]:
    op = node.op
    assert isinstance(op, Windows)
    readers = [Extent(v) for v in node.inputs[1:]]

    def shown(x: Any, *sizes: Any) -> Any:
        lead = x.ndim - op.rank
        known = [read(n) for read, n in zip(readers, sizes, strict=True)]
        for axis, size in enumerate(known):
            op.check_fit(axis, x.shape[lead + axis], size, None, node.inputs[0])
        shape = op.shape(Operand(tuple(x.shape)), *(Operand((), n) for n in known))
        check_size(shape)
        steps = x.stride()
        within = (s * d for s, d in zip(steps[lead:], op.dilations, strict=True))
        which = (s * t for s, t in zip(steps[lead:], op.strides, strict=True))
        return torch.as_strided(x, shape, (*steps[:lead], *within, *which))

    return shown


def _make_overlap_add(node: Apply) -> Callable[..., Any]:
    op = node.op
    assert isinstance(op, OverlapAdd)
    readers = [Extent(v) for v in node.inputs[1:]]
    every = [slice(None)] * op.rank

    def added(x: Any, *extents: Any) -> Any:
        last = tuple([read(n) for read, n in zip(readers, extents, strict=True)])
        shape = tuple(x.shape)
        op.check_arrays(shape, last)
        result = (*shape[: x.ndim - 2 * op.rank], *last)
        check_size(result)
        out = x.new_zeros(result)
        for within, places in op.parts(shape):
            out[(..., *places)] += x[(..., *within, *every)]
        return out

    return added


WINDOWS: Kernels = {Windows: _make_windows, OverlapAdd: _make_overlap_add}
"""What makes the function for a node."""
