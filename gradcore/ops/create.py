"""Tensors made from nothing but their extents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from gradcore.derive import Disconnected
from gradcore.errors import GraphTypeError
from gradcore.graph import Apply, Op, Operand, Requirement, Shape, Variable, here
from gradcore.graph.extents import check_size, larger
from gradcore.graph.op import Arg, Sample
from gradcore.graph.requirements import possible


@final
@dataclass(frozen=True, repr=False)
class Arange(Op):
    """``Arange()(n)``: the integers 0 ... n - 1 (none for a negative n), as int64.

    Other ranges are arithmetic on this one, so they need no op and have derivatives.
    """

    cheap = True
    derivative = Disconnected()

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return samples of no integers and of some."""
        return [Sample(cls(), (Arg(value=n),)) for n in (0, 5)]

    def check(self, *inputs: Variable) -> None:
        """Take an integer scalar."""
        (n,) = inputs
        if n.ndim or not n.type.is_discrete:
            raise GraphTypeError(f"arange takes an integer scalar here, not {n} ({n.type})", here())

    def dtype(self, *dtypes: str) -> str:
        """Return int64."""
        return "int64"

    def shape(self, *operands: Operand) -> Shape:
        """Return one extent: the value of ``n``, or 0 if that is negative."""
        return (larger(operands[0].extent, 0),)

    def requires(self, node: Apply, operands: Sequence[Operand]) -> Sequence[Requirement]:
        """There can be so many."""
        return [possible((operands[0].value,))]

    def element(self, node: Apply, at: Sequence[Any], *operands: Any) -> Any:
        """Return the index."""
        return at[0]

    def reference(self, *arrays: Any) -> Any:
        """Return the integers."""
        n = int(arrays[0])
        check_size((n,))
        try:
            return np.arange(n, dtype="int64")
        except ValueError:  # NumPy rounds how many there are, and so refuses some that can be
            raise MemoryError(f"{n} integers") from None
