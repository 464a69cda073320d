"""Equations with matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradcore.dtypes import computed
from gradcore.errors import GraphTypeError, GraphValueError, LinAlgError
from gradcore.graph import Op, Variable, as_variable, here
from gradcore.graph.extents import product
from gradcore.graph.nodes import extents_of
from gradcore.graph.types import upcast
from gradcore.ops.control import Assert
from gradcore.ops.decompositions import along_columns, diagonal, identity
from gradcore.ops.elementwise import floating
from gradcore.ops.factors import Solve, SolveLower, below
from gradcore.ops.scalars import neq
from gradcore.tensor.elementwise import cast
from gradcore.tensor.indexing import argsort, take_along_axis
from gradcore.tensor.linalg.decompositions import cholesky
from gradcore.tensor.linalg.functions import pinv
from gradcore.tensor.linalg.operands import matrices, raises
from gradcore.tensor.linalg.structured import kron_of_matrices
from gradcore.tensor.products import matmul
from gradcore.tensor.shapes import moveaxis, reshape, swapaxes

ASSUMED = ("gen", "sym", "pos", "diagonal", "lower triangular", "upper triangular")
"""What `solve` may assume of a matrix."""


def solve(a: Any, b: Any, assume_a: str = "gen", *, on_error: str = "raise") -> Variable:
    """Return x of ``a @ x = b``, for a square matrix or a stack of them.

    b : a matrix, or a vector; for stacks, a stack of matrices of the same extents.
    assume_a : what is known of ``a``: "gen", nothing; "sym", it is symmetric, of which no use is
        made; "pos", it is positive definite, and its lower triangle is read; "diagonal";
        "lower triangular" or "upper triangular".
    on_error : "raise": LinAlgError for a singular matrix, or one that is not positive definite
        though it is said to be; "nan": it has a solution of NaN, or with infinities if it is a
        triangle or diagonal.

    Raises GraphTypeError: other ranks than these; ShapeError: the matrix is not square, or the
    extents do not fit.

    >>> import gradcore.tensor as T
    >>> T.linalg.solve([[0.0, 2.0], [1.0, 3.0]], [2.0, 4.0]).eval().tolist()
    [1.0, 1.0]
    """
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
        return Assert("Singular matrix", LinAlgError)(found, neq(numbers, 0)) if raising else found
    if assume_a in ("lower triangular", "upper triangular"):
        return _by_substitution(
            "solve", left, right, assume_a == "lower triangular", False, raising
        )
    return _solved("solve", Solve(raising), left, right)


def solve_triangular(a: Any, b: Any, lower: bool = False, trans: bool = False) -> Variable:
    """Return x of ``a @ x = b`` (``a.T @ x = b`` if ``trans``), for a triangle or a stack of them.

    b : a matrix, or a vector; for stacks, a stack of matrices of the same extents.
    lower : which triangle of ``a`` is read: the lower one, or by default the upper.

    Raises LinAlgError when it runs: a zero on the diagonal.

    >>> import gradcore.tensor as T
    >>> T.linalg.solve_triangular([[2.0, 0.0], [1.0, 4.0]], [2.0, 9.0], lower=True).eval().tolist()
    [1.0, 2.0]
    """
    left, right = as_variable(a), as_variable(b)
    return _by_substitution("solve_triangular", left, right, lower, trans, raising=True)


def _by_substitution(
    name: str, left: Variable, right: Variable, lower: bool, trans: bool, raising: bool
) -> Variable:
    """Return the solution for triangles; what functions take is said by `solve_triangular`."""
    if not lower and left.ndim > 1:
        left = swapaxes(left, -1, -2)
    return _solved(name, SolveLower(trans == lower, raising), left, right)


def _solved(name: str, op: Op, left: Variable, right: Variable) -> Variable:
    """Return what an op makes of the two sides of equations, in a dtype that LAPACK has."""
    if right.ndim == 1 and left.ndim == 2:
        return _solved(name, op, left, right.dimshuffle(0, "x")).dimshuffle(0)
    if right.ndim != left.ndim:
        raise GraphTypeError(
            f"{name} takes as many axes on both sides, got {left} ({left.type}) and "
            f"{right} ({right.type})",
            here(),
        )
    dtype = floating(upcast(left.type.dtype, right.type.dtype))
    wide = computed(dtype)
    return cast(op(cast(left, wide), cast(right, wide)), dtype)


# with factors -----------------------------------------------------------------------------------
def cho_solve(c_and_lower: tuple[Any, bool], b: Any) -> Variable:
    """Return x of ``a @ x = b``, given a Cholesky factor of ``a`` and whether it is the lower one.

    b : a matrix, or a vector; for stacks, a stack of matrices of the same extents.

    >>> import gradcore.tensor as T
    >>> a = [[4.0, 2.0], [2.0, 5.0]]
    >>> T.linalg.cho_solve(T.linalg.cho_factor(a), [6.0, 7.0]).eval().tolist()
    [1.0, 1.0]
    """
    factor, lower = c_and_lower
    inner = solve_triangular(factor, b, lower, trans=not lower)
    return solve_triangular(factor, inner, lower, trans=lower)


def lu_solve(lu_and_order: tuple[Any, Any], b: Any, trans: bool = False) -> Variable:
    """Return x of ``a @ x = b``, given the factors and the order of ``lu_factor(a)``.

    b : a matrix, or a vector; for stacks, a stack of matrices of the same extents.
    trans : whether it is x of ``a.T @ x = b``.

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
        inner = solve_triangular(factors, right, trans=True)
        permuted = solve_triangular(lower, inner, lower=True, trans=True)
        return take_along_axis(permuted, argsort(order, axis), axis)
    inner = solve_triangular(lower, take_along_axis(right, order, axis), lower=True)
    return solve_triangular(factors, inner)


