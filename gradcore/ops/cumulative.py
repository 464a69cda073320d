"""Cumulative sums, products and extremes along an axis, and linear recurrences.

Recurrences are how products move.

Products are exact where factors are zero, to any order: their derivatives are recurrences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from gradcore.derive import Forward, Linear, Reverse
from gradcore.dtypes import DTYPES, computed
from gradcore.errors import GraphTypeError, ShapeError
from gradcore.graph import Apply, Derivative, Operand, Requirement, Shape, Variable, here
from gradcore.graph.extents import UNKNOWN
from gradcore.graph.op import Arg, Sample
from gradcore.graph.reads import Local, Reads, along
from gradcore.graph.requirements import AGREE
from gradcore.graph.types import upcast
from gradcore.language import LANGUAGE
from gradcore.ops.stacks import AlongAxis

FACTOR = 2.7
"""Products of numbers up to e on either side of 0 neither grow nor vanish on the average."""


def accumulated(dtype: str) -> str:
    """Sums and products of small integers are computed in 64 bits, as in NumPy."""
    row = DTYPES.get(dtype)  # none for a long double, in which references are judged
    return dtype if row is None else row.accumulator


def exclusive(x: Variable, axis: int) -> Variable:
    """Return the products of all elements before each one along ``axis``."""
    return shifted(Cumulative("prod", axis)(x), axis, 1)


def shifted(x: Variable, axis: int, first: int) -> Variable:
    """Return ``x`` moved on by one place along ``axis``, with ``first`` in front."""
    before = (slice(None),) * axis
    head = LANGUAGE["fill"](x[(*before, slice(None, 1))], first)
    return LANGUAGE["concatenate"]([head, x[(*before, slice(None, -1))]], axis)


def _recurrence(op: Cumulative, t: Variable, x: Variable, z: Variable) -> Variable:
    """Slope of a cumulative product: z[k] = z[k - 1] * x[k] moves by a recurrence of this kind."""
    return Recurrence(op.axis)(x, t * shifted(z, op.axis, 1))


def _element_of_record(op: Cumulative, t: Variable, x: Variable, z: Variable) -> Variable:
    """An extreme moves as the element that first attained it: the last record so far."""
    before = (slice(None),) * op.axis
    new = LANGUAGE["neq"](z[(*before, slice(1, None))], z[(*before, slice(None, -1))])
    if x.type.is_float:  # NaN differs from itself
        new = LANGUAGE["and_"](new, LANGUAGE["eq"](z, z)[(*before, slice(None, -1))])
    n = LANGUAGE["extent"](x, op.axis)
    places = LANGUAGE["arange"](n).dimshuffle(*("x" if a != op.axis else 0 for a in range(x.ndim)))
    later = LANGUAGE["switch"](new, places[(*before, slice(1, None))], 0)
    first = LANGUAGE["fill"](x[(*before, slice(None, 1))], 0).astype("int64")
    records = LANGUAGE["concatenate"]([first, later], op.axis)
    return LANGUAGE["take_along_axis"](t, Cumulative("max", op.axis)(records), op.axis)


def _reversed_sum(op: Cumulative, ct: Variable, x: Variable) -> Variable:
    back = (*(slice(None),) * op.axis, slice(None, None, -1))
    return op(ct[back])[back]


@final
@dataclass(frozen=True, repr=False)
class Cumulative(AlongAxis):
    """The cumulative ``kind`` along ``axis``: sum, prod, max or min.

    Sums and products of integers are in 64 bits, and wrap; of extremes, NaN wins.
    """

    kind: str
    axis: int

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return all kinds along either axis of a matrix."""
        x = Arg((3, 4), low=-FACTOR, high=FACTOR)
        return [Sample(cls(kind, axis), (x,)) for kind in CUMULATIVE for axis in (0, 1)]

    @property
    def ulp(self) -> float:  # pyright: ignore[reportIncompatibleVariableOverride] - of its kind
        """Extremes are exact."""
        return 0 if self.is_extreme else 16

    @property
    def is_extreme(self) -> bool:
        """Whether each element of the result is one of the operand."""
        return self.kind in ("max", "min")

    @property
    def derivative(self) -> Derivative:  # pyright: ignore[reportIncompatibleVariableOverride] - of its kind
        """How it moves."""
        return CUMULATIVE[self.kind].derivative

    @property
    def accumulates(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride] - of its kind
        """Sums do."""
        return self.kind == "sum"

    @property
    def compounds(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride] - of its kind
        """Products do."""
        return self.kind == "prod"

    def label(self) -> str:
        """Return cumsum, cumprod, cummax or cummin."""
        return f"cum{self.kind}"

    def parameters(self) -> dict[str, Any]:
        """Return the axis."""
        return {"axis": self.axis}

    def dtype(self, *dtypes: str) -> str:
        """Return the dtype of the result: of an extreme, that of the elements."""
        return dtypes[0] if self.is_extreme else accumulated(*dtypes)

    def shape(self, *operands: Operand) -> Shape:
        """Return the shape of the operand."""
        return operands[0].shape

    def reads(self, local: Local, wanted: Sequence[int]) -> Reads:
        """Each element reads those before it, and itself."""
        before = np.tri(local.result[self.axis], dtype=bool)
        return {0: along(local.result, self.axis, before)}

    def reference(self, *arrays: Any) -> Any:
        """Return the cumulative sums, products or extremes."""
        (x,) = arrays
        ufunc, dtype = CUMULATIVE[self.kind].numpy, self.dtype(x.dtype.name)
        return ufunc.accumulate(x, axis=self.axis, dtype=computed(dtype)).astype(dtype)


@dataclass(frozen=True)
class Kind:
    """A way to accumulate: NumPy's function of two, and how it moves."""

    numpy: np.ufunc
    derivative: Derivative


CUMULATIVE = {
    "sum": Kind(np.add, Linear((_reversed_sum,))),
    "prod": Kind(np.multiply, Forward((_recurrence,))),
    "max": Kind(np.maximum, Forward((_element_of_record,))),
    "min": Kind(np.minimum, Forward((_element_of_record,))),
}
"""The kinds of `Cumulative`, by name."""


def _back(op: Recurrence, ct: Variable, a: Variable) -> Variable:
    """Transpose of the recurrence as a map of b: the recurrence from the other end."""
    reverse = (*(slice(None),) * op.axis, slice(None, None, -1))
    return op(shifted(a[reverse], op.axis, 0), ct[reverse])[reverse]


def _infinite_first(a: Any) -> Any:
    a[:1] = np.inf
    return a


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
        ),
        linear=((1,),),
    )

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return recurrences along either axis of a matrix."""
        factors = Arg((3, 4), low=-1.5, high=1.5)  # larger ones make a long recurrence overflow
        return [Sample(cls(axis), (factors, Arg((3, 4)))) for axis in (0, 1)]

    @classmethod
    def edges(cls) -> Sequence[Sample]:
        """Return first factors that are not finite: what is not there, is 0, and multiplied."""
        return [Sample(cls(0), (Arg((4,), made=_infinite_first), Arg((4,))))]

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
