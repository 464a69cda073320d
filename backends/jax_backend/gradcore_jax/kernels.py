"""The table of kernels: what each op is in JAX.

An elementwise row that is not named here is the function of its name in ``NAMESPACES``.  A class
of ops has a maker, which takes a node (and runners of the graphs inside it) and returns a function
of arrays.  The table differs from ``jax.numpy`` where that differs from NumPy: integers divided by
zero, rounded integers, indices out of bounds, elements that are written twice.
"""

from __future__ import annotations

import functools
import importlib
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from gradcore.backend import Kernels
from gradcore.errors import GraphValueError, ShapeError
from gradcore.execute import Runner
from gradcore.graph import Apply, Array, Kernel, Operand
from gradcore.graph.dtypes import computed
from gradcore.graph.extents import check_size
from gradcore.graph.types import FLOATS
from gradcore.ops import scalars
from gradcore.ops.broadcasting import extent_check, with_check
from gradcore.ops.control import (
    Assert,
    Conditional,
    DisconnectedGrad,
    GradClip,
    GradScale,
    IfElse,
    Print,
    ZeroGrad,
)
from gradcore.ops.create import Arange
from gradcore.ops.factors import Cholesky, SolveLower, check_equations, check_square
from gradcore.ops.index import IncSubtensor, Nonzero, Subtensor
from gradcore.ops.index_patterns import (
    Pattern,
    Slice,
    Slot,
    cut_off,
    filled,
    index_check,
    indexed_shape,
    is_advanced,
)
from gradcore.ops.linalg import Dot, MatMul
from gradcore.ops.reduce import ArgReduce, Cumulative, Recurrence, Reduce, farthest
from gradcore.ops.scan import Scan
from gradcore.ops.shape import Alloc, DimShuffle, Join, Repeat, Reshape
from gradcore.ops.shape_values import Extent, MakeVector, ShapeOf, SpecifyShape
from gradcore.ops.sorting import ArgSort, Sort
from gradcore_jax.loops import scan
from gradcore_jax.tracing import (
    KNOWN_SIZE,
    available,
    concrete,
    hollow,
    is_known,
    is_traced,
    jax,
    jnp,
    lax,
    strong,
)

special: Any = importlib.import_module("jax.scipy.special")

NAMESPACES = (jnp, special, jax.nn)
"""Where elementwise functions are looked for by name."""

PRECISION = "highest"
"""Of products: on a GPU or TPU, a float32 has else fewer bits than NumPy's."""


# elementwise ------------------------------------------------------------------------------------
def is_integer(x: Any) -> bool:
    """Return whether ``x`` has integers or booleans."""
    return x.dtype.kind in "biu"


