"""Functions that read, change and join shapes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradcore.errors import GraphTypeError, GraphValueError, ShapeError
from gradcore.graph import Variable, as_variable, here
from gradcore.graph.extents import product
from gradcore.graph.nodes import constant_extent, extents_of
from gradcore.language import is_several, word
from gradcore.ops.control import Assert
from gradcore.ops.reduce import normalized_axes
from gradcore.ops.scalars import eq
from gradcore.ops.shape import Alloc, DimShuffle, Join, Reshape
from gradcore.ops.shape_values import MakeVector, ShapeOf, SpecifyShape


def normalized_axis(axis: int, ndim: int) -> int:
    """Return one axis, counted from the front."""
    return normalized_axes(axis, ndim)[0]


def extent_list(shape: Any, ndim: int | None = None) -> list[Any]:
    """Return a shape (an int, a sequence of extents, or a vector) as a list of extents.

    ndim : how many there are, where a vector of the graph does not say.
    """
    if is_several(shape):
        return list(shape)
    vector = as_variable(shape)
    if vector.ndim == 0:
        return [shape]
    if vector.ndim != 1:
        raise GraphTypeError(f"a shape is a vector, not {vector} ({vector.type})", here())
    if vector.owner is not None and isinstance(vector.owner.op, ShapeOf):
        return list(extents_of(vector.owner.inputs[0]))
    if vector.owner is not None and isinstance(vector.owner.op, MakeVector):
        return list(vector.owner.inputs)
    length = vector.type.shape[0] if vector.type.shape[0] is not None else ndim
    if length is None:
        raise GraphTypeError(
            f"the shape {vector} is a vector of unknown length, so the rank is not known",
            here(),
            "give ndim=, or a tuple of scalars",
        )
    return [vector[i] for i in range(length)]


@word
def shape(x: Any) -> Variable:
    """Return the extents of ``x``, a vector of int64.

    >>> import gradcore.tensor as T
    >>> T.shape(T.zeros((2, 3))).eval().tolist()
    [2, 3]
    """
    return ShapeOf()(x)


@word
def size(x: Any) -> Variable:
    """Return the number of elements of ``x``, an int64 scalar.

    >>> import gradcore.tensor as T
    >>> T.size(T.zeros((2, 3))).eval()
    array(6)
    """
    return as_variable(product(extents_of(as_variable(x)))).astype("int64")


@word
def dimshuffle(x: Any, *order: Any) -> Variable:
    """Return ``x`` with its axes in ``order``, where ``'x'`` inserts an axis that broadcasts.

    An axis that is omitted must have extent 1.

    >>> import gradcore.tensor as T
    >>> T.dvector("v").dimshuffle(0, "x").type
    TensorType(float64, col)
    """
    axes = order[0] if len(order) == 1 and is_several(order[0]) else order
    return DimShuffle(tuple(a if a == "x" else int(a) for a in axes))(x)


@word
def transpose(x: Any, *axes: Any) -> Variable:
    """Return ``x`` with its axes in the order ``axes``; reversed, if none are given.

    >>> import gradcore.tensor as T
    >>> T.transpose(T.zeros((2, 3, 4)), 1, 0, 2).type
    TensorType(float64, (3, 2, 4))
    """
    variable = as_variable(x)
    order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes
    if not order:
        order = range(variable.ndim)[::-1]
    order = tuple(normalized_axis(a, variable.ndim) for a in order)
    if len(order) != variable.ndim:
        raise GraphValueError(f"{order} does not name all {variable.ndim} axes of {x}", here())
    return DimShuffle(order)(variable)


@word
def swapaxes(x: Any, axis1: int, axis2: int) -> Variable:
    """Return ``x`` with two axes exchanged.

    >>> import gradcore.tensor as T
    >>> T.swapaxes(T.zeros((2, 3, 4)), 0, 2).type
    TensorType(float64, (4, 3, 2))
    """
    variable = as_variable(x)
    order = list(range(variable.ndim))
    i, j = normalized_axis(axis1, variable.ndim), normalized_axis(axis2, variable.ndim)
    order[i], order[j] = order[j], order[i]
    return DimShuffle(tuple(order))(variable)


def moveaxis(x: Any, source: int | Sequence[int], destination: int | Sequence[int]) -> Variable:
    """Return ``x`` with axes moved to other places, the rest in their order.

    >>> import gradcore.tensor as T
    >>> T.moveaxis(T.zeros((2, 3, 4)), 0, -1).type
    TensorType(float64, (3, 4, 2))
    """
    variable = as_variable(x)
    sources, destinations = (
        [normalized_axis(a, variable.ndim) for a in ([axes] if isinstance(axes, int) else axes)]
        for axes in (source, destination)
    )
    order = [a for a in range(variable.ndim) if a not in sources]
    for target, axis in sorted(zip(destinations, sources, strict=True)):
        order.insert(target, axis)
    return DimShuffle(tuple(order))(variable)


@word
def reshape(x: Any, newshape: Any, ndim: int | None = None) -> Variable:
    """Return the elements of ``x``, in C order, in another shape.

    newshape : ints and integer scalars, one of them possibly -1 (what is left); or a vector.
    ndim : how many extents there are, where ``newshape`` is a vector of unknown length.

    >>> import gradcore.tensor as T
    >>> T.arange(6).reshape((2, -1)).eval().tolist()
    [[0, 1, 2], [3, 4, 5]]
    """
    extents = extent_list(newshape, ndim)
    if ndim is not None and len(extents) != ndim:
        raise GraphValueError(f"ndim={ndim}, but the shape has {len(extents)} extents", here())
    if sum(constant_extent(as_variable(n)) == -1 for n in extents) > 1:
        raise GraphValueError(f"only one extent of {newshape} can be -1", here())
    return Reshape()(x, *extents)


@word
def flatten(x: Any, ndim: int = 1) -> Variable:
    """Return ``x`` with its last axes merged until ``ndim`` are left.

    >>> import gradcore.tensor as T
    >>> T.flatten(T.zeros((2, 3, 4)), ndim=2).type
    TensorType(float64, (2, 12))
    """
    variable = as_variable(x)
    if not 1 <= ndim <= max(variable.ndim, 1):
        raise GraphValueError(f"cannot flatten {variable} ({variable.type}) to {ndim} axes", here())
    if variable.ndim == ndim:
        return variable
    extents = extents_of(variable)
    return Reshape()(variable, *extents[: ndim - 1], product(extents[ndim - 1 :]))


def ravel(x: Any) -> Variable:
    """Return the elements of ``x`` as a vector, in C order.

    >>> import gradcore.tensor as T
    >>> T.ravel([[1, 2], [3, 4]]).eval().tolist()
    [1, 2, 3, 4]
    """
    return flatten(x)


@word
def squeeze(x: Any, axis: int | Sequence[int] | None = None) -> Variable:
    """Return ``x`` without ``axis``, whose extent must be 1.

    Without an axis, those that are *known* to have extent 1 go.

    >>> import gradcore.tensor as T
    >>> T.squeeze(T.zeros((1, 3, 1)), axis=0).type
    TensorType(float64, (3, 1))
    """
    variable = as_variable(x)
    if axis is None:
        dropped = tuple(a for a, n in enumerate(variable.type.shape) if n == 1)
    else:
        dropped = normalized_axes(axis if isinstance(axis, int) else tuple(axis), variable.ndim)
    return DimShuffle(tuple(a for a in range(variable.ndim) if a not in dropped))(variable)


def expand_dims(x: Any, axis: int | Sequence[int]) -> Variable:
    """Return ``x`` with new axes of extent 1, which stand at ``axis`` of the result.

    >>> import gradcore.tensor as T
    >>> T.expand_dims(T.dvector("x"), (0, 2)).type
    TensorType(float64, (1, ?, 1))
    """
    variable = as_variable(x)
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    new = normalized_axes(axes, variable.ndim + len(axes))
    own_axes = iter(range(variable.ndim))
    order = ("x" if a in new else next(own_axes) for a in range(variable.ndim + len(axes)))
    return DimShuffle(tuple(order))(variable)


def shape_padleft(x: Any, n_ones: int = 1) -> Variable:
    """Return ``x`` with ``n_ones`` new axes in front.

    >>> import gradcore.tensor as T
    >>> T.shape_padleft(T.zeros(3), 2).type
    TensorType(float64, (1, 1, 3))
    """
    return expand_dims(x, tuple(range(n_ones)))


def shape_padright(x: Any, n_ones: int = 1) -> Variable:
    """Return ``x`` with ``n_ones`` new axes at the end.

    >>> import gradcore.tensor as T
    >>> T.shape_padright(T.zeros(3), 2).type
    TensorType(float64, (3, 1, 1))
    """
    return expand_dims(x, tuple(range(-n_ones, 0)))


def shape_padaxis(x: Any, axis: int) -> Variable:
    """Return ``x`` with a new axis of extent 1 at ``axis``.

    >>> import gradcore.tensor as T
    >>> T.shape_padaxis(T.zeros((2, 3)), 1).type
    TensorType(float64, (2, 1, 3))
    """
    return expand_dims(x, axis)


def atleast_nd(x: Any, n: int, left: bool = True) -> Variable:
    """Return ``x`` with new axes of extent 1 until it has at least ``n``.

    >>> import gradcore.tensor as T
    >>> T.atleast_nd(T.dvector("x"), 3).type
    TensorType(float64, (1, 1, ?))
    """
    variable = as_variable(x)
    missing = max(n - variable.ndim, 0)
    if not missing:
        return variable
    return shape_padleft(variable, missing) if left else shape_padright(variable, missing)


@word
def broadcast_to(x: Any, shape: Any) -> Variable:
    """Return ``x`` stretched to ``shape``; only extents known to be 1 stretch.

    >>> import gradcore.tensor as T
    >>> T.broadcast_to([1, 2], (2, 2)).eval().tolist()
    [[1, 2], [1, 2]]
    """
    return Alloc()(x, *extent_list(shape))


@word
def alloc(value: Any, *shape: Any) -> Variable:
    """Return ``value`` stretched to ``shape``, given as extents.

    >>> import gradcore.tensor as T
    >>> T.alloc(T.constant([1, 2]), 3, 2).eval().tolist()
    [[1, 2], [1, 2], [1, 2]]
    """
    return Alloc()(value, *(extent_list(shape[0]) if len(shape) == 1 else shape))


def specify_shape(x: Any, shape: Any) -> Variable:
    """Return ``x``, declared to have ``shape``; an extent of None says nothing.

    Raises ShapeError, when it runs: it has another.

    >>> import gradcore.tensor as T
    >>> T.specify_shape(T.dmatrix("x"), (3, None)).type
    TensorType(float64, (3, ?))
    """
    variable = as_variable(x)
    own = extents_of(variable)
    wanted = [own[a] if n is None else n for a, n in enumerate(extent_list(shape))]
    if len(wanted) != variable.ndim:
        raise ShapeError(f"{variable} has {variable.ndim} axes, not {len(wanted)}", here())
    return SpecifyShape("it was specified")(variable, *wanted)


def specify_broadcastable(x: Any, *axes: int) -> Variable:
    """Return ``x``, declared to have the extent 1 at ``axes``, which so broadcast.

    Raises ShapeError, when it runs: it has not.

    >>> import gradcore.tensor as T
    >>> T.specify_broadcastable(T.dmatrix("x"), 1).type
    TensorType(float64, col)
    """
    variable = as_variable(x)
    shape: list[int | None] = [None] * variable.ndim
    for axis in axes:
        shape[normalized_axis(axis, variable.ndim)] = 1
    return specify_shape(variable, shape)


# joining ----------------------------------------------------------------------------------------
@word
def concatenate(tensors: Sequence[Any], axis: int | None = 0) -> Variable:
    """Return ``tensors``, which differ at most in their extent at ``axis``, one after the other.

    axis : None joins their flat forms.

    >>> import gradcore.tensor as T
    >>> T.concatenate([[[1, 2]], [[3, 4]]], axis=1).eval().tolist()
    [[1, 2, 3, 4]]
    """
    variables = [as_variable(x) if axis is not None else flatten(x) for x in tensors]
    axis = axis or 0
    if not variables:
        raise GraphValueError("there is nothing to concatenate", here())
    if variables[0].ndim == 0:
        raise GraphTypeError("cannot concatenate scalars", here(), "use T.stack")
    return Join(normalized_axis(axis, variables[0].ndim))(*variables)


def join(axis: int, *tensors: Any) -> Variable:
    """Return ``concatenate(tensors, axis)``.

    >>> import gradcore.tensor as T
    >>> T.join(0, [1, 2], [3]).eval().tolist()
    [1, 2, 3]
    """
    return concatenate(tensors, axis)


@word
def stack(tensors: Sequence[Any], axis: int = 0) -> Variable:
    """Return ``tensors``, all of one shape, as the elements along a new ``axis``.

    >>> import gradcore.tensor as T
    >>> T.stack([[1, 2], [3, 4]], axis=1).eval().tolist()
    [[1, 3], [2, 4]]
    """
    variables = [as_variable(x) for x in tensors]
    if not variables:
        raise GraphValueError("there is nothing to stack", here())
    if len({v.ndim for v in variables}) > 1:
        raise GraphTypeError(f"cannot stack tensors of different ranks: {variables}", here())
    if variables[0].ndim == 0:
        return MakeVector()(*variables)
    a = normalized_axis(axis, variables[0].ndim + 1)
    return Join(a)(*(expand_dims(v, a) for v in variables))


def stacklists(tensors: Any) -> Variable:
    """Return nested lists of tensors stacked along a new axis for each level.

    >>> import gradcore.tensor as T
    >>> x = T.dscalar("x")
    >>> T.stacklists([[x, 2 * x], [3 * x, x]]).eval({x: 1.0})
    array([[1., 2.],
           [3., 1.]])
    """
    if is_several(tensors):
        return stack([stacklists(item) for item in tensors])
    return as_variable(tensors)


def vertical_stack(*tensors: Any) -> Variable:
    """Return matrices one below the other.

    >>> import gradcore.tensor as T
    >>> T.vertical_stack([[1, 2]], [[3, 4]]).eval().tolist()
    [[1, 2], [3, 4]]
    """
    return concatenate(tensors, 0)


def horizontal_stack(*tensors: Any) -> Variable:
    """Return matrices side by side.

    >>> import gradcore.tensor as T
    >>> T.horizontal_stack([[1], [2]], [[3], [4]]).eval().tolist()
    [[1, 3], [2, 4]]
    """
    return concatenate(tensors, 1)


def split(x: Any, splits_size: Any, n_splits: int, axis: int = 0) -> list[Variable]:
    """Return ``x`` cut along ``axis`` into ``n_splits`` parts of extents ``splits_size``.

    Raises AssertionFailedError, when it runs: the extents do not add up to that of ``x``.

    >>> import gradcore.tensor as T
    >>> [part.eval().tolist() for part in T.split(T.arange(5), [2, 3], 2)]
    [[0, 1], [2, 3, 4]]
    """
    variable = as_variable(x)
    a = normalized_axis(axis, variable.ndim)
    sizes = extent_list(splits_size, n_splits)
    if len(sizes) != n_splits:
        raise GraphValueError(f"{len(sizes)} sizes for n_splits={n_splits}", here())
    sizes = [n if (known := constant_extent(as_variable(n))) is None else known for n in sizes]
    total, n = sum(sizes), extents_of(variable)[a]
    if isinstance(total, int) and isinstance(n, int):
        if total != n:
            raise ShapeError(f"sizes {sizes} do not add up to the extent {n} of {variable}", here())
    else:
        message = f"split: the sizes do not add up to the extent of axis {a}"
        variable = Assert(message)(variable, eq(total, n))
    parts: list[Variable] = []
    start: Any = 0
    for n in sizes:
        parts.append(variable[(*(slice(None),) * a, slice(start, start + n))])
        start = start + n
    return parts
