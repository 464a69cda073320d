"""The table: what computes each op, on tensors.

Under a row stands a function of tensors, under a class of ops what makes one for a node.  Rows
that torch has under their own name stand nowhere: they are found.  Every function leaves its
operands alone and computes in torch, so torch can trace, batch and differentiate it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from gradcore.backend import Kernels
from gradcore.errors import ShapeError
from gradcore.execute import Runner
from gradcore.graph import Apply, FunctionGraph, Variable
from gradcore.graph.extents import check_size
from gradcore.ops.control import (
    Assert,
    Conditional,
    DisconnectedGrad,
    GradClip,
    GradScale,
    IfElse,
    OptimizationBarrier,
    Print,
    ZeroGrad,
)
from gradcore.ops.create import Arange
from gradcore.ops.decompositions import LU, QR
from gradcore.ops.eigenvalues import Eig, EigVals
from gradcore.ops.elementwise import Elementwise
from gradcore.ops.factors import Cholesky, Solve, SolveLower
from gradcore.ops.fourier import Fft, FromHalf, HalfFft, refuse_nothing
from gradcore.ops.index import IncSubtensor, Nonzero, Subtensor
from gradcore.ops.linalg import Dot, MatMul
from gradcore.ops.reduce import ArgReduce, Cumulative, Recurrence, Reduce, farthest
from gradcore.ops.scalars import __all__ as core_rows
from gradcore.ops.scan import Scan
from gradcore.ops.search import SearchSorted, bisected
from gradcore.ops.shape import Alloc, DimShuffle, Join, Repeat, Reshape
from gradcore.ops.shape_values import Extent as ExtentOp
from gradcore.ops.shape_values import MakeVector, ShapeOf, SpecifyShape
from gradcore.ops.sorting import ArgSort, Sort
from gradcore.ops.spectra import SVD, Eigh, EigValsH, SVDVals
from gradcore_torch.extents import Extent
from gradcore_torch.indexing import make_inc_subtensor, make_subtensor
from gradcore_torch.library import DTYPES, torch
from gradcore_torch.loops import make_recurrence, make_scan
from gradcore_torch.matrices import MATRICES
from gradcore_torch.scalars import ENTRIES, SHARING
from gradcore_torch.sparse import SPARSE
from gradcore_torch.windows import WINDOWS

Function: TypeAlias = Callable[..., Any]
Unary: TypeAlias = Callable[[Any], Any]


# reductions -------------------------------------------------------------------------------------
def _flattened(x: Any, axes: Sequence[int]) -> Any:
    """Return ``x`` with ``axes`` made one, the last."""
    remaining = [axis for axis in range(x.ndim) if axis not in axes]
    extents = [x.shape[axis] for axis in remaining]
    return x.permute(*remaining, *axes).reshape(*extents, math.prod(x.shape[a] for a in axes))


def _extreme(kind: str, x: Any, axes: Sequence[int]) -> Any:
    if any(x.shape[axis] == 0 for axis in axes):
        raise ValueError(f"zero-size array to reduction operation {kind} which has no identity")
    return (torch.amax if kind == "max" else torch.amin)(x, dim=axes)


def _product(x: Any, dtype: Any) -> Any:
    """Return products along the last axis; of float16 in float32, as torch's sums are."""
    carried = torch.float32 if dtype == torch.float16 else dtype
    return torch.prod(x, dim=-1, dtype=carried).to(dtype)


REDUCTIONS: dict[str, Callable[[Any, Sequence[int], Any], Any]] = {
    "sum": lambda x, axes, dtype: torch.sum(x, dim=axes, dtype=dtype),
    "prod": lambda x, axes, dtype: _product(_flattened(x, axes), dtype),
    "max": lambda x, axes, dtype: _extreme("max", x, axes),
    "min": lambda x, axes, dtype: _extreme("min", x, axes),
    "any": lambda x, axes, dtype: torch.any(x != 0, dim=axes),
    "all": lambda x, axes, dtype: torch.all(x != 0, dim=axes),
}
"""For each kind of reduction, a function of a tensor, the axes (at least one) and the dtype."""


def _make_reduce(node: Apply) -> Unary:
    op = node.op
    assert isinstance(op, Reduce)
    axes, dtype = op.axes, DTYPES[node.out.dtype]
    if not axes:  # no axes are all axes, to torch
        return lambda x: (x != 0 if op.kind in ("any", "all") else x).to(dtype, copy=True)
    reduce = REDUCTIONS[op.kind]
    if op.unbounded:
        start = farthest(op.kind, node.out.dtype)
        return lambda x: _unbounded(reduce, x, axes, start)
    return lambda x: reduce(x, axes, dtype)


