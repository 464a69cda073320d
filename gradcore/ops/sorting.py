"""The orders of elements: sorting, and the indices that sort.

Generated code calls a function of the runtime for the rows, and a rule moves the axis to the end
and back (`gradcore.kernel.rules.index.sort`).

The decision: neither op is an `Extern`.  That is a function of whole operands in C order, all of
one dtype with the outputs, whose last axes are its own; it needs no rule, as any op that fits may
be declared one by a plugin.  What sorts is called on any axis, and exists for all of the
dtypes of generated code, float16 where the compiler has it: it is part of the runtime, as the
products are, and no library that a backend may lack.  Rejected: an axis, and dtypes that depend on
the compiler in `Extern`, two fields for these two ops; ops of last axes only, with transpositions
around them, which array libraries need not have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from gradcore.derive import Flat, Forward
from gradcore.graph import Operand, Shape
from gradcore.graph.op import Arg, Sample
from gradcore.graph.reads import Local, Reads, along
from gradcore.language import LANGUAGE
from gradcore.ops.stacks import AlongAxis


@final
@dataclass(frozen=True, repr=False)
class Sort(AlongAxis):
    """The elements in ascending order along ``axis``; NaN comes last."""

    axis: int
    derivative = Forward(
        (lambda op, t, x, z: LANGUAGE["take_along_axis"](t, ArgSort(op.axis)(x), op.axis),)
    )

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return samples along both axes of a matrix."""
        return [Sample(cls(axis), (Arg((4, 3)),)) for axis in (0, 1)]

    def shape(self, *operands: Operand) -> Shape:
        """Return the shape of the tensor."""
        return operands[0].shape

    def reads(self, local: Local, wanted: Sequence[int]) -> Reads:
        """Any element may come to any place along the axis."""
        n = local.result[self.axis]
        return {0: along(local.result, self.axis, np.ones((n, n), bool))}

    def reference(self, *arrays: Any) -> Any:
        """Return the sorted elements."""
        return np.sort(arrays[0], axis=self.axis, kind="stable")


@final
@dataclass(frozen=True, repr=False)
class ArgSort(AlongAxis):
    """The indices that sort the elements along ``axis``, equal ones in their order."""

    axis: int
    derivative = Flat()

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return samples along both axes of a matrix."""
        return [Sample(cls(axis), (Arg((4, 3)),)) for axis in (0, 1)]

    def dtype(self, *dtypes: str) -> str:
        """Return int64."""
        return "int64"

    def shape(self, *operands: Operand) -> Shape:
        """Return the shape of the tensor."""
        return operands[0].shape

    def reference(self, *arrays: Any) -> Any:
        """Return the indices that sort, by a stable sort."""
        return np.argsort(arrays[0], axis=self.axis, kind="stable")
