"""Theano's names for functions of ``T.linalg`` that SciPy has: ``T.slinalg``."""

from typing import Any

from gradcore.errors import no_attribute
from gradcore.graph import Variable
from gradcore.tensor.linalg import cholesky as cholesky
from gradcore.tensor.linalg import eigvalsh as eigvalsh
from gradcore.tensor.linalg import expm as expm
from gradcore.tensor.linalg import kron as kron
from gradcore.tensor.linalg import solve as solve
from gradcore.tensor.linalg import solve_triangular
from gradcore.tensor.linalg import sqrtm as sqrtm


def solve_lower_triangular(a: Any, b: Any, trans: int | str = 0, **options: Any) -> Variable:
    """Return `gradcore.tensor.linalg.solve_triangular` of a lower triangle.

    >>> import gradcore.tensor as T
    >>> T.slinalg.solve_lower_triangular([[2.0, 0.0], [1.0, 4.0]], [2.0, 5.0]).eval().tolist()
    [1.0, 1.0]
    """
    return solve_triangular(a, b, trans, lower=True, **options)


def solve_upper_triangular(a: Any, b: Any, trans: int | str = 0, **options: Any) -> Variable:
    """Return `gradcore.tensor.linalg.solve_triangular` of an upper triangle.

    >>> import gradcore.tensor as T
    >>> T.slinalg.solve_upper_triangular([[2.0, 1.0], [0.0, 4.0]], [3.0, 4.0]).eval().tolist()
    [1.0, 1.0]
    """
    return solve_triangular(a, b, trans, lower=False, **options)


def solve_symmetric(a: Any, b: Any, **options: Any) -> Variable:
    """Return `gradcore.tensor.linalg.solve` with a symmetric matrix.

    >>> import gradcore.tensor as T
    >>> T.slinalg.solve_symmetric([[2.0, 1.0], [1.0, 2.0]], [3.0, 3.0]).eval().round(6).tolist()
    [1.0, 1.0]
    """
    return solve(a, b, assume_a="sym", **options)


__getattr__ = no_attribute(__name__, globals())
