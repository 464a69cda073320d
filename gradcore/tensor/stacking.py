"""Tensors put together and cut up, by NumPy's names.

Theano's own names for some of these (`concatenate`, `stack`, `split`) are in ``shapes``; where the
two disagree, as on ``split``, Theano's meaning has the name and NumPy's is `array_split`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradcore.errors import GraphTypeError, GraphValueError
from gradcore.graph import Variable, as_variable, here
from gradcore.graph.nodes import extents_of
from gradcore.graph.types import whole_number
from gradcore.language import is_several
from gradcore.ops.scalars import fill
from gradcore.tensor.shapes import (
    atleast_nd,
    concatenate,
    flatten,
    normalized_axis,
    split,
)


# ranks ------------------------------------------------------------------------------------------
def _of_each(tensors: Sequence[Variable]) -> Any:
    """Return one tensor alone, several as a tuple."""
    return tensors[0] if len(tensors) == 1 else tuple(tensors)


def atleast_1d(*tensors: Any) -> Any:
    """Return tensors with at least one axis: one alone, several as a tuple.

    >>> import gradcore.tensor as T
    >>> T.atleast_1d(3.0).eval().tolist()
    [3.0]
    """
    return _of_each([atleast_nd(x, 1) for x in tensors])


def atleast_2d(*tensors: Any) -> Any:
    """Return tensors with at least two axes, new ones in front; one alone, several as a tuple.

    >>> import gradcore.tensor as T
    >>> T.atleast_2d(T.dvector("x")).type
    TensorType(float64, row)
    """
    return _of_each([atleast_nd(x, 2) for x in tensors])


def atleast_3d(*tensors: Any) -> Any:
    """Return tensors with at least three axes: one alone, several as a tuple.

    A vector of n elements becomes ``(1, n, 1)``, an m by n matrix ``(m, n, 1)``, as in NumPy.

    >>> import gradcore.tensor as T
    >>> T.atleast_3d(T.zeros(5)).type
    TensorType(float64, (1, 5, 1))
    """
    return _of_each([_cube(as_variable(x)) for x in tensors])


def _cube(x: Variable) -> Variable:
    if x.ndim == 1:
        return x.dimshuffle("x", 0, "x")
    return x.dimshuffle(0, 1, "x") if x.ndim == 2 else atleast_nd(x, 3)


# side by side -----------------------------------------------------------------------------------
def hstack(tensors: Sequence[Any]) -> Variable:
    """Return tensors joined along axis 1; vectors and scalars along their only one.

    >>> import gradcore.tensor as T
    >>> T.hstack([[1, 2], [3]]).eval().tolist()
    [1, 2, 3]
    """
    joined = [atleast_nd(x, 1) for x in _some(tensors)]
    return concatenate(joined, 0 if joined[0].ndim == 1 else 1)


def vstack(tensors: Sequence[Any]) -> Variable:
    """Return tensors joined along axis 0, vectors and scalars as rows.

    >>> import gradcore.tensor as T
    >>> T.vstack([[1, 2], [3, 4]]).eval().tolist()
    [[1, 2], [3, 4]]
    """
    return concatenate([atleast_nd(x, 2) for x in _some(tensors)], 0)


def dstack(tensors: Sequence[Any]) -> Variable:
    """Return tensors joined along axis 2, those of lower rank as `atleast_3d` makes them.

    >>> import gradcore.tensor as T
    >>> T.dstack([[1, 2], [3, 4]]).eval().tolist()
    [[[1, 3], [2, 4]]]
    """
    return concatenate([_cube(as_variable(x)) for x in _some(tensors)], 2)


def column_stack(tensors: Sequence[Any]) -> Variable:
    """Return vectors as the columns of a matrix, between matrices as they are.

    >>> import gradcore.tensor as T
    >>> T.column_stack([[1, 2], [3, 4]]).eval().tolist()
    [[1, 3], [2, 4]]
    """
    columns = map(as_variable, _some(tensors))
    return concatenate(
        [x if x.ndim >= 2 else atleast_nd(x, 1).dimshuffle(0, "x") for x in columns], 1
    )


def _some(tensors: Sequence[Any]) -> Sequence[Any]:
    """Return ``tensors``, which must be some: a sequence, or a tensor of known length."""
    if not len(tensors):
        raise GraphValueError("there is nothing to stack", here())
    return list(tensors)


def append(x: Any, values: Any, axis: int | None = None) -> Variable:
    """Return ``x`` with ``values`` behind it along ``axis``; both flat, for None.

    >>> import gradcore.tensor as T
    >>> T.append([1, 2], [[3], [4]]).eval().tolist()
    [1, 2, 3, 4]
    """
    if axis is None:
        return concatenate([flatten(x), flatten(values)])
    return concatenate([x, values], axis)


def block(tensors: Any) -> Variable:
    """Return the tensor put together from nested lists of blocks.

    The innermost lists are joined along the last axis, those around them along the one before, and
    so on, as `numpy.block` has it.

    Raises GraphValueError: lists of different depth, or an empty one.

    >>> import gradcore.tensor as T
    >>> T.block([[T.eye(2), T.zeros((2, 1))]]).eval().tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """
    depth, ranks = _depth(tensors), [x.ndim for x in _leaves(tensors)]
    return _blocks(tensors, depth, max(depth, *ranks))


def _depth(tensors: Any) -> int:
    if not is_several(tensors):
        return 0
    depths = {_depth(item) for item in tensors}
    if len(depths) != 1:
        raise GraphValueError("the lists of block must not be empty, and of one depth", here())
    return 1 + depths.pop()


def _leaves(tensors: Any) -> list[Variable]:
    if not is_several(tensors):
        return [as_variable(tensors)]
    return [leaf for item in tensors for leaf in _leaves(item)]


def _blocks(tensors: Any, depth: int, rank: int) -> Variable:
    if not depth:
        return atleast_nd(tensors, rank)
    return concatenate([_blocks(item, depth - 1, rank) for item in tensors], -depth)


# cutting ----------------------------------------------------------------------------------------
def array_split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Variable]:
    """Return ``x`` cut along ``axis``: NumPy's ``array_split`` (`split` has Theano's arguments).

    indices_or_sections : how many parts, the first of which are longer by one where they cannot be
        equal; or where each part but the first one starts.

    >>> import gradcore.tensor as T
    >>> [part.eval().tolist() for part in T.array_split(T.arange(5), 2)]
    [[0, 1, 2], [3, 4]]
    """
    variable = as_variable(x)
    a = normalized_axis(axis, variable.ndim)
    n, sections = extents_of(variable)[a], whole_number(indices_or_sections)
    if sections is None:
        cuts = [*_cuts(indices_or_sections)]
    elif sections < 1:
        raise GraphValueError(f"cannot cut {variable} into {sections} parts", here())
    else:
        short = n // sections
        longer = n % sections
        cuts = [k * short + _at_most(longer, k) for k in range(1, sections)]
    before = (slice(None),) * a
    bounds = zip([None, *cuts], [*cuts, None], strict=True)
    return [variable[(*before, slice(first, last))] for first, last in bounds]


def _cuts(given: Any) -> Sequence[Any]:
    if is_several(given):
        return given
    vector = as_variable(given)
    if vector.ndim != 1 or vector.type.shape[0] is None:
        raise GraphTypeError(
            f"where to cut is a vector of known length, not {vector} ({vector.type})", here()
        )
    return [vector[i] for i in range(vector.type.shape[0])]


def _at_most(n: Any, k: int) -> Any:
    return min(n, k) if isinstance(n, int) else n.clip(0, k)


def equal_split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Variable]:
    """Return ``x`` cut along ``axis``, in equal parts or at indices: NumPy's ``split``."""
    a = normalized_axis(axis, as_variable(x).ndim)
    return _equal_parts("split", x, indices_or_sections, a)