# least squares ----------------------------------------------------------------------------------
def lstsq(a: Any, b: Any, rcond: float | None = None) -> Variable:
    """Return the x of least norm that minimizes ``norm(a @ x - b)``: the first of NumPy's results.

    b : a matrix, or a vector; for stacks, a stack of matrices.
    rcond : singular values of at most this part of the largest count as 0, as in `pinv`, where it
        is said what derivatives are where the rank is not full.

    >>> import gradcore.tensor as T
    >>> T.linalg.lstsq([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]], [1.0, 2.0, 3.0]).eval().round(12)
    array([1., 1.])
    """
    return matmul(pinv(a, rcond), b)


# of matrices ------------------------------------------------------------------------------------
def solve_sylvester(a: Any, b: Any, q: Any) -> Variable:
    """Return x of ``a @ x + x @ b = q``.

    It is solved as one system of as many equations as ``q`` has elements, which for matrices of
    n rows takes n ** 6 operations: for matrices of tens of rows, not hundreds.

    Raises LinAlgError when it runs: eigenvalues of ``a`` and ``-b`` are equal.

    >>> import gradcore.tensor as T
    >>> T.linalg.solve_sylvester([[1.0, 0.0], [0.0, 3.0]], [[1.0]], [[2.0], [8.0]]).eval().tolist()
    [[1.0], [2.0]]
    """
    (left, right, given), dtype = matrices("solve_sylvester", a, b, q)
    by_left = kron_of_matrices(left, identity(right))
    by_right = kron_of_matrices(identity(left), swapaxes(right, -1, -2))
    return cast(_of_flat(by_left + by_right, given), dtype)


def _of_flat(system: Variable, q: Variable) -> Variable:
    """Return matrices as solutions of a system of equations of all their elements."""
    *stack, m, n = extents_of(q)
    flat = reshape(q, (*stack, m * n, 1))
    return reshape(_solved("solve_sylvester", Solve(), system, flat), (*stack, m, n))


def solve_continuous_lyapunov(a: Any, q: Any) -> Variable:
    """Return x of ``a @ x + x @ a.T = q``, as `solve_sylvester` does."""
    (matrix,), _ = matrices("solve_continuous_lyapunov", a)
    return solve_sylvester(matrix, swapaxes(matrix, -1, -2), q)


solve_lyapunov = solve_continuous_lyapunov


def solve_discrete_lyapunov(a: Any, q: Any) -> Variable:
    """Return x of ``a @ x @ a.T - x + q = 0``, as `solve_sylvester` does.

    >>> import gradcore.tensor as T
    >>> T.linalg.solve_discrete_lyapunov([[0.5]], [[3.0]]).eval().tolist()
    [[4.0]]
    """
    (matrix, given), dtype = matrices("solve_discrete_lyapunov", a, q)
    system = kron_of_matrices(matrix, matrix)
    return cast(_of_flat(identity(system) - system, given), dtype)


def tensorsolve(a: Any, b: Any, axes: Sequence[int] | None = None) -> Variable:
    """Return x of ``tensordot(a, x, x.ndim) = b``, as NumPy's ``tensorsolve``.

    a : its first axes are those of ``b``, the others those of ``x``, of as many elements.
    axes : axes of ``a`` that are moved to its end before.
    """
    tensor, right = as_variable(a), as_variable(b)
    if axes is not None:
        tensor = moveaxis(tensor, list(axes), list(range(-len(axes), 0)))
    shape = extents_of(tensor)[right.ndim :]
    size = product(shape)
    matrix = reshape(tensor, (product(extents_of(right)), size))
    return reshape(_solved("tensorsolve", Solve(), matrix, right.ravel()), shape)