def _unbounded(reduce: Callable[..., Any], x: Any, axes: Sequence[int], start: Any) -> Any:
    """Return an extreme, ``start`` where there is nothing to choose from."""
    if all(x.shape[axis] for axis in axes):
        return reduce(x, axes, x.dtype)
    return x.new_full([n for axis, n in enumerate(x.shape) if axis not in axes], start)


def _make_arg_reduce(node: Apply) -> Function:
    op = node.op
    assert isinstance(op, ArgReduce)
    function = torch.argmax if op.kind == "max" else torch.argmin

    def found(x: Any) -> Any:
        if x.shape[op.axis] == 0:
            raise ValueError(f"attempt to get {op.label()} of an empty sequence")
        return function(x.byte() if x.dtype == torch.bool else x, dim=op.axis)

    return found


def _make_cumulative(node: Apply) -> Function:
    op = node.op
    assert isinstance(op, Cumulative)
    if op.is_extreme:
        return _make_extreme_so_far(op)
    function = torch.cumsum if op.kind == "sum" else torch.cumprod
    return functools.partial(function, dim=op.axis, dtype=DTYPES[node.out.dtype])


def _make_extreme_so_far(op: Cumulative) -> Unary:
    function = torch.cummax if op.kind == "max" else torch.cummin

    def found(x: Any) -> Any:
        if x.dtype == torch.bool:
            return function(x.byte(), dim=op.axis).values.bool()
        return function(x, dim=op.axis).values

    return found


# shapes -----------------------------------------------------------------------------------------
def _make_shape(node: Apply) -> Unary:
    return lambda x: torch.tensor(x.shape, dtype=torch.int64, device=x.device)


def _make_extent(node: Apply) -> Unary:
    op = node.op
    assert isinstance(op, ExtentOp)
    return lambda x: torch.tensor(x.shape[op.axis], dtype=torch.int64, device=x.device)


def _make_vector(node: Apply) -> Function:
    dtype = DTYPES[node.out.dtype]

    def vector(*scalars: Any) -> Any:
        tensors = [n for n in scalars if not isinstance(n, int)]
        if not tensors:
            return torch.tensor(scalars, dtype=dtype)
        device = tensors[0].device
        return torch.stack([torch.as_tensor(n, dtype=dtype, device=device) for n in scalars])

    return vector


def _make_dimshuffle(node: Apply) -> Function:
    op = node.op
    assert isinstance(op, DimShuffle)
    ndim = node.inputs[0].ndim
    remaining, dropped, _ = op.split(ndim)
    order = (*remaining, *dropped)
    key = (*(None if axis == "x" else slice(None) for axis in op.order), *(0 for _ in dropped))
    permutes, picks = order != tuple(range(ndim)), None in key or bool(dropped)

    def shuffled(x: Any) -> Any:
        for axis in dropped:
            if x.shape[axis] != 1:
                raise ShapeError(f"cannot drop axis {axis}: its extent is {x.shape[axis]}, not 1")
        view = x.permute(order) if permutes else x
        return view[key] if picks else view

    return shuffled


def _shape_reader(extents: Sequence[Variable]) -> Callable[[Sequence[Any]], tuple[int, ...]]:
    """Return what reads a shape from operands that are extents."""
    readers = [Extent(v) for v in extents]
    if all(read.known is not None for read in readers):
        known = tuple(read.known or 0 for read in readers)
        return lambda values: known
    return lambda values: tuple([read(value) for read, value in zip(readers, values, strict=True)])


def _fits(size: int, shape: Sequence[int]) -> bool:
    """Return whether ``size`` elements go into ``shape``, in which -1 may stand for what is left.

    Asked before rather than tried: torch.compile cannot catch what goes wrong while it traces.
    """
    known = math.prod(n for n in shape if n != -1)
    if any(n < -1 for n in shape):
        return False
    if -1 not in shape:
        return known == size
    return shape.count(-1) == 1 and known != 0 and size % known == 0


def _make_reshape(node: Apply) -> Function:
    shape_of = _shape_reader(node.inputs[1:])
    given = [k for k, n in enumerate(node.inputs[1:]) if Extent(n).known is None]

    def reshaped(x: Any, *extents: Any) -> Any:
        shape = shape_of(extents)
        if any(shape[k] < 0 for k in given) or not _fits(x.numel(), shape):
            raise ShapeError(f"cannot reshape shape {tuple(x.shape)} to {shape}")
        return x.reshape(shape)

    return reshaped


