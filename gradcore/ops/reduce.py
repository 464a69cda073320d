"""Reductions over axes.

A reduction is a row of `REDUCTIONS` and a tuple of axes; the axes vanish from the result
(``keepdims`` is a ``dimshuffle`` afterwards).  Products are exact where factors are zero, in both
derivatives: the derivative of a product is a product of the *other* factors, never a quotient.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, final

import numpy as np

from gradcore.derive import Flat, Forward, Linear, Reverse
from gradcore.dtypes import computed
from gradcore.errors import GraphValueError
from gradcore.graph import (
    Apply,
    Array,
    Derivative,
    Extent,
    Op,
    Operand,
    Requirement,
    Shape,
    Variable,
    here,
)
from gradcore.graph.extents import product
from gradcore.graph.op import Arg, Sample
from gradcore.graph.reads import Local, Pairs, Reads, numbers
from gradcore.graph.requirements import REACHES
from gradcore.graph.types import FLOATS
from gradcore.language import LANGUAGE
from gradcore.ops.cumulative import FACTOR, accumulated, exclusive
from gradcore.ops.cumulative import Cumulative as Cumulative
from gradcore.ops.cumulative import Recurrence as Recurrence
from gradcore.ops.stacks import AlongAxis

Axes: TypeAlias = tuple[int, ...]


def normalized_axes(axis: Any, ndim: int) -> Axes:
    """Return ``axis`` as a sorted tuple of axes counted from the front (all, for None).

    axis : None, an int, several of them, or an array of NumPy with one or several.

    Raises GraphValueError: an axis that does not exist or is named twice.
    """
    if axis is None:
        return tuple(range(ndim))
    given: Any = np.asarray(axis).tolist() if type(axis).__module__ == "numpy" else axis
    listed: list[Any] = list(given) if isinstance(given, Iterable) else [given]  # pyright: ignore[reportUnknownArgumentType] - of any kind
    axes = tuple(sorted(a + ndim if a < 0 else a for a in map(int, listed)))
    if len(set(axes)) < len(axes):
        raise GraphValueError(f"an axis is named twice in axis={axis}", here())
    if axes and not 0 <= axes[0] <= axes[-1] < ndim:
        raise GraphValueError(f"axis={axis} does not exist: the operand has {ndim} axes", here())
    return axes


def without(shape: Shape, axes: Axes) -> Shape:
    """Return ``shape`` without ``axes``."""
    return tuple(n for axis, n in enumerate(shape) if axis not in axes)


def restored(reduced: Variable, axes: Axes, ndim: int) -> Variable:
    """Return a reduced tensor with ``axes`` back in place, of extent 1."""
    remaining = iter(range(reduced.ndim))
    return LANGUAGE["dimshuffle"](
        reduced, *("x" if axis in axes else next(remaining) for axis in range(ndim))
    )


# derivatives ------------------------------------------------------------------------------------
def _spread(op: Reduce, ct: Variable, x: Variable) -> Variable:
    """Transpose of a sum: each element gets the cotangent of the sum it went into."""
    return LANGUAGE["fill"](x, restored(ct, op.axes, x.ndim))


def _at_the_extreme(op: Reduce, t: Variable, x: Variable, z: Variable) -> Variable:
    """Ties share equally: the weights of the elements that attain the extreme sum to one.

    NaN attains it: without a weight in its row, 0 / 0 would spread to what does not use the row.
    """
    attained = LANGUAGE["eq"](x, restored(z, op.axes, x.ndim))
    if x.type.is_float:
        attained = LANGUAGE["or_"](attained, LANGUAGE["isnan"](x))
    attained = attained.astype(t.dtype)
    weights = attained / restored(Reduce("sum", op.axes)(attained), op.axes, x.ndim)
    return Reduce("sum", op.axes)(t * weights)


def _other_factors(op: Reduce, ct: Variable, x: Variable, z: Variable) -> Variable:
    """Slope of a product in each factor: the product of all that come before and after it."""
    last = (*(a for a in range(x.ndim) if a not in op.axes), *op.axes)
    rank = x.ndim - len(op.axes)
    moved = LANGUAGE["dimshuffle"](x, *last)
    flat = LANGUAGE["flatten"](moved, rank + 1)
    others = exclusive(flat, rank) * exclusive(flat[..., ::-1], rank)[..., ::-1]
    back = LANGUAGE["reshape"](others, moved.shape, ndim=x.ndim)
    return LANGUAGE["dimshuffle"](back, *map(last.index, range(x.ndim))) * restored(
        ct, op.axes, x.ndim
    )


def _something(node: Apply, n: Extent) -> Requirement:
    message = f"{node.op} of nothing: {node.inputs[0]} is empty"
    return Requirement(REACHES, (n, 1), message, ValueError)


@dataclass(frozen=True)
class Reduction:
    """One way to reduce: its function, the dtype of its result, its derivative."""

    numpy: Callable[..., Any]
    dtype: Callable[[str], str]
    derivative: Derivative
    empty: bool = True  # whether there may be nothing to reduce
    ulp: float = 0


REDUCTIONS: dict[str, Reduction] = {
    "sum": Reduction(np.sum, accumulated, Linear((_spread,)), ulp=8),
    "prod": Reduction(np.prod, accumulated, Reverse((_other_factors,)), ulp=16),
    "max": Reduction(np.max, lambda d: d, Forward((_at_the_extreme,)), empty=False),
    "min": Reduction(np.min, lambda d: d, Forward((_at_the_extreme,)), empty=False),
    "any": Reduction(np.any, lambda d: "bool", Flat()),
    "all": Reduction(np.all, lambda d: "bool", Flat()),
}


def farthest(kind: str, dtype: str) -> Any:
    """Return what no element is beyond: the result of ``kind`` (max or min) of nothing."""
    if dtype in FLOATS:
        return -np.inf if kind == "max" else np.inf
    if dtype == "bool":
        return kind == "min"
    limits = np.iinfo(dtype)
    return limits.min if kind == "max" else limits.max


def _last_alone(x: Array) -> Array:
    """Return zeros, and the last element of ``x`` behind them."""
    found = np.zeros_like(x)
    found.reshape(-1)[-1:] = x.reshape(-1)[-1:]
    return found


def _all_but_the_last(x: Array) -> Array:
    """Return ``x`` with a zero for its last element."""
    return x - _last_alone(x)


@final
@dataclass(frozen=True, repr=False)
class Reduce(Op):
    """Reduction ``kind`` (a key of `REDUCTIONS`) over ``axes``, which vanish.

    axes : counted from the front, in order; none: every element is reduced alone.

    Sums and products of integers and booleans are in 64 bits, and wrap.  NaN wins in max and min.
    Over nothing, a sum is 0, a product 1, all are true and none is any; max and min raise
    ValueError, or are what every number is beyond (-inf for max), with ``unbounded``.
    """

    kind: str
    axes: Axes
    unbounded: bool = False

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return each kind over one axis and over several, on numbers or on booleans."""
        x, factors = Arg((2, 3, 2)), Arg((2, 3, 2), low=-FACTOR, high=FACTOR)
        numbers = [
            Sample(cls(kind, axes), (operand,))
            for kind, operand in (("sum", x), ("prod", factors), ("max", x), ("min", x))
            for axes in ((0,), (1,), (0, 2), (0, 1, 2))
        ]
        numbers += [
            Sample(cls("max", (1,), unbounded=True), (x,)),
            Sample(cls("min", (0, 2), unbounded=True), (x,)),
        ]
        truth = Arg((2, 3), low=-0.5, high=1)
        truths = [
            Sample(cls(kind, axes), (operand,))
            for kind, axes, made in (("any", (0,), _last_alone), ("all", (0, 1), _all_but_the_last))
            for operand in (replace(truth, made=made), truth)
        ]
        return [*numbers, *truths]

    @classmethod
    def edges(cls) -> Sequence[Sample]:
        """Return a long sum of positive float32, where errors would add up."""
        return [Sample(cls("sum", (0,)), (Arg((20_000,), "float32", low=0.5, high=1.5),))]

    @property
    def derivative(self) -> Derivative:  # pyright: ignore[reportIncompatibleVariableOverride] - of its kind
        """How it moves."""
        return REDUCTIONS[self.kind].derivative

    @property
    def ulp(self) -> float:  # pyright: ignore[reportIncompatibleVariableOverride] - of its kind
        """How far a backend may be off."""
        return REDUCTIONS[self.kind].ulp

    @property
    def accumulates(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride] - of its kind
        """Sums do."""
        return self.kind == "sum"

    @property
    def compounds(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride] - of its kind
        """Products do."""
        return self.kind == "prod"

    def label(self) -> str:
        """Return the kind."""
        return self.kind

    def parameters(self) -> dict[str, Any]:
        """Return the axes."""
        return {"axis": self.axes}

    @property
    def takes_nothing(self) -> bool:
        """Whether there may be nothing to reduce."""
        return self.unbounded or REDUCTIONS[self.kind].empty

    def operations_of(self, operands: Sequence[Operand], shapes: Sequence[Shape]) -> Extent:
        """Return one for each element that is reduced."""
        return product(operands[0].shape)

    def batch(
        self, node: Apply, inputs: Sequence[Variable], stacked: Sequence[bool]
    ) -> Variable | None:
        """Reduce the axes behind the first."""
        return self.over(tuple(a + 1 for a in self.axes))(inputs[0])

    def over(self, axes: Axes) -> Reduce:
        """Return the same reduction over other axes."""
        return replace(self, axes=axes)

    def check(self, *inputs: Variable) -> None:
        """Refuse what has no largest element."""
        (x,) = inputs
        if not self.takes_nothing and any(x.type.shape[a] == 0 for a in self.axes):
            raise GraphValueError(f"{self.kind} of nothing: {x} is empty ({x.type})", here())

    def dtype(self, *dtypes: str) -> str:
        """Return the dtype of the result."""
        return REDUCTIONS[self.kind].dtype(*dtypes)

    def shape(self, *operands: Operand) -> Shape:
        """Return the shape without the axes."""
        return without(operands[0].shape, self.axes)

    def requires(self, node: Apply, operands: Sequence[Operand]) -> Sequence[Requirement]:
        """There is an element at least: of none there is no extreme."""
        if self.takes_nothing:
            return ()
        return [_something(node, operands[0].shape[axis]) for axis in self.axes]

    def reads(self, local: Local, wanted: Sequence[int]) -> Reads:
        """Each result reads all that it is reduced from."""
        (shape,) = local.shapes
        extents = [1 if axis in self.axes else n for axis, n in enumerate(shape)]
        there = np.broadcast_to(numbers(local.result).reshape(extents), shape)
        return {0: Pairs(numbers(shape), there)}

    def reference(self, *arrays: Any) -> Any:
        """Return the reduction."""
        (x,) = arrays
        dtype = REDUCTIONS[self.kind].dtype(x.dtype.name)
        if self.kind in ("sum", "prod"):
            found = REDUCTIONS[self.kind].numpy(x, axis=self.axes, dtype=computed(dtype))
            return found.astype(dtype)
        if self.unbounded:
            start = farthest(self.kind, dtype)
            return REDUCTIONS[self.kind].numpy(x, axis=self.axes, initial=start)
        return REDUCTIONS[self.kind].numpy(x, axis=self.axes)


