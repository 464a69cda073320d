"""Axes in another order or direction, by NumPy's names and those of the array API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradcore.errors import GraphTypeError, GraphValueError
from gradcore.graph import Variable, as_variable, here
from gradcore.language import word
from gradcore.tensor.repeats import flip
from gradcore.tensor.shapes import moveaxis, normalized_axis, swapaxes, transpose


def rot90(x: Any, k: int = 1, axes: Sequence[int] = (0, 1)) -> Variable:
    """Return ``x`` turned ``k`` times by 90 degrees in the plane of ``axes``.

    It turns from the first of them towards the second.

    Raises GraphValueError: the axes do not exist, or are one.

    >>> import gradcore.tensor as T
    >>> T.rot90([[1, 2], [3, 4]]).eval().tolist()
    [[2, 4], [1, 3]]
    """
    variable = as_variable(x)
    i, j = (normalized_axis(a, variable.ndim) for a in axes)
    if i == j:
        raise GraphValueError(f"the axes {axes} of rot90 are one", here())
    turns = k % 4
    if turns == 1:
        return swapaxes(flip(variable, j), i, j)
    if turns == 3:
        return flip(swapaxes(variable, i, j), j)
    return flip(variable, (i, j)) if turns else variable


def fliplr(x: Any) -> Variable:
    """Return ``x``, of two or more axes, with the order along axis 1 reversed.

    >>> import gradcore.tensor as T
    >>> T.fliplr([[1, 2], [3, 4]]).eval().tolist()
    [[2, 1], [4, 3]]
    """
    return flip(_of_rank(x, 2, "fliplr"), 1)


def flipud(x: Any) -> Variable:
    """Return ``x``, of one or more axes, with the order along axis 0 reversed.

    >>> import gradcore.tensor as T
    >>> T.flipud([[1, 2], [3, 4]]).eval().tolist()
    [[3, 4], [1, 2]]
    """
    return flip(_of_rank(x, 1, "flipud"), 0)


def _of_rank(x: Any, least: int, name: str) -> Variable:
    variable = as_variable(x)
    if variable.ndim < least:
        raise GraphTypeError(
            f"{name} takes a tensor of {least} or more axes, not {variable} ({variable.type})",
            here(),
        )
    return variable


@word
def matrix_transpose(x: Any) -> Variable:
    """Return the transposes of matrices, which are the last two axes.

    >>> import gradcore.tensor as T
    >>> T.matrix_transpose([[1, 2, 3]]).eval().tolist()
    [[1], [2], [3]]
    """
    return swapaxes(_of_rank(x, 2, "matrix_transpose"), -1, -2)


def permute_dims(x: Any, axes: Sequence[int]) -> Variable:
    """Return ``x`` with its axes in the order ``axes``: the array API's name of `transpose`.

    >>> import gradcore.tensor as T
    >>> T.permute_dims(T.zeros((2, 3, 4)), (2, 0, 1)).type
    TensorType(float64, (4, 2, 3))
    """
    return transpose(x, tuple(axes))


def rollaxis(x: Any, axis: int, start: int = 0) -> Variable:
    """Return ``x`` with ``axis`` moved back until it stands before the axis ``start``.

    >>> import gradcore.tensor as T
    >>> T.rollaxis(T.zeros((2, 3, 4)), 2).type
    TensorType(float64, (4, 2, 3))
    """
    variable = as_variable(x)
    a = normalized_axis(axis, variable.ndim)
    place = start + variable.ndim if start < 0 else start
    if not 0 <= place <= variable.ndim:
        raise GraphValueError(f"start={start} is no axis of {variable} ({variable.type})", here())
    return moveaxis(variable, a, place - 1 if a < place else place)
