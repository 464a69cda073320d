"""Equations with matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradcore.dtypes import computed
from gradcore.errors import GraphTypeError, GraphValueError
from gradcore.graph import Op, Variable, as_variable, here
from gradcore.graph.complexes import conjugated
from gradcore.graph.extents import product
from gradcore.graph.nodes import extents_of
from gradcore.graph.types import upcast
from gradcore.ops.decompositions import along_columns, diagonal, identity
from gradcore.ops.elementwise import floating
from gradcore.ops.factors import Solve, SolveLower
from gradcore.ops.matrices import adjoint, below, unless_singular
from gradcore.ops.schur import Sylvester, kronecker
from gradcore.tensor.creation import triu
from gradcore.tensor.elementwise import cast
from gradcore.tensor.indexing import argsort, take_along_axis
from gradcore.tensor.linalg.decompositions import cholesky
from gradcore.tensor.linalg.functions import pinv
from gradcore.tensor.linalg.operands import matrices, raises
from gradcore.tensor.products import matmul
from gradcore.tensor.shapes import alloc, moveaxis, reshape, swapaxes

ASSUMED = ("gen", "sym", "her", "pos", "diagonal", "lower triangular", "upper triangular")
"""What `solve` may be told of a matrix."""

LONG = {
    "general": "gen",
    "symmetric": "sym",
    "hermitian": "her",
    "positive definite": "pos",
}
"""SciPy's other names for these."""


def solve(a: Any, b: Any, assume_a: str = "gen", *, on_error: str = "raise") -> Variable:
    """Return x of ``a @ x = b``, for a square matrix or a stack of them.

    b : a matrix, or a vector; stacks broadcast, as NumPy's.
    assume_a : what is known of ``a``: "gen", nothing; "sym" or "her", it is symmetric, of which no
        use is made; "pos", it is positive definite, and its lower triangle is read; "diagonal";
        "lower triangular" or "upper triangular"; or one of SciPy's longer names of these.
    on_error : "raise": LinAlgError for a singular matrix, or one that is not positive definite
        though it is said to be; "nan": it has a solution of NaN, or with infinities if it is a
        triangle or diagonal.

    Raises GraphTypeError: other ranks than these; GraphValueError: another ``assume_a`` or
    ``on_error``; ShapeError: the matrix is not square, or the extents do not fit.

    >>> import gradcore.tensor as T
    >>> T.linalg.solve([[0.0, 2.0], [1.0, 3.0]], [2.0, 4.0]).eval().tolist()
    [1.0, 1.0]
    """
    assume_a = LONG.get(assume_a, assume_a)
    if assume_a not in ASSUMED:
        raise GraphValueError(f"solve knows no assume_a={assume_a!r}", here(), f"one of {ASSUMED}")
    left, right = as_variable(a), as_variable(b)
    raising = raises("solve", on_error)
    if assume_a == "pos":
        return cho_solve((cholesky(left, on_error=on_error), True), right)
    if assume_a == "diagonal":
        (matrix,), dtype = matrices("solve", left)
        numbers = cast(diagonal(matrix), dtype)
        found = right / (numbers if right.ndim == 1 else along_columns(numbers))
        return unless_singular(found, numbers) if raising else found
    if assume_a in ("lower triangular", "upper triangular"):
        return _by_substitution(
            "solve", left, right, assume_a == "lower triangular", False, raising
        )
    return solved("solve", Solve(raising), left, right)


def solve_triangular(
    a: Any,
    b: Any,
    trans: int | str = 0,
    lower: bool = False,
    unit_diagonal: bool = False,
) -> Variable:
    """Return x of ``a @ x = b`` for a triangle, or a stack of them, as SciPy's.

    b : a matrix, or a vector; stacks broadcast.
    trans : whether it is x of ``a.T @ x = b``: 0 or "N": it is not; 1 or "T": it is; 2 or "C": it
        is, and of the conjugate of ``a``.
    lower : which triangle of ``a`` is read: the lower one, or by default the upper.
    unit_diagonal : whether the diagonal is taken for ones, and not read.

    Raises GraphValueError: another ``trans``; LinAlgError when it runs: a zero on the diagonal.

    >>> import gradcore.tensor as T
    >>> T.linalg.solve_triangular([[2.0, 0.0], [1.0, 4.0]], [2.0, 9.0], lower=True).eval().tolist()
    [1.0, 2.0]
    """
    left, right = as_variable(a), as_variable(b)
    if trans not in (0, 1, 2, "N", "T", "C"):
        raise GraphValueError(f"solve_triangular takes trans=0, 1 or 2, not {trans!r}", here())
    left = conjugated(left) if trans in (2, "C") else left
    if unit_diagonal:
        (left,), _ = matrices("solve_triangular", left)
        left = (below(left, 0) if lower else triu(left, 1)) + identity(left)
    turned = trans not in (0, "N")
    return _by_substitution("solve_triangular", left, right, lower, turned, raising=True)


