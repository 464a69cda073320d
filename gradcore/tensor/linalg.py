"""Linear algebra beyond products, under NumPy's and SciPy's names: ``T.linalg``."""

from __future__ import annotations

from typing import Any

from gradcore.dtypes import computed
from gradcore.errors import GraphTypeError
from gradcore.graph import Op, Variable, as_variable, here
from gradcore.graph.types import upcast
from gradcore.ops.elementwise import floating
from gradcore.ops.factors import Cholesky, Solve, SolveLower
from gradcore.tensor.elementwise import cast
from gradcore.tensor.shapes import swapaxes


def cholesky(x: Any) -> Variable:
    """Return the lower triangle L of ``x = L @ L.T``, for a symmetric matrix or a stack of them.

    Only the lower triangle of ``x`` is read.  Where ``x`` is not positive definite, L is NaN.

    >>> import gradcore.tensor as T
    >>> T.linalg.cholesky([[4.0, 0.0], [2.0, 5.0]]).eval().tolist()
    [[2.0, 0.0], [1.0, 2.0]]
    """
    variable = as_variable(x)
    dtype = floating(variable.type.dtype)
    return cast(Cholesky()(cast(variable, computed(dtype))), dtype)


def solve(a: Any, b: Any) -> Variable:
    """Return x of ``a @ x = b``, for a square matrix or a stack of them.

    b : a matrix, or a vector; for stacks, a stack of matrices of the same extents.

    A singular matrix has a solution of NaN.  Raises GraphTypeError: other ranks than these;
    ShapeError: the matrix is not square, or the extents do not fit.

    >>> import gradcore.tensor as T
    >>> T.linalg.solve([[0.0, 2.0], [1.0, 3.0]], [2.0, 4.0]).eval().tolist()
    [1.0, 1.0]
    """
    return _solved("solve", Solve(), as_variable(a), as_variable(b))


def solve_triangular(a: Any, b: Any, lower: bool = False, trans: bool = False) -> Variable:
    """Return x of ``a @ x = b`` (``a.T @ x = b`` if ``trans``), for a triangle or a stack of them.

    b : a matrix, or a vector; for stacks, a stack of matrices of the same extents.
    lower : which triangle of ``a`` is read: the lower one, or by default the upper.

    A diagonal with a zero gives infinities and NaN.

    >>> import gradcore.tensor as T
    >>> T.linalg.solve_triangular([[2.0, 0.0], [1.0, 4.0]], [2.0, 9.0], lower=True).eval().tolist()
    [1.0, 2.0]
    """
    triangle = as_variable(a)
    if not lower and triangle.ndim > 1:
        triangle = swapaxes(triangle, -1, -2)
    return _solved("solve_triangular", SolveLower(trans == lower), triangle, as_variable(b))


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
