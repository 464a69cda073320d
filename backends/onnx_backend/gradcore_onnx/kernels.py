"""The table of kernels: what each op is in ONNX.

A class of ops has a maker, which takes a node (and runners of the graphs inside it) and returns a
function of tensors that emits nodes.  What is not here is written with what is, by
`gradcore.compile.legalize`: windows by their element form, for example.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from gradcore.backend import Kernels
from gradcore.dtypes import computed
from gradcore.graph import Apply, Kernel
from gradcore.ops.control import (
    Assert,
    Conditional,
    DisconnectedGrad,
    GradClip,
    GradScale,
    IfElse,
    OptimizationBarrier,
    ZeroGrad,
)
from gradcore.ops.create import Arange
from gradcore.ops.index import IncSubtensor, Nonzero, Subtensor
from gradcore.ops.linalg import Dot, MatMul
from gradcore.ops.reduce import ArgReduce, Cumulative, Recurrence, Reduce, farthest
from gradcore.ops.scan import Scan
from gradcore.ops.search import SearchSorted
from gradcore.ops.shape import Alloc, DimShuffle, Join, Repeat, Reshape
from gradcore.ops.shape_values import Extent, MakeVector, ShapeOf, SpecifyShape
from gradcore.ops.sorting import ArgSort, Sort
from gradcore_onnx.indexing import inc_subtensor, subtensor
from gradcore_onnx.loops import conditional, cumulative, if_else, recurrence, scan
from gradcore_onnx.orders import arg_sort, search_sorted, sort
from gradcore_onnx.scalars import ENTRIES, truth
from gradcore_onnx.tensors import (
    Tensor,
    any_of,
    arange,
    cast,
    checked,
    concatenate,
    constant,
    emit,
    equal,
    expand,
    extent,
    gather,
    integer,
    is_nan,
    reduced,
    reshape,
    shape_of,
    squeeze,
    transpose,
    unsqueeze,
    vector,
    where,
)


# reductions -------------------------------------------------------------------------------------
def _reduce(node: Apply) -> Kernel:
    op, dtype = node.op, node.out.dtype
    assert isinstance(op, Reduce)
    if op.kind in ("any", "all"):
        some = op.kind == "any"

        def of_truth(x: Tensor) -> Tensor:
            found = any_of(truth(x) if some else ~truth(x), op.axes)
            return found if some else ~found

        return of_truth
    if op.kind in ("sum", "prod"):

        def accumulated(x: Tensor) -> Tensor:
            operator = f"Reduce{op.kind.capitalize()}"
            return cast(reduced(operator, cast(x, computed(dtype)), op.axes), dtype)

        return accumulated
    known = node.inputs[0].type.shape
    return partial(_extreme, op, [axis for axis in op.axes if known[axis] is None])


def _extreme(op: Reduce, unknown: Sequence[int], x: Tensor) -> Tensor:
    """Return the largest, or smallest, along axes: NaN wins, and of nothing there is none.

    unknown : the axes along which there may be nothing.
    """
    if unknown and not op.unbounded:
        some = [extent(x, axis) > 0 for axis in unknown]
        x = checked(x, functools.reduce(Tensor.__and__, some))
    if x.dtype == "bool":
        return any_of(x, op.axes) if op.kind == "max" else ~any_of(~x, op.axes)
    if op.unbounded:
        ends = np.zeros(2 * x.ndim, "int64")
        ends[x.ndim + np.array(op.axes, "int64")] = 1
        x = emit("Pad", x, constant(ends), constant(farthest(op.kind, x.dtype), x.dtype))
    found = reduced(f"Reduce{op.kind.capitalize()}", x, op.axes)
    if x.kind != "f":
        return found
    return where(any_of(is_nan(x), op.axes), constant(np.nan, x.dtype), found)


def _arg_reduce(node: Apply) -> Kernel:
    op = node.op
    assert isinstance(op, ArgReduce)

    def first(operator: str, x: Tensor) -> Tensor:
        return emit(operator, x, dtype="int64", ndim=x.ndim - 1, axis=op.axis, keepdims=0)

    def run(x: Tensor) -> Tensor:
        if x.dtype == "bool":
            x = cast(x, "uint8")
        found = first("ArgMax" if op.kind == "max" else "ArgMin", x)
        if x.kind != "f":
            return found
        nan = is_nan(x)
        return where(any_of(nan, [op.axis]), first("ArgMax", cast(nan, "uint8")), found)

    return run


# shapes -----------------------------------------------------------------------------------------
def _extent(node: Apply) -> Kernel:
    op = node.op
    assert isinstance(op, Extent)
    return partial(extent, axis=op.axis)


def _make_vector(node: Apply) -> Kernel:
    def run(*scalars: Tensor) -> Tensor:
        return vector(scalars, node.out.dtype)

    return run


def _dimshuffle(node: Apply) -> Kernel:
    op = node.op
    assert isinstance(op, DimShuffle)
    remaining, dropped, new = op.split(node.inputs[0].ndim)

    def run(x: Tensor) -> Tensor:
        x = transpose(x, [*remaining, *dropped])
        return unsqueeze(squeeze(x, *range(len(remaining), x.ndim)), *new)

    return run


def _reshape(x: Tensor, *extents: Tensor) -> Tensor:
    return reshape(x, vector(extents), len(extents))


def _alloc(value: Tensor, *extents: Tensor) -> Tensor:
    return expand(value, vector(extents), len(extents))


def _join(node: Apply) -> Kernel:
    op, dtype = node.op, node.out.dtype
    assert isinstance(op, Join)

    def run(*tensors: Tensor) -> Tensor:
        return concatenate([cast(x, dtype) for x in tensors], op.axis)

    return run


def _specify_shape(x: Tensor, *extents: Tensor) -> Tensor:
    differs = ~equal(shape_of(x), vector(extents))
    return checked(x, ~any_of(differs, [0]))


def _repeat(node: Apply) -> Kernel:
    op = node.op
    assert isinstance(op, Repeat)

    def run(x: Tensor, counts: Tensor) -> Tensor:
        """Number the elements: the sum, so far, of ones where the next one starts."""
        counts = cast(counts, "int64")
        fit = equal(extent(counts, 0), extent(x, op.axis)) & ~any_of(counts < 0, [0])
        counts = checked(counts, fit)
        ends = emit("CumSum", counts, integer(0))
        total = reduced("ReduceSum", counts, [0])
        nothing = expand(integer(0), unsqueeze(total + 1, 0), 1)
        ones = expand(integer(1), shape_of(ends), 1)
        starts = emit("ScatterElements", nothing, ends, ones, ndim=1, axis=0, reduction="add")
        source = emit("CumSum", starts, integer(0))
        return gather(x, gather(source, arange(total)), op.axis)

    return run


# products ---------------------------------------------------------------------------------------
def _product(node: Apply) -> Kernel:
    """Return what emits a product, of matrices: a vector is a row, or a column.

    Of a transposed matrix and a vector, onnxruntime (1.32) fuses the two, and computes another one.
    """
    dtype = node.out.dtype
    wide = "int32" if dtype == "bool" else computed(dtype)

    def run(x: Tensor, y: Tensor) -> Tensor:
        row, column = x.ndim == 1, y.ndim == 1
        x = unsqueeze(cast(x, wide), 0) if row else cast(x, wide)
        y = unsqueeze(cast(y, wide), 1) if column else cast(y, wide)
        found = emit("MatMul", x, y)
        found = squeeze(found, *[found.ndim - 2] * row, *[found.ndim - 1] * column)
        return found > 0 if dtype == "bool" else cast(found, dtype)

    return run


# choice, checks, marks --------------------------------------------------------------------------
def _nonzero(node: Apply) -> Kernel:
    def run(x: Tensor) -> Sequence[Tensor] | Tensor:
        places = emit("NonZero", truth(x), dtype="int64", ndim=2)
        found = [gather(places, integer(axis)) for axis in range(x.ndim)]
        return found if len(found) > 1 else found[0]

    return run


def _assert(x: Tensor, *conditions: Tensor) -> Tensor:
    for c in conditions:
        x = checked(x, ~any_of(~truth(c), range(c.ndim)))
    return x


def _first(x: Tensor, *others: Tensor) -> Tensor:
    return x


def _always(kernel: Kernel) -> Callable[..., Kernel]:
    """Return what makes the same kernel for all nodes of a class of ops."""

    def made(node: Apply) -> Kernel:
        return kernel

    return made


KERNELS: Kernels = {
    **ENTRIES,
    # reductions
    Reduce: _reduce,
    ArgReduce: _arg_reduce,
    Cumulative: cumulative,
    Recurrence: recurrence,
    # shapes
    ShapeOf: _always(shape_of),
    Extent: _extent,
    MakeVector: _make_vector,
    DimShuffle: _dimshuffle,
    Reshape: _always(_reshape),
    Alloc: _always(_alloc),
    Join: _join,
    SpecifyShape: _always(_specify_shape),
    Repeat: _repeat,
    Arange: _always(arange),
    # products
    Dot: _product,
    MatMul: _product,
    # indexing and orders
    Subtensor: subtensor,
    IncSubtensor: inc_subtensor,
    Nonzero: _nonzero,
    Sort: sort,
    ArgSort: arg_sort,
    SearchSorted: search_sorted,
    # choice, checks, marks
    IfElse: if_else,
    Conditional: conditional,
    Assert: _always(_assert),
    **dict.fromkeys(
        (ZeroGrad, DisconnectedGrad, GradScale, GradClip, OptimizationBarrier), _always(_first)
    ),
    # loops
    Scan: scan,
}
"""The table."""
