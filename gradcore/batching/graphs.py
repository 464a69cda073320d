"""Graphs whose inputs get axes in front."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gradcore.batching.leading import LeadingAxes
from gradcore.batching.walk import stacked_graph
from gradcore.errors import GraphTypeError, ShapeError
from gradcore.graph import TensorType, Variable, ancestors, as_variable, here
from gradcore.graph.nodes import extents_of
from gradcore.language import listed
from gradcore.ops.shape import DimShuffle, SpecifyShape


def vectorize_graph(outputs: Variable | Sequence[Variable], replace: Mapping[Any, Any]) -> Any:
    """Return ``outputs`` for many values of some variables at once.

    outputs : one variable, or a list or tuple of them; the result is alike.
    replace : for each of these variables what takes its place: of its dtype, with any number of
        axes in front of its own.  The axes in front of several broadcast, as NumPy's do: an extent
        known to be 1 stretches.

    Each output has in front the axes of what it is computed from: one that depends on none of the
    variables, or on their shapes alone, is as it was.  The values are those of the plain graph, up
    to rounding.  A loop whose number of steps or whose ``until`` depends on what has axes in front
    runs once for each; so does an op without a batched form, such as a user's own.  Where the
    condition of an `ifelse` depends on it, both branches are computed, with the errors that they
    raise, and chosen from.

    Raises GraphTypeError: another dtype, too few axes.  ShapeError: extents that do not fit or
    broadcast, here or when it runs; results whose shapes would differ, when it runs.

    >>> import gradcore.tensor as T
    >>> from gradcore import vectorize_graph
    >>> x, X = T.dvector("x"), T.dmatrix("X")
    >>> norms = vectorize_graph(T.sqrt(T.sum(x ** 2)), {x: X})
    >>> norms.eval({X: [[3, 4], [6, 8]]})
    array([ 5., 10.])
    """
    wanted: list[Any] = listed(outputs)
    for output in wanted:
        if not isinstance(output, Variable):
            raise GraphTypeError(f"vectorize_graph takes variables, not {output!r}", here())
    given = {v: _fitting(v, new) for v, new in replace.items()}
    axes = LeadingAxes.of(list(given.values()), [v.ndim for v in given])
    found = with_leading_axes(wanted, list(given), axes)
    if isinstance(outputs, Variable):
        return found[0]
    return tuple(found) if isinstance(outputs, tuple) else found


def with_leading_axes(
    outputs: Sequence[Variable], variables: Sequence[Variable], axes: LeadingAxes
) -> list[Variable]:
    """Return ``outputs`` for ``variables`` with axes in front, those that they depend on."""
    stands = dict(zip(variables, variables, strict=True))
    found = list(outputs)
    raised: list[list[int]] = [[] for _ in outputs]
    for level in range(1, max(len(axes.shape), 1) + 1):
        stacks: dict[Variable, Variable] = {}
        for v, new in zip(variables, axes.inputs, strict=True):
            if level == max(new.levels, default=1):
                after = new.variable
            elif level in new.levels:
                rank = v.ndim + sum(n <= level for n in new.levels)
                shape = new.variable.type.shape[new.variable.ndim - rank :]
                after = Variable(TensorType(v.dtype, shape), v.name)
            else:
                after = stands[v]
            stacks[stands[v]] = after
            stands[v] = after
        before, found = found, stacked_graph(found, stacks)
        for k, (old, new_one) in enumerate(zip(before, found, strict=True)):
            if new_one.ndim > old.ndim:
                raised[k].append(level)
    return [
        _in_front(output, levels, _front_of(old, variables, axes))
        for output, old, levels in zip(found, outputs, raised, strict=True)
    ]


def _front_of(output: Variable, variables: Sequence[Variable], axes: LeadingAxes) -> int:
    """Return how many axes are in front of the variables that ``output`` is computed from."""
    reached = set(ancestors([output], variables))
    pairs = zip(variables, axes.inputs, strict=True)
    return max((new.rank for v, new in pairs if v in reached), default=0)


def _in_front(output: Variable, levels: Sequence[int], front: int) -> Variable:
    """Return ``output``, which has axes at ``levels``, with axes of extent 1 at the others."""
    if not levels or len(levels) == front:
        return output
    rest = iter(range(output.ndim))
    lead = [next(rest) if level in levels else "x" for level in range(front, 0, -1)]
    return DimShuffle((*lead, *rest))(output)


def _fitting(v: Any, new: Any) -> Variable:
    """Return what takes the place of ``v``, checked; its own axes are known to be as those."""
    if not isinstance(v, Variable):
        raise GraphTypeError(f"vectorize_graph replaces variables, not {v!r}", here())
    x = as_variable(new, [v.dtype])
    if x.dtype != v.dtype:
        raise GraphTypeError(
            f"{x} is {x.type}; it is to take the place of {v}, which is {v.type}",
            here(),
            f"cast it: astype({v.dtype!r})",
        )
    if x.ndim < v.ndim:
        raise GraphTypeError(
            f"{x} ({x.type}) has fewer axes than {v} ({v.type}), whose place it is to take", here()
        )
    own = TensorType(x.dtype, x.type.shape[x.ndim - v.ndim :])
    if not v.type.accepts(own):
        raise ShapeError(
            f"{x} is {x.type}; its last axes are to be those of {v}, which is {v.type}",
            here(),
            "give it these extents: T.specify_shape, or T.specify_broadcastable"
            if own.shape != v.type.shape
            else None,
        )
    if all(
        have is not None or want is None for have, want in zip(own.shape, v.type.shape, strict=True)
    ):
        return x
    wanted = [
        n if want is None else want
        for n, want in zip(extents_of(x)[x.ndim - v.ndim :], v.type.shape, strict=True)
    ]
    why = f"it takes the place of {v}, which is {v.type}"
    return SpecifyShape(why)(x, *extents_of(x)[: x.ndim - v.ndim], *wanted)
