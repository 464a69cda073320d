"""The table of kernels: what each op is in JAX.

An elementwise op that is not in ``scalars.ENTRIES`` is the function of its name in ``NAMESPACES``.
A class of ops has a maker, which takes a node (and runners of the graphs inside it) and returns a
function of arrays.  The table differs from ``jax.numpy`` where that differs from NumPy: integers
divided by zero, rounded integers (``scalars``), indices out of bounds, elements that are written
twice (``indexing``).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

from gradcore.backend import Kernels
from gradcore.dtypes import computed
from gradcore.errors import LinAlgError, ShapeError
from gradcore.execute import Runner
from gradcore.graph import Apply, Kernel
from gradcore.graph.extents import check_size
from gradcore.ops.broadcasting import extent_check, with_check
from gradcore.ops.complements import Complement, complements
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
from gradcore.ops.decompositions import LU, QR, orthonormal_factors
from gradcore.ops.eigenvalues import Eig, EigVals, general_eigenvalues, general_eigenvectors
from gradcore.ops.factors import (
    Cholesky,
    Solve,
    SolveLower,
    check_equations,
    nan_unless_positive,
)
from gradcore.ops.index import IncSubtensor, Nonzero, Subtensor
from gradcore.ops.linalg import Dot, MatMul
from gradcore.ops.matrices import check_square
from gradcore.ops.reduce import ArgReduce, Cumulative, Recurrence, Reduce, farthest
from gradcore.ops.scan import Scan
from gradcore.ops.schur import Logarithm
from gradcore.ops.schur_forms import Schur
from gradcore.ops.search import SearchSorted
from gradcore.ops.shape import Alloc, DimShuffle, Join, Repeat, Reshape
from gradcore.ops.shape_values import Extent, MakeVector, ShapeOf, SpecifyShape
from gradcore.ops.sorting import ArgSort, Sort
from gradcore.ops.spectra import (
    SVD,
    Eigh,
    EigValsH,
    SVDVals,
    eigenvectors,
    singular_values,
    singular_vectors,
    symmetric_eigenvalues,
)
from gradcore.ops.symmetric import LDL
from gradcore.ops.windows import OverlapAdd
from gradcore_jax.host import of_matrices
from gradcore_jax.indexing import inc_subtensor, subtensor
from gradcore_jax.loops import scan
from gradcore_jax.orders import arg_sort, search_sorted, sort
from gradcore_jax.scalars import ENTRIES, same, special
from gradcore_jax.shapes import (
    alloc,
    arange,
    dimshuffle,
    join,
    make_vector,
    of_shape,
    repeat,
    reshape,
    specify_shape,
)
from gradcore_jax.sparse import SPARSE
from gradcore_jax.tracing import (
    available,
    concrete,
    hollow,
    is_traced,
    jax,
    jnp,
    lax,
    strong,
)
from gradcore_jax.transforms import TRANSFORMS

NAMESPACES = (jnp, special, jax.nn)
"""Where elementwise functions are looked for by name."""

PRECISION = "highest"
"""Of products: on a GPU or TPU, a float32 has else fewer bits than NumPy's."""


Op: TypeAlias = Any


def _op(node: Apply, kind: type[Any]) -> Op:
    """Return the op of ``node``, which is of the class ``kind``."""
    assert isinstance(node.op, kind)
    return node.op


# reductions -------------------------------------------------------------------------------------
def _reduce(node: Apply) -> Kernel:
    op = _op(node, Reduce)
    if op.kind in ("sum", "prod"):
        wide = available(computed(node.out.dtype))  # where float16 overflows, in XLA's order, too
        run = partial(getattr(jnp, op.kind), axis=op.axes, dtype=wide)
        return lambda *arrays: strong(run(*arrays), node.out.dtype)
    if op.unbounded:
        start = farthest(op.kind, node.out.dtype)
        return partial(getattr(jnp, op.kind), axis=op.axes, initial=start)
    return partial(getattr(jnp, op.kind), axis=op.axes)


def _arg_reduce(node: Apply) -> Kernel:
    op = _op(node, ArgReduce)
    return partial(getattr(jnp, f"arg{op.kind}"), axis=op.axis)


def _cumulative(node: Apply) -> Kernel:
    op = _op(node, Cumulative)
    if op.is_extreme:
        combine = jnp.maximum if op.kind == "max" else jnp.minimum
        return partial(lax.associative_scan, combine, axis=op.axis)
    wide = available(computed(node.out.dtype))
    run = partial(getattr(jnp, f"cum{op.kind}"), axis=op.axis, dtype=wide)
    return lambda *arrays: strong(run(*arrays), node.out.dtype)


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


# products and factors ---------------------------------------------------------------------------
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


def _cholesky(x: Any) -> Any:
    check_square(x)
    return nan_unless_positive(jnp, lax.linalg.cholesky(x, symmetrize_input=False))


def _solve_lower(node: Apply) -> Kernel:
    transposed = _op(node, SolveLower).transposed

    def run(m: Any, b: Any) -> Any:
        check_equations(m, b)
        return lax.linalg.triangular_solve(m, b, left_side=True, lower=True, transpose_a=transposed)

    return run


def _vectors(of: Callable[..., tuple[Any, ...]]) -> Callable[[Apply], Kernel]:
    """Return what makes kernels that return vectors, and not which matrices have none."""

    def run(x: Any) -> Any:
        *found, _ = of(jnp, x)
        return tuple(found) if len(found) > 1 else found[0]

    return _always(run)


def _always(kernel: Kernel) -> Callable[[Apply], Kernel]:
    """Return what makes the same kernel for all nodes of a class of ops."""
    return lambda node: kernel


