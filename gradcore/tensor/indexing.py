"""Functions that read, write, find and order elements."""

from __future__ import annotations

from typing import Any

from gradcore.errors import GraphTypeError, GraphValueError
from gradcore.graph import Variable, as_variable, here
from gradcore.graph.nodes import extents_of
from gradcore.language import LANGUAGE, word
from gradcore.ops.create import Arange
from gradcore.ops.index import IncSubtensor, Nonzero, Subtensor
from gradcore.ops.index_keys import pattern_of
from gradcore.ops.scalars import clip, neq
from gradcore.ops.sorting import ArgSort, Sort
from gradcore.tensor.shapes import expand_dims, flatten, normalized_axis


@word
def getitem(x: Any, key: Any) -> Variable:
    """Return ``x[key]``, for ``key`` anything that NumPy understands.

    Ints, slices, ``...``, ``None``, integer arrays and boolean masks may be mixed; numbers of the
    graph may stand wherever an int may.
    """
    variable = as_variable(x)
    pattern, indices = pattern_of(variable, key)
    return Subtensor(pattern)(variable, *indices)


@word
def set_subtensor(x: Variable, y: Any) -> Variable:
    """Return a tensor with ``y`` in place of the part ``x``, which must be ``tensor[index]``.

    >>> import gradcore.tensor as T
    >>> v = T.dvector("v")
    >>> T.set_subtensor(v[1:], 0).eval({v: [1, 2, 3]}).tolist()
    [1.0, 0.0, 0.0]
    """
    return _written(x, y, True)


@word
def inc_subtensor(x: Variable, y: Any, set_instead_of_inc: bool = False) -> Variable:
    """Return a tensor with ``y`` added to the part ``x``, which must be ``tensor[index]``.

    An element that is indexed twice is added to twice.

    >>> import gradcore.tensor as T
    >>> x = T.dvector("x")
    >>> T.inc_subtensor(x[1:], 10).eval({x: [1.0, 2.0, 3.0]})
    array([ 1., 12., 13.])
    """
    return _written(x, y, set_instead_of_inc)


def _written(part: Variable, y: Any, overwrite: bool) -> Variable:
    owner = part.owner
    if owner is None or not isinstance(owner.op, Subtensor):
        name = "set_subtensor" if overwrite else "inc_subtensor"
        raise GraphTypeError(f"{name} takes a part of a tensor, tensor[index], not {part}", here())
    tensor, *indices = owner.inputs
    value = as_variable(y, (tensor.type.dtype,))
    return IncSubtensor(owner.op.pattern, overwrite)(tensor, value, *indices)


@word
def take(x: Any, indices: Any, axis: int | None = None, mode: str = "raise") -> Variable:
    """Return the elements of ``x`` at ``indices`` along ``axis`` (of its flat form, for None).

    mode : for an index that is out of bounds: "raise", "clip" to the ends, or "wrap" around.

    >>> import gradcore.tensor as T
    >>> T.take([[1, 2], [3, 4]], [1, 0], axis=1).eval().tolist()
    [[2, 1], [4, 3]]
    """
    variable = flatten(x) if axis is None else as_variable(x)
    a = normalized_axis(axis or 0, variable.ndim)
    index = as_variable(indices)
    n = extents_of(variable)[a]
    if mode == "clip":
        index = clip(index.astype("int64"), 0, n - 1)
    elif mode == "wrap":
        index = index.astype("int64") % n
    elif mode != "raise":
        raise GraphValueError(f"mode must be raise, clip or wrap, not {mode!r}", here())
    return variable[(*(slice(None),) * a, index)]


@word
def take_along_axis(x: Any, indices: Any, axis: int = -1) -> Variable:
    """Return, at each place, the element of ``x`` along ``axis`` that ``indices`` names there.

    Along the other axes the two broadcast.

    >>> import gradcore.tensor as T
    >>> x = T.constant([[3, 1, 2], [6, 5, 4]])
    >>> T.take_along_axis(x, T.argsort(x, axis=1), axis=1).eval().tolist()
    [[1, 2, 3], [4, 5, 6]]
    """
    variable, index = as_variable(x), as_variable(indices)
    if variable.ndim != index.ndim:
        raise GraphTypeError(f"indices have {index.ndim} axes, {variable} {variable.ndim}", here())
    a = normalized_axis(axis, variable.ndim)
    key: list[Any] = []
    for other, n in enumerate(extents_of(variable)):
        rest = tuple(b for b in range(index.ndim) if b != other)
        key.append(index if other == a else expand_dims(Arange()(n), rest))
    return variable[tuple(key)]


@word
def nonzero(x: Any, return_matrix: bool = False) -> Any:
    """Return the indices of the elements that are not zero, a vector for each axis.

    return_matrix : stack them as the rows of a matrix.

    >>> import gradcore.tensor as T
    >>> [index.eval().tolist() for index in T.nonzero([[0, 3], [4, 0]])]
    [[0, 1], [1, 0]]
    """
    variable = as_variable(x)
    some = neq(variable, 0) if variable.type.is_complex else variable
    vectors = Nonzero().make_node(some).outputs
    return LANGUAGE["stack"](vectors) if return_matrix else vectors


def flatnonzero(x: Any) -> Variable:
    """Return the indices of the elements of the flat form that are not zero.

    >>> import gradcore.tensor as T
    >>> T.flatnonzero([[0, 3], [4, 0]]).eval().tolist()
    [1, 2]
    """
    return nonzero(flatten(x))[0]


@word
def nonzero_values(x: Any) -> Variable:
    """Return the elements that are not zero, as a vector.

    >>> import gradcore.tensor as T
    >>> T.nonzero_values([[0, 3], [4, 0]]).eval().tolist()
    [3, 4]
    """
    return flatten(x)[flatnonzero(x)]


@word
def sort(x: Any, axis: int | None = -1) -> Variable:
    """Return the elements in ascending order along ``axis`` (of the flat form, for None).

    >>> import gradcore.tensor as T
    >>> T.sort([[3, 1], [2, 5]], axis=0).eval().tolist()
    [[2, 1], [3, 5]]
    """
    variable = flatten(x) if axis is None else as_variable(x)
    return Sort(normalized_axis(-1 if axis is None else axis, variable.ndim))(variable)


@word
def argsort(x: Any, axis: int | None = -1) -> Variable:
    """Return the indices that sort along ``axis`` (the flat form, for None), stably.

    >>> import gradcore.tensor as T
    >>> T.argsort([3, 1, 2]).eval().tolist()
    [1, 2, 0]
    """
    variable = flatten(x) if axis is None else as_variable(x)
    return ArgSort(normalized_axis(-1 if axis is None else axis, variable.ndim))(variable)
