"""Linear algebra beyond products, under NumPy's and SciPy's names: ``T.linalg``."""

from __future__ import annotations

from typing import Any

from gradcore.dtypes import computed
from gradcore.errors import GraphTypeError
from gradcore.graph import Variable, as_variable, here
from gradcore.graph.types import upcast
from gradcore.ops.elementwise import floating
from gradcore.ops.factors import Cholesky, SolveLower
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


def solve_triangular(a: Any, b: Any, lower: bool = False, trans: bool = False) -> Variable:
    """Return x of ``a @ x = b`` (``a.T @ x = b`` if ``trans``), for a triangle or a stack of them.

    b : a matrix, or a vector; for stacks, a stack of matrices of the same extents.
    lower : which triangle of ``a`` is read: the lower one, or by default the upper.

    A diagonal with a zero gives infinities and NaN.

    >>> import gradcore.tensor as T
    >>> T.linalg.solve_triangular([[2.0, 0.0], [1.0, 4.0]], [2.0, 9.0], lower=True).eval().tolist()
    [1.0, 2.0]
    """
    left, right = as_variable(a), as_variable(b)
    if right.ndim == 1 and left.ndim == 2:
        return solve_triangular(left, right.dimshuffle(0, "x"), lower, trans).dimshuffle(0)
    if right.ndim != left.ndim:
        raise GraphTypeError(
            f"solve_triangular takes as many axes on both sides, got {left} ({left.type}) and "
            f"{right} ({right.type})",
            here(),
        )
    dtype = floating(upcast(left.type.dtype, right.type.dtype))
    wide = computed(dtype)
    triangle = cast(left if lower else swapaxes(left, -1, -2), wide)
    return cast(SolveLower(trans == lower)(triangle, cast(right, wide)), dtype)