def integers_alone(rounding: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return ``rounding``, leaving integers as they are."""

    def rounded(x: Any) -> Any:
        return x if is_integer(x) else rounding(x)

    return rounded


def zero_over_zero(divided: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Return a division of which integers over zero are zero, as in NumPy."""

    def safe(x: Any, y: Any) -> Any:
        if not is_integer(x):
            return divided(x, y)
        nothing = y == 0
        return jnp.where(nothing, jnp.zeros_like(x), divided(x, jnp.where(nothing, 1, y)))

    return safe


def _same(x: Any) -> Any:
    return x


def _fill(x: Any, y: Any) -> Any:
    return jnp.broadcast_to(y, np.broadcast_shapes(x.shape, y.shape))


def _clip(x: Any, low: Any, high: Any) -> Any:
    return jnp.minimum(jnp.maximum(x, low), high)


def _strong_zero_mul(x: Any, y: Any) -> Any:
    return jnp.where(x == 0, jnp.zeros_like(x), x * y)


def _floor_divide(x: Any, y: Any) -> Any:
    """Divide as NumPy does: a float over zero is infinite, not NaN."""
    if is_integer(x):
        return jnp.floor_divide(x, y)
    return jnp.where(y == 0, x / y, jnp.floor_divide(x, y))


def _power(x: Any, y: Any) -> Any:
    """Raise to a power; that of integers wraps around, whatever the exponent.

    A negative exponent raises, as in NumPy, so one with a sign has to be concrete.
    """
    if not is_integer(x):
        return jnp.power(x, y)
    if jnp.issubdtype(y.dtype, jnp.signedinteger) and (concrete(y, "pow of integers") < 0).any():
        raise GraphValueError("Integers to negative integer powers are not allowed.")

    def square(k: Any, carry: tuple[Any, Any]) -> tuple[Any, Any]:
        found, base = carry
        bit = (y >> k.astype(y.dtype)) & 1
        return jnp.where(bit == 1, found * base, found), base * base

    shape = np.broadcast_shapes(x.shape, y.shape)
    start = jnp.ones(shape, x.dtype), jnp.broadcast_to(x, shape)
    bits = int(y.max()).bit_length() if is_known(y) and y.size else np.iinfo(y.dtype).bits
    return lax.fori_loop(0, bits, square, start)[0]


def _exp2(x: Any) -> Any:
    """Scale the power of a fraction: XLA's own loses a bit each time the exponent doubles."""
    whole = jnp.clip(jnp.rint(x), -2000, 2000)
    return jnp.ldexp(jnp.exp2(x - whole), whole.astype("int32"))


def _sinh(x: Any) -> Any:
    """Square the half of a large argument: XLA's own rounds that argument."""
    root = jnp.exp(jnp.abs(x) / 2)
    large = jnp.sign(x) * (root / 2 * root - 0.5 / root / root)
    return jnp.where(jnp.abs(x) > 1, large, jnp.sinh(x))


def _cosh(x: Any) -> Any:
    """Square the half of the argument: XLA's own rounds a large one."""
    root = jnp.exp(jnp.abs(x) / 2)
    return root / 2 * root + 0.5 / root / root


def _arctanh(x: Any) -> Any:
    """Take one logarithm: the difference of two, as XLA takes it, cancels."""
    size = jnp.abs(x)
    return jnp.copysign(jnp.log1p(2 * size / (1 - size)) / 2, x)


def _digamma(x: Any) -> Any:
    """Return the derivative of gammaln, infinite at zero."""
    return jnp.where(x == 0, jnp.copysign(jnp.inf, -x), special.digamma(x))


def _round_half_away(x: Any) -> Any:
    whole = jnp.trunc(x)
    return whole + (jnp.abs(x - whole) >= 0.5) * jnp.sign(x)


def _erfcinv(x: Any) -> Any:
    """Return the inverse of erfc by that of the normal distribution, exact in both tails."""
    wide = strong(x, computed(str(x.dtype)))
    return special.ndtri(wide / 2) * -math.sqrt(0.5)


def _polygamma(n: Any, x: Any) -> Any:
    """Return the derivative of digamma of an order that JAX wants to be of an integer dtype."""
    return jnp.where(n == jnp.floor(n), special.polygamma(strong(n, "int64"), x), jnp.nan)


def _cast(dtype: str) -> Callable[[Any], Any]:
    """Return the cast to ``dtype``; a float that fits into no integer of it wraps around."""

    def convert(x: Any) -> Any:
        if x.dtype.name in FLOATS and dtype not in (*FLOATS, "bool", "int64"):
            whole = strong(strong(x, "int64"), dtype)
            return jnp.where(x < 0, whole, strong(x, dtype)) if dtype == "uint64" else whole
        return strong(x, dtype)

    return convert


ROWS: Kernels = {
    scalars.identity: _same,
    scalars.fill: _fill,
    scalars.strong_zero_mul: _strong_zero_mul,
    scalars.int_div: zero_over_zero(_floor_divide),
    scalars.mod: zero_over_zero(jnp.mod),
    scalars.pow: _power,
    scalars.exp2: _exp2,
    scalars.sinh: _sinh,
    scalars.cosh: _cosh,
    scalars.arctanh: _arctanh,
    scalars.digamma: _digamma,
    scalars.erfcinv: _erfcinv,
    scalars.polygamma: _polygamma,
    scalars.floor: integers_alone(jnp.floor),
    scalars.ceil: integers_alone(jnp.ceil),
    scalars.trunc: integers_alone(jnp.trunc),
    scalars.round_half_to_even: integers_alone(jnp.rint),
    scalars.round_half_away_from_zero: integers_alone(_round_half_away),
    scalars.clip: _clip,
    scalars.switch: jnp.where,
    **{op: _cast(dtype) for dtype, op in scalars.CASTS.items()},
}


# reductions -------------------------------------------------------------------------------------
def _reduce(node: Apply) -> Kernel:
    op = _op(node, Reduce)
    if op.kind in ("sum", "prod"):
        return partial(getattr(jnp, op.kind), axis=op.axes, dtype=available(node.out.dtype))
    if op.unbounded:
        start = farthest(op.kind, node.out.dtype)
        return partial(getattr(jnp, op.kind), axis=op.axes, initial=start)
    return partial(getattr(jnp, op.kind), axis=op.axes)


def _arg_reduce(node: Apply) -> Kernel:
    op = _op(node, ArgReduce)
    return partial(getattr(jnp, f"arg{op.kind}"), axis=op.axis)


def _cumulative(node: Apply) -> Kernel:
    op = _op(node, Cumulative)
    return partial(getattr(jnp, f"cum{op.kind}"), axis=op.axis, dtype=available(node.out.dtype))


def _recurrence(node: Apply) -> Kernel:
    """Run the recurrence step by step: a parallel one would round, and overflow, otherwise."""
    op, dtype = _op(node, Recurrence), node.out.dtype

    def step(y: Any, factors: tuple[Any, Any]) -> tuple[Any, Any]:
        a, b = factors
        new = a * y + b
        return new, new

    def run(*arrays: Any) -> Any:
        op.compare(*(x.shape for x in arrays))
        a, b = (jnp.moveaxis(strong(x, dtype), op.axis, 0) for x in arrays)
        _, y = lax.scan(step, jnp.zeros(b.shape[1:], b.dtype), (a, b))
        return jnp.moveaxis(y, 0, op.axis)

    return run


# shapes -----------------------------------------------------------------------------------------
def _reference(node: Apply) -> Kernel:
    """Take the reference: it reads nothing but shapes, which are known."""
    return node.op.reference


def _make_vector(node: Apply) -> Kernel:
    dtype = node.out.dtype

    def run(*elements: Any) -> Any:
        if not elements:
            return np.zeros(0, dtype)
        return jnp.stack([strong(x, dtype) for x in elements])

    return run


def _dimshuffle(node: Apply) -> Kernel:
    op = _op(node, DimShuffle)
    kept = [axis for axis in op.order if isinstance(axis, int)]
    dropped = [axis for axis in range(node.inputs[0].ndim) if axis not in kept]

    def run(x: Any) -> Any:
        shape = op.reference(hollow(x)).shape
        return jnp.reshape(jnp.transpose(x, (*kept, *dropped)), shape)

    return run


def _reshape(node: Apply) -> Kernel:
    op = node.op
    checked = op.kernel(node)

    def run(x: Any, *extents: Any) -> Any:
        known = (concrete(n, op) for n in extents)
        return jnp.reshape(x, checked(hollow(x), *known).shape)

    return run


def _alloc(node: Apply) -> Kernel:
    op = node.op
    checked = op.kernel(node)

    def run(value: Any, *extents: Any) -> Any:
        shape = checked(hollow(value), *(concrete(n, op) for n in extents)).shape
        small = math.prod(shape) <= KNOWN_SIZE
        numpy = np if is_known(value) and small and node.out.type.is_discrete else jnp
        return numpy.broadcast_to(value, shape)

    return run


def _join(node: Apply) -> Kernel:
    op, dtype = _op(node, Join), node.out.dtype

    def run(*arrays: Any) -> Any:
        rest = {(*a.shape[: op.axis], *a.shape[op.axis + 1 :]) for a in arrays}
        if len(rest) > 1:
            shapes = ", ".join(str(a.shape) for a in arrays)
            raise ShapeError(f"cannot join shapes {shapes} along axis {op.axis}")
        return jnp.concatenate([strong(a, dtype) for a in arrays], axis=op.axis)

    return run


def _specify_shape(node: Apply) -> Kernel:
    op = node.op

    def run(x: Any, *extents: Any) -> Any:
        op.reference(hollow(x), *(concrete(n, op) for n in extents))
        return x

    return run


def _repeat(node: Apply) -> Kernel:
    op = _op(node, Repeat)

    def run(x: Any, counts: Any) -> Any:
        places = np.arange(int(x.shape[op.axis]))
        source: Array = Repeat(0).reference(places, concrete(counts, op))
        numpy = np if is_known(x) and source.size <= KNOWN_SIZE else jnp
        return numpy.take(x, source, axis=op.axis)

    return run


def _arange(node: Apply) -> Kernel:
    def run(n: Any) -> Any:
        length = int(concrete(n, node.op))
        check_size((length,))
        if length <= KNOWN_SIZE:
            return np.arange(length, dtype="int64")
        return jnp.arange(length, dtype=available("int64"))

    return run


# products ---------------------------------------------------------------------------------------
def _dot(node: Apply) -> Kernel:
    dtype = node.out.dtype

    def run(x: Any, y: Any) -> Any:
        if x.shape[-1] != y.shape[0]:
            raise ShapeError(f"dot of shapes {x.shape} and {y.shape}: the inner extents differ")
        return jnp.dot(strong(x, dtype), strong(y, dtype), precision=PRECISION)

    return run


def _matmul(node: Apply) -> Kernel:
    dtype = node.out.dtype

    def run(x: Any, y: Any) -> Any:
        if x.shape[-1] != y.shape[-2]:
            raise ShapeError(f"matmul of shapes {x.shape} and {y.shape}")
        return jnp.matmul(strong(x, dtype), strong(y, dtype), precision=PRECISION)

    return with_check(extent_check(node, core=2), run)


# indexing ---------------------------------------------------------------------------------------
def _key(node: Apply, pattern: Pattern, x: Any, indices: Sequence[Any]) -> tuple[Any, ...]:
    """Return the key of an indexing: bounds of slices are ints, indices are of int64.

    Raises IndexError: an index that is concrete is out of bounds.  UntraceableError: a bound
    is not.
    """
    rest = iter(indices)
    found: list[Any] = []
    for entry in pattern:
        if isinstance(entry, Slice):
            slots = sum(bound is Slot.SCALAR for bound in entry.bounds)
            found += [int(concrete(next(rest), node.op)) for _ in range(slots)]
        elif isinstance(entry, Slot):
            found.append(_index(next(rest)))
    extents = iter(x.shape)
    key = tuple(
        entry if entry is None else _of_axis(entry, next(extents))
        for entry in filled(pattern, found)
    )
    _check_bounds(key, x.shape)
    return key


def _of_axis(entry: Any, n: int) -> Any:
    given: Any = entry
    return cut_off(given, n) if isinstance(entry, slice) else entry


def _index(index: Any) -> Any:
    """Return an index in int64: in a smaller dtype, an extent may not fit."""
    return np.asarray(index, "int64") if not is_traced(index) else strong(index, "int64")


def _check_bounds(key: Sequence[Any], shape: tuple[int, ...]) -> None:
    axes = (entry for entry in key if entry is not None)
    for axis, (entry, n) in enumerate(zip(axes, shape, strict=False)):
        if isinstance(entry, slice) or is_traced(entry):
            continue
        index = np.asarray(entry)
        outside = index[(index < -n) | (index >= n)]
        if outside.size:
            raise IndexError(
                f"index {outside.flat[0]} is out of bounds for axis {axis} with size {n}"
            )


def _subtensor(node: Apply) -> Kernel:
    """Read a part.  A traced index out of bounds cannot raise: it reads NaN (or the least int)."""
    pattern = _op(node, Subtensor).pattern

    def run(x: Any, *indices: Any) -> Any:
        key = _key(node, pattern, x, indices)
        if any(map(is_traced, key)):
            return jnp.asarray(x).at[key].get(mode="fill")
        return x[key]

    return with_check(index_check(pattern, node.inputs[1:], 1), run)


def _inc_subtensor(node: Apply) -> Kernel:
    """Write a part.  A traced index out of bounds cannot raise: it writes nothing."""
    op = _op(node, IncSubtensor)
    y_type = node.inputs[1].type

    def run(x: Any, y: Any, *indices: Any) -> Any:
        key = _key(node, op.pattern, x, indices)
        part = _part_shape(op.pattern, x, key)
        for axis in range(-y.ndim, 0):
            if y.shape[axis] != part[axis] and y_type.shape[axis] != 1:
                raise ShapeError(f"cannot write shape {y.shape} into a part of shape {part}")
        x, y = jnp.asarray(x), strong(y, node.out.dtype)
        window = _window(key, x.shape)
        if window is not None:
            return _write_window(x, jnp.broadcast_to(y, part), window, op.overwrite)
        if op.overwrite:
            return x.at[key].set(_of_last_writer(op.pattern, x, y, key, part), mode="drop")
        if node.out.dtype == "bool":
            return x.at[key].max(y, mode="drop")
        return x.at[key].add(y, mode="drop")

    return with_check(index_check(op.pattern, node.inputs[2:], 2), run)


def _window(key: Sequence[Any], shape: tuple[int, ...]) -> list[range] | None:
    """Return where in each axis ``key`` takes elements that follow each other, if it does."""
    axes = [entry for entry in key if entry is not None]
    axes += [slice(None)] * (len(shape) - len(axes))
    found: list[range] = []
    for entry, n in zip(axes, shape, strict=True):
        if isinstance(entry, slice):
            found.append(range(n)[entry])
        elif is_traced(entry) or np.ndim(entry):
            return None
        else:
            found.append(range(n)[int(entry) :][:1])
    return found if all(abs(taken.step) == 1 for taken in found) else None


def _write_window(x: Any, y: Any, window: Sequence[range], overwrite: bool) -> Any:
    """Write ``y`` into a window of ``x``.

    As an update of a slice: it is done in place, and a scatter that writes everything makes XLA's
    simplifier crash where it meets a reversed axis.
    """
    backward = [axis for axis, taken in enumerate(window) if taken.step < 0]
    y = lax.rev(y.reshape([len(taken) for taken in window]), backward)
    start = [min(taken, default=0) for taken in window]
    if not overwrite:
        y = jnp.add(lax.dynamic_slice(x, start, y.shape), y)
    return lax.dynamic_update_slice(x, y, start)


def _part_shape(pattern: Pattern, x: Any, key: Sequence[Any]) -> tuple[int, ...]:
    """Return the shape of ``x[key]``."""
    plain = tuple(map(_as_entry, key, pattern))
    filling = [entry for entry, slot in zip(key, plain, strict=True) if isinstance(slot, Slot)]
    return indexed_shape(plain, Operand(x.shape), [Operand(entry.shape) for entry in filling])


def _as_entry(entry: Any, slot: Any) -> Any:
    """Return an entry of a key as that of a pattern without scalars."""
    return Slice(entry.start, entry.stop, entry.step) if isinstance(slot, Slice) else slot


def _of_last_writer(
    pattern: Pattern, x: Any, y: Any, key: tuple[Any, ...], part: tuple[int, ...]
) -> Any:
    """Return what to write: where an element is written twice, both times the last value.

    XLA does not say which of two writes lasts.
    """
    if not is_advanced(pattern) or not y.ndim:
        return y
    numbers = jnp.arange(math.prod(part)).reshape(part)
    last = jnp.full(x.shape, -1).at[key].max(numbers, mode="drop")[key]
    return jnp.broadcast_to(y, part).reshape(-1)[last]


def _nonzero(node: Apply) -> Kernel:
    def run(x: Any) -> Any:
        return node.op.reference(concrete(x, node.op))

    return run


def _ordering(x: Any) -> Any:
    """Return integers in the order of the numbers ``x``, NaN last.

    They tell subnormal numbers apart, which XLA compares as zeros.
    """
    if not jnp.issubdtype(x.dtype, jnp.floating):
        return x
    bits = lax.bitcast_convert_type(x, f"int{8 * x.dtype.itemsize}")
    largest = jnp.iinfo(bits.dtype).max
    infinity = lax.bitcast_convert_type(jnp.asarray(jnp.inf, x.dtype), bits.dtype)
    magnitude = bits & largest
    signed = jnp.where(bits < 0, -magnitude, magnitude)
    return jnp.where(magnitude > infinity, largest, signed)


def _sort(node: Apply) -> Kernel:
    axis = _op(node, Sort).axis

    def run(x: Any) -> Any:
        x = jnp.asarray(x)
        return lax.sort((_ordering(x), x), dimension=axis, is_stable=True, num_keys=1)[1]

    return run


def _arg_sort(node: Apply) -> Kernel:
    axis = _op(node, ArgSort).axis

    def run(x: Any) -> Any:
        return jnp.argsort(_ordering(jnp.asarray(x)), axis=axis, stable=True)

    return run


# choice, checks, marks --------------------------------------------------------------------------
def _if_else(node: Apply) -> Kernel:
    op = _op(node, IfElse)

    def run(condition: Any, *branches: Any) -> Any:
        if not is_traced(condition):
            return op.reference(bool(condition), *branches)
        pairs = list(zip(branches[: op.outputs], branches[op.outputs :], strict=True))
        if any(a.shape != b.shape for a, b in pairs):
            concrete(condition, f"{op}, whose branches differ in shape,")
        chosen = tuple(jnp.where(condition, a, b) for a, b in pairs)
        return chosen[0] if len(chosen) == 1 else chosen

    return run


def _conditional(node: Apply, *branches: Runner) -> Kernel:
    """Run one branch; of a traced condition both are traced, and only one is run."""
    dtypes = [v.dtype for v in node.outputs]

    def chosen(condition: Any, *operands: Any) -> tuple[Any, ...]:
        then, orelse = branches
        if not is_traced(condition):
            return (then if concrete(condition, node.op) else orelse)(*operands)
        shapes: list[list[tuple[int, ...]]] = []

        def traced(run: Runner) -> Callable[[], tuple[Any, ...]]:
            def branch() -> tuple[Any, ...]:
                outputs = tuple(map(strong, run(*operands), dtypes))
                shapes.append([output.shape for output in outputs])
                if shapes[-1] != shapes[0]:
                    concrete(condition, f"{node.op}, whose branches differ in shape,")
                return outputs

            return branch

        return lax.cond(condition != 0, traced(then), traced(orelse))

    def run(condition: Any, *operands: Any) -> Any:
        outputs = chosen(condition, *operands)
        return outputs[0] if len(dtypes) == 1 else outputs

    return run


def _on_concrete(node: Apply) -> Kernel:
    """Pass the operand on, after the reference has had all operands in NumPy."""

    def run(x: Any, *others: Any) -> Any:
        first = hollow(x) if others else concrete(x, node.op)
        node.op.reference(first, *(concrete(a, node.op) for a in others))
        return x

    return run


def _passed_on(node: Apply) -> Kernel:
    return _same


Op: TypeAlias = Any


def _op(node: Apply, kind: type[Any]) -> Op:
    """Return the op of ``node``, which is of the class ``kind``."""
    assert isinstance(node.op, kind)
    return node.op


def _cholesky(x: Any) -> Any:
    check_square(x)
    return jnp.tril(lax.linalg.cholesky(x, symmetrize_input=False))


def _solve_lower(m: Any, b: Any, transposed: bool = False) -> Any:
    check_equations(m, b)
    return lax.linalg.triangular_solve(m, b, left_side=True, lower=True, transpose_a=transposed)


KERNELS: Kernels = {
    **ROWS,
    Cholesky(): _cholesky,
    SolveLower(): _solve_lower,
    SolveLower(transposed=True): functools.partial(_solve_lower, transposed=True),
    Reduce: _reduce,
    ArgReduce: _arg_reduce,
    Cumulative: _cumulative,
    Recurrence: _recurrence,
    ShapeOf: _reference,
    Extent: _reference,
    MakeVector: _make_vector,
    DimShuffle: _dimshuffle,
    Reshape: _reshape,
    Alloc: _alloc,
    Join: _join,
    SpecifyShape: _specify_shape,
    Repeat: _repeat,
    Arange: _arange,
    Dot: _dot,
    MatMul: _matmul,
    Subtensor: _subtensor,
    IncSubtensor: _inc_subtensor,
    Nonzero: _nonzero,
    Sort: _sort,
    ArgSort: _arg_sort,
    IfElse: _if_else,
    Conditional: _conditional,
    Assert: _on_concrete,
    Print: _on_concrete,
    ZeroGrad: _passed_on,
    DisconnectedGrad: _passed_on,
    GradScale: _passed_on,
    GradClip: _passed_on,
    Scan: scan,
}
"""The table."""
