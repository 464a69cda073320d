"""Reductions over axes, and cumulative ones along one.

A reduction is a row of `REDUCTIONS` and a tuple of axes; the axes vanish from the result
(``keepdims`` is a ``dimshuffle`` afterwards).  Products are exact where factors are zero, in both
derivatives: the derivative of a product is a product of the *other* factors, never a quotient.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, final

import numpy as np

from gradcore.derive import Flat, Forward, Linear, Reverse
from gradcore.dtypes import DTYPES
from gradcore.errors import GraphTypeError, GraphValueError, ShapeError
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
from gradcore.graph.extents import UNKNOWN, product
from gradcore.graph.op import Arg, Sample
from gradcore.graph.reads import Local, Pairs, Reads, along, numbers
from gradcore.graph.requirements import AGREE, REACHES
from gradcore.graph.types import FLOATS, upcast
from gradcore.language import LANGUAGE
from gradcore.ops.stacks import AlongAxis

Axes: TypeAlias = tuple[int, ...]

FACTOR = 2.7
"""Products of numbers up to e on either side of 0 neither grow nor vanish on the average."""


def normalized_axes(axis: int | Axes | list[int] | None, ndim: int) -> Axes:
    """Return ``axis`` as a sorted tuple of axes counted from the front (all, for None).

    Raises GraphValueError: an axis that does not exist or is named twice.
    """
    if axis is None:
        return tuple(range(ndim))
    given = axis if isinstance(axis, (tuple, list)) else (axis,)
    axes = tuple(sorted(a + ndim if a < 0 else a for a in map(int, given)))
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


# dtypes -----------------------------------------------------------------------------------------
def _accumulated(dtype: str) -> str:
    """Sums and products of small integers are computed in 64 bits, as in NumPy."""
    row = DTYPES.get(dtype)  # none for a long double, in which references are judged
    return dtype if row is None else row.accumulator


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


def exclusive(x: Variable, axis: int) -> Variable:
    """Return the products of all elements before each one along ``axis``."""
    return shifted(Cumulative("prod", axis)(x), axis, 1)


def shifted(x: Variable, axis: int, first: int) -> Variable:
    """Return ``x`` moved on by one place along ``axis``, with ``first`` in front."""
    before = (slice(None),) * axis
    head = LANGUAGE["fill"](x[(*before, slice(None, 1))], first)
    return LANGUAGE["concatenate"]([head, x[(*before, slice(None, -1))]], axis)


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


def _computed(dtype: str) -> str:
    """Return the dtype in which sums and products of ``dtype`` are carried: rounded at the end.

    A product of float16 is finite then where the factors before an inner one overflow.
    """
    row = DTYPES.get(dtype)
    return dtype if row is None else row.computed


REDUCTIONS: dict[str, Reduction] = {
    "sum": Reduction(np.sum, _accumulated, Linear((_spread,)), ulp=8),
    "prod": Reduction(np.prod, _accumulated, Reverse((_other_factors,)), ulp=16),
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
            found = REDUCTIONS[self.kind].numpy(x, axis=self.axes, dtype=_computed(dtype))
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


def _recurrence(op: Cumulative, t: Variable, x: Variable, z: Variable) -> Variable:
    """Slope of a cumulative product: z[k] = z[k - 1] * x[k] moves by a recurrence of this kind."""
    return Recurrence(op.axis)(x, t * shifted(z, op.axis, 1))


def _reversed_sum(op: Cumulative, ct: Variable, x: Variable) -> Variable:
    back = (*(slice(None),) * op.axis, slice(None, None, -1))
    return op(ct[back])[back]


@final
@dataclass(frozen=True, repr=False)
class Cumulative(AlongAxis):
    """The cumulative ``kind`` (sum or prod) along ``axis``; integers are in 64 bits, and wrap."""

    kind: str
    axis: int
    ulp = 16

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return both kinds along either axis of a matrix."""
        x = Arg((3, 4), low=-FACTOR, high=FACTOR)
        return [Sample(cls(kind, axis), (x,)) for kind in ("sum", "prod") for axis in (0, 1)]

    @property
    def derivative(self) -> Derivative:  # pyright: ignore[reportIncompatibleVariableOverride] - of its kind
        """How it moves."""
        return Linear((_reversed_sum,)) if self.kind == "sum" else Forward((_recurrence,))

    @property
    def accumulates(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride] - of its kind
        """Sums do."""
        return self.kind == "sum"

    @property
    def compounds(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride] - of its kind
        """Products do."""
        return self.kind == "prod"

    def label(self) -> str:
        """Return cumsum or cumprod."""
        return f"cum{self.kind}"

    def parameters(self) -> dict[str, Any]:
        """Return the axis."""
        return {"axis": self.axis}

    def dtype(self, *dtypes: str) -> str:
        """Return the dtype of the result."""
        return _accumulated(*dtypes)

    def shape(self, *operands: Operand) -> Shape:
        """Return the shape of the operand."""
        return operands[0].shape

    def reads(self, local: Local, wanted: Sequence[int]) -> Reads:
        """Each element reads those before it, and itself."""
        before = np.tri(local.result[self.axis], dtype=bool)
        return {0: along(local.result, self.axis, before)}

    def reference(self, *arrays: Any) -> Any:
        """Return the cumulative sums or products."""
        (x,) = arrays
        numpy = np.cumsum if self.kind == "sum" else np.cumprod
        dtype = _accumulated(x.dtype.name)
        return numpy(x, axis=self.axis, dtype=_computed(dtype)).astype(dtype)