def _by_substitution(
    name: str, left: Variable, right: Variable, lower: bool, trans: bool, raising: bool
) -> Variable:
    """Return the solution for triangles; what functions take is said by `solve_triangular`."""
    if not lower and left.ndim > 1:
        left = swapaxes(left, -1, -2)
    return solved(name, SolveLower(trans == lower, raising), left, right)


def solved(name: str, op: Op, left: Variable, right: Variable) -> Variable:
    """Return what an op makes of the two sides of equations, in a dtype that LAPACK has.

    name : the function that takes them, for messages.
    """
    if left.ndim < 2 or not right.ndim:
        raise GraphTypeError(
            f"{name} takes matrices, and matrices or a vector, not {left} ({left.type}) and "
            f"{right} ({right.type})",
            here(),
        )
    if right.ndim == 1:
        found = solved(name, op, left, right.dimshuffle(0, "x"))
        return found.dimshuffle(*range(found.ndim - 1))
    if left.ndim == 2 < right.ndim:
        return _with_one_matrix(name, op, left, right)
    left, right = _broadcast(left, right)
    dtype = floating(upcast(left.type.dtype, right.type.dtype))
    wide = computed(dtype)
    return cast(op(cast(left, wide), cast(right, wide)), dtype)


def _with_one_matrix(name: str, op: Op, left: Variable, right: Variable) -> Variable:
    """Return the solutions of a stack of equations with one matrix, which has factors once."""
    rank = right.ndim
    side_by_side = right.dimshuffle(rank - 2, *range(rank - 2), rank - 1)
    n, *others = extents_of(side_by_side)
    found = solved(name, op, left, reshape(side_by_side, (n, product(tuple(others)))))
    back = (*range(1, rank - 1), 0, rank - 1)
    return reshape(found, (n, *others)).dimshuffle(*back)


def _broadcast(left: Variable, right: Variable) -> list[Variable]:
    """Return stacks of matrices with the same axes in front: what has one matrix, repeated."""
    rank = max(left.ndim, right.ndim)
    both = [v.dimshuffle(*["x"] * (rank - v.ndim), *range(v.ndim)) for v in (left, right)]
    ones = [v.broadcastable[:-2] for v in both]
    outer = [
        n if one else m
        for m, n, one in zip(extents_of(both[0]), extents_of(both[1]), ones[0], strict=False)
    ]
    pairs = zip(both, (left, right), strict=True)
    if ones[0] == ones[1]:
        return [v if v.ndim > old.ndim else old for v, old in pairs]
    return [alloc(v, *outer, *extents_of(v)[-2:]) for v in both]


# with factors -----------------------------------------------------------------------------------
def cho_solve(c_and_lower: tuple[Any, bool], b: Any) -> Variable:
    """Return x of ``a @ x = b``, given a Cholesky factor of ``a`` and whether it is the lower one.

    b : a matrix, or a vector; for stacks, a stack of matrices of the same extents.

    Raises LinAlgError when it runs: the factor has a zero on its diagonal.

    >>> import gradcore.tensor as T
    >>> a = [[4.0, 2.0], [2.0, 5.0]]
    >>> T.linalg.cho_solve(T.linalg.cho_factor(a), [6.0, 7.0]).eval().tolist()
    [1.0, 1.0]
    """
    factor, lower = c_and_lower
    inner = solve_triangular(factor, b, 0 if lower else 2, lower)
    return solve_triangular(factor, inner, 2 if lower else 0, lower)


def lu_solve(lu_and_order: tuple[Any, Any], b: Any, trans: int | bool = 0) -> Variable:
    """Return x of ``a @ x = b``, given the factors and the order of ``lu_factor(a)``.

    b : a matrix, or a vector; for stacks, a stack of matrices of the same extents.
    trans : 1 (or True) for x of ``a.T @ x = b``; 2 for that of the conjugate of ``a``.

    Raises LinAlgError when it runs: ``a`` is singular.

    >>> import gradcore.tensor as T
    >>> T.linalg.lu_solve(T.linalg.lu_factor([[0.0, 2.0], [1.0, 3.0]]), [2.0, 4.0]).eval().tolist()
    [1.0, 1.0]
    """
    (factors,), _ = matrices("lu_solve", lu_and_order[0])
    order, right = as_variable(lu_and_order[1]), as_variable(b)
    lower = below(factors, 0) + identity(factors)
    if right.ndim > 1:
        order = order.dimshuffle(*range(order.ndim), "x")
    axis = max(right.ndim - 2, 0)
    if trans:
        inner = solve_triangular(factors, right, trans=int(trans))
        permuted = solve_triangular(lower, inner, trans=int(trans), lower=True)
        return take_along_axis(permuted, argsort(order, axis), axis)
    inner = solve_triangular(lower, take_along_axis(right, order, axis), lower=True)
    return solve_triangular(factors, inner)