def _solve(m: Any, b: Any) -> Any:
    check_equations(m, b)
    factors, _, order = lax.linalg.lu(m)
    singular = (jnp.diagonal(factors, axis1=-2, axis2=-1) == 0).any(-1)[..., None, None]
    inner = jnp.take_along_axis(b, order[..., None], -2)
    inner = lax.linalg.triangular_solve(
        factors, inner, left_side=True, lower=True, unit_diagonal=True
    )
    x = lax.linalg.triangular_solve(factors, inner, left_side=True)
    return jnp.where(singular, jnp.nan, x)


def _lu(x: Any) -> tuple[Any, Any]:
    check_square(x)
    factors, _, order = lax.linalg.lu(x)
    return factors, order.astype("int64")


# orders -----------------------------------------------------------------------------------------
def _nonzero(node: Apply) -> Kernel:
    def run(x: Any) -> Any:
        return node.op.reference(concrete(x, node.op))

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
    """Run one branch; of a traced condition both are traced, and only one is run.

    Both must return arrays of the same shapes: what only one of them has is zeros in the other.
    """
    dtypes = [v.dtype for v in node.outputs]
    owners = _op(node, Conditional).owners()

    def chosen(condition: Any, *operands: Any) -> tuple[Any, ...]:
        then, orelse = branches
        if not is_traced(condition):
            return (then if concrete(condition, node.op) else orelse)(*operands)
        shapes: list[list[tuple[int, ...]]] = []

        def traced(run: Runner, unread: int, other: Runner) -> Callable[[], tuple[Any, ...]]:
            def branch() -> tuple[Any, ...]:
                outputs = tuple(map(strong, run(*operands), dtypes))
                if unread in owners:
                    like = jax.eval_shape(lambda: tuple(other(*operands)))
                    outputs = tuple(
                        jnp.zeros(b.shape, a.dtype) if only == unread else a
                        for a, b, only in zip(outputs, like, owners, strict=True)
                    )
                shapes.append([output.shape for output in outputs])
                if shapes[-1] != shapes[0]:
                    concrete(condition, f"{node.op}, whose branches differ in shape,")
                return outputs

            return branch

        return lax.cond(condition != 0, traced(then, 1, orelse), traced(orelse, 0, then))

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


def _assert(node: Apply) -> Kernel:
    """Check on the host, and do without a program of XLA: but for matrices, of which it has NaN."""

    def unchecked(x: Any, *conditions: Any) -> Any:
        return x

    return unchecked if issubclass(_op(node, Assert).error, LinAlgError) else _on_concrete(node)


def _passed_on(node: Apply) -> Kernel:
    return same


def _barrier(*operands: Any) -> Any:
    return lax.optimization_barrier(operands)[0]


# the table --------------------------------------------------------------------------------------
def _overlap_add(node: Apply) -> Kernel:
    """Add up the elements of windows, each spread out over zeros, which XLA fuses."""
    op = _op(node, OverlapAdd)

    def run(x: Any, *extents: Any) -> Any:
        last = [int(concrete(n, op)) for n in extents]
        op.check_arrays(x.shape, last)
        lead = x.ndim - 2 * op.rank
        check_size((*x.shape[:lead], *last))
        zero, rest = jnp.zeros((), x.dtype), [(0, 0, 0)] * lead
        total: Any = None
        for within, places in op.parts(x.shape):
            around = (
                (part.start, n - part.stop, part.step - 1)
                for part, n in zip(places, last, strict=True)
            )
            one = lax.pad(x[(..., *within, *[slice(None)] * op.rank)], zero, [*rest, *around])
            total = one if total is None else total + one
        return total

    return run


KERNELS: Kernels = {
    **ENTRIES,
    # reductions
    Reduce: _reduce,
    ArgReduce: _arg_reduce,
    Cumulative: _cumulative,
    Recurrence: _recurrence,
    # shapes
    ShapeOf: of_shape,
    Extent: of_shape,
    MakeVector: make_vector,
    DimShuffle: dimshuffle,
    Reshape: reshape,
    Alloc: alloc,
    Join: join,
    SpecifyShape: specify_shape,
    Repeat: repeat,
    OverlapAdd: _overlap_add,
    Arange: arange,
    # products and factors
    Dot: _dot,
    MatMul: _matmul,
    Cholesky: _always(_cholesky),
    LU(): _lu,
    Complement(): functools.partial(complements, jnp),
    QR(): functools.partial(orthonormal_factors, jnp),
    Eig: _vectors(general_eigenvectors),
    EigVals: _vectors(general_eigenvalues),
    EigValsH: _vectors(symmetric_eigenvalues),
    Eigh: _vectors(eigenvectors),
    SVD: _vectors(singular_vectors),
    SVDVals: _vectors(singular_values),
    LDL: of_matrices,
    Logarithm: of_matrices,
    Schur: of_matrices,
    Solve: _always(_solve),
    SolveLower: _solve_lower,
    **TRANSFORMS,
    **SPARSE,
    # indexing and orders
    Subtensor: subtensor,
    IncSubtensor: inc_subtensor,
    Nonzero: _nonzero,
    Sort: sort,
    ArgSort: arg_sort,
    SearchSorted: search_sorted,
    # choice, checks, marks
    IfElse: _if_else,
    Conditional: _conditional,
    Assert: _assert,
    Print: _on_concrete,
    ZeroGrad: _passed_on,
    DisconnectedGrad: _passed_on,
    GradScale: _passed_on,
    GradClip: _passed_on,
    OptimizationBarrier: _always(_barrier),
    # loops
    Scan: scan,
}
"""The table."""