def _back(op: Recurrence, ct: Variable, a: Variable) -> Variable:
    """Transpose of the recurrence as a map of b: the recurrence from the other end."""
    reverse = (*(slice(None),) * op.axis, slice(None, None, -1))
    return op(shifted(a[reverse], op.axis, 0), ct[reverse])[reverse]


@final
@dataclass(frozen=True, repr=False)
class Recurrence(AlongAxis):
    """y[k] = a[k] * y[k - 1] + b[k] along ``axis``, from y[-1] = 0.

    The linear recurrence of first order.  Its derivatives are recurrences of the same kind, which
    makes cumulative products exact at zeros, to any order.
    """

    axis: int
    ulp = 16
    accumulates = compounds = True
    derivative = Reverse(
        (
            lambda op, ct, a, b, y: _back(op, ct, a) * shifted(y, op.axis, 0),
            lambda op, ct, a, b, y: _back(op, ct, a),
        )
    )

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return recurrences along either axis of a matrix."""
        factors = Arg((3, 4), low=-1.5, high=1.5)  # larger ones make a long recurrence overflow
        return [Sample(cls(axis), (factors, Arg((3, 4)))) for axis in (0, 1)]

    def dtype(self, *dtypes: str) -> str:
        """Return the dtype that holds both."""
        return upcast(*dtypes)

    def check(self, *inputs: Variable) -> None:
        """Both operands have one shape."""
        a, b = inputs
        if a.ndim != b.ndim:
            raise GraphTypeError(
                f"{self} takes operands of one rank, got {a.type}, {b.type}", here()
            )

    def shape(self, *operands: Operand) -> Shape:
        """Return the common shape."""
        a, b = operands
        return tuple(m if n is UNKNOWN else n for m, n in zip(a.shape, b.shape, strict=True))

    def requires(self, node: Apply, operands: Sequence[Operand]) -> Sequence[Requirement]:
        """Both operands have one shape."""
        message = f"{node.op}: the shapes of {node.inputs[0]} and {node.inputs[1]} must be equal"
        pairs = zip(*(x.shape for x in operands), strict=True)
        return [Requirement(AGREE, pair, message) for pair in pairs]

    def reads(self, local: Local, wanted: Sequence[int]) -> Reads:
        """Each element reads those before it, and itself; the first factor is of nothing."""
        n = local.result[self.axis]
        before = np.tri(n, dtype=bool)
        factors = before & (np.arange(n) > 0)
        return {i: along(local.result, self.axis, before if i else factors) for i in wanted}

    def reference(self, *arrays: Any) -> Any:
        """Return y, a step at a time."""
        self.compare(*(a.shape for a in arrays))
        a, b = (np.moveaxis(array, self.axis, 0) for array in arrays)
        y = np.empty(b.shape, np.result_type(a, b))
        state = np.zeros(b.shape[1:], y.dtype)
        for k in range(len(b)):
            state = a[k] * state + b[k]
            y[k] = state
        return np.moveaxis(y, 0, self.axis)

    def compare(self, a: Sequence[int], b: Sequence[int]) -> None:
        """Raise ShapeError if the shapes of the operands differ."""
        if tuple(a) != tuple(b):
            raise ShapeError(f"{self}: the shapes {tuple(a)} and {tuple(b)} must be equal")