def _make_alloc(node: Apply) -> Function:
    value, *extents = node.inputs
    shape_of = _shape_reader(extents)
    lead = len(extents) - value.ndim
    stretching = [axis for axis, n in enumerate(value.type.shape) if n == 1]

    def stretched(array: Any, *wanted: Any) -> Any:
        shape = shape_of(wanted)
        fits = all(
            axis in stretching or array.shape[axis] == shape[lead + axis]
            for axis in range(array.ndim)
        )
        if not fits or any(n < 0 for n in shape):
            raise ShapeError(f"cannot broadcast {value} of shape {tuple(array.shape)} to {shape}")
        check_size(shape)
        return array.expand(shape)

    return stretched


def _make_join(node: Apply) -> Function:
    op = node.op
    assert isinstance(op, Join)
    dtype, mixed = DTYPES[node.out.dtype], len({v.dtype for v in node.inputs}) > 1

    def joined(*arrays: Any) -> Any:
        others = [(*a.shape[: op.axis], *a.shape[op.axis + 1 :]) for a in arrays]
        if any(shape != others[0] for shape in others):
            shapes = ", ".join(str(tuple(a.shape)) for a in arrays)
            raise ShapeError(f"cannot join shapes {shapes} along axis {op.axis}")
        check_size((sum(a.shape[op.axis] for a in arrays), *others[0]))
        return torch.cat([a.to(dtype) for a in arrays] if mixed else arrays, dim=op.axis)

    return joined


def _make_specify_shape(node: Apply) -> Function:
    op = node.op
    assert isinstance(op, SpecifyShape)
    shape_of = _shape_reader(node.inputs[1:])

    def checked(x: Any, *extents: Any) -> Any:
        op.compare(tuple(x.shape), shape_of(extents))
        return x

    return checked


def _make_repeat(node: Apply) -> Function:
    op = node.op
    assert isinstance(op, Repeat)

    def repeated(x: Any, counts: Any) -> Any:
        if len(counts) != x.shape[op.axis]:
            raise ShapeError(f"cannot repeat {x.shape[op.axis]} elements by {len(counts)} counts")
        if bool((counts < 0).any()):
            raise ValueError("counts may not be negative")
        op.check_size(x.shape, counts)
        return torch.repeat_interleave(x, counts.long(), dim=op.axis)

    return repeated


def _make_arange(node: Apply) -> Function:
    extent = Extent(node.inputs[0])

    def numbers(n: Any) -> Any:
        device = None if isinstance(n, int) else n.device
        length = max(extent(n), 0)
        check_size((length,))
        return torch.arange(length, dtype=torch.int64, device=device)

    return numbers


# orders -----------------------------------------------------------------------------------------
def _make_nonzero(node: Apply) -> Function:
    single = len(node.outputs) == 1

    def indices(x: Any) -> Any:
        found = torch.nonzero(x, as_tuple=True)
        return found[0] if single else found

    return indices


def _make_sort(node: Apply) -> Unary:
    op = node.op
    assert isinstance(op, Sort)
    return lambda x: torch.sort(x, dim=op.axis, stable=True).values


def _make_arg_sort(node: Apply) -> Unary:
    op = node.op
    assert isinstance(op, ArgSort)
    return lambda x: torch.sort(x, dim=op.axis, stable=True).indices


def _make_search_sorted(node: Apply) -> Function:
    op = node.op
    assert isinstance(op, SearchSorted)

    def found(a: Any, v: Any) -> Any:
        return bisected(torch, a, v, op.side)

    return found


# choice, checks and messages --------------------------------------------------------------------
def _make_ifelse(node: Apply) -> Function:
    op = node.op
    assert isinstance(op, IfElse)
    n = op.outputs

    def chosen(condition: Any, *branches: Any) -> Any:
        taken = branches[:n] if bool(condition) else branches[n:]
        return taken if n > 1 else taken[0]

    return chosen


def _make_conditional(node: Apply, then: Runner, orelse: Runner) -> Function:
    one = len(node.outputs) == 1

    def run(condition: Any, *operands: Any) -> Any:
        outputs = (then if bool(condition) else orelse)(*operands)
        return outputs[0] if one else outputs

    return run


def _make_assert(node: Apply) -> Function:
    op = node.op
    assert isinstance(op, Assert)

    def checked(x: Any, *conditions: Any) -> Any:
        if not all(bool((c != 0).all()) for c in conditions):
            raise op.error(op.message)
        return x

    return checked


