"""``vmap``, JAX's name: a function of tensors, mapped over an axis of its arguments."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, cast

from gradcore.batching.functions import with_all_axes
from gradcore.batching.graphs import with_leading_axes
from gradcore.batching.leading import LeadingAxes
from gradcore.errors import GraphTypeError
from gradcore.graph import TensorType, Variable, as_variable, here
from gradcore.graph.trees import Structure, flattened
from gradcore.language import is_several
from gradcore.tensor.shapes import moveaxis


def vmap(fn: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0) -> Callable[..., Any]:
    """Return a function that maps ``fn`` over an axis of its arguments, all at once.

    fn : takes and returns variables, in tuples, lists and dicts too.
    in_axes : the axis of each argument that is mapped over; None: the argument is the same for all.
        One for all arguments, or a list or tuple with one for each; one for an argument that is a
        tuple, list or dict stands for all in it, or is of its structure.
    out_axes : where the axis stands in the results; one, or in the structure of these.  None: the
        result is the same for all.

    `vectorize` is the same by a signature, with any number of axes that broadcast;
    `vectorize_graph` of expressions.

    Raises GraphTypeError: no argument is mapped, other axes than there are.  ShapeError: extents
    that differ, here or when it runs.

    >>> import gradcore.tensor as T
    >>> X, y = T.dmatrix("X"), T.dvector("y")
    >>> distances = vmap(lambda a, b: T.sqrt(T.sum((a - b) ** 2)), (0, None))
    >>> distances(X, y).eval({X: [[3, 4], [0, 1]], y: [0, 0]}).tolist()
    [5.0, 1.0]
    """

    @functools.wraps(fn)
    def of_stacks(*arguments: Any) -> Any:
        leaves, structure = flattened(arguments)
        axes = _spread(_as_tuple(in_axes), structure, "in_axes")
        given = [as_variable(leaf) for leaf in leaves]
        mapped = {
            k: _front(x, a)
            for k, (x, a) in enumerate(zip(given, axes, strict=True))
            if a is not None
        }
        if not mapped:
            raise GraphTypeError("vmap has nothing to map over: all in_axes are None", here())
        inner = {
            k: Variable(TensorType(x.dtype, x.type.shape[1:]), given[k].name)
            for k, x in mapped.items()
        }
        results, form = flattened(
            fn(*structure.holding([inner.get(k, x) for k, x in enumerate(given)]))
        )
        outputs = [as_variable(y) for y in results]
        places = _spread(out_axes, form, "out_axes")
        leading = LeadingAxes.of(list(mapped.values()), [v.ndim for v in inner.values()])
        found = with_leading_axes(outputs, list(inner.values()), leading)
        return form.holding(
            [
                _placed(y, old, place, leading)
                for y, old, place in zip(found, outputs, places, strict=True)
            ]
        )

    return of_stacks


def _as_tuple(axes: Any) -> Any:
    return tuple(axes) if is_several(axes) else axes


def _front(x: Variable, axis: int) -> Variable:
    """Return ``x`` with the axis that is mapped over in front."""
    if not -x.ndim <= axis < x.ndim:
        raise GraphTypeError(f"vmap: {x} ({x.type}) has no axis {axis} to map over", here())
    return x if axis % x.ndim == 0 else moveaxis(x, axis, 0)


def _placed(y: Variable, old: Variable, place: int | None, leading: LeadingAxes) -> Variable:
    """Return a result, which was ``old`` for one element, with the mapped axis at its place."""
    if place is None:
        if y.ndim > old.ndim:
            raise GraphTypeError(
                f"vmap: the result {old} differs along what is mapped: give it an axis in out_axes",
                here(),
            )
        return y
    whole = with_all_axes(y, leading.shape, old.ndim)
    if not -whole.ndim <= place < whole.ndim:
        raise GraphTypeError(f"vmap: a result of {whole.ndim} axes has no axis {place}", here())
    return moveaxis(whole, 0, place) if place % whole.ndim else whole


def _spread(axes: Any, structure: Structure, what: str) -> list[int | None]:
    """Return an axis for each leaf of a structure, of which ``axes`` may be the upper part."""
    return list(_axes(axes, structure, what))


def _axes(axes: Any, structure: Structure, what: str) -> Iterator[int | None]:
    if axes is None or (isinstance(axes, int) and not isinstance(axes, bool)):
        yield from [axes] * len(structure)
        return
    parts: list[Any] = []
    named = cast("dict[Any, Any]", axes) if isinstance(axes, dict) else {}
    if named and structure.kind is dict and named.keys() == set(structure.keys):
        parts = [named[key] for key in structure.keys]
    elif is_several(axes) and structure.kind is not object and not structure.keys:
        parts = list(axes)
    if not parts or len(parts) != len(structure.parts):
        raise GraphTypeError(f"vmap: {what} {axes!r} do not fit {structure}", here())
    for part, within in zip(parts, structure.parts, strict=True):
        yield from _axes(part, within, what)