# least squares ----------------------------------------------------------------------------------
def lstsq(a: Any, b: Any, rcond: float | None = None) -> Variable:
    """Return the x of least norm that minimizes ``norm(a @ x - b)``: the first of NumPy's results.

    b : a matrix, or a vector; for stacks, a stack of matrices.
    rcond : singular values of at most this part of the largest count as 0, as in `pinv`, where it
        is said what derivatives are where the rank is not full.

    Raises LinAlgError when it runs: the matrix is not finite.

    >>> import gradcore.tensor as T
    >>> T.linalg.lstsq([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]], [1.0, 2.0, 3.0]).eval().round(12)
    array([1., 1.])
    """
    return matmul(pinv(a, rcond), b)


# of matrices ------------------------------------------------------------------------------------
def solve_sylvester(a: Any, b: Any, q: Any) -> Variable:
    """Return x of ``a @ x + x @ b = q``, for matrices or stacks of them.

    On JAX, torch and CUDA it is solved as one system of as many equations as ``q`` has elements,
    which for matrices of n rows takes n ** 6 operations: for tens of rows, not hundreds.

    Raises LinAlgError when it runs: ``a`` and ``-b`` have an eigenvalue in common.

    >>> import gradcore.tensor as T
    >>> T.linalg.solve_sylvester([[1.0, 0.0], [0.0, 3.0]], [[1.0]], [[2.0], [8.0]]).eval().tolist()
    [[1.0], [2.0]]
    """
    operands, dtype = matrices("solve_sylvester", a, b, q)
    return cast(Sylvester()(*operands), dtype)


def solve_continuous_lyapunov(a: Any, q: Any) -> Variable:
    """Return x of ``a @ x + x @ a.T = q``, as `solve_sylvester` does, a.T that of the conjugate.

    >>> import gradcore.tensor as T
    >>> T.linalg.solve_continuous_lyapunov([[2.0]], [[4.0]]).eval().tolist()
    [[1.0]]
    """
    (matrix,), _ = matrices("solve_continuous_lyapunov", a)
    return solve_sylvester(matrix, adjoint(matrix), q)


solve_lyapunov = solve_continuous_lyapunov


def solve_discrete_lyapunov(a: Any, q: Any) -> Variable:
    """Return x of ``a @ x @ a.T - x + q = 0``, as one system of equations of all its elements.

    Of complex matrices, a.T is that of the conjugate.
    For matrices of n rows it takes n ** 6 operations: for tens of rows, not hundreds.  Raises
    LinAlgError when it runs: the product of two eigenvalues of ``a`` is 1.

    >>> import gradcore.tensor as T
    >>> T.linalg.solve_discrete_lyapunov([[0.5]], [[3.0]]).eval().tolist()
    [[4.0]]
    """
    (matrix, given), dtype = matrices("solve_discrete_lyapunov", a, q)
    system = kronecker(matrix, conjugated(matrix))
    *stack, m, n = extents_of(given)
    flat = reshape(given, (*stack, m * n, 1))
    return cast(reshape(Solve()(identity(system) - system, flat), (*stack, m, n)), dtype)


def tensorsolve(a: Any, b: Any, axes: Sequence[int] | None = None) -> Variable:
    """Return x of ``tensordot(a, x, x.ndim) = b``, as NumPy's ``tensorsolve``.

    a : its first axes are those of ``b``, the others those of ``x``, of as many elements.
    axes : axes of ``a`` that are moved to its end before.

    Raises LinAlgError when it runs: the equations are singular.

    >>> import gradcore.tensor as T
    >>> a = T.reshape(2.0 * T.eye(4), (2, 2, 2, 2))
    >>> T.linalg.tensorsolve(a, [[2.0, 4.0], [6.0, 8.0]]).eval().tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    tensor, right = as_variable(a), as_variable(b)
    if axes is not None:
        tensor = moveaxis(tensor, list(axes), list(range(-len(axes), 0)))
    shape = extents_of(tensor)[right.ndim :]
    size = product(shape)
    matrix = reshape(tensor, (product(extents_of(right)), size))
    return reshape(solved("tensorsolve", Solve(), matrix, right.ravel()), shape)