def _make_print(node: Apply) -> Function:
    op = node.op

    def printed(x: Any) -> Any:
        op.reference(x.numpy(force=True))
        return x

    return printed


def _make_mark(node: Apply) -> Callable[..., Any]:
    def passed_on(x: Any, *others: Any) -> Any:
        return x

    return passed_on


def _make_fft(node: Apply) -> Unary:
    op = node.op
    assert isinstance(op, Fft)
    transform = torch.fft.ifftn if op.inverse else torch.fft.fftn
    norm = "forward" if op.inverse else "backward"

    def run(z: Any) -> Any:
        refuse_nothing(op, [z.shape[axis] for axis in op.axes])
        return transform(z, dim=op.axes, norm=norm) if z.numel() else z.clone()

    return run


def _make_half_fft(node: Apply) -> Unary:
    op = node.op
    assert isinstance(op, HalfFft)

    def run(x: Any) -> Any:
        refuse_nothing(op, [x.shape[op.axis]])
        if x.numel():
            return torch.fft.rfft(x, dim=op.axis)
        shape = list(x.shape)
        shape[op.axis] = shape[op.axis] // 2 + 1
        return x.new_empty(shape, dtype=DTYPES[node.out.dtype])

    return run


def _make_from_half(node: Apply) -> Function:
    op = node.op
    assert isinstance(op, FromHalf)

    def run(z: Any, n: Any) -> Any:
        size = int(n)
        op.refuse(z.shape, size)
        if z.numel():
            return torch.fft.irfft(z, size, dim=op.axis, norm="forward")
        shape = list(z.shape)
        shape[op.axis] = size
        return z.new_empty(shape, dtype=DTYPES[node.out.dtype])

    return run


CLASSES: dict[Any, Function] = {
    Reduce: _make_reduce,
    ArgReduce: _make_arg_reduce,
    Cumulative: _make_cumulative,
    Recurrence: make_recurrence,
    ShapeOf: _make_shape,
    ExtentOp: _make_extent,
    MakeVector: _make_vector,
    DimShuffle: _make_dimshuffle,
    Reshape: _make_reshape,
    Alloc: _make_alloc,
    Join: _make_join,
    SpecifyShape: _make_specify_shape,
    Repeat: _make_repeat,
    Subtensor: make_subtensor,
    IncSubtensor: make_inc_subtensor,
    Nonzero: _make_nonzero,
    Sort: _make_sort,
    ArgSort: _make_arg_sort,
    SearchSorted: _make_search_sorted,
    Arange: _make_arange,
    IfElse: _make_ifelse,
    Conditional: _make_conditional,
    Assert: _make_assert,
    Print: _make_print,
    ZeroGrad: _make_mark,
    DisconnectedGrad: _make_mark,
    GradScale: _make_mark,
    GradClip: _make_mark,
    OptimizationBarrier: _make_mark,
    Scan: make_scan,
    Fft: _make_fft,
    HalfFft: _make_half_fft,
    FromHalf: _make_from_half,
}
"""What makes the function for a node, by the class of its op."""

KERNELS: Kernels = {**ENTRIES, **CLASSES, **MATRICES, **WINDOWS, **SPARSE}
"""The table."""

FRESH = (
    *(Reduce, ArgReduce, Cumulative, Recurrence, ShapeOf, MakeVector, Join, Repeat),
    *(IncSubtensor, Sort, ArgSort, SearchSorted, Arange, Dot, MatMul, Cholesky, Solve, SolveLower),
    *(LU, QR, Eig, EigVals, Eigh, EigValsH, SVD, SVDVals, Fft, HalfFft, FromHalf),
)
"""Ops whose kernels return memory that nothing else refers to."""


def is_fresh(variable: Variable) -> bool:
    """Return whether what is computed for ``variable`` shares memory with nothing else.

    Of a row from elsewhere nothing is known: what torch has under its name may return a view.
    """
    if variable.owner is None:
        return False
    op = variable.owner.op
    if isinstance(op, Elementwise):
        return op not in SHARING and op.name in core_rows
    if isinstance(op, Scan):  # its last states may be its first ones, or constants
        return variable.index >= op.states
    return isinstance(op, FRESH)


def shared_outputs(graph: FunctionGraph) -> list[int]:
    """Return which outputs of ``graph`` must be copied to be the caller's own."""
    return [k for k, v in enumerate(graph.outputs) if v in graph.outputs[:k] or not is_fresh(v)]