def _equal_parts(name: str, x: Any, given: Any, axis: int) -> list[Variable]:
    """Return parts as `array_split` does; as many as ``given`` says are equal, or it raises."""
    variable, sections = as_variable(x), whole_number(given)
    if variable.ndim <= axis:
        raise GraphValueError(
            f"{name} takes a tensor of {axis + 1} or more axes, not {variable}", here()
        )
    if sections is None or sections < 1:
        return array_split(variable, given, axis)
    n = extents_of(variable)[axis]
    return split(variable, [n // sections] * sections, sections, axis)


def hsplit(x: Any, indices_or_sections: Any) -> list[Variable]:
    """Return ``x`` cut along axis 1 (a vector: along 0), in equal parts or at indices.

    Raises ShapeError, or AssertionFailedError when it runs: it has no such equal parts.

    >>> import gradcore.tensor as T
    >>> [part.eval().tolist() for part in T.hsplit([[1, 2, 3, 4]], [1])]
    [[[1]], [[2, 3, 4]]]
    """
    axis = 0 if as_variable(x).ndim == 1 else 1
    return _equal_parts("hsplit", x, indices_or_sections, axis)


def vsplit(x: Any, indices_or_sections: Any) -> list[Variable]:
    """Return ``x`` cut along axis 0, in equal parts or at indices; errors as those of `hsplit`.

    >>> import gradcore.tensor as T
    >>> [part.eval().tolist() for part in T.vsplit([[1, 2], [3, 4]], 2)]
    [[[1, 2]], [[3, 4]]]
    """
    if as_variable(x).ndim < 2:
        raise GraphValueError(f"vsplit takes a tensor of 2 or more axes, not {x}", here())
    return _equal_parts("vsplit", x, indices_or_sections, 0)


def dsplit(x: Any, indices_or_sections: Any) -> list[Variable]:
    """Return ``x`` cut along axis 2, in equal parts or at indices; errors as those of `hsplit`.

    >>> import gradcore.tensor as T
    >>> [part.type for part in T.dsplit(T.zeros((2, 3, 4)), 2)]
    [TensorType(float64, (2, 3, 2)), TensorType(float64, (2, 3, 2))]
    """
    return _equal_parts("dsplit", x, indices_or_sections, 2)


def unstack(x: Any, axis: int = 0) -> tuple[Variable, ...]:
    """Return the elements of ``x`` along ``axis``, whose extent must be known.

    Raises GraphTypeError: it is not known.

    >>> import gradcore.tensor as T
    >>> [row.eval().tolist() for row in T.unstack([[1, 2], [3, 4]])]
    [[1, 2], [3, 4]]
    """
    variable = as_variable(x)
    a = normalized_axis(axis, variable.ndim)
    n = variable.type.shape[a]
    if n is None:
        raise GraphTypeError(
            f"unstack: the extent of axis {a} of {variable} is not known",
            here(),
            "give it a static shape, or use scan",
        )
    return tuple(variable[(*(slice(None),) * a, i)] for i in range(n))


# stretching -------------------------------------------------------------------------------------
def broadcast_arrays(*tensors: Any) -> tuple[Variable, ...]:
    """Return tensors, each stretched to the shape that all have together.

    Only extents known to be 1 stretch; others must be equal, or a ShapeError is raised.

    >>> import gradcore.tensor as T
    >>> [x.eval().tolist() for x in T.broadcast_arrays([1, 2], [[3], [4]])]
    [[[1, 2], [1, 2]], [[3, 3], [4, 4]]]
    """
    variables = list(map(as_variable, tensors))
    found: list[Variable] = []
    for i, x in enumerate(variables):
        stretched = x
        for other in (*variables[:i], *variables[i + 1 :]):
            stretched = fill(other, stretched)
        found.append(stretched)
    return tuple(found)