@final
@dataclass(frozen=True, repr=False)
class ArgReduce(AlongAxis):
    """The index of the first extreme along ``axis``: ``kind`` is max or min.

    The first NaN is the extreme where there is one; along nothing it is a ValueError.
    """

    kind: str
    axis: int
    derivative = Flat()

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return both kinds over either axis of a matrix."""
        return [
            Sample(cls(kind, axis), (Arg((3, 4)),)) for kind in ("max", "min") for axis in (0, 1)
        ]

    def label(self) -> str:
        """Return argmax or argmin."""
        return f"arg{self.kind}"

    def parameters(self) -> dict[str, Any]:
        """Return the axis."""
        return {"axis": self.axis}

    def dtype(self, *dtypes: str) -> str:
        """Return int64."""
        return "int64"

    def shape(self, *operands: Operand) -> Shape:
        """Return the shape without the axis."""
        return without(operands[0].shape, (self.axis,))

    def requires(self, node: Apply, operands: Sequence[Operand]) -> Sequence[Requirement]:
        """There is an element at least: of none there is no extreme."""
        return [_something(node, operands[0].shape[self.axis])]

    def reference(self, *arrays: Any) -> Any:
        """Return the indices."""
        (x,) = arrays
        return (np.argmax if self.kind == "max" else np.argmin)(x, axis=self.axis)
