"""The classes of ops: shapes, reductions, products, orders, graphs within ops."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import array_api_strict as xp
import numpy as np

from gradcore.errors import ShapeError
from gradcore.graph import Apply, Constant
from gradcore.ops import control, create, index, linalg, reduce, scan, shape
from gradcore_array_api.elementwise import as_number, truth
from gradcore_array_api.indexing import check_stretch, inc_subtensor, subtensor

Kernel = Callable[..., Any]


def result_dtype(node: Apply) -> Any:
    """Return the dtype of the output of a node, as the library has it."""
    return getattr(xp, node.outputs[0].dtype)


# shapes -----------------------------------------------------------------------------------------
def dimshuffle(node: Apply) -> Kernel:
    """Return what puts axes in another order, drops those of extent 1, and inserts some."""
    order = node.op.order
    retained = [axis for axis in order if axis != "x"]

    def run(x: Any) -> Any:
        dropped = [axis for axis in range(x.ndim) if axis not in retained]
        for axis in dropped:
            if x.shape[axis] != 1:
                raise ShapeError(f"axis {axis} has extent {x.shape[axis]}, and is to be dropped")
        x = xp.permute_dims(x, (*retained, *dropped))
        x = xp.reshape(x, x.shape[: len(retained)])
        for place, axis in enumerate(order):
            x = xp.expand_dims(x, axis=place) if axis == "x" else x
        return x

    return run


def reshape(node: Apply) -> Kernel:
    """Return what gives the elements another shape; an extent of -1, what is left, is constant."""
    left = any(isinstance(v, Constant) and int(v.data) == -1 for v in node.inputs[1:])

    def run(x: Any, *extents: Any) -> Any:
        wanted = tuple(map(int, extents))
        if any(n < -1 for n in wanted) or wanted.count(-1) > left:
            raise ShapeError(f"cannot reshape shape {x.shape} to {wanted}")
        return xp.reshape(x, wanted)

    return run


def alloc(node: Apply) -> Kernel:
    """Return what broadcasts a value to a shape."""

    def run(value: Any, *extents: Any) -> Any:
        wanted = tuple(map(int, extents))
        check_stretch(node, 0, value, wanted)
        return xp.broadcast_to(value, wanted)

    return run


def join(node: Apply) -> Kernel:
    """Return what puts arrays one after the other."""
    dtype = result_dtype(node)
    return lambda *arrays: xp.concat([xp.astype(a, dtype) for a in arrays], axis=node.op.axis)


def make_vector(node: Apply) -> Kernel:
    """Return what makes a vector of scalars."""
    dtype = result_dtype(node)

    def run(*scalars: Any) -> Any:
        if not scalars:
            return xp.zeros((0,), dtype=dtype)
        return xp.stack([xp.astype(s, dtype) for s in scalars])

    return run


def specify_shape(node: Apply) -> Kernel:
    """Return what refuses an array of another shape."""

    def run(x: Any, *extents: Any) -> Any:
        wanted = tuple(map(int, extents))
        if x.shape != wanted:
            raise node.op.error(f"{node.op.why}: the shape is {x.shape}, not {wanted}")
        return x

    return run


def repeat(node: Apply) -> Kernel:
    """Return what repeats elements."""

    def run(x: Any, counts: Any) -> Any:
        if bool(xp.any(as_number(counts) < 0)):
            raise ValueError("a count is negative")
        times = xp.broadcast_to(xp.astype(counts, xp.int64), (x.shape[node.op.axis],))
        return xp.repeat(x, times, axis=node.op.axis)

    return run


# reductions -------------------------------------------------------------------------------------
def reduction(node: Apply) -> Kernel:
    """Return a reduction over axes."""
    kind, axes, dtype = node.op.kind, node.op.axes, result_dtype(node)
    if kind in ("sum", "prod"):
        function = getattr(xp, kind)
        return lambda x: function(as_number(x), axis=axes, dtype=dtype)
    if kind in ("any", "all"):
        function = getattr(xp, kind)
        return lambda x: function(x, axis=axes)
    function = getattr(xp, kind)
    return lambda x: xp.astype(function(as_number(x), axis=axes), dtype) if axes else x


def arg_reduction(node: Apply) -> Kernel:
    """Return the index of an extreme."""
    function = xp.argmax if node.op.kind == "max" else xp.argmin
    return lambda x: function(as_number(x), axis=node.op.axis)


def cumulative(node: Apply) -> Kernel:
    """Return a cumulative sum or product."""
    function = xp.cumulative_sum if node.op.kind == "sum" else xp.cumulative_prod
    dtype = result_dtype(node)
    return lambda x: function(as_number(x), axis=node.op.axis, dtype=dtype)


# products ---------------------------------------------------------------------------------------
def product(node: Apply) -> Kernel:
    """Return a product of vectors or matrices, or of stacks of these."""
    dtype = result_dtype(node)
    within = xp.int64 if dtype == xp.bool else dtype

    def run(x: Any, y: Any) -> Any:
        found = xp.matmul(xp.astype(x, within), xp.astype(y, within))
        for place, operand in enumerate((x, y) if x.ndim > 2 or y.ndim > 2 else ()):
            check_stretch(node, place, operand, (*found.shape[:-2], *operand.shape[-2:]))
        return truth(found) if dtype == xp.bool else found

    return run


# orders -----------------------------------------------------------------------------------------
def sort(node: Apply) -> Kernel:
    """Return what sorts along an axis."""
    dtype = result_dtype(node)
    return lambda x: xp.astype(xp.sort(as_number(x), axis=node.op.axis), dtype)


def arg_sort(node: Apply) -> Kernel:
    """Return the indices that sort along an axis, equal elements in their order."""
    return lambda x: xp.argsort(as_number(x), axis=node.op.axis, stable=True)


def nonzero(node: Apply) -> Kernel:
    """Return the indices of what is not 0."""

    def run(x: Any) -> Any:
        found = xp.nonzero(x)
        return found if len(found) > 1 else found[0]

    return run


# choices, checks, loops -------------------------------------------------------------------------
def assertion(node: Apply) -> Kernel:
    """Return what refuses to go on where a condition is false."""

    def run(x: Any, *conditions: Any) -> Any:
        if not all(bool(xp.all(condition)) for condition in conditions):
            raise node.op.error(node.op.message)
        return x

    return run


def several(node: Apply, results: tuple[Any, ...]) -> Any:
    """Return the results of a node as a kernel returns them."""
    return results if len(node.outputs) > 1 else results[0]


def ifelse(node: Apply) -> Kernel:
    """Return a choice among arrays that are there."""
    n = node.op.outputs

    def run(condition: Any, *branches: Any) -> Any:
        return several(node, tuple(branches[:n] if condition else branches[n:]))

    return run


def conditional(node: Apply, then: Kernel, orelse: Kernel) -> Kernel:
    """Return what runs one of two graphs."""

    def run(condition: Any, *operands: Any) -> Any:
        return several(node, tuple((then if condition else orelse)(*operands)))

    return run


def loop(node: Apply, step: Kernel) -> Kernel:
    """Return a loop in Python: arrays of NumPy between the steps, of the library within."""

    def stepped(*arrays: Any) -> tuple[Any, ...]:
        return tuple(map(np.asarray, step(*(xp.asarray(np.asarray(a)) for a in arrays))))

    run = node.op.loop(stepped)

    def kernel(*arrays: Any) -> Any:
        results = run(*map(np.asarray, arrays))
        listed = results if len(node.outputs) > 1 else (results,)
        return several(node, tuple(xp.asarray(np.asarray(r)) for r in listed))

    return kernel


def passed_on(node: Apply) -> Kernel:
    """Return the operand: a mark that only derivatives see."""
    return lambda x: x


CLASSES: Mapping[type, Callable[..., Kernel]] = {
    shape.DimShuffle: dimshuffle,
    shape.Reshape: reshape,
    shape.Alloc: alloc,
    shape.Join: join,
    shape.MakeVector: make_vector,
    shape.SpecifyShape: specify_shape,
    shape.Repeat: repeat,
    shape.ShapeOf: lambda node: lambda x: xp.asarray(x.shape, dtype=xp.int64),
    shape.Extent: lambda node: lambda x: xp.asarray(x.shape[node.op.axis], dtype=xp.int64),
    create.Arange: lambda node: lambda n: xp.arange(max(int(n), 0), dtype=xp.int64),
    index.Subtensor: subtensor,
    index.IncSubtensor: inc_subtensor,
    index.Nonzero: nonzero,
    index.Sort: sort,
    index.ArgSort: arg_sort,
    linalg.Dot: product,
    linalg.MatMul: product,
    reduce.Reduce: reduction,
    reduce.ArgReduce: arg_reduction,
    reduce.Cumulative: cumulative,
    control.Assert: assertion,
    control.IfElse: ifelse,
    control.Conditional: conditional,
    control.ZeroGrad: passed_on,
    control.DisconnectedGrad: passed_on,
    control.GradScale: passed_on,
    control.GradClip: passed_on,
    scan.Scan: loop,
}
"""For each class of ops, what makes a kernel for a node."""
