"""Elementwise functions that are not rows: casts, rounding to decimals, comparisons."""

from __future__ import annotations

from typing import Any

from gradcore.errors import GraphTypeError
from gradcore.graph import Variable, as_variable, here
from gradcore.graph.types import COMPLEX, canonical_dtype
from gradcore.language import word
from gradcore.ops import complexes, scalars
from gradcore.tensor.indexing import nonzero


@word
def cast(x: Any, dtype: str) -> Variable:
    """Return ``x`` as ``dtype``: itself, if it is that already.

    Of complex numbers, what is real keeps the real part, as NumPy's ``astype``.

    >>> import gradcore.tensor as T
    >>> T.cast(T.dvector("x"), "int32").dtype
    'int32'
    """
    variable, wanted = as_variable(x), canonical_dtype(dtype)
    if variable.type.dtype == wanted:
        return variable
    if variable.type.is_complex and wanted == "bool":
        return scalars.neq(variable, 0)
    if variable.type.is_complex and wanted not in COMPLEX:
        return cast(complexes.real(variable), wanted)
    return scalars.CASTS[wanted](variable)


@word
def copy(x: Any, name: str | None = None) -> Variable:
    """Return a new variable of the value of ``x``.

    >>> import gradcore.tensor as T
    >>> x = T.dvector("x")
    >>> T.copy(x, "y")
    y
    """
    return scalars.identity(x, name=name)


@word
def round(x: Any, decimals: int = 0) -> Variable:
    """Return ``x`` rounded to ``decimals``, halves to the even neighbour.

    >>> import gradcore.tensor as T
    >>> T.round([0.5, 1.5, -1.234], 1).eval().tolist()
    [0.5, 1.5, -1.2]
    """
    variable = as_variable(x)
    if decimals == 0 or not variable.type.is_inexact:
        return scalars.round_half_to_even(variable)
    scale = 10.0**decimals
    return scalars.round_half_to_even(variable * scale) / scale


def inv(x: Any) -> Variable:
    """Return ``reciprocal(x)``, of a scalar or a vector, by Theano's name for it.

    Raises GraphTypeError: ``x`` is a matrix, of which an inverse is something else.

    >>> import gradcore.tensor as T
    >>> T.inv([2.0, 4.0]).eval().tolist()
    [0.5, 0.25]
    """
    variable = as_variable(x)
    if variable.ndim > 1:
        raise GraphTypeError(
            f"inv of {variable} ({variable.type}): the inverse of a matrix, or of each element?",
            here(),
            "take T.linalg.inv, or T.reciprocal",
        )
    return scalars.reciprocal(variable)


def where(condition: Any, *branches: Any) -> Any:
    """Return ``switch(condition, x, y)``, or without branches the indices where it holds.

    >>> import gradcore.tensor as T
    >>> T.where([True, False], [1, 2], [3, 4]).eval().tolist()
    [1, 4]
    """
    if as_variable(condition).type.is_complex:
        condition = scalars.neq(condition, 0)
    return scalars.switch(condition, *branches) if branches else nonzero(condition)


def relu(x: Any, alpha: float = 0) -> Variable:
    """Return ``x`` where it is positive, else ``alpha * x``; the slope at 0 is ``alpha``.

    >>> import gradcore.tensor as T
    >>> T.relu([-1.0, 2.0], alpha=0.1).eval().tolist()
    [-0.1, 2.0]
    """
    variable = as_variable(x)
    below = alpha * variable if alpha else 0
    return scalars.switch(variable <= 0, below, variable)


def isclose(
    x: Any, y: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Variable:
    """Return where ``abs(x - y) <= atol + rtol * abs(y)``, as NumPy's ``isclose``.

    >>> import gradcore.tensor as T
    >>> T.isclose([1.0, 2.0], [1.0, 2.1]).eval().tolist()
    [True, False]
    """
    a, b = as_variable(x), as_variable(y)
    near = scalars.isfinite(b) & (abs(a - b) <= atol + rtol * abs(b))
    close = near | scalars.eq(a, b)
    return close | (scalars.isnan(a) & scalars.isnan(b)) if equal_nan else close


def allclose(
    x: Any, y: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Variable:
    """Return whether ``isclose`` holds everywhere.

    >>> import gradcore.tensor as T
    >>> T.allclose([1.0, 2.0], [1.0, 2.0 + 1e-9]).eval()
    array(True)
    """
    return isclose(x, y, rtol, atol, equal_nan).all()
